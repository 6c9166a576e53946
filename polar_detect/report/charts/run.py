"""Run charts, scores in the order of their rows: a dot for each, or of many bars and some dots."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from polar_detect.arrays import Float64Array, IndexArray
from polar_detect.messages.formatting import MINUS, Numbers, decimals_for, one_line
from polar_detect.messages.language import Language
from polar_detect.report.charts.histogram import score_edges
from polar_detect.report.charts.layout import Kind, Mark, Tick, level_label, round_levels
from polar_detect.report.charts.swarm import evenly
from polar_detect.report.content.data import Numbering, ReportData
from polar_detect.report.content.row_phrases import row_place

_HEIGHT = 150.0  # pixels
_MIN_ROWS = 10  # of fewer the list of rows tells as much
_MAX_DOTS = 400
_N_BARS = 160
_N_STEPS = 5  # of axes
_TICK_CHARACTERS = 16
_DAY_AND_CLOCK = re.compile(r"(.+?)[ T,]*(?<!\d)(\d\d?:\d\d)")


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Scored rows in their order.

    Parameters
    ----------
    scores : (n,) float
    names : sequence of int or str, n long
        Numbers or names, as `numbering` says.
    times : sequence of str, n long or empty
        When each was, where they are in the order of time.
    numbering : {"sheet", "file", "data", "index"}
    """

    scores: Float64Array
    names: Sequence[int | str]
    times: Sequence[str] = ()
    numbering: Numbering = "data"

    @classmethod
    def of(cls, data: ReportData) -> Self:
        """Return those of a report that have a finite score."""
        known = np.flatnonzero(np.isfinite(data.batch_scores))
        return cls(
            data.batch_scores[known],
            [data.batch_rows[i] for i in known],
            [data.batch_times[i] for i in known] if data.batch_times else (),
            data.numbering,
        )

    def title(self, i: int, language: Language) -> str:
        """Return which row the ith is, and when it was."""
        time = self.times[i] if self.times else ""
        return row_place(self.names[i], time, self.numbering, language)


@dataclass(frozen=True, slots=True)
class RunDot:
    """One row: `x` in per cent, `y` in pixels; one whose score is too high stands at the top."""

    x: float
    y: float
    kind: Kind
    is_beyond: bool
    title: str


@dataclass(frozen=True, slots=True)
class RunChart:
    """Scores over the order of their rows; the threshold in pixels.

    Parameters
    ----------
    dots : tuple of RunDot
        Of all rows, or where `n_in_bar` is not 0 of the flagged ones; of very many of some.
    ranges, halves : tuple of Mark
        Bars of `n_in_bar` rows each, over the middle nine tenths of their scores, and half.
    levels : tuple of Tick
        Of scores.
    ticks, times : tuple of Tick
        Of rows: their numbers or names, and when they were, where that is known.
    caption, label : str
        How to read it, and what it shows for those who hear the page.
    """

    height: float
    dots: tuple[RunDot, ...]
    ranges: tuple[Mark, ...]
    halves: tuple[Mark, ...]
    levels: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    times: tuple[Tick, ...]
    threshold: float | None
    n_in_bar: int
    caption: str
    label: str


def run_chart(
    rows: Rows, normal: Float64Array, threshold: float, language: Language
) -> RunChart | None:
    """Return the scores of rows in their order; None of a few rows.

    Parameters
    ----------
    rows : Rows
    normal : (n,) float
        Scores of held-out normal rows, of which a screening has none.
    threshold : float
        Score from which a row is flagged.
    """
    scores, n = rows.scores, len(rows.scores)
    if n < _MIN_ROWS:
        return None
    edges = score_edges(normal[np.isfinite(normal)], scores, threshold)
    flagged = np.flatnonzero(scores >= threshold)
    drawn, n_in_bar = np.arange(n), 0
    if n > _MAX_DOTS:
        drawn, n_in_bar = flagged[evenly(len(flagged), _MAX_DOTS)], math.ceil(n / _N_BARS)
    axes = _Axes(rows, float(edges[0]), float(edges[-1]), language)
    ranges, halves = axes.bars(n_in_bar) if n_in_bar else ((), ())
    ticks, times = _row_ticks(rows)
    return RunChart(
        height=_HEIGHT,
        dots=axes.dots(drawn, threshold),
        ranges=ranges,
        halves=halves,
        levels=axes.levels(),
        ticks=ticks,
        times=times,
        threshold=axes.y(threshold) if math.isfinite(threshold) else None,
        n_in_bar=n_in_bar,
        caption=axes.caption(len(drawn), len(flagged), n_in_bar),
        label=_label(rows, flagged, language),
    )


def _label(rows: Rows, flagged: IndexArray, language: Language) -> str:
    if not len(flagged):
        return language.say("run.alt.none", n=len(rows.scores))
    first, last = (rows.title(int(flagged[i]), language) for i in (0, -1))
    n, n_flagged = len(rows.scores), len(flagged)
    return language.count("run.alt", n_flagged, n_all=n, first=first, last=last)


