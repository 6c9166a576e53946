"""`polar-detect score`."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from polar_detect import calibration, tables
from polar_detect.artifact.reading import stored_text_column
from polar_detect.artifact.sealing import check_not_replaced, manifest_sha256
from polar_detect.cli.commands.inputs import (
    InputOptions,
    say_notice,
    say_rejected,
    stored_template,
)
from polar_detect.cli.commands.output import check_not_input, err, say
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import Assessment, PolarDetector
from polar_detect.drift import measure_drift
from polar_detect.program import ProgramsOf
from polar_detect.report.facts import description
from polar_detect.report.language import Language, Tongue
from polar_detect.report.terminal import drift_line, score_summary
from polar_detect.report.words import p_value
from polar_detect.scoring import run as scoring
from polar_detect.scoring.disk_cache import DiskCache
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.opening import ScoreJob, open_input
from polar_detect.scoring.output import Summary
from polar_detect.scoring.ray_engine import RayFleet, RayOptions, check_installed
from polar_detect.scoring.results import LocalEngine, added_columns, results_of

__all__ = ["RayOptions", "ScoreSettings", "score", "scored_columns"]

_PROGRAMS_OF: dict[str, ProgramsOf] = {
    "default": "all",
    "fast": "flagged",
    "search": "searched",
}


@dataclass(frozen=True)
class ScoreSettings:
    """Options of `score` beside those of every command that reads a table."""

    alpha: float | None = None
    fdr: float | None = None
    restart: bool = False
    preset: Literal["default", "fast", "search"] = "default"
    ray: RayOptions | None = None
    cache: Path | None = None
    tongue: Tongue = "en"


def score(
    path: Path, detector_folder: Path, out: Path, options: InputOptions, settings: ScoreSettings
) -> None:
    """Score a table and write it with the added columns."""
    if settings.ray is not None:
        check_installed()
    check_not_input(out, path, rejected=tables.rejected_path(out))
    language = Language(settings.tongue)
    job = _job(path, detector_folder, out, options)
    opened = open_input(job)
    for notice in opened.notices:
        say_notice(f"{opened.reader.name}: {language.notice(notice)}")
    detector = PolarDetector.load(detector_folder)
    check_not_replaced(detector_folder, job.detector_sha256)
    n_cal = len(detector.fitted_.calibration_scores)
    rule = FlagRule(detector.alpha if settings.alpha is None else settings.alpha, settings.fdr)
    rule.check(n_cal)
    detector.alpha = rule.largest_cutoff  # up to which rows the fast preset searches a program for
    job = replace(
        job,
        restart=settings.restart,
        programs_of=_PROGRAMS_OF[settings.preset],
        tongue=settings.tongue,
        described=description(detector, language),
    )
    engine: scoring.Engine = LocalEngine(detector, job.programs_of, tongue=job.tongue)
    fleet = None
    if settings.ray is not None:
        fleet = RayFleet(detector_folder, job.detector_sha256, settings.ray, tongue=job.tongue)
    if settings.cache is not None:
        engine = DiskCache(engine, settings.cache, scoring.depends_on(job, rule))
    with progress_bars(err, language) as progress:
        summary = scoring.run(job, opened, engine, rule, progress, fleet=fleet)
    _summarise(opened.reader.name, summary, rule, detector, language)
    say(out)


def scored_columns(
    assessment: Assessment, n_layers: int, tongue: Tongue = "en"
) -> dict[str, list[object]]:
    """Return the columns that `score` adds, by name, with the flags of `assessment`."""
    results = results_of(assessment, n_layers, tongue)
    flagged = assessment.p_values[assessment.is_anomaly]
    return added_columns(results, flagged.max(initial=-1.0))


def _job(path: Path, detector_folder: Path, out: Path, options: InputOptions) -> ScoreJob:
    return ScoreJob(
        source=path,
        out=out,
        detector_sha256=manifest_sha256(detector_folder),
        text_column=options.text_column,
        default_column=stored_text_column(detector_folder),
        template=stored_template(detector_folder, options),
        read=options.reading,
    )


def _summarise(
    name: str, summary: Summary, rule: FlagRule, detector: PolarDetector, language: Language
) -> None:
    """Print what was flagged under which promise, whether it holds, where every row went."""
    calibration_scores = detector.fitted_.calibration_scores
    drift = measure_drift(calibration_scores, summary.scores)
    if rule.fdr is None:
        err.print(
            score_summary(
                summary.n_rows,
                summary.n_flagged,
                alpha=rule.alpha,
                n_empty=summary.n_empty,
                drift=drift,
                language=language,
            ),
            soft_wrap=True,
        )
    else:
        _say_rate(summary, rule.fdr, len(calibration_scores), language)
        say_notice(drift_line(drift, language))
    if summary.n_resumed:
        say_notice(language.say("terminal.resumed", n=summary.n_resumed))
    if summary.rejected_path is not None:
        say_rejected(name, summary.n_rejected, summary.n_rows, summary.rejected_path, language)


def _say_rate(summary: Summary, fdr: float, n_held_out: int, language: Language) -> None:
    n, smallest = summary.n_rows - summary.n_empty, calibration.smallest_alpha(n_held_out)
    said = language.say(
        "terminal.rate",
        n=n,
        flagged=summary.n_flagged,
        fdr=language.rate(fdr),
        n_empty=summary.n_empty,
    )
    say_notice(said)
    n_needed = math.ceil(smallest * n / fdr)
    if n_needed > 1:
        said = language.say(
            "terminal.rate_floor",
            n_held_out=n_held_out,
            smallest=p_value(smallest),
            n=n,
            n_needed=n_needed,
        )
        say_notice(said)
