import io
import json
import re
import shutil
import sys
from dataclasses import fields

import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from bad_inputs import call
from work_orders import NEW, NORMAL, STRANGE

from polar_detect.cli.commands.notices import Notices
from polar_detect.cli.commands.output import tell
from polar_detect.cli.commands.training import Training
from polar_detect.cli.options import FitOptions
from polar_detect.messages.language import Language
from polar_detect.tables import RowColumns, SheetNames, read_table
from polar_detect.texts.known import KnownTexts

TEXTS = [NEW[0], STRANGE[0]]


@pytest.fixture(scope="session")
def fitted_on_rows(tiny_pair, tmp_path_factory):
    """Return a folder of a detector fitted on rows, and what fit said."""
    folder = tmp_path_factory.mktemp("rows")
    frame = pd.DataFrame({"n": range(len(NORMAL)), "note": NORMAL, "t [K]": 290.0})
    frame["t [K]"] += frame["n"] % 7 * 0.51
    frame.to_csv(folder / "train.csv", index=False)
    _, said = call(
        "fit", folder / "train.csv", "--all-columns",
        "--model", tiny_pair["model"], "--encoder", tiny_pair["encoder"],
        "--out", folder / "detector", "--max-tokens", 16,
    )  # fmt: skip
    return folder / "detector", said


def test_lines_of_empty_cells_are_kept_and_not_scored_as_rows(run, fitted_on_rows, tmp_path):
    path, scored = tmp_path / "new.csv", tmp_path / "scored.csv"
    path.write_text("n,note,t [K]\n1,oil topped up,290.5\n,,\n2,,\n,,\n")
    code, _, err = run("score", path, "--detector", fitted_on_rows[0], "--out", scored)
    assert code == 0
    assert "2 rows have no text and were not scored." in err
    kept = pd.read_csv(scored)
    assert kept["score"].isna().tolist() == [False, True, False, True]
    assert kept["top_layers"].tolist()[1::2] == ["empty text"] * 2


@pytest.mark.parametrize("command", ["score", "report"])
def test_no_result_is_put_into_the_folder_of_a_detector(run, saved_on_tiny, tmp_path, command):
    path = tmp_path / "new.csv"
    path.write_text("text\nworn seal\n")
    out = saved_on_tiny / ("february.csv" if command == "score" else "february.md")
    call = (command, path, "--detector", saved_on_tiny)
    code, _, err = run(*call, "--out", out)
    assert (code, out.exists()) == (1, False)
    assert f"Got --out {out} in the folder of the detector, which would not load any more" in err
    assert "検出器のフォルダーの中です" in run(*call, "--out", out, "--lang", "ja")[2]
    beside = (*call, "--out", tmp_path / "a.csv" if command == "score" else tmp_path / "a.md")
    option = "--cache" if command == "score" else "--figures"
    assert f"Got {option} {saved_on_tiny} in the" in run(*beside, option, saved_on_tiny)[2]


@pytest.mark.slow
def test_rows_that_a_detector_was_fitted_on_are_told_where_they_are_scored_again(
    run, fitted_on_rows, tmp_path
):
    folder, path = fitted_on_rows[0].parent, tmp_path / "both.csv"
    train = pd.read_csv(folder / "train.csv")
    more = train.assign(n=train["n"] + 1000, note="Again: " + train["note"])
    pd.concat([train, more]).to_csv(path, index=False)
    score = ("score", path, "--detector", folder / "detector", "--out", tmp_path / "scored.csv")
    said = f"{len(train)} of {2 * len(train)} rows are among those that the detector was fitted on"
    assert said in run(*score, "--preset", "fast")[2]
    report = ("report", path, "--detector", folder / "detector", "--out", tmp_path / "a.md")
    assert (
        f"うち{len(train)}行は、検出器の学習に使った行と同じです" in run(*report, "--lang", "ja")[2]
    )
    more.to_csv(path, index=False)
    assert "was fitted on" not in run(*score, "--preset", "fast")[2]


def test_messages_that_come_again_and_again_are_no_texts_that_are_scored_twice():
    known = KnownTexts([*(["door opened"] * 30), *(["door closed"] * 30)])
    known.add(["door opened"] * 40)
    assert known.n_beyond_chance == 0


