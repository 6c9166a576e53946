"""Read text line by line in bounded memory, with line numbers, and name broken lines.

Bytes that do not decode arrive as lone surrogates, which no valid text holds, so that a broken
line can be told apart and shown.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal, NamedTuple

from polar_detect.tables.input.chunks import Rejected
from polar_detect.tables.input.encodings import ESCAPE_UNDECODABLE, Encoding

# Far more than any text has of which 256 tokens are read; an unclosed quote would else pull the
# rest of the file into one cell.
MAX_ROW_CHARS = 10_000_000
TOO_LONG = f"longer than {MAX_ROW_CHARS:,} characters"
Newline = Literal["\n", ""]
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAX_SHOWN_CHARS = 1000


class Line(NamedTuple):
    """A line with its line feed; when it was too long, only its beginning."""

    number: int
    text: str
    is_whole: bool


class Lines(Iterator[Line]):
    """The lines of a text file, of which some can be put back."""

    def __init__(self, file: BinaryIO, encoding: Encoding, newline: Newline) -> None:
        self._text = io.TextIOWrapper(
            file, encoding=encoding.codec, errors=ESCAPE_UNDECODABLE, newline=newline
        )
        self._encoding = encoding
        self._number = 0
        self._pending: list[Line] = []

    def __next__(self) -> Line:
        if self._pending:
            return self._pending.pop()
        text = self._text.readline(MAX_ROW_CHARS)
        if not text:
            raise StopIteration
        self._number += 1
        is_whole = len(text) < MAX_ROW_CHARS or text.endswith(("\n", "\r"))
        if not is_whole:
            self._skip_to_line_end()
        return Line(self._number, text, is_whole)

    def put_back(self, lines: list[Line]) -> None:
        """Let `lines` be the next ones."""
        self._pending.extend(reversed(lines))

    def fault_of(self, line: Line) -> str | None:
        """Return why a line that is a row by itself cannot be used, or None."""
        return self.find_fault(line.text) if line.is_whole else TOO_LONG

    def find_fault(self, text: str) -> str | None:
        """Return why the text of a row cannot be used, or None."""
        if "\0" in text:
            return "NUL byte"
        if not text.isascii() and _SURROGATE.search(text):
            return f"bytes that are not {self._encoding.title}"
        return None

    def _skip_to_line_end(self) -> None:
        while part := self._text.readline(2**20):
            if part.endswith(("\n", "\r")):
                return


@contextmanager
def open_lines(file: BinaryIO, encoding: Encoding, *, newline: Newline = "\n") -> Iterator[Lines]:
    """Yield the lines of a file, and leave it open.

    `newline` is what ends a line: a line feed alone, or with "" also a carriage return alone.
    """
    lines = Lines(file, encoding, newline)
    try:
        yield lines
    finally:
        lines._text.detach()


def reject(line: int, reason: str, text: str) -> Rejected:
    """Return a rejected row, its text made printable and cut where it is very long."""
    shown = _SURROGATE.sub(_as_byte, text[:_MAX_SHOWN_CHARS]).rstrip("\r\n")
    cut = f"… ({len(text)} characters)" if len(text) > _MAX_SHOWN_CHARS else ""
    return Rejected(line, reason, shown.replace("\0", "\\x00") + cut)


def _as_byte(match: re.Match[str]) -> str:
    return f"\\x{ord(match.group()) - 0xDC00:02x}" if match.group() >= "\udc00" else "�"
