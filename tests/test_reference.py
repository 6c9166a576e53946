from dataclasses import replace

import numpy as np
import pytest

from polar_detect.features.table import Feature
from polar_detect.signature.normal.geometry import Geometry
from polar_detect.signature.normal.neighbours import (
    Neighbours,
    contexts,
    cosines_of,
    crowding_of,
    local_similarity,
    nearest,
)
from polar_detect.signature.normal.reference import Reference
from polar_detect.signature.normal.token_index import TokenIndex
from polar_detect.signature.reading.token_states import TextTokens, TokenStates

N_LAYERS, HIDDEN = 3, 6
SHRINKAGE = 0.1


def states(n_texts, *, seed=0, hidden=HIDDEN, shift=0.0):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(N_LAYERS + 1, hidden, hidden))
    rows = np.einsum("nlh,lhk->nlk", rng.normal(size=(n_texts, N_LAYERS + 1, hidden)), mixing)
    return (rows + shift).astype(np.float32)


def column(table, part, layer):
    return table.values[:, table.features.index(Feature("distance", part, layer))]


def naive_basis(train):
    """Return mean, kept eigenvectors (columns), their shrunk variances, variance of the rest."""
    mean = train.mean(0, dtype=np.float64)
    covariance = np.cov(train.T.astype(np.float64), bias=True)
    variances, vectors = np.linalg.eigh(covariance)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    n = HIDDEN - 1  # as many as are kept with enough texts
    shrunk = (1 - SHRINKAGE) * variances[:n] + SHRINKAGE * variances[:n].mean()
    return mean, vectors, shrunk, variances[n]


def test_mahalanobis_equals_the_formula_with_an_inverse_covariance():
    train, new = states(200), states(20, seed=1, shift=0.5)
    table = Geometry.fit(train).distances(new)
    for layer in range(N_LAYERS):
        mean, vectors, shrunk, rest = naive_basis(train[:, layer + 1])
        covariance = vectors @ np.diag([*shrunk, rest]) @ vectors.T
        centred = new[:, layer + 1] - mean
        squared = np.einsum("nh,hk,nk->n", centred, np.linalg.inv(covariance), centred)
        own = column(table, "mahalanobis", layer)
        np.testing.assert_allclose(own, np.log(squared), rtol=0, atol=2e-3)
        # Control: the Euclidean distance is something else.
        assert np.abs(own - np.log(np.square(centred).sum(1))).max() > 0.1


def test_knn_distance_equals_mean_cosine_distance_of_the_five_nearest_in_whitened_space():
    train, new = states(200), states(20, seed=1)
    table = Geometry.fit(train).distances(new)
    for layer in range(N_LAYERS):
        mean, vectors, shrunk, _ = naive_basis(train[:, layer + 1])

        def white(rows, mean=mean, vectors=vectors, shrunk=shrunk):
            kept = (rows - mean) @ vectors[:, : HIDDEN - 1] / np.sqrt(shrunk)
            return kept / np.linalg.norm(kept, axis=1, keepdims=True)

        distance = 1 - white(new[:, layer + 1]) @ white(train[:, layer + 1]).T
        expected = np.sort(distance, axis=1)[:, :5].mean(1)
        np.testing.assert_allclose(column(table, "knn", layer), expected, rtol=0, atol=1e-3)


def test_shifted_texts_are_farther_than_unseen_normal_ones():
    geometry = Geometry.fit(states(100))
    normal = geometry.distances(states(30, seed=1))
    shifted = geometry.distances(states(30, seed=1, shift=10.0))
    for layer in range(N_LAYERS):
        gap = column(shifted, "mahalanobis", layer) - column(normal, "mahalanobis", layer)
        assert np.median(gap) > 1


