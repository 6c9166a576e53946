"""Which parts of a signature detect, and which detector makes most of them.

Every figure is an AUROC on the same test rows, with the same training tables: what the package's
own fit showed a detector that asks for everything. Nothing is chosen by test labels. A group
alone is scored without any training, as the mean of its features' distances from the normal
median in robust standard deviations (`tails`) and as their Mahalanobis distance (`ellipsoid`),
and by a logistic regression of held-out clusters against normal texts (`clusters`); a group left
out is the default detector with its features held constant. `views` puts the surprise of
`ellipsoid` and `clusters` together, as the default detector does with its own views; `beside the
loss` does so with both tails of the full program's loss and a group's `clusters`.

With --retrieval model neighbours and clusters are found by the language model's own states, so
that nothing of the sentence encoder is in curves, programs, context and memory.

The sentence encoder is all-MiniLM-L6-v2 throughout, for Japanese too.

Prints two tables: AUROC of heads and of groups, with differences, and what SHAP names. Reads:
sources of the tasks. Takes: 5 min (three tasks, one seed), 21 min (--retrieval model, six tasks,
one seed), 2 h (31 tasks, one seed).
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import bench_tasks
import common
import fit_tables
import numpy as np
from bench_baselines import Scores
from bench_tables import Mean
from benchmark import CACHE
from fit_tables import EveryNote, Signatures
from kept import Figures
from numpy.typing import NDArray
from scipy import special, stats
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest

from polar_detect import models
from polar_detect.calibration import conformal_p_values
from polar_detect.detectors import AutoHead, IsolationForestHead, LightGBMHead, TrainingSignatures
from polar_detect.detectors.parts import logistic_weights
from polar_detect.detectors.scale import Scale
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.tracer import Tracer

Method = Callable[[Signatures, int], Scores]

_CURVES = {"skip", "loop", "exit"}
_PROGRAM = {"program", "length_curve"}
_WITHOUT_ENCODER = {*_CURVES, *_PROGRAM, "context", "memory"}

GROUPS: dict[str, Callable[[Feature], bool]] = {
    "length of the text": lambda f: f.group == "length",
    "loss": lambda f: f.group == "loss",
    "curves: skip, loop, exit": lambda f: f.group in _CURVES,
    "minimal program": lambda f: f.group in _PROGRAM,
    "curves + program": lambda f: f.group in {*_CURVES, *_PROGRAM},
    "context": lambda f: f.group == "context",
    "curves + program + context": lambda f: f.group in {*_CURVES, *_PROGRAM, "context"},
    "memory": lambda f: f.group == "memory",
    "curves + program + context + memory": lambda f: f.group in _WITHOUT_ENCODER,
    "tokens, SmolLM2": lambda f: f.group == "tokens",
    "distances, SmolLM2": lambda f: f.group == "distance",
    "changes, SmolLM2": lambda f: f.group == "change",
    "tokens, MiniLM": lambda f: f.is_of_encoder("novelty", "far_novelty"),
    "distances, MiniLM": lambda f: f.is_of_encoder("mahalanobis", "knn"),
    "changes, MiniLM": lambda f: f.is_of_encoder("change"),
    "similarity, MiniLM": lambda f: f.group == "neighbours",
}
_LOSS = Feature("loss", "mean")
_DEFAULT, _TAILS = "head: auto", "loss only, both tails"


def main() -> None:
    options = _options()
    engine = Engine.load(models.DEFAULT_MODEL)
    found: dict[str, dict[int, Figures]] = {}
    drivers: dict[str, dict[int, dict[str, float]]] = {}
    for seed in range(options.seeds):
        for name in options.tasks:
            own, labels = _signatures(name, seed, engine, options)
            found.setdefault(name, {})[seed] = {
                method: auroc(labels, score(own, seed)) for method, score in _methods().items()
            }
            drivers.setdefault(name, {})[seed] = _drivers(own, labels, seed)
            common.say(f"{name} seed {seed}: auto {found[name][seed][_DEFAULT]:.3f}")
    print(f"{common.machine()}; AUROC, mean over {options.seeds} seeds\n")
    print(_auroc_table(found), _drivers_table(drivers), sep="\n\n")
    if options.out:
        whole = {"machine": common.machine(), "auroc": found, "drivers": drivers}
        common.write_json(options.out, whole)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    bench_tasks.add_split_options(parser, tasks=bench_tasks.QUICK, n_train=400, n_test=150)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    parser.add_argument(
        "--retrieval",
        choices=("encoder", "model"),
        default="encoder",
        help="what finds neighbours and clusters; default: encoder",
    )
    parser.add_argument("--out", type=Path, help="JSON file for every figure")
    return parser.parse_args()


def _signatures(
    name: str, seed: int, engine: Engine, options: argparse.Namespace
) -> tuple[Signatures, NDArray[np.bool_]]:
    sizes = {"n_train": options.n_train, "n_test": options.n_test}
    split = bench_tasks.split(name, options.data, seed=seed, **sizes)
    if options.retrieval == "model":
        engine = replace(engine, extractor=OwnRetrieval.fit(engine.extractor, split.train))
    folder = options.cache
    own = fit_tables.signatures(split, engine, seed=seed, notes=EveryNote(), folder=folder)
    return own, split.is_anomalous


def _methods() -> dict[str, Method]:
    methods: dict[str, Method] = {
        _DEFAULT: lambda own, seed: own.scores(AutoHead(), seed=seed),
        "head: logistic on everything": clusters,
        "head: LightGBM on held-out clusters": lambda own, seed: own.scores(
            LightGBMHead(), seed=seed
        ),
        "head: LightGBM, texts not stored": _on(
            _needs_no_texts, lambda own, seed: own.scores(LightGBMHead(), seed=seed)
        ),
        "head: isolation forest": lambda own, seed: own.scores(IsolationForestHead(), seed=seed),
        "head: isolation forest, texts not stored": _on(
            _needs_no_texts, lambda own, seed: own.scores(IsolationForestHead(), seed=seed)
        ),
        "head: mean of calibrated p-values per layer": p_values,
        "head: mean of these five": ensemble,
        "head: isolation forest on novelty and similarity": _on(_is_close, forest),
        "loss only, high": _on(_LOSS.__eq__, high),
        _TAILS: _on(_LOSS.__eq__, tails),
    }
    for group, keep in GROUPS.items():
        methods[f"alone, tails: {group}"] = _on(keep, tails)
        methods[f"alone, ellipsoid: {group}"] = _on(keep, ellipsoid)
        methods[f"alone, clusters: {group}"] = _on(keep, clusters)
        methods[f"alone, views: {group}"] = _on(keep, views)
        methods[f"beside the loss: {group}"] = _beside_loss(keep)
        methods[f"auto without: {group}"] = _without(keep)
    return methods


def _on(keep: Callable[[Feature], bool], method: Method) -> Method:
    return lambda own, seed: method(own.where(keep), seed)


def _without(keep: Callable[[Feature], bool]) -> Method:
    """Return the default detector on tables whose features of a group say nothing."""
    return lambda own, seed: own.silenced(keep).scores(AutoHead(), seed=seed)


def _beside_loss(keep: Callable[[Feature], bool]) -> Method:
    """Return the surprise of both tails of the loss beside that of a group's `clusters`."""

    def score(own: Signatures, seed: int) -> Scores:
        loss = _surprises(own.where(_LOSS.__eq__), high, seed)
        ease = _surprises(own.where(_LOSS.__eq__), low, seed)
        group = _surprises(own.where(keep), clusters, seed)
        total: Scores = (loss**2 + ease**2) / 2 + group**2
        return total

    return score


