"""The left-to-right sweep: programs of every length in one pass over the layers.

For each depth and number of skips the states closest to the full program's state there are
kept, so a layer is called once for each of them and not once for each program.
"""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from polar_detect.arrays import BoolArray, Float32Array, IntArray
from polar_detect.executor.batches import Batch
from polar_detect.executor.decoder import Executor
from polar_detect.numerics.blocks import by_blocks
from polar_detect.program import Program
from polar_detect.search.protocol import Answer, Sweep

_NATS_PER_DISTANCE = 4.0  # what skipping a layer costs, by how far the layer turns the state
_BLOCK_TOKENS = 512  # whose distances are measured together


@dataclass(frozen=True, eq=False)
class _Rows:
    """States that are alive at one depth.

    Parameters
    ----------
    both : (2 · n_rows, n_tokens, hidden)
        The states, below the place for what the next layer makes of them.
    texts, n_skips : (n_rows,) int64
        Sorted by text, then by skips.
    called : (n_rows, n_layers) bool
        Layers that led to the state.
    """

    both: Tensor
    texts: IntArray
    n_skips: IntArray
    called: BoolArray

    @property
    def states(self) -> Tensor:
        """The states themselves, (n_rows, n_tokens, hidden)."""
        return self.both[len(self.texts) :]


@torch.no_grad()
def sweep(executor: Executor, batch: Batch, wish: Sweep) -> list[Answer]:
    """Answer `wish` for every row of `batch`: programs, full one first, and their losses.

    Closeness is the cosine between hidden states, mean over the positions that predict a
    token of the text. Spends at most width · n_layers · (n_layers + 1) / 2 layer calls a text.

    Source: CLaSp, arXiv 2505.24196, section 3.3 (dynamic program for skipped layers).
    """
    backbone = executor.backbone
    rows = _start(executor, batch)
    turned = []
    end = replace(wish, max_distance=None)  # states there are called no more
    for layer in range(backbone.n_layers):
        executor.count(batch, Counter(rows.texts.tolist()))
        made = rows.both[: len(rows.texts)]
        backbone.apply(layer, rows.states, lengths=batch.lengths_of(rows.texts), out=made)
        distances = _to_full(rows, batch)
        turned.append(distances[len(rows.texts) :][rows.n_skips == 0])
        is_last = layer == backbone.n_layers - 1
        rows = _step(rows, layer, distances, end if is_last else wish)
    influences = _NATS_PER_DISTANCE * np.stack(turned, 1)
    texts = torch.from_numpy(rows.texts).to(backbone.device)
    places = torch.arange(len(texts), device=texts.device)
    losses = executor.final_losses(batch, texts, rows.states, places).cpu().numpy()
    programs = [Program(tuple(np.flatnonzero(row).tolist())) for row in rows.called]
    stops = np.searchsorted(rows.texts, np.arange(len(batch) + 1))
    return [
        Answer(losses[start:stop], programs=tuple(programs[start:stop]), influences=own)
        for own, (start, stop) in zip(influences, pairwise(stops), strict=True)
    ]


def _start(executor: Executor, batch: Batch) -> _Rows:
    n_texts, n_layers = len(batch), executor.n_layers
    return _Rows(
        torch.cat([torch.zeros_like(batch.embedded), batch.embedded]),
        np.arange(n_texts),
        np.zeros(n_texts, np.int64),
        np.zeros((n_texts, n_layers), bool),
    )


def _to_full(rows: _Rows, batch: Batch) -> Float32Array:
    """Return how far the states after a layer, then before it, are from the full program's next.

    In blocks of one shape, so that a distance is the same in any company.
    """
    is_full = rows.n_skips == 0  # one row a text, in the order of the texts
    device = rows.both.device
    full = torch.from_numpy(np.flatnonzero(is_full)).to(device)
    directions = F.normalize(rows.both[full], dim=-1)
    weights = batch.is_target.float()
    weights /= weights.sum(1, keepdim=True)

    def distances(states: Tensor, texts: Tensor) -> tuple[Tensor]:
        along = (states * directions[texts]).sum(-1)
        cosines = along / torch.linalg.vector_norm(states, dim=-1)
        own = weights[texts]
        return (1 - torch.where(own > 0, cosines * own, 0).sum(1),)

    texts = torch.from_numpy(np.concatenate([rows.texts, rows.texts])).to(device)
    count = max(1, _BLOCK_TOKENS // batch.n_tokens)
    (found,) = by_blocks(distances, rows.both, texts, counts=(count,))
    both: Float32Array = found.cpu().numpy()
    return both


def _step(rows: _Rows, layer: int, distances: Float32Array, wish: Sweep) -> _Rows:
    """Return what is kept of each state with the layer called, and with the layer skipped."""
    owner = np.concatenate([rows.texts, rows.texts])
    n_skips = np.concatenate([rows.n_skips, rows.n_skips + 1])
    kept = _closest(owner, n_skips, distances, wish)
    called = rows.called.copy()
    called[:, layer] = True
    both = rows.both.new_zeros((2 * len(kept), *rows.both.shape[1:]))
    source = torch.from_numpy(kept).to(both.device)
    torch.index_select(rows.both, 0, source, out=both[len(kept) :])
    return _Rows(both, owner[kept], n_skips[kept], np.concatenate([called, rows.called])[kept])


def _closest(
    owner: IntArray,
    n_skips: IntArray,
    distances: Float32Array,
    wish: Sweep,
) -> IntArray:
    """Return the places of the `width` closest states of each text and number of skips."""
    order = np.lexsort((distances, n_skips, owner))
    group = np.stack([owner[order], n_skips[order]], 1)
    is_first = np.r_[True, (group[1:] != group[:-1]).any(1)]
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))
    is_kept = np.arange(len(order)) - start < wish.width
    if wish.max_skips is not None:
        is_kept &= n_skips[order] <= wish.max_skips
    if wish.max_distance is not None:
        is_kept &= (distances[order] <= wish.max_distance) | (n_skips[order] == 0)
    kept: IntArray = order[is_kept]
    return kept
