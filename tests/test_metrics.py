import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_curve

from polar_detect import metrics
from polar_detect.errors import InputError
from polar_detect.metrics import (
    Difference,
    Interval,
    aupr,
    auroc,
    bootstrap_interval,
    fpr_at_tpr,
    paired_difference,
    recall_at_fpr,
)

METRICS = [auroc, aupr, fpr_at_tpr, recall_at_fpr]

scores_of_a_class = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=15)
# Other work on the machine makes single examples slow, hence no deadlines below.
shares = st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.95, 1.0])


def labelled(normal, anomalous):
    labels = np.repeat([False, True], [len(normal), len(anomalous)])
    return labels, np.array([*normal, *anomalous])


def gaussian(n_texts=400, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return labelled(rng.normal(size=n_texts // 2), rng.normal(shift, size=n_texts // 2))


def flagged_shares(normal, anomalous):
    """(FPR, TPR) of every rule "flag from this score on", and of flagging nothing."""
    cuts = [*normal, *anomalous, np.inf]
    return [
        (np.mean([s >= cut for s in normal]), np.mean([s >= cut for s in anomalous]))
        for cut in cuts
    ]


@settings(deadline=None)
@given(scores_of_a_class, scores_of_a_class)
def test_the_curve_is_that_of_scikit_learn_to_the_last_bit(normal, anomalous):
    labels, scores = labelled(normal, anomalous)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    roc = metrics._trace_roc(labels, scores)
    np.testing.assert_array_equal(roc.fpr, fpr)
    np.testing.assert_array_equal(roc.tpr, tpr)


@settings(deadline=None)
@given(scores_of_a_class, scores_of_a_class)
def test_auroc_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half(normal, anomalous):
    pairs = [(a > n) + (a == n) / 2 for a in anomalous for n in normal]
    assert auroc(*labelled(normal, anomalous)) == pytest.approx(np.mean(pairs))


def test_auroc_is_the_mann_whitney_statistic_of_scipy():
    labels, scores = gaussian()
    u = stats.mannwhitneyu(scores[labels], scores[~labels]).statistic
    assert auroc(labels, scores) == pytest.approx(u / 200**2)
    assert auroc(labels, scores) > 0.7


@settings(deadline=None)
@given(scores_of_a_class, scores_of_a_class)
def test_aupr_is_the_precision_averaged_over_anomalous_texts(normal, anomalous):
    precisions = [
        np.mean([True] * sum(a >= cut for a in anomalous) + [False] * sum(n >= cut for n in normal))
        for cut in anomalous
    ]
    assert aupr(*labelled(normal, anomalous)) == pytest.approx(np.mean(precisions))


@settings(deadline=None)
@given(scores_of_a_class, scores_of_a_class, shares)
def test_fpr_at_tpr_is_the_best_of_all_thresholds(normal, anomalous, tpr):
    best = min(fp for fp, tp in flagged_shares(normal, anomalous) if tp >= tpr)
    assert fpr_at_tpr(*labelled(normal, anomalous), tpr) == best


@settings(deadline=None)
@given(scores_of_a_class, scores_of_a_class, shares)
def test_recall_at_fpr_is_the_best_of_all_thresholds(normal, anomalous, fpr):
    best = max(tp for fp, tp in flagged_shares(normal, anomalous) if fp <= fpr)
    assert recall_at_fpr(*labelled(normal, anomalous), fpr) == best


@pytest.mark.parametrize(
    ("metric", "perfect", "inverted"),
    [(auroc, 1, 0), (aupr, 1, 5 / 12), (fpr_at_tpr, 0, 1), (recall_at_fpr, 1, 0)],
)
def test_perfect_scores_reach_the_best_value_and_inverted_ones_the_worst(metric, perfect, inverted):
    labels = [0, 0, 1, 1]
    assert metric(labels, [1, 2, 3, 4]) == perfect
    assert metric(labels, [4, 3, 2, 1]) == pytest.approx(inverted)


@pytest.mark.parametrize("metric", METRICS)
def test_only_the_order_of_scores_matters(metric):
    labels, scores = gaussian()
    assert metric(labels, np.exp(scores)) == metric(labels, scores)
    assert metric(labels, -scores) != metric(labels, scores)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("label", [0, 1])
def test_a_single_class_is_refused(metric, label):
    n = (0, 3) if label else (3, 0)
    with pytest.raises(
        InputError, match=f"Got {n[0]} normal and {n[1]} anomalous texts; expected at least one"
    ):
        metric([label] * 3, [0.1, 0.2, 0.3])


@pytest.mark.parametrize("metric", METRICS)
def test_labels_and_scores_of_different_lengths_are_refused(metric):
    with pytest.raises(InputError, match=r"Got labels of shape \(2,\) and scores of shape \(3,\)"):
        metric([0, 1], [0.1, 0.2, 0.3])
    with pytest.raises(InputError, match=r"Got labels of shape \(2, 1\) and scores of shape"):
        metric([[0], [1]], [[0.1], [0.2]])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(metric, bad):
    with pytest.raises(InputError, match="Got 1 NaN or infinite among 2 scores; expected finite"):
        metric([0, 1], [0.1, bad])


@pytest.mark.parametrize(
    "labels",
    [[0, 2], [-1, 1], [0.5, 1], ["0", "1"], [pd.NA, True], [np.nan, 1], [None, True]],
)
def test_labels_other_than_zero_and_one_are_refused(labels):
    with pytest.raises(InputError, match="Got labels other than 0 and 1; expected true for"):
        auroc(labels, [0.1, 0.2])


@pytest.mark.parametrize("metric", METRICS)
def test_lists_of_several_lengths_are_no_labels(metric):
    with pytest.raises(InputError, match=r"Got labels of no shape \(.*; expected one label a text"):
        metric([[0, 1], [1]], [0.1, 0.2])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [pd.NA, "high"])
def test_scores_that_are_no_numbers_are_refused(metric, bad):
    with pytest.raises(InputError, match=r"Got scores that are no numbers \(.*; expected one fini"):
        metric([0, 1], [0.1, bad])


@pytest.mark.parametrize("metric", METRICS)
def test_an_interval_holds_the_metric_and_widens_with_its_level(metric):
    labels, scores = gaussian()
    narrow = bootstrap_interval(metric, labels, scores, n_resamples=200, level=0.5)
    wide = bootstrap_interval(metric, labels, scores, n_resamples=200)
    assert isinstance(wide, Interval)
    assert wide.low <= metric(labels, scores) <= wide.high
    assert wide.low < narrow.low < narrow.high < wide.high


def test_equal_seeds_give_equal_intervals_and_other_seeds_do_not():
    labels, scores = gaussian()
    first, again, other = (
        bootstrap_interval(auroc, labels, scores, n_resamples=50, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


@pytest.mark.slow
def test_ninety_percent_intervals_hold_the_truth_about_ninety_percent_of_the_time():
    def mean_shift(labels, scores):
        return scores[labels].mean() - scores[~labels].mean()

    n_trials, n_held, n_held_elsewhere = 300, 0, 0
    for seed in range(n_trials):
        labels, scores = gaussian(200, shift=1.0, seed=seed)
        interval = bootstrap_interval(
            mean_shift, labels, scores, n_resamples=100, level=0.9, seed=seed
        )
        n_held += interval.low <= 1.0 <= interval.high
        n_held_elsewhere += interval.low <= 1.5 <= interval.high
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], n_trials, 0.9)
    assert low <= n_held <= high
    assert n_held_elsewhere < low


@settings(deadline=None, max_examples=20)
@given(scores_of_a_class, scores_of_a_class)
def test_resamples_keep_both_classes_however_small(normal, anomalous):
    interval = bootstrap_interval(auroc, *labelled(normal, anomalous), n_resamples=5)
    assert 0 <= interval.low <= interval.high <= 1


def test_one_text_of_each_class_has_an_interval_without_width():
    assert bootstrap_interval(auroc, [0, 1], [0.1, 0.2], n_resamples=1) == Interval(1.0, 1.0)


@pytest.mark.parametrize("metric", METRICS)
def test_a_score_differs_from_itself_by_exactly_nothing(metric):
    labels, scores = gaussian()
    assert paired_difference(metric, labels, scores, scores, n_resamples=50) == Difference(0, 0, 0)


def test_a_better_score_differs_from_a_worse_one_by_more_than_chance():
    labels, scores = gaussian()
    worse = scores + np.random.default_rng(1).normal(0, 2, len(scores))
    better = paired_difference(auroc, labels, scores, worse, n_resamples=200)
    assert better.difference == auroc(labels, scores) - auroc(labels, worse)
    assert 0 < better.low < better.difference < better.high
    swapped = paired_difference(auroc, labels, worse, scores, n_resamples=200)
    assert swapped.difference == -better.difference
    assert swapped.low == pytest.approx(-better.high)


def test_pairing_narrows_the_interval_of_scores_that_agree():
    labels, scores = gaussian()
    similar = scores + np.random.default_rng(1).normal(0, 0.1, len(scores))
    paired = paired_difference(auroc, labels, scores, similar, n_resamples=200)
    alone = bootstrap_interval(auroc, labels, scores, n_resamples=200)
    assert paired.high - paired.low < (alone.high - alone.low) / 3


@pytest.mark.parametrize("share", [-0.1, 1.5, 95, float("nan")])
def test_what_is_no_share_is_refused(share):
    rows = ([0, 1], [0.1, 0.2])
    for name, metric in (("tpr", fpr_at_tpr), ("fpr", recall_at_fpr)):
        with pytest.raises(InputError, match=f"Got {name} {share}; expected a share from 0 to 1"):
            metric(*rows, share)
    with pytest.raises(InputError, match=f"Got level {share}; expected a share"):
        bootstrap_interval(auroc, *rows, level=share)


def test_no_resamples_are_refused():
    for interval in (bootstrap_interval, paired_difference):
        rows = ([0, 1], *[[0.1, 0.2]] * (1 if interval is bootstrap_interval else 2))
        with pytest.raises(InputError, match="Got n_resamples 0; expected 1 or more"):
            interval(auroc, *rows, n_resamples=0)


def test_paired_scores_of_different_lengths_are_refused():
    with pytest.raises(InputError, match=r"Got labels of shape \(2,\) and scores of shape \(3,\)"):
        paired_difference(auroc, [0, 1], [0.1, 0.2], [0.1, 0.2, 0.3])


def test_importing_metrics_and_calibration_imports_nothing_heavy():
    code = (
        "import sys, polar_detect.metrics, polar_detect.calibration;"
        "print(sorted({'torch', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert imported.stdout.decode().strip() == "[]"
