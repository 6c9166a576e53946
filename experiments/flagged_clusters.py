"""Whether clusters of flagged rows go with the kinds of anomalies that were planted.

    python experiments/flagged_clusters.py [--seeds 3] [--sets queries,orders,…]

Known kinds of strangers of different sizes (intents, subjects, alerts, faults of machines) stand
among normal rows, with single ones of other kinds. A detector is fitted on 300 normal texts or 600
rows; what it flags is put into clusters, normal rows among it, which are of no kind. Beside it, on
the flagged rows too: k-means, which is told how many kinds there are, and HDBSCAN (three at least),
on the encoder's embeddings or the columns, standardised. *Null* sets hold no two of a kind.

Prints by set: adjusted Rand index and V-measure (rows of no kind, and rows in no cluster, are each
by themselves), the share of rows in clusters that are of their cluster's most frequent kind, how
many rows of the kinds are in a cluster, and clusters found for kinds of three rows or more; of null
sets the share of flagged rows in clusters. Reads: agnews_test, ai4i2020, clinc150, excavator_mwo,
intent_oos, loghub2k, textoir_stackoverflow. Takes: 18 min (two seeds, EPYC, beside other work).
"""

import argparse
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bench_tasks
import common
import kinds
import numpy as np
import pandas as pd
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import adjusted_rand_score, v_measure_score

from polar_detect import PolarDetector
from polar_detect.assessment import Assessment

