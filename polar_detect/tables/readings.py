"""A table of readings over time: which of its columns say what, and what their cells hold."""

import re
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array
from polar_detect.errors import InputError
from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.decimal_commas import have_decimal_commas
from polar_detect.tables.cells.names import folded, match_column
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.cells.numbers import MIN_NUMERIC
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.cells.units import unit_behind, without_unit
from polar_detect.tables.columns.dates import are_dates
from polar_detect.tables.columns.identifiers import is_id_name, is_lot_name
from polar_detect.tables.columns.label_words import JUDGED, LABEL_OF, said_by
from polar_detect.tables.columns.selection import RowColumns
from polar_detect.tables.columns.text_column import no_column

_SAMPLE = 40
# As `folded` has them, without their unit; t alone may be a thickness.
_TIME_NAMES = """
time times timestamp timeofday datetime date/time elapsed elapsedtime testtime runtime sec
second seconds 時間 時刻 日時 経過時間 測定時間 計測時間 試験時間 測定日時 計測日時 記録日時
タイムスタンプ 秒 zeit uhrzeit zeitstempel messzeit versuchszeit laufzeit temps heure tempo ora
tiempo hora czas godzina čas cas zaman saat время 时间 時間戳 时间戳 測試時間 测试时间 시간 시각
thờigian
"""
_TIMES = frozenset(_TIME_NAMES.split())
_UNITS_OF_TIME = "s sec ms msec μs min h hr hours minutes seconds 秒 分 時間 с сек мин ч"
_TIME_UNITS = frozenset(_UNITS_OF_TIME.split())
_UNIT_IN_NAME = re.compile(r"_(?:s|sec|ms|min|h)$")  # of names without brackets


@dataclass(frozen=True)
class RunWords:
    """What columns of runs are called, and what is said of words that change again and again.

    `{name}` is a column of readings, without its unit, which stands behind. `by`, `along`,
    `label_column` and `entries` are what messages call the arguments of `summarise_runs`.
    """

    readings: str = "readings"
    part: str = "{name} at {low}-{high} %"
    lowest: str = "{name} lowest"
    highest: str = "{name} highest"
    noise: str = "{name} noise"
    jump: str = "{name} jump"
    span: str = "{name} span"
    often: str = "more than {n} changes"
    by: str = "by"
    along: str = "along"
    label_column: str = "label_column"
    entries: str = "entries"


@dataclass(frozen=True, eq=False)
class Readings:
    """A table of readings, and which of its columns say what.

    Parameters
    ----------
    frame : (n_readings, n_columns) DataFrame
    by : tuple of str
    axis : str or None
        What courses go along; None for the readings as they come.
    is_asked : bool
        Whether somebody named that column.
    label : str or None
    moments : (n_readings,) float64 or None
        What the axis says; of dates and times of day seconds.
    numbers : mapping of str to (n_readings,) float64
        Of the columns of numbers, NaN where there is none.
    texts : mapping of str to list of str
        What each cell of the others says.
    entries : tuple of str
        Those of the others of which all is told.
    """

    frame: pd.DataFrame
    by: tuple[str, ...]
    axis: str | None
    is_asked: bool
    label: str | None
    moments: Float64Array | None
    numbers: Mapping[str, Float64Array]
    texts: Mapping[str, list[str]]
    entries: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        readings: pd.DataFrame,
        by: Sequence[str],
        along: str | None,
        label: str | None,
        words: RunWords,
        entries: Sequence[str] = (),
    ) -> Self:
        """Return a table with its columns told apart; `label` is the column of labels.

        Raises
        ------
        InputError
            A column is not there, or there twice.
        """
        frame = readings.set_axis([*map(str, readings.columns)], axis=1)
        names = [*frame.columns]
        if len({*names}) < len(names):
            twice = frame.columns[frame.columns.duplicated()][0]
            raise InputError(
                f"Got two columns named {twice!r}; expected a name for each; rename one."
            )
        own_by = tuple(RowColumns.of(by, words.by).choose(names) if by else ())
        label = label and _found(names, label, words.label_column)
        axis = along and _found(names, along, words.along)
        own_entries = tuple(_found(names, name, words.entries) for name in entries)
        if again := {*own_entries} & {*own_by, axis, label}:
            raise InputError(
                f"Got column {again.pop()!r} in {words.entries} and elsewhere too; expected it in "
                "one place; name it once."
            )
        if along is None:
            others = (name for name in names if name not in (*own_by, *own_entries, label))
            axis = next(filter(_is_time_name, others), None)
        commas = have_decimal_commas(frame)
        found = {
            name: _numbers(frame[name], commas=commas)
            for name in names
            if name not in (*own_by, *own_entries, label)
        }
        numbers = {name: own for name, own in found.items() if own is not None}
        texts = {
            name: [text.strip() for text in cells_as_text(frame[name])]
            for name in names
            if name not in numbers
        }
        moments = None
        if axis is not None:
            moments = numbers[axis] if axis in numbers else _seconds(texts[axis], axis)
        is_asked = along is not None
        return cls(frame, own_by, axis, is_asked, label, moments, numbers, texts, own_entries)

    def keys(self) -> Sequence[Hashable]:
        """Return of which run each reading is, None where a column does not say."""
        if not self.by:
            return len(self.frame) * [()]
        said = zip(*(self.texts[name] for name in self.by), strict=True)
        return [key if all(key) else None for key in said]


