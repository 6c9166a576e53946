"""What a detector's folder holds of the columns of rows, read."""

from collections.abc import Sequence

from polar_detect.artifact.contents import TREES
from polar_detect.pipeline.settings import MAX_CONTAMINATION
from polar_detect.signature.labelled.column_likeness import ColumnLikeness, likeness_columns
from polar_detect.signature.labelled.likeness import Likeness
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.statistics.trees import Trees
from polar_detect.stored import Stored
from polar_detect.tables.rows.template import RowTemplate


def read_row_reference(
    stored: Stored, texts: tuple[str, ...], rows: RowTemplate | None, reviewed: tuple[int, ...]
) -> RowReference:
    """Return the reference of a detector that goes by columns."""
    if rows is None or not rows.counts_columns or not texts:
        stored.refuse("settings", "rows with columns to go by, and the texts that they are")
    likeness = None
    if (stored.path.parent / TREES).exists():
        columns = column_likeness(stored, rows, texts)
        likeness = Likeness(None, None, columns)
    return RowReference.of(
        rows,
        texts,
        contamination=contamination(stored, has_texts=True),
        likeness=likeness,
        reviewed=reviewed,
    )


def column_likeness(
    stored: Stored, rows: RowTemplate | None, normal: Sequence[str]
) -> ColumnLikeness | None:
    """Return what labelled rows taught of columns of numbers and categories, if there are some."""
    if rows is None or not (columns := likeness_columns(rows)):
        return None
    trees = Trees.read(stored.path.parent / TREES, len(columns))
    return ColumnLikeness.of(rows, trees, normal)


def contamination(stored: Stored, *, has_texts: bool) -> float:
    """Return the share of the normal texts that may be anomalous."""
    most = MAX_CONTAMINATION if has_texts else 0
    return stored.part("settings").number("contamination", low=0, high=most, default=0)
