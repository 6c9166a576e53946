"""What the detector `columns` finds where numbers depend on a category, as a size on the product.

    python experiments/kinds.py [--seeds 3] [--n-train 300] [--n-test 150]

Tables whose rows are of several kinds, and say which: wines by cultivar, irises by species, digits
by what they are, machines by type, and two that are invented here: parts of three products from
two machines, and orders whose program is that of product and machine. Rows are spoilt on purpose:
another kind is written beside the numbers, a cell is that of another row, or it jumps by four
standard deviations of its kind. It goes by the factors and categories that it found, and by
numbers alone; beside it stand the baselines of `compare` on the numbers and the categories as 0
and 1. No labels are used.

Prints AUROC by table. Reads: ai4i2020. Takes: 2 min.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bench_tasks
import columns
import common
import numpy as np
import pandas as pd
from sklearn import datasets

from polar_detect.metrics import auroc
from polar_detect.tables import RowTemplate

WITHOUT = "the same of numbers alone"


@dataclass(frozen=True)
class Table:
    """Rows of numbers, and of what kind they are."""

    name: str
    rows: pd.DataFrame
    kinds: tuple[str, ...]  # names of the columns that say so
    others: tuple[str, ...] = ()  # of other columns of words


def tables(data: Path) -> Iterator[Table]:
    for name in ("wine", "iris", "digits"):
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        words = np.asarray([f"kind {own}" for own in found.target_names])
        rows = found.data.assign(kind=words[found.target])
        yield Table(name, rows, ("kind",))
    path = common.existing(data / "ai4i2020/ai4i2020.csv")
    states = pd.read_csv(path, encoding="utf-8-sig")
    states = states[states["Machine failure"] == 0][["Type", *bench_tasks.MACHINE_STATE]]
    yield Table("machines", states, ("Type",))
    yield Table("parts", parts(np.random.default_rng(0)), ("product", "machine"))
    rows, kinds = orders(np.random.default_rng(0)), ("product", "machine", "program")
    yield Table("orders", rows, kinds, ("operator", "shift"))


def parts(rng: np.random.Generator, n_rows: int = 1200) -> pd.DataFrame:
    """Return invented parts: sizes by product, temperatures by machine, and a pressure by none."""
    product, machine = rng.choice(3, n_rows, p=[0.5, 0.3, 0.2]), rng.integers(2, size=n_rows)
    length = np.asarray([20.0, 25.0, 32.0])[product] + rng.normal(0, 0.01, n_rows)
    weight = np.asarray([101.0, 106.0, 118.0])[product] + rng.normal(0, 0.5, n_rows)
    oven = np.asarray([180.0, 195.0])[machine] + rng.normal(0, 2, n_rows)
    return pd.DataFrame(
        {
            "product": np.asarray(["PA-200", "PB-250", "PC-320"])[product],
            "machine": machine + 1,
            "length [mm]": length.round(3),
            "weight [g]": weight.round(1),
            "oven [°C]": oven.round(1),
            "pressure [bar]": rng.normal(5, 0.2, n_rows).round(2),
        }
    )


def orders(rng: np.random.Generator, n_rows: int = 1200) -> pd.DataFrame:
    """Return invented orders: a program for each product on each machine, a time by product."""
    product, machine = rng.choice(4, n_rows, p=[0.4, 0.3, 0.2, 0.1]), rng.integers(3, size=n_rows)
    time = np.asarray([42.0, 55.0, 61.0, 80.0])[product] + rng.normal(0, 1, n_rows)
    return pd.DataFrame(
        {
            "product": np.asarray(["PA-200", "PB-250", "PC-320", "PD-400"])[product],
            "machine": np.char.add("M", (machine + 1).astype(str)),
            "program": np.char.add("P", (100 * (machine + 1) + product).astype(str)),
            "operator": rng.choice(["Abe", "Berg", "Chen", "Diaz", "Endo"], n_rows),
            "shift": rng.choice(["day", "night"], n_rows, p=[0.7, 0.3]),
            "time [s]": time.round(1),
            "load [%]": rng.normal(60, 5, n_rows).round(1),
        }
    )


def numbers_of(table: Table) -> list[str]:
    return [name for name in table.rows.columns if name not in (*table.kinds, *table.others)]


Row = dict[str, Any]


def _of_another_kind(table: Table, row: Row, rng: np.random.Generator) -> None:
    name = rng.choice(table.kinds)
    kinds = table.rows[name].unique()
    row[name] = rng.choice(kinds[kinds != row[name]])


def _of_another_row(table: Table, row: Row, rng: np.random.Generator) -> None:
    name = rng.choice(numbers_of(table))
    row[name] = rng.choice(table.rows[name].to_numpy())


def _jump(table: Table, row: Row, rng: np.random.Generator) -> None:
    own = np.logical_and.reduce([table.rows[name] == row[name] for name in table.kinds])
    spreads = table.rows.loc[own, numbers_of(table)].std()
    name = rng.choice(spreads.index[spreads > 0])  # a pixel may be white in all digits of a kind
    row[name] = round(float(row[name] + rng.choice([-4, 4]) * spreads[name]), 3)


Slip = Callable[[Table, Row, np.random.Generator], None]
SLIPS: tuple[Slip, ...] = (_of_another_kind, _of_another_row, _jump)


def measured(
    table: Table, slip: Slip, seed: int, options: argparse.Namespace
) -> tuple[dict[str, float], int]:
    """Return each method's AUROC on one draw of rows, and how many columns depend on a kind."""
    rng = np.random.default_rng(seed)
    rows = table.rows.iloc[rng.permutation(len(table.rows))]
    n_train = min(options.n_train, len(rows) // 2)
    n_test = min(options.n_test, (len(rows) - n_train) // 2)
    train, inside = rows[:n_train], rows[n_train : n_train + n_test]
    outside = rows[n_train + n_test :]
    spoilt = [
        dict(zip(rows.columns, own, strict=True)) for own in outside[:n_test].to_numpy(object)
    ]
    for row in spoilt:
        slip(table, row, rng)
    test = pd.concat([inside, pd.DataFrame(spoilt)])
    labels = np.repeat([False, True], n_test)
    written = [part.astype(str) for part in (train, test)]
    template = RowTemplate.fit(written[0], list(rows.columns))
    plain = RowTemplate(
        tuple(
            replace(RowTemplate.fit(written[0], [own.name]).columns[0], category=None)
            for own in template.columns
        )
    )
    scores = {
        columns.OWN: columns.own_scores(template, *written),
        WITHOUT: columns.own_scores(plain, *written),
    }
    words = [*table.kinds, *table.others]
    coded = pd.get_dummies(pd.concat([train, test]), columns=words, dtype=np.float64)
    own, others = (part.to_numpy(np.float64) for part in (coded[:n_train], coded[n_train:]))
    scores |= columns.baseline_scores(own, others, seed)
    found = {method: auroc(labels, values) for method, values in scores.items()}
    return found, sum(map(len, template.dependent.values()))


def main() -> None:
    options = columns.options_of(__doc__)
    found: dict[str, pd.Series] = {}
    for table in tables(options.data):
        for slip in SLIPS:
            name = f"{table.name}, {slip.__name__.strip('_').replace('_', ' ')}"
            runs = [measured(table, slip, seed, options) for seed in range(options.seeds)]
            found[name] = pd.DataFrame([own for own, _ in runs]).mean()
            own, without = (found[name][method] for method in (columns.OWN, WITHOUT))
            n_found = "/".join(str(n) for _, n in runs)
            common.say(f"{name}: {own:.3f}, {without:.3f} of numbers; {n_found} have factors")
    columns.print_table(found, options)


if __name__ == "__main__":
    main()
