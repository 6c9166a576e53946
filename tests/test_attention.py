import pytest
import torch

from polar_detect.backbone.quick import attention
from polar_detect.backbone.quick.attention import attend, rotated


def parts(n_rows, n_tokens, n_heads=6, n_key_heads=2, size=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    heads = (n_heads, n_key_heads, n_key_heads)
    return [torch.randn((n_rows, n_tokens, n, size), generator=generator) for n in heads]


def by_hand(query, key, value, scale):
    groups = query.shape[2] // key.shape[2]
    key, value = (part.repeat_interleave(groups, 2) for part in (key, value))
    scores = torch.einsum("bqhd,bkhd->bhqk", query, key) * scale
    n_tokens = scores.shape[-1]
    scores += torch.full((n_tokens, n_tokens), -torch.inf).triu(1)
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), value).flatten(2)


@torch.no_grad()
@pytest.mark.parametrize("n_tokens", [1, 3, 4, 8, 9, 12, 16, 17, 32])
@pytest.mark.parametrize("n_rows", [1, 3, 8])
def test_attention_is_the_weighted_mean_of_what_came_before(n_rows, n_tokens):
    query, key, value = parts(n_rows, n_tokens)
    found = attend(query, key, value, scale=0.3)
    torch.testing.assert_close(found, by_hand(query, key, value, 0.3), atol=1e-5, rtol=1e-5)
    assert found.shape == (n_rows, n_tokens, 6 * 16)


@pytest.mark.parametrize("n_tokens", [1, 8, 17])
def test_attention_with_gradients_is_the_same_and_has_the_right_ones(n_tokens):
    given = [part.requires_grad_() for part in parts(3, n_tokens)]
    weights = torch.randn(3, n_tokens, 6 * 16, generator=torch.Generator().manual_seed(1))
    found, expected = attend(*given, scale=0.3), by_hand(*given, 0.3)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    own, right = (torch.autograd.grad((f * weights).sum(), given) for f in (found, expected))
    for part, other in zip(own, right, strict=True):
        torch.testing.assert_close(part, other, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n_tokens", [4, 8, 12, 16])
def test_a_text_has_the_same_bits_in_every_place_of_a_pack(n_tokens, dtype):
    query, key, value = (part.to(dtype) for part in parts(8, n_tokens))
    together = attend(query, key, value, scale=0.25)
    for n in range(8):
        moved = attend(*(part.roll(n, 0) for part in (query, key, value)), scale=0.25)
        assert torch.equal(moved.roll(-n, 0), together)
    other = attend(*(torch.cat([p[:1], 3 * p[1:]]) for p in (query, key, value)), scale=0.25)
    assert torch.equal(other[0], together[0])
    assert not torch.equal(other[1], together[1])  # control


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n_tokens", [4, 8, 12, 16])
@pytest.mark.parametrize("lost", [torch.nan, torch.inf])
def test_a_text_of_no_numbers_changes_no_bit_of_those_beside_it(n_tokens, dtype, lost):
    query, key, value = (part.to(dtype) for part in parts(5, n_tokens))
    expected = attend(query, key, value, scale=0.25)
    value[1, 0] = lost
    found = attend(query, key, value, scale=0.25)
    assert not found[1].isfinite().any()
    others = [0, 2, 3, 4]
    assert torch.equal(found[others], expected[others])


@torch.no_grad()
def test_texts_are_not_packed_where_their_place_would_show(monkeypatch):
    seen = []
    real = attention._attend

    def place_shows(query, key, value, scale, mask):
        seen.append(query.shape[:2])
        found = real(query, key, value, scale, mask)
        return found + torch.arange(found.shape[1])[:, None] / 1000

    monkeypatch.setattr(attention, "_attend", place_shows)
    attention._packs_well.cache_clear()
    query, key, value = parts(6, 8, n_heads=4, n_key_heads=4)
    attend(query, key, value, scale=0.25)
    assert seen[-1] == (6, 8)
    monkeypatch.setattr(attention, "_attend", real)
    attention._packs_well.cache_clear()


def test_states_are_turned_as_models_do_it():
    states = torch.randn(2, 5, 3, 8)
    angles = torch.randn(1, 5, 4)
    cosine, sine = (torch.cat([f(angles)] * 2, -1) for f in (torch.cos, torch.sin))
    half = torch.cat([-states[..., 4:], states[..., :4]], -1)
    expected = states * cosine[:, :, None] + half * sine[:, :, None]
    torch.testing.assert_close(rotated(states, cosine, sine), expected)
    torch.testing.assert_close(expected.norm(dim=-1), states.norm(dim=-1))
