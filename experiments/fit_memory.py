"""The memory of `polar-detect fit` by the number of long texts.

    python experiments/fit_memory.py [--rows 100 200 400] [--phrases 16] [--model NAME]
        [--encoder NAME] [--detector auto] [--root CHECKOUT]

Texts are reports of some 125 tokens: `--phrases` short sentences each, drawn at random (seed 0).
With --root another checkout's code runs, such as an earlier one.

Prints a table, whose slopes say what a text takes. Reads: no data set. Takes: 12 min (300 and 600
texts, AMD EPYC).
"""

import argparse
import random
import tempfile
from pathlib import Path

from bench_processes import usage_of
from score_memory import FAULTS, PARTS


def report(rng: random.Random, n_phrases: int) -> str:
    phrases = (
        f"{rng.choice(PARTS)} {rng.randrange(100)} {rng.choice(FAULTS)}" for _ in range(n_phrases)
    )
    return ". ".join(phrases)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--phrases", type=int, default=16)
    parser.add_argument("--model")
    parser.add_argument("--encoder")
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--root", type=Path)
    args = parser.parse_args()
    chosen = [
        part
        for name in ("model", "encoder", "detector")
        if (own := getattr(args, name)) is not None
        for part in (f"--{name}", own)
    ]
    rng = random.Random(0)
    texts = [report(rng, args.phrases) for _ in range(max(args.rows))]
    print("| texts | peak memory, MB | but for pages of files, MB | seconds |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.txt"
        for n_rows in args.rows:
            path.write_text("\n".join(texts[:n_rows]), encoding="utf-8")
            out = Path(folder) / f"detector{n_rows}"
            own = usage_of(["fit", str(path), "--out", str(out), *chosen], root=args.root)
            print(
                f"| {n_rows:,} | {own.peak_mb:,.0f} | {own.own_mb:,.0f} | {own.seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
