"""What rows say that were written out as texts, which are all that reaches a detector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, Self, overload

import numpy as np
from numpy.typing import NDArray

from polar_detect.errors import InputError
from polar_detect.statistics.factors import Levels
from polar_detect.tables.cells.numbers import Notation, as_numbers, is_missing

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate
    from polar_detect.tables.rows.template_column import TemplateColumn


@dataclass(frozen=True, eq=False)
class NumericColumns:
    """The numbers of a table.

    Parameters
    ----------
    names : tuple of str, n_columns long
    values : (n_rows, n_columns) float64
        NaN where missing or no finite number.
    is_word : (n_rows, n_columns) bool
        True where a cell is not missing, and still no finite number.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    is_word: NDArray[np.bool_]

    @classmethod
    def of(
        cls, names: Sequence[str], cells: Sequence[Sequence[str]], n_rows: int, notation: Notation
    ) -> Self:
        """Return cells as numbers, (n_columns, n_rows) sequence of sequence of str."""
        values = np.empty((n_rows, len(names)))
        is_word = np.zeros(values.shape, bool)
        for j, column in enumerate(cells):
            values[:, j], is_word[:, j] = _read(column, notation)
        return cls(tuple(names), values, is_word)


@dataclass(frozen=True, eq=False)
class ParsedRows(Sequence[str]):
    """Rows that `RowTemplate.texts` wrote, each split into its cells once.

    They stand for their texts wherever these are asked for: `RowTemplate.read` returns them as
    they are, so that what is looked at from many sides is read once.

    Parameters
    ----------
    template : RowTemplate
        By which they were written.
    texts : tuple of str, n_rows long
    cells : tuple of list of str or None, n_rows long
        What the cells of each row say, in the order of the template's columns; None for a text
        that is no row.
    """

    template: "RowTemplate"
    texts: tuple[str, ...]
    cells: tuple[list[str] | None, ...]

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...

    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        """Return the text of a row, or of several."""
        return self.texts[place]

    def check(self) -> None:
        """Raise `InputError` where none of the texts is a row."""
        if all(row is None for row in self.cells):
            raise InputError(
                f"Got texts such as {self.texts[0][:60]!r}, none of which is a row of this "
                "template; expected what its method texts writes; pass those, or no template."
            )

    @cached_property
    def all_numbers(self) -> NumericColumns:
        """The columns of numbers, conditions among them; none where the text is no row."""
        return self._numbers(self.template.all_numeric)

    @cached_property
    def numbers(self) -> NumericColumns:
        """The same without the conditions."""
        own = self.all_numbers
        are_own = [not column.is_condition for column in self.template.all_numeric]
        names = tuple(column.name for column in self.template.numeric)
        return NumericColumns(names, own.values[:, are_own], own.is_word[:, are_own])

    @property
    def conditions(self) -> NDArray[np.float64]:
        """The numbers of the conditions, (n_rows, n_conditions); NaN where there is none."""
        are_such = [column.is_condition for column in self.template.all_numeric]
        found: NDArray[np.float64] = self.all_numbers.values[:, are_such]
        return found

    @cached_property
    def factor_levels(self) -> list[list[Levels]]:
        """What each row says in the factors of each column of numbers, (n_columns, n_rows).

        () for a column without factors, and for a text that is no row.
        """
        factors = [column.factors for column in self.template.numeric]
        found = {own: [row or () for row in self._said(own)] for own in {*factors}}
        return [found[own] for own in factors]

    @cached_property
    def category_levels(self) -> list[list[Levels | None]]:
        """What each row says in each category and, behind it, in its factors.

        (n_categories, n_rows); None for a text that is no row.
        """
        categories = self.template.categories
        return [self._said((name, *own.factors)) for name, own in categories.items()]

    @property
    def empty_cells(self) -> list[frozenset[str]]:
        """The columns of numbers and categories in which each row has an empty cell.

        A "none" among words is an answer.
        """
        columns, notation = self.template.columns, self.template.notation
        return [
            frozenset(
                column.name
                for column, cell in zip(columns, row or (), strict=False)
                if column.is_empty(cell, notation)
            )
            for row in self.cells
        ]

    def _numbers(self, columns: Sequence["TemplateColumn"]) -> NumericColumns:
        template, names = self.template, [column.name for column in columns]
        places = template.places(names)
        cells = [["" if row is None else row[place] for row in self.cells] for place in places]
        return NumericColumns.of(names, cells, len(self.cells), template.notation)

    def _said(self, names: Sequence[str]) -> list[Levels | None]:
        """Return what each row says in some columns: in any case, width, spacing and dashes."""
        template = self.template
        rows = [row for row in self.cells if row is not None]
        said = [
            template.columns[place].levels([row[place] for row in rows], template.notation)
            for place in template.places(names)
        ]
        levels: Iterator[Levels] = zip(*said, strict=True) if said else repeat(())
        return [None if row is None else next(levels) for row in self.cells]


def _read(
    cells: Sequence[str], notation: Notation
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the finite numbers of cells, NaN of others, and which of these are not missing."""
    different = [*dict.fromkeys(cells)]
    if 0 < 2 * len(different) <= len(cells):  # as of rows in which one cell changes
        known = dict(zip(different, range(len(different)), strict=True))
        places = [known[cell] for cell in cells]
        once, are_words = _read(different, notation)
        return once[places], are_words[places]
    values = as_numbers(cells, notation)
    is_word = np.zeros(len(cells), bool)
    for i in np.flatnonzero(~np.isfinite(values)).tolist():
        values[i] = np.nan
        is_word[i] = not is_missing(cells[i], notation)
    return values, is_word
