"""What each command does, once its options are parsed."""

import json as json_format
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

import polar_detect
from polar_detect import artifact, calibration, metrics, tables
from polar_detect import models as local_models
from polar_detect.backbone import Backbone
from polar_detect.cli.progress import progress_bars
from polar_detect.detector import Assessment, PolarDetector
from polar_detect.errors import InputError, InputNotFoundError, OutputError
from polar_detect.minimal import MinimalProgram, find_minimal_programs
from polar_detect.report.build import build_report
from polar_detect.report.html import render_html
from polar_detect.report.terminal import (
    layer_ruler,
    program_strip,
    score_summary,
    sparkline,
    worst_rows,
)
from polar_detect.signature import Tracer, Traces

_ADDED = (
    "score", "p_value", "is_anomaly", "program", "program_length", "n_skips", "n_loops",
    "top_layers",
)  # fmt: skip
_EMPTY_MARK = "empty text"
_SEARCH_CHUNK = 16
_err = Console(stderr=True)
_out = Console()


@dataclass(frozen=True)
class FitSettings:
    """Options of `fit` that shape the detector."""

    model: str = local_models.DEFAULT_MODEL
    detector: str = "auto"
    max_tokens: int = 64
    seed: int = 0


@dataclass(frozen=True)
class ReportSettings:
    """Options of `report`."""

    top: int = 20
    text_column: str | None = None
    label_column: str | None = None
    alpha: float | None = None


@dataclass(frozen=True)
class SearchSettings:
    """Options of `search`."""

    model: str
    tolerance: float
    max_tokens: int


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
    with progress_bars(_err) as progress:
        detector.fit(table.texts, table.labels, progress=progress)
    column = table.text_column if tables.has_columns(train) else None
    artifact.save(detector, out, text_column=column)
    for label, value in artifact.describe(detector):
        _err.print(f"{label}: {value}", highlight=False, markup=False, soft_wrap=True)
    _err.print(
        f"Kept in the folder: the {len(detector.fitted_.reference.texts)} training texts "
        "(neighbours for the context)",
        highlight=False,
    )
    _say(out)
    return detector


def score(
    path: Path, detector_folder: Path, out: Path, text_column: str | None, alpha: float | None
) -> None:
    """Score a table and write it with the added columns."""
    tables.check_output(out)
    table, detector = _read_and_load(path, detector_folder, text_column, None, alpha)
    tables.check_added(table, _ADDED)
    assessment = _assess(detector, table.texts)
    tables.write_scored(table, scored_columns(assessment, detector.n_layers), out)
    _summarise(assessment, detector.alpha)
    _say(out)


def report(path: Path, detector_folder: Path, out: Path, settings: ReportSettings) -> None:
    """Score a table and write the report."""
    check_report_target(out)
    table, detector = _read_and_load(
        path, detector_folder, settings.text_column, settings.label_column, settings.alpha
    )
    assessment = _assess(detector, table.texts)
    data = build_report(detector, assessment, table, top=settings.top)
    write_text(out, render_html(data))
    _summarise(assessment, detector.alpha)
    _say(out)


def search(text: str | None, file: Path | None, settings: SearchSettings, *, json: bool) -> None:
    """Print the minimal program of each text."""
    texts = [text] if text is not None else _lines(file)
    backbone = Backbone.load(local_models.resolve(settings.model).folder)
    tracer = Tracer(backbone, max_tokens=settings.max_tokens, curves="exact")
    for start in range(0, len(texts), _SEARCH_CHUNK):
        chunk = texts[start : start + _SEARCH_CHUNK]
        rows = backbone.tokenize(chunk, settings.max_tokens)
        found = find_minimal_programs(tracer.executor, rows, tolerance=settings.tolerance)
        traces = tracer.trace(chunk)
        for i, minimal in enumerate(found):
            if json:
                record = _search_record(chunk[i], minimal, traces, i, settings.tolerance)
                sys.stdout.write(json_format.dumps(record, ensure_ascii=False) + "\n")
            else:
                _print_search(chunk[i], minimal, traces, i)
        sys.stdout.flush()


