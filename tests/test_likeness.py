from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect.features.of_columns import column_of, kind_of
from polar_detect.metrics import auroc
from polar_detect.signature.labelled.column_likeness import ColumnLikeness
from polar_detect.signature.labelled.likeness import (
    KeptOut,
    Likeness,
    Seen,
    SentenceLikeness,
    WordingLikeness,
    can_teach,
)
from polar_detect.tables.rows.template import RowTemplate

HIDDEN = 24


def texts_of(n, *, seed, shift=0.0, name="text"):
    """Return texts with unit embeddings, which `shift` moves along the first direction."""
    points = np.random.default_rng(seed).normal(size=(n, HIDDEN)).astype(np.float32)
    points[:, 0] += shift
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return Seen(texts=tuple(f"{name} {i}" for i in range(n)), embeddings=points)


def likeness(model, own):
    return model.features(own.embeddings).values[:, 0]


def separation(high, low):
    return auroc(np.repeat([True, False], [len(high), len(low)]), np.concatenate([high, low]))


def test_new_anomalies_of_the_labelled_kind_are_more_like_them_than_normal_texts_are():
    normal, new = texts_of(100, seed=0), texts_of(60, seed=1)
    labelled, unseen = texts_of(10, seed=2, shift=4), texts_of(60, seed=3, shift=4)
    model = SentenceLikeness.fit(normal.embeddings, labelled.embeddings)
    assert separation(likeness(model, unseen), likeness(model, new)) > 0.9
    # Control: labels on texts that are like all others teach nothing.
    model = SentenceLikeness.fit(normal.embeddings, texts_of(10, seed=2).embeddings)
    assert 0.3 < separation(likeness(model, texts_of(60, seed=3)), likeness(model, new)) < 0.7


def test_the_mean_normal_text_is_zero_and_a_text_has_the_same_bits_in_any_company():
    normal, labelled = texts_of(100, seed=0), texts_of(10, seed=2, shift=4)
    model = SentenceLikeness.fit(normal.embeddings, labelled.embeddings)
    mean = normal.embeddings.mean(0, keepdims=True)
    np.testing.assert_allclose(model.features(mean).values, 0, atol=1e-5)
    together = likeness(model, normal)
    alone = [model.features(row[None]).values[0, 0] for row in normal.embeddings]
    np.testing.assert_array_equal(together, alone)
    assert len(np.unique(together)) == 100


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_how_far_apart_an_encoder_puts_texts_makes_no_difference(scale):
    normal, labelled = texts_of(100, seed=0), texts_of(10, seed=2, shift=4)
    base = SentenceLikeness.fit(normal.embeddings, labelled.embeddings)
    scaled = SentenceLikeness.fit(normal.embeddings * scale, labelled.embeddings * scale)
    new = texts_of(20, seed=1)
    expected = likeness(base, new)
    moved = scaled.features(new.embeddings * np.float32(scale)).values[:, 0]
    np.testing.assert_allclose(moved, expected, rtol=1e-2, atol=1e-3)


PARTS = ("pump", "valve", "gearbox", "conveyor", "motor", "fan", "press", "bearing")


def orders(form, numbers):
    return [form.format(part=part, n=n) for n in numbers for part in PARTS]


@pytest.mark.parametrize(
    ("normal", "labelled"),
    [
        ("{part} leaks, line {n}", "CHANGEOUT {part}, line {n}"),
        ("{part}から油漏れ、{n}号機", "{part}を定期交換、{n}号機"),
    ],
    ids=["en", "ja"],
)
def test_words_that_labelled_anomalies_share_tell_new_ones(normal, labelled):
    model = WordingLikeness.fit(orders(normal, range(6)), orders(labelled, range(1))[:5])

    def of(form):
        return model.features(orders(form, range(7, 9))).values[:, 0]

    assert of(labelled).min() > of(normal).max()
    assert of(labelled.lower()).min() > of(normal).max()
    # Control: labels on texts that read as all others do teach nothing.
    model = WordingLikeness.fit(orders(normal, range(6)), orders(normal, range(6, 7))[:5])
    assert of(labelled).min() < of(normal).max()


