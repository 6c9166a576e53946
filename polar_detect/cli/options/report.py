"""Options of `polar-detect report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from polar_detect.cli.options.shared import (
    Alpha,
    DetectorFolder,
    Encoding,
    Input,
    LabelColumn,
    Sheet,
    TextColumn,
)
from polar_detect.cli.speaking import language_of
from polar_detect.report.choices import Format, Tongue


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Explain a batch in one self-contained file: HTML, PDF, PNG, JSON or Markdown."""

    input: Input
    detector: DetectorFolder
    out: Annotated[Path, typer.Option(help="File for the report: .html, .pdf, .png, .json or .md.")]
    format: Annotated[
        Format | None, typer.Option(help="Format of --out. Default: by its ending.")
    ] = None
    lang: Annotated[Tongue, language_of("the report and the messages")] = "en"
    figures: Annotated[
        Path | None,
        typer.Option(help="Folder for all pictures as PNG and SVG files. Default: none."),
    ] = None
    top: Annotated[int, typer.Option(min=1, help="Rows to explain, worst first.")] = 20
    opens: Annotated[bool, typer.Option("--open", help="Open the report when it is written.")] = (
        False
    )
    text_column: TextColumn = None
    label_column: LabelColumn = None
    sheet: Sheet = None
    encoding: Encoding = None
    alpha: Alpha = None
