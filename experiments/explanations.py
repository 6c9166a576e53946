"""Whether explanations name what is wrong: faults planted in normal rows and normal texts.

    python experiments/explanations.py [--seeds 1] [--n-train 150] [--n-faults 20] [--parts texts]
        [--sets bgl,hwu64] [--detector texts]

Rows of machines, concrete mixes and invented parts get one fault each: a cell of another
row, a jump, another unit, two cells swapped, an empty cell, another kind, or a kind that no normal
row has. What a user reads (`reasons` of `score`) and the SHAP values by column are asked for the
faulty column; beside them stand the column with the largest robust z, and chance. Texts (work
orders, queries, messages) get a sentence of another source behind them, a word of another
source in place of one, or a word with its letters in another order. The words that a report marks,
and the one that costs most, are asked for that part; beside them stand the word that is rarest
among the normal texts, and chance. Shares are of characters.

Prints two tables of each, all cases and those that the detector flags. Reads: ai4i2020, concrete,
clinc150, excavator_mwo, tad_bench, agnews_test, textoir_stackoverflow, sentconv, maintnorm,
loghub2k, intent_oos. Takes: 5 min.
"""

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb
from pathlib import Path
from typing import Any

import bench_tasks
import common
import kinds
import numpy as np
import pandas as pd

from polar_detect import PolarDetector, calibration
from polar_detect.assessment import Assessment
from polar_detect.report.content import marked
from polar_detect.signature.marks.known_words import KnownWords
from polar_detect.signature.marks.spans import TokenLoss, joined_in_words
from polar_detect.signature.marks.token_losses import Normal, token_losses
from polar_detect.texts.words import words_of

PARTS = ("rows", "texts")
_UNITS = (0.1, 10, 24, 1 / 24, 2.54, 1 / 2.54)
_FOREIGN = {  # where foreign words and sentences come from, by set
    "excavator-rare": "clinc",
    "clinc": "agnews-world",
    "sms": "excavator-rare",
    "stackoverflow": "clinc",
    "subj": "excavator-rare",
    "maintnorm": "clinc",
    "bgl": "clinc",
    "hwu64": "stackoverflow",
    "agnews-world": "clinc",
}
_SETS = ("excavator-rare", "clinc", "sms")  # on which marks were chosen
_MIN_LETTERS = 5  # of a word that is replaced or garbled
_N_ROWS, _N_TEXTS = 3000, 2000

Row = dict[str, Any]
Found = dict[str, float]  # of one case: what was asked, and whether or how far it was right


# Rows


def tables(data: Path) -> Iterator[kinds.Table]:
    """Yield tables of rows whose kinds are columns of words."""
    yield from (table for table in kinds.tables(data) if table.name in {"machines", "parts"})
    path = common.existing(data / "concrete/Concrete_Data.xls")
    mixes = pd.read_excel(path, engine="calamine")
    mixes.columns = [" ".join(name.split("(")[0].split()) for name in mixes.columns]
    yield kinds.Table("concrete", mixes.round(2), ())


def _of_another_row(table: kinds.Table, row: Row, rng: np.random.Generator) -> None:
    name = rng.choice(kinds.numbers_of(table))
    row[name] = rng.choice(table.rows[name].to_numpy())


def _jump(table: kinds.Table, row: Row, rng: np.random.Generator) -> None:
    name = rng.choice(kinds.numbers_of(table))
    own = table.rows[name]
    decimals = max(len(str(value).partition(".")[2]) for value in own.head(100))
    step = rng.choice([-4, 4]) * own.std()
    row[name] = type(row[name])(round(row[name] + step, decimals))


def _other_unit(table: kinds.Table, row: Row, rng: np.random.Generator) -> None:
    name = rng.choice(kinds.numbers_of(table))
    row[name] = float(f"{row[name] * rng.choice(_UNITS):.4g}")


