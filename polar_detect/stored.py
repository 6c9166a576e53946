"""What the JSON files of an artifact hold, each entry checked as it is taken.

An artifact is untrusted input, and a seal proves only that it was not changed since somebody
sealed it. A message names the file, the entry, and what was expected there.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
from safetensors import SafetensorError

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.errors import ArtifactError
from polar_detect.features.table import Feature

# Far beyond what fit writes, and far from where squares and products leave float64.
LARGEST = 1e40
_MAX_COUNT = 2**53
_SAME_NAMES = "the names of the features that the manifest names"
_UNREADABLE = (OSError, ValueError, RecursionError)  # also of bytes that are no UTF-8
_UNFIT = (
    *_UNREADABLE,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    SafetensorError,
)


class Stored:
    """A JSON object of an artifact.

    Parameters
    ----------
    path : Path
        The file, for messages.
    content : mapping of str
    within : str
        Where in the file the object stands, e.g. ``scale/``.

    Examples
    --------
    >>> Stored(Path("auto.json"), {"power": 2}).number("power", low=1.0, high=4.0)
    2.0
    """

    def __init__(self, path: Path, content: Mapping[str, Any], within: str = "") -> None:
        self.path = path
        self._content = content
        self._within = within

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; raise `ArtifactError` unless it holds a JSON object."""
        content = read_json(path)
        if not isinstance(content, dict):
            _refuse(path, type(content).__name__, "a JSON object")
        return cls(path, content)

    def get(self, key: str) -> Any:
        """Return what stands at `key`, unchecked; None where nothing does."""
        return self._content.get(key)

    @property
    def names(self) -> list[str]:
        """What entries there are."""
        return [*self._content]

    def part(self, key: str) -> Self:
        """Return the object that stands at `key`."""
        content = self._content.get(key)
        if not isinstance(content, dict):
            self.refuse(key, "a JSON object")
        return type(self)(self.path, content, f"{self._within}{key}/")

    def features(self, key: str) -> tuple[Feature, ...]:
        """Return the features whose names stand at `key`, each once."""
        features = tuple(Feature.from_name(name) for name in self.texts(key))
        # By feature, as `skip/L1` and `skip/L01` are the same.
        if not features or len(set(features)) < len(features):
            self.refuse(key, "names of features, each once")
        return features

    def check_features(self, key: str, features: Sequence[Feature]) -> None:
        """Raise `ArtifactError` unless the names of `features` stand at `key`."""
        if self._content.get(key) != _names(features):
            self.refuse(key, _SAME_NAMES)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the strings that stand at `key`."""
        texts: Any = self._content.get(key)
        if not _are_texts(texts):
            self.refuse(key, "a list of strings")
        return tuple(texts)

    def text(self, key: str) -> str:
        """Return the string that stands at `key`."""
        text = self._content.get(key)
        if not isinstance(text, str):
            self.refuse(key, "a string")
        return text

    def number(self, key: str, *, low: float, high: float, default: float | None = None) -> float:
        """Return the number from `low` to `high` at `key`; `default` where there is none."""
        value = self._content.get(key, default)
        if not _is_number(value) or not low <= value <= high:
            self.refuse(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def count(
        self, key: str, *, low: int = 0, high: int = _MAX_COUNT, default: int | None = None
    ) -> int:
        """Return the whole number from `low` to `high` at `key`; `default` where there is none."""
        value = self._content.get(key, default)
        if type(value) is not int or not low <= value <= high:
            self.refuse(key, f"a whole number from {low} to {high}")
        return value

    def numbers(
        self, key: str, n: int, *, low: float = -LARGEST, high: float = LARGEST
    ) -> Float64Array:
        """Return the numbers from `low` to `high` at `key`, (n,) float64."""
        values = self._content.get(key)
        if not _are_numbers(values, n, low, high):
            self.refuse(key, f"{n} numbers from {low:g} to {high:g}")
        return np.asarray(values, np.float64)

    def flags(self, key: str, n: int) -> BoolArray:
        """Return the true and false of (n,) at `key`; all false where there are none."""
        flags = self._content.get(key, [False] * n)
        if not isinstance(flags, list) or [*map(type, flags)] != [bool] * n:
            self.refuse(key, f"{n} times true or false")
        return np.asarray(flags, bool)

    def rows(self, key: str, n: int) -> Float64Array:
        """Return the rows of `n` numbers that stand at `key`, (n_rows, n) float64."""
        rows = self._content.get(key)
        is_valid = isinstance(rows, list) and all(
            _are_numbers(row, n, -LARGEST, LARGEST) for row in rows
        )
        if not rows or not is_valid:
            self.refuse(key, f"rows of {n} numbers from {-LARGEST:g} to {LARGEST:g}")
        return np.asarray(rows, np.float64)

    def refuse(self, key: str, expected: str) -> NoReturn:
        """Raise `ArtifactError` for what stands at `key`."""
        found = f"'{self._within}{key}'"
        _refuse(self.path, found if key in self._content else f"no {found}", expected)


def read_json(path: Path) -> Any:
    """Return what a file holds; raise `ArtifactError` unless it is JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except _UNREADABLE as error:
        raise ArtifactError(
            f"Got '{path}', which cannot be read as JSON ({error}); expected the file that fit "
            "wrote; fit the detector again."
        ) from error


def read_texts(path: Path) -> tuple[str, ...]:
    """Return the strings of a file; raise `ArtifactError` unless it holds a list of them."""
    texts = read_json(path)
    if not _are_texts(texts):
        _refuse(path, type(texts).__name__, "a list of strings")
    return tuple(texts)


def check_feature_list(path: Path, features: Sequence[Feature]) -> None:
    """Raise `ArtifactError` unless a file holds a list of the names of `features`."""
    names = read_json(path)
    if names != _names(features):
        _refuse(path, type(names).__name__, _SAME_NAMES)


def unfit(path: Path, reason: object, expected: str = "what fit wrote") -> ArtifactError:
    """Return what to tell a person about a file or folder whose contents contradict each other."""
    return ArtifactError(
        f"Got '{path}' with contents that do not fit together ({reason}); expected {expected}; "
        "fit the detector again."
    )


@contextmanager
def fitting_together(folder: Path) -> Iterator[None]:
    """Make an `ArtifactError` of what reading contents raises that contradict each other."""
    try:
        yield
    except ArtifactError:
        raise
    except _UNFIT as error:
        raise unfit(folder, error) from error


def _refuse(path: Path, found: str, expected: str) -> NoReturn:
    raise unfit(path, found, f"{expected} there, as fit writes it")


def _names(features: Sequence[Feature]) -> list[str]:
    return [feature.name for feature in features]


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _are_numbers(values: Any, n: int, low: float, high: float) -> bool:
    return (
        isinstance(values, list)
        and len(values) == n
        and all(_is_number(value) and low <= value <= high for value in values)
    )


def _is_number(value: Any) -> bool:
    """Return whether `value` is a finite number; JSON's true is none, though Python's is."""
    return type(value) in {int, float} and -math.inf < value < math.inf
