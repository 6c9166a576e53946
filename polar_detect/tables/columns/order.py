"""Whether values stand in order but for a few, as where somebody has mistyped one."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from polar_detect.arrays import BoolArray
from polar_detect.tables.cells.numbers import MIN_NUMERIC

_CODE_PART = re.compile(r"\d+|\D+")


def in_order(values: Sequence[Any]) -> BoolArray:
    """Return which values never fall, or never rise: as many of them as there are, (n,).

    >>> in_order([1, 2, 2, 70, 3, 4]).tolist(), in_order([9, 8, 0, 7, 6]).tolist()
    ([True, True, True, False, True, True], [True, True, False, True, True])
    """
    growing = _never_falling(values)
    falling = _never_falling(values[::-1])[::-1]
    return growing if growing.sum() >= falling.sum() else falling


def are_in_order(values: Sequence[Any], *, one_by_one: bool = False) -> bool:
    """Return whether as many values are as a column of numbers has numbers.

    `one_by_one`: and each other one stands between two of these. A meter that has begun anew is not
    in order.

    >>> meter = [*range(100), 1]
    >>> are_in_order(meter), are_in_order(meter, one_by_one=True)
    (True, False)
    """
    if not len(values):
        return False
    kept = in_order(values)
    if kept.sum() < MIN_NUMERIC * len(kept):
        return False
    pairs = kept[1:] | kept[:-1]
    return not one_by_one or bool(kept[0] and kept[-1] and pairs.all())


def natural_order(code: str) -> list[tuple[int, str]]:
    """Return what codes are sorted by, so that T99 comes before T100.

    >>> sorted(["T100", "T99", "t9"], key=natural_order)
    ['t9', 'T99', 'T100']
    """
    parts = _CODE_PART.findall(code.casefold())
    return [
        (len(own), own) if (own := part.lstrip("0")).isdecimal() else (0, part) for part in parts
    ]


def _never_falling(values: Sequence[Any]) -> BoolArray:
    """Return a longest part of values that never falls, (n,) bool.

    Source: Fredman, On computing the length of longest increasing subsequences, 1975.
    """
    ends: list[Any] = []  # the least value with which so many can end
    places: list[int] = []  # where that stands
    before = []
    for i, value in enumerate(values):
        n = bisect_right(ends, value)
        before.append(places[n - 1] if n else -1)
        ends[n : n + 1], places[n : n + 1] = [value], [i]
    kept, i = np.zeros(len(values), bool), places[-1] if places else -1
    while i >= 0:
        kept[i], i = True, before[i]
    return kept
