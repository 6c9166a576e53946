"""Which rows below the first one of a header belong to it, and what columns are called by all.

A second row of words, a row of units, or both; below them rows of specifications are no data.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.decimal_commas import has_decimal_commas
from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.cells.numbers import is_missing
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.cells.units import (
    CLOSING,
    DASHES,
    OPENING,
    is_sure_unit,
    is_unit,
    with_unit,
)
from polar_detect.tables.structure.cell_types import are_units, is_numeral, is_state
from polar_detect.tables.structure.limits import n_specifications
from polar_detect.tables.structure.signs import has_digit

Cells = Sequence[Sequence[Any]]
Range = tuple[tuple[int, int], tuple[int, int]]
"""First and last row and column of merged cells."""

SAMPLE_ROWS = 1000
MOST = 0.5  # of what stands below a unit
_MIN_NUMBERS = 2
_MOST_NAMES = 3  # rows: two of words and one of units
# Of a row whose other cells are all units; above limits some forms call it 規格 too.
_LABELS_OF_UNITS = """
単位 規格 unit units uom einheit einheiten 单位 單位 단위 unité unités unidad unidades unidade unità
jednostka jednotka jednotky birim ед. ед.изм. единицы единицаизмерения đơnvị หน่วย eenheid enhet
"""
_UNIT_LABELS = frozenset(_LABELS_OF_UNITS.split())
_SURE_LABELS = _UNIT_LABELS - {"規格"}
_DASH = "-"
_OF_TIME = re.compile(
    r"utc|gmt|ces?t|mes?z|jst|cst|[ydmhstj]{1,4}(?:[-/.:T ]{1,2}[ydmhsftj]{1,4})+", re.IGNORECASE
)
_NUMBER_IN_BRACKETS = re.compile(rf"[{re.escape(OPENING)}][\d.,\s]*[{re.escape(CLOSING)}]")


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


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of a sheet or a text table, and what is known of them before its names are.

    Parameters
    ----------
    rows : list of list
        All cells; None for an empty one.
    filled : sequence of int
        Rows that are not empty.
    expected : collection of str
        Names that stay as they are in the first row.
    merged : collection of Range
        Cells that are merged.
    """

    rows: Cells
    filled: Sequence[int]
    expected: Collection[str] = ()
    merged: Collection[Range] = ()

    @cached_property
    def wanted(self) -> set[str]:
        """The expected names, however they are written."""
        return set(map(folded, self.expected))

    def below(self, row: int) -> list[int]:
        """Return the filled rows below one."""
        return [i for i in self.filled if i > row]

    def cells(self, row: int) -> list[Any]:
        """Return the filled cells of a row."""
        return [cell for cell in self.rows[row] if cell is not None]

    def column(self, j: int, rows: Sequence[int]) -> list[Any]:
        """Return the cells of a column in some rows."""
        return [self.rows[i][j] for i in rows]


def header_from(grid: Grid, top: int, *, is_text: bool = False) -> Header:
    """Return the header whose first row is known, with what belongs to it of the next two.

    A second row, of text only, belongs to it if a cell of the table is merged over both, if a name
    over both rows is expected, or if it holds units, or else different words, and numbers stand
    below in each of its columns: below units in most cells, below words in all that are not
    missing. Below a second row of words a third one of units belongs to it too.

    In a text table numbers are texts too, of which a second row of names has none. Right below the
    names stands what is specified, if anything is.
    """
    next_rows = map(_without_label, grid.rows[top + 1 : top + 3])
    grid = replace(grid, rows=[*grid.rows[: top + 1], *next_rows, *grid.rows[top + 3 :]])
    specified = _specified(grid, top)
    others = [i for i in grid.filled if i not in specified]
    found = _with_next_rows(replace(grid, filled=others), top, is_text=is_text)
    if not specified:
        return found
    if grid.below(found.last)[0] == specified[0]:
        return replace(found, specified=specified)
    return _with_next_rows(grid, top, is_text=is_text)


def _without_label(row: Sequence[Any]) -> Sequence[Any]:
    """Return a row of units with a dash in place of the word that says so: 単位, mm, mm.

    And in place of the zone or the form of a time: UTC, bar, degC.
    """
    row = [_DASH if isinstance(cell, str) and _is_of_time(cell) else cell for cell in row]
    filled = [j for j, cell in enumerate(row) if cell is not None]
    others = [row[j] for j in filled[1:]]
    if not others or not are_texts([row[j] for j in filled]):
        return row
    label = folded(row[filled[0]]).strip("[]()")
    # A label that means nothing else tells of a row of % alone.
    are_told = label in _SURE_LABELS and all(map(is_unit, others)) and not {*others} <= DASHES
    if not are_told and (label not in _UNIT_LABELS or not are_units(others)):
        return row
    return [*row[: filled[0]], _DASH, *row[filled[0] + 1 :]]


def _is_of_time(cell: str) -> bool:
    return _OF_TIME.fullmatch(cell.strip()) is not None and not is_unit(cell)


def _specified(grid: Grid, top: int) -> tuple[int, ...]:
    """Return the rows of specifications below one, two or three rows of names."""
    body = grid.below(top)[: SAMPLE_ROWS + _MOST_NAMES]
    for first in range(min(_MOST_NAMES, len(body))):
        if n := n_specifications([grid.rows[i] for i in body[first:]]):
            return tuple(body[first : first + n])
    return ()


