import errno
import gzip
import io
import os
import sys
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect.errors import InputError, OutputError
from polar_detect.messages.language import Language
from polar_detect.tables import ReadOptions, choose_text_column, open_table
from polar_detect.tables.input import sources


def read(path, n_rows=100, **options):
    """Return the rows, their lines, and line and reason of the rejected ones."""
    rows, lines, rejected = [], [], []
    for chunk in open_table(path, ReadOptions(**options)).chunks(n_rows):
        rows += chunk.frame.to_numpy().tolist()
        lines += chunk.lines.tolist()
        rejected += chunk.rejected
    return rows, lines, rejected


def faults(rejected):
    return [(row.line, row.reason) for row in rejected]


def test_ragged_rows_are_rejected_with_line_and_reason_and_the_rest_is_kept(save):
    rows, lines, rejected = read(save('id,text\n1,"two\nlines"\n2,b,c\n3\n\n4,d\n'))
    assert rows == [["1", "two\nlines"], ["4", "d"]]
    assert lines == [2, 7]
    assert faults(rejected) == [
        (4, "3 cells; the header has 2"),
        (5, "1 cell; the header has 2"),
    ]
    assert [row.text for row in rejected] == ["2,b,c", "3"]


@pytest.mark.parametrize("end", [",", ",,", ', ,""'])
def test_empty_cells_behind_the_last_column_are_no_fault(save, end):
    rows, lines, rejected = read(
        save(f'id,text\n1,"a, b"{end}\n2,c\n3,d{end}x\n合計,4{end}\n,{end}\n')
    )
    assert rows == [["1", "a, b"], ["2", "c"], ["合計", "4"]]
    assert lines == [2, 3, 5]
    assert [row.line for row in rejected] == [4, 6]
    (notice,) = open_table(save(f"id;text\n1;a{end}\n合計;4{end}\n".replace(",", ";"))).notices
    assert "totals or notes at the end are read as rows: 1" in notice


def test_in_a_single_column_a_comma_at_the_end_is_no_empty_cell(save):
    assert faults(read(save("text\nhello\nyou,\n"))[2]) == [(3, "2 cells; the header has 1")]


@pytest.mark.parametrize("broken", ['2,"never closed', '2,"closed" too early', '2,"5" pipe"'])
@pytest.mark.parametrize("after", ["3,c\n", '3,"c"\n', '3,"c\nc"\n4,"say ""d"""\n'])
def test_unbalanced_quotes_cost_their_own_line_only(save, broken, after):
    good, _, none = read(save(f'id,text\n1,"a"\n{after}'))
    rows, _, rejected = read(save(f'id,text\n1,"a"\n{broken}\n{after}'))
    assert rows == good
    assert none == []
    assert faults(rejected) == [(3, "unbalanced quotes")]
    assert rejected[0].text == broken


def test_very_many_broken_rows_come_in_chunks_too(save):
    path = save("id,text\n" + "1,a,b\n" * 1000 + "2,worn seal\n")
    sizes = [(len(c.frame), len(c.rejected)) for c in open_table(path).chunks(100)]
    assert sizes == [(0, 100)] * 10 + [(1, 0)]
    assert choose_text_column(open_table(path), None).name == "text"


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl"])
def test_undecodable_bytes_and_nul_bytes_cost_their_own_row(save, name):
    good = [f'{{"text": "é{i}"}}' if name == "a.jsonl" else f"é{i}" for i in range(9)]
    lines = [row.encode() for row in good]
    lines[3] += b"\xff\x81"
    lines[5] += b"\0"
    header = [b"text"] if name == "a.csv" else []
    rows, numbers, rejected = read(save(b"\n".join(header + lines), name))
    first = 1 + len(header)
    kept = [0, 1, 2, 4, 6, 7, 8]
    assert rows == [[f"é{i}"] for i in kept]
    assert numbers == [first + i for i in kept]
    assert faults(rejected) == [
        (first + 3, "bytes that are not UTF-8"),
        (first + 5, "NUL byte"),
    ]
    assert [row.text for row in rejected] == [good[3] + r"\xff\x81", good[5] + r"\x00"]


def test_half_a_character_in_utf_16_costs_its_own_row(save):
    content = "id,text\n1,é\n2,".encode("utf-16") + b"\x00\xd8" + "x\n3,c\n".encode("utf-16-le")
    rows, _, rejected = read(save(content))
    assert rows == [["1", "é"], ["3", "c"]]
    assert faults(rejected) == [(3, "bytes that are not UTF-16")]


