"""What the cells of a record are: numbers or dates, states, units, or words that may be names."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from polar_detect.tables.cells.numbers import as_numbers, is_missing
from polar_detect.tables.cells.units import is_sure_unit, is_unit

Records = Sequence[Sequence[str]]
"""The first ones of a table; an empty one for a blank line."""

# A number or a date as text: 5.1, <0.5, ▲5, 2024/05/01.
_NUMERALS = re.compile(r"[\W_]*\d[\W\d_]*")
# The only letter in a number; whatever has another one need not be read as one, which takes long.
_EXPONENT = re.compile(r"[\W\d_]+[eEｅＥ][\W\d_]+")
# With its year: 5/1 and 5.1 may be anything.
_DATE = re.compile(
    r"(?:(?:19|20)\d\d ?[-/.年] ?\d{1,2} ?[-/.月] ?\d{1,2}日?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d\d)"
    r"(?:(?: |t|\(.\))+\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?|\(.\))?",
    re.ASCII | re.IGNORECASE,
)
# What a row of measurements says of a state; never the second line of a header.
_STATES = """
nil error err fault on off start stop auto manual void over under 欠 停止 停止中 無 未 異常 エラー
休 休止 不明 対象外 自動 手動 起動 起動前 準備中 点検 点検中 清掃 保留
"""
_STATE = frozenset(_STATES.split())


def reach(record: Sequence[str]) -> int:
    """Return the number of cells without empty ones at the end."""
    return next((j for j in range(len(record), 0, -1) if record[j - 1].strip()), 0)


def is_numeral(cell: str) -> bool:
    """Return whether a cell is a number or a date."""
    plain = cell.strip()
    if _EXPONENT.fullmatch(plain) is not None:
        return bool(np.isfinite(as_numbers([plain])[0]))
    return _NUMERALS.fullmatch(plain) is not None


def is_date(cell: str) -> bool:
    """Return whether a cell is a day, or a time of a day.

    >>> [is_date(cell) for cell in ("2026/11/1 8:00", "２０２６年11月1日（日）", "11/1", "20261")]
    [True, True, False, False]
    """
    return _DATE.fullmatch(unicodedata.normalize("NFKC", cell).strip()) is not None


def is_state(cell: str) -> bool:
    """Return whether a cell says a state, as a row of measurements may."""
    return unicodedata.normalize("NFKC", cell).strip().lower() in _STATE


def is_word(cell: str) -> bool:
    """Return whether a cell is no number or date, not missing, and no state."""
    return not (is_missing(cell.strip()) or is_state(cell) or is_numeral(cell))


def are_units(record: Sequence[str]) -> bool:
    """Return whether a record holds units alone, of which one is sure."""
    cells = [cell.strip() for cell in record if cell.strip()]
    return all(map(is_unit, cells)) and any(map(is_sure_unit, cells))


def may_be_units(record: Sequence[str]) -> bool:
    """Return whether a record below names may hold units: s and N, or No, Time, ms, degC, degC."""
    cells = [cell.strip() for cell in record if cell.strip()]
    n_units = sum(map(is_unit, cells))
    if n_units == len(set(cells)) > 1 or are_units(record):
        return True
    are_some = n_units > 1 and 2 * n_units >= len(cells)  # first: the others take long
    return are_some and any(map(is_sure_unit, cells)) and all(map(is_word, cells))
