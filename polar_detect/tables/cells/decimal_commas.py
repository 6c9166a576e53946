"""Commas before decimals: 1,5 and 1.234,5, as in most of Europe, Latin America and Vietnam."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from polar_detect.tables.cells.numbers import (
    MIN_NUMERIC,
    MIN_SURE,
    TYPED_MINUS,
    plain_numbers,
)
from polar_detect.tables.cells.text import cells_as_seen

_COMMA = re.compile(
    rf"(?P<before>[-+\u2212{TYPED_MINUS}▲△]?\s*(?:[¥\\$€]\s*)?[-+]?)"
    r"(?P<whole>\d{1,3}(?:\.\d{3})+|\d+),(?P<part>\d+)"
    r"(?P<behind>(?:\s*[^\d\s.,;].*)?)"
)
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)
_POINTED = re.compile(r"\d[.,]|[.,]\d")
# With a point before decimals, which 1.234 may be none of: 12.5, 0.0125 and 1,234.5; or with commas
# that stand before none: 1,234,567.
_WITH_POINT = re.compile(
    r"[-+]?(?:(?:0|[1-9]\d*)\.(?:\d{1,2}|\d{4,})|0\.\d+|\d{1,3}(?:,\d{3})+\.\d+"
    r"|[1-9]\d{0,2}(?:,\d{3}){2,})"
)
_SAMPLE_ROWS = 1000
_HUNDRED, _THOUSAND = 100, 1000


def decimal_comma(text: str) -> "re.Match[str] | None":
    """Return the parts of a number with a comma before its last digits; None for another text."""
    return _COMMA.fullmatch(text.strip())


def has_decimal_commas(texts: Sequence[str]) -> bool:
    """Return whether the commas in the numbers of a column stand before decimals.

    Half of the numbers have one, no other has a point or a comma, and three different ones cannot
    be of thousands, as 1,234 may be: so many of all numbers that a column of thousands with these
    among them would be one of text.

    >>> cells = ["1,5", "2", "0,75", "-", "2,5"]
    >>> has_decimal_commas(cells), has_decimal_commas([*cells, "1.5"])
    (True, False)
    """
    found = [decimal_comma(text) for text in texts]
    parted = [f"{own['whole']},{own['part']}" for own in found if own is not None]
    sure = [number for number in parted if not _THOUSANDS.fullmatch(number)]
    others = [text for text, own in zip(texts, found, strict=True) if own is None]
    n_others = int(np.isfinite(plain_numbers(others)).sum())
    if len(set(sure)) < MIN_SURE or len(sure) <= (1 - MIN_NUMERIC) * (len(parted) + n_others):
        return False
    return len(parted) >= n_others and not any(map(_POINTED.search, others))


def may_be_decimal(texts: Sequence[str]) -> bool:
    """Return whether they may be where only the table tells: 8,212 among 12,412 and 20,118.

    Half of the numbers have one, and no other has a point or a comma. Those of thousands go on
    below, as 1,234 and 980: as decimals others would be as large as these, or have fewer digits
    behind the comma.
    """
    found = [decimal_comma(text) for text in texts]
    parted = {own["part"] + own["whole"] for own in found if own is not None}
    others = [text for text, own in zip(texts, found, strict=True) if own is None]
    n_others = int(np.isfinite(plain_numbers(others)).sum())
    n_parted = len(texts) - len(others)
    if len(parted) < MIN_SURE or n_parted < n_others or any(map(_POINTED.search, others)):
        return False
    return not _go_on_below([own for own in found if own is not None], others)


def have_decimal_commas(table: pd.DataFrame) -> bool:
    """Return whether decimals stand behind commas in all of a table, as a column of it shows.

    There are surely some in that column, as many digits behind each, as where a program has written
    them: pairs such as 3,12 differ in these. And no other column has decimals behind points.

    >>> table = pd.DataFrame({"T": ["20,5", "20,7", "19,8"], "d": ["1,234", "2,310", "1,150"]})
    >>> have_decimal_commas(table), have_decimal_commas(table[["d"]])
    (True, False)
    >>> have_decimal_commas(table.assign(p=["12.5", "13.1", "12.9"]))
    False
    """
    is_sure = False
    for j in range(table.shape[1]):
        column = table.iloc[:_SAMPLE_ROWS, j]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            continue
        texts = cells_as_seen(column)
        if len({text for text in texts if _WITH_POINT.fullmatch(text.strip())}) >= MIN_SURE:
            return False
        is_sure = is_sure or (_have_fixed_decimals(texts) and has_decimal_commas(texts))
    return is_sure


def _go_on_below(found: Sequence["re.Match[str]"], others: Sequence[str]) -> bool:
    """Return whether groups of thousands go on below 1,000, in three different whole numbers."""
    if not all(_THOUSANDS.fullmatch(f"{own['whole']},{own['part']}") for own in found):
        return False
    below = np.abs(plain_numbers([*others]))
    below = below[below >= _HUNDRED]
    return len({*below.tolist()}) >= MIN_SURE and bool(below.max() < _THOUSAND)


def _have_fixed_decimals(texts: Sequence[str]) -> bool:
    """Return whether nearly all numbers with a comma have as many digits behind it."""
    lengths = [len(own["part"]) for text in texts if (own := decimal_comma(text)) is not None]
    return bool(lengths) and lengths.count(max(lengths)) >= MIN_NUMERIC * len(lengths)


def with_point(text: str) -> str:
    """Return a text whose number has a decimal comma with a point in its place."""
    found = decimal_comma(text)
    if found is None:
        return text
    before, whole, part, behind = found.group("before", "whole", "part", "behind")
    return f"{before}{whole.replace('.', '')}.{part}{behind}"
