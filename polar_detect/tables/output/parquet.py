"""Write rows as Parquet, chunk by chunk, with the types of the first."""

from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.output.text import columns_of

# A row group ends at either. The footer, held until the end, describes each of them: with
# one for each chunk of 256 rows, memory grew by 60 MB for every million rows.
_GROUP_ROWS, _GROUP_BYTES = 65_536, 32_000_000


class ParquetOutput:
    """A Parquet file; a column of mixed values becomes one of text."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._writer: Any = None
        self._waiting: list[pa.Table] = []
        self._n_rows = self._n_bytes = 0

    def write(self, frame: pd.DataFrame) -> None:
        """Write rows, many at a time."""
        arrays = [_as_arrow(column) for column in columns_of(frame)]
        rows = pa.Table.from_arrays(arrays, names=[str(name) for name in frame.columns])
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._file, rows.schema, compression="zstd", write_page_checksum=True
            )
        self._waiting.append(rows)
        self._n_rows, self._n_bytes = self._n_rows + len(rows), self._n_bytes + rows.nbytes
        if self._n_rows >= _GROUP_ROWS or self._n_bytes >= _GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        """Write what waits, and the footer."""
        if self._writer is not None:
            self._write_group()
            self._writer.close()

    def _write_group(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._n_rows, self._n_bytes = [], 0, 0


def _as_arrow(column: pd.Series) -> Any:
    if isinstance(column.dtype, pd.StringDtype) or column.dtype == object:
        missing = column.isna().tolist()
        texts = cells_as_text(column)
        return pa.array(
            [None if none else text for text, none in zip(texts, missing, strict=True)],
            pa.string(),
        )
    return pa.Array.from_pandas(column)
