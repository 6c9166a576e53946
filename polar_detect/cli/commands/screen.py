"""`polar-detect screen`."""

import hashlib
import json
import shlex
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from polar_detect import tables
from polar_detect.assessment import Assessment, Result
from polar_detect.cli.commands.output import check_not_input, err, out, say, tell
from polar_detect.cli.commands.training import Training, tell_of
from polar_detect.cli.options import ScreenOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.errors import InputError, TrainingWarning
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.report.build import listed_row
from polar_detect.report.formats.terminal import strangest_rows
from polar_detect.scoring import run as scoring
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.screening import check_enough, passed_over
from polar_detect.screening import screen as screened
from polar_detect.tables.formats import STDIN

_N_SHOWN = 10


def screen(options: ScreenOptions) -> None:
    """Hold each row of a table against the others; write all rows with the added columns."""
    if options.input == STDIN:
        raise InputError("Got stdin, which can be read once only; expected a file; save it first.")
    rejected = tables.rejected_path(options.out)
    check_not_input(options.out, options.input, rejected=rejected)
    tables.check_output(options.out)
    if options.contamination is None:
        options = replace(options, contamination=passed_over(options.share))
    training = Training.read(options.of_fit, rejected, Language(options.lang), draws=False)
    table, detector = training.table, training.detector
    language = Language(
        options.lang, are_rows=table.template is not None, by_columns=not training.reads_texts
    )
    check_enough(table.texts)
    job = _job(options, training)
    tables.check_added(table.frame.columns, job.kinds, table.source)
    opened = open_input(job)  # what cannot be written is told before the work
    _tell_of_sample(table, options, language)
    training.tell(language, is_screened=True)
    with progress_bars(err, language) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # it is said above, of the table
        found = screened(
            table.texts,
            detector,
            share=options.share,
            max_texts=options.max_texts,
            progress=progress,
        )
        known = _Known(table.texts, found, options.lang)
        scoring.run(job, opened, known, FlagRule(options.share), progress)
    _tell_of(found, training, options, language)
    say(options.out)


class _Known:
    """What was found of each text, for a run that asks for texts as they come."""

    def __init__(self, texts: Sequence[str], found: Assessment, tongue: Tongue) -> None:
        self._results = dict(zip(texts, found.results(tongue), strict=True))

    def __call__(self, texts: Sequence[str], advance: Callable[[int], None]) -> list[Result]:
        advance(len(texts))
        return [self._results[text] for text in texts]


def _job(options: ScreenOptions, training: Training) -> ScoreJob:
    table = training.table
    settings = training.detector.get_params() | {"rows": None}
    return ScoreJob(
        source=options.input,
        out=options.out,
        detector_sha256=hashlib.sha256(json.dumps(settings).encode()).hexdigest(),
        text_column=table.text_column if table.has_columns and table.template is None else None,
        template=table.template,
        read=tables.ReadOptions(encoding=options.encoding, sheet=options.sheet),
        restart=True,  # all is held against all: there is nothing to go on with
        tongue=options.lang,
        reads_texts=training.reads_texts,
        has_programs=False,
    )


def _tell_of_sample(table: tables.Table, options: ScreenOptions, language: Language) -> None:
    n_filled = sum(bool(text.strip()) for text in table.texts)
    if n_filled > options.max_texts:
        said = language.say("screen.sampled", n=options.max_texts, n_all=n_filled)
        tell_of(table, [said])


def _tell_of(
    found: Assessment, training: Training, options: ScreenOptions, language: Language
) -> None:
    """Print the strangest rows, how many are flagged, and what to do with them."""
    table, scores = training.table, found.scores
    n_scored, n_flagged = int(np.isfinite(scores).sum()), int(found.is_anomaly.sum())
    shown = found.strangest[: min(_N_SHOWN, max(n_flagged, 1))].tolist()
    rows = [listed_row(i, found, table) for i in shown]
    out.print(strangest_rows(rows, table.numbering, language))
    share = language.rate(options.share)
    tell(language.count("screen.flagged", n_scored, flagged=n_flagged, share=share))
    if n_empty := len(scores) - n_scored:
        tell(language.count("summary.empty", n_empty))
    if tables.has_columns(options.out):  # or a fit takes each line for a text
        path = shlex.quote(str(options.out))
        tell(language.say("screen.next", out=path, reads=_reads(options)))


def _reads(options: ScreenOptions) -> str:
    """Return the options by which a fit takes the same of the rows that are written."""
    given = {"--text-column": options.text_column, "--columns": options.columns}
    for option in ("detector", "model", "encoder"):
        if getattr(options, option) != getattr(ScreenOptions, option):
            given[f"--{option}"] = getattr(options, option)
    own = ["--all-columns"] * options.all_columns
    own += [part for option, value in given.items() if value for part in (option, value)]
    return shlex.join(own)
