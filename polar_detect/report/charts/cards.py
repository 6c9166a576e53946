"""One of the worst rows, ready to be drawn: its text, reasons, program and way to the score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polar_detect.messages.formatting import Numbers
from polar_detect.messages.language import Language
from polar_detect.report.charts import layout
from polar_detect.report.content import marked, row_phrases
from polar_detect.report.content.data import Contribution, ReportData, RowReport, total

BARS_HEIGHT = 96.0
_N_LAYERS = 6
_N_WHOLE = 6


@dataclass(frozen=True)
class LayersOfRow:
    """What the page shows of the layers of a model that reads a row."""

    program_cells: tuple[layout.LayerCell, ...]  # none where no program was searched
    bars: layout.Bars
    total: float  # of their parts of the score


@dataclass(frozen=True)
class Card:
    """What the page shows of one row."""

    rank: int
    row: RowReport
    text: marked.ClippedText
    why: str  # in sentences
    layers: LayersOfRow | None  # None where no model reads the rows
    steps: tuple[layout.Step, ...]
    whole_total: float


def make_card(
    rank: int, row: RowReport, data: ReportData, numbers: Numbers, language: Language
) -> Card:
    """Return what the page shows of the row of that rank."""
    return Card(
        rank=rank,
        row=row,
        text=marked.clip(row.text, row.tokens, marked.cell_marks(row) if row.cells else None),
        why=row_phrases.why(row, numbers, data.numbering, language),
        layers=_layers_of(row, data, numbers, language) if row.layers else None,
        steps=layout.waterfall(data.base_value, score_parts(row, numbers, language), language),
        whole_total=total(row.whole),
    )


def _layers_of(
    row: RowReport, data: ReportData, numbers: Numbers, language: Language
) -> LayersOfRow:
    cells: tuple[layout.LayerCell, ...] = ()
    if row.minimal is not None:
        cells = layout.program_cells(row.minimal.program, data.n_layers, language)
    reach = least_reach(row)
    bars = layout.layer_bars(
        row.layers, BARS_HEIGHT, numbers, language, is_signed=True, reach=reach
    )
    return LayersOfRow(cells, bars, total(row.layers))


def least_reach(row: RowReport) -> float:
    """Return what layers have to reach for their bars to look large: a hundredth of all parts."""
    sizes = (abs(part.value) for part in (*row.layers, *row.whole))
    return sum(size for size in sizes if math.isfinite(size)) / 100


def score_parts(row: RowReport, numbers: Numbers, language: Language) -> list[layout.NamedPart]:
    """Return the steps from base value to score: strongest layers, other layers, whole text.

    Layers that would be written as 0.00 are among the others.
    """
    ordered = sorted(row.layers, key=lambda part: -abs(part.value))
    strongest = [part for part in ordered[:_N_LAYERS] if numbers.shows(part.value)]
    others = [part for part in ordered[len(strongest) :] if part.value]
    parts = _named([part for part in row.layers if part in strongest], language)
    if others:
        label = language.count("step.other_layers" if parts else "step.layers", len(others))
        parts.append(layout.NamedPart(label, total(others)))
    return [*parts, *_largest(row.whole, language)]


def _largest(parts: Sequence[Contribution], language: Language) -> list[layout.NamedPart]:
    """Return the first few, and the sum of the others as one more."""
    others = parts[_N_WHOLE:]
    if len(others) < 2:
        return _named(parts, language)
    label = language.say("step.others", n=len(others))
    rest = layout.NamedPart(label, total(others))
    return [*_named(parts[:_N_WHOLE], language), rest]


def _named(parts: Sequence[Contribution], language: Language) -> list[layout.NamedPart]:
    return [layout.NamedPart(language.part(part.source), part.value) for part in parts]
