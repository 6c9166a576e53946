"""A detector that is fitted on rows reads their numbers, names columns, and survives its folder."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_readings import readings
from sklearn.base import clone

from polar_detect import PolarDetector, Report
from polar_detect.artifact.contents import read_contents
from polar_detect.artifact.reading import stored_origin
from polar_detect.artifact.sealing import sealed
from polar_detect.containers import as_texts
from polar_detect.errors import ArtifactError, InputError, TrainingWarning
from polar_detect.frames import in_pandas, row_template, unwritten
from polar_detect.messages.language import Language
from polar_detect.metrics import auroc
from polar_detect.models.hashes import sha256_of
from polar_detect.report.content.cells import cells_of
from polar_detect.report.content.reasons import OddCells, reasons_of
from polar_detect.signature.columns.new_cells import NewCell
from polar_detect.tables import (
    RowColumns,
    RowTemplate,
    cells_as_text,
    read_table,
    warn_of_new_values,
    warn_of_words,
)
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.rows.template_column import TemplateColumn

NAMES = ["machine", "pressure [bar]", "flow [l/min]"]


@pytest.fixture(scope="module")
def template():
    return RowTemplate.fit(readings(), NAMES)


@pytest.fixture(scope="module")
def fitted(template, tiny_pair):
    return PolarDetector(**tiny_pair, rows=template).fit(template.texts(readings()))


@pytest.fixture(scope="module")
def strange(template):
    """Return rows of which the first has a flow that does not fit its usual pressure."""
    rows = readings(20, seed=1)
    rows.loc[0, ["pressure [bar]", "flow [l/min]"]] = ["6.9", "100.0"]
    return template.texts(rows)


def test_a_detector_with_a_template_sees_numbers_that_its_texts_hide(fitted, strange):
    scores = -fitted.score_samples(strange)
    assert scores.argmax() == 0


@pytest.fixture(scope="module")
def measured():
    """Return the same rows as a person has them in Python: numbers, and columns without names."""
    rows = readings().astype(dict.fromkeys(NAMES[1:], float))
    return rows.set_axis([0, "pressure [bar]", "flow [l/min]"], axis=1)


@pytest.fixture(scope="module")
def fitted_on_frame(measured, tiny_pair):
    return PolarDetector(**tiny_pair).fit(measured)


def test_a_data_frame_is_fitted_and_scored_row_by_row(fitted_on_frame, measured, tmp_path):
    new = measured.iloc[:6].reset_index(drop=True)
    new.loc[0, ["pressure [bar]", "flow [l/min]"]] = [6.9, 100.0]
    template = fitted_on_frame.fitted_.settings.rows
    assert [column.name for column in template.columns] == ["0", *NAMES[1:]]
    scores = fitted_on_frame.score_samples(new)
    assert scores.argmin() == 0
    assert fitted_on_frame.explain(new).top_columns(1)[0].startswith("flow [l/min]")
    found = fitted_on_frame.assess(new.iloc[::-1]).to_frame()
    assert found.index.tolist() == [5, 4, 3, 2, 1, 0]
    assert found.loc[0, "top_columns"].startswith("flow [l/min] +")
    # Order of the columns and further ones are of no matter, nor are rows written out before.
    np.testing.assert_array_equal(
        fitted_on_frame.score_samples(new[[*NAMES[:0:-1], 0]].assign(note="seen")), scores
    )
    np.testing.assert_array_equal(
        fitted_on_frame.score_samples(template.texts(new.rename(columns={0: "0"}))), scores
    )
    fitted_on_frame.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.score_samples(new), scores)
    np.testing.assert_array_equal(loaded.assess(new, programs_of="flagged").scores, -scores)
    # What was derived is no setting, so that a refit derives it anew, of other columns too.
    assert loaded.rows is fitted_on_frame.rows is None
    assert loaded.rows_ == fitted_on_frame.rows_ == template
    assert "RowTemplate" not in repr(loaded)
    other = new.rename(columns={0: "machine"})[["machine", "flow [l/min]"]]
    refitted = loaded.set_params(max_tokens=4).fit(pd.concat([other] * 7))
    assert [column.name for column in refitted.rows_.columns] == ["machine", "flow [l/min]"]


def test_tables_of_other_libraries_are_scored_as_those_of_pandas(fitted_on_frame, measured):
    new = measured.iloc[:4].rename(columns={0: "0"})
    table = pa.Table.from_pandas(new, preserve_index=False)
    expected = fitted_on_frame.score_samples(new)
    np.testing.assert_array_equal(fitted_on_frame.score_samples(table), expected)
    np.testing.assert_array_equal(fitted_on_frame.score_samples(Streamed(table)), expected)
    brief = clone(fitted_on_frame).set_params(max_tokens=4)  # what is read of rows is of no matter
    refitted = brief.fit(pa.Table.from_pandas(measured.rename(columns={0: "0"})))
    assert refitted.rows_ == fitted_on_frame.rows_


class Streamed:
    """A table as polars has it: with a shape, and read by way of Arrow's interface."""

    def __init__(self, table):
        self._table = table
        self.shape = table.shape

    def __iter__(self):
        return iter(self._table.columns)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def test_codes_of_an_arrow_table_keep_their_digits_beside_empty_cells():
    table = pa.table({"code": [2**60 + 1, None, 7], "state": ["on", "off", "on"]})
    assert cells_as_text(in_pandas(Streamed(table))["code"]) == [str(2**60 + 1), "", "7"]


