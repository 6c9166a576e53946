"""What every renderer says of a row, in the language of the reader: which it is, and why."""

import math
from collections.abc import Sequence

import numpy as np

from polar_detect.messages.formatting import (
    NAME_CHARACTERS,
    NO_VALUE,
    Numbers,
    cell_range,
    one_line,
)
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column
from polar_detect.report.content import marked
from polar_detect.report.content.data import (
    CellReport,
    Contribution,
    ListedRow,
    Numbering,
    RepeatedRow,
    RowReport,
)
from polar_detect.report.content.reasons import lacking, new_values, reasons_of_row
from polar_detect.signature.columns.mistake import Mistake
from polar_detect.signature.digits import UnusualDigits
from polar_detect.signature.flat_runs import FlatRun
from polar_detect.signature.known_anomalies import KnownAnomaly
from polar_detect.signature.repeats import Repeat
from polar_detect.texts.visible import visible

_N_LEADING = 2  # reasons of each listed row
_NOT_ALL = 0.99  # as which a share is said that is rounded to all
_SMALLEST, _LARGEST = 1e-9, 1e15  # numbers that are written without a power of ten
_MOST_NAMED = 4  # columns of a row
_SAID_CHARACTERS = 160  # of another text: a labelled anomaly, or one that is repeated


def row_name(row: int | str, numbering: Numbering) -> str:
    """Return the number of a row with separators, or its name, which may be foreign.

    >>> row_name(1234, "data"), row_name(1234, "index")
    ('1,234', '1234')
    """
    return f"{row:,}" if numbering != "index" else visible(str(row))


def row_title(row: int | str, numbering: Numbering, language: Language) -> str:
    """Return which row it is; a name in an index is written as it is, also if it is a number.

    >>> row_title(240117, "index", Language("en"))
    'Row 240117 by the index'
    """
    return language.say(f"card.row.{numbering}", row=str(row) if numbering == "index" else row)


def row_place(row: int | str, time: str, numbering: Numbering, language: Language) -> str:
    """Return the same within a sentence, and when the row was.

    >>> row_place(1234, "2026-03-01 08:15", "file", Language("en"))
    'line 1,234 (2026-03-01 08:15)'
    """
    name = one_line(row_name(row, numbering), NAME_CHARACTERS)
    said = language.say(f"row.place.{numbering}", row=name)
    if time in ("", row):  # an index of moments says so itself
        return said
    return language.say("row.when", row=said, time=one_line(time, NAME_CHARACTERS))


def passage(row: RowReport, language: Language) -> str:
    """Return which passage of its text a row shows."""
    number = next(own.number for own in row.passages if own.is_strangest)
    return language.say("card.passage", i=number, n=row.n_passages)


def why(row: RowReport, numbers: Numbers, numbering: Numbering, language: Language) -> str:
    """Return what raised the score of `row`, and which of its words, in sentences."""
    raised = [_reason(part, row, numbers, language) for part in reasons_of_row(row)]
    sentences = [
        language.say("card.raised", reasons=language.joined(raised))
        if raised
        else language.say("card.not_raised")
    ]
    if new := new_values(row.new_cells, language, "card.new.cell"):
        sentences.append(language.say("card.new", cells=language.joined(new)))
    if row.known is not None:
        sentences.append(_known(row.known, language))
    if row.repeated is not None:
        repeat = repeated(row.repeated, numbering, language)
        sentences.append(language.say("card.repeat", repeat=repeat))
    if row.unusual_digits is not None:
        digits = digits_told(row.unusual_digits, language)
        sentences.append(language.say("card.digits", digits=digits))
    if row.mistakes:
        mistakes = mistakes_told(row.mistakes, language)
        sentences.append(language.say("card.mistake", mistakes=mistakes))
    if row.flat_runs:
        flat = flat_told(row.flat_runs, language)
        sentences.append(language.say("card.flat_run", flat_runs=flat))
    if row.n_fine:
        sentences.append(language.say("card.fine", n=row.n_fine))
    if not row.cells:  # else the names of the columns would be named, in each row the same
        shared = [one_line(word, NAME_CHARACTERS) for word in row.labelled_words]
        sentences += _naming("card.labelled_words", shared, language)
        costliest = marked.costliest(row.text, row.tokens)
        sentences += _naming("card.tokens", costliest, language)
    return language.say("space").join(sentences)


