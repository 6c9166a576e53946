"""Records of CSV, TSV and their kin: hides quotes, and line ends inside cells.

A record that is broken costs its own rows only: after an unbalanced quote, reading goes on at the
next line.
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from polar_detect.tables.input.encodings import ESCAPE_UNDECODABLE, Encoding
from polar_detect.tables.input.lines import MAX_ROW_CHARS, TOO_LONG, Line, Lines, open_lines
from polar_detect.tables.structure.totals import is_at_end, without_end

_MAX_CELL_CHARS = 2**31 - 1  # the csv module stops at 131,072; a C long on every platform
_TAIL_BYTES = 2**16
_UNBALANCED = "unbalanced quotes"


@dataclass(frozen=True)
class Record:
    """A row as it was split: its cells, or why it could not be split."""

    lines: list[Line]
    cells: list[str]
    fault: str | None

    @property
    def line(self) -> int:
        """Number of the line in which the record starts."""
        return self.lines[0].number

    @property
    def text(self) -> str:
        """The record as it stands in the file."""
        return "".join(line.text for line in self.lines)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it, not even an empty cell."""
        return not self.cells and self.fault is None


def records(lines: Lines, delimiter: str) -> Iterator[Record]:
    """Yield the records of a file; each line is in exactly one of them."""
    for first in lines:
        if first.is_whole and '"' not in first.text:  # twice as fast as the csv module
            text = first.text.rstrip("\r\n")
            yield Record([first], text.split(delimiter) if text else [], lines.find_fault(text))
            continue
        lines.put_back([first])
        taken: list[Line] = []
        reader = csv.reader(_feed(lines, taken), delimiter=delimiter, strict=True)
        try:
            with cells_of_any_size():
                cells = next(reader)
        except csv.Error:
            fault = _UNBALANCED if all(line.is_whole for line in taken) else TOO_LONG
            lines.put_back(taken[1:])
            yield Record(taken[:1], [], fault)
            continue
        if not all(line.is_whole for line in taken):
            yield Record(taken, [], TOO_LONG)
            continue
        text = taken[0].text if len(taken) == 1 else "".join(line.text for line in taken)
        yield Record(taken, cells, lines.find_fault(text))


def _feed(lines: Lines, taken: list[Line]) -> Iterator[str]:
    """Yield the lines of one record, noted in `taken`; none when a quote seems not to end."""
    n_chars = 0
    for line in lines:
        taken.append(line)
        n_chars += len(line.text)
        yield line.text
        if n_chars > MAX_ROW_CHARS:
            return


def lines_at_end(
    file: BinaryIO, encoding: Encoding, delimiter: str, *, n_columns: int, header: int
) -> list[int]:
    """Return the last lines of a delimited file that are totals or notes, the last one first.

    Only what the file ends with is read, and all of it where there are some, to count lines.

    Parameters
    ----------
    file : binary file
        In which one can seek.
    encoding : Encoding
        In which a line feed is one byte.
    delimiter : str
    n_columns : int
        Lines with another number of cells are no rows.
    header : int
        The line of the names.
    """
    size = file.seek(0, 2)
    file.seek(max(size - _TAIL_BYTES, 0))
    if size > _TAIL_BYTES:
        file.readline()
    text = file.read().decode(encoding.codec, ESCAPE_UNDECODABLE)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    found = []
    for i, line in enumerate(reversed(lines)):
        cells = _cells(line, delimiter)
        is_row = cells is None or len(without_end(cells, n_columns)) == n_columns
        if cells is None or (is_row and any(cells) and not is_at_end(cells)):
            break
        if is_row and any(cells):
            found.append(i)
    if not found:
        return []
    file.seek(0)
    with open_lines(file, encoding, newline="") as all_lines:
        n_lines = sum(1 for _ in all_lines)
    return [n_lines - i for i in found if n_lines - i > header]


@contextmanager
def cells_of_any_size() -> Iterator[None]:
    """Let the csv module read cells of any length."""
    previous = csv.field_size_limit(_MAX_CELL_CHARS)
    try:
        yield
    finally:
        csv.field_size_limit(previous)


def _cells(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of a line that is a record by itself."""
    if line.count('"') % 2:
        return None
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return None
