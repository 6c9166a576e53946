"""Where a number is told to stay the same from row to row for longer than usual.

    python experiments/flat_runs.py [--seeds 3] [--n-train 300] [--n-new 150]

Normal rows of the tables of `columns.py`, each class in turn, but for pixels of digits, to fit on,
and later ones, of which one column of ten different numbers and more stays the same for 5, 8, 12,
20 and 40 rows, or in all of 60: told of that column, from that row on. The same where the later
rows are held against each other. Beside it stand the AUROC of the default score on such rows, the
share of rows that are told a flat run in usual ones, and in how many files of these any is told.

Beside these stand machine states in the order in which they were recorded, and invented tables of
sensors as they behave: with noise, slow, held for some rows or for many, on and off, at the end of
their scale, with few counts or zeros mostly, set points, a number of each lot. Of each a file that
follows the normal rows; the same where these are in another order, are every seventh row only,
or the file was sorted by that column; and a file that is held against itself.

At last tables with words beside a number that may stay the same: lots, products, or recipes and
machines with a number each, of which one stands in many rows in a row, known or new; and numbers
that vary within these words, or change at other rows, and stay the same for as long.

Prints, by table, by kind of sensor and by what words say, the share of files in which a flat run
is told, and by sensor also where one stays the same for 40 rows. Reads: adbench_classical,
ai4i2020, concrete. Takes: 5 min.
"""

import argparse
from collections.abc import Callable

import columns
import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector
from polar_detect.metrics import auroc
from polar_detect.signature.flat_runs import FlatRun, FlatRuns, UsualRuns
from polar_detect.tables import RowTemplate

Array = NDArray[np.float64]
Rng = np.random.Generator

_LENGTHS = (5, 8, 12, 20, 40)
_AUROC_AT = 20
_N_FILE = 60
_VARIED = 10  # different numbers
_N_NORMAL, _N_NEXT, _N_STUCK = 600, 300, 40
_N_FILES = 20  # of each kind of sensor, by seed
_EVERY = 7
_LONG = slice(_N_NORMAL + 100, _N_NORMAL + 250)  # rows of one word


def main() -> None:
    header = [f"{n} rows" for n in _LENGTHS] + [f"all of {_N_FILE}"]
    header += [f"{n} rows, held against each other" for n in _LENGTHS[2:]]
    header += [f"AUROC of the score, {_AUROC_AT} rows", "usual rows", "usual files"]
    options = columns.shares_by_source(__doc__, _shares, header)
    kinds = ["as they are", "another order", "every seventh", "sorted", "against itself"]
    lines = [
        [name, *map("{:.2f}".format, _shares_of_files(name, options.seeds))] for name in _SENSORS
    ]
    lines += [["machines", *map("{:.2f}".format, _shares_of_machines(options))]]
    print()
    print(common.markdown_table(["usual files", *kinds, f"{_N_STUCK} rows stuck"], lines))
    kinds = ["the words", "without them", "another order", "against itself"]
    lines = [[name, *map("{:.2f}".format, _shares_of_words(name, options.seeds))] for name in _SAID]
    print()
    print(common.markdown_table(["words beside it", *kinds], lines))


def _shares(
    detector: PolarDetector, new: pd.DataFrame, table: columns.Table, rng: Rng
) -> list[float]:
    usual = new.astype(float).to_numpy()
    template, known = detector.rows_, detector.fitted_.usual_runs
    assert template is not None
    varied = [j for j, own in enumerate(table.normal.T) if len(np.unique(own)) >= _VARIED]
    if not varied or len(usual) < 2 * _AUROC_AT:
        return [np.nan] * (len(_LENGTHS) + 1 + len(_LENGTHS[2:]) + 3)
    unknown = UsualRuns.unknown(template)

    def told(rows: Array, usual_runs: UsualRuns | None) -> tuple[FlatRun, ...]:
        return _told(template, usual_runs, columns.frame_of(rows))

    def share(n: int, usual_runs: UsualRuns | None, rows: Array) -> float:
        if n > len(rows) or (n < _N_FILE and 2 * n > len(rows)):
            return np.nan
        right = []
        for j in varied:
            stuck, first = _stuck(rows, j, n, rng)
            name = new.columns[j]
            found = told(stuck, usual_runs)
            right.append(
                any(name in own.columns and own.first <= first < own.last for own in found)
            )
        return float(np.mean(right))

    stuck, first = _stuck(usual, int(rng.choice(varied)), _AUROC_AT, rng)
    are_stuck = np.isin(np.arange(len(stuck)), np.arange(first, first + _AUROC_AT))
    scores = detector.assess(columns.frame_of(stuck), neighbours=False).scores
    found = told(usual, known)
    return [
        *(share(n, known, usual) for n in _LENGTHS),
        share(_N_FILE, known, usual[:_N_FILE]),
        *(share(n, unknown, usual) for n in _LENGTHS[2:]),
        auroc(are_stuck, scores),
        sum(own.n_rows for own in found) / len(usual),
        float(bool(found)),
    ]


