"""The default detector's views of the columns of rows, and what they count for beside the text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polar_detect.detectors.scale import Vector
from polar_detect.signature.column_features import LEVEL, LIKENESS, column_of, kind_of
from polar_detect.signature.features import Feature, FeatureTable

_TEXT_COUNTS = 2.0  # columns
_SAME = 1e-6  # nats within which a category never changes
# By which the view of categories is scaled at least: where normal rows always say what is usual,
# the first exception would be a hundred times as strange as a number of ten standard deviations.
LEAST_NATS = 0.5


def column_shares(normal: FeatureTable) -> Vector:
    """Return the weights of the views of numbers and of categories, those that there are, (…,).

    Beside what the text says, which counts as a few columns; of what numbers leave to words
    categories get theirs beside it. A category counts for as much as can be foretold of it: the
    geometric mean of the shares of what normal rows say there. All those that never change count
    as one, as they tell of new values only.
    """
    numbers = [own for own in normal.features if kind_of(own) != LEVEL]
    n_numbers = len({column_of(own) for own in numbers} - {None})
    places, weights = _levels(normal)
    varies = np.ptp(normal.values[:, places], axis=0) > _SAME
    n_levels = float(weights[varies].sum()) + (not varies.all())
    of_numbers = n_numbers / (n_numbers + _TEXT_COUNTS)
    of_levels = (1 - of_numbers) * n_levels / (n_levels + _TEXT_COUNTS)
    return np.asarray([of_numbers] * (n_numbers > 0) + [of_levels] * (len(places) > 0))


def level_view(normal: FeatureTable, spreads: Vector) -> list[Vector]:
    """Return the view of the default detector on categories, as weights like `column_views`.

    The sum of their surprisals, each for as much as can be foretold of it.
    """
    places, weights = _levels(normal)
    if not len(places):
        return []
    view = np.zeros(2 * len(normal.features))
    view[places] = spreads[places] * weights
    return [view]


def _levels(normal: FeatureTable) -> tuple[NDArray[np.intp], Vector]:
    """Return which features tell of categories, and how much can be foretold of each."""
    places = np.flatnonzero([kind_of(feature) == LEVEL for feature in normal.features])
    return places, np.exp(-normal.values[:, places].mean(0, dtype=np.float64))


def column_views(features: Sequence[Feature], spreads: Vector) -> list[Vector]:
    """Return the views of the default detector on columns of numbers, as weights.

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
