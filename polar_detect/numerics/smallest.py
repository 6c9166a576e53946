"""Which of many values in each row are smallest, without sorting all of them."""

import numpy as np

from polar_detect.arrays import Float64Array, IndexArray

_DIGITS = 9  # behind the point of distances; rounding moves those from the thirteenth on


def nearest(apart: Float64Array, n: int) -> IndexArray:
    """Return where the smallest distances of each row stand, as `smallest` does.

    Those that are the same but for rounding are taken by their place.
    """
    return smallest(apart.round(_DIGITS), n)


def smallest(values: Float64Array, n: int) -> IndexArray:
    """Return where the smallest values of each row stand, smallest first, equal ones by place.

    Parameters
    ----------
    values : (n_rows, n_values) float64
        Without NaN.
    n : int
        How many are asked for; all where there are no more.

    Returns
    -------
    (n_rows, min(n, n_values)) intp
        What a stable sort would put first, in a fifth of the time where there are thousands.

    >>> smallest(np.array([[3.0, 1.0, 2.0, 1.0], [0.0, 0.0, 5.0, 0.0]]), 2).tolist()
    [[1, 3], [0, 1]]
    """
    n = min(n, values.shape[1])
    if not n or not len(values):
        return np.zeros((len(values), n), np.intp)
    limits = np.partition(values, n - 1, axis=1)[:, n - 1 : n]
    rows, places = np.nonzero(values <= limits)  # n of each row, and those equal to its last
    order = np.lexsort((values[rows, places], rows))  # stable: equal ones stay in their order
    first = np.searchsorted(rows, np.arange(len(values)))
    found: IndexArray = places[order][first[:, None] + np.arange(n)]
    return found
