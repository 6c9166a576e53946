"""Read a CSV or a text file as a table of texts.

Hides encodings, delimiters, quoting and line ends; whatever cannot be read is named with
its line.
"""

import csv
import difflib
import io
import reprlib
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.errors import InputError, InputNotFoundError

_DELIMITERS = {".csv": (",", ";", "\t"), ".tsv": ("\t",)}
_SPREADSHEETS = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
_LINE_COLUMN = "text"
_LABELS = dict.fromkeys(("1", "1.0", "true", "anomaly"), True) | dict.fromkeys(
    ("0", "0.0", "false", "normal"), False
)
_MAX_LISTED_COLUMNS = 30
_MAX_CELL_CHARS = 2**31 - 1  # the csv module stops at 131,072; a C long on every platform


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one input, with the column that holds the texts.

    Parameters
    ----------
    frame : (n_texts, n_columns) pandas.DataFrame of str
        Every column, cell and row in the order and form of the file.
    texts : list of str, n_texts long
        Cells of the text column; an empty cell is an empty text.
    labels : (n_texts,) bool or None
        True where a text is labelled anomalous; None without a label column.
    text_column : str
        Column of `frame` that `texts` came from.
    source : str
        The file, as the user named it.
    """

    frame: pd.DataFrame
    texts: list[str]
    labels: NDArray[np.bool_] | None
    text_column: str
    source: str


def has_columns(path: Path) -> bool:
    """Return whether `path` is read as a table with named columns, not as one text a line.

    >>> has_columns(Path("orders.CSV")), has_columns(Path("machine.log"))
    (True, False)
    """
    return path.suffix.lower() in _DELIMITERS


def read_table(path: Path, *, text_column: str | None, label_column: str | None = None) -> Table:
    """Read a CSV (.csv, .tsv) or a text file with one text a line (any other ending).

    Parameters
    ----------
    path : Path
        A file in UTF-8, with or without byte order mark.
    text_column : str or None
        Column that holds the texts; None for a text file.
    label_column : str or None
        Column in which 1, true or anomaly means anomalous and 0, false or normal means normal.

    Returns
    -------
    Table
        One row per record or line; only blank lines between records of several columns are
        not rows.

    Raises
    ------
    InputNotFoundError
        When there is no such file.
    InputError
        When the file cannot be read as a table of texts; the message says where and why.
    """
    source = str(path)
    content = _read_content(path)
    if has_columns(path):
        delimiters = _DELIMITERS[path.suffix.lower()]
        frame = _parse_csv(content, _choose_delimiter(content, delimiters, text_column), source)
    else:
        frame = pd.DataFrame({_LINE_COLUMN: _split_lines(content)}, dtype=str)
        _check_no_columns_asked(text_column, label_column, source)
        text_column = _LINE_COLUMN
    text_column = _check_column(frame, text_column, "--text-column")
    texts: list[str] = frame[text_column].tolist()
    _check_some_text(texts, text_column, source)
    labels = None if label_column is None else _parse_labels(frame, label_column)
    return Table(frame, texts, labels, text_column, source)


def _read_content(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputNotFoundError(
            f"Got {path}, which does not exist; expected a CSV or text file; check the path."
        ) from error
    except IsADirectoryError as error:
        raise InputError(
            f"Got the folder {path}; expected a CSV or text file; name a file inside it."
        ) from error
    except OSError as error:
        raise InputError(
            f"Got {path}, which cannot be read ({error.strerror}); expected a readable file; "
            "check the path and its permissions."
        ) from error
    if path.suffix.lower() in _SPREADSHEETS:
        raise InputError(
            f"Got the spreadsheet {path}; expected a CSV or text file; save the sheet as CSV UTF-8."
        )
    text = _decode(content, path)
    if not text.strip():
        raise InputError(
            f"Got {path} without any text ({len(content)} bytes); expected at least one row; "
            "check the file."
        )
    return text


def _decode(content: bytes, path: Path) -> str:
    nul = content.find(b"\0")
    if nul >= 0:
        raise InputError(
            f"Got a NUL byte in line {_line_of(content, nul)} of {path} (byte {nul}: binary data "
            "or UTF-16); expected text in UTF-8; save it as CSV UTF-8 or plain text."
        )
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(
            f"Got bytes that are not UTF-8 in line {_line_of(content, error.start)} of {path} "
            f"(0x{content[error.start]:02x} at byte {error.start}); expected text in UTF-8; "
            "save the file as UTF-8."
        ) from error


def _line_of(content: bytes, offset: int) -> int:
    return content.count(b"\n", 0, offset) + 1


def _choose_delimiter(content: str, delimiters: Sequence[str], text_column: str | None) -> str:
    """Return the delimiter whose header has the text column, else the most columns."""

    def merit(delimiter: str) -> tuple[bool, int]:
        # Not strict: under a wrong delimiter a right header looks badly quoted.
        with _cells_of_any_size():
            header = next(filter(None, csv.reader(_lines(content), delimiter=delimiter)))
        return text_column in header, len(header)

    return max(delimiters, key=merit)


def _parse_csv(content: str, delimiter: str, source: str) -> pd.DataFrame:
    with _cells_of_any_size():
        records = _iterate_records(content, delimiter, source)
        header = next(record for _, record in records if record)
        _check_header(header, source)
        rows = []
        for line, record in records:
            if not record and len(header) > 1:
                continue
            row = record or [""]  # in a single column, a blank line is an empty text
            if len(row) != len(header):
                raise InputError(
                    f"Got {len(row)} cells in line {line} of {source}; expected {len(header)} as "
                    f"in the header; put texts that hold {delimiter!r} in double quotes."
                )
            rows.append(row)
    if not rows:
        raise InputError(
            f"Got {source} with a header and no rows; expected at least one row; "
            "check that the first line holds the column names."
        )
    return pd.DataFrame(rows, columns=header, dtype=str)


def _iterate_records(content: str, delimiter: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line in which a record starts, and its cells; a blank line has none."""
    reader = csv.reader(_lines(content), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise InputError(
                f"Got a cell with unbalanced quotes in the record at line {line} of {source}; "
                'expected "…" around it and "" for each quote inside; mend or export it again.'
            ) from error
        if record is None:
            return
        yield line, record


def _lines(content: str) -> io.StringIO:
    return io.StringIO(content, newline="")  # line ends inside cells stay as they are


@contextmanager
def _cells_of_any_size() -> Iterator[None]:
    previous = csv.field_size_limit(_MAX_CELL_CHARS)
    try:
        yield
    finally:
        csv.field_size_limit(previous)


def _check_header(header: list[str], source: str) -> None:
    for position, name in enumerate(header):
        if name in header[:position]:
            raise InputError(
                f"Got two columns named {name!r} in {source} (columns {header.index(name) + 1} "
                f"and {position + 1}); expected unique names; rename one."
            )


def _split_lines(content: str) -> list[str]:
    """Return the lines of `content`, whose last line may end or not."""
    # Not str.splitlines, which also splits at form feeds, U+2028 and six others inside texts.
    return [line.removesuffix("\r") for line in content.removesuffix("\n").split("\n")]


def _check_no_columns_asked(text_column: str | None, label_column: str | None, source: str) -> None:
    asked = {"--text-column": text_column, "--label-column": label_column}
    for option, column in asked.items():
        if column is not None:
            raise InputError(
                f"Got {option} {column!r} for {source}, where each line is one text; expected "
                f"none; leave {option} out or save the table with the ending .csv."
            )


def _check_column(frame: pd.DataFrame, column: str | None, option: str) -> str:
    names = [str(name) for name in frame.columns]
    if column is not None and column in names:
        return column
    got = f"no {option}" if column is None else f"column {column!r}"
    listed = ", ".join(" ".join(name.split()) or "''" for name in names[:_MAX_LISTED_COLUMNS])
    unlisted = len(names) - _MAX_LISTED_COLUMNS
    more = f" and {unlisted} more" if unlisted > 0 else ""
    printable = filter(str.isprintable, names)
    closest = difflib.get_close_matches(column or "", list(printable), n=1)
    advice = shlex.quote(closest[0]) if closest else "with one of them"
    raise InputError(f"Got {got}; the table has: {listed}{more}. Pass {option} {advice}.")


def _check_some_text(texts: list[str], text_column: str, source: str) -> None:
    if not any(text.strip() for text in texts):
        raise InputError(
            f"Got no text in column {text_column!r} of {source} (all {len(texts)} rows are "
            "empty); expected at least one; choose another --text-column."
        )


def _parse_labels(frame: pd.DataFrame, label_column: str) -> NDArray[np.bool_]:
    cells = frame[_check_column(frame, label_column, "--label-column")]
    labels = np.empty(len(cells), dtype=np.bool_)
    for row, cell in enumerate(cells):
        label = _LABELS.get(cell.strip().lower())
        if label is None:
            raise InputError(
                f"Got label {reprlib.repr(cell)} in row {row + 1} of column {label_column!r}; "
                "expected 1, true or anomaly, or 0, false or normal; correct the cell or choose "
                "another --label-column."
            )
        labels[row] = label
    return labels
