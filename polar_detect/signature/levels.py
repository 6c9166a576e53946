"""The categories of rows as features: how surprising what a cell says is beside the others.

Words as a product, a program or a shift, where a value that normal rows have may be strange beside
what the row says elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.factors import Levels
from polar_detect.signature.allowed_rows import groups_by_allowed
from polar_detect.signature.column_features import GROUP, LEVEL
from polar_detect.signature.features import Feature, FeatureTable
from polar_detect.surprisal import Surprisal

if TYPE_CHECKING:  # pandas takes half a second, and whoever brings a template has it
    from polar_detect.tables.rows import RowTemplate


USUAL_SHARE = 0.05  # of normal rows like it, to say what a row says in a category
_MIN_ROWS = 10  # of one kind; of fewer their shares are not said


class UsualLevels(NamedTuple):
    """What normal rows that are alike say in a category.

    Rows that say the same in its first `n_factors` factors.
    """

    shares: Mapping[str, float]  # of what they say, as they write it, the most frequent first
    share: float  # of those that say what the row says
    n_factors: int


@dataclass(frozen=True, eq=False)
class LevelReference:
    """What the categories of normal rows say, as what new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    surprisals : tuple of Surprisal
        Of each category.
    n_rows : int
        Normal rows.
    written : tuple of mapping of str to str
        What is said in each category → how the first normal row writes it.
    """

    template: "RowTemplate"
    surprisals: tuple[Surprisal, ...]
    n_rows: int
    written: tuple[Mapping[str, str], ...]

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
        template.check_rows(texts)
        said = template.read_categories(texts)
        columns = zip(template.categories, said, strict=True)
        found = (
            Surprisal.fit(rows, len(column.category.factors))
            for column, rows in columns
            if column.category
        )
        return cls(template, tuple(found), len(texts), _written(template, texts, said))

    def features(
        self, texts: Sequence[str], *, banned: NDArray[np.bool_] | None = None
    ) -> FeatureTable:
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
        columns = zip(self.surprisals, self.template.read_categories(texts), strict=True)
        values = [own.nats(said, groups) for own, said in columns]
        names = [column.name for column in self.template.categories]
        return FeatureTable.of(
            {
                Feature(GROUP, f"{name}/{LEVEL}"): own
                for name, own in zip(names, values, strict=True)
            }
        )

    def usual_for(self, text: str) -> list[UsualLevels]:
        """Return what is usual in each category for normal rows that are like a row."""
        said = (rows[0] for rows in self.template.read_categories([text]))
        return [
            _usual(own, row, written)
            for own, row, written in zip(self.surprisals, said, self.written, strict=True)
        ]

    def unlike_kind(self, texts: Sequence[str]) -> list[dict[str, Levels]]:
        """Return in which categories each row says what rows of other kinds do, and not its own.

        With the columns that say of which kind it is: what they say may as well be wrong.
        """
        found: list[dict[str, Levels]] = [{} for _ in texts]
        for column, own, written, rows in zip(
            self.template.categories,
            self.surprisals,
            self.written,
            self.template.read_categories(texts),
            strict=True,
        ):
            if column.category is None or not column.category.factors:
                continue
            usual = {row: _usual(own, row, written) for row in {*rows} if row is not None}
            for i, row in enumerate(rows):
                if row is None or row[0] not in written:
                    continue
                if usual[row].n_factors and usual[row].share < USUAL_SHARE:
                    found[i][column.name] = column.category.factors[: usual[row].n_factors]
        return found


def _usual(own: Surprisal, row: Levels | None, written: Mapping[str, str]) -> UsualLevels:
    n_factors, counts = own.counts_beside(row or (), _MIN_ROWS)
    n_rows = max(sum(counts.values()), 1)
    shares = {written[level]: n / n_rows for level, n in counts.items()}
    share = counts.get(row[0], 0) / n_rows if row else 0.0
    return UsualLevels(shares, share, n_factors)


def _written(
    template: "RowTemplate", texts: Sequence[str], said: Sequence[Sequence[Levels | None]]
) -> tuple[dict[str, str], ...]:
    """Return how what is said in each category is written at first."""
    rows = [template.cells(text) for text in texts]
    found: tuple[dict[str, str], ...] = tuple({} for _ in said)
    for written, column, levels in zip(found, template.categories, said, strict=True):
        place = template.names.index(column.name)
        for row, own in zip(rows, levels, strict=True):
            if row is not None and own is not None:
                is_empty = column.is_empty(row[place], template.notation)
                written.setdefault(own[0], "" if is_empty else row[place])
    return found
