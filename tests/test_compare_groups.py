"""Comparisons in which test rows are of other lots than those that were learned from."""

import json

import numpy as np
import pandas as pd
import pytest

from polar_detect import compare as comparing
from polar_detect.compare.reading.rows import Rows, split_by_group
from polar_detect.compare.results.comparison import AUROC
from polar_detect.errors import InputError

N_LOTS, N_IN_LOT = 30, 20


def lots_of_parts(seed=0, *, name="Lot"):
    """Return parts whose lots differ, and whose faults come in whole lots with nothing else."""
    rng = np.random.default_rng(seed)
    lot = np.repeat(np.arange(N_LOTS), N_IN_LOT)
    means = rng.normal(0, 5, (N_LOTS, 3))
    parts = means[lot] + rng.normal(0, 1, (len(lot), 3))
    is_bad = (lot % 5 == 0) & (rng.random(len(lot)) < 0.95)
    frame = pd.DataFrame(parts.round(2), columns=["length", "width", "weight"])
    frame.insert(0, name, [f"L{100 + own}" for own in lot])
    return frame.assign(verdict=np.where(is_bad, "NG", "OK"))


@pytest.fixture
def parts(tmp_path):
    path = tmp_path / "parts.csv"
    lots_of_parts().to_csv(path, index=False)
    return path


def read(path, **asked):
    return comparing.read_task(path, None, comparing.Reading(target="verdict", **asked))


def test_rows_of_a_lot_are_on_one_side_of_the_split(parts):
    task = read(parts)
    train, test = (set(own.groups.tolist()) for own in (task.train, task.test))
    assert train.isdisjoint(test)
    assert len(train | test) == N_LOTS
    share = len(task.test) / (N_LOTS * N_IN_LOT)
    odd = task.test.target.sum() / (task.train.target.sum() + task.test.target.sum())
    assert (share, odd) == pytest.approx((0.4, 0.4), abs=0.1)
    (note,) = [note for note in task.notes if "other values of 'Lot'" in note]
    assert f"({len(test)}) than training rows ({len(train)})" in note


def test_columns_that_are_called_otherwise_are_asked_for(tmp_path):
    path = tmp_path / "parts.csv"
    lots_of_parts(name="Customer").to_csv(path, index=False)
    assert read(path).train.groups is None
    task = read(path, group_column="customer ")
    assert set(task.train.groups).isdisjoint(task.test.groups)
    assert "Customer" not in task.columns
    assert "--group-column Customer" in task.fit_options


def test_a_lot_is_no_feature_of_the_methods_though_it_is_a_number(tmp_path):
    path = tmp_path / "parts.csv"
    frame = lots_of_parts()
    frame["Lot"] = frame["Lot"].str[1:]
    frame.to_csv(path, index=False)
    task = read(path)
    assert task.columns == ("length", "width", "weight")
    assert set(task.train.groups).isdisjoint(task.test.groups)


def test_few_lots_and_files_of_their_own_are_left_as_they_are(tmp_path, parts):
    few = tmp_path / "few.csv"
    lots_of_parts()[: 9 * N_IN_LOT].to_csv(few, index=False)
    assert read(few).train.groups is None
    task = comparing.read_task(parts, parts, comparing.Reading(target="verdict"))
    assert (task.train.groups, task.test.groups) == (None, None)


def faults_in_one_lot(tmp_path):
    frame = lots_of_parts()
    frame["verdict"] = np.where((frame["Lot"] == "L105") & (frame.index % 2 == 0), "NG", "OK")
    path = tmp_path / "one.csv"
    frame.to_csv(path, index=False)
    return path


def test_where_all_faults_are_of_one_lot_the_rows_are_mixed_which_is_said(tmp_path):
    task = read(faults_in_one_lot(tmp_path))
    assert task.train.groups is None
    assert any("no split by it leaves anomalous rows in both" in note for note in task.notes)


def test_where_it_was_asked_for_that_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"Got anomalous rows of 1 of 30 values in column 'Lot'"):
        read(faults_in_one_lot(tmp_path), group_column="Lot")


