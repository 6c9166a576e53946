"""How the columns of rows are fitted: which are numbers, which categories, and what tells them.

Hides that numbers may be names, as those of programs, or count the rows, and that a column may tell
of others by being empty or filled only.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.statistics.factors import Codes, Kinds, codes_of, factors_of
from polar_detect.statistics.surprisal import factors_of_levels
from polar_detect.tables.cells.column_numbers import ColumnNumbers
from polar_detect.tables.cells.decimal_commas import have_decimal_commas
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.cells.units import unit_behind
from polar_detect.tables.columns.identifiers import is_lot_name
from polar_detect.tables.columns.new_values import counting_up, new_later
from polar_detect.tables.rows.categories import (
    are_article_numbers,
    categories_of,
    gaps_of,
    levels_beside_numbers,
)
from polar_detect.tables.rows.decimals import decimals_apart, decimals_of, said_of_numbers
from polar_detect.tables.rows.template_column import Category, CategoryOf, TemplateColumn

_MIN_ROWS = 20  # or numbers that count the rows may do so by chance
_MOST_NAMES = 20  # columns of numbers that may name programs, machines or sizes
_MOST_GAPS = 50  # columns that are empty in some rows; of more it is not asked which go together


def fitted_columns(frame: pd.DataFrame, names: Sequence[str]) -> tuple[TemplateColumn, ...]:
    """Return columns of a table as their cells are.

    Codes that count up are lots or tools, that new rows do not have, unless others depend on them,
    as those of products that are made in order of their sizes; of lots whatever does.
    """
    if len(frame) < _MIN_ROWS:
        return _fitted(frame, names, ())
    ever_new = [*new_later(frame, names)]
    columns = _fitted(frame, names, ever_new)
    asked = {name for own in columns for name in own.asked}
    others = [
        own.name
        for own in columns
        if not own.is_ever_new and (own.name not in asked or is_lot_name(own.name))
    ]
    counts = counting_up(frame, others)
    return _fitted(frame, names, [*ever_new, *counts]) if counts else columns


def _fitted(
    frame: pd.DataFrame, names: Sequence[str], ever_new: Collection[str]
) -> tuple[TemplateColumn, ...]:
    commas = have_decimal_commas(frame)
    columns = [
        TemplateColumn(name, None, is_ever_new=True)
        if name in ever_new
        else TemplateColumn.fit(frame[name], name, commas=commas)
        for name in names
    ]
    levels = _Levels.of(frame, columns)
    columns = [_with_factors(own, frame[own.name], levels) for own in columns]
    categories = _categories(levels, columns)
    columns = [replace(own, category=categories.get(own.name)) for own in columns]
    factors = {name for own in columns for name in own.asked}
    return tuple(_told_apart(own, levels) if own.name in factors else own for own in columns)


def numeric_names(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns of a table that hold numbers, but for flags such as 0 and 1."""
    commas = have_decimal_commas(frame)
    return [
        name
        for name in names
        if TemplateColumn.fit(frame[name], name, commas=commas).is_numeric
        and len(set(filter(None, cells_as_text(frame[name])))) > 2
    ]


@dataclass(frozen=True, eq=False)
class _Levels:
    """What each row of a table says in the columns that say the same few things again and again.

    Parameters
    ----------
    said : dict of str to list of str, n_rows long
        By name of the column; "" where a cell is empty.
    codes : dict of str to (n_rows,) intp
        The same as numbers; see `codes_of`.
    measured : dict of str to (n_rows,) float64
        The numbers of those of these columns that are columns of numbers.
    gaps : dict of str to (n_rows,) intp
        Which cells are empty, 0, and which filled, 1: of columns of numbers, and of others that
        say ever new things.
    """

    said: dict[str, list[str]]
    codes: dict[str, Codes]
    measured: dict[str, NDArray[np.float64]]
    gaps: dict[str, Codes]

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: Sequence[TemplateColumn]) -> Self:
        """Return the levels of a table; a number is said in one way: 20.0 and ２０ are 20.

        Of columns with codes in place of numbers these, and of all numbers that they are some.

        Where many columns of numbers say few things, these are counts or pixels, and no names.
        """
        with_codes = {own.name: own.form for own in columns if own.form.codes}
        others = [own.name for own in columns if not own.is_ever_new and own.name not in with_codes]
        said = categories_of(frame, others)
        numeric = [own for own in columns if own.is_numeric and own.name in said]
        if len(numeric) > _MOST_NAMES:
            for own in numeric:
                del said[own.name]
            numeric = []
        measured = {own.name: ColumnNumbers.of(frame[own.name], own.form).values for own in numeric}
        said |= {name: said_of_numbers(said[name], own) for name, own in measured.items()}
        said |= {
            name: levels_beside_numbers(own.bare(frame[name])) for name, own in with_codes.items()
        }
        words = said.keys() - measured.keys()
        gaps = gaps_of(frame, [own.name for own in columns if own.name not in words])
        if len(gaps) > _MOST_GAPS:
            gaps = {}
        # Of columns that tell as much, as a product and its code do, the first one is chosen: by
        # name, as two tables with the same columns in another order are the same.
        codes = {name: codes_of(said[name]) for name in sorted(said)}
        return cls(said, codes, measured, {name: gaps[name] for name in sorted(gaps)})


