"""The default detector: seven simple views of a signature, added up.

All are linear in standardised features and their absolute values, so the sum is one
weight per feature and its SHAP values are exact.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from polar_detect.detectors.base import Attribution, Head
from polar_detect.features import Feature, FeatureTable

Vector = NDArray[np.float64]

_FILE = "auto.json"
_STRENGTH = 0.1  # inverse regularisation
_CLIP = 8.0  # robust standard deviations; one wild feature must not decide alone


@dataclass(frozen=True)
class _Scale:
    """Median and robust spread of each feature on normal texts."""

    centre: Vector
    spread: Vector

    @classmethod
    def fit(cls, values: NDArray[np.float32]) -> Self:
        centre = np.median(values, axis=0).astype(np.float64)
        robust = 1.4826 * np.median(np.abs(values - centre), axis=0)
        # Where most texts agree exactly (duplicates) the robust spread vanishes.
        spread = np.maximum(robust, 0.3 * values.std(axis=0))
        return cls(centre, np.where(spread > 0, spread, 1.0))

    def apply(self, values: NDArray[np.float32]) -> Vector:
        """Return standardised values beside their absolute values, (n_texts, 2 n_features)."""
        standard = np.clip((values - self.centre) / self.spread, -_CLIP, _CLIP)
        return np.hstack([standard, np.abs(standard)])


@dataclass(frozen=True)
class _Fitted:
    features: tuple[Feature, ...]
    scale: _Scale
    weights: Vector  # (2 n_features,)
    means: Vector  # (2 n_features,) on normal texts
    intercept: float


class AutoHead(Head):
    """Mean of seven standardised views of a signature.

    - *topic*: logistic regression, held-out clusters against normal texts, on similarity to
      the nearest texts and on the losses with and without the memory of normal tokens;
    - *topic and words*: the same with the novelty of the tokens at every depth of both models;
    - *words*: novelty of the encoder's tokens one third of the way up, which sees form;
    - *words in context*: novelty of the encoder's tokens at its last layer;
    - *trajectory*: novelty of the language model's tokens, mean over depths;
    - *memory*: the share of the loss that stays when normal tokens may be remembered;
    - *distance*: the encoder's Mahalanobis distance, mean over layers (Darrin et al., arXiv
      2302.09852).
    """

    name = "auto"
    reason = (
        "mean of seven views: two logistic heads trained on held-out clusters, novelty of the "
        "tokens in encoder (two depths) and language model, loss with the memory of normal "
        "tokens, Mahalanobis distance over layers; linear, so SHAP is exact"
    )
    needs_curves = False
    needs_corruptions = False
    needs_programs = False
    needs_context = False

    def __init__(self) -> None:
        self._fitted: _Fitted | None = None

    def fit(self, normal: FeatureTable, strangers: FeatureTable, *, seed: int) -> Self:
        """Fit the views; see `Head.fit`."""
        scale = _Scale.fit(normal.values)
        inside, outside = scale.apply(normal.values), scale.apply(strangers.values)
        views = [
            _logistic(inside, outside, _columns(normal, is_one_of), seed=seed)
            for is_one_of in (_is_topic, _is_topic_or_words)
        ]
        views += _fixed_views(normal)
        weights = np.zeros(inside.shape[1])
        for view in views:
            spread = (inside @ view).std()
            weights += view / max(spread, 1e-9) / len(views)
        means = inside.mean(0)
        self._fitted = _Fitted(normal.features, scale, weights, means, -float(means @ weights))
        return self

    def _scores(self, table: FeatureTable) -> Vector:
        """Return scores; see `Head.scores`. A normal text scores about 0."""
        fitted = self._get(table)
        scores: Vector = fitted.scale.apply(table.values) @ fitted.weights + fitted.intercept
        return scores

    def _explain(self, table: FeatureTable) -> Attribution:
        """Return SHAP values, weight · (value − mean); Lundberg & Lee 2017, corollary 1."""
        fitted = self._get(table)
        parts = (fitted.scale.apply(table.values) - fitted.means) * fitted.weights
        n = len(table.features)
        return Attribution(0.0, parts[:, :n] + parts[:, n:], table.features)

    def save(self, folder: Path) -> None:
        """Write one JSON file; see `Head.save`."""
        assert self._fitted is not None
        fitted = asdict(self._fitted) | {"features": [f.name for f in self._fitted.features]}
        text = json.dumps(fitted, default=lambda array: array.tolist())
        (folder / _FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the JSON file; see `Head.load`."""
        stored = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        head = cls()
        head._fitted = _Fitted(
            features=tuple(Feature.from_name(name) for name in stored["features"]),
            scale=_Scale(*(np.asarray(stored["scale"][part]) for part in ("centre", "spread"))),
            weights=np.asarray(stored["weights"]),
            means=np.asarray(stored["means"]),
            intercept=float(stored["intercept"]),
        )
        return head

    def _get(self, table: FeatureTable) -> _Fitted:
        assert self._fitted is not None
        assert self._fitted.features == table.features
        return self._fitted


def _logistic(inside: Vector, outside: Vector, columns: NDArray[np.intp], *, seed: int) -> Vector:
    """Return the weights of a logistic regression of outside against inside."""
    columns = np.concatenate([columns, columns + inside.shape[1] // 2])
    rows = np.vstack([inside, outside])[:, columns]
    is_outside = np.repeat([0, 1], [len(inside), len(outside)])
    model = LogisticRegression(
        C=_STRENGTH, class_weight="balanced", max_iter=1000, random_state=seed
    ).fit(rows, is_outside)
    weights = np.zeros(inside.shape[1])
    weights[columns] = model.coef_[0]
    return weights


def _fixed_views(table: FeatureTable) -> list[Vector]:
    """Return plain means of features, as weights."""
    encoder = [_columns(table, _is_encoder(part)) for part in ("novelty", "mahalanobis")]
    words = encoder[0]
    views = [
        words[len(words) // 3 : len(words) // 3 + 1],
        words[-1:],
        _columns(table, lambda f: f.group == "tokens"),
        _columns(table, lambda f: f == Feature("memory", "ratio")),
        encoder[1],
    ]
    return [_mean_of(columns, table) for columns in views]


def _mean_of(columns: NDArray[np.intp], table: FeatureTable) -> Vector:
    weights = np.zeros(2 * len(table.features))
    weights[columns] = 1 / max(len(columns), 1)
    return weights


def _columns(table: FeatureTable, keep: Callable[[Feature], bool]) -> NDArray[np.intp]:
    return np.asarray([i for i, feature in enumerate(table.features) if keep(feature)], np.intp)


def _is_topic(feature: Feature) -> bool:
    return feature.group in {"neighbours", "memory"} or feature == Feature("loss", "mean")


def _is_topic_or_words(feature: Feature) -> bool:
    return _is_topic(feature) or feature.group == "tokens" or _is_encoder("novelty")(feature)


def _is_encoder(part: str) -> Callable[[Feature], bool]:
    return lambda feature: feature.group == "encoder" and feature.part.startswith(f"{part}_")
