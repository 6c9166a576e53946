"""Tokenised texts of one padded length, which layers are called on together.

Texts are padded on the right to a length that depends on the text alone, and run beside
texts of the same padded length: under causal attention neither the padding nor the company
changes a text's result, so no mask is needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polar_detect.backbone.decoder import Backbone
from polar_detect.numerics.lanes import lanes


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
    """Tokenised texts of one padded length.

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
    stem : Stem
    """

    index: NDArray[np.int64]
    input_ids: Tensor
    targets: Tensor
    is_target: Tensor
    is_text: Tensor
    embedded: Tensor
    stem: Stem = field(default_factory=Stem, kw_only=True)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_tokens(self) -> int:
        """Padded length."""
        return self.input_ids.shape[1]

    def rows(self, texts: Sequence[int]) -> Self:
        """Return the batch of the given rows only."""
        parts = (self.input_ids, self.targets, self.is_target, self.is_text, self.embedded)
        return type(self)(self.index[list(texts)], *(part[list(texts)] for part in parts))


def padded_length(n_tokens: int) -> int:
    """Return the length that a row of `n_tokens` is padded to; depends on nothing else."""
    step = 4 if n_tokens <= 32 else 8 if n_tokens <= 128 else 32
    return -(-n_tokens // step) * step


def batches(
    rows: Sequence[Sequence[int]],
    backbone: Backbone,
    *,
    prefixes: Sequence[Sequence[int]] | None = None,
    reads_last: bool = False,
    max_batch_tokens: int = 4096,
) -> Iterator[Batch]:
    """Group tokenised texts into batches of equal padded length, shortest first.

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
        Upper bound of rows × padded length, but for single rows.
    """
    if prefixes is not None:
        room = [max(0, backbone.max_positions - 1 - len(row)) for row in rows]
        prefixes = [p[max(0, len(p) - n) :] for p, n in zip(prefixes, room, strict=True)]
    lengths: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        if row:
            n_tokens = len(row) + reads_last + (len(prefixes[i]) if prefixes is not None else 0)
            padded = min(padded_length(n_tokens), backbone.max_positions)
            lengths.setdefault(padded, []).append(i)
    for n_tokens, members in sorted(lengths.items()):
        n_rows = max(1, max_batch_tokens // n_tokens)
        for start in range(0, len(members), n_rows):
            index = members[start : start + n_rows]
            yield _batch(index, n_tokens, rows, prefixes, backbone)


@lanes()
def _batch(
    index: list[int],
    n_tokens: int,
    rows: Sequence[Sequence[int]],
    prefixes: Sequence[Sequence[int]] | None,
    backbone: Backbone,
) -> Batch:
    input_ids = torch.full((len(index), n_tokens), backbone.start_token)
    targets = torch.zeros((len(index), n_tokens), dtype=torch.int64)
    is_target = torch.zeros((len(index), n_tokens), dtype=torch.bool)
    is_text = torch.zeros_like(is_target)
    for r, i in enumerate(index):
        prefix = list(prefixes[i]) if prefixes is not None else []
        sequence = [backbone.start_token, *prefix, *rows[i]]
        fed = min(len(sequence), n_tokens)  # the last token too where there is room for it
        input_ids[r, :fed] = torch.tensor(sequence[:fed])
        targets[r, : len(sequence) - 1] = torch.tensor(sequence[1:])
        is_target[r, len(prefix) : len(sequence) - 1] = True
        is_text[r, len(prefix) + 1 : fed] = True
    device = backbone.device
    embedded = backbone.embed(input_ids.to(device)).float()
    parts = (input_ids, targets, is_target, is_text, embedded)
    return Batch(np.asarray(index), *(part.to(device) for part in parts))


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
