import numpy as np
import pytest

from polar_detect.statistics import factors
from polar_detect.statistics.factors import Kinds, codes_of

N_ROWS = 240
PRODUCTS = np.repeat(["A", "B", "C"], N_ROWS // 3)
MACHINES = np.tile(["M1", "M2"], N_ROWS // 2)
NOISE = np.random.default_rng(0).normal(0, 1, N_ROWS)
OF_PRODUCT = np.repeat([20.0, 25.0, 32.0], N_ROWS // 3)
OF_MACHINE = np.tile([0.0, 6.0], N_ROWS // 2)
SAID = {"machine": [*MACHINES], "shift": [*np.resize(["day", "late", "night"], N_ROWS)]}
SAID |= {"product": [*PRODUCTS]}


def factors_of(numbers, said, measured=None):
    codes = {name: codes_of(own) for name, own in said.items()}
    return factors.factors_of(numbers, codes, measured)


def test_what_explains_the_numbers_is_a_factor_and_what_does_not_is_none():
    assert factors_of(OF_PRODUCT + 0.1 * NOISE, SAID) == ("product",)
    assert factors_of(NOISE, SAID) == ()
    assert factors_of(OF_PRODUCT + 0.1 * NOISE, {}) == ()


def test_a_second_factor_is_found_beside_the_first():
    assert factors_of(OF_PRODUCT + OF_MACHINE + 0.1 * NOISE, SAID) == ("machine", "product")
    same_size = OF_PRODUCT / OF_PRODUCT.std() + OF_MACHINE / OF_MACHINE.std()
    assert {*factors_of(same_size + 0.1 * NOISE, SAID)} == {"machine", "product"}


def test_three_factors_are_found_each_of_which_explains_a_third():
    said = {
        name: [*np.random.default_rng(i).choice([*"xy"], N_ROWS)] for i, name in enumerate("abc")
    }
    numbers = sum(np.asarray([own == "x" for own in cells], float) for cells in said.values())
    assert {*factors_of(numbers + 0.1 * NOISE, said)} == {*"abc"}


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
    for n in (9, 10):
        assert factors_of(numbers[: 9 + n], {"lot": ["a"] * n + ["b"] * 9}) == ()
    assert factors_of(numbers[:20], {"lot": ["a"] * 10 + ["b"] * 10}) == ("lot",)


def test_what_goes_along_a_line_with_numbers_is_left_to_them():
    speeds = np.resize([1.0, 2.0, 3.0, 4.0], N_ROWS)
    said, measured = {"speed": [*speeds.astype(str)]}, {"speed": speeds}
    for noise, factor in ((0.6, ()), (0.05, ("speed",))):  # nearer than columns resolve
        assert factors_of(2 * speeds + noise * NOISE, said, measured) == factor
        assert factors_of(2 * speeds + noise * NOISE, said) == ("speed",)
    of_programs = np.resize([180.0, 220.0, 175.0, 230.0], N_ROWS)
    assert factors_of(of_programs + 4 * NOISE, said, measured) == ("speed",)


def test_measured_numbers_that_repeat_explain_no_others_though_they_lie_in_groups():
    lengths = (OF_PRODUCT + 0.03 * np.random.default_rng(1).normal(size=N_ROWS)).round(2)
    weights = np.repeat([7.0, 3.0, 9.0], N_ROWS // 3) + 0.1 * NOISE
    said, measured = {"length": [*lengths.astype(str)]}, {"length": lengths}
    assert factors_of(weights, said, measured) == ()
    assert factors_of(weights, said) == ("length",)  # as names they would
    programs = np.repeat([101.0, 102.0, 103.0], N_ROWS // 3)
    said, measured = {"program": [*programs.astype(str)]}, {"program": programs}
    assert factors_of(weights, said, measured) == ("program",)


def test_a_constant_column_and_one_without_numbers_explain_nothing():
    for other in (np.ones(N_ROWS), np.full(N_ROWS, np.nan)):
        assert factors_of(NOISE, {"c": [*other.astype(str)]}, {"c": other}) == ()


@pytest.mark.filterwarnings("error")
def test_the_largest_numbers_that_there_are_have_a_factor_too():
    sizes = np.where(PRODUCTS == "A", 1.7e308, -1.7e308)
    assert factors_of(sizes, SAID) == ("product",)
    measured = np.where(MACHINES == "M1", 1.7e308, -1.7e308)
    assert factors_of(OF_MACHINE, {"machine": [*MACHINES]}, {"machine": measured}) == ("machine",)


@pytest.mark.filterwarnings("error")
def test_the_smallest_numbers_that_there_are_are_held_against_a_line_too():
    measured = np.where(MACHINES == "M1", 1e-200, 3e-200)
    assert factors_of(NOISE, {"machine": [*MACHINES]}, {"machine": measured}) == ()


def test_numbers_that_are_all_the_same_have_no_factor():
    assert factors_of(np.full(N_ROWS, 7.0), SAID) == ()
    assert factors_of(np.full(N_ROWS, np.nan), SAID) == ()


def test_chance_makes_no_factor_of_many_small_groups():
    rng = np.random.default_rng(1)
    for _ in range(20):
        said = {f"c{j}": [*rng.choice([*"abcdefghijkl"], N_ROWS)] for j in range(5)}
        assert factors_of(rng.normal(size=N_ROWS), said) == ()
        assert factors_of(OF_PRODUCT + 0.1 * NOISE, SAID | said) == ("product",)


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


@pytest.mark.parametrize("limit", [0.1, 9.9, 10.1, 850.0])
def test_limits_that_are_the_same_in_all_rows_depend_on_nothing(limit):
    rng = np.random.default_rng(0)
    said = {"gage": rng.integers(0, 3, 200), "operator": rng.integers(0, 2, 200)}
    assert factors_of(np.full(200, limit), said) == ()
    one_off = np.full(200, limit)
    one_off[7] *= 3
    assert factors_of(one_off, said) == ()
    by_gage = limit * (1 + said["gage"])  # control
    assert factors_of(by_gage, said) == ("gage",)
