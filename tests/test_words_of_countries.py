"""What sheets of many countries say beside numbers: units, gaps, limits, totals."""

import openpyxl
import pandas as pd
import pytest

from polar_detect.errors import InputError
from polar_detect.tables import ReadOptions, RowColumns, RowTemplate, open_table
from polar_detect.tables.cells.units import is_unit, split_unit
from polar_detect.tables.structure.totals import is_at_end

UNITS = {
    "German": (["Charge", "Temperatur", "Menge", "Prüfer"], [None, "°C", "Stk", None]),
    "Polish": (["Partia", "Temperatura", "Ilość", "Kontroler"], [None, "°C", "szt.", None]),
    "Czech": (["Šarže", "Otáčky", "Počet", "Kontrola"], [None, "ot/min", "ks", None]),
    "Russian": (["Плавка", "Температура", "Масса", "Контролёр"], ["ед. изм.", "°С", "г", None]),
    "Chinese": (["炉号", "压力", "数量", "检验员"], ["单位", "兆帕", "个", None]),
    "Korean": (["로트", "온도", "수량", "검사자"], ["단위", "℃", "개", None]),
    "Turkish": (["Parti", "Devir", "Miktar", "Kontrol"], ["Birim", "d/dk", "adet", None]),
    "Thai": (["ล็อต", "อุณหภูมิ", "จำนวน", "ผู้ตรวจ"], ["หน่วย", "°C", "ชิ้น", None]),
}
GAPS = (
    *("k. A.", "n. v.", "nicht gemessen", "n.c.", "néant", "n.r.", "s/d", "b. d.", "brak danych"),
    *("neměřeno", "ölçülmedi", "н/д", "нет данных", "未检测", "未檢測", "无", "미측정", "없음"),
    *("chưa đo", "không có", "ไม่ได้วัด", "#DZIEL/0!", "#¡DIV/0!", "#ДЕЛ/0!", "#NV", "#N/D"),
    *("#WERT!", "#Н/Д", "#YOK"),
)
LIMITS = {
    "Chinese": ("规格", "上限", "下限"),
    "Korean": ("규격", "상한", "하한"),
    "French": ("Cible", "Limite supérieure", "Limite inférieure"),
    "Italian": ("Valore nominale", "Limite superiore", "Limite inferiore"),
    "Spanish": ("Objetivo", "Límite superior", "Límite inferior"),
    "Polish": ("Wartość nominalna", "Górna granica", "Dolna granica"),
    "Czech": ("Jmenovitá hodnota", "Horní mez", "Dolní mez"),
    "Turkish": ("Hedef", "Üst limit", "Alt limit"),
    "Russian": ("Номинал", "Верхний предел", "Нижний предел"),
    "Vietnamese": ("Tiêu chuẩn", "Giới hạn trên", "Giới hạn dưới"),
    "Thai": ("มาตรฐาน", "ค่าสูงสุด", "ค่าต่ำสุด"),
}


