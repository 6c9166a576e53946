"""The default detector: a view of a text's topic, one of its form, and how far to trust each.

Every view is linear in standardised features and their absolute values. The square of its
surprise enters the score, so that one strange view counts for more than two odd ones; and a
view counts for as much as the normal texts themselves say that it can.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.special import log_ndtr

from polar_detect.arrays import Float64Array
from polar_detect.detectors.base import Attribution, Head, TrainingSignatures
from polar_detect.detectors.scale import (
    CLIP,
    Scale,
    column_clips,
    column_squares,
    column_units,
)
from polar_detect.detectors.views import Views, choose_views, taught
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.stored import Stored

_FILE = "auto.json"
_POWER = 2.0
_SMALL = 1e-6  # standard deviations; below, a view's slope is that at zero
# Of what is read back: within these no score leaves float64.
_SMALLEST_SPREAD = 1e-50
_MAX_POWER = 3.0


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fitted(Views):
    features: tuple[Feature, ...]
    scale: Scale
    power: float  # of the mean of the views' surprise


class AutoHead(Head):
    """Views of a signature, each by its surprise: −log of its upper tail probability.

    The score is √ Σ share · (−log P(Z ≥ z))² of the standardised views z: Fisher's combination
    by squares, so that a text that is strange in one respect only is not lost among those that
    are a little odd in all. What each view is made of and counts for: `choose_views`.

    No score rises when similarity grows or the novelty of the encoder's tokens falls, at either
    scale.

    Labelled anomalies add a view of their own: see `taught`.
    """

    name = "auto"
    needs_curves = False
    needs_corruptions = False
    needs_programs = False
    needs_context = False
    needs_distances = False
    learns_from_labels = True
    is_monotone = True
    # Whether easy and broken language count by themselves.
    counts_language = True
    # What labels teach counts for, of all; None: the more, the more there are.
    labelled_share: float | None = None

    def __init__(self) -> None:
        self._fitted: _Fitted | None = None

    @property
    def is_taught(self) -> bool:
        """Whether it learned anything from labelled anomalies."""
        return self._fitted is not None and self._fitted.n_labelled > 0

    @property
    def reason(self) -> str:
        """What was chosen, and the figure that it was chosen by."""
        kind = "two views, of topic and of form, by how surprising they are"
        assert self._fitted is not None
        n_views = len(self._fitted.columns)
        if n_views == 1:
            kind += "; a view of the columns, which counts for {columns}"
        elif n_views:
            kind += (
                "; views of the columns (numbers, words that repeat, new words there, words that "
                "do not go with the text), which together count for {columns}"
            )
        of_sequences = ""
        if len(self._fitted.sequences):
            of_sequences = (
                "; the sequence of entries (their order, how often each occurs) counts for "
                "{sequences}"
            )
        if self.is_taught:
            kind += "; what tells the labelled anomalies from normal texts counts for {labelled}"
        return (
            f"{kind}; topic counts for {{topic}}, the more the better similarity tells held-out "
            "groups of the normal texts from the rest, which it does in {separation} of pairs "
            "(AUROC), and for half at least where the encoder is wholly trusted; it is trusted to "
            "{encoder}, less where its vocabulary cuts the texts into short pieces; similarity "
            "asks the nearest 4% of the normal texts for {far} and the five nearest for the rest, "
            "as that tells held-out groups best; easy and broken language count for {language} by "
            "themselves: a loss that is low for the text's length, for more where those of the "
            "normal texts lie close together, and one that is high for it or words in short pieces"
            + of_sequences
        ).format_map(self.choices)

    @property
    def choices(self) -> dict[str, str]:
        """What was chosen, in percent: shares, the encoder's trust, and the AUROC of similarity.

        What labelled anomalies taught is among the shares only where they taught anything, and so
        are sequences only where texts are some.
        """
        fitted = self._fitted
        assert fitted is not None
        return {
            "topic": f"{fitted.topic.sum():.0%}",
            "columns": f"{fitted.columns.sum():.0%}",
            **({"sequences": f"{sequences:.0%}"} if (sequences := fitted.sequences.sum()) else {}),
            **({"labelled": f"{fitted.labelled.sum():.0%}"} if self.is_taught else {}),
            "separation": f"{fitted.similarity_auroc:.0%}",
            "encoder": f"{fitted.encoder_trust:.0%}",
            "far": f"{fitted.far_share:.0%}",
            "language": f"{fitted.language.sum():.0%}",
        }

    def fit(self, shown: TrainingSignatures, *, seed: int) -> Self:  # noqa: ARG002 - draws nothing
        """Fit the views; see `Head.fit`."""
        normal, features = shown.normal, shown.normal.features
        scale = Scale.fit(
            normal.values,
            column_clips(features),
            units=column_units(features),
            is_squared=column_squares(features),
        )
        views = self._choose(shown, scale)
        if shown.labelled is not None:
            views = taught(views, normal, shown.labelled, scale, share=self.labelled_share)
        self._fitted = _Fitted(**vars(views), features=features, scale=scale, power=_POWER)
        return self

    def _choose(self, shown: TrainingSignatures, scale: Scale) -> Views:
        """Return the views, without that of labelled anomalies."""
        return choose_views(shown, scale, counts_language=self.counts_language)

    def _scores(self, table: FeatureTable) -> Float64Array:
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
        n_text = stored.count(
            "n_text", default=min(8, len(views)), low=int(cls.reads_texts), high=len(views)
        )
        n_others = len(views) - n_text
        n_labelled = stored.count("n_labelled", default=0, high=n_others)
        head = cls()
        head._fitted = _Fitted(
            features=features,
            scale=Scale(
                scale.numbers("centre", n),
                scale.numbers("spread", n, low=_SMALLEST_SPREAD),
                np.full(n, CLIP)
                if scale.get("clip") is None  # version 0.1
                else scale.numbers("clip", n, low=0),
                scale.flags("is_squared", n),
            ),
            means=stored.numbers("means", 2 * n),
            views=views,
            shares=shares,
            n_topic=stored.count("n_topic", default=2, high=n_text),
            n_text=n_text,
            n_language=stored.count("n_language", default=0, high=n_text),
            n_labelled=n_labelled,
            n_sequences=stored.count("n_sequences", default=0, high=n_others - n_labelled),
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


class TextsHead(AutoHead):
    """The same by a name that says that models read what it is given, rows of columns too."""

    name = "texts"


def _centred(fitted: _Fitted, table: FeatureTable) -> Float64Array:
    return fitted.scale.apply(table.values) - fitted.means


def _views(fitted: _Fitted, centred: Float64Array) -> Float64Array:
    """Return the views of each text, (n_texts, n_views).

    By einsum, whose sums, unlike those of a matrix product, do not depend on how many texts
    there are.
    """
    views: Float64Array = np.einsum("nf,vf->nv", centred, fitted.views)
    return views


def _combined(fitted: _Fitted, views: Float64Array) -> Float64Array:
    """Return the weighted power mean of the surprise of the views, (n_texts,)."""
    # Not a matrix product, whose last bits depend on how many texts there are.
    mean = (_surprise(views) ** fitted.power * fitted.shares).sum(1)
    combined: Float64Array = mean ** (1 / fitted.power)
    return combined


def _surprise(views: Float64Array) -> Float64Array:
    """Return −log P(Z ≥ z) of a standard normal Z."""
    surprise: Float64Array = -log_ndtr(-views)
    return surprise


def _slopes(views: Float64Array, power: float) -> Float64Array:
    """Return the mean slope of the surprise's power between 0 and each view."""
    at_zero = np.log(2)
    is_small = np.abs(views) < _SMALL
    rise = (_surprise(views) ** power - at_zero**power) / np.where(is_small, 1, views)
    slope_at_zero = 2 / np.sqrt(2 * np.pi) * power * at_zero ** (power - 1)
    slopes: Float64Array = np.where(is_small, slope_at_zero, rise)
    return slopes
