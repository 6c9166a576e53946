"""What an Excel file says and its reader leaves out: formats, hidden rows, lost formulas.

A formula is lost where its result is not stored, so that the cell reads as empty: programs that
write files without computing them leave such cells; a spreadsheet program that opens and saves
the file fills them.
"""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, BinaryIO
from xml.etree import ElementTree

from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils import column_index_from_string

_BOOK = "xl/workbook.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_STYLES = "xl/styles.xml"
_MAX_FORMAT_CHARS = 255
_FILLED = re.compile(rb"<(?:\w+:)?c\b([^>]*)>\s*<(?:\w+:)?(?:f|v|is)\b")
_PLACE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_STYLE = re.compile(rb'\bs="(\d{1,6})"')
# What zipfile raises for archives that are damaged, packed or locked in other ways.
_BROKEN = (KeyError, ValueError, RuntimeError, EOFError, zlib.error)
_BLOCK_BYTES = 1 << 20
_MAX_CELL_BYTES = 1 << 22  # beyond it, the XML is no sheet's
_MAX_BOOK_BYTES = 1 << 24
_HIDDEN = rb'\bhidden="(?:1|true)"'
_COLUMN = re.compile(rb"<(?:\w+:)?col\b([^>]*" + _HIDDEN + rb"[^>]*)>")
_ENDS = re.compile(rb'\b(?:min|max)="(\d{1,5})"')
_ROW = re.compile(rb'\br="(\d{1,7})"')
# A row that is hidden, or a cell of a formula without a value; of type str it is an empty text,
# which formulas may give.
_FOUND = re.compile(
    rb"<(?:\w+:)?row\b(?P<row>[^>]*" + _HIDDEN + rb"[^>]*)>"
    rb"|<(?:\w+:)?c\b(?P<type>[^>]*)>\s*<(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


@dataclass(frozen=True)
class SheetXml:
    """What the XML of a sheet says; nothing for a file that is no .xlsx.

    Parameters
    ----------
    n_uncached : int
        Formulas without a stored result.
    formats : dict of int to str
        Number format of each column, counted from 0, as its first filled cell has it.
    hidden_rows : frozenset of int
        Counted from 1.
    hidden_columns : frozenset of int
        Counted from 0.
    """

    n_uncached: int = 0
    formats: dict[int, str] = field(default_factory=dict)
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()

    @classmethod
    def read(cls, file: BinaryIO, sheet: str, first_row: int) -> "SheetXml":
        """Read a sheet by name.

        Parameters
        ----------
        file : binary file
        sheet : str
        first_row : int
            Behind the header; 1 is the first of the sheet.
        """
        try:
            with zipfile.ZipFile(file) as archive:
                part = _part_of(archive, sheet)
                if part is None:
                    return cls()
                n_uncached, hidden_rows = 0, set()
                with archive.open(part) as cells:
                    for found in _find(cells):
                        if found["row"] is None:
                            n_uncached += b't="str"' not in found["type"]
                        elif row := _ROW.search(found["row"]):
                            hidden_rows.add(int(row[1]))
                with archive.open(part) as cells:
                    start = cells.read(_BLOCK_BYTES)
                formats = _formats_of(archive, _styles_of(start, first_row))
                return cls(n_uncached, formats, frozenset(hidden_rows), _hidden_columns(start))
        except (*_BROKEN, zipfile.BadZipFile, ElementTree.ParseError):
            return cls()  # another format, or one that only the reader itself gets along with


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


def _find(file: IO[bytes]) -> Iterator[re.Match[bytes]]:
    """Yield the rows that are hidden and the cells that have no result."""
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        text = rest + block
        end = 0
        for found in _FOUND.finditer(text):
            yield found
            end = found.end()
        # What may go on in the next block.
        rest = text[max(end, text.rfind(b"<c ", 0, -1), len(text) - _MAX_CELL_BYTES) :]


def _hidden_columns(start: bytes) -> frozenset[int]:
    ends = [[int(end) for end in _ENDS.findall(found[1])] for found in _COLUMN.finditer(start)]
    return frozenset(j for own in ends if own for j in range(min(own) - 1, max(own)))


def _styles_of(start: bytes, first_row: int) -> dict[int, int]:
    """Return the number of the style of each column's first filled cell."""
    styles: dict[int, int] = {}
    for found in _FILLED.finditer(start):
        place, style = _PLACE.search(found[1]), _STYLE.search(found[1])
        if place is not None and int(place[2]) >= first_row:
            column = column_index_from_string(place[1].decode()) - 1
            styles.setdefault(column, 0 if style is None else int(style[1]))
    return styles


def _formats_of(archive: zipfile.ZipFile, styles: dict[int, int]) -> dict[int, str]:
    if archive.getinfo(_STYLES).file_size > _MAX_BOOK_BYTES:
        return {}
    own, codes = [], dict(BUILTIN_FORMATS)
    for element in ElementTree.fromstring(archive.read(_STYLES)):
        if _local(element.tag) == "numFmts":
            codes |= {int(e.get("numFmtId", 0)): e.get("formatCode", "") for e in element}
        elif _local(element.tag) == "cellXfs":
            own = [int(e.get("numFmtId", 0)) for e in element]
    named = {j: codes.get(own[s], "") for j, s in styles.items() if s < len(own)}
    return {
        j: code
        for j, code in named.items()
        if code not in {"", "General", "@"}
        and len(code) <= _MAX_FORMAT_CHARS
        and code.isprintable()
    }


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]
