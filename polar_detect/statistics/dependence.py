"""Normal texts or rows that hang together: those near in time, or of one lot, shift or burst.

Hides how far such dependence reaches, and how much it makes a mean vary.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import BoolArray, Float64Array, IndexArray

_FIRST = 3  # lags whose mean says whether texts hang together
_MOST_LOOKED_AT = 2_000  # texts
_LEAST = 0.1  # a weaker dependence changes little
_LEAST_ERRORS = 4.0  # by which it has to stand out from chance
_FALLEN = 0.25  # of the first lags: there it is taken to end
_MOST_NEAR = 0.1  # of all texts, on either side


@dataclass(frozen=True, eq=False)
class Order:
    """Where texts stand, and how far apart they still hang together.

    Parameters
    ----------
    places : (n,) int64
        In time, or which lot each is of.
    reach : int
        Over how many texts in time; 0 for those of one place only, as of a lot.
    by : str
        What tells lots apart; "" where places are those in time.
    """

    places: IndexArray
    reach: int = 0
    by: str = ""

    @classmethod
    def unknown(cls, n: int) -> Self:
        """Return that of texts each of which stands by itself."""
        return cls(np.arange(n))

    def __len__(self) -> int:
        return len(self.places)

    def near(self, rows: IndexArray) -> BoolArray:
        """Return which texts hang together with each of some, itself among them, (n_rows, n)."""
        near: BoolArray = np.abs(self.places[rows, None] - self.places) <= self.reach
        return near

    def rows(self, rows: IndexArray) -> Self:
        """Return the order of some of the texts."""
        return type(self)(self.places[rows], self.reach, self.by)

    @property
    def blocks(self) -> IndexArray:
        """Which lot or stretch of time each text is of, (n,); texts of few others hang together."""
        return np.unique(self.places // (self.reach + 1), return_inverse=True)[1]

    @property
    def n_near(self) -> float:
        """How many others hang together with a text, in the mean."""
        first, last = self._spans
        return float((last - first).mean() - 1)

    def correlations(self, values: Float64Array) -> Float64Array:
        """Return how alike texts that hang together are: the mean correlation of two of them.

        Parameters
        ----------
        values : (n, n_features) float64
            Of all the texts.

        Returns
        -------
        (n_features,) float64
            From 0 to 1, as few pairs may say more; 0 where the texts do not hang together.
        """
        unit = values - values.mean(0)
        spread = np.sqrt((unit**2).mean(0))
        unit = (unit / np.where(spread > 0, spread, 1))[np.argsort(self.places, kind="stable")]
        first, last = self._spans
        sums = np.vstack([np.zeros_like(unit[:1]), unit.cumsum(0)])
        total = ((sums[last] - sums[first] - unit) * unit).sum(0)  # of each pair twice
        n_pairs = int((last - first - 1).sum())  # each twice, too
        if not n_pairs:
            return np.zeros(values.shape[1])
        found: Float64Array = np.clip(total / n_pairs, 0, 1)
        return found

    @property
    def _spans(self) -> tuple[IndexArray, IndexArray]:
        """Return where those near each text begin and end, among all in the order of time."""
        places = np.sort(self.places)
        first = np.searchsorted(places, places - self.reach, side="left")
        return first, np.searchsorted(places, places + self.reach, side="right")


def effective_size(n: int, n_near: float, correlation: NDArray[np.floating]) -> Float64Array:
    """Return how many independent texts tell as much of a mean as n do that hang together.

    Parameters
    ----------
    n : int
    n_near : float
        Others that hang together with a text, in the mean.
    correlation : (n_features,) float
        Of two such texts.

    Source: Kish, Survey Sampling, 1965, section 5.4, the design effect.

    >>> effective_size(30, 29, np.array([0.0, 0.5, 1.0])).round(2).tolist()
    [30.0, 1.94, 1.0]
    """
    size: Float64Array = n / (1 + correlation * min(n_near, n - 1))
    return size


def reach_of(points: NDArray[np.floating]) -> int:
    """Return over how many texts on either side dependence reaches; 0 where there is none.

    Up to where the autocorrelation has fallen to a quarter, a tenth of all texts at most. A text is
    then held against the others without those so near, as a later one will be.

    Parameters
    ----------
    points : (n, n_directions) float
        Texts in the order of time.

    Source: Burman, Chow and Nolan, A cross-validatory method for dependent data, 1994 (h-block).

    >>> chance = np.random.default_rng(0)
    >>> lots = np.repeat(chance.normal(size=(20, 4)), 20, axis=0)
    >>> reach_of(chance.normal(size=(400, 4))), reach_of(lots + chance.normal(size=(400, 4)))
    (0, 16)
    """
    centred = _of_variance_one(points[:_MOST_LOOKED_AT])
    n = len(centred)
    if n <= _FIRST:
        return 0
    around = [_autocorrelation(centred, lag) for lag in range(1, _FIRST + 1)]
    first = float(np.mean(around))
    if first < max(_LEAST, _LEAST_ERRORS * _error(centred, n * _FIRST)):
        return 0
    most = math.floor(_MOST_NEAR * n)
    around += [_autocorrelation(centred, lag) for lag in range(_FIRST + 1, most + 2)]
    smooth = np.convolve(around, np.ones(_FIRST) / _FIRST, "valid")  # of lags 2, 3, …
    fallen = np.flatnonzero(smooth <= _FALLEN * first)
    return int(fallen[0]) + 2 if len(fallen) else most


def correlation_within(points: NDArray[np.floating], lots: IndexArray) -> float:
    """Return how alike two texts of a lot are; 0 where it may be by chance, or is little.

    Parameters
    ----------
    points : (n, n_directions) float
    lots : (n,) int64
        Which lot each is of.

    Source: Donner, A review of inference procedures for the intraclass correlation coefficient,
    1986.

    >>> chance = np.random.default_rng(0)
    >>> lots, own = np.repeat(np.arange(20), 20), chance.normal(size=(400, 4))
    >>> correlation_within(own, lots)
    0.0
    >>> round(correlation_within(chance.normal(size=(20, 4))[lots] + own, lots), 1)
    0.6
    """
    centred, (_, lots) = _of_variance_one(points), np.unique(lots, return_inverse=True)
    sizes = np.bincount(lots)
    n_pairs = int((sizes * (sizes - 1)).sum()) // 2
    if not n_pairs:
        return 0.0
    sums = np.zeros((len(sizes), centred.shape[1]))
    np.add.at(sums, lots, centred)
    found = float((sums**2).sum() - (centred**2).sum()) / 2 / n_pairs
    return found if found >= max(_LEAST, _LEAST_ERRORS * _error(centred, n_pairs)) else 0.0


def _of_variance_one(points: NDArray[np.floating]) -> Float64Array:
    """Return points about their mean, each direction counting by its share of the variance.

    All 0 where they are all the same.
    """
    centred = np.asarray(points, np.float64)
    centred = centred - centred.mean(0)
    total = float((centred**2).sum())
    scaled: Float64Array = centred * math.sqrt(len(centred) / total) if total else centred
    return scaled


def _autocorrelation(centred: Float64Array, lag: int) -> float:
    """Return that of the directions together, whose variances add up to 1."""
    return float((centred[lag:] * centred[:-lag]).sum() / (len(centred) - lag))


def _error(centred: Float64Array, n_pairs: int) -> float:
    """Return the standard error of a mean over pairs of texts, were these shuffled."""
    products = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    total = float(np.trace(products))
    return float(np.linalg.norm(products)) / total / math.sqrt(n_pairs) if total else 0.0
