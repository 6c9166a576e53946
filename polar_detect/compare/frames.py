"""The comparison of what a program holds already: data frames, lists of texts, and their labels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone

from polar_detect.compare.detection import compare_detectors
from polar_detect.compare.reading.source import Reading
from polar_detect.compare.reading.task import task_of_frames
from polar_detect.compare.results.comparison import Settings
from polar_detect.compare.results.tabulate import MethodTable
from polar_detect.containers import Texts, anomalous, as_texts
from polar_detect.detector import PolarDetector
from polar_detect.detectors import AutoHead
from polar_detect.errors import InputError
from polar_detect.frames import in_pandas, is_wide, named
from polar_detect.pipeline.settings import number, whole
from polar_detect.progress import ProgressChoice, told
from polar_detect.shell import without_dashes

_MOST_TESTED = 0.95
_LEAST_ROWS, _MANY = 100, 1_000_000_000
_TEXT, _LABEL = "text", "is anomalous"  # columns of the frames that are compared on


def compare_with_baselines(  # noqa: PLR0913 - what `polar-detect compare` has as options
    X: Texts,
    y: ArrayLike | None,
    X_test: Texts | None = None,
    y_test: ArrayLike | None = None,
    *,
    detectors: str | PolarDetector | Sequence[str | PolarDetector] = (AutoHead.name,),
    groups: ArrayLike | None = None,
    test_share: float = Reading.test_share,
    max_rows: int = Reading.max_rows,
    resamples: int = Settings.n_resamples,
    seed: int = 0,
    progress: ProgressChoice = None,
) -> MethodTable:
    """Measure detectors against LightGBM, random forest, isolation forest and kNN on the same rows.

    What `polar-detect compare` does with files.

    Parameters
    ----------
    X : sequence of str, or data frame
        Texts, or rows of several columns, which are read as a whole.
    y : array-like or None
        Which of them are anomalous, as `PolarDetector.fit` takes it; None where all are normal,
        beside `X_test`.
    X_test, y_test : optional
        Rows to test on; by default a share of `X` is held back.
    detectors : str, PolarDetector or a sequence of these
        Those of this package, or their names; they stay as they are.
    groups : array-like, optional
        Which rows of `X` hang together, as those of a lot: it is tested on rows of others. By
        default a column called lot or the like says it.
    test_share : float
        Share of `X` to test on.
    max_rows : int
        Of more rows to fit on, or to test on, as many are drawn.
    resamples : int
        Bootstrap resamples behind every interval.
    seed : int
    progress : bool or callable, optional
        As in `PolarDetector.fit`.

    Returns
    -------
    MethodTable
        Shows itself with its advice; `to_frame()` has the figures, `advice()` the sentences,
        `found` all that was measured.

    Raises
    ------
    InputError
        Test rows of one class only, too few normal rows, labels that are none, other columns in
        `X_test`, or groups beside it.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from polar_detect import compare_with_baselines
    >>> rng = np.random.default_rng(0)
    >>> size = rng.normal(20, 1, 200).round(2)
    >>> is_bad = np.arange(200) % 10 == 0
    >>> weight = (3 * size + 4 * is_bad * rng.choice([-1, 1], 200)).round(1)
    >>> rows = pd.DataFrame({"size": size, "weight": weight})
    >>> table = compare_with_baselines(rows, is_bad, detectors=["columns"], resamples=100)
    >>> table.to_frame()["method"].tolist().count("polar-detect columns")
    1
    >>> "Recommendation: use " in str(table)
    True
    """
    if groups is not None and X_test is not None:
        raise InputError(
            "Got groups beside X_test; expected one of them, as X_test says what is tested on; "
            "leave one out."
        )
    if (X_test is None) != (y_test is None):
        raise InputError(
            "Got one of X_test and y_test; expected both or neither; pass the labels with the rows."
        )
    asked = (detectors,) if isinstance(detectors, str | PolarDetector) else tuple(detectors)
    number("test_share", test_share, high=_MOST_TESTED)
    whole("max_rows", max_rows, low=_LEAST_ROWS, high=_MANY)
    whole("resamples", resamples, low=1, high=_MANY)
    frames = [_labelled(X, y)]
    if X_test is not None:
        frames.append(_labelled(X_test, y_test))
    is_text = _TEXT in frames[0].columns and frames[0].shape[1] == 2
    reading = Reading(
        target=_LABEL,
        text_column=_TEXT if is_text else None,
        all_columns=not is_text,
        test_share=test_share,
        max_rows=max_rows,
        seed=seed,
    )
    ours = tuple(
        clone(detector)
        if isinstance(detector, PolarDetector)
        else PolarDetector(detector, seed=seed)
        for detector in asked
    )
    with told(progress) as tell, _in_python():
        task = task_of_frames(frames, reading, groups)
        encoder = ours[0].encoder if ours else Settings.encoder
        settings = Settings(detectors=ours, n_resamples=resamples, seed=seed, encoder=encoder)
        task = replace(task, fit_options=_settings_of(ours))  # before they are told of the rows
        return MethodTable(compare_detectors(task, settings, progress=tell))


def _settings_of(detectors: Sequence[PolarDetector]) -> str:
    """Return what detectors are set to beside their heads, where that is the same of all."""
    usual = PolarDetector().get_params()
    said = {
        ", ".join(
            f"{name}={value!r}"
            for name, value in own.get_params().items()
            if name not in ("detector", "rows") and repr(value) != repr(usual[name])
        )
        for own in detectors
    }
    return said.pop() if len(said) == 1 else ""


@contextmanager
def _in_python() -> Iterator[None]:
    """Have errors name arguments where they name options of the command line."""
    try:
        yield
    except InputError as error:
        raise type(error)(without_dashes(str(error))) from error


def _labelled(X: Texts, y: Any) -> pd.DataFrame:
    """Return rows as a data frame with a column of labels, texts as one of two columns."""
    rows = in_pandas(X)
    frame = named(rows) if is_wide(rows) else pd.DataFrame({_TEXT: as_texts(rows)})
    if _LABEL in frame.columns:
        raise InputError(
            f"Got a column {_LABEL!r} in X; expected the labels in y alone; leave it out."
        )
    return frame.reset_index(drop=True).assign(**{_LABEL: anomalous(y, len(frame))})
