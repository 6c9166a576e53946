"""Score an input of any size: chunk by chunk, each finished for good, then written as a whole.

Memory stays flat because the input is read again for the output, instead of being held.
"""

import array
import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import polar_detect
from polar_detect import tables
from polar_detect.models.hashes import sha256_of
from polar_detect.program import ProgramsOf
from polar_detect.progress import Progress
from polar_detect.scoring.cache import ResultCache
from polar_detect.scoring.flags import FlagRule, Tally
from polar_detect.scoring.partial import Partial
from polar_detect.scoring.results import Result, added_columns, added_kinds
from polar_detect.tables.reading import check_some_text

CHUNK_ROWS = 256  # what a kill can cost at most; a finished chunk costs about 2 ms

# Distinct texts, and a function that hears of texts as they are done → a result each.
Engine = Callable[[list[str], Callable[[int], None]], Sequence[Result]]
# Numbered chunks of texts → results of each, in any order.
Fleet = Callable[[Iterator[tuple[int, list[str]]]], Iterator[tuple[int, list[Result]]]]


@dataclass(frozen=True)
class ScoreJob:
    """What to score, and where to.

    Parameters
    ----------
    source : Path
        Input table; `-` for stdin. Only the run over a regular file can be resumed.
    out : Path
    detector_folder : Path
    text_column, default_column : str or None
        As asked for; and as in the training table, for when none is asked for.
    template : RowTemplate or None
        How rows are written out as texts, in place of a column.
    read : ReadOptions
    restart : bool
        Whether to forget what an earlier, interrupted run has finished.
    programs_of : {"all", "flagged"}
        Which texts get their minimal program.
    described : sequence of (str, object)
        What the detector is, for the summary sheet of an Excel file.
    """

    source: Path
    out: Path
    detector_folder: Path
    text_column: str | None = None
    default_column: str | None = None
    template: tables.RowTemplate | None = None
    read: tables.ReadOptions = field(default_factory=tables.ReadOptions)
    restart: bool = False
    programs_of: ProgramsOf = "all"
    described: Sequence[tuple[str, object]] = ()


