"""One row for each run: readings over time as a table of test pieces, cycles or shots.

Hides what a run comes to. Nothing but how numbers are written is learned from other runs, so that
a run has the same row, and the same columns, in any company.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.errors import EmptyInputError, listing
from polar_detect.tables.cells.numbers import MIN_NUMERIC
from polar_detect.tables.cells.units import unit_as_written, with_unit
from polar_detect.tables.columns.labels import parse_labels
from polar_detect.tables.courses import N_PARTS, Course
from polar_detect.tables.input.chunks import unique_names
from polar_detect.tables.readings import Readings, RunWords, are_judged

_MOST_WORDS, _MOST_CHANGES = 8, 8  # of words in a run, or they are remarks
_MOST_BACK = 0.05  # of its span may what a course goes along fall back, as strain does by noise
_DIGITS = 6
ENTRY = " > "  # between what a run says, one after the other
_MOST_EXACT = 2.0**53  # of whole numbers; a sensor out of range may say 9.9E37
_MAX_LISTED = 5
_HALF_DAY, _DAY = 43_200.0, 86_400.0  # seconds


@dataclass(frozen=True, eq=False)
class RunTable:
    """One row for each run.

    Parameters
    ----------
    frame : (n_runs, n_columns) DataFrame
        What says which run it is, how many readings it has, and what each column comes to.
    notices : tuple of str
        What was left out, or cannot be told.
    """

    frame: pd.DataFrame
    notices: tuple[str, ...] = ()


def summarise_runs(
    readings: pd.DataFrame,
    by: str | Sequence[str] = (),
    *,
    along: str | None = None,
    label_column: str | None = None,
    words: RunWords | None = None,
    entries: Sequence[str] = (),
) -> RunTable:
    """Return one row for each run of a table of readings.

    Parameters
    ----------
    readings : (n_readings, n_columns) DataFrame
        In their order.
    by : str or sequence of str
        Columns that say of which run a reading is; by default all are of one.
    along : str, optional
        Column that courses go along, such as time or strain; by default one that is called as
        one of times is, else the readings as they come.
    label_column : str, optional
        A run is anomalous, 1, if one of its readings is, and normal, 0, if others have a label.
    words : RunWords, optional
    entries : sequence of str
        Columns of steps, events or log lines, of which all are told in their order, as
        ``OPEN > HEAT > HEAT > CLOSE``.

    Raises
    ------
    InputError
        A column is not there, or there twice, or a label is none.
    EmptyInputError
        There is no run.

    Examples
    --------
    >>> readings = pd.DataFrame({"shot": 4 * [1] + 4 * [2], "p [bar]": [0, 5, 9, 9, 0, 5, 5, 9]})
    >>> summarise_runs(readings, "shot").frame[["shot", "readings", "p at 40-50 % [bar]"]]
       shot  readings  p at 40-50 % [bar]
    0     1         4                 6.4
    1     2         4                 5.0
    """
    asked_by = [by] if isinstance(by, str) else by
    words = words or RunWords()
    table = Readings.of(readings, asked_by, along, label_column, words, entries)
    keys = table.keys()
    places: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        if key is not None:
            places.setdefault(key, []).append(i)
    if not places:
        raise EmptyInputError(
            "Got no reading of a run; expected rows with a value in each column that tells runs "
            "apart; choose another file, or other columns."
        )
    runs = [_Run.of(table, np.asarray(own), words) for own in places.values()]
    frame = pd.DataFrame([run.cells for run in runs])
    return RunTable(with_whole_numbers(frame), _notices(table, keys, runs, words))


def with_whole_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of whole numbers say 17, and not 17.0."""
    found: dict[str, Any] = {}
    floats = frame.dtypes[[*map(pd.api.types.is_float_dtype, frame.dtypes)]]
    for name in map(str, floats.index):  # columns of integers may have more digits
        own = frame[name].to_numpy(np.float64, na_value=np.nan)
        is_there = ~np.isnan(own)
        are_exact = np.abs(own[is_there]) <= _MOST_EXACT
        is_whole = is_there.any() and bool(np.all(are_exact & (own[is_there] % 1 == 0)))
        whole = "int64" if is_there.all() else "Int64"
        found[name] = pd.Series(own, frame.index, dtype=whole if is_whole else "float64")
    return frame.assign(**found)


