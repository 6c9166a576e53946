"""Read a JSON document, an array of objects or an object around one, as JSON Lines.

Tells also whether a file without a table's ending holds JSON Lines: logs often do.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from polar_detect.errors import InputError, quoted
from polar_detect.tables.input.chats import is_chat
from polar_detect.tables.input.encodings import ESCAPE_UNDECODABLE, Encoding
from polar_detect.tables.input.lines import open_lines
from polar_detect.tables.input.sources import Source, Spool

_MAX_LINES = 5  # of a log, that all are objects where it is JSON Lines
_ARRAY = re.compile(r"\ufeff?\s*\[\s*(?:\{|$)")
_START = re.compile(r"\s*(?:\[\s*(?:\{|$)|\{\s*$)")  # of a document that is not JSON Lines


@dataclass(frozen=True, eq=False)
class Document:
    """The rows of a JSON document.

    Parameters
    ----------
    lines : Source
        The rows as JSON Lines in UTF-8, in a file without a name.
    notices : tuple of str
        Which of its arrays are the rows, for people.
    """

    lines: Source
    notices: tuple[str, ...]


def find_document(source: Source, encoding: Encoding) -> Document | None:
    """Return the rows of a source that is one JSON value; None where it is JSON Lines.

    The value is held in memory as a whole, as a workbook is. One object on one line is a row, but
    in a file that ends in .json for one with an array of objects, or with an object a column.

    Raises
    ------
    InputError
        The document breaks off, or is empty, or an object without rows or with more than one array
        of them.
    """
    first, *more = _first_lines(source, encoding, 2) or [""]
    is_row = bool(more) or source.ending != ".json" or not _holds_rows(_object_of(first))
    is_empty = [first.strip(), *more] == ["[]"]
    if is_row and not is_empty and not _START.match(first):
        return None
    with source.open() as file:
        content = file.read().decode(encoding.codec, ESCAPE_UNDECODABLE)
    try:
        value = json.loads(content.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"Got {source.name}, which is neither JSON Lines nor a whole JSON document ({error}); "
            "expected an object a line, or one array of objects; export it again, or let jq -c . "
            "write each object on a line."
        ) from error
    if value == []:
        raise InputError(
            f"Got {source.name}, an empty JSON array; expected an object a row; check the export."
        )
    if isinstance(value, list):
        return Document(_as_lines(source, value), ())
    if _stands_by_columns(value):
        return Document(_as_lines(source, _turned(value)), ())
    name = _name_of_rows(value, source.name)
    return Document(
        _as_lines(source, value[name]),
        (f"the rows are the objects in {name!r}; what stands beside them is not read",),
    )


def holds_json(source: Source, encoding: Encoding) -> bool:
    """Return whether the first lines of a source without a table's ending are JSON objects.

    Or, where it has no name, the beginning of an array of them.
    """
    first = _first_lines(source, encoding, _MAX_LINES)
    if not first:
        return False
    is_array = source.spooled is not None and _ARRAY.match(first[0]) is not None
    return is_array or all(map(_object_of, first))


def _first_lines(source: Source, encoding: Encoding, n: int) -> list[str]:
    """Return the first lines that are not blank."""
    with source.open() as file, open_lines(file, encoding) as lines:
        said: Iterator[str] = (line.text for line in lines if not line.text.isspace())
        return [*islice(said, n)]


def _object_of(line: str) -> dict[str, Any]:
    """Return the object that a line is; an empty one where it is none."""
    if not line.lstrip("\ufeff \t").startswith("{"):
        return {}
    try:
        value = json.loads(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _holds_rows(value: dict[str, Any]) -> bool:
    return any(map(_are_rows, value.values())) or _stands_by_columns(value)


def _stands_by_columns(value: dict[str, Any]) -> bool:
    """Return whether it has an object a column, with a key a row, as pandas writes frames.

    >>> _stands_by_columns({"text": {"0": "a", "1": "b"}, "n": {"0": 1, "1": 2}})
    True
    >>> _stands_by_columns({"text": {"0": "a", "1": "b"}, "n": {"0": 1}})
    False
    """
    first = next(iter(value.values()), None)
    if not isinstance(first, dict) or not first:
        return False
    numbers = [*map(str, range(len(first)))]
    return all(isinstance(own, dict) and [*own] == numbers for own in value.values())


def _turned(columns: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a document that stands by columns."""
    rows = zip(*(own.values() for own in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _are_rows(value: object) -> bool:
    are_objects = (
        isinstance(value, list) and bool(value) and all(isinstance(x, dict) for x in value)
    )
    return are_objects and not is_chat(value)


def _name_of_rows(value: dict[str, Any], source: str) -> str:
    names = [name for name, rows in value.items() if _are_rows(rows)]
    if len(names) == 1:
        return names[0]
    if not names:
        raise InputError(
            f"Got {source}, a JSON object without an array of objects; expected an object a row; "
            "write the rows as JSON Lines, an object a line."
        )
    raise InputError(
        f"Got {source}, a JSON object with more than one array of objects ({quoted(names)}); "
        "expected one, whose objects are the rows; write those that you mean on lines, as with "
        f"jq -c '.[{json.dumps(names[0])}][]'."
    )


def _as_lines(source: Source, rows: list[Any]) -> Source:
    written = io.BytesIO("".join(f"{json.dumps(row)}\n" for row in rows).encode())
    return replace(source, kind="jsonl", compression=None, spooled=Spool(written))
