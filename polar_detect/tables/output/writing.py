"""Write tables in any format, by the ending of the path, whole or not at all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.atomic import insist, remove_abandoned
from polar_detect.tables.cells.dtypes import kinds_of, typed_frame
from polar_detect.tables.columns.results import check_added
from polar_detect.tables.formats import format_of
from polar_detect.tables.input.chunks import Rejected
from polar_detect.tables.output.layout import Layout
from polar_detect.tables.output.parquet import ParquetOutput
from polar_detect.tables.output.staging import cannot_write, staged
from polar_detect.tables.output.text import (
    DelimitedOutput,
    JsonLinesOutput,
    PlainOutput,
    open_text,
)
from polar_detect.tables.reading import Table

Columns = Mapping[str, Sequence[object] | NDArray[Any]]


class TableWriter(Protocol):
    """Takes the rows of a table, chunk by chunk; every chunk has the same columns and dtypes."""

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows; the index is not written."""
        ...


@contextmanager
def open_writer(path: Path, layout: Layout | None = None) -> Iterator[TableWriter]:
    """Yield a writer; the file appears, whole, when the block ends without an error.

    Parameters
    ----------
    path : Path
        Ends in .csv, .tsv, .jsonl or .txt (with .gz or .zst if it is to be compressed),
        .parquet or .xlsx. In CSV and TSV, a text that a spreadsheet would take for a formula
        gets an apostrophe in front; in Excel it is stored as text.
    layout : Layout, optional

    Raises
    ------
    OutputError
        When the ending is another, the folder is missing or not writable, or the disk is full.
    """
    layout = layout or Layout()
    found = format_of(path)
    with staged(path) as partial:
        if found.kind == "excel":
            from polar_detect.tables.output.excel import ExcelOutput  # openpyxl is not needed else

            sheet = ExcelOutput(layout)
            try:
                yield sheet
            except BaseException:
                sheet.abandon()
                raise
            sheet.save(partial)
        elif found.kind == "parquet":
            with partial.open("wb") as file:
                rows = ParquetOutput(file)
                yield rows
                rows.close()
        else:
            with open_text(partial, path) as text:
                if found.kind == "jsonl":
                    yield JsonLinesOutput(text)
                elif found.kind == "text":
                    yield PlainOutput(text)
                else:
                    text.write("\ufeff" if layout.has_mark else "")
                    yield DelimitedOutput(text, "," if found.ending == ".csv" else "\t")


def write_table(frame: pd.DataFrame, path: Path, layout: Layout | None = None) -> None:
    """Write `frame`; `path` holds its earlier content or the whole table.

    Parameters
    ----------
    frame : (n_rows, n_columns) pandas.DataFrame
        The index is not written.
    path, layout
        As for `open_writer`, also for what is raised.
    """
    with open_writer(path, layout) as writer:
        writer.write(frame)


def write_scored(table: Table, added: Columns, path: Path, layout: Layout | None = None) -> None:
    """Write the table's columns and, to their right, the added ones.

    Parameters
    ----------
    table : Table
        n_texts rows.
    added : mapping of str to n_texts values
        New columns in order; None and NaN are missing.
    path, layout
        As for `open_writer`.

    Raises
    ------
    InputError
        When the table already has a column of that name.
    OutputError
        As for `open_writer`.
    """
    check_added(table.frame.columns, added, table.source)
    write_table(join_columns(table.frame, added), path, layout)


def join_columns(
    frame: pd.DataFrame, added: Columns, kinds: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return `frame` with the added columns to its right.

    Parameters
    ----------
    frame : (n_rows, n_columns) pandas.DataFrame
    added : mapping of str to n_rows values
    kinds : mapping of str to str, optional
        int, float, bool or str for each added column, so that all chunks of a table have the
        same dtypes; by default what the values are.
    """
    values = [_python_values(column) for column in added.values()]
    known = kinds_of(list(added), values) if kinds is None else kinds
    return pd.concat([frame, typed_frame(known, values, frame.index)], axis="columns")


def rejected_path(out: Path, *, is_folder: bool = False) -> Path:
    """Return where the rows that could not be read go, beside the result of all others.

    >>> rejected_path(Path("results/orders.csv.gz")).as_posix()
    'results/orders.rejected.csv'
    >>> rejected_path(Path("detectors/v1.2"), is_folder=True).as_posix()
    'detectors/v1.2.rejected.csv'
    """
    result = out if out.name else out.absolute()  # the folder `.` has no name
    if is_folder:
        return result.parent / f"{result.name}.rejected.csv"
    unpacked = result.with_suffix("") if format_of(result).compression else result
    return result.with_name(f"{unpacked.stem}.rejected.csv")


def write_rejected(
    rejected: Sequence[Rejected],
    path: Path,
    layout: Layout | None = None,
    *,
    said: Callable[[str], str] = str,
) -> None:
    """Write what `rejected_frame` returns as CSV; without any rows, remove an earlier file.

    Raises
    ------
    OutputError
        As for `open_writer`, also where an earlier file resists.
    """
    if not rejected:
        remove_abandoned(path)
        try:
            insist(lambda: path.unlink(missing_ok=True))
        except OSError as error:  # a folder, or another user's file
            raise cannot_write(path, error) from error
        return
    write_table(rejected_frame(rejected, said=said), path, layout)


def rejected_frame(
    rejected: Sequence[Rejected], *, said: Callable[[str], str] = str
) -> pd.DataFrame:
    """Return rejected rows as a table of line, reason, as `said` in some language, and text."""
    return pd.DataFrame(
        {
            "line": pd.Series([row.line for row in rejected], dtype="int64"),
            "reason": pd.Series([said(row.reason) for row in rejected], dtype="str"),
            "text": pd.Series([row.text for row in rejected], dtype="str"),
        }
    )


def _python_values(column: Sequence[object] | NDArray[Any]) -> list[Any]:
    """Return Python's own values; NaN is missing."""
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    return [None if isinstance(value, float) and value != value else value for value in values]  # noqa: PLR0124
