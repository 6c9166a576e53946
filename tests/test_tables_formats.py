import bz2
import datetime
import gzip
import io
import json
import lzma
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polar_detect.errors import InputError, OutputError
from polar_detect.messages.language import Language
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.tables import (
    Layout,
    ReadOptions,
    RowColumns,
    RowTemplate,
    cells_as_text,
    join_columns,
    open_table,
    open_writer,
    read_table,
    write_scored,
    write_table,
)

ROWS = [
    ["007", "ポンプから油漏れ", "1.50", ""],
    ["008", 'says "stop", then; stops', "", "2024-03-01"],
    ["0010", "two\nlines", "-3", "NA"],
]
NAMES = ["id", "text", "hours", "date"]
ADDED = {
    "score": [0.25, None, -1.5],
    "is_anomaly": [True, False, False],
    "program_length": [12, None, 30],
    "top_layers": ["L11 +0.41", "empty text", ""],
}
KINDS = {"score": "float", "is_anomaly": "bool", "program_length": "int", "top_layers": "str"}
LOSSLESS = ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz", "a.csv.zst", "a.jsonl.gz", "a.parquet"]


def said_of_sheet(name, *others):
    listed = ", ".join(map(repr, others))
    return (
        f"sheet {name!r} is read; pass --sheet for {listed}, or make one table of those alike with "
        "polar-detect combine"
    )


def frame_of(rows=ROWS):
    return pd.DataFrame(rows, columns=NAMES, dtype=str)


def read_all(path, n_rows=2, **options):
    reader = open_table(path, ReadOptions(**options))
    chunks = list(reader.chunks(n_rows))
    assert all(chunk.rejected == () for chunk in chunks)
    assert all((chunk.frame.dtypes == chunks[0].frame.dtypes).all() for chunk in chunks)
    return pd.concat([chunk.frame for chunk in chunks])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("P1,20.5,3\nP2,20.7,4\n", "a column is called 20.5; put names above it if that is a row"),
        ("item,2024,2025\nP2,20.7,4\n", None),
        ("2024,2025\n20.7,4\n", None),
        ("inf,nan,1e999\nP2,20.7,4\n", None),
        ("日時,温度,備考\n,℃,\n4/1,20,\n", "units below the names are read as a row: ℃; put them"),
        ("日時,温度,圧力\n-,[℃],MPa\n4/1,20,1\n", "are read as a row: -, [℃], MPa; put"),
        ("name,class\n,A\nx,A\n", None),
        ("Zeit;Druck\n8:00;-0,5\n9:00;1.5\n", "numbers such as -0,5 are read as text, or their"),
        ("Zeit;Wert\n8:00;1.234,50\n9:00;1.234\n", "numbers such as 1.234,50 are read as text"),
        ("Zeit;Druck\n8:00;-0,5\n9:00;1.234,5\n9:30;7\n9:45;2,25\n", None),
        ("Zeit;Leck\n8:00;<0,5\n9:00;1,25\n9:30;0,75\n9:45;2,25\n", None),
        ("Zeit;Dicke\n8:00;1,234\n", "numbers such as 1,234 are read as text, or their comma"),
        ('Zeit,Dicke\n8:00,"1,234"\n', None),
        ("Zeit;Dicke\n8:00;a, b\n", None),
    ],
)
def test_what_a_csv_may_mean_otherwise_than_it_is_read_is_said(tmp_path, content, said):
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    table = open_table(tmp_path / "a.csv")
    assert [said is not None and said in notice for notice in table.notices] == [True] * (
        said is not None
    )
    assert sum(len(chunk.frame) for chunk in table.chunks()) == content.count("\n") - 1
    japanese = Language("ja")
    assert all(japanese.notice(notice) != notice for notice in table.notices)


def test_whole_numbers_as_names_of_which_one_is_there_twice_may_be_a_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("0,5,13,5\n0,4,12,9\n")
    assert (
        open_table(path).notices[0] == "a column is called 0; put names above it if that is a row"
    )
    path.write_text("item,2024,2025,2024\na,4,12,9\n")
    assert [notice.split(", ")[0] for notice in open_table(path).notices] == [
        "column 4 is a second '2024'"
    ]


def test_names_of_a_sheet_that_may_be_a_row_are_said(tmp_path):
    pd.DataFrame([[20.7, "y"]], columns=[20.5, "x"]).to_excel(tmp_path / "a.xlsx", index=False)
    (notice,) = open_table(tmp_path / "a.xlsx").notices
    assert notice.startswith("a column is called 20.5")


def test_a_first_line_that_tells_spreadsheets_the_delimiter_is_no_header(tmp_path):
    path = tmp_path / "a.csv"
    for first in ("sep=;", '"sep=;"', "\nSEP=;"):
        path.write_text(f"{first}\n\na, b;c\n1;2\n3;4\n")
        table = open_table(path)
        (chunk,) = table.chunks()
        assert table.columns == ("a, b", "c")
        assert chunk.frame.values.tolist() == [["1", "2"], ["3", "4"]]
    path.write_text("sep=;\n")
    with pytest.raises(InputError, match="with a header and no rows"):
        list(open_table(path).chunks())


