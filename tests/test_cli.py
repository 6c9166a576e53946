import copy
import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from tiny_encoders import save_tiny_encoder
from tiny_models import tiny_tokenizer
from typer.testing import CliRunner
from work_orders import NEW, NORMAL, STRANGE

import polar_detect
from polar_detect import models
from polar_detect.backbone.decoder import Backbone
from polar_detect.calibration import benjamini_hochberg
from polar_detect.cli import app
from polar_detect.detector import PolarDetector
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.signature.extraction import Extractor

DATA = Path(__file__).parent.parent / "data"
ADDED = [
    "score", "p_value", "is_anomaly", "reasons", "program", "program_length", "n_skips",
    "n_loops", "top_layers", "repeat_of",
]  # fmt: skip
RECORD = {
    "text", "program", "layers", "length", "n_layers", "full_loss", "loss", "tolerance",
    "layer_calls", "skip_curve", "loop_curve", "curve_kind", "length_curve",
}  # fmt: skip
COMMANDS = typer.main.get_command(app).commands
TEXTS = [STRANGE[0], NEW[0], "", NEW[1], STRANGE[0], 'He said "stop", then; left']


def assert_one_line_error(result, *words):
    code, out, err = result
    assert (code, out) == (1, "")
    assert err.startswith("polar-detect: ")
    assert err.count("\n") == 1
    for word in ("Got", *words):
        assert word in err


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv"
    frame = pd.DataFrame(
        {
            "id": [f"00{i}" for i in range(len(TEXTS))],
            "text": TEXTS,
            "hours": ["1.50", "", "NA", "3", "1e5", " 7"],
        }
    )
    frame.to_csv(path, index=False)
    return path


