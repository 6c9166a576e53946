"""The minimal programs of many texts: searches in step on one executor, then verified."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from polar_detect.executor.batches import Batch, batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.executor.sweep import sweep
from polar_detect.numerics.lanes import in_calling_thread, lanes, n_lanes, overlap
from polar_detect.program import Program
from polar_detect.programs.criteria import Criterion, SameLoss
from polar_detect.programs.verification import (
    Limit,
    Verified,
    answered,
    measured,
    measured_all,
    verify,
    with_precise_curves,
)
from polar_detect.progress import Advance
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

Verification = Literal["minimal", "shorter", "curve"]

# Of 2,800 programs of menus (SmolLM2-135M, short texts of four kinds) 21 were invalid in float32,
# by up to 2.2 nats; 8, 4 and 2 where those of up to half, .6 and two thirds of the layers are
# measured there.
_SURE_SHARE = 2 / 3
# The quick form's rounding of a loss falls with the root of the number of tokens: .009 nats on
# average at 14 tokens, .007 at 45, .004 at 100, .003 at 200 (SmolLM2-135M, 88 descriptions of
# packages, five programs that skip one to four layers), and in the median .035 at one token, .023
# at two or three, .014 at four to eight (49 texts, 903 programs). Taken as alike up to 24 tokens, 5
# of 150 texts of a word or two got a program that is invalid, by up to .06 nats.
_USUAL_TOKENS = 24  # of texts that a clearance is meant for


@dataclass(frozen=True, slots=True)
class MinimalProgram:
    """A text's minimal program; losses are float32 measurements, nats per token.

    But for programs taken with clearance (see `find_minimal_programs`). Among equally short valid
    programs it is the one that measures lowest: by loss, or in another criterion's own measure.

    Parameters
    ----------
    program : Program
    loss : float
        Of exactly this program; NaN for a text without tokens, whose program is full.
    full_loss : float
    layer_calls : int
        Spent on this text's search and verification, a layer's gradient counted as two.
    is_valid : bool
        False where the full program itself does not meet the criterion and nothing that was
        tried does, shorter or longer; then the program is full. So it is for a text without
        tokens.
    curve : tuple of Candidate
        Of every length that was met, the program with the lowest loss, shortest first;
        measured in the quick form, but for exhaustive search and what was verified in float32,
        and by another criterion in its own measure. Infinite where a menu met only what is
        clearly invalid (see `Menu.minimal_programs`).
    """

    program: Program
    loss: float
    full_loss: float
    layer_calls: int
    is_valid: bool = True
    curve: tuple[Candidate, ...] = field(default=(), compare=False, repr=False)


@lanes()
def find_minimal_programs(  # noqa: PLR0913 - texts, criterion, search and its trust
    executor: Executor,
    rows: Sequence[Sequence[int]],
    *,
    tolerance: float = 0.1,
    search: Method | Sequence[Method] = quick,
    criterion: Criterion | None = None,
    prefixes: Sequence[Sequence[int]] | None = None,
    clearance: float = float("inf"),
    verification: Verification = "minimal",
) -> list[MinimalProgram]:
    """Find the minimal program of each tokenised text.

    Parameters
    ----------
    executor : Executor
    rows : sequence of token id sequences
        Texts without start token.
    tolerance : float
        Nats per token by which a valid program's loss may exceed the full program's.
    search : callable, or one for each text
        ``search(n_layers, tolerance=…)`` returns a `Search`.
    criterion : Criterion, optional
        What makes a program valid. Default: the loss, within `tolerance`.
    prefixes : sequence of token id sequences, optional
        What stands before each text and is not scored, such as the prompt of an answer.
    clearance : float
        A program that is below the limit by this much in the quick form is taken without
        being measured again; its loss is the quick form's. In texts of more than 24 tokens by
        less, in shorter ones by more, as rounding averages out over tokens. Never one of at most
        two thirds of the layers, as some of these make much of a rounding. Only where no more than
        the minimal program is measured. Default: none is.
    verification : {"minimal", "shorter", "curve"}
        What is measured in float32 of what a search found: the minimal program; also the shorter
        programs of its curve, of which one may turn out to be valid, and then is the minimal one;
        or the whole curve, which finds the same program. But for the first, layer calls of this are
        not counted.
    """
    criterion = criterion or SameLoss(tolerance)
    results = [no_program(executor.n_layers)] * len(rows)
    executor.spent.clear()
    methods = [search] * len(rows) if callable(search) else search

    def search_one(batch: Batch) -> None:
        measuring, scored = criterion.prepare(executor, batch)
        searches = [partial(methods[int(text)], tolerance=tolerance) for text in batch.index]
        found = search_batch(measuring, scored, searches, criterion.limit)
        if verification == "minimal":
            wanted = clearances(clearance, scored.is_target.sum(1).tolist())
            verified = _clearly_valid(found, criterion.limit, wanted, executor.n_layers)
            doubtful = {row: f for row, f in found.items() if row not in verified}
            verified |= verify(measuring, scored, doubtful, criterion.limit)
        else:
            verified = _with_curves(
                measuring, scored, found, criterion.limit, only_shorter=verification == "shorter"
            )
        if measuring is not executor:
            verified = _with_losses(executor, batch, verified)
        for row, own in verified.items():
            text = int(batch.index[row])
            results[text] = MinimalProgram(
                program=own.minimal.program,
                loss=own.minimal.loss,
                full_loss=own.full_loss,
                layer_calls=executor.spent[text],
                is_valid=own.is_valid,
                curve=own.curve,
            )

    found = batches(
        rows, executor.backbone, prefixes=prefixes, max_batch_tokens=2048, n_at_once=n_lanes()
    )
    overlap(search_one, found)
    return results


@lanes()
def are_valid(
    executor: Executor,
    rows: Sequence[Sequence[int]],
    programs: Sequence[Sequence[Program]],
    criterion: Criterion,
    *,
    prefixes: Sequence[Sequence[int]] | None = None,
) -> list[list[bool]]:
    """Say of each text's programs whether they meet the criterion, measured in float32.

    Texts without tokens have no valid program. What it spends is added to the account.
    """
    full = Program.full(executor.n_layers)
    results = [[False] * len(own) for own in programs]
    for batch in batches(rows, executor.backbone, prefixes=prefixes, max_batch_tokens=2048):
        measuring, scored = criterion.prepare(executor, batch)
        asked = {i: [full, *programs[text]] for i, text in enumerate(batch.index.tolist())}
        for i, losses in measured_all(measuring, scored, asked).items():
            # As numbers of Python: compared with an array, the limit would be rounded to float32.
            full_loss, *others = losses.tolist()
            limit = criterion.limit(full_loss)
            results[int(batch.index[i])] = [loss <= limit for loss in others]
    return results


def no_program(n_layers: int) -> MinimalProgram:
    """Return what stands for a text without tokens: the full program, and no losses."""
    return MinimalProgram(Program.full(n_layers), float("nan"), float("nan"), 0, is_valid=False)


@lanes()
def search_batch(
    executor: Executor,
    batch: Batch,
    searches: Sequence[Callable[[int], Search]],
    limit: Limit | None = None,
) -> dict[int, Found]:
    """Run ``search(n_layers)`` of every row of `batch` in step.

    `limit` says what a valid program may measure, given the full program's measure; without
    it the search's own tolerance does.
    """
    started = {row: search(executor.n_layers) for row, search in enumerate(searches)}
    return run_together(started, partial(_answer, executor, batch, limit))


def counted(method: Method, advance: Advance) -> Method:
    """Return a search that says of its text that it is done once it has ended."""

    def search(n_layers: int, *, tolerance: float) -> Search:
        found = yield from method(n_layers, tolerance=tolerance)
        in_calling_thread(partial(advance, 1))
        return found

    return search


def clearances(clearance: float, n_tokens: Sequence[int]) -> list[float]:
    """Return the clearance that each row wants, as rounding averages out over many tokens."""
    return [clearance * math.sqrt(_USUAL_TOKENS / n) for n in n_tokens]


def _with_curves(
    executor: Executor,
    batch: Batch,
    found: Mapping[int, Found],
    limit: Limit,
    *,
    only_shorter: bool,
) -> dict[int, Verified]:
    """Return what float32 says of minimal programs and curves; calls for these do not count."""
    verified = verify(executor, batch, found, limit)
    spent = {text: executor.spent[text] for text in batch.index.tolist()}
    verified = with_precise_curves(executor, batch, verified, limit, only_shorter=only_shorter)
    for text, n_calls in spent.items():
        executor.spent[text] = n_calls
    return verified


def _clearly_valid(
    found: Mapping[int, Found], limit: Limit, clearances: Sequence[float], n_layers: int
) -> dict[int, Verified]:
    """Return the rows whose shortest program is far enough below the limit, and is long enough.

    Without most of the layers the first token's state may lie where a later layer either makes it
    fifty times as large or leaves it, and a rounding decides.
    """
    return {
        row: Verified(f.full_loss, f.minimal, True, f.best)
        for row, f in found.items()
        if f.minimal.loss <= limit(f.full_loss) - clearances[row]
        and len(f.minimal.program) > _SURE_SHARE * n_layers
    }


def _with_losses(
    executor: Executor, batch: Batch, verified: Mapping[int, Verified]
) -> dict[int, Verified]:
    """Return the same programs with their losses in place of another criterion's measure."""
    full = Program.full(executor.n_layers)
    programs = {i: [full, v.minimal.program] for i, v in verified.items()}
    losses = measured(executor, batch, programs, precise=True)
    return {
        i: replace(
            v,
            full_loss=float(losses[i][0]),
            minimal=Candidate(v.minimal.program, float(losses[i][1])),
        )
        for i, v in verified.items()
    }