@dataclass(frozen=True)
class _Run:
    """The row of one run.

    `goes_back`: what the course should go along does not grow, or is not there; `of_many_words`:
    columns left out; `of_one_number`: columns of numbers that stay the same.
    """

    cells: Mapping[str, Any]
    goes_back: bool
    of_many_words: tuple[str, ...]
    of_one_number: frozenset[str]

    @classmethod
    def of(cls, table: Readings, rows: IndexArray, words: RunWords) -> "_Run":
        along = _Along.of(table, rows)
        found = [(name, table.frame[name].iloc[rows[0]]) for name in table.by]
        found.append((words.readings, len(rows)))
        many = []
        for name in (own for own in table.frame.columns if own not in table.by):
            own = _cells(table, name, rows, along, words)
            found += own.items()
            many += [] if own else [name]
        names, _ = unique_names([name for name, _ in found])
        values = (cell for _, cell in found)
        same = {
            name
            for name, numbers in table.numbers.items()
            if name != table.axis and len(rows) > 1 and np.all(numbers[rows] == numbers[rows[0]])
        }
        cells = dict(zip(names, values, strict=True))
        return cls(cells, along.goes_back, tuple(many), frozenset(same))


@dataclass(frozen=True, eq=False)
class _Along:
    """What the course of a run goes along.

    Parameters
    ----------
    places : (n_readings,) float64
        Shares of the course, growing from 0 to 1; NaN where nobody knows.
    span : float
        From first to last, NaN where the axis does not grow.
    goes_back : bool
    """

    places: Float64Array
    span: float = np.nan
    goes_back: bool = False

    @classmethod
    def of(cls, table: Readings, rows: IndexArray) -> "_Along":
        even = np.linspace(0, 1, len(rows))
        if table.moments is None:
            return cls(even)
        moments = table.moments[rows]
        if table.axis not in table.numbers:
            moments = _over_midnight(moments)
        places = np.full(len(rows), np.nan)
        is_there = ~np.isnan(moments)
        own = moments[is_there]
        span = float(own[-1] - own[0]) if len(own) else 0.0
        upwards: Float64Array = own * np.sign(span or 1)
        grown: Float64Array = np.maximum.accumulate(upwards)
        stays = len(own) == len(rows) and not np.ptp(own)  # as a setting that is called a time
        falls = bool(np.any(grown - upwards > _MOST_BACK * abs(span)))
        if falls or not span or np.mean(is_there) < MIN_NUMERIC:
            return cls(places if table.is_asked else even, np.nan, table.is_asked or not stays)
        places[is_there] = (grown - grown[0]) / (grown[-1] - grown[0])
        return cls(places, abs(span))


