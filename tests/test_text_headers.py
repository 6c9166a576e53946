"""Exports of instruments: what stands above the names of a CSV, and units below them."""

import datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest

from polar_detect.errors import InputError
from polar_detect.messages.language import Language
from polar_detect.tables import ReadOptions, open_table, read_table
from polar_detect.tables.structure import cell_types

NAMES = "番号,温度,圧力,備考"
ROWS = [f"{i},{180 + i / 10},5.{i:02},{'良好' if i % 3 else ''}" for i in range(1, 61)]
SAYS = {
    "pairs": ["装置名,XYZ-100", "測定日,2026/11/01", "測定者,山田", ""],
    "pairs without a gap": ["装置名,XYZ-100", "測定日,2026/11/01"],
    "padded pairs": ["装置名,XYZ-100,,", "回数,3,,", ",,,"],
    "a title": ["射出成形 測定結果"],
    "a padded title": ["射出成形 測定結果,,,", "", ""],
    "a quoted title": ['"Measurement report, line 3, ""A"""'],
    "a title with an open quote": ['6" wafer'],
    "comments": ["# exported 2026-11-01 10:00", "# by, me"],
    "sections": ["[Header]", "Instrument,XYZ-100", "[Data]"],
    "lines": ["ファイル名：test.dat", "ロット：A-12", ""],
    "channels": ["GL840,1.10", "CH,信号名,入力,レンジ", "CH1,温度,TEMP,K", ""],
    "a long list": [f"設定{i},{i}" for i in range(40)],
}  # fmt: skip


def write(path, lines, codec="utf-8"):
    """Write lines of cells, to a workbook where the name says so."""
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        for line in lines:
            book.active.append([cell or None for cell in line.split(",")])
        book.save(path)
    else:
        path.write_bytes("\r\n".join([*lines, ""]).encode(codec))
    return path


def read(path, n_rows=2048, **options):
    table = open_table(path, ReadOptions(**options))
    chunks = [*table.chunks(n_rows)]
    frame = pd.concat([chunk.frame for chunk in chunks])
    return table, frame, [line for chunk in chunks for line in chunk.lines.tolist()]


@pytest.mark.parametrize("above", SAYS.values(), ids=SAYS)
@pytest.mark.parametrize("expected", [(), ("温度", "備考")])
def test_what_an_instrument_says_first_names_no_column(tmp_path, above, expected):
    path = write(tmp_path / "a.csv", [*above, NAMES, *ROWS], "cp932")
    table, frame, lines = read(path, 7, expected=expected, encoding="cp932")
    assert table.columns == tuple(NAMES.split(","))
    assert [",".join(row) for row in frame.values.tolist()] == ROWS
    assert lines == [len(above) + 2 + i for i in range(60)]
    said = sum(bool(line.strip(",")) for line in above)
    notice = f"the columns are named in row {len(above) + 1}; {said} above it left out"
    assert table.notices == (notice,)
    whole = read_table(path, text_column="備考", options=ReadOptions(encoding="cp932"))
    assert whole.frame.equals(frame)


def test_two_columns_are_named_below_pairs_or_where_they_are_asked_for(tmp_path):
    pairs = ["装置名,XYZ-100", "測定日,2026/11/01"]
    rows = ["時間[s],荷重[N]", *[f"{i},{100 + i}" for i in range(30)]]
    path = write(tmp_path / "a.csv", [*pairs, "", *rows])
    assert read(path)[0].columns == ("時間[s]", "荷重[N]")
    write(path, [*pairs, *rows])
    assert read(path)[0].columns == ("時間[s]", "荷重[N]")
    assert read(path, expected=("時間", "荷重"))[0].columns == ("時間[s]", "荷重[N]")


