"""The columns of rows: how each is written out, and on which others its numbers depend."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.factors import Kinds, codes_of, factors_of
from polar_detect.surprisal import factors_of_levels
from polar_detect.tables.categories import categories_of, gaps_of, level_of
from polar_detect.tables.cell_numbers import MISSING, Notation, is_missing
from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.minus_signs import checked_minus
from polar_detect.tables.number_form import NumberForm
from polar_detect.tables.row_cells import (
    MAX_DECIMALS,
    CellNumbers,
    decimals_apart,
    decimals_of,
    said_of_numbers,
)
from polar_detect.tables.units import split_unit

_FLAGS = ("comma", "limits", "duration", "gaps", "hours")  # of the form of numbers
_MOST_NAMES = 20  # columns of numbers that may name programs, machines or sizes
_MOST_GAPS = 50  # columns that are empty in some rows; of more it is not asked which go together

CategoryOf = Literal["words", "gaps"]


def fitted_columns(frame: pd.DataFrame, names: Sequence[str]) -> tuple["RowColumn", ...]:
    """Return columns of a table as their cells are."""
    columns = [RowColumn.fit(frame[name], name) for name in names]
    categories = _Categories.of(frame, columns)
    columns = [column.beside(categories, frame[column.name]) for column in columns]
    found = categories.with_factors(columns)
    columns = [replace(column, category=found.get(column.name)) for column in columns]
    factors = {name for column in columns for name in column.factors}
    factors |= {name for own in found.values() for name in own.factors}
    return tuple(categories.told_apart(own) if own.name in factors else own for own in columns)


def numeric_names(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the columns of a table that hold numbers, but for flags such as 0 and 1."""
    return [
        name
        for name in names
        if RowColumn.fit(frame[name], name).decimals is not None
        and len(set(filter(None, cells_as_text(frame[name])))) > 2
    ]


@dataclass(frozen=True)
class Category:
    """What a column says again and again.

    Parameters
    ----------
    of : {"words", "gaps"}
        What its cells say, or whether they are empty.
    factors : tuple of str
        The columns that tell it; those say the same few things again and again too.
    """

    of: CategoryOf
    factors: tuple[str, ...] = ()

    def level(self, cell: str, notation: Notation) -> str:
        """Return what a cell says; "" where it is empty."""
        level = level_of(cell, notation)
        return "filled" if level and self.of == "gaps" else level


@dataclass(frozen=True)
class RowColumn:
    """One column of a template.

    Parameters
    ----------
    name : str
        In the table.
    decimals : int or None
        Digits behind the point to which numbers are rounded; None for a column of text.
    form : NumberForm
        How its numbers are written.
    factors : tuple of str
        The columns on which its numbers depend: those say the same few things again and again.
    category : Category, optional
        What it says again and again, where it does.
    """

    name: str
    decimals: int | None
    form: NumberForm = field(default_factory=NumberForm)
    factors: tuple[str, ...] = ()
    category: Category | None = None

    @classmethod
    def fit(cls, cells: pd.Series, name: str) -> "RowColumn":
        """Return the column as its cells are."""
        form = NumberForm.of(cells, name)
        decimals = decimals_of(cells, form)
        if decimals is None:
            return cls(name, None)
        return cls(name, decimals, form)

    def is_empty(self, cell: str, notation: Notation) -> bool:
        """Return whether a cell, as a row says it, has no value; never of other text."""
        if self.decimals is None and (self.category is None or self.category.of == "words"):
            return self.category is not None and cell == MISSING
        return is_missing(cell, notation)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        stored: dict[str, Any]
        stored = {"name": self.name, "decimals": self.decimals, "unit": self.form.unit}
        if self.form.minus is not None:
            stored["minus"] = self.form.minus
        if self.factors:
            stored["factors"] = [*self.factors]
        if self.category:
            stored["category"] = {"of": self.category.of, "factors": [*self.category.factors]}
        return stored | {key: True for key in _FLAGS if getattr(self.form, key)}

    @classmethod
    def from_json(cls, content: Any, names: Sequence[str]) -> "RowColumn":
        """Return the column that `to_json` wrote, of a template with columns of these names.

        Raises
        ------
        KeyError, TypeError, ValueError
            The content is something else.
        """
        form = NumberForm(
            _checked_unit(content.get("unit")),
            checked_minus(content.get("minus")),
            *(_checked_flag(content.get(key, False)) for key in _FLAGS),
        )
        factors = _checked_factors(content.get("factors", []), names)
        category, decimals = content.get("category"), _checked_decimals(content["decimals"])
        if category is not None:
            own = _checked_factors(category["factors"], names)
            category = Category(_checked_of(category["of"]), own)
        return cls(str(content["name"]), decimals, form, factors, category)

    def beside(self, categories: "_Categories", cells: pd.Series) -> "RowColumn":
        """Return the column with those of a table's categories on which its numbers depend.

        It keeps as many decimals as each kind of rows that these make asks for.
        """
        others = {name: codes for name, codes in categories.codes.items() if name != self.name}
        if self.decimals is None or not others:
            return self
        measured = {name: own for name, own in categories.measured.items() if name != self.name}
        factors = factors_of(CellNumbers.of(cells, self.form).values, others, measured)
        if not factors:
            return self
        levels = [*zip(*(categories.said[name] for name in factors), strict=True)]
        kinds = Kinds.of(levels).members(levels)
        return replace(self, factors=factors, decimals=decimals_of(cells, self.form, kinds))


