"""Write rows as Parquet, chunk by chunk, with the types of the first."""

from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.text_output import columns_of


class ParquetOutput:
    """A Parquet file; a column of mixed values becomes one of text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows as a row group."""
        arrays = [_as_arrow(column) for column in columns_of(frame)]
        rows = pa.Table.from_arrays(arrays, names=[str(name) for name in frame.columns])
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, rows.schema, compression="zstd")
        self._writer.write_table(rows)

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


def _as_arrow(column: pd.Series) -> Any:
    if isinstance(column.dtype, pd.StringDtype) or column.dtype == object:
        missing = column.isna().tolist()
        texts = cells_as_text(column)
        return pa.array(
            [None if none else text for text, none in zip(texts, missing, strict=True)],
            pa.string(),
        )
    return pa.Array.from_pandas(column)