def test_a_row_longer_than_the_limit_is_rejected_without_reading_it_whole(save, monkeypatch):
    monkeypatch.setattr("polar_detect.tables.input.lines.MAX_ROW_CHARS", 50)
    monkeypatch.setattr("polar_detect.tables.input.records.MAX_ROW_CHARS", 50)
    long = "x" * 200
    for name, header in (("a.csv", "text\n"), ("a.txt", ""), ("a.jsonl", '{"text": "a"}\n')):
        row = '{"text": "b"}' if name == "a.jsonl" else "b"
        rows, _, rejected = read(save(f"{header}{long}\n{row}\n", name))
        assert rows[-1] == ["b"]
        assert [row.line for row in rejected] == [1 + bool(header)]
        assert "longer than" in rejected[0].reason
        assert len(rejected[0].text) == 50


def test_a_quote_that_never_closes_does_not_swallow_a_long_file(save, monkeypatch):
    monkeypatch.setattr("polar_detect.tables.input.records.MAX_ROW_CHARS", 500)
    rows, _, rejected = read(save('id,text\n1,"a\n' + "2,b\n" * 1000))
    assert len(rows) == 1000
    assert faults(rejected) == [(2, "unbalanced quotes")]


def test_json_lines_that_are_no_objects_are_rejected(save):
    content = '{"id": 1}\n[1]\n{"id": \n\n"a"\n{"id": 2}\n{"id": "\\ud83d"}\n{"id": "\\u0000"}\n'
    rows, lines, rejected = read(save(content, "a.jsonl"))
    assert rows == [[1], [2]]
    assert lines == [1, 6]
    assert faults(rejected) == [
        (2, "JSON list, not an object"),
        (3, "not JSON: Expecting value at character 9"),
        (5, "JSON str, not an object"),
        (7, "half a character (a lone surrogate)"),
        (8, "NUL byte"),
    ]


@pytest.mark.parametrize(
    "content", ['[\n{"a": 1},\n{"a"', '[{"a": 1}]\n[{"a": 2}]\n', '{\n"a": 1\n}\n{}']
)
def test_a_json_document_that_breaks_off_or_goes_on_is_refused_whole(save, content):
    with pytest.raises(InputError, match=r"a\.json, which is neither JSON Lines nor a whole JSON"):
        read(save(content, "a.json"))
    rows, _, rejected = read(save('{"a": 1}\n[{"a": 2}]\n', "a.json"))  # control
    assert (len(rows), len(rejected)) == (1, 1)


def test_bytes_of_a_json_document_that_do_not_decode_are_no_question_marks(save):
    content = '[\n{"a": "é"},\n{"a": "é"},\n{"a": "x"}\n]'.encode()
    rows, _, rejected = read(save(content.replace("é".encode(), b"\xe9", 1), "a.json"))
    assert rows == [["é"], ["x"]]
    assert [(row.line, row.reason) for row in rejected] == [
        (1, "half a character (a lone surrogate)")
    ]


@pytest.mark.parametrize("content", ["[]", "[\n]\n"])
def test_an_empty_json_array_is_refused_as_such(save, content):
    with pytest.raises(InputError, match=r"a\.json, an empty JSON array; .* check the export"):
        read(save(content, "a.json"))
    rows, _, rejected = read(save('[]\n{"a": 1}\n', "a.json"))  # control
    assert (len(rows), faults(rejected)) == (1, [(1, "JSON list, not an object")])


def test_a_json_object_with_no_array_of_objects_or_two_is_refused_with_what_to_do(save):
    with pytest.raises(InputError, match=r"without an array of objects; .* as JSON Lines"):
        read(save('{\n"a": 1,\n"b": [2]\n}', "a.json"))
    with pytest.raises(InputError, match=r"\('a', 'b'\); .* jq -c '\.\[\"a\"\]\[\]'"):
        read(save('{"a": [{"c": 1}], "b": [{"c": 2}]}', "a.json"))


def test_a_backslash_before_u0000_in_json_is_no_nul(save):
    content = '{"a": "C:\\\\u0000x"}\n{"a": "\\u0000"}\n{"a": "\\\\\\u0000"}\n'
    rows, _, rejected = read(save(content, "a.jsonl"))
    assert rows == [["C:\\u0000x"]]
    assert [row.reason for row in rejected] == ["NUL byte", "NUL byte"]


def test_deeply_nested_json_is_rejected(save):
    deep = '{"a":' * 100_000
    rows, _, rejected = read(save(f'{{"a": 1}}\n{deep}\n', "a.jsonl"))
    assert rows == [[1]]
    assert rejected[0].reason.startswith("JSON that cannot be read")


