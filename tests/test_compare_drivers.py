"""`compare` says which columns set the anomalous rows apart for a method, by SHAP values."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector
from polar_detect import compare as comparing
from polar_detect.compare import detection
from polar_detect.compare.methods import baselines
from polar_detect.compare.methods.drivers import Driver, find_drivers, sum_by_word
from polar_detect.compare.methods.views import Numbers, TfIdf
from polar_detect.compare.results import advice
from polar_detect.compare.results.tabulate import MethodTable, PredictionTable
from polar_detect.messages.language import Language

N_NORMAL, N_ANOMALOUS = 120, 40


def table():
    """Return rows whose anomalies are hotter, in a shade of their own, and nothing else."""
    rng = np.random.default_rng(0)
    n = N_NORMAL + N_ANOMALOUS
    is_bad = np.arange(n) >= N_NORMAL
    return pd.DataFrame(
        {
            "load": rng.normal(50, 5, n).round(1),
            "heat": (rng.normal(20, 1, n) + 4 * is_bad).round(2),
            "shade": np.where(is_bad & (np.arange(n) % 2 == 0), "red", "blue"),
            "bad": np.where(is_bad, "NG", "OK"),
        }
    ).sample(n=n, random_state=0)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    path = tmp_path_factory.mktemp("drivers") / "rows.csv"
    table().to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("bad"))
    detector = PolarDetector("columns")
    settings = comparing.Settings(detectors=(detector,), n_resamples=100)
    return comparing.compare_detectors(task, settings)


def test_the_best_of_ours_and_the_best_baseline_say_what_they_go_by(found):
    explained = [result for result in found.results if result.drivers]
    assert sorted(result.method.is_ours for result in explained) == [False, True]
    for result in explained:
        assert {driver.name for driver in result.drivers[:2]} == {"heat", "shade"}
        assert sum(driver.share for driver in result.drivers) == pytest.approx(1)
        shares = [driver.share for driver in result.drivers]
        assert shares == sorted(shares, reverse=True)
        assert {driver.name for driver in result.drivers} <= {"heat", "load", "shade"}
        ahead = [r for r in found.results if r.method.is_ours == result.method.is_ours]
        assert {r.method.name for r in ahead[: ahead.index(result)]} <= {"kNN"}


def test_the_advice_and_the_file_for_programs_say_it(found):
    said = [line for line in MethodTable(found).advice() if "(SHAP)" in line]
    assert len(said) == 2
    assert all("heat " in line and "shade " in line for line in said)
    stored = json.loads(MethodTable(found).render(".json"))["results"]
    drivers = {one["name"]: one["drivers"] for one in stored if one["drivers"]}
    assert len(drivers) == 2
    for own in drivers.values():
        assert {one["name"] for one in own[:2]} == {"heat", "shade"}
        assert 0 < own[1]["share"] <= own[0]["share"] <= 1


def test_drivers_are_what_raises_anomalous_rows_above_normal_ones():
    labels = np.array([False, True, False, True])
    parts = {
        "up": np.array([0.0, 3.0, 0.0, 3.0]),
        "both": np.array([9.0, 9.0, 9.0, 9.0]),
        "down": np.array([1.0, -1.0, 1.0, -1.0]),
        "some": np.array([0.0, 2.0, 0.0, 0.0]),
    }
    taken = []

    def parts_of(index):
        taken.extend(index.tolist())
        return {name: own[index] for name, own in parts.items()}

    assert find_drivers(parts_of, labels, 0) == (Driver("up", 0.75), Driver("some", 0.25))
    assert sorted(taken) == [0, 1, 2, 3]
    assert find_drivers(lambda index: {"a": np.zeros(len(index))}, labels, 0) == ()


def test_of_many_rows_some_of_either_class_are_asked_for():
    labels = np.arange(1000) % 2 == 0
    taken = []

    def parts_of(index):
        taken.append(index)
        return {"a": labels[index].astype(float)}

    assert find_drivers(parts_of, labels, 0) == (Driver("a", 1.0),)
    (index,) = taken
    assert len(set(index.tolist())) == 400
    assert labels[index].sum() == 200


@pytest.mark.parametrize(
    "name",
    [
        "LightGBM",
        pytest.param("random forest", marks=pytest.mark.slow),
        pytest.param("isolation forest", marks=pytest.mark.slow),
    ],
)
def test_parts_of_a_baseline_add_up_to_its_scores(name):
    rows = table()
    numbers = rows[["load", "heat"]].to_numpy()
    task_rows = comparing.Rows([""] * len(rows), numbers, (rows["bad"] == "NG").to_numpy())
    seen = Numbers(("load", "heat")).see(task_rows, task_rows)
    (baseline,) = (one for one in baselines.BASELINES if one.name == name)
    labels = task_rows.target
    if not baseline.learns_from_labels:
        seen, labels = replace(seen, train=seen.train[~labels]), labels[~labels]
    scorer = baseline.fit(seen, labels, 0)
    sums, scores = scorer.parts_of(seen.test).sum(1), scorer.scores_of(seen.test)
    if name == "isolation forest":  # whose score is not linear in the depths, but falls with them
        assert (
            np.corrcoef(np.argsort(np.argsort(sums)), np.argsort(np.argsort(scores)))[0, 1] > 0.99
        )
    else:
        np.testing.assert_allclose(sums - sums[0], scores - scores[0], atol=1e-4)


def test_nearest_neighbours_have_no_parts():
    numbers = np.random.default_rng(0).normal(size=(30, 2))
    rows = comparing.Rows([""] * 30, numbers, np.zeros(30, bool))
    seen = Numbers(("a", "b")).see(rows, rows)
    (neighbours,) = (one for one in baselines.BASELINES if one.name == "kNN")
    assert neighbours.fit(seen, rows.target, 0).parts_of is None


def test_all_columns_takes_rows_beside_a_column_of_texts(tmp_path):
    rows = table().head(150)
    rows["remark"] = [f"the shift wrote a remark about pump number {i}" for i in range(len(rows))]
    rows["day"] = pd.date_range("2026-01-01", periods=len(rows)).strftime("%Y-%m-%d")
    path = tmp_path / "rows.csv"
    rows.to_csv(path, index=False)
    alone = comparing.read_task(path, None, comparing.Reading("bad"))
    assert alone.text_source == "column 'remark'"
    whole = comparing.read_task(path, None, comparing.Reading("bad", all_columns=True))
    assert whole.text_source == "4 columns written out"
    assert "remark: the shift wrote" in whole.train.texts[0]
    assert [note for note in whole.notes if note.endswith("never seen before: 'day'.")]
    assert whole.fit_options == "--all-columns --label-column bad"


def test_one_way_of_reading_rows_is_taken(tmp_path, run):
    path = tmp_path / "rows.csv"
    table().to_csv(path, index=False)
    for other in (("--text-column", "shade"), ("--columns", "load,heat")):
        code, _, err = run("compare", path, "--label-column", "bad", "--all-columns", *other)
        assert code == 2
        assert "give one of --text-column, --columns and --all-columns" in " ".join(err.split())


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Return a task, and each way in which our detector of columns is fitted on it."""
    path = tmp_path_factory.mktemp("ways") / "rows.csv"
    table().to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("bad"))
    settings = comparing.Settings(detectors=(PolarDetector("columns"),), n_resamples=100)
    return task, [one for one in comparing.run_methods(task, settings) if one.method.is_ours]