def forest(own: Signatures, seed: int) -> Scores:
    """Score by an isolation forest of the normal texts."""
    model = IsolationForest(n_estimators=200, random_state=seed).fit(own.normal.values)
    scores: Scores = -model.score_samples(own.test.values)
    return scores


def _is_close(feature: Feature) -> bool:
    is_encoder = feature.group == "encoder" and feature.kind != "knn"
    return is_encoder or feature.group in {"tokens", "memory", "neighbours"}


def _needs_no_texts(feature: Feature) -> bool:
    return feature.group != "context"


class OwnRetrieval(Extractor):
    """Finds neighbours by the language model's own states, half-way through its layers.

    Parameters
    ----------
    tracer, encoder, wants_context
        See `Extractor`.
    mean, spread : (hidden,) float32
        Of these states on training texts: a few coordinates are so large that they alone would
        decide.
    """

    def __init__(
        self,
        tracer: Tracer,
        encoder: Encoder,
        mean: NDArray[np.float32],
        spread: NDArray[np.float32],
        *,
        wants_context: bool = True,
    ) -> None:
        super().__init__(tracer, encoder, wants_context=wants_context)
        self._mean, self._spread = mean, spread

    @classmethod
    def fit(cls, extractor: Extractor, texts: Sequence[str]) -> "OwnRetrieval":
        """Fit mean and spread on training texts."""
        states = _half_way(extractor.read(texts))
        return cls(extractor.tracer, extractor.encoder, states.mean(0), states.std(0) + 1e-6)

    def configured(
        self, tracer: Tracer, encoder: Encoder, *, wants_context: bool
    ) -> "OwnRetrieval":
        """Return the same retrieval with another tracer and encoder."""
        own = (encoder, self._mean, self._spread)
        return OwnRetrieval(tracer, *own, wants_context=wants_context)

    def read(self, texts: Sequence[str]) -> Readings:
        """Return readings whose embeddings are the language model's."""
        readings = super().read(texts)
        states = (_half_way(readings) - self._mean) / self._spread
        unit = states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-6)
        return replace(readings, encoding=replace(readings.encoding, embeddings=unit))


