"""Whether long texts in which something does not belong are told by their passages.

    python experiments/passages.py [--seeds 2] [--tasks agnews-sports,xsum-gpt3.5]

A text is made of normal texts of one of the benchmark's tasks, 1,500 to 3,500 bytes of them; in an
anomalous one 300 bytes or some more, behind one another, are of anomalous texts, or (sst2) a third
of its parts, here and there. Of `xsum-gpt3.5` texts are as they are, some 240 tokens, written by
people or by a machine.

Beside a detector with `passages` stand one without, which reads the first 256 tokens; the sentence
encoder with nearest neighbours, on the beginning of a text, and on its passages, the highest or the
mean; and an isolation forest on TF-IDF. Prints AUROC, anomalous and usual texts that are flagged at
.05, and how often the passage that is shown has what was put in. Reads: agnews_test,
textoir_stackoverflow, loghub2k, intent_oos, sentconv, jrte_ja, fastdetectgpt. Takes: 60 min
(AMD EPYC, beside other work).
"""

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bench_baselines
import bench_tasks
import common
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer

from polar_detect import PolarDetector
from polar_detect.metrics import auroc
from polar_detect.texts.passages import InPassages

_N_TRAIN, _N_TEST = 60, 30  # texts; of either kind
_SHORTEST, _LONGEST, _STRANGE = 1500, 3500, 300  # bytes
_THIRD = 3
# Task → what stands between the parts of a text.
_TASKS = {
    "agnews-sports": "\n\n",
    "stackoverflow": "\n",
    "bgl": "\n",
    "snips": "\n",
    "ja-hotel": "\n\n",
    "sst2": " ",
    "xsum-gpt3.5": "",
}
_SPREAD, _AS_THEY_ARE = {"sst2"}, {"xsum-gpt3.5"}
_OURS, _CUT = "in passages", "first 256 tokens"


@dataclass(frozen=True)
class Texts:
    """Long texts, and what was put into the anomalous ones."""

    train: list[str]
    test: list[str]
    is_anomalous: NDArray[np.bool_]
    planted: list[list[str]]  # parts of each test text


