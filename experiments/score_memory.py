"""The memory of `polar-detect score` by the number of rows.

    python experiments/score_memory.py --detector DIR [--rows 10000 100000 1000000]

Rows repeat 500 distinct short texts, so that reading, keeping progress and writing are what
grows, and a million rows take minutes: the model reads 500 texts whatever the number of rows.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

N_DISTINCT = 500


def write_rows(path: Path, n_rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([i, f"Pump {i % N_DISTINCT} leaks oil again"] for i in range(n_rows))


def peak_of_score(source: Path, detector: Path, out: Path) -> tuple[float, float]:
    """Return the largest resident memory in MB, sampled ten times a second, and the seconds."""
    command = "from polar_detect.cli import main; main()"
    arguments = ["score", str(source), "--detector", str(detector), "--text-column", "text"]
    begun, peak = time.monotonic(), 0
    with subprocess.Popen(
        [sys.executable, "-c", command, *arguments, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"score ended with {process.returncode}")
    return peak / 1e6, time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--ending", default="csv", help="csv or parquet, of the output")
    args = parser.parse_args()
    print("| rows | peak memory, MB | seconds |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "rows.csv", Path(folder) / f"out.{args.ending}"
        for n_rows in args.rows:
            write_rows(source, n_rows)
            peak, seconds = peak_of_score(source, args.detector, out)
            print(f"| {n_rows:,} | {peak:,.0f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
