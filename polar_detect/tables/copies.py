"""Rows that an export holds twice, as where the same week was pasted in once more."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from polar_detect.arrays import IndexArray
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.new_values import new_values
from polar_detect.tables.columns.results import result_columns

_Rows: TypeAlias = Sequence[tuple[str, ...]]

_MIN_COPIED = 20  # different rows in one order: fewer come again by chance, or in a routine


@dataclass(frozen=True, eq=False)
class Copies:
    """Rows that stand above too, in all columns.

    Parameters
    ----------
    kind : {"copied", "repeated"}
        In the same order as above; or in any, as where the copies were sorted by date, or by
        score.
    places : (n_copies,) int
        Rising; one at least.
    """

    kind: Literal["copied", "repeated"]
    places: IndexArray


def find_copies(frame: pd.DataFrame, *, others: Collection[str] = ()) -> Copies | None:
    """Return the rows that stand above in the same order, else those that do in any.

    In any order rows are told to be copies by a lot number, a count or a time that no two
    different rows share: it is the same in a copy only. Of a single column there are none:
    messages of a machine come in the same order again and again.

    Parameters
    ----------
    frame : (n_rows, n_columns) pandas.DataFrame
        As in the file, dates and numbers of rows included.
    others : collection of str
        Columns that may have been filled in one of the copies only, such as labels; those that
        `score` adds are passed over too.

    >>> lots = pd.DataFrame({"lot": [f"L-{i:03}" for i in range(20)], "flow": "1.5"}, dtype=str)
    >>> found = find_copies(pd.concat([lots, lots]))
    >>> found.kind, found.places.tolist() == [*range(20, 40)]
    ('copied', True)
    >>> found = find_copies(pd.concat([lots, lots[::-1]]))
    >>> found.kind, found.places.tolist() == [*range(20, 40)]
    ('repeated', True)
    >>> find_copies(lots) is None
    True
    """
    names = [*map(str, frame.columns)]
    passed = {*others, *result_columns(names)}
    compared = frame.loc[:, [name not in passed for name in names]]
    rows = _rows_of(compared)
    if not rows:
        return None
    if len(places := _copied(rows)):
        return Copies("copied", places)
    if len(places := _repeated(rows, compared)):
        return Copies("repeated", places)
    return None


def _rows_of(frame: pd.DataFrame) -> _Rows:
    """Return what stands in each row; nothing of a table of a single column."""
    columns = [cells_as_text(frame.iloc[:, j]) for j in range(frame.shape[1])]
    return [*zip(*columns, strict=True)] if len(columns) > 1 else []


def _copied(rows: _Rows) -> IndexArray:
    """Return the places of rows that stand above in the same order."""
    last: dict[tuple[str, ...], int] = {}
    above = np.empty(len(rows), np.intp)  # where each row stands last before
    for i, row in enumerate(rows):
        above[i] = last.get(row, -2 - i)  # which none of them follows
        last[row] = i
    runs = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(above) != 1) + 1)
    copied = [
        run
        for run in runs
        if above[run[0]] >= 0 and len({rows[i] for i in run.tolist()}) >= _MIN_COPIED
    ]
    return np.concatenate([np.zeros(0, np.intp), *copied])


def _repeated(rows: _Rows, frame: pd.DataFrame) -> IndexArray:
    """Return the places of rows that stand above in any order, where a code or a date tells rows.

    `rows` are those of `frame`, as text.
    """
    first: dict[tuple[str, ...], int] = {}
    places = np.array([i for i, row in enumerate(rows) if first.setdefault(row, i) != i], np.intp)
    if len({rows[i] for i in places}) < _MIN_COPIED:
        return np.zeros(0, np.intp)
    by_place = [*map(str, range(frame.shape[1]))]  # two columns may have one name
    different = frame.iloc[[*first.values()]].set_axis(by_place, axis=1).reset_index(drop=True)
    names = [name for name in by_place if different[name].is_unique]
    return places if new_values(different, names) else np.zeros(0, np.intp)
