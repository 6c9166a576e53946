"""`PolarDetector`: fit on normal texts, score and explain new ones.

What needs models is imported where it is used: a detector that goes by columns does without torch.
"""

import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils import Tags

from polar_detect import calibration, models
from polar_detect.alone import alone
from polar_detect.arrays import Float64Array, IntArray
from polar_detect.assessment import Assessment
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.calibration import p_values_or_nan
from polar_detect.containers import Texts, UnfittedError, as_texts
from polar_detect.detectors import Head, TextsHead, new_head
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.explain import Explanation
from polar_detect.frames import check_written, in_pandas, index_of, is_wide
from polar_detect.pipeline import by_columns, reviewing
from polar_detect.pipeline.choice import check_settings, chosen_head
from polar_detect.pipeline.fitted import Fitted
from polar_detect.pipeline.reviewing import Review
from polar_detect.pipeline.settings import Settings, checked_alpha
from polar_detect.pipeline.standing import Groups
from polar_detect.pipeline.training import TrainingTexts
from polar_detect.program import ProgramsOf
from polar_detect.progress import Progress, ProgressChoice, Tracker, told
from polar_detect.signature.flat_runs import by_row
from polar_detect.tables.rows.template import RowTemplate
from polar_detect.texts.moments import at_no_moment
from polar_detect.texts.passages import ReadPassages

if TYPE_CHECKING:
    import pandas as pd

    from polar_detect.pipeline.assessing import Assessing
    from polar_detect.pipeline.by_columns import RowAssessing
    from polar_detect.pipeline.detection_limits import DetectionLimits
    from polar_detect.pipeline.engine import Engine
    from polar_detect.pipeline.fitting import Parted
    from polar_detect.signature.known_anomalies import Labelled
    from polar_detect.signature.normal_programs import NormalPrograms


class PolarDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """Anomaly detector for texts and rows, by what the layers of small models make of them.

    Settings take effect at the next `fit`, but for `alpha`, which does at once. Threads may share
    a fitted detector: they take turns at the models. Detectors of one process share those that
    are the same. Pickle and joblib hold no models; they are loaded again, where no other detector
    holds them, when they are next needed. A forked process can hang once its parent
    has scored, and with LightGBM it does; start it with multiprocessing's ``spawn``.
    With labels of 0 and 1, scikit-learn's ``scoring="roc_auc"`` is upside down, since anomalous
    texts have the lower scores there; give it -1 for anomalous and 1 for normal texts.

    Parameters
    ----------
    detector : str or Head
        "auto", "texts", "columns", "classifier", "columns-classifier", "lightgbm",
        "isolation-forest", or one of PyOD's as "pyod:NAME".
        "auto" is "columns" for rows that hold nothing but numbers, words that repeat, what is
        new in all new rows, as dates are, and a remark in fewer than one of twenty, unless
        another model is named, and "texts" for all else; one that was saved is fitted again as
        what it was.
        "classifier" finds the kinds that labelled anomalies are of, and hardly any other; for such
        rows it is "columns-classifier", which goes by columns too.
        "columns" goes by the numbers of rows and by words that repeat in them, and by nothing
        else: no model is loaded, and thousands of rows take a second. It has no programs.
    model : str
        Embedded name, Hugging Face id, folder or GGUF file of a causal language model.
    encoder : str
        Embedded name, Hugging Face id or folder of a sentence encoder whose states are pooled by
        their mean; or "auto", which `fit` takes for ``minilm`` where that speaks the language of
        the texts, and else for the multilingual ``e5-small``. A saved detector names the one.
    max_tokens : int
        Texts are cut after this many tokens of the language model, and so many of the encoder's
        own but 128 at least; by default after 256, or as many as the models have positions for.
    tolerance : float
        Nats per token by which a minimal program's loss may exceed the full program's.
    alpha : float
        Texts with a p-value of at most this are flagged.
    seed : int
        With the order of the texts it says which of them are held out for the p-values.
    contamination : float
        Share of the normal texts, 0 to below .5, that may be anomalous all the same. Each text,
        each of its tokens, and the numbers of a row then pass over the nearest of the normal
        texts, so many of them, and a few like it do not make it normal; what layers change in
        it, which is held against all of them at once, does not count. P-values stay as they are:
        anomalies among the held-out texts make them too large rather than too small. To have
        about that share of the same texts flagged, `alpha` has to be larger than it.
    store_texts : bool
        Whether the training texts are kept, to be shown as neighbours and, by detectors that
        need it, to be put in front of new ones (context gain).
    rows : RowTemplate, optional
        How the texts were written out of rows of a table; their numbers are then features too,
        unless `store_texts` is false, as numbers are kept as the texts are. By default `fit` finds
        it out where it is given a data frame of several columns; `rows_` is the one in use.
    condition_columns : sequence of str
        Columns of rows that say under what conditions these were made, as a set point or the
        outdoor temperature, and not what came out. What they say is never strange by itself; other
        columns are judged given them, numbers along straight lines that go on beyond the normal
        rows. Only for detectors that go by columns, as models would read them.
    passages : bool
        Whether texts are long ones, as reports are, that are read to their end: cut into passages
        of a sentence or a few, each held against those of other texts. A text's score lies between
        the mean of its passages' and the highest of them, so that one strange passage shows, and
        its p-value is that of whole texts. What explains it, its program and its neighbours are
        those of its strangest passage; `Assessment.passages` has all of them. Of each labelled
        anomaly teaches only the passage that is strangest without the labels.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from polar_detect import PolarDetector
    >>> size = np.random.default_rng(0).normal(20, 1, 200).round(2)
    >>> normal = pd.DataFrame({"size": size, "weight": (3 * size).round(1)})
    >>> detector = PolarDetector().fit(normal)  # or a list of texts
    >>> new = pd.DataFrame({"size": [20.1, 20.1], "weight": [60.3, 66.2]})
    >>> detector.predict(new).tolist()
    [1, -1]
    >>> "high “weight”" in detector.assess(new).reasons()[1]
    True
    """

    fitted_: Fitted
    engine_: "Engine"  # not there where no model reads the texts
    review_: Review  # of a detector that `updated` returned

    def __init__(  # noqa: PLR0913 - scikit-learn wants each setting as an argument
        self,
        detector: str | Head = "auto",
        *,
        model: str = models.DEFAULT_MODEL,
        encoder: str = models.AUTO_ENCODER,
        max_tokens: int = MAX_TOKENS,
        tolerance: float = 0.1,
        alpha: float = 0.05,
        seed: int = 0,
        contamination: float = 0.0,
        store_texts: bool = True,
        rows: RowTemplate | None = None,
        condition_columns: Sequence[str] = (),
        passages: bool = False,
    ) -> None:
        self.detector = detector
        self.model = model
        self.encoder = encoder
        self.max_tokens = max_tokens
        self.tolerance = tolerance
        self.alpha = alpha
        self.seed = seed
        self.contamination = contamination
        self.store_texts = store_texts
        self.rows = rows
        self.condition_columns = condition_columns
        self.passages = passages

    def fit(
        self,
        X: Texts,
        y: Any = None,
        *,
        kinds: Any = None,
        groups: Groups = "auto",
        progress: ProgressChoice = None,
    ) -> Self:
        """Fit on normal texts, and on labelled anomalous ones where `y` names some.

        Programs, which no score of `auto` needs, wait until they are asked for (see
        `normal_programs`).

        Parameters
        ----------
        X : sequence of str
            Or a series, an array, or a table of one column, here and in the other methods. Of a
            data frame of several columns each row is written out as text, as `rows` says or, by
            default, every column under its own name; the other methods then take data frames
            (of pandas, pyarrow or polars) with these columns. Leave out labels and, where
            models read the rows, dates and what counts these.
        y : (n_texts,) array-like, optional
            True or 1 = anomalous, False or 0 = normal; or, where a -1 occurs, scikit-learn's -1 =
            anomalous and 1 = normal. Anomalous texts never count as normal; they teach what
            strangers look like and, three different ones or more, what their own kind is like.
            They are kept as the normal ones are, and new texts that are like one are told so.
        kinds : (n_texts,) array-like, optional
            Of what kind each anomalous text is, such as its failure mode; None, "" or a word for
            nothing where that is not known, and for normal texts. Without `y` a text of a kind
            is anomalous.
        groups : {"auto", "time"}, None or (n_texts,) array-like
            Which texts hang together, as rows of a lot or a shift, and are not held against each
            other: p-values and flags are those of texts of another lot. "auto": where dates in
            their rows, or those that name the rows of a data frame, are in order, those near in
            time, and else those of one lot by a column that is called so, if their numbers are
            alike; "time": those near, if they are alike, as the texts are in the order of time;
            None: each is held against all others. Or the group of each text.
        progress : bool or callable, optional
            True for bars, in a notebook or on stderr; or what is called with stage, texts done,
            texts in all.

        Raises
        ------
        InputError
            Fewer than 40 normal texts with at least one token, a setting that cannot be, or
            labels that do not teach what a detector needs.
        ModelNotFoundError, ModelError
            A model that is nowhere, or of no use.

        Warns
        -----
        TrainingWarning
            All normal texts say the same, or each is there several times; a text is labelled both
            normal and anomalous, or most are labelled 1 and none -1; or, of a data frame, a column
            counts the rows or holds dates or codes, so that in new rows all of it is new (it does
            not count where no model reads the rows), or verdicts, which new rows do not have yet,
            or words among numbers, or columns are what an assessment adds, or words that the
            detector does not read; or the fit will take hours.
        UserWarning
            `alpha` is below the smallest p-value that the held-out texts can give.
        """
        settings = Settings.of(self)
        checked_alpha(self.alpha)
        new_head(settings.detector)  # which there has to be before anything is read
        given = TrainingTexts.of(X, y, settings, groups=groups, kinds=kinds)
        head = chosen_head(replace(settings, rows=given.rows), given.normal)
        given = given.read_by(head)
        self._fit(given, replace(settings, rows=given.rows), head, progress)
        return self

    def updated(
        self,
        X: Texts,
        y: Any,
        *,
        kinds: Any = None,
        groups: Groups = "auto",
        is_whole: bool = False,
        progress: ProgressChoice = None,
    ) -> Self:
        """Return a new detector, fitted on what this one was and on texts that somebody looked at.

        With the settings that this one was fitted with. What is newly said of a text counts: one
        that was normal and is labelled anomalous no longer is normal, and the other way round. One
        that is there already is not added again, unless whole batches are. This detector stays as
        it is.

        Parameters
        ----------
        X : sequence of str
            Or a data frame, as `assess` takes them.
        y : (n_texts,) array-like
            As in `fit`.
        kinds : (n_texts,) array-like, optional
            As in `fit`; of an anomaly that is there already, "" keeps its kind.
        groups : "auto" or (n_texts,) array-like
            The group of each text, where this detector was fitted with `groups` of each. "auto":
            by the columns that told its lots, as far as the data frame has them.
        is_whole : bool
            Whether these are all texts of some batches. Otherwise they were chosen, as those that
            were flagged are, so that normal ones among them say nothing of how often normal texts
            are strange: new texts are held against them too, but p-values come from those before.
        progress : bool or callable, optional
            As in `fit`.

        Raises
        ------
        InputError
            This detector keeps no texts or was saved by an earlier version, or groups are missing;
            or as `fit` does.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from polar_detect import PolarDetector
        >>> rng = np.random.default_rng(0)
        >>> size, tool = rng.normal(20, 1, 200).round(2), rng.choice(["A", "B"], 200)
        >>> detector = PolarDetector().fit(pd.DataFrame({"size": size, "tool": tool}))
        >>> found = pd.DataFrame({"size": rng.normal(20, 1, 15).round(2), "tool": "C"})
        >>> learned = detector.updated(found, [False] * 15)  # somebody says: they are normal
        >>> learned.review_.normal
        Verdicts(n=15, n_turned=0, n_known=0, n_flagged_before=15, n_flagged=1)
        """
        fitted, alpha = self._fitted(), checked_alpha(self.alpha)
        before, settings = reviewing.given_to(fitted), fitted.settings
        reviewing.check_labels(y, kinds)
        own = TrainingTexts.read(self._texts(X), y, settings, kinds)
        reviewed = reviewing.by_label(own, reviewing.standing_of(own, X, before.standing, groups))
        is_flagged = (self._p_values(reviewed.texts) <= alpha).tolist()
        was_flagged = dict(zip(reviewed.texts, is_flagged, strict=True))
        given = reviewing.joined(before, reviewed, is_whole=is_whole)
        kind = settings.detector if isinstance(settings.detector, Head) else fitted.head.name
        other: Self = clone(self)
        other._fit(TrainingTexts.joined(given, settings.rows), settings, new_head(kind), progress)
        other.review_ = Review.of(before, reviewed, was_flagged, other.fitted_, alpha)
        return other

    def _fit(
        self, given: TrainingTexts, settings: Settings, head: Head, progress: ProgressChoice
    ) -> None:
        if head.needs_labels:
            given.check_that_labels_teach()
        fit = self._fit_reading if head.reads_texts else self._fit_by_columns
        with told(progress) as tell:
            fit(given, settings, head, Tracker(tell))
        self.fitted_ = self.fitted_.asking_for_repeats()

    def assess(
        self,
        X: Texts,
        *,
        programs_of: ProgramsOf = "all",
        neighbours: bool = True,
        progress: ProgressChoice = None,
    ) -> Assessment:
        """Return scores, p-values, programs and explanations of `X`; each distinct text once.

        Parameters
        ----------
        X : sequence of str
        programs_of : {"all", "flagged", "none", "searched"}
            Which texts get their minimal program. "all": each the shortest valid one that the
            detector's menu has for it, most of the time that is spent. "flagged": only texts
            that are flagged, and "none": none, but all where the detector reads programs.
            "searched": each what a search for it finds, which is two layers shorter, for three
            and a half times the time of "all". Scores and p-values are the same.
        neighbours : bool
            Whether the nearest normal rows are looked for, a seventh of the time of rows that are
            judged by their columns. Of texts that models read they cost nothing.
        progress : bool or callable, optional
            As in `fit`.

        Raises
        ------
        NotFittedError
        InputError
            What is no text, or no row as the detector was fitted on; another `programs_of`.
        """
        if programs_of not in get_args(ProgramsOf):
            raise InputError(
                f"Got programs_of {programs_of!r}; expected {', '.join(get_args(ProgramsOf))}; "
                "choose one."
            )
        fitted, alpha, texts = self._fitted(), checked_alpha(self.alpha), self._texts(X)
        passages: tuple[ReadPassages, ...] = ()
        with told(progress) as tell, alone():
            if fitted.passages is None:
                assessing = self._assessing(tell, programs_of, alpha, neighbours=neighbours)
                found = assessing.run(texts, Tracker(tell))
            else:
                from polar_detect.pipeline.passages import assess_in_passages

                reading, scale = self._reading(tell, programs_of, alpha), fitted.passages
                found, passages = assess_in_passages(reading, texts, scale, Tracker(tell))
        p_values = p_values_or_nan(fitted.calibration_scores, found.scores)
        template, known, words = fitted.reference.rows, fitted.known_values, fitted.known_words
        read = texts if template is None else template.read(texts)
        shown = [own.shown for own in passages] if passages else texts
        is_without = programs_of == "none" and not fitted.head.needs_programs
        return Assessment(
            scores=found.scores,
            p_values=p_values,
            is_anomaly=p_values <= alpha,
            programs=() if is_without else tuple(found.programs),
            explanation=found.explanation,
            neighbours=tuple(found.neighbours),
            embeddings=found.embeddings,
            empty_cells=() if template is None else tuple(template.read(read).empty_cells),
            unlike_kind=tuple(fitted.reference.unlike_kind(read)),
            beyond_usual=tuple(fitted.reference.beyond_usual(read)),
            mistakes=() if fitted.reference.numbers is None else tuple(fitted.mistakes(read)),
            misfiled=tuple(found.misfiled),
            odd_entries=tuple(found.odd_entries),
            new_cells=() if known is None else tuple(known.new_cells(read)),
            new_words=() if words is None else tuple(map(words.telling, shown)),
            known_anomalies=tuple(found.known),
            passages=passages,
            like_fine=tuple(found.fine),
            repeats=() if fitted.repeats is None else tuple(fitted.repeats.new(read)),
            unusual_digits=() if fitted.digits is None else tuple(fitted.digits.odd(read)),
            flat_runs=() if fitted.usual_runs is None else by_row(read, fitted.usual_runs),
            index=index_of(X),
            are_rows=self.rows_ is not None,
        )

    def score_samples(self, X: Texts, *, progress: ProgressChoice = None) -> Float64Array:
        """Return scores in scikit-learn's sign, (n_texts,): lower = more abnormal, NaN = empty."""
        scores: Float64Array = -self._scores(X, progress)
        return scores

    def decision_function(self, X: Texts, *, progress: ProgressChoice = None) -> Float64Array:
        """Return `score_samples` minus the threshold at `alpha`: negative = flagged."""
        threshold = calibration.threshold(
            self._fitted().calibration_scores, checked_alpha(self.alpha)
        )
        # A score at the threshold is flagged, so that it has to come out below zero.
        margins: Float64Array = np.nextafter(threshold, -np.inf) - self._scores(X, progress)
        return margins

    def predict(self, X: Texts, *, progress: ProgressChoice = None) -> IntArray:
        """Return -1 for flagged texts and 1 for others; empty texts are not flagged."""
        p_values = self._p_values(X, progress)
        return np.where(p_values <= checked_alpha(self.alpha), -1, 1)

    def fit_predict(
        self,
        X: Texts,
        y: Any = None,
        *,
        groups: Groups = "auto",
        progress: ProgressChoice = None,
    ) -> IntArray:
        """Fit as `fit` does, with the labels in `y`, and return what `predict` says of `X`.

        scikit-learn's own would leave `y` out, and so count anomalous texts as normal ones.
        """
        own = [*X] if isinstance(X, Iterator) else X  # which can be read but once
        return self.fit(own, y, groups=groups, progress=progress).predict(own, progress=progress)

    def explain(self, X: Texts, *, progress: ProgressChoice = None) -> Explanation:
        """Return SHAP values of the scores by feature, which sum up by layer."""
        return self.assess(X, programs_of="none", neighbours=False, progress=progress).explanation

    def usual_numbers(self, X: Texts) -> "pd.DataFrame":
        """Return between which numbers normal rows lie, and each row's other columns expect it.

        What the cell says itself has no part in the latter: the prediction interval of nine in ten
        of a linear regression on the row's other numbers. Where one of these is wrong, it is off.

        Parameters
        ----------
        X : data frame, or sequence of str
            As `assess` takes rows.

        Returns
        -------
        pandas.DataFrame
            A line for each ``row`` (its place) and ``column`` of numbers: what it ``says``, NaN
            where that is no number; ``low`` and ``high``, between which the middle 90 % of normal
            rows of its kind lie; ``expected_low`` and ``expected_high``, NaN without other columns.

        Raises
        ------
        InputError
            The detector knows no column of numbers.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from polar_detect import PolarDetector
        >>> chance = np.random.default_rng(0)
        >>> size, off = chance.normal(20, 1, 200), chance.normal(0, 0.1, 200)
        >>> normal = pd.DataFrame({"size": size, "weight": 3 * size + off}).round(2)
        >>> detector = PolarDetector().fit(normal)
        >>> usual = detector.usual_numbers(pd.DataFrame({"size": [20.1], "weight": [54.0]}))
        >>> usual[["column", "says", "expected_low", "expected_high"]].round(1)
           column  says  expected_low  expected_high
        0    size  20.1          18.0           18.0
        1  weight  54.0          60.1           60.5
        """
        import pandas as pd

        numbers = self._fitted().reference.numbers
        if numbers is None:
            raise InputError(
                "Got a detector that knows no column of numbers; expected one that was fitted on "
                "rows with such; fit on a data frame."
            )
        texts, columns = self._texts(X), numbers.template.numeric
        says = numbers.template.read(texts).numbers.values.tolist()
        lines = [
            (i, column.name, value, own.low, own.high, own.expected_low, own.expected_high)
            for i, text in enumerate(texts)
            for column, value, own in zip(columns, says[i], numbers.usual_for(text), strict=True)
        ]
        names = ("row", "column", "says", "low", "high", "expected_low", "expected_high")
        return pd.DataFrame(lines, columns=[*names])

    def detection_limits(self, *, progress: ProgressChoice = None) -> "DetectionLimits":
        """Return how much a cell of a normal row has to change for the row to be flagged.

        At `alpha`; of columns of numbers as bounds of changes up and down, of columns of words as
        shares of wrong words that are found.

        Parameters
        ----------
        progress : bool or callable, optional
            As in `fit`.

        Raises
        ------
        InputError
            Models read the texts: then it would take hours.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from polar_detect import PolarDetector
        >>> size = np.random.default_rng(0).normal(20, 1, 200).round(2)
        >>> normal = pd.DataFrame({"size": size, "weight": (3 * size).round(1)})
        >>> limits = PolarDetector().fit(normal).detection_limits()
        >>> limits.to_frame()[["column", "down_most", "up_most"]].round(2)
           column  down_most  up_most
        0    size       0.04     0.04
        1  weight       0.10     0.10
        """
        from polar_detect.pipeline.detection_limits import DetectionLimits

        fitted, alpha = self._fitted(), checked_alpha(self.alpha)
        if fitted.head.reads_texts:
            raise InputError(
                f"Got the detector {fitted.head.name}, which reads texts; expected one that goes "
                "by columns, whose cells can be changed one by one; fit with detector 'columns'."
            )
        with told(progress) as tell, alone():
            return DetectionLimits.of(fitted, alpha, Tracker(tell))

    def normal_programs(self, *, progress: ProgressChoice = None) -> "NormalPrograms":
        """Return the menu of programs, and what held-out normal texts have of it.

        They are searched when this, `assess` or `save` first asks for them, which takes as long as
        a fit on some hundred texts, and kept. A fit that reads programs or keeps no texts has
        searched them already.

        Parameters
        ----------
        progress : bool or callable, optional
            As in `fit`.

        Raises
        ------
        InputError
            The detector goes by columns, and so has no programs.
        """
        from polar_detect.signature.normal_programs import ProgramPlan

        with told(progress) as tell, alone():
            programs = self._fitted().programs
            if programs is None:
                raise InputError(
                    f"Got the detector {self._fitted().head.name}, which goes by columns and so "
                    "has no programs; expected one that reads texts; fit another, e.g. texts."
                )
            if isinstance(programs, ProgramPlan):
                programs = programs.searched_by(self._engine().extractor, Tracker(tell))
                self.fitted_ = replace(self.fitted_, programs=programs)
            return programs

    def save(self, folder: str | Path, *, progress: ProgressChoice = None) -> None:
        """Write the fitted detector as a folder without pickle, in place of one that is there.

        It holds the training texts unless `store_texts` is false, and what much of them can be told
        from in any case: treat it as confidentially as they are.

        Parameters
        ----------
        folder : str or Path
        progress : bool or callable, optional
            As in `fit`; of the search for programs, where nobody has asked for them yet.

        Raises
        ------
        OutputError
            The folder holds something else, or cannot be written.
        """
        from polar_detect.artifact import writing  # imports this module

        writing.save(self, Path(folder), progress=progress)

    @classmethod
    def load(cls, folder: str | Path) -> "PolarDetector":
        """Read what `save` wrote.

        Raises
        ------
        InputNotFoundError
            No detector is there.
        ArtifactError
            One that was changed, or of other models or versions; it says what.
        """
        from polar_detect.artifact import reading

        return reading.load(Path(folder))

    @property
    def rows_(self) -> RowTemplate | None:
        """How rows of a table are written out as the texts that it was fitted on, if they are."""
        return self._fitted().settings.rows

    @property
    def encoder_(self) -> str:
        """The sentence encoder that it was fitted with; what "auto" stood for."""
        return self._fitted().settings.encoder

    @property
    def n_layers(self) -> int:
        """Layers of the language model; 0 where none reads the texts."""
        has_model = self._fitted().head.reads_texts
        return self._engine().n_layers if has_model else 0

    def __sklearn_tags__(self) -> Tags:
        """Say that the input is a sequence of texts, or a table."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        return tags

    def _texts(self, X: Texts) -> list[str]:
        fitted = self._fitted()
        rows = fitted.settings.rows
        X = in_pandas(X)
        texts = as_texts(X, rows)
        if fitted.passages is not None:
            return texts  # which are read passage by passage
        if rows is None:
            return fitted.text_reference.as_read(texts)
        if is_wide(X):  # they were just written
            return texts
        check_written(texts, rows)
        return texts if rows.keeps_digits else rows.rounded_texts(texts)

    def _scores(self, X: Texts, progress: ProgressChoice = None) -> Float64Array:
        texts = self._texts(X)
        with told(progress) as tell, alone():
            scale = self._fitted().passages
            if scale is None:
                return self._assessing(tell).scores(texts, Tracker(tell))
            from polar_detect.pipeline.passages import score_in_passages

            scored = score_in_passages(self._reading(tell), texts, scale, Tracker(tell))
            return scored.whole.scores

    def _p_values(self, X: Texts, progress: ProgressChoice = None) -> Float64Array:
        scores = self._scores(X, progress)
        return p_values_or_nan(self._fitted().calibration_scores, scores)

    def _assessing(
        self,
        tell: Progress | None,
        programs_of: ProgramsOf = "none",
        alpha: float = 0.0,
        *,
        neighbours: bool = True,
    ) -> "Assessing | RowAssessing":
        fitted = self._fitted()
        if not fitted.head.reads_texts:
            return by_columns.RowAssessing(fitted, neighbours)
        return self._reading(tell, programs_of, alpha)

    def _reading(
        self, tell: Progress | None, programs_of: ProgramsOf = "none", alpha: float = 0.0
    ) -> "Assessing":
        from polar_detect.pipeline.assessing import Assessing

        search = partial(self.normal_programs, progress=tell)
        return Assessing(self._fitted(), self._engine().extractor, search, programs_of, alpha)

    def _fit_reading(
        self, given: TrainingTexts, settings: Settings, head: Head, tracker: Tracker
    ) -> None:
        """Fit a head that stands on what models make of texts."""
        from polar_detect.numerics.runtime import return_freed_memory
        from polar_detect.pipeline.engine import encoder_for
        from polar_detect.pipeline.fitting import Fitting, Parted

        settings = replace(settings, encoder=encoder_for(given.texts, settings.encoder))
        engine = self._models(settings).configured(
            max_tokens=settings.max_tokens, head=head, has_texts=settings.store_texts
        )
        with alone():
            own = given.by_label(engine.extractor.tracer)
            doubts = given.doubts(own.normal, keeps_texts=settings.store_texts, reads_texts=True)
            if settings.rows is None and not settings.passages:
                own = own.read_by(at_no_moment)
            parts = Parted.at_random(
                own.normal,
                seed=settings.seed,
                standing=own.standing,
                is_reviewed=own.is_reviewed,
            )
            _warn(doubts, self.alpha, len(parts.held_out))
            anomalous = own.anomalous
            if settings.passages:
                parts = parts.in_passages(engine.extractor.tracer, seed=settings.seed)
                anomalous = self._strange_passages(anomalous, parts, settings, tracker)
            fitted = Fitting(engine.extractor, head, tracker, settings).run(parts, anomalous)
            self.fitted_ = replace(fitted, given=own) if settings.store_texts else fitted
            self.engine_ = engine
            return_freed_memory()  # a search of programs, which mostly follows, has its own blocks

    def _strange_passages(
        self, anomalous: "Labelled", parts: "Parted", settings: Settings, tracker: Tracker
    ) -> "Labelled":
        """Return the passage of each anomaly that is strangest to who knows normal texts alone."""
        from polar_detect.pipeline.assessing import Assessing
        from polar_detect.pipeline.fitting import Fitting
        from polar_detect.pipeline.passages import strangest_of

        if not len(anomalous):
            return anomalous
        head, none = new_head(TextsHead.name), anomalous.rows(np.arange(0))
        engine = self._models(settings).configured(
            max_tokens=settings.max_tokens, head=head, has_texts=settings.store_texts
        )
        fitted = Fitting(engine.extractor, head, tracker, settings).run(parts, none)
        assert fitted.passages is not None
        assessing = Assessing(fitted, engine.extractor, self.normal_programs)
        return strangest_of(assessing, anomalous, fitted.passages, tracker)

    def _fit_by_columns(
        self, given: TrainingTexts, settings: Settings, head: Head, tracker: Tracker
    ) -> None:
        """Fit a head that stands on the columns of rows alone."""
        check_settings(settings)
        assert settings.rows is not None
        if given.frame is None:
            check_written(given.texts, settings.rows)
        with alone():
            parts = given.by_label(None)
            doubts = given.doubts(parts.normal, keeps_texts=True, reads_texts=False)
            _warn(doubts, self.alpha, by_columns.n_held_out(len(parts.normal)))
            self.fitted_ = by_columns.fit(head, settings, parts, tracker)
            self.__dict__.pop("engine_", None)  # of an earlier fit

    def _models(self, settings: Settings) -> "Engine":
        """Return the models, read as an earlier engine reads them where it has the same."""
        from polar_detect.pipeline.engine import Engine

        loaded = Engine.load(settings.model, settings.encoder)
        earlier: Engine | None = getattr(self, "engine_", None)
        return earlier if earlier is not None and earlier.shares_models_with(loaded) else loaded

    def _engine(self) -> "Engine":
        self._fitted()
        engine: Engine = self.engine_
        return engine

    def _fitted(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            raise UnfittedError(
                "Got a detector that is not fitted; expected a fitted one; call fit on normal "
                "texts first, or load a saved detector."
            )
        fitted: Fitted = self.fitted_
        return fitted


def _warn(doubts: Iterable[str], alpha: float, n_calibration: int) -> None:
    """Warn whoever called `fit` of an alpha that nothing can reach, and of the training texts."""
    level = _level_of_caller()
    smallest = calibration.smallest_alpha(n_calibration)
    if alpha < smallest:
        warnings.warn(
            f"Got alpha {alpha:g}; expected at least {smallest:.4g}, the smallest p-value with "
            f"{n_calibration} held-out texts, as below it no text is flagged; raise alpha, or fit "
            "on more normal texts.",
            stacklevel=level,
        )
    for doubt in doubts:
        warnings.warn(doubt, TrainingWarning, stacklevel=level)


def _level_of_caller() -> int:
    """Return how many calls above `_warn`, which is 1, the first of another package stands."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith("polar_detect."):
        level, frame = level + 1, frame.f_back
    return level