def _swapped(table: kinds.Table, row: Row, rng: np.random.Generator) -> None:
    one, other = rng.choice(kinds.numbers_of(table), 2, replace=False)
    row[one], row[other] = row[other], row[one]


def _empty(table: kinds.Table, row: Row, rng: np.random.Generator) -> None:
    row[rng.choice(kinds.numbers_of(table))] = ""


def _another_kind(table: kinds.Table, row: Row, rng: np.random.Generator) -> None:
    name = rng.choice(table.kinds)
    row[name] = rng.choice(table.rows[name].unique())


def _new_kind(table: kinds.Table, row: Row, rng: np.random.Generator) -> None:
    row[rng.choice(table.kinds)] = "X"


Slip = Callable[[kinds.Table, Row, np.random.Generator], None]
SLIPS: tuple[Slip, ...] = (
    _of_another_row,
    _jump,
    _other_unit,
    _swapped,
    _empty,
    _another_kind,
    _new_kind,
)


@dataclass(frozen=True)
class SpoiltRow:
    """A row with a fault, and the columns that it lies in."""

    cells: Row
    slip: str
    columns: frozenset[str]


def spoilt_rows(
    table: kinds.Table, rows: pd.DataFrame, n_faults: int, rng: np.random.Generator
) -> Iterator[SpoiltRow]:
    """Yield `n_faults` rows with each kind of slip that the table allows."""
    clean = [dict(zip(rows.columns, own, strict=True)) for own in rows.to_numpy(object)]
    for slip in SLIPS:
        if slip in {_another_kind, _new_kind} and not table.kinds:
            continue
        for i in rng.permutation(len(clean))[:n_faults]:
            cells = dict(clean[i])
            while cells == clean[i]:
                slip(table, cells, rng)
            changed = frozenset(name for name in cells if cells[name] != clean[i][name])
            yield SpoiltRow(cells, _name(slip), changed)


def row_cases(
    table: kinds.Table, seed: int, options: argparse.Namespace
) -> Iterator[tuple[str, str, bool, Found]]:
    """Yield table, slip, whether the row is flagged, and what was found, of each spoilt row."""
    rng = np.random.default_rng(seed)
    rows = table.rows.iloc[rng.permutation(len(table.rows))[:_N_ROWS]]
    n_train = min(options.n_train, int(0.75 * len(rows)))
    train = rows[:n_train]
    spoilt = [*spoilt_rows(table, rows[n_train:], options.n_faults, rng)]
    frame = pd.DataFrame([own.cells for own in spoilt])
    detector = PolarDetector(options.detector, seed=seed).fit(train.astype(str))
    seen = assessed(detector, frame.astype(str))
    by_column = pd.DataFrame(seen.explanation.by_column())
    numbers = kinds.numbers_of(table)
    sizes = robust_sizes(train[numbers], frame[numbers])
    for i, (own, reasons) in enumerate(zip(spoilt, seen.reasons(), strict=True)):
        parts = reasons.split("; ") if reasons else []
        named = [re.findall("“(.+?)”", part) for part in parts]
        first = [name for names in named[:1] for name in names]
        columns = [name for names in named for name in names]
        n_columns = len(table.rows.columns)
        found = {
            "reasons, first": bool(own.columns & {*first}),
            "reasons": bool(own.columns & {*columns}),
            "SHAP, first": hit(by_column.iloc[i], own.columns, 1),
            "SHAP, three": hit(by_column.iloc[i], own.columns, 3),
            "|z|, first": hit(sizes.iloc[i], own.columns, 1),
            "|z|, three": hit(sizes.iloc[i], own.columns, 3),
            "chance, first": by_chance(n_columns, len(own.columns), 1),
            "chance, three": by_chance(n_columns, len(own.columns), 3),
        }
        if options.cases:
            z = sizes.iloc[i].sort_values(ascending=False).head(3).round(1).to_dict()
            top = by_column.iloc[i].sort_values(ascending=False).head(4).round(2).to_dict()
            common.say(
                f"{table.name} | {own.slip} | {sorted(own.columns)} | {own.cells} | "
                f"flagged {seen.is_anomaly[i]} | {reasons} | shap {top} | z {z}"
            )
        yield table.name, own.slip, bool(seen.is_anomaly[i]), found


