"""experiments/load_test.py says which phase is which."""

import argparse
from types import SimpleNamespace

import load_test
import pytest


@pytest.mark.parametrize("soak_s", [20.0, 200.0])
def test_load_and_soak_are_told_apart_however_long_they_are(monkeypatch, soak_s):
    durations = []

    async def run_clients(_, n_clients, duration_s, __):
        durations.append(duration_s)
        return load_test.Tally(seconds=[0.1], n_texts=n_clients)

    monkeypatch.setattr(load_test, "run_clients", run_clients)
    server = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=1e6))
    args = argparse.Namespace(phase_s=20.0, soak_s=soak_s)
    results = [load_test.measure("", server, args, 8), *load_test.soak("", server, args)]
    assert [result.phase for result in results] == ["load", *["soak"] * 10]
    assert durations == [20.0, *[soak_s / 10] * 10]
