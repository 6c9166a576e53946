"""Kill `polar-detect score` at random moments, fill its disk, and give the same command again.

    python experiments/fault_test.py [--kills 50] [--full-disks 10] [--rows 700] [--seed 0]

Fits a detector on a tiny random model, so that a run takes seconds, and scores a CSV once
undisturbed. Then starts the same command again and again, and kills it (SIGKILL): half of the
times at any moment from the start, half while it scores and writes. The output must not exist
before it is whole, and then has to equal the undisturbed one byte for byte.

A full disk is a limit on the size of the files that the process may write (RLIMIT_FSIZE): at a
random size, it meets a chunk, or the output. The command has to end with one line and exit code 1,
and the same command with room again has to finish the work.
"""

import argparse
import csv
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

TIMEOUT_S = 3600
CHUNK_ROWS = 256  # as score finishes them
MAX_DELAY_S = 0.1  # behind a chunk; the next one takes about as long
CHUNK_BYTES = 5000  # of a finished chunk, about


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


def start(place: Place, out: Path, max_bytes: int | None = None) -> subprocess.Popen[bytes]:
    """Start to score; `max_bytes` is the most that a file may hold."""

    def limit() -> None:
        if max_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))

    command = "from polar_detect.cli import main; main()"
    arguments = ["score", str(place.source), "--detector", str(place.detector)]
    arguments += ["--text-column", "text", "--out", str(out)]
    log = (place.folder / "log.txt").open("ab")
    with (place.folder / "said.txt").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-c", command, *arguments],
            stderr=log if max_bytes is None else said,
            stdout=log,
            preexec_fn=limit,
        )


def wait_for_work(process: subprocess.Popen[bytes], place: Place, out: Path) -> None:
    while not place.partial(out).exists() and process.poll() is None:
        time.sleep(0.002)


def wait_for_chunks(process: subprocess.Popen[bytes], place: Place, out: Path, n: int) -> None:
    def n_finished() -> int:
        return len(list(place.partial(out).glob("chunk-*.parquet")))

    while n_finished() < n and process.poll() is None and not out.exists():
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
            # By chunks, not by the clock: on a busy machine every kill would come too early.
            n_chunks = -(-args.rows // CHUNK_ROWS)
            wait_for_chunks(process, place, out, chance.randrange(n_chunks + 1))
            time.sleep(chance.uniform(0, MAX_DELAY_S))
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


def fill_disks(place: Place, expected: bytes, args: argparse.Namespace) -> Counter[str]:
    """Score with too little room, then again with enough."""
    out, chance, seen = place.folder / "filled.csv", random.Random(args.seed), Counter[str]()
    for i in range(args.full_disks):
        max_bytes = chance.randrange(500, chance.choice((CHUNK_BYTES, len(expected))))
        code = start(place, out, max_bytes).wait(TIMEOUT_S)
        said = (place.folder / "said.txt").read_text(encoding="utf-8").splitlines()
        is_told = code == 1 and said[-1].startswith("polar-detect: ") and "too large" in said[-1]
        seen["told in one line"] += is_told
        seen["not told"] += not is_told
        seen["output in spite of it"] += out.exists()
        seen["with finished chunks"] += any(place.partial(out).glob("chunk-*.parquet"))
        if start(place, out).wait(TIMEOUT_S):
            raise SystemExit((place.folder / "log.txt").read_text())
        seen["finished with room again"] += 1
        seen["different"] += out.read_bytes() != expected
        out.unlink()
        print(f"\r{i + 1} full disks", end="", file=sys.stderr)
    print(file=sys.stderr)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--full-disks", type=int, default=10)
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
        filled = fill_disks(place, whole.read_bytes(), args)
        left = sorted(p.name for p in place.folder.iterdir() if p.name.startswith("."))
    for what, n in sorted(seen.items()):
        print(f"{what}: {n}")
    for what, n in sorted(filled.items()):
        print(f"full disk, {what}: {n}")
    print(f"left behind: {left or 'nothing'}")
    is_lost = seen["different"] or filled["different"] or filled["output in spite of it"]
    if is_lost or filled["not told"] or left:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
