"""Running totals and counts in steps, as of meters, told from sorted and from measured columns."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.arrays import Float64Array
from polar_detect.statistics.factors import bounded

MIN_ROWS = 40  # of fewer, what goes on from row to row does so by chance
# Of the mean step: steps of totals spread by less. Those of sorted numbers spread by their mean or
# more, as they are exponentially distributed wherever the numbers are dense.
_SPREAD = 0.5
# Correlation with the step before. A curve's steps go on, and a measured line's turn back (-0.5).
_ALIKE = 0.3
# Correlation of ranks with the row before: of more than half of its variance the place tells.
_GOES_ON = 0.5


def running_totals(columns: Mapping[str, Float64Array]) -> list[str]:
    """Return which columns of numbers are running totals, where the order of rows tells no other.

    Where numbers go on from row to row, as in a sweep or a cycle, a column that grows may be what
    they depend on; where all columns grow, nothing says that they do not.

    Parameters
    ----------
    columns : mapping of str to (n_rows,) float64
        Without missing ones, so that they may be shorter.

    >>> rng = np.random.default_rng(0)
    >>> meter, force = rng.normal(5, 1, 60).cumsum(), rng.normal(50, 1, 60)
    >>> running_totals({"meter": meter, "force": force})
    ['meter']
    >>> running_totals({"sorted": np.sort(force), "force": force})
    []
    >>> running_totals({"meter": meter, "force": np.sin(np.arange(60) / 5)})
    []
    """
    totals = [name for name, values in columns.items() if is_total(values)]
    others = [own for name, own in columns.items() if name not in totals and len({*own}) > 2]
    ranks = [pd.Series(own).rank().to_numpy() for own in others]
    say_nothing = all(_with_the_one_before(own) <= _GOES_ON for own in ranks)
    return totals if others and say_nothing else []


def is_total(values: Float64Array) -> bool:
    """Return whether numbers only grow, or only fall, in steps that are alike but for chance."""
    if len(values) < MIN_ROWS:
        return False
    steps = np.diff(bounded(values))
    mean = abs(float(steps.mean()))
    only_on = bool((steps >= 0).all() or (steps <= 0).all()) and mean > 0
    is_even = bool(steps.std() < _SPREAD * mean)
    return only_on and is_even and abs(_with_the_one_before(steps)) < _ALIKE


def _with_the_one_before(values: NDArray[np.floating]) -> float:
    """Return the correlation of each value with the one before; 0 where all are the same."""
    apart = values - values.mean()
    spread = float((apart**2).sum())
    least = len(values) * (1e-9 * float(np.abs(values).max())) ** 2  # what rounding leaves
    return float((apart[:-1] * apart[1:]).sum()) / spread if spread > least else 0.0
