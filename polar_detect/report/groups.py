"""In which groups of rows, by any column of a table, more are flagged than elsewhere."""

from polar_detect.assessment import Assessment
from polar_detect.report.content.data import FlaggedGroups
from polar_detect.tables import RowTemplate, Table
from polar_detect.tables.columns.groupings import groupings_of
from polar_detect.tables.columns.results import result_columns


def flagged_groups(
    table: Table, assessment: Assessment, rows: RowTemplate | None
) -> FlaggedGroups | None:
    """Return the groups of a table's rows that are flagged more often than others.

    None where no row is flagged, or no column groups rows. Also by columns that the detector does
    not read; not by texts, labels, earlier results, and numbers that `rows`, which writes the rows
    out, counts.

    Parameters
    ----------
    table : Table
    assessment : Assessment
        Of the texts of `table`.
    rows : RowTemplate or None
        None where texts are no rows.
    """
    if not assessment.is_anomaly.any():
        return None
    frame = table.frame
    numeric = [] if rows is None else [c.name for c in rows.all_numeric if not c.is_name]
    others = [name for name in (table.text_column, table.label_column) if name is not None]
    groupings = groupings_of(frame, but={*numeric, *others, *result_columns(frame.columns)})
    if not groupings:
        return None
    return FlaggedGroups(tuple(groupings), assessment.concentrations(groupings))
