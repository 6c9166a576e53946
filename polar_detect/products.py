"""Matrix products in a low precision, with weights laid out once as the processor reads them.

A product that finds its weights in rows lays them out anew every time: with 64 rows that takes
longer than multiplying (read-out of 49,152 words: 3.4 ms laid out, 13 ms not).
"""

import copy
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

# Names of linear layers that read the same states, in the attention of most models.
_SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("query", "key", "value"))


class Weight:
    """A matrix (n_out, n_in) to multiply rows by.

    Parameters
    ----------
    sources : Tensor, (n_out, n_in) each
        Parts of the matrix, one below the other. Kept as they are; their copy in `dtype` only
        where gradients are asked for.
    dtype : torch.dtype
    n_rows : int
        Of the products to come, a hint for the layout.
    """

    def __init__(self, *sources: Tensor, dtype: torch.dtype, n_rows: int = 256) -> None:
        self.dtype, self.device = dtype, sources[0].device
        self.n_in = sources[0].shape[1]
        self._sources = sources
        self._packed: Tensor | None = None
        if dtype == torch.bfloat16 and self.device.type == "cpu" and _can_pack():
            self._packed = torch.ops.mkldnn._reorder_linear_weight(self._in_rows(), n_rows)

    @functools.cached_property
    def plain(self) -> Tensor:
        """The matrix in `dtype`, in rows."""
        return self._in_rows()

    def _in_rows(self) -> Tensor:
        parts = [source.to(self.dtype) for source in self._sources]
        return torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()

    def times(
        self, rows: Tensor, bias: Tensor | None = None, *, activation: str = "none"
    ) -> Tensor:
        """Return ``activation(rows @ weight.T + bias)`` in `dtype`, (…, n_out).

        `activation` is "none" or "swish", which oneDNN applies before it rounds.
        """
        if self._packed is None or torch.is_grad_enabled():
            product = F.linear(rows, self.plain, bias)
            return product if activation == "none" else F.silu(product)
        found: Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self._packed, bias, activation, [], ""
        )
        return found

    def times_and(self, rows: Tensor, factor: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return ``(rows @ weight.T + bias) * factor`` in `dtype`, rounded once."""
        if self._packed is None or torch.is_grad_enabled():
            return F.linear(rows, self.plain, bias) * factor
        found: Tensor = torch.ops.mkldnn._linear_pointwise.binary(
            rows, factor, self._packed, bias, "mul"
        )
        return found


@functools.cache
def _can_pack() -> bool:
    """Return whether oneDNN's bfloat16 linear layers run here; without, it is slower.

    They need a build of torch that has them, and AVX-512.
    """
    ops = torch.ops.mkldnn
    names = ("_is_mkldnn_bf16_supported", "_reorder_linear_weight", "_linear_pointwise")
    is_built = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return (
        is_built
        and all(hasattr(ops, name) for name in names)
        and bool(ops._is_mkldnn_bf16_supported())
    )


class QuickBlock:
    """A copy of a block whose linear layers multiply in `dtype`; all else stays as it is."""

    def __init__(self, block: nn.Module, dtype: torch.dtype) -> None:
        self._last = _Last()
        memo = {id(parameter): parameter for parameter in block.parameters()}  # shared, not copied
        self._block = copy.deepcopy(block, memo)
        for module in list(self._block.modules()):
            for names in _siblings(module):
                joint = _Joint([getattr(module, name) for name in names], dtype, self._last)
                for i, name in enumerate(names):
                    setattr(module, name, _Part(joint, i))
        for name, module in list(self._block.named_modules()):
            if isinstance(module, nn.Linear | Conv1D):
                self._block.set_submodule(name, _QuickLinear(module, dtype, self._last))
        for name, module in list(self._block.named_modules()):
            if _is_gated(module):
                self._block.set_submodule(name, _QuickGate(module, self._last))
        self._dtype = dtype

    def __call__(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return what the block returns."""
        try:
            with torch.autocast(hidden.device.type, self._dtype):
                return self._block(hidden, *args, **kwargs)
        finally:
            self._last.clear()


class _QuickLinear(nn.Module):
    """A linear layer that multiplies in a low precision.

    Parameters
    ----------
    layer : nn.Linear or Conv1D
    dtype : torch.dtype
    last : _Last
        Shared by all parts of a block.
    """

    def __init__(self, layer: Any, dtype: torch.dtype, last: "_Last") -> None:
        super().__init__()
        self.matrix = Weight(_matrix_of(layer), dtype=dtype)
        self.bias = None if layer.bias is None else layer.bias.to(dtype)
        self._last = last

    def forward(self, states: Tensor) -> Tensor:
        return self.matrix.times(self._last.cast(states, self.matrix.dtype), self.bias)


class _Joint:
    """Linear layers that read the same states, as one product: query, key and value.

    With 64 rows it takes two thirds of the time of three, and its bits depend less on the number
    of rows: of SmolLM2's products, only those of keys and values did (see `blocks`).
    """

    def __init__(self, layers: list[Any], dtype: torch.dtype, last: "_Last") -> None:
        self.matrix = Weight(*(_matrix_of(layer) for layer in layers), dtype=dtype)
        biases = [layer.bias for layer in layers]
        self._bias = None if biases[0] is None else torch.cat(biases).to(dtype)
        self._sizes = [len(_matrix_of(layer)) for layer in layers]
        self._last = last

    def of(self, states: Tensor) -> tuple[Tensor, ...]:
        """Return what each of the layers makes of the states."""
        rows = self._last.cast(states, self.matrix.dtype)
        product = self._last.of(rows, self, lambda: self.matrix.times(rows, self._bias))
        return torch.split(product, self._sizes, -1)


class _Part(nn.Module):
    """One of the linear layers of a joint product."""

    def __init__(self, joint: _Joint, index: int) -> None:
        super().__init__()
        self._joint, self._index = joint, index

    def forward(self, states: Tensor) -> Tensor:
        return self._joint.of(states)[self._index]


def _siblings(module: nn.Module) -> Iterator[tuple[str, ...]]:
    """Yield the names of a module's linear layers that can be one product.

    Were they given different states after all, each would be right, but for the price of all.
    """
    for names in _SIBLINGS:
        parts = [getattr(module, name, None) for name in names]
        linear = [part for part in parts if isinstance(part, nn.Linear)]
        if (
            len(linear) == len(names)
            and len({part.in_features for part in linear}) == 1
            and len({part.bias is None for part in linear}) == 1
        ):
            yield names


def _matrix_of(layer: Any) -> Tensor:
    matrix: Tensor = layer.weight.T if isinstance(layer, Conv1D) else layer.weight
    return matrix


class _QuickGate(nn.Module):
    """A gated feed-forward part, ``down(silu(gate(x)) * up(x))``, in three products.

    Activation and gating happen in the products' own last step: a quarter of the time of the
    first two products and what is between them, and two roundings less.
    """

    def __init__(self, module: Any, last: "_Last") -> None:
        super().__init__()
        self.gate, self.up, self.down = module.gate_proj, module.up_proj, module.down_proj
        self._last = last

    def forward(self, states: Tensor) -> Tensor:
        rows = self._last.cast(states, self.gate.matrix.dtype)
        gate = self.gate.matrix.times(rows, self.gate.bias, activation="swish")
        found: Tensor = self.down(self.up.matrix.times_and(rows, gate, self.up.bias))
        return found


def _is_gated(module: Any) -> bool:
    """Return whether a module is what `_QuickGate` computes, by its parts and by trying it."""
    names = [name for name, _ in module.named_children()]
    if sorted(names) != ["act_fn", "down_proj", "gate_proj", "up_proj"]:
        return False
    linear = [getattr(module, name) for name in ("gate_proj", "up_proj", "down_proj")]
    if not all(isinstance(part, _QuickLinear) for part in linear):
        return False
    matrix = linear[0].matrix
    with torch.no_grad():
        wide = torch.linspace(-6, 6, 25, device=matrix.device)
        if not torch.allclose(module.act_fn(wide), F.silu(wide)):
            return False
        rows = torch.linspace(-2, 2, 3 * matrix.n_in, device=matrix.device).view(3, -1)
        expected = module(rows.to(matrix.dtype)).float()
        found = _QuickGate(module, _Last())(rows).float()
    return torch.allclose(found, expected, atol=0.03 * expected.abs().max().item(), rtol=0.03)


class _Last(threading.local):
    """What was made of a tensor last; the same again for whoever brings the same one by thread.

    Query, key, value and gate get the same states, each in a call of its own.
    """

    def __init__(self) -> None:
        self._made: dict[object, tuple[Tensor, Tensor]] = {}

    def of(self, source: Tensor, maker: object, make: Callable[[], Tensor]) -> Tensor:
        """Return what `maker` has made of `source`, or else ``make()``."""
        if maker not in self._made or self._made[maker][0] is not source:
            self._made[maker] = source, make()
        return self._made[maker][1]

    def cast(self, source: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the tensor in `dtype`."""
        return source if source.dtype == dtype else self.of(source, dtype, lambda: source.to(dtype))

    def clear(self) -> None:
        self._made.clear()
