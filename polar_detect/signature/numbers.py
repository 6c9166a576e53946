"""The numeric columns of rows as features: whether each cell is usual, alone and beside others.

Hides how columns of any unit and tail come to one scale, and how numbers are found in rows
written out as text, which are all that reaches a detector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from polar_detect.errors import InputError
from polar_detect.signature.features import Feature, FeatureTable

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows import NumericColumns, RowTemplate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
States = NDArray[np.int8]

GROUP = "column"
Kind = Literal["value", "residual", "distance", "missing", "likeness"]
LIKENESS: Kind = "likeness"  # to labelled anomalies; the others are against normal rows
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != LIKENESS)
_N_STATES = 3  # of a cell: a number, missing, or a word where a number should be
_SHRINKAGE = 0.05  # of the covariance towards its mean variance
_MIN_VARIANCE = 0.1  # where all columns are constant on normal rows
_SIZE_VARIANCE = 1 - 2 / np.pi  # of |x| where x is normal with variance 1
_MOVED = 0.1  # of that: how much cells without a number may add among normal rows
_N_NEAREST = 5
_MAX_SIZE = 1e150  # of a number; the square of a larger one may be none
_BEND = 3.0  # standard deviations beyond which only the logarithm counts
_LESS_SKEWED = 0.7  # a logarithm has to bring a column's skewness down to this share
_MOSTLY = 0.9  # of a column's cells have to be above zero for it; all of them in notation 1


def column_of(feature: Feature) -> str | None:
    """Return the column of a table that a feature tells of; None for any other feature.

    >>> column_of(Feature("column", "Torque [Nm]/residual")), column_of(Feature("loss", "mean"))
    ('Torque [Nm]', None)
    """
    if feature.group != GROUP:
        return None
    kind = kind_of(feature)
    return feature.part if kind is None else feature.part.removesuffix(f"/{kind}")


def kind_of(feature: Feature) -> Kind | None:
    """Return what a feature tells of its column; None where it is the column itself, or of none.

    >>> kind_of(Feature("column", "Torque [Nm]/residual")), kind_of(Feature("column", "Torque"))
    ('residual', None)
    """
    if feature.group != GROUP:
        return None
    return next((kind for kind in get_args(Kind) if feature.part.endswith(f"/{kind}")), None)


@dataclass(frozen=True, eq=False)
class ColumnReference:
    """The numbers of normal rows, as what new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    scale : ColumnScale
    points : (n_rows, n_columns) float64
        Standardised; where there is no number, what the other columns lead to expect.
    states : (n_rows, n_columns) int8
        0 where a cell is a number, 1 where it is missing, 2 where it is a word.
    usual : (2, n_columns) float64
        Between which values the middle 90 % of the normal cells lie, for people.
    """

    template: "RowTemplate"
    scale: "ColumnScale"
    points: Array
    states: States
    usual: Array

    @classmethod
    def fit(cls, template: "RowTemplate", texts: Sequence[str]) -> Self | None:
        """Return the reference of normal rows; None for a template without numbers.

        Raises
        ------
        InputError
            None of the texts is a row of the template.
        """
        found = template.read_numbers(texts)
        values = found.values
        if not values.shape[1]:
            return None
        if all(template.cells(text) is None for text in texts):
            raise InputError(
                f"Got texts such as {texts[0][:60]!r}, none of which is a row of this template; "
                "expected what its method texts writes; pass those, or no template."
            )
        steps = [10.0 ** -(column.decimals or 0) for column in template.numeric]
        min_positive = _MOSTLY if template.notation > 1 else 1.0
        scale = ColumnScale.fit(values, np.asarray(steps), min_positive=min_positive)
        points, states = np.nan_to_num(scale.apply(values)), _states(found, template)
        usual = np.stack([_middle(column[~np.isnan(column)]) for column in values.T], axis=1)
        if template.notation > 1:
            points = _Normal.fit(points, states, template).expected(points, states)
        return cls(template, scale, points, states, usual)

    def features(self, texts: Sequence[str], *, banned: Mask | None = None) -> FeatureTable:
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

        Parameters
        ----------
        texts : sequence of str
            Rows written out.
        banned : (n_texts, n_rows) bool, optional
            Normal rows that a row must not meet: itself, or its own cluster.
        """
        cells = self.template.read_numbers(texts)
        states = _states(cells, self.template)
        points = np.nan_to_num(self.scale.apply(cells.values))
        if self.template.notation > 1:
            points = _Normal.fit(self.points, self.states, self.template).expected(points, states)
        found = np.empty((len(KINDS), *points.shape))
        # While fitting there is a group a row, and threads of BLAS that wait for each other at each
        # small matrix take twenty times as long on two busy cores (60 columns).
        with threadpool_limits(1, user_api="blas"):
            for rows, allowed in _groups(banned, len(points), len(self.points)):
                normal = _Normal.fit(self.points[allowed], self.states[allowed], self.template)
                found[:, rows] = normal.features(points[rows], states[rows])
        names = [column.name for column in self.template.numeric]
        features = tuple(Feature(GROUP, f"{name}/{kind}") for kind in KINDS for name in names)
        return FeatureTable(np.hstack([*found]).astype(np.float32), features)

    def empty_cells(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """Return the columns of numbers in which each row has an empty cell."""
        found = self.template.read_numbers(texts)
        is_row = np.asarray([self.template.cells(text) is not None for text in texts], bool)
        is_empty = np.isnan(found.values) & ~found.is_word & is_row[:, None]
        names = np.asarray(found.names, object)
        return [frozenset(names[own].tolist()) for own in is_empty]


@dataclass(frozen=True, eq=False)
class ColumnScale:
    """How each column comes to a scale on which normal cells lie around 0, mostly within ±3.

    Parameters
    ----------
    is_log : (n_columns,) bool
        Columns of which the logarithm is taken, as it is far less skewed. A few of their cells
        may be zero or less: such a one lies a tenth of the smallest above zero.
    floors : (n_columns,) float64
        What the logarithm is taken of where a value is no larger.
    centres, spreads : (n_columns,) float64
    """

    is_log: Mask
    floors: Array
    centres: Array
    spreads: Array

    @classmethod
    def fit(cls, values: Array, steps: Array, *, min_positive: float = _MOSTLY) -> Self:
        """Fit on normal rows.

        Parameters
        ----------
        values : (n_rows, n_columns) float64
            NaN where missing.
        steps : (n_columns,) float64
            Of rounding.
        min_positive : float
            Share of a column's cells that have to be above zero for a logarithm.
        """
        parts = [
            _fit_column(column[~np.isnan(column)], float(step), min_positive)
            for column, step in zip(_bounded(values).T, steps, strict=True)
        ]
        is_log, floors, centres, spreads = (np.asarray(part) for part in zip(*parts, strict=True))
        return cls(is_log, floors, centres, spreads)

    def apply(self, values: Array) -> Array:
        """Return standardised values; NaN stays."""
        values = _bounded(values)
        logged = np.log(np.maximum(values, self.floors), where=self.is_log, out=values.copy())
        standard = (logged - self.centres) / self.spreads
        size = np.abs(standard)
        # A wild cell must stand out, and must not drown all others either.
        bent = np.where(size > _BEND, _BEND + np.log1p(np.maximum(size - _BEND, 0)), size)
        signed: Array = np.sign(standard) * bent
        return signed


def _bounded(values: Array) -> Array:
    return np.clip(values, -_MAX_SIZE, _MAX_SIZE)


def _middle(present: Array) -> Array:
    """Return the smallest and the largest cell of the middle 90 %, as they stand there."""
    if not len(present):
        return np.full(2, np.nan)
    low = np.quantile(present, 0.05, method="lower")
    return np.asarray([low, np.quantile(present, 0.95, method="higher")])


def _fit_column(
    present: Array, step: float, min_positive: float
) -> tuple[bool, float, float, float]:
    if not len(present):
        return False, 1.0, 0.0, step
    positive = present[present > 0]
    has_logs = len(positive) >= min_positive * len(present)
    is_log = has_logs and _skewness(np.log(positive)) < _LESS_SKEWED * _skewness(positive)
    floor = 1.0
    if is_log:
        floor, step = float(positive.min()) / 10, step / float(np.median(positive))
        present = np.log(positive)
    centre = float(np.median(present))
    robust = 1.4826 * float(np.median(np.abs(present - centre)))
    # Neither may be moved by a few wild cells among normal rows. Where most cells agree exactly
    # both vanish; where all do, a step of rounding is as good as anything.
    low, high = np.quantile(present, [0.05, 0.95])
    spread = max(robust, 0.5 * float(high - low) / 3.29)
    if not spread:
        spread = 0.3 * float(present.std()) if np.ptp(present) else step
    return is_log, floor, centre, spread


def _skewness(values: Array) -> float:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return float(abs(low + high - 2 * middle) / (high - low)) if high > low else 0.0


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

    def features(self, points: Array, states: States) -> Array:
        """Return the four kinds of features, (4, n_rows, n_columns)."""
        is_number = states == 0
        white = self._turned(points, self.whitening)
        residual = self._turned(points, self.precision, np.sqrt(np.diag(self.precision)))
        residual = np.where(is_number, residual, np.choose(states, self.surprise))
        n_nearest = min(_N_NEAREST, len(self.white))
        apart = cdist(white, self.white, "cityblock") + self._apart(states)
        order = np.argsort(apart, axis=1, kind="stable")[:, :n_nearest]
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


def _groups(
    banned: Mask | None, n_texts: int, n_rows: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return rows that may meet the same normal rows, and those; all where too few are left."""
    everything = np.arange(n_rows)
    if banned is None or not n_texts:
        return [(np.arange(n_texts), everything)]
    patterns, place = np.unique(banned, axis=0, return_inverse=True)
    allowed = [np.flatnonzero(~pattern) for pattern in patterns]
    return [
        (np.flatnonzero(place.ravel() == i), own if len(own) > 1 else everything)
        for i, own in enumerate(allowed)
    ]
