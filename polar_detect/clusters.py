"""Which flagged texts are alike: by what the encoder reads, and by why they are flagged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, Float64Array, IndexArray
from polar_detect.explain import Explanation
from polar_detect.features.of_columns import column_feature, column_of
from polar_detect.messages.sources import Column, SharedReason
from polar_detect.report.content.reasons import OddCells
from polar_detect.signature.marks.shared_words import SharedWords
from polar_detect.statistics.clusters import clusters
from polar_detect.statistics.wordings import wordings

MOST = 5000  # flagged texts that are held against each other, the strangest: up to a GB
# What most texts have in common, as their domain, makes no two of them alike: so many directions.
_N_COMMON, _ROWS_OF_EACH = 20, 5
_WHY = 0.3  # of how alike two texts are: why they are flagged; the rest is what they say
_LEAST, _LEAST_OF_COLUMNS = 0.16, 0.85  # mean cosines within a cluster, of texts and of columns
# A column is shared that has so much of what raised the scores; a direction, by so much of it.
_SHARED, _AGREED, _N_SHARED = 0.2, 0.9, 2
_N_NEW = 2
_MAJORITY = 0.5
_BESIDE = 1.5  # times as far out beside the other columns as by itself, then it is not by itself


@dataclass(frozen=True, eq=False)
class Cluster:
    """Flagged texts that are alike.

    Parameters
    ----------
    places : (n,) intp
        In the batch, highest score first.
    central : int
        The place of the one that is most like all others.
    reasons : tuple of SharedReason
        Why, where they are rows and it is by their columns that they are alike.
    words : tuple of str
        What most of them say and hardly any other text does, where it is by what they say.
    """

    places: IndexArray
    central: int
    reasons: tuple[SharedReason, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which flagged texts are alike, the largest cluster first.

    Parameters
    ----------
    found : tuple of Cluster
    n_flagged : int
        That were held against each other, the strangest ones.
    """

    found: tuple[Cluster, ...]
    n_flagged: int

    @property
    def n_alike(self) -> int:
        """How many are in a cluster."""
        return sum(len(own.places) for own in self.found)


