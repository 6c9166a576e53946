"""The text of a Word document, from the XML in it: what a reader sees of its body and notes.

Tracked changes count as accepted. Headers and footers are left out, as they are on every page.
"""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from polar_detect.errors import InputError
from polar_detect.tables.documents.document import PARAGRAPH, Document, one_line, row_text, tidied

_RELATIONS, _PROPERTIES = "_rels/.rels", "docProps/core.xml"
_NOTES = ("footnotes.xml", "endnotes.xml")
_MAX_PART_BYTES = 1 << 26  # of XML, beyond it a file unpacks to more than people write
# Of the notes that a file has from the beginning, these draw lines.
_RULES = frozenset({"separator", "continuationSeparator", "continuationNotice"})
_PASSED = frozenset({"del", "moveFrom", "sectPr", "pPr", "rPr", "rt", "Fallback"})
_SIGNS = {"tab": "\t", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_BROKEN = (KeyError, ValueError, RuntimeError, EOFError, OSError, zlib.error, zipfile.BadZipFile)
_LISTED = "\n"  # between the items of a list


def word_document(file: BinaryIO, name: str) -> Document:
    """Return what a .docx says; `name` is for messages.

    Raises
    ------
    InputError
        It is damaged, or unpacks to more than anybody writes.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            main = _main_part(archive, name)
            blocks = [*_blocks(_read(archive, main, name))]
            for note in (posixpath.join(posixpath.dirname(main), own) for own in _NOTES):
                if note in archive.namelist():
                    blocks += _notes(_read(archive, note, name))
            has_properties = _PROPERTIES in archive.namelist()
            known = _known(_read(archive, _PROPERTIES, name)) if has_properties else {}
    except InputError:
        raise
    except (*_BROKEN, ElementTree.ParseError) as error:
        raise InputError(
            f"Got {name}, which is no Word document that can be read; expected a whole .docx "
            "without a password; open it in Word and save it again."
        ) from error
    date = known.get("modified") or known.get("created")
    return Document(
        tidied("".join(blocks)),
        title=one_line(known.get("title")),
        author=one_line(known.get("creator")),
        date=None if date is None else re.sub("[TZ]", " ", date).strip(),
    )


def _main_part(archive: zipfile.ZipFile, name: str) -> str:
    for relation in _read(archive, _RELATIONS, name):
        if relation.get("Type", "").endswith("/officeDocument"):
            return posixpath.normpath(posixpath.join("/", relation.get("Target", "")))[1:]
    return "word/document.xml"


def _read(archive: zipfile.ZipFile, part: str, name: str) -> Element:
    """Return the XML of a part; the parser fetches no entities, and bounds what they come to."""
    if archive.getinfo(part).file_size > _MAX_PART_BYTES:
        raise InputError(
            f"Got {name}, which unpacks to more than {_MAX_PART_BYTES >> 20} MiB of text; expected "
            "a document that somebody wrote; part it into several."
        )
    return ElementTree.fromstring(archive.read(part))


def _known(properties: Element) -> dict[str, str]:
    return {_local(own): own.text for own in properties if own.text}


def _notes(notes: Element) -> Iterator[str]:
    for note in notes:
        if not _RULES.intersection(note.attrib.values()):
            yield from _blocks(note)


def _blocks(element: Element) -> Iterator[str]:
    """Yield the paragraphs and tables of a body, a cell or a box, with what ends each."""
    for child in element:
        kind = _local(child)
        if kind == "p":
            inside = _Paragraph(child)
            end = _LISTED if inside.is_listed else PARAGRAPH
            if inside.text:
                yield f"{'' if inside.is_listed else PARAGRAPH}{inside.text}{end}"
            for box in inside.boxes:
                yield from (PARAGRAPH, *_blocks(box), PARAGRAPH)
        elif kind == "tbl":
            rows = (row_text([*_cells(row)]) for row in _inside(child, "tr"))
            yield from (PARAGRAPH, "\n".join(filter(None, rows)), PARAGRAPH)
        elif kind not in _PASSED:  # what holds some together, as forms and changes do
            yield from _blocks(child)


def _cells(row: Element) -> Iterator[str]:
    return (tidied("".join(_blocks(cell))) for cell in _inside(row, "tc"))


def _inside(element: Element, kind: str) -> Iterator[Element]:
    """Yield rows or cells, that forms and changes may hold together."""
    for child in element:
        if _local(child) == kind:
            yield child
        elif _local(child) not in _PASSED:
            yield from _inside(child, kind)


class _Paragraph:
    """The text of a paragraph, and the boxes of text that are anchored in it."""

    def __init__(self, element: Element) -> None:
        self.boxes: list[Element] = []
        self.text = "".join(self._signs(element)).strip(" \n")
        styles = [own for own in element if _local(own) == "pPr"]
        marks = [mark for own in styles for mark in own]
        self.is_listed = any(
            _local(mark) == "numPr"
            or (_local(mark) == "pStyle" and any("List" in own for own in mark.attrib.values()))
            for mark in marks
        )

    def _signs(self, element: Element) -> Iterator[str]:
        for child in element:
            kind = _local(child)
            if kind == "t":  # of formulas too
                yield child.text or ""
            elif kind == "br":
                yield (
                    "" if any(own in {"page", "column"} for own in child.attrib.values()) else "\n"
                )
            elif kind in _SIGNS:
                yield _SIGNS[kind]
            elif kind == "txbxContent":
                self.boxes.append(child)
            elif kind == "r" and _is_hidden(child):
                continue
            elif kind not in _PASSED:
                yield from self._signs(child)


def _is_hidden(run: Element) -> bool:
    marks = [mark for own in run if _local(own) == "rPr" for mark in own]
    return any(_local(m) == "vanish" and not {"0", "false"} & {*m.attrib.values()} for m in marks)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
