"""Flagged rows that are like strange ones which somebody looked at and found normal."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_known_anomalies import machine
from work_orders import NORMAL

from polar_detect import PolarDetector, Report
from polar_detect.artifact.contents import read_contents
from polar_detect.features.of_columns import column_feature
from polar_detect.features.table import FeatureTable
from polar_detect.signature import found_fine
from polar_detect.signature.found_fine import FoundFine
from polar_detect.signature.known_anomalies import Deviations, KnownAnomaly

USUAL = machine(300)


def reviewed(detector, *kinds, n=12):
    """Return a detector that learned that rows of some kinds are normal, and bearings a fault."""
    rows = [*(machine(n, seed=9, kind=kind) for kind in kinds), machine(6, seed=9, kind="bearing")]
    found = pd.concat(rows)
    return detector.updated(found, [False] * n * len(kinds) + [True] * 6)


@pytest.fixture(scope="module")
def january():
    return PolarDetector().fit(USUAL)


@pytest.fixture(scope="module")
def learned(january):
    return reviewed(january, "leak")


def told(detector, kind, n=60):
    """Return how many that were found fine flagged rows of a kind are like."""
    found = detector.assess(machine(n, seed=8, kind=kind))
    return np.asarray(found.like_fine)[found.is_anomaly]


def test_a_flagged_row_is_like_strange_ones_that_were_found_normal(learned):
    like = told(learned, "leak")
    assert len(like) > 10  # that are still flagged
    assert np.mean(like >= 3) > 0.4
    assert set(like[like < 3]) <= {0}


@pytest.mark.parametrize("kind", ["bearing", "belt"])
def test_a_fault_is_not_whether_its_kind_is_known_or_new(learned, kind):
    like = told(learned, kind)
    assert len(like) > 40
    assert np.mean(like > 0) < 0.05


def test_reasons_and_cards_say_so_of_flagged_rows_alone(learned):
    new = pd.concat([machine(20, seed=8, kind="leak"), machine(40, seed=7)], ignore_index=True)
    found = learned.assess(new)
    says = [f"like {n} rows that were found normal" for n in found.like_fine]
    is_told = np.asarray(found.like_fine) > 0
    named = [reasons.endswith(own) for reasons, own in zip(found.reasons(), says, strict=True)]
    np.testing.assert_array_equal(named, is_told & found.is_anomaly)
    assert any(named)
    assert "正常と判定された行" in found.reasons("ja")[named.index(True)]
    none = replace(found, is_anomaly=np.zeros(60, bool))
    assert not any("found normal" in own for own in none.reasons())
    page = Report.of(learned, new)._repr_html_()
    assert "strange rows that were reviewed and found normal." in page
    shown = Report(Report.of(learned, new).data, "ja")._repr_html_()
    assert "正常とされた通常と違う行" in shown


def test_no_score_changes_and_a_saved_detector_says_the_same(learned, tmp_path):
    new = machine(40, seed=8, kind="leak")
    learned.save(tmp_path / "detector")
    loaded = PolarDetector.load(tmp_path / "detector")
    one, other = learned.assess(new), loaded.assess(new)
    assert one.like_fine == other.like_fine
    assert max(one.like_fine) >= 3
    assert one.reasons() == other.reasons()
    kept = [own.what for own in read_contents(tmp_path / "detector").kept]
    assert "how strange texts that were reviewed and found normal deviate from others" in kept


def test_where_few_or_only_usual_rows_were_reviewed_nothing_is_said(january):
    assert reviewed(january, "leak", n=2).fitted_.fine is None
    assert january.fitted_.fine is None
    usual = january.updated(machine(40, seed=5), [False] * 40)
    fine = usual.fitted_.fine
    assert fine is None or len(fine) < 8
    whole = january.updated(machine(12, seed=9, kind="leak"), [False] * 12, is_whole=True)
    assert whole.fitted_.fine is None
    assert whole.assess(machine(3, seed=8)).like_fine == ()


def test_usual_rows_beside_strange_ones_take_nothing_away(january):
    """As where somebody corrects what `score` wrote, and so reviews whole files."""
    rows = pd.concat([machine(150, seed=5), machine(12, seed=9, kind="leak")])
    whole_file = january.updated(rows, [False] * 162)
    assert np.mean(told(whole_file, "leak") >= 3) > 0.25


def deviations(*columns):
    own = np.asarray(columns, np.float32)
    return Deviations(np.zeros((len(own), 0), np.float32), own)


def test_what_is_nearer_to_a_labelled_anomaly_is_like_none_of_them():
    strange = deviations([3, 0.5], [3.4, -0.3], [2.6, -0.3], [0, 0.1])
    held_out = deviations(*np.random.default_rng(0).normal(0, 0.3, (40, 2)).tolist())
    texts, p_values = ["a", "b", "c", "usual"], np.asarray([0.01, 0.02, 0.05, 0.5])
    fine = FoundFine.fit(texts, p_values, strange, held_out)
    assert len(fine) == 3
    assert FoundFine.fit(["a", "a", "c", "usual"], p_values, strange, held_out) is None
    assert FoundFine.fit(texts, p_values, strange, held_out.rows(range(18))) is None
    features = tuple(column_feature(name, "value") for name in "xy")
    new = FeatureTable(np.asarray([[3, 0], [0, 3]], np.float32), features)
    assert fine.counts(new, None, []) == [3, 0]
    near = [KnownAnomaly("", "", similarity, is_like=False, place=0) for similarity in (0.9, -1)]
    assert fine.counts(new, None, near) == [3, 0]
    nearer = [KnownAnomaly("", "", 1.0, is_like=True, place=0)] * 2
    assert fine.counts(new, None, nearer) == [0, 0]


@pytest.mark.slow
def test_texts_too(fitted_on_tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(found_fine, "_STRANGE", 1.0)  # tiny models find few texts strange
    odd = [f"xqz {i} zzkw vvq" for i in range(8)]
    learned = fitted_on_tiny.updated([*odd, *NORMAL[:2]], [False] * 10)
    learned.save(tmp_path / "detector")
    new = [*(f"xqz {i} zzkw vvq" for i in range(8, 16)), *NORMAL[2:6]]
    one = learned.assess(new, programs_of="none")
    other = PolarDetector.load(tmp_path / "detector").assess(new, programs_of="none")
    assert one.like_fine == other.like_fine
    assert max(one.like_fine) >= 3
    assert learned.assess(["", new[0]], programs_of="none").like_fine == (0, one.like_fine[0])
