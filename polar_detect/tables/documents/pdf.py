"""The text of a PDF, by PDFium: where its signs stand, and the paragraphs that these make."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from polar_detect.errors import InputError
from polar_detect.tables.documents.document import Document, one_line
from polar_detect.tables.documents.page_edges import without_edges
from polar_detect.tables.documents.page_lines import HYPHEN, UNSPACED, Line, Page, joined_lines

_CELLS_APART = 1.5  # heights of a line between two cells of a table
_HYPHENS = "\x02\ufffe\u00ad\u2010-"  # PDFium has one of the first two for one at a line's end
_ENDS_IN_HYPHEN = re.compile(f"(?<=\\w)[{_HYPHENS}]$")
_PLAIN = dict.fromkeys(map(ord, "\x02\ufffe"), "-")
_ITEM = re.compile(r"\W?|\(?\w{1,3}[.)]")  # what a list has in front of what it says
_UNBREAKABLE = "、。，．・ー…」』）〕］!?！？:;,.)"  # begin no line
_UNREADABLE = re.compile("[\x00-\x08\x0e-\x1f\ufffd\ue000-\uf8ff]")
_MANY = 0.2  # of the signs of a text
_DATE = re.compile(r"D:(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?")
_EDGES = "lines that repeat at the edges of pages, such as headers and page numbers, are left out"
_FIELDS = "what is filled into the fields of a PDF form is not read; print it to a PDF to have it"
_BLANK = "pages without text, as of a scan, are left out"


def pdf_document(file: BinaryIO, name: str) -> Document:
    """Return what a PDF says; `name` is for messages.

    Raises
    ------
    InputError
        The file is damaged or locked, or holds no text, as a scan.
    """
    import pypdfium2  # of the extra `documents`

    try:
        with pypdfium2.PdfDocument(file) as opened:
            pages = [_page(opened[i]) for i in range(len(opened))]
            known = opened.get_metadata_dict()
            has_fields = opened.get_formtype() != pypdfium2.raw.FORMTYPE_NONE
    except pypdfium2.PdfiumError as error:
        raise InputError(
            f"Got {name}, which PDFium cannot read ({error}); expected a whole PDF without a "
            "password; save it anew without one."
        ) from error
    whole = without_edges(pages)
    text = joined_lines(whole)
    if len(_UNREADABLE.findall(text)) >= _MANY * len(text):  # as where there is none
        raise InputError(
            f"Got {name} without text that can be read ({len(pages)} pages, as of a scan); "
            "expected text; have its signs recognised (OCR) first."
        )
    n_lines = [sum(len(page.lines) for page in own) for own in (pages, whole)]
    said = {
        _BLANK: not all(page.lines for page in pages),
        _EDGES: n_lines[0] > n_lines[1],
        _FIELDS: has_fields,
    }
    return Document(
        text,
        title=one_line(known.get("Title")),
        author=one_line(known.get("Author")),
        date=_date(known.get("CreationDate") or ""),
        notices=tuple(notice for notice, is_so in said.items() if is_so),
    )


def _date(said: str) -> str | None:
    found = _DATE.match(said)
    if found is None:
        return None
    year, month, day, *clock = found.groups()
    return f"{year}-{month}-{day}" + (f" {':'.join(clock)}" if all(clock) else "")


@dataclass(frozen=True, slots=True)
class _Sign:
    text: str
    left: float
    right: float
    bottom: float
    top: float


def _page(page: Any) -> Page:
    width, height = page.get_size()
    text = page.get_textpage()
    try:
        lines = [
            _line(signs) for signs in _lines(text, _Turned(page.get_rotation(), width, height))
        ]
    finally:
        text.close()
        page.close()
    return Page([line for line in lines if line is not None], width, height)


@dataclass(frozen=True, slots=True)
class _Turned:
    """How places on a page become those on the page as it is shown, of such a size in points."""

    degrees: int
    width: float
    height: float

    def sign(self, text: str, box: Any) -> _Sign:
        """Return a sign at its place."""
        left, right, bottom, top = box.left, box.right, box.bottom, box.top
        if self.degrees == 90:
            left, right, bottom, top = bottom, top, self.height - right, self.height - left
        elif self.degrees == 180:
            left, right = self.width - right, self.width - left
            bottom, top = self.height - top, self.height - bottom
        elif self.degrees == 270:
            left, right, bottom, top = self.width - top, self.width - bottom, left, right
        return _Sign(text, left, right, bottom, top)


def _lines(text: Any, turned: _Turned) -> Iterator[list[_Sign]]:
    """Yield the signs of each line: PDFium ends lines, but where a word goes on behind a hyphen."""
    line: list[_Sign] = []
    for sign in _signs(text, turned):
        is_below = bool(line) and line[-1].text in _HYPHENS and sign.right < line[-1].left
        if sign.text in {"\r", "\n"} or is_below:
            if line:
                yield line
            line = []
        if sign.text not in {"\r", "\n"}:
            line.append(sign)
    if line:
        yield line


def _signs(text: Any, turned: _Turned) -> Iterator[_Sign]:
    from pypdfium2 import raw

    box = raw.FS_RECTF()
    high = ""
    for i in range(text.count_chars()):
        code = raw.FPDFText_GetUnicode(text, i)
        raw.FPDFText_GetLooseCharBox(text, i, box)
        sign = chr(code) if code else "\ufffd"
        if 0xD800 <= code < 0xDC00:  # the first half of one, as on Windows
            high = sign
            continue
        if high:
            sign = (high + sign).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            high = ""
        yield turned.sign(sign, box)


def _line(signs: list[_Sign]) -> Line | None:
    """Return a line with tabs between what stands far apart; None without a sign that is seen."""
    seen = [sign for sign in signs if not sign.text.isspace()]
    if not seen:
        return None
    height = sorted(sign.top - sign.bottom for sign in seen)[len(seen) // 2]
    parts: list[str] = []
    last = seen[0]
    for sign in signs:
        if sign.text.isspace() and sign.text != "\u3000":
            parts += [] if not parts or parts[-1] == " " else [" "]
            continue
        is_apart = sign.left - last.right > _CELLS_APART * height
        if is_apart and _ITEM.fullmatch("".join(parts).strip()) is None:
            parts = [*parts[: len(parts) - (parts[-1:] == [" "])], "\t"]
        parts.append(sign.text)
        last = sign
    whole = "".join(parts).rstrip()
    text = _ENDS_IN_HYPHEN.sub(HYPHEN, whole).translate(_PLAIN)
    places = sorted(sign.bottom for sign in seen)
    bottom = places[len(places) // 2]
    return Line(
        text=text,
        left=seen[0].left,
        right=seen[-1].right,
        bottom=bottom,
        top=bottom + height,
        first_width=_first_width(signs),
    )


def _first_width(signs: list[_Sign]) -> float:
    """Return how wide what may not be parted at the beginning of a line is."""
    last = signs[0]
    for before, sign in pairwise(signs):
        may_break = sign.text.isspace() or UNSPACED.match(before.text) or UNSPACED.match(sign.text)
        if may_break and sign.text not in _UNBREAKABLE:
            break
        last = sign
    return last.right - signs[0].left
