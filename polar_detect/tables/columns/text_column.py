"""Find the column of texts in a table, by name or, where it is obvious, by content."""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

import pandas as pd

from polar_detect.errors import InputError, listing, quoted
from polar_detect.shell import as_argument
from polar_detect.tables.cells.names import comma_separated, folded, match_column, said_of_match
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.results import result_columns
from polar_detect.tables.input.opening import TableReader

_MAX_LISTED_COLUMNS = 30
_SAMPLE_ROWS = 500
# A text column has at least so many words on average, and twice those of any other.
_MIN_WORDS = 2.0
_CLEAR_LEAD = 2.0
_USUAL_NAMES = ("text", "message", "description", "content", "本文", "内容", "テキスト")
_OTHER_COMMA = re.compile("[，、،;；]")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]{2}|[^\W\d_]{2,}")


@dataclass(frozen=True)
class TextColumn:
    """The column that holds the texts.

    Parameters
    ----------
    name : str
    notices : tuple of str
        That and why it was guessed, for people.
    """

    name: str
    notices: tuple[str, ...] = ()

    def texts(self, frame: pd.DataFrame) -> list[str]:
        """Return the text of each row; a missing one is empty."""
        return cells_as_text(frame[self.name])


def choose_text_column(
    reader: TableReader,
    asked: str | None,
    *,
    default: str | None = None,
    others: Collection[str] = (),
    may_take_rows: bool = False,
) -> TextColumn:
    """Return the column of the texts: the asked one, the default, or the one obvious candidate.

    Parameters
    ----------
    reader : TableReader
        When there is no other way, its first rows are read.
    asked : str or None
    default : str or None
        The column of a table when none is asked for; lines of text need none.
    others : collection of str
        Columns that hold something else, such as labels.
    may_take_rows : bool
        Whether rows can be asked for instead, for the message.

    Raises
    ------
    InputError
        There is no such column; or none was asked for and none, or more than one, looks like
        it; or one was asked for of a file where each line is one text.
    """
    if not reader.has_columns:
        check_no_column(reader, "--text-column", asked)
        return TextColumn(reader.columns[0])
    named = asked if asked is not None else default
    if named is not None:
        found = find_column(reader, named, "--text-column", taken=others)
        return TextColumn(found, said_of_match(named, found))
    unread = {*others, *result_columns(reader.columns)}
    names = [name for name in reader.columns if name not in unread]
    if len(names) == 1:
        return TextColumn(names[0])
    chunks = reader.chunks(_SAMPLE_ROWS)
    sample = next(chunk.frame for chunk in chunks if len(chunk.frame))
    chunks.close()
    guess = obvious_text_column(sample[names])
    if guess is None:
        rows = ", or --columns or --all-columns to take rows as a whole" if may_take_rows else ""
        raise no_column(
            reader.columns, None, "--text-column", other_sheets=reader.other_sheets, else_pass=rows
        )
    return guess


def obvious_text_column(frame: pd.DataFrame) -> TextColumn | None:
    """Return the one column that is obviously texts; None if none is, or more than one."""
    sample = frame.iloc[:_SAMPLE_ROWS]
    guess = _guess({str(name): _mean_words(sample[name]) for name in frame.columns})
    if guess is None:
        return None
    return TextColumn(guess, (f"the texts are read from column {guess!r} (--text-column)",))


def find_column(
    reader: TableReader, column: str, option: str | None, *, taken: Collection[str] = ()
) -> str:
    """Return the column that is meant by a name, which may differ in blanks, case, width, brackets.

    Parameters
    ----------
    reader : TableReader
    column : str
    option : str or None
        That names the column on the command line; None where a detector does.
    taken : collection of str
        Columns that are something else.

    Raises
    ------
    InputError
        There is none, or more than one.
    """
    found = match_column(reader.columns, column, taken=taken)
    if found is None:
        raise no_column(reader.columns, column, option, other_sheets=reader.other_sheets)
    return found


def check_no_column(reader: TableReader, option: str, column: str | None) -> None:
    """Raise `InputError` when a column is asked for where there are only lines."""
    if column is not None:
        raise InputError(
            f"Got {option} {column!r} for {reader.name}, where each line is one text; expected "
            f"none; leave {option} out or save the table with the ending .csv."
        )


def no_column(
    names: Sequence[str],
    column: str | None,
    option: str | None,
    *,
    other_sheets: Sequence[str] = (),
    else_pass: str = "",
    listed: Sequence[str] = (),
) -> InputError:
    """Return the error for a column that is not in a table; it names those that are.

    Parameters
    ----------
    names : sequence of str
    column : str or None
        None where none was asked for, and none is obvious.
    option : str or None
        That names the column on the command line; None where a detector does.
    other_sheets : sequence of str
        Of the file, in which the column might be.
    else_pass : str
        What else may be passed, behind the advice.
    listed : sequence of str
        Columns among which it is asked for.
    """
    got = f"no {option}" if column is None else f"column {column!r}"
    present = listing([_listed(name, column) for name in names], _MAX_LISTED_COLUMNS)
    printable = filter(str.isprintable, names)
    meant = difflib.get_close_matches(column or "", list(printable), n=1)
    if listed:
        meant = _parted(column or "", names) or meant
    instead = meant[:1]
    if meant and listed:
        others = ([name] if name != column else meant for name in listed)
        instead = [comma_separated([*chain.from_iterable(others)])]
    advice = f"Pass {option} {as_argument(instead[0]) if instead else 'with one of them'}"
    if option is None:
        advice = "The detector was fitted with it; add it to the table, or rename a column"
    verb = "pass " if option is None else ""
    sheet = f", or {verb}--sheet for {quoted(other_sheets)}" if other_sheets else ""
    return InputError(f"Got {got}; the table has: {present}. {advice}{else_pass}{sheet}.")


def _parted(listed: str, names: Sequence[str]) -> list[str]:
    """Return the columns between commas of other scripts, which keyboards write; none, unless all.

    >>> _parted("설비，노트", ["설비", "온도", "노트"]), _parted("a、b", ["a"])
    (['설비', '노트'], [])
    """
    asked = _OTHER_COMMA.split(listed)
    parts = [match_column(names, part, may_add_unit=True) for part in asked]
    found = [part for part in parts if part is not None]
    return found if len(found) == len(parts) > 1 else []


def _listed(name: str, column: str | None) -> str:
    """Return a name on one line; with what cannot be seen in it where that is the difference."""
    if column is not None and folded(name) == folded(column):
        return repr(name)
    return " ".join(name.split()) or "''"


def _guess(words: dict[str, float]) -> str | None:
    """Return the obvious candidate: the usual name, or far more words than any other."""
    wordy = [name for name, n in words.items() if n >= _MIN_WORDS]
    usual = [name for name, n in words.items() if n and name.strip().lower() in _USUAL_NAMES]
    if len(usual) == 1:
        return usual[0]
    if not wordy:
        return None
    first, *rest = sorted(wordy, key=lambda name: -words[name])
    return first if not rest or words[first] >= _CLEAR_LEAD * words[rest[0]] else None


def _mean_words(cells: pd.Series) -> float:
    """Return the mean number of words; in Japanese, of pairs of characters."""
    texts = cells_as_text(cells)
    return sum(len(_WORD.findall(text)) for text in texts) / max(1, len(texts))
