"""Names of columns and sheets as people write them: equal but for blanks, case, width, units."""

import unicodedata
from collections.abc import Collection, Sequence

from polar_detect.tables.units import without_unit


def folded(name: str) -> str:
    """Return what names have in common that differ in blanks, case and width only.

    >>> folded("Temp．　[℃]") == folded("temp. [°C]")
    True
    """
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def match_column(names: Sequence[str], column: str, *, taken: Collection[str] = ()) -> str | None:
    """Return the column that is meant: of that name, else the one that differs least.

    By blanks around it only, as `folded` says, or, where the wanted name has no unit, by the
    unit that stands in brackets behind it.

    Parameters
    ----------
    names : sequence of str
        Of all columns.
    column : str
    taken : collection of str
        Columns that are something else.

    Returns
    -------
    str or None
        None where there is none, or more than one.
    """
    if column in names:
        return column
    for key, asked in (
        (str.strip, column.strip()),
        (folded, folded(column)),
        (_folded_bare, folded(column)),
    ):
        alike = [name for name in names if name not in taken and key(name) == asked]
        if len(alike) == 1 and asked:
            return alike[0]
    return None


def said_of_match(column: str, found: str) -> tuple[str, ...]:
    """Return what to say where a column has another name than was asked for."""
    return () if column == found else (f"column {found!r} is taken for {column!r}",)


def _folded_bare(name: str) -> str:
    return folded(without_unit(name))
