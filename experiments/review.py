"""What weekly review of flagged rows brings to a detector, and what it costs.

    python experiments/review.py [--sets machines,steel,…] [--weeks 6] [--seeds 2]

A detector is fitted on normal rows. Each week it scores normal rows and some anomalies; those that
it flags at .05 are looked at (their true labels are told), and it is updated. Ways: *never*; the
default, *chosen* (reviewed normal rows are held against, p-values come from those before);
*as drawn*, as if they came as normal rows do; *whole batch* (of each week all rows that were not
flagged count as normal, missed anomalies among them); beside these a random forest and LightGBM on
numbers and categories, or MiniLM's embeddings, of the rows that *chosen* knows with their labels.
In `machines-new` those of a type that the first rows lack make a fifteenth of each week's normal
rows. All are tested on the same later rows.

Prints by week AUROC, the share of anomalies that is flagged at .05 and of normal rows that is, and
the share of anomalies among flagged rows where one row of twenty is anomalous; of the classifiers
AUROC and recall where a twentieth of the tested normal rows is flagged. Reads: ai4i2020,
adbench_classical, clinc150, loghub2k, textoir_stackoverflow. Takes: 12 min (tables),
9 min (texts; EPYC, beside other work).
"""

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import columns
import common
import known_anomalies
import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from polar_detect import PolarDetector, models
from polar_detect.metrics import auroc
from polar_detect.signature.reading.encoder import Encoder

Rows = Any  # a data frame, or a series of texts
Figures = tuple[float, float, float, float]

NEVER, CHOSEN, AS_DRAWN, WHOLE = "never", "chosen", "as drawn", "whole batch"
TABLES = ("machines", "machines-new", "steel", "trees")
TEXTS = ("intents", "alerts", "subjects")
_RATE, _PREVALENCE = 0.05, 0.05
_NEW_EACH_WEEK = 10


@dataclass(frozen=True, eq=False)
class Stream:
    """Normal rows to fit on, then each week's rows with their labels, and rows to test on."""

    first: Rows
    weeks: list[tuple[Rows, NDArray[np.bool_]]]
    test: Rows
    is_odd: NDArray[np.bool_]


