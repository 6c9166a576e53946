"""From the assessment of a batch, or a screening, to what a report shows."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path

import numpy as np

from polar_detect import calibration, metrics
from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.artifact.writing import versions
from polar_detect.assessment import Assessment
from polar_detect.detector import PolarDetector
from polar_detect.drift import Drift
from polar_detect.explain import Explanation, mean_size
from polar_detect.features.table import FeatureTable
from polar_detect.progress import Progress
from polar_detect.report.charts.swarm import evenly, swarms_of
from polar_detect.report.clusters import flagged_clusters
from polar_detect.report.content.data import DetectorFacts, ProgramUse, ReportData, Swarm
from polar_detect.report.content.facts import facts_of
from polar_detect.report.content.reasons import whole_parts
from polar_detect.report.groups import flagged_groups
from polar_detect.report.rows import (
    Detail,
    by_layer,
    by_size,
    explained_row,
    flat_run_rows,
    listed_row,
    mistaken_rows,
    numbers_of,
    repeated_rows,
    shown_of,
    unusual_digit_rows,
)
from polar_detect.screening import N_FOLDS, Screening
from polar_detect.signature.columns.reach import NOWHERE, Beyond, BeyondReach
from polar_detect.signature.digits import LastDigits
from polar_detect.signature.known_anomalies import LikeCounts
from polar_detect.signature.round_columns import RoundColumn, RoundColumns
from polar_detect.tables import RowTemplate, Table, dates_in_order
from polar_detect.texts.known import KnownTexts

_LISTED = 500
_SWARM_FEATURES = 10
_SWARM_TEXTS = 200
_OF_MODELS = ("torch", "transformers")


@dataclass(frozen=True, eq=False)
class _Standard:
    """What scores were held against, by which detector; see `ReportData`."""

    detector: DetectorFacts
    rows: RowTemplate | None  # of the texts, where they are rows
    versions: tuple[tuple[str, str], ...]
    alpha: float
    threshold: float
    calibration_scores: Float64Array
    programs: ProgramUse | None = None
    drift: Drift | None = None
    beyond: Beyond = NOWHERE
    like_known: LikeCounts | None = None
    n_known: int = 0
    digits: LastDigits | None = None
    round_columns: tuple[RoundColumn, ...] = ()


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
        Rows to explain, worst first.
    """
    fitted = detector.fitted_
    normal = fitted.calibration_scores
    n_known = _n_known(detector, table.texts)
    if n_known:  # each repeats itself
        assessment = replace(assessment, repeats=())
    standard = _Standard(
        detector=facts_of(detector),
        rows=detector.rows_,
        versions=_versions(detector),
        alpha=detector.alpha,
        threshold=calibration.threshold(normal, detector.alpha),
        calibration_scores=normal,
        programs=_programs(detector, assessment) if fitted.head.reads_texts else None,
        drift=_measure_batch_drift(detector, assessment),
        beyond=_beyond_reach(detector, table.texts, assessment),
        like_known=_like_known(detector, assessment),
        n_known=n_known,
        digits=fitted.digits,
        round_columns=_round_columns(detector, table.texts),
    )
    worst = assessment.strangest[:top]
    texts = [table.texts[i] for i in worst]
    shown = [shown_of(table.texts, assessment, i) for i in worst]
    details = dict(zip(texts, Detail.of(detector, shown, assessment.rows(worst)), strict=True))
    return _report(standard, assessment, table, details, top)


def screen_and_report(
    screening: Screening, table: Table, *, top: int, progress: Progress | None = None
) -> tuple[Assessment, ReportData]:
    """Hold the texts of a table against one another; return what is said of each, and the report.

    Parameters
    ----------
    screening : Screening
        Of the texts of `table`.
    table : Table
    top : int
        Rows to explain, strangest first.
    progress : callable, optional
        Called with stage, texts done, texts in all.
    """
    details: dict[str, Detail] = {}
    facts: list[DetectorFacts] = []

    def look(detector: PolarDetector, texts: Sequence[str], found: Assessment) -> None:
        """Keep what only this fold's detector can say: of all folds none shows more rows."""
        strangest = found.strangest[:top]
        own, shown = [texts[i] for i in strangest], [shown_of(texts, found, i) for i in strangest]
        details.update(zip(own, Detail.of(detector, shown, found.rows(strangest)), strict=True))
        facts.append(facts_of(detector))

    found = screening.run(progress, look)
    table = replace(table, texts=screening.texts)  # as they are read: so `details` knows them
    flagged = found.scores[found.is_anomaly]
    standard = _Standard(
        detector=_of_folds(facts, screening.n_others),
        rows=screening.detector.rows_,
        versions=_versions(screening.detector),
        alpha=screening.share,
        threshold=float(flagged.min()) if len(flagged) else np.inf,
        calibration_scores=np.empty(0),
        digits=screening.digits,
    )
    return found, _report(standard, found, table, details, top)


def _of_folds(facts: Sequence[DetectorFacts], n_others: int) -> DetectorFacts:
    """Return what the detectors of all folds are, with ranges where their figures differ."""
    choices = {}
    for name in facts[0].choices:
        figures = sorted({own.choices[name] for own in facts}, key=lambda own: float(own[:-1]))
        low, high = figures[0], figures[-1]
        choices[name] = high if low == high else f"{low[:-1]}–{high}"
    return replace(
        facts[-1], reason="", choices=choices, n_train=n_others, n_held_out=0, n_folds=N_FOLDS
    )


