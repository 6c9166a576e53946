"""Words, and values laid on a text's characters: what reports mark, without what measures it."""

import re
from dataclasses import dataclass

# Kanji, hiragana and katakana are written without blanks, and parted where they meet.
_UNSPACED = ("々\u3400-\u9fff", "\u3041-\u309f", "\u30a1-\u30ff\uff66-\uff9f")
_NOT_THESE = "".join(_UNSPACED)
_WORD = re.compile(
    "|".join([f"[{script}]+" for script in _UNSPACED])
    + f"|[^\\W{_NOT_THESE}](?:[^\\s{_NOT_THESE}]*[^\\W{_NOT_THESE}])?"
)


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """What the characters ``text[start:stop]`` cost.

    Parameters
    ----------
    start, stop : int
        Tokens that share a character (a kanji may take three) are one span.
    loss : float, nats
        Sum over the tokens of the span; in reports beside how often normal texts have each, see
        `signature.token_losses`.
    """

    start: int
    stop: int
    loss: float


def words_of(text: str) -> list[str]:
    """Return the words of a text, without what stands around them.

    >>> words_of("C/O left pump, 20-6! ポンプを定期交換、3号機")
    ['C/O', 'left', 'pump', '20-6', 'ポンプ', 'を', '定期交換', '3', '号機']
    """
    return _WORD.findall(text)


def word_places(text: str) -> list[tuple[int, int]]:
    """Return where the same words stand: each is ``text[start:stop]``."""
    return [found.span() for found in _WORD.finditer(text)]


def word_at(text: str, start: int, stop: int) -> str:
    """Return the word in which ``text[start:stop]`` lies; itself, where it lies in none.

    From the first word that it touches to the last, where it touches several.

    >>> word_at("DAMAGED step", 2, 4), word_at("a ~ b", 2, 3)
    ('DAMAGED', '~')
    """
    touched = [own for own in word_places(text) if own[0] < stop and own[1] > start]
    return text[touched[0][0] : touched[-1][1]] if touched else text[start:stop]
