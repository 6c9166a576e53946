"""One cell of a row as text, and back: how numbers are rounded and missing values said."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.units import are_same_units, split_unit, unit_behind

Notation = Literal[1, 2]
"""Which cells are numbers, and which are missing: 1 up to version 0.2, so that its detectors
score as they did, and 2 since then."""

NOTATION: Notation = 2
MAX_DECIMALS = 20  # leak rates and currents have twelve zeros
SEPARATOR = "; "
MIN_NUMERIC = 0.95  # of the cells that are not missing
_MISSING_WORDS = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "null"})
# In a column of numbers; elsewhere a dash or a "none" may be an answer.
_NO_NUMBER = _MISSING_WORDS | {
    *("nd", "n.d.", "none"),
    *("#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"),
    *("未測定", "測定不可", "測定不能", "計測不能", "なし", "欠測", "欠損"),
}
_DASHES = "-\u2010\u2013\u2014\u2015\u2500\u30fc"  # hyphen to bar, box line, long vowel
_MISSING = "missing"
_FORMATTED = re.compile(
    r"(?P<sign>[-+]?)[¥$€]? ?(?P<own>[-+]?)"
    r"(?P<number>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+) ?(?P<percent>%?)",
    re.ASCII | re.IGNORECASE,
)
# A number keeps the decimals that tell at least so many values apart in the middle 90 % of its
# column, and never more than the column has. Fifty times as many make texts a sixth longer, and
# distances between rows find as much in four of five sets of rows (Wilt: AUROC .907, .916).
_STEPS = 20
_DECIMALS = re.compile(r"\.(\d*[1-9])")


def label_of(name: str) -> str:
    """Return the name of a column as it stands in a row, on one line and without separators."""
    return _on_one_line(name)


def write_cells(
    cells: pd.Series,
    name: str,
    decimals: int | None,
    notation: Notation = NOTATION,
    *,
    unit: str | None = None,
) -> list[str]:
    """Return each cell of a column behind the column's name; `decimals` is None for text.

    Of numbers, the unit is left out.
    """
    label = label_of(name)
    texts = [_on_one_line(text) for text in bare_cells(cells, unit)]
    if decimals is None:
        written = [_MISSING if text.lower() in _MISSING_WORDS else text for text in texts]
    else:
        numbers = as_numbers(texts, notation).tolist()
        written = [
            _MISSING if is_missing(text, notation) else _write_number(text, number, decimals)
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


def unit_of(cells: pd.Series, name: str) -> str | None:
    """Return the unit that numbers of a column may have behind them.

    It is the one that its name has, or, where that has none, that nearly every cell has; a
    letter as in the lot 2401A is none then. Per cent are none: numbers themselves may be written
    so.

    >>> unit_of(pd.Series(["5.1 MPa", "", "4.97MPa"]), "p"), unit_of(pd.Series(["5"]), "温度（℃）")
    ('MPa', '°C')
    """
    unit = unit_behind(name)
    if unit is None:
        texts = cells_as_text(cells)
        others = [texts[i] for i in _not_plain(texts)]
        split = (split_unit(text, is_expected=False) for text in others)
        found = Counter(own[1] for own in split if own is not None)
        unit, n = next(iter(found.most_common(1)), (None, 0))
        if n < MIN_NUMERIC * (len(texts) - len(others) + n):
            return None
        n_missing = sum(map(is_missing, others))
        unit = unit if n >= MIN_NUMERIC * (len(texts) - n_missing) else None
    return None if unit == "%" else unit


def bare_cells(cells: pd.Series, unit: str | None) -> list[str]:
    """Return cells as text, of numbers with just this unit the number alone."""
    texts = cells_as_text(cells)
    if unit is None:
        return texts
    bare = list(texts)
    for i in _not_plain(texts):
        own = split_unit(texts[i])
        if own is not None and are_same_units(own[1], unit):
            bare[i] = own[0]
    return bare


def as_numbers(texts: Iterable[str], notation: Notation = NOTATION) -> NDArray[np.float64]:
    """Return texts as numbers, NaN for what is none.

    >>> as_numbers(["1,234.5", "97.0%", "¥-1,200", "\uff11\uff12", "\u22123", "1,23"]).tolist()
    [1234.5, 0.97, -1200.0, 12.0, -3.0, nan]
    """
    listed = list(texts)
    numbers = _plain_numbers(listed)
    if notation > 1:
        for i in np.flatnonzero(np.isnan(numbers)).tolist():
            numbers[i] = _formatted_number(listed[i])
    return numbers


def is_missing(text: str, notation: Notation = NOTATION) -> bool:
    """Return whether a cell of a column of numbers, or what is written of it, is no value."""
    if notation == 1:
        return text.lower() in _MISSING_WORDS
    plain = _plain(text).lower()
    return not plain.strip(_DASHES) or plain in _NO_NUMBER or text == _MISSING


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
    def of(cls, cells: pd.Series, unit: str | None = None) -> "CellNumbers":
        """Return the numbers of a column, with or without the unit; truth values are none."""
        texts = [text.strip() for text in bare_cells(cells, unit)]
        values = as_numbers(texts)
        if isinstance(cells.dtype, pd.BooleanDtype) or cells.dtype == bool:
            values[:] = np.nan
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


def decimals_of(cells: pd.Series, unit: str | None = None) -> int | None:
    """Return the digits behind the point that a column keeps; None for a column of text."""
    texts = bare_cells(cells, unit)
    column = CellNumbers.of(cells if unit is None else pd.Series(texts, dtype=object))
    if not column.is_numeric:
        return None
    low, high = np.nanquantile(column.values, [0.05, 0.95])
    is_number = (~np.isnan(column.values)).tolist()
    present = max(_n_decimals(text) for text, known in zip(texts, is_number, strict=True) if known)
    if high == low:
        return min(present, MAX_DECIMALS)
    needed = math.ceil(-math.log10((high - low) / _STEPS))
    return int(min(max(needed, 0), present, MAX_DECIMALS))


def _plain_numbers(texts: list[str]) -> NDArray[np.float64]:
    found = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
    return np.array(found, dtype=np.float64)


def _not_plain(texts: list[str]) -> list[int]:
    """Return which texts are no plain numbers, which is far faster than to look for a unit."""
    return [int(i) for i in np.flatnonzero(np.isnan(_plain_numbers(texts)))]


def _plain(text: str) -> str:
    """Return full-width signs as the usual ones."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-").strip()


