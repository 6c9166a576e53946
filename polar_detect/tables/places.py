"""Which of the first records of a table holds the names, by what stands below.

Hides how titles, lists of settings and comments are told from names.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import takewhile

import numpy as np

from polar_detect.tables.cell_numbers import as_numbers, is_missing
from polar_detect.tables.endings import is_at_end, without_end
from polar_detect.tables.names import folded
from polar_detect.tables.units import is_sure_unit, is_unit, without_unit

Records = Sequence[Sequence[str]]
"""The first ones of a table; an empty one for a blank line."""

# A number or a date as text: 5.1, <0.5, ▲5, 2024/05/01.
_NUMERALS = re.compile(r"[\W_]*\d[\W\d_]*")
# The only letter in a number; whatever has another one need not be read as one, which takes long.
_EXPONENT = re.compile(r"[\W\d_]+[eEｅＥ][\W\d_]+")
# What a row of measurements says of a state; never the second line of a header.
_STATES = """
nil error err fault on off start stop auto manual void over under 欠 停止 停止中 無 未 異常 エラー
休 休止 不明 対象外 自動 手動 起動 起動前 準備中 点検 点検中 清掃 保留
"""
_STATE = frozenset(_STATES.split())
_MOST_ABOVE = 50  # records above the names
_MIN_NUMBERS = 2
_MOST_SINGLE = 0.9  # of the records below the name of a single column
_MANY_TIMES = 3  # records below an empty line, of those above it


def place_of_names(records: Records, expected: Collection[str] = ()) -> int:
    """Return which record has the names, or the first row of them.

    It is the first, unless another one has more of the expected names; or unless most records
    reach beyond it, or it stands among a few above an empty line, and then the first record of
    different words counts from which on a column holds nothing but numbers or dates. Below an
    empty line it may also be the name of a single column, where all above have more cells.
    """
    below = [i for i in range(1, len(records)) if reach(records[i])]
    named = _named(records, below, expected)
    if named is not None:
        return named
    if not _keys(expected).isdisjoint(_keys(records[0])):
        return 0
    apart = _apart(records, below)
    if apart is not None and _is_single_name(records, apart):
        return apart
    if apart is not None and _are_names(records, apart):
        return min(apart, place_beyond(records) or apart)
    return place_beyond(records)


def place_beyond(records: Records) -> int:
    """Return which record has the names, if most reach beyond the first one; 0 if none is found."""
    below = [i for i in range(1, len(records)) if reach(records[i])]
    wide = _wider(records, below)
    if not wide:
        return 0
    least = max(set(wide), key=lambda width: (wide.count(width), width))
    found = (i for i in below[:_MOST_ABOVE] if reach(records[i]) >= least)
    return next((i for i in found if _are_names(records, i)), 0)


def reach(record: Sequence[str]) -> int:
    """Return the number of cells without empty ones at the end."""
    return next((j for j in range(len(record), 0, -1) if record[j - 1].strip()), 0)


def is_numeral(cell: str) -> bool:
    """Return whether a cell is a number or a date."""
    plain = cell.strip()
    if _EXPONENT.fullmatch(plain) is not None:
        return bool(np.isfinite(as_numbers([plain])[0]))
    return _NUMERALS.fullmatch(plain) is not None


def is_state(cell: str) -> bool:
    """Return whether a cell says a state, as a row of measurements may."""
    return unicodedata.normalize("NFKC", cell).strip().lower() in _STATE


def is_word(cell: str) -> bool:
    """Return whether a cell is no number or date, not missing, and no state."""
    return not (is_missing(cell.strip()) or is_state(cell) or is_numeral(cell))


def _wider(records: Records, below: Sequence[int]) -> list[int]:
    """Return how far records reach, of those that reach beyond the first one.

    None where these are not the most in the second half, as above there may be a lot to say.
    """
    half = [reach(records[i]) for i in below[len(below) // 2 :]]
    wider = [own for own in half if own > reach(records[0])]
    return wider if 2 * len(wider) > len(half) else []


def _apart(records: Records, below: Sequence[int]) -> int | None:
    """Return the first record below an empty one, if far more follow than stand above it."""
    filled = [0, *below]
    place = next((k for k in range(1, len(filled)) if filled[k] > filled[k - 1] + 1), None)
    if place is None or len(filled) - place <= _MANY_TIMES * place:
        return None
    return None if _are_names(records[: filled[place]], 0) else filled[place]


def _named(records: Records, below: Sequence[int], expected: Collection[str]) -> int | None:
    """Return the record with most of the expected names, and half at least.

    A single one may be said in a row of texts too.
    """
    wanted = _keys(expected)
    n_first = len(wanted & _keys(records[0]))
    if n_first == len(wanted):
        return None
    found = {i: len(wanted & _keys(records[i])) for i in below[:_MOST_ABOVE]}
    best = max(found, key=lambda i: found[i], default=0)
    if best == 0 or found[best] <= n_first or 2 * found[best] < len(wanted):
        return None
    return best if found[best] > 1 or _are_said_once(records, best) else None


def _are_said_once(records: Records, place: int) -> bool:
    """Return whether a record has words alone, none of which is in its column in another one."""
    words = {j: cell.strip() for j, cell in enumerate(records[place]) if cell.strip()}
    others = [record for i, record in enumerate(records) if i != place]
    is_again = any(
        j < len(own) and own[j].strip() == word for own in others for j, word in words.items()
    )
    return all(map(is_word, words.values())) and not is_again


def _keys(names: Collection[str]) -> set[str]:
    """Return what names have in common that differ in blanks, case, width and a unit behind."""
    return {folded(without_unit(name)) for name in names if name.strip()}


def _are_names(records: Records, place: int) -> bool:
    """Return whether a record has different words, from which on a column holds numbers alone.

    None is a state, or there again below; most records below have as many cells, and those above
    have no number in that column. Units, and totals and notes at the end, do not count. A second
    row of names has none in the first column.
    """
    names = {j: name.strip() for j, name in enumerate(records[place]) if name.strip()}
    are_words = len(set(names.values())) == len(names) and all(map(is_word, names.values()))
    if 0 not in names or len(names) < 2 or not are_words:
        return False
    below = [record for record in records[place + 1 :] if reach(record)]
    n_at_end = len([*takewhile(is_at_end, reversed(below))])
    below = below[are_units(below[0]) if below else 0 : len(below) - n_at_end]
    width = len(records[place])
    fitting = [record for record in below if len(without_end([*record], width)) == width]
    if 2 * len(fitting) <= len(below):
        return False
    above = [record for record in records[:place] if reach(record) >= reach(records[place])]
    has_numbers = any(
        _are_numbers(own[j] for own in below if j < len(own))
        and all(is_word(own[j]) for own in above if own[j].strip())
        for j in names
    )
    return has_numbers and not any(
        own[j].strip() == name for own in fitting for j, name in names.items()
    )


def _is_single_name(records: Records, place: int) -> bool:
    """Return whether a record names the only column: below pairs, above nearly all single cells.

    A line of a log may hold the delimiter.
    """
    above, below = records[:place], [own for own in records[place + 1 :] if reach(own)]
    is_apart = all(reach(record) > 1 for record in above if reach(record))
    is_name = reach(records[place]) == 1 and is_word(records[place][0])
    n_single = sum(reach(record) == 1 for record in below)
    return is_apart and is_name and n_single >= _MOST_SINGLE * len(below)


def are_units(record: Sequence[str]) -> bool:
    """Return whether a record holds units alone, of which one is sure."""
    cells = [cell.strip() for cell in record if cell.strip()]
    return all(map(is_unit, cells)) and any(map(is_sure_unit, cells))


def _are_numbers(cells: Iterable[str]) -> bool:
    n_numbers = 0
    for cell in cells:
        if not is_missing(cell):
            if not is_numeral(cell):
                return False
            n_numbers += 1
    return n_numbers >= _MIN_NUMBERS
