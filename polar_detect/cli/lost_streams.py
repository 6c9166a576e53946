"""What becomes of stdout and stderr that are closed, on a full disk, or that nobody reads any more.

Results go to stdout, so losing it is an error; what is only said on stderr is no reason to end a
long run before its result.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from polar_detect.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BROKEN_PIPE = 128 + 13  # as shells say that SIGPIPE, which Python ignores, ended a program


@contextmanager
def standing_in() -> Iterator[None]:
    """Have stdout and stderr that can always be written to, but for an error where stdout is lost.

    Raises
    ------
    OutputError
        Stdout cannot be written, as on a full disk. Once: the rest that goes there is dropped.
    SystemExit
        Who read stdout has left, as `head` does.
    """
    _open_closed()
    earlier = sys.stdin, sys.stdout, sys.stderr
    with ExitStack() as opened:
        if sys.stdin is None:  # closed, or of a program without a console
            sys.stdin = opened.enter_context(Path(os.devnull).open(encoding="utf-8"))
        sys.stdout = _over(sys.stdout, _raise, opened)
        sys.stderr = _over(sys.stderr, lambda _: None, opened)
        try:
            yield
        finally:
            sys.stderr.flush()
            sys.stdin, sys.stdout, sys.stderr = earlier


def _open_closed() -> None:
    """Keep the next file that is opened, such as a result, from being stdout or stderr."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _over(stream: TextIO | None, refuse: Callable[[OSError], None], opened: ExitStack) -> TextIO:
    """Return a stream that writes where `stream` does, and hands over the error if it cannot."""
    if stream is None:
        return opened.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return stream  # of a notebook, a test or a Windows console
    with suppress(OSError):
        stream.flush()  # what a caller has written comes first
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(raw, refuse)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Outlet(io.RawIOBase):
    """Bytes on their way to a file, dropped from the first error on, which `refuse` gets."""

    def __init__(self, raw: io.FileIO, refuse: Callable[[OSError], None]) -> None:
        self._raw = raw
        self._refuse = refuse
        self._is_lost = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, content: "ReadableBuffer", /) -> int:
        if not self._is_lost:
            try:
                return self._write_some(content)
            except OSError as error:
                self._is_lost = True
                self._refuse(error)
        return memoryview(content).nbytes

    def _write_some(self, content: "ReadableBuffer") -> int:
        # None: the pipe is full, and whoever started this process has it not block.
        while (n_bytes := self._raw.write(content)) is None:
            select.select([], [self._raw], [])
        return n_bytes


def _raise(error: OSError) -> NoReturn:
    # Windows answers so where it means a broken pipe (CPython issue 79935).
    is_unnamed = sys.platform == "win32" and error.errno == errno.EINVAL
    if isinstance(error, BrokenPipeError) or is_unnamed:
        raise SystemExit(_BROKEN_PIPE) from error
    raise OutputError(
        f"Got stdout, which cannot be written ({error.strerror}); expected a place with enough "
        "space; free some or send it elsewhere."
    ) from error
