"""One type for each column, whatever the chunk: which values it holds, and which dtype."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

_MISSING = "missing"
_MIXED = "mixed"
_WIDE = "wide int"  # loses digits as a float
# Nullable, so that a column of 12 and None stays whole numbers.
_DTYPES = {
    "int": "Int64",
    _WIDE: "Int64",
    "float": "Float64",
    "bool": "boolean",
    "datetime": "datetime64[us]",
}
_TOGETHER = {frozenset({"int", "float"}): "float", frozenset({"int", _WIDE}): _WIDE}
_MAX_INT = 2**63
_MAX_EXACT = 2**53  # as a float


@dataclass(frozen=True)
class ColumnKinds:
    """The kind of each column's values: int, float, bool, str, datetime, mixed or missing."""

    by_column: dict[str, str]

    @staticmethod
    def merge(kind: str | None, value: object) -> str:
        """Return the kind of a column with values of `kind` and `value`."""
        own = _kind_of(value)
        if kind is None or kind in {own, _MISSING}:
            return own
        if own == _MISSING:
            return kind
        return _TOGETHER.get(frozenset({kind, own}), _MIXED)

    @classmethod
    def of(cls, names: Sequence[str], values: Sequence[Sequence[object]]) -> "ColumnKinds":
        """Return the kinds of whole columns."""
        kinds = {}
        for name, column in zip(names, values, strict=True):
            kind = _MISSING
            for value in column:
                kind = cls.merge(kind, value)
            kinds[name] = kind
        return cls(kinds)

    def frame(self, values: Sequence[Sequence[Any]], index: pd.Index) -> pd.DataFrame:
        """Return columns of values as a frame; None is missing."""
        columns = values or [()] * len(self.by_column)
        return pd.DataFrame(
            {
                i: pd.Series(list(column), index=index, dtype=_DTYPES.get(kind, "object"))
                for i, (kind, column) in enumerate(
                    zip(self.by_column.values(), columns, strict=True)
                )
            },
            index=index,
        ).set_axis(list(self.by_column), axis="columns")


def _kind_of(value: object) -> str:
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if abs(value) <= _MAX_EXACT:
            return "int"
        return _WIDE if -_MAX_INT <= value < _MAX_INT else _MIXED
    if isinstance(value, datetime.datetime):
        return "datetime"
    return {float: "float", str: "str"}.get(type(value), _MIXED)