def test_fit_shows_and_judges_rows_that_have_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("note,t\n,\noil,290\nseal,291\n")
    table = read_table(path, rows=RowColumns())
    options = FitOptions(train=path, out=tmp_path / "d", all_columns=True)
    said = [*Notices(table, options, Language("en")).of_rows()]
    assert said[0] == "rows are read as: note: oil; t: 290"
    rows = "".join(f"{i},{290 + i % 7}\n" for i in range(1, 61))
    path.write_text(f"no,t\n{rows},\n,\n")
    table = read_table(path, rows=RowColumns())
    assert any("column 'no' " in line for line in Notices(table, options, Language("en")).of_rows())


def test_broken_rows_go_to_a_file_beside_the_result_and_the_counts_add_up(
    run, saved_on_tiny, tmp_path
):
    path, scored = tmp_path / "in" / "new.csv", tmp_path / "scored.csv"
    path.parent.mkdir()
    path.write_text('id,text\n007,worn seal\n008,"open\n009,oil\n010,a,b\n')
    code, out, err = run("score", path, "--detector", saved_on_tiny, "--out", scored)
    assert (code, out) == (0, f"{scored}\n")
    kept = pd.read_csv(scored, dtype=str)
    assert kept["id"].tolist() == ["007", "009"]
    rejected = tmp_path / "scored.rejected.csv"
    assert pd.read_csv(rejected, dtype=str).to_numpy().tolist() == [
        ["3", "unbalanced quotes", '008,"open'],
        ["5", "3 cells; the header has 2", "010,a,b"],
    ]
    assert f"2 of 4 rows could not be read; with line and reason they are in {rejected}" in err
    path.write_text("id,text\n007,worn seal\n")
    assert "could not" not in run("score", path, "--detector", saved_on_tiny, "--out", scored)[2]
    assert not rejected.exists()


@pytest.mark.parametrize("options", [(), ("--max-texts", 40), ("--label-column", "label")])
def test_fit_counts_rows_that_it_leaves_out_among_those_that_it_could_read(run, tmp_path, options):
    path, out = tmp_path / "train.csv", tmp_path / "detector"
    rows = [f'"{text}",{"" if i < 5 else "ok"}' for i, text in enumerate(NORMAL)]
    path.write_text("\n".join(["text,label", *rows, "a,b,c", "d,e,f"]))
    code, _, err = run(
        "fit", path, "--text-column", "text", *options, "--model", tmp_path, "--out", out
    )
    assert code == 1  # there is no model
    assert "2 of 62 rows could not be read" in err


def test_settings_that_cannot_be_are_refused_before_the_table_is_read(run, tmp_path):
    path, out = tmp_path / "train.csv", tmp_path / "detector"
    path.write_text("\n".join(["text", *(f'"{text}"' for text in NORMAL), "a,b"]))
    for wrong in (("--contamination", 0.6), ("--detector", "best"), ("--seed", 2**32)):
        code, _, err = run("fit", path, "--text-column", "text", *wrong, "--out", out)
        assert (code, len(err.splitlines())) == (1, 1), err
    assert not (tmp_path / "detector.rejected.csv").exists()


def test_a_detector_is_not_said_to_be_replaced_where_the_table_is_refused(
    run, saved_on_tiny, tmp_path
):
    out = shutil.copytree(saved_on_tiny, tmp_path / "detector")
    code, _, err = run("fit", tmp_path / "none.csv", "--out", out)
    assert (code, "is replaced" in err) == (1, False)


