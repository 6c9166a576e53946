"""A row's text is all that travels, so its numbers must come back out of it exactly."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.tables import RowTemplate
from polar_detect.tables.rows import template as row_templates
from polar_detect.tables.rows.row_text import MORE_DECIMALS

MISSING = {"", "na", "n/a", "#n/a", "nan", "<na>", "null"}  # and in a column of numbers:
NO_NUMBER = MISSING | {"-", "－", "―", "—", "−", "--", "nd", "n.d.", "none", "#div/0!", "未測定"}
CELLS = st.text(alphabet=st.sampled_from("a;: 1.-\n\t\u3000ｂ"), max_size=8)
NUMBERS = st.one_of(
    st.floats(-1e17, 1e17, allow_subnormal=False).map(repr),
    st.integers(-1000, 1000).map(str),
    st.sampled_from(["", "nan", "N/A", "1e3", "-0.0", "inf", *sorted(NO_NUMBER)]),
)


@st.composite
def rows(draw):
    """Return a table whose even columns are numbers and whose odd ones are any text."""
    names = draw(st.lists(CELLS, min_size=2, max_size=4, unique=True))
    n_rows = draw(st.integers(3, 8))
    columns = {}
    for i, name in enumerate(names):
        kind = NUMBERS if i % 2 == 0 else CELLS
        columns[name] = draw(st.lists(kind, min_size=n_rows, max_size=n_rows))
        if i % 2 == 0:
            columns[name][:2] = ["1.25", "2"]
    return pd.DataFrame(columns, dtype=str)


def numbers(column):
    """Return what a column says, found another way; what is no number is NaN."""
    cells = [" ".join(cell.split()) for cell in column]
    values = np.asarray([np.nan if own.lower() in NO_NUMBER else float(own) for own in cells])
    return np.where(np.isfinite(values), values, np.nan)


def rounded(values, decimals):
    return np.asarray([float(f"{v:.{decimals}f}") if abs(v) < 1e15 else v for v in values])


@pytest.mark.slow
@given(rows())
@example(pd.DataFrame({"a": ["1.25", "2", "3"], "b": ["0", " ", "1"]}, dtype=str))
@example(pd.DataFrame({"a": ["1.25", "2", "1000000000000001"], "b": ["0"] * 3}, dtype=str))
@example(pd.DataFrame({"a": ["1000.25", "2000.1234567", "3001.4999996"], "b": ["0"] * 3}))
def test_numbers_come_back_out_of_a_rows_text_with_the_digits_that_it_keeps(frame):
    template = RowTemplate.fit(frame, list(frame.columns))
    found = template.read(template.texts(frame)).numbers
    assert found.names == tuple(column.name for column in template.numeric)
    for j, column in enumerate(template.numeric):
        said = numbers(frame[column.name])
        expected = short = rounded(said, column.decimals)
        if column.name in template.measured:
            longer = rounded(said, column.decimals + MORE_DECIMALS)
            expected = np.where(rounded(longer, column.decimals) == short, longer, short)
        np.testing.assert_array_equal(found.values[:, j], expected)


@pytest.mark.slow
@given(rows())
def test_cells_come_back_whatever_signs_they_and_the_names_hold(frame):
    template = RowTemplate.fit(frame, list(frame.columns))
    written = template.texts(frame)
    for i, text in enumerate(written):
        cells = template.cells(text)
        assert cells is not None
        for column, cell in zip(template.columns, cells, strict=True):
            if column.decimals is None:
                given_cell = " ".join(frame[column.name][i].split()).replace("; ", ", ")
                assert cell == ("missing" if given_cell.lower() in MISSING else given_cell)


def test_a_text_that_is_no_row_has_no_numbers():
    frame = pd.DataFrame({"Type": ["M", "L"], "Air [K]": ["298.12", "299.5"]}, dtype=str)
    template = RowTemplate.fit(frame, list(frame.columns))
    assert template.cells("Air [K]: 298.12; Type: M") is None
    assert template.cells("Type: M; Air [K]: 298.12; Air [K]: 1") is None
    assert np.isnan(template.read(["Pump leaks", "", "Type: M"]).numbers.values).all()
    control = template.read(["Type: anything at all; Air [K]: -1e3"]).numbers.values
    assert control.tolist() == [[-1000.0]]


def test_a_word_in_a_column_of_numbers_is_no_number_and_not_missing_either():
    frame = pd.DataFrame({"x": [*map(str, range(30)), "broken", "測定不可"]}, dtype=str)
    template = RowTemplate.fit(frame, ["x"])
    assert template.texts(frame)[30:] == ["x: broken", "x: missing"]
    found = template.read(template.texts(frame)).numbers
    assert np.isnan(found.values[30:, 0]).all()
    assert found.values[:30, 0].tolist() == list(range(30))
    assert np.flatnonzero(found.is_word).tolist() == [30]


def test_the_names_of_columns_are_put_on_one_line_once_for_all_rows(monkeypatch):
    labelled = []
    label_of = row_templates.label_of
    monkeypatch.setattr(
        row_templates, "label_of", lambda own: labelled.append(own) or label_of(own)
    )
    frame = pd.DataFrame({"Type": ["M", "L"] * 50, "Air [K]": ["298.1", "299.4"] * 50})
    template = RowTemplate.fit(frame, ["Type", "Air [K]"])
    for text in template.texts(frame):
        assert template.row_of(template.cells(text)) == text
    assert labelled == ["Type", "Air [K]"]


def test_rows_are_split_once_to_hold_them_against_others(monkeypatch):
    frame = pd.DataFrame({"product": [*"ab"] * 30, "size": np.tile([1.0, 5.0], 30)})
    frame["size"] += np.random.default_rng(0).normal(0, 0.1, 60).round(2)
    template = RowTemplate.fit(frame, ["product", "size"])
    assert template.dependent
    texts, split = template.texts(frame), []
    cells = RowTemplate.cells
    monkeypatch.setattr(RowTemplate, "cells", lambda *own: split.append(own) or cells(*own))
    reference = NumberReference.fit(template, texts)
    reference.features(texts)
    assert len(template.read(texts).empty_cells) == len(texts)
    assert len(split) == 3 * len(texts)
