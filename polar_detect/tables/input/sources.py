"""Open a path or stdin as bytes, decompressed, as often as needed.

Hides pipes, gzip and zstd; whatever the system or a broken archive answers is an `InputError`.
"""

import errno
import io
import os
import stat
import sys
import tempfile
import weakref
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from polar_detect.errors import InputError, InputNotFoundError, OutputError
from polar_detect.tables.formats import (
    STDIN,
    Compression,
    Kind,
    archive_of_content,
    compression_of_content,
    format_of,
    is_workbook,
    kind_of_content,
)

_START_BYTES = 4096
_BLOCK_BYTES = 1 << 20
# By which a process names what it has open: without an ending, whatever it is.
_OPENED = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))


class Spool:
    """A copy of a pipe in a file without a name, which vanishes with the process.

    One reader at a time: all share a position.

    Raises
    ------
    OutputError
        The copy has no room.
    OSError
        The pipe cannot be read.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        with _no_room_told():
            # Without a buffer: what had no room would be in it, and tried again at its end.
            file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the spool
        weakref.finalize(self, file.close)
        while block := pipe.read(_BLOCK_BYTES):
            with _no_room_told():
                if file.write(block) < len(block):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._file = file

    def open(self) -> BinaryIO:
        """Return the copy from its beginning."""
        self._file.seek(0)
        return os.fdopen(os.dup(self._file.fileno()), "rb")


@dataclass(frozen=True)
class Source:
    """The bytes of one input, which can be read more than once.

    Parameters
    ----------
    name : str
        As the user named it; `stdin` for `-`.
    kind : str
        Format of the content.
    compression : str or None
    spooled : Spool or None
        Copy of an input that can be read only once.
    path : Path
    ending : str
        In lower case, without that of a compression.
    """

    name: str
    kind: Kind
    compression: Compression | None
    spooled: Spool | None
    path: Path
    ending: str = ""

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Yield the decompressed bytes; errors of the system become an `InputError`."""
        with self.translated_errors(), self._open_raw() as raw:
            if self.compression is None:
                yield raw
            else:
                # Not the zstandard package, which takes a truncated file for a whole one.
                with pa.input_stream(raw, compression=self.compression) as unpacked:
                    yield cast(BinaryIO, io.BufferedReader(unpacked))

    def refuse_archive(self) -> None:
        """Raise `InputError` where the bytes are an archive, or compressed once more."""
        with self.open() as file:
            start = file.read(_START_BYTES)
        archive = archive_of_content(start)
        if archive == "zip" and is_workbook(start):
            raise InputError(
                f"Got {self.name}, which holds a workbook; expected text, as its name says; let "
                "the name end in .xlsx or .ods."
            )
        if archive is not None:
            raise InputError(
                f"Got {self.name}, which holds an archive ({archive}); expected rows or texts as "
                "they are, or compressed as .gz or .zst says; unpack it first."
            )

    def _open_raw(self) -> BinaryIO:
        return self.path.open("rb") if self.spooled is None else self.spooled.open()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Turn what the system or a broken archive answers into an `InputError`."""
        try:
            yield
        except InputNotFoundError:
            raise
        except OSError as error:
            if self.compression is not None and error.errno is None:
                raise InputError(
                    f"Got {self.name}, whose {self.compression} compression is broken ({error}); "
                    "expected a whole archive; copy or export the file again."
                ) from error
            raise _cannot_read(self.path, error) from error


def open_source(path: Path, *, is_table: bool, expected: Collection[str] = ()) -> Source:
    """Return the bytes of `path`, where `-` is stdin.

    Parameters
    ----------
    path : Path
    is_table : bool
        Whether content of no recognisable format and name is a CSV, not lines of text.
    expected : collection of str
        It is one also when its first line holds one of these.

    Raises
    ------
    InputNotFoundError
    InputError
        A folder, no permission, a compressed Excel or Parquet file.
    """
    try:
        if path == STDIN:
            stdin = Source("stdin", "text", None, Spool(sys.stdin.buffer), path)
            return _describe(stdin, is_table, expected)
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(
                f"Got the folder {path}; expected a CSV, Excel, Parquet, JSONL or text file; "
                "name a file inside it, or make one table of its files with polar-detect combine."
            )
        if stat.S_ISREG(mode) and path.parent not in _OPENED:
            return _named(path)
        with path.open("rb") as pipe:
            unknown = Source(str(path), "text", None, Spool(pipe), path)
        return _describe(unknown, is_table, expected)
    except OSError as error:
        if isinstance(error, (InputNotFoundError, OutputError)):
            raise
        raise _cannot_read(path, error) from error


def _named(path: Path) -> Source:
    found = format_of(path)
    if found.compression and found.kind in {"excel", "parquet"}:
        raise InputError(
            f"Got {path}, a compressed {found.kind} file; expected one as it is, because it is "
            "compressed inside; unpack it first."
        )
    return Source(str(path), found.kind, found.compression, None, path, found.ending)


@contextmanager
def _no_room_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"Got no room for a copy of a pipe among the temporary files ({error.strerror}); "
            "expected as much as it brings; free some, set TMPDIR to another folder, or name a "
            "file."
        ) from error


def _describe(unknown: Source, is_table: bool, expected: Collection[str]) -> Source:
    """Return the source with the format that its first bytes show."""
    assert unknown.spooled is not None
    with unknown.open() as raw:
        compression = compression_of_content(raw.read(_START_BYTES))
    packed = Source(unknown.name, "text", compression, unknown.spooled, unknown.path)
    with packed.open() as file:
        start = file.read(_START_BYTES)
    has_columns = is_table or _names_any(start, expected)
    kind = kind_of_content(start, has_columns=has_columns)
    return Source(packed.name, kind, compression, packed.spooled, packed.path)


def _names_any(start: bytes, names: Collection[str]) -> bool:
    """Return whether the first line holds one of the names, in whatever encoding."""
    line = start.lstrip().split(b"\n", 1)[0]
    lines = [line.decode(codec, "ignore") for codec in ("utf-8", "utf-16", "cp932", "euc_jp")]
    return any(name in line for name in names for line in lines)


def _cannot_read(path: Path, error: OSError) -> InputError | InputNotFoundError:
    if isinstance(error, FileNotFoundError):
        return InputNotFoundError(
            f"Got {path}, which does not exist; expected a CSV, Excel, Parquet, JSONL or text "
            "file; check the path."
        )
    check = "check the path and its permissions"
    if isinstance(error, PermissionError):  # so Windows answers where another program has it open
        check = f"close it where it is open, in Excel for example, or {check}"
    return InputError(
        f"Got {path}, which cannot be read ({error.strerror or error}); expected a readable "
        f"file; {check}."
    )
