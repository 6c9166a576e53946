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
from numpy.typing import NDArray
from torch import Tensor, nn

from polar_detect.backbone.loading import load_encoder
from polar_detect.backbone.quick_block import QuickBlock, quick_form
from polar_detect.backbone.recording import (
    FAILURES,
    Call,
    examine,
    first_input_in_blocks,
    of_any_rows,
    record_calls,
)
from polar_detect.backbone.tokenizing import MAX_TOKENS, as_room_allows, longest_row, shortened
from polar_detect.errors import InputError, ModelError, reason_of
from polar_detect.numerics.blocks import RowCounts, in_blocks, rows_per_block
from polar_detect.numerics.lanes import plain_modes
from polar_detect.numerics.runtime import best_dtype, keep_freed_memory


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

    index: NDArray[np.int64]
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
        self.blocks = _find_blocks(model)
        self.n_layers = len(self.blocks)
        self.hidden_size: int = model.config.hidden_size
        self.device: torch.device = next(model.parameters()).device
        # Else decoders that serve as encoders record a cache, which later calls would add to.
        model.config.use_cache = False
        self.quick_dtype = quick_dtype or best_dtype(self.device)
        self._row_counts = RowCounts(self.blocks, self.device)
        self._calls: dict[int, list[Call]] = {}
        probe = self._probe(2, 5)
        try:
            self._anatomy, output = examine(model, self.blocks, lambda: model(input_ids=probe))
        except FAILURES as error:
            raise self._unfaithful(f"two texts at once fail: {reason_of(error)}") from error
        if fault := self._anatomy.fault(tuple(probe.shape)):
            raise self._unfaithful(fault)
        self.final_norm = self._anatomy.final_norm
        self._quick_blocks: list[QuickBlock | None] = [None] * self.n_layers
        self._repeats = False
        try:
            states = self._replay(probe, output.last_hidden_state)
        except ModelError:  # then each row may want arguments of its own
            self._repeats = True
            self._calls.clear()
            states = self._replay(probe, output.last_hidden_state)
        # What blocks are given beside states must hang on the number of tokens alone.
        others = self._probe(2, 6).flip(1)
        self._replay(others, model(input_ids=others).last_hidden_state)
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
        if not texts:  # tokenizers refuse an empty list
            return []
        cut = shortened(texts, self.max_tokens)
        encoded = self.tokenizer(
            cut, split_special_tokens=True, truncation=True, max_length=self.max_tokens
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

        In blocks of one size, as some models multiply before their first block (ELECTRA). Watches
        the model, so it must not run beside other calls; see `recording`.
        """
        n_tokens = input_ids.shape[1]
        self._recorded(n_tokens)  # for the same reason not later
        size = rows_per_block(n_tokens, self.device, torch.float32)
        return first_input_in_blocks(
            self.blocks, lambda ids: self.model(input_ids=ids), input_ids, size
        )

    @torch.no_grad()
    def apply(self, layer: int, hidden: Tensor, *, precise: bool = False) -> Tensor:
        """Call block `layer` on hidden states (n_rows, n_tokens, hidden); same shape back."""
        call = self._recorded(hidden.shape[1])[layer]
        quick = None if precise else self._quick_blocks[layer]
        block = self.blocks[layer] if quick is None else quick
        dtype = torch.float32 if quick is None else self.quick_dtype

        def of(rows: Tensor) -> Tensor:
            return call.of(block, rows).float()

        return in_blocks(of, hidden, self._row_counts.of(layer, of, hidden, dtype))

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

    def _recorded(self, n_tokens: int) -> list[Call]:
        if n_tokens not in self._calls:
            self._calls[n_tokens] = self._record(n_tokens)
        return self._calls[n_tokens]

    @torch.no_grad()
    def _record(self, n_tokens: int) -> list[Call]:
        """Run the model's forward on one row, or two; its arguments hold for any number of rows."""

        def record(n_rows: int) -> list[Call]:
            ids = self._probe(n_rows, n_tokens)
            return record_calls(self._anatomy, lambda: self.model(input_ids=ids))

        return of_any_rows(record, repeats=self._repeats)

    @torch.no_grad()
    def _quick_forms(self, states: Sequence[Tensor]) -> list[QuickBlock | None]:
        """Return each block's quick form, where it has one, tried on states at each depth."""
        calls = self._recorded(states[0].shape[1])
        return [
            quick_form(block, self.quick_dtype, before, after, partial(call.of, hidden=before))
            for block, call, before, after in zip(
                self.blocks, calls, states, states[1:], strict=False
            )
        ]

    @torch.no_grad()
    def _replay(self, ids: Tensor, expected: Tensor) -> list[Tensor]:
        """Return the states of token ids at each depth by the blocks called alone.

        Raise `ModelError` where they do not lead to the model's own last states, or do not do so
        a second time.
        """
        for _ in range(2):
            try:
                states = [self.embed(ids)]
                for layer in range(self.n_layers):
                    states.append(self.apply(layer, states[-1], precise=True))
                gap = (self.read_out(states[-1]) - expected).abs().max().item()
            except FAILURES as error:
                raise self._unfaithful(f"replaying it fails: {reason_of(error)}") from error
            if not gap <= 1e-4 + 1e-4 * expected.abs().max().item():
                raise self._unfaithful(f"replayed states differ by {gap:.3g}")
        return states

    def _unfaithful(self, what: str) -> ModelError:
        return ModelError(
            f"Got a {type(self.model).__name__} whose layers cannot be called alone ({what}); "
            "expected an encoder made of a stack of blocks; choose another model."
        )

    def _probe(self, n_rows: int, n_tokens: int) -> Tensor:
        """Return some token ids, none of them padding, whose positions some models count."""
        ids = torch.arange(n_rows * n_tokens, device=self.device).view(n_rows, n_tokens)
        return ids % 7 + (self.model.config.pad_token_id or 0) + 1


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


def _find_blocks(model: Any) -> list[nn.Module]:
    n_layers = model.config.num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return list(module)
    raise ModelError(
        f"Got a {type(model).__name__} without a list of {n_layers} blocks; expected an encoder "
        "made of a stack of blocks; choose another model."
    )
