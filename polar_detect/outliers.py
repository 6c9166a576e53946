"""Pseudo-outliers: what normal texts teach about texts that do not belong.

Held-out clusters stand for other topics, corruptions for broken form, crossed rows for columns
that do not go together.
"""

import random
import string
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

if TYPE_CHECKING:
    from polar_detect.tables.rows import RowTemplate


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
    rows = [cells for cells in map(template.cells, texts) if cells is not None]
    return [_with_cells_of(rows, text, template, rng) for text in texts]


def _with_cells_of(
    rows: Sequence[list[str]], text: str, template: "RowTemplate", rng: random.Random
) -> str:
    cells = template.cells(text)
    if cells is None:
        return ""
    columns = rng.sample(range(len(cells)), len(cells))
    others = (
        (column, [r[column] for r in rows if r[column] != cells[column]]) for column in columns
    )
    n_crossed = rng.randint(1, max(1, len(cells) // 3))
    found = list(islice(((column, own) for column, own in others if own), n_crossed))
    for column, own in found:
        cells[column] = rng.choice(own)
    return template.row_of(cells) if found else ""


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
    if not units:
        return text
    start = rng.randrange(len(units))
    stop = min(len(units), start + rng.randint(1, 4))
    return blank.join(units[:stop] + units[start:stop] * rng.randint(1, 3) + units[stop:])


def _wrong_case(text: str, _: Sequence[str], rng: random.Random) -> str:
    return text.upper() if rng.random() < 0.5 else text.swapcase()


_CORRUPTIONS = (_shuffle_words, _misspell, _mix_in_other_texts, _repeat_words, _wrong_case)
