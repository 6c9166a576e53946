import datetime
import gc
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from kill_me import made_up
from windows_files import hold_open_files

from polar_detect import atomic, calibration, tables
from polar_detect.artifact.sealing import manifest_sha256
from polar_detect.assessment import Result
from polar_detect.errors import InputError, OutputError
from polar_detect.scoring import run
from polar_detect.scoring.cache import ResultCache
from polar_detect.scoring.earlier_result import EarlierResult
from polar_detect.scoring.flags import FlagRule, Tally
from polar_detect.scoring.job import CHUNK_ROWS, ScoreJob, open_input
from polar_detect.scoring.partial import Partial, folder_of
from polar_detect.scoring.results import from_arrow, to_arrow, with_programs_up_to
from polar_detect.scoring.sample import Sample

RULE = FlagRule(0.05, fdr=0.3)
DAY = datetime.datetime(2025, 4, 1)


class Killed(BaseException):
    """Stands for a kill where no process is needed: nothing catches it."""


@pytest.fixture
def detector_folder(tmp_path):
    folder = tmp_path / "detector"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.csv"
    write_orders(path, 1000)
    return path


def write_orders(path, n_rows):
    """Write rows with repeated, empty and multi-line texts, and some that cannot be read."""
    rows = ["id,text"]
    for i in range(n_rows):
        text = "" if i % 97 == 0 else f"pump {i % 700} leaks"
        rows.append(f'{i},"{text}\nagain"' if i % 50 == 7 else f"{i},{text}")
        if i % 211 == 3:
            rows.append(f"{i},ragged,row")
    path.write_text("\n".join(rows) + "\n")


def score(
    source,
    out,
    detector_folder,
    *,
    rule=RULE,
    engine=made_up,
    restart=False,
    progress=lambda *_: None,
):
    job = job_of(source, out, detector_folder, restart=restart)
    return run.run(job, open_input(job), engine, rule, progress)


def job_of(source, out, detector_folder, **options):
    return ScoreJob(
        source=source,
        out=out,
        detector_sha256=manifest_sha256(detector_folder),
        default_column="text",
        **{"n_held_out": 999} | options,
    )


def killed_after(n_calls, calls=None):
    calls = [] if calls is None else calls

    def engine(texts, advance):
        if len(calls) == n_calls:
            raise Killed
        return made_up(texts, advance, calls=calls)

    return engine


def read(path):
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_every_row_is_written_rejected_or_both_counted(orders, detector_folder, tmp_path):
    out = tmp_path / "scored.csv"
    calls, done = [], []
    summary = score(
        orders,
        out,
        detector_folder,
        engine=lambda t, a: made_up(t, a, calls=calls),
        progress=lambda stage, n, n_all: done.append((stage, n, n_all)),
    )
    assert done == sorted(done)
    assert done[-1] == ("score", 1000, 1000)
    written, rejected = read(out), read(tmp_path / "scored.rejected.csv")
    assert written["id"].tolist() == [str(i) for i in range(1000)]
    assert (summary.n_rows, summary.n_rejected) == (1000, len(rejected)) == (1000, 5)
    assert rejected["line"].tolist()[0] == "6"
    assert rejected["text"].tolist()[0] == "3,ragged,row"
    assert summary.n_empty == (written["score"] == "").sum() == 11
    assert (written["program"] == "0-4").sum() == 989  # flagged or not
    assert summary.n_flagged == (written["is_anomaly"].str.lower() == "true").sum() > 0
    scores = pd.to_numeric(written["score"]).dropna().to_numpy()
    np.testing.assert_allclose(summary.scores, scores, atol=1e-6)
    texts = [text for call in calls for text in call]
    assert len(texts) == len(set(texts)) == summary.n_computed  # each distinct text once
    assert set(texts) == set(written["text"])
    assert {p.name for p in tmp_path.iterdir()} == {
        "orders.csv", "scored.csv", "scored.rejected.csv", "detector",
    }  # fmt: skip


