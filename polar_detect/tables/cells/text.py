"""What a cell says, as text: the same in texts to score, CSV and labels, whatever its type."""

import datetime
import json
import math
from typing import Any

import numpy as np
import pandas as pd

from polar_detect.texts.visible import without_unseen

_SHORT = (np.float32, np.float16)


def cells_as_text(column: pd.Series) -> list[str]:
    """Return the cells of a column as text; a missing value is an empty one.

    >>> cells_as_text(pd.Series([7, None, 2.5], dtype="Float64"))
    ['7', '', '2.5']
    """
    if isinstance(column.dtype, pd.StringDtype):
        texts: list[str] = column.fillna("").tolist()
        return texts
    return [cell_as_text(cell) for cell in cell_values(column)]


def cells_as_seen(column: pd.Series) -> list[str]:
    r"""Return the same without what nobody sees, which keeps a number from being one.

    >>> cells_as_seen(pd.Series(["\u200e12.5", "カ\u3099ス"]))
    ['12.5', 'ガス']
    """
    return [*map(without_unseen, cells_as_text(column))]


def cell_values(column: pd.Series) -> list[Any]:
    """Return the cells of a column as Python values, in single precision as their digits say.

    There 0.1 is 0.10000000149011612, to which `tolist` would widen it. A missing number may be
    NaN or another missing value.

    >>> cell_values(pd.Series([0.1, 16777216], dtype="float32"))
    [0.1, 16777216.0]
    """
    dtype = getattr(column.dtype, "numpy_dtype", column.dtype)
    if dtype not in _SHORT:
        cells: list[Any] = column.tolist()
        return cells
    digits = column.to_numpy(dtype, na_value=np.nan).astype(str)
    return [*map(float, digits.tolist())]


def cell_as_text(cell: Any) -> str:
    """Return what a cell says; numbers in the fewest digits that mean them."""
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return ""
    if isinstance(cell, _SHORT):
        cell = float(str(cell))
    if isinstance(cell, float):
        return _number_as_text(cell)
    if isinstance(cell, datetime.datetime):
        is_day = cell.tzinfo is None and cell.time() == datetime.time()
        return cell.date().isoformat() if is_day else cell.isoformat(sep=" ")
    if isinstance(cell, datetime.timedelta):
        return _duration_as_text(cell)
    if isinstance(cell, (list, dict, tuple)):
        return json.dumps(cell, ensure_ascii=False, default=cell_as_text)
    return str(cell)


def _duration_as_text(duration: datetime.timedelta) -> str:
    """Return hours, minutes and seconds, as a sheet shows them: 30:00:00, not 1 day, 6:00:00."""
    sign = "-" if duration < datetime.timedelta() else ""
    minutes, rest = divmod(abs(duration), datetime.timedelta(minutes=1))
    seconds = f"{rest.seconds:02d}" + (f".{rest.microseconds:06d}" if rest.microseconds else "")
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{seconds}"


def _number_as_text(number: float) -> str:
    if math.isnan(number):
        return ""
    is_short = number.is_integer() and abs(number) < 1e15
    return str(int(number)) if is_short else repr(float(number))  # numpy's repr names its type
