"""Where a command's results and messages go: stdout, stderr, files written whole."""

import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from polar_detect.detector import Assessment
from polar_detect.drift import Drift
from polar_detect.errors import OutputError
from polar_detect.report.language import Language
from polar_detect.report.terminal import score_summary
from polar_detect.whole import write_file

err = Console(stderr=True)
out = Console()


def say(path: Path) -> None:
    """Print a result's path, alone on its line."""
    sys.stdout.write(f"{path}\n")


def summarise(
    assessment: Assessment,
    alpha: float,
    drift: Drift | None = None,
    language: Language | None = None,
) -> None:
    """Print how many rows were flagged, how many would be by chance, and the drift."""
    n_empty = int(np.isnan(assessment.scores).sum())
    n_flagged = int(assessment.is_anomaly.sum())
    err.print(
        score_summary(
            len(assessment.scores),
            n_flagged,
            alpha=alpha,
            n_empty=n_empty,
            drift=drift,
            language=language or Language(),
        ),
        soft_wrap=True,
    )


def write_text(path: Path, text: str | bytes) -> None:
    """Write a file whole or not at all."""
    try:
        write_file(path, text.encode("utf-8") if isinstance(text, str) else text)
    except OSError as error:
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
