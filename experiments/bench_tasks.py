"""The benchmark's tasks by name: which texts of which public data set are normal."""

import argparse
import csv
import functools
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from common import Split, Task

Loader = Callable[[Path, int], Task]
_NamedLoader = Callable[[str, Path, int], Task]

MATCHED = "-matched"
QUICK = (
    "clinc",
    "stackoverflow",
    "sms",
    "bgl",
    "agnews-sports",
    "excavator-foreign",
    "xsum-gpt3.5",
    "sst2",
)

_LOADERS: dict[str, Loader] = {}
_SOURCES: dict[str, str] = {}
_MATCHED: list[str] = []
_FRESH: list[str] = []

_AG_CLASSES = {"world": "1", "sports": "2", "business": "3", "scitech": "4"}
_TREC_CLASSES = "01345"  # class 2, abbreviations, has 95 questions only
_INTENT_SETS = ("SNIPS", "ATIS", "HWU64")
_WRITERS = {"gpt3.5": "gpt-3.5-turbo", "gpt4": "gpt-4", "davinci": "davinci"}
_COMMON_FAILURES = {"Leak", "Structural Integrity", "Unspecified", "Missing / Loose"}
MACHINE_STATE = {
    "Air temperature [K]": "air {:.1f} K",
    "Process temperature [K]": "process {:.1f} K",
    "Rotational speed [rpm]": "{:.0f} rpm",
    "Torque [Nm]": "torque {:.1f} Nm",
    "Tool wear [min]": "tool wear {:.0f} min",
}


def add_split_options(
    parser: argparse.ArgumentParser, *, tasks: Sequence[str], n_train: int, n_test: int
) -> None:
    """Add what says which splits of which tasks are drawn, with these defaults."""
    known = common.some_of([*names(), *fresh()])
    parser.add_argument("--tasks", type=known, default=tuple(tasks), help="a,b,…")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--n-train", type=int, default=n_train)
    parser.add_argument("--n-test", type=int, default=n_test, help="test rows per class at most")


def names() -> list[str]:
    """Return the names of the benchmark's tasks, the length-matched ones last."""
    plain = [name for name in _LOADERS if name not in _FRESH]
    return [*plain, *(name + MATCHED for name in _MATCHED)]


def fresh() -> list[str]:
    """Return the names of the tasks that no choice was made on: feature, view, weight or scale.

    They are to be measured when something is finished, and nothing is to be chosen by them.
    """
    return list(_FRESH)


def source(name: str) -> str:
    """Return the data set that a task's normal texts are of; a task that is none here is its own.

    Tasks of one source share texts, so they are no independent draws.
    """
    return _SOURCES.get(name.removesuffix(MATCHED), name)


@functools.lru_cache(maxsize=4)
def load(name: str, data: Path, seed: int) -> Task:
    """Read the texts of a task; `seed` draws the classes where the task asks for that."""
    return _LOADERS[name.removesuffix(MATCHED)](data, seed)


def split(name: str, data: Path, *, seed: int, n_train: int = 600, n_test: int = 300) -> Split:
    """Draw the rows of a task, length-matched where its name says so."""
    draw = common.matched_split if name.endswith(MATCHED) else common.split
    return draw(load(name, data, seed), seed=seed, n_train=n_train, n_test=n_test)


def _task(
    source: str, *names: str, is_matched: bool = False, is_fresh: bool = False
) -> Callable[[_NamedLoader], _NamedLoader]:
    """Register a loader of a data set, one task for each name; it is told the name."""

    def register(loader: _NamedLoader) -> _NamedLoader:
        for name in names:
            _LOADERS[name] = functools.partial(loader, name)
            _SOURCES[name] = source
        _MATCHED.extend(names if is_matched else ())
        _FRESH.extend(names if is_fresh else ())
        return loader

    return register


@_task("clinc150", "clinc")
def _clinc(name: str, data: Path, _: int) -> Task:
    """Tell queries of 150 intents from queries out of scope."""
    part = functools.partial(common.clinc_queries, data)
    strange = (*part("oos_train"), *part("oos_val"), *part("oos_test"))
    return Task(name, tuple(part("train")), (strange,), held_out=tuple(part("test")))


