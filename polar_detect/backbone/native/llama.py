"""Llama, the kind of decoder that SmolLM2 is: transformers' operations, in the same order.

Source: Touvron et al., arXiv 2302.13971; queries in groups, Ainslie et al., arXiv 2305.13245.
"""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polar_detect.backbone.native.folder import (
    Config,
    embedding,
    filled,
    is_count,
    is_positive,
    known_settings,
    linear,
)

_FIXED = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "rope_scaling": None,
}
_COUNTS = (
    "hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads",
    "num_hidden_layers", "num_key_value_heads", "vocab_size",
)  # fmt: skip
_OTHERS = ("head_dim", "rope_parameters", "rope_theta", "tie_word_embeddings")


class Logits(NamedTuple):
    """What a decoder makes of texts.

    Parameters
    ----------
    logits : (n_texts, n_tokens, vocabulary)
    """

    logits: Tensor


class Llama(nn.Module):
    """A Llama with its head; its parts have the names that their weights have in files."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.model = _Stack(config)
        self.lm_head = linear(config.hidden_size, config.vocab_size, bias=False)

    def get_decoder(self) -> nn.Module:
        """Return the model without its head."""
        return self.model

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        return self.lm_head

    def forward(self, input_ids: Tensor, *, use_cache: bool = False) -> Logits:  # noqa: ARG002
        """Return the logits of token ids (n_texts, n_tokens); there is no cache to use."""
        return Logits(self.lm_head(self.model(input_ids)))


def load(folder: Path) -> Llama | None:
    """Load a model folder; None where it holds another model, or what is not known here."""
    config = known_settings(
        folder, fixed=_FIXED, counts=_COUNTS, epsilon="rms_norm_eps", others=_OTHERS
    )
    if config is None or not _completed(config):
        return None
    tied = {"lm_head.weight": "model.embed_tokens.weight"} if config.tie_word_embeddings else {}
    return filled(lambda: Llama(config), folder, tied=tied)


def _completed(config: Config) -> bool:
    """Fill in what other settings say, or nothing says; return whether all of it is known."""
    given = vars(config)
    rope = given.get("rope_parameters") or {"rope_theta": given.get("rope_theta")}
    if not isinstance(rope, dict):
        return False
    config.rope_theta = rope.get("rope_theta")
    if not given.get("head_dim"):
        config.head_dim = config.hidden_size // config.num_attention_heads
    config.tie_word_embeddings = given.get("tie_word_embeddings", False)
    return (
        set(rope) <= {"rope_theta", "rope_type"}
        and rope.get("rope_type", "default") == "default"
        and is_positive(config.rope_theta)
        and is_count(config.head_dim)
        and config.head_dim % 2 == 0
        and config.num_attention_heads % config.num_key_value_heads == 0
        and isinstance(config.tie_word_embeddings, bool)
    )


class _Stack(nn.Module):
    """The model without its head."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embed_tokens = embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([_Block(config) for _ in range(config.num_hidden_layers)])
        self.norm = _Norm(config)
        self._theta, self._head_size = config.rope_theta, config.head_dim

    def forward(self, input_ids: Tensor) -> Tensor:
        states = self.embed_tokens(input_ids)
        position_embeddings = self._angles(input_ids)
        for layer in self.layers:
            states = layer(states, position_embeddings=position_embeddings)
        normed: Tensor = self.norm(states)
        return normed

    def _angles(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and sines of what positions turn queries and keys by, (1, n, head_size).

        Source: Su et al., arXiv 2104.09864.
        """
        device, size = input_ids.device, self._head_size
        exponents = torch.arange(0, size, 2, dtype=torch.float, device=device) / size
        speeds = 1.0 / (self._theta**exponents)
        places = torch.arange(input_ids.shape[1], device=device)[None, :, None]
        angles = places.float() * speeds
        both = torch.cat((angles, angles), dim=-1)
        return both.cos(), both.sin()


class _Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.input_layernorm = _Norm(config)
        self.self_attn = _Attention(config)
        self.post_attention_layernorm = _Norm(config)
        self.mlp = _FeedForward(config)

    def forward(self, hidden_states: Tensor, position_embeddings: tuple[Tensor, Tensor]) -> Tensor:
        attended, _ = self.self_attn(
            self.input_layernorm(hidden_states), position_embeddings=position_embeddings
        )
        states = hidden_states + attended
        found: Tensor = states + self.mlp(self.post_attention_layernorm(states))
        return found


class _Attention(nn.Module):
    """Causal attention with rotary positions, whose queries share keys and values in groups."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.scaling = config.head_dim**-0.5
        self._is_grouped = config.num_key_value_heads < config.num_attention_heads
        n_queries, n_keys = (
            n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads)
        )
        self.q_proj = linear(config.hidden_size, n_queries, bias=False)
        self.k_proj = linear(config.hidden_size, n_keys, bias=False)
        self.v_proj = linear(config.hidden_size, n_keys, bias=False)
        self.o_proj = linear(n_queries, config.hidden_size, bias=False)

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        query, key, value = (
            part(hidden_states).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(
            _turned(query, *position_embeddings),
            _turned(key, *position_embeddings),
            value,
            attn_mask=attention_mask,
            scale=self.scaling,
            is_causal=attention_mask is None and hidden_states.shape[1] > 1,
            enable_gqa=self._is_grouped,
        )
        return self.o_proj(attended.transpose(1, 2).flatten(2)), None


class _FeedForward(nn.Module):
    """The gated part: Shazeer, arXiv 2002.05202."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        inner = config.intermediate_size
        self.gate_proj = linear(config.hidden_size, inner, bias=False)
        self.up_proj = linear(config.hidden_size, inner, bias=False)
        self.down_proj = linear(inner, config.hidden_size, bias=False)
        self.act_fn = nn.SiLU()

    def forward(self, states: Tensor) -> Tensor:
        found: Tensor = self.down_proj(self.act_fn(self.gate_proj(states)) * self.up_proj(states))
        return found


class _Norm(nn.Module):
    """Division by the root of the mean square: Zhang & Sennrich, arXiv 1910.07467."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.hidden_size))
        self.variance_epsilon = config.rms_norm_eps

    def forward(self, states: Tensor) -> Tensor:
        precise = states.float()
        mean_square = precise.pow(2).mean(-1, keepdim=True)
        normed = precise * torch.rsqrt(mean_square + self.variance_epsilon)
        return self.weight * normed.to(states.dtype)


def _turned(states: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn states (n_texts, n_heads, n_tokens, head_size) by their positions."""
    cosine, sine = cosine.unsqueeze(1), sine.unsqueeze(1)
    first, second = states.chunk(2, dim=-1)
    return states * cosine + torch.cat((-second, first), dim=-1) * sine
