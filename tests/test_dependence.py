"""How far texts or rows that stand near one another in time hang together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_detect.statistics.dependence import (
    Order,
    correlation_within,
    effective_size,
    reach_of,
)


def in_lots(share: float, *, size: int, seed: int, n_lots: int = 12, n_columns: int = 4):
    """Return rows of which a share of the variance is their lot's."""
    rng = np.random.default_rng(seed)
    lots = np.repeat(rng.normal(size=(n_lots, n_columns)), size, axis=0)
    own = rng.normal(size=lots.shape)
    return np.sqrt(share) * lots + np.sqrt(1 - share) * own


@pytest.mark.parametrize("size", [6, 25])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_dependence_reaches_over_most_of_a_lot_and_not_much_further(share, size):
    found = [reach_of(in_lots(share, size=size, seed=seed)) for seed in range(20)]
    assert 0.6 * size <= np.median(found) <= 1.2 * size
    assert min(found) > 0


def test_dependence_ends_at_the_first_lag_that_keeps_a_quarter_with_its_neighbours():
    for seed in range(10):
        values = in_lots(0.6, size=12, seed=seed)
        centred = values - values.mean(0)
        n, most = len(values), 14
        own = [
            (centred[lag:] * centred[:-lag]).sum() / (n - lag) / (centred**2).mean() / 4
            for lag in range(1, most + 2)
        ]
        kept = {lag: sum(own[lag - 2 : lag + 1]) / sum(own[:3]) for lag in range(2, most + 1)}
        expected = next((lag for lag, share in kept.items() if share <= 0.25), most)
        assert reach_of(values) == expected


def test_rows_that_were_shuffled_do_not_hang_together():
    rng = np.random.default_rng(0)
    found = [reach_of(rng.permutation(in_lots(0.8, size=25, seed=s))) for s in range(200)]
    assert sum(own > 0 for own in found) <= 1


@pytest.mark.parametrize("n", [1, 3, 40])
def test_rows_that_are_all_the_same_do_not_hang_together(n):
    assert reach_of(np.ones((n, 2))) == 0


def test_a_lasting_change_reaches_over_a_tenth_of_the_rows_at_most():
    steps = np.repeat([0.0, 5.0], 100)[:, None] + np.random.default_rng(0).normal(size=(200, 3))
    assert reach_of(steps) == 20


@given(st.permutations(range(30)), st.integers(0, 40))
def test_near_are_those_within_reach_whatever_the_order_they_are_kept_in(places, reach):
    order = Order(np.asarray(places), reach)
    rows = np.array([0, 7, 29])
    expected = [[abs(places[i] - place) <= reach for place in places] for i in rows]
    assert order.near(rows).tolist() == expected
    assert order.near(rows)[np.arange(3), rows].all()
    assert order.n_near == pytest.approx(order.near(np.arange(30)).sum() / 30 - 1)


def test_correlations_are_those_of_the_pairs_within_reach():
    values = in_lots(0.6, size=10, seed=1)
    places = np.random.default_rng(2).permutation(len(values))
    unit = (values - values.mean(0)) / values.std(0)
    pairs = [(i, j) for i in range(120) for j in range(i) if abs(places[i] - places[j]) <= 5]
    expected = np.mean([unit[i] * unit[j] for i, j in pairs], axis=0)
    found = Order(places, 5).correlations(values)
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-12)
    assert (Order(np.arange(120), 5).correlations(values) > 0.3).all()  # control: in their order
    assert Order.unknown(120).correlations(values).tolist() == [0] * 4


def test_a_correlation_is_at_most_one_where_two_of_few_texts_far_out_stand_side_by_side():
    values = np.r_[np.zeros(18), 5.0, 5.0][:, None]  # the product of the only pair is 9
    order = Order(np.r_[10 * np.arange(19), 181], 1)
    assert order.n_near == pytest.approx(2 / 20)
    assert order.correlations(values).tolist() == [1.0]


@given(st.lists(st.integers(0, 7), min_size=30, max_size=30), st.integers(0, 2**32 - 1))
def test_near_are_those_of_one_lot_where_places_are_lots(lots, seed):
    order, rows = Order(np.asarray(lots), by="Lot"), np.array([0, 7, 29])
    expected = [[lots[i] == lot for lot in lots] for i in rows]
    assert order.near(rows).tolist() == expected
    assert order.n_near == pytest.approx(np.mean([lots.count(lot) - 1 for lot in lots]))
    drawn = np.random.default_rng(seed).permutation(30)[:20]
    assert order.rows(drawn).by == "Lot"
    assert order.rows(drawn).places.tolist() == [lots[i] for i in drawn]
    same = order.blocks[:, None] == order.blocks
    assert same.tolist() == [[a == b for b in lots] for a in lots]


def test_blocks_of_time_are_as_long_as_dependence_reaches():
    places = np.random.default_rng(0).permutation(35)
    blocks = Order(places, 9).blocks
    assert [sorted(places[blocks == b].tolist()) for b in range(4)] == [
        [*range(10 * b, min(10 * b + 10, 35))] for b in range(4)
    ]


def test_the_correlation_within_lots_is_that_of_all_their_pairs():
    values, lots = in_lots(0.6, size=10, seed=1), np.repeat(np.arange(12), 10)
    mixed = np.random.default_rng(2).permutation(120)
    centred = values - values.mean(0)
    pairs = [(i, j) for i in range(120) for j in range(i) if lots[i] == lots[j]]
    expected = np.mean([centred[i] @ centred[j] for i, j in pairs]) / (centred**2).mean(0).sum()
    assert correlation_within(values[mixed], 7 + 3 * lots[mixed]) == pytest.approx(expected)
    assert expected > 0.4


def test_rows_that_were_shuffled_are_not_alike_within_lots():
    lots, rng = np.repeat(np.arange(12), 10), np.random.default_rng(0)
    found = [
        correlation_within(rng.permutation(in_lots(0.8, size=10, seed=s)), lots) for s in range(200)
    ]
    assert sum(own > 0 for own in found) <= 1
    pairs = np.repeat(np.arange(30), 2)  # alike by more than a tenth by chance, mostly
    found = [correlation_within(rng.normal(size=(60, 1)), pairs) for _ in range(200)]
    assert sum(own > 0 for own in found) <= 1
    assert correlation_within(np.ones((120, 2)), lots) == 0
    assert correlation_within(in_lots(0.8, size=10, seed=0), np.arange(120)) == 0  # one text each


def test_a_batch_of_one_lot_tells_as_much_of_a_mean_as_few_rows_do():
    """By trial: the means of lots vary as those of so many independent rows."""
    means = [in_lots(0.5, size=20, seed=s, n_lots=1, n_columns=1).mean() for s in range(4000)]
    size = effective_size(20, 38, np.array([0.5]))
    assert 1 / np.var(means) == pytest.approx(size[0], rel=0.1)
