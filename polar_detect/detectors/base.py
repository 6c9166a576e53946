"""What every detector over signatures can do."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.stored import check_feature_list

_FEATURES = "features.json"


@dataclass(frozen=True, eq=False)
class Attribution:
    """SHAP values: ``base_value + values.sum(1)`` equals the scores.

    Parameters
    ----------
    base_value : float
    values : (n_texts, n_features) float64
    features : tuple of Feature
    """

    base_value: float
    values: Float64Array
    features: tuple[Feature, ...]

    def check_adds_up(self, scores: Float64Array) -> None:
        """Assert that base value and values sum to `scores`, (n_texts,)."""
        gap = np.abs(self.base_value + self.values.sum(1) - scores)
        assert (gap <= 1e-3 * (1 + np.abs(scores))).all(), f"SHAP values miss by {gap.max():.3g}"


@dataclass(frozen=True, eq=False)
class TrainingSignatures:
    """Signatures that a head is fitted on, none of which sees itself.

    Parameters
    ----------
    normal : FeatureTable
    strangers : FeatureTable
        Of pseudo-outliers: held-out clusters, then corrupted texts.
    labelled : FeatureTable, optional
        Of labelled anomalies; None where there are none.
    """

    normal: FeatureTable
    strangers: FeatureTable
    labelled: FeatureTable | None = None

    @property
    def n_labelled(self) -> int:
        """How many labelled anomalies there are."""
        return 0 if self.labelled is None else len(self.labelled)

    @property
    def all_strange(self) -> FeatureTable:
        """Pseudo-outliers, and behind them labelled anomalies."""
        if self.labelled is None:
            return self.strangers
        return FeatureTable.below([self.strangers, self.labelled])


class Head(ABC):
    """A detector that is fitted on signatures of normal texts and of strangers.

    Attributes
    ----------
    name : str
        As users write it.
    needs_curves : bool
        Whether signatures shall include skip, loop, exit and context curves.
    needs_corruptions : bool
        Whether strangers shall include corrupted texts.
    needs_programs : bool
        Whether signatures shall include the minimal programs.
    needs_context : bool
        Whether signatures shall include what normal neighbours in front of a text do.
    needs_distances : bool
        Whether it reads the language model's distances per layer. Where it does not, those of
        the training texts are left as they come out with the texts themselves in view.
    learns_from_labels : bool
        Whether labelled anomalies change what it finds.
    needs_labels : bool
        Whether it cannot be fitted without them.
    reads_texts : bool
        Whether it reads what models make of texts. Where not, it stands on the columns of rows
        alone, and no model is loaded.
    is_monotone : bool
        Whether no text's score can rise when it becomes more similar to normal texts and its
        words less novel, all else being equal. Then held-out texts may join the reference.
    """

    name: str
    needs_curves: bool
    needs_corruptions: bool
    needs_programs: bool
    needs_context: bool
    needs_distances: bool
    learns_from_labels: bool = False
    needs_labels: bool = False
    reads_texts: bool = True
    is_monotone: bool = False

    def __repr__(self) -> str:
        """Return its name: what it was fitted on is nobody's business in a print of settings."""
        return f"{type(self).__name__}({self.name!r})"

    @property
    @abstractmethod
    def reason(self) -> str:
        """What it is and why, in one sentence for the artifact and the report."""

    @property
    def choices(self) -> dict[str, str]:
        """What fitting chose, in figures by name, for a sentence in any language."""
        return {}

    @abstractmethod
    def fit(self, shown: TrainingSignatures, *, seed: int) -> Self:
        """Fit on normal texts, and on what tells of strangers."""

    def scores(self, table: FeatureTable) -> Float64Array:
        """Return scores, (n_texts,), higher = more anomalous."""
        return self._scores(table) if len(table) else np.zeros(0)

    def explain(self, table: FeatureTable) -> Attribution:
        """Return SHAP values of the scores: exact, but for those of PyOD, which are estimates."""
        if len(table):
            return self._explain(table)
        return Attribution(0.0, np.zeros(table.values.shape), table.features)

    @abstractmethod
    def _scores(self, table: FeatureTable) -> Float64Array: ...

    @abstractmethod
    def _explain(self, table: FeatureTable) -> Attribution: ...

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the fitted detector into an existing folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, features: tuple[Feature, ...]) -> Self:
        """Read what `save` wrote, of a head that was fitted on `features`.

        Raises
        ------
        ArtifactError
            A file holds something else.
        """


def write_features(features: tuple[Feature, ...], folder: Path) -> None:
    """Write the names of the features that a head was fitted on."""
    names = json.dumps([feature.name for feature in features])
    (folder / _FEATURES).write_text(names, encoding="utf-8")


def check_written_features(features: tuple[Feature, ...], folder: Path) -> None:
    """Raise `ArtifactError` unless `write_features` wrote these."""
    check_feature_list(folder / _FEATURES, features)
