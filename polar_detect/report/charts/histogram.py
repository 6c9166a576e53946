"""Histograms on one score axis, with the threshold between two of their bars."""

import math
from dataclasses import dataclass

import numpy as np

from polar_detect.arrays import Float64Array
from polar_detect.messages.formatting import MINUS, Numbers, decimals_for
from polar_detect.messages.language import Language
from polar_detect.report.charts.layout import Kind, Mark, Tick, level_label, round_levels

_N_BINS = 40
_USUAL_SHARE = 0.2  # of the axis, which normal scores and the threshold have at least


@dataclass(frozen=True, slots=True)
class Panel:
    """The histogram of one group of rows."""

    name: str
    n_rows: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class ScoreChart:
    """Histograms over one score axis, with the threshold in per cent of the width."""

    height: float  # pixels, of one panel
    ceiling: float  # share of rows at the top of a panel
    panels: tuple[Panel, ...]
    ticks: tuple[Tick, ...]
    threshold: float | None
    n_beyond: int  # rows beyond the right edge, counted in the last bar


def score_chart(
    normal: Float64Array,
    batch: Float64Array,
    threshold: float,
    height: float,
    language: Language,
) -> ScoreChart:
    """Return the scores of held-out normal rows above those of the batch, on one axis.

    Parameters
    ----------
    normal, batch : (n,) float
        Scores; values that are not finite are left out. Without normal ones, of which a screening
        has none, there is one panel.
    threshold : float
        An edge between two bins, so that no bar holds flagged and other rows.
    height : float
        Pixels of one panel.
    """
    normal, batch = normal[np.isfinite(normal)], batch[np.isfinite(batch)]
    edges = score_edges(normal, batch, threshold)
    groups: list[tuple[Kind, str, Float64Array]] = [("batch", "scores.all", batch)]
    if len(normal):
        groups = [("normal", "scores.normal", normal), ("batch", "scores.batch", batch)]
    shares = [score_shares(scores, edges) for _, _, scores in groups]
    ceiling = max(float(share.max()) for share in shares) or 1.0
    axis = _ScoreAxis(edges, threshold, height, ceiling, language)
    return ScoreChart(
        height=height,
        ceiling=ceiling,
        panels=tuple(
            Panel(language.say(key, n=len(scores)), len(scores), axis.bars(share, kind))
            for (kind, key, scores), share in zip(groups, shares, strict=True)
        ),
        ticks=axis.ticks(),
        threshold=axis.place(threshold) if math.isfinite(threshold) else None,
        n_beyond=count_beyond(batch, edges),
    )


def score_edges(normal: Float64Array, batch: Float64Array, threshold: float) -> Float64Array:
    """Return bin edges over the scores; far outliers stay outside the last edge."""
    anchor = threshold if math.isfinite(threshold) else 0.0
    points = np.concatenate([normal, batch, [threshold] if math.isfinite(threshold) else []])
    if len(points) == 0:
        return np.array([-0.5, 0.5])
    lower, upper = np.quantile(points, [0.01, 0.99])
    if not len(normal):  # of a screening, where those that are not flagged are the usual ones
        normal = batch[batch < threshold]
    if len(normal):  # which a large batch that is all different would leave no place
        lower = min(lower, np.quantile(normal, 0.01))
    room = float(upper - lower) or 0.5
    low = max(float(points.min()), float(lower) - room)
    high = max(min(float(points.max()), float(upper) + room), anchor)
    if len(normal):  # as faults may be hundreds of times as far out as the threshold
        usual = max(float(np.quantile(normal, 0.99)), anchor)
        high = min(high, low + (usual - low or room) / _USUAL_SHARE)
    width = (high - low) / _N_BINS or room / _N_BINS
    first = math.floor((low - anchor) / width)
    last = math.floor((high - anchor) / width) + 1
    edges: Float64Array = anchor + width * np.arange(first, last + 1, dtype=np.float64)
    return edges


def score_shares(scores: Float64Array, edges: Float64Array) -> Float64Array:
    """Return the share of `scores` in each bin; those outside count in the first and the last."""
    inside = np.clip(scores, edges[0], np.nextafter(edges[-1], edges[0]))
    counts, _ = np.histogram(inside, edges)
    shares: Float64Array = counts.astype(np.float64) / max(1, len(scores))
    return shares


def count_beyond(batch: Float64Array, edges: Float64Array) -> int:
    """Return how many scores lie beyond the last edge, and are counted in the last bar."""
    return int((batch >= edges[-1]).sum())


@dataclass(frozen=True, eq=False, slots=True)
class _ScoreAxis:
    """The bins that both panels share, and how they map to the page."""

    edges: Float64Array
    threshold: float
    height: float
    ceiling: float
    language: Language

    def place(self, score: float) -> float:
        return 100 * float((score - self.edges[0]) / (self.edges[-1] - self.edges[0]))

    def ticks(self) -> tuple[Tick, ...]:
        low, high = float(self.edges[0]), float(self.edges[-1])
        levels = [level for level in round_levels(low, high, n_steps=6) if low <= level <= high]
        return tuple(Tick(self.place(level), level_label(level, levels)) for level in levels)

    def bars(self, shares: Float64Array, kind: Kind) -> tuple[Mark, ...]:
        return tuple(
            self._bar(i, float(share), kind) for i, share in enumerate(shares) if share > 0
        )

    def _bar(self, i: int, share: float, kind: Kind) -> Mark:
        start, stop = float(self.edges[i]), float(self.edges[i + 1])
        numbers = Numbers(decimals_for(stop - start), MINUS)
        height = self.height * share / self.ceiling
        return Mark(
            x=self.place(start),
            width=0.92 * (self.place(stop) - self.place(start)),
            y=self.height - height,
            height=height,
            kind="flag" if kind == "batch" and start >= self.threshold else kind,
            title=self.language.say(
                "scores.bar",
                low=numbers.plain(start),
                high=numbers.plain(stop),
                share=self.language.percent(share),
            ),
        )
