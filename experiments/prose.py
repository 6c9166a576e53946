"""Prose: what it brings, and costs, that easy and broken language count by themselves.

The default detector looks at a loss that is low for a text's length, where the loss tells by
itself, and at what tells of broken language: a high loss, with memory or without, and words in
short pieces. Here it does and does not: on texts of people against those of models, and the other
way round; on descriptions of Debian packages, news, sentences, titles, messages and queries
against the same sort of texts with slips of the pen, or with their words shuffled; on long
descriptions against what Gemma 3 270M makes of their first words, and on those of one kind of
package against all others, where the loss says nothing.

Reads: sources of the tasks. Takes: 25 min (AMD EPYC).
"""

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import bench_tasks
import common
import fit_tables
import numpy as np
import packages
import torch
import transformers
from common import Split, Task
from fit_tables import Notes

from polar_detect import models
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.detectors import AutoHead
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine

KINDS = ("machine", "human", "slips", "shuffled", "gemma", "topic")

_MACHINE = [
    f"{kind}-{writer}" for kind in ("xsum", "writing") for writer in ("gpt3.5", "gpt4", "davinci")
]
_TOPICS = ("administration", "science", "media", "network", "text")
_SHORT = ("agnews-sports", "subj", "sst2", "stackoverflow", "sms", "clinc")
_SLIPS = 0.04  # share of the characters that change places with the next
_N_TEXTS, _N_PAIRS = 400, 150
_PROMPT_WORDS, _MAX_WORDS, _MAX_NEW_TOKENS = 22, 150, 170
_BATCH = 50


class WithoutLanguage(AutoHead):
    """The default detector, for which easy and broken language do not count by themselves."""

    counts_language = False


def main() -> None:
    options = _options()
    engine = Engine.load(models.DEFAULT_MODEL)
    engine = engine.reading(max_tokens=MAX_TOKENS, curves="none", wants_context=False)
    rows: list[list[str]] = []
    gains: dict[str, list[float]] = {kind: [] for kind in options.kinds}
    for kind in options.kinds:
        for task in _tasks(kind, options):
            split = common.split(task, seed=0, n_train=options.n_train, n_test=options.n_test)
            figures = _figures(split, engine)
            gains[kind].append(figures[-1] - figures[-2])
            shown = f"{_unchanged(task):.0%}"
            rows.append([kind, task.name, shown, *(f"{value:.3f}" for value in figures)])
            common.say(" ".join(rows[-1]))
    print(f"{common.machine()}; seed 0\n")
    header = ["kind", "set", "unchanged", "counts for", "loss, low", "loss, both tails"]
    print(common.markdown_table([*header, "without", "with"], rows), end="\n\n")
    means = [[kind, f"{np.mean(own):+.3f}"] for kind, own in gains.items()]
    print(common.markdown_table(["kind", "with − without, mean"], means))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    packages.add_lists_option(parser)
    parser.add_argument("--kinds", type=common.some_of(KINDS), default=KINDS, help="a,b,…")
    parser.add_argument("--n-train", type=int, default=200)
    parser.add_argument("--n-test", type=int, default=100, help="test rows per class at most")
    return parser.parse_args()


def _tasks(kind: str, options: argparse.Namespace) -> Iterator[Task]:
    if kind in {"machine", "human"}:
        for name in _MACHINE:
            task = bench_tasks.load(name, options.data, 0)
            yield task if kind == "machine" else _turned_round(task)
        return
    groups = _descriptions(options.lists)
    every = [text for own in groups.values() for text in own]
    if kind == "topic":
        yield from (packages.task(name, groups, [name]) for name in _TOPICS)
    elif kind == "gemma":
        own = [" ".join(text.split()[:_MAX_WORDS]) for text in _drawn(every)[:_N_PAIRS]]
        yield _pairs("descriptions", own, _continued(own))
    else:
        damage = {"slips": _with_slips, "shuffled": _shuffled}[kind]
        known = {name: bench_tasks.load(name, options.data, 0).normal for name in _SHORT}
        for name, texts in {"descriptions": every, **known}.items():
            chance, own = np.random.default_rng(1), _drawn(texts)
            yield _pairs(name, own, [damage(text, chance) for text in own])


def _drawn(texts: Sequence[str]) -> list[str]:
    order = np.random.default_rng(0).permutation(len(texts))
    return [texts[i] for i in order[:_N_TEXTS]]


def _descriptions(lists: Path) -> packages.Groups:
    return packages.descriptions(lists, "en", packages.sections(lists), is_long=True)


def _turned_round(task: Task) -> Task:
    (strange,) = task.anomalous
    return Task(task.name, strange, (task.normal,), is_paired=True)


def _pairs(name: str, normal: Sequence[str], strange: Sequence[str]) -> Task:
    return Task(name, tuple(normal), (tuple(strange),), is_paired=True)


def _unchanged(task: Task) -> float:
    """Return the share of anomalous texts that are the normal ones that they were made of."""
    if not task.is_paired:
        return 0.0
    pairs = zip(task.normal, task.anomalous[0], strict=True)
    return float(np.mean([normal.split() == strange.split() for normal, strange in pairs]))


def _with_slips(text: str, chance: np.random.Generator) -> str:
    characters = list(text)
    for i in np.flatnonzero(chance.random(len(text) - 1) < _SLIPS):
        characters[i : i + 2] = characters[i + 1], characters[i]
    return "".join(characters)


def _shuffled(text: str, chance: np.random.Generator) -> str:
    words = text.split()
    return " ".join(words[i] for i in chance.permutation(len(words)))


def _continued(texts: Sequence[str]) -> list[str]:
    """Return what a language model writes after the first words of each, about as long."""
    folder = models.fetch(models.MULTILINGUAL_MODEL).folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    generate = partial(model.generate, do_sample=True, top_k=0, top_p=0.96)
    torch.manual_seed(0)
    written: list[str] = []
    for start in range(0, len(texts), _BATCH):
        part = texts[start : start + _BATCH]
        prompts = [" ".join(text.split()[:_PROMPT_WORDS]) for text in part]
        asked = tokenizer(prompts, return_tensors="pt", padding=True)
        tokens = generate(**asked, max_new_tokens=_MAX_NEW_TOKENS)
        made = tokenizer.batch_decode(tokens, skip_special_tokens=True)
        pairs = zip(made, part, strict=True)
        written += [" ".join(own.split()[: len(text.split())]) for own, text in pairs]
        common.say(f"written: {len(written)} of {len(texts)}")
    return written


def _figures(split: Split, engine: Engine) -> list[float]:
    """Return language's share, and the AUROC of the loss and of the default without and with."""
    own = fit_tables.signatures(split, engine, seed=0, notes=Notes())
    head = AutoHead()
    losses = own.losses()
    scores = [
        losses["loss, low"],
        losses["loss, both tails"],
        own.scores(WithoutLanguage(), seed=0),
        own.scores(head, seed=0),
    ]
    counts = float(head.choices["language"].removesuffix("%")) / 100
    return [counts, *(auroc(split.is_anomalous, values) for values in scores)]


if __name__ == "__main__":
    main()
