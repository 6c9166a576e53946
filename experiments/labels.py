"""How much labelled anomalies bring, to the detector and to classifiers that live by them.

Half of the anomalous test rows of each task teach: 0, 3, 5, … of them are labelled. The other
half is what is tested, with the normal test rows. Detectors get them as `fit` does, and are held
against LightGBM, a random forest and a logistic regression on TF-IDF and on MiniLM's embeddings,
which see the same rows. With --another-kind the anomalous rows are halved by their embeddings
instead (two k-means clusters, of which the smaller teaches): what is tested is unlike what is
labelled.

Prints mean AUROC by method and number of labels, then by task. Reads: sources of the tasks.
Takes: 15 min (one seed, AMD EPYC).
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import bench_tasks
import common
import lightgbm
import numpy as np
from bench_baselines import Sample, Scores
from benchmark import CACHE, Bench
from numpy.typing import NDArray
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from polar_detect.detectors import AutoHead, ClassifierHead, Head, LightGBMHead
from polar_detect.features.named import MIN_TEACHING_TEXTS
from polar_detect.metrics import auroc

Rows = NDArray[np.intp]
Matrix: TypeAlias = Any  # an array, or a sparse matrix
Figures: TypeAlias = dict[str, dict[int, float]]  # AUROC by method and number of labels

N_LABELS = (3, 5, 10, 20, 50)
UNLABELLED = "auto, no labels"
_SHOWN = 10  # labels, in the table by task


@dataclass(frozen=True)
class Table:
    """What a classifier sees of training and of test texts."""

    train: Matrix
    test: Matrix


def main() -> None:
    options = _options()
    bench = Bench(options.data, options.cache)
    found: dict[str, list[Figures]] = {}
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in options.tasks:
            sample = bench.sample(name, seed, n_train=options.n_train, n_test=options.n_test)
            own = _figures(sample, bench, another_kind=options.another_kind)
            found.setdefault(name, []).append(own)
            common.say(f"{name} seed {seed}: done")
    seeds = f"{options.seeds} seeds from {options.first_seed}"
    title = f"AUROC, mean over {len(options.tasks)} tasks, {seeds}"
    print(f"{common.machine()}; {title}\n\n{_table(found)}\n\n{_by_task(found)}")
    if options.out:
        common.write_json(options.out, found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    tasks = [name for name in bench_tasks.QUICK if not name.startswith("xsum")]  # too few rows
    bench_tasks.add_split_options(parser, tasks=tasks, n_train=600, n_test=300)
    parser.add_argument("--first-seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--another-kind", action="store_true", help="test what is unlike the labels"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    parser.add_argument("--out", type=Path, help="JSON file for every figure")
    return parser.parse_args()


def _figures(sample: Sample, bench: Bench, *, another_kind: bool) -> Figures:
    """Return the AUROC of each method with each number of labels."""
    is_anomalous, seed = sample.split.is_anomalous, sample.seed
    embeddings = Table(*map(bench.embed, (sample.split.train, sample.split.test)))
    order = np.random.default_rng(seed).permutation(np.flatnonzero(is_anomalous))
    teaching, tested = np.array_split(order, 2)
    if another_kind:
        teaching, tested = _kinds(order, embeddings.test, seed)
    test = np.concatenate([np.flatnonzero(~is_anomalous), tested])
    own = bench.signatures(sample)
    figures: Figures = {UNLABELLED: {0: _auroc(own.scores(AutoHead(), seed=seed), sample, test)}}
    for count in (n for n in N_LABELS if n <= len(teaching)):
        labelled = teaching[:count]
        texts = [sample.split.test[i] for i in labelled]
        shown = bench.signatures(sample, texts)
        scores = {name: shown.scores(head, seed=seed) for name, head in _heads(texts).items()}
        for view, table in {"TF-IDF": _words(sample, labelled), "embeddings": embeddings}.items():
            for kind, model in _models(seed).items():
                scores[f"{kind} on {view}"] = _classified(model, table, labelled)
        for method, values in scores.items():
            figures.setdefault(method, {})[count] = _auroc(values, sample, test)
    return figures


def _heads(labelled: Sequence[str]) -> dict[str, Head]:
    """Return the detectors; the classifier, which needs three, where as many texts differ."""
    heads = {"auto": AutoHead(), "classifier": ClassifierHead()}
    if len(set(labelled)) < MIN_TEACHING_TEXTS:
        del heads["classifier"]
    return {**heads, "LightGBM on signatures": LightGBMHead()}


def _auroc(scores: Scores, sample: Sample, rows: Rows) -> float:
    return auroc(sample.split.is_anomalous[rows], scores[rows])


def _kinds(rows: Rows, embeddings: Matrix, seed: int) -> tuple[Rows, Rows]:
    """Return the rows of the smaller of two clusters, and those of the larger."""
    is_second = KMeans(2, n_init=5, random_state=seed).fit_predict(embeddings[rows]).astype(bool)
    smaller, larger = sorted((rows[is_second], rows[~is_second]), key=len)
    return smaller, larger


def _words(sample: Sample, labelled: Rows) -> Table:
    """Return TF-IDF by the words of all texts that teach."""
    vectors = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
    train, test = sample.split.train, sample.split.test
    vectors.fit([*train, *(test[i] for i in labelled)])
    return Table(vectors.transform(train), vectors.transform(test))


def _models(seed: int) -> dict[str, Callable[[Matrix, NDArray[np.int64], Matrix], Scores]]:
    classifiers = {
        "LightGBM": lightgbm.LGBMClassifier(
            class_weight="balanced", random_state=seed, min_child_samples=5, verbose=-1
        ),
        "random forest": RandomForestClassifier(
            n_estimators=200, class_weight="balanced", random_state=seed
        ),
        "logistic regression": LogisticRegression(class_weight="balanced", max_iter=1000),
    }

    def use(name: str) -> Callable[[Matrix, NDArray[np.int64], Matrix], Scores]:
        return lambda x, y, rows: classifiers[name].fit(x, y).predict_proba(rows)[:, 1]

    return {name: use(name) for name in classifiers}


def _classified(
    model: Callable[[Matrix, NDArray[np.int64], Matrix], Scores], table: Table, labelled: Rows
) -> Scores:
    stack = sparse.vstack if sparse.issparse(table.train) else np.vstack
    labels = np.repeat([0, 1], [table.train.shape[0], len(labelled)])
    return model(stack([table.train, table.test[labelled]]), labels, table.test)


def _table(found: dict[str, list[Figures]]) -> str:
    """Return the mean of each method, where every task has so many anomalies to label."""
    every = [figures for by_seed in found.values() for figures in by_seed]
    counts = (0, *N_LABELS)
    rows = []
    for method in every[0]:
        known = {n: [own[method][n] for own in every if n in own[method]] for n in counts}
        means = {n: f"{np.mean(known[n]):.3f}" for n in counts if len(known[n]) == len(every)}
        rows.append([method, *(means.get(n, "") for n in counts)])
    return common.markdown_table(["method, labelled anomalies", *map(str, counts)], rows)


def _by_task(found: dict[str, list[Figures]]) -> str:
    methods = [UNLABELLED, *(m for m in next(iter(found.values()))[0] if m != UNLABELLED)]
    rows = []
    for task, by_seed in found.items():
        shown = [[own[m].get(0 if m == UNLABELLED else _SHOWN) for own in by_seed] for m in methods]
        cells = [[value for value in values if value is not None] for values in shown]
        rows.append([task, *(f"{np.mean(values):.3f}" if values else "" for values in cells)])
    return common.markdown_table([f"task, {_SHOWN} labels", *methods], rows)


if __name__ == "__main__":
    main()
