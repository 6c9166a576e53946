"""How many labelled anomalies a classifier needs until it beats a detector that needs none.

Half of the anomalous test rows of each task teach: 0, 5, 10, … of them are labelled. The other
half is what is tested, with the normal test rows. LightGBM on signatures is held against
LightGBM and a random forest on TF-IDF and on MiniLM's embeddings, which see the same rows.

Prints mean AUROC by method and number of labels. Reads: sources of the tasks. Takes: not noted.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import bench_tasks
import common
import lightgbm
import numpy as np
from bench_baselines import Sample, Scores
from benchmark import CACHE, Bench
from fit_tables import Signatures
from numpy.typing import NDArray
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer

from polar_detect.detectors import AutoHead, LightGBMHead
from polar_detect.features import FeatureTable
from polar_detect.metrics import auroc

Rows = NDArray[np.intp]
Matrix: TypeAlias = Any  # an array, or a sparse matrix

N_LABELS = (5, 10, 20, 50)
UNLABELLED = "auto, no labels"


def main() -> None:
    options = _options()
    bench = Bench(options.data, options.cache)
    found: dict[str, dict[int, list[float]]] = {}
    for seed in range(options.seeds):
        for name in options.tasks:
            sample = bench.sample(name, seed, n_train=options.n_train, n_test=options.n_test)
            for method, by_count in _figures(sample, bench).items():
                for count, value in by_count.items():
                    found.setdefault(method, {}).setdefault(count, []).append(value)
            common.say(f"{name} seed {seed}: done")
    title = f"AUROC, mean over {len(options.tasks)} tasks and {options.seeds} seeds"
    print(f"{common.machine()}; {title}\n")
    print(_table(found))
    if options.out:
        common.write_json(options.out, found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    tasks = [name for name in bench_tasks.QUICK if not name.startswith("xsum")]  # too few rows
    bench_tasks.add_split_options(parser, tasks=tasks, n_train=600, n_test=300)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    parser.add_argument("--out", type=Path, help="JSON file for every figure")
    return parser.parse_args()


def _figures(sample: Sample, bench: Bench) -> dict[str, dict[int, float]]:
    """Return the AUROC of each method with each number of labels."""
    is_anomalous, seed = sample.split.is_anomalous, sample.seed
    anomalous = np.random.default_rng(seed).permutation(np.flatnonzero(is_anomalous))
    teaching, tested = np.array_split(anomalous, 2)
    test = np.concatenate([np.flatnonzero(~is_anomalous), tested])
    own = bench.signatures(sample)
    figures = {UNLABELLED: {0: _auroc(own.scores(AutoHead(), seed=seed), is_anomalous, test)}}
    views = {"TF-IDF": _words(sample), "embeddings": _embeddings(sample, bench)}
    for count in (n for n in N_LABELS if n <= len(teaching)):
        labelled = teaching[:count]
        scores = {
            "auto": _taught(own, own.test.rows(labelled), seed),
            "LightGBM on signatures": _on_signatures(own, labelled, seed),
        }
        for view, (train, rows) in views.items():
            for kind, model in _models(seed).items():
                scores[f"{kind} on {view}"] = _classified(model, train, rows, labelled)
        for method, values in scores.items():
            figures.setdefault(method, {})[count] = _auroc(values, is_anomalous, test)
    return figures


def _auroc(scores: Scores, is_anomalous: NDArray[np.bool_], rows: Rows) -> float:
    return auroc(is_anomalous[rows], scores[rows])


def _taught(own: Signatures, labelled: FeatureTable, seed: int) -> Scores:
    """Score with the default detector, whose strangers are held-out clusters and labels."""
    strangers = FeatureTable.below([own.strangers, labelled])
    return Signatures(own.normal, strangers, own.test).scores(AutoHead(), seed=seed)


def _on_signatures(own: Signatures, labelled: Rows, seed: int) -> Scores:
    taught = Signatures(own.normal, own.test.rows(labelled), own.test)
    return taught.scores(LightGBMHead(), seed=seed)


def _words(sample: Sample) -> tuple[Matrix, Matrix]:
    vectors = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    train = vectors.fit_transform(sample.split.train)
    return train, vectors.transform(sample.split.test)


def _embeddings(sample: Sample, bench: Bench) -> tuple[Matrix, Matrix]:
    return bench.embed(sample.split.train), bench.embed(sample.split.test)


def _models(seed: int) -> dict[str, Callable[[Matrix, NDArray[np.int64], Matrix], Scores]]:
    classifiers = {
        "LightGBM": lightgbm.LGBMClassifier(
            class_weight="balanced", random_state=seed, min_child_samples=5, verbose=-1
        ),
        "random forest": RandomForestClassifier(
            n_estimators=200, class_weight="balanced", random_state=seed
        ),
    }

    def use(name: str) -> Callable[[Matrix, NDArray[np.int64], Matrix], Scores]:
        return lambda x, y, rows: classifiers[name].fit(x, y).predict_proba(rows)[:, 1]

    return {name: use(name) for name in classifiers}


def _classified(
    model: Callable[[Matrix, NDArray[np.int64], Matrix], Scores],
    train: Matrix,
    rows: Matrix,
    labelled: Rows,
) -> Scores:
    stack = sparse.vstack if sparse.issparse(train) else np.vstack
    labels = np.repeat([0, 1], [train.shape[0], len(labelled)])
    return model(stack([train, rows[labelled]]), labels, rows)


def _table(found: dict[str, dict[int, list[float]]]) -> str:
    counts = sorted({count for by_count in found.values() for count in by_count})
    rows = [
        [method, *(f"{np.mean(by_count[n]):.3f}" if n in by_count else "" for n in counts)]
        for method, by_count in found.items()
    ]
    return common.markdown_table(["method, labelled anomalies", *map(str, counts)], rows)


if __name__ == "__main__":
    main()
