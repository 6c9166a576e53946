"""Data frames of several columns, whose rows are written out as text, and such texts."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeGuard

import pandas as pd

from polar_detect.errors import InputError, quoted

if TYPE_CHECKING:
    from polar_detect.tables.copies import Copies
    from polar_detect.tables.rows.template import RowTemplate

# RowTemplate is imported where it is needed, as it brings pandas' readers along.
_EMPTY_LEVEL = re.compile(r"Unnamed: \d+_level_\d+")


def in_pandas(X: Any) -> Any:
    """Return a table of another library, which Arrow can read, as a data frame; all else as is.

    >>> import pyarrow as pa
    >>> in_pandas(pa.table({"flow": [1.5, 2], "state": ["on", "off"]})).shape
    (2, 2)
    """
    is_table = hasattr(X, "__arrow_c_stream__") and len(getattr(X, "shape", ())) == 2
    if isinstance(X, pd.DataFrame) or not is_table:
        return X
    import pyarrow as pa  # here: takes a while

    return pa.table(X).to_pandas(integer_object_nulls=True)  # as floats codes lose digits


def is_wide(X: Any) -> TypeGuard[pd.DataFrame]:
    """Return whether this is a data frame of several columns."""
    return isinstance(X, pd.DataFrame) and X.shape[1] > 1


def index_of(X: Any) -> "pd.Index[Any] | None":
    """Return the index of a series or data frame of pandas, None for all else."""
    return X.index if isinstance(X, pd.Series | pd.DataFrame) else None


def row_template(X: pd.DataFrame) -> "RowTemplate":
    """Return how the rows of a data frame, all columns of it, are written out as text.

    Raises
    ------
    InputError
        Two columns have the same name.
    """
    from polar_detect.tables.rows.template import RowTemplate

    frame = named(X)
    return RowTemplate.fit(frame, list(frame.columns))


def doubts_of_columns(
    X: pd.DataFrame,
    rows: "RowTemplate",
    *,
    has_labels: bool = False,
    reads_texts: bool = True,
    are_screened: bool = False,
) -> list[str]:
    """Return what a fit on the rows of a data frame should be warned of, a sentence a column.

    `reads_texts`: whether models read the rows, so that what is ever new counts too;
    `are_screened`: whether they are held against one another, and none is known as normal.
    """
    from polar_detect.tables import (
        RowTemplate,
        called_anomalous,
        find_copies,
        new_later,
        result_columns,
        warn_of_sides,
        warn_of_verdicts,
        warn_of_words,
    )

    frame = named(X, rows)
    present = RowTemplate(tuple(c for c in rows.columns if c.name in frame.columns), rows.notation)
    found = new_later(frame, present.names) if reads_texts else {}
    results = result_columns(present.names)
    added = [f"columns {quoted(results)} are what an assessment adds; leave them out"]
    judged = {} if has_labels else called_anomalous(frame.drop(columns=[*results]))
    return [
        *_said_of_copies(find_copies(frame), are_screened=are_screened),
        *(added if results else []),
        *(f"column {name!r} {said}; leave it out" for name, said in found.items()),
        *(
            f"rows that column {name!r} calls anomalous count as normal too: {n}; leave it out, "
            "and say in y which are if it says so"
            if not are_screened
            else f"column {name!r} calls rows anomalous: {n}; leave it out, as it counts too"
            for name, n in judged.items()
        ),
        *warn_of_verdicts(frame, present.names, how=""),
        *warn_of_words(frame, present),
        *warn_of_sides(frame, present),
    ]


def _said_of_copies(found: "Copies | None", *, are_screened: bool) -> list[str]:
    if found is None:
        return []
    how = "in the same order" if found.kind == "copied" else "too"
    why = "beside copies new rows will look strange"
    if are_screened:
        why = "what is said again looks usual"
    return [
        f"rows that stand above {how}: {len(found.places)}, from position {found.places[0]} on; "
        f"{why}, so leave them out"
    ]


def unwritten(texts: Sequence[str], rows: "RowTemplate") -> list[int]:
    """Return the places of the texts that are no rows just as the template writes them.

    With as many digits as the table that they come of had, or fewer.

    Read as rows all the same they would seem wildly strange, as `T: 180` where it writes
    `T: 180.0`.
    """
    cells = [rows.cells(text) for text in texts]
    known = {i: own for i, own in enumerate(cells) if own is not None}
    again = replace(rows, keeps_digits=True).rewritten([*known.values()])
    as_written = dict(zip(known, again, strict=True))
    return [i for i, text in enumerate(texts) if as_written.get(i) != text]


def example_row(rows: "RowTemplate") -> str:
    """Return a row of zeros, which shows how numbers are rounded, and dots for other cells."""
    return rows.row_of(["…" if c.decimals is None else f"{0:.{c.decimals}f}" for c in rows.columns])


def check_written(texts: Sequence[str], rows: "RowTemplate") -> None:
    """Raise `InputError` unless all texts that are not empty are rows of the template."""
    odd = next((i for i in unwritten(texts, rows) if texts[i].strip()), None)
    if odd is not None:
        raise InputError(
            f"Got {texts[odd][:60]!r} at position {odd}, which is no row as the detector "
            f"writes it; expected one such as {example_row(rows)!r}; pass a data frame with these "
            "columns, or write one by rows_.texts(frame)."
        )


def named(X: pd.DataFrame, rows: "RowTemplate | None" = None) -> pd.DataFrame:
    """Return a data frame whose columns, or those that `rows` needs, have each its own string."""
    frame = X.set_axis(_names(X.columns), axis=1)
    needed = None if rows is None else {*rows.names}
    twice = [n for n in frame.columns[frame.columns.duplicated()] if needed is None or n in needed]
    if twice:
        raise InputError(
            f"Got two columns named {twice[0]!r}; expected a name for each; rename one."
        )
    return frame


def _names(columns: "pd.Index[Any]") -> list[str]:
    """Return the names of columns; of several levels, as those of headers of several rows.

    >>> _names(pd.MultiIndex.from_tuples([("flow", "mean"), ("flow", "max"), ("id", "")]))
    ['flow mean', 'flow max', 'id']
    >>> _names(pd.MultiIndex.from_tuples([("flow", "l/min"), ("id", "Unnamed: 1_level_1")]))
    ['flow [l/min]', 'id']
    """
    if columns.nlevels == 1:
        return [str(name) for name in columns]
    from polar_detect.tables.cells.units import is_unit, with_unit

    levels = [[*map(_said_of_level, columns.get_level_values(i))] for i in range(columns.nlevels)]
    groups = [" ".join(filter(None, parts)) for parts in zip(*levels[:-1], strict=True)]
    are_units = all(map(is_unit, filter(None, levels[-1])))
    return [
        with_unit(group, own) if are_units and own else f"{group} {own}".strip()
        for group, own in zip(groups, levels[-1], strict=True)
    ]


def _said_of_level(name: Any) -> str:
    """Return what a level of a column's name says; pandas makes names up for empty cells."""
    said = "" if pd.isna(name) else str(name).strip()
    return "" if _EMPTY_LEVEL.fullmatch(said) else said


def are_written(X: pd.DataFrame, rows: "RowTemplate") -> bool:
    """Return whether a data frame is a single column of rows that are written out."""
    cells = X.iloc[:, 0].tolist() if X.shape[1] == 1 else []
    return bool(cells) and all(isinstance(c, str) and rows.cells(c) is not None for c in cells)
