"""Where the dots of a beeswarm go: one line per feature, dots of like value beside each other.

Its axis is stretched around zero where a few features would squeeze all others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.explain import Explanation, mean_size, rank_values
from polar_detect.messages.formatting import MINUS
from polar_detect.messages.language import Language
from polar_detect.report.charts.layout import Tick, level_label, round_levels
from polar_detect.report.content.data import Swarm

LINE_HEIGHT = 34.0
N_SHADES = 5
_N_COLUMNS = 120  # dots within one column of the width are stacked
_SQUEEZED = 10.0  # times the reach of the median feature: it has a tenth of the axis or less
_NOTHING = 1e-6  # of the farthest reach: what a sum of rounded numbers leaves


@dataclass(frozen=True, slots=True)
class SwarmAxis:
    """Where values lie: in proportion up to about `unit`, by their powers of ten beyond it.

    Parameters
    ----------
    unit : float or None
        None for an axis that is in proportion throughout.
    """

    unit: float | None

    def place(self, values: Float64Array) -> Float64Array:
        """Return places in the order of the values; the inverse hyperbolic sine of a stretch."""
        return values if self.unit is None else np.arcsinh(values / self.unit)

    def powers(self, low: float, high: float) -> list[float]:
        """Return 0 and the powers of ten, from `unit` on, that lie within [low, high].

        >>> SwarmAxis(1.0).powers(-4.0, 170.0)
        [-1.0, 0.0, 1.0, 10.0, 100.0]
        """
        assert self.unit is not None
        n = max(0, math.floor(math.log10(max(-low, high) / self.unit) + 1e-9))
        sizes = [self.unit * 10.0**i for i in range(n + 1)]
        levels = [*(-size for size in reversed(sizes)), 0.0, *sizes]
        return [level for level in levels if low <= level <= high]


@dataclass(frozen=True, slots=True)
class Dot:
    """One text: `x` in per cent, `y` in pixels from the middle of its line, shade 0 to 4.

    Shade 0 is a low value of the feature, 4 a high one.
    """

    x: float
    y: float
    shade: int


@dataclass(frozen=True, slots=True)
class SwarmLine:
    """The dots of one feature."""

    label: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class SwarmChart:
    """All lines over one axis of SHAP values.

    Parameters
    ----------
    zero : float
        Per cent of the width.
    unit : float or None
        Where the axis is stretched around zero: up to where it is about in proportion.
    """

    zero: float
    lines: tuple[SwarmLine, ...]
    ticks: tuple[Tick, ...]
    unit: float | None


def swarms_of(scored: Explanation, drawn: IndexArray, n_features: int) -> tuple[Swarm, ...]:
    """Return the strongest features of texts that have a score, with dots for some of these."""
    strongest = np.argsort(-mean_size(scored.values), kind="stable")[:n_features]
    return tuple(
        Swarm(scored.features[j], scored.values[drawn, j], rank_values(scored.data[drawn, j]))
        for j in strongest
    )


def evenly(n: int, most: int) -> IndexArray:
    """Return places spread over `n`, all where there are no more than `most`.

    >>> evenly(9, 3).tolist(), evenly(2, 3).tolist()
    ([0, 4, 8], [0, 1])
    """
    return np.unique(np.linspace(0, n - 1, min(n, most)).round()).astype(np.intp)


def swarm_axis(lines: Sequence[Float64Array]) -> SwarmAxis:
    """Return the axis on which features of all sizes can be read.

    Parameters
    ----------
    lines : sequence of (n_texts,) float
        SHAP values of each feature; what is not finite does not count, nor do features that are
        nothing beside the largest.

    >>> swarm_axis([np.array([-2.0, 170.0]), np.array([5.0]), np.array([3.0])])
    SwarmAxis(unit=1.0)
    >>> swarm_axis([np.array([7.0]), np.array([5.0]), np.array([3.0])])
    SwarmAxis(unit=None)
    """
    reaches = [float(np.abs(parts[np.isfinite(parts)]).max(initial=0.0)) for parts in lines]
    known = [reach for reach in reaches if reach > _NOTHING * max(reaches)]
    if not known or max(known) < _SQUEEZED * float(np.median(known)):
        return SwarmAxis(None)
    return SwarmAxis(10.0 ** math.floor(math.log10(float(np.median(known)))))


def swarm_chart(swarms: Sequence[Swarm], language: Language) -> SwarmChart:
    """Return the beeswarm of `swarms`, one line each, on one axis."""
    finite = [s.parts[np.isfinite(s.parts)] for s in swarms]
    values = np.concatenate([np.zeros(1), *finite])
    axis = swarm_axis([swarm.parts for swarm in swarms])
    low, high, levels = _levels(axis, float(values.min()), float(values.max()))
    ends: list[float] = axis.place(np.array([low, high])).tolist()

    def place(value: Float64Array | float) -> Float64Array:
        along: Float64Array = axis.place(np.asarray(value, np.float64)) - ends[0]
        return 1 + 98 * along / (ends[1] - ends[0])

    lines = tuple(
        SwarmLine(language.feature(swarm.feature), _dots(place(swarm.parts), swarm.ranks))
        for swarm in swarms
    )
    ticks = tuple(Tick(float(place(level)), _label(level, axis, levels)) for level in levels)
    return SwarmChart(float(place(0.0)), lines, ticks, axis.unit)


def _levels(axis: SwarmAxis, low: float, high: float) -> tuple[float, float, list[float]]:
    """Return the ends of the axis, and the values that are marked on it."""
    if axis.unit is None:
        levels = round_levels(low, high, n_steps=6)
        return levels[0], levels[-1], levels
    return low, high, axis.powers(low, high)


def _label(level: float, axis: SwarmAxis, levels: Sequence[float]) -> str:
    if axis.unit is None:
        return level_label(level, levels)
    return f"{level:,g}".replace("-", MINUS)


def _dots(x: Float64Array, ranks: Float64Array) -> tuple[Dot, ...]:
    order = np.argsort(x, kind="stable")
    columns = np.floor(x[order] / 100 * _N_COLUMNS)
    _, counts = np.unique(columns, return_counts=True)
    offsets = np.concatenate([_stack(int(count)) for count in counts] or [np.zeros(0)])
    shades = np.minimum(ranks[order] * N_SHADES, N_SHADES - 1).astype(int)
    return tuple(
        Dot(float(x[i]), float(offset), int(shade))
        for i, offset, shade in zip(order, offsets, shades, strict=True)
    )


def _stack(count: int) -> Float64Array:
    """Return offsets from the middle for dots of one column: 0, 1, −1, 2, −2, … steps."""
    steps = np.arange(count)
    offsets = np.where(steps % 2 == 1, (steps + 1) // 2, -(steps // 2)).astype(np.float64)
    room = LINE_HEIGHT / 2 - 3
    widest = float(np.abs(offsets).max(initial=1.0))
    return offsets * min(3.2, room / max(widest, 1.0))
