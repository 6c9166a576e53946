"""Kill `polar-detect score` at random moments, and give the same command again.

    python experiments/fault_test.py [--kills 50] [--rows 700] [--seed 0]

Fits a detector on a tiny random model, so that a run takes seconds, and scores a CSV once
undisturbed. Then starts the same command again and again, and kills it (SIGKILL): half of the
times at any moment from the start, half while it scores and writes. The output must not exist
before it is whole, and then has to equal the undisturbed one byte for byte.
"""

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

TIMEOUT_S = 600


@dataclass(frozen=True)
class Place:
    """Where the trial happens."""

    folder: Path

    @property
    def source(self) -> Path:
        """Rows to score."""
        return self.folder / "rows.csv"

    @property
    def detector(self) -> Path:
        """Folder of the fitted detector."""
        return self.folder / "detector"

    def partial(self, out: Path) -> Path:
        """Return where the progress towards `out` is kept."""
        return out.with_name(f".{out.name}.partial")


def prepare(place: Place, n_rows: int) -> None:
    """Fit a tiny detector and write rows: repeated, empty, over two lines, ragged."""
    from tiny_models import CONFIGS, save_tiny
    from work_orders import NORMAL

    from polar_detect.detector import PolarDetector

    model = save_tiny(CONFIGS["llama"], place.folder / "model")
    PolarDetector(model=str(model)).fit(NORMAL).save(place.detector)
    with place.source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        for i in range(n_rows):
            text = f"{NORMAL[i % 60]}, shift {i // 60 % 3}"
            writer.writerow([i, "" if i % 83 == 0 else text.replace(",", "\n") * (1 + i % 2)])
            if i % 101 == 5:
                writer.writerow([i, text, "one cell too many"])


def start(place: Place, out: Path) -> subprocess.Popen[bytes]:
    command = "from polar_detect.cli import main; main()"
    arguments = ["score", str(place.source), "--detector", str(place.detector)]
    arguments += ["--text-column", "text", "--out", str(out)]
    log = (place.folder / "log.txt").open("ab")
    return subprocess.Popen([sys.executable, "-c", command, *arguments], stderr=log, stdout=log)


def wait_for_work(process: subprocess.Popen[bytes], place: Place, out: Path) -> None:
    while not place.partial(out).exists() and process.poll() is None:
        time.sleep(0.002)


def undisturbed(place: Place, out: Path) -> tuple[float, float]:
    """Run once; return the seconds that it took, and those of them behind the start."""
    begun = time.monotonic()
    process = start(place, out)
    wait_for_work(process, place, out)
    at_work = time.monotonic()
    if process.wait(TIMEOUT_S):
        raise SystemExit((place.folder / "log.txt").read_text())
    return time.monotonic() - begun, time.monotonic() - at_work


def kill_until_done(
    place: Place, expected: bytes, times: tuple[float, float], args: argparse.Namespace
) -> Counter[str]:
    out, chance, seen = place.folder / "killed.csv", random.Random(args.seed), Counter[str]()
    while seen["killed"] < args.kills:
        process = start(place, out)
        if chance.random() < 0.5:
            wait_for_work(process, place, out)
            time.sleep(chance.uniform(0, times[1]))
        else:
            time.sleep(chance.uniform(0, times[0]))
        process.send_signal(signal.SIGKILL)
        code = process.wait(TIMEOUT_S)
        if code == -signal.SIGKILL:
            seen["killed"] += 1
            n_chunks = len(list(place.partial(out).glob("chunk-*.parquet")))
            seen[f"with {n_chunks} finished chunks"] += 1
        elif code:
            raise SystemExit((place.folder / "log.txt").read_text())
        if out.exists():  # whole, by promise, even where the kill came behind it
            seen["finished"] += 1
            seen["different"] += out.read_bytes() != expected
            out.unlink()
        print(f"\r{seen['killed']} kills, {seen['finished']} finished", end="", file=sys.stderr)
    print(file=sys.stderr)
    process = start(place, out)
    if process.wait(TIMEOUT_S):
        raise SystemExit((place.folder / "log.txt").read_text())
    seen["finished"] += 1
    seen["different"] += out.read_bytes() != expected
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=700)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        prepare(place, args.rows)
        whole = place.folder / "whole.csv"
        times = undisturbed(place, whole)
        print(f"undisturbed: {times[0]:.1f} s, {times[1]:.1f} s of it behind the start")
        seen = kill_until_done(place, whole.read_bytes(), times, args)
        left = sorted(p.name for p in place.folder.iterdir() if p.name.startswith("."))
    for what, n in sorted(seen.items()):
        print(f"{what}: {n}")
    print(f"left behind: {left or 'nothing'}")
    if seen["different"] or left:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
