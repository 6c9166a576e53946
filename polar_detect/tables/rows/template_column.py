"""The columns of rows as values: how each is written out, and which others tell it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

import pandas as pd

from polar_detect.tables.cells.minus_signs import checked_minus
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.cells.numbers import MISSING, Notation, is_missing
from polar_detect.tables.cells.thousands import SEPARATORS
from polar_detect.tables.cells.units import split_unit
from polar_detect.tables.rows.categories import level_of, levels_beside_numbers
from polar_detect.tables.rows.decimals import MAX_DECIMALS, decimals_of

_FLAGS = ("comma", "limits", "duration", "gaps", "hours", "deviations")  # of the form of numbers

CategoryOf = Literal["words", "gaps", "codes"]


@dataclass(frozen=True)
class Category:
    """What a column says again and again.

    Parameters
    ----------
    of : {"words", "gaps", "codes"}
        What its cells say, be it a word or the number of a program; or only whether they are
        empty, as whatever they say is new in every row; or what they say in place of a number.
    factors : tuple of str
        The columns that tell it, the one that tells most first: a product tells its program.
    """

    of: CategoryOf
    factors: tuple[str, ...] = ()


@dataclass(frozen=True)
class TemplateColumn:
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
        The columns on which its numbers depend, as a size does on the product.
    category : Category, optional
        Where it says the same few things again and again: a column of words, or of numbers that
        name programs or are often missing.
    is_ever_new : bool
        Whether new rows say what no row before says there, as dates, counts of the rows and lots
        do: then it is neither numbers nor a category.
    is_condition : bool
        Whether it says under what conditions a row was made, and not what came out.
    """

    name: str
    decimals: int | None
    form: NumberForm = field(default_factory=NumberForm)
    factors: tuple[str, ...] = ()
    category: Category | None = None
    is_ever_new: bool = False
    is_condition: bool = False

    @classmethod
    def fit(cls, cells: pd.Series, name: str, *, commas: bool = False) -> "TemplateColumn":
        """Return the column as its cells are; `commas` as `NumberForm.of` has it."""
        form = NumberForm.of(cells, name, commas=commas)
        decimals = decimals_of(cells, form)
        if decimals is None:
            return cls(name, None)
        return cls(name, decimals, form)

    @property
    def is_numeric(self) -> bool:
        """Whether this is a column of numbers."""
        return self.decimals is not None

    @property
    def step(self) -> float:
        """By how much its numbers differ at least, as they are rounded."""
        return 10.0 ** -(self.decimals or 0)

    @property
    def repeats(self) -> bool:
        """Whether it says the same few words again and again."""
        return self.category is not None and self.category.of == "words"

    @property
    def may_be_condition(self) -> bool:
        """Whether others can be judged by what it says."""
        return self.is_numeric or self.repeats

    def as_condition(self) -> "TemplateColumn":
        """Return the same as a condition, which nothing else tells."""
        category = None if self.category is None else replace(self.category, factors=())
        return replace(self, factors=(), category=category, is_condition=True)

    @property
    def has_codes(self) -> bool:
        """Whether it is one of numbers, in whose place it says the same few words."""
        return self.category is not None and self.category.of == "codes"

    @property
    def asked(self) -> tuple[str, ...]:
        """The columns on which its numbers depend, and those that tell what else it says."""
        return self.factors + (() if self.category is None else self.category.factors)

    @property
    def is_name(self) -> bool:
        """Whether its numbers are names, such as those of programs, that tell of other columns."""
        return self.is_numeric and self.repeats

    def levels(self, cells: Sequence[str], notation: Notation) -> list[str]:
        """Return what cells say as a category or factor, however spelt; "" where one is empty."""
        if self.has_codes:
            return levels_beside_numbers(cells, notation)
        said = [level_of(cell, notation) for cell in cells]
        if self.category is not None and self.category.of == "gaps":
            return ["filled" if level else "" for level in said]
        return said

    def is_empty(self, cell: str, notation: Notation) -> bool:
        """Return whether a cell of numbers or of a category, as a row says it, has no value.

        A "none" among words is an answer; of a column that is neither, nothing is asked.
        """
        if self.is_numeric or (self.category is not None and self.category.of == "gaps"):
            return is_missing(cell, notation)
        return self.category is not None and cell == MISSING

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        stored: dict[str, Any]
        stored = {"name": self.name, "decimals": self.decimals, "unit": self.form.unit}
        if self.form.minus is not None:
            stored["minus"] = self.form.minus
        if self.form.thousands is not None:
            stored["thousands"] = self.form.thousands
        if self.factors:
            stored["factors"] = [*self.factors]
        if self.category:
            stored["category"] = {"of": self.category.of, "factors": [*self.category.factors]}
        if self.form.codes:
            stored["codes"] = [*self.form.codes]
        if self.is_ever_new:
            stored["ever_new"] = True
        if self.is_condition:
            stored["condition"] = True
        return stored | {key: True for key in _FLAGS if getattr(self.form, key)}

    @classmethod
    def from_json(cls, content: Any, names: Sequence[str]) -> "TemplateColumn":
        """Return the column that `to_json` wrote, of a template with columns of these names.

        Raises
        ------
        KeyError, TypeError, ValueError
            The content is something else.
        """
        form = NumberForm(
            _checked_unit(content.get("unit")),
            checked_minus(content.get("minus")),
            thousands=_checked_thousands(content),
            codes=_checked_codes(content.get("codes", [])),
            **{key: checked_flag(content.get(key, False)) for key in _FLAGS},
        )
        factors = _checked_factors(content.get("factors", []), names)
        category, decimals = content.get("category"), _checked_decimals(content["decimals"])
        is_ever_new, is_condition = (
            checked_flag(content.get(key, False)) for key in ("ever_new", "condition")
        )
        if category is not None:
            own = _checked_factors(category["factors"], names)
            category = Category(_checked_of(category["of"]), own)
        name = str(content["name"])
        column = cls(name, decimals, form, factors, category, is_ever_new, is_condition)
        if is_condition and not column.may_be_condition:
            raise ValueError("a condition that says nothing that comes again")
        if is_ever_new and (column.is_numeric or column.repeats):
            raise ValueError("what is ever new among what counts")
        if column.has_codes and not (form.codes and column.is_numeric):
            raise ValueError("codes of a column that has none")
        return column


def _checked_unit(value: Any) -> str | None:
    if value is not None and (type(value) is not str or split_unit(f"1{value}") != ("1", value)):
        raise ValueError(f"unit {value!r}")
    return value


def _checked_thousands(content: Any) -> str | None:
    has_points = checked_flag(content.get("points", False))  # as they were stored at first
    value = content.get("thousands", "." if has_points else None)
    if value not in (None, *SEPARATORS):
        raise ValueError(f"thousands {value!r}")
    return cast(str | None, value)


def checked_flag(value: Any) -> bool:
    """Return what is stored as true or false; raise `ValueError` for anything else."""
    if type(value) is not bool:
        raise ValueError(f"flag {value!r}")
    return value


def _checked_codes(value: Any) -> tuple[str, ...]:
    if type(value) is not list or not all(type(own) is str and own for own in value):
        raise ValueError(f"codes {value!r}")
    return tuple(value)


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
