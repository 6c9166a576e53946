"""What to score, opened and read once, so that whatever is wrong shows before the work."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from polar_detect import tables
from polar_detect.assessment import kinds_of_columns
from polar_detect.errors import InputError
from polar_detect.messages.tongues import Tongue
from polar_detect.program import ProgramsOf
from polar_detect.scoring.earlier_result import EarlierResult
from polar_detect.signature.columns.mistake import MistakesOf
from polar_detect.signature.columns.new_cells import KnownValues
from polar_detect.signature.columns.reach import Reach
from polar_detect.signature.digits import LastDigits
from polar_detect.signature.flat_runs import UsualRuns
from polar_detect.tables.reading import check_some_text
from polar_detect.tables.structure.stray_rows import StrayRows

TextsOf = tables.TextColumn | tables.RowTemplate
# What a kill can cost at most; a finished chunk costs about 2 ms. Rows that no model reads take
# less each than what a chunk takes besides.
CHUNK_ROWS, _UNREAD_CHUNK_ROWS = 256, 2048


@dataclass(frozen=True, kw_only=True)
class ScoreJob:
    """What to score, and where to.

    Parameters
    ----------
    source : Path
        Input table; `-` for stdin. Only the run over a regular file can be resumed.
    out : Path
    detector_sha256 : str
        Of its manifest, which holds the hashes of all its other files.
    text_column, default_column : str or None
        As asked for; and as in the training table, for when none is asked for.
    template : RowTemplate or None
        How rows are written out as texts, in place of a column.
    read : ReadOptions
    restart : bool
        Whether to forget what an earlier, interrupted run has finished.
    goes_on : bool
        Whether a run that was interrupted may be gone on with.
    programs_of : {"all", "flagged", "searched"}
        Which texts get their minimal program.
    tongue : {"en", "ja"}
        Language of the reasons, and of an Excel file's summary.
    described : sequence of (str, object)
        What the detector is, in that language, for the summary.
    n_held_out : int, optional
        Normal texts that its p-values rest on, for the summary too; None where these are ranks.
    normal_texts : sequence of str
        What it was fitted on, as far as it keeps that.
    known_values : KnownValues, optional
        What normal rows say in columns of few words.
    reach : Reach, optional
        Between which numbers they lie.
    mistakes : callable, optional
        What seems to have gone wrong in each of some rows.
    digits : LastDigits, optional
        How round these are.
    usual_runs : UsualRuns, optional
        How long they stay the same from row to row.
    reads_texts : bool
        Whether models read the texts, so that results tell of layers and programs.
    has_programs : bool
        Whether programs are asked for.
    asides : Asides
        What can be told of the texts beside their scores and reasons.
    repeat_of : sequence of str
        What is said of each row that repeats another one of the input; () where results say it.
    """

    source: Path
    out: Path
    detector_sha256: str
    text_column: str | None = None
    default_column: str | None = None
    template: tables.RowTemplate | None = None
    read: tables.ReadOptions = field(default_factory=tables.ReadOptions)
    restart: bool = False
    goes_on: bool = True
    programs_of: ProgramsOf = "all"
    tongue: Tongue = "en"
    described: Sequence[tuple[str, object]] = ()
    n_held_out: int | None = None
    normal_texts: Sequence[str] = field(default=(), repr=False)
    known_values: KnownValues | None = field(default=None, repr=False)
    reach: Reach | None = field(default=None, repr=False)
    mistakes: MistakesOf | None = field(default=None, repr=False)
    digits: LastDigits | None = field(default=None, repr=False)
    usual_runs: UsualRuns | None = field(default=None, repr=False)
    reads_texts: bool = True
    has_programs: bool = True
    asides: tables.Asides = field(default_factory=tables.Asides)
    repeat_of: Sequence[str] = field(default=(), repr=False)

    @property
    def kinds(self) -> dict[str, str]:
        """The columns that are added, with their kinds."""
        are_rows = self.template is not None
        return kinds_of_columns(
            are_rows=are_rows,
            has_layers=self.reads_texts,
            has_programs=self.has_programs,
            asides=self.asides,
        )

    @property
    def chunk_rows(self) -> int:
        """Rows that are scored, and kept as finished, together."""
        return CHUNK_ROWS if self.reads_texts else _UNREAD_CHUNK_ROWS


@dataclass(frozen=True)
class _State:
    """What tells a file from what others make of it; cheaper than a hash, for every chunk."""

    n_bytes: int
    changed_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Return the state of a file; None for what is none, such as stdin, or may not be seen."""
        if not os.path.isfile(path):  # noqa: PTH113 - `Path.is_file` raises for the latter
            return None
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True)
class Input:
    """An input that was read once, so that whatever is wrong with it showed before the work."""

    source: Path
    state: _State | None
    reader: tables.TableReader
    texts_of: TextsOf
    notices: tuple[str, ...]
    n_rows: int
    n_rejected: int
    chunk_rows: int = CHUNK_ROWS

    def chunks(self) -> Iterator[tables.Chunk]:
        """Read the input again.

        Raises
        ------
        InputError
            It was changed since it was opened: results would stand beside other rows.
        """
        for chunk in self.reader.chunks(self.chunk_rows):
            self._check_unchanged()
            yield chunk
        self._check_unchanged()

    def chunks_of_texts(self) -> Iterator[list[str]]:
        """Read the input again; yield the texts of each chunk. Raises as `chunks`."""
        return (tables.texts_of_file(chunk.frame, self.texts_of) for chunk in self.chunks())

    def _check_unchanged(self) -> None:
        if _State.of(self.source) != self.state:
            raise InputError(
                f"Got '{self.source}', which was changed while it was read; expected a file that "
                "nobody writes to; copy it and score the copy (--restart)."
            )


