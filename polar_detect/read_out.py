"""Hidden states → logits and losses, without ever holding (tokens × vocabulary) numbers.

States are read out in blocks, and the vocabulary in pieces that stay in the cache (49,152 words
for 256 tokens: 23 ms, in blocks of 64 tokens 28 ms).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.functional import vjp

from polar_detect.blocks import by_blocks, random_states, same_bits
from polar_detect.products import Weight

BLOCK = 64  # tokens
_QUICK_BLOCKS = (256, 128, 64)  # tokens, where all of them give the same bits
_PIECE = 1024  # words
_LEAST_SUM = 1e-25  # of exponentials: all of it is then far above the smallest numbers there are
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
    """The final norm and the head of a decoder.

    Parameters
    ----------
    final_norm, head : nn.Module
    softcap : float, optional
        Bound of the logits.
    quick_dtype : torch.dtype
        Of the *quick* form, as in `Backbone`.
    scale : float
        What the head's logits are multiplied by.
    """

    def __init__(
        self,
        final_norm: nn.Module,
        head: Any,
        *,
        softcap: float | None,
        quick_dtype: torch.dtype,
        scale: float = 1.0,
    ) -> None:
        self.final_norm = final_norm
        self.head = head
        self._softcap, self._scale = softcap, scale
        is_plain = isinstance(head, nn.Linear) and head.bias is None
        self._exact = torch.split(head.weight, _PIECE) if is_plain else ()
        has_quick = is_plain and quick_dtype != torch.float32
        pieces = self._exact if has_quick else ()
        self._pieces = [Weight(piece, dtype=quick_dtype) for piece in pieces]
        self._quick_blocks = self._found_blocks()

    def logits(self, hidden: Tensor, *, precise: bool) -> Tensor:
        """Read out hidden states (…, hidden) as logits (…, vocabulary) in float32."""

        def block(states: Tensor) -> tuple[Tensor]:
            pieces = self._logits(self.final_norm(states), precise=precise)
            return (torch.cat(list(pieces), -1),)

        (logits,) = by_blocks(block, hidden.flatten(0, -2), counts=(BLOCK,))
        return logits.view(*hidden.shape[:-1], logits.shape[-1])

    def losses(self, hidden: Tensor, targets: Tensor, *, precise: bool) -> Tensor:
        """Return the cross entropy of each target, (n,) float32, nats."""
        counts = self._blocks(precise=precise)
        return self._by_blocks(partial(self._losses, precise=precise), hidden, targets, counts)

    def read_back(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return losses in the quick form, and the gradient of each by its state, (n, hidden)."""
        ones = torch.ones(BLOCK, device=hidden.device)

        def block(states: Tensor, own: Tensor) -> tuple[Tensor, ...]:
            # A token's loss hangs on its own state alone.
            found: tuple[Tensor, ...] = vjp(
                lambda given: self._losses(given, own, precise=False), states, ones
            )
            return found

        losses, gradients = by_blocks(block, hidden, targets, counts=(BLOCK,))
        return losses, gradients

    def moments(self, hidden: Tensor, targets: Tensor) -> Moments:
        """Return losses with their expectation and variance under the model, in the quick form."""

        def block(states: Tensor, own: Tensor) -> tuple[Tensor, ...]:
            normed = self.final_norm(states)
            target_logits = self._target_logits(normed, own)
            return self._moments(normed, target_logits)

        counts = self._blocks(precise=False)
        return Moments(*by_blocks(block, hidden, targets, counts=counts))

    def common_losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return the losses when only the first 4,096 words and the target can follow.

        At full vocabulary the read-outs of all depths would cost six times the layers themselves.
        """
        counts = self._blocks(precise=not self._pieces)
        return self._by_blocks(self._common_losses, hidden, targets, counts)

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

    @torch.no_grad()
    def _found_blocks(self) -> tuple[int, ...]:
        """Return the sizes of blocks that no bit of a quick product depends on."""
        if not self._pieces:
            return (BLOCK,)
        first, last = self._pieces[0], self._pieces[-1]
        states = random_states(_QUICK_BLOCKS[0], first.n_in).to(first.device, first.dtype)

        def call(rows: Tensor) -> Tensor:
            return torch.cat([first.times(rows), last.times(rows)], -1)

        return same_bits(call, states, _QUICK_BLOCKS)

    def _losses(self, states: Tensor, targets: Tensor, *, precise: bool) -> Tensor:
        """Return losses, the target's own logit in float32 even in the quick form.

        A bfloat16 product rounds logits near 15 to steps of 0.06 nats. The errors of the
        other tokens' logits cancel in the normaliser; the target's would not.
        """
        normed = self.final_norm(states)
        normaliser = _log_sum_exp(lambda: self._logits(normed, precise=precise))
        return normaliser - self._target_logits(normed, targets)

    def _moments(self, normed: Tensor, target_logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return losses, expected losses and variances, from sums over pieces of the vocabulary."""
        tops, sums = [], []
        for logits in self._logits(normed, precise=False):
            top = logits.amax(-1, keepdim=True)
            below = logits - top
            weights = below.exp()
            parts = [weights.sum(-1)]
            for _ in range(2):
                weights = weights.mul_(below)
                parts.append(weights.sum(-1))
            tops.append(top.squeeze(-1))
            sums.append(torch.stack(parts))
        top, part = torch.stack(tops), torch.stack(sums, 1)  # (n_pieces, n), (3, n_pieces, n)
        peak = top.amax(0)
        shift, scale = top - peak, (top - peak).exp()
        total = (scale * part[0]).sum(0)
        first = (scale * (part[1] + shift * part[0])).sum(0) / total
        second = (scale * (part[2] + 2 * shift * part[1] + shift.square() * part[0])).sum(0) / total
        return peak + total.log() - target_logits, total.log() - first, second - first.square()

    def _common_losses(self, states: Tensor, targets: Tensor) -> Tensor:
        normed = self.final_norm(states)
        target_logits = self._target_logits(normed, targets)
        if self._pieces:
            pieces = self._pieces[: _COMMON // _PIECE]
            normaliser = _log_sum_exp(lambda: self._quick_logits(normed, pieces))
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

    def _logits(self, normed: Tensor, *, precise: bool) -> Iterator[Tensor]:
        """Yield the logits of one piece of the vocabulary after the other, in float32."""
        if self._pieces and not precise:
            yield from self._quick_logits(normed, self._pieces)
        elif self._exact:
            yield from (self._capped(F.linear(normed, piece)) for piece in self._exact)
        else:
            yield self._capped(self.head(normed))

    def _quick_logits(self, normed: Tensor, pieces: Sequence[Weight]) -> Iterator[Tensor]:
        rows = normed.to(self._pieces[0].dtype)
        yield from (self._capped(piece.times(rows).float()) for piece in pieces)

    def _capped(self, logits: Tensor) -> Tensor:
        if self._scale != 1:
            logits = self._scale * logits
        return self._softcap * torch.tanh(logits / self._softcap) if self._softcap else logits


def _log_sum_exp(pieces: Callable[[], Iterator[Tensor]]) -> Tensor:
    """Return the logarithm of the sum of exponentials over all pieces' last axis.

    Without gradients the logits are overwritten, and the largest is subtracted for those rows
    only that need it: the search for it and its subtraction are a fifth of the whole read-out.

    Parameters
    ----------
    pieces : callable
        Yields logits (n, n_words) in float32, the same with every call.
    """
    if torch.is_grad_enabled():
        return _shifted_log_sum_exp(pieces())
    total = torch.stack([logits.exp_().sum(-1) for logits in pieces()]).sum(0)
    is_in_range = (total > _LEAST_SUM) & (total < torch.inf)
    if is_in_range.all():
        return total.log()
    return torch.where(is_in_range, total.log(), _shifted_log_sum_exp(pieces()))


def _shifted_log_sum_exp(pieces: Iterator[Tensor]) -> Tensor:
    return torch.logsumexp(torch.stack([torch.logsumexp(logits, -1) for logits in pieces]), 0)
