"""Texts as sentence embeddings of a small encoder: retrieval of neighbours, distances of topic."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from polar_detect.errors import ModelError
from polar_detect.runtime import best_device, keep_freed_memory

_BATCH_TOKENS = 4096


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

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit-length sentence embeddings, (n_texts, hidden) float32.

        Source: Reimers & Gurevych, arXiv 1908.10084, mean pooling.
        """
        out = np.zeros((len(texts), self.model.config.hidden_size), np.float32)
        if not texts:
            return out
        cut = [text[: self.max_tokens * 64] for text in texts]
        ids = self.tokenizer(cut, truncation=True, max_length=self.max_tokens)["input_ids"]
        by_length: dict[int, list[int]] = {}
        for i, row in enumerate(ids):
            by_length.setdefault(len(row), []).append(i)
        for length, members in sorted(by_length.items()):
            n_rows = max(1, _BATCH_TOKENS // length)
            for start in range(0, len(members), n_rows):
                index = members[start : start + n_rows]
                rows = torch.tensor([ids[i] for i in index], device=self.model.device)
                states = self.model(input_ids=rows).last_hidden_state
                pooled = torch.nn.functional.normalize(states.mean(1), dim=-1)
                out[index] = pooled.cpu().numpy()
        return out
