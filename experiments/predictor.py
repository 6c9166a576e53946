"""Compare predicted programs with a menu of the same size, and tell whether they collapse to one.

Searches training queries of CLINC150, trains the predictor on what was found, and verifies its
proposals, those of a menu (chosen from the same programs) and those for the mean of all texts
(the control) on held-out queries. Searched programs are kept in `--out`, where a run goes on.

Prints a table of the kinds of proposals. Reads: clinc150. Takes: not noted.
"""

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from common import add_data_option, clinc_queries, machine, markdown_table, say, write_json
from kept import Kept

from polar_detect import models
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.executor.schedule import Job
from polar_detect.program import Program
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import MinimalProgram, find_minimal_programs
from polar_detect.programs.predictor import ProgramPredictor, minimal_predicted_programs
from polar_detect.programs.predictor_network import PredictorSettings
from polar_detect.signature.reading.tracer import Tracer

_TOLERANCE, _MAX_TOKENS, _CHUNK = 0.1, MAX_TOKENS, 16


@dataclass(frozen=True)
class Row:
    """Verified programs of the held-out queries, by where the proposals come from.

    `minus_menu` is the 95 % bootstrap interval of the mean difference to the menu's length,
    `top_1_share` the share of the queries whose most probable program is the commonest one, and
    `n_top_1` how many different ones are the most probable of a query.
    """

    name: str
    n_programs: int
    mean_length: float
    minus_menu: tuple[float, float]
    top_1_share: float
    n_top_1: int
    full_share: float
    layer_calls: float


