"""The columns that `score` puts beside a table, by which one that was scored before is known."""

from collections.abc import Collection, Iterable, Sequence

from polar_detect.errors import InputError

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
FLAG = "is_anomaly"
_MIN_TELLING = 3  # a table of one's own may have a score, or a program


def result_columns(present: Iterable[str]) -> list[str]:
    """Return the columns of a table that `score` has added; none where it has not scored it.

    >>> result_columns(["text", "score", "p_value", "is_anomaly", "checked"])
    ['score', 'p_value', 'is_anomaly']
    >>> result_columns(["text", "score", "program"])
    []
    """
    found = [name for name in present if name in OF_ROWS]
    return found if len(found) >= _MIN_TELLING else []


def said_of_results(left_out: Sequence[str]) -> tuple[str, ...]:
    """Return the notice that these are not read, where there are any."""
    names = ", ".join(map(repr, left_out))
    return (f"columns that score has added are left out: {names}",) if left_out else ()


def check_added(columns: Iterable[object], names: Collection[str], source: str) -> None:
    """Raise `InputError` when a table already has one of the columns to be added."""
    present = [str(name) for name in columns]
    taken = [name for name in names if name in present]
    scored = result_columns(present)
    if taken and scored:
        raise InputError(
            f"Got {source}, which has been scored before: {', '.join(map(repr, scored))}; expected "
            "it without these columns; score the original file, or rename or remove them."
        )
    if taken:
        raise InputError(
            f"Got {source} with a column {taken[0]!r}; expected that name to be free for the "
            "results; rename or remove the column."
        )
