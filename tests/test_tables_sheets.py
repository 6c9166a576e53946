"""Sheets as people make them: headers of two rows, units, merged cells, formulas."""

import datetime
import io

import openpyxl
import pytest

from polar_detect.messages.language import Language
from polar_detect.tables import ReadOptions, open_table
from polar_detect.tables.input import excel_xml


def book(path, rows, merged=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for own in merged:
        book.active.merge_cells(own)
    book.save(path)
    return path


def read(path, **options):
    table = open_table(path, ReadOptions(**options))
    (chunk,) = table.chunks()
    return table, chunk.frame.values.tolist()


NUMBERS = [["x", 1, 2.5, 3], ["y", 4, None, 6], ["z", 7, 8, 9]]


@pytest.mark.parametrize("merged", [(), ("A1:A2", "B1:C1")])
def test_a_header_of_two_rows_names_the_columns_together(tmp_path, merged):
    rows = [["日時", "温度", None, "圧力"], [None, "上", "下", "上"], *NUMBERS]
    table, cells = read(book(tmp_path / "a.xlsx", rows, merged))
    assert table.columns == ("日時", "温度 上", "温度 下", "圧力 上")
    assert [row[1] for row in cells] == [1, 4, 7]
    assert table.notices == ("row 2 is read as part of the names: 温度 上, 温度 下, 圧力 上",)


def test_a_row_of_units_goes_into_the_names(tmp_path):
    rows = [["日報"], [], ["no", "temp", "flow", "n"], [None, "℃", "[m³/h]", "-"], *NUMBERS]
    path = book(tmp_path / "a.xlsx", rows)
    table, cells = read(path)
    assert table.columns == ("no", "temp [℃]", "flow [m³/h]", "n")
    assert len(cells) == 3
    assert next(iter(open_table(path).chunks())).lines.tolist() == [5, 6, 7]
    assert read(path, expected=("temp",))[0].columns == ("no", "temp", "flow [m³/h]", "n")
    wide = [["no", "温度", "圧力"], [None, "（℃）", "［MPa］"], *[[i, 20 + i, 1] for i in range(3)]]
    assert read(book(path, wide))[0].columns == ("no", "温度 [℃]", "圧力 [MPa]")


@pytest.mark.parametrize("label", ["単位", "[Unit]", "（単位）", "Einheit", "規格"])
def test_a_row_of_units_may_begin_with_the_word_for_it(tmp_path, label):
    rows = [["no", "temp", "flow", "n"], [label, "℃", "m³/h", "-"], *NUMBERS]
    table, cells = read(book(tmp_path / "a.xlsx", rows))
    assert (table.columns, len(cells)) == (("no", "temp [℃]", "flow [m³/h]", "n"), 3)
    rows[1][0] = "品名"  # control
    assert len(read(book(tmp_path / "b.xlsx", rows))[1]) == 4
    kinds = [["項目", "値"], ["単位", "mm"], ["形", "丸"], ["色", "赤"]]  # a table of pairs
    assert len(read(book(tmp_path / "c.xlsx", kinds))[1]) == 3


FURNACES = [
    ["日時", "炉1", None, "圧力"], [None, "上", "下", None], [None, "℃", "℃", "MPa"],
]  # fmt: skip


@pytest.mark.parametrize("merged", [(), ("A1:A3", "B1:C1", "D1:D2"), ("B1:C1",)])
def test_units_below_a_header_of_two_rows_go_into_the_names(tmp_path, merged):
    rows = [["日報"], [], *FURNACES, *NUMBERS]
    moved = [own.translate(str.maketrans("123", "345")) for own in merged]
    table, cells = read(book(tmp_path / "a.xlsx", rows, moved))
    assert table.columns == ("日時", "炉1 上 [℃]", "炉1 下 [℃]", "圧力 [MPa]")
    assert cells[0][0] == "x"
    assert len(cells) == 3
    assert table.notices[1:] == (
        "rows 4 and 5 are read as part of the names: 炉1 上 [℃], 炉1 下 [℃], 圧力 [MPa]",
    )
    said = Language("ja").notice(table.notices[1])
    assert said.startswith("4行目と5行目を見出しの一部として読みました")
    names = ("炉1 上 [℃]",)
    assert read(tmp_path / "a.xlsx", expected=names)[0].columns == table.columns


@pytest.mark.parametrize(
    "rows",
    [
        [["a", "b"], ["x", "y"], ["℃", "MPa"], ["z", "w"], ["v", "u"]],  # no numbers below
        [["a", "b"], ["x", "NG"], ["℃", "℃"], ["y", 1], ["z", 2]],
        [["name", "unit"], ["温度", "℃"], ["圧力", "MPa"], ["流量", "m³/h"]],
        [["a", "b"], [1, 2], ["℃", "MPa"], [3, 4], [5, 6]],
        [["a", "b"], ["上", "下"], ["左", "右"], [1, 2], [3, 4]],
    ],
)
def test_a_third_row_of_anything_else_is_a_row(tmp_path, rows):
    table, cells = read(book(tmp_path / "a.xlsx", rows))
    assert (table.columns, len(cells)) == (tuple(rows[0]), len(rows) - 1)


def test_merged_cells_tell_how_many_rows_name_the_columns(tmp_path):
    names = [["日時", "測定", None], [None, "温度", "所見"], [None, "℃", None]]
    data = [["4/1", 20, "良好"], ["4/2", 21, "異音"]]
    table, cells = read(book(tmp_path / "a.xlsx", [*names, *data], ("A1:A3", "B1:C1")))
    assert table.columns == ("日時", "測定 温度 [℃]", "測定 所見")
    assert cells == data
    words = [["4/1", "高", "良好"], ["4/2", "低", "異音"]]  # no numbers below the unit
    table, cells = read(book(tmp_path / "b.xlsx", [*names, *words], ("A1:A2", "B1:C1")))
    assert table.columns == ("日時", "測定 温度", "測定 所見")
    assert len(cells) == 3


TWO = [["no", "text"], [1, "油圧ポンプ交換"], [2, "異音"]]


@pytest.mark.parametrize(
    ("above", "expected"),
    [([["作業記録"], []], ()), ([["作業記録"]], ("TEXT",))],
)
def test_a_title_is_no_header_above_two_columns_either(tmp_path, above, expected):
    table, cells = read(book(tmp_path / "a.xlsx", [*above, *TWO]), expected=expected)
    assert table.columns == ("no", "text")
    assert cells == TWO[1:]


TALK = [["設備", "内容"], ["プレス", "油漏れ"], ["旋盤", "異音"], ["プレス", "清掃"]]


def test_a_title_that_is_merged_over_the_names_is_no_header(tmp_path):
    titled = [["点検記録", None], *TALK]
    table, cells = read(book(tmp_path / "a.xlsx", titled, ("A1:B1",)))
    assert (table.columns, cells) == (("設備", "内容"), TALK[1:])
    assert read(book(tmp_path / "b.xlsx", titled))[0].columns[0] == "点検記録"
    grouped = [["温度", None], ["上", "下"], [20, 21], [22, 23], [24, 25]]
    table, _ = read(book(tmp_path / "c.xlsx", grouped, ("A1:B1",)))
    assert table.columns == ("温度 上", "温度 下")


def test_a_form_with_stamps_and_pairs_above_its_table_is_passed_over(tmp_path):
    above = [[None, "検査成績書", None, None, "承認", "確認"], [], [None, "品番", "A-100"]]
    names = [None, "No", "寸法1", "寸法2", "外観", "判定"]
    rows = [[None, i, 10 + i / 100, 5.5, "良", "合"] for i in range(1, 20)]
    table, cells = read(book(tmp_path / "a.xlsx", [*above, [], names, *rows]))
    assert (table.columns, len(cells)) == (tuple(names[1:]), 19)
    assert table.notices == ("the columns are named in row 5; 2 above it left out",)


@pytest.mark.parametrize(
    "above",
    [
        [["寸法検査表", None, None, "発行", datetime.date(2026, 11, 1)]],
        [
            ["品番", "SH-2001", None, "発行", datetime.date(2026, 11, 1)],
            ["機械", "3号機", None, "担当", "佐藤"],
        ],
    ],
)
def test_a_date_among_the_words_of_a_title_or_a_form_does_not_make_it_names(tmp_path, above):
    names = ["No", "外径", "内径", "全長", "外観"]
    rows = [[i, 20 + i / 100, 12 + i / 100, 50.1, "良"] for i in range(1, 20)]
    table, cells = read(book(tmp_path / "a.xlsx", [*above, [], names, *rows]))
    assert (table.columns, len(cells)) == (tuple(names), 19)


def test_dates_beside_a_word_stay_names_where_no_row_below_is_wider(tmp_path):
    names = ["設備", *(datetime.datetime(2026, 11, day) for day in (1, 2, 5))]
    rows = [["プレス", 5, 6, 7], ["旋盤", 4, 3, 2], [], ["研削盤", 1, 2, 3], ["炉", 4, 4, 4]]
    table, _ = read(book(tmp_path / "a.xlsx", [names, *rows]))
    assert table.columns == tuple(map(str, names))


MACHINES = [["M1", 5.1, 20], ["M2", 4.9, 22], ["M3", 5.0, 21]]


@pytest.mark.parametrize(
    ("above", "n_above"),
    [
        ([["表1", "Rev.2"]], 1),
        ([["作成者", "山田"]], 1),
        ([["作成者", "山田"], []], 1),
        ([["日報"], ["作成者", "山田"]], 2),
        ([[None, "測定1", None]], 1),
        ([["装置名", "XYZ-100"], ["測定日", "2026/11/01"], []], 2),
        ([["表1"], [], ["装置名", "XYZ-100"], ["回数", 3]], 3),
    ],
)
def test_what_stands_above_more_names_is_no_header_of_a_narrow_table(tmp_path, above, n_above):
    table, cells = read(book(tmp_path / "a.xlsx", [*above, ["no", "p1", "t1"], *MACHINES]))
    assert table.columns == ("no", "p1", "t1")
    assert cells == MACHINES
    assert f"; {n_above} above it left out" in table.notices[0]


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["no", "p"], ["M0", "off", "see log"]),  # a state among the numbers
        (["no", "p"], ["M0", "x", "x"]),  # names are different ones
        (["no", "p"], ["M0", "see log"]),  # no more cells
        (["no", "p"], ["M0", 3, "see log"]),
        (["no", 7], ["M0", "P1", "T1"]),  # a number is no title
        (["no", "p"], ["M0", "<0.5", "first"]),  # a number that is text is no name
        (["no", "p"], ["M0", "▲5", "first"]),
        (["day", "p"], ["2024/05/01", "first", "M0"]),
        (["no", "p"], ["M1", "see log", "first"]),  # a name is not there again
        (["no", "p"], ["M0", "P1", "T1"]),  # M1, M2 and M3 stand below
    ],
)
def test_names_that_are_too_few_stay_above_rows_that_are_none(tmp_path, names, first):
    table, cells = read(book(tmp_path / "a.xlsx", [names, first, *MACHINES]))
    assert table.columns[:2] == tuple(map(str, names))
    assert [row[0] for row in cells] == [first[0], "M1", "M2", "M3"]


