"""In which groups of rows, by any column of a table, more are flagged, or repeat others."""

from itertools import compress

import numpy as np

from polar_detect.arrays import BoolArray
from polar_detect.assessment import Assessment
from polar_detect.report.content.data import FlaggedGroups
from polar_detect.signature.digits import LastDigits
from polar_detect.signature.round_columns import RoundGroup, round_in_groups
from polar_detect.statistics.concentration import Concentration, Grouping
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
    groupings = _groupings(table, rows) if assessment.is_anomaly.any() else {}
    if not groupings:
        return None
    found = assessment.concentrations(groupings, assessment.is_anomaly)
    return FlaggedGroups(tuple(groupings), found)


def groups_of_copies(
    table: Table, assessment: Assessment, rows: RowTemplate | None
) -> tuple[Concentration, ...]:
    """Return the groups of a table's rows of which more repeat another; see `flagged_groups`."""
    return _groups_of(assessment.is_copy, table, assessment, rows)


def groups_of_unusual_digits(
    table: Table, assessment: Assessment, rows: RowTemplate | None
) -> tuple[Concentration, ...]:
    """Return the groups of rows of which more have unusual digits; see `flagged_groups`."""
    are_odd = np.asarray([own is not None for own in assessment.unusual_digits], bool)
    return _groups_of(are_odd, table, assessment, rows)


def groups_of_mistakes(
    table: Table, assessment: Assessment, rows: RowTemplate | None
) -> tuple[Concentration, ...]:
    """Return the groups of rows of which more seem to hold mistakes; see `flagged_groups`."""
    are_mistaken = np.asarray([*map(bool, assessment.mistakes)], bool)
    return _groups_of(are_mistaken, table, assessment, rows)


def _groups_of(
    are_such: BoolArray, table: Table, assessment: Assessment, rows: RowTemplate | None
) -> tuple[Concentration, ...]:
    groupings = _groupings(table, rows) if are_such.any() else {}
    return assessment.concentrations(groupings, are_such) if groupings else ()


def round_groups(
    table: Table, assessment: Assessment, rows: RowTemplate | None, digits: LastDigits
) -> tuple[RoundGroup, ...]:
    """Return the groups of a table's rows in which numbers are rounder; see `flagged_groups`."""
    is_scored = ~np.isnan(assessment.scores)
    texts = list(compress(table.texts, is_scored))
    groupings = {
        name: Grouping(own.places[is_scored], own.says)
        for name, own in _groupings(table, rows).items()
    }
    return round_in_groups(digits.multiples(texts), groupings)


def _groupings(table: Table, rows: RowTemplate | None) -> dict[str, Grouping]:
    """Return how the columns of a table that are not measured group its rows."""
    frame = table.frame
    numeric = [] if rows is None else [c.name for c in rows.all_numeric if not c.is_name]
    others = [name for name in (table.text_column, table.label_column) if name is not None]
    return groupings_of(frame, but={*numeric, *others, *result_columns(frame.columns)})
