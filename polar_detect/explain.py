"""SHAP values of scores, summed over features to layers, columns and properties of the text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, Float64Array, IndexArray
from polar_detect.detectors import Attribution
from polar_detect.features.of_columns import (
    Kind,
    NumberKind,
    column_feature,
    column_of,
    kind_of,
    number_columns,
)
from polar_detect.features.table import Feature, FeatureTable

_SIGNED: tuple[NumberKind, ...] = ("value", "residual")
_FAR = 1.645  # standard deviations: the middle 90 % of normally distributed numbers lie within


class FarNumber(NamedTuple):
    """A number of a row that is far from those of normal rows."""

    direction: int  # -1: too low; 1: too high
    is_beside_all: bool  # beside the other numbers of the row rather than by itself


@dataclass(frozen=True, eq=False)
class Explanation:
    """SHAP values: ``base_value + values.sum(1)`` equals the scores.

    Texts without tokens have no score; their rows are NaN.

    Parameters
    ----------
    base_value : float
    values : (n_texts, n_features) float64
        Part of each feature in the score.
    data : (n_texts, n_features) float32
        The features themselves.
    features : tuple of Feature
    n_layers : int
        Layers of the language model; 0 where none reads the texts.
    is_screening : bool
        Whether the texts were held against one another, and none of them is known as normal.
    """

    base_value: float
    values: Float64Array
    data: Float32Array
    features: tuple[Feature, ...]
    n_layers: int
    is_screening: bool = False

    @classmethod
    def of(
        cls,
        attribution: Attribution,
        table: FeatureTable,
        has_tokens: BoolArray,
        n_layers: int,
    ) -> Self:
        """Lay the explained rows of `table` out over all texts."""
        values = np.full((len(has_tokens), len(table.features)), np.nan)
        data = np.full(values.shape, np.nan, np.float32)
        values[has_tokens], data[has_tokens] = attribution.values, table.values
        return cls(attribution.base_value, values, data, table.features, n_layers)

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one below the other."""
        # A part of empty texts only has no base value to speak of.
        bases = [p.base_value for p in parts if not np.isnan(p.values).all()]
        return cls(
            bases[0] if bases else 0.0,
            np.vstack([part.values for part in parts]),
            np.vstack([part.data for part in parts]),
            parts[0].features,
            parts[0].n_layers,
            parts[0].is_screening,
        )

    def rows(self, index: IndexArray) -> Self:
        """Return the given texts."""
        return replace(self, values=self.values[index], data=self.data[index])

    @property
    def scored(self) -> Self:
        """The texts that have a score."""
        return self.rows(np.flatnonzero(np.isfinite(self.values).all(1)))

    @property
    def names(self) -> list[str]:
        """Printed names of the features."""
        return [feature.name for feature in self.features]

    def by_layer(self) -> Float64Array:
        """Return SHAP values summed per layer, (n_texts, n_layers)."""
        sums = np.zeros((len(self.values), self.n_layers))
        for i, feature in enumerate(self.features):
            if feature.layer is not None:
                sums[:, feature.layer] += self.values[:, i]
        return sums

    def by_group(self) -> dict[str, Float64Array]:
        """Return SHAP values of properties of the whole text, summed per family, (n_texts,)."""
        return self._sums(lambda feature: feature.group if feature.layer is None else None)

    def by_column(self) -> dict[str, Float64Array]:
        """Return SHAP values summed per column of the rows that the texts are, (n_texts,)."""
        return self._sums(column_of)

    def mostly(self, kind: Kind) -> list[set[str]]:
        """Return the columns that raise each text's score mostly by what is told of this kind."""
        told = self._sums(lambda own: column_of(own) if kind_of(own) == kind else None)
        whole = self.by_column() if told else {}
        return [
            {name for name, own in told.items() if own[i] > whole[name][i] / 2 > 0}
            for i in range(len(self.values))
        ]

    def far_numbers(self, beyond: Sequence[Mapping[str, int]]) -> list[dict[str, FarNumber]]:
        """Return in which columns each text's number is far from normal ones, and which way.

        By itself where it is `beyond` usual ones, columns with -1 or 1 for each text; beside the
        other columns where it lies beyond the middle 90 % of a normal distribution.
        """
        found: list[dict[str, FarNumber]] = [{} for _ in self.values]
        told = dict(zip(self.features, self.data.T, strict=True))
        for name in number_columns(self.features):
            alone, beside = (told.get(column_feature(name, kind)) for kind in _SIGNED)
            if alone is None or beside is None:
                continue
            side = np.asarray([own.get(name, 0) for own in beyond])
            # What is high by itself may be low beside the others. Where a word stands in place of
            # a number, it is by itself just at the median.
            is_more = (side == 0) | ((side * beside < 0) & (np.abs(beside) > np.abs(alone)))
            is_beside = (np.abs(beside) >= _FAR) & (alone != 0) & is_more
            signs = np.where(is_beside, np.sign(beside), side)
            for i in np.flatnonzero(signs).tolist():
                found[i][name] = FarNumber(int(signs[i]), bool(is_beside[i]))
        return found

    def _sums(self, name_of: Callable[[Feature], str | None]) -> dict[str, Float64Array]:
        sums: dict[str, Float64Array] = {}
        for i, feature in enumerate(self.features):
            name = name_of(feature)
            if name is not None:
                sums[name] = sums.get(name, 0) + self.values[:, i]
        return sums

    def top_columns(self, n: int = 3) -> list[str]:
        """Return each text's strongest columns, e.g. ``Torque [Nm] +0.41; Speed -0.12``."""
        columns = self.by_column()
        if not columns:
            return [""] * len(self.values)
        names = [" ".join(name.split()) for name in columns]
        return [_in_words(row, names, n) for row in np.stack([*columns.values()], axis=1)]

    def top_layers(self, n: int = 3) -> list[str]:
        """Return each text's strongest layers in words, e.g. ``L11 +0.41; L4 -0.12``."""
        names = [f"L{layer}" for layer in range(self.n_layers)]
        return [_in_words(row, names, n) for row in self.by_layer()]

    def to_shap(self) -> Any:
        """Return a `shap.Explanation`, for the plots of that package.

        Texts without tokens are left out, as those plots cannot draw NaN.
        """
        import shap  # takes a second, which nobody else should wait for

        scored = self.scored
        return shap.Explanation(
            values=scored.values,
            base_values=np.full(len(scored.values), self.base_value),
            data=scored.data,
            feature_names=self.names,
        )

    def __repr__(self) -> str:
        """Return how large it is; a notebook keeps this beside the pictures."""
        n_texts, n_features = self.values.shape
        if not self.n_layers:  # no model reads the rows
            return f"Explanation({n_texts} rows, {n_features} features)"
        return f"Explanation({n_texts} texts, {n_features} features, {self.n_layers} layers)"

    def _repr_html_(self) -> str:
        """Return pictures for a notebook: parts of the score by layer (or column) and feature."""
        from polar_detect import plots  # needs this module, and matplotlib, which takes a second

        return plots.explanation_html(self)


def mean_size(parts: Float64Array) -> Float64Array:
    """Return the mean size of parts of scores over the texts that have one; 0 where none has.

    Parameters
    ----------
    parts : (n_texts,) or (n_texts, n) float64
        SHAP values, or sums of them; NaN for a text without a score.
    """
    known = parts[np.isfinite(parts).all(axis=tuple(range(1, parts.ndim)))]
    sizes: Float64Array = np.abs(known).sum(0) / max(1, len(known))
    return sizes


def rank_values(values: Float32Array) -> Float64Array:
    """Return where each value lies between the lowest, 0, and the highest, 1, by rank.

    >>> rank_values(np.float32([7, 2, 100, 2])).tolist()
    [0.5, 0.0, 1.0, 0.0]
    """
    distinct, place = np.unique(values, return_inverse=True)
    return np.asarray(place / max(1, len(distinct) - 1), np.float64)


def _in_words(parts: Float64Array, names: Sequence[str], n: int) -> str:
    if np.isnan(parts).any():
        return ""
    strongest = np.argsort(-np.abs(parts), kind="stable")[:n]
    said = [(names[i], f"{parts[i]:+.2f}") for i in strongest]
    return "; ".join(f"{name} {part}" for name, part in said if float(part))
