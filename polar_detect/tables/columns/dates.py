"""Dates and times of day, as people and instruments write them, and whether they are in order."""

import re
from collections.abc import Sequence
from functools import cache

from polar_detect.tables.cells.names import folded_letters
from polar_detect.tables.cells.numbers import MIN_NUMERIC
from polar_detect.tables.columns.calendars import (
    ANY_AFTERNOON,
    ANY_CLOCK_WORD,
    ANY_FULL_MONTH,
    ANY_MONTH,
    ANY_MORNING,
    ANY_WEEKDAY,
    MONTHS,
)
from polar_detect.tables.columns.order import are_in_order

_MIN_SHORT_DATES = 5  # different ones: a size 10/20/30 may stand in every row
_MIN_TIMES = 25  # different ones of the day: fewer are hours, or when shifts begin
_FIRST_FULL_YEAR = 1900  # those of eras, of two digits, and none at all are less
_MOST_ASKED = 2000  # different dates: these tell in which way most are written
_MIN_MOMENTS = 5  # different ones, or they are in order by chance

# Behind NFKC, in small letters without accents. Months and days are checked, so that sizes such as
# 10-20-30 are no dates. In Thailand 2026 is 2569, and in Taiwan 115;
# 1/2500 is a scale.
_ANY_YEAR = r"(?:19\d\d|20\d\d|25[4-9]\d)"
_YEAR, _SHORT_YEAR = rf"(?P<y>{_ANY_YEAR})", r"(?P<y>\d\d)"
_MONTH, _DAY = "(?P<m>0?[1-9]|1[0-2])", r"(?P<d>0?[1-9]|[12]\d|3[01])(?!\d)"
_TWO_DIGITS = r"(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])"
_NAMES = (
    "jan(?:uary?)?|feb(?:ruary?)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|"
    "januar|februar|marz?|mrz|mai|juni|juli|okt(?:ober)?|dez(?:ember)?"
)
# Where no year tells that 3 Lis is no press Lis 3, months are said in English or German.
_NAMED = rf"(?P<name>{_NAMES})(?![^\W\d_])"
_NAMED_ANYHOW, _NAMED_IN_FULL = (
    rf"(?P<name>{own})(?![^\W\d_])\.?" for own in (ANY_MONTH, ANY_FULL_MONTH)
)
_NUMBERED = rf"(?:thg|thang|th)\.? ?{_MONTH}(?!\d)"  # in Vietnamese
_ORDINAL = r"(?:er|st|nd|rd|th|o|\.)?"
_OF = r"(?:[-/., ]{1,3}|,? (?:de|del|nam) |(?<=\.))"
_YEAR_BEHIND = rf"{_YEAR}(?!\d)(?: ?[гр]\.?)?"
_WEEKDAY = rf"(?:{ANY_WEEKDAY})(?![^\W\d_])\.?"
_IN_BRACKETS = r"\([日月火水木金土一二三四五六월화수목금토일]\)"
_BEFORE = rf"(?:{_WEEKDAY},? ?|ngay |(?:星期|周|週)[一二三四五六日天],? ?)?"
_TIME = (
    r"(?P<t>(?:[日일号號\-\s,(t]|\.(?=$|\s|\()|:(?=\d\d:))"
    r"(?:[\s\d:.,+\-tz()時时點点分秒시초月火水木金土日曜午前後월화수목금토일요星期周週一二三四五六天]"
    rf"|[ap](?:\.?m\.?)?|utc|gmt|(?:{ANY_CLOCK_WORD})(?![a-z])|{_WEEKDAY})*)?"
)
_DATES = (
    rf"{_YEAR}[-/.年년] ?{_MONTH}[-/.月월] ?{_DAY}",
    r"(?P<y>(?:19|20)\d\d)" rf"{_TWO_DIGITS}(?P<digits>\d{{4}}|\d{{6}})?(?!\d)",
    rf"(?:[rhs]\.?|令和?|平成?|昭和?)(?P<y>\d{{1,2}})[.年] ?{_MONTH}[.月] ?{_DAY}",
    rf"(?:令和|平成|昭和)(?P<y>\d{{1,2}})[-/]{_MONTH}[-/]{_DAY}",
    rf"(?:民國|民国) ?(?P<y>\d{{2,3}})[-/.年] ?{_MONTH}[-/.月] ?{_DAY}",
    rf"{_MONTH}[-/.]{_DAY}[-/.](?P<y>\d{{4}})(?!\d)",
    rf"{_DAY}[-/.] ?{_MONTH}[-/.] ?(?P<y>\d{{4}})(?!\d)",
    rf"{_MONTH}[月월] ?{_DAY}[日일]",
    rf"{_MONTH}/{_DAY}(?= ?{_IN_BRACKETS}| \d?\d:\d\d)",
    rf"(?P<d>0?[1-9]|[12]\d|3[01])[-/. ]{{0,2}}{_NAMED}[-/., ]{{0,2}}(?P<y>\d{{4}}|\d\d)(?!\d)",
    rf"(?P<d>0?[1-9]|[12]\d|3[01]){_ORDINAL}{_OF}?{_NAMED_ANYHOW}{_OF}?{_YEAR_BEHIND}",
    rf"(?P<d>0?[1-9]|[12]\d|3[01])(?P<s>[-/.]){_NAMED_ANYHOW}(?P=s)(?P<y>\d\d)(?!\d)",
    rf"(?P<d>0?[1-9]|[12]\d|3[01]){_OF}?{_NUMBERED}{_OF}?{_YEAR_BEHIND}",
    rf"{_YEAR}\.? {_NAMED_ANYHOW} {_DAY}",
    rf"{_NAMED}\.? {{1,2}}{_DAY}(?:,? (?P<y>\d{{4}})(?!\d))?",
)
_SHORT_DATES = (
    rf"{_SHORT_YEAR}(?P<s>[-/]){_MONTH}(?P=s){_DAY}",
    rf"{_MONTH}(?P<s>[-/]){_DAY}(?P=s){_SHORT_YEAR}(?!\d)",
    rf"{_DAY}(?P<s>[-/]){_MONTH}(?P=s){_SHORT_YEAR}(?!\d)",
    rf"(?=\d\d\.\d\d\.){_DAY}\.{_MONTH}\.{_SHORT_YEAR}(?!\d)",
    r"(?P<y>1[0-2]\d)(?P<s>[-/.])(?P<m>0[1-9]|1[0-2])(?P=s)(?P<d>0[1-9]|[12]\d|3[01])(?!\d)",
)
_WEEK = r"(?P<m>0?[1-9]|[1-4]\d|5[0-3])"
_MONTHS_AND_WEEKS = (
    rf"{_YEAR}(?:[-/]{_MONTH}|[年년] ?{_MONTH.replace('<m>', '<m2>')}[月월]度?)",
    rf"{_MONTH}[-/]{_YEAR}",
    rf"{_NAMED}[-/.,' ]{{0,2}}(?P<y>\d{{4}}|\d\d)",
    rf"{_NAMED_IN_FULL}{_OF}{_YEAR_BEHIND}",
    rf"{_YEAR}[-/ ]?(?:w|kw|cw|wk)[-. ]?{_WEEK}",
    rf"(?:kw|cw|wk|w)[-. ]?{_WEEK}[-/. ]{{1,2}}{_YEAR}",
    rf"{_YEAR}年 ?第?{_WEEK}[週周]",
)
# Which may be ratios, unless they are in order.
_BARE_ORDERS = tuple(map(re.compile, (rf"{_MONTH}[-/]{_DAY}", rf"{_DAY}[-/.]{_MONTH}\.")))
_DIGITS = re.compile(rf"{_SHORT_YEAR}{_TWO_DIGITS}")
_DATE_NAME = re.compile(
    r"(?<![^\W\d_])(?:dates?|datum|fecha|data|tarihi?|дата|ngay)(?![^\W\d_])"
    r"|(?:datum|日付|年月日|日期|日|날짜|일자|일시)$|วันที่"
)
_CAMEL_DATE = re.compile("[a-z]Date")
_BESIDE_CLOCK = rf"(?:{ANY_CLOCK_WORD})"
_TIME_OF_DAY = re.compile(
    rf"{_BESIDE_CLOCK}? ?(?:[01]?\d|2[0-4])(?::[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
    r"|[時时點点시] ?[0-5]?\d[分분]?(?: ?[0-5]?\d[秒초])?| ?h ?[0-5]\d)"
    rf" ?{_BESIDE_CLOCK}?"
)
_AFTERNOON = re.compile(rf"(?:{ANY_AFTERNOON})(?![a-z])|p(?=$|[\W\d])")
_MORNING = re.compile(rf"(?:{ANY_MORNING})(?![a-z])|a(?=$|[\W\d])|\d ?sa$")


