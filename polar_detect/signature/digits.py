"""Rows whose numbers are rounder than usual, or have more digits: made up, or worked out.

Such a row is as usual as any other, so that no score sees it. Several numbers tell: that one of
them ends in 0 is chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.stats import hypergeom

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.statistics.concentration import (
    LEVEL,
    Concentration,
    Grouping,
    concentrations,
)
from polar_detect.statistics.roundness import Roundness
from polar_detect.tables.rows.row_text import MORE_DECIMALS

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

_ROUNDED = 1 / 3  # of the numbers at least, or nobody need know
_FEWEST_STEPS = 2  # in the middle 80 % of numbers, or it is chance how many are multiples


@dataclass(frozen=True, slots=True)
class OddDigits:
    """Numbers of a row that are rounder than usual, or have more digits.

    Parameters
    ----------
    columns : tuple of str
        In which they are so.
    n_numbers : int
        Of how many numbers, zeros and conditions aside.
    are_rounder : bool
    """

    columns: tuple[str, ...]
    n_numbers: int
    are_rounder: bool


@dataclass(frozen=True, eq=False)
class Multiples:
    """Which numbers of a column are multiples of something, as at most half usually are.

    Parameters
    ----------
    column : str
    of : float
    by_chance : float
        The share of numbers that are, where all that has fewer digits is as frequent.
    numbers : (n_rows,) float64
    are_such : (n_rows,) bool
    """

    column: str
    of: float
    by_chance: float
    numbers: Float64Array
    are_such: BoolArray

    @property
    def are_known(self) -> BoolArray:
        """Which numbers can be, (n_rows,)."""
        are_known: BoolArray = np.isfinite(self.numbers) & (self.numbers != 0)
        return are_known

    @property
    def spread(self) -> float:
        """How wide the middle 80 % of the numbers are; 0 where there is none."""
        known = self.numbers[self.are_known]
        return float(np.subtract(*np.quantile(known, [0.9, 0.1]))) if len(known) else 0.0

    def rows(self, places: BoolArray) -> Self:
        """Return the same of some rows."""
        return replace(self, numbers=self.numbers[places], are_such=self.are_such[places])

    def is_rounder_than(self, others: Self) -> bool:
        """Return whether a third of these numbers at least were rounded, and not those of others.

        Not of numbers that hardly vary: whether they are multiples is chance.
        """
        if not (self.are_known.any() and others.are_known.any()):
            return False
        own, other = (one.are_such[one.are_known].mean() for one in (self, others))
        return self.spread >= _FEWEST_STEPS * self.of and _is_far(own, other, self.by_chance)


@dataclass(frozen=True, slots=True)
class RoundColumn:
    """A column in which more numbers of a batch are multiples of something than normal ones.

    Parameters
    ----------
    column : str
    of : float
    n, n_such : int
        Numbers of the batch, and how many of them are.
    n_normal, n_such_normal : int
        The same of normal rows.
    """

    column: str
    of: float
    n: int
    n_such: int
    n_normal: int
    n_such_normal: int


@dataclass(frozen=True, eq=False)
class LastDigits:
    """How round the numbers of normal rows are, as what new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        Of rows that keep their digits.
    roundness : Roundness
        Of the columns that it measures, conditions aside.
    """

    template: "RowTemplate"
    roundness: Roundness

    @classmethod
    def of(
        cls, template: "RowTemplate | None", texts: Sequence[str], *, are_normal: bool = True
    ) -> Self | None:
        """Return how round the numbers of rows are; None where too few are measured to tell.

        `are_normal`: whether no row is among them of which that is asked.
        """
        if template is None or not template.tells_digits:
            return None
        own = [column.decimals or 0 for column in template.with_digits]
        decimals = np.asarray(own, np.intp) + MORE_DECIMALS
        numbers = _numbers(template, texts)
        return cls(template, Roundness.of(numbers, decimals, are_usual=are_normal))

    def odd(self, texts: Sequence[str]) -> list[OddDigits | None]:
        """Return of each row which of its numbers are rounder, or less round, than usual."""
        numbers = _numbers(self.template, texts)
        own, names = self.roundness, [column.name for column in self.template.with_digits]
        rounder, less = (own.evidence(numbers) >= own.limits).T
        found: list[OddDigits | None] = [None] * len(numbers)
        for are_such, which, are_rounder in (
            (less, own.which_less_round, False),
            (rounder, own.which_rounder, True),
        ):
            rows = np.flatnonzero(are_such)
            n_numbers = np.isfinite(numbers[rows]) & (numbers[rows] != 0)
            for i, n, told in zip(rows, n_numbers.sum(1), which(numbers[rows]), strict=True):
                columns = tuple(names[j] for j in np.flatnonzero(told))
                found[i] = OddDigits(columns, int(n), are_rounder)
        return found

    def multiples(self, texts: Sequence[str]) -> list[Multiples]:
        """Return of each column which numbers are multiples of something, as few usually are.

        Not of columns whose numbers have fewer decimals the larger they are.
        """
        numbers, own = _numbers(self.template, texts), self.roundness
        are_such, by_chance = own.multiples(numbers), own.by_chance.tolist()
        return [
            Multiples(column.name, own.multiple(j), by_chance[j], numbers[:, j], are_such[:, j])
            for j, column in enumerate(self.template.with_digits)
            if not own.are_significant[j]
        ]


@dataclass(frozen=True, slots=True)
class RoundGroup:
    """A group of rows in which more numbers of a column are multiples of something.

    Parameters
    ----------
    column : str
    of : float
    where : Concentration
    """

    column: str
    of: float
    where: Concentration


def round_in_groups(
    asked: Sequence[Multiples], groupings: Mapping[str, Grouping]
) -> tuple[RoundGroup, ...]:
    """Return of each column the group in which its numbers are rounder, the surest first.

    Parameters
    ----------
    asked : sequence of Multiples
        Of each column.
    groupings : mapping of str to Grouping
        Of the same rows, by columns that group them.
    """
    found = []
    for own in asked:
        for where in concentrations(groupings, own.are_such)[:1] if groupings else ():
            grouping, group = groupings[where.group.column], where.group
            are_in = grouping.places == grouping.says.index(group.says)
            is_sure = where.p_value * len(asked) <= LEVEL
            if is_sure and own.rows(are_in).is_rounder_than(own.rows(~are_in)):
                found.append(RoundGroup(own.column, own.of, where))
    return tuple(sorted(found, key=lambda own: own.where.p_value))


class RoundColumns:
    """Counts numbers of a batch that are rounder than normal ones, as where a gauge is new.

    Parameters
    ----------
    digits : LastDigits, optional
        Of normal rows; None where rows say too little.
    normal : sequence of str
        These rows.
    """

    def __init__(self, digits: LastDigits | None, normal: Sequence[str]) -> None:
        self._digits = digits
        self._normal = [] if digits is None else digits.multiples(normal)
        self._counts = np.zeros((len(self._normal), 2), np.intp)

    def add(self, texts: Sequence[str]) -> None:
        """Count some more rows; empty ones are none."""
        if self._digits is not None:
            filled = [text for text in texts if text.strip()]
            self._counts += [_counts(own) for own in self._digits.multiples(filled)]

    @property
    def told(self) -> tuple[RoundColumn, ...]:
        """The columns in which a third of the numbers at least were rounded, the surest first."""
        found = []
        for own, (n, n_such) in zip(self._normal, self._counts.tolist(), strict=True):
            n_normal, n_such_normal = _counts(own)
            if not (n and n_normal and own.spread >= _FEWEST_STEPS * own.of):
                continue
            p_value = hypergeom.sf(n_such - 1, n + n_normal, n_such + n_such_normal, n)
            is_far = _is_far(n_such / n, n_such_normal / n_normal, own.by_chance)
            if is_far and p_value * len(self._normal) <= LEVEL:
                column = RoundColumn(own.column, own.of, n, n_such, n_normal, n_such_normal)
                found.append((p_value, column))
        return tuple(column for _, column in sorted(found, key=lambda own: own[0]))


def _counts(own: Multiples) -> tuple[int, int]:
    """Return how many numbers there are, and how many of them are multiples."""
    return int(own.are_known.sum()), int(own.are_such.sum())


def _is_far(share: float, other: float, by_chance: float) -> bool:
    usual = max(other, by_chance)
    return share - usual >= _ROUNDED * (1 - usual)


def _numbers(template: "RowTemplate", texts: Sequence[str]) -> Float64Array:
    """Return the numbers of rows as they are said, (n_rows, n_columns)."""
    places = [i for i, own in enumerate(template.numeric) if own in template.with_digits]
    found: Float64Array = template.read(texts).numbers_as_said[:, places]
    return found
