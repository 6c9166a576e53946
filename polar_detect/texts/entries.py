"""Texts as sequences of entries that come again: lines of a log, steps of a record, codes.

Hides where one entry ends and the next begins, and which entries say the same but for what varies
in them.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Self

from polar_detect.texts.passages import SENTENCE_ENDS
from polar_detect.texts.words import plain_word, word_places, words_of

NEW = "?"  # the kind of entries that no normal text has
_VARIES = "…"  # what stands for words that vary
_MOST_ENTRIES = 1000  # of a text that count
# A word belongs to what an entry says where it stands in so many of the texts; the higher the
# share, the more varies. The first one by which enough texts have such an entry counts.
_SHARES = (0.01, 0.1, 0.5)
_LEAST_TEXTS = 3
_LEAST_SAID = 0.5  # of the words of an entry, or it has no kind
_RECURS = 0.01  # of the texts have an entry of a kind at least, and two of them
_MOST_KEPT = 2**14  # entries whose words are at hand
_MOSTLY = 0.9  # of them are codes
_MOST_CODES, _MOST_OF_ALL = 200, 0.1  # different ones, where blanks part entries

# What parts entries, the first of which counts that makes the texts sequences.
SEPARATORS = {
    "lines": re.compile(r"\n+"),
    "arrows": re.compile(r"\s+>\s+|\s*[→⇒]\s*"),
    "bars": re.compile(r"\s*[|｜]\s*"),
    "semicolons": re.compile(r"[;；]\s*"),
    "sentences": SENTENCE_ENDS,
    "blanks": re.compile(r"[\s,、，]+"),
}


def entries_of(text: str, separator: str) -> list[str]:
    """Return the entries of a text, as far as they count.

    >>> entries_of("OPEN > HEAT  > CLOSE", "arrows")
    ['OPEN', 'HEAT', 'CLOSE']
    """
    parts = (part.strip() for part in SEPARATORS[separator].split(text))
    return [part for part in parts if part][:_MOST_ENTRIES]


def are_entries(texts: Sequence[Sequence[str]], separator: str) -> bool:
    """Return whether texts have three entries on average, and most of them two.

    Between blanks stand the words of any text; there only codes are entries, and few of them.
    """
    n_entries = sum(map(len, texts))
    if 2 * sum(len(own) > 1 for own in texts) < len(texts) or n_entries < max(3 * len(texts), 1):
        return False
    if separator != "blanks":
        return True
    n_each = Counter(entry for own in texts for entry in own)
    n_codes = sum(n for entry, n in n_each.items() if _is_code(entry))
    has_few = len(n_each) <= min(_MOST_CODES, _MOST_OF_ALL * n_entries)
    return has_few and n_codes >= _MOSTLY * n_entries


def _is_code(entry: str) -> bool:
    """Return whether an entry is one as E22, START_HEAT or 加熱, no word of a sentence."""
    return not any(map(str.islower, entry)) or any(map(str.isdecimal, entry)) or "_" in entry


@dataclass(frozen=True, eq=False)
class EntryKinds:
    """Kinds of entries, which say the same but for what varies: a number, a name, an address.

    A kind is what an entry says in words that many texts have; the others vary, and so do numbers
    beside words. Source: Vaarandi, A data clustering algorithm for mining patterns from event
    logs, 2003, whose patterns are the frequent words of lines.

    Parameters
    ----------
    frequent : sequence of frozenset of str
        Words that so many texts have as each of `_SHARES` asks.
    known : sequence of frozenset of str
        The kinds that enough texts have an entry of, by each of these.
    """

    frequent: Sequence[frozenset[str]]
    known: Sequence[frozenset[str]]

    @classmethod
    def fit(cls, texts: Sequence[Sequence[str]]) -> Self:
        """Fit on the entries of normal texts.

        >>> shifts = [[f"pump {i} started", "valve open", f"pump {i} stopped"] for i in range(9)]
        >>> kinds = EntryKinds.fit(shifts)
        >>> kinds.of(["pump 99 started", "valve shut", "valve open"])
        ['pump … started', '?', 'valve open']
        """
        n_texts: Counter[str] = Counter()
        for own in texts:
            n_texts.update({word for entry in own for word in _plain_words(entry)})
        frequent = [
            frozenset(word for word, n in n_texts.items() if n >= least)
            for least in (max(_LEAST_TEXTS, share * len(texts)) for share in _SHARES)
        ]
        least = max(2, _RECURS * len(texts))
        known: list[frozenset[str]] = []
        left = [{*own} for own in texts]  # entries that are of no kind so far
        for words in frequent:
            has = Counter(kind for own in left for kind in {_pattern(one, words) for one in own})
            kinds = frozenset(kind for kind, n in has.items() if n >= least and kind != _VARIES)
            left = [{one for one in own if _pattern(one, words) not in kinds} for own in left]
            known.append(kinds)
        return cls(frequent, known)

    def of(self, entries: Sequence[str]) -> list[str]:
        """Return the kind of each entry; `NEW` of one that is of none."""
        return [self._kind_and_place(entry)[0] for entry in entries]

    def written(self, entry: str) -> str:
        """Return an entry as it is written, but for what varies; all of it where it is new.

        >>> shifts = [[f"Pump {i} (inlet): started", "valve open"] for i in range(9)]
        >>> EntryKinds.fit(shifts).written("Pump 99 (inlet): started")
        'Pump … (inlet): started'
        """
        kind, place = self._kind_and_place(entry)
        if kind == NEW:
            return entry
        spans = word_places(entry)
        ends = [*(start for start, _ in spans[1:]), len(entry)][: len(spans)]
        said = _are_said(_plain_words(entry), self.frequent[place])
        parts = [entry[: spans[0][0]] if spans else entry]
        for is_said, run in groupby(zip(said, spans, ends, strict=True), itemgetter(0)):
            _, (first, _), _ = (own := [*run])[0]
            _, (_, last), end = own[-1]
            parts.append(entry[first:end] if is_said else _VARIES + entry[last:end])
        return "".join(parts)

    def _kind_and_place(self, entry: str) -> tuple[str, int]:
        """Return the kind of an entry, and by which of the shares it is one."""
        for place, (frequent, known) in enumerate(zip(self.frequent, self.known, strict=True)):
            kind = _pattern(entry, frequent)
            if kind in known:
                return kind, place
        return NEW, 0


def _pattern(entry: str, frequent: frozenset[str]) -> str:
    """Return what an entry says in frequent words, with one sign for each run of others.

    The sign alone where they are too few: “to” and “of” say nothing by themselves.
    """
    words = _plain_words(entry)
    are_said = _are_said(words, frequent)
    if sum(are_said) < _LEAST_SAID * len(words):
        return _VARIES
    parts: list[str] = []
    for is_said, run in groupby(zip(are_said, words, strict=True), itemgetter(0)):
        parts += [word for _, word in run] if is_said else [_VARIES]
    return " ".join(parts) or entry


def _are_said(words: Sequence[str], frequent: frozenset[str]) -> list[bool]:
    """Return which words belong to what an entry says: frequent ones, no numbers beside words."""
    is_word = [any(map(str.isalpha, word)) for word in words]
    are_numbers = not any(is_word)
    return [
        word in frequent and (are_numbers or has_letters)
        for word, has_letters in zip(words, is_word, strict=True)
    ]


@lru_cache(_MOST_KEPT)
def _plain_words(entry: str) -> tuple[str, ...]:
    return tuple(map(plain_word, words_of(entry)))
