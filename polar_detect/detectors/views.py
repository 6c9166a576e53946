"""The views of the default detector: of topic, form, easy and broken language, and columns.

Hides what each is made of, and how the normal texts themselves say what each counts for. Every
view is a weighted sum of standardised features and their absolute values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.linear_model import LinearRegression

from polar_detect.contrast import contrast
from polar_detect.detectors.column_views import column_likeness, column_share, column_views
from polar_detect.detectors.scale import Scale, Vector
from polar_detect.features import Feature, FeatureTable
from polar_detect.metrics import auroc

Part = tuple[float, Vector]  # what a weighting counts for in a view, and its weights

_STRENGTH = 0.03  # inverse regularisation
_TAIL = 0.95  # the quantile of normal texts by which a view's surprise is scaled
_NO_SPREAD = 1e-9  # of standardised features, below which they are one value
# How much the encoder is trusted, least and most ...
_TRUSTS = (0.0, 0.85)
# ... where its vocabulary cuts the normal texts into pieces of so many characters.
_CHARACTERS_PER_TOKEN = (3.0, 4.0)
# The topic view's share grows from its least to these ...
_SHARES = (0.75, 0.85)
# ... while the AUROC of similarity on held-out clusters grows along these.
_SEPARATIONS = (0.65, 0.8, 0.95)
# Its least is between these, while the encoder's trust is between those.
_LEAST_SHARES, _LEAST_TRUSTS = (0.25, 0.5), (0.5, 0.85)
# The wider scale counts from nothing to all, as its AUROC on held-out clusters is so much more.
_GAINS = (-0.02, 0.0)
# What length counts for in form, where all else counts for 1.
_LENGTH_WEIGHT = 0.3
# Easy and broken language count for so much of form's share at most, ...
_EASY_SHARE, _BROKEN_SHARE = 0.08, 0.04
# ... where the language model's vocabulary cuts the normal texts into pieces of so many characters.
_CHARACTERS_PER_MODEL_TOKEN = (3.0, 4.0)
# The loss tells by itself as those of normal texts lie within so many nats (standard deviation).
_LOSS_SPREADS = (0.5, 0.8)
# What labelled anomalies teach counts for the first of these, and for up to so much more as there
# are more of them; for half of that where there are so many.
_LABELLED_SHARES, _N_LABELLED = (0.3, 0.4), 20
_LABELLED_STRENGTH = 0.01  # inverse regularisation: few labels decide between a few views
_LOSS = Feature("loss", "mean")
_MEMORY_LOSS = Feature("memory", "loss_with")
_LENGTH = Feature("length", "tokens")
_SIMILARITY = Feature("neighbours", "similarity_mean")
_FAR_SIMILARITY = Feature("neighbours", "similarity_far")
_FLUENCY = Feature.of_encoder("characters_per_token")
_MODEL_FLUENCY = Feature("length", "characters_per_token")
_MEMORY = Feature("memory", "ratio")
_LIKENESS, _WORDING = Feature("labelled", "likeness"), Feature("labelled", "wording")


@dataclass(frozen=True, eq=False)
class Views:
    """Views of a signature, each with mean 0 and tail spread 1 on normal texts.

    So few normal texts lie above 1.645, as of a standard normal distribution: 5 %.

    Parameters
    ----------
    means : (2 n_features,) float64
        Of the standardised features and their absolute values, on normal texts.
    views : (n_views, 2 n_features) float64
        Weights of what exceeds these means.
    shares : (n_views,) float64
        What each counts for; their sum is 1.
    n_topic : int
        The first so many views tell of topic.
    n_text : int
        So many tell of the text, and the others of columns.
    n_language : int
        The last so many of those of the text tell of easy and of broken language.
    n_labelled : int
        The last so many of all, 0 or 1, were taught by labelled anomalies.
    similarity_auroc : float
        Of similarity, held-out clusters of the normal texts against the rest.
    encoder_trust : float
        What the encoder counts for beside the language model, 0 … 1.
    far_share : float
        What the wider scale counts for beside the nearest texts, 0 … 1.
    """

    means: Vector
    views: Vector
    shares: Vector
    n_topic: int
    n_text: int
    n_language: int
    n_labelled: int
    similarity_auroc: float
    encoder_trust: float
    far_share: float


def can_be_viewed(features: Sequence[Feature]) -> bool:
    """Return whether the views of the text find all that they stand on."""
    kinds = {f.kind for f in features if f.is_of_encoder("novelty", "change")}
    needed = {_LOSS, _MEMORY, _MEMORY_LOSS, _LENGTH, _SIMILARITY, _FLUENCY, _MODEL_FLUENCY}
    return needed <= set(features) and len(kinds) == 2


def choose_views(
    normal: FeatureTable,
    strangers: FeatureTable,
    scale: Scale,
    *,
    counts_language: bool,
) -> Views:
    """Return the views that signatures of normal texts and of strangers ask for.

    Parameters
    ----------
    normal, strangers : FeatureTable
        See `Head.fit`.
    scale : Scale
        Of the normal texts.
    counts_language : bool
        Whether easy and broken language count by themselves.

    Notes
    -----
    *Topic* counts for .25 to .85 beside *form*, the more the better similarity tells held-out
    clusters of the normal texts from the rest (AUROC .65 to .95): where the normal texts have
    topics, a new topic is what is strange about a text; where they have none, form is. Where the
    encoder is wholly trusted topic counts for .5 at least, as texts that do not fall into clusters
    may still have one wide topic.

    Of form's share, where the language model reads the texts in words, *easy* gets up to .08: a
    loss that is low for the text's length, as far as the loss tells by itself (see `_loss_trust`).
    And *broken* gets .04 there. Where the texts are rows with numbers, *columns* count for
    n / (n + 2) with n columns.
    """
    inside, outside = scale.apply(normal.values), scale.apply(strangers.values)
    far_share, trust = _far_share(normal, strangers), _encoder_trust(normal)
    read = _share_read(normal)
    loss, memory_loss = (_for_length(normal, inside, f) for f in (_LOSS, _MEMORY_LOSS))
    loss_trust = _loss_trust(_spread(loss, inside) * scale.spread[normal.features.index(_LOSS)])
    text: list[list[Part]] = [
        _topic_parts(normal, inside, outside, far_share=far_share, trust=trust),
        _form_parts(normal, inside, trust, read),
        [(1.0, -loss)],
        _broken_parts(normal, inside, loss, memory_loss, loss_trust),
    ]
    columns = [(1.0, part) for part in column_views(normal.features, scale.spread)]
    separation = _separation(normal, strangers, _SIMILARITY)
    topic = _topic_share(separation, trust)
    of_language = np.asarray([_EASY_SHARE * loss_trust, _BROKEN_SHARE])
    of_language *= counts_language * read
    shares = np.asarray([topic, 1 - topic - of_language.sum(), *of_language])
    if columns:
        own = column_share(normal.features)
        shares = np.append((1 - own) * shares, own)
    groups = [*text, columns] if columns else text
    return Views(
        means=inside.mean(0),
        views=np.stack([_unit_tail(_mean_view(parts, inside), inside) for parts in groups]),
        shares=shares,
        n_topic=1,
        n_text=len(text),
        n_language=len(of_language),
        n_labelled=0,
        similarity_auroc=float(separation),
        encoder_trust=trust,
        far_share=far_share,
    )


def taught(views: Views, normal: FeatureTable, labelled: FeatureTable, scale: Scale) -> Views:
    """Return the views with one more, of what tells labelled anomalies from normal texts.

    A logistic regression of them on the views, and on how like labelled anomalies the embedding,
    the wording and the numbers of a text are: which of its sides shows that it is one of their
    kind. Sides on which labelled anomalies lie no higher than normal texts, or that would speak
    against their kind, count for nothing. The view gets .35 of all with three labels, .5 with
    twenty and .63 with a hundred different ones; the rest stays with what is strange in any other
    way, as the next anomaly may be of a kind that none of them is.

    Parameters
    ----------
    views : Views
    normal, labelled : FeatureTable
        None of which sees itself.
    scale : Scale
        Of the normal texts.
    """
    if _LIKENESS not in normal.features:  # too few to learn from
        return views
    inside, outside = (scale.apply(table.values) for table in (normal, labelled))
    of_columns = column_likeness(normal.features, scale.spread)
    of_texts = [_alone(feature, normal) for feature in (_LIKENESS, _WORDING)]
    sides = np.vstack([views.views, *of_texts, *of_columns])
    sides = np.stack([_unit_spread(_telling(side, inside), inside) for side in sides])
    sides = sides[sides @ (outside.mean(0) - inside.mean(0)) > 0]
    if not len(sides):
        return views
    own, other = (rows @ sides.T for rows in (inside, outside))
    counts = np.maximum(contrast(own, other, strength=_LABELLED_STRENGTH), 0)
    share = _labelled_share(len(np.unique(outside, axis=0)))
    return replace(
        views,
        views=np.vstack([views.views, _unit_tail(counts @ sides, inside)]),
        shares=np.append((1 - share) * views.shares, share),
        n_labelled=1,
    )


def logistic_weights(inside: Vector, outside: Vector, columns: NDArray[np.intp]) -> Vector:
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


def _topic_parts(
    table: FeatureTable,
    inside: Vector,
    outside: Vector,
    *,
    far_share: float,
    trust: float,
) -> list[Part]:
    """Return two parts of the encoder, for its trust, and one of the language model, for the rest.

    - *similarity* to the nearest normal texts: to the five nearest, or to the nearest 4 %;
    - *learned*: a logistic regression of held-out clusters against normal texts, on similarity,
      the losses with and without the memory of normal tokens, the novelty of tokens at every depth
      of both models, and what their layers change in the text's states; or another one that also
      sees similarity and novelty at the wider scale;
    - *changes*: how far what the language model's layers add to the text's states is from what
      they add to normal texts.
    """
    similarity: list[Part] = []
    learned: list[Part] = []
    scales = [(1 - far_share, _SIMILARITY, _is_near), (far_share, _FAR_SIMILARITY, _is_text)]
    for counts, feature, is_seen in scales:
        if counts:
            weights = logistic_weights(inside, outside, _columns(table, is_seen))
            learned.append((counts, _monotone(weights, table.features)))
            similarity.append((counts, -_alone(feature, table)))
    return [
        (trust / 2, _mean_view(similarity, inside)),
        (trust / 2, _mean_view(learned, inside)),
        (1 - trust, _changes(table)),
    ]


def _form_parts(table: FeatureTable, inside: Vector, trust: float, read: float) -> list[Part]:
    """Return plain means of features with what each counts for.

    - *words*: novelty of the encoder's tokens one third of the way up;
    - *tokens*: novelty of the language model's tokens, mean over depths;
    - *memory*: the share of the loss that stays when normal tokens may be remembered;
    - *ease*: a loss that is low for the text's length, which the text of machines has; as far as
      texts are not read in words, one that is low at all;
    - *length*: more of it than normal texts have, as spam and what is pasted, for less, and as far
      as texts are read in words;
    - *changes*: of the encoder for its trust, and of the language model for the rest.
    """
    words = _columns(table, lambda f: f.is_of_encoder("novelty"))
    means = [
        words[len(words) // 3 : len(words) // 3 + 1],
        _columns(table, lambda f: f.group == "tokens"),
        _columns(table, _MEMORY.__eq__),
    ]
    return [
        *((1.0, _mean_of(columns, table)) for columns in means),
        (1.0, -_for_length(table, inside, _LOSS, share=read)),
        (_LENGTH_WEIGHT * read, _telling(_alone(_LENGTH, table), inside)),
        (trust, _mean_of(_columns(table, lambda f: f.is_of_encoder("change")), table)),
        (1 - trust, _changes(table)),
    ]


def _broken_parts(
    table: FeatureTable, inside: Vector, loss: Vector, memory_loss: Vector, loss_trust: float
) -> list[Part]:
    """Return what tells that a text is no language, or none that fits together.

    A *loss* that is high for the text's length; as far as that does not tell by itself, one that
    is high although normal tokens may be *remembered*, as shuffled words and other kinds of
    sentences are, and rare words of normal texts are not; and half as much *pieces*: the encoder's
    vocabulary cuts words that it does not know, such as misspelt ones, into short ones.
    """
    pieces = _telling(-_alone(_FLUENCY, table), inside)
    rest = 1 - loss_trust
    return [(loss_trust, loss), (rest, memory_loss), (rest / 2, pieces)]


def _labelled_share(n_labelled: int) -> float:
    """Return what labelled anomalies count for; see `taught`."""
    least, more = _LABELLED_SHARES
    return least + more * n_labelled / (n_labelled + _N_LABELLED)


def _topic_share(separation: float, trust: float) -> float:
    """Return what topic counts for; see `choose_views`."""
    least = np.interp(trust, _LEAST_TRUSTS, _LEAST_SHARES)
    return float(np.interp(separation, _SEPARATIONS, (least, *_SHARES)))


def _far_share(normal: FeatureTable, strangers: FeatureTable) -> float:
    """Return how much the wider scale counts; nothing where signatures do not have it.

    Nothing where its similarity tells held-out clusters from normal texts worse than the nearest
    texts do (by .02 of the AUROC), and all where it does so as well: a few large topics are seen
    best from afar, many small ones from near by.
    """
    if _FAR_SIMILARITY not in normal.features:
        return 0.0
    near, far = (_separation(normal, strangers, f) for f in (_SIMILARITY, _FAR_SIMILARITY))
    return float(np.interp(far - near, _GAINS, (0, 1)))


def _encoder_trust(normal: FeatureTable) -> float:
    """Return how far the encoder is to be trusted with texts that its vocabulary cuts up so.

    0 to .85, from pieces of 3 characters to 4: it was trained on English prose, and says little
    about codes, numbers and other languages.
    """
    lengths = normal.values[:, normal.features.index(_FLUENCY)]
    return float(np.interp(np.median(lengths), _CHARACTERS_PER_TOKEN, _TRUSTS))


def _share_read(normal: FeatureTable) -> float:
    """Return how far the language model reads texts in words, 0 … 1.

    What it finds easy or hard about texts that it reads in short pieces, such as numbers, codes
    and most other languages, says less of whether they are language as it should be.
    """
    lengths = normal.values[:, normal.features.index(_MODEL_FLUENCY)]
    return float(np.interp(np.median(lengths), _CHARACTERS_PER_MODEL_TOKEN, (0, 1)))


def _loss_trust(spread: float) -> float:
    """Return how far the loss says by itself who wrote a text, and how well, 0 … 1.

    Where the losses of normal texts of one length lie close together (a standard deviation below
    .8 nats, wholly below .5), as those of news and longer prose do, another writer shows in the
    loss more than in anything else. Where they do not differ at all they tell nothing.
    """
    return float(np.interp(spread, _LOSS_SPREADS, (1, 0))) if spread else 0.0


def _for_length(
    table: FeatureTable, inside: Vector, feature: Feature, *, share: float = 1.0
) -> Vector:
    """Return weights of what a feature has beyond normal texts of the same length.

    The first tokens of a text cost most, so the shorter it is the higher its mean loss. A line
    with a kink at the median length follows that well enough. `share` of what it says is taken
    off.
    """
    value, length = (table.features.index(f) for f in (feature, _LENGTH))
    lengths = [length, len(table.features) + length]  # and how far from the median
    slopes = LinearRegression().fit(inside[:, lengths], inside[:, value]).coef_
    weights = np.zeros(inside.shape[1])
    weights[value], weights[lengths] = 1, -share * slopes
    return _telling(weights, inside)


def _telling(weights: Vector, inside: Vector) -> Vector:
    """Return the weights; 0 where normal texts do not differ by them.

    Then nothing says how much of a difference is strange.
    """
    return weights * (_spread(weights, inside) > _NO_SPREAD)


def _separation(normal: FeatureTable, strangers: FeatureTable, similarity: Feature) -> float:
    """Return the AUROC of a similarity, strangers against normal texts."""
    column = normal.features.index(similarity)
    parts = [-table.values[:, column] for table in (normal, strangers)]
    labels = np.repeat([False, True], [len(part) for part in parts])
    return auroc(labels, np.concatenate(parts))


def _monotone(weights: Vector, features: Sequence[Feature]) -> Vector:
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


def _alone(feature: Feature, table: FeatureTable) -> Vector:
    """Return a feature by itself, as weights."""
    return _mean_of(_columns(table, feature.__eq__), table)


def _changes(table: FeatureTable) -> Vector:
    """Return the mean of what the language model's layers change, as weights."""
    return _mean_of(_columns(table, lambda f: f.group == "change"), table)


