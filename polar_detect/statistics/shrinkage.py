"""How much new rows vary in each direction, as far as the rows at hand can tell."""

import numpy as np

from polar_detect.arrays import Float64Array

_TRUSTED = 0.95  # of the rows; with about as many columns the last directions have 0 by chance
_EXACT = 1e-13  # of the largest variance; a smaller one is what rounding leaves of none
_WIDEST = 0.44  # of a kernel, beside its variance; a wider one would reach beyond zero
_REACH = np.sqrt(5)  # of a kernel, in widths
_FAR = 20.0  # widths; farther out differences of logarithms lose their digits
# Of t², t⁴, … under the kernel: of the series that stands for them there, to its last digit.
_MOMENTS = [3 * 5.0**k / ((2 * k + 1) * (2 * k + 3)) for k in range(7)]


def nonlinear_shrinkage(
    variances: Float64Array, n_rows: int, least: Float64Array | float
) -> Float64Array:
    """Return the variances that new rows have in the principal directions of some rows.

    In directions in which these vary least, new ones vary more, and less in those in which these
    vary most: the more so the more columns there are, and the more directions have about the same
    variance. A few that have hardly any, as the difference of two sensors of one temperature, keep
    it, where a fixed share of the mean variance would drown them.

    Source: Ledoit and Wolf, Analytical nonlinear shrinkage of large-dimensional covariance
    matrices, Annals of Statistics 48 (2020), section 4 and its equations C.4 and C.5.

    Parameters
    ----------
    variances : (n_columns,) float64
        Of the rows, along their principal directions, in rising order.
    n_rows : int
        Two or more.
    least : (n_columns,) float64 or float
        What no direction has less than, above 0: the variance of those along which nothing varies,
        as of a total less its parts.

    Returns
    -------
    (n_columns,) float64

    Examples
    --------
    >>> nonlinear_shrinkage(np.array([1e-4, 0.8, 1.0, 1.3]), 200, 1e-8).round(4).tolist()
    [0.0001, 0.8732, 1.0036, 1.2213]
    """
    n = max(int(_TRUSTED * (n_rows - 1)), 1)  # as their mean is taken off
    n_varying = int((variances > max(_EXACT * variances[-1], np.min(least))).sum())
    # Where the rows vary along as many directions as they can, nothing is known of the others.
    n_unseen, n_seen = len(variances) - n if n_varying >= n else 0, min(n_varying, n)
    if not n_seen:
        return np.full_like(variances, 0.0) + least
    own = variances[-n_seen:]
    width = min(n ** (-1 / 3), _WIDEST)
    density, transform = _spectrum(own, width)
    shrunk = np.full_like(variances, 0.0)
    if n_unseen <= 0:
        share = n_seen / n
        rest = 1 - share - np.pi * share * own * transform
        shrunk[-n_seen:] = own / ((np.pi * share * own * density) ** 2 + rest**2)
    else:
        shrunk[-n_seen:] = 1 / (np.pi**2 * own * (density**2 + transform**2))
        at_zero = _transform(np.asarray([-1 / width]))[0] * float((1 / own).mean()) / width
        shrunk[:n_unseen] = 1 / (np.pi * n_unseen / n * at_zero)
    found: Float64Array = np.maximum(shrunk, least)
    return found


def _spectrum(variances: Float64Array, width: float) -> tuple[Float64Array, Float64Array]:
    """Return the density of variances at each of them, and its Hilbert transform.

    Each stands for a kernel of Epanechnikov whose width is so much of it.
    """
    widths = width * variances
    apart = (variances[:, None] - variances) / widths
    near = np.maximum(1 - apart**2 / 5, 0) * (0.75 / _REACH)
    return (near / widths).mean(1), (_transform(apart) / widths).mean(1)


def _transform(apart: Float64Array) -> Float64Array:
    """Return the Hilbert transform of a kernel of Epanechnikov with variance 1, at some places.

    >>> _transform(np.array([0.0, 19.99, 20.01])).round(6).tolist()
    [0.0, -0.015964, -0.015947]
    """
    is_far = np.abs(apart) > _FAR
    near, far = np.where(is_far, 0.0, apart), np.where(is_far, apart, np.inf)
    bend = 1 - near**2 / 5
    ratio = np.abs((_REACH - near) / (_REACH + near))
    logs = np.log(ratio, where=(ratio > 0) & np.isfinite(ratio), out=np.zeros_like(ratio))
    close = -0.3 * near + 0.75 / _REACH * bend * logs
    series = sum(moment / far ** (2 * k + 1) for k, moment in enumerate(_MOMENTS))
    found: Float64Array = np.where(is_far, -series, close) / np.pi
    return found
