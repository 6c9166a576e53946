"""Causal attention of many short texts, and rotary position embeddings, in few passes.

torch's kernel for the CPU goes from text to text and head to head, and takes as long for 8 tokens
as for 16, and for 12 even longer; so short texts stand one behind the other as if they were one,
with a mask that keeps them apart.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from polar_detect.backbone.packing import Packing

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


def attend_packed(
    heads: Tensor,
    cosine: Tensor,
    sine: Tensor,
    packing: Packing,
    *,
    n_heads: int,
    scale: float,
) -> Tensor:
    """Turn queries and keys, and return causal attention within each text of a block.

    To the bits of `rotated` and `attend`, but for those of `attend` with gradients.

    Parameters
    ----------
    heads : (n_tokens, n_heads + 2 · n_key_heads, head_size)
        Queries, keys and values.
    cosine, sine : (n_tokens, head_size)
    packing : Packing
        Of these tokens.
    n_heads : int
    scale : float

    Returns
    -------
    (n_tokens, n_heads · head_size)
        Of the tokens that belong to no text, something.
    """
    n_keys = (heads.shape[1] - n_heads) // 2
    is_differentiable = torch.is_grad_enabled()
    shares = not is_differentiable and _packs_well(n_heads, n_keys, heads.shape[2], heads.dtype)
    # Steps take as long for few tokens as for a slot, and every length of rows is a call of them.
    least = _SLOTS[-1] if is_differentiable else 1

    def attended(*, alone: bool) -> Tensor:
        found = []
        seats = _seats(packing, shares=shares, alone=alone, least=least)
        for tokens, n_places, slot in seats.groups:
            seated, *angles = (part.index_select(0, tokens) for part in (heads, cosine, sine))
            turned = rotated(seated[None, :, :-n_keys], *(part[None] for part in angles))[0]
            rows = turned.view(-1, n_places, *turned.shape[1:])
            value = seated.view(-1, n_places, *seated.shape[1:])[:, :, -n_keys:]
            query, key = rows[:, :, :n_heads], rows[:, :, n_heads:]
            if is_differentiable:
                own = _attend_by_steps(query, key, value, scale)
            else:
                mask = _apart(slot, _PACK_TOKENS // slot, heads.dtype) if slot else None
                own = _attend(query, key, value, scale, mask)
            found.append(own.flatten(0, 1))
        return torch.cat(found).index_select(0, seats.back)

    found = attended(alone=False)
    if shares and not found.sum().isfinite():  # as in `attend`
        found = attended(alone=True)
    return found


class _Seats(NamedTuple):
    """Where a block's tokens stand while their texts attend to themselves.

    Parameters
    ----------
    groups : tuple of (Tensor, int, int)
        Of rows of one length: the token at each place, (n_rows · n_places,) int64, behind the end
        of a text its first one; the places of a row; and those that each text has of it, zero
        where it has them all.
    back : (n_tokens,) int64
        The place of each token, groups one behind the other.
    """

    groups: tuple[tuple[Tensor, int, int], ...]
    back: Tensor


@functools.lru_cache(maxsize=128)
def _seats(packing: Packing, *, shares: bool, alone: bool, least: int) -> _Seats:
    """Seat the texts of a block: short ones several to a row, unless each wants its own.

    Where rows are not shared, none has fewer places than `least`.
    """
    lengths, starts = np.asarray(packing.lengths), packing.starts
    slots = np.asarray([shares and _slot(padded) for padded in packing.padded], np.int64)
    n_own = np.maximum(packing.padded, least)
    kinds = np.stack([slots, np.where(slots, _PACK_TOKENS, n_own)], 1)
    back = np.zeros(packing.n_tokens, np.int64)
    groups, offset = [], 0
    for slot, n_places in np.unique(kinds, axis=0).tolist():
        members = np.flatnonzero((kinds == (slot, n_places)).all(1))
        taken = slot if slot and not alone else n_places
        n_seats = -(-len(members) * taken // n_places) * (n_places // taken)
        first = starts[members[np.minimum(np.arange(n_seats), len(members) - 1)]]
        tokens = np.repeat(first, taken)
        own = lengths[members]
        within = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own)
        seats = np.repeat(taken * np.arange(len(members)), own) + within
        sources = np.repeat(starts[members], own) + within
        tokens[seats] = sources
        back[sources] = offset + seats
        groups.append((torch.from_numpy(tokens), n_places, slot))
        offset += tokens.size
    # Tokens of no text are copies of the first text's first one, and stay with it: where that is
    # no number, its gradient is none either.
    back[packing.n_held :] = back[0]
    return _Seats(tuple(groups), torch.from_numpy(back))


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
