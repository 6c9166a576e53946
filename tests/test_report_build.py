import copy
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest
from work_orders import NORMAL

from polar_detect import tables
from polar_detect.drift import FeatureStatistics
from polar_detect.features import FeatureTable
from polar_detect.fitting import Fitted
from polar_detect.report.build import build_report

TEXTS = [*NORMAL[:12], "", "SELECT * FROM users;", "SELECT * FROM users WHERE id = 4;"]


@pytest.fixture(scope="module")
def assessed(fitted_on_tiny):
    return fitted_on_tiny.assess(TEXTS)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> tables.Table:
    path: Path = tmp_path_factory.mktemp("batch") / "batch.csv"
    quoted = (f'"{text}"' for text in TEXTS)
    path.write_text("text\n" + "\n".join(quoted) + "\n", encoding="utf-8")
    return tables.read_table(path, text_column="text")


@dataclass(frozen=True)
class FittedWithStatistics(Fitted):
    statistics: FeatureStatistics


def test_a_report_explains_the_worst_rows_and_lists_all_scored_ones(
    fitted_on_tiny, assessed, table
):
    data = build_report(fitted_on_tiny, assessed, table, top=3)
    scores = [row.score for row in data.listed]
    assert scores == sorted(scores, reverse=True)
    assert len(data.listed) == len(TEXTS) - 1  # the empty text has no score
    assert [row.row for row in data.rows] == [row.row for row in data.listed[:3]]
    for row in data.rows:
        parts = sum(part.value for part in (*row.layers, *row.whole))
        assert data.base_value + parts == pytest.approx(row.score, abs=1e-4)
        assert row.tokens[0].start == 0
        assert row.text == TEXTS[row.row - 1]
    assert data.source == "batch.csv"


def test_the_swarm_draws_each_scored_text_once(fitted_on_tiny, assessed, table):
    data = build_report(fitted_on_tiny, assessed, table, top=1)
    sizes = [np.abs(swarm.parts).mean() for swarm in data.swarms]
    assert sizes == sorted(sizes, reverse=True)
    for swarm in data.swarms:
        column = assessed.explanation.names.index(swarm.feature.name)
        expected = assessed.explanation.values[~np.isnan(assessed.scores), column]
        np.testing.assert_allclose(np.sort(swarm.parts), np.sort(expected))
        assert (swarm.ranks.min(), swarm.ranks.max()) in {(0.0, 1.0), (0.0, 0.0)}


def test_a_detector_with_feature_statistics_says_which_features_moved(
    fitted_on_tiny, assessed, table
):
    assert build_report(fitted_on_tiny, assessed, table, top=1).drift.features == ()
    normal = fitted_on_tiny.explain(NORMAL)
    shifted = FeatureTable(normal.data.copy(), normal.features)
    shifted.values[:, normal.names.index("loss/mean")] -= 50
    own = {field.name: getattr(fitted_on_tiny.fitted_, field.name) for field in fields(Fitted)}
    detector = copy.copy(fitted_on_tiny)
    detector.fitted_ = FittedWithStatistics(**own, statistics=FeatureStatistics.of(shifted))
    drift = build_report(detector, assessed, table, top=1).drift
    assert drift.features[0].feature.name == "loss/mean"
    assert drift.features[0].is_moved
    assert [shift.feature.layer for shift in drift.layers] == list(range(detector.n_layers))
