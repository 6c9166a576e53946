"""The minimal programs of many texts: searches in step on one executor, then verified.

Searches run on the quick form of the layers, whose rounding is of the order of a tenth of
the tolerance, and pick what looks best; so the winner is measured again in float32, and the
next one is taken where it fails.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from polar_detect.executor import Batch, Executor, batches
from polar_detect.program import Program
from polar_detect.schedule import Job
from polar_detect.search import (
    Answer,
    Candidate,
    Found,
    Method,
    Query,
    Search,
    Sweep,
    quick,
    run_together,
)
from polar_detect.sweep import sweep


@dataclass(frozen=True, slots=True)
class MinimalProgram:
    """A text's minimal program; losses are float32 measurements, nats per token.

    Parameters
    ----------
    program : Program
    loss : float
        Of exactly this program; NaN for a text without tokens, whose program is full.
    full_loss : float
    layer_calls : int
        Spent on this text's search and verification, gradients counted as one call more.
    """

    program: Program
    loss: float
    full_loss: float
    layer_calls: int


def find_minimal_programs(
    executor: Executor,
    rows: Sequence[Sequence[int]],
    *,
    tolerance: float = 0.1,
    search: Method = quick,
) -> list[MinimalProgram]:
    """Find the minimal program of each tokenised text.

    Parameters
    ----------
    executor : Executor
    rows : sequence of token id sequences
        Texts without start token.
    tolerance : float
        Nats per token by which a valid program's loss may exceed the full program's.
    search : callable
        ``search(n_layers, tolerance=…)`` returns a `Search`.
    """
    results = [no_program(executor.backbone.n_layers)] * len(rows)
    executor.spent.clear()
    for batch in batches(rows, executor.backbone, max_batch_tokens=1024):
        found = search_batch(executor, batch, partial(search, tolerance=tolerance))
        record_verified(results, executor, batch, verify(executor, batch, found, tolerance))
    return results


def no_program(n_layers: int) -> MinimalProgram:
    """Return what stands for a text without tokens: the full program, and no losses."""
    return MinimalProgram(Program.full(n_layers), float("nan"), float("nan"), 0)


def search_batch(
    executor: Executor, batch: Batch, search: Callable[[int], Search]
) -> dict[int, Found]:
    """Run ``search(n_layers)`` for every row of `batch` in step."""
    searches = {row: search(executor.backbone.n_layers) for row in range(len(batch))}
    return run_together(searches, _answerer(executor, batch))


def verify(
    executor: Executor, batch: Batch, found: Mapping[int, Found], tolerance: float
) -> dict[int, Found]:
    """Return, per row, the shortest candidate that float32 confirms, alone."""
    full = Program.full(executor.backbone.n_layers)
    candidates = {i: iter([c.program for c in f.valid]) for i, f in found.items()}
    waiting = {i: next(programs) for i, programs in candidates.items()}
    full_losses: dict[int, float] = {}
    verified = {}
    while waiting:
        asked = {i: [p] if i in full_losses else [full, p] for i, p in waiting.items()}
        for i, losses in _losses(executor, batch, asked, precise=True).items():
            full_losses.setdefault(i, float(losses[0]))
            candidate = Candidate(waiting[i], float(losses[-1]))
            if candidate.loss <= full_losses[i] + tolerance or candidate.program == full:
                verified[i] = Found(full_losses[i], (candidate,))
                del waiting[i]
            else:
                waiting[i] = next(candidates[i])  # the full program is always among them
    return verified


def record_verified(
    results: list[MinimalProgram], executor: Executor, batch: Batch, verified: Mapping[int, Found]
) -> None:
    """Put a batch's verified programs at their texts' places in `results`."""
    for row, found in verified.items():
        text = int(batch.index[row])
        results[text] = MinimalProgram(
            found.minimal.program, found.minimal.loss, found.full_loss, executor.spent[text]
        )


def _answerer(
    executor: Executor, batch: Batch
) -> Callable[[Mapping[int, Query]], dict[int, Answer]]:
    def answer(queries: Mapping[int, Query]) -> dict[int, Answer]:
        plain = {i: q.programs for i, q in queries.items() if q.programs and not q.with_slopes}
        sloped = {i: q.programs[0] for i, q in queries.items() if q.with_slopes}
        answers = {i: Answer(losses) for i, losses in _losses(executor, batch, plain).items()}
        if sloped:
            slopes = executor.slopes(batch.rows(list(sloped)), list(sloped.values()))
            for row, i in enumerate(sloped):
                answers[i] = Answer(slopes.losses[row : row + 1], slopes.skips[row])
        swept: dict[Sweep, list[int]] = {}
        for i, query in queries.items():
            if query.sweep is not None:
                swept.setdefault(query.sweep, []).append(i)
        for wish, rows in swept.items():
            answers.update(zip(rows, sweep(executor, batch.rows(rows), wish), strict=True))
        return answers

    return answer


def _losses(
    executor: Executor,
    batch: Batch,
    programs: Mapping[int, Sequence[Program]],
    *,
    precise: bool = False,
) -> dict[int, np.ndarray]:
    jobs = [Job(text, program) for text, own in programs.items() for program in own]
    losses = executor.losses(batch, jobs, precise=precise)
    pieces = np.split(losses, np.cumsum([len(own) for own in programs.values()]))
    return dict(zip(programs, pieces, strict=False))  # the piece behind the last stop is empty