def open_input(job: ScoreJob) -> Input:
    """Open the input and read it once.

    Raises
    ------
    InputNotFoundError, InputError
        The input cannot be read, has no text, or has a column that the results need.
    OutputError
        The output could not be written, or would take the place of one into which a person has
        put columns, cells or sheets.
    """
    tables.check_output(job.out)
    tables.check_output(tables.rejected_path(job.out))
    earlier = EarlierResult(job.out, job.chunk_rows)
    state = _State.of(job.source)
    given = [
        *([] if job.template is None else job.template.names),
        *filter(None, [job.text_column]),
    ]
    reader = tables.open_table(job.source, job.read.asking_for(given, job.default_column))
    texts_of, notices = _texts_of(reader, job)
    kinds = job.kinds
    read = [texts_of.name] if isinstance(texts_of, tables.TextColumn) else texts_of.names
    tables.check_added(reader.columns, kinds, reader.name, read=read)
    earlier.check_nothing_put_in(reader.columns)
    n_rows = n_rejected = 0
    has_text = False
    strays = StrayRows(reader.columns)
    lost_numbers = None if job.template is None else tables.LostNumbers(job.template)
    for chunk in reader.chunks(job.chunk_rows):
        n_rows, n_rejected = n_rows + len(chunk.frame), n_rejected + len(chunk.rejected)
        has_text = has_text or any(text.strip() for text in texts_of.texts(chunk.frame))
        if lost_numbers is not None:
            lost_numbers.add(chunk.frame)
        strays.add(chunk.frame, chunk.lines)
        earlier.add(chunk.frame)
    earlier.check_not_filled_in(reader.columns)
    tables.check_size(job.out, n_rows, len(reader.columns) + len(kinds))
    if isinstance(texts_of, tables.TextColumn) and not has_text:
        check_some_text([""] * n_rows, texts_of.name, reader.name)
    notices += tuple(strays.notices())
    notices += () if lost_numbers is None else tuple(lost_numbers.notices())
    notices = reader.notices + notices
    counts = n_rows, n_rejected, job.chunk_rows
    return Input(job.source, state, reader, texts_of, notices, *counts)


def _texts_of(reader: tables.TableReader, job: ScoreJob) -> tuple[TextsOf, tuple[str, ...]]:
    """Return where the texts are, and what was guessed to find them."""
    if job.template is not None:
        found = job.template.notices(reader.columns, other_sheets=reader.other_sheets)
        return job.template, tuple(found)
    column = tables.choose_text_column(reader, job.text_column, default=job.default_column)
    return column, column.notices
