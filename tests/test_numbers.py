import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from polar_detect.detectors.column_views import column_shares, column_views
from polar_detect.detectors.scale import Scale, column_clips, column_squares, column_units
from polar_detect.errors import InputError
from polar_detect.features.of_columns import NUMBER_KINDS, column_of
from polar_detect.features.table import Feature
from polar_detect.pipeline.outliers import crossed
from polar_detect.signature.columns import numbers
from polar_detect.signature.columns.normal_rows import CellState, ColumnCovariance, StateWeights
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.signature.columns.scale import ColumnScale
from polar_detect.tables import RowTemplate
from polar_detect.tables.rows.parsed import NumericColumns

NAMES = ("air [K]", "process [K]", "torque [Nm]", "cost")


def states(n_rows=200, *, seed=0, factor=1.0):
    """Return rows whose first two columns go together, and whose last has a heavy tail."""
    rng = np.random.default_rng(seed)
    air = 300 + rng.normal(0, 2, n_rows)
    columns = {
        "air [K]": air,
        "process [K]": air + 10 + rng.normal(0, 0.3, n_rows),
        "torque [Nm]": 40 + rng.normal(0, 10, n_rows),
        "cost": np.exp(rng.normal(5, 1.2, n_rows)),
    }
    return pd.DataFrame({k: [f"{factor * v:.3f}" for v in column] for k, column in columns.items()})


def with_cell(frame, column, value, row=0):
    changed = frame.copy()
    changed.loc[row, column] = value
    return changed


@pytest.fixture(scope="module")
def template():
    return RowTemplate.fit(states(), list(NAMES)).rounded()


@pytest.fixture(scope="module")
def reference(template):
    return NumberReference.fit(template, template.texts(states()))


def as_earlier(reference, frame=None):
    """Return the reference that earlier versions fitted on the same rows."""
    template = RowTemplate(reference.template.columns, notation=1)
    return NumberReference.fit(template, template.texts(states() if frame is None else frame))


def features_of(reference, frame, **options):
    """Return kind → (n_rows, n_columns)."""
    table = reference.features(reference.template.texts(frame), **options)
    found = dict(zip(table.names, table.values.T, strict=True))
    return {
        kind: np.stack([found[f"column/{name}/{kind}"] for name in NAMES], 1)
        for kind in NUMBER_KINDS
    }


def test_a_wild_cell_stands_out_in_its_own_column(reference):
    new = with_cell(states(30, seed=1), "torque [Nm]", "140")
    found = features_of(reference, new)
    for kind in ("value", "residual", "distance"):
        sizes = np.abs(found[kind])
        assert sizes[0].argmax() == NAMES.index("torque [Nm]")
        assert sizes[0].max() > sizes[1:].max()


@pytest.mark.parametrize("share", [1, 2, 40])
def test_numbers_near_the_largest_that_there_is_are_read(template, reference, share):
    frame = states()
    frame.loc[frame.index % share == 0, "torque [Nm]"] = "1.7e308"
    frame.loc[frame.index % 4 == 1, "torque [Nm]"] = "-1.7e308"
    assert RowTemplate.fit(frame, list(NAMES)).columns[0].decimals is not None
    found = features_of(NumberReference.fit(template, template.texts(frame)), states(30, seed=1))
    wild = features_of(reference, with_cell(states(30), "torque [Nm]", "-1.7e308"))
    narrow = states(factor=0.01)
    narrow["torque [Nm]"] = np.where(frame.index % 2, "0.001", "0.002")
    own = RowTemplate.fit(narrow, list(NAMES))
    far = features_of(NumberReference.fit(own, own.texts(narrow)), frame)
    assert all(np.isfinite(own).all() for each in (found, wild, far) for own in each.values())


def test_a_cell_that_does_not_fit_the_others_is_named_though_it_is_usual_by_itself(reference):
    usual = states(50, seed=2)
    cold = usual["air [K]"].astype(float).argmin()
    found = features_of(reference, with_cell(usual, "process [K]", "313", row=cold))
    control = features_of(reference, usual)
    pair = [NAMES.index("air [K]"), NAMES.index("process [K]")]
    assert np.abs(found["value"][cold, pair]).max() < 3
    assert np.abs(found["residual"][cold, pair]).min() > 3
    assert np.abs(found["residual"][cold, pair]).min() > 3 * np.abs(control["residual"]).mean()
    assert found["distance"][cold, pair].min() > 4 * np.median(control["distance"])


def test_residuals_of_normal_rows_have_mean_zero_and_spread_one_where_columns_tell_nothing():
    rng = np.random.default_rng(0)
    skewed = rng.uniform(size=1000) ** 2  # so that medians are no means
    frame = pd.DataFrame({"a": skewed, "b": rng.permutation(skewed)}).map("{:.3f}".format)
    template = RowTemplate.fit(frame, ["a", "b"])
    reference = NumberReference.fit(template, template.texts(frame))
    assert reference.scaled[0].normal.points.mean() > 0.1  # control
    residuals = reference.features(template.texts(frame)).where(lambda f: "residual" in f.part)
    np.testing.assert_allclose(residuals.values.mean(0), 0, atol=0.01)
    np.testing.assert_allclose(residuals.values.std(0), 1, atol=0.01)


def test_a_gap_is_filled_by_what_other_columns_tell_where_medians_are_no_means():
    rng = np.random.default_rng(0)
    skewed = rng.uniform(size=300) ** 2
    frame = pd.DataFrame({"a": skewed, "b": skewed + rng.normal(0, 0.03, 300)})
    frame = frame.map("{:.3f}".format)
    frame.loc[::3, "b"] = ""
    template = RowTemplate.fit(frame, ["a", "b"])
    reference = NumberReference.fit(template, template.texts(frame))
    a, b = reference.scaled[0].normal.points[::3].T
    assert np.corrcoef(a, b)[0, 1] > 0.99
    gaps = reference.features(template.texts(frame[::3])).where(lambda f: f.part == "a/residual")
    assert np.abs(gaps.values).mean() < 1
    assert not as_earlier(reference, frame).scaled[0].normal.points[::3, 1].any()


