"""What the language model takes texts to be about, and how like that is to normal texts.

A few tokens behind a text ask for its keywords; the state in which the model would begin to name
them tells of the topic rather than of the wording. It names none: nothing is generated.

Source: Jiang et al., arXiv 2307.16645, sentence embeddings by a prompt that asks for one word.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.neighbours import Neighbours, nearest

Array = NDArray[np.float32]

# Three tokens of SmolLM2's.
PROMPT = "\nKeywords:"
# Where the state is taken, as a share of the layers: the last ones turn it into the next token.
DEPTH = 0.8
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Topics:
    """The states of normal texts behind the prompt, to be searched for nearest neighbours.

    Parameters
    ----------
    centre, spread : (hidden,) float32
        Mean and standard deviation of each coordinate on the texts that it was fitted on.
    points : (n_texts, hidden) float32
        Standardised by them, unit length.
    """

    centre: Array
    spread: Array
    points: Array

    @classmethod
    def fit(cls, states: Array) -> Self:
        """Keep the states of normal texts, (n_texts, hidden)."""
        fitted = cls(states.mean(0), states.std(0), states[:0])
        return replace(fitted, points=fitted._unit(states))

    def widened(self, states: Array) -> Self:
        """Return the same with more normal texts as neighbours."""
        return replace(self, points=np.concatenate([self.points, self._unit(states)]))

    def neighbours(
        self,
        states: Array,
        *,
        k: int,
        banned: NDArray[np.bool_] | None = None,
        n_skipped: int = 0,
    ) -> Neighbours:
        """Return the normal texts that are nearest to each text, (n_texts, hidden); see `nearest`.

        By the cosine of the standardised states.
        """
        unit = self._unit(states)
        return nearest(unit, self.points, k=k, banned=banned, n_skipped=n_skipped)

    def _unit(self, states: Array) -> Array:
        """Return standardised states of unit length, (n_texts, hidden)."""
        scaled = (states - self.centre) / np.maximum(self.spread, _TINY)
        norms = np.linalg.norm(scaled, axis=1, keepdims=True)
        unit: Array = (scaled / np.maximum(norms, _TINY)).astype(np.float32)
        return unit
