import errno
import os
import re

import pandas as pd
import pytest
from japanese import is_japanese
from work_orders import NORMAL

from polar_detect.cli.commands import output


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Stand in a folder of files that are wrong in different ways, and of one that is right."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    contents = {
        "empty.csv": "", "head.csv": "id,text\n", "good.csv": "id,text\n1,oil\n",
        "blank.csv": "id,text\n1,\n", "label.csv": "text,y\noil,maybe\n", "few.txt": "oil\n" * 39,
        "bad.xlsx": "PK", "bad.parquet": "PAR1", "binary.csv": "\0" * 200,
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    pd.DataFrame({"text": NORMAL}).to_excel("book.xlsx", sheet_name="5月", index=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "own.txt").touch()


WRONG_INPUTS = [
    ["none.csv"], ["folder"], ["empty.csv"], ["head.csv"], ["blank.csv", "--text-column", "text"],
    ["bad.xlsx"], ["bad.parquet"], ["binary.csv"], ["good.csv", "--text-column", "txt"],
    ["good.csv", "--encoding", "utf-99"], ["good.csv", "--sheet", "5月"],
    ["book.xlsx", "--sheet", "6月"], ["book.xlsx", "--encoding", "cp932"],
    ["few.txt", "--text-column", "text"],
]  # fmt: skip
WRONG_FITS = [
    ["good.csv"], ["few.txt"], ["label.csv", "--label-column", "y"], ["good.csv", "--columns", ","],
    ["good.csv", "--columns", "id,id"], ["few.txt", "--out", "."], ["few.txt", "--out", "folder"],
    ["few.txt", "--detector", "none"], ["few.txt", "--contamination", "0.5"],
    ["few.txt", "--contamination", "0.6"],
    ["few.txt", "--contamination", "0.1", "--no-store-texts"], ["few.txt", "--seed", str(2**40)],
]  # fmt: skip
WRONG_SCORES = [
    ["--detector", "none"], ["--out", "o.docx"], ["--out", "none/o.csv"], ["--out", "folder"],
    ["--out", "few.txt"], ["--alpha", "0.0001"], ["--alpha", "2"], ["--fdr", "3"],
]  # fmt: skip
WRONG_REPORTS = [
    ["--out", "o.docx"], ["--out", "none/o.html"], ["--figures", "few.txt"], ["--alpha", "2"],
    ["--out", "few.txt", "--format", "html"],
]  # fmt: skip
WRONG_COMPARISONS = [
    ["none.csv", "--label-column", "y"], ["label.csv", "--label-column", "y"],
    ["few.txt", "--label-column", "y"], ["good.csv", "--target", "y"],
    ["good.csv", "--target", "id"], ["good.csv", "--target", "text"],
    ["good.csv", "--label-column", "id", "--numeric-columns", "a"],
    ["good.csv", "--label-column", "id", "--out", "o.xlsx"],
    ["good.csv", "--label-column", "id", "--out", "none/o.md"],
]  # fmt: skip


def assert_said_in_both(run, *arguments):
    """Run a command that has to fail, in both languages and once more in that of the first."""
    said = {tongue: run(*arguments, "--lang", tongue) for tongue in ("en", "ja")}
    for code, out, err in said.values():
        assert (code, out, "\npolar-detect: " in f"\n{err}") == (1, "", True)
    english, japanese = (err.splitlines() for *_, err in said.values())
    assert "polar-detect: Got " in english[-1]
    assert [line for line in japanese if not is_japanese(line)] == []
    assert run(*arguments)[2].splitlines() == english  # not in the language of the last one


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("wrong", WRONG_INPUTS, ids=" ".join)
@pytest.mark.parametrize("command", ["fit", "score"])
def test_a_wrong_input_is_said_in_the_language_of_the_command(run, saved_on_tiny, command, wrong):
    own = ["--out", "d"] if command == "fit" else ["--out", "o.csv", "--detector", saved_on_tiny]
    assert_said_in_both(run, command, *own, *wrong)


@pytest.mark.slow
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("wrong", WRONG_FITS, ids=" ".join)
def test_what_cannot_be_fitted_is_said_in_the_language_of_the_command(run, wrong):
    assert_said_in_both(run, "fit", "--out", "d", *wrong)


