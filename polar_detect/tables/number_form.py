"""How people write the numbers of a column: unit, minus, decimal commas, limits, durations.

Hides what a column as a whole has to say before a cell of it is read as a number.
"""

import datetime
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from polar_detect.tables.cell_numbers import (
    MIN_NUMERIC,
    MISSING,
    as_numbers,
    half_width,
    is_missing,
    not_plain,
    plain_numbers,
)
from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.names import on_one_line
from polar_detect.tables.units import are_same_units, split_unit, unit_behind

# The last one stands behind the number, as SAP has it: 123.45-.
_BEHIND = "-"
MINUSES = ("▲", "△", _BEHIND)
_MARKED = re.compile(r"[¥\\$€]?\s*(?P<mark>[▲△▼▽])\s*(?:[¥\\$€]\s*)?[\d.]")
_MARKS = frozenset("▲△▼▽")
_MARKED_BEHIND = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)? ?(?<=[\d. ])-", re.ASCII)
_MIN_BEHIND = 2
_COMMA = re.compile(
    r"(?P<before>[-+\u2212▲△]?\s*(?:[¥\\$€]\s*)?[-+]?)"
    r"(?P<whole>\d{1,3}(?:\.\d{3})+|\d+),(?P<part>\d+)"
    r"(?P<behind>(?:\s*[^\d\s.,;].*)?)"
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)
# Of different numbers, before commas are those of decimals and "<" that of a limit.
_MIN_SURE = 3
_LIMIT = re.compile(r"\s*[<>≤≥≦≧＜＞]=?\s*(?=[\d.])")
_LIMIT_BEHIND = re.compile(
    r"\s*([-+\u2212]?[\d.,．，]*\d(?:\s?[^\d\s.,][^\d\s]*?)?)\s*(?:未満|以[下上]|超)\s*"
)
_NUMBER_FIRST = re.compile(r"\s*[-+\u2212]?[\d.]*\d")
_POINTED = re.compile(r"\d[.,]|[.,]\d")
_DURATION = re.compile(
    r"(?P<sign>[-+\u2212]?)(?:(?P<hours>\d{1,9}):(?=\d\d:))?(?P<minutes>\d{1,9}):(?P<seconds>[0-5]\d)"
    r"(?P<part>\.\d+)?"
)
# What a name says of durations; 開始時間 and 測定時間 may be times of day.
_OF_DURATIONS = re.compile(
    r"(?:所要|経過|加工|作業|稼働|稼動|停止|運転|処理|保持|滞留|段取り?|待ち|硬化|乾燥|加熱|冷却|成形|充填"
    r"|保圧|計量|実働|残業|休憩|故障|修理|復旧|サイクル|総|合計|累計|累積|延べ|正味|平均|切削)(?:時間|タイム)"
    r"|タクト|リードタイム|ダウンタイム|duration|elapsed|takt"
    r"|(?:cycle|lead|run|down|processing|dwell|hold|cure|set-?up|total) ?time",
    re.IGNORECASE,
)
# (h:mm), [hh:mm], 時:分; unlike (h:mm:ss) it says what the first of two parts is.
_OF_HOURS = re.compile(r"(?<![a-z:])h{1,2}\]?:mm?(?![a-z:])|時間?:分(?!:)", re.IGNORECASE)
_HOURS = ("h", "hr", "hrs", "hour", "hours", "時間")
_OF_RATIOS = re.compile(r"比(?!較)|割合|(?<![a-z])ratios?(?![a-z])|verhältnis", re.IGNORECASE)
_DAY = 24
_HUNDRED = 100
# What a laboratory says where it found nothing, beside what is missing in any column of numbers.
_GAPS = """
n.d n/d n.a. n.a lod loq <lod <loq <dl <mdl <ql bdl blq bql bloq notdetected belowdetectionlimit
検出せず 検出されず 不検出 未検出 検出なし 検出限界以下 検出限界未満 検出下限以下 検出下限未満
定量下限以下 定量下限未満 定量限界以下 定量限界未満 データなし 無し 該当なし 未実施 未記入 記録なし
"""
_GAP = frozenset(_GAPS.split())
_SIGNS_ALONE = re.compile(r"\*+|\.{2,}")
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
    """

    unit: str | None = None
    minus: str | None = None
    comma: bool = False
    limits: bool = False
    duration: bool = False
    gaps: bool = False
    hours: bool = False

    @classmethod
    def of(cls, cells: pd.Series, name: str) -> Self:
        """Return how the numbers of a column are written.

        >>> NumberForm.of(pd.Series(["5.1 MPa", "▲4.9 MPa", "", "5MPa"]), "p")
        NumberForm(unit='MPa', minus='▲', comma=False, limits=False, duration=False, gaps=False, \
hours=False)
        """
        texts = cells_as_text(cells)
        gaps = _has_gaps(texts)
        texts = cls(gaps=gaps)._bare(texts)
        if _are_durations(cells, texts, name):
            return cls(duration=True, gaps=gaps, hours=_are_in_hours(texts, name))
        limits = _has_limits(texts)
        texts = cls(limits=limits)._bare(texts)
        comma = has_decimal_commas(texts)
        texts = cls(comma=comma)._bare(texts)
        minus = _minus_of(texts)
        unit = _unit_of(cls(minus=minus)._bare(texts), name)
        return cls(unit, minus, comma, limits, gaps=gaps)

    def bare(self, cells: pd.Series) -> list[str]:
        """Return cells as text, of numbers in this form the number alone."""
        return self._bare(cells_as_text(cells))

    def notices(self, cells: pd.Series, name: str) -> list[str]:
        """Return which cells of a column mean another number by this form than by themselves."""
        texts = cells_as_text(cells)
        notices = []
        if self.gaps:
            gaps = [text for text in texts if _is_gap(text)]
            notices += _said_of(name, gaps, self._bare(gaps))
        if self.duration:
            durations = [text for text in texts if _DURATION.fullmatch(text.strip())]
            notices += _said_of(name, durations, self._bare(durations))
        if self.limits:
            limits = [text for text in texts if _without_limit(text) is not None]
            notices += _said_of(name, limits, self._bare(limits))
        if self.comma:
            parted = [text for text in texts if _COMMA.fullmatch(text.strip())]
            notices += _said_of(name, parted, self._bare(parted))
        if self.minus is not None:
            marked = [text for text in texts if _is_marked(text, self.minus)]
            notices += _said_of(name, marked, self._bare(marked))
        if self.unit == "%":
            percents = [text for text in texts if _percent(text) is not None]
            notices += _said_of(name, percents, self._bare(percents))
        return notices

    def _bare(self, texts: list[str]) -> list[str]:
        if self == PLAIN:
            return texts
        bare = list(texts)
        for i in not_plain(texts):
            if self.gaps and _is_gap(bare[i]):
                bare[i] = MISSING
                continue
            if self.duration:
                bare[i] = _in_seconds(bare[i], in_hours=self.hours)
            if self.limits and (limit := _without_limit(bare[i])) is not None:
                bare[i] = limit
            if self.comma:
                bare[i] = _with_point(bare[i])
            if self.minus is not None and _is_marked(bare[i], self.minus):
                before, _, number = half_width(bare[i]).partition(self.minus)
                bare[i] = f"{before}-{number.lstrip()}" if number else f"-{before}"
            own = None if self.unit is None else split_unit(bare[i])
            if own is not None and are_same_units(own[1], str(self.unit)):
                bare[i] = own[0]
        return bare


PLAIN = NumberForm()


def _has_gaps(texts: Sequence[str]) -> bool:
    """Return whether a column says of some cells that nothing was found, beside numbers."""
    others = {texts[i] for i in not_plain([*texts])}
    return any(map(_is_gap, others)) and _has_numbers(texts)


def _is_gap(text: str) -> bool:
    plain = "".join(half_width(text).casefold().split())
    return plain in _GAP or _SIGNS_ALONE.fullmatch(plain) is not None


def _has_numbers(texts: Sequence[str]) -> bool:
    return len({text for text in texts if _NUMBER_FIRST.match(text)}) >= _MIN_SURE


def _are_durations(cells: pd.Series, texts: Sequence[str], name: str) -> bool:
    """Return whether a column holds durations, and no times of day, which look alike.

    Its name or the type of its cells says so; or three different ones are longer than a day in
    hours and minutes and no parts of a hundred, or have two parts and decimals.

    >>> numbers = ["26:15:00", "1:30:00", "30:00:00", "41:10:05"]
    >>> [_are_durations(pd.Series(own), own, "t") for own in (numbers, numbers[1:])]
    [True, False]
    """
    if not any(":" in text for text in texts):
        return False
    present = [text.strip() for text in texts if not is_missing(text)]
    found = [own for text in present if (own := _DURATION.fullmatch(text)) is not None]
    if len(found) < MIN_NUMERIC * len(present):
        return False
    if _has_type(cells):
        return True
    if _OF_RATIOS.search(half_width(name)):
        return False
    if _OF_DURATIONS.search(half_width(name)):
        return True
    return len({own[0] for own in found if _is_no_time_of_day(own)}) >= _MIN_SURE


def _has_type(cells: pd.Series) -> bool:
    """Return whether cells are durations by their type: a sheet has another one for times."""
    kinds = {type(cell) for cell in cells.dropna().tolist()}
    return bool(kinds) and all(issubclass(kind, datetime.timedelta) for kind in kinds)


def _is_no_time_of_day(found: re.Match[str]) -> bool:
    if found["hours"] is None and found["part"]:
        return True
    hours = int(found["hours"] or found["minutes"])
    if found["hours"] is None and _HUNDRED in {hours, hours + int(found["seconds"])}:
        return False  # 60:40 is how much of each of two things, and 100:50 of the second
    return hours > _DAY or (hours == _DAY and any(map(int, re.findall(r"\d+", found[0])[1:])))


def _are_in_hours(texts: Sequence[str], name: str) -> bool:
    """Return whether durations of two parts are hours and minutes.

    The name says so, or all cells have three parts and no seconds: as a sheet has it what a CSV
    of it shows in two.

    >>> [_are_in_hours(["26:15", "8:30"], name) for name in ("稼働時間[h:mm]", "t [hours]", "t")]
    [True, True, False]
    """
    if _OF_HOURS.search(half_width(name)) or any(
        are_same_units(unit_behind(name) or "", unit) for unit in _HOURS
    ):
        return True
    found = [own for text in texts if (own := _DURATION.fullmatch(text.strip())) is not None]
    are_whole = all(own["hours"] and own["seconds"] == "00" and not own["part"] for own in found)
    return are_whole and len({own[0] for own in found}) >= _MIN_SURE


def _in_seconds(text: str, *, in_hours: bool) -> str:
    """Return a duration as seconds; any other text as it is."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return text
    parts = [int(found[part] or 0) for part in ("hours", "minutes", "seconds")]
    if in_hours and found["hours"] is None and not found["part"]:
        parts = [*parts[1:], 0]
    seconds = 3600 * parts[0] + 60 * parts[1] + parts[2]
    return f"{found['sign']}{seconds}{found['part'] or ''}"


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