def test_too_few_texts_among_the_rows_that_were_drawn_are_said_to_be_drawn(run, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("\n".join(["n,text", *(f'1,"{text}"' for text in NORMAL), *["1,"] * 60]))
    fit = ("fit", path, "--text-column", "text", "--max-texts", 40, "--out", tmp_path / "detector")
    code, _, err = run(*fit)
    assert code == 1
    assert re.search(r"40 rows were drawn, \d+ of them normal and with a text; .* larger", err)
    assert "から選んだ40行のうち" in run(*fit, "--lang", "ja")[2]


def test_no_larger_sample_is_asked_for_where_all_normal_rows_were_drawn(run, tmp_path):
    path, out = tmp_path / "train.csv", tmp_path / "detector"
    rows = [*(f'"{text}",0' for text in NORMAL[:6]), *(f"fault {i},1" for i in range(60))]
    path.write_text("\n".join(["text,label", *rows]))
    columns = ("--text-column", "text", "--label-column", "label")
    code, _, err = run("fit", path, *columns, "--max-texts", 40, "--out", out)
    assert (code, "Got 6 normal texts" in err, "larger --max" in err) == (1, True, False)


def test_an_export_of_an_instrument_is_scored_without_what_it_says_first(
    run, saved_on_tiny, tmp_path
):
    path, scored = tmp_path / "new.csv", tmp_path / "scored.csv"
    path.write_text("装置名,XYZ-100\n\nid,n,text\n007,1,worn seal\n008,2\n009,3,oil\n")
    code, _, err = run("score", path, "--detector", saved_on_tiny, "--out", scored)
    assert code == 0
    kept = pd.read_csv(scored, dtype=str)
    assert kept[["id", "n", "text"]].to_numpy().tolist() == [
        ["007", "1", "worn seal"],
        ["009", "3", "oil"],
    ]
    assert "the columns are named in row 3; 1 above it left out" in err
    assert pd.read_csv(tmp_path / "scored.rejected.csv")["line"].tolist() == [5]


@pytest.mark.parametrize("command", ["score", "report"])
def test_why_rows_could_not_be_read_is_said_in_the_language_of_the_run(
    command, run, saved_on_tiny, tmp_path
):
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,seal\n2,a,b\n3\n4,"open\n')
    out = tmp_path / f"out.{'csv' if command == 'score' else 'md'}"
    run(command, path, "--detector", saved_on_tiny, "--out", out, "--lang", "ja")
    rejected = tmp_path / "out.rejected.csv"
    assert pd.read_csv(rejected)["reason"].tolist() == [
        "セル3個に対し、見出しは2列",
        "セル1個に対し、見出しは2列",
        "引用符の対応が取れていない",
    ]
    assert rejected.read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_japanese_excel_file_is_scored_into_an_excel_file(run, saved_on_tiny, tmp_path):
    path, scored = tmp_path / "作業票.xlsx", tmp_path / "結果.xlsx"
    book = openpyxl.Workbook()
    book.active.title = "作業票"
    for row in [["番号", "内容"], ["007", "ポンプから油漏れ"], ["008", "=SUM(A1)は式"]]:
        book.active.append(row)
    book.active["B3"].data_type = "s"
    book.create_sheet("予備")
    book.save(path)
    code, _, err = run(
        *("score", path, "--sheet", "作業票", "--detector", saved_on_tiny, "--out", scored),
        *("--text-column", "内容", "--alpha", 0.5),
    )
    assert code == 0, err
    rows, summary = openpyxl.load_workbook(scored).worksheets
    assert [cell.value for cell in rows["A"]] == ["番号", "007", "008"]
    assert [cell.value for cell in rows["B"]] == ["内容", "ポンプから油漏れ", "=SUM(A1)は式"]
    header = [cell.value for cell in rows[1]]
    said = {label.value: value.value for label, value in summary.iter_rows()}
    assert said["Rows"] == 2
    assert said["Input"] == str(path)
    assert said["Method"].startswith("auto: ")
    is_red = [row[0].fill.fgColor.rgb == "FFF8CBAD" for row in rows.iter_rows(min_row=2)]
    column = header.index("is_anomaly")
    assert is_red == [row[column].value for row in rows.iter_rows(min_row=2)]
    assert said["Flagged rows"] == sum(is_red)


def test_the_sheets_of_an_excel_file_speak_the_language_asked_for(run, saved_on_tiny, tmp_path):
    path, scored = tmp_path / "作業票.csv", tmp_path / "結果.xlsx"
    path.write_text("内容\nポンプから油漏れ\nGreased it.\n", encoding="utf-8")
    command = ["score", path, "--detector", saved_on_tiny, "--out", scored, "--alpha", 0.5]
    labels = {}
    for tongue in ("en", "ja"):
        assert run(*command, "--lang", tongue)[0] == 0
        book = openpyxl.load_workbook(scored)
        labels[tongue] = [label.value for label, _ in book.worksheets[1].iter_rows()]
        is_japanese = [not text.isascii() for text in [*book.sheetnames, *labels[tongue]]]
        assert is_japanese == [tongue == "ja"] * len(is_japanese)
        assert len(set(labels[tongue])) == len(labels[tongue])
    assert len(labels["en"]) == len(labels["ja"])
    names = {name.name: Language("en").say(f"sheet.{name.name}") for name in fields(SheetNames)}
    assert SheetNames(**names) == SheetNames()


def test_an_encoding_is_guessed_and_said_and_can_be_given(run, saved_on_tiny, tmp_path):
    path, scored = tmp_path / "in.csv", tmp_path / "scored.csv"
    content = "番号,text\n1,ポンプから油漏れ、交換\n"
    path.write_bytes(content.encode("cp932"))
    command = ["score", path, "--detector", saved_on_tiny, "--out", scored]
    code, _, err = run(*command)
    assert code == 0
    assert f"{path}: read as CP932 (Shift_JIS); pass --encoding if that is wrong" in err
    assert scored.read_bytes().startswith("\ufeff番号,text,score".encode())
    assert pd.read_csv(scored)["text"].tolist() == ["ポンプから油漏れ、交換"]
    assert "read as" not in run(*command, "--encoding", "cp932")[2]
    code, _, err = run(*command, "--encoding", "ascii")
    assert code == 1
    assert "bytes that are not ascii in the header (line 1)" in err


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "tsv", "txt", "csv.gz", "jsonl.zst"])
def test_the_ending_of_the_output_decides_its_format(run, saved_on_tiny, tmp_path, ending):
    path, scored = tmp_path / "in.csv", tmp_path / f"scored.{ending}"
    pd.DataFrame({"id": ["007", "008"], "text": TEXTS}).to_csv(path, index=False)
    assert run("score", path, "--detector", saved_on_tiny, "--out", scored)[0] == 0
    if ending == "txt":
        assert scored.read_text().startswith("id\ttext\tscore\t")
        return
    table = read_table(scored, text_column="text")
    assert table.texts == TEXTS
    assert table.frame["id"].tolist() == ["007", "008"]
    if ending == "parquet":
        types = pq.read_schema(scored)
        assert [str(types.field(n).type) for n in ("score", "is_anomaly")] == ["double", "bool"]


