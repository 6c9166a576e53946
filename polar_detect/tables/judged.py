"""What a table says of rows that all count as normal: that they are, or that some are not."""

import shlex
from collections.abc import Iterable

import pandas as pd

from polar_detect.tables.cells import cells_as_text
from polar_detect.tables.columns import JUDGED, LABELS, label_of_cell
from polar_detect.tables.names import on_one_line
from polar_detect.tables.results import FLAG, result_columns


def warn_of_judged(frame: pd.DataFrame) -> list[str]:
    """Return a warning for each column that calls some rows normal and others anomalous.

    In words that say that and nothing else; yes and no, or 1 and 0, may answer any question. What
    `score` has flagged is told too.
    """
    added = result_columns(map(str, frame.columns))
    notices = []
    for j, name in enumerate(map(str, frame.columns)):
        words = _words(frame.iloc[:, j])
        n_anomalous = sum(LABELS.get(word, False) for word in words)
        if name == FLAG and name in added and n_anomalous:
            notices.append(
                f"rows that score has flagged count as normal too: {n_anomalous}; if some are "
                "anomalous, say which in a column of labels, and pass --label-column"
            )
        elif words and JUDGED.issuperset(words) and 0 < n_anomalous < len(words):
            own = on_one_line(name)
            notices.append(
                f"rows that column {own!r} calls anomalous count as normal too: {n_anomalous}; "
                f"pass --label-column {shlex.quote(own)} if it says which are"
            )
    return notices


def warn_of_verdicts(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return a warning for each column of rows that calls all of them normal, as OK does.

    New rows have no verdict yet where they are scored before somebody judges them, and an empty
    cell where none was makes each of them look strange.
    """
    return [
        f"column {on_one_line(name)!r} calls all rows normal; if new rows are scored before they "
        "are judged, leave it out with --columns, as all of them would look strange"
        for name in names
        if (words := {*_words(frame[name])})
        and JUDGED.issuperset(words)
        and not any(LABELS[word] for word in words)
    ]


def _words(cells: pd.Series) -> list[str]:
    return [*filter(None, map(label_of_cell, cells_as_text(cells)))]
