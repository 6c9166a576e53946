"""A picture of scores over many batches, of their means, and since when they have changed."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from polar_detect.arrays import Float64Array
from polar_detect.messages.formatting import one_line
from polar_detect.messages.language import Language
from polar_detect.report.charts.drawing import INK, LOWER, NORMAL, RAISE, plain_style
from polar_detect.report.charts.histogram import score_edges
from polar_detect.report.charts.swarm import evenly

_MAX_NAMES, _MAX_DOTS = 8, 5_000
_NAME_CHARACTERS = 19  # a date with its seconds
_MEANS = ("course.mean.part", "course.mean")
_LEAST = 1e-8  # p-value that is drawn: beside smaller ones the level would look like 1


@dataclass(frozen=True, eq=False)
class CourseChart:
    """What is drawn.

    Parameters
    ----------
    normal, scores : (n_normal,), (n,) float64
        Of held-out normal rows, and of those in the batches.
    p_values : (n,) float64
        After each of them, that of a change up to then.
    names : sequence of str
        Of the batches.
    starts : sequence of int
        Where each begins, and last n.
    are_files : bool
        Whether batches are files, or rows that follow one another.
    since : int or None
    threshold, level : float
        From which score a row is flagged, and at which p-value a change is told.
    """

    normal: Float64Array
    scores: Float64Array
    p_values: Float64Array
    names: Sequence[str]
    starts: Sequence[int]
    are_files: bool
    since: int | None
    threshold: float
    level: float


def picture_of(chart: CourseChart, kind: Literal["png", "svg", "pdf"], language: Language) -> bytes:
    """Return the picture as a file."""
    with plain_style():
        figure = Figure(figsize=(9, 4.6), layout="constrained", facecolor="white")
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.4))
        _draw_scores(top, chart, language)
        _draw_p_values(bottom, chart, language)
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, dpi=150)
    return stream.getvalue()


def _draw_scores(ax: Axes, chart: CourseChart, language: Language) -> None:
    scores, n = chart.scores, len(chart.scores)
    edges = score_edges(chart.normal, scores, chart.threshold)
    low, high = float(edges[0]), float(edges[-1])
    drawn = evenly(n, _MAX_DOTS)
    is_flagged = scores[drawn] >= chart.threshold
    for which, colour in ((~is_flagged, LOWER), (is_flagged, RAISE)):
        ax.scatter(drawn[which], scores[drawn[which]].clip(low, high), 6, color=colour, alpha=0.5)
    for i, (first, last) in enumerate(zip(chart.starts, chart.starts[1:], strict=False)):
        label = None if i else language.say(_MEANS[chart.are_files], n=last - first)
        mean = float(scores[first:last].clip(low, high).mean())
        ax.plot([first - 0.5, last - 0.5], [mean, mean], color=INK, linewidth=2.5, label=label)
    if np.isfinite(chart.threshold):
        said = language.say("course.threshold")
        ax.axhline(chart.threshold, color=INK, linestyle="--", linewidth=1, label=said)
    ax.set_ylim(low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1))
    ax.set_ylabel(language.say("course.score"))
    _mark_since(ax, chart, language.say("course.since"))
    ax.legend(ncol=3, fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1))


def _draw_p_values(ax: Axes, chart: CourseChart, language: Language) -> None:
    drawn = chart.p_values.clip(_LEAST)
    ax.plot(drawn, color=RAISE, linewidth=1.4)
    said = language.say("course.level", level=f"{chart.level:g}")
    ax.axhline(chart.level, color=INK, linestyle="--", linewidth=1, label=said)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # the usual one writes formulas
    ax.set_ylim(min(chart.level / 3, float(drawn.min()) / 2), 1.5)
    ax.set_ylabel(language.say("course.p"))
    _mark_since(ax, chart)
    ax.legend(fontsize=8, frameon=False, loc="lower left")
    places = evenly(len(chart.names), _MAX_NAMES)
    names = [one_line(chart.names[i], _NAME_CHARACTERS) for i in places]
    ax.set_xticks([chart.starts[i] for i in places], names, fontsize=8, rotation=20, ha="right")
    ax.set_xlim(-1, len(chart.scores))


def _mark_since(ax: Axes, chart: CourseChart, label: str | None = None) -> None:
    if chart.since is not None:
        ax.axvline(chart.since - 0.5, color=RAISE, linewidth=1.6, label=label)
        ax.axvspan(chart.since - 0.5, len(chart.scores), color=NORMAL, alpha=0.12, linewidth=0)
