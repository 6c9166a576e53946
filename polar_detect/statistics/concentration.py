"""Where flagged rows are: which values of which columns have more of them than chance gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.stats

from polar_detect.arrays import BoolArray, Float64Array, IndexArray

LEVEL = 0.01  # at which one of all values of all columns is said to have more by chance
_MOST = 5  # concentrations: who reads on?
_MIN_FLAGGED = 3  # of a value: two of two are an anecdote
_SAME = 0.9  # of the rows of either of two groups are those of both


class Grouping(NamedTuple):
    """The groups that a column makes of rows.

    Parameters
    ----------
    places : (n_rows,) intp
        Of which group each row is, as a place in `says`.
    says : tuple of str
        What the cells of each group say, as it is written at first; "" where they are empty.
    """

    places: IndexArray
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that say the same in a column."""

    column: str
    says: str


@dataclass(frozen=True, slots=True)
class Concentration:
    """A group of which more rows are flagged than of all others.

    Rows of earlier concentrations are no part of either.

    Parameters
    ----------
    group : Group
    n_rows, n_flagged : int
        Rows of the group, and how many of these are flagged.
    n_others, n_flagged_others : int
        The same of all other rows.
    p_value : float
        Chance of so many flagged rows or more in any group of any column, were they drawn from all
        of these rows.
    same : tuple of Group
        Groups of other columns that are of (nearly) the same rows, as of a machine and its hall.
    """

    group: Group
    n_rows: int
    n_flagged: int
    n_others: int
    n_flagged_others: int
    p_value: float
    same: tuple[Group, ...] = ()


def concentrations(
    groupings: Mapping[str, Grouping], is_flagged: BoolArray
) -> tuple[Concentration, ...]:
    """Return where flagged rows are, the surest first; at most five.

    Each is looked for among the rows that no earlier one holds: of a machine all of whose flagged
    rows are of one lot only the lot is told. The hypergeometric test counts each row by itself, so
    of rows that hang together it tells where they are, not that there is a cause.

    Parameters
    ----------
    groupings : mapping of str to Grouping
        By names of columns.
    is_flagged : (n_rows,) bool

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979, whose first step
    (Bonferroni's) is taken for each, as what is tested changes.

    >>> flags = np.array([True] * 6 + [False] * 34)
    >>> press = Grouping(np.repeat([0, 1, 2], [8, 12, 20]), ("P1", "P2", "P3"))
    >>> shift = Grouping(np.tile([0, 1], 20), ("early", "late"))
    >>> (found,) = concentrations({"Press": press, "Shift": shift}, flags)
    >>> found.group, found.n_flagged, found.n_rows, found.n_flagged_others
    (Group(column='Press', says='P1'), 6, 8, 0)
    """
    left, found = np.ones(len(is_flagged), bool), list[Concentration]()
    n_asked = sum(len(own.says) for own in groupings.values())
    while len(found) < _MOST:
        tested = (_strongest(name, own, is_flagged, left) for name, own in groupings.items())
        best = min(tested, key=lambda own: (own.p_value, -own.n_flagged), default=_NONE)
        p_value = best.p_value * n_asked
        if p_value > LEVEL:
            break
        found.append(_concentration(best, p_value, groupings, is_flagged, left))
        left &= groupings[best.column].places != best.place
    return tuple(found)


class _Tested(NamedTuple):
    column: str
    place: int
    n_flagged: int
    p_value: float


_NONE = _Tested("", -1, 0, np.inf)


def _strongest(name: str, grouping: Grouping, is_flagged: BoolArray, left: BoolArray) -> _Tested:
    """Return the group of a column that is least likely to hold so many flagged rows."""
    places, flags, n_groups = grouping.places[left], is_flagged[left], len(grouping.says)
    n_rows = np.bincount(places, minlength=n_groups)
    n_flagged = np.bincount(places[flags], minlength=n_groups)
    asked = np.flatnonzero(n_flagged >= _MIN_FLAGGED)
    if not len(asked):
        return _NONE
    p_values: Float64Array = scipy.stats.hypergeom.sf(
        n_flagged[asked] - 1, len(places), n_rows[asked], int(flags.sum())
    )
    least = int(np.lexsort((-n_flagged[asked], p_values))[0])  # several may be 0
    place = int(asked[least])
    return _Tested(name, place, int(n_flagged[place]), float(p_values[least]))


def _concentration(
    best: _Tested,
    p_value: float,
    groupings: Mapping[str, Grouping],
    is_flagged: BoolArray,
    left: BoolArray,
) -> Concentration:
    rows = groupings[best.column].places == best.place
    same = []
    for name, own in groupings.items():
        place = int(np.bincount(own.places[rows]).argmax())
        n_both = int((own.places[rows] == place).sum())
        if name != best.column and n_both >= _SAME * max(rows.sum(), (own.places == place).sum()):
            same.append(Group(name, own.says[place]))
    n_rows = int((rows & left).sum())
    return Concentration(
        group=Group(best.column, groupings[best.column].says[best.place]),
        n_rows=n_rows,
        n_flagged=best.n_flagged,
        n_others=int(left.sum()) - n_rows,
        n_flagged_others=int(is_flagged[left].sum()) - best.n_flagged,
        p_value=p_value,
        same=tuple(same),
    )
