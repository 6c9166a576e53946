"""Several files and sheets whose columns are called alike: which of them, and whose is whose."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from polar_detect.errors import EmptyInputError, InputError, listing
from polar_detect.tables.cells.names import match_column, on_one_line, said_of_matches
from polar_detect.tables.columns.order import natural_order
from polar_detect.tables.formats import STDIN, has_columns
from polar_detect.tables.input.chunks import unique_names
from polar_detect.tables.input.opening import ReadOptions, TableReader, open_tables
from polar_detect.texts.visible import visible

_MIN_ALIKE = 0.5  # of the columns of the wider one, or tables are not of a kind
_MAX_LISTED = 5
_TEXTS = re.compile(r"\.(?:txt|md|log(?:\.\d+)?)(?:\.(?:gz|zst))?$", re.IGNORECASE)
_BESIDE = ("~$", ".")  # what Excel and systems put beside files


@dataclass(frozen=True, eq=False)
class Part:
    """One table among several.

    Parameters
    ----------
    reader : TableReader
    name : str
        What it is called among the others: its file, its sheet, or both.
    called : mapping of str to str
        What each of its columns is called in the whole.
    is_named : bool
        Whether somebody named its file, and not a folder that it is in.
    """

    reader: TableReader
    name: str
    called: Mapping[str, str]
    is_named: bool = True


@dataclass(frozen=True, eq=False)
class Combined:
    """Tables as one, one below the other.

    Parameters
    ----------
    parts : sequence of Part
    columns : sequence of str
        Of all parts, as they come, under the name of the first that has each.
    says_part : str or None
        First column of the whole, which says of which part a row is; None of a single one.
    left_out : sequence of str
        Sheets, and files of a folder, that are tables of another kind.
    unread : sequence of str
        Files of a folder that are no tables, or text files beside tables, or are empty.
    broken : sequence of InputError
        What is said of files of a folder that cannot be read.
    """

    parts: Sequence[Part]
    columns: Sequence[str]
    says_part: str | None
    left_out: Sequence[str] = ()
    unread: Sequence[str] = ()
    broken: Sequence[InputError] = ()

    @classmethod
    def open(
        cls,
        paths: Sequence[Path],
        options: ReadOptions | None = None,
        *,
        but: Collection[Path] = (),
        file: str = "file",
        sheet: str = "sheet",
    ) -> Self:
        """Open files, all visible sheets of workbooks, and the files of folders.

        Of sheets and of files of a folder those count that are of the kind that most are of.

        Parameters
        ----------
        paths : sequence of Path
        options : ReadOptions, optional
        but : collection of Path
            Files of folders that are passed over, such as those that are written.
        file, sheet : str
            What the columns are called that say where a row comes from.

        Raises
        ------
        InputNotFoundError, InputError
            A file that was named cannot be read, or is a table of another kind; or all files
            cannot be read.
        """
        written = {path.resolve() for path in but}
        files, unread = files_of(paths, written)
        opened, empty, broken = _open_all(files, paths, options)
        first = _most_alike([reader for _, reader in opened])
        taken = [(path, reader) for path, reader in opened if _are_alike(first, reader)]
        kept = {path for path, _ in taken}
        for path, reader in opened:
            if path in paths and path not in kept:
                raise _of_another_kind(reader, first)
        columns, called = _columns_of([reader for _, reader in taken])
        own = zip(taken, _names_of(taken), called, strict=True)
        *_, says_part = unique_names([*columns, file if len(kept) > 1 else sheet])[0]
        return cls(
            parts=[
                Part(reader, on_one_line(visible(name)), names, path in paths)
                for (path, reader), name, names in own
            ],
            columns=columns,
            says_part=says_part if len(taken) > 1 else None,
            left_out=[_said(reader) for path, reader in opened if (path, reader) not in taken],
            unread=[*map(str, (*unread, *empty))],
            broken=broken,
        )

    @property
    def formats(self) -> dict[str, str]:
        """Number formats of columns in Excel, where all parts that have one agree."""
        found: dict[str, set[str]] = {}
        for part in self.parts:
            for name, own in part.reader.formats.items():
                found.setdefault(part.called[name], set()).add(own)
        return {name: own.pop() for name, own in found.items() if len(own) == 1}

    def notices(self) -> list[tuple[str, str]]:
        """Return what was guessed, with the tables it is said of; once of those it is true of."""
        said: dict[str, list[str]] = {}
        for part in self.parts:
            own = [on_one_line(name) for name in part.called.values()]
            lacks = [name for name in map(on_one_line, self.columns) if name not in own]
            missing = [_said_of_missing(lacks)] if lacks else []
            others = said_of_matches((name, own) for own, name in part.called.items())
            for notice in (*part.reader.notices, *others, *missing):
                said.setdefault(notice, []).append(part.name)
        return [(listing(names, _MAX_LISTED), notice) for notice, names in said.items()]


class _Opened(NamedTuple):
    """The tables of files; files of folders that hold nothing; what is said of broken ones."""

    tables: list[tuple[Path, TableReader]]
    empty: list[Path]
    broken: list[InputError]


def _open_all(
    files: Sequence[Path], named: Collection[Path], options: ReadOptions | None
) -> _Opened:
    found = _Opened([], [], [])
    why: InputError | None = None
    for path in files:
        try:
            found.tables.extend((path, reader) for reader in open_tables(path, options))
        except InputError as error:
            if path in named:
                raise
            if isinstance(error, EmptyInputError):
                found.empty.append(path)
            else:
                found.broken.append(error)
            why = why or error
    if why is not None and not found.tables:
        raise why
    return found


def files_of(paths: Sequence[Path], but: Collection[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files, each once, and which others are in the folders."""
    files: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if path == STDIN:
            raise InputError(
                "Got stdin among the files, which can be read once only; expected files and "
                "folders; save it first."
            )
        if path.is_dir():
            own = files_in(path, but)
            taken = [file for file in own if has_columns(file)]
            taken = taken or [file for file in own if _is_text(file)]
            if not taken:
                raise InputError(
                    f"Got the folder {path} without a CSV, Excel, Parquet, JSONL or text file; "
                    "expected one or more; name another folder, or files."
                )
            files += taken
            others += [file for file in own if file not in taken]
        else:
            files.append(path)
    return [*dict.fromkeys(files)], others


