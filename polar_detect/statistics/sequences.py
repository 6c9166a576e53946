"""How surprising each entry of a sequence is behind those before it."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array

Entry = Hashable
_Context = tuple[Entry, ...]
_Counts = dict[_Context, Counter[Entry]]

N_BEFORE = 3  # entries that tell the next
END = None  # what follows the last entry
_START = ("",)  # what stands before the first: no entry


@dataclass(frozen=True, eq=False)
class Continuations:
    """What follows up to three entries in normal sequences.

    The probability of an entry behind a context is its share of what followed that, together with
    as many imagined ones as different entries did, which follow as behind the next shorter context;
    behind none, all kinds are as probable.

    Source: Witten and Bell, The zero-frequency problem, 1991 (method C), interpolated.

    Parameters
    ----------
    followed : mapping of tuple to Counter
        How often each entry, or the end, followed each context.
    n_kinds : int
        Kinds of entries, the end among them.
    """

    followed: _Counts
    n_kinds: int

    @classmethod
    def fit(cls, sequences: Sequence[Sequence[Entry]]) -> Self:
        """Count normal sequences.

        >>> found = Continuations.fit(9 * ["abc"])
        >>> found.surprises("abc").round(1), found.surprises("ac").round(1)
        (array([0.1, 0. , 0. , 0. ]), array([0.1, 6. , 0.1]))
        """
        n_kinds = len({entry for sequence in sequences for entry in sequence}) + 1
        return cls(_counted(sequences), n_kinds)

    def without(self, sequences: Sequence[Sequence[Entry]]) -> "Continuations":
        """Return the same without some of these sequences."""
        followed = dict(self.followed)
        for context, own in _counted(sequences).items():
            followed[context] = left = Counter(followed[context])
            for entry, n in own.items():
                left[entry] -= n
                if left[entry] <= 0:
                    del left[entry]
        return Continuations(followed, self.n_kinds)

    def surprises(self, sequence: Sequence[Entry], n_before: int = N_BEFORE) -> Float64Array:
        """Return −log of the probability of each entry and of the end, (n_entries + 1,), in nats.

        By up to `n_before` entries before it.
        """
        found = [-np.log(self._chance(own, entry)) for own, entry in _steps(sequence, n_before)]
        return np.asarray(found, np.float64)

    def likeliest(self, sequence: Sequence[Entry], place: int) -> tuple[Entry, float]:
        """Return what follows the first `place` entries most likely, and how likely that is."""
        before = _before(sequence, place, N_BEFORE)
        contexts = (before[i:] for i in range(len(before) + 1))
        seen = next(own for context in contexts if (own := self.followed.get(context)))
        chances = {entry: self._chance(before, entry) for entry in seen}
        return max(chances.items(), key=itemgetter(1))

    def _chance(self, before: _Context, entry: Entry) -> float:
        chance = 1 / self.n_kinds
        for i in range(len(before), -1, -1):
            own = self.followed.get(before[i:])
            if own:
                chance = (own[entry] + len(own) * chance) / (own.total() + len(own))
        return chance


def _counted(sequences: Sequence[Sequence[Entry]]) -> _Counts:
    followed: _Counts = {}
    for sequence in sequences:
        for before, entry in _steps(sequence, N_BEFORE):
            for i in range(len(before) + 1):
                followed.setdefault(before[i:], Counter())[entry] += 1
    return followed


def _steps(sequence: Sequence[Entry], n_before: int) -> Iterator[tuple[_Context, Entry]]:
    """Yield each entry, and the end, behind what stands before it."""
    for place, entry in enumerate([*sequence, END]):
        yield _before(sequence, place, n_before), entry


def _before(sequence: Sequence[Entry], place: int, n_before: int) -> _Context:
    """Return the entries before a place, the start among them."""
    first = place - n_before
    start = (_START,) if first < 0 else ()
    return (*start, *sequence[max(first, 0) : place])
