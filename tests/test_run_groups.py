"""Words that explain why a number stays the same: those of products, orders, lots."""

import numpy as np
import pandas as pd
import pytest

from polar_detect.signature import run_groups
from polar_detect.signature.flat_runs import FlatRuns, UsualRuns, by_row
from polar_detect.signature.run_groups import RunGroups, are_explained, keys_of
from polar_detect.statistics.runs import Runs
from polar_detect.tables import RowTemplate
from polar_detect.tables.rows.template_column import Category, TemplateColumn

WORDS = TemplateColumn("word", None, category=Category("words"))
TEMPLATE = RowTemplate((WORDS, TemplateColumn("number", 3)))


def of_lots(n, *, seed=0, rows=4, varies=0.0, long=0, first=0):
    """Return rows of lots with a number each, one of which may be long."""
    rng = np.random.default_rng(seed)
    lengths = np.maximum(rng.poisson(rows, n), 2)
    if long:
        lengths[20] = long
    lot = np.repeat(np.arange(n), lengths)
    carbon = rng.normal(0.18, 0.01, n)[lot] + rng.normal(0, varies, len(lot))
    if long:
        carbon[lot == 20] = carbon[lot == 20][0]
    said = [f"L{first + own:05d}" for own in lot]
    size = rng.normal(200, 5, len(lot)).round(2)
    return pd.DataFrame({"lot": said, "carbon": carbon.round(4), "size": size})


def of_recipes(n, *, seed=0):
    """Return rows whose set point tell recipe and machine together, none of them alone."""
    rng = np.random.default_rng(seed)
    recipe, machine = rng.choice([*"abcd"], n), rng.choice(["m1", "m2", "m3"], n)
    return pd.DataFrame(
        {"recipe": recipe, "machine": machine, "size": rng.normal(0, 5, n).round(2)}
    )


def told(normal, new, *, pieces=1_000):
    """Return columns and rows of the runs told of new rows; of None held against themselves."""
    template = RowTemplate.fit(new if normal is None else normal, [*new.columns])
    usual = UsualRuns.unknown(template)
    if normal is not None:
        usual = UsualRuns.of(template, template.texts(normal))
    runs, texts = FlatRuns(usual), template.texts(new)
    for start in range(0, len(texts), pieces):
        runs.add(texts[start : start + pieces])
    return [(*run.columns, run.n_rows) for run in runs.told]


def groups_of(rows, template=TEMPLATE, pieces=1_000):
    """Return those of (word, number) rows, and the longest run."""
    frame = pd.DataFrame(rows, columns=["word", "number"])
    groups, texts = RunGroups(template, keys_of(template)), template.texts(frame)
    numbers = frame[["number"]].astype(float).to_numpy()
    for start in range(0, len(rows), pieces):
        part = slice(start, start + pieces)
        groups.add(texts[part], numbers[part])
    runs = Runs.of(numbers[:, 0])
    return groups, runs.chosen(np.arange(len(runs)) == runs.lengths.argmax())


def explained(rows, normal=None, pieces=1_000):
    """Return whether the longest run of (word, number) rows is."""
    groups, run = groups_of(rows, pieces=pieces)
    return are_explained(groups, None if normal is None else groups_of(normal)[0], 0, run)


def words(n, rows=6, number=float):
    """Return rows of words with a number each."""
    return [(f"w{i}", number(i)) for i in range(n) for _ in range(rows)]


RUN = [("a", 1.5)] + [("w3", 3.0)] * 40


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_a_long_lot_of_one_number_is_no_flat_run_where_each_lot_has_one(is_shuffled):
    normal, new = of_lots(150), of_lots(60, seed=1, long=200, first=500)
    if is_shuffled:
        normal = normal.sample(frac=1, random_state=0).reset_index(drop=True)
    assert told(normal, new) == []
    assert told(None, new) == []
    unnamed = (own.assign(lot="L1") for own in (normal, new))
    assert told(*unnamed) == [("carbon", 200)]


@pytest.mark.parametrize("pieces", [1, 7, 1_000])
def test_a_sensor_that_is_stuck_throughout_a_new_lot_is_told(pieces):
    normal = of_lots(150, varies=0.003)
    new = of_lots(60, seed=1, long=80, varies=0.003, first=500)
    assert told(normal, new, pieces=pieces) == [("carbon", 80)]
    assert told(None, new, pieces=pieces) == [("carbon", 80)]


