"""Novelty of tokens against normal ones, on states drawn at random."""

import numpy as np
import pytest
import torch

from polar_detect.signature.normal.token_index import TokenIndex, largest
from polar_detect.signature.reading.token_states import TextTokens, TokenStates, kept_places


def by_text(lengths, states, targets, losses):
    """Cut arrays of tokens, text after text, into those of each text."""
    ends = np.cumsum(lengths)
    places = [slice(end - n, end) for end, n in zip(ends, lengths, strict=True)]
    return TokenStates(
        tuple(TextTokens(states[:, own], targets[own], losses[own]) for own in places)
    )


@pytest.fixture
def normal():
    rng = np.random.default_rng(0)
    lengths = np.asarray([3, 0, 5, 4])
    states = rng.normal(size=(2, 12, 16)).astype(np.float16)
    return by_text(lengths, states, np.arange(12), np.full(12, 2.0, np.float32))


def test_rows_keep_each_text_with_its_tokens(normal):
    part = normal.rows([3, 0])
    np.testing.assert_array_equal(part.targets, [8, 9, 10, 11, 0, 1, 2])
    np.testing.assert_array_equal(TokenStates.below([part, part]).lengths, [4, 3, 4, 3])


def test_no_states_are_copied_where_texts_are_chosen_or_joined(normal):
    found = TokenStates.below([normal.rows([3, 0]), normal.rows(slice(2, 3)), normal.rows([])])
    assert found.lengths.tolist() == [4, 3, 5]
    for text, i in zip(found.texts, (3, 0, 2), strict=True):
        assert text.states is normal.texts[i].states
    # Control: joined, all of them are there.
    np.testing.assert_array_equal(found.at(1)[4:7], normal.texts[0].states[1])


def test_a_text_among_the_normal_ones_is_nearer_and_cheaper_than_without_itself(normal):
    index = TokenIndex.fit(normal)
    own = index.novelty(normal)
    apart = index.novelty(normal, banned=np.eye(4, dtype=bool))
    kept = [0, 2, 3]
    assert (own.distances[kept] < apart.distances[kept] - 0.05).all()
    assert (own.memory_loss[kept] < apart.memory_loss[kept]).all()
    np.testing.assert_allclose(apart.memory_share[kept], 0, atol=1e-3)  # no target occurs twice
    np.testing.assert_allclose(apart.memory_loss[kept], 2 + np.log(2), atol=0.01)
    assert np.isnan(own.distances[1]).all()  # a text without tokens


@pytest.mark.parametrize("n_far", [1, 3, 7, 100])
def test_the_wider_scale_is_the_mean_distance_to_so_many_tokens(normal, n_far):
    index = TokenIndex.fit(normal)
    found = index.novelty(normal, n_far=n_far)
    states = normal.at(-1).astype(np.float32) - index.means[-1]
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    nearest = np.sort(states @ states.T, axis=1)[:, ::-1][:, :n_far]
    expected = [1 - nearest[normal.owners == text].mean() for text in (0, 2, 3)]
    np.testing.assert_allclose(found.far[[0, 2, 3]], expected, atol=0.02)  # bfloat16
    assert np.isnan(found.far[1])
    # All else is as it was.
    plain = index.novelty(normal)
    np.testing.assert_array_equal(found.distances, plain.distances)
    np.testing.assert_allclose(found.memory_loss, plain.memory_loss, rtol=1e-6)
    np.testing.assert_array_equal(plain.far, plain.distances[:, -1])


def test_more_normal_tokens_make_no_token_more_novel(normal):
    index = TokenIndex.fit(normal.rows([0, 1]))
    wide = index.widened(normal.rows([2, 3]), first_owner=2)
    before, after = index.novelty(normal).distances, wide.novelty(normal).distances
    kept = [0, 2, 3]
    assert (after[kept] <= before[kept] + 1e-6).all()
    far = [own.novelty(normal, n_far=4).far[kept] for own in (index, wide)]
    assert (far[1] < far[0]).all()
    assert (after[2:] < before[2:] - 0.1).all()  # which now meet themselves
    np.testing.assert_array_equal(wide.means, index.means)
    assert sorted(wide.targets) == sorted(normal.targets)
    # Each point still knows its text.
    alone = wide.novelty(normal, banned=np.eye(4, dtype=bool)).distances
    assert (alone[2:] > after[2:] + 0.05).all()


def test_tokens_that_do_not_all_have_room_are_left_out(normal, monkeypatch):
    index = TokenIndex.fit(normal.rows([0, 1]))
    one_less = 11
    monkeypatch.setattr("polar_detect.signature.normal.token_index._MAX_POINTS", one_less)
    assert index.widened(normal.rows([2, 3]), first_owner=2) is index


def test_tokens_pass_over_the_nearest_texts(normal):
    index = TokenIndex.fit(normal)
    # The nearest of the three texts that have tokens is the text itself.
    found = index.novelty(normal, skipped=0.3)
    expected = index.novelty(normal, banned=np.eye(4, dtype=bool))
    np.testing.assert_array_equal(found.distances, expected.distances)
    np.testing.assert_array_equal(found.memory_loss, expected.memory_loss)
    farther = index.novelty(normal, skipped=0.6)  # two of three
    assert (farther.distances[[0, 2, 3]] > found.distances[[0, 2, 3]]).all()


def test_of_fifty_texts_a_share_of_14_percent_is_seven():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(1, 50, 16)).astype(np.float16)
    fifty = by_text(np.ones(50, int), states, np.arange(50), np.ones(50, np.float32))
    index = TokenIndex.fit(fifty)
    found, same, more = (index.novelty(fifty, skipped=s).distances for s in (0.14, 0.13, 0.15))
    np.testing.assert_array_equal(found, same)  # 0.14 * 50 is 7.000000000000001
    assert (more > found).all()


def test_texts_that_are_equally_near_are_not_all_passed_over(normal):
    states = np.tile(normal.texts[0].states, (1, 20, 1))
    states[:, 0] += 1  # so that the mean is none of them
    alike = by_text(np.full(20, 3), states, np.tile([0, 1, 2], 20), np.ones(60, np.float32))
    found = TokenIndex.fit(alike).novelty(alike.rows([7]), skipped=0.1)
    np.testing.assert_allclose(found.distances, 0, atol=0.01)


@pytest.mark.parametrize("n_columns", [5, 40, 96, 100, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_largest_of_a_row_are_found_with_their_places(n_columns, dtype):
    # Few distinct values, so that many are tied.
    generator = torch.Generator().manual_seed(n_columns)
    rows = torch.randint(-40, 40, (7, n_columns), generator=generator).to(dtype)
    for n in (1, 3, 5):
        values, places = largest(rows, n)
        assert torch.equal(values, rows.float().topk(n, dim=1).values)
        assert torch.equal(rows.gather(1, places).float(), values)
        assert all(len(set(row)) == n for row in places.tolist())


def test_all_tokens_of_a_text_are_kept_up_to_128_and_64_of_a_longer_one():
    for n in (0, 1, 64, 127, 128):
        np.testing.assert_array_equal(kept_places(n), np.arange(n))
    for n in (129, 256, 1000):
        places = kept_places(n)
        assert (len(places), places[0], places[-1]) == (64, 0, n - 1)
        gaps = np.diff(places)
        assert set(gaps.tolist()) <= {n // 64, n // 64 + 1, (n - 1) // 63, (n - 1) // 63 + 1}
