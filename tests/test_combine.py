"""`polar-detect combine`: one table of several files and sheets."""

import errno
import gzip
import io
import os
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest

from polar_detect.errors import InputError
from polar_detect.pipeline.standing import Standing
from polar_detect.tables import Combined, CombinedRows, new_later, read_table

ROWS = pd.DataFrame({"heat": ["H1", "H2"], "C [%]": [0.05, 0.061], "grade": ["304", "316"]})


def book(path, **sheets):
    """Write a workbook, a sheet for each frame."""
    with pd.ExcelWriter(path) as file:
        for name, frame in sheets.items():
            frame.to_excel(file, sheet_name=name, index=False)
    return path


def combined(*paths, drops_copies=False, **options):
    return CombinedRows.of(Combined.open(paths, **options), drops_copies=drops_copies)


def whole(rows):
    frame = pd.concat(rows.frames())
    assert len(frame) == rows.n_rows
    return frame


def column(rows, name):
    return [None if cell is pd.NA else cell for cell in whole(rows)[name].tolist()]


@pytest.fixture
def months(tmp_path):
    """Return a folder of months: two sheets of a workbook with a cover, and two CSV files."""
    folder = tmp_path / "months"
    folder.mkdir()
    cover = pd.DataFrame({"contents": ["april", "may"]})
    book(folder / "2026.xlsx", cover=cover, april=ROWS, may=ROWS.assign(heat=["H3", "H4"]))
    ROWS.assign(heat=["H7", "H8"]).to_csv(folder / "10.csv", index=False)
    june = ROWS.assign(heat=["H5", "H6"], note=["", "again"])
    june.rename(columns={"C [%]": "Ｃ（％）"}).to_csv(folder / "6.csv", index=False)
    (folder / "~$2026.xlsx").write_text("of Excel")
    (folder / "notes.txt").write_text("which are no table\n")
    return folder


def test_files_and_sheets_of_a_folder_are_one_table(months, run):
    out = months.parent / "all.xlsx"
    code, said, err = run("combine", months, "--out", out)
    assert (code, said.split()) == (0, [str(out)])
    assert err.splitlines() == [
        "10.csv, 2026.xlsx [april], 2026.xlsx [may]: column 'C [%]' is taken for 'Ｃ（％）'",
        "10.csv, 2026.xlsx [april], 2026.xlsx [may]: columns that only others have are empty "
        "there: 'note'",
        f"left out, as most of their columns are others: {months / '2026.xlsx'} [cover]",
        f"not read: {months / 'notes.txt'}",
        "8 rows, of tables: 4",
    ]
    found = pd.read_excel(out, engine="calamine")
    assert found.columns.tolist() == ["file", "heat", "Ｃ（％）", "grade", "note"]
    assert found["heat"].tolist() == ["H5", "H6", "H7", "H8", "H1", "H2", "H3", "H4"]
    assert found["file"].tolist() == [
        *("6.csv", "6.csv", "10.csv", "10.csv"),
        *("2026.xlsx [april]", "2026.xlsx [april]", "2026.xlsx [may]", "2026.xlsx [may]"),
    ]
    assert found["Ｃ（％）"].tolist() == 4 * [0.05, 0.061]
    assert found["note"].fillna("").tolist() == ["", "again", "", "", "", "", "", ""]


def test_an_earlier_result_in_the_folder_is_no_input(months, run):
    out = months / "all.csv"
    for _ in range(2):
        assert run("combine", months, "--out", out)[0] == 0
    assert len(pd.read_csv(out)) == 8
    assert run("combine", out, out.parent / "6.csv", "--out", out)[0] == 1


def test_sheets_of_one_workbook_say_their_names_alone(months):
    rows = combined(months / "2026.xlsx")
    assert whole(rows).columns.tolist() == ["sheet", "heat", "C [%]", "grade"]
    assert column(rows, "sheet") == ["april", "april", "may", "may"]
    assert whole(combined(months / "10.csv")).columns.tolist() == ["heat", "C [%]", "grade"]


def test_one_sheet_of_each_workbook_can_be_asked_for(months, run):
    out = months.parent / "all.csv"
    files = months / "2026.xlsx", months / "10.csv"
    assert run("combine", files[0], "--sheet", "may", "--out", out)[0] == 0
    assert pd.read_csv(out)["heat"].tolist() == ["H3", "H4"]
    code, _, err = run("combine", *files, "--sheet", "may", "--out", out)
    assert (code, "10.csv, which is no spreadsheet" in err) == (1, True)


