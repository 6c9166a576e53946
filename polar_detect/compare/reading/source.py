"""Where the texts and numbers of a row come from: a column of texts, or columns written out.

Hides which columns of the training file that is, and what other files call them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd

from polar_detect import tables
from polar_detect.compare.reading.columns import (
    AUTO,
    NONE,
    Columns,
    choose_columns,
    numeric_asked,
    said_of_new,
)
from polar_detect.errors import InputError
from polar_detect.pipeline import choice
from polar_detect.shell import as_arguments
from polar_detect.tables.cells.decimal_commas import have_decimal_commas
from polar_detect.tables.cells.names import match_column, said_of_match
from polar_detect.tables.cells.number_form import PLAIN, NumberForm
from polar_detect.tables.reading import check_some_text

_MOST_NAMED = 20  # columns, in a command
_CONDITIONS = "--condition-columns"


@dataclass(frozen=True)
class Reading:
    """How the files shall be read and split.

    Parameters
    ----------
    target : str
        The label column, or the column of the number to be predicted.
    kind : {"label", "number"}
    text_column : str or None
        None: the one obvious column; where there is none, rows are written out as text.
    columns : str or None
        Names with commas between them of columns to write out as text, and of no others.
    all_columns : bool
        Rows are written out, also where a column is obviously the one of texts.
    numeric_columns : str
        Names with commas between them, "auto" for all that are numbers or categories, "none".
    test_share : float
        Share of a single file's rows that are held out.
    max_rows : int
        More training or test rows than this are thinned out at random.
    seed : int
    options : ReadOptions
    group_column : str or None
        Column that says which rows hang together, so that test rows are of other groups. None:
        one called lot or the like, of a single file.
    condition_columns : str or None
        Names with commas between them of columns given which detectors judge the others.
    """

    target: str
    kind: Literal["label", "number"] = "label"
    text_column: str | None = None
    columns: str | None = None
    numeric_columns: str = AUTO
    test_share: float = 0.4
    max_rows: int = 1000
    seed: int = 0
    options: tables.ReadOptions = field(default_factory=tables.ReadOptions)
    group_column: str | None = None
    all_columns: bool = False
    condition_columns: str | None = None

    @property
    def takes_rows(self) -> bool:
        """Whether a person wants rows to be written out, also beside a column of texts."""
        return self.all_columns or self.columns is not None

    @property
    def conditions(self) -> tables.RowColumns:
        """The columns that are conditions; `names` of none are none."""
        return tables.RowColumns(self.condition_columns, _CONDITIONS)

    @property
    def named(self) -> list[tables.RowColumns]:
        """The columns that a person named, to be written out or to be read as numbers."""
        named = [] if self.columns is None else [tables.RowColumns(self.columns)]
        if self.numeric_columns in (AUTO, NONE):
            return named
        return [*named, numeric_asked(self.numeric_columns)]


@dataclass(frozen=True, eq=False)
class File:
    """A file that was read, and how.

    Parameters
    ----------
    table : TableRows
    reading : Reading
        With the file's own options, and columns as it calls them.
    """

    table: tables.TableRows
    reading: Reading

    @property
    def name(self) -> str:
        """The file's name, as messages have it."""
        return self.table.reader.name


@dataclass(frozen=True)
class Source:
    """Where texts and numbers of a row come from.

    Parameters
    ----------
    columns : Columns
    text_column : TextColumn or None
        The column of the texts; or
    template : RowTemplate or None
        how they are written out of a row.
    target : NumberForm
        How the numbers to be predicted are written.
    """

    columns: Columns
    text_column: tables.TextColumn | None
    template: tables.RowTemplate | None
    target: NumberForm

    def notices(self, present: Sequence[str]) -> list[str]:
        """Return which columns of a file are taken for those of the training file."""
        called = self.columns.called_in(present)
        if self.text_column is not None:
            called[self.text_column.name] = _find_text(present, self.text_column.name)
        own = [n for name, found in called.items() for n in said_of_match(name, found)]
        written = () if self.template is None else self.template.notices(present)
        return [*dict.fromkeys((*written, *own))]

    @property
    def title(self) -> str:
        """Where the texts come from, in words."""
        if self.text_column is not None:
            return f"column '{self.text_column.name}'"
        n = len(self.columns.written)
        return f"{n} {'column' if n == 1 else 'columns'} written out"

    def texts(self, file: tables.TableRows) -> list[str]:
        """Return the text of each row of a file; raise `InputError` where there is none at all."""
        if self.template is not None:
            return self.template.texts(file.frame)
        assert self.text_column is not None
        own = tables.TextColumn(_find_text(file.reader.columns, self.text_column.name))
        texts = own.texts(file.frame)
        check_some_text(texts, own.name, file.reader.name)
        return texts

    def fit_options(self, file: File, *, has_anomalies: bool) -> str:
        """Return the options of `polar-detect fit` that read the training rows as here."""
        reading = file.reading
        asks_label = reading.kind == "label" and has_anomalies
        label = [reading.target] if asks_label else []
        if self.text_column is not None:
            options = ["--text-column", self.text_column.name]
        elif (reading.all_columns and asks_label) or self._is_all_but(
            label, file.table.reader.columns
        ):
            options = ["--all-columns"]
        else:
            options = ["--columns", tables.RowColumns.of(self.columns.written).asked or ""]
        if asks_label:
            options += ["--label-column", reading.target]
        if reading.condition_columns is not None:
            options += [_CONDITIONS, reading.condition_columns]
        if reading.group_column is not None:
            options += ["--group-column", reading.group_column]
        if reading.options.sheet is not None:
            options += ["--sheet", reading.options.sheet]
        if reading.options.encoding is not None:
            options += ["--encoding", reading.options.encoding]
        return as_arguments(options)

    def _is_all_but(self, label: Sequence[str], present: Sequence[str]) -> bool:
        """Return whether so many columns are written out that nobody names them, and all are."""
        passed = {*label, *tables.result_columns(present)}
        every = [name for name in present if name not in passed]
        return len(every) > _MOST_NAMED and every == [*self.columns.written]


