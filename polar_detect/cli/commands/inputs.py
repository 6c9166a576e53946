"""What commands read: tables and a saved detector, and what they say of them."""

from pathlib import Path

from polar_detect import calibration, tables
from polar_detect.artifact.reading import Origin, stored_origin
from polar_detect.artifact.sealing import check_not_replaced
from polar_detect.cli.commands.output import tell, tell_of_rejected
from polar_detect.detector import PolarDetector
from polar_detect.errors import InputError
from polar_detect.messages.language import Language


def origin_of(detector_folder: Path, text_column: str | None) -> Origin:
    """Return how new texts are read for a detector; refuse a column where it reads whole rows."""
    origin = stored_origin(detector_folder)
    if origin.template is not None and text_column is not None:
        raise InputError(
            f"Got --text-column {text_column!r} for a detector that was fitted on whole "
            "rows; expected none; leave it out."
        )
    return origin


def load_same(
    detector_folder: Path, origin: Origin, *, alpha: float | None = None
) -> PolarDetector:
    """Load the detector that `origin` tells of; refuse one that has taken its place since.

    Where an `alpha` is given, it flags at that; one that it cannot reach is refused.
    """
    detector = PolarDetector.load(detector_folder)
    check_not_replaced(detector_folder, origin.sha256)
    if alpha is not None:
        calibration.check_alpha(alpha, len(detector.fitted_.calibration_scores))
        detector.alpha = alpha
    return detector


def tell_about(table: tables.Table, rejected: Path, language: Language) -> None:
    """Say what was guessed of an input, and put its rows that could not be read into a file."""
    for notice in table.notices:
        tell(f"{table.source}: {language.notice(notice)}")
    layout = tables.Layout(has_mark=table.needs_mark or language.tongue == "ja")
    tables.write_rejected(table.rejected, rejected, layout, said=language.fault)
    if table.rejected:
        tell_of_rejected(table.source, len(table.rejected), table.n_readable, rejected, language)
