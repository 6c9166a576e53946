"""Texts and rows that say what another says: values that were copied, or reports taken over.

Such a text is as usual as the one that it repeats, so that no score sees it. What counts is how
much of what it says one other text says too, by how rarely that is said (`Coincidences`). Texts
that often repeat one another, as short orders and log lines do, set the limit.
"""

import math
import zlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import BoolArray
from polar_detect.statistics.coincidences import Coincidences, Nearest
from polar_detect.tables.cells.numbers import is_missing
from polar_detect.texts.words import words_of

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

_WORDS = 3  # in a row
# How much of the surprise of a stretch of words counts, as most of its words stand in others too.
_PART = 2 / 3
_MOST_STRETCHES, _LETTERS = 512, 4  # of a text and of a word, on average; of longer ones a sample
# Nine of ten normal texts repeat less of all others but one; two fifths of the way from there to
# a copy is far. But one: a copy has one original, and what is said again and again stands in many.
_USUAL, _BEYOND = 0.9, 2 / 5
_MOSTLY = 0.5  # of its words, then free text in a column is said to be the same
_LARGEST = 0.95  # share from which texts repeat each other anyway
# Nats beyond those by which one of all others is alike by chance: one text of a thousand.
_SURE = math.log(1000)
_ASKED = 2000  # texts that say how much is usual, at most


@dataclass(frozen=True, slots=True)
class Repeat:
    """A text or row that says what another one says, as usual ones do not.

    Parameters
    ----------
    place : int
        Of the other one: among the normal texts that a detector keeps, or in the set that was
        screened.
    says : str
        The other one.
    n_same, n_filled : int
        Of a row: in how many columns that are filled it says the same; 0 and 0 of texts. Dates,
        lots and running numbers do not count.
    share : float
        Of a text: how many of its words stand in stretches that the other has too, 0 to 1; of a
        row how many of its columns say the same.
    is_copy : bool
        Whether the other one was first: it is a normal one, or stands above in the set.
    name : str, optional
        What the other one of a set is called in its index, if that has one.
    """

    place: int
    says: str
    n_same: int
    n_filled: int
    share: float
    is_copy: bool = True
    name: str | None = None


@dataclass(frozen=True, eq=False)
class Repeats:
    """Texts or rows, and from where on one repeats another.

    Parameters
    ----------
    texts : sequence of str
    items : _Items
        What they say.
    limit : float
        Share of what a text says from which it repeats another that says it too.
    """

    texts: Sequence[str]
    items: "_Items"
    limit: float

    @classmethod
    def of(cls, texts: Sequence[str], rows: "RowTemplate | None" = None) -> Self | None:
        """Return from where on one of these texts, or of rows, repeats another.

        None where they repeat each other anyway, so that nothing can be told. What each has in
        common with the second most alike says how much is usual, so that copies among these texts
        do not hide each other.
        """
        own = cls.since(0.0, texts, rows)
        asked = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), _ASKED)).astype(np.intp))
        if not len(asked):
            return None
        usual = float(np.quantile(own.among.nearest_within(asked).shares_next, _USUAL))
        return replace(own, limit=usual + (1 - usual) * _BEYOND) if usual < _LARGEST else None

    @classmethod
    def since(cls, limit: float, texts: Sequence[str], rows: "RowTemplate | None" = None) -> Self:
        """Return the same for a limit that was found before, for the same texts or rows."""
        return cls(texts, _Items(texts, rows), limit)

    @property
    def among(self) -> Coincidences:
        """What new texts are held against."""
        return self.items.of_all

    def within(self) -> list[Repeat | None]:
        """Return of each of the texts which other one it repeats, if any."""
        found = self._told(self.texts, self.among.nearest_within(np.arange(len(self.texts))))
        return [
            None if own is None else replace(own, is_copy=own.place < i)
            for i, own in enumerate(found)
        ]

    def new(self, texts: Sequence[str]) -> list[Repeat | None]:
        """Return of each other text which of these it repeats, if any."""
        return self._told(texts, self.among.nearest(self.items.of_texts(texts)))

    def _told(self, texts: Sequence[str], nearest: Nearest) -> list[Repeat | None]:
        found: list[Repeat | None] = [None] * len(texts)
        for i in np.flatnonzero(self._are(nearest)).tolist():
            place = int(nearest.places[i])
            n_same, n_filled, share = self.items.same(texts[i], self.texts[place])
            found[i] = Repeat(place, self.texts[place], n_same, n_filled, share)
        return found

    def _are(self, nearest: Nearest) -> BoolArray:
        is_sure = nearest.shared >= math.log(max(len(self.texts), 1)) + _SURE
        is_far: BoolArray = is_sure & (nearest.shares >= self.limit)
        return is_far


