"""What the free text of rows tells of their categories: which cells do not go with it.

Hides that the free text is read by itself, as a row as a whole says what stands in the cell too,
and that texts known already are not read again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, Float64Array, IntArray
from polar_detect.features.of_columns import MISFILED, column_feature, kind_of
from polar_detect.features.table import FeatureTable
from polar_detect.numerics.blocks import product
from polar_detect.tables.cells.numbers import MISSING
from polar_detect.texts.distinct import distinct_texts

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows.parsed import ParsedRows
    from polar_detect.tables.rows.template import RowTemplate

Embed = Callable[[Sequence[str]], Float32Array]
"""Texts → (n_texts, hidden) float32, unit length."""

_MIN_ROWS = 2  # that say a value, or none of them could be held against another
# The shares of all rows count for so much beside the nearest text, which counts for 1.
_PRIOR = 0.3
# Of a standard deviation of cosines: where a text is farther by so much, it counts for 1/e.
_REACH = 0.8
# A column is told by the texts where so many of the values that rows do not say go worse with
# their text than what they do say; by chance half do.
_TOLD = 0.75
NOTHING_TOLD = float(np.log(2))  # the feature where text and cell are as likely as ever
_ROUNDING = 1e-6  # of the same
_CHUNK = 512  # rows whose similarities to all others are held at a time


@dataclass(frozen=True, eq=False)
class FiledColumn:
    """A category, and which of its values each normal row says.

    Parameters
    ----------
    name : str
    written : tuple of str
        The values that enough rows say, as the first of them writes each.
    levels : mapping of str to int
        The same values however they are spelt, and their places.
    codes : (n_rows,) int64
        Which value each row says; -1 of none of them.
    """

    name: str
    written: tuple[str, ...]
    levels: dict[str, int]
    codes: IntArray

    @classmethod
    def of(cls, name: str, rows: "ParsedRows", has_text: BoolArray) -> Self | None:
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
        found = cls(name, tuple(written[level] for level in chosen), levels, np.zeros(0, np.int64))
        codes = np.where(has_text, found.codes_of(rows), -1)
        return cls(name, found.written, levels, codes)

    def codes_of(self, rows: "ParsedRows") -> IntArray:
        """Return which value each row says; -1 of none of them."""
        return np.asarray([self.levels.get(own, -1) for own in _levels(self.name, rows)], np.int64)

    @cached_property
    def prior(self) -> Float64Array:
        """The shares of the values, (n_values,)."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))
        prior: Float64Array = counts / counts.sum()
        return prior

    def lifts(self, weights: Float64Array) -> Float64Array:
        """Return how much less likely texts make each value than its share, in nats.

        (n_texts, n_values); negative where they make it more likely. `weights` say what each normal
        row counts for, (n_texts, n_rows).
        """
        says = self.codes[:, None] == np.arange(len(self.levels))
        # Not a matrix product, whose last bits depend on how many texts there are.
        counts = np.einsum("nr,rv->nv", weights, says.astype(np.float64))
        shares = (counts + _PRIOR * self.prior) / (counts.sum(1, keepdims=True) + _PRIOR)
        lifts: Float64Array = np.log(self.prior) - np.log(shares)
        return lifts

    def told(self, lifts: Float64Array) -> float:
        """Return the share of values that rows do not say which go worse with their texts.

        Than those that they say; `lifts` are those of the normal rows. Of two values a row of one
        beside the other counts for as much as the other way round, or it would not be half by
        chance: most texts have no row of a rare value near them.
        """
        rows = np.flatnonzero(self.codes >= 0)
        own = lifts[rows, self.codes[rows]][:, None]
        chances = np.tile(self.prior, (len(rows), 1))
        chances[np.arange(len(rows)), self.codes[rows]] = 0
        is_worse = (lifts[rows] > own) + 0.5 * (lifts[rows] == own)
        return float((is_worse * chances).sum() / chances.sum())


