"""Columns of lots, heats and running numbers, as they are called in many countries."""

import numpy as np
import pandas as pd
import pytest

from polar_detect.tables.columns.identifiers import are_codes, is_id_name, is_lot_name
from polar_detect.tables.columns.new_values import new_later

LOTS = (
    *("Schmelze", "Schmelzen-Nr.", "Losnr.", "Partienummer", "N° de coulée", "Coulée n°", "N° lot"),
    *("Colata", "N. colata", "Lotto n.", "Nº de colada", "Partida", "Nr partii", "Nr wytopu"),
    *("Číslo šarže", "ŠARŽE", "Číslo tavby", "Parti No", "Şarj No", "Партия", "№ плавки"),
    *("Номер партии", "批号", "批次号", "炉号", "钢卷号", "批號", "爐號", "로트", "로트 번호"),
    *("용해번호", "Số lô", "Mã lô", "หมายเลขล็อต", "ล็อต"),
)
NO_LOTS = (
    *(
        "Losgröße",
        "Partiegröße",
        "parti",
        "Lo",
        "lo",
        "me",
        "批量",
        "炉温",
        "炉",
        "卷",
        "로트 크기",
    ),
    *(
        "Мощность",
        "Partikel",
        "Mélange",
        "Pilot",
        "Plot",
        "men",
        "lon",
        "castn",
        "용해",
        "Größe des Loses",
        "bobine",
        "炉番号",
        "炉No.",
    ),
    *(
        "Température de coulée",
        "Peso bobina",
        "Масса плавки",
        "Temperatur Schmelze",
        "Tempo colata",
    ),
)
NUMBERS = (
    *("Auftragsnr.", "Seriennummer", "N° OF", "orden nº", "Nr zlecenia", "Výrobní číslo"),
    *(
        "İş Emri No",
        "№ заказа",
        "Заводской №",
        "Номер заказа",
        "工单号",
        "訂單編號",
        "작업지시번호",
    ),
    *("เลขที่ใบสั่ง", "Số sê-ri"),
)
NO_NUMBERS = (
    "N° de pièces",
    "No of holes",
    "型号",
    "牌号",
    "信号",
    "nr_of_holes",
    "Nr of holes",
    "Anzahl",
    "品種記号",
    "符号",
)


@pytest.mark.parametrize("name", LOTS)
def test_lots_of_many_countries_are_ever_new_without_dates(name):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {name: [f"L{i // 6}" for i in range(120)], "machine": rng.choice(["M1", "M2", "M3"], 120)}
    )
    assert is_lot_name(name)
    assert [*new_later(rows, [*rows])] == [name]


@pytest.mark.parametrize("name", NO_LOTS)
def test_what_else_is_called_alike_is_no_column_of_lots(name):
    assert not is_lot_name(name)


def test_columns_of_running_numbers_are_told_by_their_names():
    assert [name for name in NUMBERS if not is_id_name(name)] == []
    assert [*filter(is_id_name, NO_NUMBERS)] == []


@pytest.mark.parametrize("code", ["141-К", "Š141", "ПК-12Б", "É12/3"])
def test_codes_may_have_letters_of_other_alphabets(code):
    assert are_codes([code] * 20, are_short=True)
    assert not are_codes([code.replace("12", "").replace("14", "").strip("13")] * 20)


@pytest.mark.parametrize("text", ["ポンプ3号機の異音", "第3批不良较多", "насос 3 течёт"])
def test_sentences_with_a_digit_are_no_codes(text):
    assert not are_codes([text] * 20, are_short=True)
