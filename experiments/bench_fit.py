"""How long a first fit and a first comparison take, from the command to its end.

Whole processes with the models in the cache: `polar-detect fit` on normal queries, `polar-detect
compare` on queries of which a tenth is out of scope and labelled, and the same fit from Python
for scores alone. With `--against FOLDER`, the root of another checkout, its code is timed in turn
with this one's; figures are medians.

Prints a table of seconds, of the wall's clock and of the processor's. Reads: clinc150. Takes: 10
min.
"""

import argparse
import csv
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import bench_tasks
import common
import numpy as np
from bench_processes import CLI, timed_process

import polar_detect

_IMPORTS = "from polar_detect import PolarDetector; from polar_detect.cli import main"
_SCORES = """
import sys
from pathlib import Path
from polar_detect import PolarDetector
train, new = (Path(name).read_text(encoding="utf-8").splitlines() for name in sys.argv[1:])
print(PolarDetector().fit(train).score_samples(new).mean())
"""
Item = TypeVar("Item")
_OWN = Path(polar_detect.__file__).parents[1]


def main() -> None:
    options = _options()
    roots = {"this code": _OWN} | ({"the other": options.against} if options.against else {})
    with tempfile.TemporaryDirectory() as name:
        commands = _commands(Path(name), options)
        for root in roots.values():  # compile its modules and fill the caches of the machine
            timed_process(["-c", _IMPORTS], root=root)
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for repeat in range(options.repeats):
            for what, command in commands.items():
                for code, root in roots.items():
                    wall_s, cpu_s = timed_process(command, root=root)
                    found.setdefault((what, code), []).append((wall_s, cpu_s))
                    common.say(
                        f"{repeat}: {what}, {code}: {wall_s:.1f} s, {cpu_s:.1f} of processor"
                    )
    print(f"{common.machine()}; {options.n_train} queries to fit, {options.n_compare} to compare, "
          f"median of {options.repeats} repeats\n")  # fmt: skip
    rows = []
    for what in commands:
        columns = [zip(*found[what, code], strict=True) for code in roots]
        medians = [[statistics.median(values) for values in column] for column in columns]
        cells = [f"{wall_s:.1f} s ({cpu_s:.1f})" for wall_s, cpu_s in medians]
        ratios = [f"{medians[1][i] / medians[0][i]:.1f} ×" for i in range(2)] if cells[1:] else []
        rows.append([what, *cells, *ratios])
    header = ["what", *(f"{code}: wall (processor)" for code in roots)]
    header += ["the other's wall", "and processor"] if len(roots) > 1 else []
    print(common.markdown_table(header, rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--n-train", type=int, default=600, help="queries to fit on")
    parser.add_argument("--n-compare", type=int, default=1000, help="queries of the comparison")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--against", type=Path, help="root of another checkout")
    options = parser.parse_args()
    if options.against and not (options.against / "polar_detect").is_dir():
        sys.exit(f"Got --against '{options.against}'; expected a folder with polar_detect in it.")
    return options


def _commands(folder: Path, options: argparse.Namespace) -> dict[str, list[str]]:
    """Write the inputs and return what is timed, as arguments of Python."""
    task, rng = bench_tasks.load("clinc", options.data, 0), np.random.default_rng(0)
    normal, strange = (_shuffled(part, rng) for part in (task.normal, task.anomalous[0]))
    train, new, table = folder / "train.txt", folder / "new.txt", folder / "table.csv"
    _write_lines(train, normal[: options.n_train])
    _write_lines(new, normal[-100:])
    n_strange = options.n_compare // 10
    rows = [(text, 0) for text in normal[: options.n_compare - n_strange]]
    rows += [(text, 1) for text in strange[:n_strange]]
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *_shuffled(rows, rng)])
    return {
        f"polar-detect fit, {options.n_train} queries": (
            ["-c", CLI, "fit", str(train), "--out", str(folder / "detector")]
        ),
        "fit from Python, scores of 100 more": ["-c", _SCORES, str(train), str(new)],
        f"polar-detect compare, {options.n_compare} labelled queries": (
            ["-c", CLI, "compare", str(table), "--text-column", "text", "--label-column", "label"]
        ),
    }


def _shuffled(items: Sequence[Item], rng: np.random.Generator) -> list[Item]:
    return [items[i] for i in rng.permutation(len(items))]


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
