"""What normal neighbours in front of a text do to its loss, beside the loss itself.

Context gain needs nothing of a text but what the language model predicts of it: no hidden states,
no embedding; the encoder only says which training texts to put in front. A text of which
neighbours explain little is strange, by the mean of the gain and of the share of the loss that
stays, and so is one whose own loss is unusually low or high. The loss counts for .2, and for up to
.84 as far as it tells by itself how a text is written, by the spread of the normal texts' losses,
as in the default detector. Nothing is trained, and nothing is chosen by test labels.

Prints one table. Reads: sources of the tasks. Takes: not noted.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import bench_tasks
import common
import numpy as np
from bench_baselines import Scores
from bench_tables import Mean
from common import Split
from kept import Figures, Kept, by_task
from numpy.typing import NDArray
from scipy.special import log_ndtr
from sklearn.linear_model import LinearRegression

from polar_detect import models
from polar_detect.detectors.evidence import trust_in_loss
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine
from polar_detect.signature.normal.neighbours import contexts, nearest
from polar_detect.signature.reading.tracer import Tracer

_N_CONTEXT, _CONTEXT_TOKENS = 2, 32  # as in `polar_detect.signature.extraction`
_LOSS_SHARES = (0.2, 0.84)
_LEAST_LOSS = 1e-3


@dataclass(frozen=True, eq=False)
class Losses:
    """Of some texts, nats per token.

    Parameters
    ----------
    alone, within : (n_texts,)
        Without, and with normal neighbours in front.
    n_tokens : (n_texts,)
    """

    alone: NDArray[np.float64]
    within: NDArray[np.float64]
    n_tokens: NDArray[np.float64]


def main() -> None:
    options = _options()
    engine = Engine.load(models.DEFAULT_MODEL)
    sizes = {"n_train": options.n_train, "n_test": options.n_test}

    def measure(name: str, seed: int) -> Figures:
        split = bench_tasks.split(name, options.data, seed=seed, **sizes)
        scores = scores_of(*losses(split, engine))
        own = {method: auroc(split.is_anomalous, values) for method, values in scores.items()}
        common.say(f"{name} seed {seed}: {own['loss and context']:.3f}")
        return own

    seeds = range(options.first_seed, options.first_seed + options.seeds)
    units = [(name, seed) for seed in seeds for name in options.tasks]
    kept = Kept.of(options.out, data=options.data.resolve(), **sizes)
    found = by_task(kept, units, measure)
    print(f"{common.machine()}; {options.n_train} + {options.n_test} + {options.n_test} texts\n")
    print(table(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    bench_tasks.add_split_options(parser, tasks=bench_tasks.QUICK, n_train=200, n_test=75)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON file for every figure; is gone on with")
    return parser.parse_args()


def losses(split: Split, engine: Engine) -> tuple[Losses, Losses]:
    """Return losses of the training texts, each without itself as neighbour, and of the test's."""
    own = engine.extractor
    tracer = Tracer(own.tracer.backbone, max_tokens=own.tracer.max_tokens, curves="none")
    train, test = list(split.train), list(split.test)
    embedded, other = (own.encoder.read(texts).embeddings for texts in (train, test))
    is_same = np.asarray(train)[:, None] == np.asarray(train)
    found = []
    for texts, embeddings, banned in ((train, embedded, is_same), (test, other, None)):
        neighbours = nearest(embeddings, embedded, k=_N_CONTEXT, banned=banned)
        within = tracer.context_exit_losses(
            texts, contexts(neighbours, train, n=_N_CONTEXT), context_tokens=_CONTEXT_TOKENS
        )
        n_tokens = [len(row) for row in tracer.tokenize(texts)]
        parts = (tracer.trace(texts).loss, within[:, -1], n_tokens)
        found.append(Losses(*(np.asarray(part, np.float64) for part in parts)))
    return found[0], found[1]


def scores_of(normal: Losses, test: Losses) -> dict[str, Scores]:
    """Return scores of the test texts by the loss, by context, and by both."""
    low, high = (_surprise(sign * normal.alone, sign * test.alone) for sign in (-1, 1))
    loss = (low**2 + high**2) / 2
    little = [
        [part.within - part.alone, part.within / np.maximum(part.alone, _LEAST_LOSS)]
        for part in (normal, test)
    ]
    sides = [_standard(a, b) for a, b in zip(*little, strict=True)]
    context = _surprise(*(np.sum([side[i] for side in sides], axis=0) for i in (0, 1)))
    share = np.interp(trust_in_loss(_spread(normal)), (0, 1), _LOSS_SHARES)
    return {
        "loss, low": -test.alone,
        "loss, high": test.alone,
        "loss, both tails": loss,
        "context": context,
        "loss and context": share * loss + (1 - share) * context**2,
    }


def _spread(normal: Losses) -> float:
    """Return the standard deviation of losses beyond those of texts as long, nats."""
    lengths = np.column_stack(
        [normal.n_tokens, np.abs(normal.n_tokens - np.median(normal.n_tokens))]
    )
    usual = LinearRegression().fit(lengths, normal.alone).predict(lengths)
    return float((normal.alone - usual).std())


def _standard(normal: Scores, test: Scores) -> tuple[Scores, Scores]:
    mean, spread = normal.mean(), max(normal.std(), 1e-9)
    return (normal - mean) / spread, (test - mean) / spread


def _surprise(normal: Scores, test: Scores) -> Scores:
    """Return −log of the upper tail, were the normal texts Gaussian."""
    surprise: Scores = -log_ndtr(-_standard(normal, test)[1])
    return surprise


def table(found: dict[str, list[Figures]]) -> str:
    """Return AUROC by task, means over seeds, and the gain over the loss with intervals."""
    methods = list(next(iter(found.values()))[0])
    means = {
        name: [float(np.mean([run[method] for run in own])) for method in methods]
        for name, own in found.items()
    }
    rows = [[name, *(f"{value:.3f}" for value in own)] for name, own in means.items()]
    columns = np.asarray([*means.values()]).T
    rows.append(["mean", *(str(Mean.of(column)) for column in columns)])
    both = columns[methods.index("loss and context")]
    gains = (str(Mean.of(both - column)) for column in columns)
    rows.append(["loss and context − it", *gains])
    return common.markdown_table(["task", *methods], rows)


if __name__ == "__main__":
    main()
