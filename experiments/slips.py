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

from polar_detect.frames import row_template
from polar_detect.pipeline.training import MIN_NORMAL
from polar_detect.signature.columns.numbers import NumberReference

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
            rows = rng.permutation(table.normal)
            n = min(options.n_train, max(int(0.6 * len(rows)), MIN_NORMAL))
            normal, new = rows[:n], rows[n:][: options.n_new]
            if len(new) >= _FEWEST and not table.name.startswith("digits"):
                found[table.name.split()[0].strip(",")].append(_shares(normal, new, rng))
    print(f"{common.machine()}; {options.seeds} seeds\n")
    header = ["table", "point moved: told", "right", "other sign: told", "right"]
    header += ["another number: told", "usual rows: told"]
    lines = [_line(source, shares) for source, shares in found.items()]
    lines.append(_line("all", [one for shares in found.values() for one in shares]))
    print(common.markdown_table(header, lines))


def _line(source: str, shares: Sequence[Sequence[float]]) -> list[str]:
    return [source, *(f"{share:.3f}" for share in np.mean(shares, axis=0))]


def _shares(
    normal: NDArray[np.float64], new: NDArray[np.float64], rng: np.random.Generator
) -> list[float]:
    frame = _frame(normal)
    template = row_template(frame)
    reference = NumberReference.fit(template, template.texts(frame))
    assert reference is not None
    names = [column.name for column in template.numeric]
    filled = [np.flatnonzero([row[_place(name)] != 0 for name in names]) for row in new]
    kept = np.flatnonzero([len(own) > 0 for own in filled])
    new = new[kept]
    chosen = [names[rng.choice(filled[i])] for i in kept]

    def told(factors: NDArray[np.float64]) -> tuple[float, float]:
        """Return of how many numbers something is told, and of how many what they were."""
        typed = new.copy()
        for row, name, factor in zip(typed, chosen, factors, strict=True):
            row[_place(name)] *= factor
        meant = reference.meant(template.texts(_frame(typed)))
        said = [own.get(name) for own, name in zip(meant, chosen, strict=True)]
        was = [row[_place(name)] for row, name in zip(new, chosen, strict=True)]
        right = [
            own is not None and abs(own - true) <= _DIGITS * abs(true)
            for own, true in zip(said, was, strict=True)
        ]
        return float(np.mean([own is not None for own in said])), float(np.mean(right))

    n = len(new)
    other = 10 ** (rng.choice([-1, 1], n) * rng.uniform(0.1, 2, n))
    usual = reference.meant(template.texts(_frame(new)))
    return [
        *told(rng.choice(_POINTS, n)),
        *told(np.full(n, -1.0)),
        told(other)[0],
        float(np.mean([bool(own) for own in usual])),
    ]


def _frame(rows: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame(rows.astype(str)).add_prefix("column ")


def _place(name: str) -> int:
    return int(name.split()[1])


if __name__ == "__main__":
    main()
