"""A run of a script goes on with the figures of the same settings only."""

import json
import sys

import bench_search
import common
import context_gain
import kept
import length_curve
import pytest
from kept import Kept


def test_what_is_kept_is_not_measured_again(tmp_path):
    asked = []

    def measure(task, seed):
        asked.append((task, seed))
        return {"m": 0.5 + seed / 10}

    units = [(task, seed) for task in "ab" for seed in (0, 1)]
    path = tmp_path / "new" / "out.json"
    first = kept.by_task(Kept.of(path, n=3), units[:3], measure)
    again = kept.by_task(Kept.of(path, n=3), units, measure)
    assert asked == units
    assert first["a"] == again["a"] == [{"m": 0.5}, {"m": 0.6}]
    assert [path.name for path in path.parent.iterdir()] == ["out.json"]


def test_nothing_is_kept_where_no_file_is_asked_for():
    own = Kept.of(None, n=3)
    own.write({"a": 1})
    assert own.read() == {}


@pytest.mark.parametrize("other", ["settings", "sources", "machine"])
def test_figures_of_another_run_are_refused(tmp_path, monkeypatch, other):
    path = tmp_path / "out.json"
    Kept.of(path, n=3, heads=("a",)).write({"a": 1})
    assert Kept.of(path, n=3, heads=("a",)).read() == {"a": 1}  # the control
    n = 4 if other == "settings" else 3
    if other == "sources":
        monkeypatch.setattr(kept.sources, "digest", lambda _: "other")
    if other == "machine":
        monkeypatch.setattr(common, "machine", lambda **_: "other")
    with pytest.raises(SystemExit, match=r"Got --out '.*out.json' of a run with .*name another"):
        Kept.of(path, n=n, heads=("a",)).read()


def test_a_file_of_before_settings_were_kept_is_refused(tmp_path):
    path = tmp_path / "out.json"
    path.write_text(json.dumps({"clinc": {"context": [0.5]}}))
    with pytest.raises(SystemExit, match="name another file"):
        Kept.of(path, n=3).read()


class Drawn:
    """Stands for a split: says which one was asked for."""

    is_anomalous = None

    def __init__(self, name, _=None, *, seed, **__):
        self.name, self.seed = name, seed

    def __eq__(self, other):
        return (self.name, self.seed) == (other.name, other.seed)

    __hash__ = None


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a script on one task without models; what it measures is the seed."""

    def run(script, *options):
        monkeypatch.setattr(script.Engine, "load", lambda _: None)
        monkeypatch.setattr(script.bench_tasks, "split", Drawn)
        out = str(tmp_path / "out.json")
        monkeypatch.setattr(sys, "argv", ["x", "--tasks", "sms-matched", "--out", out, *options])
        script.main()
        return capsys.readouterr().out

    return run


def test_one_seed_is_not_shown_in_the_place_of_another(call, monkeypatch):
    monkeypatch.setattr(context_gain, "losses", lambda split, _: (split.name, split.seed))
    monkeypatch.setattr(context_gain, "scores_of", lambda _, seed: {"loss and context": seed})
    monkeypatch.setattr(context_gain, "auroc", lambda _, seed: seed / 10)
    first = call(context_gain, "--first-seed", "0", "--seeds", "1")
    other = call(context_gain, "--first-seed", "3", "--seeds", "1")
    assert "| sms-matched | 0.000 |" in first
    assert "| sms-matched | 0.300 |" in other


def test_length_matched_rows_are_drawn_where_they_are_asked_for(call, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        length_curve, "_aurocs", lambda _, split, *__: drawn.append(split) or {"loss, high": 0.5}
    )
    call(length_curve, "--seeds", "1")
    assert drawn == [Drawn("sms-matched", seed=0)]


@pytest.mark.parametrize("script", [context_gain, length_curve])
def test_figures_of_other_data_are_refused(call, monkeypatch, tmp_path, script):
    monkeypatch.setattr(context_gain, "losses", lambda split, _: (split.name, split.seed))
    monkeypatch.setattr(context_gain, "scores_of", lambda *_: {"loss and context": 0})
    monkeypatch.setattr(context_gain, "auroc", lambda *_: 0.5)
    monkeypatch.setattr(length_curve, "_aurocs", lambda *_: {"loss, high": 0.5})
    first, other = str(tmp_path / "first"), str(tmp_path / "other")
    call(script, "--seeds", "1", "--data", first)
    call(script, "--seeds", "1", "--data", first)  # control
    with pytest.raises(SystemExit, match=r"Got --out .* of a run with \{'data': .*first"):
        call(script, "--seeds", "1", "--data", other)


def test_unknown_searches_and_heads_are_named(monkeypatch, capsys):
    for script, option in ((bench_search, "--methods"), (length_curve, "--heads")):
        monkeypatch.setattr(sys, "argv", ["x", option, "nothing"])
        with pytest.raises(SystemExit):
            script._options()
        assert "Got 'nothing'; expected some of" in capsys.readouterr().err
