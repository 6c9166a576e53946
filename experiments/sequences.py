"""Sequences of entries, of which one is missing, out of place or there too often.

    python experiments/sequences.py [--seeds 2] [--n-train 250] [--n-test 60] [--tasks batch]

Lines of one process (OpenSSH) and of one request (OpenStack) are true ones. Invented are: batch
records with options and steps in any order, histories of a file that three machines store at a
time, and reports with sentences of the news between their headings. Of test texts the second half
is changed in one way each: an entry left out, one twice, two neighbours swapped, one moved, the end
cut off, an entry of another set put in. Changes that leave the same sequence of kinds do not count.

Beside the default detector stand the same one without sequences, the nearest neighbour by TF-IDF
of one to three kinds of entries in a row, PCA on how often each kind occurs (Xu et al., Detecting
large-scale system problems by mining console logs, 2009) and an isolation forest on that, all of
them with the kinds that the default found; and MiniLM with five nearest neighbours.

Prints AUROC, and recall and false alarms at .05. Reads: agnews_test, loghub2k. Takes: 40 min
(two seeds, AMD EPYC, beside other work).
"""

import argparse
import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

from polar_detect import PolarDetector
from polar_detect.detectors import AutoHead
from polar_detect.detectors.base import TrainingSignatures
from polar_detect.detectors.scale import Scale
from polar_detect.detectors.views import Views
from polar_detect.features.of_sequences import SEQUENCE
from polar_detect.memory import with_memory
from polar_detect.metrics import auroc
from polar_detect.texts.entries import EntryKinds
from polar_detect.texts.moments import as_read

Entries = list[str]
Scores = NDArray[np.float64]
CHANGES = ("left out", "twice", "swapped", "moved", "cut off", "foreign")
_KEYS = {
    "openssh": ("OpenSSH", re.compile(r".*sshd\[(\d+)\]: (.*)")),
    "openstack": ("OpenStack", re.compile(r".*? (?:INFO|WARNING|ERROR) \S+ \[(req-\S+).*?\](.*)")),
}
_MOST_ENTRIES = 60  # of a request, as two have hundreds
_FOREIGN = ("Out of memory: killed process", "Link is down", "Certificate expired on 1 March")


class WithoutSequences(AutoHead):
    """The default detector, for which texts are no sequences."""

    def _choose(self, shown: TrainingSignatures, scale: Scale) -> Views:
        found = super()._choose(shown, scale)
        n = len(found.shares) - sum(own.group == SEQUENCE for own in shown.normal.features)
        return replace(
            found, views=found.views[:n], shares=found.shares[:n] / found.shares[:n].sum()
        )


@dataclass(frozen=True)
class Split:
    """Normal texts to fit on, usual ones, and changed ones by what was changed."""

    train: Sequence[Entries]
    usual: Sequence[Entries]
    changed: Mapping[str, Sequence[Entries]]


def of_log(name: str, data: Path) -> list[Entries]:
    """Return the lines of each process or request that has two or more."""
    system, pattern = _KEYS[name]
    path = common.existing(data / f"loghub2k/{system}/{system}_2k.log")
    own: dict[str, Entries] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if found := pattern.match(line):
            own.setdefault(found[1], []).append(found[2].strip())
    return [entries[:_MOST_ENTRIES] for entries in own.values() if len(entries) > 1]


def batches(rng: np.random.Generator) -> Iterator[Entries]:
    """Yield records of three products, with options, repeated steps and steps in any order."""
    recipes = [
        (80, ["resin", "filler", "hardener"], True),
        (60, ["resin", "pigment"], False),
        (140, ["rubber", "carbon black", "sulphur", "oil"], True),
    ]
    while True:
        heat, parts, has_vacuum = recipes[rng.integers(3)]
        weighed = [f"Weighed {part} {rng.normal(50, 5):.1f} kg" for part in rng.permutation(parts)]
        done = ["Label printed", "Retain sample stored", f"Filled into {rng.integers(2, 9)} drums"]
        yield [
            f"Batch {rng.integers(1000, 9999)} opened by operator {rng.integers(1, 30)}",
            "Line clearance checked",
            *weighed,
            *["Vessel rinsed once more"] * (rng.random() < 0.2),
            f"Vessel charged, lid closed at {rng.integers(6, 22)}:{rng.integers(10, 59)}",
            *[f"Vacuum drawn to {rng.integers(5, 20)} mbar"] * has_vacuum,
            f"Heating to {heat + rng.integers(-2, 3)} °C started",
            *[f"Sample taken: {rng.normal(900, 80):.0f} mPas" for _ in range(rng.integers(1, 5))],
            *["Alarm: agitator current high", "Alarm acknowledged"] * (rng.random() < 0.15),
            f"Hold of {rng.integers(25, 35)} min complete",
            "Cooling to 30 °C started",
            *["Vacuum released"] * has_vacuum,
            *rng.permutation(done[: 2 + has_vacuum]),
            "Vessel cleaned",
            f"Batch record signed by QA {rng.integers(1, 6)}",
        ]


