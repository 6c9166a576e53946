"""Shares of counts, without the error of floats: 0.07 * 100 is 7.000000000000001."""

from fractions import Fraction


def exactly(share: float) -> Fraction:
    """Return a share as its decimals say it, so that rounding a count of it errs nowhere.

    Of a ratio of counts, too, the decimals are right where it has few of them.

    >>> import math
    >>> math.ceil(0.07 * 100), math.ceil(exactly(0.07) * 100)
    (8, 7)
    >>> math.floor(100 * (29 / 50)), math.floor(100 * exactly(29 / 50))
    (57, 58)
    """
    return Fraction(str(float(share)))
