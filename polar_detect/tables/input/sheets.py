"""Read a sheet of an Excel or OpenDocument file.

The whole sheet is in memory: it has a million rows at most, and its format allows no less.
"""

import datetime
from bisect import bisect_left
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np
import pandas as pd
from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from polar_detect.arrays import IntArray
from polar_detect.errors import InputError, quoted
from polar_detect.tables.cells.dtypes import MAX_EXACT, kinds_of, typed_frame
from polar_detect.tables.cells.names import folded, look_the_same, match_column
from polar_detect.tables.input.chunks import Chunk, check_rows, unique_names
from polar_detect.tables.input.excel_xml import SheetXml
from polar_detect.tables.input.sources import Source
from polar_detect.tables.structure.doubts import doubts_of_names
from polar_detect.tables.structure.header_rows import Grid, Range, said_of_parts
from polar_detect.tables.structure.limits import label_of, said_of_specifications
from polar_detect.tables.structure.sheet_header import find_header, said_of_place
from polar_detect.tables.structure.totals import is_at_end, said_at_end

# A sheet of so few cells is a cover where another has so many times its rows.
_MAX_COVER_CELLS = 30
# A time of 24 hours or more is stored as a day behind this one.
_DAY_OF_TIMES, _MOST_HOURS = datetime.datetime(1899, 12, 31), datetime.timedelta(days=32)
_FEW_ROWS, _FEW_LINES = 2, 5  # fewer full rows, or lines of a single column, are no table
_MANY_TIMES = 10


