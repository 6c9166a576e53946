import numpy as np
import pytest

from polar_detect.topics import Topics

TRAIN = np.random.default_rng(0).normal([5, 0, 0, 0], [9, 1, 2, 0.1], (60, 4)).astype(np.float32)
NEW = np.random.default_rng(1).normal([5, 1, 0, 0], [9, 1, 2, 0.1], (7, 4)).astype(np.float32)


def by_hand(new, points):
    """Return the cosines of standardised states, (n_new, n_points)."""
    mean, deviation = TRAIN.mean(0), TRAIN.std(0)
    own, other = ((rows - mean) / deviation for rows in (new, points))
    norms = np.linalg.norm(own, axis=1)[:, None] * np.linalg.norm(other, axis=1)
    return own @ other.T / norms


def test_the_nearest_texts_are_those_of_the_largest_cosine_of_standardised_states():
    found = Topics.fit(TRAIN).neighbours(NEW, k=5)
    expected = by_hand(NEW, TRAIN)
    np.testing.assert_array_equal(found.index, np.argsort(-expected, axis=1)[:, :5])
    similarity = -np.sort(-expected, axis=1)[:, :5]
    np.testing.assert_allclose(found.similarity, similarity, atol=1e-5)
    # Control: without standardising one coordinate would say nearly all.
    plain = NEW @ TRAIN.T
    assert (np.argsort(-plain, axis=1)[:, :5] != found.index).any(1).all()


def test_more_normal_texts_are_nearer_or_change_nothing():
    topics = Topics.fit(TRAIN)
    wider = topics.widened(NEW[:1])
    before, after = (own.neighbours(NEW, k=5).similarity for own in (topics, wider))
    assert after[0, 0] == pytest.approx(1, abs=1e-6)
    assert (after >= before - 1e-6).all()
    np.testing.assert_array_equal(wider.points[: len(TRAIN)], topics.points)


def test_banned_texts_and_the_nearest_ones_are_passed_over():
    topics = Topics.fit(TRAIN)
    every = topics.neighbours(NEW, k=6).index
    skipped = topics.neighbours(NEW, k=5, n_skipped=1).index
    np.testing.assert_array_equal(skipped, every[:, 1:])
    banned = np.zeros((len(NEW), len(TRAIN)), bool)
    banned[np.arange(len(NEW)), every[:, 0]] = True
    np.testing.assert_array_equal(topics.neighbours(NEW, k=5, banned=banned).index, every[:, 1:])


def test_states_that_never_differ_leave_similarities_finite():
    same = np.repeat(TRAIN[:1], 50, axis=0)
    topics = Topics.fit(same)
    assert np.isfinite(topics.points).all()
    assert np.isfinite(topics.neighbours(NEW, k=5).similarity).all()


def test_similarity_does_not_depend_on_the_other_texts():
    topics = Topics.fit(TRAIN)
    together = topics.neighbours(NEW, k=5).similarity
    alone = np.concatenate([topics.neighbours(row[None], k=5).similarity for row in NEW])
    np.testing.assert_array_equal(alone, together)
