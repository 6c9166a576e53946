"""Where the names of a sheet's columns stand: below a title, and sometimes in two or three rows."""

import datetime
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from polar_detect.tables.cell_numbers import is_missing
from polar_detect.tables.cells import cell_as_text, cells_as_text
from polar_detect.tables.labels import are_columns, is_of_form
from polar_detect.tables.names import folded
from polar_detect.tables.number_form import NumberForm, has_decimal_commas
from polar_detect.tables.places import place_of_names
from polar_detect.tables.row_cells import CellNumbers
from polar_detect.tables.signs import is_as_below
from polar_detect.tables.specifications import n_specifications
from polar_detect.tables.units import DASHES, is_sure_unit, is_unit, with_unit
from polar_detect.tables.words import is_numeral, is_state, is_word, reach

Cells = Sequence[Sequence[Any]]
Range = tuple[tuple[int, int], tuple[int, int]]
"""First and last row and column of merged cells."""

_MIN_NUMBERS = 2
_MOST = 0.5  # of what stands below a unit
_SAMPLE_ROWS = 1000
_MOST_NAMES = 3  # rows: two of words and one of units
_NUMBER_IN_BRACKETS = re.compile(r"[(\[{<〔【][\d.,\s]*[)\]}>〕】]")


@dataclass(frozen=True)
class Header:
    """The names of the columns of a sheet or a text table.

    Parameters
    ----------
    top, last : int
        First and last row of the header.
    names : list of str
        One for each column; empty where there is none.
    specified : tuple of int
        Rows right below the names that are no data: see `n_specifications`.
    """

    top: int
    last: int
    names: list[str]
    specified: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """The last row above the data."""
        return max(self.last, *self.specified) if self.specified else self.last


def find_header(
    rows: Cells,
    filled: Sequence[int],
    expected: Collection[str] = (),
    merged: Collection[Range] = (),
) -> Header:
    """Return the header of a sheet.

    Its first row is the first that fills at least half of what the fullest of the first rows
    does: above the table many sheets have a title, a date and a department. A second row, of text
    only, belongs to it if a cell of the table is merged over both, if a name over both rows is
    expected, or if it holds units, or else different words, and numbers stand below in each of
    its columns: below units in most cells, below words in all that are not missing. Below a
    second row of words a third one of units belongs to it too. A first row to which the second
    does not belong is a title after all, or says whose the table is, where the second holds more
    cells, all of different words, and numbers stand below one of them; or where it has none of
    the names that are expected, and a row below has most of them; or where `place_of_names` finds
    names below.

    Parameters
    ----------
    rows : list of list
        All cells of the sheet; None for an empty one.
    filled : sequence of int
        Rows that are not empty.
    expected : collection of str
        Names that stay as they are in the first row.
    merged : collection of Range
        Cells that are merged.
    """
    header = _header(rows, filled, expected, merged)
    below = [i for i in filled if i > header.top]
    if header.last == header.top and (
        _is_above_names(rows, header.top, below, expected)
        or _is_merged_title(rows, header.top, below, merged)
    ):
        return find_header(rows, below, expected, merged)
    wanted = set(map(folded, expected))
    if wanted.isdisjoint(map(folded, header.names)):
        named = next((i for i in below[:20] if _holds_most(rows[i], wanted)), None)
        if named is not None:
            return find_header(rows, [i for i in filled if i >= named], expected, merged)
        if below := _from_names(rows, filled, header):
            return find_header(rows, below, expected, merged)
    return header


def said_of_place(row: int, n_above: int) -> str:
    """Return the notice that the names stand below something else."""
    return f"the columns are named in row {row}; {n_above} above it left out"


def said_of_parts(rows: Sequence[int], names: Sequence[str]) -> list[str]:
    """Return the notice that further rows belong to the header, none where there are none."""
    if not rows:
        return []
    listed = ", ".join(names)
    if len(rows) == 1:
        return [f"row {rows[0]} is read as part of the names: {listed}"]
    return [f"rows {rows[0]} and {rows[-1]} are read as part of the names: {listed}"]


def _from_names(rows: Cells, filled: Sequence[int], header: Header) -> list[int]:
    """Return the filled rows from the one on that `place_of_names` finds below the first one.

    The first one is of words, or of words and dates, or a pair of a word and a number, and no two
    rows of names. Where the other has no more cells, it is the first of several pairs, or has a
    number or date, or is one that forms have: any other may be the names of a table below an
    empty row.
    """
    first = [cell for cell in rows[header.top] if cell is not None]
    is_pair = [not isinstance(cell, str) or is_numeral(cell) for cell in first] == [False, True]
    words = [cell for cell in first if not isinstance(cell, datetime.date)]
    if not is_pair and (header.last > header.top or not words or not _are_texts(words)):
        return []
    records = _records(rows, filled, header.top)
    place = place_of_names(records)
    above = [i for i in filled if header.top <= i < header.top + place]
    n_cells = sum(bool(cell.strip()) for cell in records[place])
    is_fuller = reach(records[place]) > reach(records[0]) or n_cells > len(first) > 1
    is_of_words = is_of_form(records[0]) and are_columns(records[place])
    are_pairs = is_pair or is_of_words or (len(first) == 2 and len(above) > 1)
    is_found = bool(place) and (is_fuller or are_pairs)
    return [i for i in filled if i >= header.top + place] if is_found else []