def test_hidden_sheets_and_those_without_rows_are_passed_over(tmp_path):
    path = book(tmp_path / "a.xlsx", may=ROWS, june=ROWS, july=ROWS, none=ROWS[:0])
    opened = openpyxl.load_workbook(path)
    opened["june"].sheet_state = "hidden"
    opened.create_sheet("blank")
    opened.save(path)
    assert column(combined(path), "sheet") == ["may", "may", "july", "july"]


def test_a_workbook_without_rows_is_refused_as_it_is_alone(tmp_path):
    path = book(tmp_path / "a.xlsx", may=ROWS[:0])
    with pytest.raises(InputError, match="with a header and no rows"):
        combined(path)


def test_files_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    for name in ("may", "june"):
        (tmp_path / name).mkdir()
        ROWS.to_csv(tmp_path / name / "rows.csv", index=False)
    paths = [tmp_path / name / "rows.csv" for name in ("may", "june")]
    assert column(combined(*paths), "file") == [str(path) for path in paths for _ in range(2)]
    assert len(whole(combined(paths[0], paths[0]))) == 2  # the same one twice


def test_names_of_files_may_be_anything(tmp_path, run):
    folder, out = tmp_path / "odd", tmp_path / "all.csv"
    folder.mkdir()
    names = [b"=cmd.csv", b"a\xff.csv", b"new\nline.csv", "５月.csv".encode()]
    for name in names:
        (folder / os.fsdecode(name)).write_text("a,b\n1,2\n")
    (folder / "gone.csv").symlink_to("nowhere")
    for ending in (".csv", ".xlsx", ".parquet", ".jsonl"):
        assert run("combine", folder, "--out", out.with_suffix(ending))[0] == 0
    said = pd.read_csv(out)["file"].tolist()
    assert said == ["'=cmd.csv", "a\ufffd.csv", "new line.csv", "５月.csv"]


