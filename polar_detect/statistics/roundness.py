"""How round numbers are, and whether those of a row are rounder than usual, or less round."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from scipy.special import expit, logit

from polar_detect.arrays import BoolArray, Float64Array, IndexArray

# A number is as round as the largest of 1, 5, 10, 50, 100, … that divides it, in units of its last
# digit. Each of them divides the next.
_STEPS = np.cumprod([1] + [5, 2] * 15 + [5])
_MOST = 2.0**53  # units; beyond, a whole number is not told from the next
_SIZES = 17  # digits before the point of units, and none
_FEWEST = 20  # numbers of a size that say how round others of it are
_USUAL = 0.9  # of the numbers of a column are as round as is usual there
_HALF = 0.5  # at most, are multiples of what is asked of many rows
# Rows that were made up are rounder by so many steps, but for some of their numbers.
_ROUNDER, _SPARED = (1, 2, 4), (0.05, 0.5)
# Likelihood ratio of rows that are told: one in 200 at most, were their numbers independent.
_ONE_OF = 200
_SURE = math.log(_ONE_OF)
_MOST_TOLD = 1 / 8  # of rows that are held against each other; more are no exception
_FIRST, _MOST_MADE_UP, _ROUNDS = 0.05, 0.5, 20  # shares of rows among which some may be made up


class _Digits(NamedTuple):
    """The digits of numbers.

    Parameters
    ----------
    steps : (n_rows, n_columns) intp
        How round they are, as a place among the steps.
    sizes : (n_rows, n_columns) intp
        Of which power of ten they are; 0 where they say nothing.
    """

    steps: IndexArray
    sizes: IndexArray

    @classmethod
    def of(cls, numbers: Float64Array, decimals: IndexArray) -> Self:
        units = np.rint(np.abs(numbers) * 10.0**decimals)
        is_known = (units > 0) & (units < _MOST)  # no NaN either
        steps = np.zeros(units.shape, np.intp)
        places, whole = np.nonzero(is_known), units[is_known].astype(np.int64)
        for own, step in enumerate(_STEPS[1:].tolist(), 1):
            are_such = whole % step == 0
            places, whole = (places[0][are_such], places[1][are_such]), whole[are_such]
            steps[places] = own
        sizes = np.floor(np.log10(np.where(is_known, units, 1.0))).astype(np.intp) + 1
        return cls(steps, np.where(is_known, sizes, 0))


@dataclass(frozen=True, eq=False)
class Roundness:
    """How round the numbers of columns are, as what other rows are held against.

    By the power of ten that numbers are of, as instruments with three digits show 98.7 and 123.
    NaN and 0 say nothing, nor do numbers of a power of ten that is not usual.

    Parameters
    ----------
    decimals : (n_columns,) intp
        Digits behind the point to which numbers are known.
    shares : (n_columns, n_sizes, n_steps) float64
        Of the usual numbers of a size, and one more, are at least so round.
    usual : (n_columns, n_sizes) intp
        The step that nine of ten numbers have; -1 where there are too few.
    less : (n_columns, n_sizes) float64
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
        digits = _Digits.of(numbers, decimals)
        own = cls._weighed(digits, decimals, np.ones(len(numbers)))
        if are_usual:
            return replace(own, limits=np.maximum(_SURE, _reached(own._evidence(digits))))
        share = _FIRST
        for _ in range(_ROUNDS):
            weights = expit(-logit(share) - _mean([*own._evidence(digits).T]))
            own = cls._weighed(digits, decimals, weights)
            share = float(np.clip(np.mean(1 - weights), 1 / len(numbers), _MOST_MADE_UP))
        are_few = (own._evidence(digits) >= _SURE).mean(0) <= _MOST_TOLD
        return replace(own, limits=np.where(are_few, _SURE, np.inf))

    @classmethod
    def _weighed(cls, digits: _Digits, decimals: IndexArray, weights: Float64Array) -> Self:
        """Return how round numbers are by their digits, rows counting by `weights`, (n_rows,)."""
        n_steps = len(_STEPS)
        counts = [
            np.bincount(sizes * n_steps + steps, weights, _SIZES * n_steps)
            for steps, sizes in zip(digits.steps.T, digits.sizes.T, strict=True)
        ]
        at = np.reshape(counts, (len(decimals), _SIZES, n_steps))
        at_least = np.cumsum(at[..., ::-1], axis=-1)[..., ::-1]
        n = at_least[..., 0]
        usual = (at_least >= _USUAL * n[..., None]).sum(-1) - 1
        less = n - np.take_along_axis(at_least, usual[..., None], -1)[..., 0]
        usual[n < _FEWEST] = -1
        usual[:, 0] = -1
        shares, nowhere = (at_least + 1) / (n + 1)[..., None], np.full(2, np.inf)
        return cls(decimals, shares, usual, (less + 1) / (n + 1), nowhere)

    def evidence(self, numbers: Float64Array) -> Float64Array:
        """Return how much likelier rows are if rounder, and if less round, (n_rows, 2), in nats.

        Source: Vovk and Wang, E-values: calibration, combination and applications, 2021, section
        2: a mean of likelihood ratios is 1 on average, so that few of usual rows are large.
        """
        return self._evidence(_Digits.of(numbers, self.decimals))

    def which_known(self, numbers: Float64Array) -> BoolArray:
        """Return which numbers say something, (n_rows, n_columns)."""
        which: BoolArray = self._usual_of(_Digits.of(numbers, self.decimals)) >= 0
        return which

    def which_rounder(self, numbers: Float64Array) -> BoolArray:
        """Return which numbers make a row rounder, (n_rows, n_columns)."""
        digits = _Digits.of(numbers, self.decimals)
        likeliest = np.argmax([self._rounder(digits, by) for by in _ROUNDER], axis=0)
        usual = self._usual_of(digits)
        asked = _capped(usual + np.asarray(_ROUNDER)[likeliest, None])
        which: BoolArray = (usual >= 0) & (digits.steps >= asked)
        return which

    def which_less_round(self, numbers: Float64Array) -> BoolArray:
        """Return which numbers are less round than usual, (n_rows, n_columns)."""
        digits = _Digits.of(numbers, self.decimals)
        which: BoolArray = digits.steps < self._usual_of(digits)
        return which

    def multiples(self, numbers: Float64Array) -> BoolArray:
        """Return which numbers are multiples of their column's `multiple`, (n_rows, n_columns)."""
        digits = _Digits.of(numbers, self.decimals)
        which: BoolArray = (self._usual_of(digits) >= 0) & (digits.steps >= self._of_few)
        return which

    def multiple(self, column: int) -> float:
        """Return the first step of which half of the usual numbers or fewer are multiples."""
        return float(f"{_STEPS[self._of_few[column]]}e-{self.decimals[column]}")

    @property
    def are_even(self) -> BoolArray:
        """Whether numbers of all sizes have as many decimals, (n_columns,), and there are any."""
        unlike = np.where(self.usual < 0, self._usual_step[:, None], self.usual)
        even: BoolArray = (unlike == self._usual_step[:, None]).all(1) & (self._usual_step >= 0)
        return even

    @property
    def usual_steps(self) -> Float64Array:
        """By what the numbers of each column differ, (n_columns,), where they are even."""
        steps: Float64Array = _STEPS[np.maximum(self._usual_step, 0)] / 10.0**self.decimals
        return steps

    @property
    def by_chance(self) -> Float64Array:
        """The share of multiples among numbers that were rounded as usual, (n_columns,)."""
        shares: Float64Array = _STEPS[np.maximum(self._usual_step, 0)] / _STEPS[self._of_few]
        return shares

    @property
    def _usual_step(self) -> IndexArray:
        """The largest usual step of each column; -1 where there is none."""
        largest: IndexArray = self.usual.max(1)
        return largest

    @property
    def _of_few(self) -> IndexArray:
        """The first step that half of the numbers or fewer have, of whatever size."""
        are_rarely = np.where(self.usual[..., None] >= 0, self.shares, 0.0).max(1) <= _HALF
        return _capped(np.argmax(are_rarely, axis=1))

    def _usual_of(self, digits: _Digits) -> IndexArray:
        """Return the step that is usual for each number; -1 where it says nothing."""
        return self.usual[np.arange(len(self.decimals)), digits.sizes]

    def _evidence(self, digits: _Digits) -> Float64Array:
        rounder = _mean([self._rounder(digits, by) for by in _ROUNDER])
        usual = self._usual_of(digits)
        less = self.less[np.arange(len(self.decimals)), digits.sizes]
        return np.stack([rounder, _ratio(usual, digits.steps < usual, less, max(_SPARED))], axis=1)

    def _rounder(self, digits: _Digits, by: int) -> Float64Array:
        usual = self._usual_of(digits)
        asked = _capped(usual + by)
        shares = self.shares[np.arange(len(self.decimals)), digits.sizes, asked]
        are_such = digits.steps >= asked
        return _mean([_ratio(usual, are_such, shares, spared) for spared in _SPARED])


