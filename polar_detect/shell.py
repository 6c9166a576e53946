"""Parts of command lines that are said, so that who pastes them gives the command what was meant.

On Windows they are written as both cmd, which knows no single quotes, and PowerShell read them.
"""

import re
import shlex
import sys
from collections.abc import Iterable

# What neither cmd nor PowerShell takes for anything else.
_PLAIN = re.compile(r"[\w./\\:=+-]+")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])")
_BEFORE_QUOTE = re.compile(r'(\\*)(?="|\Z)')


def as_argument(text: object) -> str:
    """Return how an argument is written in this system's shells.

    >>> as_argument("Comment"), as_argument("Torque [Nm]")
    ('Comment', "'Torque [Nm]'")
    """
    argument = str(text)
    if sys.platform != "win32":
        return shlex.quote(argument)
    if _PLAIN.fullmatch(argument):
        return argument
    # As the C library takes command lines apart: backslashes count double before a quote.
    escaped = _BEFORE_QUOTE.sub(r"\1\1", argument).replace('"', r"\"")
    return f'"{escaped}"'


def without_dashes(sentence: str) -> str:
    """Return a sentence with its options as arguments in Python are called.

    >>> without_dashes("80 of 900 rows were drawn (--max-rows).")
    '80 of 900 rows were drawn (max_rows).'
    """
    return _OPTION.sub(lambda own: own[1].replace("-", "_"), sentence)


def as_arguments(texts: Iterable[object]) -> str:
    """Return how several arguments are written, with blanks between them."""
    return " ".join(map(as_argument, texts))
