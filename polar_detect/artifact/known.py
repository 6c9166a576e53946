"""What a detector's folder holds of labelled anomalies: written and read in one place."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from polar_detect.artifact import deviations
from polar_detect.artifact.contents import KNOWN
from polar_detect.features.table import Feature
from polar_detect.signature.known_anomalies import KnownAnomalies, Labelled, is_compared
from polar_detect.stored import Stored

_PART = "known"
_MOST = 2.0  # beyond every similarity, from -1 to 1


def arrays_of(known: KnownAnomalies) -> dict[str, NDArray[Any]]:
    """Return how they deviate, and what that is measured by, by its name in the file."""
    return deviations.arrays_of(_PART, known.deviations, known.normal)


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
    found, normal = deviations.read_deviations(_PART, arrays, n)
    sizes = {n, len(labelled.kinds), len(found.sentences), len(found.columns)}
    if sizes != {n} or not n:
        own.refuse("texts", f"{len(found.columns)} texts and kinds")
    if found.columns.shape[1] != n_compared:
        own.refuse("texts", f"deviations of {n_compared} features")
    return KnownAnomalies(
        labelled,
        found,
        normal,
        own.number("chance", low=-_MOST, high=_MOST),
        own.number("within", low=-_MOST, high=_MOST),
    )
