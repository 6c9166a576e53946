import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect.errors import ArtifactError
from polar_detect.features.table import Feature, FeatureTable

words = st.text("abcdefghij_", min_size=1, max_size=8)
features = st.builds(Feature, words, st.just("") | words, st.none() | st.integers(0, 99))


def table_of(n_texts, *features, start=0):
    values = np.arange(start, start + n_texts * len(features), dtype=np.float32)
    return FeatureTable(values.reshape(n_texts, len(features)), features)


SKIP = table_of(3, Feature("skip", "", 0), Feature("skip", "", 1))
LOSS = table_of(3, Feature("loss", "mean"), start=100)


@given(features)
def test_a_printed_name_is_read_back_unchanged(feature):
    assert Feature.from_name(feature.name) == feature


@given(words, st.integers(0, 99))
def test_the_kind_and_the_depth_of_an_encoder_s_feature_are_read_back(kind, depth):
    read = Feature.from_name(Feature.of_encoder(kind, depth).name)
    assert (read.kind, read.number) == (kind, depth)
    assert read.is_of_encoder("other", kind)
    assert not read.is_of_encoder(f"{kind}_{depth}")
    assert not Feature("tokens", kind, depth).is_of_encoder(kind)


def test_a_number_at_the_end_of_another_family_s_part_is_no_depth():
    assert Feature.of_encoder("characters_per_token").number is None
    column = Feature("column", "sensor_4")
    assert (column.kind, column.number) == ("sensor_4", None)


@given(features, features)
def test_different_features_have_different_names(one, other):
    assert (one.name == other.name) == (one == other)


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        (Feature("skip", "", 11), "skip/L11"),
        (Feature("distance", "knn", 4), "distance/knn/L4"),
        (Feature("loss", "mean"), "loss/mean"),
        (Feature("length"), "length"),
    ],
)
def test_names_go_from_group_over_part_to_layer(feature, name):
    assert feature.name == name


def test_a_part_that_only_looks_like_a_layer_is_no_layer():
    for part in ("Lmax", "L", "L²", "L-1"):  # of which str.isdigit() takes ² for a digit
        assert Feature.from_name(f"loss/{part}") == Feature("loss", part)


def test_tables_beside_each_other_keep_all_columns_in_order():
    both = FeatureTable.beside([SKIP, LOSS])
    assert both.names == ["skip/L0", "skip/L1", "loss/mean"]
    np.testing.assert_array_equal(both.values, [[0, 1, 100], [2, 3, 101], [4, 5, 102]])


def test_tables_below_each_other_keep_all_rows_in_order():
    both = FeatureTable.below([SKIP, SKIP.rows([2, 0])])
    assert both.names == SKIP.names
    np.testing.assert_array_equal(both.values, [[0, 1], [2, 3], [4, 5], [4, 5], [0, 1]])
    assert len(both) == 5


def test_texts_looked_at_group_by_group_stand_in_their_own_order():
    groups, seen = np.asarray([7, 0, 7, 3, 0, 7]), {}

    def table_of(group, places):
        seen[group] = places.tolist()
        return FeatureTable(np.float32([[group, place] for place in places]), SKIP.features)

    found = FeatureTable.by_group(groups, table_of)
    assert found.values.tolist() == [[group, i] for i, group in enumerate(groups.tolist())]
    assert seen == {0: [1, 4], 3: [3], 7: [0, 2, 5]}


def test_tables_of_different_columns_are_not_put_below_each_other():
    with pytest.raises(AssertionError):
        FeatureTable.below([SKIP, LOSS])


@pytest.mark.parametrize("index", [[0, 2], slice(0, 3, 2), np.array([True, False, True])])
def test_rows_are_chosen_by_index_slice_or_mask(index):
    np.testing.assert_array_equal(SKIP.rows(index).values, [[0, 1], [4, 5]])


def test_columns_are_chosen_by_what_they_are():
    both = FeatureTable.beside([SKIP, LOSS])
    last = both.where(lambda feature: feature.layer != 0)
    assert last.names == ["skip/L1", "loss/mean"]
    np.testing.assert_array_equal(last.values, [[1, 100], [3, 101], [5, 102]])
    assert last.values.flags["C_CONTIGUOUS"]
    assert both.where(lambda _: False).values.shape == (3, 0)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (1, 3, 1)])
def test_a_table_has_one_column_per_feature(shape):
    with pytest.raises(AssertionError):
        FeatureTable(np.zeros(shape, np.float32), (Feature("loss"),))


def test_features_of_a_newer_signature_are_chosen_by_name():
    old = (Feature("loss", "full"), Feature("novelty", "", 2))
    new = FeatureTable(
        np.arange(6, dtype=np.float32).reshape(2, 3), (Feature("new"), old[1], old[0])
    )
    assert new.chosen(old).features == old
    np.testing.assert_array_equal(new.chosen(old).values, [[2, 1], [5, 4]])
    assert new.chosen(new.features) is new
    with pytest.raises(ArtifactError, match="a detector that reads gone/L1, which this version"):
        new.chosen((*old, Feature("gone", "", 1)))
