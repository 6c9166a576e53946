"""Whether new scores go on as the held-out ones, looked at after each of them for ever.

Hides the ranks of scores among all before them, the bets on these, and since when they pay.
"""

import bisect
import math
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import rel_entr

from polar_detect.arrays import Float64Array

LEVEL = 0.01  # of all streams without a change, however long, so many are ever said to have changed
LEAST = 10  # scores: fewer never tell a change, were each higher than all before it
_STEEP = (0.5, 1.6)  # bets on ranks pay 1 ± half of this at the ends
_TAIL, _TAIL_PAYS = 0.05, 3.0  # a bet on highest scores: this share of them pays so much
_HAZARDS = (1 / 30, 1 / 300, 1 / 3000)  # chances that a change begins at a row
_MAX_BAG = 10_000  # scores in memory, and ranks


@dataclass(frozen=True, slots=True)
class Course:
    """What a test of exchangeability says after some scores.

    Parameters
    ----------
    n : int
        New scores so far.
    evidence : float
        Natural logarithm of what bets against exchangeability have made of a stake of 1.
    highest : float
        The highest evidence so far. Of all streams without a change one in exp(highest) gets there.
    since : int or None
        The new score, from 0, with which the change seems to begin, as it was when evidence was
        highest: later on the changed scores are the usual ones. None where there is no change.
    superiority : float
        Chance that one from there on was higher than those before it; NaN where there is none.
    """

    n: int = 0
    evidence: float = 0.0
    highest: float = 0.0
    since: int | None = None
    superiority: float = math.nan

    @property
    def p_value(self) -> float:
        """Chance of ever having so much evidence without a change."""
        return max(math.exp(-self.highest), sys.float_info.min)  # which is never nought

    @property
    def is_changed(self) -> bool:
        """Whether there has ever been evidence of a change at `LEVEL`."""
        return self.highest >= -math.log(LEVEL)


class ExchangeabilityTest:
    """A test martingale: its capital grows where new scores are not as those before them.

    Each new score is ranked among the held-out ones and all new ones before it, ties by lot, which
    makes ranks independent and uniform as long as the scores are exchangeable. P-values against
    held-out scores alone are not: they depend on which these are, and of ten thousand rows any
    hundred held-out ones look different. Capital bets that ranks are high, low, or among the
    highest more often than one in twenty; a share of it is put into that with each score, as
    a change may begin with any. No single score more than triples it.

    Parameters
    ----------
    held_out : iterable of float
        Finite; scores higher for more anomalous.
    seed : int
        For ties, which do not depend on how scores come together in batches.

    Source: Vovk, Nouretdinov and Gammerman, Testing exchangeability on-line, 2003; Volkhonskiy et
    al., Inductive conformal martingales for change-point detection, 2017; Ville's inequality.

    >>> chance = np.random.default_rng(0)
    >>> test = ExchangeabilityTest(chance.normal(size=99))
    >>> test.extend(chance.normal(size=300)).is_changed
    False
    >>> course = test.extend(chance.normal(1, size=60))
    >>> course.is_changed, 290 < course.since < 310
    (True, True)
    """

    def __init__(self, held_out: Iterable[float], *, seed: int = 0) -> None:
        self._bag = sorted(held_out)
        self._chance = np.random.default_rng(seed)
        self._hazards = np.asarray(_HAZARDS)
        # Shares of the capital, by how early it is put into bets: what has not been yet, and what
        # each bet holds.
        self._kept = np.full(len(_HAZARDS), 1 / len(_HAZARDS))
        self._placed = np.zeros((len(_HAZARDS), _n_bets()))
        self._ranks: deque[float] = deque(maxlen=_MAX_BAG)
        self.course = Course()

    def add(self, score: float) -> Course:
        """Bet on the rank of one more finite score, and let it join those before."""
        rank = self._rank(score)
        pays = _pays(rank)
        moved = self._kept * self._hazards
        self._kept = self._kept - moved
        self._placed = (self._placed + moved[:, None] / len(pays)) * pays
        capital = float(self._kept.sum() + self._placed.sum())
        self._kept, self._placed = self._kept / capital, self._placed / capital  # or they overflow
        self._ranks.append(rank)
        evidence = self.course.evidence + math.log(capital)
        own = replace(self.course, n=self.course.n + 1, evidence=evidence)
        if evidence > own.highest:
            own = replace(own, highest=evidence)
            if own.is_changed:
                ranks = np.asarray(self._ranks)
                n_since = len(ranks) - _begins(ranks)
                superiority = float(ranks[-n_since:].mean())
                own = replace(own, since=own.n - n_since, superiority=superiority)
        self.course = own
        return own

    def extend(self, scores: Iterable[float]) -> Course:
        """Add scores in their order, and return the course then."""
        for score in scores:
            self.add(score)
        return self.course

    def _rank(self, score: float) -> float:
        """Return the share of scores up to now that are lower, ties by lot; the score joins them.

        Where the bag is full any of them may go, the new one too: what is left is exchangeable.
        """
        bag = self._bag
        low, high = bisect.bisect_left(bag, score), bisect.bisect_right(bag, score)
        rank = (low + float(self._chance.random()) * (high - low + 1)) / (len(bag) + 1)
        bag.insert(high, score)
        if len(bag) > _MAX_BAG:
            del bag[int(self._chance.integers(len(bag)))]
        return rank


def _begins(ranks: Float64Array) -> int:
    """Return where ranks cease to be uniform: the most likely place, known what they were before.

    By their mean, or by how many are among the highest, whichever differs more from there on.
    """
    n = np.arange(len(ranks), 0, -1)
    means, shares = (
        own[::-1].cumsum()[::-1] / n for own in (ranks - 0.5, np.asarray(ranks > 1 - _TAIL))
    )
    divergence = rel_entr(shares, _TAIL) + rel_entr(1 - shares, 1 - _TAIL)
    return int((n * np.maximum(6 * means**2, divergence)).argmax())


def _n_bets() -> int:
    return 2 * len(_STEEP) + 1


def _pays(rank: float) -> Float64Array:
    """Return what each bet makes of a stake of 1: in the mean over uniform ranks as much."""
    slopes = np.asarray(_STEEP) * (rank - 0.5)
    others = (1 - _TAIL * _TAIL_PAYS) / (1 - _TAIL)
    tail = _TAIL_PAYS if rank > 1 - _TAIL else others
    return np.concatenate([1 + slopes, 1 - slopes, [tail]])