@pytest.mark.parametrize(("limit", "n"), [("MAX_ROWS", 20), ("MAX_COLUMNS", 5)])
def test_what_no_excel_file_holds_is_refused_before_the_work(
    detector_folder, tmp_path, monkeypatch, limit, n
):
    write_orders(tmp_path / "in.csv", 30)
    monkeypatch.setattr(f"polar_detect.tables.output.excel.{limit}", n)
    open_input(job_of(tmp_path / "in.csv", tmp_path / "out.csv", detector_folder))  # control
    with pytest.raises(OutputError, match="for an Excel file; expected at most that many"):
        open_input(job_of(tmp_path / "in.csv", tmp_path / "out.xlsx", detector_folder))


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("n_calls", [0, 1, 3])
def test_a_resumed_run_writes_what_an_undisturbed_one_does_and_computes_the_rest_only(
    orders, detector_folder, tmp_path, ending, n_calls
):
    whole, resumed = tmp_path / f"whole{ending}", tmp_path / f"resumed{ending}"
    undisturbed = score(orders, whole, detector_folder)
    with pytest.raises(Killed):
        score(orders, resumed, detector_folder, engine=killed_after(n_calls))
    assert not resumed.exists()
    summary = score(orders, resumed, detector_folder)
    assert resumed.read_bytes() == whole.read_bytes()
    assert summary.n_resumed == n_calls * CHUNK_ROWS
    assert (summary.n_computed < undisturbed.n_computed) == (n_calls > 0)
    assert not folder_of(resumed).exists()


def test_a_run_whose_results_do_not_fit_in_memory_computes_each_text_once(
    orders, detector_folder, tmp_path, monkeypatch
):
    whole, out = tmp_path / "whole.csv", tmp_path / "scored.csv"
    expected = score(orders, whole, detector_folder)
    monkeypatch.setattr(run, "ResultCache", partial(ResultCache, max_in_memory=20))
    calls = []
    for _ in range(2):
        with pytest.raises(Killed):
            score(orders, out, detector_folder, engine=killed_after(2, calls))
        assert {path.suffix for path in folder_of(out).iterdir()} == {"", ".json", ".parquet"}
    score(orders, out, detector_folder, engine=lambda t, a: made_up(t, a, calls=calls))
    assert out.read_bytes() == whole.read_bytes()
    texts = [text for call in calls for text in call]
    assert len(texts) == len(set(texts)) == expected.n_computed
    assert not folder_of(out).exists()


def test_a_run_killed_while_it_writes_the_output_is_resumed(
    orders, detector_folder, tmp_path, monkeypatch
):
    whole, resumed = tmp_path / "whole.csv", tmp_path / "resumed.csv"
    score(orders, whole, detector_folder)
    with monkeypatch.context() as patch:

        def kill(*_):
            raise Killed

        patch.setattr(Partial, "remove", kill)
        with pytest.raises(Killed):
            score(orders, resumed, detector_folder)
    resumed.unlink()
    summary = score(orders, resumed, detector_folder, engine=killed_after(0))
    assert (summary.n_computed, summary.n_resumed) == (0, 1000)
    assert resumed.read_bytes() == whole.read_bytes()


def test_progress_begins_behind_what_an_earlier_run_has_done(orders, detector_folder, tmp_path):
    out, done = tmp_path / "scored.csv", []

    def progress(_, *counts):
        done.append(counts)

    with pytest.raises(Killed):
        score(orders, out, detector_folder, engine=killed_after(2))
    score(orders, out, detector_folder, progress=progress)
    assert (done[0], done[-1]) == ((512, 1000), (1000, 1000))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names are Unicode elsewhere")
def test_an_output_may_have_a_name_that_is_not_utf8(orders, detector_folder, tmp_path):
    out = tmp_path / os.fsdecode("結果.csv".encode("cp932"))
    with pytest.raises(Killed):
        score(orders, out, detector_folder, engine=killed_after(1))
    assert score(orders, out, detector_folder).n_resumed == CHUNK_ROWS
    assert len(read(out)) == 1000