def test_the_embedding_is_left_out():
    train, new = states(60), states(5, seed=1)
    geometry = Geometry.fit(train)
    moved = new.copy()
    moved[:, 0] += 100
    table = geometry.distances(new)
    np.testing.assert_array_equal(geometry.distances(moved).values, table.values)
    moved[:, 1] += 100  # control: the first layer's output is not
    assert (column(geometry.distances(moved), "mahalanobis", 0) > table.values[:, 0]).all()


def test_directions_are_orthonormal_and_variances_fall():
    geometry = Geometry.fit(states(80))
    for directions, variances in zip(geometry.directions, geometry.variances, strict=True):
        gram = directions @ directions.T
        np.testing.assert_allclose(gram, np.eye(len(directions)), atol=1e-5)
        assert (np.diff(variances) <= 0).all()


@pytest.mark.parametrize("n_texts", [2, 3, 8])
def test_fewer_texts_than_dimensions_give_finite_distances(n_texts):
    geometry = Geometry.fit(states(n_texts, hidden=32))
    values = geometry.distances(states(5, seed=1, hidden=32)).values
    assert np.isfinite(values).all()


def test_identical_texts_give_finite_distances_and_are_nearer_than_any_other():
    train = np.repeat(states(1), 50, axis=0)
    geometry = Geometry.fit(train)
    same, other = geometry.distances(train[:3]), geometry.distances(states(3, seed=1))
    assert np.isfinite(same.values).all()
    assert np.isfinite(other.values).all()
    for layer in range(N_LAYERS):
        near, far = (column(t, "mahalanobis", layer) for t in (same, other))
        assert near.max() < far.min()


def test_duplicates_among_others_give_finite_distances():
    train = np.concatenate([states(20), np.repeat(states(1, seed=5), 30, axis=0)])
    assert np.isfinite(Geometry.fit(train).distances(train).values).all()


def test_distances_do_not_depend_on_the_other_texts():
    geometry, new = Geometry.fit(states(100)), states(12, seed=1)
    together = geometry.distances(new).values
    np.testing.assert_allclose(geometry.distances(new[4:5]).values[0], together[4], atol=5e-4)


def unit(n, *, seed, hidden=8):
    rows = np.random.default_rng(seed).normal(size=(n, hidden))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_nearest_rows_are_those_of_the_greatest_cosine_in_falling_order():
    embeddings, reference = unit(7, seed=0), unit(30, seed=1)
    found = nearest(embeddings, reference, k=4)
    for row, own, similarity in zip(embeddings, found.index, found.similarity, strict=True):
        cosines = [float(row @ other) for other in reference]
        expected = sorted(range(30), key=lambda i: -cosines[i])[:4]
        assert own.tolist() == expected
        np.testing.assert_allclose(similarity, [cosines[i] for i in expected], atol=1e-6)


def test_banned_rows_are_never_neighbours():
    reference = unit(20, seed=0)
    free = nearest(reference, reference, k=4)
    assert free.index[:, 0].tolist() == list(range(20))  # control: each is nearest to itself
    found = nearest(reference, reference, k=4, banned=np.eye(20, dtype=bool))
    assert not (found.index == np.arange(20)[:, None]).any()
    np.testing.assert_array_equal(found.index[:, :3], free.index[:, 1:])


def test_the_nearest_can_be_passed_over():
    reference = unit(20, seed=0)
    whole = nearest(reference, reference, k=20)
    cosines = cosines_of(reference, reference)
    found = Neighbours.of(cosines, k=4, n_skipped=3)
    np.testing.assert_array_equal(found.index, whole.index[:, 3:7])
    np.testing.assert_array_equal(found.similarity, whole.similarity[:, 3:7])
    assert Neighbours.of(cosines, k=4, n_skipped=18).index.shape == (20, 2)


