"""What a user or a paper would do instead, on the same rows with the same model files.

Every method takes a sample and returns a score for each test text, higher = more anomalous.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import lightgbm
import numpy as np
from common import Split, Task
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer

from polar_detect.metrics import auroc
from polar_detect.signature.normal.neighbours import nearest
from polar_detect.signature.normal.reference import N_NEIGHBOURS
from polar_detect.signature.reading.readings import Readings

Scores = NDArray[np.float64]
Array = NDArray[np.floating[Any]]

HINDSIGHT = "SmolLM2 best layer in hindsight"  # reads the test labels: a bound, no method
KNN = "MiniLM + kNN"

_N_NEAREST = 5
_N_TREES = 200


class Extractor(Protocol):
    """What methods ask the models for."""

    def read(self, texts: Sequence[str]) -> Readings:
        """Return what both models do with each text."""

    def embed(self, texts: Sequence[str]) -> Array:
        """Return the sentence embeddings alone."""


@dataclass(frozen=True)
class Sample:
    """A split, with what the models read from its texts once somebody asks."""

    task: Task
    split: Split
    seed: int
    extractor: Extractor

    @functools.cached_property
    def train(self) -> Readings:
        """Readings of the training texts."""
        return self.extractor.read(self.split.train)

    @functools.cached_property
    def test(self) -> Readings:
        """Readings of the test texts."""
        return self.extractor.read(self.split.test)


def lengths(sample: Sample) -> dict[str, Scores]:
    """Score the number of characters."""
    parts = (sample.split.train, sample.split.test)
    train, test = (np.log([len(text) for text in part]) for part in parts)
    return tails("length", train, test)


def losses(sample: Sample) -> dict[str, Scores]:
    """Score the loss of the full program."""
    return tails("loss", sample.train.traces.loss, sample.test.traces.loss)


def tails(name: str, train: Array, test: Array) -> dict[str, Scores]:
    """Return a number by itself as scores: high, low, and far from the training texts' median."""
    high = np.asarray(test, np.float64)
    return {
        f"{name}, high": high,
        f"{name}, low": -high,
        f"{name}, both tails": np.abs(high - np.median(train)),
    }


def neighbours(train: Array, test: Array) -> Scores:
    """Return the mean cosine distance of embeddings to the nearest training texts."""
    similarity = nearest(test, train, k=N_NEIGHBOURS).similarity
    distances: Scores = 1 - similarity.mean(1, dtype=np.float64)
    return distances


def words(sample: Sample) -> dict[str, Scores]:
    """Score TF-IDF vectors."""
    vectors = TfidfVectorizer(sublinear_tf=True)
    train = vectors.fit_transform(sample.split.train)
    forest = IsolationForest(n_estimators=_N_TREES, random_state=sample.seed).fit(train)
    scores = -forest.score_samples(vectors.transform(sample.split.test))
    return {"TF-IDF + isolation forest": scores}


def embeddings(sample: Sample) -> dict[str, Scores]:
    """Score MiniLM's sentence embeddings with PyOD's detectors, at PyOD's defaults."""
    # Here, because PyOD is an extra that only the benchmark needs.
    from pyod.models.ecod import ECOD
    from pyod.models.iforest import IForest
    from pyod.models.knn import KNN as NearestNeighbours
    from pyod.models.lof import LOF
    from pyod.models.lunar import LUNAR

    parts = (sample.split.train, sample.split.test)
    train, test = (sample.extractor.embed(part) for part in parts)
    detectors = {
        KNN: NearestNeighbours(n_neighbors=_N_NEAREST, method="mean"),
        "MiniLM + LOF": LOF(novelty=True),
        "MiniLM + LUNAR": LUNAR(),
        "MiniLM + ECOD": ECOD(),
        "MiniLM + isolation forest": IForest(n_estimators=_N_TREES, random_state=sample.seed),
    }
    scores = {"MiniLM + Mahalanobis": _mahalanobis(train, test)}
    for name, detector in detectors.items():
        _seed_torch(sample.seed)  # LUNAR draws its weights and negatives from the global state
        scores[name] = np.asarray(detector.fit(train).decision_function(test), np.float64)
    return scores


def layers(sample: Sample) -> dict[str, Scores]:
    """Score SmolLM2's pooled states after each layer, and what each layer adds to them.

    Source: mean over layers, Darrin et al., arXiv 2302.09852; inter-layer differences,
    arXiv 2604.24542.
    """
    train, test = sample.train.traces.trajectory, sample.test.traces.trajectory
    depths = range(1, train.shape[1])
    states = np.stack([_mahalanobis(train[:, i], test[:, i]) for i in depths])
    changes = np.stack(
        [_mahalanobis(train[:, i] - train[:, i - 1], test[:, i] - test[:, i - 1]) for i in depths]
    )
    labels = sample.split.is_anomalous
    return {
        "SmolLM2 last layer": states[-1],
        HINDSIGHT: max(states, key=lambda scores: auroc(labels, scores)),
        "SmolLM2 mean over layers": states.mean(0),
        "SmolLM2 layer differences": changes.mean(0),
    }


def _mahalanobis(train: Array, test: Array) -> Scores:
    """Return Mahalanobis distances with a Ledoit-Wolf covariance of the scaled columns.

    Scaled, because a few dimensions of the states are a hundred times larger than the others,
    and shrinkage towards a multiple of the identity would drown the rest.
    """
    mean, spread = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    scaled = [(part - mean) / np.maximum(spread, 1e-6) for part in (train, test)]
    covariance = LedoitWolf(assume_centered=True, store_precision=False).fit(scaled[0]).covariance_
    covariance[np.diag_indices_from(covariance)] += 1e-6  # identical texts have no variance
    squared = np.einsum("nd,dn->n", scaled[1], cho_solve(cho_factor(covariance), scaled[1].T))
    distances: Scores = np.sqrt(np.maximum(squared, 0))
    return distances


def columns(sample: Sample) -> dict[str, Scores]:
    """Score the raw columns: without labels, and with those of anomalous rows not in the test.

    Without the latter where the test has all anomalous rows.
    """
    numbers, split = sample.task.numbers, sample.split
    if numbers is None:
        return {}
    train, test = numbers[split.train_rows], numbers[split.test_rows]
    n_normal = len(sample.task.normal) + len(sample.task.held_out)
    spare = np.setdiff1d(np.arange(n_normal, len(numbers)), split.test_rows)
    rows = np.concatenate([train, numbers[spare]])
    labels = np.repeat([0, 1], [len(train), len(spare)])
    forest = IsolationForest(n_estimators=_N_TREES, random_state=sample.seed).fit(train)
    scores = {"columns + isolation forest": -forest.score_samples(test)}
    if not len(spare):
        return scores
    classifiers = {
        "columns + random forest, with labels": RandomForestClassifier(
            n_estimators=_N_TREES, class_weight="balanced", random_state=sample.seed
        ),
        "columns + LightGBM, with labels": lightgbm.LGBMClassifier(
            n_estimators=_N_TREES, class_weight="balanced", random_state=sample.seed, verbose=-1
        ),
    }
    for name, classifier in classifiers.items():
        scores[name] = classifier.fit(rows, labels).predict_proba(test)[:, 1]
    return scores


def _seed_torch(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


FAMILIES: dict[str, Callable[[Sample], dict[str, Scores]]] = {
    "length": lengths,
    "loss": losses,
    "words": words,
    "embeddings": embeddings,
    "layers": layers,
    "columns": columns,
}
