"""What both models do with each text on its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, IndexArray
from polar_detect.signature.changes import Trajectories
from polar_detect.signature.encoder import Encoding
from polar_detect.signature.spill import Spill
from polar_detect.signature.traces import Traces


@dataclass(frozen=True)
class Readings:
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

    @property
    def trajectories(self) -> Trajectories:
        """Pooled states of both models."""
        return Trajectories(self.traces.trajectory, self.encoding.trajectory)

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return the texts of all parts, one below the other."""
        return cls(
            tuple(text for part in parts for text in part.texts),
            Traces.below([part.traces for part in parts]),
            Encoding.below([part.encoding for part in parts]),
        )

    def kept_by(self, spill: Spill) -> Self:
        """Return the same, with the states of tokens where `spill` keeps them."""
        return replace(
            self,
            traces=replace(self.traces, tokens=spill.kept(self.traces.tokens)),
            encoding=replace(self.encoding, tokens=spill.kept(self.encoding.tokens)),
        )

    def rows(self, index: IndexArray) -> Self:
        """Return the given texts; without a copy, where these are all in their order."""
        if np.array_equal(index, np.arange(len(self))):
            return self
        texts = tuple(self.texts[i] for i in index.tolist())
        return type(self)(texts, self.traces.rows(index), self.encoding.rows(index))
