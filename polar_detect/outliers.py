"""Pseudo-outliers: what normal texts teach about texts that do not belong.

Held-out clusters stand for other topics, corruptions for broken form, crossed rows for columns
that do not go together.
"""

import random
import string
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

if TYPE_CHECKING:
    from polar_detect.tables.rows import RowTemplate

_CORRUPTIONS: list[Callable[[str, Sequence[str], random.Random], str]] = []


def topic_clusters(embeddings: NDArray[np.float32], *, seed: int) -> NDArray[np.int64]:
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
    """Return each text in a broken form: shuffled, misspelt, mixed, repeated or in wrong case."""
    rng = random.Random(seed)
    return [rng.choice(_CORRUPTIONS)(text, texts, rng) for text in texts]


def crossed(texts: Sequence[str], template: "RowTemplate", *, seed: int) -> list[str]:
    """Return each row with a cell or more, a third at most, as it stands in other rows.

    Each cell stays usual by itself; what breaks is how the columns go together. Source: Shi and
    Horvath, Unsupervised Learning with Random Forest Predictors, 2006, "Addcl1".
    """
    rng = random.Random(seed)
    rows = [cells for cells in map(template.cells, texts) if cells is not None]
    return [_with_cells_of(rows, text, template, rng) for text in texts]


def _with_cells_of(
    rows: Sequence[list[str]], text: str, template: "RowTemplate", rng: random.Random
) -> str:
    cells = template.cells(text)
    if cells is None:
        return text
    for column in rng.sample(range(len(cells)), rng.randint(1, max(1, len(cells) // 3))):
        cells[column] = rng.choice(rows)[column]
    return template.row_of(cells)


def _corruption(
    function: Callable[[str, Sequence[str], random.Random], str],
) -> Callable[[str, Sequence[str], random.Random], str]:
    _CORRUPTIONS.append(function)
    return function


@_corruption
def _shuffle_words(text: str, _: Sequence[str], rng: random.Random) -> str:
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


@_corruption
def _misspell(text: str, _: Sequence[str], rng: random.Random) -> str:
    rate = rng.choice((0.1, 0.2, 0.3))
    edits = (
        lambda _: rng.choice(string.ascii_lowercase),
        lambda _: "",
        lambda char: char * 2,
    )
    return "".join(rng.choice(edits)(char) if rng.random() < rate else char for char in text)


@_corruption
def _mix_in_other_texts(text: str, texts: Sequence[str], rng: random.Random) -> str:
    foreign = [word for other in rng.sample(texts, min(3, len(texts))) for word in other.split()]
    return " ".join(
        rng.choice(foreign) if foreign and rng.random() < 0.6 else word for word in text.split()
    )


@_corruption
def _repeat_words(text: str, _: Sequence[str], rng: random.Random) -> str:
    words = text.split()
    if not words:
        return text
    start = rng.randrange(len(words))
    stop = min(len(words), start + rng.randint(1, 4))
    return " ".join(words[:stop] + words[start:stop] * rng.randint(1, 3) + words[stop:])


@_corruption
def _wrong_case(text: str, _: Sequence[str], rng: random.Random) -> str:
    return text.upper() if rng.random() < 0.5 else text.swapcase()
