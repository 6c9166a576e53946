"""Rows at the end of a table that sum up the rows above them, or explain them."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any

# Of a month, week, quarter or year, behind the word for a total; at most.
_PERIOD = (
    r"(?:(?:jan(?:uary?)?|feb(?:ruary?)?|mar(?:ch)?|mär(?:z)?|apr(?:il)?|ma[iy]|jun[ei]?|jul[iy]?"
    r"|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?"
    r"|kw|cw|week|q[1-4]|20\d\d)\.?[\d./-]*:?)?"
)
# What such a row says first; behind NFKC and without the blanks that 合 計 has.
_AT_END = re.compile(
    r"(?:総?合計|小計|総計|累計|計|トータル|平均|最大|最小)値?:?|標準偏差:?"
    rf"|(?:grand|sub)?totals?(?:for|of)?:?{_PERIOD}|average:?|moyenne:?"
    rf"|(?:gesamt|zwischen)?summe:?{_PERIOD}|mittelwert:?|durchschnitt:?|gesamt(?:ergebnis)?:?"
    r"|(?:sous-)?total(?:général|générale)?:?|(?:sub)?total[ei](?:generale)?:?|(?:sub)?totales:?|totalgeneral:?"
    r"|somma:?|promedio:?|suma(?:końcowa|total)?:?|razem:?|ogółem:?|średnia:?|celkem:?|součet:?|průměr:?"
    r"|(?:genel|ara)?toplam:?|ortalama:?|(?:общий)?итого?:?|всего:?|сумма:?|среднее:?"
    r"|[总總]计:?|[总總]計:?|[合小]计:?|平均值:?|汇总:?|[합총소누]계:?|평균:?|최대:?|최소:?"
    r"|tổng(?:cộng|số)?:?|trungbình:?|รวม(?:ทั้งหมด)?:?|ผลรวม:?|ค่าเฉลี่ย:?"
    r"|※.*|\(?注(?:意|記)?\d*[:).].*|以上",
    re.IGNORECASE | re.DOTALL,
)
# In a row that says nothing else.
_NOTE = re.compile(
    r"(?:notes?|remarks?|n\.b\.|bemerkung(?:en)?|hinweise?|anmerkung(?:en)?|備考|printed(?:on|at|by)?"
    r"|remarques?|observations?|osservazioni|observaciones|uwagi|poznámk[ay]|notlar?|açıklama|примечани[ея]"
    r"|备注|備註|비고|참고|ghichú|หมายเหตุ):.*"
    r"|printed(?:on|at)?\d.*",
    re.IGNORECASE | re.DOTALL,
)


def is_at_end(cells: Iterable[Any]) -> bool:
    """Return whether the first filled cell of a row begins a total or a note."""
    first, *others = (*islice((cell for cell in cells if cell is not None and cell != ""), 2), "")
    plain = unicodedata.normalize("NFKC", first) if isinstance(first, str) else ""
    said = "".join(plain.split())
    if _AT_END.fullmatch(said) is not None:
        return True
    return others == [""] and _NOTE.fullmatch(said) is not None


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
