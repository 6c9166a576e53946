"""Read CSV, TSV and their kin: which delimiter they have, and which of their records are rows."""

import csv
import re
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import BinaryIO

from polar_detect.errors import InputError, counted
from polar_detect.tables.cells.names import match_column, on_one_line
from polar_detect.tables.input.chunks import (
    Chunk,
    ChunkBuilder,
    Rejected,
    check_rows,
    strings_under,
    unique_names,
)
from polar_detect.tables.input.encodings import Encoding
from polar_detect.tables.input.lines import Lines, open_lines, reject
from polar_detect.tables.input.records import Record, cells_of_any_size, lines_at_end, records
from polar_detect.tables.input.sources import Source
from polar_detect.tables.structure.doubts import doubts_of_names, doubts_of_rows, is_decimal_comma
from polar_detect.tables.structure.header_place import place_of_names
from polar_detect.tables.structure.header_rows import Header, said_of_parts
from polar_detect.tables.structure.limits import label_of, said_of_specifications
from polar_detect.tables.structure.sheet_header import said_of_place
from polar_detect.tables.structure.text_header import find_text_header, is_doubtful
from polar_detect.tables.structure.totals import said_at_end, without_end

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_RECORDS = 50
_HEADER_RECORDS, _HEADER_CHARS = 1000, 1_000_000  # that tell where the names stand
# What spreadsheets are told by a first line of their own.
_SEPARATOR = re.compile(r'\s*"?sep=([,;\t|])"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class DelimitedReader:
    """A text file of records, of which one, mostly the first, names the columns."""

    source: Source
    encoding: Encoding
    delimiter: str
    columns: tuple[str, ...]
    notices: tuple[str, ...]
    header: int  # the last line of the names
    specified: frozenset[int] = frozenset()  # lines below it that are no rows

    @classmethod
    def open(
        cls, source: Source, encoding: Encoding, expected: Collection[str]
    ) -> "DelimitedReader":
        """Read the header, and find the delimiter unless the ending says it."""
        begun = _Beginning.read(source, encoding, expected)
        if begun is None:
            raise InputError(
                f"Got {source.name} without any text; expected at least one row; check the file."
            )
        first, delimiter, header = begun.first, begun.delimiter, begun.header
        named = first[header.top]
        if (fault := named.fault) is not None:
            raise InputError(
                f"Got {fault} in the header (line {named.line}) of {source.name}; "
                "expected column names; mend the line, or check --encoding."
            )
        columns, renamed = unique_names(header.names)
        notices = [*doubts_of_names(header.names), *_said_of_header(first, header), *renamed]
        below = [record for record in first[header.end + 1 :] if not record.is_blank]
        notices += doubts_of_rows([record.cells for record in below], delimiter)
        specified = frozenset(first[i].line for i in header.specified)
        last = first[header.last].line
        reader = cls(source, encoding, delimiter, columns, (), last, specified)
        return replace(reader, notices=(*notices, *reader._said_at_end()))

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all rows; blank lines between records of several columns are not rows."""
        builder = ChunkBuilder(n_rows, strings_under(self.columns))
        n_kept, first_rejected, is_misfit = 0, None, False
        with self.source.open() as file, _open(file, self.encoding) as lines:
            for record in records(lines, self.delimiter):
                if record.line <= self.header or record.line in self.specified:
                    continue
                if builder.is_full:
                    yield builder.take()
                rejected = self._add(record, builder)
                if first_rejected is None and rejected is not None:
                    first_rejected, is_misfit = rejected, record.fault is None
                n_kept += rejected is None and not self._is_gap(record)
        if first_rejected is not None and is_misfit and not n_kept:
            raise InputError(
                f"Got {self.source.name} in which no row can be read (line {first_rejected.line}: "
                f"{first_rejected.reason}); expected rows as wide as the names in line "
                f"{self.header}; delete what stands above the names, or check the delimiter and "
                "--encoding."
            )
        check_rows(n_kept, first_rejected, self.source.name)
        if not builder.is_empty:
            yield builder.take()

    def _said_at_end(self) -> list[str]:
        if self.source.compression is not None or not self.encoding.has_line_feeds:
            return []
        with self.source.open() as file:
            at_end = lines_at_end(
                file,
                self.encoding,
                self.delimiter,
                n_columns=len(self.columns),
                header=max((self.header, *self.specified)),
            )
        return said_at_end(at_end)

    def _add(self, record: Record, builder: ChunkBuilder) -> Rejected | None:
        if self._is_gap(record):
            return None
        row = record.cells or [""]  # in a single column, a blank line is an empty text
        row = without_end(row, len(self.columns))
        fault = record.fault
        if fault is None and len(row) != len(self.columns):
            fault = f"{counted(len(row), 'cell')}; the header has {len(self.columns)}"
        if fault is None:
            builder.add(record.line, row, sum(map(len, row)))
            return None
        rejected = reject(record.line, fault, record.text)
        builder.reject(rejected)
        return rejected

    def _is_gap(self, record: Record) -> bool:
        return record.is_blank and len(self.columns) > 1


@dataclass(frozen=True)
class _Beginning:
    """The first records of a file, the delimiter that parts them, and which of them has the names.

    Parameters
    ----------
    first : list of Record
    delimiter : str
    header : Header
    """

    first: list[Record]
    delimiter: str
    header: Header

    @classmethod
    def read(
        cls, source: Source, encoding: Encoding, expected: Collection[str]
    ) -> "_Beginning | None":
        """Read the beginning of a file; None where it has no text."""
        with source.open() as file, _open(file, encoding) as lines:
            sample = _sample(lines)
        if not sample:
            return None
        said = _SEPARATOR.fullmatch(sample[0])
        if said is not None and any(map(str.strip, sample[1:])):
            delimiter = said[1]
        elif source.ending in {".tsv", ".tab"}:
            delimiter = "\t"
        else:
            delimiter = _choose_delimiter(sample, expected)
        with source.open() as file, _open(file, encoding) as lines:
            first = _first_records(records(lines, delimiter))
        return cls(first, delimiter, find_text_header([own.cells for own in first], expected))

    def is_table_of(self, names: Collection[str]) -> bool:
        """Return whether one of these names a column, and most records below are its rows.

        Above the name of a single column there are pairs alone, as any line may be a text.
        """
        width, top = len(self.header.names), self.header.top
        above, below = (
            [record.cells for record in part if not record.is_blank]
            for part in (self.first[:top], self.first[self.header.end + 1 :])
        )
        n_fitting = sum(len(without_end(cells, width)) == width for cells in below)
        is_table = width > 1 or all(len(cells) > 1 for cells in above)
        is_named = any(match_column(self.header.names, name) is not None for name in names)
        return is_table and is_named and 2 * n_fitting > len(below)


def is_table_of(source: Source, encoding: Encoding, names: Collection[str]) -> bool:
    """Return whether a text without a name is a table in which one of these names a column."""
    begun = _Beginning.read(source, encoding, names)
    return begun is not None and begun.is_table_of(names)


def _first_records(found: Iterator[Record]) -> list[Record]:
    """Return the first records, from the first that is not blank and no line for spreadsheets.

    That line is one with a table below.
    """
    first: list[Record] = []
    n_chars = 0
    for record in found:
        if not first and record.is_blank:
            continue
        first.append(record)
        n_chars += len(record.text)
        if len(first) > _HEADER_RECORDS or n_chars > _HEADER_CHARS:
            break
    filled = [i for i, record in enumerate(first) if not record.is_blank]
    is_told = _SEPARATOR.fullmatch(first[0].text) is not None and len(filled) > 1
    return first[filled[1] :] if is_told else first


def _said_of_header(first: Sequence[Record], header: Header) -> Iterator[str]:
    """Yield which lines the names are in where that is not the first one alone."""
    above = sum(bool(record.text.strip(", ;\t|\r\n")) for record in first[: header.top])
    if above:
        yield said_of_place(first[header.top].line, above)
    if is_doubtful([record.cells for record in first], header):
        names = ", ".join(map(on_one_line, header.names))
        yield (
            f"row {first[header.top].line} is taken for the names of the columns, and most below "
            f"have more cells: {names}; delete what stands above the names"
        )
    parts = first[header.top + 1 : header.last + 1]
    cells = zip_longest(*(record.cells for record in parts), fillvalue="")
    named = [
        on_one_line(name)
        for name, own in zip(header.names, cells, strict=False)
        if "".join(own).strip()
    ]
    yield from said_of_parts([record.line for record in parts], named)
    if header.specified:
        labels = [label_of(first[i].cells) for i in header.specified]
        yield said_of_specifications(first[header.specified[0]].line, labels)


def _open(file: BinaryIO, encoding: Encoding) -> AbstractContextManager[Lines]:
    return open_lines(file, encoding, newline="")


def _sample(lines: Lines) -> list[str]:
    """Return the first lines, from the first that is not blank."""
    found: list[str] = []
    n_filled = 0
    for line in lines:
        n_filled += bool(line.text.strip())
        if n_filled:
            found.append(line.text)
        if n_filled > _SAMPLE_RECORDS or len(found) > _HEADER_RECORDS:
            break
    return found


def _choose_delimiter(sample: list[str], expected: Collection[str]) -> str:
    """Return the delimiter whose header has the expected names, else the one that fits best.

    The best is the one that splits most rows into as many cells as the header, into more than
    one, and the more the better; so a header such as `one, two, three;text` is not split at
    its commas.
    """

    def merit(delimiter: str) -> tuple[int, float, int]:
        # Not strict: under a wrong delimiter a right header looks badly quoted.
        rows = list(csv.reader(sample, delimiter=delimiter))
        names, *below = rows[place_of_names(rows, expected) :]
        width = len(names)
        fit = [
            len(without_end(row, width)) == width
            for row in below
            if len(row) > 1 or "".join(row).strip()
        ]
        agreeing = sum(fit) / max(1, len(fit))
        return len(set(expected) & set(names)), agreeing if width > 1 else 0.0, width

    with cells_of_any_size():
        is_decimal = _are_commas_decimal(sample)
        return max((own for own in _DELIMITERS if own != "," or not is_decimal), key=merit)


def _are_commas_decimal(sample: list[str]) -> bool:
    """Return whether each comma is one of a number, in lines that semicolons part into cells.

    Then it parts no cells, though without names it may split all lines into as many: 1;20,5;3,1.
    """
    rows = csv.reader(sample, delimiter=";")
    parted = [row for row in rows if any("," in cell for cell in row)]
    cells = [cell for row in parted for cell in row if "," in cell]
    return bool(cells) and min(map(len, parted)) > 1 and all(map(is_decimal_comma, cells))
