"""How people write the numbers of a column: unit, minus, decimal commas, limits, durations.

Hides what a column as a whole has to say before a cell of it is read as a number.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from polar_detect.errors import counted
from polar_detect.tables.cells.codes import codes_among
from polar_detect.tables.cells.decimal_commas import (
    decimal_comma,
    has_decimal_commas,
    may_be_decimal,
    with_point,
)
from polar_detect.tables.cells.deviations import are_with_deviations, without_deviation
from polar_detect.tables.cells.durations import are_durations, are_in_hours, in_seconds, is_duration
from polar_detect.tables.cells.minus_signs import is_marked, minus_of, with_minus
from polar_detect.tables.cells.names import folded, on_one_line
from polar_detect.tables.cells.numbers import (
    MIN_NUMERIC,
    MIN_SURE,
    MISSING,
    as_numbers,
    half_width,
    is_missing,
    not_plain,
)
from polar_detect.tables.cells.text import cell_values, cells_as_seen
from polar_detect.tables.cells.thousands import grouped, thousands_of, without_thousands
from polar_detect.tables.cells.units import are_same_units, split_unit, unit_behind

_LIMIT = re.compile(
    r"\s*(?:[<>≤≥≦≧＜＞]=?|unter|über|kleiner|größer|менее|более|小于|大于|低于|高于|小於|大於|低於|高於)"
    r"\s*(?=[\d.])",
    re.IGNORECASE,
)
_LIMIT_BEHIND = re.compile(
    r"\s*([-+\u2212]?[\d.,．，]*\d(?:\s?[^\d\s.,][^\d\s]*?)?)\s*(?:未満|以[下上]|超|未满|미만|이하|이상|초과)\s*"
)
_NUMBER_FIRST = re.compile(r"\s*[-+\u2212]?[\d.]*\d")
# What a laboratory says where it found nothing, beside what is missing in any column of numbers.
_GAPS = """
n.d n/d n.a. n.a lod loq <lod <loq <dl <mdl <ql bdl blq bql bloq notdetected belowdetectionlimit
検出せず 検出されず 不検出 未検出 検出なし 検出限界以下 検出限界未満 検出下限以下 検出下限未満
定量下限以下 定量下限未満 定量限界以下 定量限界未満 データなし 無し 該当なし 未実施 未記入 記録なし
k.a. k.a k/a n.b. n.v. n.z. keineangabe nichtgemessen nichtbestimmt nichtnachweisbar fehlt entfällt
n.c. n.m. nonmesuré nonmesurée nondéterminé nondétecté néant n.r. nonmisurato nonrilevato
s/d s.d. sindato sindatos nomedido nodetectado semdados nãomedido nãodetectado
b.d. brak brakdanych niezmierzono niewykryto nieoznaczono neměřeno nezměřeno nezjištěno chybí
ölçülmedi ölçülemedi tespitedilmedi veriyok yok н/д н.д. нетданных нет неизмерено неопределено
необнаружено 无 無 无数据 無數據 未检测 未檢測 未检出 未檢出 未测 未測 未测量 未測量 未检验 缺失
缺測 没有 無資料 미측정 미검출 불검출 측정불가 측정안함 없음 결측 해당없음 chưađo khôngđo khôngcó
khôngpháthiện khôngđođược ไม่ได้วัด ไม่มี ไม่พบ ไม่มีข้อมูล วัดไม่ได้
"""
_GAP = frozenset(_GAPS.split())
# And what Excel says of errors in other languages: #DZIEL/0!, #¡DIV/0!, #ДЕЛ/0!, #NV.
_SIGNS_ALONE = re.compile(
    r"\*+|\.{2,}|#(?!div/|value|ref|num!|name|null)[¡¿]?[^\W\d_/]+(?:/0|[^\W\d_/]*)[!?]"
    r"|#(?:nv|n/d|н/д|n/disp|nd|yok|hiányzik)"
)
_LARGEST_SHARE = 2.0  # 200 %, which hardly a share reaches
_CLOSE = 10.0


@dataclass(frozen=True)
class NumberForm:
    """What the numbers of a column have before and behind them.

    Parameters
    ----------
    unit : str or None
        That may stand behind them; a cell with another one is no number.
    minus : "▲", "△", "-" or None
        Mark that means minus before them, as in Japanese accounts; "-" means it behind them.
    comma : bool
        1,5 is 1.5, and 1.234,5 is 1234.5.
    limits : bool
        <0.5 and 0.5未満, below the limit of detection, count as 0.5, and >99 and 99以上 as 99.
    duration : bool
        1:30:00 is 5400 seconds, and 12:34.5 is 754.5.
    gaps : bool
        Not detected, 検出せず, <LOD and *** are missing values.
    hours : bool
        Of durations, 26:15 is in hours and minutes, not in minutes and seconds.
    thousands : ".", " ", "'" or None
        1.234, 1 234 or 1'234 is 1234, and 1.234,5 is 1234.5.
    deviations : bool
        12.5 ± 0.1 counts as 12.5.
    codes : tuple of str
        What cells without a number say again and again, as `names.folded` has it.
    """

    unit: str | None = None
    minus: str | None = None
    comma: bool = False
    limits: bool = False
    duration: bool = False
    gaps: bool = False
    hours: bool = False
    thousands: str | None = None
    deviations: bool = False
    codes: tuple[str, ...] = ()

    @classmethod
    def of(cls, cells: pd.Series, name: str, *, commas: bool = False) -> Self:
        """Return how the numbers of a column are written.

        `commas`: in its table decimals stand behind commas (`have_decimal_commas`), which tells
        8,212 from 8212 and 1.450 from 1.45 where the column does not.

        >>> NumberForm.of(pd.Series(["5.1 MPa", "▲4.9 MPa", "", "5MPa"]), "p")
        NumberForm(unit='MPa', minus='▲', comma=False, limits=False, duration=False, gaps=False, \
hours=False, thousands=None, deviations=False, codes=())
        """
        texts = cells_as_seen(cells)
        gaps = _has_gaps(texts)
        texts = cls(gaps=gaps)._bare(texts)
        codes = codes_among(texts)
        texts = cls(codes=codes)._without_codes(texts)
        if are_durations(cells, texts, name):
            hours = are_in_hours(texts, name)
            return cls(duration=True, gaps=gaps, hours=hours, codes=codes)
        limits = _has_limits(texts)
        texts = cls(limits=limits)._bare(texts)
        deviations = are_with_deviations(texts)
        texts = cls(deviations=deviations)._bare(texts)
        thousands = thousands_of(texts, has_fractions=_has_fractions(cells), are_points=commas)
        texts = cls(thousands=thousands)._bare(texts)
        comma = has_decimal_commas(texts) or (commas and may_be_decimal(texts))
        texts = cls(comma=comma)._bare(texts)
        minus = minus_of(texts)
        unit = _unit_of(cls(minus=minus)._bare(texts), name)
        return cls(
            unit,
            minus,
            comma,
            limits,
            gaps=gaps,
            thousands=thousands,
            deviations=deviations,
            codes=codes,
        )

    def bare(self, cells: pd.Series) -> list[str]:
        """Return cells as text, of numbers in this form the number alone.

        What is a number by its type is one already, and its point stands before decimals.
        """
        texts = cells_as_seen(cells)
        if self.thousands != ".":
            return self._bare(texts)
        is_text = [isinstance(cell, str) for cell in cell_values(cells)]
        pairs = zip(texts, self._bare(texts), is_text, strict=True)
        return [own if is_said else text for text, own, is_said in pairs]

    def is_code(self, text: str) -> bool:
        """Return whether a cell says what others say again and again in place of a number."""
        return bool(self.codes) and folded(text) in self.codes

    def notices(self, cells: pd.Series, name: str) -> list[str]:
        """Return which cells of a column mean another number by this form than by themselves."""
        texts = cells_as_seen(cells)
        kinds: tuple[tuple[bool, Callable[[str], object]], ...] = (
            (self.gaps, _is_gap),
            (self.duration, is_duration),
            (self.limits, lambda text: _without_limit(text) is not None),
            (self.deviations, without_deviation),
            (self.thousands is not None, lambda text: grouped(text, str(self.thousands))),
            (self.comma, decimal_comma),
            (self.minus is not None, lambda text: is_marked(text, str(self.minus))),
            (self.unit == "%", lambda text: _percent(text) is not None),
        )
        found = ([*filter(is_such, texts)] for is_in_form, is_such in kinds if is_in_form)
        said = (_said_of(name, own, self._bare(own)) for own in found if own)
        return [*dict.fromkeys(said)]  # 1 234,5 is of two kinds

    def _bare(self, texts: list[str]) -> list[str]:
        if self == PLAIN:
            return texts
        bare = [*map(self._without_thousands, texts)]
        for i in not_plain(bare):
            if self.gaps and _is_gap(bare[i]):
                bare[i] = MISSING
                continue
            if self.duration:
                bare[i] = in_seconds(bare[i], in_hours=self.hours)
            if self.limits and (limit := _without_limit(bare[i])) is not None:
                bare[i] = self._without_thousands(limit)
            if self.deviations and (measured := without_deviation(bare[i])) is not None:
                bare[i] = self._without_thousands(measured)
            if self.comma:
                bare[i] = with_point(bare[i])
            if self.minus is not None and is_marked(bare[i], self.minus):
                bare[i] = with_minus(bare[i], self.minus)
            own = None if self.unit is None else split_unit(bare[i])
            if own is not None and are_same_units(own[1], str(self.unit)):
                bare[i] = own[0]
        return bare

    def _without_codes(self, texts: list[str]) -> list[str]:
        return [MISSING if self.is_code(text) else text for text in texts] if self.codes else texts

    def _without_thousands(self, text: str) -> str:
        return text if self.thousands is None else without_thousands(text, self.thousands)


PLAIN = NumberForm()


def _has_gaps(texts: Sequence[str]) -> bool:
    """Return whether a column says of some cells that nothing was found, beside numbers."""
    others = {texts[i] for i in not_plain([*texts])}
    return any(map(_is_gap, others)) and _has_numbers(texts)


def _is_gap(text: str) -> bool:
    plain = "".join(half_width(text).casefold().split())
    return plain in _GAP or _SIGNS_ALONE.fullmatch(plain) is not None


def _has_numbers(texts: Sequence[str]) -> bool:
    return len({text for text in texts if _NUMBER_FIRST.match(text)}) >= MIN_SURE


def _has_limits(texts: Sequence[str]) -> bool:
    """Return whether a column has limits of what was measured, such as <0.5, beside numbers."""
    others = [text for text in texts if _without_limit(text) is None]
    return len(others) < len(texts) and _has_numbers(others)


def _without_limit(text: str) -> str | None:
    """Return what a limit is a limit of; None for any other text.

    >>> [_without_limit(text) for text in ("<0.5", "0.5 ppm未満", "10以上20未満", "3号以上")]
    ['0.5', '0.5 ppm', None, None]
    """
    before = _LIMIT.match(text)
    if before is not None:
        return text[before.end() :]
    behind = None if text.isascii() else _LIMIT_BEHIND.fullmatch(text)
    if behind is None:
        return None
    has_unit = not behind[1][-1].isdecimal()
    return behind[1] if not has_unit or split_unit(behind[1]) is not None else None


def _has_fractions(cells: pd.Series) -> bool:
    """Return whether cells are numbers by their type, of which some have digits behind a point."""
    return any(isinstance(cell, float) and cell % 1 > 0 for cell in cell_values(cells))


def _said_of(name: str, texts: Sequence[str], bare: Sequence[str]) -> str:
    n = counted(len(texts), "cell")
    return (
        f"column {on_one_line(name)!r}: {texts[0].strip()} is read as {bare[0]} ({n} of this kind)"
    )


def _unit_of(texts: list[str], name: str) -> str | None:
    """Return the unit that numbers of a column may have behind them.

    It is the one that its name has, or, where that has none, that nearly every cell has; a
    letter as in the lot 2401A is none then. Per cent are one only where the numbers without a
    sign are per cent too: else 46% is 0.46, as a spreadsheet holds it.
    """
    unit = unit_behind(name)
    if unit in (None, "%") and _are_percents(texts, is_said=unit == "%"):
        return "%"
    if unit is None:
        others = [texts[i] for i in not_plain(texts)]
        split = (split_unit(text, is_expected=False) for text in others)
        found = Counter(own[1] for own in split if own is not None)
        unit = next((own for own, _ in found.most_common(1)), None)
        n = sum(n for own, n in found.items() if are_same_units(own, str(unit)))
        if n < MIN_NUMERIC * (len(texts) - len(others) + n):
            return None
        n_missing = sum(map(is_missing, others))
        unit = unit if n >= MIN_NUMERIC * (len(texts) - n_missing) else None
    return None if unit == "%" else unit


def _are_percents(texts: list[str], *, is_said: bool) -> bool:
    """Return whether the numbers of a column that have no sign for it are per cent.

    Where the name does not say so, they have to stand beside such with a sign, and be no shares.
    """
    others = [texts[i] for i in not_plain(texts)]
    percents = np.abs([own for text in others if (own := _percent(text)) is not None])
    if not is_said and not len(percents):
        return False
    numbers = as_numbers(text for text in texts if _percent(text) is None)
    sizes = np.abs(numbers[np.isfinite(numbers)])
    if not len(sizes):
        return False
    least = 0.0 if is_said and len(percents) else _LARGEST_SHARE
    close = float(np.median(percents)) / _CLOSE if len(percents) else 0.0
    return float(np.median(sizes)) > max(least, close)


def _percent(text: str) -> float | None:
    """Return the number before a sign for per cent."""
    own = split_unit(text)
    if own is None or own[1] != "%":
        return None
    number = float(as_numbers(own[:1])[0])
    return number if np.isfinite(number) else None
