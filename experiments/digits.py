"""Which rows are told whose numbers are rounder than usual, or have more digits.

    python experiments/digits.py [--seeds 3] [--n-train 300] [--n-new 150]

Normal rows of the tables of `columns.py`, each class in turn, but for pixels of digits, to fit on,
and later ones, which are made up: all their numbers are rounded to one digit fewer than nine of ten
normal ones have, to fives of the last digit, or half of them to one digit fewer; or all have two
digits more, as what is worked out has. Digits of which a standard deviation has more than a hundred
steps are none, and columns that would lose what they say, as their standard deviation is less than
a step, stay as they are. Beside it stands the AUROC of the default score on rows that are rounded,
and usual rows. And of normal rows that are held against each other 5, 20 and 40 in 100 are rounded;
one column is in one of four groups of rows, and in a file of 60 new rows.

Beside these stand invented tables whose numbers are round together, though nobody made them up.

Prints, by table, the share of rows that are told, and of groups. Reads: adbench_classical,
ai4i2020, concrete. Takes: 1 min.
"""

import warnings
from collections.abc import Iterator, Sequence

import columns
import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import PolarDetector
from polar_detect.errors import TrainingWarning
from polar_detect.frames import row_template
from polar_detect.metrics import auroc
from polar_detect.signature.digits import LastDigits, UnusualDigits
from polar_detect.signature.round_columns import RoundColumns, round_in_groups
from polar_detect.statistics.concentration import Grouping

Array = NDArray[np.float64]

_FEWER, _FIVES = 10.0, 5.0  # times the last digit
_WITHIN = (0.05, 0.2, 0.4)  # of the rows of a file are rounded
_GROUPS, _N_FILE = 4, 60
_MOST_STEPS = 100  # in a standard deviation
_LEAST = 1e-9


def main() -> None:
    header = ["one digit fewer", "fives", "half of the columns", "two digits more", "usual"]
    header += ["AUROC of the score, one digit fewer"]
    header += [f"{share:.0%} of a file" for share in _WITHIN]
    header += ["a group's column: one digit fewer", "fives", "usual"]
    header += ["a file's column: fives", "usual"]
    options = columns.shares_by_source(__doc__, _shares, header)
    related = [_told_of_related(seed) for seed in range(options.seeds)]
    lines = [
        [name, *(f"{share:.3f}" for share in np.mean([own[name] for own in related], axis=0))]
        for name in related[0]
    ]
    print()
    print(common.markdown_table(["usual rows of", "later", "held against each other"], lines))


def _shares(
    detector: PolarDetector, new: pd.DataFrame, table: columns.Table, rng: np.random.Generator
) -> list[float]:
    normal = table.normal
    rounding = _Rounding(normal)

    def told(rows: Array) -> float:
        found = detector.assess(columns.frame_of(rows)).unusual_digits
        return float(np.mean([own is not None for own in found]))

    usual = new.astype(float).to_numpy()
    fewer = rounding.rounded(usual, _FEWER)
    half = rng.permuted(np.arange(usual.shape[1]) % 2 == 0)
    both = columns.frame_of(np.concatenate([usual, fewer]))
    is_rounded = np.arange(len(both)) >= len(usual)
    return [
        told(fewer),
        told(rounding.rounded(usual, _FIVES)),
        told(np.where(half, fewer, usual)),
        told(rounding.with_more(usual, rng)),
        told(usual),
        auroc(is_rounded, -detector.score_samples(both)),
        *(_told_within(normal, rounding, share, rng) for share in _WITHIN),
        *(_told_of_group(normal, rounding, by, rng) for by in (_FEWER, _FIVES, None)),
        *(_told_of_file(detector, usual, rounding, by, rng) for by in (_FIVES, None)),
    ]


class _Rounding:
    """What the last digits of columns are worth, (n_columns,), and which columns may lose them."""

    def __init__(self, normal: Array) -> None:
        self._spread = normal.std(0)
        own = [_last_digit(column) for column in normal.T]
        most = 10.0 ** np.floor(np.log10(np.maximum(self._spread, _LEAST) / _MOST_STEPS))
        self.step = np.maximum(own, most)

    def may(self, by: float) -> NDArray[np.bool_]:
        """Return which columns keep what they say where they are rounded to so many steps."""
        may: NDArray[np.bool_] = by * self.step < self._spread
        return may

    def rounded(self, rows: Array, by: float) -> Array:
        step = by * self.step
        return np.where(self.may(by), _plain(np.rint(rows / step) * step), rows)

    def any_column(self, by: float | None, rng: np.random.Generator) -> int | None:
        """Return a column that may be rounded, to fives where nothing is said; None of none."""
        may = np.flatnonzero(self.may(by or _FIVES))
        return int(rng.choice(may)) if len(may) else None

    def in_column(
        self, rows: Array, column: int, by: float | None, are_in: NDArray[np.bool_]
    ) -> Array:
        """Return rows of which some are rounded in one column; `by` None for as they are."""
        found = rows.copy()
        if by is not None:
            found[are_in, column] = self.rounded(rows[are_in], by)[:, column]
        return found

    def with_more(self, rows: Array, rng: np.random.Generator) -> Array:
        return _plain(rows + self.step * rng.integers(1, 50, rows.shape) / 100)


def _last_digit(numbers: Array) -> float:
    """Return the largest power of ten of which nine of ten numbers are multiples."""
    for power in range(6, -9, -1):
        units = numbers / 10.0**power
        if np.mean(np.abs(units - np.rint(units)) < 1e-6) >= 0.9:
            return 10.0**power
    return _LEAST


