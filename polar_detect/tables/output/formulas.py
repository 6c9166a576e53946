"""Keep a spreadsheet from taking text for a formula.

A text such as `=HYPERLINK(…)` in a log would run when a person opens the CSV. OWASP, "CSV
Injection", lists the characters, full-width ones too.
"""

import re
from collections.abc import Iterable

_STARTS = "=+-@\t\r\n＝＋－＠"
_NUMBER = re.compile(r"[-+](\d[\d.,]*|\.\d+)([eE][-+]?\d+)?\s?%?", re.ASCII)


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet may take `text` for a formula.

    A number is none, nor are signs without anything to compute, such as `--`.

    >>> [is_formula(text) for text in ("=1+1", "-1.5e3", "-2+3", "- see log", "--", "a=b")]
    [True, False, True, True, False, False]
    """
    if not text or text[0] not in _STARTS or _NUMBER.fullmatch(text):
        return False
    return any(character.isalnum() for character in text)


def neutralised(texts: Iterable[str]) -> list[str]:
    """Return the texts, those that look like a formula with an apostrophe in front."""
    return [f"'{text}" if is_formula(text) else text for text in texts]
