"""What is compared on: files read as training and test rows, of texts and of numbers.

Hides which columns and options each of two files is read with, and what is said of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from polar_detect import tables
from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.compare.reading.columns import (
    MAX_SIZE,
    note_words,
    numbers_of,
    said_of_forms,
)
from polar_detect.compare.reading.leakage import find_foretelling_columns, find_leaking_columns
from polar_detect.compare.reading.rows import (
    Rows,
    check_classes,
    note_overlap,
    split,
    split_by_group,
    thin,
)
from polar_detect.compare.reading.source import File, Reading, Source, choose_source
from polar_detect.errors import InputError, listing
from polar_detect.pipeline.standing import Standing
from polar_detect.tables.cells.names import match_column, said_of_match
from polar_detect.tables.columns.text_column import check_no_column
from polar_detect.tables.formats import format_of
from polar_detect.tables.input.opening import HAVE_ENCODINGS, TableReader
from polar_detect.tables.reading import unlabelled_notice
from polar_detect.tables.structure.stray_rows import said_of_strays

_GROUPS = "groups"  # what names them that a program gives
_MAX_LISTED = 10
_MIN_GROUPS = 10  # or what a split leaves to learn from is a matter of luck


@dataclass(frozen=True, eq=False)
class Task:
    """Training and test rows, with what was done to get them in plain sentences.

    Parameters
    ----------
    train : Rows
    test : Rows
    sources : tuple of str
        For each column of `Rows.numbers`, the column of the table that it comes from.
    text_source : str
        Where `Rows.texts` come from, in words.
    notes : tuple of str
    template : RowTemplate, optional
        How `Rows.said` were written out of rows, if they were.
    telling : tuple of str
        Columns that give the label, or the number to predict, away by themselves.
    fit_options : str
        Options of `polar-detect fit` that read the rows as they were read here.
    is_split : bool
        Whether the test rows were held back from the training file.
    train_file : str
        The training file, as the user named it.
    n_unlabelled : int
        Its rows without a label, which were left out.
    is_of_files : bool
        Whether the rows come from files, and not from what a program holds.
    """

    train: Rows
    test: Rows
    sources: tuple[str, ...]
    text_source: str
    notes: tuple[str, ...]
    template: tables.RowTemplate | None = None
    telling: tuple[str, ...] = ()
    fit_options: str = ""
    is_split: bool = False
    train_file: str = ""
    n_unlabelled: int = 0
    is_of_files: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that `Rows.numbers` come from."""
        return tuple(dict.fromkeys(self.sources))


def read_task(train: Path, test: Path | None, reading: Reading) -> Task:
    """Read one or two files as training and test rows.

    A single file with labels is split by class, one with numbers is not split: its rows are
    the training rows and there are no test rows, so that it can be cross-validated.

    Raises
    ------
    InputError
        A column is missing or not of numbers, a class has too few rows, or there is nothing
        to learn from or to test on.
    """
    paths = [path for path in (train, test) if path is not None]
    if test is not None:  # it says what is tested on
        reading = replace(reading, group_column=None)
    files = [_read(path, paths, reading) for path in paths]
    return _task(files, reading, _grouping(files))


def task_of_frames(
    frames: Sequence[pd.DataFrame], reading: Reading, groups: ArrayLike | None = None
) -> Task:
    """Return training and test rows of one or two data frames; as `read_task` of files.

    Parameters
    ----------
    frames : sequence of DataFrame
        To learn from, and to test on where there is a second; both hold the target, and each
        column has a name of its own.
    reading : Reading
    groups : array-like, optional
        Which rows of a single frame hang together; by default a column of lots says it.

    Raises
    ------
    InputError
        As `read_task`.
    """
    readers = [
        tables.open_frame(frame, name) for frame, name in zip(frames, ("X", "X_test"), strict=False)
    ]
    files = [_file(reader, reading) for reader in readers]
    if groups is None:
        return _task(files, reading, _grouping(files))
    (own,) = Standing.given(groups, len(frames[0])).numbers.values()
    kept = own[files[0].table.lines - 1]  # of rows that hold anything
    return _task(files, replace(reading, group_column=_GROUPS), _Grouping(_GROUPS, kept))


