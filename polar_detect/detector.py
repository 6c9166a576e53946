"""`PolarDetector`: fit on normal texts, score and explain new ones."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin

from polar_detect import calibration, models
from polar_detect.backbone import Backbone
from polar_detect.calibration import p_values_or_nan
from polar_detect.detectors import Head, new_head
from polar_detect.encoder import Encoder
from polar_detect.errors import InputError, ModelError
from polar_detect.explain import Explanation
from polar_detect.extraction import Extractor
from polar_detect.features import FeatureTable
from polar_detect.fitting import MIN_NORMAL, Fitted, Fitting, parted, too_few
from polar_detect.minimal import MinimalProgram
from polar_detect.program import ProgramsOf
from polar_detect.progress import ASSESS_CHUNK, Progress, Tracker
from polar_detect.readings import Readings
from polar_detect.texts import UnfittedError, anomalous, as_texts, distinct_texts
from polar_detect.trace import CurveKind, Tracer

if TYPE_CHECKING:
    from polar_detect.tables.rows import RowTemplate

MAX_CONTAMINATION = 0.5  # where most texts are anomalous, nothing says what is normal


@dataclass(frozen=True)
class Assessment:
    """Scores of a batch with everything that explains them; empty texts are NaN throughout.

    Parameters
    ----------
    scores : (n_texts,) float64
        Higher = more anomalous.
    p_values : (n_texts,) float64
        Conformal.
    is_anomaly : (n_texts,) bool
    programs : tuple of MinimalProgram or None
        None where none was searched.
    explanation : Explanation
    neighbours : tuple of tuple of str
        Nearest normal training texts, nearest first; none where they are not kept.
    """

    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    programs: tuple[MinimalProgram | None, ...]
    explanation: Explanation
    neighbours: tuple[tuple[str, ...], ...]

    @cached_property
    def all_programs(self) -> tuple[MinimalProgram, ...]:
        """Every text's program, where all were searched."""
        found = tuple(program for program in self.programs if program is not None)
        assert len(found) == len(self.programs), "assessed with programs_of='flagged'"
        return found


@dataclass(frozen=True)
class Engine:
    """The loaded models behind a detector."""

    model: models.LocalModel
    encoder_model: models.LocalModel
    extractor: Extractor

    @classmethod
    def load(cls, model: str, encoder: str = models.DEFAULT_ENCODER) -> Self:
        """Resolve and load the language model and the encoder."""
        decoder, sentences = models.resolve(model), models.resolve(encoder)
        if decoder.kind != "decoder":
            raise ModelError(
                f"Got model '{model}', which is an encoder; expected a causal language model; "
                f"choose another, e.g. {models.DEFAULT_MODEL}."
            )
        if sentences.kind != "encoder":
            raise ModelError(
                f"Got encoder '{encoder}', which is a causal language model; expected a sentence "
                f"encoder; choose another, e.g. {models.DEFAULT_ENCODER}."
            )
        tracer = Tracer(Backbone.load(decoder.folder))
        return cls(decoder, sentences, Extractor(tracer, Encoder.load(sentences.folder)))

    def configured(self, *, max_tokens: int, head: Head, has_texts: bool) -> Self:
        """Return the same models, reading what `head` needs of the first `max_tokens`.

        Where the training texts are not kept, there is none to put in front of a new one.
        """
        curves: CurveKind = "first-order" if head.needs_curves else "none"
        tracer = Tracer(self.extractor.tracer.backbone, max_tokens=max_tokens, curves=curves)
        wants_context = head.needs_context and has_texts
        extractor = self.extractor.configured(tracer, wants_context=wants_context)
        return dataclasses.replace(self, extractor=extractor)


class PolarDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Anomaly detector for texts by the layer programs of a small language model.

    Parameters
    ----------
    detector : {"auto", "lightgbm", "isolation-forest"}, "pyod:NAME" or Head
    model : str
        Embedded name, Hugging Face id, folder or GGUF file of a causal language model.
    encoder : str
        Embedded name, Hugging Face id or folder of a sentence encoder whose states are pooled by
        their mean.
    max_tokens : int
        Texts are cut after this many tokens.
    tolerance : float
        Nats per token by which a minimal program's loss may exceed the full program's.
    alpha : float
        Texts with a p-value of at most this are flagged.
    seed : int
    contamination : float
        Share of the normal texts, 0 to below .5, that may be anomalous all the same. Each text,
        and each of its tokens, then passes over the nearest of the normal texts, so many of
        them, and a few like it do not make it normal. P-values stay as they are: anomalies
        among the held-out texts make them too large rather than too small.
    store_texts : bool
        Whether the training texts are kept, to be shown as neighbours and, by detectors that
        need it, to be put in front of new ones (context gain).
    rows : RowTemplate, optional
        How the texts were written out of rows of a table; their numbers are then features too,
        unless `store_texts` is false, as numbers are kept as the texts are.

    Examples
    --------
    >>> detector = PolarDetector().fit(normal_texts)       # doctest: +SKIP
    >>> detector.score_samples(new_texts)                  # doctest: +SKIP
    """

    def __init__(  # noqa: PLR0913 - scikit-learn wants each setting as an argument
        self,
        detector: str | Head = "auto",
        *,
        model: str = models.DEFAULT_MODEL,
        encoder: str = models.DEFAULT_ENCODER,
        max_tokens: int = 64,
        tolerance: float = 0.1,
        alpha: float = 0.05,
        seed: int = 0,
        contamination: float = 0.0,
        store_texts: bool = True,
        rows: "RowTemplate | None" = None,
    ) -> None:
        self.detector = detector
        self.model = model
        self.encoder = encoder
        self.max_tokens = max_tokens
        self.tolerance = tolerance
        self.alpha = alpha
        self.seed = seed
        self.contamination = contamination
        self.store_texts = store_texts
        self.rows = rows

    def fit(self, X: Sequence[str], y: Any = None, *, progress: Progress | None = None) -> Self:
        """Fit on normal texts, and on labelled anomalous ones where `y` names some.

        Parameters
        ----------
        X : sequence of str
        y : (n_texts,) array-like, optional
            True or 1 = anomalous, False or 0 = normal; or, where a -1 occurs, scikit-learn's -1 =
            anomalous and 1 = normal. Anomalous texts only teach what strangers look like.
        progress : callable, optional
            Called with stage, texts done, texts in all.

        Raises
        ------
        InputError
            Fewer than 40 normal texts with at least one token, an unknown detector, or a
            contamination that cannot be.
        """
        head = new_head(self.detector)
        self._check_contamination()
        texts, is_anomalous = _checked(X, y)
        tracker = Tracker(progress)
        engine = self._models().configured(
            max_tokens=self.max_tokens, head=head, has_texts=self.store_texts
        )
        normal, anomalous = texts[~is_anomalous], texts[is_anomalous]
        train, held_out = parted(list(normal), seed=self.seed)
        fitting = Fitting(
            engine.extractor,
            tracker,
            tolerance=self.tolerance,
            seed=self.seed,
            contamination=self.contamination,
            store_texts=self.store_texts,
            rows=self.rows,
        )
        self.engine_ = engine
        self.fitted_ = fitting.run(head, train, held_out, list(anomalous))
        return self

    def assess(
        self,
        X: Sequence[str],
        *,
        programs_of: ProgramsOf = "all",
        progress: Progress | None = None,
    ) -> Assessment:
        """Return scores, p-values, programs and explanations of `X`; each distinct text once.

        Parameters
        ----------
        X : sequence of str
        programs_of : {"all", "flagged", "searched"}
            Which texts get their minimal program. "all": each the shortest valid one of the
            detector's menu, more than half of the time. "flagged": only texts that are flagged,
            but all where the detector reads programs. "searched": each what a search for it
            finds, which is far shorter, for four times the time of "all". Scores and p-values
            are the same.
        progress : callable, optional
            Called with stage, texts done, texts in all.
        """
        fitted, texts = self._fitted(), as_texts(X)
        distinct, places = distinct_texts(texts)
        parts: list[_Part] = []
        order: list[NDArray[np.intp]] = []
        for chunk in _by_length(distinct, Tracker(progress)):
            order.append(chunk)
            parts.append(self._assess([distinct[i] for i in chunk], programs_of))
        rows = np.argsort(np.concatenate(order))[places]  # of all parts, text by text
        programs = [program for part in parts for program in part.programs]
        neighbours = [nearest for part in parts for nearest in part.neighbours]
        scores = np.concatenate([part.scores for part in parts])[rows]
        p_values = p_values_or_nan(fitted.calibration_scores, scores)
        return Assessment(
            scores=scores,
            p_values=p_values,
            is_anomaly=p_values <= self.alpha,
            programs=tuple(programs[i] for i in rows),
            explanation=Explanation.below([part.explanation for part in parts]).rows(rows),
            neighbours=tuple(neighbours[i] for i in rows),
        )

    def score_samples(self, X: Sequence[str]) -> NDArray[np.float64]:
        """Return scores in scikit-learn's sign, (n_texts,): lower = more abnormal."""
        scores: NDArray[np.float64] = -self._scores(X)
        return scores

    def decision_function(self, X: Sequence[str]) -> NDArray[np.float64]:
        """Return `score_samples` minus the threshold at `alpha`: negative = flagged."""
        threshold = calibration.threshold(self._fitted().calibration_scores, self.alpha)
        # A score at the threshold is flagged, so that it has to come out below zero.
        margins: NDArray[np.float64] = np.nextafter(threshold, -np.inf) - self._scores(X)
        return margins

    def predict(self, X: Sequence[str]) -> NDArray[np.int64]:
        """Return -1 for flagged texts and 1 for others; empty texts are not flagged."""
        p_values = p_values_or_nan(self._fitted().calibration_scores, self._scores(X))
        return np.where(p_values <= self.alpha, -1, 1)

    def explain(self, X: Sequence[str]) -> Explanation:
        """Return SHAP values of the scores by feature, which sum up by layer."""
        return self.assess(X).explanation

    def save(self, folder: str | Path) -> None:
        """Write the fitted detector as a folder without pickle; see `polar_detect.artifact`."""
        from polar_detect import artifact  # artifact builds detectors, so it imports this module

        artifact.save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "PolarDetector":
        """Read what `save` wrote; raise `ArtifactError` naming what does not match."""
        from polar_detect import artifact

        return artifact.load(Path(folder))

    @property
    def n_layers(self) -> int:
        """Layers of the language model."""
        return self._engine().extractor.tracer.backbone.n_layers

    def _check_contamination(self) -> None:
        if not 0 <= self.contamination < MAX_CONTAMINATION:  # false for NaN
            raise InputError(
                f"Got contamination {self.contamination}; expected the share of normal texts that "
                f"may be anomalous, from 0 to below {MAX_CONTAMINATION:g}."
            )
        if self.contamination and not self.store_texts:
            raise InputError(
                f"Got contamination {self.contamination} and no texts to be kept; expected texts, "
                "as tokens pass over those that are nearest; keep them, or give no contamination."
            )

    def _assess(self, texts: list[str], programs_of: ProgramsOf) -> "_Part":
        fitted, extractor = self._fitted(), self._engine().extractor
        scored = self._score(texts, wants_programs=programs_of == "all")
        attribution = fitted.head.explain(scored.table)
        attribution.check_adds_up(scored.scores[scored.has_tokens])
        programs = scored.programs
        if programs_of == "searched":
            programs = extractor.searched_programs(scored.readings, tolerance=self.tolerance)
        return _Part(
            scores=scored.scores,
            programs=self._flagged_programs(scored) if programs is None else programs,
            explanation=Explanation.of(attribution, scored.table, scored.has_tokens, self.n_layers),
            neighbours=fitted.reference.nearest_texts(scored.readings.embeddings),
        )

    def _flagged_programs(self, scored: "_Scored") -> list[MinimalProgram | None]:
        """Return the programs of texts that are flagged, None for the others."""
        p_values = p_values_or_nan(self._fitted().calibration_scores, scored.scores)
        flagged = np.flatnonzero(p_values <= self.alpha)
        found = self._minimal_programs(scored.readings.rows(flagged))
        programs: list[MinimalProgram | None] = [None] * len(scored.scores)
        for i, program in zip(flagged.tolist(), found, strict=True):
            programs[i] = program
        return programs

    def _scores(self, X: Sequence[str]) -> NDArray[np.float64]:
        """Return scores without searching programs, unless the detector reads them."""
        distinct, places = distinct_texts(as_texts(X))
        scores = np.empty(len(distinct))
        for chunk in _by_length(distinct, Tracker(None)):
            scores[chunk] = self._score([distinct[i] for i in chunk]).scores
        expanded: NDArray[np.float64] = scores[places]
        return expanded

    def _score(self, texts: list[str], *, wants_programs: bool = False) -> "_Scored":
        """Score texts, with their programs where they are wanted or the detector reads them."""
        fitted, extractor = self._fitted(), self._engine().extractor
        readings = extractor.read(texts)
        has_tokens = readings.has_tokens
        table = extractor.signatures(readings.rows(np.flatnonzero(has_tokens)), fitted.reference)
        programs: list[MinimalProgram] | None = None
        if wants_programs or fitted.head.needs_programs:
            programs = self._minimal_programs(readings)
        if programs is not None and fitted.head.needs_programs:
            pairs = zip(programs, has_tokens, strict=True)
            table = extractor.with_programs(table, [program for program, keep in pairs if keep])
        table = table.chosen(fitted.statistics.features)
        scores = np.full(len(texts), np.nan)
        scores[has_tokens] = fitted.head.scores(table)
        return _Scored(readings, has_tokens, table, scores, programs)

    def _minimal_programs(self, readings: Readings) -> list[MinimalProgram]:
        extractor, menu = self._engine().extractor, self._fitted().menu
        return extractor.minimal_programs(readings, menu, tolerance=self.tolerance)

    def _models(self) -> Engine:
        """Return the models of an earlier fit where they are the same, else load them."""
        wanted = (self.model, self.encoder)
        engine: Engine | None = getattr(self, "engine_", None)
        if engine and (engine.model.name, engine.encoder_model.name) == wanted:
            return engine
        return Engine.load(*wanted)

    def _engine(self) -> Engine:
        self._fitted()
        engine: Engine = self.engine_
        return engine

    def _fitted(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            raise UnfittedError(
                "Got a detector that is not fitted; expected a fitted one; call fit on normal "
                "texts first, or load a saved detector."
            )
        fitted: Fitted = self.fitted_
        return fitted


@dataclass(frozen=True)
class _Scored:
    """Texts with their scores, and what these came from; texts without tokens are NaN.

    Parameters
    ----------
    readings : Readings
    has_tokens : (n_texts,) bool
    table : FeatureTable
        Signatures of the texts with tokens, as far as the detector reads them.
    scores : (n_texts,) float64
    programs : list of MinimalProgram, optional
    """

    readings: Readings
    has_tokens: NDArray[np.bool_]
    table: FeatureTable
    scores: NDArray[np.float64]
    programs: list[MinimalProgram] | None


@dataclass(frozen=True)
class _Part:
    """What an assessment holds of some of its texts; p-values and flags follow from the scores."""

    scores: NDArray[np.float64]
    programs: Sequence[MinimalProgram | None]
    explanation: Explanation
    neighbours: Sequence[tuple[str, ...]]


def _by_length(texts: Sequence[str], tracker: Tracker) -> Iterator[NDArray[np.intp]]:
    """Yield the places of texts in chunks, those of one length together: they share batches."""
    order = np.asarray(sorted(range(len(texts)), key=lambda i: (len(texts[i]), texts[i])), np.intp)
    for chunk in tracker.chunks("score", len(texts), size=ASSESS_CHUNK):
        yield order[chunk]


def _checked(X: Any, y: Any) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    given = as_texts(X)
    texts = np.empty(len(given), object)
    texts[:] = given
    labels = anomalous(y, len(given))
    n_normal = int(sum(bool(text.strip()) for text in texts[~labels]))
    if n_normal < MIN_NORMAL:
        raise InputError(too_few(n_normal))
    return texts, labels