def choose_source(file: File, grouping: str | None) -> Source:
    """Return what is read of a row: a column of texts, or columns written out.

    `grouping` says which rows hang together, and is read only where somebody names it.
    """
    frame, reading = file.table.frame, file.reading
    present = [*map(str, frame.columns)]
    _check_not_read(reading, present)
    target = PLAIN
    if reading.kind == "number":
        commas = have_decimal_commas(frame)
        target = NumberForm.of(frame[reading.target], reading.target, commas=commas)
    unread = [reading.target, *([grouping] if grouping is not None else [])]
    added = tables.result_columns(present, but=reading.target)
    if reading.takes_rows:
        written, notes = _written(frame, reading, [*unread, *added])
        columns = choose_columns(frame, reading.numeric_columns, written, others=[])
        columns = replace(columns, notes=(*columns.notes, *notes))
        return Source(columns, None, _template(file, columns), target)
    text_column = (
        tables.TextColumn(reading.text_column)
        if reading.text_column is not None
        else _obvious_text(frame, reading, unread)
    )
    others = [*unread, *([text_column.name] if text_column else []), *added]
    columns = choose_columns(frame, reading.numeric_columns, None, others=others)
    if text_column is not None:
        choice.under_conditions(None, reading.conditions.names, _CONDITIONS)
        return Source(columns, text_column, None, target)
    if not columns.written:
        raise InputError(
            f"Got neither a text column nor a column of numbers in {file.name}; expected one of "
            "them; pass --text-column, --columns or --numeric-columns."
        )
    return Source(columns, None, _template(file, columns), target)


def _conditions(reading: Reading, present: Sequence[str]) -> list[str]:
    """Return the columns that are conditions, as a file calls them."""
    return reading.conditions.choose(present) if reading.condition_columns is not None else []


def _template(file: File, columns: Columns) -> tables.RowTemplate:
    """Return how rows are written out, conditions among them that tell nothing."""
    frame, reading = file.table.frame, file.reading
    conditions = _conditions(reading, [*map(str, frame.columns)])
    others = [name for name in conditions if name not in columns.written]
    template = tables.RowTemplate.fit(frame, [*columns.written, *others])
    return template.under(conditions, _CONDITIONS)


def _written(
    frame: pd.DataFrame, reading: Reading, others: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the columns that a person wants to be written out, and what is said of others.

    Of all columns those do not count that are new in all new rows, as for `fit`.
    """
    present = [*map(str, frame.columns)]
    if reading.columns is not None:
        written = tables.RowColumns(reading.columns).choose(present)
        others = [name for name in _conditions(reading, present) if name not in written]
        return [*written, *others], []
    candidates = [name for name in present if name not in others]
    ever_new = tables.new_later(frame, candidates)
    return [name for name in candidates if name not in ever_new], said_of_new([*ever_new])


def _check_not_read(reading: Reading, present: Sequence[str]) -> None:
    """Raise `InputError` where the label, or the number to predict, is to be read as well."""
    asked = {columns.option: columns.choose(present) for columns in reading.named}
    asked[_CONDITIONS] = _conditions(reading, present)
    asked["--text-column"] = [reading.text_column] if reading.text_column else []
    for option, names in asked.items():
        if reading.target in names:
            raise InputError(
                f"Got column {reading.target!r} in {option}, which is what is to be found out; "
                "expected other columns; leave it out there."
            )


def _obvious_text(
    frame: pd.DataFrame, reading: Reading, unread: Sequence[str]
) -> tables.TextColumn | None:
    """Return the one column that is obviously texts, which a category beside numbers is not."""
    present = [*map(str, frame.columns)]
    others = [*unread, *tables.result_columns(present, but=reading.target)]
    guess = tables.obvious_text_column(frame[[name for name in present if name not in others]])
    if guess is None:
        return None
    columns = choose_columns(frame, reading.numeric_columns, None, others=others)
    is_category = guess.name in {category.name for category in columns.categories}
    return None if is_category and columns.numeric else guess


def _find_text(present: Sequence[str], name: str) -> str:
    found = match_column(present, name)
    if found is None:
        raise tables.no_column(present, name, "--text-column")
    return found
