"""How many digits behind the point a column of numbers keeps, and how its numbers are said."""

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.number_form import PLAIN, NumberForm
from polar_detect.tables.cells.numbers import half_width
from polar_detect.tables.rows.row_text import LARGE

MAX_DECIMALS = 20  # leak rates and currents have twelve zeros
# A number keeps the decimals that tell at least so many values apart in the middle 90 % of its
# column, and never more than the column has. Fifty times as many make texts a sixth longer, and
# distances between rows find as much in four of five sets of rows (Wilt: AUROC .907, .916).
# More are kept where so few take its logarithm from a column; see `_takes_logarithm`.
_STEPS = 20
_MANY = 20  # cells; of fewer a twentieth is none
ABOVE_ZERO = 0.9  # of a column's cells, or `signature.columns.scale` takes no logarithm of it
_SURE_DIGITS = 15  # any further ones may come of computing: 0.1 + 0.2
_DECIMALS = re.compile(r"\.(\d*[1-9])")
_WRITTEN = re.compile(r"\d\.(\d*) ?(%?)")


def decimals_of(
    cells: pd.Series,
    form: NumberForm = PLAIN,
    kinds: Sequence[NDArray[np.intp]] | None = None,
) -> int | None:
    """Return the digits behind the point that a column keeps; None for a column of text.

    Where rows are of several kinds, given by their places, as many as each of these asks for.
    """
    texts = form.bare(cells)
    column = ColumnNumbers.of_bare(texts, form)
    if not column.is_numeric:
        return None
    is_number = ~np.isnan(column.values)
    found = (own[is_number[own]] for own in kinds or [np.arange(len(texts))])
    return max(_needed(column.values[own], [texts[i] for i in own]) for own in found if len(own))


def decimals_apart(numbers: NDArray[np.float64], decimals: int) -> int:
    """Return so many digits behind the point, or more, that different numbers stay different.

    >>> decimals_apart(np.array([1.2, 1.4, 30.0, np.nan]), 0)
    1
    """
    different = {*map(_in_one_way, numbers[np.abs(numbers) < LARGE].tolist())}
    while decimals < MAX_DECIMALS:
        if len({f"{float(own):.{decimals}f}" for own in different}) == len(different):
            break
        decimals += 1
    return decimals


def said_of_numbers(said: Sequence[str], numbers: NDArray[np.float64]) -> list[str]:
    """Return what cells say, of each number the same whatever way it is written in.

    >>> said_of_numbers(["20.0", "1,000", "off"], np.array([20.0, 1000.0, np.nan]))
    ['20', '1000', 'off']
    """
    return [
        _in_one_way(number) if abs(number) < LARGE else own
        for own, number in zip(said, numbers.tolist(), strict=True)
    ]


def _needed(numbers: NDArray[np.float64], said: Sequence[str]) -> int:
    low, high = np.quantile(numbers, [0.05, 0.95])
    present = max(map(_n_decimals, said))
    step = high / _STEPS - low / _STEPS
    if not step:  # all the same, but for the last bit of what was computed
        if not np.ptp(numbers):  # 7.0 throughout: a 7.4 is another number
            present = max(present, *map(_n_written, said))
        return min(present, MAX_DECIMALS)
    needed, most = max(math.ceil(-math.log10(step)), 0), min(present, MAX_DECIMALS)
    sizes = numbers if np.mean(numbers > 0) > 0.5 else -numbers  # as costs below zero
    while needed < most and len(numbers) >= _MANY and _takes_logarithm(sizes, needed):
        needed += 1
    return min(needed, most)


def _takes_logarithm(numbers: NDArray[np.float64], decimals: int) -> bool:
    """Return whether a column that is mostly above zero is not, when it is rounded so.

    As concentrations and leak rates are: the middle 90 % span several powers of ten, and most of
    a column would be zero beside its largest numbers.
    """
    above, kept = (np.mean(numbers > least) for least in (0, 10.0**-decimals / 2))
    return bool(kept < ABOVE_ZERO <= above)


def _n_decimals(text: str) -> int:
    plain = half_width(text)
    if "e" in plain.lower():
        return MAX_DECIMALS
    if plain.endswith("%"):
        whole, _, digits = plain[:-1].rstrip().partition(".")
        return len(f"{whole[-2:].rjust(2, '0')}{digits}".rstrip("0"))
    found = _DECIMALS.search(plain)
    return len(found[1]) if found else 0


def _n_written(text: str) -> int:
    """Return how many digits stand behind the point, zeros at the end among them."""
    found = _WRITTEN.search(half_width(text))
    return 0 if found is None else len(found[1]) + 2 * bool(found[2])


def _in_one_way(number: float) -> str:
    return f"{number + 0.0:.{_SURE_DIGITS}g}"  # without the minus of -0.0
