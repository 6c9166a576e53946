"""The minimal programs of texts under an encoder: their embedding has to stay where it was.

Searches but the exhaustive one run on the quick form of the layers, with some slack; what they
find is measured again in float32, and the next one is taken where it fails.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from polar_detect.criteria import check_tolerance
from polar_detect.encoder_backbone import EncoderBackbone, EncoderBatch
from polar_detect.encoder_executor import BATCH_TOKENS, EncoderExecutor
from polar_detect.errors import InputError
from polar_detect.program import Program
from polar_detect.search import (
    Answer,
    Candidate,
    Found,
    Method,
    Query,
    exhaustive,
    greedy,
    run_together,
)

ENCODER_METHODS = ("exhaustive", "greedy", "mcts")  # of those with a name
_MAX_EXHAUSTIVE = 8  # layers: 2^8 programs a text, in 255 layer calls
_SLACK = 0.01  # the quick form moves a distance by .005 at most, in 500 texts and 64 programs


@dataclass(frozen=True, slots=True)
class MinimalEncoderProgram:
    """The shortest valid program of a text, smallest distance first among equals.

    Parameters
    ----------
    program : Program
    distance : float
        1 − cosine of its embedding to that of the full program, measured in float32; NaN for a
        text without tokens, whose program is full.
    layer_calls : int
        Spent on this text's search and verification.
    curve : tuple of Candidate
        Of every length that was met, the program with the smallest distance, shortest first;
        measured in the quick form, but for exhaustive search.
    """

    program: Program
    distance: float
    layer_calls: int
    curve: tuple[Candidate, ...] = field(default=(), compare=False, repr=False)


def find_minimal_encoder_programs(
    backbone: EncoderBackbone,
    texts: Sequence[str],
    *,
    tolerance: float = 0.1,
    search: Method | Sequence[Method] | None = None,
) -> list[MinimalEncoderProgram]:
    """Find the minimal program of each text under the cosine criterion.

    Parameters
    ----------
    backbone : EncoderBackbone
    texts : sequence of str
    tolerance : float
        Largest distance of a valid program.
    search : callable, or one for each text, optional
        As in `find_minimal_programs`, if it asks for neither slopes nor sweeps. Default: with
        at most 8 layers every way of skipping some, in one prefix tree (looping only makes
        longer); deeper encoders are searched by greedy removal.

    Raises
    ------
    InputError
        If the search asks for slopes or sweeps, or the tolerance is no finite number from 0 on.
    """
    check_tolerance(tolerance)
    search = search or default_encoder_search(backbone.n_layers)
    methods = [search] * len(texts) if callable(search) else search
    slack = 0.0 if backbone.quick_dtype == torch.float32 else _SLACK
    executor = EncoderExecutor(backbone)
    nothing = MinimalEncoderProgram(Program.full(backbone.n_layers), float("nan"), 0)
    results = [nothing] * len(texts)
    for batch in backbone.batches(texts, max_batch_tokens=BATCH_TOKENS):
        searches = {
            row: methods[int(text)](backbone.n_layers, tolerance=tolerance + slack)
            for row, text in enumerate(batch.index)
        }
        found = run_together(searches, partial(_answer, executor, batch))
        for row, (program, distance) in _verified(executor, batch, found, tolerance).items():
            text = int(batch.index[row])
            results[text] = MinimalEncoderProgram(
                program, distance, executor.spent[text], found[row].best
            )
    return results


def default_encoder_search(n_layers: int) -> Method:
    """Return exhaustive search for few layers, greedy removal for many."""
    return exhaustive if n_layers <= _MAX_EXHAUSTIVE else greedy


def encoder_distances(
    backbone: EncoderBackbone, texts: Sequence[str], programs: Sequence[Sequence[Program]]
) -> list[list[float]]:
    """Return the distance of each of a text's programs, measured in float32."""
    executor = EncoderExecutor(backbone)
    results: list[list[float]] = [[]] * len(texts)
    for batch in backbone.batches(texts, max_batch_tokens=BATCH_TOKENS):
        asked = {row: programs[int(text)] for row, text in enumerate(batch.index)}
        for row, distances in executor.distances(batch, asked, precise=True).items():
            results[int(batch.index[row])] = distances.tolist()
    return results


def _answer(
    executor: EncoderExecutor, batch: EncoderBatch, queries: Mapping[int, Query]
) -> dict[int, Answer]:
    if any(query.sweep is not None or query.with_slopes for query in queries.values()):
        raise InputError(
            "Got a search that asks for sweeps or slopes, which an encoder does not have; expected "
            f"one that only measures programs; use {', '.join(ENCODER_METHODS)} or a menu."
        )
    answers: dict[int, Answer] = {}
    for precise in {query.precise for query in queries.values()}:
        asked = {row: q.programs for row, q in queries.items() if q.precise == precise}
        found = executor.distances(batch, asked, precise=precise)
        answers.update({row: Answer(distances) for row, distances in found.items()})
    return answers


def _verified(
    executor: EncoderExecutor,
    batch: EncoderBatch,
    found: Mapping[int, Found],
    tolerance: float,
) -> dict[int, tuple[Program, float]]:
    """Return, per row, the first valid program that float32 confirms, with its distance."""
    full = Program.full(executor.backbone.n_layers)
    verified: dict[int, tuple[Program, float]] = {}
    left: dict[int, Iterator[Candidate]] = {row: iter(own.valid) for row, own in found.items()}
    while left:
        asked = {row: (next(own).program,) for row, own in left.items()}
        for row, distances in executor.distances(batch, asked, precise=True).items():
            program, distance = asked[row][0], float(distances[0])
            if distance <= tolerance or program == full:  # which is valid in every search
                verified[row] = (program, distance)
                del left[row]
    return verified