ORDERS = "日時,設備,工数\n" + "".join(f"4/{day},A,{day}\n" for day in range(1, 10))
LONG = ORDERS + "4/10,B,1\n" * 9000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (ORDERS + "合計,,45\n\n,平均値：,1\n,,\n,,※ 概算\n\n", "3, from row 11"),
        (ORDERS + '"合計",,45\n※ 概算です\n', "1, from row 11"),  # a line of one cell is rejected
        (LONG + "合計,,45\r\n", "1, from row 9011"),
        (ORDERS + "合計,,45\n4/11,B,1\n", None),
        (ORDERS + '4/10,"A\n合計",45\n', None),
        ("合計,平均\n合計,1\n", "1, from row 2"),
        (ORDERS + "合計器,,45\n", None),
        (
            ORDERS + "合計,,45\n\n作成：品質保証部\n承認：山田\n",
            "1, from row 11",
        ),  # behind it no rows
    ],
)
def test_totals_and_notes_at_the_end_of_a_csv_are_said_and_read(tmp_path, content, said):
    notice = f"totals or notes at the end are read as rows: {said}; delete them in the file to "
    for codec, name in (("cp932", "a.csv"), ("utf-8", "a.csv"), ("utf-16", "a.csv"),
                        ("utf-8", "a.tsv"), ("utf-8", "a.csv.gz")):  # fmt: skip
        path = tmp_path / name
        written = content.replace(",", "\t") if name == "a.tsv" else content
        written_bytes = written.encode(codec)
        path.write_bytes(gzip.compress(written_bytes) if name.endswith("gz") else written_bytes)
        reader = open_table(path, ReadOptions(encoding=codec))
        is_said = any(notice in own for own in reader.notices)
        assert is_said == (said is not None and codec != "utf-16" and not name.endswith("gz"))
        last = [*reader.chunks()][-1]
        assert len(reader.notices) == is_said
        if "※ 概算です" in content:
            assert len(last.rejected) == 1
        if is_said:
            assert int(said.split()[-1]) in last.lines


STRAYS = [
    ["設備", "日時", "温度", "良品数"],
    ["1号機", "4/1", 180.5, 9],
    ["1号機 集計", None, None, 9],
    ["2号機", "4/1", 180.5, 9],
    ["小計", None, 180.5, 9],
    ["\ufeff設備", "日時", "温度（℃）", "良品数"],
    [None, "4/2", 180.5, 9],
    [None, "平均", 180.5, None],
    ["日報集計", "4/2", None, 9],  # what is done is no total
    ["合計", "4/2", 180.5, 9],  # in which nothing is empty
    ["2号機 集計", None, None, 27],
    ["総計", None, None, 36],  # at the end, which is said elsewhere
]


@pytest.mark.parametrize(
    ("cells", "is_one"),
    [
        (["Total Jan", None, 180.5, 9], True),
        (["Summe 2026-01", None, 180.5, 9], True),
        (["Total M1", None, None, 9], True),
        (["Summe Dezember 2025", None, 180.5, 9], True),
        (["Total Quartz", None, 180.5, 9], False),  # a product, with one cell empty
        (["Total maintenance", None, 180.5, 9], False),  # which is no May
        (["Total Jan", "4/1", 180.5, 9], False),
    ],
)
def test_subtotals_of_a_month_or_a_machine_are_said(tmp_path, cells, is_one):
    rows = [["M1", "4/1", 180.5, 9], cells, ["M2", "4/1", 180.5, 9]]
    write_table(pd.DataFrame(rows, columns=STRAYS[0], dtype=object), tmp_path / "a.csv")
    notices = read_table(tmp_path / "a.csv", rows=RowColumns()).notices
    said = "totals or notes between the rows are read as rows: 1, from row 3"
    assert any(own.startswith(said) for own in notices) == is_one


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_json_array_reads_as_json_lines_do_and_its_rows_are_counted(tmp_path, indent, is_wrapped):
    rows = [{"id": 1, "text": "ポンプ\n\u2028x", "n": {"k": [1.5]}}, {"id": 2}, {"text": "b"}]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    document = {"next": None, "rows": rows, "count": 3} if is_wrapped else rows
    (tmp_path / "a.json").write_text(json.dumps(document, indent=indent, ensure_ascii=False))
    pd.testing.assert_frame_equal(read_all(tmp_path / "a.json"), read_all(tmp_path / "a.jsonl"))
    reader = open_table(tmp_path / "a.json")
    assert [line for chunk in reader.chunks(2) for line in chunk.lines] == [1, 2, 3]
    assert (reader.numbering, open_table(tmp_path / "a.jsonl").numbering) == ("data", "file")
    said = "the rows are the objects in 'rows'; what stands beside them is not read"
    assert reader.notices == ((said,) if is_wrapped else ())


STARTS = [
    "2026-11-29 00:00:40,272 INFO ",
    "\x1b[2m2026-11-29T00:00:40.2Z\x1b[0m \x1b[32m INFO\x1b[0m ",
    "[29/Nov/2026:00:00:49 +0000] ",
    "INFO: 2026/11/29 00:00:40 ",
    "<13>Nov  9 00:00:46 web3 app: ",
    "17/06/09 20:10:56 INFO ",
    "[Sun Dec 04 17:05:48 2005] [error] ",
    "03-17 16:14:16.800  2227 E ",
    "E1129 00:00:40.1 7 main.go:3] ",
    "00:00:40.272 [main] ",
]
TRACE = ["IOException: no space", "\tat a.B(B.java:7)", "", "\tat c.D(D.java:8)"]


@pytest.mark.parametrize("start", STARTS)
def test_a_stack_trace_belongs_to_the_event_above_it(tmp_path, start):
    cut_off = "\tat e.F(F.java:9)"  # by what rotated the log
    lines = [cut_off, f"{start}one", f"{start}two", *TRACE, "", f"{start}three", ""]
    (tmp_path / "a.log").write_text("\n".join(lines))
    reader = open_table(tmp_path / "a.log")
    chunks = list(reader.chunks(2))
    texts = [text for chunk in chunks for text in chunk.frame["text"]]
    two = "\n".join([f"{start}two", *TRACE])
    assert texts == [cut_off, f"{start}one", two, f"{start}three"]
    assert [line for chunk in chunks for line in chunk.lines] == [1, 2, 3, 9]
    assert reader.notices[0].startswith("lines that begin with no time, as those of stack traces")


@pytest.mark.parametrize(
    "lines",
    [
        [f"{STARTS[0]}one", "a note", f"{STARTS[0]}two", "another"],
        [f"{STARTS[0]}one", "a note", "another", "  indented", f"{STARTS[0]}two"],  # most are not
        ["a title", f"{STARTS[0]}one", "  indented", f"{STARTS[0]}two"],
        [f"{STARTS[0]}one", "  indented"],  # one time is no log
        ["2026-11-29 a day without a time", "  indented", "2026-11-29 another"],
    ],
)
def test_lines_that_are_no_log_with_stack_traces_are_a_text_each(tmp_path, lines):
    (tmp_path / "a.log").write_text("\n".join(lines))
    assert read_all(tmp_path / "a.log")["text"].tolist() == lines
    assert open_table(tmp_path / "a.log").notices == ()