def _notices(
    table: Readings, keys: Sequence[Hashable], runs: Sequence["_Run"], words: RunWords
) -> tuple[str, ...]:
    """Return what is to be said of the runs that were made."""
    n_without = sum(key is None for key in keys)
    n_apart = len([*groupby(filter(None, keys))]) - len(runs) if table.by else 0
    n_apart *= not table.entries  # of which those of several runs often come at a time
    n_back = sum(run.goes_back for run in runs)
    many = [*dict.fromkeys(name for run in runs for name in run.of_many_words)]
    one = frozenset.intersection(*(run.of_one_number for run in runs))
    same = [name for name in table.frame.columns if name in one]
    judged = [name for name, own in table.texts.items() if name != table.label and are_judged(own)]
    how = "no course is told" if table.is_asked else "courses go by the readings"
    said = {
        f"readings left out that do not say of which run they are: {n_without}": n_without,
        f"readings of one run stand in several places, with others between: {n_apart} more "
        f"than there are runs; where these are runs of their own, name in {words.by} what tells "
        "them apart": n_apart,
        f"runs in which column {table.axis!r} does not grow, where {how}: {n_back}": n_back,
        f"columns of one number throughout: {listing([*map(repr, same)], _MAX_LISTED)}; where "
        f"that is a setting, name it in {words.by}, and where it is a label, in "
        f"{words.label_column}, to have one column of it": len(same),
        f"columns that call readings anomalous: {listing([*map(repr, judged)], _MAX_LISTED)}; "
        f"pass one as {words.label_column} to call their runs so": len(judged),
        "columns that say many things in a run are left out: "
        f"{listing([*map(repr, many)], _MAX_LISTED)}": len(many),
    }
    return tuple(notice for notice, n in said.items() if n)


def _over_midnight(seconds: Float64Array) -> Float64Array:
    """Return times of day that go on behind midnight."""
    is_there = ~np.isnan(seconds)
    is_night = np.diff(seconds[is_there], prepend=seconds[is_there][:1]) < -_HALF_DAY
    found = seconds.copy()
    found[is_there] += _DAY * np.cumsum(is_night)
    return found


def _cells(
    table: Readings, name: str, rows: IndexArray, along: _Along, words: RunWords
) -> dict[str, Any]:
    """Return what a column of a run comes to; nothing where it says too many things."""
    first = table.frame[name].iloc[rows[0]]
    if name == table.label:
        cells = table.frame[name].iloc[rows]
        is_anomalous, is_given = parse_labels(cells, name, rows + 2)  # below a heading
        return {name: int(is_anomalous.any()) if is_given.any() else None}
    if name == table.axis:
        is_number = name in table.numbers
        span = {_named(words.span, name, None if is_number else "s"): along.span}
        return span if is_number else {name: first} | span
    if name in table.numbers:
        course = Course.of(table.numbers[name][rows], along.places)
        found = zip(_names(name, words), course.figures, strict=True)
        return {own: float(f"{figure:.{_DIGITS}g}") for own, figure in found}
    return _words(table, name, rows, words)


def _words(table: Readings, name: str, rows: IndexArray, words: RunWords) -> dict[str, Any]:
    """Return what a run says in a column of words: all of it, or what changes."""
    first = table.frame[name].iloc[rows[0]]
    texts = [table.texts[name][i] for i in rows]
    if name in table.entries:
        return {name: ENTRY.join(_as_entry(text) for text in texts if text) or None}
    said = [text for text, _ in groupby(filter(None, texts))]
    if len({*said}) > _MOST_WORDS:
        return {}
    if len(said) > 1 + _MOST_CHANGES:
        return {name: words.often.format(n=_MOST_CHANGES)}
    return {name: first if len(said) == 1 and texts[0] else ENTRY.join(said) or None}


def _as_entry(text: str) -> str:
    """Return a cell, or a line of text, as one entry among others."""
    return " ".join(text.split()).replace(ENTRY, ENTRY.strip())


@cache
def _names(name: str, words: RunWords) -> tuple[str, ...]:
    """Return what the figures of a column of numbers are called."""
    edges = [100 * i // N_PARTS for i in range(N_PARTS + 1)]
    parts = [words.part.format(name="{name}", low=low, high=high) for low, high in pairwise(edges)]
    figures = (*parts, words.lowest, words.highest, words.noise, words.jump)
    return (name, *(_named(own, name) for own in figures))


def _named(pattern: str, name: str, unit: str | None = None) -> str:
    """Return what a figure of a column is called, with its unit as written, or another, behind."""
    bare, behind = unit_as_written(name)
    called = pattern.replace("{name}", bare)
    return f"{called} {behind}".strip() if unit is None else with_unit(called, unit)
