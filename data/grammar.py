"""Turn phrases into sentences, the way that one of several people writes them.

Everything random comes from `random.Random.random`, the one method whose sequence Python promises
never to change, and everything numeric from + and ×, which every platform rounds alike.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")
Lists = Mapping[str, Sequence[str]]

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"<([a-z]+)>")


def pick(rng: Random, items: Sequence[T]) -> T:
    """Draw one item, each with the same probability."""
    return items[int(rng.random() * len(items))]


def expand(rng: Random, phrase: str, lists: Lists) -> str:
    """Resolve every `[choice|…]` and every `<name>` of a phrase.

    Parameters
    ----------
    rng : Random
    phrase : str
    lists : mapping from name to phrases

    Returns
    -------
    str

    Examples
    --------
    >>> expand(Random(0), "<part> [leaking]", {"part": ["pump"]})
    'pump leaking'
    """
    while _CHOICE.search(phrase):
        phrase = _CHOICE.sub(lambda match: pick(rng, match[1].split("|")), phrase)
    phrase = _NAME.sub(lambda match: expand(rng, pick(rng, lists[match[1]]), lists), phrase)
    return re.sub(r" +([,.]|$)", r"\1", re.sub(" +", " ", phrase))


@dataclass(frozen=True)
class Writer:
    """A person with habits.

    Parameters
    ----------
    abbreviates, misspells : float
        Probability for each word that can be abbreviated or misspelt.
    style : str
        A key of `STYLES`.
    """

    abbreviates: float
    misspells: float
    style: str

    def write(self, rng: Random, text: str, *, abbreviations: Lists, misspellings: Lists) -> str:
        """Put a text down as this person would."""
        text = STYLES[self.style](text)
        text = _substitute(rng, text, misspellings, self.misspells)
        return _substitute(rng, text, abbreviations, self.abbreviates)


def _substitute(rng: Random, text: str, variants: Lists, probability: float) -> str:
    def vary(match: re.Match[str]) -> str:
        if rng.random() >= probability:
            return match[0]
        return _in_case_of(match[0], pick(rng, variants[match[0].lower()]))

    # Words of a script with spaces match whole; Japanese has no word boundaries to ask for.
    patterns = [
        rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word)
        for word in sorted(variants, key=len, reverse=True)
    ]
    return re.sub("|".join(patterns), vary, text, flags=re.IGNORECASE)


def _in_case_of(model: str, word: str) -> str:
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[0].upper() + word[1:] if model[0].isupper() else word


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentences(text: str) -> str:
    parts = [_capital(part) for part in text.rstrip(".").split(". ")]
    return ". ".join(parts) + "."


def _upper(text: str) -> str:
    return text.replace("µ", "u").upper()  # Python's upper case of µ is a Greek letter


def _half_width_forms() -> dict[str, str]:
    plain = [chr(code) for code in range(0xFF66, 0xFF9E)]
    voiced = [kana + mark for kana in plain for mark in "ﾞﾟ"]
    wide = {half: unicodedata.normalize("NFKC", half) for half in plain + voiced}
    return {full: half for half, full in wide.items() if len(full) == 1}


_HALF_WIDTH = str.maketrans(_half_width_forms())

STYLES: dict[str, Callable[[str], str]] = {
    "lower": str,
    "first": _capital,
    "sentences": _sentences,
    "upper": _upper,
    "plain": str,
    "half_width": lambda text: text.translate(_HALF_WIDTH),
    "spaced": lambda text: text.replace("。", " ").rstrip(),
}
