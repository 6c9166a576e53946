"""How the experiment on prose damages texts, and takes language's share away."""

from types import SimpleNamespace

import numpy as np
import prose
from common import Task
from test_detectors import prose as texts
from test_detectors import table

from polar_detect.detectors import TrainingSignatures

TEXT = "the pump lost its seal and was greased before the shift ended at noon today " * 3


def test_slips_change_the_order_of_some_characters_and_no_more():
    damaged = prose._with_slips(TEXT, np.random.default_rng(0))
    assert sorted(damaged) == sorted(TEXT)
    assert 0 < sum(a != b for a, b in zip(damaged, TEXT, strict=True)) < len(TEXT) / 5


def test_shuffled_words_are_the_same_words():
    damaged = prose._shuffled(TEXT, np.random.default_rng(0))
    assert sorted(damaged.split()) == sorted(TEXT.split())
    assert damaged.split() != TEXT.split()


def test_texts_that_damage_left_as_they_are_are_counted():
    damaged = prose._pairs("a", ("one word", "two  words"), ("one word", "words two"))
    assert prose._unchanged(damaged) == 0.5
    assert prose._unchanged(Task("a", ("x",), (("x",),))) == 0  # no text was made of another


def test_what_was_strange_is_normal_when_a_task_is_turned_round():
    task = prose._turned_round(Task("a", ("human",), (("machine",),), is_paired=True))
    assert (task.normal, task.anomalous, task.is_paired) == (("machine",), (("human",),), True)


def test_without_language_the_default_detector_has_two_views_that_count():
    def shares(head):
        shown = TrainingSignatures(texts(120, seed=1), table(90, seed=2, shifted=True))
        return head.fit(shown, seed=0)._fitted.shares

    topic, form, easy, broken = shares(prose.WithoutLanguage())
    assert (easy, broken) == (0, 0)
    assert topic + form == 1
    assert shares(prose.AutoHead())[3] > 0  # control


def test_every_line_of_the_tables_has_a_cell_for_each_heading(monkeypatch, capsys):
    task = Task("queries", tuple("abcdefgh"), (tuple("xyz"),))
    engine = SimpleNamespace(reading=lambda **_: None)
    monkeypatch.setattr(prose.Engine, "load", lambda _: engine)
    monkeypatch.setattr(prose, "_tasks", lambda *_: [task])
    monkeypatch.setattr(prose, "_figures", lambda *_: [0.5] * 5)
    monkeypatch.setattr("sys.argv", ["prose.py", "--kinds", "slips", "--n-train", "20"])
    prose.main()
    _, *tables = capsys.readouterr().out.strip().split("\n\n")
    assert len(tables) == 2
    for own in tables:
        assert len({line.count("|") for line in own.splitlines()}) == 1
