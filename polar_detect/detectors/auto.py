"""The default detector: a view of a text's topic, one of its form, and how far to trust each.

Every view is linear in standardised features and their absolute values. The square of its
surprise enters the score, so that one strange view counts for more than two odd ones; and a
view counts for as much as the normal texts themselves say that it can.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr
from sklearn.linear_model import LogisticRegression

from polar_detect.detectors.base import Attribution, Head
from polar_detect.features import Feature, FeatureTable
from polar_detect.metrics import auroc
from polar_detect.numbers import column_of, kind_of
from polar_detect.stored import Stored

Vector = NDArray[np.float64]

_FILE = "auto.json"
_STRENGTH = 0.03  # inverse regularisation
_CLIP = 8.0  # robust standard deviations; one wild feature must not decide alone
_N_TEXT_VIEWS = 4
_TEXT_COUNTS = 2.0  # columns
_POWER = 2.0
_SMALL = 1e-6  # standard deviations; below, a view's slope is that at zero
# Of what is read back: within these no score leaves float64.
_SMALLEST_SPREAD = 1e-50
_MAX_POWER = 3.0
# The topic view's share grows along these ...
_SHARES = (0.25, 0.75, 0.85)
# ... while the AUROC of similarity on held-out clusters grows along these.
_SEPARATIONS = (0.65, 0.8, 0.95)
# How much the encoder is trusted, least and most ...
_TRUSTS = (0.0, 0.85)
# ... where its vocabulary cuts the normal texts into pieces of so many characters.
_CHARACTERS_PER_TOKEN = (3.0, 4.0)
# The wider scale counts from nothing to all, as its AUROC on held-out clusters is so much more.
_GAINS = (-0.02, 0.0)
# A low and a high loss count by themselves, for so much at most, ...
_LOSS_SHARES = (0.06, 0.03)
# ... as those of normal texts lie within so many nats (standard deviation) ...
_LOSS_SPREADS = (0.6, 1.0)
# ... and the language model's vocabulary cuts them into pieces of so many characters.
_CHARACTERS_PER_MODEL_TOKEN = (3.0, 4.0)
_LOSS = Feature("loss", "mean")
_SIMILARITY = Feature("neighbours", "similarity_mean")
_FAR_SIMILARITY = Feature("neighbours", "similarity_far")
_FLUENCY = Feature.of_encoder("characters_per_token")
_MODEL_FLUENCY = Feature("length", "characters_per_token")
_MEMORY = Feature("memory", "ratio")


@dataclass(frozen=True, eq=False)
class Scale:
    """Median and robust spread of each feature on normal texts, and where it is clipped."""

    centre: Vector
    spread: Vector
    clip: Vector  # in spreads

    @classmethod
    def fit(cls, values: NDArray[np.float32], clip: Vector | float = _CLIP) -> Self:
        """Fit on normal texts, (n_texts, n_features)."""
        centre = np.median(values, axis=0).astype(np.float64)
        robust = 1.4826 * np.median(np.abs(values - centre), axis=0)
        # Where most texts agree exactly (duplicates) the robust spread vanishes.
        spread = np.maximum(robust, 0.3 * values.std(axis=0))
        return cls(centre, np.where(spread > 0, spread, 1.0), np.full(len(centre), clip))

    def apply(self, values: NDArray[np.float32]) -> Vector:
        """Return standardised values beside their absolute values, (n_texts, 2 n_features)."""
        standard = np.clip((values - self.centre) / self.spread, -self.clip, self.clip)
        return np.hstack([standard, np.abs(standard)])


@dataclass(frozen=True, eq=False)
class _Fitted:
    features: tuple[Feature, ...]
    scale: Scale
    means: Vector  # (2 n_features,) on normal texts
    views: Vector  # (n_views, 2 n_features): weights; a normal text scores 0 ± 1
    shares: Vector  # (n_views,), sum 1
    n_topic: int  # the first so many views tell of topic
    n_text: int  # so many tell of the text, and the others of columns
    n_loss: int  # the last so many of those of the text tell of the loss alone
    power: float  # of the mean of the views' surprise
    similarity_auroc: float
    encoder_trust: float
    far_share: float


class AutoHead(Head):
    """Two views of a signature, each by its surprise: −log of its upper tail probability.

    The view of *topic* is made of two parts of the encoder, which count for its trust, and one
    of the language model, which counts for the rest:

    - *similarity* to the nearest normal texts: to the five nearest, or to the nearest 4 %;
    - a logistic regression of held-out clusters against normal texts, on similarity, the losses
      with and without the memory of normal tokens, the novelty of tokens at every depth of both
      models, and what their layers change in the text's states; or another one that also sees
      similarity and novelty at the wider scale;
    - *changes*: how far what the language model's layers add to the text's states is from what
      they add to normal texts.

    The wider scale of the two counts for nothing where its similarity tells held-out clusters
    from normal texts worse than the nearest texts do (by .02 of the AUROC), and for all where it
    does so as well: a few large topics are seen best from afar, many small ones from near by.

    The view of *form* is the mean of

    - *words*: novelty of the encoder's tokens one third of the way up;
    - *tokens*: novelty of the language model's tokens, mean over depths;
    - *memory*: the share of the loss that stays when normal tokens may be remembered;
    - *ease*: a low loss, which spam and the text of machines have;
    - *changes*: as above, of the encoder for its trust and of the language model for the rest.

    The encoder's trust, 0 to .85, grows with the length of the pieces, 3 to 4 characters, that
    its vocabulary cuts the normal texts into: it was trained on English prose, and says little
    about codes, numbers and other languages.

    Where the losses of the normal texts lie close together (a standard deviation below 1 nat,
    wholly below .6), as those of sentences and longer prose do, another writer and broken language
    show in the loss more than in anything else. There two more views, *low loss* and *high loss*,
    count for up to .06 and .03. Texts that the language model reads in short pieces are left out:
    of numbers and of other languages its loss says less.

    Where the texts are rows with numbers, another view, of the columns (*residuals* and *distance
    to normal rows*, see `polar_detect.numbers`), counts for n / (n + 2) with n columns.

    The score is √ Σ share · (−log P(Z ≥ z))² of the standardised views z: Fisher's combination
    by squares, so that a text that is strange in one respect only is not lost among those that
    are a little odd in all. The topic view's share, .25 to .85, grows with the AUROC (.65 to .95)
    with which similarity tells held-out clusters of the normal texts from the rest: where the
    normal texts have topics, a new topic is what is strange about a text; where they have none,
    form is.

    No score rises when similarity grows or the novelty of the encoder's tokens falls, at either
    scale.
    """

    name = "auto"
    needs_curves = False
    needs_corruptions = False
    needs_programs = False
    needs_context = False
    needs_distances = False
    is_monotone = True

    def __init__(self) -> None:
        self._fitted: _Fitted | None = None

    @property
    def reason(self) -> str:
        """What was chosen, and the figure that it was chosen by."""
        kind = "two views, of topic and of form, by how surprising they are"
        if self._fitted is None:
            return kind
        if len(self._fitted.shares) > self._fitted.n_text:
            kind += "; a view of the columns, which counts for {columns}"
        return (
            f"{kind}; topic counts for {{topic}}, because similarity tells held-out groups of "
            "the normal texts from the rest in {separation} of pairs (AUROC); the encoder is "
            "trusted to {encoder}, less where its vocabulary cuts the texts into short pieces; "
            "similarity asks the nearest 4% of the normal texts for {far} and the five nearest for "
            "the rest, as that tells held-out groups best; a low or high loss by itself "
            "counts for {loss}, more where the losses of the normal texts lie close together"
        ).format_map(self.choices)

    @property
    def choices(self) -> dict[str, str]:
        """What was chosen, in percent: shares, the encoder's trust, and the AUROC of similarity."""
        assert self._fitted is not None
        shares, n_text, n_loss = self._fitted.shares, self._fitted.n_text, self._fitted.n_loss
        return {
            "topic": f"{shares[: self._fitted.n_topic].sum():.0%}",
            "columns": f"{shares[n_text:].sum():.0%}",
            "separation": f"{self._fitted.similarity_auroc:.0%}",
            "encoder": f"{self._fitted.encoder_trust:.0%}",
            "far": f"{self._fitted.far_share:.0%}",
            "loss": f"{shares[n_text - n_loss : n_text].sum():.0%}",
        }

    @staticmethod
    def can_read(features: Sequence[Feature]) -> bool:
        """Return whether the views of topic and form find all that they stand on."""
        kinds = {f.kind for f in features if f.is_of_encoder("novelty", "change")}
        needed = {_LOSS, _MEMORY, _SIMILARITY, _FLUENCY, _MODEL_FLUENCY}
        return needed <= set(features) and len(kinds) == 2

    def fit(self, normal: FeatureTable, strangers: FeatureTable, *, seed: int) -> Self:
        """Fit the views; see `Head.fit`."""
        scale = Scale.fit(normal.values, column_clips(normal.features))
        inside, outside = scale.apply(normal.values), scale.apply(strangers.values)
        far_share = _far_share(normal, strangers)
        trust, loss = _encoder_trust(normal), _loss(normal)
        scales = [(1 - far_share, _SIMILARITY, _is_near), (far_share, _FAR_SIMILARITY, _is_text)]
        similarity: list[tuple[float, Vector]] = []
        learned: list[tuple[float, Vector]] = []
        for counts, feature, is_seen in scales:
            if counts:
                weights = logistic_weights(inside, outside, _columns(normal, is_seen), seed=seed)
                learned.append((counts, _monotone(weights, normal.features)))
                similarity.append((counts, _near_to(normal, feature)))
        groups = [
            [
                (trust / 2, _mean_view(similarity, inside)),
                (trust / 2, _mean_view(learned, inside)),
                (1 - trust, _changes(normal)),
            ],
            _form_parts(normal, trust),
            [(1.0, -loss)],
            [(1.0, loss)],
            [(1.0, part) for part in column_views(normal.features, scale.spread)],
        ]
        views = np.stack([_mean_view(parts, inside) for parts in groups if parts])
        separation = _separation(normal, strangers, _SIMILARITY)
        share = float(np.interp(separation, _SEPARATIONS, _SHARES))
        of_loss = _loss_trust(normal) * np.asarray(_LOSS_SHARES)
        shares = np.append((1 - of_loss.sum()) * np.asarray([share, 1 - share]), of_loss)
        if len(views) > _N_TEXT_VIEWS:
            own = column_share(normal.features)
            shares = np.append((1 - own) * shares, own)
        self._fitted = _Fitted(
            features=normal.features,
            scale=scale,
            means=inside.mean(0),
            views=views,
            shares=shares,
            n_topic=1,
            n_text=_N_TEXT_VIEWS,
            n_loss=len(of_loss),
            power=_POWER,
            similarity_auroc=float(separation),
            encoder_trust=trust,
            far_share=far_share,
        )
        return self

    def _scores(self, table: FeatureTable) -> Vector:
        """Return scores; see `Head.scores`. A text that both views find normal has log 2."""
        fitted = self._get(table)
        return _combined(fitted, _views(fitted, _centred(fitted, table)))

    def _explain(self, table: FeatureTable) -> Attribution:
        """Return Aumann-Shapley values, from the mean of the normal texts to each text.

        A view is a function of one weighted sum, so the integral of its gradient along the
        straight way has a closed form: weight · (value − mean) · mean slope of the view. What
        the root then does to all views together multiplies all their parts alike.
        Source: Sundararajan et al., arXiv 1703.01365; for a linear score they are its SHAP
        values. The root: Shrikumar et al., arXiv 1704.02685, rescale rule.
        """
        fitted = self._get(table)
        centred = _centred(fitted, table)
        views, power = _views(fitted, centred), fitted.power
        parts = centred * np.einsum(
            "nv,vf->nf", _slopes(views, power) * fitted.shares, fitted.views
        )
        at_mean = float(np.log(2))
        inner, outer = at_mean**power, _combined(fitted, views)
        raised = outer**power - inner
        is_small = np.abs(raised) < _SMALL
        slope_at_mean = inner ** (1 / power - 1) / power
        root = np.where(is_small, slope_at_mean, (outer - at_mean) / np.where(is_small, 1, raised))
        parts *= root[:, None]
        n = len(table.features)
        return Attribution(at_mean, parts[:, :n] + parts[:, n:], table.features)

    def save(self, folder: Path) -> None:
        """Write one JSON file; see `Head.save`."""
        assert self._fitted is not None
        fitted = asdict(self._fitted) | {"features": [f.name for f in self._fitted.features]}
        text = json.dumps(fitted, default=lambda array: array.tolist())
        (folder / _FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, features: tuple[Feature, ...]) -> Self:
        """Read the JSON file; see `Head.load`."""
        stored = Stored.read(folder / _FILE)
        stored.check_features("features", features)
        scale, n = stored.part("scale"), len(features)
        views = stored.rows("views", 2 * n)
        shares = stored.numbers("shares", len(views), low=0, high=1)
        if not np.isclose(shares.sum(), 1):
            stored.refuse("shares", "numbers whose sum is 1")
        # Version 0.1 had eight views of texts, two of them of topic, and no power.
        n_text = stored.count("n_text", default=min(8, len(views)), low=1, high=len(views))
        head = cls()
        head._fitted = _Fitted(
            features=features,
            scale=Scale(
                scale.numbers("centre", n),
                scale.numbers("spread", n, low=_SMALLEST_SPREAD),
                np.full(n, _CLIP)
                if scale.get("clip") is None  # before version 0.3
                else scale.numbers("clip", n, low=0),
            ),
            means=stored.numbers("means", 2 * n),
            views=views,
            shares=shares,
            n_topic=stored.count("n_topic", default=2, high=n_text),
            n_text=n_text,
            n_loss=stored.count("n_loss", default=0, high=n_text),
            power=stored.number("power", default=1, low=1, high=_MAX_POWER),
            similarity_auroc=stored.number("similarity_auroc", low=0, high=1),
            encoder_trust=stored.number("encoder_trust", default=1, low=0, high=1),
            far_share=stored.number("far_share", default=0, low=0, high=1),
        )
        return head

    def _get(self, table: FeatureTable) -> _Fitted:
        assert self._fitted is not None
        assert self._fitted.features == table.features
        return self._fitted


