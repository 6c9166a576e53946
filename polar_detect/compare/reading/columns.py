"""Which columns of a table the methods read: numbers and categories.

Hides how ids are told from measurements, and how few values make a category.
"""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from polar_detect import tables
from polar_detect.arrays import Float64Array
from polar_detect.errors import InputError, counted, listing, quoted
from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.decimal_commas import have_decimal_commas
from polar_detect.tables.cells.number_form import PLAIN, NumberForm
from polar_detect.tables.cells.numbers import MIN_NUMERIC
from polar_detect.tables.columns.selection import find_columns

AUTO, NONE = "auto", "none"
_SPREADS_LIKE_AN_ID = 20  # fewer rising integers than this may well be a measurement
_MAX_CATEGORIES = 50
_MAX_LISTED = 10
MAX_SIZE = 1e30  # of a number: forests and LightGBM read single precision
_MOSTLY = 0.5  # of the cells that are not missing
_ROWS_A_CATEGORY = 3  # on average


@dataclass(frozen=True)
class Category:
    """A column of few values, of which each becomes a column of 0 and 1."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Columns:
    """The columns that methods on numbers read, and those that are written out as text.

    Parameters
    ----------
    numeric : tuple of str
    categories : tuple of Category
    written : tuple of str
        Empty where a column holds the texts.
    notes : tuple of str
        What was left out, in sentences.
    forms : dict of str to NumberForm
        How the numbers of a column are written.
    """

    numeric: tuple[str, ...]
    categories: tuple[Category, ...] = ()
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    forms: Mapping[str, NumberForm] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns of the table, in the order of `sources`."""
        return (*self.numeric, *(category.name for category in self.categories))

    @property
    def sources(self) -> list[str]:
        """For each column of `matrix`, the column of the table that it comes from."""
        own = [[category.name] * len(category.values) for category in self.categories]
        return [*self.numeric, *(name for names in own for name in names)]

    def called_in(self, present: Sequence[str]) -> dict[str, str]:
        """Return what a table calls each column: itself where that is not found.

        Raises
        ------
        InputError
            One is in another unit.
        """
        forms: dict[str, NumberForm | None] = dict.fromkeys(self.names)
        forms |= {name: self.forms.get(name, PLAIN) for name in self.numeric}
        found = find_columns(present, forms)
        return {name: found.get(name, name) for name in self.names}

    def matrix(self, frame: pd.DataFrame, source: str) -> Float64Array:
        """Return the rows as (n_rows, n_columns) numbers; NaN where a cell is none.

        Which columns are of numbers, the training rows have decided: of other rows, one number
        in a column is enough.
        """
        present = [*map(str, frame.columns)]
        called = self.called_in(present)
        numbers = [
            numbers_of(frame, called[name], source, least=0, form=self.forms.get(name, PLAIN))
            for name in self.numeric
        ]
        for category in self.categories:
            own = called[category.name]
            if own not in present:
                raise tables.no_column(present, own, "--columns")
            cells = np.asarray(_stripped(frame[own]), dtype=object)
            numbers += [(cells == value).astype(np.float64) for value in category.values]
        return np.stack(numbers, axis=1) if numbers else np.empty((len(frame), 0))


def choose_columns(
    frame: pd.DataFrame, asked: str, written: Sequence[str] | None, *, others: Sequence[str]
) -> Columns:
    """Return what methods on numbers read of a table.

    Parameters
    ----------
    frame : DataFrame
        Training rows.
    asked : str
        "auto" for all columns of numbers and of few values but ids and constants, "none", or
        names of columns of numbers with commas between them.
    written : sequence of str or None
        Columns that a person wants to be written out; then "auto" reads no others.
    others : sequence of str
        Columns that hold texts or the target, which are not read.
    """
    if asked == NONE:
        return Columns((), written=tuple(written or ()))
    if asked != AUTO:
        return _named(frame, asked, written)
    if written is not None:
        return _found(frame, written, is_written=True)
    candidates = [name for name in map(str, frame.columns) if name not in others]
    return _found(frame, candidates, is_written=False)


