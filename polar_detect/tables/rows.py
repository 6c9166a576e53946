"""Write the rows of a table out as text, so that a row of any columns can be scored.

A row becomes `Type: M; Air temperature [K]: 298.1; Comment: missing`: each column under its own
name, with the unit that stands there, in the order asked for. The template says what was seen
when it was fitted and is stored with the detector, so that later rows are written the same way.
"""

import csv
import math
import re
import reprlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.errors import ArtifactError, InputError
from polar_detect.factors import Levels
from polar_detect.tables.categories import level_of
from polar_detect.tables.cell_numbers import (
    MIN_NUMERIC,
    MISSING,
    NOTATION,
    Notation,
    as_numbers,
    is_missing,
)
from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.columns import TextColumn, check_column
from polar_detect.tables.names import (
    comma_separated,
    folded,
    match_column,
    on_one_line,
    said_of_matches,
)
from polar_detect.tables.number_form import NumberForm
from polar_detect.tables.row_cells import (
    SEPARATOR,
    CellNumbers,
    label_of,
    split_row,
    write_cells,
)
from polar_detect.tables.row_columns import RowColumn, fitted_columns
from polar_detect.tables.units import are_same_units, unit_behind, without_unit

_MOSTLY = 0.5  # of the cells that are not missing
# Roughly as byte-pair encodings of language models split: digits alone, words, signs.
_TOKEN = re.compile(r"\d|[^\W\d_]{1,7}|[^\w\s]")
# What it takes to fit the others of one row (`signature.numbers`), for the square of the number of
# columns, on one core of an EPYC: 0.24 s with 1,000 columns of 300 rows or 500 of 4,500, 1.8 s with
# 2,000.
_S_PER_COLUMN, _S_PER_ROW = 2e-10, 1.6e-10


@dataclass(frozen=True)
class RowColumns:
    """Which columns to write out, as a person asked for them.

    Parameters
    ----------
    asked : str or None
        Names with commas between them; a name that holds a comma stands in double quotes. None
        for every column.
    option : str
        With which they were asked for.
    for_all : str or None
        What asks for every column instead, where something does.
    """

    asked: str | None = None
    option: str = "--columns"
    for_all: str | None = None

    @classmethod
    def of(cls, names: Sequence[str]) -> "RowColumns":
        """Return what asks for these columns.

        >>> RowColumns.of(["a, b", "c"]).asked
        '"a, b",c'
        """
        return cls(comma_separated(names))

    @property
    def names(self) -> list[str]:
        """The names as they stand there."""
        if self.asked is None:
            return []
        listed = [
            name.strip() for name in next(csv.reader([self.asked], skipinitialspace=True), [])
        ]
        if not listed or not all(listed):
            raise InputError(
                f"Got {self.option} {self.asked!r}; expected names with commas between them; pass "
                f"for example {self.option} type,pressure."
            )
        return listed

    def choose(self, present: Sequence[str], *, others: Collection[str] = ()) -> list[str]:
        """Return the columns of a table that are meant, in the order asked for.

        A name may differ from the table's in blanks, case, width and kind of brackets, or lack a
        unit that the table's has.

        Parameters
        ----------
        present : sequence of str
            Every column of the table.
        others : collection of str
            Columns such as labels, which are left out unless asked for by name.

        Raises
        ------
        InputError
            There is no such column, or one is named twice.
        """
        if self.asked is None:
            return [name for name in present if name not in others]
        chosen: list[str] = []
        for name in self.names:
            own = match_column(present, name, may_add_unit=True)
            for_all = self.for_all if len(self.names) == 1 else None  # as in --columns all
            own = own or check_column(
                present, name, self.option, listed=self.names, for_all=for_all
            )
            if own in chosen:
                raise InputError(
                    f"Got column {own!r} twice in {self.option}; expected each once; leave one out."
                )
            chosen.append(own)
        return chosen

    def notices(self, present: Sequence[str]) -> list[str]:
        """Return which columns of a table are taken for others; raise as `choose` does."""
        pairs = zip(self.names, self.choose(present), strict=True) if self.asked else ()
        return said_of_matches(pairs)


