"""How the scores of a long text's passages become one.

Hides how many passages are weighed against how strange one of them is.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import logsumexp

from polar_detect.arrays import Float64Array, IndexArray

_TAIL = 0.25  # of normal passages, the strangest ones
_LEAST_FALL = 1e-3  # in scores, of those beyond the tail's beginning, where they are all alike


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Scores of whole texts.

    Parameters
    ----------
    scores : (n_texts,) float64
        NaN for a text of which no passage has one.
    strangest : (n_texts,) int64
        The place of its strangest passage among all; -1 where there is none.
    """

    scores: Float64Array
    strangest: IndexArray


@dataclass(frozen=True, slots=True)
class PassageScale:
    """How scores of passages become one of the text: log(mean(exp(rate · scores))) / rate.

    Between their mean, which tells that all of a text is somewhat strange, and the highest, which
    tells that one passage is. Among many normal passages one is strange by chance; by the mean over
    them long texts score no higher than short ones.

    Parameters
    ----------
    rate : float
        Half of that at which scores of normal passages become rarer, above 0: at the whole of it,
        the mean would hang on the single highest one of all normal passages.
    """

    rate: float

    @classmethod
    def fit(cls, scores: Float64Array) -> Self:
        """Return the scale of normal passages, whose highest scores fall off exponentially.

        >>> chance = np.random.default_rng(0)
        >>> 0.9 < PassageScale.fit(chance.exponential(0.5, 2000)).rate < 1.1
        True
        """
        beginning = np.quantile(scores, 1 - _TAIL)
        beyond = scores[scores > beginning] - beginning
        fall = float(beyond.mean()) if len(beyond) else 0.0
        return cls(0.5 / max(fall, _LEAST_FALL))

    def whole(self, scores: Float64Array, owners: IndexArray, n_texts: int) -> Whole:
        """Return the scores of texts.

        Parameters
        ----------
        scores : (n_passages,) float64
            NaN for a passage without tokens.
        owners : (n_passages,) int64
            The place of the text that each is of, in order.
        n_texts : int

        >>> scores = np.array([1.0, 1.0, 0.0, 9.0, np.nan])
        >>> whole = PassageScale(1.0).whole(scores, np.array([0, 0, 1, 1, 2]), 3)
        >>> whole.scores.round(2), whole.strangest
        (array([1.  , 8.31,  nan]), array([ 0,  3, -1]))
        """
        found = Whole(np.full(n_texts, np.nan), np.full(n_texts, -1, np.int64))
        scored = np.flatnonzero(~np.isnan(scores))
        ends = np.searchsorted(owners[scored], np.arange(n_texts), side="right")
        for i, own in enumerate(np.split(scored, ends)[:n_texts]):
            if len(own):
                found.strangest[i] = own[np.argmax(scores[own])]
                mean = logsumexp(self.rate * scores[own], b=1 / len(own))
                found.scores[i] = mean / self.rate
        return found
