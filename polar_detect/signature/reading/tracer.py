"""Texts → traces: what the language model does with them, measured."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from polar_detect.arrays import Float32Array, IntArray
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.read_out import Moments
from polar_detect.backbone.tokenizing import MAX_TOKENS, as_room_allows
from polar_detect.executor.batches import Batch, batches, gradient_of_means
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.numerics.block_sizes import block_tokens
from polar_detect.numerics.lanes import lanes, n_lanes, spread
from polar_detect.program import Program, one_edit_programs
from polar_detect.signature.reading.token_states import (
    TextTokens,
    TokenStates,
    kept_places,
    no_tokens,
    stored_states,
)
from polar_detect.signature.reading.traces import Curves, Traces

CurveKind = Literal["none", "first-order", "exact"]
_TOKEN_DEPTHS = (0.1, 0.2, 1 / 3, 0.53, 0.73, 1.0)  # shares of the layers


class Tracer:
    """Extracts traces and context losses with one backbone.

    Parameters
    ----------
    backbone : Backbone
    max_tokens : int
        Texts are cut after this many tokens; by default after 256, or as many as the model has
        positions for.
    curves : {"none", "first-order", "exact"}
        Whether skip and loop curves are left out (with the exit curve), Taylor estimates from
        one gradient, or measured in float32 by running all one-edit programs. A trace costs
        about 1, 3.5 and 40 times a plain forward pass.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        max_tokens: int = MAX_TOKENS,
        curves: CurveKind = "first-order",
    ) -> None:
        self.backbone = backbone
        self.executor = Executor(backbone)
        self.max_tokens = as_room_allows(max_tokens, backbone.max_positions - 1)
        self.curves = curves

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return token ids; a text of white space only has none, as an empty one."""
        shown = [text if text.strip() else "" for text in texts]
        return self.backbone.tokenize(shown, self.max_tokens)

    def count_cut(self, texts: Sequence[str]) -> int:
        """Return how many texts are longer than what is read of them.

        Where as much is read as the model has positions for, texts that just fill them count too.
        """
        room = self.backbone.max_positions - 1
        rows = self.backbone.tokenize(list(texts), min(self.max_tokens + 1, room))
        return sum(len(row) > self.max_tokens or len(row) == room for row in rows)

    @lanes()
    @torch.no_grad()
    def trace(self, texts: Sequence[str]) -> Traces:
        """Return the traces of `texts`."""
        out = self._empty(len(texts))
        rows = self.tokenize(texts)
        out.n_tokens[:] = [len(row) for row in rows]
        out.n_chars[:] = [self._n_chars(*pair) for pair in zip(texts, rows, strict=True)]
        tokens = [no_tokens(len(self.token_depths), self._hidden)] * len(texts)
        found = self._batches(rows, reads_last=True)
        spread(lambda batch: self._trace_batch(batch, out, tokens), found)
        if self.curves == "exact":
            for batch in found:
                out.skip[batch.index], out.loop[batch.index] = self._exact_curves(batch)
        return replace(out, tokens=TokenStates(tuple(tokens)))

    @lanes()
    @torch.no_grad()
    def exact_curves(
        self,
        rows: Sequence[Sequence[int]],
        prefixes: Sequence[Sequence[int]] | None = None,
    ) -> Curves:
        """Return the curves of tokenised texts, by running all one-edit programs.

        Parameters
        ----------
        rows, prefixes
            As in `polar_detect.executor.batches.batches`.
        """
        skip, loop = np.full((2, len(rows), self.backbone.n_layers), np.nan, np.float32)
        for batch in self._batches(rows, prefixes=prefixes):
            skip[batch.index], loop[batch.index] = self._exact_curves(batch)
        return Curves(skip, loop)

    @property
    def token_depths(self) -> tuple[int, ...]:
        """Depths whose token states a trace keeps: more of them early on, and the last.

        Tokens tell most about words there; in the middle of the model a few huge
        coordinates drown all others.
        """
        n_layers = self.backbone.n_layers
        depths = (max(1, round(n_layers * share)) for share in _TOKEN_DEPTHS)
        return tuple(dict.fromkeys(depths))

    @torch.no_grad()
    def context_exit_losses(
        self, texts: Sequence[str], contexts: Sequence[Sequence[str]], *, context_tokens: int = 40
    ) -> Float32Array:
        """Return each text's exit losses with context in front.

        Parameters
        ----------
        texts : sequence of str
        contexts : one sequence of str per text
            Stand before the text in this order, cut to `context_tokens`, a newline after each.

        Returns
        -------
        (n_texts, n_layers + 1) float32, nats per token
            NaN for texts without tokens. The last column only where curves are left out.
        """
        rows = self.tokenize(texts)
        prefixes = self._prefixes(contexts, context_tokens)
        out = np.full((len(rows), self._n_exits), np.nan, np.float32)
        found = self._batches(rows, prefixes=prefixes)
        curves = spread(lambda batch: self._exit_curve(batch, self._states(batch)), found)
        for batch, curve in zip(found, curves, strict=True):
            out[batch.index] = curve.cpu().numpy()
        return out

    def _batches(
        self,
        rows: Sequence[Sequence[int]],
        *,
        prefixes: Sequence[Sequence[int]] | None = None,
        reads_last: bool = False,
    ) -> list[Batch]:
        """Return the batches of tokenised texts, each of a block's size at most."""
        found = batches(
            rows,
            self.backbone,
            prefixes=prefixes,
            reads_last=reads_last,
            max_batch_tokens=block_tokens(self.backbone.device),
            n_at_once=n_lanes(),
        )
        return list(found)

    def _prefixes(self, contexts: Sequence[Sequence[str]], context_tokens: int) -> list[list[int]]:
        unique = sorted({text for context in contexts for text in context})
        ids = dict(zip(unique, self.backbone.tokenize(unique, context_tokens), strict=True))
        newline = self.backbone.tokenize(["\n"], 4)[0]
        return [[t for text in context for t in (*ids[text], *newline)] for context in contexts]

    @property
    def _n_exits(self) -> int:
        return 1 if self.curves == "none" else self.backbone.n_layers + 1

    def _n_chars(self, text: str, row: Sequence[int]) -> int:
        is_cut = len(row) == self.max_tokens
        return len(self.backbone.tokenizer.decode(row)) if is_cut else len(text)

    def _empty(self, n_texts: int) -> Traces:
        n_layers = self.backbone.n_layers
        n_curve = 0 if self.curves == "none" else n_layers

        def nan(*shape: int) -> Float32Array:
            return np.full((n_texts, *shape), np.nan, np.float32)

        return Traces(
            n_tokens=nan(),
            n_chars=nan(),
            loss=nan(),
            loss_spread=nan(),
            loss_max=nan(),
            surprise=nan(),
            skip=nan(n_curve),
            loop=nan(n_curve),
            exit=nan(self._n_exits),
            trajectory=nan(n_layers + 1, self._hidden),
            tokens=TokenStates(()),
        )

    @property
    def _hidden(self) -> int:
        size: int = self.backbone.model.config.get_text_config().hidden_size
        return size

    def _states(self, batch: Batch) -> list[Tensor]:
        """Return the states at each depth of the full program, n_layers + 1 of them."""
        states = [batch.embedded]
        for layer in range(self.backbone.n_layers):
            states.append(self.backbone.apply(layer, states[-1], lengths=batch.lengths))
        return states

    def _trace_batch(self, batch: Batch, out: Traces, tokens: list[TextTokens]) -> None:
        where, targets = batch.is_target, batch.targets[batch.is_target]
        states = self._states(batch)
        if self.curves == "first-order":
            moments, gradients = self.backbone.token_moments_back(states[-1][where], targets)
            gradient = gradient_of_means(batch, gradients)
            slopes = self._first_order(states, gradient, batch.lengths)
            out.skip[batch.index], out.loop[batch.index] = slopes
        else:
            moments = self.backbone.token_moments(states[-1][where], targets)
        losses = _by_text(batch, moments.losses)
        self._record(batch, states, losses, out)
        out.surprise[batch.index] = _surprise(batch, losses, moments).cpu()
        self._keep_tokens(batch, states, losses, tokens)

    def _record(self, batch: Batch, states: Sequence[Tensor], losses: Tensor, out: Traces) -> None:
        """Put losses, exit curve and trajectory into `out`."""
        index = batch.index
        out.loss[index] = losses.nanmean(1).cpu()
        out.loss_max[index] = losses.nan_to_num(-torch.inf).amax(1).cpu()
        spread = (losses - losses.nanmean(1, keepdim=True)).square().nanmean(1).sqrt()
        out.loss_spread[index] = spread.cpu()
        out.exit[index] = self._exit_curve(batch, states).cpu()
        pooled = torch.stack([_mean_over(state, batch.is_text) for state in states], 1)
        out.trajectory[index] = pooled.cpu()

    def _keep_tokens(
        self,
        batch: Batch,
        states: Sequence[Tensor],
        losses: Tensor,
        tokens: list[TextTokens],
    ) -> None:
        """Put the states that predict a token of their text into `tokens`."""
        *depths, last = (states[depth] for depth in self.token_depths)
        kept = torch.stack([*depths, self.backbone.final_norm(last)])
        kept = stored_states(kept)
        for row, text in enumerate(batch.index.tolist()):
            where = torch.nonzero(batch.is_target[row])[:, 0]
            where = where[torch.from_numpy(kept_places(len(where))).to(where.device)]
            parts = kept[:, row, where], batch.targets[row, where], losses[row, where]
            own_states, targets, own_losses = (part.cpu().numpy() for part in parts)
            tokens[text] = TextTokens(own_states, targets, own_losses)

    def _first_order(
        self, states: Sequence[Tensor], gradient: Tensor, lengths: IntArray | None
    ) -> tuple[Float32Array, Float32Array]:
        """Return gradient · (change of the layer's output), for skipping and for looping it.

        Parameters
        ----------
        states : n_layers + 1 of (n_texts, n_tokens, hidden)
        gradient : (n_texts, n_tokens, hidden)
            By the last of them.
        lengths : (n_texts,) int64, optional
            Of the texts, as in `Batch`.
        """
        skips, loops = [], []
        for layer in reversed(range(self.backbone.n_layers)):
            before, after = states[layer : layer + 2]
            again = self.backbone.apply(layer, after, lengths=lengths, form="rough")
            skips.append((gradient * (before - after)).sum((1, 2)))
            loops.append((gradient * (again - after)).sum((1, 2)))
            if layer:
                gradient = self.backbone.pull_back(layer, before, gradient, lengths=lengths)
        skip, loop = (torch.stack(found[::-1], 1).cpu().numpy() for found in (skips, loops))
        return skip, loop

    def _exact_curves(self, batch: Batch) -> tuple[Float32Array, Float32Array]:
        n_layers = self.backbone.n_layers
        edits = [Program.full(n_layers), *one_edit_programs(n_layers)]
        jobs = [Job(text, program) for text in range(len(batch)) for program in edits]
        losses = self.executor.losses(batch, jobs, precise=True).reshape(len(batch), len(edits))
        changes = losses[:, 1:] - losses[:, :1]
        return changes[:, :n_layers], changes[:, n_layers:]

    def _exit_curve(self, batch: Batch, states: Sequence[Tensor]) -> Tensor:
        """Return the loss at each depth that is asked for, over a small vocabulary."""
        read = torch.cat([state[batch.is_target] for state in states[-self._n_exits :]])
        targets = batch.targets[batch.is_target].repeat(self._n_exits)
        losses = self.backbone.common_losses(read, targets).view(self._n_exits, -1)
        return torch.stack([_by_text(batch, own).nanmean(1) for own in losses], 1)


def _surprise(batch: Batch, losses: Tensor, moments: Moments) -> Tensor:
    """Return how far a text's losses are above what the model expects, in standard deviations."""
    expected = _by_text(batch, moments.expected).nansum(1)
    variance = _by_text(batch, moments.variances).nansum(1)
    return (losses.nansum(1) - expected) / variance.clamp_min(1e-6).sqrt()


def _by_text(batch: Batch, token_values: Tensor) -> Tensor:
    """Lay values of target positions out as (n_texts, n_tokens), NaN elsewhere."""
    out = token_values.new_full(batch.is_target.shape, torch.nan)
    return out.masked_scatter(batch.is_target, token_values)


def _mean_over(state: Tensor, where: Tensor) -> Tensor:
    weights = where.float() / where.sum(1, keepdim=True)
    return (state * weights[..., None]).sum(1)
