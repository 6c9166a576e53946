"""What `PolarDetector` does with rows that it judges by their columns alone, without models."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.detectors import (
    AutoHead,
    ClassifierHead,
    ColumnsClassifierHead,
    ColumnsHead,
    Head,
    TrainingSignatures,
    new_head,
)
from polar_detect.drift import FeatureStatistics
from polar_detect.errors import InputError, quoted
from polar_detect.explain import Explanation
from polar_detect.features.table import FeatureTable
from polar_detect.models.catalogue import AUTO_ENCODER, DEFAULT_MODEL
from polar_detect.pipeline.assessed import Assessed
from polar_detect.pipeline.fitted import Fitted, fingerprint_of, moment
from polar_detect.pipeline.settings import Settings
from polar_detect.progress import Tracker
from polar_detect.signature.normal.row_reference import MOST_TEACHING, RowReference
from polar_detect.tables import warn_of_empty, warn_of_hours
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.cells.numbers import MISSING
from polar_detect.texts.distinct import distinct_texts

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate
    from polar_detect.tables.rows.template_column import TemplateColumn

_MIN_READ = 0.05  # of the rows have words in a column, or what is usual there is not told
_CHUNK = 512  # rows held against all normal rows at a time
# What a detector is for rows that their columns do for.
WITHOUT_MODELS = {AutoHead.name: ColumnsHead.name, ClassifierHead.name: ColumnsClassifierHead.name}


def chosen_head(settings: Settings, normal: Sequence[str]) -> Head:
    """Return the unfitted head that a setting means for normal texts, or for rows written out.

    "auto" and "classifier" go by the columns of rows alone where these hold nothing but numbers,
    words that repeat, what is ever new, as dates are, and a remark here and there: what models make
    of such rows adds nothing (`experiments/rows.py`). They do not where another model is named, as
    whoever names one wants it to read, nor where the rows are not to be kept.
    """
    own, rows = settings.detector, settings.rows
    names_model = (settings.model, settings.encoder) != (DEFAULT_MODEL, AUTO_ENCODER)
    without = WITHOUT_MODELS.get(own) if isinstance(own, str) else None
    if without is None or rows is None or names_model or not settings.store_texts:
        return new_head(own)
    words, _ = _uncounted(rows, normal, _MIN_READ)
    suffice = rows.counts_columns and not words
    return new_head(without if suffice else own)


def check_settings(settings: Settings) -> None:
    """Raise `InputError` for texts that are no rows with columns to go by, or are not kept."""
    head, rows = settings.detector, settings.rows
    name = head.name if isinstance(head, Head) else head
    if rows is None:
        raise InputError(
            f"Got texts for the detector {name}, which goes by the columns of rows; expected rows "
            "of a table; pass several columns (of a data frame, or by --columns or --all-columns), "
            "or take the detector auto."
        )
    if not rows.counts_columns:
        raise InputError(
            "Got columns without numbers and without words that repeat, dates and running numbers "
            f"aside, for the detector {name}; expected one of these at least; take the detector "
            "auto, which reads other words too."
        )
    if not settings.store_texts:
        raise InputError(
            f"Got the detector {name} and no texts to be kept; expected texts, as new rows are "
            "held against the normal ones; keep them."
        )


def doubts(rows: "RowTemplate", texts: Sequence[str]) -> list[str]:
    """Return what a fit on these rows should be warned of: what it does not read, and hours.

    >>> from polar_detect.tables.rows.template import RowTemplate
    >>> from polar_detect.tables.rows.template_column import TemplateColumn
    >>> rows = RowTemplate((TemplateColumn("T", 1), TemplateColumn("note", None)))
    >>> doubts(rows, ["T: 20.1; note: ran dry"])
    ["columns of words that hardly repeat do not count: 'note'; the detector texts reads them"]
    """
    n_held = n_held_out(len(texts)) * (2 if rows.dependent else 1)
    words, new = _uncounted(rows, texts)
    return [
        *warn_of_empty(rows, texts, reads_texts=False),
        *_said_of_new(new),
        *_said_of_words(words),
        *warn_of_hours(rows, len(texts), n_held),
    ]


def n_held_out(n_normal: int) -> int:
    """Return how many normal rows are held out, one by one, to turn scores into p-values."""
    return min(n_normal, MOST_TEACHING)


def doubts_of_words(rows: "RowTemplate", texts: Sequence[str]) -> list[str]:
    """Return which columns hold words that do not count, a sentence for each kind of them.

    None of a column that is empty in all of the rows, nor of one that is ever new.
    """
    words, _ = _uncounted(rows, texts)
    return _said_of_words(words)


def _said_of_new(new: "Sequence[TemplateColumn]") -> list[str]:
    unread, of_gaps = _by_gaps(new)
    found = []
    if unread:
        found.append(
            "columns that say something new in all new rows, as dates do, do not count: "
            f"{_quoted(unread)}"
        )
    if of_gaps:
        found.append(
            "of columns that say something new in all new rows, as dates do, only counts whether "
            f"cells are empty: {_quoted(of_gaps)}"
        )
    return found


def _said_of_words(words: "Sequence[TemplateColumn]") -> list[str]:
    unread, of_gaps = _by_gaps(words)
    found = []
    if unread:
        found.append(
            f"columns of words that hardly repeat do not count: {_quoted(unread)}; the detector "
            "texts reads them"
        )
    if of_gaps:
        found.append(
            "of columns of words that hardly repeat only counts whether cells are empty: "
            f"{_quoted(of_gaps)}; the detector texts reads them"
        )
    return found


def _by_gaps(columns: "Sequence[TemplateColumn]") -> tuple[list[str], list[str]]:
    """Return names of columns of which nothing counts, and of those whose empty cells do."""
    unread = [own.name for own in columns if own.category is None]
    return unread, [own.name for own in columns if own.category is not None]


def _uncounted(
    rows: "RowTemplate", texts: Sequence[str], least: float = 0.0
) -> "tuple[list[TemplateColumn], list[TemplateColumn]]":
    """Return the columns of words that do not count, and those that are ever new.

    Columns that are empty in all of the rows are among neither, nor those of which a smaller share
    than `least` is filled.
    """
    counted = {*rows.counted}
    free = {i: own for i, own in enumerate(rows.columns) if own.name not in counted}
    if not free:
        return [], []
    cells = [own for text in texts if (own := rows.cells(text)) is not None]
    n_filled = {i: sum(row[i] != MISSING for row in cells) for i in free}
    filled = [own for i, own in free.items() if n_filled[i] and n_filled[i] >= least * len(cells)]
    new = [own for own in filled if own.is_ever_new]
    return [own for own in filled if not own.is_ever_new], new


def _quoted(names: Sequence[str]) -> str:
    return quoted(map(on_one_line, names))


def fit(
    head: Head,
    settings: Settings,
    *,
    normal: list[str],
    anomalous: list[str],
    tracker: Tracker,
) -> Fitted:
    """Fit on `normal`; `anomalous` teach what their kind is like.

    Rows with a filled cell each, with settings that `check_settings` passes. P-values come from
    the scores of the normal rows, each held against all others: none has to be held out. That is
    the jackknife, whose rates are near the level where no single row changes what the others
    score; no bound holds for all data.

    Source: Barber et al., Predictive inference with the jackknife+, 2021, section 1.
    """
    assert settings.rows is not None
    stage = tracker.stage("normal rows", len(normal))
    reference = RowReference.taught(
        settings.rows,
        normal,
        anomalous,
        contamination=settings.contamination,
        seed=settings.seed,
    )
    inside, labelled = reference.training_features(anomalous, seed=settings.seed)
    no_strangers = inside.rows(slice(0))
    shown = TrainingSignatures(inside, no_strangers, labelled if anomalous else None)
    head.fit(shown, seed=settings.seed)
    stage.advance(len(normal))
    as_new = reference.as_new(inside, seed=settings.seed)
    return Fitted(
        head=head,
        reference=reference,
        programs=None,
        calibration_scores=head.scores(inside),
        scores_as_new=head.scores(as_new),
        statistics=FeatureStatistics.of(as_new),
        n_anomalous=len(anomalous),
        created=moment(),
        fingerprint=fingerprint_of(normal, anomalous),
        settings=replace(settings, rows=settings.rows.unread()),
    )


def assess(fitted: Fitted, texts: Sequence[str], tracker: Tracker) -> Assessed:
    """Return what there is to say of each row; each distinct one is looked at once.

    Programs are none. A row without a filled cell has no score.
    """
    reference = fitted.row_reference
    distinct, places = distinct_texts(texts)
    parts: list[FeatureTable] = []
    nearest: list[tuple[str, ...]] = []
    for chunk in tracker.chunks("score", len(distinct), size=_CHUNK):
        own = [distinct[i] for i in chunk]
        parts.append(reference.features(own).chosen(fitted.statistics.features))
        nearest += reference.nearest_texts(own)
    has_cells = _have_cells(distinct)
    table = FeatureTable.below(parts).rows(np.flatnonzero(has_cells))
    scores = np.full(len(distinct), np.nan)
    scores[has_cells] = fitted.head.scores(table)
    attribution = fitted.head.explain(table)
    attribution.check_adds_up(scores[has_cells])
    return Assessed(
        scores=scores[places],
        programs=[None] * len(texts),
        explanation=Explanation.of(attribution, table, has_cells, n_layers=0).rows(places),
        neighbours=[nearest[i] for i in places],
    )


def scores(fitted: Fitted, texts: Sequence[str], tracker: Tracker) -> Float64Array:
    """Return the scores alone."""
    reference = fitted.row_reference
    distinct, places = distinct_texts(texts)
    found = np.full(len(distinct), np.nan)
    has_cells = np.flatnonzero(_have_cells(distinct))
    table = _features(reference, [distinct[i] for i in has_cells], tracker)
    found[has_cells] = fitted.head.scores(table.chosen(fitted.statistics.features))
    expanded: Float64Array = found[places]
    return expanded


def _have_cells(texts: Sequence[str]) -> BoolArray:
    return np.asarray([bool(text.strip()) for text in texts], bool)


def _features(reference: RowReference, texts: Sequence[str], tracker: Tracker) -> FeatureTable:
    """Return the signatures of rows, so many at a time."""
    chunks = tracker.chunks("score", len(texts), size=_CHUNK)
    return FeatureTable.below(reference.features([texts[i] for i in chunk]) for chunk in chunks)
