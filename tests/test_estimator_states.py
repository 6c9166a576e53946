"""Estimators through any sequence of calls: what was fitted last counts, and nothing else."""

import copy
import pickle
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from work_orders import NEW, NORMAL, STRANGE

from polar_detect import PolarDetector, Report, SignatureOutlierDetector, SignatureTransformer
from polar_detect.detectors import IsolationForestHead

pytestmark = pytest.mark.slow
PROBE = [NEW[0], STRANGE[1], "", NEW[2], NEW[0], NORMAL[0]]


class Stopped(Exception):
    """What a progress callback raises to stop a fit or an assessment."""


@dataclass(frozen=True)
class Subject:
    """An estimator, and what may be done to it.

    Parameters
    ----------
    new : callable
        Returns an unfitted one.
    fits : mapping
        What `fit` takes, by name.
    failing_fits : mapping
        Functions that return what `fit` refuses, or is stopped by.
    values, wrong_values : mapping
        Of settings: those that may be, and those of which `fit` refuses each.
    probes : mapping
        Rows to look at by the name of what was fitted on.
    outputs : callable
        Returns an array of the estimator and a probe.
    looks : mapping
        Calls that change nothing, of the estimator and a probe.
    """

    new: Callable[[], Any]
    fits: Mapping[str, Mapping[str, Any]]
    failing_fits: Mapping[str, Callable[[], Mapping[str, Any]]]
    values: Mapping[str, list[Any]]
    wrong_values: Mapping[str, list[Any]]
    probes: Callable[[str], Any]
    outputs: Callable[[Any, Any], np.ndarray]
    looks: Mapping[str, Callable[[Any, Any], object]]


class AnyCalls(RuleBasedStateMachine):
    """Calls in any order; `known` has the outputs by what was fitted with which settings."""

    def __init__(self, subject, known):
        super().__init__()
        self.subject, self.known = subject, known
        self.estimator = subject.new()
        self.params = self.estimator.get_params(deep=False)
        self.fitted = self.expected = None
        self.left: tuple[Any, Any, bytes] | None = None  # what a copy was taken of

    @property
    def probe(self):
        return self.subject.probes(self.fitted or next(iter(self.subject.fits)))

    @initialize(data=st.data())
    def first_fit(self, data):
        self.fit(data)

    @rule(data=st.data())
    def fit(self, data):
        name = data.draw(st.sampled_from(sorted(self.subject.fits)))
        given = self.subject.fits[name]
        before = pickle.dumps((given, self.params))
        assert self.estimator.fit(**given) is self.estimator
        assert pickle.dumps((given, self.params)) == before  # no input, and no setting, is changed
        self.fitted = name
        found = self.subject.outputs(self.estimator, self.probe).tobytes()
        key = (name, str(sorted(self.params.items())))
        self.expected = self.known.setdefault(key, found)

    @rule(data=st.data())
    def fit_in_vain(self, data):
        name = data.draw(st.sampled_from(sorted(self.subject.failing_fits)))
        with pytest.raises((ValueError, Stopped)):
            self.estimator.fit(**self.subject.failing_fits[name]())

    @rule(data=st.data())
    def fit_with_a_wrong_setting(self, data):
        name = data.draw(st.sampled_from(sorted(self.subject.wrong_values)))
        wrong = data.draw(st.sampled_from(self.subject.wrong_values[name]))
        self.estimator.set_params(**{name: wrong})
        with pytest.raises(ValueError, match=name):
            self.estimator.fit(**next(iter(self.subject.fits.values())))
        self.estimator.set_params(**{name: self.params[name]})

    @rule(data=st.data())
    def set_a_setting(self, data):
        name = data.draw(st.sampled_from(sorted(self.subject.values)))
        self.params[name] = data.draw(st.sampled_from(self.subject.values[name]))
        assert self.estimator.set_params(**{name: self.params[name]}) is self.estimator

    @precondition(lambda self: self.fitted)
    @rule(data=st.data())
    def look(self, data):
        name = data.draw(st.sampled_from(sorted(self.subject.looks)))
        probe = self.probe
        before = pickle.dumps(probe)
        self.subject.looks[name](self.estimator, probe)
        assert pickle.dumps(probe) == before

    @rule(how=st.sampled_from(["pickle", "copy", "deepcopy"]))
    def go_on_with_a_copy(self, how):
        copies = {"copy": copy.copy, "deepcopy": copy.deepcopy}
        made = copies.get(how, lambda own: pickle.loads(pickle.dumps(own)))(self.estimator)
        if self.fitted:
            self.left = self.estimator, self.probe, self.expected
        self.estimator = made
        self.params |= made.get_params(deep=False)  # a Head is copied too

    @rule()
    def clone(self):
        made = clone(self.estimator)
        assert str(made.get_params()) == str(self.estimator.get_params())
        with pytest.raises(NotFittedError):
            self.subject.outputs(made, self.probe)

    @invariant()
    def nothing_else_has_changed(self):
        params = self.estimator.get_params(deep=False)
        assert params.keys() == self.params.keys()
        assert all(params[name] is self.params[name] for name in params)
        if self.fitted:
            assert self.subject.outputs(self.estimator, self.probe).tobytes() == self.expected
        if self.left is not None:
            estimator, probe, expected = self.left
            assert self.subject.outputs(estimator, probe).tobytes() == expected


