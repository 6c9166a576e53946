"""What a column says again and again where it has no number: OK, OL, ERR, 測定中."""

from collections import Counter
from collections.abc import Sequence

from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.numbers import MIN_NUMERIC, half_width, is_missing, not_plain

_MIN_ROWS = 10  # with numbers
_MIN_NUMBERS = 0.2  # of the filled cells
_REPEATS = 3  # rows of each code, or it is a remark


def codes_among(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the codes among the cells of a column of measured numbers, the most frequent first.

    None where the other cells are so few that the column is one of numbers all the same, and where
    numbers may be names, as sizes are beside S and M: whole ones that repeat.

    >>> codes_among([*(f"{10 + i / 10} mm" for i in range(20)), *["OL", "ol ", "OL"]])
    ('ol',)
    >>> codes_among([*["36", "38", "40", "42"] * 5, *["S", "M", "L"] * 3])
    ()
    """
    n_filled, found = len(texts), Counter[str]()
    for text, n in Counter(texts[i] for i in not_plain([*texts])).items():
        if is_missing(text.strip()):
            n_filled -= n
        elif _is_word(half_width(text)):
            found[folded(text)] += n
    n_numbers = n_filled - found.total()
    if n_numbers >= MIN_NUMERIC * n_filled or n_numbers < max(_MIN_ROWS, _MIN_NUMBERS * n_filled):
        return ()
    if not _are_measured([text for text in map(half_width, texts) if not _is_word(text)]):
        return ()
    return tuple(code for code, n in found.most_common() if n >= _REPEATS)


def _is_word(text: str) -> bool:
    return text[:1].isalpha() or not any(map(str.isdecimal, text))


def _are_measured(numbers: Sequence[str]) -> bool:
    """Return whether numbers hardly repeat, or some have decimals."""
    has_decimals = {text for text in numbers if "." in text or "," in text}
    return len(has_decimals) >= _REPEATS or _REPEATS * len({*numbers}) > len(numbers)
