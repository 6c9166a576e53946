"""Every method run on the same rows, and how long that took."""

import shlex
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from sklearn.base import clone

from polar_detect import models
from polar_detect.arrays import BoolArray
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.by_columns import WITHOUT_MODELS, chosen_head, doubts_of_words
from polar_detect.compare.baselines import BASELINES, Baseline, is_labelled
from polar_detect.compare.comparison import Comparison, Method, Scored, Settings
from polar_detect.compare.feasibility import check_fittable
from polar_detect.compare.measuring import measure
from polar_detect.compare.memory import Memory, with_memory
from polar_detect.compare.reading import Task
from polar_detect.compare.views import Cost, Seen, choose_views
from polar_detect.detector import PolarDetector
from polar_detect.detectors import (
    AutoHead,
    ClassifierHead,
    ColumnsClassifierHead,
    ColumnsHead,
    Head,
    TextsHead,
    new_head,
)
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.fluency import advise
from polar_detect.progress import Progress, Tracker
from polar_detect.settings import Settings as FitSettings
from polar_detect.signature.tracer import Tracer
from polar_detect.tables import RowTemplate
from polar_detect.texts import doubts_of_texts

# A head that a detector is fitted with, and whether it is given labels.
_Way = tuple[str | Head, bool]
# What runs beside a detector where anomalies are labelled, for whoever fears no other kinds; none
# beside `texts`, as what `classifier` goes by hangs on the rows.
_CLASSIFIERS = {
    AutoHead.name: (ClassifierHead.name,),
    TextsHead.name: (),
    ColumnsHead.name: (ColumnsClassifierHead.name,),
}


def compare_detectors(
    task: Task, settings: Settings, *, progress: Progress | None = None
) -> Comparison:
    """Run the baselines and the detectors on the same rows and measure them.

    Whatever learns from labels gets the training labels where at least five rows are labelled
    anomalous; everything else is fitted on the normal training rows. Test labels are read by
    the figures alone.

    Raises
    ------
    InputError
        Too few normal training texts or labelled anomalies for a detector, which is said before
        anything runs; or test rows of one class only, once rows without text are left out.
    """
    settings, asked = _as_chosen(task, settings), settings
    check_fittable(task, settings)
    scored = run_methods(task, settings, progress=progress)
    labels, scored, notes = _without_unscored(task.test.target, scored)
    results = measure(labels, scored, settings, progress=progress)
    notes += _said_of_choice(asked, settings)
    notes += _said_of_columns(task, settings)
    for detector in _reading_texts(settings)[:1]:
        own, texts = detector.engine_.extractor, [*task.train.texts, *task.test.texts]
        notes += note_cut_texts(texts, own.tracer)
        names = {"model_name": detector.model, "encoder_name": detector.encoder_}
        notes += advise(own.tracer.backbone, own.encoder, texts, **names)
    labelled = int(task.train.target.sum())
    if labelled and not is_labelled(task.train.target):
        notes.append(f"{labelled} labelled anomalous training rows are too few to learn from.")
    normal = task.train.take(np.flatnonzero(~task.train.target)).texts
    notes += [f"Of the training rows: {doubt}." for doubt in doubts_of_texts(normal)]
    return Comparison(
        results=tuple(results),
        n_train=(len(task.train) - labelled, labelled),
        n_test=(int((~labels).sum()), int(labels.sum())),
        text_source=task.text_source,
        columns=task.columns,
        notes=(*task.notes, *notes),
        telling=task.telling,
        fit_options=task.fit_options,
        model_options=" ".join(_model_options(settings)),
        are_rows=task.template is not None,
    )


def _model_options(settings: Settings) -> list[str]:
    """Return the options of `fit` that say which models the detectors had, and what they read."""
    defaults = {
        "model": models.DEFAULT_MODEL,
        "encoder": models.AUTO_ENCODER,
        "max_tokens": MAX_TOKENS,
    }
    return [
        f"--{name.replace('_', '-')} {shlex.quote(str(getattr(detector, name)))}"
        for detector in _reading_texts(settings)[:1]
        for name, default in defaults.items()
        if getattr(detector, name) != default
    ]


