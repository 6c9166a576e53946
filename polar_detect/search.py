"""Search for the minimal program of a text, over an `evaluate` callable. No torch.

A search is a generator: it yields a `Query`, receives an `Answer`, and returns what it
`Found`. So it reads as if it ran alone, while `run_together` lets the searches of many
texts ask at the same time and one executor answer them in one sweep.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polar_detect.program import Program

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Query:
    """What a search wants to know next.

    Parameters
    ----------
    programs : tuple of Program
        Whose losses it wants.
    with_slopes : bool
        Whether it also wants the skip slopes; then there is one program.
    """

    programs: tuple[Program, ...]
    with_slopes: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Reply to a query.

    Parameters
    ----------
    losses : (n_programs,) float32, nats per token
    slopes : (n_calls,) float32, nats per token, or None
        Estimated change of the loss when each call is left out.
    """

    losses: Array
    slopes: Array | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program with its loss in nats per token."""

    program: Program
    loss: float


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search.

    Parameters
    ----------
    full_loss : float
        Loss of the full program, nats per token.
    valid : tuple of Candidate
        Valid programs that were met, minimal first: by length, then by loss. Never empty.
    """

    full_loss: float
    valid: tuple[Candidate, ...]

    @property
    def minimal(self) -> Candidate:
        """The shortest valid program, lowest loss first among equals."""
        return self.valid[0]


Search = Generator[Query, Answer, Found]
Evaluate = Callable[[Query], Answer]


def greedy(n_layers: int, *, tolerance: float) -> Search:
    """Leave out the call that costs least, as long as the program stays valid.

    Evaluates every one-call removal at every length: thorough, about 7,000 layer calls for
    30 layers.
    """
    log = _Log(tolerance)
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
    patience : float
        Share of the tolerance that a stride may use up while there are cheaper ones.
    """

    strides: tuple[int, ...] = (1, 2, 4, 7)
    n_singles: int = 6
    patience: float = 0.5


def guided(n_layers: int, *, tolerance: float, settings: GuidedSettings | None = None) -> Search:
    """Leave out calls in the order of first-order estimates, re-estimated every round.

    Each round takes the loss's gradient at the current program, which estimates for every
    call at once what leaving it out would do, measures the removal of the best 1, 2, 4, …
    together, and moves to the longest valid removal. Estimates choose what is evaluated;
    only evaluated programs are returned.
    """
    settings = settings or GuidedSettings()
    log = _Log(tolerance)
    answer = yield Query((Program.full(n_layers),), with_slopes=True)
    current = log.start(answer, n_layers)
    while current.program.layers:
        assert answer.slopes is not None
        order = np.argsort(answer.slopes, kind="stable").tolist()
        strides = [n for n in settings.strides if n < len(order)] or [1]
        programs = tuple(_without(current.program, order[:n]) for n in strides)
        met = log.meet(programs, (yield Query(programs)).losses)
        best = _longest_step(met, log, settings.patience)
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


def solve(search: Search, evaluate: Evaluate) -> Found:
    """Run one search to its end.

    Parameters
    ----------
    search : Search
    evaluate : callable
        Answers each query.
    """
    return run_together({0: search}, lambda queries: {0: evaluate(queries[0])})[0]


def run_together(
    searches: Mapping[int, Search],
    answer: Callable[[Mapping[int, Query]], Mapping[int, Answer]],
) -> dict[int, Found]:
    """Run many searches in step.

    Parameters
    ----------
    searches : mapping of key to Search
    answer : callable
        Answers the current queries of all searches that still run, by key.

    Returns
    -------
    dict of key to Found
    """
    found: dict[int, Found] = {}
    queries = {key: next(search) for key, search in searches.items()}
    while queries:
        following = {}
        for key, reply in answer(queries).items():
            try:
                following[key] = searches[key].send(reply)
            except StopIteration as end:
                found[key] = end.value
        queries = following
    return found


class _Log:
    """Every valid program that a search met."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._valid: dict[Program, float] = {}
        self.full_loss = float("nan")

    def start(self, answer: Answer, n_layers: int) -> Candidate:
        self.full_loss = float(answer.losses[0])
        return self.meet((Program.full(n_layers),), answer.losses)[0]

    def meet(self, programs: Sequence[Program], losses: Array) -> list[Candidate]:
        met = [Candidate(p, float(loss)) for p, loss in zip(programs, losses, strict=True)]
        self._valid.update({c.program: c.loss for c in met if self.is_valid(c)})
        return met

    def is_valid(self, candidate: Candidate, *, share: float = 1.0) -> bool:
        return candidate.loss <= self.full_loss + share * self._tolerance

    def found(self) -> Found:
        candidates = (Candidate(p, loss) for p, loss in self._valid.items())
        return Found(self.full_loss, tuple(sorted(candidates, key=_length_then_loss)))


def _length_then_loss(candidate: Candidate) -> tuple[int, float]:
    return len(candidate.program), candidate.loss


def _longest_step(met: Sequence[Candidate], log: _Log, patience: float) -> Candidate | None:
    """Return the shortest program within `patience` of the tolerance, else within all of it."""
    for share in (patience, 1.0):
        valid = [c for c in met if log.is_valid(c, share=share)]
        if valid:
            return min(valid, key=_length_then_loss)
    return None


def _without(program: Program, positions: Sequence[int]) -> Program:
    left_out = set(positions)
    return Program(tuple(layer for i, layer in enumerate(program) if i not in left_out))
