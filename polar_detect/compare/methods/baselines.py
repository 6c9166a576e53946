"""What a user would pick instead: LightGBM, random forest, isolation forest, kNN.

Hides how each is fitted on few rows, and what the first two learn from where no training
row is labelled anomalous.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import scipy.sparse
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.neighbors import NearestNeighbors

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.compare.methods.views import Seen, dense

ScoresOf = Callable[[Any], Float64Array]

_N_NEAREST = 5
MIN_LABELLED_ROWS = 5


@dataclass(frozen=True)
class Scorer:
    """A fitted baseline.

    Parameters
    ----------
    scores_of : callable of a matrix of rows → (n_rows,) float64
        Higher = more anomalous.
    parts_of : callable of a dense matrix of rows → (n_rows, n_features) float64, optional
        SHAP values of the scores, up to a constant and a factor.
    """

    scores_of: ScoresOf
    parts_of: ScoresOf | None = None


@dataclass(frozen=True)
class Baseline:
    """A method that turns training rows into a scorer.

    Parameters
    ----------
    name : str
    recipe : str
        What a user would take for it, in words.
    learns_from_labels : bool
        Whether it takes labelled anomalous rows where there are some; without, it sees
        normal rows only.
    fit : callable of view, labels of the training rows, seed → scorer
    """

    name: str
    recipe: str
    learns_from_labels: bool
    fit: Callable[[Seen, BoolArray, int], Scorer]


def is_labelled(labels: BoolArray) -> bool:
    """Return whether there are enough labelled anomalous training rows to learn from."""
    return int(labels.sum()) >= MIN_LABELLED_ROWS


def _fit_forest(seen: Seen, labels: BoolArray, seed: int) -> Scorer:
    forest = IsolationForest(n_estimators=200, random_state=seed).fit(seen.train[~labels])
    return Scorer(
        lambda rows: -np.asarray(forest.score_samples(rows), np.float64),
        lambda rows: -_shap_values(forest, rows),  # of the depths: deep is normal
    )


def _fit_knn(seen: Seen, labels: BoolArray, seed: int) -> Scorer:  # noqa: ARG001
    normal = seen.train[~labels]
    n_nearest = min(_N_NEAREST, normal.shape[0])
    index = NearestNeighbors(n_neighbors=n_nearest, metric=seen.metric).fit(normal)
    return Scorer(lambda rows: np.asarray(index.kneighbors(rows)[0].mean(1), np.float64))


def _fit_random_forest(seen: Seen, labels: BoolArray, seed: int) -> Scorer:
    model = RandomForestClassifier(
        n_estimators=300, class_weight="balanced_subsample", random_state=seed
    )
    model.fit(*_contrast(seen, labels, seed))
    return Scorer(
        lambda rows: np.asarray(model.predict_proba(rows)[:, 1], np.float64),
        lambda rows: _shap_values(model, rows)[:, :, 1],
    )


def _fit_lightgbm(seen: Seen, labels: BoolArray, seed: int) -> Scorer:
    rows, targets = _contrast(seen, labels, seed)
    weights = np.where(targets, (~targets).sum() / max(int(targets.sum()), 1), 1.0)
    settings = {
        "objective": "binary",
        "num_leaves": 15,
        "learning_rate": 0.05,
        "min_data_in_leaf": 5,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        "seed": seed,
    }
    data = lightgbm.Dataset(rows, targets.astype(int), weight=weights)
    booster = lightgbm.train(settings, data, 150)
    return Scorer(
        lambda new: np.asarray(booster.predict(new, raw_score=True), np.float64),
        lambda new: np.asarray(booster.predict(new, pred_contrib=True), np.float64)[:, :-1],
    )


def _shap_values(forest: Any, rows: Any) -> Float64Array:
    import shap  # takes a second, which whoever needs no parts should not wait for

    return np.asarray(shap.TreeExplainer(forest).shap_values(rows), np.float64)


def _contrast(seen: Seen, labels: BoolArray, seed: int) -> tuple[Any, BoolArray]:
    """Return rows and targets for a classifier.

    Without labelled anomalies, normal rows stand against rows whose cells are drawn from each
    column on its own: what breaks the dependence between columns is strange.

    Source: Shi & Horvath, Unsupervised Learning with Random Forest Predictors, 2006, "Addcl1".
    """
    if is_labelled(labels):
        return seen.train, labels
    normal = seen.train[~labels]
    own = dense(normal)
    # With replacement: shuffled columns are as long as before, no first split gains anything,
    # and LightGBM stops there.
    drawn = np.random.default_rng(seed).integers(0, len(own), own.shape)
    shuffled = np.take_along_axis(own, drawn, axis=0)
    if scipy.sparse.issparse(normal):
        rows = scipy.sparse.vstack([normal, scipy.sparse.csr_matrix(shuffled)]).tocsr()
    else:
        rows = np.vstack([own, shuffled])
    return rows, np.repeat([False, True], len(own))


BASELINES = (
    Baseline("LightGBM", "lightgbm.LGBMClassifier", True, _fit_lightgbm),
    Baseline("random forest", "sklearn.ensemble.RandomForestClassifier", True, _fit_random_forest),
    Baseline("isolation forest", "sklearn.ensemble.IsolationForest", False, _fit_forest),
    Baseline("kNN", "sklearn.neighbors.NearestNeighbors (mean distance to 5)", False, _fit_knn),
)
