"""How like those of the labelled anomalies the numbers of a row are, column by column.

Hides the trees, and that a column's part is their SHAP value. Failures show in how columns go
together, which trees see and no weighted sum of columns does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import lightgbm
import numpy as np

from polar_detect.features import Feature, FeatureTable
from polar_detect.numbers import GROUP, LIKENESS

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows import RowTemplate

_N_TREES = 100
_PARAMETERS = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.05,
    "min_data_in_leaf": 2,  # as labels are few
    "feature_fraction": 0.5,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True, eq=False)
class ColumnLikeness:
    """Gradient-boosted trees on the numbers of rows, labelled anomalies against normal rows.

    Both sides weigh the same, however many rows they have.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    trees : lightgbm.Booster
        One feature for each column of numbers.
    """

    template: "RowTemplate"
    trees: lightgbm.Booster

    @classmethod
    def fit(
        cls, template: "RowTemplate", normal: Sequence[str], labelled: Sequence[str], *, seed: int
    ) -> Self:
        """Fit on rows written out, of a template with numbers."""
        counts = [len(normal), len(labelled)]
        data = lightgbm.Dataset(
            template.read_numbers([*normal, *labelled]).values,
            np.repeat([0, 1], counts),
            weight=np.repeat([1, len(normal) / len(labelled)], counts),
        )
        return cls(template, lightgbm.train(_PARAMETERS | {"seed": seed}, data, _N_TREES))

    def features(self, texts: Sequence[str]) -> FeatureTable:
        """Return each column's part of the log-odds of being like the labelled anomalies.

        Exact TreeSHAP values; Lundberg et al. 2020, algorithm 2.
        """
        names = [column.name for column in self.template.numeric]
        values = np.zeros((0, len(names)))
        if len(texts):
            numbers = self.template.read_numbers(texts).values
            values = np.asarray(self.trees.predict(numbers, pred_contrib=True))[:, :-1]
        features = tuple(Feature(GROUP, f"{name}/{LIKENESS}") for name in names)
        return FeatureTable(values.astype(np.float32), features)