def test_names_that_are_expected_are_found_below_a_row_as_wide(tmp_path):
    above, names = ["作成者", "山田"], ["設備", "コメント"]
    rows = [above, [], names, ["M1", "設備"], ["M2", "ok"]]
    path = book(tmp_path / "a.xlsx", rows)
    assert read(path)[0].columns == tuple(above)  # nothing says which
    table, cells = read(path, expected=tuple(names))
    assert (table.columns, cells) == (tuple(names), rows[3:])
    assert read(path, expected=("作成者", "設備"))[0].columns == tuple(above)
    assert read(path, expected=("温度", "圧力"))[0].columns == tuple(above)
    assert read(path, expected=("設備", "圧力"))[0].columns == tuple(above)  # half of them only


def test_numbers_that_are_texts_stay_below_the_only_name(tmp_path):
    rows = [["M1", "5.1"], ["M2", "4.9"], ["M3", "5.0"]]
    table, cells = read(book(tmp_path / "a.xlsx", [[None, "p"], *rows]))
    assert (table.columns, cells) == (("column_1", "p"), rows)


def test_names_that_are_expected_stay_above_a_row_of_more_words(tmp_path):
    rows = [["no", "p"], ["M", "P1", "T1"], *MACHINES]
    path = book(tmp_path / "a.xlsx", rows)
    assert read(path)[0].columns == ("M", "P1", "T1")  # control
    assert read(path, expected=("p",))[0].columns == ("no", "p", "column_3")


