"""Blocks in their quick form: a low precision for products, and fewer passes over the states.

A copy of a block gets parts in place of its own. A part is recognised by its names and by trying
it, never by the name of its model; what is not recognised stays as it is.
"""

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.functional import vjp

from polar_detect.backbone.attention import attend, rotated
from polar_detect.backbone.recording import FAILURES
from polar_detect.numerics.blocks import is_mixture, random_states
from polar_detect.numerics.products import LaidOutLinear, Weight, sharing_copy

# Names of linear layers that read the same states, in the attention of most models.
_SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("query", "key", "value"))
_CACHES = ("cache", "past_key_values", "past_key_value")  # that an attention may be given
_TRIED_TOKENS = 8  # of an attention; short texts are the common case
_MAX_ERROR = 0.1  # of what a block changes; SmolLM2's quick forms err by .002 to .009


def quick_form(
    block: nn.Module, dtype: torch.dtype, before: Tensor, after: Tensor, use: Callable[[Any], Any]
) -> "QuickBlock | None":
    """Return a block's quick form, seen to do what the block does; None where there is none.

    A mixture of experts need not come near: which expert a token goes to can hang on the last bit.

    Parameters
    ----------
    block : nn.Module
    dtype : torch.dtype
    before, after : (n_rows, n_tokens, hidden)
        States that the block got, and what it made of them.
    use : callable
        Calls a block on `before`.
    """
    allowed = _MAX_ERROR * (after - before).norm()
    for has_parts in (True, False):
        try:
            quick = QuickBlock(block, dtype, has_parts=has_parts)
            error = (use(quick).float() - after).norm()
        except FAILURES:  # it reads the weights of what has been replaced, say
            continue
        if error <= allowed or (is_mixture(block) and error.isfinite()):
            return quick
    return None


