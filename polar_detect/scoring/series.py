"""Rows that `score` wrote into many files, one below the other in the order of time.

Hides which files those are, their order, and how files of another detector are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, compress
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.calibration import p_values_or_nan
from polar_detect.errors import EmptyInputError, InputError, quoted
from polar_detect.tables.cells.names import match_column
from polar_detect.tables.cells.numbers import MIN_NUMERIC, as_numbers
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.dates import moments_of
from polar_detect.tables.columns.new_values import dates_in_order
from polar_detect.tables.columns.order import natural_order
from polar_detect.tables.columns.results import FLAG, result_columns
from polar_detect.tables.columns.text_column import no_column
from polar_detect.tables.combining import files_of
from polar_detect.tables.input.chunks import Numbering
from polar_detect.tables.input.opening import ReadOptions, TableReader, open_table

_READ = ("score", "p_value")
_MAX_PARTS, _MIN_IN_PART = 30, 20  # parts, and rows in one, where they are no files
_MAX_OTHERS = 0.1  # of a file's p-values: what people or programs round may be another step


@dataclass(frozen=True, eq=False)
class ScoredFile:
    """The rows of one file that have a score.

    Parameters
    ----------
    name : str
    scores, p_values : (n,) float64
    lines : (n,) int64
        Line, or row of the sheet.
    times : sequence of str, n long or empty
        When each was, where a column tells.
    numbering : {"sheet", "file", "data"}
        What `lines` count.
    """

    name: str
    scores: Float64Array
    p_values: Float64Array
    lines: IndexArray
    times: Sequence[str]
    numbering: Numbering

    @classmethod
    def read(cls, reader: TableReader, time_column: str | None = None) -> Self:
        """Read a file; its numbers as whatever program saved it last writes them."""
        chunks = [*reader.chunks()]
        frame = pd.concat([chunk.frame for chunk in chunks], ignore_index=True)
        scores, p_values = (as_numbers(cells_as_text(frame[name])) for name in _READ)
        lines = np.concatenate([chunk.lines for chunk in chunks])
        is_scored = np.isfinite(scores) & np.isfinite(p_values)
        times = dates_in_order(frame.drop(columns=[*_READ]))
        if time_column is not None:
            times = _cells(frame, time_column)
        return cls(
            reader.name,
            scores[is_scored],
            p_values[is_scored],
            lines[is_scored],
            [*compress(times, is_scored)],
            reader.numbering,
        )

    def check_scored_by(self, calibration_scores: Float64Array) -> None:
        """Raise `InputError` where p-values are not those that a detector gives these scores."""
        own = p_values_or_nan(calibration_scores, self.scores)
        step = 1 / (len(calibration_scores) + 1)
        if (np.abs(own - self.p_values) > 1.5 * step).sum() > _MAX_OTHERS * len(own):
            raise InputError(
                f"Got {self.name}, whose p-values are not those that this detector gives such "
                "scores; expected files that it has scored; name the detector that scored them, or "
                "score them again with this one."
            )


@dataclass(frozen=True, eq=False)
class ScoredSeries:
    """Rows that have a score, in the order of time.

    Parameters
    ----------
    files : sequence of ScoredFile
    order : (n,) int64
        The place of each among the rows of all files, one below the other.
    broken : sequence of InputError
        What is said of files of folders that cannot be read.
    """

    files: Sequence[ScoredFile]
    order: IndexArray
    broken: Sequence[InputError] = ()

    @cached_property
    def scores(self) -> Float64Array:
        """Of each row, (n,)."""
        scores: Float64Array = np.concatenate([own.scores for own in self.files])[self.order]
        return scores

    @property
    def n_left_out(self) -> int:
        """Rows of which nobody knows when they were."""
        return sum(len(own.scores) for own in self.files) - len(self.order)

    @cached_property
    def _owners(self) -> IndexArray:
        sizes = [len(own.scores) for own in self.files]
        owners: IndexArray = np.repeat(np.arange(len(sizes)), sizes)[self.order]
        return owners

    def place(self, row: int) -> tuple[ScoredFile, int]:
        """Return the file that a row is from, and its place there."""
        owner, place = int(self._owners[row]), int(self.order[row])
        return self.files[owner], place - sum(len(own.scores) for own in self.files[:owner])

    def time(self, row: int) -> str:
        """Return when a row was, empty where no column tells."""
        own, place = self.place(row)
        return own.times[place] if own.times else ""

    @cached_property
    def _runs(self) -> list[int]:
        """Where rows of another file begin."""
        return [0, *(np.flatnonzero(np.diff(self._owners)) + 1).tolist()]

    @property
    def are_files(self) -> bool:
        """Whether parts are files: of several each is for itself, and one alone is short."""
        n = len(self._runs)
        return n == len({*self._owners.tolist()}) and (n > 1 or len(self.order) < 2 * _MIN_IN_PART)

    @property
    def starts(self) -> list[int]:
        """Where parts begin: files, or else as many rows each."""
        if self.are_files:
            return self._runs
        n_parts = min(_MAX_PARTS, max(1, len(self.order) // _MIN_IN_PART))
        return [int(part[0]) for part in np.array_split(np.arange(len(self.order)), n_parts)]

    @classmethod
    def read(
        cls,
        paths: Sequence[Path],
        calibration_scores: Float64Array,
        time_column: str | None = None,
    ) -> Self:
        """Read files that `score` wrote, and those in folders.

        In the order of a column of dates, if it is named; else as they are given, or by name, T99
        before T100, where they are given in the order in which shells list them. Other files of
        folders are passed over.

        Raises
        ------
        InputNotFoundError, InputError
            One that was named cannot be read, or was not written by `score`; one was written with
            another detector, or says nothing of the time; or no row has a score.
        """
        files, broken = _read_all(paths, time_column)
        if broken and not files:
            raise broken[0]
        files = [own for own in files if len(own.scores)]
        if not files:
            raise InputError(
                "Got no row with a score; expected files that score wrote, or folders of such; "
                "score tables first."
            )
        for own in files:
            own.check_scored_by(calibration_scores)
        order = np.arange(sum(len(own.scores) for own in files))
        if time_column is not None:
            order = _in_time([*chain.from_iterable(own.times for own in files)], time_column)
        return cls(files, order, broken)


def _cells(frame: pd.DataFrame, time_column: str) -> list[str]:
    name = match_column([*frame.columns], time_column)
    if name is None:
        raise no_column([*frame.columns], time_column, "--time-column")
    return cells_as_text(frame[name])


def _in_time(times: Sequence[str], time_column: str) -> IndexArray:
    """Return the places of rows that say when they were, by a date or a number, in that order."""
    numbers = as_numbers(times)
    n_said = sum(bool(time.strip()) for time in times)
    moments: Sequence[tuple[float, ...] | None] | None = [
        None if np.isnan(number) else (number,) for number in numbers.tolist()
    ]
    if np.isfinite(numbers).sum() < MIN_NUMERIC * n_said:
        moments = moments_of(times)
    if moments is None:
        raise InputError(
            f"Got dates in {time_column!r} that can be read in more than one order, as 03/04/2026; "
            "expected such as 2026-04-03 in all files; write them so."
        )
    known = {i: own for i, own in enumerate(moments) if own is not None}
    if not known or len(known) < MIN_NUMERIC * n_said:
        raise InputError(
            f"Got column {time_column!r}, whose cells are mostly no dates; expected when each row "
            "was; name another column with --time-column."
        )
    return np.asarray(sorted(known, key=known.__getitem__))


def _read_all(
    paths: Sequence[Path], time_column: str | None
) -> tuple[list[ScoredFile], list[InputError]]:
    """Return files, and what is said of those of folders that cannot be read."""
    found, broken = [], []
    given = sorted(paths, key=lambda path: natural_order(str(path)))
    for path in files_of(given if [*paths] == sorted(paths) else paths, set())[0]:
        try:
            reader = open_table(path, ReadOptions(expected=(FLAG,)))
            lacking = [name for name in _READ if name not in result_columns(reader.columns)]
            if not lacking:
                found.append(ScoredFile.read(reader, time_column))
        except EmptyInputError:
            continue  # a shift without a row
        except InputError as error:
            if path in paths:
                raise
            broken.append(error)
            continue
        if lacking and path in paths:
            raise InputError(
                f"Got {reader.name} without {quoted(lacking)}; expected a file that score wrote, "
                "with its columns as they were; score the table first."
            )
    return found, broken
