"""One cell of a row as text, and back: how numbers are rounded and missing values said."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.shares import exactly
from polar_detect.tables.cell_numbers import (
    MIN_NUMERIC,
    MISSING,
    MISSING_WORDS,
    NOTATION,
    Notation,
    as_numbers,
    half_width,
    is_missing,
)
from polar_detect.tables.number_form import PLAIN, NumberForm

MAX_DECIMALS = 20  # leak rates and currents have twelve zeros
SEPARATOR = "; "
# A number keeps the decimals that tell at least so many values apart in the middle 90 % of its
# column, and never more than the column has. Fifty times as many make texts a sixth longer, and
# distances between rows find as much in four of five sets of rows (Wilt: AUROC .907, .916).
# More are kept where so few take its logarithm from a column; see `_takes_logarithm`.
_STEPS = 20
_MANY = 20  # cells; of fewer a twentieth is none
ABOVE_ZERO = 0.9  # of a column's cells, or no logarithm of it is taken (`signature.numbers`)
_LARGE = 1e15  # counts and codes of so many digits, of which none is rounded
_FLOAT_DIGITS = 17
_SURE_DIGITS = 15  # any further ones may come of computing: 0.1 + 0.2
_ULP = 1e-14  # relative; parsers of numbers err by as much
_DECIMALS = re.compile(r"\.(\d*[1-9])")
_WRITTEN = re.compile(r"\d\.(\d*) ?(%?)")


def label_of(name: str) -> str:
    """Return the name of a column as it stands in a row, on one line and without separators."""
    return _on_one_line(name)


def write_cells(
    cells: pd.Series,
    name: str,
    decimals: int | None,
    notation: Notation = NOTATION,
    *,
    form: NumberForm = PLAIN,
) -> list[str]:
    """Return each cell of a column behind the column's name; `decimals` is None for text.

    Of numbers, what else their form has is left out.
    """
    label = label_of(name)
    texts = [_on_one_line(text) for text in form.bare(cells)]
    if decimals is None:
        written = [MISSING if text.lower() in MISSING_WORDS else text for text in texts]
    else:
        numbers = as_numbers(texts, notation).tolist()
        written = [
            MISSING
            if is_missing(text, notation)
            else _write_number(text, number, decimals, notation)
            for text, number in zip(texts, numbers, strict=True)
        ]
    return [f"{label}: {text}" for text in written]


def split_row(text: str, labels: list[str]) -> list[str] | None:
    """Return what the cells of a row say, or None where the text is no row of these columns.

    No cell holds a separator, so that this is the exact inverse of writing.

    >>> split_row("Type: M; Air [K]: 298.1", ["Type", "Air [K]"])
    ['M', '298.1']
    """
    cells = text.split(SEPARATOR)
    heads = [f"{label}: " for label in labels]
    if len(cells) != len(heads) or not all(map(str.startswith, cells, heads)):
        return None
    return [cell[len(head) :] for cell, head in zip(cells, heads, strict=True)]


@dataclass(frozen=True, eq=False)
class CellNumbers:
    """What is a number in a column.

    Parameters
    ----------
    values : (n_rows,) float64
        NaN where missing, and where a cell says something else.
    words : tuple of str
        What the cells say that are neither missing nor finite numbers.
    share : float
        How many of the cells that are not missing are numbers.
    """

    values: NDArray[np.float64]
    words: tuple[str, ...]
    share: float

    @classmethod
    def of(cls, cells: pd.Series, form: NumberForm = PLAIN) -> "CellNumbers":
        """Return the numbers of a column, plain or in a form; truth values are none."""
        texts = [text.strip() for text in form.bare(cells)]
        values = as_numbers(texts)
        values[~np.isfinite(values)] = np.nan
        is_number = ~np.isnan(values)
        words = tuple(
            text
            for text, known in zip(texts, is_number.tolist(), strict=True)
            if not known and not is_missing(text)
        )
        n_numbers = int(is_number.sum())
        return cls(values, words, n_numbers / max(n_numbers + len(words), 1))

    @property
    def is_numeric(self) -> bool:
        """Whether this is a column of numbers."""
        return self.share >= MIN_NUMERIC

    @property
    def percent(self) -> int:
        """The share in whole per cent, rounded down."""
        return math.floor(100 * exactly(self.share))


def decimals_of(
    cells: pd.Series,
    form: NumberForm = PLAIN,
    kinds: Sequence[NDArray[np.intp]] | None = None,
) -> int | None:
    """Return the digits behind the point that a column keeps; None for a column of text.

    Where rows are of several kinds, given by their places, as many as each of these asks for.
    """
    texts = form.bare(cells)
    column = CellNumbers.of(cells if form == PLAIN else pd.Series(texts, dtype=object))
    if not column.is_numeric:
        return None
    is_number = ~np.isnan(column.values)
    found = (own[is_number[own]] for own in kinds or [np.arange(len(texts))])
    return max(_needed(column.values[own], [texts[i] for i in own]) for own in found if len(own))


def _needed(numbers: NDArray[np.float64], said: Sequence[str]) -> int:
    low, high = np.quantile(numbers, [0.05, 0.95])
    present = max(map(_n_decimals, said))
    step = high / _STEPS - low / _STEPS
    if not step:  # all the same, but for the last bit of what was computed
        if not np.ptp(numbers):  # 7.0 throughout: a 7.4 is another number
            present = max(present, *map(_n_written, said))
        return min(present, MAX_DECIMALS)
    needed, most = max(math.ceil(-math.log10(step)), 0), min(present, MAX_DECIMALS)
    while needed < most and len(numbers) >= _MANY and _takes_logarithm(numbers, needed):
        needed += 1
    return min(needed, most)


def decimals_apart(numbers: NDArray[np.float64], decimals: int) -> int:
    """Return so many digits behind the point, or more, that different numbers stay different.

    >>> decimals_apart(np.array([1.2, 1.4, 30.0, np.nan]), 0)
    1
    """
    different = {*map(_in_one_way, numbers[np.abs(numbers) < _LARGE].tolist())}
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
        _in_one_way(number) if abs(number) < _LARGE else own
        for own, number in zip(said, numbers.tolist(), strict=True)
    ]


def _in_one_way(number: float) -> str:
    return f"{number + 0.0:.{_SURE_DIGITS}g}"  # without the minus of -0.0


def _takes_logarithm(numbers: NDArray[np.float64], decimals: int) -> bool:
    """Return whether a column that is mostly above zero is not, when it is rounded so.

    As concentrations and leak rates are: the middle 90 % span several powers of ten, and most of
    a column would be zero beside its largest numbers.
    """
    above, kept = (np.mean(numbers > least) for least in (0, 10.0**-decimals / 2))
    return bool(kept < ABOVE_ZERO <= above)


def _on_one_line(text: str) -> str:
    return " ".join(text.split()).replace(SEPARATOR, ", ")


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


def _write_number(text: str, number: float, decimals: int, notation: Notation) -> str:
    if not math.isfinite(number):
        return text
    if abs(number) >= _LARGE:
        return f"{number:.6g}" if notation == 1 else _write_large(text, number)
    rounded = f"{number:.{decimals}f}"
    return rounded.lstrip("-") if float(rounded) == 0 else rounded


def _write_large(text: str, number: float) -> str:
    """Return a number in the fewest digits that mean it: those of its cell where they say more.

    Codes of twenty digits are told apart, though as numbers they may be the same.
    """
    shortest = Decimal(repr(number))
    try:
        exact = Decimal(half_width(text).replace(",", ""))
    except InvalidOperation:
        exact = shortest
    if not math.isclose(float(exact), number, rel_tol=_ULP):
        exact = shortest  # 5e17 % are 5e15
    plain = exact.normalize(Context(prec=len(text) + _FLOAT_DIGITS))
    return min(f"{plain:f}", f"{plain:e}", key=len)
