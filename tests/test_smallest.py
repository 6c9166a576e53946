import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from polar_detect.numerics.smallest import nearest, smallest

# Few different ones, so that many are equal; both zeros among them, which are.
numbers = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.sampled_from([0.0, -0.0, 0.5, 1.0, -3.0, np.inf]),
)


@given(numbers, st.integers(0, 10))
def test_the_smallest_are_those_that_a_stable_sort_puts_first(numbers, n):
    expected = np.argsort(numbers, axis=1, kind="stable")[:, :n]
    np.testing.assert_array_equal(smallest(numbers, n), expected)


@pytest.mark.parametrize("n_different", [2, 10_000])
def test_the_smallest_of_long_rows_are_so_too(n_different):
    rows = np.random.default_rng(0).integers(0, n_different, (20, 3000)).astype(float)
    expected = np.argsort(rows, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(smallest(rows, 5), expected)


def test_distances_that_are_the_same_but_for_rounding_are_taken_by_their_place():
    apart = np.array([[0.1 + 0.2, 0.3, 1.0]])
    assert nearest(apart, 2).tolist() == [[0, 1]]
    assert smallest(apart, 2).tolist() == [[1, 0]]  # control
