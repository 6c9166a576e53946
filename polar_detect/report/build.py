"""From a detector's assessment of a batch to what a report shows."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from polar_detect import calibration, metrics
from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.artifact.writing import versions
from polar_detect.assessment import Assessment
from polar_detect.detector import PolarDetector
from polar_detect.drift import Drift, measure_drift
from polar_detect.explain import Explanation, mean_size
from polar_detect.features.named import WORDING_LIKENESS
from polar_detect.features.table import FeatureTable
from polar_detect.messages.sources import Layer, Source
from polar_detect.report.charts.swarm import evenly, swarms_of
from polar_detect.report.content.cells import cells_of
from polar_detect.report.content.data import (
    Contribution,
    FeaturePart,
    ListedRow,
    ProgramReport,
    ProgramUse,
    ReportData,
    RowReport,
    Swarm,
)
from polar_detect.report.content.facts import facts_of
from polar_detect.report.content.reasons import OddCells, raising, whole_parts
from polar_detect.signature.marks.known_words import KnownWords
from polar_detect.signature.marks.spans import TokenLoss
from polar_detect.tables import Table
from polar_detect.texts.visible import read_places

_TOP_FEATURES = 8
_LISTED = 500
_LISTED_CHARACTERS = 600
_SWARM_FEATURES = 10
_SWARM_TEXTS = 200
_OF_MODELS = ("torch", "transformers")


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
    fitted, explanation = detector.fitted_, assessment.explanation
    scores = assessment.scores
    is_scored = ~np.isnan(scores)
    worst = assessment.strangest
    scored = explanation.rows(np.flatnonzero(is_scored))
    auroc, aupr = _quality(table, scores)
    return ReportData(
        source=Path(table.source).name,  # the folder is nobody's business
        numbering=table.numbering,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        detector=facts_of(detector),
        n_rows=len(scores),
        n_empty=int((~is_scored).sum()),
        n_flagged=int(assessment.is_anomaly.sum()),
        programs=_programs(detector, assessment, is_scored) if fitted.head.reads_texts else None,
        calibration_scores=fitted.calibration_scores,
        batch_scores=scores[is_scored],
        threshold=calibration.threshold(fitted.calibration_scores, detector.alpha),
        alpha=detector.alpha,
        base_value=explanation.base_value,
        rows=_rows(detector, assessment, table, worst[:top].tolist()),
        listed=tuple(listed_row(i, assessment, table) for i in worst[: max(top, _LISTED)].tolist()),
        drift=_measure_batch_drift(detector, assessment),
        global_layers=_layers(mean_size(scored.by_layer())),
        global_whole=_by_size(
            {source: float(mean_size(values)) for source, values in whole_parts(scored).items()}
        ),
        swarms=_swarms(scored, worst, is_scored),
        auroc=auroc,
        aupr=aupr,
        versions=_versions(detector),
    )


def _programs(detector: PolarDetector, assessment: Assessment, is_scored: BoolArray) -> ProgramUse:
    """Return how the programs of normal texts and of the batch use the layers."""
    normal = detector.normal_programs()
    counts = np.asarray([m.program.counts(detector.n_layers) for m in assessment.all_programs])
    scored_counts = counts[is_scored] if is_scored.any() else counts
    return ProgramUse(
        typical_calls=normal.typical_calls,
        typical_length=normal.typical_length,
        batch_length=float(scored_counts.sum(1).mean()),
        batch_calls=scored_counts.mean(0),
    )


def _versions(detector: PolarDetector) -> tuple[tuple[str, str], ...]:
    """Return the versions of what scores come from, which are no models' where none reads rows."""
    own = versions()
    if not detector.fitted_.head.reads_texts:
        own = {name: version for name, version in own.items() if name not in _OF_MODELS}
    return tuple(own.items())


def _measure_batch_drift(detector: PolarDetector, assessment: Assessment) -> Drift:
    """Return how the batch as a whole differs from the held-out normal texts."""
    fitted, explanation = detector.fitted_, assessment.explanation
    normal = fitted.statistics
    batch = FeatureTable(explanation.data, explanation.features)
    return measure_drift(fitted.calibration_scores, assessment.scores, normal=normal, batch=batch)


def _rows(
    detector: PolarDetector, assessment: Assessment, table: Table, index: Sequence[int]
) -> tuple[RowReport, ...]:
    texts = [table.texts[i] for i in index]
    reads_texts = detector.fitted_.head.reads_texts
    tokens = _tokens(detector, texts) if reads_texts else [()] * len(texts)
    return tuple(
        _row(i, assessment, table, own, detector) for i, own in zip(index, tokens, strict=True)
    )


