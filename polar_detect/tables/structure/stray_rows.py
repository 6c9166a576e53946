"""Rows between others that are none: the names once more, and totals of the rows above them.

As where exports are put below each other with their headings, pages are printed into one sheet, or
a spreadsheet program has put in subtotals.
"""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd

from polar_detect.arrays import IntArray
from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.structure.totals import is_at_end
from polar_detect.texts.visible import without_unseen

_BEGIN = 2  # columns by which rows are passed over
# Of the cells. In a file without names, half of what its first row says may come again.
_MOST_NAMES, _MOST_EMPTY = 2 / 3, 0.5
# As spreadsheet programs call subtotals, behind NFKC: 1号機 集計, M1 Total, Total M1, M1 Ergebnis.
_OF_GROUP = re.compile(
    r".+(?:小計|集計|合計|汇总|小计|合计|요약|소계|합계)"
    r"|.+\s(?:計|(?:sub)?total[ei]?|(?:zwischen)?summe|(?:teil)?ergebnis|suma|celkem|toplamı?|итог)"
    r"|(?:(?:sub)?total|(?:zwischen)?summe)\s.+",
    re.IGNORECASE | re.DOTALL,
)


class StrayRows:
    """Finds such rows in a table that is read part by part.

    Totals and notes behind all other rows are none of them: readers tell of those.

    Parameters
    ----------
    columns : sequence of str
        Names of all columns.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._names = [*map(_named, columns)]
        self._named: list[int] = []
        self._totals: list[int] = []
        self._of_groups: list[int] = []
        self._last = 0  # the line furthest down of a row that is one

    def add(self, frame: pd.DataFrame, lines: IntArray) -> None:
        """Look through some more rows, which start in these lines."""
        if len(self._names) < _BEGIN or frame.empty:
            return
        begins = zip(*(cells_as_text(frame.iloc[:, j]) for j in range(_BEGIN)), strict=True)
        suspects = np.flatnonzero([self._is_suspect(begin) for begin in begins])
        own = frame.iloc[suspects]
        rows = zip(*(cells_as_text(own.iloc[:, j]) for j in range(own.shape[1])), strict=True)
        strays = []
        for i, cells in zip(suspects.tolist(), rows, strict=True):
            if not any(map(str.strip, cells)):  # as spreadsheet programs write between parts
                strays.append(i)
            elif (found := self._kind_of(cells)) is not None:
                found.append(int(lines[i]))
                strays.append(i)
        ordinary = np.delete(lines, strays)
        self._last = max([self._last, *ordinary.tolist()])

    def notices(self) -> list[str]:
        """Return a notice for each kind of such rows."""
        named = self._named
        totals = self._of_groups + [line for line in self._totals if line < self._last]
        found = []
        if named:
            found.append(
                f"rows that name the columns again are read as rows: {len(named)}, from row "
                f"{min(named)}; delete them in the file to leave them out"
            )
        if totals:
            found.append(
                f"totals or notes between the rows are read as rows: {len(totals)}, from row "
                f"{min(totals)}; delete them in the file to leave them out"
            )
        return found

    def _is_suspect(self, begin: Sequence[str]) -> bool:
        """Return whether the other cells of a row are to be looked at too."""
        first = begin[0]
        if not first.strip() or is_at_end([first]) or _is_of_group(first):
            return True
        return self._n_named(begin) > 0

    def _n_named(self, cells: Sequence[str]) -> int:
        return sum(_named(cell) == own for cell, own in zip(cells, self._names, strict=False))

    def _kind_of(self, cells: Sequence[str]) -> list[int] | None:
        """Return the list in which a row belongs; None where it is one of the table."""
        begins_so = self._n_named(cells[:_BEGIN]) > 0
        if begins_so and self._n_named(cells) >= max(_BEGIN, _MOST_NAMES * len(cells)):
            return self._named
        filled = [cell for cell in cells if cell.strip()]
        n_empty = len(cells) - len(filled)
        if n_empty and is_at_end(filled):
            return self._totals
        is_group = n_empty >= _MOST_EMPTY * len(cells) and _is_of_group(next(iter(filled), ""))
        return self._of_groups if is_group else None


def said_of_strays(columns: Sequence[str], frame: pd.DataFrame, lines: IntArray) -> list[str]:
    """Return what to say of such rows in a table that was read as a whole.

    >>> week = pd.DataFrame({"day": ["Mo", "day", "Tu"], "n": ["1", "n", "2"]}, dtype=str)
    >>> said_of_strays(["day", "n"], week, np.arange(2, 5))
    ['rows that name the columns again are read as rows: 1, from row 3; delete them in the file \
to leave them out']
    """
    found = StrayRows(columns)
    found.add(frame, lines)
    return found.notices()


def _named(cell: str) -> str:
    return folded(without_unseen(cell))  # a file put below another brings its byte order mark


def _is_of_group(cell: str) -> bool:
    return _OF_GROUP.fullmatch(unicodedata.normalize("NFKC", cell).strip()) is not None
