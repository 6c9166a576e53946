"""What searches find and what they cost: length, layer calls, wall time, side by side.

All methods search the same texts, one after the other in every repeat. Layer calls are
counted by the executor, shared prefixes once, verification in float32 included. A method
runs for all texts in step; written `METHOD/alone` it gets one text at a time, as a tree
search was published. `menu` is fitted on training texts, which its time leaves out; `menu+`
shortens the program from the menu by one round of measured removals.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import common
import numpy as np

from polar_detect import models
from polar_detect.backbone import Backbone
from polar_detect.executor import Executor
from polar_detect.menu import Menu
from polar_detect.minimal import MinimalProgram, find_minimal_programs
from polar_detect.search import METHODS, Refinement

Run = Callable[[list[list[int]]], list[MinimalProgram]]

_REFERENCE = "mcts"
_N_MENU_TEXTS = 24


@dataclass(frozen=True)
class Row:
    """What one method found and took, over all texts."""

    lengths: list[int]
    layer_calls: list[int]
    times_s: list[float]


def main() -> None:
    options = _options()
    backbone = Backbone.load(models.resolve(options.model).folder)
    texts = _drawn(common.clinc_queries(options.data, "test"), options.n)
    tokens = backbone.tokenize(texts, 64)
    runs = {name: _run(name, Executor(backbone), options) for name in options.methods}
    rows = {name: Row([], [], []) for name in runs}
    for repeat in range(options.repeats):
        for name, run in runs.items():
            start_s = time.perf_counter()
            found = run(tokens)
            took_s = time.perf_counter() - start_s
            rows[name].times_s.append(took_s)
            rows[name].lengths[:] = [len(minimal.program) for minimal in found]
            rows[name].layer_calls[:] = [minimal.layer_calls for minimal in found]
            mean = statistics.mean(rows[name].lengths)
            common.say(f"repeat {repeat + 1}: {name} {took_s:.1f} s, mean length {mean:.2f}")
            if options.out:
                _write(options.out, rows, len(texts))
    print(
        f"{common.machine()}; {options.model}, {backbone.n_layers} layers, {len(texts)} CLINC150 "
        f"queries, tolerance {options.tolerance}, median of {options.repeats} repeats\n"
    )
    print(_table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--n", type=int, default=50, help="texts to search")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=0.1, help="nats per token")
    parser.add_argument("--model", default=models.DEFAULT_MODEL)
    parser.add_argument(
        "--methods",
        type=lambda names: names.split(","),
        default=["quick", "thorough", "menu", "guided", "mcts", "greedy"],
        help="comma-separated: menu, menu+ or one of "
        + ", ".join(METHODS)
        + "; /alone: not in step",
    )
    parser.add_argument("--out", type=Path, help="JSON file for every figure")
    return parser.parse_args()


def _drawn(texts: list[str], n: int) -> list[str]:
    return [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[:n]]


def _run(name: str, executor: Executor, options: argparse.Namespace) -> Run:
    """Return what searches tokenised texts by the method called `name`."""
    name, _, company = name.partition("/")
    tolerance = options.tolerance
    if name in {"menu", "menu+"}:
        train = _drawn(common.clinc_queries(options.data, "train"), _N_MENU_TEXTS)
        rows = executor.backbone.tokenize(train, 64)
        menu = Menu.fit(executor, rows, tolerance=tolerance)
        how = Refinement(n_rounds=1, n_singles=8) if name == "menu+" else None
        return lambda tokens: menu.minimal_programs(
            executor, tokens, tolerance=tolerance, refinement=how
        )
    search = METHODS[name]

    def together(tokens: list[list[int]]) -> list[MinimalProgram]:
        return find_minimal_programs(executor, tokens, tolerance=tolerance, search=search)

    def alone(tokens: list[list[int]]) -> list[MinimalProgram]:
        return [together([row])[0] for row in tokens]

    return alone if company == "alone" else together


def _table(rows: dict[str, Row]) -> str:
    reference = rows.get(_REFERENCE)
    lines = []
    for name, row in rows.items():
        time_s = statistics.median(row.times_s)
        compared = ["–", "–"]
        if reference:
            shorter = statistics.mean(reference.lengths) - statistics.mean(row.lengths)
            faster = statistics.median(reference.times_s) / time_s
            compared = [f"{shorter:+.1f}", f"{faster:.1f} ×"]
        lines.append(
            [
                name,
                f"{statistics.mean(row.lengths):.1f}",
                f"{min(row.lengths)}–{max(row.lengths)}",
                f"{statistics.mean(row.layer_calls):.0f}",
                f"{1e3 * time_s / len(row.lengths):.0f}",
                *compared,
            ]
        )
    return common.markdown_table(
        [
            "method", "mean length", "range", "layer calls a text", "ms a text",
            f"layers shorter than {_REFERENCE}", f"faster than {_REFERENCE}",
        ],
        lines,
    )  # fmt: skip


def _write(path: Path, rows: dict[str, Row], n_texts: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {
        "machine": common.machine(),
        "n_texts": n_texts,
        "rows": {name: vars(row) for name, row in rows.items()},
    }
    path.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