@dataclass(frozen=True)
class Sizes:
    """Rows to fit on, normal and anomalous ones a week, and those to test on."""

    first: int
    normal: int
    odd: int
    tested: int

    def stream(self, normal: Rows, odd: Rows, new: Rows | None, n_weeks: int, seed: int) -> Stream:
        """Draw a stream; `new` are normal rows of a kind that comes with the first week."""
        rng = np.random.default_rng(seed)
        normal, odd = (own.iloc[rng.permutation(len(own))] for own in (normal, odd))
        parts, n_new = [normal], 0
        if new is not None:
            parts, n_new = [normal, new.iloc[rng.permutation(len(new))]], _NEW_EACH_WEEK
        counts = [self.normal - n_new, n_new]
        rest = [normal[self.first :], *parts[1:]]
        weeks = []
        for week in range(n_weeks):
            usual = [own[n * week : n * (week + 1)] for own, n in zip(rest, counts, strict=False)]
            strange = odd[self.odd * week : self.odd * (week + 1)]
            labels = np.repeat([False, True], [sum(map(len, usual)), len(strange)])
            weeks.append((pd.concat([*usual, strange]), labels))
        n_tested = [round(self.tested * n / self.normal) for n in counts]
        tested = [
            own[n * n_weeks :][:most] for own, n, most in zip(rest, counts, n_tested, strict=False)
        ]
        strange = odd[self.odd * n_weeks :][: self.tested]
        labels = np.repeat([False, True], [sum(map(len, tested)), len(strange)])
        return Stream(normal[: self.first], weeks, pd.concat([*tested, strange]), labels)


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")  # of columns that may be counts
    found: dict[tuple[str, str, int], list[Figures]] = {}
    for name in options.sets:
        n_weeks = options.weeks if name in TABLES else min(options.weeks, 3)
        for seed in range(options.seeds):
            stream = _stream(name, options.data, n_weeks, seed)
            for way, week, figures in _run(stream, seed, are_texts=name in TEXTS):
                found.setdefault((name, way, week), []).append(figures)
                common.say(f"{name} {seed} {way} {week}: " + " ".join(f"{f:.3f}" for f in figures))
    rows = [
        [name, way, str(week), *(f"{mean:.3f}" for mean in np.mean(own, axis=0))]
        for (name, way, week), own in found.items()
    ]
    header = [
        "set",
        "way",
        "weeks",
        "AUROC",
        "anomalies flagged",
        "normal flagged",
        "of flags real",
    ]
    print(f"{common.machine()}; {options.seeds} seeds\n\n{common.markdown_table(header, rows)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    every = (*TABLES, *TEXTS)
    parser.add_argument("--sets", type=common.some_of(every), default=every)
    parser.add_argument("--weeks", type=int, default=6, help="three at most of texts")
    parser.add_argument("--seeds", type=int, default=2)
    return parser.parse_args()


def _stream(name: str, data: Path, n_weeks: int, seed: int) -> Stream:
    normal: Rows
    odd: Rows
    if name in TEXTS:
        normal, kinds = known_anomalies.SETS[name](data)
        odd = [text for own in kinds.values() for text in own]
        sizes = Sizes(150, 80, 8, 200)
        return sizes.stream(pd.Series(normal), pd.Series(odd), None, n_weeks, seed)
    if name.startswith("machines"):
        given: Any = known_anomalies.SETS["machines"](data)
        rows, kinds = given
        odd, is_new = pd.concat([*kinds.values()]), rows["Type"] == "H"
        new = rows[is_new] if name.endswith("new") else None
        normal = rows if new is None else rows[~is_new]
        return Sizes(400, 150, 8, 800).stream(normal, odd, new, n_weeks, seed)
    table = next(own for own in columns.tables(data) if own.name == name)
    normal, odd = (pd.DataFrame(own).add_prefix("c") for own in (table.normal, table.anomalous))
    per_week = min(150, (len(normal) - 600) // n_weeks)
    return Sizes(min(400, len(normal) // 4), per_week, 8, 800).stream(
        normal, odd, None, n_weeks, seed
    )


def _run(stream: Stream, seed: int, *, are_texts: bool) -> Iterator[tuple[str, int, Figures]]:
    """Yield way, weeks of review, and figures."""
    first = PolarDetector(seed=seed).fit(stream.first)
    read = _embedded if are_texts else _numbers(stream)
    ways = (NEVER, CHOSEN) if are_texts else (NEVER, CHOSEN, AS_DRAWN, WHOLE)
    for way in ways:
        detector, known, labels = first, [stream.first], [np.zeros(len(stream.first), bool)]
        yield way, 0, _figures(detector, stream)
        for week, (rows, is_odd) in enumerate(stream.weeks, 1):
            if way == NEVER:
                continue
            is_flagged = detector.predict(rows) == -1
            if way == WHOLE:
                detector = detector.updated(rows, is_odd & is_flagged, is_whole=True)
            elif is_flagged.any():
                looked_at, told = rows[is_flagged], is_odd[is_flagged]
                detector = detector.updated(looked_at, told, is_whole=way == AS_DRAWN)
                known, labels = [*known, looked_at], [*labels, told]
            yield way, week, _figures(detector, stream)
            if way == CHOSEN and np.concatenate(labels).any():
                taught = read(pd.concat(known)), np.concatenate(labels)
                for name, model in _classifiers(seed).items():
                    yield name, week, _classified(model, taught, read(stream.test), stream.is_odd)


def _figures(detector: PolarDetector, stream: Stream) -> Figures:
    found = detector.score_samples(stream.test)
    is_flagged = detector.decision_function(stream.test) < 0
    shares = is_flagged[stream.is_odd].mean(), is_flagged[~stream.is_odd].mean()
    return auroc(stream.is_odd, -found), *shares, _real(*shares)


def _real(recall: float, rate: float) -> float:
    """Return the share of flagged rows that are anomalous, at a usual prevalence."""
    flagged = _PREVALENCE * recall + (1 - _PREVALENCE) * rate
    return _PREVALENCE * recall / flagged if flagged else np.nan


def _classifiers(seed: int) -> dict[str, Any]:
    return {
        "random forest": RandomForestClassifier(200, class_weight="balanced", random_state=seed),
        "LightGBM": lightgbm.LGBMClassifier(
            class_weight="balanced", random_state=seed, min_child_samples=5, verbose=-1
        ),
    }


def _classified(
    model: Any, taught: tuple[Any, NDArray[np.bool_]], test: Any, is_odd: NDArray[np.bool_]
) -> Figures:
    scores = model.fit(*taught).predict_proba(test)[:, 1]
    limit = np.quantile(scores[~is_odd], 1 - _RATE)
    recall = float((scores[is_odd] > limit).mean())
    return auroc(is_odd, scores), recall, _RATE, _real(recall, _RATE)


def _numbers(stream: Stream) -> Callable[[Rows], Any]:
    """Return what reads rows as numbers, and categories as 0 and 1."""
    names = pd.get_dummies(pd.concat([stream.first, stream.test]), dtype=float).columns

    def read(rows: Rows) -> Any:
        found = pd.get_dummies(rows, dtype=float).reindex(columns=names, fill_value=0)
        return found.to_numpy()

    return read


def _embedded(texts: Sequence[str]) -> Any:
    encoder = Encoder.load(models.resolve(models.DEFAULT_ENCODER).folder)
    return encoder.embed([*texts])


if __name__ == "__main__":
    main()
