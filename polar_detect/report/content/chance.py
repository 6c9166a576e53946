"""How many rows chance alone would flag, and how many of them would be no surprise."""

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from scipy import stats

from polar_detect import calibration
from polar_detect.messages.formatting import rate_by_chance
from polar_detect.report.content.data import ReportData
from polar_detect.statistics.dependence import effective_size

_SURPRISE = 0.05  # a count is one where no more than this share of batches reaches beyond


@dataclass(frozen=True, slots=True)
class Chance:
    """How many rows a batch of normal rows alone would have flagged.

    Parameters
    ----------
    rate : float
        Share of normal rows that is flagged.
    expected : float
        Mean count.
    low, high : int
        Counts that no more than 5 in 100 such batches lie below, or above.
    """

    rate: float
    expected: float
    low: int
    high: int


def chance(data: ReportData) -> Chance:
    """Return how many of the scored rows would be flagged if all were normal.

    The count is beta-binomial, because the held-out rows that set the threshold are a
    sample too. Source: Bates et al., arXiv 2104.08279, section 2.
    Rows that hang together count as so many as would tell as much of a mean without that.
    """
    n_scored, n_held_out = data.n_scored, len(data.calibration_scores)
    rate = rate_by_chance(data.alpha, n_held_out)
    reached = calibration.rate_at(data.alpha, n_held_out)
    if reached == 0:
        return Chance(rate, 0.0, 0, 0)
    own, others = (max(round(size), 1) for size in _sizes(data))
    n_reached = max(round(reached * (others + 1)), 1)
    low, high = (
        _quantile(share, own, others, n_reached) * n_scored / own
        for share in (_SURPRISE, 1 - _SURPRISE)
    )
    return Chance(rate, rate * n_scored, math.floor(low), math.ceil(high))


def _sizes(data: ReportData) -> tuple[float, float]:
    """Return how many scored and held-out rows count."""
    company = data.detector.company
    correlation = np.asarray(company.score_correlation)
    own = effective_size(data.n_scored, company.n_near, correlation)
    others = effective_size(len(data.calibration_scores), company.n_held_out_near, correlation)
    return float(own), float(others)


def _quantile(share: float, n_scored: int, n_held_out: int, n_reached: int) -> int:
    """Return the least count that `share` of batches, or more, stay within.

    No more than k rows are flagged where, of the k + `n_reached` highest scores of a batch and the
    held-out rows together, at least `n_reached` are of held-out rows. So the count's distribution
    is that of draws without replacement, with no term for each row: scipy's beta-binomial takes
    11 s for ten million rows.
    """

    def at_most(k: int) -> float:
        n_drawn = k + n_reached
        return float(stats.hypergeom.sf(n_reached - 1, n_scored + n_held_out, n_held_out, n_drawn))

    return bisect_left(range(n_scored + 1), share, key=at_most)
