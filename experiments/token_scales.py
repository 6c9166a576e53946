"""Novelty of a text's tokens, by how many of the normal texts each token passes over.

The nearest normal token of all says whether a word occurs anywhere; the nearest one beyond a
twentieth of the texts says whether it is common. Which of the two tells strangers depends on the
task: its normal texts may have many small topics or few large ones. AUROC of the mean over a
text's tokens, nothing trained.

Reads: sources of the tasks. Takes: not noted.
"""

import argparse
from pathlib import Path

import bench_tasks
import common
import numpy as np
from benchmark import CACHE, Bench

from polar_detect.metrics import auroc
from polar_detect.pipeline.fitting import Parted
from polar_detect.signature.normal.token_index import TokenIndex
from polar_detect.signature.reading.token_states import TokenStates

SHARES = (0.0, 0.01, 0.03, 0.05, 0.1)


def main() -> None:
    options = _options()
    bench = Bench(options.data, options.cache)
    rows = []
    for task in options.tasks:
        figures = [
            _figures(bench, task, seed, n_train=options.n_train, n_test=options.n_test)
            for seed in range(options.seeds)
        ]
        for part, values in figures[0].items():
            mean = np.mean([values, *(other[part] for other in figures[1:])], axis=0)
            rows.append([task, part, *(f"{value:.3f}" for value in mean)])
        common.say(task)
    print(f"{common.machine()}; {options.seeds} seeds\n")
    header = ["task", "tokens", *(f"{share:.0%} of the texts passed over" for share in SHARES)]
    print(common.markdown_table(header, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    bench_tasks.add_split_options(parser, tasks=bench_tasks.QUICK, n_train=600, n_test=300)
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    return parser.parse_args()


def _figures(
    bench: Bench, task: str, seed: int, *, n_train: int, n_test: int
) -> dict[str, list[float]]:
    """Return the AUROC by share passed over, of each model's tokens."""
    split = bench.sample(task, seed, n_train=n_train, n_test=n_test).split
    train = Parted.at_random(split.train, seed=seed).train
    normal, test = bench.read(train), bench.read(split.test)
    labels = split.is_anomalous
    encoder = _novelty(normal.encoding.tokens, test.encoding.tokens)
    decoder = _novelty(normal.traces.tokens, test.traces.tokens)
    return {
        "encoder, words": [auroc(labels, own[:, encoder.shape[2] // 3]) for own in encoder],
        "encoder, last layer": [auroc(labels, own[:, -1]) for own in encoder],
        "language model, mean": [auroc(labels, own.mean(1)) for own in decoder],
    }


def _novelty(normal: TokenStates, test: TokenStates) -> np.ndarray:
    """Return distances, (n_shares, n_texts, n_depths)."""
    index = TokenIndex.fit(normal)
    return np.stack([index.novelty(test, skipped=share).distances for share in SHARES])


if __name__ == "__main__":
    main()
