"""Blocks in their quick form: fewer passes over the states, products in a low precision or not.

A copy of a block gets parts in place of its own; what is not recognised stays as it is.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.functional import vjp

from polar_detect.backbone.packing import Packing
from polar_detect.backbone.quick.linear import (
    Joint,
    JointPart,
    QuickLinear,
    Shared,
    is_linear,
    multiplying_in,
    siblings,
)
from polar_detect.backbone.quick.parts import (
    QuickAttention,
    QuickGate,
    QuickNorm,
    is_gated,
    is_norm,
    is_rotary_attention,
)
from polar_detect.backbone.recording import FAILURES, Call
from polar_detect.numerics.block_sizes import is_mixture, random_states
from polar_detect.numerics.products import sharing_copy

# Of what a block changes, in a low precision and in float32. SmolLM2's quick forms err by .002 to
# .009 in bfloat16.
_MAX_ERROR, _MAX_ERROR_OF_FLOAT32 = 0.1, 1e-4
_ANGLES = "position_embeddings"  # cosines and sines, (1, n_tokens, head_size) each


def quick_form(
    block: nn.Module, dtype: torch.dtype, before: Tensor, after: Tensor, call: Call
) -> "QuickBlock | None":
    """Return a block's quick form, seen to do what the block does; None where there is none.

    A mixture of experts need not come near: which expert a token goes to can hang on the last bit.

    Parameters
    ----------
    block : nn.Module
    dtype : torch.dtype
    before, after : (n_rows, n_tokens, hidden)
        States that the block got, and what it made of them.
    call : Call
        How it was called, its arguments in `dtype`.
    """
    share = _MAX_ERROR_OF_FLOAT32 if dtype == torch.float32 else _MAX_ERROR
    allowed = share * (after - before).norm()
    for has_parts in (True, False):
        try:
            quick = QuickBlock(block, dtype, has_parts=has_parts)
            made = call.of(quick, before).float()
        except FAILURES:  # it reads the weights of what has been replaced, say
            continue
        error = (made - after).norm()
        if is_mixture(block):
            if error.isfinite():
                return quick
        elif error <= allowed:
            quick.packs = _packs(quick, before, made, call, allowed)
            return quick
    return None


def has_plain_positions(call: Call) -> bool:
    """Return whether all that a call says of tokens is by which angles their places turn them."""
    return (
        not call.args
        and isinstance(call.kwargs.get(_ANGLES), tuple)
        and call.kwargs.get("attention_mask") is None
        and not call.of_each_row
    )


def _packs(quick: "QuickBlock", before: Tensor, made: Tensor, call: Call, allowed: Tensor) -> bool:
    """Return whether a quick form makes of texts in a block what it makes of each alone.

    Tried with two, the second one token shorter, of which no bit may hang on the first.
    """
    if not (quick.attends_by_text and has_plain_positions(call) and before.device.type == "cpu"):
        return False
    n_tokens = before.shape[1]
    packing = Packing((n_tokens, n_tokens - 1), (n_tokens, n_tokens), 2 * n_tokens - 1)
    rows, expected = (states.flatten(0, 1)[:-1] for states in (before, made))
    beside_another = torch.cat([rows[:n_tokens].flip(0), rows[n_tokens:]])
    try:
        found, other = (
            quick.packed(own, packing, {n_tokens: call}).float() for own in (rows, beside_another)
        )
    except FAILURES:  # it reads more of a token's place than the angles
        return False
    is_near = bool((found - expected).norm() <= allowed)
    return is_near and torch.equal(found[n_tokens:], other[n_tokens:])


class QuickBlock:
    """A copy of a block whose linear layers multiply in `dtype`, with parts in fewer passes.

    Attributes
    ----------
    dtype : torch.dtype
    packs : bool
        Whether it was seen to take packed texts.
    """

    def __init__(self, block: nn.Module, dtype: torch.dtype, *, has_parts: bool = True) -> None:
        self._shared = Shared()
        self._block = sharing_copy(block)
        for module in list(self._block.modules()):
            for names in siblings(module):
                joint = Joint([getattr(module, name) for name in names], dtype, self._shared)
                for i, name in enumerate(names):
                    setattr(module, name, JointPart(joint, i))
        for name, module in list(self._block.named_modules()):
            if is_linear(module):
                self._block.set_submodule(name, QuickLinear(module, dtype, self._shared))
        for name, module in list(self._block.named_modules()):
            part = _quick_part(module, self._shared) if has_parts else None
            if part is not None:
                self._block.set_submodule(name, part)
        self.dtype = dtype
        self.packs = False
        self._adds_last: bool | None = None  # not known before a gradient is asked for

    def __call__(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return what the block returns."""
        try:
            with multiplying_in(self.dtype, hidden.device):
                return self._block(hidden, *args, **kwargs)
        finally:
            self._shared.clear()

    def packed(
        self,
        rows: Tensor,
        packing: Packing,
        calls: Mapping[int, Call],
        *,
        for_gradient: bool = False,
    ) -> Tensor:
        """Return what it makes of texts one behind the other, (n_tokens, hidden) as `rows`.

        Parameters
        ----------
        rows : (n_tokens, hidden)
        packing : Packing
            Of these.
        calls : mapping of int to Call
            By the lengths that texts are padded to: what they are called with alone.
        for_gradient : bool
            Return what has the gradient of that.
        """
        first = next(iter(calls.values()))
        tables = [torch.cat([calls[n].kwargs[_ANGLES][i][0] for n in calls]) for i in range(2)]
        where = packing.angles(tuple(calls))
        angles = tuple(table.index_select(0, where).unsqueeze(0) for table in tables)
        call = replace(first, kwargs=first.kwargs | {_ANGLES: angles})
        with self._shared.packed(packing):
            form = self.for_gradient if for_gradient else self
            return call.of(form, rows.unsqueeze(0)).squeeze(0)

    @property
    def attends_by_text(self) -> bool:
        """Whether its attention finds texts in a packing."""
        return any(isinstance(part, QuickAttention) for part in self._block.modules())

    def for_gradient(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return what has the gradient of that, and may have other values.

        Most blocks add their last product to the states and are done, so that nothing asks for
        its value on the way back.
        """
        if self._adds_last is None:
            self._adds_last = self._has_gradient_without(hidden[:1].detach(), *args, **kwargs)
        with self._shared.without_last() if self._adds_last else nullcontext():
            return self(hidden, *args, **kwargs)

    def _has_gradient_without(self, hidden: Tensor, *args: Any, **kwargs: Any) -> bool:
        """Return whether states have the same gradient where the last product is not computed."""
        if is_mixture(self._block) or not any(
            isinstance(part, QuickGate) for part in self._block.modules()
        ):  # several products come last, or none that can be left out
            return False

        def states(given: Tensor) -> Any:
            found = self(given, *args, **kwargs)
            return found if isinstance(found, Tensor) else found[0]

        slope = random_states(*hidden.shape).to(hidden.device)
        _, expected = vjp(states, hidden, slope)
        with self._shared.without_last():
            _, found = vjp(states, hidden, slope)
        return torch.equal(found, expected)


def _quick_part(module: nn.Module, shared: Shared) -> nn.Module | None:
    """Return what does the same as a module in fewer passes, where something is known."""
    if is_gated(module):
        return QuickGate(module, shared)
    if is_rotary_attention(module):
        return QuickAttention(module, shared)
    return QuickNorm(module) if is_norm(module) else None
