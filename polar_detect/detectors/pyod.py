"""Any PyOD detector as the head; PyOD is optional (`pip install "polar-detect[pyod]"`).

Hides which class a name stands for, scores and SHAP values that depend on the batch, and storage
without pickle.
"""

import copy
import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.preprocessing import StandardScaler

from polar_detect.arrays import Float32Array, Float64Array
from polar_detect.detectors.base import Attribution, check_written_features, write_features
from polar_detect.detectors.selected import SelectedHead, n_read
from polar_detect.detectors.skops_files import UNREADABLE, objects_of, refuse_unreadable
from polar_detect.errors import InputError, OutputError, reason_of
from polar_detect.features.table import Feature, FeatureTable

PREFIX = "pyod:"
_INSTALL = 'pip install "polar-detect[pyod]"'
_MODEL = "pyod.skops"
_ASIDE = 0.1  # how far from a training text one is looked at, as a share of its way out
_TRUSTED = ("pyod.models.", "sklearn.", "scipy.stats.")


class PyODHead(SelectedHead):
    """A PyOD detector over the standardised distances, context, losses and program.

    Parameters
    ----------
    detector : pyod.models.base.BaseDetector
        Is copied before it is fitted; its `contamination` is not used, as thresholds come from
        held-out texts.

    Source: Zhao, Nasrullah and Li, PyOD, JMLR 20 (2019).
    """

    name = "pyod"
    reason = "a PyOD detector over distances, context, losses and the minimal program"

    def __init__(self, detector: Any) -> None:
        super().__init__()
        kind = type(detector).__name__
        self.name = f"{PREFIX}{kind}"
        self.reason = f"PyOD's {kind} over distances, context, losses and program"
        self._detector = detector
        self._scaler: Any = None
        self._background: Float64Array = np.zeros((1, 0))

    @classmethod
    def named(cls, name: str) -> Self:
        """Return a head by the name of a PyOD class, e.g. ``ECOD`` or ``pyod:knn``.

        Raises
        ------
        InputError
            PyOD is not installed, or has no such detector, or none that does without settings or
            further packages.
        """
        own = name.removeprefix(PREFIX)
        try:
            return cls(_find_class(own)())
        except (TypeError, ImportError) as error:
            raise InputError(
                f"Got detector '{PREFIX}{own}', which cannot be made without settings or packages "
                f"of its own ({reason_of(error)}); expected one that can; pass "
                f"PyODHead(detector) in Python, install the package, or choose another such as "
                f"{PREFIX}ECOD."
            ) from error

    def _fit(self, normal: Float32Array, *, seed: int) -> None:
        """Fit a copy.

        Raises
        ------
        InputError
            PyOD refuses so few texts, or has no score for a text alone, as SOD, COF or ROD, or
            another one each time, as VAE.
        """
        detector = copy.deepcopy(self._detector)
        if "random_state" in detector.get_params():
            detector.set_params(random_state=seed)
        values = normal.astype(np.float64)
        self._scaler = StandardScaler().fit(values)
        scaled = self._scaler.transform(values)
        _leave_out_null_directions(detector, scaled)
        self._background = np.median(scaled, axis=0, keepdims=True)
        try:
            self._detector = detector.fit(scaled)
            self._check_alone(scaled)
        except (ValueError, LookupError, TypeError) as error:
            raise InputError(
                f"Got {self.name}, which fails on {len(values)} normal texts "
                f"({reason_of(error)}); expected a detector that is fitted on so many and scores a "
                f"text alone; fit on more texts, or use another such as {PREFIX}ECOD."
            ) from error

    def _check_alone(self, rows: Float64Array) -> None:
        """Raise `ValueError` unless texts alone have scores, the same each time, and not all one.

        What is looked at is made of those of `rows`, which were fitted on, that PyOD finds least
        and most strange: some detectors have no score for what they were fitted on.
        """
        own = np.asarray(self._detector.decision_scores_, np.float64)
        ends = rows[[own.argmin(), own.argmax()]]
        made = np.vstack([self._background, ends + _ASIDE * (ends - self._background)])
        scores = self._decide_alone(made)
        if not np.isfinite(scores).all():
            raise ValueError("it has no score for a text alone")
        if not np.array_equal(self._decide_alone(made), scores):
            raise ValueError("it has another score for a text each time")
        if np.ptp(own) and not np.ptp(scores):
            raise ValueError("it has the same score for every text alone")

    def _scores(self, table: FeatureTable) -> Float64Array:
        """Return PyOD's decision function; see `Head.scores`.

        Raises
        ------
        InputError
            A text has none, as a copy of a training text has with ABOD.
        """
        scores = self._decide_alone(self._scaled(table))
        n_none = int((~np.isfinite(scores)).sum())
        if n_none:
            raise InputError(
                f"Got {self.name}, which has no score for {n_none} of {len(scores)} texts; "
                f"expected one for each; use another such as {PREFIX}ECOD."
            )
        return scores

    def _scaled(self, table: FeatureTable) -> Float64Array:
        values = self._select(table).values.astype(np.float64)
        return np.asarray(self._scaler.transform(values), np.float64)

    def _decide_alone(self, rows: Float64Array) -> Float64Array:
        """Return scores that do not depend on the company of a row, not in the last bit.

        ECOD and COPOD rank a row among the training rows and the batch, and GMM's matrix products
        round by the size of the batch. Costs .1 to 1 ms a row, IForest 4, INNE 40.
        """
        alone = [self._detector.decision_function(row[None]) for row in rows]
        return np.concatenate(alone).astype(np.float64)

    def _decide(self, rows: Float64Array) -> Float64Array:
        """Return scores of variants of one row, which need no more than not to be ranked."""
        if hasattr(self._detector, "X_train"):  # of ECOD and COPOD only
            return self._decide_alone(rows)
        return np.asarray(self._detector.decision_function(rows), np.float64)

    def _explain(self, table: FeatureTable) -> Attribution:
        """Return Shapley values estimated by one permutation and its reverse; they add up.

        Each is measured against the median normal text, with the same permutation for every text.
        """
        import shap  # here, because its just-in-time compiler takes seconds to import

        def explain(row: Float64Array) -> Float64Array:
            # A new one for each row, as one draws on from row to row.
            explainer = shap.explainers.Permutation(self._decide, self._background, seed=0)
            found = explainer(row[None], max_evals=2 * len(row) + 1, silent=True)
            return np.asarray(found.values, np.float64)

        with _own_random_state():
            parts = np.concatenate([explain(row) for row in self._scaled(table)])
        return self._spread(float(self._decide(self._background)[0]), parts)

    def save(self, folder: Path) -> None:
        """Write a skops file and the feature names; see `Head.save`."""
        import skops.io  # here: half a second that other heads save
        import skops.io.exceptions

        content = {
            "detector": self._detector,
            "scaler": self._scaler,
            "background": self._background,
        }
        try:
            skops.io.dump(content, folder / _MODEL)
            _check_types(folder / _MODEL)
        except (*UNREADABLE, skops.io.exceptions.UnsupportedTypeException) as error:
            raise OutputError(
                f"Got {self.name}, which cannot be stored without pickle ({error}); expected a "
                "detector of arrays and scikit-learn parts such as pyod:ECOD; use another."
            ) from error
        write_features(self._features, folder)

    @classmethod
    def load(cls, folder: Path, features: tuple[Feature, ...]) -> Self:
        """Read both files, trusting PyOD's and scikit-learn's types only; see `Head.load`."""
        import skops.io

        _find_class("ECOD")  # says what to install
        check_written_features(features, folder)
        with refuse_unreadable(folder / _MODEL):
            content = skops.io.load(folder / _MODEL, trusted=_check_types(folder / _MODEL))
            head = cls(content["detector"])
            head._scaler, head._background = content["scaler"], content["background"]
            n = n_read(features)
            if (head._scaler.n_features_in_, head._background.shape) != (n, (1, n)):
                raise ValueError("other features than it is asked about")
        head._features = features
        return head