@pytest.mark.parametrize("first", [["text"], [None, "text"]])
def test_a_header_may_leave_one_of_two_columns_without_a_name(tmp_path, first):
    table, cells = read(book(tmp_path / "a.xlsx", [first, *TWO[1:]]))
    assert "text" in table.columns
    assert cells == TWO[1:]


@pytest.mark.parametrize(
    ("above", "rows"),
    [
        (["設備", "温度", "判定"], [["A", 20, "OK"], ["B", 21, "OK", "remark"]]),
        ([None, "text"], [[0, "a"], [1, "b"]]),
        (["size", "n"], [["M"], [36, 0], [37, 1]]),
        (["no", "気温"], [[None, "(1,200)"], [1, 5], [2, 6]]),
        (["no", "備考"], [[None, "(注)"], [1, 5], [2, 6]]),
        (["上限", "下限"], [["自動", "手動"], [1, 2], [3, 4]]),
    ],
)
@pytest.mark.parametrize("blank", [[], [[]]])
def test_a_header_above_an_empty_row_or_a_strange_one_is_all_of_it(tmp_path, above, rows, blank):
    table, cells = read(book(tmp_path / "a.xlsx", [above, *blank, *rows]))
    assert len(cells) == len(rows)
    assert table.columns[1] == above[1]


