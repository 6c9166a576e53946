"""What rows under new conditions come to when `fit` is told which columns are conditions.

    python experiments/conditions.py [--seeds 5]

An invented furnace (ambient temperature, set point and load; three zones, power and exit), fitted
on a week whose ambient has been within some degrees, and real tables of which rows with a
condition in its lower part are fitted on: machine states of AI4I 2020 by air temperature, up to its
median; concrete mixes by cement, up to its median, and by age, up to 28 days. Scored are other rows
under such conditions and rows under conditions beyond them (furnace: 5 K warmer), usual ones and
faulty ones: a response of the furnace or the machine that is off, a failure of the machine, the
strength of another mix. The ways: every column alike; with the conditions named; without the
columns of conditions; and an isolation forest on what a linear regression on conditions and words
leaves of the others, its p-values by a quarter of the rows held out.

Prints AUROC of faulty against usual rows under the same conditions, and which share of either is
flagged at .05. Reads: ai4i2020, concrete. Takes: 5 min.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bench_tasks
import common
import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression

from polar_detect import PolarDetector
from polar_detect.calibration import conformal_p_values
from polar_detect.metrics import auroc

_N_WEEK, _N_FIT, _N_TEST = 672, 300, 300
_WARMER, _ALPHA = 5.0, 0.05
_OFF = 3.0  # standard deviations
AMBIENT, SET_POINT, LOAD = "Ambient [°C]", "Set point [°C]", "Load [t]"
AIR, STRENGTH = "Air temperature [K]", "Strength [MPa]"
# By how much each response of the furnace is off.
_FAULTS = {"Zone 1 [°C]": 5.0, "Zone 2 [°C]": 5.0, "Zone 3 [°C]": 5.0, "Power [kW]": 5.0}
_FAULTS |= {"Exit [°C]": 12.0}
_WAYS = ("every column alike", "conditions named", "conditions left out", "regression + forest")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to fit on, and usual and faulty rows to score, under conditions as these or beyond.

    Parameters
    ----------
    conditions : tuple of str
    train : DataFrame
    scored : mapping of str to (DataFrame, DataFrame)
    """

    conditions: tuple[str, ...]
    train: pd.DataFrame
    scored: dict[str, tuple[pd.DataFrame, pd.DataFrame]]


def furnace(n_rows: int, rng: np.random.Generator, *, warmer: float = 0.0) -> pd.DataFrame:
    """Return quarters of an hour of a furnace."""
    day = np.sin(np.arange(n_rows) * 2 * np.pi / 96)
    ambient = 12 + 4 * day + rng.normal(0, 1, n_rows) + warmer
    set_point, load = rng.choice([820.0, 850.0, 880.0], n_rows), rng.normal(10, 1.5, n_rows)
    product = rng.choice(["A", "B"], n_rows)
    beside = ambient - 12
    zones = {
        f"Zone {i + 1} [°C]": set_point + off + 0.05 * beside + rng.normal(0, 0.8, n_rows)
        for i, off in enumerate((-3, 0, 2))
    }
    power = 0.08 * (set_point - 20) + 1.2 * load - 0.9 * beside + 4 * (product == "B")
    numbers = {
        **zones,
        "Power [kW]": power + rng.normal(0, 0.8, n_rows),
        "Exit [°C]": set_point - 300 + 0.6 * beside - 2 * load + rng.normal(0, 2, n_rows),
    }
    rows = {AMBIENT: ambient, SET_POINT: set_point, LOAD: load.round(2), "Product": product}
    return pd.DataFrame(rows | numbers).round({AMBIENT: 1} | dict.fromkeys(numbers, 1))