def _named(frame: pd.DataFrame, asked: str, written: Sequence[str] | None) -> Columns:
    """Return the columns of numbers that a person named."""
    names = tuple(numeric_asked(asked).choose([*map(str, frame.columns)]))
    commas = have_decimal_commas(frame)
    forms = {name: NumberForm.of(frame[name], name, commas=commas) for name in names}
    for name in names:
        numbers_of(frame, name, "TRAIN", least=MIN_NUMERIC, form=forms[name])
    notes = said_of_forms(forms, frame, names)
    return Columns(names, written=tuple(written or names), notes=notes, forms=forms)


def _found(frame: pd.DataFrame, candidates: Sequence[str], *, is_written: bool) -> Columns:
    """Return which of the columns are numbers and categories, and what is said of the others.

    Those that a person wants to be written out are, whatever they hold.
    """
    commas = have_decimal_commas(frame)
    forms = {name: NumberForm.of(frame[name], name, commas=commas) for name in candidates}
    found = {name: ColumnNumbers.of(frame[name], forms[name]) for name in candidates}
    numbers = {name: cells.values for name, cells in found.items() if cells.is_numeric}
    ids = [name for name, own in numbers.items() if not is_written and _looks_like_an_id(name, own)]
    others = [name for name in candidates if name not in ids]
    ever_new = {} if is_written else tables.new_later(frame, others)
    left_out = {*ids, *ever_new}
    numeric = [name for name, own in numbers.items() if name not in left_out and _varies(own)]
    words = {name: frame[name] for name in others if name not in {*numbers, *ever_new}}
    categories = [*filter(None, (_as_category(name, cells) for name, cells in words.items()))]
    chosen = {*numeric, *(category.name for category in categories)}
    mixed = {
        name: found[name] for name in words if name not in chosen and found[name].share >= _MOSTLY
    }
    notes = [
        *said_of_forms(forms, frame, numeric),
        *_left_out(ids),
        *_mixed(mixed, is_written=is_written),
    ]
    if not is_written:
        left = [name for name in others if name not in {*chosen, *ever_new, *mixed}]
        same = [name for name in left if name in numbers or _says_one_thing(frame[name])]
        notes += _unread(same, [*ever_new], [name for name in left if name not in same])
    written = [name for name in candidates if is_written or name in chosen]
    return Columns(tuple(numeric), tuple(categories), tuple(written), tuple(notes), forms)


def numeric_asked(asked: str) -> tables.RowColumns:
    """Return the columns of numbers that a person named."""
    return tables.RowColumns(asked, "--numeric-columns")


def numbers_of(
    frame: pd.DataFrame, name: str, source: str, *, least: float = 1, form: NumberForm = PLAIN
) -> Float64Array:
    """Return a column as numbers, NaN where a cell is none, or raise `InputError`.

    Parameters
    ----------
    frame : DataFrame
    name, source : str
        Of the column and of the table.
    least : float
        How many of the cells that are not missing have to be numbers.
    form : NumberForm
        How they are written.
    """
    if name not in frame.columns:
        listed = ", ".join(map(str, frame.columns))
        raise InputError(
            f"Got column '{name}'; the table {source} has: {listed}. Name one of them."
        )
    found = ColumnNumbers.of(frame[name], form)
    if found.words and (not found.share or found.share < least):
        raise InputError(
            f"Got column '{name}' of {source} with cells that are not numbers, such as "
            f"{reprlib.repr(found.words[0])}; expected numbers; correct the cells or name another "
            "column."
        )
    if not found.share:
        raise InputError(
            f"Got column '{name}' of {source} without any number; expected numbers; fill in the "
            "cells or name another column."
        )
    return found.values


