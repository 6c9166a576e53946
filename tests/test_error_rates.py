import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from polar_detect.metrics import auroc

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "experiments"))

import error_rates

from polar_detect.calibration import benjamini_hochberg, conformal_p_values

N_TRIALS = 100


@pytest.mark.parametrize("alpha", error_rates.ALPHAS)
def test_the_flagged_share_of_normal_texts_lies_in_the_finite_sample_interval(alpha):
    # Given n calibration texts, the flagged among m more follow a beta-binomial distribution.
    n, m = error_rates.N_CAL, error_rates.N_NORMAL
    k = math.floor(alpha * (n + 1) * (1 + 1e-12))
    exact = stats.betabinom(m, k, n + 1 - k)
    counts = []
    for seed in range(N_TRIALS):
        scores = np.random.default_rng(seed).normal(size=n + m)
        counts.append(int((conformal_p_values(scores[:n], scores[n:]) <= alpha).sum()))
    error = exact.std() / math.sqrt(N_TRIALS)
    assert abs(np.mean(counts) - exact.mean()) <= 4.5 * error
    low, high = exact.ppf([1e-7, 1 - 1e-7])
    assert low <= min(counts) <= max(counts) <= high
    assert exact.mean() / m == pytest.approx(k / (n + 1))
    # Control: one calibration score fewer counted in each p-value is noticed in the mean.
    wrong = stats.betabinom(m, k + 2, n - 1 - k)
    assert abs(np.mean(counts) - wrong.mean()) > 3 * error


@pytest.mark.slow
@pytest.mark.parametrize("source", [*error_rates.synthetic(), "calibration scores"])
def test_promises_hold_on_every_kind_of_scores(source, fitted_on_tiny):
    stored = fitted_on_tiny.fitted_.calibration_scores
    resampled = error_rates.of_scores(error_rates.resampled(stored))
    sources = {**error_rates.synthetic(), "calibration scores": resampled}
    results = error_rates.trials({source: sources[source]}, N_TRIALS)
    assert [held for held in results if not held.is_held] == []
    assert any(held.mean > 0 for held in results)


def test_neighbours_that_calibration_texts_do_not_have_break_the_promise(monkeypatch):
    # Control: a calibration text that meets itself has no distance; all others are flagged.
    plain = error_rates._distances
    monkeypatch.setattr(error_rates, "_distances", lambda *texts, banned=None: plain(*texts))  # noqa: ARG005
    results = error_rates.trials({"neighbours": error_rates.with_neighbours}, 20)
    assert not any(held.is_held for held in results if held.promise.startswith("flagged"))


def test_what_is_learned_beside_neighbours_tells_strangers_from_texts():
    draws = [error_rates.with_learning(np.random.default_rng(seed)) for seed in range(20)]
    labels = np.repeat([0, 1], [error_rates.N_NORMAL, error_rates.N_STRANGERS])
    found = [auroc(labels, np.concatenate([normal, far])) for _, normal, far in draws]
    assert np.median(found) > 0.9
    alike = [auroc(np.arange(len(normal)) % 2, normal) for _, normal, _ in draws]
    assert 0.4 < np.median(alike) < 0.6  # control


def test_a_broken_promise_is_noticed():
    def drifting(chance, n):  # later texts score higher: not exchangeable
        return chance.normal(size=n) + np.linspace(0, 1, n)

    results = error_rates.trials({"drifting": error_rates.of_scores(drifting)}, N_TRIALS)
    assert not any(held.is_held for held in results if held.promise.startswith("flagged"))
    assert not all(held.is_held for held in results if held.promise.startswith("false"))


def test_p_values_at_most_q_would_not_control_the_false_discovery_rate():
    # Control for Benjamini–Hochberg: with few strangers, alpha = Q flags mostly normal texts.
    shares = {"bh": [], "alpha": []}
    for seed in range(N_TRIALS):
        chance = np.random.default_rng(seed)
        p_values = conformal_p_values(
            chance.normal(size=199), np.concatenate([chance.normal(size=200), [9.0] * 10])
        )
        for name, flagged in (
            ("bh", benjamini_hochberg(p_values, 0.1)),
            ("alpha", p_values <= 0.1),
        ):
            shares[name].append(flagged[:200].sum() / max(flagged.sum(), 1))
    assert np.mean(shares["bh"]) <= 0.1 + 4.5 * np.std(shares["bh"]) / math.sqrt(N_TRIALS)
    assert np.mean(shares["alpha"]) > 0.5
