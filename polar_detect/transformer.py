"""`SignatureTransformer`: texts → signatures as a table, a step of scikit-learn pipelines."""

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from polar_detect import models
from polar_detect.alone import alone
from polar_detect.arrays import IndexArray
from polar_detect.backbone.tokenizing import MAX_TOKENS
from polar_detect.containers import Texts, UnfittedError, as_texts
from polar_detect.errors import InputError
from polar_detect.features.table import FeatureTable
from polar_detect.frames import index_of
from polar_detect.pipeline.engine import Engine, encoder_for
from polar_detect.pipeline.settings import MAX_SEED, MAX_TOLERANCE, model_name, number, truth, whole
from polar_detect.pipeline.training import MIN_SIGNED
from polar_detect.programs.menu import Menu
from polar_detect.progress import ProgressChoice, Tracker, told
from polar_detect.signature.extraction import Extractor
from polar_detect.signature.normal.reference import Reference
from polar_detect.signature.normal_programs import menu_texts
from polar_detect.signature.reading.readings import Readings
from polar_detect.signature.reading.tracer import CurveKind
from polar_detect.texts.moments import as_read

_N_FOLDS = MIN_SIGNED // 2  # of two texts at least


class SignatureTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Signatures of texts against the normal texts that it was fitted on.

    `fit_transform` compares each training text with the other training texts only, in four
    folds, so that training rows look like new ones to the next step; hence, as with
    scikit-learn's `TargetEncoder`, it differs from `fit` followed by `transform`. Threads and
    copies share it as they do a `PolarDetector`.

    Parameters
    ----------
    model : str
        Embedded name, Hugging Face id, folder or GGUF file of a causal language model.
    encoder : str
        Embedded name, Hugging Face id or folder of a sentence encoder, or "auto"; see
        `PolarDetector`.
    curves : {"first-order", "none", "exact"}
        Skip, loop and exit curves: estimated, left out, or measured (40 times a plain pass).
    programs : bool
        Whether to search minimal programs too; several times the time of the rest.
    max_tokens : int
        Texts are cut after this many tokens of the language model, and so many of the encoder's
        own but 128 at least; by default after 256, or as many as the models have positions for.
    tolerance : float
        Nats per token that a valid program may lose.
    seed : int

    Examples
    --------
    >>> from polar_detect import SignatureTransformer
    >>> normal = [f"pump {n} checked, {part} ok" for n in range(5) for part in ("seal", "fan")]
    >>> signatures = SignatureTransformer().fit(normal)  # doctest: +SKIP
    >>> signatures.transform(["Pump leaks"])["distance/knn/L4"]  # doctest: +SKIP
    """

    def __init__(  # noqa: PLR0913 - scikit-learn wants each setting as an argument
        self,
        *,
        model: str = models.DEFAULT_MODEL,
        encoder: str = models.AUTO_ENCODER,
        curves: CurveKind = "first-order",
        programs: bool = False,
        max_tokens: int = MAX_TOKENS,
        tolerance: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.curves = curves
        self.programs = programs
        self.max_tokens = max_tokens
        self.tolerance = tolerance
        self.seed = seed

    def fit(self, X: Texts, y: Any = None, *, progress: ProgressChoice = None) -> Self:  # noqa: ARG002
        """Fit on normal texts.

        Parameters
        ----------
        X : sequence of str
        y : ignored
        progress : bool or callable, optional
            True for bars, in a notebook or on stderr; or what is called with stage, texts done,
            texts in all.

        Raises
        ------
        InputError
            Fewer than 8 texts with at least one token, or what is not text.
        """
        texts = as_read(as_texts(X))
        engine = self._load(texts)
        with told(progress) as tell, alone():
            self._fit(texts, engine, Tracker(tell))
        return self

    def fit_transform(
        self,
        X: Texts,
        y: Any = None,  # noqa: ARG002
        *,
        progress: ProgressChoice = None,
        **_: Any,
    ) -> pd.DataFrame:
        """Fit on normal texts and return their signatures, each against the others."""
        texts = as_read(as_texts(X))
        engine = self._load(texts)
        with told(progress) as tell, alone():
            tracker = Tracker(tell)
            readings = self._fit(texts, engine, tracker)
            index = np.flatnonzero(readings.has_tokens)
            kept = readings.rows(index)
            table = cross_fitted_signatures(engine.extractor, kept, seed=self.seed, tracker=tracker)
            table = self._with_programs(table, kept, tracker)
        return self._frame(table, index, X, len(texts))

    def transform(self, X: Texts, *, progress: ProgressChoice = None) -> pd.DataFrame:
        """Return the signatures of new texts, a row each; texts without tokens are NaN."""
        if not hasattr(self, "reference_"):
            raise UnfittedError(
                "Got a transformer that is not fitted; expected a fitted one; call fit on normal "
                "texts first."
            )
        texts = self.reference_.as_read(as_texts(X))
        with told(progress) as tell, alone():
            tracker = Tracker(tell)
            readings = _read(self.engine_.extractor, texts, tracker)
            index = np.flatnonzero(readings.has_tokens)
            kept = readings.rows(index)
            table = self.engine_.extractor.signatures(kept, self.reference_)
            table = self._with_programs(table, kept, tracker)
        return self._frame(table, index, X, len(texts))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the columns, e.g. ``skip/L11`` or ``distance/knn/L4``."""
        if not hasattr(self, "names_"):
            raise UnfittedError(
                "Got a transformer that is not fitted; expected a fitted one; call fit first."
            )
        return np.asarray(self.names_, object)

    def __sklearn_tags__(self) -> Tags:
        """Say that the input is a sequence of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        return tags

    def _fit(self, texts: list[str], engine: Engine, tracker: Tracker) -> Readings:
        own = copy.copy(self)  # a fit that fails leaves the earlier one as it was
        readings = own._fit_in_place(texts, engine, tracker)
        self.__dict__ = own.__dict__
        return readings

    def _fit_in_place(self, texts: list[str], engine: Engine, tracker: Tracker) -> Readings:
        self.engine_ = engine
        self.tolerance_ = number("tolerance", self.tolerance, high=MAX_TOLERANCE)
        readings = _read(engine.extractor, texts, tracker)
        kept = readings.rows(np.flatnonzero(readings.has_tokens))
        if len(kept) < MIN_SIGNED:
            raise InputError(
                f"Got {len(kept)} texts that are not empty; expected at least {MIN_SIGNED}; add "
                "normal texts."
            )
        self.reference_ = Reference.fit(kept)
        has_programs = truth("programs", self.programs)
        self.menu_ = self._menu(kept.texts, tracker) if has_programs else None
        first = kept.rows(np.arange(1))
        table = self.engine_.extractor.signatures(first, self.reference_)
        self.names_ = self._with_programs(table, first, Tracker(None)).names
        return readings

    def _load(self, texts: Sequence[str]) -> Engine:
        whole("seed", self.seed, low=0, high=MAX_SEED)
        if self.curves not in ("none", "first-order", "exact"):
            raise InputError(
                f"Got curves '{self.curves}'; expected none, first-order or exact; choose one."
            )
        max_tokens = whole("max_tokens", self.max_tokens)
        encoder = encoder_for(texts, model_name("encoder", self.encoder))
        engine = Engine.load(model_name("model", self.model), encoder)
        return engine.reading(max_tokens=max_tokens, curves=self.curves, wants_context=True)

    def _menu(self, texts: Sequence[str], tracker: Tracker) -> Menu:
        chosen, extractor = menu_texts(texts, seed=self.seed), self.engine_.extractor
        with tracker.whole("search programs for the menu", len(chosen)) as part:
            return extractor.menu(chosen, tolerance=self.tolerance_, advance=part.advance)

    def _with_programs(
        self, table: FeatureTable, readings: Readings, tracker: Tracker
    ) -> FeatureTable:
        if self.menu_ is None:
            return table
        with tracker.whole("minimal programs", len(readings)) as part:
            found = self.engine_.extractor.minimal_programs(
                readings,
                self.menu_,
                tolerance=self.tolerance_,
                wants_curves=True,
                advance=part.advance,
            )
        return self.engine_.extractor.with_programs(table, found)

    def _frame(self, table: FeatureTable, index: IndexArray, X: Any, n_texts: int) -> pd.DataFrame:
        values = np.full((n_texts, len(table.features)), np.nan, np.float32)
        values[index] = table.values
        return pd.DataFrame(values, index=index_of(X), columns=table.names)


def cross_fitted_signatures(
    extractor: Extractor, readings: Readings, *, seed: int, tracker: Tracker | None = None
) -> FeatureTable:
    """Return each text's signature against the texts of the other three of four folds.

    Parameters
    ----------
    readings : Readings
        Texts with tokens, at least eight.
    """
    folds = np.random.default_rng(seed).permutation(len(readings)) % _N_FOLDS
    parts, order = [], []
    stage = (tracker or Tracker(None)).stage("normal texts", len(readings))
    for fold in range(_N_FOLDS):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        reference = Reference.fit(readings.rows(outside))
        parts.append(extractor.signatures(readings.rows(inside), reference))
        order.append(inside)
        stage.advance(len(inside))
    return FeatureTable.below(parts).rows(np.argsort(np.concatenate(order)))


def _read(extractor: Extractor, texts: Sequence[str], tracker: Tracker) -> Readings:
    return extractor.read_all(texts, stage="read texts", tracker=tracker)
