"""The pictures of a report by matplotlib, and one page that sums the report up."""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.text import Text

from polar_detect import atomic
from polar_detect.messages.formatting import moment, one_line, p_value
from polar_detect.messages.language import Language
from polar_detect.messages.lines import in_lines
from polar_detect.messages.tongues import Tongue
from polar_detect.report.charts import cards, drawing, histogram, layout, run
from polar_detect.report.content import phrases, row_phrases
from polar_detect.report.content.data import RenderedFile, ReportData, RowReport
from polar_detect.report.content.phrases import score_numbers

_TOP_ROWS = 10
_TOP_COLUMNS, _TOP_SHIFTS = 6, 4  # drawn where there are no layers
_BARS_HEIGHT = 1.6  # of their charts, whose names take two lines, beside those above
_NAME_CELLS = 62  # of a line of their names, half as wide as a page
_PAGE = (8.27, 11.69)  # A4, inches
_LINE_CELLS = 112  # of the page's width at its font size; a Japanese character takes two
_TEXT_CELLS = 76  # beside the numbers of a row
_REASON_CELLS = 93  # below it, in smaller type
_MISSING = re.compile("missing from (current )?font")  # matplotlib 3.8 and later ones
_NAME = re.compile(r"(scores|run|layers|columns|programs|drift|features|row-\d{2,})\.(png|svg)")
_MARK = "Picture of a report by polar-detect"
_HEAD_BYTES = 4096  # of a file; the mark stands among the first thousand
_INK, _MUTED = "#1c2126", "#59626c"

Kind = Literal["png", "pdf", "svg"]
# The name of its file, how it is drawn, and its width and height in inches.
_Draw = Callable[[Axes, ReportData, Language], None]
_Chart = tuple[str, _Draw, tuple[float, float]]


def summary_page(data: ReportData, tongue: Tongue, kind: Kind) -> RenderedFile:
    """Return one page: findings, scores, layers (or columns), drift and the worst rows."""
    language = data.detector.language(tongue)
    with drawing.plain_style(), mpl.rc_context({"font.size": 8}):
        figure = Figure(figsize=_PAGE, facecolor="white")
        top = _write_head(figure, data, language) - 0.03
        wide: list[_Draw] = [_draw_scores]
        if (chart := _run_chart(data, language)) is not None:
            wide.append(partial(_draw_run, chart))
        grid = figure.add_gridspec(
            len(wide) + 1, 2, left=0.09, right=0.95, top=top, bottom=0.40, hspace=0.8, wspace=0.18,
            height_ratios=[*[1] * len(wide), _BARS_HEIGHT],
        )  # fmt: skip
        for i, draw in enumerate(wide):
            draw(figure.add_subplot(grid[i, :]), data, language)
        (_, left, _), *others = _charts_of_sources(data)
        left(figure.add_subplot(grid[-1, 0] if others else grid[-1, :]), data, language)
        if others:
            _, right, _ = others[-1]
            right(figure.add_subplot(grid[-1, 1]), data, language)
        _write_rows(figure, data, language)
        return _saved(figure, kind)


def write_pictures(data: ReportData, tongue: Tongue, folder: Path) -> tuple[int, bool]:
    """Write all pictures as PNG and SVG files; return how many, and whether glyphs lack.

    Pictures that an earlier report left there and this one lacks are removed; nothing else is.
    """
    written, lacks = set(), False
    language = data.detector.language(tongue)
    kinds: tuple[Kind, ...] = ("png", "svg")
    with drawing.plain_style():
        for name, figure in _pictures(data, language):
            for kind in kinds:
                picture = _saved(figure, kind)
                path = folder / f"{name}.{kind}"
                with atomic.staged(path) as partial:
                    partial.write_bytes(picture.content)
                written.add(path.name)
                lacks |= picture.lacks_characters
    for path in sorted(folder.iterdir()):
        if path.name not in written and _is_own(path):
            atomic.insist(path.unlink)
    return len(written), lacks


def _is_own(path: Path) -> bool:
    """Tell whether a file is a picture of a report, by its name and the mark inside it."""
    if not _NAME.fullmatch(path.name) or not path.is_file():
        return False
    with path.open("rb") as file:
        return _MARK.encode() in file.read(_HEAD_BYTES)


