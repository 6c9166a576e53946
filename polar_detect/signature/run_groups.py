"""Which words of rows explain that a number stays the same: those of products, orders, lots.

Where normal rows that say the same word say one number, a long stretch of one word is one of that
number, and no stuck sensor.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.statistics.runs import KeptRuns, Runs

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

Words = tuple[str, ...]  # what a row says in some columns

_NEARLY_ALL = 0.9  # words that say one number each
_REPEATED = 0.5  # of the numbers, those of words of several rows
_WITHIN = 0.2  # of the places where a number changes, those within a word: of slow sensors most
_AGREEING = 10  # numbers that are the same as another one of their word, or it may be chance
_OFTEN = 30  # numbers of one word tell of it, whatever others say
_MOST_PAIRED = 6  # columns of words, of which two together are asked
_MOST = 50_000  # numbers that are kept of the words of a key


def keys_of(template: "RowTemplate") -> list[tuple[str, ...]]:
    """Return names of the columns of words that may explain a number, alone or two together.

    Two where both say the same few things again and again, as a recipe and a machine do.
    """
    names = [column.name for column in template.beside_followed]
    repeat = [column.name for column in template.beside_followed if column.repeats]
    return [*((name,) for name in names), *combinations(repeat[:_MOST_PAIRED], 2)]


class RunGroups:
    """What numbers rows say that say the same in some columns of words.

    Parameters
    ----------
    template : RowTemplate
        Of the rows.
    keys : sequence of tuple of str
        Names of the columns of words.
    """

    def __init__(self, template: "RowTemplate", keys: Sequence[tuple[str, ...]]) -> None:
        self._template = template
        n_columns = len(template.followed)
        self.of_words = {key: _OfWords(n_columns) for key in keys}

    def add(self, texts: Sequence[str], numbers: Float64Array) -> None:
        """Take in the next rows and their numbers, (n_rows, n_columns)."""
        said = self._said(texts) if self.of_words else {}
        for key, own in [*self.of_words.items()]:
            own.add([*zip(*(said[name] for name in key), strict=True)], numbers)
            if own.are_too_many:
                del self.of_words[key]

    def _said(self, texts: Sequence[str]) -> dict[str, list[str]]:
        """Return what each row says in each column of words; "" where it is empty, or no row."""
        template, rows = self._template, self._template.read(texts).cells
        names = [*dict.fromkeys(name for key in self.of_words for name in key)]
        found = {}
        for name, place in zip(names, template.places(names), strict=True):
            cells = ["" if row is None else row[place] for row in rows]
            found[name] = template.columns[place].levels(cells, template.notation)
        return found

    @property
    def telling(self) -> list[tuple[str, ...]]:
        """The columns of words that explain some number."""
        return [key for key, own in self.of_words.items() if own.tells]


def are_explained(own: RunGroups, normal: RunGroups | None, column: int, run: Runs) -> bool:
    """Return whether words explain a run of a batch in a column of numbers.

    Parameters
    ----------
    own : RunGroups
        Of the batch.
    normal : RunGroups, optional
        Of normal rows; None where the batch is held against itself.
    column : int
    run : Runs
        One of them.
    """
    return any(
        words.explain(None if normal is None else normal.of_words[key], column, run)
        for key, words in own.of_words.items()
    )


class _OfWords:
    """The numbers of rows by what these say in some columns."""

    def __init__(self, n_columns: int) -> None:
        self._places: dict[Words, int] = {}
        self._counts = np.zeros((0, n_columns), np.intp)
        self._lows, self._highs = np.empty((2, 0, n_columns))
        self._changes = np.zeros((2, n_columns), np.intp)  # within a word, and all
        self._last = np.empty(0, np.intp), np.empty((0, n_columns))
        self._n_rows = 0
        self._stretches = KeptRuns()

    def add(self, words: Sequence[Words], numbers: Float64Array) -> None:
        """Take in the next rows, (n_rows,), and their numbers, (n_rows, n_columns)."""
        if not words:
            return
        places = np.array([self._places.setdefault(own, len(self._places)) for own in words])
        self._stretches.add(Runs.of(places.astype(float), self._n_rows))
        self._n_rows += len(words)
        are_filled = np.array([all(own) for own in words])
        said = np.where(are_filled[:, None], numbers, np.nan)
        self._count(places, said)
        self._count_changes(places, said)

    @property
    def are_too_many(self) -> bool:
        """Whether more words were said than can be kept, as of rows that are named each."""
        return self._counts.size > _MOST

    def _count(self, places: IndexArray, numbers: Float64Array) -> None:
        """Count the numbers of each word, and keep the lowest and the highest one."""
        more = ((0, len(self._places) - len(self._counts)), (0, 0))
        self._counts = np.pad(self._counts, more)
        self._lows = np.pad(self._lows, more, constant_values=np.nan)
        self._highs = np.pad(self._highs, more, constant_values=np.nan)
        order = np.argsort(places, kind="stable")
        own, starts = np.unique(places[order], return_index=True)
        said = numbers[order]
        self._counts[own] += np.add.reduceat(~np.isnan(said), starts, dtype=np.intp)
        self._lows[own] = np.fmin(self._lows[own], np.fmin.reduceat(said, starts))
        self._highs[own] = np.fmax(self._highs[own], np.fmax.reduceat(said, starts))

    def _count_changes(self, places: IndexArray, numbers: Float64Array) -> None:
        """Count where a number is another one than in the row before."""
        places = np.append(self._last[0], places)
        numbers = np.vstack([self._last[1], numbers])
        change = np.diff(numbers, axis=0)
        are_others = (change != 0) & ~np.isnan(change)
        self._changes += [are_others[np.diff(places) == 0].sum(0), are_others.sum(0)]
        self._last = places[-1:], numbers[-1:]

    @property
    def tells(self) -> bool:
        """Whether they explain some number."""
        return any(self._known(column).any() for column in range(self._counts.shape[1]))

    def explain(self, normal: "_OfWords | None", column: int, run: Runs) -> bool:
        """Return whether the words of a run explain it: each by its number, or a single new one."""
        places = self._within(run)
        if not len(places):
            return False
        said = [*self._places]
        words = [said[place] for place in places.tolist()]
        if normal is not None:
            number = float(run.numbers[0])
            if all(normal._knows(word, column, number) for word in words):
                return True
        if len(words) > 1 or not self._say_one(column)[places[0]]:
            return False
        if normal is None:
            return self._tell(column, but=places)
        return normal._is_new(words[0], column) and normal._tell(column)

    def _within(self, run: Runs) -> IndexArray:
        """Return which words rows of a run say; none where that is not kept of all of them."""
        kept = self._stretches.runs
        own = kept.chosen((kept.lasts >= run.firsts) & (kept.firsts <= run.lasts))
        ends, begins = np.minimum(own.lasts, run.lasts), np.maximum(own.firsts, run.firsts)
        if (ends - begins + 1).sum() != run.lasts - run.firsts + 1:
            return np.empty(0, np.intp)
        return np.unique(own.numbers).astype(np.intp)

    def _say_one(self, column: int) -> BoolArray:
        """Return which words say one number, (n_words,)."""
        are_one: BoolArray = self._lows[:, column] == self._highs[:, column]
        return are_one

    def _known(self, column: int) -> BoolArray:
        """Return which words are known by their number, (n_words,)."""
        return self._say_one(column) & (self._tell(column) | (self._counts[:, column] >= _OFTEN))

    def _knows(self, word: Words, column: int, number: float) -> bool:
        place = self._places.get(word)
        is_said = place is not None and self._lows[place, column] == number
        return is_said and bool(self._known(column)[place])

    def _is_new(self, word: Words, column: int) -> bool:
        """Return whether no number is known of a word."""
        place = self._places.get(word)
        return place is None or not self._counts[place, column]

    def _tell(self, column: int, but: IndexArray | None = None) -> bool:
        """Return whether nearly all words say one number each, `but` some that are not asked.

        Not where most numbers are of words of a single row, nor where as good as all words say the
        same number, nor where it changes within words, as that of a slow sensor does.
        """
        counts, are_one = self._counts[:, column].copy(), self._say_one(column)
        lows = self._lows[:, column]
        are_usual = are_one & (lows == _most_said(lows[are_one], counts[are_one]))
        if but is not None:
            counts[but] = 0
        several = counts > 1
        asked = several & ~are_usual
        n_within, n_changes = self._changes[:, column].tolist()
        return bool(
            (counts[asked & are_one] - 1).sum() >= _AGREEING
            and are_one[asked].mean() >= _NEARLY_ALL
            and counts[several].sum() >= _REPEATED * counts.sum()
            and n_within <= _WITHIN * n_changes
        )


def _most_said(numbers: Float64Array, counts: IndexArray) -> float:
    """Return the number of most rows; NaN where there is none.

    >>> _most_said(np.array([3.0, 5.0, 3.0]), np.array([2, 3, 2]))
    3.0
    """
    different, places = np.unique(numbers, return_inverse=True)
    if not len(different):
        return np.nan
    return float(different[np.bincount(places, weights=counts).argmax()])
