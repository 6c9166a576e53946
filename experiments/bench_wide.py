"""How long rows of hundreds of columns take, and how much memory.

    python experiments/bench_wide.py [--shapes 400x100 2000x500]

Whole processes: `polar-detect fit` on invented rows of numbers that go together, `score` and
`report` of as many new ones, and up to `--limits` columns `inspect --detection-limits`.

Prints seconds and largest memory. Reads: no data set. Takes: 2 min (EPYC, beside other work).
"""

import argparse
import tempfile
from pathlib import Path

import common
import numpy as np
import pandas as pd
from bench_processes import usage_of


def main() -> None:
    options = _options()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for shape in options.shapes:
            n_rows, n_columns = map(int, shape.split("x"))
            for seed, file in enumerate(("train", "new")):
                sensors(n_rows, n_columns, seed).to_csv(folder / f"{file}.csv", index=False)
            for job, command in _commands(folder, n_columns <= options.limits).items():
                used = usage_of(command)
                common.say(f"{shape}: {job}: {used.seconds:.1f} s")
                size = f"{n_rows:,} × {n_columns:,}"
                rows.append([size, job, f"{used.seconds:.1f}", f"{used.own_mb:,.0f}"])
    print(f"{common.machine()}\n")
    print(common.markdown_table(["rows × columns", "job", "s", "memory, MB"], rows))


def sensors(n_rows: int, n_columns: int, seed: int) -> pd.DataFrame:
    """Return rows of numbers, a fifth of which go with each of some hidden causes."""
    n_causes = max(3, n_columns // 25)
    shared = np.random.default_rng(0)  # of all tables of so many columns
    loads = shared.normal(size=(n_causes, n_columns)) * (shared.random((n_causes, n_columns)) < 0.2)
    rng = np.random.default_rng(seed + 1)
    values = rng.normal(size=(n_rows, n_causes)) @ loads + rng.normal(size=(n_rows, n_columns))
    return pd.DataFrame(values.round(3)).add_prefix("sensor ")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=["400x100", "2000x500"])
    parser.add_argument("--limits", type=int, default=100, help="columns (default: 100)")
    return parser.parse_args()


def _commands(folder: Path, has_limits: bool) -> dict[str, list[str]]:
    """Return the commands by job, in the order of running."""
    train, new, detector = (str(folder / name) for name in ("train.csv", "new.csv", "detector"))
    fitted = ["--detector", detector, "--out"]
    found = {
        "fit": ["fit", train, "--all-columns", "--out", detector],
        "score": ["score", new, *fitted, str(folder / "scored.csv")],
        "report": ["report", new, *fitted, str(folder / "report.html")],
    }
    if has_limits:
        found["detection limits"] = ["inspect", detector, "--detection-limits"]
    return found


if __name__ == "__main__":
    main()
