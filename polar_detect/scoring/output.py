"""The output of a run: the input once more, with what was found out beside it."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path

from polar_detect import tables
from polar_detect.arrays import Float64Array
from polar_detect.messages.formatting import rate_by_chance
from polar_detect.messages.language import Language
from polar_detect.report.content.row_phrases import flat_told
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import Input, ScoreJob
from polar_detect.scoring.partial import Partial
from polar_detect.scoring.results import added_columns, with_programs_up_to
from polar_detect.signature.columns.reach import NOWHERE, Beyond
from polar_detect.signature.flat_runs import FlatRun, rows_of
from polar_detect.signature.round_columns import RoundColumn


@dataclass(frozen=True, eq=False, kw_only=True)
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
    scores : (at most 1,000,000,) float64
        Of rows with text, or of a sample of them: what a test of the whole batch needs.
    n_known : int
        Rows that the detector was fitted on, where there are more than chance would give.
    n_new : mapping of str to int
        In how many rows a column says what no normal row does, where most do.
    beyond : Beyond
        In which columns of numbers most rows lie where no normal row does.
    n_like : mapping of str to int
        How many flagged rows are like a labelled anomaly, by what `score` says of it, "" of none.
    n_repeats : int
        How many rows repeat a normal one.
    n_unusual_digits : int
        How many rows have numbers that are rounder than usual, or have more digits.
    n_mistakes : mapping of str to int
        How many rows seem to hold a mistake, by what `score` says of it.
    rounder : tuple of RoundColumn
        In which columns numbers are rounder than those of normal rows.
    flat_runs : tuple of FlatRun
        Where numbers stay the same for longer than usual.
    """

    n_rows: int
    n_empty: int
    n_rejected: int
    n_flagged: int
    largest_p: float
    n_computed: int
    n_resumed: int
    rejected_path: Path | None
    scores: Float64Array
    n_known: int = 0
    n_new: Mapping[str, int] = field(default_factory=dict)
    beyond: Beyond = NOWHERE
    n_like: Mapping[str, int] = field(default_factory=dict)
    n_repeats: int = 0
    n_unusual_digits: int = 0
    n_mistakes: Mapping[str, int] = field(default_factory=dict)
    rounder: tuple[RoundColumn, ...] = ()
    flat_runs: tuple[FlatRun, ...] = ()


def write_output(
    job: ScoreJob, opened: Input, partial: Partial, summary: Summary, rule: FlagRule
) -> None:
    """Write the output from the input and the finished chunks, and the rejected rows beside it."""
    language = Language(job.tongue)
    reader = opened.reader
    said = _sheet(job, opened, summary, rule)
    has_mark = reader.needs_mark or (reader.is_ascii and job.tongue == "ja")
    layout = tables.Layout(
        "is_anomaly",
        [*said, *job.described],
        has_mark=has_mark,
        formats=reader.formats,
        names=_names(language),
    )
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(tables.open_writer(job.out, layout))
        rejected: tables.TableWriter | None = None
        if summary.rejected_path is not None:
            # Entered later, so it is whole before the output is.
            beside = tables.Layout(has_mark=reader.needs_mark or job.tongue == "ja")
            rejected = stack.enter_context(tables.open_writer(summary.rejected_path, beside))
        of_rows, n_written = iter(job.repeat_of), 0
        for i, chunk in enumerate(opened.chunks()):
            if rejected is not None and chunk.rejected:
                rejected.write(tables.rejected_frame(chunk.rejected, said=language.fault))
            results = partial.results(i)
            assert results is not None
            if job.programs_of == "flagged":
                results = with_programs_up_to(summary.largest_p, results)
            if len(chunk.frame):
                added = added_columns(results, summary.largest_p, job.kinds)
                if job.repeat_of:
                    added["repeat_of"] = [*islice(of_rows, len(results))]
                if job.asides.flat_runs:
                    flat = rows_of(summary.flat_runs, n_written, len(results))
                    added["flat_run"] = [flat_told(own, language) for own in flat]
                output.write(tables.join_columns(chunk.frame, added, job.kinds))
            n_written += len(results)
        if rejected is None:  # one may be there of an earlier run
            tables.write_rejected((), tables.rejected_path(job.out))


def _sheet(
    job: ScoreJob, opened: Input, summary: Summary, rule: FlagRule
) -> list[tuple[str, object]]:
    """Return what the summary sheet of an Excel file says of a run."""
    language = Language(job.tongue)
    promise: dict[str, object] = {"share": rule.alpha}
    if rule.fdr is not None:
        promise = {"fdr": rule.fdr}
    elif job.n_held_out is not None:
        rate = rate_by_chance(rule.alpha, job.n_held_out)
        by_chance = round(rate * (summary.n_rows - summary.n_empty), 1)
        promise = {"by_chance": by_chance, "alpha": rule.alpha}
    said: dict[str, object] = {
        "input": opened.reader.name,
        "n_rows": summary.n_rows,
        "n_empty": summary.n_empty,
        "n_rejected": summary.n_rejected,
        "n_flagged": summary.n_flagged,
        **promise,
    }
    return [(language.say(f"sheet.{key}"), value) for key, value in said.items()]


def _names(language: Language) -> tables.SheetNames:
    own = fields(tables.SheetNames)
    return tables.SheetNames(*(language.say(f"sheet.{field.name}") for field in own))
