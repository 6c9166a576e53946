"""Where every mark of a chart goes: values in, coordinates out, no markup.

Horizontal positions are per cent of the width and vertical ones are pixels, so that a chart
fits any screen while its text keeps its size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.drift import Shift
from polar_detect.messages.formatting import MINUS, Numbers, p_value
from polar_detect.messages.language import Language
from polar_detect.program import Program
from polar_detect.report.content.data import Contribution

CELL_HEIGHT = 28.0
_SHIFTS = Numbers(2, MINUS)
_GAP = 0.1  # share of a layer's place that stays empty on either side

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
class LayerCell:
    """One layer of a program: how often it is called."""

    layer: int
    x: float
    middle: float
    width: float
    calls: int
    kind: Kind
    title: str


@dataclass(frozen=True, slots=True)
class Bars:
    """Vertical bars, one per layer, around a zero line."""

    height: float
    zero: float
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part of a score, or the sum of several, with its name in words."""

    label: str
    value: float  # SHAP value


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


def program_cells(program: Program, n_layers: int, language: Language) -> tuple[LayerCell, ...]:
    """Return the strip of `program`: one cell per layer."""
    width = 100 / n_layers
    return tuple(
        LayerCell(
            layer=layer,
            x=(layer + _GAP / 2) * width,
            middle=(layer + 0.5) * width,
            width=(1 - _GAP) * width,
            calls=calls,
            kind=_kind(calls),
            title=language.say(f"layer.{_kind(calls)}", layer=layer, calls=calls),
        )
        for layer, calls in enumerate(program.counts(n_layers))
    )


def mean_calls(calls: Float64Array, language: Language) -> tuple[Mark, ...]:
    """Return the strip of many programs: each cell filled by its mean number of calls.

    Parameters
    ----------
    calls : (n_layers,) float
        0 = always skipped (empty), 1 = always kept (full), above 1 = looped.
    """
    width = 100 / len(calls)
    marks = []
    for layer, mean in enumerate(np.nan_to_num(calls)):
        x = (layer + _GAP / 2) * width
        title = language.say("layer.mean_calls", layer=layer, calls=f"{mean:.2f}")
        kept, looped = min(mean, 1.0) * CELL_HEIGHT, min(max(mean - 1, 0.0), 1.0) * CELL_HEIGHT
        wide = (1 - _GAP) * width
        marks.append(Mark(x, wide, 0, CELL_HEIGHT, "skip", title))
        marks.append(Mark(x, wide, CELL_HEIGHT - kept, kept, "keep", title))
        marks.append(Mark(x, wide, CELL_HEIGHT - looped, looped, "loop", title))
    return tuple(mark for mark in marks if mark.height > 0)


def layer_bars(
    parts: Sequence[Contribution],
    height: float,
    numbers: Numbers,
    language: Language,
    *,
    is_signed: bool,
    reach: float = 0.0,
) -> Bars:
    """Return one bar per layer, upwards from zero where positive.

    Parameters
    ----------
    parts : sequence of Contribution
        One per layer, in layer order.
    height : float
        Pixels from the lowest to the highest tick.
    is_signed : bool
        Whether bars mean raising and lowering, or only a size.
    reach : float
        The axis goes so far from zero at least, where there is a bar.
    """
    write = numbers.signed if is_signed else numbers.plain
    values = [_drawn(part.value) for part in parts]
    return _bars(
        values,
        [_direction(value) if is_signed else "total" for value in values],
        [
            language.say("layer.value", layer=layer, value=write(value))
            for layer, value in enumerate(values)
        ],
        height,
        reach=reach,
    )


