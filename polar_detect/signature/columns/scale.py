"""How the numbers of columns of any unit and tail come to one scale.

Hides which columns are taken by their logarithm, and which by kinds of rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.statistics.factors import Kinds, Levels, bounded
from polar_detect.statistics.shrinkage import nonlinear_shrinkage
from polar_detect.tables.rows.decimals import ABOVE_ZERO

_BEND = 3.0  # standard deviations beyond which only the logarithm counts
_FAR = 300.0  # exponents beyond which floats are none
_BELOW = 10  # times below the smallest cell above zero lies zero, where a logarithm is taken
_LESS_SKEWED = 0.7  # a logarithm has to bring a column's skewness down to this share
_CLOSER = 0.5  # others have to leave less than this share to be taken to go together
_LEAST_LEFT = 1e-4  # standard deviations
_UNIFORM = 12  # by which the square of a step is divided, to be the variance within it
_PRIOR_ROWS = 30.0  # what the spread of all kinds of a column counts for beside that of one


_Sign = float | None  # of numbers of which the logarithm is taken


@dataclass(frozen=True)
class Rules:
    """How columns are looked at.

    Parameters
    ----------
    signs : tuple of float
        Whether logarithms are taken of numbers above zero, or of the size of those below it too.
    above_zero : float
        Share of the cells that have to be above zero for that.
    low : float
        The largest value that `ColumnScale.lows` has.
    within : float
        So many spreads lie the middle 90 % of cells within, of which most agree.
    by_chance : float
        Columns that are no more skewed than this, divided by the root of how many cells they have,
        are so by chance: then no logarithm is taken.
    together : bool
        Whether it is asked how columns go together: those that do so far better as plain numbers,
        or by their logarithms, are taken so.
    """

    signs: tuple[float, ...]
    above_zero: float
    low: float
    within: float
    by_chance: float
    together: bool


RULES = Rules(
    signs=(1.0, -1.0), above_zero=ABOVE_ZERO, low=0.0, within=2.0, by_chance=1.9, together=True
)
# Logarithms only where all cells are above zero, numbers below zero as zeros, and no regard to
# cells of which most agree, to chance and to other columns.
VERSION_0_1 = Rules(
    signs=(1.0,), above_zero=1.0, low=-np.inf, within=np.inf, by_chance=0.0, together=False
)


@dataclass(frozen=True, eq=False)
class ColumnScale:
    """How each column comes to a scale on which normal cells lie around 0, mostly within ±3.

    Parameters
    ----------
    signs : (n_columns,) float64
        By which columns are multiplied: −1 where numbers below zero, such as costs, are taken by
        the logarithm of their size. What follows is said of columns multiplied so.
    is_log : (n_columns,) bool
        Columns of which the logarithm is taken, as it is far less skewed. A few of their cells
        may be zero or less: such a one lies a tenth of the smallest above zero.
    floors : (n_columns,) float64
        The logarithm of smaller values is that of the floor: a tenth of the smallest normal cell
        above zero.
    lows : (n_columns,) float64
        Zero, or the smallest normal cell where that is less. Where logarithms are taken, a value
        below it counts by the logarithm of its distance from it, in units of the smallest normal
        cell above zero, or of the size of the low where that is larger.
    kinds : tuple of Kinds, n_columns long
        The kinds of rows that each column's factors make.
    centres, spreads : tuple of (n_kinds,) float64, n_columns long
    """

    signs: Float64Array
    is_log: BoolArray
    floors: Float64Array
    lows: Float64Array
    kinds: tuple[Kinds, ...]
    centres: tuple[Float64Array, ...]
    spreads: tuple[Float64Array, ...]

    @classmethod
    def fit(
        cls,
        values: Float64Array,
        steps: Float64Array,
        levels: Sequence[Sequence[Levels]],
        rules: Rules = RULES,
    ) -> Self:
        """Fit on normal rows.

        Parameters
        ----------
        values : (n_rows, n_columns) float64
            NaN where missing.
        steps : (n_columns,) float64
            Of rounding.
        levels : (n_columns, n_rows) sequence of sequence of Levels
            What each row says in the factors of each column.
        rules : Rules
        """
        values = bounded(values)
        skewed = [_sign_of_skewed(column[~np.isnan(column)], rules) for column in values.T]
        fitted = partial(cls._with_signs, values, steps, levels, rules)
        own = fitted(skewed)
        if not rules.together or values.shape[1] == 1:
            return own
        signs = _signs_together(skewed, values, lambda signs: fitted(signs).apply(values, levels))
        return own if signs == skewed else fitted(signs)

    @classmethod
    def _with_signs(
        cls,
        values: Float64Array,
        steps: Float64Array,
        levels: Sequence[Sequence[Levels]],
        rules: Rules,
        signs: Sequence[_Sign],
    ) -> Self:
        """Fit with the sign of the numbers of each column of which the logarithm is taken."""
        columns = [
            _Column.fit(column, float(step), said, rules, sign)
            for column, step, said, sign in zip(values.T, steps, levels, signs, strict=True)
        ]
        of_columns = np.asarray([column.sign for column in columns], np.float64)
        return cls(
            of_columns,
            np.asarray([column.is_log for column in columns], bool),
            np.asarray([column.floor for column in columns], np.float64),
            np.fmin.reduce(of_columns * values, axis=0, initial=rules.low),
            tuple(column.kinds for column in columns),
            tuple(column.centres for column in columns),
            tuple(column.spreads for column in columns),
        )

    def apply(
        self,
        values: Float64Array,
        levels: Sequence[Sequence[Levels]],
        unsure: Float64Array | float = 1.0,
    ) -> Float64Array:
        """Return standardised values; NaN stays.

        `unsure`, (n_rows, n_columns): how many spreads count as one.
        """
        logged = self._logged(self.signs * bounded(values))
        centres, spreads = self._of_kinds(levels)
        standard = (logged - centres) / (spreads * unsure)
        size = np.abs(standard)
        # A wild cell must stand out, and must not drown all others either.
        bent = np.where(size > _BEND, _BEND + np.log1p(np.maximum(size - _BEND, 0)), size)
        signed: Float64Array = self.signs * np.sign(standard) * bent
        return signed

    def variances(self, steps: Float64Array) -> Float64Array:
        """Return the variances of standardised values that are rounded so, (n_columns,)."""
        spreads = np.asarray([own[0] for own in self.spreads])
        centres = np.asarray([own[0] for own in self.centres])
        sizes = np.where(self.is_log, np.exp(np.clip(centres, -_FAR, _FAR)), 1.0)
        variances: Float64Array = np.square(steps / sizes / spreads) / _UNIFORM
        return variances

    def values(
        self,
        points: Float64Array,
        levels: Sequence[Sequence[Levels]],
        unsure: Float64Array | float = 1.0,
    ) -> Float64Array:
        """Return the values that `apply` makes these points of.

        But that none lies below the lowest normal one, or zero, and what the floors stand for lies
        there too.
        """
        size = np.abs(points)
        # No float holds the exponential of what lies that far out.
        straight = np.where(size > _BEND, _BEND + np.expm1(np.clip(size - _BEND, 0, _FAR)), size)
        centres, spreads = self._of_kinds(levels)
        values = centres + self.signs * np.sign(points) * straight * spreads * unsure
        exponents = np.where(self.is_log, np.clip(values, -_FAR, _FAR), 0)
        values = np.where(self.is_log, np.exp(exponents), values)
        is_floor = self.is_log & (values <= self.floors)
        return self.signs * np.where(is_floor, self.lows, np.maximum(values, self.lows))

    def _of_kinds(self, levels: Sequence[Sequence[Levels]]) -> tuple[Float64Array, Float64Array]:
        """Return the centre and the spread of each row's kind, (n_rows, n_columns) both."""
        places = [kinds.place(said) for kinds, said in zip(self.kinds, levels, strict=True)]
        centres, spreads = (
            np.stack([values[place] for values, place in zip(by_kind, places, strict=True)], axis=1)
            for by_kind in (self.centres, self.spreads)
        )
        return centres, spreads

    def _logged(self, values: Float64Array) -> Float64Array:
        """Return values, and their logarithms in columns of which these are taken."""
        logged = np.log(np.maximum(values, self.floors), where=self.is_log, out=values.copy())
        below = self.lows - values
        is_below = self.is_log & (below > 0)
        units = np.log(np.maximum(_BELOW * self.floors, -self.lows))
        size = np.log(below, where=is_below, out=np.zeros_like(below)) - units
        return logged - np.where(is_below, np.logaddexp(0, size), 0)