def assessed(detector: PolarDetector, frame: pd.DataFrame) -> Assessment:
    """Return what `assess` says of rows but for programs, which no reason reads."""
    explanation, fitted = detector.explain(frame), detector.fitted_
    scores = explanation.base_value + explanation.values.sum(1)
    p_values = calibration.p_values_or_nan(fitted.calibration_scores, scores)
    reference, known = fitted.reference, fitted.known_values
    assert detector.rows_ is not None
    assert known is not None
    texts = detector.rows_.texts(frame)
    return Assessment(
        scores=scores,
        p_values=p_values,
        is_anomaly=p_values <= detector.alpha,
        programs=(None,) * len(frame),
        explanation=explanation,
        neighbours=((),) * len(frame),
        empty_cells=tuple(detector.rows_.read(texts).empty_cells),
        unlike_kind=tuple(reference.unlike_kind(texts)),
        beyond_usual=tuple(reference.beyond_usual(texts)),
        new_cells=tuple(known.new_cells(texts)),
    )


def robust_sizes(train: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many robust standard deviations cells lie from the median; no number: infinity."""
    normal = train.astype(float)
    centre = normal.median()
    spread = 1.4826 * (normal - centre).abs().median()
    spread = spread.where(spread > 0, normal.std()).replace(0, 1)
    numbers = rows.apply(pd.to_numeric, errors="coerce")
    sizes: pd.DataFrame = ((numbers - centre) / spread).abs().fillna(np.inf)
    return sizes


def hit(strength: "pd.Series[float]", columns: frozenset[str], n: int) -> bool:
    """Return whether one of the columns is among the `n` strongest."""
    return bool(columns & {*strength.sort_values(ascending=False, kind="stable").index[:n]})


def by_chance(n_columns: int, n_faulty: int, n_drawn: int) -> float:
    """Return how often one of the faulty columns is among some that are drawn."""
    return 1 - comb(n_columns - n_faulty, n_drawn) / comb(n_columns, n_drawn)


def _name(slip: Callable[..., Any]) -> str:
    return slip.__name__.strip("_").replace("_", " ")


# Texts


@dataclass(frozen=True)
class SpoiltText:
    """A text with a fault in ``text[start:stop]``."""

    text: str
    slip: str
    start: int
    stop: int


def spoilt_texts(
    texts: Sequence[str], foreign: Sequence[str], known: Counter[str], n_faults: int, seed: int
) -> Iterator[SpoiltText]:
    """Yield texts with a foreign sentence, a foreign word, and a garbled word.

    Foreign words and garbled ones are in none of the `known`; what is put in place of a word has
    its capitals.
    """
    rng = np.random.default_rng(seed)
    strange = [w for t in foreign for w in words_of(t) if w.isalpha() and w.lower() not in known]
    strange = [word for word in strange if len(word) >= _MIN_LETTERS]
    long_enough = [text for text in texts if _places(text)]
    for text in long_enough[:n_faults]:
        stem = text.rstrip() + " "
        own = str(rng.choice(foreign))
        yield SpoiltText(stem + own, "foreign sentence behind", len(stem), len(stem + own))
    for slip in ("foreign word", "garbled word"):
        for text in long_enough[:n_faults]:
            start, stop = _places(text)[rng.integers(len(_places(text)))]
            word = text[start:stop]
            other = str(rng.choice(strange)) if slip == "foreign word" else _garbled(word, rng)
            other = _as_written(other, word)
            whole = text[:start] + other + text[stop:]
            yield SpoiltText(whole, slip, start, start + len(other))


def _places(text: str) -> list[tuple[int, int]]:
    """Return where words of letters stand that have enough of them."""
    pattern = rf"(?<![\w'])[A-Za-z]{{{_MIN_LETTERS},}}(?![\w'])"
    return [m.span() for m in re.finditer(pattern, text) if len(set(m[0].lower())) > 2]


def _garbled(word: str, rng: np.random.Generator) -> str:
    other = word
    while other.lower() == word.lower():
        other = "".join(rng.permutation([*word]))
    return other


def _as_written(word: str, like: str) -> str:
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word.lower()


def text_cases(
    name: str, seed: int, options: argparse.Namespace
) -> Iterator[tuple[str, str, bool, Found]]:
    """Yield set, slip, whether the text is flagged, and what was found, of each spoilt text."""
    rng = np.random.default_rng(seed)
    normal, foreign = (_drawn(own, options.data, rng) for own in (name, _FOREIGN[name]))
    train, rest = normal[: options.n_train], normal[options.n_train :]
    known = Counter(word.lower() for text in train for word in words_of(text))
    everywhere = Counter(word.lower() for text in normal for word in words_of(text))
    spoilt = [*spoilt_texts(rest, foreign, everywhere, options.n_faults, seed)]
    texts = [own.text for own in spoilt]
    detector = PolarDetector(seed=seed).fit(train)
    flagged = detector.predict(texts) == -1
    tracer = detector.engine_.extractor.tracer
    losses = partial(token_losses, tracer.backbone, texts, max_tokens=tracer.max_tokens)
    textless = Normal(detector.fitted_.text_reference.tokens)
    beside = textless._replace(words=KnownWords.of(train))
    ways = zip(losses(normal=beside), losses(normal=textless), losses(), strict=True)
    for own, (read, bare, lost), is_flagged in zip(spoilt, ways, flagged.tolist(), strict=True):
        yield name, own.slip, is_flagged, text_case(own, read, bare, lost, known)
        if options.cases:
            shown = f"{own.text[: own.start]}[[{own.text[own.start : own.stop]}]]"
            named = marked.costliest(own.text, read)
            common.say(
                f"{name} | {own.slip} | flagged {is_flagged} | {shown}{own.text[own.stop :]} | "
                f"names {named}"
            )


def _drawn(name: str, data: Path, rng: np.random.Generator) -> list[str]:
    texts = [*dict.fromkeys(bench_tasks.load(name, data, 0).normal)]
    return [texts[i] for i in rng.permutation(len(texts))[:_N_TEXTS]]


def text_case(
    own: SpoiltText,
    tokens: Sequence[TokenLoss],
    textless: Sequence[TokenLoss],
    by_loss: Sequence[TokenLoss],
    known: Counter[str],
) -> Found:
    """Return what marks and the words named say, other ways, the rarest word, and chance.

    The other ways: those of a detector that keeps no texts, and of the loss alone.
    """
    rarity = [(known[m[0].lower()], *m.span()) for m in re.finditer(r"\w+", own.text)]
    rarest = [(start, stop) for count, start, stop in rarity if count == min(rarity)[0]]
    named, inside = marked.costliest(own.text, tokens), own.text[own.start : own.stop]
    return {
        "chance": share_in(own, [(token.start, token.stop) for token in tokens]),
        "rarest": share_in(own, rarest),
        "textless, marks": share_in(own, marks_of(own.text, textless)),
        "textless, first": is_strongest_in(own, textless),
        "loss, marks": share_in(own, marks_of(own.text, by_loss)),
        "loss, first": is_strongest_in(own, by_loss),
        "marks": share_in(own, marks_of(own.text, tokens)),
        "first": is_strongest_in(own, tokens),
        "named": any(word in inside for word in named),
    }


def marks_of(text: str, tokens: Sequence[TokenLoss]) -> list[tuple[int, int]]:
    """Return which characters a report marks."""
    places, stop = [], 0
    for segment in marked.clip(text, tokens).segments:
        start, stop = stop, stop + len(segment.text)
        if segment.level in {"much", "most"}:
            places.append((start, stop))
    return places


def is_strongest_in(own: SpoiltText, tokens: Sequence[TokenLoss]) -> bool:
    """Return whether the word that costs most lies in the fault."""
    first = max(joined_in_words(own.text, tokens), key=lambda word: word.loss)
    return _n_inside(own, first.start, first.stop) > 0


def share_in(own: SpoiltText, places: Sequence[tuple[int, int]]) -> float:
    """Return which share of characters lies in the fault, white space aside."""
    n_characters = sum(_n_shown(own.text[start:stop]) for start, stop in places)
    return sum(_n_inside(own, *place) for place in places) / n_characters


def _n_inside(own: SpoiltText, start: int, stop: int) -> int:
    return _n_shown(own.text[max(start, own.start) : min(stop, own.stop)])


def _n_shown(text: str) -> int:
    return len("".join(text.split()))


# Tables


Columns = dict[str, tuple[str, ...]]  # of a table: what stands in each, by names of `Found`


def table_of(cases: pd.DataFrame, columns: Columns) -> str:
    """Return means by slip, by set and over all as a Markdown table."""
    groups = [
        *((str(name), own) for name, own in cases.groupby("slip", sort=False)),
        *((str(name), own) for name, own in cases.groupby("set", sort=False)),
        ("all", cases),
    ]
    rows = [
        [
            name,
            str(len(own)),
            *(" ".join(f"{own[key].mean():.2f}" for key in keys) for keys in columns.values()),
        ]
        for name, own in groups
    ]
    return common.markdown_table(["fault, set", "cases", *columns], rows)


_OF_ROWS: Columns = {
    "chance: first, among three": ("chance, first", "chance, three"),
    "largest robust z": ("|z|, first", "|z|, three"),
    "SHAP by column": ("SHAP, first", "SHAP, three"),
    "reasons: first, any": ("reasons, first", "reasons"),
}
_OF_TEXTS: Columns = {
    "chance": ("chance",),
    "rarest word": ("rarest",),
    "by the loss alone: marks, first": ("loss, marks", "loss, first"),
    "without texts: marks, first": ("textless, marks", "textless, first"),
    "report: marks, first, named": ("marks", "first", "named"),
}


def main() -> None:
    options = _options()
    found: dict[str, list[tuple[str, str, bool, Found]]] = {part: [] for part in options.parts}
    for seed in range(options.seeds):
        if "rows" in options.parts:
            for table in tables(options.data):
                found["rows"] += row_cases(table, seed, options)
                common.say(f"rows: {table.name}, seed {seed}")
        if "texts" in options.parts:
            for name in options.sets:
                found["texts"] += text_cases(name, seed, options)
                common.say(f"texts: {name}, seed {seed}")
    sizes = f"{options.n_train} normal to fit on, {options.n_faults} faults of each kind at most"
    print(f"{common.machine()}; {sizes}; {options.seeds} seeds\n")
    for part, columns in (("rows", _OF_ROWS), ("texts", _OF_TEXTS)):
        if part in found:
            cases = pd.DataFrame(
                [{"set": a, "slip": b, "is_flagged": c, **own} for a, b, c, own in found[part]]
            )
            for which, own in (("all", cases), ("flagged", cases[cases["is_flagged"]])):
                print(f"{part}, {which}\n\n{table_of(own, columns)}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--parts", type=common.some_of(PARTS), default=PARTS, help="a,b")
    parser.add_argument(
        "--sets", type=common.some_of(tuple(_FOREIGN)), default=_SETS, help="of texts: a,b"
    )
    parser.add_argument("--detector", default="auto", help="of rows (default: auto)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--n-train", type=int, default=150, help="normal rows or texts at most")
    parser.add_argument("--n-faults", type=int, default=20, help="of each kind and set at most")
    parser.add_argument("--cases", action="store_true", help="say each case on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    main()
