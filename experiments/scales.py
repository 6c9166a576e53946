"""Near or far: at which of the two scales new topics are seen, and whether the normal texts tell.

AUROC of similarity and of the novelty of the encoder's last tokens at both scales, nothing
trained: of the test rows, and of held-out clusters against normal texts, which is what the default
detector chooses by. From the tables that `benchmark.py` keeps, where it has run.

Reads: sources of the tasks. Takes: not noted.
"""

import argparse
from pathlib import Path

import bench_tasks
import common
import numpy as np
from benchmark import CACHE, Bench
from fit_tables import Signatures

from polar_detect.features.table import Feature, FeatureTable
from polar_detect.metrics import auroc

_SIMILARITY = ("neighbours/similarity_mean", "neighbours/similarity_far")


def main() -> None:
    options = _options()
    bench = Bench(options.data, options.cache)
    rows, gains = [], []
    for task in options.tasks:
        own = [_figures(bench, task, seed, options) for seed in range(options.seeds)]
        figures = np.mean(own, axis=0)
        gains.append([figures[1] - figures[0], figures[3] - figures[2]])
        rows.append([task, *(f"{value:.3f}" for value in figures)])
        common.say(task)
    print(f"{common.machine()}; mean of {options.seeds} seeds\n")
    kinds = ("texts, test", "texts, held-out clusters", "tokens, test")
    header = ["task", *(f"{kind}: {scale}" for kind in kinds for scale in ("near", "far"))]
    print(common.markdown_table(header, rows))
    on_test, on_clusters = np.asarray(gains).T
    differ = on_test != 0  # where there are few texts, both scales are the same
    agree = differ & ((on_test > 0) == (on_clusters > 0))
    print(
        f"\nheld-out clusters name the better scale of texts on {agree.sum()} of the "
        f"{differ.sum()} tasks where the two differ"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    plain = [name for name in bench_tasks.names() if not name.endswith(bench_tasks.MATCHED)]
    bench_tasks.add_split_options(parser, tasks=plain, n_train=600, n_test=300)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    return parser.parse_args()


def _figures(bench: Bench, task: str, seed: int, options: argparse.Namespace) -> list[float]:
    """Return the AUROC of both scales: texts on the test and on clusters, tokens on the test."""
    sample = bench.sample(task, seed, n_train=options.n_train, n_test=options.n_test)
    own, labels = bench.signatures(sample), sample.split.is_anomalous
    texts = [auroc(labels, -_column(own.test, name)) for name in _SIMILARITY]
    clusters = [_of_clusters(own, name) for name in _SIMILARITY]
    tokens = [auroc(labels, _column(own.test, name)) for name in _last_tokens(own.test)]
    return [*texts, *clusters, *tokens]


def _of_clusters(own: Signatures, name: str) -> float:
    scores = [-_column(table, name) for table in (own.normal, own.strangers)]
    return auroc(np.repeat([False, True], [len(part) for part in scores]), np.concatenate(scores))


def _last_tokens(table: FeatureTable) -> tuple[str, str]:
    (far,) = (f for f in table.features if f.is_of_encoder("far_novelty"))
    assert far.number is not None
    return Feature.of_encoder("novelty", far.number).name, far.name


def _column(table: FeatureTable, name: str) -> np.ndarray:
    return table.values[:, table.names.index(name)]


if __name__ == "__main__":
    main()
