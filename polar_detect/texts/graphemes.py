"""What a reader takes for one character of a text, whatever signs it is written with.

A letter with its accents or vowel signs, a flag, an emoji of several: grapheme clusters.
Source: Unicode Standard Annex 29, Unicode Text Segmentation, section 3.
"""

import regex

# Flags first: to each letter of theirs \X counts all that stand before it.
_GRAPHEME = regex.compile(r"\p{RI}{2}[\p{Grapheme_Extend}\u200d]*|\X")
_LONGEST = 64  # characters; no letter of any language has more


def starts_of_graphemes(text: str) -> frozenset[int]:
    """Return where in a text its graphemes begin.

    >>> sorted(starts_of_graphemes("पानी 🇩🇪"))
    [0, 2, 4, 5]
    """
    return frozenset(found.start() for found in _GRAPHEME.finditer(text))


def whole_graphemes(text: str, n_characters: int) -> int:
    r"""Return how many characters of a text are whole graphemes, at most `n_characters`.

    Of one with more than 64 characters a part counts as whole; some texts pile up accents.

    >>> [whole_graphemes("ab\u0301c", n) for n in range(5)]
    [0, 1, 1, 3, 4]
    """
    if n_characters >= len(text):
        return len(text)
    # Whether one begins somewhere rests on what stands before, and on one character behind.
    *_, last = _GRAPHEME.finditer(text[: n_characters + 1])
    return last.start() if n_characters - last.start() < _LONGEST else n_characters
