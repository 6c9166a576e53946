"""The categories of rows as features: how surprising what a cell says is beside the others.

Words as a product, a program or a shift, where a value that normal rows have may be strange beside
what the row says elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray, IntArray
from polar_detect.features.of_columns import LEVEL, NEW, column_feature
from polar_detect.features.table import FeatureTable
from polar_detect.signature.columns.allowed_rows import groups_by_allowed
from polar_detect.statistics.factors import Levels
from polar_detect.statistics.surprisal import Surprisal

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows.parsed import ParsedRows
    from polar_detect.tables.rows.template import RowTemplate
    from polar_detect.tables.rows.template_column import Category


USUAL_SHARE = 0.05  # of normal rows like it, to say what a row says in a category
_MIN_ROWS = 10  # of one kind; of fewer their shares are not said


class UsualLevels(NamedTuple):
    """What normal rows say in a category that say the same in its first `n_factors` factors."""

    shares: Mapping[str, float]  # of what they say, as they write it, the most frequent first
    share: float  # of those that say what the row says
    n_factors: int


@dataclass(frozen=True, eq=False)
class KnownCategory:
    """What normal rows say in one category.

    Parameters
    ----------
    name : str
        Of the column.
    factors : tuple of str
        The columns that tell it.
    surprisal : Surprisal
    written : mapping of str to str
        What is said there → how the first normal row writes it, "" where its cell is empty.
    """

    name: str
    factors: tuple[str, ...]
    surprisal: Surprisal
    written: Mapping[str, str]

    @classmethod
    def fit(
        cls, name: str, category: "Category", rows: "ParsedRows", said: Sequence[Levels | None]
    ) -> Self:
        """Fit on normal rows, and what they say in the category and its factors."""
        surprisal = Surprisal.fit(said, len(category.factors))
        return cls(name, category.factors, surprisal, _written(name, rows, said))

    def usual_beside(self, row: Levels | None) -> UsualLevels:
        """Return what is usual for normal rows that say what a row does in the factors."""
        n_factors, counts = self.surprisal.counts_beside(row or (), _MIN_ROWS)
        n_rows = max(sum(counts.values()), 1)
        shares = {self.written[level]: n / n_rows for level, n in counts.items()}
        share = counts.get(row[0], 0) / n_rows if row else 0.0
        return UsualLevels(shares, share, n_factors)


@dataclass(frozen=True, eq=False)
class CategoryReference:
    """What the categories of normal rows say, as what new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    known : tuple of KnownCategory
        Of each category, in the order of the template.
    n_rows : int
        Normal rows.
    """

    template: "RowTemplate"
    known: tuple[KnownCategory, ...]
    n_rows: int

    @classmethod
    def fit(cls, template: "RowTemplate", texts: Sequence[str]) -> Self | None:
        """Return the reference of normal rows; None for a template without categories.

        Raises
        ------
        InputError
            None of the texts is a row of the template.
        """
        if not template.categories:
            return None
        rows = template.read(texts)
        rows.check()
        columns = zip(template.categories.items(), rows.category_levels, strict=True)
        known = (
            KnownCategory.fit(name, category, rows, said) for (name, category), said in columns
        )
        return cls(template, tuple(known), len(texts))

    def features(self, texts: Sequence[str], *, banned: BoolArray | None = None) -> FeatureTable:
        """Return the surprisal of each category, in nats: −log of the share of what a cell says.

        Among normal rows that say the same in its factors; see `Surprisal`. Where anomalous rows
        are among the normal ones they are too few for their shares to grow usual.

        Parameters
        ----------
        texts : sequence of str
            Rows written out.
        banned : (n_texts, n_rows) bool, optional
            Normal rows that a row must not be held against: itself, or its own cluster.
        """
        groups = groups_by_allowed(banned, len(texts), self.n_rows)
        return FeatureTable.of(
            {
                column_feature(known.name, LEVEL): known.surprisal.nats(said, groups)
                for known, said in self._said(texts)
            }
        )

    def newness(self, texts: Sequence[str], *, banned: BoolArray | None = None) -> FeatureTable:
        """Return how surprising it is that a cell says what no normal row does there, in nats.

        0 of a cell that says what one does; see `Surprisal.newness`. `texts` and `banned` as for
        `features`.
        """
        groups = groups_by_allowed(banned, len(texts), self.n_rows)
        return FeatureTable.of(
            {
                column_feature(known.name, NEW): known.surprisal.newness(said, groups)
                for known, said in self._said(texts)
            }
        )

    def unlike(self, texts: Sequence[str], normal: IndexArray) -> IntArray:
        """Return in how many categories rows say what some normal rows do not.

        (n_texts, n_normal); `normal` are the places of these.
        """
        found = np.zeros((len(texts), len(normal)), np.int64)
        for known, said in self._said(texts):
            own, others = known.surprisal.levels(said)
            found += own[:, None] != others[normal]
        return found

    def usual_for(self, text: str) -> list[UsualLevels]:
        """Return what is usual in each category for normal rows that are like a row."""
        return [known.usual_beside(row) for known, (row,) in self._said([text])]

    def unlike_kind(self, texts: Sequence[str]) -> list[dict[str, Levels]]:
        """Return in which categories each row says what only rows of other kinds usually say.

        With the columns that say of which kind it is: the fault may as well lie in these.
        """
        found: list[dict[str, Levels]] = [{} for _ in texts]
        for known, said in self._said(texts):
            usual = {
                row: known.usual_beside(row)
                for row in {*said}
                if known.factors and row is not None and row[0] in known.written
            }
            for i, row in enumerate(said):
                beside = None if row is None else usual.get(row)
                if beside is not None and beside.n_factors and beside.share < USUAL_SHARE:
                    found[i][known.name] = known.factors[: beside.n_factors]
        return found

    def _said(self, texts: Sequence[str]) -> "zip[tuple[KnownCategory, list[Levels | None]]]":
        """Return each category with what rows say in it and, behind that, in its factors."""
        return zip(self.known, self.template.read(texts).category_levels, strict=True)


def _written(name: str, rows: "ParsedRows", said: Sequence[Levels | None]) -> dict[str, str]:
    """Return how what is said in a category is written at first."""
    template = rows.template
    (place,) = template.places([name])
    found: dict[str, str] = {}
    for cells, levels in zip(rows.cells, said, strict=True):
        if cells is not None and levels is not None:
            is_empty = template.columns[place].is_empty(cells[place], template.notation)
            found.setdefault(levels[0], "" if is_empty else cells[place])
    return found