def test_a_name_that_is_expected_and_stands_among_the_cells_is_no_header(tmp_path):
    rows = [["no", "result"], *[[i, "NG" if i == 3 else "OK"] for i in range(6)]]
    table, cells = read(book(tmp_path / "a.xlsx", rows), expected=("NG",))
    assert (table.columns, len(cells)) == (("no", "result"), 6)


def test_a_box_that_is_merged_beside_the_table_is_none_of_its_names(tmp_path):
    names = ["設備", "温度", "圧力", "速度", "判定"]
    rows = [["日報", *[None] * 4, "承認"], names, *[["A", 20 + i, 1.5, 3, "OK"] for i in range(3)]]
    table, cells = read(book(tmp_path / "a.xlsx", rows, ("F1:F2",)))
    assert table.columns == tuple(names)
    assert len(cells) == 3
    pairs = [["a", 20], [None, 21], ["c", 22], [None, 23]]
    assert read(book(tmp_path / "b.xlsx", pairs, ("A1:A2", "A3:A4")))[0].columns == ("a", "20")


READINGS = [["9:00", 180.5 + i, 5.5 + i / 8, None] for i in range(40)]
UNITS = [["日時", "温度", "圧力", "備考"], [None, "℃", "MPa", "-"]]


@pytest.mark.parametrize("cell", ["-", "未測定", "NG", "１８１．２", "1,234", "OVER"])
def test_a_cell_that_is_no_number_leaves_the_header_as_it_is(tmp_path, cell):
    headers = {"a": UNITS[1], "b": [None, "上", "下", None]}
    if cell in {"NG", "OVER"}:  # below words, these make a column of words
        headers.pop("b")
    for name, names in headers.items():
        rows = [UNITS[0], names, *map(list, READINGS)]
        rows[9][1], rows[12][3] = cell, "点検"
        table, cells = read(book(tmp_path / f"{name}.xlsx", rows))
        assert (len(cells), cells[7][1]) == (40, cell)
        assert table.columns[0] == "日時"
        assert len(table.notices) == 1


def test_units_need_most_numbers_below_and_words_all(tmp_path):
    for name, second, n_words, is_header in (
        ("a", UNITS[1], 19, True),
        ("b", UNITS[1], 21, False),
        ("c", [None, "上", "下", None], 0, True),
        ("d", [None, "上", "下", None], 1, False),
    ):
        rows = [UNITS[0], second, *map(list, READINGS)]
        for i, row in enumerate(rows[2 : 2 + n_words]):
            row[1] = f"外れ {i}"
        assert len(read(book(tmp_path / f"{name}.xlsx", rows))[1]) == (40 if is_header else 41)


def test_a_single_unit_is_a_row_of_units(tmp_path):
    rows = [UNITS[0], [None, "[℃]", None, None], *map(list, READINGS)]
    assert read(book(tmp_path / "a.xlsx", rows))[0].columns[1] == "温度 [℃]"


