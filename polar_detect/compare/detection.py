"""Every method on the same rows, with figures, intervals, paired differences and times."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polar_detect import metrics, models
from polar_detect.compare.baselines import BASELINES, Baseline, Scores, is_labelled
from polar_detect.compare.rows import Task
from polar_detect.compare.views import Seen, views_of
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError
from polar_detect.language import advise
from polar_detect.progress import Progress, Tracker
from polar_detect.trace import Tracer

FIGURES: dict[str, metrics.Metric] = {
    "AUROC": metrics.auroc,
    "average precision": metrics.aupr,
    "FPR at 95 % recall": metrics.fpr_at_tpr,
    "recall at 1 % false alarms": lambda labels, s: metrics.recall_at_fpr(labels, s, 0.01),
    "recall at 5 % false alarms": lambda labels, s: metrics.recall_at_fpr(labels, s, 0.05),
}
DECIDES = "AUROC"


@dataclass(frozen=True)
class Figure:
    """A figure with its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scored:
    """The test scores of one method and what they cost.

    Parameters
    ----------
    name : str
    view : str
        What the method reads of a row.
    is_supervised : bool
        Whether it learned from labelled anomalous training rows.
    is_ours : bool
    scores : (n_test,) float64
        Higher = more anomalous; NaN where a text is empty.
    fit_s, s_per_1000 : float
        Seconds to fit, and to score 1,000 rows.
    """

    name: str
    view: str
    is_supervised: bool
    is_ours: bool
    scores: Scores
    fit_s: float
    s_per_1000: float


@dataclass(frozen=True)
class MethodResult:
    """One line of the table.

    Parameters
    ----------
    name, view, is_supervised, is_ours, fit_s, s_per_1000
        As in `Scored`.
    figures : dict of str to Figure
    to_best_baseline, to_best : Difference
        AUROC of this method minus that of the best baseline, and of the best method, over the
        same resamples of the test rows.
    """

    name: str
    view: str
    is_supervised: bool
    is_ours: bool
    fit_s: float
    s_per_1000: float
    figures: dict[str, Figure]
    to_best_baseline: metrics.Difference
    to_best: metrics.Difference

    @property
    def title(self) -> str:
        """Name and view in words."""
        return self.name if self.is_ours else f"{self.name} on {self.view}"


@dataclass(frozen=True)
class Comparison:
    """The whole table, best AUROC first, with what it was measured on.

    Parameters
    ----------
    results : tuple of MethodResult
    n_train : tuple of int
        Normal and anomalous training rows.
    n_test : tuple of int
        Normal and anomalous test rows.
    text_source : str
    columns : tuple of str
    notes : tuple of str
    telling : tuple of str
        Columns that give the label away by themselves.
    fit_options : str
        Options of `polar-detect fit` that read the rows as they were read here.
    """

    results: tuple[MethodResult, ...]
    n_train: tuple[int, int]
    n_test: tuple[int, int]
    text_source: str
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    telling: tuple[str, ...] = ()
    fit_options: str = ""

    @property
    def best(self) -> MethodResult:
        """The method with the highest AUROC."""
        return self.results[0]

    @property
    def best_baseline(self) -> MethodResult:
        """The baseline with the highest AUROC."""
        return next(result for result in self.results if not result.is_ours)


@dataclass(frozen=True)
class Settings:
    """How a comparison is run.

    Parameters
    ----------
    detectors : tuple of PolarDetector
    n_resamples : int
        Bootstrap resamples behind every interval.
    seed : int
    encoder : str
        Sentence encoder that baselines read, as `PolarDetector` names it.
    """

    detectors: tuple[PolarDetector, ...]
    n_resamples: int = 500
    seed: int = 0
    encoder: str = models.DEFAULT_ENCODER


def compare_detectors(
    task: Task, settings: Settings, *, progress: Progress | None = None
) -> Comparison:
    """Run the baselines and the detectors on the same rows and measure them.

    Whatever learns from labels gets the training labels where at least five rows are labelled
    anomalous; everything else is fitted on the normal training rows. Test labels are read by
    the figures alone.
    """
    scored = run_methods(task, settings, progress=progress)
    labels, scored, notes = _without_unscored(task.test.target, scored)
    results = measure(labels, scored, settings, progress=progress)
    for detector in settings.detectors[:1]:
        own, texts = detector.engine_.extractor, [*task.train.texts, *task.test.texts]
        notes += cut_texts(texts, own.tracer)
        names = {"model_name": detector.model, "encoder_name": detector.encoder}
        notes += advise(own.tracer.backbone, own.encoder, texts, **names)
    labelled = int(task.train.target.sum())
    if labelled and not is_labelled(task.train.target):
        notes.append(f"{labelled} labelled anomalous training rows are too few to learn from.")
    return Comparison(
        results=tuple(results),
        n_train=(len(task.train) - labelled, labelled),
        n_test=(int((~labels).sum()), int(labels.sum())),
        text_source=task.text_source,
        columns=task.columns,
        notes=(*task.notes, *notes),
        telling=task.telling,
        fit_options=" ".join([task.fit_options, *_model_options(settings)]),
    )


def _model_options(settings: Settings) -> list[str]:
    """Return the options of `fit` that say which models the detectors had."""
    defaults = {"model": models.DEFAULT_MODEL, "encoder": models.DEFAULT_ENCODER}
    return [
        f"--{name} {shlex.quote(getattr(detector, name))}"
        for detector in settings.detectors[:1]
        for name, default in defaults.items()
        if getattr(detector, name) != default
    ]


