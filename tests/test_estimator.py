import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from some_by_default import some_by_default
from test_detectors import FEATURES, table
from unlabelled_heads import UNLABELLED

from polar_detect import SignatureOutlierDetector
from polar_detect.containers import UnfittedError
from polar_detect.detectors import AutoHead, ClassifierHead, IsolationForestHead, LightGBMHead
from polar_detect.errors import InputError
from polar_detect.features.table import FeatureTable
from polar_detect.metrics import auroc

NAMES = [feature.name for feature in FEATURES]


def frame(n, *, seed, shifted=False):
    return pd.DataFrame(table(n, seed=seed, shifted=shifted).values, columns=NAMES)


# Over a plain matrix `auto` is the isolation forest.
@pytest.mark.slow
@parametrize_with_checks([SignatureOutlierDetector(), SignatureOutlierDetector("lightgbm")])
def test_scikit_learn_checks_hold(estimator, check):
    check(estimator)


@pytest.mark.parametrize("method", ["score_samples", "decision_function", "predict"])
def test_a_detector_that_is_not_fitted_says_so_as_the_others_do(method):
    with pytest.raises(UnfittedError, match="Got a detector that is not fitted"):
        getattr(SignatureOutlierDetector(), method)(frame(4, seed=0))


def test_a_fit_that_fails_leaves_the_earlier_one_as_it_was():
    rows, narrow = frame(40, seed=1), frame(40, seed=1).iloc[:, :3]
    detector = SignatureOutlierDetector(random_state=0).fit(rows)
    expected = detector.score_samples(rows)
    with pytest.raises(ValueError, match="feature names should match"):
        detector.fit(narrow, strangers=rows)
    np.testing.assert_array_equal(detector.score_samples(rows), expected)
    assert list(detector.feature_names_in_) == NAMES
    assert detector.fit(narrow).n_features_in_ == 3  # control
    assert not hasattr(detector.fit(narrow.to_numpy()), "feature_names_in_")


@pytest.mark.parametrize("name", UNLABELLED)
def test_strangers_are_flagged_and_normal_rows_rarely(name):
    detector = SignatureOutlierDetector(name, random_state=1)
    strangers = frame(90, seed=2, shifted=True)
    detector.fit(frame(800, seed=1), strangers=strangers)
    assert (detector.predict(frame(400, seed=5)) == -1).mean() < 0.12
    assert (detector.predict(frame(100, seed=4, shifted=True)) == -1).mean() > 0.8


@pytest.mark.slow
def test_as_many_normal_rows_are_flagged_as_alpha_says():
    rng = np.random.default_rng(0)
    detector = SignatureOutlierDetector(IsolationForestHead(), random_state=0)
    flagged = []
    for _ in range(12):
        rows = rng.standard_normal((1150, 4))
        flagged.append((detector.fit(rows[:150]).predict(rows[150:]) == -1).mean())
    assert 0.04 < np.mean(flagged) < 0.06


def test_auto_reads_signatures_as_such_and_other_matrices_by_a_forest():
    rows = frame(60, seed=1)
    assert isinstance(SignatureOutlierDetector().fit(rows).head_, AutoHead)
    assert isinstance(SignatureOutlierDetector().fit(rows.to_numpy()).head_, IsolationForestHead)
    boosted = SignatureOutlierDetector("lightgbm").fit(rows.to_numpy())
    assert isinstance(boosted.head_, LightGBMHead)


@pytest.mark.slow
def test_auto_reads_signatures_by_an_encoder_whose_first_layer_is_not_looked_at():
    rows = frame(60, seed=1)
    deep = rows.rename(columns=lambda name: name.replace("encoder/change_0", "encoder/change_9"))
    assert "encoder/change_0" in set(rows) - set(deep)
    assert isinstance(SignatureOutlierDetector().fit(deep).head_, AutoHead)
    for part in ("encoder/change", "encoder/novelty", "encoder/characters", "memory/ratio"):
        lacking = rows.loc[:, [not name.startswith(part) for name in rows]]
        assert isinstance(SignatureOutlierDetector().fit(lacking).head_, IsolationForestHead)


@pytest.mark.parametrize("name", UNLABELLED)
def test_without_strangers_rows_that_are_far_off_score_as_abnormal(name):
    detector = SignatureOutlierDetector(name, random_state=0).fit(frame(150, seed=1))
    labels = np.repeat([False, True], 50)
    rows = pd.concat([frame(50, seed=3), frame(50, seed=4, shifted=True)])
    assert auroc(labels, -detector.score_samples(rows)) > 0.9


def test_a_forest_of_one_row_explains_the_one_score_that_it_has():
    detector = SignatureOutlierDetector(random_state=0).fit([[1.0, 2.0], [3.0, 4.0]])
    head, rows = detector.head_, FeatureTable(np.float32([[1, 2], [9, 9]]), detector.features_)
    attribution = head.explain(rows)
    attribution.check_adds_up(head.scores(rows))
    assert not attribution.values.any()


class _Remembering(LightGBMHead):
    def fit(self, shown, **settings):
        self.shown = shown.strangers.values
        return super().fit(shown, **settings)


