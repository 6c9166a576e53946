"""Read a Parquet file, some rows at a time, with the types that it has."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from polar_detect.errors import InputError
from polar_detect.tables.chunks import Chunk, check_rows, unique_names
from polar_detect.tables.sources import Source


@dataclass(frozen=True)
class ParquetReader:
    """A Parquet file; frames have Arrow dtypes, so that every type is kept."""

    source: Source
    columns: tuple[str, ...]
    notices: tuple[str, ...]

    @classmethod
    def open(cls, source: Source) -> "ParquetReader":
        """Read the schema."""
        try:
            with source.open() as file:
                metadata = pq.ParquetFile(file)
                n_rows, header = metadata.metadata.num_rows, metadata.schema_arrow.names
        except (pa.ArrowException, OSError) as error:
            raise _broken(source, error) from error
        check_rows(n_rows, None, source.name)
        columns, notices = unique_names(header)
        return cls(source, columns, notices)

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all rows."""
        position = 0
        try:
            with self.source.open() as file:
                for batch in pq.ParquetFile(file).iter_batches(n_rows):
                    yield self._chunk(batch, position)
                    position += batch.num_rows
        except pa.ArrowException as error:
            raise _broken(self.source, error) from error

    def _chunk(self, batch: pa.RecordBatch, position: int) -> Chunk:
        index = pd.RangeIndex(position, position + batch.num_rows)
        frame = batch.rename_columns(list(self.columns)).to_pandas(
            types_mapper=pd.ArrowDtype, ignore_metadata=True
        )
        frame.index = index
        return Chunk(frame, np.arange(position, position + batch.num_rows) + 1, ())


def _broken(source: Source, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(
        f"Got {source.name}, which cannot be read as Parquet ({reason}); expected a Parquet "
        "file; write it again."
    )