@dataclass(frozen=True, eq=False)
class _Column:
    sign: float
    is_log: bool
    floor: float
    kinds: Kinds
    centres: Float64Array
    spreads: Float64Array

    @classmethod
    def fit(
        cls,
        values: Float64Array,
        step: float,
        levels: Sequence[Levels],
        rules: Rules,
        sign: _Sign,
    ) -> Self:
        known = np.flatnonzero(~np.isnan(values))
        is_log, floor = sign is not None, 1.0
        if sign is not None:
            values = sign * values
            known = known[values[known] > 0]
            raw = values[known]
            floor, step = float(raw.min()) / _BELOW, step / float(np.median(raw))
        present = np.log(values[known]) if is_log else values[known]
        said = [levels[i] for i in known.tolist()]
        kinds = Kinds.of(said)
        members, within = kinds.members(said), rules.within
        found = [centre_and_spread(present[rows], step, within) for rows in members]
        centres, spreads = np.asarray(found).T
        if len(members) > 1:
            _, prior = centre_and_spread(present - centres[kinds.place(said)], step, within)
            spreads[1:] = _shrunk(spreads[1:], [len(rows) for rows in members[1:]], prior)
        return cls(sign or 1.0, is_log, floor, kinds, centres, spreads)


def centre_and_spread(present: Float64Array, step: float, within: float) -> tuple[float, float]:
    """Return the median of normal cells, and their spread, neither of which wild ones move much."""
    if not len(present):
        return 0.0, step
    centre = float(np.median(present))
    robust = 1.4826 * float(np.median(np.abs(present - centre)))
    # Neither may be moved by a few wild cells among normal rows. Where most cells agree exactly
    # both vanish; where all do, a step of rounding is as good as anything.
    low, high = np.quantile(present, [0.05, 0.95])
    spread = max(robust, 0.5 * float(high - low) / 3.29)
    if not robust:  # else the ones among zeros lie beyond the bend, as wild as a hundred
        spread = max(spread, float(high - centre) / within, float(centre - low) / within)
    if not spread:
        spread = 0.3 * float(present.std()) if np.ptp(present) else step
    return centre, spread


