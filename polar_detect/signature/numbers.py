"""The numeric columns of rows as features: whether each cell is usual, alone and beside others.

Hides how columns of any unit and tail come to one scale, and how numbers are found in rows
written out as text, which are all that reaches a detector.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from polar_detect.factors import Kinds, Levels
from polar_detect.shares import exactly
from polar_detect.signature.allowed_rows import groups_by_allowed
from polar_detect.signature.column_features import GROUP, KINDS
from polar_detect.signature.column_scale import ColumnScale
from polar_detect.signature.features import Feature, FeatureTable

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.read_rows import NumericColumns
    from polar_detect.tables.rows import RowTemplate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
States = NDArray[np.int8]

_N_STATES = 3  # of a cell: a number, missing, or a word where a number should be
_SHRINKAGE = 0.05  # of the covariance towards its mean variance
_MIN_VARIANCE = 0.1  # where all columns are constant on normal rows
_SIZE_VARIANCE = 1 - 2 / np.pi  # of |x| where x is normal with variance 1
_MOVED = 0.1  # of that: how much cells without a number may add among normal rows
_N_NEAREST = 5


class Usual(NamedTuple):
    """Between which values the middle 90 % of the normal cells of a column lie.

    Of rows of one kind, which say that in the column's factors; `levels` is () for all rows.
    """

    low: float
    high: float
    levels: Levels


@dataclass(frozen=True, eq=False)
class ScaledRows:
    """The numbers of normal rows on one scale.

    Parameters
    ----------
    scale : ColumnScale
    points : (n_rows, n_columns) float64
        Standardised; where there is no number, what the other columns lead to expect.
    normal : _Normal
        All of them, as rows meet them that may meet all: of many columns it takes seconds to fit.
    """

    scale: ColumnScale
    points: Array
    normal: "_Normal"

    @classmethod
    def fit(
        cls,
        values: Array,
        states: States,
        levels: Sequence[Sequence[Levels]],
        template: "RowTemplate",
    ) -> Self:
        """Return normal rows on the scale that kinds of rows, as these levels make, ask for."""
        steps = [10.0 ** -(column.decimals or 0) for column in template.numeric]
        is_first = template.notation == 1
        scale = ColumnScale.fit(values, np.asarray(steps), levels, as_first=is_first)
        points = np.nan_to_num(scale.apply(values, levels))
        with _one_thread():
            if template.notation > 1:
                points = _Normal.fit(points, states, template).expected(points, states)
            return cls(scale, points, _Normal.fit(points, states, template))


@dataclass(frozen=True, eq=False)
class ColumnReference:
    """The numbers of normal rows, as what new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    scaled : tuple of ScaledRows
        All rows on one scale, and before that, where numbers depend on factors, each kind of rows
        on its own.
    states : (n_rows, n_columns) int8
        0 where a cell is a number, 1 where it is missing, 2 where it is a word.
    usual : tuple of (n_kinds, 2) float64, n_columns long
        Between which values the middle 90 % of the normal cells of each kind lie, for people.
    """

    template: "RowTemplate"
    scaled: tuple[ScaledRows, ...]
    states: States
    usual: tuple[Array, ...]

    @classmethod
    def fit(cls, template: "RowTemplate", texts: Sequence[str]) -> Self | None:
        """Return the reference of normal rows; None for a template without numbers.

        Raises
        ------
        InputError
            None of the texts is a row of the template.
        """
        if not template.numeric:
            return None
        read = template.read(texts)
        read.check()
        values, levels = read.numbers.values, read.factor_levels
        states = _states(read.numbers, template)
        own = ScaledRows.fit(values, states, levels, template)
        usual = tuple(map(_usual, values.T, levels, own.scale.kinds))
        if not template.dependent:
            return cls(template, (own,), states, usual)
        alike = ScaledRows.fit(values, states, _without_factors(levels), template)
        return cls(template, (own, alike), states, usual)

    def features(
        self, texts: Sequence[str], *, banned: Mask | None = None, skipped: float = 0
    ) -> FeatureTable:
        """Return four features of each column; see `KINDS`.

        - *value*: in robust standard deviations from the median;
        - *residual*: what the other columns do not explain of it, in standard deviations of
          that; of a cell without a number, the same of a column that says where there is none;
        - *distance*: its share in the distance to the nearest normal rows;
        - *missing*: how rare it is that a number stands there, that the cell is missing, or
          that it is a word, whichever it is.

        As a predictor of others a cell counts no further out than the normal rows reach, and
        one without a number as what the others lead to expect: else one wild cell makes other
        columns as strange as its own, or stranger.

        Where numbers depend on factors, rows are held both against all rows and against those of
        their kind, and features are the root of the mean square of both: a cell may be strange for
        its kind only, or beside columns that go together in all kinds.

        Parameters
        ----------
        texts : sequence of str
            Rows written out.
        banned : (n_texts, n_rows) bool, optional
            Normal rows that a row must not be held against: itself, or its own cluster.
        skipped : float
            Each row passes over the nearest of the normal rows, this share of all of them.
        """
        n_skipped = math.ceil(exactly(skipped) * len(self.states))
        read = self.template.read(texts)
        values, levels = read.numbers.values, read.factor_levels
        states = _states(read.numbers, self.template)
        by_kind, *by_all = (
            self._features(rows, rows.scale.apply(values, own), states, banned, n_skipped)
            for rows, own in zip(self.scaled, (levels, _without_factors(levels)), strict=False)
        )
        found = by_kind
        if by_all:
            found = np.copysign(np.sqrt((by_kind**2 + by_all[0] ** 2) / 2), by_kind)
        names = [column.name for column in self.template.numeric]
        features = tuple(Feature(GROUP, f"{name}/{kind}") for kind in KINDS for name in names)
        return FeatureTable(np.hstack([*found]).astype(np.float32), features)

    def _features(
        self,
        normal_rows: ScaledRows,
        points: Array,
        states: States,
        banned: Mask | None,
        n_skipped: int,
    ) -> Array:
        """Return the four kinds of features on one scale, (4, n_texts, n_columns)."""
        normal_points, points = normal_rows.points, np.nan_to_num(points)
        found = np.empty((len(KINDS), *points.shape))
        with _one_thread():
            if self.template.notation > 1:
                points = normal_rows.normal.expected(points, states)
            for rows, allowed in groups_by_allowed(banned, len(points), len(normal_points)):
                normal = normal_rows.normal
                if len(allowed) < len(normal_points):
                    own = normal_points[allowed], self.states[allowed]
                    normal = _Normal.fit(*own, self.template)
                found[:, rows] = normal.features(points[rows], states[rows], n_skipped)
        return found

    def usual_for(self, text: str) -> list[Usual]:
        """Return what is usual in each column for normal rows of a row's kind."""
        levels, kinds = self.template.read([text]).factor_levels, self.scaled[0].scale.kinds
        places = [int(own.place(said)[0]) for own, said in zip(kinds, levels, strict=True)]
        return [
            Usual(float(usual[place, 0]), float(usual[place, 1]), own.levels[place])
            for usual, own, place in zip(self.usual, kinds, places, strict=True)
        ]

    def unlike_kind(self, texts: Sequence[str]) -> list[dict[str, Levels]]:
        """Return which numbers of each row are usual in rows of other kinds, but not of its own.

        With the columns that say of which kind it is: what they say may as well be wrong.
        """
        found: list[dict[str, Levels]] = [{} for _ in texts]
        if not self.template.dependent:
            return found
        read = self.template.read(texts)
        kinds = self.scaled[0].scale.kinds
        for column, values, said, own, usual in zip(
            self.template.numeric,
            read.numbers.values.T,
            read.factor_levels,
            kinds,
            self.usual,
            strict=True,
        ):
            place = own.place(said)
            is_usual = (usual[:, :1] <= values) & (values <= usual[:, 1:])  # for each kind
            is_unlike = is_usual.any(0) & ~is_usual[place, np.arange(len(texts))]
            for i in np.flatnonzero(is_unlike).tolist():
                found[i][column.name] = column.factors[: len(own.levels[place[i]])]
        return found


