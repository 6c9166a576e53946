"""How a search talks: what it asks, what it is answered, what it returns.

A search is a generator: it yields a `Query`, receives an `Answer`, and returns what it
`Found`. So it reads as if it ran alone, while `run_together` lets the searches of many
texts ask at the same time and one executor answer them in one sweep.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np

from polar_detect.arrays import Float32Array
from polar_detect.errors import InputError
from polar_detect.program import Program


@dataclass(frozen=True, slots=True)
class Sweep:
    """A wish for the programs of one left-to-right sweep over the layers.

    Parameters
    ----------
    width : int
        States kept for each depth and number of skips.
    max_skips : int, optional
        No program with more skips is followed. Default: no bound.
    max_distance : float, optional
        No state is followed that is farther than this (1 − cosine) from the full program's,
        but for the last depth. Default: no bound.
    """

    width: int = 1
    max_skips: int | None = None
    max_distance: float | None = None

    def __post_init__(self) -> None:
        check_counts(self, width=1, max_skips=0)


@dataclass(frozen=True, slots=True)
class Query:
    """What a search wants to know next.

    Parameters
    ----------
    programs : tuple of Program
        Whose losses it wants.
    with_slopes : bool
        Whether it also wants the skip slopes; then there is one program.
    sweep : Sweep, optional
        Ask for a sweep instead; then there are no programs, and the answer names them.
    precise : bool
        Whether the programs, without slopes, shall be measured in float32.
    ceiling : float, optional
        Programs whose loss over the common words alone is above it, nats per token, need not be
        measured, where the measure is the loss. Default: all are.
    """

    programs: tuple[Program, ...] = ()
    with_slopes: bool = False
    sweep: Sweep | None = None
    precise: bool = False
    ceiling: float | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Answer:
    """Reply to a query.

    Parameters
    ----------
    losses : (n_programs,) float32
        Nats per token, or what another criterion measures; lower is better. NaN for programs that
        a query's ceiling left out.
    slopes : (n_calls,) float32, optional
        Estimated change of the loss when each call is left out; where they were asked for.
    programs : tuple of Program
        The programs that a sweep found, the full one first; else empty.
    limit : float, optional
        What a valid program measures at most. Default: the full program's loss plus the tolerance.
    influences : (n_layers,) float32, optional
        Of a sweep: how far each layer turns the state, on no particular scale; what skipping it
        harms grows with that.
    common : (n_programs,) float32, optional
        Losses over the common words alone; where a ceiling was given and the measure is the loss.
    """

    losses: Float32Array
    slopes: Float32Array | None = None
    programs: tuple[Program, ...] = ()
    limit: float | None = None
    influences: Float32Array | None = None
    common: Float32Array | None = None


@dataclass(frozen=True, slots=True)
class FullLoss:
    """Loss of the full program, and what it says of others by the common words alone.

    A program harms the loss over the common words by about as much as the loss.

    Parameters
    ----------
    loss : float
        Nats per token, or what another criterion measures.
    common : float
        The loss over the common words alone; `loss`, where there is none.
    """

    loss: float
    common: float

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Return what the answer to a query for the full program says."""
        common = answer.losses if answer.common is None else answer.common
        return cls(float(answer.losses[0]), float(common[0]))

    @property
    def answer(self) -> Answer:
        """The answer to a query for the full program."""
        loss, common = np.asarray([[self.loss], [self.common]], np.float32)
        return Answer(loss, common=common)

    def harms(self, answer: Answer) -> Float32Array:
        """Return by how much programs raise the loss, over the common words where that is all."""
        harms = answer.losses - np.float32(self.loss)
        if answer.common is None:
            return harms
        return np.where(np.isnan(harms), answer.common - np.float32(self.common), harms)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program with its loss in nats per token, or what another criterion measures it by."""

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
        Valid programs that were met, minimal first: by length, then by loss, or what another
        criterion measures in its place. Never empty.
    best : tuple of Candidate
        Of every length that was met, the program with the lowest loss, shortest first; infinite
        where none of that length was measured, or has a loss that is a number.
    met : tuple of Program
        All that were met, in the order of `valid`.
    """

    full_loss: float
    valid: tuple[Candidate, ...]
    best: tuple[Candidate, ...] = field(default=(), compare=False)
    met: tuple[Program, ...] = field(default=(), compare=False, repr=False)

    @property
    def minimal(self) -> Candidate:
        """The shortest valid program, lowest loss first among equals."""
        return self.valid[0]


Search = Generator[Query, Answer, Found]
Evaluate = Callable[[Query], Answer]


class Method(Protocol):
    """A search for models of `n_layers` layers, e.g. `greedy`."""

    def __call__(self, n_layers: int, *, tolerance: float) -> Search:
        """Return a search of one text."""
        ...


