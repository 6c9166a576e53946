"""Texts → signatures: what the models do with a text, and how that compares with normal texts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.changes import Changes, Trajectories
from polar_detect.encoder import Encoder, Encoding
from polar_detect.features import Feature, FeatureTable, by_layer
from polar_detect.length_curve import length_curve_features
from polar_detect.menu import Menu
from polar_detect.minimal import MinimalProgram, find_minimal_programs
from polar_detect.numbers import ColumnReference
from polar_detect.reference import Geometry, Neighbours, contexts, nearest
from polar_detect.signature import Array, Tracer, Traces
from polar_detect.tokens import Novelty, TokenIndex

if TYPE_CHECKING:
    from polar_detect.tables.rows import RowTemplate

N_NEIGHBOURS = 5
_FAR_SHARE = 0.04  # of the normal texts: the wider of the two scales that new texts are seen at
# Two neighbours as context cost half of four; the nearest one brings most of the gain.
_N_CONTEXT = 2
_CONTEXT_TOKENS = 32


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
    def embeddings(self) -> Array:
        """Unit-length sentence embeddings, (n_texts, encoder hidden)."""
        return self.encoding.embeddings

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

    def rows(self, index: NDArray[np.intp]) -> Self:
        """Return the given texts."""
        texts = tuple(self.texts[i] for i in index.tolist())
        return type(self)(texts, self.traces.rows(index), self.encoding.rows(index))


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


@dataclass(frozen=True)
class Reference:
    """Normal training texts that new texts are held against.

    Parameters
    ----------
    texts : tuple of str
        Empty where they are not kept.
    embeddings : (n_texts, encoder hidden) float32, unit length
    tokens, encoder_tokens : TokenIndex
        Of the language model and of the encoder.
    changes : Changes, optional
        None in detectors that an earlier version saved.
    geometries : Geometries, optional
        None where the detector does not read them.
    columns : ColumnReference, optional
        The numbers of rows that were written out as texts.
    n_joined : int
        So many of the texts, the last, are held-out ones that joined as neighbours; all else was
        fitted on the others.
    contamination : float
        Each text, and each of its tokens, passes over the nearest of the texts, this share of
        all of them: so many may be anomalous.
    n_indexed : int
        So many of the texts that it was fitted on have their tokens among the encoder's.
    """

    texts: tuple[str, ...]
    embeddings: Array
    tokens: TokenIndex
    encoder_tokens: TokenIndex
    changes: Changes | None = None
    geometries: Geometries | None = None
    columns: ColumnReference | None = None
    n_joined: int = 0
    contamination: float = 0
    n_indexed: int = 0

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def n_fitted(self) -> int:
        """Texts that the reference was fitted on."""
        return len(self) - self.n_joined

    @classmethod
    def fit(
        cls,
        readings: Readings,
        *,
        has_geometries: bool = True,
        is_shuffled: bool = False,
        rows: "RowTemplate | None" = None,
        contamination: float = 0,
    ) -> Self:
        """Keep texts, embeddings and tokens; fit what they are compared by.

        Where `is_shuffled`, tokens are kept in another order than that of the texts.
        """
        encoder_tokens = TokenIndex.fit(readings.encoding.tokens, is_shuffled=is_shuffled)
        return cls(
            readings.texts,
            readings.embeddings,
            TokenIndex.fit(readings.traces.tokens, is_shuffled=is_shuffled),
            encoder_tokens,
            Changes.fit(readings.trajectories),
            Geometries.fit(readings) if has_geometries else None,
            None if rows is None else ColumnReference.fit(rows, readings.texts),
            contamination=contamination,
            n_indexed=len(np.unique(encoder_tokens.owners)),
        )

    def widened(self, readings: Readings) -> Self:
        """Return the same reference with more normal texts as neighbours.

        By that a text can only become more similar, and its words less novel. All else is
        compared with what it was fitted on.
        """
        return replace(
            self,
            texts=(*self.texts, *readings.texts),
            embeddings=np.concatenate([self.embeddings, readings.embeddings]),
            encoder_tokens=self.encoder_tokens.widened(
                readings.encoding.tokens, first_owner=len(self)
            ),
            n_joined=self.n_joined + len(readings),
        )

    def distances(self, readings: Readings) -> FeatureTable:
        """Return how far the pooled states of texts are from those of normal texts."""
        tables = [] if self.geometries is None else [self.geometries.distances(readings)]
        if self.changes is not None:
            tables.append(self.changes.features(readings.trajectories))
        return FeatureTable.beside(tables)

    def without_texts(self) -> Self:
        """Return the same reference without the texts, and without what tells tokens by text."""
        return replace(
            self,
            texts=(),
            tokens=self.tokens.without_owners(),
            encoder_tokens=self.encoder_tokens.without_owners(),
        )

    def nearest_texts(self, embeddings: Array) -> list[tuple[str, ...]]:
        """Return the nearest training texts of each embedding; none where they are not kept."""
        if not self.texts:
            return [()] * len(embeddings)
        index = nearest(embeddings, self.embeddings, k=N_NEIGHBOURS).index
        return [tuple(self.texts[i] for i in row) for row in index.tolist()]

    def neighbours(
        self, embeddings: Array, *, banned: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """Return the nearest training texts that each embedding may meet, near and far ones."""
        n_skipped = math.ceil(self.contamination * len(self))
        k = _n_far(self.n_fitted)
        return nearest(embeddings, self.embeddings, k=k, banned=banned, n_skipped=n_skipped)

    def novelty(
        self, readings: Readings, *, banned: NDArray[np.bool_] | None = None
    ) -> tuple[Novelty, Novelty]:
        """Return how novel the tokens of texts are, to the language model and to the encoder."""
        skipped = self.contamination
        decoder = self.tokens.novelty(readings.traces.tokens, banned=banned, skipped=skipped)
        encoder = self.encoder_tokens.novelty(
            readings.encoding.tokens, banned=banned, skipped=skipped, n_far=_n_far(self.n_indexed)
        )
        return decoder, encoder


class Extractor:
    """Reads texts and compares them with a reference.

    Parameters
    ----------
    tracer : Tracer
    encoder : Encoder
    wants_context : bool
        Whether signatures include what neighbours in front of a text do to its loss.
    """

    def __init__(self, tracer: Tracer, encoder: Encoder, *, wants_context: bool = True) -> None:
        self.tracer = tracer
        self.encoder = encoder
        self.wants_context = wants_context

    def configured(self, tracer: Tracer, *, wants_context: bool) -> "Extractor":
        """Return the same encoder with another tracer; subclasses return their own kind."""
        return Extractor(tracer, self.encoder, wants_context=wants_context)

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what the models do with each text on its own."""
        return Readings(tuple(texts), self.tracer.trace(texts), self.encoder.read(texts))

    def signatures(
        self,
        readings: Readings,
        reference: Reference,
        *,
        banned: NDArray[np.bool_] | None = None,
        distances: FeatureTable | None = None,
    ) -> FeatureTable:
        """Return the signatures of texts against a reference, without their programs.

        Parameters
        ----------
        readings : Readings
        reference : Reference
        banned : (n_texts, n_reference) bool, optional
            Reference texts that a text must not meet: itself, or its own cluster.
        distances : FeatureTable, optional
            As `Reference.distances`, but of normal texts that leave such texts out.
        """
        neighbours = reference.neighbours(readings.embeddings, banned=banned)
        tables = [
            readings.traces.table(),
            distances or reference.distances(readings),
            self._novelty(readings, reference, banned),
            self._fluency(readings),
            _similarity(neighbours),
        ]
        if self.wants_context:
            tables.append(self.context(readings, neighbours, reference.texts))
        if reference.columns is not None:
            own = None if banned is None else banned[:, : reference.n_fitted]
            tables.append(reference.columns.features(readings.texts, banned=own))
        return FeatureTable.beside(tables)

    def minimal_programs(
        self, readings: Readings, menu: Menu, *, tolerance: float
    ) -> list[MinimalProgram]:
        """Return the shortest program of `menu` that is valid for each text that was read."""
        tracer = self.tracer
        return menu.minimal_programs(
            tracer.executor,
            tracer.tokenize(readings.texts),
            tolerance=tolerance,
            full_losses=readings.traces.loss.tolist(),
        )

    def searched_programs(self, readings: Readings, *, tolerance: float) -> list[MinimalProgram]:
        """Return the program that a search for each text found: far shorter than a menu's."""
        rows = self.tracer.tokenize(readings.texts)
        return find_minimal_programs(self.tracer.executor, rows, tolerance=tolerance)

    def with_programs(
        self, table: FeatureTable, readings: Readings, menu: Menu, *, tolerance: float
    ) -> FeatureTable:
        """Return signatures with the minimal programs of their texts beside them."""
        found = self.minimal_programs(readings, menu, tolerance=tolerance)
        return FeatureTable.beside([table, program_features(found, self.tracer.backbone.n_layers)])

    def _fluency(self, readings: Readings) -> FeatureTable:
        """Return how well the encoder's vocabulary fits the texts."""
        lengths = self.encoder.characters_per_token(readings.texts)
        return FeatureTable(lengths[:, None], (Feature.of_encoder("characters_per_token"),))

    def _novelty(
        self, readings: Readings, reference: Reference, banned: NDArray[np.bool_] | None
    ) -> FeatureTable:
        """Return distances to normal tokens, and the loss with their memory.

        The memory's gain is the context gain of a model that has all normal texts in view:
        normal texts get cheaper by what followed the nearest normal tokens, strangers do not.
        """
        own, other = reference.novelty(readings, banned=banned)
        loss, memory_loss = readings.traces.loss, own.memory_loss
        memory = {
            Feature("memory", "loss_with"): memory_loss,
            Feature("memory", "gain"): loss - memory_loss,
            Feature("memory", "ratio"): memory_loss / np.maximum(loss, 1e-3),
            Feature("memory", "share"): own.memory_share,
        }
        layers = [depth - 1 for depth in self.tracer.token_depths]
        columns = np.column_stack([np.asarray(v, np.float32) for v in memory.values()])
        depths = self.encoder.token_depths
        return FeatureTable.beside(
            [
                FeatureTable(own.distances, tuple(Feature("tokens", "novelty", n) for n in layers)),
                FeatureTable(
                    np.column_stack([other.distances, other.far]),
                    (
                        *(Feature.of_encoder("novelty", n) for n in depths),
                        Feature.of_encoder("far_novelty", depths[-1]),
                    ),
                ),
                FeatureTable(columns, tuple(memory)),
            ]
        )

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
            contexts(neighbours, reference_texts, n=_N_CONTEXT),
            context_tokens=_CONTEXT_TOKENS,
        )
        gain = without - within
        whole = {
            Feature("context", "loss_without"): without[:, -1],
            Feature("context", "loss_with"): within[:, -1],
            Feature("context", "gain"): gain[:, -1],
            Feature("context", "ratio"): within[:, -1] / np.maximum(without[:, -1], 1e-3),
        }
        # Depth 0 (the embedding) has no layer; the last depth is the gain itself.
        n_layers = gain.shape[1] - 1
        curve = FeatureTable(gain[:, 1:-1], by_layer("context", n_layers - 1, "gain"))
        columns = np.column_stack([np.asarray(v, np.float32) for v in whole.values()])
        return FeatureTable.beside([FeatureTable(columns, tuple(whole)), curve])


