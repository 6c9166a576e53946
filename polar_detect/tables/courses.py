"""What the course of a number over a run comes to: few figures, the same for runs of any length."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array

N_PARTS = 10
_ROUNDING = 1e-9  # of the largest reading: what is left of a straight line by arithmetic
_EDGES = np.linspace(0, 1, N_PARTS + 1)


@dataclass(frozen=True, eq=False)
class Course:
    """Figures of the readings of one number over a run, NaN where there are too few.

    Parameters
    ----------
    level : float
        Median of the readings.
    parts : (10,) float64
        Mean over each tenth of the course, of the straight lines between readings (piecewise
        aggregate approximation; Keogh et al., 2001). NaN where none of the run's readings there
        has a number.
    lowest, highest : float
    noise : float
        Mean distance of a reading from the mean of those before and behind it: of a smooth course
        near zero, however often it is read.
    jump : float
        The largest such distance.
    """

    level: float
    parts: Float64Array
    lowest: float
    highest: float
    noise: float
    jump: float

    @property
    def figures(self) -> tuple[float, ...]:
        """All of them, in order."""
        return (self.level, *self.parts.tolist(), self.lowest, self.highest, self.noise, self.jump)

    @classmethod
    def of(cls, values: Float64Array, places: Float64Array) -> Self:
        """Return the figures of a course.

        Parameters
        ----------
        values : (n_readings,) float64
            NaN where a reading has no number.
        places : (n_readings,) float64
            Shares of the course, growing from 0 to 1; all NaN where nobody knows.
        """
        is_there = ~np.isnan(values)
        own, at = values[is_there], places[is_there]
        if not len(own):
            return cls(np.nan, np.full(N_PARTS, np.nan), *[np.nan] * 4)
        off = np.abs(own[1:-1] - (own[:-2] + own[2:]) / 2)
        off[off < _ROUNDING * np.abs(own).max()] = 0
        return cls(
            level=float(np.median(own)),
            parts=_parts(own[~np.isnan(at)], at[~np.isnan(at)], places),
            lowest=float(own.min()),
            highest=float(own.max()),
            noise=float(off.mean()) if len(off) else np.nan,
            jump=float(off.max()) if len(off) else np.nan,
        )


def _parts(values: Float64Array, at: Float64Array, places: Float64Array) -> Float64Array:
    """Return the mean of straight lines between readings over each tenth of a course."""
    if len(values) < 2 or not at[-1] > at[0]:
        return np.full(N_PARTS, np.nan)
    grid = np.union1d(at, _EDGES)
    lines = np.interp(grid, at, values)
    widths = np.where((at[0] <= grid[:-1]) & (grid[1:] <= at[-1]), np.diff(grid), 0.0)
    firsts = np.searchsorted(grid, _EDGES[:-1])
    areas = np.add.reduceat(widths * (lines[1:] + lines[:-1]) / 2, firsts)
    covered = np.add.reduceat(widths, firsts)
    read = places[~np.isnan(places)]
    is_read, has_number = (np.histogram(own, _EDGES)[0] > 0 for own in (read, at))
    is_known = (covered > 0) & (has_number | ~is_read)
    means: Float64Array = np.divide(areas, covered, out=np.full(N_PARTS, np.nan), where=is_known)
    return means
