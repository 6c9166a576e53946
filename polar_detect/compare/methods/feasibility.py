"""Whether the detectors asked for can be fitted on the rows at hand, before anything is fitted."""

from collections.abc import Collection

import numpy as np

from polar_detect.compare.methods.baselines import MIN_LABELLED_ROWS, is_labelled
from polar_detect.compare.reading.rows import Rows
from polar_detect.compare.reading.task import Task
from polar_detect.detector import PolarDetector
from polar_detect.detectors import new_head
from polar_detect.detectors.classifier import check_that_labels_teach
from polar_detect.errors import InputError
from polar_detect.pipeline.choice import check_settings
from polar_detect.pipeline.settings import Settings
from polar_detect.pipeline.training import MIN_NORMAL, too_few, too_few_labelled


def check_fittable(task: Task, detectors: Collection[PolarDetector]) -> None:
    """Raise `InputError` where one of the detectors asked for cannot be fitted on these rows.

    As there are too few normal training texts for any, too few labelled anomalies for one that
    needs them, or no columns for one that goes by these.
    """
    if not detectors:
        return
    _check_normal(task)
    _check_labels(task, detectors)
    for detector in detectors:
        _check_columns(task, detector)


def _check_normal(task: Task) -> None:
    """Raise `InputError` where a detector cannot be fitted on so few normal training texts."""
    n_normal, n_held_back = map(_n_normal, (task.train, task.test))
    if n_normal >= MIN_NORMAL:
        return
    if task.is_split and n_normal + n_held_back >= MIN_NORMAL:
        raise InputError(
            f"Got {n_normal} normal rows to fit on, as {n_held_back} are held back to test on; "
            f"expected at least {MIN_NORMAL}; pass a smaller --test-share, or add normal rows."
        )
    n_labelled = n_normal + (n_held_back if task.is_split else 0)
    if n_labelled < MIN_NORMAL <= n_labelled + task.n_unlabelled:
        raise InputError(too_few_labelled(task.train_file, n_labelled, task.n_unlabelled))
    raise InputError(too_few(n_normal))


def _check_labels(task: Task, detectors: Collection[PolarDetector]) -> None:
    """Raise `InputError` where a detector cannot be fitted on so few labelled anomalies."""
    labels = task.train.target
    needing = [str(d.detector) for d in detectors if new_head(d.detector).needs_labels]
    if not needing:
        return
    if not is_labelled(labels):
        raise InputError(
            f"Got {int(labels.sum())} labelled anomalous training rows; expected at least "
            f"{MIN_LABELLED_ROWS} for the detector {needing[0]}; label more, or leave it out."
        )
    check_that_labels_teach(task.train.take(np.flatnonzero(labels)).texts)


def _check_columns(task: Task, detector: PolarDetector) -> None:
    """Raise `InputError` where a detector goes by columns, and rows have none for it."""
    head = new_head(detector.detector)
    if head.reads_texts:
        return
    if task.template is None:
        raise InputError(
            f"Got {task.text_source} of texts for the detector {head.name}, which goes by the "
            "columns of rows; expected rows; pass several columns with --columns, or leave the "
            "detector out."
        )
    check_settings(Settings.of(detector, rows=task.template))


def _n_normal(rows: Rows) -> int:
    pairs = zip(rows.texts, rows.target, strict=True)
    return sum(bool(text.strip()) for text, is_anomalous in pairs if not is_anomalous)
