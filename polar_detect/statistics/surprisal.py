"""How surprising it is what a row says in a category, beside what it says in others.

Hides how it is told which categories go together, and what stands for the combinations of which
normal rows have few or none.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import Float64Array
from polar_detect.statistics.factors import (
    MOST_FACTORS,
    Codes,
    Levels,
    crossed,
    neighbouring,
)

Name = TypeVar("Name", bound=Hashable)

_TELLS = 0.05  # of the mean surprisal of a category by itself, at least, by each factor
_PRIOR = 1.0  # imagined rows of each kind that say what rows of the next coarser kind do


@dataclass(frozen=True, eq=False)
class Surprisal:
    """How probable each level of a category is, given what a row says in the category's factors.

    Rows that say the same in the first factors are of one *kind*; more factors make finer kinds.
    A level's probability in a kind is its share of the kind's rows, together with one imagined row
    that says it as probably as rows of the next coarser kind do. The coarsest kind is all rows; its
    imagined row says any of the known levels, or one unknown level, with equal probability. So a
    level that no row of a kind has is the more surprising the more rows the kind has, and most
    surprising where no normal row has it at all.

    Parameters
    ----------
    kinds : tuple of Sayings, 1 + n_factors long
        What normal rows say in the first 0, 1, …, n_factors factors.
    combinations : tuple of Sayings, 1 + n_factors long
        What they say in the category and, behind it, in these factors.

    Source: MacKay and Peto, A hierarchical Dirichlet language model, 1995, with a strength of 1.
    """

    kinds: "tuple[Sayings, ...]"
    combinations: "tuple[Sayings, ...]"

    @classmethod
    def fit(cls, rows: Sequence[Levels | None], n_factors: int) -> Self:
        """Count normal rows: what each says in the category and, behind it, in the factors.

        None is a row that says nothing anywhere, which is not counted.
        """
        depths = range(1 + n_factors)
        return cls(
            tuple(Sayings.of([row and row[1 : 1 + depth] for row in rows]) for depth in depths),
            tuple(Sayings.of([row and row[: 1 + depth] for row in rows]) for depth in depths),
        )

    def nats(
        self, rows: Sequence[Levels | None], groups: Sequence[tuple[Codes, Codes]]
    ) -> Float64Array:
        """Return −log of the share of what rows say in the category, (n_rows,).

        Parameters
        ----------
        rows : sequence of Levels or None
            As in `fit`; None says what no normal row does.
        groups : sequence of (rows, normal rows)
            Which rows are held against which normal rows; each row is in one group.

        Where all normal rows say the same, that is no surprise at all, however many they are.

        >>> own = Surprisal.fit([("P1", "A")] * 8 + [("P2", "B")] * 8, 1)
        >>> new = [("P1", "A"), ("P2", "A"), ("P3", "A")]
        >>> own.nats(new, [(np.arange(3), np.arange(16))]).round(2).tolist()
        [0.06, 2.91, 6.13]
        """
        levels = self.combinations[0]
        shares = np.full(len(rows), 1 / (len(levels) + 1))
        for depth, (kinds, combinations) in enumerate(
            zip(self.kinds, self.combinations, strict=True)
        ):
            kind = kinds.codes_of([() if row is None else row[1 : 1 + depth] for row in rows])
            combination = combinations.codes_of([row and row[: 1 + depth] for row in rows])
            for part, normal in groups:
                n_of_kind = kinds.counts(normal)[kind[part]]
                n_alike = combinations.counts(normal)[combination[part]]
                shares[part] = (n_alike + _PRIOR * shares[part]) / (n_of_kind + _PRIOR)
        if len(levels) == 1:
            shares[levels.codes_of([row and row[:1] for row in rows]) == 0] = 1
        nats: Float64Array = np.abs(np.log(shares))  # of 1 no −0
        return nats

    def newness(
        self, rows: Sequence[Levels | None], groups: Sequence[tuple[Codes, Codes]]
    ) -> Float64Array:
        """Return −log of the chance of a new level where a row says one, (n_rows,); else 0.

        As many of so many new rows are to be expected to say something new as normal rows say what
        no other of them does.

        Parameters
        ----------
        rows, groups
            As for `nats`.

        Source: Good, The population frequencies of species, 1953; with half a row more of either
        kind, so that it is never certain.

        >>> own = Surprisal.fit([("A",)] * 8 + [("B",)] * 8, 0)
        >>> new = [("A",), ("C",)]
        >>> own.newness(new, [(np.arange(2), np.arange(16))]).round(2).tolist()
        [0.0, 3.53]
        """
        levels, (own, _) = self.combinations[0], self.levels(rows)
        found = np.zeros(len(rows))
        for part, normal in groups:
            counts = levels.counts(normal)
            chance = ((counts == 1).sum() + 0.5) / (counts.sum() + 1)
            found[part] = np.where(counts[own[part]] == 0, -np.log(chance), 0.0)
        return found

    def levels(self, rows: Sequence[Levels | None]) -> tuple[Codes, Codes]:
        """Return what rows and the normal rows say, each different thing by a number.

        −1 is of rows what no normal row says, and of normal rows nothing at all.
        """
        levels = self.combinations[0]
        return levels.codes_of([row and row[:1] for row in rows]), levels.codes

    def counts_beside(self, row: Levels, min_rows: int) -> tuple[int, dict[str, int]]:
        """Return what normal rows of a row's kind say in the category, and how many say so.

        Parameters
        ----------
        row : Levels
            As in `fit`.
        min_rows : int
            That the kind has to have, or a coarser one is asked.

        Returns
        -------
        n_factors : int
            The kind is that of the first so many factors.
        counts : dict of str to int
            The most frequent level first.
        """
        depth, is_of_kind = 0, self.kinds[0].codes == 0
        for deeper in range(1, len(self.kinds)):
            kinds = self.kinds[deeper]
            code = kinds.known.get(row[1 : 1 + deeper])
            if code is None or (kinds.codes == code).sum() < min_rows:
                break
            depth, is_of_kind = deeper, kinds.codes == code
        combinations = self.combinations[depth]
        counts = np.bincount(combinations.codes[is_of_kind])
        levels = [levels_of[0] for levels_of in combinations.known]
        order = np.argsort(-counts, kind="stable")
        return depth, {levels[i]: int(counts[i]) for i in order.tolist() if counts[i]}


@dataclass(frozen=True, eq=False)
class Sayings:
    """What normal rows say in some columns, each different thing by a number from 0 on.

    Parameters
    ----------
    known : mapping of Levels to int
    codes : (n_rows,) intp
        Of the normal rows; −1 of one that says nothing.
    """

    known: Mapping[Levels, int]
    codes: Codes

    @classmethod
    def of(cls, said: Sequence[Levels | None]) -> Self:
        """Return what normal rows say, numbered in the order in which they first say it."""
        different = dict.fromkeys(levels for levels in said if levels is not None)
        known = {levels: i for i, levels in enumerate(different)}
        return cls(known, _codes(known, said))

    def __len__(self) -> int:
        return len(self.known)

    def codes_of(self, said: Sequence[Levels | None]) -> Codes:
        """Return the numbers of what rows say; −1, behind all others, of what is not known."""
        return _codes(self.known, said)

    def counts(self, rows: Codes) -> Codes:
        """Return how many of some normal rows say each thing, and a zero behind: −1 is none."""
        codes = self.codes[rows]
        counts: Codes = np.bincount(codes[codes >= 0], minlength=len(self) + 1)
        return counts


def factors_of_levels(
    own: Codes,
    others: Mapping[Name, Codes],
    measured: Mapping[Name, Float64Array] | None = None,
) -> tuple[Name, ...]:
    """Return the categories that tell what rows say in one, the one that tells most first.

    Parameters
    ----------
    own : (n_rows,) intp
        What each row says; see `codes_of`.
    others : mapping of names to (n_rows,) intp
        What each row says in other categories.
    measured : mapping of names to (n_rows,) float64, optional
        The numbers of those of the others that are columns of numbers, NaN where there is none.
        Such a one has to tell more than `neighbouring` numbers do, as the number of a program.

    >>> product, shift = np.repeat([0, 1], 20), np.tile([0, 1], 20)
    >>> factors_of_levels(product, {"shift": shift, "program": 1 - product})
    ('program',)
    """
    chosen: tuple[Name, ...] = ()
    group, n_own = np.zeros(len(own), np.intp), _repeats(own)
    n_levels = len(np.unique(own))
    if n_levels < 2:  # nothing is to be told
        return chosen
    # Each row is left out of its own counts, so that a kind for each row tells nothing.
    shares = (n_own - 1 + _PRIOR / (n_levels + 1)) / (len(own) - 1 + _PRIOR)
    least = _TELLS * _mean_nats(shares)
    while len(chosen) < MOST_FACTORS:
        found = {
            name: _told(own, crossed(group, other), shares)
            for name, other in others.items()
            if name not in chosen
        }
        nats = {name: _mean_nats(told) for name, told in found.items()}
        most = _mean_nats(shares) - least
        telling = sorted((name for name in found if nats[name] <= most), key=nats.__getitem__)
        for best in telling:
            near = neighbouring(measured[best]) if measured and best in measured else ()
            beside = [_mean_nats(_told(own, crossed(group, other), shares)) for other in near]
            if not beside or np.mean(beside) - nats[best] >= least:
                break
        else:
            break
        chosen, group, shares = (*chosen, best), crossed(group, others[best]), found[best]
    return chosen


def _told(own: Codes, group: Codes, shares: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return how probable what each row says is in its group, where all else makes it `shares`."""
    told: NDArray[np.floating] = (_repeats(crossed(group, own)) - 1 + _PRIOR * shares) / (
        _repeats(group) - 1 + _PRIOR
    )
    return told


def _mean_nats(shares: NDArray[np.floating]) -> float:
    return float(-np.log(shares).mean())


def _repeats(codes: Codes) -> Codes:
    """Return how many rows say what each row says, (n_rows,)."""
    counts: Codes = np.bincount(codes)[codes]
    return counts


def _codes(known: Mapping[Levels, int], said: Sequence[Levels | None]) -> Codes:
    return np.asarray([-1 if levels is None else known.get(levels, -1) for levels in said], np.intp)
