"""Whether a flagged row is of a kind that was labelled before, of which, or of a new one.

    python experiments/known_anomalies.py [--sets machines,orders] [--known 3,10,30] [--seeds 3]
        [--flagged]

Anomalies of several kinds: failures of real machines (heat, power, strain and tool wear, which the
data set's own rules tell), faults of an invented furnace, failure modes in work orders of
excavators, intents of CLINC150 in other domains than the normal ones, classes of questions, alerts
of a supercomputer, and subjects of StackOverflow, on which nothing was chosen. Each kind in turn is
left out, and some of each other kind are known: told are others of these, the kind left out, and
normal texts, flagged or not. Of 600 normal texts 100 are held out (of rows by columns all in turn).

The ways: how texts and rows deviate from normal ones, as detectors compare them; the cosine of
MiniLM's embeddings, of rows the distance of scaled numbers; and the largest probability of a random
forest on either, which learns the kinds and what is normal. All say none by the same rule: what is
less alike than one of twenty normal texts is by chance, or than a tenth of the known anomalies are
to another of their kind (of the forest: learned without them).

With --flagged whole detectors are fitted instead, of sets that are rows, and told are the flagged
ones of up to 600 normal rows and 40 of each kind: what `score` says.

Prints which share of known kinds is told to be of one, which share of that is told the right one,
and which share of the new kind, and of normal texts, is told to be none. Reads: ai4i2020,
excavator_mwo, clinc150, sentconv, loghub2k, textoir_stackoverflow. Takes: 24 min (AMD EPYC, beside
other work), 1 min (--flagged).
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import bench_tasks
import common
import conditions
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict

from polar_detect import PolarDetector, models
from polar_detect.calibration import threshold
from polar_detect.features.table import FeatureTable
from polar_detect.signature.known_anomalies import Deviations, KnownAnomalies, Labelled
from polar_detect.signature.normal.changes import Covariances
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.signature.reading.encoder import Encoder
from polar_detect.statistics.dependence import Order
from polar_detect.tables import RowTemplate

_N_NORMAL, _N_HELD_OUT, _N_TESTED, _MOST = 600, 100, 300, 40
_N_TREES = 100
_CHANCE, _FARTHEST = 0.05, 0.1
_NORMAL = "normal"
Points = NDArray[np.float64]
Told = tuple[NDArray[np.str_], NDArray[np.bool_]]  # the nearest kind, and if it is like it
FURNACE = {
    "zone 1": ("Zone 1 [°C]", 4.0),
    "zone 3": ("Zone 3 [°C]", -4.0),
    "power": ("Power [kW]", 5.0),
    "exit": ("Exit [°C]", 10.0),
}


@dataclass(frozen=True, eq=False)
class Read:
    """What is looked at of some texts: how they deviate from normal ones, and what they are."""

    deviations: Deviations
    raw: Points

    def rows(self, places: NDArray[np.intp]) -> "Read":
        """Return some of them."""
        return Read(self.deviations.rows(places), self.raw[places])

    @classmethod
    def below(cls, parts: list["Read"]) -> "Read":
        """Return the texts of all parts."""
        deviations = Deviations.below([part.deviations for part in parts])
        return cls(deviations, np.vstack([part.raw for part in parts]))


@dataclass(frozen=True, eq=False)
class Task:
    """Normal texts that were fitted on, held out and tested, and anomalies by kind."""

    held_out: Read
    tested: Read
    kinds: dict[str, Read]
    fitted: Points  # what the normal texts that were fitted on are


@dataclass(frozen=True, eq=False)
class Draw:
    """Known anomalies, and texts to tell with what they are."""

    known: Read
    kinds: NDArray[np.str_]
    tested: Read
    truth: NDArray[np.str_]
    new: str

    @classmethod
    def of(cls, task: Task, new: str, n_known: int, seed: int) -> "Draw":
        """Draw so many of each kind but one as known: at most half of them."""
        rng = np.random.default_rng(seed)
        known, kinds, tested, truth = [], [], [task.tested], [_NORMAL] * len(task.tested.raw)
        for kind, read in task.kinds.items():
            order = rng.permutation(len(read.raw))
            n = 0 if kind == new else min(n_known, len(order) // 2)
            if n:
                known.append(read.rows(order[:n]))
            kinds += [kind] * n
            tested.append(read.rows(order[n : n + _MOST]))
            truth += [kind] * len(tested[-1].raw)
        return cls(Read.below(known), np.asarray(kinds), Read.below(tested), np.asarray(truth), new)

    def figures(self, told: Told) -> tuple[float, float, float, float]:
        """Return the four shares that are printed."""
        kinds, is_like = told
        return self.shares(self.truth, np.where(is_like, kinds, ""), self.new)

    @staticmethod
    def shares(
        truth: NDArray[np.str_], told: NDArray[np.str_], new: str
    ) -> tuple[float, float, float, float]:
        """Return them of what texts are and what they are told to be, "" for none."""
        is_normal, is_new, is_like = truth == _NORMAL, truth == new, told != ""
        is_known = ~is_normal & ~is_new
        parts = (
            is_like[is_known],
            (told == truth)[is_known & is_like],
            ~is_like[is_new],
            ~is_like[is_normal],
        )
        known, right, others, normal = (float(p.mean()) if len(p) else np.nan for p in parts)
        return known, right, others, normal


def deviations(task: Task, draw: Draw) -> Told:
    """Compare deviations from normal texts, as detectors do."""
    texts = tuple(map(str, range(len(draw.kinds))))
    labelled = Labelled(texts, tuple(draw.kinds.tolist()))
    known = KnownAnomalies.fit(labelled, draw.known.deviations, task.held_out.deviations)
    assert known is not None
    alike = draw.tested.deviations.similarities(draw.known.deviations)
    return _told(alike, draw.kinds, known.chance, known.within)


def raw(task: Task, draw: Draw) -> Told:
    """Compare embeddings by their cosine, and scaled numbers by their distance."""
    alike = _alike(task, draw.tested.raw, draw.known.raw)
    chance = threshold(_alike(task, task.held_out.raw, draw.known.raw).max(1), _CHANCE)
    among = _alike(task, draw.known.raw, draw.known.raw)
    np.fill_diagonal(among, -np.inf)
    own = np.where(draw.kinds[:, None] == draw.kinds, among, -np.inf).max(1)
    return _told(alike, draw.kinds, chance, float(np.quantile(own, _FARTHEST, method="lower")))


def forest(task: Task, draw: Draw) -> Told:
    """Learn kinds, and what is normal, by a random forest."""
    y = np.concatenate([np.repeat(_NORMAL, len(task.fitted)), draw.kinds])
    points = np.vstack([task.fitted, draw.known.raw])
    model = RandomForestClassifier(_N_TREES, class_weight="balanced", random_state=0)
    unseen = cross_val_predict(model, points, y, cv=3, method="predict_proba")
    model.fit(points, y)
    of_kinds = model.classes_ != _NORMAL
    kinds = model.classes_[of_kinds]
    chance = threshold(model.predict_proba(task.held_out.raw)[:, of_kinds].max(1), _CHANCE)
    unseen = unseen[len(task.fitted) :, of_kinds]
    own = unseen[np.arange(len(unseen)), np.searchsorted(kinds, draw.kinds)]
    within = float(np.quantile(own, _FARTHEST, method="lower"))
    return _told(model.predict_proba(draw.tested.raw)[:, of_kinds], kinds, chance, within)


WAYS: dict[str, Callable[[Task, Draw], Told]] = {
    "deviations": deviations,
    "as they are": raw,
    "random forest": forest,
}


def _told(alike: Points, kinds: NDArray[np.str_], chance: float, within: float) -> Told:
    return kinds[alike.argmax(1)], alike.max(1) >= max(chance, within)


def _alike(task: Task, own: Points, others: Points) -> Points:
    """Return cosines of embeddings, or how near scaled numbers are."""
    if task.held_out.deviations.sentences.shape[1]:
        cosines: Points = own @ others.T
        return cosines
    squares = np.square(own).sum(1)[:, None] + np.square(others).sum(1) - 2 * own @ others.T
    near: Points = -np.sqrt(np.maximum(squares, 0))
    return near


def main() -> None:
    options = _options()
    found = _flagged(options) if options.flagged else _compared(options)
    print(f"{common.machine()}; {options.seeds} seeds, each kind left out in turn\n")
    header = ["set", "known of each", "way", "known told", "right kind", "new told none"]
    print(common.markdown_table([*header, "normal told none"], found))


def _compared(options: argparse.Namespace) -> list[list[str]]:
    """Return the figures of each way, on texts and rows flagged or not."""
    found = []
    for name in options.sets:
        for n_known in options.known:
            figures: dict[str, list[tuple[float, ...]]] = {way: [] for way in WAYS}
            for seed in range(options.seeds):
                task = _task(name, options.data, seed)
                for new in task.kinds:
                    draw = Draw.of(task, new, n_known, seed)
                    for way, tell in WAYS.items():
                        figures[way].append(draw.figures(tell(task, draw)))
            for way, own in figures.items():
                means = [f"{mean:.2f}" for mean in np.nanmean(own, axis=0)]
                found.append([name, str(n_known), way, *means])
                common.say(" ".join(found[-1]))
    return found


def _flagged(options: argparse.Namespace) -> list[list[str]]:
    """Return the figures of flagged rows, and how many are flagged."""
    found = []
    for name in options.sets:
        normal, kinds = SETS[name](options.data)
        frames = {kind: own for kind, own in kinds.items() if isinstance(own, pd.DataFrame)}
        if not isinstance(normal, pd.DataFrame):
            continue
        for n_known in options.known:
            own = [
                _of_detector(normal, frames, new, n_known, seed)
                for new in frames
                for seed in range(options.seeds)
            ]
            means = [f"{mean:.2f}" for mean in np.nanmean(own, axis=0)]
            found.append([name, str(n_known), "detector", *means])
            common.say(" ".join(found[-1]))
    return found


def _of_detector(
    normal: pd.DataFrame, frames: Mapping[str, pd.DataFrame], new: str, n_known: int, seed: int
) -> tuple[float, float, float, float]:
    """Return the shares that are printed, of the rows that a detector flags."""
    drawn = normal.sample(frac=1, random_state=seed)
    rest = {kind: own.sample(frac=1, random_state=seed) for kind, own in frames.items()}
    counts = {kind: min(n_known, len(own) // 2) * (kind != new) for kind, own in rest.items()}
    train = [drawn[:_N_NORMAL], *(rest[kind][:n] for kind, n in counts.items())]
    said = [None] * _N_NORMAL + [kind for kind, n in counts.items() for _ in range(n)]
    detector = PolarDetector(seed=seed).fit(pd.concat(train), kinds=said)
    tested = {kind: rest[kind][n:][:_MOST] for kind, n in counts.items()}
    tested[_NORMAL] = drawn[_N_NORMAL:][:_N_NORMAL]
    truth = np.repeat([*tested], [len(own) for own in tested.values()])
    found = detector.assess(pd.concat([*tested.values()]))
    told = np.asarray(found.like_known)
    return Draw.shares(truth[found.is_anomaly], told[found.is_anomaly], new)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--sets", type=common.some_of(SETS), default=tuple(SETS))
    parser.add_argument("--known", type=counts, default=(3, 10, 30), help="a,b")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--flagged", action="store_true", help="whole detectors, flagged rows")
    return parser.parse_args()


def counts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _task(name: str, data: Path, seed: int) -> Task:
    normal, kinds = SETS[name](data)
    order = np.random.default_rng(seed).permutation(len(normal))
    if isinstance(normal, pd.DataFrame):
        parts = [normal.iloc[own] for own in np.split(order[: _N_NORMAL + _N_TESTED], [_N_NORMAL])]
        frames = {kind: own for kind, own in kinds.items() if isinstance(own, pd.DataFrame)}
        return _of_rows(parts[0], parts[1], frames)
    lists = {kind: own for kind, own in kinds.items() if isinstance(own, list)}
    return _of_texts([normal[i] for i in order[: _N_NORMAL + _N_TESTED]], lists)


def _of_rows(fit: pd.DataFrame, test: pd.DataFrame, kinds: Mapping[str, pd.DataFrame]) -> Task:
    template = RowTemplate.fit(fit.astype(str), [*fit.columns])
    reference = RowReference.of(
        template, template.texts(fit.astype(str)), contamination=0, likeness=None
    )
    inside = reference.training_features([], Order.unknown(len(fit)), seed=0).normal
    numbers = pd.get_dummies(fit, dtype=np.float64)
    centre, spread = numbers.mean(), numbers.std().replace(0, 1)

    def scaled(rows: pd.DataFrame) -> Points:
        own = pd.get_dummies(rows, dtype=np.float64).reindex(columns=numbers.columns, fill_value=0)
        return ((own - centre) / spread).to_numpy()

    def read(rows: pd.DataFrame, table: FeatureTable | None = None) -> Read:
        table = table or reference.features(template.texts(rows.astype(str)))
        return Read(Deviations.of(table), scaled(rows))

    own = {kind: read(rows) for kind, rows in kinds.items()}
    return Task(read(fit, inside), read(test), own, scaled(fit))


def _of_texts(normal: list[str], kinds: Mapping[str, list[str]]) -> Task:
    n_fitted = _N_NORMAL - _N_HELD_OUT
    texts = [*normal, *(text for own in kinds.values() for text in own)]
    embeddings = encoder().embed(texts)
    covariances = Covariances.fit(embeddings[:n_fitted][:, None])

    def read(own: NDArray[np.float32]) -> Read:
        of = Deviations.of(FeatureTable.empty(len(own)), embeddings=own, normal=covariances)
        return Read(of, own.astype(np.float64))

    ends = np.cumsum([n_fitted, _N_HELD_OUT, len(normal) - _N_NORMAL, *map(len, kinds.values())])
    fitted, held_out, tested, *others = np.split(embeddings, ends[:-1])
    own = {kind: read(part) for kind, part in zip(kinds, others, strict=True)}
    return Task(read(held_out), read(tested), own, fitted.astype(np.float64))


def encoder() -> Encoder:
    return Encoder.load(models.resolve(models.DEFAULT_ENCODER).folder)


Rows = tuple[pd.DataFrame, dict[str, pd.DataFrame]]
Texts = tuple[list[str], dict[str, list[str]]]


def _machines(data: Path) -> Rows:
    """Return states of machines; Matzka's rules say of what kind a failure is, if of one."""
    table = pd.read_csv(common.existing(data / "ai4i2020/ai4i2020.csv"), encoding="utf-8-sig")
    rows = table[["Type", *bench_tasks.MACHINE_STATE]]
    air, process, speed, torque, wear = (rows[name] for name in bench_tasks.MACHINE_STATE)
    power, strain = torque * speed * 2 * np.pi / 60, wear * torque
    failed = table["Machine failure"] == 1
    rules = {
        "heat": (process - air < 8.6) & (speed < 1380),
        "power": (power < 3500) | (power > 9000),
        "strain": strain > rows["Type"].map({"L": 11000, "M": 12000, "H": 13000}),
    }
    n_rules = sum(rule.astype(int) for rule in rules.values())
    kinds = {name: rows[failed & rule & (n_rules == 1)] for name, rule in rules.items()}
    return rows[~failed], kinds | {"wear": rows[failed & (n_rules == 0) & (wear >= 195)]}


