"""Matrix products with weights laid out once as the processor reads them.

A product that finds its weights in rows lays them out anew every time: with 64 rows that takes
longer than multiplying in bfloat16 (read-out of 49,152 words: 3.4 ms laid out, 13 ms not). In
float32 torch's own products know the processors of one maker best: on an AMD EPYC those of
laid-out weights are 2.3 times as fast.
"""

import copy
import functools
from typing import Any, Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHIFT = 56.0  # of exponents: far above the logits of most models

_N_ROWS = 256  # of most products
_FEW_ROWS = 32  # of a product that is not worth laying out a weight for


class Weight:
    """A matrix (n_out, n_in) to multiply rows by.

    Parameters
    ----------
    sources : Tensor, (n_out, n_in) each
        Parts of the matrix, one below the other. Kept as they are; copies in `dtype`, laid out,
        are made when first asked for, the transposed one where gradients are.
    dtype : torch.dtype
    n_rows : int
        Of the products to come, a hint for the layout.
    """

    def __init__(self, *sources: Tensor, dtype: torch.dtype, n_rows: int = _N_ROWS) -> None:
        self.dtype, self.device = dtype, sources[0].device
        self.n_in = sources[0].shape[1]
        self.n_out = sum(len(source) for source in sources)
        self._sources = sources
        self._n_rows = n_rows

    def __deepcopy__(self, memo: object) -> Self:
        """Return the same: nothing of it changes."""
        return self

    def times(
        self, rows: Tensor, bias: Tensor | None = None, *, activation: str = "none"
    ) -> Tensor:
        """Return ``activation(rows @ weight.T + bias)`` in `dtype`, (…, n_out).

        `activation` is "none" or "swish", which oneDNN applies before it rounds.
        """
        packed = self._packed_without_gradients
        if packed is None:
            product = self._differentiable(rows, bias)
            return product if activation == "none" else F.silu(product)
        return _pointwise(rows, packed, bias, activation)

    def times_and(self, rows: Tensor, factor: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return ``(rows @ weight.T + bias) * factor`` in `dtype`, rounded once."""
        packed = self._packed_without_gradients
        if packed is None:
            return self._differentiable(rows, bias) * factor
        found: Tensor = torch.ops.mkldnn._linear_pointwise.binary(rows, factor, packed, bias, "mul")
        return found

    def exponentials(self, rows: Tensor) -> Tensor:
        """Return ``exp(rows @ weight.T - SHIFT)`` of products far below `SHIFT`, (…, n_out).

        Laid-out weights give the logistic function of the same in its place, whose relative error
        is as small as the result itself. oneDNN applies it to the product before that is rounded:
        it takes no further pass, and is right to .004 of its value, where a product near 15 would
        have been rounded to steps of .06. The result is in `dtype` then, else in float32.
        """
        packed = self._packed_without_gradients
        if packed is not None and _has_small_logistic(self.dtype):
            return _pointwise(rows, packed, self._shift, "sigmoid")
        return (self._differentiable(rows, None).float() - SHIFT).exp_()

    def pull_back(self, gradient: Tensor) -> Tensor:
        """Return ``gradient @ weight`` in `dtype`, (…, n_in)."""
        rows = gradient.to(self.dtype).contiguous()
        if self._packed is None:
            return rows @ self._plain
        return _pointwise(rows, self._turned, None, "none")

    def unmultiplied(self, rows: Tensor) -> Tensor:
        """Return zeros that have the gradient of ``rows @ weight.T``, (…, n_out)."""
        zeros: Tensor = _Unmultiplied.apply(rows, self, None)  # type: ignore[no-untyped-call,unused-ignore]
        return zeros

    def _differentiable(self, rows: Tensor, bias: Tensor | None) -> Tensor:
        if self._packed is None:
            return F.linear(rows, self._plain, bias)
        product: Tensor = _Product.apply(rows, self, bias)  # type: ignore[no-untyped-call,unused-ignore]
        return product

    @property
    def _packed_without_gradients(self) -> Tensor | None:
        return None if torch.is_grad_enabled() else self._packed

    @functools.cached_property
    def _packed(self) -> Tensor | None:
        is_known = self.dtype in (torch.bfloat16, torch.float32) and self.device.type == "cpu"
        return _laid_out(self._in_rows(), self._n_rows) if is_known and _can_pack() else None

    @functools.cached_property
    def _turned(self) -> Tensor:
        return _laid_out(self._in_rows().T.contiguous(), _N_ROWS)

    @functools.cached_property
    def _plain(self) -> Tensor:
        return self._in_rows()

    @functools.cached_property
    def _shift(self) -> Tensor:
        return torch.full((self.n_out,), -SHIFT, dtype=self.dtype, device=self.device)

    def _in_rows(self) -> Tensor:
        parts = [source.to(self.dtype) for source in self._sources]
        return torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()


class LaidOutLinear(nn.Linear):
    """A linear layer in float32 whose weight is laid out once it multiplies many rows.

    Attributes
    ----------
    matrix : Weight
        Of the layer and all its copies.
    """

    matrix: Weight

    def forward(self, states: Tensor) -> Tensor:
        """Return what the layer makes of states (…, n_in), (…, n_out)."""
        is_plain = states.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        is_worth = states.shape[:-1].numel() >= _FEW_ROWS
        if not is_plain or not is_worth or torch.is_grad_enabled():
            return super().forward(states)
        return self.matrix.times(states, self.bias)


Module = TypeVar("Module", bound=nn.Module)


def lay_out(module: Module) -> Module:
    """Let a module's linear layers in float32 multiply by laid-out weights, where that is faster.

    They stay what they are, with the weights that they have; the module is returned.
    """
    for part in module.modules():
        is_known = type(part) is nn.Linear and part.weight.dtype == torch.float32
        if is_known and part.weight.device.type == "cpu" and _can_pack():
            _lay_out(part)
    return module


def _lay_out(layer: Any) -> None:
    layer.__class__ = LaidOutLinear
    layer.matrix = Weight(layer.weight, dtype=torch.float32)


def laid_out_copy(module: Module) -> Module:
    """Return a copy that shares all weights, laid out as `lay_out` does."""
    return lay_out(sharing_copy(module))


def sharing_copy(module: Module) -> Module:
    """Return a copy of a module, its parts and settings, with the very same weights."""
    memo = {id(parameter): parameter for parameter in module.parameters()}
    return copy.deepcopy(module, memo)


class _Product(torch.autograd.Function):
    """``rows @ weight.T + bias``, differentiable in its rows, by laid-out weights both ways."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Weight, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return weight.times(rows, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.weight.pull_back(gradient), None, None


class _Unmultiplied(_Product):
    """Zeros in place of the product, for whoever wants its gradient alone."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Weight, bias: Tensor | None) -> Tensor:  # noqa: ARG004
        ctx.weight = weight
        return rows.new_zeros(()).expand(*rows.shape[:-1], weight.n_out)


def _laid_out(matrix: Tensor, n_rows: int) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix, n_rows)
    return packed


def _pointwise(rows: Tensor, packed: Tensor, bias: Tensor | None, activation: str) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, packed, bias, activation, [], "")
    return found


@functools.cache
@torch.no_grad()
def _has_small_logistic(dtype: torch.dtype) -> bool:
    """Return whether products' logistic function is right in parts of its own, however small."""
    allowed = 1e-5 if dtype == torch.float32 else 0.01
    exponents = torch.linspace(-80, -SHIFT / 8, 64, dtype=dtype)
    rows, weight = torch.zeros(64, 32, dtype=dtype), torch.zeros(32, 32, dtype=dtype)
    rows[:, 0], weight[:, 0] = exponents, 1
    found = _pointwise(rows, _laid_out(weight, 64), None, "sigmoid").double()
    expected = exponents.double().sigmoid()[:, None]
    return bool(((found - expected).abs() <= allowed * expected).all())


@functools.cache
def _can_pack() -> bool:
    """Return whether oneDNN's bfloat16 linear layers run here; without, it is slower.

    They need a build of torch that has them, and AVX-512.
    """
    ops = torch.ops.mkldnn
    names = ("_is_mkldnn_bf16_supported", "_reorder_linear_weight", "_linear_pointwise")
    is_built = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call,unused-ignore]
    return (
        is_built
        and all(hasattr(ops, name) for name in names)
        and bool(ops._is_mkldnn_bf16_supported())
    )