def repeat_of(
    own: Repeat,
    language: Language,
    other: str | None = None,
    n_characters: int = _SAID_CHARACTERS,
) -> str:
    """Return how much of which other text or row one repeats.

    Parameters
    ----------
    own : Repeat
    language : Language
    other : str, optional
        Where the other one is, in words; left out, it is a normal one, which is quoted.
    n_characters : int
        Of that one.

    >>> repeat_of(Repeat(3, "a: 1; b: 2", 2, 3, 2 / 3), Language("en", are_rows=True), "row 4")
    '2 of 3 columns as in row 4'
    """
    if other is None:
        other = language.say("repeat.normal", says=one_line(own.says, n_characters))
    if not own.n_filled:
        share = min(own.share, _NOT_ALL) if own.share < 1 else 1.0
        return language.say("repeat.texts", share=language.percent(share), other=other)
    return language.say("repeat.rows", n=own.n_same, n_filled=own.n_filled, other=other)


def digits_told(own: UnusualDigits, language: Language) -> str:
    """Return which numbers of a row are rounder than usual, or have more digits.

    >>> digits_told(UnusualDigits(("width", "depth"), 3, are_rounder=True), Language())
    '2 of 3 numbers are rounder than usual: width, depth'
    """
    n, n_all = len(own.columns), own.n_numbers
    if n == n_all:
        return language.count("digits.all.rounder" if own.are_rounder else "digits.all.more", n)
    named = [one_line(name, NAME_CHARACTERS) for name in own.columns[:_MOST_NAMED]]
    names = language.say("comma").join(named + ["…"] * (n > _MOST_NAMED))
    key = "digits.rounder" if own.are_rounder else "digits.more"
    return language.count(key, n, n_all=n_all, names=names)


def mistakes_told(own: Sequence[Mistake], language: Language) -> str:
    """Return what seems to have gone wrong in a row; "" where nothing does.

    >>> mistakes_told([Mistake("swapped", ("width", "depth"))], Language())
    '“width” and “depth” swapped'
    >>> mistakes_told([Mistake("times", ("load",), times=0.01)], Language("ja"))
    '「load」が本来の1/100'
    """
    return language.say("semicolon").join(_mistake(mistake, language) for mistake in own)


def flat_told(own: Sequence[FlatRun], language: Language) -> str:
    """Return which numbers of a row stay the same, and for how long; "" where none does.

    >>> flat_told([FlatRun(3, 43, 41, ("Temp",), (81.3,), 2)], Language())
    '“Temp” at 81.3 for 41 rows'
    """
    return language.say("semicolon").join(
        language.say("flat_run.cell", columns=stays_at(run, language), n=run.n_rows) for run in own
    )


def stays_at(run: FlatRun, language: Language) -> str:
    """Return the columns in which numbers stay the same, and what these are."""
    named = [
        language.say(
            "flat_run.column",
            column=language.say("quoted", word=one_line(name, NAME_CHARACTERS)),
            number=_written(number),
        )
        for name, number in zip(run.columns, run.numbers, strict=True)
    ]
    if len(named) <= _MOST_NAMED:
        return language.joined(named)
    return language.say("comma").join([*named[:_MOST_NAMED], "…"])


def _written(number: float) -> str:
    """Return a number with all its digits, one of an unusual size as a power of ten.

    >>> _written(0.00025), _written(1e300)
    ('0.00025', '1e+300')
    """
    is_plain = number == 0 or _SMALLEST <= abs(number) < _LARGEST
    return np.format_float_positional(number, trim="-") if is_plain else f"{number:g}"


def _mistake(own: Mistake, language: Language) -> str:
    named = [
        language.say("quoted", word=one_line(name, NAME_CHARACTERS))
        for name in (own.columns[0], own.columns[-1])
    ]
    first, last = named
    if own.kind == "times":
        is_large = own.times > 1
        n = round(own.times if is_large else 1 / own.times)
        key = "mistake.large" if is_large else "mistake.small"
        return language.say(f"{key}.unit" if own.unit else key, column=first, n=n, unit=own.unit)
    if own.kind in ("sign", "unit"):
        return language.say(f"mistake.{own.kind}", column=first, unit=own.unit)
    if own.kind != "swapped" and len(own.columns) == 1:
        return language.say(f"mistake.{own.kind}.one", column=first)
    return language.say(f"mistake.{own.kind}", first=first, last=last)


def repeated(
    own: RepeatedRow,
    numbering: Numbering,
    language: Language,
    n_characters: int = _SAID_CHARACTERS,
) -> str:
    """Return how much of which other row one repeats, as `repeat_of`."""
    other = None if own.other is None else row_place(own.other, "", numbering, language)
    return repeat_of(own.repeat, language, other, n_characters)


