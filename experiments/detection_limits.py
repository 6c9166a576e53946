"""Whether new rows are flagged as often as the detection limits of a detector say.

    python experiments/detection_limits.py [--n-train 300] [--n-test 100] [--seed 0]

Tables of numbers, as in `columns.py`, of which those are left out that are another one turned
round or spoilt. Fitted on normal rows; then, for each column and both ways, a number of each new
normal row that is not flagged itself is changed by the limit at which half, and nine tenths, of
the rows are to be flagged, and by a quarter of the former.

Prints medians over columns of how many are. Reads: adbench_classical, ai4i2020, concrete.
Takes: 14 min (EPYC, beside other work).
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import columns
import common
import numpy as np
import pandas as pd

from polar_detect import PolarDetector
from polar_detect.pipeline.detection_limits import Limit


@dataclass(frozen=True)
class Tried:
    """What share of new rows is flagged with a column's numbers changed by each limit."""

    table: str
    quarter: float
    half: float
    most: float


def tried(name: str, rows: columns.Array, options: argparse.Namespace) -> Iterator[Tried]:
    """Yield the shares of each column of a table, down and up, where there is a limit."""
    rng = np.random.default_rng(options.seed)
    detector, test = columns.fitted_and_new(rows, options.n_train, options.n_test, rng)
    quiet = test[detector.predict(test) == 1]
    for own in detector.detection_limits().numbers:
        for sign, limit in ((-1, own.down), (1, own.up)):
            if np.isfinite(limit).all():
                yield Tried(name, *_flagged(detector, quiet, own.column, sign, limit))


def _flagged(
    detector: PolarDetector, rows: pd.DataFrame, column: str, sign: int, limit: Limit
) -> Iterator[float]:
    for change in (limit.half / 4, limit.half, limit.most):
        numbers = rows[column].astype(float) + sign * change
        yield float((detector.predict(rows.assign(**{column: numbers.astype(str)})) == -1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--n-train", type=int, default=300, help="normal rows at most")
    parser.add_argument("--n-test", type=int, default=100, help="new ones at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found: list[Tried] = []
    for table in columns.tables_of_normal_rows(options.data):
        own = [*tried(table.name, table.normal, options)]
        found += own
        common.say(f"{table.name}: {len(own)} limits")
    frame = pd.DataFrame(found)
    quartiles = frame.drop(columns="table").quantile([0.25, 0.5, 0.75])
    counts = f"{frame['table'].nunique()} tables, {len(frame)} limits of columns, down and up"
    print(f"{common.machine()}; seed {options.seed}; {counts}\n")
    rows = [
        [said, f"{own[0.5]:.2f}", f"{own[0.25]:.2f} to {own[0.75]:.2f}"]
        for said, own in zip(
            ("a quarter of that of half", "the limit of half", "the limit of nine tenths"),
            (quartiles[name] for name in ("quarter", "half", "most")),
            strict=True,
        )
    ]
    print(common.markdown_table(["numbers changed by", "flagged, median", "quartiles"], rows))


if __name__ == "__main__":
    main()
