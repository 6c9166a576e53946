"""`polar-detect score`."""

import math
from dataclasses import replace
from fractions import Fraction

from polar_detect import calibration, tables
from polar_detect.artifact.reading import Origin
from polar_detect.cli.commands.inputs import load_same, origin_of
from polar_detect.cli.commands.output import (
    check_not_in_detector,
    check_not_input,
    err,
    say,
    tell,
    tell_of_new,
    tell_of_rejected,
)
from polar_detect.cli.options import ScoreOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError
from polar_detect.messages.formatting import p_value, rate_by_chance
from polar_detect.messages.language import Language
from polar_detect.program import ProgramsOf
from polar_detect.report.content.aside_phrases import (
    counted_flat_runs,
    counted_mistakes,
    round_columns,
)
from polar_detect.report.content.facts import description
from polar_detect.report.content.phrases import beyond_reach, like_known
from polar_detect.report.formats.terminal import drift_line, score_summary
from polar_detect.scoring import run as scoring
from polar_detect.scoring.disk_cache import DiskCache, check_cache
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.job import ScoreJob, open_input
from polar_detect.scoring.output import Summary
from polar_detect.scoring.ray_engine import RayFleet, RayOptions, check_installed
from polar_detect.scoring.results import Engine, LocalEngine
from polar_detect.statistics.shares import exactly

_PROGRAMS_OF: dict[str, ProgramsOf] = {
    "default": "all",
    "fast": "flagged",
    "search": "searched",
}


def score(options: ScoreOptions) -> None:
    """Score a table and write it with the added columns."""
    uses_ray = options.engine == "ray"
    if uses_ray:
        check_installed()
    check_not_input(options.out, options.input, rejected=tables.rejected_path(options.out))
    check_not_in_detector(options.out, options.detector)
    if options.cache is not None:
        check_not_in_detector(options.cache, options.detector, option="--cache")
        check_cache(options.cache)
    origin = origin_of(options.detector, options.text_column)
    _check_preset(options, origin)
    language = Language(
        options.lang, are_rows=origin.template is not None, by_columns=not origin.reads_texts
    )
    if not uses_ray:
        for option in _of_ray(options):
            tell(language.say("unread.ray", option=option))
    job = _job(options, origin)
    opened = open_input(job)
    for notice in opened.notices:
        tell(f"{opened.reader.name}: {language.notice(notice)}")
    detector = load_same(options.detector, origin)
    rule = FlagRule(detector.alpha if options.alpha is None else options.alpha, options.fdr)
    n_held_out = len(detector.fitted_.calibration_scores)
    rule.check(n_held_out)
    detector.alpha = rule.largest_cutoff  # up to which rows the fast preset searches a program for
    job = replace(
        job,
        described=description(detector, options.lang),
        n_held_out=n_held_out,
        normal_texts=detector.fitted_.normal_texts,
        known_values=detector.fitted_.known_values,
        reach=detector.fitted_.reach,
        mistakes=detector.fitted_.mistakes,
        digits=detector.fitted_.digits,
        usual_runs=detector.fitted_.usual_runs,
    )
    engine: Engine = LocalEngine(detector, job.programs_of, tongue=job.tongue)
    if options.cache is not None:
        engine = DiskCache(engine, options.cache, scoring.depends_on(job, rule))
    fleet = _fleet(options, job) if uses_ray else None
    with progress_bars(err, language) as progress:
        summary = scoring.run(job, opened, engine, rule, progress, fleet=fleet)
    _summarise(opened.reader.name, summary, rule, detector, language)
    say(options.out)


def _of_ray(options: ScoreOptions) -> list[str]:
    """Return the options of a cluster that were given."""
    given = {
        "--ray-address": options.ray_address is not None,
        "--ray-workers": options.ray_workers is not None,
        "--ray-gpus": options.ray_gpus > 0,
    }
    return [option for option, is_given in given.items() if is_given]