@_task("intent_oos", *(name.lower() for name in _INTENT_SETS))
def _intents(name: str, data: Path, _: int) -> Task:
    """Commands to one assistant against commands to the two others."""
    others = [other for other in _INTENT_SETS if other.lower() != name]
    strange = tuple(_intent_texts(data, other) for other in others)
    return Task(name, _intent_texts(data, name.upper()), strange)


@_task("textoir_stackoverflow", "stackoverflow")
def _stackoverflow(name: str, data: Path, seed: int) -> Task:
    """Question titles of ten subjects against ten others, drawn anew by each seed."""
    titles = pd.concat([subject_titles(data, part) for part in ("train", "dev", "test")])
    subjects = np.random.default_rng(seed).permutation(sorted(titles["label"].unique()))
    is_normal = titles["label"].isin(subjects[:10])
    return Task(name, _texts(titles["text"][is_normal]), (_texts(titles["text"][~is_normal]),))


@_task("agnews_test", *(f"agnews-{name}" for name in _AG_CLASSES))
def _agnews(name: str, data: Path, _: int) -> Task:
    """News of three subjects against the fourth."""
    path = common.existing(data / "agnews_test/test.csv")
    news = pd.read_csv(path, names=["class", "title", "body"], dtype=str)
    texts = news["title"] + " " + news["body"].str.replace("\\", " ")
    is_out = news["class"] == _AG_CLASSES[name.removeprefix("agnews-")]
    return Task(name, _texts(texts[~is_out]), (_texts(texts[is_out]),))


@_task("sentconv", "subj")
def _subj(name: str, data: Path, _: int) -> Task:
    """Sentences of reviews against sentences of plots."""
    classes = sentences(data, "subj.all")
    return Task(name, classes["0"], (classes["1"],))


@_task("sentconv", "sst2")
def _sst2(name: str, data: Path, _: int) -> Task:
    """Sentences of good reviews against those of bad ones."""
    classes = sentences(data, *(f"stsa.binary.{part}" for part in ("train", "dev", "test")))
    return Task(name, classes["1"], (classes["0"],))


@_task("sentconv", "trec")
def _trec(name: str, data: Path, seed: int) -> Task:
    """Questions of five kinds against the sixth; each seed takes out the next large class."""
    classes = sentences(data, "TREC.train.all", "TREC.test.all")
    strange = classes.pop(_TREC_CLASSES[seed % len(_TREC_CLASSES)])
    return Task(name, tuple(text for own in classes.values() for text in own), (strange,))


@_task("tad_bench", "sms", is_matched=True)
@_task("tad_bench", "hate")
@_task("tad_bench", "olid")
def _tad(name: str, data: Path, _: int) -> Task:
    """Ham against spam, and tweets without against tweets with hate or offence (TAD-Bench)."""
    file = {"sms": "smsspam", "hate": "hate_speech", "olid": "olid"}[name]
    path = common.existing(data / f"tad_bench/{file}.jsonl")
    rows = pd.read_json(path, lines=True, dtype=False)
    is_normal = rows["label"] == 0
    return Task(name, _texts(rows["text"][is_normal]), (_texts(rows["text"][~is_normal]),))


@_task("loghub2k", "bgl", is_matched=True)
@_task("loghub2k", "bgl-fatal")
def _bgl(name: str, data: Path, _: int) -> Task:
    """Lines without against lines with an alert; or those of level FATAL only."""
    log = _log(data, "BGL")
    if name == "bgl-fatal":
        log = log[log["Level"] == "FATAL"]
    is_normal = log["Label"] == "-"
    return Task(name, _texts(log["Content"][is_normal]), (_texts(log["Content"][~is_normal]),))


@_task("loghub2k", "log-mixed")
def _log_mixed(name: str, data: Path, _: int) -> Task:
    """Lines of one system against lines of two others."""
    contents = [_texts(_log(data, system)["Content"]) for system in ("Thunderbird", "BGL", "HDFS")]
    return Task(name, contents[0], tuple(contents[1:]))


@_task("excavator_mwo", "excavator-rare")
def _excavator_rare(name: str, data: Path, _: int) -> Task:
    """Repair orders of the four common failure modes against all rarer ones."""
    orders = _repairs(data).dropna(subset="FM")
    is_common = orders["FM"].isin(_COMMON_FAILURES)
    texts = orders["OriginalShorttext"]
    return Task(name, _texts(texts[is_common]), (_texts(texts[~is_common]),))


