"""The cells of a row, each beside what is usual in its column for rows of its kind."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from polar_detect.explain import Explanation
from polar_detect.features.of_columns import LIKENESS, column_of, kind_of
from polar_detect.report.content.data import CellReport
from polar_detect.report.content.reasons import OddCells
from polar_detect.signature.columns.categories import USUAL_SHARE, UsualLevels
from polar_detect.signature.columns.reference import HasColumns
from polar_detect.tables import RowTemplate
from polar_detect.tables.cells.numbers import MISSING
from polar_detect.tables.rows.row_text import SEPARATOR
from polar_detect.tables.rows.template_column import Category, TemplateColumn

_TOP_CELLS, _TOP_LEVELS = 8, 3


def cells_of(
    own: Explanation, text: str, reference: HasColumns, odd: OddCells
) -> tuple[CellReport, ...]:
    """Return the cells of a row that count by themselves, those that count most first.

    And behind them its conditions, of which none does.

    Parameters
    ----------
    own : Explanation
        Of this row alone.
    text : str
        The row, written out.
    reference : HasColumns
        What is known of normal rows; without a template the text is no row, and has no cells.
    odd : OddCells
        What is odd about its cells.
    """
    parts, template = own.by_column(), reference.rows
    if template is None:
        return ()
    likeness = {
        column_of(feature): float(part)
        for feature, part in zip(own.features, own.values[0], strict=True)
        if kind_of(feature) == LIKENESS
    }
    places = _places(text, template)
    said = dict(zip(template.names, template.cells(text) or (), strict=False))
    usual = _usual_numbers(text, reference) | _usual_levels(text, reference)
    usual_codes = _usual_codes(text, reference)
    cells, conditions = [], []
    for column in template.columns:
        name, normal = column.name, usual.get(column.name)
        place = places.get(column, slice(0, 0))
        if column.is_condition:
            conditions.append(_condition(column, text, place, reference))
        if normal is None:
            continue
        part = float(parts[name][0])
        cells.append(
            CellReport(
                column=name,
                start=place.start,
                stop=place.stop,
                says=text[place],
                is_empty=name in odd.empty,
                beside={factor: said[factor] for factor in normal.factors},
                part=part,
                is_as_labelled=likeness.get(name, 0.0) > part / 2 > 0,
                is_usual=normal.is_usual or name in usual_codes,
                low=normal.low,
                high=normal.high,
                expected_low=normal.expected_low,
                expected_high=normal.expected_high,
                is_expected=normal.is_expected,
                levels=normal.levels,
                expected=odd.misfiled.get(name),
            )
        )
    counted = sorted(cells, key=lambda cell: -abs(cell.part))[:_TOP_CELLS]
    return (*counted, *conditions)


def _condition(
    column: TemplateColumn, text: str, place: slice, reference: HasColumns
) -> CellReport:
    """Return a cell that others are judged by, beside what normal rows say there."""
    says, numbers = text[place], reference.numbers
    ranges = {} if numbers is None else numbers.conditions
    low, high = ranges.get(column.name, (math.nan, math.nan))
    return CellReport(
        column=column.name,
        start=place.start,
        stop=place.stop,
        says=says,
        is_empty=says == MISSING,
        part=0.0,
        is_usual=True,
        low=low,
        high=high,
        is_condition=True,
    )


class _Usual(NamedTuple):
    """What is usual in a column for rows that are like one; see `CellReport`."""

    is_usual: bool
    factors: tuple[str, ...]
    low: float = math.nan
    high: float = math.nan
    levels: tuple[tuple[str, float], ...] = ()
    expected_low: float = math.nan
    expected_high: float = math.nan
    is_expected: bool = True


def _usual_numbers(text: str, reference: HasColumns) -> dict[str, _Usual]:
    if reference.numbers is None:
        return {}
    template = reference.numbers.template
    values = template.read([text]).numbers.values[0].tolist()
    return {
        column.name: _Usual(
            is_usual=own.low <= value <= own.high,
            factors=column.factors[: len(own.levels)],
            low=own.low,
            high=own.high,
            expected_low=own.expected_low,
            expected_high=own.expected_high,
            is_expected=not (value < own.expected_low or value > own.expected_high),
        )
        for column, value, own in zip(
            template.numeric, values, reference.numbers.usual_for(text), strict=True
        )
    }


def _usual_levels(text: str, reference: HasColumns) -> dict[str, _Usual]:
    return {
        name: _Usual(
            own.share >= USUAL_SHARE,
            category.factors[: own.n_factors],
            levels=tuple([*own.shares.items()][:_TOP_LEVELS]),
        )
        for name, category, own in _beside_categories(text, reference)
        if category.of == "words"
    }


def _usual_codes(text: str, reference: HasColumns) -> set[str]:
    """Return the columns of numbers in which the row says a word that is usual there."""
    if reference.numbers is None:
        return set()
    numbers = reference.numbers.template.read([text]).numbers
    words = {name for name, own in zip(numbers.names, numbers.is_word[0], strict=True) if own}
    found = _beside_categories(text, reference)
    return {name for name, _, usual in found if name in words and usual.share >= USUAL_SHARE}


def _beside_categories(
    text: str, reference: HasColumns
) -> Iterator[tuple[str, Category, UsualLevels]]:
    """Yield each category with what is usual there for normal rows that are like a row."""
    if reference.categories is None:
        return
    categories = reference.categories.template.categories
    usual = reference.categories.usual_for(text)
    for (name, category), own in zip(categories.items(), usual, strict=True):
        yield name, category, own


def _places(text: str, template: RowTemplate) -> dict[TemplateColumn, slice]:
    """Return where in a row its cells stand; nothing where the text is no row."""
    places, stop = {}, -len(SEPARATOR)
    pieces = zip(template.columns, template.cells(text) or (), text.split(SEPARATOR), strict=False)
    for column, cell, piece in pieces:
        stop += len(SEPARATOR) + len(piece)
        places[column] = slice(stop - len(cell), stop)
    return places
