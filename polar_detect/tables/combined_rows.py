"""The rows of several tables, one below the other, each column with one type throughout."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.arrays import BoolArray
from polar_detect.errors import EmptyInputError, InputError
from polar_detect.tables.cells.dtypes import MAX_EXACT
from polar_detect.tables.combining import Combined, Part
from polar_detect.tables.input.chunks import Rejected
from polar_detect.tables.output.writing import rejected_frame

_MIN_DIFFERENT = 0.95  # of the rows of a table, or equal ones elsewhere are no copies of them


@dataclass(frozen=True, eq=False)
class CombinedRows:
    """The rows of several tables, which one reading has shown.

    Parameters
    ----------
    combined : Combined
    n_rows : int
        Without those that are left out.
    n_copies : mapping of str to int
        By the name of a part: its rows that an earlier one has, too, where its rows differ.
    rejected : sequence of (Part, Rejected)
        Rows that could not be read.
    dtypes : mapping of str to dtype
        Of each column of the whole.
    is_kept : sequence of (n_rows_of_part,) bool
    empty : sequence of str
        Names of parts that have columns and no rows.
    broken : sequence of InputError
        What is said of files of a folder that cannot be read, or not to their end.
    """

    combined: Combined
    n_rows: int
    n_copies: Mapping[str, int]
    rejected: Sequence[tuple[Part, Rejected]]
    dtypes: Mapping[str, Any]
    is_kept: Sequence[BoolArray]
    empty: Sequence[str] = ()
    broken: Sequence[InputError] = ()

    @property
    def n_tables(self) -> int:
        """How many of the parts have rows."""
        return sum(len(own) > 0 for own in self.is_kept)

    @classmethod
    def of(cls, combined: Combined, *, drops_copies: bool = False) -> Self:
        """Read all tables once; leave out rows that an earlier one has, too, if that is asked.

        Raises
        ------
        InputError
            A file that was named breaks off, or none of its rows can be used; or no table has any.
        """
        found = [_Read.of(part, combined.columns) for part in combined.parts]
        faults = [own.fault for own in found if own.fault is not None]
        if len(faults) == len(found):
            raise faults[0]
        n_copies, is_kept = {}, []
        seen: NDArray[np.uint64] = np.array([], np.uint64)
        for part, own in zip(combined.parts, found, strict=True):
            is_copy = np.isin(own.hashes, seen)
            differ = len(np.unique(own.hashes)) >= _MIN_DIFFERENT * len(own.hashes)
            if is_copy.any() and (differ or drops_copies):
                n_copies[part.name] = int(is_copy.sum())
            is_kept.append(~is_copy if drops_copies else np.ones(len(is_copy), np.bool_))
            seen = np.union1d(seen, own.hashes)
        return cls(
            combined=combined,
            n_rows=sum(int(own.sum()) for own in is_kept),
            n_copies=n_copies,
            rejected=[(own.part, row) for own in found for row in own.rejected],
            dtypes={name: _dtype_of(name, found) for name in combined.columns},
            is_kept=is_kept,
            empty=[own.part.name for own in found if isinstance(own.fault, EmptyInputError)],
            broken=[
                *combined.broken,
                *(own for own in faults if not isinstance(own, EmptyInputError)),
            ],
        )

    def frames(self) -> Iterator[pd.DataFrame]:
        """Read all tables again; yield their rows, the same columns and dtypes each time.

        Raises
        ------
        InputError
            A file has more or fewer rows than before.
        """
        whole = self.combined
        for part, is_kept in zip(whole.parts, self.is_kept, strict=True):
            if not len(is_kept):
                continue
            own_names = {name: own for own, name in part.called.items()}
            n_read = 0
            for chunk in part.reader.chunks():
                n_read += len(chunk.frame)
                _check_unchanged(part, n_read <= len(is_kept))
                frame = pd.DataFrame(
                    {
                        name: _cast(chunk.frame, own_names.get(name), self.dtypes[name])
                        for name in whole.columns
                    }
                )
                if whole.says_part is not None:
                    frame.insert(0, whole.says_part, pd.Series(part.name, frame.index, dtype="str"))
                yield frame[is_kept[frame.index]]
            _check_unchanged(part, n_read == len(is_kept))

    def rejected_frame(self, *, said: Callable[[str], str] = str) -> pd.DataFrame:
        """Return rows that could not be read: of which part, line, reason as `said`, and text."""
        frame = rejected_frame([row for _, row in self.rejected], said=said)
        if self.combined.says_part is not None:
            frame.insert(0, self.combined.says_part, [part.name for part, _ in self.rejected])
        return frame


@dataclass(frozen=True, eq=False)
class _Read:
    """What one reading of a part shows.

    Parameters
    ----------
    part : Part
    hashes : (n_rows,) uint64
        Of what each row says, by the names of the whole.
    rejected : list of Rejected
    dtypes : mapping of str to dtype
        Of its columns that say anything.
    has_wide : frozenset of str
        Columns with whole numbers that floating point has not.
    fault : InputError or None
        What is said of a table without rows, or of one that cannot be read; none of its rows
        count then.
    """

    part: Part
    hashes: NDArray[np.uint64]
    rejected: list[Rejected]
    dtypes: dict[str, Any]
    has_wide: frozenset[str]
    fault: InputError | None = None

    @classmethod
    def of(cls, part: Part, columns: Sequence[str]) -> Self:
        hashes: list[NDArray[np.uint64]] = []
        rejected: list[Rejected] = []
        dtypes, wide = {}, set()
        try:
            for chunk in part.reader.chunks():
                rejected += chunk.rejected
                frame = chunk.frame.rename(columns=part.called)
                for name in frame.columns:
                    own = frame[name]
                    if own.dtype != object or own.notna().any():
                        dtypes[name] = own.dtype
                    if own.dtype == "Int64" and (own.abs() > MAX_EXACT).any():
                        wide.add(name)
                whole = frame.reindex(columns=list(columns))
                said = pd.DataFrame({name: _said(whole[name]) for name in columns})
                hashes.append(np.asarray(pd.util.hash_pandas_object(said, index=False), np.uint64))
        except InputError as error:
            if part.is_named and not isinstance(error, EmptyInputError):
                raise
            return cls(part, np.array([], np.uint64), [], {}, frozenset(), error)
        joined = np.concatenate(hashes) if hashes else np.array([], np.uint64)
        return cls(part, joined, rejected, dtypes, frozenset(wide))


def _said(column: pd.Series) -> pd.Series:
    """Return what cells say, the same of 4 among whole numbers and among 6.5."""
    texts = column.astype("string").fillna("")
    return texts.str.removesuffix(".0") if pd.api.types.is_float_dtype(column) else texts


def _check_unchanged(part: Part, is_same: bool) -> None:
    if not is_same:
        raise InputError(
            f"Got '{part.reader.name}', which was changed while it was read; expected a file that "
            "nobody writes to; copy it and take the copy."
        )


def _dtype_of(name: str, found: Sequence[_Read]) -> Any:
    """Return the type that holds what all tables say in a column."""
    dtypes = {str(own.dtypes[name]): own.dtypes[name] for own in found if name in own.dtypes}
    if len(dtypes) == 1:
        return next(iter(dtypes.values()))
    is_wide = any(name in own.has_wide for own in found)
    return (
        pd.Float64Dtype() if {*dtypes} == {"Int64", "Float64"} and not is_wide else np.dtype(object)
    )


def _cast(frame: pd.DataFrame, name: str | None, dtype: Any) -> pd.Series:
    """Return a column as another type; one that a table has not is empty."""
    if name is None:
        return pd.Series([None] * len(frame), frame.index, dtype=dtype)
    own = frame[name]
    if own.dtype == dtype:
        return own
    return own.astype(object).where(own.notna(), None).astype(dtype)
