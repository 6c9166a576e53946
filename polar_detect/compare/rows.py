"""What is compared on: rows as texts and as numbers, split into training and test rows.

Hides reading, which columns are numbers, and the drawing of rows. Nothing here looks at a test
label but to keep the classes' shares in a split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect import tables
from polar_detect.errors import InputError

AUTO, NONE = "auto", "none"
_SPREADS_LIKE_AN_ID = 20  # fewer rising integers than this may well be a measurement
MIN_OF_EACH_CLASS = 2


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows in every form that a method may read.

    Parameters
    ----------
    texts : list of str, n_rows long
    numbers : (n_rows, n_columns) float64
        NaN where a cell is empty.
    target : (n_rows,) bool or float64
        True where a row is labelled anomalous; or the number to be predicted.
    """

    texts: list[str]
    numbers: NDArray[np.float64]
    target: NDArray[Any]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, index: NDArray[np.intp]) -> Self:
        """Return the given rows."""
        texts = [self.texts[i] for i in index.tolist()]
        return type(self)(texts, self.numbers[index], self.target[index])

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one below the other."""
        return cls(
            [text for part in parts for text in part.texts],
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.target for part in parts]),
        )


@dataclass(frozen=True)
class Reading:
    """How the files shall be read and split.

    Parameters
    ----------
    target : str
        The label column, or the column of the number to be predicted.
    kind : {"label", "number"}
    text_column : str or None
        None: the numeric columns are written out as text.
    numeric_columns : str
        Names with commas between them, "auto" for all that are numbers, "none".
    test_share : float
        Share of a single file's rows that are held out.
    max_rows : int
        More training or test rows than this are thinned out at random.
    seed : int
    """

    target: str
    kind: Literal["label", "number"] = "label"
    text_column: str | None = None
    numeric_columns: str = AUTO
    test_share: float = 0.4
    max_rows: int = 1000
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Task:
    """Training and test rows, with what was done to get them in plain sentences.

    Parameters
    ----------
    train : Rows
    test : Rows
    columns : tuple of str
        Names of the columns of `Rows.numbers`.
    text_source : str
        Where `Rows.texts` come from, in words.
    notes : tuple of str
    template : RowTemplate, optional
        How `Rows.texts` were written out of rows, if they were.
    """

    train: Rows
    test: Rows
    columns: tuple[str, ...]
    text_source: str
    notes: tuple[str, ...]
    template: tables.RowTemplate | None = None


def read_task(train: Path, test: Path | None, reading: Reading) -> Task:
    """Read one or two files as training and test rows.

    A single file with labels is split by class, one with numbers is not split: its rows are
    the training rows and there are no test rows, so that it can be cross-validated.

    Raises
    ------
    InputError
        A column is missing or not of numbers, a class has too few rows, or there is nothing
        to learn from.
    """
    frames = [_read(path, reading) for path in (train, test) if path is not None]
    columns, notes = _numeric_columns(frames[0], reading)
    if reading.text_column is None and not columns:
        raise InputError(
            f"Got neither a text column nor a column of numbers in {train}; expected one of "
            "them; pass --text-column or --numeric-columns."
        )
    template = tables.RowTemplate.fit(frames[0].frame, columns)
    parts = [_rows(frame, template, reading) for frame in frames]
    if len(parts) == 1:
        parts = _split(parts[0], reading)
    thinned = [_thin(part, reading) for part in parts]
    for name, whole, part in zip(("training", "test"), parts, thinned, strict=True):
        if len(part) < len(whole):
            notes.append(f"{len(part)} of {len(whole)} {name} rows were drawn (--max-rows).")
    if reading.kind == "label":
        _check_classes(thinned[1])
    notes += _overlap(*thinned, is_written_out=reading.text_column is None)
    source = (
        f"column '{reading.text_column}'"
        if reading.text_column
        else f"{len(columns)} columns written out"
    )
    own = template if reading.text_column is None else None
    return Task(thinned[0], thinned[1], tuple(columns), source, tuple(notes), own)


def _read(path: Path, reading: Reading) -> tables.Table:
    # A table needs a column of texts; where there is none, the target's cells stand in, and
    # are not used.
    column = reading.text_column or reading.target
    table = tables.read_table(path, text_column=column)
    if reading.kind == "label" and reading.target in table.frame.columns:
        return tables.read_table(path, text_column=column, label_column=reading.target)
    return table


def _numeric_columns(table: tables.Table, reading: Reading) -> tuple[list[str], list[str]]:
    """Return the numeric columns and a note on those left out."""
    frame = table.frame
    if reading.numeric_columns == NONE:
        return [], []
    if reading.numeric_columns != AUTO:
        names = [name.strip() for name in reading.numeric_columns.split(",")]
        for name in names:
            _numbers_of(frame, name, table.source)
        return names, []
    others = [c for c in map(str, frame.columns) if c not in (reading.target, reading.text_column)]
    found = {name: numbers for name in others if (numbers := _as_numbers(frame[name])) is not None}
    ids = [name for name, numbers in found.items() if _looks_like_an_id(numbers)]
    notes = [f"Column {ids[0]!r} counts rows and was left out."] if len(ids) == 1 else []
    if len(ids) > 1:
        notes = [f"Columns {', '.join(map(repr, ids))} count rows and were left out."]
    kept = [name for name, numbers in found.items() if name not in ids and _varies(numbers)]
    return kept, notes


def _as_numbers(cells: pd.Series) -> NDArray[np.float64] | None:
    """Return the cells as numbers, empty ones as NaN; None if one is something else."""
    text = cells.astype(str).str.strip()
    is_empty = cells.isna() | (text == "")
    numbers = np.full(len(cells), np.nan)
    values = pd.to_numeric(text[~is_empty], errors="coerce")
    if is_empty.all() or values.isna().any() or not np.isfinite(values).all():
        return None
    numbers[~is_empty.to_numpy()] = values.to_numpy(np.float64)
    return numbers


def _looks_like_an_id(numbers: NDArray[np.float64]) -> bool:
    rising = len(numbers) >= _SPREADS_LIKE_AN_ID and bool((np.diff(numbers) > 0).all())
    return rising and bool((numbers == np.round(numbers)).all())


def _varies(numbers: NDArray[np.float64]) -> bool:
    present = numbers[~np.isnan(numbers)]
    return bool((present != present[0]).any())


def _numbers_of(frame: pd.DataFrame, name: str, source: str) -> NDArray[np.float64]:
    if name not in frame.columns:
        listed = ", ".join(map(str, frame.columns))
        raise InputError(
            f"Got column '{name}'; the table {source} has: {listed}. Name one of them."
        )
    numbers = _as_numbers(frame[name])
    if numbers is None:
        raise InputError(
            f"Got column '{name}' of {source} with cells that are not numbers, or none at all; "
            "expected numbers; correct the cells or name another column."
        )
    return numbers


def _rows(table: tables.Table, template: tables.RowTemplate, reading: Reading) -> Rows:
    frame, n = table.frame, len(table.texts)
    columns = [column.name for column in template.columns]
    numbers = np.empty((n, len(columns)))
    for i, name in enumerate(columns):
        numbers[:, i] = _numbers_of(frame, name, table.source)
    texts = table.texts
    if reading.text_column is None:
        texts = template.texts(frame)
    if reading.kind == "label":
        # Without the label column, a training file holds normal rows only.
        target: NDArray[Any] = np.zeros(n, bool) if table.labels is None else table.labels
    else:
        target = _numbers_of(frame, reading.target, table.source)
        has_text = np.asarray([bool(text.strip()) for text in texts], bool)
        kept = np.flatnonzero(~np.isnan(target) & has_text)
        return Rows(texts, numbers, target).take(kept)
    return Rows(texts, numbers, target)


def _split(rows: Rows, reading: Reading) -> list[Rows]:
    if reading.kind == "number":
        return [rows, rows.take(np.zeros(0, np.intp))]
    _check_classes(rows)
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        np.arange(len(rows)),
        test_size=reading.test_share,
        random_state=reading.seed,
        stratify=rows.target,
    )
    return [rows.take(np.sort(train)), rows.take(np.sort(test))]


def _thin(rows: Rows, reading: Reading) -> Rows:
    """Return at most `max_rows` rows, with the classes' shares as they are."""
    if len(rows) <= reading.max_rows:
        return rows
    rng = np.random.default_rng(reading.seed)
    keys = rows.target if reading.kind == "label" else np.zeros(len(rows), bool)
    drawn = []
    for key in np.unique(keys):
        members = np.flatnonzero(keys == key)
        n = max(MIN_OF_EACH_CLASS, round(reading.max_rows * len(members) / len(rows)))
        drawn.append(rng.permutation(members)[:n])
    return rows.take(np.sort(np.concatenate(drawn)))


def _check_classes(rows: Rows) -> None:
    n_anomalous = int(rows.target.sum())
    if min(n_anomalous, len(rows) - n_anomalous) < MIN_OF_EACH_CLASS:
        raise InputError(
            f"Got {len(rows) - n_anomalous} normal and {n_anomalous} anomalous rows to test on; "
            f"expected at least {MIN_OF_EACH_CLASS} of each; check the label column or add rows."
        )


def _overlap(train: Rows, test: Rows, *, is_written_out: bool) -> list[str]:
    """Return a note where test rows were trained on; rows written out are rounded as texts."""

    def keys(rows: Rows) -> Sequence[str | bytes]:
        return [row.tobytes() for row in rows.numbers] if is_written_out else rows.texts

    seen = set(keys(train))
    n = sum(key in seen for key in keys(test))
    if not n:
        return []
    what = "are" if is_written_out else "have a text that is"
    return [
        f"{n} of {len(test)} test rows {what} among the training rows too; every method profits "
        "from those."
    ]
