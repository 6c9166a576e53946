"""SHA-256 of files, of sets of files, and of large files that have not changed since last time."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hash one file, reading all of it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def combined_sha256(sha256_by_name: Mapping[str, str]) -> str:
    r"""Hash a set of files: the hash of the only one, or that of the sorted list of all.

    Parameters
    ----------
    sha256_by_name : mapping of str to str
        Hash of each file; at least one.

    Returns
    -------
    str
        For several files the hash of the lines ``name sha256\n`` in the order of the names.

    Examples
    --------
    >>> combined_sha256({"model.safetensors": "ab12"})
    'ab12'
    >>> combined_sha256({"b": "2", "a": "1"}) == combined_sha256({"a": "1", "b": "2"})
    True
    """
    if len(sha256_by_name) == 1:
        return next(iter(sha256_by_name.values()))
    lines = "".join(f"{name} {sha256_by_name[name]}\n" for name in sorted(sha256_by_name))
    return hashlib.sha256(lines.encode()).hexdigest()


def remembered_sha256(path: Path, memory: Path) -> str:
    """Hash a file once for each path, size and time of its last change.

    A model of 15 GB takes half a minute to hash; loading it should not, every time. A copy or an
    unpacked archive keeps an older time of modification, so that of the last change counts too.

    Parameters
    ----------
    path : Path
        File to hash.
    memory : Path
        Folder that remembers, a note for each path; where it cannot be read or written, nothing
        is remembered. Whenever a file is hashed, notes of those that are gone go.
    """
    status, own = path.stat(), os.fsencode(path.resolve())
    state = b"%d\n%d\n%d\n" % (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    note, begin = memory / hashlib.sha256(own).hexdigest(), own + b"\n" + state
    with suppress(OSError, ValueError):  # none yet, another user's, or broken
        known = note.read_bytes()
        if known.startswith(begin) and len(known) == len(begin) + 64:
            return known[len(begin) :].decode("ascii")
    computed = sha256_of(path)
    with suppress(OSError):  # a read-only cache costs time, not correctness
        memory.mkdir(parents=True, exist_ok=True)
        note.write_bytes(begin + computed.encode())
        _forget_gone(memory)
    return computed


def _forget_gone(memory: Path) -> None:
    """Remove notes of files that are gone, and those of earlier versions, which named no file."""
    for note in memory.iterdir():
        with suppress(OSError):  # another process is at it
            if not os.path.lexists(note.read_bytes().rsplit(b"\n", 4)[0]):
                note.unlink()