@pytest.mark.slow
def test_a_run_killed_by_the_system_at_random_moments_is_resumed(orders, detector_folder, tmp_path):
    whole, out = tmp_path / "whole.csv", tmp_path / "killed.csv"
    score(orders, whole, detector_folder)
    script = Path(__file__).with_name("kill_me.py")
    command = [sys.executable, str(script), str(orders), str(out), str(detector_folder)]
    chance = random.Random(6)
    for n_finished in range(3):
        process = subprocess.Popen(command)
        first = folder_of(out) / f"chunk-{n_finished:08d}.parquet"
        while not first.exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.wait()
    if not out.exists():
        assert score(orders, out, detector_folder).n_resumed > 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
def test_a_run_ends_well_where_open_files_can_neither_be_removed_nor_replaced(
    orders, detector_folder, tmp_path, monkeypatch, ending
):
    whole, out = tmp_path / f"whole{ending}", tmp_path / f"scored{ending}"
    score(orders, whole, detector_folder)
    with monkeypatch.context() as patch:
        hold_open_files(patch)
        with whole.open("rb"), pytest.raises(PermissionError):  # control: they cannot
            whole.unlink()
        monkeypatch.setattr(run, "ResultCache", partial(ResultCache, max_in_memory=20))
        with pytest.raises(Killed):
            score(orders, out, detector_folder, engine=killed_after(2))
        score(orders, out, detector_folder)
    if ending != ".xlsx":  # which holds the time when it was written
        assert out.read_bytes() == whole.read_bytes()
    assert not folder_of(out).exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there, nor removed")
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".xlsx"])
def test_a_kill_while_the_output_is_written_leaves_nothing_behind_the_next_run(
    orders, detector_folder, tmp_path, tmp_path_factory, ending
):
    out, before = tmp_path / f"killed{ending}", set(tmp_path.iterdir())
    script = Path(__file__).with_name("kill_me.py")
    command = [sys.executable, script, orders, out, detector_folder, "3"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(list(tmp_path.glob(".polar-detect-*.part"))) == 2  # control: of the rejected, too
    left = shutil.copytree(tmp_path, tmp_path_factory.mktemp("killed") / "left")
    assert score(orders, out, detector_folder).n_resumed == 1000
    rejected = tmp_path / "killed.rejected.csv"
    assert set(tmp_path.iterdir()) == before | {out, rejected}
    shutil.copytree(left, tmp_path, dirs_exist_ok=True)  # as if it were killed again
    orders.write_text("id,text\n1,all well\n")  # nothing is rejected any more
    score(orders, out, detector_folder, restart=True)
    assert set(tmp_path.iterdir()) == before | {out}


def test_another_input_detector_or_option_is_named(orders, detector_folder, tmp_path):
    out = tmp_path / "scored.csv"
    with pytest.raises(Killed):
        score(orders, out, detector_folder, engine=killed_after(1))
    with pytest.raises(InputError, match=r"another --fdr; expected the same command.*--restart"):
        score(orders, out, detector_folder, rule=FlagRule(0.05, fdr=0.2))
    with pytest.raises(InputError, match="another --alpha"):
        score(orders, out, detector_folder, rule=FlagRule(0.06, fdr=0.3))
    job = job_of(orders, out, detector_folder, programs_of="flagged")
    with pytest.raises(InputError, match=r"another choice of programs \(--preset\); expected"):
        run.run(job, open_input(job), made_up, RULE, lambda *_: None)
    with pytest.raises(Killed):  # control: the same command goes on
        score(orders, out, detector_folder, engine=killed_after(0))
    (detector_folder / "manifest.json").write_text("{ }")
    with pytest.raises(InputError, match="another detector"):
        score(orders, out, detector_folder)
    write_orders(orders, 999)
    with pytest.raises(InputError, match="another detector, input"):
        score(orders, out, detector_folder)
    assert score(orders, out, detector_folder, restart=True).n_rows == 999


def test_of_an_unfinished_run_of_another_version_only_that_is_named(
    orders, detector_folder, tmp_path, monkeypatch
):
    out = tmp_path / "scored.csv"
    # Of options, another version wrote what it knew, under the names that these had there.
    with monkeypatch.context() as earlier:
        earlier.setattr(run.polar_detect, "__version__", "0.1.0")
        with pytest.raises(Killed):
            score(orders, out, detector_folder, engine=killed_after(1))
    message = (
        rf"Got an unfinished run for '{out}' of polar-detect 0\.1\.0; expected one of this "
        rf"version, {run.polar_detect.__version__}; finish it with 0\.1\.0, or pass --restart"
    )
    with pytest.raises(InputError, match=message):
        score(orders, out, detector_folder, rule=FlagRule(0.05, fdr=0.2))
    assert score(orders, out, detector_folder, restart=True).n_rows == 1000


def test_an_unfinished_run_that_had_finished_nothing_stands_in_no_ones_way(
    orders, detector_folder, tmp_path
):
    out = tmp_path / "nightly.csv"
    with pytest.raises(Killed):
        score(orders, out, detector_folder, engine=killed_after(0))
    assert (folder_of(out) / "manifest.json").exists()  # control: it had begun
    assert not list(folder_of(out).glob("chunk-*"))
    write_orders(orders, 999)  # of the next night
    assert score(orders, out, detector_folder).n_rows == 999
    assert not folder_of(out).exists()


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_run_that_no_later_one_goes_on_with_stands_in_no_ones_way(
    orders, detector_folder, tmp_path, monkeypatch, is_killed
):
    out = tmp_path / "screened.csv"
    job = job_of(orders, out, detector_folder, goes_on=False)
    with monkeypatch.context() as patch:
        if is_killed:
            patch.setattr(Partial, "remove", lambda _: None)
        with pytest.raises(Killed):
            run.run(job, open_input(job), killed_after(2), RULE, lambda *_: None)
    assert folder_of(out).exists() == is_killed
    assert len(list(folder_of(out).glob("chunk-*"))) == (2 if is_killed else 0)
    write_orders(orders, 999)  # and somebody scores it into the same place
    assert score(orders, out, detector_folder).n_resumed == 0
    assert not folder_of(out).exists()


def test_restart_begins_anew(orders, detector_folder, tmp_path):
    out = tmp_path / "scored.csv"
    with pytest.raises(Killed):
        score(orders, out, detector_folder, engine=killed_after(2))
    summary = score(orders, out, detector_folder, restart=True)
    assert (summary.n_resumed, summary.n_rows) == (0, 1000)


def test_half_written_files_of_a_killed_run_count_for_nothing(orders, detector_folder, tmp_path):
    out = tmp_path / "scored.csv"
    folder = folder_of(out)
    folder.mkdir()
    (folder / "chunk-00000000.parquet").write_bytes(b"PAR1")  # and no manifest yet
    (folder / "manifest.part").write_text("{")
    assert score(orders, out, detector_folder).n_resumed == 0


def test_a_broken_progress_file_is_named(orders, detector_folder, tmp_path):
    out = tmp_path / "scored.csv"
    with pytest.raises(Killed):
        score(orders, out, detector_folder, engine=killed_after(2))
    chunk = folder_of(out) / "chunk-00000001.parquet"
    chunk.write_bytes(chunk.read_bytes()[:50])
    with pytest.raises(InputError, match=r"chunk-00000001\.parquet', which cannot be read .*rest"):
        score(orders, out, detector_folder)
    (folder_of(out) / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json', which is not JSON; .*--restart"):
        score(orders, out, detector_folder)
    score(orders, out, detector_folder, restart=True)


def test_two_runs_do_not_write_the_same_output(orders, detector_folder, tmp_path):
    out = tmp_path / "scored.csv"

    def second(*_):
        score(orders, out, detector_folder)
        raise AssertionError

    with pytest.raises(InputError, match=r"scored\.csv', which another run is writing"):
        score(orders, out, detector_folder, engine=second)


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(
    orders, detector_folder, tmp_path, monkeypatch
):
    out = tmp_path / "scored.csv"
    with pytest.raises(Killed):
        score(orders, out, detector_folder, engine=killed_after(1))
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(28, "No space left on device")

        patch.setattr(atomic.os, "fsync", full)
        with pytest.raises(OutputError, match=r"No space left on device\); .*same command again"):
            score(orders, out, detector_folder)
    assert score(orders, out, detector_folder).n_resumed == CHUNK_ROWS


def test_an_input_that_changed_meanwhile_does_not_leave_old_rejected_rows(
    orders, detector_folder, tmp_path
):
    out = tmp_path / "scored.csv"
    score(orders, out, detector_folder)
    assert (tmp_path / "scored.rejected.csv").exists()
    orders.write_text("id,text\n1,all well\n")
    assert score(orders, out, detector_folder).rejected_path is None
    assert not (tmp_path / "scored.rejected.csv").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "1000,a new line of a log\n",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("pump", "seal"),
    ],
    ids=["longer", "shorter", "other"],
)
def test_an_input_that_changes_while_it_is_scored_gets_no_results_of_other_rows(
    change, orders, detector_folder, tmp_path
):
    out, calls = tmp_path / "scored.csv", []

    def engine(texts, advance):
        if len(calls) == 2:
            orders.write_text(change(orders.read_text()))
        return made_up(texts, advance, calls=calls)

    with pytest.raises(InputError, match=r"orders\.csv', which was changed while it was read"):
        score(orders, out, detector_folder, engine=engine)
    assert not out.exists()
    copy = shutil.copy(orders, tmp_path / "copy.csv")  # control: as the message says
    assert score(copy, out, detector_folder, restart=True).n_rows == len(read(out))


