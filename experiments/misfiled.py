"""Rows whose free text does not go with what they say in a column: misfiled, mislabelled ones.

    python experiments/misfiled.py [--seeds 2] [--n-train 600] [--n-test 150] [--screen]

Normal rows are a text and its class as a column. Half of the test rows say another class, drawn as
often as normal rows say it; of work orders with two such columns, in one of them. Beside the
default detector stand the same one without what free text tells of columns; a logistic regression
on MiniLM's embeddings (multilingual E5's where texts are Japanese) by the probability of the given
class, its threshold from predictions out of fold (what cleanlab calls self-confidence); the share
of the ten nearest texts that are of another class; and a random forest on TF-IDF and the class,
rows against such with classes of other rows. Texts of the next task show what that costs where text
and column are both strange. With --screen 1 in 20 of the rows is misfiled and nobody says which.

Prints AUROC, recall and false alarms at .05, and how often the right class is named. Reads:
agnews_test, clinc150, excavator_mwo, jrte_ja, sentconv, textoir_stackoverflow. Takes: 70 min
(one seed, AMD EPYC, beside other work).
"""

import argparse
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import bench_tasks
import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestNeighbors

from polar_detect import PolarDetector, models, screen
from polar_detect.detectors import AutoHead
from polar_detect.detectors.base import TrainingSignatures
from polar_detect.detectors.scale import Scale
from polar_detect.detectors.views import Views
from polar_detect.frames import row_template
from polar_detect.memory import with_memory
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine

Scores = NDArray[np.float64]
Points = NDArray[np.float32]
ALPHA, _N_NEAREST, _SHARE = 0.05, 10, 0.05
_LEAST = 1e-4  # of a class that the rows of a fold do not know
_TEXT = "text"
_SENTIMENTS = {"1": "favourable", "0": "neutral", "-1": "complaint"}


class WithoutText(AutoHead):
    """The default detector, for which free text tells nothing of columns."""

    def _choose(self, shown: TrainingSignatures, scale: Scale) -> Views:
        found = super()._choose(shown, scale)
        is_told = [f.name.endswith("/misfiled") for f in shown.normal.features]
        if not shown.normal.values[:, is_told].std(0).any():
            return found
        shares = found.shares[:-1] / found.shares[:-1].sum()
        return replace(found, views=found.views[:-1], shares=shares)


class Found(NamedTuple):
    """What a method makes of rows: scores, which it flags, and the class that it names."""

    scores: Scores
    is_flagged: NDArray[np.bool_]
    named: NDArray[np.object_]


@dataclass(frozen=True)
class Rows:
    """Normal rows, and test rows of which the second half is misfiled in a column each."""

    train: pd.DataFrame
    test: pd.DataFrame
    column: NDArray[np.object_]  # that is misfiled, or asked for
    right: NDArray[np.object_]  # what it said before

    @property
    def is_misfiled(self) -> NDArray[np.bool_]:
        """Which test rows are."""
        return np.arange(len(self.test)) >= len(self.test) // 2