def test_the_usual_cells_of_a_column_are_the_middle_nine_tenths_as_they_stand():
    mixed = [7 * i % 100 for i in range(100)]
    frame = pd.DataFrame({"a": [i + 1 for i in mixed], "b": mixed}, dtype=str)
    template = RowTemplate.fit(frame, ["a", "b"])
    reference = NumberReference.fit(template, template.texts(frame.assign(b="")))
    np.testing.assert_array_equal(np.concatenate(reference.usual), [[5, 96], [np.nan, np.nan]])


def test_units_do_not_matter(reference):
    thousandfold = RowTemplate.fit(states(factor=1000), list(NAMES))
    other = NumberReference.fit(thousandfold, thousandfold.texts(states(factor=1000)))
    found = features_of(other, states(30, seed=3, factor=1000))
    for kind, values in features_of(reference, states(30, seed=3)).items():
        assert np.abs(values - found[kind]).mean() < 0.1  # they are rounded elsewhere


def test_a_heavy_tail_is_read_on_a_logarithmic_scale(reference):
    assert reference.scaled[0].scale.is_log.tolist() == [False, False, False, True]
    cost = features_of(reference, states(400, seed=4))["value"][:, 3]
    assert abs(np.mean(cost > 2) - np.mean(cost < -2)) < 0.05
    shifted = features_of(reference, with_cell(states(2), "cost", "-5"))["value"]
    assert shifted[0, 3] < -2  # there is no logarithm of it, and still it is unusual


def test_costs_below_zero_are_read_as_those_above(reference):
    def turned(frame):
        return frame.assign(cost="-" + frame["cost"])

    template = RowTemplate.fit(turned(states()), list(NAMES)).rounded()
    assert template.columns[3].decimals == reference.template.columns[3].decimals
    mirrored = NumberReference.fit(template, template.texts(turned(states())))
    assert mirrored.scaled[0].scale.is_log.tolist() == [False, False, False, True]
    new = states(40, seed=4)
    new.loc[:2, "cost"] = ["1e6", "0.001", "-5"]
    changed = turned(new).replace({"cost": {"--5": "5"}})
    found, other = features_of(reference, new), features_of(mirrored, changed)
    for kind, values in found.items():
        np.testing.assert_allclose(np.abs(other[kind]), np.abs(values), atol=1e-6)
    np.testing.assert_allclose(other["value"][:, 3], -found["value"][:, 3], atol=1e-6)
    earlier = as_earlier(mirrored, turned(states()))
    assert not earlier.scaled[0].scale.is_log.any()


def test_small_numbers_below_zero_keep_the_digits_that_those_above_do():
    leaks = [f"{10**x:.3e}" for x in np.random.default_rng(0).normal(-6, 1, 200)]
    above, below = (
        RowTemplate.fit(pd.DataFrame({"leak": own}), ["leak"]).columns[0].decimals
        for own in (leaks, [f"-{leak}" for leak in leaks])
    )
    assert above == below >= 7


def test_a_few_zeros_leave_a_heavy_tail_its_logarithm(template):
    frame = states()
    frame.loc[:9, "cost"] = "0"
    found = NumberReference.fit(template, template.texts(frame))
    assert found.scaled[0].scale.is_log.tolist() == [False, False, False, True]
    zero, *others = features_of(found, frame)["value"][[0, *range(10, 200)], 3]
    assert zero < -3 < min(others)
    assert not as_earlier(found, frame).scaled[0].scale.is_log.any()
    frame.loc[:29, "cost"] = "0"  # control: many are what is usual
    assert not NumberReference.fit(template, template.texts(frame)).scaled[0].scale.is_log.any()


@pytest.mark.parametrize("least", ["0", "-30", "3"])
def test_a_number_below_zero_is_the_odder_the_further_below_where_a_logarithm_is_taken(
    template, least
):
    frame = states()
    frame.loc[:9, "cost"] = least
    found = NumberReference.fit(template, template.texts(frame))
    assert found.scaled[0].scale.is_log[3]
    cells = ["0.001", "0", "-99", "-999", "-1e160"]
    rows = pd.concat([frame[50:51]] * len(cells)).assign(cost=cells)
    for kind in ("value", "residual"):
        small, zero, *below = features_of(found, rows)[kind][:, 3]
        assert small == zero  # control: a tenth of the smallest above zero
        assert (np.diff([zero, *below]) < -0.2).all()
    assert np.ptp(features_of(as_earlier(found), rows)["value"][:, 3]) == 0


@pytest.mark.parametrize("cell", ["1e20", "1e4", "-999"])
def test_a_wild_cell_is_named_and_not_those_that_it_tells_of(reference, cell):
    own = NAMES.index("air [K]")  # goes together with another
    new = with_cell(states(20, seed=1), "air [K]", cell)
    found, before = features_of(reference, new), features_of(as_earlier(reference), new)
    for kind in ("residual", "distance"):
        sizes, others = np.abs(found[kind][0]), np.delete(np.abs(before[kind][0]), own)
        assert sizes[own] > 3 * np.delete(sizes, own).max()
        assert others.max() > 0.5 * abs(before[kind][0, own])  # control: earlier, near ties
    # As far as normal rows reach, a cell still says what to expect of others.
    warm = with_cell(states(20, seed=1), "air [K]", "304")
    sizes = np.abs(features_of(reference, warm)["residual"][0])
    assert sizes[[own, NAMES.index("process [K]")]].min() > 4