@dataclass(frozen=True, eq=False)
class NumericColumns:
    """The numbers of a table.

    Parameters
    ----------
    names : tuple of str, n_columns long
    values : (n_rows, n_columns) float64
        NaN where missing or no number; not rounded.
    is_word : (n_rows, n_columns) bool
        True where a cell is not missing, and still no number.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    is_word: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ReadRows:
    """What stands in rows written by `RowTemplate.texts`.

    Parameters
    ----------
    numbers : NumericColumns
        Rounded as they stand there; NaN where a cell is missing or holds no finite number, and
        throughout where the text is no row of the template.
    levels : (n_columns, n_rows) list of list of Levels
        What each row says in the factors of each column of numbers, in any case, width, spacing and
        kind of dash; () for a column without factors and for a text that is no row.
    """

    numbers: NumericColumns
    levels: list[list[Levels]]


@dataclass(frozen=True)
class RowTemplate:
    """How rows are written out as text.

    Parameters
    ----------
    columns : tuple of RowColumn
    notation : {1, 2}
        Which cells are numbers, and which are missing.

    Examples
    --------
    >>> rows = pd.DataFrame({"Type": ["M", "L"], "Air [K]": ["298.12", ""]}, dtype=str)
    >>> RowTemplate.fit(rows, ["Type", "Air [K]"]).texts(rows)
    ['Type: M; Air [K]: 298.12', 'Type: L; Air [K]: missing']
    """

    columns: tuple[RowColumn, ...]
    notation: Notation = NOTATION

    @classmethod
    def fit(cls, frame: pd.DataFrame, names: Sequence[str]) -> "RowTemplate":
        """Return the template for columns of `frame`, which decides how numbers are rounded."""
        return cls(fitted_columns(frame, names))

    def texts(self, frame: pd.DataFrame) -> list[str]:
        """Return each row as text.

        Parameters
        ----------
        frame : (n_rows, …) pandas.DataFrame
            With every column of the template.

        Raises
        ------
        InputError
            A column is missing, or is in another unit.
        """
        found = self._find([*map(str, frame.columns)])
        written = [
            write_cells(
                frame[found[column.name]],
                column.name,
                column.decimals,
                self.notation,
                form=column.form,
            )
            for column in self.columns
        ]
        return [SEPARATOR.join(cells) for cells in zip(*written, strict=True)]

    def notices(self, present: Sequence[str], *, other_sheets: Sequence[str] = ()) -> list[str]:
        """Return which columns of a table are taken for others; raise as `texts` does."""
        return said_of_matches(self._find(present, other_sheets).items())

    def _find(self, present: Sequence[str], other_sheets: Sequence[str] = ()) -> dict[str, str]:
        """Return what a table calls each column; raise as `texts` does."""
        forms = {own.name: None if own.decimals is None else own.form for own in self.columns}
        found = find_columns(present, forms)
        for name in forms:
            if name not in found:
                check_column(present, name, None, other_sheets=other_sheets)
        return found

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def numeric(self) -> tuple[RowColumn, ...]:
        """The columns of numbers."""
        return tuple(column for column in self.columns if column.decimals is not None)

    @property
    def categories(self) -> tuple[RowColumn, ...]:
        """The columns that say the same few things again and again."""
        return tuple(column for column in self.columns if column.category)

    @property
    def dependent(self) -> dict[tuple[str, ...], list[str]]:
        """Names of the columns of numbers that have factors, by these."""
        found: dict[tuple[str, ...], list[str]] = {}
        for column in self.numeric:
            if column.factors:
                found.setdefault(column.factors, []).append(column.name)
        return found

    def numbers(self, frame: pd.DataFrame) -> NumericColumns:
        """Return the columns that are numeric in this template, as numbers."""
        return self._numbers(self._bare(frame), len(frame))

    def words(self, frame: pd.DataFrame) -> list[tuple[list[str], int]]:
        """Return of each column of numbers the cells that are words, and how many are numbers."""
        bare = self._bare(frame)
        found = self._numbers(bare, len(frame))
        n_numbers = np.isfinite(found.values).sum(0).tolist()
        return [
            ([cells[i] for i in np.flatnonzero(found.is_word[:, j])], n_numbers[j])
            for j, cells in enumerate(bare)
        ]

    def _bare(self, frame: pd.DataFrame) -> list[list[str]]:
        """Return the cells of each column of numbers, of its form the numbers alone."""
        found = self._find([*map(str, frame.columns)])
        return [column.form.bare(frame[found[column.name]]) for column in self.numeric]

    def cells(self, text: str) -> list[str] | None:
        """Return what the cells of a row say, in the order of `columns`; None if it is no row."""
        return split_row(text, self._labels)

    def check_rows(self, texts: Sequence[str]) -> None:
        """Raise `InputError` where none of the texts is a row."""
        if all(self.cells(text) is None for text in texts):
            raise InputError(
                f"Got texts such as {texts[0][:60]!r}, none of which is a row of this template; "
                "expected what its method texts writes; pass those, or no template."
            )

    def empty_cells(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """Return the columns of numbers and categories in which each row has an empty cell.

        A "none" among words is an answer.
        """
        rows = [self.cells(text) or () for text in texts]
        return [
            frozenset(
                own.name
                for own, cell in zip(self.columns, row, strict=False)
                if own.is_empty(cell, self.notation)
            )
            for row in rows
        ]

    def row_of(self, cells: Sequence[str]) -> str:
        """Return the row whose cells say that: the inverse of `cells`."""
        written = (f"{label}: {cell}" for label, cell in zip(self._labels, cells, strict=True))
        return SEPARATOR.join(written)

    def read(self, texts: Sequence[str]) -> ReadRows:
        """Return what stands in rows written by `texts`, each of which is split once."""
        rows = [*map(self.cells, texts)]
        return ReadRows(self._numbers_in(rows), self._levels_in(rows))

    def read_numbers(self, texts: Sequence[str]) -> NumericColumns:
        """Return the numbers that stand in rows written by `texts`: its inverse; see `ReadRows`.

        >>> rows = pd.DataFrame({"Type": ["M", "L"], "Air [K]": ["298.12", ""]}, dtype=str)
        >>> template = RowTemplate.fit(rows, ["Type", "Air [K]"])
        >>> template.read_numbers(template.texts(rows)).values.tolist()
        [[298.12], [nan]]
        """
        return self._numbers_in([*map(self.cells, texts)])

    def read_levels(self, texts: Sequence[str]) -> list[list[Levels]]:
        """Return what each row says in the factors of each column of numbers; see `ReadRows`."""
        return self._levels_in([*map(self.cells, texts)])

    def _numbers_in(self, rows: Sequence[list[str] | None]) -> NumericColumns:
        where = [i for i, column in enumerate(self.columns) if column.decimals is not None]
        columns = [["" if row is None else row[i] for row in rows] for i in where]
        found = self._numbers(columns, len(rows))
        is_finite = np.isfinite(found.values)
        return replace(found, values=np.where(is_finite, found.values, np.nan))

    def _levels_in(self, rows: Sequence[list[str] | None]) -> list[list[Levels]]:
        found: dict[tuple[str, ...], list[Levels]] = {(): [()] * len(rows)}
        names = self.names
        for factors in self.dependent:
            where = [names.index(name) for name in factors]
            found[factors] = [
                () if row is None else tuple(level_of(row[i], self.notation) for i in where)
                for row in rows
            ]
        return [found[column.factors] for column in self.numeric]

    def read_categories(self, texts: Sequence[str]) -> list[list[tuple[str, ...] | None]]:
        """Return what each row says in each category and, behind it, in the factors of that.

        As in `read_levels`; (n_columns, n_rows), and None for a text that is no row.
        """
        columns = {column.name: (i, column) for i, column in enumerate(self.columns)}
        rows = [self.cells(text) for text in texts] if self.categories else []

        def level(row: Sequence[str], name: str) -> str:
            place, column = columns[name]
            if column.category is None:  # of numbers that name a program or a machine
                return level_of(row[place], self.notation)
            return column.category.level(row[place], self.notation)

        names = [(own.name, *own.category.factors) for own in self.categories if own.category]
        return [
            [None if row is None else tuple(level(row, name) for name in own) for row in rows]
            for own in names
        ]

    def _numbers(self, columns: Sequence[Sequence[str]], n_rows: int) -> NumericColumns:
        values = np.empty((n_rows, len(columns)))
        is_word = np.zeros(values.shape, bool)
        for j, texts in enumerate(columns):
            values[:, j] = as_numbers(texts, self.notation)
            for i in np.flatnonzero(~np.isfinite(values[:, j])).tolist():
                is_word[i, j] = not is_missing(texts[i], self.notation)
        return NumericColumns(tuple(column.name for column in self.numeric), values, is_word)

    @cached_property
    def _labels(self) -> list[str]:
        return [label_of(column.name) for column in self.columns]

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "columns": [column.to_json() for column in self.columns],
            "notation": self.notation,
        }

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
            columns = tuple(RowColumn.from_json(own, names) for own in content["columns"])
            notation = _checked_notation(content.get("notation", 1))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"Got an input entry that is no row template ({error!r}); expected what fit "
                "wrote; fit again."
            ) from error
        if not columns:
            raise ArtifactError(
                "Got an input entry without columns; expected what fit wrote; fit again."
            )
        return cls(columns, notation)


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


def warn_of_words(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a warning for each column read as text though most of its cells are numbers."""
    notices = []
    for column in template.columns:
        found = CellNumbers.of(frame[column.name])
        if column.decimals is None and _MOSTLY <= found.share < MIN_NUMERIC:
            notices.append(
                f"column {on_one_line(column.name)!r}: {found.percent} % of the cells are "
                f"numbers, others such as {reprlib.repr(found.words[0])}; it is read as text"
            )
    return notices


