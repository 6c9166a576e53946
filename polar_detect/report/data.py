"""What a report shows, as plain values: computed once, rendered many ways."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polar_detect.program import Program


@dataclass(frozen=True)
class Contribution:
    """One bar of an explanation: a layer (`L11`), or a property of the whole text (`context`)."""

    label: str
    value: float  # SHAP value: its part of the score


@dataclass(frozen=True)
class RowReport:
    """One scored text with its reasons."""

    row: int  # 1-based data row of the input file
    text: str
    label: bool | None  # known label, where the input carries one
    score: float  # higher = more anomalous
    p_value: float
    is_anomaly: bool
    program: Program
    full_loss: float  # nats per token
    program_loss: float  # nats per token
    layers: tuple[Contribution, ...]  # one per layer, in layer order
    whole: tuple[Contribution, ...]  # properties of the whole text, largest |value| first
    features: tuple[tuple[str, float, float], ...]  # (name, value, SHAP), largest |SHAP| first
    neighbours: tuple[str, ...]  # nearest normal training texts, nearest first


@dataclass(frozen=True)
class ReportData:
    """Everything that a renderer needs.

    Attributes
    ----------
    detector : tuple of (str, str)
        What the detector is and was fitted on, as label and value, in display order.
    n_layers : int
        Layers of the model.
    typical_calls : (n_layers,) float
        Mean number of calls of each layer in the minimal programs of normal texts
        (0 = always skipped, 1 = always kept, above 1 = looped).
    typical_length, batch_length : float
        Mean program length on normal training texts and on this batch.
    calibration_scores, batch_scores : (n,) float
        Scores of held-out normal texts and of the batch; higher = more anomalous.
    threshold : float
        Score from which the p-value is at most `alpha`.
    alpha : float
    base_value : float
        The score's SHAP base value: base + all contributions = score.
    rows : tuple of RowReport
        Worst first.
    global_layers : tuple of Contribution
        Mean |SHAP| over the batch per layer, in layer order.
    global_whole : tuple of Contribution
        Mean |SHAP| over the batch per property of the whole text, largest first.
    auroc, aupr : float or None
        Where the batch carries labels of both kinds.
    batch_calls : (n_layers,) float or None
        As `typical_calls`, of this batch.
    versions : tuple of (str, str)
        What produced the scores: package, model and library versions, for the footer.
    """

    title: str
    source: str  # name of the scored file
    created: str  # ISO date and time
    detector: tuple[tuple[str, str], ...]
    n_rows: int
    n_empty: int
    n_flagged: int
    n_layers: int
    typical_calls: NDArray[np.float64]
    typical_length: float
    batch_length: float
    calibration_scores: NDArray[np.float64]
    batch_scores: NDArray[np.float64]
    threshold: float
    alpha: float
    base_value: float
    rows: tuple[RowReport, ...]
    global_layers: tuple[Contribution, ...]
    global_whole: tuple[Contribution, ...]
    auroc: float | None = None
    aupr: float | None = None
    batch_calls: NDArray[np.float64] | None = None
    versions: tuple[tuple[str, str], ...] = ()