def _shrunk(spreads: Float64Array, n_rows: Sequence[int], prior: float) -> Float64Array:
    """Return the spreads of kinds of rows, those of few rows nearer to that of all together."""
    weights = np.asarray(n_rows, np.float64)
    logs = (weights * np.log(spreads) + _PRIOR_ROWS * np.log(prior)) / (weights + _PRIOR_ROWS)
    shrunk: Float64Array = np.exp(logs)
    return shrunk


def _sign_of_skewed(numbers: Float64Array, rules: Rules) -> _Sign:
    """Return the sign of numbers that are far less skewed by their logarithm; None of others."""
    for sign in rules.signs:
        raw = _above_zero(sign * numbers, rules.above_zero)
        skewness = _skewness(raw) if len(raw) else 0.0
        is_chance = skewness * np.sqrt(len(raw)) <= rules.by_chance
        if skewness and not is_chance and _skewness(np.log(raw)) < _LESS_SKEWED * skewness:
            return sign
    return None


def _above_zero(numbers: Float64Array, share: float) -> Float64Array:
    """Return the numbers above zero; none where those are less than this share."""
    raw = numbers[numbers > 0]
    return raw if len(raw) >= share * len(numbers) else raw[:0]


def _signs_together(
    skewed: Sequence[_Sign],
    values: Float64Array,
    points_with: Callable[[Sequence[_Sign]], Float64Array],
) -> list[_Sign]:
    """Return the signs of numbers of which the logarithm is taken, as columns go together best.

    Totals are sums of plain numbers, areas products, whatever the tail of each. Where others leave
    less than half as much of a column once all are taken as plain numbers, or all by logarithms,
    it is taken so.

    Parameters
    ----------
    skewed : sequence of float or None, n_columns long
        The signs by each column's own tail; None where no logarithm is taken.
    values : (n_rows, n_columns) float64
    points_with : callable
        Of such signs: the standardised values, (n_rows, n_columns).
    """
    known = [own[~np.isnan(own)] for own in values.T]
    are_above = [bool(len(own) and own.min() > 0) for own in known]
    plain: list[_Sign] = [None] * len(skewed)
    logs = [1.0 if is_above else own for own, is_above in zip(skewed, are_above, strict=True)]
    left = _left_over(points_with(skewed))
    found = [*skewed]
    for other in (plain, logs):
        if other == found:
            continue
        is_closer = _left_over(points_with(other)) < _CLOSER * left
        mixed = [new if own else old for old, new, own in zip(found, other, is_closer, strict=True)]
        if mixed == found:
            continue
        # The others of a relation may have stayed as they were.
        if (_left_over(points_with(mixed))[is_closer] < _CLOSER * left[is_closer]).all():
            found = mixed
    return found


def _left_over(points: Float64Array) -> Float64Array:
    """Return which share of its spread the other columns leave of each, (n_columns,)."""
    filled = np.nan_to_num(points)
    covariance = np.cov(filled.T)
    variances, directions = np.linalg.eigh(covariance)
    own = nonlinear_shrinkage(variances, len(points), _LEAST_LEFT**2)
    precision = np.square(directions) @ (1 / own)
    spreads = np.sqrt(np.maximum(np.diag(covariance), _LEAST_LEFT**2))
    left: Float64Array = 1 / np.sqrt(precision) / spreads
    return left


def _skewness(values: Float64Array) -> float:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return float(abs(low + high - 2 * middle) / (high - low)) if high > low else 0.0
