"""`polar-detect score`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polar_detect import artifact, tables
from polar_detect.cli.commands.inputs import InputOptions, assess, read_and_load, tell_about
from polar_detect.cli.commands.output import say, summarise
from polar_detect.detector import Assessment, PolarDetector

_ADDED = (
    "score", "p_value", "is_anomaly", "program", "program_length", "n_skips", "n_loops",
    "top_layers",
)  # fmt: skip
_EMPTY_MARK = "empty text"


def score(
    path: Path, detector_folder: Path, out: Path, options: InputOptions, alpha: float | None
) -> None:
    """Score a table and write it with the added columns."""
    tables.check_output(out)
    table, detector = read_and_load(path, detector_folder, options, alpha)
    tell_about(table, path, out.parent)
    tables.check_added(table.frame.columns, _ADDED, table.source)
    assessment = assess(detector, table.texts)
    layout = tables.Layout(
        "is_anomaly", _summary(table, assessment, detector), has_mark=table.needs_mark
    )
    tables.write_scored(table, scored_columns(assessment, detector.n_layers), out, layout)
    summarise(assessment, detector.alpha)
    say(out)


def scored_columns(assessment: Assessment, n_layers: int) -> dict[str, list[object]]:
    """Return the columns that `score` adds, by name."""
    programs = [minimal.program for minimal in assessment.programs]
    is_empty = np.isnan(assessment.scores)
    top_layers = assessment.explanation.top_layers()
    columns: tuple[Sequence[object], ...] = (
        [None if np.isnan(x) else round(x, 6) for x in assessment.scores.tolist()],
        [None if np.isnan(x) else round(x, 6) for x in assessment.p_values.tolist()],
        assessment.is_anomaly.tolist(),
        [str(program) for program in programs],
        [len(program) for program in programs],
        [program.n_skips(n_layers) for program in programs],
        [program.n_loops for program in programs],
        [_EMPTY_MARK if e else words for e, words in zip(is_empty, top_layers, strict=True)],
    )
    return {
        name: [None if e and name.startswith(("program", "n_")) else v
               for e, v in zip(is_empty, values, strict=True)]
        for name, values in zip(_ADDED, columns, strict=True)
    }  # fmt: skip


def _summary(
    table: tables.Table, assessment: Assessment, detector: PolarDetector
) -> list[tuple[str, object]]:
    """Return what the summary sheet of an Excel file says."""
    n_scored = int((~np.isnan(assessment.scores)).sum())
    return [
        ("Input", table.source),
        ("Rows", len(table.texts)),
        ("Rows with an empty text", len(table.texts) - n_scored),
        ("Rows that could not be read", len(table.rejected)),
        ("Flagged rows", int(assessment.is_anomaly.sum())),
        ("Flagged by chance if all rows were normal, about", round(detector.alpha * n_scored, 1)),
        ("Alpha (rows with a p-value of at most this are flagged)", detector.alpha),
        *artifact.describe(detector),
    ]