@pytest.mark.slow
def test_an_earlier_result_is_looked_into_a_chunk_at_a_time(tmp_path):
    peaks, columns = [], [f"column {i}" for i in range(10)]
    added = {"score": 0.5, "p_value": 0.5, "is_anomaly": False}
    for n_rows in (1000, 4000):
        out = tmp_path / f"{n_rows}.csv"
        frame = pd.DataFrame(dict.fromkeys(columns, "the pump leaks") | added, index=range(n_rows))
        frame.to_csv(out, index=False)
        earlier = EarlierResult(out, 256)
        gc.collect()  # so that both begin alike
        tracemalloc.start()
        earlier.check_not_filled_in(columns)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(detector_folder, tmp_path):
    peaks = []
    for n_rows in (1000, 4000):
        source = tmp_path / f"{n_rows}.csv"
        write_orders(source, n_rows)
        out = tmp_path / f"{n_rows}-scored.csv"
        score(source, out, detector_folder)
        tracemalloc.start()
        score(source, out, detector_folder)  # both times an earlier result is there
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


chunks = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5), max_size=8)


def value_of(text):
    return Result(float(ord(text)), 0.5, "0-4", 5, 0, 0, text)


@contextmanager
def new_cache(size):
    with tempfile.TemporaryDirectory() as folder:
        with closing(ResultCache(Path(folder) / "seen.sqlite", size)) as cache:
            yield cache
        assert list(Path(folder).iterdir()) == []


