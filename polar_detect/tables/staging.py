"""Write a file whole or not at all: into a staged file beside it, which then takes its place.

Whoever writes a staged file holds a lock on it, which ends with the process. The next one to
write the same file thus knows what a kill left behind, and removes it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from polar_detect.errors import OutputError
from polar_detect.tables.formats import format_of

fcntl: Any
try:
    import fcntl
except ModuleNotFoundError:  # Windows renames no open file, so nothing is locked or removed there
    fcntl = None

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
    """Yield an empty file that replaces `path` when the block ends without an error."""
    check_output(path)
    target = path.resolve()  # a link keeps pointing to the file that it names
    try:
        remove_abandoned(path)
        with _own_file(target) as partial:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.replace(target)
    except OutputError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Let one process or thread at a time run what replaces folders inside `folder`."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # no locks on this file system
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_abandoned(path: Path) -> None:
    """Remove the staged files for `path` whose writers are gone; others' are left alone."""
    target = path.resolve()
    for found in target.parent.glob(f"{_prefix(target)}*.part"):
        with suppress(OSError), found.open("rb") as file:  # in use, or gone already
            _lock(file, may_wait=False)
            found.unlink(missing_ok=True)


@contextmanager
def _own_file(target: Path) -> Iterator[Path]:
    """Yield a new file beside `target`, locked while the block runs and removed behind it."""
    # Not tempfile, whose files only their owner can read.
    own = target.with_name(f"{_prefix(target)}{uuid4().hex}.part")
    with own.open("xb") as file:
        if fcntl is None:
            file.close()
        else:
            with suppress(OSError):  # no locks on this file system: then nobody removes it either
                _lock(file, may_wait=True)
        try:
            yield own
        finally:
            own.unlink(missing_ok=True)


def _prefix(target: Path) -> str:
    """Return how staged files for `target` begin; a hash, as the name may be as long as allowed."""
    digest = hashlib.blake2b(os.fsencode(target.name), digest_size=8).hexdigest()
    return f".polar-detect-{digest}-"


def _lock(file: BinaryIO, *, may_wait: bool) -> None:
    if fcntl is None:
        raise OSError("no locks on this system")
    fcntl.flock(file, fcntl.LOCK_EX | (0 if may_wait else fcntl.LOCK_NB))


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
