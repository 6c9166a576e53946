"""`polar-detect report`."""

import sys
import webbrowser
from itertools import compress
from pathlib import Path

from polar_detect import tables
from polar_detect.assessment import Assessment
from polar_detect.cli.commands.inputs import load_same, origin_of, tell_about
from polar_detect.cli.commands.output import (
    check_not_in_detector,
    check_not_input,
    check_place,
    err,
    load_pictures,
    make_folder,
    say,
    summarise,
    tell,
    tell_of_clusters,
    tell_of_groups,
    tell_of_new,
    write_text,
)
from polar_detect.cli.options import ReportOptions
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import PolarDetector
from polar_detect.errors import OutputError
from polar_detect.messages.language import Language
from polar_detect.report.build import build_report
from polar_detect.report.content.aside_phrases import asides
from polar_detect.report.content.data import ReportData
from polar_detect.report.content.phrases import beyond_reach, like_known
from polar_detect.report.formats.rendering import check_folder, format_of, render
from polar_detect.signature.columns.new_cells import NewColumns


def report(options: ReportOptions) -> None:
    """Score a table and write the report."""
    language, out = Language(options.lang), options.out
    kind = options.format or format_of(out, language, option="--format")
    check_folder(out, language)
    rejected = tables.rejected_path(out)
    check_not_input(out, options.input, rejected=rejected)
    check_not_in_detector(out, options.detector)
    if options.figures is not None:
        check_not_in_detector(options.figures, options.detector, option="--figures")
    check_place(out)
    if kind in ("pdf", "png") or options.figures is not None:
        load_pictures()
    table, detector = _read_and_load(options)
    if options.figures is not None:
        make_folder(options.figures, "--figures")
    tell_about(table, rejected, language)
    with progress_bars(err, language) as progress:
        assessment = detector.assess(table.texts, neighbours=False, progress=progress)
    data = build_report(detector, assessment, table, top=options.top)
    file = render(data, kind, options.lang)
    write_text(out, file.content)
    lacks_characters = file.lacks_characters
    if options.figures is not None:
        lacks_characters |= _write_figures(data, options.figures, language)
    if lacks_characters:
        tell(language.say("terminal.no_font"))
    own = data.detector.language(options.lang)
    summarise(data, own)
    tell_of_groups(data.groups, own)
    tell_of_clusters(data.clusters, own)
    _tell_of_batch(data, assessment, table, own)
    say(out)
    if options.opens and not webbrowser.open(_address(out.resolve())):
        tell(language.say("terminal.no_browser", path=out))


def _tell_of_batch(
    data: ReportData, assessment: Assessment, table: tables.Table, own: Language
) -> None:
    """Say what is new, known, out of reach or there twice in the rows as a whole."""
    if data.n_known:
        tell(own.say("terminal.known", n=len(table.texts), n_known=data.n_known))
    new, filled = NewColumns(), [bool(text.strip()) for text in table.texts]
    if assessment.new_cells:
        cells, misplaced = assessment.new_cells, assessment.misplaced
        new.count([*compress(cells, filled)], [*compress(misplaced, filled)])
    tell_of_new(new.mostly, len(table.texts), own)
    if data.like_known is not None:
        tell(like_known(data.like_known, own))
    for sentence in beyond_reach(data.beyond, own):
        tell(sentence)
    for sentence in asides(data, data.n_scored, data.numbering, own):
        tell(sentence)


def _address(file: Path) -> str:
    """Return what opens a file; of an URI Windows reads letters beyond ASCII in its code page."""
    return str(file) if sys.platform == "win32" else file.as_uri()


def _read_and_load(options: ReportOptions) -> tuple[tables.Table, PolarDetector]:
    """Read the table, and the detector that shall assess it; --alpha replaces the detector's."""
    origin = origin_of(options.detector, options.text_column)
    table = tables.read_table(
        options.input,
        text_column=options.text_column,
        label_column=options.label_column,
        default_column=origin.text_column,
        rows=origin.template,
        options=tables.ReadOptions(
            encoding=options.encoding,
            sheet=options.sheet,
            keeps_unlabelled=True,  # that a batch is strange shows in all of its rows
        ),
    )
    return table, load_same(options.detector, origin, alpha=options.alpha)


def _write_figures(data: ReportData, folder: Path, language: Language) -> bool:
    from polar_detect.report.formats import (
        figures,  # matplotlib takes a second, which others need not
    )

    try:
        n_files, lacks_characters = figures.write_pictures(data, language.tongue, folder)
    except OSError as error:
        raise OutputError(
            f"Got an error while writing pictures into '{folder}' ({error.strerror}); expected a "
            "folder that can be written; choose another --figures."
        ) from error
    tell(language.say("terminal.figures", n=n_files, folder=folder))
    return lacks_characters