def _stuck(rows: Array, column: int, n: int, rng: Rng) -> tuple[Array, int]:
    """Return rows of which some keep the number of the first of them, and which one that is."""
    first = int(rng.integers(0, len(rows) - n + 1))
    found = rows.copy()
    found[first : first + n, column] = found[first, column]
    return found, first


def _told(
    template: RowTemplate, usual: UsualRuns | None, frame: pd.DataFrame
) -> tuple[FlatRun, ...]:
    runs = FlatRuns(usual)
    runs.add(template.texts(frame))
    return runs.told


def _shares_of_files(name: str, n_seeds: int) -> list[float]:
    """Return in which share of files of one sensor a flat run is told."""
    n = _N_NORMAL + _N_NEXT
    found = []
    for seed in range(n_seeds * _N_FILES):
        rng = np.random.default_rng(seed)
        noise, said = rng.normal(0, 1, n).round(3), _SENSORS[name](n, rng)
        found.append(_tells(pd.DataFrame({"sensor": said, "other": noise}), _N_NORMAL, rng))
    return [*map(float, np.mean(found, axis=0))]


def _shares_of_machines(options: argparse.Namespace) -> list[float]:
    """Return the same of machine states in the order in which they were recorded."""
    path = common.existing(options.data / "ai4i2020/ai4i2020.csv")
    table = pd.read_csv(path)[["Process temperature [K]", "Air temperature [K]"]]
    size = _N_NORMAL + _N_NEXT
    pieces = [table[start : start + size] for start in range(0, len(table) - size + 1, size)]
    found = [
        _tells(piece.reset_index(drop=True), _N_NORMAL, np.random.default_rng(i))
        for i, piece in enumerate(pieces)
    ]
    return [*map(float, np.mean(found, axis=0))]


def _tells(frame: pd.DataFrame, n_normal: int, rng: Rng) -> list[bool]:
    """Return in which kinds of files a flat run of the first column is told."""
    name = frame.columns[0]
    normal, new = frame[:n_normal], frame[n_normal:].reset_index(drop=True)
    template = RowTemplate.fit(normal, [*frame.columns])

    def told(normal: pd.DataFrame | None, new: pd.DataFrame) -> bool:
        own = UsualRuns.unknown(template)
        if normal is not None:
            own = UsualRuns.of(template, template.texts(normal))
        return any(name in run.columns for run in _told(template, own, new))

    order = rng.permutation(n_normal)
    stuck, _ = _stuck(new[[name]].to_numpy(), 0, _N_STUCK, rng)
    return [
        told(normal, new),
        told(normal.iloc[order], new),
        told(normal[::_EVERY], new),
        told(normal, new.sort_values(name)),
        told(None, frame),
        told(normal, new.assign(**{name: stuck[:, 0]})),
    ]


def _shares_of_words(name: str, n_seeds: int) -> list[float]:
    """Return in which share of files a flat run of a number with words beside it is told."""
    found = []
    for seed in range(n_seeds * _N_FILES):
        rng = np.random.default_rng(seed)
        rows = _SAID[name](rng).assign(other=rng.normal(0, 1, _N_NORMAL + _N_NEXT).round(3))
        normal, new = rows[:_N_NORMAL], rows[_N_NORMAL:].reset_index(drop=True)
        words = rows.columns.drop(["number", "other"])
        shuffled = normal.iloc[rng.permutation(_N_NORMAL)]
        unnamed = (own.drop(columns=words) for own in (normal, new))
        cases = (normal, new), tuple(unnamed), (shuffled, new), (None, new)
        found.append([_tells_number(*case) for case in cases])
    return [*map(float, np.mean(found, axis=0))]


def _tells_number(normal: pd.DataFrame | None, new: pd.DataFrame) -> bool:
    rows = new if normal is None else normal
    template = RowTemplate.fit(rows, [*rows.columns])
    usual = UsualRuns.unknown(template)
    if normal is not None:
        usual = UsualRuns.of(template, template.texts(normal))
    return any("number" in run.columns for run in _told(template, usual, new))


def _stretches(rng: Rng, draw: Callable[[], str], rows: float, long: str) -> list[str]:
    """Return words that stay for some rows, one of them for many of the new ones."""
    found: list[str] = []
    while len(found) < _N_NORMAL + _N_NEXT:
        found += [draw()] * max(2, int(rng.poisson(rows)))
    found[_LONG] = [long] * (_LONG.stop - _LONG.start)
    return found[: _N_NORMAL + _N_NEXT]


def _lots(rng: Rng, *, varies: float = 0.0) -> pd.DataFrame:
    """Return lots with a number each, or that varies within them and is stuck in one of them."""
    names = map("L{:05d}".format, range(10_000, 20_000))
    lot = pd.Series(_stretches(rng, lambda: next(names), 4, "L99999"))
    own = lot.map({name: rng.normal(0.18, 0.01) for name in lot.unique()})
    number = (own + rng.normal(0, varies, len(lot))).round(4)
    number[_LONG] = number[_LONG.start]
    return pd.DataFrame({"lot": lot, "number": number})


