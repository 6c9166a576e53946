"""Write rows as CSV, TSV, JSON Lines or plain lines, compressed or not, chunk by chunk."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
import pyarrow as pa

from polar_detect.tables.cells.text import cell_as_text, cell_values, cells_as_text
from polar_detect.tables.formats import format_of
from polar_detect.tables.output.formulas import neutralised

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class DelimitedOutput:
    """CSV or TSV in UTF-8; texts that look like a formula get an apostrophe in front."""

    def __init__(self, file: TextIO, delimiter: str) -> None:
        self._writer = csv.writer(_UnixLines(file), delimiter=delimiter)
        self._has_header = False

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows, the first time under the names of the columns."""
        if not self._has_header:
            self._writer.writerow(neutralised(map(str, frame.columns)))
            self._has_header = True
        self._writer.writerows(zip(*map(_safe_cells, columns_of(frame)), strict=True))


class JsonLinesOutput:
    """An object a row; a missing value is null, and so is NaN or an infinity in any depth."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows."""
        names = [str(name) for name in frame.columns]
        cells = [_json_cells(column) for column in columns_of(frame)]
        for row in zip(*cells, strict=True):
            self._file.write(f"{_as_json(dict(zip(names, row, strict=True)))}\n")


class PlainOutput:
    """A line a row, cells between tabs, for reading; control characters become spaces."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._has_header = False

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows, the first time under the names of the columns."""
        if not self._has_header:
            self._write_line(map(str, frame.columns))
            self._has_header = True
        for row in zip(*map(cells_as_text, columns_of(frame)), strict=True):
            self._write_line(row)

    def _write_line(self, cells: Iterable[str]) -> None:
        self._file.write("\t".join(_CONTROL.sub(" ", cell) for cell in cells) + "\n")


@contextmanager
def open_text(path: Path, target: Path) -> Iterator[TextIO]:
    """Yield a text file at `path`, compressed as the ending of `target` says."""
    compression = format_of(target).compression
    with path.open("wb") as raw:
        if compression is None:
            with io.TextIOWrapper(raw, encoding="utf-8", newline="") as text:
                yield text
            return
        with (
            pa.output_stream(raw, compression=compression) as packed,
            io.TextIOWrapper(io.BufferedWriter(packed), encoding="utf-8", newline="") as text,
        ):
            yield text


def columns_of(frame: pd.DataFrame) -> Iterator[pd.Series]:
    """Yield the columns by position."""
    return (frame.iloc[:, i] for i in range(frame.shape[1]))


def _safe_cells(column: pd.Series) -> list[str]:
    is_text = isinstance(column.dtype, pd.StringDtype) or column.dtype == object
    is_arrow_text = isinstance(column.dtype, pd.ArrowDtype) and column.dtype.type is str
    texts = cells_as_text(column)
    if column.dtype == object:  # a mixed column: numbers in it are no formulas
        cells = column.tolist()
        return [
            neutralised([text])[0] if isinstance(cell, str) else text
            for cell, text in zip(cells, texts, strict=True)
        ]
    return neutralised(texts) if is_text or is_arrow_text else texts


def _as_json(value: Any) -> str:
    """Return JSON, which has no number that is not finite."""
    try:
        return json.dumps(value, ensure_ascii=False, default=cell_as_text, allow_nan=False)
    except ValueError:  # such a number, maybe in a list of a list
        written = json.dumps(value, default=cell_as_text)
        return _as_json(json.loads(written, parse_constant=lambda _: None))


def _json_cells(column: pd.Series) -> list[Any]:
    cells = cell_values(column)
    if column.dtype == object and not any(isinstance(cell, float) for cell in cells):
        return cells
    is_missing = column.isna().tolist()
    return [None if missing else cell for cell, missing in zip(cells, is_missing, strict=True)]


class _UnixLines:
    """A file for csv.writer whose rows end in a line feed alone.

    Asking csv.writer for that would leave carriage returns in cells unquoted before Python
    3.13 (it quotes the line ends that it writes itself), and readers would end the row there.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")
