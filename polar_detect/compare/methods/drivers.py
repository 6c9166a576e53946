"""Which columns, or words, set anomalous rows apart from normal ones, to one method (SHAP values).

Tells a person who compares methods whether they go by what makes sense, and by the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from polar_detect.arrays import BoolArray, Float64Array, IndexArray
from polar_detect.compare.reading.rows import Rows

_PIECES = (3, 4, 5)  # characters
MAX_ROWS = 200  # of either class: what trees tell of more takes longer than all the rest

Parts = Mapping[str, Float64Array]
"""By column, or word, the parts of some rows' scores, (n_rows,)."""

PartsOf = Callable[[IndexArray], Parts]
"""The parts of the scores of the given test rows."""


PartsBy = Callable[[Float64Array, Rows], Parts]
"""Parts by feature of some rows, (n_rows, n_features), and these rows → by column, or by word."""


@dataclass(frozen=True)
class Driver:
    """A column, or a word of a text, and its share in what sets rows apart, or moves a prediction.

    Parameters
    ----------
    name : str
    share : float
        Of all that raise the mean score of anomalous rows above that of normal ones, or of all
        parts of predictions, by their mean size; 0 … 1, and they add up to 1.
    """

    name: str
    share: float


def sum_by_column(values: Float64Array, sources: Sequence[str]) -> Parts:
    """Return parts of scores summed by the column that each feature comes from.

    >>> sum_by_column(np.array([[1.0, 2.0, 4.0]]), ["size", "colour", "colour"])
    {'size': array([1.]), 'colour': array([6.])}
    """
    own = np.asarray(sources, dtype=object)
    return {name: values[:, own == name].sum(1) for name in dict.fromkeys(sources)}


def sum_by_word(values: Float64Array, names: Sequence[str], texts: Sequence[str]) -> Parts:
    """Return parts of scores by the words of texts; what words that a text lacks add is of none.

    Parameters
    ----------
    values : (n_texts, n_features) float64
    names : sequence of str
        Of the features: words, pairs of words, and pieces of words with a blank at either end, in
        small letters. What one of these adds goes in equal parts to the words in which it is.
    texts : sequence of str

    >>> parts = sum_by_word(np.array([[3.0, 1.0, 5.0]]), ["oil", " oi", "pump"], ["Oil foils"])
    >>> {name: own.tolist() for name, own in parts.items()}
    {'oil': [2.5], 'foils': [1.5]}
    """
    columns: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        columns.setdefault(name, []).append(column)
    parts: dict[str, Float64Array] = {}
    for row, text in enumerate(texts):
        words = text.lower().split()
        holders: dict[str, dict[str, None]] = {}  # no sets, whose order differs from run to run
        for word, following in zip_longest(words, words[1:], fillvalue=""):
            own = [piece for piece in (word, *_pieces(f" {word} ")) if piece in columns]
            for piece in own:
                holders.setdefault(piece, {})[word] = None
            if f"{word} {following}" in columns:
                holders.setdefault(f"{word} {following}", {}).update({word: None, following: None})
        for piece, holding in holders.items():
            part = values[row, columns[piece]].sum() / len(holding)
            for word in holding:
                parts.setdefault(word, np.zeros(len(texts)))[row] += part
    return parts


def _pieces(word: str) -> Iterator[str]:
    for n in _PIECES:
        yield from (word[start : start + n] for start in range(max(1, len(word) - n + 1)))


def find_drivers(parts_of: PartsOf, labels: BoolArray, seed: int) -> tuple[Driver, ...]:
    """Return what raises the scores of anomalous rows above those of normal ones.

    Parameters
    ----------
    parts_of : callable
    labels : (n_test,) bool
        True where a test row is labelled anomalous; of more than `MAX_ROWS` of either class as
        many are drawn.
    seed : int

    Returns
    -------
    tuple of Driver
        Largest first, those alone that raise them. SHAP values add up to the score, so the
        differences between the classes' mean parts add up to that between their mean scores.
    """
    random = np.random.default_rng(seed)
    anomalous, normal = (
        random.permutation(np.flatnonzero(labels == one))[:MAX_ROWS] for one in (True, False)
    )
    parts = parts_of(np.concatenate([anomalous, normal]))
    n = len(anomalous)
    gaps = {name: float(own[:n].mean() - own[n:].mean()) for name, own in parts.items()}
    return _shares({name: gap for name, gap in gaps.items() if gap > 0})


def find_moving(parts: Parts) -> tuple[Driver, ...]:
    """Return what moves predictions most, by the mean size of its parts, largest first.

    >>> find_moving({"age": np.array([-3.0, 3.0]), "water": np.array([1.0, 1.0])})
    (Driver(name='age', share=0.75), Driver(name='water', share=0.25))
    """
    sizes = {name: float(np.abs(own).mean()) for name, own in parts.items()}
    return _shares({name: size for name, size in sizes.items() if size > 0})


def _shares(sizes: Mapping[str, float]) -> tuple[Driver, ...]:
    total = sum(sizes.values())
    found = [Driver(name, size / total) for name, size in sizes.items()]
    return tuple(sorted(found, key=lambda driver: -driver.share))
