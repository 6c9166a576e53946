"""Dates and times of day, as people and instruments write them, and whether they are in order."""

import re
from collections.abc import Sequence

from polar_detect.tables.cells.numbers import MIN_NUMERIC
from polar_detect.tables.columns.order import are_in_order

_MIN_SHORT_DATES = 5  # different ones: a size 10/20/30 may stand in every row
_MIN_TIMES = 25  # different ones of the day: fewer are hours, or when shifts begin
_MIN_MOMENTS = 5  # different ones, or they are in order by chance

# Behind NFKC. Months and days are checked, so that sizes such as 10-20-30 are no dates.
_YEAR, _SHORT_YEAR = r"(?P<y>(?:19|20)\d\d)", r"(?P<y>\d\d)"
_MONTH, _DAY = "(?P<m>0?[1-9]|1[0-2])", r"(?P<d>0?[1-9]|[12]\d|3[01])(?!\d)"
_TWO_DIGITS = r"(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])"
_NAMES = (
    "jan(?:uary?)?|feb(?:ruary?)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|"
    "januar|februar|märz?|mrz|mai|juni|juli|okt(?:ober)?|dez(?:ember)?"
)
_NAMED = rf"(?P<name>{_NAMES})(?![^\W\d_])"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_OTHERWISE = {"mär": "mar", "mrz": "mar", "mai": "may", "okt": "oct", "dez": "dec"}
_WEEKDAY = (
    "(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?"
    "|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|mo|di|mi|do|fr|sa|so)"
    r"(?![^\W\d_])\.?"
)
_BEFORE = rf"(?:{_WEEKDAY},? ?)?"
_TIME = (
    r"(?P<t>(?:[日\-\s,(t]|:(?=\d\d:))(?:[\s\d:.,+\-tz()時分秒月火水木金土日曜午前後]|[ap](?:\.?m\.?)?|uhr|utc|gmt"
    rf"|{_WEEKDAY})*)?"
)
_DATES = (
    rf"{_YEAR}[-/.年] ?{_MONTH}[-/.月] ?{_DAY}",
    rf"{_YEAR}{_TWO_DIGITS}(?P<digits>\d{{4}}|\d{{6}})?(?!\d)",
    rf"(?:[rhs]\.?|令和?|平成?|昭和?)(?P<y>\d{{1,2}})[.年] ?{_MONTH}[.月] ?{_DAY}",
    rf"(?:令和|平成|昭和)(?P<y>\d{{1,2}})[-/]{_MONTH}[-/]{_DAY}",
    rf"{_MONTH}[-/.]{_DAY}[-/.](?P<y>\d{{4}})(?!\d)",
    rf"{_DAY}[-/.]{_MONTH}[-/.](?P<y>\d{{4}})(?!\d)",
    rf"{_MONTH}月 ?{_DAY}日",
    rf"{_MONTH}/{_DAY}(?= ?\([月火水木金土日]\)| \d?\d:\d\d)",
    rf"(?P<d>0?[1-9]|[12]\d|3[01])[-/. ]{{0,2}}{_NAMED}[-/., ]{{0,2}}(?P<y>\d{{4}}|\d\d)(?!\d)",
    rf"{_NAMED}\.? {{1,2}}{_DAY}(?:,? (?P<y>\d{{4}})(?!\d))?",
)
_SHORT_DATES = (
    rf"{_SHORT_YEAR}(?P<s>[-/]){_MONTH}(?P=s){_DAY}",
    rf"{_MONTH}(?P<s>[-/]){_DAY}(?P=s){_SHORT_YEAR}(?!\d)",
    rf"{_DAY}(?P<s>[-/]){_MONTH}(?P=s){_SHORT_YEAR}(?!\d)",
    rf"(?=\d\d\.\d\d\.){_DAY}\.{_MONTH}\.{_SHORT_YEAR}(?!\d)",
)
_WEEK = r"(?P<m>0?[1-9]|[1-4]\d|5[0-3])"
_MONTHS_AND_WEEKS = (
    rf"{_YEAR}(?:[-/]{_MONTH}|年 ?{_MONTH.replace('<m>', '<m2>')}月度?)",
    rf"{_MONTH}[-/]{_YEAR}",
    rf"{_NAMED}[-/.,' ]{{0,2}}(?P<y>\d{{4}}|\d\d)",
    rf"{_YEAR}[-/ ]?(?:w|kw|cw|wk)[-. ]?{_WEEK}",
    rf"(?:kw|cw|wk|w)[-. ]?{_WEEK}[-/. ]{{1,2}}{_YEAR}",
    rf"{_YEAR}年 ?第?{_WEEK}週",
)
_LONG_ORDERS, _SHORT_ORDERS = (
    tuple(re.compile(_BEFORE + order + time, re.IGNORECASE) for order in orders)
    for orders, time in ((_DATES, _TIME), (_SHORT_DATES, _TIME.replace(r"\-", "", 1)))
)
_LONG_ORDERS += tuple(re.compile(order, re.IGNORECASE) for order in _MONTHS_AND_WEEKS)
# Which may be ratios, unless they are in order.
_BARE_ORDERS = tuple(map(re.compile, (rf"{_MONTH}[-/]{_DAY}", rf"{_DAY}[-/.]{_MONTH}\.")))
_DIGITS = re.compile(rf"{_SHORT_YEAR}{_TWO_DIGITS}")
_DATE_NAME = re.compile(
    r"(?<![^\W\d_])(?:date|datum|fecha|data)(?![^\W\d_])|(?-i:[a-z]Date)|(?:datum|日付|年月日|日期|日)$",
    re.IGNORECASE,
)
_TIME_OF_DAY = re.compile(
    r"(?:午[前後]|[ap]\.?m\.?)? ?(?:[01]?\d|2[0-4])(?::[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
    r"|時[0-5]?\d分?(?:[0-5]?\d秒)?) ?(?:[ap]\.?m\.?|uhr)?",
    re.IGNORECASE,
)


