"""Marks that mean minus in a column: ▲5 in Japanese accounts, 123.45- as SAP writes it."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from polar_detect.tables.cells.numbers import (
    MIN_SURE,
    as_numbers,
    half_width,
    is_missing,
    not_plain,
)
from polar_detect.tables.cells.units import split_unit

# The last one stands behind the number, as SAP has it: 123.45-.
_BEHIND = "-"
MINUSES = ("▲", "△", _BEHIND)
_MARKED = re.compile(r"[¥\\$€]?\s*(?P<mark>[▲△▼▽])\s*(?:[¥\\$€]\s*)?[\d.]")
_MARKS = frozenset("▲△▼▽")
_MARKED_BEHIND = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)? ?(?<=[\d. ])-", re.ASCII)
_MIN_BEHIND = 2


def minus_of(texts: list[str]) -> str | None:
    """Return the mark that means minus in a column; None where it may mean something else.

    Alone it is a grade, beside ▼ it points up, numbers with it alone are those of revisions, and
    where other numbers have a minus it has to mean something else.
    """
    others = [texts[i] for i in not_plain(texts)]
    if _are_behind(texts, others):
        return _BEHIND
    marks = {mark for text in others if (mark := _mark_of(text)) is not None}
    if len(marks) != 1 or not marks <= set(MINUSES):
        return None
    if any(half_width(text) in _MARKS for text in others):
        return None
    unmarked = [text for text in texts if _mark_of(text) is None]
    numbers = as_numbers(_number_of(text) for text in unmarked)
    n_marked = len(texts) - len(unmarked)
    is_sure = int(np.isfinite(numbers).sum()) >= n_marked and not bool((numbers < 0).any())
    return marks.pop() if is_sure else None


def _are_behind(texts: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether a minus stands behind the numbers of a column.

    All that is not missing are numbers, two different ones or more with it and none below zero
    without: else 12- may be a number that was cut off, or mean 12 and more.
    """
    behind = {text.strip() for text in others if is_marked(text, _BEHIND)}
    if len(behind) < _MIN_BEHIND:
        return False
    rest = [text for text in texts if not is_missing(text) and not is_marked(text, _BEHIND)]
    numbers = as_numbers(map(_number_of, rest))
    n_different = len(behind) + len({*rest})
    return n_different >= MIN_SURE and bool(np.all(np.isfinite(numbers) & (numbers >= 0)))


def is_marked(text: str, minus: str) -> bool:
    """Return whether a cell is a number with this minus, before or behind it."""
    if minus != _BEHIND:
        return _mark_of(text) == minus
    return "-" in text and _MARKED_BEHIND.fullmatch(half_width(text)) is not None


def _mark_of(text: str) -> str | None:
    if text.isascii():
        return None
    found = _MARKED.match(half_width(text))
    return None if found is None else found["mark"]


def _number_of(text: str) -> str:
    own = split_unit(text)
    return text if own is None else own[0]


def with_minus(text: str, minus: str) -> str:
    """Return a number with such a mark with a minus before it in its place."""
    before, _, number = half_width(text).partition(minus)
    return f"{before}-{number.lstrip()}" if number else f"-{before}"


def checked_minus(value: Any) -> str | None:
    """Return a stored mark for minus; raise `ValueError` for what is none."""
    if value is not None and value not in MINUSES:
        raise ValueError(f"minus {value!r}")
    return str(value) if value is not None else None