def _with_factors(column: TemplateColumn, cells: pd.Series, levels: _Levels) -> TemplateColumn:
    """Return a column with those of the others on which its numbers depend.

    It keeps as many decimals as each kind of rows that these make asks for.
    """
    others = {name: own for name, own in levels.codes.items() if name != column.name}
    measured = {name: own for name, own in levels.measured.items() if name != column.name}
    if not column.is_numeric or not others:
        return column
    factors = factors_of(ColumnNumbers.of(cells, column.form).values, others, measured)
    if not factors:
        return column
    rows = [*zip(*(levels.said[name] for name in factors), strict=True)]
    kinds = Kinds.of(rows).members(rows)
    return replace(column, factors=factors, decimals=decimals_of(cells, column.form, kinds))


class _Source(NamedTuple):
    """What may tell of another column, or be told by one: what it says, or where it is empty."""

    name: str
    of: CategoryOf


def _categories(levels: _Levels, columns: Sequence[TemplateColumn]) -> dict[str, Category]:
    """Return the categories among columns, by name, with what tells them.

    - Of words, all that repeat.
    - Of numbers that repeat, those that are names: they are long and without a unit, as bar codes
      are, others depend on them, or they tell of words or of gaps, and each number by itself more
      than with those next to it.
    - Of codes in place of numbers, all others.
    - Of gaps, those that others tell, or that tell of words, of names or of other gaps, as minutes
      of rework do by being there.
    """
    with_codes = {own.name for own in columns if own.form.codes}
    codes = {
        _Source(name, "codes" if name in with_codes else "words"): own
        for name, own in levels.codes.items()
    }
    codes |= {_Source(name, "gaps"): own for name, own in levels.gaps.items()}
    measured = {_Source(name, "words"): own for name, own in levels.measured.items()}
    telling = {own: _telling(own, codes, {}) for own in codes}
    by_names = {own: _telling(own, codes, measured) for own in codes} if measured else telling
    asked = {_Source(name, "words") for column in columns for name in column.factors}
    asked |= {other for own in codes if own not in measured for other in by_names[own]}
    have_unit = {own.name for own in columns if own.form.unit or unit_behind(own.name)}
    asked |= {
        own
        for own, numbers in measured.items()
        if own.name not in have_unit and are_article_numbers(numbers)
    }
    chosen: dict[str, _Source] = {}
    for own in codes:  # words first: a number that is a name is not asked where it is empty
        is_told = bool(telling[own]) if own.of == "gaps" else own not in measured
        if is_told or own in asked:
            chosen.setdefault(own.name, own)
    found = {
        name: Category(own.of, tuple(dict.fromkeys(other.name for other in telling[own])))
        for name, own in chosen.items()
    }
    for other in {other for own in chosen.values() for other in telling[own]}:
        if other.of == "gaps":  # which only a name has asked for
            found.setdefault(other.name, Category("gaps"))
    return found


def _telling(
    own: _Source, codes: dict[_Source, Codes], measured: dict[_Source, NDArray[np.float64]]
) -> tuple[_Source, ...]:
    """Return what of other columns tells one, that which tells most first."""
    others = {other: codes[other] for other in codes if other.name != own.name}
    return factors_of_levels(codes[own], others, measured)


def _told_apart(column: TemplateColumn, levels: _Levels) -> TemplateColumn:
    """Return a factor with so many decimals that rows tell its numbers apart, as 1.2 and 1.4.

    Of numbers in a row fewer may be kept; those of a factor say of which kind a row is.
    """
    numbers = levels.measured.get(column.name)
    if numbers is None or column.decimals is None:
        return column
    return replace(column, decimals=decimals_apart(numbers, column.decimals))
