"""Texts → signatures: what the models do with a text, and how that compares with normal texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.encoder import Encoder
from polar_detect.features import Feature, FeatureTable, by_layer
from polar_detect.minimal import MinimalProgram
from polar_detect.reference import Geometry, Neighbours, contexts, nearest
from polar_detect.signature import Array, Tracer, Traces

# Two neighbours cost half of four, which is most of the time of a score; the nearest one
# brings most of the gain.
N_NEIGHBOURS = 2
_CONTEXT_TOKENS = 32


@dataclass(frozen=True)
class Readings:
    """What the models do with each text on its own.

    Parameters
    ----------
    texts : tuple of str
    traces : Traces
    embeddings : (n_texts, encoder hidden) float32
        Unit-length sentence embeddings.
    """

    texts: tuple[str, ...]
    traces: Traces
    embeddings: Array

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return the texts of all parts, one below the other."""
        return cls(
            tuple(text for part in parts for text in part.texts),
            Traces.below([part.traces for part in parts]),
            np.concatenate([part.embeddings for part in parts]),
        )

    def rows(self, index: NDArray[np.intp]) -> Self:
        """Return the given texts."""
        texts = tuple(self.texts[i] for i in index.tolist())
        return type(self)(texts, self.traces.rows(index), self.embeddings[index])


@dataclass(frozen=True)
class Reference:
    """Normal training texts that new texts are held against."""

    texts: tuple[str, ...]
    embeddings: Array
    geometry: Geometry

    @classmethod
    def fit(cls, readings: Readings) -> Self:
        """Keep the texts and their embeddings, fit the geometry of their trajectories."""
        return cls(readings.texts, readings.embeddings, Geometry.fit(readings.traces.trajectory))

    def neighbours(
        self, embeddings: Array, *, banned: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """Return the nearest training texts that are allowed for each embedding."""
        k = min(N_NEIGHBOURS, len(self.texts))
        return nearest(embeddings, self.embeddings, k=k, banned=banned)


class Extractor:
    """Reads texts and compares them with a reference.

    Parameters
    ----------
    tracer : Tracer
    encoder : Encoder
        Retrieves the neighbours that serve as context.
    """

    def __init__(self, tracer: Tracer, encoder: Encoder) -> None:
        self.tracer = tracer
        self.encoder = encoder

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what the models do with each text on its own."""
        return Readings(tuple(texts), self.tracer.trace(texts), self.encoder.embed(texts))

    def context(
        self, readings: Readings, neighbours: Neighbours, reference_texts: Sequence[str]
    ) -> FeatureTable:
        """Return what it does to the loss that normal neighbours stand in front of a text.

        The gain is the loss without minus the loss with context. Normal texts get cheaper
        when their neighbours are in view, strangers do not. The gain curve is the same at
        the read-out of each layer.
        """
        without = readings.traces.exit
        within = self.tracer.context_exit_losses(
            readings.texts,
            contexts(neighbours, reference_texts),
            context_tokens=_CONTEXT_TOKENS,
        )
        gain = without - within
        whole = {
            Feature("context", "loss_without"): without[:, -1],
            Feature("context", "loss_with"): within[:, -1],
            Feature("context", "gain"): gain[:, -1],
            Feature("context", "ratio"): within[:, -1] / np.maximum(without[:, -1], 1e-3),
            Feature("neighbours", "similarity_first"): neighbours.similarity[:, 0],
            Feature("neighbours", "similarity_last"): neighbours.similarity[:, -1],
        }
        # Depth 0 (the embedding) has no layer; the last depth is the gain itself.
        n_layers = gain.shape[1] - 1
        curve = FeatureTable(gain[:, 1:-1], by_layer("context", n_layers - 1, "gain"))
        columns = np.column_stack([np.asarray(v, np.float32) for v in whole.values()])
        return FeatureTable.beside([FeatureTable(columns, tuple(whole)), curve])

    def signatures(self, readings: Readings, reference: Reference) -> FeatureTable:
        """Return the signatures of new texts against a reference, without their programs."""
        neighbours = reference.neighbours(readings.embeddings)
        return FeatureTable.beside(
            [
                readings.traces.table(),
                reference.geometry.distances(readings.traces.trajectory),
                self.context(readings, neighbours, reference.texts),
            ]
        )


def program_features(programs: Sequence[MinimalProgram], n_layers: int) -> FeatureTable:
    """Return minimal programs as features: length, skips, loops, and calls of each layer."""
    counts = np.asarray([p.program.counts(n_layers) for p in programs], np.float32)
    counts = counts.reshape(len(programs), n_layers)
    whole = np.asarray(
        [(len(p.program), p.program.n_skips(n_layers), p.program.n_loops) for p in programs],
        np.float32,
    ).reshape(len(programs), 3)
    names = tuple(Feature("program", part) for part in ("length", "n_skips", "n_loops"))
    return FeatureTable.beside(
        [FeatureTable(whole, names), FeatureTable(counts, by_layer("program", n_layers, "calls"))]
    )
