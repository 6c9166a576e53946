"""First run: the detector with its default settings beside what a user would try instead.

BGL log lines (normal against alerts) and excavator work orders (other sources mixed in).
Progress goes to stderr, a Markdown table to stdout.

Reads: loghub2k, excavator_mwo, textoir_stackoverflow. Takes: not noted.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import bench_baselines
import bench_tasks
import common
import numpy as np
from bench_tables import Run
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from polar_detect import PolarDetector
from polar_detect.features.table import Feature
from polar_detect.models import resolve
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.tracer import Tracer

_TASKS = {"bgl": "bgl", "excavator": "excavator-foreign"}
_CURVES = {"skip", "loop", "exit"}

Scores = dict[str, NDArray[np.float64]]


def main() -> None:
    options = _options()
    detector, encoder = PolarDetector(), Encoder.load(resolve("minilm").folder)
    runs: list[Run] = []
    for name in options.tasks:
        task = bench_tasks.load(_TASKS[name], options.data, 0)
        for seed in range(options.seeds):
            split = common.split(task, seed=seed, n_train=options.n_train, n_test=options.n_test)
            start_s = time.perf_counter()
            scores = _scores(detector.set_params(seed=seed), encoder, split, seed)
            found = [Run.of(name, seed, method, split, s) for method, s in scores.items()]
            runs += found
            took_s = time.perf_counter() - start_s
            common.say(f"{name} seed {seed}: AUROC {found[0].auroc:.3f}, {took_s:.0f} s")
            if options.out:  # after every split, so that an interrupted run is not lost
                _write(options.out, runs)
    print(f"{common.machine()}; {options.seeds} seeds, mean ± standard deviation\n")
    print(_table(runs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--tasks", type=common.some_of(_TASKS), default=tuple(_TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--n-train", type=int, default=400)
    parser.add_argument("--n-test", type=int, default=150, help="test rows per class at most")
    parser.add_argument("--out", type=Path, help="JSON file for every run")
    return parser.parse_args()


def _scores(detector: PolarDetector, encoder: Encoder, split: common.Split, seed: int) -> Scores:
    """Return each method's scores of the test rows, higher = more anomalous."""
    detector.fit(split.train)
    backbone = detector.engine_.extractor.tracer.backbone
    extractor = Extractor(Tracer(backbone, max_tokens=detector.max_tokens), encoder)
    train, test = extractor.read(split.train), extractor.read(split.test)
    loss = test.traces.loss.astype(np.float64)
    return {
        "polar-detect": -detector.score_samples(split.test),
        "loss, high": loss,
        "loss, low": -loss,
        "isolation forest on curves": _forest_scores(train, test, seed),
        "MiniLM + kNN": bench_baselines.neighbours(train.embeddings, test.embeddings),
    }


def _forest_scores(train: Readings, test: Readings, seed: int) -> NDArray[np.float64]:
    inside, new = (part.traces.table().where(_is_curve).values for part in (train, test))
    forest = IsolationForest(n_estimators=200, random_state=seed).fit(inside)
    return -np.asarray(forest.score_samples(new), np.float64)


def _is_curve(feature: Feature) -> bool:
    return feature.group in _CURVES


def _table(runs: Sequence[Run]) -> str:
    keys = dict.fromkeys((run.task, run.method) for run in runs)
    rows = []
    for task, method in keys:
        own = [run for run in runs if (run.task, run.method) == (task, method)]
        figures = ([r.auroc for r in own], [r.aupr for r in own], [r.fpr95 for r in own])
        counts = f"{own[0].n_train} / {own[0].n_normal} + {own[0].n_anomalous}"
        rows.append([task, method, counts, *(_mean_and_spread(values) for values in figures)])
    header = ["task", "method", "train / normal + anomalous", "AUROC", "AUPR", "FPR95"]
    return common.markdown_table(header, rows)


def _mean_and_spread(values: Sequence[float]) -> str:
    spread = np.std(values, ddof=1) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.3f} ± {spread:.3f}"


def _write(path: Path, runs: Sequence[Run]) -> None:
    stored = {"machine": common.machine(), "runs": [asdict(run) for run in runs]}
    common.write_json(path, stored)


if __name__ == "__main__":
    main()
