"""What a table says of rows that all count as normal: that they are, or that some are not."""

import shlex
from collections.abc import Iterable

import pandas as pd

from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.columns import JUDGED, LABELS, label_of_cell
from polar_detect.tables.names import on_one_line
from polar_detect.tables.results import FLAG, result_columns


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
                f"pass --label-column {shlex.quote(own)} if it says which are"
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
        and not any(LABELS[word] for word in words)
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
        n_anomalous = sum(LABELS.get(word, False) for word in words)
        is_flag = name == FLAG and name in added and n_anomalous > 0
        is_judged = JUDGED.issuperset(words) and 0 < n_anomalous < len(words)
        if is_flag or is_judged:
            found[name] = n_anomalous
    return found


def _words(cells: pd.Series) -> list[str]:
    return [*filter(None, map(label_of_cell, cells_as_text(cells)))]
