"""What searches find and what they cost: length, layer calls, wall time, side by side.

All methods search the same texts, one after the other in every repeat. Layer calls are
counted by the executor, shared prefixes once, verification in float32 included. A method
runs for all texts in step; written `METHOD/alone` it gets one text at a time, as a tree
search was published. `menu` is fitted on training texts, which its time leaves out; `menu+`
shortens the program from the menu by one round of measured removals.

Other models, encoders among them, criteria and texts by `--model`, `--criterion` and `--texts`,
as `polar-detect search` takes them. With `--answer-tokens` texts are prompts, and what the model
itself goes on with is the answer. What counts as invalid is a program that was reported as
valid and is not when it is measured alone in float32.

With `--out` a run goes on where it stopped: what the file has is not run again, so slow
methods can be run apart from the others, or in pieces of `--stop-after` seconds.

Prints a table of the methods. Reads: clinc150. Takes: 5 min (quick, thorough, greedy and mcts, one
repeat).
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import common
import numpy as np
from kept import Kept

from polar_detect import models, tables
from polar_detect.backbone.decoder import Backbone
from polar_detect.backbone.encoder import EncoderBackbone
from polar_detect.backbone.tokenizing import MAX_TOKENS, as_room_allows
from polar_detect.executor.batches import batches
from polar_detect.executor.decoder import Executor
from polar_detect.programs import interchange
from polar_detect.programs.criteria import (
    Criterion,
    SameAnswer,
    SameLoss,
    SamePrediction,
    top_tokens,
)
from polar_detect.programs.encoder_search import (
    ENCODER_METHODS,
    MinimalEncoderProgram,
    encoder_distances,
    find_minimal_encoder_programs,
)
from polar_detect.programs.menu import Menu
from polar_detect.programs.minimal import MinimalProgram, are_valid, find_minimal_programs
from polar_detect.search import METHODS, MctsSettings, Method, Refinement, mcts


class Sample(NamedTuple):
    """What is searched: a text, or an answer behind its prompt."""

    text: str
    prompt: str = ""


Minimal = MinimalProgram | MinimalEncoderProgram
Run = Callable[[Sequence[Sample]], Sequence[Minimal]]
Count = Callable[[Sequence[Sample], Sequence[Minimal]], int]

_ALONE = "/alone"
_METHODS = (
    "quick", "quick/alone", "menu", "menu+", "thorough", "patient", "dynamic", "beam", "guided",
    "greedy", "mcts", "mcts/alone",
)  # fmt: skip
_N_MENU_TEXTS = 24
_SETTINGS = (
    "n", "join", "seed", "tolerance", "model", "criterion", "agreement", "texts", "text_column",
    "answer_tokens",
)  # fmt: skip


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
        Programs reported as valid that float32 finds invalid; measured apart, in no time and no
        layer calls.
    """

    lengths: list[int] = field(default_factory=list)
    layer_calls: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    n_invalid: int = 0

    def add(self, run: Run, samples: Sequence[Sample], count_invalid: Count) -> None:
        """Search further texts and time it."""
        start_s = time.perf_counter()
        found = run(samples)
        self.times_s.append(time.perf_counter() - start_s)
        self.lengths += [len(minimal.program) for minimal in found]
        self.layer_calls += [minimal.layer_calls for minimal in found]
        self.n_invalid += count_invalid(samples, found)


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


