"""Which rows are flagged: each by itself at alpha, or a batch under a false discovery rate."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from polar_detect import calibration


@dataclass(frozen=True)
class FlagRule:
    """How rows are flagged.

    Parameters
    ----------
    alpha : float
        Rows with a p-value of at most this are flagged, unless `fdr` is given.
    fdr : float or None
        Share of the flagged rows that may be normal, on average (Benjamini–Hochberg).
    """

    alpha: float
    fdr: float | None = None

    @property
    def largest_cutoff(self) -> float:
        """P-value above which no row is flagged, whatever the batch."""
        if self.fdr is None:
            return self.alpha
        return self.fdr * (1 + 1e-9)  # Benjamini–Hochberg forgives rounding, far less of it

    def check(self, n_cal: int) -> None:
        """Raise `InputError` when no row could be flagged with `n_cal` calibration texts."""
        if self.fdr is None:
            calibration.check_alpha(self.alpha, n_cal)
        else:
            calibration.check_fdr(self.fdr, n_cal)


@dataclass
class Tally:
    """Counts rows by p-value. There are n_cal + 1 different ones, however many rows."""

    n_empty: int = 0
    by_p_value: Counter[float] = field(default_factory=Counter)

    def add(self, p_value: float | None) -> None:
        """Count a row; None for one without a score."""
        if p_value is None:
            self.n_empty += 1
        else:
            self.by_p_value[p_value] += 1

    @property
    def n_rows(self) -> int:
        """Rows counted, scored or not."""
        return self.n_empty + self.by_p_value.total()

    def largest_flagged(self, rule: FlagRule) -> float:
        """Return the p-value up to which rows are flagged."""
        if rule.fdr is None:
            return rule.alpha
        p_values = np.asarray(list(self.by_p_value), np.float64)
        counts = np.asarray(list(self.by_p_value.values()), np.int64)
        return calibration.benjamini_hochberg_cutoff(p_values, counts, rule.fdr)

    def n_flagged(self, largest_p: float) -> int:
        """Return how many rows have a p-value of at most `largest_p`."""
        return sum(n for p_value, n in self.by_p_value.items() if p_value <= largest_p)
