"""Which words normal texts have, and how often, so that a word that none has can be told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple, Self

import numpy as np
from scipy.special import bdtrc

from polar_detect.arrays import Float32Array
from polar_detect.texts.words import emoji_of, is_spaced, plain_word, touched_words, words_of

_MAX_CHANCE = 0.05  # of as many new words in a normal text, for them to tell
_N_NAMED = 3


class WordShares(NamedTuple):
    """What the words of a text say of its tokens.

    Parameters
    ----------
    often : (n_tokens,) float32
        Of a token that begins a word, the share of all normal words that are this one; of one that
        goes on in a known word 1, in an unknown one 0. NaN where a token is in no word, in one with
        a digit, as numbers are new in most texts, or in one that is not `is_spaced`.
    trust : (n_tokens,) float32
        How often normal texts go on with what they did not say before: 1 but in unknown words.
    """

    often: Float32Array
    trust: Float32Array

    @classmethod
    def of_nothing(cls, n_tokens: int) -> Self:
        """Return that nothing is known of the words of a text."""
        return cls(np.full(n_tokens, np.nan, np.float32), np.ones(n_tokens, np.float32))


@dataclass(frozen=True, eq=False)
class KnownWords:
    """The words and emoji of normal texts, whatever their case and width; no numbers.

    Of words those that are `is_spaced`.
    """

    counts: Counter[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Return the words and emoji of texts."""
        own = chain.from_iterable((*words_of(text), *emoji_of(text)) for text in texts)
        return cls(Counter(map(plain_word, filter(_tells, own))))

    @cached_property
    def share_of_new(self) -> float:
        """What share of further words is to be expected to be new; never 0.

        Source: Good, Biometrika 40 (1953), 237: that of the words that occurred once.
        """
        n_single = sum(n == 1 for n in self.counts.values())
        return (n_single + 1) / (self._n_words + 1)

    @cached_property
    def _n_words(self) -> int:
        return self.counts.total()

    def telling(self, text: str) -> tuple[str, ...]:
        """Return words of a text that no normal text has, in its order, each once; the longest.

        None where a normal text has as many new words by chance: names, for instance, are new in
        most letters. The test takes words for independent.

        >>> known = KnownWords.of(["Order 7 was placed by Anna"] * 100)
        >>> known.telling("Order 8 was placed by UNION SELECT password"), known.telling("order 9")
        (('UNION', 'SELECT', 'password'), ())
        """
        own = [*filter(_tells, words_of(text))]
        new = [word for word in own if not self.counts[plain_word(word)]]
        if not new or bdtrc(len(new) - 1, len(own), self.share_of_new) > _MAX_CHANCE:
            return ()
        distinct: dict[str, str] = {}
        for word in new:
            distinct.setdefault(plain_word(word), word)
        longest = sorted(distinct.values(), key=len, reverse=True)[:_N_NAMED]
        return tuple(word for word in distinct.values() if word in longest)

    def shares(self, text: str, places: Sequence[tuple[int, int]]) -> WordShares:
        """Return what is known of the words that a text's tokens are in.

        Parameters
        ----------
        text : str
        places : sequence of (int, int)
            Where each token stands, ``text[start:stop]``, in reading order. One may begin with
            white space, and several share a character.
        """
        often, trust = WordShares.of_nothing(len(places))
        begun_to = 0
        for i, touched in enumerate(touched_words(text, places)):
            words = [text[start:stop] for start, stop in touched]
            if not words or not all(map(_tells, words)):
                continue
            counts = [self.counts[plain_word(word)] for word in words]
            begun = [n for n, own in zip(counts, touched, strict=True) if own[0] >= begun_to]
            often[i] = min(begun) / max(self._n_words, 1) if begun else min(counts) > 0
            trust[i] = 1 if min(counts) else self.share_of_new
            begun_to = touched[-1][1]
        return WordShares(often, trust)


def _tells(word: str) -> bool:
    return is_spaced(word) and not any(map(str.isdigit, word))
