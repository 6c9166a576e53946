"""Hidden states → logits and losses, without ever holding (tokens × vocabulary) numbers.

States are read out in blocks, and the vocabulary in pieces that stay in the cache (49,152 words
for 256 tokens: 23 ms, in blocks of 64 tokens 28 ms).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.functional import vjp

from polar_detect.backbone.recording import has_matrix
from polar_detect.numerics.block_sizes import random_states, same_bits
from polar_detect.numerics.blocks import by_blocks
from polar_detect.numerics.products import SHIFT, Weight

BLOCK = 64  # tokens
_QUICK_BLOCKS = (256, 128, 64)  # tokens, where all of them give the same bits
_PIECE = 1024  # words
# Of exponentials: all that counts in a larger sum is above the smallest numbers there are, and
# those of `Weight.exponentials` are right to a thousandth in a smaller one, or to a millionth.
_LEAST_SUM, _MOST_SUM, _MOST_SUM_OF_FLOAT32 = 1e-29, 1e-3, 1e-6
_COMMON = 4096  # first words of the vocabulary: the most frequent ones of usual tokenizers


class Moments(NamedTuple):
    """Losses of tokens, and what the model expects of them; each (n,) float32.

    Parameters
    ----------
    losses : nats
    expected : nats
        The loss that the model expects of its own prediction, its entropy.
    variances : squared nats
    """

    losses: Tensor
    expected: Tensor
    variances: Tensor


class ReadOut:
    """What is behind the last block of a decoder: mostly a norm, and the head.

    Parameters
    ----------
    way_out : nn.Module
        What states go through before the head gets them.
    head : nn.Module
    softcap : float, optional
        Bound of the logits.
    quick_dtype : torch.dtype
        Of the *quick* form, as in `Backbone`.
    scale : float
        What the head's logits are multiplied by.
    """

    def __init__(
        self,
        way_out: nn.Module,
        head: Any,
        *,
        softcap: float | None,
        quick_dtype: torch.dtype,
        scale: float = 1.0,
    ) -> None:
        self.way_out = way_out
        self.head = head
        self._softcap, self._scale = softcap, scale
        is_plain = isinstance(head, nn.Linear) and head.bias is None
        pieces = torch.split(head.weight, _PIECE) if is_plain else ()
        self._exact = [Weight(piece, dtype=torch.float32) for piece in pieces]
        is_low = quick_dtype != torch.float32
        self._most_sum = _MOST_SUM if is_low else _MOST_SUM_OF_FLOAT32
        self._pieces = [Weight(p, dtype=quick_dtype) for p in pieces] if is_low else self._exact
        self._quick_blocks = self._same_bits(_products)

    def logits(self, hidden: Tensor, *, precise: bool) -> Tensor:
        """Read out hidden states (…, hidden) as logits (…, vocabulary) in float32."""

        def block(states: Tensor) -> tuple[Tensor]:
            pieces = self._logits(self.way_out(states), precise=precise)
            return (torch.cat(list(pieces), -1),)

        (logits,) = by_blocks(block, hidden.flatten(0, -2), counts=(BLOCK,))
        return logits.view(*hidden.shape[:-1], logits.shape[-1])

    def losses(self, hidden: Tensor, targets: Tensor, *, precise: bool) -> Tensor:
        """Return the cross entropy of each target, (n,) float32, nats."""
        counts = self._blocks(precise=precise)
        return self._by_blocks(partial(self._losses, precise=precise), hidden, targets, counts)

    def read_back(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses in the quick form, and the gradient of each by its state, (n, hidden)."""

        def block(states: Tensor, own: Tensor) -> tuple[Tensor, ...]:
            return self._through_norm(lambda normed: self._losses_back(normed, own), states)

        counts = self._blocks_back
        losses, gradients = by_blocks(block, hidden, targets, counts=counts)
        return losses, gradients

    def moments(self, hidden: Tensor, targets: Tensor) -> Moments:
        """Return losses with their expectation and variance under the model, in the quick form."""

        def block(states: Tensor, own: Tensor) -> Moments:
            normed = self.way_out(states)
            sums = _Sums(self._logits(normed, precise=False))
            return sums.moments(self._target_logits(normed, own))

        counts = self._blocks(precise=False)
        return Moments(*by_blocks(block, hidden, targets, counts=counts))

    def moments_back(self, hidden: Tensor, targets: Tensor) -> tuple[Moments, Tensor]:
        """Return the same, and the gradient of each loss by its state, (n, hidden)."""
        if not self._is_plain:
            return self.moments(hidden, targets), self.read_back(hidden, targets)[1]

        def back(normed: Tensor, own: Tensor) -> tuple[Tensor, ...]:
            sums = _Sums(self._logits(normed, precise=False), self._pieces)
            slopes = sums.pulled() - self.head.weight[own]
            return *sums.moments(self._target_logits(normed, own)), slopes

        def block(states: Tensor, own: Tensor) -> tuple[Tensor, ...]:
            return self._through_norm(lambda normed: back(normed, own), states)

        counts = self._blocks_back
        *moments, gradients = by_blocks(block, hidden, targets, counts=counts)
        return Moments(*moments), gradients

    def _through_norm(
        self, back: Callable[[Tensor], tuple[Tensor, ...]], states: Tensor
    ) -> tuple[Tensor, ...]:
        """Return what ``back(normed states)`` does, its last, a gradient, as one by the states."""
        with torch.enable_grad():
            given = states.detach().requires_grad_()
            normed = self.way_out(given)
        with torch.no_grad():
            *found, slopes = back(normed)
        return *found, *torch.autograd.grad(normed, given, slopes)

    def common_losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return the losses when only the first 4,096 words and the target can follow.

        At full vocabulary the read-outs of all depths would cost six times the layers themselves.
        """
        counts = self._blocks(precise=not self._pieces)
        return self._by_blocks(self._common_losses, hidden, targets, counts)

    @property
    def has_rare_words(self) -> bool:
        """Whether there are words beyond the first 4,096."""
        return len(self.head.weight) > _COMMON

    @staticmethod
    def _by_blocks(
        losses: Callable[[Tensor, Tensor], Tensor],
        hidden: Tensor,
        targets: Tensor,
        counts: tuple[int, ...],
    ) -> Tensor:
        (found,) = by_blocks(lambda h, t: (losses(h, t),), hidden, targets, counts=counts)
        return found

    def _blocks(self, *, precise: bool) -> tuple[int, ...]:
        """Return how many tokens a block may have."""
        return (BLOCK,) if precise else self._quick_blocks

    @cached_property
    def _blocks_back(self) -> tuple[int, ...]:
        """How many tokens a block may have where gradients are asked for.

        MKL cuts the products of these otherwise (AVX2: 128 rows, and not 64).
        """

        def products(piece: Weight, rows: Tensor) -> list[Tensor]:
            made = _products(piece, rows)
            return [*made, *map(piece.pull_back, made)]

        return self._same_bits(products)

    @torch.no_grad()
    def _same_bits(self, products: Callable[[Weight, Tensor], list[Tensor]]) -> tuple[int, ...]:
        """Return the sizes of blocks, in tokens, that no bit of a quick product depends on."""
        if not self._pieces or any(map(has_matrix, self.way_out.modules())):
            return (BLOCK,)
        first, last = self._pieces[0], self._pieces[-1]
        states = random_states(_QUICK_BLOCKS[0], first.n_in).to(first.device, first.dtype)

        def call(rows: Tensor) -> Tensor:
            found = [*products(first, rows), *products(last, rows)]
            return torch.cat([product.float() for product in found], -1)

        base = BLOCK if first.dtype == torch.float32 else _QUICK_BLOCKS[0]
        return same_bits(call, states, _QUICK_BLOCKS, base=base)

    def _losses(self, states: Tensor, targets: Tensor, *, precise: bool) -> Tensor:
        """Return losses, the target's own logit in float32 even in the quick form.

        A bfloat16 product rounds logits near 15 to steps of 0.06 nats. The errors of the
        other tokens' logits cancel in the normaliser; the target's would not.
        """
        normed = self.way_out(states)
        normaliser = self._normaliser(normed, precise=precise)
        return normaliser - self._target_logits(normed, targets)

    def _normaliser(self, normed: Tensor, *, precise: bool, n_pieces: int | None = None) -> Tensor:
        """Return the logarithm of the sum of exponentials of the first pieces' logits, (n,).

        Without gradients the largest logit is subtracted for those rows only that need it: the
        search for it and its subtraction were a fifth of the whole read-out.

        Parameters
        ----------
        normed : (n, hidden)
        precise : bool
        n_pieces : int, optional
            Default: the whole vocabulary.
        """
        if torch.is_grad_enabled():
            return _shifted_log_sum_exp(self._logits(normed, precise=precise, n_pieces=n_pieces))
        if self._is_plain and not precise:
            rows, shift, most = normed.to(self._pieces[0].dtype), SHIFT, self._most_sum
            parts = (piece.exponentials(rows) for piece in self._pieces[:n_pieces])
        else:
            shift, most = 0.0, torch.inf
            logits = self._logits(normed, precise=precise, n_pieces=n_pieces)
            parts = (piece.exp_() for piece in logits)
        total = torch.stack([part.sum(-1, dtype=torch.float32) for part in parts]).sum(0)
        found = total.log() + shift
        is_in_range = _is_in_range(total, most)
        if is_in_range.all():
            return found
        logits = self._logits(normed, precise=precise, n_pieces=n_pieces)
        return torch.where(is_in_range, found, _shifted_log_sum_exp(logits))

    def _losses_back(self, normed: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return quick losses, (n,), and the gradient of each by its normed state, (n, hidden)."""
        if not self._is_plain:
            return self._losses_back_by_graph(normed, targets)
        rows = normed.to(self._pieces[0].dtype)
        total, pulled = normed.new_zeros(len(normed)), torch.zeros_like(normed)
        for piece in self._pieces:
            weights = piece.exponentials(rows)
            total += weights.sum(-1, dtype=torch.float32)
            pulled += piece.pull_back(weights)
        losses = total.log() + SHIFT - self._target_logits(normed, targets)
        gradients = pulled / total[:, None] - self.head.weight[targets]
        is_in_range = _is_in_range(total, self._most_sum)
        if is_in_range.all():
            return losses, gradients
        others = self._losses_back_by_graph(normed, targets)
        losses = torch.where(is_in_range, losses, others[0])
        return losses, torch.where(is_in_range[:, None], gradients, others[1])

    def _losses_back_by_graph(self, normed: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same for logits of any kind and size."""

        def losses(given: Tensor) -> Tensor:
            normaliser = self._normaliser(given, precise=False)
            return normaliser - self._target_logits(given, targets)

        # A token's loss hangs on its own state alone.
        found: tuple[Tensor, Tensor] = vjp(losses, normed, normed.new_ones(len(normed)))
        return found

    def _common_losses(self, states: Tensor, targets: Tensor) -> Tensor:
        normed = self.way_out(states)
        target_logits = self._target_logits(normed, targets)
        if self._pieces:
            normaliser = self._normaliser(normed, precise=False, n_pieces=_COMMON // _PIECE)
        else:
            common = self.head.weight[:_COMMON]
            bias = None if self.head.bias is None else self.head.bias[:_COMMON]
            normaliser = torch.logsumexp(self._capped(F.linear(normed, common, bias)), -1)
        with_target = torch.logaddexp(normaliser, target_logits)
        return torch.where(targets < _COMMON, normaliser, with_target) - target_logits

    def _target_logits(self, normed: Tensor, targets: Tensor) -> Tensor:
        products = (normed * self.head.weight[targets]).sum(-1)
        if self.head.bias is not None:
            products = products + self.head.bias[targets]
        return self._capped(products)

    def _logits(
        self, normed: Tensor, *, precise: bool, n_pieces: int | None = None
    ) -> Iterator[Tensor]:
        """Yield the logits of one piece of the vocabulary after the other, in float32."""
        if self._pieces and not precise:
            rows = normed.to(self._pieces[0].dtype)
            products = (piece.times(rows).float() for piece in self._pieces[:n_pieces])
            yield from map(self._capped, products)
        elif self._exact:
            yield from (self._capped(part.times(normed)) for part in self._exact[:n_pieces])
        else:
            yield self._capped(self.head(normed))

    @property
    def _is_plain(self) -> bool:
        """Whether logits of the quick form are products of its weights, and nothing else."""
        return bool(self._pieces) and not self._softcap and self._scale == 1

    def _capped(self, logits: Tensor) -> Tensor:
        if self._scale != 1:
            logits = self._scale * logits
        return self._softcap * torch.tanh(logits / self._softcap) if self._softcap else logits


class _Sums:
    """Sums over the vocabulary of words' probabilities, and of these times what they weigh.

    Parameters
    ----------
    logits : iterable of (n, n_words) float32
        Piece by piece; overwritten.
    pieces : sequence of Weight
        Whose products these are, where `pulled` is asked for.
    """

    def __init__(self, logits: Iterable[Tensor], pieces: Sequence[Weight] = ()) -> None:
        tops, sums = [], []
        self._rows: list[Tensor] = []
        for i, own in enumerate(logits):
            top = own.amax(-1, keepdim=True)
            below = own.sub_(top)
            weights = below.exp()
            if pieces:
                self._rows.append(pieces[i].pull_back(weights))
            parts = [weights.sum(-1)]
            for _ in range(2):
                weights = weights.mul_(below)
                parts.append(weights.sum(-1))
            tops.append(top.squeeze(-1))
            sums.append(torch.stack(parts))
        top, self._parts = torch.stack(tops), torch.stack(sums, 1)  # (n_pieces, n), (3, …)
        self._peak = top.amax(0)
        self._shift = top - self._peak
        self._scale = self._shift.exp()
        self._total = (self._scale * self._parts[0]).sum(0)

    def pulled(self) -> Tensor:
        """Return the mean of words' weights by their probabilities, (n, hidden).

        It is the gradient of the logarithm of all exponentials' sum.
        """
        mean = torch.zeros_like(self._rows[0], dtype=torch.float32)
        for share, own in zip(self._scale / self._total, self._rows, strict=True):
            mean += own * share[:, None]
        return mean

    def moments(self, target_logits: Tensor) -> Moments:
        """Return losses of targets, expected losses and variances."""
        scale, shift, part, total = self._scale, self._shift, self._parts, self._total
        first = (scale * (part[1] + shift * part[0])).sum(0) / total
        second = (scale * (part[2] + 2 * shift * part[1] + shift.square() * part[0])).sum(0) / total
        losses = self._peak + total.log() - target_logits
        return Moments(losses, total.log() - first, second - first.square())


def _products(piece: Weight, rows: Tensor) -> list[Tensor]:
    """Return what a read-out makes of states by one piece of the vocabulary."""
    return [piece.times(rows), piece.exponentials(rows)]


def _is_in_range(total: Tensor, most: float) -> Tensor:
    return (total > _LEAST_SUM) & (total < most)


def _shifted_log_sum_exp(pieces: Iterator[Tensor]) -> Tensor:
    return torch.logsumexp(torch.stack([torch.logsumexp(logits, -1) for logits in pieces]), 0)
