"""What a detector learns from reviewed rows: `PolarDetector.updated`, `polar-detect update`."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from japanese import is_japanese
from work_orders import NORMAL

from polar_detect import PolarDetector
from polar_detect.artifact.contents import GIVEN, read_contents
from polar_detect.errors import ArtifactError, InputError
from polar_detect.pipeline.fitting import Parted

KINDS = {"leak": ("Pressure", -1.0), "bearing": ("Vibration", 2.0)}
ODD = ["zzz qqq 0x17 flood-stage", "heap heap heap overflow", "ERR ERR ERR unit gone away"]


def machine(n_rows, seed, kind=None):
    """Return rows in which nothing is off, or a column that a kind of fault moves."""
    rng = np.random.default_rng(seed)
    load = rng.normal(50, 10, n_rows)
    rows = {
        "Load": load,
        "Vibration": 0.1 * load + rng.normal(0, 0.2, n_rows),
        "Pressure": 8 - 0.02 * load + rng.normal(0, 0.1, n_rows),
    }
    if kind is not None:
        column, step = KINDS[kind]
        rows[column] = rows[column] + step * rng.uniform(0.8, 1.4, n_rows)
    return pd.DataFrame(rows).round(3)


JANUARY, NORMAL_ROWS, LEAKS = machine(200, 0), machine(30, 1), machine(8, 2, "leak")
REVIEWED = pd.concat([NORMAL_ROWS, LEAKS], ignore_index=True)
LABELS, LEAK_KINDS = [False] * 30 + [True] * 8, [None] * 30 + ["leak"] * 8
NEXT = pd.concat([machine(40, 3), machine(9, 4, "leak"), machine(9, 5, "bearing")])


@pytest.fixture(scope="module")
def january():
    return PolarDetector(seed=3).fit(JANUARY)


@pytest.fixture(scope="module")
def reviewed(january):
    return january.updated(REVIEWED, LABELS, kinds=LEAK_KINDS)


def given(detector):
    """Return what a detector was fitted on, in a form that can be compared."""
    own = detector.fitted_.given
    lots = {name: lot.tolist() for name, lot in own.standing.lots.items()}
    return own.normal, own.anomalous, own.is_reviewed.tolist(), own.standing.is_in_time, lots


def same(one, other, new):
    a, b = one.assess(new, programs_of="none"), other.assess(new, programs_of="none")
    np.testing.assert_array_equal(a.scores, b.scores)
    np.testing.assert_array_equal(a.p_values, b.p_values)
    return a.known_anomalies == b.known_anomalies and a.reasons() == b.reasons()


def test_of_whole_batches_it_is_the_detector_that_a_fit_on_both_would_be(january):
    both = pd.concat([JANUARY, REVIEWED], ignore_index=True)
    labels, kinds = [False] * 200 + LABELS, [None] * 200 + LEAK_KINDS
    plain = PolarDetector(seed=3).fit(both, labels, kinds=kinds)
    updated = january.updated(REVIEWED, LABELS, kinds=LEAK_KINDS, is_whole=True)
    assert updated.rows_ == plain.rows_  # the columns are read as they were in January
    assert same(updated, plain, NEXT)
    assert updated.fitted_.fingerprint == plain.fitted_.fingerprint
    assert not np.array_equal(updated.score_samples(NEXT), january.score_samples(NEXT))  # control


@pytest.mark.slow
def test_texts_too(fitted_on_tiny, tiny_pair):
    new = [f"{text} again" for text in NORMAL[:12]]
    labels = [False] * 12 + [True] * 3
    plain = PolarDetector(**tiny_pair).fit(NORMAL + new + ODD, [False] * len(NORMAL) + labels)
    updated = fitted_on_tiny.updated(new + ODD, labels, is_whole=True)
    assert same(updated, plain, [*NORMAL[3:6], "heap overflow", "a new word order"])
    chosen = fitted_on_tiny.updated(new + ODD, labels)
    n = len(fitted_on_tiny.fitted_.calibration_scores)
    assert len(chosen.fitted_.calibration_scores) == n
    assert not np.array_equal(chosen.score_samples(NORMAL), updated.score_samples(NORMAL))
    assert chosen.review_.normal.n == chosen.review_.normal.n_new == 12
    assert chosen.review_.normal.n_flagged is not None
    assert updated.review_.normal.n_flagged is None


def test_the_detector_itself_stays_as_it_is(january, reviewed):
    assert reviewed is not january
    assert len(january.fitted_.reference) == 200
    assert reviewed.get_params() == january.get_params()


def test_chosen_rows_are_held_against_but_give_no_p_values(january, reviewed):
    assert len(reviewed.fitted_.reference) == 230 - reviewed.review_.normal.n_known
    assert len(reviewed.fitted_.calibration_scores) == 200
    drawn = reviewed.fitted_.row_reference.drawn(3)
    assert drawn.tolist() == [*range(200)]
    whole = january.updated(REVIEWED, LABELS, is_whole=True)
    assert len(whole.fitted_.calibration_scores) == 230  # control


def test_chosen_texts_are_never_held_out():
    texts, is_reviewed = [f"text {i}" for i in range(100)], np.arange(100) % 3 == 0
    parts = Parted.at_random(texts, seed=0, is_reviewed=is_reviewed)
    chosen = [text for text, own in zip(texts, is_reviewed, strict=True) if own]
    assert parts.train[-parts.n_reviewed :] == chosen
    assert not {*parts.held_out} & {*chosen}
    assert [texts[i] for i in parts.places] == [*parts.train, *parts.held_out]
    assert {*Parted.at_random(texts, seed=0).held_out} & {*chosen}  # control


def test_where_flagged_rows_are_reviewed_week_by_week_the_promise_holds():
    new, chosen = machine(2000, 99), PolarDetector().fit(machine(200, 10))
    as_drawn = chosen
    for week in range(3):
        batch = machine(500, 20 + week)
        found = [batch[own.predict(batch) == -1] for own in (chosen, as_drawn)]
        chosen = chosen.updated(found[0], [False] * len(found[0]))
        as_drawn = as_drawn.updated(found[1], [False] * len(found[1]), is_whole=True)
    assert 0.035 < np.mean(chosen.predict(new) == -1) < 0.07
    assert np.mean(as_drawn.predict(new) == -1) < 0.03  # as if they came as normal rows do


def test_the_newest_word_counts(reviewed):
    turned = pd.concat([NORMAL_ROWS[:2], LEAKS[:3], JANUARY[5:6]])
    again = reviewed.updated(turned, [1, 1, 0, 0, 0, 1], kinds=["worn", "", "", "", "", "worn"])
    own, texts = again.fitted_.given, reviewed.rows_.texts(turned)
    assert {*texts[:2], texts[5]} <= {*own.anomalous.texts}
    assert not {*texts[:2], texts[5]} & {*own.normal}
    assert {*texts[2:5]} <= {*own.normal}
    assert not {*texts[2:5]} & {*own.anomalous.texts}
    review = again.review_
    assert (review.normal.n, review.normal.n_turned, review.normal.n_new) == (3, 3, 0)
    assert (review.anomalous.n, review.anomalous.n_turned, review.anomalous.n_known) == (3, 3, 0)
    assert sorted(own.anomalous.kinds) == ["", *["leak"] * 5, "worn", "worn"]
    known = again.updated(LEAKS[3:5], [1, 1], kinds=["crack", ""]).fitted_.given.anomalous
    assert sorted(known.kinds) == ["", "crack", *["leak"] * 4, "worn", "worn"]


def test_the_same_review_twice_is_no_more_than_once(reviewed):
    again = reviewed.updated(REVIEWED, LABELS, kinds=LEAK_KINDS)
    assert given(again) == given(reviewed)
    assert (again.review_.normal.n_known, again.review_.anomalous.n_known) == (30, 8)
    assert same(again, reviewed, NEXT)


def test_copies_count_as_often_as_they_are_reviewed_more_often(january):
    one = NORMAL_ROWS[1:2]
    (text,) = january.rows_.texts(one)
    assert text not in january.fitted_.given.normal
    twice = january.updated(pd.concat([one, one]), [0, 0])
    assert twice.fitted_.given.normal.count(text) == 2
    again = twice.updated(pd.concat([one, one, one]), [0, 0, 0])
    assert again.fitted_.given.normal.count(text) == 3
    batch = twice.updated(one, [0], is_whole=True)  # another one that says the same
    assert batch.fitted_.given.normal.count(text) == 3


def test_what_is_told_of_reviewed_rows_is_not_told_by_themselves(january):
    before = PolarDetector().fit(JANUARY.assign(tool=["A", "B"] * 100))
    new = machine(1, 8).assign(tool="C")
    learned = before.updated(new, [False])
    (as_new,) = learned.fitted_.as_new.reviewed
    assert as_new > 1.5 * -learned.score_samples(new)[0]  # which meets itself
    assert (learned.review_.normal.n_flagged_before, learned.review_.normal.n_flagged) == (1, 1)
    found = january.updated(machine(12, 8, "bearing"), [True] * 12).review_.anomalous
    assert found.n_flagged >= found.n_flagged_before >= 9


def test_settings_and_columns_stay():
    detector = PolarDetector("columns", seed=5, contamination=0.02, condition_columns=["Load"])
    detector.fit(JANUARY.assign(note=["fine"] * 199 + ["so so"]))
    wider = REVIEWED.assign(note="fine", verdict="ok", extra=1.5)
    own, old = detector.updated(wider, LABELS).fitted_, detector.fitted_
    assert (vars(own.settings), own.head.name) == (vars(old.settings), old.head.name)
    assert own.settings.rows.conditions_by_name == ["Load"]
    detector.seed = 9  # takes effect at the next fit of its own
    assert detector.updated(wider, LABELS).fitted_.settings.seed == 5


def test_a_saved_detector_is_updated_as_the_fitted_one(reviewed, tmp_path):
    reviewed.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    assert given(loaded) == given(reviewed)
    more = machine(20, 6)
    assert same(loaded.updated(more, [0] * 20), reviewed.updated(more, [0] * 20), NEXT)
    contents = read_contents(tmp_path / "saved")
    assert "for updates: the order of the texts, 0 held-out and 8 labelled ones" in [
        own.what for own in contents.kept
    ]
    assert len(contents.labelled) == 8


@pytest.mark.slow
def test_limits_are_told_by_rows_that_were_not_chosen(reviewed, tmp_path):
    reviewed.save(tmp_path / "saved")
    limits = PolarDetector.load(tmp_path / "saved").detection_limits().to_frame()
    pd.testing.assert_frame_equal(limits, reviewed.detection_limits().to_frame())


@pytest.mark.slow
def test_held_out_texts_that_new_ones_are_not_held_against_are_kept_too(boosted, tmp_path):
    boosted.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    assert given(loaded) == given(boosted)
    contents = read_contents(tmp_path / "saved")
    assert len(contents.texts) < len(loaded.fitted_.given.normal)
    assert sorted([*contents.texts, *contents.held_out]) == sorted(loaded.fitted_.given.normal)


def test_a_detector_that_keeps_no_texts_or_is_of_an_earlier_version_is_refused(january, textless):
    with pytest.raises(InputError, match="keeps no training texts; expected one that does"):
        textless.updated(["a"], [0])
    earlier = PolarDetector(seed=3).fit(JANUARY)
    earlier.fitted_ = replace(january.fitted_, given=None)
    with pytest.raises(InputError, match="of an earlier version, which did not keep all"):
        earlier.updated(REVIEWED, LABELS)
    with pytest.raises(InputError, match="no labels of reviewed texts; expected one for each"):
        january.updated(REVIEWED, None)
    with pytest.raises(InputError, match="Got 39 normal texts"):
        PolarDetector().fit(JANUARY[:40]).updated(JANUARY[:1], [1])


@pytest.mark.parametrize(
    ("entry", "broken"),
    [
        ("places", [0] * 230),
        ("places", [0, 1]),
        ("reviewed", [230]),
        ("reviewed", "all"),
        ("kinds", ["leak"]),
        ("lots", {"Lot": ["L1"]}),
    ],
)
def test_what_does_not_fit_together_is_refused(reviewed, tmp_path, monkeypatch, entry, broken):
    monkeypatch.setattr("polar_detect.artifact.reading.check_files", lambda *_: None)
    folder = tmp_path / "saved"
    reviewed.save(folder)
    PolarDetector.load(folder)  # control
    content = json.loads((folder / GIVEN).read_text("utf-8"))
    (folder / GIVEN).write_text(json.dumps(content | {entry: broken}), "utf-8")
    with pytest.raises(ArtifactError, match=GIVEN):
        PolarDetector.load(folder)


LOTS = np.repeat([f"L{i}" for i in range(20)], 10)


def by_lot(n_rows, seed):
    level = np.repeat(np.random.default_rng(seed).normal(0, 20, n_rows // 10), 10)
    return machine(n_rows, seed).assign(Load=lambda own: (own["Load"] + level).round(3))


def test_lots_that_were_given_are_asked_for_and_join_those_of_the_same_name():
    detector = PolarDetector().fit(by_lot(200, 0), groups=pd.Series(LOTS, name="heat"))
    more = by_lot(20, 1)
    with pytest.raises(InputError, match="no groups for a detector that was fitted with those of"):
        detector.updated(more, [0] * 20)
    updated = detector.updated(more, [0] * 20, groups=["L3"] * 10 + ["L90"] * 10, is_whole=True)
    lots = updated.fitted_.given.standing.lots["heat"].tolist()
    assert lots == [*LOTS, *["L3"] * 10, *["L90"] * 10]
    assert updated.fitted_.company.by == "heat"
    everything = pd.concat([by_lot(200, 0), more])
    plain = PolarDetector().fit(everything, groups=pd.Series(lots, name="heat"))
    assert same(updated, plain, by_lot(50, 2))
    without = PolarDetector().fit(by_lot(200, 0), groups=None)
    with pytest.raises(InputError, match="Got groups for a detector that was fitted without"):
        without.updated(more, [0] * 20, groups=["a"] * 20)
    with pytest.raises(InputError, match="Got groups 'heat'; expected 'auto' or one for each"):
        detector.updated(more.assign(heat="L3"), [0] * 20, groups="heat")


@pytest.mark.filterwarnings("ignore:columns that say something new")
def test_lots_that_a_column_tells_are_looked_up_there():
    frame = by_lot(200, 0).assign(Lot=LOTS)
    detector = PolarDetector().fit(frame)
    assert detector.fitted_.company.by == "Lot"
    more = by_lot(20, 1).assign(Lot=["L3"] * 10 + ["L90"] * 10)
    texts = detector.rows_.texts(more)
    for own in (more, texts):
        lots = detector.updated(own, [0] * 20).fitted_.given.standing.lots["Lot"]
        assert lots[200:].tolist() == ["L3"] * 10 + ["L90"] * 10


def test_reviewed_rows_stand_behind_those_in_the_order_of_time():
    chance = np.random.default_rng(0)
    level = 10 * np.cumsum(chance.normal(0, 1, 300))
    rows = machine(300, 0).assign(Load=lambda own: (own["Load"] + level).round(3))
    detector = PolarDetector().fit(rows[:250], groups="time")
    assert detector.fitted_.company.reach
    updated = detector.updated(rows[250:], [False] * 50, is_whole=True)
    assert same(updated, PolarDetector().fit(rows, groups="time"), machine(20, 9))


# The command


@pytest.fixture
def scored(run, tmp_path):
    JANUARY.to_csv(tmp_path / "january.csv", index=False)
    batch = pd.concat([machine(60, 11), machine(6, 12, "leak")], ignore_index=True)
    batch.to_csv(tmp_path / "week.csv", index=False)
    own = tmp_path / "detector"
    assert run("fit", tmp_path / "january.csv", "--all-columns", "--out", own)[0] == 0
    out = tmp_path / "scored.xlsx"
    assert run("score", tmp_path / "week.csv", "--detector", own, "--out", out)[0] == 0
    return out


def review(scored, words, *, flagged_only=True, name="判定"):
    """Write what was found into a column of the scored workbook: by row, whether it is a leak."""
    book = openpyxl.load_workbook(scored)
    sheet = book.worksheets[0]
    names = [cell.value for cell in sheet[1]]
    place, flag = sheet.max_column + 1, names.index("is_anomaly") + 1
    sheet.cell(1, place, name)
    for row in range(2, sheet.max_row + 1):
        if sheet.cell(row, flag).value or not flagged_only:
            sheet.cell(row, place, words[row - 2 >= 60])
    path = scored.with_name("reviewed.xlsx")
    book.save(path)
    return path


def test_the_flagged_rows_of_a_scored_workbook_are_learned_from(run, scored):
    own = scored.with_name("detector")
    n_flagged = int(pd.read_excel(scored, engine="calamine")["is_anomaly"].sum())
    asked = ("--detector", own, "--label-column", "判定", "--out", own.with_name("new"))
    code, out, err = run("update", review(scored, ("正常", "異常")), *asked)
    assert (code, out.strip()) == (0, str(own.with_name("new")))
    assert f"rows left out, as column '判定' is empty there: {66 - n_flagged}" in err
    assert f"rows reviewed as normal: {n_flagged - 6} ({n_flagged - 6} new, 0 that were" in err
    assert "rows reviewed as anomalous: 6 (6 new, 0 that were normal so far" in err
    assert "; the detector flagged 6, and the new one would flag " in err
    assert "p-values come from 200 others" in err
    learned = PolarDetector.load(own.with_name("new"))
    assert (len(learned.fitted_.reference), learned.fitted_.n_anomalous) == (194 + n_flagged, 6)
    assert read_contents(own).labelled == ()  # the one before stays


def test_a_column_of_kinds_says_what_is_normal_and_empty_cells_say_nothing(run, scored):
    own = scored.with_name("detector")
    path = review(scored, ("該当なし", "漏れ"), name="原因")
    code, _, err = run(
        "update", path, "--detector", own, "--kind-column", "原因", "--out", own, "--lang", "ja"
    )
    assert code == 0
    assert "判定が書かれていない行" in err
    own_lines = [line for line in err.splitlines() if not line.startswith(str(path))]
    assert [line for line in own_lines if not is_japanese(line)] == []
    known = PolarDetector.load(own).fitted_.given.anomalous  # in place of the one before
    assert known.kinds == ("漏れ",) * 6
    n_flagged = int(pd.read_excel(scored, engine="calamine")["is_anomaly"].sum())
    assert len(PolarDetector.load(own).fitted_.given.normal) == 194 + n_flagged


def test_of_a_whole_batch_rows_that_were_not_flagged_are_normal(run, scored):
    own, path = scored.with_name("detector"), review(scored, (None, "NG"))
    n_flagged = int(pd.read_excel(scored, engine="calamine")["is_anomaly"].sum())
    asked = ("--detector", own, "--label-column", "判定", "--out", own.with_name("new"))
    code, _, err = run("update", path, *asked, "--whole-batch")
    assert code == 0
    n = 66 - n_flagged
    assert f"neither labelled nor flagged, which count as normal (--whole-batch): {n}" in err
    assert f"but that nobody labelled, which are left out: {n_flagged - 6}" in err
    assert f"p-values come from {200 + n} rows" in err
    assert "count twice" not in err
    again = ("--label-column", "判定", "--out", own.with_name("twice"), "--whole-batch")
    for tongue, said in (
        ("en", f"Of {n} normal rows the detector has {n} already: they count twice now"),
        ("ja", f"正常な行{n}行のうち{n}行は検出器に既にあり"),
    ):
        _, _, err = run(
            "update", path, "--detector", own.with_name("new"), *again, "--lang", tongue
        )
        assert said in err


def test_of_a_whole_batch_nothing_is_normal_that_score_has_not_called_so(run, scored):
    own, book = scored.with_name("detector"), scored.with_name("reviewed.csv")
    asked = (book, "--detector", own, "--label-column", "verdict", "--out", own.with_name("new"))
    table = pd.read_excel(scored, engine="calamine").assign(verdict=[None] * 60 + ["NG"] * 6)
    table["is_anomaly"] = table["is_anomaly"].astype(object).where(table.index != 0, None)
    table.to_csv(book, index=False)
    n_left = 60 - int((table["is_anomaly"][:60] == False).sum())  # noqa: E712 - None is neither
    code, _, err = run("update", *asked, "--whole-batch")
    assert code == 0
    assert f"which are left out: {n_left}" in err  # the first, whose flag is empty, among them
    table[["Load", "Vibration", "Pressure", "verdict"]].to_csv(book, index=False)
    for tongue, said in (("en", "which score has not scored"), ("ja", "採点したファイルを使うか")):
        code, _, err = run("update", *asked, "--whole-batch", "--lang", tongue)
        assert code == 1
        assert said in err
    assert run("update", *asked)[0] == 0  # without --whole-batch they are left out
    table.fillna({"verdict": "OK"})[["Load", "Vibration", "Pressure", "verdict"]].to_csv(book)
    assert run("update", *asked, "--whole-batch")[0] == 0  # all are labelled


def test_of_a_whole_batch_no_row_of_a_kind_is_normal_for_want_of_a_label(run, scored):
    own, book = scored.with_name("detector"), scored.with_name("reviewed.csv")
    table = pd.read_excel(scored, engine="calamine").assign(verdict=None, cause=None)
    missed, fault = table.index[~table["is_anomaly"]][0], table.index[table["is_anomaly"]][0]
    table.loc[missed, "cause"], table.loc[fault, "verdict"] = "leak", "NG"
    table.to_csv(book, index=False)
    asked = ("--label-column", "verdict", "--kind-column", "cause", "--whole-batch")
    assert run("update", book, "--detector", own, "--out", own, *asked)[0] == 0
    given = PolarDetector.load(own).fitted_.given
    n_usual = int((~table["is_anomaly"]).sum()) - 1
    assert (len(given.normal), len(given.anomalous)) == (200 + n_usual, 1)


def test_the_column_that_score_wrote_is_corrected(run, scored):
    own = scored.with_name("detector")
    book = openpyxl.load_workbook(scored)
    sheet = book.worksheets[0]
    flag = [cell.value for cell in sheet[1]].index("is_anomaly") + 1
    for row in range(2, 62):
        sheet.cell(row, flag).value = False
    book.save(scored)
    asked = ("--detector", own, "--label-column", "is_anomaly", "--out", own.with_name("new"))
    code, _, err = run("update", scored, *asked)
    assert code == 0
    assert "rows reviewed as normal: 60 (" in err
    assert "give --whole-batch" in err


def test_lots_of_a_column_that_is_not_read_are_asked_for(run, tmp_path):
    by_lot(200, 0).assign(heat=LOTS).to_csv(tmp_path / "january.csv", index=False)
    own = tmp_path / "detector"
    columns = ("--columns", "Load,Vibration,Pressure", "--group-column", "heat")
    assert run("fit", tmp_path / "january.csv", *columns, "--out", own)[0] == 0
    week = by_lot(20, 1).assign(verdict="ok")
    week.to_csv(tmp_path / "week.csv", index=False)
    asked = ("--detector", own, "--label-column", "verdict", "--out", own)
    code, _, err = run("update", tmp_path / "week.csv", *asked)
    assert code == 1
    assert "Got column 'heat'" in err
    assert "The detector was fitted with it; add it to the table" in err
    week.assign(Heat="L3").to_csv(tmp_path / "week.csv", index=False)
    assert run("update", tmp_path / "week.csv", *asked)[0] == 0
    assert [*PolarDetector.load(own).fitted_.given.standing.lots["heat"][200:]] == ["L3"] * 20


def test_what_says_nothing_is_refused(run, scored):
    own = scored.with_name("detector")
    asked = ("--detector", own, "--out", own.with_name("new"))
    code, _, err = run("update", scored, *asked)
    assert code == 2
    assert "give --label-column, --kind-column, or both" in err
    path = review(scored, (None, None), name="cause")
    code, _, err = run("update", path, *asked, "--kind-column", "cause")
    assert code == 1
    assert "Got no row of" in err
    assert "fill the column that --label-column or --kind-column names" in err


def test_a_detector_of_the_first_version_is_refused(run, tmp_path, monkeypatch):
    from polar_detect import models

    shutil.copytree(Path(__file__).parent / "artifacts" / "0.1", tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    monkeypatch.setattr(models, "DEFAULT_ENCODER", "encoder")
    (tmp_path / "week.csv").write_text("text,verdict\noil,ok\n")
    asked = ("--detector", "detector", "--label-column", "verdict", "--out", tmp_path / "new")
    code, _, err = run("update", tmp_path / "week.csv", *asked)
    assert code == 1
    assert "of an earlier version" in err
