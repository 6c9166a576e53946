"""When a program still does the job: the same loss, the same predictions, a given answer.

A search compares numbers, so each criterion is one: the loss itself, or the *margin* by which
the wanted token is beaten by another one, in logits. A margin of at most zero means that the
wanted token is the argmax, and unlike a yes or no it says how far a program is from it.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.functional import vjp

from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.read_out import BLOCK
from polar_detect.errors import InputError
from polar_detect.executor.batches import Batch
from polar_detect.executor.decoder import Executor
from polar_detect.numerics.blocks import by_blocks
from polar_detect.statistics.shares import count_of


class Criterion(Protocol):
    """What a program is measured by, and what a valid program may measure."""

    def prepare(self, executor: Executor, batch: Batch) -> tuple[Executor, Batch]:
        """Return the executor and batch with which losses are this criterion's measure."""
        ...

    def limit(self, full: float) -> float:
        """Return what a valid program measures at most, given the full program's measure."""
        ...


def check_tolerance(tolerance: float) -> None:
    """Raise `InputError` unless a tolerance is a finite number from 0 on."""
    if not 0 <= tolerance < math.inf:
        raise InputError(
            f"Got tolerance {tolerance}; expected a finite number from 0 on; choose one, e.g. 0.1."
        )


@dataclass(frozen=True, slots=True)
class SameLoss:
    """Mean next-token loss within `tolerance` nats per token of the full program's."""

    tolerance: float = 0.1

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)

    def prepare(self, executor: Executor, batch: Batch) -> tuple[Executor, Batch]:
        """Return both as they are."""
        return executor, batch

    def limit(self, full: float) -> float:
        """Return the full program's loss plus the tolerance."""
        return full + self.tolerance


@dataclass(frozen=True, slots=True)
class SamePrediction:
    """The full program's top-1 token at a share of at least `agreement` of the positions."""

    agreement: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.agreement <= 1:
            raise InputError(
                f"Got agreement {self.agreement}; expected a share of the positions, above 0 and "
                "up to 1; choose one, e.g. 0.9."
            )

    def prepare(self, executor: Executor, batch: Batch) -> tuple[Executor, Batch]:
        """Return a margin executor, and the batch with the full program's tokens as targets."""
        tokens = top_tokens(executor, batch)
        return MarginExecutor(executor, self.agreement), replace(batch, targets=tokens)

    def limit(self, full: float) -> float:
        """Return zero: no margin."""
        del full
        return 0.0


@dataclass(frozen=True, slots=True)
class SameAnswer:
    """The argmax is the answer's token at every position of an answer behind a prompt.

    Texts are the answers and prefixes the prompts. One teacher-forced pass says whether
    greedy decoding reproduces the answer: up to the first wrong token both see the same.
    This is the paper's reward for exact match, without generating.

    Source: PoLar, arXiv 2606.06574, section 4.
    """

    def prepare(self, executor: Executor, batch: Batch) -> tuple[Executor, Batch]:
        """Return a margin executor, and the batch as it is."""
        return MarginExecutor(executor, 1.0), batch

    def limit(self, full: float) -> float:
        """Return zero: no margin. Where the full program answers something else it has one."""
        del full
        return 0.0


class MarginExecutor(Executor):
    """Runs programs and reads out margins where `Executor` reads out losses.

    Parameters
    ----------
    executor : Executor
        Whose backbone runs, and whose account is charged.
    agreement : float
        Share of the target positions that have to be right.
    """

    def __init__(self, executor: Executor, agreement: float) -> None:
        super().__init__(executor.backbone)
        self.spent = executor.spent
        self._agreement = agreement

    @property
    def screens(self) -> bool:
        """No: a margin is one to all other words."""
        return False

    def mean_losses(
        self, batch: Batch, texts: Tensor, states: Tensor, *, precise: bool = False
    ) -> Tensor:
        """Return per row the margin at the worst of the positions that have to be right, (n,).

        With n positions of which a share has to be right, it is at most zero exactly when
        at least that many are.
        """
        is_target = batch.is_target[texts]
        margins = _margins(
            self.backbone, states[is_target], batch.targets[texts][is_target], precise=precise
        )
        counts = is_target.sum(1).tolist()
        worst = []
        for own in torch.split(margins, counts):
            n_right = count_of(self._agreement, len(own))
            worst.append(own.kthvalue(n_right).values)
        return torch.stack(worst)

    def read_back(self, batch: Batch, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return each text's margin, (n_texts,), and its gradient by the final states."""
        every = torch.arange(len(batch), device=states.device)
        ones = states.new_ones(len(batch))
        margins, gradient = vjp(partial(self.mean_losses, batch, every), states, ones)
        return margins, gradient


@torch.no_grad()
def top_tokens(executor: Executor, batch: Batch) -> Tensor:
    """Return the full program's most likely token at every target position, float32.

    Returns
    -------
    (n_texts, n_tokens) int64
        Zero where there is no target.
    """
    backbone = executor.backbone
    executor.count(batch, dict.fromkeys(range(len(batch)), backbone.n_layers))
    states = batch.embedded
    for layer in range(backbone.n_layers):
        states = backbone.apply(layer, states, lengths=batch.lengths, form="precise")
    (tokens,) = by_blocks(
        lambda rows: (backbone.logits(rows).argmax(-1),), states[batch.is_target], counts=(BLOCK,)
    )
    return torch.zeros_like(batch.targets).masked_scatter(batch.is_target, tokens)


def _margins(backbone: Backbone, states: Tensor, targets: Tensor, *, precise: bool) -> Tensor:
    """Return how far the best other token is above each target, (n,) in logits.

    Of equal tokens the first is the argmax, so that one before the target is above it by a hair.
    """
    hair = torch.finfo(torch.float32).tiny

    def block(rows: Tensor, target: Tensor) -> tuple[Tensor]:
        logits = backbone.logits(rows, precise=precise)
        own = logits.gather(1, target[:, None])
        others = logits.scatter(1, target[:, None], -torch.inf)
        best, token = others.max(1)
        return (best - own.squeeze(1) + hair * (token < target),)

    (margins,) = by_blocks(block, states, targets, counts=(BLOCK,))
    return margins