def are_dates(texts: Sequence[str], name: str = "") -> bool:
    """Return whether nearly all of them are dates, months or weeks, in any of many languages.

    Of dates such as 03.04.25 there are five, or the column is called one of dates: 250403 then
    is one, too.

    >>> are_dates(["Thu 03.04.2025 06:15 Uhr"]), are_dates(["3-Apr-2025"]), are_dates(["2025-W14"])
    (True, True, True)
    >>> are_dates(["1 déc. 2026"]), are_dates(["2026. 12. 1. 오전 8:15"]), are_dates(["1/12/2569"])
    (True, True, True)
    >>> are_dates(["10-20-30"]), are_dates(["2025-04 ok"]), are_dates(["Lis 4"])
    (False, False, False)
    >>> are_dates(["03.04.25"]), are_dates(["03.04.25"], "Datum"), are_dates(["250403"], "日付")
    (False, True, True)
    """
    texts = [*map(folded_letters, texts)]
    if _order_of(texts, name) is not None:
        return True
    return any(_are_in_order(texts, order) for order in _BARE_ORDERS)


def _order_of(texts: Sequence[str], name: str) -> re.Pattern[str] | None:
    """Return in which order dates say year, month and day, None where they are no dates."""
    called = (*_short_orders(), _DIGITS) if _is_called_date(name) else ()
    return next((own for own in (*_orders(texts), *called) if mostly_match(texts, own)), None)


