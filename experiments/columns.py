"""What the detector `columns` finds in tables of numbers, beside baselines on the same numbers.

    python experiments/columns.py [--seeds 3] [--n-train 300] [--n-test 150] [--texts]

Tables that engineers have: machine states and failures, faults of steel plates, concrete mixes,
measurements of pages and trees, and the small ones that come with scikit-learn, each class in
turn as the normal one. Rows of concrete and of machines are also spoilt on purpose, as slips of
the pen spoil them: two cells swapped, cells of other rows, another unit, a jump. Beside it stand
the baselines of `compare`, what principal components leave that keep .99 or .95 of the variance
(Q), and, with --texts, the detector whose models read rows. No labels are used.

Prints AUROC by table. Reads: adbench_classical, ai4i2020, concrete. Takes: 5 min.
"""

import argparse
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bench_tasks
import common
import numpy as np
import pandas as pd
from bench_tables import Mean
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from polar_detect import PolarDetector
from polar_detect.compare.methods.baselines import BASELINES
from polar_detect.compare.methods.views import Seen
from polar_detect.errors import TrainingWarning
from polar_detect.metrics import auroc
from polar_detect.pipeline.training import MIN_NORMAL
from polar_detect.tables import RowTemplate

Array = NDArray[np.float64]

OWN = "polar-detect columns"
_ADBENCH = {"steel": "12_fault", "blocks": "27_PageBlocks", "trees": "44_Wilt"}
_UNITS = (0.1, 10, 24, 1 / 24, 2.54, 1 / 2.54)
_N_SPOILT = 3000
_FEWEST = 10  # rows to test on
_KEPT = (0.99, 0.95)  # of the variance, by principal components


@dataclass(frozen=True)
class Table:
    """Normal and anomalous rows of numbers, (n_rows, n_columns)."""

    name: str
    normal: Array
    anomalous: Array


def tables(data: Path) -> Iterator[Table]:
    for name, file in _ADBENCH.items():
        stored = np.load(common.existing(data / f"adbench_classical/{file}.npz"))
        rows, is_odd = stored["X"].astype(np.float64), stored["y"] == 1
        yield Table(name, rows[~is_odd], rows[is_odd])
        yield Table(f"{name}, turned", rows[is_odd], rows[~is_odd])
    path = common.existing(data / "ai4i2020/ai4i2020.csv")
    states = pd.read_csv(path, encoding="utf-8-sig")
    rows, has_failed = (
        states[list(bench_tasks.MACHINE_STATE)].to_numpy(np.float64),
        states["Machine failure"] == 1,
    )
    yield Table("machines, failures", rows[~has_failed], rows[has_failed])
    yield from _spoilt("machines", rows[~has_failed][:_N_SPOILT])
    concrete = pd.read_excel(
        common.existing(data / "concrete/Concrete_Data.xls"), engine="calamine"
    )
    yield from _spoilt("concrete", concrete.to_numpy(np.float64))
    for name in ("wine", "breast_cancer", "iris", "digits"):
        rows, classes = getattr(datasets, f"load_{name}")(return_X_y=True)
        for own in np.unique(classes):
            yield Table(f"{name} {own}", rows[classes == own], rows[classes != own])


def tables_of_normal_rows(data: Path) -> Iterator[Table]:
    """Yield those of the tables that are no other one turned round, or spoilt again."""
    others = ("turned", "row", "rows", "unit", "jump", "machines, swapped")
    return (table for table in tables(data) if not table.name.endswith(others))


def frame_of(rows: Array, unit: str = "") -> pd.DataFrame:
    """Return rows as a file holds them; a unit stands behind the names of all columns."""
    return pd.DataFrame(rows.astype(str)).add_prefix("column ").add_suffix(unit)


def fitted_and_new(
    rows: Array, n_train: int, n_test: int, rng: np.random.Generator, unit: str = ""
) -> tuple[PolarDetector, pd.DataFrame]:
    """Return a detector that is fitted on some of the normal rows at random, and some others."""
    order = rng.permutation(len(rows))
    n_train = min(n_train, max(int(0.6 * len(rows)), MIN_NORMAL))
    frame = frame_of(rows[order], unit)
    return fitted(frame[:n_train]), frame[n_train:][:n_test].reset_index(drop=True)


