"""Texts that somebody looked at, and what a detector was fitted on joined by them.

Hides that the newest word counts, and how reviewed rows are told to be of which lot.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from polar_detect.arrays import IndexArray
from polar_detect.calibration import p_values_or_nan
from polar_detect.containers import Texts
from polar_detect.errors import InputError
from polar_detect.frames import in_pandas, is_wide
from polar_detect.pipeline.fitted import Fitted
from polar_detect.pipeline.standing import Groups, Standing
from polar_detect.pipeline.training import ByLabel, TrainingTexts
from polar_detect.signature.known_anomalies import Labelled

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate


@dataclass(frozen=True)
class Verdicts:
    """What became of the reviewed texts of one label.

    Parameters
    ----------
    n : int
        Reviewed texts that are not empty.
    n_turned : int
        Of them, texts that had the other label before.
    n_known : int
        Texts that were there already, with this label.
    n_flagged_before : int
        Texts that the detector before flags.
    n_flagged : int or None
        Texts that the new one would flag as new ones, each held against all others but itself.
        None of normal ones that p-values come from, and of anomalies that are read in passages.
    """

    n: int
    n_turned: int
    n_known: int
    n_flagged_before: int
    n_flagged: int | None

    @property
    def n_new(self) -> int:
        """Texts that were not there before."""
        return self.n - self.n_turned - self.n_known


@dataclass(frozen=True)
class Review:
    """What an update came to."""

    normal: Verdicts
    anomalous: Verdicts

    @classmethod
    def of(
        cls,
        before: ByLabel,
        reviewed: ByLabel,
        was_flagged: Mapping[str, bool],
        after: Fitted,
        alpha: float,
    ) -> Self:
        """Return what reviewed texts were and are, at `alpha`."""
        given, scores = after.given, after.as_new
        assert given is not None
        assert scores is not None
        chosen = [given.normal[i] for i in given.reviewed]
        known = (before.normal, before.anomalous.texts)
        found = []
        for i, (texts, others, own) in enumerate(
            (
                (reviewed.normal, chosen, scores.reviewed),
                (reviewed.anomalous.texts, given.anomalous.texts, scores.labelled),
            )
        ):
            is_flagged: dict[str, bool] = {}
            if own is not None:
                p_values = p_values_or_nan(after.calibration_scores, own)
                is_flagged = dict(zip(others, (p_values <= alpha).tolist(), strict=True))
            has_all = is_flagged.keys() >= {*texts}
            found.append(
                Verdicts(
                    n=len(texts),
                    n_turned=_n_among(texts, {*known[1 - i]} - {*known[i]}),
                    n_known=_n_among(texts, {*known[i]}),
                    n_flagged_before=sum(was_flagged[text] for text in texts),
                    n_flagged=sum(is_flagged[text] for text in texts) if has_all else None,
                )
            )
        return cls(*found)


def given_to(fitted: Fitted) -> ByLabel:
    """Return what a detector was fitted on; raise `InputError` where it is not kept."""
    if fitted.given is not None:
        return fitted.given
    if not fitted.settings.store_texts:
        raise InputError(
            "Got a detector that keeps no training texts; expected one that does, as it is fitted "
            "on them again; fit one that stores texts."
        )
    raise InputError(
        "Got a detector of an earlier version, which did not keep all that it was fitted on; "
        "expected one of this version; fit on the original rows and the reviewed ones together."
    )


def check_labels(y: Any, kinds: Any) -> None:
    """Raise `InputError` where nothing says which texts are anomalous."""
    if y is None and kinds is None:
        raise InputError(
            "Got no labels of reviewed texts; expected one for each; pass y, or kinds."
        )


def by_label(found: TrainingTexts, standing: Standing) -> ByLabel:
    """Return reviewed texts that are not empty, of lots as is said."""
    filled = np.asarray([bool(text.strip()) for text in found.texts], bool)
    normal = np.flatnonzero(filled & ~found.is_anomalous)
    every = Labelled(found.texts, found.kinds or ("",) * len(found.texts))
    return ByLabel(
        [found.texts[i] for i in normal.tolist()],
        every.rows(np.flatnonzero(filled & found.is_anomalous)),
        standing.rows(normal),
        np.ones(len(normal), bool),
    )


def standing_of(found: TrainingTexts, X: Texts, before: Standing, groups: Groups) -> Standing:
    """Return of which lots reviewed texts are, by what told the lots of those before.

    Raises
    ------
    InputError
        Groups that the detector was not fitted with, or none where it was; or another word.
    """
    if isinstance(groups, Standing):
        return groups
    if groups is not None and not isinstance(groups, str):
        if not before.are_given:
            raise InputError(
                "Got groups for a detector that was fitted without; expected none; leave them out."
            )
        (own,) = Standing.given(groups, len(found.texts)).lots.values()
        return replace(before, lots=dict.fromkeys(before.lots, own))
    if groups not in {"auto", None}:
        raise InputError(
            f"Got groups {groups!r}; expected 'auto' or one for each text; pass the column that "
            "names lots, as of a data frame."
        )
    frame = in_pandas(X)
    told = before.told_by(frame if is_wide(frame) else _cells(found.texts, found.rows))
    if before.are_given and not told.lots:
        (name,) = before.lots
        raise InputError(
            f"Got no groups for a detector that was fitted with those of {name!r}; expected one "
            "for each text; pass groups, such as the column that names lots."
        )
    return told


def joined(given: ByLabel, reviewed: ByLabel, *, is_whole: bool) -> ByLabel:
    """Return what was given, and behind it what was reviewed; what is newly said of a text counts.

    A text that is there already with this label is added only as often as it is reviewed more
    often: the same review twice is no more than once. Of whole batches all normal texts are, as
    others that say the same are others.

    Parameters
    ----------
    given, reviewed : ByLabel
    is_whole : bool
        Whether reviewed normal texts come as normal ones do, and were not chosen.
    """
    normal, strange = {*reviewed.normal}, {*reviewed.anomalous.texts}
    kept = _places(text in normal or text not in strange for text in given.normal)
    kept_strange = _places(text in strange or text not in normal for text in given.anomalous.texts)
    own = [given.normal[i] for i in kept.tolist()]
    known = _renamed(given.anomalous.rows(kept_strange), reviewed.anomalous)
    more = _more([] if is_whole else own, reviewed.normal)
    more_strange = _more(known.texts, reviewed.anomalous.texts)
    return ByLabel(
        own + [reviewed.normal[i] for i in more.tolist()],
        Labelled.below([known, reviewed.anomalous.rows(more_strange)]),
        given.standing.rows(kept).followed_by(reviewed.standing.rows(more), len(more)),
        np.append(given.is_reviewed[kept], np.repeat(not is_whole, len(more))),
    )


def _renamed(known: Labelled, reviewed: Labelled) -> Labelled:
    """Return known anomalies with the kinds that a review names."""
    pairs = zip(reviewed.texts, reviewed.kinds, strict=True)
    newest = {text: kind for text, kind in pairs if kind}
    own = zip(known.texts, known.kinds, strict=True)
    return replace(known, kinds=tuple(newest.get(text, kind) for text, kind in own))


def _cells(texts: Sequence[str], rows: "RowTemplate | None") -> pd.DataFrame:
    """Return what rows that are written out say, by column."""
    if rows is None:
        return pd.DataFrame(index=range(len(texts)))
    names = [own.name for own in rows.columns]
    said = [rows.cells(text) or [""] * len(names) for text in texts]
    return pd.DataFrame(said, columns=names, dtype=object)


def _n_among(texts: Sequence[str], others: set[str]) -> int:
    return sum(text in others for text in texts)


def _places(are_chosen: Iterable[bool]) -> IndexArray:
    return np.flatnonzero(np.fromiter(are_chosen, bool))


def _more(known: Sequence[str], new: Sequence[str]) -> IndexArray:
    """Return the places of new texts that go beyond as many that are known already."""
    left, found = Counter(known), []
    for i, text in enumerate(new):
        left[text] -= 1
        if left[text] < 0:
            found.append(i)
    return np.asarray(found, np.int64)
