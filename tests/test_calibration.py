import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from polar_detect.calibration import (
    benjamini_hochberg,
    check_alpha,
    conformal_p_values,
    p_values_or_nan,
    rate_at,
    smallest_alpha,
    threshold,
)
from polar_detect.errors import InputError

# Few distinct values, so that ties occur in nearly every example.
tied = st.integers(-4, 4).map(float)
scores = tied | st.floats(-1e300, 1e300)  # finite, and so is the next float
calibrations = st.lists(scores, min_size=1, max_size=30)
texts = st.lists(scores, max_size=30)
levels = st.integers(1, 999).map(lambda thousandths: thousandths / 1000)


@given(calibrations, texts)
def test_p_values_equal_the_definition_counted_one_by_one(calibration, new):
    counted = [
        (1 + sum(known >= score for known in calibration)) / (len(calibration) + 1) for score in new
    ]
    assert conformal_p_values(calibration, new).tolist() == counted


@given(calibrations, texts, st.data())
def test_a_text_without_a_score_has_no_p_value_and_changes_no_other(calibration, new, data):
    places = data.draw(st.lists(st.integers(0, len(new)), max_size=3))
    with_gaps = np.insert(np.asarray(new, np.float64), places, np.nan)
    p = p_values_or_nan(calibration, with_gaps)
    np.testing.assert_array_equal(np.isnan(p), np.isnan(with_gaps))
    assert p[~np.isnan(p)].tolist() == conformal_p_values(calibration, new).tolist()


@given(calibrations, texts)
def test_p_values_lie_between_the_smallest_reachable_one_and_one(calibration, new):
    p = conformal_p_values(calibration, new)
    assert p.dtype == np.float64
    assert p.shape == (len(new),)
    assert np.all((p >= smallest_alpha(len(calibration))) & (p <= 1))


@given(calibrations)
def test_both_bounds_of_p_values_are_reached(calibration):
    beyond = [math.nextafter(max(calibration), math.inf), min(calibration)]
    assert conformal_p_values(calibration, beyond).tolist() == [smallest_alpha(len(calibration)), 1]


@given(calibrations, texts)
def test_a_higher_score_never_has_a_higher_p_value(calibration, new):
    assert np.all(np.diff(conformal_p_values(calibration, np.sort(new))) <= 0)


@given(calibrations, texts, st.randoms())
def test_the_order_of_scores_changes_no_p_value(calibration, new, random):
    shuffled = random.sample(calibration, len(calibration))
    order = random.sample(range(len(new)), len(new))
    moved = conformal_p_values(shuffled, np.array(new)[order])
    assert moved.tolist() == conformal_p_values(calibration, new)[order].tolist()


def test_a_tie_with_a_calibration_score_counts_against_the_text():
    assert conformal_p_values([1.0, 2.0], [2.0]).tolist() == [2 / 3]
    assert conformal_p_values([1.0, 2.0], [math.nextafter(2.0, 3.0)]).tolist() == [1 / 3]


@given(calibrations, texts, levels)
def test_reaching_the_threshold_is_the_same_as_a_p_value_of_at_most_alpha(calibration, new, alpha):
    cut = threshold(calibration, alpha)
    near = [neighbour for s in calibration for neighbour in (s, math.nextafter(s, math.inf))]
    probes = np.array([*new, *calibration, *near])
    flagged = conformal_p_values(calibration, probes) <= alpha
    assert (probes >= cut).tolist() == flagged.tolist()


@pytest.mark.parametrize("percent", range(1, 100))
def test_the_threshold_flags_exactly_alpha_of_a_hundred_levels(percent):
    calibration = np.arange(99.0)
    n_flagged = int((calibration >= threshold(calibration, percent / 100)).sum())
    assert n_flagged == percent - 1  # the new text itself is the hundredth


def test_no_finite_score_is_flagged_below_the_smallest_reachable_p_value():
    calibration = [1.0, 2.0, 3.0]
    assert threshold(calibration, 0.249) == np.inf
    assert threshold(calibration, 0.25) == math.nextafter(3.0, math.inf)
    assert threshold(calibration, 1.0) == -np.inf


def test_alpha_below_the_smallest_reachable_p_value_is_refused():
    check_alpha(0.05, n_cal=19)
    with pytest.raises(
        InputError,
        match=r"Got alpha 0\.05; the smallest reachable p-value with 18 calibration texts is "
        r"0\.05263; pass a larger --alpha or fit on more normal texts\.",
    ):
        check_alpha(0.05, n_cal=18)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 5.0, float("nan")])
def test_alpha_outside_zero_to_one_is_refused(alpha):
    with pytest.raises(InputError, match=r"Got alpha .*; expected a share between 0 and 1; pass"):
        check_alpha(alpha, n_cal=1000)


