"""BERT, the kind of encoder that MiniLM and multilingual E5 are: transformers' operations.

Source: Devlin et al., arXiv 1810.04805.
"""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polar_detect.backbone.native.folder import Config, embedding, filled, known_settings, linear

_FIXED = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}
_COUNTS = (
    "hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads",
    "num_hidden_layers", "type_vocab_size", "vocab_size",
)  # fmt: skip


class States(NamedTuple):
    """What an encoder makes of texts.

    Parameters
    ----------
    last_hidden_state : (n_texts, n_tokens, hidden)
    hidden_states : n_layers + 1 of them
        What the first block gets, and what each block returns.
    """

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...]


class Bert(nn.Module):
    """A BERT without a head; its parts have the names that their weights have in files."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.encoder = _Stack(config)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.embeddings.LayerNorm.weight.device

    def forward(self, input_ids: Tensor, *, output_hidden_states: bool = True) -> States:  # noqa: ARG002
        """Return the states of token ids (n_texts, n_tokens), none of which is padding."""
        states = [self.embeddings(input_ids)]
        for layer in self.encoder.layer:
            states.append(layer(states[-1]))
        return States(states[-1], tuple(states))


def load(folder: Path) -> Bert | None:
    """Load a model folder; None where it holds another model, or what is not known here."""
    config = known_settings(folder, fixed=_FIXED, counts=_COUNTS, epsilon="layer_norm_eps")
    if config is None or config.hidden_size % config.num_attention_heads:
        return None
    # Older files have the positions' numbers as well, and what the pooler does nobody asks.
    return filled(lambda: Bert(config), folder, unused=("pooler.", "embeddings.position_ids"))


class _Embeddings(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.word_embeddings = embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, input_ids: Tensor) -> Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        typed = self.word_embeddings(input_ids) + self.token_type_embeddings.weight[0]
        found: Tensor = self.LayerNorm(typed + self.position_embeddings(places))
        return found


class _Stack(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList([_Block(config) for _ in range(config.num_hidden_layers)])


class _Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.intermediate = _Inner(config)
        self.output = _Added(config.intermediate_size, config)

    def forward(self, hidden_states: Tensor) -> Tensor:
        attended = self.attention(hidden_states)
        found: Tensor = self.output(self.intermediate(attended), attended)
        return found


class _Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.self = _Heads(config)
        self.output = _Added(config.hidden_size, config)

    def forward(self, states: Tensor) -> Tensor:
        found: Tensor = self.output(self.self(states), states)
        return found


class _Heads(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self._head_size = config.hidden_size // config.num_attention_heads
        self.query = linear(config.hidden_size, config.hidden_size)
        self.key = linear(config.hidden_size, config.hidden_size)
        self.value = linear(config.hidden_size, config.hidden_size)

    def forward(self, states: Tensor) -> Tensor:
        query, key, value = (
            part(states).unflatten(-1, (-1, self._head_size)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        attended = F.scaled_dot_product_attention(query, key, value, scale=self._head_size**-0.5)
        return attended.transpose(1, 2).flatten(2)


class _Inner(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dense = linear(config.hidden_size, config.intermediate_size)

    def forward(self, states: Tensor) -> Tensor:
        return F.gelu(self.dense(states))


class _Added(nn.Module):
    """A linear layer whose result is added to earlier states, and normed."""

    def __init__(self, n_in: int, config: Config) -> None:
        super().__init__()
        self.dense = linear(n_in, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, states: Tensor, earlier: Tensor) -> Tensor:
        found: Tensor = self.LayerNorm(self.dense(states) + earlier)
        return found