def test_stdin_is_scored_like_the_file(run, saved_on_tiny, tmp_path, monkeypatch):
    path, scored, again = (tmp_path / name for name in ("in.csv", "a.csv", "b.csv"))
    pd.DataFrame({"id": ["007", "008"], "text": TEXTS}).to_csv(path, index=False)
    options = ["--detector", saved_on_tiny, "--text-column", "text", "--out"]
    run("score", path, *options, scored)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert run("score", "-", *options, again)[0] == 0
    assert again.read_bytes() == scored.read_bytes()
    assert "top_columns" not in pd.read_csv(scored).columns  # texts are no rows


def test_fit_on_rows_shows_one_and_warns_of_what_will_go_wrong(fitted_on_rows):
    folder, said = fitted_on_rows
    assert f"rows are read as: note: {NORMAL[0]}; t [K]: 290.0" in said
    assert (
        "columns that say something new in all new rows, as dates do, are not read: n; --columns "
        "takes them all the same"
    ) in said
    assert "leave it out" not in said
    assert "columns that are numbers too: t [K]" in said
    assert "tokens, of which the model reads the first 16" in said
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["text_column"] is None
    assert manifest["settings"]["rows"] == {
        "columns": [
            {"name": "note", "decimals": None, "unit": None},
            {"name": "t [K]", "decimals": 1, "unit": "K"},
        ],
        "notation": 3,
    }


def test_what_is_ever_new_is_read_where_it_is_asked_for_or_nothing_else_is_there(tmp_path):
    path, out = tmp_path / "a.csv", tmp_path / "out"
    frame = pd.DataFrame({"n": range(60), "note": NORMAL[:60], "day": "2026-04-01"})
    for names, asked, read in (
        (["n", "note", "day"], "", ["note"]),
        (["n", "note", "day"], "note,n", ["note", "n"]),
        (["n", "day"], "", ["n", "day"]),
    ):
        frame[names].to_csv(path, index=False)
        own = {"columns": asked} if asked else {"all_columns": True}
        options = FitOptions(train=path, out=out, detector="texts", **own)
        table = Training.read(options, tmp_path / "rejected.csv", Language()).table
        assert table.template.names == read
        assert table.texts == table.template.texts(table.frame)