def fill(cache, chunks, calls):
    def compute(texts):
        calls.append(texts)
        return [value_of(text) for text in texts]

    return [cache.results(texts, compute) for texts in chunks]


@given(chunks, st.integers(0, 8))
def test_each_text_is_computed_once_per_run_however_little_fits_in_memory(chunks, size):
    calls = []
    with new_cache(size) as cache:
        found = fill(cache, chunks, calls)
    assert found == [[value_of(text) for text in texts] for texts in chunks]
    computed = [text for call in calls for text in call]
    assert sorted(computed) == sorted({text for texts in chunks for text in texts})


@given(chunks, st.integers(0, 8), st.integers(0, 8))
def test_after_a_replay_the_same_batches_are_computed_as_in_one_go(chunks, size, n_finished):
    undisturbed, replayed, rest = [], [], []
    with new_cache(8) as cache:
        fill(cache, chunks, undisturbed)
    with new_cache(size) as cache:
        fill(cache, chunks[:n_finished], replayed)
        fill(cache, chunks[n_finished:], rest)
    assert replayed + rest == undisturbed


def test_no_text_and_no_hash_that_others_can_compute_is_in_the_file_of_seen_texts(tmp_path):
    path = tmp_path / "seen.sqlite"
    with closing(ResultCache(path, 0)) as cache:
        cache.results(["a", "b"], lambda texts: [value_of(text) for text in texts])
        content = path.read_bytes()
    assert b"0-4" in content  # control: results are
    for size in (16, 32, 64):
        assert hashlib.blake2b(b"a", digest_size=size).digest() not in content