@dataclass(frozen=True, eq=False)
class _Items:
    """What texts say: stretches of words, and what stands in the columns of rows.

    Parameters
    ----------
    texts : sequence of str
    rows : RowTemplate or None
    """

    texts: Sequence[str]
    rows: "RowTemplate | None"

    @cached_property
    def step(self) -> int:
        """Every so manieth stretch of words counts."""
        if self.rows is not None:
            return 1
        n_words = sum(map(len, self.texts)) / (_LETTERS * max(len(self.texts), 1))
        return max(math.ceil(n_words / _MOST_STRETCHES), 1)

    @cached_property
    def of_all(self) -> Coincidences:
        """What all of them say, found when it is asked for first."""
        return Coincidences.of(self.of_texts(self.texts))

    def of_texts(self, texts: Sequence[str]) -> list[dict[Hashable, float]]:
        """Return what texts say, and how much of the surprise of each counts."""
        if self.rows is None:
            return [*map(self._stretches, texts)]
        return [self._of_cells(cells or ()) for cells in self.rows.read(texts).cells]

    def _of_cells(self, cells: Sequence[str]) -> dict[Hashable, float]:
        found: dict[Hashable, float] = {}
        for place, cell, is_text in self._filled(cells):
            if is_text:
                found |= self._stretches(cell)
            else:
                found[place, cell] = 1.0
        return found

    def same(self, text: str, other: str) -> tuple[int, int, float]:
        """Return in how many of how many filled columns texts say the same, and how much of one.

        0 of 0 columns where they are no rows.
        """
        if self.rows is None:
            return 0, 0, _share_of_words(text, other)
        own, others = (
            [*self._filled(cells or ())] for cells in self.rows.read([text, other]).cells
        )
        said = {place: cell for place, cell, _ in others}
        n_same = sum(
            _share_of_words(cell, said.get(place, "")) >= _MOSTLY
            if is_text
            else said.get(place) == cell
            for place, cell, is_text in own
        )
        return n_same, len(own), n_same / max(len(own), 1)

    def _filled(self, cells: Sequence[str]) -> Iterator[tuple[int, str, bool]]:
        """Yield the filled cells of a row that may come again, and whether each is free text."""
        assert self.rows is not None
        for place, (column, cell) in enumerate(zip(self.rows.columns, cells, strict=False)):
            if not column.is_ever_new and not is_missing(cell, self.rows.notation):
                yield place, cell, not column.is_numeric and column.category is None

    def _stretches(self, text: str) -> dict[Hashable, float]:
        found = (zlib.crc32(" ".join(own).encode()) for own in _stretches(_words(text)))
        return {stretch: _PART for stretch in found if stretch % self.step == 0}


def _share_of_words(text: str, other: str) -> float:
    """Return how many of the words of a text stand in stretches that the other has too.

    >>> _share_of_words("Seal worn, pump leaks; left at bay 7", "seal worn, pump leaks at bay 3")
    0.5
    """
    words, others = _words(text), {*_stretches(_words(other))}
    is_same = np.zeros(len(words), bool)
    for i, own in enumerate(_stretches(words)):
        if own in others:
            is_same[i : i + _WORDS] = True
    return float(is_same.mean()) if words else 0.0


def _words(text: str) -> list[str]:
    return [word.lower() for word in words_of(text)]


def _stretches(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the words as they follow each other, so many at a time; all of fewer."""
    for i in range(max(len(words) - _WORDS + 1, min(len(words), 1))):
        yield tuple(words[i : i + _WORDS])
