"""How well scores separate anomalous from normal texts, and how sure that figure is.

Hides the ROC curve, from which all four metrics are read, and the resampling behind
intervals. Labels are true for anomalous texts; scores are higher for more anomalous ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.errors import InputError

Metric = Callable[[ArrayLike, ArrayLike], float]

_PAIRED_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds between which a metric lies at the level that was asked for."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The metric of one score minus that of another on the same texts, with its interval."""

    difference: float
    low: float
    high: float


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the chance that an anomalous text scores above a normal one; a tie counts half.

    Parameters
    ----------
    labels : (n_texts,) bool
    scores : (n_texts,) float, higher = more anomalous

    Raises
    ------
    InputError
        When only one class is present, lengths differ, a label is missing, or a score is missing,
        NaN or infinite; so does every metric here.

    >>> auroc([False, False, True, True], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    roc = _trace_roc(labels, scores)
    return float(np.sum(np.diff(roc.fpr) * (roc.tpr[1:] + roc.tpr[:-1]) / 2))


def aupr(labels: ArrayLike, scores: ArrayLike) -> float:
    """Return the average precision: the precision at each threshold, weighted by added recall.

    Parameters
    ----------
    labels : (n_texts,) bool
    scores : (n_texts,) float, higher = more anomalous

    >>> round(aupr([False, False, True, True], [0.1, 0.4, 0.35, 0.8]), 3)
    0.833
    """
    roc = _trace_roc(labels, scores)
    n_hits = roc.tpr[1:] * roc.n_anomalous
    precision = n_hits / (n_hits + roc.fpr[1:] * roc.n_normal)
    return float(np.sum(np.diff(roc.tpr) * precision))


def fpr_at_tpr(labels: ArrayLike, scores: ArrayLike, tpr: float = 0.95) -> float:
    """Return the smallest share of normal texts flagged when at least `tpr` of anomalous ones are.

    Parameters
    ----------
    labels : (n_texts,) bool
    scores : (n_texts,) float, higher = more anomalous
    tpr : float
        Share of anomalous texts that must be flagged; one threshold decides, never a mixture.

    >>> fpr_at_tpr([False, False, True, True], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    _check_share("tpr", tpr)
    roc = _trace_roc(labels, scores)
    return float(roc.fpr[roc.tpr >= tpr].min())


def recall_at_fpr(labels: ArrayLike, scores: ArrayLike, fpr: float = 0.05) -> float:
    """Return the largest share of anomalous texts flagged when at most `fpr` of normal ones are.

    Parameters
    ----------
    labels : (n_texts,) bool
    scores : (n_texts,) float, higher = more anomalous
    fpr : float
        Share of normal texts that may be flagged; one threshold decides, never a mixture.

    >>> recall_at_fpr([False, False, True, True], [0.1, 0.4, 0.35, 0.8])
    0.5
    """
    _check_share("fpr", fpr)
    roc = _trace_roc(labels, scores)
    return float(roc.tpr[roc.fpr <= fpr].max())


def bootstrap_interval(
    metric: Metric,
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the percentile bootstrap interval of a metric, resampling within each class.

    Parameters
    ----------
    metric : callable of labels and scores
        Any function of this module, or another with its signature.
    labels : (n_texts,) bool
    scores : (n_texts,) float, higher = more anomalous
    n_resamples : int
        About 0.7 ms each for 600 texts, on one core.
    level : float
        Share of intervals that should hold the true metric.
    seed : int
        Equal seeds give equal resamples.

    Raises
    ------
    InputError
        As for `auroc`; or `level` is no share, or there are no resamples.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    _check_share("level", level)
    _check_count(n_resamples)
    is_anomalous, values = _check(labels, scores)
    return _percentile_interval(
        [
            metric(is_anomalous[rows], values[rows])
            for rows in _resample(is_anomalous, n_resamples, seed)
        ],
        level,
    )


def paired_difference(
    metric: Metric,
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Return metric(a) − metric(b) and its 95 % interval over the same resamples of both.

    Parameters
    ----------
    metric : callable of labels and scores
    labels : (n_texts,) bool
    scores_a, scores_b : (n_texts,) float, higher = more anomalous
        Two scores of the same texts.
    n_resamples : int
    seed : int
        Equal seeds give equal resamples.

    Raises
    ------
    InputError
        As for `auroc`; or there are no resamples.
    """
    _check_count(n_resamples)
    is_anomalous, a = _check(labels, scores_a)
    _, b = _check(labels, scores_b)

    def difference(rows: IndexArray | slice) -> float:
        return metric(is_anomalous[rows], a[rows]) - metric(is_anomalous[rows], b[rows])

    resampled = [difference(rows) for rows in _resample(is_anomalous, n_resamples, seed)]
    interval = _percentile_interval(resampled, _PAIRED_LEVEL)
    return Difference(difference(slice(None)), interval.low, interval.high)


@dataclass(frozen=True, eq=False, slots=True)
class _Roc:
    """Shares of both classes flagged at each threshold, from none flagged to all."""

    fpr: Float64Array
    tpr: Float64Array
    n_normal: int
    n_anomalous: int


def _trace_roc(labels: ArrayLike, scores: ArrayLike) -> _Roc:
    # scikit-learn's roc_curve gives the same points and takes ten times as long, most of it for
    # checking its arguments; the intervals of a comparison trace tens of thousands.
    is_anomalous, values = _check(labels, scores)
    order = np.argsort(values)[::-1]
    falling = values[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # row at each threshold
    n_hits = np.cumsum(is_anomalous[order])[last]
    n_anomalous = int(is_anomalous.sum())
    n_normal = len(is_anomalous) - n_anomalous
    tpr, fpr = n_hits / n_anomalous, (last + 1 - n_hits) / n_normal
    return _Roc(np.append(0.0, fpr), np.append(0.0, tpr), n_normal, n_anomalous)


def _check(labels: ArrayLike, scores: ArrayLike) -> tuple[BoolArray, Float64Array]:
    given, values = _as_array(labels), _as_numbers(scores)
    if given.ndim != 1 or given.shape != values.shape:
        raise InputError(
            f"Got labels of shape {given.shape} and scores of shape {values.shape}; expected one "
            "label and one score a text; pass both for the same texts."
        )
    is_anomalous = _truth_values(given)
    n_anomalous = int(is_anomalous.sum())
    if n_anomalous in (0, len(given)):
        raise InputError(
            f"Got {len(given) - n_anomalous} normal and {n_anomalous} anomalous texts; expected "
            "at least one of each; add texts of the other class."
        )
    n_bad = int((~np.isfinite(values)).sum())
    if n_bad:
        raise InputError(
            f"Got {n_bad} NaN or infinite among {len(values)} scores; expected finite numbers; "
            "leave those texts out."
        )
    return is_anomalous, values


def _as_array(labels: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(labels)
    except ValueError as error:  # lists of several lengths
        raise InputError(
            f"Got labels of no shape ({error}); expected one label a text; convert them."
        ) from error


def _as_numbers(scores: ArrayLike) -> Float64Array:
    try:
        return np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:  # pandas' NA among others
        raise InputError(
            f"Got scores that are no numbers ({error}); expected one finite number a text; leave "
            "texts without a score out."
        ) from error


def _truth_values(labels: NDArray[Any]) -> BoolArray:
    try:
        is_anomalous = labels.astype(np.bool_)
        is_plain = np.array_equal(is_anomalous, labels)
    except (TypeError, ValueError):  # pandas' NA is neither true nor false
        is_plain = False
    if not is_plain:
        raise InputError(
            "Got labels other than 0 and 1; expected true for anomalous texts and false for "
            "normal ones; convert them."
        )
    return is_anomalous


def _resample(is_anomalous: BoolArray, n_resamples: int, seed: int) -> Iterator[IndexArray]:
    """Yield rows drawn with replacement, as many of each class as there are."""
    rng = np.random.default_rng(seed)
    normal, anomalous = np.flatnonzero(~is_anomalous), np.flatnonzero(is_anomalous)
    for _ in range(n_resamples):
        yield np.concatenate(
            [rng.choice(normal, len(normal)), rng.choice(anomalous, len(anomalous))]
        )


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:  # false for NaN
        raise InputError(f"Got {name} {value}; expected a share from 0 to 1; choose one.")


def _check_count(n_resamples: int) -> None:
    if n_resamples < 1:
        raise InputError(f"Got n_resamples {n_resamples}; expected 1 or more; choose one.")


def _percentile_interval(values: list[float], level: float) -> Interval:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