def _is_called_date(name: str) -> bool:
    camel = _CAMEL_DATE.search(name)
    return camel is not None or _DATE_NAME.search(folded_letters(name)) is not None


def are_times_of_day(texts: Sequence[str]) -> bool:
    """Return whether they are so many different times that they are no hours, nor shifts."""
    if len(set(texts)) < _MIN_TIMES:
        return False
    return mostly_match([*map(folded_letters, texts)], _TIME_OF_DAY)


def are_dates_in_order(texts: Sequence[str]) -> bool:
    """Return whether nearly all are dates that only grow, or only fall.

    Some may be mistyped, and totals may stand between them.

    >>> days = [f"{day}. März 2025" for day in range(1, 9)]
    >>> are_dates_in_order(days), are_dates_in_order(days[::-1]), are_dates_in_order(days * 2)
    (True, True, False)
    """
    texts = [*map(folded_letters, texts)]
    return any(_are_in_order(texts, order) for order in (*_orders(texts), *_BARE_ORDERS))


def days_of(texts: Sequence[str], name: str = "") -> list[str] | None:
    """Return the day of each date, as it is written, without what stands behind it.

    None where they are no dates with a year, month or week; "" of what is none among them.

    >>> days_of(["2026-12-01 09:30", "2026-12-01T14:00:10Z", "Total"] + ["2026-12-02"] * 50)[:3]
    ['2026-12-01', '2026-12-01', '']
    >>> days_of(["3 June 2026, 14:00"]), days_of(["20261201093000"]), days_of(["1 déc. 2026 8:15"])
    (['3 June 2026'], ['20261201'], ['1 déc. 2026'])
    >>> days_of(["M1", "M2"]) is None
    True
    """
    letters = [*map(folded_letters, texts)]
    order = _order_of(letters, name)
    return (
        None if order is None else [_day(*own, order) for own in zip(texts, letters, strict=True)]
    )