def _records(rows: Cells, filled: Sequence[int], top: int) -> list[list[str]]:
    """Return the first rows from one on as text, an empty record for each that is not filled."""
    last = min(filled[-1], top + _SAMPLE_ROWS - 1)
    is_filled = set(filled)
    return [[*map(cell_as_text, rows[i])] if i in is_filled else [] for i in range(top, last + 1)]


def _header(
    rows: Cells, filled: Sequence[int], expected: Collection[str], merged: Collection[Range]
) -> Header:
    """Return the header, were the first row that is full enough always of it."""
    top = _top(rows, filled, set(map(folded, expected)))
    if top - 1 in filled[:20] and _is_spanned(rows, filled, top - 1, merged):
        top -= 1
    return header_from(rows, filled, top, expected, merged)


def header_from(
    rows: Cells,
    filled: Sequence[int],
    top: int,
    expected: Collection[str] = (),
    merged: Collection[Range] = (),
    *,
    is_text: bool = False,
) -> Header:
    """Return the header whose first row is known, with what belongs to it of the next two.

    Parameters are those of `find_header`; in a text table numbers are texts too, which names of a
    second row are none of. Right below the names stands what is specified, if anything is.
    """

    def header(own: Sequence[int]) -> Header:
        second = next((rows[i] for i in own if i > top), [])
        if is_text and any(cell is not None and is_numeral(cell) for cell in second):
            return Header(top, top, _names_in(rows[top]))
        return _with_next_rows(rows, own, top, expected, merged)

    specified = _specified(rows, filled, top)
    found = header([i for i in filled if i not in specified])
    if not specified:
        return found
    is_next = next(i for i in filled if i > found.last) == specified[0]
    return replace(found, specified=specified) if is_next else header(filled)


def _specified(rows: Cells, filled: Sequence[int], top: int) -> tuple[int, ...]:
    """Return the rows of specifications below one, two or three rows of names."""
    body = [i for i in filled if i > top][: _SAMPLE_ROWS + _MOST_NAMES]
    for first in range(min(_MOST_NAMES, len(body))):
        if n := n_specifications([rows[i] for i in body[first:]]):
            return tuple(body[first : first + n])
    return ()


def _with_next_rows(
    rows: Cells,
    filled: Sequence[int],
    top: int,
    expected: Collection[str],
    merged: Collection[Range],
) -> Header:
    wanted = set(map(folded, expected))
    names = _names_in(rows[top])
    body = [i for i in filled if i > top]
    second = [] if not body else [cell for cell in rows[body[0]] if cell is not None]
    if not body or body[0] != top + 1 or not _are_texts(second):
        return Header(top, top, names)
    last = top + (2 if _has_units(rows, filled, top) else 1)
    both = _join(names, rows[top + 1])
    is_header = (
        _is_spanned(rows, filled, top, merged)
        or any(folded(own) in wanted and own != names[j] for j, own in both.items())
        or _are_above_numbers(rows, [top + 1, *(i for i in body if i > last)])
    )
    if not is_header:
        return Header(top, top, names)
    for i in range(top + 1, last + 1):
        for j, own in _join(names, rows[i]).items():
            if names[j] not in expected or folded(own) in wanted:
                names[j] = own
    return Header(top, last, names)


def _names_in(row: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in row]


def _top(rows: Cells, filled: Sequence[int], wanted: Collection[str]) -> int:
    """Return the first row of the header, were no cells merged."""
    n_cells = {i: sum(cell is not None for cell in rows[i]) for i in filled[:20]}
    most = max(n_cells.values())
    full = [i for i, n in n_cells.items() if 2 * n >= most]
    top = full[0]
    is_title = n_cells[top] == 1 < most and _is_title(rows, filled, top, wanted)
    return full[1] if is_title else top


def _is_title(rows: Cells, filled: Sequence[int], top: int, wanted: Collection[str]) -> bool:
    """Return whether a row with a single cell is a title above names, of which there are more."""
    below = [i for i in filled if i > top]
    if len(below) <= 1 or rows[top][0] is None:
        return False
    names = [cell for cell in rows[below[0]] if cell is not None]
    is_apart = below[0] > top + 1 or any(folded(str(name)) in wanted for name in names)
    return is_apart and len(names) > 1 and _are_texts(names)