def test_fit_warns_of_numbers_that_are_read_as_text(tmp_path):
    cells = [*map(str, range(9)), "abc"]
    pd.DataFrame({"x": cells, "y": range(10)}).to_csv(tmp_path / "a.csv", index=False)
    table = read_table(tmp_path / "a.csv", rows=RowColumns())
    options = FitOptions(train=tmp_path / "a.csv", out=tmp_path / "out")
    said = " ".join(Notices(table, options, Language()).of_rows())
    assert "column 'x': 90 % of the cells are numbers, others such as 'abc'; it is read" in said


@pytest.mark.parametrize(
    ("tongue", "line"),
    [
        ("en", "held against rows with the same product: length, weight"),
        ("ja", "productが同じ行と比べる列：length、weight"),
        ("en", "columns that say the same few things: product, program, judge"),
        ("ja", "決まった言葉が繰り返される列：product、program、judge"),
        (
            "en",
            "words held against those of normal rows with the same (in brackets): "
            "product (program), program (product), judge (rework)",
        ),
        (
            "ja",
            "括弧内の列が同じ正常な行と言葉を比べる列：product（program）、program（product）、"
            "judge（rework）",
        ),
        ("en", "empty or filled as in normal rows with the same (in brackets): rework (judge)"),
        ("ja", "括弧内の列が同じ正常な行と空欄の有無を比べる列：rework（judge）"),
    ],
)
def test_fit_says_which_columns_depend_on_which(tmp_path, tongue, line):
    nominal = np.resize([20, 25], 60)
    steps = np.arange(60) % 7
    frame = pd.DataFrame({
        "product": np.resize(["A", "B"], 60),
        "length": nominal + 0.1 * steps,
        "weight": 9 * nominal + steps,
        "oven": 180 + steps,
        "program": np.resize(["P1", "P2"], 60),
        "judge": np.resize(["OK", "OK", "NG"], 60),
        "rework": np.where(np.resize([True, True, False], 60), "", steps.astype(str)),
    })  # fmt: skip
    frame.to_csv(tmp_path / "a.csv", index=False)
    table = read_table(tmp_path / "a.csv", rows=RowColumns())
    options = FitOptions(train=tmp_path / "a.csv", out=tmp_path / "out")
    assert line in [*Notices(table, options, Language(tongue)).of_rows()]


def test_names_of_several_lines_are_said_on_one(tmp_path, capsys):
    words = [*map(str, range(9)), "abc"] * 3
    days = [f"2026-04-{day:02d}" for day in range(1, 31)]
    bores = [i * i % 31 for i in range(30)]
    frame = pd.DataFrame({"Bore\n[mm]": bores, "Bore\n(in)": words, "Day\n": days})
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        frame.to_excel(book, index=False)
        book.book.active.column_dimensions["A"].hidden = True
    columns = RowColumns("Bore [mm],Bore (in),Day")
    table = read_table(tmp_path / "a.xlsx", rows=columns)
    options = FitOptions(train=tmp_path / "a.xlsx", out=tmp_path / "out")
    for notice in (*table.notices, *Notices(table, options, Language()).of_rows()):
        tell(notice)
    said = capsys.readouterr().err.splitlines()
    assert "hidden columns are read too: Bore [mm]" in said
    assert "columns that are numbers too: Bore [mm]" in said
    assert any(line.startswith("column 'Bore (in)': 90 % of the cells") for line in said)
    assert any(line.startswith("column 'Day' holds dates") for line in said)
    assert not any("is taken for" in line or "\\n" in line for line in said)


def test_score_writes_rows_out_as_fit_did(run, fitted_on_rows, tmp_path):
    folder, _ = fitted_on_rows
    path, scored = tmp_path / "new.csv", tmp_path / "scored.csv"
    path.write_text("t [K],extra,note,n\n291.234,x,worn seal,99\n")
    code, _, err = run("score", path, "--detector", folder, "--out", scored)
    assert code == 0, err
    assert pd.read_csv(scored, dtype=str).iloc[0, :4].tolist() == [
        "291.234", "x", "worn seal", "99",
    ]  # fmt: skip
    (columns,) = pd.read_csv(scored)["top_columns"]
    assert {part.rsplit(" ", 1)[0] for part in columns.split("; ")} == {"t [K]"}
    path.write_text("note,n\nx,1\n")
    code, _, err = run("score", path, "--detector", folder, "--out", scored)
    assert code == 1
    assert "Got column 't [K]'; the table has: note, n. The detector was fitted with it" in err
    options = ["--text-column", "note", "--out", scored]
    code, _, err = run("score", path, "--detector", folder, *options)
    assert code == 1
    assert "Got --text-column 'note' for a detector that was fitted on whole rows" in err