def _pictures(data: ReportData, language: Language) -> Iterator[tuple[str, Figure]]:
    """Yield the pictures of the report, each with a name for its file."""
    drawn: list[_Chart] = [("scores", _draw_scores, (8.0, 3.0))]
    if (chart := _run_chart(data, language)) is not None:
        drawn.append(("run", partial(_draw_run, chart), (8.0, 3.0)))
    drawn += _charts_of_sources(data)
    if data.swarms:
        height = 0.8 + drawing.swarm_height(data.swarms, language)
        drawn.append(("features", _draw_swarm, (8.0, height)))
    for name, draw, size in drawn:
        figure = Figure(figsize=size, layout="constrained", facecolor="white")
        draw(figure.add_subplot(), data, language)
        yield name, figure
    for rank, row in enumerate(data.rows, start=1):
        yield f"row-{rank:02}", _row_figure(row, data, language)


def _charts_of_sources(data: ReportData) -> list[_Chart]:
    """Return the charts of what the scores come from, and of how that differs from normal texts."""
    charts: list[_Chart] = []
    if data.by_columns:
        charts.append(("columns", _draw_columns, (8.0, 2.6)))
        if data.drift is not None and data.drift.features:
            charts.append(("drift", _draw_shifts, (8.0, 2.6)))
        return charts
    charts.append(("layers", _draw_layers, (8.0, 2.6)))
    if data.programs is not None:
        charts.append(("programs", _draw_programs, (8.0, 1.8)))
    if data.drift is not None and data.drift.layers:
        charts.append(("drift", _draw_drift, (8.0, 2.6)))
    return charts


