"""A text cut for reading, with the words marked that are hardest to predict from normal texts.

Or of a row with columns of numbers or categories, the cells that raised its score most.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from polar_detect.messages.formatting import one_line
from polar_detect.report.content.data import RowReport
from polar_detect.signature.marks.spans import TokenLoss, joined_in_words
from polar_detect.texts.graphemes import whole_graphemes
from polar_detect.texts.visible import visible
from polar_detect.texts.words import words_at

Level = Literal["plain", "much", "most", "unread"]

_HEAD_CHARACTERS = 600  # of a text, shown at once
_HEAD_LINES = 10
_REST_CHARACTERS = 3_000  # of a text, shown on demand
_N_COSTLIEST = 3
_MOST, _MUCH = 0.25, 0.5  # shares of a text's loss that its costliest words make up
_CELL_MOST, _CELL_MUCH = 0.5, 0.1  # of the largest part that raised a row's score


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a text is marked, and what for: the loss of a word, or a cell's part of the score."""

    start: int
    stop: int
    level: Level
    value: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text; `value` where it is marked, as in `Mark`."""

    text: str
    level: Level = "plain"
    value: float | None = None


@dataclass(frozen=True, slots=True)
class ClippedText:
    """A text in three parts: shown at once, shown on demand, left out (counted).

    Parameters
    ----------
    segments : tuple of Segment
        The part shown at once.
    rest : str
    n_left_out : int
        Characters.
    n_read : int or None
        Characters that the model reads, where it does not read all.
    """

    segments: tuple[Segment, ...]
    rest: str
    n_left_out: int
    n_read: int | None = None

    @property
    def head(self) -> str:
        """What is shown at once, without marks."""
        return "".join(segment.text for segment in self.segments)


def clip(
    text: str, tokens: Sequence[TokenLoss] = (), marks: Sequence[Mark] | None = None
) -> ClippedText:
    """Return `text` cut for reading, its costliest words marked, or what `marks` say instead.

    >>> clip("short").head
    'short'
    """
    shown = text[: whole_graphemes(text, _HEAD_CHARACTERS + _REST_CHARACTERS)]
    lines = shown.split("\n", _HEAD_LINES)
    # Letters keep their signs, and line ends of two characters stay whole.
    n_head = whole_graphemes(text, min(_HEAD_CHARACTERS, len("\n".join(lines[:_HEAD_LINES]))))
    n_read = tokens[-1].stop if tokens else len(text)
    is_cut = len(text[n_read:].strip()) > 0
    return ClippedText(
        segments=_merged(
            _segments(
                shown[:n_head],
                _word_marks(text, tokens) if marks is None else marks,
                n_read if is_cut else len(text),
            )
        ),
        rest=visible(shown[n_head:]),
        n_left_out=max(0, len(text) - len(shown)),
        n_read=n_read if is_cut else None,
    )


def cell_marks(row: RowReport) -> list[Mark]:
    """Return the cells that raised the score of a row, but for those of no account."""
    largest = max((part.value for part in (*row.layers, *row.whole)), default=0.0)
    return [
        Mark(
            cell.start,
            cell.stop,
            "most" if cell.part >= _CELL_MOST * largest else "much",
            cell.part,
        )
        for cell in row.cells
        if cell.part > 0 and cell.part >= _CELL_MUCH * largest
    ]


def costliest(text: str, tokens: Sequence[TokenLoss]) -> tuple[str, ...]:
    """Return up to three words of `text` that cost most, as one line each."""
    levels = _levels(text, tokens)  # costliest first
    marked = [(own.start, own.stop) for own, level in levels.items() if level != "plain"]
    written = (one_line(word, 40) for word in words_at(text, marked))
    return tuple(dict.fromkeys(word for word in written if word))[:_N_COSTLIEST]


def _word_marks(text: str, tokens: Sequence[TokenLoss]) -> list[Mark]:
    return [
        Mark(word.start, word.stop, level, word.loss)
        for word, level in _levels(text, tokens).items()
        if level != "plain"
    ]


def _segments(head: str, marks: Sequence[Mark], n_read: int) -> Iterator[Segment]:
    place = 0
    for mark in sorted(marks, key=lambda mark: mark.start):
        if mark.start >= len(head):
            break
        own = head[mark.start : mark.stop]
        # Leading white space belongs to a token, but a mark under it says nothing.
        start = mark.start + len(own) - len(own.lstrip())
        yield from _unmarked(head, place, start, n_read)
        yield Segment(head[start : mark.stop], mark.level, mark.value)
        place = max(start, mark.stop)
    yield from _unmarked(head, place, len(head), n_read)


def _unmarked(head: str, start: int, stop: int, n_read: int) -> Iterator[Segment]:
    yield Segment(head[start : min(stop, n_read)])
    yield Segment(head[max(start, n_read) : stop], "unread")


def _levels(text: str, tokens: Sequence[TokenLoss]) -> dict[TokenLoss, Level]:
    """Say which words of a text make up the first quarter and half of its loss, costliest first."""
    words = joined_in_words(text, tokens)
    total = sum(word.loss for word in words)
    levels: dict[TokenLoss, Level] = {}
    before = 0.0
    for word in sorted(words, key=lambda w: -w.loss):
        share = before / total if total > 0 else 1.0
        levels[word] = "most" if share < _MOST else "much" if share < _MUCH else "plain"
        before += word.loss
    return levels


def _merged(segments: Iterator[Segment]) -> tuple[Segment, ...]:
    """Return the segments with visible characters, plain neighbours made one."""
    merged: list[Segment] = []
    for segment in segments:
        if not segment.text:
            continue
        last = merged[-1] if merged else None
        if last and last.value is None and segment.value is None and last.level == segment.level:
            merged[-1] = Segment(last.text + segment.text, last.level)
        else:
            merged.append(segment)
    return tuple(Segment(visible(s.text), s.level, s.value) for s in merged)