def test_the_template_of_a_detector_is_none_where_texts_are_no_rows(fitted, fitted_on_tiny):
    assert fitted.rows_ == fitted.rows.rounded()
    assert fitted_on_tiny.rows_ is None
    assert not hasattr(PolarDetector(), "rows_")


def test_a_fit_on_a_data_frame_warns_of_columns_as_the_command_line_does(
    measured, tiny_pair, tmp_path
):
    odd = measured.assign(
        count=range(60),
        when=pd.date_range("2026-04-01", periods=60),
        order=[f"WO-{1000 + 7 * i}" for i in range(60)],
        state=[f"see {i}" if i % 9 == 0 else 7.5 + i for i in range(60)],
    )
    detector = PolarDetector(**tiny_pair, max_tokens=8)
    with pytest.warns(TrainingWarning) as caught:
        detector.fit(odd)
    said = [str(warning.message) for warning in caught]
    assert said == [
        "column 'count' only counts the rows, and in new rows its numbers are all new; leave it "
        "out",
        "column 'when' holds dates, and those of new rows are all new; leave it out",
        "column 'order' holds codes that hardly repeat, and those of new rows are all new; leave "
        "it out",
        "column 'state': 88 % of the cells are numbers, others such as 'see 0'; it is read as text",
    ]
    assert {Path(warning.filename).name for warning in caught} == {Path(__file__).name}
    odd.to_csv(tmp_path / "odd.csv", index=False)
    table = read_table(tmp_path / "odd.csv", rows=RowColumns())
    of_columns = warn_of_new_values(table.frame, list(table.frame.columns))[:3]
    told = [*of_columns, *warn_of_words(table.frame, table.template)]
    assert [sentence.removesuffix(" with --columns") for sentence in told] == said


def test_columns_of_a_data_frame_that_are_missing_or_named_twice_are_named(
    fitted_on_frame, fitted_on_tiny, measured
):
    with pytest.raises(
        InputError, match=r"Got column 'flow \[l/min\]'; the table has: 0, pressure"
    ):
        fitted_on_frame.score_samples(measured.iloc[:, :2])
    with pytest.raises(InputError, match="Got two columns named '0'; expected a name for each"):
        PolarDetector().fit(measured.set_axis([0, "0", "flow"], axis=1))
    for parts in ([measured, measured], [measured, measured.rename(columns={0: "0"})[["0"]]]):
        with pytest.raises(InputError, match=r"Got two columns named '[0p].*; expected a name"):
            fitted_on_frame.score_samples(pd.concat(parts, axis=1))
    with pytest.raises(
        InputError,
        match=r"Got a table of 3 columns \(0, pressure \[bar\], .*\); expected one column",
    ):
        fitted_on_tiny.score_samples(measured)