def _products(rng: Rng, long: str, *, varies: float = 0.0) -> pd.DataFrame:
    """Return products with a set point each, or readings about it that are stuck in one."""
    points = dict(zip("ABCDEFGHN", rng.normal(200, 10, 9).round(1), strict=True))
    product = pd.Series(_stretches(rng, lambda: str(rng.choice([*"ABCDEFGH"])), 3, long))
    number = (product.map(points) + rng.normal(0, varies, len(product))).round(1)
    number[_LONG] = number[_LONG.start]
    return pd.DataFrame({"product": product, "number": number})


def _recipes(rng: Rng) -> pd.DataFrame:
    """Return set points that recipe and machine tell together."""
    points = {
        (r, m): 170 + 7 * i + 11 * j for i, r in enumerate("abcd") for j, m in enumerate("xyz")
    }
    both = _stretches(rng, lambda: f"{rng.choice([*'abcd'])}{rng.choice([*'xyz'])}", 2, "by")
    said = pd.DataFrame([(*own, float(points[own[0], own[1]])) for own in both])
    return said.set_axis(["recipe", "machine", "number"], axis=1)


def _slow_over_lots(rng: Rng) -> pd.DataFrame:
    """Return a slow sensor, which is stuck in one long lot."""
    n = _N_NORMAL + _N_NEXT
    lot = pd.Series([f"L{i // 3:05d}" for i in range(n)])
    number = pd.Series((100 + _slow(n, rng, keeps=0.99, spread=0.1)).round(1))
    lot[_LONG], number[_LONG] = "L99999", number[_LONG.start]
    return pd.DataFrame({"lot": lot, "number": number})


_SAID: dict[str, Callable[[Rng], pd.DataFrame]] = {
    "lots with a number each": _lots,
    "products with a set point each": lambda rng: _products(rng, "C"),
    "the same, a new product": lambda rng: _products(rng, "N"),
    "set points of recipe and machine": _recipes,
    "stuck in a lot": lambda rng: _lots(rng, varies=0.003),
    "stuck in a product": lambda rng: _products(rng, "C", varies=3),
    "stuck in a new product": lambda rng: _products(rng, "N", varies=3),
    "slow sensor, stuck in a lot": _slow_over_lots,
}


def _slow(n: int, rng: Rng, *, keeps: float, spread: float) -> Array:
    """Return a first-order autoregressive series about 0."""
    found = np.zeros(n)
    for i, step in enumerate(rng.normal(0, spread, n - 1)):
        found[i + 1] = keeps * found[i] + step
    return found


def _held(n: int, rng: Rng, rows: float, draw: Callable[[], float]) -> Array:
    """Return numbers each of which stays for some rows, a mean number of them."""
    found: list[float] = []
    while len(found) < n:
        found += [draw()] * max(1, int(rng.exponential(rows)))
    return np.asarray(found[:n])


_SENSORS: dict[str, Callable[[int, Rng], Array]] = {
    "noise, 5 steps wide": lambda n, rng: rng.normal(50, 1, n).round(0),
    "noise, 50 steps wide": lambda n, rng: rng.normal(50, 1, n).round(1),
    "slow": lambda n, rng: (100 + _slow(n, rng, keeps=0.99, spread=0.1)).round(1),
    "slower than it is read": lambda n, rng: np.round(
        100 + _slow(n, rng, keeps=0.999, spread=0.02), 1
    ),
    "held for 5 rows": lambda n, rng: _held(n, rng, 5, lambda: round(rng.normal(5, 1), 2)),
    "held for 50 rows": lambda n, rng: _held(n, rng, 50, lambda: round(rng.normal(5, 1), 2)),
    "one of a lot of 25 rows": lambda n, rng: np.repeat(rng.normal(0.18, 0.01, n).round(3), 25)[:n],
    "set points": lambda n, rng: _held(n, rng, 30, lambda: float(rng.choice([100, 120, 150]))),
    "zero, nine times of ten": lambda n, rng: np.where(
        rng.random(n) < 0.9, 0, rng.exponential(3, n)
    ).round(1),
    "off for 60 rows and on for 60": lambda n, rng: np.where(
        np.arange(n) // 60 % 2, rng.normal(20, 2, n).round(1), 3.0
    ),
    "off for a while, now and then": lambda n, rng: np.where(
        _held(n, rng, 40, lambda: float(rng.random() < 0.4)), 0, rng.normal(20, 1, n).round(1)
    ),
    "at the end of its scale": lambda n, rng: np.minimum(
        98 + _slow(n, rng, keeps=0.98, spread=0.8), 100
    ).round(1),
    "counts": lambda n, rng: rng.poisson(0.3, n).astype(float),
    "in waves": lambda n, rng: (
        10 * np.sin(np.arange(n) * np.pi / 100) + rng.normal(0, 0.05, n)
    ).round(1),
}


if __name__ == "__main__":
    main()
