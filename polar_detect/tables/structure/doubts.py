"""What a table may mean otherwise than it is read: nothing is changed, but people are told."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
import pandas as pd

from polar_detect.tables.cells.decimal_commas import have_decimal_commas
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.cells.numbers import as_numbers
from polar_detect.tables.structure.cell_types import are_units

_LEAST_AXIS = 8  # numbers: of fewer a row may be in order by chance
_WITH_COMMA = re.compile(r"\s*[-+]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+\s*", re.ASCII)


def is_decimal_comma(cell: str) -> bool:
    """Return whether a cell is a number with a comma before its last digits, as in 1.234,5."""
    return _WITH_COMMA.fullmatch(cell) is not None


def doubts_of_names(names: Sequence[str]) -> Iterator[str]:
    """Yield a notice where the names may be the first row.

    Whole numbers may be years or channels, unless all are numbers of which one is there twice;
    many that only rise or only fall are those of an axis, as wavelengths and angles are.

    >>> list(doubts_of_names(["item", "2024", "2025"]))
    []
    >>> list(doubts_of_names(["1", "21,3"]))
    ['a column is called 21,3; put names above it if that is a row']
    >>> list(doubts_of_names(["sample", *(f"{400 + i / 2}" for i in range(8))]))
    []
    """
    numbers = as_numbers(names)
    is_number = np.isfinite(numbers)
    has_decimals = [is_decimal_comma(name) for name in names]
    if _are_axis(names, has_decimals):
        return
    are_numbers = bool(is_number.all())
    numbers[~is_number] = 0
    is_measured = (numbers % 1 != 0) | (~is_number & has_decimals)
    if is_measured.any() or (are_numbers and len(np.unique(numbers)) < len(numbers)):
        name = names[int(is_measured.argmax())]
        yield f"a column is called {name}; put names above it if that is a row"


def _are_axis(names: Sequence[str], has_decimals: Sequence[bool]) -> bool:
    """Return whether the numbers among names are many, and only rise or only fall."""
    plain = [
        name.replace(".", "").replace(",", ".") if has else name
        for name, has in zip(names, has_decimals, strict=True)
    ]
    numbers = as_numbers(plain)
    steps = np.diff(numbers[np.isfinite(numbers)])
    return len(steps) >= _LEAST_AXIS - 1 and bool((steps > 0).all() or (steps < 0).all())


def doubts_of_rows(rows: Sequence[Sequence[str]], delimiter: str) -> Iterator[str]:
    """Yield a notice for units below the names of a delimited file, and for decimal commas.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first ones, without the names.
    delimiter : str
    """
    if rows and are_units(rows[0]) and not _stand_below(rows):
        first = [cell.strip() for cell in rows[0] if cell.strip()]
        yield (
            f"units below the names are read as a row: {', '.join(first)}; put them into the "
            "names to have them read as such"
        )
    if delimiter == ";":  # which stands where the comma is a decimal one
        columns = [pd.Series(own, dtype=object) for own in zip_longest(*rows, fillvalue="")]
        commas = have_decimal_commas(pd.DataFrame(dict(enumerate(columns))))
        cells = (
            cell.strip()
            for column in columns
            if not NumberForm.of(column, "", commas=commas).comma
            for cell in column.tolist()
            if is_decimal_comma(cell)
        )
        if (cell := next(cells, None)) is not None:
            yield (
                f"numbers such as {cell} are read as text, or their comma as that of thousands "
                "(1,234 is 1234); if it is a decimal one, save the file with decimal points"
            )


def _stand_below(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether each cell of the first row is in its column again: KR and DK are countries."""
    first, *others = rows
    below = [{cell.strip() for cell in column} for column in zip_longest(*others, fillvalue="")]
    return all(
        not cell.strip() or (j < len(below) and cell.strip() in below[j])
        for j, cell in enumerate(first)
    )