def _half_way(readings: Readings) -> NDArray[np.float32]:
    trajectory = readings.traces.trajectory
    return trajectory[:, trajectory.shape[1] // 2]


def high(own: Signatures, _: int) -> Scores:
    """Score the only feature."""
    return own.test.values[:, 0].astype(np.float64)


def low(own: Signatures, seed: int) -> Scores:
    """Score the only feature, low values as strange."""
    return -high(own, seed)


def tails(own: Signatures, _: int) -> Scores:
    """Score the mean distance of the features from their normal medians."""
    scores: Scores = _distances(own, own.test).mean(1)
    return scores


def ellipsoid(own: Signatures, _: int) -> Scores:
    """Score the Mahalanobis distance from the normal texts, with a Ledoit-Wolf covariance."""
    scale = Scale.fit(own.normal.values)
    n = len(own.normal.features)
    normal, test = (scale.apply(table.values)[:, :n] for table in (own.normal, own.test))
    distances: Scores = LedoitWolf().fit(normal).mahalanobis(test)
    return distances


def clusters(own: Signatures, _: int) -> Scores:
    """Score by a logistic regression of held-out clusters against normal texts."""
    scale = Scale.fit(own.normal.values)
    parts = (own.normal, own.strangers, own.test)
    normal, strangers, test = (scale.apply(table.values) for table in parts)
    every = np.arange(len(own.test.features))
    scores: Scores = test @ logistic_weights(normal, strangers, every)
    return scores


def views(own: Signatures, seed: int) -> Scores:
    """Score by how surprising the ellipsoid's and the clusters' scores are, mean square."""
    total: Scores = _surprises(own, ellipsoid, seed) ** 2 + _surprises(own, clusters, seed) ** 2
    return total


def _surprises(own: Signatures, method: Method, seed: int) -> Scores:
    """Return by how much a method's scores surprise, were those of normal texts Gaussian."""
    both = replace(own, test=FeatureTable.below([own.normal, own.test]))
    normal, test = np.split(method(both, seed), [len(own.normal.values)])
    surprise: Scores = -special.log_ndtr((normal.mean() - test) / max(normal.std(), 1e-9))
    return surprise


def p_values(own: Signatures, _: int) -> Scores:
    """Score the mean of log p-values of both tails over the features of layers."""
    layered = own.where(lambda f: f.layer is not None)
    normal, test = (_distances(layered, table) for table in (layered.normal, layered.test))
    pairs = zip(normal.T, test.T, strict=True)
    scores: Scores = -np.mean([np.log(conformal_p_values(n, t)) for n, t in pairs], axis=0)
    return scores


def ensemble(own: Signatures, seed: int) -> Scores:
    """Score the mean rank among the five detectors before."""
    heads = (AutoHead(), LightGBMHead(), IsolationForestHead())
    scores = [own.scores(head, seed=seed) for head in heads]
    scores += [clusters(own, seed), p_values(own, seed)]
    ranks: Scores = np.mean([stats.rankdata(own) for own in scores], axis=0)
    return ranks


def _distances(own: Signatures, table: FeatureTable) -> NDArray[np.float64]:
    """Return how far each feature is from its normal median, in robust standard deviations."""
    return Scale.fit(own.normal.values).apply(table.values)[:, len(table.features) :]


def _drivers(own: Signatures, labels: NDArray[np.bool_], seed: int) -> dict[str, float]:
    """Return how much more each feature adds to anomalous than to normal test texts, mean."""
    head = AutoHead().fit(TrainingSignatures(own.normal, own.strangers), seed=seed)
    values = head.explain(own.test).values
    gap = values[labels].mean(0) - values[~labels].mean(0)
    return dict(zip(own.test.names, gap.tolist(), strict=True))


def _auroc_table(found: dict[str, dict[int, Figures]]) -> str:
    every = {
        method: np.asarray(
            [np.mean([own[method] for own in runs.values()]) for runs in found.values()]
        )
        for method in _methods()
    }
    rows = []
    for method, means in every.items():
        differences = (Mean.of(means - every[_TAILS]), Mean.of(every[_DEFAULT] - means))
        cells = (f"{value:.3f}" for value in means)
        rows.append([method, *cells, str(Mean.of(means)), *map(str, differences)])
    header = ["mean (95 % over tasks)", f"it − {_TAILS}", f"{_DEFAULT} − it"]
    return common.markdown_table(["method", *found, *header], rows)


def _drivers_table(drivers: dict[str, dict[int, dict[str, float]]]) -> str:
    rows = []
    for name, by_seed in drivers.items():
        gaps = np.asarray([list(own.values()) for own in by_seed.values()])
        features, mean = list(next(iter(by_seed.values()))), gaps.mean(0)
        first = np.argsort(-mean)[:4]
        rows.append([name, ", ".join(features[i] for i in first), _stability(gaps)])
    header = ["task", "what raises anomalous texts most", "rank correlation between seeds"]
    return common.markdown_table(header, rows)


def _stability(gaps: NDArray[np.float64]) -> str:
    """Return the mean rank correlation of the features that play a part, over pairs of seeds."""
    used = gaps[:, np.abs(gaps).max(0) > 0]
    pairs: Sequence[tuple[int, int]] = [(i, j) for i in range(len(used)) for j in range(i)]
    if not pairs:
        return ""
    return f"{np.mean([stats.spearmanr(used[i], used[j]).statistic for i, j in pairs]):.2f}"


if __name__ == "__main__":
    main()
