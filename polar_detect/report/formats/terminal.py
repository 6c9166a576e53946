"""Programs, curves and scored rows for a terminal; readable without colour and when piped."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from rich.table import Table
from rich.text import Text

from polar_detect.drift import Drift
from polar_detect.messages.formatting import (
    Numbers,
    about,
    is_empty,
    one_line,
    p_value,
    pairs,
)
from polar_detect.messages.language import ENGLISH, Language
from polar_detect.program import Program
from polar_detect.report.content.data import ListedRow, Numbering
from polar_detect.report.content.row_phrases import leading_reasons

_BLOCKS = "▁▂▃▄▅▆▇█"
_SKIP, _KEEP = "·", "█"
_STYLES = {0: "dim", 1: "blue"}
_LOOP_STYLE = "bold black on bright_yellow"
_TEXT_CHARACTERS = 200  # more than any terminal shows; the table cuts to its width
_NUMBERS = Numbers(2)


def program_strip(program: Program, n_layers: int) -> Text:
    """Return one character per layer: ``·`` skipped, ``█`` kept, a digit for looped.

    >>> program_strip(Program.parse("0-1 [2-3]x2 6"), 8).plain
    '██22··█·'
    """
    strip = Text(no_wrap=True)
    for calls in program.counts(n_layers):
        strip.append(_cell(calls), _STYLES.get(calls, _LOOP_STYLE))
    return strip


def layer_ruler(n_layers: int) -> Text:
    """Return the line that goes under a strip: every fifth layer index.

    >>> layer_ruler(12).plain
    '0    5    10'
    """
    marks = (str(layer).ljust(5) for layer in range(0, n_layers, 5))
    return Text("".join(marks).rstrip(), style="dim", no_wrap=True)


def sparkline(values: ArrayLike) -> str:
    """Return one block per value, from the lowest to the highest; a space where not finite.

    >>> sparkline([0.0, 0.5, 1.0, float("nan")])
    '▁▅█ '
    """
    heights = np.asarray(values, dtype=np.float64)
    finite = heights[np.isfinite(heights)]
    if len(finite) == 0:
        return " " * len(heights)
    low, span = float(finite.min()), float(np.ptp(finite)) or 1.0
    top = len(_BLOCKS) - 1
    return "".join(
        _BLOCKS[math.floor((height - low) / span * top + 0.5)] if math.isfinite(height) else " "
        for height in heights
    )


def worst_rows(
    rows: Sequence[ListedRow], numbering: Numbering = "data", language: Language = ENGLISH
) -> Table:
    """Return the rows as a table without lines: what scored how, and what raised it.

    Parameters
    ----------
    rows : sequence of ListedRow
        In the order of display.
    numbering : {"sheet", "file", "data", "index"}
        What their numbers count.
    language : Language
        Of all but the texts.

    Returns
    -------
    Table
        Columns row (or line), score, p, flag, label (where any row has one), raised by, text.
    """
    has_labels = any(row.label is not None for row in rows)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for key in (f"column.row.{numbering}", "column.score", "terminal.p"):
        table.add_column(language.say(key), justify="right", no_wrap=True)
    table.add_column(language.say("column.flag"), no_wrap=True)
    if has_labels:
        table.add_column(language.say("column.label"), no_wrap=True)
    table.add_column(language.say("column.reason"), overflow="fold")
    # The cells refuse to wrap, not the column: rich narrows only columns that may wrap.
    table.add_column(language.say("column.text"))
    for row in rows:
        label = [_label(row.label, language)] if has_labels else []
        flag = language.say("terminal.yes" if row.is_anomaly else "terminal.no")
        table.add_row(
            str(row.row),
            _NUMBERS.plain(row.score),
            p_value(row.p_value),
            Text(flag, "bold yellow" if row.is_anomaly else "dim"),
            *label,
            Text(leading_reasons(row, language)),
            _text_cell(row.text, language),
        )
    return table


def strangest_rows(
    rows: Sequence[ListedRow], numbering: Numbering = "data", language: Language = ENGLISH
) -> Table:
    """Return rows in the order of display as a table without lines: which, how strange, and why."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for key in (f"column.row.{numbering}", "column.score"):
        table.add_column(language.say(key), justify="right", no_wrap=True)
    table.add_column(language.say("column.reason"), overflow="fold")
    table.add_column(language.say("column.text"))
    for row in rows:
        score, text = _NUMBERS.plain(row.score), _text_cell(row.text, language)
        table.add_row(str(row.row), score, Text(leading_reasons(row, language)), text)
    return table


def score_summary(
    n_rows: int,
    n_flagged: int,
    *,
    rate: float,
    n_empty: int = 0,
    drift: Drift | None = None,
    language: Language = ENGLISH,
) -> Text:
    """Return how many rows were flagged, how many chance alone would flag, and the drift.

    `rate` is the share of normal rows that is flagged.

    >>> print(score_summary(240, 31, rate=0.05, n_empty=3))
    237 rows scored, 31 flagged; about 12 expected by chance alone (5 % of 237).
    3 rows have no text and were not scored.
    """
    n_scored = n_rows - n_empty
    lines = [
        language.count(
            "terminal.scored",
            n_scored,
            flagged=n_flagged,
            expected=about(rate * n_scored),
            alpha=language.rate(rate),
        )
    ]
    if n_empty:
        lines.append(language.count("summary.empty", n_empty))
    if drift is not None:
        lines.append(drift_line(drift, language))
    summary = Text("\n".join(lines))
    flagged = language.say("terminal.flagged", flagged=n_flagged)
    summary.highlight_words([flagged], "bold yellow" if n_flagged else "bold")
    if drift is not None and drift.is_drifted:
        summary.highlight_words([language.say(f"drift.{drift.verdict}")], "bold yellow")
    return summary


def drift_line(drift: Drift, language: Language = ENGLISH) -> str:
    """Return whether the batch as a whole is different, in one line."""
    verdict = language.say(f"drift.{drift.verdict}")
    if drift.verdict == "too few":
        return verdict
    return language.say(
        "terminal.drift",
        verdict=verdict,
        pairs=pairs(drift.superiority),
        p=p_value(drift.p_value),
    )


def _cell(calls: int) -> str:
    if calls == 0:
        return _SKIP
    if calls == 1:
        return _KEEP
    return str(calls) if calls < 10 else "+"


def _label(label: bool | None, language: Language) -> str:
    if label is None:
        return ""
    return language.say("label.anomaly" if label else "label.normal")


def _text_cell(text: str, language: Language) -> Text:
    # Text, not str: square brackets of a log line are no markup.
    if is_empty(text):
        return Text(language.say("text.empty"), "dim italic")
    return Text(one_line(text, _TEXT_CHARACTERS), no_wrap=True, overflow="ellipsis")
