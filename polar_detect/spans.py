"""Values laid on a text's characters: what reports mark, without the models that measure it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenLoss:
    """What the characters ``text[start:stop]`` cost.

    Parameters
    ----------
    start, stop : int
        Tokens that share a character (a kanji may take three) are one span.
    loss : float, nats
        Sum over the tokens of the span.
    """

    start: int
    stop: int
    loss: float
