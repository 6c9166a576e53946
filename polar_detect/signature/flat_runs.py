"""Numbers that stay the same over more rows than chance makes them: stuck sensors, filled cells.

Each of them is usual, so that no score sees it; what tells is that they follow one another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.signature.run_groups import RunGroups, are_explained, keys_of
from polar_detect.statistics.runs import KeptRuns, Runs
from polar_detect.statistics.variety import vary_freely

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

_BY_CHANCE = 1e-3  # such runs that chance makes in a batch, in all columns together
_SHORTEST = 5  # rows
_TIMES = 2  # as long as any other one
_MOST = 5  # runs of a column that others are held against; more are how it behaves
_FEWEST = 20  # numbers of a batch say how long runs are there, or that it says nothing else
_ODD = 2  # rows within others that stay the same may say something else
_FEW_OF = 2  # rows have each number of set points, or more
_FEWEST_DIFFERENT = 30  # numbers, or they are settings, grades or nominal sizes


@dataclass(frozen=True, slots=True)
class FlatRun:
    """Rows that follow one another in which numbers stay the same.

    Parameters
    ----------
    first, last : int
        By their places.
    n_rows : int
        How many of them have a number.
    columns : tuple of str
    numbers : tuple of float
        What each column says there.
    longest : int
        Rows of the longest run that it was held against, in normal rows or in the same batch: not
        of numbers at which a column rests, nor of another one that is told.
    """

    first: int
    last: int
    n_rows: int
    columns: tuple[str, ...]
    numbers: tuple[float, ...]
    longest: int


@dataclass(frozen=True, eq=False)
class UsualRuns:
    """How long numbers stay the same in normal rows.

    Parameters
    ----------
    template : RowTemplate
        Of these rows.
    runs : tuple of Runs, n_columns long
        Of each column of numbers that are no names; none in what is held against itself alone.
    groups : RunGroups, optional
        What words tell of these numbers; None in what is held against itself alone.
    """

    template: "RowTemplate"
    runs: tuple[Runs, ...]
    groups: RunGroups | None = None

    @classmethod
    def of(cls, template: "RowTemplate | None", texts: Sequence[str]) -> Self | None:
        """Return those of rows in their order; None without numbers, or where none are kept."""
        if template is None or not template.tells_flat_runs or not texts:
            return None
        rows = template.read(texts)
        numbers, groups = _numbers(template, rows), RunGroups(template, keys_of(template))
        groups.add(rows, numbers)
        return cls(template, tuple(map(Runs.of, numbers.T)), groups)

    @classmethod
    def unknown(cls, template: "RowTemplate | None") -> Self | None:
        """Return that of no rows: a batch is held against itself."""
        if template is None or not template.tells_flat_runs:
            return None
        return cls(template, (Runs.of(np.empty(0)),) * len(template.followed))

    @property
    def of_batch(self) -> RunGroups:
        """What follows the words of a batch: those that tell, or that may."""
        keys = keys_of(self.template) if self.groups is None else self.groups.telling
        return RunGroups(self.template, keys)


class FlatRuns:
    """Follows the numbers of a batch from row to row.

    Parameters
    ----------
    usual : UsualRuns, optional
        None where there is nothing to follow.
    """

    def __init__(self, usual: UsualRuns | None) -> None:
        self._usual = usual
        self._n_rows = 0
        self._columns = [] if usual is None else [KeptRuns() for _ in usual.runs]
        self._groups = None if usual is None else usual.of_batch

    def add(self, texts: Sequence[str]) -> None:
        """Take in the next rows; those without a number are passed over."""
        if self._usual is not None and self._groups is not None:
            rows = self._usual.template.read(texts)
            numbers = _numbers(self._usual.template, rows)
            self._groups.add(rows, numbers)
            for own, column in zip(self._columns, numbers.T, strict=True):
                own.add(Runs.of(column, self._n_rows))
        self._n_rows += len(texts)

    @property
    def told(self) -> tuple[FlatRun, ...]:
        """The runs that are longer than chance makes them, by their first rows."""
        if self._usual is None or not self._n_rows:
            return ()
        found: dict[tuple[int, int, int], list[tuple[str, float, int]]] = {}
        for j, column in enumerate(self._usual.template.followed):
            for run, longest in self._flat(self._usual, j):
                rows = int(run.firsts[0]), int(run.lasts[0]), int(run.lengths[0])
                found.setdefault(rows, []).append((column.name, float(run.numbers[0]), longest))
        return tuple(_together(rows, own) for rows, own in sorted(found.items()))

    def _flat(self, usual: UsualRuns, column: int) -> list[tuple[Runs, int]]:
        """Return the runs of a column that no words explain, and how long any other one is."""
        own, normal = self._columns[column], usual.runs[column]
        runs, by_chance = own.runs, _BY_CHANCE / max(own.n_numbers * len(self._columns), 1)
        found = [
            (runs.chosen(np.arange(len(runs)) == place), longest)
            for place, longest in _Column(runs, normal, by_chance, _vary_freely(normal)).flat()
        ]
        return [
            (run, longest)
            for run, longest in found
            if not (self._groups and are_explained(self._groups, usual.groups, column, run))
        ]


def by_row(texts: Sequence[str], usual: UsualRuns | None) -> tuple[tuple[FlatRun, ...], ...]:
    """Return to which runs that are longer than usual each of all rows belongs."""
    own = FlatRuns(usual)
    own.add(texts)
    return tuple(map(tuple, rows_of(own.told, 0, len(texts))))


def rows_of(runs: Iterable[FlatRun], first: int, n_rows: int) -> list[list[FlatRun]]:
    """Return which runs each of some rows that follow one another belongs to."""
    found: list[list[FlatRun]] = [[] for _ in range(n_rows)]
    for run in runs:
        for row in range(max(run.first, first), min(run.last + 1, first + n_rows)):
            found[row - first].append(run)
    return found


def _numbers(template: "RowTemplate", texts: Sequence[str]) -> Float64Array:
    """Return the numbers of rows as they are said, (n_rows, n_columns); NaN of what is no row."""
    places = [i for i, own in enumerate(template.all_numeric) if own in template.followed]
    found: Float64Array = template.read(texts).all_numbers.values[:, places]
    return found


def _together(rows: tuple[int, int, int], said: Sequence[tuple[str, float, int]]) -> FlatRun:
    names, numbers, longest = zip(*said, strict=True)
    return FlatRun(*rows, names, numbers, max(longest))


@dataclass(frozen=True, eq=False)
class _Column:
    """The runs of a column in a batch, beside those of normal rows.

    Parameters
    ----------
    runs, normal : Runs
    by_chance : float
        Runs so long, or longer, that chance makes for one number of the batch, at most.
    vary_freely : bool
        Whether normal numbers do, so that a batch of one number is strange.
    """

    runs: Runs
    normal: Runs
    by_chance: float
    vary_freely: bool

    def flat(self) -> list[tuple[int, int]]:
        """Return which runs are too long for chance, and how long any other one is.

        Longer than twice any other one, of the normal rows and of the batch, and than chance makes
        them: a number goes on as likely as either of these says. Where a batch has hardly any other
        number, the normal rows alone tell, of a single one. Not where several stay at the same
        number, as while a machine stands still, nor in a column by which the batch was sorted.

        A number that comes again and again, or at which a column rests, as 0 where nothing flows,
        is held against itself alone, and others are not held against it.
        """
        if self.runs.are_sorted and not self.normal.are_sorted:
            return []
        often = np.union1d(_often(self.runs), _often(self.normal))
        found: list[tuple[int, int]] = []
        for number in (None, *often.tolist()):
            found += self._of(self.runs.which(number, often), self.normal.which(number, often))
        return found

    def _of(self, own: BoolArray, usual: BoolArray) -> list[tuple[int, int]]:
        """Return the same of some runs of the batch, beside some of the normal ones."""
        lengths, places = self.runs.lengths, np.flatnonzero(own)
        order = places[np.argsort(-lengths[places], kind="stable")]
        longest_normal = self.normal.lengths[usual].max(initial=0)
        for n in range(min(len(order), _MOST), 0, -1):
            told, others = order[:n], order[n:]
            longest = int(max(longest_normal, lengths[others].max(initial=0)))
            if lengths[told[-1]] <= max(_TIMES * longest, _SHORTEST - 1):
                continue
            if len(_resting(self.runs, told)):
                continue
            is_alone = lengths[others].sum() < _FEWEST
            if is_alone and not (n == 1 and lengths[told[0]] >= _FEWEST and self.vary_freely):
                return []
            references = [(self.normal, usual)] if usual.any() else []
            if not is_alone:
                are_kept = ~np.isin(np.arange(len(own)), told)
                references.append((self.runs.chosen(are_kept), own[are_kept]))
            if found := [(i, longest) for i in told.tolist() if self._is_far(i, references)]:
                return found
        return []

    def _is_far(self, place: int, references: Sequence[tuple[Runs, BoolArray]]) -> bool:
        """Return whether chance makes no run so long, as others tell that are alike."""
        number, n = float(self.runs.numbers[place]), int(self.runs.lengths[place])
        goes_on = max(
            (runs.goes_on(number, are_alike) for runs, are_alike in references), default=1.0
        )
        return goes_on ** (n - 1) <= self.by_chance


def _often(runs: Runs) -> Float64Array:
    """Return the numbers of a third of the runs, and those of several long ones."""
    return np.union1d(runs.often, _resting(runs, np.flatnonzero(runs.lengths >= _SHORTEST)))


def _resting(runs: Runs, places: IndexArray) -> Float64Array:
    """Return the numbers of several of some runs, with more than two rows between them."""
    numbers, counts = np.unique(runs.numbers[places], return_counts=True)
    several = numbers[counts > 1]
    are_apart = [
        bool((runs.apart(places[runs.numbers[places] == own]) > _ODD).any()) for own in several
    ]
    resting: Float64Array = several[np.asarray(are_apart, bool)]
    return resting


def _vary_freely(normal: Runs) -> bool:
    """Return whether numbers are no few set points or nominal sizes, nor those of a lot each."""
    different = np.unique(normal.numbers)
    if len(different) < _FEWEST_DIFFERENT:
        return False
    numbers = np.repeat(normal.numbers, normal.lengths)
    return vary_freely(numbers, float(np.diff(different).min()), _FEW_OF)