@dataclass(frozen=True)
class Input:
    """An input that was read once, so that whatever is wrong with it showed before the work."""

    reader: tables.TableReader
    texts_of: tables.TextColumn | tables.RowTemplate
    notices: tuple[str, ...]
    n_rows: int
    n_rejected: int


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Parameters
    ----------
    n_rows, n_empty, n_rejected : int
        Rows written, those of them without text, and rows that could not be read.
    n_flagged : int
    largest_p : float
        P-value up to which rows were flagged; -inf where none could be.
    n_computed : int
        Texts that the model read in this run; others were equal to one of them, or had been
        finished before.
    n_resumed : int
        Rows that an earlier run had finished.
    rejected_path : Path or None
        Where the rejected rows are.
    scores : (n_rows,) float64
        NaN for a row without text. What a test of the whole batch, such as for drift, needs;
        8 bytes a row.
    """

    n_rows: int
    n_empty: int
    n_rejected: int
    n_flagged: int
    largest_p: float
    n_computed: int
    n_resumed: int
    rejected_path: Path | None
    scores: NDArray[np.float64]


def open_input(job: ScoreJob) -> Input:
    """Open the input and read it once.

    Raises
    ------
    InputNotFoundError, InputError
        The input cannot be read, has no text, or has a column that the results need.
    OutputError
        The output could not be written.
    """
    tables.check_output(job.out)
    reader = _open(job)
    texts_of: tables.TextColumn | tables.RowTemplate | None = job.template
    notices = reader.notices
    if texts_of is None:
        texts_of = tables.choose_text_column(reader, job.text_column, default=job.default_column)
        notices += () if texts_of.notice is None else (texts_of.notice,)
    kinds = added_kinds(are_rows=job.template is not None)
    tables.check_added(reader.columns, kinds, reader.name)
    n_rows = n_rejected = 0
    has_text = False
    for chunk in reader.chunks(CHUNK_ROWS):
        n_rows, n_rejected = n_rows + len(chunk.frame), n_rejected + len(chunk.rejected)
        has_text = has_text or any(text.strip() for text in texts_of.texts(chunk.frame))
    if isinstance(texts_of, tables.TextColumn) and not has_text:
        check_some_text([""] * n_rows, texts_of.name, reader.name)
    return Input(reader, texts_of, notices, n_rows, n_rejected)


def run(
    job: ScoreJob,
    opened: Input,
    engine: Engine,
    rule: FlagRule,
    progress: Progress,
    *,
    fleet: Fleet | None = None,
) -> Summary:
    """Score `opened` and write it with the added columns.

    A `fleet`, where there is one, scores all chunks in place of `engine`.

    Killed and called again, it goes on behind the last finished chunk, and writes what an
    undisturbed run writes. The output, and the rejected rows beside it, appear when they are
    whole.

    Raises
    ------
    InputError
        An earlier run for the same output depended on something else.
    OutputError
        Something cannot be written.
    """
    restart = job.restart or not job.source.is_file()
    identity = _identity(job, opened, rule) | {"--engine": "local" if fleet is None else "ray"}
    with Partial.open(job.out, identity, restart=restart) as partial:
        scoring = _Scoring(opened, engine, partial, progress)
        if fleet is not None:
            scoring.compute_with(fleet)
        for chunk, texts in enumerate(_chunks_of_texts(opened)):
            scoring.run(chunk, texts)
        summary = scoring.summarise(rule, tables.rejected_path(job.source, job.out.parent))
        _write(job, opened, partial, summary, rule)
        partial.remove()
    return summary


class _Scoring:
    """The chunks of one run, in order."""

    def __init__(self, opened: Input, engine: Engine, partial: Partial, progress: Progress) -> None:
        self.tally = Tally()
        self.n_computed = self.n_resumed = 0
        self._opened = opened
        self._engine = engine
        self._partial = partial
        self._progress = progress
        self._cache = ResultCache()
        self._scores = array.array("d")
        self._is_computed = False  # by a fleet, before

    def run(self, chunk: int, texts: list[str]) -> None:
        """Score a chunk, or take what an earlier run made of it."""
        finished = self._partial.results(chunk)
        if finished is None:
            results = self._cache.results(texts, lambda new: self._compute(chunk, new))
            self._partial.finish(chunk, results)
        else:
            known = dict(zip(texts, finished, strict=True))
            results = self._cache.results(texts, lambda new: [known[text] for text in new])
            self.n_resumed += len(texts)
        for result in results:
            self.tally.add(result.p_value)
            self._scores.append(math.nan if result.score is None else result.score)
        self._progress("score", self.tally.n_rows, self._opened.n_rows)

    def compute_with(self, fleet: Fleet) -> None:
        """Have a fleet compute what `run` will ask for, chunk by chunk, in any order.

        The same texts in the same batches as on one machine: that makes the results the same.
        """
        self._is_computed = True
        n_done = 0
        for chunk, results in fleet(self._asked()):
            self._partial.finish(chunk, results, "computed")
            n_done += len(results)
            self._progress("compute", n_done, self._opened.n_rows)

    def summarise(self, rule: FlagRule, rejected_path: Path) -> Summary:
        """Return what was done, and which rows that flags."""
        largest_p = self.tally.largest_flagged(rule)
        return Summary(
            n_rows=self.tally.n_rows,
            n_empty=self.tally.n_empty,
            n_rejected=self._opened.n_rejected,
            n_flagged=self.tally.n_flagged(largest_p),
            largest_p=largest_p,
            n_computed=self.n_computed,
            n_resumed=self.n_resumed,
            rejected_path=rejected_path if self._opened.n_rejected else None,
            scores=np.frombuffer(self._scores, np.float64),
        )

    def _asked(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the texts that are computed for each chunk, where they are not yet."""
        plan = ResultCache()
        nothing = Result(None, None, None, None, None, None, "")
        for chunk, texts in enumerate(_chunks_of_texts(self._opened)):
            asked: list[str] = []

            def note(new: list[str], asked: list[str] = asked) -> list[Result]:
                asked += new
                return [nothing] * len(new)

            plan.results(texts, note)
            is_finished = self._partial.has(chunk) or self._partial.has(chunk, "computed")
            if asked and not is_finished:
                yield chunk, asked

    def _compute(self, chunk: int, texts: list[str]) -> Sequence[Result]:
        self.n_computed += len(texts)
        if self._is_computed:
            computed = self._partial.results(chunk, "computed")
            assert computed is not None
            return computed
        begin, n_done = self.tally.n_rows, 0

        def advance(n: int) -> None:
            nonlocal n_done
            n_done += n
            self._progress("score", begin + n_done, self._opened.n_rows)

        return self._engine(texts, advance)


