"""What a detector's folder holds of reviewed texts that were found fine: arrays alone."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polar_detect.features.table import Feature
from polar_detect.signature.found_fine import FoundFine
from polar_detect.signature.known_anomalies import Deviations, is_compared
from polar_detect.stored import Stored

_COLUMNS, _SENTENCES, _LIMIT = "fine_columns.points", "fine_sentences.points", "fine_limit.value"


def arrays_of(fine: FoundFine) -> dict[str, NDArray[Any]]:
    """Return how they deviate, and what that is measured by, by its name in the file."""
    points = {_COLUMNS: fine.deviations.columns, _SENTENCES: fine.deviations.sentences}
    found: dict[str, NDArray[Any]] = {name: own for name, own in points.items() if own.shape[1]}
    if fine.normal is not None:
        part = _SENTENCES.split(".")[0]
        found |= {f"{part}.{f.name}": getattr(fine.normal, f.name) for f in fields(fine.normal)}
    return found | {_LIMIT: np.asarray([fine.limit])}


def read_fine(
    manifest: Stored, arrays: Mapping[str, Any], features: Sequence[Feature]
) -> FoundFine | None:
    """Return them; None where there were none, or an earlier version kept none.

    Parameters
    ----------
    manifest : Stored
    arrays : mapping of str to array
        That fit together.
    features : sequence of Feature
        Of signatures.
    """
    if _LIMIT not in arrays:
        return None
    points = [own for name in (_COLUMNS, _SENTENCES) if (own := arrays.get(name)) is not None]
    none = np.zeros((len(points[0]) if points else 0, 0), np.float32)
    deviations = Deviations(arrays.get(_SENTENCES, none), arrays.get(_COLUMNS, none))
    n_compared = sum(map(is_compared, features))
    sizes = {len(deviations.sentences), len(deviations.columns)}
    if not points or len(sizes) > 1 or deviations.columns.shape[1] != n_compared:
        manifest.refuse("features", f"deviations of {deviations.columns.shape[1]} features")
    normal = None
    if _SENTENCES in arrays:
        from polar_detect.signature.normal.changes import Covariances  # and torch

        part = _SENTENCES.split(".")[0]
        normal = Covariances(*(arrays[f"{part}.{f.name}"] for f in fields(Covariances)))
    return FoundFine(deviations, normal, float(arrays[_LIMIT][0]))
