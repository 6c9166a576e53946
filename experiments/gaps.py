"""What the views of columns find beside columns that are often empty, by themselves.

    python experiments/gaps.py [--seeds 3] [--n-train 300] [--n-test 150]

Adds columns of random numbers to tables of `columns.py`: one that is always filled, one that is
empty in half of the rows, one in nine tenths, three of different gaps, and five that are filled
together in a tenth of the rows, as those of a second test are. A gap is made in another column, or
a number there jumps by four standard deviations. What somebody adds should neither hide that, nor
make normal rows strange in which it is filled.

Prints AUROC by what was added. Reads: adbench_classical, ai4i2020, concrete. Takes: 2 min.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import columns
import common
import numpy as np
import pandas as pd

from polar_detect.metrics import auroc, recall_at_fpr
from polar_detect.tables import RowTemplate

# Shares of rows in which the added columns are empty, each by itself or all together.
ADDED: dict[str, tuple[tuple[float, ...], bool]] = {
    "nothing": ((), False),
    "one, never empty": ((0.0,), False),
    "one, empty in half": ((0.5,), False),
    "one, empty in nine tenths": ((0.9,), False),
    "three, empty in .9, .5 and .2": ((0.9, 0.5, 0.2), False),
    "five, filled together in a tenth": ((0.9,) * 5, True),
}
_JUMP = 4  # standard deviations


def tables(data: Path) -> Iterator[columns.Table]:
    """Yield the first table of each source with normal rows enough."""
    sources = set()
    for table in columns.tables(data):
        source = table.name.partition(",")[0]
        if source not in sources and len(table.normal) >= 300:
            sources.add(source)
            yield table


def with_columns(rows: pd.DataFrame, kind: str, rng: np.random.Generator) -> pd.DataFrame:
    shares, are_together = ADDED[kind]
    draws = rng.random((len(rows), 1 if are_together else len(shares)))
    common_part = rng.normal(size=(len(rows), 1)) * are_together
    numbers = common_part + rng.normal(0, 0.2 if are_together else 1, (len(rows), len(shares)))
    added = pd.DataFrame(np.where(draws < shares, np.nan, numbers.round(2)), rows.index)
    return pd.concat([rows, added.add_prefix("added ")], axis=1)


def measured(
    table: columns.Table, kind: str, seed: int, options: argparse.Namespace
) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    n_train = min(options.n_train, int(0.6 * len(table.normal)))
    own = table.normal[rng.permutation(len(table.normal))][: n_train + 2 * options.n_test]
    rows = with_columns(pd.DataFrame(own).add_prefix("column "), kind, rng)
    train, inside, outside = (
        rows.iloc[part].reset_index(drop=True)
        for part in np.split(np.arange(len(rows)), [n_train, (n_train + len(rows)) // 2])
    )
    spreads = train.std()
    gap, jump = outside.copy(), outside.copy()
    for i, place in enumerate(rng.integers(own.shape[1], size=len(outside))):
        gap.iloc[i, place] = np.nan
        jump.iloc[i, place] += rng.choice([-_JUMP, _JUMP]) * spreads.iloc[place]
    written = [part.astype(object) for part in (train, inside, gap, jump)]
    template = RowTemplate.fit(written[0], list(rows.columns))
    scores = columns.own_scores(template, written[0], pd.concat(written[1:]))
    usual, gaps, jumps = np.split(scores, [len(inside), len(inside) + len(gap)])
    is_filled = inside.iloc[:, own.shape[1] :].notna().any(axis=1).to_numpy()
    return {
        **_found("a gap", usual, gaps),
        **_found("a jump", usual, jumps),
        "normal rows filled there": auroc(is_filled, usual) if 0 < is_filled.mean() < 1 else np.nan,
    }


def _found(name: str, usual: columns.Array, odd: columns.Array) -> dict[str, float]:
    labels, scores = np.repeat([False, True], [len(usual), len(odd)]), np.append(usual, odd)
    return {name: auroc(labels, scores), f"{name}, found": recall_at_fpr(labels, scores)}


def main() -> None:
    options = columns.options_of(__doc__)
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in ADDED}
    for table in tables(options.data):
        for kind, runs in found.items():
            runs += [measured(table, kind, seed, options) for seed in range(options.seeds)]
        common.say(table.name)
    means = pd.DataFrame({kind: pd.DataFrame(runs).mean() for kind, runs in found.items()}).T
    rows = [
        [str(kind), *("" if np.isnan(value) else f"{value:.3f}" for value in row)]
        for kind, row in means.iterrows()
    ]
    print(f"{common.machine()}; {options.seeds} seeds; AUROC, found at 5 % false alarms\n")
    print(common.markdown_table(["added columns", *means.columns], rows))


if __name__ == "__main__":
    main()
