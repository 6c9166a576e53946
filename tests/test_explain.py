from dataclasses import replace

import numpy as np
import pytest

from polar_detect.detectors import Attribution
from polar_detect.explain import Explanation, mean_size
from polar_detect.features.of_columns import column_feature
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Layer
from polar_detect.report.content.reasons import OddCells, reasons_of

FEATURES = (
    Feature("skip", layer=0),
    Feature("distance", "knn", 0),
    Feature("skip", layer=2),
    Feature("loss", "mean"),
    Feature("loss", "max"),
    Feature("program", "length"),
)
VALUES = np.asarray([[1.0, 2.0, -4.0, 0.5, 0.25, 8.0], [0.0, 0.1, 0.0, 0.0, 0.0, 0.0]])
DATA = np.arange(12, dtype=np.float32).reshape(2, 6)


def explanation(has_tokens=(True, True), base_value=0.5):
    return Explanation.of(
        Attribution(base_value, VALUES, FEATURES),
        FeatureTable(DATA, FEATURES),
        np.asarray(has_tokens),
        n_layers=3,
    )


def test_layers_sum_the_features_that_belong_to_them():
    np.testing.assert_allclose(explanation().by_layer(), [[3, 0, -4], [0.1, 0, 0]])


def test_groups_sum_the_features_of_the_whole_text_only():
    groups = explanation().by_group()
    assert set(groups) == {"loss", "program"}
    np.testing.assert_allclose(groups["loss"], [0.75, 0])
    np.testing.assert_allclose(groups["program"], [8, 0])


def test_layers_and_groups_together_make_up_the_score():
    own = explanation()
    parts = own.by_layer().sum(1) + sum(own.by_group().values())
    np.testing.assert_allclose(parts, own.values.sum(1))
    assert not np.allclose(own.by_layer().sum(1), own.values.sum(1))  # control: both are needed


def test_the_mean_size_leaves_out_texts_without_a_score():
    np.testing.assert_allclose(mean_size(explanation().by_layer()), [1.55, 0, 2])
    own = explanation((True, False, True))
    np.testing.assert_array_equal(mean_size(own.values), np.abs(VALUES).mean(0))
    np.testing.assert_allclose(mean_size(own.by_group()["loss"]), 0.375)
    assert mean_size(np.full((2, 3), np.nan)).tolist() == [0, 0, 0]


def test_top_layers_are_named_strongest_first_with_their_sign():
    assert explanation().top_layers(2) == ["L2 -4.00; L0 +3.00", "L0 +0.10"]
    assert explanation().top_layers(1)[0] == "L2 -4.00"
    assert explanation().top_columns() == ["", ""]  # no feature is a column's


def test_parts_that_round_to_zero_are_not_named():
    features = (Feature("column", "flow/residual"), Feature("column", "pressure/residual"))
    values = np.asarray([[-0.004, 0.3], [0.004, -0.0049], [0.0, -0.0051]])
    own = Explanation(0.5, values, values.astype(np.float32), features, n_layers=1)
    assert own.top_columns() == ["pressure +0.30", "", "pressure -0.01"]
    assert own.top_layers() == ["", "", ""]


def test_reasons_are_what_raised_the_score_largest_first_whatever_it_belongs_to():
    english, japanese = (reasons_of(explanation(), Language(tongue)) for tongue in ("en", "ja"))
    assert english == [
        "unusual program +8.00; unlike normal texts at layer 0 +3.00",  # the next has +0.75
        "unlike normal texts at layer 0 +0.10",
    ]
    assert japanese[1] == f"{Language('ja').reason(Layer(0))} +0.10"
    assert reasons_of(explanation(), Language(), 1)[0] == "unusual program +8.00"
    assert reasons_of(explanation((True, False, True)), Language())[1] == ""


def test_words_that_no_normal_text_has_come_before_the_reasons():
    new = [("UNION", "x" * 99), ()]
    said = [*reasons_of(explanation(), Language(), 1, new_words=new)]
    assert said[0].startswith("words that normal texts lack: “UNION” and “xxx")
    assert said[0].endswith("…”; unusual program +8.00")
    assert said[1] == reasons_of(explanation(), Language(), 1)[1]  # control
    others = reasons_of(explanation(), Language(is_screening=True), 1, new_words=new)
    assert others[0].startswith("words that other texts lack: ")
    japanese = reasons_of(explanation(), Language("ja"), 1, new_words=new)
    assert japanese[0].startswith("正常な文にない語：「UNION」")


