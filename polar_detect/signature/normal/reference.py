"""The normal training texts as what a new text is held against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array
from polar_detect.features.of_sequences import OddEntry
from polar_detect.features.table import Feature, FeatureTable
from polar_detect.signature.columns.categories import CategoryReference
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.signature.columns.reference import HasColumns
from polar_detect.signature.labelled.likeness import Likeness, Seen
from polar_detect.signature.normal.changes import Changes, Trajectories
from polar_detect.signature.normal.filing import Filing
from polar_detect.signature.normal.geometry import Geometries
from polar_detect.signature.normal.neighbours import (
    Neighbours,
    cosines_of,
    crowding_of,
    local_similarity,
    nearest,
)
from polar_detect.signature.normal.sequences import Sequences
from polar_detect.signature.normal.token_index import Novelty, TokenIndex
from polar_detect.signature.reading.readings import Readings
from polar_detect.statistics.shares import count_of
from polar_detect.texts.distinct import first_places
from polar_detect.texts.moments import as_read
from polar_detect.texts.visible import as_seen, plainly_spaced, without_unseen

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

N_NEIGHBOURS = 5
_FAR_SHARE = 0.04  # of the normal texts: the wider of the two scales that new texts are seen at


def _with_widths_as_they_are(texts: Sequence[str]) -> list[str]:
    return [plainly_spaced(without_unseen(text)).rstrip() for text in texts]


def _with_spaces_as_they_are(texts: Sequence[str]) -> list[str]:
    return [without_unseen(text).rstrip() for text in texts]


def _without_blanks_behind(texts: Sequence[str]) -> list[str]:
    return [text.rstrip() for text in texts]


# How texts were read, last of all first; version 0.1 read them as they are.
_READINGS = (
    as_read,
    as_seen,
    _with_widths_as_they_are,
    _with_spaces_as_they_are,
    _without_blanks_behind,
    list[str],
)


@dataclass(frozen=True, eq=False)
class Reference(HasColumns):
    """Normal training texts that new texts are held against.

    Parameters
    ----------
    texts : tuple of str
        Empty where they are not kept.
    embeddings : (n_texts, encoder hidden) float32, unit length
    tokens, encoder_tokens : TokenIndex
        Of the language model and of the encoder.
    changes : Changes, optional
        None where some of the texts may be anomalous: a few that are alike make what they change
        usual, and a covariance cannot pass over them. None in detectors of version 0.1 too.
    geometries : Geometries, optional
        None where the detector does not read them.
    numbers : NumberReference, optional
        The numbers of rows that were written out as texts; None where there are none.
    categories : CategoryReference, optional
        The categories of such rows; None where there are none.
    n_joined : int
        So many of the texts, the last, are held-out ones that joined as neighbours; all else was
        fitted on the others.
    contamination : float
        The share of the texts that may be anomalous. A new text, each of its tokens, and the
        numbers of a row pass over so many of the texts that are nearest to them.
    n_indexed : int
        So many of the texts that it was fitted on have their tokens among the encoder's.
    likeness : Likeness, optional
        What labelled anomalies are like; None where there were none, or too few.
    crowding : (n_texts,) float32, optional
        How close each text stands to those that it was fitted on; None in detectors that an
        earlier version saved.
    filing : Filing, optional
        How the free text of rows and their categories go together; None where rows lack one of
        these or are not kept, and in detectors that an earlier version saved.
    sequences : Sequences, optional
        What follows what in the texts, and how often; None where they are no sequences of entries
        that come again or are not kept, and in detectors that an earlier version saved.
    """

    texts: tuple[str, ...]
    embeddings: Float32Array
    tokens: TokenIndex
    encoder_tokens: TokenIndex
    changes: Changes | None = None
    geometries: Geometries | None = None
    numbers: NumberReference | None = None
    categories: CategoryReference | None = None
    n_joined: int = 0
    contamination: float = 0
    n_indexed: int = 0
    likeness: Likeness | None = None
    crowding: Float32Array | None = None
    filing: Filing | None = None
    sequences: Sequences | None = None

    def __len__(self) -> int:
        return len(self.embeddings)

    def __repr__(self) -> str:
        """Return how many texts there are, and not what they say."""
        return f"Reference({len(self)} texts)"

    @property
    def n_fitted(self) -> int:
        """Texts that the reference was fitted on."""
        return len(self) - self.n_joined

    @property
    def n_asked(self) -> int:
        """Texts that a text passes over or asks, and so has to be allowed to meet."""
        return self._n_skipped + _n_far(self.n_fitted)

    @property
    def _n_skipped(self) -> int:
        return count_of(self.contamination, len(self))

    @classmethod
    def fit(
        cls,
        readings: Readings,
        *,
        has_geometries: bool = True,
        is_shuffled: bool = False,
        rows: "RowTemplate | None" = None,
        contamination: float = 0,
        likeness: Likeness | None = None,
    ) -> Self:
        """Keep texts, embeddings and tokens; fit what they are compared by.

        Where `is_shuffled`, tokens are kept in another order than that of the texts.
        """
        encoder_tokens = TokenIndex.fit(readings.encoding.tokens, is_shuffled=is_shuffled)
        fitted = readings.texts, readings.embeddings
        return cls(
            readings.texts,
            readings.embeddings,
            TokenIndex.fit(readings.traces.tokens, is_shuffled=is_shuffled),
            encoder_tokens,
            None if contamination else Changes.fit(Trajectories.of(readings)),
            Geometries.fit(readings) if has_geometries else None,
            None if rows is None else NumberReference.fit(rows, readings.texts),
            None if rows is None else CategoryReference.fit(rows, readings.texts),
            contamination=contamination,
            n_indexed=len(np.unique(encoder_tokens.owners)),
            likeness=likeness,
            crowding=crowding_of(*fitted, *fitted, k=N_NEIGHBOURS),
        )

    def widened(self, readings: Readings) -> Self:
        """Return the same reference with more normal texts as neighbours.

        By that a text can only become more similar, and its words less novel. All else is
        compared with what it was fitted on.
        """
        assert self.crowding is not None
        fitted = self.texts[: self.n_fitted], self.embeddings[: self.n_fitted]
        joined = crowding_of(readings.texts, readings.embeddings, *fitted, k=N_NEIGHBOURS)
        return replace(
            self,
            texts=(*self.texts, *readings.texts),
            embeddings=np.concatenate([self.embeddings, readings.embeddings]),
            encoder_tokens=self.encoder_tokens.widened(
                readings.encoding.tokens, first_owner=len(self)
            ),
            n_joined=self.n_joined + len(readings),
            crowding=np.concatenate([self.crowding, joined]),
        )

    def distances(
        self, readings: Readings, *, likeness: FeatureTable | None = None
    ) -> FeatureTable:
        """Return how far the pooled states of texts are from those of normal texts.

        And how like labelled anomalies they are, where there are some: by `likeness`, if given.
        """
        tables = [FeatureTable.empty(len(readings))]
        if self.geometries is not None:
            tables.append(self.geometries.distances(readings))
        if self.changes is not None:
            tables.append(self.changes.features(Trajectories.of(readings)))
        if self.likeness is not None and likeness is None:
            likeness = self.likeness.features(Seen.of(readings))
        if likeness is not None:
            tables.append(likeness)
        return FeatureTable.beside(tables)

    def of_sequences(
        self, texts: Sequence[str], *, left_out: BoolArray | None = None
    ) -> list[FeatureTable]:
        """Return how odd the entries of texts are; nothing where texts are no sequences.

        `left_out` as in `Sequences.features`.
        """
        if self.sequences is None:
            return []
        n_skipped = self._n_skipped_sequences
        return [self.sequences.features(texts, left_out=left_out, n_skipped=n_skipped)]

    def odd_entry(self, text: str, attribution: Mapping[Feature, float]) -> OddEntry | None:
        """Return the entry that raised the score of a text, as `Sequences.odd` does."""
        if self.sequences is None:
            return None
        return self.sequences.odd(text, attribution, self._n_skipped_sequences)

    @property
    def _n_skipped_sequences(self) -> int:
        return count_of(self.contamination, self.n_fitted)

    def without_layouts(self) -> Self:
        """Return the same reference without what comparing tokens has laid out in memory."""
        return replace(
            self,
            tokens=self.tokens.without_layouts(),
            encoder_tokens=self.encoder_tokens.without_layouts(),
        )

    def without_texts(self) -> Self:
        """Return the same reference without the texts, and without what tells tokens by text."""
        return replace(
            self,
            texts=(),
            tokens=self.tokens.without_owners(),
            encoder_tokens=self.encoder_tokens.without_owners(),
        )

    def as_read(self, texts: Sequence[str]) -> list[str]:
        """Return texts as those were read that it was fitted on; see `moments.as_read`.

        Earlier versions took less away, which shows in the texts that they kept.
        """
        return self._reading(texts)

    @cached_property
    def _reading(self) -> Callable[[Sequence[str]], list[str]]:
        kept = [*self.texts]
        return next(read for read in _READINGS if read(kept) == kept)

    def nearest_texts(self, embeddings: Float32Array) -> list[tuple[str, ...]]:
        """Return the nearest training texts of each embedding; none where they are not kept.

        Each once, however often it is among them.
        """
        if not self.texts:
            return [()] * len(embeddings)
        distinct, unique = self._distinct
        index = nearest(embeddings, unique, k=N_NEIGHBOURS).index
        return [tuple(distinct[i] for i in row) for row in index.tolist()]

    @cached_property
    def _distinct(self) -> tuple[list[str], Float32Array]:
        """Each text once, and their embeddings; asked for with every batch."""
        distinct, first = first_places(self.texts)
        if len(distinct) == len(self.texts):
            return distinct, self.embeddings
        return distinct, self.embeddings[first]

    def neighbours(
        self, embeddings: Float32Array, *, banned: BoolArray | None = None
    ) -> tuple[Neighbours, Float32Array | None]:
        """Return the nearest training texts that each embedding may meet, and `local_similarity`.

        Near and far ones; the latter None in detectors that an earlier version saved.
        """
        n_skipped = self._n_skipped
        cosines = cosines_of(embeddings, self.embeddings, banned=banned)
        found = Neighbours.of(cosines, k=_n_far(self.n_fitted), n_skipped=n_skipped)
        if self.crowding is None:
            return found, None
        local = local_similarity(cosines, self.crowding, k=N_NEIGHBOURS, n_skipped=n_skipped)
        return found, local

    def novelty(
        self, readings: Readings, *, banned: BoolArray | None = None
    ) -> tuple[Novelty, Novelty]:
        """Return how novel the tokens of texts are, to the language model and to the encoder."""
        skipped = self.contamination
        decoder = self.tokens.novelty(readings.traces.tokens, banned=banned, skipped=skipped)
        encoder = self.encoder_tokens.novelty(
            readings.encoding.tokens, banned=banned, skipped=skipped, n_far=_n_far(self.n_indexed)
        )
        return decoder, encoder


def _n_far(n_texts: int) -> int:
    """Return how many of so many normal texts are asked at the wider scale."""
    return max(N_NEIGHBOURS, round(_FAR_SHARE * n_texts))
