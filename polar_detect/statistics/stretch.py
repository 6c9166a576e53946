"""Whether what is rare crowds in one stretch of an order, as flagged rows do since a change."""

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from polar_detect.arrays import BoolArray, Float64Array, IndexArray

_N_DRAWS = 99  # orders by chance, so that one in a hundred has a stretch
_MIN_RARE = 3  # that crowd: two of two are an anecdote
_MOST_ENDS = 200  # of what is rare that are tried as its first and its last


class Stretch(NamedTuple):
    """From the first to the last of those that crowd, and how many these are."""

    first: int
    last: int
    n: int


def crowded(is_rare: BoolArray) -> Stretch | None:
    """Return the stretch that holds most of what is rare for its length, None if chance may do so.

    By the scan statistic: the likelihood ratio of a share of its own in the stretch, against the
    highest of 99 orders by chance. Source: Kulldorff, A spatial scan statistic, 1997.

    >>> crowded(np.isin(np.arange(200), [3, 60, *range(120, 140), 180]))
    Stretch(first=120, last=139, n=20)
    >>> crowded(np.arange(200) % 10 == 0) is None
    True
    """
    places, n = np.flatnonzero(is_rare), len(is_rare)
    if len(places) < _MIN_RARE:
        return None
    ends = _spread(0, len(places))
    i, j, gain = _best(places, ends, ends, n)
    rng = np.random.default_rng(0)
    for _ in range(_N_DRAWS):
        drawn = np.sort(rng.choice(n, len(places), replace=False))
        if _best(drawn, ends, ends, n)[2] >= gain:
            return None
    step = len(places) // _MOST_ENDS + 1  # between two ends that were tried
    firsts, lasts = (_spread(max(0, own - step), own + step) for own in (i, j))
    i, j, _ = _best(places, firsts, lasts[lasts < len(places)], n)
    return Stretch(int(places[i]), int(places[j]), j - i + 1)


def _spread(start: int, stop: int) -> IndexArray:
    n = min(stop - start, _MOST_ENDS)
    return np.linspace(start, stop - 1, n).round().astype(np.intp)


def _best(
    places: IndexArray, firsts: IndexArray, lasts: IndexArray, n: int
) -> tuple[int, int, float]:
    """Return between which of some places a share of its own is likeliest, and how likely."""
    n_in = lasts - firsts[:, None] + 1
    length = places[lasts] - places[firsts][:, None] + 1
    is_stretch = (n_in >= _MIN_RARE) & (length < n)
    n_in, length = np.where(is_stretch, n_in, 1), np.where(is_stretch, length, 1)
    n_out, rest = len(places) - n_in, n - length
    gain = np.where(
        is_stretch & (n_in * rest > n_out * length),
        _likelihood(n_in, length) + _likelihood(n_out, rest),
        -np.inf,
    )
    i, j = np.unravel_index(int(gain.argmax()), gain.shape)
    return int(firsts[i]), int(lasts[j]), float(gain[i, j])


def _likelihood(n_rare: IndexArray, n: IndexArray) -> Float64Array:
    """Return the log-likelihood of their share of so many, which is one in its own right."""
    share = n_rare / n
    likelihood: Float64Array = xlogy(n_rare, share) + xlogy(n - n_rare, 1 - share)
    return likelihood
