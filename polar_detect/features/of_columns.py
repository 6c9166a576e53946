"""The names of features that tell of a column of rows: the column, and what is told of it."""

from collections.abc import Iterable
from typing import Literal, get_args

from polar_detect.features.table import Feature

COLUMN = "column"  # the group of these features
NumberKind = Literal["value", "residual", "distance", "missing"]
Kind = Literal[NumberKind, "level", "new", "misfiled", "likeness"]
# Of numbers against normal rows; see `signature.columns.numbers`.
NUMBER_KINDS: tuple[NumberKind, ...] = get_args(NumberKind)
MISSING: NumberKind = "missing"
# Of categories; see `signature.columns.categories`.
LEVEL: Kind = "level"
NEW: Kind = "new"
MISFILED: Kind = "misfiled"  # by the free text of the row; see `signature.normal.filing`
LIKENESS: Kind = "likeness"  # to labelled anomalies; see `signature.labelled.column_likeness`
Expected = str | tuple[float, float]
"""What the free text of a row leads to expect of a cell: a word, or between which numbers."""


def column_feature(column: str, kind: Kind) -> Feature:
    """Return the feature that tells this of a column; `column_of` and `kind_of` read it back."""
    return Feature(COLUMN, f"{column}/{kind}")


def column_of(feature: Feature) -> str | None:
    """Return the column of a table that a feature tells of; None for any other feature.

    >>> column_of(Feature("column", "Torque [Nm]/residual")), column_of(Feature("loss", "mean"))
    ('Torque [Nm]', None)
    """
    if feature.group != COLUMN:
        return None
    kind = kind_of(feature)
    return feature.part if kind is None else feature.part.removesuffix(f"/{kind}")


def kind_of(feature: Feature) -> Kind | None:
    """Return what a feature tells of its column; None where it is the column itself, or of none.

    >>> kind_of(Feature("column", "Torque [Nm]/residual")), kind_of(Feature("column", "Torque"))
    ('residual', None)
    """
    if feature.group != COLUMN:
        return None
    return next((kind for kind in get_args(Kind) if feature.part.endswith(f"/{kind}")), None)


def number_columns(features: Iterable[Feature]) -> set[str]:
    """Return the columns of numbers that features tell of.

    >>> sorted(number_columns([Feature("column", "Type/level"), Feature("column", "Air/value")]))
    ['Air']
    """
    of_numbers = (own for own in features if kind_of(own) in NUMBER_KINDS)
    return {name for own in of_numbers if (name := column_of(own)) is not None}
