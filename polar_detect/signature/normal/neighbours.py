"""The normal texts that are nearest to a text, by their sentence embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, IntArray
from polar_detect.numerics.blocks import product
from polar_detect.texts.distinct import first_places

_CROWDING_SHARE = 0.5
_CHUNK = 512  # texts whose similarities to all others are held at a time


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nearest training texts of each text, nearest first.

    Parameters
    ----------
    index : (n_texts, k) int64
    similarity : (n_texts, k) float32
        Cosine of the sentence embeddings.
    """

    index: IntArray
    similarity: Float32Array

    @classmethod
    def of(cls, cosines: Float32Array, *, k: int, n_skipped: int = 0) -> Self:
        """Return the `k` nearest by cosines (n_texts, n_reference), after `n_skipped` nearer ones.

        Among equals the first is nearest.
        """
        index = np.argsort(-cosines, axis=1, kind="stable")[:, n_skipped : n_skipped + k]
        return cls(index, np.take_along_axis(cosines, index, axis=1).astype(np.float32))


def nearest(
    embeddings: Float32Array, reference: Float32Array, *, k: int, banned: BoolArray | None = None
) -> Neighbours:
    """Return the `k` nearest rows of `reference` for each embedding; see `cosines_of`."""
    return Neighbours.of(cosines_of(embeddings, reference, banned=banned), k=k)


def cosines_of(
    embeddings: Float32Array, reference: Float32Array, *, banned: BoolArray | None = None
) -> Float32Array:
    """Return the cosine of each embedding and each row of `reference`, (n_texts, n_reference).

    Parameters
    ----------
    embeddings : (n_texts, hidden) float32, unit length
    reference : (n_reference, hidden) float32, unit length
    banned : (n_texts, n_reference) bool, optional
        Pairs that are not allowed: a text and itself, or its own cluster. They count as
        opposite (cosine −1), so that they come last.
    """
    cosines = product(embeddings, reference)
    return cosines if banned is None else np.where(banned, np.float32(-1), cosines)


def local_similarity(
    cosines: Float32Array, crowding: Float32Array, *, k: int, n_skipped: int = 0
) -> Float32Array:
    """Return the mean similarity of texts to the `k` nearest, less half of how crowded these are.

    Where normal texts stand close together, as those of a narrow topic do, a stranger to the topic
    is close to them too; so half of the mean cosine of each to its own nearest is taken off.

    Parameters
    ----------
    cosines : (n_texts, n_reference) float32
    crowding : (n_reference,) float32
        As `crowding_of` returns it.
    k : int
    n_skipped : int
        So many nearer ones do not count.

    Source: Conneau et al., arXiv 1710.04087, half of equation 3 without the text's own side.
    """
    local = cosines - np.float32(_CROWDING_SHARE) * crowding
    return _mean_of_highest(local, k=k, n_skipped=n_skipped)


def crowding_of(
    texts: Sequence[str],
    embeddings: Float32Array,
    among: Sequence[str],
    reference: Float32Array,
    *,
    k: int,
) -> Float32Array:
    """Return how close texts stand to others: the mean cosine of each and the `k` nearest.

    Parameters
    ----------
    texts, embeddings : (n_texts,), (n_texts, hidden) float32, unit length
    among, reference : (n_reference,), (n_reference, hidden) float32, unit length
        Of which those that read the same as a text are not asked, and all others once; where there
        are fewer than `k`, all of them.
    k : int

    Returns
    -------
    (n_texts,) float32
        0 where nothing reads otherwise.
    """
    distinct, first = first_places(among)
    number = {text: i for i, text in enumerate(distinct)}
    own, others = np.asarray([number.get(text, -1) for text in texts]), reference[first]
    k = min(k, len(distinct) - 1)
    crowding = np.zeros(len(texts), np.float32)
    for start in range(0, len(texts) if k else 0, _CHUNK):
        part = slice(start, start + _CHUNK)
        banned = own[part, None] == np.arange(len(distinct))
        cosines = cosines_of(embeddings[part], others, banned=banned)
        crowding[part] = _mean_of_highest(cosines, k=k)
    return crowding


def _mean_of_highest(rows: Float32Array, *, k: int, n_skipped: int = 0) -> Float32Array:
    """Return the mean of the `k` highest numbers of each row, after `n_skipped` higher ones."""
    n = min(n_skipped + k, rows.shape[1])
    highest = np.sort(np.partition(rows, -n, axis=1)[:, -n:], axis=1)
    mean: Float32Array = highest[:, : n - n_skipped].mean(1)
    return mean


def contexts(neighbours: Neighbours, texts: Sequence[str], *, n: int) -> list[list[str]]:
    """Return each text's `n` nearest as context, the nearest last: right before the text."""
    return [[texts[i] for i in reversed(row[:n])] for row in neighbours.index.tolist()]
