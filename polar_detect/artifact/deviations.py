"""How some texts deviate from normal ones, in a detector's folder: arrays, written and read here.

They begin with the name of a part, such as "known".
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polar_detect.signature.known_anomalies import Deviations

if TYPE_CHECKING:  # torch takes seconds to import, and rows that no model reads do without
    from polar_detect.signature.normal.changes import Covariances


def arrays_of(
    part: str, deviations: Deviations, normal: "Covariances | None"
) -> dict[str, NDArray[Any]]:
    """Return how they deviate, and what that is measured by, by its name in the file."""
    columns, sentences = _names(part)
    points = {columns: deviations.columns, sentences: deviations.sentences}
    found: dict[str, NDArray[Any]] = {name: own for name, own in points.items() if own.shape[1]}
    if normal is not None:
        found |= {f"{part}_sentences.{f.name}": getattr(normal, f.name) for f in fields(normal)}
    return found


def n_kept(part: str, arrays: Mapping[str, Any]) -> int:
    """Return of how many texts a part says how they deviate."""
    return max((len(arrays[name]) for name in _names(part) if name in arrays), default=0)


def read_deviations(
    part: str, arrays: Mapping[str, Any], n: int
) -> "tuple[Deviations, Covariances | None]":
    """Return how `n` texts deviate, and what that is measured by."""
    columns, sentences = _names(part)
    none = np.zeros((n, 0), np.float32)
    found = Deviations(arrays.get(sentences, none), arrays.get(columns, none))
    if sentences not in arrays:
        return found, None
    from polar_detect.signature.normal.changes import Covariances  # and torch

    own = (arrays[f"{part}_sentences.{f.name}"] for f in fields(Covariances))
    return found, Covariances(*own)


def _names(part: str) -> tuple[str, str]:
    return f"{part}_columns.points", f"{part}_sentences.points"
