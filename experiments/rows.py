"""Does it help that a detector reads the numbers of rows? Tables of numbers, seed by seed.

    python experiments/rows.py [--tasks ai4i,steel] [--detectors texts,columns] [--seeds 3]

The detector `texts` reads each row written out as text, with and without its numbers beside it,
and knows normal training rows only, or labelled anomalous ones too, and so does a classifier that
reads texts and counts on further ones of their kind, and `columns`, which reads no text. Beside
them stand the baselines of `compare` on the raw numbers of the same rows, LightGBM and random
forest with the same labels.
Readings of the models are kept on disk, so all detectors share them.

Prints AUROC by task and method. Reads: ai4i2020, adbench_classical. Takes: 14 min.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import bench_tasks
import common
import numpy as np
import pandas as pd
from benchmark import CACHE, Bench
from common import Split, Task
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from polar_detect import PolarDetector, models
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.compare.methods.baselines import BASELINES
from polar_detect.compare.methods.views import Seen
from polar_detect.detectors import ClassifierHead, new_head
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine
from polar_detect.tables import RowTemplate

TASKS = ("ai4i", "steel")
WITH, WITHOUT = "polar-detect, text and numbers", "polar-detect, text only"
CLASSIFIER = "polar-detect classifier, text and numbers"
COLUMNS = "polar-detect columns"
DETECTORS = ("texts", "classifier", "columns")
_STATES = ("Type", *bench_tasks.MACHINE_STATE)
_TYPES = np.array(["L", "M", "H"])


@dataclass(frozen=True)
class Found:
    """The AUROC of one method on one split."""

    task: str
    seed: int
    method: str
    auroc: float


def frame_of(task: Task) -> pd.DataFrame:
    """Return the rows of a task as the table that a user has."""
    assert task.numbers is not None
    names = _STATES if task.name == "ai4i" else [f"v{i}" for i in range(task.numbers.shape[1])]
    cells = dict(zip(names, task.numbers.T, strict=True))
    if task.name == "ai4i":
        cells["Type"] = _TYPES[cells["Type"].astype(int)]
    return pd.DataFrame({name: [str(cell) for cell in column] for name, column in cells.items()})


def baselines(task: Task, split: Split, seed: int, n_labelled: int) -> dict[str, float]:
    """Return the AUROC of what `compare` measures against, on the raw numbers.

    LightGBM and random forest stand twice: without a label, where they learn to tell rows from
    rows whose cells are drawn column by column, and with labelled anomalous rows that are not
    tested.
    """
    assert task.numbers is not None
    scaler = StandardScaler().fit(task.numbers[split.train_rows])
    train, test = (scaler.transform(task.numbers[r]) for r in (split.train_rows, split.test_rows))
    drawn = scaler.transform(task.numbers[labelled(task, split, seed, n_labelled)])
    both = np.concatenate([train, drawn])
    found = {}
    for rows, labels in (
        (train, np.zeros(len(train), bool)),
        (both, np.arange(len(both)) >= len(train)),
    ):
        seen = Seen(
            name="numbers", metric="euclidean", train=rows, test=test, fit_s=0.0, score_s=0.0
        )
        for baseline in BASELINES:
            if labels.any() and not baseline.learns_from_labels:
                continue
            name = f"{baseline.name}, {int(labels.sum()) or 'no'} labels"
            scores = baseline.fit(seen, labels, seed).scores_of(test)
            found[name] = auroc(split.is_anomalous, scores)
    return found


def labelled(task: Task, split: Split, seed: int, n_labelled: int) -> NDArray[np.intp]:
    """Return anomalous rows that are not tested, at random."""
    anomalous = np.setdiff1d(
        np.arange(len(task.normal + task.held_out), len(task.texts)), split.test_rows
    )
    return np.random.default_rng(seed).permutation(anomalous)[:n_labelled]


def detectors(
    task: Task, split: Split, seed: int, options: argparse.Namespace, engine: Engine
) -> dict[str, float]:
    """Return the AUROC of the detector of texts, with and without the numbers of rows and labels.

    And of the classifier with both, that reads texts too, and of the detector of columns.
    """
    n_labelled = options.n_labelled
    frame = frame_of(task)
    drawn = labelled(task, split, seed, n_labelled)
    train, test = (frame.iloc[rows] for rows in (split.train_rows, split.test_rows))
    template = RowTemplate.fit(train, list(frame.columns))
    normal, anomalous = (template.texts(rows) for rows in (train, frame.iloc[drawn]))
    found = {}
    for name, head, rows, shown in (
        (WITH, "texts", template, []),
        (WITHOUT, "texts", None, []),
        (f"{WITH}, {len(anomalous)} labels", "texts", template, anomalous),
        (f"{CLASSIFIER}, {len(anomalous)} labels", ClassifierHead(), template, anomalous),
        (COLUMNS, "columns", template, []),
        (f"{COLUMNS}, {len(anomalous)} labels", "columns", template, anomalous),
    ):
        if new_head(head).name not in options.detectors:
            continue
        detector = PolarDetector(
            head,
            model=engine.model.name,
            max_tokens=engine.extractor.tracer.max_tokens,
            seed=seed,
            rows=rows,
        )
        detector.engine_ = engine
        detector.fit([*normal, *shown], np.repeat([0, 1], [len(normal), len(shown)]))
        found[name] = auroc(split.is_anomalous, -detector.score_samples(template.texts(test)))
    return found


def main() -> None:
    options = _options()
    bench = Bench(options.data, options.cache, max_tokens=options.max_tokens)
    engine = bench.engine(models.DEFAULT_ENCODER)
    found: list[Found] = []
    for seed in range(options.seeds):
        for name in options.tasks:
            task = bench_tasks.load(name, options.data, seed)
            split = common.split(task, seed=seed, n_train=options.n_train, n_test=options.n_test)
            measured = baselines(task, split, seed, options.n_labelled)
            measured |= detectors(task, split, seed, options, engine)
            own = [Found(name, seed, *pair) for pair in measured.items()]
            common.say("; ".join(f"{f.task} {f.seed} {f.method}: {f.auroc:.3f}" for f in own))
            found += own
    counts = f"{options.n_train} normal rows to fit on, up to {options.n_test} + {options.n_test}"
    print(f"{common.machine()}; {counts} to test; {options.max_tokens} tokens; AUROC\n")
    print(table(found))


def table(found: list[Found]) -> str:
    """Return a line for each task and method, its seeds and their mean."""
    frame = pd.DataFrame(found).pivot_table(
        index=["task", "method"], columns="seed", values="auroc", sort=False
    )
    frame["mean"] = frame.mean(axis="columns")
    header = ["task", "method", *(f"seed {i}" for i in frame.columns[:-1]), "mean"]
    pairs = zip(frame.index.tolist(), frame.to_numpy(), strict=True)
    rows = [[*key, *(f"{value:.3f}" for value in row)] for key, row in pairs]
    return common.markdown_table(header, rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--tasks", type=common.some_of(TASKS), default=TASKS)
    parser.add_argument("--detectors", type=common.some_of(DETECTORS), default=DETECTORS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=300)
    parser.add_argument("--n-test", type=int, default=150, help="test rows of each class")
    parser.add_argument(
        "--n-labelled", type=int, default=30, help="anomalous rows that some baselines learn from"
    )
    parser.add_argument("--max-tokens", type=int, default=MAX_TOKENS, help="of a row that are read")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
