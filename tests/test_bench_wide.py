"""experiments/bench_wide.py invents the same columns for every table of a width."""

import bench_wide
import numpy as np


def test_new_rows_go_together_as_those_that_were_fitted_on():
    own, other = (bench_wide.sensors(3000, 30, seed).corr().to_numpy() for seed in range(2))
    assert np.abs(own - other).max() < 0.15
    assert np.abs(own - np.eye(30)).max() > 0.3  # the control: some do
    assert not bench_wide.sensors(5, 3, 0).equals(bench_wide.sensors(5, 3, 1))


def test_detection_limits_are_asked_for_where_columns_are_few(tmp_path):
    assert "detection limits" in bench_wide._commands(tmp_path, has_limits=True)
    assert [*bench_wide._commands(tmp_path, has_limits=False)] == ["fit", "score", "report"]
