"""Which of some texts read the same, each once, and some at random."""

from collections.abc import Sequence

import numpy as np

from polar_detect.arrays import IndexArray


def distinct_texts(texts: Sequence[str]) -> tuple[list[str], IndexArray]:
    """Return distinct texts in the order of their first occurrence, and each text's place there.

    >>> distinct_texts(["oil", "fuse", "oil"])
    (['oil', 'fuse'], array([0, 1, 0]))
    """
    place: dict[str, int] = {}
    places = [place.setdefault(text, len(place)) for text in texts]
    return list(place), np.asarray(places, np.intp)


def first_places(texts: Sequence[str]) -> tuple[list[str], IndexArray]:
    """Return distinct texts as `distinct_texts` does, and where each stands first.

    >>> first_places(["oil", "fuse", "oil"])
    (['oil', 'fuse'], array([0, 1]))
    """
    first: dict[str, int] = {}
    for i, text in enumerate(texts):
        first.setdefault(text, i)
    return list(first), np.asarray([*first.values()], np.intp)


def sample(texts: Sequence[str], n: int, *, seed: int) -> list[str]:
    """Return `n` of the texts at random, all where there are fewer, in random order."""
    order = np.random.default_rng(seed).permutation(len(texts))
    return [texts[i] for i in order[:n]]