def _furnace(_: Path) -> Rows:
    """Return an invented furnace, of which one column is off."""
    rng = np.random.default_rng(0)
    normal, kinds = conditions.furnace(_N_NORMAL + _N_TESTED, rng), {}
    for name, (column, step) in FURNACE.items():
        rows = conditions.furnace(100, rng)
        kinds[name] = rows.assign(**{column: rows[column] + step * rng.choice([0.7, 1, 1.4], 100)})
    return normal, kinds


def _orders(data: Path) -> Texts:
    """Return work orders without a failure mode, and those of frequent ones."""
    table = pd.read_csv(common.existing(data / "excavator_mwo/case_study_pdl.csv"))
    modes = ("Leak", "Structural Integrity", "Missing / Loose", "Over Temp")
    text = table["OriginalShorttext"].astype(str)
    kinds = {mode: _some(text[table["FM"] == mode]) for mode in modes}
    return _distinct(text[table["FM"].isna()]), kinds


def _intents(data: Path) -> Texts:
    """Return queries of five domains, and eight intents of others."""
    path = common.existing(data / "clinc150/domains.json")
    domains = [*json.loads(path.read_text(encoding="utf-8")).values()]
    pairs = common.clinc_pairs(data, "train")
    inside = {intent for own in domains[:5] for intent in own}
    others = np.random.default_rng(0).permutation([i for own in domains[5:] for i in own])[:8]
    normal = [text for text, intent in pairs if intent in inside]
    return normal, {str(own): [text for text, i in pairs if i == own] for own in others}


