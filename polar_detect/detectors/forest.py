"""Isolation forest over the distances, context and program of a signature."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from polar_detect.arrays import Float32Array, Float64Array
from polar_detect.detectors.base import Attribution, check_written_features, write_features
from polar_detect.detectors.selected import SelectedHead, n_read
from polar_detect.detectors.skops_files import objects_of, refuse_unreadable
from polar_detect.features.table import Feature, FeatureTable

_MODEL = "isolation_forest.skops"
_TREE = "sklearn.tree._tree.Tree"
_MAX_NODES = 10_000  # of a tree of 256 rows, which has 511 at most; SHAP goes down node by node


class IsolationForestHead(SelectedHead):
    """Isolation forest; the score is the binary logarithm of Liu et al.'s anomaly score.

    That is minus the mean path length over its expectation, which SHAP values of trees add
    up to; the ranking is the same.

    A forest takes what is rare on either side for strange, and a copy of a training text is
    nearer to them than any text that is left out. So what is nearer than most counts as usual.

    Source: Liu, Ting, Zhou, Isolation Forest, ICDM 2008, equation 2.
    """

    name = "isolation-forest"
    reason = (
        "isolation forest over distances, context, losses and the minimal program; knows only "
        "normal texts, and no pseudo-outliers"
    )

    def __init__(self) -> None:
        super().__init__()
        self._forest: Any = None

    def _fit(self, normal: Float32Array, *, seed: int) -> None:
        from sklearn.ensemble import IsolationForest  # here: 0.3 s that other heads save

        self.__dict__.pop("_explainer", None)  # of an earlier fit
        self._forest = IsolationForest(n_estimators=200, random_state=seed)
        self._forest.fit(self._one_sided(normal))

    def _one_sided(self, normal: Float32Array) -> Float32Array:
        """Return normal texts, those nearer to the others than most as near as most.

        Then no tree splits there, and whatever is nearer still goes the way of what is usual.
        """
        groups = np.asarray([feature.group for feature in self._read_features])
        usual = np.median(normal, axis=0)
        lows = np.where(groups == "distance", usual, -np.inf)
        highs = np.where(groups == "neighbours", usual, np.inf)
        return np.clip(normal, lows, highs).astype(np.float32)

    def _scores(self, table: FeatureTable) -> Float64Array:
        """Return log2 of the anomaly score in (0, 1]; see `Head.scores`."""
        scores = -self._forest.score_samples(self._select(table).values)
        return np.asarray(np.log2(scores), np.float64)

    def _explain(self, table: FeatureTable) -> Attribution:
        """Return exact TreeSHAP values; see `Head.explain`."""
        values, explainer = self._select(table).values, self._explainer
        path_lengths = np.asarray(explainer.shap_values(values), np.float64)
        # log2(score) = −(mean path length) / expectation; the forest keeps the expectation to
        # itself, so it is taken from a text of zeros, the same in every batch.
        base = float(np.ravel(explainer.expected_value)[0])
        zeros = np.zeros_like(values[:1])
        total = base + float(np.asarray(explainer.shap_values(zeros), np.float64).sum())
        score = float(np.log2(-self._forest.score_samples(zeros))[0])
        if not total:  # of a forest of one row, where every text ends before the first split
            return self._spread(score, np.zeros_like(path_lengths))
        factor = score / total
        return self._spread(base * factor, path_lengths * factor)

    @cached_property
    def _explainer(self) -> Any:
        """Read the forest's trees once, not at every call: that takes a quarter of a second."""
        import shap  # here, because its just-in-time compiler takes seconds to import

        return shap.TreeExplainer(self._forest)

    def save(self, folder: Path) -> None:
        """Write a skops file and the feature names; see `Head.save`."""
        import skops.io  # here: half a second that other heads save

        skops.io.dump(self._forest, folder / _MODEL)
        write_features(self._features, folder)

    @classmethod
    def load(cls, folder: Path, features: tuple[Feature, ...]) -> Self:
        """Read both files, trusting one type beyond skops' own list; see `Head.load`."""
        import skops.io

        head = cls()
        head._features = features
        check_written_features(features, folder)
        with refuse_unreadable(folder / _MODEL):
            objects_of(folder / _MODEL)  # skops tells functions by their names alone
            head._forest = skops.io.load(folder / _MODEL, trusted=[_TREE])
            _check_forest(head._forest, n_read(features))
        return head


def _check_forest(forest: Any, n_features: int) -> None:
    """Raise `ValueError` for a forest that would read memory that is not its own, or not end."""
    from sklearn.ensemble import IsolationForest  # here: see `_fit`

    if type(forest) is not IsolationForest:
        raise ValueError("no isolation forest")
    if forest.n_features_in_ != n_features:
        raise ValueError("other features than it is asked about")
    for estimator, own in zip(forest.estimators_, forest.estimators_features_, strict=True):
        tree = estimator.tree_
        if tree.n_features != n_features or not np.array_equal(own, np.arange(n_features)):
            raise ValueError("a tree of other features than the forest")
        if not 0 < tree.node_count == tree.capacity <= _MAX_NODES:
            raise ValueError("a tree of other nodes than it counts, or of too many")
    _check_trees(forest)


def _check_trees(forest: Any) -> None:
    """Raise `ValueError` for nodes or features that a tree has not, which nobody else checks."""
    for estimator in forest.estimators_:
        tree = estimator.tree_
        children = np.stack([tree.children_left, tree.children_right])
        if not ((children >= -1) & (children < tree.node_count)).all():
            raise ValueError("a tree points outside itself")
        # Nodes are numbered from the root on; one that leads back would be walked for ever.
        if not ((children == -1) | (children > np.arange(tree.node_count))).all():
            raise ValueError("a tree points at itself")
        is_leaf = children == -1
        if not np.array_equal(*is_leaf):  # who goes to the child that is missing leaves the tree
            raise ValueError("a tree points outside itself")
        if not (is_leaf[0] | ((tree.feature >= 0) & (tree.feature < tree.n_features))).all():
            raise ValueError("a tree asks for a feature that does not exist")
