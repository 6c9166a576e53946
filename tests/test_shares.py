import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from polar_detect.statistics.shares import exactly


@given(st.integers(0, 1000), st.integers(0, 10**6))
def test_a_share_in_decimals_of_a_count_is_rounded_as_on_paper(thousandths, n):
    share = exactly(thousandths / 1000)
    assert math.ceil(share * n) == -(-thousandths * n // 1000)
    assert math.floor(share * n) == thousandths * n // 1000


@given(st.integers(1, 3000), st.data())
def test_a_ratio_of_counts_is_never_a_per_cent_too_few(n, data):
    k = data.draw(st.integers(0, n))
    assert math.floor(100 * exactly(k / n)) == 100 * k // n


@given(st.integers(1, 1_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_ratio_of_counts_is_that_ratio(ratio):
    assert exactly(ratio[0] / ratio[1]) == Fraction(*ratio)


@given(st.floats(0, 1))
def test_the_decimals_of_a_float_are_the_float(share):
    assert float(exactly(share)) == share
    assert abs(exactly(share) - Fraction(share)) < Fraction(1, 10**16)
