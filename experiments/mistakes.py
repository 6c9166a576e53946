"""Which rows are said to hold a mistake, and whether it is the right one.

    python experiments/mistakes.py [--seeds 3] [--n-train 300] [--n-new 150]

Normal rows of the tables of `columns.py`, each class in turn, but for pixels of digits, to fit on,
and later ones, in each of which something is wrong. One number, not 0, has its point moved by one
or two places, or the other sign, or is in inches where the column says millimetres; a cell repeats
another one; two cells are in each other's column; or all cells from one on are one column off, to
the left or to the right.
Beside them stand one number and two numbers that are wrong in another way, 1.26 to 100 times as
large or as small; the anomalies of the tables; and rows as they are.

Prints, by table, in how many rows a mistake is told, and in how many the right one, of a cell that
is wrong and with the right numbers, where it names any. Reads: adbench_classical, ai4i2020,
concrete. Takes: a minute.
"""

from collections.abc import Mapping

import columns
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector
from polar_detect.assessment import Assessment

Rows = NDArray[np.object_]  # (n_rows, n_columns): numbers as they are written

_POINTS = (0.01, 0.1, 10, 100)
_DIGITS = 0.1  # of a number may be lost where it stands in a column of larger ones
_INCH = 25.4
_N_ANOMALIES = 300
_MADE = "concrete"  # whose anomalies are such mistakes


def main() -> None:
    kinds = ("point moved", "other sign", "inches", "copied", "swapped", "a column left", "right")
    header = [heading for kind in kinds for heading in (f"{kind}: told", "the right one")]
    header += ["another number: told", "two others", "anomalies", "usual rows"]
    columns.shares_by_source(__doc__, _shares, header, unit=" [mm]")


def _shares(
    detector: PolarDetector, new: pd.DataFrame, table: columns.Table, rng: np.random.Generator
) -> list[float]:
    names, usual = [*map(str, new.columns)], new.to_numpy()
    usual = usual[(usual.astype(float) != 0).any(1)]

    def assessed(rows: Rows) -> Assessment:
        return detector.assess(pd.DataFrame(rows, columns=names), neighbours=False)

    def told(found: Assessment) -> float:
        return float(np.mean([*map(bool, found.mistakes)]))

    def both(rows: Rows, kind: str) -> list[float]:
        """Return in how many rows a mistake is told, and in how many the right one."""
        found = assessed(rows)
        right = [
            any(own.kind == kind and is_wrong[own.columns[0]] for own in mistakes)
            and _are_near(meant, dict(zip(names, map(float, was), strict=True)))
            for mistakes, meant, was, is_wrong in zip(
                found.mistakes,
                found.meant,
                usual,
                pd.DataFrame(rows != usual, columns=names).to_dict("records"),
                strict=True,
            )
        ]
        return [told(found), float(np.mean(right))]

    n = len(usual)
    wrong = 10 ** (rng.choice([-1, 1], (n, 2)) * rng.uniform(0.1, 2, (n, 2)))
    odd = table.anomalous[rng.permutation(len(table.anomalous))[:_N_ANOMALIES]]
    return [
        *both(_times(usual, rng.choice(_POINTS, (n, 1)), rng), "times"),
        *both(_times(usual, np.full((n, 1), -1.0), rng), "sign"),
        *both(_times(usual, np.full((n, 1), 1 / _INCH), rng), "unit"),
        *both(_copied(usual, rng), "copied"),
        *both(_swapped(usual, rng), "swapped"),
        *both(_one_off(usual, rng), "left"),
        *both(_one_off(usual[:, ::-1], rng)[:, ::-1], "right"),
        told(assessed(_times(usual, wrong[:, :1], rng))),
        told(assessed(_times(usual, wrong, rng))),
        np.nan if table.name.startswith(_MADE) else told(assessed(odd.astype(str))),
        told(assessed(usual)),
    ]


def _are_near(meant: Mapping[str, float], was: Mapping[str, float]) -> bool:
    """Return whether these are the numbers that the row had."""
    return all(abs(own - was[name]) <= _DIGITS * abs(was[name]) for name, own in meant.items())


def _times(rows: Rows, factors: NDArray[np.float64], rng: np.random.Generator) -> Rows:
    """Return rows with some numbers that are not 0 so many times as large."""
    found = rows.copy()
    for row, own in zip(found, factors, strict=True):
        filled = np.flatnonzero(row.astype(float))
        for factor, j in zip(own, rng.permutation(filled), strict=False):
            row[j] = str(float(row[j]) * factor)
    return found


def _copied(rows: Rows, rng: np.random.Generator) -> Rows:
    found = rows.copy()
    for row in found:
        i, j = rng.choice(len(row), 2, replace=False)
        row[i] = row[j]
    return found


def _swapped(rows: Rows, rng: np.random.Generator) -> Rows:
    found = rows.copy()
    for row in found:
        i, j = rng.choice(len(row), 2, replace=False)
        row[[i, j]] = row[[j, i]]
    return found


def _one_off(rows: Rows, rng: np.random.Generator) -> Rows:
    """Return rows of which one cell is lost, and those behind it stand one column to the left."""
    found = rows.copy()
    for row in found:
        first = rng.integers(0, len(row) - 1)
        row[first:] = [*row[first + 1 :], ""]
    return found


if __name__ == "__main__":
    main()
