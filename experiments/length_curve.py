"""Does a text's loss-against-length curve tell more than its loss? One table for three tasks.

Curves come from the programs of a menu (which `score` measures anyhow) and with `--sweeps` from
one sweep over the layers. They are judged alone and beside the loss, by the Mahalanobis
distance to normal training texts; by a logistic regression that is given the labels (five
folds of the test rows), which says what there is to be learned whichever way it points; and
as features of detectors that ask for programs, fitted with and without them.

Reads: sources of the tasks. Takes: not noted.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import bench_tasks
import common
import fit_tables
import numpy as np
from common import Split
from fit_tables import Notes
from kept import Figures, Kept, by_task
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from polar_detect import models
from polar_detect.detectors import HEADS, Head, TrainingSignatures
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.pipeline.engine import Engine
from polar_detect.pipeline.fitting import Parted
from polar_detect.programs.minimal import search_batch
from polar_detect.search import Candidate, Refinement, dynamic
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.program_features import GROUP, length_curve_features

Values = NDArray[np.float64]


class CurveNotes(Notes):
    """Notes on what programs and contexts say, as the heads that are compared ask for them."""

    needs_programs = needs_context = needs_distances = True

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self.needs_corruptions = any(head.needs_corruptions for head in heads)


def main() -> None:
    options = _options()
    engine = Engine.load(models.DEFAULT_MODEL)
    sizes = {"n_train": options.n_train, "n_test": options.n_test}

    def measure(name: str, seed: int) -> Figures:
        start_s = time.perf_counter()
        split = bench_tasks.split(name, options.data, seed=seed, **sizes)
        found = _aurocs(engine, split, seed, options)
        common.say(f"{name}, seed {seed}: {time.perf_counter() - start_s:.0f} s")
        return found

    own = {"heads": options.heads, "sweeps": options.sweeps}
    kept = Kept.of(options.out, data=options.data.resolve(), **sizes, **own)
    units = [(name, seed) for name in options.tasks for seed in range(options.seeds)]
    results = by_task(kept, units, measure)
    print(
        f"{common.machine()}; {models.DEFAULT_MODEL}, {options.n_train} normal texts to fit, up to "
        f"{options.n_test} + {options.n_test} to score, mean AUROC of {options.seeds} seeds\n"
    )
    print(_table(results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    tasks = ("sms", "bgl", "clinc")
    bench_tasks.add_split_options(parser, tasks=tasks, n_train=300, n_test=150)
    parser.add_argument(
        "--heads", type=common.some_of(HEADS), default=("isolation-forest", "lightgbm")
    )
    parser.add_argument("--sweeps", action="store_true", help="also curves of one sweep a text")
    parser.add_argument("--out", type=Path, help="JSON file for every figure; is gone on with")
    return parser.parse_args()


def _aurocs(engine: Engine, split: Split, seed: int, options: argparse.Namespace) -> Figures:
    heads = [HEADS[name]() for name in options.heads]
    own = fit_tables.signatures(split, engine, seed=seed, notes=CurveNotes(heads))
    tables = own.normal, own.test
    losses = [table.where(lambda f: f.name == "loss/mean").values for table in tables]
    curves = {"the menu": [table.where(lambda f: f.group == GROUP).values for table in tables]}
    if options.sweeps:
        parts = (Parted.at_random(split.train, seed=seed).train, split.test)
        curves["a sweep"] = [_swept(engine.extractor, texts) for texts in parts]
    high = losses[1][:, 0].astype(np.float64)
    scores = {"loss, high": high, "loss, low": -high, "loss, both tails": _mahalanobis(losses)}
    scores["loss, given labels"] = _learned(losses[1], split.is_anomalous, seed)
    for name, curve in curves.items():
        both = _beside(losses, curve)
        scores[f"curve of {name}"] = _mahalanobis(curve)
        scores[f"loss and curve of {name}"] = _mahalanobis(both)
        scores[f"curve of {name}, given labels"] = _learned(curve[1], split.is_anomalous, seed)
        learned = _learned(both[1], split.is_anomalous, seed)
        scores[f"loss and curve of {name}, given labels"] = learned
    for head in heads:
        for said, change in (("without", _without_curves), ("with", _as_programs)):
            own_head = copy.deepcopy(head)
            shown = TrainingSignatures(change(own.normal), change(own.strangers))
            own_head.fit(shown, seed=seed)
            scores[f"{head.name} {said} curve"] = own_head.scores(change(tables[1]))
    return {name: float(roc_auc_score(split.is_anomalous, own)) for name, own in scores.items()}


def swept_curves(executor: Executor, rows: Sequence[Sequence[int]]) -> list[tuple[Candidate, ...]]:
    """Return the best program of every length that one sweep over the layers finds.

    A text without tokens has an empty curve.
    """
    curves: list[tuple[Candidate, ...]] = [()] * len(rows)
    once = partial(dynamic, tolerance=0.0, refinement=Refinement(n_rounds=0))
    for batch in batches(rows, executor.backbone, max_batch_tokens=1024):
        for row, found in search_batch(executor, batch, [once] * len(batch)).items():
            curves[int(batch.index[row])] = found.best
    return curves


def _swept(extractor: Extractor, texts: list[str]) -> NDArray[np.float32]:
    tracer = extractor.tracer
    curves = swept_curves(tracer.executor, tracer.tokenize(texts))
    return length_curve_features(curves, tracer.backbone.n_layers).values


def _mahalanobis(tables: Sequence[NDArray[np.float32]]) -> Values:
    """Fit on the first table, with a shrunk covariance, and return the second's distances."""
    train, test = (table.astype(np.float64) for table in tables)
    centre, spread = train.mean(0), train.std(0) + 1e-9
    fitted = LedoitWolf().fit((train - centre) / spread)
    distances: Values = fitted.mahalanobis((test - centre) / spread)
    return distances


def _learned(values: NDArray[np.float32], is_anomalous: NDArray[np.bool_], seed: int) -> Values:
    """Return log-odds of a logistic regression on the other four of five folds.

    It sees the size of each standardised value too, so that either tail can be anomalous.
    """
    standard = StandardScaler().fit_transform(values.astype(np.float64))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    odds: Values = cross_val_predict(
        LogisticRegression(C=0.1, max_iter=1000),
        np.hstack([standard, np.abs(standard)]),
        is_anomalous,
        cv=folds,
        method="decision_function",
    )
    return odds


def _beside(
    left: Sequence[NDArray[np.float32]], right: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    return [np.hstack(pair) for pair in zip(left, right, strict=True)]


def _without_curves(table: FeatureTable) -> FeatureTable:
    return table.where(lambda feature: feature.group != GROUP)


def _as_programs(table: FeatureTable) -> FeatureTable:
    """Return the table with the curve in a group that every head with programs looks at."""
    named = (
        Feature("program", f"{GROUP}_{f.part}") if f.group == GROUP else f for f in table.features
    )
    return FeatureTable(table.values, tuple(named))


def _table(results: dict[str, list[Figures]]) -> str:
    tasks = list(results)
    lines = []
    for method in results[tasks[0]][0]:
        means = [statistics.mean(run[method] for run in results[task]) for task in tasks]
        lines.append([method, *(f"{m:.3f}" for m in means), f"{statistics.mean(means):.3f}"])
    return common.markdown_table(["score", *tasks, "mean"], lines)


if __name__ == "__main__":
    main()