def test_the_wording_of_a_text_has_the_same_bits_in_any_company():
    texts = [*orders("{part} leaks, line {n}", range(4)), "", "・"]
    model = WordingLikeness.fit(texts, orders("change out {part}", range(1)))
    together = model.features(texts).values
    alone = np.vstack([model.features([text]).values for text in texts])
    np.testing.assert_array_equal(together, alone)
    assert together.dtype == np.float32
    assert together[-2] == 0  # a text without any wording
    assert model.features([]).values.shape == (0, 1)


def test_texts_that_teach_are_judged_without_themselves_or_what_reads_the_same():
    normal = texts_of(50, seed=0)
    labelled = texts_of(8, seed=2)  # nothing tells them from the normal texts
    seen = SentenceLikeness.fit(normal.embeddings, labelled.embeddings)
    kept_out = KeptOut.fit(normal, labelled, None, seed=0)
    own = kept_out.of_labelled(labelled).values[:, 0]
    other = kept_out.of_normal(normal, np.arange(50)).values[:, 0]
    assert 0.2 < separation(own, other) < 0.8
    # Control: who sees itself seems to be told apart.
    assert separation(likeness(seen, labelled), likeness(seen, normal)) > 0.95
    twice = Seen(texts=labelled.texts * 2, embeddings=np.concatenate([labelled.embeddings] * 2))
    folds = KeptOut.fit(normal, twice, None, seed=0).labelled_folds
    np.testing.assert_array_equal(folds[:8], folds[8:])
    assert len(np.unique(folds)) == 5


def test_a_text_made_of_a_normal_one_is_judged_without_that():
    normal, labelled = texts_of(50, seed=0), texts_of(8, seed=2, shift=2)
    kept_out = KeptOut.fit(normal, labelled, None, seed=0)
    origins = np.array([7, 7, 31])
    made = texts_of(3, seed=5)
    found = kept_out.of_normal(made, origins).values[:, 0]
    models = [kept_out.models[kept_out.normal_folds[i]] for i in origins]
    rows = [made.rows(np.array([i])) for i in range(3)]
    expected = [model.features(row).values[0, 0] for model, row in zip(models, rows, strict=True)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("n_labelled", "n_normal", "can"), [(3, 50, True), (2, 50, False), (3, 1, False), (3, 2, True)]
)
def test_three_different_anomalies_and_two_normal_texts_are_the_fewest(n_labelled, n_normal, can):
    labelled = texts_of(n_labelled, seed=2, shift=2, name="anomaly")
    normal = texts_of(n_normal, seed=0)
    repeated = Seen(texts=labelled.texts * 3, embeddings=np.concatenate([labelled.embeddings] * 3))
    assert can_teach(normal, labelled) == can_teach(normal, repeated) == can
    if can:
        kept_out = KeptOut.fit(normal, labelled, None, seed=0)
        values = kept_out.of_labelled(labelled).values
        assert np.isfinite(values).all()
        assert len(kept_out.models) == min(3, n_normal)


def test_one_normal_text_many_times_over_is_no_error():
    one = texts_of(1, seed=0)
    normal = Seen(texts=one.texts * 40, embeddings=np.repeat(one.embeddings, 40, axis=0))
    labelled = texts_of(5, seed=2)
    model = SentenceLikeness.fit(normal.embeddings, labelled.embeddings)
    assert np.isfinite(likeness(model, labelled)).all()
    assert not can_teach(normal, labelled)


def process(n, *, seed, failed=False):
    """Return rows of a machine; failures have a usual torque and a usual speed, but too much power.

    A third column says nothing.
    """
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], size=n)
    torque = signs * rng.uniform(1, 2, n)
    speed = (1 if failed else -1) * signs * rng.uniform(1, 2, n)
    numbers = pd.DataFrame({"torque": torque, "speed": speed, "room": rng.normal(size=n)})
    return numbers.round(3).astype(str)


