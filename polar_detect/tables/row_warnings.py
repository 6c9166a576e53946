"""What people are told of rows before a detector is fitted on them."""

import math
import re
import reprlib
from collections.abc import Sequence

import pandas as pd

from polar_detect.tables.cell_numbers import MIN_NUMERIC
from polar_detect.tables.column_numbers import CellNumbers
from polar_detect.tables.names import on_one_line
from polar_detect.tables.rows import RowTemplate

_MOSTLY = 0.5  # of the cells that are not missing
# Roughly as byte-pair encodings of language models split: digits alone, words, signs.
_TOKEN = re.compile(r"\d|[^\W\d_]{1,7}|[^\w\s]")
# What it takes to fit the others of one row (`signature.numbers`), for the square of the number of
# columns, on one core of an EPYC: 0.24 s with 1,000 columns of 300 rows or 500 of 4,500, 1.8 s with
# 2,000.
_S_PER_COLUMN, _S_PER_ROW = 2e-10, 1.6e-10


def warn_of_words(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a warning for each column read as text though most of its cells are numbers."""
    notices = []
    for column in template.columns:
        found = CellNumbers.of(frame[column.name])
        if not column.is_numeric and _MOSTLY <= found.share < MIN_NUMERIC:
            notices.append(
                f"column {on_one_line(column.name)!r}: {found.percent} % of the cells are "
                f"numbers, others such as {reprlib.repr(found.words[0])}; it is read as text"
            )
    return notices


def warn_of_forms(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a notice for each column where 1,5 is 1.5, ▲5 -5, 46% 46, <0.5 .5 or 1:30 90."""
    return [
        notice
        for column in template.numeric
        for notice in column.form.notices(frame[column.name], column.name)
    ]


def warn_of_length(texts: Sequence[str], max_tokens: int) -> list[str]:
    """Return a warning when the rows are longer than what the model reads of them."""
    lengths = sorted(len(_TOKEN.findall(text)) for text in texts[:200])
    typical = lengths[len(lengths) // 2] if lengths else 0
    if typical <= max_tokens:
        return []
    enough = math.ceil(1.2 * typical / 16) * 16
    return [
        f"a row has about {typical} tokens, of which the model reads the first {max_tokens} (the "
        f"columns of numbers count in full); pass --max-tokens {enough}, or fewer "
        "columns with --columns"
    ]


def warn_of_hours(template: RowTemplate, n_rows: int) -> list[str]:
    """Return a warning where a fit on rows takes longer than an hour for their numbers alone.

    >>> from polar_detect.tables.row_columns import RowColumn
    >>> template = RowTemplate(tuple(RowColumn(f"c{i}", 1) for i in range(1000)))
    >>> warn_of_hours(template, 5000)
    ['a fit on 5000 rows with 1000 columns of numbers takes some 3 hours, as each row is held \
against the others by itself; choose fewer columns or rows']
    >>> warn_of_hours(template, 1000)
    []
    """
    n_columns = len(template.numeric)
    n_held = n_rows * (4 if template.dependent else 2)  # crossed rows too, by kinds and beside all
    hours = n_held * n_columns**2 * (_S_PER_COLUMN * n_columns + _S_PER_ROW * n_rows) / 3600
    if hours <= 1:
        return []
    return [
        f"a fit on {n_rows} rows with {n_columns} columns of numbers takes some "
        f"{math.ceil(hours)} hours, as each row is held against the others by itself; choose "
        "fewer columns or rows"
    ]
