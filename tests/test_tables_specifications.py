"""Rows right below the names that say what is allowed: 規格, 上限, 下限."""

import openpyxl
import pytest

from polar_detect.messages.language import Language
from polar_detect.tables import ReadOptions, open_table

NAMES = ["No", "外径", "内径", "外観"]
ROWS = [[i, 20 + i / 1000, 12 - i / 1000, "良"] for i in range(1, 10)]
LIMITS = [["規格", 20, 12, "傷なきこと"], ["上限", 20.03, 12.03], ["下限", 19.97, 11.97]]


def read(path, rows, **options):
    if path.suffix == ".csv":
        width = max(map(len, rows))
        padded = [[*row, *[None] * (width - len(row))] if row else [] for row in rows]
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in padded]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    table = open_table(path, ReadOptions(**options))
    chunks = [*table.chunks()]
    lines = [line for chunk in chunks for line in chunk.lines.tolist()]
    return table, [row for chunk in chunks for row in chunk.frame.values.tolist()], lines


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize(
    ("above", "limits", "labels"),
    [
        ([NAMES], LIMITS, "規格, 上限, 下限, from row 2"),
        ([["検査成績書"], [], NAMES], LIMITS, "規格, 上限, 下限, from row 4"),
        ([NAMES, [None, "mm", "mm", None]], LIMITS[1:], "上限, 下限, from row 3"),
        ([NAMES, ["単位", "mm", "mm", None]], [["定量下限", 0.5, 0.1]], "定量下限, from row 3"),
        ([NAMES], [["規格", "φ20±0.03", "φ12", None]], "規格, from row 2"),
        ([NAMES], [], None),
        ([["Serial", "Vout", "Iq", "Result"]], [["Upper Limit", 5.2], ["LSL", 4]], "Upper Limit"),
        ([["Nr", "a", "b", "c"]], [["Sollwert", 20], ["OT", 20.1], ["UT", 19.9]], "Sollwert, OT"),
        (
            [["日付", "No", "外径", "判定"]],
            [[None, "規格値", 20], [None, "公差", "±0.3"]],
            "規格値",
        ),
    ],
)
def test_limits_below_the_names_are_left_out_and_said(tmp_path, above, limits, labels, ending):
    rows = (
        ROWS if above[0][0] != "日付" else [[f"11/{i}", i, 20 + i / 9, "良"] for i in range(1, 10)]
    )
    path = tmp_path / f"a{ending}"
    table, cells, lines = read(path, [*above, *limits, *rows])
    assert len(cells) == 9
    assert lines == [len(above) + len(limits) + i for i in range(1, 10)]
    said = [notice for notice in table.notices if "left out" in notice and "below" in notice]
    assert len(said) == (labels is not None)
    assert labels is None or f": {labels}" in said[0]
    assert len(read(path, [*above, *limits, *rows], expected=table.columns)[1]) == 9


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
@pytest.mark.parametrize(
    "rows",
    [
        [["項目", "外径"], ["規格", 20], ["上限", 20.03], ["下限", 19.97]],  # a table of limits
        [["区分", "値"], *[["上限", 5], ["下限", 3]] * 5],
        [["No", "値"], ["上限", 5], *[[i, 3] for i in range(9)], ["上限", 6]],
        [["項目", "甲"], ["規格", "JIS G3101"], ["材質", "SS400"], ["重量", 5], ["寸法", 20]],
        [["No", "値"], [1, 5], ["上限", 5], *[[i, 3] for i in range(9)]],  # not right below
        [["No", "判定"], ["規格", "傷なきこと"], *[[i, "良"] for i in range(9)]],  # no number
        [["No", "所見"], ["規格", "2号"], *[[i, "良"] for i in range(9)]],  # above no number
        [["統計", "値"], ["上限", 5], ["下限", 3], ["平均", 4], ["標準偏差", 1], ["n1", 9]],
        [["No", "値"], ["規格外", 5], *[[i, 3] for i in range(9)]],
    ],
)
def test_rows_that_only_begin_as_limits_stay_rows(tmp_path, rows, ending):
    table, cells, _ = read(tmp_path / f"a{ending}", rows)
    assert (table.columns, len(cells)) == (tuple(rows[0]), len(rows) - 1)
    assert not any("left out" in notice for notice in table.notices)


def test_limits_do_not_keep_a_second_row_of_names_from_being_one(tmp_path):
    names = [["No", "外径", None], [None, "上", "下"]]
    rows = [[i, 20 + i / 9, 21 - i / 9] for i in range(1, 9)]
    limits = [["規格", "φ20±0.3", "φ20±0.3"]]
    for ending in (".csv", ".xlsx"):
        table, cells, _ = read(tmp_path / f"a{ending}", [*names, *limits, *rows])
        assert (table.columns, len(cells)) == (("No", "外径 上", "外径 下"), 8)


def test_that_limits_are_left_out_is_said_in_japanese(tmp_path):
    table, _, _ = read(tmp_path / "a.csv", [NAMES, *LIMITS, *ROWS])
    (notice,) = table.notices
    said = "見出しの下の規格, 上限, 下限は規格などの行とみなして除きました（2行目から）"
    assert Language("ja").notice(notice) == said


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_line_among_limits_that_is_no_row_is_rejected_and_not_left_out_unsaid(tmp_path, place):
    path = tmp_path / "a.csv"
    read(path, [NAMES, *LIMITS, *ROWS])  # which writes it
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[: place + 1], "M0,2", *lines[place + 1 :]]), encoding="utf-8")
    table = open_table(path, ReadOptions())
    chunks = [*table.chunks()]
    assert [own.line for chunk in chunks for own in chunk.rejected] == [place + 2]
    assert sum(len(chunk.frame) for chunk in chunks) == len(ROWS)
    assert any("below the names" in notice for notice in table.notices)
