"""Rows that an export holds twice, as where the same week was pasted in once more."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.tables.cells.text import cells_as_text
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
    names = [*map(str, frame.columns)]
    passed = {*others, *result_columns(names)}
    columns = [cells_as_text(frame.iloc[:, j]) for j, n in enumerate(names) if n not in passed]
    if len(columns) < 2:
        return np.zeros(0, np.intp)
    rows = [*zip(*columns, strict=True)]
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
