"""Runs: a number that stays the same from one row to the next, and how long runs usually are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from scipy.stats import beta

from polar_detect.arrays import BoolArray, Float64Array, IndexArray

_UPPER = 0.95  # confidence that a run goes on no more often than is reckoned with
_FEWEST = 5  # runs say how often those of that length go on
_LONG = 5  # rows of a run, by which a number is known to stay
_TURNS = 0.1  # of the numbers of a column that somebody sorted, at most: two in three by chance
_FEWEST_SORTED = 6  # runs: fewer may be levels at which a sensor was stuck
_KEPT = 5000  # runs of a column, of many more
_LONGEST = 10  # one in so many of those that are kept
_OFTEN, _FEWEST_OFTEN = 1 / 3, 3  # of the runs, those of a number that is told from others


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of a column, in order.

    Parameters
    ----------
    numbers : (n_runs,) float64
    firsts : (n_runs,) int
        The first row of each.
    lasts : (n_runs,) int
        The last row of each.
    lengths : (n_runs,) int
        Rows of each that have a number.
    """

    numbers: Float64Array
    firsts: IndexArray
    lasts: IndexArray
    lengths: IndexArray

    @classmethod
    def of(cls, column: Float64Array, first: int = 0) -> Self:
        """Return the runs of a column, (n_rows,); rows without a number (NaN) are passed over.

        `first` is what its first row counts as.

        >>> runs = Runs.of(np.array([1.0, 1.0, np.nan, 1.0, 2.0]))
        >>> runs.numbers.tolist(), runs.firsts.tolist(), runs.lasts.tolist()
        ([1.0, 2.0], [0, 4], [3, 4])
        >>> runs.lengths.tolist()
        [3, 1]
        """
        rows = np.flatnonzero(~np.isnan(column))
        begins = np.diff(column[rows], prepend=np.nan) != 0
        own = cls(column[rows], rows + first, rows + first, np.ones_like(rows))
        return own._merged(begins)

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return runs of pieces of a column, behind one another.

        >>> parts = [Runs.of(np.array([1.0, 2.0])), Runs.of(np.array([2.0, 2.0, 3.0]), 2)]
        >>> Runs.joined(parts).lengths.tolist()
        [1, 3, 1]
        """
        filled = [part for part in parts if len(part)] or [*parts[:1]]
        begins = np.ones(sum(map(len, filled)), bool)
        begins[np.cumsum([len(part) for part in filled])[:-1]] = False
        names = [own.name for own in fields(cls)]
        own = cls(*(np.concatenate([getattr(part, name) for part in filled]) for name in names))
        return own._merged(begins | (np.diff(own.numbers, prepend=np.nan) != 0))

    def _merged(self, begins: BoolArray) -> Self:
        """Return the same, in which each one goes on up to the next that `begins` one."""
        starts = np.flatnonzero(begins)
        if not len(starts):
            return self
        lasts = self.lasts[np.append(starts[1:], len(self)) - 1]
        lengths = np.add.reduceat(self.lengths, starts)
        return type(self)(self.numbers[starts], self.firsts[starts], lasts, lengths)

    def thinned(self, most: int) -> Self:
        """Return about so many of them at most, and one in ten of these the longest ones.

        In their order, the last one among them, as it may go on.
        """
        if len(self) <= most:
            return self
        are_kept = np.zeros(len(self), bool)
        are_kept[np.argsort(-self.lengths, kind="stable")[: most // _LONGEST]] = True
        are_kept[np.linspace(0, len(self) - 1, most - most // _LONGEST).astype(np.intp)] = True
        return self.chosen(are_kept)

    def __len__(self) -> int:
        return len(self.numbers)

    def apart(self, places: IndexArray) -> IndexArray:
        """Return how many rows stand between some runs, in their order, (n - 1,)."""
        ordered = np.sort(places)
        between: IndexArray = self.firsts[ordered[1:]] - self.lasts[ordered[:-1]] - 1
        return between

    @property
    def are_sorted(self) -> bool:
        """Whether numbers rise or fall without turning, as they do where rows were sorted by them.

        Or, within groups, hardly ever turn.

        >>> Runs.of(np.array([1.0, 1.0, 2.0, 4.0, 4.0, 5.0, 7.0, 8.0])).are_sorted
        True
        """
        rises = np.diff(self.numbers) > 0
        n_turns = int((np.diff(rises.astype(int)) != 0).sum())
        return len(self) >= _FEWEST_SORTED and n_turns <= _TURNS * (len(self) - 2)

    def chosen(self, are_such: BoolArray) -> Self:
        """Return some of them, (n_runs,)."""
        return type(self)(*(getattr(self, own.name)[are_such] for own in fields(self)))

    @property
    def often(self) -> Float64Array:
        """The numbers of one run in three and more, and of three.

        >>> Runs.of(np.array([0.0, 2.1, 0.0, 1.9, 0.0, 0.0, 2.2, 2.0])).often
        array([0.])
        """
        numbers, counts = np.unique(self.numbers, return_counts=True)
        return numbers[counts >= max(_OFTEN * len(self), _FEWEST_OFTEN)]

    def which(self, number: float | None, often: Float64Array) -> BoolArray:
        """Return which runs are of a number, or, where it is None, of none that is `often`."""
        if number is None:
            return ~np.isin(self.numbers, often)
        found: BoolArray = self.numbers == number
        return found

    def goes_on(self, number: float, are_alike: BoolArray) -> float:
        """Return how likely a row says the number of the row before again, at most.

        The highest of what tell runs that are alike, (n_runs,), those of them that are long, those
        of that number, and pairs of rows that are no neighbours; 1 where none is alike.
        """
        lengths, numbers = self.lengths[are_alike], self.numbers[are_alike]
        if not len(lengths):
            return 1.0
        doubled = [1 << power for power in range(int(lengths.max()).bit_length())]
        shares = [_goes_on(lengths, at_least) for at_least in doubled]
        own = lengths[numbers == number]
        if len(own) >= _FEWEST or own.max(initial=0) >= _LONG:
            shares.append(_goes_on(own, 1))
        counts = np.bincount(np.unique(numbers, return_inverse=True)[1], weights=lengths)
        n_pairs = lengths.sum() * max(self.lengths.sum() - 1, 1)
        return max(*shares, float((counts * (counts - 1)).sum() / n_pairs))


class KeptRuns:
    """The runs of a column of any length: of many a sample, with the longest ones."""

    def __init__(self) -> None:
        self.n_numbers = 0
        self._parts: list[Runs] = []

    def add(self, runs: Runs) -> None:
        """Take in the runs of the next rows."""
        self.n_numbers += int(runs.lengths.sum())
        self._parts.append(runs)
        if sum(map(len, self._parts)) > 2 * _KEPT:
            self._parts = [self.runs.thinned(_KEPT)]

    @property
    def runs(self) -> Runs:
        """Those that are kept, in their order."""
        return Runs.joined(self._parts)


def _goes_on(lengths: IndexArray, at_least: int) -> float:
    """Return how often runs of so many rows go on, at most, by the bound of Clopper and Pearson.

    0 where there are too few of them to say.
    """
    longer = lengths[lengths >= at_least]
    if len(longer) < _FEWEST and at_least > 1:
        return 0.0
    more = int((longer - at_least).sum())
    return float(beta.ppf(_UPPER, more + 1, len(longer)))
