"""LightGBM over whole signatures, trained on pseudo-outliers, and on labels if there are some."""

from pathlib import Path
from typing import Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from polar_detect.detectors.base import Attribution, Head, check_written_features, write_features
from polar_detect.detectors.tree_text import checked_trees
from polar_detect.errors import ArtifactError
from polar_detect.features import Feature, FeatureTable

_MODEL = "lightgbm.txt"
_N_TREES = 150
_PARAMETERS = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.05,
    "min_data_in_leaf": 10,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # a few hundred rows: threads cost more than they bring
    "verbosity": -1,
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
        self._booster: lightgbm.Booster | None = None
        self._features: tuple[Feature, ...] = ()

    def fit(
        self, normal: FeatureTable, strangers: FeatureTable, *, n_labelled: int = 0, seed: int
    ) -> Self:
        """Fit the trees; see `Head.fit`.

        Normal texts and strangers weigh the same, and among the strangers labelled anomalies and
        all others do.
        """
        counts = [len(normal), len(strangers) - n_labelled, n_labelled]
        n_kinds = sum(count > 0 for count in counts[1:])
        shares = [1, 1 / n_kinds, 1 / n_kinds]
        weights = [share * len(normal) / max(n, 1) for share, n in zip(shares, counts, strict=True)]
        data = lightgbm.Dataset(
            np.vstack([normal.values, strangers.values]),
            np.repeat([0, 1, 1], counts),
            weight=np.repeat(weights, counts),
        )
        self._booster = lightgbm.train(_PARAMETERS | {"seed": seed}, data, _N_TREES)
        self._features = normal.features
        return self

    def _scores(self, table: FeatureTable) -> NDArray[np.float64]:
        """Return log-odds; see `Head.scores`."""
        return np.asarray(self._get(table).predict(table.values, raw_score=True), np.float64)

    def _explain(self, table: FeatureTable) -> Attribution:
        """Return exact TreeSHAP values; Lundberg et al. 2020, algorithm 2."""
        values = np.asarray(self._get(table).predict(table.values, pred_contrib=True))
        return Attribution(float(values[0, -1]), values[:, :-1], table.features)

    def save(self, folder: Path) -> None:
        """Write LightGBM's text format and the feature names; see `Head.save`."""
        assert self._booster is not None
        write_trees(self._booster, folder / _MODEL)
        write_features(self._features, folder)

    @classmethod
    def load(cls, folder: Path, features: tuple[Feature, ...]) -> Self:
        """Read both files; see `Head.load`."""
        head = cls()
        head._features = features
        check_written_features(features, folder)
        head._booster = read_trees(folder / _MODEL, len(features))
        return head

    def _get(self, table: FeatureTable) -> lightgbm.Booster:
        assert self._booster is not None
        assert self._features == table.features
        return self._booster


def write_trees(trees: lightgbm.Booster, path: Path) -> None:
    """Write trees in LightGBM's text format."""
    path.write_text(trees.model_to_string(), encoding="utf-8")


def read_trees(path: Path, n_features: int) -> lightgbm.Booster:
    """Read what `write_trees` wrote.

    Raises
    ------
    ArtifactError
        The file holds something else, or trees over other features.
    """
    try:
        text = checked_trees(path.read_text(encoding="utf-8"), n_features)
        return lightgbm.Booster(model_str=text)
    except (OSError, ValueError, lightgbm.basic.LightGBMError) as error:
        raise ArtifactError(
            f"Got '{path}' that LightGBM cannot read ({error}); expected the file that fit "
            "wrote; fit the detector again."
        ) from error