@contextmanager
def _own_random_state() -> Iterator[None]:
    """Leave numpy's global random state, which shap seeds and draws from, as it was."""
    state = np.random.get_state()  # noqa: NPY002 - it is that state that shap uses
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _leave_out_null_directions(detector: Any, rows: Float64Array) -> None:
    """Let PyOD's PCA, which divides by the variance of each direction, see those that have one.

    With fewer texts than features, or features that follow from others, it scored up to 1e34.
    """
    if type(detector).__name__ == "PCA" and detector.n_components is None:
        # The features are float32, so what is below its precision is rounding.
        singular = np.linalg.svd(rows, compute_uv=False)
        floor = singular[0] * max(rows.shape) * np.finfo(np.float32).eps
        detector.set_params(n_components=max(1, int((singular > floor).sum())))


def _check_types(path: Path) -> list[str]:
    """Return the types that a file needs trust in; raise `ValueError` for those of others.

    A name is not enough: these packages import what is not theirs, `subprocess` too.
    """
    types = objects_of(path)
    foreign = sorted(name for name, own in types.items() if not _is_trusted(name, *own))
    if foreign:
        raise ValueError(f"types of neither PyOD nor scikit-learn: {', '.join(foreign)}")
    return list(types)


def _is_trusted(name: str, module: str, own: str) -> bool:
    """Return whether a name stands for a class that is defined in these packages."""
    if not name.startswith(_TRUSTED):
        return False
    try:
        found = getattr(importlib.import_module(module), own, None)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.startswith(_TRUSTED)


def _find_class(name: str) -> Any:
    try:
        package = importlib.import_module("pyod.models")
    except ImportError as error:
        raise InputError(
            f"Got detector '{PREFIX}{name}' without PyOD; expected it to be installed; run "
            f"{_INSTALL}."
        ) from error
    modules = {_bare(module.name): module.name for module in pkgutil.iter_modules(package.__path__)}
    if _bare(name) in modules:
        module = importlib.import_module(f"pyod.models.{modules[_bare(name)]}")
        for attribute, value in vars(module).items():
            if _bare(attribute) == _bare(name) and isinstance(value, type):
                return value
    raise InputError(
        f"Got detector '{PREFIX}{name}'; expected the name of a PyOD class, such as pyod:ECOD, "
        "pyod:KNN, pyod:LOF, pyod:COPOD, pyod:IForest, pyod:PCA or pyod:OCSVM; choose one."
    )


def _bare(name: str) -> str:
    """Return a name without what tells that of a class from its module's: AutoEncoder."""
    return name.lower().replace("_", "")