def _is_above_names(rows: Cells, top: int, below: Sequence[int], expected: Collection[str]) -> bool:
    """Return whether the names stand below a row: in the next one, in more cells and above numbers.

    They are different words, none of which is a number or a state, or is there again below.
    """
    own = [cell for cell in rows[top] if cell is not None]
    names = {} if not below else {j: c for j, c in enumerate(rows[below[0]]) if c is not None}
    is_apart = set(map(folded, map(str, own))).isdisjoint(map(folded, expected))
    is_wider = len(own) < len(names) == len(set(names.values()))
    if not (is_apart and is_wider and _are_texts([*own, *names.values()])):
        return False
    columns = {c: [rows[i][j] for i in below[1 : _SAMPLE_ROWS + 1]] for j, c in names.items()}
    for name, cells in columns.items():
        filled = (cell_as_text(cell) for cell in cells if cell is not None)
        if name in cells or not is_word(name) or is_as_below(name, filled):
            return False
    return any(_are_numbers(cells, name, _MOST) for name, cells in columns.items())


def _is_merged_title(
    rows: Cells, top: int, below: Sequence[int], merged: Collection[Range]
) -> bool:
    """Return whether a row is one cell, merged over the columns that the next one names."""
    names = [j for j, cell in enumerate(rows[below[0]]) if cell is not None] if below else []
    is_over = any(
        first == last == top and left <= names[0] and right >= names[-1]
        for (first, left), (last, right) in merged
        if len(names) > 1
    )
    is_one = sum(cell is not None for cell in rows[top]) == 1
    return is_one and is_over and _are_texts([rows[below[0]][j] for j in names])


def _holds_most(cells: Sequence[Any], wanted: Collection[str]) -> bool:
    """Return whether a row of words holds more than half of these names."""
    names = [cell for cell in cells if cell is not None]
    return _are_texts(names) and 2 * len({*map(folded, names)} & set(wanted)) > len(wanted)


def _is_spanned(rows: Cells, filled: Sequence[int], first: int, merged: Collection[Range]) -> bool:
    """Return whether a cell is merged over this row and the next, in a column of the table.

    Forms have merged boxes for stamps beside the table, below which nothing stands.
    """
    end = first + (2 if _has_units(rows, filled, first) else 1)
    body = [i for i in filled if i > end][:_SAMPLE_ROWS]
    return any(
        rows[i][j] is not None
        for (top, left), (last, right) in merged
        if top == first < last <= end
        for j in range(left, right + 1)
        for i in body
    )


def _has_units(rows: Cells, filled: Sequence[int], first: int) -> bool:
    """Return whether the second row below this one holds units, and the next one words."""
    body = [i for i in filled if i > first]
    if body[:2] != [first + 1, first + 2]:
        return False
    words, units = ([cell for cell in rows[i] if cell is not None] for i in body[:2])
    are_names = _are_texts([*words, *units]) and not all(map(is_unit, words))
    return are_names and all(map(is_unit, units)) and _are_above_numbers(rows, body[1:])


def _join(names: Sequence[str], second: Sequence[Any]) -> dict[int, str]:
    """Return what the columns with a cell in a second row are called by both."""
    below = {j: str(cell).strip() for j, cell in enumerate(second) if cell is not None}
    are_units = all(map(is_unit, below.values()))
    joined, group = {}, ""
    for j, own in below.items():
        group = names[j] or (group if j - 1 in below else "")
        joined[j] = with_unit(group, own) if are_units else f"{group} {own}".strip()
    return joined


def _are_above_numbers(rows: Cells, body: Sequence[int]) -> bool:
    """Return whether names or units in the first row below the names stand above numbers."""
    second = {j: cell.strip() for j, cell in enumerate(rows[body[0]]) if cell is not None}
    if not all(map(_is_name, second.values())):
        return False
    said = set(second.values())
    are_units = all(map(is_unit, said))
    if said <= DASHES or (len(said) == 1 and not is_sure_unit(*said)):
        return False
    min_share = _MOST if are_units else 1.0
    below = body[1 : _SAMPLE_ROWS + 1]
    return all(
        (are_units and cell in DASHES) or _are_numbers([rows[i][j] for i in below], cell, min_share)
        for j, cell in second.items()
    )


def _are_texts(cells: Sequence[Any]) -> bool:
    return all(isinstance(cell, str) for cell in cells)


def _is_name(cell: str) -> bool:
    plain = unicodedata.normalize("NFKC", cell).strip().lower()
    if plain in DASHES:
        return True
    if is_missing(plain) or is_state(plain):
        return False
    has_digits = any(character.isdecimal() for character in plain)
    return not has_digits or (is_unit(plain) and not _NUMBER_IN_BRACKETS.fullmatch(plain))


def _are_numbers(below: Sequence[Any], name: str, min_share: float) -> bool:
    """Return whether a column holds so many numbers, and says its name nowhere again."""
    cells = pd.Series(below, dtype=object)
    form = NumberForm(comma=has_decimal_commas(cells_as_text(cells)))
    found = CellNumbers.of(cells, form)
    n_numbers = int(np.isfinite(found.values).sum())
    is_again = name.strip() in found.words
    return n_numbers >= _MIN_NUMBERS and found.share >= min_share and not is_again
