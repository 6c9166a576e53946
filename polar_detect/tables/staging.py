"""Write a file whole or not at all: into a staged file beside it, which then takes its place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from polar_detect.errors import OutputError
from polar_detect.tables.formats import format_of

_WRITABLE = {
    "delimited": frozenset({".csv", ".tsv", ".tab"}),
    "jsonl": frozenset({".jsonl", ".ndjson"}),
    "parquet": frozenset({".parquet", ".pq"}),
    "excel": frozenset({".xlsx"}),
    "text": frozenset({".txt"}),
}


def check_output(path: Path) -> None:
    """Raise `OutputError` when a table cannot be written to `path`; for use before long work."""
    try:
        problem = _find_problem(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    if problem is not None:
        raise OutputError(f"Got the output path {path}; {problem}")


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield the path of a file that replaces `path` when the block ends without an error."""
    check_output(path)
    target = path.resolve()  # a link keeps pointing to the file that it names
    # Not tempfile, whose files only their owner can read.
    partial = target.with_name(f".polar-detect-{uuid4().hex}.part")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OutputError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return what to tell a person about an error of the system."""
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
    if not path.parent.is_dir():
        return f"expected an existing folder; create {path.parent} first."
    if not os.access(path.parent, os.W_OK):
        return f"expected a writable folder; change the permissions of {path.parent}."
    return None