def test_a_word_that_stands_below_again_is_no_name(tmp_path):
    rows = [UNITS[0], [None, "試運転", "本運転", None], *map(list, READINGS)]
    assert len(read(book(tmp_path / "a.xlsx", rows))[1]) == 40
    rows[20][1] = "試運転"
    assert len(read(book(tmp_path / "b.xlsx", rows))[1]) == 41


@pytest.mark.parametrize("expected", ["温度 [℃]", "温度[℃]"])
def test_a_second_row_is_part_of_the_names_where_such_names_are_expected(tmp_path, expected):
    path = book(tmp_path / "a.xlsx", [*UNITS, ["9:00", "停止", "停止", None]])
    table, cells = read(path, expected=(expected,))
    assert table.columns == ("日時", "温度 [℃]", "圧力 [MPa]", "備考")
    assert len(cells) == 1
    assert len(read(path, expected=("温度",))[1]) == 2


def test_a_second_row_is_part_of_the_names_where_a_cell_is_merged_over_both(tmp_path):
    rows = [["No", "条件", None, "結果"], [None, "1回目", "2回目", None]]
    rows += [[1, 180.5, 5.5, "良"], [2, "停止", None, "否"]]
    path = book(tmp_path / "a.xlsx", rows, ("A1:A2", "B1:C1", "D1:D2"))
    assert read(path)[0].columns == ("No", "条件 1回目", "条件 2回目", "結果")
    assert read(book(tmp_path / "b.xlsx", rows, ("B1:C1",)))[0].columns[1] == "条件"
    # With many columns below one name, the second row is the fuller one.
    wide = [["No", "条件", *[None] * 5], [None, *"上下左右前後"], [1, *"abcdef"]]
    table, cells = read(book(tmp_path / "c.xlsx", wide, ("A1:A2", "B1:G1")))
    assert table.columns == ("No", *(f"条件 {own}" for own in "上下左右前後"))
    assert len(cells) == 1


@pytest.mark.parametrize(
    "first",
    [
        ["a", "上", "下", "上"],  # over a column of texts, too
        [None, "上", None, None],
        [None, "上", 5, None],
        [None, "N/A", "欠測", "-"],
        [None, "-", "-", "-"],
        [None, "保守", "保守", "保守"],
        [None, "12", "13", "14"],
        [None, True, "上", "下"],
    ],
)
def test_a_row_of_data_is_never_taken_for_names(tmp_path, first):
    table, cells = read(book(tmp_path / "a.xlsx", [["no", "b", "c", "d"], first, *NUMBERS]))
    assert table.columns == ("no", "b", "c", "d")
    assert len(cells) == 4
    assert table.notices == ()


def test_a_table_of_texts_keeps_its_first_row(tmp_path):
    rows = [["id", "text", "who"], ["a", "pump leaks", "Ito"], ["b", "seal worn", "Abe"]]
    assert len(read(book(tmp_path / "a.xlsx", rows))[1]) == 2
    few = [["a", "b"], ["上", "下"], [1, 2]]  # one number each says little
    assert len(read(book(tmp_path / "b.xlsx", few))[1]) == 2


def test_merged_cells_say_the_same_in_each_of_their_rows(tmp_path):
    rows = [["設備", "温度", "備考"], *[[None, t, None] for t in range(200, 206)]]
    rows[1][0], rows[4][0], rows[5][2] = "1号機", "2号機", "点検"
    path = book(tmp_path / "a.xlsx", rows, ("A2:A4", "A5:A7", "B1:C1", "C6:C7"))
    table, cells = read(path)
    assert [row[0] for row in cells] == ["1号機"] * 3 + ["2号機"] * 3
    assert [row[2] for row in cells] == [None] * 4 + ["点検"] * 2
    assert "merged cells are read in each of their rows; 5 filled in" in table.notices
    plain = read(book(tmp_path / "b.xlsx", rows))
    assert [row[0] for row in plain[1]] == ["1号機", None, None, "2号機", None, None]
    assert not any("merged" in notice for notice in plain[0].notices)


def test_cells_merged_across_columns_stay_in_the_first(tmp_path):
    rows = [["a", "b"], ["both", None], ["x", "y"]]
    assert read(book(tmp_path / "a.xlsx", rows, ("A2:B2",)))[1] == [["both", None], ["x", "y"]]