SAID = [["作成者", "山田"], ["作成日", "2026/11/01"], ["部署", "製造2課"]]
MACHINES, WORK = ("プレス", "旋盤", "研磨機"), ("油漏れ", "異音あり、軸を調整", "清掃した")
TABLES = {
    "kinds": [["設備", "内容"], *[[MACHINES[i % 3], WORK[i % 3] * (i % 4 + 1)] for i in range(30)]],
    "codes": [["設備", "内容"], *[[f"M{i}", WORK[i % 3] * (i % 4 + 1)] for i in range(30)]],
    "dates": [["日付", "内容"], *[[f"2026/11/{i}", WORK[i % 3]] for i in range(1, 31)]],
    "numbers": [["時間[s]", "荷重[N]"], *[[i / 10, 100 + i] for i in range(30)]],
    "texts": [["質問", "回答"], *[[WORK[1] + "？" * i, WORK[1] + "！" * i] for i in range(30)]],
    "messages": [["メッセージ"], *[[f"08:{i:02} E0{i} 油圧低下"] for i in range(30)]],
    "spectra": [["試料", *range(400, 480, 10)], *[[f"S{i}", *[i / 9] * 8] for i in range(30)]],
    "units": [["時間", "荷重"], ["s", "N"], *[[i / 10, 100 + i] for i in range(30)]],
}  # fmt: skip


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize(
    ("name", "is_apart"),  # nothing tells long texts from pairs right above them
    [(name, own) for name in TABLES for own in (True, False) if own or name != "texts"],
)
def test_below_pairs_a_column_tells_which_row_has_its_name(tmp_path, name, is_apart, ending):
    rows = TABLES[name]
    path = tmp_path / f"a{ending}"
    book = openpyxl.Workbook()
    for row in [*SAID, *[[]] * is_apart, *rows]:
        book.active.append(row)
    book.save(path)
    if ending == ".csv":
        write(path, [",".join(map(str, row)) for row in [*SAID, *[[]] * is_apart, *rows]])
    table, frame, _ = read(path)
    units = [f"{own} [{unit}]" for own, unit in zip(*rows[:2], strict=True)]
    assert table.columns == tuple(units if name == "units" else map(str, rows[0]))
    assert len(frame) == 30
    above = [note for note in table.notices if note.endswith("; 3 above it left out")]
    assert len(above) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["設備,内容", "", *[f"M{i},点検" for i in range(9)]],  # an empty line below the names
        ["設備,内容", "", "共通,清掃", *[f"M{i},点検" for i in range(9)]],
        ["設備,内容", "", "全て,清掃", *["旋盤,清掃", "プレス,点検"] * 9],
        ["内容,備考", "", *[f"{own}," for own in (*WORK, "漏れ", "軸の交換")]],
        ["設備,内容", "M1,給油", "", *[f"M{i},点検" for i in range(2, 12)]],  # or a gap
        ["設備,内容", "旋盤,給油", "", "研磨機,点検", *["旋盤,清掃", "プレス,点検"] * 9],
        ["種別,内容", "甲,停止", "", "乙,配線を修理", "", *[f"丙,給油{i}" for i in range(9)]],
        ["設備,内容,者", "窯,給油,林", "", "炉,点火,森", *["研磨機,清掃,東", "プレス,空,西"] * 9],
        ["設備,内容", "全て,2台停止", "研磨機,点検", *["旋盤,清掃", "プレス,点検"] * 9],
        ["設備,内容", "共通,2台停止", "全て,点検", *[f"M{i},点検" for i in range(2, 12)]],
        ["試料,400,410,420,430", "S0,1,2,3,4", *["S1,5,7,3,2"] * 9],
        ["試料,測定値,所見", "S0,1,2,3,4", *["S1,5,7,3,2"] * 9],
    ],
)
def test_names_above_a_gap_or_rows_that_look_like_names_stay_the_names(tmp_path, lines):
    table = open_table(write(tmp_path / "a.csv", lines))
    assert table.columns == tuple(lines[0].split(","))
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append([cell or None for cell in line.split(",")])
    book.save(tmp_path / "a.xlsx")
    columns = open_table(tmp_path / "a.xlsx").columns
    assert columns[:2] == tuple(lines[0].split(","))[:2]


@pytest.mark.parametrize("last", ["", "備考"])
def test_a_row_of_words_whose_code_is_as_those_below_names_no_column(tmp_path, last):
    rows = ["M0,予熱中,異音", *[f"M{i},{20 + i},良好" for i in range(1, 9)]]
    path = write(tmp_path / "a.csv", [f"設備,温度,{last}", *rows])
    assert read(path)[0].columns == ("設備", "温度", last or "column_3")
    write(path, [f"設備,温度,{last}", "炉,予熱,異音", *rows[1:]])  # control
    assert read(path)[0].columns == (("設備", "温度", last) if last else ("炉", "予熱", "異音"))


