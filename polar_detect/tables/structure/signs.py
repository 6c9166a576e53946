"""Signs that a cell is the name of its column: the cells below it are of one sort, and it is not.

Each sign is a question about one column; no sign looks at more than that.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from polar_detect.tables.cells.numbers import is_missing
from polar_detect.tables.structure.cell_types import Records, is_numeral, is_word

_MIN_CELLS = 2
_FEW_COLUMNS = 2  # in which words tell of a name: others have numbers mostly
_DIGIT, _DIGITS = re.compile(r"\d"), re.compile(r"\d+")


@dataclass(frozen=True)
class Column:
    """A cell that may be the name of a column, and the other cells of that column.

    Parameters
    ----------
    name : str
    place : int
        Of the column.
    records_above, records_below : sequence of sequence of str
        Above those that reach as far as the record of the name.
    """

    name: str
    place: int
    records_above: Records
    records_below: Records

    @property
    def above(self) -> list[str]:
        """The cells above that are not empty."""
        cells = (own[self.place] for own in self.records_above if self.place < len(own))
        return [cell.strip() for cell in cells if cell.strip()]

    @property
    def below(self) -> Iterator[str]:
        """The cells below that are not missing."""
        cells = (own[self.place] for own in self.records_below if self.place < len(own))
        return (cell.strip() for cell in cells if not is_missing(cell))

    def has(self, is_such: Callable[[str], object]) -> bool:
        """Return whether all cells below, two at least, are such."""
        n_cells = 0
        for cell in self.below:
            if not is_such(cell):
                return False
            n_cells += 1
        return n_cells >= _MIN_CELLS


Sign = Callable[[Column], bool]
Signs = Sequence[Sign]
"""Of which one suffices; none suffices where there is none."""


def numbers(column: Column) -> bool:
    """Return whether below words there is nothing but numbers or dates."""
    return column.has(is_numeral) and all(map(is_word, column.above))


def codes(column: Column) -> bool:
    """Return whether in the first column each cell below has a digit, as codes have; none above."""
    if column.place > 0 or not all(map(is_word, column.above)):
        return False
    return not any(map(has_digit, [column.name, *column.above])) and column.has(has_digit)


def kinds(column: Column) -> bool:
    """Return whether each cell below is there again, as kinds are, and nothing above is one."""
    if column.place >= _FEW_COLUMNS:
        return False
    counts = Counter(column.below)
    are_kinds = bool(counts) and min(counts.values()) > 1
    return are_kinds and counts.keys().isdisjoint([column.name, *column.above])


def texts(column: Column) -> bool:
    """Return whether all cells below are far longer than the name, and longer than those above."""
    if column.place >= _FEW_COLUMNS:
        return False
    least = min(map(len, column.below), default=0)
    return 2 * len(column.name) <= least > max(map(len, column.above), default=0)


SIGNS_OF_NUMBERS: Signs = (numbers,)
CLEAR_SIGNS: Signs = (numbers, codes)
ALL_SIGNS: Signs = (numbers, codes, kinds, texts)


def of_first_column(signs: Signs) -> Signs:
    """Return the same signs, which do not count in any column but the first."""

    def first(sign: Sign) -> Sign:
        return lambda column: column.place == 0 and sign(column)

    return [*map(first, signs)]


def has_digit(cell: str) -> bool:
    """Return whether there is a digit in a cell, as in numbers, dates and codes."""
    return _DIGIT.search(cell) is not None


def is_as_below(name: str, below: Iterable[str]) -> bool:
    """Return whether a name is written as half of the cells below at least, but for its digits.

    >>> is_as_below("M0", ["M1", "M12"]), is_as_below("CH1", ["M1", "M12"])
    (True, False)
    """
    plain = _DIGITS.sub("#", name)
    if plain == name or not is_word(name):
        return False
    are_alike = [_DIGITS.sub("#", cell) == plain for cell in below]
    return bool(are_alike) and 2 * sum(are_alike) >= len(are_alike)
