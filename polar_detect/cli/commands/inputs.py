"""What commands read: tables, a saved detector, and the assessment of one by the other."""

from collections.abc import Sequence
from pathlib import Path

from polar_detect import artifact, calibration, tables
from polar_detect.cli.commands.output import err
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import Assessment, PolarDetector


def read_and_load(
    path: Path,
    detector_folder: Path,
    text_column: str | None,
    label_column: str | None,
    alpha: float | None,
) -> tuple[tables.Table, PolarDetector]:
    """Read a table, and the detector that shall assess it; `alpha` replaces the detector's."""
    stored = artifact.stored_text_column(detector_folder)
    column = text_column or (stored if tables.has_columns(path) else None)
    table = tables.read_table(path, text_column=column, label_column=label_column)
    detector = PolarDetector.load(detector_folder)
    if alpha is not None:
        calibration.check_alpha(alpha, len(detector.fitted_.calibration_scores))
        detector.alpha = alpha
    return table, detector


def assess(detector: PolarDetector, texts: Sequence[str]) -> Assessment:
    """Assess `texts` under a progress bar."""
    with progress_bars(err) as progress:
        return detector.assess(texts, progress=progress)
