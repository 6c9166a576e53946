"""Tests of columns that go together, and of rows in which they no longer do."""

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector
from polar_detect.detectors.scale import Scale, column_clips, column_squares, column_units
from polar_detect.errors import ArtifactError
from polar_detect.features.of_columns import column_feature
from polar_detect.metrics import auroc
from polar_detect.signature.columns.normal_rows import ColumnCovariance, NormalRows
from polar_detect.signature.columns.numbers import NumberReference, rounded_range
from polar_detect.signature.columns.scale import RULES, VERSION_0_1, ColumnScale
from polar_detect.stored import Stored
from polar_detect.tables import RowTemplate


def two_sensors(n, seed, off=0.0):
    """Return rows in which two sensors tell one temperature, or are `off`."""
    rng = np.random.default_rng(seed)
    zone = rng.normal(850, 15, n)
    first, second = zone + rng.normal(0, 0.1, n), zone + rng.normal(0, 0.1, n)
    return pd.DataFrame(
        {
            "Zone 1": first.round(1),
            "Zone 2": (second + off).round(1),
            "Speed": rng.normal(2.4, 0.2, n).round(3),
            "Load": rng.normal(55, 6, n).round(1),
            "Gas": rng.normal(300, 25, n).round(1),
        }
    )


@pytest.fixture(scope="module")
def sensors():
    return PolarDetector("columns").fit(two_sensors(300, 0))


def scores_of(detector, usual, odd):
    scores = -detector.score_samples(pd.concat([usual, odd], ignore_index=True))
    return auroc(np.arange(len(scores)) >= len(usual), scores)


def test_two_sensors_that_disagree_by_a_little_are_found(sensors):
    usual, odd = two_sensors(150, 1), two_sensors(150, 2, off=0.8)
    assert scores_of(sensors, usual, odd) > 0.97
    assert (sensors.predict(usual) == -1).mean() < 0.1
    found = sensors.explain(odd[:20]).by_column()
    assert (found["Zone 1"] + found["Zone 2"] > found["Gas"]).all()


def test_what_the_other_sensor_leads_to_expect_is_said_with_its_digits(sensors):
    row = two_sensors(1, 3, off=0.8)
    said = sensors.usual_numbers(row).set_index("column").loc["Zone 2"]
    assert said["expected_high"] < said["says"] < said["expected_low"] + 1.5
    assert 0.2 < said["expected_high"] - said["expected_low"] < 1
    assert said["high"] - said["low"] > 30


def test_digits_that_texts_leave_out_count():
    rng = np.random.default_rng(0)
    a = rng.normal(0, 100, 300)
    frame = pd.DataFrame({"A": a.round(3), "B": (a + rng.normal(0, 0.01, 300)).round(3)})
    template = RowTemplate.fit(frame.astype(str), ["A", "B"])
    assert template.numeric[0].decimals == 0
    reference = NumberReference.fit(template, template.texts(frame.astype(str)))
    low, high = reference.expected_ranges(template.texts(frame.astype(str)))[:, 1].T
    assert np.median(high - low) < 0.1


def test_ranges_have_a_digit_of_their_width():
    assert rounded_range(839.02, 839.437, 0) == (839.0, 839.4)
    assert rounded_range(839.02, 839.0204, 0) == (839.02, 839.02)  # three digits more at most
    assert rounded_range(5.0, 5.0, 0) == (5.0, 5.0)
    low, high = rounded_range(np.nan, np.nan, 1)
    assert np.isnan([low, high]).all()


def test_a_relation_that_holds_exactly_may_be_rounded_another_way_elsewhere():
    def sizes(n, seed):
        return np.random.default_rng(seed).normal(20, 1, n)

    size = sizes(300, 0).round(2)
    normal = pd.DataFrame({"size": size, "weight": (3 * size).round(2), "heat": sizes(300, 1)})
    detector = PolarDetector("columns").fit(normal.round(2))
    plain = sizes(200, 2)  # of which both are rounded
    new = pd.DataFrame({"size": plain, "weight": 3 * plain, "heat": sizes(200, 3)}).round(2)
    assert (new["weight"] != (3 * new["size"]).round(2)).mean() > 0.5
    assert (detector.predict(new) == -1).mean() < 0.15
    assert (detector.predict(new.assign(weight=new["weight"] + 0.1)) == -1).mean() > 0.95


def test_rounding_is_told_on_the_scale_of_each_column():
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(50, 5, 300), np.exp(rng.normal(3, 1, 300))], axis=1)
    scale = signs_of(values)
    assert scale.is_log.tolist() == [False, True]
    steps = np.array([0.1, 0.1])
    moved = [scale.apply(values + s * steps / 2, [[()] * 300] * 2) for s in (-1, 1)]
    widths = np.median(np.abs(moved[1] - moved[0]), axis=0)
    np.testing.assert_allclose(scale.variances(steps), widths**2 / 12, rtol=0.1)


