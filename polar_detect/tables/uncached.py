"""Formulas of an Excel sheet whose result is not stored, so that their cells read as empty.

Programs that write files without computing them leave such cells; a spreadsheet program that
opens and saves the file fills them.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import IO, BinaryIO
from xml.etree import ElementTree

_BOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_BLOCK_BYTES = 1 << 20
_MAX_CELL_BYTES = 1 << 22  # beyond it, the XML is no sheet's
_MAX_BOOK_BYTES = 1 << 24
# A cell of a formula without a value; of type str it is an empty text, which formulas may give.
_CELL = re.compile(
    rb"<(?:\w+:)?c\b(?P<type>[^>]*)>\s*<(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


def count_uncached(file: BinaryIO, sheet: str) -> int:
    """Return how many formulas of a sheet have no stored result; 0 for a file that is no .xlsx.

    Parameters
    ----------
    file : binary file
    sheet : str
        Its name.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            part = _part_of(archive, sheet)
            if part is None:
                return 0
            with archive.open(part) as cells:
                return sum(b't="str"' not in found["type"] for found in _cells(cells))
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, NotImplementedError, EOFError):
        return 0  # another format, or one that only the reader itself gets along with


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the name of the file of a sheet inside the archive."""
    if max(archive.getinfo(name).file_size for name in (_BOOK, _RELATIONS)) > _MAX_BOOK_BYTES:
        return None
    identity = None
    for own in ElementTree.fromstring(archive.read(_BOOK)).iter():
        if _local(own.tag) == "sheet" and own.get("name") == sheet:
            identity = next((v for k, v in own.attrib.items() if _local(k) == "id"), None)
    for own in ElementTree.fromstring(archive.read(_RELATIONS)).iter():
        if own.get("Id") == identity is not None:
            return posixpath.normpath(posixpath.join("/xl", own.get("Target", "")))[1:]
    return None


def _cells(file: IO[bytes]) -> Iterator[re.Match[bytes]]:
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        text = rest + block
        end = 0
        for found in _CELL.finditer(text):
            yield found
            end = found.end()
        # What may go on in the next block.
        rest = text[max(end, text.rfind(b"<c ", 0, -1), len(text) - _MAX_CELL_BYTES) :]


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]
