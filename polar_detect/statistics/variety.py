"""Whether numbers vary freely, or are the few that somebody set, or that a lot has each."""

import numpy as np

from polar_detect.arrays import Float64Array


def vary_freely(numbers: Float64Array, step: float, rows_each: float) -> bool:
    """Return whether there are many different numbers for the rows, or for the places they have.

    Parameters
    ----------
    numbers : (n_rows,) float64
        One at least, none of them NaN.
    step : float
        By what numbers differ: every second place between the tenth and the ninth of ten is taken.
    rows_each : float
        Rows that have each number, at most.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> vary_freely(rng.normal(50, 1, 300).round(1), 0.1, 5)
    True
    >>> vary_freely(rng.choice([10.0, 12.5, 20.0], 300), 0.1, 5)
    False
    """
    n_places = np.subtract(*np.quantile(numbers, [0.9, 0.1])) / step
    return bool(len(np.unique(numbers)) >= min(len(numbers) / rows_each, n_places / 2))