def histories(rng: np.random.Generator) -> Iterator[Entries]:
    """Yield what three machines say that store a file at a time, and what comes of it."""
    while True:
        name = f"file_{rng.integers(10**9, 10**10)}"
        chains = [
            [
                f"Receiving {name} from 10.2.{rng.integers(99)}.{rng.integers(99)}",
                f"Responder {i} for {name} terminating",
                f"Received {name} of size {rng.integers(10**6, 10**7)}",
                f"Map updated: 10.2.{rng.integers(99)}.{rng.integers(99)} added to {name}",
            ]
            for i in range(3)
        ]
        turns = rng.permutation(np.repeat(np.arange(3), 4))
        deleted = 3 * (rng.random() < 0.7)
        yield [
            f"Allocate /user/part-{rng.integers(2000):05d} {name}",
            *[chains[turn].pop(0) for turn in turns],
            *[f"Served {name} to 10.2.{rng.integers(99)}.9"] * int(rng.integers(0, 4)),
            *[f"Verification succeeded for {name}"] * (rng.random() < 0.3),
            *[f"Delete: {name} is added to invalid set"] * deleted,
            *[f"Deleting {name}"] * deleted,
        ]


def reports(rng: np.random.Generator, news: Sequence[str]) -> Iterator[Entries]:
    """Yield reports with one to three lines of news under each heading."""
    headings = [
        "1. Subject",
        "2. Observation",
        "3. Cause",
        "4. Measures",
        "5. Result",
        "6. Approval",
    ]
    titles = cycle(rng.permutation(news))  # enough for all, each once
    while True:
        sections = headings[:4] + ["4a. Cost"] * (rng.random() < 0.2) + headings[4:]
        yield [
            "\n".join([heading, *islice(titles, int(rng.integers(1, 4)))]) for heading in sections
        ]


def texts_of(task: str, data: Path, seed: int) -> list[Entries]:
    """Return the sequences of a set, in random order."""
    rng = np.random.default_rng(seed)
    if task in _KEYS:
        own = of_log(task, data)
        return [own[i] for i in rng.permutation(len(own))]
    if task == "report":
        path = common.existing(data / "agnews_test/test.csv")
        with path.open(encoding="utf-8", newline="") as file:
            news = [row[1] for row in csv.reader(file)]
        return [*islice(reports(rng, news), 500)]
    invented: dict[str, Callable[[np.random.Generator], Iterator[Entries]]]
    invented = {"batch": batches, "history": histories}
    return [*islice(invented[task](rng), 600)]


TASKS = (*_KEYS, "batch", "history", "report")


def changed(entries: Entries, what: str, rng: np.random.Generator) -> Entries:
    """Return a sequence that is changed in one way."""
    own, n = [*entries], len(entries)
    place = int(rng.integers(n))
    if what == "left out":
        del own[place]
    elif what == "twice":
        own.insert(place, own[place])
    elif what == "swapped":
        place = int(rng.integers(n - 1))
        own[place : place + 2] = own[place : place + 2][::-1]
    elif what == "moved":
        own.insert(int(rng.integers(n)), own.pop(place))
    elif what == "cut off":
        del own[max(place, 1) :]
    else:
        own.insert(place, str(rng.choice(_FOREIGN)))
    return own


