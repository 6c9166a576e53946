"""The forms that a decoder's layers are called in: precise, quick, and rough for estimates."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from polar_detect.backbone.quick_block import QuickBlock, quick_form
from polar_detect.backbone.recording import Call
from polar_detect.backbone.replaying import Replay
from polar_detect.numerics.blocks import Form, Layer, is_mixture
from polar_detect.numerics.lanes import spread
from polar_detect.numerics.products import laid_out_copy

_PRECISE_SHARE = 10  # one layer in so many, the first ones, is measured in float32 alone


class LayerForms:
    """A decoder's layers, each in the forms that it has.

    The *precise* form is the layer's own, in float32. The *quick* one multiplies in `quick_dtype`
    and takes fewer passes over the states. Of the first tenth of the layers it serves estimates
    alone, as the *rough* form.

    Parameters
    ----------
    replay : Replay
        Of the layers.
    quick_dtype : torch.dtype
    states : sequence of (n_rows, n_tokens, hidden)
        At each depth, of some texts, to try quick forms on.

    Attributes
    ----------
    n_precise : int
        First layers that are measured in float32 alone.
    precise : list of nn.Module
        By layer. Copies: the model's own forward, which runs for every new length, lays out none.
    quick : list of QuickBlock or None
        By layer; None where it has no quick form, or one for estimates alone.
    """

    def __init__(self, replay: Replay, quick_dtype: torch.dtype, states: Sequence[Tensor]) -> None:
        self._replay, self._quick_dtype = replay, quick_dtype
        self.precise = [b if is_mixture(b) else laid_out_copy(b) for b in replay.blocks]
        self.n_precise = -(-len(replay.blocks) // _PRECISE_SHARE)
        self._cast_calls: dict[int, list[Call]] = {}
        first = self.n_precise
        usual = self._quick_forms(range(first, len(self.precise)), states)
        self.quick: list[QuickBlock | None] = [*([None] * first), *usual]
        self._first_states = states[: first + 1]  # for their quick forms, once asked for

    def call(
        self,
        layer: int,
        n_tokens: int,
        *,
        precise: bool = False,
        rough: bool = False,
        for_gradient: bool = False,
    ) -> tuple[Layer, Form]:
        """Return what calls a layer on states, or has the gradient of that, and in which form."""
        quick = None if precise else (self.rough if rough else self.quick)[layer]
        if quick is None:
            own = self._replay.calls(n_tokens)[layer]
            return partial(own.of, self.precise[layer]), Form(False, torch.float32)
        block = quick.for_gradient if for_gradient else quick
        own = self.cast_calls(n_tokens)[layer]
        return lambda rows: own.of(block, rows).float(), Form(True, self._quick_dtype)

    @cached_property
    def rough(self) -> list[QuickBlock | None]:
        """Quick forms of all layers, those of the first ones made when one is asked for."""
        first = self._quick_forms(range(self.n_precise), self._first_states)
        return [*first, *self.quick[self.n_precise :]]

    def cast_calls(self, n_tokens: int) -> list[Call]:
        """Return each layer's arguments in the quick number format."""
        if n_tokens not in self._cast_calls:
            calls = self._replay.calls(n_tokens)
            self._cast_calls[n_tokens] = [_cast_call(call, self._quick_dtype) for call in calls]
        return self._cast_calls[n_tokens]

    @torch.no_grad()
    def _quick_forms(
        self, layers: Iterable[int], states: Sequence[Tensor]
    ) -> list[QuickBlock | None]:
        """Return the quick forms of layers, where they have one, tried on states at each depth."""
        calls = self.cast_calls(states[0].shape[1])
        # In float32 both forms share their laid-out weights.
        is_float32 = self._quick_dtype == torch.float32
        blocks: Sequence[nn.Module] = self.precise if is_float32 else self._replay.blocks

        def form(layer: int) -> QuickBlock | None:
            before, after = states[layer : layer + 2]
            use = partial(calls[layer].of, hidden=before)
            return quick_form(blocks[layer], self._quick_dtype, before, after, use)

        return spread(form, layers)


def _cast_call(call: Call, dtype: torch.dtype) -> Call:
    kwargs = {name: _cast(value, dtype) for name, value in call.kwargs.items()}
    return replace(call, args=_cast(call.args, dtype), kwargs=kwargs)


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Return recorded arguments with their floating-point tensors in `dtype`."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(_cast(part, dtype) for part in value)
    return value
