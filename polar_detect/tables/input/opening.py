"""Open an input of any format for reading in chunks, in bounded memory."""

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import pandas as pd

from polar_detect.errors import InputError
from polar_detect.tables.formats import DOCUMENTS, Kind
from polar_detect.tables.input.chunks import Chunk, Numbering, Reader
from polar_detect.tables.input.delimited import DelimitedReader, is_table_of
from polar_detect.tables.input.encodings import Encoding, detect_encoding, given_encoding
from polar_detect.tables.input.held import FrameReader
from polar_detect.tables.input.json_document import find_document, holds_json
from polar_detect.tables.input.jsonl import JsonLinesReader
from polar_detect.tables.input.parquet import ParquetReader
from polar_detect.tables.input.plain import PlainReader
from polar_detect.tables.input.sheets import SheetReader
from polar_detect.tables.input.sources import Source, open_source

CHUNK_ROWS = 2048
HAVE_ENCODINGS: frozenset[Kind] = frozenset({"excel", "parquet"})  # of their own
_NUMBERINGS: dict[Kind, Numbering] = {"excel": "sheet", "parquet": "data", "frame": "data"}


@dataclass(frozen=True)
class RowSample:
    """At most so many rows, drawn at random; of each label, where there are labels.

    Parameters
    ----------
    max_rows : int
    seed : int
    """

    max_rows: int
    seed: int = 0


@dataclass(frozen=True)
class ReadOptions:
    """How to read an input where that is not to be detected.

    Parameters
    ----------
    encoding : str or None
        Codec of a text format.
    sheet : str or None
        Name of the sheet of a spreadsheet; None for the first visible one that has the expected
        columns.
    expected : tuple of str
        Columns that will be asked for; they decide between delimiters, sheets and rows that may
        name the columns, and content from stdin is a CSV if its first line holds one of them, or
        another one has it for a name above rows as wide.
    is_table : bool
        Whether content from stdin that shows no format of its own is a CSV in any case.
    sample : RowSample or None
        Which rows to take, where the input is held as a whole; None for all.
    may_take_rows : bool
        Whether rows can be asked for in place of a column of texts, for messages.
    keeps_unlabelled : bool
        Whether rows stay in which a column of labels is empty, where all rows are taken.
    group_column : str or None
        Column that says which rows hang together, as lots do; not written out unless it is named.
    group_option : str or None
        That names it on the command line; None where a detector does.
    kind_column : str or None
        Column that says of what kind anomalous rows are; not written out unless it is named.
    """

    encoding: str | None = None
    sheet: str | None = None
    expected: tuple[str, ...] = ()
    is_table: bool = False
    sample: RowSample | None = None
    may_take_rows: bool = False
    keeps_unlabelled: bool = False
    group_column: str | None = None
    group_option: str | None = "--group-column"
    kind_column: str | None = None

    def asking_for(
        self, given: Collection[str], default: str | None = None, *, are_rows: bool = False
    ) -> Self:
        """Return the same where a person named the given columns, or asks for rows: of a table."""
        expected = (*self.expected, *given, *filter(None, [default]))
        return replace(self, expected=expected, is_table=self.is_table or are_rows or bool(given))


