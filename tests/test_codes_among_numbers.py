"""OL, OK or 測定中 where a column of measured values has no number."""

import json

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report
from polar_detect.errors import ArtifactError
from polar_detect.report.content.cells import cells_of
from polar_detect.report.content.reasons import OddCells
from polar_detect.report.formats.markdown import render_markdown
from polar_detect.signature.columns.new_cells import KnownValues, NewCell
from polar_detect.tables import RowTemplate, warn_of_forms, warn_of_words
from polar_detect.tables.rows.template_column import TemplateColumn

NUMBERS = [f"{40 + i / 10:.1f} Nm" for i in range(40)]


def tightened(n_rows, seed, *, every=8):
    """Screws, of which every eighth says a word in place of its torque."""
    rng = np.random.default_rng(seed)
    torque = [f"{own:.2f}" for own in rng.normal(40, 1, n_rows)]
    for i in range(0, n_rows, every):
        torque[i] = ("OL", "OK", "ol ")[i // every % 3]
    angle = [f"{own:.1f}" for own in rng.normal(90, 3, n_rows)]
    return pd.DataFrame({"torque": torque, "angle": angle})


@pytest.mark.parametrize(
    ("others", "codes"),
    [
        (["OL"] * 5, ("ol",)),
        (["OK"] * 3 + ["測定中"] * 4, ("測定中", "ok")),
        (["E01"] * 3, ("e01",)),
        (["***ERR***", "***err***", "***Err***"], ("***err***",)),
        (["OL"] * 150, ("ol",)),
        (["OL"] * 200, ()),  # a number in six cells is a remark
        (["OL"] * 2, ()),  # numbers all the same
        (["OL"] * 5 + ["ERR"] * 2, ("ol",)),
        (["OL"] * 3 + [""] * 300, ("ol",)),
        (["OL"] * 5 + ["see note 1", "worn", "again"], ("ol",)),  # the column is text, as below
    ],
)
def test_words_that_come_again_in_place_of_numbers_are_codes(others, codes):
    column = TemplateColumn.fit(pd.Series([*NUMBERS, *others]), "torque")
    assert column.form.codes == (codes if column.is_numeric else ())
    assert column.is_numeric == ("worn" not in others and others != ["OL"] * 200)


def test_a_few_codes_leave_a_column_of_numbers_as_it_is():
    column = TemplateColumn.fit(pd.Series([*NUMBERS * 2, *["OL"] * 4]), "torque")
    assert (column.is_numeric, column.form.codes) == (True, ())


@pytest.mark.parametrize("numbers", [["1,5", "2,5", "3,5"] * 12, [*map(str, range(100, 140))]])
def test_numbers_with_decimals_may_repeat_and_whole_ones_that_do_not_are_measured(numbers):
    column = TemplateColumn.fit(pd.Series([*numbers, *["OL"] * 5]), "torque")
    assert (column.is_numeric, column.form.codes) == (True, ("ol",))


def test_durations_have_codes_too():
    cells = [f"0:{i:02d}:30" for i in range(40)] + ["OL"] * 5
    column = TemplateColumn.fit(pd.Series(cells), "cycle time")
    assert (column.form.duration, column.form.codes) == (True, ("ol",))


def test_of_numbers_that_repeat_the_codes_count_and_not_each_number_as_a_name():
    rng = np.random.default_rng(0)
    torque = [f"{own:.1f}" for own in rng.normal(4, 0.2, 200)]
    rows = pd.DataFrame({"torque": [*torque, *["OL"] * 20]})
    assert RowTemplate.fit(rows, ["torque"]).categories["torque"].of == "codes"


@pytest.mark.parametrize(
    "sizes", [["36", "38", "40", "42"] * 10, ["3号機", "4号機"] * 20, ["2024-05-01"] * 40]
)
def test_names_that_begin_with_a_digit_beside_words_are_words(sizes):
    column = TemplateColumn.fit(pd.Series([*sizes, *["S", "M", "L"] * 4]), "size")
    assert not column.is_numeric


def test_numbers_keep_their_unit_and_form_beside_codes():
    cells = [f"{i},{i % 10}5 kN" for i in range(40)] + ["OL"] * 6
    column = TemplateColumn.fit(pd.Series(cells), "force")
    assert (column.form.unit, column.form.comma, column.form.codes) == ("kN", True, ("ol",))


def test_a_template_with_codes_comes_back_as_it_was_stored():
    rows = tightened(80, 0)
    template = RowTemplate.fit(rows, [*rows.columns])
    assert template.categories["torque"].of == "codes"
    content = json.loads(json.dumps(template.to_json()))
    assert RowTemplate.from_json(content) == template
    for wrong in ("ol", [1], [""], []):
        broken = json.loads(json.dumps(content))
        broken["columns"][0]["codes"] = wrong
        with pytest.raises(ArtifactError, match="codes"):
            RowTemplate.from_json(broken)


def test_a_code_that_no_normal_row_says_is_new_and_no_number_is():
    rows = tightened(80, 0)
    template = RowTemplate.fit(rows, [*rows.columns])
    known = KnownValues.of(template, template.texts(rows))
    new = pd.DataFrame({"torque": ["OL", "ＯＫ", "STUCK", "55", "", "#N/A"], "angle": "90.0"})
    found = known.new_cells(template.texts(new))
    assert found == [(), (), (NewCell("torque", "STUCK"),), (), (), ()]


def test_rows_with_codes_go_by_their_columns_and_only_new_codes_are_strange():
    normal, new = tightened(200, 0), tightened(120, 1)
    new.loc[1:3, "torque"] = ["STUCK", "61.00", ""]
    detector = PolarDetector().fit(normal)
    assessment = detector.assess(new)
    assert detector.fitted_.head.name == "columns"
    assert assessment.is_anomaly[[1, 2, 3]].all()
    assert assessment.is_anomaly[::8].mean() <= 0.1
    assert assessment.reasons()[1].startswith("new in “torque”: STUCK")
    reference = detector.fitted_.reference
    texts = detector.rows_.texts(new)
    usual = [
        {cell.column: cell.is_usual for cell in own}
        for own in (
            cells_of(assessment.explanation.rows([i]), texts[i], reference, OddCells())
            for i in (0, 1, 2)
        )
    ]
    assert [own["torque"] for own in usual] == [True, False, False]
    page = render_markdown(Report.of(detector, new, assessment=assessment).data)
    assert "high “torque” (61.0)" in page
    assert "new in “torque”: STUCK |" in page
    assert "“torque” has no value |" in page


def test_where_other_columns_tell_the_code_another_one_is_strange(run, tmp_path):
    rng = np.random.default_rng(0)
    kinds = rng.choice(["manual", "auto"], 300)
    torque = [
        ("OK" if kind == "manual" else "OL") if i % 4 == 0 else f"{rng.normal(40, 1):.2f}"
        for i, kind in enumerate(kinds)
    ]
    rows = pd.DataFrame({"kind": kinds, "torque": torque})
    template = RowTemplate.fit(rows, [*rows.columns])
    assert template.categories["torque"].factors == ("kind",)
    path = tmp_path / "rows.csv"
    rows.to_csv(path, index=False)
    code, _, told = run("fit", path, "--all-columns", "--out", tmp_path / "detector")
    assert code == 0
    (said,) = (line for line in told.splitlines() if "(in brackets)" in line)
    assert "words held against those of normal rows with the same" in said
    assert "torque (kind)" in said


def test_fit_says_how_words_among_numbers_are_read():
    rows = tightened(80, 0)
    template = RowTemplate.fit(rows, [*rows.columns])
    assert warn_of_words(rows, template) == []
    assert warn_of_forms(rows, template) == [
        "column 'torque': 10 cells with the same few words, such as 'OL'; the others are read as "
        "numbers"
    ]
    assert warn_of_forms(tightened(80, 0, every=100)[1:], template) == []
