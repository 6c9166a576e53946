"""What `PolarDetector.fit` leaves behind, with models and without."""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from polar_detect.arrays import BoolArray, Float32Array, Float64Array
from polar_detect.detectors import Head
from polar_detect.drift import Company, Drift, FeatureStatistics, measure_drift
from polar_detect.errors import counted
from polar_detect.features.table import FeatureTable
from polar_detect.pipeline.passage_scale import PassageScale
from polar_detect.pipeline.settings import Settings
from polar_detect.signature.columns.mistake import Mistake
from polar_detect.signature.columns.new_cells import KnownValues
from polar_detect.signature.columns.reach import Reach
from polar_detect.signature.digits import LastDigits
from polar_detect.signature.flat_runs import UsualRuns
from polar_detect.signature.found_fine import FoundFine
from polar_detect.signature.known_anomalies import KnownAnomalies, KnownAnomaly
from polar_detect.signature.marks.known_words import KnownWords
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.signature.repeats import Repeats

if TYPE_CHECKING:
    from polar_detect.pipeline.training import ByLabel
    from polar_detect.signature.normal.reference import Reference
    from polar_detect.signature.normal_programs import NormalPrograms, ProgramPlan


@dataclass(frozen=True, eq=False)
class AsNew:
    """Scores that texts which a detector was fitted on would have if they came as new ones.

    Parameters
    ----------
    reviewed : (n_reviewed,) float64
        Normal texts that were looked at because they were strange.
    labelled : (n_anomalous,) float64, or None
        Labelled anomalies; None where they are passages of texts, which taught by these alone.
    """

    reviewed: Float64Array
    labelled: Float64Array | None