def test_duplicate_and_empty_column_names_are_made_unique_and_said(save):
    reader = open_table(save("id,,id,id_2, \n1,2,3,4,5\n"))
    assert reader.columns == ("id", "column_2", "id_3", "id_2", "column_5")
    assert reader.notices == (
        "column 2 has no name, and is called 'column_2' here",
        "column 3 is a second 'id', and is called 'id_3' here",
        "column 5 has no name, and is called 'column_5' here",
    )


def test_of_many_columns_that_are_renamed_the_first_are_said_and_the_others_counted(save):
    reader = open_table(save("a,b,a,a,a,a,a,,a\n" + "1," * 8 + "1\n"))
    assert reader.columns[-2:] == ("column_8", "a_7")
    *said, more = reader.notices
    assert [notice.split()[1] for notice in said] == ["3", "4", "5", "6", "7"]
    assert more == (
        "2 more columns without a name, or with one that is there before, are called likewise"
    )
    assert Language("ja").notice(more).startswith("見出しがない列や同じ見出しの列はほかに2列")
    assert len(open_table(save("a,a,a,a,a,a,a\n" + "1," * 6 + "1\n")).notices) == 6


def test_a_file_of_which_no_row_can_be_read_is_refused_with_the_first_fault(save):
    with pytest.raises(InputError, match=r"no row can be read \(line 2: 3 cells; the header has"):
        read(save("id,text\n1,b,c\n2,b,c\n"))


def test_a_header_that_does_not_decode_is_refused(save):
    rows = "1,é\n" * 3
    with pytest.raises(InputError, match=r"Got bytes that are not UTF-8 in the header \(line 1\)"):
        read(save(b"id,t\xff\n" + rows.encode()))


def test_binary_data_is_refused(save):
    with pytest.raises(InputError, match=r"with many NUL bytes .*; expected text; check the file"):
        read(save(bytes(range(256)) + bytes(1000)))


@pytest.mark.parametrize(
    ("pack", "name"),
    [
        (gzip.compress, "a.csv.gz"),
        (lambda content: pa.compress(content, "zstd", asbytes=True), "a.csv.zst"),
    ],
)
def test_a_truncated_archive_is_refused(save, pack, name):
    content = pack(b"id,text\n" + b"".join(b"%d,row\n" % i for i in range(10_000)))
    assert len(read(save(content, name))[0]) == 10_000
    with pytest.raises(InputError, match=r"compression is broken .*; expected a whole archive"):
        read(save(content[: len(content) // 2], name))
    with pytest.raises(InputError, match="compression is broken"):
        read(save(b"not packed at all", name))


@pytest.mark.parametrize("name", ["a.xlsx.gz", "a.parquet.zst"])
def test_what_is_compressed_inside_is_refused_compressed_once_more(save, name):
    kind = "excel" if "xlsx" in name else "parquet"
    with pytest.raises(InputError, match=rf"a compressed {kind} file; .*; unpack it first"):
        read(save(gzip.compress(b"PK\x03\x04"), name))


def test_rows_of_which_each_has_keys_of_its_own_are_refused(save):
    content = "\n".join(f'{{"text": "oil", "key {i}": 1}}' for i in range(10_001))
    with pytest.raises(InputError, match="more than 10,000 different keys"):
        read(save(content, "a.jsonl"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_rows_come_out_of_a_pipe_with_a_name_too(tmp_path):
    pipe = tmp_path / "rows"
    os.mkfifo(pipe)
    written = "id,text\n1,oil\n2,seal\n"
    Thread(target=pipe.write_text, args=(written,), daemon=True).start()  # waits for who reads
    rows, _, _ = read(pipe, is_table=True)
    assert rows == [["1", "oil"], ["2", "seal"]]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="Windows has no such names")
def test_an_open_file_is_read_by_its_content_as_a_pipe_is(save):
    path = save("id,text\n1,oil\n2,seal\n", "rows")
    assert read(path)[0] == [["id,text"], ["1,oil"], ["2,seal"]]  # control: by its name
    with path.open("rb") as file:
        rows, _, _ = read(Path(f"/dev/fd/{file.fileno()}"), is_table=True)
    assert rows == [["1", "oil"], ["2", "seal"]]


def test_a_pipe_whose_copy_has_no_room_is_an_error_in_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"id,text\n1,oil\n" * 1000)))
    short = io.BytesIO()
    short.write = lambda block: len(block) // 2  # as the system does where the rest has no room
    monkeypatch.setattr(sources.tempfile, "TemporaryFile", lambda **_: short)
    with pytest.raises(OutputError, match=r"No space left on device\); expected.* set TMPDIR to"):
        read(Path("-"), is_table=True)

    def nowhere(**_):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(sources.tempfile, "TemporaryFile", nowhere)
    with pytest.raises(OutputError, match=r"\(No usable temporary directory found\); expected"):
        read(Path("-"), is_table=True)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.parquet"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PAR1", b"hello"])
