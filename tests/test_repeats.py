"""Rows and texts that say what another one says: copied values, reports taken over."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report, screen
from polar_detect.errors import TrainingWarning
from polar_detect.frames import row_template
from polar_detect.messages.language import Language
from polar_detect.report.content.row_phrases import repeat_of
from polar_detect.signature.repeats import Repeat, Repeats
from polar_detect.statistics import coincidences
from polar_detect.statistics.coincidences import Coincidences
from polar_detect.tables import result_columns

MEASURED = ["thick [mm]", "hard [HV]", "strong [MPa]", "rough [um]"]
PARTS = ["seal", "pump", "valve", "motor", "hose", "filter", "bearing", "sensor", "belt", "fan"]
DONE = ["worn out", "replaced with a new one", "cleaned and put back", "leaks at the flange"]
DONE += ["makes a noise under load", "tightened by hand", "found dry", "checked without findings"]


def inspected(n=300, *, seed=0, begin="2026-01-05"):
    """Return inspections of parts: no two have the same numbers but by chance."""
    rng = np.random.default_rng(seed)
    product = rng.choice(["A12", "B20"], n)
    thick = np.where(product == "A12", 2.0, 3.5)
    return pd.DataFrame(
        {
            "date": pd.date_range(begin, periods=n, freq="5h").astype(str),
            "product": product,
            "thick [mm]": (thick + rng.normal(0, 0.05, n)).round(3),
            "hard [HV]": rng.normal(220, 8, n).round(1),
            "strong [MPa]": rng.normal(600, 20, n).round(1),
            "rough [um]": rng.normal(0.8, 0.08, n).round(3),
            "by": rng.choice(["Sato", "Suzuki", "Tanaka"], n),
        }
    )


def copied(rows, pairs):
    """Return rows of which some have the numbers of others: pairs of copy and original."""
    rows = rows.copy()
    for copy, original in pairs:
        rows.loc[copy, ["product", *MEASURED]] = rows.loc[original, ["product", *MEASURED]]
    return rows


def reports(n=120, *, seed=0):
    """Return reports of six jobs each."""
    rng = np.random.default_rng(seed)
    return [
        "; ".join(f"{rng.choice(PARTS)} {rng.integers(90)} {rng.choice(DONE)}" for _ in range(6))
        for _ in range(n)
    ]


def told_of_known(command, run, detector, folder, out):
    """Return what a command says to rows that a detector was fitted on."""
    detector.save(folder / "d")
    inspected().to_csv(folder / "old.csv", index=False)
    return run(command, folder / "old.csv", "--detector", folder / "d", "--out", out)[2]


def places(found):
    return {i: own.place for i, own in enumerate(found) if own is not None}


def test_most_of_what_a_row_has_is_weighed_by_how_rare_it_is():
    rows = [{"a": 1.0, "b": 1.0, "x": 1.0}, {"a": 1.0, "c": 1.0, "y": 1.0}, {"a": 1.0, "b": 1.0}]
    found = Coincidences.of(rows).nearest([{"a": 1.0, "c": 1.0, "new": 1.0}, {"new": 1.0}, {}])
    assert found.places.tolist() == [1, 0, 0]
    assert found.shared == pytest.approx([np.log(3), 0, 0])  # all have a, which says nothing
    assert found.own == pytest.approx([2 * np.log(3), np.log(3), 0])
    assert found.shares == pytest.approx([0.5, 0, 0])


def test_a_part_of_the_surprise_of_an_item_may_count():
    rows = [{"a": 1 / 3, "b": 1.0}, {"c": 1.0}]
    found = Coincidences.of(rows).nearest([{"a": 1 / 3, "c": 1.0}])
    assert found.places.tolist() == [1]
    assert found.shares == pytest.approx([0.75])


def test_rows_are_held_against_the_others_and_the_first_of_equal_ones_is_told():
    rows = [{i: 1.0, "k": 1.0} for i in range(5)] + [{"p": 1.0, "q": 1.0}] * 3
    found = Coincidences.of(rows).nearest_within(np.asarray([0, 5, 6, 7]))
    assert found.places[1:].tolist() == [6, 5, 5]
    assert found.shares[1:] == pytest.approx(1)
    assert found.shares[0] < 0.3


def test_what_too_many_rows_have_counts_nothing(monkeypatch):
    rows = [{"often": 1.0, i // 2: 1.0} for i in range(40)]
    usual = Coincidences.of(rows[:20] + [{}] * 20)
    assert usual.nearest([{"often": 1.0}]).own == pytest.approx([np.log(2)])
    monkeypatch.setattr(coincidences, "_PAIRS_OF_A_ROW", 5)
    scarce = Coincidences.of(rows[:20] + [{}] * 20)
    assert scarce.nearest([{"often": 1.0}]).own == pytest.approx([0])
    assert scarce.nearest([rows[2]]).shares == pytest.approx([1])


def test_what_is_had_by_as_many_as_may_be_counts(monkeypatch):
    monkeypatch.setattr(coincidences, "_PAIRS_OF_A_ROW", 10)
    rows = [{"often": 1.0}] * 20 + [{"nearly": 1.0}] * 19 + [{}]  # 361 of 400 pairs, then 761
    own = Coincidences.of(rows)
    found = own.nearest([{"often": 1.0}, {"nearly": 1.0}])
    assert found.own == pytest.approx([0, np.log(40 / 19)])


def test_copied_numbers_are_found_whatever_stands_in_the_dates():
    rows = copied(inspected(), [(250, 3), (251, 40), (280, 279)])
    own = Repeats.of(row_template(rows).texts(rows), row_template(rows))
    found = own.within()
    assert places(found) == {250: 3, 3: 250, 251: 40, 40: 251, 280: 279, 279: 280}
    n_same = 5 + (rows.loc[250, "by"] == rows.loc[3, "by"])
    assert (found[250].n_same, found[250].n_filled) == (n_same, 6)  # not the date
    assert found[250].says == own.texts[3]


def test_rows_with_one_cell_changed_are_copies_and_usual_ones_are_none():
    normal, new = inspected(), inspected(100, seed=1, begin="2026-05-01")
    template = row_template(normal)
    own = Repeats.of(template.texts(normal), template)
    assert places(own.new(template.texts(new))) == {}
    for i in range(20):
        new.loc[i, ["product", *MEASURED[:3]]] = normal.loc[7 * i, ["product", *MEASURED[:3]]]
    found = places(own.new(template.texts(new)))
    assert found == {i: 7 * i for i in found}
    assert len(found) > 16  # the others have common numbers


def test_two_fifths_of_the_way_from_what_is_usual_to_a_copy_are_far():
    rows = inspected()
    own = Repeats.of(row_template(rows).texts(rows), row_template(rows))
    usual = np.quantile(own.among.nearest_within(np.arange(300)).shares_next, 0.9)
    assert own.limit == pytest.approx(usual + (1 - usual) * 0.4)


def test_what_is_shared_with_the_second_most_alike_is_told():
    rows = [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, {"a": 1.0, "c": 1.0}, {"d": 1.0}]
    found = Coincidences.of(rows).nearest_within(np.arange(4))
    assert found.shares.tolist() == pytest.approx([1, 1, np.log(4 / 3) / np.log(16 / 3), 0])
    alike = np.log(4 / 3) / np.log(8 / 3)
    assert found.shares_next.tolist() == pytest.approx([alike, alike, found.shares[2], 0])


@pytest.mark.parametrize("n_copies", [20, 120])
def test_many_copies_do_not_hide_each_other(n_copies):
    pairs = [(150 + i, i) for i in range(n_copies)]
    rows = copied(inspected(), pairs)
    template = row_template(rows)
    found = places(Repeats.of(template.texts(rows), template).within())
    assert {i: found.get(i) for i, _ in pairs} == dict(pairs)
    assert len(found) <= 2 * n_copies + 3


def test_rows_that_are_copied_again_and_again_are_not_told():
    rows = copied(inspected(), [(i, i % 10) for i in range(10, 60)])
    template = row_template(rows)
    assert Repeats.of(template.texts(rows), template) is None


def test_what_a_row_repeats_does_not_depend_on_its_company():
    normal = inspected()
    template = row_template(normal)
    own = Repeats.of(template.texts(normal), template)
    texts = template.texts(pd.concat([normal[:30], inspected(30, seed=2)]))
    assert [own.new([text])[0] for text in texts] == own.new(texts)
    assert own.new(texts[::-1])[::-1] == own.new(texts)


def test_nothing_is_told_where_rows_repeat_each_other_anyway():
    rng = np.random.default_rng(0)
    coded = pd.DataFrame({name: rng.integers(3, size=200) for name in "abcd"})
    template = row_template(coded)
    assert Repeats.of(template.texts(coded), template) is None
    assert Repeats.of(["pump checked", "valve checked"] * 40) is None


def test_empty_cells_are_no_coincidence():
    rows = inspected(200).astype(object)
    rows.loc[:8, ["strong [MPa]", "rough [um]", "hard [HV]", "thick [mm]"]] = None
    template = row_template(rows)
    assert places(Repeats.of(template.texts(rows), template).within()) == {}


def test_reports_that_were_taken_over_are_found_and_how_much_of_them():
    texts = reports()
    texts[100] = texts[4].replace("; ", ".\n").upper()
    words = texts[5].split()
    words[3] = "42"
    texts[101] = " ".join(words)
    own = Repeats.of(texts)
    found = own.within()
    assert places(found) == {4: 100, 5: 101, 100: 4, 101: 5}
    assert found[100].share == 1
    assert 0.8 < found[101].share < 1
    assert found[101].n_filled == 0
    assert own.new([texts[7] + " and more", "pump worn out", ""]) == [
        Repeats.of(texts).new([texts[7] + " and more"])[0],
        None,
        None,
    ]


def test_a_part_that_is_taken_over_makes_no_copy():
    texts = reports()
    texts[100] = "; ".join([*texts[4].split("; ")[:2], *texts[100].split("; ")[2:]])
    own = Repeats.of(texts)
    nearest = own.among.nearest_within(np.asarray([100]))
    assert nearest.places == 4
    assert nearest.shared > np.log(1000 * 120)  # no chance
    assert places(own.within()) == {}


def test_japanese_reports_are_found_too():
    rng = np.random.default_rng(0)
    parts, done = ["ポンプ", "軸受", "弁", "配管"], ["を交換した", "に漏れあり", "を清掃した"]
    texts = [
        "。".join(f"{rng.integers(90)}号{rng.choice(parts)}{rng.choice(done)}" for _ in range(8))
        for _ in range(80)
    ]
    texts[60] = texts[3].replace("した", "しました", 1)
    assert places(Repeats.of(texts).within()) == {3: 60, 60: 3}


def test_free_text_of_rows_counts_beside_their_numbers():
    rows = inspected(150)
    rows["remark"] = [*reports(150)]
    template = row_template(rows)
    assert [own.name for own in template.columns if own.category is None and not own.is_numeric]
    rows.loc[120, "remark"] = rows.loc[9, "remark"] + " again"
    found = Repeats.of(template.texts(rows), template).within()
    assert places(found) == {9: 120, 120: 9}
    assert (
        found[120].n_same
        == 1 + (rows.loc[9, ["product", "by"]] == rows.loc[120, ["product", "by"]]).sum()
    )


def test_of_long_texts_a_sample_of_the_stretches_counts(monkeypatch):
    monkeypatch.setattr("polar_detect.signature.repeats._MOST_STRETCHES", 60)
    texts = [" ".join(reports(5, seed=seed)) for seed in range(60)]
    texts[50] = texts[2] + " and so on"
    own = Repeats.of(texts)
    assert own.items.step == 4
    assert {*own.items.of_texts(texts)[0].values()} == {2 / 3}
    counted = [len(items) for items in own.items.of_texts(texts)]
    assert np.mean(counted) < 40  # of some 120
    assert places(own.within()) == {2: 50, 50: 2}


@pytest.fixture(scope="module")
def detector():
    with pytest.warns(TrainingWarning, match="'date'"):
        return PolarDetector().fit(inspected())


def arrived():
    """Return new rows, of which two have the numbers of normal ones."""
    new = inspected(60, seed=5, begin="2026-06-01")
    normal = inspected()
    for i, original in ((10, 33), (20, 34)):
        new.loc[i, ["product", *MEASURED]] = normal.loc[original, ["product", *MEASURED]]
    return new


def test_an_assessment_says_which_normal_row_is_repeated_and_scores_stay(detector):
    found = detector.assess(arrived())
    assert places(found.repeats) == {10: 33, 20: 34}
    assert found.is_copy.nonzero()[0].tolist() == [10, 20]
    said = found.to_frame()["repeat_of"]
    assert said[10].startswith(f"{found.repeats[10].n_same} of 6 columns as in the normal row “")
    assert said[9] == ""
    assert not found.is_anomaly[[10, 20]].any()  # nothing else sees them
    assert "正常な行" in found.to_frame("ja")["repeat_of"][20]
    assert places(found.rows(np.asarray([20, 3])).repeats) == {0: 34}


def test_a_saved_detector_says_the_same(detector, tmp_path):
    detector.save(tmp_path / "d")
    manifest = json.loads((tmp_path / "d/manifest.json").read_bytes())
    assert manifest["repeats_from"] == detector.fitted_.repeats_from
    own = Repeats.of(
        detector.fitted_.normal_texts, detector.rows_ or detector.fitted_.settings.rows
    )
    assert manifest["repeats_from"] == own.limit
    again = PolarDetector.load(tmp_path / "d").assess(arrived())
    assert again.repeats == detector.assess(arrived()).repeats


def test_where_nothing_can_be_told_no_column_is_added():
    rng = np.random.default_rng(0)
    coded = pd.DataFrame({name: rng.integers(3, size=200) for name in "abcd"})
    fitted = PolarDetector("columns").fit(coded)
    assert fitted.fitted_.repeats_from is None
    found = fitted.assess(coded)
    assert found.repeats == ()
    assert "repeat_of" not in found.to_frame()


def test_texts_that_are_not_kept_are_not_compared(tiny_pair):
    own = PolarDetector(**tiny_pair, store_texts=False).fit(reports(60))
    assert own.fitted_.repeats is None
    assert own.assess(reports(3), programs_of="none").repeats == ()


def test_texts_that_models_read_are_compared_too(tiny_pair):
    own = PolarDetector(**tiny_pair).fit(reports(60))
    found = own.assess([reports(60)[7] + " again", *reports(3, seed=1)], programs_of="none")
    assert found.repeats[0].says == reports(60)[7]
    assert found.repeats[1:] == (None, None, None)
    assert "of its words as in the normal text “" in found.to_frame()["repeat_of"][0]


def test_a_screening_names_the_other_row_by_its_index():
    rows = copied(inspected(), [(250, 3), (251, 40)]).set_axis([f"r{i}" for i in range(300)])
    found = screen(rows.drop(columns="date"))
    assert places(found.repeats) == {250: 3, 3: 250, 251: 40, 40: 251}
    assert found.is_copy.nonzero()[0].tolist() == [250, 251]  # what stands above was first
    said = found.to_frame()["repeat_of"]
    assert said["r250"].endswith("columns as in index r3")
    assert found.to_frame("ja")["repeat_of"]["r3"].endswith("インデックスr250と同じ")
    some = found.rows(np.asarray([3, 250]))
    assert some.to_frame()["repeat_of"].tolist() == said[["r3", "r250"]].tolist()
    assert some.is_copy.tolist() == [False, True]


def test_rows_that_are_equal_altogether_name_each_other(run, tmp_path):
    rows = inspected(120)
    rows.loc[100] = rows.loc[5]
    rows.to_csv(tmp_path / "in.csv", index=False)
    code, *_ = run("screen", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "out.csv")
    assert code == 0
    said = pd.read_csv(tmp_path / "out.csv")["repeat_of"]
    assert said[100] == "6 of 6 columns as in line 7"
    assert said[5] == "6 of 6 columns as in line 102"
    assert said.count() == 2


def test_screen_says_how_many_and_where_they_are(run, tmp_path):
    rows = copied(inspected(), [(200 + 8 * i, 3 + i) for i in range(12)])
    rows.loc[200::8, "by"] = "Tanaka"
    rows.to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("screen", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "out.csv",
                 "--report", tmp_path / "out.md")  # fmt: skip
    said = "24 of 300 rows say what another one says, as usual rows do not: line 202 ("
    assert said in err
    assert "columns as in line 5)" in err
    assert "Repeats concentrate where “by” is “Tanaka”: 12 of" in err
    page = (tmp_path / "out.md").read_text()
    assert said in page
    assert "concentrate where “by” is “Tanaka”: 12 of" in page
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame["repeat_of"].count() == 24
    assert "repeat_of" in result_columns(frame.columns)


def test_score_and_report_say_so(run, detector, tmp_path):
    detector.save(tmp_path / "d")
    arrived().to_csv(tmp_path / "new.csv", index=False)
    where = ("--detector", tmp_path / "d")
    *_, err = run("score", tmp_path / "new.csv", *where, "--out", tmp_path / "out.csv")
    assert "2 of 60 rows repeat what a normal row says" in err
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame.index[frame["repeat_of"].notna()].tolist() == [10, 20]
    assert frame["repeat_of"][10] == detector.assess(arrived()).to_frame()["repeat_of"][10]
    *_, err = run("report", tmp_path / "new.csv", *where, "--out", tmp_path / "out.json",
                 "--lang", "ja")  # fmt: skip
    findings = json.loads((tmp_path / "out.json").read_text())["findings"]
    assert any("60行中2行あります：12行目（6列中" in own for own in findings)
    assert any("60行中2行あります：12行目（6列中" in line for line in err.splitlines())


def test_rows_that_a_detector_was_fitted_on_are_said_to_be_these(run, detector, tmp_path):
    err = told_of_known("score", run, detector, tmp_path, tmp_path / "out.csv")
    assert "300 of 300 rows are among those that the detector was fitted on" in err
    assert "repeat what" not in err


def test_fit_says_that_normal_rows_repeat_each_other(run, tmp_path):
    copied(inspected(), [(200, 3)]).to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    assert "2 of 300 rows say what another one says" in err
    inspected().to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    assert "what another one says" not in err


def test_cards_and_reports_by_index_name_the_other_row(tmp_path):
    rows = copied(inspected(), [(250, 3)])
    rows.loc[[3, 250], "hard [HV]"] = 400.0  # so that they are explained
    rows = rows.set_axis([f"r{i}" for i in range(300)])
    report = Report.of_screening(rows.drop(columns="date"), share=0.01, top=3)
    report.save(tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "It repeats what another one says:" in page
    assert page.count("columns as in index r3") == 2  # of r250: found, and in its card
    assert "index r250 (" in page


def test_a_column_of_that_name_is_told_at_fit_as_score_would_refuse_it(run, tmp_path):
    inspected(60).assign(repeat_of=range(60)).to_csv(tmp_path / "in.csv", index=False)
    *_, err = run("fit", tmp_path / "in.csv", "--all-columns", "--out", tmp_path / "d")
    assert "column 'repeat_of' has the name of one that score adds" in err


def test_nearly_all_is_not_said_to_be_all():
    own = Repeat(3, "…", 0, 0, 0.997)
    assert repeat_of(own, Language(), "row 4") == "99 % of its words as in row 4"
    assert repeat_of(replace(own, share=1.0), Language(), "row 4").startswith("100 %")


def test_a_report_of_rows_that_were_fitted_on_says_only_that(run, detector, tmp_path):
    err = told_of_known("report", run, detector, tmp_path, tmp_path / "out.md")
    assert "300 of 300 rows are among those" in err
    assert "as usual rows do not" not in err
    assert "as usual rows do not" not in (tmp_path / "out.md").read_text()
    assert "It repeats" not in (tmp_path / "out.md").read_text()