def test_what_a_killed_run_left_of_seen_texts_counts_for_nothing(tmp_path):
    path, calls = tmp_path / "seen.sqlite", []
    path.write_text("half a file")
    with closing(ResultCache(path, 0)) as cache:
        fill(cache, [["a"], ["a"]], calls)
    assert calls == [["a"]]


def test_no_space_for_seen_texts_is_one_sentence(tmp_path):
    with closing(ResultCache(tmp_path / "none" / "seen.sqlite", 0)) as cache:  # noqa: SIM117
        with pytest.raises(OutputError, match=r"seen\.sqlite' \(.*\); .*give the same command"):
            fill(cache, [["a"]], [])


def test_a_sample_of_scores_is_all_of_few_and_of_many_each_as_often():
    few, counts = Sample(100), np.zeros(300)
    for start in range(0, 100, 30):
        few.add(list(range(start, min(start + 30, 100))))
    assert few.values.tolist() == list(range(100))
    for seed in range(400):
        many = Sample(30, seed)
        for start in range(0, 300, 7):
            many.add(list(range(start, min(start + 7, 300))))
        assert len(set(many.values)) == 30
        counts[many.values.astype(int)] += 1
    assert scipy.stats.chisquare(counts.reshape(10, 30).sum(1)).pvalue > 0.001
    assert scipy.stats.chisquare(counts[:30]).pvalue > 0.001


numbers = st.floats(allow_nan=False) | st.none()


@given(st.lists(st.builds(Result, numbers, numbers, st.text() | st.none(), *[st.none()] * 3,
                          st.text())))  # fmt: skip
def test_results_are_stored_exactly(results):
    assert from_arrow(to_arrow(results)) == results


@settings(max_examples=50)
@given(st.lists(st.integers(1, 20).map(lambda i: i / 20) | st.none(), max_size=40),
       st.sampled_from([0.05, 0.1, 0.3]))  # fmt: skip
def test_flags_from_counts_are_those_of_all_p_values_at_once(p_values, q):
    tally = Tally()
    for p_value in p_values:
        tally.add(p_value)
    scored = [p for p in p_values if p is not None]
    expected = calibration.benjamini_hochberg(scored, q)
    largest = tally.largest_flagged(FlagRule(0.05, fdr=q))
    assert [p <= largest for p in scored] == expected.tolist()
    assert tally.n_flagged(largest) == expected.sum()
    assert tally.largest_flagged(FlagRule(0.05)) == 0.05
    assert (tally.n_rows, tally.n_empty) == (len(p_values), len(p_values) - len(scored))


def test_a_fleet_in_any_order_gives_the_bytes_of_one_engine(orders, detector_folder, tmp_path):
    def fleet(chunks):
        for chunk, texts in reversed(list(chunks)):
            sent.append(chunk)
            if len(sent) == 3:
                raise Killed
            yield chunk, made_up(texts, lambda _: None)

    sent = []
    local, remote = tmp_path / "local.csv", tmp_path / "remote.csv"
    score(orders, local, detector_folder)
    job = job_of(orders, remote, detector_folder)
    opened = open_input(job)
    with pytest.raises(Killed):
        run.run(job, opened, None, RULE, lambda *_: None, fleet=fleet)
    run.run(job, opened, None, RULE, lambda *_: None, fleet=fleet)  # goes on
    assert remote.read_bytes() == local.read_bytes()
    assert sent == [3, 2, 1, 1, 0]