def note_words(frame: pd.DataFrame, columns: Columns, source: str) -> list[str]:
    """Return what the baselines cannot read in each column of numbers: words, huge numbers."""
    notes = []
    called = columns.called_in([*map(str, frame.columns)])
    for name in columns.numeric:
        found = ColumnNumbers.of(frame[called[name]], columns.forms.get(name, PLAIN))
        words = found.words
        if n_huge := int((np.abs(found.values) > MAX_SIZE).sum()):
            said = f"{counted(n_huge, 'cell')} of column {name!r} beyond {MAX_SIZE:g}"
            notes.append(f"{source}: {said}; for the baselines no number is larger.")
        if words:
            what, such = counted(len(words), "cell"), reprlib.repr(words[0])
            verb = "is no number" if len(words) == 1 else "are no numbers"
            said = f"{what} of column {name!r} {verb}, such as {such}"
            notes.append(f"{source}: {said}; for the baselines they are missing.")
    return notes


def said_of_forms(
    forms: Mapping[str, NumberForm], frame: pd.DataFrame, names: Sequence[str]
) -> tuple[str, ...]:
    """Return which cells of columns mean another number by their forms than by themselves."""
    notices = (own for name in names for own in forms[name].notices(frame[name], name))
    return tuple(f"Read otherwise than written: {notice}." for notice in notices)


def _as_category(name: str, cells: pd.Series) -> Category | None:
    texts = _stripped(cells)
    values = sorted({text for text in texts if text})
    is_few = len(values) <= min(_MAX_CATEGORIES, len(texts) / _ROWS_A_CATEGORY)
    return Category(name, tuple(values)) if len(values) > 1 and is_few else None


def _stripped(cells: pd.Series) -> list[str]:
    return [text.strip() for text in tables.cells_as_text(cells)]


def _looks_like_an_id(name: str, numbers: Float64Array) -> bool:
    is_whole = bool((numbers == np.round(numbers)).all())  # an empty cell is no id
    if not is_whole or len(numbers) < _SPREADS_LIKE_AN_ID:
        return False
    is_rising = bool((np.diff(numbers) > 0).all())
    return is_rising or (tables.is_id_name(name) and len(np.unique(numbers)) == len(numbers))


def _varies(numbers: Float64Array) -> bool:
    present = numbers[~np.isnan(numbers)]
    return bool((present != present[0]).any())


def _left_out(ids: Sequence[Any]) -> list[str]:
    if not ids:
        return []
    if len(ids) == 1:
        return [f"Column {ids[0]!r} counts rows or names them, and was left out."]
    return [f"Columns {quoted(ids)} count rows or name them, and were left out."]


def _says_one_thing(cells: pd.Series) -> bool:
    return len({text for text in _stripped(cells) if text}) <= 1


def _unread(same: Sequence[str], new: Sequence[str], many: Sequence[str]) -> list[str]:
    """Return which other columns no method reads, and why."""
    notes = []
    if same:
        names = listing([*map(repr, same)], _MAX_LISTED)
        notes.append(f"Left out, as all rows say the same there, or nothing: {names}.")
    notes += said_of_new(new)
    if many:
        notes.append(
            "Left out, as neither numbers nor few values that come again are there: "
            f"{listing([*map(repr, many)], _MAX_LISTED)}; --columns reads them as text."
        )
    return notes


def said_of_new(names: Sequence[str]) -> list[str]:
    """Return that columns are left out, if any are, as they are new in all new rows."""
    if not names:
        return []
    return [
        "Left out, as dates, times, codes and running totals of new rows were never seen "
        f"before: {listing([*map(repr, names)], _MAX_LISTED)}."
    ]


def _mixed(columns: Mapping[str, ColumnNumbers], *, is_written: bool) -> list[str]:
    what = "is read as text" if is_written else "was left out"
    return [
        f"Column {name!r} {what}: {cells.percent} % of its cells are numbers, "
        f"others such as {reprlib.repr(cells.words[0])}."
        for name, cells in columns.items()
    ]