@_task("excavator_mwo", "excavator-foreign")
def _excavator_foreign(name: str, data: Path, _: int) -> Task:
    """Repair orders against question titles and log lines."""
    normal = _texts(_repairs(data)["OriginalShorttext"])
    strange = (_texts(subject_titles(data, "test")["text"]), _texts(_log(data, "BGL")["Content"]))
    return Task(name, normal, strange)


@_task("maintnorm", "maintnorm")
def _maintnorm(name: str, data: Path, _: int) -> Task:
    """Maintenance texts of company a against those of company b."""
    return Task(name, _company(data, "a"), (_company(data, "b"),))


@_task(
    "fastdetectgpt",
    *(f"{kind}-{name}" for kind in ("xsum", "writing") for name in _WRITERS),
    is_matched=True,
)
def _machine_text(name: str, data: Path, _: int) -> Task:
    """Human texts against a language model's continuations of them."""
    kind, writer = name.split("-", 1)
    path = common.existing(data / f"fastdetectgpt/{kind}_{_WRITERS[writer]}.raw_data.json")
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Task(name, tuple(stored["original"]), (tuple(stored["sampled"]),), is_paired=True)


@_task("injecguard", "injecguard")
def _injecguard(name: str, data: Path, _: int) -> Task:
    """Benign prompts, some with suspicious words in them, against malicious ones."""
    folder = data / "injecguard"
    files = ("wildguard", "NotInject_one", "NotInject_two", "NotInject_three", "valid")
    rows = [row for file in files for row in _json(folder / f"{file}.json")]
    normal = dict.fromkeys(row["prompt"] for row in rows if not row.get("label", 0))
    attacks = [row["prompt"] for row in rows if row.get("label", 0)]
    for file in ("BIPIA_text", "BIPIA_code"):
        attacks += [text for own in _json(folder / f"{file}.json").values() for text in own]
    return Task(name, tuple(normal), (tuple(dict.fromkeys(attacks)),))


@_task("jrte_ja", "ja-hotel")
@_task("jrte_ja", "ja-sentiment")
def _japanese(name: str, data: Path, _: int) -> Task:
    """Sentences about the hotel against others; favourable ones against complaints."""
    file, normal, strange = {"ja-hotel": ("rhr", "1", "0"), "ja-sentiment": ("pn", "1", "-1")}[name]
    rows = pd.read_csv(
        common.existing(data / f"jrte_ja/{file}.tsv"),
        sep="\t",
        names=["id", "label", "text", "judges", "usage"],
        dtype=str,
        quoting=csv.QUOTE_NONE,
    )
    pools = [_texts(rows["text"][rows["label"] == label]) for label in (normal, strange)]
    return Task(name, pools[0], (pools[1],))


@_task("ai4i2020", "ai4i")
def _ai4i(name: str, data: Path, _: int) -> Task:
    """States of a machine without against states with a failure, written out as text."""
    path = common.existing(data / "ai4i2020/ai4i2020.csv")
    states = pd.read_csv(path, encoding="utf-8-sig")
    types = states["Type"]
    columns = states[list(MACHINE_STATE)].to_numpy(np.float64)
    forms = list(MACHINE_STATE.values())
    texts = [
        ", ".join([f"type {kind}", *(f.format(v) for f, v in zip(forms, row, strict=True))])
        for kind, row in zip(types, columns, strict=True)
    ]
    numbers = np.column_stack([types.map({"L": 0, "M": 1, "H": 2}), columns])
    return _with_numbers(name, texts, numbers, states["Machine failure"].to_numpy() == 1)


@_task("adbench_classical", "steel")
def _steel(name: str, data: Path, _: int) -> Task:
    """Measurements of steel plates of one kind of fault against others, as tenths."""
    stored = np.load(common.existing(data / "adbench_classical/12_fault.npz"))
    texts = [" ".join(f"{10 * value:.0f}" for value in row) for row in stored["X"]]
    return _with_numbers(name, texts, stored["X"].astype(np.float64), stored["y"] == 1)


