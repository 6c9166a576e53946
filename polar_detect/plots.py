"""Pictures of programs, curves and explanations as matplotlib axes, for notebooks and papers.

Each function draws into `ax`, or into a new figure, and returns the axes.
"""

import html
import io
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from polar_detect.arrays import BoolArray, Float64Array
from polar_detect.errors import InputError
from polar_detect.explain import Explanation, mean_size, rank_values
from polar_detect.program import Program
from polar_detect.report.data import Column
from polar_detect.report.formatting import MINUS
from polar_detect.report.language import Language
from polar_detect.report.lines import in_lines
from polar_detect.report.swarm import swarm_axis
from polar_detect.search import Candidate

# As in the HTML report: blue and orange stay apart for every kind of colour vision.
RAISE, LOWER, NORMAL, KEEP, LOOP = "#c2570c", "#2468b0", "#828d99", "#5d6b7a", "#00735c"
_INK = "#767d85"  # readable on white and on the dark ground of a notebook
_INKED: Any = dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
)
_LINES = (RAISE, LOWER, LOOP, KEEP)
_LINE_STYLES = ("-", "--", ":", "-.")
_JAPANESE = (
    "Noto Sans CJK JP", "Noto Sans JP", "Source Han Sans JP", "IPAexGothic", "IPAGothic",
    "Hiragino Sans", "Hiragino Maru Gothic Pro", "Yu Gothic", "Meiryo", "MS Gothic", "TakaoGothic",
    "VL Gothic", "Arial Unicode MS",
)  # fmt: skip


_LOW = 0.4  # of the ranks: the lower two of the five shades of the HTML report
_N_FEATURES = _N_COLUMNS = 10  # that are drawn, if not told otherwise
_MAX_DOTS = 300  # of each feature, in a notebook
_NAME_CELLS = 36  # of a line of a feature's name: about a third of the width
_UNREADABLE: set[str] = set()  # fonts that matplotlib cannot draw


