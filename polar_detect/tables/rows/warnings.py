"""What people are told of rows that a detector is fitted on, or scores."""

import math
import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from polar_detect.errors import counted, listing
from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.cells.numbers import MIN_NUMERIC, MISSING, as_numbers
from polar_detect.tables.cells.units import split_unit
from polar_detect.tables.rows.template import RowTemplate
from polar_detect.tables.rows.template_column import TemplateColumn

_MIN_WORDS = 3  # of one or two cells such as ERR their rows tell
_MAX_LISTED_COLUMNS = 10
_MIN_SAMPLES = 8  # columns: fewer may be alike as repeated measurements are
_TIMES_APART = 5  # so many times the numbers of rows differ by what those of one row do
_MOSTLY = 0.5  # of the cells that are not missing
# Roughly as byte-pair encodings of language models split: digits alone, words, signs.
_TOKEN = re.compile(r"\d|[^\W\d_]{1,7}|[^\w\s]")


def warn_of_words(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a warning for each column read as text though most of its cells are numbers."""
    notices = []
    for column in template.columns:
        found = ColumnNumbers.of(frame[column.name])
        if not column.is_numeric and _MOSTLY <= found.share < MIN_NUMERIC:
            notices.append(
                f"column {on_one_line(column.name)!r}: {found.percent} % of the cells are "
                f"numbers, others such as {reprlib.repr(found.words[0])}; it is read as text"
            )
    return notices


def warn_of_sides(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a warning where rows seem to be properties, and columns samples.

    That is, each row has a name of its own and numbers of one size, and most rows have other sizes
    than others, by a power of ten and more.

    >>> rows = pd.DataFrame({"of": ["C [%]", "T [K]", "p [Pa]"]})
    >>> for i in range(8):
    ...     rows[f"melt {i}"] = [f"0.2{i}", f"18{i}0", f"1{i}1325"]
    >>> warn_of_sides(rows, RowTemplate.fit(rows, list(rows)))[0].split(", ")[2]
    "such as 'C [%]' and 'T [K]'"
    """
    numeric = template.numeric
    if len(numeric) < _MIN_SAMPLES or template.columns[0].is_numeric:
        return []
    names = frame[template.columns[0].name].tolist()
    if len(names) < 2 or len({*names}) < len(names):
        return []
    numbers = np.stack([ColumnNumbers.of(frame[own.name], own.form).values for own in numeric])
    sizes = pd.DataFrame(np.log10(np.abs(np.where(numbers == 0, np.nan, numbers))))
    middle = sizes.median()
    within = float((sizes - middle).abs().median().median())
    apart = float(middle.quantile(0.75) - middle.quantile(0.25))
    if not apart > max(1, _TIMES_APART * within):
        return []
    return [
        "the numbers of a row are of one size, as where rows are properties, such as "
        f"{names[0]!r} and {names[1]!r}, and columns are samples; if so swap them, as it is rows "
        "that are judged"
    ]


def _said_of_codes(column: TemplateColumn, cells: pd.Series) -> list[str]:
    words = [*filter(column.form.is_code, ColumnNumbers.of(cells, column.form).words)]
    if not words:
        return []
    return [
        f"column {on_one_line(column.name)!r}: {counted(len(words), 'cell')} with the same few "
        f"words, such as {reprlib.repr(words[0])}; the others are read as numbers"
    ]


def warn_of_forms(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return how columns of numbers are read.

    A notice for each in which 1,5 is 1.5, ▲5 -5, 46% 46, <0.5 .5 or 1:30 90, and for each that says
    OL or OK where it has no number.
    """
    notices = []
    for column in template.all_numeric:
        notices += column.form.notices(frame[column.name], column.name)
        notices += _said_of_codes(column, frame[column.name])
    return notices


def warn_of_empty(template: RowTemplate, texts: Sequence[str], *, reads_texts: bool) -> list[str]:
    """Return a warning of the columns that are empty in all of the rows, as they are written out.

    `reads_texts`: models read the rows, and so what new ones say there.

    >>> template = RowTemplate((TemplateColumn("T", 1), TemplateColumn("note", None)))
    >>> warn_of_empty(template, ["T: 20.1; note: missing"], reads_texts=False)
    ["columns that are empty in all rows do not count, whatever new rows say there: 'note'"]
    """
    rows = [cells for text in texts if (cells := template.cells(text)) is not None]
    columns = zip(template.names, zip(*rows, strict=True), strict=True) if rows else ()
    empty = [repr(on_one_line(name)) for name, cells in columns if {*cells} == {MISSING}]
    if not empty:
        return []
    names = listing(empty, _MAX_LISTED_COLUMNS)
    if not reads_texts:
        return [
            f"columns that are empty in all rows do not count, whatever new rows say there: {names}"
        ]
    return [
        f"columns that are empty in all rows: {names}; a new row that says something there will "
        "look strange, so leave them out with --columns unless it should"
    ]


def warn_of_length(texts: Sequence[str], max_tokens: int, *, has_numbers: bool) -> list[str]:
    """Return a warning when the rows are longer than what the model reads of them.

    `has_numbers`: columns count as numbers too, however far behind they stand.
    """
    lengths = sorted(len(_TOKEN.findall(text)) for text in texts[:200])
    typical = lengths[len(lengths) // 2] if lengths else 0
    if typical <= max_tokens:
        return []
    enough = math.ceil(1.2 * typical / 16) * 16
    but = " (the columns of numbers count in full)" if has_numbers else ""
    return [
        f"a row has about {typical} tokens, of which the model reads the first {max_tokens}{but}; "
        f"pass --max-tokens {enough}, or fewer columns with --columns"
    ]


class LostNumbers:
    """Counts such cells in a table that is read part by part.

    Cells with another unit than their column, and others where most of a column are words, as
    where its decimal points have become commas.

    Parameters
    ----------
    template : RowTemplate
        Which says how the numbers of a column are written.
    """

    def __init__(self, template: RowTemplate) -> None:
        self._template = template
        self._counts = [_Counts(column) for column in template.all_numeric]

    def add(self, frame: pd.DataFrame) -> None:
        """Count the cells of some more rows."""
        found = self._template.words(frame)
        for own, (words, n_numbers) in zip(self._counts, found, strict=True):
            own.n_numbers += n_numbers
            for word in words:
                (own.measured if _is_measured(word, own.column) else own.others).add(word)

    def notices(self) -> list[str]:
        """Return a notice for each column that has such cells."""
        counts = self._counts
        units = [_said_of_units(own.column, own.measured) for own in counts if own.measured.n]
        return units + [_said_of_words(own) for own in counts if own.are_most_words]


@dataclass
class _Words:
    """How many cells there are of a kind, and what the first says."""

    n: int = 0
    first: str = ""

    def add(self, word: str) -> None:
        self.n += 1
        self.first = self.first or word.strip()

    @property
    def cells(self) -> str:
        return "1 cell" if self.n == 1 else f"{self.n} cells"


@dataclass
class _Counts:
    """Of a column of numbers: the cells that are some, and those that are not."""

    column: TemplateColumn
    n_numbers: int = 0
    measured: _Words = field(default_factory=_Words)
    others: _Words = field(default_factory=_Words)

    @property
    def n_filled(self) -> int:
        return self.n_numbers + self.measured.n + self.others.n

    @property
    def are_most_words(self) -> bool:
        return self.others.n >= _MIN_WORDS and 2 * self.others.n > self.n_filled


def warn_of_lost_numbers(frame: pd.DataFrame, template: RowTemplate) -> list[str]:
    """Return a notice for each column of numbers with cells in another unit, or mostly words.

    >>> from polar_detect.tables.cells.number_form import NumberForm
    >>> rows = pd.DataFrame({"T [°C]": ["180", "212 °F"]}, dtype=str)
    >>> template = RowTemplate((TemplateColumn("T [°C]", 0, NumberForm("°C")),))
    >>> warn_of_lost_numbers(rows, template)[0][:47]
    "column 'T [°C]': 1 cell in another unit than °C"
    """
    found = LostNumbers(template)
    found.add(frame)
    return found.notices()


def _is_measured(word: str, column: TemplateColumn) -> bool:
    """Return whether a cell that is no number of a column is one with a unit all the same."""
    found = split_unit(word, is_expected=column.form.unit is not None)
    return found is not None and bool(np.isfinite(as_numbers(found[:1])[0]))


def _said_of_units(column: TemplateColumn, measured: _Words) -> str:
    name, cells, word = on_one_line(column.name), measured.cells, reprlib.repr(measured.first)
    unit = column.form.unit
    if unit is None:
        return (
            f"column {name!r}: {cells} with a unit that the column has not, such as {word}; read "
            "as words, not as numbers"
        )
    return (
        f"column {name!r}: {cells} in another unit than {unit}, such as {word}; read as words, "
        "not as numbers"
    )


def _said_of_words(own: _Counts) -> str:
    return (
        f"column {on_one_line(own.column.name)!r} had numbers when the detector was fitted, and "
        f"{own.others.n} of its {own.n_filled} filled cells are none, such as "
        f"{reprlib.repr(own.others.first)}; write them as they were then"
    )
