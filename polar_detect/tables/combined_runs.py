"""One row for each run of several tables: each table by itself, one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Self

import pandas as pd

from polar_detect.errors import EmptyInputError, listing
from polar_detect.tables.combined_rows import CombinedRows
from polar_detect.tables.runs import RunTable, with_whole_numbers

_MAX_LISTED = 5
_WITHOUT_RUNS = "left out, as none of its rows says of which run it is"


@dataclass(frozen=True, eq=False)
class CombinedRuns:
    """The runs of several tables, of which each is in one.

    Parameters
    ----------
    frame : (n_runs, n_columns) DataFrame
        As of `summarise_runs`, behind a column that says of which table a run is.
    notices : list of (str, str)
        What is said of them, with the tables that it is said of.
    """

    frame: pd.DataFrame
    notices: list[tuple[str, str]]

    @classmethod
    def of(cls, rows: CombinedRows, summarise: Callable[[pd.DataFrame], RunTable]) -> Self:
        """Return the runs that `summarise` makes of each table, which is held in memory by itself.

        Raises
        ------
        InputError
            As `summarise` does; of tables without a run only if all are.
        """
        says_part = rows.combined.says_part
        tables = []
        said: dict[str, list[str]] = {}
        without: EmptyInputError | None = None
        for name, readings in _parts(rows):
            try:
                own = summarise(readings if says_part is None else readings.drop(columns=says_part))
            except EmptyInputError as error:
                without = error
                said.setdefault(_WITHOUT_RUNS, []).append(name)
                continue
            if says_part is not None:
                own.frame.insert(0, says_part, name)
            tables.append(own.frame)
            for notice in own.notices:
                said.setdefault(notice, []).append(name)
        if without is not None and not tables:
            raise without
        notices = [(listing(names, _MAX_LISTED), notice) for notice, names in said.items()]
        return cls(with_whole_numbers(pd.concat(tables, ignore_index=True)), notices)


def _parts(rows: CombinedRows) -> Iterator[tuple[str, pd.DataFrame]]:
    """Return the readings of each table with its name."""
    says_part, parts = rows.combined.says_part, rows.combined.parts

    def name_of(frame: pd.DataFrame) -> str:
        return parts[0].name if says_part is None else str(frame[says_part].iloc[0])

    filled = (frame for frame in rows.frames() if len(frame))
    for name, frames in groupby(filled, name_of):
        yield name, pd.concat([*frames])
