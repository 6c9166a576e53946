"""Tables of hundreds of columns: what few of them show."""

from dataclasses import replace

import numpy as np

from polar_detect.metrics import auroc
from polar_detect.signature.columns.normal_rows import ColumnCovariance


def spectra(n_rows, *, n_columns, seed=0):
    """Return curves of a few bands whose heights vary, with noise, and the place along them."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, n_columns)
    bands = np.exp(-0.5 * ((x - np.array([[0.2], [0.5], [0.8]])) / 0.05) ** 2)
    heights = np.exp(rng.normal(0, 0.15, (n_rows, 3)))
    return heights @ bands + rng.normal(0, 0.01, (n_rows, n_columns)), x


def test_noise_beyond_the_reach_of_few_rows_does_not_hide_a_small_band():
    normal, x = spectra(60, n_columns=400)
    new, _ = spectra(200, n_columns=400, seed=1)
    new[100:] += 0.02 * np.exp(-0.5 * ((x - 0.35) / 0.02) ** 2)
    points, others = ((rows - normal.mean(0)) / normal.std(0) for rows in (normal, new))
    covariance = ColumnCovariance.fit(points, np.zeros((400, 400)))
    found, without_slack = (
        auroc(np.arange(200) >= 100, np.abs(own.residuals(others)).mean(1))
        for own in (covariance, replace(covariance, slack=0.0))
    )
    assert found > without_slack + 0.03