def long_texts(name: str, data: Path, seed: int) -> Texts:
    """Return long texts made of the texts of a task."""
    task, chance = bench_tasks.load(name, data, seed), np.random.default_rng(seed)
    if name in _AS_THEY_ARE:
        own = common.split(task, seed=seed, n_train=_N_TRAIN, n_test=_N_TEST)
        return Texts(own.train, own.test, own.is_anomalous, [[] for _ in own.test])
    normal = _mixed({*task.normal, *task.held_out}, chance)
    strange = _mixed({own for pool in task.anomalous for own in pool}, chance)
    sizes = chance.integers(_SHORTEST, _LONGEST, _N_TRAIN + 2 * _N_TEST).tolist()
    drawn = [_drawn(normal, size) for size in sizes]
    planted: list[list[str]] = [[] for _ in range(_N_TEST)]
    for parts in drawn[-_N_TEST:]:
        if name in _SPREAD:
            places = chance.permutation(len(parts))[: len(parts) // _THIRD].tolist()
            planted.append([strange.pop() for _ in places])
        else:
            planted.append(_drawn(strange, _STRANGE))
            first = int(chance.integers(0, max(1, len(parts) - len(planted[-1]) + 1)))
            places = list(range(first, first + len(planted[-1])))
        for place, odd in zip(places, planted[-1], strict=True):
            parts[place : place + 1] = [odd]
    texts = [_TASKS[name].join(own) for own in drawn]
    is_anomalous = np.repeat([False, True], _N_TEST)
    return Texts(texts[:_N_TRAIN], texts[_N_TRAIN:], is_anomalous, planted)


def _mixed(texts: set[str], chance: np.random.Generator) -> list[str]:
    own = sorted(texts)
    return [own[i] for i in chance.permutation(len(own)).tolist()]


def _drawn(pool: list[str], size: int) -> list[str]:
    """Return so many bytes of texts, none of them twice before all have been drawn."""
    found: list[str] = []
    while sum(len(own.encode()) for own in found) < size:
        found.append(pool.pop())
    pool[:0] = found
    return found


def figures(texts: Texts, seed: int) -> dict[str, tuple[float, ...]]:
    """Return AUROC, recall, usual texts flagged and passages found of each method."""
    found: dict[str, tuple[float, ...]] = {}
    for way, passages in ((_OURS, True), (_CUT, False)):
        detector = PolarDetector(seed=seed, passages=passages).fit(texts.train)
        own = detector.assess(texts.test, programs_of="none")
        flagged = [float(own.is_anomaly[texts.is_anomalous == label].mean()) for label in (1, 0)]
        shown = [passage.shown for passage in own.passages] or [""] * len(texts.test)
        pairs = [pair for pair in zip(shown, texts.planted, strict=True) if pair[1]]
        are_right = [_has_some(*pair) for pair in pairs]
        share = float(np.mean(are_right)) if passages and are_right else np.nan
        found[way] = auroc(texts.is_anomalous, own.scores), *flagged, share
    embed = detector.engine_.extractor.encoder.embed
    baselines = _by_embeddings(texts, embed) | {"TF-IDF + isolation forest": _by_words(texts, seed)}
    nothing = (np.nan,) * 3
    return found | {
        way: (auroc(texts.is_anomalous, scores), *nothing) for way, scores in baselines.items()
    }


def _has_some(shown: str, planted: Sequence[str]) -> bool:
    """Return whether a passage has words of what was put in, one behind another."""
    whole = " ".join(shown.split())
    pieces = [" ".join(own.split()) for own in planted]
    return any(own in whole or whole in own or own[:40] in whole for own in pieces)


def _by_embeddings(
    texts: Texts, embed: Callable[[Sequence[str]], NDArray[np.floating]]
) -> dict[str, NDArray[np.float64]]:
    train, test = InPassages.of(texts.train), InPassages.of(texts.test)
    of_passages = bench_baselines.neighbours(embed(train.passages), embed(test.passages))
    by_text = [of_passages[test.owners == i] for i in range(test.n_texts)]
    return {
        "encoder + kNN, beginning": bench_baselines.neighbours(
            embed(texts.train), embed(texts.test)
        ),
        "highest passage": np.asarray([own.max() for own in by_text]),
        "mean of passages": np.asarray([own.mean() for own in by_text]),
    }


def _by_words(texts: Texts, seed: int) -> NDArray[np.float64]:
    vectors = TfidfVectorizer(sublinear_tf=True)
    forest = IsolationForest(n_estimators=200, random_state=seed)
    forest.fit(vectors.fit_transform(texts.train))
    scores: NDArray[np.float64] = -forest.score_samples(vectors.transform(texts.test))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--tasks", type=common.some_of(_TASKS), default=tuple(_TASKS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = []
    for name in options.tasks:
        runs = [
            figures(long_texts(name, options.data, seed), seed) for seed in range(options.seeds)
        ]
        means = {way: np.mean([run[way] for run in runs], axis=0).tolist() for way in runs[0]}
        _, recall, flagged, shown = means[_OURS]
        own = [f"{means[way][0]:.3f}" for way in means]
        own += [f"{recall:.2f}, {flagged:.2f}", "" if np.isnan(shown) else f"{shown:.2f}"]
        own.insert(2, f"{means[_CUT][1]:.2f}, {means[_CUT][2]:.2f}")
        table.append([name, *own])
        common.say(" ".join(table[-1]))
    print(f"{common.machine()}; {_N_TRAIN} texts fitted, seeds 0 to {options.seeds - 1}\n")
    ways = [*means]
    ways.insert(2, "recall, usual flagged")
    print(common.markdown_table(["task", *ways, "recall, usual flagged", "shown"], table))


if __name__ == "__main__":
    main()
