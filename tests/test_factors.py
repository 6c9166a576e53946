import numpy as np
import pytest

from polar_detect import factors
from polar_detect.factors import Kinds, codes_of

N_ROWS = 240
PRODUCTS = np.repeat(["A", "B", "C"], N_ROWS // 3)
MACHINES = np.tile(["M1", "M2"], N_ROWS // 2)
NOISE = np.random.default_rng(0).normal(0, 1, N_ROWS)
OF_PRODUCT = np.repeat([20.0, 25.0, 32.0], N_ROWS // 3)
OF_MACHINE = np.tile([0.0, 6.0], N_ROWS // 2)
SAID = {"machine": [*MACHINES], "shift": [*np.resize(["day", "late", "night"], N_ROWS)]}
SAID |= {"product": [*PRODUCTS]}


def factors_of(numbers, said):
    return factors.factors_of(numbers, {name: codes_of(own) for name, own in said.items()})


def test_what_explains_the_numbers_is_a_factor_and_what_does_not_is_none():
    assert factors_of(OF_PRODUCT + 0.1 * NOISE, SAID) == ("product",)
    assert factors_of(NOISE, SAID) == ()
    assert factors_of(OF_PRODUCT + 0.1 * NOISE, {}) == ()


def test_a_second_factor_is_found_beside_the_first():
    assert factors_of(OF_PRODUCT + OF_MACHINE + 0.1 * NOISE, SAID) == ("machine", "product")
    same_size = OF_PRODUCT / OF_PRODUCT.std() + OF_MACHINE / OF_MACHINE.std()
    assert {*factors_of(same_size + 0.1 * NOISE, SAID)} == {"machine", "product"}


def test_a_few_wild_cells_and_missing_ones_hide_no_factor():
    numbers = OF_PRODUCT + 0.1 * NOISE
    numbers[::12], numbers[1::12] = 1e6, np.nan
    assert factors_of(numbers, SAID) == ("product",)


def test_a_factor_has_to_leave_less_than_half_of_the_variance():
    spread = {
        size: factors_of(size * OF_PRODUCT / OF_PRODUCT.std() + NOISE, SAID) for size in (1, 2)
    }
    assert spread == {1: (), 2: ("product",)}


def test_groups_of_few_rows_explain_nothing():
    pairs = [f"lot {i // 5}" for i in range(N_ROWS)]
    numbers = np.repeat(np.arange(N_ROWS // 5, dtype=float), 5)
    assert factors_of(numbers, {"lot": pairs}) == ()
    assert factors_of(numbers[:18], {"lot": ["a"] * 9 + ["b"] * 9}) == ()


def test_numbers_that_are_all_the_same_have_no_factor():
    assert factors_of(np.full(N_ROWS, 7.0), SAID) == ()
    assert factors_of(np.full(N_ROWS, np.nan), SAID) == ()


def test_chance_makes_no_factor_of_many_small_groups():
    rng = np.random.default_rng(1)
    for _ in range(20):
        said = {f"c{j}": [*rng.choice([*"abcdefghijkl"], N_ROWS)] for j in range(5)}
        assert factors_of(rng.normal(size=N_ROWS), said) == ()


def test_a_row_is_of_the_finest_kind_that_has_rows_enough():
    normal = [("A", "M1")] * 10 + [("A", "M2")] * 9 + [("B", "M1")] * 9
    kinds = Kinds.of(normal)
    assert kinds.levels == ((), ("A",), ("A", "M1"))
    rows = [("A", "M1"), ("A", "M2"), ("A", "M9"), ("B", "M1"), ("Z", "M1"), ()]
    assert kinds.place(rows).tolist() == [2, 1, 1, 0, 0, 0]


def test_a_kind_holds_the_rows_of_finer_kinds_too():
    normal = [("A", "M1"), ("A", "M2")] * 10 + [("B", "M1")]
    found = dict(zip(Kinds.of(normal).levels, Kinds.of(normal).members(normal), strict=True))
    assert [len(found[own]) for own in ((), ("A",), ("A", "M1"))] == [21, 20, 10]
    assert found["A", "M2"].tolist() == [*range(1, 20, 2)]


@pytest.mark.parametrize("rows", [[], [()] * 12])
def test_rows_without_factors_are_of_one_kind(rows):
    kinds = Kinds.of(rows)
    assert kinds.levels == ((),)
    assert kinds.place(rows).tolist() == [0] * len(rows)
    assert [len(own) for own in kinds.members(rows)] == [len(rows)]
