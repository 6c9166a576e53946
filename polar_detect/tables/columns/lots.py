"""Columns that say of which lot a row is, or of which file or sheet: new rows are of others.

Hides how one is told without dates: by its name, and by cells that are codes, or that come in one
run each.
"""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.arrays import IndexArray
from polar_detect.tables.cells.numbers import as_numbers
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.identifiers import (
    are_codes,
    are_whole,
    is_lot_name,
    is_source_name,
    plain,
)

_MIN_MIXED = 5  # codes that come in several runs each: fewer may be kinds, as A1 and B2
_MOST_SLIPS = 0.02  # of the rows have mistyped lots, that interrupt a run


def lot_columns(rows: pd.DataFrame, *, is_in_time: bool) -> list[str]:
    """Return the columns that are called lot or the like and hold lots, and `source_columns`.

    Where rows are in time, lots come in one run each; where they are not, codes may be mixed, as in
    a table that is sorted by machine.

    >>> own = {"Lot": ["A1", "A1", "A2"], "charge": ["7", "9", "7"], "tool": ["T1", "T1", "T2"]}
    >>> lot_columns(pd.DataFrame(own), is_in_time=False)
    ['Lot']
    """
    named = [j for j, name in enumerate(rows.columns) if is_lot_name(str(name))]
    lots = [
        str(rows.columns[j]) for j in named if _are_lots(rows.iloc[:, j], is_in_time=is_in_time)
    ]
    return [*lots, *source_columns(rows)]


def source_columns(rows: pd.DataFrame) -> list[str]:
    """Return the columns that are called file or sheet and name each in one run of rows.

    >>> own = {"file": ["may.csv", "may.csv", "june.csv"], "sheet": ["a", "b", "a"]}
    >>> source_columns(pd.DataFrame(own))
    ['file']
    """
    named = [j for j, name in enumerate(rows.columns) if is_source_name(str(name))]
    return [str(rows.columns[j]) for j in named if _are_sources(rows.iloc[:, j])]


def named(lots: pd.Series) -> NDArray[np.object_]:
    """Return which lot each row is of, (n_rows,) str; "" of none.

    Where each lot stands once, and rows below it are empty, these are of it too.

    >>> named(pd.Series(["L1", "", "Ｌ1 ", None, "L2"])).tolist()
    ['L1', '', 'L1', '', 'L2']
    >>> named(pd.Series(["L1", "", "", "L2", ""])).tolist()
    ['L1', 'L1', 'L1', 'L2', 'L2']
    """
    said = [unicodedata.normalize("NFKC", text).strip() for text in cells_as_text(lots)]
    filled = [*filter(None, said)]
    if said and said[0] and len(filled) == len({*filled}) <= len(said) / 2:
        said = pd.Series(said).replace("", None).ffill().tolist()
    return np.array(said, object)


def numbered(names: NDArray[np.object_]) -> IndexArray:
    """Return which lot each row is of, as a number, (n_rows,) int64; of none has its own.

    >>> numbered(np.array(["L1", "", "L1", "", "L2"], object)).tolist()
    [0, 2, 0, 3, 1]
    """
    known = {name: i for i, name in enumerate(dict.fromkeys(filter(None, names)))}
    alone = iter(range(len(known), len(known) + len(names)))
    return np.array([known[name] if name else next(alone) for name in names], np.int64)


def _are_lots(column: pd.Series, *, is_in_time: bool) -> bool:
    texts = plain(cells_as_text(column))
    if not texts:
        return False
    n_different, come_once = len(set(texts)), _come_once(texts)
    if come_once and n_different <= len(texts) / 2 and are_whole(texts):
        return True
    may_be = come_once or (not is_in_time and n_different >= _MIN_MIXED)
    return may_be and are_codes(texts, are_short=True)


def _are_sources(column: pd.Series) -> bool:
    """Return whether cells name files or sheets; a number in hardly more than one row does not."""
    texts = plain(cells_as_text(column))
    if not np.isfinite(as_numbers(texts)).all():
        return _come_once(texts)
    return are_whole(texts) and len(set(texts)) <= len(texts) / 2 and _come_once(texts)


def _come_once(texts: Sequence[str]) -> bool:
    """Return whether filled cells say each of their things in one run of rows."""
    n_runs = 1 + sum(a != b for a, b in pairwise(texts))
    return bool(texts) and n_runs - len(set(texts)) <= _MOST_SLIPS * len(texts)
