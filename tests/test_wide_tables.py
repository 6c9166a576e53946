"""Tables of hundreds of columns: how normal rows are held out, and what few columns show."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from polar_detect.cli.commands.notices import Notices
from polar_detect.cli.options import FitOptions
from polar_detect.features.of_columns import column_feature
from polar_detect.frames import doubts_of_columns
from polar_detect.messages.language import Language
from polar_detect.metrics import auroc
from polar_detect.signature.columns import normal_rows, numbers
from polar_detect.signature.columns.allowed_rows import groups_by_allowed, merged
from polar_detect.signature.columns.normal_rows import ColumnCovariance
from polar_detect.signature.columns.numbers import NumberReference
from polar_detect.statistics.dependence import Order
from polar_detect.tables import RowColumns, RowTemplate, read_table, warn_of_sides


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
    assert np.corrcoef(*sizes)[0, 1] > 0.9
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


def properties_by_row(seed=0):
    """Return 24 properties of 30 melts, a row each, decades apart."""
    rng = np.random.default_rng(seed)
    numbers = 10 ** rng.uniform(-3, 3, (24, 1)) * rng.normal(1, 0.1, (24, 30))
    frame = pd.DataFrame(numbers).map("{:.4g}".format).add_prefix("melt ")
    frame.insert(0, "of", [f"property {own}" for own in "abcdefghijklmnopqrstuvwx"])
    return frame


def test_a_table_that_lies_on_its_side_is_told(tmp_path):
    frame = properties_by_row()
    turned = frame.set_index("of").T.reset_index(names="melt")
    alike = frame.assign(of=["one name"] * 24)
    empty = frame.assign(**{name: "" for name in frame.columns[1:] if name != "melt 0"})
    said = [
        warn_of_sides(own, RowTemplate.fit(own, list(own)))
        for own in (frame, turned, alike, empty, turned[:0])
    ]
    assert [len(own) for own in said] == [1, 0, 0, 0, 0]
    assert "such as 'property a' and 'property b', and columns are samples" in said[0][0]
    path = tmp_path / "turned.csv"
    frame.to_csv(path, index=False)
    table = read_table(path, rows=RowColumns())
    options = FitOptions(train=path, out=tmp_path / "out", all_columns=True, lang="ja")
    notices = [*Notices(table, options, Language("ja")).of_rows()]
    assert any("行と列を入れ替えて" in own for own in notices)
    in_python = doubts_of_columns(frame, RowTemplate.fit(frame, list(frame)))
    assert said[0][0] in in_python