def test_who_asks_about_a_row_without_its_columns_is_told_to_pass_a_data_frame(
    fitted_on_frame, measured
):
    for row in (measured.iloc[0], measured.iloc[0].tolist()):
        with pytest.raises(InputError, match=r"Got .* at position \d; .* frame.iloc\[\[0\]\]"):
            fitted_on_frame.score_samples(row)
    for rows in (measured.to_dict("records"), measured.to_records(index=False)):
        with pytest.raises(InputError, match=r"of rows pass a data frame, e.g. pandas.DataFrame"):
            fitted_on_frame.score_samples(rows)
    assert len(fitted_on_frame.score_samples(measured.iloc[[0]])) == 1  # as it says


def test_columns_of_several_levels_are_named_as_headers_of_two_rows_are(tmp_path):
    levels = [("flow", "mean"), ("flow", "max"), ("id", "")]
    frame = pd.DataFrame([[1.5, 2, "a"], [2.5, 3, "b"]], columns=pd.MultiIndex.from_tuples(levels))
    template = row_template(frame)
    assert as_texts(frame[["id", "flow"]], template) == [
        "flow mean: 1.5; flow max: 2; id: a",
        "flow mean: 2.5; flow max: 3; id: b",
    ]
    path = tmp_path / "two.xlsx"
    rows = [["pump", None, "state"], ["bar", "rpm", None], [1, 2, "on"], [3, 4, "off"]]
    pd.DataFrame(rows).to_excel(path, header=False, index=False)
    read = pd.read_excel(path, header=[0, 1], engine="openpyxl")  # it calls empty cells Unnamed
    assert [c.name for c in row_template(read).columns] == ["pump [bar]", "pump [rpm]", "state"]
    frame.columns = pd.MultiIndex.from_tuples([("flow", "max"), ("flow max", ""), ("id", "")])
    with pytest.raises(InputError, match="Got two columns named 'flow max'"):
        row_template(frame)


def test_a_single_column_of_a_data_frame_is_a_row_too_for_who_was_fitted_on_rows(
    fitted_on_frame, measured
):
    with pytest.raises(InputError, match=r"Got column 'pressure \[bar\]'; the table has: 0"):
        fitted_on_frame.score_samples(measured[[0]])
    template = fitted_on_frame.fitted_.settings.rows
    texts = template.texts(measured.rename(columns={0: "0"}))
    written = pd.DataFrame({"text": texts})
    np.testing.assert_array_equal(
        fitted_on_frame.score_samples(written), fitted_on_frame.score_samples(texts)
    )


def test_numbers_pass_over_the_nearest_rows_too_where_some_of_them_may_be_anomalous(fitted):
    reference, extractor = fitted.fitted_.reference, fitted.engine_.extractor
    own = extractor.read(reference.texts[:5])
    tables = [extractor.signatures(own, replace(reference, contamination=c)) for c in (0, 0.1)]
    is_distance = [name.startswith("column/") and "/distance" in name for name in tables[0].names]
    met, passed = (table.values[:, is_distance].sum(1) for table in tables)
    assert (met < passed).all()


def test_without_a_template_there_are_no_columns(fitted_on_tiny):
    explanation = fitted_on_tiny.explain(["Pump leaks."])
    assert not [name for name in explanation.names if name.startswith("column")]
    assert explanation.by_column() == {}
    assert explanation.top_columns() == [""]


def test_an_explanation_names_the_columns_and_still_adds_up(fitted, strange):
    explanation = fitted.explain(strange)
    columns = explanation.by_column()
    assert list(columns) == [*NAMES[1:], NAMES[0]]  # numbers before categories
    groups = explanation.by_group()
    np.testing.assert_allclose(np.sum([*columns.values()], axis=0), groups["column"])
    total = explanation.by_layer().sum(1) + np.sum([*groups.values()], axis=0)
    np.testing.assert_allclose(
        explanation.base_value + total, -fitted.score_samples(strange), atol=1e-3
    )
    assert explanation.top_columns()[0].count("; ") == 1
    largest = max(columns.values(), key=lambda v: abs(v[0]))[0]
    assert f"{largest:+.2f}" in explanation.top_columns(1)[0]
    assert columns["flow [l/min]"][0] > 3 * np.abs(columns["flow [l/min]"][1:]).mean()


@pytest.mark.slow
def test_boosted_trees_read_the_columns_too(template, tiny_pair, strange):
    detector = PolarDetector("lightgbm", **tiny_pair, max_tokens=8, rows=template)
    detector.fit(template.texts(readings()))
    columns = np.abs([*detector.explain(strange).by_column().values()])
    assert columns.max() > 0


