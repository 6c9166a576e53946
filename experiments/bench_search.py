"""What searches find and what they cost: length, layer calls, wall time, side by side.

All methods search the same texts, one after the other in every repeat. Layer calls are
counted by the executor, shared prefixes once, verification in float32 included. A method
runs for all texts in step; written `METHOD/alone` it gets one text at a time, as a tree
search was published. `menu` is fitted on training texts, which its time leaves out; `menu+`
shortens the program from the menu by one round of measured removals.

With `--out` a run goes on where it stopped: what the file has is not run again, so slow
methods can be run apart from the others, or in pieces of `--stop-after` seconds.

Prints a table of the methods. Reads: clinc150. Takes: 5 min (quick, thorough, greedy and mcts, one
repeat).
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import common
import numpy as np
from kept import Kept

from polar_detect import models
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.executor.decoder import Executor
from polar_detect.program import Program
from polar_detect.programs.criteria import SameLoss
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import MinimalProgram, are_valid, find_minimal_programs
from polar_detect.search import METHODS, MctsSettings, Refinement, mcts

Run = Callable[[list[list[int]]], list[MinimalProgram]]
Count = Callable[[list[list[int]], list[Program]], int]

_ALONE = "/alone"
_METHODS = (
    "quick", "quick/alone", "menu", "menu+", "thorough", "patient", "dynamic", "beam", "guided",
    "greedy", "mcts", "mcts/alone",
)  # fmt: skip
_N_MENU_TEXTS = 24


@dataclass
class Repeat:
    """What one run of a method found and took.

    Parameters
    ----------
    lengths, layer_calls : list of int
        By text.
    times_s : list of float
        One for all texts in step, or one for each text alone.
    n_invalid : int
        Programs that float32 finds invalid; measured apart, in no time and no layer calls.
    """

    lengths: list[int] = field(default_factory=list)
    layer_calls: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    n_invalid: int = 0

    def add(self, run: Run, tokens: list[list[int]], count_invalid: Count) -> None:
        """Search further texts and time it."""
        start_s = time.perf_counter()
        found = run(tokens)
        self.times_s.append(time.perf_counter() - start_s)
        self.lengths += [len(minimal.program) for minimal in found]
        self.layer_calls += [minimal.layer_calls for minimal in found]
        self.n_invalid += count_invalid(tokens, [minimal.program for minimal in found])


@dataclass(frozen=True)
class Summary:
    """A method's mean length, layer calls and milliseconds a text, the last as a median."""

    name: str
    length: float
    shortest: int
    longest: int
    layer_calls: float
    time_ms: float
    n_repeats: int
    n_invalid: int

    @classmethod
    def of(cls, name: str, repeats: list[Repeat], n_texts: int) -> "Summary | None":
        """Return the summary of the repeats that are whole, None if none is."""
        whole = [repeat for repeat in repeats if len(repeat.lengths) == n_texts]
        if not whole:
            return None
        last = whole[-1]
        return cls(
            name,
            statistics.mean(last.lengths),
            min(last.lengths),
            max(last.lengths),
            statistics.mean(last.layer_calls),
            1e3 * statistics.median(sum(repeat.times_s) for repeat in whole) / n_texts,
            len(whole),
            last.n_invalid,
        )


