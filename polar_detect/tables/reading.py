"""Read a whole input as a table of texts, for work that needs all rows at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from polar_detect.arrays import BoolArray, IntArray
from polar_detect.errors import InputError
from polar_detect.tables.cells.names import said_of_match
from polar_detect.tables.columns.results import result_columns, said_of_results
from polar_detect.tables.columns.selection import RowColumns
from polar_detect.tables.columns.text_column import (
    TextColumn,
    check_no_column,
    choose_text_column,
    find_column,
)
from polar_detect.tables.input.chunks import Numbering, Rejected
from polar_detect.tables.input.opening import ReadOptions, RowSample, TableReader, open_table
from polar_detect.tables.rows.template import RowTemplate, texts_of_file
from polar_detect.tables.rows.warnings import warn_of_lost_numbers
from polar_detect.tables.sampling import labelled_chunks, sampled_chunks
from polar_detect.tables.structure.stray_rows import said_of_strays


@dataclass(frozen=True, eq=False)
class TableRows:
    """The rows of one input, of which no text is chosen yet.

    Parameters
    ----------
    reader : TableReader
        The input that they came from.
    frame : (n_rows, n_columns) pandas.DataFrame
        Every column, cell and row in the order and form of the file; of CSV and text files,
        each cell is the string that stands there.
    lines : (n_rows,) int64
        Line, or row of the sheet, in which each row starts; 1 is the first of the file.
    labels : (n_rows,) bool or None
        True where a row is labelled anomalous; None without a label column.
    is_labelled : (n_rows,) bool
        False where the label column is empty.
    rejected : tuple of Rejected
        Rows that could not be read.
    sampled_from : int or None
        Rows that these were drawn from; None where all were taken.
    n_unlabelled : int
        Rows in which the label column is empty; unless asked for they were left out.
    """

    reader: TableReader
    frame: pd.DataFrame
    lines: IntArray
    labels: BoolArray | None
    is_labelled: BoolArray
    rejected: tuple[Rejected, ...]
    sampled_from: int | None
    n_unlabelled: int = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """The rows of one input, with the texts that were taken from them.

    Parameters
    ----------
    frame : (n_texts, n_columns) pandas.DataFrame
        As in `TableRows`.
    texts : list of str, n_texts long
        Cells of the text column, an empty one is an empty text; or rows written out.
    labels : (n_texts,) bool or None
        True where a text is labelled anomalous; None without a label column.
    is_labelled : (n_texts,) bool or None
        As in `TableRows`; None where all are, or none is.
    text_column : str or None
        Column of `frame` that `texts` came from; None where they are rows written out.
    label_column, group_column, kind_column : str or None
        Columns of `frame` that were asked for to say which rows are anomalous, which hang
        together, and of what kind anomalous ones are.
    source : str
        The file, as the user named it.
    lines : (n_texts,) int64 or None
        As in `TableRows`; None where the rows come from no file.
    numbering : {"sheet", "file", "data"}
        What `lines` count.
    template : RowTemplate or None
        How rows were written out.
    rejected : tuple of Rejected
        As in `TableRows`.
    notices : tuple of str
        What was guessed or changed, for people.
    has_columns : bool
        Whether the input names its columns; lines of text do not.
    needs_mark : bool
        Whether a CSV made of it shall begin with a byte order mark.
    sampled_from : int or None
    n_unlabelled : int
        As in `TableRows`.
    """

    frame: pd.DataFrame
    texts: list[str]
    labels: BoolArray | None
    text_column: str | None
    source: str
    label_column: str | None = None
    group_column: str | None = None
    kind_column: str | None = None
    lines: IntArray | None = None
    numbering: Numbering = "data"
    template: RowTemplate | None = None
    rejected: tuple[Rejected, ...] = ()
    notices: tuple[str, ...] = ()
    has_columns: bool = True
    needs_mark: bool = False
    sampled_from: int | None = None
    n_unlabelled: int = 0
    is_labelled: BoolArray | None = None

    @property
    def n_readable(self) -> int:
        """Rows of the input that could be read, whether or not they were taken."""
        n_kept = 0 if self.is_labelled is None else int(np.sum(~self.is_labelled))
        return (self.sampled_from or len(self.texts)) + self.n_unlabelled - n_kept

    def label(self, i: int) -> bool | None:
        """Return whether the ith row is labelled anomalous; None where it has no label."""
        if self.labels is None or not (self.is_labelled is None or self.is_labelled[i]):
            return None
        return bool(self.labels[i])

    def rounded(self) -> "Table":
        """Return rows written out with no more digits than models read; texts as they are."""
        if self.template is None:
            return self
        texts = self.template.rounded_texts(self.texts)
        return replace(self, texts=texts, template=self.template.rounded())

    def without_ever_new(self) -> "Table":
        """Return rows written out without the columns that say something new in all new rows.

        As they are where they have no such column, or no other one.
        """
        columns = () if self.template is None else self.template.columns
        kept = [own.name for own in columns if not own.is_ever_new]
        if len(kept) in (0, len(columns)):
            return self
        template = RowTemplate.fit(self.frame, kept)
        return replace(self, texts=texts_of_file(self.frame, template), template=template)


class _Asked(NamedTuple):
    """Columns beside those that are read, where they are asked for."""

    label: str | None
    group: str | None
    kind: str | None


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
        Column that says which rows are anomalous, in the words of `parse_labels`. Unless the
        options keep them, rows in which it is empty are left out.
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
    options = options or ReadOptions()
    named = _Asked(label_column, options.group_column, options.kind_column)
    given = [*_row_names(rows), *filter(None, (text_column, *named))]
    asked = options.asking_for(given, default_column, are_rows=rows is not None)
    reader = open_table(path, asked)
    found = _find_asked(reader, named, rows, options.group_option)
    label, group, kind = found
    apart = [*filter(None, found)]
    notices = [*reader.notices]
    for asked_for, own in zip(named, found, strict=True):
        if asked_for is not None and own is not None:
            notices += said_of_match(asked_for, own)
    texts_of: TextColumn | RowColumns | RowTemplate = rows or choose_text_column(
        reader,
        text_column,
        default=default_column,
        others=apart,
        may_take_rows=options.may_take_rows,
    )
    notices += _said_of_columns(texts_of, reader, label)
    read = read_rows(
        reader,
        label_column=label,
        kind_column=kind,
        sample=options.sample,
        keeps_unlabelled=options.keeps_unlabelled,
    )
    notices += said_of_strays(reader.columns, read.frame, read.lines)
    if isinstance(texts_of, RowColumns):
        texts_of = RowTemplate.fit(read.frame, _chosen(texts_of, reader, label, apart))
    elif isinstance(texts_of, RowTemplate):
        notices += warn_of_lost_numbers(read.frame, texts_of)
    notices += unlabelled_notice(read, label, are_kept=options.keeps_unlabelled)
    table = _table(read, texts_of, notices, has_labels=label is not None)
    return replace(table, label_column=label, group_column=group, kind_column=kind)


def _table(
    read: TableRows,
    texts_of: TextColumn | RowTemplate,
    notices: list[str],
    *,
    has_labels: bool,
) -> Table:
    """Return rows with their texts: the cells of a column, or rows written out."""
    column = texts_of if isinstance(texts_of, TextColumn) else None
    reader, texts = read.reader, texts_of_file(read.frame, texts_of)
    if column is not None:
        check_some_text(texts, column.name, reader.name)
    return Table(
        frame=read.frame,
        texts=texts,
        labels=read.labels,
        text_column=None if column is None else column.name,
        source=reader.name,
        lines=read.lines,
        numbering=reader.numbering,
        template=None if isinstance(texts_of, TextColumn) else texts_of,
        rejected=read.rejected,
        notices=tuple(notices),
        has_columns=reader.has_columns,
        needs_mark=reader.needs_mark,
        sampled_from=read.sampled_from,
        n_unlabelled=read.n_unlabelled,
        is_labelled=read.is_labelled if has_labels else None,
    )


def read_rows(
    reader: TableReader,
    *,
    label_column: str | None = None,
    kind_column: str | None = None,
    sample: RowSample | None = None,
    keeps_unlabelled: bool = False,
) -> TableRows:
    """Read an opened input as a whole, or a sample of it.

    Parameters
    ----------
    reader : TableReader
    label_column : str or None
        Column of labels, of each of which the sample takes as many rows.
    kind_column : str or None
        Column of the kinds of anomalous rows, which says which these are where no labels do.
    sample : RowSample or None
    keeps_unlabelled : bool
        Keep rows without a label, where all rows are read; else they are left out.

    Raises
    ------
    InputError
        The input breaks off, no row of it can be used, a label is none, or there is none.
    """
    if sample is None:
        own = labelled_chunks(
            reader, label_column, kind_column=kind_column, keeps_unlabelled=keeps_unlabelled
        )
        parts, n_rows = list(own), None
    else:
        parts, n_rows = sampled_chunks(reader, label_column, sample, kind_column=kind_column)
    has_labels = label_column is not None or kind_column is not None
    frame = pd.concat([part.chunk.frame for part in parts])
    n_unlabelled = sum(part.n_unlabelled for part in parts)
    if n_unlabelled and not any(part.is_labelled.any() for part in parts):
        raise InputError(
            f"Got no label in column {label_column!r} of {reader.name} (all {n_unlabelled} rows "
            "are empty); expected at least one; choose another --label-column."
        )
    return TableRows(
        reader=reader,
        frame=frame,
        lines=np.concatenate([part.chunk.lines for part in parts]),
        labels=np.concatenate([part.labels for part in parts]) if has_labels else None,
        is_labelled=np.concatenate([part.is_labelled for part in parts]),
        rejected=tuple(row for part in parts for row in part.chunk.rejected),
        sampled_from=n_rows if n_rows is not None and n_rows > len(frame) else None,
        n_unlabelled=n_unlabelled,
    )


def unlabelled_notice(
    read: TableRows, label_column: str | None, *, are_kept: bool = False
) -> tuple[str, ...]:
    """Return what to say of rows without a label, if there are any."""
    if not read.n_unlabelled:
        return ()
    if are_kept:
        return (f"rows without a label, as column {label_column!r} is empty: {read.n_unlabelled}",)
    return (f"rows left out, as column {label_column!r} is empty there: {read.n_unlabelled}",)


def check_some_text(texts: list[str], text_column: str, source: str) -> None:
    """Raise `InputError` when every text is empty."""
    if not any(text.strip() for text in texts):
        raise InputError(
            f"Got no text in column {text_column!r} of {source} (all {len(texts)} rows are "
            "empty); expected at least one; choose another --text-column."
        )


def _said_of_columns(
    texts_of: TextColumn | RowColumns | RowTemplate, reader: TableReader, label: str | None
) -> Sequence[str]:
    """Return what to say of the column of the texts, or those that rows are written out of."""
    if isinstance(texts_of, TextColumn):
        return texts_of.notices
    if isinstance(texts_of, RowTemplate):
        return texts_of.notices(reader.columns, other_sheets=reader.other_sheets)
    added = result_columns(reader.columns, but=label) if texts_of.asked is None else []
    return [*texts_of.notices(reader.columns), *said_of_results(added)]


def _chosen(
    rows: RowColumns, reader: TableReader, label: str | None, apart: Sequence[str]
) -> list[str]:
    """Return the columns to write out: those asked for, or all but those `apart` and results."""
    return rows.choose(reader.columns, others=[*apart, *result_columns(reader.columns, but=label)])


def _row_names(rows: RowColumns | RowTemplate | None) -> list[str]:
    return [] if rows is None else rows.names


def _find_asked(
    reader: TableReader,
    named: _Asked,
    rows: RowColumns | RowTemplate | None,
    group_option: str | None,
) -> _Asked:
    """Return the columns of these names; raise `InputError` for what lines do not have."""
    options = ("--label-column", group_option, "--kind-column")
    asked = [*zip(options, named, strict=True)]
    if not reader.has_columns:
        for option, name in asked:
            if option is not None:
                check_no_column(reader, option, name)
        listed = None if rows is None else ",".join(_row_names(rows)) or "all"
        check_no_column(reader, "--columns", listed)
    return _Asked(*(name and find_column(reader, name, option) for option, name in asked))
