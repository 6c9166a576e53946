"""An encoder as embed → any layers → read out.

Texts run beside texts of the same token count, so there is no padding and a text's states do
not depend on its company.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from polar_detect.arrays import IntArray
from polar_detect.backbone.forms import LayerForm
from polar_detect.backbone.loading import load_encoder
from polar_detect.backbone.quick.block import QuickBlock, quick_form
from polar_detect.backbone.recording import FAILURES
from polar_detect.backbone.replaying import Replay, difference, find_blocks
from polar_detect.backbone.tokenizing import MAX_TOKENS, as_room_allows, longest_row, shortened
from polar_detect.errors import InputError, reason_of
from polar_detect.numerics.block_sizes import Form, RowCounts
from polar_detect.numerics.blocks import in_blocks
from polar_detect.numerics.lanes import plain_modes
from polar_detect.numerics.runtime import best_dtype, keep_freed_memory

_EXPECTED = "an encoder made of a stack of blocks"


@dataclass(frozen=True, eq=False)
class EncoderBatch:
    """Tokenised texts of one length.

    Parameters
    ----------
    index : (n_texts,) int64
        Each text's place in the sequence that was batched.
    input_ids : (n_texts, n_tokens) int64
        With the tokenizer's special tokens.
    """

    index: IntArray
    input_ids: Tensor

    def __len__(self) -> int:
        return len(self.index)


class EncoderBackbone:
    """A bidirectional Transformer whose layers can be called in any order.

    Parameters
    ----------
    model : nn.Module
        An encoder (BERT, RoBERTa, XLM-R, MPNet, DistilBERT, ModernBERT, …) without a head, in
        float32, of transformers or called as those are; put into inference mode and frozen.
    tokenizer : PreTrainedTokenizerBase or PlainTokenizer
    max_tokens : int
        Texts are cut after this many tokens, special ones included; by default after 256, or as
        many as the model has positions for.
    quick_dtype : torch.dtype, optional
        Number format of the products in the *quick* form of a layer; the *precise* form is
        float32. Default: bfloat16 where the processor has it (2.5 times as fast with MiniLM on
        12-token texts; moves a program's cosine by .0002 on average, .005 at most), else float32.

    Raises
    ------
    ModelError
        When replaying the recorded blocks does not reproduce the model's own states.
    """

    @plain_modes()
    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        max_tokens: int = MAX_TOKENS,
        quick_dtype: torch.dtype | None = None,
    ) -> None:
        keep_freed_memory()
        self.model = model.eval().requires_grad_(requires_grad=False)
        self.tokenizer = tokenizer
        self.max_tokens = self._checked(max_tokens)
        n_layers = model.config.num_hidden_layers
        self.blocks = find_blocks(model, (model,), n_layers, _EXPECTED)
        self.n_layers = len(self.blocks)
        self.hidden_size: int = model.config.hidden_size
        self.device: torch.device = next(model.parameters()).device
        # Else decoders that serve as encoders record a cache, which later calls would add to.
        model.config.use_cache = False
        self.quick_dtype = quick_dtype or best_dtype(self.device)
        self._row_counts = RowCounts(self.blocks, self.device)
        self._quick_blocks: list[QuickBlock | None] = [None] * self.n_layers
        padding = model.config.pad_token_id or 0
        self._replay = Replay(
            model,
            self.blocks,
            lambda ids: model(input_ids=ids),
            partial(_probe, padding=padding, device=self.device),
            _EXPECTED,
        )
        probe = self._replay.probe(2, 5)
        anatomy, output = self._replay.examine(probe)
        self.final_norm = anatomy.final_norm
        states = self._replay.adapted(lambda: self._replayed(probe, output.last_hidden_state))
        # What blocks are given beside states must hang on the number of tokens alone.
        others = self._replay.probe(2, 6).flip(1)
        self._replayed(others, self._replay.forward(others).last_hidden_state)
        if self.quick_dtype != torch.float32:
            self._quick_blocks = self._quick_forms(states)

    @classmethod
    def load(cls, folder: Path, *, max_tokens: int = MAX_TOKENS) -> Self:
        """Load an encoder from a folder, without network access."""
        return cls(*load_encoder(folder), max_tokens=max_tokens)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids with special tokens, cut after `max_tokens`.

        Special tokens that are spelled out in a text are read as plain characters, as
        `Backbone.tokenize` does; those that the vocabulary knows as pieces stay (XLM-R's `</s>`).
        """
        return self._tokenized(texts, self.max_tokens)

    def count_cut(self, texts: Sequence[str]) -> int:
        """Return how many texts are longer than what is read of them."""
        rows = self._tokenized(texts, self.max_tokens + 1)
        return sum(len(row) > self.max_tokens for row in rows)

    def _tokenized(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        if not texts:  # tokenizers refuse an empty list
            return []
        cut = shortened(texts, max_tokens)
        encoded = self.tokenizer(
            cut, split_special_tokens=True, truncation=True, max_length=max_tokens
        )
        return [list(row) for row in encoded["input_ids"]]

    def batches(self, texts: Sequence[str], *, max_batch_tokens: int) -> Iterator[EncoderBatch]:
        """Group texts into batches of equal token count, shortest first."""
        rows = self.tokenize(texts)
        for index in equal_lengths(rows, lambda n_tokens: max_batch_tokens // n_tokens):
            input_ids = torch.tensor([rows[i] for i in index], device=self.device)
            yield EncoderBatch(np.asarray(index), input_ids)

    @plain_modes()
    @torch.no_grad()
    def embed(self, input_ids: Tensor) -> Tensor:
        """Return the first block's input, (n_rows, n_tokens, hidden).

        Watches the model, so it must not run beside other calls; see `recording`.
        """
        return self._replay.first_states(input_ids)

    @torch.no_grad()
    def apply(self, layer: int, hidden: Tensor, *, form: LayerForm = "quick") -> Tensor:
        """Call block `layer` on hidden states (n_rows, n_tokens, hidden); same shape back.

        No form is rougher than the quick one here.
        """
        call = self._replay.calls(hidden.shape[1])[layer]
        quick = None if form == "precise" else self._quick_blocks[layer]
        block = self.blocks[layer] if quick is None else quick
        found = Form(quick is not None, torch.float32 if quick is None else self.quick_dtype)

        def of(rows: Tensor) -> Tensor:
            return call.of(block, rows).float()

        return in_blocks(of, hidden, self._row_counts.of(layer, of, hidden, found))

    @torch.no_grad()
    def read_out(self, hidden: Tensor) -> Tensor:
        """Return what the model would give out for last states (…, hidden); same shape back."""
        normed: Tensor = self.final_norm(hidden)
        return normed

    def _checked(self, max_tokens: int) -> int:
        most = longest_input(self.model)
        max_tokens = as_room_allows(max_tokens, most)
        if not 3 <= max_tokens <= most:
            raise InputError(
                f"Got max_tokens {max_tokens}; expected 3 to {most} for this model, special "
                "tokens included; choose a value there."
            )
        return max_tokens

    @torch.no_grad()
    def _quick_forms(self, states: Sequence[Tensor]) -> list[QuickBlock | None]:
        """Return each block's quick form, where it has one, tried on states at each depth."""
        calls = self._replay.calls(states[0].shape[1])
        return [
            quick_form(block, self.quick_dtype, before, after, call)
            for block, call, before, after in zip(
                self.blocks, calls, states, states[1:], strict=False
            )
        ]

    @torch.no_grad()
    def _replayed(self, ids: Tensor, expected: Tensor) -> list[Tensor]:
        """Return the states of token ids at each depth by the blocks called alone.

        Raise `ModelError` where they do not lead to the model's own last states, or do not do so
        a second time.
        """
        for _ in range(2):
            try:
                states = [self.embed(ids)]
                for layer in range(self.n_layers):
                    states.append(self.apply(layer, states[-1], form="precise"))
                gap = difference(self.read_out(states[-1]), expected, tolerance=1e-4)
            except FAILURES as error:
                raise self._replay.unfaithful(f"replaying it fails: {reason_of(error)}") from error
            if gap:
                raise self._replay.unfaithful(f"replayed states differ by {gap:.3g}")
        return states


def _probe(n_rows: int, n_tokens: int, *, padding: int, device: torch.device) -> Tensor:
    """Return some token ids, none of them padding, whose positions some models count."""
    ids = torch.arange(n_rows * n_tokens, device=device).view(n_rows, n_tokens)
    return ids % 7 + padding + 1


def longest_input(model: Any) -> int:
    """Return how many tokens an encoder was made for, special ones included."""
    return longest_row(model, model.config)


def equal_lengths(
    rows: Sequence[Sequence[int]], n_together: Callable[[int], int]
) -> Iterator[list[int]]:
    """Yield places of rows of one length, shortest first, up to ``n_together(length)`` at once.

    Rows without tokens, which tokenizers without special ones make of empty texts, are left out.
    """
    lengths: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        if row:
            lengths.setdefault(len(row), []).append(i)
    for length, members in sorted(lengths.items()):
        size = max(1, n_together(length))
        yield from (members[start : start + size] for start in range(0, len(members), size))