@dataclass(frozen=True, eq=False)
class Fitted:
    """What fitting leaves behind; everything that scoring needs but the models.

    Parameters
    ----------
    head : Head
    reference : Reference or RowReference
        The latter where no model reads the texts.
    programs : NormalPrograms or ProgramPlan or None
        What is usual, or how to find it out; None where no model reads the texts.
    calibration_scores : (n_calibration,) float64
        Scores of held-out normal texts.
    scores_as_new : (n_calibration,) float64
        Scores that they would have as new ones, which batches as a whole are held against; others
        than those only where each row is held out by itself and some have copies.
    statistics : FeatureStatistics
        Of the signatures that they would have as new ones.
    company : Company
        How they hang together with those near them in time.
    n_anomalous : int
        Labelled anomalous texts with tokens that fit was given.
    created : str
        ISO date and time.
    fingerprint : str
        SHA-256 over the texts and labels.
    settings : Settings
        That all of this was fitted with, whatever the detector is set to since.
    known : KnownAnomalies, optional
        The labelled anomalous texts; None where there were none, or an earlier version kept none.
    fine : FoundFine, optional
        Reviewed normal texts that are strange; None where there are few, or an earlier version
        kept none.
    given : ByLabel, optional
        What it was fitted on; None where texts are not kept, or an earlier version kept only what
        scores need.
    as_new : AsNew, optional
        None where it was loaded: nothing but a summary of an update asks for them.
    passages : PassageScale, optional
        Where texts are read in passages, which are then what `reference` and `programs` are of.
    n_whole : int
        Texts that those of the reference are of; 0 where these are whole.
    repeats : Repeats, optional
        What tells texts that repeat a normal one; None where normal ones repeat each other, texts
        are not kept, or an earlier version did not ask.
    """

    head: Head
    reference: "Reference | RowReference"
    programs: "NormalPrograms | ProgramPlan | None"
    calibration_scores: Float64Array
    scores_as_new: Float64Array
    statistics: FeatureStatistics
    company: Company
    n_anomalous: int
    created: str
    fingerprint: str
    settings: Settings
    known: KnownAnomalies | None = None
    fine: FoundFine | None = None
    given: "ByLabel | None" = None
    as_new: AsNew | None = None
    passages: PassageScale | None = None
    n_whole: int = 0
    repeats: Repeats | None = None

    def __repr__(self) -> str:
        """Return what it was fitted on, without the texts: a notebook would keep them otherwise."""
        noun = "normal text" if self.settings.rows is None else "normal row"
        n = self.n_whole or len(self.reference)
        said = f"{counted(n, noun)}, {self.n_anomalous} labelled anomalous"
        return f"Fitted({self.head.name}, {said}, created={self.created!r})"

    def drift_of(self, scores: Float64Array, batch: FeatureTable | None = None) -> Drift:
        """Return how a batch as a whole differs from the held-out normal texts.

        By its scores, and by its signatures where they are given; see `measure_drift`.
        """
        return measure_drift(
            self.scores_as_new, scores, normal=self.statistics, batch=batch, company=self.company
        )

    def nearest_known(
        self,
        table: FeatureTable,
        is_scored: BoolArray,
        embeddings: Float32Array | None = None,
    ) -> list[KnownAnomaly | None]:
        """Return the nearest labelled anomaly to each text that is scored; [] where none is kept.

        Parameters
        ----------
        table : FeatureTable
            Signatures of those texts.
        is_scored : (n_texts,) bool
        embeddings : (n_scored, hidden) float32, optional
            Where models read them.
        """
        if self.known is None:
            return []
        found = iter(self.known.nearest(table, embeddings))
        return [next(found) if is_own else None for is_own in is_scored.tolist()]

    def n_like_fine(
        self,
        table: FeatureTable,
        known: Sequence[KnownAnomaly | None],
        is_scored: BoolArray,
        embeddings: Float32Array | None = None,
    ) -> list[int]:
        """Return how many texts that were found fine each text is like; [] where none is kept.

        `known` as `nearest_known` returns it for the same texts.
        """
        if self.fine is None:
            return []
        nearest = [own for own in known if own is not None]
        found = iter(self.fine.counts(table, embeddings, nearest))
        return [next(found) if is_own else 0 for is_own in is_scored.tolist()]

    @property
    def normal_texts(self) -> tuple[str, ...]:
        """The texts that it was fitted on, as far as they are kept."""
        if self.passages is None:
            return tuple(self.reference.texts)
        return () if self.given is None else tuple(self.given.normal)

    @property
    def text_reference(self) -> "Reference":
        """The reference of a detector that reads texts."""
        assert not isinstance(self.reference, RowReference)
        return self.reference

    @property
    def row_reference(self) -> RowReference:
        """The reference of a detector that goes by columns."""
        assert isinstance(self.reference, RowReference)
        return self.reference

    @cached_property
    def known_values(self) -> KnownValues | None:
        """What the columns of words of the normal rows say; None where texts are no rows.

        Nothing where some of the normal rows are not known any more: the held-out ones,
        unless they joined the others, or all of a detector that keeps no texts.
        """
        rows, reference = self.settings.rows, self.reference
        knows_all = isinstance(reference, RowReference) or reference.n_joined
        known = reference.texts if knows_all else ()
        return None if rows is None else KnownValues.of(rows, known)

    @cached_property
    def digits(self) -> LastDigits | None:
        """How round the numbers of normal rows are; None where rows say too little of that."""
        are_normal = not self.settings.contamination
        return LastDigits.of(self.settings.rows, self.normal_texts, are_normal=are_normal)

    @cached_property
    def usual_runs(self) -> UsualRuns | None:
        """How long numbers stay the same from normal row to row; None where rows have none."""
        return UsualRuns.of(self.settings.rows, self.normal_texts)

    def asking_for_repeats(self) -> Self:
        """Return the same with what is known of normal texts that repeat each other."""
        return replace(self, repeats=Repeats.of(self.normal_texts, self.settings.rows))

    def with_repeats_from(self, limit: float) -> Self:
        """Return the same for a limit that was found when it was fitted."""
        own = Repeats.since(limit, self.normal_texts, self.settings.rows)
        return replace(self, repeats=own)

    @property
    def repeats_from(self) -> float | None:
        """Share of what a text says from which it repeats a normal one; None where none is told."""
        return None if self.repeats is None else self.repeats.limit

    @cached_property
    def reach(self) -> Reach | None:
        """Between which numbers normal rows lie; None where models read them, or there are none."""
        own = self.reference
        if not isinstance(own, RowReference) or own.numbers is None:
            return None
        return Reach.of(own.numbers, own.texts)

    def mistakes(self, texts: Sequence[str]) -> list[tuple[Mistake, ...]]:
        """Return what seems to have gone wrong in each row; nothing where none has numbers."""
        return self.reference.mistakes(texts, self.known_values)

    @cached_property
    def known_words(self) -> KnownWords | None:
        """The words of the normal texts; None for rows, and where not all of them are known."""
        reference = self.reference
        if self.settings.rows is not None or isinstance(reference, RowReference):
            return None
        known = self.normal_texts
        return KnownWords.of(known) if known and reference.n_joined else None


def moment() -> str:
    """Return the ISO date and time of now."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def fingerprint_of(normal: Sequence[str], anomalous: Sequence[str]) -> str:
    """Return the SHA-256 over texts and labels, in whatever order the texts are."""
    digest = hashlib.sha256()
    for label, texts in ((b"0", sorted(normal)), (b"1", sorted(anomalous))):
        for text in texts:
            digest.update(label + text.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
