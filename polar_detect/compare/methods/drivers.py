"""Which columns set anomalous rows apart from normal ones, to one method: its SHAP values.

Tells a person who compares methods whether they go by what makes sense, and by the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray

MAX_ROWS = 200  # of either class: what trees tell of more takes longer than all the rest

Parts = Mapping[str, Float64Array]
"""By column, the parts of some rows' scores, (n_rows,)."""

PartsOf = Callable[[IndexArray], Parts]
"""The parts of the scores of the given test rows."""


@dataclass(frozen=True)
class Driver:
    """A column and its share in what sets anomalous rows apart.

    Parameters
    ----------
    column : str
    share : float
        Of all columns that raise the mean score of anomalous rows above that of normal ones,
        0 … 1; they add up to 1.
    """

    column: str
    share: float


def sum_by_column(values: Float64Array, sources: Sequence[str]) -> Parts:
    """Return parts of scores summed by the column that each feature comes from.

    >>> sum_by_column(np.array([[1.0, 2.0, 4.0]]), ["size", "colour", "colour"])
    {'size': array([1.]), 'colour': array([6.])}
    """
    own = np.asarray(sources, dtype=object)
    return {name: values[:, own == name].sum(1) for name in dict.fromkeys(sources)}


def find_drivers(parts_of: PartsOf, labels: BoolArray, seed: int) -> tuple[Driver, ...]:
    """Return which columns raise the scores of anomalous rows above those of normal ones.

    Parameters
    ----------
    parts_of : callable
    labels : (n_test,) bool
        True where a test row is labelled anomalous; of more than `MAX_ROWS` of either class as
        many are drawn.
    seed : int

    Returns
    -------
    tuple of Driver
        Largest first, those alone that raise them. SHAP values add up to the score, so the
        differences between the classes' mean parts add up to that between their mean scores.
    """
    random = np.random.default_rng(seed)
    anomalous, normal = (
        random.permutation(np.flatnonzero(labels == one))[:MAX_ROWS] for one in (True, False)
    )
    parts = parts_of(np.concatenate([anomalous, normal]))
    n = len(anomalous)
    gaps = {name: float(own[:n].mean() - own[n:].mean()) for name, own in parts.items()}
    total = sum(gap for gap in gaps.values() if gap > 0)
    raising = [Driver(name, gap / total) for name, gap in gaps.items() if gap > 0]
    return tuple(sorted(raising, key=lambda driver: -driver.share))