@pytest.fixture(scope="module")
def template():
    frame = process(200, seed=0)
    return RowTemplate.fit(frame, list(frame.columns))


def rows_of(template, n, *, seed, failed=False):
    texts = tuple(template.texts(process(n, seed=seed, failed=failed)))
    return Seen(texts, texts_of(n, seed=seed).embeddings)


def test_labelled_rows_teach_how_columns_go_together_and_which_of_them_do(template):
    normal, failed = rows_of(template, 200, seed=0), rows_of(template, 12, seed=1, failed=True)
    model = ColumnLikeness.fit(template, normal.texts, failed.texts, seed=0)
    new, old = (rows_of(template, 80, seed=n, failed=n == 3) for n in (3, 4))
    tables = [model.features(own.texts) for own in (new, old)]
    sums = [table.values.sum(1) for table in tables]
    assert separation(*sums) > 0.95
    # No single column tells them.
    numbers = [template.read(own.texts).numbers.values.T for own in (new, old)]
    for pair in zip(*numbers, strict=True):
        assert 0.35 < separation(*pair) < 0.65
    assert {kind_of(feature) for feature in tables[0].features} == {"likeness"}
    assert [column_of(feature) for feature in tables[0].features] == ["torque", "speed", "room"]
    torque, speed, room = np.abs(tables[0].values).mean(0)
    assert min(torque, speed) > 2 * room
    # The parts add up to the log-odds, beyond those of all texts.
    log_odds = model.trees.log_odds(template.read(new.texts).numbers.values)
    assert np.ptp(log_odds - sums[0]) < 1e-4
    np.testing.assert_array_equal(model.features(new.texts[:1]).values, tables[0].values[:1])
    assert model.features([]).values.shape == (0, 3)


def of_columns(table):
    """Return how like labelled rows the numbers are, all columns together."""
    return table.where(lambda feature: column_of(feature) is not None).values.sum(1)


def test_rows_that_teach_are_judged_without_themselves(template):
    normal, labelled = rows_of(template, 100, seed=0), rows_of(template, 8, seed=5)
    seen = Likeness.fit(normal, labelled, template, seed=0)
    kept_out = KeptOut.fit(normal, labelled, template, seed=0)
    own, other = (
        of_columns(table)
        for table in (kept_out.of_labelled(labelled), kept_out.of_normal(normal, np.arange(100)))
    )
    assert separation(own, other) < 0.8  # as usual as all others
    own, other = (of_columns(seen.features(part)) for part in (labelled, normal))
    assert separation(own, other) > 0.95  # control