def _task(files: Sequence[File], reading: Reading, grouping: "_Grouping | None") -> Task:
    """Return the rows of files that were read, the second to test on."""
    grouped_by = None if grouping is None else grouping.name
    source = choose_source(files[0], grouped_by)
    notes = _said_of_files(files, source, reading)
    parts = [_rows(file, source, grouping) for file in files]
    _check_testable(files, parts)
    notes += _said_of_cells(files, source)
    whole = parts if len(parts) > 1 else _split(parts[0], reading)
    drawn = [thin(part, reading.max_rows, seed=reading.seed) for part in whole]
    notes += _said_of_draws(whole, drawn)
    is_label = reading.kind == "label"
    if is_label:
        check_classes(drawn[1])
    notes += _said_of_groups(grouped_by, drawn)
    notes += note_overlap(*drawn, is_written_out=source.template is not None)
    find = find_leaking_columns if is_label else find_foretelling_columns
    return Task(
        train=drawn[0],
        test=drawn[1],
        sources=tuple(source.columns.sources),
        text_source=source.title,
        notes=tuple(notes),
        template=source.template,
        telling=tuple(find(source.columns, drawn[0].numbers, drawn[0].target)),
        fit_options=source.fit_options(files[0], has_anomalies=bool(drawn[0].target.any())),
        is_split=len(files) == 1,
        train_file=files[0].name,
        n_unlabelled=files[0].table.n_unlabelled,
        is_of_files=files[0].table.reader.kind != "frame",
    )


def _with_own_options(path: Path, paths: Sequence[Path], reading: Reading) -> Reading:
    """Return what to read of a file: a sheet is meant for workbooks, an encoding for text.

    Where none of the files is of the kind, reading it says so.
    """
    kinds, own = [format_of(one).kind for one in paths], format_of(path).kind
    options = reading.options
    if own != "excel" and "excel" in kinds:
        options = replace(options, sheet=None)
    if own in HAVE_ENCODINGS and not HAVE_ENCODINGS.issuperset(kinds):
        options = replace(options, encoding=None)
    return replace(reading, options=options)


def _read(path: Path, paths: Sequence[Path], reading: Reading) -> File:
    reading = _with_own_options(path, paths, reading)
    is_label = reading.kind == "label"
    asked = [reading.target, *([reading.text_column] if reading.text_column else [])]
    reader = tables.open_table(path, reading.options.asking_for(asked))
    if not reader.has_columns:
        check_no_column(reader, _option_of_target(reading), reading.target)
    # Beside a test file, training rows without labels are normal ones.
    return _file(reader, reading, may_lack_target=is_label and path == paths[0] != paths[-1])


def _option_of_target(reading: Reading) -> str:
    return "--label-column" if reading.kind == "label" else "--target"


def _file(reader: TableReader, reading: Reading, *, may_lack_target: bool = False) -> File:
    own = _as_called(reader, reading)
    if reader.has_columns and not may_lack_target and own.target not in reader.columns:
        raise tables.no_column(reader.columns, own.target, _option_of_target(reading))
    has_labels = reading.kind == "label" and own.target in reader.columns
    read = tables.read_rows(reader, label_column=own.target if has_labels else None)
    filled = tables.is_filled(read.frame)  # what has a label is; others may stand below the table
    if filled.any():  # else it is told where texts are looked for
        labels = None if read.labels is None else read.labels[filled]
        read = replace(read, frame=read.frame[filled], lines=read.lines[filled], labels=labels)
    return File(read, own)


