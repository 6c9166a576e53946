"""Which rows may meet the same normal rows: while fitting, none meets itself or its cluster."""

import numpy as np
from numpy.typing import NDArray


def groups_that_meet(
    banned: NDArray[np.bool_] | None, n_texts: int, n_rows: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return rows that may meet the same normal rows, and those; all where too few are left."""
    everything = np.arange(n_rows)
    if banned is None or not n_texts:
        return [(np.arange(n_texts), everything)]
    patterns, place = np.unique(banned, axis=0, return_inverse=True)
    allowed = [np.flatnonzero(~pattern) for pattern in patterns]
    return [
        (np.flatnonzero(place.ravel() == i), own if len(own) > 1 else everything)
        for i, own in enumerate(allowed)
    ]