def test_a_broken_binary_file_is_refused(save, name, content):
    with pytest.raises(InputError, match=r"cannot be read as .*; expected"):
        read(save(content, name))


def parquet(texts, **changes):
    """Return a Parquet file of numbers and texts, in which bytes of `changes` are replaced."""
    file = io.BytesIO()
    rows = pa.table({"number": range(len(texts)), "texxt": texts})
    pq.write_table(rows, file, compression="none", use_dictionary=False, store_schema=False)
    content = file.getvalue()
    for old, new in changes.items():
        assert old.encode() in content
        content = content.replace(old.encode(), new)
    return content


@pytest.mark.parametrize("n_rows", [1, 2, 10])
def test_parquet_rows_whose_text_is_not_utf8_are_rejected_and_all_others_read(save, n_rows):
    texts = ["one", "xxxx", "three", "yyyy", None]
    content = parquet(texts, xxxx=b"a\xff\xfeb", yyyy=b"\x81\x81\x81c")
    rows, lines, rejected = read(save(content, "a.parquet"), n_rows)
    assert [str(text) for _, text in rows] == ["one", "three", "<NA>"]
    assert [int(number) for number, _ in rows] == [0, 2, 4]
    assert list(lines) == [1, 3, 5]
    reason = "column 'texxt': bytes that are not UTF-8"
    assert [(row.line, row.reason, row.text) for row in rejected] == [
        (2, reason, r"a\xff\xfeb"),
        (4, reason, r"\x81\x81\x81c"),
    ]


def test_a_parquet_file_whose_names_or_rows_are_none_of_them_utf8_is_refused(save):
    broken = save(parquet(["one"], texxt=b"te\xff\xfet"), "a.parquet")
    with pytest.raises(InputError, match=r"cannot be read as Parquet .*; expected a Parquet file"):
        read(broken)
    broken = save(parquet(["xxxx"], xxxx=b"a\xff\xfeb"), "b.parquet")
    with pytest.raises(InputError, match=r"no row can be read \(line 1: column 'texxt': bytes"):
        read(broken)


@pytest.mark.parametrize("place", [4, 60])  # the header of the first page, and what it holds
def test_a_parquet_file_with_a_damaged_page_is_refused_in_one_line(save, place):
    file = io.BytesIO()
    pq.write_table(pa.table({"text": [f"row {i}" for i in range(100)]}), file)
    content = bytearray(file.getvalue())
    content[place : place + 8] = b"\xff" * 8
    broken = save(bytes(content), "a.parquet")
    with pytest.raises(InputError, match=r"cannot be read as Parquet .*; expected a P") as refused:
        read(broken)
    assert "\n" not in str(refused.value)


line = st.text(st.sampled_from('ab,"\n\r;é'), max_size=12)


@given(st.lists(line, max_size=8), st.integers(1, 3))
def test_every_line_of_a_csv_is_in_exactly_one_row_or_rejected_row(tmp_path_factory, lines, n_rows):
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    content = "id,text\n" + "\n".join(["1,a", *lines])
    path.write_bytes(content.encode())
    rows, numbers, rejected = read(path, n_rows)
    assert len(rows) == len(numbers)
    starts = sorted([*numbers, *(row.line for row in rejected)])
    assert len(set(starts)) == len(starts)
    text = io.StringIO(content, newline="").readlines()
    blank = [i for i, row in enumerate(text, 1) if not row.strip("\r\n")]
    # Between two starts there are only blank lines and lines inside a record with quotes.
    for start, stop in zip(starts, [*starts[1:], len(text) + 1], strict=True):
        inside = set(range(start + 1, stop)) - set(blank)
        assert not inside or '"' in text[start - 1]


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.txt", "a.jsonl", "a.tsv"]))
def test_no_bytes_crash_the_reader(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)
    try:
        rows, lines, rejected = read(path)
    except InputError:
        return
    assert len(rows) == len(lines) > 0
    assert all(row.reason for row in rejected)
