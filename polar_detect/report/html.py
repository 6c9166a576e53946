"""Render a report as one HTML file that needs no network, and no script to read or print it.

Hides the page: what is drawn where, which template says it.
"""

import base64
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from polar_detect import drift
from polar_detect.report import cards, charts, histogram, phrases, swarm, words
from polar_detect.report.chance import chance
from polar_detect.report.data import ReportData
from polar_detect.report.language import Language
from polar_detect.visible import visible

# Mail servers and browsers cope with 5 MB; the cards may use what the rest leaves: 500 listed
# rows take 0.5 MB at most, the style sheet and the global charts 0.3 MB.
_CARDS_BYTES = 3_950_000
_NEIGHBOUR_CHARACTERS = 240
_LISTED_CHARACTERS = 140
_CELL_CHARACTERS = 48
_N_LISTED = 500
_N_FEATURES = 6
_N_NEIGHBOURS = 4
_N_SHIFTS = 8
_PANEL_HEIGHT = 92.0


def render_html(data: ReportData, language: Language | None = None) -> str:
    """Return `data` as one self-contained HTML page of less than 5 MB.

    Parameters
    ----------
    data : ReportData
        Rows that would make the page too large are left out, the last ones first, and the
        page says so.
    language : Language, optional
        Default: English.

    Returns
    -------
    str
        HTML with inline style sheet, script and SVG; every text of `data` is escaped, and no
        script but the page's own may run.
    """
    language = replace(language or Language(), are_rows=data.are_rows)
    numbers = score_numbers(data)
    environment = _environment(numbers, language)
    own = [
        cards.make_card(rank, row, data, numbers, language)
        for rank, row in enumerate(data.rows, start=1)
    ]
    drawn = list(_within_budget(environment, own, data))
    script = environment.get_template("report.js").render()
    return environment.get_template("report.html.jinja").render(
        data=data,
        cards=own[: len(drawn)],
        drawn_cards=drawn,
        listed=data.listed[:_N_LISTED],
        # Written by us and free of data; the hash in the policy keeps every other script out.
        script=Markup(script),
        script_hash=_hash(script),
        phrases=phrases,
        language=language,
        numbers=numbers,
        chance=chance(data),
        n_scored=data.n_rows - data.n_empty,
        has_labels=any(row.label is not None for row in data.listed),
        **_charts(data, numbers, language),
    )


def score_numbers(data: ReportData) -> words.Numbers:
    """Return how scores of this batch are written."""
    scores = data.batch_scores[np.isfinite(data.batch_scores)]
    spread = float(np.std(scores)) if len(scores) > 1 else abs(data.base_value)
    return words.Numbers(words.decimals_for(spread), words.MINUS)


def _charts(data: ReportData, numbers: words.Numbers, language: Language) -> dict[str, Any]:
    height = cards.COLUMNS_HEIGHT
    return {
        "score_chart": histogram.score_chart(
            data.calibration_scores, data.batch_scores, data.threshold, _PANEL_HEIGHT, language
        ),
        "axis": charts.layer_axis(data.n_layers),
        "global_columns": charts.layer_columns(
            data.global_layers, height * 1.4, numbers, language, is_signed=False
        ),
        "global_steps": charts.size_steps(data.global_whole, language),
        "swarm_chart": swarm.swarm_chart(data.swarms, numbers, language),
        "typical": charts.mean_calls(data.typical_calls, language),
        "batch": None
        if data.batch_calls is None
        else charts.mean_calls(data.batch_calls, language),
        "shift_columns": charts.shift_columns(
            data.drift.layers, data.n_layers, height, words.Numbers(2, words.MINUS), language
        ),
        "shifts": data.drift.features[:_N_SHIFTS],
        "n_moved_layers": sum(shift.is_moved for shift in data.drift.layers),
        "false_discoveries": drift.FALSE_DISCOVERIES,
    }


def _environment(numbers: words.Numbers, language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("polar_detect.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "number": numbers.plain,
        "keyed": words.Numbers(numbers.decimals).plain,  # − is no minus to a spreadsheet
        "signed": numbers.signed,
        "calls": words.Numbers(1, words.MINUS).plain,
        "nats": words.Numbers(2, words.MINUS).plain,
        "shift": words.Numbers(2, words.MINUS).signed,
        "value": significant,
        "p_value": words.p_value,
        "moment": words.moment,
        "percent": language.percent,
        "visible": visible,
        "short": lambda text: words.one_line(text, _NEIGHBOUR_CHARACTERS),
        "listed": lambda text: words.one_line(text, _LISTED_CHARACTERS),
        "leading_reasons": lambda row: phrases.leading_reasons(row, language),
        "feature": language.feature,
        "cell": lambda text: words.one_line(text, _CELL_CHARACTERS) or words.NO_VALUE,
        "says": lambda cell: phrases.cell(cell, _CELL_CHARACTERS, language),
        "usual": lambda cell: phrases.usual(cell, language),
        "exact": lambda x: f"{x:.9g}" if math.isfinite(x) else "",  # for sorting
        "count": lambda n: f"{n:,}",
        "about": words.about,
        "pixels": lambda x: f"{x:.1f}".removesuffix(".0"),
        "place": lambda x: f"{x:.2f}%",
    }
    environment.filters |= filters
    environment.tests["empty_text"] = words.is_empty
    environment.globals |= {
        "t": language.say,
        "n": language.count,
        "joined": language.joined,
        "tongue": language.tongue,
    }
    return environment


def _within_budget(
    environment: Environment, own: Sequence[cards.Card], data: ReportData
) -> Iterator[Markup]:
    template = environment.get_template("card.html.jinja")
    axis = charts.layer_axis(data.n_layers)
    n_bytes = 0
    for card in own:
        drawn = template.render(
            card=card, data=data, axis=axis, n_features=_N_FEATURES, n_neighbours=_N_NEIGHBOURS
        )
        n_bytes += len(drawn.encode())
        if n_bytes > _CARDS_BYTES:
            return
        # The template has escaped every value in it.
        yield Markup(drawn)


def significant(value: float) -> str:
    """Return a value of a feature with three significant digits."""
    if not math.isfinite(value):
        return words.NO_VALUE
    return f"{value:.3g}".replace("-", words.MINUS)


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
