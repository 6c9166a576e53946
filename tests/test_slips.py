"""Numbers that were mistyped: the point moved, or the other sign; what is said of them."""

import json

import numpy as np
import pandas as pd
import pytest

from polar_detect import PolarDetector, Report, screen
from polar_detect.assessment import Assessment
from polar_detect.signature.columns.slips import may_be_slips, meant


def shafts(n=200, *, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(20, 0.5, n)
    return pd.DataFrame(
        {
            "size [mm]": size.round(2),
            "weight [g]": (3 * size + rng.normal(0, 0.3, n)).round(1),
            "cold [C]": rng.normal(-18, 0.6, n).round(1),
            "share [%]": rng.uniform(0, 100, n).round(1),
        }
    )


@pytest.fixture(scope="module")
def detector():
    return PolarDetector("columns").fit(shafts())


def said_of(detector, column, change):
    rows = shafts(3, seed=1)
    rows.loc[1, column] = change(rows.loc[1, column])
    return detector.assess(rows)


RANGE = np.array([[41.0, 44.0]])


@pytest.mark.parametrize(
    ("number", "was"),
    [(428, 42.8), (4.28, 42.8), (4280, 42.8), (0.0428, 42.8), (-43, 43), (46, None), (470, None)],
)
def test_a_number_that_fits_with_the_point_elsewhere_is_a_slip(number, was):
    found = meant(np.array([number], float), RANGE).tolist()
    assert found == ([was] if was else [pytest.approx(np.nan, nan_ok=True)])


def test_what_is_meant_has_all_digits_that_were_typed(detector):
    size = shafts(3, seed=1).loc[1, "size [mm]"]
    found = said_of(detector, "size [mm]", lambda own: own / 100)
    assert found.meant[1] == {"size [mm]": size}


def test_where_most_numbers_would_fit_nothing_is_told():
    wide = np.array([[10.0, 90.0], [-5.0, 5.0], [30.0, 50.0]])
    assert np.isnan(meant(np.array([400.0, 40.0, 420.0]), wide)).all()
    numbers, ranges = np.array([400.0, 40.0, 42.0, np.nan, 40.0]), wide[[0, 1, 2, 0, 0]]
    assert may_be_slips(numbers, ranges).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("size [mm]", lambda own: own * 10),
        ("weight [g]", lambda own: own / 10),
        ("cold [C]", lambda own: -own),
    ],
)
def test_the_number_that_was_meant_is_named(detector, column, change):
    assessment = said_of(detector, column, change)
    assert [[*own] for own in assessment.meant] == [[], [column], []]
    assert assessment.meant[1][column] == pytest.approx(shafts(3, seed=1).loc[1, column], abs=0.6)
    number = f"{assessment.meant[1][column]:g}"
    assert f"“{column}”, where {number} would be usual" in assessment.reasons()[1]
    assert f"（{number}なら通常の値）" in assessment.reasons("ja")[1]


@pytest.mark.parametrize(
    ("column", "number"),
    [("size [mm]", 33.0), ("share [%]", 2000.0), ("size [mm]", 21.9), ("size [mm]", 190.0)],
)
def test_other_numbers_are_only_strange(detector, column, number):
    assessment = said_of(detector, column, lambda _: number)
    assert assessment.meant == ({}, {}, {})
    assert "would be usual" not in "".join(assessment.reasons())


def test_what_the_other_columns_lead_to_expect_decides(detector):
    rows = shafts(1, seed=1)
    rows["size [mm]"], rows["weight [g]"] = 192.0, 63.0  # 19.2 is usual, but for the weight
    assert detector.assess(rows).meant == ({},)


def test_a_column_alone_is_judged_by_itself():
    rows = shafts()[["size [mm]"]].assign(part="shaft")
    new = pd.DataFrame({"size [mm]": [203.0, 20.3], "part": "shaft"})
    found = PolarDetector("columns").fit(rows).assess(new)
    assert found.meant == ({"size [mm]": 20.3}, {})


def heaters(n=200, *, seed=0):
    rng = np.random.default_rng(seed)
    outside = rng.normal(25, 6, n).round(1)
    return pd.DataFrame(
        {"outside": outside, "power": (100 + 2 * outside).round(1) + rng.choice([-0.1, 0.1], n)}
    )


def test_conditions_tell_which_number_is_usual():
    detector = PolarDetector("columns", condition_columns=["outside"]).fit(heaters())
    rows = pd.DataFrame({"outside": [10.0, 40.0, 40.0], "power": [12.0, 18.0, 12.0]})
    assert detector.assess(rows).meant == ({"power": 120.0}, {"power": 180.0}, {})


def test_rows_are_chosen_and_put_together_with_what_was_meant(detector):
    own = said_of(detector, "size [mm]", lambda own: own * 10)
    assert own.rows([1]).meant == own.meant[1:2]
    assert Assessment.below([own, own]).meant == own.meant * 2


def test_screenings_say_so():
    rows = shafts()
    rows.loc[7, "size [mm]"] *= 10
    assert f"where {shafts().loc[7, 'size [mm]']:g} would" in screen(rows).to_frame()["reasons"][7]


def test_reports_count_slips_of_a_column_together_and_name_each(detector, tmp_path):
    rows = shafts(30, seed=1)
    rows.loc[[3, 9], "size [mm]"] *= 10
    report = Report.of(detector, rows)
    report.save(tmp_path / "out.json")
    report.save(tmp_path / "out.md")
    found = json.loads((tmp_path / "out.json").read_text())["findings"]
    assert any("high “size [mm]” (2 rows)" in own for own in found)
    for number in shafts(30, seed=1).loc[[3, 9], "size [mm]"]:
        assert f", where {number:g} would be usual" in (tmp_path / "out.md").read_text()
