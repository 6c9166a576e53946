"""How round numbers are, and whether those of a row are rounder than usual, or less round."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import expit, logit

from polar_detect.arrays import BoolArray, Float64Array, IndexArray

# A number is as round as the largest of 1, 5, 10, 50, 100, … that divides it, in units of its last
# digit. Each of them divides the next.
_STEPS = np.cumprod([1] + [5, 2] * 15)
_N_STEPS, _MOST_DIGITS = 32, 16
_MOST = 2.0**53  # units; beyond, a whole number is not told from the next
_USUAL = 0.9  # of the numbers of a column are as round as is usual there
_FEWER = 0.7  # times as many numbers are rounder where digits are counted from the first one
_HALF = 0.5  # at most, are multiples of what is asked of many rows
# Rows that were made up are rounder by so many steps, but for some of their numbers.
_ROUNDER, _SPARED = (1, 2, 4), (0.05, 0.5)
# Likelihood ratio of rows that are told: one in 200 at most, were their numbers independent.
_ONE_OF = 200
_SURE = math.log(_ONE_OF)
_MOST_TOLD = 1 / 8  # of rows that are held against each other; more are no exception
_FIRST, _MOST_MADE_UP, _ROUNDS = 0.05, 0.5, 20  # shares of rows among which some may be made up


@dataclass(frozen=True, eq=False)
class Roundness:
    """How round the numbers of columns are, as what other rows are held against.

    NaN and 0 say nothing.

    Parameters
    ----------
    decimals : (n_columns,) intp
        Digits behind the point to which numbers are known.
    are_significant : (n_columns,) bool
        Where numbers have so many digits in all, and not so many behind the point.
    shares : (n_columns, n_steps) float64
        Of the usual numbers, and one more, are at least so round.
    usual : (n_columns,) intp
        The step that nine of ten numbers have.
    less : (n_columns,) float64
        The share of numbers that are less round.
    limits : (2,) float64
        Nats from which a row is rounder, and less round, than usual.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> usual = Roundness.of(rng.normal(20, 1, (300, 4)).round(2), np.full(4, 3))
    >>> read, made_up = [19.62, 20.4, 21.17, 20.88], [19.5, 20.5, 21, 20]
    >>> rows = np.array([read, made_up, [20.07, 20.125, 20.251, 21]])
    >>> (usual.evidence(rows) >= usual.limits).tolist()
    [[False, False], [True, False], [False, True]]
    >>> usual.multiple(0)
    0.05
    """

    decimals: IndexArray
    are_significant: BoolArray
    shares: Float64Array
    usual: IndexArray
    less: Float64Array
    limits: Float64Array

    @classmethod
    def of(cls, numbers: Float64Array, decimals: IndexArray, *, are_usual: bool = True) -> Self:
        """Return how round usual numbers are.

        Parameters
        ----------
        numbers : (n_rows, n_columns) float64
        decimals : (n_columns,) intp
        are_usual : bool
            Whether all rows are known as usual ones. Otherwise each counts by how likely it is one
            (expectation maximisation), or made-up rows would make each other usual.
        """
        are_significant = _are_significant(numbers, decimals)
        steps = _steps(numbers, decimals, are_significant)
        weights = np.ones(len(steps))
        own = cls._weighed(steps, decimals, are_significant, weights)
        if are_usual:
            return replace(own, limits=np.maximum(_SURE, _reached(own._evidence(steps))))
        share = _FIRST
        for _ in range(_ROUNDS):
            weights = expit(-logit(share) - _mean([*own._evidence(steps).T]))
            own = cls._weighed(steps, decimals, are_significant, weights)
            share = float(np.clip(np.mean(1 - weights), 1 / len(steps), _MOST_MADE_UP))
        are_few = (own._evidence(steps) >= _SURE).mean(0) <= _MOST_TOLD
        return replace(own, limits=np.where(are_few, _SURE, np.inf))

    @classmethod
    def _weighed(
        cls,
        steps: IndexArray,
        decimals: IndexArray,
        are_significant: BoolArray,
        weights: Float64Array,
    ) -> Self:
        """Return how round numbers are by their steps, rows counting by `weights`, (n_rows,)."""
        n = weights @ (steps >= 0)
        at_least = np.stack([weights @ (steps >= own) for own in range(_N_STEPS)], axis=1)
        usual = _usual(at_least, n)
        less = n - np.take_along_axis(at_least, usual[:, None], 1)[:, 0]
        shares = (at_least + 1) / (n + 1)[:, None]
        nowhere = np.full(2, np.inf)
        return cls(decimals, are_significant, shares, usual, (less + 1) / (n + 1), nowhere)

    def evidence(self, numbers: Float64Array) -> Float64Array:
        """Return how much likelier rows are if rounder, and if less round, (n_rows, 2), in nats.

        Source: Vovk and Wang, E-values: calibration, combination and applications, 2021, section
        2: a mean of likelihood ratios is 1 on average, so that few of usual rows are large.
        """
        return self._evidence(self._steps(numbers))

    def _evidence(self, steps: IndexArray) -> Float64Array:
        rounder = _mean([self._rounder(steps, by) for by in _ROUNDER])
        less = _ratio(steps, steps < self.usual, self.less, max(_SPARED))
        return np.stack([rounder, less], axis=1)

    def which_rounder(self, numbers: Float64Array) -> BoolArray:
        """Return which numbers make a row rounder, (n_rows, n_columns)."""
        steps = self._steps(numbers)
        likeliest = np.argmax([self._rounder(steps, by) for by in _ROUNDER], axis=0)
        which: BoolArray = steps >= self._rounded(np.asarray(_ROUNDER)[likeliest, None])
        return which

    def which_less_round(self, numbers: Float64Array) -> BoolArray:
        """Return which numbers are less round than usual, (n_rows, n_columns)."""
        steps = self._steps(numbers)
        which: BoolArray = (steps >= 0) & (steps < self.usual)
        return which

    def multiples(self, numbers: Float64Array) -> BoolArray:
        """Return which numbers are multiples of their column's `multiple`, (n_rows, n_columns)."""
        which: BoolArray = self._steps(numbers) >= self._of_few
        return which

    def multiple(self, column: int) -> float:
        """Return of which step, beyond the usual one, half of the usual numbers are multiples.

        Or fewer are.
        """
        units, decimals = _STEPS[self._of_few[column]], self.decimals[column]
        return float(f"{units}e-{decimals}")

    @property
    def by_chance(self) -> Float64Array:
        """The share of multiples among numbers that were rounded as usual, (n_columns,)."""
        shares: Float64Array = _STEPS[self.usual] / _STEPS[self._of_few]
        return shares

    @property
    def _of_few(self) -> IndexArray:
        return self._capped((self.shares > _HALF).sum(1))

    def _steps(self, numbers: Float64Array) -> IndexArray:
        return _steps(numbers, self.decimals, self.are_significant)

    def _rounder(self, steps: IndexArray, by: int) -> Float64Array:
        asked = self._rounded(by)
        shares = np.take_along_axis(self.shares, asked[:, None], 1)[:, 0]
        return _mean([_ratio(steps, steps >= asked, shares, spared) for spared in _SPARED])

    def _rounded(self, by: "int | IndexArray") -> IndexArray:
        return self._capped(self.usual + by)

    def _capped(self, steps: IndexArray) -> IndexArray:
        return np.minimum(steps, _N_STEPS - 1)


