"""Whether a raw export can be read as it is, or somebody has to choose its columns.

    python experiments/exports.py [--seeds 3] [--n-train 150] [--n-test 150] [--texts]

Rows as a plant exports them, in the order of time: invented parts and orders of `kinds.py` with a
running number, a date, a time of day, a lot of four rows and one of 25 inspectors before them, and
machine states with the running number and the product's number that they have. Later rows are
spoilt as in `kinds.py`. The default detector reads all columns, and those that somebody would
choose; beside it isolation forest and kNN of `compare` do, with words as 0 and 1, and with --texts
the detector whose models read rows. No labels are used.

Prints AUROC, recall at 5 % false alarms, and the share of later rows without a fault that is
flagged at .05. Reads: ai4i2020. Takes: 1 min.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path

import bench_tasks
import columns
import common
import kinds
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector
from polar_detect.errors import TrainingWarning
from polar_detect.metrics import auroc, recall_at_fpr

_N_OF_A_LOT = 4
_SYLLABLES = ("Sa", "Mo", "I", "Ka", "O"), ("to", "ri", "da", "no", "ki")
_ALPHA = 0.05
Figures = tuple[float, float, float]  # AUROC, recall, share of usual rows flagged; NaN if unknown


def tables(data: Path) -> Iterator[tuple[kinds.Table, list[str]]]:
    """Yield rows in the order of time, and the columns that nobody would choose."""
    names = [first + second for first in _SYLLABLES[0] for second in _SYLLABLES[1]]
    for name, make, of_kinds in (
        ("parts", kinds.parts, ("product", "machine")),
        ("orders", kinds.orders, ("product", "machine", "program")),
    ):
        rng = np.random.default_rng(0)
        rows = make(rng)
        times = pd.date_range("2026-04-01 06:00", periods=len(rows), freq="47min")
        passing = pd.DataFrame(
            {
                "No": range(1, len(rows) + 1),
                "date": times.strftime("%Y-%m-%d"),
                "time": times.strftime("%H:%M"),
                "lot": [f"L-{2500 + i // _N_OF_A_LOT}" for i in range(len(rows))],
            }
        )
        inspectors = pd.Series(rng.choice(names, len(rows)), name="inspector")
        rows = pd.concat([passing, inspectors, rows], axis=1)
        yield kinds.Table(name, rows, of_kinds), list(passing.columns)
    path = common.existing(data / "ai4i2020/ai4i2020.csv")
    states = pd.read_csv(path, encoding="utf-8-sig")
    passing_names = ["UDI", "Product ID"]
    states = states[states["Machine failure"] == 0]
    states = states[[*passing_names, "Type", *bench_tasks.MACHINE_STATE]]
    yield kinds.Table("machines", states, ("Type",), tuple(passing_names)), passing_names


def measured(
    table: kinds.Table, passing: list[str], seed: int, options: argparse.Namespace
) -> dict[str, Figures]:
    """Return each way's figures on one draw of rows, over all slips."""
    rng = np.random.default_rng(seed)
    n_train, n_test = options.n_train, options.n_test
    order = np.arange(len(table.rows))
    if table.name == "machines":  # whose temperatures drift
        order = rng.permutation(order)
    begin = rng.integers(len(order) - n_train - 2 * n_test + 1)
    rows = table.rows.iloc[order[begin:][: n_train + 2 * n_test]].reset_index(drop=True)
    train, later = rows[:n_train], rows[n_train:].sample(frac=1, random_state=seed)
    spoilt = [dict(zip(rows.columns, own, strict=True)) for own in later[n_test:].to_numpy(object)]
    measurable = kinds.Table(table.name, rows.drop(columns=passing), table.kinds, _words(rows))
    for i, row in enumerate(spoilt):
        kinds.SLIPS[i % len(kinds.SLIPS)](measurable, row, rng)
    test = pd.concat([later[:n_test], pd.DataFrame(spoilt)])
    is_odd = np.repeat([False, True], n_test)
    found: dict[str, Figures] = {}
    for what, left_out in (("all columns", []), ("chosen columns", passing)):
        own, others = (part.drop(columns=left_out).astype(str) for part in (train, test))
        for name in ("auto", "texts") if options.texts else ("auto",):
            found[f"`{name}`, {what}"] = _own_figures(name, own, others, is_odd)
        coded = pd.get_dummies(
            pd.concat([train, test]).drop(columns=left_out).infer_objects(), dtype=np.float64
        ).to_numpy(np.float64)
        scores = columns.baseline_scores(coded[:n_train], coded[n_train:], seed)
        for name in ("isolation forest", "kNN"):
            figures = auroc(is_odd, scores[name]), recall_at_fpr(is_odd, scores[name], _ALPHA)
            found[f"{name}, {what}"] = (*figures, float("nan"))
    return found


def _words(rows: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that hold no numbers, which no slip takes for one."""
    return tuple(rows.select_dtypes("object").columns)


def _own_figures(
    name: str, train: pd.DataFrame, test: pd.DataFrame, is_odd: NDArray[np.bool_]
) -> Figures:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        assessed = PolarDetector(name).fit(train).assess(test)
    scores, p_values = np.asarray(assessed.scores), np.asarray(assessed.p_values)
    flagged = float((p_values[~is_odd] <= _ALPHA).mean())
    return auroc(is_odd, scores), recall_at_fpr(is_odd, scores, _ALPHA), flagged


def main() -> None:
    options = _options()
    found = []
    for table, passing in tables(options.data):
        runs = [measured(table, passing, seed, options) for seed in range(options.seeds)]
        for way in runs[0]:
            means = np.mean([run[way] for run in runs], axis=0)
            flagged = "–" if np.isnan(means[2]) else f"{means[2]:.3f}"
            found.append([table.name, way, f"{means[0]:.3f}", f"{means[1]:.2f}", flagged])
            common.say(" ".join(found[-1]))
    sizes = f"{options.n_train} normal rows, {options.n_test} + {options.n_test} later ones tested"
    print(f"{common.machine()}; {sizes}, {options.seeds} seeds\n")
    head = ["table", "way", "AUROC", "recall at 5 %", "usual rows flagged at .05"]
    print(common.markdown_table(head, found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=150, help="normal rows")
    parser.add_argument("--n-test", type=int, default=150, help="later rows of each kind")
    parser.add_argument(
        "--texts", action="store_true", help="also the detector whose models read rows"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