@dataclass(frozen=True, eq=False)
class Filing:
    """Free texts of normal rows beside what these say in categories that the texts tell.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    texts : tuple of str
        The free text of each row; "" of none.
    points : (n_rows, hidden) float32, unit length
        Their embeddings from the `centre`.
    centre : (hidden,) float32
        The mean embedding.
    reach : float
        How much farther, as a cosine, a text that counts for 1/e of the nearest is.
    columns : tuple of FiledColumn
        Those that the texts tell; without any, nothing is known of texts.
    """

    template: "RowTemplate"
    texts: tuple[str, ...]
    points: Float32Array
    centre: Float32Array
    reach: float
    columns: tuple[FiledColumn, ...]

    @classmethod
    def fit(cls, template: "RowTemplate", texts: Sequence[str], embed: Embed) -> Self | None:
        """Fit on normal rows; None where they have no categories, or no free text, to be told."""
        if not filed_columns(template):
            return None
        rows = template.read(texts)
        free = free_texts(rows)
        columns = _columns(filed_columns(template), rows, free)
        if not columns:
            return cls.telling_nothing(template)
        distinct, places = distinct_texts(free)
        embeddings = embed(distinct)[places]
        has_text = np.asarray([bool(text) for text in free])
        centre = embeddings[has_text].mean(0)
        points = _from(centre, embeddings)
        reach = _REACH * _spread(points[has_text])
        found = cls(template, tuple(free), points, centre, reach, columns)
        shares = found._told()
        told = tuple(own for own in columns if shares[own.name] >= _TOLD)
        return replace(found, columns=told) if told else cls.telling_nothing(template)

    @classmethod
    def telling_nothing(cls, template: "RowTemplate") -> Self:
        """Return what is known where free text tells no category."""
        none = np.zeros(0, np.float32)
        return cls(template, (), none[:, None], none, 1.0, ())

    def __repr__(self) -> str:
        """Return how many rows and columns there are, and not what they say."""
        return f"Filing({len(self.texts)} rows, {len(self.columns)} columns)"

    @classmethod
    def of(
        cls,
        template: "RowTemplate",
        texts: Sequence[str],
        names: Sequence[str],
        *,
        points: Float32Array,
        centre: Float32Array,
        reach: float,
    ) -> Self:
        """Return what `fit` found: that columns of these `names` are told by their texts."""
        rows = template.read(texts)
        free = free_texts(rows)
        return cls(template, tuple(free), points, centre, reach, _columns(names, rows, free))

    @property
    def said(self) -> dict[str, object]:
        """What `of` needs beside arrays and texts, as it is stored."""
        return {"told": [own.name for own in self.columns], "reach": self.reach}

    def features(
        self, texts: Sequence[str], embed: Embed, *, left_out: BoolArray | None = None
    ) -> FeatureTable:
        """Return how surprising it is, in nats, that the text told each cell and not chance.

        Held for as likely as each other: log 2 where the text tells nothing, a cell is empty or
        says what no two normal rows do, or a row has no free text; less where cell and text go
        together. What is left of a lift is never negative, so that a cell that goes well with the
        text does not make up for another one.

        Parameters
        ----------
        texts : sequence of str
            Rows written out.
        embed : callable
            Reads texts that are not known.
        left_out : (n_texts, n_rows) bool, optional
            Normal rows that a row is not held against.
        """
        nothing = np.full(len(texts), NOTHING_TOLD)
        found = {column_feature(own, MISFILED): nothing for own in filed_columns(self.template)}
        if not self.columns:
            return FeatureTable.of(found)
        rows = self.template.read(texts)
        weights = self._weights(self._read(free_texts(rows), embed), left_out)
        for column in self.columns:
            codes, lifts = column.codes_of(rows), column.lifts(weights)
            own = np.where(codes >= 0, lifts[np.arange(len(codes)), codes], 0)
            found[column_feature(column.name, MISFILED)] = np.logaddexp(0, own)
        return FeatureTable.of(found)

    def is_doubted(self, table: FeatureTable) -> BoolArray:
        """Return which rows say something that is less likely with their text than anyway."""
        own = table.where(lambda feature: kind_of(feature) == MISFILED).values
        doubted: BoolArray = own.max(1, initial=0) > NOTHING_TOLD + _ROUNDING
        return doubted

    def expected(self, texts: Sequence[str], embed: Embed) -> list[dict[str, str]]:
        """Return what the text of each row leads to expect in columns that go badly with it."""
        found: list[dict[str, str]] = [{} for _ in texts]
        if not self.columns:
            return found
        rows = self.template.read(texts)
        weights = self._weights(self._read(free_texts(rows), embed), None)
        for column in self.columns:
            codes, lifts = column.codes_of(rows), column.lifts(weights)
            likeliest = (np.exp(-lifts) * column.prior).argmax(1)
            goes_badly = (codes >= 0) & (lifts[np.arange(len(codes)), codes] > _ROUNDING)
            for i in np.flatnonzero(goes_badly & (likeliest != codes)).tolist():
                found[i][column.name] = column.written[likeliest[i]]
        return found

    def _told(self) -> dict[str, float]:
        """Return how well normal rows, each held against the others, tell each column."""
        lifts: dict[str, list[Float64Array]] = {column.name: [] for column in self.columns}
        for start in range(0, len(self.points), _CHUNK):
            places = np.arange(start, min(start + _CHUNK, len(self.points)))
            itself = places[:, None] == np.arange(len(self.points))
            weights = self._weights(self.points[places], itself)
            for column in self.columns:
                lifts[column.name].append(column.lifts(weights))
        return {own.name: own.told(np.concatenate(lifts[own.name])) for own in self.columns}

    def _weights(self, points: Float32Array, left_out: BoolArray | None) -> Float64Array:
        """Return what normal rows count for beside texts, (n_texts, n_rows); the nearest for 1.

        None beside a text that is none.
        """
        cosines = product(points, self.points).astype(np.float64)
        is_none = ~np.asarray([own.any() for own in points], bool)
        is_unmet = np.asarray([not text for text in self.texts]) | is_none[:, None]
        if left_out is not None:
            is_unmet = is_unmet | left_out
        cosines[is_unmet] = -np.inf
        highest = cosines.max(1, keepdims=True)
        nearest = np.where(np.isfinite(highest), highest, 0)
        weights: Float64Array = np.exp((cosines - nearest) / self.reach)
        return weights

    def _read(self, free: Sequence[str], embed: Embed) -> Float32Array:
        """Return the points of free texts; zeros of none."""
        points = np.zeros((len(free), self.points.shape[1]), np.float32)
        new = [*dict.fromkeys(text for text in free if text and text not in self._known)]
        place = {text: i for i, text in enumerate(new)}
        own = _from(self.centre, embed(new)) if new else points[:0]
        for i, text in enumerate(free):
            if text:
                points[i] = own[place[text]] if text in place else self.points[self._known[text]]
        return points

    @cached_property
    def _known(self) -> dict[str, int]:
        """Where each free text of a normal row stands."""
        return {text: i for i, text in enumerate(self.texts)}


