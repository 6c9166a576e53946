"""Normal rows as what new rows are held against by their columns alone, without any model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray
from polar_detect.features.table import FeatureTable
from polar_detect.numerics.smallest import nearest
from polar_detect.signature.columns.categories import CategoryReference
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.signature.columns.reference import HasColumns
from polar_detect.signature.labelled.likeness import KeptOut, Likeness, Seen, can_teach
from polar_detect.statistics.dependence import Order
from polar_detect.statistics.shares import count_of
from polar_detect.texts.distinct import distinct_texts, first_places

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

_N_NEIGHBOURS = 5
MOST_TEACHING = 1_000


@dataclass(frozen=True, eq=False)
class AsUnseen:
    """Signatures of rows that a detector is fitted on, none of which sees itself.

    Parameters
    ----------
    normal : FeatureTable
        Of `RowReference.drawn`.
    labelled : FeatureTable
        Of labelled anomalies.
    reviewed : FeatureTable
        Of `RowReference.reviewed`.
    """

    normal: FeatureTable
    labelled: FeatureTable
    reviewed: FeatureTable


@dataclass(frozen=True, eq=False)
class RowReference(HasColumns):
    """Normal rows that new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    texts : tuple of str
        The rows written out.
    numbers, categories, contamination
        See `HasColumns`.
    likeness : Likeness, optional
        What labelled anomalies are like; None where there were none, or too few.
    reviewed : tuple of int
        Places of the rows that were looked at because they were strange. New rows are held against
        them too, but they do not say what is usual.
    """

    template: "RowTemplate"
    texts: tuple[str, ...]
    numbers: NumberReference | None
    categories: CategoryReference | None
    contamination: float
    likeness: Likeness | None
    reviewed: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        """Return how many rows there are, and not what they say."""
        return f"RowReference({len(self)} rows)"

    @classmethod
    def of(
        cls,
        template: "RowTemplate",
        texts: Sequence[str],
        *,
        contamination: float,
        likeness: Likeness | None,
        reviewed: tuple[int, ...] = (),
    ) -> Self:
        """Fit on rows, with what labelled anomalies are like."""
        rows = template.read(texts)
        return cls(
            template,
            rows.texts,
            NumberReference.fit(template, rows),
            CategoryReference.fit(template, rows),
            contamination,
            likeness,
            reviewed,
        )

    @classmethod
    def taught(
        cls,
        template: "RowTemplate",
        texts: Sequence[str],
        labelled: Sequence[str],
        *,
        contamination: float,
        seed: int,
        reviewed: tuple[int, ...] = (),
    ) -> Self:
        """Fit on normal rows, and on labelled anomalies where there are some."""
        pair = Seen.of_rows(tuple(texts)), Seen.of_rows(tuple(labelled))
        likeness = Likeness.fit(*pair, template, seed=seed) if can_teach(*pair) else None
        return cls.of(
            template,
            texts,
            contamination=contamination,
            likeness=likeness,
            reviewed=reviewed,
        )

    @property
    def n_fitted(self) -> int:
        """Rows that it was fitted on: all."""
        return len(self.texts)

    def features(self, texts: Sequence[str], *, unmet: BoolArray | None = None) -> FeatureTable:
        """Return the signatures of rows, which tell of their columns only.

        `unmet`, (n_texts, n_fitted): the normal rows that a row must not meet, if any.
        """
        texts = self.template.read(texts)
        tables = self.of_columns(texts, banned=unmet, left_out=None)
        if self.likeness is not None:
            tables.append(self.likeness.features(Seen.of_rows(texts)))
        return FeatureTable.beside(tables)

    def training_features(self, labelled: Sequence[str], order: Order, *, seed: int) -> AsUnseen:
        """Return signatures of rows that it was fitted on and of labelled anomalies.

        None of which sees itself, nor what is near it in the `order`. Of the rows those that
        `drawn` says are enough to say what is usual.
        """
        own, shown = Seen.of_rows(self.texts), Seen.of_rows(tuple(labelled))
        kept_out = None
        if self.likeness is not None:
            kept_out = KeptOut.fit(own, shown, self.template, seed=seed)

        def inside(places: IndexArray) -> FeatureTable:
            seen, near = own.rows(places), order.near(places)
            tables = self.of_columns(seen.texts, banned=self._unmet(places, near), left_out=near)
            if kept_out is not None:
                tables.append(kept_out.of_normal(seen, places))
            return FeatureTable.beside(tables)

        others = self.of_columns(labelled, banned=None, left_out=None)
        if kept_out is not None:
            others.append(kept_out.of_labelled(shown))
        normal = inside(self.drawn(seed))
        reviewed = normal.rows(slice(0))
        if self.reviewed:
            reviewed = inside(np.asarray(self.reviewed))
        return AsUnseen(normal, FeatureTable.beside(others), reviewed)

    def as_new(self, inside: FeatureTable, order: Order, *, seed: int) -> FeatureTable:
        """Return signatures of rows that it was fitted on as new rows that say the same have them.

        `inside` are those of `training_features`. There a row that has copies meets none of them,
        and is one of its kind less; a new copy meets them all, but for those near it. In a batch so
        many rows are copies of few that this alone would be a difference.
        """
        drawn, (_, places) = self.drawn(seed), distinct_texts(self.texts)
        has_copies = np.flatnonzero((np.bincount(places) > 1)[places[drawn]])
        own = drawn[has_copies]
        near = order.near(own) if order.n_near else None
        values = inside.values.copy()
        new = self.features([self.texts[i] for i in own], unmet=near)
        values[has_copies] = new.chosen(inside.features).values
        return FeatureTable(values, inside.features)

    def drawn(self, seed: int) -> IndexArray:
        """Return the places of the rows that say what is usual: 1,000 at random, in order."""
        usual = np.setdiff1d(np.arange(self.n_fitted), np.asarray(self.reviewed, np.int64))
        order = np.random.default_rng(seed).permutation(len(usual))
        return np.sort(usual[order[:MOST_TEACHING]])

    def _unmet(self, drawn: IndexArray, near: BoolArray) -> BoolArray:
        """Return which rows say what each of some says, or are near it, (n_drawn, n_fitted).

        None where few others are left: it may meet its copies, as new copies of it will.
        """
        _, places = distinct_texts(self.texts)
        unmet: BoolArray = (places[drawn][:, None] == places) | near
        n_asked = count_of(self.contamination, self.n_fitted) + _N_NEIGHBOURS
        unmet[(~unmet).sum(1) < n_asked] = False
        return unmet

    def nearest_texts(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the normal rows that are nearest to each row, nearest first, each once.

        By the sum over columns of how far cells are apart: numbers in robust standard deviations,
        words by 1 where they differ.
        """
        if not texts:
            return []
        texts, (distinct, first) = self.template.read(texts), self._distinct
        apart = np.zeros((len(texts), len(distinct)))
        if self.numbers is not None:
            apart += self.numbers.apart(texts, first)
        if self.categories is not None:
            apart += self.categories.unlike(texts, first)
        near = nearest(apart, _N_NEIGHBOURS)
        return [tuple(distinct[i] for i in row) for row in near.tolist()]

    @cached_property
    def _distinct(self) -> tuple[list[str], IndexArray]:
        """Each row that it was fitted on once, and where it stands first."""
        return first_places(self.texts)