def list_models() -> None:
    """Print the embedded models."""
    for status in local_models.available():
        state = str(status.folder) if status.is_cached else "not fetched"
        size = f"{status.size_bytes / 1e6:.0f} MB"
        _out.print(
            f"{status.name:12} {size:>7}  {status.license:12} {status.title}  [{state}]",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def fetch_model(name: str) -> None:
    """Fetch a model and print its folder."""
    _say(local_models.fetch(name).folder)


def demo(out: Path) -> None:
    """Fit, score and explain the demo work orders, and measure against their labels."""
    data = _demo_data()
    detector_folder = out / "detector"
    scored, page = out / "work_orders_scored.csv", out / "work_orders_report.html"
    artifact.check_target(detector_folder)
    _make_folder(out)
    detector = fit(data / "work_orders_train.csv", detector_folder, "text", None, FitSettings())
    table = tables.read_table(
        data / "work_orders_new.csv", text_column="text", label_column="label"
    )
    assessment = _assess(detector, table.texts)
    tables.write_scored(table, scored_columns(assessment, detector.n_layers), scored)
    report_data = build_report(detector, assessment, table, top=20)
    write_text(page, render_html(report_data))
    _say(scored)
    _say(page)
    _out.print(worst_rows(report_data.rows[:10]))
    assert table.labels is not None
    for name, metric in (("AUROC", metrics.auroc), ("AUPR", metrics.aupr)):
        _out.print(f"{name} {metric(table.labels, assessment.scores):.3f}", highlight=False)
    _summarise(assessment, detector.alpha)


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


def _read_and_load(
    path: Path,
    detector_folder: Path,
    text_column: str | None,
    label_column: str | None,
    alpha: float | None,
) -> tuple[tables.Table, PolarDetector]:
    stored = artifact.stored_text_column(detector_folder)
    column = text_column or (stored if tables.has_columns(path) else None)
    table = tables.read_table(path, text_column=column, label_column=label_column)
    detector = PolarDetector.load(detector_folder)
    if alpha is not None:
        calibration.check_alpha(alpha, len(detector.fitted_.calibration_scores))
        detector.alpha = alpha
    return table, detector


def _assess(detector: PolarDetector, texts: Sequence[str]) -> Assessment:
    with progress_bars(_err) as progress:
        return detector.assess(texts, progress=progress)


def _summarise(assessment: Assessment, alpha: float) -> None:
    n_empty = int(np.isnan(assessment.scores).sum())
    n_flagged = int(assessment.is_anomaly.sum())
    _err.print(score_summary(len(assessment.scores), n_flagged, alpha=alpha, n_empty=n_empty))


def _lines(file: Path | None) -> list[str]:
    assert file is not None
    if tables.has_columns(file):
        raise InputError(
            f"Got --file '{file}'; expected a text file with one text a line; save the text "
            "column as .txt."
        )
    return tables.read_table(file, text_column=None).texts


def _search_record(
    text: str, minimal: MinimalProgram, traces: Traces, i: int, tolerance: float
) -> dict[str, object]:
    return {
        "text": text,
        "program": str(minimal.program),
        "layers": list(minimal.program.layers),
        "length": len(minimal.program),
        "n_layers": traces.skip.shape[1],
        "full_loss": _number(minimal.full_loss),
        "loss": _number(minimal.loss),
        "tolerance": tolerance,
        "layer_calls": minimal.layer_calls,
        "skip_curve": [_number(x) for x in traces.skip[i].tolist()],
        "loop_curve": [_number(x) for x in traces.loop[i].tolist()],
        "curve_kind": "exact",
    }


def _number(value: float) -> float | None:
    """Return a number that JSON can hold; a text without tokens has none."""
    return None if np.isnan(value) else float(value)


def _print_search(text: str, minimal: MinimalProgram, traces: Traces, i: int) -> None:
    n_layers = traces.skip.shape[1]
    _out.print(text, highlight=False, markup=False, style="bold")
    _out.print(program_strip(minimal.program, n_layers), layer_ruler(n_layers), sep="\n")
    _out.print(
        f"program {minimal.program}\n"
        f"{len(minimal.program)} of {n_layers} layers, loss {minimal.loss:.3f} nats per token "
        f"(full program {minimal.full_loss:.3f}), {minimal.layer_calls} layer calls",
        highlight=False,
        markup=False,
    )
    for name, curve in (("skip", traces.skip[i]), ("loop", traces.loop[i])):
        _out.print(
            f"{name} {sparkline(curve)}  {np.nanmin(curve):+.2f} to {np.nanmax(curve):+.2f}"
            if np.isfinite(curve).any()
            else f"{name} –",
            highlight=False,
            markup=False,
        )
    _out.print()


def _demo_data() -> Path:
    package = Path(polar_detect.__file__).resolve().parent.parent
    for folder in (Path("data"), package / "data"):
        if (folder / "work_orders_train.csv").is_file():
            return folder
    raise InputNotFoundError(
        "Got no data/work_orders_train.csv here; expected the cloned repository; run the demo "
        "in its top folder."
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"Got --out '{folder}', which cannot be created ({error.strerror}); expected a "
            "folder; choose another."
        ) from error


def _say(path: Path) -> None:
    """Print a result's path, alone on its line."""
    sys.stdout.write(f"{path}\n")
