"""Columns whose values are new in every new row: counts of the rows, dates, times and codes."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.shell import as_argument
from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.durations import are_durations, is_duration_name
from polar_detect.tables.cells.names import comma_separated, on_one_line
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.cells.numbers import MIN_NUMERIC, as_numbers
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.dates import are_dates, are_dates_in_order, are_times_of_day
from polar_detect.tables.columns.identifiers import (
    are_codes,
    are_mostly_whole,
    are_whole,
    is_id_name,
    is_lot_name,
    plain,
)
from polar_detect.tables.columns.lots import lot_columns, source_columns
from polar_detect.tables.columns.order import are_in_order, natural_order
from polar_detect.tables.columns.running_totals import is_total, running_totals

_MAX_ROWS = 5000
_MIN_COUNTED = 3
_MIN_ROWS = 20  # of dates, times or codes: fewer are alike by chance
_MIN_PASSING = 5  # different codes in either half of the rows
_FIRST = 40  # rows
_MOST_NOTES = 0.02  # of the rows are totals and notes between those that are counted
_MIN_RUNS = 3  # of each date that comes again
_GROWING = "holds numbers that only grow or only fall in time, and those of new rows"
_PASSING = "holds codes that come for a while only, and those of new rows"
_LOTS = "holds lots, and those of new rows"
_SOURCES = "holds names of files or sheets, and those of new rows"
_MAX_LISTED_COLUMNS = 30
# From 2000 to 2050 as days of a spreadsheet; from 2001 to 2033 as s, ms, us and ns since 1970.
_MOMENTS = ((36526, 54789), *((10 ** (9 + 3 * i), 2 * 10 ** (9 + 3 * i)) for i in range(4)))


def warn_of_new_values(frame: pd.DataFrame, names: Collection[str]) -> list[str]:
    """Return a warning for each column that makes every new row look strange.

    New rows go on with the count, the dates or the codes, so that none of them was seen before.
    """
    found = new_later(frame, names)
    notices = [
        f"column {on_one_line(name)!r} {said}; leave it out with --columns"
        for name, said in found.items()
    ]
    kept = [name for name in names if name not in found]
    if notices and 0 < len(kept) <= _MAX_LISTED_COLUMNS:
        asked = as_argument(comma_separated(kept))
        notices.append(f"to read no such column pass --columns {asked}")
    return notices


def new_values(frame: pd.DataFrame, names: Collection[str]) -> dict[str, str]:
    """Return what is said of each column whose values are new in every new row."""
    found = {name: _always_new(frame[name]) for name in names}
    return {name: f"{said} are all new" for name, said in found.items() if said is not None}


def new_later(frame: pd.DataFrame, names: Collection[str]) -> dict[str, str]:
    """Return the same, and what is said of what passes: running totals, and codes as of lots.

    That it does shows where a column of dates says that the rows are in the order of time. Dates
    that come again there, as of releases, are not new. Totals are told without dates where they
    grow steadily, and lots, files and sheets by what their column is called.
    """
    found, rows = new_values(frame, names), frame.iloc[:_MAX_ROWS]
    is_in_time = are_in_time(rows)
    if is_in_time:
        passing = {name: _passing(rows[name]) for name in names if name not in found}
        found |= {name: f"{said} are all new" for name, said in passing.items() if said}
        found = {name: said for name, said in found.items() if not _come_again(rows[name])}
    left = rows[[name for name in names if name not in found]]
    if not is_in_time:
        lots = lot_columns(left, is_in_time=False)
        found |= dict.fromkeys(lots, f"{_LOTS} are all new")
    found |= dict.fromkeys(source_columns(left), f"{_SOURCES} are all new")
    found |= dict.fromkeys(_totals(rows, names, {*found}), f"{_GROWING} are all new")
    return {name: found[name] for name in names if name in found}


def are_in_time(rows: pd.DataFrame) -> bool:
    """Return whether a column shows that rows are in the order of time, or in its reverse."""
    return any(_is_in_time(rows.iloc[:_MAX_ROWS, j]) for j in range(rows.shape[1]))


def dates_in_order(rows: pd.DataFrame) -> list[str]:
    """Return the cells of a column of dates that shows the same; none where there is no such.

    Moments in numbers are none, as they say nothing to people.
    """
    for j in range(rows.shape[1]):
        column = rows.iloc[:, j]
        texts = plain(cells_as_text(column.iloc[:_MAX_ROWS]))
        some = texts[:: max(1, len(texts) // _FIRST)]  # of which most columns are told
        if len(texts) >= _MIN_ROWS and are_dates(some) and are_dates_in_order(texts):
            return cells_as_text(column)
    return []


def _totals(rows: pd.DataFrame, names: Collection[str], found: Collection[str]) -> list[str]:
    """Return running totals among columns that were not found to be new, without any dates."""
    asked = [name for name in names if name not in found and _may_be_total(rows[name])]
    if not asked:
        return []
    others = [j for j, name in enumerate(rows.columns) if str(name) not in found]
    numbers = {str(rows.columns[j]): _numbers(rows.iloc[:, j]) for j in others}
    totals = running_totals({name: own for name, own in numbers.items() if own is not None})
    return [name for name in asked if name in totals]


def _may_be_total(column: pd.Series) -> bool:
    """Return whether a column may hold running totals, as its first rows show soon."""
    first = _numbers(column.iloc[: 2 * _FIRST])
    return first is not None and is_total(first)


def counting_up(frame: pd.DataFrame, names: Collection[str]) -> list[str]:
    """Return the columns of codes of which each comes in one run, and is more than those before.

    In rows in the order of time, as tools T101, T102 … or a lot a day do. Five suffice, which come
    in order by chance in one of sixty columns; but products may be made in order of their sizes.
    Where the column is called Lot or the like, one does.
    """
    rows = frame.iloc[:_MAX_ROWS]
    found = [name for name in names if _count_up(rows[name])]
    if not found or not are_in_time(rows):
        return []
    return [name for name in found if _count_up(frame[name])]  # none returns further down


def _count_up(column: pd.Series) -> bool:
    texts = plain(cells_as_text(column))
    is_lot, n_different = is_lot_name(str(column.name)), len(set(texts))
    if not (1 if is_lot else _MIN_PASSING) <= n_different < len(texts):
        return False
    is_number = (is_lot or is_id_name(str(column.name))) and are_whole(texts)
    if not (is_number or are_codes(texts, are_short=True)):  # asked first, as order takes longer
        return False
    keys = {text: natural_order(text) for text in set(texts)}
    return are_in_order([keys[text] for text in texts], one_by_one=True)


def _passing(column: pd.Series) -> str | None:
    """Return what a column holds of which later rows have none that earlier ones have."""
    first = _numbers(column.iloc[:_FIRST])  # of which most columns are told
    if first is None:
        return _PASSING if _are_passing_codes(column) else None
    return _GROWING if are_in_order(first.tolist()) and _only_grow(_numbers(column)) else None


def _only_grow(values: Float64Array | None) -> bool:
    """Return whether there are numbers that only grow, or only fall, and do not stay."""
    if values is None:
        return False
    half = len(values) // 2
    n_different = min(len(set(own.tolist())) for own in (values[:half], values[half:]))
    return n_different >= _MIN_PASSING and _only_on(values)


def _numbers(column: pd.Series) -> Float64Array | None:
    """Return the numbers of a column of them, as they are written; None of another."""
    found = ColumnNumbers.of(column, NumberForm.of(column, str(column.name)))
    return found.values[~np.isnan(found.values)] if found.is_numeric else None


def _only_on(values: Float64Array) -> bool:
    """Return whether numbers never fall, or never rise, but for one here and there."""
    return are_in_order(values.tolist(), one_by_one=True)


def _are_passing_codes(column: pd.Series) -> bool:
    """Return whether a column holds codes of which the last rows have none of the first half's."""
    texts = plain(cells_as_text(column))
    half = len(texts) // 2
    earlier, later = texts[:half], texts[half:]
    n_different = min(len(set(earlier)), len(set(later)))
    if n_different < _MIN_PASSING or not are_codes(texts, are_short=True):
        return False
    seen, last = set(earlier), later[len(later) // 2 :]  # lots may overlap
    return sum(text not in seen for text in last) >= MIN_NUMERIC * len(last)


def _come_again(column: pd.Series) -> bool:
    """Return whether a column holds dates that come again and again, and in later rows no other."""
    texts = plain(cells_as_text(column))
    if not are_dates(texts) or are_whole(texts):  # in digits they would be numbers
        return False
    half = len(texts) // 2
    n_runs = 1 + sum(a != b for a, b in pairwise(texts))
    return set(texts[half:]) <= set(texts[:half]) and n_runs > _MIN_RUNS * len(set(texts))


def _is_in_time(column: pd.Series) -> bool:
    """Return whether a column holds dates, or moments in numbers, that only grow or only fall."""
    texts = plain(cells_as_text(column))
    if len(texts) < _MIN_ROWS:
        return False
    return are_dates_in_order(texts) or _are_moments_in_order(texts)


def _are_moments_in_order(texts: Sequence[str]) -> bool:
    """Return whether they are days of a spreadsheet or seconds since 1970, or parts of these."""
    if np.isnan(as_numbers(texts[:_FIRST])).all():
        return False
    numbers = as_numbers(texts)
    for low, high in _MOMENTS:
        moments = numbers[(low <= numbers) & (numbers < high)].tolist()
        if len(moments) >= MIN_NUMERIC * len(texts):
            return len({*moments}) >= _MIN_PASSING and are_in_order(moments)
    return False


def _always_new(column: pd.Series) -> str | None:
    """Return what a column holds that no new row has; None where that may repeat."""
    column = column.iloc[:_MAX_ROWS]
    cells = cells_as_text(column)
    texts = plain(cells)
    is_mostly_filled = len(texts) >= max(_MIN_COUNTED, len(cells) / 2)
    if is_mostly_filled and _count_rows(cells, column.index):
        return "only counts the rows, and in new rows its numbers"
    return _never_repeated(column, texts) if len(texts) >= _MIN_ROWS else None


def _never_repeated(column: pd.Series, texts: Sequence[str]) -> str | None:
    """Return what the filled cells of a column, `texts`, are that no new row says again."""
    if are_dates(texts, str(column.name)):
        return "holds dates, and those of new rows"
    if are_times_of_day(texts) and not _last(column, texts):
        return "holds times of day, and those of new rows"
    if len(set(texts)) < MIN_NUMERIC * len(texts):
        return None
    if are_codes(texts) or (is_id_name(str(column.name)) and are_mostly_whole(texts)):
        return "holds codes that hardly repeat, and those of new rows"
    return None


def _last(column: pd.Series, texts: Sequence[str]) -> bool:
    """Return whether they say how long something lasts: 1h30 does where the column's name does."""
    name = str(column.name)
    has_h = not any(":" in text for text in texts) and any("h" in text.lower() for text in texts)
    return are_durations(column, texts, name) or (has_h and is_duration_name(name))


def _count_rows(cells: Sequence[str], index: "pd.Index[Any]") -> bool:
    """Return whether numbers grow by one from row to row, or fall so and are no less than zero.

    Many exports begin with the last row. An index knows of rows left out. Totals and notes, which
    say something else there, are passed over where they are few.
    """
    numbers = as_numbers(cells)
    filled = np.asarray([bool(cell.strip()) for cell in cells], bool)
    places: list[IndexArray] = [np.arange(len(numbers))]
    is_word = filled & np.isnan(numbers)
    if 0 < is_word.sum() <= _MOST_NOTES * filled.sum():
        filled &= ~is_word
        places.append(np.cumsum(filled))
    if index.dtype.kind == "i" and index.is_unique:
        places.append(np.asarray(index))
    numbers = numbers[filled]
    signs = (1, -1) if bool((numbers >= 0).all()) else (1,)
    own = [np.diff(place[filled]) for place in places]
    with np.errstate(over="ignore"):
        steps = np.diff(numbers)
    return any(bool((steps == sign * by).all()) for by in own for sign in signs)
