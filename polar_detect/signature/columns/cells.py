"""Cells of rows, beside what normal rows say in their own column and in others."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.signature.columns.normal_rows import CellState
from polar_detect.tables.cells.numbers import as_numbers, is_missing

if TYPE_CHECKING:
    from polar_detect.signature.columns.new_cells import KnownValues
    from polar_detect.signature.columns.numbers import NumberReference
    from polar_detect.tables.rows.parsed import ParsedRows
    from polar_detect.tables.rows.template_column import TemplateColumn

_WIDENED = 0.5  # of its width, to either side: a tenth of normal numbers lie beyond the range
_FEW = 1  # normal rows that say the same may hold the same mistake
_RARELY = 0.05  # of the normal rows are without a number where one is missed
_MOST_AT_ONCE = 1 << 23  # numbers that are compared, 64 MB


def widened(ranges: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the ends of ranges, (…, 2), beyond which hardly any normal number lies."""
    low, high = ranges[..., 0], ranges[..., 1]
    more = _WIDENED * (high - low)
    return low - more, high + more


def within(numbers: Float64Array, ranges: Float64Array) -> BoolArray:
    """Return which numbers lie in their range, (…, 2), as hardly any normal number does not."""
    low, high = widened(ranges)
    fits: BoolArray = (low <= numbers) & (numbers <= high)
    return fits


