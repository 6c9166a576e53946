"""Whether rows are judged by their columns alone, and which of these count for nothing then."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from polar_detect.detectors import (
    AutoHead,
    ClassifierHead,
    ColumnsClassifierHead,
    ColumnsHead,
    Head,
    new_head,
)
from polar_detect.errors import InputError, quoted
from polar_detect.models.catalogue import AUTO_ENCODER, DEFAULT_MODEL
from polar_detect.pipeline.settings import Settings
from polar_detect.tables import warn_of_empty
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.cells.numbers import MISSING

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate
    from polar_detect.tables.rows.template_column import TemplateColumn

_MIN_READ = 0.05  # of the rows have words in a column, or what is usual there is not told
# What a detector is for rows that their columns do for.
WITHOUT_MODELS = {AutoHead.name: ColumnsHead.name, ClassifierHead.name: ColumnsClassifierHead.name}


def under_conditions(
    rows: "RowTemplate | None", names: Sequence[str], option: str = "condition_columns"
) -> "RowTemplate | None":
    """Return how rows are written out, with columns of these names as conditions.

    Raises
    ------
    InputError
        Texts that are no rows have none; or as `RowTemplate.under` does.
    """
    if rows is None and names:
        raise InputError(
            f"Got {option} {', '.join(names)} for texts that are no rows; expected rows of a "
            "table; pass several columns (of a data frame, or by --columns or --all-columns), or "
            "no conditions."
        )
    return None if rows is None else rows.under(names, option)


def chosen_head(settings: Settings, normal: Sequence[str]) -> Head:
    """Return the unfitted head that a setting means for normal texts, or for rows written out.

    "auto" and "classifier" go by the columns of rows alone where these hold nothing but numbers,
    words that repeat, what is ever new, as dates are, and a remark here and there: what models make
    of such rows adds nothing (`experiments/rows.py`). They do not where another model is named, as
    whoever names one wants it to read, nor where the rows are not to be kept.

    Raises
    ------
    InputError
        Models would read what conditions say, which is not to count.
    """
    head = _head(settings, normal)
    if settings.passages and (settings.rows is not None or not head.reads_texts):
        raise InputError(
            f"Got rows or the detector {head.name} for texts that are read in passages; expected "
            "single texts and a detector that reads them; take one column of texts, or no "
            "passages."
        )
    conditions = [] if settings.rows is None else settings.rows.conditions_by_name
    if head.reads_texts and conditions:
        raise InputError(
            f"Got condition columns ({_quoted(conditions)}) for the detector {head.name}, whose "
            "models read what they say as well; expected a detector that goes by columns; take "
            "columns or columns-classifier, which read no free words."
        )
    return head


def _head(settings: Settings, normal: Sequence[str]) -> Head:
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
            "Got columns without numbers and without words that repeat, dates, running numbers "
            f"and conditions aside, for the detector {name}; expected one of these at least; take "
            "the detector auto, which reads other words too, or name fewer conditions."
        )
    if not settings.store_texts:
        raise InputError(
            f"Got the detector {name} and no texts to be kept; expected texts, as new rows are "
            "held against the normal ones; keep them."
        )


def doubts(rows: "RowTemplate", texts: Sequence[str]) -> list[str]:
    """Return what a fit on these rows should be warned of: what it does not read.

    >>> from polar_detect.tables.rows.template import RowTemplate
    >>> from polar_detect.tables.rows.template_column import TemplateColumn
    >>> rows = RowTemplate((TemplateColumn("T", 1), TemplateColumn("note", None)))
    >>> doubts(rows, ["T: 20.1; note: ran dry"])
    ["columns of words that hardly repeat do not count: 'note'; the detector texts reads them"]
    """
    words, new = _uncounted(rows, texts)
    return [
        *warn_of_empty(rows, texts, reads_texts=False),
        *_said_of_new(new),
        *_said_of_words(words),
    ]


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
