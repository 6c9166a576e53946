"""Text in lines of some width: broken at blanks, and in Japanese between any two characters."""

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len

_WIDE = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f"
_OPENING = "（「『【〔［｛〈《"
# No line begins with these: punctuation and what belongs to the character before.
_CLOSING = "、。，．：；！？）」』】〕］｝〉》・…～ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_PIECE = re.compile(
    rf"[{_OPENING}]*(?:[{_WIDE}]|[^\s{_WIDE}{_OPENING}{_CLOSING}]+)?[{_CLOSING}]*\s*"
)


def in_lines(text: str, n_cells: int) -> Sequence[str]:
    """Return text in lines of at most so many cells, of which a Japanese character takes two.

    >>> in_lines("the pump leaks", 9), in_lines("ポンプから水漏れ。", 16)
    (['the pump', 'leaks'], ['ポンプから水漏', 'れ。'])
    """
    lines = [""]
    for piece in _pieces(text, n_cells):
        if lines[-1] and cell_len((lines[-1] + piece).rstrip()) > n_cells:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _pieces(text: str, n_cells: int) -> Iterator[str]:
    """Yield what no line is broken in, and of what is too long for one as much as it takes."""
    for piece in _PIECE.findall(text):
        if cell_len(piece.rstrip()) <= n_cells:
            yield piece
            continue
        part = ""
        for character in piece:
            if part and cell_len((part + character).rstrip()) > n_cells:
                yield part
                part = ""
            part += character
        yield part
