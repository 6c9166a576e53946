"""A test that new scores go on as the held-out ones, at whatever time somebody looks at it."""

import math

import numpy as np
import pytest

from polar_detect.statistics import exchangeability
from polar_detect.statistics.exchangeability import LEAST, LEVEL, ExchangeabilityTest, _pays


def course_of(held_out, scores):
    return ExchangeabilityTest(held_out).extend(scores)


def alarms(n_held_out, scores_of, n_streams=25):
    """Return in how many streams a change is seen."""
    n = 0
    for seed in range(n_streams):
        chance = np.random.default_rng([seed, n_held_out])
        n += course_of(chance.normal(size=n_held_out), scores_of(chance)).is_changed
    return n


def test_every_bet_is_fair():
    ranks = (np.arange(10_000) + 0.5) / 10_000
    pays = np.stack([_pays(rank) for rank in ranks.tolist()])
    np.testing.assert_allclose(pays.mean(0), 1, atol=1e-3)
    assert pays.min() > 0
    assert pays.max() <= 3  # so that a single strange score is no change


@pytest.mark.parametrize("n_held_out", [19, 99])
def test_fewer_scores_than_the_least_never_tell_a_change(n_held_out):
    highest = [10.0 + i for i in range(LEAST)]
    held_out = np.random.default_rng(0).normal(size=n_held_out)
    assert not course_of(held_out, highest[:-1]).is_changed
    assert course_of(held_out, highest).is_changed


@pytest.mark.parametrize("n_held_out", [39, 99])
def test_streams_without_a_change_are_not_said_to_have_changed(n_held_out):
    assert alarms(n_held_out, lambda chance: chance.normal(size=300)) <= 1  # .25 expected at most
    assert alarms(n_held_out, lambda chance: chance.normal(1.5, size=100)) == 25


def test_scores_of_few_values_and_many_copies_have_not_changed_either():
    for values in ([1.0], [0.0, 0.0, 0.0, 5.0]):
        chance = np.random.default_rng(0)
        held_out, new = chance.choice(values, 39), chance.choice(values, 1000)
        assert not course_of(held_out, new).is_changed
    assert course_of([*held_out, *new], chance.choice([0.0, 5.0], 200)).is_changed


def test_it_says_since_when_and_by_how_much():
    chance = np.random.default_rng(3)
    scores = np.concatenate([chance.normal(size=360), chance.normal(1.5, size=80)])
    course = course_of(chance.normal(size=99), scores)
    assert course.since == pytest.approx(360, abs=5)
    assert course.superiority == pytest.approx(0.8, abs=0.07)  # .86, but for those after it
    assert course_of(chance.normal(size=99), -scores).superiority < 0.3
    assert course_of(chance.normal(size=99), scores[:360]).since is None


def test_one_strange_row_is_no_change_and_thrice_as_many_are():
    chance = np.random.default_rng(5)

    def some(share, n):
        return chance.normal(size=n) + 6 * (chance.random(n) < share)

    held_out, usual = some(0.05, 99), some(0.05, 400)
    assert not course_of(held_out, [*usual[:50], 1e6, *usual[50:]]).is_changed
    assert not course_of(held_out, usual).is_changed
    assert course_of(held_out, [*usual, *some(0.2, 300)]).is_changed


def test_a_change_stays_known_when_changed_scores_have_become_the_usual_ones():
    chance = np.random.default_rng(0)
    test = ExchangeabilityTest(chance.normal(size=39))
    first = test.extend(chance.normal(2, size=200))
    later = test.extend(chance.normal(2, size=3000))
    assert first.is_changed
    assert later.evidence < later.highest
    assert later.since == 0
    assert later.p_value == math.exp(-later.highest) <= LEVEL


def test_a_full_bag_keeps_ranks_uniform_and_is_no_larger(monkeypatch):
    monkeypatch.setattr(exchangeability, "_MAX_BAG", 60)
    chance = np.random.default_rng(0)
    test = ExchangeabilityTest(chance.normal(size=50))
    test.extend(chance.normal(size=1000))
    assert len(test._bag) == len(test._ranks) == 60
    assert test._bag == sorted(test._bag)
    assert alarms(50, lambda chance: chance.normal(size=300)) <= 1


def test_overwhelming_evidence_leaves_a_p_value_above_nought():
    chance = np.random.default_rng(0)
    test = ExchangeabilityTest(chance.normal(size=99))
    test.extend(chance.normal(size=5_000))
    course = test.extend(chance.normal(9, size=3_000))
    assert course.highest > 750  # so that its exponential is 0 in floating point
    assert 0 < course.p_value < 1e-300
