"""One row for each document of several files and folders."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import pandas as pd

from polar_detect.errors import EmptyInputError, InputError, listing
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.combining import files_in
from polar_detect.tables.documents.document import Document
from polar_detect.tables.documents.opening import (
    MAILS,
    TEXTS,
    check_libraries,
    is_document,
    read_document,
)
from polar_detect.tables.formats import format_of
from polar_detect.texts.visible import visible

_CHUNK_ROWS, _CHUNK_CHARS = 256, 4_000_000
_MAX_LISTED = 5


@dataclass(frozen=True)
class DocumentWords:
    """What the columns of a table of documents are called."""

    file: str = "file"
    title: str = "title"
    author: str = "author"
    date: str = "date"
    text: str = "text"
    quoted: str = "quoted"


class _Row(NamedTuple):
    name: str
    document: Document


@dataclass(frozen=True, eq=False)
class Documents:
    """Documents as rows of a table, read one after the other.

    Parameters
    ----------
    files : sequence of Path
    unread : sequence of Path
        What else is in the folders.
    named : frozenset of Path
        Files that somebody named, and not a folder that they are in.
    encoding : str or None
        Of texts and pages.
    drops_copies : bool
        Whether documents that say what an earlier one does are left out.
    columns : sequence of str
        What is known of documents of these formats, by the fields of `DocumentWords`.
    words : DocumentWords
    empty, copies : list of str
        Names of files without any text, and of those that say what an earlier one does; known
        once `frames` is at its end, as are the others below.
    broken : list of InputError
        What is said of files of a folder that cannot be read.
    said : dict of str to list of str
        What was left out, and of which files.
    """

    files: Sequence[Path]
    unread: Sequence[Path]
    named: frozenset[Path]
    encoding: str | None
    drops_copies: bool
    columns: Sequence[str]
    words: DocumentWords
    empty: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    broken: list[InputError] = field(default_factory=list)
    said: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        paths: Sequence[Path],
        *,
        encoding: str | None = None,
        drops_copies: bool = False,
        but: Collection[Path] = (),
        words: DocumentWords | None = None,
    ) -> Self:
        """Find the documents among files and in folders, of which `but` some are passed over.

        Raises
        ------
        InputError
            A folder cannot be read or holds no document, or a library that reads them is missing.
        """
        files, unread = _files_of(paths, {path.resolve() for path in but})
        check_libraries(files)
        endings = {format_of(path).ending for path in files}
        known = [] if endings <= TEXTS else ["title", "author", "date"]
        quoted = ["quoted"] if endings & MAILS else []
        return cls(
            files=files,
            unread=unread,
            named=frozenset(paths),
            encoding=encoding,
            drops_copies=drops_copies,
            columns=["file", *known, "text", *quoted],
            words=words or DocumentWords(),
        )

    def frames(self) -> Iterator[pd.DataFrame]:
        """Yield the rows, some at a time; once.

        Raises
        ------
        InputNotFoundError, InputError
            A file that was named cannot be read, or all files cannot be.
        """
        rows: list[_Row] = []
        n_chars = 0
        for row in self._rows():
            rows.append(row)
            n_chars += len(row.document.text)
            if len(rows) == _CHUNK_ROWS or n_chars > _CHUNK_CHARS:
                yield self._frame(rows)
                rows, n_chars = [], 0
        if rows:
            yield self._frame(rows)

    def notices(self) -> list[tuple[str, str]]:
        """Return what was left out, with the files that it is said of."""
        return [(listing(names, _MAX_LISTED), notice) for notice, names in self.said.items()]

    def _rows(self) -> Iterator[_Row]:
        names = _names_of(self.files)
        seen: set[bytes] = set()
        fault: InputError | None = None
        for path, name in zip(self.files, names, strict=True):
            try:
                found = read_document(path, self.encoding)
            except InputError as error:
                if path in self.named:
                    raise
                fault = fault or error
                if isinstance(error, EmptyInputError):
                    self.empty.append(name)
                else:
                    self.broken.append(error)
                continue
            for notice in found.notices:
                self.said.setdefault(notice, []).append(name)
            digest = hashlib.blake2b(" ".join(found.text.split()).encode()).digest()
            is_copy = digest in seen
            seen.add(digest)
            if is_copy:
                self.copies.append(name)
            if not (is_copy and self.drops_copies):
                yield _Row(name, found)
        if fault is not None and not seen:
            raise fault

    def _frame(self, rows: Sequence[_Row]) -> pd.DataFrame:
        cells = {"file": [row.name for row in rows]}
        return pd.DataFrame(
            {
                getattr(self.words, column): pd.Series(
                    cells.get(column) or [getattr(row.document, column) for row in rows],
                    dtype="str",
                )
                for column in self.columns
            }
        )


def _files_of(paths: Sequence[Path], but: Collection[Path]) -> tuple[list[Path], list[Path]]:
    """Return the documents, each once, and what else is in the folders."""
    files: list[Path] = []
    others: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        own = files_in(path, but)
        taken = [file for file in own if is_document(file)]
        if not taken:
            raise InputError(
                f"Got the folder {path} without a Word, PDF, mail, HTML, Markdown or text file; "
                "expected one or more; name another folder, or files."
            )
        files += taken
        others += [file for file in own if file not in taken]
        others += sorted(own for own in path.iterdir() if own.is_dir())
    return [*dict.fromkeys(files)], others


def _names_of(files: Sequence[Path]) -> list[str]:
    """Return what files are called: by their names, where each has one of its own."""
    names = [path.name for path in files]
    told = names if len({*names}) == len(names) else [*map(str, files)]
    return [on_one_line(visible(name)) for name in told]


@dataclass(frozen=True, eq=False)
class DocumentTable:
    """One row for each document.

    Parameters
    ----------
    frame : (n_documents, n_columns) DataFrame
        Its file; its title, author and date where the formats have them; its text; and of mails
        what they quote.
    notices : tuple of str
        What was left out, and of which files.
    """

    frame: pd.DataFrame
    notices: tuple[str, ...] = ()


def read_documents(
    paths: Path | str | Sequence[Path | str],
    *,
    encoding: str | None = None,
    drops_copies: bool = False,
    words: DocumentWords | None = None,
) -> DocumentTable:
    """Return one row for each document: Word, PDF, mails, HTML, Markdown and text.

    Paragraphs of a text have a blank line between them.

    Parameters
    ----------
    paths : path or sequence of them
        Files, or folders of such.
    encoding : str, optional
        Of texts and HTML; by default it is detected.
    drops_copies : bool
        Leave out documents that say what an earlier one does.
    words : DocumentWords, optional

    Raises
    ------
    InputNotFoundError, InputError
        As `Documents.open` and `Documents.frames` say.
    """
    given = [paths] if isinstance(paths, (str, Path)) else paths
    documents = Documents.open(
        [*map(Path, given)], encoding=encoding, drops_copies=drops_copies, words=words
    )
    frame = pd.concat([*documents.frames()], ignore_index=True)
    said = [f"{names}: {notice}" for names, notice in documents.notices()]
    left = {
        "without any text": documents.empty,
        "not read": [*map(str, documents.unread)],
        "the same text as an earlier file has": documents.copies,
    }
    said += [f"{what}: {listing(names, _MAX_LISTED)}" for what, names in left.items() if names]
    said += [f"left out, as it cannot be read: {error}" for error in documents.broken]
    return DocumentTable(frame, tuple(said))
