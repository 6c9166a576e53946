import csv
import errno
import re
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_table import ORDERS, cells

from polar_detect.errors import InputError, InputNotFoundError
from polar_detect.tables import ReadOptions, RowColumns, RowSample, has_columns, read_table

# Reading


def test_every_cell_stays_the_string_in_the_file(orders):
    assert list(orders.frame.columns) == ["id", "date", "text", "hours"]
    assert cells(orders.frame) == [
        ["007", "2024-03-01", "pump leaks", "1.50"],
        ["008", "", "seal, worn", ""],
        ["009", "NA", "", "null"],
    ]
    inferred = pd.read_csv(orders.source)
    assert inferred["id"].tolist() == [7, 8, 9]  # what pandas would have made of them


def test_texts_are_the_cells_of_the_text_column_and_empty_ones_stay(orders):
    assert orders.texts == ["pump leaks", "seal, worn", ""]
    assert orders.text_column == "text"
    assert orders.labels is None


@pytest.mark.parametrize("ending", [".csv", ".CSV", ".tsv", ".Tsv"])
def test_csv_and_tsv_files_have_columns_and_others_have_not(ending):
    assert has_columns(Path("a" + ending))
    assert not has_columns(Path("a" + ending + ".txt"))
    assert not has_columns(Path("csv"))


def test_a_byte_order_mark_is_no_part_of_the_first_column_name(save):
    table = read_table(save(b"\xef\xbb\xbf" + ORDERS.encode()), text_column="text")
    assert table.frame.columns[0] == "id"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("id;text;n\n1;a, b;2\n", "semicolons.csv"),
        ("id\ttext\tn\n1\ta, b\t2\n", "tabs.csv"),
        ("id\ttext\tn\n1\ta, b\t2\n", "tabs.tsv"),
        ('id,text,n\n1,"a, b",2\n', "commas.csv"),
        ('"id","text","n"\r\n"1","a, b","2"\r\n', "quoted.csv"),
        ('"id";"text";"n"\n"1";"a, b";"2"\n', "quoted-semicolons.csv"),
        ('\n\nid,text,n\n1,"a, b",2\n', "late-header.csv"),
    ],
)
def test_the_delimiter_is_read_off_the_header(save, content, name):
    table = read_table(save(content, name), text_column="text")
    assert cells(table.frame) == [["1", "a, b", "2"]]


def test_the_delimiter_is_the_one_that_yields_the_text_column(save):
    table = read_table(save("one, two, three;text\n1;a\n"), text_column="text")
    assert list(table.frame.columns) == ["one, two, three", "text"]


def test_a_tsv_is_split_at_tabs_only(save):
    table = read_table(save("text\tb,c,d,e\nx\t1\n", "a.tsv"), text_column="text")
    assert list(table.frame.columns) == ["text", "b,c,d,e"]


def test_line_ends_inside_quoted_cells_stay(save):
    table = read_table(save('id,text\r\n1,"a\r\nb\nc\rd"\r\n2,e\r\n'), text_column="text")
    assert table.texts == ["a\r\nb\nc\rd", "e"]
    assert (table.lines.tolist(), table.numbering) == ([2, 6], "file")


def test_a_blank_line_is_an_empty_text_in_a_single_column_and_no_row_in_several(save):
    assert read_table(save("text\na\n\nb\n"), text_column="text").texts == ["a", "", "b"]
    assert read_table(save("id,text\n1,a\n\n2,b\n"), text_column="text").texts == ["a", "b"]


@pytest.mark.parametrize("name", ["long.csv", "long.txt"])
def test_a_text_of_a_million_characters_is_read_whole(save, name):
    text_column = "text" if name.endswith(".csv") else None
    limit = csv.field_size_limit()
    table = read_table(save("text\n" + "x" * 1_000_000 + "\n", name), text_column=text_column)
    assert len(table.texts[-1]) == 1_000_000
    assert csv.field_size_limit() == limit < 1_000_000  # other users of csv see no change


def test_each_line_of_a_text_file_is_one_text(save):
    table = read_table(save("a, b\r\n\n c \n", "machine.log"), text_column=None)
    assert table.texts == ["a, b", "", " c "]
    assert list(table.frame.columns) == [table.text_column] == ["text"]


def test_a_text_file_may_end_without_a_line_end_and_has_the_same_rows(save):
    ended = read_table(save("a\nb\n", "ended.txt"), text_column=None)
    open_ended = read_table(save("a\nb", "open.txt"), text_column=None)
    assert ended.texts == open_ended.texts == ["a", "b"]


def test_only_line_feeds_end_a_text(save):
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\rg"
    assert read_table(save(text + "\n", "odd.txt"), text_column=None).texts == [text]
    assert len(text.splitlines()) == 7


