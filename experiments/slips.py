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

import columns
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector

_POINTS = (0.01, 0.1, 10, 100)
_DIGITS = 0.02  # of what is meant: rounding takes so much off a number whose point moved left


def main() -> None:
    header = ["point moved: told", "right", "other sign: told", "right"]
    header += ["another number: told", "usual rows: told"]
    columns.shares_by_source(__doc__, _shares, header)


def _shares(
    detector: PolarDetector,
    frame: pd.DataFrame,
    _: NDArray[np.float64],
    rng: np.random.Generator,
) -> list[float]:
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
