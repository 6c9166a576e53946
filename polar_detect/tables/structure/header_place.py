"""Which of the first records of a table holds the names of its columns.

One idea: the first one does, unless a lower one looks like names and fits the rows below it, there
is a *reason* why what stands above is none of the table, and a column has a *sign* that its cell
there is its name. Each reason says which signs it asks for. Before all that counts what somebody
asks for by name. `candidates` has what a record is judged by, `signs` what a column says.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import chain, pairwise

from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.units import is_unit, without_unit
from polar_detect.tables.structure.candidates import MOST_ABOVE, Beginning, Candidate
from polar_detect.tables.structure.cell_types import Records, is_date, is_numeral, is_word, reach
from polar_detect.tables.structure.signs import (
    ALL_SIGNS,
    CLEAR_SIGNS,
    SIGNS_OF_NUMBERS,
    Column,
    Signs,
    has_digit,
    is_as_below,
    of_first_column,
)
from polar_detect.tables.structure.vocabulary import are_columns, is_of_form

_PAIR = 2  # cells: what is said, and of what
_MIN_FULL = 4  # names: twice what a title and a date beside it have
_MOST_SINGLE = 0.9  # of the records below the name of a single column


def place_of_names(records: Records, expected: Collection[str] = ()) -> int:
    """Return which record has the names, or the first row of them.

    Parameters
    ----------
    records : sequence of sequence of str
        The first ones of a table.
    expected : collection of str
        Names that somebody asks for.
    """
    asked = _place_asked_for(records, expected)
    if asked is not None:
        return asked
    lower = (own for own in Beginning(_from_first_column(records)).candidates if own.place)
    return next((own.place for own in lower if _are_names(own) or _is_single_name(own)), 0)


def _are_names(own: Candidate) -> bool:
    """Return whether the record itself, what stands above it, and the rows below all say so."""
    is_told = own.looks_like_names and any(own.has(reason(own)) for reason in _REASONS)
    return is_told and own.fits_rows


def _below_gap(own: Candidate) -> Signs:
    """Titles and lists of settings stand above an empty record, and names below it."""
    return _signs_of_another_table(own) if own.is_below_gap and _is_new_table(own) else ()


def _is_new_table(own: Candidate) -> bool:
    """Return whether it has far more below than above, and is below no table of the first one."""
    return own.is_above_most and own.place < own.beginning.end_of_first_table


def _signs_of_another_table(own: Candidate) -> Signs:
    """Return what tells names from more rows of a table of which the first record has the names.

    Any sign if most records reach beyond the first, or it begins pairs and no gaps follow as they
    do between groups. A single record may be the names of what stands below the gap; then only
    numbers count, unless it has a number itself.
    """
    are_pairs = own.n_above > 1 and all(map(_is_pair, own.above))
    has_gaps = any(i > j + 1 for j, i in pairwise(own.beginning.filled[own.n_above :]))
    if own.beginning.usual_reach or (are_pairs and not has_gaps):
        return ALL_SIGNS
    return CLEAR_SIGNS if any(map(is_numeral, own.beginning.records[0])) else SIGNS_OF_NUMBERS


def _is_pair(record: Sequence[str]) -> bool:
    """Return whether a record holds a word and what it stands for, or the word alone."""
    return 0 < reach(record) <= _PAIR and bool(record[0].strip())


def _below_pairs(own: Candidate) -> Signs:
    """Pairs stand right above two columns, of which the first tells that it is none of theirs.

    Numbers or dates stand below the first name, and none does in what a pair says first; or a pair
    says a number or a date, none stands in the second column, and the first has any sign. A single
    pair may be the upper one of two rows of names, unless it says such a one.
    """
    is_such = reach(own.cells) == _PAIR and own.is_above_most
    if not is_such or any(reach(pair) > _PAIR or has_digit(pair[0]) for pair in own.above):
        return ()
    said = [pair[1] for pair in own.above if reach(pair) == _PAIR]
    if not any(map(has_digit, said)):
        return ()
    found = SIGNS_OF_NUMBERS if own.n_above > 1 else ()
    if any(map(is_numeral, said)):
        n_full = sum(reach(row) == _PAIR for row in own.rows)
        are_words = 2 * n_full > len(own.rows) and not any(map(is_numeral, own.columns[-1].below))
        some = ALL_SIGNS if own.n_above > 1 else CLEAR_SIGNS
        found = some if are_words else SIGNS_OF_NUMBERS
    return of_first_column(found)


def _fuller_than_above(own: Candidate) -> Signs:
    """Four names or more fill twice as many cells as each record above.

    There a title on the left and a date on the right may reach as far as the table. Below a first
    record that is such names itself, it is another table's.
    """
    first = own.beginning.candidates[0]
    is_in_another = first.place == 0 and _is_full(first) and first.heads_numbers
    return SIGNS_OF_NUMBERS if _is_full(own) and not is_in_another else ()


def _is_full(own: Candidate) -> bool:
    """Return whether no cell is empty, of four at least and twice as many as in any above."""
    above = own.beginning.candidates[: own.n_above]
    least = max(_MIN_FULL, 2 * max((len(other.names) for other in above), default=0))
    return len(own.names) == reach(own.cells) >= least


def _below_date(own: Candidate) -> Signs:
    """Titles and what a form says stand right above with a day among them, each in fewer cells.

    Several days in one record name columns. Any sign if all of it is narrower than most rows; else
    it may name the columns between a title and a day, so that only numbers count.
    """
    above = [[cell for cell in record if cell.strip()] for record in own.above]
    n_days = [sum(map(is_date, record)) for record in above]
    is_such = max(n_days, default=0) == 1 and own.is_above_most
    if not is_such or max(map(len, above)) >= len(own.names):
        return ()
    if not all(is_date(cell) or is_word(cell) for cell in chain(*above)):
        return ()
    usual = own.beginning.usual_reach
    is_narrow = max(map(reach, own.above)) < usual <= reach(own.cells)
    return ALL_SIGNS if is_narrow else SIGNS_OF_NUMBERS


def _below_form(own: Candidate) -> Signs:
    """Pairs say who made a form, or what of, and below them all is called as columns often are."""
    are_such = own.is_above_most and all(map(is_of_form, own.above)) and are_columns(own.cells)
    return ALL_SIGNS if are_such else ()


def _as_wide_as_most(own: Candidate) -> Signs:
    """Most records reach beyond the first one, which therefore has no names for them."""
    usual = own.beginning.usual_reach
    return CLEAR_SIGNS if usual and reach(own.cells) >= usual else ()


_REASONS: Sequence[Callable[[Candidate], Signs]] = (
    _below_gap,
    _below_pairs,
    _fuller_than_above,
    _below_date,
    _below_form,
    _as_wide_as_most,
)
"""Each returns which signs it asks for; none where what it says is not so."""


def _is_single_name(own: Candidate) -> bool:
    """Return whether a record names the only column: below pairs, above nearly all single cells.

    A line of a log may hold the delimiter. Without a gap, or where other columns may be empty,
    there are two pairs at least, and signs.
    """
    above = [reach(record) for record in own.above]
    if reach(own.cells) != 1 or 1 in above or not _is_new_table(own):
        return False
    name = own.cells[0].strip()
    n_single = sum(reach(record) == 1 for record in own.below)
    if not is_word(name) or is_unit(name) or n_single < _MOST_SINGLE * len(own.below):
        return False
    if own.is_below_gap and len(own.cells) == 1:
        return True
    column = Column(name, 0, own.above, own.below)
    is_told = own.is_below_gap or own.n_above > 1
    has_sign = any(sign(column) for sign in _signs_of_another_table(own))
    return is_told and has_sign and not is_as_below(name, column.below)


def _from_first_column(records: Records) -> Records:
    """Return records without the columns before the first that is filled in any of them."""
    starts = (next((j for j, cell in enumerate(own) if cell.strip()), None) for own in records)
    first = min((j for j in starts if j is not None), default=0)
    return [record[first:] for record in records] if first else records


def _place_asked_for(records: Records, expected: Collection[str]) -> int | None:
    """Return the record with most of the names asked for, and half at least; else the first.

    A single one may be said in a row of texts too. None where the first has none either.
    """
    wanted = _keys(expected)
    n_first = len(wanted & _keys(records[0]))
    if n_first == len(wanted):
        return 0 if wanted else None
    filled = [i for i in range(1, len(records)) if reach(records[i])]
    n_found = {0: n_first} | {i: len(wanted & _keys(records[i])) for i in filled[:MOST_ABOVE]}
    best = max(n_found, key=lambda i: n_found[i])
    is_sure = n_found[best] > 1 or _are_said_once(records, best)
    if best and 2 * n_found[best] >= len(wanted) and is_sure:
        return best
    return 0 if n_first else None


def _are_said_once(records: Records, place: int) -> bool:
    """Return whether a record has words alone, none of which is in its column in another one."""
    words = {j: cell.strip() for j, cell in enumerate(records[place]) if cell.strip()}
    others = [record for i, record in enumerate(records) if i != place]
    is_again = any(
        j < len(own) and own[j].strip() == word for own in others for j, word in words.items()
    )
    return all(map(is_word, words.values())) and not is_again


def _keys(names: Collection[str]) -> set[str]:
    """Return what names have in common that differ in blanks, case, width, dashes and a unit."""
    return {folded(without_unit(name)) for name in names if name.strip()}
