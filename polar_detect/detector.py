"""`PolarDetector`: fit on normal texts, score and explain new ones."""

import dataclasses
import datetime
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin

from polar_detect import calibration, models
from polar_detect.backbone import Backbone
from polar_detect.detectors import Head, new_head
from polar_detect.encoder import Encoder
from polar_detect.errors import InputError, ModelError, NotFittedError
from polar_detect.explain import Explanation
from polar_detect.extraction import Extractor, Readings, Reference, program_features
from polar_detect.features import FeatureTable
from polar_detect.menu import Menu
from polar_detect.minimal import MinimalProgram
from polar_detect.outliers import corrupted, topic_clusters
from polar_detect.reference import Geometry
from polar_detect.signature import CurveKind, Tracer

Progress = Callable[[str, int, int], None]  # stage, texts done, texts in all

MIN_NORMAL = 40
_CALIBRATION_SHARE = 0.25
_N_FOLDS = 4
_MAX_STRANGERS = 200
_MENU_TEXTS = (4, 12)  # one for every 75 training texts, within these bounds
_TYPICAL_TEXTS = 32
_CHUNK = 64


@dataclass(frozen=True)
class Fitted:
    """What fitting leaves behind; everything that scoring needs but the models.

    Parameters
    ----------
    head : Head
    reference : Reference
    menu : Menu
    calibration_scores : (n_calibration,) float64
        Scores of held-out normal texts.
    typical_calls : (n_layers,) float64
        Mean calls per layer in the minimal programs of held-out normal texts.
    typical_length : float
    n_anomalous : int
        Labelled anomalous texts that fit was given.
    created : str
        ISO date and time.
    fingerprint : str
        SHA-256 over the texts and labels.
    """

    head: Head
    reference: Reference
    menu: Menu
    calibration_scores: NDArray[np.float64]
    typical_calls: NDArray[np.float64]
    typical_length: float
    n_anomalous: int
    created: str
    fingerprint: str


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
    programs : tuple of MinimalProgram
    explanation : Explanation
    neighbours : tuple of tuple of str
        Nearest normal training texts, nearest first.
    """

    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    programs: tuple[MinimalProgram, ...]
    explanation: Explanation
    neighbours: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Engine:
    """The loaded models behind a detector."""

    model: models.LocalModel
    encoder_model: models.LocalModel
    extractor: Extractor

    @classmethod
    def load(cls, model: str) -> Self:
        """Resolve and load the language model and the encoder."""
        decoder, encoder = models.resolve(model), models.resolve(models.DEFAULT_ENCODER)
        if decoder.kind != "decoder":
            raise ModelError(
                f"Got model '{model}', which is an encoder; expected a causal language model; "
                f"choose another, e.g. {models.DEFAULT_MODEL}."
            )
        tracer = Tracer(Backbone.load(decoder.folder))
        return cls(decoder, encoder, Extractor(tracer, Encoder.load(encoder.folder)))

    def configured(self, *, max_tokens: int, head: Head) -> Self:
        """Return the same models, reading what `head` needs of the first `max_tokens`."""
        curves: CurveKind = "first-order" if head.needs_curves else "none"
        tracer = Tracer(self.extractor.tracer.backbone, max_tokens=max_tokens, curves=curves)
        return dataclasses.replace(self, extractor=Extractor(tracer, self.extractor.encoder))


class PolarDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Anomaly detector for texts by the layer programs of a small language model.

    Parameters
    ----------
    detector : {"auto", "lightgbm", "isolation-forest"}
    model : str
        Embedded name, Hugging Face id, folder or GGUF file of a causal language model.
    max_tokens : int
        Texts are cut after this many tokens.
    tolerance : float
        Nats per token by which a minimal program's loss may exceed the full program's.
    alpha : float
        Texts with a p-value of at most this are flagged.
    seed : int

    Examples
    --------
    >>> detector = PolarDetector().fit(normal_texts)       # doctest: +SKIP
    >>> detector.score_samples(new_texts)                  # doctest: +SKIP
    """

    def __init__(
        self,
        detector: str = "auto",
        *,
        model: str = models.DEFAULT_MODEL,
        max_tokens: int = 64,
        tolerance: float = 0.1,
        alpha: float = 0.05,
        seed: int = 0,
    ) -> None:
        self.detector = detector
        self.model = model
        self.max_tokens = max_tokens
        self.tolerance = tolerance
        self.alpha = alpha
        self.seed = seed

    def fit(self, X: Sequence[str], y: Any = None, *, progress: Progress | None = None) -> Self:
        """Fit on normal texts, and on labelled anomalous ones where `y` names some.

        Parameters
        ----------
        X : sequence of str
        y : (n_texts,) array-like of bool, optional
            True = anomalous. Those texts only teach what strangers look like.
        progress : callable, optional
            Called with stage, texts done, texts in all.

        Raises
        ------
        InputError
            Fewer than 40 normal texts with at least one token, or an unknown detector.
        """
        head = new_head(self.detector)
        texts, is_anomalous = _checked(X, y)
        tracker = _Tracker(progress)
        engine = self._models().configured(max_tokens=self.max_tokens, head=head)
        normal, anomalous = texts[~is_anomalous], texts[is_anomalous]
        train, held_out = self._split(normal)
        fitting = _Fitting(engine.extractor, tracker, self)
        self.engine_ = engine
        self.fitted_ = fitting.run(head, train, held_out, list(anomalous))
        return self

    def assess(self, X: Sequence[str], *, progress: Progress | None = None) -> Assessment:
        """Return scores, p-values, programs and explanations of `X`; each distinct text once."""
        fitted, texts = self._fitted(), _as_texts(X)
        unique = list(dict.fromkeys(texts))
        place = {text: i for i, text in enumerate(unique)}
        expand = np.asarray([place[text] for text in texts], np.intp)
        tracker = _Tracker(progress)
        parts = [
            self._assess_chunk(unique[start : start + _CHUNK], tracker.stage("score", len(unique)))
            for start in range(0, len(unique), _CHUNK)
        ]
        explanation = Explanation.below([part.explanation for part in parts]).rows(expand)
        scores = np.concatenate([part.scores for part in parts])[expand]
        programs = [program for part in parts for program in part.programs]
        neighbours = [row for part in parts for row in part.neighbours]
        p_values = _p_values(fitted.calibration_scores, scores)
        return Assessment(
            scores=scores,
            p_values=p_values,
            is_anomaly=p_values <= self.alpha,
            programs=tuple(programs[i] for i in expand),
            explanation=explanation,
            neighbours=tuple(neighbours[i] for i in expand),
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
        p_values = _p_values(self._fitted().calibration_scores, self._scores(X))
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

    def _assess_chunk(self, texts: list[str], tracker: "_Stage") -> Assessment:
        """Assess distinct texts; p-values are left to the caller."""
        fitted, extractor = self._fitted(), self._engine().extractor
        readings = extractor.read(texts)
        has_tokens = readings.traces.n_tokens > 0
        kept = readings.rows(np.flatnonzero(has_tokens))
        programs = self._minimal_programs(texts)
        neighbours = fitted.reference.neighbours(readings.embeddings)
        nearest_texts = [tuple(fitted.reference.texts[i] for i in row) for row in neighbours.index]
        table = extractor.signatures(kept, fitted.reference)
        if fitted.head.needs_programs:
            own = [p for p, keep in zip(programs, has_tokens, strict=True) if keep]
            table = FeatureTable.beside([table, program_features(own, self.n_layers)])
        scores = np.full(len(texts), np.nan)
        scores[has_tokens] = fitted.head.scores(table)
        attribution = fitted.head.explain(table)
        attribution.check_adds_up(scores[has_tokens])
        tracker.advance(len(texts))
        return Assessment(
            scores=scores,
            p_values=np.full(len(texts), np.nan),
            is_anomaly=np.zeros(len(texts), bool),
            programs=tuple(programs),
            explanation=Explanation.of(attribution, table, has_tokens, self.n_layers),
            neighbours=tuple(nearest_texts),
        )

    def _scores(self, X: Sequence[str]) -> NDArray[np.float64]:
        """Return scores without searching programs, unless the detector reads them."""
        fitted, extractor, texts = self._fitted(), self._engine().extractor, _as_texts(X)
        if fitted.head.needs_programs:
            return self.assess(texts).scores
        scores = np.full(len(texts), np.nan)
        for start in range(0, len(texts), _CHUNK):
            readings = extractor.read(texts[start : start + _CHUNK])
            index = np.flatnonzero(readings.traces.n_tokens > 0)
            table = extractor.signatures(readings.rows(index), fitted.reference)
            scores[start + index] = fitted.head.scores(table)
        return scores

    def _minimal_programs(self, texts: Sequence[str]) -> list[MinimalProgram]:
        tracer = self._engine().extractor.tracer
        rows = tracer.tokenize(texts)
        menu = self._fitted().menu
        return menu.minimal_programs(tracer.executor, rows, tolerance=self.tolerance)

    def _split(self, normal: NDArray[np.object_]) -> tuple[list[str], list[str]]:
        order = np.random.default_rng(self.seed).permutation(len(normal))
        # 19 held-out texts are the fewest whose smallest p-value, 1/20, meets the usual alpha.
        n_held_out = max(round(_CALIBRATION_SHARE * len(normal)), min(19, len(normal) // 2))
        return list(normal[order[n_held_out:]]), list(normal[order[:n_held_out]])

    def _models(self) -> Engine:
        """Return the models of an earlier fit where they are the same, else load them."""
        engine: Engine | None = getattr(self, "engine_", None)
        return engine if engine and engine.model.name == self.model else Engine.load(self.model)

    def _engine(self) -> Engine:
        self._fitted()
        engine: Engine = self.engine_
        return engine

    def _fitted(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            raise NotFittedError(
                "Got a detector that is not fitted; expected a fitted one; call fit on normal "
                "texts first, or load a saved detector."
            )
        fitted: Fitted = self.fitted_
        return fitted


class _Fitting:
    """The steps of `PolarDetector.fit`."""

    def __init__(self, extractor: Extractor, tracker: "_Tracker", settings: PolarDetector) -> None:
        self.extractor = extractor
        self.tracker = tracker
        self.settings = settings
        self.n_layers = extractor.tracer.backbone.n_layers

    def run(
        self, head: Head, train: list[str], held_out: list[str], anomalous: list[str]
    ) -> Fitted:
        readings = self._read("read training texts", train)
        calibration_readings = self._read("read held-out texts", held_out)
        if len(readings) < MIN_NORMAL // 2 or len(calibration_readings) < 2:
            raise InputError(_too_few(len(readings) + len(calibration_readings)))
        reference = Reference.fit(readings)
        menu = self._menu(readings.texts)
        normal, strangers = self._contrast(head, readings, reference, menu, anomalous)
        head.fit(normal, strangers, seed=self.settings.seed)
        scores = head.scores(self._signatures(head, calibration_readings, reference, menu))
        typical = self._programs(calibration_readings.texts[:_TYPICAL_TEXTS], menu)
        counts = np.asarray([p.program.counts(self.n_layers) for p in typical], np.float64)
        return Fitted(
            head=head,
            reference=reference,
            menu=menu,
            calibration_scores=scores,
            typical_calls=counts.mean(0),
            typical_length=float(counts.sum(1).mean()),
            n_anomalous=len(anomalous),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            fingerprint=_fingerprint(train + held_out, anomalous),
        )

    def _contrast(
        self,
        head: Head,
        readings: Readings,
        reference: Reference,
        menu: Menu,
        anomalous: list[str],
    ) -> tuple[FeatureTable, FeatureTable]:
        """Return signatures of normal texts and of strangers, none of which sees itself."""
        seed = self.settings.seed
        n = len(readings)
        folds = np.random.default_rng(seed).integers(0, _N_FOLDS, n)
        against = _Against(readings, reference, folds)
        normal = self._relative("normal texts", readings, np.arange(n), against)
        if head.needs_programs:
            programs = self._programs(readings.texts, menu)
            normal = FeatureTable.beside([normal, program_features(programs, self.n_layers)])
        if anomalous and head.needs_corruptions:  # labels say what strangers are
            labelled = self._read("read labelled anomalies", anomalous)
            return normal, self._signatures(head, labelled, reference, menu)
        clusters = topic_clusters(readings.embeddings, seed=seed)
        kept = np.sort(np.random.default_rng(seed).permutation(n)[:_MAX_STRANGERS])
        apart = _Against(readings, reference, clusters, bans_group=True)
        parts = [self._relative("held-out clusters", readings.rows(kept), kept, apart)]
        if head.needs_programs:
            own = program_features([programs[i] for i in kept], self.n_layers)
            parts = [FeatureTable.beside([parts[0], own])]
        if head.needs_corruptions:
            parts.append(self._corruptions(head, against, menu))
        if anomalous:
            labelled = self._read("read labelled anomalies", anomalous)
            parts.append(self._signatures(head, labelled, reference, menu))
        return normal, FeatureTable.below(parts)

    def _corruptions(self, head: Head, against: "_Against", menu: Menu) -> FeatureTable:
        """Return signatures of corrupted training texts, none of which sees its original."""
        broken = corrupted(against.readings.texts, seed=self.settings.seed)
        readings = Readings.below(
            [
                self.extractor.read([broken[i] for i in chunk])
                for chunk in self.tracker.chunks("corrupted texts", len(broken))
            ]
        )
        origins = np.flatnonzero(readings.traces.n_tokens > 0)
        readings = readings.rows(origins)
        table = self._relative("context of corrupted texts", readings, origins, against)
        if head.needs_programs:
            programs = self._programs(readings.texts, menu)
            table = FeatureTable.beside([table, program_features(programs, self.n_layers)])
        return table

    def _relative(
        self, stage: str, own: Readings, origins: NDArray[np.intp], against: "_Against"
    ) -> FeatureTable:
        """Return signatures of texts made of the training texts `origins`, as if unseen."""
        groups = against.groups[origins]
        distances = np.full((len(own), 2 * self.n_layers), np.nan, np.float32)
        features = against.reference.geometry.distances(own.traces.trajectory[:0]).features
        for group in np.unique(groups):
            inside = groups == group
            geometry = against.geometry_without(int(group))
            distances[inside] = geometry.distances(own.traces.trajectory[inside]).values
        neighbours = against.reference.neighbours(own.embeddings, banned=against.banned(origins))
        context = [
            self.extractor.context(own.rows(part), neighbours.rows(part), against.reference.texts)
            for part in self.tracker.chunks(stage, len(own))
        ]
        return FeatureTable.beside(
            [own.traces.table(), FeatureTable(distances, features), FeatureTable.below(context)]
        )

    def _signatures(
        self, head: Head, readings: Readings, reference: Reference, menu: Menu
    ) -> FeatureTable:
        table = self.extractor.signatures(readings, reference)
        if head.needs_programs:
            programs = self._programs(readings.texts, menu)
            table = FeatureTable.beside([table, program_features(programs, self.n_layers)])
        return table

    def _read(self, stage: str, texts: Sequence[str]) -> Readings:
        """Read texts and leave out those without tokens."""
        parts = [
            self.extractor.read([texts[i] for i in chunk])
            for chunk in self.tracker.chunks(stage, len(texts))
        ]
        readings = Readings.below(parts)
        return readings.rows(np.flatnonzero(readings.traces.n_tokens > 0))

    def _menu(self, texts: Sequence[str]) -> Menu:
        distinct = list(dict.fromkeys(texts))
        order = np.random.default_rng(self.settings.seed).permutation(len(distinct))
        n_chosen = int(np.clip(len(distinct) // 75, *_MENU_TEXTS))
        chosen = [distinct[i] for i in order[:n_chosen]]
        stage = self.tracker.stage("search programs for the menu", len(chosen))
        menu = Menu.fit(
            self.extractor.tracer.executor, self._tokens(chosen), tolerance=self.settings.tolerance
        )
        stage.advance(len(chosen))
        return menu

    def _programs(self, texts: Sequence[str], menu: Menu) -> list[MinimalProgram]:
        executor, tolerance = self.extractor.tracer.executor, self.settings.tolerance
        found: list[MinimalProgram] = []
        for chunk in self.tracker.chunks("minimal programs", len(texts)):
            rows = self._tokens([texts[i] for i in chunk])
            found += menu.minimal_programs(executor, rows, tolerance=tolerance)
        return found

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return self.extractor.tracer.tokenize(texts)


@dataclass(frozen=True)
class _Against:
    """The training texts as a reference that leaves out a text's own group.

    Parameters
    ----------
    readings : Readings
    reference : Reference
    groups : (n_texts,) int64
        Geometry is fitted without the text's own group.
    bans_group : bool
        Whether neighbours must come from other groups too, or only not be the text itself.
    """

    readings: Readings
    reference: Reference
    groups: NDArray[np.int64]
    bans_group: bool = False

    def banned(self, origins: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which training texts must not be neighbours, (n_origins, n_texts)."""
        keys = self.groups if self.bans_group else np.arange(len(self.groups))
        banned: NDArray[np.bool_] = keys[origins][:, None] == keys
        return banned

    def geometry_without(self, group: int) -> Geometry:
        """Return the geometry of all texts but one group's."""
        outside = self.readings.traces.trajectory[self.groups != group]
        return Geometry.fit(outside) if len(outside) > 1 else self.reference.geometry


class _Stage:
    """Progress through one stage."""

    def __init__(self, tracker: "_Tracker", name: str, total: int) -> None:
        self._tracker, self._name, self._total = tracker, name, total

    def advance(self, n: int) -> None:
        self._tracker.advance(self._name, n, self._total)


class _Tracker:
    """Counts texts per stage and tells the caller's progress function."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done: dict[str, int] = {}

    def stage(self, name: str, total: int) -> _Stage:
        self.advance(name, 0, total)
        return _Stage(self, name, total)

    def chunks(self, name: str, total: int) -> Iterator[NDArray[np.intp]]:
        """Yield index chunks of 0 … total − 1 (one empty chunk for nothing)."""
        stage = self.stage(name, total)
        for start in range(0, max(total, 1), _CHUNK):
            chunk = np.arange(start, min(start + _CHUNK, total))
            yield chunk
            stage.advance(len(chunk))

    def advance(self, name: str, n: int, total: int) -> None:
        self._done[name] = self._done.get(name, 0) + n
        if self._progress is not None:
            self._progress(name, self._done[name], total)


def _p_values(
    calibration_scores: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    p_values = np.full(len(scores), np.nan)
    is_scored = ~np.isnan(scores)
    p_values[is_scored] = calibration.conformal_p_values(calibration_scores, scores[is_scored])
    return p_values


def _as_texts(X: Any) -> list[str]:
    if isinstance(X, str):
        raise InputError(
            "Got one string; expected a sequence of texts; put it into a list: [text]."
        )
    texts = list(X)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"Got {type(text).__name__} at position {i}; expected texts (str); convert the "
                "values first, missing ones to ''."
            )
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise InputError(
                f"Got half a character (lone surrogate) in the text at position {i}; expected "
                "text that UTF-8 can hold; decode the source with errors='replace'."
            ) from error
    if not texts:
        raise InputError("Got no texts; expected at least one; check the input.")
    return texts


def _checked(X: Any, y: Any) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    texts = np.empty(len(X), object)
    texts[:] = _as_texts(X)
    labels = np.zeros(len(texts), bool) if y is None else np.asarray(y).astype(bool)
    if len(labels) != len(texts):
        raise InputError(
            f"Got {len(labels)} labels for {len(texts)} texts; expected one each; check y."
        )
    n_normal = int(sum(bool(text.strip()) for text in texts[~labels]))
    if n_normal < MIN_NORMAL:
        raise InputError(_too_few(n_normal))
    return texts, labels


def _too_few(n_normal: int) -> str:
    return (
        f"Got {n_normal} normal texts that are not empty; expected at least {MIN_NORMAL}; add "
        "normal rows, or check the label column."
    )


def _fingerprint(normal: Sequence[str], anomalous: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for label, texts in ((b"0", sorted(normal)), (b"1", sorted(anomalous))):
        for text in texts:
            digest.update(label + text.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