def _mean_view(parts: Sequence[Part], inside: Vector) -> Vector:
    """Return a weighted mean of weightings, each and all with spread 1 on normal texts."""
    alike = np.stack([share * _unit_spread(part, inside) for share, part in parts])
    return _unit_spread(alike.sum(0), inside)


def _unit_spread(weights: Vector, inside: Vector) -> Vector:
    unit: Vector = weights / max(_spread(weights, inside), _NO_SPREAD)
    return unit


def _unit_tail(weights: Vector, inside: Vector) -> Vector:
    """Return weights of which 5 % of normal texts exceed 1.645, as of a standard normal.

    What is strange lies in the upper tail, which is up to twice as heavy as the standard deviation
    lets expect, or a fifth lighter. Half of that deviation counts at least, as 5 % of the texts
    may lie no higher than all others.
    """
    values = inside @ weights
    tail = (np.quantile(values, _TAIL) - values.mean()) / ndtri(_TAIL)
    unit: Vector = weights / max(tail, values.std() / 2, _NO_SPREAD)
    return unit


def _spread(weights: Vector, inside: Vector) -> float:
    return float((inside @ weights).std())


def _mean_of(columns: NDArray[np.intp], table: FeatureTable) -> Vector:
    weights = np.zeros(2 * len(table.features))
    weights[columns] = 1 / max(len(columns), 1)
    return weights


def _columns(table: FeatureTable, keep: Callable[[Feature], bool]) -> NDArray[np.intp]:
    return np.asarray([i for i, feature in enumerate(table.features) if keep(feature)], np.intp)


def _is_text(feature: Feature) -> bool:
    is_words = feature.is_of_encoder("novelty") or feature.group == "tokens"
    is_compared = is_words or _is_change(feature) or _is_far(feature)
    return is_compared or feature.group in {"neighbours", "memory", "loss"}


def _is_near(feature: Feature) -> bool:
    return _is_text(feature) and not _is_far(feature)


def _is_far(feature: Feature) -> bool:
    return feature == _FAR_SIMILARITY or feature.is_of_encoder("far_novelty")


def _is_change(feature: Feature) -> bool:
    return feature.group == "change" or feature.is_of_encoder("change")