def _known(own: KnownAnomaly, language: Language) -> str:
    """Return which labelled anomaly a row is like, or that it is like none."""
    key = "card.known" if own.is_like else "card.known.none"
    named = [one_line(said, _SAID_CHARACTERS) for said in (own.kind, own.text) if said]
    quoted = [language.say("quoted", word=said) for said in named]
    return language.say(
        key, names=language.say("comma").join(quoted), alike=Numbers(2).plain(own.similarity)
    )


def _naming(key: str, named: Sequence[str], language: Language) -> list[str]:
    """Return a sentence that quotes words, if there are some."""
    if not named:
        return []
    quoted = language.joined(language.say("quoted", word=word) for word in named)
    return [language.say(key, words=quoted)]


def _reason(part: Contribution, row: RowReport, numbers: Numbers, language: Language) -> str:
    """Return a reason with its part of the score; of a cell, also what it says."""
    value = numbers.signed(part.value)
    cells = {cell.column: cell for cell in row.cells}
    cell = cells.get(part.source.name) if isinstance(part.source, Column) else None
    if cell is None:
        return language.say("card.reason", name=language.reason(part.source), value=value)
    return language.say(
        _cell_key(cell),
        name=one_line(cell.column, NAME_CHARACTERS),
        says=one_line(cell.says, NAME_CHARACTERS) or NO_VALUE,
        usual=usual(cell, language),
        expected=expected(cell, language),
        value=value,
    )


def _cell_key(cell: CellReport) -> str:
    if cell.is_empty:
        return "card.cell.empty"
    if cell.is_as_labelled:
        return "card.cell.labelled"
    if cell.expected:
        is_word = isinstance(cell.expected, str)
        return "card.cell.misfiled" if is_word else "card.cell.misfiled.number"
    if not cell.is_usual or cell.levels:  # of words, shares say how usual they are
        return "card.cell"
    return "card.cell.usual" if cell.is_expected else "card.cell.unexpected"


def cell(own: CellReport, n_characters: int, language: Language) -> str:
    """Return what a cell says, as a table of cells shows it."""
    if own.is_empty:
        return language.say("card.empty")
    return one_line(own.says, n_characters) or NO_VALUE


def usual(own: CellReport, language: Language) -> str:
    """Return between which numbers the cells of normal rows of its kind lie, or what they say."""
    what = (
        _usual_levels(own.levels, language) if own.levels else _range(own.low, own.high, language)
    )
    if not own.beside:
        return what
    pairs = (
        " ".join(language.isolated(one_line(part, NAME_CHARACTERS)) for part in pair)
        for pair in own.beside.items()
    )
    said = language.say("comma").join(pairs)
    return language.say("card.usual.beside", usual=what, said=said)


def expected(own: CellReport, language: Language) -> str:
    """Return what its text leads to expect of a cell, or between which numbers others do."""
    if isinstance(own.expected, str):
        return language.isolated(one_line(own.expected, NAME_CHARACTERS))
    if own.expected is not None:
        return _range(*own.expected, language)
    return _range(own.expected_low, own.expected_high, language)


def _range(low: float, high: float, language: Language) -> str:
    if math.isnan(low):  # of a word
        return NO_VALUE
    least, most = cell_range(low, high)
    return language.say("card.usual.range", low=least, high=most)


def _usual_levels(levels: Sequence[tuple[str, float]], language: Language) -> str:
    """Return what normal rows say most, as ``P104 98 %, P101 2 %``."""
    return language.say("comma").join(
        f"{_level(level, language)} {language.percent(share)}" for level, share in levels
    )


def _level(level: str, language: Language) -> str:
    return language.isolated(one_line(level, NAME_CHARACTERS)) or language.say("card.empty")


def leading_reasons(row: ListedRow, language: Language) -> str:
    """Return what is new in a row, else what raised its score most, two at most, or a dash."""
    new = {cell.column for cell in row.new_cells}  # which is said once
    said = [*new_values(row.new_cells, language), *lacking(row.new_words, language)]
    for source in (part.source for part in row.reasons):
        reason = language.reason(source)
        if isinstance(source, Column):
            if source.name in new:
                continue
            if source.name in row.cells:
                cell = one_line(row.cells[source.name], NAME_CHARACTERS)
                reason = language.say("reason.with_cell", reason=reason, cell=cell)
        said.append(reason)
    return language.say("comma").join(said[:_N_LEADING]) or NO_VALUE
