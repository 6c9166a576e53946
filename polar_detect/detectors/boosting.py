"""LightGBM over whole signatures, trained on pseudo-outliers, and on labels if there are some."""

from pathlib import Path
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.detectors.base import (
    Attribution,
    Head,
    TrainingSignatures,
    check_written_features,
    write_features,
)
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.statistics.trees import Trees

_MODEL = "lightgbm.txt"
_N_TREES = 150
_SETTINGS = {
    "min_data_in_leaf": 10,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "lambda_l2": 5.0,
}


class LightGBMHead(Head):
    """Gradient-boosted trees, strangers against normal texts; the score is the log-odds."""

    name = "lightgbm"
    reason = (
        "gradient-boosted trees over the whole signature, trained on held-out clusters and "
        "corrupted texts against normal ones, and on labels where there are some"
    )
    needs_curves = True
    needs_corruptions = True
    needs_programs = True
    needs_context = True
    needs_distances = True
    learns_from_labels = True

    def __init__(self) -> None:
        self._trees: Trees | None = None
        self._features: tuple[Feature, ...] = ()

    def fit(self, shown: TrainingSignatures, *, seed: int) -> Self:
        """Fit the trees; see `Head.fit`.

        Normal texts and strangers weigh the same, and among the strangers labelled anomalies and
        all others do.
        """
        normal, strangers = shown.normal, shown.all_strange
        counts = [len(normal), len(shown.strangers), shown.n_labelled]
        n_kinds = sum(count > 0 for count in counts[1:])
        shares = [1, 1 / n_kinds, 1 / n_kinds]
        weights = [share * len(normal) / max(n, 1) for share, n in zip(shares, counts, strict=True)]
        self._trees = Trees.fit(
            np.vstack([normal.values, strangers.values]),
            np.repeat([0, 1, 1], counts),
            np.repeat(weights, counts),
            _SETTINGS,
            n_trees=_N_TREES,
            seed=seed,
        )
        self._features = normal.features
        return self

    def _scores(self, table: FeatureTable) -> Float64Array:
        """Return log-odds; see `Head.scores`."""
        return self._get(table).log_odds(table.values)

    def _explain(self, table: FeatureTable) -> Attribution:
        """Return exact SHAP values; see `Trees.parts`."""
        values = self._get(table).parts(table.values)
        return Attribution(float(values[0, -1]), values[:, :-1], table.features)

    def save(self, folder: Path) -> None:
        """Write LightGBM's text format and the feature names; see `Head.save`."""
        assert self._trees is not None
        self._trees.write(folder / _MODEL)
        write_features(self._features, folder)

    @classmethod
    def load(cls, folder: Path, features: tuple[Feature, ...]) -> Self:
        """Read both files; see `Head.load`."""
        head = cls()
        head._features = features
        check_written_features(features, folder)
        head._trees = Trees.read(folder / _MODEL, len(features))
        return head

    def _get(self, table: FeatureTable) -> Trees:
        assert self._trees is not None
        assert self._features == table.features
        return self._trees