def test_a_table_that_begins_beside_the_first_column_is_named_below_pairs_too(tmp_path):
    rows = [[], [None, "検査成績表"], [], [None, "作成者", "山田"], [None, "日付", "2026/11/1"], []]
    rows += [
        [None, "No", "温度", "備考", "判定"],
        *[[None, i, 20 + i / 9, None, "良"] for i in range(9)],
    ]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert open_table(tmp_path / "a.xlsx").columns == ("No", "温度", "備考", "判定")
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    assert read(write(tmp_path / "a.csv", lines))[0].columns[1:] == ("No", "温度", "備考", "判定")


def data(*kinds):
    return [",".join(own.format(i, i / 9, i % 7) for own in kinds) for i in range(1, 31)]


LOGGER = [
    "ベンダ,グラフテック",
    "型式,GL840",
    "",
    "アンプ設定",
    "CH,信号名,入力",
    "CH1,温度,TEMP",
    "",
]


@pytest.mark.parametrize(
    ("above", "names", "rows"),
    [
        (
            ["月次報告,,,2026年11月", ",,,製造部"],
            "設備,回数,時間,備考",
            data("M{0}", "{2}", "{1}", ""),
        ),
        (["停止時間"], "設備,11/1,11/2,11/3,11/4", data("盤{0}", "{2}", "{1}", "3", "4")),
        (["売上", ""], "品,2022,2023,2024,2025", data("品{0}", "{2}", "{1}", "3", "4")),
        (["装置,UV", "日付,11/1", ""], ",400.0,410.1,420.1,430.2", data("S{0}", *["{1}"] * 4)),
        (
            LOGGER,
            "番号,日付時間,ms,CH1",
            ["NO.,Time,ms,degC", *data("{0}", "11/1", "0", "+ {1:.1f}")],
        ),
    ],
)
def test_names_of_reports_pivots_spectra_and_loggers_are_found(tmp_path, above, names, rows):
    path = write(tmp_path / "a.csv", [*above, names, *rows])
    table, frame, _ = read(path)
    assert table.columns == tuple(name or "column_1" for name in names.split(","))
    assert len(frame) == len(rows)
    n_above = sum(bool(line) for line in above)
    said = f"the columns are named in row {len(above) + 1}; {n_above} above it left out"
    assert said in table.notices


@pytest.mark.parametrize(
    ("above", "names", "rows"),
    [
        (["測定結果"], ",甲,乙,丙,丁", ["x,10,20,30,40", *data("y{0}", *["{1}"] * 4)]),
        (["Stock,,,1", ""], ",Material,Plant,Amount", data("", "10{0}", "1000", "{1}")),
    ],
)
def test_names_may_leave_the_first_column_without_one_below_a_title(tmp_path, above, names, rows):
    table, frame, _ = read(write(tmp_path / "a.csv", [*above, names, *rows]))
    assert table.columns == ("column_1", *names.split(",")[1:])
    assert len(frame) == len(rows)


@pytest.mark.parametrize("names", [["炉,甲,", ",上,下"], ["炉,,", ",温度,圧力", "番,上,下"]])
def test_a_second_row_of_names_is_not_the_first(tmp_path, names):
    path = write(tmp_path / "a.csv", [*names, *data("{0}", "{1}", "{2}")])
    assert not read(path)[0].columns[0].startswith("column")


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize(
    ("above", "is_read"),
    [
        (["作成者,山田"], True),
        (["部署：,製造課", ""], True),
        (["作成者,山田", "ライン,甲"], True),
        (["担当,内容"], False),  # two names
        (["林,給油"], False),
    ],
)
def test_a_pair_that_forms_have_names_no_columns_of_words(tmp_path, above, is_read, ending):
    rows = [f"{MACHINES[i % 3]},{WORK[i % 3]}" for i in range(30)]
    path = tmp_path / f"a{ending}"
    for names in ("設備,コメント", "炉,水漏れ"):  # which may be a row
        write(path, [*above, names, *rows])
        is_told = is_read and names == "設備,コメント"
        assert open_table(path).columns == tuple((names if is_told else above[0]).split(","))


