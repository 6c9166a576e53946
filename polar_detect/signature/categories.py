"""Categories of rows: columns of words in which normal rows say the same few things again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd

from polar_detect.tables.categories import categories_of
from polar_detect.tables.cell_numbers import MISSING, is_missing
from polar_detect.tables.names import folded

if TYPE_CHECKING:
    from polar_detect.tables.rows import RowTemplate


@dataclass(frozen=True, slots=True)
class NewCell:
    """A cell of a category that says what none of the normal rows says there.

    `says` is empty where the cell is, and that of no normal row.
    """

    column: str
    says: str


@dataclass(frozen=True, eq=False)
class Categories:
    """What the categories of normal rows say.

    Parameters
    ----------
    template : RowTemplate
        How rows are written out, and read back.
    known : mapping of int to frozenset of str
        What normal rows say in a column, by its place in the template, in any case, width and
        spacing; categories only.
    always : frozenset of int
        Those of these places in which every normal row says something.
    """

    template: "RowTemplate"
    known: Mapping[int, frozenset[str]]
    always: frozenset[int]

    @classmethod
    def of(cls, template: "RowTemplate", texts: Sequence[str]) -> Self:
        """Return the categories of normal rows; none where no text is a row.

        Dates are none, as those of new rows are always new.

        >>> import pandas as pd
        >>> from polar_detect.tables.rows import RowTemplate
        >>> rows = pd.DataFrame({"Machine": ["M1", "M2"] * 5, "Note": [*"abcdefghij"]})
        >>> template = RowTemplate.fit(rows, ["Machine", "Note"])
        >>> categories = Categories.of(template, template.texts(rows))
        >>> categories.new_cells(["Machine: M3; Note: k"])
        [(NewCell(column='Machine', says='M3'),)]
        """
        rows = [cells for text in texts if (cells := template.cells(text)) is not None]
        frame = pd.DataFrame(rows, columns=template.names, dtype=object)
        words = [column.name for column in template.columns if column.decimals is None]
        said = categories_of(frame, words, template.notation)
        known = {template.names.index(name): frozenset(own) - {""} for name, own in said.items()}
        always = frozenset(template.names.index(name) for name, own in said.items() if all(own))
        return cls(template, known, always)

    def new_cells(self, texts: Sequence[str]) -> list[tuple[NewCell, ...]]:
        """Return the cells of each text that say something new.

        An empty one does where none of the normal rows has one.
        """
        rows = map(self.template.cells, texts)
        return [() if cells is None else self._new(cells) for cells in rows]

    def _new(self, cells: Sequence[str]) -> tuple[NewCell, ...]:
        names, notation = self.template.names, self.template.notation
        return tuple(
            NewCell(names[place], "" if cells[place] == MISSING else cells[place])
            for place, known in self.known.items()
            if folded(cells[place]) not in known
            and (place in self.always or not is_missing(cells[place], notation))
        )
