"""A random sample of the rows of an input that is too large to be held as a whole."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from polar_detect.tables.chunks import Chunk
from polar_detect.tables.columns import parse_labels
from polar_detect.tables.opening import RowSample, TableReader


def sampled_chunks(
    reader: TableReader, label_column: str | None, sample: RowSample
) -> tuple[list[Chunk], int]:
    """Return the chunks with the chosen rows alone, in order, and how many rows there are in all.

    Reads the input twice, and holds no more of it than is chosen.

    Raises
    ------
    InputError
        A label is none.
    """
    n_by_label = np.zeros(2, np.int64)
    for _, labels in _labelled(reader, label_column):
        n_by_label += np.bincount(labels, minlength=2)
    chance = np.random.default_rng(sample.seed)
    chosen = [
        np.sort(chance.choice(n, min(n, sample.max_rows), replace=False))
        for n in n_by_label.tolist()
    ]
    n_before = np.zeros(2, np.int64)
    kept = []
    for chunk, labels in _labelled(reader, label_column):
        is_chosen = np.zeros(len(labels), bool)
        for label in (0, 1):
            own = np.flatnonzero(labels == label)
            begin = n_before[label]
            first, last = np.searchsorted(chosen[label], [begin, begin + len(own)])
            is_chosen[own[chosen[label][first:last] - begin]] = True
            n_before[label] += len(own)
        kept.append(replace(chunk, frame=chunk.frame[is_chosen], lines=chunk.lines[is_chosen]))
    return kept, int(n_by_label.sum())


def _labelled(
    reader: TableReader, label_column: str | None
) -> Iterator[tuple[Chunk, NDArray[np.int64]]]:
    n_before = 0
    for chunk in reader.chunks():
        n_rows = len(chunk.frame)
        labels = np.zeros(n_rows, np.int64)
        if label_column is not None:
            cells = chunk.frame[label_column]
            labels += parse_labels(cells, label_column, n_before=n_before)
        n_before += n_rows
        yield chunk, labels
