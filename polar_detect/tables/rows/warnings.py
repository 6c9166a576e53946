"""What people are told of rows that a detector is fitted on, or scores."""

import math
import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from polar_detect.errors import counted, listing
from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.cells.numbers import MIN_NUMERIC, MISSING, as_numbers
from polar_detect.tables.cells.units import split_unit
from polar_detect.tables.rows.template import RowTemplate
from polar_detect.tables.rows.template_column import TemplateColumn

_MIN_WORDS = 3  # of one or two cells such as ERR their rows tell
_MAX_LISTED_COLUMNS = 10
_MOSTLY = 0.5  # of the cells that are not missing
# Roughly as byte-pair encodings of language models split: digits alone, words, signs.
_TOKEN = re.compile(r"\d|[^\W\d_]{1,7}|[^\w\s]")
# What it takes to fit the others of one row (`signature.columns.numbers`), for the square of the
# number of columns, on one core of an EPYC: 0.24 s with 1,000 columns of 300 rows or 500 of 4,500,
# 1.8 s with 2,000.
_S_PER_COLUMN, _S_PER_ROW = 2e-10, 1.6e-10


def warn_of_words(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a warning for each column read as text though most of its cells are numbers."""
    notices = []
    for column in template.columns:
        found = ColumnNumbers.of(frame[column.name])
        if not column.is_numeric and _MOSTLY <= found.share < MIN_NUMERIC:
            notices.append(
                f"column {on_one_line(column.name)!r}: {found.percent} % of the cells are "
                f"numbers, others such as {reprlib.repr(found.words[0])}; it is read as text"
            )
    return notices


def _said_of_codes(column: TemplateColumn, cells: pd.Series) -> list[str]:
    words = [*filter(column.form.is_code, ColumnNumbers.of(cells, column.form).words)]
    if not words:
        return []
    return [
        f"column {on_one_line(column.name)!r}: {counted(len(words), 'cell')} with the same few "
        f"words, such as {reprlib.repr(words[0])}; the others are read as numbers"
    ]


def warn_of_forms(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return how columns of numbers are read.

    A notice for each in which 1,5 is 1.5, ▲5 -5, 46% 46, <0.5 .5 or 1:30 90, and for each that says
    OL or OK where it has no number.
    """
    notices = []
    for column in template.all_numeric:
        notices += column.form.notices(frame[column.name], column.name)
        notices += _said_of_codes(column, frame[column.name])
    return notices


def warn_of_empty(template: RowTemplate, texts: Sequence[str], *, reads_texts: bool) -> list[str]:
    """Return a warning of the columns that are empty in all of the rows, as they are written out.

    `reads_texts`: models read the rows, and so what new ones say there.

    >>> template = RowTemplate((TemplateColumn("T", 1), TemplateColumn("note", None)))
    >>> warn_of_empty(template, ["T: 20.1; note: missing"], reads_texts=False)
    ["columns that are empty in all rows do not count, whatever new rows say there: 'note'"]
    """
    rows = [cells for text in texts if (cells := template.cells(text)) is not None]
    columns = zip(template.names, zip(*rows, strict=True), strict=True) if rows else ()
    empty = [repr(on_one_line(name)) for name, cells in columns if {*cells} == {MISSING}]
    if not empty:
        return []
    names = listing(empty, _MAX_LISTED_COLUMNS)
    if not reads_texts:
        return [
            f"columns that are empty in all rows do not count, whatever new rows say there: {names}"
        ]
    return [
        f"columns that are empty in all rows: {names}; a new row that says something there will "
        "look strange, so leave them out with --columns unless it should"
    ]


def warn_of_length(texts: Sequence[str], max_tokens: int, *, has_numbers: bool) -> list[str]:
    """Return a warning when the rows are longer than what the model reads of them.

    `has_numbers`: columns count as numbers too, however far behind they stand.
    """
    lengths = sorted(len(_TOKEN.findall(text)) for text in texts[:200])
    typical = lengths[len(lengths) // 2] if lengths else 0
    if typical <= max_tokens:
        return []
    enough = math.ceil(1.2 * typical / 16) * 16
    but = " (the columns of numbers count in full)" if has_numbers else ""
    return [
        f"a row has about {typical} tokens, of which the model reads the first {max_tokens}{but}; "
        f"pass --max-tokens {enough}, or fewer columns with --columns"
    ]


def warn_of_hours(template: RowTemplate, n_rows: int, n_held: int | None = None) -> list[str]:
    """Return a warning where a fit on rows takes longer than an hour for their numbers alone.

    `n_held`: so many times one of the rows is held against the others; by default as often as
    detectors do that read the rows.

    >>> from polar_detect.tables.rows.template_column import TemplateColumn
    >>> template = RowTemplate(tuple(TemplateColumn(f"c{i}", 1) for i in range(1000)))
    >>> warn_of_hours(template, 5000)
    ['a fit on 5000 rows with 1000 columns of numbers takes some 3 hours, as each row is held \
against the others by itself; choose fewer columns or rows']
    >>> warn_of_hours(template, 1000)
    []
    """
    n_columns = len(template.numeric)
    if n_held is None:  # crossed rows too, by kinds and beside all
        n_held = n_rows * (4 if template.dependent else 2)
    hours = n_held * n_columns**2 * (_S_PER_COLUMN * n_columns + _S_PER_ROW * n_rows) / 3600
    if hours <= 1:
        return []
    return [
        f"a fit on {n_rows} rows with {n_columns} columns of numbers takes some "
        f"{math.ceil(hours)} hours, as each row is held against the others by itself; choose "
        "fewer columns or rows"
    ]


class LostNumbers:
    """Counts such cells in a table that is read part by part.

    Cells with another unit than their column, and others where most of a column are words, as
    where its decimal points have become commas.

    Parameters
    ----------
    template : RowTemplate
        Which says how the numbers of a column are written.
    """

    def __init__(self, template: RowTemplate) -> None:
        self._template = template
        self._counts = [_Counts(column) for column in template.all_numeric]

    def add(self, frame: pd.DataFrame) -> None:
        """Count the cells of some more rows."""
        found = self._template.words(frame)
        for own, (words, n_numbers) in zip(self._counts, found, strict=True):
            own.n_numbers += n_numbers
            for word in words:
                (own.measured if _is_measured(word, own.column) else own.others).add(word)

    def notices(self) -> list[str]:
        """Return a notice for each column that has such cells."""
        counts = self._counts
        units = [_said_of_units(own.column, own.measured) for own in counts if own.measured.n]
        return units + [_said_of_words(own) for own in counts if own.are_most_words]


@dataclass
class _Words:
    """How many cells there are of a kind, and what the first says."""

    n: int = 0
    first: str = ""

    def add(self, word: str) -> None:
        self.n += 1
        self.first = self.first or word.strip()

    @property
    def cells(self) -> str:
        return "1 cell" if self.n == 1 else f"{self.n} cells"


@dataclass
class _Counts:
    """Of a column of numbers: the cells that are some, and those that are not."""

    column: TemplateColumn
    n_numbers: int = 0
    measured: _Words = field(default_factory=_Words)
    others: _Words = field(default_factory=_Words)

    @property
    def n_filled(self) -> int:
        return self.n_numbers + self.measured.n + self.others.n

    @property
    def are_most_words(self) -> bool:
        return self.others.n >= _MIN_WORDS and 2 * self.others.n > self.n_filled


def warn_of_lost_numbers(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a notice for each column of numbers with cells in another unit, or mostly words.

    >>> from polar_detect.tables.cells.number_form import NumberForm
    >>> rows = pd.DataFrame({"T [°C]": ["180", "212 °F"]}, dtype=str)
    >>> template = RowTemplate((TemplateColumn("T [°C]", 0, NumberForm("°C")),))
    >>> warn_of_lost_numbers(rows, template)[0][:47]
    "column 'T [°C]': 1 cell in another unit than °C"
    """
    found = LostNumbers(template)
    found.add(frame)
    return found.notices()


def _is_measured(word: str, column: TemplateColumn) -> bool:
    """Return whether a cell that is no number of a column is one with a unit all the same."""
    found = split_unit(word, is_expected=column.form.unit is not None)
    return found is not None and bool(np.isfinite(as_numbers(found[:1])[0]))


def _said_of_units(column: TemplateColumn, measured: _Words) -> str:
    name, cells, word = on_one_line(column.name), measured.cells, reprlib.repr(measured.first)
    unit = column.form.unit
    if unit is None:
        return (
            f"column {name!r}: {cells} with a unit that the column has not, such as {word}; read "
            "as words, not as numbers"
        )
    return (
        f"column {name!r}: {cells} in another unit than {unit}, such as {word}; read as words, "
        "not as numbers"
    )


def _said_of_words(own: _Counts) -> str:
    return (
        f"column {on_one_line(own.column.name)!r} had numbers when the detector was fitted, and "
        f"{own.others.n} of its {own.n_filled} filled cells are none, such as "
        f"{reprlib.repr(own.others.first)}; write them as they were then"
    )
