"""How like those of the labelled anomalies the columns of a row are, column by column.

Hides the trees, and that a column's part is their SHAP value. Failures show in how columns go
together, a load with a machine, which trees see and no weighted sum of columns does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.features.of_columns import LIKENESS, column_feature
from polar_detect.features.table import FeatureTable
from polar_detect.signature.columns.conditions import Conditions
from polar_detect.signature.columns.numbers import NumberCells
from polar_detect.statistics.trees import Trees

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows.parsed import ParsedRows
    from polar_detect.tables.rows.template import RowTemplate

_N_TREES = 100
_SETTINGS = {
    "min_data_in_leaf": 2,  # as labels are few
    "feature_fraction": 0.5,
    "bagging_fraction": 0.6,
    "lambda_l2": 1.0,
}


def likeness_columns(template: "RowTemplate") -> list[str]:
    """Return the columns that trees read: those of numbers, and behind them categories of words.

    But for conditions. Earlier versions read numbers only.
    """
    return [column.name for column in template.numeric] + _word_categories(template)


@dataclass(frozen=True, eq=False)
class ColumnLikeness:
    """Gradient-boosted trees on the columns of rows, labelled anomalies against normal rows.

    Both sides weigh the same, however many rows they have.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    trees : Trees
        One feature for each of the `likeness_columns`.
    given : Conditions
        What these lead to expect of numbers, of which the trees see the rest.
    usual : (n_number_columns,) float64
        The median of each column's normal cells, NaN where there is none.
    ranks : tuple of mapping of str to int
        Of each category what normal rows say there, the most frequent first: the number by which
        the trees know it. What none of them says comes behind the rarest.
    """

    template: "RowTemplate"
    trees: Trees
    given: Conditions
    usual: Float64Array
    ranks: tuple[Mapping[str, int], ...]

    @classmethod
    def fit(
        cls, template: "RowTemplate", normal: Sequence[str], labelled: Sequence[str], *, seed: int
    ) -> Self:
        """Fit on rows written out, of a template with `likeness_columns`."""
        counts, own = [len(normal), len(labelled)], template.read(normal)
        given, ranks = _given(own), _ranks(own)
        trees = Trees.fit(
            np.vstack([_values(rows, given, ranks) for rows in (own, template.read(labelled))]),
            np.repeat([0, 1], counts),
            np.repeat([1, len(normal) / len(labelled)], counts),
            _SETTINGS,
            n_trees=_N_TREES,
            seed=seed,
        )
        return cls(template, trees, given, _usual(own, given), ranks)

    @classmethod
    def of(cls, template: "RowTemplate", trees: Trees, normal: Sequence[str]) -> Self:
        """Return what was fitted on normal rows, of its trees."""
        rows = template.read(normal)
        given = _given(rows)
        return cls(template, trees, given, _usual(rows, given), _ranks(rows))

    def features(self, texts: Sequence[str]) -> FeatureTable:
        """Return each column's part of the log-odds of being like the labelled anomalies.

        A cell without a number counts as a usual one where no row that taught had such a cell: the
        trees would take it for 0, which may be like the anomalies.
        """
        names = likeness_columns(self.template)
        parts = np.zeros((0, len(names)))
        if len(texts):
            values = _values(self.template.read(texts), self.given, self.ranks)
            n = len(self.usual)
            is_new = np.isnan(values[:, :n]) & ~self.trees.has_met_missing[:n]
            values[:, :n] = np.where(is_new, self.usual, values[:, :n])
            parts = self.trees.parts(values)[:, :-1]
        features = tuple(column_feature(name, LIKENESS) for name in names)
        return FeatureTable(parts.astype(np.float32), features)


def _word_categories(template: "RowTemplate") -> list[str]:
    if template.notation < 3:
        return []
    numbers = {column.name for column in template.numeric}
    return [name for name in template.categories if name not in numbers]


def _given(normal: "ParsedRows") -> Conditions:
    """Return what conditions lead to expect in any kind of rows, as trees see of which they are."""
    return NumberCells.of(normal).without_factors().given(normal.template)


def _numbers(rows: "ParsedRows", given: Conditions) -> Float64Array:
    """Return the numbers of rows as they would be under the usual conditions."""
    return NumberCells.of(rows).without_factors().beside(given).values


def _usual(normal: "ParsedRows", given: Conditions) -> Float64Array:
    present = [column[~np.isnan(column)] for column in _numbers(normal, given).T]
    return np.asarray([float(np.median(own)) if len(own) else np.nan for own in present])


def _ranks(normal: "ParsedRows") -> tuple[Mapping[str, int], ...]:
    """Return how frequent each level of a category is among normal rows, the first one most."""
    counts = [Counter(level for level in own if level is not None) for own in _said(normal)]
    by_name = [sorted(own, key=lambda level: (-own[level], level)) for own in counts]
    return tuple({level: rank for rank, level in enumerate(levels)} for levels in by_name)


def _values(
    rows: "ParsedRows", given: Conditions, ranks: Sequence[Mapping[str, int]]
) -> Float64Array:
    """Return what the trees see of rows, (n_rows, n_columns); a text that is no row is as usual."""
    columns = [
        [0 if level is None else own.get(level, len(own)) for level in levels]
        for own, levels in zip(ranks, _said(rows), strict=True)
    ]
    return np.column_stack([_numbers(rows, given), *columns])


def _said(rows: "ParsedRows") -> list[list[str | None]]:
    """Return what each row says in each category of words; None for a text that is no row."""
    names = {*_word_categories(rows.template)}
    own = zip(rows.template.categories, rows.category_levels, strict=True)
    return [[None if s is None else s[0] for s in said] for name, said in own if name in names]
