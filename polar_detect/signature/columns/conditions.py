"""What the conditions of rows lead to expect of their numbers, along a straight line a column.

Hides how a line is told from normal rows of which some are wild, how unsure it is beyond them, and
how that is told from how well it goes on from one half of them to the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.signature.columns.scale import RULES, centre_and_spread
from polar_detect.statistics.factors import Kinds, Levels, bounded
from polar_detect.tables.rows.decimals import ABOVE_ZERO

_ROUNDS = 3  # a line is told from the rows again, without those that are wild by the last one
_WILD = 3.0  # spreads from the line
# A row may have so much of the say in where a line goes, or five times what all have on average: a
# meter that fails once would turn it else.
_LEVERAGE, _TIMES = 0.2, 5
_FARTHEST = 1e6  # spreads of a condition; the square of a larger number may be none
_LEAST_SEEN = 0.1  # of the noise's variance in the rows that a line was fitted on
_SURE = 2.0  # standard errors
_FEWEST = 8  # rows more than conditions in either half, or nothing is told by them
_LESS_LEFT = (
    0.9  # a line of logarithms has to leave at most this share of what that of numbers does
)
_MAX_LOG = 300.0  # of a factor, or it is none that floats hold
_ROUNDED = 0.5  # steps of rounding that lie between numbers and a line all the same
_TICK = 0.1  # steps of rounding to which is rounded what is left, or sums of floats would be noise
_DIGITS = 1e-9  # of the largest number of a column are rounded for the same reason


@dataclass(frozen=True, eq=False)
class Line:
    """How the numbers of one column go along with the conditions, within any kind of rows.

    Source: Song et al., Conditional Anomaly Detection, IEEE TKDE 19(5), 2007: indicators are judged
    by what the environment of a row leads to expect. Here by a linear regression, which goes on
    beyond the normal rows.

    Parameters
    ----------
    is_log : bool
        Whether their logarithms do, as those of a pressure with a temperature.
    kinds : Kinds
        The kinds of rows that the column's factors make.
    middles : (n_kinds, n_conditions) float64
        The mean conditions of each kind.
    slopes : (n_conditions,) float64
    unsure : (n_conditions, n_conditions) float64
        The covariance of the slopes, where the noise has variance 1.
    noise : float
        The spread of what the conditions leave open.
    left : float
        What share of the spread without them that is.
    tick : float
        To multiples of this what they leave is rounded.
    reach : (2, n_conditions) float64
        Between which conditions the rows lie that the line was told from.
    growth : (n_conditions,) float64
        By how much of the noise's variance rows differ more for each squared spread beyond these.
    """

    is_log: bool
    kinds: Kinds
    middles: Float64Array
    slopes: Float64Array
    unsure: Float64Array
    noise: float
    left: float
    tick: float
    reach: Float64Array
    growth: Float64Array

    @classmethod
    def fit(
        cls, values: Float64Array, conditions: Float64Array, levels: Sequence[Levels], step: float
    ) -> Self:
        """Fit on normal rows.

        Parameters
        ----------
        values : (n_rows,) float64
            NaN where missing.
        conditions : (n_rows, n_conditions) float64
            In spreads; NaN where missing.
        levels : (n_rows,) sequence of Levels
            What each row says in the factors of the column.
        step : float
            Of rounding.
        """
        known = np.flatnonzero(~np.isnan(values) & ~np.isnan(conditions).any(1))
        said, numbers = [levels[i] for i in known.tolist()], values[known]
        tick = max(_TICK * step, _DIGITS * float(np.abs(numbers).max(initial=0)))
        line = cls._of(np.column_stack([conditions[known], numbers]), said, step, tick)
        above = np.flatnonzero(numbers > 0)
        if len(above) < max(ABOVE_ZERO * len(numbers), 1):
            return line
        logs, own = np.log(numbers[above]), [said[i] for i in above.tolist()]
        steps = step / float(np.median(numbers[above]))
        other = cls._of(np.column_stack([conditions[known[above]], logs]), own, steps, tick)
        return replace(other, is_log=True) if other.left < _LESS_LEFT * line.left else line

    @classmethod
    def _of(cls, rows: Float64Array, said: Sequence[Levels], step: float, tick: float) -> Self:
        """Return the line of `rows`, (n_rows, n_conditions + 1), whose last column goes along."""
        n_conditions = rows.shape[1] - 1
        kinds = Kinds.of(said)
        members, place = kinds.members(said), kinds.place(said)
        most = max(_LEVERAGE, _TIMES * n_conditions / max(len(rows), 1))
        kept = np.ones(len(rows), bool)
        for _ in range(_ROUNDS):
            middles = np.stack([_mean(rows, own, kept) for own in members])
            centred = rows - middles[place]
            own, numbers = centred[:, :-1], centred[:, -1]
            slopes = np.linalg.lstsq(own[kept], numbers[kept], rcond=None)[0].astype(np.float64)
            # As if each slope was 0 but for about the noise: where conditions never changed, or
            # always together, nothing else says how far it may be off.
            told = own[kept].T @ own[kept] + np.eye(n_conditions)
            unsure = np.linalg.inv(told).astype(np.float64)
            rest = numbers - own @ slopes
            centre, spread = centre_and_spread(rest[kept], step, RULES.within)
            is_near = np.abs(rest - centre) <= _WILD * max(spread, _ROUNDED * step)
            kept = is_near & (np.einsum("nc,cd,nd->n", own, unsure, own) <= most)
        # Not what is robust, by which a few steps of rounding are as near as none.
        least, known = _ROUNDED * step, rows[kept, :-1]
        noise, whole = (max(_size(part, kept), least) for part in (rest, numbers))
        # At least the usual condition, also where no row tells a line.
        reach = np.stack([ends.reduce(known, 0, initial=0.0) for ends in (np.fmin, np.fmax)])
        growth = _growth(known, centred[kept], least)
        found = middles[:, :-1], slopes, unsure, noise, noise / whole, tick, reach, growth
        return cls(False, kinds, *found)

    def added(
        self, conditions: Float64Array, levels: Sequence[Levels], *, are_own: bool
    ) -> tuple[Float64Array, Float64Array]:
        """Return what the conditions of rows add to their numbers, and how unsure that makes them.

        The latter in spreads of the noise, (n_rows,) both; see `Conditions.beside`.
        """
        missing = np.isnan(conditions)
        own = np.where(missing, 0.0, conditions - self.middles[self.kinds.place(levels)])
        # Not matrix products, whose last digits depend on how many rows there are.
        leverage = np.einsum("nc,cd,nd->n", own, self.unsure, own)
        seen = np.maximum(1 - leverage, _LEAST_SEEN) if are_own else 1 + leverage
        unknown = np.einsum("nc,c->n", missing, (self.slopes / self.noise) ** 2)
        return np.einsum("nc,c->n", own, self.slopes), np.sqrt(seen + unknown)

    def grown(self, conditions: Float64Array) -> Float64Array:
        """Return how much more rows may differ as they lie beyond the `reach`, (n_rows,).

        In variances of the noise; a missing condition lies nowhere.
        """
        beyond = np.nan_to_num(conditions - np.clip(conditions, *self.reach))
        grown: Float64Array = np.einsum("nc,c->n", beyond**2, self.growth)
        return grown

    def shifted(self, numbers: Float64Array, added: Float64Array) -> Float64Array:
        """Return numbers under conditions that add this."""
        if self.is_log:
            return bounded(numbers * np.exp(np.clip(added, -_MAX_LOG, _MAX_LOG)))
        return numbers + added


@dataclass(frozen=True, eq=False)
class Conditions:
    """What the conditions of rows lead to expect of their other numbers.

    Parameters
    ----------
    centres, spreads : (n_conditions,) float64
        Of the conditions of normal rows.
    lines : tuple of Line, n_columns long
        Of each column of numbers; none without conditions.
    """

    centres: Float64Array
    spreads: Float64Array
    lines: tuple[Line, ...]

    @classmethod
    def fit(
        cls,
        values: Float64Array,
        conditions: Float64Array,
        levels: Sequence[Sequence[Levels]],
        *,
        steps: Sequence[float],
        condition_steps: Sequence[float],
    ) -> Self:
        """Fit on normal rows.

        Parameters
        ----------
        values : (n_rows, n_columns) float64
            NaN where missing.
        conditions : (n_rows, n_conditions) float64
            The same of the conditions.
        levels : (n_columns, n_rows) sequence of sequence of Levels
            What each row says in the factors of each column.
        steps, condition_steps : sequence of float
            Of rounding.
        """
        if not condition_steps:
            return cls(np.zeros(0), np.ones(0), ())
        known = [column[~np.isnan(column)] for column in bounded(conditions).T]
        own = [
            centre_and_spread(column, step, RULES.within)
            for column, step in zip(known, condition_steps, strict=True)
        ]
        centres, spreads = np.asarray(own).T
        standard = _standard(conditions, centres, spreads)
        lines = (
            Line.fit(column, standard, said, step)
            for column, said, step in zip(bounded(values).T, levels, steps, strict=True)
        )
        return cls(centres, spreads, tuple(lines))

    def beside(
        self,
        values: Float64Array,
        conditions: Float64Array,
        levels: Sequence[Sequence[Levels]],
        *,
        are_own: bool,
    ) -> "Beside":
        """Return the numbers of rows beside their conditions.

        `are_own`: whether they are among the normal rows that lines were fitted on, and so lie
        nearer to these; others lie farther from them where they tell less, and where lines did not
        go on among them. Numbers that go together would seem not to if one counted for less than
        the other: each counts by the geometric mean of its own growth and of that of all columns.

        Source: Cook and Weisberg, Residuals and Influence in Regression, 1982, section 2.2.
        """
        if not self.lines:
            return Beside(values, np.zeros(values.shape), np.ones(values.shape))
        standard = _standard(conditions, self.centres, self.spreads)
        beside, grown = Beside(*np.empty((3, *values.shape))), np.zeros(values.shape)
        for j, (line, said) in enumerate(zip(self.lines, levels, strict=True)):
            added, beside.unsure[:, j] = line.added(standard, said, are_own=are_own)
            rest = line.shifted(bounded(values[:, j]), -added)
            beside.values[:, j] = np.round(rest / line.tick) * line.tick
            beside.added[:, j] = added
            if not are_own:
                grown[:, j] = line.grown(standard)
        shared = np.sqrt((1 + grown) * (1 + grown.mean(1, keepdims=True)))
        return beside._replace(unsure=beside.unsure * np.sqrt(shared))

    def usual(self, places: Float64Array, added: Float64Array) -> Float64Array:
        """Return ranges of usual numbers under conditions that add this.

        Both ways (n_columns, 2); `added`, (n_columns,), is that of one row.
        """
        if not self.lines:
            return places
        found = zip(self.lines, places, added, strict=True)
        return np.stack([line.shifted(own, more) for line, own, more in found])


class Beside(NamedTuple):
    """Numbers of rows beside their conditions, (n_rows, n_columns) float64 each."""

    values: Float64Array  # as they would be under the usual conditions
    added: Float64Array  # what their conditions add, to logarithms where lines are of these
    unsure: Float64Array  # by how many spreads they may differ for one


def _standard(
    conditions: Float64Array, centres: Float64Array, spreads: Float64Array
) -> Float64Array:
    """Return conditions in spreads; NaN stays."""
    standard: Float64Array = (bounded(conditions) - centres) / spreads
    return np.clip(standard, -_FARTHEST, _FARTHEST)


def _mean(rows: Float64Array, places: IndexArray, kept: BoolArray) -> Float64Array:
    """Return the mean of some rows, without those that are not kept, if others are left."""
    if not len(places):  # a column without a number
        return np.zeros(rows.shape[1])
    some = places[kept[places]]
    mean: Float64Array = rows[some if len(some) else places].mean(0)
    return mean


def _growth(conditions: Float64Array, centred: Float64Array, least: float) -> Float64Array:
    """Return by how much more rows differ the farther they lie beyond others, (n_conditions,).

    Either half of the rows by a condition is held against the line of the other one, as rows under
    new conditions will be against that of all: a line that bends there misses them the more, the
    farther out, and so does one whose noise grows. The slope of the squared misses by the squared
    distance, in variances of the noise; 0 where chance makes as much of it.

    Parameters
    ----------
    conditions : (n_rows, n_conditions) float64
    centred : (n_rows, n_conditions + 1) float64
        The same within any kind of rows, and behind them what goes along.
    least : float
        Of the noise.
    """
    found = np.zeros(conditions.shape[1])
    for c, places in enumerate(conditions.T):
        halves = [_missed(centred, sign * places, least) for sign in (-1, 1)]
        more, weight, variance = np.sum(halves, axis=0)
        if more > _SURE * np.sqrt(variance):
            found[c] = more / weight
    return found


def _missed(centred: Float64Array, places: Float64Array, least: float) -> Float64Array:
    """Return how much more the farther half by places is missed, the weight, and the variance.

    The ratio of the former is the slope; see `_growth`. The variance is that of the first where a
    line goes straight on: misses hang together, as the line is off for all of them.
    """
    n_conditions = centred.shape[1] - 1
    near = places <= (np.median(places) if len(places) else 0)
    if min(near.sum(), (~near).sum()) < _FEWEST + n_conditions:
        return np.zeros(3)
    rows = centred - centred[near].mean(0)
    own, numbers = rows[:, :-1], rows[:, -1]
    rest = numbers - own @ np.linalg.lstsq(own[near], numbers[near], rcond=None)[0]
    told = own[near].T @ own[near] + np.eye(n_conditions)
    noise = max(float((rest[near] ** 2).sum()) / (near.sum() - n_conditions - 1), least**2)
    distance = (places[~near] - places[near].max()) ** 2
    off = own[~near] @ np.linalg.cholesky(np.linalg.inv(told))
    off = np.column_stack([off, np.full(len(off), near.sum() ** -0.5)])  # how far the line may be
    expected = 1 + (off**2).sum(1)
    weights = distance / expected**2
    more = weights @ (rest[~near] ** 2 / noise - expected)
    together = off.T @ (weights[:, None] * off)
    variance = 2 * (weights**2 @ (2 * expected - 1) + (together**2).sum())
    return np.array([more, weights @ distance, variance])


def _size(numbers: Float64Array, kept: BoolArray) -> float:
    """Return the root mean square of those that are kept; 0 of none."""
    return float(np.sqrt((numbers[kept] ** 2).mean())) if kept.any() else 0.0
