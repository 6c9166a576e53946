"""Detection limits for a terminal."""

import math
from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from polar_detect.messages.formatting import NO_VALUE, cell_number, cell_range, one_line
from polar_detect.messages.language import Language
from polar_detect.pipeline.detection_limits import DetectionLimits

_NAME_CHARACTERS = 40


def limit_tables(found: DetectionLimits, language: Language) -> Iterator[Table]:
    """Return a table of the columns of numbers, and one of those of words, where there are any."""
    if found.numbers:
        table = _table(("column", "usual", "half", "most"), language)
        for own in found.numbers:
            low, high = cell_range(own.low, own.high)
            usual = language.say("card.usual.range", low=low, high=high)
            changes = (_changes(own.down.half, own.up.half), _changes(own.down.most, own.up.most))
            table.add_row(_name(own.column), usual, *changes)
        yield table
    if found.words:
        table = _table(("column", "other", "new"), language)
        for words in found.words:
            shares = (_share(words.other, language), _share(words.new, language))
            table.add_row(_name(words.column), *shares)
        yield table


def _table(keys: tuple[str, ...], language: Language) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for i, key in enumerate(keys):
        table.add_column(language.say(f"limits.{key}"), justify="right" if i else "left")
    return table


def _name(column: str) -> Text:
    return Text(one_line(column, _NAME_CHARACTERS) or NO_VALUE)


def _changes(down: float, up: float) -> str:
    """Return the changes down and up, as one where they are nearly the same.

    >>> _changes(0.0148, 0.0209), _changes(20.8, 20.8), _changes(math.inf, 3.0)
    ('−0.015 / +0.021', '±21', '– / +3')
    """
    written = [cell_number(float(f"{own:.2g}")) for own in (down, up)]
    if not (math.isfinite(down) or math.isfinite(up)):
        return NO_VALUE
    if written[0] == written[1]:
        return f"±{written[0]}"
    signed = (
        f"{sign}{said}" if math.isfinite(own) else NO_VALUE
        for sign, said, own in zip("−+", written, (down, up), strict=True)
    )
    return " / ".join(signed)


def _share(share: float, language: Language) -> str:
    return language.percent(share) if math.isfinite(share) else NO_VALUE