def has_decimal_commas(texts: Sequence[str]) -> bool:
    """Return whether the commas in the numbers of a column stand before decimals.

    Half of the numbers have one, and most of these, three different ones at least, cannot be of
    thousands, as 1,234 may be; no other number has a point or a comma.

    >>> cells = ["1,5", "2", "0,75", "-", "2,5"]
    >>> has_decimal_commas(cells), has_decimal_commas([*cells, "1.5"])
    (True, False)
    """
    found = [_COMMA.fullmatch(text.strip()) for text in texts]
    parted = [f"{own['whole']},{own['part']}" for own in found if own is not None]
    sure = [number for number in parted if not _THOUSANDS.fullmatch(number)]
    if len(set(sure)) < _MIN_SURE or 2 * len(sure) <= len(parted):
        return False
    others = [text for text, own in zip(texts, found, strict=True) if own is None]
    n_others = int(np.isfinite(plain_numbers(others)).sum())
    return len(parted) >= n_others and not any(map(_POINTED.search, others))


def _with_point(text: str) -> str:
    """Return a text whose number has a decimal comma with a point in its place."""
    found = _COMMA.fullmatch(text.strip())
    if found is None:
        return text
    before, whole, part, behind = found.group("before", "whole", "part", "behind")
    return f"{before}{whole.replace('.', '')}.{part}{behind}"


