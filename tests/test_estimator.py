import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from test_detectors import FEATURES, table

from polar_detect import SignatureOutlierDetector
from polar_detect.detectors import HEADS, AutoHead, IsolationForestHead, LightGBMHead
from polar_detect.errors import InputError
from polar_detect.metrics import auroc

NAMES = [feature.name for feature in FEATURES]


def frame(n, *, seed, shifted=False):
    return pd.DataFrame(table(n, seed=seed, shifted=shifted).values, columns=NAMES)


# Over a plain matrix `auto` is the isolation forest.
@parametrize_with_checks([SignatureOutlierDetector(), SignatureOutlierDetector("lightgbm")])
def test_scikit_learn_checks_hold(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", sorted(HEADS))
def test_strangers_are_flagged_and_normal_rows_rarely(name):
    detector = SignatureOutlierDetector(name, random_state=1)
    strangers = frame(90, seed=2, shifted=True)
    detector.fit(frame(800, seed=1), strangers=strangers)
    assert (detector.predict(frame(400, seed=5)) == -1).mean() < 0.12
    assert (detector.predict(frame(100, seed=4, shifted=True)) == -1).mean() > 0.8


def test_auto_reads_signatures_as_such_and_other_matrices_by_a_forest():
    rows = frame(60, seed=1)
    assert isinstance(SignatureOutlierDetector().fit(rows).head_, AutoHead)
    assert isinstance(SignatureOutlierDetector().fit(rows.to_numpy()).head_, IsolationForestHead)
    boosted = SignatureOutlierDetector("lightgbm").fit(rows.to_numpy())
    assert isinstance(boosted.head_, LightGBMHead)


def test_auto_reads_signatures_by_an_encoder_whose_first_layer_is_not_looked_at():
    rows = frame(60, seed=1)
    deep = rows.rename(columns=lambda name: name.replace("encoder/change_0", "encoder/change_9"))
    assert "encoder/change_0" in set(rows) - set(deep)
    assert isinstance(SignatureOutlierDetector().fit(deep).head_, AutoHead)
    for part in ("encoder/change", "encoder/novelty", "encoder/characters", "memory/ratio"):
        lacking = rows.loc[:, [not name.startswith(part) for name in rows]]
        assert isinstance(SignatureOutlierDetector().fit(lacking).head_, IsolationForestHead)


@pytest.mark.parametrize("name", sorted(HEADS))
def test_without_strangers_rows_that_are_far_off_score_as_abnormal(name):
    detector = SignatureOutlierDetector(name, random_state=0).fit(frame(150, seed=1))
    labels = np.repeat([False, True], 50)
    rows = pd.concat([frame(50, seed=3), frame(50, seed=4, shifted=True)])
    assert auroc(labels, -detector.score_samples(rows)) > 0.9


def test_a_seed_makes_the_fit_reproducible():
    rows, new = frame(40, seed=1), frame(5, seed=5)

    def scores(seed):
        detector = SignatureOutlierDetector("isolation-forest", random_state=seed)
        return clone(detector).fit(rows).score_samples(new)

    np.testing.assert_array_equal(scores(1), scores(1))
    assert (scores(1) != scores(2)).any()


def test_the_share_of_flagged_normal_rows_follows_alpha():
    rows, new = frame(400, seed=1), frame(400, seed=2)
    for alpha in (0.05, 0.3):
        detector = SignatureOutlierDetector("isolation-forest", alpha=alpha, random_state=0)
        share = (detector.fit(rows).predict(new) == -1).mean()
        assert share == pytest.approx(alpha, abs=0.12)


def test_an_unknown_detector_is_refused():
    with pytest.raises(InputError, match="Got detector 'forest'; expected one of auto"):
        SignatureOutlierDetector("forest").fit(np.eye(5))
