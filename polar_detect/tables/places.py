"""Which of the first records of a table holds the names, by what stands below.

Hides how titles, lists of settings and comments are told from names.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

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
_MIN_NAMES = 4  # twice what a title and a date beside it have
_FEW_COLUMNS = 2  # in which words tell of a name: others have numbers mostly
_MOST_SINGLE = 0.9  # of the records below the name of a single column
_MANY_TIMES = 3  # records of a table, of those above it
_MIN_STEPS = 3  # between numbers that name columns, as wavelengths and years do
_UNEVEN = 0.05  # such steps may be, as numbers are rounded
_DIGIT, _DIGITS = re.compile(r"\d"), re.compile(r"\d+")


def place_of_names(records: Records, expected: Collection[str] = ()) -> int:
    """Return which record has the names, or the first row of them.

    It is the first, unless another one has more of the expected names; or unless most records
    reach beyond it, or it stands among a few above an empty line or among pairs, and then the
    first record of different words counts of which a column tells that it names those below.
    """
    below = [i for i in range(1, len(records)) if reach(records[i])]
    named = _named(records, below, expected)
    if named is not None:
        return named
    if not _keys(expected).isdisjoint(_keys(records[0])):
        return 0
    own = _from_first_column(records)
    found = (
        _place_apart(own),
        _place_below_pairs(own),
        _place_fuller(own),
        _place_beyond(own),
    )
    return min(filter(None, found), default=0)


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


def is_as_below(name: str, below: Iterable[str]) -> bool:
    """Return whether a name is written as half of the cells below at least, but for its digits.

    >>> is_as_below("M0", ["M1", "M12"]), is_as_below("CH1", ["M1", "M12"])
    (True, False)
    """
    plain = _DIGITS.sub("#", name)
    if plain == name or not is_word(name):
        return False
    are_alike = [_DIGITS.sub("#", cell) == plain for cell in below]
    return bool(are_alike) and 2 * sum(are_alike) >= len(are_alike)


def _from_first_column(records: Records) -> Records:
    """Return records without the columns before the first that is filled in any of them."""
    starts = (next((j for j, cell in enumerate(own) if cell.strip()), None) for own in records)
    first = min((j for j in starts if j is not None), default=0)
    return [record[first:] for record in records] if first else records


def _place_apart(records: Records) -> int | None:
    """Return the first record of names below an empty line, if far more follow than stand above it.

    It may also be the name of a single column, where all above have more cells.
    """
    filled = [i for i, record in enumerate(records) if reach(record)]
    is_wide = bool(_wider(records, filled[1:]))
    for n_above, (last, place) in enumerate(pairwise(filled[: _MOST_ABOVE + 1]), 1):
        if len(filled) - n_above <= _MANY_TIMES * n_above:
            return None
        is_gap = place > last + 1
        if is_gap and _are_names(records[:place], 0):
            return None
        signs = _SIGNS if is_wide else _signs_below(records, filled, n_above)
        if is_gap and _are_names(records, place, signs):
            return place
        if _is_single_name(records, place, signs if n_above > 1 or is_gap else (), is_gap=is_gap):
            return place
    return None


def _signs_below(records: Records, filled: Sequence[int], n_above: int) -> "Signs":
    """Return what tells names from rows below so many filled records, as wide as the table.

    These may be pairs, or a table with a gap: then it has more gaps, or more columns. A single one
    without a number may be the names, so that only numbers are a sign.
    """
    above, below = filled[:n_above], filled[n_above:]
    if n_above > 1 and all(_is_pair(records[i]) for i in above) and not _has_gap(below):
        return _SIGNS
    return _CLEAR_SIGNS if any(map(is_numeral, records[0])) else _NUMBERS


def _is_pair(record: Sequence[str]) -> bool:
    """Return whether a record holds a word and what it stands for, or the word alone."""
    return 0 < reach(record) <= _FEW_COLUMNS and bool(record[0].strip())


def _has_gap(places: Sequence[int]) -> bool:
    """Return whether empty rows stand between others, as between the groups of a table."""
    return any(later > place + 1 for place, later in pairwise(places))


def _place_below_pairs(records: Records) -> int | None:
    """Return the names of two columns right below pairs, which look like none of their rows.

    Either numbers or dates stand below the first name, and none does in what a pair says first; or
    a pair says a number or a date where none stands below, and the first column has a sign of its
    name. A single pair may be the upper one of two rows of names, unless it says such a one.
    """
    filled = [i for i, record in enumerate(records) if reach(record)]
    for n_above, place in enumerate(filled[1 : _MOST_ABOVE + 1], 1):
        pairs = [records[i] for i in filled[:n_above]]
        is_much = len(filled) - n_above > _MANY_TIMES * n_above
        if not is_much or reach(pairs[-1]) > 2 or _DIGIT.search(pairs[-1][0]):
            return None
        values = [pair[1] for pair in pairs if reach(pair) == 2]
        if reach(records[place]) != 2 or not any(map(_DIGIT.search, values)):
            continue
        below = _rows_below(records, place)
        first, second = (_Column(records[place][j], j, pairs, below) for j in range(2))
        is_said = any(map(is_numeral, values))
        is_filled = 2 * sum(reach(record) == 2 for record in below) > len(below)
        is_apart = is_said and is_filled and not any(map(is_numeral, second.below))
        signs = _SIGNS if n_above > 1 else _CLEAR_SIGNS
        if _is_above_numbers(first) and (n_above > 1 or is_said):
            signs = _NUMBERS
        elif not is_apart or not any(sign(first) for sign in signs):
            continue
        if _are_names(records, place, signs):
            return place
    return None


def _place_fuller(records: Records) -> int | None:
    """Return the first record of four names or more that fills twice as many cells as each above.

    There a title on the left and a date on the right may reach as far as the table.
    """
    n_most = 0
    for place in [i for i, record in enumerate(records) if reach(record)][: _MOST_ABOVE + 1]:
        n_cells = sum(bool(cell.strip()) for cell in records[place])
        is_full = n_cells == reach(records[place]) >= 2 * max(n_most, _MIN_NAMES // 2)
        if is_full and _are_names(records, place):
            return place
        n_most = max(n_most, n_cells)
    return None


def _place_beyond(records: Records) -> int | None:
    """Return which record has the names, if most reach beyond the first one."""
    below = [i for i in range(1, len(records)) if reach(records[i])]
    wide = _wider(records, below)
    if not wide:
        return None
    least = max(set(wide), key=lambda width: (wide.count(width), width))
    found = (i for i in below[:_MOST_ABOVE] if reach(records[i]) >= least)
    return next((i for i in found if _are_names(records, i, _CLEAR_SIGNS)), None)


def _wider(records: Records, below: Sequence[int]) -> list[int]:
    """Return how far records reach, of those that reach beyond the first one.

    None where these are not the most in the second half, as above there may be a lot to say.
    """
    half = [reach(records[i]) for i in below[len(below) // 2 :]]
    wider = [own for own in half if own > reach(records[0])]
    return wider if 2 * len(wider) > len(half) else []


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


@dataclass(frozen=True)
class _Column:
    """A cell that may be the name of a column, and the other cells of that column.

    Parameters
    ----------
    name : str
    place : int
        Of the column.
    records_above, records_below : sequence of sequence of str
        Above those that reach as far as the record of the name.
    """

    name: str
    place: int
    records_above: Records
    records_below: Records

    @property
    def above(self) -> list[str]:
        """The cells above that are not empty."""
        cells = (own[self.place] for own in self.records_above if self.place < len(own))
        return [cell.strip() for cell in cells if cell.strip()]

    @property
    def below(self) -> Iterator[str]:
        """The cells below that are not missing."""
        cells = (own[self.place] for own in self.records_below if self.place < len(own))
        return (cell.strip() for cell in cells if not is_missing(cell))

    def has(self, is_such: Callable[[str], object]) -> bool:
        """Return whether all cells below, two at least, are such."""
        n_cells = 0
        for cell in self.below:
            if not is_such(cell):
                return False
            n_cells += 1
        return n_cells >= _MIN_NUMBERS


def _is_above_numbers(column: _Column) -> bool:
    """Return whether below words there is nothing but numbers or dates."""
    return column.has(is_numeral) and all(map(is_word, column.above))


def _is_above_codes(column: _Column) -> bool:
    """Return whether in the first column each cell below has a digit, as codes have; none above."""
    if column.place > 0 or not all(map(is_word, column.above)):
        return False
    others = [column.name, *column.above]
    return not any(map(_DIGIT.search, others)) and column.has(_DIGIT.search)


def _is_above_kinds(column: _Column) -> bool:
    """Return whether each cell below is there again, as kinds are, and nothing above is one."""
    if column.place >= _FEW_COLUMNS:
        return False
    counts = Counter(column.below)
    are_kinds = bool(counts) and min(counts.values()) > 1
    return are_kinds and counts.keys().isdisjoint([column.name, *column.above])


def _is_above_texts(column: _Column) -> bool:
    """Return whether all cells below are far longer than the name, and longer than those above."""
    if column.place >= _FEW_COLUMNS:
        return False
    least = min(map(len, column.below), default=0)
    return 2 * len(column.name) <= least > max(map(len, column.above), default=0)


Signs = Sequence[Callable[[_Column], bool]]
"""What tells of a column that it has a name, of which one suffices."""

_NUMBERS: Signs = (_is_above_numbers,)
_CLEAR_SIGNS: Signs = (*_NUMBERS, _is_above_codes)
_SIGNS: Signs = (*_CLEAR_SIGNS, _is_above_kinds, _is_above_texts)


def _are_names(records: Records, place: int, signs: Signs = _NUMBERS) -> bool:
    """Return whether a record has different words, and signs that one of them names a column.

    None is a state, or there again below; most records below have as many cells. Units, and totals
    and notes at the end, do not count. A second row of names has none in the first column. Beside
    words there may be numbers in even steps, such as wavelengths, if the next record has none.
    """
    names = {j: name.strip() for j, name in enumerate(records[place]) if name.strip()}
    words = {j: name for j, name in names.items() if is_word(name)}
    if len(names) < 2 or len(set(names.values())) < len(names):
        return False
    has_steps = len(words) < len(names) and _has_steps(records[place])
    is_named_first = 0 in words or (has_steps and 0 not in names)
    if not is_named_first or not (has_steps or len(words) == len(names)):
        return False
    below = _rows_below(records, place)
    width = len(records[place])
    fitting = [record for record in below if len(without_end([*record], width)) == width]
    if 2 * len(fitting) <= len(below) or (has_steps and _has_steps(below[0])):
        return False
    above = [record for record in records[:place] if reach(record) >= reach(records[place])]
    columns = [_Column(name, j, above, below) for j, name in names.items()]
    if not any(sign(column) for column in columns for sign in signs):
        return False
    is_again = any(own[j].strip() == name for own in fitting for j, name in words.items())
    return not is_again and not any(is_as_below(c.name, c.below) for c in columns)


def _rows_below(records: Records, place: int) -> Records:
    """Return the records below the names: without units, and totals and notes at the end."""
    below = [record for record in records[place + 1 :] if reach(record)]
    n_at_end = len([*takewhile(is_at_end, reversed(below))])
    return below[_may_be_units(below[0]) if below else 0 : len(below) - n_at_end]


def _may_be_units(record: Sequence[str]) -> bool:
    """Return whether a record below names may hold units: s and N, or No, Time, ms, degC, degC."""
    cells = [cell.strip() for cell in record if cell.strip()]
    n_units = sum(map(is_unit, cells))
    if n_units == len(set(cells)) > 1 or are_units(record):
        return True
    are_some = n_units > 1 and 2 * n_units >= len(cells)  # first: the others take long
    return are_some and any(map(is_sure_unit, cells)) and all(map(is_word, cells))


def _has_steps(record: Sequence[str]) -> bool:
    """Return whether the numbers of a record rise or fall in even steps, or days or months do.

    >>> [_has_steps(own.split()) for own in ("nm 400 410 420 430", "x 1 2 3", "x 1 2 4 8")]
    [True, False, False]
    >>> _has_steps("line 11/1 11/2 11/3 11/4".split())
    True
    """
    numerals = [cell.strip() for cell in record if is_numeral(cell)]
    numbers = as_numbers(numerals)
    if not np.isfinite(numbers).all():
        parts = [*zip(*(_DIGITS.findall(cell) for cell in numerals), strict=False)]
        varying = [part for part in parts if len(set(part)) > 1]
        numbers = as_numbers(varying[0]) if len(varying) == 1 else numbers[:0]
    steps = np.diff(numbers)
    if len(steps) < _MIN_STEPS:
        return False
    typical = float(np.mean(steps))
    return typical != 0 and bool(np.all(np.abs(steps / typical - 1) <= _UNEVEN))


def _is_single_name(records: Records, place: int, signs: Signs, *, is_gap: bool) -> bool:
    """Return whether a record names the only column: below pairs, above nearly all single cells.

    A line of a log may hold the delimiter. Without an empty line, or where other columns may be
    empty, there are two pairs at least, and signs.
    """
    above = [record for record in records[:place] if reach(record)]
    if reach(records[place]) != 1 or any(reach(record) == 1 for record in above):
        return False
    name = records[place][0].strip()
    below = [record for record in records[place + 1 :] if reach(record)]
    n_single = sum(reach(record) == 1 for record in below)
    if not is_word(name) or is_unit(name) or n_single < _MOST_SINGLE * len(below):
        return False
    column = _Column(name, 0, above, below)
    is_clear = is_gap and len(records[place]) == 1
    has_sign = any(sign(column) for sign in signs)
    return is_clear or (has_sign and not is_as_below(column.name, column.below))


def are_units(record: Sequence[str]) -> bool:
    """Return whether a record holds units alone, of which one is sure."""
    cells = [cell.strip() for cell in record if cell.strip()]
    return all(map(is_unit, cells)) and any(map(is_sure_unit, cells))
