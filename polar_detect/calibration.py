"""Conformal p-values: how often a normal text is at least as anomalous as this one.

Hides the ranking of scores against held-out normal texts and the arithmetic of ties and
reachable levels. Scores are higher for more anomalous texts throughout.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.errors import InputError

# Conformal p-values and levels are ratios of small integers, so exact ties are the rule;
# this keeps a p-value that equals its Benjamini–Hochberg level from losing it to rounding.
_ROUNDING = 1 + 1e-12
_HELD_OUT = 0.25
_MOST_HELD_OUT = (100, 0.1)  # texts, or this share where it is more
_STEPS = 20  # of p-values up to 1, or a multiple: the usual alpha is 1/20


def n_held_out(n_normal: int) -> int:
    """Return how many of two or more normal texts to hold out, to turn scores into p-values.

    About a quarter; of more than 400, at most 100 or a tenth. P-values go in steps of
    1 / (n + 1): at an alpha of 1/20, 38 held-out texts let half as many be flagged as 39 do. So
    19, 39, 59, 79 or 99 are held out where fewer than 100 are, and half is enough for 19.

    >>> [n_held_out(n) for n in (2, 20, 40, 150, 400, 2000)]
    [1, 5, 19, 39, 100, 200]
    """
    quarter, (few, share) = round(_HELD_OUT * n_normal), _MOST_HELD_OUT
    if n_normal // 2 < _STEPS - 1:
        return max(1, quarter)
    if quarter >= few:
        return min(quarter, max(few, round(share * n_normal)))
    return max(round((quarter + 1) / _STEPS), 1) * _STEPS - 1


def conformal_p_values(calibration_scores: ArrayLike, scores: ArrayLike) -> Float64Array:
    """Return the share of normal texts at least as anomalous, (1 + #{s_cal ≥ s}) / (n_cal + 1).

    For a text exchangeable with the calibration texts, P(p ≤ alpha) ≤ alpha for every alpha;
    a tie counts against the text.

    Parameters
    ----------
    calibration_scores : (n_cal,) float, higher = more anomalous
        Scores of normal texts that the detector was not fitted on.
    scores : (n_texts,) float, higher = more anomalous

    Returns
    -------
    (n_texts,) float64
        From 1 / (n_cal + 1) to 1.

    Raises
    ------
    InputError
        When there is no calibration score, or a score is NaN.

    Source: Bates et al., arXiv 2104.08279 (marginal conformal p-values).

    >>> conformal_p_values([1.0, 2.0, 3.0], [0.0, 2.0, 9.0])
    array([1.  , 0.75, 0.25])
    """
    calibration = _sort_calibration(calibration_scores)
    n_below = np.searchsorted(calibration, _check_scores(scores, "scores"), side="left")
    return _p_value(len(calibration) - n_below, len(calibration))


def p_values_or_nan(calibration_scores: ArrayLike, scores: ArrayLike) -> Float64Array:
    """Return `conformal_p_values`, and NaN where a score is NaN: a text without tokens has none."""
    given = np.asarray(scores, np.float64)
    is_scored = ~np.isnan(given)
    p_values = np.full(len(given), np.nan)
    p_values[is_scored] = conformal_p_values(calibration_scores, given[is_scored])
    return p_values


def threshold(calibration_scores: ArrayLike, alpha: float) -> float:
    """Return the smallest score that is flagged: a finite one reaches it exactly where p ≤ alpha.

    Parameters
    ----------
    calibration_scores : (n_cal,) float, higher = more anomalous
    alpha : float
        Share of normal texts that may be flagged.

    Returns
    -------
    float
        +inf when alpha is below `smallest_alpha`, so that nothing finite is flagged.

    Raises
    ------
    InputError
        When there is no calibration score, or one is NaN.

    >>> threshold([1.0, 2.0, 3.0], 0.25) > 3.0
    True
    """
    calibration = _sort_calibration(calibration_scores)
    n_reached = _n_reached(alpha, len(calibration))
    if n_reached == 0:
        return math.inf
    if n_reached > len(calibration):
        return -math.inf
    return math.nextafter(calibration[-n_reached], math.inf)


def rate_at(alpha: float, n_cal: int) -> float:
    """Return the share of normal texts that is flagged at `alpha`: the largest p-value up to it.

    P-values go in steps of 1 / (n_cal + 1), so that few held-out texts flag fewer than `alpha`:
    of 38 the highest score alone is exceeded by 1 normal text in 39.

    >>> rate_at(0.05, 39), round(rate_at(0.05, 38), 4), rate_at(0.01, 38)
    (0.05, 0.0256, 0.0)
    """
    return _n_reached(alpha, n_cal) / (n_cal + 1)


def smallest_alpha(n_cal: int) -> float:
    """Return the smallest p-value that `n_cal` calibration scores can give.

    >>> smallest_alpha(99)
    0.01
    """
    return 1 / (n_cal + 1)


def check_alpha(alpha: float, n_cal: int) -> None:
    """Raise `InputError` when no text could be flagged at `alpha`, or every text would be."""
    if not 0 < alpha < 1:
        raise InputError(
            f"Got alpha {alpha}; expected a share between 0 and 1; pass e.g. --alpha 0.05."
        )
    smallest = smallest_alpha(n_cal)
    if alpha < smallest:
        raise InputError(
            f"Got alpha {alpha}; the smallest reachable p-value with {n_cal} calibration texts "
            f"is {smallest:.4g}; pass a larger --alpha or fit on more normal texts."
        )


def benjamini_hochberg(p_values: ArrayLike, q: float) -> BoolArray:
    """Return which texts to flag so that at most a share `q` of the flags is expected to be false.

    Parameters
    ----------
    p_values : (n_texts,) float
    q : float
        False discovery rate.

    Returns
    -------
    (n_texts,) bool

    Raises
    ------
    InputError
        When a p-value is NaN.

    Source: Bates et al., arXiv 2104.08279 (conformal p-values are positively dependent enough).

    >>> benjamini_hochberg([0.01, 0.04, 0.9], 0.1)
    array([ True,  True, False])
    """
    p = _check_scores(p_values, "p-values")
    levels, counts = np.unique(p, return_counts=True)
    flagged: BoolArray = p <= benjamini_hochberg_cutoff(levels, counts, q)
    return flagged


def benjamini_hochberg_cutoff(p_values: ArrayLike, counts: ArrayLike, q: float) -> float:
    """Return the largest p-value that Benjamini–Hochberg flags, from counts of equal p-values.

    Parameters
    ----------
    p_values : (n_levels,) float
        Distinct.
    counts : (n_levels,) int
        Texts with each of them.
    q : float
        False discovery rate.

    Returns
    -------
    float
        -inf where nothing is flagged.

    >>> benjamini_hochberg_cutoff([0.01, 0.04, 0.9], [1, 1, 1], 0.1)
    0.04
    """
    levels = _check_scores(p_values, "p-values")
    order = np.argsort(levels)
    levels, n_up_to = levels[order], np.cumsum(np.asarray(counts, np.int64)[order])
    n_texts = n_up_to[-1] if len(n_up_to) else 1
    reached = levels[levels <= q * n_up_to / n_texts * _ROUNDING]
    return float(reached.max(initial=-np.inf))


def check_fdr(q: float, n_cal: int) -> None:
    """Raise `InputError` when no batch could have a text flagged at the rate `q`."""
    if not 0 < q < 1:
        raise InputError(
            f"Got a false discovery rate of {q}; expected a share between 0 and 1; pass e.g. "
            "--fdr 0.1."
        )
    smallest = smallest_alpha(n_cal)
    if q < smallest:
        raise InputError(
            f"Got a false discovery rate of {q}; the smallest reachable p-value with {n_cal} "
            f"calibration texts is {smallest:.4g}; pass a larger --fdr or fit on more normal texts."
        )


def _n_reached(alpha: float, n_cal: int) -> int:
    """Return how many of the n_cal + 1 possible p-values are at most `alpha`."""
    # Levels are compared as p-values are; floor(alpha * (n_cal + 1)) would round .29 * 100 to 28.
    return int(np.searchsorted(_p_value(np.arange(n_cal + 1), n_cal), alpha, side="right"))


def _p_value(n_at_least: IndexArray, n_cal: int) -> Float64Array:
    return (1 + n_at_least) / (n_cal + 1)


def _sort_calibration(calibration_scores: ArrayLike) -> Float64Array:
    calibration = np.sort(_check_scores(calibration_scores, "calibration scores"))
    if len(calibration) == 0:
        raise InputError(
            "Got no calibration scores; expected at least one held-out normal text; "
            "fit on more normal texts."
        )
    return calibration


def _check_scores(scores: ArrayLike, name: str) -> Float64Array:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"Got {name} of shape {values.shape}; expected one axis; flatten them.")
    n_nan = int(np.isnan(values).sum())
    if n_nan:
        raise InputError(
            f"Got {n_nan} NaN among {len(values)} {name}; expected numbers; leave those texts out."
        )
    return values
