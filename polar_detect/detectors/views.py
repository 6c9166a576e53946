"""The views of the default detector: of topic, form, easy and broken language, and columns.

Every view is a weighted sum of standardised features and their absolute values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.detectors.base import TrainingSignatures
from polar_detect.detectors.column_views import (
    column_likeness,
    column_parts,
    misfiled_view,
    new_words_view,
)
from polar_detect.detectors.evidence import (
    separation_by,
    share_of_far,
    share_of_topic,
    share_read,
    trust_in_encoder,
    trust_in_loss,
)
from polar_detect.detectors.parts import broken_parts, form_parts, topic_parts
from polar_detect.detectors.scale import Scale
from polar_detect.detectors.sequence_views import sequence_views
from polar_detect.detectors.weighting import (
    Part,
    alone,
    for_length,
    mean_view,
    spread_of,
    telling,
    unit_spread,
    unit_tail,
)
from polar_detect.features.named import (
    FLUENCY,
    LENGTH,
    LOSS,
    MEMORY_LOSS,
    MEMORY_RATIO,
    MODEL_FLUENCY,
    SENTENCE_LIKENESS,
    SIMILARITY,
    WORDING_LIKENESS,
)
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.statistics.contrast import contrast

# Easy and broken language count for so much beside topic and form at most, and easy language, which
# asks no other text, for as much again where there are no more normal texts than these.
_EASY_SHARE, _BROKEN_SHARE, _FEW = 0.07, 0.04, 100
# What cells that do not go with their text count for, beside 1 of all but new words.
_MISFILED_SHARE = 0.5
# What the order of a text's entries counts for, and as much how often each kind of them occurs.
_SEQUENCE_SHARE = 0.5
# What labelled anomalies teach counts for the first of these, and for up to so much more as there
# are more of them; for half of that where there are so many.
_LABELLED_SHARES, _N_LABELLED = (0.3, 0.4), 20
_LABELLED_STRENGTH = 0.01  # inverse regularisation: few labels decide between a few views


@dataclass(frozen=True, eq=False, kw_only=True)
class Views:
    """Views of a signature, each with mean 0 and tail spread 1 on the texts it was fitted on.

    That is, 5 % of these texts lie above 1.645, as of a standard normal distribution. New normal
    texts lie somewhat lower: they are compared with all of these, each of which was compared with a
    part of the others.

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
        So many tell of the text; behind them stand those of columns.
    n_language : int
        The last so many of those of the text tell of easy and of broken language.
    n_labelled : int
        The last so many of all, 0 or 1, were taught by labelled anomalies.
    n_sequences : int
        So many before these tell of sequences of entries.
    similarity_auroc : float
        Of similarity, held-out clusters of the normal texts against the rest.
    encoder_trust : float
        What the encoder counts for beside the language model, 0 … 1.
    far_share : float
        What the wider scale counts for beside the nearest texts, 0 … 1.

    All but the arrays are 0 where no text is read and no anomaly is labelled.
    """

    means: Float64Array
    views: Float64Array
    shares: Float64Array
    n_topic: int = 0
    n_text: int = 0
    n_language: int = 0
    n_labelled: int = 0
    n_sequences: int = 0
    similarity_auroc: float = 0.0
    encoder_trust: float = 0.0
    far_share: float = 0.0

    @property
    def topic(self) -> Float64Array:
        """What each view of topic counts for."""
        return self.shares[: self.n_topic]

    @property
    def language(self) -> Float64Array:
        """What easy and broken language count for."""
        return self.shares[self.n_text - self.n_language : self.n_text]

    @property
    def columns(self) -> Float64Array:
        """What each view of columns counts for."""
        return self.shares[self.n_text : self._n_usual - self.n_sequences]

    @property
    def sequences(self) -> Float64Array:
        """What each view of sequences of entries counts for."""
        return self.shares[self._n_usual - self.n_sequences : self._n_usual]

    @property
    def labelled(self) -> Float64Array:
        """What the view that labelled anomalies taught counts for; none, (0,), without them."""
        return self.shares[self._n_usual :]

    @property
    def _n_usual(self) -> int:
        return len(self.shares) - self.n_labelled


def can_be_viewed(features: Sequence[Feature]) -> bool:
    """Return whether the views of the text find all that they stand on."""
    kinds = {f.kind for f in features if f.is_of_encoder("novelty", "change")}
    needed = {LOSS, MEMORY_RATIO, MEMORY_LOSS, LENGTH, SIMILARITY, FLUENCY, MODEL_FLUENCY}
    return needed <= set(features) and len(kinds) == 2


def choose_views(shown: TrainingSignatures, scale: Scale, *, counts_language: bool) -> Views:
    """Return the views that signatures of normal texts and of strangers ask for.

    Parameters
    ----------
    shown : TrainingSignatures
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

    Of form's share, where the language model reads the texts in words, *easy* gets up to .07: a
    loss that is low for the text's length, as far as it tells by itself (see `trust_in_loss`). And
    *broken* gets .04 there. With n normal texts, easy language counts for 100 / n of its share
    more: it asks no other text, and what does tells less where there are few. All of these share
    what *numbers* and *categories* of rows leave them; see `column_shares`. Words that no normal
    row says where these say few, which hardly any normal row does, count for as much as all else
    together; cells that do not go with the free text of their row for half of that. So do, of texts
    that are sequences of entries which come again, their order and how often each occurs.
    """
    normal, held_out = shown.normal, shown.strangers
    inside, outside = scale.apply(normal.values), scale.apply(shown.all_strange.values)
    far_share, trust = share_of_far(normal, held_out), trust_in_encoder(normal)
    read = share_read(normal)
    loss, memory_loss = (for_length(normal, inside, f) for f in (LOSS, MEMORY_LOSS))
    nats = scale.spread[normal.features.index(LOSS)]
    loss_trust = trust_in_loss(nats * spread_of(loss, inside))
    text: list[list[Part]] = [
        topic_parts(normal, inside, outside, far_share=far_share, trust=trust),
        form_parts(normal, inside, trust, read),
        [(1.0, -loss)],
        broken_parts(normal, inside, loss, memory_loss, loss_trust),
    ]
    separation = separation_by(normal, held_out, SIMILARITY)
    shares = _text_shares(
        topic=share_of_topic(separation, trust),
        language=counts_language * read,
        loss_trust=loss_trust,
        n_normal=len(normal),
    )
    views = [unit_tail(mean_view(parts, inside), inside) for parts in text]
    columns = column_parts(normal, inside, scale.spread)
    of_columns = np.asarray([share for share, _ in columns])
    shares = np.append((1 - of_columns.sum()) * shares, of_columns)
    new = new_words_view(normal, inside, scale.spread)
    misfiled = misfiled_view(normal, inside, scale.spread)
    sequences = sequence_views(normal, inside, scale.spread)
    others = [(new, 1.0), (misfiled, _MISFILED_SHARE), (sequences, _SEQUENCE_SHARE)]
    shares = np.concatenate([shares, *(np.full(len(own), share) for own, share in others)])
    return Views(
        means=inside.mean(0),
        views=np.stack([*views, *(view for _, view in columns), *new, *misfiled, *sequences]),
        shares=shares / shares.sum(),
        n_topic=1,
        n_text=len(text),
        n_language=2,
        n_sequences=len(sequences),
        similarity_auroc=separation,
        encoder_trust=trust,
        far_share=far_share,
    )


def choose_column_views(normal: FeatureTable, scale: Scale) -> Views:
    """Return the views of numbers and of categories alone, of signatures of rows that have some.

    Each counts for as much beside the others as in `choose_views`.
    """
    inside = scale.apply(normal.values)
    usual = column_parts(normal, inside, scale.spread)
    total = sum(share for share, _ in usual)
    parts = [(share / total, view) for share, view in usual]
    parts += [(1.0, view) for view in new_words_view(normal, inside, scale.spread)]
    shares, views = zip(*parts, strict=True)
    return Views(
        means=inside.mean(0),
        views=np.stack(views),
        shares=np.asarray(shares) / sum(shares),
    )


def _text_shares(
    *, topic: float, language: float, loss_trust: float, n_normal: int
) -> Float64Array:
    """Return what topic, form, easy and broken language count for, (4,); see `choose_views`."""
    easy, broken = language * loss_trust * _EASY_SHARE, language * _BROKEN_SHARE
    form = 1 - topic - easy - broken
    shares: Float64Array = np.asarray([topic, form, easy * (1 + _FEW / n_normal), broken])
    shares /= shares.sum()
    return shares


def taught(
    views: Views,
    normal: FeatureTable,
    labelled: FeatureTable,
    scale: Scale,
    *,
    share: float | None = None,
) -> Views:
    """Return the views with one more, of what tells labelled anomalies from normal texts.

    A logistic regression of them on the views, and on how like labelled anomalies the embedding,
    the wording and the columns of a text are: which of its sides shows that it is one of their
    kind. Sides on which labelled anomalies lie no higher than normal texts, or that would speak
    against their kind, count for nothing. The rest stays with what is strange in any other way, as
    the next anomaly may be of a kind that none of them is. Without sides, or where fewer than three
    different ones are labelled, the views are returned as they are.

    Parameters
    ----------
    views : Views
    normal, labelled : FeatureTable
        None of which sees itself.
    scale : Scale
        Of the normal texts.
    share : float, optional
        What the new view gets of all, 0 … 1; by default .35 with three labels, .5 with twenty and
        .63 with a hundred different ones.
    """
    of_columns = column_likeness(normal.features, scale.spread)
    of_texts = [
        alone(feature, normal)
        for feature in (SENTENCE_LIKENESS, WORDING_LIKENESS)
        if feature in normal.features
    ]
    if not (of_texts or of_columns):  # too few to learn from
        return views
    inside, outside = (scale.apply(table.values) for table in (normal, labelled))
    sides = np.vstack([views.views, *of_texts, *of_columns])
    sides = np.stack([telling(side, inside) for side in sides])
    sides = np.stack([unit_spread(side, inside) for side in sides])
    sides = sides[sides @ (outside.mean(0) - inside.mean(0)) > 0]
    if not len(sides):
        return views
    own, other = (rows @ sides.T for rows in (inside, outside))
    counts = np.maximum(contrast(own, other, strength=_LABELLED_STRENGTH), 0)
    if share is None:
        n_labelled, (least, more) = len(np.unique(outside, axis=0)), _LABELLED_SHARES
        share = least + more * n_labelled / (n_labelled + _N_LABELLED)
    return replace(
        views,
        views=np.vstack([views.views, unit_tail(counts @ sides, inside)]),
        shares=np.append((1 - share) * views.shares, share),
        n_labelled=1,
    )
