"""The text of an HTML page: what a reader sees, its paragraphs and the rows of its tables.

Nothing that the page names is fetched, and no script runs.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from polar_detect.tables.documents.document import PARAGRAPH, Document, one_line, row_text, tidied

_UNSEEN = frozenset({"head", "script", "style", "template", "noscript", "object", "select", "svg"})
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "col", "wbr", "area", "base"})
_ROWS, _CELLS = frozenset({"tr", "thead", "tbody", "tfoot"}), frozenset({"td", "th"})
_ENDS = dict.fromkeys(
    [
        *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "hr"),
        *("blockquote", "article", "section", "header", "footer", "main", "nav", "aside"),
        *("form", "figure", "fieldset"),
    ],
    PARAGRAPH,
) | dict.fromkeys(
    ["div", "li", "dt", "dd", "caption", "figcaption", "address", "legend", "details"], "\n"
)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE
)
_CHARSET = re.compile(rb"<(?:meta|\?xml)\b[^>]*?(?:charset|encoding)\s*=\s*[\"']?([\w.:-]+)", re.I)
_START_BYTES = 4096
_MAX_NESTED = 50  # tables in tables
_BLANKS = re.compile(r"[ \t\n\r\f]+")  # not the no-break ones


def charset_of(content: bytes) -> str | None:
    """Return the encoding that a page says to have, if it does.

    >>> charset_of(b'<html><meta charset="Shift_JIS">'), charset_of(b"<p>charset=x</p>")
    ('Shift_JIS', None)
    """
    found = _CHARSET.search(content[:_START_BYTES])
    return None if found is None else found[1].decode("ascii")


def page(html: str) -> Document:
    r"""Return what an HTML page says.

    >>> page("<title>8D</title><p>One <b>crack</b>.<table><tr><td>A<td>7</table>")
    Document(text='One crack.\n\nA\t7', title='8D', author=None, date=None, quoted=None, notices=())
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Document(tidied(reader.text()), title=one_line("".join(reader.title)))


class _Flow:
    """Text as it flows: blanks in one, lines and paragraphs ended where tags say so."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def add(self, data: str) -> None:
        """Add what stands between two tags."""
        data = _BLANKS.sub(" ", data)
        is_first = not self._parts or self._parts[-1][-1] in "\n "
        if data := data.removeprefix(" ") if is_first else data:
            self._parts.append(data)

    def add_as_is(self, data: str) -> None:
        """Add what keeps its blanks and lines."""
        self._parts += [data] if data else []

    def end(self, end: str) -> None:
        """End a line or a paragraph, unless it has only begun."""
        is_new = bool(self._parts) and (end == PARAGRAPH or self._parts[-1][-1] != "\n")
        if end and is_new:
            self._parts.append(end)

    def text(self) -> str:
        """Return everything."""
        return tidied("".join(self._parts))


@dataclass
class _Table:
    """A table that is read: its finished rows, and the row and cell that are open."""

    rows: list[str] = field(default_factory=list)
    cells: list[_Flow] = field(default_factory=list)

    def end_row(self) -> None:
        """End the row that is open."""
        self.rows.append(row_text([cell.text() for cell in self.cells]))
        self.cells = []


class _Reader(HTMLParser):
    """Collects what is seen."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self._whole = _Flow()
        self._tables: list[_Table] = []
        self._unseen: list[str] = []  # tags that are open in one that is not seen, and this
        self._n_pre = 0
        self._in_title = False

    def text(self) -> str:
        """Return everything that is seen."""
        while self._tables:
            self._end_table()
        return self._whole.text()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin what a tag stands for."""
        self._in_title = tag == "title"
        if tag == "body":
            self._unseen.clear()  # of a head that nobody closed
        style = next((own or "" for name, own in attrs if name == "style"), "")
        is_hidden = any(name == "hidden" for name, _ in attrs) or _HIDDEN.search(style)
        if self._unseen or tag in _UNSEEN or is_hidden:
            self._unseen += [] if tag in _VOID else [tag]
            return
        if tag == "table" and len(self._tables) < _MAX_NESTED:
            self._tables.append(_Table())
        elif tag in _ROWS and self._tables:
            self._tables[-1].end_row()
        elif tag in _CELLS and self._tables:
            self._tables[-1].cells.append(_Flow())
        elif tag == "br":
            self._flow.add_as_is("\n")
        self._flow.end(_ENDS.get(tag, ""))
        self._n_pre += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        """End it, and what nobody closed inside it."""
        self._in_title = False
        if self._unseen:
            if tag in self._unseen:
                last = len(self._unseen) - 1 - self._unseen[::-1].index(tag)
                del self._unseen[last:]
            return
        self._n_pre -= tag == "pre" and self._n_pre > 0
        if tag == "table" and self._tables:
            self._end_table()
        elif tag == "tr" and self._tables:
            self._tables[-1].end_row()
        self._flow.end(_ENDS.get(tag, ""))

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self._in_title:
            self.title.append(data)
        elif not self._unseen:
            (self._flow.add_as_is if self._n_pre else self._flow.add)(data)

    @property
    def _flow(self) -> _Flow:
        """Where text goes: the cell that is open, if one is."""
        return next((own.cells[-1] for own in self._tables[::-1] if own.cells), self._whole)

    def _end_table(self) -> None:
        table = self._tables.pop()
        table.end_row()
        self._flow.end(PARAGRAPH)
        self._flow.add_as_is("\n".join(filter(None, table.rows)))
        self._flow.end(PARAGRAPH)
