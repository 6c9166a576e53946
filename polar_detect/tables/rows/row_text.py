"""One cell of a row as text, and back: how numbers are rounded and missing values said."""

import math
from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation

import pandas as pd

from polar_detect.tables.cells.number_form import PLAIN, NumberForm
from polar_detect.tables.cells.numbers import (
    MISSING,
    MISSING_WORDS,
    NOTATION,
    Notation,
    as_numbers,
    half_width,
    is_missing,
)
from polar_detect.texts.visible import in_usual_widths

SEPARATOR = "; "
MORE_DECIMALS = 3  # than `decimals`, where rows keep what numbers say
LARGE = 1e15  # counts and codes of so many digits, of which none is rounded
_FLOAT_DIGITS = 17
_ULP = 1e-14  # relative; parsers of numbers err by as much


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
    more: int = 0,
) -> list[str]:
    """Return each cell of a column behind the column's name; `decimals` is None for text.

    Of numbers, what else their form has is left out. Those with more decimals keep up to `more`
    of them, unless reading them would round another way than the number is rounded.
    """
    label = label_of(name)
    texts = [*map(_on_one_line, form.bare(cells))]
    if decimals is None:
        usual = texts if notation < 3 else map(in_usual_widths, texts)
        written = [MISSING if text.lower() in MISSING_WORDS else text for text in usual]
    else:
        numbers = as_numbers(texts, notation).tolist()
        written = [
            MISSING
            if not math.isfinite(number) and is_missing(text, notation)
            else _write_number(text, number, decimals, more, notation)
            for text, number in zip(texts, numbers, strict=True)
        ]
    return [f"{label}: {text}" for text in written]


def split_row(text: str, labels: Sequence[str]) -> list[str] | None:
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


def _on_one_line(text: str) -> str:
    return " ".join(text.split()).replace(SEPARATOR, ", ")


def rounded(number: float, decimals: int) -> float:
    """Return a number as it is read where it was written with so many decimals.

    >>> rounded(0.15, 1), rounded(-0.04, 1)  # which is a bit less than 0.15
    (0.1, 0.0)
    """
    return float(f"{number:.{decimals}f}") + 0.0


def _write_number(text: str, number: float, decimals: int, more: int, notation: Notation) -> str:
    if not math.isfinite(number):
        return text
    if abs(number) >= LARGE:
        return f"{number:.6g}" if notation == 1 else _write_large(text, number)
    plain = _fixed(number, decimals)
    if not more or float(plain) == number:
        return plain
    longer = _fixed(number, decimals + more)
    if float(longer) != number and rounded(float(longer), decimals) != float(plain):
        return plain
    shorter = longer.rstrip("0")
    return shorter if len(longer) - len(shorter) < more else plain


def _fixed(number: float, decimals: int) -> str:
    """Return a number with so many decimals; no zero has a minus."""
    written = f"{number:.{decimals}f}"
    return written[1:] if written[0] == "-" and float(written) == 0 else written


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