def fitted(
    train: pd.DataFrame, *, detector: str = "columns", template: RowTemplate | None = None
) -> PolarDetector:
    """Return a detector that is fitted on some rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # columns may be counts or grades
        return PolarDetector(detector, rows=template).fit(train)


Shares = Callable[[PolarDetector, pd.DataFrame, Table, np.random.Generator], list[float]]


def shares_by_source(
    doc: str | None, shares_of: Shares, header: list[str], *, unit: str = ""
) -> argparse.Namespace:
    """Print the mean of some shares by table, and over all tables; return the options.

    `shares_of` is asked of a fitted detector, later normal rows, the table and a source of chance,
    for each table of normal rows but pixels of digits, seed by seed; `unit` is that of its columns.
    """
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=300)
    parser.add_argument("--n-new", type=int, default=150)
    options = parser.parse_args()
    found = defaultdict(list)
    for seed in range(options.seeds):
        for table in tables_of_normal_rows(options.data):
            rng = np.random.default_rng(seed)
            detector, new = fitted_and_new(table.normal, options.n_train, options.n_new, rng, unit)
            if len(new) >= _FEWEST and not table.name.startswith("digits"):
                source = table.name.split()[0].strip(",")
                found[source].append(shares_of(detector, new, table, rng))
    print(f"{common.machine()}; {options.seeds} seeds\n")
    rows = [*found.items(), ("all", [one for shares in found.values() for one in shares])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a table that a share is not asked of
        lines = [[name, *map("{:.3f}".format, np.nanmean(own, axis=0))] for name, own in rows]
    print(common.markdown_table(["table", *header], lines))
    return options


def _spoilt(name: str, rows: Array) -> Iterator[Table]:
    """Yield a table for each kind of slip, made in half of the rows."""
    rng = np.random.default_rng(0)
    clean, other = np.array_split(rng.permutation(rows), 2)
    for slip in (_swapped, _of_another_row, _of_two_other_rows, _other_unit, _jump):
        spoilt = np.stack([slip(row.copy(), rows, rng) for row in other])
        yield Table(f"{name}, {slip.__name__.strip('_').replace('_', ' ')}", clean, spoilt)


Slip = Callable[[Array, Array, np.random.Generator], Array]


def _swapped(row: Array, _: Array, rng: np.random.Generator) -> Array:
    one, other = rng.choice(len(row), 2, replace=False)
    row[[one, other]] = row[[other, one]]
    return row


def _of_another_row(row: Array, rows: Array, rng: np.random.Generator, n: int = 1) -> Array:
    for column in rng.choice(len(row), n, replace=False):
        row[column] = rng.choice(rows[:, column])
    return row


def _of_two_other_rows(row: Array, rows: Array, rng: np.random.Generator) -> Array:
    return _of_another_row(row, rows, rng, n=2)


def _other_unit(row: Array, _: Array, rng: np.random.Generator) -> Array:
    row[rng.integers(len(row))] *= rng.choice(_UNITS)
    return row


def _jump(row: Array, rows: Array, rng: np.random.Generator) -> Array:
    column = rng.integers(len(row))
    row[column] += rng.choice([-3, 3]) * rows[:, column].std()
    return row


def own_scores(
    template: RowTemplate, train: pd.DataFrame, test: pd.DataFrame, *, detector: str = "columns"
) -> Array:
    """Return the scores of a detector fitted on some rows."""
    scores: Array = -fitted(train, detector=detector, template=template).score_samples(test)
    return scores


def baseline_scores(train: Array, test: Array, seed: int) -> dict[str, Array]:
    scaler = StandardScaler().fit(train)
    own, others = scaler.transform(train), scaler.transform(test)
    seen = Seen(name="numbers", metric="euclidean", train=own, test=others, fit_s=0.0, score_s=0.0)
    labels = np.zeros(len(train), bool)
    return {own.name: own.fit(seen, labels, seed).scores_of(seen.test) for own in BASELINES}


def squared_residuals(train: Array, test: Array) -> dict[str, Array]:
    """Return what principal components leave of rows, squared and summed: Q, or SPE."""
    scaler = StandardScaler().fit(train)
    own, others = scaler.transform(train), scaler.transform(test)
    found = {}
    for kept in _KEPT:
        components = PCA(kept, svd_solver="full").fit(own)
        rest = others - components.inverse_transform(components.transform(others))
        found[f"Q, {kept:g} kept"] = np.square(rest).sum(1)
    return found


def measured(table: Table, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Return each method's AUROC on one draw of rows."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(table.normal))
    n_train = min(options.n_train, max(int(0.6 * len(order)), MIN_NORMAL))
    train = table.normal[order[:n_train]]
    inside = table.normal[order[n_train:][: options.n_test]]
    outside = table.anomalous[rng.permutation(len(table.anomalous))[: options.n_test]]
    test, labels = np.concatenate([inside, outside]), np.arange(len(inside) + len(outside))
    frames = [*map(frame_of, (train, test))]
    template = RowTemplate.fit(frames[0], list(frames[0].columns))
    scores = {OWN: own_scores(template, *frames)} | baseline_scores(train, test, seed)
    scores |= squared_residuals(train, test)
    if options.texts:
        scores["texts"] = own_scores(template, *frames, detector="texts")
    return {method: auroc(labels >= len(inside), own) for method, own in scores.items()}


def options_of(doc: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=300, help="normal rows at most")
    parser.add_argument("--n-test", type=int, default=150, help="rows of each class at most")
    parser.add_argument(
        "--texts", action="store_true", help="also the detector whose models read rows"
    )
    parser.add_argument("--only", default="", help="tables whose name begins so")
    return parser.parse_args()


def print_table(found: dict[str, pd.Series], options: argparse.Namespace) -> None:
    """Print each method's AUROC by table, and how far the detector is ahead."""
    frame = pd.DataFrame(found).T
    rows = [[str(name), *(f"{value:.3f}" for value in row)] for name, row in frame.iterrows()]
    differences = [(frame[OWN] - frame[other]).tolist() for other in frame.columns[1:]]
    gaps = [Mean.of(own) for own in differences]
    sources = [str(name).replace(",", " ").split()[0] for name in frame.index]
    whole = [str(Mean.of(own, groups=sources)) for own in differences]
    rows.append(["mean", *(f"{value:.3f}" for value in frame.mean())])
    rows.append([f"{OWN} minus this", "", *(str(gap) for gap in gaps)])
    rows.append([f"sources drawn in place of tables ({len(set(sources))})", "", *whole])
    counts = f"up to {options.n_train} normal rows to fit on, {options.n_test} + {options.n_test}"
    print(f"{common.machine()}; {counts} to test; {options.seeds} seeds; AUROC\n")
    print(common.markdown_table(["table", *frame.columns], rows))


def main() -> None:
    options = options_of(__doc__)
    found: dict[str, pd.Series] = {}
    for table in tables(options.data):
        if not table.name.startswith(options.only):
            continue
        runs = [measured(table, seed, options) for seed in range(options.seeds)]
        found[table.name] = pd.DataFrame(runs).mean()
        common.say(f"{table.name}: {found[table.name][OWN]:.3f}")
    print_table(found, options)


if __name__ == "__main__":
    main()
