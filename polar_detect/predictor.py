"""A small network that proposes programs for a text from its hidden states.

Proposals are guesses: `minimal_predicted_programs` runs them and returns only what is valid.
Source: PoLar, arXiv 2606.06574 (single-shot prediction); RE-PoLar, arXiv 2609.31360, reports
that such predictors collapse to one program.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from polar_detect.criteria import SameLoss
from polar_detect.errors import InputError
from polar_detect.executor import Executor, batches
from polar_detect.minimal import MinimalProgram, no_program, record_verified, verify
from polar_detect.program import Program
from polar_detect.schedule import Job
from polar_detect.search import Candidate, Found

Array = NDArray[np.float32]

_SKIP, _KEEP, _REPEAT = range(3)
_N_OPS = 3
_RUNS = {_SKIP: 0, _KEEP: 1, _REPEAT: 2}


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


class ProgramPredictor:
    """Skip / keep / repeat logits of each layer, decoded into the most probable programs.

    Parameters
    ----------
    network : Module
        From standardised states (n_texts, n_depths · hidden) to (n_texts, n_layers · 3).
    mean, scale : (n_depths · hidden,) float32
    settings : PredictorSettings
    n_layers : int
    """

    def __init__(
        self,
        network: nn.Module,
        mean: Tensor,
        scale: Tensor,
        settings: PredictorSettings,
        n_layers: int,
    ) -> None:
        self._network = network.eval()
        self._mean, self._scale = mean, scale
        self._settings = settings
        self.n_layers = n_layers

    @classmethod
    def fit(
        cls,
        trajectories: Array,
        programs: Sequence[Program],
        settings: PredictorSettings | None = None,
    ) -> "ProgramPredictor":
        """Train on searched programs.

        Parameters
        ----------
        trajectories : (n_texts, n_layers + 1, hidden) float32
            As `polar_detect.signature.Traces` has them.
        programs : sequence of Program
            The minimal program of each text; an op of a layer is how often it is called.

        Raises
        ------
        InputError
            When there are fewer than 10 texts, or not one program for each.
        """
        settings = settings or PredictorSettings()
        if len(programs) < 10 or len(programs) != len(trajectories):
            raise InputError(
                f"Got {len(trajectories)} texts and {len(programs)} programs; expected 10 or more "
                "texts with a program each; search more training texts."
            )
        n_layers = trajectories.shape[1] - 1
        states = _at_depths(trajectories, settings.n_depths)
        mean, scale = states.mean(0), states.std(0).clamp_min(1e-6)
        ops = torch.tensor([[min(n, 2) for n in p.counts(n_layers)] for p in programs])
        network = _trained((states - mean) / scale, ops, settings)
        return cls(network, mean, scale, settings, n_layers)

    @torch.no_grad()
    def log_probabilities(self, trajectories: Array) -> Array:
        """Return the log-probability of each op, (n_texts, n_layers, 3) float32."""
        states = _at_depths(trajectories, self._settings.n_depths)
        logits = self._network((states - self._mean) / self._scale)
        probabilities = torch.log_softmax(logits.view(len(states), self.n_layers, _N_OPS), -1)
        return np.asarray(probabilities.numpy(), np.float32)

    def propose(self, trajectories: Array, *, n_programs: int = 8) -> list[list[Program]]:
        """Return the most probable programs of each text, distinct, most probable first."""
        return [_beam(text, n_programs) for text in self.log_probabilities(trajectories)]


def minimal_predicted_programs(
    executor: Executor,
    rows: Sequence[Sequence[int]],
    proposals: Sequence[Sequence[Program]],
    *,
    tolerance: float = 0.1,
) -> list[MinimalProgram]:
    """Return the shortest valid proposal of each text, else the full program; verified.

    Parameters
    ----------
    executor : Executor
    rows : sequence of token id sequences
        Texts without start token.
    proposals : one sequence of Program per text
    tolerance : float
        Nats per token by which a valid program's loss may exceed the full program's.
    """
    full = Program.full(executor.backbone.n_layers)
    results = [no_program(executor.backbone.n_layers)] * len(rows)
    executor.spent.clear()
    for batch in batches(rows, executor.backbone, max_batch_tokens=512):
        asked = [(full, *proposals[int(text)]) for text in batch.index]
        jobs = [Job(row, program) for row, own in enumerate(asked) for program in own]
        losses = np.split(executor.losses(batch, jobs), np.cumsum([len(own) for own in asked])[:-1])
        found = {
            row: _valid(own, own_losses.tolist(), tolerance)
            for row, (own, own_losses) in enumerate(zip(asked, losses, strict=True))
        }
        verified = verify(executor, batch, found, SameLoss(tolerance).limit)
        record_verified(results, executor, batch, verified)
    return results


def _valid(programs: Sequence[Program], losses: Sequence[float], tolerance: float) -> Found:
    met = [Candidate(p, loss) for p, loss in zip(programs, losses, strict=True)]
    valid = [candidate for candidate in met if candidate.loss <= losses[0] + tolerance]
    return Found(losses[0], tuple(sorted(valid, key=lambda c: (len(c.program), c.loss))))


def _beam(log_probabilities: Array, n_programs: int) -> list[Program]:
    """Return the best `n_programs` choices of an op per layer, best first.

    The layers' ops are independent, so a beam as wide as the answer loses nothing.
    """
    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for layer, ops in enumerate(log_probabilities.tolist()):
        longer = [
            (total + ops[op], (*calls, *(layer,) * _RUNS[op]))
            for total, calls in beam
            for op in range(_N_OPS)
        ]
        beam = sorted(longer, key=lambda item: -item[0])[:n_programs]
    return [Program(calls) for _, calls in beam]


def _at_depths(trajectories: Array, n_depths: int) -> Tensor:
    """Return the states at some depths, (n_texts, n_depths · hidden); none for no tokens."""
    n_layers = trajectories.shape[1] - 1
    depths = np.linspace(0, n_layers, n_depths + 1).round().astype(int)[1:]
    chosen = np.nan_to_num(trajectories[:, depths])
    return torch.from_numpy(chosen.reshape(len(chosen), -1).astype(np.float32))


def _trained(states: Tensor, ops: Tensor, settings: PredictorSettings) -> nn.Module:
    n_texts, n_layers = ops.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        head = nn.Linear(settings.n_hidden, n_layers * _N_OPS)
        network = nn.Sequential(
            nn.Linear(states.shape[1], settings.n_hidden),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            head,
        )
        order = torch.randperm(n_texts)
        held_out, used = order[: n_texts // 5], order[n_texts // 5 :]
        # Starts as the share of each op in each layer; what the text says is learned on top.
        shares = torch.nn.functional.one_hot(ops[used], _N_OPS).float().mean(0)
        nn.init.zeros_(head.weight)
        head.bias.data = (shares + 0.5 / len(used)).log().flatten()
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        best, best_loss = _copy_of(network), _loss(network.eval(), states, ops, held_out).item()
        for _ in range(settings.n_epochs):
            optimiser.zero_grad()
            _loss(network.train(), states, ops, used).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            with torch.no_grad():
                loss = _loss(network.eval(), states, ops, held_out).item()
            if loss < best_loss:
                best, best_loss = _copy_of(network), loss
    network.load_state_dict(best)
    return network


def _loss(network: nn.Module, states: Tensor, ops: Tensor, rows: Tensor) -> Tensor:
    logits = network(states[rows]).view(-1, _N_OPS)
    return nn.functional.cross_entropy(logits, ops[rows].flatten())


def _copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}
