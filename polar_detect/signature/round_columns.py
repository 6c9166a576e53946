"""Columns whose numbers are rounder in a group of rows, or in a whole file, than otherwise.

One column is enough: that many of its numbers are multiples of something is no chance.
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
from polar_detect.statistics.variety import vary_freely

if TYPE_CHECKING:
    from polar_detect.signature.digits import LastDigits

_ROUNDED = 1 / 3  # of the numbers at least, or nobody need know
_N_SOME = 1000  # numbers of a batch that say how much these vary
_FEW_OF = 5  # rows have each number of set points, or more
_FEWEST_STEPS = 2  # in the middle 80 % of numbers, or it is chance how many are multiples


@dataclass(frozen=True, eq=False)
class Multiples:
    """Which numbers of a column are multiples of something, as at most half usually are.

    Parameters
    ----------
    column : str
    of, usual_step : float
        Of what, and by what numbers usually differ.
    by_chance : float
        The share of numbers that are, where all that has fewer digits is as frequent.
    numbers : (n_rows,) float64
        NaN where they say nothing.
    are_such : (n_rows,) bool
    """

    column: str
    of: float
    usual_step: float
    by_chance: float
    numbers: Float64Array
    are_such: BoolArray

    @property
    def are_known(self) -> BoolArray:
        """Which numbers can be, (n_rows,)."""
        return np.isfinite(self.numbers)

    @property
    def are_measured(self) -> bool:
        """Whether numbers vary freely, and are no few set points or nominal sizes."""
        known = self.numbers[self.are_known]
        if not len(known):
            return False
        return vary_freely(known, self.usual_step, _FEW_OF)

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
        return _varies(self.numbers, self.of) and _is_far(own, other, self.by_chance)


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
    for own in (one for one in asked if one.are_measured):
        tested = (_round_group(own, name, one, n_tested) for name, one in groupings.items())
        surest = min(filter(None, tested), key=lambda one: one.where.p_value, default=None)
        if surest is not None and surest.where.p_value <= LEVEL:
            found.append(surest)
    return tuple(sorted(found, key=lambda own: own.where.p_value))


def _round_group(own: Multiples, name: str, grouping: Grouping, n_tested: int) -> RoundGroup | None:
    """Return the group of one grouping in which the numbers of a column are rounder, if any.

    Numbers that stay the same from row to row of a group, as over a lot or a day, count once.
    """
    once = first_of_runs(own, grouping.places)
    places = grouping.places[once]
    found = concentrations({name: Grouping(places, grouping.says)}, own.are_such[once])
    if not found:
        return None
    where = found[0]
    are_in = grouping.places == grouping.says.index(where.group.says)
    inside, outside = own.rows(are_in), own.rows(~are_in)
    if not inside.is_rounder_than(outside):
        return None
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


def first_of_runs(own: Multiples, places: IndexArray) -> IndexArray:
    """Return the rows in which a number is another one than the last of its group, in order."""
    known = np.flatnonzero(own.are_known)
    order = known[np.argsort(places[known], kind="stable")]
    is_first = _are_others(own.numbers[order]) | (np.diff(places[order], prepend=-1) != 0)
    return np.sort(order[is_first])


def _are_others(numbers: Float64Array, last: float = math.nan) -> BoolArray:
    """Return which numbers are others than the one before; `last` is that of the first."""
    are_others: BoolArray = np.diff(numbers, prepend=last) != 0
    return are_others


class RoundColumns:
    """Counts numbers of a batch that are rounder than normal ones, as where a gauge is new.

    Parameters
    ----------
    digits : LastDigits, optional
        Of normal rows; None where rows say too little.
    normal : sequence of str
        These rows.
    """

    def __init__(self, digits: "LastDigits | None", normal: Sequence[str]) -> None:
        self._digits = digits
        self._normal = [] if digits is None else digits.multiples(normal)
        self._counts = np.zeros((len(self._normal), 2), np.intp)
        self._runs = np.zeros((len(self._normal), 2), np.intp)
        self._last = [math.nan] * len(self._normal)
        self._some: list[list[float]] = [[] for _ in self._normal]

    def add(self, texts: Sequence[str]) -> None:
        """Count some more rows; empty ones are none."""
        if self._digits is None:
            return
        found = self._digits.multiples([text for text in texts if text.strip()])
        for j, own in enumerate(found):
            known = own.rows(own.are_known)
            if len(known.numbers):
                others = known.rows(_are_others(known.numbers, self._last[j]))
                self._counts[j] += _counts(known)
                self._runs[j] += _counts(others)
                self._some[j] += others.numbers[: _N_SOME - len(self._some[j])].tolist()
                self._last[j] = known.numbers[-1]

    @property
    def told(self) -> tuple[RoundColumn, ...]:
        """The columns in which a third of the numbers at least were rounded, the surest first.

        Those that stay the same from row to row, as over a lot or a day, count once.
        """
        found = []
        for own, counts, runs, some in zip(
            self._normal, self._counts.tolist(), self._runs.tolist(), self._some, strict=True
        ):
            (n, n_such), (n_normal, n_such_normal) = counts, _counts(own)
            if not (n and n_normal and own.are_measured and _varies(np.asarray(some), own.of)):
                continue
            p_value = _p_value(runs, _counts(_others(own)))
            is_far = _is_far(n_such / n, n_such_normal / n_normal, own.by_chance)
            if is_far and p_value * len(self._normal) <= LEVEL:
                column = RoundColumn(own.column, own.of, n, n_such, n_normal, n_such_normal)
                found.append((p_value, column))
        return tuple(column for _, column in sorted(found, key=lambda own: own[0]))


def _counts(own: Multiples) -> tuple[int, int]:
    """Return how many numbers there are, and how many of them are multiples."""
    return int(own.are_known.sum()), int(own.are_such.sum())


def _others(own: Multiples) -> Multiples:
    """Return the same of the numbers that are others than the one before."""
    known = own.rows(own.are_known)
    return known.rows(_are_others(known.numbers))


def _p_value(batch: Sequence[int], normal: Sequence[int]) -> float:
    """Return the chance of so many multiples, or more, were both drawn from the same numbers."""
    (n, n_such), (n_normal, n_such_normal) = batch, normal
    return float(hypergeom.sf(n_such - 1, n + n_normal, n_such + n_such_normal, n))


def _varies(numbers: Float64Array, step: float) -> bool:
    """Return whether the middle 80 % of numbers, one at least, hold several multiples of a step."""
    low, high = np.nanquantile(numbers, [0.1, 0.9])
    return bool(high - low >= _FEWEST_STEPS * step)


def _is_far(share: float, other: float, by_chance: float) -> bool:
    usual = max(other, by_chance)
    return share - usual >= _ROUNDED * (1 - usual)