class Decoder:
    """Searches of a causal language model, by a criterion."""

    methods = tuple(dict.fromkeys([*_METHODS, *METHODS]))

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._backbone = Backbone.load(folder)
        self._options = options
        self._criterion = _criterion(options)
        self.n_layers = self._backbone.n_layers

    def asked(self, texts: Sequence[Sample]) -> list[Sample]:
        """Return the samples that texts make: themselves, or prompts with the model's answers.

        An answer that is read as other tokens than the model's, as one that ends, is left out.
        """
        if not self._options.answer_tokens:
            return list(texts)
        prompts = self._tokens(texts).texts
        answers: list[list[int]] = [[] for _ in prompts]
        for _ in range(self._options.answer_tokens):
            so_far = [[*own, *answer] for own, answer in zip(prompts, answers, strict=True)]
            for batch in batches([[0]] * len(so_far), self._backbone, prefixes=so_far):
                following = top_tokens(Executor(self._backbone), batch)[batch.is_target]
                for i, token in zip(batch.index.tolist(), following.tolist(), strict=True):
                    answers[i].append(token)
        written = [self._backbone.tokenizer.decode(answer) for answer in answers]
        read = self._tokens([Sample(answer) for answer in written]).texts
        found = zip(texts, written, answers, read, strict=True)
        return [Sample(text, sample.text) for sample, text, own, again in found if own == again]

    def run(self, name: str) -> Run:
        """Return what searches samples by the method called `name`."""
        executor, tolerance = Executor(self._backbone), self._options.tolerance
        if name not in {"menu", "menu+"}:
            return partial(self._found, executor, _method(name, self._options))
        texts, prompts = self._tokens(self.asked(_drawn("train", _N_MENU_TEXTS, self._options)))
        menu = Menu.fit(executor, texts, tolerance=tolerance, prefixes=prompts)
        how = Refinement(n_rounds=1, n_singles=8) if name == "menu+" else None
        if isinstance(self._criterion, SameLoss):
            return lambda samples: menu.minimal_programs(
                executor, self._tokens(samples).texts, tolerance=tolerance, refinement=how
            )
        served = menu.method(self.n_layers, tolerance=tolerance, refinement=how)
        return partial(self._found, executor, served)

    def count_invalid(self, samples: Sequence[Sample], found: Sequence[Minimal]) -> int:
        """Return how many programs that were reported as valid are not in float32."""
        texts, prompts = self._tokens(samples)
        own = [[minimal.program] for minimal in found]
        valid = are_valid(Executor(self._backbone), texts, own, self._criterion, prefixes=prompts)
        said = [isinstance(minimal, MinimalProgram) and minimal.is_valid for minimal in found]
        return sum(own and not is_valid for own, (is_valid,) in zip(said, valid, strict=True))

    def _found(
        self, executor: Executor, search: Method, samples: Sequence[Sample]
    ) -> list[MinimalProgram]:
        texts, prompts = self._tokens(samples)
        return find_minimal_programs(
            executor,
            texts,
            tolerance=self._options.tolerance,
            search=search,
            criterion=self._criterion,
            prefixes=prompts,
        )

    def _tokens(self, samples: Sequence[Sample]) -> "_Tokens":
        most = as_room_allows(MAX_TOKENS, self._backbone.max_positions - 1)
        texts = self._backbone.tokenize([sample.text for sample in samples], most)
        prompts = self._backbone.tokenize([sample.prompt for sample in samples], most)
        return _Tokens(texts, prompts)


class _Tokens(NamedTuple):
    texts: list[list[int]]
    prompts: list[list[int]]


class Encoder:
    """Searches of a sentence encoder, by the cosine of its embedding."""

    methods = ENCODER_METHODS

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        if options.criterion != "loss":
            sys.exit(
                f"Got --criterion {options.criterion} and an encoder; expected none, as the cosine "
                "of its embedding judges; leave it out."
            )
        self._backbone = EncoderBackbone.load(folder)
        self._options = options
        self.n_layers = self._backbone.n_layers

    def asked(self, texts: Sequence[Sample]) -> list[Sample]:
        """Return the texts themselves."""
        return list(texts)

    def run(self, name: str) -> Run:
        """Return what searches samples by the method called `name`."""
        search = _method(name, self._options)
        return lambda samples: find_minimal_encoder_programs(
            self._backbone,
            [sample.text for sample in samples],
            tolerance=self._options.tolerance,
            search=search,
        )

    def count_invalid(self, samples: Sequence[Sample], found: Sequence[Minimal]) -> int:
        """Return how many programs are not valid in float32."""
        texts = [sample.text for sample in samples]
        distances = encoder_distances(self._backbone, texts, [[own.program] for own in found])
        return sum(distance > self._options.tolerance for (distance,) in distances)


def main() -> None:
    options = _options()
    model = models.resolve(options.model)
    kind = Encoder if model.kind == "encoder" else Decoder
    searched: Decoder | Encoder = kind(model.folder, options)
    methods = _chosen(options, searched.methods)
    samples = searched.asked(_drawn("test", options.n, options))
    settings = {name: getattr(options, name) for name in _SETTINGS}
    kept = Kept.of(options.out, data=options.data.resolve(), **settings)
    repeats = {name: [Repeat(**own) for own in every] for name, every in kept.read().items()}
    runs = {name: searched.run(name.removesuffix(_ALONE)) for name in methods}
    deadline_s = time.perf_counter() + options.stop_after
    for number in range(options.repeats):
        for name, run in runs.items():
            own = repeats.setdefault(name, [])
            if len(own) <= number:
                own.append(Repeat())
            is_alone = name.endswith(_ALONE)
            _go_on(own[number], run, samples, searched.count_invalid, deadline_s, is_alone=is_alone)
            done = len(own[number].lengths)
            common.say(
                f"repeat {number + 1}: {name}, {done} texts, {sum(own[number].times_s):.1f} s"
            )
            kept.write({name: [asdict(repeat) for repeat in own] for name, own in repeats.items()})
    found = [Summary.of(name, own, len(samples)) for name, own in repeats.items()]
    print(
        f"{common.machine()}; {options.model}, {searched.n_layers} layers, {len(samples)} texts of "
        f"{options.join} {_source(options)}, seed {options.seed}, {_said_of_criterion(options)}\n"
    )
    print(_table([summary for summary in found if summary is not None]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--n", type=int, default=50, help="texts to search")
    parser.add_argument("--join", type=int, default=1, help="queries that make a text")
    parser.add_argument(
        "--texts",
        type=Path,
        help="text file or table, or with --criterion answer a merged_mcts_samples.json; default: "
        "CLINC150. A menu is fitted on texts of it that are not searched",
    )
    parser.add_argument("--text-column", help="of a table")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="draws the texts; seeds tree searches")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.1,
        help="nats per token, of an encoder 1 − cosine; where another criterion judges, of the "
        "texts that a menu is fitted on",
    )
    parser.add_argument("--criterion", choices=("loss", "prediction", "answer"), default="loss")
    parser.add_argument(
        "--agreement", type=float, default=1.0, help="share of the predictions to keep"
    )
    parser.add_argument(
        "--answer-tokens",
        type=int,
        default=0,
        help="with --criterion answer: texts are prompts, and answers are the model's own, of so "
        "many tokens; default: answers are those of --texts",
    )
    parser.add_argument("--model", default=models.DEFAULT_MODEL)
    parser.add_argument(
        "--methods",
        type=common.some_of(Decoder.methods),
        help="comma-separated: menu, menu+ or one of "
        + ", ".join(METHODS)
        + "; METHOD/alone: one text at a time; encoders: "
        + ", ".join(Encoder.methods),
    )
    parser.add_argument("--out", type=Path, help="JSON file for every figure; is gone on with")
    parser.add_argument(
        "--stop-after", type=float, default=float("inf"), help="seconds; nothing is begun later"
    )
    options = parser.parse_args()
    brings_answers = options.criterion == "answer" and not options.answer_tokens
    if brings_answers and options.texts is None:
        sys.exit(
            "Got --criterion answer without --texts; expected a merged_mcts_samples.json there, or "
            "--answer-tokens; name one."
        )
    if brings_answers and options.join != 1:
        sys.exit(
            f"Got --join {options.join} and answers of a file; expected 1, as each belongs to its "
            "own prompt; leave it out or use --answer-tokens."
        )
    if options.answer_tokens and options.criterion != "answer":
        sys.exit(
            f"Got --answer-tokens {options.answer_tokens} and --criterion {options.criterion}; "
            "expected answer; leave it out or add --criterion answer."
        )
    return options


