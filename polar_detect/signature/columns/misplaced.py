"""Cells that stand in the wrong column: two in each other's, or several one column off."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, Self

import numpy as np

from polar_detect.arrays import BoolArray, IndexArray
from polar_detect.signature.columns.cells import Cells, within
from polar_detect.signature.columns.mistake import Mistake, MistakeKind, n_digits
from polar_detect.tables.cells.numbers import MISSING

_SPARED = 20  # of so many usual cells one is strange by chance
_MOST_SPARED = 3
_COPIED_DIGITS = 3  # say that a number repeats another one by no chance
_BY_CHANCE = 0.05  # what is strange for any reason seems to belong to another column
_TELLING, _FEWEST = 0.25, 2  # cells that are one column off are strange at least
_OFF: dict[MistakeKind, int] = {"left": 1, "right": -1}  # columns to the right cells belong


@dataclass(frozen=True, eq=False)
class _Repair:
    """What the cells of a row say where they seem to belong.

    Parameters
    ----------
    kind : {"swapped", "copied", "left", "right"}
    stood, belong : tuple of int
        The columns in which the cells stand, and those to which they belong.
    cells : list of str
    """

    kind: MistakeKind
    stood: tuple[int, ...]
    belong: tuple[int, ...]
    cells: list[str]

    @classmethod
    def one_off(cls, kind: MistakeKind, stood: range, cells: list[str]) -> Self:
        """Return the cells that stand in some columns one on, where they belong."""
        own = [MISSING if j in stood else cell for j, cell in enumerate(cells)]
        belong = tuple(j + _OFF[kind] for j in stood)
        for j, to in zip(stood, belong, strict=True):
            own[to] = cells[j]
        return cls(kind, tuple(stood), belong, own)

    @classmethod
    def swapped(cls, i: int, j: int, cells: list[str]) -> Self:
        """Return the cells of two columns in place of each other."""
        own, (i, j) = [*cells], sorted((i, j))
        own[i], own[j] = cells[j], cells[i]
        return cls("swapped", (i, j), (j, i), own)

    @classmethod
    def copied(cls, i: int, j: int, cells: list[str]) -> Self:
        """Return the cells without the first of two, which repeats the other."""
        own = [MISSING if k == i else cell for k, cell in enumerate(cells)]
        return cls("copied", (i, j), (i, j), own)


class _Pair(NamedTuple):
    """Two cells of a row, by their columns."""

    row: int
    i: int
    j: int


def misplaced(cells: Cells) -> dict[int, tuple[Mistake, ...]]:
    """Return of which rows some cells seem to stand in the wrong column, by their places.

    Every cell that is strange where it stands is usual where it seems to belong, by itself and
    beside what else the row says. () of rows of which that would be said, but normal rows have it
    just so: a sheet on its side is no sheet whose width and height were exchanged.
    """
    n_odd, n_columns = cells.are_odd.sum(1), len(cells.are_asked)
    spared = min(n_columns // _SPARED, _MOST_SPARED)
    by_chance = _BY_CHANCE / (1 + spared)  # as rows of many columns have more that is strange
    both, one = (n_odd > 1) & (n_odd <= 2 + spared), (n_odd > 0) & (n_odd <= 1 + spared)
    found: dict[int, _Repair] = {}
    for kind in _OFF:
        found |= _one_off(cells, _without(found, n_odd > 0), kind, spared)
    found |= _swapped(cells, _without(found, both), by_chance)
    found |= _copied(cells, _without(found, one), by_chance)
    found |= _swapped_with_usual(cells, _without(found, one), by_chance)
    return _confirmed(cells, found)


def _without(found: Container[int], are_asked: BoolArray) -> IndexArray:
    """Return the rows that are asked, but for those of which something is found already."""
    rows = np.flatnonzero(are_asked)
    return rows[[i not in found for i in rows.tolist()]]


def _confirmed(cells: Cells, repairs: dict[int, _Repair]) -> dict[int, tuple[Mistake, ...]]:
    """Return the mistakes of rows whose cells are usual beside each other where they belong.

    () of those that normal rows have just so; none of others. No 2.9 belongs among months.
    """
    if not repairs:
        return {}
    numbers, names = cells.numbers, cells.numbers.template.names
    repaired = numbers.template.rows_of([repair.cells for repair in repairs.values()])
    expected, values = numbers.expected_ranges(repaired), repaired.numbers.values
    measured = [j for j, column in enumerate(numbers.template.numeric) if not column.is_name]
    is_usual = within(values, expected) | np.isnan(expected).any(-1)
    is_usual &= ~numbers.are_whole | (values == np.round(values))
    is_usual |= np.isnan(values)
    found: dict[int, tuple[Mistake, ...]] = {}
    for k, (i, repair) in enumerate(repairs.items()):
        moved = [j for j in measured if cells.places[j] in repair.belong]
        if (~is_usual[k, moved]).sum() <= len(moved) // _SPARED:
            # What a number stands for that repeats another one is not known.
            filled = [j for j in moved if not np.isnan(values[k, j]) and repair.kind != "copied"]
            meant = {names[cells.places[j]]: float(values[k, j]) for j in filled}
            mistake = Mistake(repair.kind, tuple(names[j] for j in repair.stood), meant)
            found[i] = (mistake,) if cells.are_rare(i, repair.stood, repair.belong) else ()
    return found


def _one_off(cells: Cells, rows: IndexArray, kind: MistakeKind, spared: int) -> dict[int, _Repair]:
    """Return rows in which cells would be usual one column to the right, or to the left.

    Up to the first empty one, which is where the last of them belongs. A quarter of them at least
    tell so, as they are strange where they stand, or may say anything there and only a little where
    they belong; and two, that one counted if it is missed. Of a single strange one, the next column
    hardly ever says what would be usual where it stands.
    """
    off, asked, n = _OFF[kind], cells.are_asked, len(cells.are_asked)
    rows = rows[cells.are_empty[rows].any(1)]
    fits = np.zeros((len(rows), n), bool)
    for j in range(max(-off, 0), n - max(off, 0)):
        fits[:, j] = cells.usual(rows, j, j + off)
    found = {}
    for fit, i in zip(fits, rows.tolist(), strict=True):
        odd, is_empty = cells.are_odd[i], cells.are_empty[i]
        tells = (odd | (fit & ~asked & np.roll(asked, -off))) & ~is_empty
        place = _stood(tells, fit, is_empty, off)
        if place is None:
            continue
        stood, end = place
        telling = [j for j in stood if tells[j]]
        n_asked = int((asked | tells)[[*stood]].sum())
        if len(telling) + odd[end] < _FEWEST or len(telling) < _TELLING * n_asked:
            continue
        is_rest_usual = odd.sum() - odd[[*stood, end]].sum() <= spared
        row, at = np.asarray([i]), telling[0]
        is_one_enough = len(telling) > 1 or cells.overlap(row, at + off, at)[0] <= _BY_CHANCE
        if is_rest_usual and is_one_enough and odd[[*stood]].any():
            found[i] = _Repair.one_off(kind, stood, cells.said(i))
    return found


def _stood(
    tells: BoolArray, fits: BoolArray, is_empty: BoolArray, off: int
) -> tuple[range, int] | None:
    """Return the columns whose cells belong one to the right (1) or left (-1), and the empty one.

    From the farthest cell that tells so on; None where there are no such.

    Parameters
    ----------
    tells, fits, is_empty : (n_columns,) bool
        Which cells seem to belong elsewhere, would be usual one column on, and are empty.
    off : {1, -1}

    >>> tells, empty = np.array([False, True, True, False]), np.array([False, False, False, True])
    >>> _stood(tells, np.array([True, True, True, False]), empty, 1)
    (range(1, 3), 3)
    >>> _stood(tells[::-1], np.array([False, True, True, True]), empty[::-1], -1)
    (range(1, 3), 0)
    """
    n = len(tells)
    if off < 0:
        turned = _stood(tells[::-1], fits[::-1], is_empty[::-1], 1)
        if turned is None:
            return None
        own, end = turned
        return range(n - own.stop, n - own.start), n - 1 - end
    telling = np.flatnonzero(tells)
    end = first = int(telling[-1]) if len(telling) else n
    while end < n and fits[end] and not is_empty[end]:
        end += 1
    if end == n or not is_empty[end]:
        return None
    while first and fits[first - 1] and not is_empty[first - 1]:
        first -= 1
    return range(int(telling[telling >= first][0]), end), end


def _swapped(cells: Cells, rows: IndexArray, most: float) -> dict[int, _Repair]:
    """Return rows with two strange cells, each of which would be usual in place of the other.

    No other two may be so, and what the two columns say hardly ever overlaps.
    """
    rows_of: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        for pair in combinations(np.flatnonzero(cells.are_odd[row]).tolist(), 2):
            rows_of.setdefault(pair, []).append(row)
    pairs: list[_Pair] = []
    for (i, j), members in rows_of.items():
        own = np.asarray(members)
        are_such = cells.usual(own, i, j) & cells.usual(own, j, i)
        own = own[are_such]
        overlap = np.maximum(cells.overlap(own, i, j), cells.overlap(own, j, i))
        pairs += (_Pair(row, i, j) for row in own[overlap <= most].tolist())
    return {row: _Repair.swapped(i, j, cells.said(row)) for row, i, j in _only(pairs)}


def _swapped_with_usual(cells: Cells, rows: IndexArray, most: float) -> dict[int, _Repair]:
    """Return rows with a strange number and a usual one, each usual in place of the other.

    Only where numbers of the columns in which it would be usual hardly ever are in its own, or the
    other one is not what the rest of the row leads to expect.
    """
    pairs: list[_Pair] = []
    for at, own in _strange_numbers(cells, rows):
        values, ranges = cells.values[own], cells.ranges[own]
        may_stand = within(values[:, [at]], ranges)
        is_rare = (cells.shares(ranges[:, at]) * may_stand).sum(1) <= most
        is_expected = within(values, cells.expected[own])
        are_pairs = may_stand & within(values, ranges[:, [at]])
        pairs += _pairs(cells, own, at, are_pairs & (is_rare[:, None] | ~is_expected))
    return {row: _Repair.swapped(i, j, cells.said(row)) for row, i, j in _only(pairs)}


def _copied(cells: Cells, rows: IndexArray, most: float) -> dict[int, _Repair]:
    """Return rows with a strange number that repeats that of another column, to three digits.

    Where that one is usual, numbers of its column hardly ever are in the other one, and no normal
    row says the same in both.
    """
    pairs: list[_Pair] = []
    normal = cells.numbers.values
    for at, own in _strange_numbers(cells, rows):
        values, odd = cells.values[own], cells.are_odd[own][:, cells.places]
        are_pairs = (values == values[:, [at]]) & ~odd
        are_pairs &= cells.shares(cells.ranges[own, at]) <= most
        are_pairs &= (normal == normal[:, [at]]).sum(0) <= cells.n_anomalous
        are_pairs[[n_digits(number) < _COPIED_DIGITS for number in values[:, at].tolist()]] = False
        pairs += _pairs(cells, own, at, are_pairs)
    return {row: _Repair.copied(i, j, cells.said(row)) for row, i, j in _only(pairs)}


def _strange_numbers(cells: Cells, rows: IndexArray) -> Iterator[tuple[int, IndexArray]]:
    """Yield columns of numbers with those of some rows in which they are strange."""
    odd = cells.are_odd[np.ix_(rows, cells.places)]
    for at in np.flatnonzero(odd.any(0)).tolist():
        own = rows[odd[:, at]]
        yield at, own[~np.isnan(cells.values[own, at])]


def _pairs(cells: Cells, rows: IndexArray, at: int, are_pairs: BoolArray) -> list[_Pair]:
    """Return the numbers of a column with those with which they are pairs, (n_rows, n_numeric)."""
    places = cells.places.tolist()
    found = np.argwhere(are_pairs).tolist()
    return [_Pair(int(rows[k]), places[at], places[j]) for k, j in found]


def _only(pairs: Iterable[_Pair]) -> list[_Pair]:
    """Return the pairs of rows that have one alone."""
    by_row: dict[int, list[_Pair]] = {}
    for pair in pairs:
        by_row.setdefault(pair.row, []).append(pair)
    return [own[0] for own in by_row.values() if len(own) == 1]
