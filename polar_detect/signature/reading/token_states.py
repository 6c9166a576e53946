"""States of the tokens of texts: which are kept, and how those of several texts lie together."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from torch import Tensor

from polar_detect.arrays import Float16Array, Float32Array, IndexArray, IntArray
from polar_detect.signature.reading.by_text import ByText

_MAX_KEPT = 128  # tokens of a text whose states are kept: 1.3 MB with both default models
_KEPT_OF_LONGER = 64
_FLOAT16_MAX = 65504.0


class States(Protocol):
    """States of tokens, (n_depths, n_tokens, hidden) float16, wherever they lie."""

    def __len__(self) -> int:
        """Return how many depths there are."""
        ...

    def __getitem__(self, depth: int, /) -> Float16Array:
        """Return the states at one depth, (n_tokens, hidden)."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of memory that they take."""
        ...


class TextTokens(NamedTuple):
    """Hidden states of the tokens of one text that are kept (`kept_places`).

    Parameters
    ----------
    states : (n_depths, n_tokens, hidden) float16
    targets : (n_tokens,) int64
        The token that followed each state; -1 where the model predicts none.
    losses : (n_tokens,) float32
        Of that token, in nats; NaN where the model predicts none.
    """

    states: States
    targets: IntArray
    losses: Float32Array


def no_tokens(n_depths: int, hidden: int) -> TextTokens:
    """Return what a text without tokens has."""
    states = np.zeros((n_depths, 0, hidden), np.float16)
    return TextTokens(states, np.zeros(0, np.int64), np.zeros(0, np.float32))


def kept_places(n_tokens: int) -> IndexArray:
    """Return which tokens of a text keep their states: all, or of more than 128 every few.

    Of longer texts 64 are kept, spread evenly: on seven sets of long texts no worse than all of
    them, and more normal texts have room in an index. Up to 128 tokens all are, so that detectors
    that were saved before score as they did.
    """
    n_kept = n_tokens if n_tokens <= _MAX_KEPT else _KEPT_OF_LONGER
    places: IndexArray = np.linspace(0, n_tokens - 1, n_kept).round().astype(np.intp)
    return places


def stored_states(states: Tensor) -> Tensor:
    """Return states as they are kept, in float16."""
    return states.clamp(-_FLOAT16_MAX, _FLOAT16_MAX).half()


@dataclass(frozen=True, eq=False)
class TokenStates(ByText):
    """Hidden states of the tokens of some texts, each text by itself.

    They are most of what a fit holds in memory (1.3 MB a text of 125 tokens): choosing texts, and
    laying some below others, copies none, and they are joined a few texts at a time.
    """

    texts: tuple[TextTokens, ...]

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def lengths(self) -> IntArray:
        """Kept tokens of each text, (n_texts,)."""
        return np.asarray([len(text.targets) for text in self.texts], np.int64)

    @property
    def owners(self) -> IndexArray:
        """Text of each token, (n_tokens,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def n_depths(self) -> int:
        """Depths that the states of each token are known at."""
        return len(self.texts[0].states)

    @property
    def targets(self) -> IntArray:
        """Of all tokens, (n_tokens,), text after text."""
        return np.concatenate([np.zeros(0, np.int64), *(text.targets for text in self.texts)])

    @property
    def losses(self) -> Float32Array:
        """Of all tokens, (n_tokens,), text after text."""
        return np.concatenate([np.zeros(0, np.float32), *(text.losses for text in self.texts)])

    def at(self, depth: int) -> Float16Array:
        """Return the states of all tokens at one depth, (n_tokens, hidden), text after text."""
        return np.concatenate([text.states[depth] for text in self.texts])


def mean_by_text(values: Float32Array, part: TokenStates) -> Float32Array:
    """Return the mean over each text of what its tokens have, (n_texts,); NaN without tokens."""
    sums = np.bincount(part.owners, values.astype(np.float64), len(part))
    with np.errstate(invalid="ignore"):
        means: Float32Array = (sums / part.lengths).astype(np.float32)
    return means
