"""The formats of a report, by the endings of its files."""

from collections.abc import Callable
from pathlib import Path

from polar_detect.errors import OutputError
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.report.content.data import RenderedFile, ReportData
from polar_detect.report.formats.as_json import render_json
from polar_detect.report.formats.choices import FORMATS, Format
from polar_detect.report.formats.html import render_html
from polar_detect.report.formats.markdown import render_markdown

_ENDINGS: dict[str, Format] = {
    ".html": "html", ".htm": "html", ".pdf": "pdf", ".png": "png", ".json": "json",
    ".md": "md", ".markdown": "md",
}  # fmt: skip
_TEXT_FORMATS: dict[Format, Callable[[ReportData, Tongue], str]] = {
    "html": render_html,
    "json": render_json,
    "md": render_markdown,
}


def format_of(path: Path, language: Language, *, option: str | None = "format") -> Format:
    """Return the format that a file's ending stands for; raise `OutputError` if it is none.

    `option`: how another format could be given, if it could.
    """
    kind = _ENDINGS.get(path.suffix.lower())
    if kind is None:
        endings = ", ".join(f".{name}" for name in FORMATS)
        message = (
            f"Got '{path}' for the report; expected a name that ends in {endings}; rename it or "
            f"pass {option}."
        )
        if option is None:
            message = (
                f"Got '{path}' for the report; expected a name that ends in {endings}; rename it."
            )
        raise OutputError(language.error(message))
    return kind


def check_folder(path: Path, language: Language) -> None:
    """Raise `OutputError` where there is no folder for a file."""
    if not path.parent.is_dir():
        message = (
            f"Got '{path}' in a folder that does not exist; expected an existing folder; create "
            "it first."
        )
        raise OutputError(language.error(message))


def check_format(kind: str) -> None:
    """Raise `OutputError` where a format is none of these."""
    if kind not in FORMATS:
        raise OutputError(f"Got format {kind!r}; expected {', '.join(FORMATS)}; choose one.")


def render(data: ReportData, kind: Format, tongue: Tongue) -> RenderedFile:
    """Return a report as a file of a format; PDF and PNG are one page that sums it up."""
    if kind in _TEXT_FORMATS:
        return RenderedFile(_TEXT_FORMATS[kind](data, tongue).encode("utf-8"))
    from polar_detect.report.formats import (
        figures,  # matplotlib takes a second, which others need not
    )

    return figures.summary_page(data, tongue, "pdf" if kind == "pdf" else "png")