def _check_preset(options: ScoreOptions, origin: Origin) -> None:
    """Raise `InputError` where programs shall be searched of rows that no model reads."""
    if options.preset == "search" and not origin.reads_texts:
        raise InputError(
            f"Got --preset search for the detector '{options.detector}', which goes by columns "
            "and so has no programs; expected none; leave it out, or fit with --detector texts."
        )


def _job(options: ScoreOptions, origin: Origin) -> ScoreJob:
    return ScoreJob(
        source=options.input,
        out=options.out,
        detector_sha256=origin.sha256,
        text_column=options.text_column,
        default_column=origin.text_column,
        template=origin.template,
        read=tables.ReadOptions(encoding=options.encoding, sheet=options.sheet),
        restart=options.restart,
        programs_of=_PROGRAMS_OF[options.preset] if origin.reads_texts else "all",
        tongue=options.lang,
        reads_texts=origin.reads_texts,
        asides=origin.asides,
    )


def _fleet(options: ScoreOptions, job: ScoreJob) -> RayFleet:
    where = RayOptions(options.ray_address, options.ray_workers, options.ray_gpus)
    return RayFleet(options.detector, job.detector_sha256, where, tongue=job.tongue)


def _summarise(
    name: str, summary: Summary, rule: FlagRule, detector: PolarDetector, language: Language
) -> None:
    """Print what was flagged under which promise, whether it holds, where every row went."""
    calibration_scores = detector.fitted_.calibration_scores
    drift = detector.fitted_.drift_of(summary.scores)
    if rule.fdr is None:
        err.print(
            score_summary(
                summary.n_rows,
                summary.n_flagged,
                rate=rate_by_chance(rule.alpha, len(calibration_scores)),
                n_empty=summary.n_empty,
                drift=drift,
                language=language,
            ),
            soft_wrap=True,
        )
    else:
        _say_rate(summary, rule.fdr, len(calibration_scores), language)
        tell(drift_line(drift, language))
    if drift.is_drifted:
        tell(language.say("terminal.drift_report"))
    _tell_of_batch(summary, detector, language)
    if summary.n_resumed:
        tell(language.say("terminal.resumed", n=summary.n_resumed))
    if summary.rejected_path is not None:
        tell_of_rejected(name, summary.n_rejected, summary.n_rows, summary.rejected_path, language)


def _tell_of_batch(summary: Summary, detector: PolarDetector, language: Language) -> None:
    """Say what is known, there twice, rounder, new, like an anomaly or out of reach in the rows."""
    n = summary.n_rows - summary.n_empty
    if summary.n_known:
        tell(language.say("terminal.known", n=n, n_known=summary.n_known))
    elif summary.n_repeats:
        tell(language.count("terminal.repeats", summary.n_repeats, n_all=n))
    if summary.n_unusual_digits:
        tell(language.count("terminal.digits", summary.n_unusual_digits, n_all=n))
    for sentence in round_columns(summary.rounder, language):
        tell(sentence)
    if summary.n_mistakes:
        tell(counted_mistakes(summary.n_mistakes, n, language))
    if summary.flat_runs:
        tell(counted_flat_runs("terminal.flat_runs", summary.flat_runs, language))
    tell_of_new(summary.n_new, n, language)
    known = detector.fitted_.known
    if known is not None and summary.n_flagged:
        tell(like_known(known.counts_of(summary.n_like), language))
    for sentence in beyond_reach(summary.beyond, language):
        tell(sentence)


def _say_rate(summary: Summary, fdr: float, n_held_out: int, language: Language) -> None:
    n, smallest = summary.n_rows - summary.n_empty, calibration.smallest_alpha(n_held_out)
    tell(language.count("terminal.rate", n, flagged=summary.n_flagged, fdr=language.rate(fdr)))
    if summary.n_empty:
        tell(language.count("summary.empty", summary.n_empty))
    n_needed = math.ceil(Fraction(n, n_held_out + 1) / exactly(fdr))
    if n_needed > 1:
        said = language.say(
            "terminal.rate_floor",
            n_held_out=n_held_out,
            smallest=p_value(smallest),
            n=n,
            n_needed=n_needed,
        )
        tell(said)
