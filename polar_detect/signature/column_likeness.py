"""How like those of the labelled anomalies the numbers of a row are, column by column.

Hides the trees, and that a column's part is their SHAP value. Failures show in how columns go
together, which trees see and no weighted sum of columns does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.signature.column_features import LIKENESS, column_feature
from polar_detect.signature.features import FeatureTable
from polar_detect.trees import Trees

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows.template import RowTemplate

_N_TREES = 100
_SETTINGS = {
    "min_data_in_leaf": 2,  # as labels are few
    "feature_fraction": 0.5,
    "bagging_fraction": 0.6,
    "lambda_l2": 1.0,
}


@dataclass(frozen=True, eq=False)
class ColumnLikeness:
    """Gradient-boosted trees on the numbers of rows, labelled anomalies against normal rows.

    Both sides weigh the same, however many rows they have.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    trees : Trees
        One feature for each column of numbers.
    usual : (n_columns,) float64
        The median of each column's normal cells, NaN where there is none.
    """

    template: "RowTemplate"
    trees: Trees
    usual: Float64Array

    @classmethod
    def fit(
        cls, template: "RowTemplate", normal: Sequence[str], labelled: Sequence[str], *, seed: int
    ) -> Self:
        """Fit on rows written out, of a template with numbers."""
        counts = [len(normal), len(labelled)]
        trees = Trees.fit(
            template.read([*normal, *labelled]).numbers.values,
            np.repeat([0, 1], counts),
            np.repeat([1, len(normal) / len(labelled)], counts),
            _SETTINGS,
            n_trees=_N_TREES,
            seed=seed,
        )
        return cls.of(template, trees, normal)

    @classmethod
    def of(cls, template: "RowTemplate", trees: Trees, normal: Sequence[str]) -> Self:
        """Return what was fitted on normal rows, of its trees."""
        columns = template.read(normal).numbers.values.T
        present = [column[~np.isnan(column)] for column in columns]
        usual = [float(np.median(own)) if len(own) else np.nan for own in present]
        return cls(template, trees, np.asarray(usual))

    def features(self, texts: Sequence[str]) -> FeatureTable:
        """Return each column's part of the log-odds of being like the labelled anomalies.

        A cell without a number counts as a usual one where no row that taught had such a cell: the
        trees would take it for 0, which may be like the anomalies.
        """
        names = [column.name for column in self.template.numeric]
        values = np.zeros((0, len(names)))
        if len(texts):
            numbers = self.template.read(texts).numbers.values
            is_new = np.isnan(numbers) & ~self.trees.has_met_missing
            values = self.trees.parts(np.where(is_new, self.usual, numbers))[:, :-1]
        features = tuple(column_feature(name, LIKENESS) for name in names)
        return FeatureTable(values.astype(np.float32), features)
