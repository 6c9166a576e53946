"""Pictures of programs, curves and explanations as matplotlib axes, for notebooks and papers.

Each function draws into `ax`, or into a new figure, and returns the axes.
"""

import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from polar_detect.arrays import Float64Array
from polar_detect.assessment import Assessment
from polar_detect.errors import InputError, counted
from polar_detect.explain import Explanation, mean_size
from polar_detect.messages.formatting import MINUS, Numbers, decimals_for
from polar_detect.messages.language import Language
from polar_detect.messages.sources import Column
from polar_detect.pipeline.standing import is_index_in_time
from polar_detect.program import Program
from polar_detect.report.charts.drawing import (
    INK,
    KEEP,
    LOOP,
    LOWER,
    NORMAL,
    RAISE,
    Colours,
    colours_by_sign,
    draw_bars,
    draw_layers,
    draw_run,
    draw_strips,
    draw_swarm,
    plain_style,
    swarm_height,
)
from polar_detect.report.charts.run import Rows, run_chart
from polar_detect.report.charts.swarm import evenly, swarms_of
from polar_detect.report.content.data import Swarm
from polar_detect.search import Candidate

__all__ = [
    "explanation_html",
    "plot_columns",
    "plot_curves",
    "plot_features",
    "plot_layers",
    "plot_length_curve",
    "plot_program",
    "plot_run",
]


def __dir__() -> list[str]:
    """Return what there is for users, for completion and `help`."""
    return [*__all__]


_INKED: Any = dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
)
_LINES = (RAISE, LOWER, LOOP, KEEP)
_LINE_STYLES = ("-", "--", ":", "-.")
_N_FEATURES = _N_COLUMNS = 10  # that are drawn, if not told otherwise
_MAX_DOTS = 300  # of each feature, in a notebook
_LAYERS_HEIGHT = 2.4  # inches


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
    axes = _axes(ax, height=_LAYERS_HEIGHT)
    if isinstance(values, Explanation):
        parts = values.by_layer()
        draw_layers(axes, *_sizes(parts))
        axes.set_ylabel(_what_is_drawn(parts))
    else:
        numbers = np.asarray(values, np.float64)
        draw_layers(axes, numbers, colours_by_sign(numbers))
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
    strongest = np.argsort(-mean_size(parts), kind="stable")[:n_columns]
    language, names = _language_of(explanation), [*columns]
    axes = _axes(ax, height=_bars_height(len(strongest)))
    said = [language.part(Column(names[j])) for j in strongest.tolist()]
    draw_bars(axes, said, *_sizes(parts[:, strongest]))
    axes.set_xlabel(_what_is_drawn(parts))
    return axes


def plot_features(
    explanation: Explanation, *, n_features: int = _N_FEATURES, ax: Axes | None = None
) -> Axes:
    """Draw a beeswarm: each dot a text, each line a feature, the strongest on top."""
    swarms, language = _swarms(explanation, n_features), _language_of(explanation)
    axes = _axes(ax, height=0.4 + swarm_height(swarms, language))
    draw_swarm(axes, swarms, language)
    axes.set_xlabel("part of the score (SHAP)")
    return axes


def plot_run(assessment: Assessment, *, ax: Axes | None = None) -> Axes:
    """Draw the scores of texts in their order, from the first to the last; flagged ones stand out.

    The dashed line is at the lowest score that is flagged. Of more than 400 texts bars stand for
    as many in a row each, and no more than 400 of the flagged ones are drawn.

    Parameters
    ----------
    assessment : Assessment
        Of a batch, or of a screening. Where the index of what was assessed says moments in their
        order, the axis does, too.
    ax : Axes, optional

    Raises
    ------
    InputError
        Fewer than ten texts have a score.
    """
    known = np.flatnonzero(np.isfinite(assessment.scores))
    scores, index = assessment.scores[known], assessment.index
    moments = index is not None and is_index_in_time(index)
    times = [str(own) for own in index[known]] if index is not None and moments else ()
    threshold = scores[assessment.is_anomaly[known]].min(initial=np.inf)
    language = Language(are_rows=assessment.are_rows, is_screening=assessment.is_screening)
    rows = Rows(scores, (known + 1).tolist(), times)
    chart = run_chart(rows, np.empty(0), threshold, language)
    if chart is None:
        said = counted(len(scores), "row" if assessment.are_rows else "text")
        raise InputError(
            f"Got {said} with a score; expected ten or more; look at their scores one by one."
        )
    axes, numbers = _axes(ax, height=2.6), Numbers(decimals_for(float(scores.std())), MINUS)
    draw_run(axes, chart, numbers.plain(threshold), language)
    axes.set_xlabel(language.say("column.row.data"))
    axes.set_ylabel("score")
    return axes


def explanation_html(explanation: Explanation) -> str:
    """Return the pictures of an explanation as HTML with inline SVG, for light and dark."""
    scored, n_texts = explanation.scored, len(explanation.values)
    part, unit, lacking = ("layer", "text", "has tokens to score")
    if not explanation.n_layers:
        part, unit, lacking = ("column", "row", "has a value")
    said = counted(n_texts, unit)
    if not len(scored.values):
        return f"<p>Explanation of {said}, none of which {lacking}.</p>"
    with plain_style(), mpl.rc_context(_INKED):
        figure = _explanation_figure(scored)
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
    # A dot takes about 100 bytes; a notebook keeps them all.
    dots = known.rows(evenly(len(known.values), _MAX_DOTS))
    below = swarm_height(_swarms(dots, _N_FEATURES), _language_of(dots))
    n_bars = min(len(known.by_column()), _N_COLUMNS)
    heights = (_LAYERS_HEIGHT if known.n_layers else _bars_height(n_bars), 0.8 + below)
    figure = Figure(figsize=(9, sum(heights)), layout="constrained")
    top, bottom = figure.subplots(2, 1, height_ratios=heights)
    plot = plot_layers if known.n_layers else plot_columns
    plot(known, ax=top)
    plot_features(dots, ax=bottom)
    return figure


def _sizes(parts: Float64Array) -> tuple[Float64Array, Colours]:
    """Return parts of the score of one text, or their mean sizes over several, and colours."""
    if len(parts) == 1:
        return parts[0], colours_by_sign(parts[0])
    return mean_size(parts), KEEP


def _what_is_drawn(parts: Float64Array) -> str:
    return "part of the score" if len(parts) == 1 else "mean |part of the score|"


def _swarms(explanation: Explanation, n_features: int) -> tuple[Swarm, ...]:
    """Return the strongest features, with a dot for each text that has a score."""
    scored = explanation.scored
    return swarms_of(scored, np.arange(len(scored.values)), n_features)


def _language_of(explanation: Explanation) -> Language:
    are_rows = bool(explanation.by_column())
    return Language(are_rows=are_rows, is_screening=explanation.is_screening)


def _bars_height(n_bars: int) -> float:
    """Return how many inches a picture of bars below their names needs."""
    return 0.6 + 0.28 * n_bars


def _with_change_of_loss(axes: Axes, over: str) -> Axes:
    """Finish curves that show by how much the loss changes."""
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xlabel(over)
    axes.set_ylabel("change of the loss (nats per token)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, labelcolor=INK)
    return axes


def _axes(ax: Axes | None, *, height: float) -> Axes:
    if ax is None:
        from matplotlib import pyplot as plt  # chooses a backend, which only new figures need

        _, ax = plt.subplots(figsize=(8, height), layout="constrained")
    assert ax is not None
    return ax
