"""Five ways in which a readable text goes wrong on its way into a table."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from grammar import pick


@dataclass(frozen=True)
class Damage:
    """What damage looks like in one language.

    Parameters
    ----------
    misscans : float
        Probability that a character with a lookalike is read as that.
    misread_as : str
        The codec that UTF-8 bytes are mistaken for.
    keys : str
        What a hand on the keyboard types.
    lookalikes : dict of str
        What a scanner reads instead.
    """

    misscans: float
    misread_as: str
    keys: str
    lookalikes: dict[str, str]


def misscanned(rng: Random, text: str, damage: Damage) -> str:
    """Read some characters as their lookalikes."""
    return "".join(
        damage.lookalikes.get(c, c) if rng.random() < damage.misscans else c for c in text
    )


def misdecoded(rng: Random, text: str, damage: Damage) -> str:
    """Save as UTF-8 with typographic dashes and hard spaces, open as a legacy code page."""
    typographic = "".join(
        {" ": "\u00a0", "-": "–", "&": "&amp;"}.get(c, c) if rng.random() < 0.6 else c for c in text
    )
    return typographic.encode().decode(damage.misread_as, errors="replace")


def stuttered(rng: Random, text: str, damage: Damage) -> str:  # noqa: ARG001 - one signature
    """Repeat pieces and single characters."""
    pieces = [piece * (2 if rng.random() < 0.35 else 1) for piece in _pieces(text)]
    return "".join(c * 3 if rng.random() < 0.06 else c for c in "".join(pieces))


def cut(rng: Random, text: str, damage: Damage) -> str:  # noqa: ARG001 - one signature
    """Lose the beginning of some pieces, the end of others, and the end of the text."""
    pieces = _pieces(text)
    kept = [_cut_piece(rng, piece) for piece in pieces[: 1 + len(pieces) * 9 // 10]]
    return "".join(kept).strip()


def mashed(rng: Random, text: str, damage: Damage) -> str:
    """Type over the text with a whole hand, in two places."""
    pieces = _pieces(text)
    for share in (0.7, 0.35):
        length = 7 + int(rng.random() * 12)
        at = int(len(pieces) * share)
        pieces.insert(at, "".join(pick(rng, damage.keys) for _ in range(length)))
    return "".join(pieces)


def _pieces(text: str) -> list[str]:
    return re.findall(r"\S+ ?" if " " in text and text.isascii() else r"(?s).{1,4}", text)


def _cut_piece(rng: Random, piece: str) -> str:
    draw = rng.random()
    half = (len(piece) + 1) // 2
    if draw < 0.25:
        return piece[:half]
    return piece[half:] if draw < 0.5 else piece


DAMAGES: tuple[Callable[[Random, str, Damage], str], ...] = (
    misdecoded,
    misscanned,
    mashed,
    stuttered,
    cut,
)
