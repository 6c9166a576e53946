"""Whether normal rows are in the order of time, and how far those of one time are alike.

Later ones come from other lots and shifts than these, and are strange beside them by as much as one
of these is beside those of other times.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.statistics.dependence import Order, reach_of
from polar_detect.tables.cells.numbers import MISSING
from polar_detect.tables.columns import new_values

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

_MAX_ROWS = 5_000  # that are looked at
_MIN_MOMENTS = 5  # different ones, or they are in order by chance
_WILD = 3.0  # standard deviations: a cell counts no further out


def are_in_time(texts: Sequence[str], rows: "RowTemplate") -> bool:
    """Return whether dates in a column of rows written out only grow or only fall."""
    dated = [i for i, own in enumerate(rows.columns) if own.is_ever_new]
    if not dated:
        return False
    cells = [own for text in texts[:_MAX_ROWS] if (own := rows.cells(text)) is not None]
    said = [["" if row[i] == MISSING else row[i] for i in dated] for row in cells]
    names = [rows.columns[i].name for i in dated]
    return new_values.are_in_time(pd.DataFrame(said, columns=names, dtype=object))


def is_index_in_time(index: "pd.Index[Any]") -> bool:
    """Return whether the moments that name the rows of a data frame only grow or only fall."""
    is_sorted = index.is_monotonic_increasing or index.is_monotonic_decreasing
    is_of_moments = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)
    return is_of_moments and is_sorted and index.nunique() >= _MIN_MOMENTS


def order_of_rows(reference: RowReference) -> Order:
    """Return the order of rows in time, and how far those near are alike, by their numbers."""
    order = Order.unknown(reference.n_fitted)
    if reference.numbers is None:
        return order
    return Order(order.places, reach_of(points_of(reference.numbers, reference.texts)))


def points_of(numbers: NumberReference, texts: Sequence[str]) -> Float64Array:
    """Return the numbers of rows, each column with variance 1, (n_rows, n_columns)."""
    points = np.clip(numbers.placed(texts), -_WILD, _WILD)
    spread = points.std(0)
    scaled: Float64Array = points / np.where(spread > 0, spread, 1)
    return scaled
