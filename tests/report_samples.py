"""A report with made-up values, and what a page holds: shared by the tests of reports."""

import re
from html.parser import HTMLParser

import numpy as np

from polar_detect.drift import Drift, Shift
from polar_detect.features.table import Feature
from polar_detect.messages.sources import Column, Group, Layer
from polar_detect.program import Program
from polar_detect.report.content.data import (
    CellReport,
    Contribution,
    DetectorFacts,
    FeaturePart,
    ListedRow,
    ModelFacts,
    ProgramReport,
    ProgramUse,
    ReportData,
    RowReport,
    Swarm,
)
from polar_detect.report.content.reasons import reasons_of_row

N_LAYERS = 30
BASE = 0.12
VOID = {"meta", "link", "br", "hr", "img", "input"}
JAPANESE = "ポンプ P-204 の軸受から異音。振動値 7.8 mm/s、次回停止時に交換を推奨。"
HOSTILE = "</div><script>alert(1)</script><img src='http://evil.example/x' onerror=alert(2)>"
LONG = "Replaced the hose & tested it to <250 bar>.\n" * 25_000  # more than a million characters


def row(number=1, text="Greased the bearing.", **changes):
    rng = np.random.default_rng(number)
    layers = tuple(Contribution(Layer(i), float(v)) for i, v in enumerate(rng.normal(0, 0.1, 30)))
    whole = (Contribution(Group("context"), 0.3), Contribution(Group("loss"), -0.07))
    score = BASE + sum(part.value for part in (*layers, *whole))
    values = {
        "row": number,
        "text": text,
        "label": None,
        "score": score,
        "p_value": 0.004,
        "is_anomaly": True,
        "minimal": ProgramReport(
            Program.full(N_LAYERS).repeat(4, 2).skip(20, 1 + number % 7), 3.2, 3.27
        ),
        "layers": layers,
        "whole": whole,
        "features": (
            FeaturePart(Feature("distance", "knn", 11), 2.5, 0.4),
            FeaturePart(Feature("skip", "", 4), -1.0, -0.2),
        ),
        "neighbours": ("Changed the oil.", "Checked the seal."),
    }
    return RowReport(**{**values, **changes})


def machine_row(number=3, name="Torque [Nm]"):
    """Return a row of a table, of which one cell is far out and another one only does not fit."""
    text = f"Type: M; Speed [rpm]: 1551; {name}: 68.2"

    def cell(column, says, low, high, *, part, is_usual=False):
        stop = text.index(f"{column}: {says}") + len(f"{column}: {says}")
        return CellReport(
            column=column,
            says=says,
            low=low,
            high=high,
            is_usual=is_usual,
            part=part,
            start=stop - len(says),
            stop=stop,
        )

    return row(
        number,
        text,
        whole=(Contribution(Column(name), 0.6), Contribution(Column("Speed [rpm]"), 0.25)),
        layers=tuple(Contribution(Layer(i), 0.0) for i in range(N_LAYERS)),
        features=(FeaturePart(Feature("column", f"{name}/residual"), 4.1, 0.5),),
        cells=(
            cell(name, "68.2", 21.4, 58.6, part=0.6),
            cell("Speed [rpm]", "1551", 1365.0, 1868.0, part=0.25, is_usual=True),
        ),
    )


def listed(own):
    """Return the line of the table for a row that is explained."""
    return ListedRow(
        row=own.row,
        text=own.text[:600],
        label=own.label,
        score=own.score,
        p_value=own.p_value,
        is_anomaly=own.is_anomaly,
        length=None if own.minimal is None else len(own.minimal.program),
        reasons=reasons_of_row(own),
        new_cells=own.new_cells,
    )


def report(rows=None, *, reads_rows=None, **changes):
    rng = np.random.default_rng(0)
    rows = (row(7), row(8, JAPANESE)) if rows is None else tuple(rows)
    values = {
        "source": "march.csv",
        "created": "2026-03-31 14:05",
        "detector": DetectorFacts(
            head="auto",
            reason="eight views",
            choices={
                "topic": "62%",
                "columns": "0%",
                "separation": "76%",
                "encoder": "85%",
                "far": "40%",
                "language": "12%",
            },
            models=ModelFacts(
                model="smollm2", n_layers=N_LAYERS, encoder="minilm", max_tokens=64, tolerance=0.1
            ),
            n_train=1_600,
            n_held_out=400,
            n_anomalous=0,
            created="2026-03-30T09:00:00+00:00",
            reads_rows=any(own.cells for own in rows) if reads_rows is None else reads_rows,
        ),
        "n_rows": 240,
        "n_empty": 0,
        "n_flagged": 31,
        "programs": ProgramUse(
            typical_calls=rng.uniform(0, 1.3, N_LAYERS),
            batch_calls=np.linspace(0.4, 1.2, N_LAYERS),
            typical_length=17.4,
            batch_length=19.9,
        ),
        "calibration_scores": rng.normal(-0.4, 0.3, 400),
        "batch_scores": rng.normal(0, 0.5, 240),
        "threshold": 0.2,
        "alpha": 0.05,
        "base_value": BASE,
        "rows": rows,
        "listed": tuple(listed(own) for own in rows),
        "drift": DRIFT,
        "swarms": (
            Swarm(Feature("context", "ratio"), rng.normal(0, 0.3, 50), np.linspace(0, 1, 50)),
            Swarm(Feature("distance", "knn", 11), rng.normal(0, 0.1, 50), np.linspace(1, 0, 50)),
        ),
        "global_layers": tuple(Contribution(Layer(i), 0.01 * i) for i in range(N_LAYERS)),
        "global_whole": (Contribution(Group("context"), 0.31), Contribution(Group("loss"), 0.1)),
    }
    values |= changes
    return ReportData(**{"batch_rows": tuple(range(2, len(values["batch_scores"]) + 2)), **values})


DRIFT = Drift(
    n_normal=400,
    n_batch=240,
    distance=0.31,
    p_value=2e-5,
    superiority=0.68,
    verdict="clear",
    layers=tuple(
        Shift(Feature("layer", "", i), 0.02 * i, 0.2 / (1 + i**3), is_moved=i > 20)
        for i in range(N_LAYERS)
    ),
    features=(
        Shift(Feature("context", "ratio"), 0.9, 1e-6, is_moved=True),
        Shift(Feature("distance", "knn", 29), -0.4, 0.01, is_moved=False),
    ),
)


class Page(HTMLParser):
    """What a page holds: tags in balance, attributes, the words outside the style sheet."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(html)
        self.close()

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.extend((tag, name, value) for name, value in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)


def outside_references(html):
    in_attributes = [
        value
        for _, name, value in Page(html).attributes
        if name in {"src", "href", "srcset", "data", "action", "poster"}
        and not value.startswith(("#", "data:,"))
    ]
    return in_attributes + re.findall(r"@import|url\([^)]*\)", html)
