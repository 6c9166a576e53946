"""What `screen` says of a table, and whether its advice can be followed."""

import shlex

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report, screen
from polar_detect.errors import InputError

CASTINGS = pd.DataFrame(
    {
        "mould": np.resize(["A", "B", "A"], 80),
        "wall [mm]": np.random.default_rng(3).normal(20, 2, 80).round(2),
    }
)


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_the_next_command_runs_on_the_file_that_was_written(run, tmp_path, ending):
    path, out = tmp_path / "castings.xlsx", tmp_path / f"screened (2){ending}"
    CASTINGS.to_excel(path, sheet_name="März 1", index=False)
    asked = ("--columns", "mould,wall [mm]", "--sheet", "März 1")
    code, _, told = run("screen", path, *asked, "--out", out)
    assert code == 0, told
    command = told.splitlines()[-1].partition("then polar-detect ")[2]
    words = shlex.split(command.replace("DIR", shlex.quote(str(tmp_path / "detector"))))
    assert words[:2] == ["fit", str(out)]
    code, _, told = run(*words)
    assert code == 0, told


def test_the_next_command_reads_the_encoding_that_was_written(run, tmp_path):
    path, out = tmp_path / "castings.csv", tmp_path / "screened.csv"
    japanese = CASTINGS.set_axis(["金型", "肉厚"], axis=1)
    japanese.to_csv(path, index=False, encoding="cp932")
    asked = ("--all-columns", "--encoding", "cp932")
    code, _, told = run("screen", path, *asked, "--out", out)
    assert code == 0
    assert told.splitlines()[-1].endswith(" --out DIR --all-columns --detector columns")


def test_a_text_file_that_no_fit_reads_as_a_table_is_not_recommended(run, tmp_path):
    path, out = tmp_path / "castings.csv", tmp_path / "screened.txt"
    CASTINGS.to_csv(path, index=False)
    code, _, told = run("screen", path, "--all-columns", "--out", out)
    assert (code, "flagged as the most unlike" in told, "Next:" in told) == (0, True, False)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "column 'judge' calls rows anomalous: 4; that is not taken as a label here"),
        ("ja", "列'judge'で異常とされた行が4行ありますが、screen ではラベルとして扱いません"),
    ],
)
def test_a_column_of_verdicts_is_told_without_an_option_that_is_not_there(
    run, tmp_path, lang, said
):
    path, out = tmp_path / "castings.csv", tmp_path / "screened.csv"
    CASTINGS.assign(judge=["NG"] * 4 + ["OK"] * 76).to_csv(path, index=False)
    code, _, told = run("screen", path, "--all-columns", "--out", out, "--lang", lang)
    assert (code, said in told) == (0, True)
    assert "normal" not in told
    assert "正常な行として" not in told


@pytest.mark.slow
def test_copies_are_said_to_look_usual(run, tmp_path):
    path, out = tmp_path / "castings.csv", tmp_path / "screened.csv"
    weights = np.random.default_rng(4).normal(9, 1, 80).round(3)
    frame = CASTINGS.assign(weight=weights, lot=[f"L{7 * i:04}" for i in range(80)])
    shuffled = frame[:30].sample(frac=1, random_state=0)
    for kind, frames in {
        "copied": [frame, frame[:30]],
        "repeated": [frame, shuffled],
        "pasted": [frame, frame],
    }.items():
        pd.concat(frames).to_csv(path, index=False)
        own = ("--all-columns", "--detector", "columns")
        code, _, told = run("screen", path, *own, "--out", out)
        assert (code, "what is said again looks usual" in told) == (0, True), kind
        assert " --out DIR --all-columns --detector columns\n" in told  # as was asked for here
        assert "new rows will look strange" not in told
        assert "new ones will look strange" not in told


def test_a_sample_is_told(run, tmp_path):
    path, out = tmp_path / "castings.csv", tmp_path / "screened.csv"
    CASTINGS.to_csv(path, index=False)
    sampled = "80 rows are held against 60 of them, drawn at random"
    for max_texts, is_told in ((60, True), (80, False)):
        _, _, told = run(
            "screen", path, "--all-columns", "--out", out, "--max-texts", max_texts
        )  # fmt: skip
        assert (sampled in told, "drawn at random" in told) == (is_told, is_told)


def test_the_strangest_rows_are_listed_with_the_cells_that_make_them_so(run, tmp_path):
    path = tmp_path / "castings.csv"
    CASTINGS.assign(**{"wall [mm]": [77.5, *CASTINGS["wall [mm]"][1:]]}).to_csv(path, index=False)
    page = tmp_path / "page.md"
    asked = ("--all-columns", "--out", tmp_path / "screened.csv", "--report", page)
    code, printed, _ = run("screen", path, *asked)
    assert code == 0
    for listed in (printed, page.read_text(encoding="utf-8")):
        assert "(77.5)" in listed


def test_a_column_with_the_name_of_a_result_is_refused_without_a_word_of_a_detector(run, tmp_path):
    path, out = tmp_path / "castings.csv", tmp_path / "screened.csv"
    CASTINGS.assign(score=CASTINGS["wall [mm]"]).to_csv(path, index=False)
    code, _, told = run("screen", path, "--all-columns", "--out", out)
    assert code == 1
    assert "with a column 'score'; expected that name to be free for the results" in told
    assert "detector" not in told


def test_the_name_of_a_detector_in_place_of_one_is_told():
    with pytest.raises(InputError, match="Got detector 'columns'; expected a PolarDetector"):
        screen(CASTINGS, "columns")


def test_a_report_without_models_does_without_programs():
    detector = PolarDetector("columns").fit(CASTINGS)
    given = detector.assess(CASTINGS, programs_of="none")
    assert given.programs == ()
    rows = Report.of(detector, CASTINGS, assessment=given).data.rows
    assert repr(rows) == repr(Report.of(detector, CASTINGS).data.rows)  # nan is not nan


@pytest.mark.slow
def test_the_next_command_goes_by_columns_too_where_fewer_words_repeat_without_the_flagged(
    run, tmp_path
):
    path, out, folder = (tmp_path / name for name in ("castings.csv", "screened.csv", "detector"))
    CASTINGS.assign(mould=[f"M{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[i % 26]}" for i in range(80)]).to_csv(
        path, index=False
    )
    asked = ("screen", path, "--all-columns", "--share", "0.1", "--out", out)
    _, _, told = run(*asked)
    command = told.splitlines()[-1].partition("then polar-detect ")[2]
    code, _, told = run(*shlex.split(command.replace("DIR", shlex.quote(str(folder)))))
    assert (code, "columns: " in told, "language model" in told) == (0, True, False)


@pytest.mark.slow
def test_where_the_scores_fall_is_told(run, tmp_path):
    path, out = tmp_path / "castings.csv", tmp_path / "screened.csv"
    wall = np.random.default_rng(4).uniform(16, 24, 80).round(2)
    heavy = CASTINGS.assign(**{"wall [mm]": wall}, weight=(wall * 2).round(1))
    heavy.loc[[5, 30], "weight"] += 40
    for frame, is_told in ((heavy, True), (heavy.drop([5, 30]), False)):
        frame.to_csv(path, index=False)
        _, _, told = run("screen", path, "--all-columns", "--out", out)
        assert ("Behind the first 2 the scores fall from 8.22 to 0.71." in told) == is_told
    assert "scores fall" not in told
