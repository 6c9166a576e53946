"""The normal training texts as what a new text is held against: neighbours and geometry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray

from polar_detect.blocks import by_blocks
from polar_detect.features import FeatureTable, by_layer

Array = NDArray[np.float32]

_MAX_COMPONENTS = 96
_SHRINKAGE = 0.1  # of the kept variances towards their mean
_N_NEAREST = 5
_BLOCK = 64  # rows of one product, always


@dataclass(frozen=True)
class Geometry:
    """Where normal texts' states lie after each layer.

    Per layer a mean, the leading principal directions with shrunk variances, and one variance
    for all other directions: Mahalanobis distance with a covariance that can be inverted
    however few texts there are.

    Parameters
    ----------
    means : (n_layers, hidden) float32
    directions : (n_layers, n_components, hidden) float32
        Orthonormal rows.
    variances : (n_layers, n_components) float32
    rests : (n_layers,) float32
        Variance per remaining direction.
    points : (n_layers, n_texts, n_components) float32
        The training texts in whitened coordinates, scaled to unit length.

    Source: layer-wise Mahalanobis distance for text, Darrin et al., arXiv 2302.09852.
    """

    means: Array
    directions: Array
    variances: Array
    rests: Array
    points: Array

    @classmethod
    def fit(cls, trajectory: Array) -> Self:
        """Fit on `trajectory`, (n_texts, n_layers + 1, hidden); the embedding is left out."""
        layers = [_fit_layer(trajectory[:, depth]) for depth in range(1, trajectory.shape[1])]
        # Contiguous: a product's last bits depend on how its factors lie in memory, and a
        # detector that is loaded again must score as it did.
        parts = (np.stack(part) for part in zip(*layers, strict=True))
        return cls(*(np.ascontiguousarray(part, np.float32) for part in parts))

    def distances(self, trajectory: Array) -> FeatureTable:
        """Return log Mahalanobis and cosine kNN distances per layer.

        Parameters
        ----------
        trajectory : (n_texts, n_layers + 1, hidden) float32
        """
        n_layers = len(self.means)
        mahalanobis = np.empty((len(trajectory), n_layers), np.float32)
        nearest = np.empty_like(mahalanobis)
        for layer in range(n_layers):
            centred = trajectory[:, layer + 1] - self.means[layer]
            kept = product(centred, self.directions[layer])
            rest = np.maximum(np.square(centred).sum(1) - np.square(kept).sum(1), 0)
            white = kept / np.sqrt(self.variances[layer])
            squared = np.square(white).sum(1) + rest / self.rests[layer]
            mahalanobis[:, layer] = np.log(np.maximum(squared, 1e-12))
            similarity = product(_unit(white), self.points[layer])
            n_nearest = min(_N_NEAREST, similarity.shape[1])
            nearest[:, layer] = 1 - np.sort(similarity, axis=1)[:, -n_nearest:].mean(1)
        return FeatureTable.beside(
            [
                FeatureTable(mahalanobis, by_layer("distance", n_layers, "mahalanobis")),
                FeatureTable(nearest, by_layer("distance", n_layers, "knn")),
            ]
        )


def _fit_layer(states: Array) -> tuple[Any, ...]:
    n_texts, hidden = states.shape
    mean = states.mean(0)
    n_components = max(1, min(_MAX_COMPONENTS, n_texts // 2, hidden - 1))
    kept, directions, total = _principal(states - mean, n_components)
    floor = max(float(kept[0]) * 1e-9, 1e-12)  # identical texts have no variance at all
    rest = max((total - float(kept.sum())) / (hidden - n_components), floor)
    shrunk = (1 - _SHRINKAGE) * kept + _SHRINKAGE * kept.mean() + floor
    points = _unit((states - mean) @ directions.T / np.sqrt(shrunk))
    return mean, directions, shrunk, np.float32(rest), points


def _principal(centred: Array, n_components: int) -> tuple[Array, Array, float]:
    """Return leading variances, their directions (rows), and the variance in all.

    Through the smaller of the two Gram matrices: several times faster than an SVD, and the
    leading components, which are all that is kept, are as good in float64.
    """
    exact = centred.astype(np.float64)
    n_texts, hidden = exact.shape
    is_wide = n_texts < hidden
    gram = (exact @ exact.T if is_wide else exact.T @ exact) / n_texts
    size = len(gram)
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=(size - n_components, size - 1))
    variances, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    directions = (exact.T @ vectors if is_wide else vectors).T
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    directions = directions / np.maximum(lengths, 1e-12)
    return variances.astype(np.float32), directions.astype(np.float32), float(np.trace(gram))


@torch.no_grad()
def product(rows: Array, matrix: Array) -> Array:
    """Return ``rows @ matrix.T`` with every row's last bits the same in any company."""
    # A copy where a memory map or a slice is read-only or strided, which torch would not take.
    weight = torch.from_numpy(np.require(matrix, np.float32, ["C", "W"]))
    left = torch.from_numpy(np.require(rows, np.float32, ["C", "W"]))
    (product,) = by_blocks(
        lambda block: (torch.nn.functional.linear(block, weight),), left, counts=(_BLOCK,)
    )
    return product.numpy()


def _unit(rows: Array) -> Array:
    unit: Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


@dataclass(frozen=True)
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
