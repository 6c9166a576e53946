"""`polar-detect report`."""

import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from polar_detect import tables
from polar_detect.cli.commands.inputs import InputOptions, read_and_load, tell_about
from polar_detect.cli.commands.output import (
    check_not_input,
    check_place,
    err,
    make_folder,
    say,
    summarise,
    write_text,
)
from polar_detect.cli.progress import progress_bars
from polar_detect.errors import OutputError
from polar_detect.report import figures
from polar_detect.report.as_json import render_json
from polar_detect.report.build import build_report
from polar_detect.report.data import ReportData
from polar_detect.report.html import render_html
from polar_detect.report.language import Language, Tongue
from polar_detect.report.markdown import render_markdown

_ENDINGS = {
    ".html": "html", ".htm": "html", ".pdf": "pdf", ".png": "png", ".json": "json",
    ".md": "md", ".markdown": "md",
}  # fmt: skip
_TEXT_FORMATS: dict[str, Callable[[ReportData, Language], str]] = {
    "html": render_html,
    "json": render_json,
    "md": render_markdown,
}


@dataclass(frozen=True)
class ReportSettings:
    """Options of `report` that say what is shown."""

    top: int = 20
    alpha: float | None = None


@dataclass(frozen=True, kw_only=True)
class ReportStyle:
    """Options of `report` that say how it is shown."""

    format: str | None = None
    tongue: Tongue = "en"
    figures: Path | None = None
    opens: bool = False


def report(
    path: Path,
    detector_folder: Path,
    out: Path,
    options: InputOptions,
    settings: ReportSettings,
    style: ReportStyle | None = None,
) -> None:
    """Score a table and write the report."""
    style = style or ReportStyle()
    language = Language(style.tongue)
    kind = _checked_format(out, style.format, language)
    rejected = tables.rejected_path(out)
    check_not_input(out, path, rejected=rejected)
    check_place(out)
    if style.figures is not None:
        make_folder(style.figures, "--figures")
    table, detector = read_and_load(path, detector_folder, options, settings.alpha)
    tell_about(table, rejected, language)
    with progress_bars(err, language) as progress:
        assessment = detector.assess(table.texts, progress=progress)
    data = build_report(detector, assessment, table, top=settings.top)
    lacks_characters = _write(data, out, kind, language)
    if style.figures is not None:
        lacks_characters |= _write_figures(data, style.figures, language)
    if lacks_characters:
        err.print(language.say("terminal.no_font"), highlight=False, soft_wrap=True)
    summarise(assessment, detector.alpha, data.drift, language)
    say(out)
    if style.opens and not webbrowser.open(out.resolve().as_uri()):
        said = language.say("terminal.no_browser", path=out)
        err.print(said, highlight=False, markup=False, soft_wrap=True)


def _checked_format(out: Path, wanted: str | None, language: Language) -> str:
    """Return the format to write; raise `OutputError` if there is none or no folder for it."""
    kind = wanted or _ENDINGS.get(out.suffix.lower())
    if kind is None:
        endings = ", ".join(dict.fromkeys(f".{name}" for name in _ENDINGS.values()))
        raise OutputError(language.say("error.format", path=out, endings=endings))
    if not out.parent.is_dir():
        raise OutputError(language.say("error.folder", path=out))
    return kind


def _write(data: ReportData, out: Path, kind: str, language: Language) -> bool:
    """Write the report; return whether characters are missing in it for want of a font."""
    if kind in _TEXT_FORMATS:
        write_text(out, _TEXT_FORMATS[kind](data, language))
        return False
    picture = figures.summary_page(data, language, "pdf" if kind == "pdf" else "png")
    write_text(out, picture.content)
    return picture.lacks_characters


def _write_figures(data: ReportData, folder: Path, language: Language) -> bool:
    try:
        n_files, lacks_characters = figures.write_pictures(data, language, folder)
    except OSError as error:
        raise OutputError(
            f"Got an error while writing pictures into '{folder}' ({error.strerror}); expected a "
            "folder that can be written; choose another --figures."
        ) from error
    said = language.say("terminal.figures", n=n_files, folder=folder)
    err.print(said, highlight=False, markup=False, soft_wrap=True)
    return lacks_characters