def test_a_line_of_an_event_that_cannot_be_read_is_rejected_by_itself(tmp_path):
    content = f"{STARTS[0]}one\n\tat é\n\tat \0\n\tat b\n{STARTS[0]}two\n"
    (tmp_path / "a.log").write_text(content)
    (chunk,) = open_table(tmp_path / "a.log").chunks(9)
    assert chunk.frame["text"].tolist() == [f"{STARTS[0]}one\n\tat é\n\tat b", f"{STARTS[0]}two"]
    assert [(row.line, row.reason) for row in chunk.rejected] == [(3, "NUL byte")]
    (tmp_path / "a.log").write_text(f"{content}{STARTS[0]}three \0\n\tat c\n{STARTS[0]}four\n")
    (chunk,) = open_table(tmp_path / "a.log").chunks(9)
    assert chunk.frame["text"].tolist()[1:] == [f"{STARTS[0]}two", "\tat c", f"{STARTS[0]}four"]
    assert (chunk.lines.tolist(), [row.line for row in chunk.rejected]) == ([1, 5, 7, 8], [3, 6])


@pytest.mark.parametrize("below", ["\tat b", "\tat \0"])
def test_an_event_of_a_log_ends_after_ten_thousand_lines(tmp_path, below):
    lines = [f"{STARTS[0]}one", "\tat a", *[below] * 9_998, "\tat c", f"{STARTS[0]}two"]
    (tmp_path / "a.log").write_text("\n".join(lines))
    reader = open_table(tmp_path / "a.log")
    chunks = [*reader.chunks(20_000)]
    assert [line for chunk in chunks for line in chunk.lines] == [1, 10_001, 10_002]


def test_a_line_of_nothing_but_colours_is_told_at_once(tmp_path):
    (tmp_path / "a.log").write_text("\x1b[0m" * 500_000 + "\na")  # squared: half an hour and more
    assert len(read_all(tmp_path / "a.log")) == 2


def test_archives_are_refused_with_what_to_do_whatever_their_name(tmp_path):
    text = b"one\ntwo\n"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("a.log", text)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.log"))
    (tmp_path / "a.log.xz").write_bytes(lzma.compress(text))
    (tmp_path / "a.csv.bz2").write_bytes(bz2.compress(text))
    (tmp_path / "a.csv").write_bytes(gzip.compress(text))
    (tmp_path / "a.jsonl").write_bytes(b"\x28\xb5\x2f\xfd\x04")
    files = {"a.zip": "zip", "a.tar.gz": "tar", "a.log.xz": "xz", "a.csv.bz2": "bzip2"}
    for name, kind in (files | {"a.csv": "gzip", "a.jsonl": "zstd"}).items():
        with pytest.raises(InputError, match=rf"which holds an archive \({kind}\); .* unpack it"):
            open_table(tmp_path / name)
    pd.DataFrame({"text": ["one"]}).to_excel(tmp_path / "a.xlsx")
    for name in ("b.csv", "b.txt"):
        shutil.copy(tmp_path / "a.xlsx", tmp_path / name)
        with pytest.raises(InputError, match=r"which holds a workbook; .* end in \.xlsx or \.ods"):
            open_table(tmp_path / name)
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(text))  # control
    assert len(read_all(tmp_path / "a.log.gz")) == 2


def test_journals_and_mailboxes_are_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("__CURSOR=s=1\nMESSAGE=started\n\n")
    with pytest.raises(InputError, match=r"an export of journald; .* with journalctl -o json"):
        open_table(path)
    path.write_text("From a@b.c Mon Nov  2 09:00:00 2026\nSubject: late\n\nWhere is it?\n")
    with pytest.raises(InputError, match=r"a mailbox \(mbox\); .* as JSON Lines"):
        open_table(path)
    path.write_text("From tomorrow on at 09:00:00\nit is closed\n")  # control
    assert len(read_all(path)) == 2


@pytest.mark.parametrize("indent", [None, 1])
def test_a_json_document_by_columns_reads_as_pandas_wrote_it(tmp_path, indent):
    frame = pd.DataFrame({"text": ["pump leaks", "漏れ"], "n": [1.5, None]})
    frame.to_json(tmp_path / "a.json", indent=indent)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    pd.testing.assert_frame_equal(read_all(tmp_path / "a.json"), read_all(tmp_path / "a.jsonl"))
    (tmp_path / "b.json").write_text('{"text": {"0": "a"}, "meta": {"1": "b"}}\n')
    assert [*read_all(tmp_path / "b.json").columns] == ["text", "meta"]
    assert len(read_all(tmp_path / "b.json")) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_log_whose_lines_are_json_objects_reads_as_json_lines_do(tmp_path, encoding):
    rows = "".join(f'{{"level": "INFO", "message": "é {i}"}}\n' for i in range(9))
    for name in ("a.log", "a.jsonl"):
        (tmp_path / name).write_text(rows, encoding)
    pd.testing.assert_frame_equal(read_all(tmp_path / "a.log"), read_all(tmp_path / "a.jsonl"))
    for first in ("started\n", "{}\n", '{"cut": \n', "[1]\n"):  # controls: lines of text
        (tmp_path / "a.log").write_text(first + rows)
        assert open_table(tmp_path / "a.log").columns == ("text",)


