"""How surprising it is what a row says in a category, beside what it says in others.

Hides how it is told which categories go together, and what stands for the combinations of which
normal rows have few or none.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from polar_detect.factors import MOST_FACTORS, Codes, Levels, crossed

Array = NDArray[np.float64]
Name = TypeVar("Name", bound=Hashable)

_TELLS = 0.05  # of the mean surprisal of a category by itself, at least, by each factor
_PRIOR = 1.0  # rows that the share among all rows counts for beside those of a kind


@dataclass(frozen=True, eq=False)
class Surprisal:
    """How often normal rows that say the same in a category's factors say what there.

    The share of a level among the rows of a kind counts for as many rows as there are, and its
    share among those of the next coarser kind for one more; the coarsest kind is all rows, beside
    which all levels and one that none has are as likely. So a level that no row of a kind has is
    the more surprising the more rows the kind has, and most where no row of any kind has it.

    Parameters
    ----------
    kinds, combinations : tuple of mapping, 1 + n_factors long
        What rows say in the first factors, none of them at first, and that with what they say in
        the category, each → its number.
    kind_of, combination_of : tuple of (n_rows,) intp
        Those of the normal rows.
    """

    kinds: tuple[Mapping[Levels, int], ...]
    combinations: tuple[Mapping[Levels, int], ...]
    kind_of: tuple[Codes, ...]
    combination_of: tuple[Codes, ...]

    @classmethod
    def fit(cls, rows: Sequence[Levels | None], n_factors: int) -> Self:
        """Count normal rows: what each says in the category and, behind it, in the factors.

        None is a row that says nothing anywhere, which is not counted.
        """
        depths = range(1 + n_factors)
        kinds = [_numbered([own and own[1 : 1 + depth] for own in rows]) for depth in depths]
        combinations = [_numbered([own and own[: 1 + depth] for own in rows]) for depth in depths]
        return cls(
            tuple(places for places, _ in kinds),
            tuple(places for places, _ in combinations),
            tuple(codes for _, codes in kinds),
            tuple(codes for _, codes in combinations),
        )

    def nats(self, rows: Sequence[Levels | None], groups: Sequence[tuple[Codes, Codes]]) -> Array:
        """Return −log of the share of what rows say in the category, (n_rows,).

        Parameters
        ----------
        rows : sequence of Levels or None
            As in `fit`; None says what no normal row does.
        groups : sequence of (rows, normal rows)
            Which rows meet which normal rows; each row is of one group.

        Where all normal rows say the same, that is no surprise at all, however many they are.

        >>> own = Surprisal.fit([("P1", "A")] * 8 + [("P2", "B")] * 8, 1)
        >>> new = [("P1", "A"), ("P2", "A"), ("P3", "A")]
        >>> own.nats(new, [(np.arange(3), np.arange(16))]).round(2).tolist()
        [0.06, 2.91, 6.13]
        """
        shares = np.full(len(rows), 1 / (len(self.combinations[0]) + 1))
        for depth, (kinds, combinations) in enumerate(
            zip(self.kinds, self.combinations, strict=True)
        ):
            kind = _places(kinds, [() if own is None else own[1 : 1 + depth] for own in rows])
            own = _places(combinations, [own and own[: 1 + depth] for own in rows])
            for part, normal in groups:
                n_all = _counts(self.kind_of[depth][normal], len(kinds))[kind[part]]
                n_own = _counts(self.combination_of[depth][normal], len(combinations))[own[part]]
                shares[part] = (n_own + _PRIOR * shares[part]) / (n_all + _PRIOR)
        if len(self.combinations[0]) == 1:
            shares[_places(self.combinations[0], [own and own[:1] for own in rows]) == 0] = 1
        nats: Array = np.abs(np.log(shares))  # of 1 no −0
        return nats

    def counts_beside(self, row: Levels, min_rows: int) -> tuple[int, dict[str, int]]:
        """Return what rows of a row's kind say in the category, and how many of them say so.

        Of the finest kind that has so many rows: that of its first factors, whose number comes
        first. The most frequent level first.
        """
        depth, is_own = 0, self.kind_of[0] == 0
        for deeper in range(1, len(self.kinds)):
            place = self.kinds[deeper].get(row[1 : 1 + deeper])
            is_of_kind = self.kind_of[deeper] == place
            if place is None or is_of_kind.sum() < min_rows:
                break
            depth, is_own = deeper, is_of_kind
        counts = np.bincount(self.combination_of[depth][is_own])
        levels = [own[0] for own in self.combinations[depth]]
        order = np.argsort(-counts, kind="stable")
        return depth, {levels[i]: int(counts[i]) for i in order.tolist() if counts[i]}


def factors_of_levels(own: Codes, others: Mapping[Name, Codes]) -> tuple[Name, ...]:
    """Return the categories that tell what rows say in one, the one that tells most first.

    Parameters
    ----------
    own : (n_rows,) intp
        What each row says; see `codes_of`.
    others : mapping of names to (n_rows,) intp
        What each row says in other categories.

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
        groups = {name: crossed(group, other) for name, other in others.items()}
        found = {
            name: (_repeats(crossed(at, own)) - 1 + _PRIOR * shares) / (_repeats(at) - 1 + _PRIOR)
            for name, at in groups.items()
            if name not in chosen
        }
        best = min(found, key=lambda name: _mean_nats(found[name]), default=None)
        if best is None or _mean_nats(shares) - _mean_nats(found[best]) < least:
            break
        chosen, group, shares = (*chosen, best), groups[best], found[best]
    return chosen


def _mean_nats(shares: NDArray[np.floating]) -> float:
    return float(-np.log(shares).mean())


def _repeats(codes: Codes) -> Codes:
    """Return how many rows say what each row says, (n_rows,)."""
    counts: Codes = np.bincount(codes)[codes]
    return counts


def _numbered(said: Sequence[Levels | None]) -> tuple[dict[Levels, int], Codes]:
    """Return a number for each different thing that rows say, and those of the rows."""
    places: dict[Levels, int] = {}
    for own in said:
        if own is not None:
            places.setdefault(own, len(places))
    return places, _places(places, said)


def _places(places: Mapping[Levels, int], said: Sequence[Levels | None]) -> Codes:
    """Return the number of what rows say; −1, behind all others, of what no normal row says."""
    return np.asarray([-1 if own is None else places.get(own, -1) for own in said], np.intp)


def _counts(codes: Codes, n: int) -> Codes:
    """Return how often each of n numbers is there, and behind them a zero; −1 is none of them."""
    counts: Codes = np.bincount(codes[codes >= 0], minlength=n + 1)
    return counts
