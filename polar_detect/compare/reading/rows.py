"""Rows in every form that a method may read, and how they are drawn.

Nothing here looks at a test label but to keep the classes' shares in a split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.errors import InputError
from polar_detect.statistics.shares import count_of

_MIN_OF_EACH_CLASS = 2
_MIN_GROUPS_LEFT = 2  # as a detector holds normal rows against those of other groups
_N_DRAWS = 100  # of groups to test on


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows in every form that a method may read.

    Parameters
    ----------
    texts : list of str, n_rows long
    numbers : (n_rows, n_columns) float64
        NaN where a cell is missing or no number.
    target : (n_rows,) bool or float64
        True where a row is labelled anomalous; or the number to be predicted.
    groups : (n_rows,) int64, optional
        Which rows hang together, as those of a lot; None where nothing says it.
    said : list of str, optional
        Rows written out with all digits, as detectors by columns read them; None where these are
        the texts, which models read.
    """

    texts: list[str]
    numbers: Float64Array
    target: NDArray[Any]
    groups: IndexArray | None = None
    said: list[str] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, index: IndexArray) -> Self:
        """Return the given rows."""
        texts = [self.texts[i] for i in index.tolist()]
        groups = None if self.groups is None else self.groups[index]
        said = None if self.said is None else [self.said[i] for i in index.tolist()]
        return type(self)(texts, self.numbers[index], self.target[index], groups, said)

    def read_by(self, *, models: bool) -> list[str]:
        """Return the texts as a detector reads them whose models read them, or that has none."""
        return self.texts if models or self.said is None else self.said

    @property
    def normal(self) -> Self:
        """Those that are not labelled anomalous."""
        return self.take(np.flatnonzero(~self.target))

    @classmethod
    def below(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one below the other."""
        groups = [part.groups for part in parts if part.groups is not None]
        said = [part.said for part in parts if part.said is not None]
        return cls(
            [text for part in parts for text in part.texts],
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.target for part in parts]),
            np.concatenate(groups) if len(groups) == len(parts) else None,
            [own for part in said for own in part] if len(said) == len(parts) else None,
        )


def split(rows: Rows, *, test_share: float, seed: int) -> list[Rows]:
    """Return training and test rows, drawn from each class, in their order; two of either at least.

    Raises
    ------
    InputError
        As `check_classes` does.
    """
    check_classes(rows)
    from sklearn.model_selection import train_test_split

    n_test = count_of(test_share, len(rows))
    train, test = train_test_split(
        np.arange(len(rows)),
        test_size=min(max(n_test, 2), len(rows) - 2),
        random_state=seed,
        stratify=rows.target,
    )
    return [rows.take(np.sort(train)), rows.take(np.sort(test))]


def split_by_group(
    rows: Rows, groups: IndexArray, *, test_share: float, seed: int
) -> list[Rows] | None:
    """Return training and test rows of other groups, in their order; two of each class at least.

    Of a hundred draws of groups the one whose shares of normal and of anomalous rows are nearest
    to the share asked for. None where no draw has two rows of each class on either side, and
    normal rows of two groups to learn from.
    """
    rng = np.random.default_rng(seed)
    _, places = np.unique(groups, return_inverse=True)
    n_groups = int(places.max()) + 1
    n_rows = np.stack(
        [np.bincount(places[rows.target == odd], minlength=n_groups) for odd in (False, True)]
    )
    n_all = n_rows.sum(1, keepdims=True)
    held_out, least = None, np.inf
    for _ in range(_N_DRAWS):
        order = rng.permutation(n_groups)
        n_test = np.cumsum(n_rows[:, order], axis=1)  # with one group more at a time
        is_enough = np.minimum(n_test, n_all - n_test).min(0) >= _MIN_OF_EACH_CLASS
        n_normal = np.cumsum(n_rows[0, order] > 0)  # groups that hold such rows
        is_enough &= n_normal[-1] - n_normal >= _MIN_GROUPS_LEFT
        off = np.where(is_enough, np.abs(n_test / n_all - test_share).sum(0), np.inf)
        if off.min() < least:
            least, held_out = off.min(), order[: off.argmin() + 1]
    if held_out is None:
        return None
    is_test = np.isin(places, held_out)
    return [rows.take(np.flatnonzero(~is_test)), rows.take(np.flatnonzero(is_test))]


def thin(rows: Rows, max_rows: int, *, seed: int) -> Rows:
    """Return at most so many rows, of labelled ones with the classes' shares as they are.

    Two of each class stay, though that be one or two rows more.
    """
    if len(rows) <= max_rows:
        return rows
    rng = np.random.default_rng(seed)
    has_labels = rows.target.dtype == bool
    keys = rows.target if has_labels else np.zeros(len(rows), bool)
    drawn = []
    for key in np.unique(keys):
        members = np.flatnonzero(keys == key)
        n = max(_MIN_OF_EACH_CLASS, round(max_rows * len(members) / len(rows)))
        drawn.append(rng.permutation(members)[:n])
    return rows.take(np.sort(np.concatenate(drawn)))


def check_classes(rows: Rows) -> None:
    """Raise `InputError` where there are too few rows of a class to test on."""
    n_anomalous = int(rows.target.sum())
    if min(n_anomalous, len(rows) - n_anomalous) < _MIN_OF_EACH_CLASS:
        raise InputError(
            f"Got {len(rows) - n_anomalous} normal and {n_anomalous} anomalous rows to test on; "
            f"expected at least {_MIN_OF_EACH_CLASS} of each; check the label column or add rows."
        )


def note_overlap(train: Rows, test: Rows, *, is_written_out: bool) -> list[str]:
    """Return a note where test rows were trained on.

    Rows written out are so by their numbers too, which are rounded as texts.
    """

    def keys(rows: Rows) -> Sequence[tuple[str, bytes] | str]:
        if not is_written_out:
            return rows.texts
        return [(text, own.tobytes()) for text, own in zip(rows.texts, rows.numbers, strict=True)]

    seen = set(keys(train))
    n = sum(key in seen for key in keys(test))
    if not n:
        return []
    what = "are" if is_written_out else "have a text that is"
    return [
        f"{n} of {len(test)} test rows {what} among the training rows too; every method profits "
        "from those."
    ]