def test_a_report_finds_the_cells_in_the_text_of_a_row(fitted, strange):
    for text in strange[:3]:
        cells = cells_of(fitted.explain([text]), text, fitted.fitted_.reference, OddCells())
        assert {cell.column for cell in cells} == set(NAMES)
        for cell in cells:
            assert text[: cell.stop].endswith(f"{cell.column}: {cell.says}")
            assert text[cell.start : cell.stop] == cell.says
            assert cell.column == NAMES[0] or float(cell.says) > 0


def test_a_cell_without_a_value_is_called_so_and_not_unusual(fitted, template):
    rows = readings(6, seed=1)
    rows.loc[0, "flow [l/min]"] = ""
    rows.loc[1, "flow [l/min]"] = "ERR"
    assessed = fitted.assess([*template.texts(rows), ""])
    rows.loc[0, "flow [l/min]"] = "N.D."  # of which nobody can say that it is empty
    assert fitted.assess(template.texts(rows)).reasons()[0] == assessed.reasons()[0]
    assert assessed.empty_cells == (frozenset({"flow [l/min]"}), *[frozenset()] * 6)
    english, japanese = assessed.reasons(), assessed.reasons("ja")
    assert english[0].startswith("“flow [l/min]” has no value +")
    assert japanese[0].startswith("「flow [l/min]」に値がない +")
    assert english[1].startswith("unusual “flow [l/min]” +")  # control: a word is no gap


def test_what_no_normal_row_says_in_a_category_is_said(fitted, template):
    rows = readings(4, seed=1)
    rows.loc[0, "machine"] = "CNC-9"
    rows.loc[1, "machine"] = ""
    assessed = fitted.assess([*template.texts(rows), ""])
    empty = NewCell("machine", "")  # as in no normal row
    assert assessed.new_cells == ((NewCell("machine", "CNC-9"),), (empty,), (), (), ())
    english, japanese = assessed.reasons(), assessed.reasons("ja")
    raised = fitted.assess(template.texts(rows)).explanation
    of_rows = reasons_of(raised, Language(are_rows=True))
    assert english[0].removeprefix("new in “machine”: CNC-9; ") == of_rows[0]
    assert "normal rows" in of_rows[0]
    assert english[0].startswith("new in “machine”: CNC-9; ")
    assert japanese[0].startswith("「machine」の新しい値「CNC-9」; ")
    assert english[1].startswith("“machine” has no value")
    assert japanese[1].startswith("「machine」に値がない")
    assert not [said for said in english[1:] if "new in" in said]


def test_an_empty_cell_as_in_no_normal_row_is_said_once_with_its_part_of_score(fitted, template):
    assessed = fitted.assess(template.texts(readings(2, seed=1).assign(machine=["", "CNC-9"])))
    values = assessed.explanation.values.copy()
    values[:, [own.part == "machine/level" for own in assessed.explanation.features]] = 3.0
    values[:, [own.part == "machine/new" for own in assessed.explanation.features]] = 2.0
    values[:, [own.part == "flow [l/min]/residual" for own in assessed.explanation.features]] = 9.0
    assessed = replace(assessed, explanation=replace(assessed.explanation, values=values))
    empty, new = (said.split("; ")[:3] for said in assessed.reasons())
    assert empty[0] == "“machine” has no value +5.00"
    assert [own for own in empty if "machine" in own] == empty[:1]
    assert new[0] == "new in “machine”: CNC-9"
    assert new[2] == "unusual “machine” +5.00"


@pytest.mark.slow
def test_a_detector_without_texts_does_not_know_what_is_new(template, tiny_pair):
    detector = PolarDetector(**tiny_pair, max_tokens=4, rows=template, store_texts=False).fit(
        template.texts(readings())
    )
    rows = readings(1).assign(machine="CNC-9")
    assessed = detector.assess(template.texts(rows))
    assert assessed.new_cells == ((),)
    assert [*assessed.to_frame()][-1] == "top_columns"  # as `score` adds it for rows
    said = Report.of(detector, rows, assessment=assessed).data
    assert said.are_rows
    assert not said.has_cells


