"""Kill `polar-detect score` at random moments, fill its disk, and give the same command again.

    python experiments/fault_test.py [--kills 50] [--full-disks 10] [--rows 5000] [--seed 0]

Fits a detector on a tiny random model, so that a run takes seconds, and scores a CSV once
undisturbed. Then starts the same command again and again, and kills it (SIGKILL) at random
moments of each phase in turn: before the first finished chunk, behind one, while the output is
written. The output must not exist before it is whole, and then has to equal the undisturbed one
byte for byte, with nothing else left in its folder.

A full disk is a limit on the size of the files that the process may write (RLIMIT_FSIZE): at a
random size, it meets a chunk, or the output. The command has to end with one line and exit code 1,
and the same command with room again has to finish the work.

Prints how often each of this happened. Reads: no data set. Takes: not noted.
"""

import argparse
import csv
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

TIMEOUT_S = 3600
START, CHUNKS, OUTPUT = "before the first chunk", "behind a chunk", "while the output is written"
CHUNK_ROWS = 256  # as score finishes them
MAX_DELAY_S = {START: 8.0, CHUNKS: 0.1, OUTPUT: 0.05}
CHUNK_BYTES = 5000  # of a finished chunk, about
# Every run is a process of its own, which is killed like any other; forked from one that has
# imported what takes most of its start. That one has not calculated, so it has no threads to lose.
_FORKS = multiprocessing.get_context("forkserver")
_IMPORTS = tuple(f"polar_detect.{name}" for name in ("cli.commands.score", "engine"))


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

    @property
    def whole(self) -> Path:
        """What an undisturbed run writes."""
        return self.folder / "whole.csv"

    def partial(self, out: Path) -> Path:
        """Return where the progress towards `out` is kept."""
        return out.with_name(f".{out.name}.partial")

    def rejected(self, out: Path) -> Path:
        """Return where the rows go that cannot be read."""
        return out.with_suffix(".rejected.csv")


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


def start(place: Place, out: Path, max_bytes: int | None = None) -> ForkServerProcess:
    """Start to score; `max_bytes` is the most that a file may hold."""
    arguments = ["score", str(place.source), "--detector", str(place.detector)]
    arguments += ["--text-column", "text", "--out", str(out)]
    said = place.folder / ("log.txt" if max_bytes is None else "said.txt")
    process = _FORKS.Process(target=score, args=(arguments, said, max_bytes))
    process.start()
    return process


def score(arguments: list[str], said: Path, max_bytes: int | None) -> None:
    """Run the command line in a process of its own, what it says going to a file."""
    from polar_detect.cli import main

    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    if max_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
    sys.argv = ["polar-detect", *arguments]
    main()


def end_of(process: ForkServerProcess) -> int:
    """Wait for a process and return its exit code."""
    process.join(TIMEOUT_S)
    assert process.exitcode is not None
    return process.exitcode


def phase_of(place: Place, out: Path) -> str | None:
    """Return how far an unfinished run has come; None where there is none."""
    if any(place.folder.glob(".polar-detect-*.part")):
        return OUTPUT
    if not place.partial(out).exists():
        return None
    return CHUNKS if n_finished(place, out) else START


def n_finished(place: Place, out: Path) -> int:
    return len(list(place.partial(out).glob("chunk-*.parquet")))


def wait_for(
    phase: str, process: ForkServerProcess, place: Place, out: Path, n_chunks: int
) -> None:
    """Wait until a run is in a phase; behind a chunk: until so many chunks are finished.

    By what the run has done, not by the clock: on a busy machine every kill would come too early.
    """
    while process.is_alive() and not out.exists():
        reached = phase_of(place, out)
        if reached == OUTPUT or (phase == START and reached is not None):
            return
        if phase == CHUNKS and reached == CHUNKS and n_finished(place, out) >= n_chunks:
            return
        time.sleep(0.002)


def run_through(place: Place, out: Path) -> None:
    if end_of(start(place, out)):
        raise SystemExit((place.folder / "log.txt").read_text())


