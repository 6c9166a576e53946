"""What a detector's folder holds of what `fit` was given, for an update: written and read here.

Texts that new ones are held against stand in a file of their own; here is how they came, and what
else came with them.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import IndexArray
from polar_detect.artifact.contents import GIVEN
from polar_detect.pipeline.standing import Standing
from polar_detect.pipeline.training import ByLabel
from polar_detect.signature.known_anomalies import Labelled
from polar_detect.stored import Stored


def said_of(given: ByLabel, kept: Sequence[str]) -> dict[str, Any]:
    """Return what the JSON file says, beside the texts that are `kept`."""
    left: dict[str, list[int]] = defaultdict(list)
    for i in reversed(range(len(given.normal))):
        left[given.normal[i]].append(i)
    places = [left[text].pop() for text in kept]
    others = sorted(i for own in left.values() for i in own)
    return {
        "held_out": [given.normal[i] for i in others],
        "places": [*places, *others],
        "labelled": [*given.anomalous.texts],
        "kinds": [*given.anomalous.kinds],
        "reviewed": np.flatnonzero(given.is_reviewed).tolist(),
        "are_in_time": given.standing.is_in_time,
        "are_lots_given": given.standing.are_given,
        "lots": {name: own.tolist() for name, own in given.standing.lots.items()},
    }


def read_given(manifest: Stored, kept: Sequence[str]) -> ByLabel | None:
    """Return what `fit` was given; None where texts are not kept, or an earlier version wrote it.

    Parameters
    ----------
    manifest : Stored
    kept : sequence of str
        Texts that new ones are held against.
    """
    if GIVEN not in manifest.get("files"):
        return None
    own = Stored.read(manifest.path.parent / GIVEN)
    texts = np.asarray([*kept, *own.texts("held_out")], object)
    places, n = _counts(own, "places", len(texts)), len(texts)
    if len(places) != n or len({*places.tolist()}) != n:
        own.refuse("places", f"the places of {n} texts, each once")
    is_reviewed = np.zeros(n, bool)
    is_reviewed[_counts(own, "reviewed", n)] = True
    labelled = Labelled(own.texts("labelled"), own.texts("kinds"))
    if len(labelled.kinds) != len(labelled):
        own.refuse("kinds", f"the kinds of {len(labelled)} texts")
    normal = np.empty_like(texts)
    normal[places] = texts
    return ByLabel(normal.tolist(), labelled, _standing(own, n), is_reviewed)


def _standing(own: Stored, n: int) -> Standing:
    lots = own.part("lots")
    names: dict[str, NDArray[np.object_]] = {}
    for name in lots.names:
        names[name] = np.asarray(lots.texts(name), object)
        if len(names[name]) != n:
            lots.refuse(name, f"lots of {n} texts")
    are_given = own.get("are_lots_given") is True
    if are_given and len(names) != 1:
        own.refuse("lots", "those of one column")
    return Standing(own.get("are_in_time") is True, names, are_given)


def _counts(own: Stored, key: str, n: int) -> IndexArray:
    """Return the places of texts that stand at `key`."""
    found = own.get(key)
    is_valid = isinstance(found, list) and all(type(i) is int and 0 <= i < n for i in found)
    if not is_valid:
        own.refuse(key, f"places of {n} texts")
    return np.asarray(found, np.int64)
