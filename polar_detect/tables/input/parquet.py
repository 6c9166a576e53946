"""Read a Parquet file, some rows at a time, with the types that it has."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from polar_detect.errors import InputError
from polar_detect.tables.input.chunks import Chunk, Rejected, check_rows, unique_names
from polar_detect.tables.input.lines import reject
from polar_detect.tables.input.sources import Source

# Arrow raises OSError too; names and metadata that are no UTF-8 reach Python as such.
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)


@dataclass(frozen=True)
class ParquetReader:
    """A Parquet file; frames have Arrow dtypes, so that every type is kept."""

    source: Source
    columns: tuple[str, ...]
    notices: tuple[str, ...]

    @classmethod
    def open(cls, source: Source) -> "ParquetReader":
        """Read the schema."""
        with _opened(source) as file:
            n_rows, header = file.metadata.num_rows, file.schema_arrow.names
        check_rows(n_rows, None, source.name)
        columns, notices = unique_names(header)
        return cls(source, columns, notices)

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all rows but those that hold what their column's type does not allow."""
        n_read, n_kept, first = 0, 0, None
        with _opened(self.source) as file:
            for batch in file.iter_batches(n_rows):
                rejected = self._rejected(batch, n_read)
                lines = n_read + 1 + np.arange(batch.num_rows)
                is_kept = ~np.isin(lines, [row.line for row in rejected])
                kept = batch.filter(pa.array(is_kept)) if rejected else batch
                yield Chunk(self._frame(kept, n_kept), lines[is_kept], rejected)
                n_read, n_kept = n_read + batch.num_rows, n_kept + kept.num_rows
                first = first or next(iter(rejected), None)
        check_rows(n_kept, first, self.source.name)

    def _frame(self, batch: pa.RecordBatch, position: int) -> pd.DataFrame:
        frame: pd.DataFrame = batch.rename_columns(list(self.columns)).to_pandas(
            types_mapper=pd.ArrowDtype, ignore_metadata=True
        )
        frame.index = pd.RangeIndex(position, position + batch.num_rows)
        return frame

    def _rejected(self, batch: pa.RecordBatch, n_before: int) -> tuple[Rejected, ...]:
        if _fault(batch) is None:
            return ()
        rows = (batch.slice(row, 1) for row in range(batch.num_rows))
        found = (self._reject(line, row) for line, row in enumerate(rows, n_before + 1))
        return tuple(row for row in found if row is not None)

    def _reject(self, line: int, row: pa.RecordBatch) -> Rejected | None:
        """Return the one row of `row` as rejected for its first cell that cannot be read."""
        for name, cell in zip(self.columns, row.columns, strict=True):
            fault = _fault(cell)
            if fault is not None:
                return reject(line, f"column {name!r}: {fault}", _as_text(cell))
        return None


def _fault(values: pa.RecordBatch | pa.Array) -> str | None:
    """Return what is wrong with values, which Arrow hands over unseen."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        return "bytes that are not UTF-8" if "UTF8" in str(error) else str(error)
    return None


def _as_text(cell: pa.Array) -> str:
    """Return a cell that cannot be read, its broken bytes as surrogates."""
    binaries = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
    if cell.type not in binaries:
        return ""
    content: bytes = cell.view(binaries[cell.type])[0].as_py()
    return content.decode("utf-8", "surrogateescape")


@contextmanager
def _opened(source: Source) -> Iterator[pq.ParquetFile]:
    """Yield the file; what Arrow cannot make anything of becomes an `InputError`."""
    with source.open() as file:
        try:
            yield pq.ParquetFile(file, page_checksum_verification=True)  # where it has any
        except _UNREADABLE as error:
            if isinstance(error, OSError) and error.errno is not None:  # the system's
                raise
            reason = " ".join(str(error).split())
            raise InputError(
                f"Got {source.name}, which cannot be read as Parquet ({reason}); expected a "
                "Parquet file; write it again."
            ) from error
