"""Where a command's results and messages go: stdout, stderr, files written whole."""

import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from polar_detect.detector import Assessment
from polar_detect.errors import OutputError
from polar_detect.report.terminal import score_summary

err = Console(stderr=True)
out = Console()


def say(path: Path) -> None:
    """Print a result's path, alone on its line."""
    sys.stdout.write(f"{path}\n")


def summarise(assessment: Assessment, alpha: float) -> None:
    """Print how many rows were flagged, and how many would be by chance."""
    n_empty = int(np.isnan(assessment.scores).sum())
    n_flagged = int(assessment.is_anomaly.sum())
    err.print(score_summary(len(assessment.scores), n_flagged, alpha=alpha, n_empty=n_empty))


def check_report_target(path: Path) -> None:
    """Raise `OutputError` if a report cannot be written to `path`."""
    if path.suffix.lower() not in {".html", ".htm"}:
        raise OutputError(
            f"Got --out '{path}'; expected a name that ends in .html; rename the output."
        )
    if not path.parent.is_dir():
        raise OutputError(
            f"Got --out '{path}' in a folder that does not exist; expected an existing folder; "
            "create it first."
        )


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    staged = path.with_name(f".{path.name}.part")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise OutputError(
            f"Got an error while writing '{path}' ({error.strerror}); expected a file that can "
            "be written; choose another --out."
        ) from error


def make_folder(folder: Path) -> None:
    """Create a folder for results, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Got --out '{folder}', which cannot be created ({error.strerror}); expected a "
            "folder; choose another."
        ) from error