def test_cells_in_another_unit_are_counted_through_the_whole_file(detector_folder, tmp_path):
    cells = ["180", "181.5 ℃", "212 °F"] * 200  # more than one part of the file
    frame = pd.DataFrame({"t [°C]": cells})
    source = tmp_path / "in.csv"
    frame.to_csv(source, index=False)
    template = tables.RowTemplate.fit(frame[:2], ["t [°C]"])
    job = job_of(source, tmp_path / "out.csv", detector_folder, template=template)
    for n, said in ((600, "200 cells"), (5, "1 cell"), (2, "")):
        frame[:n].to_csv(source, index=False)
        expected = f"column 't [°C]': {said} in another unit than °C, such as '212 °F'; read as "
        found = [notice.startswith(expected) for notice in open_input(job).notices]
        assert found == [True] * bool(said)


def test_an_excel_output_shows_numbers_and_dates_as_the_input_does(detector_folder, tmp_path):
    source, out = tmp_path / "in.xlsx", tmp_path / "out.xlsx"
    book = openpyxl.Workbook()
    for row in (["日報"], ["text", "yield", "cost", "day", "n"], ["a", 0.9747, 1147, DAY, 7]):
        book.active.append(row)
    book.active.append(["b", None, 1153, "open", 8])
    codes = {"B": "0.0%", "C": '"¥"#,##0', "D": "yyyy/m/d", "E": "General"}
    for column, code in codes.items():
        for row in (3, 4):
            book.active[f"{column}{row}"].number_format = code
    book.save(source)
    score(source, out, detector_folder)
    sheet = openpyxl.load_workbook(out).worksheets[0]
    assert {c: sheet[f"{c}2"].number_format for c in codes} == codes
    assert sheet["B2"].value == 0.9747
    assert sheet["C3"].number_format == codes["C"]
    assert sheet["D3"].number_format == "General"  # a text
    assert sheet["F2"].number_format == "General"  # the score


def test_the_summary_of_an_excel_output_says_what_its_flags_promise(
    orders, detector_folder, tmp_path
):
    promises = []
    for rule in (FlagRule(0.1), RULE):
        out = tmp_path / f"{rule.fdr}.xlsx"
        summary = score(orders, out, detector_folder, rule=rule)
        said = dict(openpyxl.load_workbook(out).worksheets[-1].iter_rows(values_only=True))
        assert said["Rows"] == summary.n_rows == 1000
        promises.append(
            {name: x for name, x in said.items() if "by chance" in name or "at most" in name}
        )
    assert [sorted(map(float, own.values())) for own in promises] == [[0.1, 98.9], [0.3]]


def test_the_summary_of_an_excel_output_counts_chance_as_few_held_out_texts_allow(
    detector_folder, tmp_path
):
    source, out = tmp_path / "in.csv", tmp_path / "out.xlsx"
    write_orders(source, 100)
    job = job_of(source, out, detector_folder, n_held_out=38)
    summary = run.run(job, open_input(job), made_up, FlagRule(0.05), lambda *_: None)
    said = dict(openpyxl.load_workbook(out).worksheets[-1].iter_rows(values_only=True))
    (by_chance,) = (x for name, x in said.items() if "by chance" in name)
    assert by_chance == pytest.approx((summary.n_rows - summary.n_empty) * 0.026, abs=0.05)


def test_only_what_is_above_the_largest_flagged_p_value_loses_its_program():
    results = [Result(1.0, p_value, "0-4", 5, 0, 0) for p_value in (0.04, 0.05, 0.06, None)]
    kept = with_programs_up_to(0.05, results)
    assert kept[:2] + kept[3:] == results[:2] + results[3:]
    assert kept[2] == Result(1.0, 0.06)
