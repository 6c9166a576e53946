"""Read plain text: a text a line, of logs an event. Only a line feed ends a line."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from polar_detect.errors import InputError
from polar_detect.tables.input.chunks import (
    Chunk,
    ChunkBuilder,
    Rejected,
    check_rows,
    strings_under,
)
from polar_detect.tables.input.encodings import Encoding
from polar_detect.tables.input.events import begins_event, has_events_of_lines
from polar_detect.tables.input.lines import MAX_ROW_CHARS, Lines, open_lines, reject
from polar_detect.tables.input.sources import Source

_MBOX = re.compile(r"From \S+ .*\d\d:\d\d:\d\d")
_MAIL_HEADER = re.compile(r"[A-Za-z][A-Za-z-]*: ")
_MAX_LINES = 10_000  # of one event; then it ends, or a file without times would be held as a whole
_JOINED = (
    "lines that begin with no time, as those of stack traces, belong to the text above them; the "
    "first line of a text is its number"
)


@dataclass(frozen=True)
class PlainReader:
    """A text file of which each line, blank ones too, is a row with the one column `text`.

    Of a log in which stack traces stand below their events, each event is one.
    """

    source: Source
    encoding: Encoding
    takes: Literal["lines", "events"]
    notices: tuple[str, ...]
    columns: tuple[str, ...] = ("text",)

    @classmethod
    def open(cls, source: Source, encoding: Encoding) -> "PlainReader":
        """Read the file once, where it begins as a log does, for whether its events have lines.

        Raises
        ------
        InputError
            Its lines are fields of a journal, or of a mailbox.
        """
        with source.open() as file, open_lines(file, encoding) as lines:
            first = [*islice(lines, 2)]
            _refuse_fields(source.name, [line.text for line in first])
            lines.put_back(first)
            are_events = has_events_of_lines(line.text for line in lines)
        return cls(source, encoding, *(("events", (_JOINED,)) if are_events else ("lines", ())))

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all texts."""
        builder = ChunkBuilder(n_rows, strings_under(self.columns))
        n_kept, has_text, first_rejected = 0, False, None
        # Not str.splitlines, which also splits at form feeds, U+2028 and six others.
        with self.source.open() as file, open_lines(file, self.encoding) as lines:
            for row in _TAKEN[self.takes](lines):
                if builder.is_full:
                    yield builder.take()
                if isinstance(row, Rejected):
                    first_rejected = first_rejected or row
                    builder.reject(row)
                    continue
                builder.add(row.line, [row.text], len(row.text))
                has_text = has_text or bool(row.text.strip())
                n_kept += 1
        if not has_text and first_rejected is None:
            raise InputError(
                f"Got {self.source.name} without any text; expected at least one row; check the "
                "file."
            )
        check_rows(n_kept, first_rejected, self.source.name)
        if not builder.is_empty:
            yield builder.take()


def _refuse_fields(name: str, first: list[str]) -> None:
    """Raise `InputError` where the first lines show that a text has many lines."""
    if first and first[0].startswith("__CURSOR="):
        raise InputError(
            f"Got {name}, an export of journald; expected one text a line, or JSON Lines; write it "
            "with journalctl -o json."
        )
    if len(first) > 1 and _MBOX.match(first[0]) and _MAIL_HEADER.match(first[1]):
        raise InputError(
            f"Got {name}, a mailbox (mbox); expected one text a line, or a table; write the mails "
            "as JSON Lines, an object with a text each, as Python's mailbox can read them."
        )


@dataclass(frozen=True, slots=True)
class _Text:
    line: int
    text: str


def _texts(lines: Lines) -> Iterator[_Text | Rejected]:
    for line in lines:
        fault = lines.fault_of(line)
        if fault is None:
            yield _Text(line.number, line.text.removesuffix("\n").removesuffix("\r"))
        else:
            yield reject(line.number, fault, line.text)


def _events(lines: Lines) -> Iterator[_Text | Rejected]:
    """Yield events; a line that cannot be read stands behind the event that it belongs to.

    Where it is the first of one, what it goes on with does not belong to the event above.
    """
    parts: list[_Text] = []
    rejected: list[Rejected] = []
    n_chars = 0
    for row in _texts(lines):
        is_long = n_chars + len(row.text) > MAX_ROW_CHARS
        if is_long or len(parts) + len(rejected) == _MAX_LINES or begins_event(row.text):
            if parts:
                yield _joined(parts)
            yield from rejected
            parts, rejected, n_chars = [], [], 0
        if isinstance(row, Rejected):
            rejected.append(row)
            continue
        parts.append(row)
        n_chars += len(row.text) + 1
    if parts:
        yield _joined(parts)
    yield from rejected


def _joined(parts: list[_Text]) -> _Text:
    return _Text(parts[0].line, "\n".join(part.text for part in parts).rstrip())


_TAKEN = {"lines": _texts, "events": _events}
