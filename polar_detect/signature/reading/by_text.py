"""Records of something about each of some texts: texts chosen, and laid one below the other."""

from collections.abc import Sequence
from dataclasses import fields
from itertools import chain
from typing import Any, Self

import numpy as np

from polar_detect.arrays import IndexArray


class ByText:
    """A dataclass of which each field holds something of each text, in the order of the texts.

    Fields are arrays whose first axis is the texts, tuples, or such records themselves.
    """

    def rows(self, index: IndexArray | Sequence[int] | slice) -> Self:
        """Return the given texts."""
        own: Any = self
        chosen: Self = type(own)(*(_rows(getattr(own, f.name), index) for f in fields(own)))
        return chosen

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return the texts of all parts, of which there is at least one, one below the other."""
        own: Any = cls
        all_texts: Self = own(*(_below([getattr(p, f.name) for p in parts]) for f in fields(own)))
        return all_texts


def _rows(values: Any, index: IndexArray | Sequence[int] | slice) -> Any:
    if isinstance(values, ByText):
        return values.rows(index)
    if isinstance(values, tuple):
        return tuple(values[i] for i in np.arange(len(values))[index].tolist())
    return values[index]


def _below(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], ByText):
        return type(parts[0]).below(parts)
    if isinstance(parts[0], tuple):
        return tuple(chain.from_iterable(parts))
    return np.concatenate(parts)
