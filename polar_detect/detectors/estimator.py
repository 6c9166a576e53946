"""Detector heads as scikit-learn estimators over a matrix of numbers.

Hides how rows become feature tables, what stands in for strangers where there are none, and
the threshold.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from polar_detect import calibration
from polar_detect.detectors import AutoHead, Head, IsolationForestHead, new_head
from polar_detect.features import Feature, FeatureTable

COLUMN = "column"  # the group of a feature that is no part of a signature
_CALIBRATION_SHARE = 0.25
_FAR = 3.0
_SIGNATURE_GROUPS = frozenset(
    {
        *("length", "loss", "skip", "loop", "exit", "distance", "context", "neighbours"),
        *("program", "length_curve", "tokens", "encoder", "memory", "change"),
    }
)


class SignatureOutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """A detector of polar-detect over any matrix of numbers, such as signatures.

    Columns named like signature features (as `SignatureTransformer` names them) are taken for
    these. Of the normal rows, a quarter is held out, and the threshold is the score that a
    share `alpha` of them reaches.

    Parameters
    ----------
    detector : {"auto", "lightgbm", "isolation-forest"} or Head
        "auto" is the head of `PolarDetector` where the columns are a signature's, and an
        isolation forest over any other matrix; `head_` is the one that was fitted.
    alpha : float
        Share of normal rows that may be flagged.
    random_state : int, RandomState or None

    Attributes
    ----------
    head_ : Head
    offset_ : float
        `decision_function` is `score_samples` minus this.
    n_features_in_ : int
    """

    def __init__(
        self, detector: str | Head = "auto", *, alpha: float = 0.05, random_state: Any = None
    ) -> None:
        self.detector = detector
        self.alpha = alpha
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, *, strangers: Any = None) -> Self:  # noqa: ARG002
        """Fit on normal rows.

        Parameters
        ----------
        X : (n_rows, n_features) array-like of numbers
        y : ignored
        strangers : (n_strangers, n_features) array-like, optional
            Rows that do not belong. Without them, the detectors that learn from strangers get
            the rows with every column shuffled on its own, as they are and three times as far
            from the median.

        Raises
        ------
        ValueError
            Fewer than two rows, no columns, or a value that is not a finite number.
        """
        values = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        self.features_ = _features(getattr(self, "feature_names_in_", None), values.shape[1])
        head = _head(self.detector, self.features_)
        shown = _pseudo_strangers(values, seed) if strangers is None else self._read(strangers)
        order = rng.permutation(len(values))
        n_held_out = max(1, round(_CALIBRATION_SHARE * len(values)))
        inside, held_out = values[order[n_held_out:]], values[order[:n_held_out]]
        self.head_ = head.fit(self._table(inside), self._table(shown), seed=seed)
        threshold = calibration.threshold(self.head_.scores(self._table(held_out)), self.alpha)
        # With few rows no held-out score reaches alpha; then what exceeds all of them is flagged.
        if np.isinf(threshold):
            threshold = float(self.head_.scores(self._table(values)).max())
        self.offset_ = -threshold
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return scores, (n_rows,): lower = more abnormal."""
        check_is_fitted(self)
        scores: NDArray[np.float64] = -self.head_.scores(self._table(self._read(X)))
        return scores

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return `score_samples` minus `offset_`: negative = flagged."""
        check_is_fitted(self)
        margins: NDArray[np.float64] = self.score_samples(X) - self.offset_
        return margins

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return -1 for flagged rows and 1 for others."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _read(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(validate_data(self, X, dtype=np.float64, reset=False))

    def _table(self, values: NDArray[np.float64]) -> FeatureTable:
        limit = np.finfo(np.float32).max  # heads read float32; what exceeds it is as strange
        return FeatureTable(np.clip(values, -limit, limit).astype(np.float32), self.features_)


def _pseudo_strangers(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return rows whose columns do not fit each other, and rows that are far off."""
    shuffled = np.random.default_rng(seed).permuted(values, axis=0)
    centre = np.median(values, axis=0)
    return np.vstack([shuffled, centre + _FAR * (shuffled - centre)])


def _features(names: Any, n: int) -> tuple[Feature, ...]:
    known = [] if names is None else [Feature.from_name(str(name)) for name in names]
    if known and all(feature.group in _SIGNATURE_GROUPS for feature in known):
        return tuple(known)
    return tuple(Feature(COLUMN, str(i)) for i in range(n))


def _head(detector: str | Head, features: tuple[Feature, ...]) -> Head:
    if detector == AutoHead.name and not AutoHead.can_read(features):
        return IsolationForestHead()
    return new_head(detector)
