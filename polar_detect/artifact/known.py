"""What a detector's folder holds of labelled anomalies: written and read in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polar_detect.artifact.contents import KNOWN
from polar_detect.features.table import Feature
from polar_detect.signature.known_anomalies import (
    Deviations,
    KnownAnomalies,
    Labelled,
    is_compared,
)
from polar_detect.stored import Stored

_COLUMNS, _SENTENCES = "known_columns.points", "known_sentences.points"
_MOST = 2.0  # beyond every similarity, from -1 to 1


def arrays_of(known: KnownAnomalies) -> dict[str, NDArray[Any]]:
    """Return how they deviate, and what that is measured by, by its name in the file."""
    points = {_COLUMNS: known.deviations.columns, _SENTENCES: known.deviations.sentences}
    found: dict[str, NDArray[Any]] = {name: own for name, own in points.items() if own.shape[1]}
    if known.normal is not None:
        part = _SENTENCES.split(".")[0]
        found |= {f"{part}.{f.name}": getattr(known.normal, f.name) for f in fields(known.normal)}
    return found


def said_of(known: KnownAnomalies) -> dict[str, Any]:
    """Return what the JSON file says of them."""
    return {
        "texts": [*known.labelled.texts],
        "kinds": [*known.labelled.kinds],
        "chance": known.chance,
        "within": known.within,
    }


def read_known(
    manifest: Stored, arrays: Mapping[str, Any], features: Sequence[Feature]
) -> KnownAnomalies | None:
    """Return the labelled anomalies; None where there were none, or an earlier version kept none.

    Parameters
    ----------
    manifest : Stored
    arrays : mapping of str to array
        That fit together.
    features : sequence of Feature
        Of signatures.
    """
    if KNOWN not in manifest.get("files"):
        return None
    own = Stored.read(manifest.path.parent / KNOWN)
    labelled = Labelled(own.texts("texts"), own.texts("kinds"))
    n, n_compared = len(labelled), sum(map(is_compared, features))
    none = np.zeros((n, 0), np.float32)
    deviations = Deviations(arrays.get(_SENTENCES, none), arrays.get(_COLUMNS, none))
    sizes = {n, len(labelled.kinds), len(deviations.sentences), len(deviations.columns)}
    if sizes != {n} or not n:
        own.refuse("texts", f"{len(deviations.columns)} texts and kinds")
    if deviations.columns.shape[1] != n_compared:
        own.refuse("texts", f"deviations of {n_compared} features")
    normal = None
    if _SENTENCES in arrays:
        from polar_detect.signature.normal.changes import Covariances  # and torch

        part = _SENTENCES.split(".")[0]
        normal = Covariances(*(arrays[f"{part}.{f.name}"] for f in fields(Covariances)))
    return KnownAnomalies(
        labelled,
        deviations,
        normal,
        own.number("chance", low=-_MOST, high=_MOST),
        own.number("within", low=-_MOST, high=_MOST),
    )
