"""How much a cell has to change for a detector that goes by columns to flag a normal row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import pandas as pd

from polar_detect import calibration
from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.errors import counted
from polar_detect.numerics.digits import decimals_said
from polar_detect.pipeline.fitted import Fitted
from polar_detect.progress import Advance, Tracker
from polar_detect.signature.columns.numbers import middle, rounded_range
from polar_detect.tables.rows.row_text import MORE_DECIMALS, label_of, write_cells

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate
    from polar_detect.tables.rows.template_column import TemplateColumn

_N_ROWS = 50  # that are changed
_MOST = 0.9  # of these
_STEPS = 2.0 ** (np.arange(-48, 25) / 4)  # spreads: from a 4,096th to 64
_SIGNS = np.array([-1.0, 1.0])
_NORMAL_QUARTILES = 1.349  # standard deviations between them
_NEW = "(new)"


class Limit(NamedTuple):
    """By how much a number has to change for half, and for nine tenths, of rows to be flagged.

    In the column's unit and with its digits, about a fifth too large at most; infinite where 64
    times the spread of the column is not enough.
    """

    half: float
    most: float


@dataclass(frozen=True, slots=True)
class NumberLimits:
    """The limits of a column of numbers.

    Parameters
    ----------
    column : str
    low, high : float
        Between these lie the middle 90 % of the normal cells.
    down, up : Limit
        Of numbers that get smaller, and larger.
    """

    column: str
    low: float
    high: float
    down: Limit
    up: Limit


@dataclass(frozen=True, slots=True)
class WordShares:
    """The share of rows that are flagged where a word of a column that repeats is wrong.

    Parameters
    ----------
    column : str
    other : float
        Where the cell says what other normal rows do; NaN where all say the same.
    new : float
        Where it says what none does.
    """

    column: str
    other: float
    new: float


@dataclass(frozen=True, eq=False)
class DetectionLimits:
    """What a detector finds where one cell of a normal row changes, and nothing else.

    Parameters
    ----------
    n_rows : int
        Normal rows that were changed.
    alpha : float
        At which they are flagged.
    numbers : tuple of NumberLimits
    words : tuple of WordShares
    """

    n_rows: int
    alpha: float
    numbers: tuple[NumberLimits, ...]
    words: tuple[WordShares, ...]

    @classmethod
    def of(cls, fitted: Fitted, alpha: float, tracker: Tracker) -> Self:
        """Change normal rows that are not flagged, each held against all others."""
        rows = _Rows.drawn(fitted, alpha)
        n_rows, n_rounds = len(rows.cells), len(_STEPS).bit_length() + 1
        with tracker.whole("limits", n_rows * n_rounds) as part:
            numbers = rows.number_limits(part.advance) if rows.columns else ()
            words = rows.word_shares()
        return cls(n_rows, alpha, numbers, words)

    def __repr__(self) -> str:
        """Return of how many columns it tells."""
        return f"DetectionLimits({counted(len(self.numbers) + len(self.words), 'column')})"

    def to_frame(self) -> pd.DataFrame:
        """Return a line a column, with NaN for what it does not have."""
        lines: list[dict[str, object]] = [
            {
                "column": own.column,
                "usual_low": own.low,
                "usual_high": own.high,
                "down_half": own.down.half,
                "down_most": own.down.most,
                "up_half": own.up.half,
                "up_most": own.up.most,
            }
            for own in self.numbers
        ]
        lines += [
            {"column": own.column, "flagged_other": own.other, "flagged_new": own.new}
            for own in self.words
        ]
        bounds = [f"{way}_{share}" for way in ("down", "up") for share in ("half", "most")]
        names = ["column", "usual_low", "usual_high", *bounds, "flagged_other", "flagged_new"]
        return pd.DataFrame(lines, columns=names)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Normal rows of which one cell at a time is changed."""

    fitted: Fitted
    threshold: float
    cells: Sequence[list[str]]
    values: Float64Array  # (n_rows, n_columns) of numbers, NaN where there is none
    unmet: BoolArray  # (n_rows, n_fitted): the normal rows that say the same

    @classmethod
    def drawn(cls, fitted: Fitted, alpha: float) -> Self:
        """Draw some that are not flagged themselves."""
        reference, seed = fitted.row_reference, fitted.settings.seed
        threshold = calibration.threshold(fitted.calibration_scores, alpha)
        quiet = reference.drawn(seed)[fitted.calibration_scores < threshold]
        drawn = np.sort(np.random.default_rng(seed).permutation(quiet)[:_N_ROWS])
        own = np.asarray(reference.texts, object)
        parsed = reference.template.read(own[drawn].tolist())
        return cls(
            fitted,
            threshold,
            [cells for cells in parsed.cells if cells is not None],
            parsed.numbers.values,
            own[drawn, None] == own,
        )

    @property
    def template(self) -> "RowTemplate":
        return self.fitted.row_reference.template

    @property
    def columns(self) -> list[str]:
        return [own.name for own in self.template.numeric]

    @cached_property
    def normal(self) -> Float64Array:
        """The numbers of all normal rows, (n_fitted, n_columns)."""
        return self.template.read(self.fitted.row_reference.texts).numbers.values

    def number_limits(self, advance: Advance) -> tuple[NumberLimits, ...]:
        """Return the limits of each column of numbers; each row's own by halving."""
        steps = self._steps()
        column = np.arange(len(steps))[:, None]
        first = np.zeros((*self.values.shape, len(_SIGNS)), np.intp)
        last = np.full_like(first, len(_STEPS))
        last[np.isnan(self.values)] = 0
        last[:, [own.is_name for own in self.template.numeric]] = 0  # are words
        while (is_open := first < last).any():
            middle = (first + last) // 2
            moved = self.values[..., None] + _SIGNS * steps[column, middle]
            is_found = self._are_flagged_with(moved, is_open)
            last = np.where(is_open & is_found, middle, last)
            first = np.where(is_open & ~is_found, middle + 1, first)
            advance(len(self.cells))
        found = np.where(np.isnan(self.values)[..., None], np.nan, steps[column, first])
        return tuple(
            _limits_of(own, self.normal[:, j], found[:, j])
            for j, own in enumerate(self.template.numeric)
            if not own.is_name
        )

    def word_shares(self) -> tuple[WordShares, ...]:
        """Return what share of wrong words is found in each column of words that repeat."""
        names = [name for name, own in self.template.categories.items() if own.of == "words"]
        found = []
        rows = self.template.read(self.fitted.row_reference.texts).cells
        rng = np.random.default_rng(self.fitted.settings.seed)
        for name, place in zip(names, self.template.places(names), strict=True):
            said = [row[place] for row in rows if row is not None]
            others = [_other(said, cells[place], rng) for cells in self.cells]
            is_other = self._share([[] if o is None else [(place, o)] for o in others])
            found.append(WordShares(name, is_other, self._share([[(place, _NEW)]] * len(others))))
        return tuple(found)

    def _share(self, changes: Sequence[Sequence[tuple[int, str]]]) -> float:
        flagged = [own for row in self._are_flagged(changes) for own in row]
        return float(np.mean(flagged)) if flagged else np.nan

    def _steps(self) -> Float64Array:
        """Return changes of each column, (n_columns, n_steps): of its digits, and one at least."""
        digits = 10.0 ** -np.array(self._decimals)[:, None]
        spreads, is_known = np.zeros_like(digits), ~np.isnan(self.normal).all(0)
        low, high = np.nanquantile(self.normal[:, is_known], (0.25, 0.75), axis=0)
        spreads[is_known, 0] = (high - low) / _NORMAL_QUARTILES
        steps = np.fmax(np.rint(np.fmax(spreads, digits) * _STEPS / digits), 1) * digits
        return np.append(steps, np.full_like(digits, np.inf), axis=1)

    @cached_property
    def _decimals(self) -> list[int]:
        """How many digits behind the point numbers of each column have."""
        template = self.template
        return [
            decimals_said(
                numbers, own.decimals or 0, MORE_DECIMALS * (own.name in template.measured)
            )
            for own, numbers in zip(template.numeric, self.normal.T, strict=True)
        ]

    def _are_flagged_with(self, moved: Float64Array, is_asked: BoolArray) -> BoolArray:
        """Return which rows are flagged with one number in place of theirs, of those asked for."""
        written = np.empty(moved.shape, object)
        places = self.template.places(self.columns)
        for j, column in enumerate(self.template.numeric):
            numbers = pd.Series([repr(x) for x in moved[:, j].ravel().tolist()], dtype=object)
            own = write_cells(numbers, column.name, self._decimals[j], self.template.notation)
            head = f"{label_of(column.name)}: "
            cells = [cell.removeprefix(head) for cell in own]
            written[:, j] = np.reshape(cells, moved[:, j].shape)
        changes = [
            [(places[j], written[i, j, k]) for j, k in np.argwhere(asked)]
            for i, asked in enumerate(is_asked)
        ]
        found = np.zeros(moved.shape, bool)
        found[is_asked] = np.concatenate(self._are_flagged(changes))
        return found

    def _are_flagged(self, changes: Sequence[Sequence[tuple[int, str]]]) -> list[BoolArray]:
        """Return of each row which of its forms, with a cell changed each, are flagged."""
        reference, features = self.fitted.row_reference, self.fitted.statistics.features
        found = []
        for cells, own, unmet in zip(self.cells, changes, self.unmet, strict=True):
            if not own:
                found.append(np.empty(0, bool))
                continue
            forms = self.template.rows_of([_with(cells, place, said) for place, said in own])
            table = reference.features(forms, unmet=np.tile(unmet, (len(forms), 1)))
            found.append(self.fitted.head.scores(table.chosen(features)) >= self.threshold)
        return found


def _with(cells: Sequence[str], place: int, said: str) -> list[str]:
    return [*cells[:place], said, *cells[place + 1 :]]


def _other(said: Sequence[str], own: str, rng: np.random.Generator) -> str | None:
    """Return what another row says, as often as rows do; None where none says anything else."""
    others = [cell for cell in said if cell != own]
    return others[rng.integers(len(others))] if others else None


def _limits_of(column: "TemplateColumn", normal: Float64Array, found: Float64Array) -> NumberLimits:
    """Return the limits of a column whose rows have these, (n_rows, 2): down and up."""
    low, high = middle(normal[~np.isnan(normal)]).tolist()
    down, up = (Limit(*_quantiles(own, 0.5, _MOST)) for own in found.T)
    usual = rounded_range(low, high, column.decimals or 0)
    return NumberLimits(column.name, *usual, down, up)


def _quantiles(values: Float64Array, *shares: float) -> list[float]:
    """Return the least values that so many are at most, of those that are numbers."""
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return [np.nan] * len(shares)
    return [float(known[max(int(np.ceil(share * len(known))) - 1, 0)]) for share in shares]
