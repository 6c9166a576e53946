"""The columns of normal rows that new rows are held against: numbers, and words that repeat."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from polar_detect.arrays import BoolArray
from polar_detect.features.table import FeatureTable
from polar_detect.signature.columns.categories import CategoryReference
from polar_detect.signature.columns.cells import Cells
from polar_detect.signature.columns.mistake import Mistake
from polar_detect.signature.columns.mistakes import likely_mistakes
from polar_detect.signature.columns.new_cells import KnownValues
from polar_detect.signature.columns.numbers import NumberReference

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate


class HasColumns:
    """What is held against normal rows column by column; a base of references.

    Attributes
    ----------
    numbers : NumberReference, optional
        The numbers of rows that were written out as texts; None where there are none.
    categories : CategoryReference, optional
        The categories of such rows; None where there are none.
    contamination : float
        The share of the normal rows that may be anomalous.
    """

    numbers: NumberReference | None
    categories: CategoryReference | None
    contamination: float

    @property
    def rows(self) -> "RowTemplate | None":
        """How rows are written out whose columns are looked at by themselves; None of texts."""
        either = self.numbers or self.categories
        return None if either is None else either.template

    def unlike_kind(self, texts: Sequence[str]) -> list[dict[str, tuple[str, ...]]]:
        """Return in which columns rows are usual, but not beside what other columns of them say.

        With the names of those; a text that is no row is so in none.
        """
        texts = texts if self.rows is None else self.rows.read(texts)
        parts = [
            reference.unlike_kind(texts)
            for reference in (self.numbers, self.categories)
            if reference is not None
        ]
        return [
            dict(item for part in of_row for item in part.items())
            for of_row in zip(*parts, strict=True)
        ]

    def beyond_usual(self, texts: Sequence[str]) -> list[dict[str, int]]:
        """Return in which columns rows have numbers below (-1) or above (1) usual ones."""
        return [{}] * len(texts) if self.numbers is None else self.numbers.beyond_usual(texts)

    def mistakes(
        self, texts: Sequence[str], known: KnownValues | None
    ) -> list[tuple[Mistake, ...]]:
        """Return what seems to have gone wrong in each row; see `likely_mistakes`.

        `known` is what normal rows say in columns of words.
        """
        if self.numbers is None:
            return [()] * len(texts)
        rows = self.numbers.template.read(texts)
        return likely_mistakes(Cells.of(self.numbers, known, rows, self.contamination))

    def of_columns(
        self, texts: Sequence[str], *, banned: BoolArray | None, left_out: BoolArray | None
    ) -> list[FeatureTable]:
        """Return what tells of numbers, of categories, and of what is new in these.

        Parameters
        ----------
        texts : sequence of str
            Rows written out.
        banned, left_out : (n_texts, n_fitted) bool, optional
            Normal rows that a row must not meet, and those that are left out where rows that say
            the same are counted; by default `banned`.
        """
        texts = texts if self.rows is None else self.rows.read(texts)
        tables = []
        if self.numbers is not None:
            tables.append(self.numbers.features(texts, banned=banned, skipped=self.contamination))
        if self.categories is not None:
            uncounted = banned if left_out is None else left_out
            tables.append(self.categories.features(texts, banned=uncounted))
            tables.append(self.categories.newness(texts, banned=uncounted))
        return tables