def are_dates(texts: Sequence[str], name: str = "") -> bool:
    """Return whether nearly all of them, in half width, are dates, months or weeks.

    Of dates such as 03.04.25 there are five, or the column is called one of dates: 250403 then
    is one, too.

    >>> are_dates(["Thu 03.04.2025 06:15 Uhr"]), are_dates(["3-Apr-2025"]), are_dates(["2025-W14"])
    (True, True, True)
    >>> are_dates(["10-20-30"]), are_dates(["2025-04 ok"])
    (False, False)
    >>> are_dates(["03.04.25"]), are_dates(["03.04.25"], "Datum"), are_dates(["250403"], "日付")
    (False, True, True)
    """
    called = (*_SHORT_ORDERS, _DIGITS) if _DATE_NAME.search(name) else ()
    if any(mostly_match(texts, order) for order in (*_orders(texts), *called)):
        return True
    return any(_are_in_order(texts, order) for order in _BARE_ORDERS)


def are_times_of_day(texts: Sequence[str]) -> bool:
    """Return whether they are so many different times that they are no hours, nor shifts."""
    return len(set(texts)) >= _MIN_TIMES and mostly_match(texts, _TIME_OF_DAY)


def are_dates_in_order(texts: Sequence[str]) -> bool:
    """Return whether nearly all are dates that only grow, or only fall.

    Some may be mistyped, and totals may stand between them.

    >>> days = [f"{day}. März 2025" for day in range(1, 9)]
    >>> are_dates_in_order(days), are_dates_in_order(days[::-1]), are_dates_in_order(days * 2)
    (True, True, False)
    """
    return any(_are_in_order(texts, order) for order in (*_orders(texts), *_BARE_ORDERS))


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
    return (*_LONG_ORDERS, *(_SHORT_ORDERS if has_many else ()))


def _are_in_order(texts: Sequence[str], order: re.Pattern[str]) -> bool:
    if not mostly_match(texts, order):
        return False
    moments = [_moment(found) for text in texts if (found := order.fullmatch(text)) is not None]
    return len(set(moments)) >= _MIN_MOMENTS and are_in_order(moments)


def _moment(found: re.Match[str]) -> tuple[int, ...]:
    """Return year, month or week, day and time of a date, 0 for what it does not say."""
    parts = found.groupdict()
    name = (parts.get("name") or "").lower()[:3]
    month = _MONTHS.index(_OTHERWISE.get(name, name)) + 1 if name else _first(parts, "m", "m2")
    time = (parts.get("t") or "").lower()
    clock = [*map(int, re.findall(r"\d+", time))]
    if clock and (half := re.search("[ap](?=\\.?m)|[前後]", time)):
        clock[0] = clock[0] % 12 + 12 * (half[0] in "p後")
    return (_first(parts, "y"), month, _first(parts, "d"), _first(parts, "digits"), *clock)


def _first(parts: dict[str, str | None], *keys: str) -> int:
    return int(next(filter(None, map(parts.get, keys)), None) or 0)