def test_a_stranger_beside_a_crowd_is_less_like_it_than_one_as_near_to_scattered_texts():
    middles = np.eye(8, dtype=np.float32)[:2]
    reference = np.concatenate([middles[0] + 0.1 * unit(10, seed=0), middles[1] + unit(10, seed=1)])
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    texts = [f"text {i}" for i in range(20)]
    crowding = crowding_of(texts, reference, texts, reference, k=5)
    cosines = reference @ reference.T
    for i in range(20):
        expected = np.sort(np.delete(cosines[i], i))[-5:].mean()
        assert crowding[i] == pytest.approx(expected, abs=1e-5)
    assert crowding[:10].min() > crowding[10:].max() + 0.1
    own = unit(6, seed=3)
    cosines = cosines_of(own, reference)
    for n_skipped in (0, 3):
        found = local_similarity(cosines, crowding, k=5, n_skipped=n_skipped)
        ranked = np.sort(cosines - crowding / 2, axis=1)[:, ::-1]
        expected = ranked[:, n_skipped : n_skipped + 5].mean(1)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    few = local_similarity(cosines[:, :4], crowding[:4], k=5, n_skipped=1)
    expected = np.sort(cosines[:, :4] - crowding[:4] / 2, axis=1)[:, :3].mean(1)
    np.testing.assert_allclose(few, expected, atol=1e-6)


def test_texts_that_read_the_same_do_not_crowd_each_other():
    reference = unit(4, seed=0)
    texts = ["a", "a", "b", "c"]
    reference[1] = reference[0]
    crowding = crowding_of(texts, reference, texts, reference, k=5)
    cosines = reference @ reference.T
    assert crowding[0] == crowding[1] == pytest.approx(cosines[0, 2:].mean(), abs=1e-6)
    once = (cosines[2, 0] + cosines[2, 3]) / 2  # "a" occurs twice
    assert crowding[2] == pytest.approx(once, abs=1e-6)
    alike = crowding_of(["a"] * 3, reference[:3], ["a"] * 3, reference[:3], k=5)
    assert not alike.any()


def test_crowding_is_the_same_bits_in_any_company():
    texts, rows = [f"text {i}" for i in range(1100)], unit(1100, seed=2)
    found = crowding_of(texts, rows, texts, rows, k=5)
    part = crowding_of(texts[600:700], rows[600:700], texts, rows, k=5)
    np.testing.assert_array_equal(found[600:700], part)


def test_among_equals_the_first_is_nearest():
    reference = np.repeat(unit(1, seed=0), 6, axis=0)
    assert nearest(reference[:1], reference, k=3).index.tolist() == [[0, 1, 2]]


def test_contexts_put_the_nearest_text_last():
    neighbours = Neighbours(np.asarray([[2, 0], [1, 2]]), np.ones((2, 2), np.float32))
    assert contexts(neighbours, ["a", "b", "c"], n=2) == [["a", "c"], ["c", "b"]]
    assert contexts(replace(neighbours, index=neighbours.index[1:]), ["a", "b", "c"], n=2) == [
        ["c", "b"]
    ]


def test_a_training_text_is_shown_once_however_often_it_is_there():
    angles = np.array([0.1, 0.0, 0.1, 0.2, 0.0, 0.3, 0.4, 0.5, 0.6])
    texts = ("b", "a", "b", "c", "a", "d", "e", "f", "g")
    own = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    reference = Reference(texts, own, tokens=None, encoder_tokens=None)
    asked = np.array([[1, 0], [0, 1]], np.float32)
    assert reference.nearest_texts(asked) == [tuple("abcde"), tuple("gfedc")]


def test_of_fifty_texts_a_share_of_14_percent_is_seven():
    embeddings = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    alone = np.ones((1, 1, 4), np.float16), np.zeros(1, int), np.ones(1, np.float32)
    states = TokenStates((TextTokens(*alone),) * 50)
    tokens = TokenIndex.fit(states)
    reference = Reference(("",) * 50, embeddings, tokens, tokens, contamination=0.14)
    found, _ = reference.neighbours(embeddings[:1])
    ranked = np.argsort(-embeddings @ embeddings[0])
    assert found.index[0].tolist() == ranked[7:12].tolist()
