"""What the views of topic, of form and of broken language are made of."""

from collections.abc import Sequence

import numpy as np

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.detectors.weighting import (
    Part,
    alone,
    columns_of,
    for_length,
    mean_of,
    mean_view,
    telling,
)
from polar_detect.features.named import (
    FAR_SIMILARITY,
    FLUENCY,
    LENGTH,
    LOCAL_SIMILARITY,
    LOSS,
    MEMORY_RATIO,
    SIMILARITY,
)
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.statistics.contrast import contrast

_STRENGTH = 0.03  # inverse regularisation
# With so many normal texts what is learned counts for half of what it does with very many.
_FEW = 20
# What length counts for in form, where all else counts for 1.
_LENGTH_WEIGHT = 0.3


def topic_parts(
    table: FeatureTable,
    inside: Float64Array,
    outside: Float64Array,
    *,
    far_share: float,
    trust: float,
) -> list[Part]:
    """Return two parts of the encoder, for its trust, and one of the language model, for the rest.

    - *similarity* to the nearest normal texts: to the five nearest, for how close those stand to
      their own nearest, or to the nearest 4 %;
    - *learned*: a logistic regression of held-out clusters and labelled anomalies against normal
      texts. It sees plain similarity (less crowding, it tells such clusters better than it tells
      strangers), the losses with and without the memory of normal tokens, the novelty of tokens at
      every depth of both models, and what their layers change in the text's states; at the wider
      scale also similarity and novelty there. It counts for as much as similarity where there are
      many texts, and for less where there are few;
    - *changes*: how far what the language model's layers add to the text's states is from what
      they add to normal texts.

    Where some of the normal texts may be anomalous nothing is known of changes, and the encoder's
    parts are all there is.
    """
    changes = _changes(table)
    trust = trust if changes.any() else 1.0
    similarity: list[Part] = []
    learned: list[Part] = []
    near = LOCAL_SIMILARITY if LOCAL_SIMILARITY in table.features else SIMILARITY
    scales = [(1 - far_share, near, _is_near), (far_share, FAR_SIMILARITY, _is_text)]
    for counts, feature, is_seen in scales:
        if counts:
            weights = logistic_weights(inside, outside, columns_of(table, is_seen))
            learned.append((counts, _monotone(weights, table.features)))
            similarity.append((counts, -alone(feature, table)))
    of_learned = trust / 2 * len(table) / (len(table) + _FEW)
    return [
        (trust - of_learned, mean_view(similarity, inside)),
        (of_learned, mean_view(learned, inside)),
        (1 - trust, changes),
    ]


def form_parts(table: FeatureTable, inside: Float64Array, trust: float, read: float) -> list[Part]:
    """Return plain means of features with what each counts for.

    - *words*: novelty of the encoder's tokens one third of the way up;
    - *tokens*: novelty of the language model's tokens, mean over depths;
    - *memory*: the share of the loss that stays when normal tokens may be remembered;
    - *ease*: a loss that is low for the text's length, as that of machine text is; so far as the
      language model does not read the texts in words, one that is low whatever the length;
    - *length*: more of it than normal texts have, as in spam and what was pasted; for less than the
      others, and so far as the texts are read in words;
    - *changes*: of the encoder for its trust, and of the language model for the rest.
    """
    words = columns_of(table, lambda f: f.is_of_encoder("novelty"))
    changes = columns_of(table, lambda f: f.is_of_encoder("change"))
    means = [
        words[len(words) // 3 : len(words) // 3 + 1],
        columns_of(table, lambda f: f.group == "tokens"),
        columns_of(table, MEMORY_RATIO.__eq__),
    ]
    return [
        *((1.0, mean_of(columns, table)) for columns in means),
        (1.0, -for_length(table, inside, LOSS, share=read)),
        (_LENGTH_WEIGHT * read, telling(alone(LENGTH, table), inside)),
        (trust, mean_of(changes, table)),
        (1 - trust, _changes(table)),
    ]


def broken_parts(
    table: FeatureTable,
    inside: Float64Array,
    loss: Float64Array,
    memory_loss: Float64Array,
    loss_trust: float,
) -> list[Part]:
    """Return what tells that a text is no language, or none that fits together.

    A *loss* that is high for the text's length; as far as that does not tell by itself, one that
    is high although normal tokens may be *remembered*, as shuffled words and other kinds of
    sentences are, and rare words of normal texts are not; and half as much *pieces*: the encoder's
    vocabulary cuts words that it does not know, such as misspelt ones, into short ones.
    """
    pieces = telling(-alone(FLUENCY, table), inside)
    rest = 1 - loss_trust
    return [(loss_trust, loss), (rest, memory_loss), (rest / 2, pieces)]


def logistic_weights(
    inside: Float64Array, outside: Float64Array, columns: IndexArray
) -> Float64Array:
    """Return the weights of a logistic regression of strangers against normal texts.

    Parameters
    ----------
    inside, outside : (n_texts, 2 n_features) float64
        Standardised normal texts and strangers; see `Scale.apply`.
    columns : (n,) intp
        Features that take part.

    Returns
    -------
    (2 n_features,) float64
        0 for features that take no part; without an intercept.
    """
    columns = np.concatenate([columns, columns + inside.shape[1] // 2])
    weights = np.zeros(inside.shape[1])
    weights[columns] = contrast(inside[:, columns], outside[:, columns], strength=_STRENGTH)
    return weights


def _monotone(weights: Float64Array, features: Sequence[Feature]) -> Float64Array:
    """Return weights by which a text never seems stranger for being more like normal ones.

    Of similarity and of the novelty of the encoder's tokens, a weight that points the wrong way
    is dropped, and the size counts for no more than the value itself.
    """
    signs = np.asarray([_strangeness(feature) for feature in features])
    value, size = np.split(weights, 2)
    bound = np.maximum(signs * value, 0)
    value = np.where(signs == 0, value, signs * bound)
    size = np.where(signs == 0, size, np.clip(size, -bound, bound))
    return np.concatenate([value, size])


def _strangeness(feature: Feature) -> int:
    """Return the sign with which a feature that more normal texts can change tells strangers."""
    if feature.group == "neighbours":
        return -1
    return int(feature.is_of_encoder("novelty") or _is_far(feature))


def _changes(table: FeatureTable) -> Float64Array:
    """Return the mean of what the language model's layers change, as weights."""
    return mean_of(columns_of(table, lambda f: f.group == "change"), table)


def _is_text(feature: Feature) -> bool:
    is_words = feature.is_of_encoder("novelty") or feature.group == "tokens"
    is_compared = is_words or _is_change(feature) or _is_far(feature)
    is_other = feature.group in {"neighbours", "memory", "loss"} and feature != LOCAL_SIMILARITY
    return is_compared or is_other


def _is_near(feature: Feature) -> bool:
    return _is_text(feature) and not _is_far(feature)


def _is_far(feature: Feature) -> bool:
    return feature == FAR_SIMILARITY or feature.is_of_encoder("far_novelty")


def _is_change(feature: Feature) -> bool:
    return feature.group == "change" or feature.is_of_encoder("change")
