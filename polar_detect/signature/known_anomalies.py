"""Labelled anomalies that are kept: which of them a text is nearest to, and whether it is like it.

Hides that texts and rows are compared by how they deviate from normal ones, not by what they say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect import calibration
from polar_detect.arrays import Float32Array, Float64Array
from polar_detect.features.of_columns import COLUMN, LIKENESS, MISFILED, kind_of
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.signature.reading.by_text import ByText

if TYPE_CHECKING:  # torch takes seconds to import, and rows that no model reads do without
    from polar_detect.signature.normal.changes import Covariances

# The share of normal texts that are as near to one of them by chance, and of the labelled anomalies
# themselves that are farther from all others of their kind than a text may be.
_CHANCE, _FARTHEST = 0.05, 0.1
_NEVER, _ALWAYS = 2.0, -2.0  # beyond all similarities


@dataclass(frozen=True, slots=True)
class KnownAnomaly:
    """The labelled anomaly that a text is nearest to.

    Parameters
    ----------
    text : str
        Empty where texts are not kept.
    kind : str
        What it was, as its label says; empty where none does.
    similarity : float
        -1 to 1, which is the same deviation from normal texts.
    is_like : bool
        Whether the text is nearer than normal ones come by chance, and no farther than labelled
        anomalies of one kind are from each other. Else it is like none of them.
    place : int
        Which of those that are kept it is, from 0 on as they were given, each once.
    """

    text: str
    kind: str
    similarity: float
    is_like: bool
    place: int

    @property
    def name(self) -> str:
        """The kind, or the text where there is none."""
        return self.kind or self.text


@dataclass(frozen=True, slots=True)
class LikeCounts:
    """How many flagged texts are like labelled anomalies."""

    n_known: int  # that are kept
    n_like: int
    n_unlike: int
    kinds: tuple[tuple[str, int], ...]  # of which they are, the most frequent first


@dataclass(frozen=True)
class Labelled(ByText):
    """Labelled anomalies: texts, or rows written out.

    Parameters
    ----------
    texts : tuple of str
    kinds : tuple of str
        Of each text, empty where nothing is said.
    """

    texts: tuple[str, ...]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class Deviations(ByText):
    """How texts deviate from normal ones.

    Parameters
    ----------
    sentences : (n_texts, hidden) float32, unit length
        What their embeddings deviate by, in directions in which normal texts spread alike;
        (n_texts, 0) of rows that no model reads.
    columns : (n_texts, n_features) float32
        What the columns of rows deviate by, each in standard deviations or nats; residuals
        `_sharpened`.
    """

    sentences: Float32Array
    columns: Float32Array

    @classmethod
    def of(
        cls,
        table: FeatureTable,
        *,
        embeddings: Float32Array | None = None,
        normal: "Covariances | None" = None,
    ) -> Self:
        """Return those of texts with these signatures and embeddings; `normal` is of the latter."""
        columns = _sharpened(table.where(is_compared))
        if normal is None or embeddings is None:
            return cls(np.zeros((len(table), 0), np.float32), columns)
        whitened = normal.whitened(embeddings[:, None])[:, 0]
        lengths = np.linalg.norm(whitened, axis=1, keepdims=True)
        return cls(whitened / np.maximum(lengths, 1e-12), columns)

    def similarities(self, others: Self) -> Float64Array:
        """Return how alike texts deviate, (n_texts, n_others), from -1 to 1, the same."""
        pairs = (self.sentences, others.sentences), (self.columns, others.columns)
        parts = [_alike(own, other) for own, other in pairs if own.shape[1]]
        alike: Float64Array = np.mean(parts, axis=0)
        return alike


def is_compared(feature: Feature) -> bool:
    """Return whether a feature tells deviations: those of columns by themselves, without labels."""
    return feature.group == COLUMN and kind_of(feature) not in (LIKENESS, MISFILED)


@dataclass(frozen=True, eq=False)
class KnownAnomalies:
    """Labelled anomalies, as what new texts may be like.

    Parameters
    ----------
    labelled : Labelled
        Each text once with each kind; empty texts where they are not kept.
    deviations : Deviations
        Theirs.
    normal : Covariances, optional
        Of the embeddings of normal texts, at one depth; None where no model reads the texts.
    chance : float
        Similarity that one of twenty normal texts has to one of them.
    within : float
        Similarity that nine of ten have to the most similar other one of their kind.
    """

    labelled: Labelled
    deviations: Deviations
    normal: "Covariances | None"
    chance: float
    within: float

    def __len__(self) -> int:
        return len(self.labelled)

    def __repr__(self) -> str:
        """Return how many there are, and not what they say."""
        return f"KnownAnomalies({len(self)})"

    @classmethod
    def fit(
        cls,
        labelled: Labelled,
        deviations: Deviations,
        held_out: Deviations,
        *,
        normal: "Covariances | None" = None,
    ) -> Self | None:
        """Return them with what is near enough to one; None where nothing tells of deviations.

        Parameters
        ----------
        labelled : Labelled
        deviations : Deviations
            Theirs.
        held_out : Deviations
            Of normal texts, as if they were new.
        normal : Covariances, optional
        """
        if not len(labelled) or not sum(a.shape[1] for a in vars(deviations).values()):
            return None
        places: dict[tuple[str, str], int] = {}
        for i, pair in enumerate(zip(labelled.texts, labelled.kinds, strict=True)):
            places.setdefault(pair, i)
        once = [*places.values()]
        own, points = labelled.rows(once), deviations.rows(once)
        by_chance = held_out.similarities(points).max(1)
        return cls(
            own,
            points,
            normal,
            min(calibration.threshold(by_chance, _CHANCE), _NEVER),
            nearest_in_kind(points.similarities(points), own.kinds),
        )

    def nearest(
        self, table: FeatureTable, embeddings: Float32Array | None = None
    ) -> list[KnownAnomaly]:
        """Return the nearest to each text with these signatures and embeddings."""
        own = Deviations.of(table, embeddings=embeddings, normal=self.normal)
        alike = own.similarities(self.deviations)
        found = []
        for row in alike:
            i = int(row.argmax())
            is_like = bool(row[i] >= max(self.chance, self.within))
            own_text, kind = self.labelled.texts[i], self.labelled.kinds[i]
            found.append(KnownAnomaly(own_text, kind, float(row[i]), is_like, i))
        return found

    def counts_of(self, names: Mapping[str, int]) -> "LikeCounts":
        """Return how many flagged texts are like them, by `KnownAnomaly.name`, "" of none."""
        kinds = {*self.labelled.kinds} - {""}
        by_kind = sorted((-n, name) for name, n in names.items() if name in kinds)
        n_unlike = names.get("", 0)
        n_like = sum(names.values()) - n_unlike
        return LikeCounts(len(self), n_like, n_unlike, tuple((name, -n) for n, name in by_kind))

    def without_texts(self) -> Self | None:
        """Return those of a kind without texts; None where there is none: nothing names others."""
        named = [i for i, kind in enumerate(self.labelled.kinds) if kind]
        if not named:
            return None
        labelled, points = self.labelled.rows(named), self.deviations.rows(named)
        return replace(
            self,
            labelled=replace(labelled, texts=("",) * len(named)),
            deviations=points,
        )


def _sharpened(columns: FeatureTable) -> Float32Array:
    """Return what columns deviate by, residuals as their squares are to the largest one's.

    A column that breaks what keeps it to others leaves a residual in all of these too.
    """
    values = columns.values.copy()
    are_such = np.asarray([kind_of(own) == "residual" for own in columns.features], bool)
    residuals = values[:, are_such]
    largest = np.abs(residuals).max(1, keepdims=True, initial=1e-12)
    values[:, are_such] = residuals * np.abs(residuals) / largest
    return values


def _alike(own: Float32Array, others: Float32Array) -> Float64Array:
    """Return twice the product of deviations, by the sum of their squares.

    That is their cosine where they are equally large, and less where one of them is larger: a
    small deviation of a normal text in any direction is no fault.
    """
    a, b = own.astype(np.float64), others.astype(np.float64)
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)
    # Rounded, as the last bits of a product depend on the other rows of a batch.
    alike: Float64Array = np.round(2 * (a @ b.T) / np.maximum(squares, 1e-12), 6)
    return alike


def nearest_in_kind(alike: Float64Array, kinds: Sequence[str]) -> float:
    """Return the similarity that all but a tenth have to another of their kind."""
    said = np.asarray(kinds)
    others = np.where((said[:, None] == said) & ~np.eye(len(said), dtype=bool), alike, -np.inf)
    best = others.max(1)
    best = best[np.isfinite(best)]
    return float(np.quantile(best, _FARTHEST, method="lower")) if len(best) else _ALWAYS