@pytest.mark.slow
def test_each_way_in_which_a_detector_is_fitted_keeps_its_own_parts(scored):
    task, ways = scored
    assert len(ways) == 3
    every = np.arange(len(task.test))
    for way in ways:
        sums = sum(way.parts_of(every).values())
        np.testing.assert_allclose(sums - sums[0], way.scores - way.scores[0], atol=1e-6)


@pytest.mark.slow
def test_rows_that_are_left_out_do_not_move_the_parts_of_others(scored):
    _, (way, *_) = scored
    kept = np.arange(len(way.scores))[3:]
    own = detection._rows_of(way, kept)
    some = np.array([0, 5])
    for name, parts in own.parts_of(some).items():
        np.testing.assert_array_equal(parts, way.parts_of(kept[some])[name])
    np.testing.assert_array_equal(own.scores, way.scores[3:])


def test_without_anomalies_to_learn_from_the_next_command_names_the_columns(tmp_path):
    # As its file has a column of labels, which --all-columns would read.
    rows = table()
    for name, own in (("train", rows[rows["bad"] == "OK"]), ("test", rows)):
        own.to_csv(tmp_path / f"{name}.csv", index=False)
    reading = comparing.Reading("bad", all_columns=True)
    task = comparing.read_task(tmp_path / "train.csv", tmp_path / "test.csv", reading)
    assert task.fit_options == "--columns load,heat,shade"