def column_clips(features: Sequence[Feature]) -> Vector:
    """Return where features are clipped, in spreads.

    Those of columns enter a mean over columns, in which a wild cell shall count as much among
    many as among few.
    """
    columns = [column_of(feature) for feature in features]
    of_columns = _CLIP * np.sqrt(max(len(set(columns) - {None}), 1))
    return np.asarray([_CLIP if name is None else of_columns for name in columns])


def _centred(fitted: _Fitted, table: FeatureTable) -> Vector:
    return fitted.scale.apply(table.values) - fitted.means


def _views(fitted: _Fitted, centred: Vector) -> Vector:
    """Return the views of each text, (n_texts, n_views).

    By einsum, whose sums, unlike those of a matrix product, do not depend on how many texts
    there are.
    """
    views: Vector = np.einsum("nf,vf->nv", centred, fitted.views)
    return views


def _combined(fitted: _Fitted, views: Vector) -> Vector:
    """Return the weighted power mean of the surprise of the views, (n_texts,)."""
    # Not a matrix product, whose last bits depend on how many texts there are.
    mean = (_surprise(views) ** fitted.power * fitted.shares).sum(1)
    combined: Vector = mean ** (1 / fitted.power)
    return combined


def _surprise(views: Vector) -> Vector:
    """Return −log P(Z ≥ z) of a standard normal Z."""
    surprise: Vector = -log_ndtr(-views)
    return surprise


