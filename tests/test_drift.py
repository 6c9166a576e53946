import numpy as np
import pytest
from scipy.stats import kstwobign, ttest_ind

from polar_detect.drift import Company, FeatureStatistics, measure_drift, measure_shifts
from polar_detect.features.table import Feature, FeatureTable

FEATURES = (
    Feature("loss", "mean"),
    Feature("distance", "knn", 0),
    Feature("distance", "mahalanobis", 0),
    Feature("distance", "knn", 1),
    Feature("distance", "mahalanobis", 1),
)


def table(n, seed, shift=0.0):
    values = np.random.default_rng(seed).normal(3, 2, (n, 5))
    values[:, 3:] += shift * 2
    return FeatureTable(values.astype(np.float32), FEATURES)


def share_of_alarms(shift, *, n_runs=200):
    rng = np.random.default_rng(0)
    drifts = [
        measure_drift(rng.normal(0, 1, 100), rng.normal(shift, 1, 150)) for _ in range(n_runs)
    ]
    return np.mean([drift.is_drifted for drift in drifts])


def test_batches_of_normal_texts_are_rarely_called_different():
    assert share_of_alarms(0.0) <= 0.03  # 0.01 by construction
    assert share_of_alarms(0.8) > 0.95  # control


def test_a_few_strange_rows_do_not_make_a_different_batch():
    rng = np.random.default_rng(1)
    batch = rng.normal(0, 1, 200)
    batch[:6] += 10
    assert measure_drift(rng.normal(0, 1, 200), batch).verdict == "none"


def test_the_effect_is_the_chance_to_score_higher_with_ties_as_halves():
    drift = measure_drift(np.arange(10), np.arange(10))
    assert drift.superiority == pytest.approx(0.5)
    above = measure_drift(np.arange(10), np.arange(10) + 100)
    assert (above.superiority, above.distance) == (1.0, 1.0)
    assert above.verdict == "clear"
    assert measure_drift(np.arange(10), np.arange(10) - 100).superiority == 0.0


def test_the_distance_is_that_of_the_p_values_from_uniform():
    from polar_detect.calibration import conformal_p_values

    rng = np.random.default_rng(2)
    normal, batch = rng.normal(0, 1, 400), rng.normal(0.7, 1, 300)
    p_values = np.sort(conformal_p_values(normal, batch))
    levels = np.arange(1, 402) / 401
    shares = np.searchsorted(p_values, levels, "right") / len(p_values)
    distance = measure_drift(normal, batch).distance
    assert np.abs(shares - levels).max() == pytest.approx(distance, abs=2 / 401)


def test_a_slight_drift_is_told_apart_from_a_clear_one():
    rng = np.random.default_rng(3)
    normal = rng.normal(0, 1, 4000)
    assert measure_drift(normal, rng.normal(0.15, 1, 4000)).verdict == "slight"
    assert measure_drift(normal, rng.normal(0.6, 1, 4000)).verdict == "clear"


def test_texts_that_hang_together_count_as_fewer_on_either_side():
    rng = np.random.default_rng(4)
    normal, batch = rng.normal(0, 1, 200), rng.normal(0.8, 1, 60)
    company = Company(reach=5, n_near=10.0, n_held_out_near=4.0, score_correlation=0.5)
    drift = measure_drift(normal, batch, company=company)
    n_normal, n_batch = 200 / (1 + 0.5 * 4), 60 / (1 + 0.5 * 10)
    size = n_normal * n_batch / (n_normal + n_batch)
    assert drift.p_value == pytest.approx(kstwobign.sf(np.sqrt(size) * drift.distance))
    plain = measure_drift(normal, batch)
    assert (plain.distance, plain.superiority) == (drift.distance, drift.superiority)
    assert plain.p_value < 0.001 < drift.p_value


@pytest.mark.parametrize("scores", [[], [np.nan] * 20, [0.1] * 7])
def test_too_few_texts_give_no_verdict(scores):
    drift = measure_drift(np.arange(30), scores)
    assert drift.verdict == "too few"
    assert not drift.is_drifted


def test_of_too_few_texts_nothing_is_said_of_layers_and_features():
    own, batch = FeatureStatistics.of(table(200, 0)), table(150, 1, shift=1.0)
    few = measure_drift(np.arange(7), np.arange(150), normal=own, batch=batch)
    assert (few.verdict, few.layers, few.features) == ("too few", (), ())
    enough = measure_drift(np.arange(8), np.arange(150), normal=own, batch=batch)
    assert len(enough.features) > 0  # control


def test_empty_texts_are_left_out_of_the_comparison():
    drift = measure_drift(np.arange(40), np.append(np.arange(30.0), np.nan))
    assert (drift.n_normal, drift.n_batch) == (40, 30)