def _report(
    standard: _Standard,
    assessment: Assessment,
    table: Table,
    details: Mapping[str, Detail],
    top: int,
) -> ReportData:
    """Collect what a report shows; `details` has the texts of the `top` rows."""
    scores, worst = assessment.scores, assessment.strangest
    is_scored = ~np.isnan(scores)
    scored = assessment.explanation.rows(np.flatnonzero(is_scored))
    listed = worst[: max(top, _LISTED)].tolist()
    auroc, aupr = _quality(table, scores)
    return ReportData(
        source=Path(table.source).name,  # the folder is nobody's business
        numbering=table.numbering,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        detector=standard.detector,
        n_rows=len(scores),
        n_empty=int((~is_scored).sum()),
        n_flagged=int(assessment.is_anomaly.sum()),
        programs=standard.programs,
        calibration_scores=standard.calibration_scores,
        batch_scores=scores[is_scored],
        batch_rows=tuple(numbers_of(table)[is_scored].tolist()),
        batch_times=tuple(compress(dates_in_order(table.frame), is_scored)),
        threshold=standard.threshold,
        alpha=standard.alpha,
        base_value=assessment.explanation.base_value,
        rows=tuple(
            explained_row(i, assessment, table, details[table.texts[i]])
            for i in worst[:top].tolist()
        ),
        listed=tuple(listed_row(i, assessment, table, standard.rows) for i in listed),
        drift=standard.drift,
        global_layers=by_layer(mean_size(scored.by_layer())),
        global_whole=by_size(
            {source: float(mean_size(values)) for source, values in whole_parts(scored).items()}
        ),
        swarms=_swarms(scored, worst, is_scored),
        groups=flagged_groups(table, assessment, standard.rows),
        clusters=flagged_clusters(table, assessment),
        auroc=auroc,
        aupr=aupr,
        beyond=standard.beyond,
        like_known=standard.like_known,
        n_known=standard.n_known,
        repeats=repeated_rows(assessment, table, standard.rows),
        digits=replace(
            unusual_digit_rows(assessment, table, standard.rows, standard.digits),
            batch=standard.round_columns,
        ),
        mistakes=mistaken_rows(assessment, table, standard.rows),
        flat_runs=flat_run_rows(assessment, table),
        versions=standard.versions,
    )


def _programs(detector: PolarDetector, assessment: Assessment) -> ProgramUse:
    """Return how the programs of normal texts and of the batch use the layers."""
    normal, is_scored = detector.normal_programs(), ~np.isnan(assessment.scores)
    counts = np.asarray([m.program.counts(detector.n_layers) for m in assessment.all_programs])
    scored_counts = counts[is_scored] if is_scored.any() else counts
    return ProgramUse(
        typical_calls=normal.typical_calls,
        typical_length=normal.typical_length,
        batch_length=float(scored_counts.sum(1).mean()),
        batch_calls=scored_counts.mean(0),
    )


def _like_known(detector: PolarDetector, assessment: Assessment) -> LikeCounts | None:
    """Return how many flagged texts are like labelled anomalies, where some are kept."""
    known, is_flagged = detector.fitted_.known, assessment.is_anomaly
    if known is None or not assessment.known_anomalies or not is_flagged.any():
        return None
    return known.counts_of(Counter(compress(assessment.like_known, is_flagged)))


def _n_known(detector: PolarDetector, texts: Sequence[str]) -> int:
    """Return how many texts the detector was fitted on, where that is no chance; else 0."""
    known = KnownTexts(detector.fitted_.normal_texts)
    known.add(texts)
    return known.n_beyond_chance


def _versions(detector: PolarDetector) -> tuple[tuple[str, str], ...]:
    """Return the versions of what scores come from, which are no models' where none reads rows."""
    own = versions()
    if not detector.fitted_.head.reads_texts:
        own = {name: version for name, version in own.items() if name not in _OF_MODELS}
    return tuple(own.items())


def _measure_batch_drift(detector: PolarDetector, assessment: Assessment) -> Drift:
    """Return how the batch as a whole differs from the held-out normal texts."""
    fitted, explanation = detector.fitted_, assessment.explanation
    batch = FeatureTable(explanation.data, explanation.features)
    batch = batch.chosen(fitted.statistics.features)  # what passages take off is none of them
    return fitted.drift_of(assessment.scores, batch)


def _beyond_reach(detector: PolarDetector, texts: Sequence[str], assessment: Assessment) -> Beyond:
    own = BeyondReach(detector.fitted_.reach)
    own.add(texts, assessment.misplaced)
    return own.mostly


def _round_columns(detector: PolarDetector, texts: Sequence[str]) -> tuple[RoundColumn, ...]:
    fitted = detector.fitted_
    own = RoundColumns(fitted.digits, fitted.normal_texts)
    own.add(texts)
    return own.told


def _swarms(scored: Explanation, worst: IndexArray, is_scored: BoolArray) -> tuple[Swarm, ...]:
    """Return the strongest features over texts drawn evenly from best to worst."""
    if not len(scored.values):
        return ()
    place = np.cumsum(is_scored) - 1  # of a row of the input among the scored ones
    drawn = place[worst[evenly(len(worst), _SWARM_TEXTS)]]
    n_telling = int((mean_size(scored.values) > 0).sum())
    return swarms_of(scored, drawn, min(n_telling, _SWARM_FEATURES))


def _quality(table: Table, scores: Float64Array) -> tuple[float | None, float | None]:
    labels, is_known = table.labels, ~np.isnan(scores)
    if table.is_labelled is not None:
        is_known &= table.is_labelled
    if labels is None or len(set(labels[is_known].tolist())) < 2:
        return None, None
    known, own = labels[is_known], scores[is_known]
    return metrics.auroc(known, own), metrics.aupr(known, own)
