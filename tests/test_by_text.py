"""Records that hold something of each text keep it together, however texts are chosen or joined."""

from dataclasses import dataclass

import numpy as np

from polar_detect.signature.reading.by_text import ByText


@dataclass(frozen=True, eq=False)
class Inner(ByText):
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Outer(ByText):
    numbers: np.ndarray
    inner: Inner


def outer(first, stop):
    numbers = np.arange(first, stop)
    return Outer(np.stack([numbers, -numbers], 1), Inner(tuple(map(str, numbers.tolist()))))


def assert_numbers(found, expected):
    assert found.numbers.tolist() == [[n, -n] for n in expected]
    assert found.inner.names == tuple(map(str, expected))


def test_each_field_has_the_texts_that_are_chosen_in_their_order():
    assert_numbers(outer(0, 5).rows(np.asarray([3, 0, 3])), [3, 0, 3])
    assert_numbers(outer(0, 5).rows([1]), [1])
    assert_numbers(outer(0, 5).rows(slice(1, None, 2)), [1, 3])
    assert_numbers(outer(0, 5).rows(np.zeros(0, np.intp)), [])


def test_each_field_has_the_texts_of_all_parts_in_their_order():
    assert_numbers(
        Outer.below([outer(4, 6), outer(0, 1), outer(2, 2), outer(9, 11)]), [4, 5, 0, 9, 10]
    )
    assert_numbers(Outer.below([outer(1, 3)]), [1, 2])
