"""How numbers on one scale lie beside normal rows: how columns go together, and what is missing.

Hides the shrunk covariance, and how much a cell without a number counts beside numbers.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import ndtri

from polar_detect.arrays import Float64Array
from polar_detect.numerics.smallest import nearest
from polar_detect.statistics.shrinkage import nonlinear_shrinkage

CellStates = NDArray[np.int8]
"""What stands in each cell: the values of `CellState`."""

_SHRINKAGE = 0.05  # of the covariance towards its mean variance, for distances
_LEAST_VARIANCE = 1e-8  # of what keeps to others exactly: a ten-thousandth of its spread, squared
_NO_VARIANCE = 1e-18  # what rounding leaves of the variance of a column that never varies
_MIN_VARIANCE = 0.1  # where all columns are constant on normal rows
_SIZE_VARIANCE = 1 - 2 / np.pi  # of |x| where x is normal with variance 1
_MOVED = 0.1  # of that: how much cells without a number may add among normal rows
_N_NEAREST = 5
_MOST_LEVERAGE = 0.9  # of a row, of which more than so much of its residual would be chance


class CellState(IntEnum):
    """What stands in a cell of a column of numbers."""

    NUMBER = 0
    MISSING = 1
    WORD = 2


_WITHOUT_NUMBER = (CellState.MISSING, CellState.WORD)


@dataclass(frozen=True, eq=False)
class ColumnCovariance:
    """How the columns of normal rows go together.

    Parameters
    ----------
    mean : (n_columns,) float64
    precision : (n_columns, n_columns) float64
        Inverse of the covariance of new rows, as `nonlinear_shrinkage` estimates it: columns that
        keep to each other, as two sensors of one temperature, are told as closely as they do.
    whitening : (n_columns, n_columns) float64
        Symmetric square root of the inverse of a covariance that is shrunk towards its mean
        variance: near and far rows are not told by what hardly varies. Of all whitening matrices
        it turns the columns least, so that each whitened column still stands for one column of
        the table.
    reach : (2, n_columns) float64
        Smallest and largest value of the normal rows.
    slack : float
        Of what the other columns leave unexplained of a cell beyond the reach, so many standard
        deviations may be chance; see `_slack`.
    """

    mean: Float64Array
    precision: Float64Array
    whitening: Float64Array
    reach: Float64Array
    slack: float = 0.0

    @classmethod
    def fit(
        cls, points: Float64Array, left_open: Float64Array, rounding: Float64Array | float = 0.0
    ) -> Self:
        """Fit on normal rows, (n_rows, n_columns), gaps filled in; see the method `left_open`.

        `rounding`, (n_columns,), is the variance that rounding gives the numbers of each column.
        What keeps to others more closely than that does so by as much, as it may be rounded
        another way elsewhere.
        """
        reach = np.stack([points.min(0), points.max(0)])
        found = cls._of(*_moments(points, left_open), reach, n_rows=len(points), rounding=rounding)
        return replace(found, slack=_slack(*points.shape))

    @classmethod
    def as_version_0_1(cls, points: Float64Array) -> Self:
        """Fit on normal rows whose reach has no bounds, gaps as they are."""
        reach = np.outer([-np.inf, np.inf], np.ones(points.shape[1]))
        return cls._of(*_moments(points, 0.0), reach)

    @classmethod
    def of_known(cls, points: Float64Array, states: CellStates) -> Self:
        """Fit on those cells of normal rows that are numbers, each column on its own ones."""
        is_number = states == CellState.NUMBER
        n_numbers = np.maximum(is_number.sum(0), 1)
        mean = np.where(is_number, points, 0.0).sum(0) / n_numbers
        centred = np.where(is_number, points - mean, 0.0) / np.sqrt(n_numbers)
        reach = np.stack([points.min(0), points.max(0)])
        return cls._of(mean, centred.T @ centred, reach, n_rows=len(points))

    @classmethod
    def _of(
        cls,
        mean: Float64Array,
        covariance: Float64Array,
        reach: Float64Array,
        *,
        n_rows: int | None = None,
        rounding: Float64Array | float = 0.0,
    ) -> Self:
        """Return that of a covariance; with one shrinkage for all, where no `n_rows` are given."""
        n_columns = len(mean)
        middle = max(float(np.trace(covariance)) / n_columns, _MIN_VARIANCE)
        # Columns that never vary keep to no other one: they are passed over where these are told.
        varies = np.flatnonzero(np.diag(covariance) > _NO_VARIANCE)
        found, directions = np.linalg.eigh(covariance[np.ix_(varies, varies)])
        fixed = (1 - _SHRINKAGE) * np.maximum(found, 0) + _SHRINKAGE * middle
        own = fixed
        if n_rows is not None and len(varies):
            of_columns = np.broadcast_to(rounding, n_columns)[varies]
            least = np.maximum(np.square(directions).T @ of_columns, _LEAST_VARIANCE)
            own = nonlinear_shrinkage(found, n_rows, least)
        precision, whitening = (
            np.diag(np.full(n_columns, (_SHRINKAGE * middle) ** power)) for power in (-1.0, -0.5)
        )
        precision[np.ix_(varies, varies)] = (directions / own) @ directions.T
        whitening[np.ix_(varies, varies)] = (directions / np.sqrt(fixed)) @ directions.T
        return cls(mean, precision, whitening, reach)

    def filled(self, points: Float64Array, states: CellStates) -> Float64Array:
        """Return the points, with cells without a number filled in by what the others predict.

        That is their mean given the other cells of the row, were the columns normally distributed.
        """
        filled, is_missing = points.copy(), states != CellState.NUMBER
        if not is_missing.any():  # to sort all rows by which are would take longer than the rest
            return filled
        known = np.clip(points, *self.reach) - self.mean
        patterns, place = np.unique(is_missing, axis=0, return_inverse=True)
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

    def left_open(self, states: CellStates) -> Float64Array:
        """Return the mean covariance of what `filled` cannot foretell, (n_columns, n_columns).

        What is filled in varies less than what it stands for: without that a column that is mostly
        empty would seem to hardly vary, and a row in which it is filled would seem strange.

        Source: Little and Rubin, Statistical Analysis with Missing Data, section 11.2: a step of
        EM for normal data.
        """
        found = np.zeros_like(self.precision)
        patterns, counts = np.unique(states != CellState.NUMBER, axis=0, return_counts=True)
        for is_none, count in zip(patterns, counts.tolist(), strict=True):
            none = np.ix_(is_none, is_none)
            found[none] += np.linalg.inv(self.precision[none]) * (count / len(states))
        return found

    def whitened(self, points: Float64Array) -> Float64Array:
        """Return the points by columns that on normal rows are uncorrelated, with variance 1."""
        return self._turned(points, self.whitening)

    def residuals(self, points: Float64Array) -> Float64Array:
        """Return what the other columns leave unexplained, in standard deviations of that."""
        return self._turned(points, self.precision, self._spreads)

    def predicted(self, points: Float64Array) -> Float64Array:
        """Return what the other columns lead to expect of each cell, (n_rows, n_columns).

        Its mean given the other cells of the row, were the columns normally distributed; the wild
        part of a cell tells nothing of others.
        """
        tame = points - self._wild(points) - self.mean
        turned = np.einsum("ni,ij->nj", tame, self.precision)
        predicted: Float64Array = self.mean + tame - turned / self._spreads**2
        return predicted

    @property
    def _spreads(self) -> Float64Array:
        """By what the points times the precision are divided, to be residuals."""
        spreads: Float64Array = np.sqrt(np.diag(self.precision))
        return spreads

    def _turned(
        self, points: Float64Array, matrix: Float64Array, spreads: Float64Array | float = 1.0
    ) -> Float64Array:
        """Return the centred points times a matrix, each column divided by its spread.

        The wild part of a cell would move all columns. It is counted in its own column alone, by
        as much as it would have moved all of them together.
        """
        wild = self._wild(points)
        # Not a matrix product, whose last digits depend on how many rows there are.
        turned = np.einsum("ni,ij->nj", points - wild - self.mean, matrix) / spreads
        own: Float64Array = turned + wild * (np.abs(matrix) / spreads).sum(1)
        return own

    def _wild(self, points: Float64Array) -> Float64Array:
        """Return the part of each cell that no normal row and no other cell leads to expect.

        What lies beyond the reach of normal rows, but no more than the cell would have to change
        for the sum of the squared residuals to be smallest. Copies that leave the reach together
        have hardly any, nor has a total that does with its parts: each by itself they would count
        as if they broke what they keep, a copy of one column twenty times as much as that column.
        Of that change the `slack` is no sign of anything.
        """
        beyond: Float64Array = points - np.clip(points, *self.reach)
        rows = np.flatnonzero(beyond.any(1))
        if not len(rows):  # as of most groups of one row each, which a fit asks for
            return beyond
        to_residuals = self.precision / self._spreads
        residuals = np.einsum("ni,ij->nj", points[rows] - self.mean, to_residuals)
        step = np.einsum("nj,ij->ni", residuals, to_residuals) / (to_residuals**2).sum(1)
        sign = np.sign(beyond[rows])
        beyond[rows] = sign * np.clip(
            sign * step - self.slack / self._spreads, 0, np.abs(beyond[rows])
        )
        return beyond


@dataclass(frozen=True, eq=False)
class StateWeights:
    """What each `CellState` of a column counts for, beside the numbers of the other cells.

    *Surprise* and *distance* treat a state as a column of its own: 1 in cells of that state, else
    0. Its variance is shrunk as the covariance is, so that a state that no normal row has stands
    out like a step in a column that never changed. Both are multiplied by √n_columns, as one column
    is little of a mean over many. Where states vary most among normal rows they are multiplied by
    less, so that all of them together move that mean by at most a tenth of the variance that
    numbers give it; a state that no normal row has does not move it.

    Parameters
    ----------
    rarity : (3, n_columns) float64
        The number of standard deviations at which a normal density has fallen from its peak to
        the share of normal cells that are in the state.
    surprise : (3, n_columns) float64
        Of a cell in the state, in standard deviations of the state's column; at least its rarity.
    distance : (3, n_columns) float64
        Between a cell in the state and one that is not, in these standard deviations; 0 for
        numbers, whose distance is their own.
    """

    rarity: Float64Array
    surprise: Float64Array
    distance: Float64Array

    @classmethod
    def as_version_0_1(cls, states: CellStates) -> Self:
        """Fit as version 0.1, which took words for missing, and asked how rare these are only."""
        missing = ((states == CellState.MISSING).sum(0) + 1) / (len(states) + 2)
        rarity = np.sqrt(-2 * np.log(np.stack([1 - missing, missing, missing])))
        return cls(rarity, rarity, np.zeros_like(rarity))

    @classmethod
    def fit(cls, states: CellStates) -> Self:
        """Fit on the cells of normal rows, (n_rows, n_columns)."""
        n_rows, n_columns = states.shape
        counts = np.stack([(states == state).sum(0) for state in CellState])
        rarity = np.sqrt(-2 * np.log((counts + 1) / (n_rows + 2)))
        share = counts / n_rows
        weight = 1 / np.sqrt((1 - _SHRINKAGE) * share * (1 - share) + _SHRINKAGE)
        weight[CellState.NUMBER] = 0
        surprise = (1 - share) * weight
        moved = n_columns * share * (1 - share) * surprise**2
        level = _level(moved.ravel(), n_columns * _MOVED * _SIZE_VARIANCE)
        boost = np.sqrt(n_columns * np.where(moved > level, level / np.maximum(moved, 1e-9), 1))
        return cls(rarity, np.maximum(boost * surprise, rarity), boost * weight)


@dataclass(frozen=True, eq=False)
class NormalRows:
    """Normal rows, as what other rows are compared with.

    Parameters
    ----------
    covariance : ColumnCovariance
    weights : StateWeights
    points : (n_rows, n_columns) float64
        Standardised; where there is no number, what the other columns lead to expect.
    states : (n_rows, n_columns) int8
    """

    covariance: ColumnCovariance
    weights: StateWeights
    points: Float64Array
    states: CellStates

    @classmethod
    def fit(
        cls,
        points: Float64Array,
        states: CellStates,
        left_open: Float64Array | None,
        rounding: Float64Array | float = 0.0,
    ) -> Self:
        """Fit on normal rows, (n_rows, n_columns); without `left_open` as version 0.1 did."""
        if left_open is None:
            covariance = ColumnCovariance.as_version_0_1(points)
            weights = StateWeights.as_version_0_1(states)
        else:
            covariance = ColumnCovariance.fit(points, left_open, rounding)
            weights = StateWeights.fit(states)
        return cls(covariance, weights, points, states)

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def white(self) -> Float64Array:
        """The points, whitened, (n_rows, n_columns)."""
        white: Float64Array = (self.points - self.covariance.mean) @ self.covariance.whitening
        return white

    def features(self, points: Float64Array, states: CellStates, n_skipped: int) -> Float64Array:
        """Return values, residuals, distances and rarities, (4, n_rows, n_columns) float64.

        Distances pass over the `n_skipped` normal rows that are nearest to a row.
        """
        is_number = states == CellState.NUMBER
        residual = np.where(
            is_number,
            self.covariance.residuals(points),
            np.choose(states, self.weights.surprise),
        )
        rarity = np.choose(states, self.weights.rarity)
        distance = self._distances(points, states, n_skipped)
        return np.stack([np.where(is_number, points, 0.0), residual, distance, rarity])

    def prediction_interval(self, points: Float64Array) -> Float64Array:
        """Return between which numbers the other columns lead to expect each cell.

        (2, n_rows, n_columns), from the first to the second. Of new normal rows nine of ten cells
        lie there: as many as of the normal rows, each as if it had not been fitted on.
        """
        return self.covariance.predicted(points) + self._errors[:, None]

    @cached_property
    def _errors(self) -> Float64Array:
        """Between which errors the middle nine tenths of predictions lie, (2, n_columns).

        Source: Cook and Weisberg, Residuals and Influence in Regression, 1982, section 2.2.
        """
        own, n = self.covariance, len(self)
        spreads = 1 / np.sqrt(np.diag(own.precision))
        centred = self.points - own.mean
        turned = centred @ own.precision
        residuals = turned * spreads
        # The leverage of a row by its other columns, and the mean.
        others = np.maximum((centred * turned).sum(1)[:, None] - residuals**2, 0)
        left_out = residuals / (1 - np.minimum((1 + others) / n, _MOST_LEVERAGE))
        low = np.quantile(left_out, 0.05, axis=0, method="lower")
        high = np.quantile(left_out, 0.95, axis=0, method="higher")
        return np.stack([low, high]) * spreads

    def _distances(self, points: Float64Array, states: CellStates, n_skipped: int) -> Float64Array:
        """Return how far each cell lies from those of the nearest normal rows."""
        white = self.covariance.whitened(points)
        first = min(n_skipped, max(len(self.white) - _N_NEAREST, 0))
        apart = cdist(white, self.white, "cityblock") + self._apart(states)
        near = nearest(apart, first + _N_NEAREST)[:, first:]
        distance: Float64Array = np.abs(white[:, None] - self.white[near]).mean(1)
        for state in _WITHOUT_NUMBER:
            is_other = (states == state)[:, None] != (self.states == state)[near]
            distance += is_other.mean(1) * self.weights.distance[state]
        return distance

    def _apart(self, states: CellStates) -> Float64Array:
        """Return how far rows are from the normal rows by the states of their cells."""
        apart = np.zeros((len(states), len(self.states)))
        for state in _WITHOUT_NUMBER:
            own, normal = states == state, self.states == state
            varies = normal.any(0)  # in the other columns all normal rows are as far
            weight = self.weights.distance[state, varies]
            if varies.any():
                apart += cdist(own[:, varies] * weight, normal[:, varies] * weight, "cityblock")
        return apart


def _slack(n_rows: int, n_columns: int) -> float:
    """Return beyond how many standard deviations a cell of a usual row lies by chance, once a row.

    Of those cells that lie beyond the reach of n rows, as 2 of n + 1 do of every column: where
    columns are many and rows few, each new row has a dozen, and their noise would outweigh a fault
    of a few columns. 0 where a row has one such cell at most.

    >>> [round(_slack(100, n_columns), 2) for n_columns in (20, 50, 400)]
    [0.0, 0.0, 1.53]
    """
    n_beyond = 2 * n_columns / (n_rows + 1)
    return float(ndtri(1 - 1 / (2 * n_beyond))) if n_beyond > 1 else 0.0


def _moments(
    points: Float64Array, left_open: Float64Array | float
) -> tuple[Float64Array, Float64Array]:
    """Return the mean of points and their covariance, with what gaps leave open."""
    mean: Float64Array = points.mean(0)
    return mean, (points - mean).T @ (points - mean) / len(points) + left_open


def _level(parts: Float64Array, total: float) -> float:
    """Return the level at which parts, none of which counts for more than it, have this sum.

    The largest part where they have less.

    >>> _level(np.array([1.0, 4.0, 7.0]), 7.0), _level(np.array([1.0, 2.0]), 7.0)
    (3.0, 2.0)
    """
    ordered = np.sort(parts)
    sums = np.cumsum(ordered) + ordered * np.arange(len(parts))[::-1]
    return float(np.interp(total, np.append(0, sums), np.append(0, ordered)))
