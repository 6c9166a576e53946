"""Normal texts as sequences of entries: what follows what, and how often each kind occurs.

So that a line, step or event is told that is missing, out of place, or there too often, which is as
normal as any by itself.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.spatial.distance import cdist

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.features.of_sequences import COUNTS, ORDER, OddEntry
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.signature.normal.filing import free_cells
from polar_detect.statistics.sequences import END, Continuations
from polar_detect.texts.entries import NEW, SEPARATORS, EntryKinds, are_entries, entries_of

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows.template import RowTemplate

# Texts are sequences where at least so many of their entries are of kinds that come again in others
# (a report may say its own between headings)
_LEAST_KNOWN = 0.25
# and those before an entry take at least a quarter off its surprise, in texts that are held out.
_MOST_SURPRISE = 0.75
_LEAST_KINDS = 3  # in a text, on average
_MOST_ASKED = 1000  # texts decide that
_SMALL_PART = 0.1
_USUAL = 0.5  # so likely is at least what is called usual, or missing
_RARE = 0.1  # and so likely at most what is said to be odd
_CHUNK = 256  # texts whose distances to all others are held at a time
_HARDLY_VARIES = 0.1  # how often a kind occurs, as a standard deviation, beside others that do not


@dataclass(frozen=True, eq=False)
class Sequences:
    """Normal texts as sequences.

    Parameters
    ----------
    separator : str
        What parts entries; a name of `SEPARATORS`.
    entries : tuple of sequence of str
        Of each normal text.
    kinds : EntryKinds
    template : RowTemplate, optional
        How rows are read back, of which the free text counts; None where texts are no rows.
    """

    separator: str
    entries: tuple[Sequence[str], ...]
    kinds: EntryKinds
    template: "RowTemplate | None" = None

    @classmethod
    def fit(cls, texts: Sequence[str], template: "RowTemplate | None" = None) -> Self | None:
        """Fit on normal texts; None where they are no sequences of entries that come again."""
        cells = _cells(texts, template)
        for separator in SEPARATORS:
            entries = _entries(cells, separator)
            if are_entries(entries, separator):
                found = cls(separator, entries, EntryKinds.fit(entries), template)
                if found._are_told():
                    return found
        return None

    @classmethod
    def of(cls, texts: Sequence[str], separator: str, template: "RowTemplate | None") -> Self:
        """Return what `fit` found: that this is what parts the entries."""
        entries = _entries(_cells(texts, template), separator)
        return cls(separator, entries, EntryKinds.fit(entries), template)

    def __repr__(self) -> str:
        """Return how many texts and kinds there are, and not what they say."""
        return f"Sequences({len(self.entries)} texts, {len(self.n_texts)} kinds)"

    def features(
        self, texts: Sequence[str], *, left_out: BoolArray | None = None, n_skipped: int = 0
    ) -> FeatureTable:
        """Return how odd the entries of texts are.

        - *order*: the highest surprise of an entry, or of the end, by the three before, in nats;
        - *counts*: how many entries, of any kinds, differ from those of the most alike normal text.

        Parameters
        ----------
        texts : sequence of str
        left_out : (n_texts, n_normal) bool, optional
            Normal texts that a text is not held against.
        n_skipped : int
            So many of the most alike normal texts may be anomalous, and are passed over.
        """
        kinds = [self.kinds.of(own) for own in self._read(texts)]
        sequences: list[list[str]] = [[] for _ in kinds]
        order = np.zeros(len(kinds))
        for places, others in self._others(left_out, len(kinds)):
            for i in places:
                sequences[i] = _joined(others.known(kinds[i]))
                order[i] = others.continuations.surprises(sequences[i]).max()
        counts = [distance for distance, _ in self._nearest(sequences, left_out, n_skipped)]
        return FeatureTable.of({ORDER: order, COUNTS: np.asarray(counts)})

    def odd(
        self, text: str, attribution: Mapping[Feature, float], n_skipped: int = 0
    ) -> OddEntry | None:
        """Return the entry that raised the score of a text, if entries did.

        Parameters
        ----------
        text : str
        attribution : mapping of Feature to float
            SHAP values of `ORDER` and `COUNTS`.
        n_skipped : int
            As for `features`.

        What is missing says more than what therefore follows what: counts come first unless their
        part is small.
        """
        of_order, of_counts = (attribution.get(own, 0.0) for own in (ORDER, COUNTS))
        if max(of_order, of_counts) <= 0:
            return None
        found = self.odd_by_counts(text, n_skipped) if of_counts >= _SMALL_PART * of_order else None
        return self.odd_by_order(text) if found is None else found

    def odd_by_order(self, text: str) -> OddEntry | None:
        """Return the entry of a text that is most surprising where it stands, if one is."""
        (entries,) = self._read([text])
        kinds = self.kinds.of(entries)
        places = _places(kinds)
        sequence = [kinds[place] for place in places]
        surprises = self._continuations.surprises(sequence)
        step = int(surprises.argmax())
        if surprises[step] < -np.log(_RARE):
            return None
        kind = [*sequence, END][step]
        place = [*places, len(entries)][step]
        likeliest, chance = self._continuations.likeliest(sequence, step)
        is_usual = chance >= _USUAL and likeliest not in (kind, NEW)
        usual = "" if likeliest is END else self._written[str(likeliest)]
        said = usual if is_usual else None
        behind = entries[place - 1] if place else ""
        if is_usual and likeliest not in (END, *sequence):
            return OddEntry("missing", usual, behind=behind)
        if kind == NEW:
            return OddEntry("new", entries[place], n=1)
        if kind is END:
            return OddEntry("end", "", said, behind)
        return OddEntry("order" if place else "start", entries[place], said, behind)

    def odd_by_counts(self, text: str, n_skipped: int = 0) -> OddEntry | None:
        """Return the entry that a text lacks, or has too often, beside the most alike normal one.

        None where it has as many of each kind.
        """
        (entries,) = self._read([text])
        kinds = self.kinds.of(entries)
        sequences = [_joined(kinds)]
        ((_, nearest),) = self._nearest(sequences, None, n_skipped)
        (own,), (counts, _) = self._counts_of(sequences), self._distinct
        apart = own - counts[nearest]
        apart[-1] = max(apart[-1], 0)  # that new ones are fewer names nothing
        if not apart.any():
            return None
        kind = self._names[int(np.abs(apart / (self._spread + _HARDLY_VARIES)).argmax())]
        n, n_usual = (int(each[self._places[kind]]) for each in (own, counts[nearest]))
        if not n:
            return OddEntry("missing", self._written[kind], n_usual=n_usual)
        said = entries[kinds.index(kind)]
        if kind == NEW:
            return OddEntry("new", said, n=n, n_usual=n_usual)
        return OddEntry("times" if n_usual else "extra", said, n=n, n_usual=n_usual)

    def _are_told(self) -> bool:
        """Return whether entries come again, and follow each other as in other texts."""
        n_texts = len(self.entries)
        if sum(len({*own} - {NEW}) for own in self._kinds) < _LEAST_KINDS * n_texts:
            return False
        asked = np.linspace(0, n_texts - 1, min(n_texts, _MOST_ASKED), dtype=np.intp)
        n_entries, n_new, by_itself, behind = 0, 0, 0.0, 0.0
        for (i,), others in self._others(asked[:, None] == np.arange(n_texts), 0):
            kinds = others.known(self._kinds[asked[i]])
            n_entries, n_new = n_entries + len(kinds), n_new + kinds.count(NEW)
            sequence = _joined(kinds)
            by_itself += others.continuations.surprises(sequence, 0).sum()
            behind += others.continuations.surprises(sequence).sum()
        come_again = n_new <= (1 - _LEAST_KNOWN) * n_entries
        return come_again and behind <= _MOST_SURPRISE * by_itself

    def _others(
        self, left_out: BoolArray | None, n_texts: int
    ) -> Iterator[tuple[Sequence[int], "_Others"]]:
        """Yield texts that leave out the same normal ones, by their places, with all others."""
        if left_out is None:
            yield range(n_texts), _Others(self.n_texts, Counter(), self._continuations)
            return
        alike: dict[bytes, list[int]] = {}
        for place, out in enumerate(left_out):
            alike.setdefault(out.tobytes(), []).append(place)
        for places in alike.values():
            out = [self._sequences[i] for i in np.flatnonzero(left_out[places[0]])]
            n_out = Counter(kind for sequence in out for kind in {*sequence})
            yield places, _Others(self.n_texts, n_out, self._continuations.without(out))

    def _read(self, texts: Sequence[str]) -> tuple[Sequence[str], ...]:
        return _entries(_cells(texts, self.template), self.separator)

    def _nearest(
        self, sequences: Sequence[Sequence[str]], left_out: BoolArray | None, n_skipped: int
    ) -> Iterator[tuple[float, int]]:
        """Yield the distance to the most alike normal text, and its place in `_distinct`."""
        counts, owners = self._distinct
        n_alike = np.bincount(owners, minlength=len(counts))
        own = self._counts_of(sequences)
        for start in range(0, len(own), _CHUNK):
            part = slice(start, start + _CHUNK)
            distances = cdist(own[part], counts, "cityblock")
            there = np.tile(n_alike, (len(distances), 1))
            if left_out is not None:
                for row, out in zip(there, left_out[part], strict=True):
                    row -= np.bincount(owners[out], minlength=len(counts))
            order = np.argsort(distances, axis=1, kind="stable")
            n_nearer = np.take_along_axis(there, order, 1).cumsum(1)
            first = np.argmax(n_nearer > np.minimum(n_skipped, n_nearer[:, -1:] - 1), axis=1)
            places = order[np.arange(len(order)), first]
            yield from zip(
                distances[np.arange(len(order)), places].tolist(), places.tolist(), strict=True
            )

    def _counts_of(self, sequences: Sequence[Sequence[str]]) -> Float64Array:
        """Return how often each kind occurs in texts, (n_texts, n_kinds)."""
        counts = np.zeros((len(sequences), len(self._names)))
        for row, sequence in zip(counts, sequences, strict=True):
            for kind in sequence:
                row[self._places[kind]] += 1
        return counts

    @cached_property
    def _kinds(self) -> list[list[str]]:
        """The kinds of the entries of each normal text."""
        return [self.kinds.of(own) for own in self.entries]

    @cached_property
    def _sequences(self) -> list[list[str]]:
        """The same with one for each run of new ones."""
        return [*map(_joined, self._kinds)]

    @cached_property
    def _continuations(self) -> Continuations:
        return Continuations.fit(self._sequences)

    @cached_property
    def n_texts(self) -> Counter[str]:
        """How many normal texts have entries of each kind, `NEW` ones left out."""
        found = Counter(kind for own in self._kinds for kind in {*own})
        del found[NEW]
        return found

    @cached_property
    def _names(self) -> list[str]:
        return [*sorted(self.n_texts), NEW]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {kind: place for place, kind in enumerate(self._names)}

    @cached_property
    def _normal_counts(self) -> Float64Array:
        """How often each kind occurs in each normal text."""
        return self._counts_of(self._sequences)

    @cached_property
    def _distinct(self) -> tuple[Float64Array, IndexArray]:
        """How often each kind occurs in normal texts that differ in it, the usual ones first.

        And which of these each text is.
        """
        counts, owners, n_alike = np.unique(
            self._normal_counts, axis=0, return_inverse=True, return_counts=True
        )
        order = np.argsort(-n_alike, kind="stable")
        return counts[order], np.argsort(order)[owners.ravel()]

    @cached_property
    def _spread(self) -> Float64Array:
        """The standard deviations of how often each kind occurs."""
        spread: Float64Array = self._normal_counts.std(0)
        return spread

    @cached_property
    def _written(self) -> dict[str, str]:
        """Each kind as most normal texts say it, or one of them but for what varies."""
        said: dict[str, Counter[str]] = {}
        for entries, kinds in zip(self.entries, self._kinds, strict=True):
            for entry, kind in zip(entries, kinds, strict=True):
                said.setdefault(kind, Counter())[entry] += 1
        written = {}
        for kind, own in said.items():
            ((usual, n),) = own.most_common(1)
            written[kind] = usual if 2 * n > own.total() else self.kinds.written(usual)
        return written


@dataclass(frozen=True, eq=False)
class _Others:
    """Normal texts without some of them.

    Parameters
    ----------
    n_texts, n_out : Counter
        How many texts have entries of each kind: all, and those left out.
    continuations : Continuations
        What follows what in the others.
    """

    n_texts: Counter[str]
    n_out: Counter[str]
    continuations: Continuations

    def known(self, kinds: Sequence[str]) -> list[str]:
        """Return kinds of entries, `NEW` where none of the others has one."""
        return [kind if self.n_texts[kind] > self.n_out[kind] else NEW for kind in kinds]


def _cells(texts: Sequence[str], template: "RowTemplate | None") -> list[list[str]]:
    """Return what each text says in free words: all of it, or cells of a row."""
    return [[text] for text in texts] if template is None else free_cells(template.read(texts))


def _entries(cells: Sequence[Sequence[str]], separator: str) -> tuple[Sequence[str], ...]:
    """Return the entries of each text."""
    return tuple([entry for cell in own for entry in entries_of(cell, separator)] for own in cells)


def _places(kinds: Sequence[str]) -> list[int]:
    """Return where entries stand, the first of each run of new ones: any text may be any length."""
    pairs = enumerate(pairwise(["", *kinds]))
    return [place for place, (before, kind) in pairs if not before == kind == NEW]


def _joined(kinds: Sequence[str]) -> list[str]:
    """Return kinds with one for each run of new ones."""
    return [kinds[place] for place in _places(kinds)]
