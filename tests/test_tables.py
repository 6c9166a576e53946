import csv
import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect.errors import InputError, InputNotFoundError, OutputError
from polar_detect.tables import (
    check_added,
    check_output,
    has_columns,
    read_table,
    write_scored,
    write_table,
)

ORDERS = """\
id,date,text,hours
007,2024-03-01,pump leaks,1.50
008,,"seal, worn",
009,NA,,null
"""


@pytest.fixture
def save(tmp_path):
    def save(content, name="orders.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return save


@pytest.fixture
def orders(save):
    return read_table(save(ORDERS), text_column="text")


def cells(frame):
    return frame.to_numpy().tolist()


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
    spelled = ["1", "1.0", "true", "TRUE", " Anomaly ", "0", "0.0", "False", "normal"]
    path = save("y,text\n" + "".join(f"{label},a\n" for label in spelled))
    table = read_table(path, text_column="text", label_column="y")
    assert table.labels is not None
    assert table.labels.tolist() == [True] * 5 + [False] * 4
    assert table.labels.dtype == np.bool_
    assert table.frame["y"].tolist() == spelled


@pytest.mark.parametrize("label", ["maybe", "2", "", "nan", "yes"])
def test_any_other_label_is_refused_with_its_row(save, label):
    path = save(f"y,text\n1,a\n{label},b\n")
    with pytest.raises(
        InputError,
        match=rf"Got label '{label}' in row 2 of column 'y'; expected 1, true or anomaly, or 0, "
        "false or normal; correct the cell or choose another --label-column.",
    ):
        read_table(path, text_column="text", label_column="y")


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


def test_a_missing_column_is_refused_with_the_columns_and_the_closest(save):
    with pytest.raises(
        InputError,
        match=r"^Got column 'txt'; the table has: id, text, date\. Pass --text-column text\.$",
    ):
        read_table(save("id,text,date\n1,a,b\n"), text_column="txt")


def test_a_missing_column_that_is_close_to_none_is_refused_without_a_guess(save):
    with pytest.raises(InputError, match=r"has: id, text\. Pass --text-column with one of them\.$"):
        read_table(save("id,text\n1,a\n"), text_column="Bemerkung")


def test_a_suggested_column_can_be_pasted_into_a_shell(save):
    with pytest.raises(InputError, match=r"has: id, long text\. Pass --text-column 'long text'\.$"):
        read_table(save("id,long text\n1,a\n"), text_column="longtext")


def test_a_csv_without_a_text_column_given_is_refused_with_the_columns(save):
    with pytest.raises(InputError, match=r"^Got no --text-column; the table has: id, text\. Pass"):
        read_table(save("id,text\n1,a\n"), text_column=None)


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
        ("id,text\n1,a\n", "te\nxt", "Got column"),
        ('id,"te\nxt"\n1,a\n', "text", "Pass --text-column with one of them"),
    ],
)
def test_every_message_is_one_line(save, content, text_column, match):
    with pytest.raises(InputError, match=match) as caught:
        read_table(save(content), text_column=text_column, label_column="id")
    assert "\n" not in str(caught.value)


# Writing


def test_a_written_table_is_read_back_with_every_cell(orders, tmp_path):
    path = tmp_path / "out.csv"
    write_table(orders.frame, path)
    assert path.read_text() == ORDERS


headers = st.lists(
    st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=3, unique=True
).filter(lambda names: "text" not in names and all(map(str.strip, names)))


@given(st.data())
def test_any_cells_survive_writing_and_reading(tmp_path_factory, data):
    header = ["text", *data.draw(headers)]
    cell = st.text(st.sampled_from('a,;"\t\r\n é\u2028')) | st.text(
        st.characters(exclude_characters="\0", codec="utf-8")
    )
    row = st.lists(cell, min_size=len(header), max_size=len(header))
    rows = [["a"] * len(header), *data.draw(st.lists(row, max_size=4))]
    path = tmp_path_factory.mktemp("round") / "trip.csv"
    write_table(pd.DataFrame(rows, columns=header, dtype=str), path)
    again = read_table(path, text_column="text")
    assert list(again.frame.columns) == header
    assert cells(again.frame) == rows


def test_added_columns_stand_to_the_right_in_their_order(orders, tmp_path):
    added = {
        "score": np.array([0.25, -1.5, np.nan]),
        "is_anomaly": np.array([True, False, False]),
        "program_length": [12, 30, None],
        "top_layers": ["L11 +0.41; L4 -0.12", "", "L0 +1.00"],
    }
    path = tmp_path / "scored.csv"
    write_scored(orders, added, path)
    assert path.read_text() == (
        "id,date,text,hours,score,is_anomaly,program_length,top_layers\n"
        "007,2024-03-01,pump leaks,1.50,0.25,True,12,L11 +0.41; L4 -0.12\n"
        '008,,"seal, worn",,-1.5,False,30,\n'
        "009,NA,,null,,False,,L0 +1.00\n"
    )
    assert list(orders.frame.columns) == ["id", "date", "text", "hours"]


def test_an_added_column_that_the_table_has_is_refused(save, tmp_path):
    table = read_table(save("score,text\n1,a\n"), text_column="text")
    out = tmp_path / "out.csv"
    match = r"Got .*orders\.csv with a column 'score'; expected that name to be free"
    with pytest.raises(InputError, match=match):
        write_scored(table, {"p_value": [0.5], "score": [1.0]}, out)
    assert not out.exists()
    with pytest.raises(InputError, match=match):
        check_added(table, ["score"])
    check_added(table, ["p_value"])


def test_another_ending_is_refused(orders, tmp_path):
    with pytest.raises(
        OutputError, match=r"Got the output path .*\.xlsx; expected the ending \.cs"
    ):
        write_table(orders.frame, tmp_path / "out.xlsx")


def test_an_output_in_a_missing_folder_is_refused(tmp_path):
    check_output(tmp_path / "out.csv")
    with pytest.raises(OutputError, match=r"; expected an existing folder; create .*no first\."):
        check_output(tmp_path / "no" / "out.csv")


def test_a_folder_as_output_is_refused(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputError, match="; expected a file, and this is a folder; name a file"):
        check_output(tmp_path / "out.csv")


def test_a_folder_that_is_not_writable_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # permissions bind no root user
    with pytest.raises(OutputError, match="; expected a writable folder; change the permissions"):
        check_output(tmp_path / "out.csv")


def test_a_name_that_the_file_system_refuses_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\); expected"):
        check_output(tmp_path / ("a" * 300 + ".csv"))


@contextmanager
def full_disk():
    """Let no file grow beyond 4 kB, which fails half-way through a write as a full disk does.

    Not a fixture: the limit binds the test runner too, whose output may go to a file.
    """
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_the_earlier_output_and_nothing_else(tmp_path):
    path = tmp_path / "out.csv"
    small, large = (pd.DataFrame({"text": ["a" * 100] * n}) for n in (10, 1000))
    write_table(small, path)
    earlier = path.read_text()
    message = r"cannot be written \(File too large\); expected a writ"
    with full_disk(), pytest.raises(OutputError, match=message):
        write_table(large, path)
    assert path.read_text() == earlier
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(orders, tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_table(orders.frame, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_an_output_has_the_permissions_of_any_new_file(orders, tmp_path):
    (tmp_path / "plain").touch()
    write_table(orders.frame, tmp_path / "out.csv")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "out.csv")}
    assert len(modes) == 1


def test_writing_to_a_link_replaces_the_file_that_it_names(orders, tmp_path):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("earlier")
    link.symlink_to(target)
    write_table(orders.frame, link)
    assert link.is_symlink()
    assert target.read_text() == ORDERS
