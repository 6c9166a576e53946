"""Where the names of a text table stand: in its first record, or below what a device says first."""

from collections.abc import Collection, Sequence
from itertools import takewhile

import numpy as np

from polar_detect.tables.cell_numbers import as_numbers, is_missing
from polar_detect.tables.endings import is_at_end, without_end
from polar_detect.tables.headers import NUMERALS, Header, header_from, is_sure_unit
from polar_detect.tables.names import folded
from polar_detect.tables.units import is_unit, without_unit

Records = Sequence[Sequence[str]]
"""The first ones of a file; an empty one for a blank line."""

_MOST_ABOVE = 50  # records above the names
_MIN_NUMBERS = 2
_MANY_TIMES = 3  # records below an empty line, of those above it


def find_text_header(records: Records, expected: Collection[str] = ()) -> Header:
    """Return the header of a text table.

    Its first record is that of `place_of_names`; what belongs to it of the next two is as in a
    sheet, and of these a row of units may end before the last column.
    """
    top = place_of_names(records, expected)
    width = len(records[top])
    rows: list[list[str | None]] = []
    filled = [top]
    for i, record in enumerate(records):
        row = without_end([*record], width)
        is_short = len(row) < width and i <= top + 2 and _are_units(row)
        row += [""] * (width - len(row) if is_short else 0)
        rows.append([cell if cell.strip() else None for cell in row])
        if i > top and len(row) == width and _reach(row):
            filled.append(i)
    header = header_from(rows, filled, top, expected)
    for j, name in enumerate(records[top]):
        if not name.strip() and f"column_{j + 1}" in expected:  # of a detector before 0.2
            header.names[j] = name
    return header


def place_of_names(records: Records, expected: Collection[str] = ()) -> int:
    """Return which record has the names, or the first row of them.

    It is the first, unless another one has more of the expected names; or unless
    most records reach beyond it, or it stands among a few above an empty line, and then the first
    record of different words counts from which on a column holds nothing but numbers or dates.
    """
    below = [i for i in range(1, len(records)) if _reach(records[i])]
    named = _named(records, below, expected)
    if named is not None:
        return named
    if not _keys(expected).isdisjoint(_keys(records[0])):
        return 0
    wide = _wider(records, below)
    least = max(set(wide), key=lambda width: (wide.count(width), width)) if wide else 0
    apart = _apart(records, below)
    for i in below[:_MOST_ABOVE]:
        is_wide = least > 0 and _reach(records[i]) >= least
        if (is_wide or i == apart) and _are_names(records, i):
            return i
    return 0


def is_doubtful(records: Records, header: Header) -> bool:
    """Return whether most records reach beyond the header, so that they cannot be its rows."""
    width = len(records[header.top])
    below = [reach for record in records[header.last + 1 :] if (reach := _reach(record))]
    return 2 * sum(reach > width for reach in below) > len(below)


def _reach(record: Sequence[str]) -> int:
    """Return the number of cells without empty ones at the end."""
    return next((j for j in range(len(record), 0, -1) if record[j - 1].strip()), 0)


def _wider(records: Records, below: Sequence[int]) -> list[int]:
    """Return how far records reach, of those that reach beyond the first one.

    None where these are not the most in the second half, as above there may be a lot to say.
    """
    half = [_reach(records[i]) for i in below[len(below) // 2 :]]
    wider = [reach for reach in half if reach > _reach(records[0])]
    return wider if 2 * len(wider) > len(half) else []


def _apart(records: Records, below: Sequence[int]) -> int | None:
    """Return the first record below an empty one, if far more follow than stand above it."""
    filled = [0, *below]
    place = next((k for k in range(1, len(filled)) if filled[k] > filled[k - 1] + 1), None)
    if place is None or len(filled) - place <= _MANY_TIMES * place:
        return None
    return None if _are_names(records[: filled[place]], 0) else filled[place]


def _named(records: Records, below: Sequence[int], expected: Collection[str]) -> int | None:
    """Return the record with most of the expected names, and half at least."""
    wanted = _keys(expected)
    n_first = len(wanted & _keys(records[0]))
    if n_first == len(wanted):
        return None
    found = {i: len(wanted & _keys(records[i])) for i in below[:_MOST_ABOVE]}
    best = max(found, key=lambda i: found[i], default=0)
    if best == 0 or found[best] <= n_first or 2 * found[best] < len(wanted):
        return None
    is_sure = found[best] > 1 or all(map(_is_word, filter(str.strip, records[best])))
    return best if is_sure else None


def _keys(names: Collection[str]) -> set[str]:
    """Return what names have in common that differ in blanks, case, width and a unit behind."""
    return {folded(without_unit(name)) for name in names if name.strip()}


def _are_names(records: Records, place: int) -> bool:
    """Return whether a record has different words, from which on a column holds numbers alone.

    Most records below have as many cells. Units, and totals and notes at the end, do not count. A
    second row of names has none in the first column.
    """
    names = {j: name.strip() for j, name in enumerate(records[place]) if name.strip()}
    are_words = len(set(names.values())) == len(names) and all(map(_is_word, names.values()))
    if 0 not in names or len(names) < 2 or not are_words:
        return False
    below = [record for record in records[place + 1 :] if _reach(record)]
    n_at_end = len([*takewhile(is_at_end, reversed(below))])
    below = below[_are_units(below[0]) if below else 0 : len(below) - n_at_end]
    width = len(records[place])
    fitting = [record for record in below if len(without_end([*record], width)) == width]
    if 2 * len(fitting) <= len(below):
        return False
    return any(_are_numbers([own[j] for own in below if j < len(own)]) for j in names)


def _are_units(record: Sequence[str]) -> bool:
    cells = [cell.strip() for cell in record if cell.strip()]
    return all(map(is_unit, cells)) and any(map(is_sure_unit, cells))


def _are_numbers(cells: Sequence[str]) -> bool:
    said = [cell.strip() for cell in cells if not is_missing(cell)]
    numbers = np.isfinite(as_numbers(said)).tolist()
    are_all = all(own or NUMERALS.fullmatch(cell) for own, cell in zip(numbers, said, strict=True))
    return are_all and len(said) >= _MIN_NUMBERS


def _is_word(cell: str) -> bool:
    plain = cell.strip()
    is_number = bool(np.isfinite(as_numbers([plain])[0]))
    return not (is_missing(plain) or is_number or NUMERALS.fullmatch(plain))
