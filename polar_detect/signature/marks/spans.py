"""Values laid on a text's characters: what reports mark, without what measures it."""

from collections.abc import Sequence
from dataclasses import dataclass

from polar_detect.texts.graphemes import starts_of_graphemes
from polar_detect.texts.words import is_spaced, touched_words


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """What the characters ``text[start:stop]`` cost.

    Parameters
    ----------
    start, stop : int
        Tokens that share a character (a kanji may take three) are one span.
    loss : float, nats
        Sum over the tokens of the span; in reports beside how often normal texts have each, see
        `signature.marks.token_losses`.
    """

    start: int
    stop: int
    loss: float


def joined_in_words(text: str, tokens: Sequence[TokenLoss]) -> list[TokenLoss]:
    """Return tokens with those of one word as one, which costs as much as they do together.

    Of those that are `is_spaced`: kanji, kana, Thai and long lines of JSON keep their tokens, but
    for those of one grapheme, as a letter with its vowel signs or an emoji of several.
    """
    joined: list[TokenLoss] = []
    last: list[tuple[int, int]] = []
    starts = starts_of_graphemes(text[: tokens[-1].stop]) if tokens else frozenset()
    touched = touched_words(text, [(token.start, token.stop) for token in tokens])
    for token, words in zip(tokens, touched, strict=True):
        spaced = [own for own in words if is_spaced(text[slice(*own)])]
        goes_on = token.start not in starts or (spaced and spaced[0] in last)
        if joined and goes_on:
            before = joined.pop()
            joined.append(TokenLoss(before.start, token.stop, before.loss + token.loss))
        else:
            joined.append(token)
        last = spaced
    return joined
