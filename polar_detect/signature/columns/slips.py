"""Numbers that were mistyped: usual with the point moved, the other sign, or in another unit."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.signature.columns.cells import Cells, widened, within
from polar_detect.signature.columns.mistake import Mistake, MistakeKind, n_digits
from polar_detect.tables.cells.conversions import conversions_to
from polar_detect.tables.cells.units import unit_behind

if TYPE_CHECKING:
    from polar_detect.tables.rows.template_column import TemplateColumn

_POINTS = 0.1, 10.0, 0.01, 100.0, 0.001, 1000.0  # the nearest first
_BY_CHANCE = 0.2  # of numbers of any size would fit: a range as wide tells nothing
_FEW = 10  # different numbers are settings, grades, months or the like, and others are as good
_FEWEST_DIGITS = 2  # 1, 10 and 100 are typed for what they say
_ALIKE = 1e-6  # of one another, factors are the same


class Correction(NamedTuple):
    """What a number may have been meant for: ``times * number + plus``."""

    kind: MistakeKind
    times: float
    plus: float = 0.0
    unit: str = ""


_OF_ANY = (*(Correction("times", own) for own in _POINTS), Correction("sign", -1.0))


def slips(cells: Cells) -> list[tuple[Mistake, ...]]:
    """Return which numbers of each row are no usual ones, but would be had they been typed right.

    Usual for rows of its kind, and where its other numbers lead to expect them. Not of columns that
    say a few numbers again and again, nor where the number is usual for rows of another kind: the
    column that tells kinds may be wrong as well; and where hardly any normal row says the same.
    """
    found: list[tuple[Mistake, ...]] = [()] * len(cells.rows)
    numbers = cells.numbers
    varied = [len(np.unique(own[~np.isnan(own)])) >= _FEW for own in numbers.values.T]
    odd = cells.are_odd[:, cells.places] & ~np.isnan(cells.values) & np.asarray(varied, bool)
    of_other_kinds = numbers.unlike_kind(cells.rows)
    for j, (column, at) in enumerate(
        zip(numbers.template.numeric, cells.places.tolist(), strict=True)
    ):
        own = np.flatnonzero(odd[:, j])
        if not len(own):
            continue
        corrections, typed = corrections_of(column), cells.values[own, j]
        both = cells.ranges[own, j], cells.expected[own, j]
        for k, which, meant in corrected(typed, *both, corrections):
            i, correction = int(own[k]), corrections[which]
            if correction.kind == "unit":
                meant = round(meant, column.decimals or 0)
            stands = _stands_for_itself(float(typed[k])) or column.name in of_other_kinds[i]
            if not stands and cells.are_rare(i, [at], [at]):
                found[i] = (*found[i], _mistake(column.name, correction, meant))
    return found


def _stands_for_itself(number: float) -> bool:
    """Return whether a number is typed for what it says, as 1, 10, 100 and 9999 are.

    >>> [*map(_stands_for_itself, (100.0, 0.1, 9999.0, 120.0, 99.5))]
    [True, True, True, False, False]
    """
    return n_digits(number) < _FEWEST_DIGITS or {*f"{abs(number):.12g}"} <= {"9", "."}


def corrections_of(column: "TemplateColumn") -> tuple[Correction, ...]:
    """Return what numbers of a column may have been meant for, the likeliest first.

    Where moving the point makes one unit of another, that is named.
    """
    unit = column.form.unit or unit_behind(column.name)
    others = () if unit is None else conversions_to(unit)
    found = []
    for own in _OF_ANY:
        alike = (o.unit for o in others if abs(o.times - own.times) <= _ALIKE * o.times)
        found.append(own._replace(unit=next(alike, "")))
    return (*found, *(Correction("unit", own.times, own.plus, own.unit) for own in others))


def corrected(
    numbers: Float64Array,
    by_itself: Float64Array,
    expected: Float64Array,
    corrections: "tuple[Correction, ...]" = _OF_ANY,
) -> Iterator[tuple[int, int, float]]:
    """Yield which numbers would be usual with which correction, and what they would be.

    The first one that makes it usual. None where the range is so wide for its size that one of five
    numbers would lie in it with the point somewhere.

    Parameters
    ----------
    numbers : (n,) float64
        None of them usual by itself.
    by_itself, expected : (n, 2) float64
        Where the middle 90 % of normal numbers lie, and where the other numbers of its row lead to
        expect each; NaN where there are no others.
    corrections : tuple of Correction

    Examples
    --------
    >>> ranges = np.array([[41.0, 44.0]] * 3)
    >>> [(i, meant) for i, _, meant in corrected(np.array([428.0, 46.0, -43.0]), ranges, ranges)]
    [(0, 42.8), (2, 43.0)]
    """
    expected = np.where(np.isnan(expected), by_itself, expected)
    asked: IndexArray = np.flatnonzero(_is_narrow(expected))
    times, plus = (np.asarray(own) for own in list(zip(*corrections, strict=True))[1:3])
    meant = numbers[asked, None] * times + plus
    fits = within(meant, expected[asked, None]) & within(meant, by_itself[asked, None])
    for k in np.flatnonzero(fits.any(1)).tolist():
        which = int(fits[k].argmax())
        # Of the digits that parsing and multiplying leave, those that were typed.
        yield int(asked[k]), which, float(f"{meant[k, which]:.12g}")


def _mistake(column: str, correction: Correction, meant: float) -> Mistake:
    times = 1 / correction.times if correction.kind == "times" else 1.0
    return Mistake(correction.kind, (column,), {column: meant}, times, correction.unit)


def _is_narrow(ranges: Float64Array) -> BoolArray:
    """Return which ranges do not hold much of what numbers of any size may be."""
    low, high = widened(ranges)
    smaller, larger = np.sort(np.abs([low, high]), axis=0)
    narrow: BoolArray = (low * high > 0) & (larger <= smaller * 10**_BY_CHANCE)
    return narrow