class _Told(NamedTuple):
    """What of a column others may tell, and it of others."""

    name: str
    of: CategoryOf


class _Categories(NamedTuple):
    """What rows say in the columns on which numbers may depend, as words and as codes.

    A number is said in one way: 20.0 and ２０ are 20.
    """

    said: dict[str, list[str]]
    codes: dict[str, NDArray[np.intp]]
    measured: dict[str, NDArray[np.float64]]
    gaps: dict[str, NDArray[np.intp]]  # of other columns and of numbers, which cells are empty

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: Sequence[RowColumn]) -> Self:
        """Return the categories of a table, of words or of numbers such as those of programs.

        Where many columns of numbers say few things, these are counts or pixels, and no names.
        """
        said = categories_of(frame, [own.name for own in columns])
        numeric = [own for own in columns if own.decimals is not None and own.name in said]
        if len(numeric) > _MOST_NAMES:
            for own in numeric:
                del said[own.name]
            numeric = []
        measured = {own.name: CellNumbers.of(frame[own.name], own.form).values for own in numeric}
        said |= {name: said_of_numbers(said[name], own) for name, own in measured.items()}
        words = said.keys() - measured.keys()
        gaps = gaps_of(frame, [own.name for own in columns if own.name not in words])
        if len(gaps) > _MOST_GAPS:
            gaps = {}
        return cls(said, {name: codes_of(own) for name, own in said.items()}, measured, gaps)

    def with_factors(self, columns: Sequence[RowColumn]) -> dict[str, Category]:
        """Return what columns say again and again, and which others tell it.

        Of words all, of numbers those that tell of others, as that of a program does, and of empty
        cells those of which others tell where they are, or that tell of any of these: also of
        numbers that tell of others by being there only, as minutes of rework do.
        """
        codes: dict[_Told, NDArray[np.intp]]
        codes = {_Told(name, "words"): own for name, own in self.codes.items()}
        codes |= {_Told(name, "gaps"): own for name, own in self.gaps.items()}
        factors = {
            own: factors_of_levels(
                codes[own], {other: codes[other] for other in codes if other.name != own.name}
            )
            for own in codes
        }
        words = {own for own in codes if own.of == "words" and own.name not in self.measured}
        telling = {_Told(name, "words") for column in columns for name in column.factors}
        telling |= {
            other for own in codes if own in words or own.of == "gaps" for other in factors[own]
        }
        found: dict[str, Category] = {}
        for own in codes:  # words first: a number that is a name is not asked where it is empty
            is_told = own.of == "gaps" and factors[own]
            if own.name not in found and (own in words or own in telling or is_told):
                found[own.name] = Category(
                    own.of, (*dict.fromkeys(other.name for other in factors[own]),)
                )
        chosen = [own for own in codes if own.name in found and found[own.name].of == own.of]
        for other in {other for own in chosen for other in factors[own]}:
            if other.of == "gaps":
                found.setdefault(other.name, Category("gaps"))
        return found

    def told_apart(self, column: RowColumn) -> RowColumn:
        """Return a factor with so many decimals that rows tell its numbers apart, as 1.2 and 1.4.

        Of numbers in a row fewer may be kept; those of a factor say of which kind a row is.
        """
        numbers = self.measured.get(column.name)
        if numbers is None or column.decimals is None:
            return column
        return replace(column, decimals=decimals_apart(numbers, column.decimals))


def _checked_unit(value: Any) -> str | None:
    if value is not None and (type(value) is not str or split_unit(f"1{value}") != ("1", value)):
        raise ValueError(f"unit {value!r}")
    return value


def _checked_flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"flag {value!r}")
    return value


def _checked_factors(value: Any, names: Sequence[str]) -> tuple[str, ...]:
    if type(value) is not list or not all(value.count(own) == 1 and own in names for own in value):
        raise ValueError(f"factors {value!r}")
    return tuple(value)


def _checked_of(value: Any) -> CategoryOf:
    if value not in get_args(CategoryOf):
        raise ValueError(f"category of {value!r}")
    return cast(CategoryOf, value)


def _checked_decimals(value: Any) -> int | None:
    if value is not None and (type(value) is not int or not 0 <= value <= MAX_DECIMALS):
        raise ValueError(f"decimals {value!r}")
    return value