def _as_called(reader: TableReader, reading: Reading) -> Reading:
    """Return the columns asked for by a file's own names, which may differ in blanks and case."""
    target = match_column(reader.columns, reading.target) or reading.target
    text_column = reading.text_column and match_column(reader.columns, reading.text_column)
    group_column = reading.group_column
    if group_column is not None:
        group_column = match_column(reader.columns, group_column)
        if group_column is None:
            raise tables.no_column(reader.columns, str(reading.group_column), "--group-column")
    return replace(
        reading,
        target=target,
        text_column=text_column or reading.text_column,
        group_column=group_column,
    )


def _said_of_files(files: Sequence[File], source: Source, asked: Reading) -> list[str]:
    """Return what was guessed of the files, and what is read of their columns, each once."""
    said = [note for file in files for note in _said_of(file, source, asked)]
    notes = [*dict.fromkeys(said), *source.columns.notes]
    if source.template is not None:
        new = tables.warn_of_new_values(files[0].table.frame, source.template.names)
        notes += [f"{files[0].name}: {notice}." for notice in new]
        if conditions := source.template.conditions_by_name:
            notes.append(
                f"Conditions, given which polar-detect judges the other columns: "
                f"{listing([*map(repr, conditions)], _MAX_LISTED)}; the baselines, which know of "
                "none, read them as any other column."
            )
    if source.text_column is not None:
        notes[:0] = [f"{files[0].name}: {notice}." for notice in source.text_column.notices]
    return notes


def _said_of(file: File, source: Source, asked: Reading) -> list[str]:
    """Return what was guessed of a file, and how many of its rows could not be used."""
    table, reading, present = file.table, file.reading, file.table.reader.columns
    pairs = ((asked.target, reading.target), (asked.text_column, reading.text_column))
    taken = [note for name, own in pairs if name and own for note in said_of_match(name, own)]
    taken += [n for own in (*reading.named, reading.conditions) for n in own.notices(present)]
    taken += source.notices(present)
    if not reading.named:
        taken += tables.said_of_results(tables.result_columns(present, but=reading.target))
    strays = said_of_strays(present, table.frame, table.lines)
    said = (*table.reader.notices, *strays, *taken, *unlabelled_notice(table, reading.target))
    notes = [f"{file.name}: {notice}." for notice in said]
    if table.rejected:
        n, n_read = len(table.rejected), len(table.frame) + table.n_unlabelled
        notes.append(f"{file.name}: {n} of {n + n_read} rows could not be read.")
    return notes


def _said_of_cells(files: Sequence[File], source: Source) -> list[str]:
    """Return which cells mean no number, or another than is written."""
    notes = [
        note for file in files for note in note_words(file.table.frame, source.columns, file.name)
    ]
    first = files[0]
    if first.reading.kind == "number":
        target = first.reading.target
        notes += [note for file in files for note in _said_of_missing(file, source)]
        notes += said_of_forms({target: source.target}, first.table.frame, [target])
    return notes


def _said_of_missing(file: File, source: Source) -> list[str]:
    """Return how many rows have no number to predict, if there are any."""
    target = file.reading.target
    numbers = numbers_of(file.table.frame, target, file.name, form=source.target)
    n = int(np.isnan(numbers).sum())
    notice = f"rows left out, as column {target!r} has no number there: {n}"
    return [f"{file.name}: {notice}."] if n else []


def _said_of_draws(whole: Sequence[Rows], drawn: Sequence[Rows]) -> list[str]:
    return [
        f"{len(part)} of {len(every)} {name} rows were drawn (--max-rows)."
        for name, every, part in zip(("training", "test"), whole, drawn, strict=True)
        if len(part) < len(every)
    ]


def _check_testable(files: Sequence[File], parts: Sequence[Rows]) -> None:
    """Raise `InputError` where a test file has no row to test on."""
    if len(parts) > 1 and not len(parts[-1]):
        raise InputError(
            f"Got no row of {files[-1].name} with both a text and a number in column "
            f"{files[-1].reading.target!r}; expected some to test on; fill them in or leave TEST "
            "out."
        )