@_task("clinc150", "clinc-domains", is_fresh=True)
def _clinc_domains(name: str, data: Path, seed: int) -> Task:
    """Tell queries of five domains from those of the five others, drawn anew by each seed."""
    domains = _json(data / "clinc150/domains.json")
    chosen = np.random.default_rng(seed).permutation(sorted(domains))[:5]
    intents = {intent for domain in chosen for intent in domains[domain]}
    parts = _json(data / "clinc150/data_full.json")
    pairs = [pair for part in ("train", "val", "test") for pair in parts[part]]
    return _of_classes(name, pairs, intents)


@_task("intent_oos", "atis-flights", "snips-one", "hwu64-half", is_fresh=True)
def _some_intents(name: str, data: Path, seed: int) -> Task:
    """Commands of some intents against all others to the same assistant.

    Questions for flights; one intent of seven, the next for each seed; half of the intents.
    """
    source = name.split("-")[0].upper()
    texts, labels = (_intent_lines(data, source, file) for file in ("seq.in", "label"))
    intents = sorted(set(labels))
    chosen = {
        "atis-flights": ["atis_flight"],
        "snips-one": [intents[seed % len(intents)]],
        "hwu64-half": np.random.default_rng(seed).permutation(intents)[::2].tolist(),
    }[name]
    return _of_classes(name, zip(texts, labels, strict=True), set(chosen))


@_task("textoir_stackoverflow", "stackoverflow-one", is_fresh=True)
def _stackoverflow_one(name: str, data: Path, seed: int) -> Task:
    """Question titles of one subject, the next for each seed, against all others."""
    titles = pd.concat([subject_titles(data, part) for part in ("train", "dev", "test")])
    subjects = sorted(titles["label"].unique())
    pairs = zip(titles["text"], titles["label"], strict=True)
    return _of_classes(name, pairs, {subjects[seed % len(subjects)]})


@_task("agnews_test", "agnews-one", is_fresh=True)
def _agnews_one(name: str, data: Path, seed: int) -> Task:
    """News of one subject, the next for each seed, against the three others."""
    subjects = list(_AG_CLASSES)
    pools = [_agnews(f"agnews-{subject}", data, seed).anomalous[0] for subject in subjects]
    normal = pools.pop(seed % len(subjects))
    return Task(name, normal, tuple(pools))


@_task("sentconv", "trec-one", is_fresh=True)
def _trec_one(name: str, data: Path, seed: int) -> Task:
    """Questions of one kind, the next large one for each seed, against the five others."""
    classes = sentences(data, "TREC.train.all", "TREC.test.all")
    normal = classes.pop(_TREC_CLASSES[seed % len(_TREC_CLASSES)])
    return Task(name, normal, tuple(classes.values()))


@_task("sentconv", "products", "films", is_fresh=True)
def _reviews(name: str, data: Path, _: int) -> Task:
    """Sentences of good reviews of products or films against those of bad ones."""
    file = {"products": "custrev.all", "films": "rt-polarity.all"}[name]
    classes = sentences(data, file)
    return Task(name, classes["1"], (classes["0"],))


@_task("sentconv", "subj-plots", is_fresh=True)
def _subj_plots(name: str, data: Path, seed: int) -> Task:
    """Sentences of plots against sentences of reviews."""
    return _turned(name, _subj("subj", data, seed))


@_task("maintnorm", "maintnorm-b", is_fresh=True)
def _maintnorm_b(name: str, data: Path, seed: int) -> Task:
    """Maintenance texts of company b against those of company a."""
    return _turned(name, _maintnorm("maintnorm", data, seed))


@_task("jrte_ja", "ja-complaints", is_fresh=True)
def _ja_complaints(name: str, data: Path, seed: int) -> Task:
    """Complaints about hotels against favourable sentences."""
    return _turned(name, _japanese("ja-sentiment", data, seed))


@_task("loghub2k", "thunderbird-rare", is_fresh=True)
def _thunderbird_rare(name: str, data: Path, _: int) -> Task:
    """Lines of common templates against lines of the rare ones, a tenth of all at most."""
    log = _log(data, "Thunderbird")
    counts = log["EventId"].value_counts(ascending=True)
    rare = counts.index[counts.cumsum() <= len(log) / 10]
    is_rare = log["EventId"].isin(rare)
    return Task(name, _texts(log["Content"][~is_rare]), (_texts(log["Content"][is_rare]),))


