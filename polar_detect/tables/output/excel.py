"""Write rows as an Excel file that a person can work with at once.

Flagged rows are coloured, the header stays in view and filters, and a second sheet sums up.
Every text is stored as text, never as a formula.
"""

import datetime
import errno
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from polar_detect.errors import OutputError
from polar_detect.tables.cells.text import cell_as_text, cell_values, cells_as_text
from polar_detect.tables.output.formulas import is_formula
from polar_detect.tables.output.layout import Layout
from polar_detect.tables.output.text import columns_of

try:  # openpyxl writes by it where it is installed, and then a full disk is no error of the system
    from lxml.etree import LxmlError
except ImportError:
    _NO_ROOM: tuple[type[Exception], ...] = (OSError,)
else:
    _NO_ROOM = (OSError, LxmlError)

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
MAX_CELL_CHARS = 32_767
_MAX_NUMBER = 10**15  # whole numbers above it lose digits
_WIDTHS = (8, 60)
_SAMPLE_ROWS = 200
_FLAGGED = PatternFill("solid", fgColor="FFF8CBAD")
_HEADER = PatternFill("solid", fgColor="FFDDE3EA")
_BOLD = Font(name="Calibri", size=11, bold=True)  # without a name LibreOffice takes a serif
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_WRAPPED_LEFT = Alignment(horizontal="left", vertical="top", wrap_text=True)
_MAX_NAME_CHARS = 24
# What XML 1.0 cannot hold. openpyxl refuses the control characters only, and with one of the
# others it writes a file that nothing opens.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# What Excel reads as a character by its number: _x0041_ is A, and _x005F_ the first sign of it.
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
# A number of a CSV that comes back the same: no leading zero, at most 15 digits.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?")


class ExcelOutput:
    """An Excel file with the rows in the first sheet.

    Parameters
    ----------
    layout : Layout
        Columns without a number format there show numbers and times as they are.
    """

    def __init__(self, layout: Layout) -> None:
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet(layout.names.rows)
        self._layout = layout
        self._n_rows, self._n_columns = 0, 0
        self._n_cut = self._n_replaced = 0
        self._timed: set[int] = set()  # columns with a time of day

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows, the first time under the names of the columns."""
        check_fits(max(self._n_rows - 1, 0) + len(frame), frame.shape[1])
        if not self._n_rows:
            self._write_header(frame)
        flags = self._flags(frame)
        cells = [*map(cell_values, columns_of(frame))]
        formats = [self._layout.formats.get(str(name)) for name in frame.columns]
        self._timed |= {i for i, column in enumerate(cells) if any(map(_has_time, column))}
        for flag, row in zip(flags, zip(*cells, strict=True), strict=True):
            made = [
                self._cell(value, is_flagged=flag, is_timed=i in self._timed, own=formats[i])
                for i, value in enumerate(row)
            ]
            with _told_of_sheets():
                self._sheet.append(made)
        self._n_rows += len(frame)

    def save(self, path: Path) -> None:
        """Write the file, with a sheet of the summary if there is one."""
        last = get_column_letter(max(1, self._n_columns))
        self._sheet.auto_filter.ref = f"A1:{last}{max(1, self._n_rows)}"
        if self._layout.summary:
            self._write_summary()
        with _told_of_sheets():
            for sheet in self._book.worksheets:
                sheet.close()
        self._book.save(path)

    def abandon(self) -> None:
        """End without a file."""
        for sheet in self._book.worksheets:
            with suppress(*_NO_ROOM):  # as its temporary file has no room still
                sheet.close()

    def _write_header(self, frame: pd.DataFrame) -> None:
        self._sheet.freeze_panes = "A2"
        _print_on_wide_pages(self._sheet)
        self._sheet.print_title_rows = "1:1"
        for i, column in enumerate(columns_of(frame.iloc[:_SAMPLE_ROWS])):
            name = str(frame.columns[i])[:_MAX_NAME_CHARS]  # longer ones take several lines
            width = _width([name, *cells_as_text(column)])
            self._sheet.column_dimensions[get_column_letter(i + 1)].width = width
        header = [self._cell(str(name), is_flagged=False, is_name=True) for name in frame.columns]
        styled = [_styled(self._sheet, cell, _HEADER, _BOLD) for cell in header]
        for cell in styled:
            cell.alignment = _WRAPPED
        with _told_of_sheets():
            self._sheet.append(styled)
        self._n_rows, self._n_columns = 1, frame.shape[1]

    def _write_summary(self) -> None:
        names = self._layout.names
        sheet = self._book.create_sheet(names.summary)
        _print_on_wide_pages(sheet)
        rows = [*self._layout.summary]
        if self._n_cut:
            rows.append((names.n_cut, self._n_cut))
        if self._n_replaced:
            rows.append((names.n_replaced, self._n_replaced))
        sheet.column_dimensions["A"].width = _width([label for label, _ in rows])
        sheet.column_dimensions["B"].width = _width([cell_as_text(value) for _, value in rows])
        for label, value in rows:
            cell = self._cell(value, is_flagged=False)
            if not hasattr(cell, "alignment"):
                cell = WriteOnlyCell(sheet, cell)
            name = _styled(sheet, label, None, _BOLD)
            name.alignment = cell.alignment = _WRAPPED_LEFT
            with _told_of_sheets():
                sheet.append([name, cell])

    def _flags(self, frame: pd.DataFrame) -> list[bool]:
        column = self._layout.flag_column
        if column is None or column not in frame.columns:
            return [False] * len(frame)
        return [cell is True for cell in frame[column].tolist()]

    def _cell(
        self,
        value: Any,
        *,
        is_flagged: bool,
        is_timed: bool = False,
        own: str | None = None,
        is_name: bool = False,
    ) -> Any:
        if isinstance(value, str) and _UNWRITABLE.search(value):
            self._n_replaced += 1
        if is_name:  # 400.0, a wavelength, would be read again as 400
            value, number_format = _as_xml(value), None
        else:
            value, number_format = _as_excel(value, is_timed=is_timed)
        if own is not None and _is_shown_by(own, value):
            number_format = own
        is_text = isinstance(value, str)
        if is_text and len(value) > MAX_CELL_CHARS:
            value = value[: MAX_CELL_CHARS - 1] + "…"
            self._n_cut += 1
        is_risky = is_text and (is_formula(value) or value[:1] == "=" or value in ERROR_CODES)
        if not (is_flagged or is_risky or number_format):
            return value
        cell = WriteOnlyCell(self._sheet, value)
        if is_risky:
            cell.data_type = "s"
            cell.quotePrefix = True  # stays text when a person edits the cell
        if number_format:
            cell.number_format = number_format
        if is_flagged:
            cell.fill = _FLAGGED
        return cell


def check_fits(n_rows: int, n_columns: int) -> None:
    """Raise `OutputError` for more rows, their names not counted, or columns than a sheet holds."""
    if n_rows >= MAX_ROWS:
        raise OutputError(
            f"Got more than {MAX_ROWS - 1:,} rows for an Excel file; expected at most that "
            "many, because the format ends there; write .parquet or .csv."
        )
    if n_columns > MAX_COLUMNS:
        raise OutputError(
            f"Got more than {MAX_COLUMNS:,} columns for an Excel file; expected at most that "
            "many, because the format ends there; write .parquet or .csv."
        )


@contextmanager
def _told_of_sheets() -> Iterator[None]:
    """Name the place of an error: openpyxl writes each sheet into a temporary file first."""
    try:
        yield
    except _NO_ROOM as error:
        raise OutputError(
            f"Got an error while writing a sheet of Excel into the temporary folder "
            f"'{tempfile.gettempdir()}' ({_reason(error)}); expected enough space there; "
            "free some, or set TMPDIR to another folder."
        ) from error


def _reason(error: Exception) -> str:
    """Return the reason of an error; lxml's are called after those of the system, IO_ENOSPC."""
    code = getattr(errno, str(error).removeprefix("IO_"), None)
    said = getattr(error, "strerror", None) or (os.strerror(code) if code else None)
    return str(said or error)