def plant(n_rows=200, *, seed=0):
    """Return rows of three columns that do not go together."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(80, 3, n_rows).round(1), rng.normal(100, 10, n_rows).round(1)
    return pd.DataFrame(
        {"first": first, "second": second, "third": rng.normal(5, 0.2, n_rows).round(2)}
    )


TIED = {  # what else a table may say of such rows
    "copy": lambda rows: rows["first"],
    "°F": lambda rows: (1.8 * rows["first"] + 32).round(1),
    "total": lambda rows: (rows["first"] + rows["second"]).round(1),
}


def loudness(normal, *others):
    """Return how loud other rows are, in standard deviations of normal ones, (n_others, 2).

    The median of the rows' mean size of residuals, and of their mean distance.
    """
    frames = [frame.astype(str) for frame in (normal, *others)]
    template = RowTemplate.fit(frames[0], list(frames[0].columns))
    texts = [template.texts(frame) for frame in frames]
    reference = NumberReference.fit(template, texts[0])

    def means(own, **options):
        table = reference.features(own, **options)
        kinds = np.asarray([feature.part.rpartition("/")[2] for feature in table.features])
        told = [np.abs(table.values[:, kinds == kind]) for kind in ("residual", "distance")]
        return np.stack([own.mean(1) for own in told])

    usual = means(texts[0], banned=np.eye(len(normal), dtype=bool))
    centre, spread = usual.mean(1), usual.std(1)
    return np.stack([(np.median(means(own), axis=1) - centre) / spread for own in texts[1:]])


@pytest.mark.parametrize(
    ("tied", "most", "least"), [("copy", 1.4, 4), ("°F", 1.4, 4), ("total", 2.3, 1.35)]
)
def test_cells_that_leave_the_reach_as_they_go_together_are_hardly_louder_than_one(
    tied, most, least
):
    normal, usual = plant(), plant(100, seed=1)
    wild = usual.assign(first=92.0)
    (alone,) = loudness(normal, wild)
    normal, wild, usual = (own.assign(tied=TIED[tied](own)) for own in (normal, wild, usual))
    found, broken = loudness(normal, wild, usual.assign(first=92.0))
    assert (found < most * alone).all()
    assert (broken > least * found).all()  # control: the other column as if nothing had happened


@pytest.mark.parametrize("cell", ["", "ERR", "測定不可"])
def test_a_cell_that_always_was_a_number_and_is_none_stands_out_in_its_own_column(reference, cell):
    for name in NAMES:
        own = NAMES.index(name)
        found = features_of(reference, with_cell(states(20, seed=1), name, cell))
        for kind in ("residual", "distance", "missing"):
            sizes = np.abs(found[kind])
            assert sizes[0].argmax() == own
            assert sizes[0, own] > 1.5 * sizes[1:].max()
        assert found["value"][0, own] == 0


def test_a_missing_cell_counts_by_how_rarely_it_is_missing(template):
    frame = states()
    frame.loc[::2, "cost"] = ""
    reference = NumberReference.fit(template, template.texts(frame))
    new = states(4, seed=5)
    new.loc[0, "cost"] = ""
    new.loc[1, "air [K]"] = ""
    new.loc[3, "cost"] = "broken"
    found = features_of(reference, new)
    assert found["missing"][1, 0] > 3
    assert 1 < found["missing"][0, 3] < 1.3
    assert found["residual"][0, 3] == found["missing"][0, 3]
    assert found["residual"][1, 0] > 2 * found["residual"][0, 3]
    # A column that says where the cost is missing is 1 in half of the rows: it has a variance of
    # .25, shrunk to .2875, and moves a mean of four columns by a tenth of what their sizes vary by.
    moved = 0.25 * 0.25 / 0.2875
    boost = np.sqrt(4 * 0.1 * (1 - 2 / np.pi) / moved)
    weights = reference.scaled[0].normal.weights
    assert weights.distance[CellState.MISSING, 3] == pytest.approx(boost / np.sqrt(0.2875))
    # What no normal row has moves no mean of theirs, and counts in full, whatever others vary by.
    assert found["residual"][1, 0] == pytest.approx(2 / np.sqrt(0.05), rel=1e-4)
    assert 0 <= found["distance"][3, 3] - 2 / np.sqrt(0.05) < 0.5
    assert found["missing"][2, 0] < 0.2
    assert found["missing"][3, 3] > 3  # often missing, and never a word
    assert found["distance"][3, 3] > found["distance"][0, 3]
    assert np.isfinite(np.stack([*found.values()])).all()


def test_the_states_of_normal_cells_move_the_mean_over_columns_by_a_tenth_at_most():
    rng = np.random.default_rng(0)
    states = (rng.random((400, 6)) < [0, 0.01, 0.1, 0.3, 0.6, 0.98]).astype(np.int8)
    weights = StateWeights.fit(states)
    share = states.mean(0)
    moved = share * (1 - share) * ((1 - share) * weights.distance[CellState.MISSING]) ** 2
    assert moved.sum() == pytest.approx(6 * 0.1 * (1 - 2 / np.pi))
    np.testing.assert_allclose(moved[1:5], moved.max())
    in_full = np.sqrt(6 / (0.95 * share * (1 - share) + 0.05))
    np.testing.assert_allclose(weights.distance[CellState.MISSING, [0, 5]], in_full[[0, 5]])
    assert (weights.distance[CellState.MISSING, 1:5] < in_full[1:5]).all()
    np.testing.assert_allclose(weights.distance[CellState.WORD], np.sqrt(6 / 0.05))


@pytest.mark.parametrize("n_columns", [1, 4])
def test_filled_cells_of_columns_that_are_mostly_empty_are_no_stranger_than_others(n_columns):
    rng = np.random.default_rng(0)
    frame = states(600)
    common = rng.normal(50, 3, 600)
    for i in range(n_columns):
        frame[f"rework {i}"] = (common + rng.normal(0, 1, 600)).round(1).astype(str)
    names = [*NAMES, *(f"rework {i}" for i in range(n_columns))]
    frame.loc[frame.index % 10 != 0, names[4:]] = ""
    template = RowTemplate.fit(frame, names)
    reference = NumberReference.fit(template, template.texts(frame))
    found = reference.features(template.texts(frame[::10]))
    residuals = found.where(lambda feature: feature.part.endswith("/residual")).values
    sizes = np.sqrt((residuals**2).mean(0))
    assert (sizes[4:] < 1.25 * sizes[:3].max()).all()
    assert (sizes[4:] > 0.7 * sizes[:3].min()).all()


def test_what_others_lead_to_expect_stands_in_for_a_missing_cell(reference):
    gap = states(200, seed=8).assign(**{"air [K]": ""})
    pair = NAMES.index("process [K]")
    sizes = np.abs(features_of(reference, gap)["residual"][:, pair])
    medians = np.abs(features_of(as_earlier(reference), gap)["residual"][:, pair])
    assert sizes.mean() < 1
    assert medians.mean() > 2


def test_a_template_of_an_earlier_version_gives_the_features_that_it_gave(reference):
    reference = as_earlier(reference)
    new = states(4, seed=5)
    new.loc[:2, "air [K]"] = ["", "ERR", "1e9"]
    found = features_of(reference, new)
    np.testing.assert_array_equal(found["residual"][:2, 0], found["missing"][:2, 0])
    np.testing.assert_array_equal(found["missing"][0], found["missing"][1])
    assert found["missing"][0, 0] == pytest.approx(np.sqrt(-2 * np.log(1 / 202)))
    assert np.abs(found["residual"][2, 1]) > 0.8 * np.abs(found["residual"][2, 0])


@pytest.mark.parametrize(("always", "now"), [("0.3", "0.4"), ("3", "4")])
def test_a_column_that_never_changed_stands_out_when_it_does(always, now):
    frame = pd.DataFrame({"phase": [always] * 60, "x": [str(i % 17) for i in range(60)]})
    template = RowTemplate.fit(frame, ["phase", "x"])
    reference = NumberReference.fit(template, template.texts(frame))
    usual, changed = reference.features([f"phase: {always}; x: 8", f"phase: {now}; x: 8"]).where(
        lambda f: f.part == "phase/residual"
    ).values[:, 0]  # fmt: skip
    assert abs(usual) < 1e-6
    assert 4 < changed < 9  # one step of rounding


@pytest.mark.parametrize("place", range(4))
def test_a_column_that_never_changed_counts_when_it_does_wherever_it_stands(place):
    rng = np.random.default_rng(1)
    flow = rng.normal(size=60)
    columns = [10 + flow, 20 + 2 * flow + rng.normal(size=60), rng.normal(size=60)]
    values = np.stack([*columns[:place], np.full(60, 5.0), *columns[place:]], axis=1).round(2)
    frame = pd.DataFrame(values, columns=[*"abcd"])
    template = RowTemplate.fit(frame, [*"abcd"])
    texts = template.texts(frame)
    reference = NumberReference.fit(template, texts)
    table = reference.features(texts, banned=np.eye(60, dtype=bool))
    scale = Scale.fit(table.values, column_clips(table.features))
    frame.iloc[0, place] = 7.0
    changed = reference.features(template.texts(frame[:1])).values
    residual, distance = column_views(table.features, scale.spread)
    before, after = (scale.apply(rows) for rows in (table.values, changed))
    for view in (residual, distance):
        assert after @ view > 1.2 * (before @ view).max()


@pytest.mark.parametrize("share", [0.08, 0.3, 0.7])
def test_ones_among_zeros_lie_where_normal_cells_do_and_larger_numbers_far_beyond(share):
    rng = np.random.default_rng(0)
    counts = (rng.random(200) < share).astype(int)
    frame = pd.DataFrame({"count": counts, "flow": rng.normal(size=200).round(2)})
    template = RowTemplate.fit(frame, ["count", "flow"])
    reference = NumberReference.fit(template, template.texts(frame))
    assert np.abs(reference.scaled[0].normal.points[:, 0]).max() <= 2
    new = template.texts(frame[:1].assign(count=6))
    earlier = RowTemplate(template.columns, notation=1)
    before = NumberReference.fit(earlier, template.texts(frame))
    assert np.abs(before.scaled[0].normal.points[:, 0]).max() > 4
    now, then = (own.features(new).values[0, 2] for own in (reference, before))
    assert now > then + 0.8


def test_a_number_far_from_those_that_normal_rows_repeat_is_seen_by_its_distance():
    rng = np.random.default_rng(0)
    grades = rng.choice([1, 2, 3], 200)
    frame = pd.DataFrame({"grade": grades, "flow": rng.normal(size=200).round(2)})
    template = RowTemplate.fit(frame, ["grade", "flow"])
    texts = template.texts(frame)
    reference = NumberReference.fit(template, texts)
    table = reference.features(texts, banned=np.eye(200, dtype=bool))
    clips, units = column_clips(table.features), column_units(table.features)
    new = reference.features(template.texts(frame[:1].assign(grade=12))).values
    before, after = [], []
    for own in (units, 0.0):
        scale = Scale.fit(table.values, clips, units=own)
        distance = column_views(table.features, scale.spread)[1]
        before.append((scale.apply(table.values) @ distance).max())
        after.append((scale.apply(new) @ distance).item())
    assert after[0] > 1.5 * before[0]
    assert after[1] < before[1]  # control: clipped after spreads of next to nothing
    kinds = [feature.name.rpartition("/")[2] for feature in table.features]
    assert [k for k, unit in zip(kinds, units, strict=True) if unit] == [
        *["residual"] * 2,
        *["distance"] * 2,
    ]
    np.testing.assert_allclose(Scale.fit(table.values, clips).clip, clips)


def test_a_row_that_five_normal_rows_are_like_is_at_hardly_any_distance(template):
    frame = states(60)
    frame.loc[::3, "cost"] = ""
    reference = NumberReference.fit(template, template.texts(pd.concat([frame] * 5)))
    distances = features_of(reference, frame)["distance"]
    lacks = frame["cost"] == ""
    np.testing.assert_allclose(distances[~lacks], 0, atol=1e-6)
    # What stands in for their gaps was found before any was filled, so not quite the same.
    np.testing.assert_allclose(distances[lacks], 0, atol=0.4)


def test_a_few_rows_that_are_alike_are_passed_over_where_some_may_be_anomalous(template):
    frame = states(100)
    frame.loc[:6, list(NAMES)] = ["303", "308", "55", "900"]
    reference = NumberReference.fit(template, template.texts(frame))
    met, passed = (
        features_of(reference, frame, skipped=share)["distance"].sum(1) for share in (0, 0.07)
    )
    assert max(met[:7]) < min(met[7:])  # control: near to their like
    assert min(passed[:7]) > np.quantile(passed[7:], 0.9)


def test_five_rows_are_asked_though_nearly_all_were_to_be_passed_over(reference):
    rows = states(3, seed=1)
    banned = np.ones((3, 200), bool)
    banned[:, 50:58] = False  # eight are left
    fewer, most = (
        features_of(reference, rows, banned=banned, skipped=share)["distance"]
        for share in (0.015, 0.4)
    )
    np.testing.assert_array_equal(fewer, most)
    first = features_of(reference, rows, banned=banned)["distance"]
    assert (first.sum(1) < fewer.sum(1)).all()


def test_of_a_hundred_rows_seven_percent_are_seven(template):
    frame = states(100)  # .07 * 100 is more than 7 in floats
    reference = NumberReference.fit(template, template.texts(frame))
    found = [
        features_of(reference, frame[:9], skipped=share)["distance"]
        for share in (0.065, 0.07, 0.08)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[1] != found[2]).any()


def test_a_row_does_not_meet_itself_where_it_is_banned(template):
    frame = with_cell(states(60), "torque [Nm]", "400")
    texts = template.texts(frame)
    reference = NumberReference.fit(template, texts)
    own = np.eye(60, dtype=bool)
    without_itself = features_of(reference, frame, banned=own)
    met = features_of(reference, frame)
    assert met["distance"][0].sum() < without_itself["distance"][0].sum()
    # As in a reference that never had the row, but for the scale, which one row hardly moves.
    others = features_of(NumberReference.fit(template, texts[1:]), frame)
    np.testing.assert_allclose(without_itself["residual"][0], others["residual"][0], rtol=0.15)
    assert abs(met["residual"][0, 2]) < 0.8 * abs(others["residual"][0, 2])


def test_a_banned_group_is_left_out_as_a_whole_unless_nothing_would_stay(reference):
    frame = states()
    half = np.arange(200) < 100
    apart = features_of(reference, frame[:1], banned=half[None])["distance"]
    met = features_of(reference, frame[:1])["distance"]
    assert apart.sum() > met.sum()
    everything = features_of(reference, frame[:1], banned=np.ones((1, 200), bool))
    np.testing.assert_array_equal(everything["distance"], met)


def test_features_of_a_row_do_not_depend_on_the_rows_beside_it(reference):
    frame = states(40, seed=6)
    frame.loc[[3, 7, 8], "air [K]"] = ["1e9", "", "ERR"]
    frame.loc[[7, 20], "cost"] = ""
    together = features_of(reference, frame)
    for row in (3, 7, 8, 20, 21):
        alone = features_of(reference, frame[row : row + 1].reset_index(drop=True))
        for kind, values in together.items():
            np.testing.assert_array_equal(values[row], alone[kind][0])


def test_no_rows_and_no_numbers(reference):
    assert reference.features([]).values.shape == (0, 16)
    words = RowTemplate.fit(pd.DataFrame({"a": ["x", "y"]}), ["a"])
    assert NumberReference.fit(words, ["a: x", "a: y"]) is None


def test_texts_that_are_no_rows_are_refused_with_the_first_of_them(template):
    with pytest.raises(InputError, match=r"Got texts such as 'pump leaks', none of which"):
        NumberReference.fit(template, ["pump leaks", "belt torn"])
    one_is = ["pump leaks", *template.texts(states(3))]
    assert np.isfinite(NumberReference.fit(template, one_is).scaled[0].normal.points).all()


def test_features_say_their_column_whatever_its_name():
    for name in ("a/b", "L3", "x/L3", "", "residual", "distance/value"):
        for kind in NUMBER_KINDS:
            feature = Feature("column", f"{name}/{kind}")
            assert column_of(feature) == name
            assert Feature.from_name(feature.name) == feature
    assert column_of(Feature("column", "plain")) == "plain"
    assert column_of(Feature("loss", "mean")) is None


def test_views_are_the_mean_squared_residual_and_distance_in_their_own_units(reference):
    table = reference.features(reference.template.texts(states(30, seed=7)))
    spreads = np.linspace(0.5, 2, len(table.features))
    standard = table.values / spreads
    views = column_views(table.features, spreads)
    sizes = np.where(column_squares(table.features), standard**2, np.abs(standard))
    found = [np.hstack([standard, sizes]) @ view for view in views]
    own = features_of(reference, states(30, seed=7))
    np.testing.assert_allclose(found[0], np.square(own["residual"]).mean(1), rtol=1e-5)
    np.testing.assert_allclose(found[1], own["distance"].mean(1), rtol=1e-5)
    assert column_shares(table).tolist() == [4 / 6]
    assert column_views([Feature("loss", "mean")], np.ones(1)) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_crossed_cell_is_drawn_from_all_rows_that_say_something_else(seed):
    rows = pd.DataFrame({"a": [*"xyxzzx"], "b": [*"pqqqqq"], "c": ["r"] * 6})
    template = RowTemplate.fit(rows, [*"abc"])
    texts, rng = template.texts(rows), random.Random(seed)
    expected = []
    for cells in map(template.cells, texts):
        columns = rng.sample(range(3), 3)
        rng.randint(1, 1)
        others = [(j, [own for own in rows.iloc[:, j] if own != cells[j]]) for j in columns]
        j, own = next((j, own) for j, own in others if own)
        cells[j] = rng.choice(own)
        expected.append(template.row_of(cells))
    assert crossed(texts, template, seed=seed) == expected


def test_rows_are_crossed_without_comparing_each_with_each(template, monkeypatch):
    compared = []

    class Cell(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            compared.append(self)
            return str.__eq__(self, other)

        def __ne__(self, other):
            return not self == other

    split = RowTemplate.cells
    monkeypatch.setattr(RowTemplate, "cells", lambda *own: [*map(Cell, split(*own))])
    texts = template.texts(states())
    assert crossed(texts, template, seed=0) != texts
    assert len(texts) < len(compared) < 10 * len(texts)


def test_features_of_columns_are_clipped_further_out_the_more_columns_there_are(reference):
    loss = Feature("loss", "mean")
    clips = column_clips((*reference.features([]).features, loss))
    np.testing.assert_allclose(clips, [16.0] * 16 + [8.0])
    assert column_clips([loss]).tolist() == [8.0]


def test_crossed_rows_keep_each_cell_usual_and_break_how_columns_go_together(reference):
    texts = reference.template.texts(states())
    broken = crossed(texts, reference.template, seed=0)
    assert broken == crossed(texts, reference.template, seed=0)
    numbers, crossed_numbers = (reference.template.read(t).numbers.values for t in (texts, broken))
    n_changed = (numbers != crossed_numbers).sum(1)
    assert n_changed.max() == 1  # a third of four columns
    assert n_changed.min() == 1
    assert all(set(a) >= set(b) for a, b in zip(numbers.T, crossed_numbers.T, strict=True))
    apart = np.abs(reference.features(broken).where(lambda f: "residual" in f.part).values)
    usual = np.abs(reference.features(texts).where(lambda f: "residual" in f.part).values)
    assert apart.mean() > 1.2 * usual.mean()
    assert crossed(["no row", *texts[:3]], reference.template, seed=0)[0] == ""
    assert crossed([texts[0]] * 3, reference.template, seed=0) == [""] * 3


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_small_matrices_of_each_row_are_worked_on_by_one_thread(reference, monkeypatch):
    solve, seen = np.linalg.eigh, []
    monkeypatch.setattr(
        numbers.np.linalg, "eigh", lambda a: (seen.append(blas_threads()), solve(a))[1]
    )
    frame, banned = states(3), np.eye(3, 200, dtype=bool)
    with threadpool_limits(2, user_api="blas"):
        found = features_of(reference, frame, banned=banned)
        assert blas_threads() == {2}
    assert seen[-3:] == [{1}] * 3
    monkeypatch.undo()
    for kind, values in features_of(reference, frame, banned=banned).items():
        np.testing.assert_array_equal(values, found[kind])


SIZES = {"PA-200": 20.0, "PB-250": 25.0}


def parts(n_rows=60, *, seed=0, rare=0):
    """Return rows of two products in turn, sizes within ±.01, and some of a third one."""
    rng = np.random.default_rng(seed)
    products = [*np.resize([*SIZES], n_rows), *["PC-300"] * rare]
    nominal = np.asarray([SIZES.get(product, 30.0) for product in products])
    columns = {
        "product": products,
        "length": [f"{size:.3f}" for size in nominal + rng.normal(0, 0.004, len(nominal))],
        "oven": [f"{degrees:.1f}" for degrees in rng.normal(180, 3, len(nominal))],
    }
    return pd.DataFrame(columns, dtype=str)


def residuals_of(new, normal=None):
    """Return the sizes of the residuals of new rows, by column."""
    normal = parts() if normal is None else normal
    template = RowTemplate.fit(normal, list(normal.columns))
    table = NumberReference.fit(template, template.texts(normal)).features(template.texts(new))
    found = dict(zip(table.names, np.abs(table.values).T, strict=True))
    return {name: found[f"column/{name}/residual"] for name in ("length", "oven")}


def test_a_size_is_held_against_rows_of_the_same_product():
    wrong = with_cell(parts(seed=1), "length", "20.030")  # 8 standard deviations, of 20 or 25
    of_other = with_cell(parts(seed=1), "product", "PB-250", row=2)
    for new, row in ((wrong, 0), (of_other, 2)):
        length, oven = residuals_of(new).values()
        assert length[row] > 1.5 * np.delete(length, row).max()
        assert oven[row] < 3


def test_spelling_of_a_product_makes_no_other_of_it():
    new = parts(seed=1)
    spelt = new.assign(product=new["product"].str.lower().str.replace("-", " - "))
    np.testing.assert_array_equal(residuals_of(spelt)["length"], residuals_of(new)["length"])
    for dash in "‐−ー–":  # as Japanese keyboards and other programs write it
        typed = new.assign(product=new["product"].str.replace("-", dash))
        np.testing.assert_array_equal(residuals_of(typed)["length"], residuals_of(new)["length"])


def test_rows_of_a_new_or_rare_product_are_held_against_all_rows():
    normal = parts(rare=9)
    new = pd.DataFrame({"product": ["PC-300", "PX-9", ""], "length": "22.500", "oven": "180.0"})
    assert (residuals_of(new, normal)["length"] < 1.5).all()
    ten = residuals_of(new, parts(rare=10))["length"]
    assert ten[0] > 3  # of which ten rows are 30.0
    assert (ten[1:] < 1.5).all()


def test_numbers_that_name_a_program_are_a_factor_too():
    normal, new = parts(), with_cell(parts(seed=1), "length", "25.000")
    for frame in (normal, new):
        frame["product"] = frame["product"].map({"PA-200": "101", "PB-250": "205"})
    template = RowTemplate.fit(normal, list(normal.columns))
    assert template.dependent == {("product",): ["length"]}
    assert residuals_of(new, normal)["length"][0] > 3


def test_numbers_beyond_the_usual_ones_of_their_kind_are_told(reference):
    normal = parts(200)
    template = RowTemplate.fit(normal, list(normal))
    own = NumberReference.fit(template, template.texts(normal))
    texts = template.texts(normal)
    found, usual = own.beyond_usual(texts), [own.usual_for(text)[0] for text in texts]
    lengths = normal["length"].astype(float)
    said = [row.get("length", 0) for row in found]
    assert said == [int(x > u.high) - int(x < u.low) for x, u in zip(lengths, usual, strict=True)]
    assert {-1, 0, 1} == {*said}
    word = "air [K]: 300; process [K]: STUCK; torque [Nm]: missing; cost: 1"
    assert not {"process [K]", "torque [Nm]"} & {*reference.beyond_usual([word])[0]}


def plates(n, seed=0):
    rng = np.random.default_rng(seed)
    width = rng.normal(100, 10, n)
    weight = 2.5 * width + rng.normal(0, 1, n)
    cost = np.exp(width / 20 + rng.normal(0, 0.05, n))
    frame = pd.DataFrame(
        {"width": width.round(1), "weight": weight.round(1), "cost": cost.round(2)}
    )
    return frame.assign(other=rng.normal(0, 1, n).round(2)).astype(str)


def test_people_are_told_what_the_other_columns_lead_to_expect():
    normal = plates(300)
    template = RowTemplate.fit(normal, list(normal))
    reference = NumberReference.fit(template, template.texts(normal))
    row = "width: 120.0; weight: 250.0; cost: {}; other: 0.5"
    _, weight, cost, other = reference.usual_for(row.format(403.43))
    # Width and cost go together, so weight is expected between what either of them tells.
    assert weight.low < weight.expected_low < 300 < weight.expected_high
    assert weight.expected_high - weight.expected_low < 0.5 * (weight.high - weight.low)
    assert other.expected_high - other.expected_low > 0.6 * (other.high - other.low)
    assert 0 < cost.expected_low < cost.expected_high
    # What a cell says itself changes nothing of what is expected there, nor does a gap.
    for says in (300, 1e6, "missing"):
        again = reference.usual_for(row.format(says))[2]
        assert (again.expected_low, again.expected_high) == (cost.expected_low, cost.expected_high)


def noise(n, seed=0):
    values = np.random.default_rng(seed).normal(0, 1, (n, 20)).round(3)
    return pd.DataFrame(values).add_prefix("x").astype(str)


# Of noise, so that columns are as many as a third of the rows.
@pytest.mark.parametrize(("rows", "n"), [(plates, 60), (plates, 300), (noise, 60)])
def test_nine_of_ten_new_normal_cells_are_as_expected(rows, n):
    normal, new = rows(n), rows(300, seed=1)
    template = RowTemplate.fit(normal, list(normal))
    reference = NumberReference.fit(template, template.texts(normal))
    values = new.astype(float).to_numpy()
    usual = [reference.usual_for(text) for text in template.texts(new)]
    low, high = (np.asarray([[u[i] for u in own] for own in usual]) for i in (3, 4))
    assert 0.86 <= ((low <= values) & (values <= high)).mean() <= 0.97


def test_a_wild_cell_leads_to_expect_nothing_wild_of_others():
    normal = plates(300)
    template = RowTemplate.fit(normal, list(normal))
    reference = NumberReference.fit(template, template.texts(normal))
    width = reference.usual_for("width: 100; weight: 1e9; cost: 148; other: 0")[0]
    assert 70 < width.expected_low < width.expected_high < 130


def test_what_is_expected_goes_along_with_the_conditions():
    rng = np.random.default_rng(0)
    ambient, load = rng.uniform(10, 20, 300), rng.normal(0, 1, 300)
    flow = 50 + 3 * ambient + 5 * load + rng.normal(0, 0.2, 300)
    power = 20 + 2 * ambient + 4 * load + rng.normal(0, 0.2, 300)
    frame = pd.DataFrame({"ambient": ambient, "flow": flow, "power": power}).round(2).astype(str)
    template = RowTemplate.fit(frame, list(frame)).under(["ambient"])
    reference = NumberReference.fit(template, template.texts(frame))
    for warm, load in ((12, 1), (18, -1)):
        row = f"ambient: {warm}; flow: 0; power: {20 + 2 * warm + 4 * load}"
        own = reference.usual_for(row)[0]
        assert own.expected_low <= 50 + 3 * warm + 5 * load <= own.expected_high
        assert own.expected_high - own.expected_low <= 2
    beyond, within = (
        reference.usual_for(f"ambient: {warm}; flow: 0; power: {20 + 2 * warm}")[0]
        for warm in (60, 15)
    )
    width = within.expected_high - within.expected_low
    assert beyond.expected_high - beyond.expected_low > 1.2 * width  # as the line is less sure


def test_nothing_is_expected_of_one_column_alone():
    reference = NumberReference.fit(RowTemplate.fit(plates(80)[["width"]], ["width"]), [
        f"width: {own}" for own in plates(80)["width"]
    ])  # fmt: skip
    (own,) = reference.usual_for("width: 100")
    assert np.isnan([own.expected_low, own.expected_high]).all()
    assert own.low < 100 < own.high


def test_people_are_told_what_is_usual_for_rows_of_the_same_kind():
    normal = parts()
    template = RowTemplate.fit(normal, list(normal.columns))
    reference = NumberReference.fit(template, template.texts(normal))
    lengths, ovens = zip(*map(reference.usual_for, template.texts(normal[:2])), strict=True)
    for own, size, product in zip(lengths, SIZES.values(), SIZES, strict=True):
        assert size - 0.01 < own.low < size < own.high < size + 0.01
        assert own.levels == (product.lower(),)
    assert {own.levels for own in ovens} == {()}
    other = reference.usual_for("product: PX; length: 1; oven: 2")[0]
    assert other.levels == ()
    assert 19.98 < other.low < other.high < 25.02


def test_what_is_usual_but_not_for_its_kind_is_told_with_what_says_the_kind():
    normal = parts()
    template = RowTemplate.fit(normal, list(normal.columns))
    reference = NumberReference.fit(template, template.texts(normal))
    sizes = {"PA-200": "25.000", "PB-250": "25.000", "PX-9": "25.000", "pa‐200": "25.000"}
    rows = pd.DataFrame({"product": [*sizes], "length": [*sizes.values()], "oven": "180.0"})
    of_another = {"length": ("product",)}
    assert reference.unlike_kind(template.texts(rows)) == [of_another, {}, {}, of_another]
    for size in ("99.000", "", "ERR"):  # whatever the product
        other = template.texts(rows.assign(length=size))
        assert reference.unlike_kind([*other, "no row"]) == [{}] * 5
    plain = RowTemplate.fit(normal, ["oven"])
    alone = NumberReference.fit(plain, plain.texts(normal))
    assert alone.unlike_kind(plain.texts(rows)) == [{}] * 4


def test_a_small_kind_has_a_spread_nearer_to_that_of_the_others():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 200), rng.normal(9, 0.01, 10)])
    levels = [("a",)] * 200 + [("b",)] * 10
    scale = ColumnScale.fit(values[:, None], np.asarray([0.001]), [levels])
    own = dict(zip(scale.kinds[0].levels, scale.spreads[0], strict=True))
    assert 0.9 < own["a",] < 1.1
    assert 0.03 < own["b",] < 0.5


@pytest.mark.parametrize("tail", [lambda x: x, np.exp, lambda x: -np.exp(x)])
def test_values_are_those_that_the_scale_made_points_of(tail):
    rng = np.random.default_rng(0)
    levels = [[("a",)] * 100 + [("b",)] * 100]
    own = rng.normal(3, 1, 200) + np.repeat([0.0, 2.0], 100)
    scale = ColumnScale.fit(tail(own)[:, None], np.asarray([0.001]), levels)
    values = tail(np.linspace(0.5, 20, 200))[:, None]  # up to far beyond the bend
    np.testing.assert_allclose(scale.values(scale.apply(values, levels), levels), values)


def test_no_value_lies_below_zero_where_no_normal_one_does():
    normal = np.abs(np.random.default_rng(0).normal(1, 1, (200, 1)))
    levels = [[()] * 200]
    scale = ColumnScale.fit(normal, np.asarray([0.01]), levels)
    points = np.linspace(-9, 9, 200)[:, None]
    assert scale.values(points, levels).min() == 0


def test_a_cell_that_is_strange_beside_the_others_is_so_though_its_kind_varies():
    rng = np.random.default_rng(0)
    price = np.repeat([30.0, 80.0], 60) + rng.normal(0, 5, 120)
    months = rng.uniform(1, 60, 120)
    columns = {"price": price, "months": months, "paid": price * months}
    frame = pd.DataFrame({name: own.round(1).astype(str) for name, own in columns.items()})
    frame["tariff"] = np.repeat(["basic", "full"], 60)
    template = RowTemplate.fit(frame, list(frame.columns))
    assert template.dependent == {("tariff",): ["price"]}
    reference = NumberReference.fit(template, template.texts(frame))
    by_kind, by_all = (replace(reference, scaled=(own,)) for own in reference.scaled)
    assert len(reference.scaled) == 2

    def residuals(own):
        table = own.features(template.texts(with_cell(frame, "paid", "5000")))
        return table.values[:, table.names.index("column/paid/residual")]

    parts = np.stack([residuals(by_kind), residuals(by_all)])
    found = residuals(reference)
    np.testing.assert_allclose(np.abs(found), np.sqrt((parts**2).mean(0)), rtol=1e-5)
    np.testing.assert_array_equal(np.sign(found), np.sign(parts[0]))


def test_rows_that_may_meet_all_normal_rows_do_so_by_what_was_fitted_once(reference, monkeypatch):
    fitted = []
    eigh = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda matrix: fitted.append(1) or eigh(matrix))
    features_of(reference, states(30, seed=1))
    features_of(reference, states(30, seed=1), banned=np.zeros((30, 200), bool))
    assert not fitted
    features_of(reference, states(2, seed=1), banned=np.eye(2, 200, dtype=bool))
    assert len(fitted) == 2  # control


@pytest.mark.slow
def test_numbers_beside_empty_cells_come_out_the_same_with_any_number_of_threads():
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(150)]
    frame = pd.DataFrame(rng.normal(size=(100, 150)).round(2), columns=names)
    frame[rng.random(frame.shape) < 0.05] = np.nan
    template = RowTemplate.fit(frame, names)
    texts, found = template.texts(frame), []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            reference = NumberReference.fit(template, texts)
        found.append(reference.scaled[0].normal.points)
    np.testing.assert_array_equal(*found)


def test_the_sign_of_a_residual_is_not_what_rounding_leaves():
    """A code that the product tells differs from its kind's by 1e-16, of either sign."""
    rng = np.random.default_rng(0)
    product = rng.choice(3, 150)
    frame = pd.DataFrame(
        {
            "product": np.asarray(["PA", "PB", "PC"])[product],
            "code": np.asarray(["10", "20", "35"])[product],
            "x": rng.normal(size=150).round(2).astype(str),
            "y": rng.normal(size=150).round(2).astype(str),
        }
    )
    template = RowTemplate.fit(frame, list(frame.columns))
    assert template.dependent == {("product",): ["code"]}
    reference = NumberReference.fit(template, template.texts(frame))
    beside_all, found = (
        own.where(lambda f: f.part == "code/residual").values[:, 0]
        for own in (
            replace(reference, scaled=reference.scaled[1:]).features(template.texts(frame)),
            reference.features(template.texts(frame)),
        )
    )
    np.testing.assert_array_equal(np.sign(found), np.sign(beside_all))