def _with_next_rows(grid: Grid, top: int, *, is_text: bool) -> Header:
    """Return the header, were no row below it of specifications."""
    names = ["" if cell is None else str(cell) for cell in grid.rows[top]]
    alone, body = Header(top, top, names), grid.below(top)
    second = grid.cells(body[0]) if body else []
    if not body or body[0] != top + 1 or not are_texts(second):
        return alone
    if is_text and any(map(is_numeral, second)):
        return alone
    last = top + (2 if _has_units(grid, top) else 1)
    both = _join(names, grid.rows[top + 1])
    is_header = (
        is_spanned(grid, top)
        or any(folded(own) in grid.wanted and own != names[j] for j, own in both.items())
        or _are_above_numbers(grid, [top + 1, *grid.below(last)])
        or _names_the_unnamed(grid, top, grid.below(last)[:SAMPLE_ROWS])
    )
    if not is_header:
        return alone
    joined = [*names]
    for i in range(top + 1, last + 1):
        for j, own in _join(joined, grid.rows[i]).items():
            if joined[j] not in grid.expected or folded(own) in grid.wanted:
                joined[j] = own
    return Header(top, last, joined)


def is_spanned(grid: Grid, first: int) -> bool:
    """Return whether a cell is merged over this row and the next, in a column of the table.

    Forms have merged boxes for stamps beside the table, below which nothing stands.
    """
    end = first + (2 if _has_units(grid, first) else 1)
    body = grid.below(end)[:SAMPLE_ROWS]
    return any(
        grid.rows[i][j] is not None
        for (top, left), (last, right) in grid.merged
        if top == first < last <= end
        for j in range(left, right + 1)
        for i in body
    )


def _names_the_unnamed(grid: Grid, top: int, below: Sequence[int]) -> bool:
    """Return whether the row below the names has one wherever they have none, as below groups.

    Of what it says nothing stands below again, and numbers stand below some. Below a title it
    names all columns apart.
    """
    names, second = grid.rows[top], grid.rows[top + 1]
    said = {j: str(cell).strip() for j, cell in enumerate(second) if cell is not None}
    columns = {j: grid.column(j, below) for j in range(len(names))}
    filled = {j for j, own in columns.items() if any(cell is not None for cell in own)}
    unnamed = {j for j in filled if names[j] is None}
    is_below_title = len({*said.values()}) == len(said) >= len(filled)
    if not unnamed or not unnamed <= said.keys() or is_below_title:
        return False
    are_named = all(_is_name(own) or is_state(own) for own in said.values())
    are_again = any(str(cell).strip() == own for j, own in said.items() for cell in columns[j])
    have_numbers = any(are_numbers(columns[j], own, 1.0) for j, own in said.items())
    return are_named and not are_again and have_numbers


def _has_units(grid: Grid, first: int) -> bool:
    """Return whether the second row below this one holds units, and the next one words."""
    body = grid.below(first)
    if body[:2] != [first + 1, first + 2]:
        return False
    words, units = map(grid.cells, body[:2])
    are_names = are_texts([*words, *units]) and not all(map(is_unit, words))
    return are_names and all(map(is_unit, units)) and _are_above_numbers(grid, body[1:])


def _join(names: Sequence[str], second: Sequence[Any]) -> dict[int, str]:
    """Return what the columns with a cell in a second row are called by both."""
    below = {j: str(cell).strip() for j, cell in enumerate(second) if cell is not None}
    are_units = all(map(is_unit, below.values()))
    joined, group = {}, ""
    for j, own in below.items():
        group = names[j] or (group if j - 1 in below else "")
        joined[j] = with_unit(group, own) if are_units else f"{group} {own}".strip()
    return joined


def _are_above_numbers(grid: Grid, body: Sequence[int]) -> bool:
    """Return whether names or units in the first row below the names stand above numbers."""
    second = {j: cell.strip() for j, cell in enumerate(grid.rows[body[0]]) if cell is not None}
    if not all(map(_is_name, second.values())):
        return False
    said = set(second.values())
    are_units = all(map(is_unit, said))
    if said <= DASHES or (len(said) == 1 and not is_sure_unit(*said)):
        return False
    min_share, below = MOST if are_units else 1.0, body[1 : SAMPLE_ROWS + 1]
    return all(
        (are_units and cell in DASHES) or are_numbers(grid.column(j, below), cell, min_share)
        for j, cell in second.items()
    )


def _is_name(cell: str) -> bool:
    plain = unicodedata.normalize("NFKC", cell).strip().lower()
    if plain in DASHES:
        return True
    if is_missing(plain) or is_state(plain):
        return False
    return not has_digit(plain) or (is_unit(plain) and not _NUMBER_IN_BRACKETS.fullmatch(plain))


def are_texts(cells: Sequence[Any]) -> bool:
    """Return whether there are texts alone."""
    return all(isinstance(cell, str) for cell in cells)


def are_numbers(below: Sequence[Any], name: str, min_share: float) -> bool:
    """Return whether a column holds so many numbers, and says its name nowhere again."""
    cells = pd.Series(below, dtype=object)
    form = NumberForm(comma=has_decimal_commas(cells_as_text(cells)))
    found = ColumnNumbers.of(cells, form)
    if found.share < min_share:  # which takes long
        found = ColumnNumbers.of(cells, NumberForm.of(cells, name))
    n_numbers = int(np.isfinite(found.values).sum())
    is_again = name.strip() in found.words
    return n_numbers >= _MIN_NUMBERS and found.share >= min_share and not is_again


def said_of_parts(rows: Sequence[int], names: Sequence[str]) -> list[str]:
    """Return the notice that further rows belong to the header, none where there are none."""
    if not rows:
        return []
    listed = ", ".join(names)
    if len(rows) == 1:
        return [f"row {rows[0]} is read as part of the names: {listed}"]
    return [f"rows {rows[0]} and {rows[-1]} are read as part of the names: {listed}"]
