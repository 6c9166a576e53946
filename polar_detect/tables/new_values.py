"""Columns whose values are new in every new row: counts of the rows, dates and codes."""

import re
import shlex
import unicodedata
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.row_cells import MIN_NUMERIC, as_numbers
from polar_detect.tables.rows import RowColumns
from polar_detect.tables.units import split_unit

_MIN_ROWS = 3
_MAX_LISTED_COLUMNS = 30
# Behind NFKC: of any order and era, then a time and a day of the week.
_DATE = re.compile(
    r"(?:(?:\d{4}|[rhs令平昭][和成]?\.?\d{1,2})[-/.年] ?\d{1,2}[-/.月] ?\d{1,2}(?!\d)"
    r"|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}(?!\d)|\d{1,2}\.\d{1,2}\.\d{4}(?!\d)|\d{1,2}月 ?\d{1,2}日"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?(?!\d))"
    r"[\s\d:.+\-tz()時分秒月火水木金土日曜apm午前後]*",
    re.IGNORECASE,
)
# Letters of any script before the number; whole sentences of Japanese have no blanks either.
_CODE = re.compile(r"(?=\D*\d)[^\W\d_]{0,8}[-a-z0-9_#]+", re.IGNORECASE)


def warn_of_new_values(frame: pd.DataFrame, names: Collection[str]) -> list[str]:
    """Return a warning for each column that makes every new row look strange.

    New rows go on with the count, the dates or the codes, so that none of them was seen before.
    """
    notices, kept = [], []
    for name in names:
        said = _always_new(frame[name])
        if said is None:
            kept.append(name)
        else:
            notices.append(f"column {name!r} {said} are all new; leave it out with --columns")
    if notices and 0 < len(kept) <= _MAX_LISTED_COLUMNS:
        asked = shlex.quote(RowColumns.of(kept).asked or "")
        notices.append(f"to read no such column pass --columns {asked}")
    return notices


def _always_new(column: pd.Series) -> str | None:
    """Return what a column holds that no new row has; None where that may repeat."""
    texts = [unicodedata.normalize("NFKC", text).strip() for text in cells_as_text(column) if text]
    if len(texts) < _MIN_ROWS:
        return None
    if bool((np.diff(as_numbers(cells_as_text(column))) == 1).all()):
        return "only counts the rows, and in new rows its numbers"
    if _share(texts, _is_date) >= MIN_NUMERIC:
        return "holds dates, and those of new rows"
    is_distinct = len(set(texts)) >= MIN_NUMERIC * len(texts)
    if is_distinct and _share(texts, _is_code) >= MIN_NUMERIC:
        return "holds codes that hardly repeat, and those of new rows"
    return None


def _share(texts: Sequence[str], is_such: Callable[[str], bool]) -> float:
    return float(np.mean([is_such(text) for text in texts]))


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None


def _is_code(text: str) -> bool:
    is_number = not np.isnan(as_numbers([text])[0]) or split_unit(text) is not None
    return _CODE.fullmatch(text) is not None and not is_number
