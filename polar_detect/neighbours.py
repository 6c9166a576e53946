"""The normal texts that are nearest to a text, by their sentence embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.blocks import product

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nearest training texts of each text, nearest first.

    Parameters
    ----------
    index : (n_texts, k) int64
    similarity : (n_texts, k) float32
        Cosine of the sentence embeddings.
    """

    index: NDArray[np.int64]
    similarity: Array

    def rows(self, index: NDArray[np.intp]) -> Self:
        """Return the neighbours of the given texts."""
        return type(self)(self.index[index], self.similarity[index])


def nearest(
    embeddings: Array,
    reference: Array,
    *,
    k: int,
    banned: NDArray[np.bool_] | None = None,
    n_skipped: int = 0,
) -> Neighbours:
    """Return the `k` nearest rows of `reference` for each embedding, after `n_skipped` nearer ones.

    Parameters
    ----------
    embeddings : (n_texts, hidden) float32, unit length
    reference : (n_reference, hidden) float32, unit length
    k : int
    banned : (n_texts, n_reference) bool, optional
        Pairs that are not allowed: a text and itself, or its own cluster. They count as
        opposite (cosine −1), so that they come last.
    n_skipped : int
    """
    similarity = product(embeddings, reference)
    if banned is not None:
        similarity = np.where(banned, np.float32(-1), similarity)
    index = np.argsort(-similarity, axis=1, kind="stable")[:, n_skipped : n_skipped + k]
    return Neighbours(index, np.take_along_axis(similarity, index, axis=1).astype(np.float32))


def contexts(neighbours: Neighbours, texts: Sequence[str], *, n: int) -> list[list[str]]:
    """Return each text's `n` nearest as context, the nearest last: right before the text."""
    return [[texts[i] for i in reversed(row[:n])] for row in neighbours.index.tolist()]
