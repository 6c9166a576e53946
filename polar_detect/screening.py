"""Which of the texts or rows of one set are unlike the others.

`PolarDetector` learns from normal texts and scores new ones. Here there is one set only, which
nobody has looked through, so that some of it may be anomalous.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.stats import rankdata

from polar_detect.alone import alone
from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.assessment import Assessment
from polar_detect.containers import Texts
from polar_detect.detector import PolarDetector
from polar_detect.detectors import AutoHead, Head
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.frames import index_of
from polar_detect.pipeline.choice import chosen_head
from polar_detect.pipeline.settings import Settings, number, whole
from polar_detect.pipeline.training import MIN_NORMAL, TrainingTexts
from polar_detect.progress import Progress, ProgressChoice, Tracker, told
from polar_detect.signature.digits import LastDigits
from polar_detect.signature.flat_runs import UsualRuns, by_row
from polar_detect.signature.repeats import Repeat, Repeats
from polar_detect.texts.distinct import first_places
from polar_detect.texts.moments import as_read, at_no_moment
from polar_detect.texts.passages import InPassages

if TYPE_CHECKING:
    import pandas as pd

# A fitted detector, texts and what it says of them.
Look = Callable[[PolarDetector, Sequence[str], Assessment], None]

N_FOLDS = 5
# More of them are hardly one kind, and where there are many small topics each text needs its own.
_MAX_PASSED_OVER = 0.1
# What parts of a fold's time go into the stages of its fit and of its scores, about.
_SHARES = {
    "normal texts": 0.35,
    "held-out clusters": 0.35,
    "held-out texts": 0.1,
    "normal rows": 0.8,
    "score": 0.2,
}
MIN_TEXTS = -(-MIN_NORMAL * N_FOLDS // (N_FOLDS - 1))  # so that the others are enough to fit on


def screen(
    X: Texts,
    detector: PolarDetector | None = None,
    *,
    share: float = 0.05,
    max_texts: int = 5000,
    progress: ProgressChoice = None,
) -> Assessment:
    """Return how unlike the others each text of a set is; no labels, and none known to be normal.

    The texts are dealt into five folds, and those of a fold are scored by a detector that was
    fitted on the others, so that no text is held against itself. Copies of it may be among the
    others: what is said again and again is usual. Equal texts get equal scores.

    Parameters
    ----------
    X : sequence of str, or data frame
        50 or more that are not empty, as `PolarDetector.fit` takes them.
    detector : PolarDetector, optional
        How texts are read and compared; "auto", "texts" or "columns". It stays as it is. By
        default "auto" with a `contamination` of `share`, .1 at most: anomalies may be like one
        another, as spam is, and so many texts that are nearest to each one are passed over.
    share : float
        What share of the texts is flagged, the strangest ones.
    max_texts : int
        Of more texts, a random sample of so many is what all are held against.
    progress : bool or callable, optional
        True for bars, in a notebook or on stderr; or what is called with stage, texts done, texts
        in all.

    Returns
    -------
    Assessment
        Without programs. A p-value is the share of the texts that score as high: it ranks the text,
        and promises nothing of how many are anomalous.

    Raises
    ------
    InputError
        Fewer texts, another detector, a share that is none, or what `PolarDetector.fit` refuses.
    ModelNotFoundError, ModelError
        As `PolarDetector.fit`.

    Warns
    -----
    TrainingWarning
        As `PolarDetector.fit`.

    Notes
    -----
    Scores of several fits compare, as each is in units of what is usual among its own texts.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from polar_detect import screen
    >>> size = np.random.default_rng(0).normal(20, 1, 200).round(2)
    >>> rows = pd.DataFrame({"size": size, "weight": (3 * size).round(1)})
    >>> rows.loc[7, "weight"] = 90
    >>> found = screen(rows, share=0.01)  # or a list of texts
    >>> found.to_frame().nlargest(2, "score").index[0]
    7
    >>> rows[found.is_anomaly].shape  # the strangest of them
    (2, 2)
    """
    screening = Screening.of(X, detector, share=share, max_texts=max_texts)
    for doubt in screening.doubts:
        warnings.warn(doubt, TrainingWarning, stacklevel=2)
    with told(progress) as tell:
        return screening.run(tell)


def passed_over(share: float) -> float:
    """Return the contamination of a detector by default, where such a share is flagged."""
    return min(share, _MAX_PASSED_OVER)


def check_enough(texts: Sequence[str]) -> None:
    """Raise `InputError` where there are too few to hold each against the others."""
    n_filled = sum(bool(text.strip()) for text in texts)
    if n_filled < MIN_TEXTS:
        raise InputError(
            f"Got {n_filled} texts or rows that are not empty; expected at least {MIN_TEXTS}, as "
            "each is held against the others; add some."
        )


def _check_compares(head: Head) -> None:
    if not isinstance(head, AutoHead) or head.needs_labels:
        raise InputError(
            f"Got detector {head.name}; expected one whose scores compare from fit to fit, and "
            "that wants no labels: auto, texts or columns; choose one of these."
        )


class Screening:
    """The fits of a screening.

    Parameters
    ----------
    head : Head
        Unfitted.
    settings : Settings
        With the template of the texts where they are rows.
    texts : sequence of str
    share : float
    max_texts : int
        See `screen`.
    doubts : sequence of str
        What the user should be warned of.
    index : pandas.Index, optional
        What the texts are called.

    Attributes
    ----------
    texts : list of str
    detector : PolarDetector
        Once it has run, as it was fitted last.
    n_others : int
        Texts that all are held against, but for those of their own fold.
    """

    def __init__(  # noqa: PLR0913 - what `of` finds out
        self,
        head: Head,
        settings: Settings,
        texts: Sequence[str],
        *,
        share: float,
        max_texts: int,
        doubts: Sequence[str] = (),
        index: "pd.Index[Any] | None" = None,
    ) -> None:
        self.share, self.doubts = share, doubts
        self._head = head
        self.detector = PolarDetector(**vars(settings) | {"detector": head})
        self.texts, self._index = [*texts], index
        filled = np.flatnonzero([bool(text.strip()) for text in texts])
        order = np.random.default_rng(settings.seed).permutation(filled)
        self._folds = np.zeros(len(texts), np.intp)
        self._folds[order] = np.arange(len(order)) % N_FOLDS
        self._others = np.sort(order[:max_texts])  # what all are held against
        self.n_others = len(self._others)

    @classmethod
    def of(
        cls,
        X: Texts,
        detector: PolarDetector | None = None,
        *,
        share: float = 0.05,
        max_texts: int = 5000,
    ) -> Self:
        """Check what is to be screened, and how; see `screen`."""
        share = number("share", share, high=1.0)
        max_texts = whole("max_texts", max_texts, low=MIN_TEXTS, high=sys.maxsize)
        if detector is None:
            detector = PolarDetector(contamination=passed_over(share))
        if not isinstance(detector, PolarDetector):
            raise InputError(
                f"Got detector {detector!r}; expected a PolarDetector; pass "
                "PolarDetector('columns') or the like, or leave it out."
            )
        settings = Settings.of(detector)
        given = TrainingTexts.read(X, None, settings)
        check_enough(given.texts)
        head = chosen_head(replace(settings, rows=given.rows), given.texts)
        _check_compares(head)
        given = given.read_by(head)
        return cls(
            head,
            replace(settings, rows=given.rows),
            given.texts,
            share=share,
            max_texts=max_texts,
            doubts=given.doubts(
                [*given.texts], keeps_texts=True, reads_texts=head.reads_texts, are_screened=True
            ),
            index=index_of(X),
        )

    @cached_property
    def repeats(self) -> Repeats | None:
        """What tells texts that repeat one another; None where they do anyway."""
        return Repeats.of(self.texts, self.detector.rows)

    @cached_property
    def digits(self) -> LastDigits | None:
        """How round the numbers of all rows are; None where these say too little of that."""
        return LastDigits.of(self.detector.rows, self.texts, are_normal=False)

    def run(self, progress: Progress | None = None, look: Look | None = None) -> Assessment:
        """Return what there is to say of each text by a fit on others.

        Parameters
        ----------
        progress : callable, optional
            Called with stage, texts done, texts in all.
        look : callable, optional
            Called fold by fold with the detector that was fitted on the others, the fold's texts,
            each once, and what the detector says of them.
        """
        tracker = Tracker(progress)
        if self._head.reads_texts:
            self._read(tracker)
        distinct, first = first_places(self.texts)
        homes = self._folds[first]
        stage = tracker.stage("screen", len(distinct))
        parts, order = [], []
        for fold in range(N_FOLDS):
            mine = np.flatnonzero(homes == fold)
            if not len(mine):  # of a few texts that all have copies
                continue
            order.append(mine)
            texts = [distinct[i] for i in mine]
            with stage.part(len(mine)) as part:
                tell = part.following(_SHARES)
                parts.append(self._held_against_others(fold, texts, tell))
                if look is not None:
                    look(self.detector, texts, parts[-1])
        place = dict(zip(distinct, np.argsort(np.concatenate(order)).tolist(), strict=True))
        usual = UsualRuns.unknown(self.detector.rows)
        found = Assessment.below(parts).rows(np.asarray([place[text] for text in self.texts]))
        return replace(
            _ranked(found, self.share),
            repeats=self._repeats(),
            unusual_digits=() if self.digits is None else tuple(self.digits.odd(self.texts)),
            flat_runs=() if usual is None else by_row(self.texts, usual),
            index=self._index,
            is_screening=True,
        )

    def _repeats(self) -> tuple[Repeat | None, ...]:
        """Return which other text each repeats, by its name."""
        found = [] if self.repeats is None else self.repeats.within()
        if self._index is None:
            return tuple(found)
        names = self._index.map(str)
        return tuple(own and replace(own, name=names[own.place]) for own in found)

    def _read(self, tracker: Tracker) -> None:
        """Have the models read the texts that are read again and again, each once."""
        from polar_detect.memory import with_memory

        detector, others = self.detector, [self.texts[i] for i in self._others]
        if detector.passages:
            others = as_read(InPassages.of(others).passages)
        elif detector.rows is None:
            others = [*map(at_no_moment, others)]
        with_memory(detector, self.texts, remembered=others)
        engine = detector.engine_
        # As the encoder is chosen for all texts, not for each fold.
        detector.set_params(encoder=engine.encoder_model.name)
        engine = engine.configured(
            max_tokens=detector.max_tokens, head=self._head, has_texts=detector.store_texts
        )
        with alone():
            engine.extractor.read_all(others, stage="read texts", tracker=tracker)

    def _held_against_others(self, fold: int, texts: list[str], progress: Progress) -> Assessment:
        others = self._others[self._folds[self._others] != fold]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the whole set it is said before
            # Not as later texts are: those of one lot or burst are held against each other.
            own = [self.texts[i] for i in others]
            self.detector.fit(own, groups=None, progress=progress)
        found = self.detector.assess(texts, programs_of="none", progress=progress)
        return replace(
            found, repeats=(), unusual_digits=(), flat_runs=()
        )  # which are told of the whole set


def _ranked(found: Assessment, share: float) -> Assessment:
    """Return an assessment whose p-values are ranks, with the strangest texts flagged."""
    p_values = _ranks(found.scores)
    return replace(found, p_values=p_values, is_anomaly=p_values <= share)


def _ranks(scores: Float64Array) -> Float64Array:
    """Return the share of scores that are at least as high as each; NaN for those that are NaN.

    >>> _ranks(np.array([0.5, 2.0, np.nan, 1.0, 1.0])).tolist()
    [1.0, 0.25, nan, 0.75, 0.75]
    """
    ranks = np.full(len(scores), np.nan)
    known: IndexArray = np.flatnonzero(~np.isnan(scores))
    ranks[known] = rankdata(-scores[known], "max") / max(len(known), 1)
    return ranks
