"""Between which numbers normal rows lie, and in which columns most rows of a batch do not."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.signature.columns.new_cells import are_most
from polar_detect.signature.columns.numbers import NumberReference


@dataclass(frozen=True, eq=False)
class Reach:
    """Between which numbers all normal rows lie.

    Parameters
    ----------
    numbers : NumberReference
        Of these rows.
    low, high : (n_columns,) float64
        Of the columns of numbers, as they would be under the usual conditions, and behind them of
        the conditions; NaN where there is no number.
    """

    numbers: NumberReference
    low: Float64Array
    high: Float64Array

    @classmethod
    def of(cls, numbers: NumberReference, texts: Sequence[str]) -> Self:
        """Return that of normal rows."""
        values = numbers.beside_conditions(texts)
        return cls(numbers, np.fmin.reduce(values), np.fmax.reduce(values))

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        template = self.numbers.template
        return [own.name for own in (*template.numeric, *template.conditions)]

    def are_beyond(self, texts: Sequence[str]) -> BoolArray:
        """Return in which columns rows lie elsewhere, (n_rows, n_columns)."""
        values = self.numbers.beside_conditions(texts)
        beyond: BoolArray = (values < self.low) | (values > self.high)
        return beyond


@dataclass(frozen=True, slots=True)
class Beyond:
    """Columns of numbers in which most rows of a batch lie where no normal row does."""

    columns: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()  # which say under what conditions rows were made
    named: tuple[str, ...] = ()  # all that do so already, words among them


NOWHERE = Beyond()


class BeyondReach:
    """Counts rows of a batch that lie where no normal row does, as all do where a season is new.

    Parameters
    ----------
    reach : Reach, optional
        None where models read the rows, or nothing is held against numbers.
    """

    def __init__(self, reach: Reach | None) -> None:
        self._reach = reach
        self._n_rows = 0
        self._counts = np.zeros(0 if reach is None else len(reach.names))

    def add(self, texts: Sequence[str], misplaced: Sequence[AbstractSet[str]]) -> None:
        """Count some more rows; empty ones are none.

        In the columns in which cells are `misplaced` a row does not count as lying there.
        """
        filled = [(text, own) for text, own in zip(texts, misplaced, strict=True) if text.strip()]
        if self._reach is None or not filled:
            return
        self._n_rows += len(filled)
        names, beyond = self._reach.names, self._reach.are_beyond([text for text, _ in filled])
        for i, (_, moved) in enumerate(filled):
            if moved:
                beyond[i, [name in moved for name in names]] = False
        self._counts += beyond.sum(0)

    @property
    def mostly(self) -> Beyond:
        """In which columns most rows lie where no normal row does, if these are many."""
        if self._reach is None:
            return NOWHERE
        pairs = zip(self._reach.names, self._counts.tolist(), strict=True)
        names = [name for name, n in pairs if are_most(n, self._n_rows)]
        conditions = {own.name for own in self._reach.numbers.template.conditions}
        return Beyond(
            tuple(name for name in names if name not in conditions),
            tuple(name for name in names if name in conditions),
            tuple(self._reach.numbers.template.conditions_by_name),
        )
