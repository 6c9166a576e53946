"""What the detector `columns` finds in rows whose columns no longer go together, beside PCA.

    python experiments/relations.py [--seeds 3] [--n-train 300] [--n-test 150] [--only NAME]

Invented tables of columns that keep to each other: two sensors of one temperature, a total and its
parts, the same quantity in two units, what flows in and out, power and what it is the product of,
sensors that a few causes drive, readings along a profile. In the anomalous rows one relation is
broken by a little, so that every number by itself is usual. Beside the detector stand what process
engineers take for it, the squared residuals of principal components that keep .99 or .95 of the
variance (Q or SPE), and the baselines of `compare`.

Prints AUROC by table, and the share of usual rows that the detector flags at .05.
Reads: no data set. Takes: 4 min.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import columns
import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.metrics import auroc

Array = NDArray[np.float64]
Fault = Callable[[Array, np.random.Generator], Array]

_N_POINTS = 120


@dataclass(frozen=True)
class Table:
    """An invented table.

    Parameters
    ----------
    name : str
    rows : callable
        Of how many rows and of chance: normal ones, (n_rows, n_columns).
    fault : callable
        Of such rows and of chance: the same rows, spoilt.
    decimals : int
    """

    name: str
    rows: Callable[[int, np.random.Generator], Array]
    fault: Fault
    decimals: int = 2


def two_sensors(n: int, rng: np.random.Generator) -> Array:
    """Return three temperatures, each of two sensors, and four other columns."""
    zones = np.array([850.0, 870.0, 640.0]) + rng.normal(0, (12, 15, 9), (n, 3))
    twice = np.repeat(zones, 2, axis=1) + rng.normal(0, 0.3, (n, 6))
    return np.hstack([twice, rng.normal((2.4, 55, 7.1, 300), (0.2, 6, 0.4, 25), (n, 4))])


def shares(n: int, rng: np.random.Generator) -> Array:
    """Return a mix in percent, whose parts add up to 100 but for .1, and three other columns."""
    parts = np.array([40.0, 25.0, 15.0, 10.0, 6.0]) + rng.normal(0, (3, 2, 1.5, 1, 0.6), (n, 5))
    rest = 100 - parts.sum(1, keepdims=True) + rng.normal(0, 0.1, (n, 1))
    return np.hstack([parts, rest, rng.normal((180, 12, 3.3), (8, 1.5, 0.2), (n, 3))])


def two_units(n: int, rng: np.random.Generator) -> Array:
    """Return a temperature in °C and °F, a pressure in bar and psi, and four other columns."""
    bare = rng.normal((220, 6.2), (14, 0.4), (n, 2))
    other = np.column_stack([bare[:, 0] * 1.8 + 32, bare[:, 1] * 14.5038])
    return np.hstack([bare, other, rng.normal((40, 0.9, 15, 1000), (3, 0.05, 2, 80), (n, 4))])


def flows(n: int, rng: np.random.Generator) -> Array:
    """Return what flows into a vessel and out of it in three ways, and three other columns."""
    out = rng.gamma(20, (3.0, 2.0, 0.8), (n, 3))
    total = out.sum(1, keepdims=True) * (1 + rng.normal(0, 0.004, (n, 1)))
    return np.hstack([total, out, rng.normal((75, 2.2, 9.5), (5, 0.3, 0.6), (n, 3))])


def power(n: int, rng: np.random.Generator) -> Array:
    """Return current, voltage, what they make together, heat, speed, and three other columns."""
    current, voltage = rng.normal(42, 5, n), rng.normal(400, 9, n)
    watts = current * voltage / 1000 * (1 + rng.normal(0, 0.003, n))
    heat = 20 + 2.1 * watts + rng.normal(0, 0.4, n)
    speed = 60 * watts + rng.normal(0, 12, n)
    own = np.column_stack([current, voltage, watts, heat, speed])
    return np.hstack([own, rng.normal((5.5, 130, 0.7), (0.6, 9, 0.08), (n, 3))])


_LOADS = np.random.default_rng(7).normal(size=(3, 20))


def driven(n: int, rng: np.random.Generator) -> Array:
    """Return twenty sensors that three causes drive."""
    return 100 + 5 * (rng.normal(size=(n, 3)) @ _LOADS) + rng.normal(0, 0.5, (n, 20))


def profile(n: int, rng: np.random.Generator) -> Array:
    """Return readings along a profile of two bands on a sloping ground."""
    place = np.linspace(0, 1, _N_POINTS)
    height, width = rng.normal(1, 0.1, (n, 2, 1)), rng.normal(0.06, 0.004, (n, 2, 1))
    middle = np.array([[0.3], [0.65]])
    bands = height * np.exp(-(((place - middle) / width) ** 2) / 2)
    ground = rng.normal(0.2, 0.03, (n, 1)) + rng.normal(0, 0.05, (n, 1)) * place
    readings: Array = ground + bands.sum(1) + rng.normal(0, 0.004, (n, _N_POINTS))
    return readings


def off(low: int, high: int, by: float) -> Fault:
    """Return a fault: one of some columns off, by so many of its standard deviations."""

    def spoilt(rows: Array, rng: np.random.Generator) -> Array:
        found, spreads = rows.copy(), rows.std(0)
        place = rng.integers(low, high, len(rows))
        sign = rng.choice([-1, 1], len(rows))
        found[np.arange(len(rows)), place] += sign * by * spreads[place]
        return found

    return spoilt


def drift(rows: Array, rng: np.random.Generator) -> Array:
    """Return rows in which five sensors next to each other are off by the same."""
    found, spreads = rows.copy(), rows.std(0)
    for row, first in zip(found, rng.integers(0, rows.shape[1] - 5, len(rows)), strict=True):
        own = slice(first, first + 5)
        row[own] += rng.choice([-1, 1]) * 0.2 * spreads[own]
    return found


def moved_band(rows: Array, rng: np.random.Generator) -> Array:
    """Return profiles that stand a bit to the side."""
    place = np.linspace(0, 1, _N_POINTS)
    by = rng.choice([-1, 1], len(rows)) * 0.004
    return np.stack([np.interp(place + b, place, row) for b, row in zip(by, rows, strict=True)])


def another_band(rows: Array, rng: np.random.Generator) -> Array:
    """Return profiles with a small band more."""
    place, middle = np.linspace(0, 1, _N_POINTS), rng.uniform(0.1, 0.9, (len(rows), 1))
    found: Array = rows + 0.015 * np.exp(-(((place - middle) / 0.02) ** 2) / 2)
    return found


TABLES = (
    Table("two sensors disagree", two_sensors, off(0, 6, 0.1)),
    Table("parts that do not add up", shares, off(0, 6, 0.25)),
    Table("two units disagree", two_units, off(0, 4, 0.05)),
    Table("more flows in than out", flows, off(0, 4, 0.25)),
    Table("power off", power, off(2, 4, 0.2)),
    Table("one of twenty sensors off", driven, off(0, 20, 0.25)),
    Table("five of twenty drift together", driven, drift),
    Table("one of 120 readings off", profile, off(0, _N_POINTS, 0.25), 4),
    Table("a band moved", profile, moved_band, 4),
    Table("another band", profile, another_band, 4),
)


def measured(table: Table, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Return each method's AUROC on one draw of rows, and what the detector flags of usual ones."""
    rng, n_test = np.random.default_rng(seed), options.n_test
    rows = table.rows(options.n_train + 2 * n_test, rng)
    train, inside, outside = np.split(rows, [options.n_train, options.n_train + n_test])
    test = np.concatenate([inside, table.fault(outside, rng)])
    train, test = train.round(table.decimals), test.round(table.decimals)
    frames = [*map(columns.frame_of, (train, test))]
    detector = columns.fitted(frames[0])
    scores = {columns.OWN: -detector.score_samples(frames[1])}
    scores |= columns.squared_residuals(train, test) | columns.baseline_scores(train, test, seed)
    is_odd = np.arange(len(test)) >= n_test
    found = {method: auroc(is_odd, own) for method, own in scores.items()}
    are_flagged = detector.predict(frames[1][:n_test]) == -1
    return found | {"usual rows flagged": float(are_flagged.mean())}


def chosen(only: str) -> Iterator[Table]:
    return (table for table in TABLES if table.name.startswith(only))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=300, help="normal rows to fit on")
    parser.add_argument("--n-test", type=int, default=150, help="rows of each class")
    parser.add_argument("--only", default="", help="tables whose name begins so")
    options = parser.parse_args()
    found = {}
    for table in chosen(options.only):
        runs = [measured(table, seed, options) for seed in range(options.seeds)]
        found[table.name] = pd.DataFrame(runs).mean()
        common.say(f"{table.name}: {found[table.name][columns.OWN]:.3f}")
    frame = pd.DataFrame(found).T
    rows = [[str(name), *(f"{value:.3f}" for value in row)] for name, row in frame.iterrows()]
    rows.append(["mean", *(f"{value:.3f}" for value in frame.mean())])
    counts = f"{options.n_train} normal rows to fit on, {options.n_test} + {options.n_test} to test"
    print(f"{common.machine()}; {counts}; {options.seeds} seeds; AUROC\n")
    print(common.markdown_table(["table", *frame.columns], rows))


if __name__ == "__main__":
    main()
