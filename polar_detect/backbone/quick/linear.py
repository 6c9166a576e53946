"""Linear layers in a low precision, of which some are one product and share what they read."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polar_detect.backbone.packing import Packing
from polar_detect.backbone.recording import FAILURES
from polar_detect.numerics.block_sizes import random_states
from polar_detect.numerics.products import LaidOutLinear, Weight

# Names of linear layers that read the same states, in the attention of most models.
_SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("query", "key", "value"))


class QuickLinear(nn.Module):
    """A linear layer that multiplies in a low precision.

    Parameters
    ----------
    layer : nn.Linear or GPT-2's `Conv1D`
    dtype : torch.dtype
    shared : Shared
        Shared by all parts of a block.
    """

    def __init__(self, layer: Any, dtype: torch.dtype, shared: "Shared") -> None:
        super().__init__()
        is_laid_out = isinstance(layer, LaidOutLinear) and dtype == torch.float32
        self.matrix = layer.matrix if is_laid_out else Weight(_matrix_of(layer), dtype=dtype)
        self.bias = None if layer.bias is None else layer.bias.to(dtype)
        self._shared = shared

    def forward(self, states: Tensor) -> Tensor:
        """Return what the layer does, (…, n_out) in `dtype`."""
        return self.matrix.times(self._shared.cast(states, self.matrix.dtype), self.bias)


class Joint:
    """Linear layers that read the same states, as one product: query, key and value.

    With 64 rows it takes two thirds of the time of three, and its bits depend less on the number
    of rows: of SmolLM2's products, only those of keys and values did (see `block_sizes`).
    """

    def __init__(self, layers: list[Any], dtype: torch.dtype, shared: "Shared") -> None:
        self.matrix = Weight(*(_matrix_of(layer) for layer in layers), dtype=dtype)
        self.sizes = [len(_matrix_of(layer)) for layer in layers]
        biases = [layer.bias for layer in layers]
        self._bias = None if biases[0] is None else torch.cat(biases).to(dtype)
        self._shared = shared

    def of(self, states: Tensor) -> Tensor:
        """Return what the layers make of the states, side by side."""
        rows = self._shared.cast(states, self.matrix.dtype)
        return self._shared.of(rows, self, lambda: self.matrix.times(rows, self._bias))


class JointPart(nn.Module):
    """One of the linear layers of a joint product."""

    def __init__(self, joint: Joint, index: int) -> None:
        super().__init__()
        self.joint, self._index = joint, index

    def forward(self, states: Tensor) -> Tensor:
        """Return what the layer makes of the states."""
        part = torch.split(self.joint.of(states), self.joint.sizes, -1)[self._index]
        # Some models bound it in place (OLMo), which torch forbids to a view with a gradient.
        return part.clone() if torch.is_grad_enabled() else part


def siblings(module: nn.Module) -> Iterator[tuple[str, ...]]:
    """Yield the names of a module's linear layers that can be one product.

    Were they given different states after all, each would be right, but for the price of all.
    """
    for names in _SIBLINGS:
        parts = [getattr(module, name, None) for name in names]
        linear = [p for p in parts if isinstance(p, nn.Linear) and is_linear(p)]
        if (
            len(linear) == len(names)
            and len({part.in_features for part in linear}) == 1
            and len({part.bias is None for part in linear}) == 1
        ):
            yield names


def is_linear(module: Any) -> bool:
    """Return whether a module is a linear layer; some that inherit from one do something else."""
    return (isinstance(module, nn.Linear) or _is_turned(module)) and (
        type(module).forward in (nn.Linear.forward, LaidOutLinear.forward)
        or agree(_on_random_rows(module), module, _plain, 1e-4)
    )


def _is_turned(layer: Any) -> bool:
    """Return whether a layer is GPT-2's, whose weight stands (n_in, n_out)."""
    return all(hasattr(layer, name) for name in ("nx", "nf", "weight"))


def _on_random_rows(layer: Any) -> Callable[[Any], Any]:
    rows = random_states(3, _matrix_of(layer).shape[1]).to(layer.weight.device)
    return lambda module: module(rows)


def _plain(layer: Any) -> Callable[[Tensor], Tensor]:
    return lambda rows: F.linear(rows, _matrix_of(layer), layer.bias)


def _matrix_of(layer: Any) -> Tensor:
    matrix: Tensor = layer.weight.T if _is_turned(layer) else layer.weight
    return matrix


def multiplying_in(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which products of float32 multiply in `dtype`."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def agree(
    use: Callable[[Any], Any],
    module: nn.Module,
    quick: Callable[[Any], Any],
    tolerance: float | Tensor,
) -> bool:
    """Return whether ``quick(module)`` can be used as `module` is, to the same effect.

    That is, whether each row of the result is no farther from the module's own than `tolerance`,
    which may be one for each row, times the length of that.
    """
    with torch.no_grad():
        try:
            expected = use(module)
        except FAILURES:  # it wants other arguments
            return False
        found = use(quick(module))
    if not isinstance(expected, Tensor) or found.dtype != expected.dtype:
        return False
    gaps = (found.float() - expected.float()).norm(dim=-1)
    return bool((gaps <= tolerance * expected.float().norm(dim=-1)).all())


class Shared(threading.local):
    """What the parts of a block share during a call, by thread.

    That is what was made of a tensor last, as query, key, value and gate get the same states,
    each in a call of its own; whether the block's last product is left out; and how texts stand
    in the states, where they are no rows of one length.
    """

    def __init__(self) -> None:
        self._made: dict[object, tuple[Tensor, Tensor]] = {}
        self.leaves_out_last = False
        self.packing: Packing | None = None

    def of(self, source: Tensor, maker: object, make: Callable[[], Tensor]) -> Tensor:
        """Return what `maker` has made of `source`, or else ``make()``."""
        if maker not in self._made or self._made[maker][0] is not source:
            self._made[maker] = source, make()
        return self._made[maker][1]

    def cast(self, source: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the tensor in `dtype`."""
        return source if source.dtype == dtype else self.of(source, dtype, lambda: source.to(dtype))

    @contextmanager
    def without_last(self) -> Iterator[None]:
        """Leave out the last product, but for its gradient."""
        self.leaves_out_last = True
        try:
            yield
        finally:
            self.leaves_out_last = False

    @contextmanager
    def packed(self, packing: Packing) -> Iterator[None]:
        """Take states (1, n_tokens, hidden) for texts that stand in them by a packing."""
        self.packing = packing
        try:
            yield
        finally:
            self.packing = None

    def clear(self) -> None:
        """Forget what was made: the call is over."""
        self._made.clear()
