"""What seems to have gone wrong with rows that would be usual otherwise."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

MistakeKind = Literal["times", "sign", "unit", "copied", "swapped", "left", "right"]
_MISPLACED: AbstractSet[MistakeKind] = {"copied", "swapped", "left", "right"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What seems to have gone wrong in one or more cells of a row.

    Parameters
    ----------
    kind : {"times", "sign", "unit", "copied", "swapped", "left", "right"}
        A number is so many times as large as usual, as where the point was moved; has the other
        sign; was taken in another unit; or repeats that of another column. Two cells stand in each
        other's column; or several in the column left or right of their own.
    columns : tuple of str
        Of these cells, where they stand; of one that repeats another, it and that.
    meant : mapping of str to float
        The numbers that would be usual, by column.
    times : float
        How many times as large, of that kind; less than 1 of what is too small.
    unit : str
        Which one, of that kind; of one that is so many times as large, a unit in which it would be.
    """

    kind: MistakeKind
    columns: tuple[str, ...]
    meant: Mapping[str, float] = field(default_factory=dict)
    times: float = 1.0
    unit: str = ""


MistakesOf = Callable[[Sequence[str]], list[tuple[Mistake, ...]]]  # of rows written out


def misplaced_in(mistakes: Iterable[Mistake]) -> frozenset[str]:
    """Return in which columns of a row cells seem to stand that belong to others.

    What is strange there is none of what the column may say.
    """
    return frozenset(
        name for mistake in mistakes if mistake.kind in _MISPLACED for name in mistake.columns
    )


def n_digits(number: float) -> int:
    """Return how many digits say what a number is.

    >>> [n_digits(number) for number in (0.0205, 1200.0, 12.50)]
    [3, 2, 3]
    """
    return len(f"{number:.11e}".split("e")[0].lstrip("-").replace(".", "").rstrip("0"))
