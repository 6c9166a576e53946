"""What training texts are held against as if they had not been seen: a reference without them."""

from dataclasses import dataclass

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray, IntArray
from polar_detect.features.table import FeatureTable
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.labelled.likeness import KeptOut, Seen
from polar_detect.signature.normal.changes import Trajectories, features_without
from polar_detect.signature.normal.geometry import Geometries
from polar_detect.signature.normal.reference import Reference
from polar_detect.signature.reading.readings import Readings
from polar_detect.statistics.dependence import Order
from polar_detect.texts.distinct import distinct_texts


@dataclass(frozen=True, eq=False)
class LeaveOneOutReference:
    """A reference that leaves out a training text itself, or its own group of texts.

    Parameters
    ----------
    readings : Readings
        Of the training texts, the first of the reference.
    reference : Reference
    groups : (n_reference,) int64
        What normal pooled states are like is fitted without the text's own group.
    order : Order
        Of the reference: a text does not meet those near it, nor is it counted with them.
    kept_out : KeptOut, optional
        How like labelled anomalies the texts are, where there are some.
    bans_group : bool
        Whether neighbours must come from other groups too, or only not be the text itself,
        wherever it occurs.
    """

    readings: Readings
    reference: Reference
    groups: IntArray
    order: Order
    kept_out: KeptOut | None = None
    bans_group: bool = False

    def banned(self, origins: IndexArray) -> BoolArray:
        """Return which texts must not be neighbours, (n_origins, n_reference).

        Where nearly all of the reference are copies of one text, it may meet its copies: too few
        others are left, and new copies of it will meet them too.
        """
        if self.bans_group:
            own_group: BoolArray = self.groups[origins][:, None] == self.groups
            return own_group
        keys = distinct_texts(self.reference.texts)[1]  # a number that only its repetitions share
        banned: BoolArray = (keys[origins][:, None] == keys) | self.order.near(origins)
        banned[~self._has_enough(banned)] = False
        return banned

    def left_out(self, origins: IndexArray) -> BoolArray:
        """Return which rows are left out where rows that say the same are counted.

        (n_origins, n_reference) bool. A row itself, but none of its copies: new copies of it will
        be counted among all of them, but for those near them.
        """
        return self.banned(origins) if self.bans_group else self.order.near(origins)

    def with_enough_others(self, origins: IndexArray) -> IndexArray:
        """Return those of the texts that may meet enough others; all of them where none may."""
        kept = origins[self._has_enough(self.banned(origins))]
        return kept if len(kept) else origins

    def _has_enough(self, banned: BoolArray) -> BoolArray:
        enough: BoolArray = (~banned).sum(1) >= self.reference.n_asked
        return enough

    def distances(self, readings: Readings, origins: IndexArray) -> FeatureTable:
        """Return what `Reference.distances` does, for texts made of the texts `origins`."""
        tables = [self.distances_without(readings, self.groups[origins])]
        if self.kept_out is not None:
            tables.append(self.kept_out.of_normal(Seen.of(readings), origins))
        return FeatureTable.beside(tables)

    def distances_without(self, readings: Readings, groups: IntArray) -> FeatureTable:
        """Return how far pooled states are from those of normal texts of other groups.

        Parameters
        ----------
        readings : Readings
        groups : (n_texts,) int64
            The one that each is of.
        """
        reference, tables = self.reference, [FeatureTable.empty(len(readings))]
        if reference.geometries is not None:
            parts = FeatureTable.by_group(
                groups,
                lambda group, part: self._geometries_without(group).distances(readings.rows(part)),
            )
            tables.append(parts)
        if reference.changes is not None:
            normal, own = map(Trajectories.of, (self.readings, readings))
            tables.append(features_without(normal, self._own_groups, own, groups))
        return FeatureTable.beside(tables)

    def labelled(self, extractor: Extractor, readings: Readings) -> FeatureTable:
        """Return signatures of the labelled anomalies, whose likeness does not see itself."""
        likeness = None if self.kept_out is None else self.kept_out.of_labelled(Seen.of(readings))
        distances = self.reference.distances(readings, likeness=likeness)
        return extractor.signatures(readings, self.reference, distances=distances)

    def _geometries_without(self, group: int) -> Geometries:
        outside = np.flatnonzero(self._own_groups != group)
        if len(outside) < 2:
            outside = np.arange(len(self.readings))
        return Geometries.fit(self.readings.rows(outside))

    @property
    def _own_groups(self) -> IntArray:
        return self.groups[: len(self.readings)]
