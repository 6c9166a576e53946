"""Which rows and texts that were copied from another one are told, and which usual ones are.

    python experiments/repeats.py [--seeds 3] [--n-train 300] [--n-new 150]

Of the tables of `columns.py`, each class in turn, and of all texts of `benchmark.py`, normal rows
are drawn to fit on, and later ones. A copy has all that one of the former says; or some of it is
that of a later row, at random: a quarter or half of the columns; one word in ten, or in four, is
another word of the normal texts. Beside it stand what finds equal rows, and nearest neighbours
(distances of standardised numbers, cosines of TF-IDF): nearer to one normal row than 99 of 100 of
these are to each other. Of tables also the AUROC of the default score, as copies are usual in every
other respect. And 5, 20 and 40 in 100 of the normal rows are made copies of others of them, and all
held against each other.

Prints, by source, the share that is told of whole and of changed copies, and of later usual rows;
and of copies within one file.
Reads: adbench_classical, agnews_test, ai4i2020, clinc150, concrete, excavator_mwo, fastdetectgpt,
injecguard, intent_oos, jrte_ja, loghub2k, maintnorm, sentconv, tad_bench, textoir_stackoverflow.
Takes: 3 min (EPYC, beside other work).
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import bench_tasks
import columns
import common
import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from polar_detect import PolarDetector
from polar_detect.frames import row_template
from polar_detect.metrics import auroc
from polar_detect.pipeline.training import MIN_NORMAL
from polar_detect.signature.repeats import Repeats
from polar_detect.tables.rows.template import RowTemplate

_LEVEL = 0.01  # of normal rows are nearer to each other, where neighbours decide
_WITHIN = (0.05, 0.2, 0.4)  # of the rows of a file are copies
_CHANGED = {"columns": (0.25, 0.5), "words": (0.1, 0.25)}


@dataclass(frozen=True)
class Shares:
    """Which share of whole copies, of two kinds of changed ones, and of usual rows is told.

    Within a file of which more and more rows are copies: which share of these is.
    """

    told: Sequence[float]
    within: Sequence[float]
    equal: float
    near: Sequence[float]
    score: float = np.nan  # its AUROC on whole copies


def main() -> None:
    options = _options()
    common.say(common.machine())
    found = defaultdict(list)
    for seed in range(options.seeds):
        for source, shares in _of_tables(options, seed):
            found["columns", source].append(shares)
        for source, shares in _of_texts(options, seed):
            found["words", source].append(shares)
    print(f"{common.machine()}; {options.seeds} seeds\n")
    for kind, changed in _CHANGED.items():
        own = {source: shares for (of, source), shares in found.items() if of == kind}
        names = [f"{share:.0%} changed" for share in changed]
        header = ["source", "told: whole copies", *names, "usual"]
        header += [f"{share:.0%} of a file" for share in _WITHIN] + ["equal: whole copies"]
        header += ["near: whole copies", *names, "usual"] + ["AUROC of the score"] * (
            kind == "columns"
        )
        rows = [_row(source, shares) for source, shares in own.items()]
        rows.append(_row("all", [one for shares in own.values() for one in shares]))
        print(common.markdown_table(header, [row[: len(header)] for row in rows]) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-train", type=int, default=300)
    parser.add_argument("--n-new", type=int, default=150)
    return parser.parse_args()


def _row(source: str, shares: Sequence[Shares]) -> list[str]:
    parts = [[*own.told, *own.within, own.equal, *own.near, own.score] for own in shares]
    return [source, *(f"{share:.3f}" for share in np.mean(parts, axis=0))]


def _of_tables(options: argparse.Namespace, seed: int) -> Iterator[tuple[str, Shares]]:
    for table in columns.tables_of_normal_rows(options.data):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(table.normal)
        n = min(options.n_train, max(int(0.6 * len(rows)), MIN_NORMAL))
        normal, usual = rows[:n], rows[n:][: options.n_new]
        if len(usual) < 10:
            continue
        originals = normal[rng.integers(n, size=len(usual))]
        sets = [originals]
        for share in _CHANGED["columns"]:
            sets.append(np.where(rng.random(usual.shape) < share, usual, originals))
        sets.append(usual)
        frames = [columns.frame_of(own) for own in (normal, *sets)]
        template = row_template(frames[0])
        own = Repeats.of(template.texts(frames[0]), template)
        scale = StandardScaler().fit(normal)
        scores = [-PolarDetector("columns").fit(frames[0]).score_samples(f) for f in frames[1:]]
        is_copy = np.repeat([True, False], len(usual))
        yield (
            table.name.split()[0].strip(","),
            Shares(
                told=[_told(own, template.texts(frame)) for frame in frames[1:]],
                within=[_within(template.texts(frames[0]), template, n, rng) for n in _WITHIN],
                equal=_equal([*map(tuple, normal)], [*map(tuple, originals)]),
                near=_near(
                    scale.transform(normal), [scale.transform(one) for one in sets], "euclidean"
                ),
                score=auroc(is_copy, np.concatenate([scores[0], scores[-1]])),
            ),
        )


def _of_texts(options: argparse.Namespace, seed: int) -> Iterator[tuple[str, Shares]]:
    for task in [*bench_tasks.names(), *bench_tasks.fresh()]:
        if task.endswith(bench_tasks.MATCHED):
            continue
        rng = np.random.default_rng(seed)
        drawn = bench_tasks.split(
            task, options.data, seed=seed, n_train=options.n_train, n_test=options.n_new
        )
        normal = drawn.train
        usual = [text for text, odd in zip(drawn.test, drawn.is_anomalous, strict=True) if not odd]
        originals = [normal[i] for i in rng.integers(len(normal), size=len(usual))]
        words = np.asarray([word for text in normal for word in text.split()], object)
        changed = [
            [_changed(text, words, share, rng) for text in originals] for share in _CHANGED["words"]
        ]
        sets = [originals, *changed, usual]
        own = Repeats.of(normal)
        weigh = TfidfVectorizer().fit(normal)
        vectors = [weigh.transform(one) for one in sets]
        yield (
            bench_tasks.source(task),
            Shares(
                told=[_told(own, one) for one in sets],
                within=[_within(normal, None, n, rng) for n in _WITHIN],
                equal=_equal(normal, originals),
                near=_near(weigh.transform(normal), vectors, "cosine"),
            ),
        )


def _changed(text: str, words: NDArray[np.object_], share: float, rng: np.random.Generator) -> str:
    own = text.split()
    return " ".join(rng.choice(words) if rng.random() < share else word for word in own)


def _told(own: Repeats | None, texts: Sequence[str]) -> float:
    return 0.0 if own is None else float(np.mean([one is not None for one in own.new(texts)]))


def _within(
    texts: Sequence[str], rows: RowTemplate | None, share: float, rng: np.random.Generator
) -> float:
    """Return which share of copies is told, where so many of the texts are copies of others."""
    order, n_copies = rng.permutation(len(texts)), int(share * len(texts))
    copies, originals = order[:n_copies], order[n_copies : 2 * n_copies]
    own = np.asarray(texts, object)
    own[copies] = own[originals]
    found = Repeats.of(own.tolist(), rows)
    if found is None:
        return 0.0
    told = found.within()
    return float(np.mean([told[i] is not None for i in copies]))


def _equal(normal: Sequence[object], new: Sequence[object]) -> float:
    """Return which share of copies a search for equal rows finds, if normal rows are not equal."""
    known = {*normal}
    return float(np.mean([one in known for one in new])) if len(known) == len(normal) else 0.0


def _near(normal: object, sets: Sequence[object], metric: str) -> list[float]:
    """Return which share of rows is nearer to a normal one than nearly all of these are."""
    index = NearestNeighbors(n_neighbors=2, metric=metric).fit(normal)
    limit = np.quantile(index.kneighbors(normal)[0][:, 1], _LEVEL)
    return [float((index.kneighbors(own, 1)[0][:, 0] < limit).mean()) for own in sets]


if __name__ == "__main__":
    main()
