"""Lines as they stand on pages, joined into paragraphs: a page does not say where these end.

A line goes on in the next one where the next word had no room in it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from polar_detect.tables.documents.document import PARAGRAPH, tidied

HYPHEN = "\u00ad"  # behind a letter at the end of a line
# Signs between which lines end without a blank; Korean has blanks.
UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff9f]")
_ALIKE = 0.2  # of the height of a line, which fonts differ in; others are headings or notes
_WIDE_PITCH, _WIDEST_PITCH = 1.3, 1.6  # lines farther apart than in paragraphs begin another
_MIN_WIDTH = 12  # heights of a line; columns of prose are wider
_MIN_FULL = 0.5  # of the lines of prose but the last reach the edge
_INDENT, _SLACK = 0.5, 1.0  # of the height of a line
_EDGE = 3.0  # points by which lines of one column differ
_ENDS_SENTENCE = re.compile(r"[.!?:;。．！？：；][」』）)\"”]*$")
_BULLET = re.compile(r"[•●○■□▪‣–—・◆◇※*-]\s|[①-⑳]")
_NUMBERED = re.compile(r"\(?\w{1,3}[.)．）]\s")
_WORD = re.compile(r"\w+")
_HYPHENATED = re.compile(r"(\w+)\u00ad$")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page.

    Parameters
    ----------
    text : str
        Cells of a table between tabs; `HYPHEN` at its end where a word may go on behind it.
    left, right, bottom, top : float
        Points, from the lower left corner of the page.
    first_width : float
        Of what stands in front of the first place at which the line could be broken.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    first_width: float

    @property
    def height(self) -> float:
        """Of its letters, with their ascenders and descenders."""
        return self.top - self.bottom

    def is_above(self, other: "Line") -> bool:
        """Return whether another line of the same column and size stands below."""
        overlap = min(self.right, other.right) - max(self.left, other.left)
        is_alike = abs(self.height - other.height) <= _ALIKE * self.height
        return is_alike and overlap > 0 and self.bottom - other.bottom > _INDENT * self.height


@dataclass(frozen=True)
class Page:
    """The lines of a page in the order in which it is read, and its size in points."""

    lines: Sequence[Line]
    width: float
    height: float


def joined_lines(pages: Sequence[Page]) -> str:
    """Return the text of some pages with its paragraphs."""
    pitch = _pitch(pages)
    written = _Written(_Words.of(line.text for page in pages for line in page.lines))
    for page in pages:
        for block in _with_edges(_blocks(page.lines, pitch), page.width):
            written.add(block)
    return tidied("".join(written.parts))


def _pitch(pages: Sequence[Page]) -> float:
    """Return how far lines of paragraphs are apart, in their heights.

    Below long lines that are full, of which these go on; without any, as far as the closest.
    """
    steps, closest = [], _WIDEST_PITCH
    for page in pages:
        edges: dict[int, float] = {}  # of lines that begin at one place
        for line in page.lines:
            if "\t" not in line.text:
                edges[round(line.left)] = max(line.right, edges.get(round(line.left), 0.0))
        for above, line in pairwise(page.lines):
            if "\t" in above.text or not above.is_above(line):
                continue
            step = (above.bottom - line.bottom) / above.height
            closest = min(step, closest)
            if _is_long(above) and _is_full(above, line, edges[round(above.left)]):
                steps.append(step)
    return float(np.median(steps)) if steps else closest


class _Block(NamedTuple):
    """Lines close below one another, and the right edge of their column; NaN if unknown."""

    lines: list[Line]
    edge: float


def _blocks(lines: Sequence[Line], pitch: float) -> list[list[Line]]:
    blocks: list[list[Line]] = []
    for line in lines:
        above = blocks[-1][-1] if blocks else None
        is_close = (
            above is not None
            and above.is_above(line)
            and above.bottom - line.bottom <= _WIDE_PITCH * pitch * above.height
        )
        if is_close:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [*map(_without_wide_blanks, blocks)]


def _without_wide_blanks(lines: list[Line]) -> list[Line]:
    """Return lines of prose without the tabs that are blanks of narrow columns with even edges."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    are_rows = ["\t" in line.text for line in lines]
    are_even = all(
        max(line.left - left, right - line.right) < _EDGE
        for line, is_row in zip(lines, are_rows, strict=True)
        if is_row
    )
    if 2 * sum(are_rows) >= len(lines) or not are_even:
        return lines
    return [replace(line, text=line.text.replace("\t", " ")) for line in lines]


def _with_edges(blocks: Sequence[list[Line]], width: float) -> list[_Block]:
    """Return blocks with the edges of their columns.

    Blocks of prose show their own; others have the nearest at which prose or several lines end,
    else that of the page: where its longest line ends, or a margin as wide as the usual left one.
    """
    own = [_own_edge(lines) for lines in blocks]
    starts = Counter(round(line.left) for lines in blocks for line in lines)
    margin = width - (starts.most_common(1)[0][0] if starts else 0)
    long = (line.right for lines in blocks for line in lines if _is_long(line))
    margin = min(margin, max(long, default=margin))
    lefts = [min(line.left for line in lines) for lines in blocks]
    known = {(round(left), edge) for left, edge in zip(lefts, own, strict=True) if edge > 0}
    ends = [
        (round(left), round(line.right))
        for left, lines in zip(lefts, blocks, strict=True)
        for line in lines[:-1]
        if "\t" not in line.text and _is_long(line)
    ]
    known |= {end for end, n in Counter(ends).items() if n > 1}
    found = []
    for lines, left, edge in zip(blocks, lefts, own, strict=True):
        right = max(line.right for line in lines)
        near = (end for start, end in known if end >= right - _EDGE and start <= left + _EDGE)
        found.append(_Block(lines, min(near, default=margin) if np.isnan(edge) else edge))
    return found