@pytest.mark.parametrize(
    "options",
    [["--columns", "a", "--all-columns"], ["--text-column", "a", "--columns", "a"]],
)
def test_two_ways_to_say_where_the_texts_are_are_a_usage_error(run, tmp_path, options):
    code, _, err = run("fit", "in.csv", "--out", tmp_path / "out", *options)
    assert code == 2
    assert "one of" in err


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        (
            "en",
            [
                "rows without a text are left out: 3 of 40",
                "columns of numbers that are not read: load [kN], speed; --all-columns or "
                "--columns takes rows as a whole",
            ],
        ),
        (
            "ja",
            [
                "本文が空欄の行は除きます：40行中3行",
                "使わない数値の列：load [kN]、speed"
                "（行全体を使うには --all-columns か --columns を指定）",
            ],
        ),
    ],
)
def test_fit_says_what_of_a_table_it_does_not_read_where_it_has_guessed_the_text(
    tmp_path, lang, expected
):
    path = tmp_path / "train.csv"
    frame = pd.DataFrame({"id": range(1, 41), "remarks": NORMAL[:40]})
    frame.loc[[3, 9, 20], "remarks"] = ""
    frame["load [kN]"] = [round(20 + 0.3 * (i * 7 % 11), 1) for i in range(40)]
    frame["speed"] = [1200 + 50 * (i % 3) for i in range(40)]
    frame["rework"] = [i % 2 for i in range(40)]
    frame.to_csv(path, index=False)

    added = {"score": 0.5, "p_value": [i / 40 for i in range(40)], "is_anomaly": False}
    frame.assign(**added, n_skips=[*range(10)] * 4).to_csv(tmp_path / "scored.csv", index=False)

    def said(path=path, **given):
        table = read_table(path, text_column=given.get("text_column"))
        options = FitOptions(train=path, out=tmp_path / "out", **given)
        return [*Notices(table, options, Language(lang)).of_unread()]

    assert said() == expected
    assert said(tmp_path / "scored.csv") == expected  # what was added goes without saying
    assert said(text_column="remarks") == expected[:1]  # who names it knows what is not read


def test_columns_all_names_the_option_that_takes_all(run, save, tmp_path):
    path = save("a,b\n" + "oil,1\n" * 40)
    fit = ("fit", path, "--out", tmp_path / "out", "--columns")
    assert (
        "Pass --columns with one of them, or --all-columns for all of them." in run(*fit, "all")[2]
    )
    said = run(*fit, "all", "--lang", "ja")[2]
    assert "すべての列を使うには --all-columns を指定してください" in said
    assert "--all-columns" not in run(*fit, "a,none")[2]  # who names some does not want all


def test_the_text_column_is_guessed_and_said(run, tiny_folder, minilm, tmp_path):  # noqa: ARG001
    path = tmp_path / "train.csv"
    pd.DataFrame({"id": range(39), "Kurztext": NORMAL[:39]}).to_csv(path, index=False)
    code, _, err = run("fit", path, "--model", tiny_folder, "--out", tmp_path / "out")
    assert f"{path}: the texts are read from column 'Kurztext' (--text-column)" in err
    assert code == 1  # one row too few, and no time lost on fitting


@pytest.mark.parametrize("command", ["score", "report"])
def test_a_result_never_takes_the_place_of_its_input(run, saved_on_tiny, tmp_path, command):
    content = "id,text\n007,worn seal\n008,a,b\n"
    path = tmp_path / ("in.csv" if command == "score" else "in.html")
    link = tmp_path / f"link{path.suffix}"
    path.write_text(content)
    link.symlink_to(path)
    for out in (path, link, tmp_path / "in" / ".." / path.name):
        (tmp_path / "in").mkdir(exist_ok=True)
        code, _, err = run(command, path, "--detector", saved_on_tiny, "--out", out)
        assert code == 1
        assert f"Got --out {out}, which is the input; expected another file" in err
    path.rename(tmp_path / "a.rejected.csv")
    path, out = tmp_path / "a.rejected.csv", tmp_path / f"a{link.suffix}"
    code, _, err = run(command, path, "--detector", saved_on_tiny, "--out", out)
    assert code == 1
    assert f"Got --out {out}, which would put rejected rows into the input" in err
    assert path.read_text() == content


