"""How many digits numbers have behind the point."""

import numpy as np

from polar_detect.arrays import Float64Array


def decimals_said(numbers: Float64Array, least: int, more: int) -> int:
    """Return how many digits behind the point numbers have: `least` of them, or up to `more` more.

    >>> decimals_said(np.array([20.125, np.nan, 3.5]), 1, 3), decimals_said(np.array([2.0]), 1, 3)
    (3, 1)
    """
    known = numbers[np.isfinite(numbers)]
    decimals = range(least, least + more)
    return next((n for n in decimals if (known.round(n) == known).all()), least + more)