@dataclass(frozen=True, eq=False)
class _Grouping:
    """The column that says which rows of a file hang together, and which do, (n_rows,) int64."""

    name: str
    groups: IndexArray


def _grouping(files: Sequence[File]) -> _Grouping | None:
    """Return how rows of a single file hang together, if a column says it."""
    if len(files) > 1:
        return None
    (file,) = files
    frame, asked = file.table.frame, file.reading.group_column
    if asked is not None:
        (groups,) = Standing.given(frame[asked], len(frame)).numbers.values()
        return _Grouping(asked, groups)
    for name, lots in Standing.found_in(frame).numbers.items():
        n_lots = len(np.unique(lots))
        if name != file.reading.target and _MIN_GROUPS <= n_lots <= len(frame) / 2:
            return _Grouping(name, lots)
    return None


def _said_of_groups(name: str | None, parts: Sequence[Rows]) -> list[str]:
    if name is None:
        return []
    n_groups = [len(np.unique(part.groups)) for part in parts if part.groups is not None]
    if not n_groups:
        return [
            f"Rows of one {name!r} are among the training and the test rows, as no split by it "
            "leaves anomalous rows in both; new rows may be told less well."
        ]
    if n_groups[1] == 0:  # to be cross-validated
        return [f"Rows of one {name!r} are predicted from those of others."]
    return [
        f"Test rows are of other values of {name!r} ({n_groups[1]}) than training rows "
        f"({n_groups[0]}), as new rows will be."
    ]


def _rows(file: File, source: Source, grouping: _Grouping | None) -> Rows:
    table, frame, reading = file.table, file.table.frame, file.reading
    said, texts = None, source.texts(table)
    if source.template is not None:
        said, texts = texts, source.template.rounded_texts(texts)
    numbers = source.columns.matrix(frame, file.name)
    groups = None if grouping is None else grouping.groups
    if reading.kind == "label":
        # Without the label column, a training file holds normal rows only.
        is_normal = np.zeros(len(texts), bool)
        labels = is_normal if table.labels is None else table.labels
        return Rows(texts, numbers, labels, groups, said)
    target = numbers_of(frame, reading.target, file.name, form=source.target)
    _check_size(target, reading.target, table)
    has_text = np.asarray([bool(text.strip()) for text in texts], bool)
    kept = np.flatnonzero(~np.isnan(target) & has_text)
    return Rows(texts, numbers, target, groups, said).take(kept)


def _check_size(target: Float64Array, name: str, file: tables.TableRows) -> None:
    huge = np.flatnonzero(np.abs(target) > MAX_SIZE)
    if len(huge):
        raise InputError(
            f"Got {target[huge[0]]:g} in line {file.lines[huge[0]]}, column {name!r}, of "
            f"{file.reader.name}; expected numbers to predict of at most {MAX_SIZE:g}; correct "
            "the cell or leave it empty."
        )


def _split(rows: Rows, reading: Reading) -> list[Rows]:
    if reading.kind == "number":
        return [rows, rows.take(np.zeros(0, np.intp))]
    share, seed = reading.test_share, reading.seed
    if rows.groups is not None:
        check_classes(rows)
        parts = split_by_group(rows, rows.groups, test_share=share, seed=seed)
        if parts is not None:
            return parts
        if reading.group_column is not None:
            n_odd, n_groups = (
                len(np.unique(own)) for own in (rows.groups[rows.target], rows.groups)
            )
            raise InputError(
                f"Got anomalous rows of {n_odd} of {n_groups} values in column "
                f"{reading.group_column!r}; expected such as can be dealt out to learn from and to "
                "test on, with two normal and two anomalous rows on either side, and normal ones "
                "of two values to learn from; leave --group-column out, or add rows."
            )
    return split(replace(rows, groups=None), test_share=share, seed=seed)
