"""Boosted trees that tell strangers from normal rows, with the same bits on every run.

Hides LightGBM: the settings that this takes, its text format, and its SHAP values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.errors import ArtifactError
from polar_detect.statistics.tree_text import checked_trees, features_met_missing

_SETTINGS = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.05,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # a few hundred rows: threads cost more than they bring
    "verbosity": -1,
}


@dataclass(frozen=True, eq=False)
class Trees:
    """Gradient-boosted trees.

    Parameters
    ----------
    booster : lightgbm.Booster
    """

    booster: lightgbm.Booster

    @classmethod
    def fit(
        cls,
        rows: NDArray[np.floating],
        is_strange: NDArray[np.integer],
        weights: NDArray[np.floating],
        settings: Mapping[str, float],
        *,
        n_trees: int,
        seed: int,
    ) -> Self:
        """Fit trees of up to seven leaves.

        Parameters
        ----------
        rows : (n_rows, n_features) float
        is_strange : (n_rows,) int
            1 for strangers, 0 for normal rows.
        weights : (n_rows,) float
        settings : mapping of str to float
            LightGBM's, beside those that all have.
        n_trees, seed : int
        """
        data = lightgbm.Dataset(rows, is_strange, weight=weights)
        own = _SETTINGS | dict(settings) | {"seed": seed}
        return cls(lightgbm.train(own, data, n_trees))

    @cached_property
    def has_met_missing(self) -> BoolArray:
        """Whether a missing number of each feature is one to the trees, not a 0, (n_features,)."""
        met = features_met_missing(self.booster.model_to_string())
        return np.isin(np.arange(self.booster.num_feature()), list(met))

    def log_odds(self, rows: NDArray[np.floating]) -> Float64Array:
        """Return the log-odds of being strange, (n_rows,)."""
        return np.asarray(self.booster.predict(rows, raw_score=True), np.float64)

    def parts(self, rows: NDArray[np.floating]) -> Float64Array:
        """Return each feature's part of the log-odds, and last the base, (n_rows, n_features + 1).

        Exact TreeSHAP values; Lundberg et al. 2020, algorithm 2.
        """
        return np.asarray(self.booster.predict(rows, pred_contrib=True), np.float64)

    def write(self, path: Path) -> None:
        """Write LightGBM's text format."""
        path.write_text(self.booster.model_to_string(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path, n_features: int) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        ArtifactError
            The file holds something else, or trees over other features.
        """
        try:
            text = checked_trees(path.read_text(encoding="utf-8"), n_features)
            return cls(lightgbm.Booster(model_str=text))
        except (OSError, ValueError, lightgbm.basic.LightGBMError) as error:
            raise ArtifactError(
                f"Got '{path}' that LightGBM cannot read ({error}); expected the file that fit "
                "wrote; fit the detector again."
            ) from error
