"""What readers yield: rows in chunks, and the rows that they had to leave out."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from polar_detect.arrays import IntArray
from polar_detect.errors import EmptyInputError, InputError
from polar_detect.tables.cells.names import on_one_line

# Beside rows, characters bound a chunk, so that few very long rows need no more memory.
_MAX_CHUNK_CHARS = 30_000_000
_MAX_RENAMED = 5  # columns that are said one by one

Numbering = Literal["sheet", "file", "data"]
"""What numbers of rows count: rows of a sheet, lines of a file, or rows without the heading."""


@dataclass(frozen=True)
class Rejected:
    r"""A row that could not be read.

    Parameters
    ----------
    line : int
        Line, or row of the sheet, in which it starts; 1 is the first of the file.
    reason : str
        What is wrong, without line number.
    text : str
        As it stands in the file; broken bytes as `\x81`, a very long text cut.
    """

    line: int
    reason: str
    text: str


@dataclass(frozen=True, eq=False)
class Chunk:
    """Consecutive rows of an input.

    Parameters
    ----------
    frame : (n_rows, n_columns) pandas.DataFrame
        The rows that could be read, in order, indexed by their position in the whole input
        (0, 1, …; rejected rows do not count). The dtypes are the same in every chunk.
    lines : (n_rows,) int64
        Line, or row of the sheet, in which each row starts; 1 is the first of the file.
    rejected : tuple of Rejected
        Rows that could not be read and stand before the end of this chunk.
    """

    frame: pd.DataFrame
    lines: IntArray
    rejected: tuple[Rejected, ...]


class Reader(Protocol):
    """Reads one format."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, unique and not empty."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """What was guessed or changed, a sentence each, for people."""
        ...

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all rows from the first, at most `n_rows` at a time."""
        ...


class ChunkBuilder:
    """Collects rows until they make a chunk.

    Parameters
    ----------
    n_rows : int
        At most.
    as_frame : callable of rows and their index
    """

    def __init__(
        self, n_rows: int, as_frame: Callable[[list[list[Any]], pd.RangeIndex], pd.DataFrame]
    ) -> None:
        self._n_rows = n_rows
        self._as_frame = as_frame
        self._position = 0
        self._clear()

    @property
    def is_full(self) -> bool:
        """Whether the next row, or rejected row, belongs to the next chunk."""
        n_most = max(len(self._rows), len(self._rejected))
        return n_most >= self._n_rows or self._n_chars >= _MAX_CHUNK_CHARS

    def add(self, line: int, row: list[Any], n_chars: int) -> None:
        """Add a row."""
        self._rows.append(row)
        self._lines.append(line)
        self._n_chars += n_chars

    def reject(self, row: Rejected) -> None:
        """Add a row that could not be read."""
        self._rejected.append(row)

    def take(self) -> Chunk:
        """Return what was added since the last call."""
        index = pd.RangeIndex(self._position, self._position + len(self._rows))
        frame = self._as_frame(self._rows, index)
        chunk = Chunk(frame, np.asarray(self._lines, np.int64), tuple(self._rejected))
        self._position += len(self._rows)
        self._clear()
        return chunk

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added since the last chunk."""
        return not self._rows and not self._rejected

    def _clear(self) -> None:
        self._rows: list[list[Any]] = []
        self._lines: list[int] = []
        self._rejected: list[Rejected] = []
        self._n_chars = 0


def strings_under(
    columns: Sequence[str],
) -> Callable[[list[list[Any]], pd.RangeIndex], pd.DataFrame]:
    """Return what makes a frame of rows of strings."""
    return lambda rows, index: pd.DataFrame(rows, columns=list(columns), index=index, dtype=str)


def unique_names(header: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return column names that are unique and not empty, and what was changed.

    >>> unique_names(["id", "", "id"])[0]
    ('id', 'column_2', 'id_2')
    """
    names: list[str] = []
    notices = []
    for position, name in enumerate(header, start=1):
        wanted = name if name.strip() else f"column_{position}"
        unique, n = wanted, 1
        while unique in names or (unique != name and unique in header):
            n += 1
            unique = f"{wanted}_{n}"
        if unique != name:
            what = f"is a second {' '.join(name.split())!r}" if name.strip() else "has no name"
            notices.append(f"column {position} {what}, and is called {on_one_line(unique)!r} here")
        names.append(unique)
    n_more = len(notices) - _MAX_RENAMED
    if n_more > 1:
        notices[_MAX_RENAMED:] = [
            f"{n_more} more columns without a name, or with one that is there before, are called "
            "likewise"
        ]
    return tuple(names), tuple(notices)


def check_rows(n_rows: int, rejected: Rejected | None, source: str) -> None:
    """Raise `InputError` when an input turned out to have no row that can be used."""
    if n_rows:
        return
    if rejected is None:
        raise EmptyInputError(
            f"Got {source} with a header and no rows; expected at least one row; check that "
            "the first line holds the column names."
        )
    raise InputError(
        f"Got {source} in which no row can be read (line {rejected.line}: {rejected.reason}); "
        "expected at least one; check the format, the delimiter and --encoding."
    )
