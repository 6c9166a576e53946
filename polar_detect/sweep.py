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
from numpy.typing import NDArray
from torch import Tensor

from polar_detect.executor import Batch, Executor
from polar_detect.program import Program
from polar_detect.search.protocol import Answer, Sweep

_NATS_PER_DISTANCE = 4.0  # what skipping a layer costs, by how far the layer turns the state


@dataclass(frozen=True)
class _Rows:
    """States that are alive at one depth.

    Parameters
    ----------
    states : (n_rows, n_tokens, hidden)
    texts, n_skips : (n_rows,) int64
        Sorted by text, then by skips.
    called : (n_rows, n_layers) bool
        Layers that led to the state.
    """

    states: Tensor
    texts: NDArray[np.int64]
    n_skips: NDArray[np.int64]
    called: NDArray[np.bool_]


@torch.no_grad()
def sweep(executor: Executor, batch: Batch, wish: Sweep) -> list[Answer]:
    """Answer `wish` for every row of `batch`: programs, full one first, and their losses.

    Closeness is the cosine between hidden states, mean over the positions that predict a
    token of the text. Spends at most width · n_layers · (n_layers + 1) / 2 layer calls a text.

    Source: CLaSp, arXiv 2505.24196, section 3.3 (dynamic program for skipped layers).
    """
    backbone = executor.backbone
    rows = _start(executor, batch)
    influences = []
    end = replace(wish, max_distance=None)  # states there are called no more
    for layer in range(backbone.n_layers):
        executor.count(batch, Counter(rows.texts.tolist()))
        after = backbone.apply(layer, rows.states)
        distances = _to_full(rows, after, batch)
        influences.append(distances[len(rows.texts) :][rows.n_skips == 0])
        is_last = layer == backbone.n_layers - 1
        rows = _step(rows, after, layer, distances, end if is_last else wish)
    harms = _NATS_PER_DISTANCE * np.stack(influences, 1)
    texts = torch.from_numpy(rows.texts).to(backbone.device)
    losses = executor.mean_losses(batch, texts, rows.states).cpu().numpy()
    programs = [Program(tuple(np.flatnonzero(row).tolist())) for row in rows.called]
    stops = np.searchsorted(rows.texts, np.arange(len(batch) + 1))
    return [
        Answer(losses[start:stop], harms[text], tuple(programs[start:stop]))
        for text, (start, stop) in enumerate(pairwise(stops))
    ]


def _start(executor: Executor, batch: Batch) -> _Rows:
    n_texts, n_layers = len(batch), executor.backbone.n_layers
    return _Rows(
        batch.embedded,
        np.arange(n_texts),
        np.zeros(n_texts, np.int64),
        np.zeros((n_texts, n_layers), bool),
    )


def _to_full(rows: _Rows, after: Tensor, batch: Batch) -> NDArray[np.float32]:
    """Return how far `after`, then the states before, are from the full program's next state."""
    is_full = rows.n_skips == 0  # one row a text, in the order of the texts
    directions = F.normalize(after[torch.from_numpy(is_full).to(after.device)], dim=-1)
    weights = batch.is_target.float()
    weights /= weights.sum(1, keepdim=True)
    counts = np.bincount(rows.texts).tolist()
    distances = []
    for states in (after, rows.states):
        parts = zip(torch.split(states, counts), directions, weights, strict=True)
        distances += [1 - _mean_cosines(*part) for part in parts]
    both: NDArray[np.float32] = torch.cat(distances).cpu().numpy()
    return both


def _mean_cosines(states: Tensor, direction: Tensor, weight: Tensor) -> Tensor:
    """Return the mean cosine over tokens of states (n, n_tokens, hidden) of one text, (n,).

    As a product for each token: a third of the time of `F.cosine_similarity`, which writes
    what it sums up.
    """
    along = torch.bmm(states.transpose(0, 1), direction[:, :, None])[:, :, 0]
    cosines: Tensor = along / torch.linalg.vector_norm(states, dim=-1).T
    return (cosines * weight[:, None]).sum(0)


def _step(
    rows: _Rows, after: Tensor, layer: int, distances: NDArray[np.float32], wish: Sweep
) -> _Rows:
    """Return what is kept of each state with the layer called, and with the layer skipped."""
    owner = np.concatenate([rows.texts, rows.texts])
    n_skips = np.concatenate([rows.n_skips, rows.n_skips + 1])
    kept = _closest(owner, n_skips, distances, wish)
    called = rows.called.copy()
    called[:, layer] = True
    both = np.concatenate([called, rows.called])[kept]
    source = torch.from_numpy(kept).to(after.device)
    states = torch.cat([after, rows.states])[source]
    return _Rows(states, owner[kept], n_skips[kept], both)


def _closest(
    owner: NDArray[np.int64],
    n_skips: NDArray[np.int64],
    distances: NDArray[np.float32],
    wish: Sweep,
) -> NDArray[np.int64]:
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
    kept: NDArray[np.int64] = order[is_kept]
    return kept
