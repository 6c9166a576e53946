"""Where the scores of a screening fall: what is strange there often stands out from all else."""

from typing import NamedTuple

import numpy as np

from polar_detect.arrays import Float64Array

_FIFTH = 5
_FAR = 3  # times what the usual texts have at most


class Fall(NamedTuple):
    """Where scores fall to half or less from one text to the next."""

    n: int  # texts above it
    above: float  # the lowest score of these
    below: float  # the next one


def last_fall(scores: Float64Array) -> Fall | None:
    """Return the last such fall among the highest fifth of scores, behind which they go on evenly.

    From three times the score behind that fifth, or more; None where there is none.

    >>> last_fall(np.array([np.nan, 0.9, 30.0, 1.0, 8.0, 0.8, 0.7, 0.6, 0.9, 0.8, 0.7]))
    Fall(n=2, above=8.0, below=1.0)
    >>> last_fall(np.array([93.0, 0.7, 0.7, *[0.3] * 17]))
    Fall(n=1, above=93.0, below=0.7)
    >>> last_fall(np.zeros(11)) is None
    True
    """
    ordered = np.sort(scores[~np.isnan(scores)])[::-1]
    highest = ordered[: len(ordered) // _FIFTH + 1]
    above, below = highest[:-1], highest[1:]
    is_far = (above > 0) & (above >= _FAR * highest[-1:])
    falls = np.flatnonzero(is_far & (below <= above / 2))
    if not len(falls):
        return None
    i = int(falls[-1])
    return Fall(i + 1, float(highest[i]), float(highest[i + 1]))