N_TRAIN, N_USUAL = 300, 150
_MIN_SIZE = 3
_NONE = ""  # the kind of a row that is of none
Pools = Sequence[tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class Drawn:
    """Rows to fit on, and rows to score with their kinds."""

    train: list[str] | pd.DataFrame
    test: list[str] | pd.DataFrame
    kinds: list[str]


def _texts(
    rng: np.random.Generator,
    normal: Sequence[str],
    pools: Pools,
    sizes: Sequence[int],
    singles: Iterable[str] = (),
) -> Drawn:
    """Return texts of the first pools, so many of each, singles, and normal ones."""
    usual = rng.permutation(np.asarray(normal, object)).tolist()
    test, own = list[str](), list[str]()
    for (kind, pool), n in zip(pools, sizes, strict=False):
        drawn = rng.permutation(np.asarray(pool, object))[:n].tolist()
        test, own = [*test, *drawn], [*own, *[kind] * len(drawn)]
    rest = [*singles, *usual[N_TRAIN : N_TRAIN + N_USUAL]]
    return Drawn(usual[:N_TRAIN], [*test, *rest], [*own, *[_NONE] * len(rest)])


def _one_of_each(rng: np.random.Generator, pools: Pools) -> list[str]:
    return [str(rng.choice(pool)) for _, pool in pools]


def _by_kind(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    pools: dict[str, list[str]] = {}
    for text, kind in pairs:
        pools.setdefault(kind, []).append(text)
    return pools


def _intents(data: Path) -> dict[str, list[str]]:
    parts = ("train", "val", "test")
    return _by_kind(pair for part in parts for pair in common.clinc_pairs(data, part))


def _shuffled(rng: np.random.Generator, pools: dict[str, list[str]]) -> Pools:
    return [(kind, pools[kind]) for kind in rng.permutation(sorted(pools)).tolist()]


def queries(data: Path, rng: np.random.Generator) -> Drawn:
    """Return queries of thirty intents, with some of others."""
    pools = _shuffled(rng, _intents(data))
    normal = [text for _, pool in pools[:30] for text in pool]
    return _texts(rng, normal, pools[30:], (20, 10, 6, 4), _one_of_each(rng, pools[34:44]))


def titles(data: Path, rng: np.random.Generator) -> Drawn:
    """Return question titles on ten subjects, with some on four others."""
    rows = pd.concat([bench_tasks.subject_titles(data, part) for part in ("train", "dev", "test")])
    pools = _shuffled(rng, _by_kind(zip(rows["text"], rows["label"], strict=True)))
    normal = [text for _, pool in pools[:10] for text in pool]
    return _texts(rng, normal, pools[10:], (25, 12, 8, 6))


def alerts(data: Path, rng: np.random.Generator) -> Drawn:
    """Return lines of a supercomputer's log, with alerts of its kinds."""
    log = bench_tasks._log(data, "BGL")
    strange = log[log["Label"] != "-"].drop_duplicates("Content")
    pools = _shuffled(rng, _by_kind(zip(strange["Content"], strange["Label"], strict=True)))
    return _texts(rng, log["Content"][log["Label"] == "-"].tolist(), pools, [20] * len(pools))


def _orders(data: Path) -> list[str]:
    return [*bench_tasks._texts(bench_tasks._repairs(data)["OriginalShorttext"])]


def orders(data: Path, rng: np.random.Generator) -> Drawn:
    """Return repair orders, with question titles, queries and lines of a log."""
    subjects = bench_tasks.subject_titles(data, "train")
    subject = _shuffled(rng, _by_kind(zip(subjects["text"], subjects["label"], strict=True)))[0]
    intents = _shuffled(rng, _intents(data))
    log = bench_tasks._log(data, "BGL").drop_duplicates("Content")
    lines = _by_kind(zip(log["Content"], log["EventId"], strict=True))
    event = _shuffled(rng, {kind: own for kind, own in lines.items() if len(own) >= 8})[0]
    pools = [subject, intents[0], event, intents[1]]
    return _texts(rng, _orders(data), pools, (15, 10, 8, 5), _one_of_each(rng, intents[2:10]))


def commands(data: Path, rng: np.random.Generator) -> Drawn:
    """Return commands of twenty intents, with some of others."""
    said = bench_tasks._intent_lines(data, "HWU64", "seq.in")
    labels = bench_tasks._intent_lines(data, "HWU64", "label")
    found = _by_kind(zip(said, labels, strict=True))
    pools = _shuffled(rng, {kind: own for kind, own in found.items() if len(own) >= 20})
    normal = [text for _, pool in pools[:20] for text in pool]
    return _texts(rng, normal, pools[20:], (20, 10, 6, 4), _one_of_each(rng, pools[24:34]))


def news(data: Path, rng: np.random.Generator) -> Drawn:
    """Return titles of news on one subject, with some on the three others."""
    path = common.existing(data / "agnews_test/test.csv")
    rows = pd.read_csv(path, names=["class", "title", "body"], dtype=str)
    pools = _shuffled(rng, _by_kind(zip(rows["title"], rows["class"], strict=True)))
    return _texts(rng, pools[0][1], pools[1:], (20, 10, 6))


def _usual_and_rare(data: Path) -> tuple[list[str], dict[str, list[str]]]:
    """Return the lines of a log but those of rare templates, and these by template."""
    log = bench_tasks._log(data, "Thunderbird")
    counts = log["EventId"].value_counts(ascending=True)
    is_rare = log["EventId"].isin(counts.index[counts.cumsum() <= len(log) / 10])
    rare = log[is_rare].drop_duplicates("Content")
    pools = _by_kind(zip(rare["Content"], rare["EventId"], strict=True))
    return log["Content"][~is_rare].tolist(), pools


def rare_lines(data: Path, rng: np.random.Generator) -> Drawn:
    """Return lines of another log, with those of rare templates."""
    usual, pools = _usual_and_rare(data)
    large = _shuffled(rng, {kind: own for kind, own in pools.items() if len(own) >= _MIN_SIZE})
    others = _shuffled(rng, {kind: own for kind, own in pools.items() if len(own) < _MIN_SIZE})
    return _texts(rng, usual, large, [12] * 8, _one_of_each(rng, others[:12]))


def out_of_scope(data: Path, rng: np.random.Generator) -> Drawn:
    """Return queries with some that are out of scope, each about something else."""
    strange = [*common.clinc_queries(data, "oos_train"), *common.clinc_queries(data, "oos_test")]
    singles = rng.permutation(strange)[:40].tolist()
    return _texts(rng, common.clinc_queries(data, "train"), (), (), singles)


def single_queries(data: Path, rng: np.random.Generator) -> Drawn:
    """Return repair orders, with one query of each of thirty intents."""
    singles = _one_of_each(rng, _shuffled(rng, _intents(data))[:30])
    return _texts(rng, _orders(data), (), (), singles)


def single_lines(data: Path, rng: np.random.Generator) -> Drawn:
    """Return lines of that log, with one of each of forty rare templates."""
    usual, pools = _usual_and_rare(data)
    return _texts(rng, usual, (), (), _one_of_each(rng, _shuffled(rng, pools)[:40]))


def _faulty(
    train: pd.DataFrame, test: pd.DataFrame, faults: dict[str, tuple[int, Callable[..., object]]]
) -> Drawn:
    """Return rows of which the first have faults, so many of each."""
    test, own, start = test.copy(), [_NONE] * len(test), 0
    for name, (n, spoil) in faults.items():
        rows = test.index[start : start + n]
        spoil(test, rows)
        own[start : start + n] = [name] * n
        start += n
    return Drawn(train, test, own)


def _plus(column: str, low: float, high: float, rng: np.random.Generator) -> Callable[..., object]:
    def spoil(rows: pd.DataFrame, own: pd.Index) -> None:
        rows.loc[own, column] += rng.uniform(low, high, len(own)).round(3)

    return spoil


def _says(column: str, word: str) -> Callable[..., object]:
    return lambda rows, own: rows.loc.__setitem__((own, column), word)


def plant(data: Path, rng: np.random.Generator) -> Drawn:  # noqa: ARG001
    """Return invented readings of a plant with five faults."""
    n = 1400
    temperature, speed, flow = (rng.normal(m, s, n) for m, s in ((200, 5), (1500, 80), (30, 2)))
    rows = pd.DataFrame(
        {
            "temperature": temperature.round(1),
            "pressure": (2 * temperature + rng.normal(0, 4, n)).round(1),
            "speed": speed.round(0),
            "flow": flow.round(2),
            "power": (speed * flow / 100 + rng.normal(0, 8, n)).round(1),
            "vibration": rng.normal(2, 0.2, n).round(2),
            "machine": rng.choice(["A", "B", "C"], n),
        }
    )
    faults = {
        "pressure": (20, _plus("pressure", -30, -16, rng)),
        "power": (12, _plus("power", 35, 70, rng)),
        "vibration high": (8, _plus("vibration", 0.8, 1.5, rng)),
        "vibration low": (6, _plus("vibration", -1.5, -0.8, rng)),
        "machine": (10, _says("machine", "D")),
    }
    return _faulty(rows[:600], rows[600:].reset_index(drop=True), faults)


def parts(data: Path, rng: np.random.Generator) -> Drawn:  # noqa: ARG001
    """Return the invented parts of `kinds`, with four faults."""
    rows = kinds.parts(rng, 1400)
    faults = {
        "oven": (18, _plus("oven [°C]", 12, 25, rng)),
        "light": (12, _plus("weight [g]", -5, -2.5, rng)),
        "long": (8, _plus("length [mm]", 0.06, 0.15, rng)),
        "pressure": (5, _plus("pressure [bar]", -2, -1, rng)),
    }
    return _faulty(rows[:600], rows[600:].reset_index(drop=True), faults)


def machines(data: Path, rng: np.random.Generator) -> Drawn:
    """Return states of a machine, with failures of the modes that the data set's rules make.

    Of several modes the first counts; normal rows are of none.
    """
    path = common.existing(data / "ai4i2020/ai4i2020.csv")
    rows = pd.read_csv(path, encoding="utf-8-sig")
    air, process, speed, torque, wear = (rows[name] for name in bench_tasks.MACHINE_STATE)
    power, limits = torque * speed * 2 * np.pi / 60, {"L": 11000, "M": 12000, "H": 13000}
    modes = {
        "heat": (process - air < 8.6) & (speed < 1380),
        "low power": power < 3500,
        "high power": power > 9000,
        "overstrain": wear * torque > rows["Type"].map(limits),
    }
    mode = np.select([*modes.values()], [*modes], _NONE)
    columns = ["Type", *bench_tasks.MACHINE_STATE]
    normal = rng.permutation(np.flatnonzero(rows["Machine failure"] == 0))
    failed = np.flatnonzero((rows["Machine failure"] == 1) & (mode != _NONE))
    test = [*failed, *normal[900:1700]]
    return Drawn(rows[columns].iloc[normal[:900]], rows[columns].iloc[test], mode[test].tolist())


def _independent(n_columns: int) -> Callable[[Path, np.random.Generator], Drawn]:
    def draw(data: Path, rng: np.random.Generator) -> Drawn:  # noqa: ARG001
        names = [f"c{i}" for i in range(n_columns)]
        rows = pd.DataFrame(rng.normal(50, 5, (1600, n_columns)).round(2), columns=names)
        return Drawn(rows[:600], rows[600:], [_NONE] * 1000)

    return draw


SETS = {
    "queries": queries,
    "titles": titles,
    "alerts": alerts,
    "orders": orders,
    "commands": commands,
    "news": news,
    "rare lines": rare_lines,
    "plant": plant,
    "parts": parts,
    "machines": machines,
    "null: out of scope": out_of_scope,
    "null: single queries": single_queries,
    "null: single lines": single_lines,
    **{f"null: {n} columns": _independent(n) for n in (6, 12, 30)},
}


def labels_of(drawn: Drawn, assessment: Assessment) -> np.ndarray:
    """Return the cluster of each flagged row, −1 where it is in none."""
    labels = np.full(len(assessment), -1)
    texts = drawn.test if isinstance(drawn.test, list) else ()
    for i, own in enumerate(assessment.clusters(texts).found):
        labels[own.places] = i
    return labels[assessment.is_anomaly]


def views(drawn: Drawn, assessment: Assessment) -> np.ndarray:
    """Return what the baselines see of the flagged rows."""
    if assessment.embeddings is not None:
        return assessment.embeddings[assessment.is_anomaly]
    assert isinstance(drawn.test, pd.DataFrame)
    train, test = (pd.get_dummies(pd.DataFrame(own)) for own in (drawn.train, drawn.test))
    train, test = train.astype(float), test.astype(float)
    train = train.reindex(columns=test.columns, fill_value=0.0)
    scaled = (test - train.mean()) / train.std().replace(0, 1)
    return scaled[assessment.is_anomaly].to_numpy()


def measured(labels: np.ndarray, own: Sequence[str]) -> dict[str, float]:
    """Return how clusters agree with kinds."""
    counts = Counter(kind for kind in own if kind)
    truth, found = [*own], [*map(str, labels)]
    for i, kind in enumerate(own):
        truth[i] = kind or f"row {i}"
        found[i] = found[i] if labels[i] >= 0 else f"row {i}"
    inside = labels >= 0
    most = 0
    for label in set(labels[inside].tolist()):
        of_kinds = Counter(own[i] for i in np.flatnonzero(labels == label).tolist() if own[i])
        most += max(of_kinds.values(), default=0)
    is_kind = np.asarray([counts[kind] >= _MIN_SIZE for kind in own])
    return {
        "flagged": len(own),
        "ARI": adjusted_rand_score(truth, found),
        "V": v_measure_score(truth, found),
        "of one kind": most / max(inside.sum(), 1),
        "kinds inside": (inside & is_kind).sum() / max(is_kind.sum(), 1),
        "clusters": len(set(labels[inside].tolist())),
        "kinds": sum(n >= _MIN_SIZE for n in counts.values()),
        "inside": inside.mean(),
    }


def figures(name: str, data: Path, seed: int) -> list[dict[str, object]]:
    """Return what each way makes of what is flagged."""
    drawn = SETS[name](data, np.random.default_rng(seed))
    detector = PolarDetector(seed=seed).fit(drawn.train)
    assessment = detector.assess(drawn.test, programs_of="none")
    own = [drawn.kinds[i] for i in np.flatnonzero(assessment.is_anomaly)]
    seen = views(drawn, assessment)
    k = sum(n >= _MIN_SIZE for kind, n in Counter(own).items() if kind)
    ways = {"polar-detect": labels_of(drawn, assessment)}
    if k:
        ways["k-means, right k"] = KMeans(k, n_init=10, random_state=seed).fit_predict(seen)
    ways["HDBSCAN"] = np.full(len(own), -1)
    if len(own) >= _MIN_SIZE:
        ways["HDBSCAN"] = HDBSCAN(min_cluster_size=_MIN_SIZE, copy=True).fit_predict(seen)
    common.say(f"{name} {seed}: {len(own)} flagged")
    return [
        {"set": name, "way": way, **measured(own_labels, own)} for way, own_labels in ways.items()
    ]


def table_of(rows: pd.DataFrame, columns: Sequence[str]) -> str:
    means = rows.groupby(["set", "way"], sort=False).mean(numeric_only=True).reset_index()
    cells = []
    for line in means.to_dict("records"):
        shown = [str(line["set"]), str(line["way"])]
        for name in columns:
            value, is_count = line[name], name in ("flagged", "clusters", "kinds")
            shown.append(f"{value:.1f}" if is_count else f"{value:.2f}".removeprefix("0"))
        cells.append(shown)
    return common.markdown_table(["set", "way", *columns], cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", type=common.some_of(SETS), default=tuple(SETS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    runs = [(name, seed) for name in options.sets for seed in range(options.seeds)]
    rows = pd.DataFrame(line for name, seed in runs for line in figures(name, options.data, seed))
    is_null = rows["set"].str.startswith("null")
    print(f"{common.machine()}; seeds 0 to {options.seeds - 1}\n")
    names = ["flagged", "ARI", "V", "of one kind", "kinds inside", "clusters", "kinds"]
    if not is_null.all():
        print(table_of(rows[~is_null], names), end="\n\n")
    if is_null.any():
        print(table_of(rows[is_null], ["flagged", "inside", "clusters"]))


if __name__ == "__main__":
    main()
