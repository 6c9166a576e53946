"""The memory of `polar-detect score` by the number of rows.

    python experiments/score_memory.py --detector DIR [--rows 10000 100000 1000000]
        [--ending csv|parquet] [--distinct 500] [--preset fast] [--svg FILE]

Rows repeat `--distinct` short texts, so that reading, keeping progress and writing are what
grows, and a million rows take minutes: the model reads 500 texts whatever the number of rows.
With --distinct 0 every row is another text, which the model has to read.

Prints a table, and ends with exit code 1 above a bound. Reads: no data set. Takes: 10 min
(Parquet, up to 10 million rows).
"""

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from bench_processes import Usage, usage_of

GOAL_MB = 2500
PARTS = ("Pump", "Valve", "Conveyor", "Gearbox", "Press", "Fan", "Bearing", "Motor")
FAULTS = ("leaks oil again", "is stuck", "runs hot", "is noisy", "was replaced", "needs a seal")
_GROUP_ROWS = 100_000


def texts(n_rows: int, n_distinct: int) -> Iterator[str]:
    for i in range(n_rows):
        k = i % n_distinct if n_distinct else i
        yield f"{PARTS[k % 8]} {k} {FAULTS[k % 6]}"


def write_rows(path: Path, n_rows: int, n_distinct: int) -> None:
    rows = enumerate(texts(n_rows, n_distinct))
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            writer.writerows(rows)
        return
    schema = pa.schema({"id": pa.int64(), "text": pa.string()})
    with pq.ParquetWriter(path, schema) as parquet:
        for start in range(0, n_rows, _GROUP_ROWS):
            group = [next(rows) for _ in range(min(_GROUP_ROWS, n_rows - start))]
            ids, own = zip(*group, strict=True)
            parquet.write_table(pa.table([ids, own], schema=schema))


def usage_of_score(source: Path, out: Path, args: argparse.Namespace) -> Usage:
    arguments = ["score", str(source), "--detector", str(args.detector), "--text-column", "text"]
    return usage_of([*arguments, "--out", str(out), "--preset", args.preset])


def draw(points: dict[int, Usage], path: Path) -> None:
    """Draw the memory over the rows, beside the goal."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([*points], [own.peak_mb for own in points.values()], marker="o")
    axes.axhline(GOAL_MB, linestyle="--", color="grey")
    axes.set(xscale="log", ylim=(0, GOAL_MB * 1.1), xlabel="rows", ylabel="peak memory, MB")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--ending", default="csv", choices=["csv", "parquet"])
    parser.add_argument("--distinct", type=int, default=500)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--svg", type=Path)
    args = parser.parse_args()
    print("| rows | peak memory, MB | seconds |\n|---|---|---|")
    points: dict[int, Usage] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, out = (Path(folder) / f"{name}.{args.ending}" for name in ("rows", "out"))
        for n_rows in args.rows:
            write_rows(source, n_rows, args.distinct)
            points[n_rows] = own = usage_of_score(source, out, args)
            print(f"| {n_rows:,} | {own.peak_mb:,.0f} | {own.seconds:.0f} |", flush=True)
    if args.svg is not None:
        draw(points, args.svg)
    if max(own.peak_mb for own in points.values()) > GOAL_MB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
