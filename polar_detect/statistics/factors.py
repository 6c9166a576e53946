"""Factors: the categories on which the numbers of a column depend, as a size does on the product.

Hides how it is told from the rows that they do, and which rows are of one kind then.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array, IndexArray

Codes = IndexArray
Levels = tuple[str, ...]
"""What a row says in the factors of a column, in their order."""

_MIN_ROWS = 10  # of one kind; of fewer neither centre nor spread are known
MOST_FACTORS = 3
# To these shares all factors together and each of them have to bring the deviations from the
# centre down: what a column keeps beside them is then less than half of its variance.
_EXPLAINED, _EACH = 2 / 3, 0.9
# Of a column's deviations: where columns are held beside one another
# (`signature.columns.numbers`), numbers that are nearer to a straight line are not told from it.
_RESOLVED = 0.22
_MAX_SIZE = 1e150  # of a number; the square of a larger one may be none
_NOTHING = 1e-9  # of a column's deviations: what rounding leaves of numbers that are the same
_REACH = 2.0  # ranges of the middle 80 % that a value may lie outside it
_MOST_CODES = 8  # times as many as rows, counted rather than sorted
_TRIMMED = 0.9  # of the deviations count, so that a few wild cells do not


@dataclass(frozen=True, eq=False)
class Kinds:
    """The kinds of rows that a column's factors make, each with rows enough.

    A row is of the finest kind that its first factors make, so that one of a rare combination is
    held against all rows of its product, and one of a new product against all rows.

    Parameters
    ----------
    levels : tuple of Levels
        What the rows of each kind say in the first factors; the first kind is all rows, ().
    """

    levels: tuple[Levels, ...]

    @classmethod
    def of(cls, rows: Sequence[Levels]) -> Self:
        """Return the kinds of normal rows.

        >>> rows = [("A", "M1")] * 10 + [("A", "M2")] * 9 + [("B", "M1")] * 9
        >>> Kinds.of(rows).levels
        ((), ('A',), ('A', 'M1'))
        """
        counts = Counter(levels[:depth] for levels in rows for depth in range(1, len(levels) + 1))
        return cls(((), *sorted(levels for levels, n in counts.items() if n >= _MIN_ROWS)))

    def place(self, rows: Sequence[Levels]) -> Codes:
        """Return the kind of each row by its place in `levels`, (n_rows,)."""
        places = {levels: i for i, levels in enumerate(self.levels)}
        found = {
            levels: next(
                places[levels[:n]] for n in range(len(levels), -1, -1) if levels[:n] in places
            )
            for levels in {*rows}
        }
        return np.fromiter(map(found.__getitem__, rows), np.intp, len(rows))

    def members(self, rows: Sequence[Levels]) -> list[Codes]:
        """Return which rows each kind holds, those of finer kinds among them."""
        found: dict[Levels, list[int]] = {levels: [] for levels in self.levels}
        for i, levels in enumerate(rows):
            for depth in range(len(levels) + 1):
                if levels[:depth] in found:
                    found[levels[:depth]].append(i)
        return [np.asarray(places, np.intp) for places in found.values()]


def bounded(numbers: Float64Array) -> Float64Array:
    """Return numbers so large at most that their squares and sums are numbers too; NaN stays."""
    return np.clip(numbers, -_MAX_SIZE, _MAX_SIZE)


def codes_of(said: Sequence[str]) -> Codes:
    """Return what rows say as numbers from 0 on, the same for the same, (n_rows,)."""
    return np.unique(said, return_inverse=True)[1]


def crossed(group: Codes, other: Codes) -> Codes:
    """Return the groups of rows that are alike in both, as numbers from 0 on."""
    both = group * (other.max(initial=0) + 1) + other
    if both.max(initial=0) > _MOST_CODES * len(both):
        codes: Codes = np.unique(both, return_inverse=True)[1]
        return codes
    is_there = np.bincount(both) > 0  # no sorting, which many pairs of columns ask for
    groups: Codes = (np.cumsum(is_there) - 1)[both]
    return groups


def neighbouring(numbers: Float64Array) -> tuple[Codes, Codes]:
    """Return numbers as groups of a level and the next one, and of a level and that before it.

    What they tell so, they tell as measured values, whose nearest ones are alike; what only each
    by itself tells, it tells as the name of a program or a machine. Missing ones are a group.

    >>> [own.tolist() for own in neighbouring(np.array([1.0, 2.0, 2.0, 7.0, np.nan]))]
    [[1, 1, 1, 2, 0], [1, 2, 2, 2, 0]]
    """
    known = ~np.isnan(numbers)
    ranks = np.unique(numbers[known], return_inverse=True)[1]
    after, before = np.zeros((2, len(numbers)), np.intp)
    after[known], before[known] = 1 + ranks // 2, 1 + (ranks + 1) // 2
    return after, before


def factors_of(
    numbers: Float64Array,
    categories: Mapping[str, Codes],
    measured: Mapping[str, Float64Array] | None = None,
) -> tuple[str, ...]:
    """Return the categories on which numbers depend, the one that explains most first.

    Parameters
    ----------
    numbers : (n_rows,) float64
        NaN where there is none.
    categories : mapping of str to (n_rows,) intp
        What each row says there; see `codes_of`.
    measured : mapping of str to (n_rows,) float64, optional
        The numbers of categories that are columns of numbers, NaN where there is none. Such a one
        has to explain more than a straight line does, and more than `neighbouring` numbers do, as
        the number of a program or a machine: what goes along a line shows in how columns go
        together.

    >>> sizes = np.repeat([20.0, 25.0], 20) + np.tile([-0.01, 0.0, 0.0, 0.01], 10)
    >>> said = {"shift": ["day", "night"] * 20, "product": ["A"] * 20 + ["B"] * 20}
    >>> factors_of(sizes, {name: codes_of(own) for name, own in said.items()})
    ('product',)
    """
    known = ~np.isnan(numbers)
    values = _tamed(bounded(numbers[known]))
    if not len(values) or not np.ptp(values):  # of 0.1 and 0.1 the mean need not be 0.1
        return ()
    codes = {name: codes_there[known] for name, codes_there in categories.items()}
    chosen: tuple[str, ...] = ()
    group = np.zeros(len(values), np.intp)
    apart = _apart(values, group, np.zeros(len(values)))
    least = whole = _trimmed_spread(apart)
    for name, other in (measured or {}).items():
        limit = _EXPLAINED * min(whole, max(_from_line(values, other[known]), _RESOLVED * whole))
        own = _trimmed_spread(_apart(values, codes[name], apart))
        if own > limit or own > _EACH * _beside_neighbours(values, other[known], apart):
            del codes[name]
    while least > _NOTHING * whole and len(chosen) < MOST_FACTORS:
        groups = {
            name: crossed(group, there) for name, there in codes.items() if name not in chosen
        }
        left = {name: _apart(values, there, apart) for name, there in groups.items()}
        best = min(left, key=lambda name: _trimmed_spread(left[name]), default=None)
        if best is None or _trimmed_spread(left[best]) > _EACH * least:
            break
        chosen, group, apart = (*chosen, best), groups[best], left[best]
        least = _trimmed_spread(apart)
    return chosen if least <= _EXPLAINED * whole else ()


def _tamed(values: Float64Array) -> Float64Array:
    """Return values with the wild ones brought near the others."""
    if not len(values):
        return values
    low, high = np.quantile(values, [0.1, 0.9])
    return np.clip(values, low - _REACH * (high - low), high + _REACH * (high - low))


def _apart(values: Float64Array, group: Codes, otherwise: Float64Array) -> Float64Array:
    """Return how far each row lies from the mean of the half of its group that it is not in.

    So no row counts in the mean that it is compared with. A group's rows are in its halves by
    turns.

    Parameters
    ----------
    values : (n_rows,) float64
    group : (n_rows,) intp
        From 0 on.
    otherwise : (n_rows,) float64
        What is returned of a row in a group of few.
    """
    sizes = np.bincount(group)
    by_group = np.argsort(group, kind="stable")
    place = np.empty(len(group), np.intp)
    place[by_group] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    half = 2 * group + place % 2
    n_halves = 2 * len(sizes)
    sums = np.bincount(half, weights=values, minlength=n_halves)
    means = sums / np.maximum(np.bincount(half, minlength=n_halves), 1)
    is_known = sizes[group] >= _MIN_ROWS
    apart: Float64Array = np.where(is_known, np.abs(values - means[half ^ 1]), otherwise)
    return apart


def _from_line(values: Float64Array, other: Float64Array) -> float:
    """Return how far values lie from a straight line in others."""
    both = ~np.isnan(other)
    own, other = values[both], bounded(other[both])
    if not len(own) or not np.ptp(other):
        return np.inf
    along = other - other.mean()
    along /= np.abs(along).max()  # or squares of the smallest numbers are none
    rest = own - along * float(along @ (own - own.mean()) / (along @ along))
    return _trimmed_spread(np.abs(rest - rest.mean()))


def _beside_neighbours(values: Float64Array, other: Float64Array, apart: Float64Array) -> float:
    """Return how far values lie from others with neighbouring numbers in another column."""
    spreads = [_trimmed_spread(_apart(values, own, apart)) for own in neighbouring(other)]
    return float(np.mean(spreads))


def _trimmed_spread(apart: Float64Array) -> float:
    """Return the root mean square of all but the largest; 0 of none."""
    kept = np.sort(apart)[: int(_TRIMMED * len(apart))]
    return float(np.sqrt((kept**2).mean())) if len(kept) else 0.0
