"""Which run is strange, and where: one row for each of invented runs, against other ways.

    python experiments/runs.py [--seeds 2] [--n-fit 40,100,300] [--along | --reasons]

Four kinds of runs, whose lengths, rates and times differ: tensile tests (strain, stress, and the
temperature of the specimen), furnace cycles of two recipes (three zones and power over uneven
minutes, with phases), shots of a press (pressure, position, speed) and a gearbox (two
accelerations that share what shakes both, and its speed). Faults: a late phase, a plateau too low,
a spike, more noise, a run cut short, a slower rise, a sensor that is stuck, and a sensor that goes
with that of another run. Detectors are fitted on usual runs and score others, usual and of each
fault: the rows of `combine --one-row-each` by their columns; an isolation forest, nearest
neighbours and what principal components leave, on these rows and on 50 points of each course; and
single readings by their columns, a run scored as its highest. A quarter of the usual runs is held
out for the p-values of all but the first.

Prints AUROC of each fault against usual runs, and which share of runs is flagged at .05, of single
readings also where any of a run is; with `--along` for tensile tests by time, by readings and along
strain; with `--reasons` how often the reasons of flagged runs name the column that is off. Reads:
no data set. Takes: 20 min (EPYC, beside other work).
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass

import common
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from polar_detect import PolarDetector
from polar_detect.arrays import Float64Array
from polar_detect.calibration import conformal_p_values
from polar_detect.metrics import auroc
from polar_detect.tables import summarise_runs
from polar_detect.tables.cells.units import without_unit

_ALPHA, _N_USUAL, _N_FAULTY = 0.05, 100, 25
_N_POINTS, _N_READINGS = 50, 1000
FAULTS = ("late phase", "low plateau", "spike", "noise", "cut short", "slow rise", "stuck", "apart")
_OF_ONE_COLUMN = ("low plateau", "spike", "noise", "stuck", "apart")
_NAMED = ("flagged", "named first", "among the first three", "from 30 to 70 %")
_SHARES = ("usual flagged", "faulty flagged")
Run = dict[str, Float64Array]


@dataclass(frozen=True)
class Kind:
    """One kind of runs: what makes a usual one, and which columns are measured.

    Parameters
    ----------
    name : str
    draw : callable of a generator, `late` and `slow`
        Shares by which its middle phase begins later, and its rise takes longer.
    time : str
    """

    name: str
    draw: Callable[[np.random.Generator, float, float], tuple[Run, dict[str, str]]]
    time: str


def _steps(rng: np.random.Generator, n: int, spread: float) -> Float64Array:
    """Return times that readings are taken at, from 0 to 1, at uneven rates."""
    steps = np.exp(rng.normal(0, spread, n - 1))
    found: Float64Array = np.append(0, np.cumsum(steps)) / steps.sum()
    return found


def _ramp(at: Float64Array, start: float, stop: float) -> Float64Array:
    found: Float64Array = np.clip((at - start) / (stop - start), 0, 1)
    return found


def tensile(rng: np.random.Generator, late: float, slow: float) -> tuple[Run, dict[str, str]]:
    n = int(rng.integers(150, 400))
    at = _steps(rng, n, 0.05)
    switch, fast = rng.uniform(0.2, 0.5), rng.uniform(2, 6)  # the crosshead is sped up
    end = rng.normal(18, 1)
    strain = np.cumsum(np.where(at < switch, 1.0, fast)) / (n * fast)
    strain = end * (strain - strain[0]) / (strain[-1] - strain[0])
    modulus, strength = rng.normal(200, 4) / (1 + slow), rng.normal(420, 8)
    yields, hardening = rng.normal(0.35, 0.02) * (1 + 4 * late), rng.normal(160, 8)
    elastic = 10 * modulus * strain
    plastic = strength * yields / 0.35 + hardening * (1 - np.exp(-strain / (6 * (1 + 2 * late))))
    neck = 1 - 0.35 * _ramp(strain / end, 0.85, 1.0) ** 2
    stress = np.minimum(elastic, plastic) * neck + rng.normal(0, 1.5, n)
    warm = 23 + rng.normal(0, 0.5) + 4 * strain / end + rng.normal(0, 0.1, n)
    columns = {"Time [s]": at * n * 0.25, "Strain [%]": strain + rng.normal(0, 0.004, n)}
    return columns | {"Stress [MPa]": stress, "Specimen [°C]": warm}, {"Material": "DX51"}


def furnace(rng: np.random.Generator, late: float, slow: float) -> tuple[Run, dict[str, str]]:
    n = int(rng.integers(120, 260))
    at = _steps(rng, n, 0.8)
    recipe = str(rng.choice(["A", "B"]))
    top = {"A": 820.0, "B": 880.0}[recipe] + rng.normal(0, 2)
    heated = rng.normal(0.30, 0.012) * (1 + slow)
    cools = rng.normal(0.75, 0.012) * (1 + late)
    common_part = 20 + (top - 20) * (_ramp(at, 0, heated) - 0.8 * _ramp(at, cools, 1.02))
    wander = rng.normal(0, 1.5) + 3 * np.sin(2 * np.pi * (2 * at + rng.random()))
    found = {"Time [min]": at * rng.normal(180, 6)}
    for i, off in enumerate((-4.0, 0.0, 3.0)):
        own = common_part + off + wander + rng.normal(0, 0.8) + rng.normal(0, 0.8, n)
        found[f"Zone {i + 1} [°C]"] = own
    power = 20 + 60 * (at < heated) + 0.05 * (top - 800) + 15 * ((heated <= at) & (at < cools))
    found["Power [kW]"] = power - 0.4 * wander + rng.normal(0, 1, n)
    return found, {"Recipe": recipe}


def shot(rng: np.random.Generator, late: float, slow: float) -> tuple[Run, dict[str, str]]:
    n = int(rng.integers(180, 240))
    at = _steps(rng, n, 0.02)
    filled = rng.normal(0.25, 0.008) * (1 + slow)
    packed = rng.normal(0.65, 0.01) * (1 + late)
    peak, hold = rng.normal(900, 12), rng.normal(520, 6)
    rise = peak * _ramp(at, 0.02, filled) ** 1.6
    hold_on = hold + (peak - hold) * np.exp(-np.maximum(at - filled, 0) / 0.04)
    pressure = np.where(at < filled, rise, hold_on) * (1 - _ramp(at, packed, packed + 0.08))
    position = 80 - 68 * _ramp(at, 0.02, filled) - 4 * _ramp(at, filled, packed)
    position += 72 * _ramp(at, packed + 0.1, 1.0) + rng.normal(0, 0.3)
    speed = np.gradient(position, at) / 40
    found = {"Time [s]": at * rng.normal(24, 0.3), "Pressure [bar]": pressure}
    found |= {"Position [mm]": position, "Speed [mm/s]": speed}
    spread = {"Pressure [bar]": 4.0, "Position [mm]": 0.05, "Speed [mm/s]": 0.2}
    noisy = {name: own + rng.normal(0, spread.get(name, 0), n) for name, own in found.items()}
    return noisy, {"Resin": "PP"}


def gearbox(rng: np.random.Generator, late: float, slow: float) -> tuple[Run, dict[str, str]]:
    n = int(rng.integers(300, 500))
    at = _steps(rng, n, 0.01)
    up, down = 0.2 * (1 + slow), min(0.8 * (1 + late), 0.98)
    speed = 1500 * (_ramp(at, 0, up) - _ramp(at, down, 1.0)) * rng.normal(1, 0.01)
    phase = np.cumsum(speed) / 1500 * rng.normal(2.2, 0.02)
    shaken = np.convolve(rng.normal(0, 1, n), np.ones(6) / 6, "same")
    load = 0.4 + speed / 1500
    front = load * (np.sin(phase) + 1.5 * shaken) + rng.normal(0, 0.15, n)
    rear = load * (0.7 * np.sin(phase + 0.5) + 1.3 * shaken) + rng.normal(0, 0.15, n)
    found = {"Time [s]": at * n * 0.01, "Speed [rpm]": speed + rng.normal(0, 4, n)}
    return found | {"Front [g]": front, "Rear [g]": rear}, {"Gear": str(rng.choice(["3", "4"]))}


KINDS = (
    Kind("tensile tests", tensile, "Time [s]"),
    Kind("furnace cycles", furnace, "Time [min]"),
    Kind("shots", shot, "Time [s]"),
    Kind("gearbox", gearbox, "Time [s]"),
)


def drawn(kind: Kind, fault: str | None, rng: np.random.Generator) -> pd.DataFrame:
    """Return the readings of a run, usual or with a fault."""
    late = rng.uniform(0.04, 0.08) if fault == "late phase" else 0.0
    slow = rng.uniform(0.08, 0.15) if fault == "slow rise" else 0.0
    run, said = kind.draw(rng, late, slow)
    names = [name for name in run if name != kind.time]
    name = str(rng.choice(names))
    own, n = run[name], len(run[name])
    size = np.ptp(own)
    if fault == "low plateau":
        middle = slice(int(0.4 * n), int(0.65 * n))
        own[middle] -= 0.03 * size
    elif fault == "spike":
        own[rng.integers(n // 10, n)] += rng.choice([-1, 1]) * 0.12 * size
    elif fault == "noise":
        own += rng.normal(0, 0.015 * size, n)
    elif fault == "stuck":
        start = int(rng.uniform(0.5, 0.8) * n)
        own[start:] = own[start]
    elif fault == "apart":
        other, _ = kind.draw(rng, 0.0, 0.0)
        places = np.linspace(0, 1, n)
        run[name] = np.interp(places, np.linspace(0, 1, len(other[name])), other[name])
    stop = int(rng.uniform(0.86, 0.96) * n) if fault == "cut short" else n
    readings = pd.DataFrame(run).iloc[:stop].assign(**said)
    readings.attrs["off"] = name  # the column, for faults of one
    return readings


def rows_of(runs: list[pd.DataFrame], along: str | None = None) -> pd.DataFrame:
    """Return one row for each run, each made by itself."""
    return pd.concat([summarise_runs(run, along=along).frame for run in runs], ignore_index=True)


def points_of(runs: list[pd.DataFrame]) -> Float64Array:
    """Return so many points of each course of a number, over time, side by side."""
    found = []
    for run in runs:
        numbers = run.select_dtypes("number")
        time = numbers.iloc[:, 0].to_numpy()
        places = np.linspace(time[0], time[-1], _N_POINTS)
        courses = [np.interp(places, time, own) for own in numbers.iloc[:, 1:].to_numpy().T]
        found.append(np.concatenate([*courses, [time[-1] - time[0]]]))
    return np.asarray(found)


def numbers_of(rows: pd.DataFrame, names: list[str]) -> Float64Array:
    own = pd.get_dummies(rows, dtype=float).reindex(columns=names, fill_value=0.0)
    found: Float64Array = own.to_numpy(np.float64, na_value=np.nan)
    return found


Scored = tuple[Float64Array, Float64Array]  # scores and p-values of the runs to score


def by_columns(train: pd.DataFrame, test: pd.DataFrame) -> Scored:
    found = PolarDetector("columns").fit(train, groups=None).assess(test)
    return np.asarray(found.scores), np.asarray(found.p_values)


def by_baseline(name: str, train: Float64Array, test: Float64Array, seed: int) -> Scored:
    """Return what a usual method says, its p-values by a quarter of the runs."""
    middle, spread = np.nanmedian(train, axis=0), np.nanstd(train, axis=0)
    train, test = (
        np.nan_to_num((own - middle) / np.where(spread > 0, spread, 1)) for own in (train, test)
    )
    n_held = len(train) // 4

    def scores(known: Float64Array, own: Float64Array) -> Float64Array:
        if name == "forest":
            found = -IsolationForest(random_state=seed).fit(known).score_samples(own)
        elif name == "neighbours":
            found = NearestNeighbors(n_neighbors=5).fit(known).kneighbors(own)[0].mean(axis=1)
        else:
            parts = PCA(0.95).fit(known)
            rest = own - parts.inverse_transform(parts.transform(own))
            found = np.sqrt((rest**2).mean(axis=1))
        return np.asarray(found, np.float64)

    held = scores(train[n_held:], train[:n_held])
    return scores(train, test), conformal_p_values(held, scores(train[n_held:], test))


def by_readings(
    train: list[pd.DataFrame], test: list[pd.DataFrame], seed: int
) -> dict[str, Scored]:
    """Return the highest score of a run's readings, with two p-values.

    That of the highest score by a quarter of the runs, and the lowest of the readings' own.
    """
    n_held = len(train) // 4
    known = pd.concat(train[n_held:]).iloc[:, 1:]
    some = known.sample(min(len(known), _N_READINGS), random_state=seed)
    detector = PolarDetector("columns").fit(some, groups=None)

    def highest(runs: list[pd.DataFrame]) -> Scored:
        found = detector.assess(pd.concat(runs).iloc[:, 1:])
        ends = np.cumsum([len(run) for run in runs])[:-1]
        scores = np.split(np.asarray(found.scores), ends)
        p_values = np.split(np.asarray(found.p_values), ends)
        return np.array([own.max() for own in scores]), np.array([own.min() for own in p_values])

    scores, lowest = highest(test)
    return {
        "highest reading": (scores, conformal_p_values(highest(train[:n_held])[0], scores)),
        "any reading flagged": (scores, lowest),
    }


def ways(train: list[pd.DataFrame], test: list[pd.DataFrame], seed: int) -> dict[str, Scored]:
    rows, new = rows_of(train), rows_of(test)
    names = [*pd.get_dummies(rows, dtype=float).columns]
    summaries = numbers_of(rows, names), numbers_of(new, names)
    points = points_of(train), points_of(test)
    found = {"one row each, columns": by_columns(rows, new)}
    for name in ("forest", "neighbours", "components"):
        found[f"one row each, {name}"] = by_baseline(name, *summaries, seed)
        found[f"{_N_POINTS} points, {name}"] = by_baseline(name, *points, seed)
    return found | by_readings(train, test, seed)


def along_ways(train: list[pd.DataFrame], test: list[pd.DataFrame], _: int) -> dict[str, Scored]:
    untimed = [[run.drop(columns="Time [s]") for run in runs] for runs in (train, test)]
    return {
        "by time": by_columns(rows_of(train), rows_of(test)),
        "by readings": by_columns(*map(rows_of, untimed)),
        "along strain": by_columns(rows_of(train, "Strain"), rows_of(test, "Strain")),
    }


def measured(
    kind: Kind,
    n_fit: int,
    seed: int,
    scored: Callable[[list[pd.DataFrame], list[pd.DataFrame], int], dict[str, Scored]],
) -> pd.DataFrame:
    """Return a row for each way: AUROC of each fault, and which share of runs is flagged."""
    rng = np.random.default_rng(1000 * seed + n_fit)
    train = [drawn(kind, None, rng) for _ in range(n_fit)]
    usual = [drawn(kind, None, rng) for _ in range(_N_USUAL)]
    faulty = {fault: [drawn(kind, fault, rng) for _ in range(_N_FAULTY)] for fault in FAULTS}
    test = [*usual, *(run for own in faulty.values() for run in own)]
    is_faulty = np.repeat([False, True], [_N_USUAL, _N_FAULTY])
    table = {}
    for way, (scores, p_values) in scored(train, test, seed).items():
        by_fault = np.split(scores[_N_USUAL:], len(FAULTS))
        cells = {
            fault: auroc(is_faulty, np.append(scores[:_N_USUAL], own))
            for fault, own in zip(FAULTS, by_fault, strict=True)
        }
        mean = float(np.mean([*cells.values()]))
        is_flagged = p_values <= _ALPHA
        shares = (float(own.mean()) for own in (is_flagged[:_N_USUAL], is_flagged[_N_USUAL:]))
        table[way] = {"mean": mean, **dict(zip(_SHARES, shares, strict=True)), **cells}
    return pd.DataFrame(table).T


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--n-fit", default="40,100,300", help="numbers of usual runs")
    parser.add_argument("--along", action="store_true", help="compare what courses go along")
    parser.add_argument("--reasons", action="store_true", help="ask what the reasons name")
    options = parser.parse_args()
    if options.reasons:
        for kind in KINDS:
            own = pd.concat([reasons(kind, 100, seed) for seed in range(options.seeds)])
            print_table(f"{kind.name}, 100 fitted", own.groupby(level=0, sort=False).mean())
        return
    kinds, scored = (KINDS[:1], along_ways) if options.along else (KINDS, ways)
    sizes = [*map(int, options.n_fit.split(","))]
    found: dict[tuple[str, int], pd.DataFrame] = {}
    for n_fit in sizes:
        for kind in kinds:
            runs = [measured(kind, n_fit, seed, scored) for seed in range(options.seeds)]
            found[kind.name, n_fit] = own = pd.concat(runs).groupby(level=0, sort=False).mean()
            common.say(f"{kind.name}, {n_fit}\n{own.round(3).to_string()}")
    print(f"{common.machine()}; seeds 0 to {options.seeds - 1}\n")
    print("AUROC of each fault, and shares flagged at .05\n")
    for n_fit in sizes:
        of_kinds = pd.concat([found[kind.name, n_fit] for kind in kinds])
        print_table(f"{n_fit} usual runs", of_kinds.groupby(level=0, sort=False).mean())
    means = {f"{name}, {n_fit}": own["mean"] for (name, n_fit), own in found.items()}
    print_table("mean AUROC", pd.DataFrame(means))


def reasons(kind: Kind, n_fit: int, seed: int) -> pd.DataFrame:
    """Return for faults of one column how often the reasons of flagged runs name it.

    First, or among the first three; and of a low plateau, from 40 to 65 % of the readings, whether
    one of these is a tenth between 30 and 70 %.
    """
    rng = np.random.default_rng(1000 * seed + n_fit)
    train = [drawn(kind, None, rng) for _ in range(n_fit)]
    detector = PolarDetector("columns").fit(rows_of(train), groups=None)
    table = {}
    for fault in _OF_ONE_COLUMN:
        runs = [drawn(kind, fault, rng) for _ in range(_N_FAULTY)]
        found = detector.assess(rows_of(runs))
        names = [without_unit(run.attrs["off"]) for run in runs]
        top = [str(own).split("; ")[:3] for own in found.to_frame()["top_columns"]]
        own = [
            [name in said[0], any(name in part for part in said), _in_middle(name, said)]
            for name, said, is_flagged in zip(names, top, found.is_anomaly, strict=True)
            if is_flagged
        ]
        shares = np.mean(own, axis=0) if own else np.full(3, np.nan)
        table[fault] = dict(zip(_NAMED, [len(own) / len(runs), *shares.tolist()], strict=True))
    return pd.DataFrame(table).T


def _in_middle(name: str, said: list[str]) -> bool:
    places = [re.search(rf"{re.escape(name)} at (\d+)-", part) for part in said]
    return any(30 <= int(place[1]) < 70 for place in places if place is not None)


def print_table(head: str, table: pd.DataFrame) -> None:
    rows = [
        [str(way), *(f"{cell:.3f}" for cell in cells)]
        for way, cells in zip(table.index, table.to_numpy(), strict=True)
    ]
    print(common.markdown_table([head, *table.columns], rows) + "\n")


if __name__ == "__main__":
    main()
