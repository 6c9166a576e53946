"""What estimators over texts take: texts in any container, labels of both conventions."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import exceptions

from polar_detect.arrays import BoolArray
from polar_detect.errors import InputError, NotFittedError, listing
from polar_detect.frames import are_written, in_pandas, named
from polar_detect.tables.columns.kinds import SaidKinds, said_kinds

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate


class HasArrowStream(Protocol):
    """A table or series of a library that hands its data on by Arrow, such as polars."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a PyCapsule of Arrow's C stream interface."""


# What `as_texts` takes, for type checkers.
Texts: TypeAlias = (
    Sequence[str]
    | pd.Series
    | pd.Index
    | pd.DataFrame
    | pd.api.extensions.ExtensionArray  # what `series.values` are of strings
    | NDArray[Any]
    | HasArrowStream
)

_ROWS = (Mapping, list, tuple, np.ndarray, np.void)  # what may be one of those of a table
_MAX_NAMES = 5  # of columns, in a message


class UnfittedError(NotFittedError, exceptions.NotFittedError):  # type: ignore[misc]
    """An estimator that is not fitted, also as scikit-learn's own error.

    Not in `errors`, which must not import scikit-learn.
    """


def as_texts(X: Any, rows: "RowTemplate | None" = None) -> list[str]:
    """Return texts as a list.

    Parameters
    ----------
    X : sequence of str
        A list, tuple, series, index, or array of NumPy or pyarrow; or a table or array of one
        column. Tables may be those of pandas, pyarrow or polars.
    rows : RowTemplate, optional
        Writes out the rows of a data frame, but for one of a single column that holds them
        written out.

    Raises
    ------
    InputError
        One string, no texts, several columns, what has no order, or a value that is not text; or
        a column of `rows` is missing, or there twice.

    >>> as_texts(pd.Series(["oil", "fuse"]))
    ['oil', 'fuse']
    """
    X = in_pandas(X)
    if isinstance(X, str):
        raise InputError(
            "Got one string; expected a sequence of texts; put it into a list: [text]."
        )
    if isinstance(X, bytes | Mapping | Set) or not _is_iterable(X):
        raise InputError(
            f"Got {type(X).__name__}; expected a sequence of texts, such as a list or a series, or "
            "of rows a data frame; convert it first."
        )
    texts = _values(X, rows)
    for i, text in enumerate(texts):
        _check_text(text, i, rows)
    if not texts:
        raise InputError("Got no texts; expected at least one; check the input.")
    return [str(text) for text in texts]  # numpy's strings are a subclass


def anomalous(y: Any, n_texts: int) -> BoolArray:
    """Return which texts are labelled anomalous, (n_texts,).

    Parameters
    ----------
    y : array-like or None
        Or a table of one column. True or 1 = anomalous and False or 0 = normal; or, where a -1
        occurs, scikit-learn's convention for outliers: -1 = anomalous and 1 = normal.

    Raises
    ------
    InputError
        Other values, or not one label a text.

    >>> anomalous([1, -1], 2).tolist(), anomalous([1, 0], 2).tolist()
    ([False, True], [True, False])
    """
    if y is None:
        return np.zeros(n_texts, bool)
    labels = _as_array(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n_texts,):
        n_labels = len(labels) if labels.ndim == 1 else f"{labels.shape} array of"
        if not labels.ndim:  # a number, a mapping, a generator
            n_labels = f"{type(y).__name__} as"
        raise InputError(f"Got {n_labels} labels for {n_texts} texts; expected one each; check y.")
    try:
        values = set(labels.tolist())
    except TypeError as error:  # unhashable
        raise InputError(_odd_label(repr(labels.tolist()[0]))) from error
    if values <= {0, 1}:
        return labels.astype(bool)
    if values <= {-1, 1}:
        flags: BoolArray = labels == -1
        return flags
    odd = sorted(map(repr, values - {-1, 0, 1})) or ["-1 and 0 together"]
    raise InputError(_odd_label(odd[0]))


def kinds_of(kinds: Any, n_texts: int) -> SaidKinds:
    """Return of what kind each text is; see `said_kinds`.

    Raises
    ------
    InputError
        Not one kind a text.

    >>> kinds_of(["leak", None], 2).kinds
    ('leak', '')
    """
    said = pd.Series([*kinds], dtype=object)
    if len(said) != n_texts:
        raise InputError(
            f"Got {len(said)} kinds for {n_texts} texts; expected one each, None for what is "
            "normal; check kinds."
        )
    return said_kinds(said)


def _values(X: Any, rows: "RowTemplate | None") -> list[Any]:
    """Return what stands in a container, of a table in its only column or in rows written out."""
    if isinstance(X, pd.DataFrame):
        if rows is not None and not are_written(X, rows):
            return rows.texts(named(X, rows))
        if X.shape[1] != 1:
            names = listing([*map(str, X.columns)], _MAX_NAMES)
            raise InputError(
                f"Got a table of {X.shape[1]} columns ({names}); expected one column of texts; "
                "select it first."
            )
        X = X.to_numpy(object)
    if hasattr(X, "to_pylist"):  # pyarrow's, whose own values are no str
        return list(X.to_pylist())
    if len(shape := getattr(X, "shape", ())) > 1:  # a sparse matrix has one, too
        if not isinstance(X, np.ndarray) or shape[1:] != (1,):
            raise InputError(
                f"Got an array of shape {tuple(shape)}; expected one column of texts; select it "
                "first, or of rows pass a data frame."
            )
        X = X[:, 0]
    return list(X)


def _as_array(y: Any) -> NDArray[Any]:
    try:
        return np.asarray(y)
    except ValueError as error:  # rows of several lengths
        raise InputError(
            f"Got labels of no shape ({error}); expected one each; check y."
        ) from error


def _odd_label(found: str) -> str:
    return (
        f"Got label {found}; expected 1 or True for anomalous and 0 or False for normal texts, "
        "or -1 for anomalous and 1 for normal; convert y."
    )


def _is_iterable(X: Any) -> bool:
    """Return whether values can be taken from `X`; NumPy's arrays of no axis only seem so."""
    return isinstance(X, Iterable) and getattr(X, "ndim", 1) > 0


def _check_text(text: Any, i: int, rows: "RowTemplate | None") -> None:
    if not isinstance(text, str):
        todo = "expected texts (str); convert the values first, missing ones to ''"
        if isinstance(text, _ROWS):
            todo = "expected texts (str); of rows pass a data frame, e.g. pandas.DataFrame(X)"
        elif rows is not None:
            todo = "expected rows; pass a data frame, of a single row e.g. frame.iloc[[0]]"
        raise InputError(f"Got {type(text).__name__} at position {i}; {todo}.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"Got half a character (lone surrogate) in the text at position {i}; expected "
            "text that UTF-8 can hold; decode the source with errors='replace'."
        ) from error