@dataclass(frozen=True, eq=False)
class Flagged:
    """A batch, of which some texts are flagged.

    Parameters
    ----------
    scores : (n_texts,) float64
    is_flagged : (n_texts,) bool
    explanation : Explanation
    embeddings : (n_texts, hidden) float32, unit length, or None
        None where no model reads the texts.
    odd_cells : sequence of OddCells
    texts : sequence of str
        For the words that they share, and for how lines are worded; () to do without.
    """

    scores: Float64Array
    is_flagged: BoolArray
    explanation: Explanation
    embeddings: Float32Array | None
    odd_cells: Sequence[OddCells]
    texts: Sequence[str] = ()

    def clusters(self) -> Clusters:
        """Return which of the flagged are alike, whatever the order of the texts."""
        places = self._in_order()[:MOST]
        if not len(places):
            return Clusters((), 0)
        reasons = _Reasons.of(self.explanation.rows(places))
        apart = self._apart(places, reasons)
        words = self._words(places)
        found = []
        for own in self._alike(places, apart, reasons):
            central = int(apart[np.ix_(own, own)].mean(1).argmin())
            is_by_columns = reasons.are_of_columns(own)
            odd = [self.odd_cells[i] for i in places[own].tolist()] if is_by_columns else []
            why = reasons.rows(own).shared(odd) if is_by_columns else ()
            said = () if why or words is None else words.of_some(own.tolist())
            found.append(Cluster(places[own], int(places[own[central]]), why, said))
        return Clusters(tuple(found), len(places))

    def _alike(
        self, places: IndexArray, apart: Float32Array, reasons: "_Reasons"
    ) -> list[IndexArray]:
        """Return which flagged texts are alike; lines of several wordings fall apart into these."""
        found = []
        for own in clusters(apart):
            if not self.texts or reasons.are_of_columns(own):
                found.append(own)
                continue
            parts = wordings([self.texts[i] for i in places[own].tolist()])
            found += [own[part] for part in parts]
        return sorted(found, key=lambda own: (-len(own), own[0]))

    def _in_order(self) -> IndexArray:
        """Return the places of the flagged, strangest first; equal ones by what is known of them.

        Where clusters could be joined in several ways, those that come first are.
        """
        places = np.flatnonzero(self.is_flagged & ~np.isnan(self.scores))
        known = np.hstack([self.explanation.values, self.explanation.data])[places]
        if self.embeddings is not None:
            known = np.hstack([known, self.embeddings[places]])
        order = np.lexsort([*known.T, -self.scores[places]])
        ordered: IndexArray = places[order]
        return ordered

    def _apart(self, places: IndexArray, reasons: "_Reasons") -> Float32Array:
        """Return how far flagged texts are apart; 1 is as far as those of a cluster may be."""
        share = reasons.share[:, None].astype(np.float32)
        of_columns = (share + share.T) / 2
        apart = _beyond(_cosines(reasons.signed), _LEAST_OF_COLUMNS)
        if self.embeddings is not None:
            said = _cosines(self._own(places))
            why = _unit(reasons.others)
            why -= why.mean(0)  # what all are flagged for makes no two of them alike
            apart *= of_columns
            apart += (1 - of_columns) * _beyond((1 - _WHY) * said + _WHY * (why @ why.T), _LEAST)
        np.fill_diagonal(apart, 0)
        return apart

    def _own(self, places: IndexArray) -> Float64Array:
        """Return what the embeddings of texts have that those which are not flagged have not."""
        assert self.embeddings is not None
        usual = self.embeddings[self._is_usual].astype(np.float64)
        own = self.embeddings[places].astype(np.float64)
        n_common = min(_N_COMMON, len(usual) // _ROWS_OF_EACH)
        if not n_common:
            return own
        _, directions = np.linalg.eigh(usual.T @ usual)
        common = directions[:, -n_common:]
        rest: Float64Array = own - own @ common @ common.T
        return rest

    def _words(self, places: IndexArray) -> SharedWords | None:
        if not self.texts:
            return None
        usual = np.flatnonzero(self._is_usual)
        own, others = ([self.texts[i] for i in rows.tolist()] for rows in (places, usual))
        return SharedWords.of(own, others)

    @property
    def _is_usual(self) -> BoolArray:
        usual: BoolArray = ~self.is_flagged & ~np.isnan(self.scores)
        return usual


class _Reasons(NamedTuple):
    """What raised the scores of flagged texts.

    Parameters
    ----------
    columns : tuple of str
    signed : (n, n_columns) float64
        How much each column did, negative where its number is too low.
    is_beside : (n, n_columns) bool
        Whether a number is odd beside others rather than by itself.
    has_numbers : (n_columns,) bool
    others : (n, n_features) float64
        What features that are of no column did.
    share : (n,) float64
        Of the columns in all that raised the score.
    """

    columns: tuple[str, ...]
    signed: Float64Array
    is_beside: BoolArray
    has_numbers: BoolArray
    others: Float64Array
    share: Float64Array

    @classmethod
    def of(cls, explanation: Explanation) -> "_Reasons":
        parts = {name: own.clip(0) for name, own in explanation.by_column().items()}
        values, n = dict(zip(explanation.features, explanation.data.T, strict=True)), len(parts)
        signed = np.zeros((len(explanation.values), n))
        is_beside, has_numbers = np.zeros(signed.shape, bool), np.zeros(n, bool)
        for j, (name, part) in enumerate(parts.items()):
            alone = values.get(column_feature(name, "value"))
            beside = values.get(column_feature(name, "residual"))
            signed[:, j] = part
            if alone is not None and beside is not None:
                has_numbers[j] = True
                is_beside[:, j] = np.abs(beside) > _BESIDE * np.abs(alone)
                larger = np.where(np.abs(beside) > np.abs(alone), beside, alone)
                signed[:, j] *= np.where(larger < 0, -1, 1)
        is_other = [column_of(feature) is None for feature in explanation.features]
        others = explanation.values[:, is_other]
        sums = np.column_stack([np.abs(signed).sum(1), others.clip(0).sum(1)])
        return cls(tuple(parts), signed, is_beside, has_numbers, others, _shares(sums)[:, 0])

    def are_of_columns(self, places: IndexArray) -> bool:
        """Return whether some of the texts are alike by their columns."""
        return bool(self.share[places].mean() > _MAJORITY)

    def rows(self, places: IndexArray) -> "_Reasons":
        """Return those of some of the texts."""
        return _Reasons(
            self.columns,
            self.signed[places],
            self.is_beside[places],
            self.has_numbers,
            self.others[places],
            self.share[places],
        )

    def shared(self, odd: Sequence[OddCells]) -> tuple[SharedReason, ...]:
        """Return the columns that raised the scores most, with what is odd about their cells."""
        shares = _shares(np.abs(self.signed)).mean(0)
        first, *others = np.argsort(-shares, kind="stable")[:_N_SHARED].tolist()
        places = [first, *(j for j in others if shares[j] >= _SHARED)]
        return tuple(self._of_column(j, odd) for j in places)

    def _of_column(self, j: int, odd: Sequence[OddCells]) -> SharedReason:
        name, own, most = self.columns[j], self.signed[:, j], _MAJORITY * len(odd)
        new = [cell.says for row in odd for cell in row.new if cell.column == name]
        is_new, is_empty = len(new) > most, sum(name in row.empty for row in odd) > most
        kinds = Counter(tuple(row.unlike_kind.get(name, ())) for row in odd)
        kind, n_of_kind = kinds.most_common(1)[0]
        likeliest, n_likely = Counter(row.misfiled.get(name) for row in odd).most_common(1)[0]
        expected = likeliest if n_likely > most else None
        column = Column(name, is_empty, kind if n_of_kind > most else (), expected=expected)
        if is_new:
            return SharedReason(
                column, new=tuple(says for says, _ in Counter(new).most_common(_N_NEW))
            )
        if is_empty or not self.has_numbers[j]:
            return SharedReason(column)
        up = own.clip(0).sum() / np.abs(own).sum()
        direction = 1 if up >= _AGREED else -1 if up <= 1 - _AGREED else 0
        is_beside = direction != 0 and bool(self.is_beside[:, j].mean() > _MAJORITY)
        return SharedReason(replace(column, direction=direction, is_beside_all=is_beside))


def _shares(sizes: Float64Array) -> Float64Array:
    """Return sizes as shares of their rows."""
    shares: Float64Array = sizes / np.maximum(sizes.sum(1, keepdims=True), np.finfo(float).tiny)
    return shares


def _cosines(rows: Float64Array) -> Float32Array:
    unit = _unit(rows)
    return unit @ unit.T


def _unit(rows: Float64Array) -> Float32Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float32Array = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def _beyond(cosines: Float32Array, least: float) -> Float32Array:
    """Return cosines as distances, of which 1 is that of the least."""
    apart: Float32Array = np.maximum(np.float32(1) - cosines, np.float32(0))
    return apart / np.float32(1 - least)
