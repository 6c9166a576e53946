"""A menu of which a text is served what promises most, after each measurement anew.

How much programs harm goes together over texts: where one is valid, those like it often are. So
what they did to other texts says which to measure first, and each measurement what to expect of
the rest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr

from polar_detect.arrays import Float32Array, Float64Array, IntArray
from polar_detect.program import Program
from polar_detect.search.protocol import FullLoss, Log, Query, Search
from polar_detect.search.refinement import EXTRA_CALLS, Refinement, refine

_AT_ONCE = 3  # programs in a round; two or four find the same with as many calls
# Layers that a layer call must be expected to save.
_LEAST_WORTH = 1 / 80
MOST_HARM = 9.0  # nats per token; the loss of guessing is of that order
# Chosen on sixty texts of each of four kinds; half or double of any of them changes the length
# by a tenth of a layer for as many calls.
_LIKENESS_SHARE = 0.3  # of the covariance, the rest is what texts showed
_LIKE_CALLS = 8.0  # differing calls at which likeness has fallen to 1/e
_LEAST_VARIANCE = 0.005
_OWN_VARIANCE = 0.01  # of each program, beside what it shares with others
_TINY = 1e-6


@dataclass(frozen=True, eq=False, slots=True)
class Belief:
    """How much programs are expected to harm a text of which nothing has been measured yet.

    A normal distribution over the roots of harms: what skipped layers harm adds up there best
    (91 to 96 % of the variance on three kinds of texts, 86 to 91 % of that of logarithms).

    Parameters
    ----------
    programs : tuple of Program
    mean : (n_programs,)
    covariance : (n_programs, n_programs)
    n_shared : (n_programs, n_programs) int64
        First calls that two programs have in common.
    tolerance : float
        By how much a valid program may harm, nats per token.

    Source: Fusi, Sheth, Elibol, arXiv 1705.05355, for what served others as the prior of what to
    try next; Rasmussen, Williams, Gaussian Processes for Machine Learning (2006), section 2.2.
    """

    programs: tuple[Program, ...]
    mean: Float64Array
    covariance: Float64Array
    n_shared: IntArray
    tolerance: float

    @classmethod
    def learned(cls, programs: Sequence[Program], harms: Float32Array, *, tolerance: float) -> Self:
        """Return what harms of some texts let expect of others.

        Parameters
        ----------
        programs : sequence of Program
        harms : (n_texts, n_programs)
            Loss less that of the full program, nats per token.
        tolerance : float
        """
        values = _roots(harms, tolerance)
        mean = values.mean(0)
        seen = np.einsum("ti,tj->ij", values - mean, values - mean) / len(values)  # no threads
        spread = np.sqrt(np.maximum(np.diag(seen), _LEAST_VARIANCE))
        likeness = np.exp(-_differing_calls(programs) / _LIKE_CALLS) * np.outer(spread, spread)
        covariance = (1 - _LIKENESS_SHARE) * seen + _LIKENESS_SHARE * likeness
        covariance += _OWN_VARIANCE * np.eye(len(programs))
        return cls(tuple(programs), mean, covariance, _shared_calls(programs), tolerance)


def adaptive_menu(
    n_layers: int,
    *,
    tolerance: float,
    belief: Belief,
    refinement: Refinement | None = None,
    full: FullLoss | None = None,
    doubt: float | None = None,
) -> Search:
    """Measure programs as long as one is expected to save enough for its calls.

    No more is measured of what is clearly invalid by the common words alone.

    Parameters
    ----------
    n_layers : int
    tolerance : float
    belief : Belief
        Of programs other than the full one.
    refinement : Refinement, optional
        How the shortest program is shortened further. Default: not at all.
    full : FullLoss, optional
        Where it is known; then it does not run. For searches whose measure is the loss.
    doubt : float, optional
        By how much more than the limit allows a program has to raise the loss over the common words
        to be clearly invalid, nats per token. Default: that is not known.
    """
    log = Log(tolerance)
    no_ceiling = None if doubt is None else math.inf
    answer = full.answer if full else (yield Query((Program.full(n_layers),), ceiling=no_ceiling))
    log.start(answer, n_layers)
    known, room = full or FullLoss.of(answer), log.limit - log.full_loss
    ceiling = None if doubt is None else known.common + room + doubt
    posterior = _Posterior(belief, room=room)
    while picked := posterior.most_promising(len(log.shortest_valid().program)):
        programs = tuple(belief.programs[i] for i in picked)
        answer = yield Query(programs, ceiling=ceiling)
        log.meet(programs, answer.losses)
        posterior.learn(picked, known.harms(answer))
    if refinement is not None:
        yield from refine(log, refinement)
    return log.found()


class _Posterior:
    """What a belief becomes as programs are measured on a text."""

    def __init__(self, belief: Belief, *, room: float) -> None:
        self._belief = belief
        # What another criterion measures counts in rooms up to its limit, like losses do.
        self._scale = belief.tolerance / room if room > 0 else 1.0
        self._limit = float(_roots(np.asarray(belief.tolerance), belief.tolerance))
        self._lengths = np.asarray([len(program) for program in belief.programs])
        self._mean = belief.mean.copy()
        self._variance = np.diag(belief.covariance).copy()
        self._learned: list[Float64Array] = []  # whose outer products the covariance has lost
        self._is_open = np.ones(len(belief.programs), bool)

    def most_promising(self, n_calls: int) -> list[int]:
        """Return which programs to measure next, given how many calls the shortest valid one has.

        A program promises more the likelier it is valid, and the more calls it saves for each that
        measuring it takes; and less, the more a program that is already picked will tell about it.
        """
        belief, lengths = self._belief, self._lengths
        deviation = np.sqrt(self._variance)
        saved = ndtr((self._limit - self._mean) / deviation) * np.maximum(n_calls - lengths, 0)
        saved[~self._is_open] = 0
        n_shared = np.zeros_like(lengths)
        picked: list[int] = []
        while len(picked) < _AT_ONCE and len(saved):
            worth = saved / (lengths - n_shared + EXTRA_CALLS)
            best = int(worth.argmax())
            if worth[best] < _LEAST_WORTH:
                break
            picked.append(best)
            correlation = self._column(best) / (deviation * deviation[best])
            saved *= 1 - np.clip(correlation, 0, 1) ** 2  # nothing of itself
            n_shared = np.maximum(n_shared, belief.n_shared[best])
        return picked

    def learn(self, measured: Sequence[int], harms: Float32Array) -> None:
        """Take what programs harmed the text."""
        values = _roots(harms * self._scale, self._belief.tolerance)
        for i, value in zip(measured, values, strict=True):
            self._is_open[i] = False
            column = self._column(i)
            variance = max(float(self._variance[i]), _TINY)
            self._mean += column * ((value - self._mean[i]) / variance)
            self._learned.append(column / np.sqrt(variance))
            self._variance = np.maximum(self._variance - self._learned[-1] ** 2, _TINY)

    def _column(self, i: int) -> Float64Array:
        """Return the covariance of every program with one."""
        column: Float64Array = self._belief.covariance[i].copy()
        for own in self._learned:
            column -= own * own[i]
        return column


def _roots(harms: Float32Array, tolerance: float) -> Float64Array:
    capped = np.clip(np.nan_to_num(harms, nan=MOST_HARM), 0, MOST_HARM)
    roots: Float64Array = np.sqrt(capped.astype(float) + tolerance / 2)
    return roots


def _differing_calls(programs: Sequence[Program]) -> Float64Array:
    """Return how many calls of layers two programs do not share, (n_programs, n_programs)."""
    n_layers = 1 + max((max(program, default=0) for program in programs), default=0)
    calls = np.asarray([program.counts(n_layers) for program in programs], float)
    calls = calls.reshape(len(programs), n_layers)
    differing: Float64Array = np.abs(calls[:, None] - calls[None]).sum(-1)
    return differing


def _shared_calls(programs: Sequence[Program]) -> IntArray:
    """Return how many first calls two programs share, (n_programs, n_programs)."""
    lengths = np.asarray([len(program) for program in programs], np.int64)
    layers = np.full((len(programs), lengths.max(initial=0)), -1)
    for row, program in zip(layers, programs, strict=True):
        row[: len(program)] = program.layers
    is_shared = np.logical_and.accumulate(layers[:, None] == layers[None], axis=2)
    n_shared: IntArray = np.minimum(is_shared.sum(2), lengths)
    return n_shared
