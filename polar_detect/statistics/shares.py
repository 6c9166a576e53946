"""Shares of counts, without the error of floats: 0.07 * 100 is 7.000000000000001."""

import math
from fractions import Fraction

_MOST = 1_000_000  # what a ratio of counts is of


def exactly(share: float) -> Fraction:
    """Return a share as the ratio of counts, or the decimals, that it stands for.

    Rounding a count of it then errs nowhere.

    >>> import math
    >>> math.ceil(0.07 * 100), math.ceil(exactly(0.07) * 100)
    (8, 7)
    >>> math.floor(100 * (29 / 50)), math.floor(100 * exactly(29 / 50))
    (57, 58)
    >>> exactly(5 / 6), exactly(0.123456789)
    (Fraction(5, 6), Fraction(123456789, 1000000000))
    """
    ratio = Fraction(float(share)).limit_denominator(_MOST)
    return ratio if float(ratio) == share else Fraction(str(float(share)))


def count_of(share: float, n: int) -> int:
    """Return how many of `n` things a share of them is, rounded up.

    >>> count_of(0.07, 100), count_of(0.001, 100)
    (7, 1)
    """
    return math.ceil(exactly(share) * n)
