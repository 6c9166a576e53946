"""Named, layer-tagged feature vectors: what signatures are made of and detectors read.

Hides how columns are found: everything outside asks by feature, group or layer.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import Float32Array, IndexArray
from polar_detect.errors import ArtifactError

_ENCODER = "encoder"
# Families whose parts may end in a number, which is no layer of the language model.
_NUMBERED = {_ENCODER, "length_curve"}
_KIND_AND_NUMBER = re.compile(r"(.+)_(\d+)")


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a signature.

    Parameters
    ----------
    group : str
        The family, e.g. ``skip``, ``exit``, ``distance``, ``context``.
    part : str
        What of the family, e.g. ``""`` for a plain curve or ``knn``.
    layer : int or None
        The layer that it belongs to; None for a property of the whole text or program.
    """

    group: str
    part: str = ""
    layer: int | None = None

    @property
    def name(self) -> str:
        """Unique printed name, e.g. ``skip/L11`` or ``distance/knn/L4``."""
        pieces = [self.group, self.part, "" if self.layer is None else f"L{self.layer}"]
        return "/".join(piece for piece in pieces if piece)

    @classmethod
    def from_name(cls, name: str) -> Self:
        """Read a printed name back.

        >>> Feature.from_name("distance/knn/L4")
        Feature(group='distance', part='knn', layer=4)
        """
        group, *rest = name.split("/")
        layer = None
        if rest and rest[-1][:1] == "L" and rest[-1][1:].isdecimal():
            layer = int(rest.pop()[1:])
        return cls(group, "/".join(rest), layer)

    @classmethod
    def numbered(cls, group: str, kind: str, number: int) -> Self:
        """Return one of the features of a kind that a number tells apart, and no layer does.

        >>> Feature.numbered("length_curve", "loss", 40).name
        'length_curve/loss_40'
        """
        assert group in _NUMBERED
        return cls(group, f"{kind}_{number}")

    @classmethod
    def of_encoder(cls, kind: str, depth: int | None = None) -> Self:
        """Return a feature of the sentence encoder, at one of its own depths or layers.

        >>> Feature.of_encoder("novelty", 4).name
        'encoder/novelty_4'
        """
        return cls(_ENCODER, kind) if depth is None else cls.numbered(_ENCODER, kind, depth)

    @property
    def kind(self) -> str:
        """The part without its number, e.g. ``novelty`` of ``encoder/novelty_4``."""
        return self._kind_and_number[0]

    @property
    def number(self) -> int | None:
        """The number at the end of the part: of the encoder's features, their depth or layer.

        >>> Feature.of_encoder("novelty", 4).number, Feature("neighbours", "similarity_4").number
        (4, None)
        """
        return self._kind_and_number[1]

    @property
    def _kind_and_number(self) -> tuple[str, int | None]:
        found = _KIND_AND_NUMBER.fullmatch(self.part) if self.group in _NUMBERED else None
        return (found[1], int(found[2])) if found else (self.part, None)

    def is_of_encoder(self, *kinds: str) -> bool:
        """Return whether this is a feature of the sentence encoder, of one of these kinds."""
        return self.group == _ENCODER and self.kind in kinds


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Feature values of many texts.

    Parameters
    ----------
    values : (n_texts, n_features) float32
    features : tuple of Feature
        One per column, without repetition.
    """

    values: Float32Array
    features: tuple[Feature, ...]

    @classmethod
    def of(cls, columns: Mapping[Feature, NDArray[Any]]) -> Self:
        """Return a table of single columns, (n_texts,) each, in their order."""
        values = [np.asarray(column, np.float32) for column in columns.values()]
        return cls(np.column_stack(values), tuple(columns))

    def __post_init__(self) -> None:
        assert self.values.ndim == 2
        assert self.values.shape[1] == len(self.features)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def names(self) -> list[str]:
        """Printed names of the columns."""
        return [feature.name for feature in self.features]

    def rows(self, index: IndexArray | Sequence[int] | slice) -> Self:
        """Return the given rows."""
        return type(self)(self.values[index], self.features)

    def where(self, keep: Callable[[Feature], bool]) -> Self:
        """Return the columns whose feature satisfies `keep`."""
        return self._columns([i for i, feature in enumerate(self.features) if keep(feature)])

    def chosen(self, features: tuple[Feature, ...]) -> Self:
        """Return the columns of `features`, in that order.

        Signatures of a newer version may have more of them, or others first, than those that a
        detector was fitted on.

        Raises
        ------
        ArtifactError
            A feature is not there.
        """
        if features == self.features:
            return self
        place = {feature: i for i, feature in enumerate(self.features)}
        missing = [feature.name for feature in features if feature not in place]
        if missing:
            raise ArtifactError(
                f"Got a detector that reads {', '.join(missing[:3])}, which this version does not "
                "compute; expected features that it does; fit the detector again."
            )
        return self._columns([place[feature] for feature in features])

    def _columns(self, places: list[int]) -> Self:
        values = np.ascontiguousarray(self.values[:, places])
        return type(self)(values, tuple(self.features[i] for i in places))

    @classmethod
    def empty(cls, n_texts: int) -> Self:
        """Return a table without columns."""
        return cls(np.empty((n_texts, 0), np.float32), ())

    @classmethod
    def beside(cls, tables: Iterable[Self]) -> Self:
        """Return the tables' columns side by side; all have the same rows."""
        tables = list(tables)
        return cls(
            np.hstack([table.values for table in tables]),
            tuple(feature for table in tables for feature in table.features),
        )

    @classmethod
    def below(cls, tables: Iterable[Self]) -> Self:
        """Return the tables' rows one below the other; all have the same columns."""
        tables = list(tables)
        assert all(table.features == tables[0].features for table in tables)
        return cls(np.vstack([table.values for table in tables]), tables[0].features)

    @classmethod
    def by_group(
        cls, groups: NDArray[np.integer[Any]], table_of: Callable[[int, IndexArray], Self]
    ) -> Self:
        """Return the table of texts that are looked at group by group, in their own order.

        Parameters
        ----------
        groups : (n_texts,) int
        table_of : callable
            Group and the places of its texts → their table.
        """
        places = {int(group): np.flatnonzero(groups == group) for group in np.unique(groups)}
        tables = [table_of(group, own) for group, own in places.items()]
        return cls.below(tables).rows(np.argsort(np.concatenate([*places.values()])))


def by_layer(group: str, n_layers: int, part: str = "") -> tuple[Feature, ...]:
    """Return one feature per layer of a family.

    >>> [feature.name for feature in by_layer("skip", 2)]
    ['skip/L0', 'skip/L1']
    """
    return tuple(Feature(group, part, layer) for layer in range(n_layers))
