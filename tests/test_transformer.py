import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from work_orders import NEW, NORMAL, STRANGE

from polar_detect import SignatureOutlierDetector, SignatureTransformer
from polar_detect.errors import InputError, ModelError, NotFittedError
from polar_detect.metrics import auroc

FEW = NORMAL[:24]


@pytest.fixture(scope="module")
def settings(tiny_pair):
    return {**tiny_pair, "curves": "none"}


@pytest.fixture(scope="module")
def fitted(settings):
    """Return a transformer with all features; tests must not change it."""
    whole = settings | {"curves": "first-order", "programs": True}
    return SignatureTransformer(**whole).fit(NORMAL)


def test_signatures_come_as_a_table_with_a_name_for_every_column(fitted):
    table = fitted.transform(NEW)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == list(fitted.get_feature_names_out())
    assert {"loss/mean", "skip/L4", "distance/knn/L0", "context/ratio", "program/length"} <= set(
        table.columns
    )
    assert len(set(table.columns)) == table.shape[1]
    assert np.isfinite(table.to_numpy()).all()


def test_a_pickled_transformer_gives_the_same_signatures(fitted):
    pickled = pickle.dumps(fitted)
    assert len(pickled) < 10_000_000  # no models
    pd.testing.assert_frame_equal(pickle.loads(pickled).transform(NEW), fitted.transform(NEW))


@pytest.mark.slow
def test_more_texts_are_searched_for_the_menu_of_a_larger_fit(fitted, settings):
    assert len(fitted.menu_.harms) == 8
    texts = [f"{text} in bay {place}" for place in range(4) for text in NORMAL]
    larger = SignatureTransformer(**settings, programs=True, max_tokens=4).fit([*texts, *texts[:9]])
    assert len(larger.menu_.harms) == len(texts) // 25 == 9


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"max_tokens": 8.0}, {"tolerance": -1}, {"programs": None}]
)
def test_a_setting_that_cannot_be_is_refused(settings, wrong):
    with pytest.raises(InputError, match=f"Got {next(iter(wrong))} .*; expected"):
        SignatureTransformer(**settings | wrong).fit(FEW)


@pytest.mark.parametrize(
    ("other", "texts"), [({"max_tokens": 2}, FEW[:2]), ({"programs": "yes"}, NORMAL)]
)
def test_a_fit_that_fails_leaves_the_earlier_one_as_it_was(settings, other, texts):
    transformer = SignatureTransformer(**settings).fit(FEW)
    expected = transformer.transform(NEW[:2])
    with pytest.raises(InputError):
        transformer.set_params(**other).fit(texts)
    pd.testing.assert_frame_equal(transformer.transform(NEW[:2]), expected)


def test_set_output_decides_the_container(settings):
    transformer = SignatureTransformer(**settings).set_output(transform="pandas")
    table = transformer.fit(FEW).transform(pd.Series(NEW, index=range(100, 100 + len(NEW))))
    assert list(table.index) == list(range(100, 100 + len(NEW)))
    assert list(table.columns) == list(transformer.get_feature_names_out())


def test_texts_are_taken_from_any_container(fitted):
    expected = fitted.transform(NEW[:3]).to_numpy()
    containers = [
        tuple(NEW[:3]),
        np.asarray(NEW[:3]),
        np.asarray(NEW[:3], object),
        pd.Series(NEW[:3]),
        pd.DataFrame({"text": NEW[:3]}),
        np.asarray(NEW[:3], object)[:, None],
    ]
    for texts in containers:
        np.testing.assert_array_equal(fitted.transform(texts).to_numpy(), expected)


def test_blanks_behind_texts_do_not_change_their_signatures(settings):
    few = FEW[:10]
    texts = [f"{text}\u3000" for text in few]
    own, ended = (SignatureTransformer(**settings).fit(some) for some in (few, texts))
    signatures = own.transform(NEW[:2])
    pd.testing.assert_frame_equal(own.transform([f"{text} " for text in NEW[:2]]), signatures)
    pd.testing.assert_frame_equal(ended.transform(NEW[:2]), signatures)
    pd.testing.assert_frame_equal(
        SignatureTransformer(**settings).fit_transform(texts),
        SignatureTransformer(**settings).fit_transform(few),
    )


def test_an_empty_text_is_a_row_of_nan(fitted):
    table = fitted.transform([NEW[0], ""])
    assert np.isfinite(table.iloc[0]).all()
    assert table.iloc[1].isna().all()


def test_training_texts_are_compared_with_the_others_only(settings, minilm):
    transformer = SignatureTransformer(**settings | {"encoder": minilm.name})
    across, known = transformer.fit_transform(FEW), transformer.transform(FEW)
    similarity = "neighbours/similarity_first"
    assert (across[similarity] < 0.999).all()
    np.testing.assert_allclose(known[similarity], 1, atol=1e-3)  # control: a text finds itself
    assert across["distance/knn/L2"].mean() > known["distance/knn/L2"].mean()
    np.testing.assert_array_equal(across["loss/mean"], known["loss/mean"])


@pytest.mark.slow
def test_a_pipeline_of_signatures_and_a_detector_finds_strangers(settings, minilm):
    signatures = SignatureTransformer(**settings | {"encoder": minilm.name})
    pipeline = make_pipeline(signatures, SignatureOutlierDetector(random_state=0))
    scores = -pipeline.fit(NORMAL).score_samples(NEW + STRANGE)
    labels = np.repeat([False, True], [len(NEW), len(STRANGE)])
    assert auroc(labels, scores) > 0.85
    assert pipeline[-1].head_.name == "auto"


@pytest.mark.slow
def test_grid_search_and_cross_validation_take_texts(settings):
    texts = [*FEW, *(f"{text} {i}" for i in range(3) for text in STRANGE)]
    labels = np.arange(len(texts)) >= len(FEW)
    pipeline = make_pipeline(
        SignatureTransformer(**settings, max_tokens=8), StandardScaler(), LogisticRegression()
    )
    assert cross_val_score(pipeline, texts, labels, cv=2, scoring="roc_auc").mean() > 0.7
    grid = {"signaturetransformer__max_tokens": [2, 8]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="roc_auc").fit(texts, labels)
    assert len(search.cv_results_["params"]) == 2
    assert search.best_score_ > 0.7


def test_a_clone_has_the_settings_and_not_the_fit(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError, match="not fitted; expected a fitted one; call fit"):
        copy.transform(NEW)
    with pytest.raises(NotFittedError, match="not fitted"):
        copy.get_feature_names_out()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("oil", "Got one string; expected a sequence of texts"),
        (["oil", None], "Got NoneType at position 1"),
        ([], "Got no texts"),
        (np.full((3, 2), "oil", object), r"Got an array of shape \(3, 2\); expected one column"),
        (["oil"] * 5 + [""] * 9, "Got 5 texts that are not empty; expected at least 8"),
    ],
)
def test_what_cannot_be_fitted_on_is_refused(settings, texts, message):
    with pytest.raises(InputError, match=message):
        SignatureTransformer(**settings).fit(texts)


def test_unknown_curves_and_encoders_are_refused(settings, minilm):
    with pytest.raises(InputError, match="Got curves 'all'; expected none, first-order or exact"):
        SignatureTransformer(**settings | {"curves": "all"}).fit(FEW)
    with pytest.raises(ModelError, match="which is an encoder"):
        SignatureTransformer(model=minilm.name).fit(FEW)