def _similarity(neighbours: Neighbours) -> FeatureTable:
    """Return similarities to the nearest training text, to the few nearest, and to more of them."""
    every = neighbours.similarity
    columns = np.column_stack([every[:, 0], every[:, :N_NEIGHBOURS].mean(1), every.mean(1)])
    names = tuple(Feature("neighbours", f"similarity_{part}") for part in ("first", "mean", "far"))
    return FeatureTable(columns.astype(np.float32), names)


def _n_far(n_texts: int) -> int:
    """Return how many of so many normal texts are asked at the wider scale."""
    return max(N_NEIGHBOURS, round(_FAR_SHARE * n_texts))


def program_features(programs: Sequence[MinimalProgram], n_layers: int) -> FeatureTable:
    """Return minimal programs as features: length, skips, loops, calls of each layer, curve."""
    counts = np.asarray([p.program.counts(n_layers) for p in programs], np.float32)
    counts = counts.reshape(len(programs), n_layers)
    whole = np.asarray(
        [(len(p.program), p.program.n_skips(n_layers), p.program.n_loops) for p in programs],
        np.float32,
    ).reshape(len(programs), 3)
    names = tuple(Feature("program", part) for part in ("length", "n_skips", "n_loops"))
    calls = FeatureTable(counts, by_layer("program", n_layers, "calls"))
    curves = length_curve_features([p.curve for p in programs], n_layers)
    return FeatureTable.beside([FeatureTable(whole, names), calls, curves])