def _write(
    job: ScoreJob, opened: Input, partial: Partial, summary: Summary, rule: FlagRule
) -> None:
    """Write the output from the input and the finished chunks, and the rejected rows beside it."""
    layout = tables.Layout(
        "is_anomaly", _sheet(job, opened, summary, rule), has_mark=opened.reader.needs_mark
    )
    are_rows = job.template is not None
    kinds = added_kinds(are_rows=are_rows)
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(tables.open_writer(job.out, layout))
        rejected: tables.TableWriter | None = None
        if summary.rejected_path is not None:
            # Entered later, so it is whole before the output is.
            rejected = stack.enter_context(tables.open_writer(summary.rejected_path))
        for i, chunk in enumerate(opened.reader.chunks(CHUNK_ROWS)):
            if rejected is not None and chunk.rejected:
                rejected.write(_rejected_frame(chunk.rejected))
            results = partial.results(i)
            assert results is not None
            if len(chunk.frame):
                added = added_columns(results, summary.largest_p, are_rows=are_rows)
                output.write(tables.join_columns(chunk.frame, added, kinds))
        if rejected is None:  # one may be there of an earlier input
            tables.rejected_path(job.source, job.out.parent).unlink(missing_ok=True)


def _sheet(
    job: ScoreJob, opened: Input, summary: Summary, rule: FlagRule
) -> list[tuple[str, object]]:
    """Return what the summary sheet of an Excel file says."""
    by_chance = rule.alpha * (summary.n_rows - summary.n_empty)
    promise: list[tuple[str, object]] = [
        ("Flagged by chance if all rows were normal, about", round(by_chance, 1)),
        ("Alpha (rows with a p-value of at most this are flagged)", rule.alpha),
    ]
    if rule.fdr is not None:
        promise = [("Share of flagged rows expected to be normal, at most", rule.fdr)]
    return [
        ("Input", opened.reader.name),
        ("Rows", summary.n_rows),
        ("Rows with an empty text", summary.n_empty),
        ("Rows that could not be read", summary.n_rejected),
        ("Flagged rows", summary.n_flagged),
        *promise,
        *job.described,
    ]


def _open(job: ScoreJob) -> tables.TableReader:
    rows = [] if job.template is None else [column.name for column in job.template.columns]
    given = [*rows, *filter(None, [job.text_column])]
    expected = (*job.read.expected, *given, *filter(None, [job.default_column]))
    is_table = job.read.is_table or bool(given)
    return tables.open_table(job.source, replace(job.read, expected=expected, is_table=is_table))


def _chunks_of_texts(opened: Input) -> Iterator[list[str]]:
    return (opened.texts_of.texts(chunk.frame) for chunk in opened.reader.chunks(CHUNK_ROWS))


def _rejected_frame(rejected: Sequence[tables.Rejected]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "line": np.asarray([row.line for row in rejected], np.int64),
            "reason": pd.Series([row.reason for row in rejected], dtype="str"),
            "text": pd.Series([row.text for row in rejected], dtype="str"),
        }
    )


def _identity(job: ScoreJob, opened: Input, rule: FlagRule) -> dict[str, Any]:
    """Return what the results depend on, in words that a message can name."""
    return {
        "version of polar-detect": polar_detect.__version__,
        "input": sha256_of(job.source) if job.source.is_file() else None,
        # The manifest holds the hashes of all other files of the detector.
        "detector": sha256_of(job.detector_folder / "manifest.json"),
        "--text-column": (
            opened.texts_of.name
            if isinstance(opened.texts_of, tables.TextColumn)
            else opened.texts_of.to_json()
        ),
        "--encoding": job.read.encoding,
        "--sheet": job.read.sheet,
        "--alpha": rule.alpha,
        "--fdr": rule.fdr,
        "--preset": job.programs_of,
        "chunk size": CHUNK_ROWS,
    }
