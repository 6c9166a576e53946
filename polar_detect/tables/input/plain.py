"""Read plain text, one text a line. Only a line feed ends a text."""

from collections.abc import Generator
from dataclasses import dataclass

from polar_detect.errors import InputError
from polar_detect.tables.input.chunks import Chunk, ChunkBuilder, check_rows, strings_under
from polar_detect.tables.input.encodings import Encoding
from polar_detect.tables.input.lines import open_lines, reject
from polar_detect.tables.input.sources import Source


@dataclass(frozen=True)
class PlainReader:
    """A text file of which each line, blank ones too, is a row with the one column `text`."""

    source: Source
    encoding: Encoding
    columns: tuple[str, ...] = ("text",)
    notices: tuple[str, ...] = ()

    def chunks(self, n_rows: int) -> Generator[Chunk, None, None]:
        """Yield all lines."""
        builder = ChunkBuilder(n_rows, strings_under(self.columns))
        n_kept, has_text, first_rejected = 0, False, None
        # Not str.splitlines, which also splits at form feeds, U+2028 and six others.
        with self.source.open() as file, open_lines(file, self.encoding) as lines:
            for line in lines:
                if builder.is_full:
                    yield builder.take()
                fault = lines.fault_of(line)
                if fault is not None:
                    rejected = reject(line.number, fault, line.text)
                    first_rejected = first_rejected or rejected
                    builder.reject(rejected)
                    continue
                text = line.text.removesuffix("\n").removesuffix("\r")
                builder.add(line.number, [text], len(text))
                has_text = has_text or bool(text.strip())
                n_kept += 1
        if not has_text and first_rejected is None:
            raise InputError(
                f"Got {self.source.name} without any text; expected at least one row; check the "
                "file."
            )
        check_rows(n_kept, first_rejected, self.source.name)
        if not builder.is_empty:
            yield builder.take()
