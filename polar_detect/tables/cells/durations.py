"""Durations, which look like times of day: 1:30:00, 26:15, 12:34.5."""

import datetime
import re
from collections.abc import Sequence

import pandas as pd

from polar_detect.tables.cells.names import folded_letters
from polar_detect.tables.cells.numbers import MIN_NUMERIC, MIN_SURE, half_width, is_missing
from polar_detect.tables.cells.units import are_same_units, unit_behind

_DURATION = re.compile(
    r"(?P<sign>[-+\u2212]?)(?:(?P<hours>\d{1,9}):(?=\d\d:))?(?P<minutes>\d{1,9}):(?P<seconds>[0-5]\d)"
    r"(?P<part>\.\d+)?"
)
# What a name says of durations; 開始時間 and 測定時間 may be times of day.
_OF_DURATIONS = re.compile(
    r"(?:所要|経過|加工|工程|作業|稼働|稼動|停止|運転|処理|保持|滞留|段取り?|待ち|硬化|乾燥|加熱|冷却|成形|充填"
    r"|保圧|計量|実働|残業|休憩|故障|修理|復旧|サイクル|総|合計|累計|累積|延べ|正味|平均|切削)(?:時間|タイム)"
    r"|タクト|リードタイム|ダウンタイム|duration|elapsed|takt|dauer"
    r"|(?:zyklus|lauf|bearbeitungs|rüst|stillstands?|stör|ausfall|reparatur|warte|halte|verweil"
    r"|heiz|kühl|trocken|durchlauf|haupt|neben|gesamt|betriebs)zeit"
    r"|(?:cycle|lead|run|down|processing|dwell|hold|cure|set-?up|total) ?time",
    re.IGNORECASE,
)
# The same in other languages, in small letters without accents: durée, temps de cycle, czas cyklu.
_OF_OTHER_DURATIONS = re.compile(
    r"duree|temps (?:de |d')?(?:cycle|arret|marche|pose|cuisson|reglage|maintien|sejour)"
    r"|durata|tempo (?:di )?(?:ciclo|fermo|attrezzaggio|lavorazione|mantenimento|permanenza)"
    r"|duracion|duracao|tempo de ciclo|tiempo de (?:ciclo|paro|parada|proceso|espera|preparacion)"
    r"|czas (?:cyklu|trwania|postoju|pracy|obrobki|przezbrojenia)|doba (?:cyklu|trvani|prostoje)"
    r"|cas cyklu|suresi?\b"
    r"|длительность|продолжительность|время (?:цикла|простоя|выдержки|обработки)"
    r"|(?:加工|循环|循環|停机|停機|保压|保壓|冷却|冷卻|加热|加熱|处理|處理|运行|運行|作业|作業|等待)(?:时间|時間)"
    r"|时长|時長|耗时|耗時|用时|节拍|節拍|周期|週期"
    r"|(?:소요|사이클|가동|정지|가공|대기|유지|처리|냉각|가열) ?(?:시간|타임)|사이클 ?타임|택트"
    r"|thoi gian (?:chu ky|dung|gia cong|chay|cho)|thoi luong|ระยะเวลา|รอบเวลา"
)
# (h:mm), [hh:mm], 時:分; unlike (h:mm:ss) it says what the first of two parts is.
_OF_HOURS = re.compile(r"(?<![a-z:])h{1,2}\]?:mm?(?![a-z:])|時間?:分(?!:)", re.IGNORECASE)
_HOURS = ("h", "hr", "hrs", "hour", "hours", "時間")
_OF_RATIOS = re.compile(
    r"比(?!較)|割合|(?<![a-z])ratios?(?![a-z])|verhältnis|rapport|соотношение|비율", re.IGNORECASE
)
_DAY = 24
_HUNDRED = 100


def are_durations(cells: pd.Series, texts: Sequence[str], name: str) -> bool:
    """Return whether a column holds durations, and no times of day, which look alike.

    Its name or the type of its cells says so; or three different ones are longer than a day in
    hours and minutes and no parts of a hundred, or have two parts and decimals.

    >>> numbers = ["26:15:00", "1:30:00", "30:00:00", "41:10:05"]
    >>> [are_durations(pd.Series(own), own, "t") for own in (numbers, numbers[1:])]
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
    if is_duration_name(name):
        return True
    return len({own[0] for own in found if _is_no_time_of_day(own)}) >= MIN_SURE


def is_duration_name(name: str) -> bool:
    """Return whether a column is called as one is that holds durations.

    >>> [*filter(is_duration_name, ["Rüstzeit", "Durée", "加工時間", "開始時間", "Heure"])]
    ['Rüstzeit', 'Durée', '加工時間']
    """
    plain = half_width(name)
    return bool(_OF_DURATIONS.search(plain) or _OF_OTHER_DURATIONS.search(folded_letters(name)))


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


def are_in_hours(texts: Sequence[str], name: str) -> bool:
    """Return whether durations of two parts are hours and minutes.

    The name says so, or all cells have three parts and no seconds: as a sheet has it what a CSV
    of it shows in two.

    >>> [are_in_hours(["26:15", "8:30"], name) for name in ("稼働時間[h:mm]", "t [hours]", "t")]
    [True, True, False]
    """
    if _OF_HOURS.search(half_width(name)) or any(
        are_same_units(unit_behind(name) or "", unit) for unit in _HOURS
    ):
        return True
    found = [own for text in texts if (own := _DURATION.fullmatch(text.strip())) is not None]
    are_whole = all(own["hours"] and own["seconds"] == "00" and not own["part"] for own in found)
    return are_whole and len({own[0] for own in found}) >= MIN_SURE


def in_seconds(text: str, *, in_hours: bool) -> str:
    """Return a duration as seconds; any other text as it is."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return text
    parts = [int(found[part] or 0) for part in ("hours", "minutes", "seconds")]
    if in_hours and found["hours"] is None and not found["part"]:
        parts = [*parts[1:], 0]
    seconds = 3600 * parts[0] + 60 * parts[1] + parts[2]
    return f"{found['sign']}{seconds}{found['part'] or ''}"


def is_duration(text: str) -> bool:
    """Return whether a cell may be a duration."""
    return _DURATION.fullmatch(text.strip()) is not None