@_task("loghub2k", "log-linux", "log-hadoop", is_fresh=True)
def _whole_lines(name: str, data: Path, _: int) -> Task:
    """Whole lines of one system against those of others that date them alike."""
    systems = {"log-linux": ("Linux", "Mac", "OpenSSH"), "log-hadoop": ("Hadoop", "Zookeeper")}
    pools = [_lines(_read(data / f"loghub2k/{s}/{s}_2k.log").split("\n")) for s in systems[name]]
    return Task(name, pools[0], tuple(pools[1:]))


@_task("adbench_classical", "blocks", "trees", is_fresh=True)
def _measurements(name: str, data: Path, _: int) -> Task:
    """Measurements of blocks of pages, and of trees from above, three significant digits each."""
    file = {"blocks": "27_PageBlocks", "trees": "44_Wilt"}[name]
    stored = np.load(common.existing(data / f"adbench_classical/{file}.npz"))
    texts = [" ".join(f"{value:.3g}" for value in row) for row in stored["X"]]
    return _with_numbers(name, texts, stored["X"].astype(np.float64), stored["y"] == 1)


def _of_classes(name: str, pairs: Iterable[tuple[str, str]], normal: set[str]) -> Task:
    """Return the task that texts of some classes are normal in."""
    inside: list[str] = []
    outside: list[str] = []
    for text, label in pairs:
        (inside if label in normal else outside).append(text)
    return Task(name, _lines(inside), (_lines(outside),))


def _turned(name: str, task: Task) -> Task:
    """Return the task with normal and anomalous texts in each other's place."""
    return Task(name, task.anomalous[0], (task.normal,))


def _with_numbers(
    name: str, texts: list[str], numbers: np.ndarray, is_anomalous: np.ndarray
) -> Task:
    order = np.argsort(is_anomalous, kind="stable")
    rows, n_normal = [texts[i] for i in order], int((~is_anomalous).sum())
    return Task(name, tuple(rows[:n_normal]), (tuple(rows[n_normal:]),), numbers=numbers[order])


def _texts(column: "pd.Series[str]") -> tuple[str, ...]:
    texts = column.dropna().str.strip()
    return tuple(texts[texts != ""])


def _log(data: Path, system: str) -> pd.DataFrame:
    path = data / f"loghub2k/{system}/{system}_2k.log_structured.csv"
    return pd.read_csv(common.existing(path), dtype=str)


def subject_titles(data: Path, part: str) -> pd.DataFrame:
    path = common.existing(data / f"textoir_stackoverflow/{part}.tsv")
    return pd.read_csv(path, sep="\t", dtype=str, quoting=csv.QUOTE_NONE)


def _repairs(data: Path) -> pd.DataFrame:
    orders = pd.read_csv(common.existing(data / "excavator_mwo/case_study_pdl.csv"), dtype=str)
    return orders[orders["PMType"] == "PM01"]


def _intent_texts(data: Path, source: str) -> tuple[str, ...]:
    return _lines(_intent_lines(data, source, "seq.in"))


def _intent_lines(data: Path, source: str, file: str) -> list[str]:
    paths = [data / f"intent_oos/{source}/{part}/{file}" for part in ("train", "valid", "test")]
    return [line for path in paths for line in _read(path).rstrip("\n").split("\n")]


def sentences(data: Path, *files: str) -> dict[str, tuple[str, ...]]:
    """Return texts by class; only a line feed ends one, some hold other line separators."""
    lines = [
        line for file in files for line in _read(data / f"sentconv/{file}", "latin-1").split("\n")
    ]
    by_class: dict[str, list[str]] = {}
    for line in lines:
        label, _, text = line.partition(" ")
        by_class.setdefault(label, []).append(text)
    return {label: _lines(texts) for label, texts in sorted(by_class.items()) if label}


def _company(data: Path, company: str) -> tuple[str, ...]:
    """Return each text's words as they were written: first column, a blank line after each text."""
    paths = [data / f"maintnorm/company_{company}/{part}.norm" for part in ("train", "val", "test")]
    texts = [block for path in paths for block in _read(path).split("\n\n")]
    return _lines(" ".join(line.split("\t")[0] for line in text.split("\n")) for text in texts)


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


def _json(path: Path) -> Any:
    return json.loads(common.existing(path).read_text(encoding="utf-8"))


def _read(path: Path, encoding: str = "utf-8") -> str:
    return common.existing(path).read_bytes().decode(encoding)