def off(rows: pd.DataFrame, steps: dict[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """Return rows of which one of some columns, in each, is off by a step."""
    names = [*steps]
    numbers, places = rows[names].to_numpy(float).copy(), rng.integers(len(names), size=len(rows))
    sizes = np.asarray([*steps.values()])[places]
    numbers[np.arange(len(rows)), places] += rng.choice([-1, 1], len(rows)) * sizes
    return rows.assign(**dict(zip(names, numbers.T, strict=True)))


def furnace_split(conditions: tuple[str, ...]) -> Callable[[np.random.Generator], Split]:
    def split(rng: np.random.Generator) -> Split:
        train, scored = furnace(_N_WEEK, rng), {}
        for where, warmer in (("within", 0.0), ("beyond", _WARMER)):
            usual, other = (furnace(_N_TEST, rng, warmer=warmer) for _ in range(2))
            scored[where] = usual, off(other, _FAULTS, rng)
        return Split(conditions, train, scored)

    return split


def real_split(
    usual: pd.DataFrame,
    condition: str,
    limit: float,
    faulty: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame],
) -> Callable[[np.random.Generator], Split]:
    """Return what draws rows of a table that is split by a condition.

    `faulty` makes faulty rows of usual ones under the same conditions, or draws some.
    """

    def split(rng: np.random.Generator) -> Split:
        low, high = (
            usual[is_there].sample(frac=1, random_state=int(rng.integers(2**31)))
            for is_there in (usual[condition] <= limit, usual[condition] > limit)
        )
        others = {"within": low[_N_FIT:][: 2 * _N_TEST], "beyond": high[: 2 * _N_TEST]}
        halves = {where: np.array_split(np.arange(len(own)), 2) for where, own in others.items()}
        scored = {
            where: (own.iloc[halves[where][0]], faulty(own.iloc[halves[where][1]], rng))
            for where, own in others.items()
        }
        return Split((condition,), low[:_N_FIT], scored)

    return split


def splits(data: Path) -> Iterator[tuple[str, Callable[[np.random.Generator], Split]]]:
    yield "furnace, ambient", furnace_split((AMBIENT,))
    yield "furnace, ambient, set point and load", furnace_split((AMBIENT, SET_POINT, LOAD))
    table = pd.read_csv(common.existing(data / "ai4i2020/ai4i2020.csv"), encoding="utf-8-sig")
    has_failed, columns = table["Machine failure"] == 1, ["Type", *bench_tasks.MACHINE_STATE]
    states, failed = table.loc[~has_failed, columns], table.loc[has_failed, columns]
    limit = float(states[AIR].median())
    others = [name for name in bench_tasks.MACHINE_STATE if name != AIR]
    steps = {name: _OFF * float(states[name].std()) for name in others}
    yield (
        "machine, a cell off",
        real_split(states, AIR, limit, lambda own, rng: off(own, steps, rng)),
    )

    def failures(own: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        is_beyond = bool((own[AIR] > limit).all())
        return failed[(failed[AIR] > limit) == is_beyond]

    yield "machine, failures", real_split(states, AIR, limit, failures)
    mixes = pd.read_excel(common.existing(data / "concrete/Concrete_Data.xls"), engine="calamine")
    names = ["Cement", "Slag", "Ash", "Water", "Plasticiser", "Coarse", "Fine", "Age", STRENGTH]
    mixes = mixes.set_axis(names, axis=1).drop_duplicates()

    def wrong(own: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        return own.assign(**{STRENGTH: rng.permutation(own[STRENGTH].to_numpy())})

    for name, limit in (("Cement", float(mixes["Cement"].median())), ("Age", 28.0)):
        yield f"concrete by {name.lower()}, wrong strength", real_split(mixes, name, limit, wrong)


def by_forest(split: Split, seed: int) -> Callable[[pd.DataFrame], tuple[np.ndarray, np.ndarray]]:
    """Return what scores rows by a forest on residuals; scores and p-values."""
    words = [name for name in split.train if not is_numeric_dtype(split.train[name])]
    responses = [name for name in split.train if name not in (*split.conditions, *words)]

    def known(rows: pd.DataFrame) -> pd.DataFrame:
        own = pd.get_dummies(rows[[*split.conditions, *words]], columns=words, dtype=float)
        return own.reindex(columns=columns, fill_value=0.0)

    columns = pd.get_dummies(split.train[[*split.conditions, *words]], columns=words).columns
    n_held = len(split.train) // 4
    held, train = split.train[:n_held], split.train[n_held:]
    lines = LinearRegression().fit(known(train), train[responses])

    def rest(rows: pd.DataFrame) -> np.ndarray:
        found: np.ndarray = rows[responses].to_numpy(float) - lines.predict(known(rows))
        return found

    forest = IsolationForest(random_state=seed).fit(rest(train))
    usual = -forest.score_samples(rest(held))

    def score(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        scores = -forest.score_samples(rest(rows))
        return scores, conformal_p_values(usual, scores)

    return score


def by_columns(split: Split, way: str) -> Callable[[pd.DataFrame], tuple[np.ndarray, np.ndarray]]:
    """Return what scores rows by a detector; scores and p-values."""
    left_out = [*split.conditions] if way == "conditions left out" else []
    named = split.conditions if way == "conditions named" else ()
    detector = PolarDetector("columns", condition_columns=named)
    detector.fit(split.train.drop(columns=left_out), groups=None)

    def score(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        found = detector.assess(rows.drop(columns=left_out))
        return np.asarray(found.scores), np.asarray(found.p_values)

    return score


def figures(split: Split, way: str, seed: int) -> list[float]:
    """Return AUROC and the shares of usual and faulty rows flagged, within and beyond."""
    score = by_forest(split, seed) if way == _WAYS[-1] else by_columns(split, way)
    found = []
    for usual, faulty in split.scored.values():
        (own, own_p), (other, other_p) = score(usual), score(faulty)
        is_faulty = np.repeat([False, True], [len(own), len(other)])
        found.append(auroc(is_faulty, np.append(own, other)))
        found += [float((p <= _ALPHA).mean()) for p in (own_p, other_p)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    table = []
    for name, draw in splits(options.data):
        for way in _WAYS:
            runs = [
                figures(draw(np.random.default_rng(seed)), way, seed)
                for seed in range(options.seeds)
            ]
            found = np.mean(runs, axis=0).tolist()
            sides = (f"{own[0]:.3f} ({own[1]:.3f}, {own[2]:.2f})" for own in (found[:3], found[3:]))
            table.append([name, way, *sides])
            common.say(" ".join(table[-1]))
    sizes = f"{_N_WEEK} rows of the furnace fitted, {_N_FIT} of others; "
    print(f"{common.machine()}; {sizes}seeds 0 to {options.seeds - 1}")
    print("AUROC (usual rows flagged, faulty rows flagged)\n")
    heads = ["rows, fault", "way", "under such conditions", "beyond them"]
    print(common.markdown_table(heads, table))


if __name__ == "__main__":
    main()