def _plain(numbers: Array) -> Array:
    """Return numbers without the digits that computing leaves."""
    plain: Array = np.vectorize(lambda number: float(f"{number:.12g}"))(numbers)
    return plain


def _told_within(
    normal: Array, rounding: _Rounding, share: float, rng: np.random.Generator
) -> float:
    """Return which share of rounded rows is told where all are held against each other."""
    rows = normal[rng.permutation(len(normal))[:300]].copy()
    n = max(round(share * len(rows)), 1)
    rows[:n] = rounding.rounded(rows[:n], _FEWER)
    frame = columns.frame_of(rows)
    template = row_template(frame)
    texts = template.texts(frame)
    digits = LastDigits.of(template, texts, are_normal=False)
    found = [None] * n if digits is None else digits.odd(texts)[:n]
    return float(np.mean([own is not None for own in found]))


def _told_of_group(
    normal: Array, rounding: _Rounding, by: float | None, rng: np.random.Generator
) -> float:
    """Return whether one of four groups is told in which a column is rounded; of None whether any.

    NaN where no column can be.
    """
    rows = normal[rng.permutation(len(normal))[:150]]
    groups = rng.permuted(np.arange(len(rows)) % _GROUPS)
    column = rounding.any_column(by, rng)
    if column is None:
        return np.nan
    frame = columns.frame_of(rounding.in_column(rows, column, by, groups == 0))
    template = row_template(frame)
    texts = template.texts(frame)
    digits = LastDigits.of(template, texts, are_normal=False)
    if digits is None:
        return 0.0
    found = round_in_groups(digits.multiples(texts), {"group": Grouping(groups, tuple("ABCD"))})
    if by is None:
        return float(bool(found))
    named = {(own.column, own.where.group.says) for own in found}
    return float((str(frame.columns[column]), "A") in named)


def _told_of_file(
    detector: PolarDetector,
    rows: Array,
    rounding: _Rounding,
    by: float | None,
    rng: np.random.Generator,
) -> float:
    """Return whether the column is told that is rounded in a file of 60 rows; of None whether any.

    NaN where no column can be.
    """
    column, rows = rounding.any_column(by, rng), rows[:_N_FILE]
    digits, template = detector.fitted_.digits, detector.rows_
    if column is None or digits is None or template is None:
        return np.nan
    frame = columns.frame_of(rounding.in_column(rows, column, by, np.ones(len(rows), bool)))
    own = RoundColumns(digits, detector.fitted_.normal_texts)
    own.add(template.texts(frame))
    names = [one.column for one in own.told]
    return float(bool(names) if by is None else str(frame.columns[column]) in names)


def _related(rng: np.random.Generator, n: int) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield tables whose numbers are round, or not, together, though nobody made them up."""

    def frame(name: str, *numbers: NDArray[np.number]) -> tuple[str, pd.DataFrame]:
        return name, columns.frame_of(np.stack(numbers, axis=1))

    size = np.exp(rng.normal(0, 1.5, (n, 1))) * np.exp(rng.normal(2, 0.4, (n, 6)))
    digits = np.vectorize(lambda number: float(f"{number:.3g}"))(size)
    yield frame("three digits in all, of any size", *digits.T)
    inches = np.round(rng.normal(4, 0.3, n) * 16) / 16
    yield frame(
        "sixteenths of an inch in mm", *((inches * 25.4 * (j + 1)).round(3) for j in range(5))
    )
    one = rng.normal(0, 1, n)
    halves = (20 + 3 * one[:, None] + rng.normal(0, 0.3, (n, 6))) * 2
    yield frame("halves of a degree that go together", *(np.round(halves).T / 2))
    of = rng.integers(3, 21, n)
    parts = 100 * rng.binomial(of[:, None], 0.3, (n, 6)) / of[:, None]
    yield frame("percentages of small counts", *parts.round(2).T)
    price, pieces = np.exp(rng.normal(3, 1, n)).round(2), rng.integers(1, 6, n)
    net = (price * pieces).round(2)
    gross = (net * 1.19).round(2)
    yield frame("price, pieces, net, gross, tax", price, pieces, net, gross, (gross - net).round(2))
    whole = rng.normal(20, 1, n).round(2)
    yield frame("a number, its copy, twice, half", whole, whole, 2 * whole, (whole / 2).round(3))
    pay = np.exp(rng.normal(10.5, 0.5, n))
    pay = np.where(rng.random(n) < 0.97, np.round(pay, -2), pay.round(2))
    bonus = (pay * rng.choice([0.05, 0.1, 0.15], n)).round(2)
    yield frame("pay, mostly round, bonus, tax", pay, bonus, (0.3 * pay).round(2))
    twice = rng.normal(20, 1, (n, 5, 2)).round(1)
    means = np.where(rng.random((n, 1)) < 0.05, twice.mean(2).round(2), twice[..., 0])
    yield frame("means of two in one of twenty rows", *means.T)


def _told_of_related(seed: int) -> dict[str, tuple[float, float]]:
    """Return which share of later rows is told, and of rows that are held against each other."""
    found = {}
    rng = np.random.default_rng(seed)
    for name, frame in _related(rng, 300 + 1000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            detector = PolarDetector("columns").fit(frame[:300])
        template = detector.rows_
        assert template is not None
        texts = template.texts(frame[:300])
        among = LastDigits.of(template, texts, are_normal=False)
        later = detector.assess(frame[300:], neighbours=False).unusual_digits
        told = [] if among is None else among.odd(texts)
        found[name] = (_share(later), _share(told))
    return found


def _share(told: Sequence[UnusualDigits | None]) -> float:
    return float(np.mean([own is not None for own in told])) if told else 0.0


if __name__ == "__main__":
    main()