def frame(texts):
    """Return rows with a text, a number and a word."""
    n = len(texts)
    hours = [1 + i * 7 % 11 / 4 for i in range(n)]
    return pd.DataFrame({"text": texts, "hours": hours, "machine": ["M-1", "M-2"] * (n // 2)})


def stopping(n_calls):
    """Return a progress callback that raises when it is called so often."""
    calls = iter(range(n_calls - 1))

    def progress(*_):
        if next(calls, None) is None:
            raise Stopped

    return progress


def stopped_assessment(detector, probe):
    with pytest.raises(Stopped):
        detector.assess(probe, programs_of="searched", progress=stopping(1))


def refused(detector, probe):
    with pytest.raises(ValueError, match="programs_of"):
        detector.assess(probe, programs_of="some")
    with pytest.raises(ValueError, match="Got"):
        detector.score_samples([1.5])


def same_by_every_way(detector, probe):
    scores = detector.score_samples(probe)
    assessment = detector.assess(probe, programs_of="flagged")
    np.testing.assert_array_equal(-assessment.scores, scores)
    flags = detector.predict(probe) == -1
    np.testing.assert_array_equal(flags, assessment.is_anomaly)
    np.testing.assert_array_equal(flags, detector.decision_function(probe) < 0)
    assessment.scores[:] = 0  # whoever asked may do with it what he likes
    alone = detector.score_samples(probe[:1])
    assert alone.tobytes() == scores[:1].tobytes()


def saved_and_loaded(detector, probe):
    with tempfile.TemporaryDirectory() as folder:
        detector.save(Path(folder) / "detector")
        loaded = PolarDetector.load(Path(folder) / "detector")
    assert loaded.score_samples(probe).tobytes() == detector.score_samples(probe).tobytes()
    assert loaded.alpha == detector.alpha
    for name in ("max_tokens", "seed", "contamination", "store_texts", "tolerance"):
        assert getattr(loaded, name) == getattr(detector.fitted_.settings, name)


def polar_detector(models):
    many, few = NORMAL[:40], NORMAL[:9]
    return Subject(
        new=partial(PolarDetector, **models, max_tokens=3),
        fits={
            "texts": {"X": many},
            "others": {"X": pd.Series([*NORMAL[14:], ""], index=range(100, 147))},
            "labelled": {"X": [*NORMAL[:42], *STRANGE], "y": np.repeat([1, -1], [42, 4])},
            "rows": {"X": frame(NORMAL[:44])},
        },
        failing_fits={
            "few": lambda: {"X": few},
            "labels": lambda: {"X": many, "y": [7] * 40},
            "numbers": lambda: {"X": [1] * 40},
            "stopped at once": lambda: {"X": many, "progress": stopping(1)},
            "stopped later": lambda: {"X": NORMAL[9:], "progress": stopping(6)},
        },
        values={
            "max_tokens": [2, 5],
            "seed": [0, np.int64(3)],
            "detector": ["auto", IsolationForestHead()],
            "store_texts": [True, False],
            "alpha": [0.05, 0.5],
        },
        wrong_values={
            "max_tokens": [0, "4"],
            "seed": [-1],
            "detector": ["best", 3],
            "contamination": [0.5],
            "alpha": [2, None],
            "model": [5],
            "rows": ["text"],
        },
        probes=lambda fitted: frame(PROBE) if fitted == "rows" else PROBE,
        outputs=PolarDetector.score_samples,
        looks={
            "assess": lambda detector, probe: detector.assess(probe).to_frame("ja"),
            "explain": PolarDetector.explain,
            "report": Report.of,
            "refused": refused,
            "same": same_by_every_way,
            "saved": saved_and_loaded,
            "stopped": stopped_assessment,
        },
    )


def signature_transformer(models):
    return Subject(
        new=partial(SignatureTransformer, **models, max_tokens=3),
        fits={"texts": {"X": NORMAL[:12]}, "others": {"X": np.asarray([*NORMAL[20:30], ""])}},
        failing_fits={
            "few": lambda: {"X": NORMAL[:7]},
            "numbers": lambda: {"X": [1] * 9},
        },
        values={
            "max_tokens": [2, 5],
            "curves": ["none", "first-order"],
            "programs": [False, True],
            "seed": [0, 3],
        },
        wrong_values={
            "max_tokens": [0],
            "curves": ["some"],
            "programs": ["yes"],
            "tolerance": [-1],
            "seed": [-1],
            "model": [5],
        },
        probes=lambda _: PROBE,
        outputs=lambda own, probe: own.transform(probe).to_numpy(),
        looks={"names": lambda own, _: own.get_feature_names_out()},
    )


def outlier_detector():
    rows = np.random.default_rng(0).normal(size=(60, 4)).round(3)
    named = pd.DataFrame(rows[:50, :3], columns=["a", "b", "c"])
    return Subject(
        new=partial(SignatureOutlierDetector, random_state=0),
        fits={"rows": {"X": rows}, "named": {"X": named, "strangers": named[:9] * 5}},
        failing_fits={
            "one": lambda: {"X": rows[:1]},
            "infinite": lambda: {"X": np.where(rows > 1, np.inf, rows)},
            "other columns": lambda: {"X": rows[:, :2], "strangers": rows},
            "other names": lambda: {"X": named, "strangers": named.rename(columns={"a": "z"})},
        },
        values={"alpha": [0.05, 0.3], "random_state": [0, 1], "detector": ["auto", "lightgbm"]},
        wrong_values={"alpha": [0, None], "detector": ["best"]},
        probes=lambda fitted: named[::7] if fitted == "named" else rows[::7],
        outputs=SignatureOutlierDetector.decision_function,
        looks={"predict": SignatureOutlierDetector.predict},
    )


def put_through(subject, *, n_runs, n_calls):
    """Put an estimator through so many random sequences of calls."""
    known: dict[object, bytes] = {}
    how = settings(
        max_examples=n_runs,
        stateful_step_count=n_calls,
        deadline=None,
        phases=[Phase.generate],  # shrinking would fit for hours
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(partial(AnyCalls, subject, known), settings=how)
    assert len(known) > 1  # control: it was fitted in several ways


def test_a_detector_is_what_was_fitted_last_whatever_is_called_between(tiny_pair):
    put_through(polar_detector(tiny_pair), n_runs=6, n_calls=12)


def test_a_transformer_is_what_was_fitted_last_whatever_is_called_between(tiny_pair):
    put_through(signature_transformer(tiny_pair), n_runs=8, n_calls=12)


def test_an_outlier_detector_is_what_was_fitted_last_whatever_is_called_between():
    put_through(outlier_detector(), n_runs=15, n_calls=15)