def _formatted_number(text: str) -> float:
    """Return a number that people or spreadsheets have formatted; NaN for anything else."""
    if not text.isascii() and any(unicodedata.category(sign) == "No" for sign in text):
        return math.nan  # 10² is not 102
    found = _FORMATTED.fullmatch(_plain(text))
    if found is None or (found["sign"] and found["own"]):
        return math.nan
    number = float(found["sign"] + found["own"] + found["number"].replace(",", ""))
    return number / 100 if found["percent"] else number


def _on_one_line(text: str) -> str:
    return " ".join(text.split()).replace(SEPARATOR, ", ")


def _n_decimals(text: str) -> int:
    plain = _plain(text)
    if "e" in plain.lower():
        return MAX_DECIMALS
    if plain.endswith("%"):
        whole, _, digits = plain[:-1].rstrip().partition(".")
        return len(f"{whole[-2:].rjust(2, '0')}{digits}".rstrip("0"))
    found = _DECIMALS.search(plain)
    return len(found[1]) if found else 0


def _write_number(text: str, number: float, decimals: int) -> str:
    if not math.isfinite(number):
        return text
    if abs(number) >= 1e15:
        return f"{number:.6g}"
    rounded = f"{number:.{decimals}f}"
    return rounded.lstrip("-") if float(rounded) == 0 else rounded
