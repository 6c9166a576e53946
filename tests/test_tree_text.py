import re

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_detect.statistics import tree_text
from polar_detect.statistics.tree_text import checked_trees, features_met_missing

N_FEATURES = 5
ROWS = np.random.default_rng(0).normal(size=(300, N_FEATURES))
ROWS[::7, 1] = np.nan
ROWS[:, 2] = 0
PARAMETERS = {"objective": "binary", "verbosity": -1, "num_threads": 1}


def trained(labels, **parameters):
    data = lightgbm.Dataset(ROWS, labels)
    return lightgbm.train(PARAMETERS | parameters, data, 4)


@pytest.fixture(scope="module")
def booster():
    labels = np.nan_to_num(ROWS[:, 0] + ROWS[:, 1]) > 0
    return trained(labels.astype(int), num_leaves=5)


@pytest.fixture(scope="module")
def text(booster):
    return booster.model_to_string()


def scores(trees):
    booster = lightgbm.Booster(model_str=trees)
    values = booster.predict(ROWS, pred_contrib=True)
    return booster.predict(ROWS, raw_score=True), values


def test_features_that_trees_met_without_a_number_are_known(booster, text):
    assert features_met_missing(text) == {1}
    unknown, zero = ROWS[:50].copy(), ROWS[:50].copy()
    unknown[:, 0], zero[:, 0] = np.nan, 0
    np.testing.assert_array_equal(booster.predict(unknown), booster.predict(zero))  # the trap
    assert features_met_missing(trained(np.zeros(len(ROWS))).model_to_string()) == set()


def test_what_lightgbm_wrote_is_read_as_it_was(booster, text):
    own, values = scores(checked_trees(text, N_FEATURES))
    np.testing.assert_array_equal(own, booster.predict(ROWS, raw_score=True))
    np.testing.assert_array_equal(values, booster.predict(ROWS, pred_contrib=True))


@pytest.mark.parametrize("parameters", [{"min_gain_to_split": 1e6}, {"num_leaves": 2}, {}])
def test_trees_of_any_size_are_read(parameters):
    labels = np.random.default_rng(1).integers(0, 2, len(ROWS))
    scores(checked_trees(trained(labels, **parameters).model_to_string(), N_FEATURES))


def test_a_tree_of_more_leaves_than_anyone_grows_is_refused(text, monkeypatch):
    monkeypatch.setattr(tree_text, "_MAX_LEAVES", 5)
    checked_trees(text, N_FEATURES)  # control
    monkeypatch.setattr(tree_text, "_MAX_LEAVES", 4)
    with pytest.raises(ValueError, match="tree 0 of 5 leaves"):
        checked_trees(text, N_FEATURES)


def test_trees_of_one_leaf_are_read_as_earlier_versions_of_lightgbm_write_them():
    labels = np.random.default_rng(1).integers(0, 2, len(ROWS))
    written = trained(labels, min_gain_to_split=1e6).model_to_string()
    if re.search(r"^leaf_count=\d", written, re.MULTILINE):  # else it is such a version
        written = changed(written, "leaf_count", lambda _: [])
    own, values = scores(checked_trees(written, N_FEATURES))
    assert len(set(own)) == 1
    np.testing.assert_allclose(values.sum(1), own)
    for counts in (["1", "1"], ["x"]):  # control: no more and nothing else
        with pytest.raises(ValueError, match="tree 0 has"):
            checked_trees(changed(written, "leaf_count", lambda _, c=counts: c), N_FEATURES)


def changed(text, key, change):
    """Return the text with the first list of that name changed, and the size of its tree."""
    found = re.search(rf"^{key}=(.*)$", text, re.MULTILINE)
    new = f"{key}={' '.join(change(found[1].split()))}"
    n_more = len(new) - len(found[0])
    is_in_tree = found.start() > text.index("Tree=0")
    text = text[: found.start()] + new + text[found.end() :]
    if not is_in_tree:
        return text
    return re.sub(r"tree_sizes=(\d+)", lambda m: f"tree_sizes={int(m[1]) + n_more}", text)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("left_child", lambda v: ["1000000", *v[1:]], "points outside itself"),
        ("left_child", lambda v: ["-1000000", *v[1:]], "points outside itself"),
        ("left_child", lambda v: ["0", *v[1:]], "points at itself"),
        ("right_child", lambda v: v[:-1], "other leaves or splits"),
        ("split_feature", lambda v: ["5", *v[1:]], "a feature that does not exist"),
        ("split_feature", lambda v: ["-1", *v[1:]], "a feature that does not exist"),
        ("num_leaves", lambda _: ["100000000"], "other leaves or splits"),
        ("num_leaves", lambda _: ["0"], "other leaves or splits"),
        ("num_leaves", lambda _: ["9" * 5000], "no number"),
        ("num_cat", lambda _: ["1"], "of another kind"),
        ("is_linear", lambda _: ["1"], "of another kind"),
        ("decision_type", lambda v: ["1", *v[1:]], "of another kind"),
        ("decision_type", lambda v: ["64", *v[1:]], "of another kind"),
        ("leaf_value", lambda v: v[1:], "other leaves or splits"),
        ("leaf_value", lambda v: ["0x1", *v[1:]], "no number in leaf_value"),
        ("threshold", lambda v: ["1_0", *v[1:]], "no number in threshold"),
        ("shrinkage", lambda _: ["x"], "of another kind"),
        ("num_class", lambda _: ["1000000000"], "no trees of one binary objective"),
        ("objective", lambda _: ["lambdarank"], "no trees of one binary objective"),
        ("max_feature_idx", lambda _: ["999999999"], "not 5 features"),
        ("feature_names", lambda v: v[1:], "not 5 features"),
        ("feature_infos", lambda v: [*v, "none"], "not 5 features"),
        ("tree_sizes", lambda v: ["99999999", *v[1:]], "not laid out as one"),
        ("tree_sizes", lambda v: v[:-1], "other trees than it counts"),
        ("Tree", lambda _: ["7"], "not laid out as one"),
    ],
)
def test_a_tree_that_would_lead_out_of_memory_is_refused(text, key, change, message):
    assert checked_trees(changed(text, key, list), N_FEATURES)  # control: the text as it was
    with pytest.raises(ValueError, match=message):
        checked_trees(changed(text, key, change), N_FEATURES)


@settings(max_examples=200)
@given(data=st.data())
def test_a_changed_text_is_refused_or_can_be_read(text, data):
    n = text.index("end of trees") + 20
    place = data.draw(st.integers(0, n))
    n_cut = data.draw(st.integers(0, 3))
    put_in = data.draw(st.text(st.sampled_from("0123456789-. e=\n"), max_size=3))
    broken = text[:place] + put_in + text[place + n_cut :]
    try:
        scores(checked_trees(broken, N_FEATURES))
    except (ValueError, lightgbm.basic.LightGBMError):  # said in one line by whoever loads it
        return


def test_other_features_than_the_detector_reads_are_refused(text):
    with pytest.raises(ValueError, match="not 6 features"):
        checked_trees(text, 6)
