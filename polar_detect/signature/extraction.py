"""Texts → signatures: what the models do with a text, and how that compares with normal texts."""

from collections.abc import Sequence

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array
from polar_detect.features.named import (
    FAR_SIMILARITY,
    FLUENCY,
    LOCAL_SIMILARITY,
    MEMORY_LOSS,
    MEMORY_RATIO,
    SIMILARITY,
)
from polar_detect.features.table import Feature, FeatureTable, by_layer
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import MinimalProgram, counted, find_minimal_programs
from polar_detect.progress import Advance, Tracker, untold
from polar_detect.search import quick
from polar_detect.signature.normal.neighbours import Neighbours, contexts
from polar_detect.signature.normal.reference import N_NEIGHBOURS, Reference
from polar_detect.signature.program_features import program_features
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.spill import Spill
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.texts.distinct import distinct_texts

# Two neighbours as context cost half of four; the nearest one brings most of the gain.
_N_CONTEXT = 2
_CONTEXT_TOKENS = 32


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

    def configured(self, tracer: Tracer, encoder: Encoder, *, wants_context: bool) -> "Extractor":
        """Return the like with another tracer and encoder; subclasses return their own kind."""
        return Extractor(tracer, encoder, wants_context=wants_context)

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what the models do with each text on its own."""
        return Readings(tuple(texts), self.tracer.trace(texts), self.encoder.read(texts))

    def read_all(
        self, texts: Sequence[str], *, stage: str, tracker: Tracker, spill: Spill | None = None
    ) -> Readings:
        """Return the same chunk by chunk, as a stage of a long run; each distinct text once.

        `spill` says how many states of tokens stay in memory; by default these texts have its
        share to themselves.
        """
        distinct, places = distinct_texts(texts)
        chunks, keeper = tracker.chunks(stage, len(distinct)), spill or Spill()
        parts = [self.read([distinct[i] for i in chunk]).kept_by(keeper) for chunk in chunks]
        readings = Readings.below(parts)
        return readings if len(distinct) == len(texts) else readings.rows(places)

    def signatures(
        self,
        readings: Readings,
        reference: Reference,
        *,
        banned: BoolArray | None = None,
        left_out: BoolArray | None = None,
        distances: FeatureTable | None = None,
    ) -> FeatureTable:
        """Return the signatures of texts against a reference, without their programs.

        Parameters
        ----------
        readings : Readings
        reference : Reference
        banned : (n_texts, n_reference) bool, optional
            Reference texts that a text must not meet: itself, or its own cluster.
        left_out : (n_texts, n_reference) bool, optional
            Rows that are left out where rows that say the same are counted. Default: `banned`.
        distances : FeatureTable, optional
            As `Reference.distances`, but of normal texts that leave such texts out.
        """
        neighbours, local = reference.neighbours(readings.embeddings, banned=banned)
        tables = [
            readings.traces.table(),
            reference.distances(readings) if distances is None else distances,
            self._novelty(readings, reference, banned),
            FeatureTable.of({FLUENCY: self.encoder.characters_per_token(readings.texts)}),
            _similarity(neighbours, local),
        ]
        if self.wants_context:
            tables.append(self.context(readings, neighbours, reference.texts))
        fitted = slice(reference.n_fitted)
        unmet, uncounted = (None if own is None else own[:, fitted] for own in (banned, left_out))
        tables += reference.of_columns(readings.texts, banned=unmet, left_out=uncounted)
        left_out = unmet if uncounted is None else uncounted
        tables += reference.of_sequences(readings.texts, left_out=left_out)
        if reference.filing is not None:
            embed = self.encoder.embed
            tables.append(reference.filing.features(readings.texts, embed, left_out=left_out))
        return FeatureTable.beside(tables)

    def menu(self, texts: Sequence[str], *, tolerance: float, advance: Advance = untold) -> Menu:
        """Return short programs that searches of the texts found."""
        rows = self.tracer.tokenize(texts)
        return Menu.fit(self.tracer.executor, rows, tolerance=tolerance, advance=advance)

    def minimal_programs(
        self,
        readings: Readings,
        menu: Menu,
        *,
        tolerance: float,
        wants_curves: bool = False,
        advance: Advance = untold,
    ) -> list[MinimalProgram]:
        """Return the shortest program of `menu` that is valid for each text that was read.

        Signatures that hold programs want their curves.
        """
        tracer = self.tracer
        return menu.minimal_programs(
            tracer.executor,
            tracer.tokenize(readings.texts),
            tolerance=tolerance,
            full=readings.traces.full_losses,
            wants_curves=wants_curves,
            advance=advance,
        )

    def searched_programs(
        self, readings: Readings, *, tolerance: float, advance: Advance = untold
    ) -> list[MinimalProgram]:
        """Return the program that a search for each text found, as `polar-detect search` does."""
        return find_minimal_programs(
            self.tracer.executor,
            self.tracer.tokenize(readings.texts),
            tolerance=tolerance,
            search=counted(quick, advance),
            verification="shorter",
        )

    def with_programs(
        self, table: FeatureTable, programs: Sequence[MinimalProgram]
    ) -> FeatureTable:
        """Return signatures with the minimal programs of their texts beside them."""
        n_layers = self.tracer.backbone.n_layers
        return FeatureTable.beside([table, program_features(programs, n_layers)])

    def _novelty(
        self, readings: Readings, reference: Reference, banned: BoolArray | None
    ) -> FeatureTable:
        """Return distances to normal tokens, and the loss with their memory.

        The memory's gain is the context gain of a model that has all normal texts in view:
        normal texts get cheaper by what followed the nearest normal tokens, strangers do not.
        """
        own, other = reference.novelty(readings, banned=banned)
        loss, memory_loss = readings.traces.kept_loss, own.memory_loss
        memory = {
            MEMORY_LOSS: memory_loss,
            Feature("memory", "gain"): loss - memory_loss,
            MEMORY_RATIO: memory_loss / np.maximum(loss, 1e-3),
            Feature("memory", "share"): own.memory_share,
        }
        layers = [depth - 1 for depth in self.tracer.token_depths]
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
                FeatureTable.of(memory),
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
        return FeatureTable.beside([FeatureTable.of(whole), curve])


def _similarity(neighbours: Neighbours, local: Float32Array | None) -> FeatureTable:
    """Return similarities to the nearest training text, to the few nearest, and to more of them.

    And, where it is known, to the few nearest for how close those stand.
    """
    every = neighbours.similarity
    few = every[:, :N_NEIGHBOURS]
    found = {
        Feature("neighbours", "similarity_first"): every[:, 0],
        SIMILARITY: few.mean(1),
        FAR_SIMILARITY: every.mean(1),
    }
    if local is not None:
        found[LOCAL_SIMILARITY] = local
    return FeatureTable.of(found)