@pytest.mark.parametrize("function", [conformal_p_values, threshold])
def test_nan_calibration_scores_are_refused(function):
    with pytest.raises(InputError, match="Got 1 NaN among 2 calibration scores; expected numbers"):
        function([0.0, np.nan], 0.1)


def test_nan_scores_are_refused():
    with pytest.raises(InputError, match="Got 2 NaN among 3 scores; expected numbers; leave"):
        conformal_p_values([0.0], [np.nan, 1.0, np.nan])


def test_scores_with_two_axes_are_refused():
    with pytest.raises(InputError, match=r"Got scores of shape \(1, 2\); expected one axis"):
        conformal_p_values([0.0], [[1.0, 2.0]])


@pytest.mark.parametrize("function", [conformal_p_values, threshold])
def test_an_empty_calibration_set_is_refused(function):
    with pytest.raises(InputError, match="Got no calibration scores; expected at least one"):
        function([], [0.5])


@pytest.mark.parametrize("n_cal", [19, 150])
def test_normal_texts_are_flagged_at_most_as_often_as_alpha_and_shifted_ones_more(n_cal):
    """One new text a trial: trials are then independent, and their count is binomial."""
    rng = np.random.default_rng(n_cal)
    alpha, n_trials = 0.05, 4000
    calibrations = rng.normal(size=(n_trials, n_cal)).round(1)  # rounded: with ties
    normal = rng.normal(size=n_trials).round(1)

    def count_flagged(new):
        p = [conformal_p_values(c, [s])[0] for c, s in zip(calibrations, new, strict=True)]
        return int((np.array(p) <= alpha).sum())

    most_by_chance = stats.binom.ppf(1 - 1e-4, n_trials, alpha)
    assert count_flagged(normal) <= most_by_chance
    assert count_flagged(normal + 2) > 5 * most_by_chance


def test_without_ties_the_share_of_flagged_normal_texts_reaches_alpha():
    rng = np.random.default_rng(1)
    alpha, n_trials = 0.1, 4000
    flagged = [
        conformal_p_values(rng.normal(size=99), rng.normal(size=1))[0] <= alpha
        for _ in range(n_trials)
    ]
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], n_trials, alpha)
    assert low <= sum(flagged) <= high


@given(st.integers(1, 60), levels)
def test_the_rate_at_alpha_is_the_share_of_equally_likely_places_that_are_flagged(n_cal, alpha):
    calibration = np.arange(n_cal)
    places = np.arange(n_cal + 1) - 0.5  # of a normal score among those of held-out texts
    flagged = conformal_p_values(calibration, places) <= alpha
    assert rate_at(alpha, n_cal) == flagged.sum() / (n_cal + 1) <= alpha


@given(st.lists(st.integers(1, 20), max_size=30), st.integers(1, 19))
def test_benjamini_hochberg_equals_its_definition_in_exact_arithmetic(twentieths, q_twentieths):
    p = [Fraction(n, 20) for n in twentieths]
    q = Fraction(q_twentieths, 20)
    largest = max(
        (value for rank, value in enumerate(sorted(p), 1) if value <= q * rank / len(p)),
        default=Fraction(0),
    )
    flagged = benjamini_hochberg([float(value) for value in p], float(q))
    assert flagged.tolist() == [value <= largest for value in p]


def test_a_p_value_equal_to_its_benjamini_hochberg_level_is_flagged_despite_rounding():
    assert 0.3 * 1 / 3 < 0.1  # the level of the first of three, rounded
    assert benjamini_hochberg([0.1, 1.0, 1.0], 0.3).tolist() == [True, False, False]


def test_benjamini_hochberg_agrees_with_scipy():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=500) ** 3
    assert np.array_equal(benjamini_hochberg(p, 0.1), stats.false_discovery_control(p) <= 0.1)
    assert 0 < benjamini_hochberg(p, 0.1).sum() < 500


def test_benjamini_hochberg_flags_fewer_false_texts_than_alpha_does():
    rng = np.random.default_rng(2)
    q, n_normal, n_anomalous = 0.1, 180, 20
    shares = {"fdr": [], "alpha": []}
    for _ in range(200):
        new = np.concatenate([rng.normal(size=n_normal), rng.normal(4.0, size=n_anomalous)])
        p = conformal_p_values(rng.normal(size=1000), new)
        for name, flagged in (("fdr", benjamini_hochberg(p, q)), ("alpha", p <= q)):
            shares[name].append(flagged[:n_normal].sum() / max(flagged.sum(), 1))
    assert np.mean(shares["fdr"]) <= q
    assert np.mean(shares["alpha"]) > 3 * q


def test_nan_p_values_are_refused():
    with pytest.raises(InputError, match="Got 1 NaN among 1 p-values; expected numbers"):
        benjamini_hochberg([np.nan], 0.1)
