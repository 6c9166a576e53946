"""What `screen` finds in a set that holds its anomalies, beside detectors fitted on the same set.

    python experiments/screening.py [--share .05] [--seeds 3] [--only TABLE] [--tasks sms,bgl]

The tables of `columns.py`, with up to 300 normal rows and so many anomalous ones among them that
these are the share; nothing says which. Each method ranks the rows that it is fitted on, as one
does who has a file and no labels: an isolation forest, nearest neighbours (each row without
itself), LOF and ECOD, on standardised numbers. With --tasks texts of the benchmark in place of
tables, which the others see by MiniLM's embeddings.

Prints AUROC by table, and the share of anomalies among as many rows as there are anomalies,
strangest first. Reads: adbench_classical, ai4i2020, concrete. Takes: 10 min (tables), 20 min
(eight tasks of texts).
"""

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import bench_tasks
import common
import numpy as np
import pandas as pd
from bench_tables import Mean
from columns import frame_of, tables
from numpy.typing import NDArray
from pyod.models.ecod import ECOD
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from polar_detect import PolarDetector, screen
from polar_detect.errors import TrainingWarning
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine

Array = NDArray[np.float64]

OWN = "screen"
_N_NORMAL, _MIN_ANOMALOUS = 300, 2
_N_NEIGHBOURS = (5, 20)


@dataclass(frozen=True)
class Mixed:
    """A set with its anomalies in it.

    Parameters
    ----------
    name : str
    rows : pandas.DataFrame or list of str
        n of them.
    points : (n, n_columns) float64
        The same for other methods.
    is_anomalous : (n,) bool
    """

    name: str
    rows: pd.DataFrame | list[str]
    points: Array
    is_anomalous: NDArray[np.bool_]


def mixed_tables(options: argparse.Namespace, seed: int) -> Iterator[Mixed]:
    """Yield every table with anomalies among its rows."""
    for table in tables(options.data):
        if not table.name.startswith(options.only):
            continue
        rng = np.random.default_rng(seed)
        normal = rng.permutation(table.normal)[:_N_NORMAL]
        strange = rng.permutation(table.anomalous)[: n_anomalous(len(normal), options.share)]
        order = rng.permutation(len(normal) + len(strange))
        rows = np.concatenate([normal, strange])[order]
        frame = frame_of(rows)
        points = StandardScaler().fit_transform(rows)
        yield Mixed(table.name, frame, points, order >= len(normal))


def mixed_texts(options: argparse.Namespace, seed: int) -> Iterator[Mixed]:
    """Yield tasks of texts likewise."""
    encoder = Engine.load(PolarDetector().model).extractor.encoder
    for name in options.tasks:
        split = bench_tasks.split(name, options.data, seed=seed, n_train=_N_NORMAL)
        is_strange = zip(split.test, split.is_anomalous.tolist(), strict=True)
        strange = [text for text, label in is_strange if label]
        strange = strange[: n_anomalous(len(split.train), options.share)]
        order = np.random.default_rng(seed).permutation(len(split.train) + len(strange))
        texts = [[*split.train, *strange][i] for i in order.tolist()]
        points = encoder.read(texts).embeddings.astype(np.float64)
        yield Mixed(name, texts, points, order >= len(split.train))


def n_anomalous(n_normal: int, share: float) -> int:
    """Return how many anomalous rows are that share of all."""
    return max(_MIN_ANOMALOUS, round(share * n_normal / (1 - share)))


def scores(mixed: Mixed, seed: int, options: argparse.Namespace) -> dict[str, Array]:
    """Return each method's scores of a set of which it knows nothing but the share of anomalies."""
    found: dict[str, Array] = {}
    for name, contamination in ((OWN, options.share), (f"{OWN}, passing over none", 0.0)):
        detector = PolarDetector(contamination=contamination, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)  # columns may be counts or grades
            found[name] = screen(mixed.rows, detector).scores
    points = mixed.points
    found["isolation forest"] = (
        -IsolationForest(random_state=seed).fit(points).score_samples(points)
    )
    for n in _N_NEIGHBOURS:
        distances, _ = NearestNeighbors(n_neighbors=n).fit(points).kneighbors()  # without itself
        found[f"{n} nearest"] = distances.mean(1)
    found["LOF"] = -LocalOutlierFactor().fit(points).negative_outlier_factor_
    found["ECOD"] = np.asarray(ECOD().fit(points).decision_scores_)
    return found


def measured(mixed: Mixed, seed: int, options: argparse.Namespace) -> pd.DataFrame:
    """Return AUROC and the share of anomalies among the strangest rows, a column a method."""
    labels, found = mixed.is_anomalous, {}
    for method, own in scores(mixed, seed, options).items():
        strangest = np.argsort(-own, kind="stable")[: labels.sum()]
        found[method] = {"AUROC": auroc(labels, own), "found": float(labels[strangest].mean())}
    return pd.DataFrame(found)


def options_of(doc: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--share", type=float, default=0.05, help="of anomalies among all rows")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="tables whose name begins so")
    known = common.some_of([*bench_tasks.names(), *bench_tasks.fresh()])
    parser.add_argument("--tasks", type=known, default=(), help="texts in place of tables: a,b,…")
    return parser.parse_args()


def print_tables(runs: dict[str, list[pd.DataFrame]], what: str) -> None:
    """Print the figures of each set, their means, and how far `screen` is ahead."""
    print(f"{common.machine()}; {what}\n")
    means = {name: sum(own[1:], own[0]) / len(own) for name, own in runs.items()}
    for figure in ("AUROC", "found"):
        frame = pd.DataFrame({name: own.loc[figure] for name, own in means.items()}).T
        rows = [[str(name), *(f"{value:.3f}" for value in row)] for name, row in frame.iterrows()]
        rows.append(["mean", *(f"{value:.3f}" for value in frame.mean())])
        first, *others = frame.columns
        gaps = [Mean.of((frame[first] - frame[other]).tolist()) for other in others]
        rows.append([f"{first} minus this", "", *map(str, gaps)])
        print(common.markdown_table([figure, *map(str, frame.columns)], rows) + "\n")


def main() -> None:
    options = options_of(__doc__)
    runs: dict[str, list[pd.DataFrame]] = {}
    draw = mixed_texts if options.tasks else mixed_tables
    for seed in range(options.seeds):
        for mixed in draw(options, seed):
            found = measured(mixed, seed, options)
            runs.setdefault(mixed.name, []).append(found)
            common.say(f"{mixed.name}, seed {seed}: {found.loc['AUROC'].iloc[0]:.3f}")
    print_tables(runs, f"{options.share:.0%} of the rows anomalous; {options.seeds} seeds")


if __name__ == "__main__":
    main()