@dataclass(frozen=True, eq=False, slots=True)
class _Axes:
    """How rows and scores map to the page."""

    rows: Rows
    low: float
    high: float
    language: Language

    def caption(self, n_drawn: int, n_flagged: int, n_in_bar: int) -> str:
        """Return how to read the chart, whose dots are those of flagged rows if it has bars."""
        say, highest = self.language.say, float(self.rows.scores.max())
        sentences = [say("run.caption.bars" if n_in_bar else "run.caption", n=n_in_bar)]
        if n_flagged:
            sentences.append(say("run.caption.flagged"))
        if n_in_bar and n_drawn < n_flagged:
            sentences.append(say("run.sample", n=n_drawn, n_all=n_flagged))
        if highest >= self.high:
            sentences.append(say("run.beyond", highest=self.written(highest)))
        return say("space").join(sentences)

    def written(self, score: float) -> str:
        return Numbers(decimals_for(self.high - self.low), MINUS).plain(score)

    def y(self, score: float) -> float:
        share = (score - self.low) / (self.high - self.low)
        return _HEIGHT * (1 - min(max(share, 0.0), 1.0))

    def levels(self) -> tuple[Tick, ...]:
        levels = [
            v for v in round_levels(self.low, self.high, _N_STEPS) if self.low <= v <= self.high
        ]
        return tuple(Tick(self.y(level), level_label(level, levels)) for level in levels)

    def dots(self, places: IndexArray, threshold: float) -> tuple[RunDot, ...]:
        scores, n = self.rows.scores, len(self.rows.scores)
        return tuple(
            RunDot(
                x=100 * (i + 0.5) / n,
                y=self.y(score),
                kind="flag" if score >= threshold else "batch",
                is_beyond=score >= self.high,
                title=self.language.say(
                    "run.dot", row=self.rows.title(i, self.language), score=self.written(score)
                ),
            )
            for i, score in zip(places.tolist(), scores[places].tolist(), strict=True)
        )

    def bars(self, n_in_bar: int) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
        """Return bars over most of the scores of so many rows each, and over half of them."""
        scores, n = self.rows.scores, len(self.rows.scores)
        starts = range(0, n, n_in_bar)
        own = [scores[start : start + n_in_bar] for start in starts]
        said = [np.quantile(part, [0.05, 0.25, 0.75, 0.95]).tolist() for part in own]
        ranges, halves = [], []
        for start, part, (lowest, low, high, highest) in zip(starts, own, said, strict=True):
            x, width = 100 * start / n, 80 * len(part) / n
            title = self._bar_title(start, start + len(part) - 1, part)
            ranges.append(self._bar(x, width, (lowest, highest), title))
            halves.append(self._bar(x, width, (low, high), title))
        return tuple(ranges), tuple(halves)

    def _bar(self, x: float, width: float, ends: tuple[float, float], title: str) -> Mark:
        low, high = map(self.y, ends)
        return Mark(x, width, high, max(low - high, 1.0), "batch", title)

    def _bar_title(self, first: int, last: int, scores: Float64Array) -> str:
        return self.language.say(
            "run.bar",
            first=self.rows.title(first, self.language),
            last=self.rows.title(last, self.language),
            low=self.written(float(scores.min())),
            high=self.written(float(scores.max())),
        )


def _row_ticks(rows: Rows) -> tuple[tuple[Tick, ...], tuple[Tick, ...]]:
    """Return round numbers of rows, or some of their names, and when these were."""
    n = len(rows.names)
    if rows.numbering == "index":
        places = evenly(n, _N_STEPS)
        labels = [one_line(str(rows.names[i]), _TICK_CHARACTERS) for i in places]
        x = 100 * (places + 0.5) / n
    else:
        numbers = np.asarray(rows.names, np.int64)
        span = float(numbers[0]), float(numbers[-1])
        levels = [v for v in round_levels(*span, _N_STEPS) if span[0] <= v <= span[1]]
        places = np.searchsorted(numbers, levels)
        labels = [f"{level:,.0f}" for level in levels]
        x = 100 * (np.interp(levels, numbers, np.arange(n)) + 0.5) / n
    ticks = tuple(
        Tick(float(own), label, is_minor=i % 2 == 1)
        for i, (own, label) in enumerate(zip(x, labels, strict=True))
    )
    if not rows.times:
        return ticks, ()
    said = _short([rows.times[i] for i in places])
    times = tuple(replace(tick, label=label) for tick, label in zip(ticks, said, strict=True))
    # An index of moments says so itself.
    return (() if [*rows.times] == [*rows.names] else ticks), times


def _short(times: Sequence[str]) -> list[str]:
    """Return dates of ticks; with times of day where days are the same.

    >>> _short(["2026-03-01 08:15:00", "2026-03-02T06:00:00"])
    ['2026-03-01', '2026-03-02']
    >>> _short(["2026-03-01 08:15:00", "2026-03-01T09:00:00"])
    ['2026-03-01 08:15', '2026-03-01 09:00']
    >>> _short(["08:15, 1. März 2026", "2026年3月1日 8時15分"])
    ['08:15, 1. März …', '2026年3月1日 8時15分']
    """
    parts = [_DAY_AND_CLOCK.match(time) for time in times]
    days = [own[1] if own else time for own, time in zip(parts, times, strict=True)]
    if len({*days}) < len(days):
        days = [
            " ".join(own.groups()) if own else day for own, day in zip(parts, days, strict=True)
        ]
    return [one_line(day, _TICK_CHARACTERS) for day in days]
