"""How soon many small batches tell of a change, and how often of one that is none.

    python experiments/monitoring.py [--streams 200] [--seeds 20]

First with normal scores: detectors with 39, 79, 99 and 399 held-out ones, streams of 1,000 and of
10,000 without a change, and such that change after 200: by .25, .5 or 1 standard deviation, or from
5 % to 15 % of scores far beyond the others. The monitor, at .01 for ever, against what else may be
asked of batches of 20: the Kolmogorov–Smirnov test of each at .01, and at .01 divided by as many
batches as there are (50); and CUSUM charts (Page, 1954) of scores in standard deviations of the
held-out ones, for a shift of one half up or down, with the limit that gives 1 % of false alarms in
1,000 scores where mean and deviation are known.

Then with scores of detectors: machine states of AI4I 2020 drawn at random and in the order of time,
invented parts in lots of 25 of which a fifth or half of the variance is the lot's, where dates or a
column of lots tell and where nothing does; CLINC150 queries drawn at random, of which a
third are out of scope after 500. Reads: ai4i2020, clinc150. Takes: 15 min.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import common
import lots
import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import NDArray

from polar_detect import DriftMonitor, PolarDetector
from polar_detect.statistics.exchangeability import ExchangeabilityTest

_BATCH, _USUAL, _N, _LEVEL = 20, 200, 1_000, 0.01
_HALF = 0.25  # of the shift that a CUSUM chart looks for
Scores = NDArray[np.float64]
Method = Callable[[Scores, Scores], float]  # held-out and new scores → rows until an alarm
CHANGES: dict[str, Callable[[np.random.Generator, int], Scores]] = {
    "none": lambda rng, n: rng.normal(size=n),
    "0.25": lambda rng, n: rng.normal(0.25, size=n),
    "0.5": lambda rng, n: rng.normal(0.5, size=n),
    "1": lambda rng, n: rng.normal(1, size=n),
    "5 → 15 %": lambda rng, n: with_strange(rng, n, 0.15),
}


def with_strange(rng: np.random.Generator, n: int, share: float) -> Scores:
    """Return normal scores of which a share are far beyond the others."""
    return np.where(rng.random(n) < share, rng.normal(6, size=n), rng.normal(size=n))


def by_monitor(held_out: Scores, new: Scores) -> float:
    test = ExchangeabilityTest(held_out.tolist())
    for i, score in enumerate(new.tolist()):
        if test.add(score).is_changed:
            return i + 1
    return np.inf


def by_batches(held_out: Scores, new: Scores, level: float = _LEVEL) -> float:
    for i in range(0, len(new) - _BATCH + 1, _BATCH):
        if scipy.stats.ks_2samp(held_out, new[i : i + _BATCH]).pvalue <= level:
            return i + _BATCH
    return np.inf


def charted(held_out: Scores, new: Scores) -> Scores:
    """Return the higher of the two sums of a CUSUM chart after each score."""
    steps = (new - held_out.mean()) / held_out.std(ddof=1)
    sums = []
    for sign in (1, -1):
        total = np.concatenate([[0.0], (sign * steps - _HALF).cumsum()])
        sums.append((total - np.minimum.accumulate(total))[1:])
    higher: Scores = np.maximum(*sums)
    return higher


def chart_limit(rng: np.random.Generator, n_streams: int = 2_000) -> float:
    """Return the limit of a chart that one in a hundred streams of 1,000 exceeds."""
    known = np.asarray([-1.0, 1.0]) / np.sqrt(2)  # mean 0, deviation 1
    highest = [charted(known, rng.normal(size=_N)).max() for _ in range(n_streams)]
    return float(np.quantile(highest, 1 - _LEVEL))


def simulated(n_streams: int) -> list[list[str]]:
    """Return a line for each number of held-out scores, change and method."""
    limit = chart_limit(np.random.default_rng(0))

    def by_chart(held_out: Scores, new: Scores) -> float:
        over = np.flatnonzero(charted(held_out, new) > limit)
        return float(over[0]) + 1 if len(over) else np.inf

    methods: dict[str, Method] = {
        "monitor": by_monitor,
        "each batch at .01": by_batches,
        "each batch at .01 / 50": lambda held_out, new: by_batches(held_out, new, _LEVEL / 50),
        "CUSUM": by_chart,
    }
    lines = []
    for n_held_out in (39, 79, 99, 399):
        for change, later in CHANGES.items():
            streams = []
            for seed in range(n_streams):
                rng = np.random.default_rng([seed, n_held_out])
                before = with_strange if "%" in change else lambda rng, n, _: rng.normal(size=n)
                held_out, usual = (before(rng, n, 0.05) for n in (n_held_out, _USUAL))
                streams.append((held_out, np.concatenate([usual, later(rng, _N - _USUAL)])))
            for name, method in methods.items():
                found = np.asarray([method(*stream) for stream in streams])
                lines.append([str(n_held_out), change, name, *_said(found, change)])
    return lines


def _said(found: NDArray[np.float64], change: str) -> list[str]:
    """Return the share of alarms before a change and behind it, and the delay of half of them."""
    start = _N if change == "none" else _USUAL
    is_late = found > start
    delay = np.median(found[is_late] - start) if is_late.any() else np.inf
    behind = "" if change == "none" else f"{np.isfinite(found[is_late]).mean():.3f}"
    return [f"{(found <= start).mean():.3f}", behind, f"{delay:.0f}" if behind else ""]


def long_streams(n_streams: int) -> list[list[str]]:
    """Return how many streams of 10,000 without a change are said to have changed."""
    lines = []
    for n_held_out in (39, 99, 399):
        found = []
        for seed in range(n_streams):
            rng = np.random.default_rng([seed, n_held_out, 1])
            found.append(by_monitor(rng.normal(size=n_held_out), rng.normal(size=10_000)))
        lines.append([str(n_held_out), f"{np.isfinite(found).mean():.3f}"])
    return lines


def of_rows(
    make: lots.Make, n_seeds: int, *, groups: Literal["time", "auto"] | None, drawn: bool = False
) -> list[str]:
    """Return of how many scores one counts, and how often the 300 rows behind are a change."""
    found, n_each = [], []
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        numbers = make(rng)
        if drawn:
            numbers = rng.permutation(numbers)
        rows = pd.DataFrame(numbers, columns=[f"value {i}" for i in range(numbers.shape[1])])
        if groups == "auto":
            rows["Lot"] = [f"L{100 + i // 25}" for i in range(len(rows))]
        detector = PolarDetector("columns").fit(rows[:300], groups=groups)
        monitor, moved = DriftMonitor(detector), DriftMonitor(detector)
        found.append(monitor.add(detector.assess(rows[300:]).scores).is_changed)
        off = rows[300:].copy()
        off["value 0"] += 1.5 * numbers[:, 0].std()
        n_each.append(monitor.n_each)
        found.append(moved.add(detector.assess(off).scores).is_changed)
    alarms = np.reshape(found, (n_seeds, 2)).mean(0)
    return [f"{np.median(n_each):.0f}", f"{alarms[0]:.2f}", f"{alarms[1]:.2f}"]


def of_queries(data: Path, n_fits: int = 3, n_orders: int = 30) -> list[str]:
    """Return false alarms over 1,500 CLINC150 queries, and the delay of those out of scope."""
    usual: list[str] = []
    strange: list[str] = []
    for text, intent in common.clinc_pairs(data, "train"):
        (strange if intent == "oos" else usual).append(text)
    strange += [t for t, intent in common.clinc_pairs(data, "oos_test") if intent == "oos"]
    alarms, delays = [], []
    for seed in range(n_fits):
        rng = np.random.default_rng(seed)
        chosen = [usual[i] for i in rng.permutation(len(usual))[:2_100]]
        detector = PolarDetector("texts", seed=seed).fit(chosen[:600])
        later, others = (-detector.score_samples(own) for own in (chosen[600:], strange[:300]))
        for _ in range(n_orders):
            order = rng.permutation(later)
            alarms.append(DriftMonitor(detector).add(order).is_changed)
            mixed = np.where(rng.random(1_000) < 1 / 3, rng.choice(others, 1_000), order[500:])
            monitor = DriftMonitor(detector)
            monitor.add(order[:500])
            seen = (i + 1 for i, score in enumerate(mixed) if monitor.add(score).is_changed)
            delays.append(next(seen, np.inf))
    return [
        f"{np.mean(alarms):.3f}",
        f"{np.median(delays):.0f}",
        f"{np.isfinite(delays).mean():.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=20)
    common.add_data_option(parser)
    options = parser.parse_args()
    asked: dict[str, tuple[lots.Make, Literal["time", "auto"] | None, bool]] = {
        "machine states, drawn": (lots.machine_states(options.data), None, True),
        "machine states, in time": (lots.machine_states(options.data), "time", False),
        "machine states, in time, untold": (lots.machine_states(options.data), None, False),
        "lots, a fifth": (lots.in_lots(0.2), "auto", False),
        "lots, half": (lots.in_lots(0.5), "auto", False),
        "lots, half, untold": (lots.in_lots(0.5), None, False),
        "wandering": (lots.wandering, "time", False),
    }
    header = ["rows", "one of", "alarms", "alarms, a column 1.5 off"]
    rows = [
        [name, *of_rows(make, options.seeds, groups=groups, drawn=drawn)]
        for name, (make, groups, drawn) in asked.items()
    ]
    _show(header, rows)
    _show(["held out", "alarms in 10,000"], long_streams(options.streams))
    header = ["held out", "change", "by", "alarms before", "alarms behind", "delay"]
    _show(header, simulated(options.streams))
    _show(["alarms in 1,500 queries", "delay", "seen"], [of_queries(options.data)])


def _show(header: Sequence[str], rows: list[list[str]]) -> None:
    common.say(common.markdown_table([*header], rows))


if __name__ == "__main__":
    main()
