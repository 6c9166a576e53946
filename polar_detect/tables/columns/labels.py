"""What cells say of rows, anomalous or normal, and what tables say of rows that all count alike."""

import reprlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from polar_detect.arrays import BoolArray, IntArray
from polar_detect.errors import InputError
from polar_detect.shell import as_argument
from polar_detect.tables.cells.names import on_one_line
from polar_detect.tables.cells.text import cells_as_text
from polar_detect.tables.columns.label_words import (
    ANSWERS,
    JUDGED,
    LABEL_OF,
    asks_for_normal,
    said_by,
)
from polar_detect.tables.columns.results import FLAG, result_columns


def parse_labels(
    cells: pd.Series, label_column: str, lines: IntArray
) -> tuple[BoolArray, BoolArray]:
    """Return which cells of a label column say anomalous, and which say anything.

    Parameters
    ----------
    cells : (n_rows,) pandas.Series
        1, true, yes, NG, fail, anomaly, 異常, n.i.O. and their like, or the opposite; or empty.
    label_column : str
    lines : (n_rows,) int64
        Where they stand in the file; both are for the message.

    Returns
    -------
    is_anomalous : (n_rows,) bool
        False where there is no label, too.
    is_given : (n_rows,) bool

    Raises
    ------
    InputError
        A cell says something else; or yes or no where the column's name asks what is normal.
    """
    is_anomalous = np.zeros(len(cells), np.bool_)
    is_given = np.zeros(len(cells), np.bool_)
    yes_is_normal = asks_for_normal(label_column)
    for row, cell in enumerate(cells_as_text(cells)):
        word = said_by(cell)
        if not word:
            continue
        label = LABEL_OF.get(word)
        if label is None:
            raise _unknown(cell, label_column, lines[row])
        if yes_is_normal and word in ANSWERS:
            raise _turned_round(cell, label_column, lines[row])
        is_anomalous[row], is_given[row] = label, True
    return is_anomalous, is_given


def _unknown(cell: str, label_column: str, line: int) -> InputError:
    return InputError(
        f"Got label {reprlib.repr(cell)} in line {line}, column {label_column!r}; expected 1, "
        "true, yes, NG, fail, anomaly, 異常, 不良, 不合格 or ×, or 0, false, no, OK, pass, normal, "
        "正常, 良, 合格 or ○, or a usual word of another language; write 1 for anomalous and 0 for "
        "normal, choose another --label-column, or, where it names the kinds of anomalous rows, "
        "pass it to fit as --kind-column."
    )


def _turned_round(cell: str, label_column: str, line: int) -> InputError:
    return InputError(
        f"Got label {reprlib.repr(cell)} in line {line}, column {label_column!r}, where yes or "
        "1 seems to mean normal; expected that for anomalous rows; write NG for anomalous and OK "
        "for normal, or rename the column if it means anomalous."
    )


def warn_of_judged(frame: pd.DataFrame) -> list[str]:
    """Return a warning for each column that `called_anomalous` finds.

    What `score` has flagged is told too.
    """
    notices = []
    for name, n_anomalous in called_anomalous(frame).items():
        own = on_one_line(name)
        if name == FLAG:
            notices.append(
                f"rows that score has flagged count as normal too: {n_anomalous}; if some are "
                "anomalous, say which in a column of labels, and pass --label-column"
            )
        else:
            notices.append(
                f"rows that column {own!r} calls anomalous count as normal too: {n_anomalous}; "
                f"pass --label-column {as_argument(own)} if it says which are"
            )
    return notices


def warn_of_verdicts(
    frame: pd.DataFrame, names: Iterable[str], *, how: str = " with --columns"
) -> list[str]:
    """Return a warning for each column of rows that calls all of them normal, as OK does.

    New rows have no verdict yet where they are scored before somebody judges them, and an empty
    cell where none was makes each of them look strange.

    Parameters
    ----------
    frame : (n_rows, …) pandas.DataFrame
    names : iterable of str
        Of the columns that rows are written of.
    how : str
        Behind "leave it out".
    """
    return [
        f"column {on_one_line(name)!r} calls all rows normal; if new rows are scored before they "
        f"are judged, leave it out{how}, as all of them would look strange"
        for name in names
        if (words := {*_words(frame[name])})
        and JUDGED.issuperset(words)
        and not any(LABEL_OF[word] for word in words)
    ]


def called_anomalous(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many rows a column calls anomalous, of each that calls others normal.

    In words that say that and nothing else; yes and no, or 1 and 0, may answer any question, but
    for the flags that `score` writes.
    """
    added = result_columns(map(str, frame.columns))
    found = {}
    for j, name in enumerate(map(str, frame.columns)):
        words = _words(frame.iloc[:, j])
        n_anomalous = sum(LABEL_OF.get(word, False) for word in words)
        is_flag = name == FLAG and name in added and n_anomalous > 0
        is_judged = JUDGED.issuperset(words) and 0 < n_anomalous < len(words)
        if is_flag or is_judged:
            found[name] = n_anomalous
    return found


def _words(cells: pd.Series) -> list[str]:
    return [*filter(None, map(said_by, cells_as_text(cells)))]
