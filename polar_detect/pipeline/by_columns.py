"""What `PolarDetector` does with rows that it judges by their columns alone, without models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.calibration import p_values_or_nan
from polar_detect.detectors import Head, TrainingSignatures
from polar_detect.drift import Company, FeatureStatistics
from polar_detect.explain import Explanation
from polar_detect.features.table import FeatureTable
from polar_detect.pipeline.assessed import Assessed
from polar_detect.pipeline.fitted import AsNew, Fitted, fingerprint_of, moment
from polar_detect.pipeline.settings import Settings
from polar_detect.pipeline.standing import order_of_rows
from polar_detect.pipeline.training import ByLabel
from polar_detect.progress import Tracker
from polar_detect.signature.found_fine import FoundFine
from polar_detect.signature.known_anomalies import Deviations, KnownAnomalies
from polar_detect.signature.normal.row_reference import MOST_TEACHING, RowReference
from polar_detect.texts.distinct import distinct_texts

_CHUNK = 512  # rows held against all normal rows at a time


def n_held_out(n_normal: int) -> int:
    """Return how many normal rows are held out, in turn, to turn scores into p-values."""
    return min(n_normal, MOST_TEACHING)


def fit(head: Head, settings: Settings, given: ByLabel, tracker: Tracker) -> Fitted:
    """Fit on normal rows, which stand as is said; anomalous ones teach what their kind is like.

    Rows with a filled cell each, with settings that `check_settings` passes. P-values come from
    the scores of the normal rows, each held against all others: none has to be held out. That is
    the jackknife, whose rates are near the level where no single row changes what the others
    score; no bound holds for all data. In tables of hundreds of columns several are left out at
    once; see `signature.columns.numbers.MOST_FITS_S`.

    Where rows near one another in time or of one lot are alike, each is held against the others
    without these, as a row of a new lot will be.

    Source: Barber et al., Predictive inference with the jackknife+, 2021, sections 1 and 3.
    """
    assert settings.rows is not None
    normal, anomalous = given.normal, [*given.anomalous.texts]
    stage = tracker.stage("normal rows", len(normal))
    reference = RowReference.taught(
        settings.rows,
        normal,
        anomalous,
        contamination=settings.contamination,
        seed=settings.seed,
        reviewed=given.reviewed,
    )
    order = order_of_rows(reference, given.standing)
    unseen = reference.training_features(anomalous, order, seed=settings.seed)
    inside, labelled = unseen.normal, unseen.labelled
    no_strangers = inside.rows(slice(0))
    shown = TrainingSignatures(inside, no_strangers, labelled if anomalous else None)
    head.fit(shown, seed=settings.seed)
    stage.advance(len(normal))
    as_new = reference.as_new(inside, order, seed=settings.seed)
    calibration_scores, new_scores = head.scores(inside), head.scores(unseen.reviewed)
    scores_as_new, own_order = head.scores(as_new), order.rows(reference.drawn(settings.seed))
    return Fitted(
        head=head,
        reference=reference,
        programs=None,
        calibration_scores=calibration_scores,
        scores_as_new=scores_as_new,
        statistics=FeatureStatistics.of(as_new, own_order),
        company=Company.of(scores_as_new, own_order, order),
        n_anomalous=len(anomalous),
        created=moment(),
        fingerprint=fingerprint_of(normal, anomalous),
        settings=replace(settings, rows=settings.rows.unread()),
        known=KnownAnomalies.fit(given.anomalous, Deviations.of(labelled), Deviations.of(inside)),
        fine=FoundFine.fit(
            [normal[i] for i in given.reviewed],
            p_values_or_nan(calibration_scores, new_scores),
            Deviations.of(unseen.reviewed),
            Deviations.of(inside),
        ),
        given=given,
        as_new=AsNew(new_scores, head.scores(labelled)),
    )


@dataclass(frozen=True, eq=False)
class RowAssessing:
    """The steps of `PolarDetector.assess` for rows; see `pipeline.assessing.Assessing`."""

    fitted: Fitted
    has_neighbours: bool = True

    def run(self, texts: Sequence[str], tracker: Tracker) -> Assessed:
        """Return what there is to say of each row; each distinct one is looked at once.

        Programs are none. A row without a filled cell has no score.
        """
        fitted, reference = self.fitted, self.fitted.row_reference
        distinct, places = distinct_texts(texts)
        parts: list[FeatureTable] = []
        nearest: list[tuple[str, ...]] = []
        for chunk in tracker.chunks("score", len(distinct), size=_CHUNK):
            own = reference.template.read([distinct[i] for i in chunk])
            parts.append(reference.features(own).chosen(fitted.statistics.features))
            nearest += reference.nearest_texts(own) if self.has_neighbours else [()] * len(own)
        has_cells = _have_cells(distinct)
        table = FeatureTable.below(parts).rows(np.flatnonzero(has_cells))
        scores = np.full(len(distinct), np.nan)
        scores[has_cells] = fitted.head.scores(table)
        attribution = fitted.head.explain(table)
        attribution.check_adds_up(scores[has_cells])
        known = fitted.nearest_known(table, has_cells)
        fine = fitted.n_like_fine(table, known, has_cells)
        return Assessed(
            scores=scores[places],
            programs=[None] * len(texts),
            explanation=Explanation.of(attribution, table, has_cells, n_layers=0).rows(places),
            neighbours=[nearest[i] for i in places],
            known=[known[i] for i in places] if known else (),
            fine=[fine[i] for i in places] if fine else (),
        )

    def scores(self, texts: Sequence[str], tracker: Tracker) -> Float64Array:
        """Return the scores alone."""
        fitted, reference = self.fitted, self.fitted.row_reference
        distinct, places = distinct_texts(texts)
        found = np.full(len(distinct), np.nan)
        filled = np.flatnonzero(_have_cells(distinct))
        chunks = tracker.chunks("score", len(filled), size=_CHUNK)
        table = FeatureTable.below(
            reference.features([distinct[i] for i in filled[chunk]]) for chunk in chunks
        )
        found[filled] = fitted.head.scores(table.chosen(fitted.statistics.features))
        expanded: Float64Array = found[places]
        return expanded


def _have_cells(texts: Sequence[str]) -> BoolArray:
    return np.asarray([bool(text.strip()) for text in texts], bool)
