"""What a method reads of a row: raw numbers, TF-IDF, or sentence embeddings.

A view is fitted on training rows, never on test rows, and its time counts for every method
that reads it, as each method's user would pay for it.
"""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from polar_detect import models
from polar_detect.arrays import IndexArray
from polar_detect.compare.methods.drivers import PartsBy, sum_by_column, sum_by_word
from polar_detect.compare.reading.columns import MAX_SIZE
from polar_detect.compare.reading.rows import Rows
from polar_detect.compare.reading.task import Task


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """Training and test rows in one view, and what that took.

    Parameters
    ----------
    name : str
    metric : str
        The distance between rows that suits the view.
    train, test : (n_rows, n_features) array or sparse matrix
    fit_s, score_s : float
        Seconds for fitting on and reading the training rows, and for reading the test rows.
    parts_by : callable of (n_rows, n_features) SHAP values and the rows → Parts, optional
        What they are by the column, or the word, that each feature comes from.
    """

    name: str
    metric: str
    train: Any
    test: Any
    fit_s: float
    score_s: float
    parts_by: PartsBy | None = None


class Cost(IntEnum):
    """What a method has to run for a row; one of less takes a fraction of the time.

    Seconds say more where a machine is idle, and little where it is not.
    """

    NO_MODEL = 0
    ENCODER = 1
    LANGUAGE_MODEL = 2
    PROGRAMS = 3  # of its layers, and the context of other rows, beside one pass


class View(ABC):
    """Turns rows into a matrix.

    Attributes
    ----------
    name : str
    recipe : str
        What a user would read the same way, in words.
    metric : str
        The distance between rows that suits it.
    cost : Cost
        What it runs to read a row.
    """

    name: str
    recipe: str
    metric: ClassVar[str]
    cost: ClassVar[Cost] = Cost.NO_MODEL

    @abstractmethod
    def fit(self, rows: Rows) -> Any:
        """Fit on training rows and return their matrix."""

    @abstractmethod
    def read(self, rows: Rows) -> Any:
        """Return the matrix of other rows."""

    def parts_by(self) -> PartsBy | None:
        """Return what `Seen.parts_by` is of the training rows that it was fitted on last."""
        return None

    def see(self, train: Rows, test: Rows) -> Seen:
        """Fit on the training rows, read the test rows, and time both."""
        start = time.perf_counter()
        own = self.fit(train)
        fitted = time.perf_counter()
        others = self.read(test)
        done = time.perf_counter()
        return Seen(
            name=self.name,
            metric=self.metric,
            train=own,
            test=others,
            fit_s=fitted - start,
            score_s=done - fitted,
            parts_by=self.parts_by(),
        )

    def see_part(self, seen: Seen, train: Rows, test: Rows, kept: IndexArray) -> Seen:
        """Return what it sees with the kept training rows alone, once it has seen all of them."""
        return seen if len(kept) == len(train) else self.see(train.take(kept), test)


class Numbers(View):
    """Numbers, and categories as 0 and 1; missing cells as the median, standardised.

    Every model reads a missing number as the median of the training rows that the view is fitted
    on, whether training rows lack one too or only test rows do. LightGBM by itself would take it
    for 0 where no training row had one missing. A missing category is none of those seen.
    """

    name = "numbers"
    recipe = "the numeric columns, standardised, and categories as 0 and 1"
    metric = "euclidean"

    def __init__(self, sources: tuple[str, ...] = ()) -> None:
        self._sources = sources

    def parts_by(self) -> PartsBy | None:
        """See `View.parts_by`."""
        return (lambda values, _: sum_by_column(values, self._sources)) if self._sources else None

    def fit(self, rows: Rows) -> Any:
        """Fit medians, means and spreads; see `View.fit`."""
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        self._pipeline = make_pipeline(imputer, StandardScaler())
        return _bounded(self._pipeline.fit_transform(_bounded(rows.numbers)))

    def read(self, rows: Rows) -> Any:
        """See `View.read`."""
        return _bounded(self._pipeline.transform(_bounded(rows.numbers)))


def _bounded(numbers: Any) -> Any:
    return np.clip(numbers, -MAX_SIZE, MAX_SIZE)


class TfIdf(View):
    """Words, pairs of words, and pieces of three to five characters, weighted by TF-IDF."""

    name = "TF-IDF"
    recipe = "sklearn's TfidfVectorizer"
    metric = "cosine"

    def fit(self, rows: Rows) -> Any:
        """Fit vocabulary and weights; see `View.fit`."""
        self._vectoriser = make_union(
            TfidfVectorizer(
                ngram_range=(1, 2), token_pattern=r"(?u)\S+", sublinear_tf=True, max_features=2000
            ),
            TfidfVectorizer(
                analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=3000
            ),
        )
        return self._vectoriser.fit_transform(rows.texts).tocsr()

    def parts_by(self) -> PartsBy | None:
        """See `View.parts_by`."""
        names = [name.partition("__")[2] for name in self._vectoriser.get_feature_names_out()]
        return lambda values, rows: sum_by_word(values, names, rows.texts)

    def read(self, rows: Rows) -> Any:
        """See `View.read`."""
        return self._vectoriser.transform(rows.texts).tocsr()


class Embeddings(View):
    """Sentence embeddings; loading the encoder counts as fitting."""

    metric = "cosine"
    cost = Cost.ENCODER

    def __init__(self, encoder: str) -> None:
        self._model = encoder
        self.name = "MiniLM" if encoder == models.DEFAULT_ENCODER else encoder
        self.recipe = f"{self.name} sentence embeddings"

    def fit(self, rows: Rows) -> Any:
        """Load the encoder; see `View.fit`."""
        from polar_detect.signature.reading.encoder import Encoder  # imports torch

        self._encoder = Encoder.load(models.resolve(self._model).folder)
        return self._embed(rows)

    def read(self, rows: Rows) -> Any:
        """See `View.read`."""
        return self._embed(rows)

    def see_part(self, seen: Seen, train: Rows, test: Rows, kept: IndexArray) -> Seen:  # noqa: ARG002
        """See `View.see_part`; what is read of one row rests on no other."""
        return replace(seen, train=seen.train[kept])

    def _embed(self, rows: Rows) -> Any:
        return self._encoder.embed(rows.texts).astype(np.float64)


def dense(rows: Any) -> Any:
    """Return the matrix of a view as an array, also where it is sparse."""
    return rows.toarray() if scipy.sparse.issparse(rows) else np.asarray(rows)


def choose_views(task: Task, encoder: str | None) -> list[View]:
    """Return the views that a task allows: numbers only where there are some.

    Embeddings only where there is an encoder.
    """
    numbers = [Numbers(task.sources)] if task.sources else []
    if encoder is None:
        return [*numbers, TfIdf()]
    from polar_detect.pipeline.engine import encoder_for  # imports torch

    return [*numbers, TfIdf(), Embeddings(encoder_for(task.train.texts, encoder))]
