"""Names as people write them: equal but for blanks, case, width, kinds of dashes and brackets."""

import csv
import io
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from polar_detect.tables.cells.units import (
    CLOSING,
    OPENING,
    are_same_units,
    unit_behind,
    without_unit,
)

_MAX_MATCHES_APART, _MAX_MATCHES = 3, 10  # said one by one; said at all
_ROUND = str.maketrans(OPENING + CLOSING, len(OPENING) * "(" + len(CLOSING) * ")")
# A Japanese keyboard writes PC-300 with a long vowel or a minus sign, which look the same, and
# programs store the wave dash of 10〜20 in two ways.
_DASHES = "\u2010\u2012\u2013\u2014\u2015\u2212\u2500\u30fc"
_ACCENTS = dict.fromkeys(range(0x300, 0x370))
_AS_TYPED = str.maketrans(dict.fromkeys(_DASHES, "-") | {"\u301c": "~"})


def folded(name: str) -> str:
    """Return what names have in common that differ in blanks, case, width and dashes only.

    >>> folded("Temp．　[℃]") == folded("temp. [°C]")
    True
    >>> folded("ＰＣー３００") == folded("pc−300") == folded("PC-300")
    True
    """
    plain = unicodedata.normalize("NFKC", name).translate(_AS_TYPED)
    return "".join(plain.casefold().split())


def folded_letters(text: str) -> str:
    """Return a text in half width and small letters, and without accents.

    >>> folded_letters("１ Déc. 2026"), folded_letters("KASIM"), folded_letters("오전 8:15")
    ('1 dec. 2026', 'kasim', '오전 8:15')
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).translate(_ACCENTS)
    return unicodedata.normalize("NFKC", apart).casefold().replace("ı", "i")


def match_column(
    names: Sequence[str],
    column: str,
    *,
    taken: Collection[str] = (),
    may_add_unit: bool = False,
) -> str | None:
    """Return the column that is meant: of that name, else the one that differs least.

    By blanks around it only, as `folded` says, by the kind of its brackets, or by a unit that
    stands in brackets behind it and was not asked for. In brackets mPa is not MPa.

    Parameters
    ----------
    names : sequence of str
        Of all columns.
    column : str
    taken : collection of str
        Columns that are something else.
    may_add_unit : bool
        For columns of numbers: a count in brackets, 不良（個）, is no label 不良. Of several names
        that go on in brackets, temp (C) and temp [K], none is meant.

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
        (_in_round_brackets, _in_round_brackets(column)),
    ):
        alike = [
            name
            for name in names
            if name not in taken and key(name) == asked and _are_in_same_unit(name, column)
        ]
        if len(alike) == 1 and asked:
            return alike[0]
    return _with_unit(names, column, taken) if may_add_unit else None


def look_the_same(name: str, other: str) -> bool:
    r"""Return whether names differ in nothing that is seen, as accents apart from letters (NFD).

    >>> look_the_same("caf\u00e9", "cafe\u0301"), look_the_same("notes", "Notes")
    (True, False)
    """
    return unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)


def said_of_match(column: str, found: str) -> tuple[str, ...]:
    """Return what to say where a column has another name than was asked for."""
    asked, own = on_one_line(column), on_one_line(found)
    return () if look_the_same(asked, own) else (f"column {own!r} is taken for {asked!r}",)


def said_of_matches(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Return which columns have other names than were asked for: of many in one sentence.

    >>> said_of_matches([("a", "a [K]"), ("b", "b"), ("c", "C"), ("d", "d [s]"), ("e", "E")])
    ["4 columns of other names are read: 'a' = 'a [K]', 'c' = 'C', 'd' = 'd [s]', 'e' = 'E'"]
    """
    others = [(name, own) for name, own in pairs if said_of_match(name, own)]
    if len(others) <= _MAX_MATCHES_APART:
        return [notice for name, own in others for notice in said_of_match(name, own)]
    listed = [" = ".join(map(repr, map(on_one_line, pair))) for pair in others]
    more = ["…"] if len(listed) > _MAX_MATCHES else []
    said = ", ".join([*listed[:_MAX_MATCHES], *more])
    return [f"{len(others)} columns of other names are read: {said}"]


def comma_separated(names: Sequence[str]) -> str:
    """Return names with commas between them; one that holds a comma stands in double quotes.

    >>> comma_separated(["a, b", "c"])
    '"a, b",c'
    """
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(" ".join(name.split()) for name in names)
    return written.getvalue()


def on_one_line(name: str) -> str:
    """Return a name as it is said: a heading in a sheet may take several lines."""
    lines = name.splitlines()
    return name if lines == [name] else " ".join(map(str.strip, lines))


def _in_round_brackets(name: str) -> str:
    return folded(name).translate(_ROUND)


def _are_in_same_unit(name: str, other: str) -> bool:
    units = unit_behind(name), unit_behind(other)
    return None in units or are_same_units(*map(str, units))


def _with_unit(names: Sequence[str], column: str, taken: Collection[str]) -> str | None:
    asked = _in_round_brackets(column)
    alike = [
        name for name in names if f"{_in_round_brackets(name)}(".startswith(f"{asked}(") and asked
    ]
    if len(alike) != 1 or alike[0] in taken:
        return None
    return alike[0] if _in_round_brackets(without_unit(alike[0])) == asked else None
