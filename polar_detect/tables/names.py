"""Names of columns as people write them: equal but for blanks, case and the width of letters."""

import unicodedata
from collections.abc import Collection, Sequence


def folded(name: str) -> str:
    """Return what names have in common that differ in blanks, case and width only.

    >>> folded("Temp．　[℃]") == folded("temp. [°C]")
    True
    """
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def match_column(names: Sequence[str], column: str, *, taken: Collection[str] = ()) -> str | None:
    """Return the column that is meant: of that name, else the one that differs least.

    By blanks around it only, or as `folded` says.

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
    for key in (str.strip, folded):
        alike = [name for name in names if name not in taken and key(name) == key(column)]
        if len(alike) == 1 and key(column):
            return alike[0]
    return None


def said_of_match(column: str, found: str) -> tuple[str, ...]:
    """Return what to say where a column has another name than was asked for."""
    return () if column == found else (f"column {found!r} is taken for {column!r}",)
