"""Read a sheet of an Excel or OpenDocument file.

The whole sheet is in memory: it has a million rows at most, and its format allows no less.
"""

import datetime
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from polar_detect.errors import InputError
from polar_detect.tables.chunks import Chunk, check_rows, unique_names
from polar_detect.tables.kinds import ColumnKinds
from polar_detect.tables.sources import Source

_MAX_EXACT = 2**53


@dataclass(frozen=True, eq=False)
class SheetReader:
    """One sheet, whose first full row names the columns.

    Numbers, dates and truth values keep their types; whole numbers, which the format stores as
    floating point, become int. Cells with an error such as #DIV/0! are missing values.
    """

    columns: tuple[str, ...]
    sheet: str
    frame: pd.DataFrame
    lines: NDArray[np.int64]
    notices: tuple[str, ...]

    @classmethod
    def open(cls, source: Source, sheet: str | None) -> "SheetReader":
        """Read a sheet by name, else the first."""
        name, rows, notices = _read_sheet(source, sheet)
        filled = [i for i, row in enumerate(rows) if any(cell is not None for cell in row)]
        if not filled:
            raise InputError(
                f"Got {source.name}, whose sheet {name!r} is empty; expected at least one row; "
                "check the file, or pass --sheet."
            )
        top = _find_header(rows, filled)
        if above := sum(i < top for i in filled):
            notices.append(f"the columns are named in row {top + 1}; {above} above it left out")
        body = [i for i in filled if i > top]
        check_rows(len(body), None, source.name)
        used = [
            j for j in range(len(rows[top])) if any(rows[i][j] is not None for i in (top, *body))
        ]
        header = ["" if rows[top][j] is None else str(rows[top][j]) for j in used]
        columns, renamed = unique_names(header)
        values = [[rows[i][j] for i in body] for j in used]
        frame = ColumnKinds.of(columns, values).frame(values, pd.RangeIndex(len(body)))
        lines = np.asarray(body, np.int64) + 1
        return cls(columns, name, frame, lines, (*notices, *renamed))

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all rows; empty rows are not rows."""
        for start in range(0, len(self.frame), n_rows):
            rows = slice(start, start + n_rows)
            yield Chunk(self.frame.iloc[rows], self.lines[rows], ())


def _read_sheet(source: Source, sheet: str | None) -> tuple[str, list[list[Any]], list[str]]:
    notices = []
    try:
        with source.open() as file, CalamineWorkbook.from_filelike(file) as book:
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                listed = ", ".join(repr(name) for name in names)
                raise InputError(
                    f"Got --sheet {sheet!r}; {source.name} has the sheets {listed}; pass one of "
                    "them."
                )
            name = names[0] if sheet is None else sheet
            cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            if sheet is None and len(names) > 1:
                others = ", ".join(repr(other) for other in names[1:])
                notices.append(f"sheet {name!r} is read; pass --sheet for {others}")
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
    return name, [[_plain(cell) for cell in row] for row in cells], notices


def _plain(cell: Any) -> Any:
    """Return None for an empty cell, int for a whole number, and a time for a day."""
    if isinstance(cell, str) and not cell:
        return None
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= _MAX_EXACT:
        return int(cell)
    if type(cell) is datetime.date:
        return datetime.datetime.combine(cell, datetime.time())
    return cell


def _find_header(rows: list[list[Any]], filled: list[int]) -> int:
    """Return the first row that fills at least half of what the fullest of the first does.

    Above the table many sheets have a title, a date and a department.
    """
    n_cells = {i: sum(cell is not None for cell in rows[i]) for i in filled[:20]}
    most = max(n_cells.values())
    return next(i for i, n in n_cells.items() if 2 * n >= most)
