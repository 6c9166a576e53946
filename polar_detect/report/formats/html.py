"""Render a report as one HTML file that needs no network, and no script to read or print it.

Hides the page: what is drawn where, which template says it.
"""

import base64
import functools
import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from polar_detect import drift
from polar_detect.messages.formatting import (
    MINUS,
    NO_VALUE,
    Numbers,
    about,
    is_empty,
    moment,
    one_line,
    p_value,
    significant,
)
from polar_detect.messages.language import Language
from polar_detect.messages.tongues import Tongue
from polar_detect.report.charts import cards, histogram, layout, run, swarm
from polar_detect.report.content import cluster_phrases, group_phrases, phrases, row_phrases
from polar_detect.report.content.chance import chance
from polar_detect.report.content.data import ReportData
from polar_detect.report.content.phrases import score_numbers
from polar_detect.texts.visible import visible

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


def render_html(data: ReportData, tongue: Tongue = "en") -> str:
    """Return `data` as one self-contained HTML page of less than 5 MB.

    Parameters
    ----------
    data : ReportData
        Rows that would make the page too large are left out, the last ones first, and the
        page says so.
    tongue : {"en", "ja"}

    Returns
    -------
    str
        HTML with inline style sheet, script and SVG; every text of `data` is escaped, and no
        script but the page's own may run.
    """
    language = data.detector.language(tongue, isolates=True)
    numbers = score_numbers(data)
    environment = _environment(numbers, language)
    own = [
        cards.make_card(rank, row, data, numbers, language)
        for rank, row in enumerate(data.rows, start=1)
    ]
    drawn = list(_within_budget(environment, own, data))
    script = environment.get_template("report.js").render()
    listed = data.listed[:_N_LISTED]
    cluster_of = {} if data.clusters is None else data.clusters.places
    return environment.get_template("report.html.jinja").render(
        data=data,
        cards=own[: len(drawn)],
        drawn_cards=drawn,
        listed=listed,
        # Written by us and free of data; the hash in the policy keeps every other script out.
        script=Markup(script),
        script_hash=_hash(script),
        phrases=phrases,
        group_phrases=group_phrases,
        cluster_phrases=cluster_phrases,
        cluster_of=cluster_of,
        n_listed=Counter(cluster_of.get(row.row) for row in listed),
        n_unlisted=len(cluster_of) - sum(row.row in cluster_of for row in listed),
        row_title=lambda row: row_phrases.row_place(row, "", data.numbering, language),
        language=language,
        numbers=numbers,
        chance=None if data.is_screening else chance(data),
        n_scored=data.n_scored,
        has_labels=any(row.label is not None for row in data.listed),
        **_charts(data, language),
        **_layer_charts(data, numbers, language),
    )


def _charts(data: ReportData, language: Language) -> dict[str, Any]:
    return {
        "score_chart": histogram.score_chart(
            data.calibration_scores, data.batch_scores, data.threshold, _PANEL_HEIGHT, language
        ),
        "run_chart": run.run_chart(
            run.Rows.of(data), data.calibration_scores, data.threshold, language
        ),
        "global_steps": layout.size_steps(data.global_whole, language),
        "swarm_chart": swarm.swarm_chart(data.swarms, language),
        "shifts": () if data.drift is None else data.drift.features[:_N_SHIFTS],
        "false_discoveries": drift.FALSE_DISCOVERIES,
    }


def _layer_charts(data: ReportData, numbers: Numbers, language: Language) -> dict[str, Any]:
    """Return what is drawn of layers and programs, nothing where no model reads the rows."""
    if data.by_columns:
        return {}
    height = cards.BARS_HEIGHT
    drawn: dict[str, Any] = {
        "axis": layout.layer_axis(data.n_layers),
        "global_bars": layout.layer_bars(
            data.global_layers, height * 1.4, numbers, language, is_signed=False
        ),
    }
    if data.programs is not None:
        drawn["typical"] = layout.mean_calls(data.programs.typical_calls, language)
        drawn["batch"] = layout.mean_calls(data.programs.batch_calls, language)
    if data.drift is not None:
        shifts = data.drift.layers
        drawn["shift_bars"] = layout.shift_bars(shifts, data.n_layers, height, language)
        drawn["n_moved_layers"] = sum(shift.is_moved for shift in shifts)
    return drawn


# A fifth of a second goes into the templates, more than into the page of a small report. They are
# compiled for each environment, as filters of constants are computed when they are.
@functools.lru_cache(maxsize=8)
def _environment(numbers: Numbers, language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("polar_detect.report.formats"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "number": numbers.plain,
        "keyed": Numbers(numbers.decimals).plain,  # − is no minus to a spreadsheet
        "signed": numbers.signed,
        "calls": Numbers(1, MINUS).plain,
        "nats": Numbers(2, MINUS).plain,
        "shift": Numbers(2, MINUS).signed,
        "value": significant,
        "p_value": p_value,
        "moment": moment,
        "percent": language.percent,
        "visible": visible,
        "short": lambda text: one_line(text, _NEIGHBOUR_CHARACTERS),
        "listed": lambda text: one_line(text, _LISTED_CHARACTERS),
        "leading_reasons": lambda row: row_phrases.leading_reasons(row, language),
        "passage": lambda row: row_phrases.passage(row, language),
        "feature": language.feature,
        "cell": lambda text: one_line(text, _CELL_CHARACTERS) or NO_VALUE,
        "says": lambda cell: row_phrases.cell(cell, _CELL_CHARACTERS, language),
        # A share stays on its line; elsewhere people may search for it as it is written.
        "usual": lambda cell: row_phrases.usual(cell, language).replace(" %", "\u00a0%"),
        "expected": lambda cell: row_phrases.expected(cell, language),
        "exact": lambda x: f"{x:.9g}" if math.isfinite(x) else "",  # for sorting
        "count": lambda n: f"{n:,}",
        "row_name": row_phrases.row_name,
        "row_title": lambda row, numbering: row_phrases.row_title(row, numbering, language),
        "about": about,
        "pixels": lambda x: f"{x:.1f}".removesuffix(".0"),
        "place": lambda x: f"{x:.2f}%",
    }
    environment.filters |= filters
    environment.tests["empty_text"] = is_empty
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
    axis = () if data.by_columns else layout.layer_axis(data.n_layers)
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


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