def are_judged(texts: Sequence[str]) -> bool:
    """Return whether readings are called normal or anomalous, and some of either."""
    words = {*map(said_by, {*texts})} - {""}
    return JUDGED.issuperset(words) and len({LABEL_OF[word] for word in words}) > 1


def _found(names: Sequence[str], name: str, option: str) -> str:
    found = match_column(names, name, may_add_unit=True)
    if found is None:
        raise no_column(names, name, option)
    return found


def _is_time_name(name: str) -> bool:
    """Return whether a column is called as one is that says when a reading was taken.

    >>> [*filter(_is_time_name, ["Time", "t [s]", "時間（分）", "time_ms", "T [s]", "t [mm]"])]
    ['Time', 't [s]', '時間（分）', 'time_ms']
    """
    unit, bare = unit_behind(name), without_unit(name).strip()
    if bare == "t" or unit is not None:
        return (bare == "t" or folded(bare) in _TIMES) and folded(unit or "") in _TIME_UNITS
    return folded(_UNIT_IN_NAME.sub("", bare)) in _TIMES


def _numbers(cells: pd.Series, *, commas: bool) -> Float64Array | None:
    """Return the numbers of a column of them; None of another, or of one that names something."""
    name = str(cells.name)
    if is_lot_name(name) or is_id_name(name) or pd.api.types.is_bool_dtype(cells):
        return None
    if pd.api.types.is_numeric_dtype(cells):
        values = cells.to_numpy(np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)
    found = ColumnNumbers.of(cells, NumberForm.of(cells, name, commas=commas))
    return found.values if found.is_numeric else None


def _seconds(texts: Sequence[str], name: str) -> Float64Array:
    """Return dates, or times of day, in seconds; NaN throughout of anything else."""
    cells = pd.Series(texts, dtype="str")
    if are_dates([*filter(None, texts)][:_SAMPLE], name):
        found = pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")
        if found.isna().mean() > 1 - MIN_NUMERIC:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of dates in no single format
                found = pd.to_datetime(cells, errors="coerce", utc=True)
        passed = found - found.min()
    else:
        passed = pd.to_timedelta(cells, errors="coerce")
    seconds: Float64Array = np.asarray(passed.dt.total_seconds(), np.float64)
    is_time = np.mean(~np.isnan(seconds)) >= MIN_NUMERIC
    return seconds if is_time else np.full(len(texts), np.nan)