def _one_thread() -> threadpool_limits:
    """Return a context in which BLAS has one thread.

    With more the last bits of what is fitted depend on how many there are (from 60 columns on).
    While fitting there is a group a row, and threads that wait for each other at each small matrix
    take twenty times as long on two busy cores (60 columns).
    """
    return threadpool_limits(1, user_api="blas")


def _without_factors(levels: Sequence[Sequence[Levels]]) -> list[list[Levels]]:
    return [[()] * len(own) for own in levels]


def _usual(values: Array, levels: Sequence[Levels], kinds: Kinds) -> Array:
    """Return the middle 90 % of the cells of each kind, (n_kinds, 2)."""
    own = [values[rows] for rows in kinds.members(levels)]
    return np.stack([_middle(cells[~np.isnan(cells)]) for cells in own])


def _middle(present: Array) -> Array:
    """Return the smallest and the largest cell of the middle 90 %, as they stand there."""
    if not len(present):
        return np.full(2, np.nan)
    low = np.quantile(present, 0.05, method="lower")
    return np.asarray([low, np.quantile(present, 0.95, method="higher")])


def _states(found: "NumericColumns", template: "RowTemplate") -> States:
    """Return which cells are numbers, missing, and words; see `ColumnReference`."""
    is_none = np.isnan(found.values).astype(np.int8)
    return is_none if template.notation == 1 else is_none * (1 + found.is_word.astype(np.int8))