def test_what_the_user_said_last_is_the_text_of_a_chat(tmp_path):
    system, answer = {"role": "system", "content": "Be brief."}, {"role": "assistant", "content": 7}
    parts = [{"type": "text", "text": "two"}, {"type": "image_url"}, {"type": "text", "text": "2"}]
    chats = [
        [system, {"role": "user", "content": "one"}, answer, {"role": "user", "content": parts}],
        [{"from": "human", "value": "three"}, {"from": "gpt", "value": "3"}],
        [system],
        [],
        None,
    ]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps({'chat': c})}\n" for c in chats))
    frame = read_all(tmp_path / "a.jsonl")
    assert cells_as_text(frame["text"]) == ["two\n2", "three", "", "", ""]
    assert frame["chat"].tolist() == chats
    said = "column 'text' is added: the last message of the user in each of 'chat'"
    assert open_table(tmp_path / "a.jsonl").notices == (said,)
    assert read_table(tmp_path / "a.jsonl").text_column == "text"


def test_no_text_is_added_to_chats_that_have_one_or_where_most_cells_are_none(tmp_path):
    chat = [{"role": "user", "content": "one"}]
    own = [{"chat": chat, "Text": "a"}]  # which --text-column text means
    for rows in (
        own,
        [{"chat": chat, "text": "a"}],
        [{"chat": chat}, {"chat": 7}],
        [{"chat": [{}]}],
    ):
        (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        assert open_table(tmp_path / "a.jsonl").columns == tuple(rows[0])


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.jsonl"])
def test_names_that_come_again_and_totals_between_rows_are_said_and_read(tmp_path, name):
    names, *rows = STRAYS
    write_table(pd.DataFrame(rows, columns=names, dtype=object), tmp_path / name)
    table = read_table(tmp_path / name, rows=RowColumns())
    first = 3 if name != "a.jsonl" else 2
    read = "are read as rows: {}, from row {}; delete them in the file to leave them out"
    said = [
        "rows that name the columns again " + read.format(1, first + 3),
        "totals or notes between the rows " + read.format(4, first),
    ]
    assert [notice for notice in table.notices if "again" in notice or "between" in notice] == said
    assert len(table.texts) == len(rows)
    out = tmp_path / "out.csv"
    job = ScoreJob(source=tmp_path / name, out=out, detector_sha256="", template=table.template)
    assert set(said) <= set(open_input(job).notices)
    assert Language("ja").notice(said[0]).startswith("見出しを繰り返す行も読みました：1行")
    assert (
        Language("ja").notice(said[1]).startswith("途中の小計や注記とみられる行も読みました：4行")
    )


def test_totals_above_lines_of_empty_cells_alone_stand_at_the_end(save):
    (notice,) = read_table(save(ORDERS + "合計,,45\n,,\n"), rows=RowColumns()).notices
    assert notice.startswith("totals or notes at the end are read as rows: 1, from row 11")


def plain(frame):
    """Return rows of Python values, None where missing."""
    cells = frame.astype(object).where(frame.notna(), None)
    return cells.to_numpy().tolist()


@pytest.mark.parametrize("name", LOSSLESS)
def test_strings_come_back_as_they_were_from_every_format(tmp_path, name):
    write_table(frame_of(), tmp_path / name)
    again = read_all(tmp_path / name)
    assert list(again.columns) == NAMES
    assert plain(again) == ROWS
    assert again.index.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", [*LOSSLESS, "a.txt", "a.txt.gz", "a.xlsx"])
def test_rows_written_in_chunks_make_the_same_file_as_the_whole(tmp_path, name):
    whole, parts = tmp_path / f"whole-{name}", tmp_path / f"parts-{name}"
    write_table(join_columns(frame_of(), ADDED), whole)
    with open_writer(parts) as writer:
        for start in (0, 1, 2):
            added = {key: values[start : start + 1] for key, values in ADDED.items()}
            writer.write(join_columns(frame_of().iloc[start : start + 1], added, KINDS))
        assert not parts.exists()
    if name.endswith(".xlsx"):  # holds the time of writing
        pd.testing.assert_frame_equal(read_all(whole), read_all(parts))
    elif name.endswith(".parquet"):  # a row group per chunk
        assert pq.read_table(whole).equals(pq.read_table(parts))
    else:
        assert whole.read_bytes() == parts.read_bytes()


def test_added_columns_keep_their_types_in_parquet_json_lines_and_excel(tmp_path):
    table = join_columns(frame_of(), ADDED)
    for name in ("a.parquet", "a.jsonl", "a.xlsx"):
        write_table(table, tmp_path / name)
        added = read_all(tmp_path / name)[list(ADDED)]
        assert [row[:3] for row in plain(added)] == [
            [0.25, True, 12],
            [None, False, None],
            [-1.5, False, 30],
        ]
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert [str(schema.field(key).type) for key in ADDED] == ["double", "bool", "int64", "string"]


def test_parquet_to_parquet_keeps_every_type(tmp_path):
    table = pa.table(
        {
            "id": pa.array([1, None, 2**60], pa.int64()),
            "when": pa.array([datetime.datetime(2024, 3, 1, 1, 2, 3, 4), None, None]),
            "parts": pa.array([["a", "b"], [], None]),
            "price": pa.array([None, "1.50", "2.25"]).cast(pa.decimal128(10, 2)),
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "raw": pa.array([b"\xff", None, b""]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=2)
    reader = open_table(tmp_path / "in.parquet")
    with open_writer(tmp_path / "out.parquet") as writer:
        for chunk in reader.chunks(2):
            writer.write(chunk.frame)
    assert pq.read_table(tmp_path / "out.parquet").equals(table)


def test_many_small_chunks_become_few_row_groups_of_parquet(tmp_path):
    path, frame = tmp_path / "out.parquet", pd.DataFrame({"id": range(70_000)})
    with open_writer(path) as writer:
        for start in range(0, len(frame), 100):
            writer.write(frame[start : start + 100])
    assert pq.ParquetFile(path).num_row_groups == 2
    assert pq.read_table(path)["id"].to_pylist() == list(range(70_000))
    long = pd.DataFrame({"text": ["x" * 20_000_000]})
    with open_writer(path) as writer:
        for _ in range(4):  # of which not more than two are held
            writer.write(long)
    assert pq.ParquetFile(path).num_row_groups == 2


def test_json_lines_to_json_lines_keeps_values_and_nesting(tmp_path):
    content = (
        '{"id": "007", "n": 1, "x": 1.5, "on": true, "more": {"a": [1, "é"]}, "any": 1}\n'
        '{"id": "008", "n": 9007199254740993, "x": null, "on": null, "more": null, "any": "b"}\n'
    )
    (tmp_path / "in.jsonl").write_text(content)
    write_table(read_all(tmp_path / "in.jsonl", 1), tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == content


@pytest.mark.parametrize("numbers", [[2**53 + 1, 0.5], [0.5, 2**53 + 1], [1, 2**63], [1, "1"]])
def test_numbers_that_share_no_exact_type_stay_as_they_are(tmp_path, numbers):
    rows = "".join(json.dumps({"n": number}) + "\n" for number in numbers)
    (tmp_path / "in.jsonl").write_text(rows)
    frame = read_all(tmp_path / "in.jsonl", 1)
    assert frame["n"].tolist() == numbers
    write_table(frame, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == rows


def test_a_key_that_some_rows_lack_is_missing_there(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n\n{"n": 2, "text": "b"}\n')
    frame = read_all(tmp_path / "in.jsonl", 1)
    assert list(frame.columns) == ["text", "n"]
    assert plain(frame) == [["a", None], ["b", 2]]


def excel(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.fixture
def inspections(tmp_path):
    rows = [
        ["設備点検一覧"],
        [],
        ["番号", "内容", "日付", "時間", "可"],
        ["007", "油漏れ", datetime.datetime(2024, 3, 1), 1.5, True],
        [],
        ["008", None, datetime.datetime(2024, 3, 2, 10, 30), 2, None],
    ]
    return excel(tmp_path / "点検.xlsx", {"点検": rows, "other": [["a", "b"], [1, "x"]]})


def test_a_sheet_keeps_its_types_and_row_numbers_and_its_title_is_no_header(inspections):
    reader = open_table(inspections)
    (chunk,) = reader.chunks()
    assert reader.columns == ("番号", "内容", "日付", "時間", "可")
    assert plain(chunk.frame) == [
        ["007", "油漏れ", datetime.datetime(2024, 3, 1), 1.5, True],
        ["008", None, datetime.datetime(2024, 3, 2, 10, 30), 2.0, None],
    ]
    assert chunk.lines.tolist() == [4, 6]
    assert reader.notices == (
        said_of_sheet("点検", "other"),
        "the columns are named in row 3; 1 above it left out",
    )


def test_a_sheet_is_read_by_name(inspections):
    assert plain(read_all(inspections, sheet="other")) == [[1, "x"]]
    alike = open_table(inspections, ReadOptions(sheet="ＯＴＨＥＲ"))
    assert alike.columns == ("a", "b")
    assert alike.notices == ("sheet 'other' is taken for 'ＯＴＨＥＲ'",)
    with pytest.raises(
        InputError, match=r"Got --sheet 'no'; .* has the sheets '点検', 'other'; pa"
    ):
        open_table(inspections, ReadOptions(sheet="no"))


def test_an_empty_sheet_and_a_header_alone_are_refused(tmp_path):
    path = excel(tmp_path / "a.xlsx", {"none": [], "header": [["id", "text"]]})
    with pytest.raises(InputError, match="whose sheet 'none' is empty; expected at least one row"):
        open_table(path, ReadOptions(sheet="none"))
    with pytest.raises(InputError, match="with a header and no rows"):
        open_table(path, ReadOptions(sheet="header"))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.txt"])
def test_options_that_make_no_sense_for_a_format_are_refused(tmp_path, name):
    path = tmp_path / name
    write_table(frame_of(), path)
    with pytest.raises(InputError, match=r"Got --sheet 'a' for .*, which is no spreadsheet; expec"):
        open_table(path, ReadOptions(sheet="a"))
    if name == "a.parquet":
        with pytest.raises(
            InputError, match=r"Got --encoding 'utf-8' for .*, a format with its ow"
        ):
            open_table(path, ReadOptions(encoding="utf-8"))


def test_excel_output_can_be_worked_with_at_once(tmp_path):
    path = tmp_path / "scored.xlsx"
    layout = Layout("is_anomaly", [("Rows", 3), ("Flagged", 1), ("Detector", "=auto")])
    write_table(join_columns(frame_of(), ADDED), path, layout)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["rows", "summary"]
    rows, summary = book.worksheets
    assert rows.freeze_panes == "A2"
    assert (rows.page_setup.orientation, rows.page_setup.fitToHeight) == ("landscape", 0)
    assert rows.print_title_rows == "$1:$1"
    assert rows.auto_filter.ref == "A1:H4"
    assert [cell.value for cell in rows[1]] == [*NAMES, *ADDED]
    assert all(cell.font.bold for cell in rows[1])
    colours = [{cell.fill.fgColor.rgb for cell in rows[i]} for i in (2, 3, 4)]
    assert colours == [{"FFF8CBAD"}, {"00000000"}, {"00000000"}]
    widths = [rows.column_dimensions[letter].width for letter in "ABC"]
    assert widths == [8, 26, 8]
    assert rows["A1"].alignment.wrap_text
    assert [[cell.value for cell in row] for row in summary] == [
        ["Rows", 3],
        ["Flagged", 1],
        ["Detector", "=auto"],
    ]


def test_excel_output_shows_numbers_of_a_csv_as_numbers_and_ids_as_text(tmp_path):
    write_table(frame_of(), tmp_path / "a.xlsx")
    rows = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    hours = rows["C2"]
    assert (hours.value, hours.number_format) == (1.5, "0.00")  # shows 1.50
    assert [rows["A2"].value, rows["C4"].value, rows["D2"].value] == ["007", -3, None]


def test_times_beyond_excel_and_control_characters_do_not_break_it(tmp_path):
    frame = pd.DataFrame({
        "text": ["a\x00\x1b[31mb", "x" * 40_000, "\u200b🙂", "#DIV/0!"],
        "big": [2**60, 1, None, float("inf")],
        "when": [datetime.datetime(1066, 10, 14), None, pd.NaT,
                 datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)],
    }, dtype=object)  # fmt: skip
    write_table(frame, tmp_path / "a.xlsx", Layout(summary=[("Rows", 4)]))
    rows, summary = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    assert rows["A2"].value == "a��[31mb"
    assert rows["A3"].value == "x" * 32_766 + "…"
    assert (rows["A5"].value, rows["A5"].data_type) == ("#DIV/0!", "s")
    assert [rows[f"B{i}"].value for i in (2, 3, 4, 5)] == [str(2**60), 1, None, "inf"]
    assert [rows[f"C{i}"].value for i in (2, 3, 4)] == ["1066-10-14", None, None]
    assert rows["C5"].value == "2024-01-01 00:00:00+00:00"
    assert [cell.value for cell in summary[2]] == [
        "Texts cut to the 32,767 characters of a cell", 1,
    ]  # fmt: skip


def test_names_that_are_numbers_come_back_as_they_were(tmp_path):
    names = ["400.0", "400.5", "2024", "1e3", "007", "=a"]
    write_table(pd.DataFrame([["x"] * 6], columns=names), tmp_path / "a.xlsx")
    assert list(read_all(tmp_path / "a.xlsx").columns) == names


def test_times_of_day_and_durations_of_a_sheet_stay_what_they_are(tmp_path):
    hours = datetime.timedelta(hours=30, minutes=15)
    rows = [["begin", "took"], [datetime.time(8, 5, 9), hours]]
    excel(tmp_path / "a.xlsx", {"a": rows})
    table = open_table(tmp_path / "a.xlsx")
    frame = read_all(tmp_path / "a.xlsx")
    for formats in ({}, table.formats, {"begin": "h:mm", "took": "h:mm"}):  # not 6:15 for 30:15
        write_table(frame, tmp_path / "b.xlsx", Layout(formats=formats))
        assert plain(read_all(tmp_path / "b.xlsx")) == rows[1:]
        shown = openpyxl.load_workbook(tmp_path / "b.xlsx").active
        assert shown["B2"].number_format == "[hh]:mm:ss"
        assert shown["A2"].number_format == (formats.get("begin") or "hh:mm:ss")
    gaps = pd.DataFrame({"gap": [-hours]})  # of which Excel shows none
    write_table(gaps, tmp_path / "c.xlsx")
    assert read_all(tmp_path / "c.xlsx")["gap"][0] == "-30:15:00"
    write_table(frame, tmp_path / "d.csv")
    assert plain(read_all(tmp_path / "d.csv")) == [["08:05:09", "30:15:00"]]


def test_a_duration_is_written_in_hours_whatever_holds_it():
    minute, second = datetime.timedelta(minutes=1), datetime.timedelta(seconds=1)
    durations = [1440 * minute, 95 * minute + 2.5 * second, -second, 0 * second]
    said = ["24:00:00", "1:35:02.500000", "-0:00:01", "0:00:00"]
    for dtype in (object, "timedelta64[us]"):
        assert cells_as_text(pd.Series(durations, dtype=dtype)) == said


def timed_sheet(path, cells):
    """Write a column whose numbers have the format of a time of day."""
    excel(path, {"a": [["id", "t"], *([f"r{i}", cell] for i, cell in enumerate(cells))]})
    book = openpyxl.load_workbook(path)
    for row in book.active.iter_rows(min_row=2, min_col=2):
        if isinstance(row[0].value, (int, float)):
            row[0].number_format = "h:mm:ss"
    book.save(path)
    return read_all(path)["t"]


def test_24_hours_among_times_of_day_is_no_day_of_1900(tmp_path):
    clock = datetime.time(23, 30)
    said = cells_as_text(timed_sheet(tmp_path / "a.xlsx", [clock, 1.0, 1.25, None, "off"]))
    assert said == ["23:30:00", "24:00:00", "30:00:00", "", "off"]
    day = datetime.datetime(2026, 4, 1)  # then those of 1900 may be days too
    mixed = cells_as_text(timed_sheet(tmp_path / "b.xlsx", [clock, 1.0, day]))
    assert mixed == ["23:30:00", "1900-01-01", "2026-04-01"]
    days = cells_as_text(timed_sheet(tmp_path / "c.xlsx", [datetime.datetime(1900, 1, 1)] * 2))
    assert days == ["1900-01-01"] * 2


def test_a_text_that_excel_would_decode_is_read_as_it_was(tmp_path):
    texts = ["pos_x0041_y0120", "_x000D_", "_x005F_x0041_", "_x41_", "a_b_x", "_x0041_x0042_"]
    write_table(pd.DataFrame({"_x0041_": texts}, dtype=str), tmp_path / "a.xlsx")
    again = read_all(tmp_path / "a.xlsx")
    assert (again.columns[0], again["_x0041_"].tolist()) == ("_x0041_", texts)


def test_more_rows_than_excel_holds_are_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr("polar_detect.tables.output.excel.MAX_ROWS", 3)
    write_table(frame_of(ROWS[:2]), tmp_path / "a.xlsx")
    with pytest.raises(OutputError, match=r"Got more than 2 rows for an Excel .*; write \.parquet"):
        write_table(frame_of(), tmp_path / "b.xlsx")
    assert not (tmp_path / "b.xlsx").exists()


def test_more_columns_than_excel_holds_are_refused_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr("polar_detect.tables.output.excel.MAX_COLUMNS", 3)
    write_table(pd.DataFrame(np.ones((2, 3))), tmp_path / "a.xlsx")
    with pytest.raises(OutputError, match=r"Got more than 3 columns for an Excel .*; write \.par"):
        write_table(pd.DataFrame(np.ones((2, 4))), tmp_path / "b.xlsx")
    assert not (tmp_path / "b.xlsx").exists()


FORMULAS = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", "＝1+1", "- see log"]
HARMLESS = ["-1.5", "+3", "-1e-5", "-1,000.5", "-5 %", "a=b", " =1", "--", "", "'=1"]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_formulas_are_neutralised_in_csv_and_nothing_else_is_touched(tmp_path, name):
    texts = FORMULAS + HARMLESS
    frame = pd.DataFrame({"id": ["1"] * len(texts), "text": texts}, dtype=str)
    write_table(frame, tmp_path / name)
    again = read_all(tmp_path / name, 100)["text"].tolist()
    assert again == [f"'{text}" for text in FORMULAS] + HARMLESS


def test_formulas_are_stored_as_text_in_excel_and_kept_in_other_formats(tmp_path):
    texts = ["=1+1", '=HYPERLINK("http://example.org")', "@SUM(A1)", "=", "-2+3"]
    frame = pd.DataFrame({"text": texts}, dtype=str)
    write_table(frame, tmp_path / "a.xlsx")
    cells = [row[0] for row in openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]][1:]
    assert [(cell.value, cell.data_type) for cell in cells] == [(text, "s") for text in texts]
    control = openpyxl.Workbook()
    control.active["A1"] = texts[0]
    assert control.active["A1"].data_type == "f"
    for name in ("a.jsonl", "a.parquet"):
        write_table(frame, tmp_path / name)
        assert read_all(tmp_path / name, 10)["text"].tolist() == texts


def test_numbers_of_typed_columns_are_no_formulas(tmp_path):
    frame = pd.DataFrame({"x": [-1.5, -2.0], "any": pd.Series([-1, "-a"], dtype=object)})
    write_table(frame, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "x,any\n-1.5,-1\n-2,'-a\n"


def test_plain_lines_hold_no_line_ends_and_no_control_codes(tmp_path):
    frame = pd.DataFrame({"a": ["x\ty\nz", "\x1b[31mred"], "b": ["\u2028", "ü"]}, dtype=str)
    write_table(frame, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "a\tb\nx y z\t \n [31mred\tü\n"


def test_a_csv_begins_with_a_mark_when_that_is_asked(tmp_path):
    for has_mark in (False, True):
        write_table(frame_of(), tmp_path / "a.csv", Layout(has_mark=has_mark))
        assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf") == has_mark
        assert plain(read_all(tmp_path / "a.csv")) == ROWS


@pytest.mark.parametrize(
    ("content", "expected", "columns"),
    [
        (b"id,text\n1,a\n", ("text",), ("id", "text")),
        ("番号,内容\n1,a\n".encode("cp932"), ("内容",), ("番号", "内容")),
        (b"pump leaks\noil, leaks\n", ("note",), ("text",)),
        (b"id,text\n1,a\n", (), ("text",)),
        (gzip.compress(b"id;text\n1;a\n", mtime=0), ("text",), ("id", "text")),
        (b'{"id": 1, "text": "a"}\n', (), ("id", "text")),
        (b'[\n{"id": 1, "text": "a"}\n]\n', (), ("id", "text")),
        (b"[29/Nov/2026:00:00:49] pump leaks\n", (), ("text",)),
    ],
)
def test_stdin_is_read_by_its_content(monkeypatch, content, expected, columns):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    reader = open_table(Path("-"), ReadOptions(expected=expected))
    assert reader.name == "stdin"
    assert reader.columns == columns
    first, again = list(reader.chunks()), list(reader.chunks())  # more than once
    assert plain(first[0].frame) == plain(again[0].frame)


PREAMBLES = {
    "pairs": "装置名,XYZ-100\n測定日,2026/11/01\n\nid,内容\n",
    "a title": "作業報告\nid,内容\n",
    "comments": "# exported\n# by, me\nid,内容\n",
    "a delimiter": "sep=,\nid,内容\n",
    "another case": "ID,内 容\n",
}


@pytest.mark.parametrize("above", PREAMBLES.values(), ids=PREAMBLES)
@pytest.mark.parametrize("codec", ["utf-8", "cp932", "utf-16"])
def test_a_preamble_on_stdin_is_read_as_in_a_file(tmp_path, monkeypatch, above, codec):
    content = (above + "".join(f"{i},油漏れ{i}\n" for i in range(30))).encode(codec)
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    options = ReadOptions(expected=("内容",))
    piped, file = open_table(Path("-"), options), open_table(path, options)
    assert (piped.columns, piped.notices) == (file.columns, file.notices)
    assert [plain(own.frame) for own in piped.chunks()] == [plain(o.frame) for o in file.chunks()]
    assert next(piped.chunks()).frame.iloc[0, -1] == "油漏れ0"


def test_messages_below_pairs_on_stdin_are_read_as_in_a_file(monkeypatch):
    lines = ["設備名,5号機", "", "内容", *[f"08:{i:02} 油圧低下" for i in range(30)]]
    content = "\n".join(lines).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    reader = open_table(Path("-"), ReadOptions(expected=("内容",)))
    assert (reader.columns, len(next(reader.chunks()).frame)) == (("内容",), 30)


@pytest.mark.parametrize(
    "lines",
    [
        ["油漏れ", "内容", "清掃した", "異音"],  # a line that says the name of the column
        ["pump, leaks", "id,内容", "oil", "seal worn", "noise"],
        ["油漏れ", "異音, 内容", "清掃", "軸を調整, 完了, 確認", "停止"],
    ],
)
def test_lines_on_stdin_stay_texts_though_one_says_the_name_of_the_column(monkeypatch, lines):
    content = "\n".join(lines).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    reader = open_table(Path("-"), ReadOptions(expected=("内容",)))
    assert next(reader.chunks()).frame["text"].tolist() == lines


def test_a_default_column_is_that_of_a_table_and_none_of_lines(monkeypatch, tmp_path):
    contents = {"a.csv": b"id,note\n1,oil\n", "a.log": b"oil\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        for path in (tmp_path / name, Path("-")):
            assert read_table(path, default_column="note").texts == ["oil"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(contents["a.log"])))
    with pytest.raises(InputError, match=r"Got column 'note'; the table has: oil\."):
        read_table(Path("-"), text_column="note")


def test_binary_formats_are_read_from_stdin(monkeypatch, tmp_path, inspections):
    write_table(frame_of(), tmp_path / "a.parquet")
    for path in (inspections, tmp_path / "a.parquet"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        assert plain(read_all(Path("-"))) == plain(read_all(path))


def test_an_excel_file_is_scored_with_all_its_types(inspections, tmp_path):
    table = read_table(inspections, text_column="内容")
    assert table.texts == ["油漏れ", ""]
    added = {"score": np.array([1.5, np.nan]), "is_anomaly": np.array([True, False])}
    write_scored(table, added, tmp_path / "out.xlsx", Layout("is_anomaly"))
    assert plain(read_all(tmp_path / "out.xlsx")) == [
        ["007", "油漏れ", datetime.datetime(2024, 3, 1), 1.5, True, 1.5, True],
        ["008", None, datetime.datetime(2024, 3, 2, 10, 30), 2.0, None, None, False],
    ]
    shown = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert [shown[f"C{i}"].number_format for i in (2, 3)] == ["yyyy-mm-dd hh:mm:ss"] * 2


def hidden_first(path, *, cover="hidden"):
    """Write a workbook whose first sheet is another one than its table."""
    book = openpyxl.Workbook()
    first, table = book.active, book.create_sheet("data")
    first.title = "cover"
    first.sheet_state = "hidden" if cover == "hidden" else "visible"
    first.append(["a", "b"])
    first.append([1, 2])
    table.append(["msg", "n"])
    table.append(["hello", 1])
    book.create_chartsheet("chart", 0 if cover == "chart" else 2)
    if cover == "chart":
        book.remove(first)
    book.save(path)
    return path


@pytest.mark.parametrize("cover", ["hidden", "visible", "chart"])
def test_the_sheet_with_the_expected_columns_is_read(tmp_path, cover):
    path = hidden_first(tmp_path / "a.xlsx", cover=cover)
    table = open_table(path, ReadOptions(expected=("msg",)))
    assert table.columns == ("msg", "n")
    said = () if cover == "chart" else (said_of_sheet("data", "cover"),)
    assert table.notices == said
    first = open_table(path)
    assert first.columns == (("a", "b") if cover == "visible" else ("msg", "n"))


COVER = [["作業指示一覧", None], [None, None], ["作成", "保全課"]]
CLEANED = [["番号", "内容"], *([i, "清掃"] for i in range(20))]


def test_a_cover_is_passed_over_for_the_table_behind_it(tmp_path):
    contents = [["表紙", 1], ["一覧", 2], ["凡例", 3], *[["別紙", 4]] * 9]
    sheets = {"表紙": COVER, "目次": contents, "一覧": CLEANED, "旧": CLEANED * 2}
    path = excel(tmp_path / "a.xlsx", sheets)
    for expected in ((), ("作業",)):
        table = open_table(path, ReadOptions(expected=expected))
        assert table.columns == ("番号", "内容")
        assert table.notices == (said_of_sheet("一覧", "表紙", "目次", "旧"),)
    asked = open_table(path, ReadOptions(expected=("作業指示一覧",)))
    assert asked.notices[0] == said_of_sheet("表紙", "目次", "一覧", "旧")


@pytest.mark.parametrize(
    "sheets",
    [
        {"a": CLEANED[:3], "b": CLEANED},  # of another month
        {"a": COVER, "b": CLEANED[:10]},
        {"a": [["x", "y"], *COVER[2:] * 3], "b": CLEANED},
        {"a": [["担当", "内容"], *[["A", "清掃"]] * 2], "b": [["製品", "型式"], *CLEANED[1:] * 2]},
        {"a": [["問合せ"], *[["異音"]] * 6], "b": [["県", "番号"], *CLEANED[1:] * 4]},
        {"a": [["番号", "内容 "], [1, None]], "b": CLEANED},
    ],
)
def test_a_short_table_is_no_cover(tmp_path, sheets):
    table = open_table(excel(tmp_path / "a.xlsx", sheets))
    assert table.notices[0] == said_of_sheet("a", "b")


def test_a_column_that_is_missing_might_be_on_another_sheet(tmp_path):
    path = hidden_first(tmp_path / "a.xlsx")
    match = r"Got column 'other'; the table has: msg, n\. Pass .*, or --sheet for 'cover'\.$"
    with pytest.raises(InputError, match=match):
        read_table(path, text_column="other")
    template = RowTemplate.fit(pd.DataFrame({"other": ["a"]}), ["other"])
    match = r"add it to the table, or rename a column, or pass --sheet for 'cover'\.$"
    with pytest.raises(InputError, match=match):
        read_table(path, rows=template)


def test_midnight_shows_its_time_where_others_of_the_column_have_one(tmp_path):
    path = tmp_path / "a.xlsx"
    times = pd.to_datetime(["2025-04-02 08:00", "2025-04-02 00:00", None])
    days = pd.to_datetime(["2025-04-02", "2025-04-03", None])
    with open_writer(path) as writer:
        for _ in range(2):
            writer.write(pd.DataFrame({"time": times, "day": days}))
    sheet = openpyxl.load_workbook(path).active
    assert [cell.number_format for cell in sheet["A"]][1:3] == ["yyyy-mm-dd hh:mm:ss"] * 2
    assert [cell.number_format for cell in sheet["B"]][1:3] == ["yyyy-mm-dd"] * 2


def test_texts_with_characters_that_excel_cannot_hold_are_counted(tmp_path):
    path = tmp_path / "a.xlsx"
    frame = pd.DataFrame({"text": ["a\x07b\x08", "plain", "\uffff"]})
    write_table(frame, path, Layout(summary=[("Rows", 3)]))
    rows, summary = openpyxl.load_workbook(path).worksheets
    assert [cell.value for cell in rows["A"]][1:] == ["a\ufffdb\ufffd", "plain", "\ufffd"]
    said = {label.value: value.value for label, value in summary.iter_rows()}
    assert said["Texts with characters that Excel cannot hold, written as \ufffd"] == 2
    write_table(frame.iloc[1:2], path, Layout(summary=[("Rows", 1)]))
    assert len(list(openpyxl.load_workbook(path).worksheets[1].iter_rows())) == 1
