"""Detectors over signatures: scores, exact SHAP values, storage without pickle."""

from polar_detect.detectors.auto import AutoHead
from polar_detect.detectors.base import Attribution, Head
from polar_detect.detectors.boosting import LightGBMHead
from polar_detect.detectors.forest import IsolationForestHead
from polar_detect.errors import InputError

HEADS: dict[str, type[Head]] = {
    head.name: head for head in (AutoHead, LightGBMHead, IsolationForestHead)
}


def new_head(name: str) -> Head:
    """Return an unfitted detector by name; raise `InputError` for an unknown one."""
    if name not in HEADS:
        raise InputError(
            f"Got detector '{name}'; expected one of {', '.join(HEADS)}; choose one of those."
        )
    return HEADS[name]()


__all__ = [
    "HEADS",
    "Attribution",
    "AutoHead",
    "Head",
    "IsolationForestHead",
    "LightGBMHead",
    "new_head",
]
