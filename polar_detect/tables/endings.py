"""Rows at the end of a table that sum up the rows above them, or explain them."""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any, BinaryIO

from polar_detect.tables.encodings import ESCAPE_UNDECODABLE, Encoding
from polar_detect.tables.lines import open_lines

# What such a row says first; behind NFKC and without the blanks that 合 計 has.
_AT_END = re.compile(
    r"(?:総?合計|小計|総計|累計|計|トータル|平均|最大|最小)値?:?|標準偏差:?"
    r"|(?:grand|sub)?totals?:?|average:?|(?:gesamt|zwischen)?summe:?|mittelwert:?|moyenne:?"
    r"|※.*|\(?注(?:意|記)?\d*[:).].*|以上",
    re.IGNORECASE | re.DOTALL,
)
_TAIL_BYTES = 2**16


def is_at_end(cells: Iterable[Any]) -> bool:
    """Return whether the first filled cell of a row begins a total or a note."""
    first = next((cell for cell in cells if cell is not None and cell != ""), None)
    plain = unicodedata.normalize("NFKC", first) if isinstance(first, str) else ""
    return _AT_END.fullmatch("".join(plain.split())) is not None


def said_at_end(rows: Collection[int]) -> list[str]:
    """Return what to say of totals and notes in these rows, or lines; nothing where there is none.

    >>> said_at_end([])
    []
    """
    if not rows:
        return []
    return [
        f"totals or notes at the end are read as rows: {len(rows)}, from row {min(rows)}; "
        "delete them in the file to leave them out"
    ]


def lines_at_end(
    file: BinaryIO, encoding: Encoding, delimiter: str, *, n_columns: int, header: int
) -> list[int]:
    """Return the last lines of a delimited file that are totals or notes, the last one first.

    Only what the file ends with is read, and all of it where there are some, to count lines.

    Parameters
    ----------
    file : binary file
        In which one can seek.
    encoding : Encoding
        In which a line feed is one byte.
    delimiter : str
    n_columns : int
        Lines with another number of cells are no rows.
    header : int
        The line of the names.
    """
    size = file.seek(0, 2)
    file.seek(max(size - _TAIL_BYTES, 0))
    if size > _TAIL_BYTES:
        file.readline()
    text = file.read().decode(encoding.codec, ESCAPE_UNDECODABLE)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    found = []
    for i, line in enumerate(reversed(lines)):
        cells = _cells(line, delimiter)
        if cells is None or (any(cells) and not is_at_end(cells)):
            break
        if any(cells) and len(without_end(cells, n_columns)) == n_columns:
            found.append(i)
    if not found:
        return []
    file.seek(0)
    with open_lines(file, encoding, newline="") as all_lines:
        n_lines = sum(1 for _ in all_lines)
    return [n_lines - i for i in found if n_lines - i > header]


def without_end(cells: list[str], n_columns: int) -> list[str]:
    """Return a row without empty cells behind its last column, which loggers end their lines with.

    In a single column the comma at the end of a line may be one of its text, and where all cells
    are empty nothing says which are behind the last column.
    """
    if len(cells) <= n_columns:
        return cells
    own, end = ("".join(part).strip() for part in (cells[:n_columns], cells[n_columns:]))
    return cells[:n_columns] if n_columns > 1 and own and not end else cells


def _cells(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of a line that is a record by itself."""
    if line.count('"') % 2:
        return None
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return None