@given(st.lists(st.text(st.characters(exclude_characters="\0\n\r", codec="utf-8")), min_size=1))
def test_a_text_file_joins_back_to_what_it_was(tmp_path_factory, lines):
    lines[0] = "a" + lines[0]
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    path.write_bytes("\n".join([*lines, ""]).encode())
    assert read_table(path, text_column=None).texts == lines


# Labels


def test_labels_are_read_in_each_documented_spelling(save):
    anomalous = [
        "1",
        "1.0",
        "true",
        "TRUE",
        " Anomaly ",
        "NG",
        "ＮＧ",
        "Yes",
        "異常",
        "不良",
        "fail",
    ]
    anomalous += ["不合格", "１", "١", "×", "✕", "✖", "╳", "要確認", "故障", "NG品"]
    normal = [
        "0",
        "0.0",
        "False",
        "normal",
        "ok",
        "ＯＫ",
        "no",
        "正常",
        "良",
        "良品",
        "合格",
        "Pass",
    ]
    normal += ["○", "◯", "〇", "◎", "ＯＫ品", "०"]
    spelled = [*anomalous, *normal]
    path = save("y,text\n" + "".join(f"{label},a\n" for label in spelled))
    table = read_table(path, text_column="text", label_column="y")
    assert table.labels is not None
    assert table.labels.tolist() == [True] * len(anomalous) + [False] * len(normal)
    assert table.labels.dtype == np.bool_
    assert table.frame["y"].tolist() == spelled


@pytest.mark.parametrize("label", ["maybe", "2", "nan", "okay", "△"])
def test_any_other_label_is_refused_with_its_line(save, label):
    path = save(f"y,text\n1,a\n{label},b\n")
    with pytest.raises(
        InputError,
        match=rf"Got label '{label}' in line 3, column 'y'; expected 1, true, .* or 0, false, .*; "
        "write 1 for anomalous and 0 for normal, choose another --label-column, or, where it names "
        "the kinds of anomalous rows, pass it to fit as --kind-column.",
    ):
        read_table(path, text_column="text", label_column="y")


def test_rows_without_a_label_are_left_out_and_counted(save):
    path = save("y,text\n1,a\n,b\n0,c\n　,d\n")
    for sample in (None, RowSample(9)):
        table = read_table(
            path, text_column="text", label_column="y", options=ReadOptions(sample=sample)
        )
        assert table.texts == ["a", "c"]
        assert table.lines.tolist() == [2, 4]
        assert table.labels is not None
        assert table.labels.tolist() == [True, False]
        assert table.notices == ("rows left out, as column 'y' is empty there: 2",)
        assert table.sampled_from is None
    with pytest.raises(InputError, match=r"Got no label in column 'y' of .*orders\.csv \(all 1 "):
        read_table(save("y,text\n,a\n"), text_column="text", label_column="y")


def test_a_missing_label_column_is_refused_with_the_closest_name(save):
    with pytest.raises(InputError, match=r"Got column 'lable'; .* Pass --label-column label\."):
        read_table(save("text,label\na,1\n"), text_column="text", label_column="lable")


# What cannot be read


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputNotFoundError, match=r"Got .*no\.csv, which does not exist; expected"):
        read_table(tmp_path / "no.csv", text_column="text")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"Got the folder .*; expected a CSV, .* or text file; name"
    ):
        read_table(tmp_path, text_column="text")


def test_a_path_through_a_file_is_refused(save):
    with pytest.raises(InputError, match=r"cannot be read \(Not a directory\); expected a readabl"):
        read_table(save("a\n", "file.txt") / "inner.csv", text_column="text")


def test_a_file_without_permission_is_refused(save, monkeypatch):
    def deny(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    path = save(ORDERS)
    monkeypatch.setattr(Path, "open", deny)  # permissions bind no root user
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); expected a reada"):
        read_table(path, text_column="text")
    with pytest.raises(
        InputError, match="close it where it is open, in Excel for example, or chec"
    ):
        read_table(path, text_column="text")


@pytest.mark.parametrize(
    ("header", "asked", "listed", "advice"),
    [
        ("id,text,date", "txt", "id, text, date", "text"),
        ("id,text", "Bemerkung", "id, text", "with one of them"),  # close to none
        ("id,long text", "longtxt", "id, long text", "'long text'"),  # for a shell
        ("a\u3000b,A b,c", "a b", "'a\\u3000b', 'A b', c", "'A b'"),  # which look like it
        ("id,text", None, "id, text", "with one of them"),
    ],
)
def test_a_missing_column_is_refused_with_the_columns_and_the_closest(
    save, header, asked, listed, advice
):
    got = "no --text-column" if asked is None else f"column {asked!r}"
    said = f"Got {got}; the table has: {listed}. Pass --text-column {advice}."
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        read_table(save(f"{header}\n{','.join('a' * len(header.split(',')))}\n"), text_column=asked)


