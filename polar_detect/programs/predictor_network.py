"""What a predictor is inside: two linear layers, their training, and the beam over their logits.

The network says of each layer whether a segment starts there and what its op is. So does
PoLar's (polar/model.py of its code), from token embeddings of another model.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from polar_detect.arrays import Float32Array
from polar_detect.program import Program

MAX_SEGMENT = 4
NO_OP = -100  # stands at layers at which no segment starts
_N_OPS = 3  # skip, keep, repeat: as often as the segment runs


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """How a predictor is trained.

    Parameters
    ----------
    n_depths : int
        Depths whose mean states it reads: the last one, and others at even distances before it.
    n_hidden : int
        Units between its two linear layers.
    n_epochs : int
        Passes over all training texts, of which the best on a fifth of them is kept.
    learning_rate, weight_decay, dropout : float
    seed : int
    """

    n_depths: int = 4
    n_hidden: int = 64
    n_epochs: int = 200
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    dropout: float = 0.3
    seed: int = 0


class ProgramNetwork(nn.Module):
    """Two linear layers, from states to the logits of a segment's start and of its op."""

    def __init__(self, n_inputs: int, n_layers: int, settings: PredictorSettings) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.body = nn.Sequential(
            nn.Linear(n_inputs, settings.n_hidden), nn.GELU(), nn.Dropout(settings.dropout)
        )
        self.head = nn.Linear(settings.n_hidden, n_layers * (1 + _N_OPS))

    def forward(self, states: Tensor) -> Tensor:
        """Return (n_texts, n_layers, 4)."""
        out: Tensor = self.head(self.body(states))
        return out.view(len(states), self.n_layers, 1 + _N_OPS)

    def start_from(self, ops: Tensor) -> None:
        """Say what the programs say on average; what the text says is learned on top."""
        starts = ops != NO_OP
        share = (starts.sum(0) + 0.5) / (len(ops) + 1)
        counts = torch.stack([(ops == op).sum(0) for op in range(_N_OPS)], 1) + 0.5
        bias = torch.cat([torch.logit(share)[:, None], counts.log()], 1)
        nn.init.zeros_(self.head.weight)
        self.head.bias.data = bias.flatten()


def trained(states: Tensor, ops: Tensor, settings: PredictorSettings) -> ProgramNetwork:
    """Train on standardised states (n_texts, n_inputs) and ops (n_texts, n_layers) int64.

    An op is `NO_OP` at layers at which no segment starts.
    """
    n_texts, n_layers = ops.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ProgramNetwork(states.shape[1], n_layers, settings)
        order = torch.randperm(n_texts)
        held_out, used = order[: n_texts // 5], order[n_texts // 5 :]
        network.start_from(ops[used])
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        best, best_loss = _copy_of(network), _held_out_loss(network, states, ops, held_out)
        for _ in range(settings.n_epochs):
            optimiser.zero_grad()
            _loss(network.train()(states[used]), ops[used]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            loss = _held_out_loss(network, states, ops, held_out)
            if loss < best_loss:
                best, best_loss = _copy_of(network), loss
    network.load_state_dict(best)
    return network


@torch.no_grad()
def _held_out_loss(network: ProgramNetwork, states: Tensor, ops: Tensor, rows: Tensor) -> float:
    return _loss(network.eval()(states[rows]), ops[rows]).item()


def _loss(out: Tensor, ops: Tensor) -> Tensor:
    """Return the loss of a text's program: its segments, and the op of each; mean over texts."""
    starts = (ops[:, 1:] != NO_OP).float()
    segments = binary_cross_entropy_with_logits(out[:, 1:, 0], starts, reduction="sum")
    own = cross_entropy(out[:, :, 1:].flatten(0, 1), ops.flatten(), reduction="sum")
    return (segments + own) / len(ops)


def _copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def beam_decode(starts: Float32Array, ops: Float32Array, n_programs: int) -> list[Program]:
    """Return the most probable programs of one text, distinct, most probable first.

    A segment of layers i … j - 1 that runs with some op is as probable as its op at i, that
    no other segment starts within it, and that one starts at j. What follows a layer does not
    depend on what came before it, so a beam as wide as the answer loses nothing.

    Parameters
    ----------
    starts : (n_layers,) float32
        Log-odds that a segment starts at a layer.
    ops : (n_layers, 3) float32
        Log-probabilities of the op of a segment that starts at a layer.
    n_programs : int
    """
    n_layers = len(starts)
    log_odds = torch.from_numpy(np.asarray(starts, np.float64))
    starts_there, goes_on = logsigmoid(log_odds).tolist(), logsigmoid(-log_odds).tolist()
    beams: list[dict[tuple[int, ...], float]] = [{} for _ in range(n_layers + 1)]
    beams[0][()] = 0.0
    for first in range(n_layers):
        kept = _best(beams[first], n_programs)
        for stop in range(first + 1, min(first + MAX_SEGMENT, n_layers) + 1):
            width = sum(goes_on[first + 1 : stop]) + (starts_there[stop] if stop < n_layers else 0)
            for op, log_p in enumerate(ops[first].tolist()):
                calls = tuple(range(first, stop)) * op
                for before, total in kept:
                    written, p = (*before, *calls), total + width + log_p
                    # The same program in other segments: its likeliest way of being written.
                    beams[stop][written] = max(p, beams[stop].get(written, p))
    return [Program(calls) for calls, _ in _best(beams[n_layers], n_programs)]


def _best(beam: dict[tuple[int, ...], float], n: int) -> list[tuple[tuple[int, ...], float]]:
    return sorted(beam.items(), key=lambda item: (-item[1], item[0]))[:n]
