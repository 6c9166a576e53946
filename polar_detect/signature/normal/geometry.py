"""Where the pooled states of normal texts lie, and how far from there those of others are."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.linalg

from polar_detect.arrays import Float32Array
from polar_detect.features.table import Feature, FeatureTable, by_layer
from polar_detect.numerics.blocks import product
from polar_detect.signature.reading.readings import Readings

_MAX_COMPONENTS = 96
_SHRINKAGE = 0.1  # of the kept variances towards their mean
_N_NEAREST = 5


@dataclass(frozen=True, eq=False)
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

    means: Float32Array
    directions: Float32Array
    variances: Float32Array
    rests: Float32Array
    points: Float32Array

    @classmethod
    def fit(cls, trajectory: Float32Array) -> Self:
        """Fit on `trajectory`, (n_texts, n_layers + 1, hidden); the embedding is left out."""
        layers = [_fit_layer(trajectory[:, depth]) for depth in range(1, trajectory.shape[1])]
        # Contiguous: a product's last bits depend on how its factors lie in memory, and a
        # detector that is loaded again must score as it did.
        parts = (np.stack(part) for part in zip(*layers, strict=True))
        return cls(*(np.ascontiguousarray(part, np.float32) for part in parts))

    def distances(self, trajectory: Float32Array) -> FeatureTable:
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


def _fit_layer(states: Float32Array) -> tuple[Any, ...]:
    n_texts, hidden = states.shape
    mean = states.mean(0)
    n_components = max(1, min(_MAX_COMPONENTS, n_texts // 2, hidden - 1))
    kept, directions, total = _principal(states - mean, n_components)
    floor = max(float(kept[0]) * 1e-9, 1e-12)  # identical texts have no variance at all
    rest = max((total - float(kept.sum())) / (hidden - n_components), floor)
    shrunk: Float32Array = (1 - _SHRINKAGE) * kept + _SHRINKAGE * kept.mean() + floor
    turned: Any = (states - mean) @ directions.T  # numpy 2.5 takes it for float64
    points = _unit(turned / np.sqrt(shrunk))
    return mean, directions, shrunk, np.float32(rest), points


def _principal(
    centred: Float32Array, n_components: int
) -> tuple[Float32Array, Float32Array, float]:
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


def _unit(rows: Float32Array) -> Float32Array:
    lengths: Any = np.linalg.norm(rows, axis=1, keepdims=True)  # numpy 2.5 takes it for float64
    unit: Float32Array = rows / np.maximum(lengths, 1e-12)
    return unit


@dataclass(frozen=True)
class Geometries:
    """Where the pooled states of normal texts lie, in both models."""

    decoder: Geometry
    encoder: Geometry

    @classmethod
    def fit(cls, readings: Readings) -> Self:
        """Fit on the trajectories of normal texts."""
        return cls(
            Geometry.fit(readings.traces.trajectory), Geometry.fit(readings.encoding.trajectory)
        )

    def distances(self, readings: Readings) -> FeatureTable:
        """Return distances per layer of the language model, and of the encoder."""
        encoder = self.encoder.distances(readings.encoding.trajectory)
        parts = tuple(Feature.of_encoder(f.part, f.layer) for f in encoder.features)
        return FeatureTable.beside(
            [
                self.decoder.distances(readings.traces.trajectory),
                FeatureTable(encoder.values, parts),
            ]
        )
