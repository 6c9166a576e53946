"""Which numbers that were mistyped are said to be slips, and whether the right number is named.

    python experiments/slips.py [--seeds 3] [--n-train 300] [--n-new 150]

Normal rows of the tables of `columns.py`, each class in turn, but for pixels of digits, to fit on,
and later ones, in each of which one number, not 0, is mistyped: the point is moved by one or two
places, or the sign is wrong.
Beside it stand numbers that are wrong in another way: 1.26 to 100 times as large or as small; and
rows as they are.

Prints, by table, how many of the mistyped numbers are told and with the right number, and in how
many of the other rows something is told. Reads: adbench_classical, ai4i2020, concrete. Takes: half
a minute.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence

import columns
import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector

_POINTS = (0.01, 0.1, 10, 100)
_FEWEST = 10  # rows to test on
_DIGITS = 0.02  # of what is meant: rounding takes so much off a number whose point moved left


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=300)
    parser.add_argument("--n-new", type=int, default=150)
    options = parser.parse_args()
    found = defaultdict(list)
    for seed in range(options.seeds):
        for table in columns.tables_of_normal_rows(options.data):
            rng = np.random.default_rng(seed)
            detector, new = columns.fitted_and_new(
                table.normal, options.n_train, options.n_new, rng
            )
            if len(new) >= _FEWEST and not table.name.startswith("digits"):
                found[table.name.split()[0].strip(",")].append(_shares(detector, new, rng))
    print(f"{common.machine()}; {options.seeds} seeds\n")
    header = ["table", "point moved: told", "right", "other sign: told", "right"]
    header += ["another number: told", "usual rows: told"]
    lines = [_line(source, shares) for source, shares in found.items()]
    lines.append(_line("all", [one for shares in found.values() for one in shares]))
    print(common.markdown_table(header, lines))


def _line(source: str, shares: Sequence[Sequence[float]]) -> list[str]:
    return [source, *(f"{share:.3f}" for share in np.mean(shares, axis=0))]


def _shares(detector: PolarDetector, frame: pd.DataFrame, rng: np.random.Generator) -> list[float]:
    assert detector.rows_ is not None
    names = [column.name for column in detector.rows_.numeric]
    new = frame[names].astype(float)
    filled = [np.flatnonzero(row) for row in new.to_numpy()]
    kept = np.flatnonzero([len(own) > 0 for own in filled])
    chosen = [int(rng.choice(filled[i])) for i in kept]
    was = new.to_numpy()[kept, chosen]

    def told(factors: NDArray[np.float64]) -> tuple[float, float]:
        """Return of how many numbers something is told, and of how many what they were."""
        typed = new.to_numpy()[kept]
        typed[np.arange(len(kept)), chosen] *= factors
        rows = frame.iloc[kept].assign(**pd.DataFrame(typed, kept, names).astype(str))
        meant = detector.assess(rows).meant
        said = np.asarray([own.get(names[j], np.nan) for own, j in zip(meant, chosen, strict=True)])
        is_right = np.abs(said - was) <= _DIGITS * np.abs(was)
        return float(np.mean(~np.isnan(said))), float(np.mean(is_right))

    n = len(kept)
    other = 10 ** (rng.choice([-1, 1], n) * rng.uniform(0.1, 2, n))
    return [
        *told(rng.choice(_POINTS, n)),
        *told(np.full(n, -1.0)),
        told(other)[0],
        float(np.mean([bool(own) for own in detector.assess(frame.iloc[kept]).meant])),
    ]


if __name__ == "__main__":
    main()