def reference_of(points):
    return ColumnCovariance.fit(points, np.zeros((points.shape[1],) * 2))


def test_a_column_that_never_varied_hides_no_relation():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 4))
    points[:, 1] = points[:, 0] + rng.normal(0, 0.01, 200)
    constant = np.hstack([points, np.zeros((200, 1))])
    own, beside = reference_of(points), reference_of(constant)
    np.testing.assert_allclose(beside.precision[:4, :4], own.precision)
    assert not beside.precision[4, :4].any()
    assert 0 < beside.precision[4, 4] < np.inf


def test_distances_are_told_by_no_relation():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 4))
    points[:, 1] = points[:, 0] + rng.normal(0, 0.001, 200)
    own = reference_of(points)
    assert np.linalg.eigvalsh(own.precision).max() > 1e5
    assert np.linalg.eigvalsh(own.whitening).max() < 6


def test_expected_ranges_hold_nine_of_ten_new_cells():
    rng = np.random.default_rng(0)

    def rows(n):
        cause = rng.normal(size=(n, 2))
        return cause @ np.linspace(-1, 1, 16).reshape(2, 8) + rng.normal(0, 0.1, (n, 8))

    points, new = rows(60), rows(1000)
    states = np.zeros(points.shape, np.int8)
    normal = NormalRows.fit(points, states, np.zeros((8, 8)))
    low, high = normal.prediction_interval(new)
    assert ((low <= new) & (new <= high)).mean() == pytest.approx(0.9, abs=0.03)


def signs_of(values, rules=RULES):
    steps, levels = np.full(values.shape[1], 1e-6), [[()] * len(values)] * values.shape[1]
    return ColumnScale.fit(values, steps, levels, rules)


def test_parts_of_a_total_are_taken_as_plain_numbers_though_they_are_skewed():
    rng = np.random.default_rng(0)
    parts = np.exp(rng.normal((3, 2, 1.5), 0.5, (300, 3)))
    alone = signs_of(parts)
    assert alone.is_log.all()  # control: skewed
    total = parts.sum(1, keepdims=True) * (1 + rng.normal(0, 0.003, (300, 1)))
    assert not signs_of(np.hstack([total, parts])).is_log.any()
    assert signs_of(np.hstack([total, parts]), VERSION_0_1).is_log.any()


def test_a_product_and_its_factors_are_taken_by_their_logarithms():
    rng = np.random.default_rng(0)
    sides = rng.uniform(1, 3, (300, 2))
    assert not signs_of(sides).is_log.any()  # control
    area = sides.prod(1, keepdims=True) * (1 + rng.normal(0, 0.002, (300, 1)))
    assert signs_of(np.hstack([area, sides])).is_log.all()


def test_columns_that_are_skewed_by_chance_are_taken_as_plain_numbers():
    rng = np.random.default_rng(0)
    values = rng.normal(40, 8, (60, 40))
    assert signs_of(values, VERSION_0_1).is_log.mean() > 0.2  # control
    assert signs_of(values).is_log.mean() <= 0.1
    assert signs_of(np.exp(rng.normal(0, 1, (60, 4)))).is_log.all()


def test_residuals_alone_count_by_their_squares():
    features = [column_feature("A", kind) for kind in ("value", "residual", "distance")]
    assert column_squares(features).tolist() == [False, True, False]
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    scale = Scale.fit(
        values,
        column_clips(features),
        units=column_units(features),
        is_squared=column_squares(features),
    )
    standard, size = np.split(scale.apply(values), 2, axis=1)
    np.testing.assert_allclose(size[:, 1], standard[:, 1] ** 2)
    np.testing.assert_allclose(size[:, [0, 2]], np.abs(standard[:, [0, 2]]))
    plain = Scale.fit(values).apply(values)
    np.testing.assert_allclose(plain[:, 3:], np.abs(plain[:, :3]))


def test_which_features_are_squared_is_stored_and_checked(tmp_path):
    path = tmp_path / "auto.json"
    assert Stored(path, {"flags": [True, False]}).flags("flags", 2).tolist() == [True, False]
    assert Stored(path, {}).flags("flags", 2).tolist() == [False, False]  # before there were any
    for wrong in ([True], [True, 0], "no", None, [True, False, True]):
        with pytest.raises(ArtifactError, match="2 times true or false"):
            Stored(path, {"flags": wrong}).flags("flags", 2)


def test_saved_detectors_score_as_they_did(sensors, tmp_path):
    sensors.save(tmp_path / "own")
    rows = two_sensors(30, 4, off=0.5)
    again = PolarDetector.load(tmp_path / "own")
    np.testing.assert_array_equal(again.score_samples(rows), sensors.score_samples(rows))
