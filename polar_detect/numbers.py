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

from polar_detect.errors import InputError
from polar_detect.features import Feature, FeatureTable

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows import RowTemplate

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

GROUP = "column"
Kind = Literal["value", "residual", "distance", "missing"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_SHRINKAGE = 0.05  # of the covariance towards its mean variance
_MIN_VARIANCE = 0.1  # where all columns are constant on normal rows
_N_NEAREST = 5
_BEND = 3.0  # standard deviations beyond which only the logarithm counts
_LESS_SKEWED = 0.7  # a logarithm has to bring a column's skewness down to this share


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
    return next((kind for kind in KINDS if feature.part.endswith(f"/{kind}")), None)


@dataclass(frozen=True, eq=False)
class ColumnReference:
    """The numbers of normal rows, as what new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    scale : ColumnScale
    points : (n_rows, n_columns) float64
        Standardised; 0, the median, where missing.
    is_missing : (n_rows, n_columns) bool
    usual : (2, n_columns) float64
        Between which values the middle 90 % of the normal cells lie, for people.
    """

    template: "RowTemplate"
    scale: "ColumnScale"
    points: Array
    is_missing: Mask
    usual: Array

    @classmethod
    def fit(cls, template: "RowTemplate", texts: Sequence[str]) -> Self | None:
        """Return the reference of normal rows; None for a template without numbers.

        Raises
        ------
        InputError
            None of the texts is a row of the template.
        """
        values = template.read_numbers(texts).values
        if not values.shape[1]:
            return None
        if all(template.cells(text) is None for text in texts):
            raise InputError(
                f"Got texts such as {texts[0][:60]!r}, none of which is a row of this template; "
                "expected what its method texts writes; pass those, or no template."
            )
        steps = [10.0 ** -(column.decimals or 0) for column in template.numeric]
        scale = ColumnScale.fit(values, np.asarray(steps))
        points = scale.apply(values)
        is_missing = np.isnan(points)
        usual = np.stack([_middle(column[~np.isnan(column)]) for column in values.T], axis=1)
        return cls(template, scale, np.where(is_missing, 0.0, points), is_missing, usual)

    def features(self, texts: Sequence[str], *, banned: Mask | None = None) -> FeatureTable:
        """Return four features of each column; see `KINDS`.

        - *value*: in robust standard deviations from the median;
        - *residual*: what the other columns do not explain of it, in standard deviations of
          that; of a missing cell, how rarely it is missing;
        - *distance*: its share in the distance to the nearest normal rows;
        - *missing*: how rarely it is missing where it is, or there where it is not.

        Parameters
        ----------
        texts : sequence of str
            Rows written out.
        banned : (n_texts, n_rows) bool, optional
            Normal rows that a row must not meet: itself, or its own cluster.
        """
        values = self.scale.apply(self.template.read_numbers(texts).values)
        is_missing = np.isnan(values)
        points = np.where(is_missing, 0.0, values)
        found = np.empty((len(KINDS), *values.shape))
        for rows, allowed in _groups(banned, len(values), len(self.points)):
            normal = _Normal.fit(self.points[allowed], self.is_missing[allowed])
            found[:, rows] = normal.features(points[rows], is_missing[rows])
        names = [column.name for column in self.template.numeric]
        features = tuple(Feature(GROUP, f"{name}/{kind}") for kind in KINDS for name in names)
        return FeatureTable(np.hstack([*found]).astype(np.float32), features)


@dataclass(frozen=True, eq=False)
class ColumnScale:
    """How each column comes to a scale on which normal cells lie around 0, mostly within ±3.

    Parameters
    ----------
    is_log : (n_columns,) bool
        Columns of which the logarithm is taken, as it is far less skewed.
    floors : (n_columns,) float64
        What the logarithm is taken of where a value is no larger.
    centres, spreads : (n_columns,) float64
    """

    is_log: Mask
    floors: Array
    centres: Array
    spreads: Array

    @classmethod
    def fit(cls, values: Array, steps: Array) -> Self:
        """Fit on normal rows, (n_rows, n_columns), NaN where missing; `steps`: of rounding."""
        parts = [
            _fit_column(column[~np.isnan(column)], float(step))
            for column, step in zip(values.T, steps, strict=True)
        ]
        is_log, floors, centres, spreads = (np.asarray(part) for part in zip(*parts, strict=True))
        return cls(is_log, floors, centres, spreads)

    def apply(self, values: Array) -> Array:
        """Return standardised values; NaN stays."""
        logged = np.log(np.maximum(values, self.floors), where=self.is_log, out=values.copy())
        standard = (logged - self.centres) / self.spreads
        size = np.abs(standard)
        # A wild cell must stand out, and must not drown all others either.
        bent = np.where(size > _BEND, _BEND + np.log1p(np.maximum(size - _BEND, 0)), size)
        signed: Array = np.sign(standard) * bent
        return signed


def _middle(present: Array) -> Array:
    """Return the smallest and the largest cell of the middle 90 %, as they stand there."""
    if not len(present):
        return np.full(2, np.nan)
    low = np.quantile(present, 0.05, method="lower")
    return np.asarray([low, np.quantile(present, 0.95, method="higher")])


def _fit_column(present: Array, step: float) -> tuple[bool, float, float, float]:
    if not len(present):
        return False, 1.0, 0.0, step
    floor, is_log = 1.0, False
    if present.min() > 0 and _skewness(np.log(present)) < _LESS_SKEWED * _skewness(present):
        floor, is_log = float(present.min()) / 10, True
        step = step / float(np.median(present))
        present = np.log(present)
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
    rarity : (2, n_columns) float64
        How rare it is that a cell is there, and that it is missing: the number of standard
        deviations at which a normal density has fallen to that share.
    """

    mean: Array
    precision: Array
    whitening: Array
    white: Array
    rarity: Array

    @classmethod
    def fit(cls, points: Array, is_missing: Mask) -> Self:
        mean = points.mean(0)
        covariance = (points - mean).T @ (points - mean) / len(points)
        n_columns = len(mean)
        middle = max(float(np.trace(covariance)) / n_columns, _MIN_VARIANCE)
        shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * middle * np.eye(n_columns)
        variances, directions = np.linalg.eigh(shrunk)
        whitening = (directions / np.sqrt(variances)) @ directions.T
        share = (is_missing.sum(0) + 1) / (len(points) + 2)
        return cls(
            mean,
            (directions / variances) @ directions.T,
            whitening,
            (points - mean) @ whitening,
            np.sqrt(-2 * np.log(np.stack([1 - share, share]))),
        )

    def features(self, points: Array, is_missing: Mask) -> Array:
        """Return the four kinds of features, (4, n_rows, n_columns)."""
        centred = points - self.mean
        # Not a matrix product, whose last digits depend on how many rows there are.
        explained = np.einsum("ni,ij->nj", centred, self.precision)
        white = np.einsum("ni,ij->nj", centred, self.whitening)
        rarity = np.where(is_missing, self.rarity[1], self.rarity[0])
        residual = np.where(is_missing, rarity, explained / np.sqrt(np.diag(self.precision)))
        n_nearest = min(_N_NEAREST, len(self.white))
        order = np.argsort(cdist(white, self.white, "cityblock"), axis=1, kind="stable")
        near = self.white[order[:, :n_nearest]]
        distance = np.abs(white[:, None] - near).mean(1)
        return np.stack([points, residual, distance, rarity])


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
