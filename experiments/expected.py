"""Whether cells lie where the other columns lead to expect them, and reasons say which way.

    python experiments/expected.py [--n-train 300] [--n-test 300] [--seed 0]

Tables of numbers, as in `columns.py`, of which those are left out that are another one turned
round or spoilt. Fitted on normal rows; new normal rows are asked how many of their cells lie
between the numbers that a report gives as usual, and as expected, and how much narrower the latter
are. Then one cell of each new normal row, every column in turn, is replaced by that of another
normal row: how many of those that change by more than a tenth of the usual range, and lie within
it, lie outside what is expected. And one cell is raised or lowered by the usual range: which way
the reasons of flagged rows say that it is off.

Prints means over tables. Reads: adbench_classical, ai4i2020, concrete. Takes: 2 min (EPYC, beside
other work).
"""

import argparse
from dataclasses import dataclass

import columns
import common
import numpy as np
import pandas as pd

from polar_detect import PolarDetector
from polar_detect.messages.sources import Column

_CHANGED = 0.1  # of the usual range, at least, or a cell of another row is much the same


@dataclass(frozen=True)
class Found:
    """What was found in one table, as shares of cells or flagged rows."""

    table: str
    within_usual: float
    within_expected: float
    width: float  # of what is expected, in usual ranges; the median over columns
    narrow: float  # columns of which it is less than half
    swapped_outside: float
    right: float
    wrong: float
    named: float


def found_in(table: str, rows: columns.Array, options: argparse.Namespace) -> Found:
    """Return what is found in a table of normal rows."""
    rng = np.random.default_rng(options.seed)
    detector, test = columns.fitted_and_new(rows, options.n_train, options.n_test, rng)
    numbers = detector.fitted_.reference.numbers
    assert detector.rows_ is not None
    assert numbers is not None
    names = [column.name for column in numbers.template.numeric]
    usual = [numbers.usual_for(text) for text in detector.rows_.texts(test)]
    low, high, *expected = (
        np.asarray([[getattr(own, end) for own in row] for row in usual])
        for end in ("low", "high", "expected_low", "expected_high")
    )
    values = test[names].astype(float).to_numpy()
    ranges = high - low
    width = np.median((expected[1] - expected[0]) / np.where(ranges > 0, ranges, np.nan), axis=0)
    other = values[rng.permutation(len(values))]
    is_changed = (np.abs(other - values) > _CHANGED * ranges) & (low <= other) & (other <= high)
    is_outside = (other < expected[0]) | (other > expected[1])
    return Found(
        table,
        float(((low <= values) & (values <= high)).mean()),
        float(((expected[0] <= values) & (values <= expected[1])).mean()),
        float(np.nanmedian(width)),
        float(np.mean(width[~np.isnan(width)] < 0.5)),
        float(is_outside[is_changed].mean()) if is_changed.any() else np.nan,
        *_directions(detector, test, names, ranges, rng),
    )


def _directions(
    detector: PolarDetector,
    test: pd.DataFrame,
    names: list[str],
    ranges: columns.Array,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Return how many reasons of flagged rows say the right way, the wrong one, and the column."""
    changed, numbers = test.copy(), test[names].astype(float).to_numpy()
    places, signs = rng.integers(0, len(names), len(test)), rng.choice([-1, 1], len(test))
    for i, (j, sign) in enumerate(zip(places.tolist(), signs.tolist(), strict=True)):
        decimals = max(len(own.partition(".")[2]) for own in test[names[j]])
        cell = numbers[i, j] + sign * ranges[i, j]
        changed.at[i, names[j]] = f"{cell:.{decimals}f}"
    seen = detector.assess(changed)
    rows = np.flatnonzero(seen.is_anomaly & (ranges[np.arange(len(test)), places] > 0))
    by_column = pd.DataFrame(seen.explanation.by_column())[names].to_numpy()
    told = []
    for i in rows.tolist():
        source = seen.odd_cells[i].seen(Column(names[places[i]]))
        assert isinstance(source, Column)
        is_first = by_column[i].argmax() == places[i]
        told.append((source.direction == signs[i], source.direction == -signs[i], is_first))
    right, wrong, named = np.mean(told, axis=0).tolist() if told else (np.nan,) * 3
    return right, wrong, named


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--n-train", type=int, default=300, help="normal rows at most")
    parser.add_argument("--n-test", type=int, default=300, help="new ones at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = []
    for table in columns.tables_of_normal_rows(options.data):
        found.append(found_in(table.name, table.normal, options))
        common.say(f"{found[-1]}")
    frame = pd.DataFrame(found).drop(columns="table")
    said = {
        "new normal cells between the usual numbers": "within_usual",
        "between the expected numbers": "within_expected",
        "width of what is expected, in usual ranges, median over columns": "width",
        "columns of which it is less than half": "narrow",
        "usual cells of another row outside what is expected there": "swapped_outside",
        "raised or lowered, flagged: the column counts most": "named",
        "said to be high or low, rightly": "right",
        "wrongly": "wrong",
    }
    print(f"{common.machine()}; seed {options.seed}; {len(frame)} tables\n")
    rows = [
        [what, f"{frame[own].mean():.3f}", f"{frame[own].min():.2f} to {frame[own].max():.2f}"]
        for what, own in said.items()
    ]
    print(common.markdown_table(["share", "mean over tables", "from, to"], rows))


if __name__ == "__main__":
    main()
