"""Which columns give away what is to be found out, by themselves."""

import numpy as np
import pandas as pd

from polar_detect import metrics
from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.compare.reading.columns import Columns

_CHANCE = 1e-6  # of a telling value
_MIN_ANOMALOUS = 5  # rows
_AUROC = 0.995
_ORDER = 0.995  # of ranks, correlation with the number to predict
_MAX_VALUES = 20  # of which one may be telling
_MIN_UNLIKE = 10  # rows beside the most frequent number: fewer are in one order by chance


def find_leaking_columns(
    columns: Columns, numbers: Float64Array, is_anomalous: BoolArray
) -> list[str]:
    """Return the columns that give the label away, as a record of the failure itself would.

    A value that several anomalous rows have and no normal one has, where chance would hardly
    do that, or any value at all, or none; or values that put nearly every anomalous row on one
    side of the normal ones.
    """
    if int(is_anomalous.sum()) < _MIN_ANOMALOUS:
        return []
    parts = [*zip(columns.sources, numbers.T, strict=True)]
    parts += [(name, own.any(1)) for name, own in _category_parts(columns, numbers).items()]
    leaking = {name for name, cells in parts if _leaks(cells, is_anomalous)}
    return [name for name in columns.names if name in leaking]


def find_foretelling_columns(
    columns: Columns, numbers: Float64Array, target: Float64Array
) -> list[str]:
    """Return the columns that give the number to predict away, as a copy of it would.

    Numbers in the order of the target or against it, as in another unit; or categories of each
    of which the target is nearly the same.
    """
    parts = dict(zip(columns.numeric, numbers.T, strict=False))  # behind them are categories
    found = [name for name, cells in parts.items() if _foretells(cells, target)]
    if _n_unlike(target) >= _MIN_UNLIKE:
        categories = _category_parts(columns, numbers).items()
        found += [name for name, own in categories if _parts_ranks(own, target)]
    return found


def _category_parts(columns: Columns, numbers: Float64Array) -> dict[str, Float64Array]:
    """Return of each category its columns of 0 and 1."""
    sources = np.asarray(columns.sources)
    return {own.name: numbers[:, sources == own.name] for own in columns.categories}


def _leaks(cells: Float64Array, is_anomalous: BoolArray) -> bool:
    is_present = ~np.isnan(cells)
    if _has_a_telling_value(is_present, is_anomalous):
        return True
    present, labels = cells[is_present], is_anomalous[is_present]
    if labels.all() or not labels.any():
        return False
    if _has_a_telling_value(present, labels):
        return True
    order = metrics.auroc(labels, present)
    return max(order, 1 - order) >= _AUROC


def _has_a_telling_value(cells: Float64Array | BoolArray, labels: BoolArray) -> bool:
    """Return whether so many anomalous rows, and no normal one, share a value of few."""
    values, index = np.unique(cells, return_inverse=True)
    if len(values) > _MAX_VALUES:
        return False
    n_anomalous = np.bincount(index, weights=labels)
    n_normal = np.bincount(index, weights=~labels)
    alone = n_anomalous[n_normal == 0].max(initial=0)
    return bool(alone >= _MIN_ANOMALOUS and labels.mean() ** alone < _CHANCE)


def _foretells(cells: Float64Array, target: Float64Array) -> bool:
    is_present = ~np.isnan(cells)
    present, known = cells[is_present], target[is_present]
    if min(_n_unlike(present), _n_unlike(known)) < _MIN_UNLIKE:
        return False
    order = pd.Series(present).rank().corr(pd.Series(known).rank())
    return bool(abs(order) >= _ORDER)


def _n_unlike(cells: Float64Array) -> int:
    """Return how many cells say something else than most."""
    return len(cells) - int(np.unique(cells, return_counts=True)[1].max(initial=0))


def _parts_ranks(own: Float64Array, target: Float64Array) -> bool:
    """Return whether ranks of the target hardly vary inside a category, given as 0 and 1."""
    ranks = pd.Series(target).rank()
    means = ranks.groupby(own @ np.arange(1, own.shape[1] + 1)).transform("mean")
    return bool(means.var() >= _ORDER**2 * ranks.var())
