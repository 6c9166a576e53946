"""What a detector's folder holds of reviewed texts that were found fine: arrays alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polar_detect.artifact import deviations
from polar_detect.features.table import Feature
from polar_detect.signature.found_fine import FoundFine
from polar_detect.signature.known_anomalies import is_compared
from polar_detect.stored import Stored

_PART, _LIMIT = "fine", "fine_limit.value"


def arrays_of(fine: FoundFine) -> dict[str, NDArray[Any]]:
    """Return how they deviate, and what that is measured by, by its name in the file."""
    found = deviations.arrays_of(_PART, fine.deviations, fine.normal)
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
    n, n_compared = deviations.n_kept(_PART, arrays), sum(map(is_compared, features))
    found, normal = deviations.read_deviations(_PART, arrays, n)
    sizes = {len(found.sentences), len(found.columns)}
    if not n or len(sizes) > 1 or found.columns.shape[1] != n_compared:
        manifest.refuse("features", f"deviations of {found.columns.shape[1]} features")
    return FoundFine(found, normal, float(arrays[_LIMIT][0]))