def _print_on_wide_pages(sheet: Any) -> None:
    """Have all columns on a page, across it, with lines between the cells."""
    sheet.print_options.gridLines = True
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _is_shown_by(number_format: str, value: Any) -> bool:
    """Return whether a number format is meant for a value of that type."""
    if isinstance(value, datetime.timedelta):
        return bool(is_timedelta_format(number_format))
    if isinstance(value, (datetime.datetime, datetime.time)):
        return bool(is_date_format(number_format))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and not is_date_format(number_format)


def _has_time(value: Any) -> bool:
    is_time = isinstance(value, datetime.datetime) and not pd.isna(value)
    return is_time and value.time() != datetime.time()


def _as_excel(value: Any, *, is_timed: bool) -> tuple[Any, str | None]:
    """Return a value that a cell can hold, and the number format that shows it as it was."""
    if isinstance(value, str):
        return _text_as_excel(value)
    is_time = isinstance(value, datetime.datetime) and not pd.isna(value)
    if is_time and value.tzinfo is None and value.year >= 1900:
        shows_time = is_timed or _has_time(value)
        return value, "yyyy-mm-dd hh:mm:ss" if shows_time else "yyyy-mm-dd"
    if isinstance(value, datetime.time) and value.tzinfo is None:
        return value, "hh:mm:ss"
    if isinstance(value, datetime.timedelta) and value >= datetime.timedelta():
        return value, "[hh]:mm:ss"
    largest = float("inf") if isinstance(value, float) else _MAX_NUMBER
    if isinstance(value, (bool, int, float)) and abs(value) < largest:  # false for NaN
        return value, None
    return _as_xml(cell_as_text(value)), None


def _text_as_excel(text: str) -> tuple[Any, str | None]:
    number = _NUMBER.fullmatch(text)
    if number is not None and len(text) <= 15 and text != "-0":
        decimals = number[2]
        if decimals is None:
            return int(text), None
        return float(text), f"0.{'0' * len(decimals)}"
    return _as_xml(text), None


def _as_xml(text: str) -> str | None:
    """Return a text as the file holds it, from which Excel reads the same; None for no text."""
    return _ESCAPE.sub("_x005F_", _UNWRITABLE.sub("\ufffd", text)) or None


def _styled(sheet: Any, value: Any, fill: PatternFill | None, font: Font) -> Any:
    cell = value if hasattr(value, "data_type") else WriteOnlyCell(sheet, value)
    cell.font = font
    if fill is not None:
        cell.fill = fill
    return cell


def _width(texts: Iterable[str]) -> float:
    """Return a column width for the longest first line; Japanese characters are twice as wide."""
    longest = 0
    for text in texts:
        line = text.split("\n", 1)[0][:100]
        wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line)
        longest = max(longest, len(line) + wide)
    return float(min(max(longest + 2, _WIDTHS[0]), _WIDTHS[1]))