def plot_program(
    program: Program | str,
    n_layers: int,
    *,
    typical: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a program as a strip: one cell per layer, filled by how often it is called.

    Parameters
    ----------
    program : Program or str
        A string is read as `Program.parse` does.
    n_layers : int
        Layers of the model.
    typical : (n_layers,) float, optional
        Mean calls of each layer on normal texts, drawn above.

    Raises
    ------
    ProgramError
        The program does not fit the model.
    InputError
        `typical` has not one number a layer.
    """
    own = Program.parse(program) if isinstance(program, str) else program
    strips = [("program", np.asarray(own.counts(n_layers), np.float64))]
    if typical is not None:
        calls = np.asarray(typical, np.float64)
        if calls.shape != (n_layers,):
            raise InputError(
                f"Got typical calls of shape {calls.shape}; expected one number for each of "
                f"{n_layers} layers; pass those of the same model."
            )
        strips.insert(0, ("typical", calls))
    axes = _axes(ax, height=1.1 if typical is None else 1.7)
    draw_strips(axes, strips)
    axes.set_xlabel("layer")
    return axes


def plot_curves(curves: Mapping[str, ArrayLike], *, ax: Axes | None = None) -> Axes:
    """Draw skip, loop or other curves over the layers, nats per token.

    Parameters
    ----------
    curves : mapping of str to (n_layers,) float
        E.g. ``{"skip": traces.skip[0], "loop": traces.loop[0]}``.
    """
    axes = _axes(ax, height=2.6)
    for i, (name, curve) in enumerate(curves.items()):
        values = np.asarray(curve, np.float64)
        colour, style = _LINES[i % 4], _LINE_STYLES[i % 4]
        axes.plot(values, style, color=colour, marker="o", markersize=3, label=name)
    return _with_change_of_loss(axes, "layer")


def plot_length_curve(
    curves: Mapping[str, Sequence[Candidate]],
    *,
    tolerance: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss of the best program of each length, minus that of the longest that has one.

    Parameters
    ----------
    curves : mapping of str to sequence of Candidate
        Shortest first, e.g. ``{text: minimal.curve}`` of a minimal program that was found.
    tolerance : float, optional
        Nats per token that a valid program may lose, drawn as a line.
    """
    axes = _axes(ax, height=2.6)
    for i, (name, curve) in enumerate(curves.items()):
        lengths = [len(candidate.program) for candidate in curve]
        losses = np.asarray([candidate.loss for candidate in curve])
        colour, style = _LINES[i % 4], _LINE_STYLES[i % 4]
        measured = np.isfinite(losses)  # a menu measures nothing of some lengths
        change = losses - losses[measured][-1:] if measured.any() else losses
        axes.plot(lengths, change, style, color=colour, marker="o", markersize=3, label=name)
    if tolerance is not None:
        axes.axhline(tolerance, color=NORMAL, linewidth=0.8, linestyle=":", label="tolerance")
    return _with_change_of_loss(axes, "length (layer calls)")


def plot_layers(values: Explanation | ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw one bar per layer.

    Parameters
    ----------
    values : Explanation or (n_layers,) float
        Of an explanation of one text: its SHAP values by layer, raising and lowering; of
        several texts: the mean size. Numbers are drawn as they are.

    Raises
    ------
    InputError
        An explanation by a detector that goes by columns, which no model reads.
    """
    if isinstance(values, Explanation) and not values.n_layers:
        raise InputError(
            "Got an explanation without layers, as no model reads the rows; expected one by a "
            "detector that reads texts; take plot_columns."
        )
    axes = _axes(ax, height=2.4)
    if isinstance(values, Explanation):
        sums = values.by_layer()
        is_one = len(sums) == 1
        draw_layers(axes, sums[0] if is_one else mean_size(sums), is_signed=is_one)
        axes.set_ylabel("part of the score" if is_one else "mean |part of the score|")
    else:
        draw_layers(axes, np.asarray(values, np.float64), is_signed=True)
    axes.set_xlabel("layer")
    return axes


def plot_columns(
    explanation: Explanation, *, n_columns: int = _N_COLUMNS, ax: Axes | None = None
) -> Axes:
    """Draw a bar for each column of the rows that were explained, the strongest on top.

    Its part of the score, raising or lowering, of one row; of several rows: the mean size.

    Parameters
    ----------
    explanation : Explanation
    n_columns : int
        Columns to draw.
    ax : Axes, optional

    Raises
    ------
    InputError
        An explanation of texts that are no rows, or whose columns do not count by themselves.
    """
    columns = explanation.by_column()
    if not columns:
        raise InputError(
            "Got an explanation without columns; expected one of rows of a table with columns of "
            "numbers or of words that repeat; take plot_features."
        )
    parts = np.stack([*columns.values()], axis=1)
    is_one = len(parts) == 1
    sizes = parts[0] if is_one else mean_size(parts)
    strongest = np.argsort(-np.abs(sizes), kind="stable")[:n_columns]
    language, names = Language(are_rows=True), [*columns]
    axes = _axes(ax, height=_bars_height(len(strongest)))
    said = [language.part(Column(names[j])) for j in strongest.tolist()]
    draw_bars(axes, said, sizes[strongest], is_signed=is_one)
    axes.set_xlabel("part of the score" if is_one else "mean |part of the score|")
    return axes


def plot_features(
    explanation: Explanation, *, n_features: int = _N_FEATURES, ax: Axes | None = None
) -> Axes:
    """Draw a beeswarm: each dot a text, each line a feature, the strongest on top."""
    lines = _swarm_lines(explanation, n_features)
    axes = _axes(ax, height=0.4 + swarm_height([name for name, _, _ in lines]))
    draw_swarm(axes, lines, _language_of(explanation))
    axes.set_xlabel("part of the score (SHAP)")
    return axes


def explanation_html(explanation: Explanation) -> str:
    """Return the pictures of an explanation as HTML with inline SVG, for light and dark."""
    scored = np.asarray(np.isfinite(explanation.values).all(1))
    n_texts, n_scored = len(scored), int(scored.sum())
    part, unit, lacking = ("layer", "text", "has tokens to score")
    if not explanation.n_layers:
        part, unit, lacking = ("column", "row", "has a value")
    said = f"{n_texts} {unit}s" if n_texts != 1 else f"1 {unit}"
    if n_scored == 0:
        return f"<p>Explanation of {said}, none of which {lacking}.</p>"
    with plain_style(), mpl.rc_context(_INKED):
        figure = _explanation_figure(explanation.rows(np.flatnonzero(scored)))
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    label = html.escape(f"Parts of the score of {said}, by {part} and by feature")
    return (
        f'<figure role="img" aria-label="{label}">{svg[svg.index("<svg") :]}'
        f"<figcaption>Base value {explanation.base_value:.3f}; to the right a feature raises the "
        "score.</figcaption></figure>"
    )


def _explanation_figure(known: Explanation) -> Figure:
    """Return parts of the score by layer, or by column where there are none, and by feature."""
    n = len(known.values)
    # A dot takes about 100 bytes; a notebook keeps them all.
    drawn = np.unique(np.linspace(0, n - 1, min(n, _MAX_DOTS)).round())
    dots = known.rows(drawn.astype(np.intp))
    size, ratios = 5.6, (1.0, 1.5)
    if not known.n_layers:
        names = [name for name, _, _ in _swarm_lines(dots, _N_FEATURES)]
        ratios = (_bars_height(min(len(known.by_column()), _N_COLUMNS)), 0.8 + swarm_height(names))
        size = sum(ratios)
    figure = Figure(figsize=(9, size), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=ratios)
    plot = plot_layers if known.n_layers else plot_columns
    plot(known, ax=above)
    plot_features(dots, ax=below)
    return figure


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


def draw_layers(
    ax: Axes,
    values: Float64Array,
    *,
    is_signed: bool,
    stands_out: BoolArray | None = None,
) -> None:
    """Draw bars by layer; coloured by sign, or orange where they stand out."""
    known = np.nan_to_num(values)
    colours = _colours(known, is_signed=is_signed, stands_out=stands_out)
    ax.bar(np.arange(len(known)), known, 0.8, color=colours)
    ax.axhline(0, color=_INK, linewidth=0.8)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.margins(x=0.01)


def draw_bars(
    ax: Axes,
    names: Sequence[str],
    values: Float64Array,
    *,
    is_signed: bool = False,
    stands_out: BoolArray | None = None,
) -> None:
    """Draw a bar below each name of one line or two, the first on top; coloured as layers are."""
    known = np.nan_to_num(values)
    colours = _colours(known, is_signed=is_signed, stands_out=stands_out)
    height = 0.26 if any("\n" in name for name in names) else 0.36
    bottoms = np.arange(len(known))[::-1] - 0.42
    ax.barh(bottoms, known, height, align="edge", color=colours)
    # Of the zero line only as much as belongs to bars: it would strike names through.
    ax.vlines(np.zeros(len(known)), bottoms, bottoms + height, color=_INK, linewidth=0.8)
    for bottom, name in zip(bottoms.tolist(), names, strict=True):
        top = bottom + height + 0.06
        ax.text(0, top, name, transform=ax.get_yaxis_transform(), va="bottom", fontsize=6.5)
    ax.set_yticks([])
    ax.spines.left.set_visible(False)
    ax.set_ylim(-0.5, len(known) - 0.5)


def _colours(values: Float64Array, *, is_signed: bool, stands_out: BoolArray | None) -> list[str]:
    """Return the colours of bars: by sign, or orange where they stand out, or all the same."""
    colours = np.where(values >= 0, RAISE, LOWER) if is_signed else np.full(len(values), KEEP)
    if stands_out is not None:
        colours = np.where(stands_out, RAISE, NORMAL)
    own: list[str] = colours.tolist()
    return own


def swarm_height(names: Sequence[str]) -> float:
    """Return how many inches the lines of a beeswarm need, whose names may take several lines."""
    most = max((len(in_lines(name, _NAME_CELLS)) for name in names), default=1)
    return len(names) * max(0.32, 0.2 * most)


def draw_swarm(
    ax: Axes,
    lines: Sequence[tuple[str, Float64Array, Float64Array]],
    language: Language,
) -> None:
    """Draw (name, SHAP values, ranks 0 … 1 of the feature's values), the first on top."""
    top = len(lines) - 1
    axis = swarm_axis([parts for _, parts, _ in lines])
    places = [axis.place(parts) for _, parts, _ in lines]
    widest = max((float(np.abs(place).max(initial=0)) for place in places), default=0) or 1.0
    colours = mpl.colors.LinearSegmentedColormap.from_list("value", [LOWER, "#9aa4ae", RAISE])
    for i, (_, parts, ranks) in enumerate(lines):
        columns = np.round(places[i] / widest * 60)
        _, place, counts = np.unique(columns, return_inverse=True, return_counts=True)
        order = np.argsort(place, kind="stable")
        within = np.empty(len(parts))
        within[order] = np.concatenate([np.arange(n) - (n - 1) / 2 for n in counts] or [[]])
        spread = 0.8 / max(8, int(counts.max(initial=1)))
        y = top - i + within * spread
        _draw_dots(ax, parts, y, ranks, colours(ranks))
    if axis.unit is not None:
        ax.set_xscale("asinh", linear_width=axis.unit)
        levels = axis.powers(*ax.get_xlim())
        ax.set_xticks(levels, [f"{level:,g}".replace("-", MINUS) for level in levels])
        ax.minorticks_off()
    ax.axvline(0, color=_INK, linewidth=0.8)
    for rank, key in ((0.0, "swarm.low"), (1.0, "swarm.high")):
        filled = "full" if rank else "none"
        ax.plot(
            [], [], "o", color=colours(rank), fillstyle=filled, markersize=4,
            label=language.say(key),
        )  # fmt: skip
    ax.legend(frameon=False, fontsize=8, labelcolor=_INK, loc="lower right")
    names = ["\n".join(in_lines(name, _NAME_CELLS)) for name, _, _ in lines]
    ax.set_yticks(range(top, -1, -1), names)
    ax.set_ylim(-0.6, top + 0.6)


def _draw_dots(
    ax: Axes,
    x: Float64Array,
    y: Float64Array,
    ranks: Float64Array,
    colours: Float64Array,
) -> None:
    """Draw low values as rings and high ones as discs, as on paper both colours are one grey."""
    faces, is_ring = colours.copy(), ranks < _LOW
    faces[is_ring, 3] = 0
    # Discs have no edge, which would be a third of what a notebook keeps of them.
    widths: list[float] = np.where(is_ring, 0.8, 0.0).tolist()
    ax.scatter(x, y, s=8, facecolors=faces, edgecolors=colours.tolist(), linewidths=widths)


def japanese_font() -> str | None:
    """Return an installed font with Japanese characters, None where there is none."""
    manager = font_manager.fontManager
    # matplotlib keeps its list of fonts from its first use, and misses those installed since.
    known = {font.fname for font in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known - _UNREADABLE):
        try:
            manager.addfont(path)
        except (RuntimeError, OSError, ValueError):
            _UNREADABLE.add(path)
    installed = {font.name for font in manager.ttflist}
    return next((name for name in _JAPANESE if name in installed), None)


def plain_style() -> AbstractContextManager[Any]:
    """Set fonts and colours while figures are drawn and written; texts are no formulas."""
    fonts = [font for font in ("DejaVu Sans", japanese_font()) if font]
    return mpl.rc_context(
        {
            "font.family": fonts,
            "text.parse_math": False,  # a text may hold dollar signs
            "svg.hashsalt": "polar-detect",  # the same picture gives the same file
            "axes.spines.top": False,
            "axes.spines.right": False,
            "pdf.fonttype": 42,
        }
    )


def _swarm_lines(
    explanation: Explanation, n_features: int
) -> list[tuple[str, Float64Array, Float64Array]]:
    """Return name, SHAP values and ranks of the values of the strongest features."""
    scored = explanation.values[np.isfinite(explanation.values).all(1)]
    data = explanation.data[np.isfinite(explanation.values).all(1)]
    strongest = np.argsort(-mean_size(scored), kind="stable")[:n_features]
    language = _language_of(explanation)
    return [
        (language.feature(explanation.features[j]), scored[:, j], rank_values(data[:, j]))
        for j in strongest.tolist()
    ]


def _language_of(explanation: Explanation) -> Language:
    return Language(are_rows=bool(explanation.by_column()))


def _bars_height(n_bars: int) -> float:
    """Return how many inches a picture of bars below their names needs."""
    return 0.6 + 0.28 * n_bars


def _with_change_of_loss(axes: Axes, over: str) -> Axes:
    """Finish curves that show by how much the loss changes."""
    axes.axhline(0, color=_INK, linewidth=0.8)
    axes.set_xlabel(over)
    axes.set_ylabel("change of the loss (nats per token)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, labelcolor=_INK)
    return axes


def _axes(ax: Axes | None, *, height: float) -> Axes:
    if ax is None:
        from matplotlib import pyplot as plt  # chooses a backend, which only new figures need

        _, ax = plt.subplots(figsize=(8, height), layout="constrained")
    assert ax is not None
    return ax