WORDS = [f"{MACHINES[i % 3]},{WORK[i % 3]},森" for i in range(30)]


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize("day", ["2026/11/01", "2026年11月1日（日）", "01.11.2026 8:00"])
@pytest.mark.parametrize(
    ("above", "names", "rows"),
    [
        (["日報", "{}"], "設備,内容,者", WORDS),
        (["{}", "日報"], "設備,内容,者", WORDS),
        (["日報,,{}"], "番号,温度,判定", data("{0}", "{1}", "良")),
        (["品番,S-1,,日,{}", "盤,3号,,者,森"], "番,径,幅,長,観", data("{0}", *["{1}"] * 3, "良")),
    ],
)
def test_a_title_and_a_day_right_above_the_names_are_none(
    tmp_path, above, names, rows, day, ending
):
    lines = [*(line.format(day) for line in above), names, *rows]
    table, frame, _ = read(write(tmp_path / f"a{ending}", lines))
    assert (table.columns, len(frame)) == (tuple(names.split(",")), 30)
    said = f"the columns are named in row {len(above) + 1}; {len(above)} above it left out"
    assert said in table.notices


@pytest.mark.parametrize(
    "lines",
    [
        ["設備,2026/11/01,2026/11/02,", "炉,予熱,昇温,異音", *data("M{0}", "{2}", "{2}", "")],
        ["点検記録", "M1", *["旋盤,給油,森"] * 9],  # no day
        ["点検記録", "2026/11/01", *["旋盤,給油,森"] * 2],  # as much above as below
        ["日付,所見", "2026/11/01,", "旋盤,給油", *["プレス,給油"] * 9],
    ],
)
def test_days_in_a_header_or_in_a_row_do_not_make_names_of_a_row_below(tmp_path, lines):
    names = lines[0].split(",")
    assert read(write(tmp_path / "a.csv", lines))[0].columns[0] == names[0]


@pytest.mark.parametrize(
    "lines",
    [
        [",値", "左,下", *data("{0}", "{1}")],
        ["a,,,d", "x,left,y,z", *data("x", "{1}", "y{2}", "z")],
        ["設備,,温度,圧力", "炉,左,予熱,昇圧", *data("炉{0}", "右", "{2}", "{1}")],
    ],
)
def test_a_header_with_gaps_that_are_few_is_all_of_it(tmp_path, lines):
    assert "左" not in read(write(tmp_path / "a.csv", lines))[0].columns[1:]
    assert not any("left out" in said for said in open_table(tmp_path / "a.csv").notices)


def test_a_single_pair_with_a_date_is_left_out_and_one_of_words_may_be_names(tmp_path):
    rows = ["時間[s],荷重[N]", *[f"{i / 10},{100 + i}" for i in range(30)]]
    path = write(tmp_path / "a.csv", ["測定日,2026/11/01", *rows])
    assert read(path)[0].columns == ("時間[s]", "荷重[N]")
    book = openpyxl.Workbook()
    book.active.append(["測定日", datetime.datetime(2026, 11, 1)])
    for row in TABLES["numbers"]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert open_table(tmp_path / "a.xlsx").columns == ("時間[s]", "荷重[N]")
    assert read(write(path, ["炉1,炉2", *rows]))[0].columns == ("炉1 時間[s]", "炉2 荷重[N]")


def test_a_single_column_is_named_below_pairs_and_an_empty_line(tmp_path):
    pairs = ["設備名,成形機5号機", "出力日時,2026/11/20 08:00"]
    rows = [f"08:{i:02} ALM E0{i} 油圧低下 軸{i % 4}" for i in range(1, 31)]
    path = write(tmp_path / "a.csv", [*pairs, "", "メッセージ", *rows], "cp932")
    table, frame, lines = read(path)
    assert (table.columns, frame["メッセージ"].tolist()) == (("メッセージ",), rows)
    assert lines == [*range(5, 35)]
    assert "the columns are named in row 4; 2 above it left out" in table.notices
    table, frame, _ = read(write(path, [*pairs, "", "メッセージ", *rows[:20], "扉開, 扉閉"]))
    assert (table.columns, len(frame)) == (("メッセージ",), 20)
    mixed = [row.replace(" 油", ",油") if i % 5 else row for i, row in enumerate(rows)]
    for lines in ([*pairs, "", "メッセージ", *mixed], [*pairs, "", "メッセージ", *rows[:4]]):
        assert read(write(path, lines))[0].columns != ("メッセージ",)


