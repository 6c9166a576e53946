"""Measured values with how far they may be off: 12.5 ± 0.1."""

import re
from collections.abc import Sequence

from polar_detect.tables.cells.numbers import MIN_SURE, half_width, with_raised
from polar_detect.tables.cells.units import split_unit

_SEEN = re.compile(r"±|[+＋][/／]?[-－\u2212]")
_SIGN = re.compile(r"±|\+/?-")
# No digit goes on behind a number, or a long cell would be tried from each of its digits.
_OWN = re.compile(
    r"[-+▲△]?\s?[\d., ']*\d(?![., ']*\d)(?:e[-+]?\d+)?(?:\s?[^\d\s.,()][^()]*)?", re.IGNORECASE
)
_BY = r"[\d.,]*\d(?:e[-+]?\d+)?"
_BEHIND = r"(?P<behind>\s?[^\d\s.,()][^()]*)?"
_ALONE = re.compile(f"{_BY}{_BEHIND}", re.IGNORECASE)
_IN_BRACKETS = re.compile(rf"{_BY}\s*\){_BEHIND}", re.IGNORECASE)
_MANY = 10  # different ones, so that they are no sizes that some products are to have


def are_with_deviations(texts: Sequence[str]) -> bool:
    """Return whether the numbers of a column were measured, and say how well.

    Ten different ones are enough, or three where each comes twice at the most: a few that come
    again and again are what is asked for, of which another tolerance makes another one.

    >>> are_with_deviations(["12.5 ± 0.1", "12.6 ± 0.1", "-", "12.4 ± 0.2"])
    True
    >>> are_with_deviations(["10 ± 0.1", "12 ± 0.1", "14 ± 0.1"] * 5)
    False
    """
    if _SEEN.search("\0".join(texts)) is None:  # far faster than text by text
        return False
    found = [text for text in texts if without_deviation(text) is not None]
    n_different = len({*found})
    are_different = n_different >= _MANY or 2 * n_different >= len(found)
    return n_different >= MIN_SURE and are_different


def without_deviation(text: str) -> str | None:
    """Return a number with its unit, without how far it may be off; None for any other text.

    >>> [without_deviation(text) for text in ("12.5±0.1 mm", "(3.0 ± 0.2)×10³ Pa", "±0.5")]
    ['12.5 mm', '3.0 ×10^3 Pa', None]
    """
    if _SEEN.search(text) is None:
        return None
    own, *offs = map(str.strip, _SIGN.split(half_width(with_raised(text))))
    if len(offs) != 1:
        return None
    is_open = own.startswith("(")
    own = own.removeprefix("(").lstrip()
    by = (_IN_BRACKETS if is_open else _ALONE).fullmatch(offs[0])
    if by is None or _OWN.fullmatch(own) is None:
        return None
    behind = (by["behind"] or "").strip()
    is_complete = not behind or split_unit(own) is not None
    return own if is_complete else f"{own} {behind}"