def kill(
    phase: str, place: Place, out: Path, args: argparse.Namespace, chance: random.Random
) -> str:
    """Start to score and kill it in a phase; return in which it was."""
    process = start(place, out)
    wait_for(phase, process, place, out, chance.randint(1, -(-args.rows // CHUNK_ROWS)))
    time.sleep(chance.uniform(0, MAX_DELAY_S[phase]))
    process.kill()
    code = end_of(process)
    if code not in {0, -signal.SIGKILL}:
        raise SystemExit((place.folder / "log.txt").read_text())
    return "too late" if code == 0 else phase_of(place, out) or "with nothing unfinished"


def kill_until_done(place: Place, expected: bytes, args: argparse.Namespace) -> Counter[str]:
    """Kill in each phase in turn, and let a run finish behind every third kill."""
    out, chance, seen = place.folder / "killed.csv", random.Random(args.seed), Counter[str]()
    rejected = place.rejected(out)
    expected_rejected = place.rejected(place.whole).read_bytes()
    before = set(place.folder.iterdir())
    n_killed = 0
    while n_killed < args.kills:
        for phase in (START, CHUNKS, OUTPUT):
            where = kill(phase, place, out, args, chance)
            seen[f"killed {where}"] += 1
            n_killed += where != "too late"
            if out.exists():  # whole, by promise, even where the kill came behind it
                seen["different"] += out.read_bytes() != expected
                out.unlink()
        run_through(place, out)
        seen["finished"] += 1
        seen["different"] += out.read_bytes() != expected
        seen["different"] += rejected.read_bytes() != expected_rejected
        seen["left something behind"] += set(place.folder.iterdir()) != before | {out, rejected}
        out.unlink()
        rejected.unlink()
        print(f"\r{n_killed} kills, {seen['finished']} finished", end="", file=sys.stderr)
    print(file=sys.stderr)
    return seen


def fill_disks(place: Place, expected: bytes, args: argparse.Namespace) -> Counter[str]:
    """Score with too little room, then again with enough."""
    out, chance, seen = place.folder / "filled.csv", random.Random(args.seed), Counter[str]()
    rejected = place.rejected(out)
    expected_rejected = place.rejected(place.whole).read_bytes()
    for i in range(args.full_disks):
        max_bytes = chance.randrange(500, chance.choice((CHUNK_BYTES, len(expected))))
        code = end_of(start(place, out, max_bytes))
        said = (place.folder / "said.txt").read_text(encoding="utf-8").splitlines()
        is_told = code == 1 and said[-1].startswith("polar-detect: ") and "too large" in said[-1]
        seen["told in one line"] += is_told
        seen["not told"] += not is_told
        seen["output in spite of it"] += out.exists()
        seen["with finished chunks"] += any(place.partial(out).glob("chunk-*.parquet"))
        run_through(place, out)
        seen["finished with room again"] += 1
        seen["different"] += out.read_bytes() != expected
        seen["different"] += rejected.read_bytes() != expected_rejected
        out.unlink()
        rejected.unlink()
        print(f"\r{i + 1} full disks", end="", file=sys.stderr)
    print(file=sys.stderr)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--full-disks", type=int, default=10)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _FORKS.set_forkserver_preload([*_IMPORTS])
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        prepare(place, args.rows)
        run_through(place, place.whole)
        seen = kill_until_done(place, place.whole.read_bytes(), args)
        filled = fill_disks(place, place.whole.read_bytes(), args)
        left = sorted(p.name for p in place.folder.iterdir() if p.name.startswith("."))
    for what, n in sorted(seen.items()):
        print(f"{what}: {n}")
    for what, n in sorted(filled.items()):
        print(f"full disk, {what}: {n}")
    print(f"left behind: {left or 'nothing'}")
    is_lost = (
        seen["different"]
        or seen["left something behind"]
        or filled["different"]
        or filled["output in spite of it"]
    )
    if is_lost or filled["not told"] or left:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
