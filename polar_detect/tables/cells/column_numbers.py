"""What is a number in a column, and what is a word there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from polar_detect.arrays import Float64Array
from polar_detect.statistics.shares import exactly
from polar_detect.tables.cells.number_form import PLAIN, NumberForm
from polar_detect.tables.cells.numbers import MIN_NUMERIC, as_numbers, is_missing


@dataclass(frozen=True, eq=False)
class ColumnNumbers:
    """What is a number in a column.

    Parameters
    ----------
    values : (n_rows,) float64
        NaN where missing, and where a cell says something else.
    words : tuple of str
        What the cells say that are neither missing nor finite numbers.
    share : float
        How many of the cells that are neither missing nor codes of the form are numbers.
    """

    values: Float64Array
    words: tuple[str, ...]
    share: float

    @classmethod
    def of(cls, cells: pd.Series, form: NumberForm = PLAIN) -> "ColumnNumbers":
        """Return the numbers of a column, plain or in a form; truth values are none."""
        return cls.of_bare(form.bare(cells), form)

    @classmethod
    def of_bare(cls, bare: Sequence[str], form: NumberForm = PLAIN) -> "ColumnNumbers":
        """Return the numbers of a column whose cells its form has made bare."""
        texts = [text.strip() for text in bare]
        values = as_numbers(texts)
        values[~np.isfinite(values)] = np.nan
        is_number = ~np.isnan(values)
        words = tuple(
            text
            for text, known in zip(texts, is_number.tolist(), strict=True)
            if not known and not is_missing(text)
        )
        n_numbers, n_words = int(is_number.sum()), len(words)
        if form.codes:
            n_words -= sum(map(form.is_code, words))
        return cls(values, words, n_numbers / max(n_numbers + n_words, 1))

    @property
    def is_numeric(self) -> bool:
        """Whether this is a column of numbers."""
        return self.share >= MIN_NUMERIC

    @property
    def percent(self) -> int:
        """The share in whole per cent, rounded down."""
        return math.floor(100 * exactly(self.share))
