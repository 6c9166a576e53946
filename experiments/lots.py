"""How often rows of new lots are flagged, and whether a batch of one lot is said to differ.

    python experiments/lots.py [--seeds 10]

Rows in the order of time, of which those near one another are alike: invented parts in lots of 25,
of which none, a fifth, half or four fifths of the variance is the lot's; machines whose readings
wander (autocorrelation .95 from row to row); machine states of AI4I 2020 without a failure, whose
temperatures do. A detector is fitted on 300 rows, by their columns; scored are the 300 rows behind
them, and these with one number off by three standard deviations. It holds each normal row against
the others without those near it, as it does where dates show the order; without those of its lot,
where a column names lots and nothing tells of time; and against all others.

Prints which share of usual and of spoilt rows is flagged at .05, AUROC, and how many of the later
batches of 25 usual rows are said to differ. Reads: ai4i2020. Takes: 3 min.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import bench_tasks
import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector
from polar_detect.metrics import auroc

_N, _N_OF_LOT, _N_COLUMNS = 300, 25, 5
_OFF = 3.0  # standard deviations
_NEAR, _LOT, _ALL = "without those near", "without those of its lot", "all others"
Numbers = NDArray[np.float64]
_GROUPS: dict[str, Literal["time", "auto"] | None] = {_NEAR: "time", _LOT: "auto", _ALL: None}
Make = Callable[[np.random.Generator], Numbers]


def in_lots(share: float) -> Make:
    """Return what makes rows of which a share of the variance is their lot's."""

    def make(rng: np.random.Generator) -> Numbers:
        lots = rng.normal(size=(2 * _N // _N_OF_LOT, _N_COLUMNS))
        own = rng.normal(size=(2 * _N, _N_COLUMNS))
        rows: Numbers = np.sqrt(share) * np.repeat(lots, _N_OF_LOT, 0) + np.sqrt(1 - share) * own
        return rows

    return make


def wandering(rng: np.random.Generator, kept: float = 0.95) -> Numbers:
    """Return readings of which each keeps a part of the one before."""
    own = rng.normal(size=(2 * _N, _N_COLUMNS))
    for i in range(1, len(own)):
        own[i] = kept * own[i - 1] + np.sqrt(1 - kept**2) * own[i]
    return own


def machine_states(data: Path) -> Make:
    """Return what draws machine states that follow one another."""
    table = pd.read_csv(common.existing(data / "ai4i2020/ai4i2020.csv"), encoding="utf-8-sig")
    states = table.loc[table["Machine failure"] == 0, [*bench_tasks.MACHINE_STATE]]
    numbers = states.drop(columns="Tool wear [min]").to_numpy(np.float64)

    def make(rng: np.random.Generator) -> Numbers:
        begin = rng.integers(len(numbers) - 2 * _N)
        return numbers[begin:][: 2 * _N]

    return make


def figures(numbers: Numbers, rng: np.random.Generator, *, way: str) -> list[float]:
    """Return shares of usual and spoilt rows flagged, AUROC, and of batches said to differ."""
    names = [f"value {i + 1}" for i in range(numbers.shape[1])]
    rows = pd.DataFrame(numbers, columns=names)
    if way == _LOT:
        rows["Lot"] = [f"L{100 + i // _N_OF_LOT}" for i in range(2 * _N)]
    detector = PolarDetector("columns").fit(rows[:_N], groups=_GROUPS[way])
    later = rows[_N:]
    spoilt, columns = later[names].to_numpy().copy(), rng.integers(len(names), size=_N)
    step = _OFF * numbers[:_N].std(0)[columns] * rng.choice([-1, 1], _N)
    spoilt[np.arange(_N), columns] += step
    odd = later.assign(**dict(zip(names, spoilt.T, strict=True)))
    found = [detector.assess(own) for own in (later, odd)]
    scores = [np.asarray(own.scores) for own in found]
    batches = np.split(scores[0], _N // _N_OF_LOT)
    differ = [detector.fitted_.drift_of(own).is_drifted for own in batches]
    is_odd = np.repeat([False, True], _N)
    return [
        *(float(own.is_anomaly.mean()) for own in found),
        auroc(is_odd, np.concatenate(scores)),
        float(np.mean(differ)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    sources: dict[str, Make] = {
        **{f"lots, {share:.1f} of the variance": in_lots(share) for share in (0.0, 0.2, 0.5, 0.8)},
        "wandering readings": wandering,
        "machine states": machine_states(options.data),
    }
    table = []
    for name, make in sources.items():
        for way in (_NEAR, _LOT, _ALL) if name.startswith("lots") else (_NEAR, _ALL):
            runs = []
            for seed in range(options.seeds):
                rng = np.random.default_rng(seed)
                runs.append(figures(make(rng), rng, way=way))
            table.append([name, way, *(f"{value:.3f}" for value in np.mean(runs, axis=0))])
            common.say(" ".join(table[-1]))
    sizes = f"{_N} rows fitted, {_N} + {_N} scored, seeds 0 to {options.seeds - 1}"
    print(f"{common.machine()}; {sizes}\n")
    shares = ["usual rows flagged", "spoilt rows flagged", "AUROC", "batches said to differ"]
    print(common.markdown_table(["rows", "held against", *shares], table))


if __name__ == "__main__":
    main()
