"""Rows whose free text does not go with a number beside it: a repair booked at a wrong cost.

    python experiments/misfiled_numbers.py [--seeds 2] [--n-train 600] [--n-test 100] [--within 0.1]

Work orders have their true costs; the numbers of other sets are invented: e to a normal number of
each class, and of each row, --within times as wide. Half of the test rows say the number of a row
of another class (of work orders, of any other row), so that no number is unusual by itself. Beside
the default detector stand the same one without what free text tells of columns, and a ridge
regression on MiniLM's embeddings (multilingual E5's where texts are Japanese) from texts to the
ranks of numbers, by how far off it is, its threshold from predictions out of fold.

Prints AUROC, recall and false alarms at .05. Reads: agnews_test, clinc150, excavator_mwo, jrte_ja,
sentconv, textoir_stackoverflow. Takes: 10 min
(one seed of 400 rows, AMD EPYC).
"""

import argparse
import warnings
from collections.abc import Iterator, Sequence

import common
import misfiled
import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict

from polar_detect import PolarDetector, models
from polar_detect.detectors import AutoHead
from polar_detect.frames import row_template
from polar_detect.memory import with_memory
from polar_detect.metrics import auroc
from polar_detect.pipeline.engine import Engine

_TEXT, _NUMBER, _CLASS, _COSTS = "text", "cost", "class", "excavator-cost"
_TASKS = ("clinc", "stackoverflow", "agnews", "trec", "ja-sentiment", _COSTS)


def rows_of(task: str, options: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Return rows with different texts, their numbers and their classes, in random order."""
    rng = np.random.default_rng(seed)
    if task == _COSTS:
        path = common.existing(options.data / "excavator_mwo/case_study_pdl.csv")
        orders = pd.read_csv(path).rename(columns={"OriginalShorttext": _TEXT, "Cost": _NUMBER})
        orders = orders[[_TEXT, _NUMBER]].dropna()
        rows = orders[orders[_NUMBER] > 0].assign(**{_CLASS: lambda own: np.arange(len(own))})
    else:
        rows = misfiled.tables(options.data)[task]().set_axis([_CLASS, _TEXT], axis=1)
        names = rows[_CLASS].unique()
        height = rows[_CLASS].map(dict(zip(names, rng.normal(size=len(names)), strict=True)))
        rows[_NUMBER] = np.exp(4 + height + rng.normal(scale=options.within, size=len(rows))).round(
            1
        )
    return rows.drop_duplicates(_TEXT).sample(frac=1, random_state=seed).reset_index(drop=True)


def with_wrong_numbers(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return rows of which the second half say the number of a row of another class."""
    rng, found = np.random.default_rng(seed), rows.copy()
    for i in range(len(rows) // 2, len(rows)):
        others = rows.loc[rows[_CLASS] != rows.loc[i, _CLASS], _NUMBER]
        found.loc[i, _NUMBER] = rng.choice(others.to_numpy())
    return found


def by_regression(
    points: Sequence[misfiled.Points], said: pd.Series, new: pd.Series
) -> misfiled.Found:
    """Return how far the rank of a number is from what a ridge regression makes of the text."""
    (train, test), ranks = points, said.rank(pct=True).to_numpy()
    model = RidgeCV(np.logspace(-2, 2, 9))
    own = np.abs(cross_val_predict(model, train, ranks, cv=5) - ranks)
    new_ranks = np.searchsorted(np.sort(said), new) / len(said)
    far = np.abs(model.fit(train, ranks).predict(test) - new_ranks)
    return misfiled.flagged(own, far, np.full(len(far), "", object))


def _compared(
    task: str, options: argparse.Namespace, engine: Engine, seed: int
) -> Iterator[dict[str, object]]:
    n, shown = options.n_train, [_TEXT, _NUMBER]
    rows = rows_of(task, options, seed)[: n + 2 * options.n_test]
    train, test = rows[:n][shown], with_wrong_numbers(rows[n:].reset_index(drop=True), seed)[shown]
    template = row_template(train)
    every = [*template.texts(train), *template.texts(test)]
    is_wrong = np.arange(len(test)) >= len(test) // 2
    points = [engine.extractor.encoder.embed([*own[_TEXT]]) for own in (train, test)]
    found, none = {}, np.full(len(test), "", object)
    for name, head in (("default", AutoHead()), ("without", misfiled.WithoutText())):
        detector = PolarDetector(head, seed=seed, encoder=engine.encoder_model.name)
        with_memory(detector, every, remembered=every)
        found[name] = misfiled.by_detector(detector, misfiled.Rows(train, test, none, none))
    found["regression"] = by_regression(points, train[_NUMBER], test[_NUMBER])
    for method, own in found.items():
        yield {
            "set": task,
            "method": method,
            "AUROC": auroc(is_wrong, own.scores),
            "recall": own.is_flagged[is_wrong].mean(),
            "false alarms": own.is_flagged[~is_wrong].mean(),
        }


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")  # of columns
    figures: list[dict[str, object]] = []
    for task in options.tasks:
        encoder = models.MULTILINGUAL_ENCODER if task[:3] == "ja-" else models.DEFAULT_ENCODER
        engine = Engine.load(models.DEFAULT_MODEL, encoder)
        for seed in range(options.seeds):
            for row in _compared(task, options, engine, seed):
                common.say(str(row))
                figures.append(row)
    print(f"{common.machine()}; {options.seeds} seeds\n")
    table = pd.DataFrame(figures).groupby(["set", "method"], sort=False).mean()
    cells = [
        [*key, *(f"{value:.3f}" for value in row)]
        for key, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    print(common.markdown_table(["set", "method", *table.columns], cells))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    common.add_data_option(parser)
    parser.add_argument("--tasks", type=common.some_of(_TASKS), default=_TASKS, help="a,b,…")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--n-train", type=int, default=600)
    parser.add_argument("--n-test", type=int, default=100, help="usual rows, and wrong ones")
    parser.add_argument(
        "--within",
        type=float,
        default=0.1,
        help="standard deviation in a class; of classes it is 1",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
