"""What commands do with a detector that goes by the columns of rows, which no model reads."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from japanese import is_japanese

from polar_detect import PolarDetector
from polar_detect import compare as comparing
from polar_detect.artifact.contents import read_contents
from polar_detect.artifact.reading import stored_origin
from polar_detect.cli.commands.notices import Notices
from polar_detect.cli.options import FitOptions
from polar_detect.compare import detection
from polar_detect.compare.detection import cost_of
from polar_detect.compare.methods.baselines import BASELINES
from polar_detect.compare.methods.lineup import Lineup
from polar_detect.compare.methods.views import Cost
from polar_detect.compare.results.advice import find_as_good
from polar_detect.detectors import PyODHead, new_head
from polar_detect.errors import InputError, OutputError, TrainingWarning
from polar_detect.messages.language import Language
from polar_detect.pipeline.engine import Engine
from polar_detect.scoring import job as jobs
from polar_detect.scoring import run as scoring
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.scoring.results import LocalEngine
from polar_detect.serve.answers import Answers, Explained
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.tables import (
    RowColumns,
    RowTemplate,
    cells_as_text,
    read_table,
    result_columns,
)
from polar_detect.tables.rows.template_column import TemplateColumn

ADDED = ["score", "p_value", "is_anomaly", "reasons", "top_columns"]
RULE = FlagRule(0.05)


def parts(n_rows, *, seed=0):
    """Return parts whose weight goes with their size; "program" is a name that `score` adds."""
    rng = np.random.default_rng(seed)
    size = rng.normal(20, 2, n_rows).round(2)
    return pd.DataFrame({
        "program": rng.choice(["P1", "P2"], n_rows),
        "size [mm]": size,
        "weight [g]": (3 * size + rng.normal(0, 0.1, n_rows)).round(2),
    })  # fmt: skip


def notes(n_rows):
    return [f"weighed by hand {i} on bench {7 * i}" for i in range(n_rows)]


@pytest.fixture(scope="module")
def fitted():
    return PolarDetector("columns").fit(parts(120))


@pytest.fixture(scope="module")
def folder(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("detectors") / "columns"
    fitted.save(path)
    return path


@pytest.fixture
def new(tmp_path):
    """Return a CSV of new parts, the first of which is too light for its size."""
    frame = parts(60, seed=1)
    frame.loc[0, "weight [g]"] = 50.0
    path = tmp_path / "new.csv"
    frame.to_csv(path, index=False)
    return path


WITHOUT_TORCH = """
import sys
import pandas as pd
from polar_detect import PolarDetector, Report

