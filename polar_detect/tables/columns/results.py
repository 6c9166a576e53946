"""The columns that `score` puts beside a table, by which one that was scored before is known."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import compress, dropwhile
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from polar_detect.arrays import BoolArray
from polar_detect.errors import InputError, quoted
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.label_words import LABEL_OF, said_by

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

OF_TEXTS = {
    "score": "float",
    "p_value": "float",
    "is_anomaly": "bool",
    "reasons": "str",
    "program": "str",
    "program_length": "int",
    "n_skips": "int",
    "n_loops": "int",
    "top_layers": "str",
}
OF_ROWS = OF_TEXTS | {"top_columns": "str"}
OF_PASSAGES = {"passage": "str"}  # of texts that are read in passages
OF_KNOWN = {"known_anomaly": "str"}  # of detectors that keep labelled anomalies
OF_REPEATS = {"repeat_of": "str"}  # where rows, or texts, do not repeat each other anyway
OF_DIGITS = {"unusual_digits": "str"}  # of rows that say how round their numbers are
OF_MISTAKES = {"likely_mistake": "str"}  # of rows with numbers
OF_FLAT_RUNS = {"flat_run": "str"}  # of rows with numbers, in their order
OF_PROGRAMS = {"program", "program_length", "n_skips", "n_loops"}
_OF_MODELS = OF_PROGRAMS | {"top_layers"}
# Of rows that no model reads.
OF_COLUMNS = {name: kind for name, kind in OF_ROWS.items() if name not in _OF_MODELS}


@dataclass(frozen=True)
class Asides:
    """What can be told of texts or rows beside their scores and reasons.

    Parameters
    ----------
    passages : bool
        By which passage a long text is explained.
    known : bool
        Which labelled anomaly a flagged one is like.
    repeats : bool
        That one repeats another.
    digits : bool
        That numbers of a row are rounder than usual, or have more digits.
    mistakes : bool
        That cells stand in the wrong column, or numbers would be usual but for a slip.
    flat_runs : bool
        That numbers stay the same from row to row for longer than usual.
    """

    passages: bool = False
    known: bool = False
    repeats: bool = False
    digits: bool = False
    mistakes: bool = False
    flat_runs: bool = False

    @classmethod
    def of(
        cls,
        template: "RowTemplate | None",
        *,
        keeps_texts: bool = True,
        passages: bool = False,
        known: bool = False,
        repeats: bool = False,
    ) -> Self:
        """Return what can be told of rows that are written out so, or of texts (None)."""
        return cls(
            passages=passages,
            known=known,
            repeats=repeats,
            digits=template is not None and template.tells_digits,
            mistakes=template is not None and template.tells_mistakes and keeps_texts,
            flat_runs=template is not None and template.tells_flat_runs and keeps_texts,
        )

    @property
    def columns(self) -> dict[str, str]:
        """The columns that say so, with their kinds."""
        asked = (getattr(self, own.name) for own in fields(self))
        columns = (OF_PASSAGES, OF_KNOWN, OF_REPEATS, OF_DIGITS, OF_MISTAKES, OF_FLAT_RUNS)
        return {name: own[name] for own in compress(columns, asked) for name in own}


FLAG = "is_anomaly"
_ASIDES = Asides(*(True for _ in fields(Asides))).columns
_MIN_TELLING = 3  # a table of one's own may have a score, or a program
# What people keep who delete the rest; two of them tell, as a table of one's own that has both
# could not be scored either.
_KEPT, _MIN_KEPT = {"score", FLAG, "reasons"}, 2


def result_columns(present: Iterable[str], *, but: str | None = None) -> list[str]:
    """Return the columns of a table that `score` has added; none where it has not scored it.

    It adds them on the right. Where rows were judged without models, a `program` of the table's
    own may stand left of them; `but` is a column that somebody names as something else.

    >>> result_columns(["text", "score", "p_value", "is_anomaly", "checked"])
    ['score', 'p_value', 'is_anomaly']
    >>> result_columns(["text", "score", "reasons", "checked"])
    ['score', 'reasons']
    >>> result_columns(["program", "load", "score", "p_value", "is_anomaly"])
    ['score', 'p_value', 'is_anomaly']
    >>> result_columns(["text", "score", "program"])
    []
    """
    found = [name for name in present if name in OF_ROWS | _ASIDES]
    behind = [*dropwhile(_OF_MODELS.__contains__, found)]
    if behind and _OF_MODELS.isdisjoint(behind):
        found = behind
    is_told = len(found) >= _MIN_TELLING or len(_KEPT.intersection(found)) >= _MIN_KEPT
    return [name for name in found if name != but] if is_told else []


def were_unflagged(frame: pd.DataFrame) -> BoolArray | None:
    """Return which rows `score` has not flagged, (n_rows,); None where it has not scored the table.

    Not those whose flag somebody has emptied.

    >>> flags = ["TRUE", "FALSE", ""]
    >>> were_unflagged(pd.DataFrame({"score": 1, "p_value": 0.1, "is_anomaly": flags}))
    array([False,  True, False])
    """
    if FLAG not in result_columns(map(str, frame.columns)):
        return None
    words = map(said_by, cells_as_text(frame[FLAG]))
    return np.asarray([LABEL_OF.get(word) is False for word in words], bool)


def said_of_results(left_out: Sequence[str]) -> tuple[str, ...]:
    """Return the notice that these are not read, where there are any."""
    if not left_out:
        return ()
    return (f"columns that score has added are left out: {quoted(left_out)}",)


def warn_of_taken(read: Iterable[str], added: Collection[str] = tuple(OF_ROWS)) -> list[str]:
    """Return a warning for each column to fit on that `score` has a column of its own for.

    Those are `added`. Who renames one in later files only would be told that it is missing there.

    >>> warn_of_taken(["program", "load"])
    ["column 'program' has the name of one that score adds, and score refuses files with it; \
rename it in this file and in later ones"]
    """
    return [
        f"column {name!r} has the name of one that score adds, and score refuses files with it; "
        "rename it in this file and in later ones"
        for name in read
        if name in added
    ]


def check_added(
    columns: Iterable[object], names: Collection[str], source: str, *, read: Collection[str] = ()
) -> None:
    """Raise `InputError` when a table already has one of the columns to be added.

    Parameters
    ----------
    columns : iterable
        Names of the table's columns.
    names : collection of str
        To be added.
    source : str
        The table, as the user named it.
    read : collection of str
        Columns that a detector reads, which cannot be renamed in the table alone.
    """
    present = [str(name) for name in columns]
    taken = [name for name in names if name in present]
    needed = [name for name in taken if name in read]
    scored = result_columns(present)
    if needed:
        raise InputError(
            f"Got {source} with a column {needed[0]!r}, which the detector reads; expected that "
            "name to be free for the results; rename the column there and in the table that the "
            "detector was fitted on, and fit again."
        )
    if taken and scored:
        raise InputError(
            f"Got {source}, which has been scored before: {quoted(scored)}; expected "
            "it without these columns; score the original file, or rename or remove them."
        )
    if taken:
        raise InputError(
            f"Got {source} with a column {taken[0]!r}; expected that name to be free for the "
            "results; rename or remove the column."
        )
