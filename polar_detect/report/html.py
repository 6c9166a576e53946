"""Render a report as one HTML file that needs no network and no script.

Hides the page: what is clipped, what is drawn where, which template says it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from polar_detect.report import charts, histogram, words
from polar_detect.report.data import Contribution, ReportData, RowReport

# Mail servers and browsers cope with 5 MB; the cards may use what the rest leaves.
_CARDS_BYTES = 4_500_000
_HEAD_CHARACTERS = 600  # of a text, shown at once
_HEAD_LINES = 10
_REST_CHARACTERS = 3_000  # of a text, shown on demand
_NEIGHBOUR_CHARACTERS = 240
_N_FEATURES = 6
_N_NEIGHBOURS = 4
_N_WHOLE = 6
_COLUMNS_HEIGHT = 96.0
_PANEL_HEIGHT = 92.0


@dataclass(frozen=True, slots=True)
class ClippedText:
    """A text in three parts: shown at once, shown on demand, left out (counted)."""

    head: str
    rest: str
    n_left_out: int


@dataclass(frozen=True)
class _Card:
    """One of the worst rows, ready to be drawn."""

    rank: int
    row: RowReport
    text: ClippedText
    reasons: tuple[Contribution, ...]
    cells: tuple[charts.Cell, ...]
    columns: charts.Columns
    steps: tuple[charts.Step, ...]
    layers_total: float
    whole_total: float


def render_html(data: ReportData) -> str:
    """Return `data` as one self-contained HTML page of less than 5 MB.

    Parameters
    ----------
    data : ReportData
        Rows that would make the page too large are left out, the last ones first, and the
        page says so.

    Returns
    -------
    str
        HTML with inline style sheet and SVG; every text of `data` is escaped.
    """
    scores = data.batch_scores[np.isfinite(data.batch_scores)]
    spread = float(np.std(scores)) if len(scores) > 1 else abs(data.base_value)
    numbers = words.Numbers(words.decimals_for(spread), words.MINUS)
    environment = _environment(numbers)
    cards = [_card(rank, row, data, numbers) for rank, row in enumerate(data.rows, start=1)]
    drawn = list(_within_budget(environment, cards, data))
    return environment.get_template("report.html.jinja").render(
        data=data,
        cards=cards[: len(drawn)],
        drawn_cards=drawn,
        chance=words.chance(data),
        n_scored=data.n_rows - data.n_empty,
        has_labels=any(row.label is not None for row in data.rows),
        score_chart=histogram.score_chart(
            data.calibration_scores, data.batch_scores, data.threshold, _PANEL_HEIGHT
        ),
        axis=charts.layer_axis(data.n_layers),
        global_columns=charts.layer_columns(
            data.global_layers, _COLUMNS_HEIGHT * 1.4, numbers, is_signed=False
        ),
        global_steps=charts.size_steps(data.global_whole),
        leading=sorted(data.global_layers, key=lambda part: -part.value)[:3],
        whole_share=_whole_share(data),
        typical=charts.mean_calls(data.typical_calls),
        batch=None if data.batch_calls is None else charts.mean_calls(data.batch_calls),
        moved=_moved_layers(data),
    )


def clip(text: str) -> ClippedText:
    """Return `text` cut for reading: a head of a few lines, the rest, and what is left out.

    >>> clip("short")
    ClippedText(head='short', rest='', n_left_out=0)
    """
    shown = words.visible(text[: _HEAD_CHARACTERS + _REST_CHARACTERS])
    lines = shown.split("\n", _HEAD_LINES)
    n_head = min(_HEAD_CHARACTERS, len("\n".join(lines[:_HEAD_LINES])))
    return ClippedText(
        head=shown[:n_head],
        rest=shown[n_head:],
        n_left_out=max(0, len(text) - _HEAD_CHARACTERS - _REST_CHARACTERS),
    )


def _environment(numbers: words.Numbers) -> Environment:
    environment = Environment(
        loader=PackageLoader("polar_detect.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": numbers.plain,
        "signed": numbers.signed,
        "calls": words.Numbers(1, words.MINUS).plain,
        "nats": words.Numbers(2, words.MINUS).plain,
        "value": _significant,
        "p_value": words.p_value,
        "percent": words.percent,
        "visible": words.visible,
        "one_line": words.one_line,
        "short": lambda text: words.one_line(text, _NEIGHBOUR_CHARACTERS),
        "names": lambda parts: words.joined(_spoken(part.label) for part in parts),
        "count": lambda n: f"{n:,}",
        "about": lambda x: f"{x:.1f}" if 0 < x < 3 else f"{x:,.0f}",
        "pixels": lambda x: f"{x:.1f}".removesuffix(".0"),
        "place": lambda x: f"{x:.2f}%",
    }
    environment.tests["empty_text"] = words.is_empty
    return environment


def _card(rank: int, row: RowReport, data: ReportData, numbers: words.Numbers) -> _Card:
    layers_total, whole_total = words.total(row.layers), words.total(row.whole)
    layers = Contribution(f"all {data.n_layers} layers", layers_total)
    return _Card(
        rank=rank,
        row=row,
        text=clip(row.text),
        reasons=words.reasons(row),
        cells=charts.program_cells(row.program, data.n_layers),
        columns=charts.layer_columns(row.layers, _COLUMNS_HEIGHT, numbers, is_signed=True),
        steps=charts.waterfall(data.base_value, [layers, *_largest(row.whole, _N_WHOLE)]),
        layers_total=layers_total,
        whole_total=whole_total,
    )


def _largest(parts: Sequence[Contribution], n_parts: int) -> list[Contribution]:
    """Return the first `n_parts`, and the sum of the others as one more."""
    others = parts[n_parts:]
    if len(others) < 2:
        return list(parts)
    return [*parts[:n_parts], Contribution(f"{len(others)} others", words.total(others))]


def _within_budget(
    environment: Environment, cards: Sequence[_Card], data: ReportData
) -> Iterator[Markup]:
    template = environment.get_template("card.html.jinja")
    axis = charts.layer_axis(data.n_layers)
    n_bytes = 0
    for card in cards:
        drawn = template.render(
            card=card, data=data, axis=axis, n_features=_N_FEATURES, n_neighbours=_N_NEIGHBOURS
        )
        n_bytes += len(drawn.encode())
        if n_bytes > _CARDS_BYTES:
            return
        # The template has escaped every value in it.
        yield Markup(drawn)


def _whole_share(data: ReportData) -> float:
    layers, whole = words.total(data.global_layers), words.total(data.global_whole)
    return whole / (layers + whole) if layers + whole > 0 else 0.0


def _moved_layers(data: ReportData) -> list[tuple[int, float, float]]:
    """Return (layer, typical calls, batch calls) where they differ most, largest first."""
    if data.batch_calls is None:
        return []
    change = np.nan_to_num(np.abs(data.batch_calls - data.typical_calls))
    order = [int(layer) for layer in np.argsort(-change, kind="stable")[:3]]
    return [
        (layer, float(data.typical_calls[layer]), float(data.batch_calls[layer]))
        for layer in order
        if change[layer] >= 0.1
    ]


def _spoken(label: str) -> str:
    """Return ``layer 11`` for ``L11``, and other labels as they are."""
    return f"layer {label[1:]}" if label[:1] == "L" and label[1:].isdigit() else label


def _significant(value: float) -> str:
    if not math.isfinite(value):
        return words.NO_VALUE
    return f"{value:.3g}".replace("-", words.MINUS)
