"""`polar-detect screen`."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from polar_detect import tables
from polar_detect.assessment import Assessment, Result
from polar_detect.cli.commands.output import (
    check_not_input,
    check_place,
    err,
    load_pictures,
    out,
    say,
    tell,
    tell_of_clusters,
    tell_of_groups,
    write_text,
)
from polar_detect.cli.commands.training import Training, tell_of
from polar_detect.cli.options import ScreenOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.errors import InputError, OutputError
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.report.build import screen_and_report
from polar_detect.report.clusters import flagged_clusters
from polar_detect.report.content.aside_phrases import asides
from polar_detect.report.content.data import (
    FlaggedClusters,
    FlaggedGroups,
    FlatRunRows,
    MistakenRows,
    RepeatedRows,
    ReportData,
    UnusualDigitRows,
)
from polar_detect.report.content.phrases import fall
from polar_detect.report.content.row_phrases import repeated
from polar_detect.report.formats.choices import Format
from polar_detect.report.formats.rendering import check_folder, format_of, render
from polar_detect.report.formats.terminal import strangest_rows
from polar_detect.report.groups import flagged_groups
from polar_detect.report.rows import (
    flat_run_rows,
    listed_row,
    mistaken_rows,
    repeated_row,
    repeated_rows,
    unusual_digit_rows,
)
from polar_detect.scoring import run as scoring
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.screening import Screening, passed_over
from polar_detect.shell import as_argument, as_arguments
from polar_detect.signature.flat_runs import UsualRuns
from polar_detect.tables.formats import STDIN

_N_SHOWN, _N_EXPLAINED = 10, 20


class _Batch(NamedTuple):
    """What is found of rows together, where no report is made."""

    groups: FlaggedGroups | None
    clusters: FlaggedClusters | None
    repeats: RepeatedRows
    digits: UnusualDigitRows
    mistakes: MistakenRows
    flat_runs: FlatRunRows


def screen(options: ScreenOptions) -> None:
    """Hold each row of a table against the others; write all rows with the added columns."""
    if options.input == STDIN:
        raise InputError("Got stdin, which can be read once only; expected a file; save it first.")
    rejected = tables.rejected_path(options.out)
    check_not_input(options.out, options.input, rejected=rejected)
    tables.check_output(options.out)
    kind = _format_of_report(options, rejected)
    if options.contamination is None:
        options = replace(options, contamination=passed_over(options.share))
    training = Training.read(options.of_fit, rejected, Language(options.lang), draws=False)
    table = training.table
    language = Language(
        options.lang,
        are_rows=table.template is not None,
        by_columns=not training.reads_texts,
        is_screening=True,
    )
    screening = Screening.of(
        table.texts, training.detector, share=options.share, max_texts=options.max_texts
    )
    job = _job(options, training, screening)
    tables.check_added(table.frame.columns, job.kinds, table.source)
    opened = open_input(job)  # what cannot be written is told before the work
    _tell_of_sample(table, options, language)
    training.tell(language)
    with progress_bars(err, language) as progress:
        file = None
        batch: _Batch | ReportData
        if kind is None:
            found = screening.run(progress)
            batch = _Batch(
                flagged_groups(table, found, table.template),
                flagged_clusters(table, found),
                repeated_rows(found, table, table.template),
                unusual_digit_rows(found, table, table.template, screening.digits),
                mistaken_rows(found, table, table.template),
                flat_run_rows(found, table),
            )
        else:  # only now, as each fold's detector is gone with it
            found, data = screen_and_report(screening, table, top=_N_EXPLAINED, progress=progress)
            file = render(data, kind, options.lang)
            batch = data
        if found.repeats:
            job = replace(job, repeat_of=_said_of_repeats(found, table, language))
        known = _Known(table.texts, found, options.lang)
        scoring.run(job, opened, known, FlagRule(options.share), progress)
    training.tell_of_reading(screening.detector, language)
    _tell_of(found, batch, training, options, language)
    say(options.out)
    if options.report is not None and file is not None:
        write_text(options.report, file.content, option="--report")
        if file.lacks_characters:
            tell(language.say("terminal.no_font"))
        say(options.report)


def _format_of_report(options: ScreenOptions, rejected: Path) -> Format | None:
    """Return the format of the report, None for none.

    Raise `OutputError` where it could not be written, or would replace another file.
    """
    path, language = options.report, Language(options.lang)
    if path is None:
        return None
    kind = format_of(path, language, option=None)
    check_folder(path, language)
    check_not_input(path, options.input, option="--report")
    if path.resolve() in (options.out.resolve(), rejected.resolve()):
        raise OutputError(
            f"Got --report {path}, where the rows are written; expected another file; choose "
            "another."
        )
    check_place(path, option="--report")
    if kind in ("pdf", "png"):
        load_pictures()
    return kind


def _said_of_repeats(found: Assessment, table: tables.Table, language: Language) -> list[str]:
    """Return of each row which other one it repeats, "" of none."""
    rows = (repeated_row(i, found, table) for i in range(len(found)))
    return ["" if own is None else repeated(own, table.numbering, language) for own in rows]


class _Known:
    """What was found of each text, for a run that asks for texts as they come."""

    def __init__(self, texts: Sequence[str], found: Assessment, tongue: Tongue) -> None:
        self._results = dict(zip(texts, found.results(tongue), strict=True))

    def __call__(self, texts: Sequence[str], advance: Callable[[int], None]) -> list[Result]:
        advance(len(texts))
        return [self._results[text] for text in texts]


def _job(options: ScreenOptions, training: Training, screening: Screening) -> ScoreJob:
    table = training.table
    settings = training.detector.get_params() | {"rows": None}
    return ScoreJob(
        source=options.input,
        out=options.out,
        detector_sha256=hashlib.sha256(json.dumps(settings).encode()).hexdigest(),
        text_column=table.text_column if table.has_columns and table.template is None else None,
        template=table.template,
        read=tables.ReadOptions(encoding=options.encoding, sheet=options.sheet),
        goes_on=False,  # all is held against all
        tongue=options.lang,
        reads_texts=training.reads_texts,
        has_programs=False,
        usual_runs=UsualRuns.unknown(table.template),
        asides=replace(
            tables.Asides.of(
                table.template,
                passages=options.passages,
                repeats=screening.repeats is not None,
            ),
            digits=screening.digits is not None,
        ),
    )


def _tell_of_sample(table: tables.Table, options: ScreenOptions, language: Language) -> None:
    n_filled = sum(bool(text.strip()) for text in table.texts)
    if n_filled > options.max_texts:
        said = language.say("screen.sampled", n=options.max_texts, n_all=n_filled)
        tell_of(table, [said])


def _tell_of(
    found: Assessment,
    batch: _Batch | ReportData,
    training: Training,
    options: ScreenOptions,
    language: Language,
) -> None:
    """Print the strangest rows, how many are flagged, and what to do with them."""
    table, scores = training.table, found.scores
    n_scored, n_flagged = int(np.isfinite(scores).sum()), int(found.is_anomaly.sum())
    shown = found.strangest[: min(_N_SHOWN, max(n_flagged, 1))].tolist()
    strangest = [listed_row(i, found, table, table.template) for i in shown]
    out.print(strangest_rows(strangest, table.numbering, language))
    share = language.rate(options.share)
    key = "screen.flagged" if n_flagged else "screen.none"
    tell(language.count(key, n_scored, flagged=n_flagged, share=share))
    for sentence in fall(scores, language):
        tell(sentence)
    tell_of_groups(batch.groups, language)
    tell_of_clusters(batch.clusters, language)
    for sentence in asides(batch, n_scored, table.numbering, language):
        tell(sentence)
    if n_empty := len(scores) - n_scored:
        tell(language.count("summary.empty", n_empty))
    if tables.has_columns(options.out):  # or a fit takes each line for a text
        path = as_argument(options.out)
        tell(language.say("screen.next", out=path, reads=_reads(options, training)))


def _reads(options: ScreenOptions, training: Training) -> str:
    """Return the options by which a fit takes the same of the rows that are written.

    Also where a word does not repeat often enough any more once the anomalous rows are left out.
    """
    given = {
        "--text-column": options.text_column,
        "--columns": options.columns,
        "--condition-columns": options.condition_columns,
    }
    if not training.reads_texts:
        given["--detector"] = training.options.detector
    for option in ("detector", "model", "encoder"):
        if getattr(options, option) != getattr(ScreenOptions, option):
            given[f"--{option}"] = getattr(options, option)
    own = ["--all-columns"] * options.all_columns + ["--passages"] * options.passages
    own += [part for option, value in given.items() if value for part in (option, value)]
    return as_arguments(own)
