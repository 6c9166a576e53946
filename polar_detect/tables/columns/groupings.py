"""Columns by which rows can be grouped: machines, lots, operators, and the days of dates."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd

from polar_detect.statistics.concentration import Grouping
from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.cells.numbers import is_missing
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.dates import days_of
from polar_detect.tables.columns.identifiers import are_whole, is_lot_name
from polar_detect.texts.visible import without_unseen

_MIN_ROWS = 3  # of each group, on average
_MOST_NUMBERS = 50  # that are names, as of machines and moulds; more are measured or counted
_MOST_ASKED = 200  # different cells of a column: these tell of what kind it is


def groupings_of(frame: pd.DataFrame, *, but: Collection[str] = ()) -> dict[str, Grouping]:
    """Return the groups that columns make, by names of columns, of those that make any.

    What repeats does, in any case, width, spacing and kind of dash: words, codes, a few whole
    numbers, those of lots, and days. Not measured numbers, nor free words. Rows whose cells are
    empty are a group.

    Parameters
    ----------
    frame : pandas.DataFrame
    but : collection of str
        Columns that are not asked; nor are those of the same name.

    >>> frame = pd.DataFrame({
    ...     "Machine": ["M1", "M2", "m1"] * 4,
    ...     "Date": [f"2026-12-0{1 + i // 6} 0{i % 6}:30" for i in range(12)],
    ...     "Force": [0.5 * i for i in range(12)],
    ... })
    >>> {name: own.says for name, own in groupings_of(frame).items()}
    {'Machine': ('M1', 'M2'), 'Date': ('2026-12-01', '2026-12-02')}
    """
    names = [*map(str, frame.columns)]
    found = {
        name: _grouping(cells_as_text(frame.iloc[:, j]), name)
        for j, name in enumerate(names)
        if name not in but and names.count(name) == 1
    }
    return {name: own for name, own in found.items() if own is not None}


def _grouping(texts: Sequence[str], name: str) -> Grouping | None:
    by_row, different = pd.factorize(np.asarray(texts, object))
    first = [*filter(None, _said(different[:_MOST_ASKED]))]
    are_dates = bool(first) and days_of(first, name) is not None
    if not first or not (are_dates or _may_be_names(first, len(different), len(texts), name)):
        return None
    said = _said(different)
    if are_dates:
        days = iter(days_of([*filter(None, said)], name) or ())
        said = [next(days, "") if cell else "" for cell in said]
    keys = [*map(folded, said)]
    places, groups = pd.factorize(np.asarray(keys, object))
    if not 2 <= len(groups) <= len(texts) / _MIN_ROWS:
        return None
    as_written = dict(zip(reversed(keys), reversed(said), strict=True))
    return Grouping(places[by_row], tuple(as_written[key] for key in groups))


def _said(cells: Iterable[str]) -> list[str]:
    """Return what cells say, "" of those that say that nothing is there."""
    said = (without_unseen(cell).strip() for cell in cells)
    return ["" if is_missing(cell) else cell for cell in said]


def _may_be_names(first: Sequence[str], n_different: int, n_rows: int, name: str) -> bool:
    """Return whether a column repeats what it says, and measures nothing.

    `first` are some of the `n_different` cells.
    """
    if n_different * _MIN_ROWS > n_rows:
        return False
    cells = pd.Series(first, dtype=object)
    if not ColumnNumbers.of(cells, NumberForm.of(cells, name)).is_numeric:
        return True
    return are_whole(first) and (n_different <= _MOST_NUMBERS or is_lot_name(name))
