"""Where a table may be written, and what to tell a person where it cannot be."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from polar_detect import atomic
from polar_detect.errors import OutputError
from polar_detect.tables.formats import format_of

_WRITABLE = {
    "delimited": frozenset({".csv", ".tsv", ".tab"}),
    "jsonl": frozenset({".jsonl", ".ndjson"}),
    "parquet": frozenset({".parquet", ".pq"}),
    "excel": frozenset({".xlsx"}),
    "text": frozenset({".txt"}),
}
_BESIDE_CHARS = 45  # what a run writes beside its output has names that are so much longer


def check_output(path: Path) -> None:
    """Raise `OutputError` when a table cannot be written to `path`; for use before long work."""
    try:
        problem = _find_problem(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    if problem is not None:
        raise OutputError(f"Got the output path {path}; {problem}")


def check_size(path: Path, n_rows: int, n_columns: int) -> None:
    """Raise `OutputError` when so large a table cannot be written to `path`, before long work."""
    if format_of(path).kind == "excel":
        from polar_detect.tables.output.excel import check_fits  # openpyxl is not needed else

        check_fits(n_rows, n_columns)


def check_texts(path: Path, frame: pd.DataFrame) -> None:
    """Raise `OutputError` when a cell of `path` cannot hold a text as a whole."""
    if format_of(path).kind != "excel":
        return
    from polar_detect.tables.output.excel import MAX_CELL_CHARS  # openpyxl is not needed else

    texts = (cell for name in frame.columns for cell in frame[name] if isinstance(cell, str))
    longest = max(map(len, texts), default=0)
    if longest > MAX_CELL_CHARS:
        raise OutputError(
            f"Got a text of {longest:,} characters for an Excel file; expected at most "
            f"{MAX_CELL_CHARS:,}, because a cell ends there; write .jsonl or .parquet."
        )


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield an empty file that replaces `path` when the block ends without an error.

    Raises
    ------
    OutputError
    """
    check_output(path)
    try:
        with atomic.staged(path) as partial:
            yield partial
    except OutputError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return what to tell a person about an error of the system."""
    if isinstance(error, PermissionError):
        return OutputError(
            f"Got the output path {path}, which cannot be written ({error.strerror or error}); "
            "expected a file that no other program has open, in a writable folder; close it "
            "there, Excel for example, or choose another."
        )
    return OutputError(
        f"Got the output path {path}, which cannot be written ({error.strerror or error}); "
        "expected a writable place with enough space; free some or choose another."
    )


def _find_problem(path: Path) -> str | None:
    found = format_of(path)
    is_packed_inside = found.kind in {"excel", "parquet"} and found.compression is not None
    if found.ending not in _WRITABLE[found.kind] or is_packed_inside:
        return (
            "expected the ending .csv, .tsv, .jsonl or .txt (also with .gz or .zst), .xlsx or "
            ".parquet; rename the output."
        )
    if path.is_dir():
        return "expected a file, and this is a folder; name a file inside it."
    if atomic.is_device(path):
        return "expected a file, and this is a device or a pipe; name a file."
    folder = (path.resolve() if path.is_symlink() else path).parent  # where a link's file is put
    if not folder.is_dir():
        return f"expected an existing folder; create {folder} first."
    if not os.access(folder, os.W_OK):
        return f"expected a writable folder; change the permissions of {folder}."
    atomic.check_writable(folder, len(path.name) + _BESIDE_CHARS)
    atomic.check_not_held(path)
    return None
