"""Run programs on a backbone: shared prefixes once, losses and their slopes."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from polar_detect.arrays import BoolArray, Float32Array, IntArray
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.forms import LayerForm
from polar_detect.executor.batches import Batch, gradient_of_means
from polar_detect.executor.schedule import Job, Schedule, held_together, plan
from polar_detect.numerics.lanes import lanes
from polar_detect.program import Program

_READ_TOKENS = 2**14  # of final states that are copied at a time to be read out: 38 MB of SmolLM2's
_CALLS_OF_A_PULL = 2  # a layer once more, and its gradient


@dataclass(frozen=True, eq=False)
class Slopes:
    """Losses of jobs and first-order estimates of what leaving out each call would do.

    Parameters
    ----------
    losses : (n_jobs,) float32, nats per token
    skips : one (n_calls,) float32 per job, nats per token
        Estimated change of the loss when that call is left out.
    """

    losses: Float32Array
    skips: list[Float32Array]


@dataclass(frozen=True, eq=False)
class Screened:
    """Losses of those jobs that are not clearly bad by the common words alone.

    Parameters
    ----------
    losses : (n_jobs,) float32, nats per token
        NaN for the others.
    common : (n_jobs,) float32, nats per token
        As if none but the common words and each target could follow, so never above the loss, but
        for rounding (see `Backbone.common_losses`).
    """

    losses: Float32Array
    common: Float32Array


@dataclass(frozen=True, eq=False)
class _Ends:
    """Where the final states of jobs are.

    Parameters
    ----------
    jobs : (n,) int64
        Places of the jobs in their sequence.
    texts : (n,) int64
        Row of the batch that each is of.
    states : (n_states, n_tokens, hidden)
    places : (n,) int64
        Where each job's state stands among `states`.
    """

    jobs: IntArray
    texts: Tensor
    states: Tensor
    places: Tensor

    def of(self, is_kept: BoolArray) -> "_Ends":
        """Return those of some jobs."""
        kept = torch.from_numpy(is_kept).to(self.texts.device)
        return _Ends(self.jobs[is_kept], self.texts[kept], self.states, self.places[kept])


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

    @property
    def screens(self) -> bool:
        """Whether the common words alone can turn a program away, at less cost than all words."""
        return self.backbone.has_rare_words

    def count(self, batch: Batch, calls: Mapping[int, int]) -> None:
        """Add layer calls by row of `batch` to what its texts have spent."""
        for row, n_calls in calls.items():
            self.spent[int(batch.index[row])] += n_calls

    @lanes()
    @torch.no_grad()
    def losses(self, batch: Batch, jobs: Sequence[Job], *, precise: bool = False) -> Float32Array:
        """Return the loss of each job, (n_jobs,) float32, nats per token.

        Parameters
        ----------
        batch : Batch
        jobs : sequence of Job
            `Job.text` counts the rows of `batch`.
        precise : bool
            Multiply in float32 everywhere (see `Backbone`).
        """
        found = np.empty(len(jobs), np.float32)

        def read(ends: _Ends) -> None:
            losses = self.final_losses(batch, ends.texts, ends.states, ends.places, precise=precise)
            found[ends.jobs] = losses.cpu().numpy()

        self._read_ends(batch, jobs, read, precise=precise)
        return found

    @lanes()
    @torch.no_grad()
    def screened(self, batch: Batch, jobs: Sequence[Job], ceilings: Float32Array) -> Screened:
        """Return the losses of those jobs whose loss over the common words is not too high.

        To read out the whole vocabulary takes as many products as a quarter of a program's layers
        and more, the common words a twelfth of that.

        Parameters
        ----------
        batch : Batch
        jobs : sequence of Job
        ceilings : (n_jobs,) float32, nats per token
        """
        losses = np.full(len(jobs), np.nan, np.float32)
        common = np.empty(len(jobs), np.float32)
        means = partial(_mean_losses, self.backbone.common_losses)

        def read(ends: _Ends) -> None:
            own = self._by_parts(means, batch, ends.texts, ends.states, ends.places)
            common[ends.jobs] = own.cpu().numpy()
            near = ends.of(common[ends.jobs] <= ceilings[ends.jobs])
            found = self.final_losses(batch, near.texts, near.states, near.places)
            losses[near.jobs] = found.cpu().numpy()

        self._read_ends(batch, jobs, read)
        return Screened(losses, common)

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
            lengths = batch.lengths_of(texts.numpy(force=True))
            after = self.backbone.apply(step.layer, before, lengths=lengths)
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
                lengths = batch.lengths_of(texts[rest].numpy(force=True))
                pulled = self.backbone.pull_back(layer, before[rest], own[rest], lengths=lengths)
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
        means = partial(self.mean_losses, precise=precise)
        return self._by_parts(means, batch, texts, states, places)

    def mean_losses(
        self, batch: Batch, texts: Tensor, states: Tensor, *, precise: bool = False
    ) -> Tensor:
        """Return the mean loss per row of final `states` (n, n_tokens, hidden) of `texts` (n,)."""
        token_losses = partial(self.backbone.token_losses, precise=precise)
        return _mean_losses(token_losses, batch, texts, states)

    @staticmethod
    def _by_parts(
        means: Callable[[Batch, Tensor, Tensor], Tensor],
        batch: Batch,
        texts: Tensor,
        states: Tensor,
        places: Tensor,
    ) -> Tensor:
        """Return what `means` finds of states, few of which are copied at a time."""
        n_together = max(1, _READ_TOKENS // batch.n_tokens)
        parts = zip(*(torch.split(own, n_together) for own in (texts, places)), strict=True)
        return torch.cat([means(batch, own, states[at]) for own, at in parts])

    def _read_ends(
        self,
        batch: Batch,
        jobs: Sequence[Job],
        read: Callable[[_Ends], None],
        *,
        precise: bool = False,
    ) -> None:
        """Run jobs, and read their final states, of which one group is held at a time."""
        for program in {job.program for job in jobs}:
            program.check(self.n_layers)
        for places in held_together(jobs, batch.embedded[0].numel()):
            read(self._ends(batch, jobs, places, precise=precise))  # no name keeps the states

    def _ends(
        self, batch: Batch, jobs: Sequence[Job], places: Sequence[int], *, precise: bool
    ) -> _Ends:
        """Run the jobs at these places, whose states are held together."""
        held = [jobs[i] for i in places]
        starts, own = self._started(batch, held)
        schedule = plan(own)
        for start, n_calls in schedule.calls.items():
            self.count(batch, {start % len(batch): n_calls})
        states = self._run(batch, starts, schedule, precise=precise)
        texts = torch.tensor([job.text for job in held], device=states.device)
        ends = torch.tensor(schedule.ends, device=states.device)
        return _Ends(np.asarray(places), texts, states, ends)

    def _started(self, batch: Batch, jobs: Sequence[Job]) -> tuple[Tensor, list[Job]]:
        """Return the states that jobs start from, and the jobs of what is left to run.

        Nearly every program calls the first layers, which multiply in float32 in either form: where
        they are called in order, they run once for all that is ever asked of a batch.

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
                stem.states = self.backbone.apply(layer, stem.states, lengths=batch.lengths)
        own = [
            Job(job.text + len(batch), Program(job.program.layers[n:])) if behind else job
            for job, behind in zip(jobs, is_behind, strict=True)
        ]
        return torch.cat([batch.embedded, stem.states]), own

    def _run(self, batch: Batch, starts: Tensor, schedule: Schedule, *, precise: bool) -> Tensor:
        """Return the slots (n_slots, n_tokens, hidden) after the last step."""
        states = starts.new_zeros((schedule.n_slots, *starts.shape[1:]))
        roots, slots = np.asarray(schedule.roots).T
        states[slots] = starts[roots]
        texts = np.zeros(schedule.n_slots, np.int64)  # whose state a slot holds
        texts[slots] = roots % len(batch)
        form: LayerForm = "precise" if precise else "quick"
        for step in schedule.steps:
            texts[list(step.targets)] = texts[list(step.sources)]
            sources = torch.tensor(step.sources, device=states.device)
            targets = torch.tensor(step.targets, device=states.device)
            lengths = batch.lengths_of(texts[list(step.sources)])
            self.backbone.apply_within(
                step.layer, states, sources, targets, lengths=lengths, form=form
            )
        return states


def _mean_losses(
    token_losses: Callable[[Tensor, Tensor], Tensor], batch: Batch, texts: Tensor, states: Tensor
) -> Tensor:
    """Return the mean per row of what `token_losses` finds of its states and targets, (n,)."""
    is_target = batch.is_target[texts]
    return _means(token_losses(states[is_target], batch.targets[texts][is_target]), is_target)


def _means(losses: Tensor, is_target: Tensor) -> Tensor:
    """Return the mean per row of the losses of all rows' targets, (n_rows,)."""
    n_targets = is_target.sum(1)
    owner = torch.arange(len(is_target), device=losses.device).repeat_interleave(n_targets)
    totals = losses.new_zeros(len(is_target)).index_add(0, owner, losses)
    return totals / n_targets
