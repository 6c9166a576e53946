"""What a later table calls the columns that an earlier one had, and whether in the same units."""

from collections.abc import Collection, Mapping, Sequence

from polar_detect.errors import InputError
from polar_detect.tables.names import folded, match_column
from polar_detect.tables.number_form import NumberForm
from polar_detect.tables.units import are_same_units, unit_behind, without_unit


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