@pytest.mark.slow
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("wrong", WRONG_SCORES, ids=" ".join)
def test_what_cannot_be_scored_is_said_in_the_language_of_the_command(run, saved_on_tiny, wrong):
    own = ["few.txt", "--detector", saved_on_tiny, "--out", "o.csv"]
    assert_said_in_both(run, "score", *own, *wrong)


@pytest.mark.slow
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("wrong", WRONG_REPORTS, ids=" ".join)
def test_what_cannot_be_reported_is_said_in_the_language_of_the_command(run, saved_on_tiny, wrong):
    own = ["few.txt", "--detector", saved_on_tiny, "--out", "o.html"]
    assert_said_in_both(run, "report", *own, *wrong)


@pytest.mark.slow
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("wrong", WRONG_COMPARISONS, ids=" ".join)
def test_what_cannot_be_compared_is_said_in_the_language_of_the_command(run, wrong):
    assert_said_in_both(run, "compare", *wrong)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "wrong",
    [
        ["fit", "few.txt", "--out", "d", "--text-column", "a", "--all-columns"],
        ["score", "few.txt", "--detector", "d", "--out", "o", "--alpha", "0.1", "--fdr", "0.1"],
        ["compare", "a.csv", "--target", "y", "--text-column", "a", "--columns", "b"],
        ["score", "few.txt", "--detector", "d", "--out", "o", "--engine", "ray", "--cache", "c"],
        [
            "score",
            "few.txt",
            "--detector",
            "d",
            "--out",
            "o",
            "--engine",
            "ray",
            "--preset",
            "fast",
        ],
    ],
    ids=" ".join,
)
def test_options_that_exclude_each_other_are_refused_in_the_language_of_the_command(run, wrong):
    said = [run(*wrong, *more) for more in ([], ["--lang", "ja"])]
    assert [code for code, *_ in said] == [2, 2]
    assert "give " in said[0][2]
    assert "同時に使えません" in said[1][2]
    assert "give " not in said[1][2]


@pytest.mark.usefixtures("files")
def test_what_the_system_answers_is_said_in_japanese(run, saved_on_tiny, monkeypatch):
    def fill(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(output.atomic, "staged", fill)
    given = ["report", "few.txt", "--detector", saved_on_tiny, "--out", "o.html"]
    *_, err = run(*given, "--lang", "ja")
    assert err.splitlines()[-1] == (
        "polar-detect: 「o.html」に書き込めませんでした（空き容量がありません）。書き込める場所を "
        "--out に指定してください。"
    )


@pytest.mark.usefixtures("files")
def test_the_summary_of_score_is_left_to_the_terminal_to_break(run, saved_on_tiny, monkeypatch):
    monkeypatch.setattr(output.err, "width", 40)
    given = ["score", "few.txt", "--detector", saved_on_tiny, "--out", "o.csv", "--lang", "ja"]
    *_, err = run(*given)
    drift = next(line for line in err.splitlines() if line.startswith("データ全体"))
    assert len(drift) > 40
    assert drift.endswith("）")


def test_fit_says_all_that_it_says_in_japanese(run, tiny_models, tmp_path):
    path, n = tmp_path / "rows.csv", len(NORMAL)
    days = [f"2026/05/{1 + i % 28:02d}" for i in range(n)]
    words = ["調整中" if i % 9 == 0 else i % 7 for i in range(n)]
    frame = pd.DataFrame({"no": range(n), "day": days, "pressure": words, "note": NORMAL})
    frame["hours"] = [1.5 + i % 5 for i in range(n)]
    frame.to_csv(path, index=False, encoding="cp932")
    options = [*tiny_models, "--max-tokens", 16, "--max-texts", 50, "--lang", "ja"]
    code, out, err = run("fit", path, "--all-columns", "--out", tmp_path / "d", *options)
    assert (code, out) == (0, f"{tmp_path / 'd'}\n")
    lines = [line.replace(str(path), "").replace(str(tmp_path), "") for line in err.splitlines()]
    said = [line for line in lines if not line.startswith(": 行は次のように読みます")]
    named = re.compile(r"^[\w ]+：[^ぁ-ん]*$")  # a name and its value
    assert [line for line in said if not is_japanese(line) and not named.match(line)] == []
    for part in ("読みました", "無作為", "日付", "文字として", "トークン", "フォルダーに保存"):
        assert any(part in line for line in lines), part
