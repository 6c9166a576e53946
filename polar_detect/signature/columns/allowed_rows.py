"""Which normal rows a row is held against: all, or all but itself or its own cluster."""

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray


def groups_by_allowed(
    banned: BoolArray | None, n_texts: int, n_rows: int
) -> list[tuple[IndexArray, IndexArray]]:
    """Return groups of rows that may be held against the same normal rows, and those.

    Parameters
    ----------
    banned : (n_texts, n_rows) bool, optional
        Normal rows that a row must not be held against; None of them where it is None.
    n_texts, n_rows : int
        Rows, and normal rows.

    Returns
    -------
    list of ((n_group,) intp, (n_allowed,) intp)
        Each row is in one group. Where fewer than two normal rows are left, all are allowed.
    """
    everything = np.arange(n_rows)
    if banned is None or not n_texts:
        return [(np.arange(n_texts), everything)]
    groups: dict[bytes, list[int]] = {}  # rows by what they are banned from
    for i, pattern in enumerate(np.packbits(banned, axis=1)):
        groups.setdefault(pattern.tobytes(), []).append(i)
    found = []
    for rows in groups.values():
        allowed = np.flatnonzero(~banned[rows[0]])
        found.append((np.asarray(rows), allowed if len(allowed) > 1 else everything))
    return found