def _answer(
    executor: Executor, batch: Batch, limit: Limit | None, queries: Mapping[int, Query]
) -> dict[int, Answer]:
    """Answer the queries of many rows together."""
    screened = {i: q for i, q in queries.items() if q.ceiling is not None and executor.screens}
    answers = answered(executor, batch, {i: q for i, q in queries.items() if i not in screened})
    if screened:
        answers |= _screened(executor, batch, screened)
    sloped = {i: q.programs[0] for i, q in queries.items() if q.with_slopes}
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
    if limit is None:
        return answers
    # It counts only where the first program is the full one.
    return {i: replace(a, limit=limit(float(a.losses[0]))) for i, a in answers.items()}


def _screened(executor: Executor, batch: Batch, queries: Mapping[int, Query]) -> dict[int, Answer]:
    """Answer the queries that have a ceiling."""
    jobs = [Job(row, program) for row, query in queries.items() for program in query.programs]
    counts = [len(query.programs) for query in queries.values()]
    ceilings = np.asarray([query.ceiling for query in queries.values()], np.float32)
    found = executor.screened(batch, jobs, np.repeat(ceilings, counts))
    stops = np.cumsum(counts)[:-1]
    pieces = zip(np.split(found.losses, stops), np.split(found.common, stops), strict=True)
    return {
        row: Answer(losses, common=common)
        for row, (losses, common) in zip(queries, pieces, strict=True)
    }
