"""What both models do with each text on its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, IndexArray
from polar_detect.signature.reading.by_text import ByText
from polar_detect.signature.reading.encoder import Encoding
from polar_detect.signature.reading.spill import Spill
from polar_detect.signature.reading.traces import Traces


@dataclass(frozen=True)
class Readings(ByText):
    """What the models do with each text on its own.

    Parameters
    ----------
    texts : tuple of str
    traces : Traces
        Of the language model.
    encoding : Encoding
        Of the sentence encoder.
    """

    texts: tuple[str, ...]
    traces: Traces
    encoding: Encoding

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def embeddings(self) -> Float32Array:
        """Unit-length sentence embeddings, (n_texts, encoder hidden)."""
        return self.encoding.embeddings

    @property
    def has_tokens(self) -> BoolArray:
        """Which texts the language model sees anything of, (n_texts,)."""
        seen: BoolArray = self.traces.n_tokens > 0
        return seen

    def kept_by(self, spill: Spill) -> Self:
        """Return the same, with the states of tokens where `spill` keeps them."""
        return replace(
            self,
            traces=replace(self.traces, tokens=spill.kept(self.traces.tokens)),
            encoding=replace(self.encoding, tokens=spill.kept(self.encoding.tokens)),
        )

    def rows(self, index: IndexArray | Sequence[int] | slice) -> Self:
        """Return the given texts; without a copy, where these are all in their order."""
        places = np.arange(len(self))
        return self if np.array_equal(places[index], places) else super().rows(index)
