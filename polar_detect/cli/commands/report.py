"""`polar-detect report`."""

from dataclasses import dataclass
from pathlib import Path

from polar_detect.cli.commands.inputs import InputOptions, assess, read_and_load, tell_about
from polar_detect.cli.commands.output import check_report_target, say, summarise, write_text
from polar_detect.report.build import build_report
from polar_detect.report.html import render_html


@dataclass(frozen=True)
class ReportSettings:
    """Options of `report`."""

    top: int = 20
    alpha: float | None = None


def report(
    path: Path, detector_folder: Path, out: Path, options: InputOptions, settings: ReportSettings
) -> None:
    """Score a table and write the report."""
    check_report_target(out)
    table, detector = read_and_load(path, detector_folder, options, settings.alpha)
    tell_about(table, path, out.parent)
    assessment = assess(detector, table.texts)
    data = build_report(detector, assessment, table, top=settings.top)
    write_text(out, render_html(data))
    summarise(assessment, detector.alpha)
    say(out)