def split(task: str, options: argparse.Namespace, seed: int) -> Split:
    """Return the texts of a set: half of them to fit on, where there are few."""
    own, n_test = texts_of(task, options.data, seed), options.n_test
    n = min(options.n_train, len(own) // 2)
    rest = own[n:]
    n_usual = min(n_test, len(rest) // 2)
    usual, others = rest[:n_usual], rest[n_usual : n_usual + n_test]
    kinds, rng = (
        EntryKinds.fit([_lines(entries) for entries in own[:n]]),
        np.random.default_rng(seed),
    )
    found: dict[str, list[Entries]] = {}
    for what in CHANGES:
        pairs = [(entries, changed(entries, what, rng)) for entries in others]
        found[what] = [new for old, new in pairs if kinds.of(_lines(old)) != kinds.of(_lines(new))]
    return Split(own[:n], usual, found)


def _lines(entries: Entries) -> list[str]:
    return as_read(["\n".join(entries)])[0].split("\n")


def _texts(sequences: Iterable[Entries]) -> list[str]:
    return ["\n".join(entries) for entries in sequences]


Scored = Callable[[Sequence[Entries]], Scores]


def by_kinds(train: Sequence[Entries], seed: int) -> dict[str, Scored]:
    """Return methods on the kinds of entries."""
    kinds = EntryKinds.fit([_lines(entries) for entries in train])

    def said(sequences: Sequence[Entries]) -> list[list[str]]:
        return [kinds.of(_lines(entries)) for entries in sequences]

    grams = TfidfVectorizer(analyzer=_grams)
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(grams.fit_transform(said(train)))
    counter = CountVectorizer(analyzer=list)
    counts = counter.fit_transform(said(train)).toarray()
    pca, forest = PCA(0.95).fit(counts), IsolationForest(random_state=seed).fit(counts)

    def far(sequences: Sequence[Entries]) -> Scores:
        own = counter.transform(said(sequences)).toarray()
        return np.asarray(((own - pca.inverse_transform(pca.transform(own))) ** 2).sum(1))

    return {
        "n-grams, nearest": lambda own: nearest.kneighbors(grams.transform(said(own)))[0][:, 0],
        "counts, PCA": far,
        "counts, forest": lambda own: -forest.score_samples(counter.transform(said(own)).toarray()),
    }


def _grams(kinds: Sequence[str]) -> list[str]:
    own = ["^", *kinds, "$"]
    return [" / ".join(own[i : i + n]) for n in (1, 2, 3) for i in range(len(own) - n + 1)]


def _compared(task: str, options: argparse.Namespace, seed: int) -> Iterator[dict[str, object]]:
    own = split(task, options, seed)
    train = _texts(own.train)
    tested = [*own.usual, *(entries for each in own.changed.values() for entries in each)]
    texts = _texts(tested)
    what = [""] * len(own.usual) + [name for name, each in own.changed.items() for _ in each]
    scores: dict[str, Scores] = {}
    flagged: dict[str, NDArray[np.bool_]] = {}
    for name, head in (("default", AutoHead()), ("without", WithoutSequences())):
        detector = PolarDetector(head, seed=seed)
        with_memory(detector, train, remembered=[*train, *texts])
        found = detector.fit(train).assess(texts, programs_of="none")
        scores[name], flagged[name] = found.scores, found.is_anomaly
        common.say(f"{task} {seed}: {detector.fitted_.text_reference.sequences}")
    scores |= {name: method(tested) for name, method in by_kinds(own.train, seed).items()}
    embed = detector.engine_.extractor.encoder.embed
    near = NearestNeighbors(n_neighbors=5, metric="cosine").fit(embed(train))
    scores["MiniLM, 5 nearest"] = near.kneighbors(embed(texts))[0].mean(1)
    are = np.asarray(what)
    for name in own.changed:
        rows = (are == "") | (are == name)
        for method, values in scores.items():
            yield {
                "set": task,
                "change": name,
                "method": method,
                "AUROC": auroc(are[rows] == name, values[rows]),
                "recall": flagged[method][are == name].mean() if method in flagged else np.nan,
                "false alarms": flagged[method][are == ""].mean() if method in flagged else np.nan,
            }


def main() -> None:
    options = _options()
    found = pd.DataFrame(
        row
        for task in options.tasks
        for seed in range(options.seeds)
        for row in _compared(task, options, seed)
    )
    print(f"{common.machine()}; {options.seeds} seeds\n")
    print(_table(found, ["set", "change"], "AUROC"))
    print(_table(found, ["set"], "AUROC"))
    of_detectors = found.dropna()
    print(_table(of_detectors, ["set"], "recall"))
    print(_table(of_detectors, ["set"], "false alarms"))


def _table(found: pd.DataFrame, rows: list[str], figure: str) -> str:
    table = found.pivot_table(index=rows, columns="method", values=figure, sort=False)
    cells = [
        [*([key] if isinstance(key, str) else key), *(f"{value:.3f}" for value in row)]
        for key, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return f"{figure}\n\n{common.markdown_table([*rows, *table.columns], cells)}\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--tasks", type=common.some_of(TASKS), default=TASKS, help="a,b,…")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--n-train", type=int, default=250)
    parser.add_argument("--n-test", type=int, default=60, help="usual texts, and of each change")
    return parser.parse_args()


if __name__ == "__main__":
    main()
