"""`polar-detect fit`."""

from dataclasses import dataclass
from pathlib import Path

from polar_detect import artifact, models, tables
from polar_detect.cli.commands.output import err, say
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import PolarDetector


@dataclass(frozen=True)
class FitSettings:
    """Options of `fit` that shape the detector."""

    model: str = models.DEFAULT_MODEL
    detector: str = "auto"
    max_tokens: int = 64
    seed: int = 0


def fit(
    train: Path, out: Path, text_column: str | None, label_column: str | None, settings: FitSettings
) -> PolarDetector:
    """Fit a detector on a table and save it."""
    artifact.check_target(out)
    table = tables.read_table(train, text_column=text_column, label_column=label_column)
    detector = PolarDetector(
        settings.detector,
        model=settings.model,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
    )
    with progress_bars(err) as progress:
        detector.fit(table.texts, table.labels, progress=progress)
    column = table.text_column if tables.has_columns(train) else None
    artifact.save(detector, out, text_column=column)
    for label, value in artifact.describe(detector):
        err.print(f"{label}: {value}", highlight=False, markup=False, soft_wrap=True)
    err.print(
        f"Kept in the folder: the {len(detector.fitted_.reference.texts)} training texts "
        "(neighbours for the context)",
        highlight=False,
    )
    say(out)
    return detector
