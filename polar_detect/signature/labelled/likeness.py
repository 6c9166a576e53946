"""How like the labelled anomalies a text is, by its embedding, its wording and its columns.

Hides the classifiers, and how texts that taught them are kept out of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from polar_detect.arrays import Float32Array, IndexArray, IntArray
from polar_detect.features.named import MIN_TEACHING_TEXTS, SENTENCE_LIKENESS, WORDING_LIKENESS
from polar_detect.features.table import FeatureTable
from polar_detect.signature.labelled.column_likeness import ColumnLikeness, likeness_columns
from polar_detect.signature.labelled.wording import heaviest_words, wording
from polar_detect.signature.reading.by_text import ByText
from polar_detect.statistics.contrast import contrast
from polar_detect.texts.distinct import distinct_texts

if TYPE_CHECKING:
    from polar_detect.signature.reading.readings import Readings
    from polar_detect.tables.rows.template import RowTemplate

Folds = IntArray

_STRENGTH = 1.0  # inverse regularisation, where normal texts lie 1 from their mean
_WORDING_STRENGTH = 10.0
_N_WORDS = 3
_N_FOLDS = 5
_MIN_SPREAD = 1e-6  # where all normal texts are one


@dataclass(frozen=True, eq=False)
class Seen(ByText):
    """What is looked at of some texts.

    Parameters
    ----------
    texts : sequence of str
        A tuple where some are chosen later.
    embeddings : (n_texts, hidden) float32
        (n_texts, 0) of rows that no model reads.
    """

    texts: Sequence[str]
    embeddings: Float32Array

    @classmethod
    def of(cls, readings: "Readings") -> Self:
        """Return what is looked at of texts that were read."""
        return cls(readings.texts, readings.embeddings)

    @classmethod
    def of_rows(cls, texts: Sequence[str]) -> Self:
        """Return the same of rows of which only the columns are looked at."""
        return cls(texts, np.zeros((len(texts), 0), np.float32))


@dataclass(frozen=True, eq=False)
class SentenceLikeness:
    """A logistic regression of labelled anomalies against normal texts.

    Both sides weigh the same, however many texts they have.

    Parameters
    ----------
    centre : (hidden,) float32
        Mean sentence embedding of the normal texts.
    weights : (hidden,) float32
        By which the log-odds grow from there.
    """

    centre: Float32Array
    weights: Float32Array

    @classmethod
    def fit(cls, normal: Float32Array, labelled: Float32Array) -> Self:
        """Fit on sentence embeddings, (n_texts, hidden) float32 each."""
        centre = normal.mean(0, dtype=np.float64)
        spread = max(float(np.sqrt(np.square(normal - centre).sum(1).mean())), _MIN_SPREAD)
        own, other = ((rows - centre) / spread for rows in (normal, labelled))
        weights = contrast(own, other, strength=_STRENGTH) / spread
        return cls(centre.astype(np.float32), weights.astype(np.float32))

    def features(self, embeddings: Float32Array) -> FeatureTable:
        """Return the log-odds beyond those of the mean normal text, as a feature."""
        from polar_detect.numerics.blocks import product  # by torch, which rows do without

        return FeatureTable(
            product(embeddings - self.centre, self.weights[None]), (SENTENCE_LIKENESS,)
        )


@dataclass(frozen=True, eq=False)
class WordingLikeness:
    """The same by the wording of texts: words that an embedding passes over tell some kinds.

    Parameters
    ----------
    weights : (n_codes,) float32
        By which the log-odds grow with what `wording` returns.
    """

    weights: Float32Array

    @classmethod
    def fit(cls, normal: Sequence[str], labelled: Sequence[str]) -> Self:
        """Fit on texts."""
        weights = contrast(wording(normal), wording(labelled), strength=_WORDING_STRENGTH)
        return cls(weights.astype(np.float32))

    def features(self, texts: Sequence[str]) -> FeatureTable:
        """Return the log-odds beyond those of a text without any wording, as a feature."""
        values = wording(texts) @ self.weights if texts else np.zeros(0, np.float32)
        return FeatureTable(values[:, None], (WORDING_LIKENESS,))

    def words(self, text: str) -> tuple[str, ...]:
        """Return up to three words of a text that are most like those of labelled anomalies."""
        return heaviest_words(text, self.weights, _N_WORDS)


@dataclass(frozen=True, eq=False)
class Likeness:
    """What tells labelled anomalies from normal texts.

    Parameters
    ----------
    sentences : SentenceLikeness, optional
    wording : WordingLikeness, optional
        Both are None of rows that no model reads.
    columns : ColumnLikeness, optional
        Where the texts are rows with numbers or categories.
    """

    sentences: SentenceLikeness | None
    wording: WordingLikeness | None
    columns: ColumnLikeness | None

    @classmethod
    def fit(cls, normal: Seen, labelled: Seen, rows: "RowTemplate | None", *, seed: int) -> Self:
        """Fit on texts that `can_teach`; `rows` says how they were written out of a table."""
        columns = None
        if rows is not None and likeness_columns(rows):
            columns = ColumnLikeness.fit(rows, normal.texts, labelled.texts, seed=seed)
        if not normal.embeddings.shape[1]:
            return cls(None, None, columns)
        sentences = SentenceLikeness.fit(normal.embeddings, labelled.embeddings)
        return cls(sentences, WordingLikeness.fit(normal.texts, labelled.texts), columns)

    def features(self, seen: Seen) -> FeatureTable:
        """Return how like labelled anomalies texts are, in log-odds; see the parts."""
        tables = []
        if self.sentences is not None:
            tables.append(self.sentences.features(seen.embeddings))
        if self.wording is not None:
            tables.append(self.wording.features(seen.texts))
        if self.columns is not None:
            tables.append(self.columns.features(seen.texts))
        return FeatureTable.beside(tables)


@dataclass(frozen=True, eq=False)
class KeptOut:
    """What tells how like labelled anomalies the texts are that teach it.

    Parameters
    ----------
    normal_folds, labelled_folds : (n_texts,) int64
        The fold of each text; all that read the same are in one.
    models : tuple of Likeness
        Each fitted on all folds but its own.
    """

    normal_folds: Folds
    labelled_folds: Folds
    models: tuple[Likeness, ...]

    @classmethod
    def fit(cls, normal: Seen, labelled: Seen, rows: "RowTemplate | None", *, seed: int) -> Self:
        """Fit as `Likeness.fit` does."""
        rng = np.random.default_rng(seed)
        n_folds = min(_N_FOLDS, len(set(normal.texts)), len(set(labelled.texts)))
        own, other = (_folds(part.texts, n_folds, rng) for part in (normal, labelled))
        models = tuple(
            Likeness.fit(
                normal.rows(np.flatnonzero(own != fold)),
                labelled.rows(np.flatnonzero(other != fold)),
                rows,
                seed=seed,
            )
            for fold in range(n_folds)
        )
        return cls(own, other, models)

    def of_normal(self, seen: Seen, origins: IndexArray) -> FeatureTable:
        """Return `Likeness.features` of texts made of the normal texts `origins`."""
        return self._features(seen, self.normal_folds[origins])

    def of_labelled(self, seen: Seen) -> FeatureTable:
        """Return the same of all labelled anomalies."""
        return self._features(seen, self.labelled_folds)

    def _features(self, seen: Seen, folds: Folds) -> FeatureTable:
        return FeatureTable.by_group(
            folds, lambda fold, places: self.models[fold].features(seen.rows(places))
        )


def can_teach(normal: Seen, labelled: Seen) -> bool:
    """Return whether there are enough texts of both kinds, and not all the same."""
    return len(set(labelled.texts)) >= MIN_TEACHING_TEXTS and len(set(normal.texts)) > 1


def _folds(texts: Sequence[str], n_folds: int, rng: np.random.Generator) -> Folds:
    distinct, places = distinct_texts(texts)
    folds: Folds = (rng.permutation(len(distinct)) % n_folds)[places]
    return folds
