"""Normal texts or rows that hang together: those of one lot, shift or burst stand near in time.

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
    """Where texts stand in time, and how far apart they still hang together.

    Parameters
    ----------
    places : (n,) int64
    reach : int
        0 where they do not, or where nothing says that they are in the order of time.
    """

    places: IndexArray
    reach: int = 0

    @classmethod
    def unknown(cls, n: int) -> Self:
        """Return that of texts that are not known to be in the order of time."""
        return cls(np.arange(n))

    def __len__(self) -> int:
        return len(self.places)

    def near(self, rows: IndexArray) -> BoolArray:
        """Return which texts hang together with each of some, itself among them, (n_rows, n)."""
        near: BoolArray = np.abs(self.places[rows, None] - self.places) <= self.reach
        return near

    def rows(self, rows: IndexArray) -> Self:
        """Return the order of some of the texts."""
        return type(self)(self.places[rows], self.reach)

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
        n_pairs = max(int((last - first - 1).sum()), 1)  # each twice, too
        found: Float64Array = np.clip(total / n_pairs, 0, 1)
        return found if self.reach else np.zeros_like(found)

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
    centred = np.asarray(points[:_MOST_LOOKED_AT], np.float64)
    centred = centred - centred.mean(0)
    n, total = len(centred), float((centred**2).sum())
    if n <= _FIRST or total == 0:
        return 0
    centred *= math.sqrt(n / total)  # each direction counts by its share of the variance
    around = [_autocorrelation(centred, lag) for lag in range(1, _FIRST + 1)]
    first = float(np.mean(around))
    if first < max(_LEAST, _LEAST_ERRORS * _error(centred)):
        return 0
    most = math.floor(_MOST_NEAR * n)
    around += [_autocorrelation(centred, lag) for lag in range(_FIRST + 1, most + 2)]
    smooth = np.convolve(around, np.ones(_FIRST) / _FIRST, "valid")  # of lags 2, 3, …
    fallen = np.flatnonzero(smooth <= _FALLEN * first)
    return int(fallen[0]) + 2 if len(fallen) else most


def _autocorrelation(centred: Float64Array, lag: int) -> float:
    """Return that of the directions together, whose variances add up to 1."""
    return float((centred[lag:] * centred[:-lag]).sum() / (len(centred) - lag))


def _error(centred: Float64Array) -> float:
    """Return the standard error of the mean over the first lags, were the texts shuffled."""
    products = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    share = float(np.linalg.norm(products) / np.trace(products))
    return share / math.sqrt(len(centred) * _FIRST)