def _said_of(name: str, texts: Sequence[str], bare: Sequence[str]) -> list[str]:
    if not texts:
        return []
    n = "1 cell" if len(texts) == 1 else f"{len(texts)} cells"
    return [
        f"column {on_one_line(name)!r}: {texts[0].strip()} is read as {bare[0]} ({n} of this kind)"
    ]


def _minus_of(texts: list[str]) -> str | None:
    """Return the mark that means minus in a column; None where it may mean something else.

    Alone it is a grade, beside ▼ it points up, numbers with it alone are those of revisions, and
    where other numbers have a minus it has to mean something else.
    """
    others = [texts[i] for i in not_plain(texts)]
    if _are_behind(texts, others):
        return _BEHIND
    marks = {mark for text in others if (mark := _mark_of(text)) is not None}
    if len(marks) != 1 or not marks <= set(MINUSES):
        return None
    if any(half_width(text) in _MARKS for text in others):
        return None
    unmarked = [text for text in texts if _mark_of(text) is None]
    numbers = as_numbers(_number_of(text) for text in unmarked)
    n_marked = len(texts) - len(unmarked)
    is_sure = int(np.isfinite(numbers).sum()) >= n_marked and not bool((numbers < 0).any())
    return marks.pop() if is_sure else None


def _are_behind(texts: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether a minus stands behind the numbers of a column.

    All that is not missing are numbers, two different ones or more with it and none below zero
    without: else 12- may be a number that was cut off, or mean 12 and more.
    """
    behind = {text.strip() for text in others if _is_marked(text, _BEHIND)}
    if len(behind) < _MIN_BEHIND:
        return False
    rest = [text for text in texts if not is_missing(text) and not _is_marked(text, _BEHIND)]
    numbers = as_numbers(map(_number_of, rest))
    n_different = len(behind) + len({*rest})
    return n_different >= _MIN_SURE and bool(np.all(np.isfinite(numbers) & (numbers >= 0)))


def _is_marked(text: str, minus: str) -> bool:
    """Return whether a cell is a number with this minus, before or behind it."""
    if minus != _BEHIND:
        return _mark_of(text) == minus
    return "-" in text and _MARKED_BEHIND.fullmatch(half_width(text)) is not None


def _mark_of(text: str) -> str | None:
    if text.isascii():
        return None
    found = _MARKED.match(half_width(text))
    return None if found is None else found["mark"]


def _number_of(text: str) -> str:
    own = split_unit(text)
    return text if own is None else own[0]


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
        unit, n = next(iter(found.most_common(1)), (None, 0))
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


def checked_minus(value: Any) -> str | None:
    """Return a stored mark for minus; raise `ValueError` for what is none."""
    if value is not None and value not in MINUSES:
        raise ValueError(f"minus {value!r}")
    return str(value) if value is not None else None
