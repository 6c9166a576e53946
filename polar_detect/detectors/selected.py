"""What detectors have in common that read only what a signature says of single texts.

Hides which families of features those are, and how SHAP values of them stand beside the others.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np

from polar_detect.arrays import Float32Array, Float64Array
from polar_detect.detectors.base import Attribution, Head, TrainingSignatures
from polar_detect.features.of_columns import COLUMN, LIKENESS, kind_of
from polar_detect.features.of_sequences import SEQUENCE
from polar_detect.features.table import Feature, FeatureTable

_GROUPS = {"context", "neighbours", "distance", "loss", "program", COLUMN, SEQUENCE}


class SelectedHead(Head):
    """A head over distances, similarity, context, losses, program, columns and sequences.

    Everything else, such as the raw curves, is left out.
    """

    needs_curves = False
    needs_corruptions = False
    needs_programs = True
    needs_context = True
    needs_distances = True

    def __init__(self) -> None:
        self._features: tuple[Feature, ...] = ()

    def fit(self, shown: TrainingSignatures, *, seed: int) -> Self:
        """Fit on normal texts; strangers are not looked at; see `Head.fit`."""
        self._features = shown.normal.features
        self._fit(self._select(shown.normal).values, seed=seed)
        return self

    @abstractmethod
    def _fit(self, normal: Float32Array, *, seed: int) -> None:
        """Fit on the features that are read of normal texts, (n_texts, n_read)."""

    @property
    def _read_features(self) -> list[Feature]:
        """The features that are read, in the order of the columns."""
        return [feature for feature in self._features if _is_read(feature)]

    def _select(self, table: FeatureTable) -> FeatureTable:
        """Return the columns that are read of a table of the features fitted on."""
        assert self._features == table.features
        return table.where(_is_read)

    def _spread(self, base_value: float, parts: Float64Array) -> Attribution:
        """Return SHAP values of the columns read, (n_texts, n_read), and 0 for all others."""
        values = np.zeros((len(parts), len(self._features)))
        values[:, np.asarray([_is_read(feature) for feature in self._features])] = parts
        return Attribution(base_value, values, self._features)


def n_read(features: Sequence[Feature]) -> int:
    """Return how many of the features are read."""
    return sum(_is_read(feature) for feature in features)


def _is_read(feature: Feature) -> bool:
    return feature.group in _GROUPS and kind_of(feature) != LIKENESS
