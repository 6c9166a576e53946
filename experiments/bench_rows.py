"""How long rows take that are judged by their columns, beside the detector of texts.

    python experiments/bench_rows.py [--rows 20000] [--rows-texts 500] [--repeats 3]

Whole processes, from the command to its end, models in the cache: `polar-detect fit` on orders (two
numbers, five columns of words that repeat), and `polar-detect score` of new ones to CSV, with
`--detector columns` and with `texts`, which gets fewer rows. What is left when a score of a single
row is taken off says how many rows a second there are. In turn; figures are medians.

Prints seconds and rows a second. Reads: no data set. Takes: not noted.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import common
import kinds
import numpy as np
from bench_processes import CLI, timed_process

_DETECTORS = ("columns", "texts")
_JOBS = ("fit", "score one", "score")


def main() -> None:
    options = _options()
    n_rows = {"columns": options.rows, "texts": options.rows_texts}
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        commands = _commands(Path(name), options.n_train, n_rows)
        for repeat in range(options.repeats):
            for key, command in commands.items():
                wall_s, _ = timed_process(["-c", CLI, *command])
                found.setdefault(key, []).append(wall_s)
                common.say(f"{repeat}: {' '.join(key)}: {wall_s:.1f} s")
    medians = {key: statistics.median(seconds) for key, seconds in found.items()}
    rows = []
    for own in _DETECTORS:
        fit_s, one_s, score_s = (medians[own, job] for job in _JOBS)
        a_second = (n_rows[own] - 1) / (score_s - one_s)
        figures = [f"{fit_s:.1f}", f"{one_s:.1f}", f"{n_rows[own]:,}: {score_s:.1f}"]
        rows.append([own, *figures, f"{a_second:,.0f}"])
    print(f"{common.machine()}; fitted on {options.n_train} orders; median of {options.repeats}\n")
    header = ["detector", "fit, s", "score of one row, s", "score of rows, s", "rows a second"]
    print(common.markdown_table(header, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n-train", type=int, default=600, help="normal rows (default: 600)")
    parser.add_argument("--rows", type=int, default=20_000, help="by columns (default: 20,000)")
    parser.add_argument("--rows-texts", type=int, default=500, help="by texts (default: 500)")
    parser.add_argument("--repeats", type=int, default=3, help="default: 3")
    return parser.parse_args()


def _commands(
    folder: Path, n_train: int, n_rows: dict[str, int]
) -> dict[tuple[str, str], list[str]]:
    """Write the tables; return the commands by detector and job, in the order of running."""
    files = {"train": n_train, "one": 1, **n_rows}
    for seed, (name, n) in enumerate(files.items()):
        rows = kinds.orders(np.random.default_rng(seed), n)
        rows = rows.rename(columns={"program": "recipe"})  # that name is a result of `score`
        rows.to_csv(folder / f"{name}.csv", index=False)
    commands: dict[tuple[str, str], list[str]] = {}
    for own in _DETECTORS:
        out = str(folder / f"detector-{own}")
        whole = ["--all-columns", "--detector", own]
        commands[own, "fit"] = ["fit", str(folder / "train.csv"), *whole, "--out", out]
        for job, file in (("score one", "one"), ("score", own)):
            result = folder / f"{own}-{file}-scored.csv"
            inputs = [str(folder / f"{file}.csv"), "--detector", out, "--out", str(result)]
            commands[own, job] = ["score", *inputs]
    return commands


if __name__ == "__main__":
    main()