def test_texts_are_found_by_dates_or_by_name_below_a_title(tmp_path):
    rows = [f"2026/11/{day:02},ポンプ{day}の点検" for day in range(1, 30)]
    path = write(tmp_path / "a.csv", ["作業報告", "日付,内容", *rows])
    assert read_table(path, text_column="内容").texts[0] == "ポンプ1の点検"
    assert read(path)[0].columns == ("日付", "内容")
    write(path, ["作業報告", "機械,内容", *["A,点検した"] * 9])
    assert read(path, expected=("内容",))[0].columns == ("機械", "内容")
    with pytest.raises(InputError, match="rows as wide as the names in line 1; delete what") as e:
        read(path)
    assert Language("ja").error(str(e.value)) != str(e.value)


@pytest.mark.parametrize("rows", [["press,defect", "lathe,defect"], ["press,defect", "press,ok"]])
def test_a_row_of_texts_is_no_header_though_a_cell_of_it_has_the_name_asked_for(tmp_path, rows):
    path = write(tmp_path / "a.csv", ["machine,found", "lathe,nothing", *rows])
    table, frame, _ = read(path, expected=("defect",))
    assert (table.columns, len(frame)) == (("machine", "found"), 3)
    write(path, ["lathe,nothing", "machine,defect", "press,ok"])
    assert read(path, expected=("machine",))[0].columns == ("machine", "defect")


def test_a_row_with_numbers_is_no_second_header_though_a_cell_of_it_has_the_name_asked_for(
    tmp_path,
):
    path = write(tmp_path / "a.csv", [",temp,note", "speed,5.1,high", *["x,5,low"] * 5])
    assert read(path, expected=("speed",))[0].columns == ("column_1", "temp", "note")
    write(path, [",temp,note", "speed,upper,", *["x,5,low"] * 5])
    assert read(path, expected=("temp upper",))[0].columns == ("speed", "temp upper", "note")


def stations(above, *, judged="OK", n_rows=30):
    """Return lines of two stations as a line of machines exports them, a serial before them."""
    rows = [f"S{i},06:{i:02},11.{i},{judged},8.{i},{judged}," for i in range(n_rows)]
    return [*above, *rows]


GROUPS = "Serial,Station 1,,,Station 2,,"
NAMED = (
    *("Serial", "Station 1 Start", "Station 1 Force", "Station 1 Judge"),
    *("Station 2 Torque", "Station 2 Judge"),
)


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_names_below_groups_belong_to_them_beside_times_and_verdicts(tmp_path, ending):
    names = ",Start,Force,Judge,Torque,Judge,"
    table = open_table(write(tmp_path / f"a{ending}", stations([GROUPS, names])))
    assert table.columns[:6] == NAMED
    with_units = [GROUPS, names, ",,kN,,Nm,,"]
    table = open_table(write(tmp_path / f"b{ending}", stations(with_units)))
    assert table.columns[2:5] == (
        "Station 1 Force [kN]",
        "Station 1 Judge",
        "Station 2 Torque [Nm]",
    )
    for above, judged in (
        ([GROUPS, ",Start,Force,OK,Torque,OK,"], "OK"),  # said again below
        ([GROUPS, ",Start,,Judge,Torque,Judge,"], "OK"),  # a column is left without
        ([GROUPS, ",Start,n/a,Judge,n/a,Judge,"], "OK"),
    ):
        table = open_table(write(tmp_path / f"c{ending}", stations(above, judged=judged)))
        assert "Station 1" in table.columns


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize("said", ["UTC", "hh:mm", "TT.MM.JJJJ hh:mm:ss"])
def test_what_form_a_time_has_may_stand_among_units(tmp_path, said, ending):
    rows = [f"{i % 24:02}:07,{20 + i / 10:.1f},4.{i}" for i in range(30)]
    path = write(tmp_path / f"a{ending}", ["Time,T1,p1", f"{said},degC,bar", *rows])
    assert open_table(path).columns == ("Time", "T1 [degC]", "p1 [bar]")
    path = write(tmp_path / f"b{ending}", ["Time,T1,p1", f"{said},cold,low", *rows])  # control
    assert open_table(path).columns == ("Time", "T1", "p1")