def _slopes(views: Vector, power: float) -> Vector:
    """Return the mean slope of the surprise's power between 0 and each view."""
    at_zero = np.log(2)
    is_small = np.abs(views) < _SMALL
    rise = (_surprise(views) ** power - at_zero**power) / np.where(is_small, 1, views)
    slope_at_zero = 2 / np.sqrt(2 * np.pi) * power * at_zero ** (power - 1)
    slopes: Vector = np.where(is_small, slope_at_zero, rise)
    return slopes


def _far_share(normal: FeatureTable, strangers: FeatureTable) -> float:
    """Return how much the wider scale counts; nothing where signatures do not have it."""
    if _FAR_SIMILARITY not in normal.features:
        return 0.0
    near, far = (_separation(normal, strangers, f) for f in (_SIMILARITY, _FAR_SIMILARITY))
    return float(np.interp(far - near, _GAINS, (0, 1)))


def _separation(normal: FeatureTable, strangers: FeatureTable, similarity: Feature) -> float:
    """Return the AUROC of a similarity, strangers against normal texts."""
    column = normal.features.index(similarity)
    parts = [-table.values[:, column] for table in (normal, strangers)]
    labels = np.repeat([False, True], [len(part) for part in parts])
    return auroc(labels, np.concatenate(parts))