def test_formulas_without_a_stored_result_are_counted(tmp_path):
    rows = [["a", "b"], [1, "=A2*2"], [2, "=A3*2"], [3, "=SUM(A2:A4)"], [4, 8]]
    table, cells = read(book(tmp_path / "a.xlsx", rows))
    assert [row[1] for row in cells][-1] == 8
    assert table.notices == (
        "formulas without a stored result are read as empty cells: 3; open the file in a "
        "spreadsheet program and save it",
    )
    assert read(book(tmp_path / "b.xlsx", [["a", "b"], [1, 2]]))[0].notices == ()


def test_hidden_rows_and_columns_that_are_read_are_said(tmp_path, monkeypatch):
    filled = openpyxl.Workbook()
    for row in [["a", "b", None, "d"], *[[i, i, None, i] for i in range(60)]]:
        filled.active.append(row)
    for row in (1, 5, 6, 61, 99):
        filled.active.row_dimensions[row].hidden = True
    for column in "BCH":
        filled.active.column_dimensions[column].hidden = True
    filled.save(tmp_path / "a.xlsx")
    for block in (997, 1 << 20):
        monkeypatch.setattr(excel_xml, "_BLOCK_BYTES", block)
        table, cells = read(tmp_path / "a.xlsx")
        assert len(cells) == 60
        assert table.notices == ("hidden rows are read too: 3", "hidden columns are read too: b")


def at_end(*rows):
    return [["日時", "設備", "工数"], *[["4/1", "A", i] for i in range(9)], *rows]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            at_end(["合計", None, 9], [], [None, "平均値：", 1], [None, None, "※ 概算"]),
            "3, from row 11",
        ),
        (at_end([None, "Grand Total", 45]), "1, from row 11"),
        (at_end(["合　計", None, 9], ["総 合計", None, 9], [None, "ﾄｰﾀﾙ", 1]), "3, from row 11"),
        (at_end(["Gesamtsumme", None, 9], ["注1) 概算"], ["以上"]), "3, from row 11"),
        (at_end(["Total Feb", None, 9], ["Note: gauge 4"]), "2, from row 11"),
        (at_end(["Summe KW 12", None, 9], ["Printed 2026-03-10"]), "2, from row 11"),
        (at_end(["Subtotal 2026-02:", None, 9], ["備考：4点平均"]), "2, from row 11"),
        (at_end(["注文", "A", 9]), None),
        (at_end(["Note: gauge 4", "A", 9]), None),
        (at_end(["Total Quartz", "A", 9]), None),
        (at_end(["以上なし", "A", 9]), None),
        (at_end(["合計", None, 9], ["4/2", "B", 1]), None),  # data stand behind it
        (at_end(["合計器", "A", 1]), None),
        (at_end(["4/2", "合計", 1]), None),
        (at_end([datetime.datetime(2025, 4, 2), "合計", 1]), None),
    ],
)
def test_totals_and_notes_behind_all_data_are_said_and_read(tmp_path, cells, said):
    table, found = read(book(tmp_path / "a.xlsx", cells))
    assert len(found) == len(list(filter(None, cells))) - 1
    assert table.notices == (
        ()
        if said is None
        else (
            f"totals or notes at the end are read as rows: {said}; delete them in the file to "
            "leave them out",
        )
    )


@pytest.mark.parametrize(
    ("cell", "n"),
    [
        (b'<c r="B2"><f>A2*2</f><v>4</v></c>', 0),
        (b'<c r="B2" t="str"><f>""</f><v></v></c>', 0),
        (b'<c r="B2" s="1"><f t="shared" si="0"/></c>', 1),
        (b'<x:c r="B2"><x:f>A2&amp;"b"</x:f><x:v/></x:c>', 1),
        (b'<c r="B2"><v>4</v></c>', 0),
    ],
)
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_only_a_formula_without_a_value_counts(monkeypatch, cell, n, block):
    monkeypatch.setattr(excel_xml, "_BLOCK_BYTES", block)
    between = b'<c r="A1"><v>1</v></c>'
    found = list(excel_xml._find(io.BytesIO(between + (cell + between) * 3)))
    assert sum(b't="str"' not in own["type"] for own in found) == 3 * n