def test_a_recipe_and_a_machine_together_explain_a_number():
    points = np.random.default_rng(5).normal(200, 5, (4, 3)).round(2)

    def with_points(rows, varies=0.0):
        places = rows["recipe"].map("abcd".index), rows["machine"].str[1].astype(int) - 1
        noise = np.random.default_rng(1).normal(0, varies, len(rows)).round(2)
        return rows.assign(point=points[places] + noise)

    normal, new = of_recipes(600), of_recipes(300, seed=1)
    new.loc[100:260, ["recipe", "machine"]] = ["b", "m3"]
    few = {f"n{i}": np.random.default_rng(i).integers(0, 9, 600) for i in range(21)}
    beside = pd.DataFrame(few)  # so that set points are no names
    normal, new = with_points(normal).join(beside), with_points(new).join(beside)
    assert told(normal, new) == []
    assert told(None, new) == []
    unnamed = (own.assign(machine="m1") for own in (normal, new))
    assert told(*unnamed) == [("point", 161)]


def test_known_words_explain_the_number_that_they_had():
    assert explained(RUN, words(9))
    assert not explained([(word, number + 0.5) for word, number in RUN], words(9))
    same = words(9) + [("b", 3.0)] * 6
    assert explained([*RUN, *[("b", 3.0)] * 20], same)
    assert explained([("w3", None), *RUN, ("w3", 3.5)], same)
    assert not explained([*RUN, *[("w4", 3.0)] * 20], same)
    assert not explained(RUN, [*words(9), ("w3", 3.5)])


def test_a_new_word_explains_one_number_where_nearly_all_words_do():
    new = [("a", 1.5)] + [("new", 3.3)] * 40
    assert explained(new, words(9))
    assert explained(new, [*words(12), ("w3", 3.5)])
    assert not explained(new, [*words(9), ("w3", 3.5)])
    assert not explained([*new, ("a", 1.5), ("new", 3.4)], words(9))
    assert not explained([*new, *[("newer", 3.3)] * 20], words(9))
    assert explained(new, [*words(9), *[("new", None)] * 3])  # no number is known of it
    assert not explained(new, [*words(9), ("new", 3.1)])


@pytest.mark.parametrize("empty", ["", "n/a"])
def test_rows_that_say_no_word_explain_nothing(empty):
    rows = [("a", 1.5)] + [(empty, 3.3)] * 40
    assert not explained(rows, words(9))
    assert not explained(rows, [*words(9), *[(empty, 3.3)] * 40])
    rows[20:21] = [("w3", 3.3)]
    assert not explained(rows, words(9))


def test_a_word_of_many_rows_of_one_number_tells_of_itself_alone():
    rng = np.random.default_rng(0)
    runs = [("run", own) for own in rng.normal(20, 2, 300).round(1)]
    off = [("a", 1.5)] + [("off", 3.0)] * 40
    assert explained(off, runs + [("off", 3.0)] * 30)
    assert not explained(off, runs + [("off", 3.0)] * 29)
    assert not explained(off, [*runs, *[("off", 3.0)] * 30, ("off", 3.1)])
    assert not explained([("a", 1.5)] + [("new", 3.0)] * 40, runs + [("off", 3.0)] * 30)


def test_of_a_batch_that_is_held_against_itself_all_other_words_tell():
    run = [("long", 3.3)] * 40
    assert explained(words(9) + run)
    assert not explained([("a", 1.5), *run])
    rng = np.random.default_rng(0)
    varied = words(9, number=lambda _: round(rng.normal(), 3))
    assert not explained(varied + run)
    assert not explained([*words(9), *run, ("a", 1.5), ("long", 3.4)])
    pairs = words(20, rows=2) + [(f"v{i}", i / 7) for i in range(50)]
    assert not explained(pairs + run)  # whose own rows do not count


def test_words_of_hardly_any_row_or_number_explain_nothing():
    new = [("a", 1.5)] + [("new", 3.3)] * 40
    once = [(f"o{i}", i / 7) for i in range(100)]
    assert not explained(new, [*once, *words(8, rows=3)])
    assert explained(new, [*once[:20], *words(8, rows=3)])
    assert explained(new, words(6, rows=3))  # ten numbers that are the same again
    assert not explained(new, words(5, rows=3))


def test_a_number_that_nearly_all_words_say_is_no_evidence():
    new = [("a", 1.5)] + [("new", 3.3)] * 40
    zeros = [(f"z{i}", 0.0) for i in range(200) for _ in range(2)]
    varied = [(f"v{i}", i / 7 + j) for i in range(10) for j in range(2)]
    again = words(12, rows=2)
    assert not explained(new, zeros + varied + again)
    assert explained(new, zeros + again)