def _questions(data: Path) -> Texts:
    """Return questions of one class, and those of the other large ones."""
    classes = bench_tasks.sentences(data, "TREC.train.all", "TREC.test.all")
    return [*classes["0"]], {f"class {own}": _some(pd.Series(classes[own])) for own in "1345"}


def _alerts(data: Path) -> Texts:
    """Return lines of a supercomputer's log, and alerts of four kinds."""
    path = common.existing(data / "loghub2k/BGL/BGL_2k.log_structured.csv")
    table = pd.read_csv(path, dtype=str)
    kinds = ("KERNDTLB", "KERNSTOR", "APPSEV", "KERNMNTF")
    own = {kind: [*table["Content"][table["Label"] == kind]] for kind in kinds}
    return [*table["Content"][table["Label"] == "-"]], own


def _subjects(data: Path) -> Texts:
    """Return titles on ten subjects of StackOverflow, and on six others."""
    titles = pd.concat(
        [bench_tasks.subject_titles(data, part) for part in ("train", "dev", "test")]
    )
    subjects = sorted(titles["label"].unique())
    normal = _distinct(titles["text"][titles["label"].isin(subjects[:10])])
    return normal, {own: _some(titles["text"][titles["label"] == own]) for own in subjects[10:16]}


def _distinct(texts: pd.Series) -> list[str]:
    return [*texts.drop_duplicates()]


def _some(texts: pd.Series) -> list[str]:
    own = texts.drop_duplicates()
    return [*own.sample(min(len(own), 100), random_state=0)]


SETS: dict[str, Callable[[Path], Rows | Texts]] = {
    "machines": _machines,
    "furnace": _furnace,
    "orders": _orders,
    "intents": _intents,
    "questions": _questions,
    "alerts": _alerts,
    "subjects": _subjects,
}


if __name__ == "__main__":
    main()
