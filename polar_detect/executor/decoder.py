"""Run programs on a backbone: batches of texts, shared prefixes, losses and their slopes.

Texts are padded on the right to a length that depends on the text alone, and run beside
texts of the same padded length: under causal attention neither the padding nor the company
changes a text's result, so no mask is needed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polar_detect.backbone.decoder import Backbone
from polar_detect.executor.schedule import Job, Schedule, held_together, plan
from polar_detect.numerics.lanes import lanes
from polar_detect.program import Program

_READ_TOKENS = 2**14  # of final states that are copied at a time to be read out: 38 MB of SmolLM2's
_CALLS_OF_A_PULL = 2  # a layer once more, and its gradient


@dataclass(eq=False)
class Stem:
    """What the first few layers make of a batch, which most programs start from.

    Parameters
    ----------
    states : (n_texts, n_tokens, hidden) float32, or None
        None until a program asks for them.
    users : set of int
        Rows whose programs have asked, and were charged.
    """

    states: Tensor | None = None
    users: set[int] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Batch:
    """Tokenised texts of one padded length.

    Parameters
    ----------
    index : (n_texts,) int64
        Each text's place in the sequence that was batched.
    input_ids : (n_texts, n_tokens) int64
        Start token, prefix, text; padded on the right.
    targets : (n_texts, n_tokens) int64
        The token to predict at each position.
    is_target : (n_texts, n_tokens) bool
        Positions whose target is a token of the text.
    is_text : (n_texts, n_tokens) bool
        Positions that hold a token of the text.
    embedded : (n_texts, n_tokens, hidden) float32
        What the first layer gets.
    stem : Stem
    """

    index: NDArray[np.int64]
    input_ids: Tensor
    targets: Tensor
    is_target: Tensor
    is_text: Tensor
    embedded: Tensor
    stem: Stem = field(default_factory=Stem, kw_only=True)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_tokens(self) -> int:
        """Padded length."""
        return self.input_ids.shape[1]

    def rows(self, texts: Sequence[int]) -> Self:
        """Return the batch of the given rows only."""
        parts = (self.input_ids, self.targets, self.is_target, self.is_text, self.embedded)
        return type(self)(self.index[list(texts)], *(part[list(texts)] for part in parts))


@dataclass(frozen=True, eq=False)
class Slopes:
    """Losses of jobs and first-order estimates of what leaving out each call would do.

    Parameters
    ----------
    losses : (n_jobs,) float32, nats per token
    skips : one (n_calls,) float32 per job, nats per token
        Estimated change of the loss when that call is left out.
    """

    losses: NDArray[np.float32]
    skips: list[NDArray[np.float32]]


def padded_length(n_tokens: int) -> int:
    """Return the length that a row of `n_tokens` is padded to; depends on nothing else."""
    step = 4 if n_tokens <= 32 else 8 if n_tokens <= 128 else 32
    return -(-n_tokens // step) * step


def batches(
    rows: Sequence[Sequence[int]],
    backbone: Backbone,
    *,
    prefixes: Sequence[Sequence[int]] | None = None,
    reads_last: bool = False,
    max_batch_tokens: int = 4096,
) -> Iterator[Batch]:
    """Group tokenised texts into batches of equal padded length, shortest first.

    Parameters
    ----------
    rows : sequence of token id sequences
        Texts without start token. Texts without tokens are left out.
    prefixes : sequence of token id sequences, optional
        Context that stands between the start token and each text; its tokens are not scored. Where
        the model has no positions for all, it is cut from its left.
    reads_last : bool
        Also feed each text's last token, which no loss needs but a state over the text does.
    max_batch_tokens : int
        Upper bound of rows × padded length, but for single rows.
    """
    if prefixes is not None:
        room = [max(0, backbone.max_positions - 1 - len(row)) for row in rows]
        prefixes = [p[max(0, len(p) - n) :] for p, n in zip(prefixes, room, strict=True)]
    lengths: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        if row:
            n_tokens = len(row) + reads_last + (len(prefixes[i]) if prefixes is not None else 0)
            padded = min(padded_length(n_tokens), backbone.max_positions)
            lengths.setdefault(padded, []).append(i)
    for n_tokens, members in sorted(lengths.items()):
        n_rows = max(1, max_batch_tokens // n_tokens)
        for start in range(0, len(members), n_rows):
            index = members[start : start + n_rows]
            yield _batch(index, n_tokens, rows, prefixes, backbone)


@lanes()
def _batch(
    index: list[int],
    n_tokens: int,
    rows: Sequence[Sequence[int]],
    prefixes: Sequence[Sequence[int]] | None,
    backbone: Backbone,
) -> Batch:
    input_ids = torch.full((len(index), n_tokens), backbone.start_token)
    targets = torch.zeros((len(index), n_tokens), dtype=torch.int64)
    is_target = torch.zeros((len(index), n_tokens), dtype=torch.bool)
    is_text = torch.zeros_like(is_target)
    for r, i in enumerate(index):
        prefix = list(prefixes[i]) if prefixes is not None else []
        sequence = [backbone.start_token, *prefix, *rows[i]]
        fed = min(len(sequence), n_tokens)  # the last token too where there is room for it
        input_ids[r, :fed] = torch.tensor(sequence[:fed])
        targets[r, : len(sequence) - 1] = torch.tensor(sequence[1:])
        is_target[r, len(prefix) : len(sequence) - 1] = True
        is_text[r, len(prefix) + 1 : fed] = True
    device = backbone.device
    embedded = backbone.embed(input_ids.to(device)).float()
    parts = (input_ids, targets, is_target, is_text, embedded)
    return Batch(np.asarray(index), *(part.to(device) for part in parts))


class Executor:
    """Runs programs on a backbone and counts what it spends.

    Attributes
    ----------
    spent : Counter
        Layer calls so far by text (its place in the sequence that was batched). A slope counts
        as three: forward, once more, and backward; that of a program's first call as one, as
        nothing asks for the gradient before it. Callers clear it as they need.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self.spent: Counter[int] = Counter()

    @property
    def n_layers(self) -> int:
        """Layers of the model."""
        return self.backbone.n_layers

    def count(self, batch: Batch, calls: Mapping[int, int]) -> None:
        """Add layer calls by row of `batch` to what its texts have spent."""
        for row, n_calls in calls.items():
            self.spent[int(batch.index[row])] += n_calls

    @lanes()
    @torch.no_grad()
    def losses(
        self, batch: Batch, jobs: Sequence[Job], *, precise: bool = False
    ) -> NDArray[np.float32]:
        """Return the loss of each job, (n_jobs,) float32, nats per token.

        Parameters
        ----------
        batch : Batch
        jobs : sequence of Job
            `Job.text` counts the rows of `batch`.
        precise : bool
            Multiply in float32 everywhere (see `Backbone`).
        """
        if not jobs:
            return np.zeros(0, np.float32)
        for program in {job.program for job in jobs}:
            program.check(self.backbone.n_layers)
        found = np.empty(len(jobs), np.float32)
        for places in held_together(jobs, batch.embedded[0].numel()):
            found[places] = self._losses(batch, [jobs[i] for i in places], precise=precise)
        return found

    @lanes()
    @torch.no_grad()
    def slopes(self, batch: Batch, programs: Sequence[Program]) -> Slopes:
        """Return losses and skip slopes of one program per row of `batch`.

        The estimate is gradient · (state before the call − state after it): the first-order
        Taylor term of replacing the call's output by its input.
        """
        for program in programs:
            program.check(self.n_layers)
        schedule = plan([Job(text, program) for text, program in enumerate(programs)])
        self.count(batch, {text: len(program) for text, program in enumerate(programs)})
        # One program a text, so that a text's state stays in its slot.
        owner = {slot: text for text, slot in enumerate(schedule.ends)}
        states = batch.embedded.clone()
        called = []
        for step in schedule.steps:
            texts = torch.tensor([owner[slot] for slot in step.sources], device=states.device)
            before = states[texts]
            after = self.backbone.apply(step.layer, before)
            states[texts] = after
            called.append((step.layer, texts, before, after))
        losses, gradient = self.read_back(batch, states)
        slopes: list[list[float]] = [[] for _ in programs]
        for layer, texts, before, after in reversed(called):
            own = gradient[texts]
            estimates = ((before - after) * own).sum((1, 2)).tolist()
            for text, estimate in zip(texts.tolist(), estimates, strict=True):
                slopes[text].append(estimate)
            goes_on = [len(slopes[text]) < len(programs[text]) for text in texts.tolist()]
            if any(goes_on):
                rest = torch.tensor(goes_on, device=states.device)
                pulled = self.backbone.pull_back(layer, before[rest], own[rest])
                gradient[texts[rest]] = pulled
                self.count(batch, dict.fromkeys(texts[rest].tolist(), _CALLS_OF_A_PULL))
        skips = [np.asarray(own[::-1], np.float32) for own in slopes]
        return Slopes(losses.cpu().numpy(), skips)

    def read_back(self, batch: Batch, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return each text's loss, (n_texts,) nats per token, and its gradient by the final states.

        Parameters
        ----------
        batch : Batch
        states : (n_texts, n_tokens, hidden)
            Behind the last call.

        Returns
        -------
        losses : (n_texts,)
            As `mean_losses` finds them, but for the last bits.
        gradient : (n_texts, n_tokens, hidden)
            Zero where no token of the text is predicted.
        """
        is_target = batch.is_target
        losses, gradients = self.backbone.read_back(states[is_target], batch.targets[is_target])
        return _means(losses, is_target), gradient_of_means(batch, gradients)

    def final_losses(
        self, batch: Batch, texts: Tensor, states: Tensor, places: Tensor, *, precise: bool = False
    ) -> Tensor:
        """Return the mean loss of final states, (n,), of which few are copied at a time.

        Parameters
        ----------
        batch : Batch
        texts : (n,) int64
            Row of `batch` that each is of.
        states : (n_states, n_tokens, hidden)
        places : (n,) int64
            Where each stands among `states`.
        precise : bool
        """
        n_together = max(1, _READ_TOKENS // batch.n_tokens)
        parts = zip(*(torch.split(own, n_together) for own in (texts, places)), strict=True)
        return torch.cat(
            [self.mean_losses(batch, own, states[at], precise=precise) for own, at in parts]
        )

    def mean_losses(
        self, batch: Batch, texts: Tensor, states: Tensor, *, precise: bool = False
    ) -> Tensor:
        """Return the mean loss per row of final `states` (n, n_tokens, hidden) of `texts` (n,)."""
        is_target = batch.is_target[texts]
        losses = self.backbone.token_losses(
            states[is_target], batch.targets[texts][is_target], precise=precise
        )
        return _means(losses, is_target)

    def _losses(self, batch: Batch, jobs: Sequence[Job], *, precise: bool) -> NDArray[np.float32]:
        """Return the losses of jobs whose states are held together."""
        starts, own = self._started(batch, jobs)
        schedule = plan(own)
        for start, n_calls in schedule.calls.items():
            self.count(batch, {start % len(batch): n_calls})
        states = self._run(starts, schedule, precise=precise)
        texts = torch.tensor([job.text for job in jobs], device=states.device)
        ends = torch.tensor(schedule.ends, device=states.device)
        found = self.final_losses(batch, texts, states, ends, precise=precise)
        return found.cpu().numpy()

    def _started(self, batch: Batch, jobs: Sequence[Job]) -> tuple[Tensor, list[Job]]:
        """Return the states that jobs start from, and the jobs of what is left to run.

        Nearly every program calls the first layers, and they have no quick form: where they are
        called in order, they run once for all that is ever asked of a batch.

        Returns
        -------
        starts : (n_starts, n_tokens, hidden)
            What the first layer gets, then, where it is asked for, what is behind those layers.
        jobs : list of Job
            `Job.text` counts the rows of `starts`.
        """
        first, stem = tuple(range(self.backbone.n_precise)), batch.stem
        n = len(first)
        is_behind = [job.program.layers[:n] == first for job in jobs]
        users = {job.text for job, behind in zip(jobs, is_behind, strict=True) if behind}
        if not users:
            return batch.embedded, [*jobs]
        self.count(batch, dict.fromkeys(users - stem.users, n))
        stem.users |= users
        if stem.states is None:
            stem.states = batch.embedded
            for layer in first:
                stem.states = self.backbone.apply(layer, stem.states)
        own = [
            Job(job.text + len(batch), Program(job.program.layers[n:])) if behind else job
            for job, behind in zip(jobs, is_behind, strict=True)
        ]
        return torch.cat([batch.embedded, stem.states]), own

    def _run(self, starts: Tensor, schedule: Schedule, *, precise: bool) -> Tensor:
        """Return the slots (n_slots, n_tokens, hidden) after the last step."""
        states = starts.new_empty((schedule.n_slots, *starts.shape[1:]))
        texts, slots = zip(*schedule.roots, strict=True)
        states[list(slots)] = starts[list(texts)]
        for step in schedule.steps:
            sources = torch.tensor(step.sources, device=states.device)
            targets = torch.tensor(step.targets, device=states.device)
            self.backbone.apply_within(step.layer, states, sources, targets, precise=precise)
        return states


def gradient_of_means(batch: Batch, gradients: Tensor) -> Tensor:
    """Return the gradient of each text's mean loss by its states, (n_texts, n_tokens, hidden).

    Parameters
    ----------
    batch : Batch
    gradients : (n_targets, hidden)
        Of each target's loss by the state that predicts it.
    """
    gradient = gradients.new_zeros((*batch.is_target.shape, gradients.shape[-1]))
    gradient[batch.is_target] = gradients
    return gradient / batch.is_target.sum(1)[:, None, None]


def _means(losses: Tensor, is_target: Tensor) -> Tensor:
    """Return the mean per row of the losses of all rows' targets, (n_rows,)."""
    n_targets = is_target.sum(1)
    owner = torch.arange(len(is_target), device=losses.device).repeat_interleave(n_targets)
    totals = losses.new_zeros(len(is_target)).index_add(0, owner, losses)
    return totals / n_targets
