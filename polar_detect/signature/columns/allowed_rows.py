"""Which normal rows a row is held against: all, or all but itself or its own cluster."""

from collections.abc import Sequence

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray

Group = tuple[IndexArray, IndexArray]
"""Rows that may be held against the same normal rows, (n_group,), and those, (n_allowed,)."""


def groups_by_allowed(banned: BoolArray | None, n_texts: int, n_rows: int) -> list[Group]:
    """Return groups of rows that may be held against the same normal rows, and those.

    Parameters
    ----------
    banned : (n_texts, n_rows) bool, optional
        Normal rows that a row must not be held against; None of them where it is None.
    n_texts, n_rows : int
        Rows, and normal rows.

    Returns
    -------
    list of Group
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


def merged(groups: Sequence[Group], n_rows: int, most: int) -> list[Group]:
    """Return some `most` groups where there are more, several that follow one another as one.

    Rows of one may be held against the normal rows that all of them may be. None loses more than
    n_rows / `most` of its own by that: groups that would stay by themselves.

    >>> groups = groups_by_allowed(np.eye(6, dtype=bool), 6, 6)
    >>> [(rows.tolist(), allowed.tolist()) for rows, allowed in merged(groups, 6, 3)]
    [([0, 1], [2, 3, 4, 5]), ([2, 3], [0, 1, 4, 5]), ([4, 5], [0, 1, 2, 3])]
    """
    if len(groups) <= most:
        return [*groups]
    size = -(-len(groups) // most)
    found: list[Group] = []
    n_joined = n_own = 0  # groups in the last one, and what the least restricted of these may meet
    for rows, allowed in groups:
        if 0 < n_joined < size:
            shared = np.intersect1d(found[-1][1], allowed, assume_unique=True)
            if max(n_own, len(allowed)) - len(shared) <= n_rows / most:
                found[-1] = np.append(found[-1][0], rows), shared
                n_joined, n_own = n_joined + 1, max(n_own, len(allowed))
                continue
        found.append((rows, allowed))
        n_joined, n_own = 1, len(allowed)
    return found