def main() -> None:
    options = _options()
    backbone = Backbone.load(models.resolve(options.model).folder)
    tokens = _drawn(backbone, "test", options.n, options)
    named = ("n", "join", "seed", "tolerance", "model")
    settings = {name: getattr(options, name) for name in named}
    kept = Kept.of(options.out, data=options.data.resolve(), **settings)
    repeats = {name: [Repeat(**own) for own in every] for name, every in kept.read().items()}
    runs = {name: _run(name, Executor(backbone), options) for name in options.methods}
    count_invalid = partial(_count_invalid, Executor(backbone), options.tolerance)
    deadline_s = time.perf_counter() + options.stop_after
    for number in range(options.repeats):
        for name, run in runs.items():
            own = repeats.setdefault(name, [])
            if len(own) <= number:
                own.append(Repeat())
            is_alone = name.endswith(_ALONE)
            _go_on(own[number], run, tokens, count_invalid, deadline_s, is_alone=is_alone)
            done = len(own[number].lengths)
            common.say(
                f"repeat {number + 1}: {name}, {done} texts, {sum(own[number].times_s):.1f} s"
            )
            kept.write({name: [asdict(repeat) for repeat in own] for name, own in repeats.items()})
    found = [Summary.of(name, own, len(tokens)) for name, own in repeats.items()]
    print(
        f"{common.machine()}; {options.model}, {backbone.n_layers} layers, {len(tokens)} texts of "
        f"{options.join} CLINC150 queries, seed {options.seed}, tolerance {options.tolerance}\n"
    )
    print(_table([summary for summary in found if summary is not None]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--n", type=int, default=50, help="texts to search")
    parser.add_argument("--join", type=int, default=1, help="queries that make a text")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="draws the texts; seeds tree searches")
    parser.add_argument("--tolerance", type=float, default=0.1, help="nats per token")
    parser.add_argument("--model", default=models.DEFAULT_MODEL)
    parser.add_argument(
        "--methods",
        type=common.some_of(dict.fromkeys([*_METHODS, *METHODS])),
        default=_METHODS,
        help="comma-separated: menu, menu+ or one of "
        + ", ".join(METHODS)
        + "; METHOD/alone: one text at a time",
    )
    parser.add_argument("--out", type=Path, help="JSON file for every figure; is gone on with")
    parser.add_argument(
        "--stop-after", type=float, default=float("inf"), help="seconds; nothing is begun later"
    )
    return parser.parse_args()


def _drawn(backbone: Backbone, part: str, n: int, options: argparse.Namespace) -> list[list[int]]:
    """Return the tokens of texts, each made of `--join` queries."""
    queries = common.clinc_queries(options.data, part)
    order = np.random.default_rng(options.seed).permutation(len(queries))[: n * options.join]
    drawn = [queries[i] for i in order]
    starts = range(0, len(drawn), options.join)
    texts = [". ".join(drawn[start : start + options.join]) for start in starts]
    return backbone.tokenize(texts, MAX_TOKENS)


def _count_invalid(
    executor: Executor, tolerance: float, tokens: list[list[int]], programs: list[Program]
) -> int:
    own = [[program] for program in programs]
    return sum(not valid for (valid,) in are_valid(executor, tokens, own, SameLoss(tolerance)))


def _go_on(
    repeat: Repeat,
    run: Run,
    tokens: list[list[int]],
    count_invalid: Count,
    deadline_s: float,
    *,
    is_alone: bool,
) -> None:
    """Search the texts that are still to be searched, alone or in step, until the deadline."""
    while len(repeat.lengths) < len(tokens) and time.perf_counter() < deadline_s:
        start = len(repeat.lengths)
        repeat.add(run, tokens[start : start + 1] if is_alone else tokens, count_invalid)


def _run(name: str, executor: Executor, options: argparse.Namespace) -> Run:
    """Return what searches tokenised texts by the method called `name`."""
    name, tolerance = name.removesuffix(_ALONE), options.tolerance
    if name in {"menu", "menu+"}:
        rows = _drawn(executor.backbone, "train", _N_MENU_TEXTS, options)
        menu = Menu.fit(executor, rows, tolerance=tolerance)
        how = Refinement(n_rounds=1, n_singles=8) if name == "menu+" else None
        return lambda tokens: menu.minimal_programs(
            executor, tokens, tolerance=tolerance, refinement=how
        )
    published = MctsSettings()
    seeded = MctsSettings(seed=published.seed + options.seed)
    search = partial(mcts, settings=seeded) if name == "mcts" else METHODS[name]
    return lambda tokens: find_minimal_programs(
        executor, tokens, tolerance=tolerance, search=search
    )


def _table(found: list[Summary]) -> str:
    known = {summary.name: summary for summary in found}
    trees, alone, greedy = (known.get(name) for name in ("mcts", "mcts/alone", "greedy"))
    tree = trees or alone  # both find the same
    lines = [
        [
            own.name,
            f"{own.length:.1f}",
            f"{own.shortest}–{own.longest}",
            f"{own.layer_calls:.0f}",
            f"{own.time_ms:.0f}",
            f"{own.n_invalid}",
            f"{own.n_repeats}",
            f"{tree.length - own.length:+.1f}" if tree else "–",
            f"{trees.time_ms / own.time_ms:.1f} ×" if trees else "–",
            f"{alone.time_ms / own.time_ms:.1f} ×" if alone else "–",
            f"{own.length - greedy.length:+.2f}" if greedy else "–",
            f"{greedy.layer_calls / own.layer_calls:.1f} ×" if greedy else "–",
        ]
        for own in found
    ]
    return common.markdown_table(
        [
            "method", "mean length", "range", "layer calls a text", "ms a text",
            "invalid in float32", "repeats",
            "layers shorter than mcts", "faster than mcts in step", "faster than mcts/alone",
            "layers longer than greedy", "fewer layer calls than greedy",
        ],
        lines,
    )  # fmt: skip


if __name__ == "__main__":
    main()
