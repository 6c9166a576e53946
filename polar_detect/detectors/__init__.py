"""Detectors over signatures: scores, SHAP values, storage without pickle."""

import copy

from polar_detect.detectors.auto import AutoHead, TextsHead
from polar_detect.detectors.base import Attribution, Head, TrainingSignatures
from polar_detect.detectors.boosting import LightGBMHead
from polar_detect.detectors.classifier import ClassifierHead, ColumnsClassifierHead
from polar_detect.detectors.columns import ColumnsHead
from polar_detect.detectors.forest import IsolationForestHead
from polar_detect.detectors.pyod import PREFIX, PyODHead
from polar_detect.errors import InputError

HEADS: dict[str, type[Head]] = {
    head.name: head
    for head in (
        *(AutoHead, TextsHead, ColumnsHead, ClassifierHead, ColumnsClassifierHead),
        *(LightGBMHead, IsolationForestHead),
    )
}


def new_head(name: str | Head) -> Head:
    """Return an unfitted detector by name, or a copy of one; `InputError` for anything else."""
    if isinstance(name, Head):
        return copy.deepcopy(name)
    check_named(name)
    if name.startswith(PREFIX):
        return PyODHead.named(name)
    return head_class(name)()


def check_named(detector: object) -> None:
    """Raise `InputError` unless this is a name, of whatever detector, or a detector."""
    if not isinstance(detector, str | Head):
        raise InputError(
            f"Got detector {detector!r}; expected a name such as 'auto', or a Head; choose one."
        )


def head_class(name: str) -> type[Head]:
    """Return the class behind a name; raise `InputError` for an unknown one."""
    if name.startswith(PREFIX):
        return PyODHead
    if name not in HEADS:
        raise InputError(
            f"Got detector '{name}'; expected one of {', '.join(HEADS)}, or {PREFIX}NAME; choose "
            "one of those."
        )
    return HEADS[name]


__all__ = [
    "HEADS",
    "Attribution",
    "AutoHead",
    "ClassifierHead",
    "ColumnsClassifierHead",
    "ColumnsHead",
    "Head",
    "IsolationForestHead",
    "LightGBMHead",
    "PyODHead",
    "TextsHead",
    "TrainingSignatures",
    "check_named",
    "head_class",
    "new_head",
]
