"""What `PolarDetector.fit` does: texts → reference, programs, head, calibration scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import BoolArray, Float32Array, Float64Array, IndexArray, IntArray
from polar_detect.calibration import n_held_out, p_values_or_nan
from polar_detect.detectors import Head, TrainingSignatures
from polar_detect.drift import Company, FeatureStatistics
from polar_detect.features.table import FeatureTable
from polar_detect.pipeline.fitted import AsNew, Fitted, fingerprint_of, moment
from polar_detect.pipeline.outliers import corrupted, crossed, topic_clusters
from polar_detect.pipeline.passage_scale import PassageScale
from polar_detect.pipeline.settings import Settings
from polar_detect.pipeline.standing import Standing, points_of
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import MinimalProgram
from polar_detect.progress import Tracker
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.found_fine import FoundFine
from polar_detect.signature.known_anomalies import (
    Deviations,
    KnownAnomalies,
    Labelled,
    is_compared,
)
from polar_detect.signature.labelled.likeness import KeptOut, Likeness, Seen, can_teach
from polar_detect.signature.leave_one_out import LeaveOneOutReference
from polar_detect.signature.normal.changes import Covariances
from polar_detect.signature.normal.filing import Filing
from polar_detect.signature.normal.reference import Reference
from polar_detect.signature.normal.sequences import Sequences
from polar_detect.signature.normal_programs import NormalPrograms, ProgramPlan
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.spill import Spill
from polar_detect.signature.reading.tracer import Tracer
from polar_detect.statistics.dependence import Order
from polar_detect.texts.distinct import distinct_texts
from polar_detect.texts.moments import as_read
from polar_detect.texts.passages import InPassages

_N_FOLDS = 4
# The largest share of the texts that teach which one text and its copies may be, where at least so
# many others teach.
_MOST_OF_ONE, _MIN_OTHERS = 0.25, 20
_MAX_STRANGERS = 1000
_MOST_PASSAGES = 2000  # to hold others against: more would hardly tell more, and take their time
_MAX_STRANGERS_WITH_CONTEXT = 200  # context is most of what a signature costs


@dataclass(frozen=True, eq=False)
class Parted:
    """Normal texts in two parts.

    Parameters
    ----------
    train : list of str
    held_out : list of str
        To turn scores into p-values.
    places : (n_train + n_held_out,) int64
        Where they stood before, training texts first.
    standing : Standing
        Of the texts as they stood before.
    n_reviewed : int
        The last so many of `train` were looked at because they were strange.
    whole : WholeTexts, optional
        Where they are passages of longer ones.
    """

    train: list[str]
    held_out: list[str]
    places: IndexArray
    standing: Standing
    n_reviewed: int = 0
    whole: "WholeTexts | None" = None

    @classmethod
    def at_random(
        cls,
        normal: Sequence[str],
        *,
        seed: int,
        standing: Standing | None = None,
        is_reviewed: BoolArray | None = None,
    ) -> Self:
        """Hold texts out at random, none of them that was looked at because it was strange."""
        reviewed = np.zeros(len(normal), bool) if is_reviewed is None else is_reviewed
        usual, chosen = np.flatnonzero(~reviewed), np.flatnonzero(reviewed)
        drawn = usual[np.random.default_rng(seed).permutation(len(usual))]
        n = n_held_out(len(usual))
        train, held_out = np.append(drawn[n:], chosen), drawn[:n]
        return cls(
            [normal[i] for i in train.tolist()],
            [normal[i] for i in held_out.tolist()],
            np.append(train, held_out),
            standing or Standing(),
            len(chosen),
        )

    def in_passages(self, tracer: Tracer, *, seed: int) -> "Parted":
        """Return the passages of these texts; those of one text hang together.

        Of very many training passages some are drawn at random, beside those of reviewed texts.
        """
        train, held_out = (_read(InPassages.of(own), tracer) for own in (self.train, self.held_out))
        first_reviewed = train.n_texts - self.n_reviewed
        usual = np.flatnonzero(train.owners < first_reviewed)
        drawn = np.random.default_rng(seed).permutation(usual)[:_MOST_PASSAGES]
        reviewed = np.arange(len(usual), len(train.owners))
        train = train.rows(np.append(np.sort(drawn), reviewed))
        owners = np.append(train.owners, held_out.owners + train.n_texts)
        standing = self.standing.rows(self.places)
        own = np.arange(len(self.places))
        if standing.are_given:
            (own,) = standing.numbers.values()
        return Parted(
            [*train.passages],
            [*held_out.passages],
            np.arange(len(owners)),
            Standing(lots={"texts": own[owners].astype(str).astype(object)}, are_given=True),
            len(reviewed),
            WholeTexts(
                held_out.owners,
                held_out.n_texts,
                train.owners[len(drawn) :] - first_reviewed,
                self.n_reviewed,
                standing.order(len(self.places)),
            ),
        )

    def order_by(self, embeddings: Float32Array, numbers: NumberReference | None = None) -> Order:
        """Return which texts, training texts first, hang together.

        By their embeddings, (n_texts, hidden), and by the numbers of rows.
        """
        points: list[NDArray[np.floating]] = [embeddings]
        if numbers is not None:
            points.append(points_of(numbers, [*self.train, *self.held_out]))
        before = np.argsort(self.places)
        order = self.standing.order(len(embeddings), *(own[before] for own in points))
        return order.rows(self.places)


@dataclass(frozen=True, eq=False)
class WholeTexts:
    """Which texts held-out and reviewed passages are of.

    Parameters
    ----------
    held_out : (n_held_out,) int64
        Of each held-out passage the place of its text among the held-out ones.
    n_held_out : int
        Held-out texts.
    reviewed : (n_reviewed,) int64
        The same of passages of reviewed texts.
    n_reviewed : int
    order : Order
        Of the texts, training texts first.
    """

    held_out: IndexArray
    n_held_out: int
    reviewed: IndexArray
    n_reviewed: int
    order: Order


def _read(texts: InPassages, tracer: Tracer) -> InPassages:
    """Return passages as models read them, without those of no token."""
    seen = replace(texts, passages=as_read(texts.passages))
    return seen.rows(np.flatnonzero([len(own) > 0 for own in tracer.tokenize(seen.passages)]))


class Fitting:
    """The steps of `PolarDetector.fit`.

    Parameters
    ----------
    extractor : Extractor
    head : Head
        To be fitted; it says what is needed of the texts.
    tracker : Tracker
    settings : Settings
    """

    def __init__(
        self, extractor: Extractor, head: Head, tracker: Tracker, settings: Settings
    ) -> None:
        self.extractor = extractor
        self.head = head
        self.tracker = tracker
        self.settings = settings
        self._spill = Spill()

    def run(self, parts: "Parted", anomalous: Labelled) -> Fitted:
        """Fit on training texts, calibrate on held-out ones; `anomalous` only show strangers.

        All of them are texts with tokens.
        """
        head, settings = self.head, self.settings
        readings = self.read("read training texts", parts.train)
        calibration_readings = self.read("read held-out texts", parts.held_out)
        shown, labelled = anomalous, None
        if len(anomalous):
            labelled = self.read_all(anomalous.texts, stage="read labelled anomalies")
            told = np.flatnonzero(labelled.has_tokens)
            shown, labelled = anomalous.rows(told), labelled.rows(told)
        reference = self.reference(readings, labelled)
        if head.is_monotone:
            reference = reference.widened(calibration_readings)
        programs = self.programs(readings.texts, calibration_readings)
        menu = programs.menu if isinstance(programs, NormalPrograms) else None
        order = parts.order_by(
            np.vstack([readings.embeddings, calibration_readings.embeddings]), reference.numbers
        )
        teaching = Teaching(self, readings, reference, menu, labelled, order, parts.n_reviewed)
        taught = teaching.signatures()
        head.fit(taught, seed=settings.seed)
        held_out_table = teaching.held_out(calibration_readings)
        scores = head.scores(held_out_table)
        reviewed = teaching.reviewed() if teaching.n_reviewed else None
        scale, whole = None, parts.whole
        if whole is not None:  # whose strangest passages stand for them
            scale = PassageScale.fit(scores)
            found = scale.whole(scores, whole.held_out, whole.n_held_out)
            scores, order = found.scores, whole.order
            held_out_table = held_out_table.rows(found.strangest)
            calibration_readings = calibration_readings.rows(found.strangest)
        as_new, shown_reviewed = self._as_new(reviewed, taught.labelled, scale, whole)
        p_values = p_values_or_nan(scores, as_new.reviewed)
        own_order = order.rows(np.arange(len(order) - len(scores), len(order)))
        kept = reference if settings.store_texts else reference.without_texts()
        return Fitted(
            head=head,
            reference=kept.without_layouts(),
            programs=programs,
            calibration_scores=scores,
            scores_as_new=scores,
            statistics=FeatureStatistics.of(held_out_table, own_order),
            company=Company.of(scores, own_order, order),
            n_anomalous=len(anomalous),
            created=moment(),
            fingerprint=fingerprint_of(parts.train + parts.held_out, anomalous.texts),
            settings=settings,
            known=self._known(shown, teaching, calibration_readings, held_out_table),
            fine=teaching.found_fine(
                reviewed, shown_reviewed, p_values, calibration_readings, held_out_table
            ),
            as_new=as_new,
            passages=scale,
            n_whole=0 if whole is None else len(whole.order) - whole.n_held_out,
        )

    def _as_new(
        self,
        reviewed: FeatureTable | None,
        labelled: FeatureTable | None,
        scale: PassageScale | None,
        whole: WholeTexts | None,
    ) -> tuple[AsNew, IndexArray]:
        """Return scores of reviewed texts and of labelled anomalies as if they were new.

        And the places of the former; of texts that are read in passages of the strangest of these.
        """
        none = np.zeros(0)
        own, known = (
            none if table is None else self.head.scores(table) for table in (reviewed, labelled)
        )
        if scale is None or whole is None:
            return AsNew(own, known), np.arange(len(own))
        found = scale.whole(own, whole.reviewed, whole.n_reviewed)
        return AsNew(found.scores, None), found.strangest

    def _known(
        self, anomalous: Labelled, teaching: "Teaching", held_out: Readings, table: FeatureTable
    ) -> KnownAnomalies | None:
        """Return the labelled anomalies; `table` holds the signatures of held-out texts."""
        labelled, reference = teaching.labelled, teaching.reference
        if labelled is None:
            return None
        normal = teaching.covariances
        parts = reference.of_columns(labelled.texts, banned=None, left_out=None)
        own = FeatureTable.beside([FeatureTable.empty(len(labelled)), *parts])
        own = own.chosen(table.where(is_compared).features)
        found = KnownAnomalies.fit(
            anomalous,
            Deviations.of(own, embeddings=labelled.embeddings, normal=normal),
            Deviations.of(table, embeddings=held_out.embeddings, normal=normal),
            normal=normal,
        )
        if found is None or self.settings.store_texts:
            return found
        return found.without_texts()

    def read(self, stage: str, texts: Sequence[str]) -> Readings:
        """Read texts and leave out those without tokens."""
        readings = self.read_all(texts, stage=stage)
        has_tokens = readings.has_tokens
        return readings if has_tokens.all() else readings.rows(np.flatnonzero(has_tokens))

    def read_all(self, texts: Sequence[str], *, stage: str) -> Readings:
        """Read texts, some of which may have no tokens."""
        return self.extractor.read_all(texts, stage=stage, tracker=self.tracker, spill=self._spill)

    def reference(self, readings: Readings, labelled: Readings | None = None) -> Reference:
        """Return what new texts are held against, as far as the head reads it."""
        settings = self.settings
        rows = settings.rows if settings.store_texts else None
        likeness = None
        pair = None if labelled is None else (Seen.of(readings), Seen.of(labelled))
        if pair is not None and can_teach(*pair):
            likeness = Likeness.fit(*pair, rows, seed=settings.seed)
        # Shuffled before anything is compared with it: the order decides between equal tokens.
        reference = Reference.fit(
            readings,
            has_geometries=self.head.needs_distances,
            is_shuffled=not settings.store_texts,
            rows=rows,
            contamination=settings.contamination,
            likeness=likeness,
        )
        if settings.store_texts and not settings.passages:
            reference = replace(reference, sequences=Sequences.fit(readings.texts, rows))
        if rows is None:
            return reference
        return replace(reference, filing=Filing.fit(rows, readings.texts, self._embed))

    def _embed(self, texts: Sequence[str]) -> Float32Array:
        """Return the sentence embeddings of free texts of rows."""
        embed = self.extractor.encoder.embed
        parts = self.tracker.chunks("read free texts", len(texts))
        return np.concatenate([embed([texts[i] for i in part]) for part in parts])

    def programs(self, train: Sequence[str], held_out: Readings) -> NormalPrograms | ProgramPlan:
        """Return programs of normal texts; a plan where the head needs none and texts are kept."""
        own = self.settings
        plan = ProgramPlan.of(train, held_out, tolerance=own.tolerance, seed=own.seed)
        if self.head.needs_programs or not own.store_texts:
            return plan.searched_by(self.extractor, self.tracker)
        return plan


@dataclass(frozen=True, eq=False)
class Teaching:
    """Signatures of texts that a detector is fitted on, as if it had not seen them.

    Parameters
    ----------
    fitting : Fitting
    readings : Readings
        Of the training texts.
    reference : Reference
        Fitted on them.
    menu : Menu, optional
        None where the head reads no programs.
    labelled : Readings, optional
        Of labelled anomalies.
    order : Order, optional
        Of training texts and, behind them, held-out ones; None where it is not known.
    n_reviewed : int
        The last so many of the training texts were looked at because they were strange. Others are
        held against them, but they do not teach what is usual.
    """

    fitting: Fitting
    readings: Readings
    reference: Reference
    menu: Menu | None = None
    labelled: Readings | None = None
    order: Order | None = None
    n_reviewed: int = 0

    def signatures(self) -> TrainingSignatures:
        """Return the signatures that the head is to be fitted on.

        No text is compared with itself, nor with those near it in time or of its lot. What pooled
        states are like and what layers change is fitted without a quarter of the texts, whole lots
        where there are some; what labels teach without parts that are drawn at random: it may know
        those near. Strangers are normal texts compared with all clusters but their own, and
        corrupted texts where the head wants them. Held-out texts that have joined the reference are
        neighbours here as they will be of new texts, but for those of a cluster that is left out.

        Copies of one text are a quarter of the normal texts at most: compared with other texts
        only, they look strange, and many of them would teach that it is usual to look strange.
        """
        readings, reference, extractor = self.readings, self.reference, self.fitting.extractor
        head, seed = self.fitting.head, self.fitting.settings.seed
        teaching = _teaching(readings.texts[: len(readings) - self.n_reviewed])
        against = self._against
        normal = self._as_if_unseen("normal texts", readings.rows(teaching), teaching, against)
        clusters = topic_clusters(reference.embeddings, seed=seed)
        most = _MAX_STRANGERS_WITH_CONTEXT if extractor.wants_context else _MAX_STRANGERS
        drawn = np.random.default_rng(seed).permutation(len(teaching))[:most]
        outside = replace(against, groups=clusters, bans_group=True)
        kept = outside.with_enough_others(teaching[np.sort(drawn)])
        strange = self._as_if_unseen("held-out clusters", readings.rows(kept), kept, outside)
        if head.needs_programs:
            programs = self._programs(readings)
            normal = extractor.with_programs(normal, [programs[i] for i in teaching])
            strange = extractor.with_programs(strange, [programs[i] for i in kept])
        corruptions = self._corruptions(against) if head.needs_corruptions else []
        taught_by = None
        if self.labelled is not None:
            table = against.labelled(extractor, self.labelled)
            taught_by = self._with_programs(table, self.labelled)
        return TrainingSignatures(normal, FeatureTable.below([strange, *corruptions]), taught_by)

    def reviewed(self) -> FeatureTable:
        """Return signatures of the texts that were looked at because they were strange."""
        n = len(self.readings)
        places = np.arange(n - self.n_reviewed, n)
        own = self.readings.rows(places)
        table = self._as_if_unseen("reviewed texts", own, places, self._against)
        return self._with_programs(table, own)

    def found_fine(
        self,
        own: FeatureTable | None,
        places: IndexArray,
        p_values: Float64Array,
        held_out: Readings,
        table: FeatureTable,
    ) -> FoundFine | None:
        """Return the strange ones of reviewed texts in these places, if there are any.

        `own` holds the signatures of all reviewed texts, `table` those of held-out ones.
        """
        if own is None:
            return None
        own, normal = own.rows(places), self.covariances
        readings = self.readings.rows(len(self.readings) - self.n_reviewed + places)
        return FoundFine.fit(
            readings.texts,
            p_values,
            Deviations.of(own, embeddings=readings.embeddings, normal=normal),
            Deviations.of(table, embeddings=held_out.embeddings, normal=normal),
            normal=normal,
        )

    @cached_property
    def covariances(self) -> Covariances:
        """Those of the embeddings of training texts, at one depth."""
        return Covariances.fit(self.readings.embeddings[:, None])

    def held_out(self, readings: Readings) -> FeatureTable:
        """Return signatures of held-out texts, none compared with itself or those of its lot.

        Where they have joined the reference, a new text is compared with all held-out texts, and
        each of these with all but itself. P-values stay valid: were the new text in the reference
        too, all of these texts would be treated alike, and by that the scores of held-out texts
        could only fall (`Head.is_monotone`). What the head learned with held-out texts as
        neighbours is not covered by this; it does no harm (`experiments/error_rates.py`).
        """
        reference, tables = self.reference, []
        order = self._order(reference.n_fitted + len(readings))
        distances = self._distances_of_held_out(readings) if order.n_near else None
        meets_near = bool(reference.n_joined or order.n_near)
        for part in self.fitting.tracker.chunks("held-out texts", len(readings)):
            near = order.near(reference.n_fitted + part)[:, : len(reference)]
            own, banned = readings.rows(part), near if meets_near else None
            far = None if distances is None else distances.rows(part)
            table = self.fitting.extractor.signatures(own, reference, banned=banned, distances=far)
            tables.append(table)
        return self._with_programs(FeatureTable.below(tables), readings)

    def _distances_of_held_out(self, readings: Readings) -> FeatureTable:
        """Return what `Reference.distances` does, by training texts of other lots."""
        reference, folds = self.reference, self._folds
        against = LeaveOneOutReference(
            self.readings, reference, folds[: len(reference)], self._order(len(reference))
        )
        tables = [against.distances_without(readings, folds[reference.n_fitted :])]
        if reference.likeness is not None:
            tables.append(reference.likeness.features(Seen.of(readings)))
        return FeatureTable.beside(tables)

    @cached_property
    def _against(self) -> LeaveOneOutReference:
        """What each training text is held against, which does not meet itself."""
        n = len(self.reference)
        return LeaveOneOutReference(
            self.readings, self.reference, self._folds[:n], self._order(n), self._kept_out()
        )

    @property
    def _folds(self) -> IntArray:
        """Which of four parts each text is in, training texts first; whole lots are."""
        chance = np.random.default_rng(self.fitting.settings.seed)
        if self.order is None or not self.order.n_near:
            return chance.integers(0, _N_FOLDS, len(self.reference))
        blocks = self.order.blocks
        folds: IndexArray = (chance.permutation(blocks.max() + 1) % _N_FOLDS)[blocks]
        return folds

    def _order(self, n: int) -> Order:
        """Return the order of the first texts."""
        return Order.unknown(n) if self.order is None else self.order.rows(np.arange(n))

    def _kept_out(self) -> KeptOut | None:
        """Return how like labelled anomalies each text is that did not teach it, if any did."""
        if self.labelled is None or self.reference.likeness is None:
            return None
        own, others = Seen.of(self.readings), Seen.of(self.labelled)
        return KeptOut.fit(own, others, self.reference.rows, seed=self.fitting.settings.seed)

    def _corruptions(self, against: LeaveOneOutReference) -> list[FeatureTable]:
        """Return signatures of corrupted training texts, none of which sees its original.

        In one table; none where nothing breaks, as rows that are all the same.
        """
        texts, settings = self.readings.texts, self.fitting.settings
        seed, rows = settings.seed, settings.rows
        broken = corrupted(texts, seed=seed) if rows is None else crossed(texts, rows, seed=seed)
        readings = self.fitting.read_all(broken, stage="corrupted texts")
        origins = np.flatnonzero(readings.has_tokens)
        if not len(origins):
            return []
        readings = readings.rows(origins)
        table = self._as_if_unseen("context of corrupted texts", readings, origins, against)
        return [self._with_programs(table, readings)]

    def _as_if_unseen(
        self,
        stage_name: str,
        own: Readings,
        origins: IndexArray,
        against: LeaveOneOutReference,
    ) -> FeatureTable:
        """Return signatures of texts made of the training texts `origins`, as if unseen."""
        distances = against.distances(own, origins)
        tables = [
            self.fitting.extractor.signatures(
                own.rows(part),
                self.reference,
                banned=against.banned(origins[part]),
                left_out=against.left_out(origins[part]),
                distances=distances.rows(part),
            )
            for part in self.fitting.tracker.chunks(stage_name, len(own))
        ]
        return FeatureTable.below(tables)

    def _with_programs(self, table: FeatureTable, readings: Readings) -> FeatureTable:
        """Return `table` with the minimal programs of its texts, where the head reads them."""
        if not self.fitting.head.needs_programs:
            return table
        return self.fitting.extractor.with_programs(table, self._programs(readings))

    def _programs(self, readings: Readings) -> list[MinimalProgram]:
        assert self.menu is not None, "a detector that reads programs needs a menu"
        found: list[MinimalProgram] = []
        for chunk in self.fitting.tracker.chunks("minimal programs", len(readings)):
            found += self.fitting.extractor.minimal_programs(
                readings.rows(chunk),
                self.menu,
                tolerance=self.fitting.settings.tolerance,
                wants_curves=True,
            )
        return found


def _teaching(texts: Sequence[str]) -> IndexArray:
    """Return the places of the texts that teach: all, but of a very frequent one some copies."""
    _, places = distinct_texts(texts)
    counts = np.bincount(places)
    most, n_others = int(counts.argmax()), len(texts) - int(counts.max())
    n_kept = math.floor(n_others * _MOST_OF_ONE / (1 - _MOST_OF_ONE))
    if n_others < _MIN_OTHERS or counts.max() <= n_kept:
        return np.arange(len(texts))
    left_out = np.flatnonzero(places == most)[n_kept:]
    return np.delete(np.arange(len(texts)), left_out)
