"""Views as weighted sums of standardised features and their absolute values, (2 n_features,).

How such weights are made, put on one scale, and added. `inside` are the standardised normal texts
throughout, (n_texts, 2 n_features); see `Scale.apply`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtri
from sklearn.linear_model import LinearRegression

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.features.named import LENGTH
from polar_detect.features.table import Feature, FeatureTable

Part = tuple[float, Float64Array]  # what a weighting counts for in a view, and its weights

_TAIL = 0.95  # the quantile of normal texts by which a view's surprise is scaled
# Of standardised features, below which normal texts do not differ: then one of these counts as it
# stands, as nothing says how much of a difference is strange.
_NO_SPREAD = 1e-3


def mean_view(parts: Sequence[Part], inside: Float64Array) -> Float64Array:
    """Return a weighted mean of weightings, each and all with spread 1 on normal texts."""
    alike = np.stack([share * unit_spread(part, inside) for share, part in parts])
    return unit_spread(alike.sum(0), inside)


def unit_spread(weights: Float64Array, inside: Float64Array) -> Float64Array:
    """Return weights by which normal texts have a standard deviation of 1, where they differ."""
    return _scaled(weights, spread_of(weights, inside))


def unit_tail(weights: Float64Array, inside: Float64Array, *, least: float = 0.0) -> Float64Array:
    """Return weights of which 5 % of normal texts exceed 1.645, as of a standard normal.

    What is strange lies in the upper tail, whose weight the standard deviation does not tell: of
    the views of 57 sets it was .6 to 2 times what that lets expect. Half of that deviation counts
    at least, as the highest 5 % of the texts may lie no higher than all others; and `least`, which
    is in units of the weights.
    """
    values = inside @ weights
    tail = (np.quantile(values, _TAIL) - values.mean()) / ndtri(_TAIL)
    return _scaled(weights, max(tail, values.std() / 2, least))


def _scaled(weights: Float64Array, spread: float) -> Float64Array:
    scaled: Float64Array = weights / spread if spread > _NO_SPREAD else weights
    return scaled


def spread_of(weights: Float64Array, inside: Float64Array) -> float:
    """Return the standard deviation of normal texts by these weights."""
    return float((inside @ weights).std())


def mean_of(columns: IndexArray, table: FeatureTable) -> Float64Array:
    """Return the mean of some columns of a table, as weights; 0 where there are none."""
    weights = np.zeros(2 * len(table.features))
    weights[columns] = 1 / max(len(columns), 1)
    return weights


def alone(feature: Feature, table: FeatureTable) -> Float64Array:
    """Return a feature by itself, as weights."""
    return mean_of(columns_of(table, feature.__eq__), table)


def telling(weights: Float64Array, inside: Float64Array) -> Float64Array:
    """Return the weights; 0 where normal texts do not differ by them."""
    return weights * (spread_of(weights, inside) > _NO_SPREAD)


def for_length(
    table: FeatureTable, inside: Float64Array, feature: Feature, *, share: float = 1.0
) -> Float64Array:
    """Return weights of what a feature has beyond normal texts of the same length.

    The first tokens of a text cost most, so the shorter it is the higher its mean loss. A line
    with a kink at the median length follows that well enough. `share` of what it says is taken
    off.
    """
    value, length = (table.features.index(f) for f in (feature, LENGTH))
    lengths = [length, len(table.features) + length]  # and how far from the median
    slopes = LinearRegression().fit(inside[:, lengths], inside[:, value]).coef_
    weights = np.zeros(inside.shape[1])
    weights[value], weights[lengths] = 1, -share * slopes
    return telling(weights, inside)


def columns_of(table: FeatureTable, keep: Callable[[Feature], bool]) -> IndexArray:
    """Return the columns of a table whose feature satisfies `keep`."""
    return np.asarray([i for i, feature in enumerate(table.features) if keep(feature)], np.intp)
