"""What each layer adds to a text's pooled states, against what it adds to those of normal texts.

Hides how a covariance is estimated from few texts, and how a text is left out of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polar_detect.arrays import Float32Array, IndexArray, IntArray
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.numerics.blas import one_thread
from polar_detect.numerics.blocks import product
from polar_detect.numerics.lanes import spread
from polar_detect.signature.reading.readings import Readings

_Found = TypeVar("_Found")

_N_LAYERS = 8  # at most; neighbouring layers tell much the same
_MAX_TEXTS = 4096  # a covariance gets no better from more
_MIN_SCALE = 1e-6  # states that are the same in all texts


@dataclass(frozen=True, eq=False)
class Covariances:
    """Mean and covariance of normal points at several depths.

    Coordinates are scaled to unit variance first, because a few of a language model's are a
    hundred times larger than the others; then the covariance is shrunk towards the identity.
    Source: Ledoit and Wolf, A well-conditioned estimator, 2004.

    Parameters
    ----------
    centres, scales : (n_depths, hidden) float32
    whiteners : (n_depths, hidden, hidden) float32
        Lower triangular; the squared length of what they make of a scaled point is its squared
        Mahalanobis distance.
    """

    centres: Float32Array
    scales: Float32Array
    whiteners: Float32Array

    @classmethod
    def fit(cls, points: Float32Array) -> Self:
        """Fit on normal texts, (n_texts, n_depths, hidden), of which the first 4,096 count."""

        def at_depth(depth: int) -> tuple[Float32Array, Float32Array, Float32Array]:
            own = _Scaled.fit(points[:_MAX_TEXTS, depth])
            return own.centre, own.scale, _whitener(own)

        return cls(*map(np.stack, zip(*_at_depths(at_depth, points.shape[1]), strict=True)))

    def distances(self, points: Float32Array) -> Float32Array:
        """Return log squared Mahalanobis distances, (n_texts, n_depths) float32.

        Parameters
        ----------
        points : (n_texts, n_depths, hidden) float32
        """
        squares = [np.square(own).sum(1) for own in self._whitened(points)]
        return _log(np.stack(squares, axis=1))

    def whitened(self, points: Float32Array) -> Float32Array:
        """Return points in directions in which normal ones spread alike, of the same shape."""
        return np.stack([*self._whitened(points)], axis=1)

    def _whitened(self, points: Float32Array) -> Iterator[Float32Array]:
        """Yield the same of each depth, (n_texts, hidden)."""
        for depth, whitener in enumerate(self.whiteners):
            scaled = (points[:, depth] - self.centres[depth]) / self.scales[depth]
            yield product(scaled, whitener)


def distances_without(
    normal: Float32Array, groups: IntArray, points: Float32Array, own_groups: IntArray
) -> Float32Array:
    """Return distances as `Covariances` has them, each from normal texts of other groups only.

    Mean and covariance are those of the other groups; scale and shrinkage, which hardly depend
    on a group, are those of all normal texts.

    Parameters
    ----------
    normal : (n_normal, n_depths, hidden) float32
    groups : (n_normal,) int64
        Where hardly a normal text is outside of a group, all of them are taken.
    points : (n_texts, n_depths, hidden) float32
    own_groups : (n_texts,) int64

    Returns
    -------
    (n_texts, n_depths) float32
    """

    def at_depth(depth: int) -> Float32Array:
        return _without(
            normal[:_MAX_TEXTS, depth], groups[:_MAX_TEXTS], points[:, depth], own_groups
        )

    return np.stack(_at_depths(at_depth, normal.shape[1]), axis=1)


def change_layers(n_layers: int) -> IndexArray:
    """Return the layers whose changes are looked at, the last among them.

    >>> change_layers(6).tolist(), change_layers(30).tolist()
    ([0, 1, 2, 3, 4, 5], [3, 7, 10, 14, 18, 21, 25, 29])
    """
    n_kept = min(n_layers, _N_LAYERS)
    return np.round(np.linspace(n_layers / n_kept, n_layers, n_kept)).astype(np.intp) - 1


class Trajectories(NamedTuple):
    """Pooled states over depth, each (n_texts, n_layers + 1, hidden) float32."""

    decoder: Float32Array
    encoder: Float32Array

    @classmethod
    def of(cls, readings: Readings) -> Self:
        """Return those of texts that were read."""
        return cls(readings.traces.trajectory, readings.encoding.trajectory)

    @property
    def changes(self) -> tuple[Float32Array, Float32Array]:
        """What the chosen layers of both models add, (n_texts, n_chosen, hidden) each."""
        return _changes(self.decoder), _changes(self.encoder)

    def table(self, decoder: Float32Array, encoder: Float32Array) -> FeatureTable:
        """Return distances of both models' changes as named features."""
        own, other = (change_layers(part.shape[1] - 1).tolist() for part in self)
        names = [Feature("change", layer=layer) for layer in own]
        names += [Feature.of_encoder("change", layer) for layer in other]
        return FeatureTable(np.hstack([decoder, encoder]), tuple(names))