def read_cells(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


HELP = """
import sys
from polar_detect.cli import main
for arguments in ASKED:
    sys.argv = ["polar-detect", *arguments]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, arguments
    print("==")
    heavy = {"torch", "transformers", "sklearn", "pandas", "shap"} & set(sys.modules)
    assert not heavy, (arguments, heavy)
"""


def test_help_imports_nothing_heavy():
    asked = [["--help"], ["--version"], *([c, "--help"] for c in COMMANDS)]
    code = HELP.replace("ASKED", repr(asked))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *answers, last = done.stdout.split("==\n")
    assert ["polar-detect" in answer for answer in answers] == [True] * len(asked)
    assert last == ""


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_cuts_no_word_on_a_screen_of_80_columns(command):
    done = CliRunner(env={"COLUMNS": "80"}).invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "…" not in done.output


def test_help_lists_options_of_a_command_under_headings_and_none_has_one_option_alone():
    for name, command in COMMANDS.items():
        options = [own for own in command.params if own.param_type_name == "option"]
        headings = Counter(own.rich_help_panel for own in options if own.rich_help_panel)
        assert all(n > 1 for n in headings.values()), (name, headings)
    fit = {own.name: own.rich_help_panel for own in COMMANDS["fit"].params}
    assert fit["sheet"] == "How files are read"
    assert fit["group_column"] == "What is known of rows"
    assert fit["encoder"] == "Models"


def test_help_says_of_which_commands_rows_without_a_label_are_left_out():
    said = {
        name: option.help
        for name, command in COMMANDS.items()
        for option in command.params
        if option.name == "label_column"
    }
    left_out = {name for name, own in said.items() if "rows without a label are left out" in own}
    assert said.keys() == {"fit", "update", "compare", "report", "combine"}
    assert left_out == {"fit", "update", "compare"}


def test_the_reference_names_every_option_of_every_command_and_no_others():
    page = (Path(polar_detect.__file__).parent / "README.md").read_text(encoding="utf-8")
    usage = page.split("## Commands\n```\n")[1].split("```")[0]
    named = {
        name: set(re.findall(r"--[a-z-]+", options))
        for name, options in re.findall(r"polar-detect (\w+)([^\n]*(?:\n    [^\n]*)*)", usage)
    }
    assert named == {
        name: {option.opts[0] for option in command.params if option.opts[0].startswith("--")}
        for name, command in COMMANDS.items()
    }


def test_the_package_runs_as_a_module_where_its_script_is_not_on_the_path():
    command = [sys.executable, "-m", "polar_detect"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["polar-detect", polar_detect.__version__]
    wrong = subprocess.run([*command, "fit"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "python -m polar_detect fit" in wrong.stderr  # how it was called


def test_commands_do_not_look_for_garbage_among_what_they_import():
    code = (
        "import atexit, gc, sys\nfrom polar_detect.cli import main\n"
        "def tell():\n"
        "    sys.stderr.write(f'{before} {gc.get_threshold()[0]} {gc.get_freeze_count()}')\n"
        "before = gc.get_threshold()[0]\natexit.register(tell)  # runs last\n"
        "sys.argv = ['polar-detect', '--help']\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after, n_frozen = map(int, done.stderr.split())
    assert after >= 100 * min(before, 700)  # Python's own until 3.12; 2,000 since
    assert after > before
    assert n_frozen > 1000  # nor when the process ends


def test_score_keeps_every_column_and_row_and_adds_the_documented_ones(
    run, saved_on_tiny, fitted_on_tiny, orders, tmp_path
):
    scored = tmp_path / "scored.csv"
    code, out, _ = run(
        "score", orders, "--detector", saved_on_tiny, "--out", scored, "--text-column", "text"
    )
    assert (code, out) == (0, f"{scored}\n")
    before, after = read_cells(orders), read_cells(scored)
    assert list(after.columns) == [*before.columns, *ADDED]
    pd.testing.assert_frame_equal(after[before.columns], before)
    assessment = fitted_on_tiny.assess(TEXTS)
    written = pd.to_numeric(after["score"]).to_numpy()
    np.testing.assert_allclose(written, assessment.scores, atol=1e-4)
    written = pd.to_numeric(after["p_value"]).to_numpy()
    np.testing.assert_allclose(written, assessment.p_values, atol=1e-6)
    flags = after["is_anomaly"].str.lower() == "true"
    assert flags.tolist() == assessment.is_anomaly.tolist()
    assert flags.any()
    for i in (0, 1, 3, 4, 5):
        program = Program.parse(after["program"][i])
        assert len(program) == int(after["program_length"][i])
        assert program.n_skips(5) == int(after["n_skips"][i])
        assert program.n_loops == int(after["n_loops"][i])
    assert after["top_layers"][1].count("L") == 3
    assert after["reasons"].tolist() == assessment.reasons()
    assert after["reasons"][flags].str.contains(r"[a-z]+ \+[0-9]").all()
    frame = assessment.to_frame()
    assert list(frame.columns) == ADDED
    assert [*frame["program"].fillna("")] == [*after["program"]]
    assert [*frame["top_layers"]] == [*after["top_layers"]]


def test_score_says_why_in_japanese_and_does_not_mix_languages(
    run, saved_on_tiny, fitted_on_tiny, orders, tmp_path
):
    scored, cache = tmp_path / "scored.csv", tmp_path / "cache"
    given = ["score", orders, "--detector", saved_on_tiny, "--out", scored, "--cache", cache]
    for tongue, said in (("en", "rows scored"), ("ja", "行を採点")):
        code, _, err = run(*given, "--lang", tongue)
        assert (code, said in err) == (0, True)
        reasons = read_cells(scored)["reasons"].tolist()
        assert reasons == fitted_on_tiny.assess(TEXTS).reasons(tongue)
        # Of an ASCII file Excel would take them for Shift_JIS.
        assert scored.read_bytes().startswith(b"\xef\xbb\xbf") == (tongue == "ja")
    assert all(any(char > "\u3000" for char in reason) for reason in reasons if reason)


@pytest.mark.parametrize(
    ("command", "tongue", "said"),
    [
        ("score", "en", "the same command, without --restart, goes on where it stopped"),
        ("score", "ja", "続きから再開します"),
        ("report", "en", "an earlier result stays as it was"),
        ("report", "ja", "以前の結果はそのまま残ります"),
    ],
)
def test_who_stops_a_command_is_told_what_stays(  # noqa: PLR0917
    run, saved_on_tiny, orders, tmp_path, monkeypatch, command, tongue, said
):
    def stop(*_, **__):
        raise KeyboardInterrupt

    out = tmp_path / ("scored.csv" if command == "score" else "report.html")
    out.write_text("earlier")
    given = [command, orders, "--detector", saved_on_tiny, "--out", out, "--lang", tongue]
    monkeypatch.setattr(PolarDetector, "assess", stop)
    code, printed, err = run(*given)
    assert (code, printed) == (130, "")
    assert said in err.splitlines()[-1]
    assert out.read_text() == "earlier"
    assert not [*tmp_path.glob(".polar-detect-*")]


@pytest.mark.parametrize("command", ["score", "report"])
@pytest.mark.parametrize(
    ("tongue", "said"),
    [("en", "stopped; {} had been written by then;"), ("ja", "{} は書き込み済みです。")],
)
def test_who_stops_a_command_behind_its_last_rename_is_told_what_is_new(  # noqa: PLR0917
    run, saved_on_tiny, orders, tmp_path, monkeypatch, command, tongue, said
):
    out, replace = tmp_path / ("scored.csv" if command == "score" else "report.html"), Path.replace
    out.write_text("earlier")

    def replace_and_stop(own, target):
        replace(own, target)
        if target == out:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", replace_and_stop)
    code, _, err = run(command, orders, "--detector", saved_on_tiny, "--out", out, "--lang", tongue)
    assert (code, out.read_text() == "earlier") == (130, False)
    assert said.format(out) in err.splitlines()[-1]


@pytest.mark.parametrize("command", ["score", "report"])
@pytest.mark.parametrize("moment", ["before", "behind"])
def test_a_detector_that_is_replaced_beside_the_reading_of_the_input_is_refused(  # noqa: PLR0917
    run, fitted_on_tiny, orders, tmp_path, monkeypatch, command, moment
):
    other, folder, load = copy.copy(fitted_on_tiny), tmp_path / "detector", PolarDetector.load
    fitted_on_tiny.save(folder)
    other.alpha = 0.1

    def load_beside_a_fit(path):
        if moment == "before":
            other.save(path)
        detector = load(path)
        if moment == "behind":
            other.save(path)
        return detector

    out = tmp_path / "out.csv"
    arguments = (command, orders, "--text-column", "text", "--detector", folder, "--out", out)
    if command == "report":
        arguments = (*arguments, "--format", "md")
    with monkeypatch.context() as beside:
        beside.setattr(PolarDetector, "load", load_beside_a_fit)
        assert_one_line_error(run(*arguments), "replaced while the command read it", "again")
    assert run(*arguments)[0] == 0  # control: the other detector by itself


def test_the_fast_preset_of_score_looks_for_programs_of_flagged_rows_only(
    run, saved_on_tiny, orders, tmp_path
):
    scored = tmp_path / "scored.csv"
    given = ["score", orders, "--detector", saved_on_tiny, "--out", scored]
    assert run(*given, "--text-column", "text", "--preset", "fast")[0] == 0
    after = read_cells(scored)
    is_flagged = after["is_anomaly"].str.lower() == "true"
    assert ((after["program"] != "") == is_flagged).all()
    assert 0 < is_flagged.sum() < len(after)


def test_the_fast_preset_looks_for_programs_of_all_that_a_discovery_rate_flags(
    run, saved_on_tiny, tmp_path
):
    lines, scored = tmp_path / "new.txt", tmp_path / "scored.csv"
    lines.write_text("\n".join([*STRANGE, NORMAL[11], NORMAL[17], NEW[0]]) + "\n")
    given = ["score", lines, "--detector", saved_on_tiny, "--out", scored, "--preset", "fast"]
    assert run(*given, "--fdr", 0.96)[0] == 0
    after = read_cells(scored)
    is_flagged = after["is_anomaly"].str.lower() == "true"
    assert after["p_value"].astype(float)[is_flagged].max() > 0.05  # of the detector
    assert ((after["program"] != "") == is_flagged).all()
    assert ((after["n_skips"] != "") == is_flagged).all()
    assert (after["p_value"].astype(float)[~is_flagged] < 0.96).any()  # control: looked up
    assert 0 < is_flagged.sum() < len(after)


def test_the_search_preset_of_score_searches_every_row_for_its_own_program(
    run, saved_on_tiny, orders, tmp_path, monkeypatch
):
    asked = []
    real = Extractor.searched_programs

    def searched(self, readings, **how):
        asked.extend(readings.texts)
        return real(self, readings, **how)

    monkeypatch.setattr(Extractor, "searched_programs", searched)
    given = ["score", orders, "--detector", saved_on_tiny, "--out", tmp_path / "scored.csv"]
    assert run(*given, "--text-column", "text")[0] == 0
    assert not asked
    assert run(*given, "--text-column", "text", "--preset", "search", "--restart")[0] == 0
    assert sorted(asked) == sorted(set(TEXTS))
    assert (read_cells(tmp_path / "scored.csv")["program"] == "").tolist() == [not t for t in TEXTS]


def test_a_cluster_takes_no_preset(run, saved_on_tiny, orders, tmp_path):
    given = ["score", orders, "--detector", saved_on_tiny, "--out", tmp_path / "scored.csv"]
    code, _, err = run(*given, "--engine", "ray", "--preset", "search")
    assert code == 2
    assert "--preset search" in err


def test_options_of_a_cluster_are_not_passed_over_in_silence_without_one(
    run, saved_on_tiny, tmp_path
):
    given = [
        "score",
        tmp_path / "none.csv",
        "--detector",
        saved_on_tiny,
        "--out",
        tmp_path / "a.csv",
    ]
    code, _, err = run(*given, "--ray-workers", 2)
    assert code == 1  # there is no input
    assert "--ray-workers has no effect without --engine ray\n" in err
    assert "--ray-gpus は --engine ray と" in run(*given, "--ray-gpus", 1, "--lang", "ja")[2]
    assert "no effect" not in run(*given)[2]


def test_an_empty_text_keeps_its_row_is_marked_and_not_flagged(
    run, saved_on_tiny, orders, tmp_path
):
    scored = tmp_path / "scored.csv"
    run("score", orders, "--detector", saved_on_tiny, "--out", scored, "--text-column", "text")
    after = read_cells(scored)
    row = after.iloc[2]
    assert row["id"] == "002"
    assert row["top_layers"] == "empty text"
    assert row["is_anomaly"].lower() == "false"
    assert (
        row[["score", "p_value", "reasons", "program", "program_length", "n_skips", "n_loops"]]
        == ""
    ).all()
    assert (after["top_layers"] == "empty text").sum() == 1  # control


def test_fit_score_and_report_work_together_on_a_csv_with_labels(
    run,
    tiny_folder,
    minilm,  # noqa: ARG001
    tmp_path,
):
    train, new = tmp_path / "train.csv", tmp_path / "new.csv"
    labels = ["normal"] * len(NORMAL) + ["anomaly"] * len(STRANGE)
    pd.DataFrame({"note": NORMAL + STRANGE, "label": labels}).to_csv(train, index=False)
    pd.DataFrame({"note": NEW + STRANGE}).to_csv(new, index=False)
    detector, scored, page = (tmp_path / n for n in ("detector", "scored.csv", "page.html"))
    code, out, err = run(
        *("fit", train, "--text-column", "note", "--label-column", "label"),
        *("--model", tiny_folder, "--out", detector, "--seed", 3, "--max-tokens", 32),
    )
    assert (code, out) == (0, f"{detector}\n")
    assert "Labelled anomalies: 4" in err
    manifest = json.loads((detector / "manifest.json").read_text())
    assert (manifest["settings"]["seed"], manifest["settings"]["max_tokens"]) == (3, 32)
    # The text column is remembered.
    assert run("score", new, "--detector", detector, "--out", scored)[0] == 0
    assert read_cells(scored)["note"].tolist() == NEW + STRANGE
    before = set(tmp_path.iterdir())
    code, out, _ = run("report", new, "--detector", detector, "--out", page, "--top", 2)
    assert (code, out) == (0, f"{page}\n")
    assert set(tmp_path.iterdir()) - before == {page}
    html = page.read_text(encoding="utf-8")
    assert html.lstrip().lower().startswith("<!doctype html>")
    assert len(html) < 5_000_000
    for part in ("http://", "https://"):
        assert f'src="{part}' not in html
    shown = [text for text in STRANGE if text.replace("'", "&#39;")[:12] in html]
    assert shown


@pytest.mark.slow
def test_fit_says_how_many_texts_it_reads_in_part(run, tiny_models, save):
    texts = NORMAL[:40]
    path = save("\n".join(texts), "lines.txt")
    options = ("fit", path, *tiny_models, "--out", path.parent / "detector")
    said = [" ".join(run(*options, *more)[2].split()) for more in ((), ("--max-tokens", 6))]
    assert "tokens that are read of each" not in said[0]
    n_cut = sum(len(row) > 6 for row in tiny_tokenizer()(texts, add_special_tokens=False).input_ids)
    assert n_cut > 1
    assert f"{n_cut} of {len(texts)} texts are longer than the 6 tokens that are read" in said[1]


def test_a_text_file_has_one_text_a_line(run, saved_on_tiny, tmp_path):
    lines, scored = tmp_path / "new.txt", tmp_path / "scored.csv"
    lines.write_text("\n".join([NEW[0], "", STRANGE[0]]) + "\n")
    assert run("score", lines, "--detector", saved_on_tiny, "--out", scored)[0] == 0
    after = read_cells(scored)
    assert after["text"].tolist() == [NEW[0], "", STRANGE[0]]
    assert list(after.columns) == ["text", *ADDED]


@pytest.mark.slow
@pytest.mark.usefixtures("minilm")
def test_fit_takes_the_encoder_that_speaks_the_language_or_the_one_it_is_told(
    run, tiny_folder, tmp_path, monkeypatch
):
    rows = (DATA / "work_orders_ja_train.csv").read_text(encoding="utf-8").splitlines()[:81]
    (tmp_path / "ja.csv").write_text("\n".join(rows), encoding="utf-8")
    own = str(save_tiny_encoder("bert", tmp_path / "own"))
    monkeypatch.setattr(models, "MULTILINGUAL_ENCODER", own)
    options = ("fit", tmp_path / "ja.csv", "--model", tiny_folder, "--out", tmp_path / "out")
    options += ("--max-tokens", 8)
    chosen, told = (
        " ".join(run(*options, *more)[2].split()) for more in ((), ("--encoder", "minilm"))
    )
    assert f"a language that minilm hardly speaks, so {own}, which is multilingual, is" in chosen
    assert f"Sentence encoder: {own}" in chosen
    assert "so minilm, which" not in told
    assert "--encoder e5-small is multilingual" in told
    assert "Sentence encoder: minilm" in told
    assert PolarDetector.load(tmp_path / "out").encoder == "minilm"
    monkeypatch.chdir(tmp_path)
    err = " ".join(run(*options, "--encoder", "own")[2].split())
    assert f"Sentence encoder: {own}" in err
    assert "which is multilingual" not in err  # it was asked for, and nothing is known of it


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["does not exist"]),
        (b"", ["0 bytes", "at least one row"]),
        (b"id,text\n", ["no rows"]),
        (b"id,note\n1,oil\n", ["text"]),
        (b"id,text\n1,\x81\n", ["not UTF-8"]),
    ],
    ids=["missing-file", "empty-file", "no-rows", "missing-column", "undecodable"],
)
@pytest.mark.parametrize("command", ["fit", "score", "report"])
def test_an_unusable_input_is_one_line_on_stderr(  # noqa: PLR0917 - fixtures
    run, saved_on_tiny, tiny_folder, tmp_path, command, content, words
):
    path, out = (
        tmp_path / "in.csv",
        tmp_path / {"report": "o.html", "score": "o.csv"}.get(command, "o"),
    )
    if content is not None:
        path.write_bytes(content)
    extra = {"fit": ["--model", tiny_folder]}.get(command, ["--detector", saved_on_tiny])
    result = run(command, path, "--text-column", "text", "--out", out, *extra)
    assert_one_line_error(result, *words)
    assert not out.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there a folder in use cannot be removed")
def test_a_working_folder_that_has_been_removed_is_one_line_on_stderr(run, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    with monkeypatch.context() as inside:
        inside.chdir(gone)
        gone.rmdir()
        for command in (("inspect", "detector"), ("fit", "in.csv", "--out", "detector")):
            assert_one_line_error(run(*command), "working folder that has been removed")
        assert "作業フォルダーは削除" in run("inspect", "detector", "--lang", "ja")[2]
        assert run("--version")[0] == 0  # needs none


def test_too_few_rows_are_one_line_on_stderr(run, tiny_folder, tmp_path):
    train = tmp_path / "train.txt"
    train.write_text("\n".join(NORMAL[:39]))
    result = run("fit", train, "--model", tiny_folder, "--out", tmp_path / "out")
    assert_one_line_error(result, "39 normal texts", "at least 40")
    assert not (tmp_path / "out").exists()


def test_rows_that_cannot_be_read_are_why_there_are_too_few(run, tiny_folder, tmp_path):
    train, out = tmp_path / "train.csv", tmp_path / "out"
    texts = [text.replace(",", "") for text in NORMAL]
    options = ["--text-column", "text", "--model", tiny_folder, "--out", out]
    train.write_text("\n".join(["made by,text", "oil,leak", *texts[:50]]))
    code, _, said = run("fit", train, *options)
    assert code == 1
    assert said.splitlines()[-1] == (
        f"polar-detect: Got {train} of which 1 of 51 rows can be read (line 3: 1 cell; the header "
        "has 2); expected at least 40 normal rows; delete what stands above the names, or check "
        "the format, the delimiter and --encoding."
    )
    japanese = run("fit", train, *options, "--lang", "ja")[2].splitlines()[-1]
    assert "51行のうち1行しか読めません（3行目：セル1個に対し、見出しは2列）" in japanese
    train.write_text("\n".join(["id,text", *(f"1,{text}" for text in texts[:38]), "cut"]))
    code, _, said = run("fit", train, *options)  # with that line there were too few, too
    assert code == 1
    assert "Got 38 normal texts that are not empty" in said.splitlines()[-1]
    assert not out.exists()


def test_other_mistakes_are_one_line_on_stderr(run, saved_on_tiny, orders, tmp_path):
    score = ["score", orders, "--text-column", "text", "--out", tmp_path / "o.csv"]
    assert_one_line_error(run(*score, "--detector", tmp_path / "none"), "manifest.json")
    for alpha in ("0.001", "2"):
        assert_one_line_error(run(*score, "--detector", saved_on_tiny, "--alpha", alpha), "alpha")
    page = ["report", orders, "--detector", saved_on_tiny, "--out", tmp_path / "page.txt"]
    assert_one_line_error(run(*page), ".html")
    assert_one_line_error(run("search", "--file", orders), "one text a line")
    missing = tmp_path / "no-model"
    assert_one_line_error(run("search", "oil", "--model", missing), "no-model")


@pytest.mark.parametrize(
    "arguments",
    [
        ["search"],
        ["search", "oil", "--file", "lines.txt"],
        ["search", "oil", "--tolerance", "-1"],
        ["score", "in.csv"],
        ["score", "i", "--detector", "d", "--out", "o", "--fdr", "0.1", "--alpha", "0.1"],
        ["serve", "--detector", "d", "--port", "70000"],
        ["fit", "in.csv", "--out", "o", "--max-tokens", "0"],
        ["report", "in.csv", "--detector", "d", "--out", "o.html", "--top", "0"],
        ["nonsense"],
        ["fit", "in.csv", "--out", "o", "--nonsense"],
    ],
)
def test_a_usage_error_has_exit_code_two(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_search_prints_one_documented_record_per_text(run, tiny_folder, tmp_path):
    lines = tmp_path / "lines.txt"
    texts = [NEW[0], "", STRANGE[0]]
    lines.write_text("\n".join(texts) + "\n")
    code, out, _ = run(
        "search", "--file", lines, "--model", tiny_folder, "--json", "--tolerance", 0.3
    )
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["text"] for record in records] == texts
    backbone = Backbone.load(tiny_folder)
    for record in records:
        assert set(record) == RECORD
        assert record["n_layers"] == len(record["skip_curve"]) == len(record["loop_curve"]) == 5
        assert record["tolerance"] == 0.3
        assert record["curve_kind"] == "exact"
        assert list(Program.parse(record["program"]).layers) == record["layers"]
        assert record["length"] == len(record["layers"])
        rows = backbone.tokenize([record["text"]], 64)
        if not rows[0]:
            assert record["loss"] is record["full_loss"] is None
            continue
        (batch,) = batches(rows, backbone)
        programs = (Program.parse(record["program"]), Program.full(5))
        jobs = [Job(0, program) for program in programs]
        loss, full = Executor(backbone).losses(batch, jobs, precise=True)
        assert record["loss"] == pytest.approx(loss, abs=1e-5)
        assert record["full_loss"] == pytest.approx(full, abs=1e-5)
        assert record["loss"] <= record["full_loss"] + 0.3
        assert record["layer_calls"] > 0


def test_search_of_one_text_prints_its_program_for_people(run, tiny_folder):
    code, out, _ = run("search", NEW[0], "--model", tiny_folder)
    assert code == 0
    assert out.startswith(NEW[0])
    assert "nats per token" in out


def test_models_lists_the_embedded_ones(run):
    code, out, _ = run("models")
    assert code == 0
    for name in ("smollm2", "minilm"):
        assert any(line.startswith(name) for line in out.splitlines())


def test_models_fetch_prints_the_folder_of_a_model_that_is_there_too(run, smollm2):
    code, out, _ = run("models", "fetch", smollm2.name)
    assert (code, out) == (0, f"{smollm2.folder}\n")


def test_score_under_a_false_discovery_rate_flags_the_batch_as_a_whole(
    run, saved_on_tiny, fitted_on_tiny, tmp_path
):
    lines, scored = tmp_path / "new.txt", tmp_path / "scored.csv"
    texts = [*NEW, *STRANGE, *STRANGE]
    lines.write_text("\n".join(texts) + "\n")
    code, _, err = run("score", lines, "--detector", saved_on_tiny, "--out", scored, "--fdr", 0.305)
    assert code == 0
    flags = read_cells(scored)["is_anomaly"].str.lower() == "true"
    expected = benjamini_hochberg(fitted_on_tiny.assess(texts).p_values, 0.305)
    assert flags.tolist() == expected.tolist()
    assert 0 < flags.sum() < len(texts)
    assert f"{flags.sum()} flagged; at most 30.5 % of them are expected to be normal" in err
    assert "With 19 held-out texts no p-value is below 0.05" in err


def test_one_row_and_one_without_text_at_a_rate_are_counted_as_one(run, saved_on_tiny, save):
    table = save(f'text\n"{NEW[0]}"\n" "\n')
    run_options = ("--detector", saved_on_tiny, "--out", table.with_suffix(".jsonl"))
    code, _, err = run("score", table, *run_options, "--fdr", 0.1)
    assert code == 0
    assert "1 row scored, 0 flagged; at most 10 % of them are expected to be normal.\n" in err
    assert "1 row has no text and was not scored.\n" in err


def test_six_rows_at_a_rate_of_10_percent_need_three_with_the_smallest_p_value(
    run, saved_on_tiny, tmp_path
):
    lines = tmp_path / "new.txt"
    lines.write_text("\n".join(NEW[:6]) + "\n")
    scored = tmp_path / "scored.csv"
    _, _, err = run("score", lines, "--detector", saved_on_tiny, "--out", scored, "--fdr", 0.1)
    assert "of 6 rows none is flagged unless 3 or more reach it" in " ".join(err.split())


@pytest.mark.parametrize("rate", ["0.01", "0", "1", "nan"])
def test_a_false_discovery_rate_that_cannot_be_held_is_one_line(
    run, saved_on_tiny, orders, tmp_path, rate
):
    score = ["score", orders, "--text-column", "text", "--out", tmp_path / "o.csv"]
    result = run(*score, "--detector", saved_on_tiny, "--fdr", rate)
    assert_one_line_error(result, "a false discovery rate of", "--fdr")


@pytest.mark.parametrize(("command", "out"), [("score", "out.csv"), ("report", "out.html")])
def test_an_input_in_a_folder_that_the_user_may_not_enter_is_one_line(
    run, saved_on_tiny, orders, close_to_us, command, out
):
    closed = orders.parent / "closed"
    closed.mkdir()
    inside = orders.rename(closed / "orders.csv")
    close_to_us(closed)
    result = run(command, inside, "--detector", saved_on_tiny, "--out", orders.parent / out)
    assert_one_line_error(result, f"{inside}, which cannot be read (Permission denied)")


@pytest.mark.slow
def test_a_killed_score_is_resumed_by_the_same_command(run, saved_on_tiny, tmp_path):
    rows, whole, killed = (tmp_path / n for n in ("rows.csv", "whole.csv", "killed.csv"))
    # Few distinct texts in the first chunk, more in the second, where the kill shall strike.
    texts = [*NEW, *STRANGE] * 24 + [f"{NEW[0]}, number {i}" for i in range(25)]
    pd.DataFrame({"text": texts}).to_csv(rows, index=False)
    command = ["score", str(rows), "--detector", str(saved_on_tiny), "--out"]
    code = "from polar_detect.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command, str(killed)], stderr=subprocess.DEVNULL
    )
    first = tmp_path / ".killed.csv.partial" / "chunk-00000000.parquet"
    while not first.exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not killed.exists()
    assert run(*command, whole)[0] == 0
    code, out, err = run(*command, killed)
    assert (code, out) == (0, f"{killed}\n")
    assert "256 rows had been scored before the run was interrupted." in err
    assert killed.read_bytes() == whole.read_bytes()
    assert not first.parent.exists()
