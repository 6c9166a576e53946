"""How texts that are alike are worded: by which words, whatever their numbers."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from polar_detect.arrays import Float32Array, IndexArray
from polar_detect.statistics.clusters import clusters
from polar_detect.texts.words import plain_word, words_of

_LEAST = 2 / 3  # of the words of two texts are in both, on average, or they are worded otherwise
_MOST = 0.5  # of the texts are worded as others, or they are no lines that programs write


def wordings(texts: Sequence[str]) -> list[IndexArray]:
    """Return which texts are worded alike, where two wordings or more make most of them.

    So lines of a log fall into what the program's templates say, and texts that people write stay
    together. Words with digits do not count, nor do those that all texts have.

    >>> failed = [f"mount failed: node{i}, retrying" for i in range(3)]
    >>> closed = [f"mount of node{i} closed, link severed" for i in range(3)]
    >>> [own.tolist() for own in wordings(failed + closed)]
    [[0, 1, 2], [3, 4, 5]]
    >>> [own.tolist() for own in wordings(["pump leaks", "leaky pump", "oil below the pump"])]
    [[0, 1, 2]]
    """
    whole = np.arange(len(texts))
    found = clusters((1 - _in_common(texts)) / np.float32(1 - _LEAST))
    n_inside = sum(map(len, found))
    return found if len(found) > 1 and n_inside >= _MOST * len(texts) else [whole]


def _in_common(texts: Sequence[str]) -> Float32Array:
    """Return which share of the words of each two texts is in both."""
    own = [
        frozenset(plain_word(word) for word in words_of(text) if not any(map(str.isdigit, word)))
        for text in texts
    ]
    distinct = {words: i for i, words in enumerate(dict.fromkeys(own))}  # few, of a log's lines
    common = frozenset.intersection(*distinct)
    names = {name: i for i, name in enumerate(sorted(frozenset.union(*distinct) - common))}
    told = [[names[word] for word in words - common] for words in distinct]
    columns = np.asarray([place for row in told for place in row], np.intp)
    sizes = np.asarray([*map(len, told)], np.float32)
    starts = np.append(0, sizes.cumsum()).astype(np.intp)
    has = csr_array((np.ones(len(columns), np.float32), columns, starts), (len(told), len(names)))
    both: Float32Array = (has @ has.T).toarray()
    either = sizes[:, None] + sizes - both
    shares: Float32Array = np.where(either > 0, both / np.maximum(either, 1), np.float32(1))
    places = [distinct[words] for words in own]
    return shares[np.ix_(places, places)]
