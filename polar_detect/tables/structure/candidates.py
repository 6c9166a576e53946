"""A record that may hold the names of a table's columns, and all that it is judged by.

How it looks itself, what stands above it, which rows follow, and what the columns below it say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import numpy as np

from polar_detect.tables.cells.numbers import as_numbers
from polar_detect.tables.structure.cell_types import (
    Records,
    is_numeral,
    is_word,
    may_be_units,
    reach,
)
from polar_detect.tables.structure.signs import SIGNS_OF_NUMBERS, Column, Signs, is_as_below
from polar_detect.tables.structure.totals import is_at_end, without_end

MOST_ABOVE = 50  # records above the names
_MANY_TIMES = 3  # records of a table, of those above it
_MIN_STEPS = 3  # between numbers that name columns, as wavelengths and years do
_UNEVEN = 0.05  # such steps may be, as numbers are rounded
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Beginning:
    """The first records of a table, from its first column on."""

    records: Records

    @cached_property
    def filled(self) -> list[int]:
        """Which records are not empty."""
        return [i for i, record in enumerate(self.records) if reach(record)]

    @cached_property
    def candidates(self) -> list["Candidate"]:
        """Those that may hold the names, the highest one first."""
        return [Candidate(self, n_above) for n_above in range(len(self.filled[: MOST_ABOVE + 1]))]

    @cached_property
    def usual_reach(self) -> int:
        """How far most records reach, if these reach beyond the first one; else 0.

        They are counted in the second half, as above the names there may be a lot to say.
        """
        below = [i for i in self.filled if i]
        half = [reach(self.records[i]) for i in below[len(below) // 2 :]]
        wider = [own for own in half if own > reach(self.records[0])]
        if 2 * len(wider) <= len(half):
            return 0
        return max(set(wider), key=lambda own: (wider.count(own), own))

    @cached_property
    def end_of_first_table(self) -> int:
        """Which record stands below the gap that ends a table of which the first has the names.

        The end of all where the first one heads no numbers above a gap.
        """
        gaps = [own.place for own in self.candidates if own.is_below_gap]
        tables = (Beginning(self.records[:place]) for place in gaps)
        ends = zip(gaps, tables, strict=True)
        return next((i for i, own in ends if own.candidates[0].heads_numbers), len(self.records))


@dataclass(frozen=True)
class Candidate:
    """A record that may hold the names.

    Parameters
    ----------
    beginning : Beginning
        All records, of which it is one.
    n_above : int
        Filled records above it.
    """

    beginning: Beginning
    n_above: int

    @cached_property
    def place(self) -> int:
        """Which record it is."""
        return self.beginning.filled[self.n_above]

    @cached_property
    def cells(self) -> Sequence[str]:
        """The record itself."""
        return self.beginning.records[self.place]

    @cached_property
    def names(self) -> dict[int, str]:
        """The cells that are not empty, by column."""
        return {j: name.strip() for j, name in enumerate(self.cells) if name.strip()}

    @cached_property
    def words(self) -> dict[int, str]:
        """Those of them that are words."""
        return {j: name for j, name in self.names.items() if is_word(name)}

    @cached_property
    def above(self) -> Records:
        """The filled records above it."""
        return [self.beginning.records[i] for i in self.beginning.filled[: self.n_above]]

    @cached_property
    def below(self) -> Records:
        """The filled records below it."""
        return [self.beginning.records[i] for i in self.beginning.filled[self.n_above + 1 :]]

    @cached_property
    def rows(self) -> Records:
        """Those below that are rows of its table: no units, and no totals and notes at the end."""
        n_units = int(may_be_units(self.below[0])) if self.below else 0
        n_at_end = len([*takewhile(is_at_end, reversed(self.below))])
        return self.below[n_units : len(self.below) - n_at_end]

    @cached_property
    def columns(self) -> list[Column]:
        """What each of its cells may be the name of."""
        above = [record for record in self.above if reach(record) >= reach(self.cells)]
        return [Column(name, j, above, self.rows) for j, name in self.names.items()]

    @property
    def is_below_gap(self) -> bool:
        """Whether an empty record parts it from those above."""
        return self.n_above > 0 and self.place > self.beginning.filled[self.n_above - 1] + 1

    @property
    def is_above_most(self) -> bool:
        """Whether far more records stand below it than above, where there are some."""
        return len(self.below) >= _MANY_TIMES * self.n_above > 0

    @cached_property
    def looks_like_names(self) -> bool:
        """Whether it has different words alone, the first of them above the first cells of rows.

        A second row of names has none there. Beside words there may be numbers in even steps, such
        as wavelengths, if the next row has none; then the first cell may be empty.
        """
        n_names = len(self.names)
        if n_names < 2 or len(set(self.names.values())) < n_names:
            return False
        if len(self.words) == n_names:
            return 0 in self.words or self.has_empty_corner
        is_named_first = 0 in self.words or 0 not in self.names
        return is_named_first and _has_steps(self.cells) and not any(map(_has_steps, self.rows[:1]))

    @property
    def has_empty_corner(self) -> bool:
        """Whether all cells but the first are filled, and that is no second row of names.

        The first cells of its rows are empty too, as in exports that begin each line with a tab;
        or nothing but titles stands above, and the next row has a cell there and numbers behind.
        """
        if 0 in self.names or len(self.names) != reach(self.cells) - 1 or not self.rows:
            return False
        if not any(row[0].strip() for row in self.rows):
            return True
        first, *others = self.rows[0][: reach(self.cells)]
        are_titles = all(reach(record) == 1 for record in self.above)
        return are_titles and bool(first.strip()) and all(map(is_numeral, others))

    @cached_property
    def fits_rows(self) -> bool:
        """Whether most rows have as many cells, and none of them its words.

        Nor is a word written as half of its column but for its digits, as M0 is above M1 and M2.
        """
        width = len(self.cells)
        fitting = [record for record in self.rows if len(without_end([*record], width)) == width]
        if 2 * len(fitting) <= len(self.rows):
            return False
        is_again = any(row[j].strip() == name for row in fitting for j, name in self.words.items())
        return not is_again and not any(is_as_below(own.name, own.below) for own in self.columns)

    def has(self, asked: Signs) -> bool:
        """Return whether one of these signs says of a column that its cell here is the name."""
        return any(sign(column) for column in self.columns for sign in asked)

    @property
    def heads_numbers(self) -> bool:
        """Whether it is names by itself, with the clearest sign."""
        return self.looks_like_names and self.has(SIGNS_OF_NUMBERS) and self.fits_rows


def _has_steps(record: Sequence[str]) -> bool:
    """Return whether the numbers of a record rise or fall in even steps, or days or months do.

    >>> [_has_steps(own.split()) for own in ("nm 400 410 420 430", "x 1 2 3", "x 1 2 4 8")]
    [True, False, False]
    >>> _has_steps("line 11/1 11/2 11/3 11/4".split())
    True
    """
    numerals = [cell.strip() for cell in record if is_numeral(cell)]
    numbers = as_numbers(numerals)
    if not np.isfinite(numbers).all():
        parts = [*zip(*(_DIGITS.findall(cell) for cell in numerals), strict=False)]
        varying = [part for part in parts if len(set(part)) > 1]
        numbers = as_numbers(varying[0]) if len(varying) == 1 else numbers[:0]
    steps = np.diff(numbers)
    if len(steps) < _MIN_STEPS:
        return False
    typical = float(np.mean(steps))
    return typical != 0 and bool(np.all(np.abs(steps / typical - 1) <= _UNEVEN))
