"""Texts as sentence embeddings of a small encoder: retrieval of neighbours, distances of topic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from polar_detect.errors import ModelError
from polar_detect.runtime import best_device, keep_freed_memory
from polar_detect.tokens import TextTokens, TokenStates

Array = NDArray[np.float32]

_BATCH_TOKENS = 4096


@dataclass(frozen=True)
class Encoding:
    """What the encoder does with each text.

    Parameters
    ----------
    embeddings : (n_texts, hidden) float32
        Unit length.
    trajectory : (n_texts, n_layers + 1, hidden) float32
        States at each depth, mean over tokens.
    tokens : TokenStates
        At `Encoder.token_depths`.
    """

    embeddings: Array
    trajectory: Array
    tokens: TokenStates

    def rows(self, index: NDArray[np.intp]) -> Self:
        """Return the given texts."""
        return type(self)(self.embeddings[index], self.trajectory[index], self.tokens.rows(index))

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return the texts of all parts, one below the other."""
        return cls(
            np.concatenate([part.embeddings for part in parts]),
            np.concatenate([part.trajectory for part in parts]),
            TokenStates.below([part.tokens for part in parts]),
        )


class Encoder:
    """Mean-pooled states of a bidirectional Transformer.

    Texts run beside texts of the same token count, so there is no padding to mask and a
    text's states do not depend on its company.
    """

    def __init__(self, model: Any, tokenizer: Any, *, max_tokens: int = 128) -> None:
        keep_freed_memory()
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.n_layers: int = model.config.num_hidden_layers

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load an encoder from a folder, without network access."""
        transformers.utils.logging.disable_progress_bar()  # loading takes a second or less
        try:
            model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"Got encoder folder '{folder}' that transformers cannot load "
                f"({str(error).splitlines()[0]}); expected an encoder with its tokenizer; "
                "check the folder or choose another model."
            ) from error
        return cls(model.to(best_device()), tokenizer)

    def embed(self, texts: Sequence[str]) -> Array:
        """Return unit-length sentence embeddings, (n_texts, hidden) float32.

        Source: Reimers & Gurevych, arXiv 1908.10084, mean pooling.
        """
        out = np.zeros((len(texts), self.model.config.hidden_size), np.float32)
        for index, states, _ in self._run(texts):
            out[index] = _unit(states[-1].mean(1))
        return out

    def read(self, texts: Sequence[str]) -> Encoding:
        """Return embeddings, pooled states of every depth, and token states at four depths."""
        n_depths, hidden = self.n_layers + 1, self.model.config.hidden_size
        embeddings = np.zeros((len(texts), hidden), np.float32)
        trajectory = np.zeros((len(texts), n_depths, hidden), np.float32)
        tokens = [_no_tokens(len(self.token_depths), hidden)] * len(texts)
        for index, states, is_word in self._run(texts):
            pooled = torch.stack([state.mean(1) for state in states], 1)
            trajectory[index] = pooled.cpu().numpy()
            embeddings[index] = _unit(pooled[:, -1])
            kept = torch.stack([states[depth] for depth in self.token_depths])
            for row, text in enumerate(index):
                own = kept[:, row, is_word[row]]
                n = own.shape[1]
                nothing = np.full(n, -1), np.full(n, np.nan, np.float32)
                tokens[text] = (own.half().cpu().numpy(), *nothing)
        return Encoding(embeddings, trajectory, TokenStates.of(tokens))

    @property
    def token_depths(self) -> tuple[int, ...]:
        """Depths whose token states `read` keeps: word vectors, two thirds apart, the last."""
        thirds = (0, self.n_layers / 3, 2 * self.n_layers / 3, self.n_layers)
        return tuple(dict.fromkeys(round(depth) for depth in thirds))

    @torch.no_grad()
    def _run(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[list[int], tuple[Tensor, ...], list[list[bool]]]]:
        """Yield indices, states at each depth, and which tokens are words, by token count."""
        if not texts:  # tokenizers refuse an empty list
            return
        cut = [text[: self.max_tokens * 64] for text in texts]
        encoded = self.tokenizer(
            cut, truncation=True, max_length=self.max_tokens, return_special_tokens_mask=True
        )
        ids = encoded["input_ids"]
        by_length: dict[int, list[int]] = {}
        for i, row in enumerate(ids):
            by_length.setdefault(len(row), []).append(i)
        for length, members in sorted(by_length.items()):
            n_rows = max(1, _BATCH_TOKENS // length)
            for start in range(0, len(members), n_rows):
                index = members[start : start + n_rows]
                rows = torch.tensor([ids[i] for i in index], device=self.model.device)
                states = self.model(input_ids=rows, output_hidden_states=True).hidden_states
                yield index, states, [_words(encoded["special_tokens_mask"][i]) for i in index]


def _words(special_tokens_mask: Sequence[int]) -> list[bool]:
    """Return which tokens are words; all of them, where there are special ones only."""
    words = [not is_special for is_special in special_tokens_mask]
    return words if any(words) else [True] * len(words)


def _no_tokens(n_depths: int, hidden: int) -> TextTokens:
    states = np.zeros((n_depths, 0, hidden), np.float16)
    return states, np.zeros(0, np.int64), np.zeros(0, np.float32)


def _unit(pooled: Tensor) -> Array:
    unit: Array = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
    return unit
