"""Dates and times of day as people of many countries write them, and what only looks like one."""

import random

import pandas as pd
import pytest

from polar_detect.tables.columns.dates import are_dates, are_dates_in_order, are_times_of_day
from polar_detect.tables.columns.identifiers import plain
from polar_detect.tables.columns.new_values import new_later

SHORT_MONTHS = {
    "French": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "Italian": "gen feb mar apr mag giu lug ago set ott nov dic",
    "Spanish": "ene feb mar abr may jun jul ago sept oct nov dic",
    "Portuguese": "jan fev mar abr mai jun jul ago set out nov dez",
    "Dutch": "jan. feb. mrt. apr. mei jun. jul. aug. sep. okt. nov. dec.",
    "Polish": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "Turkish": "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
    "Russian": "янв. февр. мар. апр. мая июн. июл. авг. сент. окт. нояб. дек.",
    "Hungarian": "jan. febr. márc. ápr. máj. jún. júl. aug. szept. okt. nov. dec.",
    "Thai": "ม.ค. ก.พ. มี.ค. เม.ย. พ.ค. มิ.ย. ก.ค. ส.ค. ก.ย. ต.ค. พ.ย. ธ.ค.",
    "Turkish in capitals": "OCAK ŞUBAT MART NİSAN MAYIS HAZİRAN TEMMUZ AĞUSTOS EYLÜL EKİM KASIM "
    "ARALIK",
    "Polish in full": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września "
    "października listopada grudnia",
    "Czech in full": "ledna února března dubna května června července srpna září října listopadu "
    "prosince",
}
WRITTEN = {
    **{
        language: lambda t, names=names: f"{t.day} {names.split()[t.month - 1]} {t.year}"
        for language, names in SHORT_MONTHS.items()
    },
    "Spanish with of": lambda t: (
        f"{t.day} de {SHORT_MONTHS['Spanish'].split()[t.month - 1]} de {t.year}"
    ),
    "Czech": lambda t: f"{t.day}. {t.month}. {t.year} {t:%H:%M}",
    "Hungarian": lambda t: f"{t:%Y. %m. %d.}",
    "Vietnamese": lambda t: f"{t.day:02} Thg {t.month} {t.year}",
    "Vietnamese in full": lambda t: f"Ngày {t.day:02} tháng {t.month:02} năm {t.year}",
    "Vietnamese clock": lambda t: f"{t:%d/%m/%Y %I:%M:%S} {'SA' if t.hour < 12 else 'CH'}",
    "Thai years": lambda t: f"{t:%d/%m/}{t.year + 543} {t:%H:%M} น.",
    "Taiwanese years": lambda t: f"{t.year - 1911}/{t:%m/%d}",
    "Chinese": lambda t: (
        f"{t.year}年{t.month}月{t.day}日 {'上午' if t.hour < 12 else '下午'}{t:%I:%M}"
    ),
    "Chinese clock": lambda t: f"{t:%Y-%m-%d %H时%M分%S秒}",
    "Korean": lambda t: (
        f"{t.year}. {t.month}. {t.day}. {'오전' if t.hour < 12 else '오후'} {t:%I:%M}"
    ),
    "Korean in full": lambda t: f"{t.year}년 {t.month}월 {t.day}일",
    "Russian with the word": lambda t: (
        f"{t:%d} {SHORT_MONTHS['Russian'].split()[t.month - 1]} {t.year} г."
    ),
    "French with the hour": lambda t: f"lun. {t:%d/%m/%Y} {t.hour}h{t:%M}",
    "with lines": lambda t: f"{t:%d}-{SHORT_MONTHS['Polish'].split()[t.month - 1]}-{t:%y}",
}


def days(written, n=60):
    moments = pd.date_range("2025-11-20 07:30", periods=n, freq="31h")
    return plain([written(moment) for moment in moments])


@pytest.mark.parametrize("country", WRITTEN)
def test_dates_of_many_countries_are_dates(country):
    assert are_dates(days(WRITTEN[country]))


@pytest.mark.parametrize("country", WRITTEN)
def test_dates_of_many_countries_are_in_order_where_they_are(country):
    texts = days(WRITTEN[country])
    shuffled = random.Random(0).sample(texts, len(texts))
    assert are_dates_in_order(texts)
    assert are_dates_in_order(texts[::-1])
    assert not are_dates_in_order(shuffled)


@pytest.mark.parametrize(
    "text",
    [
        *("Lis 4", "LED 12", "Set 20", "Pro 2000", "Press 2026", "3 Lis 26", "12 mm 2026"),
        *("Separator 12", "120/10/40", "Nr 12 2026", "1.12.2026.1", "2512-33-10", "Sa", "mar"),
        *("1/2500", "2510-07-12", "2512-07"),
    ],
)
def test_machines_and_sizes_are_no_dates_in_any_language(text):
    assert not are_dates(plain([text] * 30))


@pytest.mark.parametrize(
    "written",
    [
        *("{h}:{m:02} Uhr", "上午{h}:{m:02}", "오전 {h}:{m:02}", "{h}h{m:02}", "{h} h {m:02}"),
        *(
            "오후 {h}시 {m}분",
            "下午{h}时{m}分",
            "{h:02}:{m:02} น.",
            "{h}:{m:02} SA",
            "ÖS {h}:{m:02}",
        ),
    ],
)
def test_times_of_day_of_many_countries_are_such(written):
    texts = [written.format(h=i % 11 + 1, m=i) for i in range(60)]
    assert are_times_of_day(plain(texts))
    assert not are_times_of_day(plain([f"{text} x" for text in texts]))


def test_how_long_something_lasts_is_no_time_of_day_in_a_column_called_so():
    texts = [f"{i % 11}h{i:02}" for i in range(60)]
    assert [*new_later(pd.DataFrame({"Heure": texts}), ["Heure"])] == ["Heure"]
    assert new_later(pd.DataFrame({"Durée": texts}), ["Durée"]) == {}


def test_morning_and_afternoon_stand_in_order_in_any_language():
    for morning, afternoon in (("上午", "下午"), ("오전", "오후"), ("ÖÖ", "ÖS")):
        clocks = [f"2026-12-01 {half} {h}:{m}" for half in (morning, afternoon)
                  for h in (12, 1, 5, 11) for m in (10, 40)]  # fmt: skip
        assert are_dates_in_order(plain(clocks))
        assert not are_dates_in_order(plain([*clocks[8:], *clocks[:8]] * 2))


@pytest.mark.parametrize("country", ["Italian", "Polish", "Korean", "Thai", "Vietnamese"])
def test_what_passes_in_time_is_ever_new_whatever_the_language_of_the_dates(country):
    rows = pd.DataFrame(
        {
            "t": days(WRITTEN[country], 240),
            "A": [f"K{i // 10}" for i in range(240)],
            "B": [4500012000 + 3 * (i // 10) for i in range(240)],
            "C": [f"M{i % 3}" for i in range(240)],
        }
    )
    assert [*new_later(rows, [*rows])] == ["t", "A", "B"]
    assert [*new_later(rows.assign(t=[f"x{i % 7}" for i in range(240)]), [*rows])] == []
