"""Cells of columns of numbers that are read as words, though they may well mean numbers."""

import reprlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from polar_detect.tables.cell_numbers import as_numbers
from polar_detect.tables.names import on_one_line
from polar_detect.tables.row_columns import RowColumn
from polar_detect.tables.rows import RowTemplate
from polar_detect.tables.units import split_unit

_MIN_WORDS = 3  # of one or two cells such as ERR their rows tell


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
        self._counts = [_Counts(column) for column in template.numeric]

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

    column: RowColumn
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

    >>> from polar_detect.tables.number_form import NumberForm
    >>> rows = pd.DataFrame({"T [°C]": ["180", "212 °F"]}, dtype=str)
    >>> warn_of_lost_numbers(rows, RowTemplate((RowColumn("T [°C]", 0, NumberForm("°C")),)))[0][:47]
    "column 'T [°C]': 1 cell in another unit than °C"
    """
    found = LostNumbers(template)
    found.add(frame)
    return found.notices()


def _is_measured(word: str, column: RowColumn) -> bool:
    """Return whether a cell that is no number of a column is one with a unit all the same."""
    found = split_unit(word, is_expected=column.form.unit is not None)
    return found is not None and bool(np.isfinite(as_numbers(found[:1])[0]))


def _said_of_units(column: RowColumn, measured: _Words) -> str:
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
