"""Cells of new rows that say what no normal row says in a column of words that repeat."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from polar_detect.arrays import BoolArray
from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.numbers import MISSING, Notation, is_missing
from polar_detect.tables.columns.new_values import new_later
from polar_detect.tables.rows.categories import NUMBER, categories_of, level_of

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate
    from polar_detect.tables.rows.template_column import TemplateColumn

_MIN_ROWS = 8  # of fewer it may be chance


@dataclass(frozen=True, slots=True)
class NewCell:
    """A cell of a category that says what none of the normal rows says there.

    `says` is empty where the cell is, and that of no normal row.
    """

    column: str
    says: str


@dataclass(frozen=True, eq=False)
class KnownValues:
    """What normal rows say in columns of words that say the same few things again and again.

    Those that the template counts, of which `fit` tells, and others that do so among the normal
    rows alone: a template of version 0.1 does not say, and labelled anomalies may have hidden it.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    by_place : mapping of int to frozenset of str
        What normal rows say in such a column, by its place in the template, in any case, width and
        spacing; "" where they have an empty cell.
    """

    template: "RowTemplate"
    by_place: Mapping[int, frozenset[str]]

    @classmethod
    def of(cls, template: "RowTemplate", texts: Sequence[str]) -> Self:
        """Return what normal rows say; nothing where no text is a row.

        Dates are left out, as those of new rows are always new. Numbers count where they are names,
        as of alloys or programs, and where words stand in their place; an empty cell among them is
        told as any number's is.

        >>> import pandas as pd
        >>> from polar_detect.tables.rows.template import RowTemplate
        >>> rows = pd.DataFrame({"Machine": ["M1", "M2"] * 5, "Note": [*"abcdefghij"]})
        >>> template = RowTemplate.fit(rows, ["Machine", "Note"])
        >>> known = KnownValues.of(template, template.texts(rows))
        >>> known.new_cells(["Machine: M3; Note: k"])
        [(NewCell(column='Machine', says='M3'),)]
        """
        rows = [cells for cells in template.read(texts).cells if cells is not None]
        frame = pd.DataFrame(rows, columns=template.names, dtype=object)
        own = [c for c in template.columns if not (c.is_ever_new or c.is_condition)]
        asked = [column for column in own if column.is_name or not column.is_numeric]
        said = categories_of(frame, [column.name for column in asked], template.notation)
        ever_new = new_later(frame, said)
        said = {name: own for name, own in said.items() if name not in ever_new}
        for name, category in template.categories.items():
            is_missed = category.of == "words" and name not in said and len(frame)
            if is_missed:  # it was one with the labelled anomalies
                said[name] = [level_of(cell, template.notation) for cell in frame[name]]
        empty = {column.name: {""} if column.is_name else set() for column in asked}
        known = {name: frozenset(values) | empty[name] for name, values in said.items()}
        for column in own:
            if column.has_codes:
                known[column.name] = frozenset({*column.form.codes, NUMBER, ""})
        return cls(template, dict(zip(template.places([*known]), known.values(), strict=True)))

    def new_cells(self, texts: Sequence[str]) -> list[tuple[NewCell, ...]]:
        """Return the cells of each text that say something new.

        An empty one does where none of the normal rows has one.
        """
        columns = self.template.columns
        rows = self.template.read(texts).cells
        filled = {i: cells for i, cells in enumerate(rows) if cells is not None}
        found: list[list[NewCell]] = [[] for _ in rows]
        for place in self.by_place:
            own = [cells[place] for cells in filled.values()]
            for i, cell, is_new in zip(filled, own, self.are_new(place, own), strict=True):
                if is_new:
                    found[i].append(NewCell(columns[place].name, "" if cell == MISSING else cell))
        return [*map(tuple, found)]

    def are_new(self, place: int, cells: Sequence[str]) -> BoolArray:
        """Return which of several cells would be new in the column there, (n_cells,)."""
        column, notation, known = (
            self.template.columns[place],
            self.template.notation,
            self.by_place[place],
        )
        said = zip(cells, _said(column, cells, notation), strict=True)
        new = (
            own not in known and not ("" in known and is_missing(cell, notation))
            for cell, own in said
        )
        return np.fromiter(new, bool, len(cells))


class NewColumns:
    """Counts rows of a batch that say something new in a column, as all do where lots are words.

    Parameters
    ----------
    known : KnownValues, optional
        None where texts are no rows, or none are kept: then no column is new.

    >>> import pandas as pd
    >>> from polar_detect.tables.rows.template import RowTemplate
    >>> rows = pd.DataFrame({"Heat": ["H1", "H2"] * 5, "Machine": ["M1"] * 10})
    >>> template = RowTemplate.fit(rows, ["Heat", "Machine"])
    >>> new = NewColumns(KnownValues.of(template, template.texts(rows)))
    >>> new.add([f"Heat: H{i}; Machine: M1" for i in range(2, 12)], [set()] * 10)
    >>> new.mostly
    {'Heat': 9}
    """

    def __init__(self, known: KnownValues | None = None) -> None:
        self._known = known
        self._n_rows = 0
        self._counts: Counter[str] = Counter()

    def add(self, texts: Sequence[str], misplaced: Sequence[AbstractSet[str]]) -> None:
        """Count some more rows; empty ones are none.

        Cells that are `misplaced` in a column say nothing new of it.
        """
        filled = [(text, own) for text, own in zip(texts, misplaced, strict=True) if text.strip()]
        if self._known is not None:
            cells = self._known.new_cells([text for text, _ in filled])
            self.count(cells, [moved for _, moved in filled])

    def count(
        self, cells: Sequence[tuple[NewCell, ...]], misplaced: Sequence[AbstractSet[str]]
    ) -> None:
        """Count some more rows that are not empty, by their cells that say something new."""
        self._n_rows += len(cells)
        for own, moved in zip(cells, misplaced, strict=True):
            self._counts.update(
                cell.column for cell in own if cell.says and cell.column not in moved
            )

    @property
    def mostly(self) -> dict[str, int]:
        """In how many rows a column says what is new, where it does in most, and these are many."""
        return {name: n for name, n in self._counts.items() if are_most(n, self._n_rows)}


def are_most(n: float, n_rows: int) -> bool:
    """Return whether so many of the rows of a batch are most of them, and no chance.

    >>> are_most(10, 20), are_most(9, 20), are_most(7, 7)
    (True, False, False)
    """
    return n >= max(_MIN_ROWS, n_rows / 2)


def _said(column: "TemplateColumn", cells: Sequence[str], notation: Notation) -> list[str]:
    return column.levels(cells, notation) if column.has_codes else [*map(folded, cells)]
