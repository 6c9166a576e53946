"""Matrix products in a low precision, with weights laid out once as the processor reads them.

A product that finds its weights in rows lays them out anew every time: with 64 rows that takes
longer than multiplying (read-out of 49,152 words: 3.4 ms laid out, 13 ms not).
"""

import copy
import functools
import threading
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from polar_detect.lanes import filled, spread

# Rows of one product on a CPU, whose second-level cache holds the states of so many. Products in
# float32 take so long that few rows fill the time, and few are wasted where a block is not full.
_BLOCK_TOKENS = {torch.bfloat16: 256, torch.float32: 64}
_GPU_BLOCK_TOKENS = 8192


def block_tokens(device: torch.device, dtype: torch.dtype) -> int:
    """Return how many rows of a product in `dtype` run together."""
    if device.type == "cpu":
        return _BLOCK_TOKENS.get(dtype, _BLOCK_TOKENS[torch.float32])
    return _GPU_BLOCK_TOKENS


def rows_per_block(n_tokens: int, device: torch.device, dtype: torch.dtype) -> int:
    """Return how many texts of `n_tokens` run together, always: more are filled up to it.

    Last bits of a product depend on its number of rows, so that number must depend on nothing
    but the text itself.
    """
    return max(1, block_tokens(device, dtype) // n_tokens)


def each_block(
    call: Callable[[Tensor], Tensor],
    hidden: Tensor,
    keep: Callable[[int, Tensor], object],
    dtype: torch.dtype,
    *,
    alone: bool = False,
) -> None:
    """Call a layer, and ``keep(start, rows)`` with the new states of the rows from `start`.

    Parameters
    ----------
    call : callable
        States (n_rows, n_tokens, hidden) → new states of the same shape.
    hidden : (n_rows, n_tokens, hidden)
    keep : callable
        Is called for blocks of rows in any order, by several threads.
    dtype : torch.dtype
        That the layer multiplies in.
    alone : bool
        Whether each row is a block of its own, as `is_mixture` asks for.
    """
    size = 1 if alone else rows_per_block(hidden.shape[1], hidden.device, dtype)

    def one(start: int) -> None:
        rows = hidden[start : start + size]
        keep(start, call(filled(rows, size))[: len(rows)])

    spread(one, range(0, len(hidden), size))


def in_blocks(
    call: Callable[[Tensor], Tensor], hidden: Tensor, dtype: torch.dtype, *, alone: bool = False
) -> Tensor:
    """Return the new states of all rows, which `each_block` hands out in pieces."""
    if torch.is_grad_enabled():
        pieces: list[Tensor] = []
        each_block(call, hidden, lambda _, rows: pieces.append(rows), dtype, alone=alone)
        return torch.cat(pieces) if pieces else hidden
    out = torch.empty_like(hidden, dtype=torch.float32)

    def keep(start: int, rows: Tensor) -> None:
        out[start : start + len(rows)] = rows

    each_block(call, hidden, keep, dtype, alone=alone)
    return out


def is_mixture(block: nn.Module) -> bool:
    """Return whether a block is a mixture of experts, which only one text may enter at a time.

    How many tokens an expert multiplies, and with it their last bits, depends on all tokens of
    a call.
    """
    return any(name.endswith("experts") for name, _ in block.named_modules())


class Weight:
    """A matrix (n_out, n_in) to multiply rows by.

    Parameters
    ----------
    source : Tensor, (n_out, n_in)
        Kept as it is; its copy in `dtype` only where gradients are asked for.
    dtype : torch.dtype
    n_rows : int
        Of the products to come, a hint for the layout.
    """

    def __init__(self, source: Tensor, dtype: torch.dtype, *, n_rows: int = 256) -> None:
        self.dtype, self.device = dtype, source.device
        self.n_in = source.shape[1]
        self._source = source
        self._packed: Tensor | None = None
        if dtype == torch.bfloat16 and source.device.type == "cpu" and _can_pack():
            plain = source.to(dtype).contiguous()
            self._packed = torch.ops.mkldnn._reorder_linear_weight(plain, n_rows)

    @functools.cached_property
    def plain(self) -> Tensor:
        """The matrix in `dtype`, in rows."""
        return self._source.to(self.dtype).contiguous()

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
    """Return whether this build of torch has oneDNN's linear layers; without, it is slower."""
    is_built = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return is_built and all(
        hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )


class QuickBlock:
    """A copy of a block whose linear layers multiply in `dtype`; all else stays as it is."""

    def __init__(self, block: nn.Module, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._last_cast = _LastCast()
        memo = {id(parameter): parameter for parameter in block.parameters()}  # shared, not copied
        self._block = copy.deepcopy(block, memo)
        for name, module in list(self._block.named_modules()):
            if isinstance(module, nn.Linear | Conv1D):
                self._block.set_submodule(name, _QuickLinear(module, dtype, self._last_cast))
        for name, module in list(self._block.named_modules()):
            if _is_gated(module):
                self._block.set_submodule(name, _QuickGate(module, self._last_cast))

    def __call__(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return what the block returns."""
        try:
            with torch.autocast(hidden.device.type, self.dtype):
                return self._block(hidden, *args, **kwargs)
        finally:
            self._last_cast.clear()


class _QuickLinear(nn.Module):
    """A linear layer that multiplies in a low precision.

    Parameters
    ----------
    layer : nn.Linear or Conv1D
    dtype : torch.dtype
    last_cast : _LastCast
        Shared by the linear layers of a block: query, key and value read the same states.
    """

    def __init__(self, layer: Any, dtype: torch.dtype, last_cast: "_LastCast") -> None:
        super().__init__()
        source = layer.weight.T if isinstance(layer, Conv1D) else layer.weight
        self.matrix = Weight(source, dtype)
        self.bias = None if layer.bias is None else layer.bias.to(dtype)
        self._last_cast = last_cast

    def forward(self, states: Tensor) -> Tensor:
        return self.matrix.times(self._last_cast.to(states, self.matrix.dtype), self.bias)


class _QuickGate(nn.Module):
    """A gated feed-forward part, ``down(silu(gate(x)) * up(x))``, in three products.

    Activation and gating happen in the products' own last step: a quarter of the time of the
    first two products and what is between them, and two roundings less.
    """

    def __init__(self, module: Any, last_cast: "_LastCast") -> None:
        super().__init__()
        self.gate, self.up, self.down = module.gate_proj, module.up_proj, module.down_proj
        self._last_cast = last_cast

    def forward(self, states: Tensor) -> Tensor:
        rows = self._last_cast.to(states, self.gate.matrix.dtype)
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
        found = _QuickGate(module, _LastCast())(rows).float()
    return torch.allclose(found, expected, atol=0.03 * expected.abs().max().item(), rtol=0.03)


class _LastCast(threading.local):
    """Casts a tensor, once if it is asked for the same one again and again by one thread."""

    def __init__(self) -> None:
        self._source: Tensor | None = None
        self._cast: Tensor | None = None

    def to(self, source: Tensor, dtype: torch.dtype) -> Tensor:
        if source.dtype == dtype:
            return source
        if self._source is not source or self._cast is None:
            self._source, self._cast = source, source.to(dtype)
        return self._cast

    def clear(self) -> None:
        self._source = self._cast = None
