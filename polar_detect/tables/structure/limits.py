"""Rows right below the names that say what is allowed, and were not measured: 規格, 上限, 下限."""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from polar_detect.tables.cells.names import folded_letters
from polar_detect.tables.cells.numbers import is_missing
from polar_detect.tables.cells.text import cell_as_text
from polar_detect.tables.structure.cell_types import is_numeral
from polar_detect.tables.structure.signs import has_digit
from polar_detect.tables.structure.totals import is_at_end

# The same in other languages: what tells of limits by itself, and what stands beside it too.
_OTHER_CORES = """
规格 标准 標準 目[标標] 允[许許] 公称 名义 규격 상한 하한 공차 기준 목표 최대 최소 한계
tol[ée]rance tolleranza tolerancia cible obiettivo objetivo massimo minimo ls[is] granica mez$
jmenovitá předpis sınır hedef предел граница номинал допуск норма макс ^мин
giớihạn dungsai danhnghĩa tiêuchuẩn สูงสุด ต่ำสุด มาตรฐาน ขีดจำกัด พิกัด
"""
_OTHER_PARTS = r"""
规格 标准 標準 目[标標] 允[许許] 公称 名义 范围 范圍 值 공칭 허용 관리 규격 상한 하한 공차
기준 목표 최대 최소 한계 상 하 값 치 선
tol[ée]rance tolleranza tolerancia cible obiettivo objetivo limit[ei]? super infer sup\.? inf\.?
(?:ieur|ior)[aei]?e? nominal[ei]? valeur valore valor massim[aoi] minim[aoi] máxim[ao] maxi mini
ls[isec] li[eic] granica wartość górna dolna maks(?:ymalna)? minimalna nominalna tolerancja
mez horní dolní jmenovitá hodnota předpis üst alt sınır değer hedef tolerans
верхн(?:ий|яя|ее) нижн(?:ий|яя|ее) предел граница номинал(?:ьное)? значение допуск норма макс мин
giớihạn trên dưới dungsai danhnghĩa tiêuchuẩn giátrị ค่า สูงสุด ต่ำสุด มาตรฐาน ขีดจำกัด บน ล่าง พิกัด
"""


def _any_of(words: str) -> str:
    return "|".join(folded_letters(words).split())


# What such a row says first is made of these alone, in small letters without accents and blanks:
# 規格上限値, limitesuperieure.
_PARTS = re.compile(
    r"(?:規格|上下?限|下限|公差|許容差?|基準|目標|狙い|ねらい|公称|呼び|指示|限界|定量|検出|管理|判定|合格|検査"
    r"|図面|設計|製品|社内|中心|中央|範囲|寸法|値|線|上|下|最大|最小|[-_/・():.]"
    r"|upper|lower|high|low|hi|lo|max(?:imum)?|min(?:imum)?|nominal|target|spec(?:ification)?s?"
    r"|tol(?:erance)?s?|limits?|control|value|[ul][scdt]l|obere[rs]?|untere[rs]?|grenz(?:wert|e)"
    r"|soll|nenn|wert|mass|toleranz|ot|ut"
    rf"|{_any_of(_OTHER_PARTS)})+"
)
_CORE = re.compile(
    r"規格|[上下]限|公差|許容|基準|目標|狙い|ねらい|公称|限界|(?:図面|設計|中心|中央|指示|呼び)(?:値|寸法)"
    r"|max|min|nominal|target|spec|tol|limit|[ul][scdt]l|grenz|soll|nenn|^[ou]t$"
    rf"|{_any_of(_OTHER_CORES)}"
)
_MOST_ROWS = 6


def n_specifications(rows: Sequence[Sequence[Any]]) -> int:
    """Return how many of the rows below the names are no data, but what is allowed.

    Each begins with a word for that, which is in its column nowhere below, where most cells have
    a digit, as numbers of samples do. One of its numbers at least stands above numbers. More rows
    of data follow than these: else it is a table of limits.

    Parameters
    ----------
    rows : sequence of sequence
        Filled ones alone; None or an empty text for an empty cell.
    """
    found = [*takewhile(lambda row: _is_label(label_of(row)), rows[:_MOST_ROWS])]
    data = [row for row in rows[len(found) :] if not is_at_end(row)]
    are_such = len(data) > len(found) > 0 and all(_is_one(row, data) for row in found)
    return len(found) if are_such else 0


def label_of(row: Sequence[Any]) -> str:
    """Return what a row says first."""
    return next((text for cell in row if (text := cell_as_text(cell).strip())), "")


def said_of_specifications(row: int, labels: Sequence[str]) -> str:
    """Return the notice that rows below the names are left out."""
    return f"limits below the names are no rows, and left out: {', '.join(labels)}, from row {row}"


def _is_label(text: str) -> bool:
    plain = "".join(folded_letters(text).split())
    return _PARTS.fullmatch(plain) is not None and _CORE.search(plain) is not None


def _is_one(row: Sequence[Any], data: Sequence[Sequence[Any]]) -> bool:
    filled = [j for j, cell in enumerate(row) if cell_as_text(cell).strip()]
    labelled = _column(data, filled[0])
    if any(map(_is_label, labelled)) or 2 * sum(map(has_digit, labelled)) < len(labelled):
        return False
    limits = [j for j in filled[1:] if has_digit(cell_as_text(row[j]))]
    return any(
        2 * sum(map(is_numeral, own)) > len(own) for j in limits if (own := _column(data, j))
    )


def _column(rows: Sequence[Sequence[Any]], j: int) -> list[str]:
    """Return the cells of a column that are not missing."""
    texts = (cell_as_text(row[j]) for row in rows if j < len(row))
    return [text for text in texts if not is_missing(text)]