def _capped(steps: IndexArray) -> IndexArray:
    return np.minimum(steps, len(_STEPS) - 1)


def _reached(evidence: Float64Array) -> Float64Array:
    """Return what one usual row of 200 reaches, (2,), or the first of fewer; no more rows do."""
    n_beyond = max((len(evidence) + 1) // _ONE_OF, 1)
    reached: Float64Array = np.sort(evidence, axis=0)[-n_beyond]
    are_more = (evidence >= reached).sum(0) > n_beyond
    return np.where(are_more, np.nextafter(reached, np.inf), reached)


def _ratio(
    usual: IndexArray, are_such: BoolArray, shares: Float64Array, spared: float
) -> Float64Array:
    """Return how much likelier rows are where all but a part of their numbers are such, in nats.

    `shares` are those of usual numbers that are; what has no `usual` step says nothing.
    """
    ratios = np.where(are_such, (1 - spared) / shares, 0.0) + spared
    nats: Float64Array = np.where(usual >= 0, np.log(ratios), 0.0).sum(1)
    return nats


def _mean(nats: Sequence[Float64Array]) -> Float64Array:
    """Return the mean of ratios that are given in nats, in nats."""
    mean: Float64Array = np.logaddexp.reduce(nats, axis=0) - math.log(len(nats))
    return mean
