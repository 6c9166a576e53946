"""Which of some things are alike, as many clusters as there are; others stay by themselves."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from polar_detect.arrays import IndexArray

_MIN_SIZE = 3  # two alike are an anecdote


def clusters(apart: NDArray[np.floating]) -> list[IndexArray]:
    """Return the places of those that are alike, the largest cluster first.

    Average linkage: two clusters are one as long as their members are at most 1 apart on average,
    so that a chain of such as are alike in pairs does not join what its ends have not in common.

    Parameters
    ----------
    apart : (n, n) float
        How far each is from each; 1 is as far as those of a cluster may be on average.

    Source: Sokal and Michener, A statistical method for evaluating systematic relationships, 1958.

    >>> places = np.array([0.0, 0.1, 5.0, 0.2, 9.0, 9.1, 9.3, 9.2])
    >>> [own.tolist() for own in clusters(np.abs(places[:, None] - places))]
    [[4, 5, 6, 7], [0, 1, 3]]
    """
    if len(apart) < _MIN_SIZE:
        return []
    tree = linkage(squareform(apart, checks=False), "average")
    labels = fcluster(tree, 1.0, "distance")
    found = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    large = [own for own in found if len(own) >= _MIN_SIZE]
    return sorted(large, key=lambda own: (-len(own), own[0]))
