"""Rows that `score` wrote into many files, one below the other in the order of time.

Hides which files those are, their order, and how files of another detector are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.calibration import p_values_or_nan
from polar_detect.errors import EmptyInputError, InputError, quoted
from polar_detect.tables.cells.numbers import as_numbers
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.new_values import dates_in_order
from polar_detect.tables.columns.order import natural_order
from polar_detect.tables.columns.results import FLAG, result_columns
from polar_detect.tables.combining import files_of
from polar_detect.tables.input.chunks import Numbering
from polar_detect.tables.input.opening import ReadOptions, TableReader, open_table

_READ = ("score", "p_value")
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
    def read(cls, reader: TableReader) -> Self:
        """Read a file; its numbers as whatever program saved it last writes them."""
        chunks = [*reader.chunks()]
        frame = pd.concat([chunk.frame for chunk in chunks], ignore_index=True)
        scores, p_values = (as_numbers(cells_as_text(frame[name])) for name in _READ)
        lines = np.concatenate([chunk.lines for chunk in chunks])
        is_scored = np.isfinite(scores) & np.isfinite(p_values)
        times = [*compress(dates_in_order(frame.drop(columns=[*_READ])), is_scored)]
        return cls(
            reader.name,
            scores[is_scored],
            p_values[is_scored],
            lines[is_scored],
            times,
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


def read_scored(
    paths: Sequence[Path], calibration_scores: Float64Array
) -> tuple[list[ScoredFile], list[InputError]]:
    """Read files that `score` wrote, and those in folders, in the order of time.

    As they are given, or by name, T99 before T100, where they are given in the order in which
    shells list them. Other files of folders are passed over.

    Returns
    -------
    files : list of ScoredFile
    broken : list of InputError
        What is said of files of folders that cannot be read.

    Raises
    ------
    InputNotFoundError, InputError
        One that was named cannot be read, or was not written by `score`; one was written with
        another detector; or no row has a score.
    """
    given = sorted(paths, key=lambda path: natural_order(str(path)))
    found, broken = [], []
    for path in files_of(given if [*paths] == sorted(paths) else paths, set())[0]:
        try:
            reader = open_table(path, ReadOptions(expected=(FLAG,)))
            lacking = [name for name in _READ if name not in result_columns(reader.columns)]
            if not lacking:
                found.append(ScoredFile.read(reader))
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
    if broken and not found:
        raise broken[0]
    if not sum(len(own.scores) for own in found):
        raise InputError(
            "Got no row with a score; expected files that score wrote, or folders of such; score "
            "tables first."
        )
    for own in found:
        own.check_scored_by(calibration_scores)
    return [own for own in found if len(own.scores)], broken
