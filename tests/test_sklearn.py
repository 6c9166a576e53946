"""What scikit-learn asks of estimators, where the input is text."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from work_orders import NEW, NORMAL, STRANGE

from polar_detect import PolarDetector, SignatureTransformer
from polar_detect.containers import UnfittedError, anomalous, as_texts
from polar_detect.errors import InputError
from polar_detect.metrics import auroc

_NUMBERS = "the check fits on numbers, and the input is texts"
_MESSAGE = "the check wants a message on the shape of numbers, and gets one on texts"
_ON_NUMBERS = (
    "check_classifier_data_not_an_array", "check_dict_unchanged", "check_dont_overwrite_parameters",
    "check_dtype_object", "check_estimators_dtypes", "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params", "check_estimators_pickle",
    "check_f_contiguous_array_estimator", "check_fit2d_predict1d", "check_fit_check_is_fitted",
    "check_fit_idempotent", "check_fit_score_takes_y", "check_methods_sample_order_invariance",
    "check_methods_subset_invariance", "check_n_features_in", "check_n_features_in_after_fitting",
    "check_outliers_fit_predict", "check_outliers_train", "check_pipeline_consistency",
    "check_positive_only_tag_during_fit", "check_readonly_memmap_input",
    "check_transformer_data_not_an_array", "check_transformer_general",
    "check_transformer_preserve_dtypes", "check_set_output_transform",
    "check_set_output_transform_pandas", "check_global_output_transform_pandas",
    "check_set_output_transform_polars", "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas", "check_transformers_unfitted_stateless",
)  # fmt: skip
_ON_MESSAGES = (
    "check_complex_data", "check_estimator_sparse_array", "check_estimator_sparse_matrix",
    "check_estimators_empty_data_messages", "check_estimators_nan_inf", "check_fit2d_1feature",
    "check_fit2d_1sample", "check_estimator_sparse_tag",
)  # fmt: skip


def expected_failed_checks(_):
    return dict.fromkeys(_ON_NUMBERS, _NUMBERS) | dict.fromkeys(_ON_MESSAGES, _MESSAGE)


@pytest.mark.slow
@parametrize_with_checks(
    [PolarDetector(), SignatureTransformer()], expected_failed_checks=expected_failed_checks
)
def test_the_checks_that_apply_to_text_hold(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def detector(tiny_pair):
    return PolarDetector(**tiny_pair)


def test_a_clone_has_the_settings_and_not_the_fit(fitted_on_tiny):
    copy = clone(fitted_on_tiny)
    assert copy.get_params() == fitted_on_tiny.get_params()
    assert not hasattr(copy, "fitted_")


def test_a_detector_is_the_last_step_of_a_pipeline(detector):
    lower = FunctionTransformer(lambda texts: [text.strip() for text in texts])
    short = clone(detector).set_params(max_tokens=8)
    pipeline = make_pipeline(lower, clone(short)).fit(NORMAL[:40])
    padded = [f"  {text} " for text in NEW + STRANGE]
    np.testing.assert_array_equal(
        pipeline.score_samples(padded), short.fit(NORMAL[:40]).score_samples(NEW + STRANGE)
    )
    assert set(pipeline.predict(padded)) == {-1, 1}


@pytest.mark.slow
def test_detectors_are_searched_and_cross_validated(detector):
    texts = [*NORMAL, *STRANGE, *NORMAL[:40]]
    labels = np.isin(np.arange(len(texts)), range(len(NORMAL), len(NORMAL) + len(STRANGE)))

    def score(fitted, X, y):
        return auroc(y, -fitted.score_samples(X))

    folds = [(np.flatnonzero(~labels)[:60], [*np.flatnonzero(labels).tolist(), *range(64, 84)])]
    assert cross_val_score(detector, texts, labels, cv=folds, scoring=score)[0] > 0.8
    search = GridSearchCV(detector, {"max_tokens": [1, 32]}, cv=folds, scoring=score, refit=False)
    found = search.fit(texts, labels).cv_results_["mean_test_score"]
    assert found[1] > 0.8
    assert len(found) == 2


def test_a_detector_is_scored_by_name_with_scikit_learns_labels(detector):
    texts = pd.Series([*NORMAL, *STRANGE, *NEW])
    labels = np.where(texts.isin(STRANGE), -1, 1)
    folds = [(np.arange(62), np.arange(62, len(texts)))]
    scores = cross_val_score(detector, texts, labels, cv=folds, scoring="roc_auc")
    assert (scores > 0.8).all()


def test_labels_reach_a_fit_that_is_asked_for_verdicts_at_once(fitted_on_tiny, monkeypatch):
    texts, labels, given = [*NEW, *STRANGE], [1] * len(NEW) + [-1] * len(STRANGE), []

    def fit(_, X, y=None, **named):
        given.append(([*X], y, named))
        return fitted_on_tiny

    monkeypatch.setattr(PolarDetector, "fit", fit)
    groups = [*range(len(texts))]
    found = PolarDetector().fit_predict(texts, labels, groups=groups, progress=print)
    np.testing.assert_array_equal(found, fitted_on_tiny.predict(texts))
    make_pipeline(FunctionTransformer(list), PolarDetector()).fit_predict(texts, labels)
    named = {"groups": groups, "progress": print}, {"groups": "auto", "progress": None}
    assert given == [(texts, labels, own) for own in named]
    once = (text for text in texts)  # can be read but once, and is needed twice
    np.testing.assert_array_equal(PolarDetector().fit_predict(once), found)


def test_scikit_learn_is_told_that_the_input_is_text():
    for estimator in (PolarDetector(), SignatureTransformer()):
        assert get_tags(estimator).input_tags.string
        assert get_tags(estimator).input_tags.one_d_array


def test_texts_come_from_any_container():
    texts = ["oil", "fuse"]
    for container in (
        tuple(texts),
        np.asarray(texts),
        np.asarray(texts, object),
        np.asarray(texts)[:, None],
        pd.Series(texts, index=[7, 3]),
        pd.DataFrame({"note": texts}),
        pd.Index(texts),
        pd.Series(texts, dtype="string[pyarrow]"),
        pa.array(texts),
        pa.chunked_array([texts]),
        pa.table({"note": texts}),
    ):
        assert as_texts(container) == texts
        assert all(type(text) is str for text in as_texts(container))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("oil", "Got one string; expected a sequence of texts"),
        (["oil", None], "Got NoneType at position 1; expected texts"),
        ([], "Got no texts; expected at least one"),
        (pa.array(["oil", None]), "Got NoneType at position 1; expected texts"),
        ({"note": ["oil"]}, "Got dict; expected a sequence of texts, .*, or of rows a data frame"),
        ({"oil"}, "Got set; expected a sequence of texts"),
        (b"oil", "Got bytes; expected a sequence of texts"),
        (None, "Got NoneType; expected a sequence of texts"),
        (5, "Got int; expected a sequence of texts"),
        (np.asarray("oil"), "Got ndarray; expected a sequence of texts"),
        (["a \ud800"], "lone surrogate"),
        (
            pa.table({"a": ["x"], "b": ["y"]}),
            r"Got a table of 2 columns \(a, b\); expected one col",
        ),
        (pd.DataFrame(index=[0, 1]), r"Got a table of 0 columns \(\); expected one column"),
        (np.full((2, 2), "a"), r"Got an array of shape \(2, 2\); .*, or of rows pass a data frame"),
        (
            sparse.csr_matrix((3, 1)),
            r"Got an array of shape \(3, 1\); .* of rows pass a data",
        ),
        ([{"flow": 1}], "Got dict at position 0; .*; of rows pass a data frame, e.g. pandas.DataF"),
        ([["oil", 1]], "Got list at position 0; .*; of rows pass a data frame, e.g. pandas.DataF"),
        (np.zeros(1, "f4,i4"), "Got void at position 0; .*; of rows pass a data frame, e.g. panda"),
    ],
)
def test_what_is_not_texts_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        as_texts(given)


def test_labels_are_read_in_both_conventions():
    expected = [True, False, False]
    for labels in (
        [1, 0, 0],
        [True, False, False],
        [1.0, 0.0, 0.0],
        [-1, 1, 1],
        pd.DataFrame({"label": [-1, 1, 1]}),
        np.asarray([[1], [0], [0]]),
        pd.DataFrame({"label": pd.array([True, False, False], dtype="boolean")}),
    ):
        assert anomalous(labels, 3).tolist() == expected
    assert not anomalous(None, 3).any()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 2], "Got label 2; expected 1 or True for anomalous"),
        (["0", "1"], "Got label '0'; expected"),
        ([0, -1], "Got label -1 and 0 together"),
        ([1], "Got 1 labels for 2 texts; expected one each"),
        ([[1, 0]], "labels for 2 texts; expected one each"),
        (pd.DataFrame({"a": [1, 0], "b": [1, 0]}), r"Got \(2, 2\) array of labels for 2 texts"),
        (pd.DataFrame({"a": [1, 0, 0]}), "Got 3 labels for 2 texts; expected one each"),
        (1, "Got int as labels for 2 texts; expected one each"),
        ({0: 1, 1: 0}, "Got dict as labels for 2 texts; expected one each"),
        ([[1], [1, 0]], r"Got labels of no shape \(.*\); expected one each"),
        ([{}, {}], r"Got label {}; expected 1 or True for anomalous"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        anomalous(labels, 2)


def test_labels_that_are_all_one_are_explained():
    hint = "All labels are 1, which counts as anomalous where no -1 occurs: leave y out"
    with pytest.raises(InputError, match=f"Got 0 normal texts .* {hint}"):
        PolarDetector().fit(NORMAL, [1] * len(NORMAL))
    with pytest.raises(InputError) as found:  # control
        PolarDetector().fit(NORMAL, [-1] * len(NORMAL))
    assert hint not in str(found.value)


def test_an_unfitted_transformer_raises_scikit_learns_error_and_ours():
    with pytest.raises(NotFittedError):
        SignatureTransformer().transform(["oil"])
    with pytest.raises(UnfittedError, match="call fit on normal texts"):
        SignatureTransformer().transform(["oil"])