def test_only_the_layer_that_moved_is_said_to_have_moved():
    normal = FeatureStatistics.of(table(200, 0))
    layers, features = measure_shifts(normal, table(150, 1, shift=1.0))
    assert [(s.feature.layer, s.is_moved) for s in layers] == [(0, False), (1, True)]
    assert layers[1].size == pytest.approx(1.0, abs=0.25)
    assert {s.feature.layer for s in features[:2]} == {1}
    assert sum(s.is_moved for s in features) == 2


def test_features_are_tested_by_both_t_tests_and_layers_of_two_by_the_rule_of_simes():
    normal, batch = table(12, 0), table(9, 1, shift=0.3)
    layers, features = measure_shifts(FeatureStatistics.of(normal), batch)
    pair = [own.values.astype(np.float64) for own in (batch, normal)]
    student, welch = (ttest_ind(*pair, equal_var=own).pvalue for own in (True, False))
    assert 0 < (welch > student).sum() < len(FEATURES)
    by_name = {shift.feature.name: shift for shift in features}
    found = [by_name[f.name].p_value for f in FEATURES]
    assert found == pytest.approx(np.maximum(student, welch).tolist())
    for layer in layers:
        own = [s for s in features if s.feature.layer == layer.feature.layer]
        low, high = sorted(s.p_value for s in own)
        assert layer.p_value == pytest.approx(min(2 * low, high))
        assert layer.size == pytest.approx(np.sqrt(np.mean([s.size**2 for s in own])))


def test_batches_of_normal_texts_rarely_have_a_moved_layer():
    runs = [
        measure_shifts(FeatureStatistics.of(table(100, 2 * i)), table(100, 2 * i + 1))
        for i in range(100)
    ]
    assert np.mean([any(s.is_moved for s in layers) for layers, _ in runs]) <= 0.1
    assert np.mean([any(s.is_moved for s in features) for _, features in runs]) <= 0.1


@pytest.mark.parametrize(("n_normal", "n_batch"), [(400, 20), (100, 2000), (400, 400)])
def test_what_is_rare_has_not_moved_where_it_is_in_none_or_in_one(n_normal, n_batch):
    rng = np.random.default_rng(0)
    features = tuple(Feature("column", f"{name}/new") for name in "abcdefgh")

    def drawn(n, rate):
        return FeatureTable((rng.random((n, 8)) < rate).astype(np.float32), features)

    def moved(rate):
        normal = FeatureStatistics.of(drawn(n_normal, 0.02))
        _, shifts = measure_shifts(normal, drawn(n_batch, rate))
        return any(shift.is_moved for shift in shifts)

    assert np.mean([moved(0.02) for _ in range(100)]) <= 0.12  # .05 by construction
    assert np.mean([moved(0.5) for _ in range(20)]) == 1  # control


def test_constant_features_neither_fail_nor_move():
    values = np.full((20, 5), 7.0, np.float32)
    same = FeatureTable(values, FEATURES)
    assert measure_shifts(FeatureStatistics.of(same), same) == ((), ())
    moved = FeatureTable(values + 1, FEATURES)
    layers, features = measure_shifts(FeatureStatistics.of(same), moved)
    assert (len(layers), len(features)) == (2, 5)
    assert all(s.is_moved and np.isfinite(s.size) for s in (*layers, *features))
    spread = FeatureTable(values + np.float32([[1], [-1]] * 10), FEATURES)  # about the same mean
    _, features = measure_shifts(FeatureStatistics.of(same), spread)
    assert [(s.is_moved, s.p_value) for s in features] == [(False, 1.0)] * 5


def test_rows_without_features_are_left_out():
    own = table(40, 5)
    own.values[3, 1] = np.nan
    normal = FeatureStatistics.of(table(200, 0))
    layers, features = measure_shifts(normal, own)
    assert (len(layers), len(features)) == (2, 5)
    assert all(np.isfinite(s.p_value) for s in (*layers, *features))


def test_fewer_than_eight_texts_on_either_side_tell_of_no_shift():
    normal = FeatureStatistics.of(table(200, 0))
    assert measure_shifts(normal, table(8, 5)) != ((), ())
    assert measure_shifts(normal, table(7, 5)) == ((), ())
    assert measure_shifts(FeatureStatistics.of(table(7, 0)), table(40, 5)) == ((), ())


def test_one_normal_row_more_moves_no_share_of_them():
    """New rows are held against one more than rows that are held out one by one."""

    def moved(feature, normal, batch):
        before, after = (
            FeatureTable(np.full((n, 1), value, np.float32), (feature,))
            for n, value in ((400, normal), (150, batch))
        )
        _, features = measure_shifts(FeatureStatistics.of(before), after)
        return [shift.is_moved for shift in features]

    for kind in ("missing", "level"):
        own = Feature("column", f"load/{kind}")
        assert moved(own, 0.07067, 0.07058) == []
        assert moved(own, 0.07067, 3.0) == [True]  # empty in all new rows
    assert moved(Feature("length", "log"), 0.07067, 0.07058) == [True]  # control
