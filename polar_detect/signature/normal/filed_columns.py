"""Columns of rows that their free text may tell: words that repeat, and numbers."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IntArray
from polar_detect.features.of_columns import Expected

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows.parsed import ParsedRows

_MIN_ROWS = 2  # that say a value, or none of them could be held against another
# The shares of all rows count for so much beside the nearest text, which counts for 1.
_PRIOR = 0.3
# A column is told by the texts where so many of the values that rows do not say go worse with
# their text than what they do say; by chance half do. Bands beside each other go nearly alike.
_TOLD_WORDS, _TOLD_NUMBERS = 0.75, 0.65
_N_BANDS = 10  # of as many numbers each
_BESIDE = 0.5  # what a number counts for in the bands beside its own
_N_LIKEST = 8  # texts by which numbers are named: those of all but the lowest and the highest
_ROUNDING = 1e-6  # of a lift


@dataclass(frozen=True, eq=False)
class FiledColumn(ABC):
    """A column that takes one of a few values in each normal row.

    Parameters
    ----------
    name : str
    codes : (n_rows,) int64
        Which value each row says; -1 of none of them.
    """

    name: str
    codes: IntArray
    least_told: ClassVar[float]

    @property
    @abstractmethod
    def n_values(self) -> int:
        """How many values there are."""

    @abstractmethod
    def codes_of(self, rows: "ParsedRows") -> IntArray:
        """Return which value each row says; -1 of none of them."""

    @abstractmethod
    def expected(self, rows: "ParsedRows", weights: Float64Array) -> list[Expected | None]:
        """Return what the text of each row leads to expect where it says something else.

        None where its cell is none of the values, or what its text does not make less likely;
        `weights` as in `lifts`.
        """

    @property
    def _alike(self) -> Float64Array:
        """What a row that says one value counts for in each, (n_values, n_values)."""
        return np.eye(self.n_values)

    @cached_property
    def _says(self) -> Float64Array:
        """What each normal row counts for in each value, (n_rows, n_values)."""
        says = np.concatenate([self._alike, np.zeros((1, self.n_values))])  # -1: in none
        own: Float64Array = says[self.codes]
        return own

    @cached_property
    def prior(self) -> Float64Array:
        """The shares of the values, (n_values,)."""
        counts = self._says.sum(0)
        prior: Float64Array = counts / counts.sum()
        return prior

    def lifts(self, weights: Float64Array) -> Float64Array:
        """Return how much less likely texts make each value than its share, in nats.

        (n_texts, n_values); negative where they make it more likely. `weights` say what each normal
        row counts for, (n_texts, n_rows).
        """
        # Not a matrix product, whose last bits depend on how many texts there are.
        counts = np.einsum("nr,rv->nv", weights, self._says)
        shares = (counts + _PRIOR * self.prior) / (counts.sum(1, keepdims=True) + _PRIOR)
        lifts: Float64Array = np.log(self.prior) - np.log(shares)
        return lifts

    def is_told(self, lifts: Float64Array) -> bool:
        """Return whether texts tell what rows say; `lifts` are those of the normal rows."""
        return self.share_told(lifts) >= self.least_told

    def share_told(self, lifts: Float64Array) -> float:
        """Return the share of values that rows do not say which go worse with their texts.

        Than those that they say; `lifts` are those of the normal rows. Of two values a row of one
        beside the other counts for as much as the other way round, or it would not be half by
        chance: most texts have no row of a rare value near them.
        """
        rows = np.flatnonzero(self.codes >= 0)
        own = lifts[rows, self.codes[rows]][:, None]
        counts = np.bincount(self.codes[rows], minlength=self.n_values)
        chances = np.tile(counts / counts.sum(), (len(rows), 1))
        chances[np.arange(len(rows)), self.codes[rows]] = 0
        is_worse = (lifts[rows] > own) + 0.5 * (lifts[rows] == own)
        return float((is_worse * chances).sum() / chances.sum())


@dataclass(frozen=True, eq=False)
class FiledWords(FiledColumn):
    """Words that repeat.

    Parameters
    ----------
    written : tuple of str
        The values that enough rows say, as the first of them writes each.
    levels : mapping of str to int
        The same values however they are spelt, and their places.
    """

    written: tuple[str, ...]
    levels: dict[str, int]
    least_told = _TOLD_WORDS

    @classmethod
    def of(cls, name: str, rows: "ParsedRows", has_text: BoolArray) -> "FiledWords | None":
        """Return the column of normal rows; None where it has not two values with enough rows."""
        said = _levels(name, rows)
        (place,) = rows.template.places([name])
        filled = [level for level, own in zip(said, has_text, strict=True) if level and own]
        counts = Counter(filled)
        chosen = [level for level, n in counts.items() if n >= _MIN_ROWS]
        if len(chosen) < 2:
            return None
        levels = {level: i for i, level in enumerate(chosen)}
        written: dict[str, str] = {}
        for cells, level in zip(rows.cells, said, strict=True):
            if cells is not None:
                written.setdefault(level, cells[place])
        none = np.zeros(0, np.int64)
        found = cls(name, none, tuple(written[level] for level in chosen), levels)
        return replace(found, codes=np.where(has_text, found.codes_of(rows), -1))

    @property
    def n_values(self) -> int:
        """How many values there are."""
        return len(self.levels)

    def codes_of(self, rows: "ParsedRows") -> IntArray:
        """Return which value each row says; -1 of none of them."""
        return np.asarray([self.levels.get(own, -1) for own in _levels(self.name, rows)], np.int64)

    def expected(self, rows: "ParsedRows", weights: Float64Array) -> list[Expected | None]:
        """Return the likeliest value beside each text where the row says a less likely one."""
        codes, lifts = self.codes_of(rows), self.lifts(weights)
        likeliest = (np.exp(-lifts) * self.prior).argmax(1)
        is_other = _goes_badly(codes, lifts) & (likeliest != codes)
        return [
            self.written[i] if other else None
            for i, other in zip(likeliest.tolist(), is_other.tolist(), strict=True)
        ]


@dataclass(frozen=True, eq=False)
class FiledNumbers(FiledColumn):
    """Numbers, in bands of as many normal rows each.

    Parameters
    ----------
    numbers : (n_rows,) float64
        NaN in normal rows without text or number.
    edges : (n_values - 1,) float64, ascending
        The highest number of each band but the last.
    """

    numbers: Float64Array
    edges: Float64Array
    least_told = _TOLD_NUMBERS

    @classmethod
    def of(cls, name: str, rows: "ParsedRows", has_text: BoolArray) -> "FiledNumbers | None":
        """Return the column of normal rows; None where it has not two bands with enough rows."""
        numbers = np.where(has_text, _numbers(name, rows), np.nan)
        known = numbers[~np.isnan(numbers)]
        if len(known) < _N_LIKEST:
            return None
        steps = np.arange(1, _N_BANDS) / _N_BANDS
        edges = np.unique(np.quantile(known, steps, method="inverted_cdf"))
        edges = edges[edges < known.max()]
        found = cls(name, _bands(numbers, edges), numbers, edges)
        is_told = len(edges) > 0 and np.bincount(found.codes[found.codes >= 0]).min() >= _MIN_ROWS
        return found if is_told else None

    @property
    def n_values(self) -> int:
        """How many bands there are."""
        return len(self.edges) + 1

    @property
    def _alike(self) -> Float64Array:
        n = self.n_values
        return np.eye(n) + _BESIDE * (np.eye(n, k=1) + np.eye(n, k=-1))

    def codes_of(self, rows: "ParsedRows") -> IntArray:
        """Return in which band the number of each row lies; -1 of none."""
        return _bands(_numbers(self.name, rows), self.edges)

    def expected(self, rows: "ParsedRows", weights: Float64Array) -> list[Expected | None]:
        """Return between which numbers most of the likest texts' lie, where a row's does not."""
        numbers, lifts = _numbers(self.name, rows), self.lifts(weights)
        found: list[Expected | None] = [None] * len(numbers)
        known = np.flatnonzero(self.codes >= 0)
        for i in np.flatnonzero(_goes_badly(self.codes_of(rows), lifts)).tolist():
            likest = known[np.argsort(-weights[i, known], kind="stable")[:_N_LIKEST]]
            _, low, *_, high, _ = np.sort(self.numbers[likest]).tolist()
            if not low <= numbers[i] <= high:
                found[i] = (low, high)
        return found


def _goes_badly(codes: IntArray, lifts: Float64Array) -> BoolArray:
    """Return which rows say what their text makes less likely than it is anyway."""
    own = lifts[np.arange(len(codes)), codes]
    goes_badly: BoolArray = (codes >= 0) & (own > _ROUNDING)
    return goes_badly


def _bands(numbers: Float64Array, edges: Float64Array) -> IntArray:
    """Return in which band each number lies; -1 of none."""
    return np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers)).astype(np.int64)


def _numbers(name: str, rows: "ParsedRows") -> Float64Array:
    """Return what each row says in a column of numbers; NaN where it says none."""
    return rows.numbers.values[:, rows.numbers.names.index(name)]


def _levels(name: str, rows: "ParsedRows") -> list[str]:
    """Return what each row says in a category, "" where it is empty or the text is no row."""
    said = dict(zip(rows.template.categories, rows.category_levels, strict=True))[name]
    return ["" if own is None else own[0] for own in said]


def filed_column(name: str, rows: "ParsedRows", has_text: BoolArray) -> FiledColumn | None:
    """Return a column of normal rows, of which `has_text` says which have a free text.

    None where it has not two values with enough rows.
    """
    category = rows.template.categories.get(name)
    is_words = category is not None and category.of == "words"
    return (FiledWords if is_words else FiledNumbers).of(name, rows, has_text)
