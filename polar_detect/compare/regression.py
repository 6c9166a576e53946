"""A number instead of a label: what signature features add to models that predict it.

Rows are cross-validated, or fitted on one file and tested on another.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import lightgbm
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neighbors import KNeighborsRegressor

from polar_detect import models
from polar_detect.arrays import Float64Array, IndexArray, IntArray
from polar_detect.compare.detection import note_cut_texts
from polar_detect.compare.methods.drivers import Driver, find_moving, sum_by_column
from polar_detect.compare.methods.views import Cost, Numbers, Seen, View, choose_views, dense
from polar_detect.compare.reading.rows import Rows
from polar_detect.compare.reading.task import Task
from polar_detect.compare.results.comparison import Figure
from polar_detect.compare.results.predictions import Prediction, Predictions
from polar_detect.errors import InputError
from polar_detect.metrics import Difference
from polar_detect.numerics.blas import one_thread
from polar_detect.pipeline.training import MIN_SIGNED
from polar_detect.progress import Progress, Tracker

if TYPE_CHECKING:
    from polar_detect.compare.methods.signatures import Signatures
    from polar_detect.signature.extraction import Extractor

Fold = tuple[IndexArray, IndexArray]  # rows to fit on, rows to test on

_MIN_ROWS, _MIN_TEST_ROWS = 40, 2
_COLUMNS_A_SPLIT = 150  # of a forest: all of thousands take minutes, and hardly help
_EXPLAINED = "LightGBM"  # whose SHAP values take no time
# Of seed and number of columns.
MODELS: dict[str, Callable[[int, int], Any]] = {
    "ridge": lambda _seed, _n: RidgeCV(alphas=np.logspace(-3, 5, 17)),
    "kNN": lambda _seed, _n: KNeighborsRegressor(5, weights="distance"),
    "random forest": lambda seed, n: RandomForestRegressor(
        300, max_features=min(n, _COLUMNS_A_SPLIT), random_state=seed
    ),
    "LightGBM": lambda seed, _n: lightgbm.LGBMRegressor(
        n_estimators=300,
        learning_rate=0.05,
        num_leaves=15,
        min_child_samples=5,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,  # else what a trial takes decides, and maybe the last bits
        verbosity=-1,
        random_state=seed,
    ),
}


@dataclass(frozen=True, kw_only=True)
class PredictionSettings:
    """How the models are compared.

    Parameters
    ----------
    extractor : Extractor or None
        None: no model reads the rows, and there are no signature features.
    target : str
        Name of the number.
    n_folds : int
    n_resamples : int
    seed : int
    encoder : str
        Sentence encoder that baselines read where there are no numbers.
    """

    extractor: "Extractor | None"
    target: str
    n_folds: int = 5
    n_resamples: int = 500
    seed: int = 0
    encoder: str = models.AUTO_ENCODER


@one_thread(beside_models=True)
def compare_predictions(
    task: Task, settings: PredictionSettings, *, progress: Progress | None = None
) -> Predictions:
    """Predict the target with every model, with and without signature features.

    Raises
    ------
    InputError
        Fewer than 40 rows have a number to predict, beside a test file fewer than 8 training rows
        or 2 test rows, or all have the same one.
    """
    tracker = Tracker(progress)
    check_predictable(task)
    rows = Rows.below([task.train, task.test])
    folds = _folds(task, settings)
    extractor = settings.extractor
    is_numbers = task.template is not None and bool(task.columns)
    encoder = None if extractor is None else settings.encoder
    views = [Numbers()] if is_numbers else choose_views(task, encoder)
    predicted = _predict(rows, folds, views, settings, tracker)
    tested = np.concatenate([test for _, test in folds])
    truth = rows.target[tested].astype(np.float64)
    out_of_fold = {key: (values[tested], took) for key, (values, took) in predicted.items()}
    costs = {view.name: view.cost for view in views}
    return Predictions(
        results=tuple(_measure(truth, out_of_fold, costs, settings)),
        n_rows=len(tested),
        n_folds=len(folds),
        target=settings.target,
        text_source=task.text_source,
        columns=task.columns,
        notes=(*task.notes, *_said_of_models(rows, extractor)),
        telling=task.telling,
        are_rows=task.template is not None,
        drivers=_drivers(task, rows, folds[0], settings.seed),
    )


def check_predictable(task: Task) -> None:
    """Refuse a task of too few numbers as `compare_predictions` does, which needs its models."""
    _check(Rows.below([task.train, task.test]), _MIN_ROWS)
    if len(task.test):
        _check(task.train, MIN_SIGNED)
        _check(task.test, _MIN_TEST_ROWS)


def _check(rows: Rows, least: int) -> None:
    if len(rows) < least or np.ptp(rows.target) == 0:
        raise InputError(
            f"Got {len(rows)} rows with a number to predict (or all the same); expected at least "
            f"{least} that differ; check --target."
        )


def _folds(task: Task, settings: PredictionSettings) -> list[Fold]:
    n_train, n_test = len(task.train), len(task.test)
    if n_test:
        return [(np.arange(n_train), np.arange(n_train, n_train + n_test))]
    drawn = {"n_splits": settings.n_folds, "shuffle": True, "random_state": settings.seed}
    groups = task.train.groups
    if groups is not None and (n_groups := len(np.unique(groups))) < settings.n_folds:
        raise InputError(
            f"Got rows of {n_groups} groups; expected at least {settings.n_folds}, as rows of one "
            "are predicted from those of others; leave --group-column out, or choose another."
        )
    folds = KFold(**drawn) if groups is None else GroupKFold(**drawn)
    return list(folds.split(np.arange(n_train), groups=groups))


class _Key(NamedTuple):
    """Which model read what."""

    model: str
    view: str
    has_signature: bool


@dataclass(frozen=True, eq=False)
class _Features:
    """Features of all rows as one fold sees them, and the seconds that they took."""

    view: str
    has_signature: bool
    matrix: pd.DataFrame
    took_s: float


def _drivers(task: Task, rows: Rows, fold: Fold, seed: int) -> tuple[Driver, ...]:
    """Return by which columns LightGBM predicts the test rows of a fold; none of texts."""
    if not task.sources:
        return ()
    train, test = (rows.take(index) for index in fold)
    seen = Numbers(task.sources).see(train, test)
    model = MODELS[_EXPLAINED](seed, seen.train.shape[1]).fit(seen.train, train.target)
    parts = model.booster_.predict(seen.test, pred_contrib=True)[:, :-1]
    return find_moving(sum_by_column(parts, task.sources))


def _said_of_models(rows: Rows, extractor: "Extractor | None") -> list[str]:
    if extractor is None:
        return [
            "No model read the rows, and so there are no signature features; --detectors texts has "
            "models read them."
        ]
    return note_cut_texts(rows.texts, extractor.tracer)


def _predict(
    rows: Rows,
    folds: list[Fold],
    views: Sequence[View],
    settings: PredictionSettings,
    tracker: Tracker,
) -> dict[_Key, tuple[Float64Array, float]]:
    """Return out-of-fold predictions and seconds by model and features."""
    signatures = None
    if settings.extractor is not None:
        from polar_detect.compare.methods.signatures import Signatures  # imports torch

        signatures = Signatures.read(settings.extractor, rows, tracker)
    stage = tracker.stage("folds", len(folds))
    found: dict[_Key, tuple[Float64Array, float]] = {}
    for fold in folds:
        train, test = fold
        signed = None if signatures is None else _signed(signatures, fold, len(folds), settings)
        for own in _fold_features(rows, fold, views, signed):
            for model, new in MODELS.items():
                start = time.perf_counter()
                fitted = new(settings.seed, own.matrix.shape[1])
                fitted.fit(own.matrix.iloc[train], rows.target[train])
                nothing = (np.full(len(rows), np.nan), 0.0)
                key = _Key(model, own.view, own.has_signature)
                values, took = found.get(key, nothing)
                values[test] = fitted.predict(own.matrix.iloc[test])
                took += own.took_s + time.perf_counter() - start
                found[key] = (values, took)
        stage.advance(1)
    return found


class _Signed(NamedTuple):
    """Signatures of all rows as one fold sees them, and the seconds that they took."""

    values: Float64Array
    took_s: float


def _signed(
    signatures: "Signatures", fold: Fold, n_folds: int, settings: PredictionSettings
) -> _Signed:
    train, test = fold
    start = time.perf_counter()
    values = _block(signatures.of_fold(train, test, seed=settings.seed), train)
    return _Signed(values, time.perf_counter() - start + signatures.took_s / n_folds)


def _fold_features(
    rows: Rows, fold: Fold, views: Sequence[View], signed: _Signed | None
) -> Iterator[_Features]:
    """Yield each view, alone and beside the signatures, if there are some."""
    train, test = fold
    for view in views:
        seen = view.see(rows.take(train), rows.take(test))
        plain, took = _block(_in_order(seen, train, test), train), seen.fit_s + seen.score_s
        # LightGBM warns of a matrix without names when it predicts.
        yield _Features(seen.name, False, pd.DataFrame(plain).rename(columns=str), took)
        if signed is not None:
            both = pd.DataFrame(np.hstack([plain, signed.values])).rename(columns=str)
            yield _Features(seen.name, True, both, took + signed.took_s)


def _in_order(seen: Seen, train: IndexArray, test: IndexArray) -> Float64Array:
    """Return the view of all rows in their order."""
    parts = [dense(part) for part in (seen.train, seen.test)]
    stacked = np.empty((len(train) + len(test), parts[0].shape[1]))
    stacked[train], stacked[test] = parts
    return stacked


def _block(features: Float64Array, train: IndexArray) -> Float64Array:
    """Return features with a total variance of 1, so that neither block drowns the other."""
    centred = features - features[train].mean(0)
    spread = float(np.sqrt(features[train].var(0).sum()))
    scaled: Float64Array = centred / (spread or 1.0)
    return scaled


def _measure(
    truth: Float64Array,
    predicted: dict[_Key, tuple[Float64Array, float]],
    costs: dict[str, Cost],
    settings: PredictionSettings,
) -> list[Prediction]:
    """Return what each model reaches; `costs` are those of the views."""
    rng = np.random.default_rng(settings.seed)
    resamples = rng.integers(0, len(truth), (settings.n_resamples, len(truth)))
    resamples = resamples[np.ptp(truth[resamples], axis=1) > 0]  # others have no R²
    errors = {key: (values - truth) ** 2 for key, (values, _) in predicted.items()}
    r2 = {key: _r2(truth, error, resamples) for key, error in errors.items()}
    best = max(r2, key=lambda key: r2[key][0])
    results = []
    for key, (_, took) in predicted.items():
        own, squared = r2[key], errors[key]
        plain = r2[key._replace(has_signature=False)]
        rmse = np.sqrt(np.concatenate([[squared.mean()], squared[resamples].mean(1)]))
        results.append(
            Prediction(
                model=key.model,
                view=key.view,
                has_signature=key.has_signature,
                r2=_figure(own),
                rmse=_figure(rmse),
                gain=_difference(own, plain) if key.has_signature else None,
                to_best=None if key == best else _difference(own, r2[best]),
                cost=Cost.LANGUAGE_MODEL if key.has_signature else costs[key.view],
                fit_s=took,
            )
        )
    return sorted(results, key=lambda result: -result.r2.value)


def _r2(truth: Float64Array, errors: Float64Array, resamples: IntArray) -> Float64Array:
    """Return R² of all rows, then of each resample."""
    whole = 1 - errors.mean() / truth.var()
    return np.concatenate([[whole], 1 - errors[resamples].mean(1) / truth[resamples].var(1)])


def _figure(values: Float64Array) -> Figure:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Figure(float(values[0]), float(low), float(high))


def _difference(own: Float64Array, other: Float64Array) -> Difference:
    figure = _figure(own - other)
    return Difference(figure.value, figure.low, figure.high)
