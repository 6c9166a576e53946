"""What pictures in reports and notebooks are drawn with: colours, fonts, strips, bars, swarms."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.messages.formatting import MINUS
from polar_detect.messages.language import Language
from polar_detect.messages.lines import in_lines
from polar_detect.report.charts.run import RunChart
from polar_detect.report.charts.swarm import swarm_axis
from polar_detect.report.content.data import Swarm

# As in the HTML report: blue and orange stay apart for every kind of colour vision.
RAISE, LOWER, NORMAL, KEEP, LOOP = "#c2570c", "#2468b0", "#828d99", "#5d6b7a", "#00735c"
INK = "#767d85"  # readable on white and on the dark ground of a notebook
# Of Japanese, of Chinese in either kind of characters, of Korean and Thai, as systems have them: a
# sign is drawn in the first that has it, so that Japanese stays in its own.
_FONTS = (
    (
        "Noto Sans CJK JP", "Noto Sans JP", "Source Han Sans JP", "IPAexGothic", "IPAGothic",
        "Hiragino Sans", "Hiragino Maru Gothic Pro", "Yu Gothic", "Meiryo", "MS Gothic",
        "TakaoGothic", "VL Gothic", "Arial Unicode MS",
    ),
    (
        "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC",
        "Heiti SC", "STHeiti", "SimHei", "SimSun", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    ),
    (
        "Noto Sans CJK TC", "Noto Sans TC", "Source Han Sans TC", "Microsoft JhengHei",
        "PingFang TC", "Heiti TC", "MingLiU", "PMingLiU",
    ),
    (
        "Noto Sans CJK KR", "Noto Sans KR", "Source Han Sans K", "Malgun Gothic",
        "Apple SD Gothic Neo", "AppleGothic", "NanumGothic", "Gulim",
    ),
    ("Noto Sans Thai", "Leelawadee UI", "Tahoma", "Thonburi", "Ayuthaya", "Garuda", "Loma"),
)  # fmt: skip
_OF_EAST_ASIA = ("Noto Sans CJK", "Source Han Sans", "Arial Unicode")  # Korean and Chinese too
_UNREADABLE: set[str] = set()  # fonts that matplotlib cannot draw
_LOW = 0.4  # of the ranks: the lower two of the five shades of the HTML report
_NAME_CELLS = 36  # of a line of a feature's name: about a third of the width

Colours = str | list[str]  # of all bars, or of each


def plain_style() -> AbstractContextManager[Any]:
    """Set fonts and colours while figures are drawn and written; texts are no formulas."""
    return mpl.rc_context(
        {
            "font.family": ["DejaVu Sans", *fonts_of_scripts()],
            "text.parse_math": False,  # a text may hold dollar signs
            "svg.hashsalt": "polar-detect",  # the same picture gives the same file
            "axes.spines.top": False,
            "axes.spines.right": False,
            "pdf.fonttype": 42,
        }
    )


def fonts_of_scripts() -> list[str]:
    """Return installed fonts with the characters of East Asia and of Thailand; few may do."""
    manager = font_manager.fontManager
    # matplotlib keeps its list of fonts from its first use, and misses those installed since.
    known = {font.fname for font in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known - _UNREADABLE):
        try:
            manager.addfont(path)
        except (RuntimeError, OSError, ValueError):
            _UNREADABLE.add(path)
    installed = {font.name for font in manager.ttflist}
    found = (next((name for name in names if name in installed), None) for names in _FONTS)
    first, *others = found
    if first is not None and first.startswith(_OF_EAST_ASIA):
        others = others[-1:]
    return [name for name in (first, *others) if name is not None]


def draw_strips(ax: Axes, strips: Sequence[tuple[str, Float64Array]]) -> None:
    """Draw mean or exact calls per layer, one strip below the other."""
    for i, (_, calls) in enumerate(strips):
        base, x = -1.3 * i, np.arange(len(calls))
        known = np.nan_to_num(calls)
        ax.bar(x, 1, 0.86, base, color="none", edgecolor=NORMAL, linewidth=0.8, linestyle=":")
        ax.bar(x, np.minimum(known, 1), 0.86, base, color=KEEP)
        ax.bar(x, np.clip(known - 1, 0, 1), 0.86, base, color=LOOP)
        for layer in np.flatnonzero(known > 1).tolist():
            if known[layer] == round(known[layer]):
                ax.text(
                    layer, base + 0.5, f"×{known[layer]:.0f}", ha="center", va="center",
                    color="white", fontsize=7,
                )  # fmt: skip
    ax.set_yticks([0.5 - 1.3 * i for i in range(len(strips))], [name for name, _ in strips])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.01)


def draw_layers(ax: Axes, values: Float64Array, colours: Colours = KEEP) -> None:
    """Draw a bar for each layer."""
    known = np.nan_to_num(values)
    ax.bar(np.arange(len(known)), known, 0.8, color=colours)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.01)


def draw_bars(
    ax: Axes, names: Sequence[str], values: Float64Array, colours: Colours = KEEP
) -> None:
    """Draw a bar below each name of one line or two, the first on top."""
    known = np.nan_to_num(values)
    height = 0.26 if any("\n" in name for name in names) else 0.36
    bottoms = np.arange(len(known))[::-1] - 0.42
    ax.barh(bottoms, known, height, align="edge", color=colours)
    # Of the zero line only as much as belongs to bars: it would strike names through.
    ax.vlines(np.zeros(len(known)), bottoms, bottoms + height, color=INK, linewidth=0.8)
    for bottom, name in zip(bottoms.tolist(), names, strict=True):
        top = bottom + height + 0.06
        ax.text(0, top, name, transform=ax.get_yaxis_transform(), va="bottom", fontsize=6.5)
    ax.set_yticks([])
    ax.spines.left.set_visible(False)
    ax.set_ylim(-0.5, len(known) - 0.5)


def draw_run(ax: Axes, chart: RunChart, threshold: str, language: Language) -> None:
    """Draw scores in the order of their rows; `threshold` is written in the legend."""
    for marks, alpha, key in ((chart.ranges, 0.3, "run.range"), (chart.halves, 0.9, "run.half")):
        if marks:
            x, width, y, height = np.asarray([(m.x, m.width, m.y, m.height) for m in marks]).T
            said = language.say(key, n=chart.n_in_bar)
            ax.bar(x, height, width, y, align="edge", color=LOWER, alpha=alpha, label=said)
    for kind, colour in (("batch", LOWER), ("flag", RAISE)):
        for marker, size in (("o", 6), ("^", 20)):
            dots = [own for own in chart.dots if (own.kind, own.is_beyond) == (kind, size > 6)]
            ax.scatter(
                [own.x for own in dots], [own.y for own in dots], size + 4 * (kind == "flag"),
                color=colour, marker=marker, linewidths=0, clip_on=False, zorder=3,
            )  # fmt: skip
    if any(own.kind == "flag" for own in chart.dots):
        ax.scatter([], [], 10, color=RAISE, label=language.say("flag.yes"))
    if chart.threshold is not None:
        said = language.say("scores.threshold", threshold=threshold)
        ax.axhline(chart.threshold, color=INK, linestyle="--", linewidth=1.2, label=said)
    _draw_axes(ax, chart)


def _draw_axes(ax: Axes, chart: RunChart) -> None:
    """Draw the axes of scores and of rows, with the times of these below their numbers."""
    ax.set_xlim(0, 100)
    ax.set_ylim(chart.height, 0)
    ax.set_yticks([tick.position for tick in chart.levels], [tick.label for tick in chart.levels])
    lines = [ticks for ticks in (chart.ticks, chart.times) if ticks]
    labels = ["\n".join(tick.label for tick in ticks) for ticks in zip(*lines, strict=True)]
    ax.set_xticks([tick.position for tick in lines[0]], labels, fontsize=8)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(
            ncol=4, fontsize=7, frameon=False, labelcolor=INK, columnspacing=1.2,
            loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2,
        )  # fmt: skip


def colours_by_sign(values: Float64Array) -> list[str]:
    """Return the colours of parts that raise a score or lower it."""
    colours: list[str] = np.where(np.nan_to_num(values) >= 0, RAISE, LOWER).tolist()
    return colours


def colours_of_some(stands_out: BoolArray) -> list[str]:
    """Return the colours of bars some of which stand out."""
    colours: list[str] = np.where(stands_out, RAISE, NORMAL).tolist()
    return colours


def swarm_height(swarms: Sequence[Swarm], language: Language) -> float:
    """Return how many inches the lines of a beeswarm need, whose names may take several lines."""
    most = max((len(_name_lines(own, language)) for own in swarms), default=1)
    return len(swarms) * max(0.32, 0.2 * most)


def draw_swarm(ax: Axes, swarms: Sequence[Swarm], language: Language) -> None:
    """Draw a dot for each text on a line for each feature, the first on top."""
    top = len(swarms) - 1
    axis = swarm_axis([own.parts for own in swarms])
    places = [axis.place(own.parts) for own in swarms]
    widest = max((float(np.abs(place).max(initial=0)) for place in places), default=0) or 1.0
    colours = mpl.colors.LinearSegmentedColormap.from_list("value", [LOWER, "#9aa4ae", RAISE])
    for i, own in enumerate(swarms):
        columns = np.round(places[i] / widest * 60)
        _, place, counts = np.unique(columns, return_inverse=True, return_counts=True)
        order = np.argsort(place, kind="stable")
        within = np.empty(len(own.parts))
        within[order] = np.concatenate([np.arange(n) - (n - 1) / 2 for n in counts] or [[]])
        spread = 0.8 / max(8, int(counts.max(initial=1)))
        _draw_dots(ax, own, top - i + within * spread, colours(own.ranks))
    if axis.unit is not None:
        ax.set_xscale("asinh", linear_width=axis.unit)
        levels = axis.powers(*ax.get_xlim())
        ax.set_xticks(levels, [f"{level:,g}".replace("-", MINUS) for level in levels])
        ax.minorticks_off()
    ax.axvline(0, color=INK, linewidth=0.8)
    for rank, key in ((0.0, "swarm.low"), (1.0, "swarm.high")):
        filled = "full" if rank else "none"
        ax.plot(
            [], [], "o", color=colours(rank), fillstyle=filled, markersize=4,
            label=language.say(key),
        )  # fmt: skip
    ax.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower right")
    names = ["\n".join(_name_lines(own, language)) for own in swarms]
    ax.set_yticks(range(top, -1, -1), names)
    ax.set_ylim(-0.6, top + 0.6)


def _draw_dots(ax: Axes, own: Swarm, y: Float64Array, colours: Float64Array) -> None:
    """Draw low values as rings and high ones as discs, as on paper both colours are one grey."""
    faces, is_ring = colours.copy(), own.ranks < _LOW
    faces[is_ring, 3] = 0
    # Discs have no edge, which would be a third of what a notebook keeps of them.
    widths: list[float] = np.where(is_ring, 0.8, 0.0).tolist()
    ax.scatter(own.parts, y, s=8, facecolors=faces, edgecolors=colours.tolist(), linewidths=widths)


def _name_lines(own: Swarm, language: Language) -> Sequence[str]:
    return in_lines(language.feature(own.feature), _NAME_CELLS)
