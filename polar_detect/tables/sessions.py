"""Which lines or entries are of one session: those that a regular expression finds the same in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from polar_detect.tables.cells.text import cells_as_text


@dataclass(frozen=True)
class SessionPattern:
    """What tells sessions apart.

    Parameters
    ----------
    pattern : re.Pattern
    name : str
        What the column of sessions is called.
    """

    pattern: re.Pattern[str]
    name: str

    def told(self, frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        r"""Return a table with the session of each row: what the first of these columns says of it.

        What the pattern's brackets match, joined where there are several, or all that it matches;
        empty where it matches nowhere.

        >>> lines = pd.DataFrame({"text": ["pump[7]: on", "valve[9]: open", "pump[7]: off"]})
        >>> pattern = SessionPattern(re.compile(r"\w+\[(\d+)\]"), "session")
        >>> pattern.told(lines, ["text"])["session"].tolist()
        ['7', '9', '7']
        """
        sessions = [""] * len(frame)
        for column in columns:
            for i, text in enumerate(cells_as_text(frame[column])):
                sessions[i] = sessions[i] or self._session(text)
        return frame.assign(**{self.name: pd.Series(sessions, frame.index, dtype="str")})

    def _session(self, text: str) -> str:
        found = self.pattern.search(text)
        if found is None:
            return ""
        return " ".join(own for own in found.groups() if own) if found.groups() else found[0]
