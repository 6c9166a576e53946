"""Tables of hundreds of columns: how normal rows are held out, and what few columns show."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect.features.of_columns import column_feature
from polar_detect.metrics import auroc
from polar_detect.signature.columns import normal_rows, numbers
from polar_detect.signature.columns.allowed_rows import groups_by_allowed, merged
from polar_detect.signature.columns.normal_rows import ColumnCovariance
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.statistics.dependence import Order
from polar_detect.tables import RowTemplate


def spectra(n_rows, *, n_columns, seed=0):
    """Return curves of a few bands whose heights vary, with noise, and the place along them."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, n_columns)
    bands = np.exp(-0.5 * ((x - np.array([[0.2], [0.5], [0.8]])) / 0.05) ** 2)
    heights = np.exp(rng.normal(0, 0.15, (n_rows, 3)))
    return heights @ bands + rng.normal(0, 0.01, (n_rows, n_columns)), x


def as_frame(rows):
    return pd.DataFrame(rows.round(5)).add_prefix("nm ").astype(str)


def fitted(rows):
    frame = as_frame(rows)
    template = RowTemplate.fit(frame, list(frame.columns))
    return NumberReference.fit(template, template.texts(frame))


def residuals(reference, rows, **options):
    table = reference.features(reference.template.texts(as_frame(rows)), **options)
    names = [column_feature(own.name, "residual") for own in reference.template.numeric]
    return table.chosen(tuple(names)).values


@pytest.mark.parametrize("most", [7, 10, 40])
@pytest.mark.parametrize(
    "banned",
    [
        np.eye(100, dtype=bool),
        Order(np.arange(100), reach=6).near(np.arange(100)),
        Order(np.arange(100) // 30).near(np.arange(0, 100, 2)),
        np.maximum(np.eye(100, dtype=bool), np.arange(100) % 2 == np.arange(100)[:, None] % 2),
    ],
    ids=["alone", "near in time", "lots", "copies of half of all"],
)
def test_rows_that_are_held_out_at_once_lose_hardly_more_than_alone(banned, most):
    n_texts, n_rows = banned.shape
    groups = groups_by_allowed(banned, n_texts, n_rows)
    found = merged(groups, n_rows, most)
    assert len(found) <= max(most, 4)
    assert sorted(np.concatenate([rows for rows, _ in found])) == [*range(n_texts)]
    for rows, allowed in found:
        for row in rows:
            own = np.flatnonzero(~banned[row])
            assert {*allowed} <= {*own}
            assert len(allowed) >= len(own) - n_rows / most


def test_a_row_with_many_copies_is_held_out_without_the_rows_beside_it():
    banned = np.eye(40, dtype=bool)
    banned[10, :30] = True
    found = merged(groups_by_allowed(banned, 40, 40), 40, 20)
    assert [10] in [rows.tolist() for rows, _ in found]
    assert len(found) == 21


def test_normal_rows_are_fitted_twenty_times_where_a_fit_takes_long(monkeypatch):
    rows, _ = spectra(60, n_columns=40)
    reference, alone = fitted(rows), np.eye(60, dtype=bool)
    n_fits, fit = [], normal_rows.NormalRows.fit
    monkeypatch.setattr(
        normal_rows.NormalRows, "fit", lambda *given: n_fits.append(1) or fit(*given)
    )
    one_by_one = residuals(reference, rows, banned=alone)
    assert len(n_fits) == 60
    n_fits.clear()
    monkeypatch.setattr(numbers, "MOST_FITS_S", 0.0)
    at_once = residuals(reference, rows, banned=alone)
    assert len(n_fits) == 20
    sizes = [np.abs(own).mean(1) for own in (one_by_one, at_once)]
    assert np.corrcoef(*sizes)[0, 1] > 0.97
    assert 1 < sizes[1].mean() / sizes[0].mean() < 1.1


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
