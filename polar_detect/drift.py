"""Whether a batch as a whole differs from normal texts, and in which layers and features.

One strange row does not move a batch; a new supplier, language or export format does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

from polar_detect.arrays import Float64Array
from polar_detect.calibration import benjamini_hochberg
from polar_detect.features import of_columns as column_features
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.statistics.dependence import Order, effective_size

Verdict = Literal["too few", "none", "slight", "clear"]

LEVEL = 0.01  # a batch is looked at once, but batches come daily: 1 in 20 would cry wolf
FALSE_DISCOVERIES = 0.05  # of the layers and features that are said to have moved
_MIN_TEXTS = 8
_LEAST_SIZE = 1.5  # texts: a t-test wants more than one on either side
_CLEAR = 0.1  # distance of `superiority` from a half: 60 of 100 pairs


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one feature, or all features of one layer, moved.

    Parameters
    ----------
    feature : Feature
        Of a whole layer: group ``layer``.
    size : float
        Difference of the means in standard deviations of normal texts; of a layer, the root
        mean square over its features, without sign.
    p_value : float
    is_moved : bool
        Significant at a false discovery rate of `FALSE_DISCOVERIES` among its kind.
    """

    feature: Feature
    size: float
    p_value: float
    is_moved: bool


@dataclass(frozen=True)
class Drift:
    """How a batch differs from held-out normal texts.

    Parameters
    ----------
    n_normal, n_batch : int
        Texts compared.
    distance : float
        Kolmogorov–Smirnov distance between the two distributions of scores, 0 … 1. The same
        as that of the conformal p-values, which are ranks among the normal scores.
    p_value : float
        Chance of a distance as large between two samples of the same texts.
    superiority : float
        Chance that a text of the batch scores higher than a normal one; 0.5 = no effect.
    verdict : {"too few", "none", "slight", "clear"}
    layers, features : tuple of Shift
        In order of layers, and largest |size| first; empty without statistics of normal texts.
    """

    n_normal: int
    n_batch: int
    distance: float
    p_value: float
    superiority: float
    verdict: Verdict
    layers: tuple[Shift, ...] = ()
    features: tuple[Shift, ...] = ()

    @property
    def is_drifted(self) -> bool:
        """Whether the batch as a whole is different."""
        return self.verdict in {"slight", "clear"}


@dataclass(frozen=True)
class Company:
    """How normal texts hang together that stand near one another in time, or are of one lot.

    Parameters
    ----------
    reach : int
        Over how many texts on either side they do; see `Order`.
    by : str
        What tells lots apart; "" where they do not count.
    n_near : float
        How many hang together with a text: where texts follow one another without gaps, or of a
        lot in the mean.
    n_held_out_near : float
        How many of the held-out ones do so with one of them, in the mean.
    score_correlation : float
        Of the scores of two texts that hang together.
    """

    reach: int = 0
    by: str = ""
    n_near: float = 0.0
    n_held_out_near: float = 0.0
    score_correlation: float = 0.0

    @classmethod
    def of(cls, scores: Float64Array, held_out: Order, order: Order) -> Self:
        """Return that of held-out texts by their scores, their order and that of all texts."""
        if not order.n_near:
            return cls()
        n_near = order.n_near if order.by else 2.0 * order.reach
        (correlation,) = held_out.correlations(scores[:, None]).tolist()
        return cls(order.reach, order.by, n_near, held_out.n_near, correlation)


ALONE = Company()


@dataclass(frozen=True, eq=False)
class FeatureStatistics:
    """Mean and spread of each feature on held-out normal texts.

    Parameters
    ----------
    features : tuple of Feature
    means, spreads : (n_features,) float64
        The spread is the standard deviation of the sample (n − 1).
    n_texts : int
    correlations : (n_features,) float64
        Of two texts that hang together.
    """

    features: tuple[Feature, ...]
    means: Float64Array
    spreads: Float64Array
    n_texts: int
    correlations: Float64Array

    @classmethod
    def of(cls, table: FeatureTable, order: Order | None = None) -> Self:
        """Return the statistics of the signatures of held-out normal texts (at least two)."""
        values = table.values.astype(np.float64)
        means, spreads = values.mean(0), values.std(0, ddof=1)
        order = order or Order.unknown(len(values))
        return cls(table.features, means, spreads, len(values), order.correlations(values))