def _saved(figure: Figure, kind: Kind) -> RenderedFile:
    stream = io.BytesIO()
    # Neither date nor version in the file: the same report gives the same bytes.
    metadata = {
        "png": {"Software": _MARK},
        "pdf": {"CreationDate": None},
        "svg": {"Date": None, "Creator": _MARK},
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(stream, format=kind, dpi=150, metadata=metadata[kind])
    missing = [w for w in caught if _MISSING.search(str(w.message))]
    for other in caught:
        if other not in missing:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return RenderedFile(stream.getvalue(), bool(missing))


def _draw_scores(ax: Axes, data: ReportData, language: Language) -> None:
    groups = [data.calibration_scores, data.batch_scores]
    normal, batch = (scores[np.isfinite(scores)] for scores in groups)
    edges = histogram.score_edges(normal, batch, data.threshold)
    drawn = [("scores.normal", normal, drawing.NORMAL), ("scores.batch", batch, drawing.LOWER)]
    if data.is_screening:
        drawn = [("scores.all", batch, drawing.LOWER)]
    for key, scores, colour in drawn:
        heights = 100 * histogram.score_shares(scores, edges)
        label = language.say(key, n=len(scores))
        is_flagged = (edges[:-1] >= data.threshold) & (scores is batch)
        for chosen, own, said in (
            (~is_flagged, colour, label),
            (is_flagged, drawing.RAISE, language.say("flag.yes")),
        ):
            if heights[chosen].any():
                place, width = edges[:-1][chosen], np.diff(edges)[chosen]
                ax.bar(
                    place, heights[chosen], width, align="edge", color=own, alpha=0.6, label=said
                )
    if np.isfinite(data.threshold):
        label = language.say(
            "scores.threshold", threshold=score_numbers(data).plain(data.threshold)
        )
        ax.axvline(data.threshold, color=_INK, linestyle="--", linewidth=1.2, label=label)
    ax.set_xlabel(language.say("scores.axis"))
    ax.set_ylabel(f"{language.say('axis.share')} (%)")
    ax.set_title(language.say("scores.title"), loc="left", fontsize=10, fontweight="bold")
    if n_beyond := histogram.count_beyond(batch, edges):
        said = language.count("scores.beyond", n_beyond)
        ax.set_title(said, loc="right", fontsize=7, color=_MUTED)
    ax.legend(frameon=False, fontsize=8)


def _run_chart(data: ReportData, language: Language) -> run.RunChart | None:
    normal = data.calibration_scores
    return run.run_chart(run.Rows.of(data), normal, data.threshold, language)


def _draw_run(chart: run.RunChart, ax: Axes, data: ReportData, language: Language) -> None:
    drawing.draw_run(ax, chart, score_numbers(data).plain(data.threshold), language)
    ax.set_xlabel(language.say(f"column.row.{data.numbering}"))
    ax.set_ylabel(language.say("column.score"))
    _write_title(ax, language.say("run.title"))


def _draw_layers(ax: Axes, data: ReportData, language: Language) -> None:
    sizes = np.asarray([part.value for part in data.global_layers])
    drawing.draw_layers(ax, sizes)
    ax.set_xlabel(language.say("axis.layer"))
    _write_title(ax, language.say("layers.bars"))


def _draw_drift(ax: Axes, data: ReportData, language: Language) -> None:
    assert data.drift is not None
    sizes, moved = np.zeros(data.n_layers), np.zeros(data.n_layers, bool)
    for shift in data.drift.layers:
        assert shift.feature.layer is not None
        sizes[shift.feature.layer] = shift.size
        moved[shift.feature.layer] = shift.is_moved
    drawing.draw_layers(ax, sizes, drawing.colours_of_some(moved))
    ax.set_xlabel(language.say("axis.layer"))
    _write_title(ax, language.say("drift.short"))


def _draw_columns(ax: Axes, data: ReportData, language: Language) -> None:
    """Draw the mean size of each column's part of the score, where no model reads the rows."""
    parts = data.global_whole[:_TOP_COLUMNS]
    names = [_cut(language.part(part.source), _NAME_CELLS) for part in parts]
    drawing.draw_bars(ax, names, np.asarray([part.value for part in parts]))
    _write_title(ax, language.say("layers.whole"))


def _draw_shifts(ax: Axes, data: ReportData, language: Language) -> None:
    """Draw the features that moved most, where there are no layers to draw them by."""
    assert data.drift is not None
    shifts = data.drift.features[:_TOP_SHIFTS]
    names = [_in_two_lines(language.feature(shift.feature)) for shift in shifts]
    moved = np.asarray([shift.is_moved for shift in shifts], bool)
    sizes = np.asarray([shift.size for shift in shifts])
    drawing.draw_bars(ax, names, sizes, drawing.colours_of_some(moved))
    _write_title(ax, language.say("drift.features.short"))


def _draw_programs(ax: Axes, data: ReportData, language: Language) -> None:
    assert data.programs is not None
    calls = {"normal": data.programs.typical_calls, "batch": data.programs.batch_calls}
    drawing.draw_strips(ax, [(language.say(f"programs.{key}"), own) for key, own in calls.items()])
    ax.set_xlabel(language.say("axis.layer"))
    _write_title(ax, language.say("programs.title"))


def _draw_swarm(ax: Axes, data: ReportData, language: Language) -> None:
    drawing.draw_swarm(ax, data.swarms, language)
    ax.set_xlabel(language.say("axis.shap"))
    # Of the figure, not of the axes, for which long names may leave little room.
    title = language.say("layers.swarm")
    ax.figure.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")


def _row_figure(row: RowReport, data: ReportData, language: Language) -> Figure:
    """Return program, parts by layer, and the way from base value to score of one row."""
    figure = Figure(figsize=(10, 4), layout="constrained", facecolor="white")
    number = row_phrases.row_title(row.row, data.numbering, language)
    title = f"{number}: {one_line(row.text, 90)}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    if not row.layers:
        _draw_waterfall(figure.add_subplot(), row, data, language)
        return figure
    if data.programs is None or row.minimal is None:
        grid = figure.add_gridspec(1, 2, width_ratios=(1.7, 1))
        below = figure.add_subplot(grid[0, 0])
    else:
        grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.7), width_ratios=(1.7, 1))
        top = figure.add_subplot(grid[0, 0])
        counts = np.asarray(row.minimal.program.counts(data.n_layers), np.float64)
        typical = (language.say("card.typical"), data.programs.typical_calls)
        drawing.draw_strips(top, [typical, (language.say("card.this"), counts)])
        below = figure.add_subplot(grid[1, 0], sharex=top)
    parts = np.asarray([part.value for part in row.layers])
    drawing.draw_layers(below, parts, drawing.colours_by_sign(parts))
    below.set_ylim(layout.stretched(*below.get_ylim(), cards.least_reach(row)))
    below.set_xlabel(language.say("axis.layer"))
    below.set_ylabel(language.say("card.part"))
    _draw_waterfall(figure.add_subplot(grid[:, 1]), row, data, language)
    return figure


