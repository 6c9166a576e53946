"""The default detector's views of the numbers of rows, and what they count for beside the text."""

from collections.abc import Sequence

import numpy as np

from polar_detect.detectors.scale import Vector
from polar_detect.signature.features import Feature
from polar_detect.signature.numbers import LIKENESS, column_of, kind_of

_TEXT_COUNTS = 2.0  # columns


def column_share(features: Sequence[Feature]) -> float:
    """Return the weight of the columns beside what the text says, which counts as a few."""
    n_columns = len({column_of(feature) for feature in features} - {None})
    return n_columns / (n_columns + _TEXT_COUNTS)


def column_views(features: Sequence[Feature], spreads: Vector) -> list[Vector]:
    """Return the views of the default detector on columns, as weights.

    The mean size of the residuals, and the distance to the nearest normal rows. The value
    alone is left out: with a third of the weight, mean AUROC over 15 trials fell from .865 to
    .860.

    Parameters
    ----------
    features : sequence of Feature
    spreads : (n_features,) float64
        What the features were divided by.

    Returns
    -------
    list of (2 n_features,) float64
        Weights of the standardised features and, after them, of their absolute values; empty
        where there are no columns.
    """
    kinds = [kind_of(feature) for feature in features]
    residuals, distances = (
        np.flatnonzero([own == kind for own in kinds]) for kind in ("residual", "distance")
    )
    if not len(residuals):
        return []
    views = [np.zeros(2 * len(features)) for _ in range(2)]
    views[0][len(features) + residuals] = spreads[residuals] / len(residuals)
    views[1][distances] = spreads[distances] / len(distances)
    return views


def column_likeness(features: Sequence[Feature], spreads: Vector) -> list[Vector]:
    """Return how like labelled anomalies the numbers are: the sum of the columns' parts of it.

    As weights, like `column_views`; empty where signatures do not say.
    """
    parts = np.flatnonzero([kind_of(feature) == LIKENESS for feature in features])
    if not len(parts):
        return []
    weights = np.zeros(2 * len(features))
    weights[parts] = spreads[parts]
    return [weights]