def moments_of(texts: Sequence[str]) -> list[tuple[int, ...] | None] | None:
    """Return when each date was, as what can be compared; None of what is none.

    They may be written in several ways, as in files of several programs: each is read in the way
    in which most are that can be read so. None for all of them where they come in another order if
    months are taken for days, or where some have years of four digits and others have none such.

    >>> moments_of(["2026-03-01 08:15", "1 Mar 2026", "Total", "2026年3月2日"])
    [(2026, 3, 1, 0, 8, 15), (2026, 3, 1, 0), None, (2026, 3, 2, 0)]
    >>> moments_of(["03/04/2026", "13/04/2026"]), moments_of(["03/04/2026", "04/03/2026"])
    ([(2026, 4, 3, 0), (2026, 4, 13, 0)], None)
    """
    letters = [folded_letters(text).strip() for text in texts]
    orders = (*_long_orders(), *_short_orders(), *_BARE_ORDERS, _DIGITS)
    different = sorted({*letters})
    some = different[:: max(1, len(different) // _MOST_ASKED)]
    n_read = [sum(own.fullmatch(text) is not None for text in some) for own in orders]
    readings = []
    for sign in (1, -1):  # of ways in which as many can be read either may come first
        ranked = sorted(range(len(orders)), key=lambda i: (-n_read[i], sign * i))
        readings.append(_read_by([orders[i] for i in ranked], letters))
    read, other = ([own for own in reading if own is not None] for reading in readings)
    are_full = {own[0] >= _FIRST_FULL_YEAR for own in read}
    places = range(len(read))
    is_clear = sorted(places, key=read.__getitem__) == sorted(places, key=other.__getitem__)
    return readings[0] if is_clear and len(are_full) < 2 else None


def _read_by(
    orders: Sequence[re.Pattern[str]], letters: Sequence[str]
) -> list[tuple[int, ...] | None]:
    """Return the moment of each date, by the first order in which it can be read."""
    founds = (next(filter(None, (own.fullmatch(text) for own in orders)), None) for text in letters)
    return [None if found is None else _moment(found) for found in founds]


def _day(text: str, letters: str, order: re.Pattern[str]) -> str:
    found = order.fullmatch(letters)
    if found is None:
        return ""
    parts = found.groupdict()
    stop = min(found.start(part) if parts.get(part) else len(letters) for part in ("digits", "t"))
    stop += letters[stop : stop + 1] in {*"日일号號"}
    return (text if len(text) == len(letters) else letters)[:stop].strip()


def mostly_match(texts: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Return whether as many texts do as a column of numbers has numbers."""
    n_left = len(texts) * (1 - MIN_NUMERIC)
    for text in texts:
        n_left -= pattern.fullmatch(text) is None
        if n_left < 0:
            return False
    return True


def _orders(texts: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    has_many = len(set(texts)) >= _MIN_SHORT_DATES
    return (*_long_orders(), *(_short_orders() if has_many else ()))


@cache  # compiled where a table is looked through, and not by each import
def _long_orders() -> tuple[re.Pattern[str], ...]:
    with_time = [_BEFORE + order + _TIME for order in _DATES]
    return tuple(map(re.compile, [*with_time, *_MONTHS_AND_WEEKS]))


@cache
def _short_orders() -> tuple[re.Pattern[str], ...]:
    time = _TIME.replace(r"\-", "", 1)
    return tuple(re.compile(_BEFORE + order + time) for order in _SHORT_DATES)


def _are_in_order(texts: Sequence[str], order: re.Pattern[str]) -> bool:
    if not mostly_match(texts, order):
        return False
    moments = [_moment(found) for text in texts if (found := order.fullmatch(text)) is not None]
    return len(set(moments)) >= _MIN_MOMENTS and are_in_order(moments)


def _moment(found: re.Match[str]) -> tuple[int, ...]:
    """Return year, month or week, day and time of a date, 0 for what it does not say."""
    parts = found.groupdict()
    name = parts.get("name")
    month = MONTHS[name] if name else _first(parts, "m", "m2")
    time = parts.get("t") or ""
    clock = [*map(int, re.findall(r"\d+", time))]
    if clock and ((is_late := _AFTERNOON.search(time)) or _MORNING.search(time)):
        clock[0] = clock[0] % 12 + 12 * bool(is_late)
    return (_first(parts, "y"), month, _first(parts, "d"), _first(parts, "digits"), *clock)


def _first(parts: dict[str, str | None], *keys: str) -> int:
    return int(next(filter(None, map(parts.get, keys)), None) or 0)