@dataclass(frozen=True)
class Changes:
    """What layers add to normal texts, in both models.

    Source: Mahalanobis distance of the differences between layers, LCF, arXiv 2604.24542.
    """

    decoder: Covariances
    encoder: Covariances

    @classmethod
    def fit(cls, trajectories: Trajectories) -> Self:
        """Fit on normal texts."""
        return cls(*map(Covariances.fit, trajectories.changes))

    def features(self, trajectories: Trajectories) -> FeatureTable:
        """Return a distance per chosen layer of each model."""
        own, other = trajectories.changes
        return trajectories.table(self.decoder.distances(own), self.encoder.distances(other))


def features_without(
    normal: Trajectories,
    groups: IntArray,
    own: Trajectories,
    own_groups: IntArray,
) -> FeatureTable:
    """Return the features of texts, each against normal texts of other groups than its own."""
    pairs = zip(normal.changes, own.changes, strict=True)
    return own.table(*(distances_without(a, groups, b, own_groups) for a, b in pairs))


def _at_depths(function: Callable[[int], _Found], n_depths: int) -> list[_Found]:
    """Return what a function finds at each depth, on one thread each.

    BLAS of NumPy, which the shrinkage runs on, would put threads of its own into each of ours.
    """
    with one_thread():
        return spread(function, range(n_depths))


class _Scaled(NamedTuple):
    """The texts at one depth: centred and of unit variance, and how they became so."""

    centre: Float32Array
    scale: Float32Array
    points: Tensor  # (n_texts, hidden) float64
    shrinkage: float

    @classmethod
    def fit(cls, states: Float32Array) -> Self:
        centre = states.mean(0, dtype=np.float64)
        scale = np.maximum(states.std(0, dtype=np.float64), _MIN_SCALE)
        points = (states - centre) / scale
        from sklearn.covariance import ledoit_wolf_shrinkage  # .4 s that scoring need not wait for

        shrinkage = max(float(ledoit_wolf_shrinkage(points, assume_centered=True)), 1e-3)
        as_stored = centre.astype(np.float32), scale.astype(np.float32)
        return cls(*as_stored, torch.from_numpy(points), shrinkage)

    def apply(self, states: Float32Array) -> Tensor:
        """Return other texts on the same scale, (n_texts, hidden) float64."""
        return torch.from_numpy((states.astype(np.float64) - self.centre) / self.scale)


def _whitener(own: _Scaled) -> Float32Array:
    covariance = own.points.T @ own.points / len(own.points)
    factor = _factor(covariance, own.shrinkage)
    identity = torch.eye(len(factor), dtype=factor.dtype)
    whitener: Float32Array = (
        torch.linalg.solve_triangular(factor, identity, upper=False).float().numpy()
    )
    return whitener


def _without(
    normal: Float32Array, groups: IntArray, states: Float32Array, own_groups: IntArray
) -> Float32Array:
    """Return the distances at one depth; see `distances_without`."""
    scaled = _Scaled.fit(normal)
    points = scaled.apply(states)
    whole = scaled.points.T @ scaled.points
    found = np.empty(len(states))
    for group in np.unique(own_groups):
        banned, inside = scaled.points[groups == group], np.flatnonzero(own_groups == group)
        n_others = len(normal) - len(banned)
        if n_others < 2:
            banned, n_others = banned[:0], len(normal)
        # All points together are centred, so the others' mean is minus the group's share.
        centre = -banned.sum(0) / n_others
        covariance = (whole - banned.T @ banned) / n_others - torch.outer(centre, centre)
        factor = _factor(covariance, scaled.shrinkage)
        rows = (points[inside] - centre).T
        white = torch.linalg.solve_triangular(factor, rows, upper=False)
        found[inside] = white.square().sum(0).numpy()
    return _log(found)


def _factor(covariance: Tensor, shrinkage: float) -> Tensor:
    """Return the Cholesky factor of a covariance, shrunk towards the identity."""
    shrunk = (1 - shrinkage) * covariance
    shrunk.diagonal().add_(shrinkage)
    factor: Tensor = torch.linalg.cholesky(shrunk)
    return factor


def _log(squared: NDArray[np.floating]) -> Float32Array:
    logarithm: Float32Array = np.log(np.maximum(squared, 1e-12)).astype(np.float32)
    return logarithm


def _changes(trajectory: Float32Array) -> Float32Array:
    layers = change_layers(trajectory.shape[1] - 1)
    changes: Float32Array = trajectory[:, layers + 1] - trajectory[:, layers]
    return changes
