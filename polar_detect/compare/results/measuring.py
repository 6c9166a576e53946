"""Scores of methods on the same rows → figures, intervals and paired differences."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from polar_detect import metrics
from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.calibration import conformal_p_values
from polar_detect.compare.methods.drivers import Driver, find_drivers
from polar_detect.compare.results.comparison import (
    AUROC,
    MEASURES,
    Figure,
    Measure,
    MethodResult,
    Scored,
    Settings,
)
from polar_detect.progress import Progress, Tracker

# Two that differ do so by 1 / (2 · anomalous · normal rows) at least; sums are rounded in the 16th.
_DIGITS = 12


def measure(
    labels: BoolArray,
    scored: Sequence[Scored],
    settings: Settings,
    *,
    progress: Progress | None = None,
) -> list[MethodResult]:
    """Return figures, intervals and differences of every method, best AUROC first.

    Of equal ones that which ran first is first, whatever it cost, so that the same seed gives the
    same table but for the seconds: baselines by what they read (numbers, TF-IDF, embeddings), in
    the order of `BASELINES`, then detectors in the order asked for, without labels before with.
    """
    ranked = sorted(scored, key=lambda s: -round(metrics.auroc(labels, s.scores), _DIGITS))
    best, best_baseline = ranked[0], next(s for s in ranked if not s.method.is_ours)
    explained = _best_with_parts(ranked)
    stage = Tracker(progress).stage("intervals", len(ranked))
    results = []
    for own in ranked:
        to_baseline = _difference(own, best_baseline, labels, settings)
        to_best = to_baseline
        if best is not best_baseline:
            to_best = _difference(own, best, labels, settings)
        results.append(
            MethodResult(
                method=own.method,
                fit_s=own.fit_s,
                s_per_1000=own.s_per_1000,
                figures={m: _figure(m, labels, own.scores, settings) for m in MEASURES},
                to_best_baseline=to_baseline,
                to_best=to_best,
                drivers=_drivers(own, labels, settings) if own in explained else (),
            )
        )
        stage.advance(1)
    return results


def best_by_guessing(labels: BoolArray, scored: Sequence[Scored], settings: Settings) -> float:
    """Return how often the best AUROC of all would be as high if labels had nothing to do with it.

    The p-value of a permutation test: labels are dealt out anew to the same rows, by which the best
    of many methods is mostly above .5. Source: Westfall and Young, Resampling-Based Multiple
    Testing (1993), section 2.3 (the distribution of the maximum).
    """
    ranks = np.stack([rankdata(own.scores) for own in scored])
    n, n_anomalous = len(labels), int(labels.sum())
    most = np.array([ranks[:, labels].sum(1).max()])
    rng = np.random.default_rng(settings.seed)
    dealt = [
        ranks[:, rng.permutation(n)[:n_anomalous]].sum(1).max() for _ in range(settings.n_resamples)
    ]
    return float(conformal_p_values(dealt, most)[0])


def _best_with_parts(ranked: Sequence[Scored]) -> list[Scored]:
    """Return the first of ours and the first baseline whose scores have parts."""
    return [
        own
        for is_ours in (True, False)
        for own in [s for s in ranked if s.method.is_ours is is_ours and s.parts_of is not None][:1]
    ]


def _drivers(own: Scored, labels: BoolArray, settings: Settings) -> tuple[Driver, ...]:
    assert own.parts_of is not None  # `_best_with_parts` takes no others
    return find_drivers(own.parts_of, labels, settings.seed)


def _difference(
    own: Scored, other: Scored, labels: BoolArray, settings: Settings
) -> metrics.Difference | None:
    """Return the difference of the AUROC; None between a method and itself."""
    if own is other:
        return None
    return metrics.paired_difference(
        AUROC.of,
        labels,
        own.scores,
        other.scores,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
    )


def _figure(
    measure: Measure, labels: BoolArray, scores: Float64Array, settings: Settings
) -> Figure:
    interval = metrics.bootstrap_interval(
        measure.of, labels, scores, n_resamples=settings.n_resamples, seed=settings.seed
    )
    return Figure(measure.of(labels, scores), interval.low, interval.high)
