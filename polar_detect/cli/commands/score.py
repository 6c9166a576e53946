"""`polar-detect score`."""

import math
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from polar_detect import artifact, calibration
from polar_detect.cli.commands.output import err, say
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import Assessment, PolarDetector
from polar_detect.report.terminal import score_summary
from polar_detect.scoring import run as scoring
from polar_detect.scoring.flags import FlagRule
from polar_detect.scoring.ray_engine import RayFleet, RayOptions, check_installed
from polar_detect.scoring.results import LocalEngine, added_columns, results_of

__all__ = ["RayOptions", "ScoreSettings", "score", "scored_columns"]


@dataclass(frozen=True)
class ScoreSettings:
    """Options of `score`."""

    text_column: str | None = None
    alpha: float | None = None
    fdr: float | None = None
    restart: bool = False
    ray: RayOptions | None = None


def score(path: Path, detector_folder: Path, out: Path, settings: ScoreSettings) -> None:
    """Score a table and write it with the added columns."""
    if settings.ray is not None:
        check_installed()
    job = scoring.ScoreJob(
        path, out, detector_folder, settings.text_column, restart=settings.restart
    )
    opened = scoring.open_input(job, artifact.stored_text_column(detector_folder))
    for notice in opened.notices:
        err.print(f"Note: {notice}.", highlight=False, markup=False, soft_wrap=True)
    detector = PolarDetector.load(detector_folder)
    alpha = detector.alpha if settings.alpha is None else settings.alpha
    rule = FlagRule(alpha, settings.fdr)
    n_cal = len(detector.fitted_.calibration_scores)
    rule.check(n_cal)
    fleet = None if settings.ray is None else RayFleet(detector_folder, settings.ray)
    engine = LocalEngine(detector)
    with progress_bars(err) as progress:
        summary = scoring.run(job, opened, engine, rule, progress, fleet=fleet)
    _summarise(summary, rule, n_cal)
    say(out)


def scored_columns(assessment: Assessment, n_layers: int) -> dict[str, list[object]]:
    """Return the columns that `score` adds, by name, with the flags of `assessment`."""
    results = results_of(assessment, n_layers)
    flagged = assessment.p_values[assessment.is_anomaly]
    return added_columns(results, flagged.max(initial=-1.0))


def _summarise(summary: scoring.Summary, rule: FlagRule, n_cal: int) -> None:
    """Print what was flagged under which promise, and where every row went."""
    n_scored = summary.n_rows - summary.n_empty
    if rule.fdr is None:
        err.print(
            score_summary(
                summary.n_rows, summary.n_flagged, alpha=rule.alpha, n_empty=summary.n_empty
            )
        )
    else:
        _say(
            f"{n_scored} rows scored, {summary.n_flagged} flagged; at most {rule.fdr:.3g} of them "
            f"are expected to be normal. {summary.n_empty} rows have no text."
        )
        smallest = calibration.smallest_alpha(n_cal)
        n_needed = math.ceil(smallest * n_scored / rule.fdr)
        if n_needed > 1:
            _say(
                f"With {n_cal} held-out texts no p-value is below {smallest:.4g}; among "
                f"{n_scored} rows flags begin where {n_needed} rows reach it."
            )
    if summary.n_resumed:
        _say(f"{summary.n_resumed} rows had been scored before the run was interrupted.")
    if summary.rejected_path is not None:
        _say(
            f"{summary.n_rejected} rows could not be read, and are in {summary.rejected_path} "
            "with line number and reason."
        )


def _say(line: str) -> None:
    err.print(Text(line), soft_wrap=True)