def run_methods(
    task: Task, settings: Settings, *, progress: Progress | None = None
) -> list[Scored]:
    """Return the test scores of every baseline and detector; no test label is read."""
    baselines = [*_run_baselines(task, settings, Tracker(progress))]
    return [
        *baselines,
        *(_run_detector(detector, task, progress) for detector in settings.detectors),
    ]


def cut_texts(texts: Sequence[str], tracer: Tracer) -> list[str]:
    """Return a note on texts that are longer than the language model reads, if there are any."""
    rows = tracer.backbone.tokenize(list(texts), tracer.max_tokens + 1)
    n_cut = sum(len(row) > tracer.max_tokens for row in rows)
    if not n_cut:
        return []
    return [
        f"{n_cut} of {len(texts)} texts are longer than {tracer.max_tokens} tokens, and "
        "polar-detect reads no further (--max-tokens)."
    ]


def measure(
    labels: NDArray[np.bool_],
    scored: Sequence[Scored],
    settings: Settings,
    *,
    progress: Progress | None = None,
) -> list[MethodResult]:
    """Return figures, intervals and differences of every method, best AUROC first."""
    ranked = sorted(scored, key=lambda s: (-metrics.auroc(labels, s.scores), s.s_per_1000))
    best_baseline = next(s for s in ranked if not s.is_ours)
    stage = Tracker(progress).stage("intervals", len(ranked))
    results = []
    for own in ranked:

        def difference(other: Scored, own: Scored = own) -> metrics.Difference:
            return metrics.paired_difference(
                FIGURES[DECIDES],
                labels,
                own.scores,
                other.scores,
                n_resamples=settings.n_resamples,
                seed=settings.seed,
            )

        results.append(_result(own, labels, settings, difference, (best_baseline, ranked[0])))
        stage.advance(1)
    return results


def _run_baselines(task: Task, settings: Settings, tracker: Tracker) -> Iterator[Scored]:
    views = views_of(task, settings.encoder)
    stage = tracker.stage("baselines", len(views) * len(BASELINES))
    for view in views:
        seen = view.see(task.train, task.test)
        for baseline in BASELINES:
            yield _run_baseline(baseline, seen, task, settings.seed)
            stage.advance(1)


def _run_baseline(baseline: Baseline, seen: Seen, task: Task, seed: int) -> Scored:
    labels = task.train.target
    start = time.perf_counter()
    score = baseline.fit(seen, labels, seed)
    fitted = time.perf_counter()
    scores = score(seen.test)
    score_s = time.perf_counter() - fitted + seen.score_s
    return Scored(
        name=baseline.name,
        view=seen.name,
        is_supervised=baseline.learns_from_labels and is_labelled(labels),
        is_ours=False,
        scores=scores,
        fit_s=fitted - start + seen.fit_s,
        s_per_1000=1000 * score_s / len(task.test),
    )


def _run_detector(detector: PolarDetector, task: Task, progress: Progress | None) -> Scored:
    train = task.train
    is_supervised = detector.detector == "lightgbm" and is_labelled(train.target)
    kept = np.flatnonzero(~train.target | is_supervised)
    shown, labels = train.take(kept), train.target[kept]
    detector.set_params(rows=task.template)
    start = time.perf_counter()
    detector.fit(shown.texts, labels if is_supervised else None, progress=progress)
    fitted = time.perf_counter()
    scores = -detector.score_samples(task.test.texts)
    score_s = time.perf_counter() - fitted
    return Scored(
        name=f"polar-detect {detector.detector}",
        view="text" if task.template is None else "row and its numbers",
        is_supervised=is_supervised,
        is_ours=True,
        scores=scores,
        fit_s=fitted - start,
        s_per_1000=1000 * score_s / len(task.test),
    )


def _without_unscored(
    labels: NDArray[np.bool_], scored: Sequence[Scored]
) -> tuple[NDArray[np.bool_], list[Scored], list[str]]:
    """Leave out, for every method, the rows that one of them cannot score."""
    is_finite = np.all([np.isfinite(s.scores) for s in scored], axis=0)
    n_left_out = int((~is_finite).sum())
    kept = labels[is_finite]
    if kept.all() or not kept.any():
        raise InputError(
            "Got test rows of one class only, once rows without text are left out; expected "
            "normal and anomalous ones; check the text column."
        )
    notes = [f"{n_left_out} test rows without text were left out."] if n_left_out else []
    return kept, [replace(s, scores=s.scores[is_finite]) for s in scored], notes


def _result(
    own: Scored,
    labels: NDArray[np.bool_],
    settings: Settings,
    difference: Callable[[Scored], metrics.Difference],
    others: tuple[Scored, Scored],
) -> MethodResult:
    best_baseline, best = others
    to_baseline = difference(best_baseline)
    return MethodResult(
        name=own.name,
        view=own.view,
        is_supervised=own.is_supervised,
        is_ours=own.is_ours,
        fit_s=own.fit_s,
        s_per_1000=own.s_per_1000,
        figures={name: _figure(m, labels, own.scores, settings) for name, m in FIGURES.items()},
        to_best_baseline=to_baseline,
        to_best=to_baseline if best is best_baseline else difference(best),
    )


def _figure(
    metric: metrics.Metric, labels: NDArray[np.bool_], scores: Scores, settings: Settings
) -> Figure:
    interval = metrics.bootstrap_interval(
        metric, labels, scores, n_resamples=settings.n_resamples, seed=settings.seed
    )
    return Figure(metric(labels, scores), interval.low, interval.high)