def _runs_models(settings: Settings) -> bool:
    """Return whether models are at hand: not where only detectors are asked for that need none."""
    return not settings.detectors or bool(_reading_texts(settings))


def _said_of_choice(asked: Settings, chosen: Settings) -> list[str]:
    """Return which detectors go by columns here, though their names leave it open."""
    kept = {own.detector for own in chosen.detectors}
    return [
        "The normal rows hold nothing but numbers and words that repeat, dates and the like aside, "
        f"so {given} is {WITHOUT_MODELS[given]} here; --detectors texts has models read them."
        for given in (str(own.detector) for own in asked.detectors if own.detector not in kept)
    ]


def _said_of_columns(task: Task, settings: Settings) -> list[str]:
    """Return which columns our detectors leave out, and what is left out beside columns alone."""
    notes = []
    if task.columns and task.template is None and settings.detectors:
        notes.append(
            "polar-detect reads the texts alone, and not these numbers and categories; with "
            "--columns it reads rows as a whole."
        )
    asked = _is_asked(ColumnsHead.name, settings) or bool(_unasked(task, settings))
    if asked and task.template is not None:
        doubts = doubts_of_words(task.template, task.train.texts)
        notes += [f"Of polar-detect columns: {doubt}." for doubt in doubts]
    if not _runs_models(settings):
        notes.append("No model was run, and so no baseline on sentence embeddings.")
    return notes


def run_methods(
    task: Task, settings: Settings, *, progress: Progress | None = None
) -> list[Scored]:
    """Return the test scores of every baseline and detector; no test label is read."""
    settings = _as_chosen(task, settings)
    scored = [*_run_baselines(task, settings, Tracker(progress))]
    for detector in (*settings.detectors, *_unasked(task, settings)):
        scored += _run_detector(detector, _ways(detector, task, settings), task, progress)
    return scored


def _as_chosen(task: Task, settings: Settings) -> Settings:
    """Return settings with the detectors that are fitted on these rows; the same where all are."""
    normal = task.train.take(np.flatnonzero(~task.train.target)).texts
    chosen = (_chosen(own, task.template, normal) for own in settings.detectors)
    found = {own.detector: own for own in chosen}
    detectors = tuple(found.values())
    return settings if detectors == settings.detectors else replace(settings, detectors=detectors)


def _chosen(
    detector: PolarDetector, rows: RowTemplate | None, normal: Sequence[str]
) -> PolarDetector:
    """Return the detector that one is on these rows; itself where it reads texts all the same."""
    own = FitSettings.of(detector.get_params(deep=False) | {"rows": rows})
    head = chosen_head(own, normal)
    is_same = head.reads_texts or detector.detector == head.name
    return detector if is_same else clone(detector).set_params(detector=head.name)


def _reading_texts(settings: Settings) -> list[PolarDetector]:
    return [d for d in settings.detectors if new_head(d.detector).reads_texts]


def _unasked(task: Task, settings: Settings) -> list[PolarDetector]:
    """Return the detector of columns beside the default one, where rows have some to go by.

    It takes a moment, and whoever can do with it saves all the time that the models take.
    """
    rows = task.template
    if rows is None or not rows.counts_columns or _is_asked(ColumnsHead.name, settings):
        return []
    beside = [d for d in settings.detectors if d.detector == AutoHead.name]
    return [clone(d).set_params(detector=ColumnsHead.name) for d in beside[:1]]


def _is_asked(name: str, settings: Settings) -> bool:
    return any(detector.detector == name for detector in settings.detectors)


def note_cut_texts(texts: Sequence[str], tracer: Tracer) -> list[str]:
    """Return a note on texts that are longer than the language model reads, if there are any."""
    n_cut = tracer.count_cut(texts)
    if not n_cut:
        return []
    return [
        f"{n_cut} of {len(texts)} texts are longer than {tracer.max_tokens} tokens, and "
        "polar-detect reads no further (--max-tokens)."
    ]