@dataclass(frozen=True, eq=False, kw_only=True)
class TableReader:
    """An opened input: its columns are known, its rows come in chunks.

    Parameters
    ----------
    name : str
        The file, as the user named it.
    sheet : str or None
        The one that is read, of a spreadsheet.
    kind : str
        `delimited`, `excel`, `parquet`, `jsonl` or `text`; `frame` where a program holds it.
    columns : tuple of str
        Unique and not empty, in order.
    encoding : str or None
        As people know it; None where the format has its own.
    notices : tuple of str
        What was guessed or changed, for people.
    needs_mark : bool
        Whether a CSV made of it shall begin with a byte order mark, because it is a workbook, has
        such a mark or has an encoding of its country: then spreadsheets are around, which need it.
    is_ascii : bool
        Whether it is text without any other character, so that nothing says what encoding is
        expected of what is added.
    other_sheets : tuple of str
        Sheets of the file that are not read.
    formats : mapping of str to str
        Number formats of columns of an Excel file.
    numbering : str
        What the `lines` of its chunks count: `sheet`, `file` or `data`; Parquet and a JSON
        document have no lines.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    encoding: str | None
    notices: tuple[str, ...]
    needs_mark: bool
    is_ascii: bool = False
    other_sheets: tuple[str, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)
    numbering: Numbering
    sheet: str | None = None
    _reader: Reader

    @property
    def has_columns(self) -> bool:
        """Whether the input names its columns; lines of text do not."""
        return self.kind != "text"

    def chunks(self, n_rows: int = CHUNK_ROWS) -> Generator[Chunk, None, None]:
        """Yield every row once, from the first; can be called again, one at a time.

        Each row of the input is either in a `frame` or in a `rejected` (blank lines between
        records of several columns are neither). The same input and `n_rows` give the same
        chunks; a chunk holds fewer rows where they are very long or many are rejected, maybe
        none.

        Raises
        ------
        InputError
            On the way, where the file breaks off or no row of it can be used.
        """
        return self._reader.chunks(n_rows)


def open_table(path: Path, options: ReadOptions | None = None) -> TableReader:
    """Open a CSV, Excel, Parquet, JSONL or text file, by its ending, or `-` for stdin.

    Raises
    ------
    InputNotFoundError
    InputError
        The file as a whole cannot be read; the message says why.
    """
    options = options or ReadOptions()
    source = open_source(path, is_table=options.is_table, expected=options.expected)
    _check_options(source, options)
    if source.kind == "excel":
        return _described_sheet(source, SheetReader.open(source, options.sheet, options.expected))
    if source.kind == "parquet":
        return _described(source, ParquetReader.open(source), None)
    if source.ending in DOCUMENTS:
        raise InputError(
            f"Got {source.name}, a document; expected a CSV, Excel, Parquet, JSONL or text file; "
            "make a table of documents with polar-detect combine --documents."
        )
    source.refuse_archive()
    encoding = _find_encoding(source, options.encoding)
    is_nameless = source.kind == "text" and source.spooled is not None
    if source.kind == "text" and holds_json(source, encoding):
        source = replace(source, kind="jsonl")
    elif is_nameless and is_table_of(source, encoding, options.expected):
        source = replace(source, kind="delimited")
    if source.kind == "jsonl" and (document := find_document(source, encoding)) is not None:
        rows = JsonLinesReader.open(document.lines, given_encoding("utf-8"))
        described = _described(source, rows, encoding, document.notices)
        return replace(described, numbering="data")
    return _described(source, _text_reader(source, encoding, options), encoding)


def open_frame(frame: pd.DataFrame, name: str) -> TableReader:
    """Return a data frame as an opened input; each column has to have a name of its own."""
    reader = FrameReader(frame, name)
    return TableReader(
        name=name,
        kind="frame",
        columns=reader.columns,
        encoding=None,
        notices=(),
        needs_mark=False,
        numbering=_NUMBERINGS["frame"],
        _reader=reader,
    )


def open_tables(path: Path, options: ReadOptions | None = None) -> list[TableReader]:
    """Open all visible sheets of a workbook that have rows, or the one asked for; as `open_table`.

    Any other file is one table.
    """
    options = options or ReadOptions()
    source = open_source(path, is_table=options.is_table, expected=options.expected)
    if source.kind != "excel" or options.sheet is not None:
        return [open_table(path, options)]
    _check_options(source, options)
    sheets = SheetReader.open_all(source, options.expected)
    return [_described_sheet(source, sheet) for sheet in sheets]


def _described_sheet(source: Source, sheet: SheetReader) -> TableReader:
    described = _described(source, sheet, None)
    return replace(
        described, sheet=sheet.sheet, other_sheets=sheet.other_sheets, formats=sheet.formats
    )


def _text_reader(source: Source, encoding: Encoding, options: ReadOptions) -> Reader:
    if source.kind == "delimited":
        return DelimitedReader.open(source, encoding, options.expected)
    if source.kind == "jsonl":
        return JsonLinesReader.open(source, encoding)
    return PlainReader.open(source, encoding)


def _described(
    source: Source, reader: Reader, encoding: Encoding | None, said: tuple[str, ...] = ()
) -> TableReader:
    notices = [*said, *reader.notices]
    if encoding is not None and encoding.origin == "guessed":
        notices.insert(0, f"read as {encoding.title}; pass --encoding if that is wrong")
    return TableReader(
        name=source.name,
        kind=source.kind,
        columns=reader.columns,
        encoding=None if encoding is None else encoding.title,
        notices=tuple(notices),
        needs_mark=source.kind == "excel" if encoding is None else not encoding.is_plain,
        is_ascii=encoding is not None and encoding.origin == "ascii",
        numbering=_NUMBERINGS.get(source.kind, "file"),
        _reader=reader,
    )


def _find_encoding(source: Source, given: str | None) -> Encoding:
    if given is not None:
        return given_encoding(given)
    with source.open() as file:
        return detect_encoding(file, source.name)


def _check_options(source: Source, options: ReadOptions) -> None:
    if options.sheet is not None and source.kind != "excel":
        raise InputError(
            f"Got --sheet {options.sheet!r} for {source.name}, which is no spreadsheet; "
            "expected none; leave it out."
        )
    if options.encoding is not None and source.kind in HAVE_ENCODINGS:
        raise InputError(
            f"Got --encoding {options.encoding!r} for {source.name}, a format with its own; "
            "expected none; leave it out."
        )
