"""What stands between the thousands of a column's numbers: 2.548, 12 345 or 12'345.

A comma there needs no word of the column: the numbers of English and Japanese sheets have it.
"""

import re
from collections.abc import Sequence

import numpy as np

from polar_detect.tables.cells.numbers import MIN_SURE, as_numbers, half_width
from polar_detect.tables.cells.units import split_unit

SEPARATORS = (".", " ", "'")  # Germany, France and the SI, Switzerland
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u02bc\u00b4`", "'"))
_PARTS = (
    r"(?P<before>[-+▲△]?\s*(?:[¥\\$€]\s*)?[-+]?)"
    r"(?P<whole>[1-9]\d{{0,2}}(?:{separator}\d{{3}}){{1,9}})"
    r"(?P<behind>(?P<part>[{decimal}]\d+)?(?:\s*[^\d\s.,;'].*)?)"
)
_GROUPED = {
    own: re.compile(
        _PARTS.format(separator=re.escape(own), decimal="," if own == "." else ".,"), re.ASCII
    )
    for own in SEPARATORS
}
# Where one stands in a number, or in what is none, as in a telephone's.
_SEEN = {
    ".": re.compile(r"\d[.．]|[.．]\d"),
    " ": re.compile(r"\d\s+\d"),
    "'": re.compile(r"\d['\u2019\u02bc\u00b4`]\d"),
}
_THOUSAND = 1000


def thousands_of(
    texts: Sequence[str], *, has_fractions: bool = False, are_points: bool = False
) -> str | None:
    """Return what stands between the thousands of a column; None where it may mean something else.

    Three different numbers have it, all of them between groups of three digits.

    Parameters
    ----------
    texts : sequence of str
    has_fractions : bool
        Whether some cells are numbers by their type, with digits behind a point.
    are_points : bool
        Whether points stand before no decimals in the whole table, as commas do.

    Notes
    -----
    Something has to say that a point stands before no decimals: a decimal comma, more groups in
    some numbers than in others, or whole numbers below 1,000. Where a blank stands in all of them,
    decimals or first groups of one digit and of three say that these are no codes.

    >>> cells = ["2.548", "1.070", "987", "1.310", "864", "-", "915"]
    >>> thousands_of(cells), thousands_of([*cells, "2.55"])
    ('.', None)
    >>> thousands_of(["1 234,5", "12 345", "987", "2 100"]), thousands_of(["123 456", "234 567"])
    (' ', None)
    """
    candidates = (own for own in SEPARATORS if own != "." or not has_fractions)
    sure = "." if are_points else None
    return next((own for own in candidates if _are_grouped(texts, own, is_sure=own == sure)), None)


def grouped(text: str, separator: str) -> re.Match[str] | None:
    """Return the parts of a number with a sign between thousands; None for any other text."""
    plain = text.translate(_APOSTROPHES) if separator == "'" else text
    return _GROUPED[separator].fullmatch(half_width(plain))


def without_thousands(text: str, separator: str) -> str:
    """Return a text whose number has a sign between thousands without it.

    >>> without_thousands("▲1 234,5 kg", " "), without_thousands("1 23", " ")
    ('▲1234,5 kg', '1 23')
    """
    found = grouped(text, separator)
    if found is None:
        return text
    return f"{found['before']}{found['whole'].replace(separator, '')}{found['behind']}"


def _are_grouped(texts: Sequence[str], separator: str, *, is_sure: bool) -> bool:
    if _SEEN[separator].search("\0".join(texts)) is None:  # far faster than text by text
        return False
    found = [grouped(text, separator) for text in texts]
    groups = [own for own in found if own is not None]
    if len({own["whole"] for own in groups}) < MIN_SURE:
        return False
    others = [text for text, own in zip(texts, found, strict=True) if own is None]
    if any(map(_SEEN[separator].search, others)):
        return False
    has_decimals = any(own["part"] for own in groups)
    # Of decimals the first digits may be more or fewer too.
    size = (lambda whole: whole.count(".")) if separator == "." else len
    differ = len({size(own["whole"]) for own in groups}) > 1
    return is_sure or has_decimals or differ or _go_on_below(groups, others, separator)


def _go_on_below(groups: Sequence[re.Match[str]], others: Sequence[str], separator: str) -> bool:
    """Return whether numbers in groups go on below 1,000 in the others, which have none.

    Three different ones do, and are nearer to those in groups if these are thousands.
    """
    bare = [text if (own := split_unit(text)) is None else own[0] for text in others]
    below = np.abs(as_numbers(bare))
    below = below[np.isfinite(below) & (below > 0)]
    if len({*below.tolist()}) < MIN_SURE or below.max() >= _THOUSAND:
        return False
    whole = float(np.median([int(own["whole"].replace(separator, "")) for own in groups]))
    size = float(np.median(below))
    return whole / size < size / (whole / _THOUSAND)
