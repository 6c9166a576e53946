"""Where every mark of a chart goes: values in, coordinates out, no markup.

Horizontal positions are per cent of the width and vertical ones are pixels, so that a chart
fits any screen while its text keeps its size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polar_detect.program import Program
from polar_detect.report.data import Contribution
from polar_detect.report.words import Numbers

CELL_HEIGHT = 28.0
_GAP = 0.1  # share of a column that stays empty on either side

Kind = Literal["skip", "keep", "loop", "raise", "lower", "flag", "batch", "normal", "total"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One rectangle: `x` and `width` in per cent, `y` and `height` in pixels."""

    x: float
    width: float
    y: float
    height: float
    kind: Kind
    title: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """One label of an axis, at per cent (horizontal) or pixels (vertical)."""

    position: float
    label: str
    is_minor: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One layer of a program: how often it is called."""

    layer: int
    x: float
    middle: float
    width: float
    calls: int
    kind: Kind
    title: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Vertical bars, one per layer, around a zero line."""

    height: float
    zero: float
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One horizontal bar with its label; `x` and `width` in per cent."""

    label: str
    value: float
    x: float
    width: float
    kind: Kind


def layer_axis(n_layers: int) -> tuple[Tick, ...]:
    """Return one label per layer; those that a narrow screen drops are minor."""
    every = 1 if n_layers <= 40 else 5
    width = 100 / n_layers
    return tuple(
        Tick((layer + 0.5) * width, str(layer), is_minor=layer % (5 * every) != 0)
        for layer in range(0, n_layers, every)
    )


def program_cells(program: Program, n_layers: int) -> tuple[Cell, ...]:
    """Return the strip of `program`: one cell per layer."""
    width = 100 / n_layers
    return tuple(
        Cell(
            layer=layer,
            x=(layer + _GAP / 2) * width,
            middle=(layer + 0.5) * width,
            width=(1 - _GAP) * width,
            calls=calls,
            kind="loop" if calls > 1 else "keep" if calls else "skip",
            title=f"Layer {layer}: {_called(calls)}",
        )
        for layer, calls in enumerate(program.counts(n_layers))
    )


def mean_calls(calls: NDArray[np.float64]) -> tuple[Mark, ...]:
    """Return the strip of many programs: each cell filled by its mean number of calls.

    Parameters
    ----------
    calls : (n_layers,) float
        0 = always skipped (empty), 1 = always kept (full), above 1 = looped.
    """
    width = 100 / len(calls)
    marks = []
    for layer, mean in enumerate(np.nan_to_num(calls)):
        x, title = (layer + _GAP / 2) * width, f"Layer {layer}: {mean:.2f} calls on average"
        kept, looped = min(mean, 1.0) * CELL_HEIGHT, min(max(mean - 1, 0.0), 1.0) * CELL_HEIGHT
        wide = (1 - _GAP) * width
        marks.append(Mark(x, wide, 0, CELL_HEIGHT, "skip", title))
        marks.append(Mark(x, wide, CELL_HEIGHT - kept, kept, "keep", title))
        marks.append(Mark(x, wide, CELL_HEIGHT - looped, looped, "loop", title))
    return tuple(mark for mark in marks if mark.height > 0)


def layer_columns(
    parts: Sequence[Contribution], height: float, numbers: Numbers, *, is_signed: bool
) -> Columns:
    """Return one bar per layer, upwards from zero where positive.

    Parameters
    ----------
    parts : sequence of Contribution
        One per layer, in layer order.
    height : float
        Pixels from the lowest to the highest tick.
    is_signed : bool
        Whether bars mean raising and lowering, or only a size.
    """
    values = [_drawn(part.value) for part in parts]
    levels = round_levels(min([0.0, *values]), max([0.0, *values]))
    low, span = levels[0], levels[-1] - levels[0]
    zero = height * (1 + low / span)
    width = 100 / max(1, len(parts))
    write = numbers.signed if is_signed else numbers.plain
    marks = tuple(
        Mark(
            x=(layer + _GAP) * width,
            width=(1 - 2 * _GAP) * width,
            y=zero - max(value, 0.0) / span * height,
            height=abs(value) / span * height,
            kind=_direction(value) if is_signed else "total",
            title=f"Layer {layer}: {write(value)}",
        )
        for layer, value in enumerate(values)
    )
    ticks = tuple(
        Tick(height * (1 - (level - low) / span), level_label(level, levels, numbers))
        for level in levels
    )
    return Columns(height, zero, marks, ticks)


def size_steps(parts: Sequence[Contribution]) -> tuple[Step, ...]:
    """Return horizontal bars from zero, as long as each part is large."""
    longest = max((abs(_drawn(part.value)) for part in parts), default=0.0) or 1.0
    return tuple(
        Step(part.label, part.value, 0.0, 100 * abs(_drawn(part.value)) / longest, "total")
        for part in parts
    )


def waterfall(base: float, parts: Sequence[Contribution]) -> tuple[Step, ...]:
    """Return the way from the base value over each part to the score, as floating bars."""
    stops = np.cumsum([_drawn(base), *(_drawn(part.value) for part in parts)])
    low, span = float(stops.min()), float(np.ptp(stops)) or 1.0

    def place(value: float) -> float:
        return 1 + 98 * (value - low) / span

    steps = [Step("base value", base, place(base) - 1, 2, "total")]
    for part, start, stop in zip(parts, stops, stops[1:], strict=False):
        left, right = sorted((place(float(start)), place(float(stop))))
        steps.append(Step(part.label, part.value, left, right - left, _direction(part.value)))
    steps.append(Step("score", float(stops[-1]), place(float(stops[-1])) - 1, 2, "total"))
    return tuple(steps)


def round_levels(low: float, high: float, n_steps: int = 4) -> list[float]:
    """Return round values that span [low, high] in about `n_steps` steps.

    >>> round_levels(-0.3, 1.2)
    [-0.5, 0.0, 0.5, 1.0, 1.5]
    """
    raw = (high - low) / n_steps
    if raw <= 0 or not math.isfinite(raw):
        return [low, low + 1.0]
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1.0, 2.0, 5.0, 10.0) if m * magnitude >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def level_label(value: float, levels: Sequence[float], numbers: Numbers) -> str:
    """Return a tick label with as many decimals as the step between `levels` needs."""
    step = levels[1] - levels[0] if len(levels) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return Numbers(decimals, numbers.minus).plain(value)


def _drawn(value: float) -> float:
    """Return `value`, or no length at all for what is no number."""
    return value if math.isfinite(value) else 0.0


def _called(calls: int) -> str:
    if calls == 0:
        return "skipped"
    return "kept (called once)" if calls == 1 else f"looped (called {calls} times)"


def _direction(value: float) -> Kind:
    return "raise" if value >= 0 else "lower"
