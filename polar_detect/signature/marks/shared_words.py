"""Which words some texts share that hardly any other text has."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.texts.words import is_spaced, plain_word, words_of

_N_NAMED = 3
_MOST, _RARER = 0.5, 10  # of the texts have it at least; as large a share of the others at most
_MOST_OTHERS = 2000  # texts that tell how usual a word is
_SHORTEST_BYTES = 5  # of a word: five Latin letters, two others; this, with and have hardly tell
_SHORTEST, _LONGEST_PIECE, _LONGEST_RUN = 2, 8, 24  # characters, where no blanks part words


@dataclass(frozen=True, eq=False)
class SharedWords:
    """The words of some texts, and how many of these and of others have each.

    Parameters
    ----------
    words : list of dict of str to str
        Of each text, as they are compared, and as it writes them.
    counts : Counter of str
        How many texts, of these and of others, have each.
    n_texts : int
        In all.
    """

    words: list[dict[str, str]]
    counts: Counter[str]
    n_texts: int

    @classmethod
    def of(cls, texts: Sequence[str], others: Sequence[str]) -> Self:
        """Read texts, and some of the others."""
        words = [*map(_pieces, texts)]
        kept = np.unique(np.linspace(0, len(others) - 1, _MOST_OTHERS).round().astype(np.intp))
        counts = Counter(word for own in words for word in own)
        shown = [others[i] for i in kept] if others else []
        for other in shown:
            counts.update([*_pieces(other)])  # each once
        return cls(words, counts, len(texts) + len(shown))

    def of_some(self, places: Iterable[int]) -> tuple[str, ...]:
        """Return up to three words that most of some of the texts have, and hardly any other.

        >>> notes = ["20 portions ordered", "Portions: 12", "portions again", "pump leaks"]
        >>> SharedWords.of(notes, ["pump again"] * 20).of_some([0, 1, 2])
        ('portions',)
        """
        own = [self.words[i] for i in places]
        inside = Counter(word for words in own for word in words)
        n_others = max(self.n_texts - len(own), 1)
        least = max(_MOST * len(own), 2)
        found: dict[str, float] = {}
        for word, n in inside.items():
            share, outside = n / len(own), (self.counts[word] - n) / n_others
            if n >= least and outside * _RARER <= share:
                found[word] = share - outside
        named = list[str]()
        for word in sorted(found, key=lambda word: (-round(found[word], 2), -len(word), word)):
            if len(named) < _N_NAMED and not any(word in other or other in word for other in named):
                named.append(word)
        return tuple(_as_written(word, own) for word in named)


def _pieces(text: str) -> dict[str, str]:
    """Return the words of a text, without numbers; where no blanks part them, all their pieces."""
    pieces: dict[str, str] = {}
    for word in words_of(text):
        if any(map(str.isdigit, word)) or len(word.encode(errors="replace")) < _SHORTEST_BYTES:
            continue
        if is_spaced(word):
            pieces.setdefault(plain_word(word), word)
            continue
        run = word[:_LONGEST_RUN]
        for start in range(len(run) - 1):
            for stop in range(start + _SHORTEST, min(start + _LONGEST_PIECE, len(run)) + 1):
                pieces.setdefault(plain_word(run[start:stop]), run[start:stop])
    return pieces


def _as_written(word: str, texts: Sequence[dict[str, str]]) -> str:
    spelt = Counter(own[word] for own in texts if word in own)
    return min(spelt, key=lambda own: (-spelt[own], own))