def solve(search: Search, evaluate: Evaluate) -> Found:
    """Run one search to its end, over a measure of one's own.

    Parameters
    ----------
    search : Search
        `greedy`, `mcts`, `exhaustive` and `menu_search` without refinement ask for the losses of
        programs alone; others for slopes or sweeps too, which the answer then has to hold.
    evaluate : callable
        Answers each query.

    Returns
    -------
    Found

    Examples
    --------
    >>> import numpy as np
    >>> from polar_detect.search import Answer, greedy, solve
    >>> harms = [2.0, 0.03, 1.0, 0.04]  # of skipping each layer
    >>> def evaluate(query):
    ...     left_out = [set(range(4)) - set(program) for program in query.programs]
    ...     return Answer(np.float32([5 + sum(harms[i] for i in own) for own in left_out]))
    >>> print(solve(greedy(4, tolerance=0.1), evaluate).minimal.program)
    0 2
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
    replies: Mapping[int, Answer | None] = dict.fromkeys(searches)
    while replies:
        queries = {}
        for key, reply in replies.items():
            try:
                queries[key] = searches[key].send(reply)  # type: ignore[arg-type] # None starts it
            except StopIteration as end:
                found[key] = end.value
        replies = answer(queries) if queries else {}
    return found


def check_counts(settings: object, **least: int) -> None:
    """Raise `InputError` where a search's settings count less than they may; None is no bound."""
    for name, n in least.items():
        given = getattr(settings, name)
        counts = given if isinstance(given, tuple) else (given,)
        if any(count is not None and count < n for count in counts):
            raise InputError(
                f"Got {type(settings).__name__} with {name} {given}; expected {n} or more; choose "
                "such a number."
            )


class Log:
    """Every program that a search met, with its loss.

    Attributes
    ----------
    limit : float
        What a valid program measures at most; where the full program does not meet the criterion,
        what it measures, as a search starts there.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.losses: dict[Program, float] = {}
        self.full_loss = float("nan")
        self.limit = float("nan")
        self._criterion = float("nan")
        self._full = Program(())

    @property
    def n_layers(self) -> int:
        """Layers of the model, once the search has started."""
        return len(self._full)

    def start(self, answer: Answer, n_layers: int) -> Candidate:
        """Take the answer on the full program, which says what is valid."""
        self._full = Program.full(n_layers)
        self.full_loss = float(answer.losses[0])
        own = self.full_loss + self._tolerance
        self._criterion = own if answer.limit is None else answer.limit
        # Where the full program's measure is no number, only a criterion can have a limit.
        self.limit = max(self._criterion, self.full_loss)
        return self.meet((self._full,), answer.losses[:1])[0]

    def meet(self, programs: Sequence[Program], losses: Float32Array) -> list[Candidate]:
        """Remember and return what was measured; what is not a number is as bad as can be."""
        known = np.where(np.isnan(losses), np.inf, losses).tolist()
        met = [Candidate(p, loss) for p, loss in zip(programs, known, strict=True)]
        self.losses.update({c.program: c.loss for c in met})
        return met

    def is_valid(self, candidate: Candidate, *, share: float = 1.0) -> bool:
        """Say whether the loss is within the limit, or within a share of the way to it.

        The full program is, whatever it measures: a search starts there.
        """
        room = self.limit - self.full_loss
        most = self.limit if share == 1 else self.full_loss + share * room
        return candidate.loss <= most or candidate.program == self._full

    def meets_criterion(self, candidate: Candidate) -> bool:
        """Say whether the program is valid, though the full one may not be."""
        return candidate.loss <= self._criterion

    def shortest_valid(self) -> Candidate:
        """Return the minimal program so far."""
        valid = (Candidate(p, x) for p, x in self.losses.items())
        return min((c for c in valid if self.is_valid(c)), key=length_then_loss)

    def most_wanted(self) -> Candidate:
        """Return the program to go on from: the shortest that meets the criterion.

        Before there is one, that which comes nearest to it.
        """
        met = [Candidate(p, x) for p, x in self.losses.items()]
        good = [candidate for candidate in met if self.meets_criterion(candidate)]
        if good:
            return min(good, key=length_then_loss)
        return min(filter(self.is_valid, met), key=lambda c: (c.loss, len(c.program)))

    def aim(self, current: Candidate) -> float:
        """Return what a shorter program has to measure at most to be wanted more than `current`."""
        return self._criterion if self.meets_criterion(current) else current.loss

    def found(self) -> Found:
        """Return the result."""
        met = sorted((Candidate(p, x) for p, x in self.losses.items()), key=length_then_loss)
        best: dict[int, Candidate] = {}
        for candidate in met:
            best.setdefault(len(candidate.program), candidate)
        valid = tuple(c for c in met if self.is_valid(c))
        programs = tuple(c.program for c in met)
        return Found(self.full_loss, valid, tuple(best.values()), programs)


def length_then_loss(candidate: Candidate) -> tuple[int, float]:
    """Return the order in which a valid program is preferred."""
    return len(candidate.program), candidate.loss


def calls_of(programs: Iterable[Program]) -> int:
    """Return how many layer calls it takes to run programs, those of a shared prefix once.

    >>> calls_of([Program((0, 1, 2)), Program((0, 1, 3)), Program((1,))])
    5
    """
    return len({p.layers[: i + 1] for p in programs for i in range(len(p))})


def without(program: Program, positions: Sequence[int]) -> Program:
    """Return the program without the calls at `positions`."""
    left_out = set(positions)
    return Program(tuple(layer for i, layer in enumerate(program) if i not in left_out))