def measure_drift(
    calibration_scores: ArrayLike,
    scores: ArrayLike,
    *,
    normal: FeatureStatistics | None = None,
    batch: FeatureTable | None = None,
    company: Company = ALONE,
) -> Drift:
    """Compare a batch with held-out normal texts.

    Where texts hang together a batch of a lot or two differs from the others as lots do. It counts
    as so many texts as would tell as much of a mean without that.

    Parameters
    ----------
    calibration_scores : (n_normal,) float
        Of held-out normal texts, as new ones have them.
    scores : (n_texts,) float
        Texts without a score (NaN) are left out.
    normal : FeatureStatistics, optional
    batch : FeatureTable, optional
        Signatures of the batch; rows with a value that is no number are left out.
    company : Company, optional
        How normal texts hang together; by default they do not.

    Returns
    -------
    Drift
        Below 8 texts on either side the verdict is "too few", its figures are NaN, and nothing is
        said of layers and features.
    """
    own = np.asarray(scores, np.float64)
    own, held_out = own[np.isfinite(own)], np.asarray(calibration_scores, np.float64)
    if min(len(own), len(held_out)) < _MIN_TEXTS:
        nan = math.nan
        return Drift(len(held_out), len(own), nan, nan, nan, "too few")
    layers: tuple[Shift, ...] = ()
    features: tuple[Shift, ...] = ()
    if normal is not None and batch is not None:
        layers, features = measure_shifts(normal, batch, company)
    test = scipy.stats.ks_2samp(held_out, own)
    superiority = _superiority(held_out, own)
    p_value = float(test.pvalue)
    if company.score_correlation > 0:
        p_value = _p_value_of(float(test.statistic), len(held_out), len(own), company)
    verdict: Verdict = "none"
    if p_value <= LEVEL:
        verdict = "clear" if abs(superiority - 0.5) >= _CLEAR else "slight"
    distance = float(test.statistic)
    return Drift(len(held_out), len(own), distance, p_value, superiority, verdict, layers, features)


def _p_value_of(distance: float, n_normal: int, n_batch: int, company: Company) -> float:
    """Return the chance of a distance between samples of texts that hang together."""
    correlation = np.asarray(company.score_correlation)
    sizes = (
        effective_size(n_normal, company.n_held_out_near, correlation),
        effective_size(n_batch, company.n_near, correlation),
    )
    size = 1 / sum(1 / float(own) for own in sizes)
    return float(scipy.stats.kstwobign.sf(math.sqrt(size) * distance))


def measure_shifts(
    normal: FeatureStatistics, batch: FeatureTable, company: Company = ALONE
) -> tuple[tuple[Shift, ...], tuple[Shift, ...]]:
    """Return the shifts of layers, and of features, largest first.

    Features: t-tests of the means, Student's and Welch's, of which the larger p-value counts; those
    with one value in both are left out. Layers: Simes' test over their features, which holds under
    the positive dependence of a layer's features. Either list is cut by Benjamini and Hochberg's
    procedure.
    """
    values = batch.values[np.isfinite(batch.values).all(1)].astype(np.float64)
    if len(values) < _MIN_TEXTS or normal.n_texts < _MIN_TEXTS:
        return (), ()
    assert normal.features == batch.features
    sizes, p_values = _compare_means(normal, values, company)
    kept = np.flatnonzero(np.isfinite(p_values))
    features = [normal.features[i] for i in kept]
    sizes, p_values = sizes[kept], p_values[kept]
    order = np.argsort(-np.abs(sizes), kind="stable")
    shifts = _shifts(features, sizes, p_values)
    return _layer_shifts(features, sizes, p_values), tuple(shifts[i] for i in order)


