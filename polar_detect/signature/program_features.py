"""Minimal programs as features, with what the best program of each length costs."""

from collections.abc import Sequence

import numpy as np

from polar_detect.arrays import Float32Array
from polar_detect.features.table import Feature, FeatureTable, by_layer
from polar_detect.programs.minimal import MinimalProgram
from polar_detect.search import Candidate, loss_by_length

GROUP = "length_curve"
_N_POINTS = 10  # of which the last is the full program, at zero


def program_features(programs: Sequence[MinimalProgram], n_layers: int) -> FeatureTable:
    """Return minimal programs as features: length, skips, loops, calls of each layer, curve."""
    counts = np.asarray([p.program.counts(n_layers) for p in programs], np.float32)
    counts = counts.reshape(len(programs), n_layers)
    whole = np.asarray(
        [(len(p.program), p.program.n_skips(n_layers), p.program.n_loops) for p in programs],
        np.float32,
    ).reshape(len(programs), 3)
    names = tuple(Feature("program", part) for part in ("length", "n_skips", "n_loops"))
    calls = FeatureTable(counts, by_layer("program", n_layers, "calls"))
    curves = length_curve_features([p.curve for p in programs], n_layers)
    return FeatureTable.beside([FeatureTable(whole, names), calls, curves])


def length_curve_features(curves: Sequence[Sequence[Candidate]], n_layers: int) -> FeatureTable:
    """Return curves as features that belong to no layer.

    Parameters
    ----------
    curves : one sequence of Candidate per text
        The best program of each length that was met, the full one among them; as in
        `MinimalProgram.curve`. Empty for a text without tokens, whose features are NaN.
    n_layers : int

    Returns
    -------
    FeatureTable
        ``length_curve/loss_10`` … ``loss_90``: nats per token that the best program of 10 … 90 %
        of the layers loses; ``length_curve/area``: their mean.
    """
    rows = [_by_share(curve, n_layers) for curve in curves]
    values = np.asarray(rows, np.float32).reshape(len(curves), _N_POINTS)[:, :-1]
    shares = [100 * point // _N_POINTS for point in range(1, _N_POINTS)]
    names = [*(Feature.numbered(GROUP, "loss", share) for share in shares), Feature(GROUP, "area")]
    area = values.mean(1, keepdims=True)
    return FeatureTable(np.hstack([values, area]).astype(np.float32), tuple(names))


def _by_share(curve: Sequence[Candidate], n_layers: int) -> Float32Array:
    full = [candidate.loss for candidate in curve if len(candidate.program) == n_layers]
    assert full or not curve, "a curve without the full program"
    full_loss = full[0] if full else float("nan")
    return loss_by_length(curve, n_layers=n_layers, full_loss=full_loss, n_points=_N_POINTS)
