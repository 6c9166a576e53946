"""What users can get wrong, as exceptions.

Every message says what was got, what was expected and what to do. Each class is also the
built-in exception that a Python programmer would catch.
"""

from collections.abc import Iterable, Sequence


class PolarError(Exception):
    """Base of every error that a user can mend; the command line prints it as one line."""


class InputError(PolarError, ValueError):
    """A value, text or table that cannot be used."""


class EmptyInputError(InputError):
    """An input has no rows, or nothing at all."""


class ProgramError(PolarError, ValueError):
    """A layer program that cannot be parsed or edited."""


class ModelNotFoundError(PolarError, FileNotFoundError):
    """A model name that resolves to nothing on this machine and cannot be fetched."""


class ModelError(PolarError, ValueError):
    """A model that was found and cannot be used: wrong hash, wrong kind, wrong layout."""


class ArtifactError(PolarError, ValueError):
    """A saved detector that does not match its manifest, these versions or this model."""


class InputNotFoundError(PolarError, FileNotFoundError):
    """An input file or folder that does not exist."""


class OutputError(PolarError, OSError):
    """A result that cannot be written."""


class NotFittedError(PolarError, ValueError):
    """A detector that was asked to score before it was fitted."""


class TrainingWarning(UserWarning):
    """Training texts of which a detector can be fitted that will seldom be of use."""


def listing(names: Sequence[str], most: int) -> str:
    """Return names as a message lists them: the first so many, and how many more there are.

    >>> listing(["a", "b", "c"], 2), listing(["a", "b"], 2)
    ('a, b and 1 more', 'a, b')
    """
    first, n_more = ", ".join(names[:most]), len(names) - most
    return f"{first} and {n_more} more" if n_more > 0 else first


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, with commas between them.

    >>> quoted(["a", "b c"])
    "'a', 'b c'"
    """
    return ", ".join(map(repr, names))


def counted(n: int, noun: str) -> str:
    """Return how many there are of something.

    >>> counted(1, "cell"), counted(2, "cell")
    ('1 cell', '2 cells')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def reason_of(error: BaseException) -> str:
    r"""Return the first line of what an error of another library says; its name if nothing.

    >>> reason_of(ValueError("no blocks\nin the model")), reason_of(KeyError())
    ('no blocks', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
