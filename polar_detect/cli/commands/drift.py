"""`polar-detect drift`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from polar_detect import calibration
from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.cli.commands.inputs import load_same, origin_of
from polar_detect.cli.commands.output import (
    check_not_in_detector,
    check_not_input,
    check_place,
    load_pictures,
    say,
    show,
    tell,
    write_text,
)
from polar_detect.cli.options import DriftOptions
from polar_detect.detector import PolarDetector
from polar_detect.errors import OutputError
from polar_detect.messages.formatting import about, p_value, pairs
from polar_detect.messages.language import Language
from polar_detect.monitoring import DriftMonitor
from polar_detect.report.content.row_phrases import row_place
from polar_detect.scoring.series import ScoredSeries
from polar_detect.statistics.exchangeability import LEAST, LEVEL, Course

if TYPE_CHECKING:
    from polar_detect.report.charts.course import CourseChart


def drift(options: DriftOptions) -> None:
    """Say whether and since when rows of many scored files have changed."""
    if options.out is not None:
        _check_picture(options.out, options)
    origin = origin_of(options.detector, None)
    detector = load_same(options.detector, origin)
    language = Language(
        options.lang, are_rows=origin.template is not None, by_columns=not origin.reads_texts
    )
    series = ScoredSeries.read(
        options.inputs, detector.fitted_.calibration_scores, options.time_column
    )
    for error in series.broken:
        tell(language.say("combine.broken", why=language.error(str(error))))
    if series.n_left_out:
        tell(language.say("course.timeless", n=series.n_left_out, column=options.time_column))
    monitor = DriftMonitor(detector)
    p_values = np.asarray([monitor.add(score).p_value for score in series.scores])
    for sentence in _sentences(series, monitor, detector, language):
        show(sentence)
    if options.out is not None:
        chart = _chart(series, p_values, monitor.course.since, detector)
        _draw(options.out, chart, language)


def _sentences(
    series: ScoredSeries,
    monitor: DriftMonitor,
    detector: PolarDetector,
    language: Language,
) -> list[str]:
    """Return whether rows have changed, since when, by how much, and what to do."""
    course, files, scores = monitor.course, series.files, series.scores
    n = len(scores)
    p, level = p_value(course.p_value), p_value(LEVEL)
    least = (LEAST - 1) * monitor.n_each + 1
    if n < least:
        return [language.count("course.few", n, least=least)]
    each = [language.say("course.each", n_each=monitor.n_each)] * (monitor.n_each > 1)
    if course.since is None:
        first, last = (_said_of_end(series, row) for row in (0, n - 1))
        return [
            language.count(
                "course.none", len(files), n_rows=n, first=first, last=last, p=p, level=level
            ),
            _flagged(scores, detector, language),
            *each,
        ]
    return [
        language.say("course.changed", place=_place(series, course.since, language), p=p),
        _by_how_much(scores, course, detector, language),
        *each,
        language.say("course.advice"),
    ]


def _said_of_end(series: ScoredSeries, row: int) -> str:
    """Return the file of the first or the last row; or when it was, where files overlap."""
    is_by_file = series.are_files or len(series.files) == 1
    return series.place(row)[0].name if is_by_file else series.time(row)


def _place(series: ScoredSeries, since: int, language: Language) -> str:
    """Return the file and the row with which a change begins."""
    own, place = series.place(since)
    row = row_place(int(own.lines[place]), series.time(since), own.numbering, language)
    return language.say("course.place", file=own.name, row=row)


def _flagged(scores: Float64Array, detector: PolarDetector, language: Language) -> str:
    """Return how many are flagged: as many from the first on are no change, and not usual."""
    n, alpha = int(_are_flagged(scores, detector).sum()), detector.alpha
    expected = about(alpha * len(scores))
    return language.say("course.flagged", flagged=n, expected=expected, alpha=language.rate(alpha))


def _are_flagged(scores: Float64Array, detector: PolarDetector) -> BoolArray:
    p_values = calibration.p_values_or_nan(detector.fitted_.calibration_scores, scores)
    flagged: BoolArray = p_values <= detector.alpha
    return flagged


def _by_how_much(
    scores: Float64Array, course: Course, detector: PolarDetector, language: Language
) -> str:
    assert course.since is not None
    is_flagged = _are_flagged(scores, detector)
    before, after = is_flagged[: course.since], is_flagged[course.since :]
    return language.say(
        "course.pairs" if len(before) else "course.pairs.first",
        pairs=pairs(course.superiority),
        n_after=len(after),
        after=int(after.sum()),
        n_before=len(before),
        before=int(before.sum()),
        alpha=language.rate(detector.alpha),
    )


def _check_picture(out: Path, options: DriftOptions) -> None:
    if out.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise OutputError(
            f"Got '{out}' for the picture; expected a name that ends in .png, .svg or .pdf; rename "
            "it."
        )
    check_not_input(out, *options.inputs)
    check_not_in_detector(out, options.detector)
    check_place(out)
    load_pictures()


def _chart(
    series: ScoredSeries,
    p_values: Float64Array,
    since: int | None,
    detector: PolarDetector,
) -> "CourseChart":
    from polar_detect.report.charts.course import CourseChart  # matplotlib takes a second

    return CourseChart(
        normal=detector.fitted_.scores_as_new,
        scores=series.scores,
        p_values=p_values,
        names=[_name_of_part(series, start) for start in series.starts],
        starts=[*series.starts, len(series.scores)],
        are_files=series.are_files,
        since=since,
        threshold=calibration.threshold(detector.fitted_.calibration_scores, detector.alpha),
        level=LEVEL,
    )


def _name_of_part(series: ScoredSeries, start: int) -> str:
    own, place = series.place(start)
    return Path(own.name).name if series.are_files else series.time(start) or f"{own.lines[place]}"


def _draw(out: Path, chart: "CourseChart", language: Language) -> None:
    from polar_detect.report.charts.course import picture_of

    kind = cast("Literal['png', 'svg', 'pdf']", out.suffix.lower()[1:])
    write_text(out, picture_of(chart, kind, language))
    say(out)