def tables(data: Path) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return by name what reads the rows of a task, the text last."""
    return {
        "agnews": lambda: _agnews(data),
        "clinc": lambda: _clinc(data),
        "excavator-system": lambda: _excavator(data, "MajorSystem"),
        "stackoverflow": lambda: _stackoverflow(data),
        "trec": lambda: _trec(data),
        "excavator-failure": lambda: _excavator(data, "FM"),
        "excavator-both": lambda: _excavator(data, "MajorSystem", "FM"),
        "ja-sentiment": lambda: _japanese(data),
    }


def _agnews(data: Path) -> pd.DataFrame:
    rows = pd.read_csv(common.existing(data / "agnews_test/test.csv"), header=None, dtype=str)
    names = {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}
    return pd.DataFrame({"section": rows[0].map(names), _TEXT: rows[1] + ". " + rows[2]})


def _clinc(data: Path) -> pd.DataFrame:
    path = common.existing(data / "clinc150/domains.json")
    domains = json.loads(path.read_text(encoding="utf-8"))
    domain_of = {intent: name for name, intents in domains.items() for intent in intents}
    pairs = [*common.clinc_pairs(data, "train"), *common.clinc_pairs(data, "test")]
    return pd.DataFrame([(domain_of[intent], text) for text, intent in pairs]).set_axis(
        ["domain", _TEXT], axis=1
    )


def _stackoverflow(data: Path) -> pd.DataFrame:
    rows = pd.concat([bench_tasks.subject_titles(data, part) for part in ("train", "test")])
    return rows[["label", _TEXT]].set_axis(["tag", _TEXT], axis=1)


def _trec(data: Path) -> pd.DataFrame:
    classes = bench_tasks.sentences(data, "TREC.train.all", "TREC.test.all")
    return pd.DataFrame(
        [(f"kind {name}", text) for name, own in classes.items() for text in own],
        columns=["answer", _TEXT],
    )


def _excavator(data: Path, *columns: str) -> pd.DataFrame:
    path = common.existing(data / "excavator_mwo/case_study_pdl.csv")
    orders = pd.read_csv(path, dtype=str).rename(columns={"OriginalShorttext": _TEXT})
    return orders[[*columns, _TEXT]].dropna()


def _japanese(data: Path) -> pd.DataFrame:
    path = common.existing(data / "jrte_ja/pn.tsv")
    rows = pd.read_csv(path, sep="\t", header=None, dtype=str, quoting=3)
    return pd.DataFrame({"sentiment": rows[1].map(_SENTIMENTS), _TEXT: rows[2]})


def drawn(frame: pd.DataFrame, options: argparse.Namespace, seed: int) -> Rows:
    """Draw rows with different texts; every other test row says another class in a column."""
    rng, n = np.random.default_rng(seed), options.n_train
    rows = frame.drop_duplicates(_TEXT).sample(frac=1, random_state=seed)
    rows = rows[: n + 2 * options.n_test].reset_index(drop=True)
    train, test = rows[:n], rows[n:].reset_index(drop=True)
    column = rng.choice([*map(str, rows.columns.drop(_TEXT))], len(test)).astype(object)
    right = np.asarray([test.loc[i, name] for i, name in enumerate(column)], object)
    for i in range(len(test) // 2, len(test)):
        test.loc[i, column[i]] = _other(train[column[i]], right[i], rng)
    return Rows(train, test, column, right)


def _other(said: "pd.Series[str]", own: str, rng: np.random.Generator) -> str:
    """Return what another row says, as often as rows say it."""
    return str(rng.choice(said[said != own].to_numpy()))


def by_detector(detector: PolarDetector, rows: Rows) -> Found:
    found = detector.fit(rows.train).assess(rows.test, programs_of="none")
    expected = found.misfiled or ({},) * len(rows.test)
    pairs = zip(expected, rows.column, strict=True)
    named = np.asarray([own.get(name, "") for own, name in pairs], object)
    return Found(found.scores, found.is_anomaly, named)


def by_regression(rows: Rows, train: Points, test: Points) -> Found:
    """Return the largest −log of the probability of what a row says, over columns."""
    own, new, named = [], [], []
    for name in rows.train.columns.drop(_TEXT):
        model, said = LogisticRegression(C=10, max_iter=500), rows.train[name]
        out_of_fold = cross_val_predict(model, train, said, cv=5, method="predict_proba")
        classes = model.fit(train, said).classes_
        own.append(_surprise(out_of_fold, classes, said))
        new.append(_surprise(model.predict_proba(test), classes, rows.test[name]))
        named.append(model.predict(test))
    return flagged(np.max(own, 0), np.max(new, 0), _asked(rows, named))


def by_nearest(rows: Rows, train: Points, test: Points) -> Found:
    """Return the share of the nearest texts with another class."""
    index = NearestNeighbors(n_neighbors=_N_NEAREST + 1).fit(train)
    near, nearest = (
        index.kneighbors(own, return_distance=False)[:, cut]
        for own, cut in ((train, slice(1, None)), (test, slice(_N_NEAREST)))
    )
    own, new, named = [], [], []
    for name in rows.train.columns.drop(_TEXT):
        said = rows.train[name].to_numpy()
        own.append((said[near] != said[:, None]).mean(1))
        new.append((said[nearest] != rows.test[name].to_numpy()[:, None]).mean(1))
        named.append(np.asarray([pd.Series(said[row]).mode()[0] for row in nearest], object))
    return flagged(np.max(own, 0), np.max(new, 0), _asked(rows, named))


def by_forest(rows: Rows, seed: int) -> Found:
    """Return how like rows with classes of other rows a row is, by its words and its class."""
    rng, kept = np.random.default_rng(seed), len(rows.train) * 3 // 4
    classes = rows.train.columns.drop(_TEXT)
    words = TfidfVectorizer(min_df=2).fit(rows.train[_TEXT])
    names = pd.get_dummies(rows.train[classes]).columns

    def read(own: pd.DataFrame) -> Scores:
        said = pd.get_dummies(own[classes]).reindex(columns=names, fill_value=False)
        return np.hstack([words.transform(own[_TEXT]).toarray(), said.to_numpy(float)])

    usual = rows.train[:kept]
    crossed = usual.assign(**{own: rng.permutation(usual[own]) for own in classes})
    forest = RandomForestClassifier(300, random_state=seed)
    forest.fit(np.vstack([read(usual), read(crossed)]), np.repeat([0, 1], kept))
    own, new = (forest.predict_proba(read(o))[:, 1] for o in (rows.train[kept:], rows.test))
    return flagged(own, new, np.full(len(new), "", object))


def _surprise(chances: Scores, classes: Sequence[str], said: "pd.Series[str]") -> Scores:
    place = {name: i for i, name in enumerate(classes)}
    rows = zip(chances, said, strict=True)
    own = [row[place[name]] if name in place else 0 for row, name in rows]
    return -np.log(np.maximum(own, _LEAST))


def flagged(own: Scores, new: Scores, named: NDArray[np.object_]) -> Found:
    """Flag rows by scores that normal rows reach in one case of twenty, as p-values would."""
    p_values = [(1 + np.sum(own >= score)) / (len(own) + 1) for score in new]
    return Found(new, np.asarray(p_values) <= ALPHA, named)


def _asked(rows: Rows, named: Sequence[NDArray[np.object_]]) -> NDArray[np.object_]:
    by_name = dict(zip(rows.train.columns.drop(_TEXT), named, strict=True))
    return np.asarray([by_name[name][i] for i, name in enumerate(rows.column)], object)


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")  # of columns, and of classes that a fold has none of
    all_tables = tables(options.data)
    names: list[str] = [*all_tables]
    figures: list[dict[str, object]] = []
    for task in options.tasks:
        encoder = models.MULTILINGUAL_ENCODER if task[:3] == "ja-" else models.DEFAULT_ENCODER
        engine = Engine.load(models.DEFAULT_MODEL, encoder)
        for seed in range(options.seeds):
            rows = drawn(all_tables[task](), options, seed)
            if options.screen:
                figures += _screened(task, rows, engine, seed)
                continue
            other = all_tables[names[(names.index(task) + 1) % len(names)]]()
            foreign = rows.test.assign(
                text=other[_TEXT].sample(len(rows.test), random_state=seed, replace=True).to_numpy()
            )[: options.n_test]
            figures += _compared(task, rows, foreign, engine, seed)
    print(f"{common.machine()}; {options.seeds} seeds\n")
    table = pd.DataFrame(figures).groupby(["set", "method"], sort=False).mean()
    cells = [
        [*key, *("" if np.isnan(value) else f"{value:.3f}" for value in row)]
        for key, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    print(common.markdown_table(["set", "method", *table.columns], cells))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    names = tuple(tables(Path()))
    parser.add_argument("--tasks", type=common.some_of(names), default=names, help="a,b,…")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--n-train", type=int, default=600)
    parser.add_argument("--n-test", type=int, default=150, help="usual rows, and misfiled ones")
    parser.add_argument("--screen", action="store_true", help="nobody says which rows are normal")
    return parser.parse_args()


def _compared(
    task: str, rows: Rows, foreign: pd.DataFrame, engine: Engine, seed: int
) -> Iterator[dict[str, object]]:
    detector = PolarDetector(seed=seed, encoder=engine.encoder_model.name)
    template = row_template(rows.train)
    every = [*template.texts(rows.train), *template.texts(rows.test), *template.texts(foreign)]
    with_memory(detector, every, remembered=every)
    train, test = (engine.extractor.encoder.embed([*own[_TEXT]]) for own in (rows.train, rows.test))
    own = by_detector(detector, rows)
    far = _against_usual(rows, own, detector, foreign)
    yield _figures(task, "default", rows, own) | {"other texts": far}
    detector.set_params(detector=WithoutText())
    without = by_detector(detector, rows)._replace(named=np.full(len(rows.test), "", object))
    far = _against_usual(rows, without, detector, foreign)
    yield _figures(task, "without", rows, without) | {"other texts": far}
    yield _figures(task, "regression", rows, by_regression(rows, train, test))
    yield _figures(task, "nearest", rows, by_nearest(rows, train, test))
    yield _figures(task, "forest", rows, by_forest(rows, seed))


def _against_usual(rows: Rows, own: Found, detector: PolarDetector, foreign: pd.DataFrame) -> float:
    usual, strange = own.scores[~rows.is_misfiled], -detector.score_samples(foreign)
    labels = np.repeat([False, True], [len(usual), len(strange)])
    return auroc(labels, np.concatenate([usual, strange]))


def _figures(task: str, method: str, rows: Rows, found: Found) -> dict[str, object]:
    is_misfiled = rows.is_misfiled
    shown: dict[str, object] = {
        "set": task,
        "method": method,
        "AUROC": auroc(is_misfiled, found.scores),
        "recall": found.is_flagged[is_misfiled].mean(),
        "false alarms": found.is_flagged[~is_misfiled].mean(),
        "named": (found.named == rows.right)[is_misfiled].mean() if any(found.named) else np.nan,
    }
    common.say(str(shown))
    return shown


def _screened(task: str, rows: Rows, engine: Engine, seed: int) -> Iterator[dict[str, object]]:
    """Yield how well misfiled rows are found among others that nobody has looked through."""
    n = round(_SHARE * len(rows.train))
    mixed = pd.concat([rows.test[-n:], rows.train[n:]], ignore_index=True)
    is_misfiled, embeddings = np.arange(len(mixed)) < n, engine.extractor.encoder.embed
    for name, head in (("default", AutoHead()), ("without", WithoutText())):
        detector = PolarDetector(
            head, seed=seed, encoder=engine.encoder_model.name, contamination=_SHARE
        )
        yield _ranked(task, name, is_misfiled, screen(mixed, detector, share=_SHARE).scores)
    points, surprise = embeddings([*mixed[_TEXT]]), []
    for name in mixed.columns.drop(_TEXT):
        model = LogisticRegression(C=10, max_iter=500)
        chances = cross_val_predict(model, points, mixed[name], cv=5, method="predict_proba")
        surprise.append(_surprise(chances, sorted({*mixed[name]}), mixed[name]))
    yield _ranked(task, "regression", is_misfiled, np.max(surprise, 0))


def _ranked(
    task: str, method: str, is_misfiled: NDArray[np.bool_], scores: Scores
) -> dict[str, object]:
    top = np.argsort(-scores, kind="stable")[: is_misfiled.sum()]
    shown: dict[str, object] = {"set": task, "method": method}
    shown |= {"AUROC": auroc(is_misfiled, scores), "share of the top": is_misfiled[top].mean()}
    common.say(str(shown))
    return shown


if __name__ == "__main__":
    main()
