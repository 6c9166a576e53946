"""Where the scores of a screening fall: what is strange there often stands out from all else."""

from typing import NamedTuple

import numpy as np

from polar_detect.arrays import Float64Array

_FIFTH = 5


class Fall(NamedTuple):
    """Where scores fall to half or less from one text to the next."""

    n: int  # texts above it
    above: float  # the lowest score of these
    below: float  # the next one


def last_fall(scores: Float64Array) -> Fall | None:
    """Return the last such fall among the highest fifth of scores, behind which they go on evenly.

    None where there is none.

    >>> last_fall(np.array([np.nan, 0.9, 30.0, 1.0, 8.0, 0.8, 0.7, 0.6, 0.9, 0.8, 0.7]))
    Fall(n=2, above=8.0, below=1.0)
    >>> last_fall(np.zeros(11)) is None
    True
    """
    ordered = np.sort(scores[~np.isnan(scores)])[::-1]
    highest = ordered[: len(ordered) // _FIFTH + 1]
    falls = np.flatnonzero((highest[1:] <= highest[:-1] / 2) & (highest[:-1] > 0))
    if not len(falls):
        return None
    i = int(falls[-1])
    return Fall(i + 1, float(highest[i]), float(highest[i + 1]))