def test_a_detector_that_keeps_no_held_out_rows_does_not_know_what_is_new(fitted):
    own = fitted.fitted_
    assert own.known_values.by_place  # control
    apart = replace(own, reference=replace(own.reference, n_joined=0))  # as of other heads
    assert not apart.known_values.by_place


@pytest.mark.slow
def test_rows_that_are_all_the_same_leave_nothing_to_cross(tiny_pair):
    rows = pd.DataFrame({"type": ["M"] * 40, "flow": [1.5] * 40})
    detector = PolarDetector("lightgbm", **tiny_pair, max_tokens=4)
    with pytest.warns(TrainingWarning, match="all 40 normal texts say the same"):
        detector.fit(rows)
    assert detector.predict(rows[:1]).tolist() == [1]


def test_a_report_made_of_a_data_frame_shows_its_cells(fitted_on_frame, measured):
    new = measured.iloc[:4].copy()
    new.iloc[1, :] = ["CNC-9", 6.9, 100.0]
    data = Report.of(fitted_on_frame, new, top=1).data
    shown = data.rows[0]
    assert (data.source, shown.row) == ("rows", 2)
    assert shown.text.startswith("0: CNC-9; ")
    assert {cell.column for cell in shown.cells} == {"0", *NAMES[1:]}
    assert shown.new_cells == (NewCell("0", "CNC-9"),) == data.listed[0].new_cells


def test_texts_that_are_no_rows_have_no_empty_cells(fitted_on_tiny):
    assessed = fitted_on_tiny.assess(["pump leaks"])
    assert (assessed.empty_cells, assessed.new_cells) == ((), ())


@pytest.fixture(scope="module")
def fine():
    """Return rows of which nothing is strange, in a narrow band of pressures."""
    rows = readings(2000, seed=2)
    pressure = rows["pressure [bar]"].astype(float)
    return rows[(pressure > 6.1) & (pressure < 6.2)]


@pytest.fixture(scope="module")
def taught(template, tiny_pair, fine):
    detector = PolarDetector(**tiny_pair, max_tokens=8, rows=template)
    normal = readings(150)
    pressure = normal["pressure [bar]"].astype(float)
    texts = template.texts(normal[(pressure < 6.05) | (pressure > 6.25)])
    labelled = template.texts(fine.iloc[:15])
    return detector.fit([*texts, *labelled], [0] * len(texts) + [1] * len(labelled))


@pytest.mark.slow
def test_labelled_rows_teach_what_their_numbers_have_in_common(taught, fitted, template, fine):
    new = readings(100, seed=3)
    pressure = new["pressure [bar]"].astype(float)
    normal = template.texts(new[(pressure < 6.05) | (pressure > 6.25)])
    bad = template.texts(fine.iloc[15:75])
    is_bad = np.repeat([False, True], [len(normal), len(bad)])
    every = -taught.score_samples([*normal, *bad])
    assert auroc(is_bad, every) > 0.85
    assert auroc(is_bad, -fitted.score_samples([*normal, *bad])) < 0.6  # control
    explanation, scores = taught.explain(bad), every[is_bad]
    np.testing.assert_allclose(explanation.base_value + explanation.values.sum(1), scores)
    own = [n for n in explanation.names if n.endswith("/likeness")]
    columns = [*NAMES[1:], NAMES[0]]  # numbers first
    assert own == ["labelled/likeness", *(f"column/{name}/likeness" for name in columns)]
    of_columns = [name in own[1:] for name in explanation.names]
    assert explanation.values[:, of_columns].sum(1).mean() > 0.1  # the rest is of the text
    pressures = [
        next(
            cell
            for cell in cells_of(explanation.rows([i]), text, taught.fitted_.reference, OddCells())
            if "bar" in cell.column
        )
        for i, text in enumerate(bad)
    ]
    assert all(cell.is_usual for cell in pressures)
    assert np.mean([cell.is_as_labelled for cell in pressures]) > 0.8
    own = fitted.explain(bad[:1])
    assert not any(
        cell.is_as_labelled for cell in cells_of(own, bad[0], fitted.fitted_.reference, OddCells())
    )  # control


