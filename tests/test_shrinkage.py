"""Tests of how variances in principal directions are told from few rows."""

import numpy as np
import pytest

from polar_detect.statistics.shrinkage import nonlinear_shrinkage

LEAST = 1e-8


def of_rows(rows, least=LEAST):
    """Return what is estimated in the principal directions of rows, and these."""
    centred = rows - rows.mean(0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(rows))
    return nonlinear_shrinkage(variances, len(rows), least), directions, variances


def true_variances(n_columns):
    """Return those of columns half of which hardly vary."""
    return np.where(np.arange(n_columns) < n_columns // 2, 0.01, 1.0)


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "within"),
    [
        (200, 20, 0.15),
        (60, 50, 0.25),
        (60, 59, 0.35),
        (60, 60, 0.3),
        (60, 100, 0.35),
        (100, 400, 1),
    ],
)
def test_variances_of_new_rows_are_estimated_better_than_by_these_rows(n_rows, n_columns, within):
    rng = np.random.default_rng(0)
    true = true_variances(n_columns)
    found, directions, variances = of_rows(rng.normal(size=(n_rows, n_columns)) * np.sqrt(true))
    of_new = np.einsum("ij,i,ij->j", directions, true, directions)
    off = np.abs(np.log(found / of_new)).mean()
    assert off < within
    assert off < 0.7 * np.abs(np.log(np.maximum(variances, LEAST) / of_new)).mean()


@pytest.mark.parametrize("n_columns", [57, 58, 59, 60, 61])
def test_no_direction_is_told_to_hardly_vary_by_chance(n_columns):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found, _, _ = of_rows(rng.normal(size=(60, n_columns)))
        assert found.min() > 0.1


def test_what_hardly_varies_stays_so_beside_what_does():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 8))
    rows[:, 1] = rows[:, 0] + rng.normal(0, 0.003, 300)  # a difference of variance 4.5e-6
    found, _, _ = of_rows(rows)
    assert found[0] == pytest.approx(4.5e-6, rel=0.3)
    assert found[1] > 0.5


def test_what_never_varies_has_the_least_variance_and_others_theirs():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 8))
    rows[:, 7] = rows[:, :3].sum(1)
    found, _, _ = of_rows(rows)
    assert found[0] == LEAST
    others, _, _ = of_rows(rows[:, :7])
    np.testing.assert_allclose(np.sort(found)[1:-1], others[:-1], rtol=0.2)
    more, _, _ = of_rows(rows, least=0.01)
    assert more[0] == 0.01


@pytest.mark.parametrize(("n_rows", "n_columns"), [(2, 1), (2, 4), (3, 2), (5, 3), (12, 40)])
def test_few_rows_have_variances_too(n_rows, n_columns):
    rows = np.random.default_rng(0).normal(size=(n_rows, n_columns))
    found, _, _ = of_rows(rows)
    assert np.isfinite(found).all()
    assert (found >= LEAST).all()


def test_rows_that_are_all_the_same_have_the_least():
    found, _, _ = of_rows(np.ones((20, 3)))
    np.testing.assert_array_equal(found, np.full(3, LEAST))


def test_units_make_no_difference():
    rows = np.random.default_rng(0).normal(size=(100, 12)) * np.linspace(0.1, 3, 12)
    own, _, _ = of_rows(rows)
    larger, _, _ = of_rows(100 * rows, least=LEAST * 1e4)
    np.testing.assert_allclose(larger, 1e4 * own)