def shift_bars(shifts: Sequence[Shift], n_layers: int, height: float, language: Language) -> Bars:
    """Return one bar per layer, as high as its features moved; those that moved stand out."""
    sizes, kinds = [0.0] * n_layers, list[Kind](["normal"] * n_layers)
    titles = [""] * n_layers
    for shift in shifts:
        layer = shift.feature.layer
        assert layer is not None
        sizes[layer] = _drawn(shift.size)
        kinds[layer] = "flag" if shift.is_moved else "normal"
        titles[layer] = language.say(
            "drift.bar", layer=layer, size=_SHIFTS.plain(shift.size), p=p_value(shift.p_value)
        )
    return _bars(sizes, kinds, titles, height)


def size_steps(parts: Sequence[Contribution], language: Language) -> tuple[Step, ...]:
    """Return horizontal bars from zero, as long as each part is large."""
    longest = max((abs(_drawn(part.value)) for part in parts), default=0.0) or 1.0
    return tuple(
        Step(
            language.part(part.source),
            part.value,
            0.0,
            100 * abs(_drawn(part.value)) / longest,
            "total",
        )
        for part in parts
    )


def waterfall(base: float, parts: Sequence[NamedPart], language: Language) -> tuple[Step, ...]:
    """Return the way from the base value over each part to the score, as floating bars."""
    stops = np.cumsum([_drawn(base), *(_drawn(part.value) for part in parts)])
    low, span = float(stops.min()), float(np.ptp(stops)) or 1.0

    def place(value: float) -> float:
        return 1 + 98 * (value - low) / span

    steps = [Step(language.say("step.base"), base, place(base) - 1, 2, "total")]
    for part, start, stop in zip(parts, stops, stops[1:], strict=False):
        left, right = sorted((place(float(start)), place(float(stop))))
        steps.append(Step(part.label, part.value, left, right - left, _direction(part.value)))
    score = float(stops[-1])
    steps.append(Step(language.say("step.score"), score, place(score) - 1, 2, "total"))
    return tuple(steps)


def stretched(low: float, high: float, reach: float) -> tuple[float, float]:
    """Return an axis around zero that goes as far as `reach` at its longer side at least.

    >>> stretched(-0.1, 0.2, 1.0), stretched(0.0, 3.0, 1.0), stretched(0.0, 0.0, 1.0)
    ((-0.5, 1.0), (0.0, 3.0), (0.0, 0.0))
    """
    longest = max(-low, high)
    factor = max(1.0, reach / longest) if longest else 1.0
    return low * factor, high * factor


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


def level_label(value: float, levels: Sequence[float]) -> str:
    """Return a tick label with as many decimals as the step between `levels` needs."""
    step = levels[1] - levels[0] if len(levels) > 1 else 1.0
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return Numbers(decimals, MINUS).plain(value)


def _drawn(value: float) -> float:
    """Return `value`, or no length at all for what is no number."""
    return value if math.isfinite(value) else 0.0


def _bars(
    values: Sequence[float],
    kinds: Sequence[Kind],
    titles: Sequence[str],
    height: float,
    *,
    reach: float = 0.0,
) -> Bars:
    """Return bars of these values around zero, one per layer."""
    levels = round_levels(*stretched(min([0.0, *values]), max([0.0, *values]), reach))
    low, span = levels[0], levels[-1] - levels[0]
    zero, width = height * (1 + low / span), 100 / max(1, len(values))
    marks = tuple(
        Mark(
            x=(layer + _GAP) * width,
            width=(1 - 2 * _GAP) * width,
            y=zero - max(value, 0.0) / span * height,
            height=abs(value) / span * height,
            kind=kind,
            title=title,
        )
        for layer, (value, kind, title) in enumerate(zip(values, kinds, titles, strict=True))
    )
    ticks = tuple(
        Tick(height * (1 - (level - low) / span), level_label(level, levels)) for level in levels
    )
    return Bars(height, zero, marks, ticks)


def _kind(calls: int) -> Kind:
    if calls == 0:
        return "skip"
    return "keep" if calls == 1 else "loop"


def _direction(value: float) -> Kind:
    return "raise" if value >= 0 else "lower"