def test_a_saved_detector_keeps_what_labelled_rows_taught(taught, fine, template, tmp_path):
    taught.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    gap = fine.iloc[:1].assign(**{"pressure [bar]": "-"})  # which no row that taught has
    texts = [*template.texts(fine), *template.texts(gap)]
    np.testing.assert_array_equal(loaded.score_samples(texts), taught.score_samples(texts))
    kept = read_contents(tmp_path / "saved").kept
    trees = tmp_path / "saved" / "likeness.txt"
    what = "pieces of words, and trees on the columns of rows"
    (likeness,) = (own for own in kept if own.what.endswith(what))
    assert likeness.n_bytes > trees.stat().st_size
    trees.write_text(trees.read_text().replace("split_feature=", "split_feature=7 ", 1))
    manifest = json.loads((tmp_path / "saved" / "manifest.json").read_text())
    del manifest["seal"]
    manifest["files"][trees.name] = sha256_of(trees)
    manifest["sizes"][trees.name] = trees.stat().st_size
    (tmp_path / "saved" / "manifest.json").write_bytes(sealed(manifest))
    with pytest.raises(ArtifactError, match=r"likeness\.txt' that LightGBM cannot read"):
        PolarDetector.load(tmp_path / "saved")
    trees.unlink()
    del manifest["files"][trees.name], manifest["sizes"][trees.name]
    (tmp_path / "saved" / "manifest.json").write_bytes(sealed(manifest))
    with pytest.raises(ArtifactError, match=r"likeness\.txt' that LightGBM cannot read"):
        PolarDetector.load(tmp_path / "saved")


@pytest.mark.slow
def test_labelled_rows_of_words_alone_teach_and_what_they_taught_is_kept(tiny_pair, tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({name: rng.choice([*"abc"], 120) for name in ("machine", "shift", "part")})
    is_bad = (rows["machine"] == "a") & (rows["shift"] == "b")
    detector = PolarDetector(**tiny_pair, max_tokens=8).fit(rows, is_bad)
    assert [*detector.rows_.categories] == [*rows]
    detector.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.score_samples(rows), detector.score_samples(rows))
    names = detector.explain(rows[:1]).names
    assert [name for name in names if name.endswith("/likeness")] == [
        "labelled/likeness", *(f"column/{name}/likeness" for name in rows)
    ]  # fmt: skip
    scores = -detector.score_samples(rows)
    assert auroc(is_bad.to_numpy(), scores) > 0.9


@pytest.mark.slow
def test_detectors_that_know_normal_rows_only_read_nothing_of_labels(fine, template, tiny_pair):
    detector = PolarDetector("isolation-forest", **tiny_pair, max_tokens=8, rows=template)
    template = template.rounded()
    normal = template.texts(readings())
    labelled = [text for text in template.texts(fine) if text not in normal][:15]
    detector.fit([*normal, *labelled], [0] * len(normal) + [1] * len(labelled))
    explanation = detector.explain(template.texts(fine))
    own = [name.endswith("/likeness") for name in explanation.names]
    assert sum(own) == 1 + len(NAMES)  # of the text, and of each column
    assert not explanation.values[:, own].any()


def test_a_saved_detector_keeps_template_and_scores(fitted, strange, tmp_path):
    fitted.save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    assert loaded.rows == fitted.rows_
    np.testing.assert_array_equal(loaded.score_samples(strange), fitted.score_samples(strange))
    manifest = json.loads((tmp_path / "saved" / "manifest.json").read_text())
    assert manifest["settings"]["rows"] == fitted.rows_.to_json()


def test_a_detector_of_rows_that_an_older_version_fitted_reads_no_numbers(
    fitted_on_tiny, template, strange, tmp_path
):
    fitted_on_tiny.save(tmp_path / "saved")
    path = tmp_path / "saved" / "manifest.json"
    manifest = json.loads(path.read_text()) | {"input": template.to_json()}
    del manifest["seal"]
    path.write_bytes(sealed(manifest))
    loaded = PolarDetector.load(tmp_path / "saved")
    assert loaded.rows is None
    assert loaded.explain(strange).by_column() == {}
    assert stored_origin(tmp_path / "saved").template == template


def test_numbers_are_not_kept_where_texts_are_not(template, tiny_pair, tmp_path):
    detector = PolarDetector(**tiny_pair, max_tokens=4, rows=template, store_texts=False)
    texts = template.texts(readings())
    detector.fit(texts).save(tmp_path / "saved")
    loaded = PolarDetector.load(tmp_path / "saved")
    assert loaded.explain(texts[:2]).by_column() == {}
    assert loaded.fitted_.reference.numbers is None