def warn_of_forms(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a notice for each column where 1,5 is 1.5, ▲5 -5, 46% 46, <0.5 .5 or 1:30 90."""
    return [
        notice
        for column in template.numeric
        for notice in column.form.notices(frame[column.name], column.name)
    ]


def warn_of_length(texts: Sequence[str], max_tokens: int) -> list[str]:
    """Return a warning when the rows are longer than what the model reads of them."""
    lengths = sorted(len(_TOKEN.findall(text)) for text in texts[:200])
    typical = lengths[len(lengths) // 2] if lengths else 0
    if typical <= max_tokens:
        return []
    enough = math.ceil(1.2 * typical / 16) * 16
    return [
        f"a row has about {typical} tokens, of which the model reads the first {max_tokens} (the "
        f"columns of numbers count in full); pass --max-tokens {enough}, or fewer "
        "columns with --columns"
    ]


def warn_of_hours(template: RowTemplate, n_rows: int) -> list[str]:
    """Return a warning where a fit on rows takes longer than an hour for their numbers alone.

    >>> from polar_detect.tables.row_columns import RowColumn
    >>> template = RowTemplate(tuple(RowColumn(f"c{i}", 1) for i in range(1000)))
    >>> warn_of_hours(template, 5000)
    ['a fit on 5000 rows with 1000 columns of numbers takes some 3 hours, as each row is held \
against the others by itself; choose fewer columns or rows']
    >>> warn_of_hours(template, 1000)
    []
    """
    n_columns = len(template.numeric)
    n_held = n_rows * (4 if template.dependent else 2)  # crossed rows too, by kinds and beside all
    hours = n_held * n_columns**2 * (_S_PER_COLUMN * n_columns + _S_PER_ROW * n_rows) / 3600
    if hours <= 1:
        return []
    return [
        f"a fit on {n_rows} rows with {n_columns} columns of numbers takes some "
        f"{math.ceil(hours)} hours, as each row is held against the others by itself; choose "
        "fewer columns or rows"
    ]


def find_columns(present: Sequence[str], forms: Mapping[str, NumberForm | None]) -> dict[str, str]:
    """Return what a table calls each column, as `match_column` does, without those it lacks.

    Parameters
    ----------
    present : sequence of str
        Every column of the table.
    forms : dict of str to NumberForm or None
        How the numbers of each column are written; None for a column of text.

    Raises
    ------
    InputError
        One is in another unit.
    """
    found: dict[str, str] = {}
    for name, form in forms.items():
        taken = [*forms, *found.values()]
        own = match_column(present, name, taken=taken, may_add_unit=form is not None)
        if own is not None:
            _check_unit_behind(own, name, None if form is None else form.unit)
            found[name] = own
        elif form is not None:
            _check_no_other_unit(present, name, taken)
    return found


def _check_no_other_unit(present: Sequence[str], column: str, taken: Collection[str]) -> None:
    """Raise `InputError` when a table has a column of numbers under its name with another unit.

    Only to rename it, as a column that is missing may be, would leave its numbers as they are.
    """
    unit, bare = unit_behind(column), folded(without_unit(column))
    alike = [name for name in present if name not in taken and folded(without_unit(name)) == bare]
    if unit is not None and len(alike) == 1:
        _check_unit_behind(alike[0], column, unit)


def _check_unit_behind(found: str, column: str, unit: str | None) -> None:
    """Raise `InputError` when a table's name for a column has another unit than the column had."""
    own = unit_behind(found)
    if own is not None and unit is not None and not are_same_units(own, unit):
        raise InputError(
            f"Got column {found!r} for {column!r}, whose unit was {unit} when it was fitted "
            f"on; expected {unit}; convert its numbers and rename it."
        )


def _checked_notation(value: Any) -> Notation:
    if type(value) is not int or value not in get_args(Notation):
        raise ValueError(f"notation {value!r}")
    return cast(Notation, value)
