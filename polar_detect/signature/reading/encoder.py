"""Texts as sentence embeddings of a small encoder: retrieval of neighbours, distances of topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from polar_detect.arrays import Float16Array, Float32Array, IndexArray
from polar_detect.backbone.encoder import equal_lengths, longest_input
from polar_detect.backbone.loading import load_encoder
from polar_detect.backbone.tokenizing import MAX_TOKENS, shortened
from polar_detect.models.fluency import is_shared, letter_value
from polar_detect.numerics.block_sizes import RowsAlike, is_alike_anywhere, random_states
from polar_detect.numerics.lanes import spread
from polar_detect.numerics.runtime import keep_freed_memory
from polar_detect.signature.reading.by_text import ByText
from polar_detect.signature.reading.token_states import (
    TextTokens,
    TokenStates,
    kept_places,
    no_tokens,
)

_LEAST_TOKENS = 128
_START = 256  # characters; no longer than the encoder reads
# A vocabulary that many languages share cuts each of them into shorter pieces: multilingual E5's
# hold 3.0 letters of Japanese work orders and 2.8 of English ones, and on both the default detector
# was best where it was trusted most.
_SHARED_COUNTS = 1.5


@dataclass(frozen=True, eq=False)
class Encoding(ByText):
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

    embeddings: Float32Array
    trajectory: Float32Array
    tokens: TokenStates


class Encoder:
    """Mean-pooled states of a bidirectional Transformer.

    Texts run beside texts of the same token count, always as many, so that there is no padding
    to mask and a text's states are the same to the last bit in any company.
    """

    def __init__(self, model: Any, tokenizer: Any, *, max_tokens: int = MAX_TOKENS) -> None:
        keep_freed_memory()
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.max_tokens = min(max_tokens, longest_input(model))
        self.n_layers: int = model.config.num_hidden_layers
        layers = [part for part in model.modules() if isinstance(part, nn.Linear)]
        products = {layer.weight.shape: layer for layer in layers}  # of a shape all are alike
        self._rows_alike = RowsAlike(model.device, partial(_are_alike, [*products.values()]))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load an encoder from a folder, without network access."""
        return cls(*load_encoder(folder))

    def cut_after(self, max_tokens: int) -> Self:
        """Return the same encoder, reading so many tokens of a text, but 128 at least.

        As many as that it has read since version 0.1, and so do detectors of that time, however
        little of a text their language model reads.
        """
        return type(self)(self.model, self.tokenizer, max_tokens=max(_LEAST_TOKENS, max_tokens))

    def embed(self, texts: Sequence[str]) -> Float32Array:
        """Return unit-length sentence embeddings, (n_texts, hidden) float32.

        Source: Reimers & Gurevych, arXiv 1908.10084, mean pooling.
        """
        return self.read(texts).embeddings

    def read(self, texts: Sequence[str]) -> Encoding:
        """Return embeddings, pooled states of every depth, and token states at four depths."""
        n_depths, hidden = self.n_layers + 1, self.model.config.hidden_size
        embeddings = np.zeros((len(texts), hidden), np.float32)
        trajectory = np.zeros((len(texts), n_depths, hidden), np.float32)
        tokens = [no_tokens(len(self.token_depths), hidden)] * len(texts)
        for index, block in self._blocks(texts):
            trajectory[index], embeddings[index] = block.trajectory, block.embeddings
            for text, own in zip(index, block.tokens.texts, strict=True):
                tokens[text] = own
        return Encoding(embeddings, trajectory, TokenStates(tuple(tokens)))

    def characters_per_token(self, texts: Sequence[str]) -> Float32Array:
        """Return how long the pieces are that the vocabulary cuts the start of a text into.

        English prose has more than four characters a token, codes and work orders about three:
        the further the vocabulary is from the texts, the less the encoder was trained on their
        like. Characters of dense scripts count as `letter_value` says, unknown pieces hold
        nothing, and those of a vocabulary that many languages share hold half as much again.

        Returns
        -------
        (n_texts,) float32
            0 for texts without tokens.
        """
        starts = [text[:_START] for text in texts]
        if not starts:  # tokenizers refuse an empty list
            return np.zeros(0, np.float32)
        rows = self.tokenizer(starts, add_special_tokens=False)["input_ids"]
        unknown = self.tokenizer.unk_token_id
        lengths = np.zeros(len(starts), np.float32)
        for i, (start, row) in enumerate(zip(starts, rows, strict=True)):
            if row:
                known = 1 - row.count(unknown) / len(row)
                lengths[i] = letter_value(start.strip()) / len(row) * known
        return lengths * _SHARED_COUNTS if is_shared(self.tokenizer) else lengths

    @property
    def token_depths(self) -> tuple[int, ...]:
        """Depths whose token states `read` keeps: word vectors, two thirds apart, the last."""
        thirds = (0, self.n_layers / 3, 2 * self.n_layers / 3, self.n_layers)
        return tuple(dict.fromkeys(round(depth) for depth in thirds))

    @torch.no_grad()
    def _blocks(self, texts: Sequence[str]) -> list[tuple[list[int], Encoding]]:
        """Return places of texts and what was read of them, in blocks of one token count."""
        if not texts:  # tokenizers refuse an empty list
            return []
        cut = shortened(texts, self.max_tokens)
        encoded = self.tokenizer(
            cut, truncation=True, max_length=self.max_tokens, return_special_tokens_mask=True
        )
        ids, masks = encoded["input_ids"], encoded["special_tokens_mask"]
        device = self.model.device

        def one(index: list[int]) -> tuple[list[int], Encoding]:
            size = self._rows_alike.of(len(ids[index[0]]))
            filled = [*index, *index[:1] * (size - len(index))]  # zeros would be taken for padding
            rows = torch.tensor([ids[i] for i in filled], device=device)
            return index, self._read_block(rows, [_words(masks[i]) for i in index])

        return spread(one, equal_lengths(ids, self._rows_alike.of))

    def _read_block(self, rows: Tensor, words: Sequence[IndexArray]) -> Encoding:
        """Read a block of token ids; rows behind those of `words` only fill it up."""
        states = self.model(input_ids=rows, output_hidden_states=True).hidden_states
        pooled = torch.stack([state.mean(1) for state in states], 1)
        unit = torch.nn.functional.normalize(pooled[:, -1], dim=-1)
        kept = torch.stack([states[depth] for depth in self.token_depths]).half().cpu().numpy()
        n = len(words)
        tokens = tuple(_tokens(kept[:, row][:, own]) for row, own in enumerate(words))
        return Encoding(unit[:n].cpu().numpy(), pooled[:n].cpu().numpy(), TokenStates(tokens))


def _are_alike(products: Sequence[nn.Linear], n_rows: int, n_tokens: int) -> bool:
    """Return whether products of so many texts give each its bits in any place."""
    return all(
        is_alike_anywhere(
            layer, random_states(n_rows, n_tokens, layer.in_features).to(layer.weight.device)
        )
        for layer in products
    )


def _tokens(states: Float16Array) -> TextTokens:
    """Return states of tokens that predict none."""
    n = states.shape[1]
    return TextTokens(states, np.full(n, -1), np.full(n, np.nan, np.float32))


def _words(special_tokens_mask: Sequence[int]) -> IndexArray:
    """Return which tokens are words, as far as they are kept.

    All tokens count as words where there are special ones only.
    """
    words = np.flatnonzero(np.asarray(special_tokens_mask) == 0)
    if not len(words):
        words = np.arange(len(special_tokens_mask))
    return words[kept_places(len(words))]