def _chosen(options: argparse.Namespace, known: Sequence[str]) -> Sequence[str]:
    """Return the methods to run, or end the script where the model has no such method."""
    methods = options.methods or (_METHODS if set(_METHODS) <= set(known) else known)
    if unknown := [name for name in methods if name.removesuffix(_ALONE) not in known]:
        sys.exit(
            f"Got method '{unknown[0]}' and model '{options.model}'; expected some of "
            f"{','.join(known)}; choose those with --methods."
        )
    return methods


def _criterion(options: argparse.Namespace) -> Criterion:
    known: dict[str, Criterion] = {
        "loss": SameLoss(options.tolerance),
        "prediction": SamePrediction(options.agreement),
        "answer": SameAnswer(),
    }
    return known[options.criterion]


def _method(name: str, options: argparse.Namespace) -> Method:
    published = MctsSettings()
    seeded = MctsSettings(seed=published.seed + options.seed)
    return partial(mcts, settings=seeded) if name == "mcts" else METHODS[name]


def _drawn(part: str, n: int, options: argparse.Namespace) -> list[Sample]:
    """Return texts, each made of `--join` queries or lines, to search or to fit a menu on."""
    pool = _pool(part, options)
    order = np.random.default_rng(options.seed).permutation(len(pool))
    # A file has no parts, so what is not searched is left for menus.
    first = options.n * options.join if part == "train" and options.texts is not None else 0
    drawn = [pool[i] for i in order[first : first + n * options.join]]
    if options.join == 1:
        return drawn
    starts = range(0, len(drawn), options.join)
    joined = [[text for text, _ in drawn[start : start + options.join]] for start in starts]
    return [Sample(". ".join(texts)) for texts in joined]


def _pool(part: str, options: argparse.Namespace) -> list[Sample]:
    if options.texts is None:
        return [Sample(query) for query in common.clinc_queries(options.data, part)]
    if options.criterion == "answer" and not options.answer_tokens:
        samples = interchange.read(options.texts).samples
        return [Sample(sample.answer, sample.question) for sample in samples]
    table = tables.read_table(options.texts, text_column=options.text_column)
    return [Sample(text) for text in table.texts]


def _source(options: argparse.Namespace) -> str:
    return "CLINC150 queries" if options.texts is None else f"lines of {options.texts.name}"


def _said_of_criterion(options: argparse.Namespace) -> str:
    own = f" of {options.answer_tokens} tokens" if options.answer_tokens else ""
    said = {"loss": f"tolerance {options.tolerance}", "answer": f"same answer{own}"}
    return said.get(options.criterion, f"{options.agreement} of the predictions")


def _go_on(
    repeat: Repeat,
    run: Run,
    samples: Sequence[Sample],
    count_invalid: Count,
    deadline_s: float,
    *,
    is_alone: bool,
) -> None:
    """Search the texts that are still to be searched, alone or in step, until the deadline."""
    while len(repeat.lengths) < len(samples) and time.perf_counter() < deadline_s:
        start = len(repeat.lengths)
        repeat.add(run, samples[start : start + 1] if is_alone else samples, count_invalid)


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
