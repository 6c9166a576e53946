"""What labelled rows teach of numbers and words: faults of a machine, a person, a product.

    python experiments/labelled_rows.py [--labels 5,20] [--detectors texts,columns] [--seeds 2]
        [--sets orders,parts,machines]

Invented orders and parts, in which nothing is strange about the faulty ones: they come from one
machine at night, from one person under a high load, of one product at a low pressure, and three in
ten rows like that are normal; and failures of real machines, by six columns. The detector `texts`
fitted on normal rows alone, with labelled faults as earlier versions read them (numbers only), and
as it reads them now, a classifier that reads texts too, and with these faults `columns` and
`columns-classifier`, which is what `classifier` is for such rows; beside these LightGBM and random
forest of `compare` on the same numbers and on categories as 0 and 1. Faults that teach are not
tested. Readings of the models are kept on disk, so all detectors share them.

Prints AUROC and the share of faults that is found at 5 % false alarms. Reads: ai4i2020. Takes: 2
min by columns, else not noted.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bench_tasks
import common
import kinds
import numpy as np
import pandas as pd
from benchmark import CACHE, Bench
from numpy.typing import NDArray

from polar_detect import PolarDetector, models
from polar_detect.compare.methods.baselines import BASELINES
from polar_detect.compare.methods.views import Seen
from polar_detect.detectors import ClassifierHead, Head, new_head
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine
from polar_detect.tables import RowTemplate
from polar_detect.tables.cells.numbers import Notation

Fault = Callable[[pd.DataFrame], "pd.Series[bool]"]
Shown = tuple[NDArray[np.bool_], NDArray[np.bool_]]  # labels, and which rows are shown
Way = tuple[str | Head, RowTemplate, Shown]
Figures = dict[str, tuple[float, float]]  # AUROC, and recall at 5 % false alarms

FAULTS: dict[str, tuple[Callable[..., pd.DataFrame], Fault]] = {
    "orders, machine M2 at night": (
        kinds.orders,
        lambda rows: (rows["machine"] == "M2") & (rows["shift"] == "night"),
    ),
    "orders, Diaz under a high load": (
        kinds.orders,
        lambda rows: (rows["operator"] == "Diaz") & (rows["load [%]"] > 62),
    ),
    "parts, PB-250 at a low pressure": (
        kinds.parts,
        lambda rows: (rows["product"] == "PB-250") & (rows["pressure [bar]"] < 4.9),
    ),
}
SETS = ("orders", "parts", "machines")  # how names of faults begin
DETECTORS = ("texts", "classifier", "columns", "columns-classifier")
_N_ROWS = 4000
_RISK = 0.7  # that a row of such a kind is faulty
_NUMBERS_ONLY: Notation = 2  # the notation of templates whose labelled rows teach of numbers alone


def main() -> None:
    options = _options()
    engine = Bench(Path(), options.cache).engine(models.DEFAULT_ENCODER)
    found = []
    for name, rows, is_faulty in _tables(options):
        for n_labels in options.labels:
            runs = [
                _figures(rows, is_faulty, n_labels, seed, options, engine)
                for seed in range(options.seeds)
            ]
            for method in runs[0]:
                means = np.mean([run[method] for run in runs], axis=0)
                found.append([name, str(n_labels), method, f"{means[0]:.3f}", f"{means[1]:.2f}"])
                common.say(" ".join(found[-1]))
    sizes = f"{options.n_train} normal rows, {options.n_test} + {options.n_test} tested"
    print(f"{common.machine()}; {sizes}, {options.seeds} seeds\n")
    print(common.markdown_table(["faults", "labels", "method", "AUROC", "recall at 5 %"], found))


def _tables(
    options: argparse.Namespace,
) -> Iterator[tuple[str, pd.DataFrame, NDArray[np.bool_]]]:
    """Yield name, rows, and which of them are faulty."""
    for name, (make, fault) in FAULTS.items():
        if name.startswith(options.sets):
            rows = make(np.random.default_rng(0), _N_ROWS)
            at_risk = fault(rows).to_numpy()
            yield name, rows, at_risk & (np.random.default_rng(1).random(_N_ROWS) < _RISK)
    if "machines" in options.sets:
        table = pd.read_csv(common.existing(options.data / "ai4i2020/ai4i2020.csv"))
        yield (
            "machines, failures",
            table[["Type", *bench_tasks.MACHINE_STATE]],
            table["Machine failure"].to_numpy(bool),
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--sets", type=common.some_of(SETS), default=SETS)
    parser.add_argument("--labels", type=_counts, default=(5, 20), help="a,b")
    parser.add_argument("--detectors", type=common.some_of(DETECTORS), default=DETECTORS)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--n-train", type=int, default=200, help="normal rows")
    parser.add_argument("--n-test", type=int, default=100, help="rows of each class")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"default: {CACHE}")
    return parser.parse_args()


def _counts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _figures(
    rows: pd.DataFrame,
    is_faulty: NDArray[np.bool_],
    n_labels: int,
    seed: int,
    options: argparse.Namespace,
    engine: Engine,
) -> Figures:
    """Return each method's figures on one draw of rows."""
    rng = np.random.default_rng(seed)
    normal, faulty = (rng.permutation(np.flatnonzero(is_faulty == own)) for own in (False, True))
    n_train, n_test = options.n_train, options.n_test
    taught = np.concatenate([normal[:n_train], faulty[:n_labels]])
    tested = np.concatenate([normal[n_train:][:n_test], faulty[n_labels:][:n_test]])
    labels, is_odd = is_faulty[taught], is_faulty[tested]
    frames = [rows.iloc[own].astype(str) for own in (taught, tested)]
    template = RowTemplate.fit(frames[0][~labels], list(rows.columns))
    every = np.ones_like(labels)
    earlier, none = replace(template, notation=_NUMBERS_ONLY), np.zeros_like(labels)
    methods: dict[str, Way] = {
        "without labels": ("texts", template, (none, ~labels)),
        "labels of numbers": ("texts", earlier, (labels, every)),
        "labels of all columns": ("texts", template, (labels, every)),
        "classifier": (ClassifierHead(), template, (labels, every)),
        "columns": ("columns", template, (labels, every)),
        "columns-classifier": ("columns-classifier", template, (labels, every)),
    }
    scores = {
        name: _scores(PolarDetector(head, seed=seed, rows=own), frames, *shown, engine)
        for name, (head, own, shown) in methods.items()
        if new_head(head).name in options.detectors
    }
    coded = pd.get_dummies(rows.iloc[np.concatenate([taught, tested])], dtype=np.float64)
    train, test = np.split(coded.to_numpy(np.float64), [len(taught)])
    seen = Seen(name="numbers", metric="euclidean", train=train, test=test, fit_s=0.0, score_s=0.0)
    for baseline in BASELINES:
        if baseline.learns_from_labels:
            scores[baseline.name] = baseline.fit(seen, labels, seed).scores_of(test)
    return {method: (auroc(is_odd, own), _recall(is_odd, own)) for method, own in scores.items()}


def _scores(
    detector: PolarDetector,
    frames: list[pd.DataFrame],
    labels: NDArray[np.bool_],
    is_shown: NDArray[np.bool_],
    engine: Engine,
) -> NDArray[np.float64]:
    """Return scores of the second frame's rows, fitted on those of the first that are shown."""
    assert detector.rows is not None
    detector.engine_ = engine
    train, test = (detector.rows.texts(frame) for frame in frames)
    shown = [text for text, is_own in zip(train, is_shown, strict=True) if is_own]
    detector.fit(shown, labels[is_shown].astype(int))
    scores: NDArray[np.float64] = -detector.score_samples(test)
    return scores


def _recall(is_odd: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return float((scores[is_odd] > np.quantile(scores[~is_odd], 0.95)).mean())


if __name__ == "__main__":
    main()