def logistic_weights(
    inside: Vector, outside: Vector, columns: NDArray[np.intp], *, seed: int
) -> Vector:
    """Return the weights of a logistic regression of strangers against normal texts.

    Parameters
    ----------
    inside, outside : (n_texts, 2 n_features) float64
        Standardised normal texts and strangers; see `Scale.apply`.
    columns : (n,) intp
        Features that take part.
    seed : int

    Returns
    -------
    (2 n_features,) float64
        0 for features that take no part; without an intercept.
    """
    columns = np.concatenate([columns, columns + inside.shape[1] // 2])
    rows = np.vstack([inside, outside])[:, columns]
    is_outside = np.repeat([0, 1], [len(inside), len(outside)])
    model = LogisticRegression(
        C=_STRENGTH, class_weight="balanced", max_iter=1000, random_state=seed
    ).fit(rows, is_outside)
    weights = np.zeros(inside.shape[1])
    weights[columns] = model.coef_[0]
    return weights


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


def _encoder_trust(normal: FeatureTable) -> float:
    """Return how far the encoder is to be trusted with texts that its vocabulary cuts up so."""
    lengths = normal.values[:, normal.features.index(_FLUENCY)]
    return float(np.interp(np.median(lengths), _CHARACTERS_PER_TOKEN, _TRUSTS))


def _loss_trust(normal: FeatureTable) -> float:
    """Return how far the loss says by itself who wrote a text, 0 … 1."""
    losses, lengths = (
        normal.values[:, normal.features.index(feature)] for feature in (_LOSS, _MODEL_FLUENCY)
    )
    is_narrow = np.interp(losses.std(dtype=np.float64), _LOSS_SPREADS, (1, 0))
    is_read = np.interp(np.median(lengths), _CHARACTERS_PER_MODEL_TOKEN, (0, 1))
    return float(is_narrow * is_read)


def _form_parts(table: FeatureTable, trust: float) -> list[tuple[float, Vector]]:
    """Return plain means of features with what each counts for."""
    words = _columns(table, lambda f: f.is_of_encoder("novelty"))
    means = [
        words[len(words) // 3 : len(words) // 3 + 1],
        _columns(table, lambda f: f.group == "tokens"),
        _columns(table, _MEMORY.__eq__),
    ]
    return [
        *((1.0, _mean_of(columns, table)) for columns in means),
        (1.0, -_loss(table)),
        (trust, _mean_of(_columns(table, lambda f: f.is_of_encoder("change")), table)),
        (1 - trust, _changes(table)),
    ]


def _loss(table: FeatureTable) -> Vector:
    """Return the loss of the full program, as weights."""
    return _mean_of(_columns(table, _LOSS.__eq__), table)


def _near_to(table: FeatureTable, similarity: Feature) -> Vector:
    return -_mean_of(_columns(table, similarity.__eq__), table)


def _changes(table: FeatureTable) -> Vector:
    """Return the mean of what the language model's layers change, as weights."""
    return _mean_of(_columns(table, lambda f: f.group == "change"), table)


def _mean_view(parts: Sequence[tuple[float, Vector]], inside: Vector) -> Vector:
    """Return a weighted mean of weightings, each and all with spread 1 on normal texts."""
    alike = np.stack([share * _unit_spread(part, inside) for share, part in parts])
    return _unit_spread(alike.sum(0), inside)


def _unit_spread(weights: Vector, inside: Vector) -> Vector:
    unit: Vector = weights / max(float((inside @ weights).std()), 1e-9)
    return unit


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
