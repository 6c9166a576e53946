"""Every method run on the same rows, and how long that took."""

import copy
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray
from polar_detect.compare.methods.baselines import (
    BASELINES,
    MIN_LABELLED_ROWS,
    Baseline,
    Scorer,
    is_labelled,
)
from polar_detect.compare.methods.drivers import PartsOf
from polar_detect.compare.methods.feasibility import check_fittable
from polar_detect.compare.methods.lineup import Lineup
from polar_detect.compare.methods.views import Cost, Seen, choose_views, dense
from polar_detect.compare.reading.rows import Rows
from polar_detect.compare.reading.task import Task
from polar_detect.compare.results.comparison import Comparison, Method, Scored, Settings
from polar_detect.compare.results.measuring import best_by_guessing, measure
from polar_detect.detector import PolarDetector
from polar_detect.detectors import AutoHead, Head, new_head
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.models.fluency import advise
from polar_detect.numerics.blas import one_thread
from polar_detect.progress import Progress, Tracker
from polar_detect.texts.doubts import doubts_of_texts

if TYPE_CHECKING:
    from polar_detect.signature.reading.tracer import Tracer


@one_thread(beside_models=True)
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
    lineup = Lineup.of(task, settings.detectors)
    check_fittable(task, lineup.chosen.values())
    scored = [*_run_all(lineup, settings, progress)]
    labels, scored, notes = _without_unscored(task.test.target, scored)
    results = measure(labels, scored, settings, progress=progress)
    notes += lineup.notes()
    if lineup.reader is not None:
        notes += _said_of_models(lineup.reader, [*task.train.texts, *task.test.texts])
    labelled = int(task.train.target.sum())
    if labelled and not is_labelled(task.train.target):
        notes.append(
            f"Labelled anomalous training rows: {labelled}; here methods learn from "
            f"{MIN_LABELLED_ROWS} or more, `fit` from three."
        )
    doubts = doubts_of_texts(task.train.normal.texts)
    notes += [f"Of the training rows: {doubt}." for doubt in doubts]
    return Comparison(
        results=tuple(results),
        n_train=(len(task.train) - labelled, labelled),
        n_test=(int((~labels).sum()), int(labels.sum())),
        text_source=task.text_source,
        columns=task.columns,
        notes=(*task.notes, *notes),
        telling=task.telling,
        fit_options=task.fit_options,
        model_options=lineup.model_options,
        are_rows=task.template is not None,
        is_of_files=task.is_of_files,
        best_by_guessing=best_by_guessing(labels, scored, settings),
    )


@one_thread(beside_models=True)
def run_methods(
    task: Task, settings: Settings, *, progress: Progress | None = None
) -> list[Scored]:
    """Return the test scores of every baseline and detector; no test label is read.

    `compare_detectors` says how well they tell anomalies; these are for whoever asks otherwise.
    """
    return [*_run_all(Lineup.of(task, settings.detectors), settings, progress)]


def _run_all(lineup: Lineup, settings: Settings, progress: Progress | None) -> Iterator[Scored]:
    yield from _run_baselines(lineup, settings, Tracker(progress))
    for detector in (*lineup.chosen.values(), *lineup.unasked):
        yield from _run_detector(detector, lineup, progress)


def _said_of_models(reader: PolarDetector, texts: Sequence[str]) -> list[str]:
    """Return what of the texts the models of a fitted detector do not read."""
    own = reader.engine_.extractor
    names = {"model_name": reader.model, "encoder_name": reader.encoder_}
    unspoken = advise(own.tracer.backbone, own.encoder, texts, **names)
    cut = note_cut_texts(texts, own.tracer, are_whole=not reader.passages)
    return [*cut, *unspoken]