class QuickBlock:
    """A copy of a block whose linear layers multiply in `dtype`, with parts in fewer passes."""

    def __init__(self, block: nn.Module, dtype: torch.dtype, *, has_parts: bool = True) -> None:
        self._shared = _Shared()
        self._block = sharing_copy(block)
        for module in list(self._block.modules()):
            for names in _siblings(module):
                joint = _Joint([getattr(module, name) for name in names], dtype, self._shared)
                for i, name in enumerate(names):
                    setattr(module, name, _Part(joint, i))
        for name, module in list(self._block.named_modules()):
            if _is_linear(module):
                self._block.set_submodule(name, _QuickLinear(module, dtype, self._shared))
        for name, module in list(self._block.named_modules()):
            part = self._quick_part(module) if has_parts else None
            if part is not None:
                self._block.set_submodule(name, part)
        self._dtype = dtype
        self._adds_last: bool | None = None  # not known before a gradient is asked for

    def __call__(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Return what the block returns."""
        try:
            with torch.autocast(hidden.device.type, self._dtype):
                return self._block(hidden, *args, **kwargs)
        finally:
            self._shared.clear()

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
            isinstance(part, _QuickGate) for part in self._block.modules()
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

    def _quick_part(self, module: nn.Module) -> nn.Module | None:
        """Return what does the same as a module in fewer passes, where something is known."""
        if _is_gated(module):
            return _QuickGate(module, self._shared)
        if _is_rotary_attention(module):
            return _QuickAttention(module)
        return _QuickNorm(module) if _is_norm(module) else None


class _QuickLinear(nn.Module):
    """A linear layer that multiplies in a low precision.

    Parameters
    ----------
    layer : nn.Linear or GPT-2's `Conv1D`
    dtype : torch.dtype
    shared : _Shared
        Shared by all parts of a block.
    """

    def __init__(self, layer: Any, dtype: torch.dtype, shared: "_Shared") -> None:
        super().__init__()
        self.matrix = Weight(_matrix_of(layer), dtype=dtype)
        self.bias = None if layer.bias is None else layer.bias.to(dtype)
        self._shared = shared

    def forward(self, states: Tensor) -> Tensor:
        return self.matrix.times(self._shared.cast(states, self.matrix.dtype), self.bias)


class _Joint:
    """Linear layers that read the same states, as one product: query, key and value.

    With 64 rows it takes two thirds of the time of three, and its bits depend less on the number
    of rows: of SmolLM2's products, only those of keys and values did (see `blocks`).
    """

    def __init__(self, layers: list[Any], dtype: torch.dtype, shared: "_Shared") -> None:
        self.matrix = Weight(*(_matrix_of(layer) for layer in layers), dtype=dtype)
        self.sizes = [len(_matrix_of(layer)) for layer in layers]
        biases = [layer.bias for layer in layers]
        self._bias = None if biases[0] is None else torch.cat(biases).to(dtype)
        self._shared = shared

    def of(self, states: Tensor) -> Tensor:
        """Return what the layers make of the states, side by side."""
        rows = self._shared.cast(states, self.matrix.dtype)
        return self._shared.of(rows, self, lambda: self.matrix.times(rows, self._bias))


class _Part(nn.Module):
    """One of the linear layers of a joint product."""

    def __init__(self, joint: _Joint, index: int) -> None:
        super().__init__()
        self.joint, self._index = joint, index

    def forward(self, states: Tensor) -> Tensor:
        part = torch.split(self.joint.of(states), self.joint.sizes, -1)[self._index]
        # Some models bound it in place (OLMo), which torch forbids to a view with a gradient.
        return part.clone() if torch.is_grad_enabled() else part


def _siblings(module: nn.Module) -> Iterator[tuple[str, ...]]:
    """Yield the names of a module's linear layers that can be one product.

    Were they given different states after all, each would be right, but for the price of all.
    """
    for names in _SIBLINGS:
        parts = [getattr(module, name, None) for name in names]
        linear = [p for p in parts if isinstance(p, nn.Linear) and _is_linear(p)]
        if (
            len(linear) == len(names)
            and len({part.in_features for part in linear}) == 1
            and len({part.bias is None for part in linear}) == 1
        ):
            yield names


def _is_linear(module: Any) -> bool:
    """Return whether a module is a linear layer; some that inherit from one do something else."""
    return (isinstance(module, nn.Linear) or _is_turned(module)) and (
        type(module).forward in (nn.Linear.forward, LaidOutLinear.forward)
        or _agree(_on_random_rows(module), module, _plain, 1e-4)
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


class _QuickGate(nn.Module):
    """A gated feed-forward part, ``down(silu(gate(x)) * up(x))``, in three products.

    Activation and gating happen in the products' own last step: a quarter of the time of the
    first two products and what is between them, and two roundings less.
    """

    def __init__(self, module: Any, shared: "_Shared") -> None:
        super().__init__()
        self.gate, self.up, self.down = module.gate_proj, module.up_proj, module.down_proj
        self._shared = shared

    def forward(self, states: Tensor) -> Tensor:
        rows = self._shared.cast(states, self.gate.matrix.dtype)
        gate = self.gate.matrix.times(rows, self.gate.bias, activation="swish")
        gated = self.up.matrix.times_and(rows, gate, self.up.bias)
        without = self._shared.leaves_out_last
        found: Tensor = self.down.matrix.unmultiplied(gated) if without else self.down(gated)
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
    wide = torch.linspace(-6, 6, 25, dtype=torch.float32, device=matrix.device)
    if not torch.allclose(module.act_fn(wide), F.silu(wide)):
        return False
    rows = random_states(3, matrix.n_in).to(matrix.device, matrix.dtype)
    return _agree(lambda part: part(rows), module, lambda gated: _QuickGate(gated, _Shared()), 0.03)


class _QuickAttention(nn.Module):
    """Causal attention with rotary positions and grouped heads.

    Queries and keys are turned together where their product stands, and short texts share a call.
    Half of an attention's time with 8 tokens, a third with 16.
    """

    def __init__(self, module: Any) -> None:
        super().__init__()
        self._module = module
        self._joint: _Joint = module.q_proj.joint
        self._head_size, self._scale = int(module.head_dim), float(module.scaling)
        self._n_heads, self._n_keys, _ = (n // self._head_size for n in self._joint.sizes)

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> tuple[Tensor, Any]:
        if (
            position_embeddings is None
            or position_embeddings[0].shape[-1] != self._head_size
            or attention_mask is not None
            or any(others.get(name) is not None for name in _CACHES)
            or hidden_states.device.type != "cpu"
        ):
            found: tuple[Tensor, Any] = self._module(
                hidden_states,
                position_embeddings=position_embeddings,
                attention_mask=attention_mask,
                **others,
            )
            return found
        product = self._joint.of(hidden_states)
        heads = product.view(*product.shape[:-1], -1, self._head_size)
        turned = rotated(heads[:, :, : self._n_heads + self._n_keys], *position_embeddings)
        attended = attend(
            turned[:, :, : self._n_heads],
            turned[:, :, self._n_heads :],
            heads[:, :, self._n_heads + self._n_keys :],
            scale=self._scale,
        )
        return self._module.o_proj(attended), None


def _is_rotary_attention(module: Any) -> bool:
    """Return whether a module is what `_QuickAttention` computes, by its parts and by trying it."""
    names = [name for name, _ in module.named_children()]
    if sorted(names) != ["k_proj", "o_proj", "q_proj", "v_proj"]:
        return False
    size, query = getattr(module, "head_dim", None), module.q_proj
    if not isinstance(query, _Part) or not isinstance(size, int) or not hasattr(module, "scaling"):
        return False
    joint = query.joint
    n_heads, n_keys, n_values = (n // size for n in joint.sizes)
    if n_keys != n_values or n_heads % n_keys or any(n % size for n in joint.sizes):
        return False
    device, dtype = joint.matrix.device, joint.matrix.dtype
    states = random_states(3, _TRIED_TOKENS, joint.matrix.n_in)
    # Small weights make attention even, so that positions show with large states only; trained
    # ones let one token win there, by a rounding at times. A first token gets its own value,
    # whatever its size: a bound on values shows.
    states = (states.new_tensor([1.0, 8.0, 1e4])[:, None, None] * states).to(device)
    tolerances = states.new_tensor([0.03, 0.3, 0.03])
    given = {
        "position_embeddings": _angles(_TRIED_TOKENS, size, device, dtype),
        "attention_mask": None,
    }

    def use(part: Any) -> Any:
        # A copy: products are remembered by what they are of, and some bound them in place.
        found = part(states.clone(), **given)[0].clone()
        found[2, 1:] = 0
        return found.flatten(1)

    with torch.autocast(device.type, dtype):
        return _agree(use, module, _QuickAttention, tolerances)


def _angles(
    n_tokens: int, size: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the angles that rotary positions turn by, as they come."""
    powers = torch.linspace(0, 1, size // 2 + 1, dtype=torch.float32, device=device)[:-1]
    speeds = 10_000**-powers
    angles = torch.arange(n_tokens, device=device)[None, :, None] * torch.cat([speeds, speeds])
    return angles.cos().to(dtype), angles.sin().to(dtype)


class _QuickNorm(nn.Module):
    """A norm that divides by the root of the mean square, in half of the passes."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self._module = module
        self.weight = module.weight  # some blocks look at its number format
        self._epsilon = _epsilon_of(module)
        # What it makes of ones, as some scale by their weight and some by one more than it.
        ones = torch.ones_like(module.weight)
        self._factors = module(ones).detach() * (1 + self._epsilon) ** 0.5

    def forward(self, states: Tensor) -> Tensor:
        if states.dtype != torch.float32:
            found: Tensor = self._module(states)
            return found
        if torch.is_grad_enabled():
            normed: Tensor = _Normed.apply(states, self._factors, self._epsilon)  # type: ignore[no-untyped-call]
            return normed
        return _normed(states, _root(states, self._epsilon), self._factors)


class _Normed(torch.autograd.Function):
    """What a norm makes of states, differentiable in these, in a third of the passes."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, factors: Tensor, epsilon: float) -> Tensor:
        root = _root(states, epsilon)
        ctx.save_for_backward(states, root, factors)
        return _normed(states, root, factors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        states, root, factors = ctx.saved_tensors
        own = gradient * factors
        along = torch.linalg.vecdot(own, states).unsqueeze(-1) / states.shape[-1]
        found = torch.addcmul(own, states, along * root.square(), value=-1)
        return found.mul_(root), None, None


def _root(states: Tensor, epsilon: float) -> Tensor:
    """Return one over the root of the mean square of states (…, hidden), (…, 1)."""
    norm = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
    root: Tensor = (norm.square() / states.shape[-1] + epsilon).rsqrt()
    return root


def _normed(states: Tensor, root: Tensor, factors: Tensor) -> Tensor:
    return (states * root).mul_(factors)


def _epsilon_of(module: Any) -> float:
    names = ("variance_epsilon", "eps", "epsilon")
    return float(next((getattr(module, n) for n in names if hasattr(module, n)), torch.nan))


def _is_norm(module: Any) -> bool:
    """Return whether a module is what `_QuickNorm` computes, by its parts and by trying it."""
    parameters = dict(module.named_parameters())
    if list(parameters) != ["weight"] or module.weight.ndim != 1 or not _epsilon_of(module) > 0:
        return False
    if len(inspect.signature(module.forward).parameters) != 1:  # some are given a gate as well
        return False
    n = len(module.weight)
    rows = torch.linspace(-2, 5, 2 * n, dtype=torch.float32, device=module.weight.device).view(2, n)
    rows = torch.cat([rows, 1e-3 * rows])  # the epsilon counts where numbers are small
    return _agree(lambda part: part(rows), module, _QuickNorm, 1e-4)


def _agree(
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


class _Shared(threading.local):
    """What the parts of a block share during a call, by thread.

    That is what was made of a tensor last, as query, key, value and gate get the same states,
    each in a call of its own; and whether the block's last product is left out.
    """

    def __init__(self) -> None:
        self._made: dict[object, tuple[Tensor, Tensor]] = {}
        self.leaves_out_last = False

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

    def clear(self) -> None:
        self._made.clear()