def test_a_detector_with_a_template_can_be_cloned(fitted):
    copy = clone(fitted)
    assert copy.rows == fitted.rows
    assert not hasattr(copy, "fitted_")


def test_texts_that_are_no_rows_cannot_be_fitted_on(template, tiny_pair):
    detector = PolarDetector(**tiny_pair, max_tokens=8, rows=template)
    with pytest.raises(InputError, match="none of which is a row"):
        detector.fit([f"Greased bearing {i}" for i in range(50)])


@pytest.mark.parametrize("method", ["score_samples", "predict", "explain", "assess"])
@pytest.mark.parametrize(
    "text",
    [
        "pump leaks",
        "machine: mill; pressure [bar]: 6.1; flow [l/min]: 121",  # 6.10 is what is written
        "machine: mill; flow [l/min]: 121; pressure [bar]: 6.10",
    ],
)
def test_a_text_that_is_no_row_is_refused_by_who_was_fitted_on_rows(fitted, strange, method, text):
    message = re.escape(
        f"Got {text!r} at position 2, which is no row as the detector writes it; expected one "
        "such as 'machine: …; pressure [bar]: 0.00; flow [l/min]: 0'; pass a data frame with these "
        "columns, or write one by rows_.texts(frame)."
    )
    with pytest.raises(InputError, match=message):
        getattr(fitted, method)([strange[0], "", text, strange[1]])


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8")) | st.sampled_from(["a; b", "", " x", "missing"]),
            st.text(st.sampled_from("0123456789.,-%eE MPa℃;−¥/１")) | st.floats(),
        ),
        min_size=1,
    ),
    st.sampled_from([0, 2, None]),
    st.sampled_from([None, "MPa"]),
    st.sampled_from([1, 2]),
)
def test_what_the_template_writes_it_knows_for_its_own(cells, decimals, unit, notation):
    own = TemplateColumn("p; [MPa]", decimals, NumberForm(None if decimals is None else unit))
    template = RowTemplate((TemplateColumn("note", None), own), notation)
    frame = pd.DataFrame(cells, columns=["note", "p; [MPa]"], dtype=object)
    texts = template.texts(frame)
    assert unwritten(texts, template) == []
    assert unwritten([f"{text} " for text in texts], template) == [*range(len(texts))]  # control


def parts(n_rows=60, *, seed=0):
    """Return parts of two products, each with its own size."""
    rng = np.random.default_rng(seed)
    product = rng.integers(2, size=n_rows)
    length = np.asarray([20.0, 25.0])[product] + rng.normal(0, 0.01, n_rows)
    columns = {"product": np.asarray(["PA", "PB"])[product], "length": length.round(3)}
    return pd.DataFrame(columns | {"oven": rng.normal(180, 3, n_rows).round(1)})


def test_a_size_of_another_product_is_flagged_named_and_explained(tiny_pair, tmp_path):
    new = parts(20, seed=1)
    new.loc[0, ["product", "length"]] = ["PA", 25.0]
    detector = PolarDetector(**tiny_pair, max_tokens=8).fit(parts())
    detector.save(tmp_path / "saved")
    assessed = detector.assess(new)
    found = assessed.to_frame()
    assert found["score"].idxmax() == 0
    assert found.loc[0, "top_columns"].startswith("length +")
    assert found.loc[0, "reasons"].startswith("high “length” for its “product” +")
    assert assessed.reasons("ja")[0].startswith("「product」のわりに「length」が高い +")
    pd.testing.assert_frame_equal(
        PolarDetector.load(tmp_path / "saved").assess(new).to_frame(), found
    )

    def length_of(row):
        found = cells_of(
            detector.explain(row),
            *detector.rows_.texts(row),
            detector.fitted_.reference,
            OddCells(),
        )
        return next(cell for cell in found if cell.column == "length")

    length = length_of(new[:1])
    assert length.beside == {"product": "PA"}
    assert 19.95 < length.low < length.high < 20.05
    assert not length.is_usual
    of_new_product = length_of(new[:1].assign(product="PX"))
    assert of_new_product.beside == {}  # of all rows
    assert (of_new_product.low < 20.05, of_new_product.high > 24.95) == (True, True)
