"""Causal attention of many short texts, and rotary position embeddings, in few passes.

torch's kernel for the CPU goes from text to text and head to head, and takes as long for 8 tokens
as for 16, and for 12 even longer; so short texts stand one behind the other as if they were one,
with a mask that keeps them apart.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

_PACK_TOKENS = 32
# What a text is padded to in a pack: its sums then run over the same lanes in every place.
_SLOTS = (8, 16)


def rotated(states: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn states by their position, as `rotate_half` and two products do it.

    Parameters
    ----------
    states : (n_rows, n_tokens, n_heads, head_size)
    cosine, sine : (1, n_tokens, head_size)

    Returns
    -------
    (n_rows, n_tokens, n_heads, head_size)
    """
    half = states.shape[-1] // 2
    cosine, sine = cosine.unsqueeze(2), sine.unsqueeze(2)
    turned = states * cosine
    turned[..., :half].addcmul_(states[..., half:], sine[..., :half], value=-1)
    turned[..., half:].addcmul_(states[..., :half], sine[..., half:])
    return turned


def attend(query: Tensor, key: Tensor, value: Tensor, *, scale: float) -> Tensor:
    """Return causal attention within each row; texts are padded on the right.

    Parameters
    ----------
    query : (n_rows, n_tokens, n_heads, head_size)
    key, value : (n_rows, n_tokens, n_key_heads, head_size)
        `n_heads` is a multiple of `n_key_heads`.
    scale : float
        Factor of the products of queries and keys.

    Returns
    -------
    (n_rows, n_tokens, n_heads · head_size)
    """
    if torch.is_grad_enabled():
        return _attend_by_steps(query, key, value, scale)
    slot = _slot(query.shape[1])
    if not slot or not _packs_well(query.shape[2], key.shape[2], query.shape[3], query.dtype):
        return _attend(query, key, value, scale, None)
    found = _attend_packed(query, key, value, scale, slot)
    if not found.sum().isfinite():  # what is no number would spoil the texts beside it too
        found = _attend_packed(query, key, value, scale, slot, alone=True)
    return found


def _attend_packed(
    query: Tensor, key: Tensor, value: Tensor, scale: float, slot: int, *, alone: bool = False
) -> Tensor:
    """Return the same of short texts, so many behind one another as a pack holds, or one."""
    n_rows, n_tokens = query.shape[:2]
    n_packed = _PACK_TOKENS // slot
    taken = _PACK_TOKENS if alone else slot
    fill = (0, 0, 0, 0, 0, taken - n_tokens, 0, -n_rows % (_PACK_TOKENS // taken))
    if any(fill):
        query, key, value = (F.pad(part, fill) for part in (query, key, value))
    query, key, value = (
        part.reshape(-1, _PACK_TOKENS, *part.shape[2:]) for part in (query, key, value)
    )
    found = _attend(query, key, value, scale, _apart(slot, n_packed, query.dtype))
    return found.view(-1, taken, found.shape[-1])[:n_rows, :n_tokens]


def _slot(n_tokens: int) -> int:
    """Return the tokens that a text takes in a pack; 0 where it is too long for one."""
    return next((slot for slot in _SLOTS if n_tokens <= slot), 0)


def _attend(query: Tensor, key: Tensor, value: Tensor, scale: float, mask: Tensor | None) -> Tensor:
    found = F.scaled_dot_product_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        attn_mask=mask,
        is_causal=mask is None,
        scale=scale,
        enable_gqa=query.shape[2] != key.shape[2],
    )
    return found.transpose(1, 2).flatten(2)


def _attend_by_steps(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Return the same as `attend` by operations whose gradients are fast for short texts.

    The gradient of torch's kernel took 15 ms for 42 texts of 12 tokens and 9 heads, which is as
    long as the gradients of all products of the layer.
    """
    n_rows, n_tokens, n_heads, size = query.shape
    n_keys = key.shape[2]
    grouped = query.view(n_rows, n_tokens, n_keys, -1, size).permute(0, 2, 3, 1, 4).float()
    keys, values = (part.transpose(1, 2).float() for part in (key, value))
    # Keys stand in rows, (…, token, group · token): a softmax down columns of few is twice as fast
    # as along rows of few.
    logits = keys @ (scale * grouped.flatten(2, 3)).transpose(2, 3)
    is_later = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=query.device).tril(-1)
    is_hidden = is_later.repeat(1, n_heads // n_keys)
    weights = logits.masked_fill(is_hidden, -torch.inf).softmax(2)
    found = weights.transpose(2, 3) @ values
    by_head = found.view(n_rows, n_heads, n_tokens, size)
    attended: Tensor = by_head.transpose(1, 2).flatten(2).to(query.dtype)
    return attended


@functools.cache
def _apart(slot: int, n_packed: int, dtype: torch.dtype) -> Tensor:
    """Return the mask that lets each token see its own text up to itself."""
    causal = torch.full((slot, slot), -torch.inf).triu(1)
    apart = torch.full((n_packed, slot, n_packed, slot), -torch.inf)
    for place in range(n_packed):
        apart[place, :, place] = causal
    return apart.view(n_packed * slot, n_packed * slot).to(dtype)


@functools.cache
def _packs_well(n_heads: int, n_key_heads: int, head_size: int, dtype: torch.dtype) -> bool:
    """Return whether a text gets the same bits in every place of a pack, and beside any others.

    Tried, as it depends on how the processor sums up.
    """
    generator = torch.Generator().manual_seed(0)
    for slot in _SLOTS:
        n_packed = _PACK_TOKENS // slot
        query, key, value = (
            torch.randn((n_packed, slot, n, head_size), generator=generator).to(dtype)
            for n in (n_heads, n_key_heads, n_key_heads)
        )
        mask = _apart(slot, n_packed, dtype)
        found = []
        for place in range(n_packed):
            q, k, v = (part.roll(place, 0).flatten(0, 1)[None] for part in (query, key, value))
            out = _attend(q, k, v, head_size**-0.5, mask)
            found.append(out.view(n_packed, slot, -1).roll(-place, 0))
        if not all(torch.equal(found[0], other) for other in found[1:]):
            return False
    return True
