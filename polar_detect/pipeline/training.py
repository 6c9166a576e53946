"""What `PolarDetector.fit` is given: texts with labels, and what is to be warned of in them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray
from polar_detect.containers import Texts, anomalous, as_texts, kinds_of
from polar_detect.detectors.classifier import check_that_labels_teach
from polar_detect.errors import InputError
from polar_detect.frames import doubts_of_columns, in_pandas, is_wide, row_template
from polar_detect.pipeline import choice
from polar_detect.pipeline.settings import Settings
from polar_detect.pipeline.standing import Groups, Standing, is_index_in_time, standing_of_rows
from polar_detect.signature.known_anomalies import Labelled
from polar_detect.texts.doubts import doubts_of_labels, doubts_of_texts
from polar_detect.texts.visible import as_seen

if TYPE_CHECKING:
    import pandas as pd

    from polar_detect.detectors import Head
    from polar_detect.signature.reading.tracer import Tracer
    from polar_detect.tables.rows.template import RowTemplate

MIN_NORMAL = 40
MIN_SIGNED = 8  # texts, for signatures of each against others


@dataclass(frozen=True, eq=False)
class ByLabel:
    """Normal and anomalous texts.

    Parameters
    ----------
    normal : list of str
    anomalous : Labelled
    standing : Standing
        Of the normal ones.
    is_reviewed : (n_normal,) bool
        Which of them were looked at because they were strange. They are no random ones, so that
        they never turn scores into p-values.
    """

    normal: list[str]
    anomalous: Labelled
    standing: Standing
    is_reviewed: BoolArray

    @property
    def texts(self) -> list[str]:
        """All texts, normal ones first."""
        return [*self.normal, *self.anomalous.texts]

    @property
    def reviewed(self) -> tuple[int, ...]:
        """The places of normal texts that were looked at because they were strange."""
        return tuple(np.flatnonzero(self.is_reviewed).tolist())

    def read_by(self, reading: Callable[[str], str]) -> Self:
        """Return the same with texts as they are read."""
        strange = replace(self.anomalous, texts=tuple(map(reading, self.anomalous.texts)))
        return replace(self, normal=[*map(reading, self.normal)], anomalous=strange)


@dataclass(frozen=True, eq=False)
class TrainingTexts:
    """Texts to fit on.

    Parameters
    ----------
    texts : tuple of str, n_texts long
        Rows of a data frame written out, or texts as people see them (`texts.visible.as_seen`).
    is_anomalous : (n_texts,) bool
    rows : RowTemplate, optional
        By which they are written out.
    has_labels : bool
        Whether some were given.
    frame : pandas.DataFrame, optional
        The data frame that they were written out of, if they were.
    n_ones : int
        How many labels are the number 1, where no -1 occurs.
    groups : Groups
        Which of them hang together; see `PolarDetector.fit`.
    kinds : tuple of str
        Of what kind each anomalous one is, "" where nothing is said; () where nothing is of any.
    is_reviewed : (n_texts,) bool, optional
        See `ByLabel`; None where none is.
    """

    texts: tuple[str, ...]
    is_anomalous: BoolArray
    rows: "RowTemplate | None"
    has_labels: bool
    frame: "pd.DataFrame | None"
    n_ones: int
    groups: Groups = None
    kinds: tuple[str, ...] = ()
    is_reviewed: BoolArray | None = None

    @classmethod
    def of(
        cls, X: Texts, y: Any, settings: Settings, *, groups: Groups = "auto", kinds: Any = None
    ) -> Self:
        """Return texts and labels as `PolarDetector.fit` takes them, before a model is loaded.

        Raises
        ------
        InputError
            What is no text or no label, fewer than 40 normal texts that are not empty, or groups
            that are none.
        """
        found = replace(cls.read(X, y, settings, kinds), groups=groups)
        n_normal = sum(bool(text.strip()) for text in found.normal)
        if n_normal < MIN_NORMAL:
            raise InputError(too_few(n_normal) + _said_of_ones(y))
        found.standing.check()
        if settings.passages and found.standing.is_in_time:
            raise InputError(
                "Got groups 'time' for texts that are read in passages; expected none, or the "
                "group of each text; leave them out, or pass such as months."
            )
        return found

    @classmethod
    def read(cls, X: Texts, y: Any, settings: Settings, kinds: Any = None) -> Self:
        """Return the same, however few there are."""
        X, rows = in_pandas(X), settings.rows
        frame = X if is_wide(X) else None
        if frame is not None and rows is None:
            rows = row_template(frame)
        texts = as_texts(X, rows)
        if rows is None:
            texts = as_seen(texts)
        rows = choice.under_conditions(rows, settings.condition_columns)
        said = None if kinds is None else kinds_of(kinds, len(texts))
        is_anomalous = anomalous(y, len(texts))
        if said is not None and y is None:
            is_anomalous = said.is_anomalous
        found = cls(tuple(texts), is_anomalous, rows, y is not None, frame, _n_ones(y))
        return found if said is None else replace(found, has_labels=True, kinds=said.kinds)

    @cached_property
    def standing(self) -> Standing:
        """Where normal texts stand, as far as one knows.

        Anomalous ones may stand behind them, whatever their dates.
        """
        if self.groups is None:
            return Standing()
        if isinstance(self.groups, Standing):
            return self.groups.rows(np.flatnonzero(~self.is_anomalous))
        if not isinstance(self.groups, str):
            own = Standing.given(self.groups, len(self.texts))
            return own.rows(np.flatnonzero(~self.is_anomalous))
        if self.groups not in {"auto", "time"}:
            raise InputError(
                f"Got groups {self.groups!r}; expected 'auto', 'time', None or one for each text; "
                "pass one of these, such as the column that names lots."
            )
        if self.groups == "time":
            return Standing(is_in_time=True)
        found = Standing() if self.rows is None else standing_of_rows(self.normal, self.rows)
        if self.frame is None:
            return found
        index = self.frame.index[~self.is_anomalous]
        return replace(found, is_in_time=found.is_in_time or is_index_in_time(index))

    @property
    def normal(self) -> list[str]:
        """The texts that are not labelled anomalous."""
        return self._labelled(is_anomalous=False)

    def check_that_labels_teach(self) -> None:
        """Raise `InputError` where fewer than three different texts are labelled anomalous."""
        check_that_labels_teach(self._labelled(is_anomalous=True))

    def by_label(self, tracer: "Tracer | None") -> "ByLabel":
        """Return the texts that the language model sees anything of.

        Without a `tracer`, as no model reads them, those that are not empty.

        Raises
        ------
        InputError
            Fewer than 40 of the normal texts are left.
        """
        normal, strange = (self._labelled(is_anomalous=label) for label in (False, True))
        kept, kept_strange = (_with_tokens(own, tracer) for own in (normal, strange))
        reviewed = np.zeros(len(self.texts), bool) if self.is_reviewed is None else self.is_reviewed
        is_reviewed = reviewed[~self.is_anomalous][kept]
        if (n_usual := int(np.sum(~is_reviewed))) < MIN_NORMAL:
            raise InputError(too_few(n_usual))
        kinds = self.kinds or ("",) * len(self.texts)
        own = tuple(kinds[i] for i in np.flatnonzero(self.is_anomalous))
        return ByLabel(
            [normal[i] for i in kept.tolist()],
            Labelled(tuple(strange), own).rows(kept_strange),
            self.standing.rows(kept),
            is_reviewed,
        )

    def read_by(self, head: "Head") -> Self:
        """Return the same for a head: rows that models read are written with fewer digits."""
        rows = self.rows
        if rows is None or not (head.reads_texts and rows.keeps_digits):
            return self
        return replace(self, texts=tuple(rows.rounded_texts(self.texts)), rows=rows.rounded())

    @classmethod
    def joined(cls, given: "ByLabel", rows: "RowTemplate | None") -> Self:
        """Return texts by label as what to fit on: normal ones, and behind them anomalous ones."""
        n_anomalous = len(given.anomalous)
        is_anomalous = np.repeat([False, True], [len(given.normal), n_anomalous])
        return cls(
            (*given.normal, *given.anomalous.texts),
            is_anomalous,
            rows,
            has_labels=True,
            frame=None,
            n_ones=0,
            groups=given.standing.followed_by(Standing(), n_anomalous),
            kinds=("",) * len(given.normal) + given.anomalous.kinds,
            is_reviewed=np.append(given.is_reviewed, np.zeros(n_anomalous, bool)),
        )

    def doubts(
        self,
        normal: list[str],
        *,
        keeps_texts: bool,
        reads_texts: bool,
        are_screened: bool = False,
    ) -> list[str]:
        """Return what is to be warned of, a sentence each; of numbers only where texts are kept.

        `reads_texts`: whether models do; `are_screened`: whether no text is known as normal.
        """
        of_columns = []
        if self.frame is not None and self.rows is not None:
            of_columns = doubts_of_columns(
                self.frame,
                self.rows,
                has_labels=self.has_labels,
                reads_texts=reads_texts,
                are_screened=are_screened,
            )
        own = [
            *of_columns,
            *doubts_of_texts(normal, are_screened=are_screened),
            *doubts_of_labels(self.texts, self.is_anomalous),
            *self._doubts_of_ones(),
        ]
        if not keeps_texts or self.rows is None or reads_texts:
            return own
        filled = [text for text in self.texts if text.strip()]  # words of anomalies are words, too
        return [*own, *choice.doubts(self.rows, filled)]

    def _doubts_of_ones(self) -> list[str]:
        if self.n_ones <= len(self.texts) / 2:
            return []
        return [
            f"labels that are 1, which counts as anomalous where no -1 occurs: {self.n_ones} of "
            f"{len(self.texts)}; if 1 is to mean normal, give anomalous texts -1"
        ]

    def _labelled(self, *, is_anomalous: bool) -> list[str]:
        places = np.flatnonzero(self.is_anomalous == is_anomalous)
        return [self.texts[i] for i in places.tolist()]


def too_few(n_normal: int) -> str:
    """Return the message for training texts that do not suffice."""
    texts = "text that is" if n_normal == 1 else "texts that are"
    return (
        f"Got {n_normal} normal {texts} not empty; expected at least {MIN_NORMAL}; add "
        "normal rows, or check the labels."
    )


def too_few_labelled(source: str, n_normal: int, n_unlabelled: int) -> str:
    """Return the message for a table with enough rows, too many of which have no label."""
    return (
        f"Got {source} with {n_normal} rows that are labelled normal, and without a "
        f"label {n_unlabelled}, which are left out; expected at least {MIN_NORMAL} "
        "normal ones; write normal there where they are."
    )


def _said_of_ones(y: Any) -> str:
    if y is None or not bool((np.asarray(y) == 1).all()):
        return ""
    return (
        " All labels are 1, which counts as anomalous where no -1 occurs: leave y out where all "
        "texts are normal."
    )


def _n_ones(y: Any) -> int:
    """Return how many labels are 1, but none where a -1 or a truth value says what it means."""
    labels = [] if y is None else np.ravel(np.asarray(y)).tolist()
    is_said = -1 in labels or any(isinstance(label, bool) for label in labels)
    return 0 if is_said else labels.count(1)


def _with_tokens(texts: list[str], tracer: "Tracer | None") -> IndexArray:
    """Return the places of the texts that a model sees anything of."""
    seen = [text.strip() for text in texts] if tracer is None else tracer.tokenize(texts)
    return np.flatnonzero([len(own) > 0 for own in seen])
