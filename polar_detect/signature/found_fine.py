"""Strange texts that somebody looked at and found normal: how many of them a new one is like.

Hides when three of them are near enough to say so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect import calibration
from polar_detect.arrays import Float32Array, Float64Array
from polar_detect.features.table import FeatureTable
from polar_detect.signature.known_anomalies import Deviations, KnownAnomaly, nearest_in_kind

if TYPE_CHECKING:  # torch takes seconds to import, and rows that no model reads do without
    from polar_detect.signature.normal.changes import Covariances

# Of failures of machines a third of those of a new kind is as near to one that was found fine, and
# 2 to 5 in 100 are to three of these (`experiments/found_fine.py`).
_LEAST = 3
# Of reviewed texts those count that are still strange beside all others: usual ones, which are
# reviewed where somebody corrects a whole file, say nothing of flagged ones.
_STRANGE = 0.05
_CHANCE = 0.05  # of normal texts are as near to one of them


@dataclass(frozen=True, eq=False)
class FoundFine:
    """Reviewed normal texts that are strange all the same, as what new ones may be like.

    Parameters
    ----------
    deviations : Deviations
        Theirs from other normal texts.
    normal : Covariances, optional
        Of the embeddings of normal texts, at one depth; None where no model reads the texts.
    limit : float
        Similarity from which a text is like one of them.
    """

    deviations: Deviations
    normal: "Covariances | None"
    limit: float

    def __len__(self) -> int:
        return len(self.deviations.columns)

    def __repr__(self) -> str:
        """Return how many there are."""
        return f"FoundFine({len(self)})"

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        p_values: Float64Array,
        deviations: Deviations,
        held_out: Deviations,
        *,
        normal: "Covariances | None" = None,
    ) -> Self | None:
        """Return those of reviewed normal texts that are strange, each once; None of too few.

        Parameters
        ----------
        texts : (n_texts,) sequence of str
        p_values : (n_texts,) float64
            As if they were new.
        deviations, held_out : Deviations
            Theirs, and of normal texts as if they were new.
        normal : Covariances, optional
        """
        places: dict[str, int] = {}
        for i in np.flatnonzero(p_values <= _STRANGE).tolist():
            places.setdefault(texts[i], i)
        if len(places) < _LEAST:
            return None
        own = deviations.rows([*places.values()])
        by_chance = calibration.threshold(held_out.similarities(own).max(1), _CHANCE)
        if math.isinf(by_chance):
            return None  # of fewer than 19 held-out texts nobody knows what comes by chance
        within = nearest_in_kind(own.similarities(own), [""] * len(places))
        return cls(own, normal, max(by_chance, within))

    def counts(
        self,
        table: FeatureTable,
        embeddings: Float32Array | None,
        known: Sequence[KnownAnomaly],
    ) -> list[int]:
        """Return how many of them each text is like, 0 where it says nothing: of fewer than three.

        Parameters
        ----------
        table : FeatureTable
        embeddings : (n_texts, hidden) float32, optional
        known : sequence of KnownAnomaly
            The labelled anomaly nearest to each, or nothing where there is none: a text that is
            nearer to that is like none of them.
        """
        own = Deviations.of(table, embeddings=embeddings, normal=self.normal)
        alike = own.similarities(self.deviations)
        counts = (alike >= self.limit).sum(1)
        nearest = np.asarray([one.similarity for one in known] or -np.inf)
        counts[(counts < _LEAST) | (alike.max(1) <= nearest)] = 0
        return [*map(int, counts)]