def filed_columns(template: "RowTemplate") -> list[str]:
    """Return the categories of words that free text may tell; none where there is no such text."""
    words = [name for name, own in template.categories.items() if own.of == "words"]
    return words if _free_places(template) else []


def free_texts(rows: "ParsedRows") -> list[str]:
    """Return what each row says in free words, "" of none: in no number, category, date or lot."""
    free = _free_places(rows.template)
    cells = ([own[i] for i in free if own[i] != MISSING] if own else [] for own in rows.cells)
    return [". ".join(said) for said in cells]


def _free_places(template: "RowTemplate") -> list[int]:
    return [
        i
        for i, own in enumerate(template.columns)
        if not (own.is_numeric or own.repeats or own.is_ever_new or own.is_condition)
    ]


def _columns(
    names: Sequence[str], rows: "ParsedRows", free: Sequence[str]
) -> tuple[FiledColumn, ...]:
    has_text = np.asarray([bool(text) for text in free], bool)
    found = (FiledColumn.of(name, rows, has_text) for name in names)
    return tuple(column for column in found if column is not None)


def _levels(name: str, rows: "ParsedRows") -> list[str]:
    """Return what each row says in a category, "" where it is empty or the text is no row."""
    said = dict(zip(rows.template.categories, rows.category_levels, strict=True))[name]
    return ["" if own is None else own[0] for own in said]


def _from(centre: Float32Array, embeddings: Float32Array) -> Float32Array:
    """Return the directions of embeddings from a centre: cosines of some encoders differ little."""
    apart = embeddings - centre
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    points = apart / np.where(lengths > 0, lengths, 1)
    return points.astype(np.float32)


def _spread(points: Float32Array) -> float:
    """Return the standard deviation of the cosines of all pairs."""
    own, n = points.astype(np.float64), len(points)
    n_pairs = max(n * (n - 1), 1)
    mean = (np.square(own.sum(0)).sum() - n) / n_pairs
    square = (np.square(own.T @ own).sum() - n) / n_pairs
    return float(np.sqrt(max(square - mean**2, 1e-6)))
