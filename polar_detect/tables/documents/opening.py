"""Which files are documents, by their endings, and what each of them says."""

import importlib.util
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from polar_detect.errors import EmptyInputError, InputError
from polar_detect.tables.documents.document import Document, tidied
from polar_detect.tables.documents.html import charset_of, page
from polar_detect.tables.documents.mail import mail, outlook_mail
from polar_detect.tables.documents.pdf import pdf_document
from polar_detect.tables.documents.plain_text import decoded
from polar_detect.tables.documents.word import word_document
from polar_detect.tables.formats import DOCUMENTS, format_of
from polar_detect.tables.input.lines import MAX_ROW_CHARS
from polar_detect.tables.input.sources import open_source

MAILS = frozenset({".eml", ".msg"})
TEXTS = frozenset({".txt", ".text", ".md", ".markdown", ".log"})
_READERS = {
    ".docx": word_document,
    ".docm": word_document,
    ".pdf": pdf_document,
    ".eml": mail,
    ".msg": outlook_mail,
}
_LIBRARIES = {".pdf": "pypdfium2", ".msg": "oxmsg"}  # of the extra `documents`
_MAX_BYTES = 1 << 26  # of a text or a page
_REPLACED = "signs that cannot be read are written as \ufffd"
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")


def is_document(path: Path) -> bool:
    """Return whether a file is a document, by its ending.

    >>> is_document(Path("8D 4711.PDF")), is_document(Path("minutes.txt.gz"))
    (True, True)
    >>> is_document(Path("readings.csv")), is_document(Path("report.doc"))
    (False, False)
    """
    ending = format_of(path).ending
    return ending in DOCUMENTS or ending in TEXTS


def check_libraries(paths: Iterable[Path]) -> None:
    """Raise `InputError` where a library is missing that some of these documents need."""
    for path in paths:
        library = _LIBRARIES.get(format_of(path).ending)
        if library is not None and importlib.util.find_spec(library) is None:
            raise InputError(
                f"Got {path} and no {library} to read it; expected the extra 'documents'; install "
                'it: pip install "polar-detect[documents]"'
            )


def read_document(path: Path, encoding: str | None = None) -> Document:
    """Return what a document says.

    Parameters
    ----------
    path : Path
    encoding : str, optional
        Of texts and pages; by default the one that they say to have, or look like.

    Raises
    ------
    InputNotFoundError, EmptyInputError, InputError
        It cannot be read, says nothing, or more than a row of a table can.
    """
    if not is_document(path):
        raise InputError(
            f"Got {path}, which is no document; expected .docx, .pdf, .eml, .msg, .html, .md or "
            ".txt; save it as one of these, or leave it out."
        )
    source = open_source(path, is_table=False)
    ending = source.ending
    with source.open() as file:
        reader = _READERS.get(ending)
        found = (
            reader(file, source.name)
            if reader is not None
            else _written(file, source.name, encoding, is_page=ending not in TEXTS)
        )
    text = _UNREADABLE.sub("\ufffd", found.text)
    if not text.strip():
        raise EmptyInputError(
            f"Got {source.name} without any text; expected some; check the document."
        )
    if len(text) > MAX_ROW_CHARS:
        raise _too_long(source.name)
    said = (_REPLACED,) if "\ufffd" in text else ()
    return replace(found, text=text, notices=(*found.notices, *said))


def _written(file: BinaryIO, name: str, encoding: str | None, *, is_page: bool) -> Document:
    """Return what a text or a page says."""
    content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise _too_long(name)
    said = charset_of(content) if is_page else None
    text, guess = decoded(content, name, said=said, given=encoding)
    found = page(text) if is_page else Document(tidied(text))
    if guess is None:
        return found
    return replace(found, notices=(f"read as {guess}; pass --encoding if that is wrong",))


def _too_long(name: str) -> InputError:
    return InputError(
        f"Got {name}, longer than {MAX_ROW_CHARS:,} characters; expected a document that somebody "
        "wrote; part it into several."
    )
