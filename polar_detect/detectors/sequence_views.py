"""The default detector's views of texts that are sequences of entries which come again."""

from polar_detect.arrays import Float64Array
from polar_detect.detectors.weighting import alone, unit_tail
from polar_detect.features.of_sequences import COUNTS, ORDER
from polar_detect.features.table import FeatureTable

# A standard deviation, at least: normal texts may all be the same sequence.
_LEAST = {ORDER: 1.0, COUNTS: 0.5}  # nats, entries


def sequence_views(
    normal: FeatureTable, inside: Float64Array, spreads: Float64Array
) -> list[Float64Array]:
    """Return the views of the order of entries, and of how often each kind of them occurs.

    None where texts are no sequences.

    Parameters
    ----------
    normal : FeatureTable
        Signatures of normal texts.
    inside : (n_texts, 2 n_features) float64
        The same, standardised; see `Scale.apply`.
    spreads : (n_features,) float64
        What the features were divided by.

    Returns
    -------
    list of (2 n_features,) float64
        Weights of the standardised features and, after them, of their absolute values.
    """
    views = []
    for feature, least in _LEAST.items():
        if feature in normal.features:
            weights = spreads[normal.features.index(feature)] * alone(feature, normal)
            views.append(unit_tail(weights, inside, least=least))
    return views
