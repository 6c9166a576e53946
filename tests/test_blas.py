"""Work of NumPy and SciPy runs on one thread, whatever a machine has."""

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from polar_detect.alone import alone
from polar_detect.compare import PredictionSettings, Settings, compare_predictions, detection
from polar_detect.compare import regression as regressions
from polar_detect.compare.reading.rows import Rows
from polar_detect.compare.reading.task import Task
from polar_detect.numerics import blas


def threads_of_blas():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_whoever_works_alone_has_one_thread_of_blas_and_others_as_many_as_before():
    with threadpool_limits(2, user_api="blas"):
        assert threads_of_blas() == {2}
        with alone():
            assert threads_of_blas() == {1}
            with alone():
                assert threads_of_blas() == {1}
            assert threads_of_blas() == {1}
        assert threads_of_blas() == {2}


def test_the_blas_that_models_may_run_on_keeps_its_threads():
    pools = [
        {"user_api": user_api, "internal_api": internal_api, "filepath": filepath}
        for user_api, internal_api, filepath in (
            ("blas", "openblas", "/v/numpy.libs/libopenblas.so"),
            ("blas", "openblas", "/v/torch/lib/libopenblas.so"),
            ("blas", "openblas", "/v/torch.libs/libopenblas.so"),
            ("blas", "mkl", "/conda/lib/libmkl_rt.so"),
            ("openmp", "openmp", "/v/torch/lib/libgomp.so"),
        )
    ]
    files = [pool["filepath"] for pool in pools]
    assert blas._limited(pools, beside_models=False) == files[:4]
    assert blas._limited(pools, beside_models=True) == files[:1]


@pytest.mark.slow
def test_what_is_compared_runs_on_one_thread_of_blas(monkeypatch):
    numbers = np.random.default_rng(0).normal(size=(60, 2))
    texts = [f"a: {first:.2f}; b: {second:.2f}" for first, second in numbers]
    train, test = (Rows(texts, numbers, np.arange(60) < n) for n in (0, 9))
    task = Task(train, test, ("a", "b"), "2 columns written out", ())
    seen, run, ridge = [], detection._run_baseline, regressions.MODELS["ridge"]
    monkeypatch.setattr(
        detection, "_run_baseline", lambda *own: (seen.append(threads_of_blas()), run(*own))[1]
    )
    monkeypatch.setitem(
        regressions.MODELS, "ridge", lambda *own: (seen.append(threads_of_blas()), ridge(*own))[1]
    )
    asked = Settings(detectors=(), n_resamples=100, encoder=None)
    predicted = Rows(texts, numbers, numbers[:, 0]), Rows([], numbers[:0], numbers[:0, 0])
    numbers_alone = PredictionSettings(extractor=None, target="y", n_resamples=100)
    with threadpool_limits(2, user_api="blas"):
        detection.compare_detectors(task, asked)
        n_runs = len(seen)
        detection.run_methods(task, asked)
        assert len(seen) == 2 * n_runs > 0
        compare_predictions(Task(*predicted, ("a", "b"), "", ()), numbers_alone)
        assert len(seen) > 2 * n_runs
        assert threads_of_blas() == {2}
    assert seen == [{1}] * len(seen)


def test_libraries_are_looked_for_again_only_where_more_is_imported(monkeypatch):
    looked = []

    class Counted(blas.ThreadpoolController):
        def __init__(self):
            looked.append(1)
            super().__init__()

    monkeypatch.setattr(blas, "ThreadpoolController", Counted)
    blas._pools.cache_clear()
    for _ in range(3):
        with blas.one_thread(), blas.one_thread(beside_models=True):
            assert threads_of_blas() == {1}
    assert len(looked) == 2
    monkeypatch.setitem(sys.modules, "brings_another_blas", blas)
    with blas.one_thread():
        assert len(looked) == 3
    blas._pools.cache_clear()
