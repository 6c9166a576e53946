"""From a detector's assessment of a batch to what a report shows."""

import datetime
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from polar_detect import artifact, calibration, metrics
from polar_detect.detector import Assessment, PolarDetector
from polar_detect.explain import Explanation
from polar_detect.report.data import Contribution, ReportData, RowReport
from polar_detect.tables import Table

_TOP_FEATURES = 8


def build_report(
    detector: PolarDetector, assessment: Assessment, table: Table, *, top: int
) -> ReportData:
    """Collect what a report shows of a batch.

    Parameters
    ----------
    detector : PolarDetector
        Fitted.
    assessment : Assessment
        Of the texts of `table`.
    table : Table
    top : int
        Rows to show, worst first.
    """
    fitted, explanation = detector.fitted_, assessment.explanation
    scores = assessment.scores
    is_scored = ~np.isnan(scores)
    counts = np.asarray([m.program.counts(detector.n_layers) for m in assessment.programs])
    scored_counts = counts[is_scored] if is_scored.any() else counts
    worst = np.argsort(-np.where(is_scored, scores, -np.inf), kind="stable")
    worst = worst[is_scored[worst]][:top]
    auroc, aupr = _quality(table.labels, scores)
    return ReportData(
        title=f"Anomaly report: {table.source}",
        source=table.source,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        detector=tuple(artifact.describe(detector)),
        n_rows=len(scores),
        n_empty=int((~is_scored).sum()),
        n_flagged=int(assessment.is_anomaly.sum()),
        n_layers=detector.n_layers,
        typical_calls=fitted.typical_calls,
        typical_length=fitted.typical_length,
        batch_length=float(scored_counts.sum(1).mean()),
        calibration_scores=fitted.calibration_scores,
        batch_scores=scores[is_scored],
        threshold=calibration.threshold(fitted.calibration_scores, detector.alpha),
        alpha=detector.alpha,
        base_value=explanation.base_value,
        rows=tuple(_row(int(i), assessment, table) for i in worst),
        global_layers=_layers(np.nanmean(np.abs(explanation.by_layer()[is_scored]), axis=0))
        if is_scored.any()
        else _layers(np.zeros(detector.n_layers)),
        global_whole=_by_size(
            {
                group: float(np.abs(values[is_scored]).mean()) if is_scored.any() else 0.0
                for group, values in explanation.by_group().items()
            }
        ),
        auroc=auroc,
        aupr=aupr,
        batch_calls=scored_counts.mean(0),
        versions=tuple(artifact.versions().items()),
    )


def _row(i: int, assessment: Assessment, table: Table) -> RowReport:
    explanation, minimal = assessment.explanation, assessment.programs[i]
    own = explanation.rows(np.asarray([i]))
    return RowReport(
        row=i + 1,
        text=table.texts[i],
        label=None if table.labels is None else bool(table.labels[i]),
        score=float(assessment.scores[i]),
        p_value=float(assessment.p_values[i]),
        is_anomaly=bool(assessment.is_anomaly[i]),
        program=minimal.program,
        full_loss=minimal.full_loss,
        program_loss=minimal.loss,
        layers=_layers(own.by_layer()[0]),
        whole=_by_size({group: float(v[0]) for group, v in own.by_group().items()}),
        features=_features(own),
        neighbours=assessment.neighbours[i],
    )


def _features(own: Explanation) -> tuple[tuple[str, float, float], ...]:
    strongest = np.argsort(-np.abs(own.values[0]), kind="stable")[:_TOP_FEATURES]
    return tuple(
        (own.features[j].name, float(own.data[0, j]), float(own.values[0, j])) for j in strongest
    )


def _layers(values: NDArray[np.float64]) -> tuple[Contribution, ...]:
    return tuple(Contribution(f"L{layer}", float(x)) for layer, x in enumerate(values))


def _by_size(parts: Mapping[str, float]) -> tuple[Contribution, ...]:
    ordered = sorted(parts.items(), key=lambda part: -abs(part[1]))
    return tuple(Contribution(label, value) for label, value in ordered)


def _quality(
    labels: NDArray[np.bool_] | None, scores: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    is_scored = ~np.isnan(scores)
    if labels is None or len(set(labels[is_scored].tolist())) < 2:
        return None, None
    known, own = labels[is_scored], scores[is_scored]
    return metrics.auroc(known, own), metrics.aupr(known, own)