def test_nothing_of_the_rows_held_out_is_shown_as_strange():
    rows = np.arange(160.0).reshape(80, 2)
    head = SignatureOutlierDetector(_Remembering(), random_state=0).fit(rows).head_
    shuffled = head.shown[: len(head.shown) // 2]
    assert np.isin(shuffled, rows).all()
    assert [len(np.unique(column)) for column in shuffled.T] == [61, 61]


@pytest.mark.parametrize("seed", range(3))
def test_a_head_that_learns_from_strangers_flags_as_many_normal_rows_as_promised(seed):
    rng = np.random.default_rng(seed)
    detector = SignatureOutlierDetector("lightgbm", alpha=0.1, random_state=seed)
    detector.fit(rng.normal(size=(1200, 4)))
    assert 0.06 < (detector.predict(rng.normal(size=(1000, 4))) == -1).mean() < 0.15


def test_a_seed_makes_the_fit_reproducible():
    rows, new = frame(40, seed=1), frame(5, seed=5)

    def scores(seed):
        detector = SignatureOutlierDetector("isolation-forest", random_state=seed)
        return clone(detector).fit(rows).score_samples(new)

    np.testing.assert_array_equal(scores(1), scores(1))
    assert (scores(1) != scores(2)).any()


@pytest.mark.slow
def test_the_share_of_flagged_normal_rows_follows_alpha():
    rows, new = frame(400, seed=1), frame(400, seed=2)
    for alpha in (0.05, 0.3):
        detector = SignatureOutlierDetector("isolation-forest", alpha=alpha, random_state=0)
        share = (detector.fit(rows).predict(new) == -1).mean()
        assert share == pytest.approx(alpha, abs=0.12)


@pytest.mark.parametrize(
    ("detector", "said"),
    [("forest", "'forest'; expected one of auto"), (None, "None; expected a name such as 'auto'")],
)
def test_an_unknown_detector_is_refused(detector, said):
    with pytest.raises(InputError, match=f"Got detector {said}"):
        SignatureOutlierDetector(detector).fit(np.eye(5))


@pytest.mark.parametrize("rows", [np.eye(5), frame(50, seed=1)])
def test_a_detector_that_needs_labels_is_refused_where_there_are_none(rows):
    for detector in ("classifier", ClassifierHead()):
        with pytest.raises(InputError, match="Got detector 'classifier', which learns from labels"):
            SignatureOutlierDetector(detector).fit(rows)


@pytest.mark.parametrize(
    "names",
    some_by_default([("length", "loss"), ("loss", "skip"), ("length",)], ("loss", "skip")),
)
def test_no_column_of_a_matrix_is_left_out_for_its_name(names):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(200, len(names))), columns=list(names))
    for column in names:
        strange = rows[:20].assign(**{column: 9.0})
        detector = SignatureOutlierDetector(random_state=0).fit(rows)
        usual = np.median(detector.score_samples(rows))
        assert (detector.score_samples(strange) < usual).all()


def test_a_part_of_a_signature_is_read_whole():
    rows = frame(150, seed=1).filter(like="skip/")
    strange = rows[:20].assign(**{"skip/L0": 9.0})
    for name in ("auto", "isolation-forest"):
        detector = SignatureOutlierDetector(name, random_state=0).fit(rows)
        assert (detector.score_samples(strange) < detector.score_samples(rows[:20])).all()


def test_a_column_of_ones_own_beside_a_signature_is_read():
    rows = frame(150, seed=1).assign(length=np.linspace(0, 1, 150))
    usual = rows[60:80]
    detector = SignatureOutlierDetector(random_state=3).fit(rows)
    strange = usual.assign(length=9.0)
    assert (detector.score_samples(strange) < detector.score_samples(usual)).all()


def test_where_few_rows_cannot_reach_alpha_what_exceeds_all_of_them_is_flagged():
    rows = np.random.default_rng(0).normal(size=(8, 3))
    detector = SignatureOutlierDetector("isolation-forest", random_state=0).fit(rows)
    assert detector.predict(rows).tolist() == [1] * 8
    assert -detector.offset_ == (-detector.score_samples(rows)).max()


@pytest.mark.parametrize("alpha", [0, 1, 1.0, 2, -1, float("nan"), "x", None, True])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(InputError, match="expected a share of the normal rows between 0 and 1"):
        SignatureOutlierDetector(alpha=alpha).fit(np.eye(5))


def test_a_row_without_values_is_passed_over():
    rows, new = frame(100, seed=1), frame(6, seed=2)
    detector = SignatureOutlierDetector(random_state=0)
    expected = detector.fit(rows, strangers=new).score_samples(new)
    rows.loc[100], new.loc[6] = np.nan, np.nan
    scores = detector.fit(rows, strangers=new).score_samples(new)
    np.testing.assert_array_equal(scores, [*expected, np.nan])
    assert np.isnan(detector.decision_function(new)[-1])
    assert detector.predict(new)[-1] == 1
    assert detector.predict(new[-1:]).tolist() == [1]


def test_a_row_with_some_values_missing_is_refused():
    rows = frame(20, seed=1)
    detector = SignatureOutlierDetector().fit(rows)
    rows.iloc[3, 4] = np.nan
    for use in (detector.fit, detector.predict):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            use(rows)
    with pytest.raises(InputError, match="Got 1 rows with values among 20; expected at least 2"):
        detector.fit(frame(20, seed=1).head(1).reindex(range(20)))
