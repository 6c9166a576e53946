"""Which values each setting of a detector takes, and as which type it is used and saved."""

import numbers
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from polar_detect.detectors import Head, check_named
from polar_detect.errors import InputError
from polar_detect.models.catalogue import AUTO_ENCODER, EMBEDDED

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate

MAX_CONTAMINATION = 0.5  # where most texts are anomalous, nothing says what is normal
MAX_SEED = 2**32 - 1  # NumPy's and scikit-learn's
MAX_TOLERANCE = 1e6  # nats per token; no loss comes near, and JSON has no infinity


@dataclass(frozen=True, eq=False)
class Settings:
    """What a detector is fitted with: its settings but for `alpha`, each of its own type.

    Parameters are those of `PolarDetector`. `model` and `encoder` are absolute where they are
    paths, so that they mean the same in every working directory.
    """

    detector: str | Head
    model: str
    encoder: str
    max_tokens: int
    tolerance: float
    seed: int
    contamination: float
    store_texts: bool
    rows: "RowTemplate | None"
    condition_columns: tuple[str, ...] = ()
    passages: bool = False

    @classmethod
    def of(cls, detector: BaseEstimator, /, **changed: Any) -> Self:
        """Check a detector's settings and convert them; NumPy's scalars and paths are taken too.

        Parameters
        ----------
        detector : PolarDetector
        changed
            Settings in place of its own.

        Raises
        ------
        InputError
            A value that the setting does not take.
        """
        params = detector.get_params(deep=False) | changed
        settings = cls(
            detector=_detector(params["detector"]),
            model=model_name("model", params["model"]),
            encoder=model_name("encoder", params["encoder"]),
            max_tokens=whole("max_tokens", params["max_tokens"]),
            tolerance=number("tolerance", params["tolerance"], high=MAX_TOLERANCE),
            seed=whole("seed", params["seed"], low=0, high=MAX_SEED),
            contamination=_contamination(params["contamination"]),
            store_texts=truth("store_texts", params["store_texts"]),
            rows=_rows(params["rows"]),
            condition_columns=_names("condition_columns", params["condition_columns"]),
            passages=truth("passages", params["passages"]),
        )
        if settings.contamination and not settings.store_texts:
            raise InputError(
                f"Got contamination {settings.contamination} and no texts to be kept; expected "
                "texts, as tokens pass over those that are nearest; keep them, or give no "
                "contamination."
            )
        return settings

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the settings."""
        return [field.name for field in fields(cls)]


def checked_alpha(alpha: Any) -> float:
    """Return `alpha` as a float; raise `InputError` unless it is a share."""
    return number("alpha", alpha, high=1.0)


def model_name(name: str, value: Any) -> str:
    """Return the name of a model that the setting `name` holds, absolute where it is a path."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(
            f"Got {name} {value!r}; expected the name of a model, a folder or a file; pass one."
        )
    given = str(value)
    try:
        is_path = given not in (*EMBEDDED, AUTO_ENCODER) and bool(given) and Path(given).exists()
    except OSError:  # longer than a file's name may be
        is_path = False
    return str(Path(given).absolute()) if is_path else given


def whole(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """Return the whole number that the setting `name` holds; raise `InputError` for others."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or not (low is None or value >= low) or not (high is None or value <= high):
        span = "" if low is None else f" from {low} to {high}"
        raise InputError(f"Got {name} {value!r}; expected a whole number{span}; choose one.")
    return int(value)


def number(name: str, value: Any, *, high: float) -> float:
    """Return the number from 0 that the setting `name` holds; raise `InputError` for others."""
    if not _is_number(value) or not 0 <= value <= high:  # false for NaN
        raise InputError(f"Got {name} {value!r}; expected a number from 0 to {high:g}; choose one.")
    return float(value)


def truth(name: str, value: Any) -> bool:
    """Return the truth value that the setting `name` holds; raise `InputError` for others."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"Got {name} {value!r}; expected True or False; choose one.")
    return bool(value)


def _detector(value: Any) -> str | Head:
    check_named(value)
    return value if isinstance(value, Head) else str(value)  # not NumPy's subclass


def _contamination(value: Any) -> float:
    if not _is_number(value) or not 0 <= value < MAX_CONTAMINATION:
        raise InputError(
            f"Got contamination {value}; expected the share of normal texts that may be "
            f"anomalous, from 0 to below {MAX_CONTAMINATION:g}; choose one."
        )
    return float(value)


def _names(name: str, value: Any) -> tuple[str, ...]:
    is_some = isinstance(value, Iterable) and not isinstance(value, str)
    names = tuple(value) if is_some else (None,)
    if not all(isinstance(own, str) and own.strip() for own in names):
        raise InputError(
            f"Got {name} {value!r}; expected names of columns; pass a list of them, or none."
        )
    return tuple(map(str, names))


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _rows(value: Any) -> "RowTemplate | None":
    if value is None:
        return None
    from polar_detect.tables.rows.template import RowTemplate  # here: imports pandas' readers

    if not isinstance(value, RowTemplate):
        raise InputError(
            f"Got rows {value!r}; expected a RowTemplate, or None; fit one on the table."
        )
    return replace(value, is_read=True)  # whoever fitted it: the next detector may read them