@pytest.mark.parametrize("name", ["Temp　[℃]", "ＴＥＭＰ [°C]", " temp [℃]"])
def test_a_column_is_found_whatever_its_blanks_case_and_width(save, name):
    path = save(f"{name},Y\nwarm,1\n")
    table = read_table(path, text_column="temp [℃]", label_column="y")
    assert (table.text_column, table.texts) == (name, ["warm"])
    assert table.labels is not None
    assert table.notices == (
        "column 'Y' is taken for 'y'",
        f"column {name!r} is taken for 'temp [℃]'",
    )
    exact = read_table(save(f"{name},temp [℃]\na,b\n"), text_column="temp [℃]")
    assert (exact.texts, exact.notices) == (["b"], ())


@pytest.mark.parametrize("name", ["노트", "Gerät", "ガス"])
def test_nothing_is_said_of_names_that_look_the_same(save, name, tmp_path):
    apart = unicodedata.normalize("NFD", name)
    assert apart != name
    for own, asked in ((name, apart), (apart, name)):
        path = save(f"{own},{own}2\nwarm,1\n")
        table = read_table(path, text_column=asked, label_column=f"{asked}2")
        assert (table.text_column, table.texts, table.notices) == (own, ["warm"], ())
        wide = read_table(save(f"{own} \nwarm\n"), text_column=asked)  # control
        assert wide.notices == (f"column {f'{own} '!r} is taken for {asked!r}",)
        rows = read_table(save(f"{own},b\nwarm,1\n"), rows=RowColumns(f"{asked},b"))
        assert not any("taken for" in notice for notice in rows.notices)
        book = tmp_path / "book.xlsx"
        pd.DataFrame({"text": ["warm"]}).to_excel(book, sheet_name=own, index=False)
        options = ReadOptions(sheet=asked)
        assert read_table(book, text_column="text", options=options).notices == ()


def test_a_column_is_found_whatever_kind_of_dash_its_name_has(save):
    table = read_table(save("Z−軸　温度,b\nwarm,1\n"), text_column="Z-軸温度")
    assert (table.texts, len(table.notices)) == (["warm"], 1)


def test_of_very_many_columns_only_the_first_are_listed(save):
    header = ",".join(f"c{n}" for n in range(100))
    with pytest.raises(InputError, match=r"has: c0, .*, c29 and 70 more\. Pass --text-column"):
        read_table(save(f"{header}\n{header}\n"), text_column="text")


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"text_column": "text"}, "--text-column 'text'"),
        ({"text_column": None, "label_column": "y"}, "--label-column 'y'"),
    ],
)
def test_columns_asked_of_a_text_file_are_refused(save, options, option):
    with pytest.raises(InputError, match=f"Got {option} for .*, where each line is one text;"):
        read_table(save("a\n", "a.txt"), **options)


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\n"])
def test_a_file_without_any_text_is_refused(save, name, content):
    with pytest.raises(
        InputError, match=rf"Got .* without any text \({len(content)} bytes\); expected at least"
    ):
        read_table(save(content, name), text_column="text")


def test_a_header_without_rows_is_refused(save):
    with pytest.raises(InputError, match="with a header and no rows; expected at least one row;"):
        read_table(save("id,text\n"), text_column="text")


def test_a_text_column_without_any_text_is_refused(save):
    with pytest.raises(
        InputError, match=r"Got no text in column 'text' of .* \(all 2 rows are empty\); expected"
    ):
        read_table(save("id,text\n1, \n2,\n"), text_column="text")


@pytest.mark.parametrize(
    ("content", "text_column", "match"),
    [
        ('id,"text\n(long)",y\n1,a,b\n', None, "has: id, text \\(long\\), y"),
        ('id,text\n1,"a\nb\n', "text", "unbalanced quotes"),
        ('id,text\n"1\n2",a\n', "text", "Got label"),
        ('"a\nb","a\nb"\n1,a\n', "text", "has: a b, a b_2"),
        ("id,text\n1,a\n", "te\nxz", "Got column"),
        ('id,"te\nxt"\n1,a\n', "texy", "Pass --text-column with one of them"),
    ],
)
def test_every_message_is_one_line(save, content, text_column, match):
    with pytest.raises(InputError, match=match) as caught:
        read_table(save(content), text_column=text_column, label_column="id")
    assert "\n" not in str(caught.value)