@dataclass(frozen=True, eq=False)
class SheetReader:
    """One sheet, whose first full row names the columns.

    Numbers, dates and truth values keep their types; whole numbers, which the format stores as
    floating point, become int. Cells with an error such as #DIV/0! are missing values.
    """

    columns: tuple[str, ...]
    sheet: str
    other_sheets: tuple[str, ...]
    frame: pd.DataFrame
    lines: IntArray
    notices: tuple[str, ...]
    formats: dict[str, str]

    @classmethod
    def open(cls, source: Source, sheet: str | None, expected: Collection[str]) -> "SheetReader":
        """Read a sheet by name, else the first visible one that has the expected columns."""
        name, grid, others = _read_sheet(source, sheet, expected)
        notices = []
        if sheet is None and others:
            notices.append(
                f"sheet {name!r} is read; pass --sheet for {quoted(others)}, or make one table of "
                "those alike with polar-detect combine"
            )
        if sheet is not None and not look_the_same(name, sheet):
            notices.append(f"sheet {name!r} is taken for {sheet!r}")
        return cls._of_grid(source, name, grid, others, notices)

    @classmethod
    def open_all(cls, source: Source, expected: Collection[str]) -> "list[SheetReader]":
        """Read every visible sheet that has rows; where none has, raise as `open` does."""
        with _read_book(source) as book:
            names, visible = _tables_of(book)
            grids = {name: _read_grid(book, name, expected) for name in visible or names}
        found = [
            cls._of_grid(source, name, grid, (), [])
            for name, grid in grids.items()
            if grid.header and grid.rows
        ]
        return found or [cls.open(source, None, expected)]

    @classmethod
    def _of_grid(
        cls, source: Source, name: str, grid: "_Grid", others: tuple[str, ...], said: Sequence[str]
    ) -> "SheetReader":
        """Return the reader of a sheet whose cells are read; refuse one without rows."""
        with source.open() as file:
            xml = SheetXml.read(file, name, min(grid.lines, default=1))
        notices = [*said, *grid.notices, *_said_of_xml(xml, grid)]
        if not grid.header and not grid.rows:
            raise InputError(
                f"Got {source.name}, whose sheet {name!r} is empty; expected at least one row; "
                "check the file, or pass --sheet."
            )
        check_rows(len(grid.rows), None, source.name)
        columns, renamed = unique_names(grid.header)
        values = [_with_hours(column) for column in zip(*grid.rows, strict=True)]
        frame = typed_frame(kinds_of(columns, values), values, pd.RangeIndex(len(grid.rows)))
        lines = np.asarray(grid.lines, np.int64)
        formats = {
            own: xml.formats[j]
            for own, j in zip(columns, grid.places, strict=True)
            if j in xml.formats
        }
        return cls(columns, name, others, frame, lines, (*notices, *renamed), formats)

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all rows; empty rows are not rows."""
        for start in range(0, len(self.frame), n_rows):
            rows = slice(start, start + n_rows)
            yield Chunk(self.frame.iloc[rows], self.lines[rows], ())


@dataclass(frozen=True)
class _Grid:
    """The cells of a sheet that are a table: under a header, without what is empty throughout.

    Parameters
    ----------
    header : list of str
    rows : list of list
        As wide as the header each; None for an empty cell.
    lines : list of int
        Row of the sheet of each.
    places : list of int
        Column of the sheet of each in the header, counted from 0.
    notices : list of str
    """

    header: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def may_be_cover(self) -> bool:
        """Whether only a handful of cells is filled, and they make no table."""
        n_cells = [sum(cell is not None for cell in row) for row in self.rows]
        is_small = sum(n_cells) + sum(map(bool, self.header)) <= _MAX_COVER_CELLS
        are_names = all(name and not name.isdecimal() for name in self.header)
        n_full = n_cells.count(len(self.header)) if are_names else 0
        return is_small and n_full < (_FEW_ROWS if len(self.header) > 1 else _FEW_LINES)

    def is_cover_of(self, other: "_Grid") -> bool:
        """Return whether this is a cover, or a list of contents, beside another sheet."""
        is_longer = len(other.rows) >= _MANY_TIMES * max(len(self.rows), 1)
        are_headed_alike = [*map(folded, self.header)] == [*map(folded, other.header)]
        is_other = self.may_be_cover and not other.may_be_cover and not are_headed_alike
        return is_longer and is_other


def _said_of_xml(xml: SheetXml, grid: _Grid) -> list[str]:
    notices = []
    if xml.n_uncached:
        notices.append(
            f"formulas without a stored result are read as empty cells: {xml.n_uncached}; "
            "open the file in a spreadsheet program and save it"
        )
    if hidden := xml.hidden_rows.intersection(grid.lines):
        notices.append(f"hidden rows are read too: {len(hidden)}")
    places = zip(grid.places, grid.header, strict=True)
    if names := [name for j, name in places if j in xml.hidden_columns]:
        notices.append(f"hidden columns are read too: {', '.join(names)}")
    return notices


def _read_sheet(
    source: Source, sheet: str | None, expected: Collection[str]
) -> tuple[str, _Grid, tuple[str, ...]]:
    """Return the name and cells of the sheet to be read, and the names of all others."""
    with _read_book(source) as book:
        all_names = book.sheet_names
        asked = None if sheet is None else match_column(all_names, sheet)
        if sheet is not None and asked is None:
            raise InputError(
                f"Got --sheet {sheet!r}; {source.name} has the sheets {quoted(all_names)}; "
                "pass one of them."
            )
        names, visible = _tables_of(book)
        if asked is not None:
            name, grid = asked, _read_grid(book, asked, expected)
        else:
            name, grid = _choose_sheet(book, visible or names or all_names, expected)
        others = tuple(other for other in names if other != name)
    return name, grid, others


@contextmanager
def _read_book(source: Source) -> Iterator[CalamineWorkbook]:
    """Yield the workbook; what is wrong with it becomes an `InputError`."""
    try:
        with source.open() as file, CalamineWorkbook.from_filelike(file) as book:
            yield book
    except PasswordError as error:
        raise InputError(
            f"Got {source.name}, which is protected by a password; expected an open file; save "
            "it without password."
        ) from error
    except (CalamineError, IndexError) as error:
        raise InputError(
            f"Got {source.name}, which cannot be read as a spreadsheet ({error}); expected an "
            "Excel or OpenDocument file; save it again, or as CSV."
        ) from error


def _tables_of(book: CalamineWorkbook) -> tuple[list[str], list[str]]:
    """Return the names of all sheets of cells, and of those that are not hidden."""
    sheets = [own for own in book.sheets_metadata if own.typ == SheetTypeEnum.WorkSheet]
    visible = [own.name for own in sheets if own.visible == SheetVisibleEnum.Visible]
    return [own.name for own in sheets], visible


def _choose_sheet(
    book: CalamineWorkbook, names: list[str], expected: Collection[str]
) -> tuple[str, _Grid]:
    """Return the first sheet that is not empty and has most of the expected columns.

    A cover, which has none of them, is passed over for a table behind it.
    """
    best_name, best, most = names[0], _Grid(), -1
    for name in names:
        grid = _read_grid(book, name, expected)
        n_found = sum(match_column(grid.header, own) is not None for own in set(expected))
        is_better = n_found > most or (n_found == most == 0 and best.is_cover_of(grid))
        if grid.header and is_better:
            best_name, best, most = name, grid, n_found
        if most == len(set(expected)) and (most or not best.may_be_cover):
            break
    return best_name, best


def _read_grid(book: CalamineWorkbook, name: str, expected: Collection[str]) -> _Grid:
    sheet = book.get_sheet_by_name(name)
    rows = [[_plain(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    filled = [i for i, row in enumerate(rows) if any(cell is not None for cell in row)]
    if not filled:
        return _Grid()
    merged = sheet.merged_cell_ranges or []
    header = find_header(Grid(rows, filled, expected, merged))
    body = [i for i in filled if i > header.end]
    used = [
        j for j, own in enumerate(header.names) if own or any(rows[i][j] is not None for i in body)
    ]
    notices = [*doubts_of_names([header.names[j] for j in used])]
    if above := sum(i < header.top for i in filled):
        notices.append(said_of_place(header.top + 1, above))
    parts = range(header.top + 1, header.last + 1)
    named = [header.names[j] for j in used if any(rows[i][j] is not None for i in parts)]
    notices += said_of_parts([i + 1 for i in parts], named)
    if header.specified:
        labels = [label_of(rows[i]) for i in header.specified]
        notices.append(said_of_specifications(header.specified[0] + 1, labels))
    at_end = takewhile(lambda i: is_at_end(rows[i]), reversed(body))
    notices += said_at_end([i + 1 for i in at_end])
    if n_merged := _fill_merged(rows, body, merged):
        notices.append(f"merged cells are read in each of their rows; {n_merged} filled in")
    return _Grid(
        header=[header.names[j] for j in used],
        rows=[[rows[i][j] for j in used] for i in body],
        lines=[i + 1 for i in body],
        places=used,
        notices=notices,
    )


def _fill_merged(rows: list[list[Any]], body: list[int], ranges: Collection[Range]) -> int:
    """Write what merged cells say into each of their rows that is one; return into how many.

    Beside the first column a range says nothing: there another column is meant.
    """
    n_filled = 0
    done: dict[int, int] = {}  # rows of each column; a damaged file may merge them over and over
    for (first, column), (last, _) in sorted(ranges):
        begin, end = bisect_left(body, first), bisect_left(body, last + 1)
        if end - begin < 2 or body[begin] != first or column >= len(rows[first]):
            continue
        begin = max(begin + 1, done.get(column, 0))
        done[column] = max(end, begin)
        for i in body[begin:end]:
            if rows[i][column] is None and rows[first][column] is not None:
                rows[i][column] = rows[first][column]
                n_filled += 1
    return n_filled


def _plain(cell: Any) -> Any:
    """Return None for an empty cell, int for a whole number, and a time for a day."""
    if isinstance(cell, str) and not cell:
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= MAX_EXACT:
        return int(cell)
    if type(cell) is datetime.date:
        return datetime.datetime.combine(cell, datetime.time())
    return cell


def _with_hours(column: Sequence[Any]) -> list[Any]:
    """Return the cells of a column; 24:00 among times is that, and not the 1st of January 1900."""
    if not any(isinstance(cell, datetime.time) for cell in column):
        return list(column)
    since = [
        cell - _DAY_OF_TIMES if isinstance(cell, datetime.datetime) else None for cell in column
    ]
    if any(own is not None and own >= _MOST_HOURS for own in since):
        return list(column)
    return [cell if own is None else own for cell, own in zip(column, since, strict=True)]
