"""What a notebook shows of things that are typed into it, and of rows by their index."""

import doctest
import json

import numpy as np
import pandas as pd
import pytest
from machine_readings import readings
from matplotlib.text import Text
from work_orders import NEW, NORMAL

from polar_detect import PolarDetector, Program, Report, SignatureTransformer, screen


@pytest.fixture(scope="module")
def by_columns():
    return PolarDetector("columns").fit(readings(120, 0))


@pytest.mark.parametrize("kind", ["fitted_on_tiny", "by_columns"])
def test_what_a_fit_leaves_behind_says_in_a_line_how_much_it_is_and_no_text(request, kind):
    detector = request.getfixturevalue(kind)
    fitted = detector.fitted_
    shown = [repr(own) for own in (fitted, fitted.reference)]
    assert [own.count("\n") for own in shown] == [0, 0]
    assert max(map(len, shown)) < 120
    assert all(str(len(fitted.reference)) in own for own in shown)
    assert shown[0].startswith(f"Fitted({detector.fitted_.head.name}, ")


def test_a_plan_to_search_programs_does_not_show_the_texts(tiny_pair):
    programs = PolarDetector(**tiny_pair, max_tokens=8).fit(NORMAL[:40]).fitted_.programs
    assert not any(text in repr(programs) for text in NORMAL)
    assert repr(programs) == "ProgramPlan(8 texts to search, 19 held out)"


def test_a_report_says_whether_it_is_of_rows_or_of_texts(fitted_on_tiny, by_columns):
    assert repr(Report.of(fitted_on_tiny, NEW[:3])) == "Report(3 texts, tongue='en')"
    assert repr(Report.of(by_columns, readings(1, 1), tongue="ja")) == "Report(1 row, tongue='ja')"


SHOWN = {
    "PolarDetector": PolarDetector,
    "Program": Program,
    "Report": Report,
    "Report.of_screening": Report.of_screening,
    "screen": screen,
    "SignatureTransformer": SignatureTransformer,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name == "SignatureTransformer"))
        for name in SHOWN
    ],
)
def test_examples_of_docstrings_run_as_they_are_pasted(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(SHOWN[name], name)
    lines = [own.source for own in example.examples]
    assert len(lines) > 3
    exec("".join(lines), {})


INDICES = {
    "names": ([f"WO-{i}" for i in range(12)], "WO-11"),
    "numbers": ([*range(70_000, 70_012)], 70_011),
    "levels": (pd.MultiIndex.from_product([["a", "b"], range(6)]), "b, 5"),
    "days": (pd.date_range("2025-04-01", periods=12), "2025-04-12 00:00:00"),
}


@pytest.mark.parametrize("kind", INDICES)
def test_rows_of_a_report_have_their_names_in_the_index(by_columns, kind, tmp_path):
    index, last = INDICES[kind]
    batch = readings(12, 1).set_axis(index)
    assessed = by_columns.assess(batch)
    data = Report.of(by_columns, batch, top=12).data
    names = {row.row for row in data.rows}
    assert last in names
    assert len(names) == 12
    assert [row.row for row in data.listed] == [row.row for row in data.rows]
    by_name = dict(zip(batch.index, assessed.scores, strict=True))
    key = batch.index[-1]
    assert next(row.score for row in data.rows if row.row == last) == by_name[key]
    for rows in (batch.drop(columns=[]), by_columns.rows_.texts(batch)):  # which has no index
        again = Report.of(by_columns, rows, assessment=assessed, top=12).data
        assert [row.row for row in again.rows] == [row.row for row in data.rows]
    for tongue, title in (("en", f"Row {last} by the index"), ("ja", f"インデックス{last}の行")):
        report = Report(data, tongue)
        for ending in ("html", "md"):
            report.save(tmp_path / f"of.{ending}")
            page = (tmp_path / f"of.{ending}").read_text(encoding="utf-8")
            assert title in page, ending
            assert "70,011" not in page  # what is no name in the data
        # Names are sorted as they are said; only numbers have a value to sort by.
        page = (tmp_path / "of.html").read_text(encoding="utf-8")
        assert (f'data-value="{last}"' in page) == isinstance(last, int)
        report.save(tmp_path / "of.json")
        saved = json.loads((tmp_path / "of.json").read_text(encoding="utf-8"))
        assert last in {row["row"] for row in saved["rows"]}
    assert "Rows have their names in the index" in Report(data)._repr_html_()


def test_names_in_an_index_are_no_markdown(by_columns, tmp_path):
    batch = readings(6, 1).set_axis([f"*{i}|" for i in range(6)])
    Report.of(by_columns, batch).save(tmp_path / "of.md")
    page = (tmp_path / "of.md").read_text(encoding="utf-8")
    assert "*5|" not in page.replace("\\*5\\|", "")
    assert page.count("\\*5\\|") == 2  # in the list and above its own part


@pytest.mark.slow
def test_long_names_do_not_run_into_the_scores_on_paper(by_columns, monkeypatch, tmp_path):
    names, drawn = ["WO-240117", "x" * 70, "lot 7", 20_240_117, 240_118, "試料十二"], []
    batch, write = readings(6, 1).set_axis(names), Text.set_text
    monkeypatch.setattr(Text, "set_text", lambda own, s: drawn.append(str(s)) or write(own, s))
    Report.of(by_columns, batch).save(tmp_path / "of.pdf")
    assert (drawn.count("…"), drawn.count("lot 7"), drawn.count("240118")) == (4, 1, 1)
    assert [said for said in drawn if said.startswith("20240117: machine: ")]
    assert [said for said in drawn if said.startswith("試料十二: machine: ")]
    assert [said for said in drawn if said.startswith("WO-240117: machine: ")]
    assert [said for said in drawn if said.startswith("x" * 70 + ": ")]
    assert not [said for said in drawn if said.startswith("lot 7: ")]


@pytest.mark.parametrize("index", [[*range(12)], [1] * 12])
def test_rows_are_counted_where_an_index_says_no_more_or_does_not_tell_them_apart(
    by_columns, index
):
    data = Report.of(by_columns, readings(12, 1).set_axis(index), top=12).data
    assert {row.row for row in data.rows} == {*range(1, 13)}
    assert "Rows are counted from 1" in Report(data)._repr_html_()


def test_rows_of_a_screening_have_their_names_in_the_index():
    rows = readings(60, 1).set_axis([f"lot {i}" for i in range(60)])
    report = Report.of_screening(rows, top=3)
    strangest = report.assessment.strangest[:3]
    assert [row.row for row in report.data.rows] == [f"lot {i}" for i in strangest]


def test_an_assessment_counts_its_texts(fitted_on_tiny):
    found = fitted_on_tiny.assess(NEW[:5], programs_of="none")
    assert len(found) == 5
    assert len(found.rows(np.arange(2))) == 2


@pytest.mark.slow
def test_pictures_of_a_screening_speak_of_other_rows_and_not_of_normal_ones(by_columns):
    explained = screen(readings(60, 1)).explanation
    of_one = explained.rows(np.arange(1))
    shown = [explained._repr_html_(), of_one._repr_html_()]
    assert ["normal" in own for own in shown] == [False, False]
    assert all("nearest other rows" in own for own in shown)
    known = by_columns.explain(readings(60, 1))._repr_html_()  # control
    assert "nearest normal rows" in known
