"""Rows whose numbers are rounder than usual, or have more digits: made up, or worked out.

Such a row is as usual as any other, so that no score sees it. Several numbers tell: that one of
them ends in 0 is chance (`round_columns` asks for single columns, of many rows).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.signature.round_columns import Multiples
from polar_detect.statistics.roundness import Roundness
from polar_detect.tables.rows.row_text import MORE_DECIMALS

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate


@dataclass(frozen=True, slots=True)
class UnusualDigits:
    """Numbers of a row that are rounder than usual, or have more digits.

    Parameters
    ----------
    columns : tuple of str
        In which they are so.
    n_numbers : int
        Of how many numbers that say something, as zeros and those of an unusual size do not.
    are_rounder : bool
    """

    columns: tuple[str, ...]
    n_numbers: int
    are_rounder: bool


@dataclass(frozen=True, eq=False)
class LastDigits:
    """How round the numbers of normal rows are, as what new rows are held against.

    Parameters
    ----------
    template : RowTemplate
        Of rows that keep their digits.
    roundness : Roundness
        Of the columns that it measures, conditions aside.
    """

    template: "RowTemplate"
    roundness: Roundness

    @classmethod
    def of(
        cls, template: "RowTemplate | None", texts: Sequence[str], *, are_normal: bool = True
    ) -> Self | None:
        """Return how round the numbers of rows are; None where too few are measured to tell.

        `are_normal`: whether no row is among them of which that is asked.
        """
        if template is None or not template.tells_digits:
            return None
        own = [column.decimals or 0 for column in template.with_digits]
        decimals = np.asarray(own, np.intp) + MORE_DECIMALS
        numbers = _numbers(template, texts)
        return cls(template, Roundness.of(numbers, decimals, are_usual=are_normal))

    def odd(self, texts: Sequence[str]) -> list[UnusualDigits | None]:
        """Return of each row which of its numbers are rounder, or less round, than usual."""
        numbers = _numbers(self.template, texts)
        own, names = self.roundness, [column.name for column in self.template.with_digits]
        rounder, less = (own.evidence(numbers) >= own.limits).T
        found: list[UnusualDigits | None] = [None] * len(numbers)
        for are_such, which, are_rounder in (
            (less, own.which_less_round, False),
            (rounder, own.which_rounder, True),
        ):
            rows = np.flatnonzero(are_such)
            n_numbers = own.which_known(numbers[rows]).sum(1)
            for i, n, told in zip(rows, n_numbers, which(numbers[rows]), strict=True):
                columns = tuple(names[j] for j in np.flatnonzero(told))
                found[i] = UnusualDigits(columns, int(n), are_rounder)
        return found

    def multiples(self, texts: Sequence[str]) -> list[Multiples]:
        """Return of each column which numbers are multiples of something, as few usually are.

        Not of columns whose numbers have fewer decimals the larger they are.
        """
        numbers, own = _numbers(self.template, texts), self.roundness
        are_such, are_known = own.multiples(numbers), own.which_known(numbers)
        by_chance, usual = own.by_chance.tolist(), own.usual_steps.tolist()
        return [
            Multiples(
                column=column.name,
                of=own.multiple(j),
                usual_step=usual[j],
                by_chance=by_chance[j],
                numbers=np.where(are_known[:, j], numbers[:, j], np.nan),
                are_such=are_such[:, j],
            )
            for j, column in enumerate(self.template.with_digits)
            if own.are_even[j]
        ]


def _numbers(template: "RowTemplate", texts: Sequence[str]) -> Float64Array:
    """Return the numbers of rows as they are said, (n_rows, n_columns)."""
    places = [i for i, own in enumerate(template.numeric) if own in template.with_digits]
    found: Float64Array = template.read(texts).numbers.values[:, places]
    return found
