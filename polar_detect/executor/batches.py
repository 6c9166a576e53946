"""Tokenised texts that layers are called on together.

Texts are padded on the right to a length that depends on the text alone: under causal attention
neither the padding nor the company changes a text's result, so no mask is needed. Short texts of
different lengths share a batch, where the backbone packs them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor

from polar_detect.arrays import IntArray
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.packing import is_short, width
from polar_detect.numerics.lanes import lanes

_SMALL_PART = 64  # tokens
_MOST_EMPTY = 4  # places that each token of a batch of short texts takes at most


@dataclass(eq=False)
class Stem:
    """What the first few layers make of a batch, which most programs start from.

    Parameters
    ----------
    states : (n_texts, n_tokens, hidden) float32, or None
        None until a program asks for them.
    users : set of int
        Rows whose programs have asked, and were charged.
    """

    states: Tensor | None = None
    users: set[int] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Batch:
    """Tokenised texts that take as many places in memory.

    Parameters
    ----------
    index : (n_texts,) int64
        Each text's place in the sequence that was batched.
    input_ids : (n_texts, n_tokens) int64
        Start token, prefix, text; padded on the right.
    targets : (n_texts, n_tokens) int64
        The token to predict at each position.
    is_target : (n_texts, n_tokens) bool
        Positions whose target is a token of the text.
    is_text : (n_texts, n_tokens) bool
        Positions that hold a token of the text.
    embedded : (n_texts, n_tokens, hidden) float32
        What the first layer gets.
    lengths : (n_texts,) int64, or None
        How many tokens each row is called on with; all, where it is None.
    stem : Stem
    """

    index: IntArray
    input_ids: Tensor
    targets: Tensor
    is_target: Tensor
    is_text: Tensor
    embedded: Tensor
    lengths: IntArray | None = field(default=None, kw_only=True)
    stem: Stem = field(default_factory=Stem, kw_only=True)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_tokens(self) -> int:
        """Places of a row."""
        return self.input_ids.shape[1]

    def rows(self, texts: Sequence[int]) -> Self:
        """Return the batch of the given rows only."""
        parts = (self.input_ids, self.targets, self.is_target, self.is_text, self.embedded)
        index = self.index[list(texts)]
        lengths = self.lengths_of(list(texts))
        return type(self)(index, *(part[list(texts)] for part in parts), lengths=lengths)

    def lengths_of(self, texts: Sequence[int] | IntArray) -> IntArray | None:
        """Return the lengths of rows, if they differ."""
        return None if self.lengths is None else self.lengths[texts]


def batches(
    rows: Sequence[Sequence[int]],
    backbone: Backbone,
    *,
    prefixes: Sequence[Sequence[int]] | None = None,
    reads_last: bool = False,
    max_batch_tokens: int = 4096,
    n_at_once: int = 1,
) -> Iterator[Batch]:
    """Group tokenised texts into batches that layers are called on together, shortest first.

    Short ones by the room that they take, where the backbone packs them, others by the length
    that they are padded to.

    Parameters
    ----------
    rows : sequence of token id sequences
        Texts without start token. Texts without tokens are left out.
    prefixes : sequence of token id sequences, optional
        Context that stands between the start token and each text; its tokens are not scored. Where
        the model has no positions for all, it is cut from its left.
    reads_last : bool
        Also feed each text's last token, which no loss needs but a state over the text does.
    max_batch_tokens : int
        Upper bound of rows × padded length, or of all tokens of short texts, each of which counts
        a quarter of its places at least; but for single rows.
    n_at_once : int
        How many batches the caller works on at once: there are a multiple of them, where short
        texts are enough for that.
    """
    if prefixes is not None:
        room = [max(0, backbone.max_positions - 1 - len(row)) for row in rows]
        prefixes = [p[max(0, len(p) - n) :] for p, n in zip(prefixes, room, strict=True)]
    n_tokens = np.asarray([len(row) for row in rows], np.int64)
    fed = n_tokens + reads_last
    if prefixes is not None:
        fed += np.asarray([len(prefix) for prefix in prefixes], np.int64)
    padded = backbone.padded_lengths(fed)
    groups: dict[tuple[int, bool], list[int]] = {}
    for i, n in enumerate(padded.tolist()):
        if rows[i]:
            is_packed = backbone.packs and is_short(n)
            groups.setdefault((width(n) if is_packed else n, is_packed), []).append(i)
    for (n_places, is_packed), members in sorted(groups.items()):
        if is_packed:
            index = np.asarray(members)
            counted = np.maximum(fed[index], n_places // _MOST_EMPTY)
            for own in _evenly(index, counted, max_batch_tokens, n_at_once):
                yield _batch(own.tolist(), n_places, rows, prefixes, backbone, lengths=fed[own])
        else:
            n_rows = max(1, max_batch_tokens // n_places)
            for start in range(0, len(members), n_rows):
                yield _batch(members[start : start + n_rows], n_places, rows, prefixes, backbone)


def _evenly(index: IntArray, n_tokens: IntArray, most: int, n_at_once: int) -> Iterator[IntArray]:
    """Yield texts in parts of about as many tokens each, and no more than `most`, but for one.

    A multiple of `n_at_once` parts, where these are no less than a small block.
    """
    total = int(n_tokens.sum())
    n_parts = -(-total // max(1, most - int(n_tokens.max())))
    if total >= n_at_once * _SMALL_PART:
        n_parts = -(-n_parts // n_at_once) * n_at_once
    part = (np.cumsum(n_tokens) - n_tokens) * n_parts // total
    yield from np.split(index, np.flatnonzero(np.diff(part)) + 1)


@lanes()
def _batch(
    index: list[int],
    n_tokens: int,
    rows: Sequence[Sequence[int]],
    prefixes: Sequence[Sequence[int]] | None,
    backbone: Backbone,
    *,
    lengths: IntArray | None = None,
) -> Batch:
    input_ids = torch.full((len(index), n_tokens), backbone.start_token)
    targets = torch.zeros((len(index), n_tokens), dtype=torch.int64)
    is_target = torch.zeros((len(index), n_tokens), dtype=torch.bool)
    is_text = torch.zeros_like(is_target)
    for r, i in enumerate(index):
        prefix = list(prefixes[i]) if prefixes is not None else []
        sequence = [backbone.start_token, *prefix, *rows[i]]
        # The last token too where there is room for it.
        fed = min(len(sequence), n_tokens if lengths is None else lengths[r])
        input_ids[r, :fed] = torch.tensor(sequence[:fed])
        targets[r, : len(sequence) - 1] = torch.tensor(sequence[1:])
        is_target[r, len(prefix) : len(sequence) - 1] = True
        is_text[r, len(prefix) + 1 : fed] = True
    device = backbone.device
    embedded = _embedded(backbone, input_ids.to(device), lengths)
    parts = (input_ids, targets, is_target, is_text, embedded)
    return Batch(np.asarray(index), *(part.to(device) for part in parts), lengths=lengths)


def _embedded(backbone: Backbone, ids: Tensor, lengths: IntArray | None) -> Tensor:
    """Return what the first layer gets of token ids, each row as if it were padded alone."""
    if lengths is None:
        return backbone.embed(ids).float()
    padded = backbone.padded_lengths(lengths)
    parts = {
        n: backbone.embed(ids[np.flatnonzero(padded == n), :n]) for n in np.unique(padded).tolist()
    }
    hidden_size = next(iter(parts.values())).shape[-1]
    found = torch.zeros(*ids.shape, hidden_size, dtype=torch.float32, device=ids.device)
    for n, part in parts.items():
        found[np.flatnonzero(padded == n), :n] = part.float()
    return found


def gradient_of_means(batch: Batch, gradients: Tensor) -> Tensor:
    """Return the gradient of each text's mean loss by its states, (n_texts, n_tokens, hidden).

    Parameters
    ----------
    batch : Batch
    gradients : (n_targets, hidden)
        Of each target's loss by the state that predicts it.
    """
    gradient = gradients.new_zeros((*batch.is_target.shape, gradients.shape[-1]))
    gradient[batch.is_target] = gradients
    return gradient / batch.is_target.sum(1)[:, None, None]
