"""How the loss grows as programs get shorter, as numbers of a fixed count."""

from collections.abc import Sequence

import numpy as np

from polar_detect.arrays import Float32Array
from polar_detect.search.protocol import Candidate


def loss_by_length(
    curve: Sequence[Candidate], *, n_layers: int, full_loss: float, n_points: int = 16
) -> Float32Array:
    """Return a text's loss-against-length curve at lengths spread evenly up to the full one.

    Parameters
    ----------
    curve : sequence of Candidate
        The best program of each length that was met, as in `Found.best`.
    n_layers : int
    full_loss : float
        Nats per token.
    n_points : int
        Point i stands for length n_layers · (i + 1) / n_points.

    Returns
    -------
    (n_points,) float32, nats per token
        Loss minus `full_loss`, interpolated between the lengths that were met and constant
        below the shortest; losses that are not finite are passed over. NaN where there is none,
        as for a text without tokens.

    Examples
    --------
    >>> from polar_detect.program import Program
    >>> curve = [Candidate(Program((0,)), 3.0), Candidate(Program.full(4), 1.0)]
    >>> loss_by_length(curve, n_layers=4, full_loss=1.0, n_points=4).round(2).tolist()
    [2.0, 1.3300000429153442, 0.6700000166893005, 0.0]
    """
    met: dict[int, float] = {}
    for candidate in curve:
        length = len(candidate.program)
        if np.isfinite(candidate.loss):
            met[length] = min(candidate.loss, met.get(length, np.inf))
    if not met:
        return np.full(n_points, np.nan, np.float32)
    lengths = np.arange(1, n_points + 1) / n_points * n_layers
    known = sorted(met)
    return np.interp(lengths, known, [met[n] - full_loss for n in known]).astype(np.float32)
