"""Read JSON Lines: an object a line, whose keys are the columns.

A first pass collects the keys and the kinds of their values, so that every chunk has the same
columns and types.
"""

import json
import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from polar_detect.errors import InputError
from polar_detect.tables.cells.dtypes import merged_kind, typed_frame
from polar_detect.tables.cells.names import match_column
from polar_detect.tables.input.chats import is_chat, last_said
from polar_detect.tables.input.chunks import (
    Chunk,
    ChunkBuilder,
    Rejected,
    check_rows,
    unique_names,
)
from polar_detect.tables.input.encodings import Encoding
from polar_detect.tables.input.lines import Line, Lines, open_lines, reject
from polar_detect.tables.input.sources import Source

_MAX_COLUMNS = 10_000
_SAID = "text"
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # behind two backslashes it says just that


@dataclass(frozen=True)
class JsonLinesReader:
    """A text file with a JSON object a line.

    A key that a row lacks is a missing value there. Nested values stay Python lists and dicts;
    where one column holds chats, and none is called `text`, what the user said last is added as it.
    """

    source: Source
    encoding: Encoding
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: dict[str, str]
    notices: tuple[str, ...]
    chat: str | None = None  # the key of the chats whose last words are the last column

    @classmethod
    def open(cls, source: Source, encoding: Encoding) -> "JsonLinesReader":
        """Read the file once for its keys."""
        kinds: dict[str, str] = {}
        n_chats: Counter[str] = Counter()  # less what is none, by key
        first_rejected, n_rows = None, 0
        with source.open() as file, open_lines(file, encoding) as lines:
            for _, row in _rows(lines):
                if isinstance(row, Rejected):
                    first_rejected = first_rejected or row
                    continue
                n_rows += 1
                for key, value in row.items():
                    kinds[key] = merged_kind(kinds.get(key), value)
                    if value:
                        n_chats[key] += 1 if is_chat(value) else -1
                if len(kinds) > _MAX_COLUMNS:
                    raise InputError(
                        f"Got more than {_MAX_COLUMNS:,} different keys in {source.name}; "
                        "expected rows with the same keys; put varying keys into one value."
                    )
        check_rows(n_rows, first_rejected, source.name)
        columns, notices = unique_names(list(kinds))
        by_column = dict(zip(columns, kinds.values(), strict=True))
        chats = [key for key, n in n_chats.items() if n > 0]
        if len(chats) != 1 or match_column(columns, _SAID) is not None:
            return cls(source, encoding, tuple(kinds), columns, by_column, notices)
        said = f"column {_SAID!r} is added: the last message of the user in each of {chats[0]!r}"
        with_said = (*columns, _SAID), {**by_column, _SAID: "str"}, (*notices, said)
        return cls(source, encoding, tuple(kinds), *with_said, chats[0])

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all rows; blank lines are not rows."""
        builder = ChunkBuilder(n_rows, self._frame)
        with self.source.open() as file, open_lines(file, self.encoding) as lines:
            for line, row in _rows(lines):
                if builder.is_full:
                    yield builder.take()
                if isinstance(row, Rejected):
                    builder.reject(row)
                else:
                    values = [row.get(key) for key in self.keys]
                    if self.chat is not None:
                        values.append(last_said(row.get(self.chat)))
                    builder.add(line.number, values, len(line.text))
        if not builder.is_empty:
            yield builder.take()

    def _frame(self, rows: list[list[Any]], index: pd.RangeIndex) -> pd.DataFrame:
        return typed_frame(self.kinds, list(zip(*rows, strict=True)), index)


def _rows(lines: Lines) -> Iterator[tuple[Line, dict[str, Any] | Rejected]]:
    for line in lines:
        if line.text.isspace():
            continue
        fault = lines.fault_of(line)
        row: Any = None
        if fault is None:
            row, fault = _parse(line.text)
        yield line, row if fault is None else reject(line.number, fault, line.text)


def _parse(text: str) -> tuple[Any, str | None]:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} at character {error.pos + 1}"
    except (RecursionError, ValueError) as error:  # nested too deep; a number of 5,000 digits
        return None, f"JSON that cannot be read: {' '.join(str(error).split())}"
    if not isinstance(row, dict):
        return None, f"JSON {type(row).__name__}, not an object"
    if "\\u" in text:
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return None, "half a character (a lone surrogate)"
        if _NUL.search(text) is not None:
            return None, "NUL byte"
    return row, None
