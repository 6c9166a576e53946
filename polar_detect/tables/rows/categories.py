"""Categories: columns that say the same few things again and again."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polar_detect.arrays import Float64Array
from polar_detect.tables.cells.names import folded
from polar_detect.tables.cells.numbers import NOTATION, Notation, as_numbers, is_missing
from polar_detect.tables.cells.text import cells_as_seen

NUMBER = "number"  # what a column of numbers with codes says where it has one
_MIN_ROWS = 10  # with an empty cell, and without, or nothing is told of where they are
_LEAST_ARTICLE, _ROUND = 1e7, 1000
_REPEATS = 3  # rows of each thing that a column says, on average, or it is no category


def categories_of(
    frame: pd.DataFrame, names: Collection[str], notation: Notation = NOTATION
) -> dict[str, list[str]]:
    """Return what each row says in the categories among columns.

    In any case, width, spacing and kind of dash; "" where a cell is missing. Of dates and lots,
    which may repeat too, but are new in new rows, `new_later` tells.

    >>> frame = pd.DataFrame({"Machine": ["M1", "m1", "M2", ""] * 5, "Note": [*"abcdefghij" * 2]})
    >>> {name: said[:4] for name, said in categories_of(frame, ["Machine", "Note"]).items()}
    {'Machine': ['m1', 'm1', 'm2', '']}
    """
    found = {}
    for name in names:
        cells = cells_as_seen(frame[name])
        if len({*cells}) > len(cells) / 2:  # as measured numbers are: soon said of many columns
            continue
        said = [level_of(cell, notation) for cell in cells]
        n_filled, n_different = len(said) - said.count(""), len({*said} - {""})
        if 0 < _REPEATS * n_different <= n_filled:
            found[name] = said
    return found


def are_article_numbers(numbers: Float64Array) -> bool:
    """Return whether numbers that repeat are such as 4901234567894: whole, long, of one length.

    Prices and counts of so many digits mostly end on zeros, or are of several lengths.

    >>> are_article_numbers(np.array([4901234567894.0, 4901234567900.0, np.nan]))
    True
    >>> are_article_numbers(np.array([12_500_000.0, 10_000_000.0, 99_000_000.0]))
    False
    """
    different = np.unique(numbers[np.isfinite(numbers)])
    if not len(different) or (different < _LEAST_ARTICLE).any() or (different % 1 != 0).any():
        return False
    is_round = different % _ROUND == 0
    has_one_length = len({len(f"{own:.0f}") for own in different.tolist()}) == 1
    return has_one_length and bool(is_round.mean() < 0.5)


def gaps_of(frame: pd.DataFrame, names: Collection[str]) -> dict[str, NDArray[np.intp]]:
    """Return which cells are empty, 0, and which filled, 1, in columns with enough of both.

    >>> frame = pd.DataFrame({"Rework [min]": ["", "12"] * 10, "Weight [g]": ["1"] * 20})
    >>> {name: own[:4].tolist() for name, own in gaps_of(frame, [*frame]).items()}
    {'Rework [min]': [0, 1, 0, 1]}
    """
    found = {}
    for name in names:
        cells = cells_as_seen(frame[name])
        filled = np.asarray([not is_missing(cell.strip()) for cell in cells], np.intp)
        if min(filled.sum(), len(filled) - filled.sum()) >= _MIN_ROWS:
            found[name] = filled
    return found


def levels_beside_numbers(cells: Sequence[str], notation: Notation = NOTATION) -> list[str]:
    """Return what each cell of a column of numbers says; "number" of a number, "" of none.

    >>> levels_beside_numbers(["10.2", "OL", "", "9"])
    ['number', 'ol', '', 'number']
    """
    is_number = ~np.isnan(as_numbers(cells, notation))
    return [
        NUMBER if known else level_of(cell, notation)
        for cell, known in zip(cells, is_number.tolist(), strict=True)
    ]


def level_of(cell: str, notation: Notation) -> str:
    """Return what a cell of a category says: the same however it is spelt, "" where it is missing.

    >>> level_of("\uff30A-200 ", 2), level_of("pa\u2010200", 2), level_of("N/A", 2)
    ('pa-200', 'pa-200', '')
    """
    return "" if is_missing(cell, notation) else folded(cell)