def test_features_do_not_depend_on_the_order_of_columns():
    rng = np.random.default_rng(0)  # of whole numbers, so that many rows are as near as others
    product = rng.choice(4, 250, p=[0.5, 0.3, 0.15, 0.05])
    frame = pd.DataFrame(
        {
            "product": np.asarray(["PA", "PB", "PC", "PD"])[product],
            "grade": rng.integers(1, 5, 250),
            "scratches": rng.poisson(3, 250),
            "holes": rng.poisson(3, 250),
            "size": np.asarray([20, 25, 32, 40])[product] + rng.integers(-1, 2, 250),
        }
    )
    frame["copy"] = frame["size"]
    new = frame[150:].astype(str).reset_index(drop=True)
    for i in range(0, 100, 2):
        new.loc[i, "size" if i % 4 else "copy"] = str(2 * int(new.loc[i, "size"]) + 1)
    found = []
    for order in (list(frame), list(frame)[::-1]):
        template = RowTemplate.fit(frame[:150][order].astype(str), order)
        reference = NumberReference.fit(template, template.texts(frame[:150].astype(str)))
        table = reference.features(template.texts(new))
        found.append(dict(zip(table.names, table.values.T, strict=True)))
    for name, values in found[0].items():
        np.testing.assert_allclose(values, found[1][name], atol=1e-5, err_msg=name)


def test_cells_that_repeat_are_read_as_cells_that_do_not() -> None:
    cells = ["1.5", "", "OL", "1,234", "inf", "1.5"]
    once = NumericColumns.of(["a"], [cells], len(cells), 3)
    often = NumericColumns.of(["a"], [cells * 3], 3 * len(cells), 3)
    np.testing.assert_array_equal(often.values, np.tile(once.values, (3, 1)))
    np.testing.assert_array_equal(often.is_word, np.tile(once.is_word, (3, 1)))
    assert once.is_word[:, 0].tolist() == [False, False, True, False, True, False]


def test_rows_without_a_gap_are_not_sorted_by_their_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    states = np.zeros((30, 3), np.int8)
    own = ColumnCovariance.of_known(points, states)
    gap = np.where(np.eye(30, 3, dtype=bool), CellState.MISSING, states)
    assert (own.filled(points, gap) != points).sum() == 3  # the control
    monkeypatch.delattr(np, "unique")
    np.testing.assert_array_equal(own.filled(points, states), points)
    with pytest.raises(AttributeError, match="unique"):
        own.filled(points, gap)
