import errno
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_table import ORDERS, cells

from polar_detect.errors import InputError, OutputError
from polar_detect.tables import (
    check_added,
    check_output,
    open_writer,
    read_table,
    write_rejected,
    write_scored,
    write_table,
)
from polar_detect.tables.output.formulas import is_formula


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
    header, *rows = [[f"'{c}" if is_formula(c) else c for c in row] for row in [header, *rows]]
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
        check_added(table.frame.columns, ["score"], table.source)
    check_added(table.frame.columns, ["p_value"], table.source)


def test_another_ending_is_refused(orders, tmp_path):
    for name in ("out.xls", "out.json", "out", "out.xlsx.gz", "out.parquet.zst"):
        match = r"Got the output path .*out.*; expected the ending \.csv, .*; rename the output"
        with pytest.raises(OutputError, match=match):
            write_table(orders.frame, tmp_path / name)


def test_an_output_in_a_missing_folder_is_refused(tmp_path):
    check_output(tmp_path / "out.csv")
    with pytest.raises(OutputError, match=r"; expected an existing folder; create .*no first\."):
        check_output(tmp_path / "no" / "out.csv")


def test_a_link_into_a_missing_folder_is_refused_before_the_work(tmp_path):
    link = tmp_path / "out.csv"
    link.symlink_to(tmp_path / "there" / "orders.csv")
    with pytest.raises(OutputError, match=r"; expected an existing folder; create .*there first\."):
        check_output(link)
    (tmp_path / "there").mkdir()
    check_output(link)  # control


def test_a_folder_as_output_is_refused(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(OutputError, match="; expected a file, and this is a folder; name a file"):
        check_output(tmp_path / "out.csv")


def test_a_folder_that_is_not_writable_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # permissions bind no root user
    with pytest.raises(OutputError, match="; expected a writable folder; change the permissions"):
        check_output(tmp_path / "out.csv")


def test_an_output_that_another_program_has_open_is_refused_before_the_work(tmp_path, monkeypatch):
    out = tmp_path / "out.xlsx"
    out.write_bytes(b"earlier")

    def deny(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", deny)  # as Windows does while Excel has it open
        check_output(out)  # control: elsewhere it may be replaced all the same
        patch.setattr(sys, "platform", "win32")
        with pytest.raises(
            OutputError, match=r"\(Permission denied\); expected.*Excel for example"
        ):
            check_output(out)
    monkeypatch.setattr(sys, "platform", "win32")
    check_output(out)
    check_output(tmp_path / "new.xlsx")
    assert out.read_bytes() == b"earlier"


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_an_output_that_was_opened_meanwhile_is_named_and_can_be_closed(
    tmp_path, monkeypatch, ending
):
    def deny(*_):
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(Path, "replace", deny)
    with pytest.raises(
        OutputError, match=r"cannot be written \(Access is denied\).*close it there"
    ):
        write_table(pd.DataFrame({"text": ["a"]}), tmp_path / f"out{ending}")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_the_file_system_refuses_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"cannot be written \(File name too long\); expected"):
        check_output(tmp_path / ("a" * 300 + ".csv"))


def test_a_byte_that_is_changed_in_the_rows_of_a_parquet_output_is_no_other_row(tmp_path):
    path = tmp_path / "out.parquet"
    write_table(pd.DataFrame({"text": ["pump 17 leaks", "valve 4 hums"]}), path)
    content, name = path.read_bytes(), b"pump 17 leaks"
    assert content.count(name) >= 1  # control: it stands there as it is
    path.write_bytes(content.replace(name, b"pump 71 leaks", 1))
    with pytest.raises(InputError, match=r"cannot be read as Parquet.*; expected"):
        read_table(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_no_device_or_pipe_is_replaced_by_an_output(tmp_path):
    pipe = tmp_path / "out.csv"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="expected a file, and this is a device or a pipe; name"):
        write_table(pd.DataFrame({"text": ["a"]}), pipe)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_rejected_rows_of_earlier_that_cannot_be_removed_are_named(tmp_path):
    beside = tmp_path / "out.rejected.csv"
    beside.mkdir()
    with pytest.raises(OutputError, match=r"output path .*out\.rejected\.csv, which cannot be"):
        write_rejected((), beside)
    beside.rmdir()
    beside.touch()
    write_rejected((), beside)  # control: a file is
    assert not beside.exists()


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


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl.zst", "txt", "parquet", "xlsx"])
def test_a_full_disk_leaves_the_earlier_output_and_nothing_else(tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    noise = np.random.default_rng(0).bytes(100_000).hex()
    large = pd.DataFrame({"text": [noise[i : i + 100] for i in range(0, len(noise), 100)]})
    write_table(large[:1], path)
    earlier = path.read_bytes()
    message = r"Got the output path .*cannot be written \(File too large\); expected a writ"
    if ending == "xlsx":  # its sheets come first, and go elsewhere
        folder = re.escape(tempfile.gettempdir())
        message = rf"temporary folder '{folder}' \(File too large\); .* set TMPDIR to another"
    with full_disk(), pytest.raises(OutputError, match=message):
        write_table(large, path)
    assert path.read_bytes() == earlier
    assert list(tmp_path.iterdir()) == [path]


def test_an_excel_file_whose_sheets_had_room_names_the_output_that_has_none(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(openpyxl.Workbook, "save", full)
    message = r"Got the output path .*out\.xlsx, which cannot be written \(No space left"
    with pytest.raises(OutputError, match=message):
        write_table(pd.DataFrame({"text": ["a"]}), tmp_path / "out.xlsx")


def test_an_interrupted_write_leaves_nothing(orders, tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_table(orders.frame, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there, nor removed")
@pytest.mark.slow
def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(orders, tmp_path):
    path, other = tmp_path / "out.csv", tmp_path / "other.csv"
    killed = (
        "import os, sys, pathlib, pandas; from polar_detect.tables import open_writer\n"
        "with open_writer(pathlib.Path(sys.argv[1])) as writer:\n"
        "    writer.write(pandas.DataFrame({'text': ['a']})); os.kill(os.getpid(), 9)"
    )
    for target in (path, other):
        subprocess.run([sys.executable, "-c", killed, target], check=False)
    assert len(list(tmp_path.glob(".polar-detect-*"))) == 2  # control
    with open_writer(path) as living:
        living.write(orders.frame[:1])
        assert len(list(tmp_path.glob(".polar-detect-*"))) == 2  # other.csv has its own
        write_table(orders.frame[:2], path)
        living.write(orders.frame[1:])
    assert path.read_text() == ORDERS
    write_table(orders.frame, other)
    assert list(tmp_path.glob(".polar-detect-*")) == []


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


def test_json_lines_hold_no_number_that_json_lacks(tmp_path):
    cells = [np.inf, -np.inf, 1.5, np.nan]
    nested = [{"a": [np.nan, {"b": -np.inf}, "NaN"]}, [np.inf], None, 2]
    frame = pd.DataFrame({"x": cells, "y": pd.Series(nested, dtype=object)})
    path = tmp_path / "out.jsonl"
    write_table(frame, path)

    def refuse(constant):
        raise AssertionError(constant)

    rows = [json.loads(row, parse_constant=refuse) for row in path.read_text().splitlines()]
    assert [row["x"] for row in rows] == [None, None, 1.5, None]
    assert [row["y"] for row in rows] == [{"a": [None, {"b": None}, "NaN"]}, [None], None, 2]