def test_what_tells_little_is_summed_up():
    own = [Driver("heat", 0.9), Driver("load", 0.06), Driver("shade", 0.03), Driver("hue", 0.01)]
    assert advice._shares(own) == "heat 90 %, load 6 %, all others 4 %"
    assert advice._shares(own[:2]) == "heat 90 %, load 6 %"


def test_words_that_tell_are_named(monkeypatch):
    monkeypatch.setattr(detection, "choose_views", lambda *_: [TfIdf()])
    rng = np.random.default_rng(0)
    n = 60
    usual = [" ".join(rng.choice(["pump", "oil", "valve", "belt", "hose"], 3)) for _ in range(n)]
    is_bad = np.arange(n) % 3 == 0
    texts = [f"{text} CHANGEOUT" if bad else text for text, bad in zip(usual, is_bad, strict=True)]
    rows = comparing.Rows(texts, np.zeros((n, 0)), is_bad)
    task = comparing.Task(rows, rows, (), "column 'text'", ())
    settings = comparing.Settings(detectors=(), n_resamples=10)
    (result,) = (r for r in comparing.compare_detectors(task, settings).results if r.drivers)
    assert result.drivers[0].name == "changeout"
    assert result.drivers[0].share > 0.8


def test_in_japanese_what_tells_may_be_columns_or_words():
    said = "What sets the anomalous rows apart for LightGBM on TF-IDF (SHAP): oil 90 %."
    assert "列・語" in Language("ja").compared(said)


def test_what_a_word_adds_goes_to_the_words_of_the_text_that_have_it():
    names = ["oil pump", "pump", " pum", "oil", "ils", "valve"]
    values = np.array([[6.0, 1.0, 2.0, 4.0, 8.0, 100.0], [0.0, 0.0, 0.0, 3.0, 5.0, 7.0]])
    parts = sum_by_word(values, names, ["oil pump oil", "foils"])
    assert {name: own.tolist() for name, own in parts.items()} == {
        "oil": [7.0, 0.0],  # half of the pair, and the word
        "pump": [6.0, 0.0],
        "foils": [0.0, 8.0],
    }


@pytest.mark.slow
def test_the_columns_that_a_number_is_predicted_by_are_said(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({name: rng.normal(size=80).round(3) for name in ("age", "water", "sand")})
    rows["strength"] = (10 * rows["age"] - 2 * rows["water"]).round(2)
    path = tmp_path / "mixes.csv"
    rows.to_csv(path, index=False)
    task = comparing.read_task(path, None, comparing.Reading("strength", kind="number"))
    settings = comparing.PredictionSettings(extractor=None, target="strength", n_resamples=10)
    found = comparing.compare_predictions(task, settings)
    assert [driver.name for driver in found.drivers][:2] == ["age", "water"]
    assert sum(driver.share for driver in found.drivers) == pytest.approx(1)
    (said,) = (line for line in PredictionTable(found).advice() if "(SHAP)" in line)
    assert said.startswith("LightGBM on numbers predicts by (SHAP): age ")
    stored = json.loads(PredictionTable(found).render(".json"))
    assert stored["drivers"][0]["name"] == "age"
