"""Needs the extra `ray`; a local cluster of two workers."""

import os
import signal
import time

import psutil
import pytest
import torch
from work_orders import NEW, NORMAL, STRANGE

from polar_detect.artifact.sealing import manifest_sha256
from polar_detect.errors import InputError
from polar_detect.scoring import ray_engine, run
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.scoring.partial import folder_of
from polar_detect.scoring.results import LocalEngine


def test_a_missing_extra_names_the_install_command(monkeypatch):
    monkeypatch.setattr(ray_engine.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r'Got no ray; .*pip install "polar-detect\[ray\]"'):
        ray_engine.check_installed()


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        tests = os.path.dirname(__file__)  # noqa: PTH120 - a path for the workers
        path = os.pathsep.join([os.path.dirname(tests), os.environ.get("PYTHONPATH", "")])  # noqa: PTH120
        patch.setenv("PYTHONPATH", path)
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    texts = [*NEW, "", *STRANGE, *NORMAL]
    # Every chunk has a few texts that no other has, or one worker would have all the work.
    cells = [f'{i},"{texts[i % len(texts)]}{f" {i // 256}" * (i % 32 == 0)}"' for i in range(1400)]
    path.write_text("\n".join(["id,text", *cells, "ragged"]) + "\n")
    return path


def score(rows, out, detector, folder, *, fleet=None, progress=lambda *_: None):
    sha256 = manifest_sha256(folder)
    job = ScoreJob(source=rows, out=out, detector_sha256=sha256, text_column="text", tongue="ja")
    opened = open_input(job)
    return run.run(
        job, opened, LocalEngine(detector, tongue="ja"), FlagRule(0.05), progress, fleet=fleet
    )


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_cluster_that_loses_a_worker_gives_the_local_results(
    cluster, rows, saved_on_tiny, fitted_on_tiny, tmp_path
):
    assert cluster.is_initialized()
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in Ray's actors
    local, remote = tmp_path / "local.csv", tmp_path / "remote.csv"
    expected = score(rows, local, fitted_on_tiny, saved_on_tiny)
    torch.set_num_threads(n_threads)
    killed = []

    def kill_one(*_):
        if not killed and len(list(folder_of(remote).glob("computed-*"))) >= 1:
            workers = [
                process
                for process in psutil.Process().children(recursive=True)
                if "MapWorker" in " ".join(process.cmdline())
            ]
            assert workers
            killed.append(workers[0].pid)
            os.kill(workers[0].pid, signal.SIGKILL)

    sha256, options = manifest_sha256(saved_on_tiny), ray_engine.RayOptions(n_workers=2)
    fleet = ray_engine.RayFleet(saved_on_tiny, sha256, options, tongue="ja")
    begun = time.monotonic()
    summary = score(rows, remote, fitted_on_tiny, saved_on_tiny, fleet=fleet, progress=kill_one)
    assert killed
    assert time.monotonic() - begun < 300
    assert remote.read_text() == local.read_text()
    assert summary.n_computed == expected.n_computed < 150  # each text once on all workers
    assert (summary.n_rows, summary.n_flagged) == (expected.n_rows, expected.n_flagged)
    assert (tmp_path / "remote.rejected.csv").exists()