def read_book(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    table = open_table(path, ReadOptions())
    return table, [row for chunk in table.chunks() for row in chunk.frame.values.tolist()]


@pytest.mark.parametrize("country", UNITS)
def test_a_row_of_units_is_part_of_the_names_in_any_language(tmp_path, country):
    names, units = UNITS[country]
    rows = [[f"L{i}", 200 + i, 10 * i, "ab"] for i in range(1, 9)]
    table, found = read_book(tmp_path / "a.xlsx", [names, units, *rows])
    assert found == rows
    assert [*table.columns] == [names[0], *map("{} [{}]".format, names[1:3], units[1:3]), names[3]]


def test_a_row_of_per_cent_alone_is_one_of_units_where_its_label_says_so(tmp_path):
    rows = [[f"26H{i}", 200 + i, 1200 - i] for i in range(1, 12)]
    limits = [["标准值", 0.2, 1.2], ["上限", 0.24, 1.4]]
    for label, is_told in (("单位", True), ("Unité", True), ("規格", False), ("26H0", False)):
        above = [["炉号", "C", "Mn"], [label, "%", "%"]]
        table, found = read_book(tmp_path / f"{label}.xlsx", [*above, *limits, *rows])
        assert ([*table.columns] == ["炉号", "C [%]", "Mn [%]"]) == is_told
        assert (found == rows) == is_told


@pytest.mark.parametrize(
    "name",
    [
        *("Durée", "Temps de cycle", "Tempo ciclo", "Tiempo de ciclo (mm:ss)", "Czas cyklu"),
        *(
            "Doba trvání",
            "Çevrim süresi",
            "Время цикла",
            "循环时间",
            "節拍",
            "사이클 타임",
            "소요시간",
        ),
        *("Thời gian chu kỳ", "ระยะเวลา"),
    ],
)
def test_durations_are_told_by_their_names_in_any_language(name):
    table = pd.DataFrame({name: [f"{i % 3}:{i:02}" for i in range(60)]})
    template = RowTemplate.fit(table, [name])
    numbers = template.read(template.texts(table)).numbers.values[:, 0].tolist()
    assert numbers == [60 * (i % 3) + i for i in range(60)]
    other = table.set_axis(["Heure"], axis=1)
    assert not RowTemplate.fit(other, ["Heure"]).numeric


def test_codes_of_countries_that_come_again_are_no_row_of_units(tmp_path):
    path = tmp_path / "a.csv"
    for below, n_said in (("KR,KS\nJP,EA\nDE,KS", 0), ("JP,EA\nDE,KS", 1)):
        path.write_text(f"Country,Site\nKR,KS\n{below}\n")
        said = [own for own in open_table(path, ReadOptions()).notices if "units below" in own]
        assert len(said) == n_said


def test_words_are_no_units():
    assert [
        own for own in ("макс", "Std", "SN", "次", "上", "Lis", "ore", "NOK") if is_unit(own)
    ] == []
    assert [split_unit(own, is_expected=False) for own in ("12А", "3т", "1次")] == [None] * 3
    assert split_unit("186,1 °С") == ("186,1", "°С")


def test_money_of_many_countries_is_a_unit():
    money = ("zł", "Kč", "₽", "руб.", "₺", "₩", "₫", "฿", "kr", "£")
    assert [own for own in money if split_unit(f"12 {own}") is None] == []


@pytest.mark.parametrize("gap", GAPS)
def test_what_says_that_nothing_was_measured_is_missing_in_any_language(gap):
    cells = [f"{48 + i % 9}.{i % 10}" for i in range(40)]
    cells[7] = cells[30] = gap
    table = pd.DataFrame({"h": cells})
    template = RowTemplate.fit(table, ["h"])
    ((words, n_numbers),) = template.words(table)
    assert (words, n_numbers) == ([], 38)
    other = table.assign(h=[*cells[:-1], "ERR"])
    assert RowTemplate.fit(other, ["h"]).words(other)[0][0] == ["ERR"]


@pytest.mark.parametrize("written", ["unter {}", "<{}", "менее {}", "小于{}", "{} 미만", "{}이하"])
def test_limits_of_what_can_be_measured_count_as_these(written):
    table = pd.DataFrame({"c": [*(f"0.{20 + i}" for i in range(30)), written.format("0.01")]})
    template = RowTemplate.fit(table, ["c"])
    assert template.read(template.texts(table)).numbers.values[-1, 0] == pytest.approx(0.01)


@pytest.mark.parametrize("country", LIMITS)
def test_rows_of_limits_are_no_data_in_any_language(tmp_path, country):
    limits = [[label, 20 + i / 10, 12] for i, label in enumerate(LIMITS[country])]
    rows = [[f"S{i}", 20 + i / 1000, 12 - i / 1000] for i in range(1, 9)]
    table, found = read_book(tmp_path / "a.xlsx", [["No", "A", "B"], *limits, *rows])
    assert found == rows
    assert f"left out: {', '.join(LIMITS[country])}, from row 2" in table.notices[0]


def test_totals_below_a_table_are_told_in_any_language():
    totals = (
        "Totale",
        "Total général",
        "Suma",
        "Razem",
        "Celkem",
        "Toplam",
        "Итого",
        "总计",
        "합계",
    )
    assert [own for own in (*totals, "Tổng cộng", "รวม") if not is_at_end([own, "5"])] == []
    assert [own for own in ("Totalisator", "Suma 7", "总装", "Всеволод") if is_at_end([own])] == []


def test_names_with_a_comma_before_their_unit_are_asked_for_without_quotes():
    present = ["Изделие", "Температура, °С", "Кол-во, шт., всего", "p"]
    asked = RowColumns("Изделие, Температура, °С,p,кол-во,шт.,всего")
    assert asked.choose(present) == [*present[:2], "p", present[2]]
    assert RowColumns('"Температура, °С",p').choose(present) == [present[1], "p"]
    with pytest.raises(InputError, match="Got column 'Масса'"):
        RowColumns("Масса,г,p").choose(present)
    assert RowColumns("Изделие,Температура,°С").notices(present) == []
