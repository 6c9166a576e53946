"""How the experiment on prose damages texts, and takes the loss's share away."""

import numpy as np
import prose
from common import Task
from fit_tables import Signatures

from polar_detect.features import Feature, FeatureTable

TEXT = "the pump lost its seal and was greased before the shift ended at noon today " * 3


def test_slips_change_the_order_of_some_characters_and_no_more():
    damaged = prose._with_slips(TEXT, np.random.default_rng(0))
    assert sorted(damaged) == sorted(TEXT)
    assert 0 < sum(a != b for a, b in zip(damaged, TEXT, strict=True)) < len(TEXT) / 5


def test_shuffled_words_are_the_same_words():
    damaged = prose._shuffled(TEXT, np.random.default_rng(0))
    assert sorted(damaged.split()) == sorted(TEXT.split())
    assert damaged.split() != TEXT.split()


def test_what_was_strange_is_normal_when_a_task_is_turned_round():
    task = prose._turned_round(Task("a", ("human",), (("machine",),), is_paired=True))
    assert (task.normal, task.anomalous, task.is_paired) == (("machine",), (("human",),), True)


def test_only_the_length_of_pieces_is_taken_away():
    features = (Feature("length", "characters_per_token"), Feature("loss", "mean"))
    table = FeatureTable(np.asarray([[4.5, 3.0]], np.float32), features)
    own = Signatures(table, table, table).silenced(prose._FLUENCY.__eq__)
    for part in (own.normal, own.strangers, own.test):
        np.testing.assert_array_equal(part.values, [[0, 3]])
    assert prose._FLUENCY in features