def _are_significant(numbers: Float64Array, decimals: IndexArray) -> BoolArray:
    """Return which columns keep so many digits of each number, and not so many decimals.

    As results of a laboratory do, 1.23 and 12.3: by decimals large ones would be rounder.
    """
    shares = []
    for are_significant in (False, True):
        steps = _steps(numbers, decimals, np.full(numbers.shape[1], are_significant))
        n = (steps >= 0).sum(0)
        at_least = np.stack([(steps >= own).sum(0) for own in range(_N_STEPS)], axis=1)
        usual = _usual(at_least, n)
        shares.append((steps >= usual + 2).sum(0) / np.maximum(n, 1))  # of one digit fewer
    found: BoolArray = shares[1] < _FEWER * shares[0]
    return found


def _usual(at_least: Float64Array, n: Float64Array) -> IndexArray:
    """Return the step that nine of ten of `n` numbers of each column have, (n_columns,)."""
    usual: IndexArray = (at_least >= _USUAL * n[:, None]).sum(1) - 1
    return usual


def _steps(numbers: Float64Array, decimals: IndexArray, are_significant: BoolArray) -> IndexArray:
    """Return how round numbers are, as a place among the steps; -1 where they say nothing."""
    units = np.rint(np.abs(numbers) * 10.0**decimals)
    is_known = (units > 0) & (units < _MOST)  # no NaN either
    found = np.where(is_known, 0, -1).astype(np.intp)
    places, whole = np.nonzero(is_known), units[is_known].astype(np.int64)
    for own, step in enumerate(_STEPS[1:].tolist(), 1):
        are_such = whole % step == 0
        places, whole = (places[0][are_such], places[1][are_such]), whole[are_such]
        found[places] = own
    n_digits = np.floor(np.log10(np.where(is_known, units, 1.0))).astype(np.intp) + 1
    counted = found + 2 * (_MOST_DIGITS - n_digits)
    return np.where(is_known & are_significant, counted, found)


def _reached(evidence: Float64Array) -> Float64Array:
    """Return what one usual row of 200 reaches, (2,), or the first of fewer; no more rows do."""
    n_beyond = max((len(evidence) + 1) // _ONE_OF, 1)
    reached: Float64Array = np.sort(evidence, axis=0)[-n_beyond]
    are_more = (evidence >= reached).sum(0) > n_beyond
    return np.where(are_more, np.nextafter(reached, np.inf), reached)


def _ratio(
    steps: IndexArray, are_such: BoolArray, shares: Float64Array, spared: float
) -> Float64Array:
    """Return how much likelier rows are where all but a part of their numbers are such, in nats.

    `shares` are those of usual numbers that are.
    """
    ratios = np.where(are_such, (1 - spared) / shares, 0.0) + spared
    nats: Float64Array = np.where(steps >= 0, np.log(ratios), 0.0).sum(1)
    return nats


def _mean(nats: "list[Float64Array]") -> Float64Array:
    """Return the mean of ratios that are given in nats, in nats."""
    mean: Float64Array = np.logaddexp.reduce(nats, axis=0) - math.log(len(nats))
    return mean
