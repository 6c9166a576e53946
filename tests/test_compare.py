import csv
import io
import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from japanese import is_japanese
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from some_by_default import some_by_default
from work_orders import NORMAL, STRANGE

from polar_detect import compare as comparing
from polar_detect import metrics
from polar_detect.cli.commands import compare as command
from polar_detect.compare import detection, regression
from polar_detect.compare.detection import cost_of
from polar_detect.compare.methods.baselines import BASELINES
from polar_detect.compare.methods.lineup import Lineup
from polar_detect.compare.methods.views import Cost, Numbers
from polar_detect.compare.reading.rows import split
from polar_detect.compare.results import tabulate
from polar_detect.compare.results.advice import find_as_good
from polar_detect.compare.results.comparison import AUROC
from polar_detect.compare.results.measuring import best_by_guessing
from polar_detect.compare.results.tabulate import MethodTable
from polar_detect.detector import PolarDetector
from polar_detect.detectors import new_head
from polar_detect.errors import InputError, OutputError
from polar_detect.messages.language import Language
from polar_detect.pipeline.engine import Engine
from polar_detect.signature.extraction import Extractor
from polar_detect.tables import ReadOptions, RowColumns, RowTemplate, read_table

N_RESAMPLES = 30


@pytest.fixture
def process(tmp_path):
    """Return a CSV of process data in which a hot spindle fails."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "run": np.arange(1, 201),
            "heat [K]": np.round(rng.normal(300, 2, 200), 1),
            "load": rng.normal(0, 1, 200),
            "site": "A",
            "shift": rng.choice(["early", "late", "night"], 200),
            "constant": 7,
            "failed": (rng.random(200) < 0.2).astype(int),
        }
    )
    frame.loc[frame["failed"] == 1, "heat [K]"] += 12
    frame.loc[3, "load"] = np.nan
    path = tmp_path / "process.csv"
    frame.to_csv(path, index=False)
    return path


def orders_task(*, labelled):
    """Return work orders with strangers among the test rows, and training rows if labelled."""
    strange = [f"{text} {i}" for i in range(3) for text in STRANGE]
    shown = strange[:6] if labelled else []
    train = [*NORMAL[:50], *shown]
    test = [*NORMAL[50:], *strange[6:]]

    def rows(texts, n_normal):
        return comparing.Rows(texts, np.zeros((len(texts), 0)), np.arange(len(texts)) >= n_normal)

    return comparing.Task(rows(train, 50), rows(test, 10), (), "column 'text'", ())


def numbers_task(*, seed=0, n_anomalous=20):
    """Return rows of two numbers that move together, but for the anomalous ones."""
    rng = np.random.default_rng(seed)

    def rows(n_normal, n_anomalous):
        first = rng.normal(size=n_normal + n_anomalous)
        sign = np.repeat([1, -1], [n_normal, n_anomalous])
        numbers = np.column_stack([first, first * sign + rng.normal(0, 0.1, len(first))])
        frame = pd.DataFrame(numbers, columns=["a", "b"])
        texts = RowTemplate.fit(frame, ["a", "b"]).texts(frame)
        return comparing.Rows(texts, numbers, sign < 0)

    return comparing.Task(rows(80, n_anomalous), rows(60, 40), ("a", "b"), "2 columns", ())


def scored(name, scores, *, s_per_1000=1.0, cost=None, is_ours=False, is_supervised=False):
    usual = Cost.LANGUAGE_MODEL if is_ours else Cost.NO_MODEL
    method = comparing.Method(
        name=name,
        view="numbers",
        is_supervised=is_supervised,
        cost=usual if cost is None else cost,
        recipe=f"{name} by hand",
        detector=name.split()[1] if is_ours else None,
    )
    scores = np.asarray(scores, float)
    return comparing.Scored(method=method, scores=scores, fit_s=1.0, s_per_1000=s_per_1000)


def compared(*methods, n=100, telling=()):
    labels = np.arange(n) % 2 == 1
    settings = comparing.Settings(detectors=(), n_resamples=N_RESAMPLES)
    return comparing.Comparison(
        results=tuple(comparing.measure(labels, methods, settings)),
        best_by_guessing=best_by_guessing(labels, methods, settings),
        n_train=(50, 0),
        n_test=(n - n // 2, n // 2),
        text_source="text",
        columns=(),
        notes=(),
        telling=tuple(telling),
        fit_options="--text-column note",
    )


LABELS = np.arange(100) % 2 == 1
GOOD = LABELS * 3.0 + np.random.default_rng(1).normal(size=100)
OURS_WITH_LABELS = [f"polar-detect {name} with labels" for name in ("auto", "classifier")]
POOR = LABELS * 0.9 + np.random.default_rng(2).normal(size=100)
CHANCE = np.random.default_rng(3).normal(size=100)
NEARLY_GOOD = np.where(np.arange(100) == np.where(LABELS, GOOD, 9).argmin(), GOOD.min(), GOOD)
LUCKY = LABELS * 0.75 + CHANCE  # AUROC .65, above .5 by its interval
GUESSED = [scored(f"guess {i}", np.random.default_rng(i).normal(size=100)) for i in range(12)]
FAIR = LABELS * 1.2 + np.random.default_rng(4).normal(size=100)
FAIRLY_POOR = LABELS * 1.1 + np.random.default_rng(5).normal(size=100)
FEW_GOOD = np.arange(16) + 16.0 * (np.arange(16) % 2)  # anomalous rows are the odd ones
FEW_POOR = np.where(np.arange(16) == 15, 6.5, FEW_GOOD)


@pytest.fixture(scope="module")
def on_orders(tiny_pair):
    task = orders_task(labelled=True)
    detector = PolarDetector(**tiny_pair, max_tokens=8)
    settings = comparing.Settings(detectors=(detector,), n_resamples=N_RESAMPLES)
    return comparing.compare_detectors(task, settings)


@pytest.mark.slow
def test_texts_are_read_once_for_both_ways_and_times_are_counted_as_if_anew(
    tiny_pair,
    monkeypatch,
):
    task = orders_task(labelled=True)
    rows = [*task.train.texts, *task.test.texts]
    taken, read = [], Extractor.read

    def slow_read(self, texts):
        taken.extend(texts)
        time.sleep(0.01 * len(texts))
        return read(self, texts)

    monkeypatch.setattr(Extractor, "read", slow_read)
    detector = PolarDetector(**tiny_pair, max_tokens=8)
    settings = comparing.Settings(detectors=(detector,), n_resamples=N_RESAMPLES)
    without, with_labels, classifier = comparing.run_methods(task, settings)[-3:]
    assert sorted(taken) == sorted(rows)
    for way in (without, with_labels, classifier):
        assert way.fit_s > 0.01 * len(task.train.texts[:50])
        assert way.s_per_1000 > 10
    monkeypatch.undo()
    alone = PolarDetector(**tiny_pair, max_tokens=8).fit(task.train.texts, task.train.target)
    np.testing.assert_array_equal(with_labels.scores, -alone.score_samples(task.test.texts))
    alone.set_params(detector="classifier").fit(task.train.texts, task.train.target)
    np.testing.assert_array_equal(classifier.scores, -alone.score_samples(task.test.texts))
    assert detector.detector == "auto"  # as it was given
    memory = detector.engine_.extractor.memory  # which is kept with it
    key = detector.engine_.extractor._key(rows[0])
    assert key not in memory
    assert not memory._parts


def test_columns_of_numbers_are_found_and_counters_and_constants_left_out(process):
    task = comparing.read_task(process, None, comparing.Reading("failed"))
    assert task.columns == ("heat [K]", "load", "shift")
    assert task.train.numbers.shape[1] == 2 + 3  # each shift is a column of 0 and 1
    assert any("'run' counts rows" in note for note in task.notes)
    assert task.train.texts[0].startswith("heat [K]: ")
    assert np.isnan(np.concatenate([task.train.numbers, task.test.numbers])).sum() == 1


def test_the_obvious_text_column_is_taken_and_said_and_ids_are_no_numbers(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "order id": rng.permutation(60),
            "hours": rng.integers(1, 9, 60),
            "pounds": rng.permutation(60),  # no two alike, and yet no id by its name
            "note": NORMAL,
        }
    )
    path = tmp_path / "orders.csv"
    frame.assign(y=np.arange(60) % 2).to_csv(path, index=False, encoding="utf-8-sig")
    task = comparing.read_task(path, None, comparing.Reading("y"))
    assert task.text_source == "column 'note'"
    assert task.columns == ("hours", "pounds")
    assert "Column 'order id' counts rows or names them, and was left out." in task.notes
    assert task.template is None
    assert "the texts are read from column 'note'" in " ".join(task.notes)
    assert task.fit_options == "--text-column note --label-column y"
    whole = comparing.read_task(path, None, comparing.Reading("y", columns="hours,note"))
    assert whole.columns == ("hours",)
    assert whole.train.texts[0].startswith("hours: ")
    assert whole.fit_options == "--columns hours,note --label-column y"


def test_a_category_of_several_words_beside_numbers_is_not_taken_for_the_texts(tmp_path):
    rng = np.random.default_rng(0)
    kinds = ["single engine on land", "twin engine on land", "engine at sea"]
    frame = pd.DataFrame({"seats": rng.integers(2, 300, 60), "kind": rng.choice(kinds, 60)})
    path = tmp_path / "planes.csv"
    frame.assign(y=np.arange(60) % 2).to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("y"))
    assert task.text_source == "2 columns written out"
    assert task.train.texts[0].startswith("seats: ")
    assert not any("--text-column" in note for note in task.notes)
    asked = comparing.read_task(path, None, comparing.Reading("y", text_column="kind"))
    assert asked.text_source == "column 'kind'"
    frame[["kind"]].assign(y=np.arange(60) % 2).to_csv(path, index=False)
    alone = comparing.read_task(path, None, comparing.Reading("y"))
    assert alone.text_source == "column 'kind'"


def test_columns_are_found_by_names_in_other_case_width_and_blanks(process, tmp_path):
    as_named = comparing.read_task(process, None, comparing.Reading("failed", columns="heat [K]"))
    reading = comparing.Reading("FAILED", columns="Heat［k］")
    task = comparing.read_task(process, None, reading)
    assert task.train.texts == as_named.train.texts
    assert task.train.target.tolist() == as_named.train.target.tolist()
    assert task.fit_options == "--columns 'heat [K]' --label-column failed"
    said = [note for note in task.notes if "is taken for" in note]
    assert [note.split(": ", 1)[1] for note in said] == [
        "column 'failed' is taken for 'FAILED'.",
        "column 'heat [K]' is taken for 'Heat［k］'.",
    ]
    # Each file by its own names.
    later = tmp_path / "later.csv"
    pd.read_csv(process).rename(columns={"failed": "Failed"}).to_csv(later, index=False)
    both = comparing.read_task(process, later, reading)
    assert both.test.target.tolist() == both.train.target.tolist()
    number = comparing.Reading("HEAT [K]", kind="number", columns="load")
    assert comparing.read_task(process, None, number).train.target.mean() > 0
    with pytest.raises(InputError, match="Got column 'hot'; the table has"):
        comparing.read_task(process, None, comparing.Reading("hot"))


def test_no_column_of_a_test_file_is_read_as_two(tmp_path):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"note": NORMAL, "a": rng.normal(size=len(NORMAL))})
    frame["A"] = rng.normal(size=len(NORMAL))
    frame["y"] = np.arange(len(NORMAL)) % 5 == 0
    frame.to_csv(train, index=False)
    reading = comparing.Reading("y", text_column="note")
    assert comparing.read_task(train, train, reading).columns == ("a", "A")  # control
    frame.drop(columns="A").rename(columns={"a": " a"}).to_csv(test, index=False)
    with pytest.raises(InputError, match=r"Got column 'A'; the table .*test"):
        comparing.read_task(train, test, reading)


def test_a_test_file_may_name_the_columns_that_are_read_otherwise(process, tmp_path):
    frame = pd.read_csv(process).assign(note=[NORMAL[i % 60] for i in range(200)])
    frame.to_csv(process, index=False)
    later = tmp_path / "later.csv"
    names = {"heat [K]": "Heat (K)", "load": " LOAD", "shift": "Shift", "note": "Note"}
    frame.rename(columns=names).to_csv(later, index=False)
    for asked in ({}, {"numeric_columns": "HEAT"}, {"columns": "load,shift,note"}):
        reading = comparing.Reading("failed", **asked)
        task = comparing.read_task(process, later, reading)
        assert task.test.texts == task.train.texts
        np.testing.assert_array_equal(task.test.numbers, task.train.numbers)
        read = {*task.columns} | {"note"}
        said = [f"{later}: column {own!r} is taken for {n!r}." for n, own in names.items()]
        assert [note for note in said if note in task.notes] == [
            note for note, name in zip(said, names, strict=True) if name in read
        ]
    frame.rename(columns={"heat [K]": "heat [℃]"}).to_csv(later, index=False)
    match = r"Got column 'heat \[℃\]' for 'heat \[K\]', whose unit was K when it was fitted on"
    with pytest.raises(InputError, match=match):
        comparing.read_task(process, later, comparing.Reading("failed"))


def test_columns_of_numbers_are_asked_for_beside_those_written_out(process):
    asked = comparing.Reading("failed", columns="load,shift", numeric_columns="heat")
    task = comparing.read_task(process, None, asked)
    assert (task.columns, task.text_source) == (("heat [K]",), "2 columns written out")
    assert any("column 'heat [K]' is taken for 'heat'" in note for note in task.notes)
    none = comparing.read_task(process, None, replace(asked, numeric_columns="none"))
    assert (none.columns, none.train.texts) == ((), task.train.texts)


def test_a_number_to_predict_may_have_its_unit_or_a_triangle(process, tmp_path):
    reading = comparing.Reading("heat [K]", kind="number", columns="load,shift")
    whole = comparing.read_task(process, None, reading)
    cell = pd.read_csv(process, dtype=str)["heat [K]"][5]
    cells = {(5, "heat [K]"): f"▲{cell}", (6, "heat [K]"): "301.5K"}
    path = with_cells(process, tmp_path / "a.csv", cells)
    task = comparing.read_task(path, path, reading)
    for rows in (task.train, task.test):
        assert rows.target[5] == -whole.train.target[5] < 0
        assert rows.target[6] == 301.5
    read = f"column 'heat [K]': ▲{cell} is read as -{cell} (1 cell of this kind)"
    assert f"Read otherwise than written: {read}." in task.notes


def test_rows_without_a_number_to_predict_are_counted_and_words_among_them_named(process, tmp_path):
    reading = comparing.Reading("heat [K]", kind="number", columns="load,shift")
    cells = {(5, "heat [K]"): "", (6, "heat [K]"): "測定不能"}
    path = with_cells(process, tmp_path / "a.csv", cells)
    task = comparing.read_task(path, path, reading)
    assert len(task.train) == len(task.test) == 198
    said = "rows left out, as column 'heat [K]' has no number there: 2."
    assert [note for note in task.notes if "left out" in note] == [f"{path}: {said}"] * 2
    assert Language("ja").compared(f"a.csv: {said}") == (
        "a.csv: 列'heat [K]'に数値がないため、2行を除きました。"
    )
    assert not any("left out" in n for n in comparing.read_task(process, None, reading).notes)
    broken = with_cells(process, path, {(7, "heat [K]"): "broke"})
    with pytest.raises(InputError, match=r"with cells that are not numbers, such as 'broke'; exp"):
        comparing.read_task(broken, None, reading)
    empty = with_cells(process, path, {(i, "heat [K]"): "" for i in range(200)})
    with pytest.raises(InputError, match=r"Got column 'heat \[K\]' of .* without any number; exp"):
        comparing.read_task(empty, None, reading)


def test_lines_of_empty_cells_below_a_table_are_no_normal_rows(process, tmp_path):
    frame = pd.read_csv(process, dtype=str).drop(columns="failed")
    numbered = frame.assign(shot=[f"S{i:05}" for i in range(len(frame))])
    path, below = tmp_path / "a.csv", "," * frame.shape[1] + "\n"
    path.write_text(numbered.to_csv(index=False) + below * 3)
    test = tmp_path / "b.csv"
    labelled = numbered.assign(failed=[0, 1] * (len(frame) // 2), shot=numbered["shot"] + "b")
    labelled.to_csv(test, index=False)
    task = comparing.read_task(path, test, comparing.Reading("failed"))
    assert len(task.train) == len(frame)
    assert "shot" not in task.columns


def test_the_options_of_fit_read_the_rows_as_they_were_read(tmp_path):
    name, rng = '"net" load, x', np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=60), "圧力": rng.normal(size=60)})
    path = tmp_path / "a.csv"
    frame.assign(y=[0, 1] * 30).to_csv(path, index=False, encoding="cp932")
    reading = comparing.Reading("y", options=ReadOptions(encoding="cp932"))
    task = comparing.read_task(path, None, reading)
    options = shlex.split(task.fit_options)
    assert options[2:] == ["--label-column", "y", "--encoding", "cp932"]
    assert options[0] == "--columns"
    assert RowColumns(options[1]).choose([*frame.columns]) == [*frame.columns]
    lineup = Lineup.of(task, [PolarDetector("texts", model="a model", max_tokens=64)])
    assert lineup.model_options == "--model 'a model' --max-tokens 64"


def test_the_options_of_fit_say_whether_texts_are_read_in_passages(tmp_path):
    (tmp_path / "a.csv").write_text("text,y\n" + "oil leak,0\nfuse blown,1\n" * 30)
    task = comparing.read_task(tmp_path / "a.csv", None, comparing.Reading("y"))
    lineup = Lineup.of(task, [PolarDetector("texts", passages=True, max_tokens=64)])
    assert lineup.model_options == "--passages --max-tokens 64"


@pytest.mark.slow
def test_the_options_of_fit_name_no_column_of_a_wide_table_that_is_read_whole(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "wide.csv"
    wide = pd.DataFrame(rng.normal(size=(60, 21)), columns=[f"c{i}" for i in range(21)])
    labels, reading = np.arange(60) % 5 == 0, comparing.Reading("y")
    wide.assign(y=labels).to_csv(path, index=False)
    task = comparing.read_task(path, None, reading)
    assert task.fit_options == "--all-columns --label-column y"
    as_fit_reads = read_table(path, rows=RowColumns(), label_column="y")
    assert task.template.names == as_fit_reads.template.names
    # Not where fit would read more columns: a constant, or labels that are all normal.
    wide.assign(y=labels, c=7).to_csv(path, index=False)
    assert comparing.read_task(path, None, reading).fit_options.startswith("--columns c0,c1,")
    normal, test = tmp_path / "normal.csv", tmp_path / "test.csv"
    wide.assign(y=labels).to_csv(test, index=False)
    wide.assign(y=False).to_csv(normal, index=False)
    assert comparing.read_task(normal, test, reading).fit_options.startswith("--columns c0,")
    wide.to_csv(normal, index=False)
    assert comparing.read_task(normal, test, reading).fit_options == "--all-columns"


def test_a_table_with_labels_can_come_from_stdin(process, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(process.read_bytes())))
    task = comparing.read_task(Path("-"), None, comparing.Reading("failed"))
    assert len(task.train) == 120
    assert task.train.target.any()


def test_a_sheet_is_read_by_name(process, tmp_path):
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"about": ["this book"]}).to_excel(book, sheet_name="about", index=False)
        pd.read_csv(process).to_excel(book, sheet_name="runs", index=False)
    reading = comparing.Reading("failed", options=ReadOptions(sheet="runs"))
    task = comparing.read_task(path, None, reading)
    assert task.columns == ("heat [K]", "load", "shift")
    assert task.fit_options.endswith("--label-column failed --sheet runs")
    normal = pd.read_csv(process)
    normal = normal[normal["failed"] == 0].drop(columns="failed")
    normal.to_csv(tmp_path / "normal.csv", index=False)
    found = comparing.read_task(tmp_path / "normal.csv", path, reading)  # without labels: normal
    assert (found.columns, found.train.target.any()) == (task.columns, False)
    both = comparing.read_task(process, path, reading)  # a sheet is of the workbook only
    assert both.fit_options.endswith("--label-column failed")
    assert both.test.texts == both.train.texts
    with pytest.raises(InputError, match="which is no spreadsheet"):
        comparing.read_task(process, None, reading)


def test_a_record_of_the_failure_is_told_from_a_measurement(tmp_path):
    rng = np.random.default_rng(0)
    failed = np.arange(400) % 20 == 0
    frame = pd.DataFrame(
        {
            "torque": rng.normal(0, 1, 400) + failed,
            "gear": rng.integers(1, 6, 400),
            "cause": np.where(failed, rng.choice(["heat", "wear"], 400), "none"),
            "failed": failed.astype(int),
        }
    )
    path = tmp_path / "states.csv"
    frame.to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("failed", test_share=0.3))
    assert task.telling == ("cause",)
    assert task.columns == ("torque", "gear", "cause")


@pytest.mark.parametrize("is_filled_in", [True, False])
def test_a_column_that_is_filled_in_or_empty_only_after_a_failure_gives_it_away(
    tmp_path, is_filled_in
):
    rng = np.random.default_rng(0)
    failed = np.arange(400) % 20 == 0
    minutes, torque = rng.integers(20, 300, 400), rng.normal(0, 1, 400)
    frame = pd.DataFrame({
        "torque": np.where(rng.random(400) < 0.1, np.nan, torque),  # control
        "repair": np.where(failed == is_filled_in, minutes, np.nan),
        "failed": failed.astype(int),
    })  # fmt: skip
    path = tmp_path / "repairs.csv"
    frame.to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("failed"))
    assert (task.columns, task.telling) == (("torque", "repair"), ("repair",))
    # Where half of the others are empty too, it may be so by chance.
    frame["repair"] = np.where(failed | (np.arange(400) % 2 == 0), np.nan, minutes)
    frame.to_csv(path, index=False)
    assert comparing.read_task(path, None, comparing.Reading("failed")).telling == ()


@pytest.mark.parametrize(("n_anomalous", "is_telling"), [(5, True), (4, False)])
def test_five_anomalous_rows_are_as_few_as_can_tell_of_a_column(tmp_path, n_anomalous, is_telling):
    rng = np.random.default_rng(0)
    failed = np.arange(400) < n_anomalous
    frame = pd.DataFrame({
        "torque": rng.normal(0, 1, 400), "cause": np.where(failed, "heat", "none"),
        "failed": failed.astype(int),
    })  # fmt: skip
    path, test = tmp_path / "a.csv", tmp_path / "b.csv"
    frame.to_csv(path, index=False)
    frame[:20].to_csv(test, index=False)
    task = comparing.read_task(path, test, comparing.Reading("failed"))
    assert task.telling == (("cause",) if is_telling else ())


@pytest.mark.parametrize("is_filled_in", [True, False])
def test_a_category_of_many_values_that_is_filled_in_after_a_failure_gives_it_away(
    tmp_path, is_filled_in
):
    rng = np.random.default_rng(0)
    failed = np.arange(400) % 10 == 0
    cause = rng.choice([f"cause {i}" for i in range(15)], 400)
    frame = pd.DataFrame({
        "site": np.where(rng.random(400) < 0.1, "", rng.choice(["A", "B"], 400)),  # control
        "cause": np.where(failed == is_filled_in, cause, ""),
        "torque": rng.normal(0, 1, 400),
        "failed": failed.astype(int),
    })  # fmt: skip
    path = tmp_path / "causes.csv"
    frame.to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("failed"))
    assert (task.columns, task.telling) == (("torque", "site", "cause"), ("cause",))


def test_columns_that_give_a_number_away_are_told_and_said_in_both_languages(tmp_path):
    rng = np.random.default_rng(0)
    heat = rng.normal(20, 5, 200).round(1)
    frame = pd.DataFrame({
        "like it": (heat + rng.normal(0, 1, 200)).round(1),  # control
        "in other unit": (-32 - 1.8 * heat).round(),
        "shift": rng.choice(["early", "late"], 200),  # control
        "heat": heat,
        "rare": np.where(np.arange(200) < 3, np.arange(200.0), np.nan),  # control
    })  # fmt: skip
    path = tmp_path / "heat.csv"
    frame.to_csv(path, index=False)
    reading = comparing.Reading("heat", kind="number")
    task = comparing.read_task(path, None, reading)
    assert task.columns == ("like it", "in other unit", "rare", "shift")
    assert task.telling == ("in other unit",)
    frame["heat"] = rng.choice([1, 2, 3], 200)
    frame["in words"] = frame["heat"].map({1: "good", 2: "bad", 3: "fair"})
    frame.to_csv(path, index=False)
    assert comparing.read_task(path, None, reading).telling == ("in words",)
    results = tuple(predicted(rng.normal(size=40)))
    for telling, they in ((("a",), "'a' gives"), (("a", "b"), "'a', 'b' give")):
        found = comparing.Predictions(
            results=results, n_rows=40, n_folds=5, target="y", text_source="column 'text'",
            columns=(), notes=(), telling=telling,
        )  # fmt: skip
        first = tabulate.PredictionTable(found).advice()[0]
        assert first.startswith(f"Careful: {they} the number away in these rows.")
        assert is_japanese(Language("ja").compared(first))


def test_a_test_file_without_a_row_of_text_and_number_is_refused(tmp_path):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    pd.DataFrame({"note": NORMAL, "y": range(len(NORMAL))}).to_csv(train, index=False)
    pd.DataFrame({"note": ["oil", ""], "y": ["", 1]}).to_csv(test, index=False)
    reading = comparing.Reading("y", kind="number", text_column="note")
    with pytest.raises(InputError, match=r"Got no row of .*test\.csv with both a text and a numb"):
        comparing.read_task(train, test, reading)
    pd.DataFrame({"note": ["oil", "leak"], "y": ["", 1]}).to_csv(test, index=False)
    assert comparing.read_task(train, test, reading).test.texts == ["leak"]  # control


def test_an_encoding_is_meant_for_the_text_file_beside_a_workbook(tmp_path):
    train, test = tmp_path / "train.xlsx", tmp_path / "test.csv"
    frame = pd.DataFrame({"記録": ["ポンプの点検", "弁の交換"] * 3, "y": [0, 0, 1, 1, 0, 1]})
    frame.to_excel(train, index=False)
    frame.to_csv(test, index=False, encoding="euc_jp")
    options = ReadOptions(encoding="euc_jp")
    reading = comparing.Reading("y", text_column="記録", options=options)
    for paths, said in (((train, test), False), ((test, train), True)):
        task = comparing.read_task(*paths, reading)
        assert task.train.texts == task.test.texts == [*frame["記録"]]
        assert ("--encoding euc_jp" in task.fit_options) == said
    with pytest.raises(InputError, match="a format with its own"):
        comparing.read_task(train, train, reading)


def test_a_single_file_is_split_by_class_with_a_seed_and_without_overlap(process):
    def parts(seed):
        task = comparing.read_task(process, None, comparing.Reading("failed", seed=seed))
        return task.train, task.test

    (train, test), (again, _), (other, _) = parts(0), parts(0), parts(1)
    assert len(train) == 120
    assert len(test) == 80
    assert abs(train.target.mean() - test.target.mean()) < 0.02
    # By their numbers: as texts, rows are rounded, so that two may read the same.
    assert not {row.tobytes() for row in train.numbers} & {row.tobytes() for row in test.numbers}
    assert train.texts == again.texts
    assert train.texts != other.texts


def test_rows_that_only_read_the_same_are_no_overlap_and_equal_rows_are(process, tmp_path):
    task = comparing.read_task(process, None, comparing.Reading("failed"))
    assert set(task.train.texts) & set(task.test.texts)  # rounded
    assert not any("among the training rows" in note for note in task.notes)
    path = tmp_path / "again.csv"
    pd.read_csv(process).groupby("failed").head(5).to_csv(path, index=False)
    task = comparing.read_task(process, path, comparing.Reading("failed"))
    assert "10 of 10 test rows are among the training rows" in task.notes[-1]


def test_rows_of_words_alone_overlap_only_where_they_say_the_same(tmp_path):
    path = tmp_path / "words.csv"
    words = ["pump leaks oil", "belt is torn", "valve stuck shut"]
    frame = pd.DataFrame({
        "note": [f"{words[i % 3]} at site {i}" for i in range(60)],
        "cause": [f"{words[i % 3]} since day {i}" for i in range(60)],
        "y": [int(i % 5 == 0) for i in range(60)],
    })  # fmt: skip
    frame.to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("y", columns="note,cause"))
    assert task.columns == ()
    assert not any("among the training rows" in note for note in task.notes)
    pd.concat([frame, frame]).to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("y", columns="note,cause"))
    assert "test rows are among the training rows" in task.notes[-1]


def with_cells(source, path, cells):
    """Write the table again with other cells, by row and column."""
    frame = pd.read_csv(source, dtype=str)
    for (row, column), cell in cells.items():
        frame.loc[row, column] = cell
    frame.to_csv(path, index=False)
    return path


def test_cells_that_say_missing_or_a_few_words_leave_a_column_of_numbers_in(process, tmp_path):
    whole = comparing.read_task(process, None, comparing.Reading("failed"))
    name = whole.columns[0]
    cells = {(3, name): "N/A", (60, name): "-", (61, name): "測定不可"}
    task = comparing.read_task(
        with_cells(process, tmp_path / "a.csv", cells), None, comparing.Reading("failed")
    )
    assert task.columns == whole.columns
    assert np.isnan([*task.train.numbers[:, 0], *task.test.numbers[:, 0]]).sum() == 3
    assert not any("no number" in note for note in task.notes)
    path = with_cells(process, tmp_path / "b.csv", cells | {(7, name): "ERR"})
    task = comparing.read_task(path, None, comparing.Reading("failed"))
    assert task.columns == whole.columns
    assert any(f"1 cell of column {name!r} is no number, such as 'ERR'" in n for n in task.notes)


def test_the_unit_that_training_cells_have_behind_them_is_no_word(process, tmp_path):
    whole = comparing.read_task(process, process, comparing.Reading("failed"))
    frame = pd.read_csv(process, dtype=str)
    name = "load"  # whose name says no unit
    frame[name] += "kPa"
    frame.to_csv(tmp_path / "a.csv", index=False)
    path = with_cells(tmp_path / "a.csv", tmp_path / "test.csv", {(3, name): "5MPa"})
    task = comparing.read_task(tmp_path / "a.csv", path, comparing.Reading("failed"))
    assert task.columns == whole.columns
    np.testing.assert_array_equal(task.train.numbers, whole.train.numbers)
    assert np.isnan(task.test.numbers[3, whole.columns.index(name)])
    assert any(f"1 cell of column {name!r} is no number, such as '5MPa'" in n for n in task.notes)
    frame[name] = frame[name].str.replace("kPa", "MPa")
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"Got column .load. of .*test\.csv with cells that are"):
        comparing.read_task(tmp_path / "a.csv", path, comparing.Reading("failed"))


def test_a_triangle_that_means_minus_is_read_and_noted(process, tmp_path):
    whole = comparing.read_task(process, process, comparing.Reading("failed"))
    cell = pd.read_csv(process, dtype=str)["heat [K]"][5]
    path = with_cells(process, tmp_path / "a.csv", {(5, "heat [K]"): f"▲{cell}"})
    task = comparing.read_task(path, path, comparing.Reading("failed"))
    j = whole.columns.index("heat [K]")
    for rows, own in ((task.train, whole.train), (task.test, whole.test)):
        assert rows.numbers[5, j] == -own.numbers[5, j] < 0
    read = f"column 'heat [K]': ▲{cell} is read as -{cell} (1 cell of this kind)"
    assert f"Read otherwise than written: {read}." in task.notes
    asked = comparing.Reading("failed", numeric_columns="heat [K]")
    assert any("is read as -" in note for note in comparing.read_task(path, None, asked).notes)


def test_a_test_file_may_hold_words_among_its_numbers(process, tmp_path):
    name = comparing.read_task(process, None, comparing.Reading("failed")).columns[0]
    words = {(row, name): "ERR" for row in range(30)}
    path = with_cells(process, tmp_path / "test.csv", words | {(40, name): "N/A"})
    task = comparing.read_task(process, path, comparing.Reading("failed"))
    assert np.isnan(task.test.numbers[:, 0]).sum() == 31
    assert not np.isnan(task.train.numbers[:, 0]).any()
    assert any(f"test.csv: 30 cells of column {name!r} are no numbers" in n for n in task.notes)


def test_a_column_of_numbers_and_many_words_is_said_to_be_left_out(process, tmp_path):
    whole = comparing.read_task(process, None, comparing.Reading("failed"))
    name = whole.columns[0]
    words = {(row, name): f"word {row}" for row in range(30)}
    path = with_cells(process, tmp_path / "a.csv", words)
    task = comparing.read_task(path, None, comparing.Reading("failed"))
    assert name not in task.columns
    expected = f"Column {name!r} was left out: 85 % of its cells are numbers, others such as"
    assert any(note.startswith(expected) for note in task.notes)
    asked = comparing.Reading("failed", columns=f"{name},{whole.columns[1]}")
    task = comparing.read_task(path, None, asked)
    assert any(note.startswith(f"Column {name!r} is read as text: 85 %") for note in task.notes)
    # A column of words with a few numbers is none of numbers.
    path = with_cells(process, path, {(row, name): f"word {row}" for row in range(150)})
    task = comparing.read_task(path, None, comparing.Reading("failed"))
    assert [note for note in task.notes if repr(name) in note] == [
        "Left out, as neither numbers nor few values that come again are there: "
        f"{name!r}; --columns reads them as text."
    ]


def test_every_column_that_no_method_reads_is_named_with_why(process, tmp_path):
    frame = pd.read_csv(process, dtype=str, keep_default_na=False)
    path, n = tmp_path / "a.csv", len(frame)
    unread = {"7.0": ["7", "7.0"] * 100, "none": "", "seen": ["x", *[""] * (n - 1)]}
    unread |= {f"word {k}": [f"of row {i}" for i in range(n)] for k in range(12)}
    words = ", ".join(repr(f"word {k}") for k in range(10))
    frame.assign(**unread).to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("failed"))
    assert task.columns == ("heat [K]", "load", "shift")
    assert [note for note in task.notes if note.startswith("Left out")] == [
        "Left out, as all rows say the same there, or nothing: 'site', 'constant', '7.0', "
        "'none', 'seen'.",
        "Left out, as neither numbers nor few values that come again are there: "
        f"{words} and 2 more; --columns reads them as text.",
    ]
    asked = comparing.Reading("failed", columns="load,word 1")
    assert not any("Left out" in note for note in comparing.read_task(path, None, asked).notes)


def test_dates_and_codes_are_left_out_and_warned_of_where_they_are_asked_for(process, tmp_path):
    frame, path = pd.read_csv(process), tmp_path / "dated.csv"
    frame["day"] = [f"2026-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(200)]
    frame["week"] = [f"2026-01-{7 * (i // 50) + 1:02}" for i in range(200)]
    frame["digits"] = [20260101 + i % 25 for i in range(200)]
    frame["total"] = [2.5 * i + i % 2 for i in range(200)]
    frame.assign(lot=[f"L-{i:04}" for i in range(200)]).to_csv(path, index=False)
    said = (
        "Left out, as dates, times, codes and running totals of new rows were never seen before: "
        "'day', 'week', 'digits', 'total', 'lot'."
    )
    free = comparing.read_task(path, None, comparing.Reading("failed"))
    assert said in free.notes
    assert free.columns == ("heat [K]", "load", "shift")
    assert not any("leave it out" in note for note in free.notes)
    asked = comparing.Reading("failed", columns="day,load,shift")
    notes = comparing.read_task(path, None, asked).notes
    warned = [
        f"{path}: column 'day' holds dates, and those of new rows are all new; leave it out with "
        "--columns.",
        f"{path}: to read no such column pass --columns load,shift.",
    ]
    assert [note for note in notes if "--columns" in note] == warned
    told = [Language("ja").compared(note).replace(str(path), "") for note in (said, *warned)]
    assert all(map(is_japanese, told))


def test_the_names_of_many_columns_do_not_flood_the_page():
    names = tuple(f"c{i}" for i in range(21))
    found = compared(scored("kNN", GOOD), scored("x", POOR))
    said = [
        next(c for c in MethodTable(replace(found, columns=own)).conditions() if "categories" in c)
        for own in (names, names[:20])
    ]
    assert said[0].endswith("c18, c19 and 1 more.")
    assert said[1].endswith("c18, c19.")
    assert Language("ja").compared(said[0]).endswith("c19 ほか1件。")
    assert MethodTable(replace(found, columns=names)).as_json()["columns"] == names


def test_thinned_rows_keep_the_share_of_each_class(process):
    reading = comparing.Reading("failed", test_share=0.5, max_rows=50)
    task = comparing.read_task(process, None, reading)
    whole = comparing.read_task(process, None, comparing.Reading("failed", test_share=0.5))
    assert len(task.train) == pytest.approx(50, abs=1)
    assert task.train.target.mean() == pytest.approx(whole.train.target.mean(), abs=0.02)
    assert any("50 of 100 training rows were drawn" in note for note in task.notes)


def test_a_training_file_without_the_label_column_is_all_normal(tmp_path):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    pd.DataFrame({"text": NORMAL}).to_csv(train, index=False)
    pd.DataFrame({"text": NORMAL[:5] + STRANGE, "y": [0] * 5 + [1] * 4}).to_csv(test, index=False)
    task = comparing.read_task(train, test, comparing.Reading("y", text_column="text"))
    assert not task.train.target.any()
    assert task.test.target.sum() == 4
    assert "5 of 9 test rows have a text that is among the training rows" in task.notes[-1]


def test_a_training_file_without_the_label_column_can_come_from_stdin(process, monkeypatch):
    frame = pd.read_csv(process)
    rows = frame[frame["failed"] == 0].drop(columns="failed").to_csv(index=False)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(rows.encode())))
    task = comparing.read_task(Path("-"), process, comparing.Reading("failed"))
    assert len(task.train) == (frame["failed"] == 0).sum()
    assert task.test.target.any()


@pytest.mark.parametrize(
    ("name", "training", "test", "kind", "message"),
    [
        (
            "a.csv",
            "text,y\nold pump,0\n",
            "text\noil\n",
            "label",
            "'y'; .*: text. .*--label-column",
        ),
        ("a.csv", "text\nold pump\n", "text,y\noil,1\n", "number", "'y'; .*: text. Pass --target"),
        ("a.txt", "old pump\n", "text,y\noil,0\n", "label", "--label-column 'y' .* each line is"),
        ("a.csv", "text\nold pump\n", "note,y\noil,0\n", "label", "'text'; .* Pass --text-column"),
        ("a.csv", "text\nold pump\n", "text,y\n,0\n", "label", r"no text in .* of .*test\.csv"),
    ],
    ids=["no labels to test on", "no numbers to learn", "lines", "other texts", "no text"],
)
def test_files_that_do_not_fit_the_task_are_refused(tmp_path, name, training, test, kind, message):
    paths = tmp_path / name, tmp_path / "test.csv"
    for path, content in zip(paths, (training, test), strict=True):
        path.write_text(content)
    with pytest.raises(InputError, match=f"Got .*{message}"):
        comparing.read_task(*paths, comparing.Reading("y", kind=kind))


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        ({"numeric_columns": "site"}, "Got column 'site' of .* that are not numbers, such as 'A';"),
        ({"numeric_columns": "hot"}, "Got column 'hot'; the table has: run, heat.* --numeric-col"),
        ({"numeric_columns": "load,Load"}, "Got column 'load' twice in --numeric-columns"),
        ({"numeric_columns": "load,failed"}, "Got column 'failed' in --numeric-columns, which is"),
        ({"columns": "load,Failed"}, "Got column 'failed' in --columns, which is what is to be"),
        ({"kind": "number", "text_column": "failed"}, "Got column 'failed' in --text-column, whi"),
        ({"columns": "hot"}, "Got column 'hot'; the table has: run, heat"),
        ({"numeric_columns": "none"}, "neither a text column nor a column of numbers"),
        ({"target": "fail"}, "Got column 'fail'"),
        ({"text_column": "note"}, "Got column 'note'"),
    ],
)
def test_columns_that_do_not_serve_are_refused(process, reading, message):
    with pytest.raises(InputError, match=message):
        comparing.read_task(process, None, comparing.Reading(**{"target": "failed"} | reading))


def test_rows_without_a_label_are_no_rows_and_are_noted(tmp_path):
    path = tmp_path / "a.csv"
    frame = pd.DataFrame({"text": NORMAL[:20], "y": ["正常", "異常", "", "正常"] * 5})
    path.write_text(frame.to_csv(index=False) + "oil,正常,3\n")
    task = comparing.read_task(path, None, comparing.Reading("y", text_column="text"))
    rows = [*task.train.texts, *task.test.texts]
    assert sorted(rows) == sorted(frame["text"][frame["y"] != ""])
    assert int(task.train.target.sum() + task.test.target.sum()) == 5
    assert f"{path}: rows left out, as column 'y' is empty there: 5." in task.notes
    assert f"{path}: 1 of 21 rows could not be read." in task.notes


def test_a_file_of_one_class_is_refused(tmp_path):
    path = tmp_path / "one.csv"
    pd.DataFrame({"text": NORMAL, "y": 0}).to_csv(path, index=False)
    with pytest.raises(InputError, match="Got 60 normal and 0 anomalous rows to test on"):
        comparing.read_task(path, None, comparing.Reading("y", text_column="text"))


def test_the_table_holds_every_method_once_best_first(on_orders):
    names = [result.method.title for result in on_orders.results]
    assert len(names) == len(set(names)) == 11
    ours = {"polar-detect auto", *OURS_WITH_LABELS}
    assert {"kNN on TF-IDF", "LightGBM on MiniLM"} | ours <= set(names)
    values = [result.figures[AUROC].value for result in on_orders.results]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.9
    for result in on_orders.results:
        name = result.method.name
        learns = name.startswith(("LightGBM", "random forest")) or name.endswith(" with labels")
        assert result.method.is_supervised == learns
        auroc = result.figures[AUROC]
        assert auroc.low <= auroc.value <= auroc.high
        gap = result.to_best_baseline
        assert (gap is None) == (result is on_orders.best_baseline)
        assert gap is None or gap.difference == pytest.approx(
            auroc.value - on_orders.best_baseline.figures[AUROC].value
        )
        assert result.fit_s > 0


@pytest.fixture
def numbers_only(monkeypatch):
    """Leave the views of texts out, to save time."""
    monkeypatch.setattr(detection, "choose_views", lambda *_: [Numbers()])


HUGE = {(5, "heat [K]"): "1.7e308", (6, "heat [K]"): "-1.7e308", (7, "heat [K]"): "1e40"}


@pytest.mark.slow
def test_numbers_of_any_size_are_compared_and_said(process, tmp_path, numbers_only):  # noqa: ARG001
    path = with_cells(process, tmp_path / "test.csv", HUGE)
    for train, test in ((process, path), (path, process), (path, path)):
        task = comparing.read_task(train, test, comparing.Reading("failed"))
        scored_rows = comparing.run_methods(task, comparing.Settings(detectors=()))
        assert all(np.isfinite(one.scores).all() for one in scored_rows)
        said = "3 cells of column 'heat [K]' beyond 1e+30; for the baselines no number is larger."
        assert any(note.endswith(said) for note in task.notes)
    reading = comparing.Reading("heat [K]", kind="number")
    match = r"Got 1\.7e\+308 in line 7, column 'heat \[K\]', of .*test\.csv; expected numbers to p"
    with pytest.raises(InputError, match=match):
        comparing.read_task(path, None, reading)


@pytest.mark.slow
def test_test_labels_change_no_score(numbers_only):  # noqa: ARG001
    task = numbers_task()
    settings = comparing.Settings(detectors=())
    before = comparing.run_methods(task, settings)
    task.test.target[:] = ~task.test.target
    after = comparing.run_methods(task, settings)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
    task.train.target[:3] = ~task.train.target[:3]  # control: training labels do
    changed = comparing.run_methods(task, settings)
    assert any((a.scores != b.scores).any() for a, b in zip(before, changed, strict=True))


def test_what_does_not_learn_from_labels_sees_no_anomalous_row(numbers_only, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(detection, "BASELINES", (BASELINES[0], BASELINES[3]))
    task = numbers_task()
    alone = replace(task, train=task.train.take(np.flatnonzero(~task.train.target)))
    settings = comparing.Settings(detectors=())
    with_anomalies, without = (comparing.run_methods(t, settings) for t in (task, alone))
    assert [one.method.is_supervised for one in with_anomalies] == [True, False]
    for one, other in zip(with_anomalies, without, strict=True):
        assert (one.scores == other.scores).all() == (not one.method.is_supervised)
    # As whoever does without labels would run it.
    scaler = StandardScaler().fit(alone.train.numbers)
    index = NearestNeighbors(n_neighbors=5).fit(scaler.transform(alone.train.numbers))
    apart = index.kneighbors(scaler.transform(task.test.numbers))[0].mean(1)
    np.testing.assert_allclose(with_anomalies[1].scores, apart, rtol=1e-12)


@pytest.mark.slow
def test_without_labels_forests_of_trees_learn_from_shuffled_columns(numbers_only):  # noqa: ARG001
    task = numbers_task(n_anomalous=0)
    found = {
        (s.method.name, s.method.view): s
        for s in comparing.run_methods(task, comparing.Settings(detectors=()))
    }
    assert not any(s.method.is_supervised for s in found.values())
    for name in ("LightGBM", "random forest"):
        scores = found[name, "numbers"].scores
        assert metrics.auroc(task.test.target, scores) > 0.8


@pytest.mark.parametrize("n", [4, 5])
def test_labelled_rows_that_are_too_few_for_any_method_are_said(n, numbers_only, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(detection, "BASELINES", BASELINES[:1])
    settings = comparing.Settings(detectors=(), n_resamples=N_RESAMPLES)
    notes = comparing.compare_detectors(numbers_task(n_anomalous=n), settings).notes
    said = (
        "Labelled anomalous training rows: 4; here methods learn from 5 or more, `fit` from three."
    )
    assert [note for note in notes if "abelled" in note] == [said] * (n < 5)


@pytest.mark.parametrize("is_supervised", [False, True])
def test_who_shall_do_without_labels_is_told_to_leave_the_anomalous_rows_out(is_supervised):
    free = scored("polar-detect auto", GOOD, is_ours=True)
    learned = scored("polar-detect auto with labels", GOOD, is_ours=True, is_supervised=True)
    ours = (learned, free) if is_supervised else (free, learned)
    found = replace(compared(*ours, scored("kNN", POOR)), n_train=(50, 9))
    said = " ".join(comparing.advise(found))
    assert ("with labels. It is" in said) == is_supervised
    assert ("leave the anomalous rows out of TRAIN, and polar-detect fit" in said) != is_supervised
    assert "polar-detect fit TRAIN --text-column note --detector auto --out FOLDER." in said


@pytest.mark.parametrize(("n_anomalous", "is_said"), [(0, False), (3, True)])
def test_anomalous_rows_too_few_to_compare_with_are_left_out_too(n_anomalous, is_said):
    ours = scored("polar-detect columns", GOOD, is_ours=True)
    found = replace(compared(ours, scored("kNN", POOR)), n_train=(50, n_anomalous))
    said = " ".join(comparing.advise(found))
    assert ("leave the anomalous rows out of TRAIN, and polar-detect fit" in said) == is_said


def test_what_finds_other_kinds_too_is_recommended_before_a_classifier_that_is_hardly_better():
    narrow, wide = (
        scored(f"polar-detect {name} with labels", scores, is_ours=True, is_supervised=True)
        for name, scores in (("classifier", GOOD), ("auto", NEARLY_GOOD))
    )
    found = compared(narrow, wide, scored("kNN", POOR))
    assert found.best.method == narrow.method
    advice = " ".join(comparing.advise(found))
    why = "as good as the best for any practical end, and finds other kinds than labelled too."
    assert f"Recommendation: use polar-detect auto with labels. It is {why}" in advice
    said = " ".join(map(Language("ja").compared, comparing.advise(found)))
    assert "推奨：polar-detect auto（ラベルあり）。理由：実用上は最良の手法と同等で、" in said
    forest = scored("forest", NEARLY_GOOD, cost=narrow.method.cost, is_supervised=True)
    beside = compared(narrow, forest, scored("kNN", POOR))
    advice = " ".join(comparing.advise(beside))
    why = "as good as the best for any practical end, and simpler."
    assert f"Recommendation: use forest on numbers. It is {why}" in advice
    clear = compared(narrow, scored(wide.method.name, POOR, is_ours=True), scored("kNN", POOR))
    advice = " ".join(comparing.advise(clear))  # control
    assert "Recommendation: use polar-detect classifier with labels." in advice
    assert "polar-detect fit TRAIN --text-column note --detector classifier --out FOLDER." in advice


def test_the_cheapest_as_good_is_recommended():
    found = compared(scored("LightGBM", GOOD, cost=Cost.ENCODER), scored("kNN", GOOD - 1e-9))
    assert [result.method.name for result in find_as_good(found)] == ["kNN", "LightGBM"]
    advice = " ".join(MethodTable(found).advice())
    assert "Recommendation: use kNN on numbers." in advice
    assert "Next: kNN by hand; polar-detect is not needed." in advice


@pytest.mark.parametrize("seconds", [(0.1, 9.0, 90.0, 900.0), (900.0, 90.0, 9.0, 0.1)])
def test_what_is_recommended_rests_on_what_runs_and_not_on_seconds(seconds):
    found = compared(
        scored("LightGBM", GOOD, s_per_1000=seconds[0], cost=Cost.ENCODER),
        scored("kNN", NEARLY_GOOD, s_per_1000=seconds[1], cost=Cost.ENCODER),
        scored("LOF", NEARLY_GOOD, s_per_1000=seconds[2], cost=Cost.LANGUAGE_MODEL),
    )
    assert [result.method.name for result in find_as_good(found)] == ["LightGBM", "kNN", "LOF"]
    runs = "runs the sentence encoder alone; none of 3 that are as good does with less."
    why = f"It is the best, and {runs}"
    assert f"use LightGBM on numbers. {why}" in " ".join(MethodTable(found).advice())
    tree = scored("tree", NEARLY_GOOD, s_per_1000=seconds[3])
    for more, rank in (((), "the cheapest of 2"), ((tree,), "among the cheapest of 3")):
        best = scored("LightGBM", GOOD, s_per_1000=seconds[0], cost=Cost.ENCODER)
        found = compared(best, scored("kNN", NEARLY_GOOD, s_per_1000=seconds[1]), *more)
        why = f"It is as good as the best for any practical end, and {rank} that are (it runs no "
        assert f"use kNN on numbers. {why}" in " ".join(MethodTable(found).advice())


@pytest.mark.parametrize(("own", "dearer"), [(0.1, 50.0), (50.0, 0.1)])
def test_seconds_are_said_only_where_they_bear_out_that_a_method_costs_less(own, dearer):
    saved = ", 0.1 s instead of 50 s per 1,000 rows" if own < dearer else ""
    best = scored("LightGBM", GOOD, s_per_1000=dearer, cost=Cost.ENCODER)
    chosen = compared(best, scored("kNN", NEARLY_GOOD, s_per_1000=own))
    poorer = compared(
        scored("polar-detect auto", FEW_GOOD, s_per_1000=dearer, is_ours=True),
        scored("kNN", FEW_POOR, s_per_1000=own),
        n=16,
    )
    for found, said, japanese in (
        (chosen, "the cheapest of 2 that are (it runs no model{}).", "計算が最も軽い（{}）"),
        (poorer, " and costs less (it runs no model{}); more", "計算が軽く（{}）"),
    ):
        advice = MethodTable(found).advice()
        assert said.format(saved) in " ".join(advice)
        in_short = "モデルを使わない" + "。1,000行あたり50秒に対し0.1秒" * bool(saved)
        said_too = " ".join(map(Language("ja").compared, advice))
        assert japanese.format(in_short) in said_too


def test_what_a_method_costs_is_what_it_runs(on_orders):
    costs = {(r.method.name, r.method.view): r.method.cost for r in on_orders.results}
    assert costs["kNN", "TF-IDF"] == Cost.NO_MODEL
    assert costs["kNN", "MiniLM"] == Cost.ENCODER
    assert costs["polar-detect auto", "text"] == Cost.LANGUAGE_MODEL
    assert costs["polar-detect auto with labels", "text"] == Cost.LANGUAGE_MODEL


@pytest.mark.parametrize("name", ["lightgbm", "isolation-forest"])
def test_every_detector_that_reads_programs_costs_them(name):
    assert cost_of(new_head(name)) == Cost.PROGRAMS
    assert cost_of(new_head("auto")) == Cost.LANGUAGE_MODEL


def test_a_better_method_is_recommended_over_a_cheaper_one():
    found = compared(
        scored("polar-detect auto", GOOD, s_per_1000=900.0, is_ours=True),
        scored("kNN", POOR, s_per_1000=0.1),
    )
    advice = " ".join(MethodTable(found).advice())
    assert "Recommendation: use polar-detect auto. It is the best, 0." in advice
    assert " ahead of kNN on numbers." in advice
    assert "better, beyond noise" in advice
    assert "polar-detect fit TRAIN --text-column note --detector auto" in advice


def test_a_poor_method_is_not_recommended_because_few_rows_cannot_tell_it_from_the_best():
    found = compared(
        scored("polar-detect auto", FEW_GOOD, s_per_1000=50.0, is_ours=True),
        scored("kNN", FEW_POOR, s_per_1000=0.1),
        scored("as dear", FEW_POOR, s_per_1000=0.1, cost=Cost.LANGUAGE_MODEL),
        n=16,
    )
    assert found.results[1].to_best.high >= 0 > found.results[1].to_best.difference + 0.02
    advice = " ".join(MethodTable(found).advice())
    assert "Recommendation: use polar-detect auto." in advice
    assert "kNN on numbers may be as good (-" in advice
    assert "as dear on numbers may be" not in advice
    assert "Only 8 anomalous test rows: others may give other figures, beyond the int" in advice


def test_intervals_of_few_anomalous_rows_are_called_wide_only_where_they_are():
    fair, good = (compared(scored("kNN", own), scored("x", POOR)) for own in (FAIR, GOOD))
    assert fair.best.figures[AUROC].value < 0.95 < good.best.figures[AUROC].value
    wide, narrow = "the intervals are wide", "beyond the intervals too"
    fair_said, good_said = ((9, narrow), (10, wide), (30, None)), ((9, narrow), (29, narrow))
    cases = [(fair, *own) for own in fair_said] + [(good, *own) for own in (*good_said, (30, None))]
    for found, n, said in cases:
        advice = comparing.advise(replace(found, n_test=(50, n)))
        few = [one for one in advice if one.startswith("Only ")]
        assert [said in one for one in few] == ([] if said is None else [True])
        assert all(is_japanese(Language("ja").compared(one)) for one in few)


def test_columns_that_give_the_label_away_are_said_first():
    methods = scored("kNN", GOOD), scored("x", POOR)
    found = compared(*methods, telling=["HDF", "TWF"])
    first = MethodTable(found).advice()[0]
    assert first.startswith("Careful: 'HDF', 'TWF' give the label away in these rows. If they are")
    assert first.endswith("if before, watching them is all you need.")
    assert "leave them out (--columns with the others)" in first
    beside = MethodTable(replace(found, are_rows=False)).advice()[0]
    assert "leave them out (--numeric-columns with the others)" in beside
    assert "--numeric-columns で除いてください" in Language("ja").compared(beside)
    alone = MethodTable(compared(*methods, telling=["HDF"])).advice()[0]
    assert alone.endswith("if before, watching it is all you need.")
    assert "gives the label away" not in " ".join(MethodTable(compared(*methods)).advice())


def test_a_loss_of_ours_is_said():
    found = compared(
        scored("polar-detect auto", POOR, is_ours=True), scored("kNN", GOOD), scored("x", CHANCE)
    )
    advice = " ".join(MethodTable(found).advice())
    assert "worse, beyond noise" in advice
    assert "Recommendation: use kNN" in advice


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.1, -0.0006, "worse, beyond noise"), (-0.1, -0.0004, "within noise"),
        (0.0004, 0.1, "within noise"), (0.0006, 0.1, "better, beyond noise"),
    ],
)  # fmt: skip
def test_a_difference_that_may_be_shown_as_none_is_within_noise(low, high, said):
    found = compared(scored("polar-detect auto", POOR, is_ours=True), scored("kNN", GOOD))
    gap = metrics.Difference((low + high) / 2, low, high)
    results = (found.results[0], replace(found.results[1], to_best_baseline=gap))
    assert f"): {said}." in " ".join(comparing.advise(replace(found, results=results)))


def test_columns_that_baselines_alone_read_are_said():
    task = replace(orders_task(labelled=True), sources=("hours",))
    lineup = Lineup(task, ("auto",), {"auto": PolarDetector()})
    (note,) = lineup.notes()
    assert note.startswith("polar-detect reads the texts alone, and not these numbers and cat")
    assert is_japanese(Language("ja").compared(note))
    assert [*replace(lineup, task=replace(task, sources=())).notes()] == []
    rows = RowTemplate.fit(pd.DataFrame({"hours": [1, 2]}), ["hours"])
    assert [*replace(lineup, task=replace(task, template=rows)).notes()] == []


def test_what_is_not_told_from_chance_is_not_recommended():
    found = compared(scored("kNN", CHANCE), scored("polar-detect auto", -CHANCE, is_ours=True))
    assert "Recommendation: none of these" in " ".join(MethodTable(found).advice())


def test_the_best_of_many_is_not_recommended_where_guessing_would_be_as_good():
    alone = compared(scored("kNN", LUCKY), scored("LOF", -LUCKY))
    assert alone.best.figures[AUROC].low > 0.5
    assert "Recommendation: use kNN on numbers." in " ".join(MethodTable(alone).advice())
    found = compared(scored("kNN", LUCKY), *GUESSED)
    assert found.best.figures == alone.best.figures
    advice = " ".join(MethodTable(found).advice())
    assert "Recommendation: none of these. The best of 13 methods would have as high" in advice


def test_of_methods_that_guess_one_is_recommended_in_a_twentieth_of_all_cases():
    labels, settings = np.arange(80) % 4 == 0, comparing.Settings(detectors=(), n_resamples=199)
    found = []
    for seed in range(200):
        drawn = np.random.default_rng(seed).normal(size=(12, 80))
        methods = [scored(f"guess {i}", own) for i, own in enumerate(drawn)]
        found.append(best_by_guessing(labels, methods, settings))
        told = [*methods[1:], scored("told", drawn[0] + 3 * labels)]
        assert best_by_guessing(labels, told, settings) <= 0.01
    assert 0.01 <= np.mean(np.asarray(found) <= 0.05) <= 0.1


def test_a_lead_that_chance_makes_is_called_within_noise():
    ours = scored("polar-detect auto", FAIR, is_ours=True)
    found = compared(ours, scored("LOF", FAIRLY_POOR, cost=Cost.LANGUAGE_MODEL))
    second = found.results[1].to_best
    assert second.difference < -0.02 < 0 < second.high
    assert " ahead of LOF on numbers, which is within noise. " in " ".join(
        MethodTable(found).advice()
    )


def test_a_supervised_choice_names_the_best_without_labels():
    found = compared(scored("LightGBM", GOOD, is_supervised=True), scored("kNN", POOR))
    advice = " ".join(MethodTable(found).advice())
    assert "the best without labels is kNN on numbers" in advice


def test_models_that_hardly_speak_the_language_are_noted(on_orders):
    said = [note for note in on_orders.notes if "hardly speaks" in note]
    assert len(said) == 1  # the tiny model, and not the encoder
    assert said[0].startswith("The model")


def test_csv_json_and_markdown_say_the_same(on_orders):
    rows = MethodTable(on_orders).render(".csv").splitlines()
    stored = json.loads(MethodTable(on_orders).render(".json"))
    page = MethodTable(on_orders).render(".md")
    assert len(rows) == 12
    assert [r["name"] for r in stored["results"]] == [r.method.name for r in on_orders.results]
    assert stored["advice"] == MethodTable(on_orders).advice()
    assert page.count("\n| ") == 12  # the rule and eleven methods below the header
    for line in stored["advice"]:
        assert line in page


OURS = "polar-detect auto"


@pytest.mark.parametrize(
    "methods",
    [
        [scored(OURS, POOR, is_ours=True), scored("random forest", GOOD), scored("x", CHANCE)],
        [scored(OURS, GOOD, s_per_1000=9.0, is_ours=True), scored("kNN", POOR, s_per_1000=0.1)],
        [scored(OURS, GOOD, is_ours=True), scored("kNN", GOOD - 1e-9, s_per_1000=0.1)],
        [
            scored(f"{OURS} with labels", GOOD, is_ours=True, is_supervised=True),
            scored(OURS, NEARLY_GOOD, is_ours=True),
            scored("isolation forest", NEARLY_GOOD, cost=Cost.PROGRAMS),
        ],
        [
            scored(OURS, GOOD, is_ours=True),
            scored("kNN", NEARLY_GOOD),
            scored("isolation forest", NEARLY_GOOD),
        ],
        [scored("kNN", CHANCE), scored(OURS, -CHANCE, is_ours=True)],
        [scored(OURS, CHANCE, is_ours=True), scored("kNN", LUCKY), *GUESSED],
        [scored(OURS, FAIR, is_ours=True), scored("LOF", FAIRLY_POOR, cost=Cost.LANGUAGE_MODEL)],
    ],
)
@pytest.mark.parametrize("telling", [[], ["a"], ["a", "b"]])
def test_whatever_a_comparison_says_is_said_in_japanese_too(methods, telling):
    table = MethodTable(compared(*methods, telling=telling))
    japanese = Language("ja")
    for line in (*table.conditions(), *table.advice()):
        assert Language("en").compared(line) == line
        said = japanese.compared(line).removesuffix("本文：text。")
        assert not said or is_japanese(said), said
    page = table.render(".md", japanese)
    assert page.startswith("| 手法 | ラベル | AUROC |")
    assert "| なし |" in page
    assert " on numbers" not in page
    assert table.render(".json", japanese) == table.render(".json")


def test_a_table_in_japanese_leaves_it_to_the_terminal_to_break_lines(capsys, monkeypatch):
    monkeypatch.setattr(command.out, "width", 60)
    table = MethodTable(compared(scored(OURS, GOOD, is_ours=True), scored("kNN", POOR)))
    command._print(table, Language("ja"))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("推奨：polar-detect auto。") for line in lines)
    assert any(len(line) > 60 and line.startswith("これらの行で最も良いのは") for line in lines)
    command._print(table, Language("en"))
    lines = capsys.readouterr().out.splitlines()
    to_copy = "Next: polar-detect fit TRAIN --text-column note --detector auto --out FOLDER."
    assert to_copy in lines
    assert max(len(line) for line in lines if line != to_copy) <= 60  # control


def test_long_times_are_written_out():
    found = compared(scored("kNN", GOOD, s_per_1000=1043.6), scored("LOF", POOR, s_per_1000=999.7))
    for width in (80, 120, 200):
        assert [row[-1] for row in MethodTable(found).cells(width=width).rows] == ["1,044", "1,000"]


def test_a_brief_table_has_a_cell_for_every_heading_and_the_same_order(on_orders):
    table = MethodTable(on_orders)
    assert len(table.cells(width=200).header) == 10
    assert table.cells(width=80).header == ["method", "labels", "AUROC", "AP", "R@5%", "s/1,000"]
    cells = table.cells(width=150)
    assert cells.header[:7] == ["method", "labels", "AUROC", "AP", "FPR95", "R@1%", "R@5%"]
    assert [row[0] for row in cells.rows] == [result.method.title for result in on_orders.results]
    assert all(len(row) == len(cells.header) for row in cells.rows)
    ours = {row[0] for row, is_ours in zip(cells.rows, cells.are_ours, strict=True) if is_ours}
    assert ours == {"polar-detect auto", *OURS_WITH_LABELS}


def test_a_method_that_equals_the_best_baseline_is_not_taken_for_it():
    found = compared(scored("kNN", GOOD, s_per_1000=0.1), scored("x", GOOD), scored("y", POOR))
    assert [r.to_best_baseline is None for r in found.results] == [True, False, False]
    for width in (150, 200):
        cells = MethodTable(found).cells(width=width)
        place = next(i for i, name in enumerate(cells.header) if name.endswith("best baseline"))
        assert [row[place][:6] for row in cells.rows[:2]] == ["–", "+0.000"]
    stored = MethodTable(found).as_json()["results"]
    nothing = {"difference": 0.0, "low": 0.0, "high": 0.0}
    assert stored[0]["to_best_baseline"] == stored[0]["to_best"] == nothing


@pytest.mark.parametrize("costs", [(0.1, 5.0), (5.0, 0.1)])
def test_of_equal_methods_the_order_does_not_rest_on_seconds(costs):
    found = compared(
        scored("kNN", POOR, s_per_1000=costs[0]),
        scored("x", POOR, s_per_1000=costs[1]),
        scored("polar-detect auto", GOOD, is_ours=True),
    )
    assert [r.method.name for r in found.results] == ["polar-detect auto", "kNN", "x"]
    assert found.best_baseline.method.name == "kNN"


def test_methods_are_equal_too_where_the_auroc_of_one_was_rounded():
    n = 48
    labels = np.arange(n) % 2 == 1
    apart, alike = 1000 * labels + np.arange(n), labels * 1.0  # both tell all rows apart
    rounded, whole = (metrics.auroc(labels, scores) for scores in (apart, alike))
    assert rounded < whole == 1  # control: by the last digit
    found = compared(scored("kNN", apart), scored("x", alike), n=n)
    assert [r.method.name for r in found.results] == ["kNN", "x"]


@pytest.mark.parametrize("n_labelled", some_by_default([0, 12], 12))
def test_a_cell_missing_in_test_rows_alone_is_a_usual_one_for_every_baseline(n_labelled):
    rng = np.random.default_rng(0)
    numbers, labels = rng.normal(100, 3, (80, 2)), np.arange(80) < n_labelled
    numbers[labels, 1] -= 40
    other = np.asarray([[100, np.nan], [100, np.median(numbers[:, 1])], [100, 0]])
    train = comparing.Rows([""] * 80, numbers, labels)
    seen = Numbers().see(train, comparing.Rows([""] * 3, other, np.zeros(3, bool)))
    for baseline in BASELINES:
        missing, usual, nothing = baseline.fit(seen, labels, 0).scores_of(seen.test)
        assert missing == usual != nothing


def test_no_difference_is_written_without_a_minus():
    found = compared(scored("polar-detect auto", GOOD, is_ours=True), scored("kNN", POOR))
    ours, other = found.results
    tiny = metrics.Difference(-0.0001, -0.0004, 0.0)
    near = replace(found, results=(replace(ours, to_best_baseline=tiny), other))
    for width in (150, 200):
        cells = MethodTable(near).cells(width=width)
        place = next(i for i, name in enumerate(cells.header) if name.endswith("best baseline"))
        assert cells.rows[0][place] in {"+0.000", "+0.000 (+0.000 to +0.000)"}
    assert "-0.000" not in MethodTable(near).render(".md")
    assert "-0.031" in tabulate._gap(replace(tiny, low=-0.031))  # control


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"expected a name that ends in \.csv, \.json, \.md"):
        tabulate.check_ending(tmp_path / "table.xlsx")
    with pytest.raises(OutputError, match="in a folder that does not exist"):
        tabulate.check_ending(tmp_path / "no" / "table.md")


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_the_command_prints_and_saves_a_table(run, process, tiny_models, tmp_path, monkeypatch):
    saved, templates, fit = tmp_path / "table.json", [], PolarDetector.fit

    def noted_fit(detector, *arguments, **options):
        templates.append(detector.rows)
        return fit(detector, *arguments, **options)

    monkeypatch.setattr(PolarDetector, "fit", noted_fit)
    code, out, _ = run(
        "compare", process, "--label-column", "failed", *tiny_models, "--out", saved,
        "--detectors", "auto", "--resamples", 100, "--max-rows", 100, "--max-tokens", 8,
    )  # fmt: skip
    assert code == 0
    assert "Recommendation: use" in out
    assert out.endswith(f"{saved}\n")
    stored = json.loads(saved.read_text(encoding="utf-8"))
    assert stored["columns"] == ["heat [K]", "load", "shift"]
    assert len(stored["results"]) == 10
    best = stored["results"][0]
    assert best["figures"]["AUROC"]["value"] > 0.95
    ours = next(result for result in stored["results"] if result["is_ours"])
    assert ours["view"] == "row and its numbers"
    assert [template.columns[0].name for template in templates] == 6 * ["heat [K]"]
    assert "Careful: 'heat [K]' gives the label away" in out


@pytest.mark.slow
def test_training_rows_that_all_say_the_same_are_noted_and_no_warning_is_raised(
    tiny_pair, on_orders
):
    task = orders_task(labelled=False)
    same = replace(task.train, texts=[NORMAL[0]] * len(task.train.texts))
    detector = PolarDetector(**tiny_pair)
    settings = comparing.Settings(detectors=(detector,), n_resamples=N_RESAMPLES)
    notes = comparing.compare_detectors(replace(task, train=same), settings).notes
    is_noted = ["all 50 normal texts say the same" in " ".join(n) for n in (notes, on_orders.notes)]
    assert is_noted == [True, False]


def test_too_few_numbers_are_refused_before_any_model_is_read(run, save, monkeypatch):
    monkeypatch.setattr(Engine, "load", lambda *_: pytest.fail("was read"))
    few = save("text,hours\n" + "".join(f"oil {i},{i}\n" for i in range(39)))
    code, _, err = run("compare", few, "--target", "hours")
    assert code == 1
    assert "Got 39 rows with a number to predict (or all the same); expected at least 40" in err
    with pytest.raises(pytest.fail.Exception, match="was read"):  # control
        run("compare", save(few.read_text() + "oil,0\n"), "--target", "hours")


COSTS = {"numbers": Cost.NO_MODEL, "MiniLM": Cost.ENCODER}


def predicted(truth, n_resamples=200):
    settings = comparing.PredictionSettings(extractor=None, target="y", n_resamples=n_resamples)
    keys = [regression._Key("ridge", "numbers", has) for has in (False, True)]
    values = {key: (truth + 0.1 * i, 1.0) for i, key in enumerate(keys, start=1)}
    return regression._measure(truth, values, COSTS, settings)


NONE_HELPS = "they cost time and bring nothing here."


@pytest.mark.parametrize("seconds", [(1, 2, 90, 900), (900, 90, 2, 1)])
@pytest.mark.parametrize(
    ("errors", "chosen", "on_signatures"),
    [
        # ridge and forest without signature features, then with them
        ((0.5, 0.6, 0.1, 0.4), "ridge on numbers + signature; it is the best.",
         "Signature features are worth their time here."),
        ((0.1, 0.6, 0.1, 0.3), "ridge on numbers; it is the best.",
         "they help forest on numbers, but what is recommended is as good without them."),
        ((0.1, 0.1, 0.1, 0.12), "ridge on numbers; it is the best.", NONE_HELPS),
    ],
)  # fmt: skip
def test_a_model_and_whether_signatures_are_worth_it_are_recommended(
    errors, seconds, chosen, on_signatures
):
    advice = advised(errors, seconds)
    assert f"Recommendation: use {chosen}" in advice
    assert advice.endswith(on_signatures)
    assert advice.count("Signature features change the R² of") == 2
    said = tabulate.PredictionTable(predictions(errors, seconds)).advice()
    assert " on numbers" not in " ".join(map(Language("ja").compared, said))


@pytest.mark.parametrize(
    ("error", "chosen", "on_signatures"),
    [
        (0.45, "ridge on numbers + signature; it is the best.",
         "worth their time here, though not beyond noise: measure with more rows."),
        (0.49, "ridge on numbers; it is one of the cheapest of 2 that are as good as the best.",
         NONE_HELPS),
    ],
)  # fmt: skip
def test_signatures_that_may_help_by_chance_are_recommended_where_they_help_much(
    error, chosen, on_signatures
):
    truth, *noise = np.random.default_rng(0).normal(size=(3, 80))
    own, other = (part / np.sqrt((part**2).mean()) for part in noise)
    settings = comparing.PredictionSettings(extractor=None, target="y", n_resamples=N_RESAMPLES)
    keys = [regression._Key("ridge", "numbers", has) for has in (False, True)]
    values = {keys[0]: (truth + 0.5 * own, 1.0), keys[1]: (truth + error * other, 9.0)}
    results = tuple(regression._measure(truth, values, COSTS, settings))
    found = replace(predictions((0.1,) * 4, (1,) * 4), results=results)
    advice = " ".join(tabulate.PredictionTable(found).advice())
    assert f"Recommendation: use {chosen}" in advice
    assert advice.endswith(on_signatures)


def test_no_model_is_recommended_that_is_not_told_from_the_mean():
    advice = advised((2.0, 2.1, 2.2, 2.3), (1, 1, 1, 1))
    assert advice.endswith("The best one is not told from predicting the mean.")


def test_csv_json_and_markdown_say_the_same_of_predictions():
    found = predictions((0.1, 0.2, 0.3, 0.4), (1.5, 2.5, 3.5, 4.5))
    table = tabulate.PredictionTable(found)
    rows = list(csv.DictReader(io.StringIO(table.render(".csv"))))
    stored = json.loads(table.render(".json"))
    page = table.render(".md")
    assert stored["advice"] == table.advice()
    assert all(line in page for line in stored["advice"])
    assert table.conditions()[0] == "80 rows, 5-fold cross-validation."
    held_out = tabulate.PredictionTable(replace(found, n_folds=1))
    assert held_out.conditions()[0] == "80 rows, hold-out."
    for result, row, own in zip(found.results, rows, stored["results"], strict=True):
        assert (row["model"], row["reads"]) == (own["model"], own["features"])
        assert f"| {result.title} | {result.r2.value:.3f} (" in page
        assert float(row["R2"]) == own["r2"]["value"] == result.r2.value
        assert float(row["R2, low"]) == own["r2"]["low"] == result.r2.low
        assert float(row["RMSE, high"]) == own["rmse"]["high"] == result.rmse.high
        assert float(row["fit_s"]) == own["fit_s"] == result.fit_s
        if result.has_signature:
            gained = row["R2 gained by the signature"]
            assert float(gained) == own["gain"]["difference"] == result.gain.difference < 0
        else:
            assert (row["R2 gained by the signature, low"], own["gain"]) == ("", None)
    assert [own["to_best"]["difference"] for own in stored["results"]] == [
        0.0, *(result.to_best.difference for result in found.results[1:])
    ]  # fmt: skip


def advised(errors, seconds):
    return " ".join(tabulate.PredictionTable(predictions(errors, seconds)).advice())


def predictions(errors, seconds):
    truth, noise = np.random.default_rng(0).normal(size=(2, 80))
    settings = comparing.PredictionSettings(extractor=None, target="y", n_resamples=N_RESAMPLES)
    keys = [
        regression._Key(m, "numbers", has) for has in (False, True) for m in ("ridge", "forest")
    ]
    values = {
        key: (truth + error * noise, s) for key, error, s in zip(keys, errors, seconds, strict=True)
    }
    return comparing.Predictions(
        results=tuple(regression._measure(truth, values, COSTS, settings)), n_rows=80, n_folds=5,
        target="y", text_source="column 'text'", columns=(), notes=(),
    )  # fmt: skip


def test_resamples_of_one_value_count_for_no_interval():
    for result in predicted(np.repeat([1.0, 2.0], [39, 1])):
        assert np.isfinite([result.r2.low, result.r2.high, result.rmse.low]).all()


def test_a_test_file_in_which_all_numbers_are_the_same_is_refused():
    rows = numbers_task().train
    rows = replace(rows, target=rows.numbers[:, 0])
    settings = comparing.PredictionSettings(extractor=None, target="y")
    for index in ([0, 0, 0], [0]):
        test = rows.take(np.asarray(index))
        task = comparing.Task(rows, test, (), "column 'text'", ())
        match = rf"Got {len(index)} rows with a number to predict .* expected at least 2 that d"
        with pytest.raises(InputError, match=match):
            comparing.compare_predictions(task, settings)


@pytest.mark.parametrize(("share", "n_test"), [(0.05, 2), (0.4, 4), (0.95, 7)])
def test_a_share_of_few_rows_leaves_two_to_train_and_to_test_on(share, n_test):
    rows = numbers_task().train.take(np.arange(9))
    rows = replace(rows, target=np.arange(9) < 4)
    train, test = split(rows, test_share=share, seed=0)
    assert (len(train), len(test)) == (9 - n_test, n_test)
    for part in (train, test):
        assert part.target.any()
        assert not part.target.all()


def test_fewer_training_rows_than_signatures_need_are_refused():
    rows = numbers_task().train
    rows = replace(rows, target=rows.numbers[:, 0])
    train, test = (rows.take(np.arange(*span)) for span in ((0, 7), (7, len(rows))))
    settings = comparing.PredictionSettings(extractor=None, target="y")
    with pytest.raises(InputError, match=r"Got 7 rows with .* at least 8 that"):
        comparing.compare_predictions(
            comparing.Task(train, test, (), "column 'text'", ()), settings
        )


@pytest.mark.slow
def test_a_number_is_predicted_with_and_without_signatures(run, tiny_models, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=44), "b": rng.normal(size=44)}).round(3)
    frame["y"] = (2 * frame["a"] - frame["b"] + rng.normal(0, 0.1, 44)).round(3)
    path, saved = tmp_path / "numbers.csv", tmp_path / "table.json"
    frame.to_csv(path, index=False)
    code, out, _ = run(
        "compare", path, "--target", "y", *tiny_models, "--out", saved,
        "--resamples", 100, "--max-tokens", 5,
    )  # fmt: skip
    assert code == 0
    results = json.loads(saved.read_text(encoding="utf-8"))["results"]
    by_title = {(r["model"], r["features"]): r for r in results}
    assert len(by_title) == 8
    assert by_title["ridge", "numbers"]["r2"]["value"] > 0.95
    gains = [r["gain"] for r in results if r["gain"]]
    assert len(gains) == 4
    assert "Recommendation: use ridge on numbers" in out
    assert "Leave the signature features out" in out
    assert "44 of 44 texts are longer than 5 tokens" in out


PARTS_OF_MACHINES = ["pump", "belt", "door", "fan", "seal", "hose", "bolt", "gear"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "reads"),
    [
        ([], False),
        (["--detectors", "columns"], False),
        (["--max-tokens", 5], False),
        (["--columns", "a,b"], False),
        (["--detectors", "texts"], True),
        (["--model", "another"], True),
        (["--columns", "a,note"], True),
        (["--text-column", "note"], True),
    ],
)
def test_to_predict_a_number_models_read_the_rows_that_a_fit_has_them_read(
    run, tmp_path, monkeypatch, options, reads
):
    def load(*_):
        raise InputError("Got models asked for.")

    monkeypatch.setattr(Engine, "load", load)
    monkeypatch.setattr("polar_detect.pipeline.engine.encoder_for", lambda *_: "minilm")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)}).round(3)
    frame["note"] = [" ".join(rng.permutation(PARTS_OF_MACHINES)[:5]) for _ in range(60)]
    frame["y"] = (2 * frame["a"] - frame["b"] + rng.normal(0, 0.1, 60)).round(3)
    if "note" not in str(options):
        frame = frame.drop(columns="note")
    path, saved = tmp_path / "numbers.csv", tmp_path / "table.json"
    frame.to_csv(path, index=False)
    code, out, err = run(
        "compare", path, "--target", "y", "--resamples", 100, "--out", saved, *options
    )
    assert (code, "Got models asked for." in err) == (int(reads), reads)
    if reads:
        return
    assert "No model read the rows, and so there are no signature features" in " ".join(out.split())
    assert "signature features out" not in out
    stored = json.loads(saved.read_text(encoding="utf-8"))
    assert {r["features"] for r in stored["results"]} == {"numbers"}
    assert {r["gain"] for r in stored["results"]} == {None}
    best = {r["model"]: r["r2"]["value"] for r in stored["results"]}
    assert best["ridge"] > 0.95


@pytest.mark.parametrize("options", [[], ["--label-column", "y", "--target", "z"]])
def test_a_label_or_a_target_must_be_named(run, process, options):
    code, _, err = run("compare", process, *options)
    assert code == 2
    assert "either --label-column or --target" in err


def test_options_that_the_others_leave_without_effect_are_not_passed_over_in_silence(run, process):
    none = process.with_name("none.csv")
    code, _, err = run("compare", none, "--target", "x", "--detectors", "lightgbm")
    assert (code, "--detectors only says whether models read the rows" in err) == (1, True)
    for name in ("texts", "auto"):
        assert "--detectors" not in run("compare", none, "--target", "x", "--detectors", name)[2]
    own = ("compare", none, process, "--label-column", "failed")
    assert "--test-share has no effect" in run(*own, "--test-share", 0.3)[2]
    assert "--test-share は効果がありません" in run(*own, "--test-share", 0.3, "--lang", "ja")[2]
    assert "no effect" not in run(*own, "--detectors", "lightgbm")[2]


def test_an_unknown_detector_is_refused_before_the_run(run, process):
    code, out, err = run("compare", process, "--label-column", "failed", "--detectors", "best")
    assert (code, out) == (1, "")
    assert "Got detector 'best'; expected one of auto" in err


@pytest.mark.parametrize(
    ("labelled", "said", "told"),
    [
        (["cat", "dog", "cow", "hen"], "Got 4 labelled anomalous training rows", "行は4行"),
        (["cat", "dog", "cat", "dog", "cat"], "Got 5 labelled anomalies", "異常は5件"),
    ],
)
def test_labels_that_teach_a_classifier_nothing_are_refused_before_the_run(
    run, tmp_path, monkeypatch, labelled, said, told
):
    monkeypatch.setattr("polar_detect.compare.detection._run_all", None)  # nothing may run
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    notes = [*(f"bearing {i} replaced" for i in range(40)), *labelled]
    pd.DataFrame({"note": notes, "y": np.arange(len(notes)) >= 40}).to_csv(train, index=False)
    pd.DataFrame({"note": ["oil", "seal", "cat", "dog"], "y": [0, 0, 1, 1]}).to_csv(test)
    command = ("compare", train, test, "--label-column", "y", "--text-column", "note")
    command = (*command, "--detectors", "auto,classifier")
    code, out, err = run(*command)
    assert (code, out) == (1, "")
    assert said in err
    assert told in run(*command, "--lang", "ja")[2]


def test_a_classifier_that_is_asked_for_beside_the_default_runs_once():
    task = orders_task(labelled=True)

    def ways(*names):
        own = Lineup.of(task, [*map(PolarDetector, names)])
        return [way for detector in own.chosen.values() for way in own.ways(detector)]

    both = [("auto", False), ("auto", True), ("classifier", True)]
    assert ways("auto") == ways("auto", "classifier") == both
    assert sorted(ways("classifier", "auto")) == both


def test_too_few_normal_rows_are_refused_before_the_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr("polar_detect.compare.detection._run_all", None)  # nothing may run
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    notes = [*(f"bearing {i} replaced" for i in range(39)), ""]
    pd.DataFrame({"note": notes}).to_csv(train, index=False)
    pd.DataFrame({"note": ["oil", "seal", "cat", "dog"], "y": [0, 0, 1, 1]}).to_csv(test)
    options = ("--label-column", "y", "--text-column", "note")
    code, out, err = run("compare", train, test, *options)
    assert (code, out) == (1, "")
    assert "Got 39 normal texts that are not empty; expected at least 40" in err


def test_a_share_that_leaves_too_few_normal_rows_is_why_there_are_too_few(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr("polar_detect.compare.detection._run_all", None)  # nothing may run
    path = tmp_path / "rows.csv"
    rows = [{"note": f"bearing {i} replaced", "y": 0} for i in range(60)]
    pd.DataFrame([*rows, *({"note": f"cat {i}", "y": 1} for i in range(5))]).to_csv(path)
    command = ("compare", path, "--label-column", "y", "--text-column", "note")
    code, _, err = run(*command)
    assert code == 1
    assert "Got 36 normal rows to fit on, as 24 are held back" in err
    assert "--test-share を小さくする" in run(*command, "--lang", "ja")[2]