def main() -> None:
    options = _options()
    train = drawn(clinc_queries(options.data, "train"), options.n_train, options.seed)
    test = drawn(clinc_queries(options.data, "test"), options.n_test, options.seed)
    executor = Executor(Backbone.load(models.resolve(models.DEFAULT_MODEL).folder))
    searched = search(executor, train, options.out / "searched.json")
    tracer = Tracer(executor.backbone, max_tokens=_MAX_TOKENS, curves="none")
    trajectories = tracer.trace(train).trajectory
    predictor = ProgramPredictor.fit(trajectories, searched, PredictorSettings(seed=options.seed))
    if options.save is not None:
        predictor.save(options.save)
    # The control: what the predictor proposes for a text that it knows nothing of.
    (blind,) = predictor.propose(trajectories.mean(0, keepdims=True), n_programs=options.n_programs)
    shown = tracer.tokenize(train[: options.menu_texts])
    candidates = spread(searched, options.menu_candidates, executor.backbone.n_layers)
    menu = chosen_menu(executor, shown, candidates, options.n_programs)
    proposals = predictor.propose(tracer.trace(test).trajectory, n_programs=options.n_programs)
    rows = compare(executor, tracer.tokenize(test), menu, proposals, blind)
    write_json(options.out / "rows.json", [asdict(row) for row in rows])
    print(f"{machine()}; seed {options.seed}")
    print(
        f"{len(train)} searched training queries, {len(test)} held-out queries, {_TOLERANCE} nats\n"
    )
    print(table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--n-train", type=int, default=400)
    parser.add_argument("--n-test", type=int, default=100)
    parser.add_argument("--n-programs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    # Each candidate is measured on each text.
    parser.add_argument("--menu-texts", type=int, default=100)
    parser.add_argument("--menu-candidates", type=int, default=64)
    parser.add_argument("--save", type=Path, help="folder for the predictor")
    parser.add_argument("--out", type=Path, default=Path("experiments/out/predictor"))
    return parser.parse_args()


def drawn(texts: Sequence[str], n: int, seed: int) -> list[str]:
    """Return `n` of the texts in random order; fewer are the first of more."""
    shuffled = list(texts)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:n]


def search(executor: Executor, texts: Sequence[str], file: Path) -> list[Program]:
    """Return the minimal program of each text; what `file` has is not searched again."""
    kept = Kept.of(file, tolerance=_TOLERANCE, max_tokens=_MAX_TOKENS)
    known = kept.read()
    missing = [text for text in texts if text not in known]
    for start in range(0, len(missing), _CHUNK):
        chunk = missing[start : start + _CHUNK]
        tokens = executor.backbone.tokenize(chunk, _MAX_TOKENS)
        found = find_minimal_programs(executor, tokens, tolerance=_TOLERANCE)
        known |= {text: str(m.program) for text, m in zip(chunk, found, strict=True)}
        kept.write(known)
        say(f"searched {start + len(chunk)} of {len(missing)}")
    return [Program.parse(known[text]) for text in texts]


def compare(
    executor: Executor,
    tokens: Sequence[list[int]],
    menu: Menu,
    proposals: Sequence[Sequence[Program]],
    blind: Sequence[Program],
) -> list[Row]:
    """Measure the menu's programs, each text's proposals, and proposals for no text."""
    n_layers, n = executor.backbone.n_layers, len(tokens)
    by_menu = menu.minimal_programs(executor, tokens, tolerance=_TOLERANCE)
    rows = [row_of("menu", by_menu, by_menu, [menu.programs] * n, n_layers)]
    for name, asked in (
        ("predictor, most probable", [own[:1] for own in proposals]),
        ("predictor, beam", proposals),
        ("the same for all texts, beam", [blind] * n),
        ("predictor and menu", [[*own, *menu.programs] for own in proposals]),
    ):
        say(f"measuring: {name}")
        found = minimal_predicted_programs(executor, tokens, asked, tolerance=_TOLERANCE)
        rows.append(row_of(name, found, by_menu, asked, n_layers))
    return rows


def spread(searched: Sequence[Program], n: int, n_layers: int) -> list[Program]:
    """Return the full program and about `n` others, spread evenly over the lengths."""
    full = Program.full(n_layers)
    distinct = sorted(set(searched) - {full}, key=lambda program: (len(program), program.layers))
    return [full, *distinct[:: max(1, -(-len(distinct) // n))]]


def chosen_menu(
    executor: Executor, tokens: Sequence[list[int]], candidates: Sequence[Program], n_programs: int
) -> Menu:
    """Return the programs that shorten the texts' shortest valid one most, one by one.

    The full program is the first of the candidates.
    """
    lengths = np.asarray([len(program) for program in candidates])
    costs = []
    for batch in batches(tokens, executor.backbone):
        jobs = [Job(row, program) for row in range(len(batch)) for program in candidates]
        losses = executor.losses(batch, jobs).reshape(len(batch), len(candidates))
        costs.append(np.where(losses <= losses[:, :1] + _TOLERANCE, lengths, lengths[0]))
    table, chosen = np.concatenate(costs), [0]
    while len(chosen) < min(n_programs, len(candidates)):
        shortest = table[:, chosen].min(1, keepdims=True)
        chosen.append(int(np.minimum(shortest, table).mean(0).argmin()))
    return Menu(tuple(candidates[i] for i in dict.fromkeys(chosen)))


def row_of(
    name: str,
    found: Sequence[MinimalProgram],
    by_menu: Sequence[MinimalProgram],
    asked: Sequence[Sequence[Program]],
    n_layers: int,
) -> Row:
    lengths, of_menu = (np.asarray([len(m.program) for m in own]) for own in (found, by_menu))
    drawn = np.random.default_rng(0).integers(0, len(found), (2000, len(found)))
    low, high = np.quantile((lengths - of_menu)[drawn].mean(1), [0.025, 0.975])
    first = Counter(own[0] for own in asked)
    return Row(
        name,
        n_programs=len(asked[0]),
        mean_length=float(lengths.mean()),
        minus_menu=(float(low), float(high)),
        top_1_share=first.most_common(1)[0][1] / first.total(),
        n_top_1=len(first),
        full_share=float(np.mean([m.program == Program.full(n_layers) for m in found])),
        layer_calls=float(np.mean([m.layer_calls for m in found])),
    )


def table(rows: Sequence[Row]) -> str:
    """Return a line for each kind of proposals."""
    lines = []
    for row in rows:
        low, high = row.minus_menu
        figures = [f"{row.mean_length:.1f}", f"{low:+.1f} to {high:+.1f}", f"{row.full_share:.2f}"]
        first = [f"{row.top_1_share:.2f}", f"{row.n_top_1}"]
        lines.append([row.name, f"{row.n_programs}", *figures, *first, f"{row.layer_calls:.0f}"])
    header = ["proposals", "programs", "mean length", "minus menu (95 %)", "full", "top-1 share"]
    return markdown_table([*header, "different top-1", "calls"], lines)


if __name__ == "__main__":
    main()
