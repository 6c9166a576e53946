"""How much of what one row says another says too, by how rarely that is said."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from polar_detect.arrays import Float64Array, IndexArray

# Pairs of rows that have the same, for each row that is asked and in all: what more rows have than
# these allow is left out, as it tells little.
_PAIRS_OF_A_ROW, _PAIRS = 20_000, 4e8
_TOGETHER = 512  # rows at a time

Items = Mapping[Hashable, float]


@dataclass(frozen=True, eq=False)
class Nearest:
    """The row that has most of what each row has.

    Parameters
    ----------
    places : (n,) intp
        Of that row among the others; the first of several, and 0 where none has any of it.
    shared : (n,) float64
        Nats, by how rarely rows have what both have.
    own : (n,) float64
        Nats of all that the row has.
    shared_next : (n,) float64
        Nats of what the row shares with the one that has second most of it.
    """

    places: IndexArray
    shared: Float64Array
    own: Float64Array
    shared_next: Float64Array

    @property
    def shares(self) -> Float64Array:
        """How much of what each row has that one has, 0 to 1."""
        return self._of_own(self.shared)

    @property
    def shares_next(self) -> Float64Array:
        """How much of it the one has that has second most, 0 to 1."""
        return self._of_own(self.shared_next)

    def _of_own(self, shared: Float64Array) -> Float64Array:
        shares: Float64Array = shared / np.maximum(self.own, np.finfo(np.float64).tiny)
        return shares


@dataclass(frozen=True, eq=False)
class Coincidences:
    """Rows, each with the items that it has, which others are held against.

    An item that m of n rows have counts log(n / m) nats, as having it by chance is so surprising.
    What so many rows have that comparing them would take long counts nothing.

    Parameters
    ----------
    places : mapping of item to int
        Those that count, with their columns.
    frequent : frozenset of item
        Those that count nothing.
    has : (n_rows, n_items) float64, sparse
        1 where a row has an item.
    nats : (n_items,) float64

    Examples
    --------
    >>> rows = [{"a": 1.0, "b": 1.0}, {"a": 1.0, "c": 1.0}, {"d": 1.0}]
    >>> found = Coincidences.of(rows).nearest([{"c": 1.0, "e": 1.0}])
    >>> found.places.tolist(), found.shares.tolist()
    ([1], [0.5])
    """

    places: Mapping[Hashable, int]
    frequent: frozenset[Hashable]
    has: csr_array
    nats: Float64Array

    @classmethod
    def of(cls, rows: Sequence[Items]) -> Self:
        """Return how often rows have each item.

        Parameters
        ----------
        rows : sequence of mapping of item to float
            What each row has, and what part of its surprise counts: 1, or less of what comes with
            others, as overlapping stretches of words do.
        """
        n, counts = len(rows), Counter(item for row in rows for item in row)
        parts = {item: part for row in rows for item, part in row.items()}
        most = _most(np.asarray([*counts.values()], np.float64), n)
        places = {item: i for i, item in enumerate(it for it, m in counts.items() if m <= most)}
        nats = [parts[item] * np.log(n / counts[item]) for item in places]
        frequent = frozenset(item for item, m in counts.items() if m > most)
        return cls(places, frequent, _matrix(rows, places), np.asarray(nats, np.float64))

    def __len__(self) -> int:
        return int(self.has.shape[0])

    def nearest(self, rows: Sequence[Items]) -> Nearest:
        """Return which of these rows has most of what each other row has.

        What none of them has is as surprising as what one has.
        """
        new = [sum(part for item, part in row.items() if not self._knows(item)) for row in rows]
        nats = np.asarray(new, np.float64) * np.log(max(len(self), 1))
        return self._nearest(_matrix(rows, self.places), nats)

    def nearest_within(self, rows: IndexArray) -> Nearest:
        """Return which other row has most of what some of these rows, (n,) intp, have."""
        return self._nearest(self.has[rows], np.zeros(len(rows)), rows)

    def _knows(self, item: Hashable) -> bool:
        return item in self.places or item in self.frequent

    @cached_property
    def _by_item(self) -> csr_array:
        """Which rows have each item, (n_items, n_rows)."""
        return csr_array(self.has.T)

    def _nearest(
        self, has: csr_array, new: Float64Array, own_places: IndexArray | None = None
    ) -> Nearest:
        weighed = csr_array(has.multiply(self.nats[None]))
        own = np.asarray(weighed.sum(1), np.float64) + new
        places, shared, after = np.zeros(len(own), np.intp), np.zeros(len(own)), np.zeros(len(own))
        for start in range(0, len(own), _TOGETHER):
            together = csr_array(weighed[start : start + _TOGETHER] @ self._by_item)
            for i, (found, nats) in enumerate(_rows(together), start):
                if own_places is not None:
                    is_other = found != own_places[i]
                    found, nats = found[is_other], nats[is_other]
                if len(nats):
                    shared[i] = nats.max()
                    places[i] = found[nats == nats.max()].min()
                if len(nats) > 1:
                    after[i] = np.partition(nats, -2)[-2]
        return Nearest(places, shared, own, after)


def _most(counts: Float64Array, n_rows: int) -> float:
    """Return how many rows may have an item that counts, which so many rows have each."""
    ordered = np.sort(counts)
    n_pairs = np.cumsum(ordered**2)
    fits = n_pairs <= min(_PAIRS, n_rows * _PAIRS_OF_A_ROW)
    if fits.all():
        return np.inf
    return float(ordered[np.argmin(fits)]) - 1  # all of as many, or none


def _matrix(rows: Sequence[Items], places: Mapping[Hashable, int]) -> csr_array:
    """Return which items each row has, (n_rows, n_items)."""
    found = [sorted(places[item] for item in row if item in places) for row in rows]
    ends = np.cumsum([0, *map(len, found)])
    columns = np.asarray([place for row in found for place in row], np.intp)
    ones = np.ones(len(columns))
    return csr_array((ones, columns, ends), shape=(len(rows), len(places)))


def _rows(matrix: csr_array) -> Iterator[tuple[IndexArray, Float64Array]]:
    """Yield where each row has something, and what."""
    ends = matrix.indptr.tolist()
    for start, stop in pairwise(ends):
        yield matrix.indices[start:stop], matrix.data[start:stop]