def _compare_means(
    normal: FeatureStatistics, values: Float64Array, company: Company
) -> tuple[Float64Array, Float64Array]:
    """Return shifts in normal standard deviations, and p-values.

    What is rare, as a new word, is in none of twenty rows: their spread is 0, by which Welch's test
    alone said of up to half of all batches of normal rows that something had moved (5 in 100 by
    construction). Where one of twenty has it, Student's alone would say so.
    """
    means, spreads = values.mean(0), values.std(0, ddof=1)
    # float32 features that are constant keep a spread of rounding errors.
    noise = 1e-6 * np.maximum(np.abs(normal.means), np.abs(means)) + 1e-12
    noise += _of_rows_left_out(normal, 1 + company.n_near)
    counts = (
        effective_size(len(values), company.n_near, normal.correlations),
        effective_size(normal.n_texts, company.n_held_out_near, normal.correlations),
    )
    n_batch, n_normal = (np.maximum(count, _LEAST_SIZE) for count in counts)
    student, welch = (
        scipy.stats.ttest_ind_from_stats(
            mean1=means,
            std1=np.maximum(spreads, noise),
            nobs1=n_batch,
            mean2=normal.means,
            std2=np.maximum(normal.spreads, noise),
            nobs2=n_normal,
            equal_var=is_pooled,
        ).pvalue
        for is_pooled in (True, False)
    )
    is_constant = (normal.spreads <= noise) & (spreads <= noise)
    is_same = np.abs(means - normal.means) <= 10 * noise
    # A feature that hardly varies on normal texts would be any number of deviations away.
    typical = np.where(normal.spreads > noise, normal.spreads, np.maximum(spreads, noise))
    sizes = (means - normal.means) / typical
    return sizes, np.where(is_constant & is_same, np.nan, np.maximum(student, welch))


def _of_rows_left_out(normal: FeatureStatistics, n: float) -> Float64Array:
    """Return what some normal rows more or less change in features, (n_features,).

    Where rows are judged by their columns alone each is held out by itself, or with those near it:
    a new row is held against so many more, by which any share of the normal rows moves, in all new
    rows alike.
    """
    if not all(feature.group == column_features.COLUMN for feature in normal.features):
        return np.zeros(len(normal.features))
    shares = (column_features.MISSING, column_features.LEVEL)
    is_share = [column_features.kind_of(feature) in shares for feature in normal.features]
    change: Float64Array = np.abs(normal.means) * n / normal.n_texts * is_share
    return change


def _layer_shifts(
    features: Sequence[Feature], sizes: Float64Array, p_values: Float64Array
) -> tuple[Shift, ...]:
    by_layer: dict[int, list[int]] = {}
    for i, feature in enumerate(features):
        if feature.layer is not None:
            by_layer.setdefault(feature.layer, []).append(i)
    layers = sorted(by_layer)
    members = [by_layer[layer] for layer in layers]
    return _shifts(
        [Feature("layer", "", layer) for layer in layers],
        np.asarray([math.sqrt(np.mean(np.square(sizes[own]))) for own in members]),
        np.asarray([_simes(p_values[own]) for own in members]),
    )


def _shifts(
    features: Sequence[Feature], sizes: Float64Array, p_values: Float64Array
) -> tuple[Shift, ...]:
    moved = benjamini_hochberg(p_values, FALSE_DISCOVERIES)
    parts = zip(features, sizes.tolist(), p_values.tolist(), moved.tolist(), strict=True)
    return tuple(Shift(*part) for part in parts)


def _simes(p_values: Float64Array) -> float:
    ranks = np.arange(1, len(p_values) + 1)
    return float(min(1.0, (np.sort(p_values) * len(p_values) / ranks).min()))


def _superiority(normal: Float64Array, batch: Float64Array) -> float:
    """Return the chance that a batch score is higher than a normal one; ties count half."""
    ranked = np.sort(normal)
    below = np.searchsorted(ranked, batch, "left")
    not_above = np.searchsorted(ranked, batch, "right")
    return float((below + not_above).mean() / (2 * len(normal)))
