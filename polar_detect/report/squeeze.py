"""The axis of a beeswarm: stretched around zero where a few features would squeeze all others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
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


def swarm_axis(lines: Sequence[NDArray[np.float64]]) -> SwarmAxis:
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
