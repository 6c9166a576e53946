"""Rows of an input with their labels: all, or of one too large to be held a random sample."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from polar_detect.arrays import BoolArray
from polar_detect.tables.columns.kinds import said_kinds
from polar_detect.tables.columns.labels import parse_labels
from polar_detect.tables.input.chunks import Chunk
from polar_detect.tables.input.opening import RowSample, TableReader


@dataclass(frozen=True, eq=False)
class LabelledChunk:
    """Rows with their labels.

    Parameters
    ----------
    chunk : Chunk
        n_rows rows.
    labels : (n_rows,) bool
        True where a row is labelled anomalous; false throughout without a label column.
    is_labelled : (n_rows,) bool
        True throughout where rows without a label were left out, or there is no label column.
    n_unlabelled : int
        Rows without a label, left out or not.
    """

    chunk: Chunk
    labels: BoolArray
    is_labelled: BoolArray
    n_unlabelled: int = 0

    def take(self, is_chosen: BoolArray) -> "LabelledChunk":
        """Return the chosen rows."""
        chunk = self.chunk
        taken = replace(chunk, frame=chunk.frame[is_chosen], lines=chunk.lines[is_chosen])
        labels, is_labelled = self.labels[is_chosen], self.is_labelled[is_chosen]
        return replace(self, chunk=taken, labels=labels, is_labelled=is_labelled)


def labelled_chunks(
    reader: TableReader,
    label_column: str | None,
    *,
    kind_column: str | None = None,
    keeps_unlabelled: bool = False,
) -> Iterator[LabelledChunk]:
    """Yield every row that has a label; every row where others are kept or there is no column.

    Without a column of labels one of kinds says which rows are anomalous, and labels every row.

    Raises
    ------
    InputError
        A label is none, on the way.
    """
    for chunk in reader.chunks():
        if label_column is None:
            n_rows = len(chunk.frame)
            labels = np.zeros(n_rows, np.bool_)
            if kind_column is not None:
                labels = said_kinds(chunk.frame[kind_column]).is_anomalous
            yield LabelledChunk(chunk, labels, np.ones(n_rows, np.bool_))
            continue
        labels, is_given = parse_labels(chunk.frame[label_column], label_column, chunk.lines)
        n_unlabelled = int(np.sum(~is_given))
        labelled = LabelledChunk(chunk, labels, is_given, n_unlabelled)
        is_whole = keeps_unlabelled or not n_unlabelled
        yield labelled if is_whole else labelled.take(is_given)


def sampled_chunks(
    reader: TableReader,
    label_column: str | None,
    sample: RowSample,
    *,
    kind_column: str | None = None,
) -> tuple[list[LabelledChunk], int]:
    """Return the chunks with the chosen rows alone, in order, and how many there are to choose of.

    Reads the input twice, and holds no more of it than is chosen.

    Raises
    ------
    InputError
        A label is none.
    """
    n_by_label = np.zeros(2, np.int64)
    for labelled in labelled_chunks(reader, label_column, kind_column=kind_column):
        n_by_label += np.bincount(labelled.labels, minlength=2)
    chance = np.random.default_rng(sample.seed)
    chosen = [
        np.sort(chance.choice(n, min(n, sample.max_rows), replace=False))
        for n in n_by_label.tolist()
    ]
    n_before = np.zeros(2, np.int64)
    kept = []
    for labelled in labelled_chunks(reader, label_column, kind_column=kind_column):
        is_chosen = np.zeros(len(labelled.labels), bool)
        for label in (0, 1):
            own = np.flatnonzero(labelled.labels == label)
            begin = n_before[label]
            first, last = np.searchsorted(chosen[label], [begin, begin + len(own)])
            is_chosen[own[chosen[label][first:last] - begin]] = True
            n_before[label] += len(own)
        kept.append(labelled.take(is_chosen))
    return kept, int(n_by_label.sum())