def test_units_stand_above_limits_with_decimal_commas(tmp_path):
    rows = [f"{i};{'<0,5' if i % 9 == 0 else f'1,{i}'};7,{i}" for i in range(30)]
    path = write(tmp_path / "a.csv", ["Probe;Nitrat;pH", ";mg/l;", *rows])
    assert open_table(path).columns == ("Probe", "Nitrat [mg/l]", "pH")


def test_units_below_the_names_go_into_them_as_in_a_sheet(tmp_path):
    units = ["装置名,XYZ-100", NAMES, "-,℃,MPa", *ROWS]  # of which the last column has none
    path = write(tmp_path / "a.csv", units)
    table, frame, lines = read(path)
    assert table.columns == ("番号", "温度 [℃]", "圧力 [MPa]", "備考")
    assert (len(frame), lines[0]) == (60, 4)
    assert table.notices[1] == "row 3 is read as part of the names: 番号, 温度 [℃], 圧力 [MPa]"
    assert read(path, expected=("温度",))[0].columns == ("番号", "温度", "圧力 [MPa]", "備考")
    commas = ["Zeit;Druck", "s;bar", *[f"0,{i};1,{i}5" for i in range(1, 9)]]
    table, frame, _ = read(write(path, ["Prüfstand;P7", "", *commas]))
    assert (table.columns, len(frame)) == (("Zeit [s]", "Druck [bar]"), 8)


def test_a_second_row_of_names_belongs_to_the_header_as_in_a_sheet(tmp_path):
    rows = [f"4/{i},{i},{i + 1}" for i in range(1, 9)]
    path = write(tmp_path / "a.csv", ["日時,温度,", ",上,下", *rows])
    table, frame, _ = read(path)
    assert (table.columns, len(frame)) == (("日時", "温度 上", "温度 下"), 8)
    detector_of_before = ("日時", "温度", "column_3")
    assert read(path, expected=detector_of_before)[0].columns == detector_of_before


def test_two_further_rows_of_names_are_said_at_once(tmp_path):
    rows = [f"4/{i},{i},{i + 1},5" for i in range(1, 9)]
    path = write(tmp_path / "a.csv", ["日時,炉,,圧力", ",上,下,", ",℃,℃,MPa", *rows])
    table = open_table(path)
    assert table.columns == ("日時", "炉 上 [℃]", "炉 下 [℃]", "圧力 [MPa]")
    said = "rows 2 and 3 are read as part of the names: 炉 上 [℃], 炉 下 [℃], 圧力 [MPa]"
    assert table.notices == (said,)


NUMBERS = ["1,2,3"] * 9


@pytest.mark.parametrize(
    "lines",
    [
        ["a,b,,", *["1,2,x,y"] * 9],
        ["a,b", *["r,1,2"] * 9],  # as R writes names of rows
        ["name,value", "a,N.D.", "b,異常", *["c,5"] * 9],
        ["name,value", "a,5", "b,6", "", "c,異常", *["d,7"] * 30],
        ["text", "hello", "you, 2", "them, 3", "us, 4"],
        ["text", "Step, name", "foo, bar", "and, so", "on, and"],
        ["a,b,c", "x", *NUMBERS],  # a line that is cut off
        ["a,b,c", "x,NG,ERR", *NUMBERS],
        ["2024,2025,2026", *NUMBERS],
        ["no,p,", "M0,off,see log", *["M1,5,x"] * 9],
        ["測定結果", "値,所見", *["0.5,ok", "0.6,x"] * 9, "OL,see log", *["0.5,ok"] * 30],
        ["no,p,", "M1,see log,first", *["M1,5,x"] * 9],
        [",,", *NUMBERS],
        ["a,b,c", "d,e,f", "g,h,i"],
        ["a,b", "項目,値,x", "c,d,e", "f,g,h"],
        ["text", "hello", "", "name", *"123456789"],
        ["id,text", "1,oil", "2,seal", "", "※ 概算", *["備考"] * 5],
        ["id,text", "1,oil", "2,seal", "", *"abcdefghijklmnop"],
    ],
)
def test_of_any_other_file_the_first_line_names_the_columns(tmp_path, lines):
    table = open_table(write(tmp_path / "a.csv", lines))
    n_cells = len(lines[0].split(","))
    own = [name if name else f"column_{j}" for j, name in enumerate(lines[0].split(","), 1)]
    assert (table.columns, len(table.columns)) == (tuple(own), n_cells)
    assert not any("left out" in notice or "part of" in notice for notice in table.notices)


