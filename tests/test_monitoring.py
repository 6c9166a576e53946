"""Whether texts or rows have changed, over many small batches."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect import DriftMonitor, PolarDetector
from polar_detect.drift import Company
from polar_detect.errors import NotFittedError


def rows(chance, n, mean=20.0):
    size = chance.normal(mean, 1, n)
    return pd.DataFrame({"size": size, "weight": 3 * size + chance.normal(0, 0.1, n)})


@pytest.fixture(scope="module")
def detector():
    return PolarDetector().fit(rows(np.random.default_rng(0), 200))


@pytest.fixture(scope="module")
def scores(detector):
    """Return the scores of 300 usual rows, and of 100 of another mean."""
    chance = np.random.default_rng(1)
    return [detector.assess(rows(chance, n, mean)).scores for n, mean in ((300, 20), (100, 22))]


def test_it_sees_over_batches_what_shows_in_none_of_them(detector, scores):
    monitor = DriftMonitor(detector)
    usual, changed = scores
    assert not monitor.add(usual).is_changed
    for i in range(0, 100, 5):
        assert detector.fitted_.drift_of(changed[i : i + 5]).verdict == "too few"
        course = monitor.add(changed[i : i + 5])
    assert course.is_changed
    assert course.n == 400
    assert course.since == pytest.approx(300, abs=10)


def test_a_detector_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError, match="call fit on normal texts first"):
        DriftMonitor(PolarDetector())


def test_it_does_not_depend_on_how_rows_come_together(detector, scores):
    together, alone = DriftMonitor(detector), DriftMonitor(detector)
    both = np.concatenate(scores)
    for own in both:
        alone.add(own)
    assert alone.course == together.add(both)


def test_rows_without_a_score_do_not_count(detector, scores):
    with_gaps = DriftMonitor(detector)
    with_gaps.add([np.nan])
    for own in scores[1]:
        course = with_gaps.add([own, np.nan])
    assert course == DriftMonitor(detector).add(scores[1])


@pytest.mark.parametrize(
    ("company", "n_each"),
    [
        (Company(reach=9, n_near=18, n_held_out_near=4, score_correlation=0.4), 10),
        (Company(by="Lot", n_near=19, n_held_out_near=4, score_correlation=0.4), 20),
        (Company(by="Lot", n_near=19, n_held_out_near=4, score_correlation=0.005), 1),
    ],
)
def test_of_rows_that_hang_together_one_counts(detector, scores, monkeypatch, company, n_each):
    monkeypatch.setattr(detector, "fitted_", replace(detector.fitted_, company=company))
    monitor, single = DriftMonitor(detector), DriftMonitor(detector)
    assert monitor.n_each == n_each
    usual, changed = scores
    monitor.add(usual)
    for own in [*usual, *changed[:40]]:
        single.add(own)
    course = monitor.add(changed[:40])
    assert course == single.course  # whatever the batches
    assert course.n == 340
    assert monitor._test.course.n == np.ceil(340 / n_each)


def test_since_counts_all_rows_where_one_of_several_counts(detector, scores, monkeypatch):
    company = Company(reach=1, n_near=2, n_held_out_near=0, score_correlation=0.4)
    monkeypatch.setattr(detector, "fitted_", replace(detector.fitted_, company=company))
    course = DriftMonitor(detector).add(np.concatenate([*scores, scores[1]]))
    assert course.n == 500
    assert course.since == pytest.approx(300, abs=10)


@pytest.mark.slow
def test_rows_held_against_all_others_do_not_make_usual_ones_a_change():
    n = 0
    for seed in range(8):
        chance = np.random.default_rng([seed, 600])
        detector = PolarDetector("columns").fit(rows(chance, 600))
        scores = detector.assess(rows(chance, 1000)).scores
        n += DriftMonitor(detector).add(scores).is_changed
    assert n == 0  # of four, were all 600 taken
