"""The forms that a decoder's layers are called in: precise, quick, and rough for estimates."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from polar_detect.backbone.packing import TRIED_TOKENS, Packing, is_short
from polar_detect.backbone.quick.block import QuickBlock, has_plain_positions, quick_form
from polar_detect.backbone.recording import Call
from polar_detect.backbone.replaying import Replay
from polar_detect.numerics.block_sizes import Form, Layer, is_mixture
from polar_detect.numerics.lanes import spread
from polar_detect.numerics.products import laid_out_copy

LayerForm: TypeAlias = Literal["quick", "precise", "rough"]  # see `LayerForms`
PackedLayer = Callable[[Tensor, Packing], Tensor]

_PRECISE_SHARE = 10  # one layer in so many, the first ones, is measured in float32 alone


class LayerForms:
    """A decoder's layers, each in the forms that it has.

    The *precise* form is the layer's own, in float32. The *quick* one takes fewer passes over the
    states and multiplies in `quick_dtype`, but for the first tenth of the layers in float32; what
    these do in `quick_dtype` is the *rough* form, for estimates alone.

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
        By layer; None where it has no quick form.
    """

    def __init__(self, replay: Replay, quick_dtype: torch.dtype, states: Sequence[Tensor]) -> None:
        self._replay, self._quick_dtype = replay, quick_dtype
        self.precise = [b if is_mixture(b) else laid_out_copy(b) for b in replay.blocks]
        self.n_precise = -(-len(replay.blocks) // _PRECISE_SHARE)
        self._cast_calls: dict[tuple[int, torch.dtype], list[Call]] = {}
        first = range(self.n_precise)
        usual = self._quick_forms(range(len(first), len(self.precise)), quick_dtype, states)
        of_first = self._quick_forms(first, torch.float32, states)
        # Which expert a token goes to can hang on the last bit.
        self.quick: list[QuickBlock | None] = [
            *(None if is_mixture(self.precise[i]) else of_first[i] for i in first),
            *usual,
        ]
        self._first_states = states[: len(first) + 1]  # for their rough forms, once asked for

    def call(
        self,
        layer: int,
        n_tokens: int,
        form: LayerForm,
        *,
        for_gradient: bool = False,
    ) -> tuple[Layer, Form]:
        """Return what calls a layer on states, or has the gradient of that, and in which form."""
        quick = self._quick(layer, form)
        if quick is None:
            own = self._replay.calls(n_tokens)[layer]
            return partial(own.of, self.precise[layer]), Form(False, torch.float32)
        block = quick.for_gradient if for_gradient else quick
        own = self._calls(n_tokens, quick.dtype)[layer]
        return lambda rows: own.of(block, rows).float(), Form(True, quick.dtype)

    def packs(self, layer: int, n_tokens: int, form: LayerForm) -> bool:
        """Return whether a layer takes packed texts that are padded to so many tokens."""
        quick = self._quick(layer, form)
        return (
            quick is not None
            and quick.packs
            and is_short(n_tokens)
            and all(
                has_plain_positions(self._calls(n, quick.dtype)[layer])
                for n in (n_tokens, TRIED_TOKENS)
            )
        )

    def packed_call(
        self, layer: int, form: LayerForm, *, for_gradient: bool = False
    ) -> tuple[PackedLayer, Form]:
        """Return what calls a layer on packed texts' tokens as `call` does, and in which form."""
        quick = self._quick(layer, form)
        assert quick is not None

        def call(rows: Tensor, packing: Packing) -> Tensor:
            calls = {n: self._calls(n, quick.dtype)[layer] for n in dict.fromkeys(packing.padded)}
            return quick.packed(rows, packing, calls, for_gradient=for_gradient).float()

        return call, Form(True, quick.dtype, is_packed=True)

    @cached_property
    def rough(self) -> list[QuickBlock | None]:
        """Quick forms of all layers in `quick_dtype`, those of the first made when asked for."""
        first = self.quick[: self.n_precise]
        if self._quick_dtype != torch.float32:
            first = self._quick_forms(range(self.n_precise), self._quick_dtype, self._first_states)
        return [*first, *self.quick[self.n_precise :]]

    def _quick(self, layer: int, form: LayerForm) -> QuickBlock | None:
        """Return what calls a layer in a form; None where that is the layer itself."""
        if form == "precise":
            return None
        return (self.rough if form == "rough" else self.quick)[layer]

    def _calls(self, n_tokens: int, dtype: torch.dtype) -> list[Call]:
        """Return each layer's arguments in a number format."""
        if (n_tokens, dtype) not in self._cast_calls:
            calls = self._replay.calls(n_tokens)
            self._cast_calls[n_tokens, dtype] = [_cast_call(call, dtype) for call in calls]
        return self._cast_calls[n_tokens, dtype]

    @torch.no_grad()
    def _quick_forms(
        self, layers: Iterable[int], dtype: torch.dtype, states: Sequence[Tensor]
    ) -> list[QuickBlock | None]:
        """Return the quick forms of layers, where they have one, tried on states at each depth."""
        calls = self._calls(states[0].shape[1], dtype)
        # In float32 both forms share their laid-out weights.
        is_float32 = dtype == torch.float32
        blocks: Sequence[nn.Module] = self.precise if is_float32 else self._replay.blocks

        def form(layer: int) -> QuickBlock | None:
            return quick_form(blocks[layer], dtype, states[layer], states[layer + 1], calls[layer])

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