def note_cut_texts(texts: Sequence[str], tracer: "Tracer", *, are_whole: bool = True) -> list[str]:
    """Return a note on texts that are longer than the language model reads, if there are any."""
    n_cut = tracer.count_cut(texts)
    if not n_cut:
        return []
    if not are_whole:
        return [
            f"{n_cut} of {len(texts)} texts are longer than {tracer.max_tokens} tokens; "
            "polar-detect reads them in passages, the sentence encoder of the others their "
            "beginning."
        ]
    return [
        f"{n_cut} of {len(texts)} texts are longer than {tracer.max_tokens} tokens, and "
        "polar-detect reads no further (--max-tokens)."
    ]


def _run_baselines(lineup: Lineup, settings: Settings, tracker: Tracker) -> Iterator[Scored]:
    task = lineup.task
    views = choose_views(task, settings.encoder if lineup.runs_models else None)
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
            scorer, scored = _run_baseline(baseline, method, own, targets, settings.seed)
            yield replace(scored, parts_of=_parts_of_baseline(scorer, own, task.test))
            stage.advance(1)


def _run_baseline(
    baseline: Baseline, method: Method, seen: Seen, labels: BoolArray, seed: int
) -> tuple[Scorer, Scored]:
    start = time.perf_counter()
    scorer = baseline.fit(seen, labels, seed)
    fitted = time.perf_counter()
    scores = scorer.scores_of(seen.test)
    score_s = time.perf_counter() - fitted + seen.score_s
    return scorer, Scored(
        method=method,
        scores=scores,
        fit_s=fitted - start + seen.fit_s,
        s_per_1000=1000 * score_s / len(scores),
    )


def _parts_of_baseline(scorer: Scorer, seen: Seen, test: Rows) -> PartsOf | None:
    values_of, parts_by = scorer.parts_of, seen.parts_by
    if values_of is None or parts_by is None:
        return None
    return lambda index: parts_by(values_of(dense(seen.test[index])), test.take(index))


def _parts_of_detector(detector: PolarDetector, test: Rows) -> PartsOf | None:
    """Return what says the parts of a detector that goes by columns; of others it takes long."""
    if detector.fitted_.head.reads_texts:
        return None
    own = copy.copy(detector)  # which the next way fits anew
    return lambda index: own.explain(test.take(index).read_by(models=False)).by_column()


def _run_detector(
    detector: PolarDetector, lineup: Lineup, progress: Progress | None
) -> Iterator[Scored]:
    """Fit a detector in all its ways on the same rows, which are read once."""
    task, train = lineup.task, lineup.task.train
    reads_texts, template = new_head(detector.detector).reads_texts, task.template
    if reads_texts and template is not None:
        template = template.rounded()
    detector.set_params(rows=template)
    memory, clock = None, time.perf_counter
    if reads_texts:
        from polar_detect.memory import with_memory  # imports torch

        known = {*train.texts, *task.test.texts}
        memory = with_memory(detector, train.texts, remembered=known)
        clock = memory.clock
    given = detector.detector
    for head, is_supervised in lineup.ways(detector):
        if head != given and not _is_taught(detector):
            continue
        detector.set_params(detector=head)
        kept = np.flatnonzero(~train.target | is_supervised)
        shown, labels = train.take(kept), train.target[kept]
        start = clock()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)  # a note says it
            detector.fit(
                shown.read_by(models=reads_texts),
                labels if is_supervised else None,
                groups=shown.groups,  # of a random split the rows to score may stand between them
                progress=progress,
            )
        fitted = clock()
        scores = -detector.score_samples(task.test.read_by(models=reads_texts))
        score_s = clock() - fitted
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
            parts_of=_parts_of_detector(detector, task.test),
        )
    detector.set_params(detector=given)
    if memory is not None:
        memory.clear()


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
    return kept, [_rows_of(s, np.flatnonzero(is_finite)) for s in scored], notes


def _rows_of(scored: Scored, kept: IndexArray) -> Scored:
    """Return the same of the test rows that are kept."""
    parts_of = scored.parts_of
    own = None if parts_of is None else lambda index: parts_of(kept[index])
    return replace(scored, scores=scored.scores[kept], parts_of=own)
