"""The minimal programs of texts under an encoder: their embedding has to stay where it was.

Searches but the exhaustive one run on the quick form of the layers, with some slack; what they
find is verified in float32.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from polar_detect.backbone.encoder import EncoderBackbone, EncoderBatch
from polar_detect.errors import InputError
from polar_detect.executor.encoder import BATCH_TOKENS, EncoderExecutor
from polar_detect.program import Program
from polar_detect.programs.criteria import check_tolerance
from polar_detect.programs.verification import (
    answered,
    measured_all,
    verify,
    with_precise_curves,
)
from polar_detect.search import (
    Answer,
    Candidate,
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
        measured in float32.
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
        verified = verify(executor, batch, found, lambda _: tolerance)
        spent = {row: executor.spent[int(batch.index[row])] for row in verified}
        verified = with_precise_curves(executor, batch, verified, lambda _: tolerance)
        for row, own in verified.items():
            minimal = own.minimal
            results[int(batch.index[row])] = MinimalEncoderProgram(
                minimal.program, minimal.loss, spent[row], own.curve
            )
    return results


def default_encoder_search(n_layers: int) -> Method:
    """Return exhaustive search for few layers, greedy removal for many."""
    return exhaustive if n_layers <= _MAX_EXHAUSTIVE else greedy


def encoder_distances(
    backbone: EncoderBackbone, texts: Sequence[str], programs: Sequence[Sequence[Program]]
) -> list[list[float]]:
    """Return the distance of each of a text's programs, measured in float32.

    NaN for a text without tokens.
    """
    executor = EncoderExecutor(backbone)
    results = [[float("nan")] * len(own) for own in programs]
    for batch in backbone.batches(texts, max_batch_tokens=BATCH_TOKENS):
        asked = {row: programs[int(text)] for row, text in enumerate(batch.index)}
        for row, distances in measured_all(executor, batch, asked).items():
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
    return answered(executor, batch, queries)
