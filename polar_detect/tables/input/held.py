"""A table that a program holds already, read as a file's would be."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from polar_detect.tables.input.chunks import Chunk, check_rows


@dataclass(frozen=True, eq=False)
class FrameReader:
    """A data frame whose columns have each a name of its own; its index does not count."""

    frame: pd.DataFrame
    name: str
    notices: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """See `Reader.columns`."""
        return tuple(self.frame.columns)

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """See `Reader.chunks`; lines are the rows, counted from 1."""
        check_rows(len(self.frame), None, self.name)
        frame = self.frame.reset_index(drop=True)
        for start in range(0, len(frame), n_rows):
            part = frame.iloc[start : start + n_rows]
            yield Chunk(part, np.arange(start, start + len(part)) + 1, ())