def cold(template, n, *, seed, is_cold=False, share_missing=0.0):
    """Return rows of which the labelled ones are cold."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"temp": rng.normal(290 if is_cold else 300, 1, n).round(2)})
    frame["room"] = rng.normal(size=n).round(2)
    frame = frame.astype(str)
    frame.loc[frame.index[: round(share_missing * n)], "temp"] = "-"
    template = template or RowTemplate.fit(frame, ["temp", "room"])
    return template, template.texts(frame)


def test_a_cell_without_a_number_that_no_row_had_is_as_a_usual_one():
    template, normal = cold(None, 100, seed=0)
    _, labelled = cold(template, 10, seed=1, is_cold=True)
    model = ColumnLikeness.fit(template, normal, labelled, seed=0)
    texts = [f"temp: {temp}; room: 0.1" for temp in ("missing", "300.0", "290.0", "0")]
    missing, usual, strange, zero = model.features(texts).values
    np.testing.assert_array_equal(missing, usual)
    np.testing.assert_array_equal(strange, zero)  # what the trees would take it for
    assert strange[0] > usual[0] + 3


def test_a_cell_without_a_number_speaks_where_labelled_rows_had_it():
    template, normal = cold(None, 100, seed=0)
    _, labelled = cold(template, 10, seed=1, share_missing=0.8)
    model = ColumnLikeness.fit(template, normal, labelled, seed=0)
    missing, usual = model.features([f"temp: {v}; room: 0.1" for v in ("missing", "300.0")]).values
    assert missing[0] > usual[0] + 3


def shifts(n, *, seed, is_bad=False):
    """Return rows of which the labelled ones are of one machine and heavy, as others may be."""
    rng = np.random.default_rng(seed)
    loads = rng.normal(60, 5, (n, 20))
    machines = rng.choice(["M1", "M2", "M3"], (n, 20), p=[0.5, 0.3, 0.2])
    fits = ((machines == "M2") & (loads > 58)) == is_bad
    first = fits.argmax(1), np.arange(n)
    own = {"machine": machines[first[1], first[0]], "load": loads[first[1], first[0]].round(1)}
    shift = rng.choice(["day", "night"], n)
    return pd.DataFrame(own | {"shift": shift}).astype(str)


@pytest.fixture(scope="module")
def of_shifts():
    normal = shifts(200, seed=0)
    template = RowTemplate.fit(normal, [*normal])
    assert {*template.categories} == {"machine", "shift"}
    return template, template.texts(normal), template.texts(shifts(20, seed=1, is_bad=True))


def test_labelled_rows_teach_how_numbers_and_words_go_together(of_shifts):
    template, normal, labelled = of_shifts
    model = ColumnLikeness.fit(template, normal, labelled, seed=0)
    new = [template.texts(shifts(80, seed=2, is_bad=is_bad)) for is_bad in (True, False)]
    tables = [model.features(texts) for texts in new]
    assert separation(*(table.values.sum(1) for table in tables)) > 0.85
    assert [column_of(feature) for feature in tables[0].features] == ["load", "machine", "shift"]
    load, machine, shift = np.abs(tables[0].values).mean(0)
    assert min(load, machine) > 4 * shift
    numbers_alone = ColumnLikeness.fit(replace(template, notation=2), normal, labelled, seed=0)
    tables = [numbers_alone.features(texts) for texts in new]  # as earlier versions did
    assert separation(*(table.values.sum(1) for table in tables)) < 0.8
    assert [column_of(feature) for feature in tables[0].features] == ["load"]


def test_a_word_that_no_normal_row_says_is_none_of_theirs_and_no_row_is_as_usual(of_shifts):
    template, normal, _ = of_shifts
    rows = shifts(12, seed=1).assign(machine="M9")
    model = ColumnLikeness.fit(template, normal, template.texts(rows), seed=0)
    own = {
        name: model.features([f"machine: {name}; load: 60.0; shift: day"]).values[0]
        for name in ("M9", "M7", "m1", "M1")
    }
    np.testing.assert_array_equal(own["M9"], own["M7"])
    np.testing.assert_array_equal(own["m1"], own["M1"])
    assert own["M9"][1] > own["M1"][1] + 3
    assert model.ranks[0]["m1"] == 0  # the most frequent
    np.testing.assert_array_equal(model.features(["pump leaks"]).values[0][1], own["M1"][1])


def test_only_rows_with_numbers_or_categories_have_a_likeness_of_columns(template):
    normal, labelled = rows_of(template, 100, seed=0), rows_of(template, 8, seed=5)
    assert Likeness.fit(normal, labelled, None, seed=0).columns is None
    notes = pd.DataFrame({"note": [f"part {i} leaks" for i in range(30)]})
    without = RowTemplate.fit(notes, ["note"])
    assert Likeness.fit(normal, labelled, without, seed=0).columns is None
    assert Likeness.fit(normal, labelled, template, seed=0).columns is not None
    words = pd.DataFrame({"kind": ["a", "b", "c"] * 10})
    of_words = RowTemplate.fit(words, ["kind"])
    assert Likeness.fit(normal, labelled, of_words, seed=0).columns is not None
