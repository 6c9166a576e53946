"""Where flagged rows are: groups of them by any column of a table."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from machine_readings import readings

from polar_detect import PolarDetector, Report
from polar_detect.errors import InputError
from polar_detect.statistics.concentration import Group, Grouping, concentrations
from polar_detect.tables.columns.groupings import groupings_of

N = 240
MACHINES = np.repeat(["M1", "M2", "M3", "M4"], N // 4)


def grouping(cells):
    places, says = pd.factorize(np.asarray(cells, object))
    return Grouping(places, tuple(says))


def groups(flags, **columns):
    found = concentrations({name: grouping(own) for name, own in columns.items()}, flags)
    return [(own.group.column, own.group.says) for own in found]


def test_the_machine_of_most_flagged_rows_is_found_and_no_other_column():
    flags = np.zeros(N, bool)
    flags[60:72] = flags[200] = True
    shift = np.tile(["early", "late"], N // 2)
    found = concentrations({"Shift": grouping(shift), "Machine": grouping(MACHINES)}, flags)
    assert [own.group for own in found] == [Group("Machine", "M2")]
    (own,) = found
    assert (own.n_flagged, own.n_rows, own.n_flagged_others, own.n_others) == (12, 60, 1, 180)


def test_flags_that_are_drawn_concentrate_nowhere():
    rng = np.random.default_rng(0)
    columns = {f"c{k}": grouping(rng.integers(0, k, N)) for k in (2, 3, 8, 30, 70)}
    n_found = sum(bool(concentrations(columns, rng.random(N) < 0.08)) for _ in range(200))
    assert n_found <= 4  # 2 are expected at most, as .01 is held over all groups


def test_of_a_machine_whose_flagged_rows_are_of_one_lot_the_lot_is_told_alone():
    lots = np.repeat([f"L{i}" for i in range(N // 12)], 12)
    flags = lots == "L6"
    assert groups(flags, Machine=MACHINES, Lot=lots) == [("Lot", "L6")]
    flags = (MACHINES == "M2") & (np.arange(N) % 3 > 0)  # and here all of its lots are alike
    assert groups(flags, Machine=MACHINES, Lot=lots) == [("Machine", "M2")]


def test_what_is_left_beside_a_group_is_another_one():
    mould = np.tile(["a", "b", "c", "d", "e"], N // 5)
    flags = (MACHINES == "M1") | (mould == "c")
    assert groups(flags, Machine=MACHINES, Mould=mould) == [("Machine", "M1"), ("Mould", "c")]


def test_a_group_is_counted_beside_what_was_not_told_before_or_it_would_seem_to_hold_fewer():
    flags = np.arange(N) < 60  # all of M1
    shift = np.where((np.arange(N) >= 60) & (np.arange(N) < 90), "early", "late")
    flags[60:66] = True
    columns = {"Machine": grouping(MACHINES), "Shift": grouping(shift)}
    machine, early = concentrations(columns, flags)
    assert (machine.n_flagged, machine.n_flagged_others) == (60, 6)
    assert early.group == Group("Shift", "early")
    counts = (early.n_flagged, early.n_rows, early.n_flagged_others, early.n_others)
    assert counts == (6, 30, 0, 150)


def test_other_columns_that_make_the_same_group_are_named_beside_it():
    flags = MACHINES == "M3"
    hall, line = np.where(flags, "B", "A"), np.where(MACHINES < "M3", 1, 2).astype(str)
    columns = {"Machine": MACHINES, "Hall": hall, "Line": line}
    (own,) = concentrations({name: grouping(cells) for name, cells in columns.items()}, flags)
    assert (own.group, own.same) == (Group("Machine", "M3"), (Group("Hall", "B"),))


@pytest.mark.parametrize(("n_flagged", "is_told"), [(2, False), (3, True)])
def test_two_flagged_rows_are_an_anecdote(n_flagged, is_told):
    mould = np.repeat([f"m{i}" for i in range(N // 3)], 3)
    flags = np.arange(N) < n_flagged
    assert bool(groups(flags, Mould=mould)) is is_told


GROUPED = {
    "codes": (["M1", "M2"] * 6, ("M1", "M2")),
    "spelt otherwise": (["PA-200", "ｐａ−200", " pa-200 ", "X"] * 3, ("PA-200", "X")),
    "empty cells": (["Sato", "", "n/a", None] * 3, ("Sato", "")),
    "few whole numbers": ([1, 2, 3] * 4, ("1", "2", "3")),
    "measured": ([0.5, 1.5, 2.5] * 4, None),
    "measured as text": (["0,5", "1,5", "2,5"] * 4, None),
    "free words": ([f"note {i}" for i in range(12)], None),
    "pairs": (["a", "b", "c", "d", "e", "f"] * 2, None),
    "all empty": ([""] * 12, None),
    "one word": (["Osaka"] * 12, None),
    "cells of lists": ([["a"], ["b"]] * 6, ('["a"]', '["b"]')),
    "days": ([f"2026-12-0{1 + i // 6} 0{i}:00" for i in range(12)], ("2026-12-01", "2026-12-02")),
    "moments": (pd.date_range("2026-12-01", periods=12, freq="3h"), ("2026-12-01", "2026-12-02")),
    "days of Japan": (["2026年1月1日", "2026年1月2日"] * 6, ("2026年1月1日", "2026年1月2日")),
    "many whole numbers": ([*range(51)] * 4, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", GROUPED)
def test_rows_are_grouped_by_what_repeats(kind):
    cells, says = GROUPED[kind]
    found = groupings_of(pd.DataFrame({"own": cells}))
    assert (found["own"].says if found else None) == says


def test_many_numbers_of_lots_are_names_of_them():
    numbers = np.repeat(np.arange(60), 5)
    assert [*groupings_of(pd.DataFrame({"ロットNo": numbers, "count": numbers}))] == ["ロットNo"]


def test_a_column_that_is_left_out_and_two_of_one_name_group_nothing():
    frame = pd.DataFrame([["a", "x", "y"], ["b", "y", "x"]] * 6, columns=["own", "two", "two"])
    assert [*groupings_of(frame)] == ["own"]
    assert groupings_of(frame, but=["own"]) == {}


def batch():
    """Return rows of which those of the mill by one person flow too much, and how they are read."""
    frame = readings(180, seed=1).astype({"flow [l/min]": float})
    operator = np.where(np.arange(180) % 9 == 0, "佐藤", "Lee")
    is_odd = operator == "佐藤"
    frame.loc[is_odd, "flow [l/min]"] += 15
    return frame.assign(operator=operator, verdict=np.where(is_odd, "NG", "OK")), is_odd


READ = ["pressure [bar]", "flow [l/min]"]


@pytest.fixture(scope="module")
def detector():
    return PolarDetector().fit(readings(150)[READ])


def test_a_report_tells_by_columns_that_the_detector_does_not_read(detector):
    frame, _ = batch()
    report = Report.of(detector, frame)
    assert report.data.groups.columns == ("machine", "operator", "verdict")
    (own,) = report.data.groups.found
    assert {own.group, *own.same} == {Group("operator", "佐藤"), Group("verdict", "NG")}
    page = report._repr_html_()
    assert "Where the flagged rows are" in page
    assert page.count("“operator” is “佐藤”") == 2  # in the summary and in the table


def test_a_report_without_flags_or_groups_tells_of_none(detector):
    frame, _ = batch()
    assert Report.of(detector, frame[READ]).data.groups is None
    usual = readings(90, seed=3)
    usual = usual[~detector.assess(usual).is_anomaly]
    report = Report.of(detector, usual)
    assert (report.data.n_flagged, report.data.groups) == (0, None)
    assert "#groups" not in report._repr_html_()
    assert "#groups" in Report.of(detector, frame)._repr_html_()


def test_an_assessment_tells_the_same_as_a_frame(detector):
    frame, is_odd = batch()
    assessment = detector.assess(frame)
    found = assessment.flagged_groups(frame[["machine", "operator"]])
    (own,) = found.to_dict("records")
    assert (own["column"], own["says"], own["rows"], own["others"]) == ("operator", "佐藤", 20, 160)
    assert own["flagged"] == int(assessment.is_anomaly[is_odd].sum()) > 15
    assert own["flagged_others"] == int(assessment.is_anomaly[~is_odd].sum())
    assert 0 < own["p_value"] < 1e-6
    arrow = pa.Table.from_pandas(frame[["machine", "operator"]], preserve_index=False)
    pd.testing.assert_frame_equal(assessment.flagged_groups(arrow), found)
    nothing = assessment.flagged_groups(frame[["machine"]])
    assert (len(nothing), [*nothing.columns]) == (0, [*found.columns])
    with pytest.raises(InputError, match=r"Got a frame of 9 rows for 180 texts; expected a row"):
        assessment.flagged_groups(frame[:9])


def test_texts_without_a_score_are_in_no_group(detector):
    frame, _ = batch()
    assessment = detector.assess(frame)
    scores = np.where(np.arange(180) < 60, np.nan, assessment.scores)
    found = replace(assessment, scores=scores).flagged_groups(frame[["operator"]])
    assert (found["rows"] + found["others"]).tolist() == [120]


@pytest.mark.parametrize("lang", [pytest.param("en", marks=pytest.mark.slow), "ja"])
def test_commands_tell_where_flagged_rows_are(tmp_path, detector, lang, run):
    frame, _ = batch()
    frame.to_csv(tmp_path / "new.csv", index=False)
    detector.save(tmp_path / "detector")
    said = {"en": "“operator” is “佐藤”", "ja": "「operator」が「佐藤」"}[lang]
    own = ["--detector", tmp_path / "detector", "--label-column", "verdict", "--lang", lang]
    code, _, told = run("report", tmp_path / "new.csv", *own, "--out", tmp_path / "r.json")
    assert (code, said in told) == (0, True)
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert data["groups"]["columns"] == ["machine", "operator"]  # labels tell it anyhow
    assert data["groups"]["found"][0]["group"] == {"column": "operator", "says": "佐藤"}
    out = tmp_path / "screened.csv"
    columns = ["--columns", ",".join(READ), "--share", "0.1", "--lang", lang]
    code, _, told = run("screen", tmp_path / "new.csv", *columns, "--out", out)
    assert (code, said in told) == (0, True)
    report = tmp_path / "screened.json"
    code, _, told = run("screen", tmp_path / "new.csv", *columns, "--out", out, "--report", report)
    assert (code, told.count(said)) == (0, 1)
    assert json.loads(report.read_text(encoding="utf-8"))["groups"]["found"]
