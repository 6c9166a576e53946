"""Gates, attention and norms in fewer passes over the states than a model makes.

A part is recognised by its names and by trying it, never by the name of its model.
"""

import inspect
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polar_detect.backbone.quick.attention import attend, attend_packed, rotated
from polar_detect.backbone.quick.linear import (
    Joint,
    JointPart,
    QuickLinear,
    Shared,
    agree,
    multiplying_in,
)
from polar_detect.numerics.block_sizes import random_states

_CACHES = ("cache", "past_key_values", "past_key_value")  # that an attention may be given
_TRIED_TOKENS = 8  # of an attention; short texts are the common case


class QuickGate(nn.Module):
    """A gated feed-forward part, ``down(silu(gate(x)) * up(x))``, in three products.

    Activation and gating happen in the products' own last step: a quarter of the time of the
    first two products and what is between them, and two roundings less.
    """

    def __init__(self, module: Any, shared: Shared) -> None:
        super().__init__()
        self.gate, self.up, self.down = module.gate_proj, module.up_proj, module.down_proj
        self._shared = shared

    def forward(self, states: Tensor) -> Tensor:
        """Return what the module does."""
        rows = self._shared.cast(states, self.gate.matrix.dtype)
        gate = self.gate.matrix.times(rows, self.gate.bias, activation="swish")
        gated = self.up.matrix.times_and(rows, gate, self.up.bias)
        without = self._shared.leaves_out_last
        found: Tensor = self.down.matrix.unmultiplied(gated) if without else self.down(gated)
        return found


def is_gated(module: Any) -> bool:
    """Return whether a module is what `QuickGate` computes, by its parts and by trying it."""
    names = [name for name, _ in module.named_children()]
    if sorted(names) != ["act_fn", "down_proj", "gate_proj", "up_proj"]:
        return False
    linear = [getattr(module, name) for name in ("gate_proj", "up_proj", "down_proj")]
    if not all(isinstance(part, QuickLinear) for part in linear):
        return False
    matrix = linear[0].matrix
    wide = torch.linspace(-6, 6, 25, dtype=torch.float32, device=matrix.device)
    if not torch.allclose(module.act_fn(wide), F.silu(wide)):
        return False
    rows = random_states(3, matrix.n_in).to(matrix.device, matrix.dtype)
    return agree(lambda part: part(rows), module, lambda gated: QuickGate(gated, Shared()), 0.03)


class QuickAttention(nn.Module):
    """Causal attention with rotary positions and grouped heads.

    Queries and keys are turned together where their product stands, and short texts share a call.
    Half of an attention's time with 8 tokens, a third with 16.
    """

    def __init__(self, module: Any, shared: Shared) -> None:
        super().__init__()
        self._module = module
        self._shared = shared
        self._joint: Joint = module.q_proj.joint
        self._head_size, self._scale = int(module.head_dim), float(module.scaling)
        self._n_heads, self._n_keys, _ = (n // self._head_size for n in self._joint.sizes)

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> tuple[Tensor, Any]:
        """Return what the module does, by itself where it is given what this does not know."""
        if (
            position_embeddings is None
            or position_embeddings[0].shape[-1] != self._head_size
            or attention_mask is not None
            or any(others.get(name) is not None for name in _CACHES)
            or hidden_states.device.type != "cpu"
        ):
            if self._shared.packing is not None:
                raise ValueError("the module itself does not find texts in a packing")
            found: tuple[Tensor, Any] = self._module(
                hidden_states,
                position_embeddings=position_embeddings,
                attention_mask=attention_mask,
                **others,
            )
            return found
        product = self._joint.of(hidden_states)
        heads = product.view(*product.shape[:-1], -1, self._head_size)
        return self._module.o_proj(self._attended(heads, *position_embeddings)), None

    def _attended(self, heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Return what queries, keys and values (n_rows, n_tokens, all heads, head_size) make."""
        packing = self._shared.packing
        if packing is not None:
            angles = cosine.squeeze(0), sine.squeeze(0)
            n_heads, scale = self._n_heads, self._scale
            own = attend_packed(heads.squeeze(0), *angles, packing, n_heads=n_heads, scale=scale)
            return own.unsqueeze(0)
        n_turned = self._n_heads + self._n_keys
        turned = rotated(heads[:, :, :n_turned], cosine, sine)
        query, key = turned[:, :, : self._n_heads], turned[:, :, self._n_heads :]
        return attend(query, key, heads[:, :, n_turned:], scale=self._scale)


def is_rotary_attention(module: Any) -> bool:
    """Return whether a module is what `QuickAttention` computes, by its parts and by trying it."""
    names = [name for name, _ in module.named_children()]
    if sorted(names) != ["k_proj", "o_proj", "q_proj", "v_proj"]:
        return False
    size, query = getattr(module, "head_dim", None), module.q_proj
    if (
        not isinstance(query, JointPart)
        or not isinstance(size, int)
        or not hasattr(module, "scaling")
    ):
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

    with multiplying_in(dtype, device):
        return agree(use, module, partial(QuickAttention, shared=Shared()), tolerances)


def _angles(
    n_tokens: int, size: int, device: torch.device, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the angles that rotary positions turn by, as they come."""
    powers = torch.linspace(0, 1, size // 2 + 1, dtype=torch.float32, device=device)[:-1]
    speeds = 10_000**-powers
    angles = torch.arange(n_tokens, device=device)[None, :, None] * torch.cat([speeds, speeds])
    return angles.cos().to(dtype), angles.sin().to(dtype)


class QuickNorm(nn.Module):
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
        """Return what the module does, by itself but for float32."""
        if states.dtype != torch.float32:
            found: Tensor = self._module(states)
            return found
        if torch.is_grad_enabled():
            normed: Tensor = _Normed.apply(states, self._factors, self._epsilon)  # type: ignore[no-untyped-call,unused-ignore]
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


def is_norm(module: Any) -> bool:
    """Return whether a module is what `QuickNorm` computes, by its parts and by trying it."""
    parameters = dict(module.named_parameters())
    if list(parameters) != ["weight"] or module.weight.ndim != 1 or not _epsilon_of(module) > 0:
        return False
    if len(inspect.signature(module.forward).parameters) != 1:  # some are given a gate as well
        return False
    n = len(module.weight)
    rows = torch.linspace(-2, 5, 2 * n, dtype=torch.float32, device=module.weight.device).view(2, n)
    rows = torch.cat([rows, 1e-3 * rows])  # the epsilon counts where numbers are small
    return agree(lambda part: part(rows), module, QuickNorm, 1e-4)
