"""One type for each column, whatever the chunk: which values it holds, and which dtype."""

import datetime
from collections.abc import Mapping, Sequence
from functools import reduce
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
MAX_EXACT = 2**53  # as a float


def merged_kind(kind: str | None, value: object) -> str:
    """Return the kind of a column with values of `kind` and `value`.

    int, float, bool, str, datetime, mixed or missing; None where there are no values yet.
    """
    own = _kind_of(value)
    if kind is None or kind in {own, _MISSING}:
        return own
    if own == _MISSING:
        return kind
    return _TOGETHER.get(frozenset({kind, own}), _MIXED)


def kinds_of(names: Sequence[str], values: Sequence[Sequence[object]]) -> dict[str, str]:
    """Return the kinds of whole columns."""
    columns = zip(names, values, strict=True)
    return {name: reduce(merged_kind, column, _MISSING) for name, column in columns}


def typed_frame(
    kinds: Mapping[str, str], values: Sequence[Sequence[Any]], index: pd.Index
) -> pd.DataFrame:
    """Return columns of values as a frame, by name and kind of each; None is missing."""
    columns = values or [()] * len(kinds)
    return pd.DataFrame(
        {
            i: pd.Series(list(column), index=index, dtype=_DTYPES.get(kind, "object"))
            for i, (kind, column) in enumerate(zip(kinds.values(), columns, strict=True))
        },
        index=index,
    ).set_axis(list(kinds), axis="columns")


def _kind_of(value: object) -> str:
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if abs(value) <= MAX_EXACT:
            return "int"
        return _WIDE if -_MAX_INT <= value < _MAX_INT else _MIXED
    if isinstance(value, datetime.datetime):
        return "datetime"
    return {float: "float", str: "str"}.get(type(value), _MIXED)
