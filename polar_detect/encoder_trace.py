"""Texts → what an encoder's layer programs do to their embedding.

Without a loss, a program is judged by its mean-pooled embedding: its distance is 1 − cosine to
the embedding of the full program, and it is valid within a tolerance of that.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from polar_detect.encoder_backbone import EncoderBackbone, EncoderBatch
from polar_detect.program import Program
from polar_detect.schedule import Job, plan
from polar_detect.search import Answer, Query, greedy, run_together

Array = NDArray[np.float32]

_STEP_TOKENS = 2048  # tokens of one block call
_BATCH_TOKENS = 512  # of a batch that runs many programs at once
_MAX_EXHAUSTIVE = 8  # layers: 2^8 programs a text, in 255 layer calls
_SLACK = 0.01  # the quick form moves a distance by .005 at most, in 500 texts and 64 programs


@dataclass(frozen=True)
class EncoderTraces:
    """What an encoder does with texts.

    Parameters
    ----------
    embeddings : (n_texts, hidden)
        Of unit length, mean over the tokens.
    trajectory : (n_texts, n_layers + 1, hidden)
        States at each depth, read out, mean over the tokens.
    skip, loop : (n_texts, n_layers)
        Distance with the layer skipped / looped. Without curves there are no columns.
    """

    embeddings: Array
    trajectory: Array
    skip: Array
    loop: Array


@dataclass(frozen=True, slots=True)
class MinimalEncoderProgram:
    """The shortest valid program of a text, smallest distance first among equals.

    Parameters
    ----------
    program : Program
    distance : float
        1 − cosine of its embedding to that of the full program, measured in float32.
    layer_calls : int
        Spent on this text's search and verification.
    """

    program: Program
    distance: float
    layer_calls: int


class EncoderExecutor:
    """Runs programs on an encoder and counts what it spends.

    Attributes
    ----------
    spent : Counter
        Layer calls so far by text (its place in the sequence that was batched).
    """

    def __init__(self, backbone: EncoderBackbone) -> None:
        self.backbone = backbone
        self.spent: Counter[int] = Counter()

    def pooled(self, batch: EncoderBatch, jobs: Sequence[Job], *, precise: bool = False) -> Tensor:
        """Run programs on texts, every shared prefix of a text once.

        Parameters
        ----------
        batch : EncoderBatch
        jobs : sequence of Job
            `Job.text` counts the rows of `batch`.
        precise : bool
            Multiply in float32 everywhere (see `EncoderBackbone`).

        Returns
        -------
        (n_jobs, hidden) float32
            Mean over the tokens of each job's last states, read out.
        """
        backbone = self.backbone
        for program in {job.program for job in jobs}:
            program.check(backbone.n_layers)
        schedule = plan(jobs)
        self.spent.update({int(batch.index[row]): n for row, n in schedule.calls.items()})
        embedded = backbone.embed(batch.input_ids)
        states = embedded.new_empty((schedule.n_slots, *embedded.shape[1:]))
        texts, slots = zip(*schedule.roots, strict=True)
        states[list(slots)] = embedded[list(texts)]
        step_rows = max(1, _STEP_TOKENS // embedded.shape[1])
        for step in schedule.steps:
            sources = torch.tensor(step.sources, device=states.device)
            targets = torch.tensor(step.targets, device=states.device)
            # A target may reuse a source's slot: all sources are read before any is written.
            parts = torch.split(states[sources], step_rows)
            for part, target in zip(parts, torch.split(targets, step_rows), strict=True):
                states[target] = backbone.apply(step.layer, part, precise=precise)
        ends = torch.split(torch.tensor(schedule.ends, device=states.device), step_rows)
        return torch.cat([backbone.read_out(states[part]).mean(1) for part in ends])

    def distances(
        self,
        batch: EncoderBatch,
        programs: Mapping[int, Sequence[Program]],
        *,
        precise: bool = False,
    ) -> dict[int, Array]:
        """Return the distance of each program of each text, by row of `batch`."""
        full = Program.full(self.backbone.n_layers)
        jobs = [Job(row, p) for row, own in programs.items() for p in (full, *own)]
        pooled = F.normalize(self.pooled(batch, jobs, precise=precise), dim=-1)
        parts = torch.split(pooled, [1 + len(own) for own in programs.values()])
        return {
            row: (1 - part[1:] @ part[0]).cpu().numpy()
            for row, part in zip(programs, parts, strict=True)
        }


class EncoderTracer:
    """Extracts traces with one encoder.

    Parameters
    ----------
    backbone : EncoderBackbone
    curves : bool
        Whether skip and loop curves are measured, by running all one-edit programs at once: 42
        layer calls a text with 6 layers, about three times the rest of a trace.
    """

    def __init__(self, backbone: EncoderBackbone, *, curves: bool = True) -> None:
        self.backbone = backbone
        self.executor = EncoderExecutor(backbone)
        self.curves = curves

    def trace(self, texts: Sequence[str]) -> EncoderTraces:
        """Return the traces of `texts`."""
        n_layers, n_texts = self.backbone.n_layers, len(texts)
        n_curve = n_layers if self.curves else 0
        hidden = self.backbone.hidden_size
        out = EncoderTraces(
            embeddings=np.zeros((n_texts, hidden), np.float32),
            trajectory=np.zeros((n_texts, n_layers + 1, hidden), np.float32),
            skip=np.zeros((n_texts, n_curve), np.float32),
            loop=np.zeros((n_texts, n_curve), np.float32),
        )
        depths = [Program.full(depth) for depth in range(n_layers + 1)]
        for batch in self.backbone.batches(texts, max_batch_tokens=4 * _BATCH_TOKENS):
            jobs = [Job(row, program) for row in range(len(batch)) for program in depths]
            states = self.executor.pooled(batch, jobs, precise=True)
            trajectory = states.view(len(batch), n_layers + 1, hidden)
            out.trajectory[batch.index] = trajectory.cpu()
            out.embeddings[batch.index] = F.normalize(trajectory[:, -1], dim=-1).cpu()
        if self.curves:
            self._measure_curves(texts, out)
        return out

    def _measure_curves(self, texts: Sequence[str], out: EncoderTraces) -> None:
        n_layers = self.backbone.n_layers
        full = Program.full(n_layers)
        edits = [full.skip(layer) for layer in range(n_layers)]
        edits += [full.repeat(layer) for layer in range(n_layers)]
        for batch in self.backbone.batches(texts, max_batch_tokens=_BATCH_TOKENS):
            found = self.executor.distances(batch, dict.fromkeys(range(len(batch)), edits))
            distances = np.stack(list(found.values()))
            out.skip[batch.index] = distances[:, :n_layers]
            out.loop[batch.index] = distances[:, n_layers:]


def find_minimal_encoder_programs(
    backbone: EncoderBackbone, texts: Sequence[str], *, tolerance: float = 0.1
) -> list[MinimalEncoderProgram]:
    """Find the minimal program of each text under the cosine criterion.

    With at most 8 layers every way of skipping some is tried (looping only makes longer), all
    of them in one prefix tree; deeper encoders are searched by greedy removal. What the quick
    form of the layers finds is measured again in float32.

    Parameters
    ----------
    backbone : EncoderBackbone
    texts : sequence of str
    tolerance : float
        Largest distance of a valid program.
    """
    executor = EncoderExecutor(backbone)
    results: list[MinimalEncoderProgram | None] = [None] * len(texts)
    for batch in backbone.batches(texts, max_batch_tokens=_BATCH_TOKENS):
        if backbone.n_layers <= _MAX_EXHAUSTIVE:
            candidates = _by_exhaustion(executor, batch, tolerance)
        else:
            candidates = _by_greedy_removal(executor, batch, tolerance)
        for row, (program, distance) in _verified(executor, batch, candidates, tolerance).items():
            text = int(batch.index[row])
            results[text] = MinimalEncoderProgram(program, distance, executor.spent[text])
    return [result for result in results if result is not None]


def _by_exhaustion(
    executor: EncoderExecutor, batch: EncoderBatch, tolerance: float
) -> dict[int, list[Program]]:
    """Return, per row, the skip-only programs that may be valid, shortest first."""
    n_layers = executor.backbone.n_layers
    programs = [Program(kept) for n in range(n_layers) for kept in combinations(range(n_layers), n)]
    lengths = np.asarray([len(program) for program in programs])
    found = executor.distances(batch, dict.fromkeys(range(len(batch)), programs))
    slack = 0.0 if executor.backbone.quick_dtype == torch.float32 else _SLACK
    candidates = {}
    for row, distances in found.items():
        order = np.lexsort((distances, lengths))
        candidates[row] = [programs[i] for i in order if distances[i] <= tolerance + slack]
    return candidates


def _by_greedy_removal(
    executor: EncoderExecutor, batch: EncoderBatch, tolerance: float
) -> dict[int, list[Program]]:
    """Return, per row, the valid programs that greedy removal met, shortest first."""

    def answer(queries: Mapping[int, Query]) -> dict[int, Answer]:
        asked = {row: query.programs for row, query in queries.items()}
        return {row: Answer(d) for row, d in executor.distances(batch, asked).items()}

    n_layers = executor.backbone.n_layers
    searches = {row: greedy(n_layers, tolerance=tolerance) for row in range(len(batch))}
    found = run_together(searches, answer)
    return {row: [candidate.program for candidate in f.valid] for row, f in found.items()}


def _verified(
    executor: EncoderExecutor,
    batch: EncoderBatch,
    candidates: Mapping[int, list[Program]],
    tolerance: float,
) -> dict[int, tuple[Program, float]]:
    """Return, per row, the first candidate that float32 confirms, with its distance."""
    full = Program.full(executor.backbone.n_layers)
    verified: dict[int, tuple[Program, float]] = {}
    left: dict[int, Iterator[Program]] = {row: iter(own) for row, own in candidates.items()}
    while left:
        asked = {row: (next(own, full),) for row, own in left.items()}
        for row, distances in executor.distances(batch, asked, precise=True).items():
            program, distance = asked[row][0], float(distances[0])
            if distance <= tolerance or program == full:
                verified[row] = (program, distance)
                del left[row]
    return verified
