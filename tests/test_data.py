"""The demo work orders are what data/README.md says, and their generator still writes them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

DATA = Path(__file__).parents[1] / "data"
ANOMALIES = ["corrupted_text", "log_line", "machine_text", "rare_failure", "wrong_department"]
COLUMNS = ["id", "date", "machine", "text", "running_h", "downtime_h", "labour_h", "cost_eur"]
NAMES = ["work_orders", "work_orders_ja"]
FILES = [f"{name}_{part}.csv" for name in NAMES for part in ("train", "new")]


def generate(*arguments, hash_seed="0"):
    command = [sys.executable, str(DATA / "generate.py"), *map(str, arguments)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def train(name):
    return pd.read_csv(DATA / f"{name}_train.csv")


@pytest.fixture
def new(name):
    return pd.read_csv(DATA / f"{name}_new.csv")


@pytest.fixture
def both(train, new):
    return pd.concat([train, new], ignore_index=True)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_generator_writes_the_committed_files_byte_for_byte(tmp_path, hash_seed):
    assert generate("--out", tmp_path, hash_seed=hash_seed).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_check_accepts_the_committed_files():
    assert generate("--check").returncode == 0


def test_check_names_a_file_in_which_one_byte_differs(tmp_path):
    for name in FILES:
        shutil.copy(DATA / name, tmp_path)
    changed = tmp_path / FILES[1]
    changed.write_bytes(changed.read_bytes().replace(b"WO-", b"wo-", 1))
    result = generate("--check", "--out", tmp_path)
    assert result.returncode == 1
    assert FILES[1] in result.stderr
    assert FILES[0] not in result.stderr


def test_check_names_a_file_that_is_missing(tmp_path):
    result = generate("--check", "--out", tmp_path)
    assert result.returncode == 1
    assert all(name in result.stderr for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_files_are_utf8_without_byte_order_mark_and_with_unix_line_ends(name):
    content = (DATA / name).read_bytes()
    content.decode("utf-8")
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert content.endswith(b"\n")


def test_new_batches_have_the_training_columns_and_then_label_and_kind(train, new):
    assert list(train.columns) == COLUMNS
    assert list(new.columns) == [*COLUMNS, "label", "kind"]
    assert not train.isna().any(axis=None)
    assert not new.isna().any(axis=None)


def test_a_row_is_labelled_an_anomaly_exactly_if_its_kind_is_not_normal(new):
    assert ((new["kind"] != "normal") == (new["label"] == 1)).all()
    assert set(new["label"]) == {0, 1}


@pytest.mark.parametrize(
    ("name", "n_train", "n_normal", "n_each"),
    [("work_orders", 400, 120, 8), ("work_orders_ja", 150, 45, 3)],
)
def test_every_kind_is_there_as_often_as_the_readme_says(name, n_train, n_normal, n_each):
    assert len(pd.read_csv(DATA / f"{name}_train.csv")) == n_train
    counts = pd.read_csv(DATA / f"{name}_new.csv")["kind"].value_counts().to_dict()
    assert counts == {"normal": n_normal} | dict.fromkeys(ANOMALIES, n_each)


def test_no_text_occurs_twice_in_training_and_new_rows_together(both):
    assert not both["text"].str.lower().duplicated().any()


def test_ids_are_unique_and_rise_with_the_date(both):
    assert both["id"].is_unique
    assert both["id"].str.fullmatch(r"WO-\d{6}").all()
    assert both["id"].is_monotonic_increasing
    assert pd.to_datetime(both["date"], format="%Y-%m-%d").is_monotonic_increasing


def test_hour_meters_never_run_backwards(both):
    assert both.groupby("machine")["running_h"].is_monotonic_increasing.all()
    assert both["running_h"].gt(0).all()


def test_costs_cover_the_labour_and_hours_are_not_negative(both):
    assert both["cost_eur"].ge(62 * both["labour_h"]).all()
    assert both["labour_h"].gt(0).all()
    assert both["downtime_h"].ge(0).all()


def test_rare_failures_cost_more_than_a_usual_order(new):
    cost = new.groupby("kind")["cost_eur"].median()
    assert cost["rare_failure"] > 10 * cost["normal"]


def test_length_alone_does_not_give_the_anomalies_away(new):
    assert 0.25 < roc_auc_score(new["label"], new["text"].str.len()) < 0.75


def test_a_text_never_shows_the_notation_of_the_phrase_files(both):
    is_log = both["kind"].eq("log_line")
    assert not both.loc[~is_log, "text"].str.contains(r"[\[\]<>|]|->").any()


def test_rare_failures_use_words_that_training_orders_never_use():
    train = " ".join(pd.read_csv(DATA / "work_orders_train.csv")["text"])
    words = {"bird", "lightning", "river", "hydrogen", "knife", "mice", "fire", "sewer"}
    assert not words & set(re.findall(r"\w+", train.lower()))
    assert {"pump", "bearing"} <= set(re.findall(r"\w+", train.lower()))


def test_few_training_orders_share_their_first_three_words():
    texts = pd.read_csv(DATA / "work_orders_train.csv")["text"].str.lower()
    openings = texts.str.split().str[:3].str.join(" ")
    assert openings.value_counts().max() <= 0.02 * len(texts)
