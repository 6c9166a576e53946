"""Cells of columns of numbers that have another unit than their column: they count as words."""

import reprlib

import numpy as np
import pandas as pd

from polar_detect.tables.cell_numbers import as_numbers
from polar_detect.tables.names import on_one_line
from polar_detect.tables.rows import RowColumn, RowTemplate
from polar_detect.tables.units import split_unit


class OtherUnits:
    """Counts such cells in a table that is read part by part.

    Parameters
    ----------
    template : RowTemplate
        Which says what unit a column has, if any.
    """

    def __init__(self, template: RowTemplate) -> None:
        self._template = template
        self._n = [0] * len(template.numeric)
        self._first: dict[int, str] = {}

    def add(self, frame: pd.DataFrame) -> None:
        """Count the cells of some more rows."""
        for i, (column, words) in enumerate(self._template.words(frame)):
            for word in words:
                if _is_measured(word, column):
                    self._n[i] += 1
                    self._first.setdefault(i, word.strip())

    def notices(self) -> list[str]:
        """Return a notice for each column that has such cells."""
        columns = self._template.numeric
        return [_said_of_units(columns[i], self._n[i], first) for i, first in self._first.items()]


def warn_of_units(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a notice for each column of numbers with cells in another unit.

    >>> rows = pd.DataFrame({"T [°C]": ["180", "212 °F"]}, dtype=str)
    >>> from polar_detect.tables.number_form import NumberForm
    >>> warn_of_units(rows, RowTemplate((RowColumn("T [°C]", 0, NumberForm("°C")),)))[0][:47]
    "column 'T [°C]': 1 cell in another unit than °C"
    """
    found = OtherUnits(template)
    found.add(frame)
    return found.notices()


def _is_measured(word: str, column: RowColumn) -> bool:
    """Return whether a cell that is no number of a column is one with a unit all the same."""
    found = split_unit(word, is_expected=column.form.unit is not None)
    return found is not None and bool(np.isfinite(as_numbers(found[:1])[0]))


def _said_of_units(column: RowColumn, n: int, first: str) -> str:
    name, cells = on_one_line(column.name), "1 cell" if n == 1 else f"{n} cells"
    unit, word = column.form.unit, reprlib.repr(first)
    if unit is None:
        return (
            f"column {name!r}: {cells} with a unit that the column has not, such as {word}; read "
            "as words, not as numbers"
        )
    return (
        f"column {name!r}: {cells} in another unit than {unit}, such as {word}; read as words, not "
        "as numbers"
    )