def test_compare_and_fit_never_take_the_place_of_their_inputs(run, saved_on_tiny, tmp_path):
    train, test, held = (tmp_path / n for n in ("a.csv", "b.csv", "detector/train.csv"))
    shutil.copytree(saved_on_tiny, held.parent)
    for path in (train, test, held):
        path.write_text("x,fail\n1,0\n")
    for out in (train, test):
        code, _, err = run("compare", train, test, "--label-column", "fail", "--out", out)
        assert code == 1
        assert f"Got --out {out}, which is the input" in err
    code, _, err = run("fit", held, "--out", held.parent)
    assert code == 1
    assert f"Got --out {held.parent}, which holds the input; expected another folder" in err
    assert all(path.read_text() == "x,fail\n1,0\n" for path in (train, test, held))


def test_a_result_never_takes_the_place_of_the_file_that_stdin_reads(
    run, saved_on_tiny, tmp_path, monkeypatch
):
    path = tmp_path / "in.csv"
    path.write_text("id,text\n007,worn seal\n")
    with path.open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        code, _, err = run("score", "-", "--detector", saved_on_tiny, "--out", path)
    assert (code, path.read_text()) == (1, "id,text\n007,worn seal\n")
    assert "which is the input" in err


def test_two_inputs_of_one_name_keep_their_rejected_rows(run, saved_on_tiny, tmp_path):
    for site in ("A", "B"):
        path = tmp_path / site / "new.csv"
        path.parent.mkdir()
        path.write_text("id,text\n007,worn seal\n" + ("008,a,b\n" if site == "A" else ""))
        options = ("--detector", saved_on_tiny, "--out", tmp_path / f"{site}.csv")
        assert run("score", path, *options)[0] == 0
    assert (tmp_path / "A.rejected.csv").exists()
    assert not (tmp_path / "B.rejected.csv").exists()


def test_fit_warns_of_rows_that_all_say_the_same(run, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("a,b\n" + "7,1\n" * 20)
    _, _, err = run("fit", path, "--columns", "a", "--out", tmp_path / "out", "--model", tmp_path)
    assert f"{path}: all 20 rows say the same, so that any other row will look strange" in err
    path.write_text("a,b\n" + "7,1\n" * 20 + "8,1\n")
    _, _, err = run("fit", path, "--columns", "a", "--out", tmp_path / "out", "--model", tmp_path)
    assert "say the same" not in err


def test_fit_warns_of_texts_that_say_the_same_but_for_blanks_behind_them(run, tmp_path):
    path = tmp_path / "train.csv"
    fit = ("fit", path, "--text-column", "a", "--out", tmp_path / "out", "--model", tmp_path)
    for second, is_said in (("no findings  ", True), ("no findings.", False)):
        path.write_text("a,b\n" + f"no findings,1\n{second},1\n" * 10)
        assert ("all 20 rows say the same" in run(*fit)[2]) == is_said


def test_fit_warns_of_a_table_that_was_pasted_below_itself(run, tmp_path):
    path, rows = tmp_path / "train.csv", "".join(f"{i},1\n" for i in range(20))
    fit = ("fit", path, "--columns", "a", "--out", tmp_path / "out", "--model", tmp_path)
    for times, one_more, is_said in ((2, "", True), (3, "", True), (2, "7,1\n", False)):
        path.write_text("a,b\n" + times * rows + one_more)
        err = run(*fit)[2]
        assert (f"{path}: each row is there {times} times, beside which" in err) == is_said
        assert ("ずつあり" in run(*fit, "--lang", "ja")[2]) == is_said


def test_what_is_said_of_a_table_is_not_said_again_by_the_fit(run, tiny_models, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("a,b\n" + "7,1\n" * 40)
    options = ("--columns", "a", "--out", tmp_path / "out", *tiny_models)
    code, _, err = run("fit", path, *options)  # a warning beside the notice would be an error
    assert (code, err.count("say the same")) == (0, 1)