def test_reasons_name_columns_one_by_one():
    features = (Feature("column", "Torque; [Nm]/residual"), Feature("loss", "mean"))
    values = np.asarray([[2.0, 1.0], [-2.0, -1.0], [0.004, 0.003]])
    own = Explanation(0.5, values, values.astype(np.float32), features, n_layers=1)
    assert reasons_of(own, Language()) == [
        "unusual “Torque; [Nm]” +2.00; unusual predictability +1.00",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("side", "alone", "beside", "said"),
    [
        (1, 1.4, 1.0, "high “x”"),
        (-1, -2.0, -5.0, "low “x”"),  # far out by itself is enough
        (0, 2.5, 2.0, "“x” high beside the other columns"),
        (0, -0.5, -2.0, "“x” low beside the other columns"),
        (0, -0.5, 2.0, "“x” high beside the other columns"),
        (1, 2.0, -3.0, "“x” low beside the other columns"),
        (1, 3.0, -2.0, "high “x”"),
        (0, 1.6, -1.6, "unusual “x”"),
        (0, 0.0, 4.0, "unusual “x”"),  # a word in place of a number
        (0, np.nan, np.nan, "unusual “x”"),
    ],
)
def test_reasons_say_whether_a_number_is_too_high_or_too_low(side, alone, beside, said):
    features = tuple(column_feature("x", kind) for kind in ("value", "residual", "distance"))
    parts = np.asarray([[0.0, 1.0, 1.0]])
    own = Explanation(0.0, parts, np.asarray([[alone, beside, 1.0]], np.float32), features, 0)
    odd = [OddCells(far=far) for far in own.far_numbers([{"x": side} if side else {}])]
    assert reasons_of(own, Language(), odd_cells=odd) == [f"{said} +2.00"]


@pytest.mark.parametrize(
    ("tongue", "odd", "said"),
    [
        ("en", OddCells({"x"}), "“x” has no value"),
        ("en", OddCells(unlike_kind={"x": ("a", "b")}), "high “x” for its “a” and “b”"),
        ("ja", OddCells(unlike_kind={"x": ("a",)}), "「a」のわりに「x」が高い"),
        ("ja", OddCells(), "「x」が高い"),
    ],
)
def test_a_direction_goes_with_the_columns_beside_which_a_number_is_odd(tongue, odd, said):
    features = (column_feature("x", "value"), column_feature("x", "residual"))
    own = Explanation(0.0, np.ones((1, 2)), np.full((1, 2), 3, np.float32), features, 0)
    odd = replace(odd, far=own.far_numbers([{"x": 1}])[0])
    assert reasons_of(own, Language(tongue), odd_cells=[odd]) == [f"{said} +2.00"]


def test_texts_without_tokens_keep_a_row_of_nan_and_no_words():
    own = explanation((True, False, True))
    assert np.isnan(own.values[1]).all()
    assert np.isnan(own.data[1]).all()
    np.testing.assert_array_equal(own.values[[0, 2]], VALUES)
    np.testing.assert_array_equal(own.data[[0, 2]], DATA)
    words = own.top_layers()
    assert words[1] == ""
    assert words[0].startswith("L2 -4.00")


def test_names_are_the_printed_names_of_the_features():
    assert explanation().names[:3] == ["skip/L0", "distance/knn/L0", "skip/L2"]


def test_rows_pick_texts_and_may_repeat_them():
    own = explanation().rows(np.asarray([1, 0, 1]))
    np.testing.assert_array_equal(own.values, VALUES[[1, 0, 1]])
    np.testing.assert_array_equal(own.data, DATA[[1, 0, 1]])
    assert own.base_value == 0.5


def empty_part():
    no_rows = np.zeros((0, len(FEATURES)))
    return Explanation.of(
        Attribution(0.0, no_rows, FEATURES),
        FeatureTable(no_rows.astype(np.float32), FEATURES),
        np.asarray([False, False]),
        n_layers=3,
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_parts_below_each_other_keep_the_base_value_of_texts_that_have_one(order):
    parts = [explanation((True, False, True)), empty_part()]
    stacked = Explanation.below([parts[i] for i in order])
    assert stacked.base_value == 0.5
    assert stacked.values.shape == (5, len(FEATURES))
    assert np.isnan(stacked.values).all(1).sum() == 3


def test_empty_texts_alone_have_base_value_zero():
    assert Explanation.below([empty_part()]).base_value == 0.0