def _own_edge(lines: Sequence[Line]) -> float:
    """Return the right edge of prose; NaN where lines are short for reasons of their own."""
    edge = max(line.right for line in lines)
    are_rows = sum("\t" in line.text for line in lines) > len(lines) / 2
    if len(lines) < 3 or are_rows or not any(map(_is_long, lines)):
        return np.nan
    n_even = sum(edge - line.right < _EDGE for line in lines[:-1])
    # Programs that print reckon with other widths of letters than they write: lines that are not
    # even end somewhat before the edge, though another word had room there.
    slack = 0.0 if n_even >= _MIN_FULL * (len(lines) - 1) else _SLACK * lines[0].height
    n_full = sum(_is_full(line, after, edge - slack) for line, after in pairwise(lines))
    return edge - slack if n_full >= _MIN_FULL * (len(lines) - 1) else np.nan


def _is_long(line: Line) -> bool:
    return line.right - line.left > _MIN_WIDTH * line.height


def _is_full(line: Line, after: Line, edge: float) -> bool:
    """Return whether what begins the next line had no room in this one, or it parts a word."""
    if line.text.endswith(HYPHEN):
        return True
    blank = 0.0 if _are_unspaced(line.text, after.text) else 0.2 * line.height
    return line.right + blank + after.first_width > edge + 0.1 * line.height


class _Written:
    """Lines as they are written one behind the other."""

    def __init__(self, words: "_Words") -> None:
        self.parts: list[str] = []
        self._words = words
        self._last: Line | None = None
        self._edge = 0.0
        self._n_lines = 0  # of the paragraph

    def add(self, block: _Block) -> None:
        """Write the lines of a block behind those of the last, which may be of another column."""
        left = min(line.left for line in block.lines)
        for i, line in enumerate(block.lines):
            if self._last is not None:
                is_indented = line.left - left > _INDENT * line.height
                self._add_break(
                    self._last,
                    line,
                    is_first=i == 0,
                    is_indented=is_indented or line.text.startswith("\u3000"),
                )
            self.parts.append(line.text.removesuffix(HYPHEN))
            self._last, self._edge = line, block.edge

    def _add_break(self, last: Line, line: Line, *, is_first: bool, is_indented: bool) -> None:
        are_rows = "\t" in last.text and "\t" in line.text
        goes_on = self._goes_on_elsewhere if is_first else self._goes_on
        if are_rows or not goes_on(last, line, is_indented=is_indented):
            self.parts[-1] += "-" if last.text.endswith(HYPHEN) else ""
            is_apart = not are_rows and (is_first or self._n_lines > 1 or is_indented)
            self.parts.append(PARAGRAPH if is_apart else "\n")
            self._n_lines = 1
            return
        self._n_lines += 1
        if last.text.endswith(HYPHEN):
            self.parts.append(self._words.hyphen(last.text, line.text))
        elif not _are_unspaced(last.text, line.text):
            self.parts.append(" ")

    def _goes_on(self, last: Line, line: Line, *, is_indented: bool) -> bool:
        """Return whether a line goes on in the next one."""
        is_whole = "\t" in last.text or "\t" in line.text or _BULLET.match(line.text) is not None
        if is_whole or not _is_full(last, line, self._edge):
            return False
        may_begin = is_indented or _NUMBERED.match(line.text) is not None
        return not (may_begin and _ENDS_SENTENCE.search(last.text))

    def _goes_on_elsewhere(self, last: Line, line: Line, *, is_indented: bool) -> bool:
        """Return whether a line goes on in another column, or on another page."""
        is_alike = abs(last.height - line.height) <= _ALIKE * last.height
        is_open = is_alike and not last.is_above(line) and not _ENDS_SENTENCE.search(last.text)
        return is_open and self._goes_on(last, line, is_indented=is_indented)


def _are_unspaced(text: str, after: str) -> bool:
    """Return whether lines of these texts are joined without a blank, as in Japanese."""
    return UNSPACED.match(text[-1:]) is not None or UNSPACED.match(after) is not None


@dataclass(frozen=True)
class _Words:
    """Words of a text that stand in one line, those in front of and behind a hyphen too."""

    words: frozenset[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "_Words":
        whole = (_HYPHENATED.sub("", text.lower()) for text in texts)
        return cls(frozenset(word for text in whole for word in _WORD.findall(text)))

    def hyphen(self, text: str, after: str) -> str:
        """Return the hyphen that stands between a line and the next where that is no break only.

        It is one in words that are written with it elsewhere, or are of two words.
        """
        first, second = _HYPHENATED.search(text.lower()), _WORD.match(after.lower())
        if first is None or second is None or not after[:1].islower():
            return "-"
        one, other = first[1], second[0]
        return "-" if one + other not in self.words and {one, other} <= self.words else ""
