"""A sample of the scores of a batch, for a test of the batch as a whole."""

import array
from collections.abc import Sequence

import numpy as np

from polar_detect.arrays import Float64Array

_SIZE = 1_000_000  # 8 MB; a test against a few hundred held-out texts sees no more in more rows


class Sample:
    """A uniform sample of a stream of numbers, all of them while there are few.

    Parameters
    ----------
    size : int
        Numbers that it holds at most.
    seed : int

    Source: Vitter, Random sampling with a reservoir, ACM TOMS 11 (1985), algorithm R.
    """

    def __init__(self, size: int = _SIZE, seed: int = 0) -> None:
        self._size = size
        self._values = array.array("d")
        self._n_seen = 0
        self._chance = np.random.default_rng(seed)

    def add(self, numbers: Sequence[float]) -> None:
        """Take further numbers of the stream."""
        n_direct = min(len(numbers), self._size - len(self._values))
        self._values.extend(numbers[:n_direct])
        rest = np.asarray(numbers[n_direct:])
        # The nth number takes a place among n, if that is one of those that there are.
        places = self._chance.integers(0, self._n_seen + n_direct + 1 + np.arange(len(rest)))
        is_taken = places < self._size
        self.values[places[is_taken]] = rest[is_taken]
        self._n_seen += len(numbers)

    @property
    def values(self) -> Float64Array:
        """The sample, which must not be held while further numbers are added."""
        return np.frombuffer(self._values, np.float64)
