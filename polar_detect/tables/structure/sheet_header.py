"""Where the names of a sheet's columns stand: below a title, and sometimes in two or three rows.

One idea: the first row that is full enough has the names, with the rows that belong to it
(`header_rows`). Whatever tells that it is a title, or says whose the table is, sends us on to a
lower row, from which all begins anew.
"""

import datetime
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.text import cell_as_text
from polar_detect.tables.structure.cell_types import is_numeral, is_word, reach
from polar_detect.tables.structure.header_place import place_of_names
from polar_detect.tables.structure.header_rows import (
    MOST,
    SAMPLE_ROWS,
    Grid,
    Header,
    are_numbers,
    are_texts,
    header_from,
    is_spanned,
)
from polar_detect.tables.structure.signs import is_as_below
from polar_detect.tables.structure.vocabulary import are_columns, is_of_form

_FIRST_ROWS = 20  # in which the names are looked for


def find_header(grid: Grid) -> Header:
    """Return the header of a sheet."""
    header = _header(grid)
    while (first := _lower_row(grid, header)) is not None:
        grid = replace(grid, filled=[i for i in grid.filled if i >= first])
        header = _header(grid)
    return header


def _lower_row(grid: Grid, header: Header) -> int | None:
    """Return from which row on to look for the names; None where the header has them.

    The next one, if the first stands alone and is narrower than names of numbers below it, or is
    merged over them; else, where the first has none of the names asked for, the row that has most
    of them, or the one that `place_of_names` finds.
    """
    below = grid.below(header.top)
    if header.last == header.top and (
        _is_above_names(grid, header.top, below) or _is_merged_title(grid, header.top, below)
    ):
        return below[0]
    if not grid.wanted.isdisjoint(map(folded, header.names)):
        return None
    first_rows = below[:_FIRST_ROWS]
    named = next((i for i in first_rows if _holds_most(grid.cells(i), grid.wanted)), None)
    return _place_below(grid, header) if named is None else named


def said_of_place(row: int, n_above: int) -> str:
    """Return the notice that the names stand below something else."""
    return f"the columns are named in row {row}; {n_above} above it left out"


def _place_below(grid: Grid, header: Header) -> int | None:
    """Return the row that `place_of_names` finds below the first one.

    The first one is of words, or of words and dates, or a pair of a word and a number, and no two
    rows of names. Where the other has no more cells, it is the first of several pairs, or has a
    number or date, or is one that forms have: any other may be the names of a table below an
    empty row.
    """
    first = grid.cells(header.top)
    is_pair = [not isinstance(cell, str) or is_numeral(cell) for cell in first] == [False, True]
    words = [cell for cell in first if not isinstance(cell, datetime.date)]
    if not is_pair and (header.last > header.top or not words or not are_texts(words)):
        return None
    records = _records(grid, header.top)
    place = place_of_names(records)
    n_above = sum(header.top <= i < header.top + place for i in grid.filled)
    n_cells = sum(bool(cell.strip()) for cell in records[place])
    is_fuller = reach(records[place]) > reach(records[0]) or n_cells > len(first) > 1
    is_of_words = is_of_form(records[0]) and are_columns(records[place])
    are_pairs = is_pair or is_of_words or (len(first) == 2 and n_above > 1)
    is_found = bool(place) and (is_fuller or are_pairs)
    return header.top + place if is_found else None


def _records(grid: Grid, top: int) -> list[list[str]]:
    """Return the first rows from one on as text, an empty record for each that is not filled."""
    rows = range(top, min(grid.filled[-1], top + SAMPLE_ROWS - 1) + 1)
    is_filled = set(grid.filled)
    return [[*map(cell_as_text, grid.rows[i])] if i in is_filled else [] for i in rows]


def _header(grid: Grid) -> Header:
    """Return the header, were the first row that is full enough always of it."""
    top = _top(grid)
    if top - 1 in grid.filled[:_FIRST_ROWS] and is_spanned(grid, top - 1):
        top -= 1
    return header_from(grid, top)


def _top(grid: Grid) -> int:
    """Return the first row of the header, were no cells merged.

    It is the first that fills at least half of what the fullest of the first rows does: above the
    table many sheets have a title, a date and a department.
    """
    n_cells = {i: len(grid.cells(i)) for i in grid.filled[:_FIRST_ROWS]}
    most = max(n_cells.values())
    full = [i for i, n in n_cells.items() if 2 * n >= most]
    top = full[0]
    return full[1] if n_cells[top] == 1 < most and _is_title(grid, top) else top


def _is_title(grid: Grid, top: int) -> bool:
    """Return whether a row with a single cell is a title above names, of which there are more."""
    below = grid.below(top)
    if len(below) <= 1 or grid.rows[top][0] is None:
        return False
    names = grid.cells(below[0])
    is_apart = below[0] > top + 1 or any(folded(str(name)) in grid.wanted for name in names)
    return is_apart and len(names) > 1 and are_texts(names)


def _is_above_names(grid: Grid, top: int, below: Sequence[int]) -> bool:
    """Return whether the names stand below a row: in the next one, in more cells and above numbers.

    They are different words, none of which is a number or a state, or is there again below.
    """
    own = grid.cells(top)
    names = {j: c for j, c in enumerate(grid.rows[below[0]]) if c is not None} if below else {}
    is_apart = grid.wanted.isdisjoint(map(folded, map(str, own)))
    is_wider = len(own) < len(names) == len(set(names.values()))
    if not (is_apart and is_wider and are_texts([*own, *names.values()])):
        return False
    columns = {c: grid.column(j, below[1 : SAMPLE_ROWS + 1]) for j, c in names.items()}
    for name, cells in columns.items():
        filled = (cell_as_text(cell) for cell in cells if cell is not None)
        if name in cells or not is_word(name) or is_as_below(name, filled):
            return False
    return any(are_numbers(cells, name, MOST) for name, cells in columns.items())


def _is_merged_title(grid: Grid, top: int, below: Sequence[int]) -> bool:
    """Return whether a row is one cell, merged over the columns that the next one names."""
    names = [j for j, cell in enumerate(grid.rows[below[0]]) if cell is not None] if below else []
    is_over = any(
        first == last == top and left <= names[0] and right >= names[-1]
        for (first, left), (last, right) in grid.merged
        if len(names) > 1
    )
    return len(grid.cells(top)) == 1 and is_over and are_texts(grid.cells(below[0]))


def _holds_most(names: Sequence[Any], wanted: Collection[str]) -> bool:
    """Return whether the cells of a row are words, more than half of these names among them."""
    return are_texts(names) and 2 * len({*map(folded, names)} & set(wanted)) > len(wanted)
