"""Read a whole input as a table of texts, for work that needs all rows at once."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.errors import InputError
from polar_detect.tables.chunks import Rejected
from polar_detect.tables.columns import (
    check_column,
    check_no_column,
    choose_text_column,
    parse_labels,
)
from polar_detect.tables.opening import ReadOptions, TableReader, open_table
from polar_detect.tables.rows import RowColumns, RowTemplate
from polar_detect.tables.sampling import sampled_chunks


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one input, with the column that holds the texts.

    Parameters
    ----------
    frame : (n_texts, n_columns) pandas.DataFrame
        Every column, cell and row in the order and form of the file; of CSV and text files,
        each cell is the string that stands there.
    texts : list of str, n_texts long
        Cells of the text column, an empty one is an empty text; or rows written out.
    labels : (n_texts,) bool or None
        True where a text is labelled anomalous; None without a label column.
    text_column : str or None
        Column of `frame` that `texts` came from; None where they are rows written out.
    source : str
        The file, as the user named it.
    template : RowTemplate or None
        How rows were written out.
    rejected : tuple of Rejected
        Rows that could not be read.
    notices : tuple of str
        What was guessed or changed, for people.
    has_columns : bool
        Whether the input names its columns; lines of text do not.
    needs_mark : bool
        Whether a CSV made of it shall begin with a byte order mark.
    sampled_from : int or None
        Rows that these were drawn from; None where all were taken.
    """

    frame: pd.DataFrame
    texts: list[str]
    labels: NDArray[np.bool_] | None
    text_column: str | None
    source: str
    template: RowTemplate | None = None
    rejected: tuple[Rejected, ...] = ()
    notices: tuple[str, ...] = ()
    has_columns: bool = True
    needs_mark: bool = False
    sampled_from: int | None = None


def read_table(
    path: Path,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    default_column: str | None = None,
    rows: RowColumns | RowTemplate | None = None,
    options: ReadOptions | None = None,
) -> Table:
    """Read a CSV, Excel, Parquet, JSONL or text file, or stdin (`-`), as a whole.

    Parameters
    ----------
    path : Path
    text_column : str or None
        Column that holds the texts; None for a text file, or to take the obvious one.
    label_column : str or None
        Column in which 1, true or anomaly means anomalous and 0, false or normal means normal.
    default_column : str or None
        Column that holds the texts of a table when `text_column` is None.
    rows : RowColumns or RowTemplate, optional
        Write rows out as texts instead of taking a column: these columns, or as this template
        did before.
    options : ReadOptions, optional

    Returns
    -------
    Table
        One row per record or line; only blank lines between records of several columns are
        not rows.

    Raises
    ------
    InputNotFoundError
        When there is no such file.
    InputError
        When the file cannot be read as a table of texts; the message says where and why.
    """
    given = [*_row_names(rows), *(name for name in (text_column, label_column) if name)]
    default = [] if default_column is None else [default_column]
    options = options or ReadOptions()
    reader = _open(path, options, given, default, is_table=rows is not None)
    others = () if label_column is None else (label_column,)
    _check_asked(reader, label_column, rows)
    column = None
    if rows is None:
        column = choose_text_column(reader, text_column, default=default_column, others=others)
    if options.sample is None:
        chunks, n_rows = list(reader.chunks()), None
    else:
        chunks, n_rows = sampled_chunks(reader, label_column, options.sample)
    frame = pd.concat([chunk.frame for chunk in chunks])
    template = rows if isinstance(rows, RowTemplate) else None
    if isinstance(rows, RowColumns):
        template = RowTemplate.fit(frame, rows.choose(reader.columns, others=others))
    texts_of = template or column
    assert texts_of is not None
    texts = texts_of.texts(frame)
    if column is not None:
        check_some_text(texts, column.name, reader.name)
    guessed = () if column is None or column.notice is None else (column.notice,)
    return Table(
        frame,
        texts,
        None if label_column is None else parse_labels(frame[label_column], label_column),
        None if column is None else column.name,
        reader.name,
        template,
        tuple(row for chunk in chunks for row in chunk.rejected),
        (*reader.notices, *guessed),
        reader.has_columns,
        reader.needs_mark,
        n_rows if n_rows is not None and n_rows > len(frame) else None,
    )


def _open(
    path: Path, options: ReadOptions, given: list[str], default: list[str], *, is_table: bool
) -> TableReader:
    """Open an input in which a person named the `given` columns."""
    expected = (*options.expected, *given, *default)
    is_table = options.is_table or is_table or bool(given)
    return open_table(path, replace(options, expected=expected, is_table=is_table))


def check_some_text(texts: list[str], text_column: str, source: str) -> None:
    """Raise `InputError` when every text is empty."""
    if not any(text.strip() for text in texts):
        raise InputError(
            f"Got no text in column {text_column!r} of {source} (all {len(texts)} rows are "
            "empty); expected at least one; choose another --text-column."
        )


def _row_names(rows: RowColumns | RowTemplate | None) -> list[str]:
    if isinstance(rows, RowTemplate):
        return [column.name for column in rows.columns]
    return [] if rows is None else rows.names


def _check_asked(
    reader: TableReader, label_column: str | None, rows: RowColumns | RowTemplate | None
) -> None:
    if not reader.has_columns:
        check_no_column(reader, "--label-column", label_column)
        listed = None if rows is None else ",".join(_row_names(rows)) or "all"
        check_no_column(reader, "--columns", listed)
    elif label_column is not None:
        check_column(reader.columns, label_column, "--label-column")
