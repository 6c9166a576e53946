"""Rows at the end of a table that sum up the rows above them, or explain them."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

# What such a row says first; behind NFKC and without the blanks that 合 計 has.
_AT_END = re.compile(
    r"(?:総?合計|小計|総計|累計|計|トータル|平均|最大|最小)値?:?|標準偏差:?"
    r"|(?:grand|sub)?totals?:?|average:?|(?:gesamt|zwischen)?summe:?|mittelwert:?|moyenne:?"
    r"|※.*|\(?注(?:意|記)?\d*[:).].*|以上",
    re.IGNORECASE | re.DOTALL,
)


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


def without_end(cells: list[str], n_columns: int) -> list[str]:
    """Return a row without empty cells behind its last column, which loggers end their lines with.

    In a single column the comma at the end of a line may be one of its text, and where all cells
    are empty nothing says which are behind the last column.
    """
    if len(cells) <= n_columns:
        return cells
    own, end = ("".join(part).strip() for part in (cells[:n_columns], cells[n_columns:]))
    return cells[:n_columns] if n_columns > 1 and own and not end else cells
