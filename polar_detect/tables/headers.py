"""Where the names of a sheet's columns stand: below a title, and sometimes in two rows."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

Cells = Sequence[Sequence[Any]]

_MIN_COLUMNS = _MIN_NUMBERS = 2
_DASHES = frozenset("-‐–—―ー－")
# What a row of measurements says where there are none; never the second line of a header.
_NO_VALUES = """
n/a na nan null none nil missing error err fault off stop void 欠測 欠損 欠 停止 停止中 なし 無
未測定 未 異常 エラー 休 休止 不明 対象外
"""
# Behind NFKC, in lower case.
_UNITS = """
°c ° k °f f pa hpa kpa mpa gpa bar mbar psi atm torr mm cm m km μm um nm inch in kg g mg t n kn
s sec ms μs min h hr hz khz mhz ghz rpm v mv kv a ma ka w kw mw wh kwh va kva ω kω μf l ml kl ppm
ppb ph j kj cal kcal db dba deg rad % ‰ 個 本 枚 回 台 件 人 秒 分 時 時間 日 円 千円 度
"""
_NO_VALUE, _UNIT = frozenset(_NO_VALUES.split()), frozenset(_UNITS.split())
_BRACKETED = re.compile(r"[(\[{<〔【](.*)[)\]}>〕】]")
_EXPONENT = re.compile(r"\^?[-+]?\d+$")


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


def find_header(rows: Cells, filled: Sequence[int], expected: Collection[str] = ()) -> Header:
    """Return the header of a sheet.

    Its first row is the first that fills at least half of what the fullest of the first rows
    does: above the table many sheets have a title, a date and a department. A second row
    belongs to it if it holds only text, and nothing but numbers stands below in every one of
    its columns, of which there are two at least.

    Parameters
    ----------
    rows : list of list
        All cells of the sheet; None for an empty one.
    filled : sequence of int
        Rows that are not empty.
    expected : collection of str
        Names that stay as they are in the first row.
    """
    n_cells = {i: sum(cell is not None for cell in rows[i]) for i in filled[:20]}
    most = max(n_cells.values())
    top = next(i for i, n in n_cells.items() if 2 * n >= most)
    names = ["" if cell is None else str(cell) for cell in rows[top]]
    body = [i for i in filled if i > top]
    if not body or body[0] != top + 1 or not _is_header(rows, body):
        return Header(top, top, names)
    below = {j: cell.strip() for j, cell in enumerate(rows[top + 1]) if cell is not None}
    are_units = all(map(is_unit, below.values()))
    group = ""
    for j, own in below.items():
        group = names[j] or (group if j - 1 in below else "")
        joined = _with_unit(group, own) if are_units else f"{group} {own}".strip()
        if names[j] not in expected or joined in expected:
            names[j] = joined
    return Header(top, top + 1, names)


def is_unit(text: str) -> bool:
    """Return whether a text is a unit, in brackets or not; a dash is that of a bare number.

    >>> [is_unit(text) for text in ("℃", "[m³/h]", "-", "上")]
    [True, True, True, False]
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if plain in _DASHES or _BRACKETED.fullmatch(plain):
        return True
    parts = re.split(r"[/·・*×⋅ ]", plain.lower())
    return all(part in _UNIT or _EXPONENT.sub("", part) in _UNIT for part in parts)


def _is_header(rows: Cells, body: Sequence[int]) -> bool:
    """Return whether the first row below the names belongs to them."""
    second = {j: cell for j, cell in enumerate(rows[body[0]]) if cell is not None}
    if len(second) < _MIN_COLUMNS or not all(map(_is_name, second.values())):
        return False
    said = {cell.strip() for cell in second.values()}
    if said <= _DASHES or (len(said) == 1 and not all(map(is_unit, said))):
        return False
    for j in second:
        below = [rows[i][j] for i in body[1:] if rows[i][j] is not None]
        if len(below) < _MIN_NUMBERS or not all(map(_is_number, below)):
            return False
    return True


def _is_name(cell: Any) -> bool:
    if not isinstance(cell, str):
        return False
    plain = unicodedata.normalize("NFKC", cell).strip().lower()
    if not plain or plain in _NO_VALUE:
        return False
    return not any(character.isdecimal() for character in plain) or is_unit(plain)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _with_unit(name: str, unit: str) -> str:
    bracketed = _BRACKETED.fullmatch(unit)
    plain = bracketed[1].strip() if bracketed else unit
    if plain in _DASHES or not plain:
        return name
    return f"{name} [{plain}]".strip()
