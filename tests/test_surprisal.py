import math

import numpy as np
import pytest

from polar_detect.statistics.factors import codes_of
from polar_detect.statistics.surprisal import Surprisal, factors_of_levels

N_ROWS = 240
PRODUCTS = np.repeat(["A", "B", "C"], N_ROWS // 3)
MACHINES = np.tile(["M1", "M2"], N_ROWS // 2)
PROGRAMS = np.char.add(PRODUCTS, MACHINES)
SHIFTS = np.resize(["day", "late", "night", "day"], N_ROWS)


def factors(own, **others):
    return factors_of_levels(codes_of(own), {name: codes_of(said) for name, said in others.items()})


def everything(n_rows, n_normal):
    return [(np.arange(n_rows), np.arange(n_normal))]


def test_what_tells_a_category_is_its_factor_and_what_does_not_is_none():
    assert factors(PRODUCTS, shift=SHIFTS, name=np.char.lower(PRODUCTS)) == ("name",)
    assert factors(PRODUCTS, shift=SHIFTS) == ()
    assert factors(PRODUCTS) == ()


def test_two_factors_that_tell_a_category_together_are_found():
    found = factors(PROGRAMS, shift=SHIFTS, machine=MACHINES, product=PRODUCTS)
    assert found == ("product", "machine")  # three products tell more than two machines


def test_a_number_tells_a_category_only_where_its_neighbours_do_not_tell_as_much():
    rng = np.random.default_rng(0)
    lengths = (np.repeat([20.0, 25.0, 32.0], N_ROWS // 3) + rng.normal(0, 0.03, N_ROWS)).round(2)
    programs = np.repeat([1.0, 2.0, 3.0], N_ROWS // 3)
    operators = rng.permutation(12)[np.arange(N_ROWS) % 4 + 4 * np.repeat([0, 1, 2], N_ROWS // 3)]
    for numbers, tells in ((lengths, False), (programs, True), (operators.astype(float), True)):
        codes = {"number": codes_of(numbers.astype(str))}
        assert factors_of_levels(codes_of(PRODUCTS), codes) == ("number",)
        found = factors_of_levels(codes_of(PRODUCTS), codes, {"number": numbers})
        assert found == (("number",) if tells else ())


def test_a_column_that_is_new_in_each_row_tells_nothing():
    assert factors(PRODUCTS, number=np.arange(N_ROWS).astype(str)) == ()


def test_a_category_that_never_changes_is_told_by_nothing():
    assert factors(np.full(N_ROWS, "A"), product=PRODUCTS, line=np.full(N_ROWS, "L1")) == ()


def test_what_all_normal_rows_say_is_no_surprise_and_anything_else_is():
    own = Surprisal.fit([("P",)] * 8, 0)
    groups = [(np.asarray([0]), np.arange(4)), (np.asarray([1, 2]), np.arange(8))]
    assert own.nats([("P",), ("P",), ("Q",)], groups).tolist() == [0, 0, pytest.approx(np.log(18))]


def test_chance_makes_no_factor_of_many_small_groups():
    rng = np.random.default_rng(0)
    others = {str(i): rng.integers(0, 40, N_ROWS).astype(str) for i in range(50)}
    assert factors(PRODUCTS, **others) == ()


def test_a_rare_exception_hides_no_factor():
    said = PRODUCTS.copy()
    said[::40] = "C"
    assert factors(said, name=PRODUCTS) == ("name",)


def test_surprisal_is_the_share_of_rows_of_the_kind_and_of_coarser_ones_where_it_has_few():
    normal = [*zip("PPPPQQQR", "AAAABBBB", strict=True)]
    own = Surprisal.fit(normal, 1)
    found = own.nats([("P", "A"), ("Q", "A"), ("Q", "B"), ("Q", "new")], everything(4, 8))
    of_all = {"P": (4 + 1 / 4) / 9, "Q": (3 + 1 / 4) / 9}
    shares = [(4 + of_all["P"]) / 5, of_all["Q"] / 5, (3 + of_all["Q"]) / 5, of_all["Q"]]
    np.testing.assert_allclose(np.exp(-found), shares)


def test_the_shares_of_all_levels_and_of_one_that_none_has_sum_to_one():
    own = Surprisal.fit([*zip("PPPPQQQR", "AAAABBBB", strict=True)], 1)
    for kind in ("A", "B", "new"):
        rows = [(level, kind) for level in ("P", "Q", "R", "unknown")]
        assert np.exp(-own.nats(rows, everything(4, 8))).sum() == pytest.approx(1)


def test_a_row_that_says_nothing_is_as_one_that_says_what_none_does():
    own = Surprisal.fit([("P", "A"), None, ("P", "A"), ("Q", "B")], 1)
    found = own.nats([None, ("new", "new")], everything(2, 4))
    assert found[0] == found[1] == pytest.approx(-math.log(1 / 3 / (1 + 3)))


def test_rows_meet_only_the_normal_rows_of_their_group():
    own = Surprisal.fit([("P", "A")] * 4 + [("Q", "A")] * 4, 1)
    groups = [(np.asarray([0]), np.arange(4)), (np.asarray([1]), np.arange(4, 8))]
    of_p, of_q = np.exp(-own.nats([("P", "A"), ("P", "A")], groups))
    assert of_p > 0.9
    assert of_q < 0.1


def test_counts_are_of_the_finest_kind_that_has_rows_enough():
    rows = [*zip("PPPQQQ", "AAABBB", "XXYXXX", strict=True)]
    own = Surprisal.fit(rows, 2)
    assert own.counts_beside(("P", "A", "X"), 2) == (2, {"P": 2})
    assert own.counts_beside(("P", "A", "X"), 3) == (1, {"P": 3})
    assert own.counts_beside(("P", "A", "new"), 1) == (1, {"P": 3})
    assert own.counts_beside(("P", "A", "X"), 7) == (0, {"P": 3, "Q": 3})
    assert own.counts_beside((), 1) == (0, {"P": 3, "Q": 3})


def test_a_new_level_is_the_less_surprising_the_more_normal_rows_say_what_no_other_does():
    said = [("A",)] * 6 + [("B",), ("C",)]
    own, groups = Surprisal.fit(said, 0), [(np.arange(3), np.arange(8))]
    nats = own.newness([("D",), ("B",), ("A",)], groups)
    np.testing.assert_allclose(nats, [-np.log(2.5 / 9), 0, 0])
    # Without its own row B is new too.
    alone = own.newness([("B",)], [(np.arange(1), np.delete(np.arange(8), 6))])
    np.testing.assert_allclose(alone, [-np.log(1.5 / 8)])
