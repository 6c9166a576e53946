"""How numbers on one scale lie beside normal rows: how columns go together, and what is missing.

Hides the shrunk covariance, and how much a cell without a number counts beside numbers.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
States = NDArray[np.int8]
"""Of cells: 0 where one is a number, 1 where it is missing, 2 where it is a word."""

_N_STATES = 3
_SHRINKAGE = 0.05  # of the covariance towards its mean variance
_MIN_VARIANCE = 0.1  # where all columns are constant on normal rows
_SIZE_VARIANCE = 1 - 2 / np.pi  # of |x| where x is normal with variance 1
_MOVED = 0.1  # of that: how much cells without a number may add among normal rows
_N_NEAREST = 5


@dataclass(frozen=True, eq=False)
class Covariance:
    """How the columns of normal rows go together.

    Parameters
    ----------
    mean : (n_columns,) float64
    precision : (n_columns, n_columns) float64
        Inverse of the covariance, shrunk so that any number of rows has one.
    whitening : (n_columns, n_columns) float64
        Its symmetric root: turns columns as little as can be, so that they keep their names.
    reach : (2, n_columns) float64
        Between which values the normal rows lie.
    """

    mean: Array
    precision: Array
    whitening: Array
    reach: Array

    @classmethod
    def fit(cls, points: Array, *, as_first: bool) -> Self:
        """Fit on normal rows, (n_rows, n_columns); version 0.1 knew no reach."""
        mean, n_columns = points.mean(0), points.shape[1]
        covariance = (points - mean).T @ (points - mean) / len(points)
        middle = max(float(np.trace(covariance)) / n_columns, _MIN_VARIANCE)
        shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * middle * np.eye(n_columns)
        variances, directions = np.linalg.eigh(shrunk)
        reach = np.stack([points.min(0), points.max(0)])
        if as_first:
            reach = np.outer([-np.inf, np.inf], np.ones(n_columns))
        return cls(
            mean=mean,
            precision=(directions / variances) @ directions.T,
            whitening=(directions / np.sqrt(variances)) @ directions.T,
            reach=reach,
        )

    def filled(self, points: Array, states: States) -> Array:
        """Return the points with, where there is no number, what the other cells lead to expect.

        That is the mean under the precision: of all columns, where there are none.
        """
        filled = points.copy()
        known = np.clip(points, *self.reach) - self.mean
        patterns, place = np.unique(states > 0, axis=0, return_inverse=True)
        for i, is_none in enumerate(patterns):
            rows, none, some = place.ravel() == i, np.flatnonzero(is_none), np.flatnonzero(~is_none)
            if not len(none):
                continue
            weights = -np.linalg.solve(
                self.precision[np.ix_(none, none)], self.precision[np.ix_(none, some)]
            )
            expected = np.einsum("ni,ij->nj", known[rows][:, some], weights.T.copy())
            filled[np.ix_(rows, none)] = self.mean[none] + expected
        return filled

    def whitened(self, points: Array) -> Array:
        """Return the points turned so that columns of normal rows have variance 1, each alone."""
        return self._turned(points, self.whitening)

    def residuals(self, points: Array) -> Array:
        """Return what other columns do not explain of each, in standard deviations of that."""
        return self._turned(points, self.precision, np.sqrt(np.diag(self.precision)))

    def _turned(self, points: Array, matrix: Array, spreads: Array | float = 1.0) -> Array:
        """Return points times a matrix, of which each column is divided by its spread.

        What a cell lies beyond the reach of normal rows counts in its own column only, for as
        much as it would in all of them.
        """
        within = np.clip(points, *self.reach)
        # Not a matrix product, whose last digits depend on how many rows there are.
        turned = np.einsum("ni,ij->nj", within - self.mean, matrix) / spreads
        own: Array = turned + (points - within) * (np.abs(matrix) / spreads).sum(1)
        return own


@dataclass(frozen=True, eq=False)
class StateWeights:
    """What it counts for in which state a cell is.

    Parameters
    ----------
    rarity : (3, n_columns) float64
        How rare each state of a cell is: the number of standard deviations at which a normal
        density has fallen to that share.
    surprise : (3, n_columns) float64
        By how many standard deviations a cell without a number exceeds a column that is 1 where
        normal cells are in that state and else 0; of a variance shrunk like the covariance, so
        that a state never seen stands out like a step in a column that never changed. √n_columns
        times that, as one column is little of the mean of many; but so much less that among
        normal rows it moves that mean by a tenth of the variance that numbers do, and no less
        than its rarity.
    distance : (3, n_columns) float64
        Of such a column in distances, likewise; 0 for numbers, which count by themselves.
    """

    rarity: Array
    surprise: Array
    distance: Array

    @classmethod
    def fit(cls, states: States, *, as_first: bool) -> Self:
        """Fit on the cells of normal rows, (n_rows, n_columns).

        Version 0.1 took words for missing, and asked for the rarity of these only.
        """
        n_rows, n_columns = states.shape
        counts = np.stack([(states == state).sum(0) for state in range(_N_STATES)])
        if as_first:
            missing = (counts[1] + 1) / (n_rows + 2)
            rarity = np.sqrt(-2 * np.log(np.stack([1 - missing, missing, missing])))
            return cls(rarity, rarity, np.zeros_like(rarity))
        rarity = np.sqrt(-2 * np.log((counts + 1) / (n_rows + 2)))
        share = counts / n_rows
        weight = 1 / np.sqrt((1 - _SHRINKAGE) * share * (1 - share) + _SHRINKAGE)
        weight[0] = 0
        surprise = (1 - share) * weight
        moved = float((share * (1 - share) * surprise**2).sum())
        boost = np.sqrt(n_columns * min(_MOVED * _SIZE_VARIANCE / max(moved, 1e-9), 1))
        return cls(rarity, np.maximum(boost * surprise, rarity), boost * weight)


@dataclass(frozen=True, eq=False)
class NormalRows:
    """Normal rows that some rows are held against.

    Parameters
    ----------
    covariance : Covariance
    weights : StateWeights
    white : (n_rows, n_columns) float64
        Their points, whitened.
    states : (n_rows, n_columns) int8
    """

    covariance: Covariance
    weights: StateWeights
    white: Array
    states: States

    @classmethod
    def fit(cls, points: Array, states: States, *, as_first: bool) -> Self:
        """Fit on normal rows, (n_rows, n_columns); as version 0.1 did where `as_first`."""
        covariance = Covariance.fit(points, as_first=as_first)
        return cls(
            covariance,
            StateWeights.fit(states, as_first=as_first),
            (points - covariance.mean) @ covariance.whitening,
            states,
        )

    def features(self, points: Array, states: States, n_skipped: int) -> Array:
        """Return values, residuals, distances and rarities, (4, n_rows, n_columns) float64.

        Each row passes over the `n_skipped` nearest of the normal rows.
        """
        is_number = states == 0
        residual = np.where(
            is_number,
            self.covariance.residuals(points),
            np.choose(states, self.weights.surprise),
        )
        rarity = np.choose(states, self.weights.rarity)
        distance = self._distances(points, states, n_skipped)
        return np.stack([np.where(is_number, points, 0.0), residual, distance, rarity])

    def _distances(self, points: Array, states: States, n_skipped: int) -> Array:
        """Return how far each cell lies from those of the nearest normal rows."""
        white = self.covariance.whitened(points)
        first = min(n_skipped, max(len(self.white) - _N_NEAREST, 0))
        apart = cdist(white, self.white, "cityblock") + self._apart(states)
        nearest = np.argsort(apart, axis=1, kind="stable")[:, first : first + _N_NEAREST]
        distance: Array = np.abs(white[:, None] - self.white[nearest]).mean(1)
        for state in range(1, _N_STATES):
            is_other = (states == state)[:, None] != (self.states == state)[nearest]
            distance += is_other.mean(1) * self.weights.distance[state]
        return distance

    def _apart(self, states: States) -> Array:
        """Return how far rows are from the normal rows by the states of their cells."""
        apart = np.zeros((len(states), len(self.states)))
        for state in range(1, _N_STATES):
            own, normal = states == state, self.states == state
            varies = normal.any(0)  # in the other columns all normal rows are as far
            weight = self.weights.distance[state, varies]
            if varies.any():
                apart += cdist(own[:, varies] * weight, normal[:, varies] * weight, "cityblock")
        return apart