def test_a_folder_that_cannot_be_read_is_refused(months, run, monkeypatch):
    def refuse(folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    for tongue, words in (("en", "which cannot be read ("), ("ja", "アクセス権を確認")):
        code, _, err = run("combine", months, "--out", months.parent / "o.csv", "--lang", tongue)
        assert (code, words in err, err.count("\n")) == (1, True, 1)


def test_a_file_that_was_named_has_to_be_of_the_kind(months, tmp_path, run):
    other = tmp_path / "other.csv"
    other.write_text("speed,torque\n1,2\n")
    for tongue, words in (("en", "leave it out, rename its"), ("ja", "このファイルを除くか")):
        call = ("combine", months, other, "--out", tmp_path / "all.csv", "--lang", tongue)
        code, _, err = run(*call)
        assert (code, words in err, "'speed', 'torque'" in err) == (1, True, True)
    other.write_text("heat,x\nH9,1\n")  # of three columns one
    with pytest.raises(InputError, match="expected at least half"):
        combined(months / "10.csv", other)
    other.write_text("heat,grade,x,y\nH9,304,1,2\n")  # of four columns two
    assert len(whole(combined(months / "10.csv", other))) == 3


def test_columns_of_the_same_name_come_before_those_that_differ_in_case(tmp_path):
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text("Temp,flow\n1,2\n")
    second.write_text("temp,Temp,Flow\n5,6,7\n")
    frame = whole(combined(first, second))
    assert frame.drop(columns="file").to_dict("list") == {
        "Temp": ["1", "6"], "flow": ["2", "7"], "temp": [np.nan, "5"],
    }  # fmt: skip


def test_names_may_lack_their_units_and_differ_in_width_which_is_said(tmp_path, run):
    heads = ("t [K],p,C（％）", "t,p [Pa],C(%)", "t [mK],p,c(%)", "t [C],t,C(%)")
    for i, head in enumerate(heads):
        (tmp_path / f"{i}.csv").write_text(f"{head}\n{i},{i},{i}\n")
    rows = combined(tmp_path)
    assert rows.combined.columns == ["t [K]", "p", "C（％）", "t [mK]", "t [C]", "t"]
    assert column(rows, "t [K]")[:2] == ["0", "1"]
    assert column(rows, "p")[:3] == ["0", "1", "2"]
    assert column(rows, "C（％）") == ["0", "1", "2", "3"]
    _, _, err = run("combine", tmp_path, "--out", tmp_path.parent / "all.csv")
    assert "1.csv: column 'p [Pa]' is taken for 'p'\n" in err
    assert "1.csv: column 't' is taken for 't [K]'\n" in err  # in 3.csv it may be either


def test_a_column_takes_a_type_that_holds_what_all_tables_say(tmp_path):
    day = pd.Timestamp("2026-05-01 08:30")
    of_may = pd.DataFrame(
        {"n": [1, 2], "x": [1, 2], "wide": [2**60 + 1, 1], "say": [3, 4], "day": day, "gap": 7}
    )
    rest = {"x": [0.5, None], "wide": [0.25, 1.0], "say": ["OL", None], "day": day, "gap": None}
    sheets = book(tmp_path / "a.xlsx", may=of_may.astype({"wide": str}), june=of_may.assign(**rest))
    rows = combined(sheets)
    assert [str(dtype) for dtype in whole(rows).dtypes] == [
        *("str", "Int64", "Float64", "object", "object", "datetime64[us]", "Int64"),
    ]
    assert column(rows, "x") == [1, 2, 0.5, None]
    assert whole(rows)["say"].tolist() == [3, 4, "OL", None]
    assert column(rows, "gap") == [7, 7, None, None]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_whole_numbers_keep_their_digits_beside_others_with_decimals(tmp_path, ending):
    for name, numbers in (("1", [2**60 + 1, 3]), ("2", [0.5, None])):
        frame = pd.DataFrame({"n": numbers})
        if ending == "parquet":
            frame.to_parquet(tmp_path / f"{name}.parquet")
        else:
            frame.to_json(tmp_path / f"{name}.jsonl", orient="records", lines=True)
    cells = whole(combined(tmp_path))["n"].tolist()
    assert [str(cell) for cell in cells] == [str(2**60 + 1), "3", "0.5", "None"]


def test_number_formats_stay_where_tables_agree(tmp_path, run):
    for name, form in (("1", "0.000"), ("2", "0.000"), ("3", "0.0")):
        file = openpyxl.Workbook()
        file.active.append(["C", "n" if name == "1" else "m"])
        file.active.append([0.05, 1.5])
        file.active["A2"].number_format = form
        file.active["B2"].number_format = "0.00"
        file.save(tmp_path / f"{name}.xlsx")
    paths = [tmp_path / f"{name}.xlsx" for name in "123"]
    assert Combined.open(paths[:2]).formats == {"C": "0.000", "n": "0.00", "m": "0.00"}
    assert Combined.open(paths).formats == {"n": "0.00", "m": "0.00"}
    assert run("combine", *paths, "--out", tmp_path / "all.xlsx")[0] == 0
    row = openpyxl.load_workbook(tmp_path / "all.xlsx").active[2]
    assert [cell.number_format for cell in row] == ["General", "General", "0.00", "General"]


def test_a_csv_of_files_that_spreadsheets_have_written_opens_in_them(tmp_path, run):
    for name in ("5月.csv", "6月.csv"):
        (tmp_path / name).write_text("鋼種,C\n炭素鋼,0.4\n", encoding="cp932")
    assert run("combine", tmp_path, "--out", tmp_path / "all.csv")[0] == 0
    assert (tmp_path / "all.csv").read_bytes().startswith(b"\xef\xbb\xbffile,")


def test_names_of_files_do_not_count_where_dates_are_in_order_either():
    days = pd.date_range("2026-04-01", periods=60).astype(str)
    frame = pd.DataFrame({"file": 30 * ["april.csv"] + 30 * ["may.csv"], "day": days})
    said = "holds names of files or sheets, and those of new rows are all new"
    assert new_later(frame, ["file"]) == {"file": said}
    mixed = frame.assign(file=30 * ["main.c", "list.c"])  # of a program's own files
    assert new_later(mixed, ["file"]) == {}


def test_numbers_of_their_own_in_each_row_are_no_names_of_sheets():
    rng = np.random.default_rng(0)
    for numbers in (rng.permutation(60), rng.normal(2, 0.1, 60)):
        assert new_later(pd.DataFrame({"sheet": numbers}), ["sheet"]) == {}
    numbered = pd.DataFrame({"sheet": np.repeat([3, 1, 2], 20)})
    assert [*new_later(numbered, ["sheet"])] == ["sheet"]


def test_rows_of_exports_that_overlap_are_said_and_left_out_where_asked(months, run):
    out = months.parent / "all.csv"
    again = months / "11.csv"
    ROWS.assign(heat=["H9", "H8"]).to_csv(again, index=False)
    code, _, err = run("combine", months / "10.csv", again, "--out", out)
    said = "11.csv: rows that an earlier file or sheet has, too: 1; --drop-copies leaves them out"
    assert (code, said in err.splitlines(), len(pd.read_csv(out))) == (0, True, 4)
    code, _, err = run("combine", months / "10.csv", again, "--out", out, "--drop-copies")
    said = "11.csv: rows left out that an earlier file or sheet has, too: 1"
    assert (code, said in err.splitlines()) == (0, True)
    assert pd.read_csv(out)["heat"].tolist() == ["H7", "H8", "H9"]
    rows = combined(months / "10.csv", months / "6.csv", again, drops_copies=True)
    assert rows.n_copies == {"11.csv": 1}  # of the first


@pytest.mark.parametrize("other", [6.5, "<1"])
def test_whole_numbers_are_copies_of_the_same_among_other_numbers(tmp_path, other):
    for name, heats, numbers in (("1", "abcd", [1, 2, 4, 5]), ("2", "cdef", [4, 5, other, 7.5])):
        frame = pd.DataFrame({"heat": [*heats], "C": pd.Series(numbers, dtype=object)})
        book(tmp_path / f"{name}.xlsx", all=frame)
    rows = combined(tmp_path / "1.xlsx", tmp_path / "2.xlsx", drops_copies=True)
    assert rows.n_copies == {"2.xlsx": 2}
    assert column(rows, "heat") == [*"abcdef"]


def test_lines_that_repeat_in_each_file_are_no_copies(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.log").write_text("pump on\n" * 3 + f"{name}\n")
    rows = combined(tmp_path)
    assert (rows.n_copies, rows.n_rows) == ({}, 8)
    asked = combined(tmp_path, drops_copies=True)
    assert (asked.n_copies, asked.n_rows) == ({"b.log": 3}, 5)


def test_lines_of_text_files_are_texts_of_a_table(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"pump {name} runs\nvalve {name} shut\n")
    rows = combined(tmp_path)
    assert whole(rows).columns.tolist() == ["file", "text"]
    whole(rows).to_csv(tmp_path / "all.csv", index=False)
    assert read_table(tmp_path / "all.csv").texts[:2] == ["pump a runs", "valve a shut"]
    with pytest.raises(InputError, match="with the columns 'file', 'text'; expected at least half"):
        combined(tmp_path / "a.txt", tmp_path / "all.csv")


def test_logs_that_were_rotated_are_read_and_pictures_are_not(tmp_path):
    names = ["app.log", "app.log.1", "app.log.2.gz", "app.LOG.zst"]
    for name in [*names, "app.log.png", "clog"]:
        opened = gzip.open if name.endswith(".gz") else open
        with opened(tmp_path / name, "wt") as file:
            file.write("pump on\n")
    (tmp_path / names[3]).write_bytes(pa.compress(b"pump on\n", "zstd", asbytes=True))
    rows = combined(tmp_path)
    assert column(rows, "file") == sorted(names, key=str.casefold)
    assert [Path(own).name for own in rows.combined.unread] == ["app.log.png", "clog"]


def test_rows_that_cannot_be_read_name_their_file(months, run):
    out = months.parent / "all.csv"
    (months / "10.csv").write_text("heat,C [%],grade\nH7,1,2,3\nH8,1,2\n")
    assert run("combine", months, "--out", out, "--lang", "ja")[0] == 0
    rejected = pd.read_csv(months.parent / "all.rejected.csv")
    assert rejected[["ファイル", "line"]].to_numpy().tolist() == [["10.csv", 2]]
    assert pd.read_csv(out)["heat"].tolist()[2:4] == ["H8", "H1"]
    (months / "10.csv").unlink()
    assert run("combine", months, "--out", out)[0] == 0
    assert not (months.parent / "all.rejected.csv").exists()


def test_what_has_no_rows_yet_is_left_out_where_others_have_some(months, run):
    out = months.parent / "all.csv"
    (months / "7.csv").write_text("heat,C [%],grade\n")
    (months / "8.csv").touch()
    code, _, err = run("combine", months, "--out", out)
    said = ["without any row: 7.csv", "8 rows, of tables: 4"]
    assert (code, [own for own in err.splitlines() if own in said]) == (0, said)
    assert f"not read: {months / 'notes.txt'}, {months / '8.csv'}" in err
    assert len(pd.read_csv(out)) == 8
    for names in (["7.csv"], ["8.csv"], ["7.csv", "8.csv"], ["10.csv", "8.csv"]):
        code, _, err = run("combine", *(months / name for name in names), "--out", out)
        assert (code, "expected at least one row" in err) == (1, True)
    (months / "2026.xlsx").unlink()
    for file in months.glob("*.csv"):
        file.write_text("")
    code, _, err = run("combine", months, "--out", out)
    assert (code, "without any text (0 bytes)" in err) == (1, True)


def test_files_of_a_folder_that_cannot_be_read_are_left_out_and_said(months, run):
    out, whole = months.parent / "all.csv", (months / "2026.xlsx").read_bytes()
    (months / "7.xlsx").write_bytes(whole[: len(whole) // 2])
    (months / "8.csv").write_text("heat,C [%],grade\n" + 3 * "H9,1,2,3\n")  # found in its rows
    code, _, err = run("combine", months, "--out", out)
    first, second = [line for line in err.splitlines() if "as it cannot be read: Got" in line]
    assert (code, "7.xlsx" in first, "8.csv" in second) == (0, True, True)
    assert (len(pd.read_csv(out)), err.splitlines()[-1]) == (8, "8 rows, of tables: 4")
    assert "読めないため除いたファイル：" in run("combine", months, "--out", out, "--lang", "ja")[2]
    for name in ("7.xlsx", "8.csv"):  # one that was named is an error
        code, _, err = run("combine", months, months / name, "--out", out)
        assert (code, name in err.splitlines()[-1]) == (1, True)
    for file in months.iterdir():
        file.write_bytes(whole[: len(whole) // 2]) if file.suffix == ".xlsx" else file.unlink()
    code, _, err = run("combine", months, "--out", out)
    assert (code, err.count("\n"), "Got " in err) == (1, 1, True)


def test_what_is_no_file_is_refused(tmp_path, run, monkeypatch):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "picture.png").touch()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
    for path, en, ja in (
        (tmp_path / "none", "without a CSV", "がありません"),
        ("-", "Got stdin among the files", "標準入力は"),
    ):
        for tongue, words in (("en", en), ("ja", ja)):
            code, _, err = run("combine", path, "--out", tmp_path / "o.csv", "--lang", tongue)
            assert (code, words in err, err.count("\n")) == (1, True, 1)


@pytest.mark.parametrize(
    "text", ["heat,C [%],grade\nH7,1,2\n", "heat,C [%],grade\n" + "H,1,2\n" * 3]
)
def test_a_file_that_changes_meanwhile_is_refused(months, text):
    rows = combined(months)
    (months / "10.csv").write_text(text)
    with pytest.raises(InputError, match=r"10\.csv', which was changed while it was read"):
        whole(rows)


def test_which_file_a_row_is_of_counts_as_its_lot_and_new_rows_need_none(tmp_path, run):
    chance = np.random.default_rng(0)
    folder = tmp_path / "pieces"
    folder.mkdir()
    for i in range(12):
        level = chance.normal()
        rows = pd.DataFrame({"F [N]": 100 + 5 * level + chance.normal(size=8), "u [mm]": 2.0})
        rows["u [mm]"] += chance.normal(size=8).round(2)
        rows.to_csv(folder / f"piece{i}.csv", index=False, float_format="%.2f")
    out, detector = tmp_path / "all.csv", tmp_path / "detector"
    assert run("combine", folder, "--out", out)[0] == 0
    lots = Standing.found_in(pd.read_csv(out)).numbers
    assert {name: own.tolist() for name, own in lots.items()} == {
        "file": np.repeat(range(12), 8).tolist()
    }
    code, _, err = run("fit", out, "--all-columns", "--out", detector)
    assert (code, "By lot: rows that say the same in “file” are alike" in err) == (0, True)
    scored = tmp_path / "scored.csv"
    code, _, err = run("score", folder / "piece0.csv", "--detector", detector, "--out", scored)
    assert (code, "columns that do not count are missing: 'file'" in err) == (0, True)


@pytest.mark.parametrize("command", ["fit", "score", "screen", "report"])
def test_more_than_one_file_is_refused_elsewhere_with_what_to_do(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "200")
    call = (command, "a.csv", "b.csv", "c.csv", "--out", "o.csv", "--detector", "columns")
    code, _, err = run(*call)
    assert (code, "('b.csv', 'c.csv'); expected one; make one table" in err) == (2, True)
    assert "2つ以上あります" in run(*call, "--lang", "ja")[2]
    code, _, err = run(command, "a.csv", "--out", "o.csv", "--detector", "Torque", "[Nm]")
    assert (code, "Got '[Nm]' behind the file and the options" in err) == (2, True)
    assert "put a name with blanks in quotes" in err
    assert "No such option" in run(*call, "--alpa", "1")[2]


@pytest.mark.parametrize("command", ["fit", "screen"])
def test_a_folder_is_refused_elsewhere_with_what_to_do(months, run, command):
    code, _, err = run(command, months, "--out", months.parent / "o.csv")
    assert (code, "one table of its files with polar-detect combine" in err) == (1, True)