def _run_baselines(task: Task, settings: Settings, tracker: Tracker) -> Iterator[Scored]:
    views = choose_views(task, settings.encoder if _runs_models(settings) else None)
    stage = tracker.stage("baselines", len(views) * len(BASELINES))
    labels = task.train.target
    for view in views:
        seen = view.see(task.train, task.test)
        normal = view.see_part(seen, task.train, task.test, np.flatnonzero(~labels))
        for baseline in BASELINES:
            is_supervised = baseline.learns_from_labels and is_labelled(labels)
            method = Method(
                name=baseline.name,
                view=view.name,
                is_supervised=is_supervised,
                recipe=f"{baseline.recipe} on {view.recipe}",
                cost=view.cost,
            )
            own, targets = (seen, labels) if is_supervised else (normal, labels[~labels])
            yield _run_baseline(baseline, method, own, targets, settings.seed)
            stage.advance(1)


def _run_baseline(
    baseline: Baseline, method: Method, seen: Seen, labels: BoolArray, seed: int
) -> Scored:
    start = time.perf_counter()
    score = baseline.fit(seen, labels, seed)
    fitted = time.perf_counter()
    scores = score(seen.test)
    score_s = time.perf_counter() - fitted + seen.score_s
    return Scored(
        method=method,
        scores=scores,
        fit_s=fitted - start + seen.fit_s,
        s_per_1000=1000 * score_s / len(scores),
    )


def _ways(detector: PolarDetector, task: Task, settings: Settings) -> list[_Way]:
    """Return heads that a detector is fitted with, and whether each is given labels.

    The default one, that of texts and that of columns are fitted without, which says what to
    expect of anomalies of kinds that nobody has labelled, and with labels; and so is a classifier,
    for whoever expects no such kinds, unless it is asked for by itself.
    """
    own = detector.detector
    if not (new_head(own).learns_from_labels and is_labelled(task.train.target)):
        return [(own, False)]
    if not isinstance(own, str) or own not in _CLASSIFIERS:
        return [(own, True)]
    added = [name for name in _CLASSIFIERS[own] if not _is_asked(name, settings)]
    return [(own, False), (own, True), *((name, True) for name in added)]


def _run_detector(
    detector: PolarDetector, ways: Sequence[_Way], task: Task, progress: Progress | None
) -> Iterator[Scored]:
    """Fit a detector in all its ways on the same rows, which are read once."""
    detector.set_params(rows=task.template)
    train = task.train
    reads_texts = new_head(detector.detector).reads_texts
    memory = with_memory(detector, train.texts) if reads_texts else Memory()
    given = detector.detector
    for head, is_supervised in ways:
        if head != given and not _is_taught(detector):
            continue
        detector.set_params(detector=head)
        kept = np.flatnonzero(~train.target | is_supervised)
        shown, labels = train.take(kept), train.target[kept]
        start = memory.clock()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)  # a note says it
            detector.fit(shown.texts, labels if is_supervised else None, progress=progress)
        fitted = memory.clock()
        scores = -detector.score_samples(task.test.texts)
        score_s = memory.clock() - fitted
        method = Method(
            name=f"polar-detect {head}{' with labels' if is_supervised else ''}",
            view=_view_of(task, reads_texts=reads_texts),
            is_supervised=is_supervised,
            cost=cost_of(new_head(head)),
            detector=str(head),
        )
        yield Scored(
            method=method,
            scores=scores,
            fit_s=fitted - start,
            s_per_1000=1000 * score_s / len(task.test),
        )
    detector.set_params(detector=given)
    memory.readings.clear()


def _view_of(task: Task, *, reads_texts: bool) -> str:
    """Return what a detector of ours reads of a row, for programs."""
    if not reads_texts:
        return "columns"
    return "text" if task.template is None else "row and its numbers"


def _is_taught(detector: PolarDetector) -> bool:
    head = detector.fitted_.head
    return isinstance(head, AutoHead) and head.is_taught


def cost_of(head: Head) -> Cost:
    """Return what a detector of ours has to run for a row."""
    if not head.reads_texts:
        return Cost.NO_MODEL
    return Cost.PROGRAMS if head.needs_programs else Cost.LANGUAGE_MODEL


def _without_unscored(
    labels: BoolArray, scored: Sequence[Scored]
) -> tuple[BoolArray, list[Scored], list[str]]:
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
