"""Which cells are numbers, and which are missing, each by itself.

Hides how spreadsheets and Japanese sheets show numbers, and what is said where there is none.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array

Notation = Literal[1, 2, 3]
"""Which cells are numbers and which are missing, 1 in version 0.1 and 2 since then, so that earlier
detectors score as they did; with 3 the words of rows are in usual widths, and labelled rows teach
of categories too (`signature.labelled.column_likeness`)."""

NOTATION: Notation = 3
MISSING = "missing"
MIN_NUMERIC = 0.95  # of the cells that are not missing
# So many different cells, or more, make sure of a way of writing that may mean something else.
MIN_SURE = 3
MISSING_WORDS = frozenset({"", "na", "n/a", "#n/a", "nan", "<na>", "null"})
# In a column of numbers; elsewhere a dash or a "none" may be an answer.
_NO_NUMBER = MISSING_WORDS | {
    *("nd", "n.d.", "none"),
    *("#div/0!", "#value!", "#ref!", "#num!", "#name?", "#null!"),
    *("未測定", "測定不可", "測定不能", "計測不能", "なし", "欠測", "欠損"),
}
_DASHES = "-\u2010\u2013\u2014\u2015\u2500\u30fc"  # hyphen to bar, box line, long vowel
# Typed for a minus: by Word, which makes a dash of it, and by a Japanese keyboard.
TYPED_MINUS = "\u2010\u2013\u30fc"
_TYPED_MINUS = re.compile(f"[{TYPED_MINUS}](?=[¥$€]? ?[\\d.])")
# Of Arabic: per cent, decimal sign and thousands; and the mark of direction before a minus.
_OTHER_SIGNS = {"\u066a": "%", "\u066b": ".", "\u066c": ",", "\u061c": ""}
# One pass, as str.translate with a table is slow beyond ASCII. Digits are ٣, ३, ๓.
_OTHER = re.compile(rf"[^\D0-9０-９]|[{''.join(_OTHER_SIGNS)}]")
_FORMATTED = re.compile(
    r"(?P<sign>[-+]?)[¥\\$€]? ?(?P<own>[-+]?)"
    r"(?P<number>(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d\d)+,\d{3}|\d+)"  # lakhs too
    r"(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+) ?(?P<percent>%?)",
    re.ASCII | re.IGNORECASE,
)

# 1.2×10^-6, and 1.2×10-6 where the sign that it stands higher was lost.
_POWER = re.compile(
    r"(?P<before>[-+]?(?:[1-9](?:[.,]\d*)?|(?P<more>[\d.,]*\d)))\s?[x×*∗·⋅・]\s?10"
    r"(?:(?:\^|\*\*)\(?(?P<raised>[-+]?\d{1,3})\)?|(?P<lost>(?(more)(?!)|-)\d{1,2}))(?!\d)"
    r"(?P<behind>.*)",
    re.ASCII | re.IGNORECASE,
)
_RAISED = re.compile("(?<=\\d)[\u207a\u207b]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")


def as_numbers(texts: Iterable[str], notation: Notation = NOTATION) -> Float64Array:
    """Return texts as numbers, NaN for what is none.

    >>> as_numbers(["1,234.5", "97.0%", "¥-1,200", "\uff11\uff12", "\u22123", "1,23"]).tolist()
    [1234.5, 0.97, -1200.0, 12.0, -3.0, nan]
    >>> as_numbers(["12,34,567", "1.2×10^5", "3×10⁻⁶", "१२.५", "-٣٬٤٥٦٫٧"]).tolist()
    [1234567.0, 120000.0, 3e-06, 12.5, -3456.7]
    """
    listed = list(texts)
    numbers = plain_numbers(listed)
    if notation > 1:
        for i in np.flatnonzero(np.isnan(numbers)).tolist():
            numbers[i] = _formatted_number(listed[i])
    return numbers


def is_missing(text: str, notation: Notation = NOTATION) -> bool:
    """Return whether a cell of a column of numbers, or what is written of it, is no value."""
    if notation == 1:
        return text.lower() in MISSING_WORDS
    plain = half_width(text).lower()
    return not plain.strip(_DASHES) or plain in _NO_NUMBER or text == MISSING


def plain_numbers(texts: list[str]) -> Float64Array:
    """Return texts as numbers where they are in the plainest form; NaN for all others."""
    found = pd.to_numeric(np.array(texts, dtype=object), errors="coerce")
    return np.array(found, dtype=np.float64)


def not_plain(texts: list[str]) -> list[int]:
    """Return which texts are no plain numbers, which is far faster than to look for a unit."""
    return [int(i) for i in np.flatnonzero(np.isnan(plain_numbers(texts)))]


def with_exponent(text: str) -> str:
    """Return a text that begins with a number and a power of ten with that as an exponent.

    >>> [with_exponent(text) for text in ("1.2×10⁻⁶ Pa", "5 x 10^3", "4x10", "M4×10")]
    ['1.2e-6 Pa', '5e3', '4x10', 'M4×10']
    """
    if "10" not in text and "\uff11\uff10" not in text:
        return text
    found = _POWER.fullmatch(_half_width(with_raised(text)))
    if found is None:
        return text
    return f"{found['before']}e{found['raised'] or found['lost']}{found['behind']}"


def with_raised(text: str) -> str:
    """Return a text with a ^ before digits that stand higher than the digit before them."""
    return text if text.isascii() else _RAISED.sub(lambda found: f"^{found[0]}", text)


def in_usual_digits(text: str) -> str:
    """Return a text with the digits 0 to 9 in place of another script's, and so its signs.

    >>> in_usual_digits("-٣٬٤٥٦٫٧ bar"), in_usual_digits("१२.५")
    ('-3,456.7 bar', '12.5')
    """
    if text.isascii():
        return text
    return _OTHER.sub(_usual, text)


def _usual(found: re.Match[str]) -> str:
    """Return the usual sign or digit for one of another script."""
    sign = _OTHER_SIGNS.get(found[0])
    return str(unicodedata.decimal(found[0])) if sign is None else sign


def half_width(text: str) -> str:
    """Return full-width signs and other scripts' digits as usual, powers of ten as exponents."""
    return _half_width(with_exponent(text))


def _half_width(text: str) -> str:
    if text.isascii():
        return text.strip()
    plain = unicodedata.normalize("NFKC", text).replace("\N{MINUS SIGN}", "-")
    plain = in_usual_digits(plain).strip()
    return f"-{plain[1:]}" if _TYPED_MINUS.match(plain) else plain


def _formatted_number(text: str) -> float:
    """Return a number that people or spreadsheets have formatted; NaN for anything else."""
    plain = with_exponent(text)
    if not plain.isascii() and any(unicodedata.category(sign) == "No" for sign in plain):
        return math.nan  # 10² is not 102
    found = _FORMATTED.fullmatch(_half_width(plain))
    if found is None or (found["sign"] and found["own"]):
        return math.nan
    number = float(found["sign"] + found["own"] + found["number"].replace(",", ""))
    return number / 100 if found["percent"] else number
