"""Detector heads as scikit-learn estimators over a matrix of numbers.

Hides how rows become feature tables, which rows are passed over, what stands in for strangers
where there are none, and the threshold.
"""

import copy
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils.validation import validate_data

from polar_detect import calibration
from polar_detect.arrays import BoolArray, Float64Array, IntArray
from polar_detect.containers import UnfittedError
from polar_detect.detectors import AutoHead, Head, IsolationForestHead, TrainingSignatures, new_head
from polar_detect.detectors.views import can_be_viewed
from polar_detect.errors import InputError
from polar_detect.features.of_columns import COLUMN
from polar_detect.features.table import Feature, FeatureTable

_FAR = 3.0
_SIGNATURE_GROUPS = frozenset(
    {
        *("length", "loss", "skip", "loop", "exit", "distance", "context", "neighbours"),
        *("program", "length_curve", "tokens", "encoder", "memory", "change", "labelled"),
        "sequence",
    }
)


class SignatureOutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """A detector of polar-detect over any matrix of numbers, such as signatures.

    Columns are taken for a signature, of which a detector reads what it reads in `PolarDetector`,
    only where they are a whole one by their names, as `SignatureTransformer` gives them; of any
    other matrix all columns are read. About a quarter of the normal rows is held out (see
    `calibration.n_held_out`), and the threshold is the score that a share `alpha` of them reaches.

    Rows of NaN only, which stand for texts without tokens, are passed over: they are not fitted
    on, their score is NaN, and they are never flagged.

    Parameters
    ----------
    detector : {"auto", "lightgbm", "isolation-forest"}, "pyod:NAME" or Head
        "auto" is the head of `PolarDetector` where the columns are a signature's, and an
        isolation forest over any other matrix; `head_` is the one that was fitted.
    alpha : float
        Share of normal rows that may be flagged, between 0 and 1.
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
            the rows that are not held out with every column shuffled on its own, as they are and
            three times as far from the median.

        Raises
        ------
        ValueError
            Fewer than two rows, no columns, a value that is not a finite number in a row that has
            others, an alpha that is no share, or a detector that there is not.
        """
        own = copy.copy(self)  # a fit that fails leaves the earlier one as it was
        own._fit_in_place(X, strangers)
        self.__dict__ = own.__dict__
        return self

    def score_samples(self, X: Any) -> Float64Array:
        """Return scores, (n_rows,): lower = more abnormal; NaN for a row of NaN only."""
        self._check_fitted()
        rows = self._read(X)
        has_values = _has_values(rows)
        scores = np.full(len(rows), np.nan)
        scores[has_values] = -self.head_.scores(self._table(self._all_finite(rows[has_values])))
        return scores

    def decision_function(self, X: Any) -> Float64Array:
        """Return `score_samples` minus `offset_`: negative = flagged."""
        self._check_fitted()
        margins: Float64Array = self.score_samples(X) - self.offset_
        return margins

    def predict(self, X: Any) -> IntArray:
        """Return -1 for flagged rows and 1 for others."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _fit_in_place(self, X: Any, strangers: Any) -> None:
        _check_alpha(self.alpha)
        X = validate_data(
            self, X, dtype=np.float64, ensure_min_samples=2, ensure_all_finite="allow-nan"
        )
        values = self._kept(X)
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        self.features_ = _features(getattr(self, "feature_names_in_", None), values.shape[1])
        head = _head(self.detector, self.features_)
        order = rng.permutation(len(values))
        n = calibration.n_held_out(len(values))
        inside, held_out = values[order[n:]], values[order[:n]]
        if strangers is None:
            outside = _pseudo_strangers(inside, seed)
        else:
            outside = self._kept(self._read(strangers))
        shown = TrainingSignatures(self._table(inside), self._table(outside))
        self.head_ = head.fit(shown, seed=seed)
        threshold = calibration.threshold(self.head_.scores(self._table(held_out)), self.alpha)
        # With few rows no held-out score reaches alpha; then what exceeds all of them is flagged.
        if threshold == np.inf:
            threshold = float(self.head_.scores(self._table(values)).max())
        self.offset_ = -threshold

    def _check_fitted(self) -> None:
        if not hasattr(self, "offset_"):
            raise UnfittedError(
                "Got a detector that is not fitted; expected a fitted one; call fit on normal rows "
                "first."
            )

    def _read(self, X: Any) -> Float64Array:
        rows = validate_data(self, X, dtype=np.float64, reset=False, ensure_all_finite="allow-nan")
        return np.asarray(rows)

    def _kept(self, rows: Float64Array) -> Float64Array:
        """Return the rows that are not of NaN only, at least two."""
        kept = rows[_has_values(rows)]
        if len(kept) < min(2, len(rows)):
            raise InputError(
                f"Got {len(kept)} rows with values among {len(rows)}; expected at least 2; leave "
                "texts without tokens out, or add others."
            )
        return self._all_finite(kept)

    def _all_finite(self, rows: Float64Array) -> Float64Array:
        assert_all_finite(rows, estimator_name=type(self).__name__, input_name="X")
        return rows

    def _table(self, values: Float64Array) -> FeatureTable:
        limit = np.finfo(np.float32).max  # heads read float32; what exceeds it is as strange
        return FeatureTable(np.clip(values, -limit, limit).astype(np.float32), self.features_)


def _check_alpha(alpha: object) -> None:
    if not (isinstance(alpha, Real) and 0 < alpha < 1):  # type: ignore[operator]
        raise InputError(
            f"Got alpha {alpha!r}; expected a share of the normal rows between 0 and 1; choose "
            "one, e.g. 0.05."
        )


def _has_values(rows: Float64Array) -> BoolArray:
    return np.asarray(~np.isnan(rows).all(1))


def _pseudo_strangers(values: Float64Array, seed: int) -> Float64Array:
    """Return rows whose columns do not fit each other, and rows that are far off."""
    shuffled = np.random.default_rng(seed).permuted(values, axis=0)
    centre = np.median(values, axis=0)
    return np.vstack([shuffled, centre + _FAR * (shuffled - centre)])


def _features(names: Any, n: int) -> tuple[Feature, ...]:
    """Return the features of a signature where the names are a whole one, else n columns.

    Of a signature, detectors leave out what they do not read. A table of one's own may have a
    column called `length`, and a part of a signature is better read whole than in part.
    """
    known = [] if names is None else [Feature.from_name(str(name)) for name in names]
    if can_be_viewed(known) and all(_is_of_signature(feature) for feature in known):
        return tuple(known)
    return tuple(Feature(COLUMN, str(i)) for i in range(n))


def _is_of_signature(feature: Feature) -> bool:
    has_place = bool(feature.part) or feature.layer is not None  # else it is a bare word
    return has_place and feature.group in _SIGNATURE_GROUPS


def _head(detector: str | Head, features: tuple[Feature, ...]) -> Head:
    if detector == AutoHead.name and not can_be_viewed(features):
        return IsolationForestHead()
    head = new_head(detector)
    if head.needs_labels:
        raise InputError(
            f"Got detector '{head.name}', which learns from labels; expected one that does without "
            "them, as rows have none here; take 'auto', or fit PolarDetector with labels."
        )
    return head