def test_normal_rows_of_two_groups_are_left_to_learn_from():
    rows = rows_of(np.arange(60) % 3, np.arange(60) % 7 == 0)
    for seed in range(9):
        train, _ = split_by_group(rows, rows.groups, test_share=0.9, seed=seed)
        assert len({*train.normal.groups}) == 2
    assert split_by_group(rows, rows.groups % 2, test_share=0.5, seed=0) is None


def test_a_test_file_need_not_have_the_group_column(tmp_path, parts):
    new = tmp_path / "new.csv"
    lots_of_parts(1).drop(columns="Lot").to_csv(new, index=False)
    reading = comparing.Reading(target="verdict", group_column="Lot")
    assert comparing.read_task(parts, new, reading).test.groups is None


def test_a_group_column_that_is_not_there_is_named(parts):
    with pytest.raises(InputError, match="--group-column"):
        read(parts, group_column="Charge")


def rows_of(groups, labels):
    n = len(groups)
    return Rows([""] * n, np.zeros((n, 0)), np.asarray(labels, bool), np.asarray(groups))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_both_classes_are_held_out_in_about_the_share_asked_for(share):
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 40, 1000)
    rows = rows_of(groups, rng.random(1000) < 0.1)
    train, test = split_by_group(rows, rows.groups, test_share=share, seed=0)
    assert set(train.groups).isdisjoint(test.groups)
    for odd in (False, True):
        n_test, n_train = ((own.target == odd).sum() for own in (test, train))
        assert n_test / (n_test + n_train) == pytest.approx(share, abs=0.08)


def test_the_same_seed_draws_the_same_groups():
    rows = rows_of(np.arange(200) // 5, np.arange(200) % 7 == 0)
    first, again, other = (
        set(split_by_group(rows, rows.groups, test_share=0.4, seed=seed)[1].groups)
        for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.slow
def test_faults_that_are_known_by_their_lot_alone_are_no_longer_said_to_be_found(parts):
    """The control: mixed at random, labels seem to tell them, as a lot is near its own."""
    settings = comparing.Settings(detectors=(), n_resamples=100, encoder=None)

    def best_with_labels(task):
        results = comparing.compare_detectors(task, settings).results
        return max(own.figures[AUROC].value for own in results if own.method.is_supervised)

    by_lot = best_with_labels(read(parts))
    mixed = lots_of_parts().drop(columns="Lot")
    mixed.to_csv(parts, index=False)
    assert best_with_labels(read(parts)) > 0.95
    assert by_lot < 0.9


@pytest.mark.slow
def test_a_number_is_predicted_from_rows_of_other_lots(parts, tmp_path, run):
    out = tmp_path / "out.json"
    asked = ["--target", "weight", "--columns", "length,width", "--resamples", "100"]
    code, _, _ = run("compare", parts, *asked, "--group-column", "Lot", "--out", out)
    assert code == 0
    assert "Rows of one 'Lot' are predicted from those of others." in out.read_text()
    by_lot = max(own["r2"]["value"] for own in json.loads(out.read_text())["results"])
    parts.write_text(lots_of_parts().drop(columns="Lot").to_csv(index=False))
    run("compare", parts, *asked, "--out", out)
    mixed = max(own["r2"]["value"] for own in json.loads(out.read_text())["results"])
    assert by_lot < 0.2
    assert mixed > 0.4


def test_too_few_groups_to_predict_from_are_refused(parts, run):
    frame = lots_of_parts().assign(Line=lambda own: np.where(own.index % 2, "A", "B"))
    frame.to_csv(parts, index=False)
    asked = ["--target", "weight", "--columns", "length,width", "--group-column", "Line"]
    code, _, error = run("compare", parts, *asked)
    assert (code, "Got rows of 2 groups; expected at least 5" in error) == (1, True)


@pytest.mark.slow
def test_beside_a_test_file_the_option_is_said_to_have_no_effect(parts, run):
    asked = ["--target", "weight", "--columns", "length", "--group-column", "Lot"]
    _, _, error = run("compare", parts, parts, *asked, "--resamples", "100")
    assert "--group-column has no effect where the test rows have a file of their own" in error
