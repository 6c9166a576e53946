"""`compare_with_baselines`: what `polar-detect compare` does with files, of data in memory."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, compare_with_baselines
from polar_detect import compare as comparing
from polar_detect.compare import frames
from polar_detect.compare.results import advice
from polar_detect.compare.results.tabulate import MethodTable
from polar_detect.errors import InputError
from polar_detect.messages.language import Language

TIMES = ["fit_s", "s_per_1000_rows"]


def table(n=160):
    rng = np.random.default_rng(0)
    is_bad = np.arange(n) % 4 == 0
    rows = pd.DataFrame(
        {
            "load": rng.normal(50, 5, n).round(1),
            "heat": (rng.normal(20, 1, n) + 3 * is_bad).round(2),
            "shade": np.where(rng.random(n) < 0.3, "red", "blue"),
            "day": pd.date_range("2026-01-01", periods=n),
        },
        index=[f"row {i}" for i in range(n)],
    )
    return rows, is_bad


@pytest.fixture(scope="module")
def found():
    rows, is_bad = table()
    return compare_with_baselines(rows, is_bad, detectors="columns", resamples=100)


@pytest.mark.slow
def test_the_next_step_has_the_settings_that_were_compared():
    rows, is_bad = table(120)
    own = PolarDetector("columns", condition_columns=["load"])
    compared = compare_with_baselines(rows, is_bad, detectors=own, resamples=10).found
    ours = next(r for r in compared.results if r.method.title == "polar-detect columns")
    said = advice._how(compared, ours)
    assert said.startswith("Next: PolarDetector('columns', condition_columns=['load']).fit(X)")
    assert "condition_columns=['load']" in Language("ja").compared(said)
    assert frames._settings_of([own, PolarDetector("columns")]) == ""


@pytest.mark.slow
def test_the_figures_are_those_of_a_file_with_these_rows(found, tmp_path):
    rows, is_bad = table()
    path = tmp_path / "rows.csv"
    rows.assign(bad=np.where(is_bad, "NG", "OK")).to_csv(path, index=False)
    reading = comparing.Reading("bad", all_columns=True)
    settings = comparing.Settings(detectors=(PolarDetector("columns"),), n_resamples=100)
    of_file = comparing.compare_detectors(comparing.read_task(path, None, reading), settings)
    expected = pd.DataFrame(MethodTable(of_file).records()).drop(columns=TIMES)
    pd.testing.assert_frame_equal(found.to_frame().drop(columns=TIMES), expected)
    assert found.found.notes == of_file.notes
    assert [line for line in found.conditions() if line.endswith("never seen before: 'day'.")]


def test_the_advice_speaks_python(found):
    said = " ".join([*found.conditions(), *found.advice()])
    assert "--" not in said
    assert "TRAIN" not in said
    steps = {
        result.method.title: advice._how(found.found, result)
        for result in found.found.results
        if result.method.is_ours
    }
    assert steps == {
        "polar-detect columns": (
            "Next: PolarDetector('columns').fit(X), of the normal rows alone."
        ),
        "polar-detect columns with labels": "Next: PolarDetector('columns').fit(X, y).",
        "polar-detect columns-classifier with labels": (
            "Next: PolarDetector('columns-classifier').fit(X, y)."
        ),
    }


def test_it_shows_itself(found):
    shown = repr(found)
    assert shown.splitlines()[0].startswith("method")
    assert "Recommendation: " in shown
    html = found._repr_html_()
    assert html.count("<tr") == 1 + len(found.found.results)
    assert "Recommendation: " in html


def test_names_do_not_become_markup(found):
    odd = replace(found.found, notes=("Left out: '<b>heat</b>'.",))
    html = MethodTable(odd)._repr_html_()
    assert "<b>heat" not in html
    assert "&lt;b&gt;heat" in html


@pytest.mark.slow
def test_detectors_stay_as_they_are_and_rows_to_test_on_may_be_given():
    rows, is_bad = table()
    detector = PolarDetector("columns", seed=3)
    parts = rows[::2], is_bad[::2], rows[1::2].assign(heat=40.0), np.arange(80) % 3 == 0
    of_two = compare_with_baselines(*parts, detectors=[detector], resamples=10)
    assert not hasattr(detector, "fitted_")
    assert detector.detector == "columns"
    assert detector.rows is None
    assert of_two.found.n_test == (53, 27)
    assert sum(of_two.found.n_train) == 80


@pytest.mark.slow
def test_groups_are_held_out_as_a_whole():
    rows, is_bad = table()
    groups = np.arange(160) // 8
    by_group = compare_with_baselines(
        rows, is_bad, groups=groups, detectors="columns", resamples=10
    )
    assert [
        line
        for line in by_group.conditions()
        if "Test rows are of other values of 'groups'" in line
    ]


def test_texts_are_read_as_texts(monkeypatch):
    taken = []
    monkeypatch.setattr(
        frames, "compare_detectors", lambda task, settings, **_: taken.append((task, settings))
    )
    texts = pd.Series(
        [f"pump {i} leaks oil" for i in range(60)] + [f"buy now {i}" for i in range(60)]
    )
    y = np.repeat([1, -1], 60)  # as scikit-learn has outliers
    detector = PolarDetector("texts", encoder="e5-small")
    compare_with_baselines(texts, y, detectors=detector)
    ((task, settings),) = taken
    assert task.template is None
    assert task.text_source == "column 'text'"
    assert task.train.target.sum() + task.test.target.sum() == 60
    assert any(text.startswith("pump") for text in task.test.normal.texts) is not False
    assert settings.encoder == "e5-small"


def refused(**changes):
    rows, is_bad = table()
    given = {"X": rows, "y": is_bad, "detectors": "columns", "resamples": 10} | changes
    with pytest.raises(InputError) as error:
        compare_with_baselines(**given)
    return str(error.value)


def test_bad_input_is_refused_in_words():
    rows, is_bad = table()
    assert "Got one of X_test and y_test; expected both" in refused(X_test=rows)
    assert "Got groups beside X_test" in refused(X_test=rows, y_test=is_bad, groups=is_bad)
    assert "Got 3 labels for 160 texts" in refused(y=is_bad[:3])
    assert "Got 160 normal and 0 anomalous rows to test on" in refused(y=0 * is_bad)
    assert "Got column 'heat'" in refused(X_test=rows.drop(columns="heat"), y_test=is_bad)
    assert "Got test_share 2; expected a number from 0 to 0.95" in refused(test_share=2)
    assert "Got max_rows 5; expected a whole number from 100" in refused(max_rows=5)
    assert "Got a column 'is anomalous' in X" in refused(X=rows.assign(**{"is anomalous": 1}))
    few = refused(X=rows[:60], y=is_bad[:60], test_share=0.9)
    assert "pass a smaller test_share" in few