@dataclass(frozen=True, eq=False)
class Cells:
    """What rows say, each cell of which can be asked whether it would be usual in some column.

    Columns that are neither numbers nor known words are asked nothing: anything is usual there.

    Parameters
    ----------
    numbers : NumberReference
    known : KnownValues, optional
        What normal rows say in columns of words.
    rows : ParsedRows
    values : (n_rows, n_numeric) float64
        The numbers, NaN where there is none.
    ranges : (n_rows, n_numeric, 2) float64
        Where the middle 90 % of normal numbers lie, for rows of their kind.
    n_anomalous : float
        How many of the normal rows may be anomalous, and hold the same mistakes.
    """

    numbers: "NumberReference"
    known: "KnownValues | None"
    rows: "ParsedRows"
    values: Float64Array
    ranges: Float64Array
    n_anomalous: float

    @classmethod
    def of(
        cls,
        numbers: "NumberReference",
        known: "KnownValues | None",
        rows: "ParsedRows",
        contamination: float,
    ) -> Self:
        """Return the cells of rows, beside what is usual for each; see `HasColumns`."""
        ranges, n_anomalous = numbers.usual_ranges(rows), contamination * len(numbers.values)
        return cls(numbers, known, rows, rows.numbers.values, ranges, n_anomalous)

    @cached_property
    def places(self) -> IndexArray:
        """The columns of numbers, by their place among all columns, (n_numeric,)."""
        template = self.numbers.template
        own = template.places([column.name for column in template.numeric])
        return np.asarray(own, np.intp)

    @cached_property
    def are_asked(self) -> BoolArray:
        """Which of all columns are numbers or known words, (n_columns,)."""
        asked = np.zeros(len(self.rows.template.columns), bool)
        asked[self.places] = True
        if self.known is not None:
            asked[[*self.known.by_place]] = True
        return asked

    @cached_property
    def are_odd(self) -> BoolArray:
        """Which cells are strange where they stand, (n_rows, n_columns); none of what is no row."""
        rows = [i for i, own in enumerate(self.rows.cells) if own is not None]
        odd = np.zeros((len(self.rows), len(self.are_asked)), bool)
        for j in np.flatnonzero(self.are_asked).tolist():
            odd[rows, j] = ~self.usual(np.asarray(rows, np.intp), j, j)
        return odd

    @cached_property
    def expected(self) -> Float64Array:
        """Where their other numbers lead to expect the numbers of rows, (n_rows, n_numeric, 2).

        NaN for rows without a strange cell, and where there are no others.
        """
        found = np.full((*self.values.shape, 2), np.nan)
        odd = np.flatnonzero(self.are_odd.any(1))
        if len(odd):
            rows = self.rows.template.rows_of([self.said(i) for i in odd.tolist()])
            found[odd] = self.numbers.expected_ranges(rows)
        return found

    @cached_property
    def are_empty(self) -> BoolArray:
        """Which cells are empty, (n_rows, n_columns); all of what is no row."""
        may_be = np.ones((len(self.rows), len(self.are_asked)), bool)
        may_be[:, self.places] = np.isnan(self.values)
        empty = may_be.copy()
        for i, j in np.argwhere(may_be).tolist():
            cells = self.rows.cells[i]
            empty[i, j] = cells is None or is_missing(cells[j])
        return empty

    def said(self, row: int) -> list[str]:
        """Return what the cells of a row say."""
        return self.rows.cells[row] or []

    def usual(self, rows: IndexArray, at: int, to: int) -> BoolArray:
        """Return of which rows the cell in one column would be usual in another, or the same."""
        column, j = self.rows.template.columns[to], self._number_at(to)
        is_known = np.ones(len(rows), bool)
        if self.known is not None and to in self.known.by_place:
            is_known = ~self.known.are_new(to, self._as_in(column, rows, at))
        if j is None or column.is_name:
            return is_known
        values, is_usual = self._numbers(rows, at), self._within(rows, at, j)
        if column.has_codes:
            return np.where(np.isfinite(values), is_usual, is_known)
        found: BoolArray = is_usual | (~np.isfinite(values) & self._may_lack[j])
        return found

    def overlap(self, rows: IndexArray, at: int, to: int) -> Float64Array:
        """Return how many of what normal rows say in a column would be usual in another, (n_rows,).

        A share: of all numbers, of all different words; 0 between numbers and words.
        """
        known = {} if self.known is None else self.known.by_place
        if at in known and to in known:
            words = known[at] - {""}
            return np.full(len(rows), len(words & known[to]) / max(len(words), 1))
        i, j = self._number_at(at), self._number_at(to)
        if i is None or j is None:
            return np.zeros(len(rows))
        return self.shares(self.ranges[rows, j])[:, i]

    def shares(self, ranges: Float64Array) -> Float64Array:
        """Return which share of the normal numbers of each column ranges hold, (n, n_numeric)."""
        low, high = widened(ranges)
        found = np.empty((len(ranges), len(self.places)))
        for j, numbers in enumerate(self._sorted):
            n = numbers.searchsorted(high, side="right") - numbers.searchsorted(low)
            found[:, j] = n / max(len(numbers), 1)
        return found

    def are_rare(self, row: int, stood: Sequence[int], belong: Sequence[int]) -> bool:
        """Return whether hardly any normal row says about the same in some columns.

        Where the row has numbers there: nearer than what is usual is wide, where it stands or
        belongs; what is strange in the row is strange in them, and would be usual where the row's
        seems to belong. One may, and as many as may be anomalous; True of columns without numbers.
        """
        are_alike, is_asked = np.ones(len(self.numbers.values), bool), False
        for at, to in zip(stood, belong, strict=True):
            j, there = self._number_at(at), self._number_at(to)
            if j is None or self.rows.template.columns[at].is_name:
                continue
            own, normal, ranges = self.values[row, j], self.numbers.values[:, j], self.ranges[row]
            if np.isnan(own):
                continue
            is_asked = True
            near = ranges[j, 1] - ranges[j, 0]
            are_alike &= within(normal, ranges[j]) == within(own, ranges[j])
            if there is not None and there != j:
                near = np.fmax(near, ranges[there, 1] - ranges[there, 0])
                are_alike &= within(normal, ranges[there])
            are_alike &= np.abs(normal - own) <= near
        return not is_asked or int(are_alike.sum()) <= _FEW + self.n_anomalous

    @cached_property
    def _place_of(self) -> dict[int, int]:
        return {place: j for j, place in enumerate(self.places.tolist())}

    def _number_at(self, place: int) -> int | None:
        """Return which column of numbers stands there; None where it is none."""
        return self._place_of.get(place)

    @cached_property
    def _sorted(self) -> list[Float64Array]:
        return [np.sort(own[~np.isnan(own)]) for own in self.numbers.values.T]

    @cached_property
    def _may_lack(self) -> BoolArray:
        """Which columns of numbers are often empty, or say words."""
        states = self.numbers.scaled[-1].normal.states
        often: BoolArray = (states != CellState.NUMBER).mean(0) > _RARELY
        return often

    def _column(self, rows: IndexArray, at: int) -> list[str]:
        return [self.said(i)[at] for i in rows.tolist()]

    def _as_in(self, column: "TemplateColumn", rows: IndexArray, at: int) -> list[str]:
        """Return what cells say, as it is said in another column of words, or of numbers as names.

        There 40012345.00 is 40012345.
        """
        said = self._column(rows, at)
        if not column.is_name:
            return said
        numbers = self._numbers(rows, at)
        named = [f"{number:.{column.decimals or 0}f}" for number in numbers.tolist()]
        pairs = zip(said, named, np.isnan(numbers).tolist(), strict=True)
        return [cell if is_none else name for cell, name, is_none in pairs]

    def _numbers(self, rows: IndexArray, at: int) -> Float64Array:
        j = self._number_at(at)
        if j is None:
            return as_numbers(self._column(rows, at), self.rows.template.notation)
        found: Float64Array = self.values[rows, j]
        return found

    def _within(self, rows: IndexArray, at: int, j: int) -> BoolArray:
        return within(self._numbers(rows, at), self.ranges[rows, j])
