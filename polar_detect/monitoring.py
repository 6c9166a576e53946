"""`DriftMonitor`: whether texts or rows have changed, over many small batches or one by one.

`drift` holds one batch against normal texts; what is slow or small shows in no batch of twenty.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from polar_detect.detector import PolarDetector
from polar_detect.drift import Company
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.statistics.exchangeability import Course, ExchangeabilityTest

_HARDLY = 1.2  # rows that tell as much as one alone: so few do not count as hanging together
# Rows that are each held against all others score a little otherwise than new ones: of two columns
# that say the same, 200 and 600 of them made 3 and 9 of 25 streams of 1,000 usual rows a change,
# and so many 0 and 1.
_MOST_OF_JACKKNIFE = 99


class DriftMonitor:
    """Says after each batch whether texts or rows have changed since the detector was fitted.

    It may be asked as often as one likes: of 100 monitors of texts that never change one is ever
    wrong. A single strange text is no change; that many more are strange than before is.

    Where rows hang together, as those of a lot or near in time, one of so many counts as do.

    Parameters
    ----------
    detector : PolarDetector
        Fitted.

    Raises
    ------
    NotFittedError

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from polar_detect import DriftMonitor, PolarDetector
    >>> def shift(mean):
    ...     size = chance.normal(mean, 1, 20)
    ...     return pd.DataFrame({"size": size, "weight": 3 * size + chance.normal(0, 0.1, 20)})
    >>> chance = np.random.default_rng(0)
    >>> detector = PolarDetector().fit(pd.concat([shift(20) for _ in range(10)]))
    >>> monitor = DriftMonitor(detector)
    >>> for mean in [20] * 5 + [22] * 5:
    ...     course = monitor.add(detector.assess(shift(mean)).scores)
    >>> course.is_changed, abs(course.since - 100) < 20
    (True, True)
    """

    def __init__(self, detector: PolarDetector) -> None:
        fitted = detector._fitted()  # which refuses one that is not
        company = fitted.company
        held_out = fitted.scores_as_new
        self.n_each = _n_each(company, company.n_near, company.reach + 1)
        """How many texts one counts for."""
        step = _n_each(company, company.n_held_out_near)
        if isinstance(fitted.reference, RowReference):
            step = max(step, math.ceil(len(held_out) / _MOST_OF_JACKKNIFE))
        kept = held_out[::step]
        self._test = ExchangeabilityTest(kept.tolist())
        self._n = 0

    def add(self, scores: ArrayLike) -> Course:
        """Take the scores of one more batch, or of one text, in the order of time.

        Parameters
        ----------
        scores : (n_texts,) float
            Higher = more anomalous, as ``assess(X).scores`` has them. Texts without a score (NaN)
            are left out, and do not count.

        Returns
        -------
        Course
            Of all batches up to now; `n` and `since` count texts with a score.
        """
        own = np.asarray(scores, np.float64).reshape(-1)
        own = own[np.isfinite(own)]
        self._test.extend(own[-self._n % self.n_each :: self.n_each].tolist())
        self._n += len(own)
        return self.course

    @property
    def course(self) -> Course:
        """What there is to say by now."""
        own = self._test.course
        since = None if own.since is None else own.since * self.n_each
        return replace(own, n=self._n, since=since)


def _n_each(company: Company, n_near: float, n_together: int = 0) -> int:
    """Return one of how many texts counts, where so many others hang together with each.

    In time, `n_together` do, on one side.
    """
    if 1 + company.score_correlation * n_near < _HARDLY:
        return 1
    return n_together if n_together > 1 else round(1 + n_near)
