"""What the free text of rows tells of their columns: which cells do not go with it.

Hides that the free text is read by itself, as a row as a whole says what stands in the cell too,
and that texts known already are not read again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, Float64Array
from polar_detect.features.of_columns import MISFILED, Expected, column_feature, kind_of
from polar_detect.features.table import FeatureTable
from polar_detect.numerics.blocks import product
from polar_detect.signature.normal.filed_columns import FiledColumn, filed_column
from polar_detect.tables.cells.numbers import MISSING
from polar_detect.texts.distinct import distinct_texts

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows.parsed import ParsedRows
    from polar_detect.tables.rows.template import RowTemplate

Embed = Callable[[Sequence[str]], Float32Array]
"""Texts → (n_texts, hidden) float32, unit length."""

# Of a standard deviation of cosines: where a text is farther by so much, it counts for 1/e.
_REACH = 0.8
NOTHING_TOLD = float(np.log(2))  # the feature where text and cell are as likely as ever
_ROUNDING = 1e-6  # of the same
_CHUNK = 512  # rows whose similarities to all others are held at a time


@dataclass(frozen=True, eq=False)
class Filing:
    """Free texts of normal rows beside what these say in columns that the texts tell.

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
        """Fit on normal rows; None where they have no columns, or no free text, to be told."""
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
        told = found._told()
        return replace(found, columns=told) if told else cls.telling_nothing(template)

    @classmethod
    def telling_nothing(cls, template: "RowTemplate") -> Self:
        """Return what is known where free text tells no column."""
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

    def expected(self, texts: Sequence[str], embed: Embed) -> list[dict[str, Expected]]:
        """Return what the text of each row leads to expect in columns that go badly with it."""
        found: list[dict[str, Expected]] = [{} for _ in texts]
        if not self.columns:
            return found
        rows = self.template.read(texts)
        weights = self._weights(self._read(free_texts(rows), embed), None)
        for column in self.columns:
            for own, cell in zip(found, column.expected(rows, weights), strict=True):
                if cell is not None:
                    own[column.name] = cell
        return found

    def _told(self) -> tuple[FiledColumn, ...]:
        """Return the columns that normal rows, each held against the others, tell."""
        lifts: dict[str, list[Float64Array]] = {column.name: [] for column in self.columns}
        for start in range(0, len(self.points), _CHUNK):
            places = np.arange(start, min(start + _CHUNK, len(self.points)))
            itself = places[:, None] == np.arange(len(self.points))
            weights = self._weights(self.points[places], itself)
            for column in self.columns:
                lifts[column.name].append(column.lifts(weights))
        return tuple(own for own in self.columns if own.is_told(np.concatenate(lifts[own.name])))

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
    """Return the columns that free text may tell; none where there is no such text.

    Words that repeat, and numbers that are no names.
    """
    if not _free_places(template):
        return []
    words = [name for name, own in template.categories.items() if own.of == "words"]
    return [*words, *(own.name for own in template.numeric if not own.repeats)]


def free_texts(rows: "ParsedRows") -> list[str]:
    """Return what each row says in free words, "" of none: in no number, category, date or lot."""
    return [". ".join(said) for said in free_cells(rows)]


def free_cells(rows: "ParsedRows") -> list[list[str]]:
    """Return the same cell by cell, without empty ones."""
    free = _free_places(rows.template)
    return [[own[i] for i in free if own[i] != MISSING] if own else [] for own in rows.cells]


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
    found = (filed_column(name, rows, has_text) for name in names)
    return tuple(column for column in found if column is not None)


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
