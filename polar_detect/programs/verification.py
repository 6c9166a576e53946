"""What searches on language models and on encoders share: programs measured, winners verified.

Searches but the exhaustive one run on the quick form of the layers, whose rounding is of the
order of a tenth of the tolerance, and pick what looks best; so the winner is measured again in
float32, and the next one is taken where it fails.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from polar_detect.arrays import Float32Array
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.search import Answer, Candidate, Found, Query

Limit = Callable[[float], float]

_AT_ONCE = 1024  # programs of a text whose states are held together

BatchT = TypeVar("BatchT", contravariant=True)


class AnyExecutor(Protocol[BatchT]):
    """What `Executor` and `EncoderExecutor` have in common: they run programs on a batch."""

    @property
    def n_layers(self) -> int:
        """Layers of the model."""
        ...

    def losses(self, batch: BatchT, jobs: Sequence[Job], *, precise: bool = False) -> Float32Array:
        """Return the loss of each job, or what is measured in its place; lower is better."""
        ...


@dataclass(frozen=True, slots=True)
class Verified:
    """What float32 confirms of a search: the shortest valid candidate, else the full program."""

    full_loss: float
    minimal: Candidate
    is_valid: bool
    curve: tuple[Candidate, ...]


def measured(
    executor: AnyExecutor[BatchT],
    batch: BatchT,
    programs: Mapping[int, Sequence[Program]],
    *,
    precise: bool = False,
) -> dict[int, Float32Array]:
    """Return what the programs of each row measure, (n_programs,) by row."""
    jobs = [Job(row, program) for row, own in programs.items() for program in own]
    losses = executor.losses(batch, jobs, precise=precise)
    pieces = np.split(losses, np.cumsum([len(own) for own in programs.values()]))
    return dict(zip(programs, pieces, strict=False))  # the piece behind the last stop is empty


def measured_all(
    executor: AnyExecutor[BatchT], batch: BatchT, programs: Mapping[int, Sequence[Program]]
) -> dict[int, Float32Array]:
    """Return what any number of programs of each row measure in float32, (n_programs,) by row."""
    most = max(map(len, programs.values()), default=0)
    parts = []
    for start in range(0, most, _AT_ONCE):
        part = {row: own[start : start + _AT_ONCE] for row, own in programs.items()}
        parts.append(measured(executor, batch, part, precise=True))
    nothing = np.zeros(0, np.float32)
    return {row: np.concatenate([nothing, *(p[row] for p in parts)]) for row in programs}


def answered(
    executor: AnyExecutor[BatchT], batch: BatchT, queries: Mapping[int, Query]
) -> dict[int, Answer]:
    """Answer the queries that ask for nothing but programs, those of many rows together."""
    answers: dict[int, Answer] = {}
    for precise in (False, True):
        asked = {
            row: q.programs
            for row, q in queries.items()
            if q.programs and not q.with_slopes and q.precise == precise
        }
        losses = measured(executor, batch, asked, precise=precise)
        answers.update({row: Answer(own) for row, own in losses.items()})
    return answers


def verify(
    executor: AnyExecutor[BatchT], batch: BatchT, found: Mapping[int, Found], limit: Limit
) -> dict[int, Verified]:
    """Return, per row, the shortest candidate that float32 confirms, else the full program.

    One candidate is measured at a time. Where the full program itself is not valid, many may have
    to be, so each time twice as many are.

    Parameters
    ----------
    executor : Executor or EncoderExecutor
    batch : Batch or EncoderBatch
    found : mapping of row to Found
    limit : callable
        What a valid program measures at most, given the full program's measure.
    """
    full = Program.full(executor.n_layers)
    waiting = {row: [c.program for c in own.valid] for row, own in found.items()}
    n_asked = dict.fromkeys(found, 1)
    full_losses: dict[int, float] = {}
    verified = {}
    while waiting:
        asked = {row: programs[: n_asked[row]] for row, programs in waiting.items()}
        runs = {row: own if row in full_losses else [full, *own] for row, own in asked.items()}
        for row, losses in measured(executor, batch, runs, precise=True).items():
            full_loss = full_losses.setdefault(row, float(losses[0]))
            most, best = limit(full_loss), found[row].best
            own = zip(asked[row], losses[-len(asked[row]) :].tolist(), strict=True)
            valid = next((Candidate(program, loss) for program, loss in own if loss <= most), None)
            rest = waiting.pop(row)[n_asked[row] :]
            if valid is not None:
                verified[row] = Verified(full_loss, valid, True, best)
            elif not rest:
                verified[row] = Verified(full_loss, Candidate(full, full_loss), False, best)
            else:
                waiting[row] = rest
                if full_loss > most:
                    n_asked[row] = min(2 * n_asked[row], _AT_ONCE)
    return verified


def with_precise_curves(
    executor: AnyExecutor[BatchT],
    batch: BatchT,
    verified: Mapping[int, Verified],
    limit: Limit,
    *,
    only_shorter: bool = False,
) -> dict[int, Verified]:
    """Return the same with their curves measured in float32, and what these show to be shorter.

    What the quick form makes of a text of few tokens is off by up to .66 nats (SmolLM2-135M, 903
    points of 49 texts; .014 in the median, more than .05 in 163). So a program that it turned down
    may be valid, and shorter than the one that was verified: in 7 of 283 texts.

    Parameters
    ----------
    executor, batch, limit
        As in `verify`.
    verified : mapping of row to Verified
        By `verify`. At the length of its minimal program that one stands in the curve, as the
        others of that length that seemed better were refuted.
    only_shorter : bool
        Measure those programs alone that are shorter than a minimal one that is valid: what is
        shorter is found as by whole curves, and the rest of these stays as it is.
    """

    def is_asked(own: Verified, candidate: Candidate) -> bool:
        n_more = len(candidate.program) - len(own.minimal.program)
        return n_more < 0 or (n_more > 0 and not (only_shorter and own.is_valid))

    asked = {
        row: [c.program for c in own.curve if is_asked(own, c)] for row, own in verified.items()
    }
    found = measured_all(executor, batch, asked)
    precise = {
        row: dict(zip(asked[row], losses.tolist(), strict=True)) for row, losses in found.items()
    }
    return {row: _with_precise(own, precise[row], limit) for row, own in verified.items()}


def _with_precise(verified: Verified, losses: Mapping[Program, float], limit: Limit) -> Verified:
    """Return the same with some of the curve's programs in float32, the valid one if shorter."""
    minimal, most = verified.minimal, limit(verified.full_loss)

    def precise(candidate: Candidate) -> Candidate:
        is_minimal = len(candidate.program) == len(minimal.program)
        program = minimal.program if is_minimal else candidate.program
        loss = minimal.loss if is_minimal else losses.get(program, candidate.loss)
        return Candidate(program, loss if math.isfinite(loss) else math.inf)

    curve = tuple(map(precise, verified.curve))
    valid = next((c for c in curve if c.program in losses and c.loss <= most), None)
    if valid is None or (verified.is_valid and len(valid.program) >= len(minimal.program)):
        return replace(verified, curve=curve)
    return replace(verified, minimal=valid, is_valid=True, curve=curve)
