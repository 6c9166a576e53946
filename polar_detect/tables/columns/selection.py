"""Which columns of a table are meant: asked for by a person, or those of a table read before."""

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from polar_detect.errors import InputError
from polar_detect.tables.cells.names import (
    comma_separated,
    folded,
    match_column,
    said_of_matches,
)
from polar_detect.tables.cells.number_form import NumberForm
from polar_detect.tables.cells.units import are_same_units, unit_behind, without_unit
from polar_detect.tables.columns.text_column import no_column


@dataclass(frozen=True)
class RowColumns:
    """Which columns to write out, as a person asked for them.

    Parameters
    ----------
    asked : str or None
        Names with commas between them; a name that holds a comma stands in double quotes. None
        for every column.
    option : str
        With which they were asked for.
    for_all : str or None
        What asks for every column instead, where something does.
    """

    asked: str | None = None
    option: str = "--columns"
    for_all: str | None = None

    @classmethod
    def of(cls, names: Sequence[str], option: str = "--columns") -> "RowColumns":
        """Return what asks for these columns.

        >>> RowColumns.of(["a, b", "c"]).asked
        '"a, b",c'
        """
        return cls(comma_separated(names), option)

    @property
    def names(self) -> list[str]:
        """The names as they stand there."""
        if self.asked is None:
            return []
        listed = [
            name.strip() for name in next(csv.reader([self.asked], skipinitialspace=True), [])
        ]
        if not listed or not all(listed):
            raise InputError(
                f"Got {self.option} {self.asked!r}; expected names with commas between them; pass "
                f"for example {self.option} type,pressure."
            )
        return listed

    def choose(self, present: Sequence[str], *, others: Collection[str] = ()) -> list[str]:
        """Return the columns of a table that are meant, in the order asked for.

        A name may differ from the table's in blanks, case, width and kind of brackets, or lack a
        unit that the table's has. One with a comma in it, as Russian names have before their
        unit, need not stand in quotes where its parts are no columns.

        Parameters
        ----------
        present : sequence of str
            Every column of the table.
        others : collection of str
            Columns such as labels, which are left out unless asked for by name.

        Raises
        ------
        InputError
            There is no such column, or one is named twice.
        """
        if self.asked is None:
            return [name for name in present if name not in others]
        chosen: list[str] = []
        for name in _whole(self.names, present):
            own = match_column(present, name, may_add_unit=True)
            if own is None:
                is_single = self.for_all is not None and len(self.names) == 1  # as in --columns all
                else_pass = f", or {self.for_all} for all of them" if is_single else ""
                raise no_column(present, name, self.option, else_pass=else_pass, listed=self.names)
            if own in chosen:
                raise InputError(
                    f"Got column {own!r} twice in {self.option}; expected each once; leave one out."
                )
            chosen.append(own)
        return chosen

    def notices(self, present: Sequence[str]) -> list[str]:
        """Return which columns of a table are taken for others; raise as `choose` does."""
        asked = _whole(self.names, present)
        pairs = zip(asked, self.choose(present), strict=True) if self.asked else ()
        return said_of_matches(pairs)


def _whole(listed: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return names as they were listed, those whole again that hold commas.

    >>> _whole(["Масса", "Масса", "г", "p"], ["Масса", "Масса, г"])
    ['Масса', 'Масса', 'г', 'p']
    >>> _whole(["Масса", "г", "p"], ["Масса, г", "p"])
    ['Масса, г', 'p']
    """
    keys = {folded(name) for name in present if "," in name}
    found: list[str] = []
    rest = [*listed]
    while rest:
        n = 1
        if keys and match_column(present, rest[0], may_add_unit=True) is None:
            joined = (i for i in range(2, len(rest) + 1) if folded(",".join(rest[:i])) in keys)
            n = next(joined, 1)
        found.append(", ".join(rest[:n]))
        rest = rest[n:]
    return found


def find_columns(present: Sequence[str], forms: Mapping[str, NumberForm | None]) -> dict[str, str]:
    """Return what a table calls each column, as `match_column` does, without those it lacks.

    Parameters
    ----------
    present : sequence of str
        Every column of the table.
    forms : dict of str to NumberForm or None
        How the numbers of each column are written; None for a column of text.

    Raises
    ------
    InputError
        One is in another unit.
    """
    found: dict[str, str] = {}
    for name, form in forms.items():
        taken = [*forms, *found.values()]
        own = match_column(present, name, taken=taken, may_add_unit=form is not None)
        if own is not None:
            _check_unit_behind(own, name, None if form is None else form.unit)
            found[name] = own
        elif form is not None:
            _check_no_other_unit(present, name, taken)
    return found


def _check_no_other_unit(present: Sequence[str], column: str, taken: Collection[str]) -> None:
    """Raise `InputError` when a table has a column of numbers under its name with another unit.

    Only to rename it, as a column that is missing may be, would leave its numbers as they are.
    """
    unit, bare = unit_behind(column), folded(without_unit(column))
    alike = [name for name in present if name not in taken and folded(without_unit(name)) == bare]
    if unit is not None and len(alike) == 1:
        _check_unit_behind(alike[0], column, unit)


def _check_unit_behind(found: str, column: str, unit: str | None) -> None:
    """Raise `InputError` when a table's name for a column has another unit than the column had."""
    own = unit_behind(found)
    if own is not None and unit is not None and not are_same_units(own, unit):
        raise InputError(
            f"Got column {found!r} for {column!r}, whose unit was {unit} when it was fitted "
            f"on; expected {unit}; convert its numbers and rename it."
        )