def files_in(folder: Path, but: Collection[Path]) -> list[Path]:
    """Return the files of a folder, by name."""
    try:
        own = [
            file
            for file in folder.iterdir()
            if file.is_file() and not file.name.startswith(_BESIDE) and file.resolve() not in but
        ]
    except OSError as error:
        raise InputError(
            f"Got the folder {folder}, which cannot be read ({error.strerror}); expected one whose "
            "files this user may see; check its permissions, or name the files."
        ) from error
    return sorted(own, key=lambda file: natural_order(file.name))


def _is_text(file: Path) -> bool:
    return _TEXTS.search(file.name) is not None


def _most_alike(readers: Sequence[TableReader]) -> TableReader:
    """Return the first table of the kind that most are of."""
    kinds: dict[tuple[tuple[str, ...], bool], list[TableReader]] = {}
    for reader in readers:  # of hundreds of files nearly all have the same columns
        kinds.setdefault((reader.columns, reader.has_columns), []).append(reader)
    firsts = [own[0] for own in kinds.values()]

    def n_alike(first: TableReader) -> int:
        return sum(len(own) for own in kinds.values() if _are_alike(first, own[0]))

    return max(firsts, key=n_alike)


def _are_alike(first: TableReader, other: TableReader) -> bool:
    """Return whether two tables have most of their columns in common."""
    if first.has_columns != other.has_columns:
        return False
    n_common = sum(_match(first.columns, name) is not None for name in other.columns)
    return n_common >= _MIN_ALIKE * max(len(first.columns), len(other.columns))


def _of_another_kind(table: TableReader, first: TableReader) -> InputError:
    own, others = (listing([*map(repr, own.columns)], _MAX_LISTED) for own in (table, first))
    return InputError(
        f"Got {_said(table)} with the columns {own}; expected at least half of those of "
        f"{_said(first)}: {others}; leave it out, rename its columns, or pass --sheet."
    )


def _columns_of(readers: Sequence[TableReader]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns of all tables, and what each table's own are called among them."""
    columns: list[str] = []
    called = []
    for reader in readers:
        own = {name: name for name in reader.columns if name in columns}
        for name in reader.columns:
            if name not in own:
                own[name] = _match(columns, name, taken={*own.values()}) or name
        columns += [own[name] for name in reader.columns if own[name] not in columns]
        called.append(own)
    return columns, called


def _match(columns: Sequence[str], name: str, taken: Collection[str] = ()) -> str | None:
    """Return which of the columns has that name, where either may lack its unit."""
    found = match_column(columns, name, taken=taken, may_add_unit=True)
    if found is not None:
        return found
    longer = [
        own
        for own in columns
        if own not in taken and match_column([name], own, may_add_unit=True) is not None
    ]
    return longer[0] if len(longer) == 1 else None


def _names_of(tables: Sequence[tuple[Path, TableReader]]) -> list[str]:
    """Return what tables are called: file, or sheet where all are of one; both where it takes both.

    Files of the same name are told apart by their folders.
    """
    n_sheets = Counter(path for path, _ in tables)
    if len(n_sheets) == 1 and len(tables) > 1:
        return [str(reader.sheet) for _, reader in tables]
    are_same = len({path.name for path in n_sheets}) < len(n_sheets)
    names = [str(path) if are_same else path.name for path, _ in tables]
    return [
        f"{name} [{reader.sheet}]" if n_sheets[path] > 1 else name
        for name, (path, reader) in zip(names, tables, strict=True)
    ]


def _said(table: TableReader) -> str:
    return table.name if table.sheet is None else f"{table.name} [{table.sheet}]"


def _said_of_missing(names: Sequence[str]) -> str:
    lacks = listing([*map(repr, names)], _MAX_LISTED)
    return f"columns that only others have are empty there: {lacks}"