def _write_title(ax: Axes, title: str) -> None:
    ax.set_title(title, loc="left", fontsize=9, fontweight="bold")


def _draw_waterfall(ax: Axes, row: RowReport, data: ReportData, language: Language) -> None:
    numbers = score_numbers(data)
    parts = cards.score_parts(row, numbers, language)
    values = np.nan_to_num(np.asarray([part.value for part in parts], np.float64))
    stops = data.base_value + np.concatenate([[0.0], np.cumsum(values)])
    y = np.arange(len(parts), 0, -1)
    ax.barh(y, values, 0.6, left=stops[:-1], color=drawing.colours_by_sign(values))
    ax.plot([stops[0]] * 2, [len(parts) + 0.6, len(parts) + 1.4], color=_INK)
    ax.plot([stops[-1]] * 2, [-0.4, 0.4], color=_INK)
    said = [f"{part.label} {numbers.signed(part.value)}" for part in parts]
    first = f"{language.say('step.base')} {numbers.plain(data.base_value)}"
    last = f"{language.say('step.score')} {numbers.plain(row.score)}"
    ax.set_yticks(np.arange(len(parts) + 1, -1, -1), [first, *said, last], fontsize=8)
    ax.set_title(language.say("card.waterfall"), loc="left", fontsize=9)


def _write_head(figure: Figure, data: ReportData, language: Language) -> float:
    """Write title and findings; return how high up the page the last line stands."""
    source = one_line(data.source, 60)
    figure.text(0.06, 0.962, source, fontsize=15, fontweight="bold", color=_INK)
    kicker = f"{language.say('kicker')} · {moment(data.created)}"
    figure.text(0.06, 0.946, kicker, fontsize=8, color=_MUTED)
    figure.text(
        0.06, 0.917, phrases.headline(data, language), fontsize=13, fontweight="bold", color=_INK
    )
    sentences = [*phrases.findings(data, language), *phrases.advice(data, language, "brief")]
    if data.drift is not None:
        sentences += phrases.drift_sentences(data.drift, language)[1:2]
    body = language.say("space").join(sentences)
    lines = in_lines(body, _LINE_CELLS)
    figure.text(0.06, 0.905, "\n".join(lines), fontsize=8.5, va="top", color=_INK, linespacing=1.5)
    return 0.905 - 0.0158 * len(lines)


def _write_rows(figure: Figure, data: ReportData, language: Language) -> None:
    figure.text(0.06, 0.352, language.say("rows.title"), fontsize=10, fontweight="bold", color=_INK)
    counted = language.say(f"rows.numbered.{data.numbering}")
    figure.text(0.95, 0.352, counted, fontsize=6.5, ha="right", color=_MUTED)
    numbers, places = score_numbers(data), [0.06, 0.115, 0.185, 0.26, 0.33]
    rows = [["rank", f"row.{data.numbering}", "score", "p", "text"]]
    rows[0] = [language.say(f"column.{name}") for name in rows[0]]
    rows += [
        [
            str(rank),
            row_phrases.row_name(row.row, data.numbering),
            numbers.plain(row.score),
            p_value(row.p_value),
            _cut(one_line(row.text, 120), _TEXT_CELLS),
        ]
        for rank, row in enumerate(data.listed[:_TOP_ROWS], start=1)
    ]
    if data.is_screening:  # p-values are ranks
        places.pop()
        for cells in rows:
            del cells[3]
    for i, cells in enumerate(rows):
        height = (0.333 if i == 0 else 0.343) - 0.0285 * i
        for place, cell in zip(places, cells, strict=True):
            colour = _MUTED if i == 0 else _INK
            figure.text(place, height, cell, fontsize=8, color=colour)
        if 0 < i <= len(data.listed):
            own = _cut(row_phrases.leading_reasons(data.listed[i - 1], language), _REASON_CELLS)
            figure.text(places[-1], height - 0.0115, own, fontsize=6.5, color=_MUTED)


def _cut(text: str, n_cells: int) -> str:
    own = Text(text)
    own.truncate(n_cells, overflow="ellipsis")
    return own.plain


def _in_two_lines(name: str) -> str:
    first, *others = in_lines(name, _NAME_CELLS)
    return "\n".join([first, *([_cut(" ".join(others), _NAME_CELLS)] if others else [])])
