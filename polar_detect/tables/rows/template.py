"""Write the rows of a table out as text, so that a row of any columns can be scored.

A row becomes `Type: M; Air temperature [K]: 298.1; Comment: missing`: each column under its own
name, with the unit that stands there, in the order asked for. The template says what was seen
when it was fitted and is stored with the detector, so that later rows are written the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.errors import ArtifactError, InputError, listing
from polar_detect.tables.cells.names import on_one_line, said_of_matches
from polar_detect.tables.cells.number_form import PLAIN, NumberForm
from polar_detect.tables.cells.numbers import MISSING, NOTATION, Notation
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.selection import RowColumns, find_columns
from polar_detect.tables.columns.text_column import TextColumn, no_column
from polar_detect.tables.rows.fitting import fitted_columns
from polar_detect.tables.rows.parsed import NumericColumns, ParsedRows
from polar_detect.tables.rows.row_text import (
    MORE_DECIMALS,
    SEPARATOR,
    label_of,
    split_row,
    write_cells,
)
from polar_detect.tables.rows.template_column import Category, TemplateColumn, checked_flag

_MAX_LISTED_COLUMNS = 10


@dataclass(frozen=True)
class RowTemplate:
    """How rows are written out as text.

    Parameters
    ----------
    columns : tuple of TemplateColumn
    notation : {1, 2, 3}
        Which cells are numbers, which are missing, and how wide words are.
    is_read : bool
        Whether models read the rows, so that every column says something. It is not stored: what
        detector has the template tells.
    keeps_digits : bool
        Whether measured numbers are written with more digits than models need, so that rows say
        what the table says. Rows that models read are no longer than they need to be.

    Examples
    --------
    >>> rows = pd.DataFrame({"Type": ["M", "L"], "Air [K]": ["298.12", ""]}, dtype=str)
    >>> RowTemplate.fit(rows, ["Type", "Air [K]"]).texts(rows)
    ['Type: M; Air [K]: 298.12', 'Type: L; Air [K]: missing']
    """

    columns: tuple[TemplateColumn, ...]
    notation: Notation = NOTATION
    is_read: bool = field(default=True, compare=False)
    keeps_digits: bool = False

    @classmethod
    def fit(cls, frame: pd.DataFrame, names: Sequence[str]) -> "RowTemplate":
        """Return the template for columns of `frame`, which decides how numbers are rounded.

        Raises
        ------
        InputError
            A column is missing.
        """
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise no_column([*map(str, frame.columns)], str(missing[0]), None)
        return cls(fitted_columns(frame, names), keeps_digits=True)

    def under(self, conditions: Sequence[str], option: str = "condition_columns") -> "RowTemplate":
        """Return the same with columns of these names as conditions, which do not count themselves.

        Raises
        ------
        InputError
            There is no such column, or one that says something new in all new rows, or hardly
            anything twice.

        >>> columns = TemplateColumn("Ambient", 1), TemplateColumn("Power", 1)
        >>> [own.name for own in RowTemplate(columns).under(["Ambient"]).numeric]
        ['Power']
        """
        if not conditions:
            return self
        names = {*RowColumns.of(conditions, option).choose(self.names)}
        chosen = [own for own in self.columns if own.name in names]
        odd = [own for own in chosen if not own.may_be_condition]
        if odd:
            raise InputError(
                f"Got condition column {odd[0].name!r}, which holds dates, lots or the like, or "
                "words that hardly repeat; expected numbers, or words that repeat, by which other "
                "columns can be judged; leave it out of the condition columns."
            )
        return replace(
            self,
            columns=tuple(own.as_condition() if own in chosen else own for own in self.columns),
        )

    def rounded(self) -> "RowTemplate":
        """Return the same for rows whose numbers have no more digits than models need.

        >>> template = RowTemplate((TemplateColumn("T", 1),), keeps_digits=True)
        >>> rows = pd.DataFrame({"T": ["20.125", "20"]})
        >>> template.texts(rows), template.rounded().texts(rows)
        (['T: 20.125', 'T: 20.0'], ['T: 20.1', 'T: 20.0'])
        """
        return replace(self, keeps_digits=False)

    def rounded_texts(self, texts: Sequence[str]) -> list[str]:
        """Return rows that `texts` wrote as `rounded` writes them; others as they are."""
        rows = self.read(texts).cells
        places = [i for i, own in enumerate(rows) if own is not None]
        again = self.rounded().rewritten([own for own in rows if own is not None])
        found = [*texts]
        for i, text in zip(places, again, strict=True):
            found[i] = text
        return found

    def rewritten(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """Return rows whose cells say that, numbers as they stand in rows, as `texts` does.

        There 457.479 is less than 458, whatever points are in the numbers of the table.
        """
        cells = [pd.Series(own, dtype=object) for own in zip(*rows, strict=True)]
        return self._joined(cells, [PLAIN] * len(cells)) if rows else []

    def unread(self) -> "RowTemplate":
        """Return the same for rows that no model reads: tables may lack what does not count."""
        return replace(self, is_read=False)

    @property
    def dispensable(self) -> list[str]:
        """Names of the columns that a table may lack, as nothing depends on what they say.

        Where no model reads the rows, those that are neither numbers nor a category.

        >>> dates = TemplateColumn("Date", None, is_ever_new=True)
        >>> template = RowTemplate((dates, TemplateColumn("T", 1), TemplateColumn("note", None)))
        >>> template.dispensable, template.unread().dispensable
        ([], ['Date', 'note'])
        """
        columns = () if self.is_read else self.columns
        return [own.name for own in columns if not own.is_numeric and own.category is None]

    def texts(self, frame: pd.DataFrame) -> list[str]:
        """Return each row as text.

        Parameters
        ----------
        frame : (n_rows, …) pandas.DataFrame
            With every column of the template that is not dispensable.

        Raises
        ------
        InputError
            A column is missing, or is in another unit.
        """
        found = self._find([*map(str, frame.columns)])
        cells = [_cells(frame, found.get(column.name)) for column in self.columns]
        return self._joined(cells, [column.form for column in self.columns])

    def _joined(self, cells: Sequence[pd.Series], forms: Sequence[NumberForm]) -> list[str]:
        """Return rows of the cells of each column, of numbers in these forms."""
        written = [
            write_cells(
                own,
                column.name,
                column.decimals,
                self.notation,
                form=form,
                more=MORE_DECIMALS if column.name in self.measured else 0,
            )
            for own, form, column in zip(cells, forms, self.columns, strict=True)
        ]
        return [SEPARATOR.join(cells) for cells in zip(*written, strict=True)]

    def notices(self, present: Sequence[str], *, other_sheets: Sequence[str] = ()) -> list[str]:
        """Return which columns are taken for others, and which are missing; raise as `texts`."""
        found = self._find(present, other_sheets)
        lacking = [repr(on_one_line(name)) for name in self.names if name not in found]
        if not lacking:
            return said_of_matches(found.items())
        names = listing(lacking, _MAX_LISTED_COLUMNS)
        return [*said_of_matches(found.items()), f"columns that do not count are missing: {names}"]

    def _find(self, present: Sequence[str], other_sheets: Sequence[str] = ()) -> dict[str, str]:
        """Return what a table calls each column that it has; raise as `texts` does."""
        forms = {own.name: own.form if own.is_numeric else None for own in self.columns}
        found, dispensable = find_columns(present, forms), self.dispensable
        for name in forms:
            if name not in found and name not in dispensable:
                raise no_column(present, name, None, other_sheets=other_sheets)
        return found

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    def places(self, names: Sequence[str]) -> list[int]:
        """Return where columns of these names stand in a row, counted from 0."""
        places = {column.name: place for place, column in enumerate(self.columns)}
        return [places[name] for name in names]

    @property
    def counts_columns(self) -> bool:
        """Whether some column counts by itself: of numbers, or of words that repeat."""
        return bool(self.numeric or self.categories)

    @property
    def counted(self) -> list[str]:
        """Names of the columns of numbers, and of words that repeat."""
        return [own.name for own in self.columns if own.is_numeric or own.repeats]

    @property
    def numeric(self) -> tuple[TemplateColumn, ...]:
        """The columns of numbers, but for conditions."""
        return tuple(own for own in self.all_numeric if not own.is_condition)

    @property
    def all_numeric(self) -> tuple[TemplateColumn, ...]:
        """The columns of numbers, conditions among them."""
        return tuple(own for own in self.columns if own.is_numeric)

    @cached_property
    def measured(self) -> frozenset[str]:
        """Names of the columns whose numbers are written with more digits than models need.

        None that tells of others or is a name, as those who ask for it ask for what it says.
        """
        asked = {name for own in self.columns for name in own.asked}
        return frozenset(
            own.name
            for own in self.all_numeric
            if self.keeps_digits and not own.is_name and own.name not in asked
        )

    @cached_property
    def with_digits(self) -> tuple[TemplateColumn, ...]:
        """The columns of numbers whose rows say how round these are, but for conditions."""
        return tuple(own for own in self.numeric if own.name in self.measured)

    @property
    def tells_digits(self) -> bool:
        """Whether rows have numbers enough that it is no chance that all are round."""
        return len(self.with_digits) > 1

    @cached_property
    def followed(self) -> tuple[TemplateColumn, ...]:
        """The columns of numbers that are no names, conditions among them."""
        return tuple(own for own in self.all_numeric if not own.is_name)

    @property
    def beside_followed(self) -> tuple[TemplateColumn, ...]:
        """The columns that say in words what a row is of, beside those that are followed.

        Of words and names that repeat, and of lots and dates; no free text.
        """
        return tuple(own for own in self.columns if own.repeats or own.is_ever_new)

    @property
    def tells_flat_runs(self) -> bool:
        """Whether rows have numbers that may stay the same from one row to the next."""
        return bool(self.followed)

    @property
    def tells_mistakes(self) -> bool:
        """Whether rows have numbers, which are usual or not but for a mistake."""
        return bool(self.numeric)

    @property
    def conditions(self) -> tuple[TemplateColumn, ...]:
        """The conditions that are numbers; those that are words are factors at most."""
        return tuple(own for own in self.all_numeric if own.is_condition)

    @property
    def conditions_by_name(self) -> list[str]:
        """Names of the columns that say under what conditions rows were made."""
        return [own.name for own in self.columns if own.is_condition]

    @property
    def categories(self) -> dict[str, Category]:
        """The columns that say the same few things again and again, but for conditions, by name."""
        return {
            own.name: own.category
            for own in self.columns
            if own.category is not None and not own.is_condition
        }

    @property
    def dependent(self) -> dict[tuple[str, ...], list[str]]:
        """Names of the columns of numbers that have factors, by these."""
        found: dict[tuple[str, ...], list[str]] = {}
        for column in self.numeric:
            if column.factors:
                found.setdefault(column.factors, []).append(column.name)
        return found

    def words(self, frame: pd.DataFrame) -> list[tuple[list[str], int]]:
        """Return of `all_numeric` the cells that are words, and how many are numbers."""
        called = self._find([*map(str, frame.columns)])
        columns = self.all_numeric
        bare = [column.form.bare(frame[called[column.name]]) for column in columns]
        names = [column.name for column in columns]
        found = NumericColumns.of(names, bare, len(frame), self.notation)
        n_numbers = np.isfinite(found.values).sum(0).tolist()
        return [
            ([cells[i] for i in np.flatnonzero(found.is_word[:, j])], n_numbers[j])
            for j, cells in enumerate(bare)
        ]

    def cells(self, text: str) -> list[str] | None:
        """Return what the cells of a row say, in the order of `columns`; None if it is no row."""
        return split_row(text, self._labels)

    def row_of(self, cells: Sequence[str]) -> str:
        """Return the row whose cells say that: the inverse of `cells`."""
        written = (f"{label}: {cell}" for label, cell in zip(self._labels, cells, strict=True))
        return SEPARATOR.join(written)

    def rows_of(self, rows: Sequence[list[str]]) -> ParsedRows:
        """Return the rows whose cells say that, read already."""
        return ParsedRows(self, tuple(map(self.row_of, rows)), tuple(rows))

    def read(self, texts: Sequence[str]) -> ParsedRows:
        """Return what stands in rows that `texts` wrote: its inverse; of those read, themselves.

        >>> rows = pd.DataFrame({"Type": ["M", "L"], "Air [K]": ["298.12", ""]}, dtype=str)
        >>> template = RowTemplate.fit(rows, ["Type", "Air [K]"])
        >>> template.read(template.texts(rows)).numbers.values.tolist()
        [[298.12], [nan]]
        """
        if isinstance(texts, ParsedRows) and texts.template == self:
            return texts
        return ParsedRows(self, tuple(texts), tuple(map(self.cells, texts)))

    @cached_property
    def _labels(self) -> list[str]:
        return [label_of(column.name) for column in self.columns]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        stored = {
            "columns": [column.to_json() for column in self.columns],
            "notation": self.notation,
        }
        return stored | ({"keeps_digits": True} if self.keeps_digits else {})

    @classmethod
    def from_json(cls, content: Any) -> "RowTemplate":
        """Return the template that `to_json` wrote.

        Raises
        ------
        ArtifactError
            The content is something else.
        """
        try:
            names = [column["name"] for column in content["columns"]]
            columns = tuple(TemplateColumn.from_json(own, names) for own in content["columns"])
            notation = _checked_notation(content.get("notation", 1))
            keeps_digits = checked_flag(content.get("keeps_digits", False))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"Got an input entry that is no row template ({error!r}); expected what fit "
                "wrote; fit again."
            ) from error
        if not columns:
            raise ArtifactError(
                "Got an input entry without columns; expected what fit wrote; fit again."
            )
        return cls(columns, notation, keeps_digits=keeps_digits)


def texts_of_file(frame: pd.DataFrame, texts_of: TextColumn | RowTemplate) -> list[str]:
    """Return each row of a file as text; raise as `RowTemplate.texts` does.

    Of rows that are written out, one in which no cell of any column is filled has none: spreadsheet
    programs write lines such as `,,,` below a table and between its parts. Where a column that is
    not asked for is filled, it is a row whose values are missing.

    >>> rows = pd.DataFrame({"Type": ["M", ""], "Air [K]": ["298.1", " "]}, dtype=str)
    >>> texts_of_file(rows, RowTemplate.fit(rows, ["Type", "Air [K]"]))
    ['Type: M; Air [K]: 298.1', '']
    """
    texts = texts_of.texts(frame)
    if isinstance(texts_of, TextColumn):
        return texts
    unsaid = texts_of.row_of([MISSING] * len(texts_of.columns))
    suspects = np.flatnonzero([text == unsaid for text in texts])
    for i in suspects[~is_filled(frame.iloc[suspects])].tolist():
        texts[i] = ""
    return texts


def is_filled(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows have a cell that is not blank, (n_rows,)."""
    blank = np.arange(len(frame))
    for j in range(frame.shape[1]):
        cells = cells_as_text(frame.iloc[blank, j])
        blank = blank[[not cell.strip() for cell in cells]]
    filled = np.ones(len(frame), bool)
    filled[blank] = False
    return filled


def _cells(frame: pd.DataFrame, name: str | None) -> pd.Series:
    """Return a column of a table; empty cells where there is none of that name."""
    return pd.Series([""] * len(frame), dtype=object) if name is None else frame[name]


def _checked_notation(value: Any) -> Notation:
    if type(value) is not int or value not in get_args(Notation):
        raise ValueError(f"notation {value!r}")
    return cast(Notation, value)
