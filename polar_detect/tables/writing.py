"""Write a table as CSV, whole or not at all.

Hides partial files, quoting and line ends.
"""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.errors import InputError, OutputError
from polar_detect.tables.reading import Table


def check_added(table: Table, names: Iterable[str]) -> None:
    """Raise `InputError` when the table already has one of the columns to be added."""
    taken = [name for name in names if name in table.frame.columns]
    if taken:
        raise InputError(
            f"Got {table.source} with a column {taken[0]!r}; expected that name to be free for "
            "the results; rename or remove the column."
        )


def check_output(path: Path) -> None:
    """Raise `OutputError` when a table cannot be written to `path`; for use before long work."""
    try:
        problem = _find_output_problem(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    if problem is not None:
        raise OutputError(f"Got the output path {path}; {problem}")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` as CSV in UTF-8; `path` holds its earlier content or the whole table.

    Parameters
    ----------
    frame : (n_rows, n_columns) pandas.DataFrame
        None and NaN are written as empty cells; the index is not written.
    path : Path
        Ends in .csv.

    Raises
    ------
    OutputError
        When the ending is not .csv, the folder is missing or not writable, or the disk is full.
    """
    check_output(path)
    target = path.resolve()  # a link keeps pointing to the file that it names
    # Not tempfile, whose files only their owner can read.
    partial = target.with_name(f".polar-detect-{uuid4().hex}.part")
    cells = frame.astype(object).where(frame.notna(), None)
    try:
        with partial.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(_UnixLines(file))
            writer.writerow(frame.columns)
            writer.writerows(cells.itertuples(index=False, name=None))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def write_scored(
    table: Table, added: Mapping[str, Sequence[object] | NDArray[Any]], path: Path
) -> None:
    """Write the table's columns and, to their right, the added ones.

    Parameters
    ----------
    table : Table
        n_texts rows.
    added : mapping of str to n_texts values
        New columns in order.
    path : Path
        Ends in .csv.

    Raises
    ------
    InputError
        When the table already has a column of that name.
    OutputError
        As for `write_table`.
    """
    check_added(table, added)
    # Objects, because pandas turns a column of 12 and None into 12.0 and NaN.
    columns = {name: np.asarray(values, dtype=np.object_) for name, values in added.items()}
    write_table(table.frame.assign(**columns), path)


def _find_output_problem(path: Path) -> str | None:
    if path.suffix.lower() != ".csv":
        return "expected the ending .csv; rename the output."
    if path.is_dir():
        return "expected a file, and this is a folder; name a file inside it."
    if not path.parent.is_dir():
        return f"expected an existing folder; create {path.parent} first."
    if not os.access(path.parent, os.W_OK):
        return f"expected a writable folder; change the permissions of {path.parent}."
    return None


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"Got the output path {path}, which cannot be written ({error.strerror}); expected a "
        "writable place with enough space; free some or choose another."
    )


class _UnixLines:
    """A file for csv.writer whose rows end in a line feed alone.

    Asking csv.writer for that would leave carriage returns in cells unquoted before Python
    3.13 (it quotes the line ends that it writes itself), and readers would end the row there.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")
