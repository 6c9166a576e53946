"""What is said while something takes long, from below the command line, which chooses the language.

A line on stderr: what is fetched, and whom one waits for.
"""

import sys
from collections.abc import Callable
from contextvars import ContextVar

Wording = Callable[[str], str]

_WORDING: ContextVar[Wording] = ContextVar("wording", default=str)


def announce(sentence: str) -> None:
    """Write a sentence to stderr, as `choose_wording` has it put."""
    sys.stderr.write(f"{_WORDING.get()(sentence)}\n")


def choose_wording(wording: Wording) -> None:
    """Choose how sentences are put from here on.

    Parameters
    ----------
    wording : function
        Returns for an English sentence what to write.
    """
    _WORDING.set(wording)
