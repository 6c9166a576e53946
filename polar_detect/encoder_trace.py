"""Texts → what an encoder's layer programs do to their embedding.

Without a loss, a program is judged by its mean-pooled embedding: its distance is 1 − cosine to
the embedding of the full program, and it is valid within a tolerance of that.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from polar_detect.blocks import by_blocks, rows_per_block
from polar_detect.encoder_backbone import EncoderBackbone, EncoderBatch
from polar_detect.lanes import lanes
from polar_detect.program import Program
from polar_detect.schedule import Job, plan

Array = NDArray[np.float32]

BATCH_TOKENS = 512  # of a batch that runs many programs at once


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

    @lanes()
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
        for step in schedule.steps:
            sources = torch.tensor(step.sources, device=states.device)
            # A target may reuse a source's slot: all sources are read before any is written.
            called = backbone.apply(step.layer, states[sources], precise=precise)
            states[torch.tensor(step.targets, device=states.device)] = called
        ends = torch.tensor(schedule.ends, device=states.device)
        size = rows_per_block(embedded.shape[1], states.device, torch.float32)
        (pooled,) = by_blocks(
            lambda rows: (backbone.read_out(rows).mean(1),), states[ends], counts=(size,)
        )
        return pooled

    @lanes()
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
            row: (1 - part[1:] @ part[0]).clamp_min(0).cpu().numpy()
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
        for batch in self.backbone.batches(texts, max_batch_tokens=4 * BATCH_TOKENS):
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
        for batch in self.backbone.batches(texts, max_batch_tokens=BATCH_TOKENS):
            found = self.executor.distances(batch, dict.fromkeys(range(len(batch)), edits))
            distances = np.stack(list(found.values()))
            out.skip[batch.index] = distances[:, :n_layers]
            out.loop[batch.index] = distances[:, n_layers:]
