"""Put broken, hostile and random files through `fit` and `score`, and count what becomes of them.

    python experiments/broken_files.py [--random 2000] [--seed 0]

The corpus of `tests/bad_inputs.py` goes through `fit` and `score` of the command line, with a
detector of a tiny random model. Then files of the corpus with some bytes changed, and random
tables of odd cells, go through `score`. Nothing may end in a traceback, everything said has to be
harmless to a terminal, and the rows have to add up: rows in = scored + empty + rejected. Last,
a row of 100 MB in memory that stays bounded.

Reads: no data set. Takes: not noted.
"""

import argparse
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import bad_inputs
from bad_inputs import BadInput
from scaling import fit_tiny

from polar_detect.detector import PolarDetector

LONG_ROW_BYTES = 100_000_000
MAX_GROWTH_MB = 300.0


def try_score(bad: BadInput, detector: Path, folder: Path) -> tuple[str, str | None]:
    """Return what became of a file, and what is wrong with that."""
    path, out = bad_inputs.write(bad, folder), folder / "results" / "out.csv"
    out.parent.mkdir(exist_ok=True)
    outcome = bad_inputs.score(path, detector, out)
    path.unlink()
    became = "refused in one line" if outcome.code else "scored, rejected rows listed"
    return became, bad_inputs.fault(bad, outcome)


def try_fit(bad: BadInput, folder: Path) -> tuple[str, str | None]:
    """Return what became of a file that has too few rows, and what is wrong with that."""
    options = [] if ".txt" in bad.name else ["--text-column", "text"]
    out = folder / "fitted"
    code, said = bad_inputs.call("fit", bad_inputs.write(bad, folder), "--out", out, *options)
    is_fine = code == 1 and said.splitlines()[-1].startswith("polar-detect: Got ")
    return "fit: refused in one line", None if is_fine and not out.exists() else said


def long_row(detector: Path, folder: Path) -> float:
    """Score good rows around one of 100 MB; return by how many MB the peak of memory grew."""
    path = folder / "long.csv"
    with path.open("wb") as file:
        file.write(b"id,text\n1,Pump leaks oil\n2,")
        file.writelines(b"x" * 1_000_000 for _ in range(LONG_ROW_BYTES // 1_000_000))
        file.write(b"\n3,Valve is stuck\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = bad_inputs.score(path, detector, folder / "long_out.csv")
    assert (outcome.n_out, outcome.n_rejected) == (2, 1), outcome
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--random", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance, seen = np.random.default_rng(args.seed), Counter[str]()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        detector = fit_tiny(folder)
        loaded = PolarDetector.load(detector)
        PolarDetector.load = staticmethod(lambda _: loaded)  # type: ignore[assignment, method-assign]  # once
        corpus = bad_inputs.corpus()
        makers = (bad_inputs.changed, bad_inputs.random_table)
        randoms = (makers[i % 2](chance) for i in range(args.random))
        short = [bad for bad in corpus if "hostile" not in bad.name]
        for kind, files in (("corpus", corpus), ("random", randoms), ("fit", short)):
            for bad in files:
                is_fit = kind == "fit"
                became, wrong = try_fit(bad, folder) if is_fit else try_score(bad, detector, folder)
                seen[f"{kind}: {became}"] += 1
                print(f"\r{seen.total()} files, {len(faults)} faults", end="", file=sys.stderr)
                if wrong is not None:
                    faults.append(f"{kind} {bad.name}: {wrong}")
        growth = long_row(detector, folder)
    print("| what became of it | files |\n|---|---|")
    for what, n in sorted(seen.items()):
        print(f"| {what} | {n} |")
    print(f"\n{seen.total()} files, {len(faults)} faults; a row of 100 MB: {growth:+.0f} MB")
    for wrong in faults:
        print(wrong)
    if faults or growth > MAX_GROWTH_MB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
