"""Pseudo-outliers: what normal texts teach about texts that do not belong.

Held-out clusters stand for other topics, corruptions for broken form, crossed rows for columns
that do not go together.
"""

import random
import string
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.cluster import KMeans

from polar_detect.arrays import Float32Array, IntArray

if TYPE_CHECKING:
    from polar_detect.tables.rows.template import RowTemplate


def topic_clusters(embeddings: Float32Array, *, seed: int) -> IntArray:
    """Group texts by topic: (n_texts,) cluster labels, three to eight clusters.

    Parameters
    ----------
    embeddings : (n_texts, hidden) float32
        Unit-length sentence embeddings.
    """
    n_clusters = int(np.clip(len(embeddings) // 40, 3, 8))
    n_distinct = len(np.unique(embeddings, axis=0))
    means = KMeans(min(n_clusters, n_distinct), n_init=4, random_state=seed)
    return np.asarray(means.fit_predict(embeddings), np.int64)


def corrupted(texts: Sequence[str], *, seed: int) -> list[str]:
    """Return each text in a broken form: shuffled, misspelt, mixed, repeated or in wrong case.

    Where a text is a single word, as most are in languages without blanks, its signs take the
    place of words. A text without signs comes back empty.
    """
    rng = random.Random(seed)
    return [_broken(text, texts, rng) for text in texts]


def crossed(texts: Sequence[str], template: "RowTemplate", *, seed: int) -> list[str]:
    """Return each row with a cell or more, a third at most, as it stands in other rows.

    Each cell stays usual by itself; what breaks is how the columns go together. A row like all
    others, or a text that is no row, comes back empty. Source: Shi and Horvath, Unsupervised
    Learning with Random Forest Predictors, 2006, "Addcl1".
    """
    rng = random.Random(seed)
    rows = [*map(template.cells, texts)]
    columns = [*map(_Column.of, zip(*(cells for cells in rows if cells is not None), strict=True))]
    return ["" if cells is None else _crossed(cells, columns, template, rng) for cells in rows]


@dataclass(frozen=True)
class _Column:
    """What rows say in a column.

    Parameters
    ----------
    cells : tuple of str, n_rows long
    n_before : mapping of str to list of int
        By cell: for each row that says it, how many of the rows before that say something else.
    """

    cells: tuple[str, ...]
    n_before: Mapping[str, list[int]]

    @classmethod
    def of(cls, cells: tuple[str, ...]) -> Self:
        n_before: dict[str, list[int]] = {}
        for place, cell in enumerate(cells):
            own = n_before.setdefault(cell, [])
            own.append(place - len(own))
        return cls(cells, n_before)

    def n_others(self, cell: str) -> int:
        """Return how many rows say something else."""
        return len(self.cells) - len(self.n_before[cell])

    def other(self, cell: str, i: int) -> str:
        """Return what the `i`-th of these rows says, found without going through them."""
        return self.cells[i + bisect_right(self.n_before[cell], i)]


def _crossed(
    cells: Sequence[str], columns: Sequence[_Column], template: "RowTemplate", rng: random.Random
) -> str:
    order = rng.sample(range(len(cells)), len(cells))
    n_crossed = rng.randint(1, max(1, len(cells) // 3))
    varied = (place for place in order if columns[place].n_others(cells[place]))
    found = [*islice(varied, n_crossed)]
    crossed = [*cells]
    for place in found:
        column, own = columns[place], cells[place]
        crossed[place] = column.other(own, rng.choice(range(column.n_others(own))))
    return template.row_of(crossed) if found else ""


def _broken(text: str, texts: Sequence[str], rng: random.Random) -> str:
    if not text.strip():
        return ""
    for corruption in rng.sample(_CORRUPTIONS, len(_CORRUPTIONS)):
        broken = corruption(text, texts, rng)
        if broken.split() != text.split():
            return broken
    return ""


def _units(text: str) -> tuple[list[str], str]:
    """Return the words of a text, or the signs of its only one, and what joins them."""
    words = text.split()
    return (words, " ") if len(words) > 1 else ([*text.strip()], "")


def _shuffle_words(text: str, _: Sequence[str], rng: random.Random) -> str:
    units, blank = _units(text)
    rng.shuffle(units)
    return blank.join(units)


def _misspell(text: str, _: Sequence[str], rng: random.Random) -> str:
    rate = rng.choice((0.1, 0.2, 0.3))
    edits = (
        lambda _: rng.choice(string.ascii_lowercase),
        lambda _: "",
        lambda char: char * 2,
    )
    return "".join(rng.choice(edits)(char) if rng.random() < rate else char for char in text)


def _mix_in_other_texts(text: str, texts: Sequence[str], rng: random.Random) -> str:
    units, blank = _units(text)
    others = " ".join(rng.sample(texts, min(3, len(texts)))).split()
    foreign = others if blank else "".join(others)
    return blank.join(
        rng.choice(foreign) if foreign and rng.random() < 0.6 else unit for unit in units
    )


def _repeat_words(text: str, _: Sequence[str], rng: random.Random) -> str:
    units, blank = _units(text)
    start = rng.randrange(len(units))
    stop = min(len(units), start + rng.randint(1, 4))
    return blank.join(units[:stop] + units[start:stop] * rng.randint(1, 3) + units[stop:])


def _wrong_case(text: str, _: Sequence[str], rng: random.Random) -> str:
    return text.upper() if rng.random() < 0.5 else text.swapcase()


_CORRUPTIONS = (_shuffle_words, _misspell, _mix_in_other_texts, _repeat_words, _wrong_case)