def _tokens(detector: PolarDetector, texts: Sequence[str]) -> list[tuple[TokenLoss, ...]]:
    """Return what the tokens of texts cost the language model beside normal ones."""
    from polar_detect.signature.marks.token_losses import Normal, token_losses  # and torch

    tracer, reference = detector.engine_.extractor.tracer, detector.fitted_.text_reference
    words = KnownWords.of(reference.texts) if reference.texts else None
    normal = Normal(reference.tokens, reference.contamination, words)
    read = reference.as_read if detector.rows_ is None else list[str]
    seen = read(texts)
    tokens = token_losses(tracer.backbone, seen, max_tokens=tracer.max_tokens, normal=normal)
    return [_laid_on(*own, read) for own in zip(texts, seen, tokens, strict=True)]


def _laid_on(
    text: str,
    seen: str,
    tokens: tuple[TokenLoss, ...],
    read: Callable[[Sequence[str]], list[str]],
) -> tuple[TokenLoss, ...]:
    """Return where the tokens of a text as it was read, `seen`, stand in the text that is shown."""
    if text.startswith(seen):
        return tokens
    places = read_places(text, read)
    return tuple(TokenLoss(places[own.start], places[own.stop], own.loss) for own in tokens)


def _number(i: int, table: Table) -> int:
    """Return the number under which a person finds the ith row; see `Table.numbering`."""
    return int(table.frame.index[i]) + 1 if table.lines is None else int(table.lines[i])


def _row(
    i: int,
    assessment: Assessment,
    table: Table,
    tokens: tuple[TokenLoss, ...],
    detector: PolarDetector,
) -> RowReport:
    own = assessment.explanation.rows(np.asarray([i]))
    minimal = assessment.programs[i] if assessment.programs else None
    odd = assessment.odd_cells[i]
    return RowReport(
        row=_number(i, table),
        text=table.texts[i],
        label=table.label(i),
        score=float(assessment.scores[i]),
        p_value=float(assessment.p_values[i]),
        is_anomaly=bool(assessment.is_anomaly[i]),
        minimal=None
        if minimal is None
        else ProgramReport(minimal.program, minimal.full_loss, minimal.loss),
        layers=_layers(own.by_layer()[0]),
        whole=_whole(own, odd),
        features=_features(own),
        neighbours=assessment.neighbours[i],
        tokens=tokens,
        cells=cells_of(own, table.texts[i], detector.fitted_.reference, odd.empty),
        new_cells=odd.new,
        labelled_words=_labelled_words(own, table.texts[i], detector),
    )


def listed_row(i: int, assessment: Assessment, table: Table) -> ListedRow:
    """Return the line of a table's row in a list of rows."""
    own = assessment.explanation.rows(np.asarray([i]))
    minimal = assessment.programs[i] if assessment.programs else None
    odd = assessment.odd_cells[i]
    return ListedRow(
        row=_number(i, table),
        text=table.texts[i][:_LISTED_CHARACTERS],
        label=table.label(i),
        score=float(assessment.scores[i]),
        p_value=float(assessment.p_values[i]),
        is_anomaly=bool(assessment.is_anomaly[i]),
        length=None if minimal is None else len(minimal.program),
        reasons=raising((*_layers(own.by_layer()[0]), *_whole(own, odd))),
        new_cells=odd.new,
    )


def _features(own: Explanation) -> tuple[FeaturePart, ...]:
    strongest = np.argsort(-np.abs(own.values[0]), kind="stable")[:_TOP_FEATURES]
    return tuple(
        FeaturePart(own.features[j], float(own.data[0, j]), float(own.values[0, j]))
        for j in strongest
    )


def _layers(values: Float64Array) -> tuple[Contribution, ...]:
    return tuple(Contribution(Layer(layer), float(x)) for layer, x in enumerate(values))


def _whole(own: Explanation, odd: OddCells) -> tuple[Contribution, ...]:
    parts = whole_parts(own).items()
    return _by_size({odd.seen(source): float(values[0]) for source, values in parts})


def _labelled_words(own: Explanation, text: str, detector: PolarDetector) -> tuple[str, ...]:
    """Return words that the labelled anomalies have too, where wording raised the score."""
    likeness = detector.fitted_.reference.likeness
    if likeness is None or likeness.wording is None:
        return ()
    parts = dict(zip(own.features, own.values[0], strict=True))
    return likeness.wording.words(text) if parts.get(WORDING_LIKENESS, 0) > 0 else ()


def _by_size(parts: Mapping[Source, float]) -> tuple[Contribution, ...]:
    ordered = sorted(parts.items(), key=lambda part: -abs(part[1]))
    return tuple(Contribution(source, value) for source, value in ordered)


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
