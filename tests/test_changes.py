import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage
from threadpoolctl import threadpool_info, threadpool_limits

from polar_detect.signature.normal.changes import (
    Changes,
    Covariances,
    Trajectories,
    change_layers,
    distances_without,
    features_without,
)

HIDDEN, N_DEPTHS = 12, 3


def points(n_texts, *, seed=0, shift=0.0, hidden=HIDDEN):
    """Return correlated states, one coordinate a hundred times larger than the others."""
    rng = np.random.default_rng(seed)
    mixing = (
        np.random.default_rng(99).normal(size=(hidden, hidden)) * np.r_[100, np.ones(hidden - 1)]
    )
    states = rng.normal(size=(n_texts, N_DEPTHS, hidden)) @ mixing + shift
    return states.astype(np.float32)


def naive(train, new, *, scale=None, shrinkage=None):
    """Return log squared Mahalanobis distances at one depth, by the book."""
    train, new = train.astype(np.float64), new.astype(np.float64)
    scale = train.std(0) if scale is None else scale
    centred = (train - train.mean(0)) / scale
    if shrinkage is None:
        shrinkage = ledoit_wolf_shrinkage(centred, assume_centered=True)
    covariance = (1 - shrinkage) * centred.T @ centred / len(train) + shrinkage * np.eye(len(scale))
    rows = (new - train.mean(0)) / scale
    return np.log(np.einsum("nh,hk,nk->n", rows, np.linalg.inv(covariance), rows))


def test_distance_equals_mahalanobis_with_a_ledoit_wolf_covariance_of_scaled_states():
    train, new = points(80), points(20, seed=1)
    found = Covariances.fit(train).distances(new)
    for depth in range(N_DEPTHS):
        expected = naive(train[:, depth], new[:, depth])
        np.testing.assert_allclose(found[:, depth], expected, rtol=0, atol=2e-3)
        # Control: without shrinkage it is something else.
        other = naive(train[:, depth], new[:, depth], shrinkage=0.0)
        assert np.abs(found[:, depth] - other).max() > 0.05


def test_leaving_a_group_out_equals_a_covariance_of_the_others():
    train = points(60)
    groups = np.arange(60) % 3
    found = distances_without(train, groups, train, groups)
    for depth in range(N_DEPTHS):
        states = train[:, depth]
        scale = states.std(0, dtype=np.float64)
        scaled = (states - states.mean(0, dtype=np.float64)) / scale
        shrinkage = ledoit_wolf_shrinkage(scaled, assume_centered=True)
        for group in range(3):
            inside = groups == group
            expected = naive(states[~inside], states[inside], scale=scale, shrinkage=shrinkage)
            np.testing.assert_allclose(found[inside, depth], expected, rtol=0, atol=2e-3)
    # Control: with the group in view its texts come out nearer.
    seen = Covariances.fit(train).distances(train)
    assert (found > seen).mean() > 0.9


def test_other_texts_can_be_held_against_all_groups_but_one():
    train, other = points(60), points(6, seed=1)
    groups, own = np.arange(60) % 3, np.asarray([0, 0, 1, 1, 2, 2])
    found = distances_without(train, groups, other, own)
    part = distances_without(train, groups, other[2:4], own[2:4])
    np.testing.assert_allclose(part, found[2:4], rtol=1e-6)
    turned = distances_without(train, groups, other, own[::-1])
    assert np.abs(turned[:2] - found[:2]).max() > 1e-4  # control: which group is left out counts


def test_shifted_texts_are_farther_than_unseen_normal_ones():
    fitted = Covariances.fit(points(100))
    normal, shifted = (fitted.distances(points(30, seed=1, shift=shift)) for shift in (0, 20))
    assert (np.median(shifted, axis=0) > np.median(normal, axis=0) + 0.5).all()


@pytest.mark.parametrize("n_texts", [2, 3, 8])
def test_fewer_texts_than_dimensions_give_finite_distances(n_texts):
    train, new = points(n_texts, hidden=32), points(5, seed=1, hidden=32)
    groups = np.zeros(n_texts, int)
    assert np.isfinite(Covariances.fit(train).distances(new)).all()
    assert np.isfinite(distances_without(train, groups, train, groups)).all()


def test_identical_texts_are_finite_and_anything_else_is_far_from_them():
    same = np.repeat(points(1), 10, axis=0)
    fitted = Covariances.fit(same)
    own, other = fitted.distances(same), fitted.distances(points(3, seed=1))
    assert np.isfinite(own).all()
    assert other.min() > own.max() + 5


@pytest.mark.parametrize("n_layers", [1, 2, 6, 8, 9, 12, 30, 61])
def test_layers_are_chosen_all_over_the_model_with_the_last(n_layers):
    layers = change_layers(n_layers)
    assert len(set(layers.tolist())) == len(layers) == min(n_layers, 8)
    assert (np.diff(layers) > 0).all()
    assert layers[0] >= 0
    assert layers[-1] == n_layers - 1


def test_changes_are_named_after_the_layers_that_make_them():
    rng = np.random.default_rng(0)
    own = Trajectories(*(rng.normal(size=(20, n, 6)).astype(np.float32) for n in (4, 3)))
    table = Changes.fit(own).features(own)
    names = ["change/L0", "change/L1", "change/L2", "encoder/change_0", "encoder/change_1"]
    assert table.names == names
    moved = own.decoder.copy()
    moved[0, 2:] += 9.0  # what layer 1 adds is another; what layer 2 adds to that is the same
    changed = Changes.fit(own).features(own._replace(decoder=moved)).values[0] - table.values[0]
    assert changed[1] > 1
    np.testing.assert_allclose(changed[[0, 2, 3, 4]], 0, atol=1e-4)


def test_features_without_leave_out_the_own_group_in_both_models():
    rng = np.random.default_rng(0)
    own = Trajectories(*(rng.normal(size=(40, n, 6)).astype(np.float32) for n in (4, 3)))
    groups = np.arange(40) % 4
    table = features_without(own, groups, own, groups)
    seen = Changes.fit(own).features(own)
    assert table.features == seen.features
    assert (table.values.mean(0) > seen.values.mean(0)).all()


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_fitting_leaves_the_threads_of_numpy_as_they_were():
    train, groups = points(60), np.arange(60) % 3
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert max(before) == 2
        for _ in range(5):
            Covariances.fit(train)
            distances_without(train, groups, train, groups)
            assert blas_threads() == before
