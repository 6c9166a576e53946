"""Where the names of a sheet's columns stand: below a title, and sometimes in two rows."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from polar_detect.tables.names import folded
from polar_detect.tables.row_cells import MIN_NUMERIC, CellNumbers, is_missing
from polar_detect.tables.units import DASHES, is_unit, with_unit

Cells = Sequence[Sequence[Any]]
Range = tuple[tuple[int, int], tuple[int, int]]
"""First and last row and column of merged cells."""

_MIN_NAMES = _MIN_NUMBERS = 2
_MOST = 0.5  # of what stands below a unit
_SAMPLE_ROWS = 1000
# What a row of measurements says of a state; never the second line of a header.
_STATES = """
nil error err fault off stop void over under 欠 停止 停止中 無 未 異常 エラー 休 休止 不明 対象外
"""
_STATE = frozenset(_STATES.split())


@dataclass(frozen=True)
class Header:
    """The names of the columns of a sheet.

    Parameters
    ----------
    top, last : int
        First and last row of the header.
    names : list of str
        One for each column of the sheet; empty where there is none.
    """

    top: int
    last: int
    names: list[str]


def find_header(
    rows: Cells,
    filled: Sequence[int],
    expected: Collection[str] = (),
    merged: Collection[Range] = (),
) -> Header:
    """Return the header of a sheet.

    Its first row is the first that fills at least half of what the fullest of the first rows
    does: above the table many sheets have a title, a date and a department. Of such rows one with
    an expected name goes first, and a single cell above an empty row is a title. A second row
    belongs to it if a cell is merged over both, if a name over both rows is expected, or if it
    holds units, or else different words, and numbers stand below in each of its columns: below
    units in most cells, below words in all but a few.

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
    wanted = set(map(folded, expected))
    top = _top(rows, filled, wanted)
    spanned = {first for (first, _), (last, _) in merged if last == first + 1}
    if top - 1 in spanned and top - 1 in filled[:20]:
        top -= 1
    names = ["" if cell is None else str(cell) for cell in rows[top]]
    body = [i for i in filled if i > top]
    if not body or body[0] != top + 1:
        return Header(top, top, names)
    both = _join(names, rows[top + 1])
    is_header = (
        top in spanned
        or any(folded(own) in wanted and own != names[j] for j, own in both.items())
        or _is_header(rows, body)
    )
    if not is_header:
        return Header(top, top, names)
    for j, own in both.items():
        if names[j] not in expected or folded(own) in wanted:
            names[j] = own
    return Header(top, top + 1, names)


def _top(rows: Cells, filled: Sequence[int], wanted: Collection[str]) -> int:
    """Return the first row of the header, were no cells merged."""
    cells = {i: [cell for cell in rows[i] if cell is not None] for i in filled[:20]}
    most = max(map(len, cells.values()))
    full = [i for i, own in cells.items() if 2 * len(own) >= most]
    known = [i for i in full if any(folded(str(cell)) in wanted for cell in cells[i])]
    untitled = [i for i in full if len(cells[i]) == most or i + 1 in cells]
    has_rows = [i for i in (*known, *untitled) if i < filled[-1]]
    return next(iter((*has_rows, *full)))


def _join(names: Sequence[str], second: Sequence[Any]) -> dict[int, str]:
    """Return what the columns with a cell in a second row are called by both."""
    below = {j: str(cell).strip() for j, cell in enumerate(second) if cell is not None}
    are_units = all(map(is_unit, below.values()))
    joined, group = {}, ""
    for j, own in below.items():
        group = names[j] or (group if j - 1 in below else "")
        joined[j] = with_unit(group, own) if are_units else f"{group} {own}".strip()
    return joined


def _is_header(rows: Cells, body: Sequence[int]) -> bool:
    """Return whether the first row below the names belongs to them."""
    second = {j: cell for j, cell in enumerate(rows[body[0]]) if cell is not None}
    if not all(map(_is_name, second.values())):
        return False
    said = {cell.strip() for cell in second.values()}
    are_units = all(map(is_unit, said))
    if said <= DASHES or (len(said) < _MIN_NAMES and not are_units):
        return False
    min_share = _MOST if are_units else MIN_NUMERIC
    below = body[1 : _SAMPLE_ROWS + 1]
    return all(
        (are_units and cell.strip() in DASHES)
        or _are_numbers([rows[i][j] for i in below], cell, min_share)
        for j, cell in second.items()
    )


def _is_name(cell: Any) -> bool:
    if not isinstance(cell, str):
        return False
    plain = unicodedata.normalize("NFKC", cell).strip().lower()
    if plain in DASHES:
        return True
    if is_missing(plain) or plain in _STATE:
        return False
    return not any(character.isdecimal() for character in plain) or is_unit(plain)


def _are_numbers(below: Sequence[Any], name: str, min_share: float) -> bool:
    """Return whether a column holds so many numbers, and says its name nowhere again."""
    found = CellNumbers.of(pd.Series(below, dtype=object))
    n_numbers = int(np.isfinite(found.values).sum())
    is_again = name.strip() in found.words
    return n_numbers >= _MIN_NUMBERS and found.share >= min_share and not is_again
