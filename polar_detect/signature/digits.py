"""Rows whose numbers are rounder than usual, or have more digits: made up, or worked out.

Such a row is as usual as any other, so that no score sees it. Several numbers tell: that one of
them ends in 0 is chance.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.stats import hypergeom

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
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
class UnusualDigits:
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

    def odd(self, texts: Sequence[str]) -> list[UnusualDigits | None]:
        """Return of each row which of its numbers are rounder, or less round, than usual."""
        numbers = _numbers(self.template, texts)
        own, names = self.roundness, [column.name for column in self.template.with_digits]
        rounder, less = (own.evidence(numbers) >= own.limits).T
        found: list[UnusualDigits | None] = [None] * len(numbers)
        for are_such, which, are_rounder in (
            (less, own.which_less_round, False),
            (rounder, own.which_rounder, True),
        ):
            rows = np.flatnonzero(are_such)
            n_numbers = np.isfinite(numbers[rows]) & (numbers[rows] != 0)
            for i, n, told in zip(rows, n_numbers.sum(1), which(numbers[rows]), strict=True):
                columns = tuple(names[j] for j in np.flatnonzero(told))
                found[i] = UnusualDigits(columns, int(n), are_rounder)
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
    n_tested = len(asked) * sum(len(own.says) for own in groupings.values())
    found = []
    for own in asked:
        tested = (_round_group(own, name, one, n_tested) for name, one in groupings.items())
        surest = min(filter(None, tested), key=lambda one: one.where.p_value, default=None)
        if surest is not None and surest.where.p_value <= LEVEL:
            found.append(surest)
    return tuple(sorted(found, key=lambda own: own.where.p_value))


def _round_group(own: Multiples, name: str, grouping: Grouping, n_tested: int) -> RoundGroup | None:
    """Return the group of one grouping in which the numbers of a column are rounder, if any.

    Numbers that stay the same from row to row of a group, as over a lot or a day, count once.
    """
    once = _first_of_runs(own, grouping.places)
    places = grouping.places[once]
    for where in concentrations({name: Grouping(places, grouping.says)}, own.are_such[once])[:1]:
        are_in = grouping.places == grouping.says.index(where.group.says)
        inside, outside = own.rows(are_in), own.rows(~are_in)
        if inside.is_rounder_than(outside):
            (n, n_such), (n_others, n_such_others) = map(_counts, (inside, outside))
            counted = replace(
                where,
                n_rows=n,
                n_flagged=n_such,
                n_others=n_others,
                n_flagged_others=n_such_others,
                p_value=where.p_value / len(grouping.says) * n_tested,
            )
            return RoundGroup(own.column, own.of, counted)
    return None


def _first_of_runs(own: Multiples, places: IndexArray) -> IndexArray:
    """Return the rows in which a number is another one than in the row before of its group."""
    known = np.flatnonzero(own.are_known)
    order = known[np.argsort(places[known], kind="stable")]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (np.diff(places[order]) != 0) | (np.diff(own.numbers[order]) != 0)
    return np.sort(order[is_first])


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
        self._runs = np.zeros((len(self._normal), 2), np.intp)
        self._last = [math.nan] * len(self._normal)

    def add(self, texts: Sequence[str]) -> None:
        """Count some more rows; empty ones are none."""
        if self._digits is None:
            return
        found = self._digits.multiples([text for text in texts if text.strip()])
        for j, own in enumerate(found):
            self._counts[j] += _counts(own)
            self._runs[j] += _runs(own, self._last[j])
            self._last[j] = own.numbers[-1] if len(own.numbers) else self._last[j]

    @property
    def told(self) -> tuple[RoundColumn, ...]:
        """The columns in which a third of the numbers at least were rounded, the surest first.

        Those that stay the same from row to row, as over a lot or a day, count once.
        """
        found = []
        for own, counts, runs in zip(
            self._normal, self._counts.tolist(), self._runs.tolist(), strict=True
        ):
            (n, n_such), (n_normal, n_such_normal) = counts, _counts(own)
            if not (n and n_normal and own.spread >= _FEWEST_STEPS * own.of):
                continue
            p_value = _p_value(runs, _runs(own))
            is_far = _is_far(n_such / n, n_such_normal / n_normal, own.by_chance)
            if is_far and p_value * len(self._normal) <= LEVEL:
                column = RoundColumn(own.column, own.of, n, n_such, n_normal, n_such_normal)
                found.append((p_value, column))
        return tuple(column for _, column in sorted(found, key=lambda own: own[0]))


def _counts(own: Multiples) -> tuple[int, int]:
    """Return how many numbers there are, and how many of them are multiples."""
    return int(own.are_known.sum()), int(own.are_such.sum())


def _runs(own: Multiples, last: float = math.nan) -> tuple[int, int]:
    """Return the same of numbers that are others than in the row before; `last` stands there."""
    is_other = np.diff(own.numbers, prepend=last) != 0  # also of what is missing
    return _counts(own.rows(is_other))


def _p_value(batch: Sequence[int], normal: Sequence[int]) -> float:
    """Return the chance of so many multiples, or more, were both drawn from the same numbers."""
    (n, n_such), (n_normal, n_such_normal) = batch, normal
    return float(hypergeom.sf(n_such - 1, n + n_normal, n_such + n_such_normal, n))


def _is_far(share: float, other: float, by_chance: float) -> bool:
    usual = max(other, by_chance)
    return share - usual >= _ROUNDED * (1 - usual)


def _numbers(template: "RowTemplate", texts: Sequence[str]) -> Float64Array:
    """Return the numbers of rows as they are said, (n_rows, n_columns)."""
    places = [i for i, own in enumerate(template.numeric) if own in template.with_digits]
    found: Float64Array = template.read(texts).numbers_as_said[:, places]
    return found