def test_a_number_that_changes_within_words_is_a_slow_sensor():
    new = [("a", 1.5)] + [("new", 3.3)] * 40
    slow = [(f"s{i}", float(i // 15)) for i in range(50) for _ in range(6)]
    slow = [(word, number + (i >= 151) + (i >= 201)) for i, (word, number) in enumerate(slow)]
    assert not explained(new, slow)
    assert explained(new, words(50))
    for pieces in (1, 7, 1_000):
        assert not explained(slow + [("long", 99.9)] * 200, pieces=pieces)
    gaps = [own for word in words(9, rows=3) for own in (word, (word[0], None))]
    assert explained(new, gaps)


@pytest.mark.parametrize("pieces", [1, 9])
def test_words_are_followed_across_pieces(pieces):
    run = [("long", 99.9)] * 40
    assert explained(words(9) + run, pieces=pieces)
    low = words(20, rows=1)
    high = [(word, number + 0.5) for word, number in low]
    assert not explained(low + high + run, pieces=pieces)
    assert not explained(high + low + run, pieces=pieces)


def test_a_piece_may_be_empty():
    normal = of_lots(150)
    template = RowTemplate.fit(normal, [*normal.columns])
    texts = template.texts(normal)
    runs = FlatRuns(UsualRuns.of(template, texts))
    for piece in (texts[:300], [], texts[300:]):
        runs.add(piece)
    assert runs.told == ()


def test_many_words_are_not_kept(monkeypatch):
    new = [("a", 1.5)] + [("new", 3.3)] * 40
    assert explained(new, words(90))
    monkeypatch.setattr(run_groups, "_MOST", 60)
    assert not explained(new + words(90, rows=2), words(9))
    groups, _ = groups_of(words(90))
    assert groups.telling == []
    assert groups.of_words == {}
    assert groups_of(words(9))[0].telling == [("word",)]


def test_a_run_of_which_not_all_words_are_kept_is_not_explained():
    flips = [(f"w{i % 2}", float(i % 2)) for i in range(25_000)]
    same = [(f"w{i % 2}", 5.0) for i in range(2_000)]
    known = [("w0", 5.0), ("w1", 5.0), *[("b", 1.0), ("c", 2.0)] * 20] * 6
    assert explained([("a", 1.5), *same], known)
    assert not explained([*flips[:8_000], *same, *flips], known, pieces=2_000)
    assert explained([*flips, *[("w0", 5.0)] * 400], known, pieces=2_000)


def test_words_names_lots_and_dates_stand_beside_what_is_followed():
    columns = [
        WORDS,
        TemplateColumn("lot", None, is_ever_new=True),
        TemplateColumn("program", 0, category=Category("words")),
        TemplateColumn("note", None),
        TemplateColumn("rework", None, category=Category("gaps")),
        TemplateColumn("number", 3),
    ]
    template = RowTemplate(tuple(columns))
    assert [own.name for own in template.beside_followed] == ["word", "lot", "program"]
    assert keys_of(template) == [("word",), ("lot",), ("program",), ("word", "program")]
    many = [TemplateColumn(f"w{i}", None, category=Category("words")) for i in range(10)]
    assert len(keys_of(RowTemplate(tuple(many)))) == 10 + 15


def test_only_words_that_tell_are_followed_in_a_batch():
    normal = of_lots(150).assign(line=lambda own: np.where(own.index % 2, "a", "b"))
    template = RowTemplate.fit(normal, [*normal.columns])
    usual = UsualRuns.of(template, template.texts(normal))
    assert [*usual.of_batch.of_words] == [("lot",)]
    assert [*UsualRuns.unknown(template).of_batch.of_words] == keys_of(template)


def test_texts_that_are_no_rows_are_passed_over():
    normal, new = of_lots(150), of_lots(60, seed=1, long=200, first=500)
    template = RowTemplate.fit(normal, [*normal.columns])
    usual = UsualRuns.of(template, template.texts(normal))
    texts = template.texts(new)
    assert not any(by_row(["no row", *texts, ""], usual))


def test_columns_whose_numbers_words_do_not_tell_are_told_beside_others():
    normal, new = of_lots(150), of_lots(60, seed=1, long=200, first=500)
    new.loc[new["lot"] == "L00520", "size"] = 201.55
    assert told(normal, new) == [("size", 200)]