@dataclass(frozen=True, eq=False)
class _Normal:
    """The normal rows that some rows may meet, and how their columns go together.

    Parameters
    ----------
    mean : (n_columns,) float64
    precision : (n_columns, n_columns) float64
        Inverse of the covariance, shrunk so that any number of rows has one.
    whitening : (n_columns, n_columns) float64
        Its symmetric root: turns columns as little as can be, so that they keep their names.
    white : (n_rows, n_columns) float64
    reach : (2, n_columns) float64
        Between which values the normal rows lie.
    states : (n_rows, n_columns) int8
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
    weight : (3, n_columns) float64
        Of such a column in distances, likewise; 0 for numbers, which count by themselves.
    """

    mean: Array
    precision: Array
    whitening: Array
    white: Array
    reach: Array
    states: States
    rarity: Array
    surprise: Array
    weight: Array

    @classmethod
    def fit(cls, points: Array, states: States, template: "RowTemplate") -> Self:
        """Fit on normal rows; as earlier versions did where the template is of one of them."""
        mean = points.mean(0)
        covariance = (points - mean).T @ (points - mean) / len(points)
        n_columns = len(mean)
        middle = max(float(np.trace(covariance)) / n_columns, _MIN_VARIANCE)
        shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * middle * np.eye(n_columns)
        variances, directions = np.linalg.eigh(shrunk)
        whitening = (directions / np.sqrt(variances)) @ directions.T
        counts = np.stack([(states == state).sum(0) for state in range(_N_STATES)])
        rarity = np.sqrt(-2 * np.log((counts + 1) / (len(points) + 2)))
        share = counts / len(points)
        weight = 1 / np.sqrt((1 - _SHRINKAGE) * share * (1 - share) + _SHRINKAGE)
        weight[0] = 0
        surprise, reach = (1 - share) * weight, np.stack([points.min(0), points.max(0)])
        moved = float((share * (1 - share) * surprise**2).sum())
        boost = np.sqrt(n_columns * min(_MOVED * _SIZE_VARIANCE / max(moved, 1e-9), 1))
        weight *= boost
        surprise = np.maximum(boost * surprise, rarity)
        if template.notation == 1:
            weight[:] = 0
            missing = (counts[1] + 1) / (len(points) + 2)
            rarity = np.sqrt(-2 * np.log(np.stack([1 - missing, missing, missing])))
            surprise, reach = rarity, np.outer([-np.inf, np.inf], np.ones(n_columns))
        return cls(
            mean=mean,
            precision=(directions / variances) @ directions.T,
            whitening=whitening,
            white=(points - mean) @ whitening,
            reach=reach,
            states=states,
            rarity=rarity,
            surprise=surprise,
            weight=weight,
        )

    def expected(self, points: Array, states: States) -> Array:
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

    def features(self, points: Array, states: States, n_skipped: int) -> Array:
        """Return the four kinds of features, (4, n_rows, n_columns)."""
        is_number = states == 0
        white = self._turned(points, self.whitening)
        residual = self._turned(points, self.precision, np.sqrt(np.diag(self.precision)))
        residual = np.where(is_number, residual, np.choose(states, self.surprise))
        first = min(n_skipped, max(len(self.white) - _N_NEAREST, 0))
        apart = cdist(white, self.white, "cityblock") + self._apart(states)
        order = np.argsort(apart, axis=1, kind="stable")[:, first : first + _N_NEAREST]
        distance = np.abs(white[:, None] - self.white[order]).mean(1)
        for state in range(1, _N_STATES):
            is_other = (states == state)[:, None] != (self.states == state)[order]
            distance += is_other.mean(1) * self.weight[state]
        rarity = np.choose(states, self.rarity)
        return np.stack([np.where(is_number, points, 0.0), residual, distance, rarity])

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

    def _apart(self, states: States) -> Array:
        """Return how far rows are from the normal rows by which cells are numbers."""
        apart = np.zeros((len(states), len(self.states)))
        for state in range(1, _N_STATES):
            own, normal = states == state, self.states == state
            varies = normal.any(0)  # in the other columns all normal rows are as far
            weight = self.weight[state, varies]
            if varies.any():
                apart += cdist(own[:, varies] * weight, normal[:, varies] * weight, "cityblock")
        return apart
