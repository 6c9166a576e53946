"""Numbers that were mistyped: which would be usual with the point moved, or with the other sign."""

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array

_FACTORS = np.asarray([0.1, 10, 0.01, 100, 0.001, 1000, -1])
_WIDENED = 0.5  # of its width, to either side: a tenth of normal numbers lie beyond the range
_BY_CHANCE = 0.2  # of numbers of any size would fit: a range as wide tells nothing


def meant(numbers: Float64Array, ranges: Float64Array) -> Float64Array:
    """Return what numbers would be that lie in no usual range, had they been typed right.

    That is with the point moved by up to three places, the nearest first, or with the other sign.
    NaN where none of these is usual; where the number is; and where the range is so wide for its
    size that one of five numbers would lie in it with the point somewhere.

    Parameters
    ----------
    numbers : (n,) float64
    ranges : (n, 2) float64
        Where the middle 90 % of normal numbers lie.

    Examples
    --------
    >>> meant(np.array([428.0, 46.0, -43.0]), np.array([[41.0, 44.0]] * 3)).tolist()
    [42.8, nan, 43.0]
    """
    found = np.full(len(numbers), np.nan)
    narrow = np.flatnonzero(_is_narrow(ranges) & may_be_slips(numbers, ranges))
    moved = numbers[narrow, None] * _FACTORS
    first = _fit(moved, ranges[narrow]).argmax(1)
    # Of the digits that parsing and multiplying leave, those that were typed.
    found[narrow] = [float(f"{own[i]:.12g}") for own, i in zip(moved, first, strict=True)]
    return found


def may_be_slips(numbers: Float64Array, ranges: Float64Array) -> BoolArray:
    """Return which numbers lie in no range, but would had they been typed right, however wide.

    Shaped as in `meant`; NaN lies in none.
    """
    fit = _fit(numbers[:, None] * _FACTORS, ranges).any(1)
    may: BoolArray = fit & ~_fit(numbers[:, None], ranges)[:, 0]
    return may


def _fit(numbers: Float64Array, ranges: Float64Array) -> BoolArray:
    """Return which of several numbers each lie in the range of their row, (n, n_numbers)."""
    low, high = _widened(ranges)
    fits: BoolArray = (low[:, None] <= numbers) & (numbers <= high[:, None])
    return fits


def _widened(ranges: Float64Array) -> tuple[Float64Array, Float64Array]:
    low, high = ranges.T
    more = _WIDENED * (high - low)
    return low - more, high + more


def _is_narrow(ranges: Float64Array) -> BoolArray:
    """Return which ranges do not hold much of what numbers of any size may be."""
    low, high = _widened(ranges)
    least, most = np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high))
    narrow: BoolArray = (low * high > 0) & (most <= least * 10**_BY_CHANCE)
    return narrow
