"""Measured values with how far they may be off: 12.5 ± 0.1."""

import re
from collections.abc import Sequence

from polar_detect.tables.cells.numbers import MIN_SURE, half_width
from polar_detect.tables.cells.units import split_unit

_SIGN = r"\s*(?:±|\+/-|\+-)\s*"
_SEEN = re.compile(r"±|[+＋][/／]?[-－\u2212]")
_OWN = r"(?P<own>[-+▲△]?\s?[\d., ']*\d(?:e[-+]?\d+)?(?P<unit>\s?[^\d\s.,±()][^±()]*?)?)"
_BY = r"[\d.,]*\d(?:e[-+]?\d+)?"
_ALONE = re.compile(rf"{_OWN}{_SIGN}{_BY}(?P<behind>\s?[^\d\s.,±()][^±()]*)?", re.IGNORECASE)
_IN_BRACKETS = re.compile(
    rf"\(\s*{_OWN}{_SIGN}{_BY}\s*\)(?P<behind>\s?[^\d\s.,±()][^±()]*)?", re.IGNORECASE
)
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

    >>> [without_deviation(text) for text in ("12.5±0.1 mm", "(3.0 ± 0.2) MPa", "±0.5")]
    ['12.5 mm', '3.0 MPa', None]
    """
    if _SEEN.search(text) is None:
        return None
    plain = half_width(text)
    found = _ALONE.fullmatch(plain) or _IN_BRACKETS.fullmatch(plain)
    if found is None:
        return None
    own, behind = found["own"].strip(), (found["behind"] or "").strip()
    is_complete = not behind or split_unit(own) is not None
    return own if is_complete else f"{own} {behind}"
