"""Rows that an export holds twice, as where the same week was pasted in once more."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.new_values import new_values
from polar_detect.tables.columns.results import result_columns

_MIN_COPIED = 20  # different rows in one order: fewer come again by chance, or in a routine


def copied_rows(frame: pd.DataFrame, *, others: Collection[str] = ()) -> NDArray[np.intp]:
    """Return the places of rows that stand above in the same order, in all columns.

    Of a single column none: messages of a machine come in the same order again and again.

    Parameters
    ----------
    frame : (n_rows, n_columns) pandas.DataFrame
        As in the file, dates and numbers of rows included.
    others : collection of str
        Columns that may have been filled in one of the copies only, such as labels; those that
        `score` adds are passed over too.

    >>> week = pd.DataFrame({"no": [str(i) for i in range(20)], "flow": "1.5"}, dtype=str)
    >>> copied_rows(pd.concat([week, week])).tolist() == [*range(20, 40)]
    True
    >>> copied_rows(pd.concat([week, week.iloc[1:]])).tolist()
    []
    """
    rows = _rows_of(frame, others)
    if not rows:
        return np.zeros(0, np.intp)
    last: dict[tuple[str, ...], int] = {}
    above = np.empty(len(rows), np.intp)  # where each row stands last before
    for i, row in enumerate(rows):
        above[i] = last.get(row, -2 - i)  # which none of them follows
        last[row] = i
    runs = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(above) != 1) + 1)
    copied = [
        run for run in runs if above[run[0]] >= 0 and len({rows[i] for i in run}) >= _MIN_COPIED
    ]
    return np.concatenate([np.zeros(0, np.intp), *copied])


def repeated_rows(frame: pd.DataFrame, *, others: Collection[str] = ()) -> NDArray[np.intp]:
    """Return the places of rows that stand above in any order, where a code or a date tells rows.

    As where the copies were sorted by date, or by score: a lot number, a count or a time that no
    two different rows share is the same in a copy only.

    Parameters
    ----------
    frame, others
        As for `copied_rows`.

    >>> lots = pd.DataFrame({"lot": [f"L-{i:03}" for i in range(20)], "flow": "1.5"}, dtype=str)
    >>> repeated_rows(pd.concat([lots, lots[::-1]])).tolist() == [*range(20, 40)]
    True
    >>> repeated_rows(pd.concat([lots, lots])[["flow"]].assign(state="ok")).tolist()
    []
    """
    rows = _rows_of(frame, others)
    first: dict[tuple[str, ...], int] = {}
    places = np.array([i for i, row in enumerate(rows) if first.setdefault(row, i) != i], np.intp)
    if len({rows[i] for i in places}) < _MIN_COPIED:
        return np.zeros(0, np.intp)
    different = frame.iloc[[*first.values()]].reset_index(drop=True)
    names = [name for name in _names_of(frame, others) if different[name].is_unique]
    return places if new_values(different, names) else np.zeros(0, np.intp)


def _rows_of(frame: pd.DataFrame, others: Collection[str]) -> list[tuple[str, ...]]:
    """Return what stands in each row; nothing of a table of a single column."""
    kept = {*_names_of(frame, others)}
    columns = [
        cells_as_text(frame.iloc[:, j]) for j, n in enumerate(map(str, frame.columns)) if n in kept
    ]
    return [*zip(*columns, strict=True)] if len(columns) > 1 else []


def _names_of(frame: pd.DataFrame, others: Collection[str]) -> list[str]:
    names = [*map(str, frame.columns)]
    passed = {*others, *result_columns(names)}
    return [name for name in names if name not in passed]