train, new, folder = sys.argv[1:]
PolarDetector("columns").fit(pd.read_csv(train)).save(folder)
detector = PolarDetector.load(folder)
Report.of(detector, pd.read_csv(new)).save(folder + ".html")
print({"torch", "transformers"} & set(sys.modules))
"""


@pytest.mark.slow
def test_columns_need_no_torch_and_no_models(new, tmp_path):
    nowhere = {"POLAR_DETECT_CACHE": "/nowhere", "HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    train = tmp_path / "train.csv"
    parts(60).to_csv(train, index=False)
    files = [str(path) for path in (train, new, tmp_path / "detector")]
    command = [sys.executable, "-c", WITHOUT_TORCH, *files]
    done = subprocess.run(
        command, env=os.environ | nowhere, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    assert "weight [g]" in (tmp_path / "detector.html").read_text(encoding="utf-8")


def job_of(source, out, folder, **options):
    origin = stored_origin(folder)
    own = {"template": origin.template, "reads_texts": origin.reads_texts} | options
    return ScoreJob(source=source, out=out, detector_sha256=origin.sha256, **own)


def scored(job, engine):
    return scoring.run(job, open_input(job), engine, RULE, lambda *_: None)


# Score


def test_a_frame_of_results_tells_of_no_programs_and_layers(fitted):
    frame = fitted.assess(parts(5, seed=2)).to_frame()
    assert [*frame.columns] == [*ADDED, "repeat_of", "unusual_digits", "likely_mistake", "flat_run"]
    assert frame["reasons"].dtype == object


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".xlsx"])
def test_a_result_tells_of_no_programs_and_layers(fitted, folder, new, tmp_path, ending):
    out = tmp_path / f"scored{ending}"
    scored(job_of(new, out, folder), LocalEngine(fitted))
    table = read_table(out, text_column="reasons")
    assert [*table.frame.columns] == [*parts(1).columns, *ADDED]
    assert float(cells_as_text(table.frame["p_value"])[0]) < 0.05
    # It is known again as what score has added, and a column of the table's own is not.
    assert result_columns(table.frame.columns) == ADDED
    with pytest.raises(InputError, match="scored before: 'score', 'p_value', 'is_anomaly', 're"):
        open_input(job_of(out, tmp_path / "again.csv", folder))
    # Nor is it replaced where somebody has put a column beside it.
    table.frame.assign(checked="ok").to_csv(tmp_path / "checked.csv", index=False)
    with pytest.raises(OutputError, match="somebody has put 'checked' beside an earlier result"):
        open_input(job_of(new, tmp_path / "checked.csv", folder))
    again = read_table(out, rows=RowColumns())
    assert again.template.names == [*parts(1).columns]


def test_a_column_that_models_alone_would_add_is_no_fault(new, tmp_path):
    table = read_table(new, rows=RowColumns())
    options = FitOptions(train=new, out=tmp_path / "out", all_columns=True, detector="columns")
    said = [*Notices(table, options, Language()).of_texts()]
    assert not [one for one in said if "has the name of one that score adds" in one]
    others = [*Notices(table, replace(options, detector="auto"), Language()).of_texts()]
    assert [one[:16] for one in others] == ["column 'program'"]


def test_a_resumed_run_writes_what_an_undisturbed_one_does(
    fitted, folder, new, tmp_path, monkeypatch
):
    monkeypatch.setattr(jobs, "_UNREAD_CHUNK_ROWS", 20)
    engine, calls = LocalEngine(fitted), []

    def killed(texts, advance):
        calls.append(len(texts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return engine(texts, advance)

    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    with pytest.raises(KeyboardInterrupt):
        scored(job_of(new, out, folder), killed)
    assert len(calls) == 3
    assert scored(job_of(new, out, folder), engine).n_resumed == 40
    monkeypatch.undo()  # in one chunk, with the same result
    assert scored(job_of(new, whole, folder), engine).n_resumed == 0
    assert out.read_bytes() == whole.read_bytes()


def test_programs_are_not_searched_where_there_are_none(run, folder, new, tmp_path, monkeypatch):
    monkeypatch.setattr(PolarDetector, "load", None)  # it is said before
    command = ("score", new, "--detector", folder, "--out", tmp_path / "o.csv")
    code, out, err = run(*command, "--preset", "search")
    assert (code, out) == (1, "")
    assert f"Got --preset search for the detector '{folder}', which goes by columns" in err
    assert "プログラムがありません" in run(*command, "--preset", "search", "--lang", "ja")[2]


def test_rows_without_a_filled_cell_are_said_to_have_none(run, folder, tmp_path):
    path, out = tmp_path / "new.csv", tmp_path / "out.csv"
    frame = parts(3, seed=1).astype(object)
    frame.loc[1] = ""
    frame.to_csv(path, index=False)
    for options in ((), ("--fdr", 0.3)):
        err = run("score", path, "--detector", folder, "--out", out, *options)[2]
        assert "1 row has no filled cell and was not scored." in err
    assert pd.read_csv(out)["top_columns"][1] == "empty row"
    run("score", path, "--detector", folder, "--out", out, "--lang", "ja")
    assert pd.read_csv(out)["top_columns"][1] == "値なし"


# Fit


def said_of(path, **options):
    table = read_table(path, rows=RowColumns())
    own = FitOptions(train=path, out=Path("out"), all_columns=True, **options)
    return [*Notices(table, own, Language(own.lang)).of_rows()]


@pytest.mark.parametrize(("lang", "more"), [("en", " and {} more"), ("ja", " ほか{}件")])
def test_of_many_columns_fit_says_the_first_and_how_many_more(tmp_path, lang, more):
    numbers = np.random.default_rng(0).normal(size=(50, 60)).round(2)
    names = [f"nm{i:02}" for i in range(60)]
    said = {}
    for n in (40, 60):
        path = tmp_path / f"{n}.csv"
        pd.DataFrame(numbers[:, :n], columns=names[:n]).to_csv(path, index=False)
        said[n] = said_of(path, detector="columns", lang=lang)
    row, listed = said[60][:2]
    assert row.count("nm") == 20
    assert "60" in row.split("…")[1]
    assert listed.endswith("nm19" + more.format(40))
    assert [own.count("nm") for own in said[40][:2]] == [40, 40]  # control


def test_fit_says_what_counts_and_what_does_not(tmp_path):
    path = tmp_path / "parts.csv"
    frame = parts(120).assign(note=notes(120), rework=["", "", *notes(118)])
    frame.loc[frame.index % 3 == 0, "rework"] = ""
    frame.loc[frame["program"] == "P1", "rework"] = ""
    days = [f"2026-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(120)]
    frame["mended"] = np.where(frame["program"] == "P1", days, "")
    frame.to_csv(path, index=False)
    said = said_of(path, detector="columns", max_tokens=3)
    assert said[1:] == [
        "columns of numbers: size [mm], weight [g]",
        "columns that say the same few things: program",
        *said[3:-3],
        "of columns that say something new in all new rows, as dates do, only counts whether cells "
        "are empty: 'mended'",
        "columns of words that hardly repeat do not count: 'note'; the detector texts reads them",
        "of columns of words that hardly repeat only counts whether cells are empty: 'rework'; the "
        "detector texts reads them",
    ]
    assert all(map(is_japanese, said_of(path, detector="columns", lang="ja")[1:]))
    of_models = " ".join(said_of(path, max_tokens=3))  # control
    assert "tokens" in of_models
    assert "do not count" not in of_models


def test_fit_says_of_columns_that_are_empty_in_all_rows_what_a_new_one_means(tmp_path):
    path = tmp_path / "parts.csv"
    frame = parts(120).assign(note="", checked=" ", rework=["", *notes(119)])
    frame.to_csv(path, index=False)
    said = {
        "columns": "columns that are empty in all rows do not count, whatever new rows say there: "
        "'note', 'checked'",
        "auto": "columns that are empty in all rows: 'note', 'checked'; a new row that says "
        "something there will look strange, so leave them out with --columns unless it should",
    }
    for detector, expected in said.items():
        assert [one for one in said_of(path, detector=detector) if "empty in all" in one] == [
            expected
        ]
        (japanese,) = (
            one for one in said_of(path, detector=detector, lang="ja") if "どの行も空欄" in one
        )
        assert "'note', 'checked'" in japanese
    frame.assign(**{f"free {i}": "" for i in range(9)}).to_csv(path, index=False)
    assert said_of(path, detector="columns")[-2].endswith("'free 7' and 1 more")
    assert "'free 7' ほか1件" in said_of(path, detector="columns", lang="ja")[-2]
    parts(120).to_csv(path, index=False)  # control
    assert not [one for name in said for one in said_of(path, detector=name) if "empty in" in one]


def test_what_is_ever_new_is_left_out_by_itself_where_columns_alone_count(tmp_path):
    path = tmp_path / "parts.csv"
    frame = parts(120).assign(
        day=[f"2026-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(120)],
        start=[f"{6 + i % 16}:{7 * i % 60:02}" for i in range(120)],
        lot=[f"L-{250 + i // 6}" for i in range(120)],
        note=notes(120),
        no=range(120),
    )
    frame.to_csv(path, index=False)
    said = said_of(path, detector="columns")
    of_dates = (
        "columns that say something new in all new rows, as dates do, do not count: 'day', "
        "'start', 'lot', 'no'"
    )
    of_notes = (
        "columns of words that hardly repeat do not count: 'note'; the detector texts reads them"
    )
    assert said[-2:] == [of_dates, of_notes]
    assert "'day'" in said_of(path, detector="columns", lang="ja")[-2]
    assert is_japanese(said_of(path, detector="columns", lang="ja")[-2])
    assert not [one for one in said if "leave it out" in one]
    others = " ".join(said_of(path, detector="texts"))
    assert "column 'day' holds dates, and those of new rows are all new; leave it out" in others
    with pytest.warns(TrainingWarning) as warned:
        PolarDetector("columns").fit(frame)
    told = [str(one.message) for one in warned]
    assert told == [of_dates, of_notes]


def raw_parts(n_rows, *, seed=0, first=0):
    """Return parts with a date, a lot and a running number, as a plant exports them."""
    days = pd.date_range("2026-04-01", periods=n_rows + first)[first:]
    passing = {
        "day": days.strftime("%Y-%m-%d"),
        "lot": [f"L-{250 + (first + i) // 6}" for i in range(n_rows)],
        "no": range(first, first + n_rows),
    }
    return pd.concat([pd.DataFrame(passing), parts(n_rows, seed=seed)], axis=1)


@pytest.mark.slow
def test_new_rows_may_lack_columns_that_are_new_in_all_rows(run, tmp_path):
    train, folder = tmp_path / "train.csv", tmp_path / "detector"
    raw_parts(120).to_csv(train, index=False)
    assert run("fit", train, "--all-columns", "--out", folder)[0] == 0
    new = raw_parts(60, seed=1, first=120).rename(columns={"size [mm]": "Size [mm]"})
    new.loc[0, "weight [g]"] = 50.0
    detector = PolarDetector.load(folder)
    expected = detector.score_samples(new)
    path = tmp_path / "new.csv"
    for lacking, said in ((["day", "no"], "'day', 'no'"), ([], ""), (["lot"], "'lot'")):
        left, out = new.drop(columns=lacking), tmp_path / f"out{len(lacking)}.csv"
        left.to_csv(path, index=False)
        english = f"columns that do not count are missing: {said}"
        japanese = f"この表にない列（判定には使わないため影響しません）：{said}"
        for command, name in (("score", out), ("report", tmp_path / "report.json")):
            options = (path, "--detector", folder, "--out", name)
            for tongue, sentence in (("en", english), ("ja", japanese)):
                code, _, err = run(command, *options, "--lang", tongue)
                told = [one for one in err.splitlines() if sentence[:10] in one]
                assert (code, told) == (0, [f"{path}: {sentence}"] * bool(said))
        scores = pd.read_csv(out)["score"].to_numpy()
        np.testing.assert_array_equal(scores, (-expected).round(6))
        np.testing.assert_array_equal(detector.score_samples(left), expected)
        assert detector.assess(left).reasons() == detector.assess(new).reasons()
    lacking = new.drop(columns=["day", "program"])  # what counts is asked for
    lacking.to_csv(path, index=False)
    code, _, err = run("score", path, "--detector", folder, "--out", out)
    assert (code, "Got column 'program'; the table has: lot, no, Size" in err) == (1, True)
    with pytest.raises(InputError, match="Got column 'program'"):
        detector.score_samples(lacking)


def test_new_rows_may_lack_columns_of_words_that_nothing_reads(run, tmp_path):
    train, folder, path = tmp_path / "train.csv", tmp_path / "detector", tmp_path / "new.csv"
    frame = parts(120).assign(note=notes(120), blank="")
    frame.to_csv(train, index=False)
    fit = ("fit", train, "--all-columns", "--detector", "columns", "--out", folder)
    assert run(*fit)[0] == 0
    new = parts(60, seed=1).assign(note=notes(60), blank="")
    detector = PolarDetector.load(folder)
    expected = detector.assess(new)
    left = new.drop(columns=["note", "blank"])
    left.to_csv(path, index=False)
    code, _, err = run("score", path, "--detector", folder, "--out", tmp_path / "out.csv")
    assert (code, "columns that do not count are missing: 'note', 'blank'" in err) == (0, True)
    np.testing.assert_array_equal(detector.score_samples(left), -expected.scores)
    assert detector.assess(left).reasons() == expected.reasons()
    read = replace(detector.rows_, is_read=True)  # control: as models read it
    with pytest.raises(InputError, match="Got column 'note'"):
        read.texts(left)


def test_new_rows_need_columns_whose_empty_cells_count_and_those_that_models_read(tmp_path):
    frame = raw_parts(120)
    frame.loc[frame["program"] == "P1", "day"] = ""
    detector = PolarDetector("columns")
    with pytest.warns(TrainingWarning) as warned:
        detector.fit(frame)
    assert "only counts whether cells are empty: 'day'" in str(warned[-1].message)
    detector.save(tmp_path / "detector")
    for own in (detector, PolarDetector.load(tmp_path / "detector")):
        assert own.rows_.dispensable == ["lot", "no"]
        own.score_samples(frame.drop(columns=["lot", "no"]))
        with pytest.raises(InputError, match="Got column 'day'"):
            own.score_samples(frame.drop(columns=["day"]))
    read = RowTemplate.fit(frame, [*frame.columns])  # control: as models read it
    assert read == detector.rows_
    with pytest.raises(InputError, match="Got column 'lot'"):
        read.texts(frame.drop(columns=["lot"]))
    with pytest.raises(InputError, match="Got column 'no'"):  # a new fit wants them, too
        PolarDetector("columns", rows=own.rows_).fit(frame.drop(columns=["no"]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "judged by those alone, without models, programs and layers; --detector texts has"),
        (("--lang", "ja"), "それだけで判定します"),
        (("--detector", "columns"), ""),
    ],
)
def test_fit_says_that_models_are_not_needed(run, tmp_path, monkeypatch, options, said):
    monkeypatch.setattr(Engine, "load", None)
    path, folder = tmp_path / "parts.csv", tmp_path / "detector"
    parts(120).assign(checked="").to_csv(path, index=False)
    code, _, err = run("fit", path, "--all-columns", "--out", folder, *options)
    assert code == 0
    assert said in err
    assert ("--detector texts" in err) == bool(said)
    assert not stored_origin(folder).reads_texts


def test_a_detector_by_another_spelling_of_its_name_is_not_said_to_do_without_models(
    run, tmp_path, monkeypatch
):
    def stopped(*_, **__):
        raise InputError("stopped")

    own = PyODHead(SimpleNamespace())
    monkeypatch.setattr(PyODHead, "named", lambda _: own)
    monkeypatch.setattr(PolarDetector, "fit", stopped)
    path = tmp_path / "parts.csv"
    parts(60).to_csv(path, index=False)
    options = ("--all-columns", "--out", tmp_path / "out", "--detector")
    err = run("fit", path, *options, own.name.lower())[2]
    assert "stopped" in err
    assert "judged by those alone" not in err
    assert "judged by those alone" in run("fit", path, *options, "auto")[2]  # control


def test_what_the_detector_cannot_go_by_is_refused_before_anything_is_fitted(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr(PolarDetector, "fit", None)
    path = tmp_path / "parts.csv"
    parts(60).assign(note=notes(60)).to_csv(path, index=False)
    command = ("fit", path, "--detector", "columns", "--out", tmp_path / "out")
    for options, message, japanese in (
        (("--text-column", "note"), "Got texts for the detector columns", "文だけでは"),
        (("--columns", "note"), "Got columns without numbers and without", "ほかの言葉も読む"),
        (("--all-columns", "--no-store-texts"), "and no texts to be kept", "保存が必要"),
    ):
        code, out, err = run(*command, *options)
        assert (code, out) == (1, "")
        assert message in err
        assert japanese in run(*command, *options, "--lang", "ja")[2]


@pytest.mark.parametrize("rule", [(), ("--fdr", 0.3)])
def test_score_says_what_tells_why_a_batch_differs(run, folder, tmp_path, rule):
    path, said = tmp_path / "later.csv", "polar-detect report says what has changed"
    for by, is_told in ((0, False), (20, True)):
        frame = parts(60, seed=2)
        frame["weight [g]"] += by
        frame.to_csv(path, index=False)
        command = ("score", path, "--detector", folder, "--out", tmp_path / "scored.csv", *rule)
        code, _, err = run(*command)
        assert (code, said in err, "clearly differs" in err) == (0, is_told, is_told)


def test_the_command_fits_and_scores_without_models(run, new, tmp_path, monkeypatch):
    monkeypatch.setattr(Engine, "load", None)
    monkeypatch.setenv("POLAR_DETECT_CACHE", str(tmp_path / "nothing"))
    train, folder, out = tmp_path / "train.csv", tmp_path / "detector", tmp_path / "scored.csv"
    parts(120).to_csv(train, index=False)
    own = ("--all-columns", "--detector", "columns", "--model", "gemma3-270m", "--max-tokens", 9)
    code, said, err = run("fit", train, *own, "--out", folder)
    assert (code, said) == (0, f"{folder}\n")
    for option in ("--model", "--max-tokens"):
        assert f"{option} has no effect with --detector columns, as no model reads the rows" in err
    assert "--encoder has" not in err
    assert "the 120 normal rows, which new ones are held against (polar-detect inspect" in err
    cached = ("--cache", tmp_path / "cache", "--preset", "fast")
    for options in ((), (*cached, "--fdr", 0.3), (*cached, "--restart")):
        code, said, _ = run("score", new, "--detector", folder, "--out", out, *options)
        assert (code, said) == (0, f"{out}\n")
        assert [*pd.read_csv(out).columns] == [
            *parts(1).columns,
            *ADDED,
            "repeat_of",
            "unusual_digits",
            "likely_mistake",
            "flat_run",
        ]


def test_a_disk_without_room_for_what_models_need_is_refused_before_they_read(
    run, tmp_path, monkeypatch
):
    parts(120).to_csv(tmp_path / "parts.csv", index=False)
    command = ("fit", tmp_path / "parts.csv", "--all-columns", "--out", tmp_path / "out")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=14_999_999))
    monkeypatch.setattr(Engine, "load", None)
    code, _, error = run(*command, "--detector", "texts")
    assert (code, "Got 14999999 free bytes for '" in error) == (1, True)
    assert "expected 15000000 and more for a detector of texts; free some, or choose" in error
    assert (
        "空き容量が14999999バイトしかありません"
        in run(*command, "--detector", "texts", "--lang", "ja")[2]
    )
    assert run(*command)[0] == 0  # control: columns alone take little


def test_words_that_do_not_count_are_warned_of():
    frame = parts(60).assign(note=notes(60))
    with pytest.warns(TrainingWarning, match="do not count: 'note'; the detector texts reads them"):
        PolarDetector("columns").fit(frame)


def test_words_that_only_labelled_anomalies_say_are_not_said_to_be_read(run, tmp_path):
    frame = parts(130).assign(note=[""] * 120 + notes(10))
    path, folder = tmp_path / "parts.csv", tmp_path / "detector"
    frame.assign(y=np.arange(130) >= 120).to_csv(path, index=False)
    own = ("--columns", ",".join(frame), "--label-column", "y", "--out", folder)
    code, _, err = run("fit", path, *own)
    assert code == 0
    assert not stored_origin(folder).reads_texts  # which the normal rows decide
    assert "do not count: 'note'; the detector texts reads them" in err
    assert "the normal rows hold nothing but numbers and words that repeat" in err
    with pytest.warns(TrainingWarning, match="do not count: 'note'; the detector texts reads them"):
        PolarDetector().fit(frame, np.arange(130) >= 120)


# Serve and inspect


def test_explanations_add_up_without_programs_and_layers(fitted):
    answers = Answers(fitted, fitted.rows_)
    odd = parts(3, seed=1).assign(**{"weight [g]": 50.0})
    texts = [*fitted.rows_.texts(odd), ""]
    explained = answers.explain(texts)
    for own, score in zip(explained[:3], answers.score(texts), strict=False):
        assert own.score == score.score
        assert own.base_value + sum(own.groups.values()) == pytest.approx(own.score)
        assert (own.program, own.program_length, own.layers, own.top_layers) == (None, None, [], "")
        assert own.reasons
        assert own.top_columns
    assert (explained[3].score, explained[3].layers) == (None, None)
    assert "goes by columns" in Explained.model_fields["program"].description


def test_inspect_tells_of_no_models(run, folder):
    assert dict(read_contents(folder).facts)["Settings"] == (
        "alpha 0.05, detector columns, seed 0, store_texts True"
    )
    for tongue in ("en", "ja"):
        code, out, _ = run("inspect", folder, "--lang", tongue)
        assert code == 0
        assert not [word for word in ("smollm2", "Embeddings", "埋め込み") if word in out]
    assert json.loads(run("inspect", folder, "--texts")[1].splitlines()[0]).startswith("program: P")


# Compare


@pytest.fixture
def labelled(tmp_path):
    """Return a CSV of parts of which the last are too heavy for their size."""
    frame = parts(160).assign(failed=np.arange(160) >= 130)
    frame.loc[frame["failed"], "weight [g]"] += 3
    path = tmp_path / "labelled.csv"
    frame.to_csv(path, index=False)
    return path


def lineup(task, *names):
    return Lineup.of(task, [*map(PolarDetector, names)])


def test_columns_run_beside_the_default_where_rows_have_some(labelled):
    task = comparing.read_task(labelled, None, comparing.Reading("failed"))

    def as_named(task, *names):  # as if their names left nothing open
        return Lineup(task, names, {name: PolarDetector(name) for name in names})

    def unasked(task, *names):
        return [own.detector for own in as_named(task, *names).unasked]

    assert unasked(task, "auto") == ["columns"]
    assert unasked(task, "lightgbm") == unasked(task, "auto", "columns") == []
    assert unasked(replace(task, template=None), "auto") == []
    words = RowTemplate((TemplateColumn("note", None),))
    assert unasked(replace(task, template=words), "auto") == []
    beside_auto = as_named(task, "auto")
    (own,) = beside_auto.unasked
    assert beside_auto.ways(own) == [
        ("columns", False), ("columns", True), ("columns-classifier", True)
    ]  # fmt: skip
    assert as_named(task, "texts").ways(PolarDetector("texts")) == [
        ("texts", False), ("texts", True)
    ]  # fmt: skip
    assert cost_of(new_head("columns")) == Cost.NO_MODEL


def test_a_name_that_is_another_detector_on_these_rows_is_noted(labelled):
    task = comparing.read_task(labelled, None, comparing.Reading("failed"))
    notes = [*lineup(task, "auto", "classifier", "columns", "texts").notes()]
    assert [note.partition("so ")[2].partition(";")[0] for note in notes] == [
        "auto is columns here", "classifier is columns-classifier here"
    ]  # fmt: skip
    assert all(map(is_japanese, map(Language("ja").compared, notes)))


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["columns, columns", "auto", "auto,columns"])
def test_columns_alone_are_compared_once_and_without_models(
    run, labelled, tmp_path, monkeypatch, asked
):
    for kind in (Engine, Encoder):
        monkeypatch.setattr(kind, "load", None)
    if asked != "auto":  # by now they have run without models
        monkeypatch.setattr(detection, "BASELINES", BASELINES[-1:])
    monkeypatch.setenv("POLAR_DETECT_CACHE", str(tmp_path / "nothing"))
    out = tmp_path / "table.json"
    own = ("compare", labelled, "--label-column", "failed", "--detectors", asked)
    code, said, _ = run(*own, "--resamples", 100, "--out", out)
    assert code == 0
    assert ("so auto is columns here" in " ".join(said.split())) == ("auto" in asked)
    assert "No model was run, and so no baseline on sentence embeddings." in said
    stored = json.loads(out.read_text(encoding="utf-8"))
    ours = [(r["name"], r["figures"]["AUROC"]["value"]) for r in stored["results"] if r["is_ours"]]
    names = ("columns", "columns with labels", "columns-classifier with labels")
    assert sorted(name for name, _ in ours) == [f"polar-detect {name}" for name in names]
    assert min(auroc for _, auroc in ours) > 0.9
    assert {r["view"] for r in stored["results"]} == {"columns", "numbers", "TF-IDF"}


def test_options_that_only_models_read_have_no_effect_on_columns_alone(run, tmp_path):
    own = ("compare", tmp_path / "none.csv", "--label-column", "failed", "--detectors")
    given = {"--model": "gemma3-270m", "--encoder": "e5-small", "--max-tokens": 9}
    options = [part for pair in given.items() for part in pair]
    err = run(*own, "columns", *options)[2]
    for option in given:
        assert f"{option} has no effect with --detectors columns, as no model reads the row" in err
    assert "no effect" not in run(*own, "columns,auto", *options)[2]
    assert "no effect" not in run(*own, "columns")[2]
    said = run(*own, "columns", "--model", "gemma3-270m", "--lang", "ja")[2]
    assert "--detectors columns はモデルで行を読まないため、--model は効果がありません" in said


def test_columns_are_asked_for_in_vain_where_texts_are_compared(run, tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "_run_all", None)  # it is said before
    path = tmp_path / "notes.csv"
    pd.DataFrame({"note": notes(160), "y": np.arange(160) >= 120}).to_csv(path, index=False)
    own = ("compare", path, "--label-column", "y", "--detectors", "columns")
    code, _, err = run(*own)
    assert code == 1
    assert "Got column 'note' of texts for the detector columns" in err
    assert "pass several columns with --columns, or" in err  # --all-columns is an option of fit
    assert "本文の列「note」だけでは使えません" in run(*own, "--lang", "ja")[2]


def test_columns_are_recommended_before_models_that_are_hardly_better():
    scores = np.arange(100.0) + 100 * (np.arange(100) % 2)
    labels = np.arange(100) % 2 == 1

    def result(name, scores, **options):
        method = comparing.Method(name=name, view="", is_supervised=False, **options)
        return comparing.Scored(method=method, scores=scores, fit_s=1.0, s_per_1000=1.0)

    nearly = np.where(np.arange(100) == 1, 97.0, scores)
    methods = [
        result("polar-detect auto", scores, cost=Cost.LANGUAGE_MODEL, detector="auto"),
        result("polar-detect columns", nearly, cost=Cost.NO_MODEL, detector="columns"),
        result("kNN", np.where(labels, 60.0, scores), cost=Cost.NO_MODEL),
    ]
    settings = comparing.Settings(detectors=(), n_resamples=100)
    results = tuple(comparing.measure(labels, methods, settings))
    found = comparing.Comparison(
        results=results, n_train=(50, 0), n_test=(50, 50), text_source="2 columns written out",
        columns=("a", "b"), notes=(), fit_options="--columns a,b", model_options="--max-tokens 64",
    )  # fmt: skip
    assert found.best.method.name == "polar-detect auto"
    assert find_as_good(found)[0].method.name == "polar-detect columns"
    advice = comparing.advise(found)
    assert (
        "It judges a row by its columns of numbers and of words that repeat alone: no model reads "
        "it, and other words do not count."
    ) in advice
    assert "fit TRAIN --columns a,b --detector columns --out FOLDER." in " ".join(advice)
    said = [Language("ja").compared(line) for line in advice]
    assert [line for line in said if not is_japanese(line)] == []
    of_auto = comparing.advise(replace(found, results=results[:1] + results[2:]))
    assert "It judges a row by" not in " ".join(of_auto)
    assert "fit TRAIN --columns a,b --max-tokens 64 --detector auto --out" in " ".join(of_auto)


def test_what_columns_leave_out_is_noted(tmp_path):
    path = tmp_path / "noted.csv"
    frame = parts(160).assign(note=notes(160), failed=np.arange(160) >= 130)
    frame.to_csv(path, index=False)
    names = "program,size [mm],weight [g],note"
    task = comparing.read_task(path, None, comparing.Reading("failed", columns=names))
    (note,) = lineup(task, "auto").notes()
    assert note.startswith(
        "Of polar-detect columns: columns of words that hardly repeat do not count"
    )
    assert is_japanese(Language("ja").compared(note))
    frame.assign(lot=[f"L-{i:04}" for i in range(160)]).to_csv(path, index=False)
    with_lots = comparing.Reading("failed", columns=f"{names},lot")
    task = comparing.read_task(path, None, with_lots)  # which says to leave the lot out
    assert [*lineup(task, "auto").notes()] == [note]
    assert [*lineup(task, "lightgbm").notes()] == []
