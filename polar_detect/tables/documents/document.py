"""What a file of any format comes to: one text, and what is known of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

PARAGRAPH = "\n\n"
_BLANK_LINES = re.compile(r"\n{2,}")
_MAX_CELL_CHARS = 200  # of cells with data; longer ones are prose that a form has in boxes


@dataclass(frozen=True)
class Document:
    """One document.

    Parameters
    ----------
    text : str
        Paragraphs with a blank line between them; rows of tables are lines, their cells between
        tabs.
    title, author, date : str or None
        Of a mail its subject, sender and date.
    quoted : str or None
        What a mail quotes of earlier ones.
    notices : tuple of str
        What was left out, for people.
    """

    text: str
    title: str | None = None
    author: str | None = None
    date: str | None = None
    quoted: str | None = None
    notices: tuple[str, ...] = ()


def tidied(text: str) -> str:
    r"""Return a text with line feeds as its line ends, and one blank line between paragraphs.

    >>> tidied("D1 Team\r\n\r\n \r\nD2 Problem  \r\n")
    'D1 Team\n\nD2 Problem'
    """
    lines = re.sub(r"\r\n?", "\n", text).split("\n")
    whole = "\n".join(line.rstrip() for line in lines)
    return _BLANK_LINES.sub(PARAGRAPH, whole).strip("\n")


def row_text(cells: Sequence[str]) -> str:
    r"""Return a row of a table as a line, with tabs between its cells.

    Forms and mails put prose into tables, and tables into tables: such cells are paragraphs.

    >>> row_text(["D1", "Sato\nMori", ""]), row_text(["", "one box\n\nof text"])
    ('D1\tSato Mori', '\n\none box\n\nof text\n\n')
    """
    filled = [cell for cell in cells if cell]
    if any(_is_prose(cell, is_alone=len(filled) == 1) for cell in filled) or len(cells) == 1:
        return f"{PARAGRAPH}{PARAGRAPH.join(filled)}{PARAGRAPH}" if filled else ""
    return "\t".join(" ".join(cell.split()) for cell in cells).rstrip("\t")


def _is_prose(cell: str, *, is_alone: bool) -> bool:
    is_long = len(cell) > _MAX_CELL_CHARS
    return "\t" in cell or (is_long and is_alone) or (PARAGRAPH in cell and (is_long or is_alone))


def one_line(text: object) -> str | None:
    r"""Return what a field of a document says on one line; None where it says nothing.

    >>> one_line(" Crack in \n the housing "), one_line("")
    ('Crack in the housing', None)
    """
    return " ".join(str(text or "").split()) or None
