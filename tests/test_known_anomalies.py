"""Labelled anomalies that are kept: which of them a flagged text is like, if any."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from japanese import is_japanese
from work_orders import NORMAL

from polar_detect import PolarDetector, Report
from polar_detect.artifact.contents import KNOWN, read_contents
from polar_detect.artifact.sealing import MANIFEST
from polar_detect.errors import ArtifactError, InputError
from polar_detect.features.of_columns import column_feature
from polar_detect.features.table import FeatureTable
from polar_detect.serve.answers import Answers
from polar_detect.signature.known_anomalies import Deviations, KnownAnomalies, Labelled
from polar_detect.signature.normal.changes import Covariances
from polar_detect.tables import ReadOptions, RowColumns, read_table, result_columns
from polar_detect.tables.columns.kinds import said_kinds

KINDS = {"bearing": "Vibration", "leak": "Pressure", "belt": "Speed"}
HIDDEN = 24


def machine(n_rows, *, seed=0, kind=None):
    """Return rows in which nothing is off, or a column that a kind of fault raises."""
    rng = np.random.default_rng(seed)
    load = rng.normal(50, 10, n_rows)
    rows = {
        "Load": load,
        "Vibration": 0.1 * load + rng.normal(0, 0.2, n_rows),
        "Pressure": 8 - 0.02 * load + rng.normal(0, 0.1, n_rows),
        "Speed": 1500 - load + rng.normal(0, 3, n_rows),
    }
    steps = {"Vibration": 2.0, "Pressure": -1.0, "Speed": -30.0}
    if kind is not None:
        rows[KINDS[kind]] = rows[KINDS[kind]] + steps[KINDS[kind]] * rng.uniform(0.8, 1.4, n_rows)
    return pd.DataFrame(rows).round(2)


def training(**n_of_kinds):
    """Return normal rows and labelled faults, and of what kind each row is."""
    parts = [machine(300), *(machine(n, seed=9, kind=kind) for kind, n in n_of_kinds.items())]
    kinds = [None] * 300 + [kind for kind, n in n_of_kinds.items() for _ in range(n)]
    return pd.concat(parts, ignore_index=True), kinds


@pytest.fixture(scope="module")
def fitted():
    rows, kinds = training(bearing=6, leak=6)
    return PolarDetector().fit(rows, kinds=kinds)


def told(detector, rows):
    """Return the names of what flagged rows are like, "" of none."""
    found = detector.assess(rows)
    assert found.is_anomaly.mean() > 0.9
    return np.asarray(found.like_known)[found.is_anomaly]


@pytest.mark.parametrize("kind", ["bearing", "leak"])
def test_a_fault_of_a_known_kind_is_told_so_however_the_machine_runs(fitted, kind):
    said = told(fitted, machine(60, seed=3, kind=kind))
    assert np.mean(said == kind) > 0.7
    assert set(said) <= {kind, ""}


def test_a_fault_of_a_new_kind_is_like_none(fitted):
    said = told(fitted, machine(60, seed=3, kind="belt"))
    assert np.mean(said == "") > 0.9


def test_one_normal_row_of_twenty_at_most_is_like_a_known_anomaly_by_chance(fitted):
    own = fitted.assess(machine(600, seed=4)).known_anomalies
    known = fitted.fitted_.known
    assert np.mean([near.is_like for near in own]) < 0.07
    by_chance = np.mean([near.similarity >= known.chance for near in own])
    assert 0.02 < by_chance < 0.09
    assert known.within > known.chance  # here it is the other limit that decides


def test_the_nearest_is_named_also_where_a_row_is_like_none(fitted):
    own = fitted.assess(machine(3, seed=3, kind="belt")).known_anomalies
    assert {near.kind for near in own} <= {"bearing", "leak"}
    assert all("Vibration" in near.text and -1 <= near.similarity < 1 for near in own)


def test_a_known_anomaly_itself_is_like_it(fitted):
    rows, kinds = training(bearing=6, leak=6)
    own = fitted.assess(rows[300:])
    assert [near.kind for near in own.known_anomalies] == kinds[300:]
    assert all(near.similarity == 1 and near.is_like for near in own.known_anomalies)


def test_kinds_change_no_score(fitted):
    rows, kinds = training(bearing=6, leak=6)
    unnamed = PolarDetector().fit(rows, [kind is not None for kind in kinds])
    new = machine(40, seed=5, kind="leak")
    np.testing.assert_array_equal(unnamed.score_samples(new), fitted.score_samples(new))
    # Without kinds the anomaly is named by what it says.
    assert {name[:5] for name in unnamed.assess(new).like_known} <= {"", "Load:"}


def test_without_labelled_anomalies_nothing_is_said():
    own = PolarDetector().fit(machine(60)).assess(machine(5, seed=1))
    assert own.known_anomalies == ()
    assert "known_anomaly" not in own.to_frame()


def test_a_single_known_anomaly_will_do():
    rows, kinds = training(bearing=1)
    detector = PolarDetector().fit(rows, kinds=kinds)
    assert np.mean(told(detector, machine(60, seed=3, kind="bearing")) == "bearing") > 0.5
    assert np.mean(told(detector, machine(60, seed=3, kind="belt")) == "") > 0.9


def test_a_saved_detector_says_the_same_and_lists_what_it_keeps(fitted, tmp_path):
    fitted.save(tmp_path / "saved")
    new = machine(20, seed=6, kind="leak")
    loaded = PolarDetector.load(tmp_path / "saved")
    assert loaded.assess(new).known_anomalies == fitted.assess(new).known_anomalies
    contents = read_contents(tmp_path / "saved")
    assert len(contents.labelled) == 12
    assert any(own.what.startswith("12 labelled anomalies") for own in contents.kept)


def test_an_artifact_whose_anomalies_lack_a_kind_is_refused(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr("polar_detect.artifact.reading.check_files", lambda *_: None)
    folder = tmp_path / "saved"
    fitted.save(folder)
    path = folder / KNOWN
    path.write_text(path.read_text("utf-8").replace('"kinds": [\n  "bearing",', '"kinds": [\n'))
    assert (folder / MANIFEST).exists()
    with pytest.raises(ArtifactError, match="known_anomalies"):
        PolarDetector.load(folder)


def test_only_flagged_rows_of_a_frame_name_a_known_anomaly(fitted):
    found = fitted.assess(pd.concat([machine(200, seed=7), machine(9, seed=8, kind="leak")]))
    frame = found.to_frame()
    assert set(frame["known_anomaly"][~frame["is_anomaly"]]) == {""}
    assert "leak" in set(frame["known_anomaly"])
    none = replace(found, is_anomaly=np.zeros(209, bool))
    assert set(none.to_frame()["known_anomaly"]) == {""}
    assert "leak" in none.like_known


def test_reports_say_how_many_are_like_which_kind(fitted):
    new = pd.concat([machine(20, seed=7), *(machine(9, seed=8, kind=kind) for kind in KINDS)])
    report = Report.of(fitted, new.reset_index(drop=True))
    own = report.data.like_known
    assert own.n_known == 12
    assert own.n_like == sum(n for _, n in own.kinds) >= 10
    assert own.n_like + own.n_unlike == report.data.n_flagged
    page = report._repr_html_()
    assert "Like labelled anomalies: " in page
    assert "Like a labelled anomaly: “leak”" in page
    assert "Like no single one of the labelled anomalies (nearest: " in page
    shown = Report(report.data, "ja")._repr_html_()
    assert "ラベル付きの異常に似ています：「leak」" in shown
    assert "ラベル付きの異常の中に、特に似たものはありません" in shown


def test_the_service_names_kinds_and_no_texts(fitted):
    answers = Answers(fitted, fitted.rows_)
    rows = fitted.rows_.texts(pd.concat([machine(3, seed=8, kind="leak"), machine(3, seed=7)]))
    kinds = [own.known_kind for own in answers.explain(rows)]
    assert "leak" in kinds[:3]
    assert kinds[3:] == [None] * 3


def test_the_service_says_which_labelled_anomaly_it_is_where_none_has_a_kind(tmp_path):
    rows, kinds = training(bearing=6, leak=6)
    plain = PolarDetector().fit(rows, [kind is not None for kind in kinds])
    plain.save(tmp_path / "detector")
    loaded = PolarDetector.load(tmp_path / "detector")
    answers = Answers(loaded, loaded.rows_)
    new = [machine(9, seed=8, kind=kind) for kind in ("bearing", "leak")]
    found = answers.explain(loaded.rows_.texts(pd.concat([*new, machine(3, seed=7)])))
    assert {own.known_kind for own in found[:18] if own.is_anomaly} == {""}
    for part, first in ((found[:9], 1), (found[9:18], 7)):  # six bearings, then six leaks
        places = {own.known_place for own in part} - {None}
        assert places
        assert places <= {*range(first, first + 6)}
    assert [own.known_place for own in found[18:]] == [None] * 3


def test_score_and_report_name_kinds_and_count_them(run, tmp_path):
    rows, kinds = training(bearing=6, leak=6)
    words = ["-", "OK", "none", "なし", "", "特になし"]
    train, new = tmp_path / "train.csv", tmp_path / "new.csv"
    said = [words[i % 6] if kind is None else kind for i, kind in enumerate(kinds)]
    rows.assign(Cause=said).to_csv(train, index=False)
    pd.concat([machine(40, seed=7), machine(9, seed=8, kind="leak")]).to_csv(new, index=False)
    options = ("--all-columns", "--kind-column", "cause", "--out", tmp_path / "detector")
    code, _, err = run("fit", train, *options)
    assert code == 0
    assert "says of what kind 12 of 12 anomalous rows are: bearing (6), leak (6)" in err
    assert "Cause:" not in err  # it is no part of the rows
    out = tmp_path / "scored.csv"
    code, _, err = run("score", new, "--detector", tmp_path / "detector", "--out", out)
    assert code == 0
    assert "Like labelled anomalies: " in err
    assert "“leak”" in err
    scored = pd.read_csv(out, keep_default_na=False)
    asides = ["known_anomaly", "repeat_of", "unusual_digits", "likely_mistake", "flat_run"]
    assert [*scored][-5:] == asides
    assert set(scored["known_anomaly"][40:]) <= {"leak", ""}
    assert (scored["known_anomaly"] == "leak").sum() >= 5
    assert "known_anomaly" in result_columns(scored)
    code, _, err = run("fit", out, "--all-columns", "--out", tmp_path / "again", "--lang", "ja")
    assert code == 0
    assert "known_anomaly" in err  # it is left out
    code, shown, _ = run("inspect", tmp_path / "detector", "--lang", "ja")
    assert any("異常12件" in line and is_japanese(line) for line in shown.splitlines())


def test_labels_decide_where_there_are_both(tmp_path):
    path = tmp_path / "rows.csv"
    rows, kinds = training(bearing=6)
    labels = ["NG" if kind else "OK" for kind in kinds]
    rows.assign(label=labels, cause=["normal wear", *kinds[1:]]).to_csv(path, index=False)
    table = read_table(
        path,
        label_column="label",
        rows=RowColumns(),
        options=ReadOptions(kind_column="cause"),
    )
    assert table.labels.sum() == 6
    assert [*table.template.names] == ["Load", "Vibration", "Pressure", "Speed"]
    alone = read_table(path, rows=RowColumns(), options=ReadOptions(kind_column="cause"))
    assert alone.labels.sum() == 7


def test_a_column_of_kinds_that_is_given_as_labels_is_told(run, tmp_path):
    rows, kinds = training(bearing=6)
    rows.assign(cause=kinds).to_csv(tmp_path / "rows.csv", index=False)
    options = ("--all-columns", "--label-column", "cause", "--out", tmp_path / "detector")
    code, _, err = run("fit", tmp_path / "rows.csv", *options)
    assert code == 1
    assert "pass it to fit as --kind-column" in err


def test_what_says_nothing_is_no_anomaly_and_what_is_unknown_has_no_kind():
    cells = [
        "Leak",
        "—",
        "該当なし",
        "正常",
        "N/A",
        " LEAK",
        "Ｌｅａｋ",
        "不明",
        "NG",
        "2",
        "1",
        "0",
    ]
    own = said_kinds(pd.Series([*cells, None]))
    assert own.kinds == ("Leak", *[""] * 4, "Leak", "Leak", "", "", "2", "1", "", "")
    expected = [True, *[False] * 4, *[True] * 6, False, False]
    assert own.is_anomalous.tolist() == expected


def test_another_number_of_kinds_is_refused():
    with pytest.raises(InputError, match="Got 2 kinds for 60 texts"):
        PolarDetector().fit(machine(60), kinds=["leak", None])


def sentences(n, *, seed, along=None):
    """Return unit embeddings that vary in two directions, and may deviate along another."""
    rng = np.random.default_rng(seed)
    points = 0.2 * rng.normal(size=(n, HIDDEN))
    points[:, :2] += 3 * rng.normal(size=(n, 2))
    if along is not None:
        points[:, along] += 1.5
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def known_sentences(normal, labelled, kinds):
    """Return labelled anomalies with these embeddings."""
    covariances = Covariances.fit(normal[:200][:, None])

    def of(embeddings):
        return Deviations.of(no_columns(len(embeddings)), embeddings=embeddings, normal=covariances)

    texts = tuple(f"anomaly {i}" for i in range(len(labelled)))
    return KnownAnomalies.fit(
        Labelled(texts, kinds), of(labelled), of(normal[200:]), normal=covariances
    )


def no_columns(n):
    return FeatureTable.empty(n)


def test_texts_are_compared_by_what_normal_ones_do_not_vary_in():
    normal = sentences(300, seed=0)
    labelled = np.vstack([sentences(8, seed=1, along=5), sentences(8, seed=2, along=7)])
    known = known_sentences(normal, labelled, ("oil",) * 8 + ("belt",) * 8)

    def like(embeddings):
        found = known.nearest(no_columns(len(embeddings)), embeddings)
        return np.asarray([own.name if own.is_like else "" for own in found])

    assert np.mean(like(sentences(100, seed=3, along=5)) == "oil") > 0.7
    assert np.mean(like(sentences(100, seed=3, along=9)) == "") > 0.9
    # Control: by the embeddings themselves, whose large directions say nothing here, it fails.
    cosines = sentences(100, seed=3, along=5) @ labelled.T
    by_cosine = np.mean(cosines.argmax(1) < 8)
    nearest = known.nearest(no_columns(100), sentences(100, seed=3, along=5))
    assert by_cosine + 0.1 < np.mean([own.kind == "oil" for own in nearest])


def test_with_too_few_held_out_texts_nothing_is_near_enough():
    normal = sentences(210, seed=0)
    known = known_sentences(normal, sentences(3, seed=1, along=5), ("oil",) * 3)
    assert not any(own.is_like for own in known.nearest(no_columns(3), sentences(3, seed=2)))
    assert known.chance == 2.0


def test_what_is_farther_from_all_than_they_are_from_each_other_is_like_none():
    names = ("A", "B", "C", "D", "E", "F")
    features = tuple(column_feature(name, "value") for name in names)

    def table(points):
        return FeatureTable(np.asarray(points, np.float32), features)

    rng = np.random.default_rng(0)
    normal, noise = table(rng.normal(size=(200, 6))), 0.2 * rng.normal(size=(8, 6))
    labelled = Labelled(tuple("abcdefgh"), ("oil",) * 8)
    own = Deviations.of(table(np.eye(6)[0] * 8 + noise))
    known = KnownAnomalies.fit(labelled, own, Deviations.of(normal))
    same, other = known.nearest(table([[8, 0.2, 0, 0, 0.1, 0], [6, 6, 0, 0, 0, 0]]))
    assert same.is_like
    assert not other.is_like
    assert known.chance < other.similarity < known.within  # control: normal ones are farther still


def test_copies_of_an_anomaly_count_once():
    normal, labelled = sentences(300, seed=0), sentences(3, seed=1, along=5)
    covariances = Covariances.fit(normal[:200][:, None])

    def of(embeddings):
        return Deviations.of(no_columns(len(embeddings)), embeddings=embeddings, normal=covariances)

    own = Labelled(("a", "b", "c") * 2, ("oil",) * 6)
    found = KnownAnomalies.fit(
        own, of(np.vstack([labelled] * 2)), of(normal[200:]), normal=covariances
    )
    assert len(found) == 3
    assert found.within < 1  # control: each copy is as near to another as can be


def test_without_texts_none_is_left_that_nothing_would_name():
    own = Labelled(("hose leaks", "what is this", "belt worn"), ("leak", "", "wear"))
    none = np.zeros((3, 0), np.float32)
    deviations = Deviations(none, np.eye(4, dtype=np.float32)[:3])
    found = KnownAnomalies.fit(own, deviations, deviations)
    kept = found.without_texts()
    assert kept.labelled == Labelled(("", ""), ("leak", "wear"))
    assert np.array_equal(kept.deviations.columns, np.eye(4)[[0, 2]])
    assert len(found) == 3


@pytest.fixture(scope="module")
def of_texts(tiny_pair):
    strange = [f"replaced the leaking hose of press {i}" for i in range(6)]
    return PolarDetector(**tiny_pair).fit(
        [*NORMAL, *strange], kinds=[*[None] * len(NORMAL), *["leak"] * 6]
    )


def test_texts_are_like_known_anomalies_too_and_empty_ones_are_not(of_texts, tmp_path):
    new = ["replaced the leaking hose of press 9", "   ", NORMAL[0]]
    found = of_texts.assess(new, programs_of="none")
    first, empty, _ = found.known_anomalies
    assert first.kind == "leak"
    assert "leaking hose" in first.text
    assert empty is None
    of_texts.save(tmp_path / "saved")
    again = PolarDetector.load(tmp_path / "saved").assess(new, programs_of="none")
    assert again.known_anomalies == found.known_anomalies
    alone = of_texts.assess(new[:1], programs_of="none")
    assert alone.known_anomalies == found.known_anomalies[:1]


@pytest.mark.slow
def test_where_texts_are_not_kept_kinds_are_and_without_kinds_nothing(tiny_pair, tmp_path):
    strange = [f"replaced the leaking hose of press {i}" for i in range(6)]
    texts, labels = [*NORMAL, *strange], np.arange(len(NORMAL) + 6) >= len(NORMAL)
    kinds = np.where(labels, "leak", None)
    detector = PolarDetector(**tiny_pair, store_texts=False).fit(texts, labels, kinds=kinds)
    own = detector.assess(strange[:1], programs_of="none").known_anomalies[0]
    assert (own.text, own.kind) == ("", "leak")
    detector.save(tmp_path / "saved")
    kept = [own.what for own in read_contents(tmp_path / "saved").kept]
    assert "of 6 anomalies the kinds, and how they deviate from normal ones" in kept
    assert "hose" not in (tmp_path / "saved" / KNOWN).read_text("utf-8")
    shutil.rmtree(tmp_path / "saved")
    detector = PolarDetector(**tiny_pair, store_texts=False).fit(texts, labels)
    assert detector.fitted_.known is None
