"""Searches that leave out call after call: greedy, and guided by first-order estimates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polar_detect.program import Program
from polar_detect.search.protocol import (
    Candidate,
    Log,
    Query,
    Search,
    check_counts,
    length_then_loss,
    without,
)


def greedy(n_layers: int, *, tolerance: float) -> Search:
    """Leave out the call that costs least, as long as the program stays valid.

    Evaluates every one-call removal at every length: thorough, some 4,000 layer calls for
    30 layers.
    """
    log = Log(tolerance)
    current = log.start((yield Query((Program.full(n_layers),))), n_layers)
    while current.program.layers:
        candidates = tuple(current.program.skip(i) for i in range(len(current.program)))
        met = log.meet(candidates, (yield Query(candidates)).losses)
        best = min(met, key=lambda c: c.loss)
        if not log.is_valid(best):
            break
        current = best
    return log.found()


@dataclass(frozen=True, slots=True)
class GuidedSettings:
    """How a guided search spends its evaluations.

    Parameters
    ----------
    strides : tuple of int
        How many calls to leave out at once, tried together in every round.
    n_singles : int
        How many single removals are measured when no stride is valid.
    early_share : float
        Share of the room up to the limit that a stride may use up, where one stays within it.
    """

    strides: tuple[int, ...] = (1, 2, 4, 7)
    n_singles: int = 6
    early_share: float = 0.5

    def __post_init__(self) -> None:
        check_counts(self, strides=1, n_singles=0)


def guided(n_layers: int, *, tolerance: float, settings: GuidedSettings | None = None) -> Search:
    """Leave out calls in the order of first-order estimates, re-estimated every round.

    Each round takes the loss's gradient at the current program, which estimates for every
    call at once what leaving it out would do, measures the removal of the best 1, 2, 4, …
    together, and moves to the longest valid removal. Estimates choose what is evaluated;
    only evaluated programs are returned.
    """
    settings = settings or GuidedSettings()
    log = Log(tolerance)
    answer = yield Query((Program.full(n_layers),), with_slopes=True)
    current = log.start(answer, n_layers)
    while current.program.layers:
        assert answer.slopes is not None
        order = np.argsort(answer.slopes, kind="stable").tolist()
        strides = [n for n in settings.strides if n < len(order)] or [1]
        programs = tuple(without(current.program, order[:n]) for n in strides)
        met = log.meet(programs, (yield Query(programs)).losses)
        best = _longest_step(met, log, settings.early_share)
        if best is None:
            programs = tuple(current.program.skip(i) for i in order[1 : 1 + settings.n_singles])
            if not programs:
                break
            met = log.meet(programs, (yield Query(programs)).losses)
            best = min(met, key=lambda c: c.loss)
            if not log.is_valid(best):
                break
        current = best
        answer = yield Query((current.program,), with_slopes=True)
    return log.found()


def _longest_step(met: Sequence[Candidate], log: Log, early_share: float) -> Candidate | None:
    """Return the shortest program in `early_share` of the room to the limit, else in all of it."""
    for share in (early_share, 1.0):
        valid = [c for c in met if log.is_valid(c, share=share)]
        if valid:
            return min(valid, key=length_then_loss)
    return None