def test_a_first_line_that_is_too_narrow_for_the_rows_is_doubted(tmp_path):
    lines = ["作業報告", "1", "機械,内容", *["A,点検した"] * 9]
    table = open_table(write(tmp_path / "a.csv", lines))
    (notice,) = table.notices
    assert notice == (
        "row 1 is taken for the names of the columns, and most below have more cells: 作業報告; "
        "delete what stands above the names"
    )
    assert Language("ja").notice(notice).startswith("1行目を見出しとしましたが")


def test_names_of_a_wide_table_of_words_are_looked_for_without_reading_each_as_a_number(
    tmp_path, monkeypatch
):
    read_as_numbers, calls = cell_types.as_numbers, []
    monkeypatch.setattr(
        cell_types, "as_numbers", lambda own: calls.append(own) or read_as_numbers(own)
    )
    lines = [",".join(f"w{i}x{j}" for j in range(100)) for i in range(60)]
    assert open_table(write(tmp_path / "a.csv", ["title", *lines])).columns == ("title",)
    assert calls == []  # each takes as long as reading a line
    assert open_table(write(tmp_path / "b.csv", ["a", "t,I", *["x,2e-9"] * 9])).columns == (
        "t",
        "I",
    )
    assert calls


@pytest.mark.parametrize(
    "cell", ["1e5", "-1.5E-3", "1,234e5", "5e5%", "１ｅ５", "2024/5/1", "▲5", "9"]
)
def test_numbers_and_dates_are_numerals_and_words_are_none(cell):
    assert cell_types.is_numeral(f" {cell} ")
    assert not any(map(cell_types.is_numeral, ["", "e5", "1e", "x1", "1e5e", "0x10", "nan", "inf"]))


def test_names_are_looked_for_among_long_texts_with_many_brackets(tmp_path):
    path = write(tmp_path / "a.csv", ["id,body", f"1,{'f(x) ' * 20_000}y"])  # took minutes
    assert open_table(path, ReadOptions(expected=("body", "text"))).columns == ("id", "body")


def test_the_delimiter_is_that_of_the_table_below_a_title(tmp_path):
    rows = [f"{t};1,{t}5;2" for t in np.arange(10, 30)]
    path = write(tmp_path / "a.csv", ["Messung, Halle 3", "", "Nr;Druck;Stufe", *rows])
    table, frame, _ = read(path)
    assert table.columns == ("Nr", "Druck", "Stufe")
    assert len(frame) == 20


@pytest.mark.parametrize(
    "kinds", [("{0}", "2{0},3", "5,{0}"), ("2{0},3", "5,{0}"), ("2{0},3",) * 4]
)
def test_commas_of_decimals_part_no_cells_where_a_german_file_has_no_names(tmp_path, kinds):
    lines = [";".join(own.format(i) for own in kinds) for i in range(1, 30)]
    table, frame, _ = read(write(tmp_path / "a.csv", lines))
    assert len(table.columns) == len(kinds)
    assert len(frame) == 28
    said = "a column is called 21,3; put names above it if that is a row"
    assert said in table.notices


@pytest.mark.parametrize("point", [".", ","])
@pytest.mark.parametrize("step", [0.5, -0.5])
def test_names_that_only_rise_or_fall_are_an_axis_and_no_row(tmp_path, point, step):
    names = [f"{400 + step * i}".replace(".", point) for i in range(9)]
    lines = [";".join(["sample", *own]) for own in (names, [*names[1:], names[0]])]
    rows = [f"S{i}" + f";{i}{point}25" * 9 for i in range(20)]
    axis, shuffled = (
        read(write(tmp_path / f"{i}.csv", [line, *rows]))[0] for i, line in enumerate(lines)
    )
    assert axis.notices == ()
    assert "put names above it if that is a row" in shuffled.notices[0]  # control


@pytest.mark.parametrize("line", ["x,1;2", "1;2,3;a", "1,2", "a;1,2 m"])
def test_any_other_comma_may_part_cells_beside_semicolons(tmp_path, line):
    n_commas, n_semicolons = line.count(","), line.count(";")
    columns = read(write(tmp_path / "a.csv", [line, *[line] * 9]))[0].columns
    assert len(columns) == 1 + max(n_commas, n_semicolons)
