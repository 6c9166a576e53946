"""Run programs on an encoder: what they do to the embeddings of texts.

Without a loss, a program is judged by its mean-pooled embedding: its distance is 1 − cosine to
the embedding of the full program, and it is valid within a tolerance of that.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from polar_detect.arrays import Float32Array
from polar_detect.backbone.encoder import EncoderBackbone, EncoderBatch
from polar_detect.executor.schedule import Job, held_together, plan
from polar_detect.numerics.block_sizes import rows_per_block
from polar_detect.numerics.blocks import by_blocks
from polar_detect.numerics.lanes import lanes
from polar_detect.program import Program, one_edit_programs

BATCH_TOKENS = 512  # of a batch that runs many programs at once


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

    @property
    def n_layers(self) -> int:
        """Layers of the encoder."""
        return self.backbone.n_layers

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
        for program in {job.program for job in jobs}:
            program.check(self.n_layers)
        embedded = self.backbone.embed(batch.input_ids)
        pooled = embedded.new_empty((len(jobs), embedded.shape[-1]))
        for places in held_together(jobs, embedded[0].numel()):
            own = [jobs[i] for i in places]
            pooled[places] = self._pooled(batch, embedded, own, precise=precise)
        return pooled

    def _pooled(
        self, batch: EncoderBatch, embedded: Tensor, jobs: Sequence[Job], *, precise: bool
    ) -> Tensor:
        """Return what `pooled` does, for jobs whose states are held together."""
        backbone, schedule = self.backbone, plan(jobs)
        self.spent.update({int(batch.index[row]): n for row, n in schedule.calls.items()})
        states = embedded.new_empty((schedule.n_slots, *embedded.shape[1:]))
        texts, slots = zip(*schedule.roots, strict=True)
        states[list(slots)] = embedded[list(texts)]
        for step in schedule.steps:
            sources = torch.tensor(step.sources, device=states.device)
            # A target may reuse a source's slot: all sources are read before any is written.
            called = backbone.apply(
                step.layer, states[sources], form="precise" if precise else "quick"
            )
            states[torch.tensor(step.targets, device=states.device)] = called
        ends = torch.tensor(schedule.ends, device=states.device)
        size = rows_per_block(embedded.shape[1], states.device)
        (pooled,) = by_blocks(
            lambda rows: (backbone.read_out(rows).mean(1),), states[ends], counts=(size,)
        )
        return pooled

    @lanes()
    def losses(
        self, batch: EncoderBatch, jobs: Sequence[Job], *, precise: bool = False
    ) -> Float32Array:
        """Return the distance of each job, (n_jobs,), which is to searches what a loss is.

        Parameters
        ----------
        batch, jobs, precise
            As in `pooled`.
        """
        if not jobs:
            return np.zeros(0, np.float32)
        full = Program.full(self.n_layers)
        places = {row: place for place, row in enumerate(dict.fromkeys(j.text for j in jobs))}
        every = [*(Job(row, full) for row in places), *jobs]
        unit = F.normalize(self.pooled(batch, every, precise=precise), dim=-1)
        against = unit[[places[job.text] for job in jobs]]
        cosines = (unit[len(places) :] * against).sum(-1)
        return (1 - cosines).clamp_min(0).cpu().numpy()


@dataclass(frozen=True, eq=False)
class EncoderCurves:
    """What skipping or looping one layer does to the embeddings of texts.

    Parameters
    ----------
    skip, loop : (n_texts, n_layers) float32
        Distance, 1 − cosine, with the layer skipped / looped; NaN for a text without tokens.
    """

    skip: Float32Array
    loop: Float32Array


def encoder_curves(executor: EncoderExecutor, texts: Sequence[str]) -> EncoderCurves:
    """Measure both curves in float32 by running all one-edit programs.

    That is 42 layer calls a text with 6 layers.
    """
    n_layers = executor.n_layers
    edits = one_edit_programs(n_layers)
    distances = np.full((len(texts), len(edits)), np.nan, np.float32)
    for batch in executor.backbone.batches(texts, max_batch_tokens=BATCH_TOKENS):
        jobs = [Job(row, edit) for row in range(len(batch)) for edit in edits]
        found = executor.losses(batch, jobs, precise=True)
        distances[batch.index] = found.reshape(len(batch), len(edits))
    return EncoderCurves(distances[:, :n_layers], distances[:, n_layers:])
