"""What is known of which normal texts hang together: those near in time, or of one lot.

Later ones come from other lots and shifts than these, and are strange beside them by as much as one
of these is beside those of other lots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.errors import InputError
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.signature.normal.row_reference import RowReference
from polar_detect.statistics.dependence import Order, correlation_within, reach_of
from polar_detect.tables.cells.numbers import MISSING
from polar_detect.tables.columns import lots, new_values

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

_MIN_MOMENTS = 5  # different ones, or they are in order by chance
_MIN_LOTS = 5  # of fewer it is a matter of luck what new ones are like
_UNNAMED = "groups"


@dataclass(frozen=True, eq=False)
class Standing:
    """Where normal texts stand.

    Parameters
    ----------
    is_in_time : bool
        Whether they are in the order of time, or in its reverse.
    lots : mapping of str to (n_texts,) str
        By the column's name, which lot each is of; "" of none.
    are_given : bool
        Whether somebody says that these lots, of one column, count.
    """

    is_in_time: bool = False
    lots: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    are_given: bool = False

    @classmethod
    def found_in(cls, frame: pd.DataFrame, *, which: BoolArray | None = None) -> Self:
        """Return what the columns of a table tell: dates, and such as are called lot or the like.

        By some of its rows, if only these are normal, of all.

        >>> frame = pd.DataFrame({"Lot": ["L1"] * 2 + ["L2"] * 2 + ["L3"], "flow": 5 * [1.5]})
        >>> {name: own.tolist() for name, own in Standing.found_in(frame).lots.items()}
        {'Lot': ['L1', 'L1', 'L2', 'L2', 'L3']}
        """
        normal = frame if which is None else frame[which]
        is_in_time = new_values.are_in_time(normal)
        names = lots.lot_columns(normal, is_in_time=is_in_time)
        return cls(is_in_time, {name: lots.named(frame[name]) for name in names})

    @classmethod
    def given(cls, groups: ArrayLike, n_texts: int) -> Self:
        """Return that of texts of which each is said to be of a group.

        Raises
        ------
        InputError
            Another number of groups than of texts, or such as hold several values.
        """
        try:
            shape = np.shape(groups)
        except ValueError as error:  # some hold more values than others
            raise InputError(
                f"Got groups of several values ({error}); expected one value for each text; pass "
                "one for each."
            ) from error
        if shape != (n_texts,):
            raise InputError(
                f"Got groups of shape {shape} for {n_texts} texts; expected one for each; pass one "
                "for each text, those labelled anomalous among them."
            )
        own = groups if isinstance(groups, pd.Series) else pd.Series(np.asarray(groups).tolist())
        name = getattr(groups, "name", None)  # polars' series have one, too, "" by default
        named = _UNNAMED if name is None else str(name) or _UNNAMED
        return cls(lots={named: lots.named(own)}, are_given=True)

    @cached_property
    def numbers(self) -> Mapping[str, IndexArray]:
        """Which lot each is of, as a number, (n_texts,); of none has one of its own."""
        return {name: lots.numbered(own) for name, own in self.lots.items()}

    def told_by(self, frame: pd.DataFrame) -> "Standing":
        """Return of which of these lots later rows are, as far as a table has their columns."""
        columns = {str(name): frame.iloc[:, j] for j, name in enumerate(frame.columns)}
        own = {name: lots.named(columns[name]) for name in self.lots if name in columns}
        return Standing(self.is_in_time, own, self.are_given)

    def rows(self, rows: NDArray[np.integer[Any]]) -> Self:
        """Return that of some of the texts, in their order."""
        own = {name: names[rows] for name, names in self.lots.items()}
        return type(self)(self.is_in_time, own, self.are_given)

    def followed_by(self, other: "Standing", n_other: int) -> Self:
        """Return that of these texts and of `n_other` later ones; lots are those told of these."""
        none = np.full(n_other, "", object)
        own = {
            name: np.append(names, other.lots.get(name, none)) for name, names in self.lots.items()
        }
        return type(self)(self.is_in_time, own, self.are_given)

    def check(self) -> None:
        """Raise `InputError` where all texts are of one group that somebody gave."""
        for name, numbers in self.numbers.items():
            if self.are_given and len(np.unique(numbers)) < 2:
                raise InputError(
                    f"Got {name!r} that says the same of all normal texts; expected two groups or "
                    "more, as each is held against the others; pass groups such as lots or days."
                )

    def order(self, n_texts: int, *points: NDArray[np.floating]) -> Order:
        """Return which texts hang together.

        Those of one group that was given; else those near in time if they are alike, by any of
        some `points`, (n_texts, n_directions); else those of one lot if they are.
        """
        if self.are_given:
            ((name, numbers),) = self.numbers.items()
            return Order(numbers, by=name)
        if self.is_in_time and (reach := max(map(reach_of, points), default=0)):
            return Order(np.arange(n_texts), reach)
        alike = {
            name: max((correlation_within(own, numbers) for own in points), default=0)
            for name, numbers in self.numbers.items()
            if len(np.unique(numbers)) >= _MIN_LOTS
        }
        most = max(alike.values(), default=0)
        if most == 0:
            return Order.unknown(n_texts)
        name = next(name for name in alike if alike[name] == most)
        return Order(self.numbers[name], by=name)


Groups = Literal["auto", "time"] | ArrayLike | Standing | None


def standing_of_rows(texts: Sequence[str], rows: "RowTemplate") -> Standing:
    """Return what columns of rows written out tell whose values are new in every new row."""
    new = [i for i, own in enumerate(rows.columns) if own.is_ever_new]
    if not new:
        return Standing()
    cells = [rows.cells(text) for text in texts]
    said = [["" if row is None or row[i] == MISSING else row[i] for i in new] for row in cells]
    names = [rows.columns[i].name for i in new]
    return Standing.found_in(pd.DataFrame(said, columns=names, dtype=object))


def is_index_in_time(index: "pd.Index[Any]") -> bool:
    """Return whether the moments that name the rows of a data frame only grow or only fall."""
    is_sorted = index.is_monotonic_increasing or index.is_monotonic_decreasing
    is_of_moments = isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex)
    return is_of_moments and is_sorted and index.nunique() >= _MIN_MOMENTS


def order_of_rows(reference: RowReference, standing: Standing) -> Order:
    """Return which rows hang together, by their numbers."""
    own = reference.numbers
    points = [] if own is None else [points_of(own, reference.texts)]
    return standing.order(reference.n_fitted, *points)


def points_of(numbers: NumberReference, texts: Sequence[str]) -> Float64Array:
    """Return the numbers of rows, each column with variance 1, (n_rows, n_columns)."""
    points = numbers.placed(texts)
    spread = points.std(0)
    scaled: Float64Array = points / np.where(spread > 0, spread, 1)
    return scaled
