"""Features on one scale: robust standard deviations from the normal median, clipped."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.arrays import BoolArray, Float32Array, Float64Array
from polar_detect.features.of_columns import (
    LEVEL,
    MISFILED,
    NEW,
    column_of,
    kind_of,
    number_columns,
)
from polar_detect.features.of_sequences import COUNTS, ORDER
from polar_detect.features.table import Feature

# Nats of an order; what no normal text has may have ten or twenty. And entries.
_UNITS = {ORDER: 3.0, COUNTS: 1.0}
CLIP = 8.0  # robust standard deviations; one wild feature must not decide alone
# Normal texts whose feature differs by less differ by rounding: what the other columns leave of one
# that never changed comes out as 0 or as 1e-16, by where that column stands.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Scale:
    """Median and robust spread of each feature on normal texts, and where it is clipped.

    Parameters
    ----------
    centre, spread : (n_features,) float64
    clip : (n_features,) float64
        In spreads.
    is_squared : (n_features,) bool
        Whether the size of a feature is its square, as in a sum in which one that is far off counts
        for more than many that are a little.
    """

    centre: Float64Array
    spread: Float64Array
    clip: Float64Array
    is_squared: BoolArray

    @classmethod
    def fit(
        cls,
        values: Float32Array,
        clip: Float64Array | float = CLIP,
        *,
        units: Float64Array | float = 0.0,
        is_squared: BoolArray | None = None,
    ) -> Self:
        """Fit on normal texts, (n_texts, n_features).

        Features are clipped after so many spreads, or units of their own where these are larger.
        None is squared by default.
        """
        centre = np.median(values, axis=0).astype(np.float64)
        robust = 1.4826 * np.median(np.abs(values - centre), axis=0)
        # Where most texts agree exactly (duplicates) the robust spread vanishes.
        spread = np.maximum(robust, 0.3 * values.std(axis=0))
        spread = np.where(spread > _ROUNDING, spread, 1.0)
        if is_squared is None:
            is_squared = np.zeros(len(spread), bool)
        return cls(centre, spread, clip * np.maximum(spread, units) / spread, is_squared)

    def apply(self, values: Float32Array) -> Float64Array:
        """Return standardised values beside their sizes, (n_texts, 2 n_features)."""
        standard = np.clip((values - self.centre) / self.spread, -self.clip, self.clip)
        size = np.abs(standard)
        np.square(size, out=size, where=self.is_squared)
        return np.hstack([standard, size])


def column_clips(features: Sequence[Feature]) -> Float64Array:
    """Return where features are clipped, in spreads.

    Those of columns of numbers enter a mean over columns, in which a wild cell shall count as much
    among many as among few.
    """
    of_columns = CLIP * np.sqrt(max(len(number_columns(features)), 1))
    is_alone = [
        column_of(own) is None or kind_of(own) in (LEVEL, NEW, MISFILED) for own in features
    ]
    return np.where(is_alone, CLIP, of_columns)


def column_squares(features: Sequence[Feature]) -> BoolArray:
    """Return which features count by their squares: what other columns leave of a number.

    A cell that breaks what keeps columns together moves hardly more than its own residual, which
    beside dozens of others has to be seen.
    """
    return np.asarray([kind_of(feature) == "residual" for feature in features], bool)


def column_units(features: Sequence[Feature]) -> Float64Array:
    """Return the units of features that have one, such as standard deviations; 0 for others.

    Beside a whole number that normal rows repeat, as counts and grades, the nearest of them are at
    hardly any distance; clipped after a few spreads of that, any other number would be as near.
    """
    has_unit = {"residual", "distance", LEVEL, NEW, MISFILED}
    return np.asarray([_UNITS.get(own, float(kind_of(own) in has_unit)) for own in features])
